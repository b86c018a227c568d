"""What the pages know of the daemon: asked once for all who look, and told at once of news.

While somebody has a live page open, one thread is subscribed to the daemon; its news wake every
open stream. While nobody looks nothing is asked. A subscription does not tell that nothing has
changed: so whoever wants to know is never given a status that is older than a second, and an open
stream none older than ten. That keeps the ages on the pages right, and a daemon that hangs is
found out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status

MOST_STREAMS = 24  # decision 35: waitress has 32 threads, and the other pages need some
FRESH_S = 1.0
REFRESH_S = 10.0
LINGER_S = 5.0
PAUSE_S = 1.0
KEEP_ALIVE_S = 15.0
MOST_KEPT = 32
LOOK_S = 1.0  # how often a stream that has nothing to tell sees whether its reader is still there

Found = Status | ControlError


class TooManyStreams(Exception):
    """All places are taken by live pages that are open elsewhere."""


class Live:
    """The newest status, or why there is none; thread-safe.

    `subscribe` begins a subscription: the status now, then one after each change; it raises
    ControlError, and is over when it is dropped. `pause` waits before it is tried again.
    """

    def __init__(
        self,
        subscribe: Callable[[], Iterator[Status]],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._subscribe = subscribe
        self._clock = clock
        self._pause = pause
        self._asking = threading.Lock()
        self._changed = threading.Condition()
        self._found: Found = ControlError("no_answer", "nobody was asked yet")
        self._found_at = float("-inf")
        self._count = 0
        """How many news there were; tells whether what was found is news to a stream."""
        self._streams: set[Stream] = set()
        self._left_at = float("-inf")
        self._follower: threading.Thread | None = None

    def status(self) -> Found:
        """Return how the box is, not older than a second; the daemon has 2 s to say."""
        with self._asking:
            if self._is_older_than(FRESH_S):
                self._ask()
        with self._changed:
            return self._found

    def stream(
        self, *, keep_alive_s: float = KEEP_ALIVE_S, is_gone: Callable[[], bool] = lambda: False
    ) -> Stream:
        """Take a place for a live page; it must be closed. Raises TooManyStreams.

        `is_gone` tells whether the reader has hung up, or may not read on.
        """
        with self._changed:
            if len(self._streams) >= MOST_STREAMS:
                raise TooManyStreams
            stream = Stream(self, keep_alive_s, is_gone)
            self._streams.add(stream)
            if self._follower is None:
                self._follower = threading.Thread(target=self._follow, name="live", daemon=True)
                self._follower.start()
        return stream

    def close(self) -> None:
        """End every stream, as when the service ends: else it would wait for their readers."""
        with self._changed:
            self._streams.clear()
            self._changed.notify_all()

    @property
    def streams(self) -> int:
        """How many live pages are open."""
        with self._changed:
            return len(self._streams)

    # -- for the streams ----------------------------------------------------------------------

    def now(self) -> float:
        """Return the seconds on its clock."""
        return self._clock()

    def leave(self, stream: Stream) -> None:
        """Give the place of a stream back; harmless when it has none any more."""
        with self._changed:
            self._streams.discard(stream)
            self._left_at = self._clock()
            self._changed.notify_all()

    def has(self, stream: Stream) -> bool:
        """Whether it has a place."""
        with self._changed:
            return stream in self._streams

    def newest(self) -> tuple[Found, int]:
        """Return what was found last, and its number."""
        with self._changed:
            return self._found, self._count

    def wait(self, stream: Stream, seen: int, timeout_s: float) -> None:
        """Wait until there is something else than what has this number, or the time is over."""
        if self._is_older_than(REFRESH_S) and self._asking.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._asking.release()
        with self._changed:
            if self._count == seen and stream in self._streams:
                self._changed.wait(timeout_s)

    # -- asking -------------------------------------------------------------------------------

    def _is_older_than(self, age_s: float) -> bool:
        with self._changed:
            return self._clock() >= self._found_at + age_s

    def _ask(self) -> None:
        """Ask once; what the subscription brings in the meantime is newer and stays."""
        with self._changed:
            before = self._count
        found: Found
        try:
            found = next(self._subscribe(), ControlError("no_answer", "the daemon has hung up"))
        except ControlError as e:
            found = _without_traceback(e)
        with self._changed:
            if self._count == before:
                self._take(found)

    def _take(self, found: Found) -> None:
        """Make it the newest; the lock is held. The same once more is no news."""
        self._found_at = self._clock()
        if not _are_the_same(found, self._found):
            self._found = found
            self._count += 1
            self._changed.notify_all()

    # -- the thread ---------------------------------------------------------------------------

    def _follow(self) -> None:
        """Be subscribed while somebody looks, and take every status that comes.

        Nothing wakes it while there are no news: it ends with the first ones that come after
        the last page was closed, so the daemon makes one status in vain and then none.
        """
        try:
            while self._is_looked_at():
                self._take_all()
                if self._is_looked_at():
                    self._pause(PAUSE_S)
        finally:
            with self._changed:
                if self._follower is threading.current_thread():  # a defect has ended it
                    self._follower = None

    def _take_all(self) -> None:
        error = ControlError("no_answer", "the daemon has hung up")
        try:
            for status in self._subscribe():
                with self._changed:
                    self._take(status)
                if not self._is_looked_at():
                    return
        except ControlError as e:
            error = _without_traceback(e)
        with self._changed:
            self._take(error)

    def _is_looked_at(self) -> bool:
        """Whether to go on; after a no the next stream starts another thread."""
        with self._changed:
            if self._follower is not threading.current_thread():
                return False
            if self._streams or self._clock() < self._left_at + LINGER_S:
                return True
            self._follower = None
            return False


class Stream:
    """Yields the newest at once, then each news; None when there were none for a while.

    Who reads slowly gets the newest only. It ends when it is closed, or its reader is gone.
    """

    def __init__(self, live: Live, keep_alive_s: float, is_gone: Callable[[], bool]) -> None:
        self._live = live
        self._keep_alive_s = keep_alive_s
        self._is_gone = is_gone
        self._seen: int | None = None

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Found | None:
        if self._seen is None:
            self._live.status()
        due = self._live.now() + self._keep_alive_s
        while self._live.has(self) and not self._is_gone():
            found, number = self._live.newest()
            if number != self._seen:
                self._seen = number
                return found
            left_s = due - self._live.now()
            if left_s <= 0:
                return None
            self._live.wait(self, number, min(left_s, LOOK_S))
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Give the place back."""
        self._live.leave(self)


def _without_traceback(error: ControlError) -> ControlError:
    return ControlError(error.code, str(error))


def _are_the_same(one: Found, other: Found) -> bool:
    if isinstance(one, ControlError) and isinstance(other, ControlError):
        return (one.code, str(one)) == (other.code, str(other))
    return one == other


class Once:
    """Keeps what was made from the newest status, so that twenty readers cost one making."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._found: Found | None = None
        self._made: dict[Hashable, bytes] = {}

    def get(self, found: Found, what: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return what `make` makes, or has made of this status for another reader."""
        with self._making:
            if found is not self._found or len(self._made) >= MOST_KEPT:
                self._found, self._made = found, {}
            if what not in self._made:
                self._made[what] = make()
            return self._made[what]

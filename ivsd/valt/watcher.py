"""The thread that watches the room: reads its state, its recording time, and renews the log-in."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable

from ivsd.events import Event, RenewalFailed, RoomInformed, RoomPolled, WatchFailed
from ivsd.valt.errors import LogInRefused, RoomNotFound, Unreachable, ValtError
from ivsd.valt.model import RecordingId, Room, RoomState
from ivsd.valt.session import Session

Post = Callable[[Event], None]
Clock = Callable[[], float]

LONGEST_RETRY_S = 5.0
INFO_EVERY_S = 60.0


class Watcher(threading.Thread):
    """Reads the room's state again and again: the only loop in the daemon that polls.

    The interval is at least four times the last reply's time, so that a slow server is not
    made slower, and it is jittered, so that three hundred boxes do not ask at one moment.
    """

    def __init__(
        self, session: Session, room: int | str, post: Post, *, poll_interval_s: float, clock: Clock
    ) -> None:
        super().__init__(name="valt-watcher", daemon=True)
        self.wake = threading.Event()
        self.stopping = threading.Event()
        """Set when the whole link ends, the worker and what both of them post included."""
        self.room: Room | None = None
        """The configured room once it was found on the server."""
        self._session = session
        self._wanted = room
        self._post = post
        self._interval_s = poll_interval_s
        self._clock = clock
        self._informed_at = float("-inf")
        self._informed_of: tuple[RecordingId | None, bool] = (None, False)
        self.busy_since: float | None = None
        """Since when it is at work; None while it waits for some. Read by the watchdog."""
        self._random = random.Random()  # noqa: S311  # jitter, no secret

    def run(self) -> None:
        """Poll until told to stop."""
        while True:
            self.wake.clear()
            if self.stopping.is_set():  # asked after the clearing, which might swallow the stop
                break
            self.busy_since = self._clock()
            pause_s = self.turn()
            self.busy_since = None
            self.wake.wait(pause_s)

    def turn(self) -> float:
        """Poll once, post what came of it, and return the seconds until the next poll."""
        self._renew()
        try:
            if self.room is None:
                self.room = self._find_room()
                self._session.read_version_if_due()  # before the first press can come
            reply_s = self._poll(self.room.id)
            self._session.read_version_if_due()
        except LogInRefused as e:
            self._post(WatchFailed(e, self._clock()))
            return max(self._session.next_attempt_in(), self._interval_s)
        except ValtError as e:
            self._informed_at = float("-inf")
            if isinstance(e, RoomNotFound):
                self.room = None  # it may come back under another id
            self._post(WatchFailed(e, self._clock()))
            return self._jittered(min(self._interval_s, LONGEST_RETRY_S))
        return self._jittered(max(self._interval_s, 4 * reply_s))

    def _renew(self) -> None:
        """Log in anew once a day; when that fails, the old token is used on."""
        try:
            self._session.renew_if_due()
        except ValtError as e:
            self._post(RenewalFailed(e))

    def _poll(self, room: int) -> float:
        """Read the state, and what belongs to it; return how long the state's reply took."""
        sent_at = self._clock()
        status = self._session.call(lambda client: client.room_status(room))
        answered_at = self._clock()
        self._post(RoomPolled(status, sent_at, answered_at))
        recording = status.recording if status.has_recording else None
        runs = recording is not None and status.state is not RoomState.PAUSED
        # A resumed one, too: the server's time may have been set back meanwhile.
        changed = runs and (recording, runs) != self._informed_of
        if changed or answered_at - self._informed_at >= INFO_EVERY_S:
            self._inform(room, answered_at)
        self._informed_of = recording, runs
        return answered_at - sent_at

    def _inform(self, room: int, sent_at: float) -> None:
        """Read the recording time; without it our own clock counts, and the next minute helps."""
        self._informed_at = sent_at
        with contextlib.suppress(ValtError):
            info = self._session.call(lambda client: client.room_info(room))
            self._post(RoomInformed(info, sent_at, self._clock()))
            if info.room.name:
                self.room = info.room

    def _find_room(self) -> Room:
        """Find the configured room; raises RoomNotFound naming the rooms there are."""
        if isinstance(self._wanted, int):
            return self._room_by_id(self._wanted)
        rooms = self._session.call(lambda client: client.rooms())
        named = [room for room in rooms if room.name.casefold() == self._wanted.casefold()]
        if len(named) == 1:
            return named[0]
        if named:
            ids = ", ".join(str(room.id) for room in named)
            raise RoomNotFound(
                f"several rooms are named {self._wanted!r}: use one of the ids {ids}"
            )
        names = ", ".join(repr(room.name) for room in rooms[:8]) or "none"
        raise RoomNotFound(f"the server has no room named {self._wanted!r}; its rooms are: {names}")

    def _room_by_id(self, number: int) -> Room:
        """Find the name; the list may fail or lack the room, the poll has the last word."""
        try:
            rooms = self._session.call(lambda client: client.rooms())
        except (LogInRefused, Unreachable):
            raise
        except ValtError:
            rooms = []
        return next((room for room in rooms if room.id == number), Room(number, ""))

    def _jittered(self, seconds: float) -> float:
        return seconds * self._random.uniform(0.9, 1.1)

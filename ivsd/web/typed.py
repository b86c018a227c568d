"""A VALT password that was typed for a test waits here until it is saved, so that it is typed once.

It is in this process's memory only: never in a page, a cookie, a file or a line of the journal. It
belongs to one session, and to the address, user name and certificate that it was typed for
(decision 18): once the form says another of these it is dropped, or the page could send it there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

KEPT_S = 900.0
MOST_KEPT = 16  # sessions that have typed one

Place = tuple[str, ...]
"""What a password was typed for."""


@dataclass(frozen=True)
class _Kept:
    password: str = field(repr=False)
    place: Place
    until: float


def after(seconds: float, do: Callable[[], None]) -> None:
    """Do something later; a service that ends does not wait for it."""
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()


class Typed:
    """Keeps a password for each session, for 15 minutes; thread-safe.

    `later` calls a function after some seconds: what is too old goes also when nobody asks for it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], None] = after,
    ) -> None:
        self._clock = clock
        self._later = later
        self._lock = threading.Lock()
        self._of: OrderedDict[str, _Kept] = OrderedDict()
        """By the id of the session, the oldest first."""
        self._is_awaited = False

    def keep(self, session: str, place: Place, password: str) -> None:
        """Keep it in place of the one before."""
        with self._lock:
            self._of.pop(session, None)
            self._of[session] = _Kept(password, place, self._clock() + KEPT_S)
            if len(self._of) > MOST_KEPT:
                self._of.popitem(last=False)
            self._await()

    def find(self, session: str, place: Place) -> str | None:
        """Return the one that was typed for this place."""
        with self._lock:
            self._drop_old()
            found = self._of.get(session)
            return found.password if found is not None and found.place == place else None

    def drop(self, session: str) -> None:
        """Forget that of a session, if there is one."""
        with self._lock:
            self._of.pop(session, None)

    def drop_all(self) -> None:
        """Forget those of all sessions."""
        with self._lock:
            self._of.clear()

    # -- age; the lock is held ----------------------------------------------------------------

    def _drop_old(self) -> None:
        now = self._clock()
        for session in [key for key, kept in self._of.items() if kept.until <= now]:
            del self._of[session]

    def _await(self) -> None:
        """See to it that the oldest one is dropped when its time is over."""
        if self._of and not self._is_awaited:
            self._is_awaited = True
            oldest = next(iter(self._of.values()))
            self._later(max(0.0, oldest.until - self._clock()), self._time_is_over)

    def _time_is_over(self) -> None:
        with self._lock:
            self._is_awaited = False
            self._drop_old()
            self._await()

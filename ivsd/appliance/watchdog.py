"""The watchdog: systemd ends a daemon that does not say in time that it is sound.

A ping proves two things: the loop has just taken a tick through the controller, and no thread has
been busy for longer than any of them may be. A server that is away keeps none busy for so long,
whatever it does: every exchange has an end.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from ivsd.appliance.notify import notify

PINGS_PER_LIMIT = 3
BUSY_LIMITS = 1.5
"""A thread may be busy for so many times the limit: 90 s with the 60 s of ivsd.service."""


class Thread(Protocol):
    """A thread that tells since when it has been at work."""

    @property
    def name(self) -> str: ...

    @property
    def busy_since(self) -> float | None: ...


class Watchdog:
    """Pings when it is due; without WatchdogSec= in the unit it is never due (sd_notify(3))."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit_s = _limit_s()
        self.due = clock() if math.isfinite(self._limit_s) else math.inf
        """When the next ping is wanted."""

    def ping(self, threads: Iterable[Thread]) -> str:
        """Ping if all of them are sound, right after a tick; else return who is stuck."""
        now = self._clock()
        if now < self.due:
            return ""
        self.due = now + self._limit_s / PINGS_PER_LIMIT
        stuck = [
            thread.name
            for thread in threads
            if (since := thread.busy_since) is not None
            and now - since > self._limit_s * BUSY_LIMITS
        ]
        if not stuck:
            notify("WATCHDOG=1")
        return ", ".join(stuck)


def _limit_s() -> float:
    """How long systemd waits for a ping; endless where it does not wait, or not for us."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return math.inf
    try:
        limit_s = int(os.environ.get("WATCHDOG_USEC", "")) / 1e6
    except ValueError:
        return math.inf
    return limit_s if limit_s > 0 else math.inf

"""What the table of badges asks of the running daemon: the last unknown badge, and VALT's users.

Asked from threads beside the daemon's loop, which alone may touch the controller.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from ivsd.asked import Task
from ivsd.controller import Controller
from ivsd.events import Scanned
from ivsd.parts import Parts
from ivsd.valt.errors import RoomNotFound, Unreachable, ValtError
from ivsd.valt.model import User

WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Unknown:
    """A badge that nobody has, and how long ago it was read."""

    scanned: Scanned
    ago_s: float


class NoAnswer(Exception):
    """The daemon's loop does not turn."""


class Door:
    """`put` gives a task to the loop."""

    def __init__(self, put: Callable[[Task], None], controller: Controller, parts: Parts) -> None:
        self._put = put
        self._controller = controller
        self._parts = parts

    def last_unknown(self) -> Unknown | None:
        """Return the last badge that nobody has, of the last 5 min; raises NoAnswer."""
        return self._look()[0]

    def users(self) -> list[User]:
        """Return all users of VALT; raises ValtError, at once while the link is down, or NoAnswer.

        A server of which the last poll knows that it is away is not waited for.
        """
        error, people = self._look()[1], self._parts.people
        if error is not None and not isinstance(error, RoomNotFound):
            raise type(error)(str(error))
        if people is None:
            raise Unreachable("no VALT server is set up yet")
        return people.users()

    def _look(self) -> tuple[Unknown | None, ValtError | None]:
        answers: queue.SimpleQueue[tuple[Unknown | None, ValtError | None]] = queue.SimpleQueue()

        def look() -> None:
            now = time.monotonic()
            scanned = self._controller.last_unknown_badge(now)
            unknown = None if scanned is None else Unknown(scanned, now - scanned.at)
            answers.put((unknown, self._controller.snapshot(now).link_error))

        self._put(Task(look))
        try:
            return answers.get(timeout=WITHIN_S)
        except queue.Empty:
            raise NoAnswer from None

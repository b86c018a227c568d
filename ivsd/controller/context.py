"""What the controller's parts share: the rules, what is believed, what people see, and asking."""

from __future__ import annotations

from typing import Protocol

from ivsd.controller.board import Board
from ivsd.controller.doorkeeper import Doorkeeper
from ivsd.controller.pending import Press
from ivsd.controller.truth import RoomTruth
from ivsd.events import Ask, PollNow, Receipt, Request, Result, Rules
from ivsd.valt.model import RecordingId

GRACE_S = 1.0  # a worker's own time-out comes first; this is for a worker that is stuck


ENDED: RecordingId = ""
"""Stands for a recording of which only this is known; no server calls one so."""


class Ending(Protocol):
    """Ends one action of a press; what follows it is carried out if `goes_on`."""

    def __call__(
        self,
        press: Press,
        result: Result,
        reason: str,
        now: float,
        receipt: Receipt | None = None,
        *,
        goes_on: bool = False,
    ) -> None: ...


class Context:
    """The room as the controller's parts see it."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.truth = RoomTruth(rules.marker_clock)
        self.board = Board()
        self.doorkeeper = Doorkeeper()
        self.polled_at = 0.0
        """When the room was last read, or asked to be."""
        self._last_ask = 0

    def recorded(self, at: float) -> RecordingId | None:
        """Tell what was recorded at that moment, as far as it is known still."""
        clock = self.truth.clock
        return ENDED if clock.began_after(at) else clock.recording

    def ask(self, request: Request, send_before: float) -> int:
        """Ask the server; return the number by which the answer will be known."""
        self._last_ask += 1
        self.board.out.append(Ask(self._last_ask, request, send_before))
        return self._last_ask

    def reply_due(self, now: float) -> float:
        """Return when the answer to what is asked now must have come."""
        return now + self.rules.reply_timeout_s + GRACE_S

    def poll_now(self, now: float) -> None:
        """Have the room read at once."""
        self.polled_at = now
        self.board.out.append(PollNow())

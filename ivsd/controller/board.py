"""What people get to see of the decisions: outcomes, notes, receipts and the light.

The light is a function of the confirmed state, the press under way, the link and what is
missing. A receipt is the short answer to one press on top of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ivsd.controller.pending import Press
from ivsd.controller.truth import RoomTruth
from ivsd.events import (
    About,
    BoxFault,
    Command,
    FactoryStage,
    LightView,
    Note,
    Outcome,
    Receipt,
    Report,
    Result,
    Show,
)

SHOW_LOCK_S = 5.0

_RECEIPTS = {Result.FAILED: Receipt.REFUSED, Result.IGNORED: Receipt.IGNORED}


class Board:
    """Collects the commands of one step in `out`, and remembers what is shown."""

    def __init__(self) -> None:
        self.out: list[Command] = []
        self._missing: dict[str, str] = {}  # device -> problem
        self._disturbed: dict[tuple[str, str], int] = {}  # device and what -> last total told
        self._receipt: Receipt | None = None
        self._receipt_no = 0
        self._view: LightView | None = None
        self._lock_until = float("-inf")

    @property
    def missing(self) -> Mapping[str, str]:
        """Each device that is missing, with what is wrong with it."""
        return self._missing

    def end(
        self, press: Press, result: Result, reason: str, now: float, receipt: Receipt | None = None
    ) -> None:
        """Give a press its one outcome; without a receipt of its own, that of the result."""
        receipt = receipt or _RECEIPTS.get(result)
        if receipt is not None:
            self.give(receipt)
        outcome = Outcome(press.source, press.action, result, reason, press.at, now)
        self.out.append(Report(outcome))

    def give(self, receipt: Receipt) -> None:
        """Blink a receipt."""
        self._receipt, self._receipt_no = receipt, self._receipt_no + 1

    def note(self, text: str, about: About = About.ELSE, *, problem: bool = False) -> None:
        """Write a line that answers no press."""
        self.out.append(Note(text, problem, about))

    def lost(self, device: str, problem: str) -> bool:
        """Take that a device is missing, told once per problem; return whether it was there."""
        known = self._missing.get(device)
        if known != problem:
            self._missing[device] = problem
            self.note(problem, About.DEVICE_LOST, problem=True)
        return known is None

    def found(self, device: str) -> None:
        """Take that a device is in use."""
        self._missing.pop(device, None)
        self.note(f"{device}: ready", About.DEVICE_READY)

    def forget(self, device: str) -> None:
        """Take that nobody looks for this device any more."""
        self._missing.pop(device, None)

    def disturbed(self, device: str, what: str, total: int) -> None:
        """Take how often a device was disturbed; the disk hears of it at ten times the last."""
        if total >= 10 * self._disturbed.get((device, what), 0):
            self._disturbed[device, what] = total
            self.note(f"{device}: {what}: {total} since ivsd began", problem=True)

    def show_lock(self, now: float) -> None:
        """Let a lock be seen for a while in a room that records, too (decision 26)."""
        self._lock_until = now + SHOW_LOCK_S

    def next_deadline(self, now: float) -> float | None:
        """Return when the light changes by time alone."""
        return self._lock_until if now < self._lock_until else None

    def show(
        self,
        truth: RoomTruth,
        now: float,
        *,
        pending: bool,
        wrong_config: bool,
        reset: FactoryStage | None,
    ) -> None:
        """Light the lamps for this moment, if it differs from the last."""
        status = truth.current
        view = LightView(
            room=status.shown if status else None,
            records=truth.has_recording,
            pending=pending,
            fault=self._fault(truth, wrong_config),
            locked=status is not None and status.shows_lock and now < self._lock_until,
            reset=reset,
            receipt=self._receipt,
            receipt_no=self._receipt_no,
        )
        if view != self._view:
            self._view = view
            self.out.append(Show(view))

    def _fault(self, truth: RoomTruth, wrong_config: bool) -> str:
        if wrong_config:
            return BoxFault.CONFIG
        if not truth.link_up:
            return truth.link_error.light if truth.link_error else BoxFault.STARTING
        return BoxFault.DEVICE if self._missing else ""

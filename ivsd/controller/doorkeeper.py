"""Who is at the door: badges that lie on the reader, wrong PINs, and who may stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ivsd.events import NumberKind, Rules, Scanned, WhoMayStop
from ivsd.valt.model import RecordingId, Secret

SWIPED_AGAIN_S = 0.5  # a reader repeats a badge that lies there faster, a hand cannot
TOLD_AGAIN = 5  # times in a row; then it is no hand

WRONG_PINS = 5
WRONG_WITHIN_S = 300.0
LOCKED_S = 60.0

ENROL_WITHIN_S = 300.0


class Again(Enum):
    """What to do with a badge that was there already."""

    TELL = auto()
    IGNORE = auto()


@dataclass(frozen=True, slots=True)
class _Lying:
    read_at: float
    told: int = 0


class Doorkeeper:
    """Remembers what was shown to each reader, and who began the recording."""

    def __init__(self) -> None:
        self._lying: dict[str, dict[Secret, _Lying]] = {}  # reader -> what was read just now
        self._wrong: dict[str, list[float]] = {}  # keypad -> when wrong PINs came
        self._locked_until: dict[str, float] = {}
        self._unknown: Scanned | None = None
        self._author: tuple[RecordingId | None, int | None] = (None, None)

    def was_there(self, scanned: Scanned, rearm_s: float) -> Again | None:
        """Tell whether it is the badge that was there already; None if it counts.

        It counts once until it was away for `rearm_s`, and every read says that it is still
        there. Another badge counts at once. A hand that swipes again is told; the reader that
        reads a badge again and again because it lies there needs no answer.
        """
        if scanned.kind is not NumberKind.BADGE:
            return None
        # Of each badge by itself: two in a wallet are read in turn, and none of them is away.
        lying = {
            badge: read
            for badge, read in self._lying.get(scanned.reader, {}).items()
            if scanned.at - read.read_at < rearm_s
        }
        self._lying[scanned.reader] = lying
        before = lying.get(scanned.number)
        if before is None:
            lying[scanned.number] = _Lying(scanned.at)
            return None
        tell = scanned.at - before.read_at >= SWIPED_AGAIN_S and before.told < TOLD_AGAIN
        lying[scanned.number] = _Lying(scanned.at, before.told + tell)
        return Again.TELL if tell else Again.IGNORE

    def locked_for(self, scanned: Scanned) -> float:
        """Seconds for which this keypad takes no PIN yet; badges and buttons go on."""
        if scanned.kind is not NumberKind.PIN:
            return 0.0
        return max(0.0, self._locked_until.get(scanned.reader, 0.0) - scanned.at)

    def wrong_pin(self, keypad: str, at: float) -> None:
        """Count a PIN that nobody has; too many shut the keypad for a while."""
        wrong = [before for before in self._wrong.get(keypad, []) if at - before < WRONG_WITHIN_S]
        wrong.append(at)
        if len(wrong) >= WRONG_PINS:
            self._locked_until[keypad] = at + LOCKED_S
            wrong = []
        self._wrong[keypad] = wrong

    def right_pin(self, keypad: str) -> None:
        """Forget the wrong ones: somebody who belongs here had trouble typing."""
        self._wrong.pop(keypad, None)

    def nobody_has(self, scanned: Scanned) -> None:
        """Remember a badge that VALT does not know; of a PIN nothing is kept."""
        if scanned.kind is NumberKind.BADGE:
            self._unknown = scanned

    def somebody_has(self, scanned: Scanned) -> None:
        """Take that this badge has an owner, by now."""
        if self._unknown is not None and self._unknown.number == scanned.number:
            self._unknown = None

    def last_unknown(self, now: float) -> Scanned | None:
        """Return the last badge that nobody has, to give it to somebody; forgets it after 5 min."""
        if self._unknown is not None and now - self._unknown.at >= ENROL_WITHIN_S:
            self._unknown = None
        return self._unknown

    def started(self, recording: RecordingId | None, author: int | None) -> None:
        """Remember whose recording this box has started."""
        self._author = recording, author

    def why_not_stop(self, user: int, recording: RecordingId | None, rules: Rules) -> str:
        """Say why this user may not stop this recording; "" if they may.

        Whose recording it is, is known of those that this box has started for somebody; of the
        others anyone whom the server knows may stop (decision 22).
        """
        if rules.who_may_stop is WhoMayStop.LISTED and user not in rules.stoppers:
            return "this person may not stop recordings"
        started, author = self._author
        somebody_elses = started == recording and author not in (None, user)
        if rules.who_may_stop is WhoMayStop.AUTHOR and recording is not None and somebody_elses:
            return "only the author may stop this recording"
        return ""

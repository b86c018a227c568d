"""Gestures: what a hand did with a control, told from down, up and time. Pure.

A control fires at once when it goes down, unless something else is bound to it that begins the
same way: then nobody can tell yet. So only a control with a hold or a double press pays for it.

* `press` fires when the control goes down; beside a hold or a double press, when it is clear
  that it is neither.
* `tap` fires when it comes up within the hold time (without a hold: within TAP_S).
* `hold` fires when it has been down for its hold time, still down. Then nothing else does.
* `double` fires when it goes down again within DOUBLE_S of the first time.
* `release` fires when it comes up.

Every going down ends in exactly one gesture or one miss, whose reason says what to do instead.
(Where only coming up does anything, that is what counts: a switch may stay closed for hours.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivsd.events import ControlRules, Gesture

TAP_S = 1.0
DOUBLE_S = 0.4
NOT_SEEN_TO_COME_UP = "it was not seen to come up again"


@dataclass(frozen=True, slots=True)
class Fired:
    """A gesture that is clear now; `at` is when the control went down (or up, for a release)."""

    control: str
    gesture: Gesture
    at: float
    clear_at: float
    """Since when it has been clear what is wanted."""
    is_down: bool = True
    """Whether the control is down still, so that it can be held on."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A going down that was none of the gestures bound to the control."""

    control: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Open:
    """A control whose gesture is not clear yet."""

    rules: ControlRules
    down_at: float
    up_at: float | None = None
    """When it came up again, while a second press is waited for."""

    @property
    def due(self) -> float:
        """When it becomes clear by time alone."""
        actions = self.rules.actions
        if self.up_at is None and Gesture.HOLD in actions:
            return self.down_at + self.rules.hold_s
        if self.up_at is None and Gesture.TAP in actions:
            return self.down_at + TAP_S
        return self.down_at + DOUBLE_S


Clear = list[Fired | Missed]


class Gestures:
    """The controls that are down, or have just been."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    @property
    def undecided(self) -> bool:
        """Whether a control is in somebody's hand and it is not clear what for."""
        return bool(self._open)

    def pressed(
        self, control: str, rules: ControlRules, at: float, clear_at: float | None = None
    ) -> Clear:
        """Take that a control went down; what it means may have become clear later only."""
        clear = self.expire(at)
        before = self._open.pop(control, None)
        if before is not None:
            if before.up_at is not None and Gesture.DOUBLE in rules.actions:
                return [*clear, Fired(control, Gesture.DOUBLE, before.down_at, at)]
            clear.append(Missed(control, before.down_at, NOT_SEEN_TO_COME_UP))
        if Gesture.PRESS in rules.actions and not rules.waits:
            return [*clear, Fired(control, Gesture.PRESS, at, at if clear_at is None else clear_at)]
        if rules.waits:
            self._open[control] = _Open(rules, at)
        return clear

    def released(self, control: str, rules: ControlRules, at: float) -> Clear:
        """Take that a control came up."""
        clear = self.expire(at)
        held = self._open.get(control)
        if held is None or held.up_at is not None:
            if Gesture.RELEASE in rules.actions:
                clear.append(Fired(control, Gesture.RELEASE, at, at))
        elif Gesture.DOUBLE in held.rules.actions and at < held.down_at + DOUBLE_S:
            self._open[control] = replace(held, up_at=at)
        else:
            del self._open[control]
            clear.append(_single(control, replace(held, up_at=at), at))
        return clear

    def expire(self, now: float) -> Clear:
        """Take what has become clear by time alone."""
        clear: Clear = []
        for control, held in list(self._open.items()):
            if now >= held.due:
                del self._open[control]
                if held.up_at is None and Gesture.HOLD in held.rules.actions:
                    clear.append(Fired(control, Gesture.HOLD, held.down_at, held.due))
                else:
                    clear.append(_single(control, held, held.due))
        return clear

    def cancel(self, reason: str) -> Clear:
        """Give up what is not clear yet: nobody will see it come up again."""
        missed: Clear = [Missed(name, held.down_at, reason) for name, held in self._open.items()]
        self._open = {}
        return missed

    def next_deadline(self) -> float | None:
        """Return when time alone makes something clear."""
        return min((held.due for held in self._open.values()), default=None)


def _single(control: str, held: _Open, clear_at: float) -> Fired | Missed:
    """Tell what a control was that was neither held for its time nor pressed twice."""
    actions = held.rules.actions
    if Gesture.PRESS in actions:
        return Fired(control, Gesture.PRESS, held.down_at, clear_at, is_down=held.up_at is None)
    if Gesture.TAP in actions and held.up_at is not None:
        return Fired(control, Gesture.TAP, held.down_at, clear_at, is_down=False)
    if Gesture.TAP in actions:
        reason = "it was held too long: tap it"
    elif Gesture.HOLD in actions:
        reason = f"hold it for {held.rules.hold_s:g} s"
    else:
        reason = "press it twice, quickly"
    return Missed(control, held.down_at, reason)

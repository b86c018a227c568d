"""From what goes down and comes up to presses: gestures, and the protection of a stop."""

from __future__ import annotations

from collections.abc import Callable

from ivsd.controller.context import Context, Ending
from ivsd.controller.gestures import NOT_SEEN_TO_COME_UP, Fired, Gestures, Missed
from ivsd.controller.pending import Press
from ivsd.controller.stop_guard import StopGuard, how_to_hold
from ivsd.events import Binding, Gesture, Result
from ivsd.valt.model import RecordingId

Act = Callable[[Press, Binding, float], None]
"""Carries out the first action of a press."""


class Hands:
    """The controls that people have their hands on."""

    def __init__(
        self, context: Context, end: Ending, act: Act, stop: Callable[[Press, float], None]
    ) -> None:
        """Take who carries out a press, and who a stop that was held for long enough."""
        self._context = context
        self._end = end
        self._act = act
        self._stop = stop
        self._gestures = Gestures()
        self._stop_guard = StopGuard()
        self._seen: dict[str, RecordingId | None] = {}
        """Control -> what was recorded when it went down: a stop is meant for that."""

    def __bool__(self) -> bool:
        """Whether a control is in somebody's hand and it is not clear yet what for."""
        return self._gestures.undecided or self._stop_guard.undecided

    def pressed(self, control: str, at: float, now: float, clear_at: float | None = None) -> None:
        """Take that a control went down that something is bound to.

        `clear_at`: since when it is clear that it is no part of a hold for the factory state.
        """
        self.time_passed(at, now)
        if (held := self._stop_guard.let_go(control)) is not None:
            self._end(held, Result.IGNORED, NOT_SEEN_TO_COME_UP, now)
        rules = self._context.rules.controls[control]
        clear = self._gestures.pressed(control, rules, at, clear_at)
        if not any(isinstance(one, Fired) and one.gesture is Gesture.DOUBLE for one in clear):
            self._seen[control] = self._context.recorded(at)
        self._clear(clear, now)

    def released(self, control: str, at: float, now: float) -> None:
        """Take that a control came up."""
        self.time_passed(at, now)
        if (press := self._stop_guard.let_go(control)) is not None:
            self._end(press, Result.IGNORED, how_to_hold(self._context.rules), now)
        rules = self._context.rules.controls.get(control)
        if rules is not None:
            self._clear(self._gestures.released(control, rules, at), now)

    def time_passed(self, at: float, now: float) -> None:
        """Carry out what is clear at the moment `at`, which may have been a while ago."""
        self._clear(self._gestures.expire(at), now)
        for press in self._stop_guard.held_long_enough(at):
            self._stop(press, now)

    def may_stop(self, press: Press, now: float) -> bool:
        """Ask the site's stop protection; a hold, a double press and a badge are no accident."""
        if press.gesture not in (Gesture.PRESS, Gesture.TAP) or press.told:
            return True
        hindrance = self._stop_guard.hinders(press, self._context.rules)
        if hindrance:
            self._end(press, Result.IGNORED, hindrance, now)
        return hindrance is None

    def let_go(self, reason: str, now: float) -> None:
        """Give up on what is held down: nobody will tell us that it came up."""
        self._clear(self._gestures.cancel(reason), now)
        for press in self._stop_guard.drop():
            self._end(press, Result.IGNORED, reason, now)

    def next_deadline(self) -> float | None:
        """Return when time alone makes something clear."""
        deadlines = self._gestures.next_deadline(), self._stop_guard.next_deadline()
        return min((at for at in deadlines if at is not None), default=None)

    def _clear(self, gestures: list[Fired | Missed], now: float) -> None:
        """Carry out what has become clear that hands have done."""
        for gesture in gestures:
            if isinstance(gesture, Missed):
                press = Press(gesture.control, "none", gesture.at, now)
                self._end(press, Result.IGNORED, gesture.reason, now)
                continue
            actions = self._context.rules.controls[gesture.control].actions
            first, *then = actions[gesture.gesture]
            press = Press(
                gesture.control,
                "+".join(binding.action for binding in (first, *then)),
                gesture.at,
                gesture.clear_at,
                self._seen.get(gesture.control),
                gesture.gesture,
                gesture.is_down,
                tuple(then),
            )
            self._act(press, first, now)

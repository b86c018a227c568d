"""The hold for the factory state: what is in somebody's hands, and for how long. Pure.

Only a release that was seen, between the hold time and STUCK_AFTER_S, means it. Whoever lets go
before has changed his mind; what is held longer is a jammed button; what was lost on the way (a
device, an event, the configuration) may have come up long ago. None of these does anything.

It goes before everything else: it works with a wrong configuration, without a server, and while
another press is under way.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivsd.controller.context import Context, Ending
from ivsd.controller.pending import Press
from ivsd.events import (
    FACTORY_DEFAULT,
    FactoryStage,
    HoldRules,
    Pressed,
    Receipt,
    Released,
    RestoreFactoryState,
    Result,
)

STUCK_AFTER_S = 60.0
TOGETHER_WITHIN_S = 10.0
"""What goes down later than the others is held with a jammed one, not together."""
OVERLAP_S = 1.0
"""Two that are down together for less are two presses of a quick hand."""
CONFIRM_AFTER_S, CONFIRM_WITHIN_S = 0.2, 2.0
"""A press that comes sooner is the same hand letting go."""
ANSWER_WITHIN_S = 60.0
"""The privileged part reads, checks and writes all templates before it answers, maybe on a slow
card."""

DONE = "the factory state is being restored, and this box restarts"
BUSY = "the factory state is asked for already"
JAMMED = f"it was held for more than {STUCK_AFTER_S:g} s: a jammed button does nothing"
RECORDING_GOES_ON = "; the recording goes on"


@dataclass(slots=True)
class _Down:
    """A control of the hold that is down."""

    at: float
    was_held: bool = False
    """Whether all were down together meanwhile: then it is no press of its own."""


class FactoryDefault:
    """Who holds what, who must confirm, and what was asked of the privileged part."""

    def __init__(self, context: Context, end: Ending) -> None:
        self._context = context
        self._end = end
        self._down: dict[str, _Down] = {}
        self._since: float | None = None
        """Since when all are down together."""
        self._confirm: tuple[Press, float] | None = None
        """The hold that must be confirmed, and when it was let go."""
        self._asked: tuple[Press, float] | None = None
        """The press whose answer the privileged part owes, and until when."""
        self._began = False

    @property
    def _rules(self) -> HoldRules | None:
        return self._context.rules.factory_default

    def stage(self, now: float) -> FactoryStage | None:
        """Tell what the lights are to say of it."""
        if self._is_under_way:
            return FactoryStage.RESTORING
        if self._confirm is not None:
            return FactoryStage.CONFIRM
        if self._since is None or self._rules is None:
            return None
        ready = now >= self._since + self._rules.hold_s
        return FactoryStage.READY if ready else FactoryStage.COUNTING

    def has(self, control: str) -> bool:
        """Whether this control is one that is held for it."""
        return self._rules is not None and control in self._rules.controls

    def pressed(self, event: Pressed, now: float) -> bool:
        """Take that a control went down; return whether it is its business alone for now."""
        rules = self._rules
        if rules is None or not self.has(event.control):
            return False
        self.expire(event.at, now)
        if event.control in self._down:  # its release was never told
            self.cancel("it was not seen to come up again", now)
        self._down[event.control] = down = _Down(event.at)
        if self._confirm is not None:
            press, let_go_at = self._confirm
            down.was_held = True
            if event.at >= let_go_at + CONFIRM_AFTER_S:
                self._confirm = None
                self._restore(press, now)
        elif event.control == FACTORY_DEFAULT and self._is_under_way:
            down.was_held = True
            self._end(self._press(event.at, event.at), Result.IGNORED, BUSY, now)
        elif self._down.keys() == rules.controls and not self._is_under_way:
            self._begin(event.at)
        return True

    @property
    def _is_under_way(self) -> bool:
        """Whether it is asked for, or being done already."""
        return self._asked is not None or self._began

    def _begin(self, at: float) -> None:
        """Take that all are down; those that are held together are no presses of their own."""
        if at - min(down.at for down in self._down.values()) > TOGETHER_WITHIN_S:
            return
        self._since = at
        for down in self._down.values():
            down.was_held = True

    def released(self, event: Released, now: float) -> Pressed | None:
        """Take that a control came up; return the press that it was, if it was one of its own."""
        down = self._down.get(event.control)
        if down is None:
            return None
        if not event.was_seen:
            self.cancel("nobody saw when it came up", now)
            return None
        self.expire(event.at, now)
        self._down.pop(event.control, None)
        if self._since is not None and self._overlap(event.at):
            self._since = None
            for one in (down, *self._down.values()):
                one.was_held = False
        elif self._since is not None:
            self._let_go(self._since, event.at, now)
        if down.was_held:
            return None
        if event.at >= down.at + STUCK_AFTER_S:
            press = Press(event.control, "none", down.at, event.at)
            self._end(press, Result.IGNORED, JAMMED, now)
            return None
        return Pressed(event.control, down.at)

    def _overlap(self, at: float) -> bool:
        assert self._since is not None
        several = self._rules is not None and len(self._rules.controls) > 1
        return several and at < self._since + OVERLAP_S

    def _let_go(self, since: float, at: float, now: float) -> None:
        """Take the end of a hold, which is what decides."""
        rules = self._rules
        assert rules is not None
        self._since = None
        held_s = at - since
        press = self._press(since, at)
        if held_s < rules.hold_s:
            why = f"let go after {int(held_s)} s: for the factory state hold it {rules.hold_s:g} s"
            self._end(press, Result.IGNORED, why, now)
        elif rules.confirm or (len(rules.controls) > 1 and self._may_be_recording):
            self._confirm = press, at
        else:
            self._restore(press, now)

    @property
    def _may_be_recording(self) -> bool:
        truth = self._context.truth
        return truth.current is None or truth.has_recording

    def asked(self, source: str, at: float, now: float) -> None:
        """Take that somebody wants it who has confirmed it elsewhere."""
        press = Press(source, FACTORY_DEFAULT, at, at)
        if self._is_under_way:
            self._end(press, Result.IGNORED, BUSY, now)
            return
        self.cancel(BUSY, now)
        self._restore(press, now)

    def _restore(self, press: Press, now: float) -> None:
        self._asked = press, now + ANSWER_WITHIN_S
        self._context.board.out.append(RestoreFactoryState())

    def began(self, now: float) -> None:
        """Take that nothing can stop it any more; the light says so until the restart."""
        self._began = True
        self.cancel(BUSY, now)
        if self._asked is not None:
            (press, _), self._asked = self._asked, None
            more = RECORDING_GOES_ON if self._context.truth.has_recording else ""
            self._end(press, Result.DONE, DONE + more, now)

    def failed(self, problem: str, now: float) -> None:
        """Take that nothing was changed."""
        if self._asked is not None:
            (press, _), self._asked = self._asked, None
            self._end(press, Result.FAILED, problem, now, Receipt.REFUSED)

    def cancel(self, reason: str, now: float) -> None:
        """Give up on what is held: nobody knows any more when it comes up."""
        since, self._since = self._since, None
        down, self._down = self._down, {}
        if since is not None:
            self._end(self._press(since, now), Result.IGNORED, reason, now)
        for control, one in down.items():
            if not one.was_held:
                self._end(Press(control, "none", one.at, now), Result.IGNORED, reason, now)
        if self._confirm is not None:
            (press, _), self._confirm = self._confirm, None
            self._end(press, Result.IGNORED, reason, now)

    def expire(self, at: float, now: float) -> None:
        """Take what time alone has decided until the moment `at`."""
        if self._since is not None and at >= self._since + STUCK_AFTER_S:
            press, self._since = self._press(self._since, at), None
            self._end(press, Result.IGNORED, JAMMED, now)
        if self._confirm is not None and at >= self._confirm[1] + CONFIRM_WITHIN_S:
            (press, _), self._confirm = self._confirm, None
            why = f"it was not pressed once more within {CONFIRM_WITHIN_S:g} s"
            self._end(press, Result.IGNORED, why, now)
        if self._asked is not None and now >= self._asked[1]:
            self.failed("the privileged part of this box does not answer", now)

    def next_deadline(self, now: float) -> float | None:
        """Return when time alone decides something, or changes the light."""
        if self._asked is not None:
            return self._asked[1]
        if self._confirm is not None:
            return self._confirm[1] + CONFIRM_WITHIN_S
        if self._since is None or self._rules is None:
            return None
        ready_at = self._since + self._rules.hold_s
        return ready_at if now < ready_at else self._since + STUCK_AFTER_S

    def _press(self, since: float, clear_at: float) -> Press:
        return Press(FACTORY_DEFAULT, FACTORY_DEFAULT, since, clear_at)

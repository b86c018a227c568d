"""The controller: step(event, now) -> commands and the next deadline.

Pure: no clock, no I/O, no thread, no log. What a press means in a state of the room is in
`table`, what a hand did in `hands`; here is what comes before the table: the link to the
server may be down, another press may be under way, the room may have changed just now. A press
that changes the room is then `acting`'s, a marker `marking`'s or `outbox`', a look `looks`'.

Promises kept here:
* Every input gets exactly one outcome, within its deadline, whatever the workers do.
* The light is a function of the confirmed state, the pending press and the link.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ivsd.controller.acting import Acting
from ivsd.controller.context import Context
from ivsd.controller.doorkeeper import Again
from ivsd.controller.factory_default import FactoryDefault
from ivsd.controller.hands import Hands
from ivsd.controller.learning import Learning
from ivsd.controller.looks import Looks
from ivsd.controller.marking import Markers
from ivsd.controller.outbox import Outbox
from ivsd.controller.pending import Press
from ivsd.controller.snapshot import Chronicle, Snapshot
from ivsd.controller.table import Do, Fail, Ignore, decide
from ivsd.controller.truth import RoomTruth
from ivsd.events import (
    STRANGER,
    About,
    Action,
    Answered,
    AskFailed,
    Binding,
    Command,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Disturbed,
    Event,
    FactoryDefaultAsked,
    FactoryDefaultBegan,
    FactoryDefaultFailed,
    Gesture,
    Kept,
    LearnAsked,
    LearnGivenUp,
    Misread,
    NotKept,
    NumberKind,
    OutboxLost,
    OutboxRead,
    PressAsked,
    Pressed,
    Receipt,
    Reconfigured,
    Released,
    RenewalFailed,
    Result,
    RoomInformed,
    RoomPolled,
    Rules,
    Scanned,
    Tick,
    WatchFailed,
)
from ivsd.valt.errors import ValtError
from ivsd.valt.model import RoomState, Secret

SETTLE_POLL_S = 1.0
OUTBOX = "outbox"
SHOWN = "shown to who sets this box up; nothing else was done"


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from one event; `deadline` is when the next Tick is wanted."""

    commands: list[Command]
    deadline: float | None


class Controller:
    """Decides for one room. Feed it every event, in order, with the time it is handled."""

    def __init__(self, rules: Rules) -> None:
        self._context = Context(rules)
        self._board = self._context.board
        self._chronicle = Chronicle()
        self._hands = Hands(self._context, self._end, self._act, self._stop_held)
        self._outbox = Outbox(self._context, self._end)
        self._markers = Markers(self._context, self._end, self._outbox)
        self._looks = Looks(self._context, self._end)
        self._acting = Acting(self._context, self._end, self._markers.release_held)
        self._factory_default = FactoryDefault(self._context, self._end)
        self._learning = Learning(self._board)

    @property
    def _rules(self) -> Rules:
        return self._context.rules

    @property
    def _truth(self) -> RoomTruth:
        return self._context.truth

    def last_unknown_badge(self, now: float) -> Scanned | None:
        """Return the last badge that nobody has, of the last 5 min: somebody may get it."""
        return self._context.doorkeeper.last_unknown(now)

    def snapshot(self, now: float) -> Snapshot:
        """Say how things are, for `ivsd status`."""
        waiting = len(self._outbox.waiting)
        return self._chronicle.snapshot(self._truth, self._board.missing, waiting, now)

    def step(self, event: Event, now: float) -> Step:
        """Take one event and answer with what is to be done."""
        self._board.out = []
        self._handle(event, now)
        self._expire(now)
        self._board.show(
            self._truth,
            now,
            pending=self._is_busy,
            wrong_config=bool(self._rules.config_problem),
            reset=self._factory_default.stage(now),
        )
        self._chronicle.follow(self._truth, self._board.out, now)
        return Step(self._board.out, self._next_deadline(now))

    @property
    def _is_busy(self) -> bool:
        parts = (self._hands, self._acting, self._markers, self._outbox, self._looks)
        return any(parts)

    def _handle(self, event: Event, now: float) -> None:
        match event:
            case Pressed(control, at):
                if not self._factory_default.pressed(event, now):
                    self._pressed(control, at, now)
            case Released(control, at):
                if not self._factory_default.has(control):
                    self._released(control, at, now)
                elif (own := self._factory_default.released(event, now)) is not None:
                    self._pressed(control, own.at, now, clear_at=at)
                    self._released(control, at, now)
            case PressAsked(control, at):
                self._press_asked(control, at, now)
            case Scanned():
                self._scanned(event, now)
            case Misread(reader, at, why):
                # A badge that lies there is misread again and again, and counts once, too.
                unread = Scanned(reader, NumberKind.BADGE, Secret(why), at)
                again = self._context.doorkeeper.was_there(unread, self._rules.rearm_s)
                if again is not Again.IGNORE:
                    press = Press(reader, NumberKind.BADGE.value, at, at)
                    self._end(press, Result.FAILED, why, now, Receipt.DENIED)
            case RoomPolled():
                self._polled(event, now)
            case RoomInformed():
                self._truth.informed(event)
            case WatchFailed(error):
                self._watch_failed(error, now)
            case RenewalFailed(error):
                self._board.note(
                    f"the daily log-in failed, the old one is used on: {error}", problem=True
                )
            case Answered(ask):
                if not (self._markers.answered(ask, now) or self._outbox.answered(ask)):
                    self._acting.answered(event, now)
            case AskFailed(ask, error):
                markers = self._markers, self._outbox
                if not any(part.failed(ask, error, now) for part in markers):
                    self._acting.failed(ask, error, now)
            case OutboxRead():
                self._board.forget(OUTBOX)
                self._outbox.read(event, now)
            case OutboxLost(problem):
                self._board.lost(OUTBOX, problem)
                self._outbox.lost(problem)
            case Kept():
                self._outbox.kept(event, now)
            case NotKept():
                self._outbox.not_kept(event, now)
            case DeviceLost(device, problem, is_lamp):
                if self._board.lost(device, problem) and not is_lamp:
                    self._let_go("a device was lost while it was held", now)
            case DeviceFound(device):
                self._board.found(device)
            case DeviceForgotten(device):
                self._board.forget(device)
                self._let_go("its device is not used any more", now)
            case Disturbed(device, what, total):
                self._board.disturbed(device, what, total)
            case FactoryDefaultAsked(source, at):
                self._factory_default.asked(source, at, now)
            case FactoryDefaultBegan():
                self._factory_default.began(now)
            case LearnAsked(token):
                self._learning.ask(token, now)
            case LearnGivenUp(token):
                self._learning.give_up(token)
            case FactoryDefaultFailed(problem):
                self._factory_default.failed(problem, now)
            case Reconfigured(rules, new_room):
                self._reconfigured(rules, new_room, now)
            case Tick():
                # Only now, for no event waits to be handled: a control that came up long ago
                # is not taken for held because this box was slow.
                self._hands.time_passed(now, now)
                self._factory_default.expire(now, now)

    def _let_go(self, reason: str, now: float) -> None:
        """Give up on what is held down: nobody will tell that it came up."""
        self._hands.let_go(reason, now)
        self._factory_default.cancel(reason, now)

    # -- presses --------------------------------------------------------------------------

    def _pressed(self, control: str, at: float, now: float, clear_at: float | None = None) -> None:
        if self._learning.press(control, at):
            self._end(Press(control, "learn", at, at), Result.IGNORED, SHOWN, now)
            return
        if control in self._rules.controls:
            self._hands.pressed(control, at, now, clear_at)
            return
        press = Press(control, "none", at, at)
        if not self._hindered(press, now):
            self._end(press, Result.IGNORED, "nothing is bound to this control", now)

    def _press_asked(self, control: str, at: float, now: float) -> None:
        """Do what a press of a control does, apart from the hand that may be on it."""
        bound = self._rules.controls.get(control)
        actions = bound.actions if bound is not None else {}
        bindings = actions.get(Gesture.PRESS) or actions.get(Gesture.TAP)
        if not bindings:
            press = Press(control, "none", at, at)
            self._end(press, Result.IGNORED, "a plain press of this control does nothing", now)
            return
        first, *then = bindings
        label = "+".join(binding.action for binding in bindings)
        recording = self._context.recorded(at)
        # Without a gesture: who types a name does not stop by accident.
        self._act(Press(control, label, at, at, recording, then=tuple(then)), first, now)

    def _released(self, control: str, at: float, now: float) -> None:
        if not self._learning.release(control):
            self._hands.released(control, at, now)

    def _act(self, press: Press, binding: Binding, now: float) -> None:
        starting = self._acting.starts
        if self._hindered(press, now, binding.action):
            return
        if binding.action is Action.MARKER:
            self._markers.press(press, binding, now, starting=starting)
        elif binding.action is Action.SHOW_STATUS:
            self._looks.press(press, now)
        elif (verb := self._verb(press, binding.action, now)) is not None:
            if verb is Action.STOP and not self._hands.may_stop(press, now):
                return
            self._acting.begin(press, verb, now)

    def _stop_held(self, press: Press, now: float) -> None:
        """Stop by a button that was held for long enough."""
        if self._hindered(press, now, Action.STOP):
            return
        verb = self._verb(press, Action.STOP, now)  # the wish is settled, whatever came between
        if verb is not None:
            self._acting.begin(press, verb, now)

    def _scanned(self, event: Scanned, now: float) -> None:
        doorkeeper, rules = self._context.doorkeeper, self._rules
        card = rules.cards.get(event.number, STRANGER)
        if event.kind is NumberKind.PIN:
            card = STRANGER
        first, *then = card.actions
        recording = self._context.recorded(event.at)
        press = Press(
            event.reader, event.kind.value, event.at, event.at, recording, then=tuple(then)
        )
        if (again := doorkeeper.was_there(event, rules.rearm_s)) is not None:
            if again is Again.TELL:
                away = f"the badge must be away from the reader for {rules.rearm_s:g} s"
                self._end(press, Result.IGNORED, away, now)
            return  # else it is the same swipe still, which has its outcome
        if self._learning.scan(event):
            self._end(press, Result.IGNORED, SHOWN, now)
            return
        if (shut_s := doorkeeper.locked_for(event)) > 0:
            why = f"too many wrong PINs: none is taken here for {math.ceil(shut_s)} s"
            self._end(press, Result.FAILED, why, now, Receipt.LOCKED_OUT)
            return
        if not card.is_looked_up:
            self._act(press, first, now)
            return
        if self._hindered(press, now, receipt=Receipt.DENIED):
            return
        verb = self._verb(press, first.action, now)
        if verb is not None:
            self._acting.begin_with_look_up(press, verb, event, card, now)

    def _hindered(
        self,
        press: Press,
        now: float,
        action: Action | None = None,
        *,
        receipt: Receipt = Receipt.REFUSED,
    ) -> bool:
        """The any-state row: without configuration or without a known state, nothing goes."""
        if self._rules.config_problem:
            self._end(press, Result.FAILED, self._rules.config_problem, now, receipt)
        elif self._truth.current is None and not self._goes_unseen(action):
            why = str(self._truth.link_error or "the server was not reached yet")
            self._end(press, Result.FAILED, f"the room's state is unknown: {why}", now, receipt)
        else:
            return False
        return True

    def _goes_unseen(self, action: Action | None) -> bool:
        """Whether this can be done while nobody knows how the room is now."""
        # A marker belongs to the recording that was there, or that is being started.
        markers = self._acting.starts or self._truth.has_recording
        return action is Action.SHOW_STATUS or (action is Action.MARKER and markers)

    def _verb(self, press: Press, action: Action, now: float) -> Action | None:
        """Find what to ask of the server; None when the press is answered without it."""
        status = self._truth.current
        assert status is not None
        if self._acting:
            busy = f"busy: {self._acting.source} is being carried out"
            self._end(press, Result.IGNORED, busy, now)
            return None
        if action.is_toggle and press.at < self._truth.visible_since:
            self._end(press, Result.IGNORED, "the room has just changed", now)
            return None
        shown_for_s = press.at - self._truth.flipped_at
        if action is Action.RECORD_TOGGLE and shown_for_s < self._rules.just_started_s:
            what = "started" if status.has_recording else "stopped"
            self._end(press, Result.IGNORED, f"the recording was just {what}", now)
            return None
        match decide(action, status.acts_as):
            case Do(verb):
                return verb
            case Ignore(reason):
                self._end(press, Result.IGNORED, reason, now, goes_on=True)
            case Fail(reason):
                self._end(press, Result.FAILED, reason, now)
        return None

    # -- what the watcher sees --------------------------------------------------------------

    def _polled(self, event: RoomPolled, now: float) -> None:
        if self._truth.link_error is not None:
            self._board.note("the VALT server is back", About.LINK_BACK)
            self._outbox.link_is_back(now)
        self._context.polled_at = now
        status, before = event.status, self._truth.status
        believed = self._truth.polled(event, now)
        if self._truth.contradiction:
            was = self._truth.contradiction
            text = f"the server had answered “{was}”, but the room is still {status.acts_as}"
            self._board.note(text, problem=True)
            self._board.give(Receipt.REFUSED)
        if status.state is RoomState.UNKNOWN and (before is None or before.word != status.word):
            self._board.note(f"the server calls the room's state “{status.word}”", problem=True)
        if believed:
            self._acting.polled(event, now)
        self._looks.polled(event.sent_at, now)

    def _watch_failed(self, error: ValtError, now: float) -> None:
        if self._truth.lost(error):
            self._board.note(str(error), About.LINK_LOST, problem=True)
        self._acting.watch_failed(now)
        self._looks.fail(str(error), now)

    def _reconfigured(self, rules: Rules, new_room: bool, now: float) -> None:
        self._let_go("the configuration was changed", now)
        self._context.rules = rules
        self._truth.clock.whose = rules.marker_clock
        if not new_room:
            return
        for part in (self._looks.fail, self._markers.give_up, self._acting.cancel):
            part("the configuration was changed", now)
        self._context.truth = RoomTruth(rules.marker_clock, since=now)
        self._outbox.tell_of_strangers()

    # -- time -------------------------------------------------------------------------------

    def _expire(self, now: float) -> None:
        if self._settles(now) and now >= self._context.polled_at + SETTLE_POLL_S:
            self._context.poll_now(now)
        for part in (self._acting, self._markers, self._outbox, self._looks):
            part.expire(now)
        self._learning.expire(now)
        self._outbox.deliver(now, self._markers.under_way)

    def _settles(self, now: float) -> bool:
        """Whether the room is read every second, whatever the interval: an effect is awaited."""
        return self._acting.settles or now < self._truth.settles_until

    def _next_deadline(self, now: float) -> float | None:
        deadlines = [
            self._acting.next_deadline(),
            self._markers.next_deadline(),
            self._outbox.next_deadline(self._markers.under_way),
            self._looks.next_deadline(),
            self._hands.next_deadline(),
            self._learning.next_deadline(),
            self._factory_default.next_deadline(now),
            self._board.next_deadline(now),
            self._context.polled_at + SETTLE_POLL_S if self._settles(now) else None,
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _end(
        self,
        press: Press,
        result: Result,
        reason: str,
        now: float,
        receipt: Receipt | None = None,
        *,
        goes_on: bool = False,
    ) -> None:
        """End one action of a press: carry out what follows it, or give the outcome."""
        told = (*press.told, reason)
        achieved = press.achieved or result is Result.DONE
        if press.then and (goes_on or result is Result.DONE):
            if receipt is not None:
                self._board.give(receipt)
            follow = replace(press, then=press.then[1:], told=told, achieved=achieved)
            self._act(follow, press.then[0], now)
            return
        if result is Result.IGNORED and press.told and not goes_on:
            result = Result.FAILED  # the rest was not done, and nobody shall believe it was
        elif result is Result.IGNORED and achieved:
            result = Result.DONE
        self._board.end(press, result, "; ".join(told), now, receipt)

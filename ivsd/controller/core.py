"""The controller: step(event, now) -> commands and the next deadline.

Pure: no clock, no I/O, no thread, no log. What a press means in a state of the room is in
`table`; here is everything around it: the link to the server may be down, another press may
be under way, an answer may be lost, a poll may be old news.

Promises kept here:
* Every input gets exactly one outcome, within its deadline, whatever the workers do.
* The light is a function of the confirmed state, the pending press and the link.
* A start or stop is sent once. If its answer is lost, the room's state decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivsd.controller.board import Board
from ivsd.controller.pending import ALREADY, DONE, MarkerPress, Pending, Press, Stage, request_for
from ivsd.controller.table import Do, Fail, Ignore, decide
from ivsd.controller.truth import RoomTruth
from ivsd.events import (
    Action,
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    Binding,
    Command,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Event,
    FindUser,
    Misread,
    NumberKind,
    PollNow,
    Pressed,
    Receipt,
    Reconfigured,
    RenewalFailed,
    Request,
    Result,
    RoomInformed,
    RoomPolled,
    Rules,
    Scanned,
    WatchFailed,
)
from ivsd.valt.errors import NoReply, NotAllowed, Refused, ValtError
from ivsd.valt.model import RoomState, RoomStatus, User

GRACE_S = 1.0  # a worker's own time-out comes first; this is for a worker that is stuck
TOGGLES = (Action.RECORD_TOGGLE, Action.PAUSE_TOGGLE, Action.LOCK_TOGGLE)
SETTLE_POLL_S = 1.0
CHECK_S = 2.0  # how long one poll may take that tells why a press was refused


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from one event; `deadline` is when the next Tick is wanted."""

    commands: list[Command]
    deadline: float | None


class Controller:
    """Decides for one room. Feed it every event, in order, with the time it is handled."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._truth = RoomTruth()
        self._pending: Pending | None = None
        self._markers: dict[int, MarkerPress] = {}  # sent, by the id of their ask
        self._held_markers: list[MarkerPress] = []  # pressed while the start is under way
        self._last_ask = 0
        self._polled_at = 0.0  # when the room was last read, or asked to be
        self._board = Board()

    def step(self, event: Event, now: float) -> Step:
        """Take one event and answer with what is to be done."""
        self._board.out = []
        self._handle(event, now)
        self._expire(now)
        self._board.show(
            self._truth,
            pending=bool(self._pending or self._markers or self._held_markers),
            wrong_config=bool(self._rules.config_problem),
        )
        return Step(self._board.out, self._next_deadline(now))

    def _handle(self, event: Event, now: float) -> None:
        match event:
            case Pressed(control, at):
                self._pressed(control, at, now)
            case Scanned():
                self._scanned(event, now)
            case Misread(reader, at):
                press = Press(reader, NumberKind.BADGE.value, at)
                text = "the number was not read whole: hold the badge to the reader again"
                self._board.end(press, Result.FAILED, text, now, Receipt.DENIED)
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
            case Answered():
                self._answered(event, now)
            case AskFailed(ask, error):
                self._ask_failed(ask, error, now)
            case DeviceLost(device, problem):
                self._board.lost(device, problem)
            case DeviceFound(device):
                self._board.found(device)
            case DeviceForgotten(device):
                self._board.forget(device)
            case Reconfigured(rules, new_room):
                self._reconfigured(rules, new_room, now)
            case _:  # Released, Tick: nothing but what time brings
                pass

    # -- presses --------------------------------------------------------------------------

    def _pressed(self, control: str, at: float, now: float) -> None:
        binding = self._rules.bindings.get(control)
        press = Press(control, binding.action.value if binding else "none", at)
        starts = self._pending is not None and self._pending.verb is Action.START
        if binding is not None and binding.action is Action.MARKER and starts:
            self._marker(press, binding, now)  # always taken, whatever the link does meanwhile
            return
        if self._hindered(press, now):
            return
        if binding is None:
            self._board.end(press, Result.IGNORED, "nothing is bound to this control", now)
        elif binding.action is Action.MARKER:
            self._marker(press, binding, now)
        elif (verb := self._verb(press, binding.action, now)) is not None:
            self._ask_to_act(self._begin(press, verb, now), self._rules.default_author, "", now)

    def _scanned(self, event: Scanned, now: float) -> None:
        press = Press(event.reader, event.kind.value, event.at)
        if self._hindered(press, now, Receipt.DENIED):
            return
        verb = self._verb(press, Action.RECORD_TOGGLE, now)
        if verb is not None:
            pending = self._begin(press, verb, now)
            if event.kind is NumberKind.BADGE:  # a PIN is not shown at all
                pending.number_shown = f" ({event.number.tail()})"
            pending.ask = self._ask(FindUser(event.number), now)

    def _hindered(self, press: Press, now: float, receipt: Receipt = Receipt.REFUSED) -> bool:
        """The any-state row: without configuration or without a known state, nothing goes."""
        if self._rules.config_problem:
            self._board.end(press, Result.FAILED, self._rules.config_problem, now, receipt)
        elif self._truth.current is None:
            why = str(self._truth.link_error or "the server was not reached yet")
            self._board.end(
                press, Result.FAILED, f"the room's state is unknown: {why}", now, receipt
            )
        else:
            return False
        return True

    def _verb(self, press: Press, action: Action, now: float) -> Action | None:
        """Find what to ask of the server; None when the press is answered without it."""
        status = self._truth.current
        assert status is not None
        if self._pending is not None:
            busy = f"busy: {self._pending.press.source} is being carried out"
            self._board.end(press, Result.IGNORED, busy, now)
            return None
        if action in TOGGLES and press.at < self._truth.visible_since:
            self._board.end(press, Result.IGNORED, "the room has just changed", now)
            return None
        shown_for_s = press.at - self._truth.flipped_at
        if action is Action.RECORD_TOGGLE and shown_for_s < self._rules.just_started_s:
            what = "started" if status.has_recording else "stopped"
            self._board.end(press, Result.IGNORED, f"the recording was just {what}", now)
            return None
        match decide(action, status.acts_as):
            case Do(verb):
                return verb
            case Ignore(reason):
                self._board.end(press, Result.IGNORED, reason, now)
            case Fail(reason):
                self._board.end(press, Result.FAILED, reason, now)
        return None

    def _begin(self, press: Press, verb: Action, now: float) -> Pending:
        assert self._truth.status is not None
        due = self._reply_due(now)
        self._pending = Pending(press, verb, self._truth.status, Stage.LOOK_UP, 0, due)
        return self._pending

    def _ask_to_act(self, pending: Pending, author: int | None, user: str, now: float) -> None:
        pending.stage, pending.deadline = Stage.ASKED, self._reply_due(now)
        pending.ask = self._ask(request_for(pending.verb, author, user), now)

    def _ask(self, request: Request, now: float) -> int:
        self._last_ask += 1
        self._board.out.append(Ask(self._last_ask, request, now + self._rules.reply_timeout_s))
        return self._last_ask

    def _reply_due(self, now: float) -> float:
        return now + self._rules.reply_timeout_s + GRACE_S

    # -- markers: always taken while a recording is there or is being started ---------------

    def _marker(self, press: Press, binding: Binding, now: float) -> None:
        assert self._truth.status is not None
        marker = MarkerPress(press, binding)
        # By what is shown: a room that is locked while it records takes markers.
        decision = decide(Action.MARKER, self._truth.status.shown)
        if isinstance(decision, Do):
            self._send_marker(marker, now)
        elif self._pending is not None and self._pending.verb is Action.START:
            self._held_markers.append(marker)
        else:
            self._board.end(press, Result.FAILED, decision.reason, now)

    def _send_marker(self, marker: MarkerPress, now: float) -> None:
        recording = self._truth.clock.recording
        if recording is None:
            self._board.end(
                marker.press, Result.FAILED, "the server does not name the recording", now
            )
            return
        # Down to the whole second: one that the server has not reached may be refused.
        time_s = int(self._truth.clock.position_s(marker.press.at))
        binding = marker.binding
        request = AddMarker(recording, binding.marker_name, binding.marker_colour, time_s)
        ask = self._ask(request, now)
        self._markers[ask] = replace(marker, deadline=self._reply_due(now), time_s=time_s)

    def _release_held_markers(self, now: float) -> None:
        held, self._held_markers = self._held_markers, []
        for marker in held:
            if self._truth.has_recording:
                self._send_marker(marker, now)
            else:
                self._board.end(marker.press, Result.FAILED, "the recording was not started", now)

    # -- what the server answers ------------------------------------------------------------

    def _answered(self, event: Answered, now: float) -> None:
        if (marker := self._markers.pop(event.ask, None)) is not None:
            minutes, seconds = divmod(marker.time_s, 60)
            text = f"marker “{marker.binding.marker_name}” at {minutes:02}:{seconds:02}"
            self._board.end(marker.press, Result.DONE, text, now, Receipt.MARKED)
            return
        pending = self._pending
        if pending is None or pending.ask != event.ask:
            self._poll_now(now)  # the late answer to a press that was given up
            return
        if pending.stage is Stage.LOOK_UP:
            users = event.result if isinstance(event.result, tuple) else ()
            self._identified(pending, users, now)
            return
        recording = event.result if isinstance(event.result, int | str) else None
        self._truth.answered(
            pending.confirmed(recording), pending.before, DONE[pending.verb],
            event.sent_at, event.at, self._rules.settle_s,
        )  # fmt: skip
        self._poll_now(now)
        self._finish(Result.DONE, DONE[pending.verb], now)

    def _identified(self, pending: Pending, users: tuple[User, ...], now: float) -> None:
        assert self._truth.status is not None
        if len(users) != 1:
            who = "several VALT users have" if users else "nobody has"
            why = f"{who} this number{pending.number_shown}"
            self._finish(Result.FAILED, why, now, Receipt.DENIED)
            return
        # The wish was settled when the badge came; the room may have changed since.
        match decide(pending.verb, self._truth.status.acts_as):
            case Do():
                pending.before = self._truth.status
                self._ask_to_act(pending, users[0].id, users[0].name, now)
            case Ignore(reason):
                self._finish(Result.IGNORED, reason, now)
            case Fail(reason):
                self._finish(Result.FAILED, reason, now)

    def _ask_failed(self, ask: int, error: ValtError, now: float) -> None:
        if (marker := self._markers.pop(ask, None)) is not None:
            doubt = "; the marker may be missing" if error.may_have_happened else ""
            self._board.end(marker.press, Result.FAILED, f"{error}{doubt}", now)
            return
        pending = self._pending
        if pending is None or pending.ask != ask:
            return
        if pending.stage is Stage.LOOK_UP:
            self._finish(Result.FAILED, str(error), now, Receipt.DENIED)
        elif error.may_have_happened and pending.stage is Stage.ASKED:
            self._check_the_room(pending, Stage.SETTLING, error, self._rules.settle_s, now)
        elif isinstance(error, Refused) and not isinstance(error, NotAllowed):
            self._check_the_room(pending, Stage.CHECKING, error, CHECK_S, now)
        elif not error.may_have_happened:  # certain, even when it comes late
            self._finish(Result.FAILED, str(error), now)

    def _check_the_room(
        self, pending: Pending, stage: Stage, error: ValtError, for_s: float, now: float
    ) -> None:
        pending.stage, pending.error, pending.since = stage, error, now
        pending.deadline = now + for_s
        if stage is Stage.SETTLING:
            self._truth.doubt()
        self._poll_now(now)

    def _give_up(self, pending: Pending, now: float) -> None:
        """End a press whose effect the room does not show, or cannot show."""
        reason = str(pending.error)
        if pending.stage is Stage.SETTLING:
            if (status := self._truth.current) is not None:
                reason += f"; the room is {status.acts_as}"
            else:
                reason += "; whether it happened will show when the server is back"
        self._finish(Result.FAILED, reason, now)

    # -- what the watcher sees --------------------------------------------------------------

    def _polled(self, event: RoomPolled, now: float) -> None:
        if self._truth.link_error is not None:
            self._board.note("the VALT server is back")
        self._polled_at = now
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
            self._resolve(event, status, now)

    def _resolve(self, event: RoomPolled, status: RoomStatus, now: float) -> None:
        """See whether the room's state tells how the pending press ended."""
        pending = self._pending
        if pending is None or event.sent_at < pending.since:
            return
        if pending.stage is Stage.SETTLING and pending.reached_by(status):
            self._finish(Result.DONE, f"{DONE[pending.verb]} (the answer was lost)", now)
        elif pending.stage is Stage.CHECKING:
            if pending.reached_by(status):
                self._finish(Result.IGNORED, ALREADY[pending.verb], now)
            else:
                self._give_up(pending, now)

    def _watch_failed(self, error: ValtError, now: float) -> None:
        if self._truth.lost(error):
            self._board.note(str(error), problem=True)
        if self._pending is not None and self._pending.stage is Stage.CHECKING:
            self._give_up(self._pending, now)

    def _reconfigured(self, rules: Rules, new_room: bool, now: float) -> None:
        self._rules = rules
        if not new_room:
            return
        markers, self._markers = [*self._markers.values(), *self._held_markers], {}
        self._held_markers = []
        for marker in markers:
            self._board.end(marker.press, Result.FAILED, "the configuration was changed", now)
        if self._pending is not None:
            self._finish(Result.FAILED, "the configuration was changed", now)
        self._truth = RoomTruth(since=now)

    # -- time -------------------------------------------------------------------------------

    def _watch_closely(self, now: float) -> None:
        """Read the room every second, whatever the interval, until an effect is certain."""
        if self._settles(now) and now >= self._polled_at + SETTLE_POLL_S:
            self._poll_now(now)

    def _settles(self, now: float) -> bool:
        settling = self._pending is not None and self._pending.stage is Stage.SETTLING
        return settling or now < self._truth.settles_until

    def _poll_now(self, now: float) -> None:
        self._polled_at = now
        self._board.out.append(PollNow())

    def _expire(self, now: float) -> None:
        self._watch_closely(now)
        pending = self._pending
        if pending is not None and now >= pending.deadline:
            if pending.stage in (Stage.LOOK_UP, Stage.ASKED):
                waited = self._rules.reply_timeout_s + GRACE_S
                self._ask_failed(pending.ask, NoReply(f"no answer within {waited:g} s"), now)
            else:
                self._give_up(pending, now)
        for ask, marker in list(self._markers.items()):
            if now >= marker.deadline:
                self._ask_failed(ask, NoReply("no answer in time"), now)

    def _next_deadline(self, now: float) -> float | None:
        deadlines = [marker.deadline for marker in self._markers.values()]
        if self._pending is not None:
            deadlines.append(self._pending.deadline)
        if self._settles(now):
            deadlines.append(self._polled_at + SETTLE_POLL_S)
        return min(deadlines, default=None)

    def _finish(
        self, result: Result, reason: str, now: float, receipt: Receipt | None = None
    ) -> None:
        """End the pending press, and the markers that waited for it."""
        assert self._pending is not None
        press, self._pending = self._pending.press, None
        self._board.end(press, result, reason, now, receipt)
        self._release_held_markers(now)

"""Anything may happen at the door, in any order: the promises of the controller hold.

Hypothesis presses, swipes, pulls the link, loses answers and lets time pass. Beside the
controller runs a tiny server in simulated time: one room, one worker that carries out requests
in order, one watcher whose polls may be under way while other things happen, and effects that
show late. What must hold is checked after every single step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ivsd.controller import Controller
from ivsd.controller.doorkeeper import Again, Doorkeeper
from ivsd.events import (
    Action,
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    Binding,
    ControlRules,
    DeviceFound,
    DeviceLost,
    Event,
    FindUser,
    Gesture,
    LightView,
    NumberKind,
    PollNow,
    Pressed,
    Receipt,
    Released,
    Report,
    Request,
    Result,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StopProtection,
    Tick,
    WatchFailed,
)
from ivsd.valt.errors import ConnectionLost, NotSentInTime, Refused, Unreachable, ValtError
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, Secret, User

TIMEOUT_S, GRACE_S, SETTLE_S, CHECK_S = 5.0, 1.0, 5.0, 2.0
LONGEST_ACT_S = TIMEOUT_S + GRACE_S + SETTLE_S + CHECK_S  # no answer, settle, a late refusal
LONGEST_BADGE_S = TIMEOUT_S + GRACE_S + LONGEST_ACT_S  # the look-up comes before
LONGEST_MARKER_S = LONGEST_BADGE_S + TIMEOUT_S + GRACE_S  # held until a badge has started


def on_press(action: Action, name: str = "", colour: str = "red") -> ControlRules:
    return ControlRules({Gesture.PRESS: (Binding(action, name, colour),)})


USERS = {"0004711001": User(12, "Alice"), "2580": User(14, "Carol")}
BINDINGS = {action.value: on_press(action, "M") for action in Action}
HOLD_S = 1.5


def gestures(**actions: Action) -> ControlRules:
    bound = {Gesture(name): (Binding(action, "M"),) for name, action in actions.items()}
    return ControlRules(bound, HOLD_S)


IN_SEVERAL_WAYS = {
    "tapped": gestures(tap=Action.LOCK_TOGGLE),
    "held": gestures(press=Action.MARKER, hold=Action.RECORD_TOGGLE),
    "only held": gestures(hold=Action.STOP),
    "twice": gestures(press=Action.START, double=Action.PAUSE_TOGGLE),
    "all": gestures(tap=Action.SHOW_STATUS, hold=Action.LOCK_TOGGLE, double=Action.MARKER),
    "switch": gestures(press=Action.START, release=Action.STOP),
}
CONTROLS = BINDINGS | IN_SEVERAL_WAYS
CHANGES = ["start", "stop", "pause", "resume", "lock", "unlock", "prepare"]


class Server:
    """A VALT server with one room, whose effects show `lag_s` late."""

    def __init__(self, lag_s: float) -> None:
        self.lag_s = lag_s
        self.recordings: list[str] = []
        self._history = [(float("-inf"), RoomStatus(RoomState.AVAILABLE))]

    @property
    def true(self) -> RoomStatus:
        return self._history[-1][1]

    def shown(self, now: float) -> RoomStatus:
        return [status for at, status in self._history if at <= now - self.lag_s][-1]

    def change(self, what: str, now: float) -> str | None:
        """Do something to the room; the recording's id. Raises Refused."""
        was = self.true
        recording, state = was.recording, was.state
        if what == "start" and recording is None and state is not RoomState.LOCKED:
            self.recordings.append(f"R{len(self.recordings) + 1}")
            self._become(RoomState.RECORDING, self.recordings[-1], now)
        elif what == "stop" and recording is not None:
            self._become(RoomState.AVAILABLE, None, now)
        elif what == "pause" and state is RoomState.RECORDING:
            self._become(RoomState.PAUSED, recording, now)
        elif what == "resume" and recording is not None:
            self._become(RoomState.RECORDING, recording, now)
        elif what == "lock" and recording is None and state is not RoomState.LOCKED:
            self._become(RoomState.LOCKED, None, now)
        elif what == "unlock" and state is RoomState.LOCKED:
            self._become(RoomState.AVAILABLE, None, now)
        elif what == "prepare" and state is RoomState.AVAILABLE:
            self._become(RoomState.PREPARED, None, now)
        else:
            raise Refused(f"the room is {state}")
        return recording or self.true.recording  # type: ignore[return-value]

    def _become(self, state: RoomState, recording: RecordingId | None, now: float) -> None:
        status = RoomStatus(state, recording, recording is not None, state.value)
        self._history.append((now, status))


def verb_of(request: Request) -> str:
    name = type(request).__name__
    return name.removesuffix("Recording").removesuffix("Room").lower()


@dataclass
class Waiting:
    """An input without an outcome."""

    since: float
    limit_s: float
    kind: str
    """What it is for: "acts" on the room, "marker", "look", or "any" while nobody can tell."""
    acts: int = 0


@dataclass
class Sent:
    """The request the worker is at."""

    ask: Ask
    sent_at: float
    result: RecordingId | tuple[User, ...] | ValtError | None = None
    done: bool = False


class Door(RuleBasedStateMachine):
    """One controller, its server, and the shadow that knows what must hold."""

    hands: ClassVar = st.sampled_from([*CONTROLS, "nothing bound"])

    @initialize(
        lag_s=st.sampled_from([0.0, 3.0]),
        state=st.sampled_from(["", *CHANGES]),
        stop=st.sampled_from(StopProtection),
    )
    def come_up(self, lag_s: float, state: str, stop: StopProtection) -> None:
        self.now = 1000.0
        self.server = Server(lag_s)
        self.stop = stop
        self.shadow = Doorkeeper()
        rules = Rules(CONTROLS, None, TIMEOUT_S, SETTLE_S, stop_protection=stop)
        self.controller = Controller(rules)
        self.waiting: dict[tuple[str, float], Waiting] = {}
        self.queue: list[Ask] = []
        self.sent: Sent | None = None
        self.poll_sent: tuple[float, RoomStatus] | None = None
        self.deadline: float | None = None
        self.light = LightView()
        self.link_up = False
        self.link_fault = "starting"
        self.missing = False
        self.asked = 0
        if state:
            self.somebody_else(state)
        self.time_passes(10.0)
        self.poll()

    # -- what may happen --------------------------------------------------------------------

    @rule(control=hands, gap_s=st.sampled_from([0.01, 0.3]))
    def press(self, control: str, gap_s: float) -> None:
        self.pass_time(gap_s)
        kinds = {"marker": "marker", "show_status": "look", **dict.fromkeys(IN_SEVERAL_WAYS, "any")}
        kind = kinds.get(control, "acts")
        if self.stop is StopProtection.HOLD and control in (Action.RECORD_TOGGLE, Action.STOP):
            kind = "any"  # it may be held down while another one acts
        limit_s = HOLD_S + (LONGEST_ACT_S if kind in ("acts", "look") else LONGEST_MARKER_S)
        self.waiting[control, self.now] = Waiting(self.now, limit_s, kind)
        self.feed(Pressed(control, self.now))

    @rule(control=hands, gap_s=st.sampled_from([0.01, 0.3]))
    def release(self, control: str, gap_s: float) -> None:
        self.pass_time(gap_s)
        if control == "switch":
            self.waiting[control, self.now] = Waiting(self.now, LONGEST_ACT_S, "any")
        self.feed(Released(control, self.now))

    @rule(number=st.sampled_from([*USERS, "9999"]))
    def swipe(self, number: str) -> None:
        self.pass_time(0.02)
        scanned = Scanned("reader", NumberKind.BADGE, Secret(number), self.now)
        if self.shadow.was_there(scanned, 2.0) is not Again.IGNORE:
            self.waiting["reader", self.now] = Waiting(self.now, LONGEST_BADGE_S, "acts")
        self.feed(scanned)

    @rule()
    def poll(self) -> None:
        sent_at, status = self.now, self.server.shown(self.now)
        self.pass_time(0.05)
        self.feed(RoomPolled(status, sent_at, self.now))

    @precondition(lambda self: self.poll_sent is None)
    @rule()
    def poll_is_sent(self) -> None:
        self.poll_sent = self.now, self.server.shown(self.now)

    @precondition(lambda self: self.poll_sent is not None)
    @rule()
    def poll_comes_back(self) -> None:
        assert self.poll_sent is not None
        (sent_at, status), self.poll_sent = self.poll_sent, None
        self.pass_time(0.01)
        self.feed(RoomPolled(status, sent_at, self.now))

    @rule(error=st.sampled_from([Unreachable("no way"), ConnectionLost("broke")]))
    def link_is_lost(self, error: ValtError) -> None:
        self.poll_sent = None
        self.feed(WatchFailed(error, self.now))

    @precondition(lambda self: self.sent is not None and not self.sent.done)
    @rule()
    def server_acts_and_its_answer_is_on_the_way(self) -> None:
        self.pass_time(0.1)
        self.carry_out()

    @precondition(lambda self: self.sent is not None)
    @rule()
    def server_answers(self) -> None:
        self.pass_time(0.05)
        self.carry_out()
        self.worker_is_told()

    @precondition(lambda self: self.sent is not None)
    @rule()
    def answer_is_lost(self) -> None:
        """With or without the effect, depending on whether the server had acted."""
        self.worker_is_told(ConnectionLost("the connection broke"))

    @precondition(lambda self: self.sent is not None and not self.sent.done)
    @rule(error=st.sampled_from([Refused("not now"), Unreachable("refuses connections")]))
    def server_does_not_act(self, error: ValtError) -> None:
        self.worker_is_told(error)

    @rule(what=st.sampled_from(CHANGES))
    def somebody_else(self, what: str) -> None:
        try:
            self.server.change(what, self.now)
        except Refused:
            return

    @rule()
    def reader_is_unplugged(self) -> None:
        self.missing = True
        self.feed(DeviceLost("reader", "reader: not found"))

    @precondition(lambda self: self.missing)
    @rule()
    def reader_is_back(self) -> None:
        self.missing = False
        self.feed(DeviceFound("reader"))

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.1, 4.0, 7.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def quiet(self) -> None:
        """Nobody touches anything for a while: what is shown is what the server has."""
        while self.sent is not None:
            self.server_answers()
        self.poll_sent = None
        for _ in range(int(LONGEST_MARKER_S)):
            self.pass_time(1.0)
            while self.sent is not None:
                self.server_answers()
            self.poll()
        assert not self.waiting
        assert self.light.room is self.server.true.state
        assert self.light.records == self.server.true.has_recording
        assert self.light.name == self.server.true.state

    # -- the worker -------------------------------------------------------------------------

    def carry_out(self) -> None:
        """Let the server do what was asked, if it has not yet."""
        assert self.sent is not None
        if self.sent.done:
            return
        self.sent.done = True
        request = self.sent.ask.request
        match request:
            case FindUser(number):
                user = USERS.get(number.reveal())
                self.sent.result = (user,) if user else ()
            case AddMarker(recording):
                assert recording in self.server.recordings
            case _:
                try:
                    self.sent.result = self.server.change(verb_of(request), self.now)
                except Refused as e:
                    self.sent.result = e

    def worker_is_told(self, error: ValtError | None = None) -> None:
        assert self.sent is not None
        sent, self.sent = self.sent, None
        result = error or sent.result
        event: Event
        if isinstance(result, ValtError):
            event = AskFailed(sent.ask.id, result, self.now)
        else:
            event = Answered(sent.ask.id, result, sent.sent_at, self.now)
        self.feed(event)

    def worker_takes_next(self) -> None:
        while self.sent is None and self.queue:
            ask = self.queue.pop(0)
            if self.now > ask.send_before:
                self.feed(AskFailed(ask.id, NotSentInTime("too busy"), self.now))
            else:
                self.sent = Sent(ask, self.now)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.deadline is not None and self.deadline <= end:
            self.now = self.deadline
            self.feed(Tick())
        self.now = end

    # -- one step, and what must hold after it ------------------------------------------------

    def feed(self, event: Event) -> None:
        if isinstance(event, RoomPolled):
            self.link_up = True
        elif isinstance(event, WatchFailed):
            self.link_up, self.link_fault = False, event.error.light.value
        before = self.light
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        for command in step.commands:
            match command:
                case Ask():
                    self.check_ask(command, event)
                    self.queue.append(command)
                case Report(outcome):
                    key = (outcome.source, outcome.pressed_at)
                    assert key in self.waiting, "a second outcome, or one for nothing"
                    assert outcome.reason
                    assert outcome.at == self.now
                    del self.waiting[key]
                    if outcome.result is Result.FAILED:
                        assert self.last_receipt(step.commands) in (
                            Receipt.REFUSED,
                            Receipt.DENIED,
                        )
                case Show(view):
                    assert view != self.light
                    self.light = view
                case PollNow():
                    pass
        self.check_light(before, event)
        self.check_deadlines()
        self.worker_takes_next()

    @staticmethod
    def last_receipt(commands: Sequence[object]) -> Receipt | None:
        return [command.view.receipt for command in commands if isinstance(command, Show)][-1]

    def check_ask(self, ask: Ask, event: Event) -> None:
        assert ask.send_before == self.now + TIMEOUT_S
        assert ask.id == self.asked + 1
        self.asked = ask.id
        if isinstance(ask.request, AddMarker):
            assert any(waiting.kind in ("marker", "any") for waiting in self.waiting.values())
            assert ask.request.time_s >= 0
            return
        # Out of a hand or a look-up, never out of a poll or a failure; by the clock alone only
        # while a control is held down.
        assert isinstance(event, Pressed | Released | Scanned | Answered | Tick)
        acting = [waiting for waiting in self.waiting.values() if waiting.kind in ("acts", "any")]
        assert acting
        if isinstance(event, Tick):
            assert any(HOLD_S - 1.2 < self.now - waiting.since <= 2.1 for waiting in acting)
        if len(acting) == 1 and not isinstance(ask.request, FindUser):
            (press,) = acting
            press.acts += 1
            assert press.acts == 1, "a press that acts twice"
        assert self.link_up or isinstance(event, Answered), "a press in the dark"

    def check_deadlines(self) -> None:
        assert not self.waiting or self.deadline is not None
        assert self.deadline is None or self.now < self.deadline <= self.now + TIMEOUT_S + GRACE_S
        for waiting in self.waiting.values():
            assert self.now < waiting.since + waiting.limit_s
        acting = [waiting for waiting in self.waiting.values() if waiting.kind == "acts"]
        assert len(acting) <= 1, "two state-changing presses at once"

    def check_light(self, before: LightView, event: Event) -> None:
        light = self.light
        assert light.pending == bool(self.waiting)
        assert (light.room is not None) == self.link_up
        if self.link_up:
            assert light.fault == ("device" if self.missing else "")
        else:
            assert light.fault == self.link_fault
        if light.room is not None:
            assert light.records == (light.room in (RoomState.RECORDING, RoomState.PAUSED))
        if light.records != before.records or (light.room or before.room) is not before.room:
            assert isinstance(event, RoomPolled | Answered), "only the server confirms a state"
        if isinstance(event, RoomPolled) and light.room is not before.room and before.room:
            assert light.room is event.status.state

    @invariant()
    def the_shown_recording_is_one_there_was(self) -> None:
        if hasattr(self, "server") and self.light.records:
            assert self.server.recordings

    def teardown(self) -> None:
        if hasattr(self, "server"):
            self.quiet()


Door.TestCase.settings = settings(
    max_examples=400,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDoor = Door.TestCase

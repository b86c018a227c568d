"""A box under test: the controller, what it speaks to, and the shadow that knows what must hold.

`Box.handle` gives the controller one event and checks every promise that can be checked after a
single step; `Box.check_outbox` is for after a quiet while. Who makes things happen is another
matter: see tests/unit/test_controller_stateful.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ivsd.controller import Controller
from ivsd.controller.doorkeeper import Again, Doorkeeper
from ivsd.controller.gestures import Fired, Gestures
from ivsd.controller.outbox import LONGEST_RETRY_S
from ivsd.events import (
    Action,
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    Binding,
    Command,
    ControlRules,
    DeliverMarker,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Drop,
    Event,
    FindUser,
    Gesture,
    Keep,
    Kept,
    KeptMarker,
    LightView,
    MarkerTime,
    MarkSent,
    Misread,
    Note,
    NotKept,
    NumberKind,
    OutboxLost,
    OutboxRead,
    Outcome,
    Pressed,
    Receipt,
    Reconfigured,
    Released,
    Report,
    Result,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StopProtection,
    StopRecording,
    Tick,
    WatchFailed,
    WhoMayStop,
)
from ivsd.valt.errors import (
    BadReply,
    NotSentInTime,
    Refused,
    ServerFailed,
    ValtError,
)
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, Secret, User
from tests.fake_room import Disk, Sent, Server, Worker, changes_room, verb_of

TIMEOUT_S, GRACE_S, SETTLE_S, CHECK_S, DOUBLE_S = 5.0, 1.0, 5.0, 2.0, 0.4
HOLD_S, STOP_HOLD_S = 1.5, 2.0
DUE_S = TIMEOUT_S + GRACE_S
LONGEST_ACT_S = DUE_S + SETTLE_S + CHECK_S  # no answer, settle, a late refusal
LONGEST_BADGE_S = DUE_S + LONGEST_ACT_S  # the look-up comes before
# In somebody's hand, held until a badge has started, until its second, sent, and written:
LONGEST_S = STOP_HOLD_S + LONGEST_BADGE_S + 0.5 + DUE_S + DUE_S
DELIVERY_S = 2 * TIMEOUT_S + GRACE_S  # it is looked for first

NAMES = ("one", "two")
USERS = {"0004711001": User(12, "Alice"), "730914": User(14, "Carol")}
BADGES = ("0004711001", "0008150815")
PINS = ("730914", "918273")


def on(**gestures: Sequence[Action]) -> ControlRules:
    """Bind; the marker of each control has a name of its own, given in CONTROLS."""
    return ControlRules(
        {
            Gesture(gesture): tuple(Binding(action, "?") for action in actions)
            for gesture, actions in gestures.items()
        },
        HOLD_S,
    )


def named(control: str, rules: ControlRules) -> ControlRules:
    name = "counted {count}" if control == "counted" else control
    bound = {
        gesture: tuple(replace(binding, marker_name=name) for binding in bindings)
        for gesture, bindings in rules.actions.items()
    }
    return replace(rules, actions=bound)


A = Action
CONTROLS = {
    **{action.value: on(press=[action]) for action in Action},
    "counted": on(press=[A.MARKER]),
    "tapped": on(tap=[A.LOCK_TOGGLE]),
    "held": on(press=[A.MARKER], hold=[A.RECORD_TOGGLE]),
    "only held": on(hold=[A.STOP]),
    "twice": on(press=[A.START], double=[A.PAUSE_TOGGLE]),
    "all": on(tap=[A.SHOW_STATUS], hold=[A.LOCK_TOGGLE], double=[A.MARKER]),
    "switch": on(press=[A.START], release=[A.STOP]),
    "let go": on(release=[A.MARKER]),
    "start+marker": on(press=[A.START, A.MARKER]),
    "marker+stop+lock": on(press=[A.MARKER, A.STOP, A.LOCK]),
}
CONTROLS = {control: named(control, rules) for control, rules in CONTROLS.items()}
MARK = ("marker", "marker", "counted", "let go", "held", "all", "start+marker", "marker+stop+lock")
FEWER = {
    name: rules for name, rules in CONTROLS.items() if name in ("record_toggle", "marker", "held")
} | {"switch": named("switch", on(tap=[A.MARKER], hold=[A.STOP]))}

ASKED_IN = {  # law 4: the states in which a request says something the confirmed state does not
    "start": (RoomState.AVAILABLE, RoomState.PREPARED, RoomState.UNKNOWN),
    "stop": (RoomState.RECORDING, RoomState.PAUSED, RoomState.UNKNOWN),
    "pause": (RoomState.RECORDING, RoomState.UNKNOWN),
    "resume": (RoomState.PAUSED, RoomState.UNKNOWN),
    "lock": (RoomState.AVAILABLE, RoomState.PREPARED, RoomState.UNKNOWN),
    "unlock": (RoomState.LOCKED, RoomState.UNKNOWN),
}


@dataclass(frozen=True)
class Config:
    """What a configuration file may say."""

    server: str = "one"
    few_controls: bool = False
    stop: StopProtection = StopProtection.AT_ONCE
    marker_clock: MarkerTime = MarkerTime.OWN
    send_within_s: float = 5.0
    who_may_stop: WhoMayStop = WhoMayStop.ANYONE
    problem: str = ""

    @property
    def rules(self) -> Rules:
        return Rules(
            FEWER if self.few_controls else CONTROLS, None, TIMEOUT_S, SETTLE_S,
            send_within_s=self.send_within_s, marker_clock=self.marker_clock,
            stop_protection=self.stop, stop_hold_s=STOP_HOLD_S, rearm_s=2.0,
            who_may_stop=self.who_may_stop, stoppers=frozenset({14}),
            server=self.server, config_problem=self.problem,
        )  # fmt: skip


@dataclass
class Waiting:
    """An input without an outcome."""

    since: float
    kind: str
    """What it is for: "acts" on the room, "marker", "look", or "any" while nobody can tell."""
    recording: RecordingId | None
    """The one confirmed when the hand came, if any."""
    to_stop: RecordingId | None
    """The one a stop may end."""
    starting: bool
    """Whether a recording was being started then."""


@dataclass
class Mark:
    """A marker that a press became; its key is what the server can tell it by."""

    server: str
    key: tuple[RecordingId, str, int]
    asked: int | None
    """The ask by which it goes straight to the server, while it is under way."""
    due: float
    """When the answer, or the disk's, must have come."""
    kept: int | None = None
    writing: bool = False
    twice_at_most: int = 0
    raced: int = 0
    done: bool = False
    """Whether the person was told that it is set, or kept."""
    excused: bool = False
    """Whether the person was told that it failed, or the server has lied about it."""


class Box:
    """One controller, what it speaks to, and the shadow."""

    now: float
    servers: dict[str, Server]
    disk: Disk
    marks: list[Mark]

    def begin(self, config: Config) -> None:
        """Switch the box on."""
        self.controller = Controller(Rules({}))
        self.site = Rules({})
        self.shadow = Doorkeeper()
        self.waiting: dict[tuple[str, float], Waiting] = {}
        self.workers_of_box = {"presses": Worker(), "outbox": Worker()}
        self.zombies: list[Sent] = []
        self.taking = False
        self.poll_sent: tuple[float, RoomStatus] | None = None
        self.deadline: float | None = None
        self.light = LightView(receipt_no=-1)
        self.link_up, self.link_fault = False, "starting"
        self.room_since = self.now
        self.missing: set[str] = set()
        self.asked = 0
        self.answered_at = self.now
        self.press_of: dict[int, tuple[str, float]] = {}
        self.acts: dict[tuple[str, float], list[str]] = {}
        self.mark_of_ask: dict[int, Mark] = {}
        for mark in self.marks:
            mark.asked, mark.writing = None, False
        self.mark_of_id = {
            mark.kept: mark
            for mark in self.marks
            if mark.kept is not None and self.is_row(self.disk.rows.get(mark.kept), mark)
        }
        # KNOWN: a box that is restarted does not know any more which markers alike are on the
        # server, and takes one of them for one that is still in the outbox.
        keys = Counter((mark.server, mark.key) for mark in self.marks)
        for mark in self.mark_of_id.values():
            mark.raced += keys[mark.server, mark.key] > 1
        self.out: tuple[int, int, float] | None = None  # delivery: ask, marker, when given up
        self.hands_on: Counter[str] = Counter()
        self.stamped: Counter[str] = Counter()
        self.done_marks = self.told_marks = 0
        self.last_hand = self.now
        self.in_hand = Gestures()
        self.backlog: list[Event] | None = None
        self.confirmed: list[tuple[float, RecordingId | None]] = [(0.0, None)]
        self.handle(Reconfigured(config.rules, new_room=True))

    @property
    def server(self) -> Server:
        return self.servers[self.site.server or "one"]

    # -- the worker -------------------------------------------------------------------------

    def sent_by(self, worker: str) -> Sent | None:
        return self.workers_of_box[worker].sent

    def answer_event(self, sent: Sent, answer: object) -> Event:
        if isinstance(answer, ValtError):
            return AskFailed(sent.ask.id, answer, self.now)
        assert answer is None or isinstance(answer, str | tuple)
        return Answered(sent.ask.id, answer, sent.sent_at, self.now)

    def worker_is_told(self, worker: str, answer: object) -> None:
        sent = self.sent_by(worker)
        assert sent is not None
        self.workers_of_box[worker].sent = None
        self.happens(self.answer_event(sent, answer))
        self.workers_take_next()

    def workers_take_next(self) -> None:
        if self.taking:
            return  # it is what has led here
        self.taking = True
        for worker in self.workers_of_box.values():
            before = worker.sent
            while (late := worker.take(self.server, self.now)) is not None:
                self.happens(AskFailed(late.id, NotSentInTime("too busy"), self.now))
            sent = worker.sent
            if sent is not None and sent is not before and changes_room(sent.ask.request):
                assert self.now <= sent.ask.send_before
                self.check_sent(sent.ask)
        self.taking = False

    def check_sent(self, ask: Ask) -> None:
        """See that nothing is sent whose press has its outcome: nobody expects it any more."""
        if self.backlog is None:
            assert self.press_of[ask.id] in self.waiting, "a stale command"

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.backlog is None and self.deadline is not None and self.deadline <= end:
            self.now = max(self.now, self.deadline)
            self.handle(Tick())
            assert self.deadline is None or self.deadline > self.now, "it would run for ever"
        self.now = max(self.now, end)

    # -- one step, and what must hold after it ------------------------------------------------

    def happens(self, event: Event) -> None:
        if self.backlog is not None:
            self.backlog.append(event)
        else:
            self.handle(event)

    def handle(self, event: Event) -> None:
        self.broken = True
        self.note_event(event)
        before = self.light
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        done_before = self.done_marks
        doubtful = self.note_marks(event, step.commands)
        outcomes = [command.outcome for command in step.commands if isinstance(command, Report)]
        for command in step.commands:
            self.check_secrets(command)
            match command:
                case Ask():
                    self.check_ask(command, event)
                case Keep(marker):
                    self.check_keep(marker, doubtful)
                    self.disk.orders.append(command)
                case MarkSent() | Drop():
                    self.disk.orders.append(command)
                case Report(outcome):
                    self.check_outcome(outcome)
                case Show(view):
                    assert view != self.light
                    self.light = view
        told = [o for o in outcomes if o.action == "marker" and o.result is Result.DONE]
        assert len(told) <= self.done_marks - done_before
        if len(outcomes) == 1 and outcomes[0].result is Result.FAILED:
            receipts = Receipt.REFUSED, Receipt.DENIED, Receipt.LOCKED_OUT
            assert self.light.receipt in receipts
        self.check_light(before, event)
        self.check_deadlines()
        if self.confirmed[-1][1] != self.recording_now:
            since = event.at if isinstance(event, RoomPolled | Answered) else self.now
            self.confirmed.append((since, self.recording_now))
        self.broken = False
        self.workers_take_next()

    @property
    def recording_now(self) -> RecordingId | None:
        return self.controller._context.truth.clock.recording

    def recording_at(self, at: float) -> RecordingId | None:
        return [recording for since, recording in self.confirmed if since <= at][-1]

    # -- the shadow ---------------------------------------------------------------------------

    def note_event(self, event: Event) -> None:
        match event:
            case Pressed(control, at):
                self.hands_on[control] += 1
                bound = self.site.controls.get(control)
                if bound is None:
                    self.wait(control, at, "none")
                    return
                fired = self.in_hand.pressed(control, bound, at)
                second = Fired(control, Gesture.DOUBLE, 0.0, at)
                doubles = [replace(f, at=0.0) for f in fired if isinstance(f, Fired)]
                if second not in doubles and bound.actions.keys() != {Gesture.RELEASE}:
                    self.wait(control, at, self.kind_of(control, bound))
            case Released(control, at):
                self.hands_on[control] += 1
                bound = self.site.controls.get(control)
                self.in_hand.expire(at)
                if bound is not None:
                    self.in_hand.released(control, bound, at)
                    if Gesture.RELEASE in bound.actions:
                        self.wait(control, at, "any")
            case Scanned(reader, _, _, at):
                if self.shadow.was_there(event, 2.0) is not Again.IGNORE:
                    self.wait(reader, at, "acts")
            case Misread(reader, at, why):
                unread = Scanned(reader, NumberKind.BADGE, Secret(why), at)
                if self.shadow.was_there(unread, 2.0) is not Again.IGNORE:
                    self.wait(reader, at, "none")
            case Answered(ask, _, _, at):
                if self.press_of.get(ask) in self.waiting and self.press_of[ask] in self.acts:
                    self.answered_at = at
            case RoomPolled():
                if event.sent_at >= self.room_since:
                    self.link_up, self.link_fault = True, ""
            case WatchFailed(error):
                self.link_up, self.link_fault = False, error.light.value
            case Reconfigured(rules, new_room):
                self.site = rules
                self.in_hand.cancel("")
                if new_room:
                    self.link_up, self.link_fault, self.room_since = False, "starting", self.now
            case DeviceLost(device, _, is_lamp):
                if device not in self.missing and not is_lamp:
                    self.in_hand.cancel("")
                self.missing.add(device)
            case DeviceFound(device):
                self.missing.discard(device)
            case DeviceForgotten(device):
                self.missing.discard(device)
                self.in_hand.cancel("")
            case OutboxLost():
                self.missing.add("outbox")
            case OutboxRead():
                self.missing.discard("outbox")
            case Tick():
                self.in_hand.expire(self.now)

    def kind_of(self, control: str, bound: ControlRules) -> str:
        actions = [binding.action for bindings in bound.actions.values() for binding in bindings]
        stops = Action.STOP in actions or Action.RECORD_TOGGLE in actions
        if len(actions) > 1 or bound.waits:
            return "any"
        if stops and self.site.stop_protection is StopProtection.HOLD:
            return "any"  # it may be held down while another one acts
        return {Action.MARKER: "marker", Action.SHOW_STATUS: "look"}.get(actions[0], "acts")

    def wait(self, source: str, at: float, kind: str) -> None:
        assert (source, at) not in self.waiting
        starting = self.controller._acting.starts
        recording = self.recording_at(at)
        self.waiting[source, at] = Waiting(self.now, kind, recording, recording, starting)

    def note_marks(self, event: Event, commands: Sequence[Command]) -> list[Mark]:
        """Follow the markers; return those of which nobody knows whether they are set."""
        dropped = {command.id for command in commands if isinstance(command, Drop)}
        doubtful: list[Mark] = []
        match event:
            case Answered(ask):
                mark = self.mark_of_ask.get(ask)
                if mark is not None and mark.asked == ask:
                    mark.asked = None
                    self.is_done(mark)
                elif self.out is not None and self.out[0] == ask:
                    assert self.out[1] in dropped
                    self.out = None
            case AskFailed(ask, error):
                mark = self.mark_of_ask.get(ask)
                if mark is not None and mark.asked == ask:
                    mark.asked = None
                    doubtful.append(mark)
                elif self.out is not None and self.out[0] == ask:
                    if self.out[1] in dropped:
                        assert any(isinstance(c, Note) and c.problem for c in commands)
                        assert isinstance(error, Refused | ServerFailed | BadReply)
                        self.mark_of_id[self.out[1]].excused = True
                    self.out = None
            case Kept(id_):
                if self.mark_of_id[id_].writing:
                    self.mark_of_id[id_].writing = False
                    self.is_done(self.mark_of_id[id_])
            case NotKept(id_, _):
                self.mark_of_id[id_].writing = False
            case Reconfigured(_, new_room) if new_room:
                for mark in self.marks:
                    mark.asked = None
        for mark in self.marks:
            if mark.asked is not None and self.now >= mark.due:
                mark.asked = None
                doubtful.append(mark)
            if mark.writing and self.now >= mark.due:
                assert mark.kept in dropped
                mark.writing = False
        if self.out is not None and self.now >= self.out[2]:
            self.out = None
        return doubtful

    def is_done(self, mark: Mark) -> None:
        mark.done = True
        self.done_marks += 1

    @staticmethod
    def is_row(row: KeptMarker | None, mark: Mark) -> bool:
        if row is None:
            return False
        return (row.server, (row.recording, row.name, row.time_s)) == (mark.server, mark.key)

    # -- what must hold -----------------------------------------------------------------------

    def check_outcome(self, outcome: Outcome) -> None:
        key = (outcome.source, outcome.pressed_at)
        assert key in self.waiting, "a second outcome, or one for nothing"
        assert outcome.reason
        assert outcome.at == self.now
        del self.waiting[key]
        if "marker" in outcome.action.split("+") and outcome.result is Result.DONE:
            self.told_marks += 1
            assert self.told_marks <= self.done_marks

    @staticmethod
    def check_secrets(command: Command) -> None:
        texts = [repr(command), str(command)]
        match command:
            case Report(outcome):
                texts += [repr(outcome), outcome.reason]
            case Note(text):
                texts.append(text)
        for number in (*BADGES, *PINS):  # as a word: a moment may have the same digits
            assert not any(re.search(rf"(?<![\w.]){number}(?![\w.])", text) for text in texts)

    def check_ask(self, ask: Ask, event: Event) -> None:
        assert ask.id == self.asked + 1
        self.asked = ask.id
        assert self.link_up or isinstance(event, Answered), "asked in the dark"
        assert not self.site.config_problem
        box = self.workers_of_box
        match ask.request:
            case AddMarker(recording, name, _, time_s):
                assert ask.send_before == self.now + TIMEOUT_S
                mark = self.new_mark((recording, name, time_s))
                mark.asked, mark.due = ask.id, self.now + DUE_S
                self.mark_of_ask[ask.id] = mark
                box["presses"].put(ask)
            case DeliverMarker(marker):
                assert ask.send_before == self.now + TIMEOUT_S
                assert self.out is None, "one at a time"
                assert marker.server == self.site.server
                mark = self.mark_of_id[marker.id]
                assert self.is_row(marker, mark)
                if not marker.was_sent:
                    assert MarkSent(marker.id) in self.disk.orders, "the disk must know first"
                assert not mark.writing, "not before the disk has it"
                self.out = ask.id, marker.id, self.now + TIMEOUT_S + TIMEOUT_S + GRACE_S
                self.mark_of_ask[ask.id] = mark
                box["outbox"].put(ask)
            case _:
                self.check_act(ask, event)
                box["presses"].put(ask)

    def check_act(self, ask: Ask, event: Event) -> None:
        """See that a request that changes the room is wanted: by one press, now, and once."""
        pending, status = self.controller._acting._pending, self.controller._context.truth.status
        assert pending is not None
        assert status is not None
        press, key = pending.press, (pending.press.source, pending.press.at)
        waiting = self.waiting[key]
        assert waiting.kind in ("acts", "any")
        if not press.told:  # else the action before has come to its end, in whatever way
            assert isinstance(event, Pressed | Released | Scanned | Answered | Tick)
        clear_at = press.clear_at
        given_up_at = self.now + self.site.reply_timeout_s
        assert ask.send_before == min(clear_at + self.site.send_within_s, given_up_at)
        in_hand_s = STOP_HOLD_S if waiting.kind == "any" else 0.0
        assert press.at - 1e-6 <= clear_at <= press.at + in_hand_s + 1e-6
        assert self.now <= ask.send_before, "a stale command"
        self.press_of[ask.id] = key
        if isinstance(ask.request, FindUser):
            assert key not in self.acts
            return
        verb = verb_of(ask.request)
        assert status.acts_as in ASKED_IN[verb], "the confirmed state has answered it"
        acts = self.acts.setdefault(key, [])
        assert verb not in acts, "a press that acts twice"
        acts.append(verb)
        assert len(acts) <= 1 + ("+" in press.source)
        if isinstance(ask.request, StopRecording):
            meant, there = waiting.to_stop, self.recording_now
            assert None in (meant, there) or meant == there, "a recording that was not meant"

    def check_keep(self, marker: KeptMarker, doubtful: list[Mark]) -> None:
        assert marker.server == self.site.server
        key = marker.recording, marker.name, marker.time_s
        mark = next((mark for mark in doubtful if mark.key == key), None)
        if mark is not None:
            doubtful.remove(mark)
        else:
            assert not marker.was_sent
            mark = self.new_mark(key)
        mark.kept, mark.writing, mark.due = marker.id, True, self.now + DUE_S
        self.mark_of_id[marker.id] = mark

    def new_mark(self, key: tuple[RecordingId, str, int]) -> Mark:
        """See that a press is behind it, and that the marker is for the recording it meant."""
        recording, name, time_s = key
        control = "counted" if name.startswith("counted") else name
        self.stamped[control] += 1
        assert self.stamped[control] <= self.hands_on[control], "one press, one marker"
        assert time_s >= 0
        # KNOWN: a marker that is handled after a poll which came later than the hand is for the
        # recording of that poll, if by the server's time that one ran already. Right might be: no.
        clock = self.controller._context.truth.clock
        assert any(
            waiting.recording in (recording, None)
            or (recording == clock.recording and not clock.began_after(at))
            or waiting.starting
            or "start" in source
            for (source, at), waiting in self.waiting.items()
            if source == control
        ), "a marker for another recording than the one that was there"
        self.marks.append(Mark(self.site.server, key, None, 0.0))
        return self.marks[-1]

    def check_deadlines(self) -> None:
        assert not self.waiting or self.deadline is not None
        longest_s = DUE_S if self.waiting else max(DELIVERY_S, LONGEST_RETRY_S)
        assert self.deadline is None or self.deadline <= self.now + longest_s
        limits = {"none": 0.0, "look": DUE_S, "acts": LONGEST_BADGE_S}
        for waiting in self.waiting.values():
            assert self.now < waiting.since + limits.get(waiting.kind, LONGEST_S)
        acting = [waiting for waiting in self.waiting.values() if waiting.kind == "acts"]
        assert len(acting) <= 1, "two state-changing presses at once"

    def check_light(self, before: LightView, event: Event) -> None:
        light = self.light
        assert light.pending == bool(self.waiting)
        assert (light.room is not None) == self.link_up
        if self.site.config_problem:
            assert light.fault == "config"
        elif self.link_up:
            assert light.fault == ("device" if self.missing else "")
        else:
            assert light.fault == self.link_fault
        if light.room is not None:
            assert light.records == (light.room in (RoomState.RECORDING, RoomState.PAUSED))
        if light.records != before.records or (light.room or before.room) is not before.room:
            confirms = isinstance(event, RoomPolled | Answered | Reconfigured)
            assert confirms, "only the server confirms a state"
        if isinstance(event, RoomPolled) and light.room is not before.room and before.room:
            assert light.room is event.status.shown
            assert event.sent_at >= self.answered_at, "old news"

    def check_outbox(self) -> None:
        """See that every marker is where it belongs, once, and that nothing waits any more."""
        ours = self.site.server
        assert not [marker for marker in self.controller._outbox.waiting if marker.server == ours]
        assert not [row for row in self.disk.rows.values() if row.server == ours]
        for key in {(mark.server, mark.key) for mark in self.marks}:
            marks = [mark for mark in self.marks if (mark.server, mark.key) == key]
            there = self.servers[key[0]].markers.count(key[1])
            assert there <= len(marks) + sum(mark.twice_at_most for mark in marks), (
                "twice because of one press"
            )
            if key[0] == ours:
                due = sum(mark.done and not mark.excused for mark in marks)
                due -= sum(mark.raced for mark in marks)
                assert there >= due, "a marker that was promised is not there"

"""The controller at the door: presses, badges, PINs, and a server that does as it likes.

`Door` feeds events in simulated time and checks after every step what must always hold: one
outcome per input, no request for an input that has its outcome, a deadline whenever something
waits, and a light that is a function of confirmed state, pending presses and link.
"""

from __future__ import annotations

import pytest

from ivsd.controller import Controller
from ivsd.events import (
    Action,
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    Binding,
    ControlRules,
    DeliverMarker,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Disturbed,
    Drop,
    Event,
    FindUser,
    Gesture,
    Keep,
    Kept,
    LightView,
    LockRoom,
    Misread,
    Note,
    NumberKind,
    OutboxRead,
    Outcome,
    PauseRecording,
    PollNow,
    Pressed,
    Receipt,
    Reconfigured,
    Released,
    RenewalFailed,
    Report,
    Request,
    ResumeRecording,
    RoomInformed,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    StopRecording,
    Tick,
    UnlockRoom,
    WatchFailed,
)
from ivsd.valt.errors import (
    BadReply,
    ConnectionLost,
    LogInRefused,
    NoReply,
    NotAllowed,
    NotFound,
    NotSentInTime,
    Refused,
    RoomNotFound,
    ServerFailed,
    TlsUntrusted,
    Unreachable,
    ValtError,
)
from ivsd.valt.model import (
    RecordingId,
    Room,
    RoomInfo,
    RoomState,
    RoomStatus,
    Secret,
    User,
)


def on_press(action: Action, name: str = "", colour: str = "red") -> ControlRules:
    return ControlRules({Gesture.PRESS: (Binding(action, name, colour),)})


BINDINGS = {
    "record": on_press(Action.RECORD_TOGGLE),
    "start": on_press(Action.START),
    "stop": on_press(Action.STOP),
    "pause": on_press(Action.PAUSE_TOGGLE),
    "lock": on_press(Action.LOCK_TOGGLE),
    "marker": on_press(Action.MARKER, "Question", "blue"),
}
ALICE = User(12, "Alice Archer", Secret("0004711001"))
RULES = Rules(BINDINGS, default_author=7, reply_timeout_s=5.0, settle_s=5.0, just_started_s=2.0)

AVAILABLE = RoomStatus(RoomState.AVAILABLE, word="available")
PREPARED = RoomStatus(RoomState.PREPARED, word="prepared")
LOCKED = RoomStatus(RoomState.LOCKED, word="locked")
RECORDING = RoomStatus(RoomState.RECORDING, "R1", True, "recording")
PAUSED = RoomStatus(RoomState.PAUSED, "R1", True, "paused")
OTHER = RoomStatus(RoomState.RECORDING, "R2", True, "recording")

DONE, FAILED, IGNORED = "done", "failed", "ignored"


class Door:
    """One controller, what it has said so far, and the time."""

    def __init__(self, status: RoomStatus | None = AVAILABLE, rules: Rules = RULES) -> None:
        self.controller = Controller(rules)
        self.now = 100.0
        self.said: list[object] = []
        self.light = LightView()
        self.deadline: float | None = None
        self._open: list[tuple[str, float]] = []
        self._problem = rules.config_problem
        self._since = self._answered_at = 0.0
        self._link_up = False
        self._clear_at: dict[int, float] = {}
        """Ask -> when the wish behind it became clear; here no control has anything but a press."""
        self._on_disk: set[int] = set()
        self.feed(Tick())
        self.feed(OutboxRead(()))
        if status is not None:
            self.poll(status)
            self.now += 60.0

    # -- events -----------------------------------------------------------------------------

    def feed(self, event: Event) -> list[object]:
        if isinstance(event, Pressed):
            self._open.append((event.control, event.at))
        elif isinstance(event, Scanned | Misread):
            self._open.append((event.reader, event.at))
        elif isinstance(event, Reconfigured):
            self._problem = event.rules.config_problem
            self._link_up = self._link_up and not event.new_room
            self._since = self.now if event.new_room else self._since
        elif isinstance(event, WatchFailed):
            self._link_up = False
        elif isinstance(event, RoomPolled) and event.sent_at >= self._since:
            self._link_up = True
        if isinstance(event, Answered):
            self._answered_at = self.now
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        for command in step.commands:
            # Whoever builds new lamps may want the same light once more, nobody else does.
            assert not isinstance(command, Show) or (
                command.view != self.light or isinstance(event, Reconfigured | Tick)
            )
            self._take(command, event)
        self._check()
        self.said += step.commands
        for command in step.commands:
            if isinstance(command, Keep):  # a quick disk; a slow one is in test_controller_outbox
                self.feed(Kept(command.marker.id))
        return list(step.commands)

    def _take(self, command: object, event: Event) -> None:
        if isinstance(command, Show):
            self.light = command.view
        elif isinstance(command, Report):
            key = (command.outcome.source, command.outcome.pressed_at)
            assert key in self._open, f"an outcome for an input that waits for none: {key}"
            self._open.remove(key)
            assert command.outcome.at == self.now
        elif isinstance(command, Keep):
            self._on_disk.add(command.marker.id)
        elif isinstance(command, Drop):
            self._on_disk.remove(command.id)
        elif isinstance(command, Ask) and isinstance(command.request, DeliverMarker):
            assert command.request.marker.id in self._on_disk, "delivered before it is safe"
            assert command.send_before == self.now + RULES.reply_timeout_s
        elif isinstance(command, Ask):
            assert self._open, "a request that nobody pressed for"
            if isinstance(command.request, AddMarker):  # its second is settled
                assert command.send_before == self.now + RULES.reply_timeout_s
            else:
                assert command.send_before == self._wish_of(command, event) + RULES.send_within_s
                assert self.now <= command.send_before, "sent too late: it surprises people"

    def _wish_of(self, ask: Ask, event: Event) -> float:
        """When it became clear that somebody wants this: it is not asked for at other times."""
        assert isinstance(event, Pressed | Scanned | Answered), "nobody wants this now"
        at = self._clear_at[event.ask] if isinstance(event, Answered) else event.at
        self._clear_at[ask.id] = at
        return at

    def _check(self) -> None:
        assert self.light.pending == bool(self._open)
        assert (self.light.room is not None) <= self._link_up
        if self._open:
            assert self.deadline is not None
        elif self.deadline is not None and not self._on_disk:
            # The effect of a command is still watched for.
            assert self.now <= self._answered_at + RULES.settle_s + 2.0
        assert self.deadline is None or self.now < self.deadline <= self.now + 6.0
        if self._problem:
            assert self.light.fault == "config"
        elif self._link_up:
            assert self.light.fault in ("", "device")
        else:
            assert self.light.fault not in ("", "device", "config")

    def press(self, control: str) -> list[object]:
        return self.feed(Pressed(control, self.now))

    def swipe(
        self, number: str = "0004711001", kind: NumberKind = NumberKind.BADGE
    ) -> list[object]:
        return self.feed(Scanned("reader", kind, Secret(number), self.now))

    def poll(self, status: RoomStatus, sent_at: float | None = None) -> list[object]:
        return self.feed(RoomPolled(status, self.now if sent_at is None else sent_at, self.now))

    def answer(self, result: RecordingId | tuple[User, ...] | None, ask: Ask | None = None,
               took_s: float = 0.0) -> list[object]:  # fmt: skip
        """Let the server say yes to the last request, `took_s` after it was sent."""
        ask, sent_at = ask or self.last_ask, self.now
        self.now += took_s
        return self.feed(Answered(ask.id, result, sent_at, self.now))

    def fail(self, error: ValtError, ask: Ask | None = None) -> list[object]:
        return self.feed(AskFailed((ask or self.last_ask).id, error, self.now))

    def lose(self, error: ValtError) -> list[object]:
        return self.feed(WatchFailed(error, self.now))

    def wait(self, seconds: float) -> None:
        """Let time pass; a Tick comes whenever the controller asked for one."""
        end = self.now + seconds
        while self.deadline is not None and self.deadline <= end:
            self.now = self.deadline
            self.feed(Tick())
        self.now = end

    def later(self, seconds: float) -> Door:
        self.wait(seconds)
        return self

    # -- what came of it --------------------------------------------------------------------

    @property
    def asks(self) -> list[Ask]:
        return [said for said in self.said if isinstance(said, Ask)]

    @property
    def last_ask(self) -> Ask:
        return self.asks[-1]

    @property
    def requests(self) -> list[Request]:
        return [ask.request for ask in self.asks]

    @property
    def outcomes(self) -> list[Outcome]:
        return [said.outcome for said in self.said if isinstance(said, Report)]

    @property
    def results(self) -> list[str]:
        return [outcome.result.value for outcome in self.outcomes]

    @property
    def last(self) -> tuple[str, str]:
        """Result and reason of the last outcome."""
        return self.outcomes[-1].result.value, self.outcomes[-1].reason

    @property
    def notes(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Note)]

    @property
    def warnings(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Note) and said.problem]


def polls_now(commands: list[object]) -> int:
    return sum(isinstance(command, PollNow) for command in commands)


def started(by: str = "record") -> Door:
    """A door at which a recording was started just now, by a press that took 0.2 s."""
    door = Door()
    door.press(by)
    door.answer("R1", took_s=0.2)
    return door


# -- presses ----------------------------------------------------------------------------------


def test_a_press_starts_a_recording_with_one_request() -> None:
    door = Door()
    door.press("record")
    assert door.requests == [StartRecording(7, "")]
    assert (door.light.name, door.results) == ("pending", [])
    door.answer("R1", took_s=0.2)
    assert door.last == (DONE, "recording started")
    assert (door.light.name, door.light.records) == ("recording", True)
    assert len(door.asks) == 1


def test_the_outcome_tells_who_pressed_what_and_when_it_ended() -> None:
    door = Door()
    pressed_at = door.now
    door.press("record")
    door.answer("R1", took_s=0.25)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.action) == ("record", "record_toggle")
    assert (outcome.pressed_at, outcome.at) == (pressed_at, pressed_at + 0.25)


def test_a_yes_of_the_server_is_checked_by_a_poll_at_once() -> None:
    door = Door()
    door.press("record")
    assert polls_now(door.answer("R1")) == 1


def test_a_done_press_leaves_no_receipt_over_the_new_state() -> None:
    light = started().light
    assert (light.receipt, light.receipt_no) == (None, 0)


def test_the_controllers_own_deadline_lies_behind_the_workers_time_out() -> None:
    """A worker that answers in its own time tells more than a deadline can."""
    door = Door()
    door.swipe()
    assert door.deadline == door.last_ask.send_before + 1.0
    door.wait(4.0)
    door.answer((ALICE,))
    assert door.deadline == door.now + 6.0, "the look-up takes nothing from the press's own time"
    door.answer("R1")
    door.press("marker")
    door.wait(5.9)
    assert door.results == [DONE]
    door.wait(0.2)
    assert door.results == [DONE, DONE]  # it failed here when there was no outbox to keep it in
    assert "is kept on this box until it is delivered" in door.last[1]


@pytest.mark.parametrize(
    ("status", "control", "request_", "afterwards"),
    [
        (RECORDING, "record", StopRecording(), "available"),
        (RECORDING, "pause", PauseRecording(), "paused"),
        (PAUSED, "pause", ResumeRecording(), "recording"),
        (PAUSED, "record", StopRecording(), "available"),
        (AVAILABLE, "lock", LockRoom(), "locked"),
        (LOCKED, "lock", UnlockRoom(), "available"),
        (PREPARED, "record", StartRecording(7, ""), "recording"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_servers_yes_is_what_the_light_shows(
    status: RoomStatus, control: str, request_: Request, afterwards: str
) -> None:
    door = Door(status)
    door.press(control)
    assert door.requests == [request_]
    door.answer("R1" if status.has_recording or afterwards == "recording" else None)
    assert (door.results, door.light.name) == ([DONE], afterwards)
    assert door.light.records == (afterwards in ("recording", "paused"))


def test_a_control_without_a_binding_is_answered() -> None:
    door = Door()
    door.press("no such control")
    assert door.last == (IGNORED, "nothing is bound to this control")
    assert door.requests == []


def test_a_release_and_a_tick_change_nothing() -> None:
    door = Door()
    assert door.feed(Released("record", door.now)) == []
    assert door.feed(Tick()) == []


def test_a_failed_daily_log_in_is_a_note_and_no_fault() -> None:
    door = Door()
    door.feed(RenewalFailed(LogInRefused("the server refuses the log-in of 'keypad'")))
    assert len(door.warnings) == 1
    assert "the server refuses the log-in" in door.warnings[0]
    assert door.light.name == "available"


# -- badges and PINs --------------------------------------------------------------------------


def test_a_badge_starts_a_recording_of_its_owner() -> None:
    door = Door()
    door.swipe()
    assert door.requests == [FindUser(Secret("0004711001"))]
    door.answer((ALICE,))
    assert door.requests[1:] == [StartRecording(12, "Alice Archer")]
    assert door.results == []
    door.answer("R1")
    assert (door.last, door.outcomes[0].source) == ((DONE, "recording started"), "reader")


def test_second_swipe_of_the_same_badge_stops_the_recording() -> None:
    door = Door()
    for result in ("R1", "R1"):
        door.swipe()
        door.answer((ALICE,))
        door.answer(result)
        door.wait(2.5)
    assert door.requests[3] == StopRecording()
    assert (door.results, door.light.name) == ([DONE, DONE], "available")


def test_a_pin_works_like_a_badge() -> None:
    door = Door()
    door.swipe("2580", NumberKind.PIN)
    door.answer((User(14, "Carol Cook"),))
    door.answer("R1")
    assert door.requests == [FindUser(Secret("2580")), StartRecording(14, "Carol Cook")]
    assert (door.outcomes[0].action, door.results) == ("pin", [DONE])


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ((), "nobody has this number (…001)"),
        ((ALICE, User(13, "Bob Baker")), "several VALT users have this number (…001)"),
    ],
    ids=["nobody", "two"],
)
def test_a_number_that_is_not_one_persons_is_denied(users: tuple[User, ...], reason: str) -> None:
    door = Door()
    door.swipe()
    door.answer(users)
    assert (door.last, door.light.receipt) == ((FAILED, reason), Receipt.DENIED)
    assert len(door.requests) == 1


def test_a_badge_is_denied_when_the_server_cannot_be_asked() -> None:
    door = Door()
    door.swipe()
    door.fail(Unreachable("no way to valt: is the network connected?"))
    assert door.last == (FAILED, "no way to valt: is the network connected?")
    assert door.light.receipt is Receipt.DENIED


def test_a_badge_is_denied_while_the_link_is_down() -> None:
    door = Door()
    door.lose(Unreachable("no way to valt"))
    door.swipe()
    assert (door.results, door.light.receipt) == ([FAILED], Receipt.DENIED)


def test_a_badge_whose_look_up_never_ends_gets_its_outcome_in_time() -> None:
    door = Door()
    door.swipe()
    door.wait(6.0)
    assert (door.results, door.light.receipt) == ([FAILED], Receipt.DENIED)
    assert len(door.requests) == 1


def test_a_badge_meant_to_stop_what_others_have_stopped_meanwhile_is_ignored() -> None:
    """The wish was settled by what the person saw; it must not turn into a start."""
    door = Door(RECORDING)
    door.swipe()
    door.poll(AVAILABLE)
    door.answer((ALICE,))
    assert (door.results, len(door.requests)) == ([IGNORED], 1)


def test_a_badge_meant_to_start_what_others_have_started_meanwhile_is_ignored() -> None:
    door = Door()
    door.swipe()
    door.poll(OTHER)
    door.answer((ALICE,))
    assert (door.results, len(door.requests)) == ([IGNORED], 1)


def test_a_badge_in_a_room_that_was_locked_meanwhile_is_refused() -> None:
    door = Door()
    door.swipe()
    door.poll(LOCKED)
    door.answer((ALICE,))
    assert (door.last, len(door.requests)) == ((FAILED, "the room is locked"), 1)


# -- busy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["record", "start", "stop", "pause", "lock"])
def test_a_press_while_another_is_under_way_is_ignored_as_busy(control: str) -> None:
    door = Door(RECORDING if control in ("stop", "pause") else AVAILABLE)
    door.press("record")
    door.press(control)
    assert (door.results, len(door.asks)) == ([IGNORED], 1)
    assert door.outcomes[0].reason.startswith("busy: record")
    assert door.light.name == "pending"


def test_a_badge_while_a_press_is_under_way_is_ignored_as_busy() -> None:
    door = Door()
    door.press("record")
    door.swipe()
    assert (door.last[0], len(door.asks)) == (IGNORED, 1)
    assert door.last[1].startswith("busy")


def test_a_busy_press_is_not_carried_out_later() -> None:
    door = Door()
    door.press("record")
    door.press("lock")
    door.answer("R1")
    door.wait(30.0)
    assert (len(door.asks), door.results) == (1, [IGNORED, DONE])


# -- just started (decision 20) ---------------------------------------------------------------


def test_an_impatient_second_press_does_not_end_the_recording() -> None:
    door = started().later(1.9)
    door.press("record")
    assert door.last == (IGNORED, "the recording was just started")
    assert door.requests == [StartRecording(7, "")]
    door.wait(0.2)
    door.press("record")
    assert door.requests[1:] == [StopRecording()]


def test_another_toggle_is_hindered_by_a_start_just_now() -> None:
    rules = Rules(BINDINGS | {"second": on_press(Action.RECORD_TOGGLE)})
    door = Door(rules=rules)
    door.press("record")
    door.answer("R1")
    door.wait(1.0)
    door.press("second")
    assert door.last == (IGNORED, "the recording was just started")


def test_a_colleagues_badge_is_hindered_by_a_start_just_now() -> None:
    door = started().later(1.0)
    door.swipe("0004711002")
    assert (door.last, len(door.asks)) == ((IGNORED, "the recording was just started"), 1)


def test_a_start_by_somebody_else_guards_the_toggle_too() -> None:
    door = Door()
    door.poll(OTHER)
    door.wait(1.0)
    door.press("record")
    assert door.last == (IGNORED, "the recording was just started")


def test_a_stop_just_now_is_not_turned_into_a_new_start() -> None:
    door = Door(RECORDING)
    door.press("record")
    door.answer("R1")
    door.wait(1.0)
    door.press("record")
    assert door.last == (IGNORED, "the recording was just stopped")
    assert door.requests == [StopRecording()]


def test_an_explicit_stop_is_not_hindered_by_a_start_just_now() -> None:
    door = started().later(0.1)
    door.press("stop")
    assert door.requests[1:] == [StopRecording()]


def test_an_explicit_start_is_not_hindered_by_a_stop_just_now() -> None:
    door = Door(RECORDING)
    door.press("stop")
    door.answer("R1")
    door.press("start")
    assert door.requests[1:] == [StartRecording(7, "")]


def test_the_first_poll_of_a_running_recording_is_no_start_just_now() -> None:
    door = Door(None)
    door.poll(RECORDING)
    door.press("record")
    assert door.requests == [StopRecording()]


def test_the_poll_that_confirms_a_start_does_not_make_it_younger() -> None:
    door = started().later(1.5)
    door.poll(RECORDING)
    door.wait(0.6)
    door.press("record")
    assert door.requests[1:] == [StopRecording()]


@pytest.mark.parametrize(
    ("status", "control", "result"),
    [
        (AVAILABLE, "record", "R1"),
        (RECORDING, "pause", "R1"),
        (AVAILABLE, "lock", None),
    ],
    ids=["record", "pause", "lock"],
)
def test_a_second_press_made_before_the_first_was_answered_does_not_undo_it(
    status: RoomStatus, control: str, result: str | None
) -> None:
    """Law 5: what counts is what the person could see when pressing, not when it is read."""
    door = Door(status)
    door.press(control)
    door.now += 0.1
    second_at = door.now
    door.now += 0.005  # the answer overtakes the second press on the way through the queue
    door.answer(result)
    door.now += 0.005
    door.feed(Pressed(control, second_at))
    assert len(door.requests) == 1
    assert door.results == [DONE, IGNORED]


# -- no link ----------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["record", "start", "stop", "pause", "lock", "marker"])
def test_a_press_before_the_first_poll_fails_as_state_unknown(control: str) -> None:
    door = Door(None)
    door.press(control)
    assert door.last[0] == FAILED
    assert "state is unknown" in door.last[1]
    assert (door.requests, door.light.name) == ([], "starting")


@pytest.mark.parametrize("control", ["record", "start", "stop", "pause", "lock"])
def test_a_press_with_the_link_down_fails_and_says_why(control: str) -> None:
    door = Door(RECORDING)
    door.lose(Unreachable("no way to valt: is the network connected?"))
    door.press(control)
    assert door.last[0] == FAILED
    assert "state is unknown" in door.last[1]
    assert "no way to valt: is the network connected?" in door.last[1]
    assert (door.requests, door.light.receipt) == ([], Receipt.REFUSED)


def test_a_lost_link_is_told_once_and_so_is_its_return() -> None:
    door = Door(RECORDING)
    for _ in range(3):
        door.lose(Unreachable("no way to valt"))
        door.wait(1.0)
    assert door.notes == door.warnings == ["no way to valt"]
    for _ in range(3):
        door.poll(RECORDING)
        door.wait(1.0)
    assert (len(door.notes), len(door.warnings)) == (2, 1)
    assert "back" in door.notes[1]


def test_another_cause_of_the_lost_link_is_told_too() -> None:
    door = Door()
    door.lose(Unreachable("no way to valt"))
    door.lose(TlsUntrusted("the certificate of valt has expired"))
    assert door.notes == ["no way to valt", "the certificate of valt has expired"]
    assert door.light.name == "tls"


@pytest.mark.parametrize(
    ("error", "light"),
    [
        (Unreachable("x"), "no_link"),
        (NoReply("x"), "no_link"),
        (LogInRefused("x"), "no_login"),
        (TlsUntrusted("x"), "tls"),
        (BadReply("x"), "server"),
        (ServerFailed("x"), "server"),
        (RoomNotFound("x"), "no_room"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_light_names_the_cause_of_a_lost_link(error: ValtError, light: str) -> None:
    door = Door()
    door.lose(error)
    assert door.light.name == light
    door.poll(AVAILABLE)
    assert door.light.name == "available"


def test_the_recording_sign_stays_on_while_the_link_is_lost() -> None:
    door = Door(RECORDING)
    door.lose(Unreachable("no way to valt"))
    assert (door.light.records, door.light.room) == (True, None)
    door.poll(AVAILABLE)
    assert not door.light.records


def test_a_link_lost_and_back_is_no_start_just_now() -> None:
    door = Door(RECORDING)
    door.lose(Unreachable("no way to valt"))
    door.poll(RECORDING)
    door.press("record")
    assert door.requests == [StopRecording()]


# -- markers ----------------------------------------------------------------------------------


def test_a_marker_stands_at_the_second_of_its_press() -> None:
    door = started().later(12.0)
    at = door.now
    door.now += 3.0  # the press waited in the queue for so long
    door.feed(Pressed("marker", at))
    assert door.requests[1:] == [AddMarker("R1", "Question", "blue", 12)]
    door.answer(None)
    assert door.last == (DONE, "marker “Question” at 00:12")
    assert door.light.receipt is Receipt.MARKED


@pytest.mark.parametrize(
    ("after_s", "second"), [(74.375, 74), (74.5, 75), (75.0, 75), (75.375, 75), (75.5, 76)]
)
def test_a_marker_stands_at_the_nearest_second(after_s: float, second: int) -> None:
    """Rounded since markers may stand half a second off, where the running second was one off.

    The times can be told exactly in binary, so that a half is a half.
    """
    door = Door()
    door.poll(RECORDING)
    door.wait(after_s)
    door.press("marker")
    door.wait(0.5)  # one rounded up is not sent before the recording is so long
    assert door.requests == [AddMarker("R1", "Question", "blue", second)]
    door.answer(None)
    assert door.last == (DONE, f"marker “Question” at 01:{second - 60}")


@pytest.mark.parametrize("after_s", [74.5, 74.625, 74.875])
def test_a_marker_whose_second_is_not_reached_is_held_back_until_it_is(after_s: float) -> None:
    door = Door()
    door.poll(RECORDING)
    began = door.now
    door.wait(after_s)
    door.press("marker")
    assert (door.requests, door.light.name, door.deadline) == ([], "pending", began + 75.0)
    door.wait(75.0 - after_s)
    assert door.requests == [AddMarker("R1", "Question", "blue", 75)]
    assert door.last_ask.send_before == began + 75.0 + RULES.reply_timeout_s
    door.answer(None)
    assert (door.results, door.light.name) == ([DONE], "recording")


def test_a_marker_in_a_paused_recording_stands_at_the_second_that_is_reached() -> None:
    """Time does not go on: the next second may never come."""
    door = Door()
    door.poll(RECORDING)
    door.wait(10.75)
    door.poll(PAUSED)
    door.wait(20.0)
    door.press("marker")
    assert door.requests == [AddMarker("R1", "Question", "blue", 10)]


def test_a_marker_right_at_the_start_is_at_second_0() -> None:
    door = started()
    door.press("marker")
    assert door.requests[1:] == [AddMarker("R1", "Question", "blue", 0)]


def test_a_marker_while_the_start_is_pending_is_held_and_then_sent() -> None:
    door = Door()
    door.press("record")
    door.wait(0.1)
    door.press("marker")
    assert (len(door.asks), door.results) == (1, [])
    door.answer("R1", ask=door.asks[0], took_s=0.3)
    assert door.requests[1:] == [AddMarker("R1", "Question", "blue", 0)]
    door.answer(None)
    assert door.results == [DONE, DONE]


def test_a_marker_while_a_badges_start_is_looked_up_is_held_too() -> None:
    door = Door()
    door.swipe()
    door.press("marker")
    door.answer((ALICE,))
    door.answer("R1")
    assert door.requests[2:] == [AddMarker("R1", "Question", "blue", 0)]


@pytest.mark.parametrize("control", ["pause", "stop"])
def test_a_marker_is_not_swallowed_by_busy(control: str) -> None:
    door = started().later(3.0)
    door.press(control)
    door.press("marker")
    assert door.requests[2:] == [AddMarker("R1", "Question", "blue", 3)]
    door.answer(None)
    assert [(o.source, o.result.value) for o in door.outcomes[1:]] == [("marker", DONE)]


def test_several_markers_may_be_under_way() -> None:
    door = started().later(3.0)
    for _ in range(3):
        door.press("marker")
        door.wait(1.0)
    for ask in reversed(door.asks[1:]):
        door.answer(None, ask=ask)
    markers = [r.time_s for r in door.requests if isinstance(r, AddMarker)]
    assert (markers, door.results) == ([3, 4, 5], [DONE] * 4)
    assert door.outcomes[1].reason.endswith("00:05")


def test_a_marker_with_nothing_recorded_is_refused() -> None:
    door = Door()
    door.press("marker")
    assert door.last == (FAILED, "nothing is being recorded")
    assert door.requests == []


def test_a_marker_while_a_stop_ends_the_recording_still_goes_into_it() -> None:
    """The stop is not confirmed yet: the person still sees a recording."""
    door = started().later(5.0)
    door.press("stop")
    door.press("marker")
    assert isinstance(door.requests[-1], AddMarker)


def test_a_marker_whose_start_was_refused_fails_with_it() -> None:
    door = Door()
    door.press("record")
    door.press("marker")
    door.fail(Refused("The room is locked"))
    door.poll(LOCKED)
    assert door.results == [FAILED, FAILED]
    assert door.last == (FAILED, "the recording was not started")
    assert len(door.asks) == 1


def test_a_marker_without_an_answer_gets_its_outcome_in_time() -> None:
    door = started()
    door.press("marker")
    door.wait(6.0)
    # It was "may be missing" and a failure before there was an outbox, which finds out.
    assert door.last == (
        DONE, "marker “Question” at 00:00 is kept on this box until it is delivered"
    )  # fmt: skip
    assert isinstance(door.last_ask.request, AddMarker), "not sent again before it is looked for"


def test_a_marker_that_the_server_refuses_says_why() -> None:
    door = started()
    door.press("marker")
    door.fail(Refused("There is no such position in the recording"))
    assert door.last == (FAILED, "There is no such position in the recording")


def test_a_marker_in_a_recording_without_an_id_is_refused_at_once() -> None:
    door = Door(RoomStatus(RoomState.PAUSED, None, False, "paused"))
    door.press("marker")
    assert door.last == (FAILED, "the server does not name the recording")


def test_a_marker_counts_neither_pauses_nor_the_wait_for_the_answer() -> None:
    door = started().later(10.0)
    door.press("pause")
    door.answer("R1")
    door.wait(100.0)
    door.press("pause")
    door.answer("R1")
    door.wait(5.0)
    door.press("marker")
    request = door.requests[-1]
    assert isinstance(request, AddMarker)
    assert request.time_s == 15


def test_the_servers_time_moves_a_marker_of_a_recording_found_running() -> None:
    door = Door(None)
    door.poll(RECORDING)
    info = RoomInfo(Room(4, "Room"), "R1", 600.0)
    door.feed(RoomInformed(info, door.now, door.now))
    door.wait(7.0)
    door.press("marker")
    request = door.requests[-1]
    assert isinstance(request, AddMarker)
    assert request.time_s == 607


def test_a_recording_time_that_was_read_before_the_start_was_answered_is_old_news() -> None:
    door = Door()
    door.press("record")
    sent_at = door.now
    door.answer("R1", took_s=0.2)
    info = RoomInfo(Room(4, "Room"), "R1", 600.0)
    door.feed(RoomInformed(info, sent_at, door.now))
    door.press("marker")
    assert door.requests[1:] == [AddMarker("R1", "Question", "blue", 0)]


def test_a_room_without_a_recording_time_moves_no_marker() -> None:
    door = started().later(8.0)
    door.feed(RoomInformed(RoomInfo(Room(4, "Room"), "R1", None), door.now, door.now))
    door.press("marker")
    assert door.requests[1:] == [AddMarker("R1", "Question", "blue", 8)]


def test_a_recording_found_by_a_poll_began_in_the_middle_of_it() -> None:
    door = Door()
    sent_at = door.now
    door.wait(4.0)
    door.poll(RECORDING, sent_at=sent_at)
    door.wait(3.0)
    door.press("marker")
    assert door.requests == [AddMarker("R1", "Question", "blue", 5)]


# -- answers that are lost --------------------------------------------------------------------

LOST = [
    NoReply("no answer"),
    ConnectionLost("broke"),
    BadReply("no JSON"),
    ServerFailed("HTTP 500"),
]


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
def test_a_lost_answer_to_a_start_that_worked_is_found_out_by_a_poll(error: ValtError) -> None:
    door = Door()
    door.press("record")
    assert polls_now(door.fail(error)) == 1
    assert (door.results, door.light.name) == ([], "pending")
    door.wait(0.1)
    door.poll(RECORDING)
    assert door.last == (DONE, "recording started (the answer was lost)")
    assert (len(door.asks), door.light.name) == (1, "recording")


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
def test_a_lost_answer_to_a_start_that_failed_ends_when_it_would_have_shown(
    error: ValtError,
) -> None:
    door = Door()
    door.press("record")
    door.fail(error)
    for _ in range(4):
        door.wait(1.0)
        door.poll(AVAILABLE)
        assert door.results == []  # an effect may lag 3 to 5 s
    door.wait(1.1)
    assert door.last[0] == FAILED
    assert str(error) in door.last[1]
    assert "the room is available" in door.last[1]
    assert len(door.asks) == 1


@pytest.mark.parametrize(
    ("before", "control", "after"),
    [
        (RECORDING, "stop", AVAILABLE),
        (RECORDING, "stop", OTHER),  # ours has ended, and somebody else has begun
        (RECORDING, "pause", PAUSED),
        (PAUSED, "pause", RECORDING),
        (AVAILABLE, "lock", LOCKED),
        (LOCKED, "lock", AVAILABLE),
    ],
    ids=["stop", "stop-and-another-start", "pause", "resume", "lock", "unlock"],
)
def test_a_lost_answer_is_told_from_the_rooms_state(
    before: RoomStatus, control: str, after: RoomStatus
) -> None:
    door = Door(before)
    door.press(control)
    door.fail(NoReply("no answer within 5 s"))
    door.wait(1.0)
    door.poll(before)
    assert door.results == []
    door.wait(1.0)
    door.poll(after)
    assert (door.results, len(door.asks)) == ([DONE], 1)


def test_a_poll_sent_before_the_answer_was_lost_tells_nothing() -> None:
    door = Door(RECORDING)
    door.press("pause")
    sent_at = door.now
    door.wait(0.5)
    door.fail(NoReply("no answer"))
    door.wait(0.1)
    door.poll(PAUSED, sent_at=sent_at)
    assert door.results == []
    door.poll(PAUSED)
    assert door.results == [DONE]


def test_a_lost_answer_is_resolved_by_the_first_poll_after_a_short_gap_of_the_link() -> None:
    """Decision 10: poll until the state has changed or settle_s is over, then say it."""
    door = Door()
    door.press("record")
    door.fail(ConnectionLost("the connection broke"))
    door.wait(0.5)
    door.lose(Unreachable("valt refuses connections"))
    door.wait(1.0)
    door.poll(RECORDING)
    assert door.last == (DONE, "recording started (the answer was lost)")


def test_a_lost_answer_with_the_link_already_down_is_resolved_when_it_returns_in_time() -> None:
    door = Door()
    door.press("record")
    door.lose(NoReply("no answer within 5 s"))
    door.fail(NoReply("no answer within 5 s"))
    door.wait(1.0)
    door.poll(RECORDING)
    assert door.last == (DONE, "recording started (the answer was lost)")


def test_a_lost_answer_with_the_link_down_for_good_ends_and_says_that_it_may_show_later() -> None:
    door = Door()
    door.press("record")
    door.fail(NoReply("no answer within 5 s"))
    door.lose(Unreachable("no way to valt"))
    door.wait(5.1)
    assert door.last[0] == FAILED
    assert "no answer within 5 s" in door.last[1]
    assert "when the server is back" in door.last[1]
    door.poll(RECORDING)
    assert (door.results, door.light.name) == ([FAILED], "recording")


def test_a_poll_that_is_not_believed_yet_proves_no_stop() -> None:
    """It shows the room from before the start, and not what came of the stop."""
    door = started().later(1.0)
    door.press("stop")
    door.fail(NoReply("no answer within 5 s"))
    door.wait(0.5)
    door.poll(AVAILABLE)
    assert (door.results, door.light.name) == ([DONE], "pending")
    door.wait(0.5)
    door.poll(RECORDING)
    door.wait(0.5)
    door.poll(AVAILABLE)
    assert door.last == (DONE, "recording stopped (the answer was lost)")


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("valt refuses connections on port 443"),
        NotSentInTime("the server was too busy to be asked in time"),
        LogInRefused("the server refuses the log-in of 'keypad'"),
        NotAllowed("the VALT account has no right to do this"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_was_certainly_not_done_fails_at_once_with_its_reason(error: ValtError) -> None:
    door = Door()
    door.press("record")
    door.fail(error)
    assert (door.last, door.light.receipt) == ((FAILED, str(error)), Receipt.REFUSED)
    assert door.light.name == "available"


# -- refusals ---------------------------------------------------------------------------------


def test_a_refused_start_that_finds_a_recording_is_ignored_and_not_red() -> None:
    door = Door()
    door.press("record")
    assert polls_now(door.fail(Refused("A recording is already running in this room"))) == 1
    door.wait(0.1)
    door.poll(OTHER)
    assert door.last == (IGNORED, "the room is already recording")
    assert door.light.receipt is Receipt.IGNORED


def test_a_refused_start_with_an_empty_room_fails_with_the_servers_reason() -> None:
    door = Door()
    door.press("record")
    door.fail(Refused("Required template fields are missing: 3"))
    door.wait(0.1)
    door.poll(AVAILABLE)
    assert door.last == (FAILED, "Required template fields are missing: 3")
    assert door.light.receipt is Receipt.REFUSED


def test_a_refused_stop_of_a_recording_that_is_gone_is_ignored() -> None:
    door = Door(RECORDING)
    door.press("stop")
    door.fail(NotFound("Recording in room not found"))
    door.wait(0.1)
    door.poll(AVAILABLE)
    assert door.last == (IGNORED, "the recording had already ended")


def test_a_refusal_is_told_in_time_although_no_poll_comes() -> None:
    door = Door()
    door.press("record")
    door.fail(Refused("There is no user 7"))
    door.wait(2.0)
    assert door.last == (FAILED, "There is no user 7")


def test_a_refusal_is_told_in_time_when_the_room_cannot_be_read() -> None:
    door = Door()
    door.press("record")
    door.fail(Refused("There is no user 7"))
    door.lose(Unreachable("no way to valt"))
    assert door.last == (FAILED, "There is no user 7")
    door.poll(AVAILABLE)
    door.press("record")
    door.lose(Unreachable("no way to valt"))
    door.fail(Refused("There is no user 7"))
    door.wait(2.0)
    assert door.last == (FAILED, "There is no user 7")
    assert len(door.outcomes) == 2


def test_a_poll_from_before_the_refusal_does_not_decide() -> None:
    door = Door()
    door.press("record")
    sent_at = door.now
    door.wait(0.2)
    door.fail(Refused("A recording is already running in this room"))
    door.wait(0.1)
    door.poll(AVAILABLE, sent_at=sent_at)
    assert door.results == []
    door.poll(OTHER)
    assert door.results == [IGNORED]


# -- a worker that is stuck -------------------------------------------------------------------


def test_a_stuck_worker_does_not_keep_the_outcome_back() -> None:
    door = Door()
    door.press("record")
    for _ in range(12):
        door.wait(1.0)
        door.poll(AVAILABLE)
    assert door.last[0] == FAILED
    assert "no answer within 6 s" in door.last[1]
    assert (door.light.name, len(door.asks)) == ("available", 1)


def test_a_stuck_workers_press_that_worked_is_found_out_by_a_poll() -> None:
    door = Door()
    door.press("record")
    door.wait(6.5)
    assert door.results == []
    door.poll(RECORDING)
    assert door.last == (DONE, "recording started (the answer was lost)")


def test_a_stuck_worker_with_the_link_down_ends_the_press_too() -> None:
    door = Door()
    door.press("record")
    door.lose(NoReply("no answer within 5 s"))
    door.wait(11.0)
    assert door.results == [FAILED]


def test_the_late_answer_to_a_given_up_press_only_makes_the_room_be_read() -> None:
    door = Door()
    door.press("record")
    door.wait(12.0)
    assert door.results == [FAILED]
    said = door.answer("R1")
    assert said == [PollNow()]
    assert door.light.name == "available"  # a poll will tell, nobody believes it unseen
    door.poll(RECORDING)
    assert (door.light.name, door.results) == ("recording", [FAILED])


def test_the_late_answer_to_a_given_up_press_does_not_end_the_next_one() -> None:
    door = Door()
    door.press("record")
    first = door.last_ask
    door.wait(12.0)
    door.press("lock")
    door.answer("R1", ask=first)
    assert (door.results, door.light.name) == ([FAILED], "pending")
    door.fail(Unreachable("no way to valt"), ask=first)
    assert (door.results, door.light.name) == ([FAILED], "pending")


def test_the_late_answer_that_comes_while_the_room_is_watched_for_it_counts() -> None:
    door = Door()
    door.press("record")
    door.wait(7.0)
    assert door.results == []
    door.answer("R1")
    assert (door.last, door.light.name) == ((DONE, "recording started"), "recording")


# -- old news (decision 10) -------------------------------------------------------------------


def test_a_poll_sent_before_the_answer_is_discarded() -> None:
    door = Door()
    door.press("record")
    sent_at = door.now + 0.1
    door.answer("R1", took_s=0.2)
    door.wait(0.3)
    door.poll(AVAILABLE, sent_at=sent_at)
    assert door.light.name == "recording"


def test_even_a_third_state_in_a_poll_sent_before_the_answer_is_discarded() -> None:
    door = Door()
    door.press("record")
    sent_at = door.now + 0.1
    door.answer("R1", took_s=0.2)
    door.poll(LOCKED, sent_at=sent_at)
    assert door.light.name == "recording"


def test_polls_that_show_the_old_state_are_disbelieved_for_settle_s() -> None:
    door = started()
    for _ in range(4):
        door.wait(1.0)
        door.poll(AVAILABLE)
        assert (door.light.name, door.notes) == ("recording", [])
    door.wait(1.1)
    door.poll(AVAILABLE)
    assert door.light.name == "available"
    assert (len(door.notes), len(door.warnings)) == (1, 1)
    assert "recording started" in door.notes[0]
    assert "still available" in door.notes[0]
    assert door.light.receipt is Receipt.REFUSED
    door.wait(1.0)
    door.poll(AVAILABLE)
    assert len(door.notes) == 1


def test_a_lagging_server_that_comes_round_in_time_gets_no_note() -> None:
    door = started()
    for status in (AVAILABLE, AVAILABLE, RECORDING, RECORDING):
        door.wait(1.2)
        door.poll(status)
        assert door.light.name == "recording"
    door.wait(5.0)
    door.poll(RECORDING)
    assert door.notes == []


def test_what_changed_during_a_badges_look_up_is_the_old_state_then() -> None:
    door = Door()
    door.swipe()
    door.poll(PREPARED)
    door.answer((ALICE,))
    door.answer("R1")
    door.wait(1.0)
    door.poll(PREPARED)
    assert (door.light.name, door.notes) == ("recording", [])


def test_once_the_new_state_was_seen_the_old_one_is_news_again() -> None:
    door = started().later(0.5)
    door.poll(RECORDING)
    door.wait(0.5)
    door.poll(AVAILABLE)  # somebody has stopped it
    assert (door.light.name, door.notes) == ("available", [])


def test_behind_a_lag_the_light_does_not_run_through_older_states() -> None:
    """A stop soon after a start, and the server's polls lag behind both."""
    door = started()
    door.wait(1.0)
    door.poll(AVAILABLE)  # from before the start: disbelieved
    door.wait(1.5)
    door.press("stop")
    door.answer("R1")
    for old in (AVAILABLE, RECORDING, AVAILABLE):
        door.wait(0.8)
        door.poll(old)
        assert door.light.name == "available"
    assert door.notes == []


@pytest.mark.parametrize("status", [LOCKED, OTHER, PAUSED], ids=["locked", "another", "paused"])
def test_somebody_elses_third_state_is_believed_at_once(status: RoomStatus) -> None:
    door = started().later(0.5)
    door.poll(status)
    assert door.light.name == status.state.value
    assert door.notes == []


def test_the_server_may_hide_a_paused_recording_without_the_sign_going_dark() -> None:
    """valt-api 13 no. 10: a paused room may say record false and name no recording."""
    door = started().later(4.0)
    door.press("pause")
    door.answer("R1")
    door.wait(0.5)
    door.poll(RoomStatus(RoomState.PAUSED, None, False, "paused"))
    assert (door.light.name, door.light.records) == ("paused", True)
    door.press("marker")
    assert door.requests[-1] == AddMarker("R1", "Question", "blue", 4)


# -- devices, configuration -------------------------------------------------------------------


def test_a_missing_device_is_told_once_and_leaves_the_state_visible() -> None:
    door = Door()
    for _ in range(3):
        door.feed(DeviceLost("reader", "reader: not found (name X)"))
    assert door.notes == door.warnings == ["reader: not found (name X)"]
    assert (door.light.name, door.light.fault) == ("available", "device")
    door.feed(DeviceFound("reader"))
    assert (door.notes[1:], len(door.warnings)) == (["reader: ready"], 1)
    assert door.light.fault == ""


def test_the_fault_stays_until_the_last_missing_device_is_back() -> None:
    door = Door()
    door.feed(DeviceLost("reader", "reader: not found"))
    door.feed(DeviceLost("keypad", "keypad: not found"))
    door.feed(DeviceFound("reader"))
    assert door.light.fault == "device"
    door.feed(DeviceFound("keypad"))
    assert door.light.fault == ""


def test_a_device_that_the_new_configuration_does_not_name_is_not_missing() -> None:
    door = Door()
    door.feed(DeviceLost("reader", "reader: not found"))
    door.feed(DeviceForgotten("reader"))
    assert door.light.fault == ""


def test_a_device_that_is_still_missing_stays_so_when_the_file_is_read_again() -> None:
    door = Door()
    door.feed(DeviceLost("reader", "reader: not found"))
    door.feed(Reconfigured(RULES, new_room=False))
    assert door.light.fault == "device"


def test_a_disturbed_line_is_told_at_ten_times_the_last_and_shown_on_no_light() -> None:
    door = Door()
    for total in (1, 2, 9, 10, 11, 140, 141, 1400):
        door.feed(Disturbed("reader", "noise", total, 10.0))
    door.feed(Disturbed("reader", "lost edges", 7, 10.0))
    told = [warning.removesuffix(" since ivsd began") for warning in door.warnings]
    assert told == [f"reader: noise: {total}" for total in (1, 10, 140, 1400)] + [
        "reader: lost edges: 7"
    ]
    assert door.light.fault == ""


def test_a_press_works_although_another_device_is_missing() -> None:
    door = Door()
    door.feed(DeviceLost("reader", "reader: not found"))
    door.press("record")
    door.answer("R1")
    assert door.results == [DONE]


@pytest.mark.parametrize("control", ["record", "marker", "nothing bound"])
def test_with_a_wrong_configuration_every_press_gets_its_problem(control: str) -> None:
    problem = "the configuration is wrong: ivsd.yaml:3: valt.url: is missing"
    door = Door(None, Rules(BINDINGS, config_problem=problem))
    door.press(control)
    assert (door.last, door.light.name) == ((FAILED, problem), "config")


def test_with_a_wrong_configuration_a_badge_is_denied() -> None:
    door = Door(None, Rules({}, config_problem="the configuration is wrong: x"))
    door.swipe()
    assert (door.results, door.light.receipt) == ([FAILED], Receipt.DENIED)


def test_a_configuration_that_heals_goes_back_to_starting_and_then_works() -> None:
    door = Door(None, Rules({}, config_problem="the configuration is wrong: x"))
    door.feed(Reconfigured(RULES, new_room=True))
    assert door.light.name == "starting"
    door.poll(AVAILABLE)
    door.press("record")
    assert door.requests == [StartRecording(7, "")]


def test_new_bindings_for_the_same_room_leave_a_pending_press_alone() -> None:
    door = Door()
    door.press("record")
    door.feed(Reconfigured(Rules({"record": on_press(Action.STOP)}), new_room=False))
    assert (door.results, door.light.name) == ([], "pending")
    door.answer("R1")
    assert (door.results, door.light.name) == ([DONE], "recording")
    door.press("record")
    assert door.requests[1:] == [StopRecording()]


def test_another_room_ends_a_pending_press_and_forgets_the_old_state() -> None:
    door = Door(RECORDING)
    door.press("marker")
    door.press("stop")
    door.feed(Reconfigured(RULES, new_room=True))
    assert [(o.result.value, o.reason) for o in door.outcomes] == [
        (FAILED, "the configuration was changed")
    ] * 2
    assert (door.light.name, door.light.records) == ("starting", False)


def test_a_late_answer_for_the_old_room_says_nothing_of_the_new_one() -> None:
    door = Door()
    door.press("record")
    door.feed(Reconfigured(RULES, new_room=True))
    door.poll(AVAILABLE)
    door.answer("R1")
    assert door.light.name == "available"


def test_a_poll_of_the_old_room_that_comes_in_late_says_nothing_of_the_new_one() -> None:
    """The old watcher may hang in a poll while the room is changed: that is old news, too."""
    door = Door()
    sent_at = door.now
    door.wait(0.5)
    door.feed(Reconfigured(RULES, new_room=True))
    door.wait(0.5)
    door.feed(RoomPolled(RECORDING, sent_at, door.now))
    assert (door.light.room, door.light.records) == (None, False)
    door.press("record")
    assert door.requests == []


def test_a_marker_held_for_the_old_room_is_not_sent_to_the_new_one() -> None:
    door = Door()
    door.press("record")
    door.press("marker")
    door.poll(RECORDING)
    assert len(door.asks) == 1
    said = door.feed(Reconfigured(RULES, new_room=True))
    assert [command for command in said if isinstance(command, Ask)] == []
    assert door.results == [FAILED, FAILED]


# -- receipts ---------------------------------------------------------------------------------


def test_two_equal_receipts_in_a_row_are_two() -> None:
    door = Door()
    door.press("marker")
    first = door.light
    door.press("marker")
    assert door.light.receipt is first.receipt is Receipt.REFUSED
    assert door.light.receipt_no == first.receipt_no + 1


def test_a_receipt_changes_nothing_of_the_steady_part() -> None:
    door = Door(LOCKED)
    before = door.light
    door.press("record")
    assert (door.light.name, door.light.fault) == (before.name, before.fault)
    assert door.light.receipt is Receipt.REFUSED


# -- an effect is watched for until it is certain -------------------------------------------------


def test_a_lost_answer_is_looked_for_every_second_whatever_the_poll_interval() -> None:
    """Decision 10: one poll at once would miss an effect that lags behind."""
    door = Door()
    door.press("record")
    door.fail(NoReply("no answer within 5 s"))
    before = sum(isinstance(command, PollNow) for command in door.said)
    door.wait(4.5)
    assert sum(isinstance(command, PollNow) for command in door.said) - before == 4
    door.poll(RECORDING)
    assert door.last == (DONE, "recording started (the answer was lost)")


def test_an_effect_that_never_shows_is_found_out_without_waiting_for_the_interval() -> None:
    door = started()
    before = sum(isinstance(command, PollNow) for command in door.said)
    door.wait(6.5)
    assert sum(isinstance(command, PollNow) for command in door.said) - before >= 5
    door.poll(AVAILABLE)
    assert door.light.name == "available"
    assert len(door.notes) == 1
    door.wait(5.0)
    assert door.deadline is None, "then it is idle again"


def test_a_late_certain_no_ends_the_wait_for_a_lost_answer() -> None:
    door = Door()
    door.press("record")
    door.wait(6.1)  # the controller's own deadline: the worker is stuck
    assert door.results == []
    door.fail(Unreachable("valt refuses connections"))
    assert door.last == (FAILED, "valt refuses connections")


def test_a_marker_is_held_although_a_poll_fails_during_the_start() -> None:
    door = Door()
    door.press("record")
    door.lose(NoReply("no answer within 5 s"))
    door.press("marker")
    assert door.results == []
    door.answer("R1")
    # The link is down: it is not sent, as it was before there was an outbox, but kept.
    assert door.results == [DONE, DONE]
    assert door.last == (
        DONE, "marker “Question” at 00:00 is kept on this box until the server is back"
    )  # fmt: skip
    assert len(door.requests) == 1
    door.poll(RECORDING)
    (delivery,) = [r for r in door.requests if isinstance(r, DeliverMarker)]
    assert (delivery.marker.recording, delivery.marker.time_s) == ("R1", 0)


def test_a_badge_that_was_not_read_whole_is_denied_and_said_so() -> None:
    door = Door()
    door.feed(Misread("reader", door.now))
    assert door.last[0] == FAILED
    assert "hold the badge to the reader again" in door.last[1]
    assert (door.light.receipt, door.requests) == (Receipt.DENIED, [])

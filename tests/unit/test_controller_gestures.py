"""The controller and what a hand does: gestures, sequences, stop protection, markers, status.

`Door` stands for the box and its server in simulated time. After every step it checks that no
input was answered twice, that the light says so while one waits, and that time alone will end it.
"""

from __future__ import annotations

from dataclasses import replace

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
    DeviceLost,
    Event,
    Gesture,
    Keep,
    Kept,
    LightView,
    LockRoom,
    NumberKind,
    OutboxRead,
    Outcome,
    PauseRecording,
    PollNow,
    Pressed,
    Receipt,
    Reconfigured,
    Released,
    Report,
    Request,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    StopProtection,
    StopRecording,
    Tick,
    UnlockRoom,
    WatchFailed,
)
from ivsd.valt.errors import ConnectionLost, Refused, Unreachable, ValtError
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, Secret, User

DONE, FAILED, IGNORED = "done", "failed", "ignored"
PRESS, TAP, HOLD = Gesture.PRESS, Gesture.TAP, Gesture.HOLD
DOUBLE, RELEASE = Gesture.DOUBLE, Gesture.RELEASE

AVAILABLE = RoomStatus(RoomState.AVAILABLE, word="available")
LOCKED = RoomStatus(RoomState.LOCKED, word="locked")
RECORDING = RoomStatus(RoomState.RECORDING, "R1", True, "recording")
PAUSED = RoomStatus(RoomState.PAUSED, "R1", True, "paused")
OTHER = RoomStatus(RoomState.RECORDING, "R2", True, "recording")
LOCKED_RECORDING = RoomStatus(RoomState.LOCKED, "R1", True, "locked")
ALICE = User(12, "Alice Archer", Secret("0004711001"))


def does(*actions: Action | Binding) -> tuple[Binding, ...]:
    return tuple(action if isinstance(action, Binding) else Binding(action) for action in actions)


def on(gesture: Gesture, *actions: Action | Binding) -> ControlRules:
    return ControlRules({gesture: does(*actions)})


def marker(name: str) -> Binding:
    return Binding(Action.MARKER, name, "blue")


X = marker("X")
CONTROLS = {
    "record": on(PRESS, Action.RECORD_TOGGLE),
    "start": on(PRESS, Action.START),
    "stop": on(PRESS, Action.STOP),
    "stop 2": on(PRESS, Action.STOP),
    "pause": on(PRESS, Action.PAUSE_TOGGLE),
    "lock": on(PRESS, Action.LOCK_TOGGLE),
    "marker": on(PRESS, marker("Question {count} at {time}")),
    "status": on(PRESS, Action.SHOW_STATUS),
    "bell": on(TAP, X),
    "foot": ControlRules({PRESS: does(Action.START), RELEASE: does(Action.STOP)}),
    "hold stop": on(HOLD, Action.STOP),
    "double stop": on(DOUBLE, Action.STOP),
    # Press and hold of one control, and all three.
    "door": ControlRules({PRESS: does(Action.RECORD_TOGGLE), HOLD: does(Action.LOCK_TOGGLE)}),
    "three": ControlRules(
        {PRESS: does(Action.START), HOLD: does(Action.LOCK), DOUBLE: does(X)}, hold_s=1.5
    ),
    "press or double": ControlRules({PRESS: does(Action.RECORD_TOGGLE), DOUBLE: does(X)}),
    # Sequences.
    "mark+pause": on(PRESS, X, Action.PAUSE),
    "pause+mark": on(PRESS, Action.PAUSE, X),
    "stop+lock": on(PRESS, Action.STOP, Action.LOCK),
    "toggle+lock": on(PRESS, Action.RECORD_TOGGLE, Action.LOCK),
    "start+mark": on(PRESS, Action.START, X),
    "unlock+start+mark": on(PRESS, Action.UNLOCK, Action.START, X),
    "mark+mark": on(PRESS, marker("A{count}"), marker("B{count}")),
    "resume+status": on(PRESS, Action.RESUME, Action.SHOW_STATUS),
    "hold mark+stop": on(HOLD, X, Action.STOP),
}
RULES = Rules(CONTROLS, default_author=7)
HOLD_TO_STOP = replace(RULES, stop_protection=StopProtection.HOLD, stop_hold_s=2.0)
TWICE_TO_STOP = replace(RULES, stop_protection=StopProtection.TWICE)


class Door:
    """One controller, what it has said so far, and the time."""

    def __init__(self, status: RoomStatus = RECORDING, rules: Rules = RULES) -> None:
        self.controller = Controller(rules)
        self.rules = rules
        self.now = 100.0
        self.light = LightView()
        self.lights: list[tuple[float, str]] = []
        self.asks: list[Ask] = []
        self.outcomes: list[Outcome] = []
        self.polls_wanted = 0
        self.deadline: float | None = None
        self._downs: list[tuple[str, float]] = []
        self.feed(OutboxRead(()))
        self.poll(status)
        self.now += 60.0
        self.began = self.now

    # -- events -----------------------------------------------------------------------------

    def feed(self, event: Event) -> Door:
        if isinstance(event, Pressed):
            self._downs.append((event.control, event.at))
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        for command in step.commands:
            if isinstance(command, Report):
                self.outcomes.append(command.outcome)
            elif isinstance(command, Ask):
                self.asks.append(command)
            elif isinstance(command, PollNow):
                self.polls_wanted += 1
            elif isinstance(command, Show):
                self.light = command.view
                self.lights.append((self.now, command.view.name))
        answered = [(outcome.source, outcome.pressed_at) for outcome in self.outcomes]
        assert len(set(answered)) == len(answered), "an input was answered twice"
        if self.light.pending:
            assert self.deadline is not None, "something waits, and nothing will end it"
        for command in step.commands:
            if isinstance(command, Keep):
                self.feed(Kept(command.marker.id))
        return self

    def press(self, control: str, at: float | None = None) -> Door:
        return self.feed(Pressed(control, self.now if at is None else at))

    def release(self, control: str, at: float | None = None) -> Door:
        return self.feed(Released(control, self.now if at is None else at))

    def tap(self, control: str, for_s: float = 0.1) -> Door:
        return self.press(control).wait(for_s).release(control)

    def hold(self, control: str, for_s: float) -> Door:
        return self.tap(control, for_s)

    def swipe(self, kind: NumberKind = NumberKind.BADGE) -> Door:
        return self.feed(Scanned("reader", kind, Secret("0004711001"), self.now))

    def poll(self, status: RoomStatus) -> Door:
        return self.feed(RoomPolled(status, self.now, self.now))

    def answer(self, result: RecordingId | tuple[User, ...] | None = None) -> Door:
        """Let the server say yes to the last request."""
        return self.feed(Answered(self.asks[-1].id, result, self.now, self.now))

    def fail(self, error: ValtError) -> Door:
        return self.feed(AskFailed(self.asks[-1].id, error, self.now))

    def lose(self) -> Door:
        return self.feed(WatchFailed(Unreachable("the server refuses connections"), self.now))

    def wait(self, seconds: float) -> Door:
        """Let time pass; a Tick comes whenever the controller asked for one."""
        end = self.now + seconds
        while self.deadline is not None and self.deadline <= end:
            self.now = max(self.now, self.deadline)
            self.feed(Tick())
        self.now = end
        return self

    def tick(self) -> Door:
        return self.feed(Tick())

    # -- what came of it --------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        return [ask.request for ask in self.asks]

    @property
    def told(self) -> list[tuple[str, str]]:
        """Result and reason of every outcome."""
        return [(outcome.result.value, outcome.reason) for outcome in self.outcomes]

    @property
    def since_s(self) -> float:
        return round(self.now - self.began, 6)

    def unanswered(self) -> list[tuple[str, float]]:
        """Every going down that has no outcome."""
        answered = [(outcome.source, outcome.pressed_at) for outcome in self.outcomes]
        return [down for down in self._downs if down not in answered]


def moment(door: Door, outcome: Outcome) -> tuple[float, float]:
    """When it was pressed and when it ended, in seconds since the door was there."""
    return round(outcome.pressed_at - door.began, 6), round(outcome.at - door.began, 6)


# -- gestures: what the person sees, and which action it is ----------------------------------------


def test_a_control_with_only_a_press_acts_when_it_goes_down() -> None:
    door = Door().press("pause")
    assert door.requests == [PauseRecording()]


@pytest.mark.parametrize("control", ["door", "three", "bell", "hold stop", "double stop"])
def test_while_it_is_not_clear_what_a_hand_means_the_light_flickers_at_once(control: str) -> None:
    door = Door().press(control)
    assert (door.light.name, door.requests, door.told) == ("pending", [], [])


def test_a_short_press_beside_a_hold_acts_at_coming_up() -> None:
    door = Door(AVAILABLE).tap("door", 0.3)
    assert door.requests == [StartRecording(7, "")]
    door.answer("R1")
    (outcome,) = door.outcomes
    assert (outcome.action, outcome.result) == ("record_toggle", DONE)
    assert moment(door, outcome) == (0.0, 0.3), "the press counts from going down"
    assert not door.unanswered()


def test_a_hold_acts_while_still_down_and_the_press_beside_it_never_does() -> None:
    door = Door(AVAILABLE).press("door").wait(1.0)
    assert door.requests == [LockRoom()]
    door.answer().wait(5.0).release("door").wait(5.0)
    assert door.requests == [LockRoom()]
    assert [outcome.action for outcome in door.outcomes] == ["lock_toggle"]
    assert not door.unanswered()


@pytest.mark.parametrize(
    ("hand", "request_"),
    [
        (lambda door: door.tap("three").wait(1), StartRecording(7, "")),
        (lambda door: door.hold("three", 2), LockRoom()),
    ],
    ids=["pressed", "held"],
)
def test_each_way_of_using_a_control_has_its_own_action(hand: object, request_: Request) -> None:
    door = Door(AVAILABLE)
    assert callable(hand)
    hand(door)
    assert door.requests == [request_]
    door.answer("R1")
    assert not door.unanswered()


def test_a_double_press_acts_once_and_neither_press_does() -> None:
    door = Door().tap("three").wait(0.1).tap("three").wait(5)
    (request,) = door.requests
    assert isinstance(request, AddMarker)
    door.wait(5)
    assert len(door.outcomes) == 1
    assert moment(door, door.outcomes[0])[0] == 0.0, "the first press is the one answered"


def test_a_third_press_has_an_outcome_of_its_own() -> None:
    door = Door(AVAILABLE).tap("double stop").wait(0.1).tap("double stop")
    door.wait(0.1).tap("double stop").wait(5)
    assert door.told == [
        (IGNORED, "nothing is being recorded"),
        (IGNORED, "press it twice, quickly"),
    ]


def test_a_marker_by_a_double_press_stands_at_the_first_one() -> None:
    door = Door()
    door.now += 0.375  # the second press is nearer to the next second
    door.tap("three", 0.05).wait(0.2).tap("three", 0.05)
    (request,) = door.requests
    assert isinstance(request, AddMarker)
    assert request.time_s == 60


@pytest.mark.parametrize(
    ("control", "held_s", "reason"),
    [
        ("hold stop", 0.2, "hold it for 1 s"),
        ("bell", 1.4, "it was held too long: tap it"),
        ("double stop", 0.2, "press it twice, quickly"),
    ],
)
def test_a_missed_gesture_is_answered_with_what_to_do_instead(
    control: str, held_s: float, reason: str
) -> None:
    door = Door().hold(control, held_s).wait(2)
    assert door.told == [(IGNORED, reason)]
    assert door.light.receipt is Receipt.IGNORED
    assert (door.light.name, door.requests) == ("recording", [])


def test_a_foot_switch_starts_going_down_and_stops_coming_up() -> None:
    door = Door(AVAILABLE).press("foot").answer("R1").wait(30).release("foot").answer()
    assert door.requests == [StartRecording(7, ""), StopRecording()]
    assert door.told == [(DONE, "recording started"), (DONE, "recording stopped")]


def test_a_release_that_nobody_bound_is_no_input() -> None:
    door = Door().press("pause").answer("R1").wait(1)
    outcomes = len(door.outcomes)
    door.release("pause").release("nobody knows this one").wait(5)
    assert len(door.outcomes) == outcomes


def test_two_controls_in_two_hands_do_not_disturb_one_another() -> None:
    # Pressed before the half second: later, the marker waits for the next one.
    door = Door().press("hold stop").wait(0.4).tap("bell")
    assert isinstance(door.requests[0], AddMarker)
    door.answer().wait(0.5)
    assert door.requests[1:] == [StopRecording()]
    door.answer().release("hold stop")
    assert sorted(door.told) == [(DONE, "marker “X” at 01:00"), (DONE, "recording stopped")]


def test_the_light_flickers_until_the_last_of_two_hands_is_clear() -> None:
    door = Door().press("hold stop").press("bell").wait(0.1).release("bell").answer()
    assert door.light.name == "pending"
    door.release("hold stop")
    assert door.light.name == "recording"


@pytest.mark.parametrize("control", ["door", "bell", "hold stop", "double stop"])
@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (DeviceLost("keypad", "keypad: unplugged"), "a device was lost while it was held"),
        (Reconfigured(RULES, new_room=False), "the configuration was changed"),
        (Reconfigured(RULES, new_room=True), "the configuration was changed"),
        (Reconfigured(Rules({}), new_room=False), "the configuration was changed"),
    ],
    ids=["unplugged", "reconfigured", "another room", "control gone"],
)
def test_what_is_in_hand_is_given_up_when_nobody_will_see_its_end(
    control: str, event: Event, reason: str
) -> None:
    door = Door().press(control).wait(0.2).feed(event)
    assert door.told == [(IGNORED, reason)]
    assert not door.light.pending
    door.wait(5).release(control).wait(5)
    assert (len(door.told), door.requests) == (1, [])


def test_a_first_press_does_not_become_a_double_across_a_reconfiguration() -> None:
    door = Door().tap("double stop").feed(Reconfigured(RULES, new_room=False))
    door.tap("double stop").wait(5)
    assert [result for result, _ in door.told] == [IGNORED, IGNORED]
    assert door.requests == []


def test_a_control_that_was_not_seen_to_come_up_is_answered_when_it_goes_down_again() -> None:
    door = Door().press("bell").wait(0.2).press("bell").wait(0.1).release("bell").answer()
    assert door.told == [
        (IGNORED, "it was not seen to come up again"),
        (DONE, "marker “X” at 01:00"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        DeviceLost("reader", "reader: not found"),
        DeviceLost("lamp status", "lamp status: no line", is_lamp=True),
    ],
    ids=["still missing", "lamp"],
)
@pytest.mark.parametrize("rules", [RULES, HOLD_TO_STOP], ids=["gesture", "stop protection"])
def test_a_hold_is_not_given_up_for_a_device_that_nobody_holds(rules: Rules, event: Event) -> None:
    """A missing reader is looked for, and told as missing, every few seconds."""
    door = Door(rules=rules).feed(DeviceLost("reader", "reader: not found")).wait(5)
    door.press("hold stop" if rules is RULES else "stop").wait(0.5).feed(event).wait(2)
    assert door.requests == [StopRecording()]


@pytest.mark.parametrize("waiting", ["door", "hold stop"])
def test_a_gesture_that_becomes_clear_while_the_link_is_lost_fails_with_why(waiting: str) -> None:
    door = Door().press(waiting).lose().wait(3)
    ((result, reason),) = door.told
    assert result == FAILED
    assert "the server refuses connections" in reason


# -- gestures: events that are handled late -----------------------------------------------------


def test_a_short_press_in_a_queue_that_was_stuck_is_no_hold() -> None:
    door = Door(AVAILABLE)
    at = door.now
    door.now += 3.0
    door.press("door", at).release("door", at + 0.1).tick()
    assert door.requests == [StartRecording(7, "")]


def test_a_short_press_on_a_box_that_was_slow_between_its_two_events_is_no_hold() -> None:
    door = Door(AVAILABLE).press("door")
    at = door.now
    door.now += 3.0
    door.release("door", at + 0.1).tick()
    assert door.requests == [StartRecording(7, "")]


def test_a_poll_that_is_handled_before_the_release_makes_no_hold() -> None:
    door = Door(AVAILABLE).press("door")
    at = door.now
    door.now += 3.0
    door.poll(AVAILABLE).release("door", at + 0.1).tick()
    assert door.requests == [StartRecording(7, "")]


def test_a_real_hold_in_a_queue_that_was_stuck_is_one() -> None:
    door = Door(AVAILABLE)
    at = door.now
    door.now += 3.0
    door.press("door", at).release("door", at + 1.2).tick()
    assert door.requests == [LockRoom()]


@pytest.mark.parametrize(("gap", "markers"), [(0.2, 1), (0.9, 0)])
def test_a_double_press_is_one_by_its_own_time(gap: float, markers: int) -> None:
    door = Door()
    at = door.now
    door.now += 3.0
    for moment_ in (at, at + gap):
        door.press("three", moment_).release("three", moment_ + 0.05)
    door.tick()
    assert sum(isinstance(request, AddMarker) for request in door.requests) == markers


# -- sequences --------------------------------------------------------------------------------


def test_a_sequence_goes_on_only_when_the_action_before_is_confirmed() -> None:
    door = Door().press("mark+pause")
    assert [type(request) for request in door.requests] == [AddMarker]
    door.wait(3.0)
    assert len(door.requests) == 1, "no pause before the marker's answer"
    door.answer()
    assert door.requests[1:] == [PauseRecording()]
    assert (door.told, door.light.name) == ([], "pending")
    door.answer("R1")
    assert door.told == [(DONE, "marker “X” at 01:00; recording paused")]
    assert door.light.name == "paused"


def test_the_outcome_of_a_sequence_names_all_its_actions_and_the_one_press() -> None:
    door = Door().press("mark+pause").wait(0.5).answer().wait(0.5).answer("R1")
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.action) == ("mark+pause", "marker+pause")
    assert moment(door, outcome) == (0.0, 1.0)


def test_a_sequence_of_three() -> None:
    door = Door(LOCKED).press("unlock+start+mark")
    assert door.requests == [UnlockRoom()]
    door.wait(0.2).answer().wait(0.2).answer("R9").wait(0.2).answer()
    assert door.requests[1] == StartRecording(7, "")
    assert door.requests[2] == AddMarker("R9", "X", "blue", 0)
    assert door.told == [(DONE, "room unlocked; recording started; marker “X” at 00:00")]


def test_what_follows_a_start_is_stamped_with_the_press_at_second_0() -> None:
    door = Door(AVAILABLE).press("start+mark").wait(4.0).answer("R9")
    assert door.requests[-1] == AddMarker("R9", "X", "blue", 0)


def test_a_hold_has_sequences_too() -> None:
    door = Door().hold("hold mark+stop", 1.5).answer().answer()
    assert door.told == [(DONE, "marker “X” at 01:00; recording stopped")]


def test_two_markers_of_one_press_are_both_set() -> None:
    door = Door().press("mark+mark").answer().answer()
    assert door.told == [(DONE, "marker “A1” at 01:00; marker “B2” at 01:00")]


def test_a_sequence_ends_at_its_first_failure_with_all_that_was_told() -> None:
    door = Door().press("mark+pause").answer().fail(Refused("Not now")).poll(RECORDING)
    assert door.told == [(FAILED, "marker “X” at 01:00; Not now")]
    assert door.light.receipt is Receipt.REFUSED


@pytest.mark.parametrize(
    ("status", "control", "reason"),
    [
        (AVAILABLE, "mark+pause", "nothing is being recorded"),
        (LOCKED, "stop+lock", "the room is locked"),
        (AVAILABLE, "pause+mark", "nothing is being recorded"),
    ],
)
def test_a_sequence_whose_first_action_cannot_be_goes_no_further(
    status: RoomStatus, control: str, reason: str
) -> None:
    door = Door(status).press(control).wait(10)
    assert (door.told, door.requests) == ([(FAILED, reason)], [])


def test_a_sequence_ends_when_an_answer_never_comes() -> None:
    # The marker itself is no failure any more: it is kept. What follows it comes too late.
    door = Door().press("mark+pause").wait(30)
    assert door.told == [
        (FAILED, "marker “X” at 01:00 is kept on this box until it is delivered; "
                 "too late: this was asked for 6 s ago")
    ]  # fmt: skip
    assert PauseRecording() not in door.requests
    assert isinstance(door.requests[0], AddMarker)
    assert all(isinstance(request, DeliverMarker) for request in door.requests[1:])


def test_a_sequence_ends_when_the_link_is_lost_between_its_actions() -> None:
    door = Door().press("mark+pause").lose().answer()
    ((result, reason),) = door.told
    assert (result, len(door.requests)) == (FAILED, 1)
    assert reason.startswith("marker “X” at 01:00; the room's state is unknown: ")


def test_a_sequence_goes_on_when_a_lost_answer_turns_out_to_be_a_yes() -> None:
    door = Door().press("stop+lock").fail(ConnectionLost("the connection broke"))
    door.wait(0.5).poll(AVAILABLE)
    assert door.requests == [StopRecording(), LockRoom()]
    door.answer()
    assert door.told == [(DONE, "recording stopped (the answer was lost); room locked")]


@pytest.mark.parametrize(
    ("status", "control", "request_", "reason"),
    [
        (AVAILABLE, "stop+lock", LockRoom(), "nothing is being recorded; room locked"),
        (PAUSED, "pause+mark", AddMarker("R1", "X", "blue", 0),
         "the recording is already paused; marker “X” at 00:00"),
        (RECORDING, "start+mark", AddMarker("R1", "X", "blue", 60),
         "the room is already recording; marker “X” at 01:00"),
    ],
)  # fmt: skip
def test_where_the_room_is_already_so_a_sequence_goes_on(
    status: RoomStatus, control: str, request_: Request, reason: str
) -> None:
    door = Door(status).press(control)
    assert door.requests == [request_]
    door.answer()
    assert door.told == [(DONE, reason)]


def test_a_sequence_whose_last_action_is_not_needed_is_done_all_the_same() -> None:
    door = Door(PAUSED).press("mark+pause").answer()
    assert door.told == [(DONE, "marker “X” at 00:00; the recording is already paused")]


def test_a_sequence_that_had_nothing_to_do_is_ignored() -> None:
    rules = replace(RULES, controls={"x": on(PRESS, Action.UNLOCK, Action.STOP)})
    door = Door(AVAILABLE, rules).press("x")
    assert door.told == [(IGNORED, "the room is not locked; nothing is being recorded")]


def test_a_refused_action_that_finds_the_room_as_wanted_goes_on() -> None:
    door = Door().press("stop+lock").fail(Refused("There is no recording")).poll(AVAILABLE)
    assert door.requests[1:] == [LockRoom()]
    door.answer()
    assert door.told == [(DONE, "the recording had already ended; room locked")]


def test_a_busy_room_ends_the_whole_sequence() -> None:
    door = Door().press("pause").press("stop+lock").answer("R1").wait(10)
    assert door.told[0] == (IGNORED, "busy: pause is being carried out")
    assert door.requests == [PauseRecording()]


def test_a_sequence_that_meets_a_busy_room_half_way_says_what_was_done() -> None:
    door = Door().press("mark+pause")
    mark = door.asks[-1]
    door.press("lock").press("stop")  # the lock is refused by the table, the stop is under way
    door.feed(Answered(mark.id, None, door.now, door.now))
    result, reason = door.told[-1]
    assert (result, reason) == (FAILED, "marker “X” at 01:00; busy: stop is being carried out")


def test_a_recording_that_has_just_started_is_not_stopped_and_then_locked() -> None:
    door = Door(AVAILABLE).press("start").answer("R1").wait(1).press("toggle+lock").wait(10)
    assert door.told[-1] == (IGNORED, "the recording was just started")
    assert door.requests == [StartRecording(7, "")]


def test_while_a_sequence_is_under_way_other_presses_are_busy() -> None:
    door = Door().press("stop+lock").answer()
    door.press("start")
    assert door.told == [(IGNORED, "busy: stop+lock is being carried out")]
    door.answer()
    assert door.told[-1] == (DONE, "recording stopped; room locked")


def test_another_room_ends_a_sequence_half_way() -> None:
    door = Door().press("stop+lock").answer().feed(Reconfigured(RULES, new_room=True)).wait(10)
    assert door.told == [(FAILED, "recording stopped; the configuration was changed")]


def test_a_marker_of_a_sequence_blinks_as_every_marker_does() -> None:
    door = Door().press("pause+mark").answer("R1").answer()
    assert door.light.receipt is Receipt.MARKED


def test_a_status_at_the_end_of_a_sequence_is_read_after_it() -> None:
    door = Door(PAUSED).press("resume+status").wait(0.1).answer("R1").wait(0.1).poll(RECORDING)
    assert door.told == [(DONE, "recording resumed; the room is recording")]


# -- too late ---------------------------------------------------------------------------------


LATE = "too late: this was asked for"


@pytest.mark.parametrize(
    ("status", "control", "request_"),
    [
        (AVAILABLE, "record", StartRecording(7, "")),
        (AVAILABLE, "start", StartRecording(7, "")),
        (RECORDING, "stop", StopRecording()),
        (RECORDING, "pause", PauseRecording()),
        (AVAILABLE, "lock", LockRoom()),
    ],
)
@pytest.mark.parametrize(("late_s", "goes"), [(4.9, True), (5.0, True), (5.1, False), (60, False)])
def test_a_press_that_is_handled_too_late_is_not_carried_out(
    status: RoomStatus, control: str, request_: Request, late_s: float, goes: bool
) -> None:
    door = Door(status)
    at = door.now
    door.now += late_s
    door.press(control, at).wait(30)
    assert door.requests == ([request_] if goes else [])
    if goes:
        assert door.asks[0].send_before == at + RULES.send_within_s
    else:
        assert door.told == [(FAILED, f"{LATE} {late_s:.0f} s ago")]
        assert (door.light.receipt, door.light.pending) == (Receipt.REFUSED, False)


def test_the_site_says_how_late_is_too_late() -> None:
    rules = replace(RULES, send_within_s=1.0)
    door = Door(AVAILABLE, rules)
    at = door.now
    door.now += 1.5
    assert door.press("start", at).told == [(FAILED, f"{LATE} 2 s ago")]
    assert door.press("start").asks[0].send_before == door.now + 1.0


@pytest.mark.parametrize("control", ["marker", "bell"])
def test_a_marker_is_never_too_late(control: str) -> None:
    """Its second is settled by the press, whenever it is set."""
    door = Door()
    at = door.now
    door.now += 30.0
    door.press(control, at).release(control, at + 0.1)
    (request,) = door.requests
    assert isinstance(request, AddMarker)
    assert request.time_s == 60
    assert door.asks[0].send_before == door.now + RULES.reply_timeout_s


def test_a_look_at_the_status_is_never_too_late() -> None:
    door = Door()
    at = door.now
    door.now += 30.0
    door.press("status", at).wait(0.1).poll(RECORDING)
    assert door.told == [(DONE, "the room is recording")]


def test_a_long_hold_counts_from_when_it_is_complete() -> None:
    slow = ControlRules({HOLD: does(Action.LOCK)}, hold_s=8.0)
    door = Door(AVAILABLE, replace(RULES, controls={"slow": slow})).press("slow").wait(8.0)
    assert door.requests == [LockRoom()]
    assert door.asks[0].send_before == door.now + RULES.send_within_s


@pytest.mark.parametrize(("late_s", "goes"), [(4.9, True), (5.1, False)])
def test_a_hold_that_was_complete_too_long_ago_is_not_carried_out(
    late_s: float, goes: bool
) -> None:
    door = Door()
    at = door.now
    door.now += 1.0 + late_s
    door.press("hold stop", at).release("hold stop", at + 30.0).wait(30)
    assert (door.requests == [StopRecording()]) is goes
    if not goes:
        assert door.told == [(FAILED, f"{LATE} 5 s ago")]


@pytest.mark.parametrize(("late_s", "goes"), [(4.9, True), (5.1, False)])
def test_a_stop_by_hold_counts_from_when_it_was_held_for_long_enough(
    late_s: float, goes: bool
) -> None:
    door = Door(rules=replace(HOLD_TO_STOP, stop_hold_s=6.0)).press("stop")
    at = door.now
    door.now += 6.0 + late_s
    door.release("stop", at + 7.0).wait(30)
    assert (door.requests == [StopRecording()]) is goes
    if goes:
        assert door.asks[0].send_before == at + 6.0 + RULES.send_within_s
    else:
        assert door.told == [(FAILED, f"{LATE} 5 s ago")]


def test_a_foot_switch_coming_up_counts_from_coming_up() -> None:
    door = Door(AVAILABLE).press("foot").answer("R1").wait(60)
    at = door.now
    door.now += 5.5
    door.release("foot", at).wait(30)
    assert door.requests == [StartRecording(7, "")]
    assert door.told[-1] == (FAILED, f"{LATE} 6 s ago")


def test_a_press_beside_a_hold_counts_from_coming_up() -> None:
    door = Door(AVAILABLE).press("three").wait(1.2).release("three")
    assert door.requests == [StartRecording(7, "")]
    assert door.asks[0].send_before == door.now + RULES.send_within_s


def test_a_double_press_counts_from_its_second_press() -> None:
    door = Door().tap("double stop", 0.05).wait(0.25).press("double stop")
    assert door.asks[0].send_before == door.now + RULES.send_within_s


def test_a_single_press_beside_a_double_counts_from_when_no_second_one_came() -> None:
    door = Door(AVAILABLE).tap("press or double", 0.1).wait(0.3)
    assert door.requests == [StartRecording(7, "")]
    assert door.asks[0].send_before == pytest.approx(door.began + 0.4 + RULES.send_within_s)


def test_a_late_press_does_not_hold_up_the_next_one() -> None:
    door = Door(AVAILABLE)
    at = door.now
    door.now += 20.0
    door.press("record", at).press("start")
    assert door.requests == [StartRecording(7, "")]
    assert door.told == [(FAILED, f"{LATE} 20 s ago")]


def test_a_late_start_takes_the_markers_that_are_pressed_with_it_along() -> None:
    door = Door(AVAILABLE)
    at = door.now
    door.now += 20.0
    door.press("start", at).press("marker", at + 1.0)
    assert door.requests == []
    assert door.told == [(FAILED, f"{LATE} 20 s ago"), (FAILED, "nothing is being recorded")]


@pytest.mark.parametrize("kind", list(NumberKind))
def test_a_badge_that_is_handled_too_late_is_not_even_looked_up(kind: NumberKind) -> None:
    door = Door(AVAILABLE)
    at = door.now
    door.now += 7.0
    door.feed(Scanned("reader", kind, Secret("0004711001"), at)).wait(30)
    assert door.requests == []
    assert door.told == [(FAILED, f"{LATE} 7 s ago")]


@pytest.mark.parametrize("status", [AVAILABLE, RECORDING], ids=["start", "stop"])
@pytest.mark.parametrize(("took_s", "goes"), [(4.9, True), (5.4, False)])
def test_a_badge_whose_look_up_took_too_long_does_nothing(
    status: RoomStatus, took_s: float, goes: bool
) -> None:
    door = Door(status).swipe()
    at = door.now
    assert door.asks[0].send_before == at + RULES.send_within_s
    door.wait(took_s).answer((ALICE,)).wait(30)
    assert (len(door.requests) == 2) is goes
    if goes:
        assert door.asks[1].send_before == at + RULES.send_within_s, "one limit for both"
    else:
        assert door.told == [(FAILED, f"{LATE} 5 s ago")]


def test_what_follows_in_a_sequence_has_the_limit_of_its_press() -> None:
    door = Door(LOCKED).press("unlock+start+mark")
    at = door.now
    door.wait(2.0).answer().wait(2.0).answer("R9").wait(4.0)
    assert [ask.send_before for ask in door.asks[:2]] == [at + RULES.send_within_s] * 2
    assert door.asks[2].send_before == at + 4.0 + RULES.reply_timeout_s, "a marker is not limited"
    door.answer()
    assert [result for result, _ in door.told] == [DONE]


def test_a_sequence_that_is_held_up_does_not_go_on() -> None:
    door = Door().press("stop+lock").wait(5.5).answer().wait(30)
    assert door.requests == [StopRecording()]
    assert door.told == [(FAILED, f"recording stopped; {LATE} 6 s ago")]
    assert door.light.name == "available"


def test_a_sequence_whose_lost_answer_was_cleared_up_too_late_does_not_go_on() -> None:
    door = Door().press("stop+lock").wait(3.0).fail(ConnectionLost("the connection broke"))
    door.wait(3.0).poll(AVAILABLE).wait(30)
    assert door.requests == [StopRecording()]
    ((result, reason),) = door.told
    assert (result, reason.split("; ")[-1]) == (FAILED, f"{LATE} 6 s ago")


# -- stop protection: at once -------------------------------------------------------------------


@pytest.mark.parametrize("control", ["stop", "record"])
def test_without_protection_one_press_stops(control: str) -> None:
    assert Door().press(control).requests == [StopRecording()]


# -- stop protection: hold ----------------------------------------------------------------------


@pytest.mark.parametrize("control", ["stop", "record"])
@pytest.mark.parametrize("status", [RECORDING, PAUSED])
def test_a_stop_by_hold_goes_out_after_two_seconds_and_once(
    control: str, status: RoomStatus
) -> None:
    door = Door(status, HOLD_TO_STOP).press(control)
    assert (door.light.name, door.requests) == ("pending", [])
    door.wait(1.9)
    assert (door.light.name, door.requests, door.told) == ("pending", [], [])
    door.wait(0.1)
    assert door.requests == [StopRecording()]
    door.answer().wait(10).release(control).wait(10)
    assert door.requests == [StopRecording()]
    assert door.told == [(DONE, "recording stopped")]
    assert moment(door, door.outcomes[0]) == (0.0, 2.0)


@pytest.mark.parametrize("held_s", [0.05, 1.0, 1.99])
def test_a_stop_by_hold_that_is_let_go_early_says_how_long(held_s: float) -> None:
    door = Door(rules=HOLD_TO_STOP).hold("record", held_s)
    assert door.told == [(IGNORED, "hold it for 2 s to stop the recording")]
    assert door.light.name == "recording"
    door.wait(10)
    assert (door.requests, len(door.told)) == ([], 1)


def test_the_time_to_hold_is_the_sites_choice() -> None:
    door = Door(rules=replace(HOLD_TO_STOP, stop_hold_s=0.5)).hold("record", 0.4)
    assert door.told == [(IGNORED, "hold it for 0.5 s to stop the recording")]
    assert door.press("record").wait(0.5).requests == [StopRecording()]


def test_a_second_try_to_hold_counts_from_its_own_beginning() -> None:
    door = Door(rules=HOLD_TO_STOP).hold("stop", 1.5).press("stop").wait(1.9)
    assert door.requests == []
    assert door.wait(0.1).requests == [StopRecording()]


def test_what_was_stopped_elsewhere_meanwhile_is_not_stopped_again() -> None:
    door = Door(rules=HOLD_TO_STOP).press("record").wait(1).poll(AVAILABLE).wait(1)
    assert door.told == [(IGNORED, "nothing is being recorded")]
    door.wait(5).release("record").wait(5)
    assert (door.requests, len(door.told)) == ([], 1)


def test_a_toggle_that_is_held_to_stop_never_starts_anything() -> None:
    door = Door(rules=HOLD_TO_STOP).press("record").wait(1).poll(AVAILABLE).wait(5)
    assert door.requests == []


def test_a_link_lost_while_the_button_is_held_fails_the_stop() -> None:
    door = Door(rules=HOLD_TO_STOP).press("record").wait(1).lose().wait(1)
    ((result, reason),) = door.told
    assert result == FAILED
    assert reason.endswith("the server refuses connections")
    assert door.requests == []


def test_another_press_under_way_when_the_time_is_held_is_busy() -> None:
    door = Door(rules=HOLD_TO_STOP).press("record").wait(1.5).press("pause").wait(0.5)
    assert door.told == [(IGNORED, "busy: pause is being carried out")]


def test_a_held_stop_is_followed_by_the_rest_of_its_sequence() -> None:
    door = Door(rules=HOLD_TO_STOP).hold("stop+lock", 2.1).answer().answer()
    assert door.requests == [StopRecording(), LockRoom()]
    assert door.told == [(DONE, "recording stopped; room locked")]


def test_a_sequence_whose_stop_is_let_go_early_ends_whole() -> None:
    door = Door(rules=HOLD_TO_STOP).hold("stop+lock", 1.0).wait(10)
    assert door.told == [(IGNORED, "hold it for 2 s to stop the recording")]
    assert door.requests == []


@pytest.mark.parametrize("let_go", [1.0, 5.0], ids=["early", "late"])
def test_two_stop_buttons_in_two_hands_get_an_outcome_each_and_stop_once(let_go: float) -> None:
    door = Door(rules=HOLD_TO_STOP).press("stop").wait(0.5).press("stop 2").wait(let_go)
    if len(door.requests) == 1:
        door.answer()
    door.release("stop").release("stop 2").wait(10)
    assert not door.unanswered()
    assert door.requests == ([] if let_go < 1.5 else [StopRecording()])


def test_a_stop_button_not_seen_to_come_up_is_answered_when_it_is_held_again() -> None:
    door = Door(rules=HOLD_TO_STOP).press("stop").wait(1.0).press("stop").wait(1.5)
    assert door.told == [(IGNORED, "it was not seen to come up again")]
    assert door.requests == [], "the second one is held for 1.5 s only"
    assert door.wait(0.5).requests == [StopRecording()]


@pytest.mark.parametrize(
    "event", [DeviceLost("keypad", "keypad: unplugged"), Reconfigured(RULES, new_room=False)]
)
def test_a_button_that_is_lost_while_held_stops_nothing(event: Event) -> None:
    door = Door(rules=HOLD_TO_STOP).press("stop").wait(1.0).feed(event).wait(10)
    assert [result for result, _ in door.told] == [IGNORED]
    assert (door.requests, door.light.pending) == ([], False)


def test_a_short_press_in_a_queue_that_was_stuck_stops_nothing() -> None:
    door = Door(rules=HOLD_TO_STOP)
    at = door.now
    door.now += 5.0
    door.press("stop", at).release("stop", at + 0.1).tick()
    assert door.told == [(IGNORED, "hold it for 2 s to stop the recording")]
    assert door.requests == []


@pytest.mark.parametrize("control", ["stop", "press or double"])
def test_a_button_held_long_enough_stops_although_its_release_is_handled_first(
    control: str,
) -> None:
    door = Door(rules=HOLD_TO_STOP).press(control)
    at = door.now
    door.now += 2.6
    door.release(control, at + 2.5).tick()
    assert door.requests == [StopRecording()]


@pytest.mark.parametrize("control", ["door", "press or double"])
def test_a_short_press_beside_a_hold_or_double_does_not_stop_a_room_that_wants_a_hold(
    control: str,
) -> None:
    """When it is clear that it was a press, the button is up already: nobody holds it."""
    door = Door(rules=HOLD_TO_STOP).tap(control, 0.2).wait(10)
    assert door.requests == []
    assert [result for result, _ in door.told] == [IGNORED]
    assert not door.unanswered()


def test_a_button_kept_down_stops_although_a_double_press_is_bound_too() -> None:
    door = Door(rules=HOLD_TO_STOP).press("press or double").wait(1.9)
    assert (door.light.name, door.requests) == ("pending", [])
    assert door.wait(0.1).requests == [StopRecording()]


# -- stop protection: twice ---------------------------------------------------------------------


@pytest.mark.parametrize("control", ["stop", "record"])
def test_a_stop_by_two_presses_goes_out_at_the_second(control: str) -> None:
    door = Door(rules=TWICE_TO_STOP).tap(control)
    assert door.told == [(IGNORED, "press again within 3 s to stop the recording")]
    assert (door.requests, door.light.name) == ([], "recording")
    assert door.wait(1.5).press(control).requests == [StopRecording()]
    assert door.answer().told[-1] == (DONE, "recording stopped")


@pytest.mark.parametrize(("gap", "stops"), [(0.3, True), (2.9, True), (3.1, False), (60.0, False)])
def test_the_second_press_must_come_within_three_seconds(gap: float, stops: bool) -> None:
    door = Door(rules=TWICE_TO_STOP).press("stop").wait(gap).press("stop")
    assert (door.requests == [StopRecording()]) is stops


def test_a_second_press_too_late_is_a_first_one_again() -> None:
    door = Door(rules=TWICE_TO_STOP).press("stop").wait(3.5).press("stop")
    assert [result for result, _ in door.told] == [IGNORED, IGNORED]
    assert door.wait(2.5).press("stop").requests == [StopRecording()]


def test_after_a_stop_the_next_recording_wants_two_presses_again() -> None:
    door = Door(rules=TWICE_TO_STOP).press("stop").wait(0.5).press("stop").answer()
    door.wait(0.5).press("start").answer("R2").wait(0.5).press("stop")
    assert door.told[-1] == (IGNORED, "press again within 3 s to stop the recording")


def test_the_second_press_may_be_of_another_control() -> None:
    door = Door(rules=TWICE_TO_STOP).press("record").wait(1).press("stop")
    assert door.requests == [StopRecording()]


def test_a_press_of_something_else_in_between_takes_nothing_away() -> None:
    # Before the half second, so that the marker is sent at once.
    door = Door(rules=TWICE_TO_STOP).press("stop").wait(0.4).press("marker").answer()
    assert door.wait(0.5).press("stop").requests[1:] == [StopRecording()]


def test_the_first_press_of_two_ends_a_whole_sequence() -> None:
    door = Door(rules=TWICE_TO_STOP).press("stop+lock").wait(10)
    assert door.told == [(IGNORED, "press again within 3 s to stop the recording")]
    assert door.requests == []


def test_a_first_press_in_a_recording_that_is_over_does_not_count_for_the_next() -> None:
    door = Door(rules=TWICE_TO_STOP).press("stop").wait(0.5).poll(AVAILABLE)
    door.wait(0.5).poll(OTHER).wait(0.5).press("stop")
    assert door.requests == []
    assert door.told[-1] == (IGNORED, "press again within 3 s to stop the recording")


# -- stop protection: what is not hindered -----------------------------------------------------


PROTECTED = pytest.mark.parametrize("rules", [HOLD_TO_STOP, TWICE_TO_STOP], ids=["hold", "twice"])


@PROTECTED
@pytest.mark.parametrize("kind", list(NumberKind))
def test_a_badge_or_pin_stops_at_once(rules: Rules, kind: NumberKind) -> None:
    door = Door(rules=rules).swipe(kind).answer((ALICE,))
    assert door.requests[1:] == [StopRecording()]


@PROTECTED
@pytest.mark.parametrize(
    ("hand", "after_s"),
    [(lambda door: door.press("hold stop").wait(1.0), 1.0),
     (lambda door: door.tap("double stop").wait(0.1).press("double stop"), 0.2)],
    ids=["held", "pressed twice"],
)  # fmt: skip
def test_a_stop_bound_to_a_hold_or_a_double_press_is_no_accident(
    rules: Rules, hand: object, after_s: float
) -> None:
    door = Door(rules=rules)
    assert callable(hand)
    hand(door)
    assert (door.requests, door.since_s) == ([StopRecording()], after_s)


@PROTECTED
@pytest.mark.parametrize("control", ["start", "record"])
def test_a_start_is_never_hindered(rules: Rules, control: str) -> None:
    assert Door(AVAILABLE, rules).press(control).requests == [StartRecording(7, "")]


@PROTECTED
@pytest.mark.parametrize(
    ("control", "request_"),
    [("pause", PauseRecording()), ("mark+pause", AddMarker("R1", "X", "blue", 60))],
)
def test_only_a_stop_is_protected(rules: Rules, control: str, request_: Request) -> None:
    assert Door(rules=rules).press(control).requests == [request_]


@PROTECTED
def test_a_stop_with_nothing_to_stop_needs_no_protection(rules: Rules) -> None:
    door = Door(AVAILABLE, rules).press("stop")
    assert door.told == [(IGNORED, "nothing is being recorded")]


# -- markers that count -------------------------------------------------------------------------


def names(door: Door) -> list[str]:
    return [request.name for request in door.requests if isinstance(request, AddMarker)]


def test_a_markers_name_may_tell_its_number_and_its_time() -> None:
    door = Door().press("marker").answer().wait(15).press("marker").answer()
    assert names(door) == ["Question 1 at 01:00", "Question 2 at 01:15"]
    assert door.told[-1] == (DONE, "marker “Question 2 at 01:15” at 01:15")


def test_markers_are_counted_anew_in_every_recording() -> None:
    door = Door().press("marker").answer().wait(1).press("marker").answer()
    door.wait(10).poll(AVAILABLE).wait(10).poll(OTHER).wait(5).press("marker")
    assert names(door)[-1] == "Question 1 at 00:05"


def test_a_pause_does_not_begin_the_count_anew() -> None:
    door = Door().press("marker").answer().wait(5).poll(PAUSED).wait(5).poll(RECORDING)
    door.wait(5).press("marker")
    assert names(door) == ["Question 1 at 01:00", "Question 2 at 01:10"]


def test_all_markers_of_a_recording_are_counted_together() -> None:
    rules = replace(
        RULES, controls={"a": on(PRESS, marker("A{count}")), "b": on(PRESS, marker("B{count}"))}
    )
    door = Door(rules=rules).press("a").press("b").press("a")
    assert names(door) == ["A1", "B2", "A3"]


def test_markers_pressed_during_the_start_are_counted_in_their_order() -> None:
    door = Door(AVAILABLE).press("start").wait(0.2).press("marker").wait(0.2).press("marker")
    door.answer("R9")
    assert names(door) == ["Question 1 at 00:00", "Question 2 at 00:00"]


def test_a_brace_that_is_meant_as_a_sign_stays_one() -> None:
    rules = replace(RULES, controls={"a": on(PRESS, marker("{{x}} {count}"))})
    assert names(Door(rules=rules).press("a")) == ["{x} 1"]


# -- show status --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (RECORDING, "the room is recording"),
        (AVAILABLE, "the room is available"),
        (PAUSED, "the room is paused"),
        (LOCKED, "the room is locked"),
        (LOCKED_RECORDING, "the room is recording and locked"),
    ],
)
def test_show_status_reads_the_room_now_and_tells_it(status: RoomStatus, reason: str) -> None:
    door = Door()
    wanted = door.polls_wanted
    door.press("status")
    assert door.polls_wanted == wanted + 1
    assert (door.light.name, door.told, door.requests) == ("pending", [], [])
    door.wait(0.1).poll(status)
    assert door.told == [(DONE, reason)]
    assert not door.light.pending


def test_a_poll_from_before_the_press_does_not_answer_it() -> None:
    door = Door()
    sent_at = door.now - 0.1
    door.press("status").wait(0.1).feed(RoomPolled(RECORDING, sent_at, door.now))
    assert door.told == []
    door.wait(0.1).poll(AVAILABLE)
    assert door.told == [(DONE, "the room is available")]


def test_show_status_with_the_server_away_tries_and_says_why_it_failed() -> None:
    door = Door().lose()
    wanted = door.polls_wanted
    door.press("status")
    assert (door.polls_wanted, door.told) == (wanted + 1, [])
    door.wait(0.5).lose()
    assert door.told == [
        (FAILED, "the room's state is unknown: the server refuses connections"),
    ]


def test_show_status_finds_a_server_that_has_come_back() -> None:
    door = Door().lose().press("status").wait(0.2).poll(AVAILABLE)
    assert door.told == [(DONE, "the room is available")]


def test_show_status_without_any_answer_fails_in_time() -> None:
    door = Door().press("status").wait(7)
    ((result, reason),) = door.told
    assert (result, reason) == (FAILED, "the room's state is unknown: no answer in time")


def test_two_who_ask_for_the_status_have_their_own_time_each() -> None:
    door = Door().press("status").wait(5.5).press("status").wait(1.0)
    assert len(door.told) == 1, "the second one was asked a second ago"
    door.poll(RECORDING)
    assert door.told[1:] == [(DONE, "the room is recording")]


def test_show_status_never_waits_for_another_press() -> None:
    door = Door().press("pause").press("status").wait(0.1).poll(RECORDING)
    assert door.told == [(DONE, "the room is recording")]
    door.answer("R1")
    assert door.told[-1] == (DONE, "recording paused")


def test_show_status_does_not_make_another_press_wait() -> None:
    assert Door().press("status").press("pause").requests == [PauseRecording()]


def test_show_status_in_a_wrong_configuration_tells_the_problem() -> None:
    door = Door(rules=replace(RULES, config_problem="ivsd.yaml is wrong")).press("status")
    assert door.told == [(FAILED, "ivsd.yaml is wrong")]


def test_another_room_ends_a_look_at_the_status() -> None:
    door = Door().press("status").feed(Reconfigured(RULES, new_room=True)).wait(10)
    assert door.told == [(FAILED, "the room's state is unknown: the configuration was changed")]


def test_a_lock_over_a_recording_shows_for_five_seconds_and_only_when_asked_for() -> None:
    door = Door(LOCKED_RECORDING)
    assert door.light.name == "recording"
    door.press("status").wait(0.1).poll(LOCKED_RECORDING)
    assert (door.light.name, door.light.records) == ("locked", True)
    door.wait(4.9)
    assert door.light.name == "locked"
    door.wait(0.1)
    assert (door.light.name, door.light.records) == ("recording", True)


def test_asking_again_shows_the_lock_for_five_seconds_more() -> None:
    door = Door(LOCKED_RECORDING).press("status").wait(0.1).poll(LOCKED_RECORDING).wait(3)
    door.press("status").wait(0.1).poll(LOCKED_RECORDING).wait(4.5)
    assert door.light.name == "locked"
    assert door.wait(0.6).light.name == "recording"


def test_a_lock_that_is_gone_is_not_shown_on() -> None:
    door = Door(LOCKED_RECORDING).press("status").wait(0.1).poll(LOCKED_RECORDING).wait(1)
    assert door.poll(RECORDING).light.name == "recording"


def test_a_press_under_way_shows_over_the_lock() -> None:
    door = Door(LOCKED_RECORDING).press("status").wait(0.1).poll(LOCKED_RECORDING).press("marker")
    assert door.light.name == "pending"
    assert door.answer().light.name == "locked"

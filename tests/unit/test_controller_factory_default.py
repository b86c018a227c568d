"""The controller and the hold for the factory state: when it restores, and when it must not.

`Door` stands for the box in simulated time. After every step it checks that no input was answered
twice, and that time alone ends whatever the light says of the hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ivsd.controller import Controller
from ivsd.events import (
    FACTORY_DEFAULT,
    Action,
    AddMarker,
    Answered,
    Ask,
    Binding,
    ControlRules,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Disturbed,
    Event,
    FactoryDefaultAsked,
    FactoryDefaultBegan,
    FactoryDefaultFailed,
    Gesture,
    HoldRules,
    Keep,
    Kept,
    LightView,
    LockRoom,
    Misread,
    Note,
    NumberKind,
    OutboxLost,
    OutboxRead,
    Outcome,
    Pressed,
    Reconfigured,
    Released,
    Report,
    Request,
    RestoreFactoryState,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    StopRecording,
    Tick,
    WatchFailed,
)
from ivsd.valt.errors import ConnectionLost, Unreachable
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, Secret, User

DONE, FAILED, IGNORED = "done", "failed", "ignored"
COUNTING, READY = "reset_counting", "reset_ready"
CONFIRM, RESTORING = "reset_confirm", "restoring"
TOGETHER_S, STUCK_S = 10.0, 60.0

AVAILABLE = RoomStatus(RoomState.AVAILABLE, word="available")
LOCKED = RoomStatus(RoomState.LOCKED, word="locked")
RECORDING = RoomStatus(RoomState.RECORDING, "R1", True, "recording")
PAUSED = RoomStatus(RoomState.PAUSED, "R1", True, "paused")


def on(**gestures: Action) -> ControlRules:
    return ControlRules({Gesture(gesture): (Binding(a, "X"),) for gesture, a in gestures.items()})


CONTROLS = {
    "record": on(press=Action.RECORD_TOGGLE),
    "marker": on(press=Action.MARKER),
    "bell": on(tap=Action.MARKER),
    "door": on(press=Action.RECORD_TOGGLE, hold=Action.LOCK),
    "stop": on(press=Action.STOP),
}
LINE = Rules(CONTROLS, factory_default=HoldRules())
"""The factory default: one line, and nothing else to do for it."""
TWO_KEYS = frozenset({"record", "marker"})
COMBINATION = Rules(CONTROLS, factory_default=HoldRules(TWO_KEYS))
WITH_CONFIRM = Rules(CONTROLS, factory_default=HoldRules(confirm=True))


class Door:
    """One controller, what it has said so far, and the time."""

    def __init__(self, status: RoomStatus | None = AVAILABLE, rules: Rules = LINE) -> None:
        self.controller = Controller(rules)
        self.rules = rules
        self.now = self.began = 100.0
        self.light = LightView()
        self.lights: list[tuple[float, str]] = []
        self.asks: list[Ask] = []
        self.outcomes: list[Outcome] = []
        self.notes: list[Note] = []
        self.restores: list[float] = []
        self.deadline: float | None = None
        self.inputs: list[tuple[str, float]] = []
        """What must have one outcome: a hold is one, however many keys and presses it takes."""
        self._down: dict[str, float] = {}
        self.feed(OutboxRead(()))
        if status is not None:
            self.poll(status)
        self.wait(60.0)
        self.began = self.now
        self.lights.clear()

    # -- events -----------------------------------------------------------------------------

    def feed(self, event: Event) -> Door:
        restores, before = len(self.restores), self.light.name
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        for command in step.commands:
            match command:
                case Report(outcome):
                    self.outcomes.append(outcome)
                case Ask():
                    self.asks.append(command)
                case Note():
                    self.notes.append(command)
                case RestoreFactoryState():
                    self.restores.append(round(self.now - self.began, 6))
                case Show(view):
                    self.light = view
                    self.lights.append((round(self.now - self.began, 6), view.name))
        self._note(event, before, confirms=len(self.restores) > restores)
        answered = self.answered
        assert len(set(answered)) == len(answered), "an input was answered twice"
        if self.light.pending or self.light.name in (COUNTING, READY, CONFIRM):
            assert self.deadline is not None, "something waits, and nothing will end it"
        for command in step.commands:
            if isinstance(command, Keep):
                self.feed(Kept(command.marker.id))
        return self

    def _note(self, event: Event, before: str, *, confirms: bool) -> None:
        """Keep account of the inputs: presses, and what becomes one hold of several."""
        match event:
            case FactoryDefaultAsked(source, at):
                self.inputs.append((source, at))
                if before != RESTORING:
                    self._down.clear()
            case Pressed(control, at):
                hold = self.rules.factory_default
                is_of_hold = hold is not None and control in hold.controls
                is_bounce = is_of_hold and before == self.light.name == CONFIRM
                if not (confirms or is_bounce):
                    self.inputs.append((control, at))
                if is_of_hold and before != CONFIRM:
                    self._goes_down(control, at)
            case Released(control, _, was_seen):
                self._down.pop(control, None)
                if not was_seen:
                    self._down.clear()
            case DeviceLost() | DeviceForgotten():
                self._down.clear()
            case Reconfigured(rules):
                self._down.clear()
                self.rules = rules

    def _goes_down(self, control: str, at: float) -> None:
        """Take the hold for one input, and its keys for none, when the last of them goes down."""
        hold = self.rules.factory_default
        assert hold is not None
        if control in self._down:
            self._down.clear()
        self._down[control] = at
        together = at - min(self._down.values()) <= TOGETHER_S
        if together and self._down.keys() == hold.controls and self.light.name != RESTORING:
            held = set(self._down.items())
            self.inputs = [one for one in self.inputs if one not in held]
            self.inputs.append((FACTORY_DEFAULT, at))

    def press(self, *controls: str, at: float | None = None) -> Door:
        for control in controls or (FACTORY_DEFAULT,):
            self.feed(Pressed(control, self.now if at is None else at))
        return self

    def release(self, *controls: str, at: float | None = None) -> Door:
        for control in controls or (FACTORY_DEFAULT,):
            self.feed(Released(control, self.now if at is None else at))
        return self

    def release_unseen(self, control: str = FACTORY_DEFAULT) -> Door:
        return self.feed(Released(control, self.now, was_seen=False))

    def hold(self, for_s: float, *controls: str) -> Door:
        return self.press(*controls).wait(for_s).release(*controls)

    def tap(self, *controls: str) -> Door:
        return self.hold(0.1, *controls)

    def asked(self, source: str = "ivsd factory-default") -> Door:
        return self.feed(FactoryDefaultAsked(source, self.now))

    def poll(self, status: RoomStatus) -> Door:
        return self.feed(RoomPolled(status, self.now, self.now))

    def lose_link(self) -> Door:
        return self.feed(WatchFailed(Unreachable("the server refuses connections"), self.now))

    def answer(self, result: RecordingId | tuple[User, ...] | None = None) -> Door:
        return self.feed(Answered(self.asks[-1].id, result, self.now, self.now))

    def wait(self, seconds: float) -> Door:
        """Let time pass; a Tick comes whenever the controller asked for one."""
        end = self.now + seconds
        while self.deadline is not None and self.deadline <= end:
            self.now = max(self.now, self.deadline)
            self.feed(Tick())
            assert self.deadline is None or self.deadline > self.now, "it would run for ever"
        self.now = end
        return self

    # -- what came of it --------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        return [ask.request for ask in self.asks]

    @property
    def answered(self) -> list[tuple[str, float]]:
        return [(outcome.source, outcome.pressed_at) for outcome in self.outcomes]

    @property
    def results(self) -> list[str]:
        return [outcome.result.value for outcome in self.outcomes]

    @property
    def words(self) -> list[tuple[float, str]]:
        """What the light has said since the door was there, and when; without repetitions."""
        first = self.lights[:1]
        pairs = zip(self.lights, self.lights[1:], strict=False)
        return first + [after for before, after in pairs if after[1] != before[1]]

    def unanswered(self) -> list[tuple[str, float]]:
        return [one for one in self.inputs if one not in self.answered]

    def of(self, control: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.source == control]

    def nothing_came_of_it(self) -> None:
        """See that nothing is restored, now or later, and that every input has its outcome."""
        self.wait(200.0)
        assert self.restores == []
        assert self.unanswered() == []
        assert self.light.reset is None


# -- the hold ---------------------------------------------------------------------------------


@pytest.mark.parametrize("held_s", [10.0, 10.1, 25.0, 59.9])
def test_held_long_enough_and_let_go_restores_once_and_at_the_release(held_s: float) -> None:
    door = Door().press().wait(held_s)
    assert door.restores == []
    assert door.outcomes == []
    door.release()
    assert door.restores == [held_s]
    assert door.outcomes == [], "it is done when it has begun"
    door.wait(5.0).release().wait(5.0)
    assert door.restores == [held_s]


@pytest.mark.parametrize(("held_s", "says"), [(0.1, "0"), (3.0, "3"), (7.2, "7"), (9.2, "9")])
def test_let_go_before_its_time_is_nothing_and_says_how_long_it_was(
    held_s: float, says: str
) -> None:
    door = Door().hold(held_s)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (FACTORY_DEFAULT, IGNORED)
    assert says in outcome.reason
    assert "10 s" in outcome.reason
    assert outcome.pressed_at == door.began
    assert door.light.name == "available"
    door.nothing_came_of_it()
    assert len(door.outcomes) == 1


def test_let_go_a_moment_too_early_is_not_told_as_long_enough() -> None:
    assert "after 10 s" not in Door().hold(9.95).outcomes[0].reason


def test_held_for_over_a_minute_is_a_stuck_button_and_nothing_also_when_it_comes_up() -> None:
    door = Door().press().wait(60.5)
    (outcome,) = door.outcomes
    assert outcome.result == IGNORED
    assert "jammed" in outcome.reason
    assert door.light.name == "available"
    door.wait(3600.0).release()
    door.nothing_came_of_it()
    assert len(door.outcomes) == 1


def test_after_a_stuck_button_has_come_up_it_can_be_held_again() -> None:
    door = Door().hold(70.0).wait(5.0).hold(11.0)
    assert len(door.restores) == 1


def test_the_time_of_the_hold_is_the_configured_one() -> None:
    rules = Rules(CONTROLS, factory_default=HoldRules(hold_s=3.0))
    assert Door(rules=rules).hold(2.9).restores == []
    assert Door(rules=rules).hold(3.0).restores == [3.0]


def test_each_hold_counts_for_itself() -> None:
    door = Door()
    for _ in range(5):
        door.hold(4.0).wait(0.2)
    assert [outcome.result for outcome in door.outcomes] == [IGNORED] * 5
    door.nothing_came_of_it()


def test_a_release_without_a_press_is_nothing() -> None:
    """A hold that began before the daemon did."""
    door = Door().wait(15.0).release()
    door.nothing_came_of_it()
    assert door.outcomes == []


def test_a_box_without_a_reset_control_restores_for_nobody_s_hold() -> None:
    door = Door(rules=Rules(CONTROLS)).hold(11.0)
    door.nothing_came_of_it()
    assert door.lights == [] or all(word == "available" for _, word in door.lights)


def test_other_controls_do_what_they_always_do_during_the_hold() -> None:
    door = Door().press().wait(2.0).tap("record")
    assert door.requests == [StartRecording(None, "")]
    door.answer("R1").wait(9.0).release()
    assert len(door.restores) == 1
    assert [outcome.result for outcome in door.of("record")] == [DONE]


# -- the light --------------------------------------------------------------------------------


def test_the_light_counts_then_is_ready_then_restores() -> None:
    door = Door().press().wait(12.0).release().wait(1.0)
    assert door.words == [(0.0, COUNTING), (10.0, READY), (12.0, RESTORING)]


def test_the_light_is_true_again_when_let_go_too_early() -> None:
    door = Door(RECORDING).hold(4.0)
    assert door.words == [(0.0, COUNTING), (4.0, "recording")]


def test_the_light_is_true_again_when_the_button_is_stuck() -> None:
    door = Door(LOCKED).press().wait(100.0)
    assert door.words == [(0.0, COUNTING), (10.0, READY), (60.0, "locked")]


def test_what_has_changed_in_the_meantime_is_shown_after_the_hold() -> None:
    door = Door().press().wait(1.0).poll(RECORDING).wait(1.0)
    assert door.light.name == COUNTING
    assert door.light.records, "the recording sign is true during the hold"
    door.release()
    assert door.light.name == "recording"


def lose_device(door: Door) -> None:
    door.feed(DeviceLost("reader", "reader: not found"))


def press_and_get_no_answer(door: Door) -> None:
    door.press("record").wait(0.5).release("record")
    assert door.light.pending


def lock_out(door: Door) -> None:
    for _ in range(10):
        door.feed(Scanned("keypad", NumberKind.PIN, Secret("123456"), door.now))
        if door.outcomes[-1:] and "wait" in door.outcomes[-1].reason:
            break
        door.answer(()).wait(0.5)
    door.outcomes.clear()


def lose_outbox(door: Door) -> None:
    door.feed(OutboxLost("no space left on the disk"))


def wrong_config(door: Door) -> None:
    wrong = Rules({}, factory_default=HoldRules(), config_problem="room: is missing")
    door.feed(Reconfigured(wrong, new_room=True))


Trouble = Callable[[Door], object]

SITUATIONS = [
    pytest.param(AVAILABLE, None, id="available"),
    pytest.param(RECORDING, None, id="recording"),
    pytest.param(PAUSED, None, id="paused"),
    pytest.param(LOCKED, None, id="locked"),
    pytest.param(None, None, id="server never reached"),
    pytest.param(AVAILABLE, Door.lose_link, id="link down"),
    pytest.param(RECORDING, Door.lose_link, id="link down while it records"),
    pytest.param(AVAILABLE, lose_device, id="reader missing"),
    pytest.param(AVAILABLE, press_and_get_no_answer, id="press pending"),
    pytest.param(AVAILABLE, lock_out, id="PIN lock-out"),
    pytest.param(AVAILABLE, lose_outbox, id="disk full"),
    pytest.param(AVAILABLE, wrong_config, id="wrong configuration"),
    pytest.param(RECORDING, wrong_config, id="wrong configuration while it records"),
]


@pytest.mark.parametrize(("status", "trouble"), SITUATIONS)
def test_the_hold_works_and_is_shown_whatever_is_the_matter(
    status: RoomStatus | None, trouble: Trouble | None
) -> None:
    door = Door(status)
    if trouble is not None:
        trouble(door)
    door.lights.clear()
    start = round(door.now - door.began, 6)
    door.press()
    assert door.light.name == COUNTING
    door.wait(11.0)
    assert door.light.name == READY
    door.release()
    assert door.light.name == RESTORING
    assert door.restores == [start + 11.0]
    door.feed(FactoryDefaultBegan()).wait(30.0)
    assert door.light.name == RESTORING
    assert door.unanswered() == []
    (outcome,) = door.of(FACTORY_DEFAULT)
    assert outcome.result == DONE


@pytest.mark.parametrize(("status", "trouble"), SITUATIONS)
def test_a_hold_let_go_early_leaves_the_light_as_it_was(
    status: RoomStatus | None, trouble: Trouble | None
) -> None:
    door = Door(status)
    if trouble is not None:
        trouble(door)
    before = door.light
    door.hold(1.5)
    after = replace(door.light, receipt=before.receipt, receipt_no=before.receipt_no)
    assert after == before


def test_a_press_that_waits_for_the_server_gets_its_own_outcome_all_the_same() -> None:
    door = Door().press("record").hold(11.0).wait(60.0)
    assert len(door.of("record")) == 1
    assert door.unanswered() == []


def test_a_daemon_that_starts_with_a_wrong_configuration_knows_the_hold() -> None:
    rules = Rules({}, factory_default=HoldRules(), config_problem="the file is wrong")
    door = Door(None, rules)
    assert door.hold(11.0).restores == [11.0]


# -- no end that anybody saw ------------------------------------------------------------------

CANCELS = [
    pytest.param(DeviceLost("keypad", "keypad: unplugged"), id="unplugged"),
    pytest.param(DeviceForgotten("keypad"), id="forgotten"),
    pytest.param(Reconfigured(LINE, new_room=False), id="reloaded"),
    pytest.param(Reconfigured(LINE, new_room=True), id="another room"),
    pytest.param(Reconfigured(Rules(CONTROLS), new_room=False), id="no reset control any more"),
    pytest.param(Released(FACTORY_DEFAULT, 0.0, was_seen=False), id="release not seen"),
]


@pytest.mark.parametrize("event", CANCELS)
@pytest.mark.parametrize("after_s", [2.0, 15.0], ids=["while counting", "when ready"])
def test_a_hold_whose_end_nobody_will_see_is_given_up(event: Event, after_s: float) -> None:
    door = Door().press().wait(after_s)
    if isinstance(event, Released):
        event = replace(event, at=door.now)
    door.feed(event)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (FACTORY_DEFAULT, IGNORED)
    assert outcome.reason
    assert door.light.reset is None
    door.wait(5.0).release()
    door.nothing_came_of_it()
    assert len(door.outcomes) == 1


@pytest.mark.parametrize("event", CANCELS[:-2])
def test_after_that_the_next_hold_counts_from_its_own_press(event: Event) -> None:
    door = Door().press().wait(9.0).feed(event).release().wait(0.5).press().wait(5.0)
    assert door.release().restores == []
    door.wait(1.0).hold(10.0)
    assert len(door.restores) == 1


def test_a_press_that_was_not_seen_to_come_up_begins_anew() -> None:
    door = Door().press().wait(8.0).press().wait(5.0).release()
    door.nothing_came_of_it()
    assert len(door.outcomes) == 2
    door = Door().press().wait(8.0).press().wait(10.0).release()
    assert len(door.restores) == 1


@pytest.mark.parametrize(
    "event",
    [
        DeviceLost("lamp status", "lamp status: no line", is_lamp=True),
        DeviceLost("reader", "reader: not found"),
        DeviceFound("reader"),
        Disturbed("reader", "lost events", 1, 0.0),
        Misread("reader", 0.0),
        WatchFailed(ConnectionLost("the connection broke"), 0.0),
        RoomPolled(RECORDING, 1e6, 1e6),
        OutboxLost("no space left"),
        Tick(),
        Released("nobody knows this one", 0.0),
        Released("record", 0.0, was_seen=False),
        FactoryDefaultFailed("nobody has asked"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_hold_goes_on_when_something_else_happens(event: Event) -> None:
    door = Door()
    lose_device(door)  # it is told as missing again and again
    door.press().wait(5.0).feed(event)
    assert door.light.name == COUNTING
    assert len(door.wait(6.0).release().restores) == 1


# -- whose time counts ------------------------------------------------------------------------


def test_a_short_hold_that_is_handled_late_is_short() -> None:
    door = Door().press()
    pressed_at = door.now
    door.wait(12.0).release(at=pressed_at + 5.0)
    door.nothing_came_of_it()
    assert "5" in door.outcomes[0].reason


def test_a_long_hold_that_is_handled_in_one_go_is_long() -> None:
    door = Door()
    at = door.now
    door.now += 12.0  # this box was slow
    door.press(at=at).release(at=at + 10.0)
    assert len(door.restores) == 1


def test_a_hold_longer_than_a_minute_is_stuck_however_fast_its_events_come() -> None:
    door = Door()
    at = door.now
    door.now += 100.0
    door.press(at=at).release(at=at + 61.0)
    door.nothing_came_of_it()
    assert "jammed" in door.outcomes[0].reason


def test_the_light_counts_from_the_kernels_time() -> None:
    door = Door()
    door.press(at=door.now - 4.0).wait(8.0)
    assert [word for word in door.words if word[1] == READY] == [(6.0, READY)]


def test_a_release_in_time_counts_although_this_box_was_slow() -> None:
    door = Door().press()
    at = door.now
    door.now += 61.0  # no tick came
    door.release(at=at + 30.0)
    assert len(door.restores) == 1


def test_a_release_in_time_counts_although_other_news_was_handled_before_it() -> None:
    door = Door().press()
    at = door.now
    door.now += 61.0  # this box was slow, and the server's answer is first in the queue
    door.poll(AVAILABLE).release(at=at + 30.0)
    assert len(door.restores) == 1


def test_a_confirmation_in_time_counts_although_other_news_was_handled_before_it() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    released_at = door.now
    door.now += 3.0
    door.poll(AVAILABLE).press(at=released_at + 1.0)
    assert len(door.restores) == 1


def test_an_answer_in_time_counts_although_other_news_was_handled_before_it() -> None:
    door = Door().hold(11.0)
    door.now += 61.0
    door.poll(AVAILABLE).feed(FactoryDefaultBegan())
    assert door.results == [DONE]


@pytest.mark.parametrize("after_s", [2.1, 30.0])
def test_nothing_but_the_clock_ends_what_waits(after_s: float) -> None:
    """Other news says nothing of the time at which a hand did something."""
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    door.now += after_s
    door.poll(RECORDING).lose_link().press("record")
    assert door.of(FACTORY_DEFAULT) == []
    door.feed(Tick())
    (outcome,) = door.of(FACTORY_DEFAULT)
    assert outcome.result == IGNORED


# -- once more, to be sure --------------------------------------------------------------------


def test_where_a_confirmation_is_wanted_the_release_only_asks_for_it() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    assert door.restores == []
    assert door.light.name == CONFIRM
    door.wait(1.0).tap()
    assert len(door.restores) == 1
    assert door.light.name == RESTORING
    door.feed(FactoryDefaultBegan()).wait(10.0)
    assert door.unanswered() == []
    assert DONE in door.results
    assert FAILED not in door.results
    assert len(door.restores) == 1


def test_without_the_confirmation_within_2_s_nothing_happens() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0).wait(2.5)
    (outcome,) = door.outcomes
    assert outcome.result == IGNORED
    assert door.words == [(0.0, COUNTING), (10.0, READY), (11.0, CONFIRM), (13.0, "available")]
    door.tap()
    door.nothing_came_of_it()


def test_a_confirmation_is_in_time_by_when_the_hand_came() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    released_at = door.now
    door.now += 3.0  # this box was slow
    door.press(at=released_at + 1.9).release(at=released_at + 1.95)
    assert len(door.restores) == 1
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    released_at = door.now
    door.now += 3.0
    door.press(at=released_at + 2.1).release(at=released_at + 2.2)
    door.nothing_came_of_it()


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.19])
def test_the_same_hand_letting_go_is_no_confirmation(after_s: float) -> None:
    """Contacts bounce, and a heavy hand lifts in two goes."""
    door = Door(rules=WITH_CONFIRM).hold(11.0).wait(after_s).tap()
    assert door.restores == []
    assert door.outcomes == []
    assert door.light.name == CONFIRM
    door.wait(1.0).tap()
    assert len(door.restores) == 1
    door.feed(FactoryDefaultBegan()).wait(10.0)
    assert door.results == [DONE]
    assert door.unanswered() == []


def test_it_may_bounce_again_and_again_and_the_2_s_count_from_the_first_release() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    for _ in range(6):
        door.press().wait(0.01).release().wait(0.01)
    door.wait(1.9)
    assert [word for _, word in door.words][-2:] == [CONFIRM, "available"]
    (outcome,) = door.outcomes
    assert outcome.result == IGNORED
    door.tap()
    door.nothing_came_of_it()


def test_from_a_fifth_of_a_second_on_it_is_a_confirmation() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    door.press(at=door.now + 0.2)
    assert len(door.restores) == 1


def test_whether_it_bounces_is_by_when_the_hand_came() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0)
    released_at = door.now
    door.now += 1.0
    door.press(at=released_at + 0.1)
    assert door.restores == []
    assert door.light.name == CONFIRM


@pytest.mark.parametrize("held_s", [0.5, 5.0, 11.0, 70.0])
def test_what_bounces_and_stays_down_is_nothing(held_s: float) -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0).wait(0.05).hold(held_s)
    assert door.restores == []
    door.nothing_came_of_it()
    assert door.results == [IGNORED]


@pytest.mark.parametrize("bounces", ["record", "marker"])
def test_a_key_of_a_combination_that_bounces_neither_confirms_nor_acts(bounces: str) -> None:
    door = Door(RECORDING, COMBINATION).press("record", "marker").wait(11.0).release(bounces)
    door.wait(0.05).tap(bounces).wait(0.2).release("record", "marker")
    assert door.light.name == CONFIRM
    door.nothing_came_of_it()
    assert door.requests == []
    assert door.results == [IGNORED]


def test_early_with_confirmation_is_nothing_and_asks_for_none() -> None:
    door = Door(rules=WITH_CONFIRM).hold(9.0)
    assert door.light.name == "available"
    door.wait(0.5).tap()
    door.nothing_came_of_it()


@pytest.mark.parametrize("event", CANCELS[:-1])
def test_what_gives_up_a_hold_gives_up_the_confirmation_too(event: Event) -> None:
    if isinstance(event, Reconfigured) and event.rules.factory_default is not None:
        event = replace(event, rules=WITH_CONFIRM)
    door = Door(rules=WITH_CONFIRM).hold(11.0).wait(0.5).feed(event)
    assert door.light.reset is None
    door.wait(0.5).tap()
    door.nothing_came_of_it()


def test_another_control_is_no_confirmation() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0).wait(0.5).tap("record")
    assert door.restores == []
    assert door.requests == [StartRecording(None, "")]
    door.answer("R1")
    door.nothing_came_of_it()


def test_the_line_needs_no_confirmation_while_the_room_records() -> None:
    assert Door(RECORDING).hold(11.0).restores == [11.0]


# -- a combination ----------------------------------------------------------------------------


@pytest.mark.parametrize("down", [("record", "marker"), ("marker", "record")])
@pytest.mark.parametrize("up", [("record", "marker"), ("marker", "record")])
def test_a_combination_held_together_restores_in_whatever_order(
    down: tuple[str, str], up: tuple[str, str]
) -> None:
    door = Door(rules=COMBINATION).press(down[0]).wait(0.3).press(down[1]).wait(10.5)
    assert door.light.name == READY
    assert door.restores == []
    door.release(up[0]).wait(0.3).release(up[1])
    assert len(door.restores) == 1
    door.feed(FactoryDefaultBegan()).wait(30.0)
    assert door.requests == [], "no key of it does anything else"
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (FACTORY_DEFAULT, DONE)
    assert outcome.pressed_at == door.began + 0.3, "the hold is one input, since all were down"


@pytest.mark.parametrize("status", [AVAILABLE, RECORDING, LOCKED, None])
def test_one_key_of_a_combination_alone_restores_nothing_however_long(
    status: RoomStatus | None,
) -> None:
    for control in TWO_KEYS:
        door = Door(status, COMBINATION).press(control).wait(20.0).release(control)
        if door.asks:
            door.answer("R1")
        door.nothing_came_of_it()
        assert all(word not in (COUNTING, READY, CONFIRM) for _, word in door.words)


def test_a_key_of_a_combination_acts_when_it_comes_up_and_not_before() -> None:
    door = Door(rules=COMBINATION).press("record").wait(0.4)
    assert door.requests == []
    door.release("record")
    assert door.requests == [StartRecording(None, "")]
    door.answer("R1")
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.pressed_at, outcome.result) == ("record", door.began, DONE)


def test_a_marker_by_a_key_of_a_combination_stands_where_it_went_down() -> None:
    door = Door(RECORDING, COMBINATION)
    door.now = door.began = 160.0
    door.press("marker").wait(3.0).release("marker")
    (request,) = door.requests
    assert isinstance(request, AddMarker)
    assert request.time_s == 60


@pytest.mark.parametrize("status", [AVAILABLE, RECORDING, LOCKED, None])
@pytest.mark.parametrize("held_s", [0.1, 4.0, 6.0, 61.0, 300.0])
@pytest.mark.parametrize("control", sorted(TWO_KEYS))
def test_an_own_press_of_a_combination_s_key_has_one_outcome(
    status: RoomStatus | None, held_s: float, control: str
) -> None:
    door = Door(status, COMBINATION).hold(held_s, control).wait(60.0)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.pressed_at) == (control, door.began)


def test_a_key_of_a_combination_that_was_held_alone_for_long_acts_when_it_comes_up() -> None:
    door = Door(rules=COMBINATION).hold(6.0, "record")
    assert door.requests == [StartRecording(None, "")]


SWITCH = CONTROLS | {"record": on(press=Action.START, release=Action.STOP)}


@pytest.mark.parametrize("held_s", [3.0, 11.0, 70.0])
def test_a_key_s_release_that_ends_a_hold_is_not_its_own(held_s: float) -> None:
    door = Door(RECORDING, replace(COMBINATION, controls=SWITCH))
    assert door.hold(held_s, "record", "marker").wait(5.0).requests == []


def test_a_jammed_key_s_release_does_nothing_either() -> None:
    door = Door(RECORDING, replace(COMBINATION, controls=SWITCH))
    assert door.hold(70.0, "record").wait(5.0).requests == []


def test_a_combination_s_key_is_answered_when_the_configuration_is_wrong() -> None:
    """The keys of the hold may be all that is left of the file."""
    wrong = Rules({}, factory_default=HoldRules(TWO_KEYS), config_problem="the file is wrong")
    door = Door(None, wrong).tap("stop").tap("record").wait(60.0)
    assert [outcome.source for outcome in door.outcomes] == ["stop", "record"]
    assert door.results == [FAILED, FAILED]
    door.hold(11.0, "record", "marker").wait(1.0).tap("record")
    assert len(door.restores) == 1


@pytest.mark.parametrize("status", [AVAILABLE, RECORDING, None])
def test_a_key_that_does_nothing_else_is_answered_like_any_unknown_control(
    status: RoomStatus | None,
) -> None:
    rules = Rules(CONTROLS, factory_default=HoldRules(frozenset({"record", "spare"})))
    door = Door(status, rules).tap("nobody knows this one").wait(1.0).tap("spare")
    unknown, spare = door.outcomes
    same = replace(unknown, source="spare", pressed_at=spare.pressed_at, at=spare.at)
    assert spare == same
    door.wait(1.0).press("spare")
    door.feed(DeviceForgotten("keypad")).release("spare")
    assert len(door.of("spare")) == 2
    assert door.unanswered() == []


def test_keys_that_are_not_in_the_combination_act_as_ever() -> None:
    door = Door(RECORDING, COMBINATION).press("stop")
    assert door.requests == [StopRecording()]


def test_a_gesture_of_a_combination_s_key_is_understood_when_it_comes_up() -> None:
    rules = Rules(CONTROLS, factory_default=HoldRules(frozenset({"door", "bell"})))
    door = Door(rules=rules).hold(0.3, "door").wait(1.0)
    assert door.requests == [StartRecording(None, "")]
    door = Door(rules=rules).hold(1.5, "door").wait(1.0)
    assert door.requests == [LockRoom()]
    door = Door(RECORDING, rules).hold(0.2, "bell").wait(1.0)
    (request,) = door.requests
    assert isinstance(request, AddMarker)


def test_the_time_counts_from_when_all_are_down() -> None:
    door = Door(rules=COMBINATION).press("record").wait(8.0)
    assert door.light.name != COUNTING
    door.press("marker")
    assert door.light.name == COUNTING
    door.wait(9.0).release("record", "marker")
    if door.asks:
        door.answer("R1")
    door.nothing_came_of_it()
    door = Door(rules=COMBINATION).press("record").wait(8.0).press("marker").wait(10.0)
    assert len(door.release("record", "marker").restores) == 1


def test_letting_one_go_ends_the_hold_and_the_other_may_stay() -> None:
    door = Door(rules=COMBINATION).press("record", "marker").wait(6.0).release("record")
    assert door.light.name != COUNTING
    door.wait(6.0).release("marker")
    if door.asks:
        door.answer("R1")
    door.nothing_came_of_it()


def test_a_key_that_comes_down_again_makes_the_hold_begin_anew() -> None:
    door = Door(rules=COMBINATION).press("record", "marker").wait(6.0).release("record")
    door.wait(0.2).press("record").wait(6.0).release("record", "marker")
    assert door.restores == []
    if door.asks:
        door.answer("R1")
    door.nothing_came_of_it()


def test_a_combination_held_over_a_minute_is_stuck() -> None:
    door = Door(rules=COMBINATION).press("record", "marker").wait(70.0)
    assert door.light.name == "available"
    door.release("record", "marker")
    door.nothing_came_of_it()
    assert door.requests == [], "a stuck key must not record"


def test_a_key_that_is_stuck_for_long_makes_no_combination_with_the_next_press() -> None:
    door = Door(RECORDING, COMBINATION).press("record").wait(300.0).press("marker").wait(0.2)
    door.release("marker")
    (request,) = door.requests
    assert isinstance(request, AddMarker)
    door.answer().wait(15.0).release("record")
    assert [outcome.source for outcome in door.outcomes] == ["marker", "record"]
    assert door.results == [DONE, IGNORED]
    door.nothing_came_of_it()
    assert len(door.requests) == 1
    assert all(word not in (COUNTING, READY, CONFIRM) for _, word in door.words)


@pytest.mark.parametrize("gap_s", [0.0, 0.5, 9.0, 10.0])
def test_keys_that_go_down_within_10_s_are_held_together(gap_s: float) -> None:
    door = Door(rules=COMBINATION).press("record").wait(gap_s).press("marker")
    assert door.light.name == COUNTING
    door.wait(10.0).release("record", "marker")
    assert len(door.restores) == 1
    door.feed(FactoryDefaultBegan())
    assert [(outcome.source, outcome.result) for outcome in door.outcomes] == [
        (FACTORY_DEFAULT, DONE)
    ]


@pytest.mark.parametrize("gap_s", [10.1, 15.0, 45.0])
def test_keys_that_go_down_later_each_stay_a_press_of_their_own(gap_s: float) -> None:
    door = Door(RECORDING, COMBINATION).press("marker").wait(gap_s).press("record").wait(12.0)
    assert door.light.name == "recording"
    door.release("marker").answer().release("record")
    marker, stop = door.requests
    assert isinstance(marker, AddMarker)
    assert stop == StopRecording()
    door.answer()
    assert [outcome.source for outcome in door.outcomes] == ["marker", "record"]
    assert door.results == [DONE, DONE]
    door.nothing_came_of_it()


def test_the_10_s_count_from_the_first_that_is_down_still() -> None:
    three = frozenset({"record", "marker", "bell"})
    rules = Rules(CONTROLS, factory_default=HoldRules(three))
    door = Door(rules=rules).press("record").wait(6.0).press("marker").wait(6.0).press("bell")
    assert door.light.name == "available", "12 s after the first"
    door.release("record").answer("R1").wait(1.0).press("record")
    assert door.light.name == COUNTING, "7 s after the first that is down still"


def test_together_is_by_when_the_hands_came() -> None:
    door = Door(rules=COMBINATION)
    at = door.now
    door.now += 30.0
    door.press("record", at=at).press("marker", at=at + 9.0)
    assert door.light.reset is not None
    door = Door(rules=COMBINATION)
    at = door.now
    door.now += 30.0
    door.press("record", at=at).press("marker", at=at + 11.0)
    assert door.light.reset is None


def test_a_key_that_stays_down_after_the_hold_is_not_held_together_for_ever() -> None:
    door = Door(rules=COMBINATION).press("record", "marker").wait(3.0).release("marker")
    door.wait(30.0).press("marker")
    assert door.light.name == "available"
    door.wait(11.0).release("marker", "record")
    assert [outcome.source for outcome in door.outcomes] == [FACTORY_DEFAULT, "marker"]
    door.nothing_came_of_it()


@pytest.mark.parametrize("held_s", [STUCK_S, 61.0, 3600.0])
@pytest.mark.parametrize(("control", "status"), [("record", AVAILABLE), ("marker", RECORDING)])
def test_a_jammed_key_of_a_combination_does_nothing(
    control: str, status: RoomStatus, held_s: float
) -> None:
    door = Door(status, COMBINATION).hold(held_s, control)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.pressed_at, outcome.result) == (control, door.began, IGNORED)
    assert "jammed" in outcome.reason
    door.nothing_came_of_it()
    assert door.requests == []


def test_until_then_it_acts_and_its_5_s_count_from_when_it_came_up() -> None:
    assert Door(rules=COMBINATION).hold(59.0, "record").requests == [StartRecording(None, "")]
    door = Door(rules=COMBINATION).press("record").wait(24.0)
    assert door.release("record", at=door.now - 4.0).requests == [StartRecording(None, "")]
    door = Door(rules=COMBINATION).press("record").wait(26.0)
    door.release("record", at=door.now - 6.0)
    assert door.requests == []
    assert "too late" in door.outcomes[0].reason


def test_a_jammed_key_is_told_by_when_it_came_up() -> None:
    door = Door(rules=COMBINATION).press("record").wait(62.0)
    door.release("record", at=door.now - 3.0)
    assert door.requests == [StartRecording(None, "")]


def test_three_keys_must_all_be_down() -> None:
    three = frozenset({"record", "marker", "bell"})
    rules = Rules(CONTROLS, factory_default=HoldRules(three))
    door = Door(rules=rules).press("record", "bell").wait(12.0).release("record", "bell")
    assert door.restores == []
    door = Door(rules=rules).press("record", "bell", "marker").wait(10.0)
    door.release("bell", "marker", "record")
    assert len(door.restores) == 1


@pytest.mark.parametrize("event", CANCELS[:4])
@pytest.mark.parametrize("down", [("record",), ("record", "marker")], ids=["one", "both"])
def test_a_combination_is_given_up_with_one_outcome(event: Event, down: tuple[str, ...]) -> None:
    if isinstance(event, Reconfigured):
        event = replace(event, rules=COMBINATION)
    door = Door(rules=COMBINATION).press(*down).wait(11.0).feed(event)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (
        "record" if len(down) == 1 else FACTORY_DEFAULT,
        IGNORED,
    )
    door.release(*down)
    door.nothing_came_of_it()
    assert door.requests == []
    assert len(door.outcomes) == 1


@pytest.mark.parametrize("unseen", ["record", "marker"])
@pytest.mark.parametrize("first", [True, False], ids=["unseen first", "seen later"])
def test_an_unseen_release_of_one_key_gives_up_the_combination(unseen: str, first: bool) -> None:
    (other,) = TWO_KEYS - {unseen}
    door = Door(rules=COMBINATION).press(unseen, other).wait(11.0).release_unseen(unseen)
    assert door.light.reset is None
    door.wait(0.0 if first else 1.0).release(other)
    if door.asks:
        door.answer("R1")
    door.nothing_came_of_it()


@pytest.mark.parametrize("status", [RECORDING, PAUSED])
@pytest.mark.parametrize("confirms", ["record", "marker"])
def test_a_combination_needs_a_confirmation_while_the_room_records(
    status: RoomStatus, confirms: str
) -> None:
    door = Door(status, COMBINATION).hold(11.0, "record", "marker")
    assert door.restores == []
    assert door.light.name == CONFIRM
    door.wait(1.0).tap(confirms)
    assert len(door.restores) == 1
    door.feed(FactoryDefaultBegan()).wait(20.0)
    assert door.requests == [], "the recording is left running"
    assert door.unanswered() == []


def test_a_combination_needs_a_confirmation_while_a_recording_may_go_on_unseen() -> None:
    door = Door(RECORDING, COMBINATION).lose_link().hold(11.0, "record", "marker")
    assert door.restores == []
    assert door.light.name == CONFIRM
    door.nothing_came_of_it()


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        pytest.param(None, None, id="server never reached"),
        pytest.param(AVAILABLE, Door.lose_link, id="link down"),
        pytest.param(LOCKED, Door.lose_link, id="link down, was locked"),
        pytest.param(RECORDING, Door.lose_link, id="link down, recorded"),
    ],
)
def test_a_combination_needs_a_confirmation_while_nobody_knows_how_the_room_is(
    status: RoomStatus | None, trouble: Trouble | None
) -> None:
    door = Door(status, COMBINATION)
    if trouble is not None:
        trouble(door)
    door.hold(11.0, "record", "marker")
    assert door.restores == []
    assert door.light.name == CONFIRM
    door.wait(0.5).tap("marker")
    assert len(door.restores) == 1
    door.feed(FactoryDefaultBegan()).wait(10.0)
    assert door.results == [DONE]
    assert door.unanswered() == []


@pytest.mark.parametrize("status", [AVAILABLE, LOCKED])
def test_a_combination_needs_none_where_the_room_is_known_not_to_record(
    status: RoomStatus,
) -> None:
    door = Door(status, COMBINATION).lose_link().wait(5.0).poll(status)
    assert len(door.hold(11.0, "record", "marker").restores) == 1


@pytest.mark.parametrize("trouble", [Door.lose_link, wrong_config])
def test_the_line_needs_no_confirmation_whatever_is_known_of_the_room(trouble: Trouble) -> None:
    door = Door(RECORDING)
    trouble(door)
    assert len(door.hold(11.0).restores) == 1


def test_a_recording_that_begins_during_the_hold_asks_for_a_confirmation_too() -> None:
    door = Door(rules=COMBINATION).press("record", "marker").wait(5.0).poll(RECORDING).wait(6.0)
    door.release("record", "marker")
    assert door.restores == []
    assert door.light.name == CONFIRM


def test_a_combination_not_confirmed_does_nothing_else_either() -> None:
    door = Door(RECORDING, COMBINATION).hold(11.0, "record", "marker")
    door.nothing_came_of_it()
    assert door.requests == []
    assert door.results == [IGNORED]


def test_the_reset_line_s_name_means_nothing_where_a_combination_is_held() -> None:
    door = Door(rules=COMBINATION).hold(11.0)
    door.nothing_came_of_it()


@pytest.mark.parametrize("held_s", [1.0, 5.0, 11.0, 61.0])
@pytest.mark.parametrize("status", [AVAILABLE, RECORDING, LOCKED, None])
def test_a_hold_of_several_keys_is_one_input_with_one_outcome(
    held_s: float, status: RoomStatus | None
) -> None:
    door = Door(status, COMBINATION).press("record").wait(0.2).press("marker").wait(held_s)
    door.release("marker").wait(0.2).release("record").wait(70.0)
    assert door.unanswered() == []
    (outcome,) = door.outcomes
    assert outcome.source == FACTORY_DEFAULT
    assert door.requests == []


def test_two_keys_that_overlap_for_a_moment_are_two_presses() -> None:
    door = Door(rules=COMBINATION).press("marker").wait(0.2).press("record").wait(0.05)
    door.release("marker").wait(0.2).release("record").wait(0.1)
    assert door.requests == [StartRecording(None, "")]
    assert [outcome.source for outcome in door.outcomes] == ["marker"]
    door.wait(60.0)
    assert [outcome.source for outcome in door.outcomes] == ["marker", "record"]
    assert door.restores == []


# -- asked for from elsewhere -----------------------------------------------------------------


@pytest.mark.parametrize("status", [AVAILABLE, RECORDING, None])
@pytest.mark.parametrize("rules", [LINE, COMBINATION, WITH_CONFIRM, Rules(CONTROLS)])
def test_asked_for_it_restores_at_once(status: RoomStatus | None, rules: Rules) -> None:
    door = Door(status, rules).asked("web page")
    assert door.restores == [0.0]
    assert door.light.name == RESTORING
    assert door.outcomes == []
    door.feed(FactoryDefaultBegan())
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result, outcome.pressed_at) == ("web page", DONE, door.began)


def test_asked_for_it_twice_the_second_one_is_told_that_it_is_busy() -> None:
    door = Door().asked("web page").wait(0.5).asked("ivs.factorydefault()")
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == ("ivs.factorydefault()", IGNORED)
    assert "busy" in outcome.reason or "already" in outcome.reason
    assert door.restores == [0.0]
    door.feed(FactoryDefaultBegan()).asked("web page").wait(100.0)
    assert door.restores == [0.0]
    assert door.unanswered() == []


def test_a_hold_while_it_is_restored_already_restores_nothing_more() -> None:
    door = Door().asked().wait(0.5).hold(11.0)
    assert door.restores == [0.0]
    assert door.light.name == RESTORING
    (busy,) = door.of(FACTORY_DEFAULT)
    assert (busy.result, busy.at) == (IGNORED, busy.pressed_at), "it is told at once"
    assert "already" in busy.reason
    door.feed(FactoryDefaultBegan()).wait(5.0).hold(11.0).wait(100.0)
    assert door.restores == [0.0]
    assert len(door.of(FACTORY_DEFAULT)) == 2
    assert door.unanswered() == []


def test_a_hold_begun_while_it_is_restored_is_none_after_that_has_failed() -> None:
    door = Door().asked().press().wait(5.0).feed(FactoryDefaultFailed("no space left"))
    assert door.light.name == "available"
    door.wait(11.0).release()
    assert door.restores == [0.0]
    assert door.unanswered() == []
    assert len(door.wait(1.0).hold(11.0).restores) == 2


def test_keys_of_a_combination_are_keys_of_their_own_while_it_is_restored() -> None:
    door = Door(rules=COMBINATION).asked().press("record", "marker").wait(11.0)
    assert door.light.name == RESTORING
    door.release("record").answer("R1").release("marker").wait(60.0)
    assert door.restores == [0.0]
    assert door.of(FACTORY_DEFAULT) == []
    assert door.unanswered() == []


@pytest.mark.parametrize("held_s", [5.0, 15.0], ids=["while counting", "when ready"])
def test_a_hold_that_somebody_overtakes_is_given_up_at_once(held_s: float) -> None:
    door = Door().press().wait(held_s).asked("web page")
    assert door.restores == [held_s]
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (FACTORY_DEFAULT, IGNORED)
    assert "already" in outcome.reason
    door.wait(0.5).release()
    assert door.restores == [held_s]
    door.feed(FactoryDefaultBegan()).wait(10.0)
    assert [outcome.source for outcome in door.outcomes] == [FACTORY_DEFAULT, "web page"]
    assert door.results == [IGNORED, DONE]
    assert door.unanswered() == []


def test_a_hold_that_somebody_overtakes_may_be_let_go_when_it_has_begun() -> None:
    door = Door().press().wait(5.0).asked().feed(FactoryDefaultBegan()).wait(10.0).release()
    door.wait(100.0)
    assert door.restores == [5.0]
    assert door.unanswered() == []


def test_asked_for_while_a_confirmation_is_awaited_it_is_restored_once() -> None:
    door = Door(rules=WITH_CONFIRM).hold(11.0).wait(0.5).asked("web page")
    assert [(outcome.source, outcome.result) for outcome in door.outcomes] == [
        (FACTORY_DEFAULT, IGNORED)
    ]
    door.wait(0.5).press()
    assert len(door.restores) == 1
    door.feed(FactoryDefaultBegan()).wait(100.0)
    assert door.unanswered() == []


def test_asked_for_while_a_key_is_down_that_press_is_given_up() -> None:
    door = Door(rules=COMBINATION).press("record").wait(0.5).asked("web page")
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == ("record", IGNORED)
    door.wait(0.5).release("record").feed(FactoryDefaultBegan()).wait(60.0)
    assert door.requests == []
    assert len(door.outcomes) == 2


# -- what comes of it -------------------------------------------------------------------------


def test_when_it_has_begun_it_is_done_and_the_light_stays() -> None:
    door = Door().hold(11.0).wait(0.5).feed(FactoryDefaultBegan())
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (FACTORY_DEFAULT, DONE)
    assert (outcome.pressed_at, outcome.at) == (door.began, door.now)
    assert outcome.reason
    assert "recording" not in outcome.reason
    door.poll(RECORDING).lose_link().wait(300.0)
    assert door.light.name == RESTORING
    assert len(door.outcomes) == 1


@pytest.mark.parametrize("status", [RECORDING, PAUSED])
def test_that_the_recording_goes_on_is_said(status: RoomStatus) -> None:
    door = Door(status).hold(11.0).feed(FactoryDefaultBegan())
    (outcome,) = door.outcomes
    assert "the recording goes on" in outcome.reason
    assert door.requests == []
    door = Door(status).asked().feed(FactoryDefaultBegan())
    assert "the recording goes on" in door.outcomes[0].reason


def test_when_it_has_failed_that_is_told_and_the_light_is_true_again() -> None:
    door = Door().hold(11.0).wait(0.5).feed(FactoryDefaultFailed("a template is missing"))
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.result) == (FACTORY_DEFAULT, FAILED)
    assert "a template is missing" in outcome.reason
    assert door.light.name == "available"
    door.wait(100.0)
    assert len(door.outcomes) == 1


def test_after_a_failure_it_can_be_tried_again() -> None:
    door = Door().hold(11.0).feed(FactoryDefaultFailed("no space left")).wait(1.0).hold(11.0)
    assert len(door.restores) == 2
    door.feed(FactoryDefaultBegan())
    assert door.results == [FAILED, DONE]


def test_when_nobody_answers_for_a_minute_it_has_failed() -> None:
    door = Door().hold(11.0).wait(59.0)
    assert door.outcomes == []
    assert door.light.name == RESTORING
    door.wait(2.0)
    (outcome,) = door.outcomes
    assert (outcome.result, outcome.reason != "") == (FAILED, True)
    assert door.light.name == "available"
    door.wait(100.0)
    assert len(door.outcomes) == 1
    assert len(door.restores) == 1


def test_an_answer_after_that_is_believed_and_answers_nobody() -> None:
    door = Door().hold(11.0).wait(70.0).feed(FactoryDefaultBegan())
    assert len(door.outcomes) == 1
    assert door.light.name == RESTORING
    door.wait(5.0).tap().asked("web page").wait(100.0)
    assert door.restores == [11.0]
    assert door.results == [FAILED, IGNORED, IGNORED]
    assert door.unanswered() == []


def test_a_failure_told_after_that_is_nothing() -> None:
    door = Door().hold(11.0).wait(70.0).feed(FactoryDefaultFailed("no")).wait(10.0)
    assert door.results == [FAILED]
    assert door.light.name == "available"


def test_a_hold_that_a_late_answer_overtakes_is_given_up() -> None:
    door = Door().hold(11.0).wait(65.0).press().wait(5.0).feed(FactoryDefaultBegan())
    assert door.results == [FAILED, IGNORED]
    door.wait(6.0).release()
    assert door.restores == [11.0]


def test_a_confirmation_that_a_late_answer_overtakes_is_given_up() -> None:
    door = Door(rules=WITH_CONFIRM).asked().wait(65.0).hold(11.0).feed(FactoryDefaultBegan())
    assert door.results == [FAILED, IGNORED]
    door.wait(1.0).press()
    assert door.restores == [0.0]


@pytest.mark.parametrize("event", [FactoryDefaultBegan(), FactoryDefaultFailed("no")])
def test_an_answer_that_nobody_waits_for_is_no_outcome(event: Event) -> None:
    assert Door().feed(event).wait(10.0).outcomes == []


@pytest.mark.parametrize("event", CANCELS[:-1])
def test_what_was_sent_off_is_not_given_up_any_more(event: Event) -> None:
    door = Door().hold(11.0).feed(event)
    assert door.light.name == RESTORING
    assert door.outcomes == []
    door.feed(FactoryDefaultBegan())
    assert door.results == [DONE]
    door.feed(event).wait(100.0)
    assert door.light.name == RESTORING
    assert len(door.outcomes) == 1


def test_other_presses_have_their_outcome_while_it_is_restored() -> None:
    door = Door().hold(11.0).tap("record").wait(10.0).feed(FactoryDefaultBegan())
    door.tap("record").wait(30.0)
    assert door.unanswered() == []

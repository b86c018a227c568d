"""Who is not at the door: is shown the next input (learn mode), or has a control pressed from afar.

What is shown does nothing, and what is pressed from afar disturbs no hand.
"""

from __future__ import annotations

import pytest

from ivsd.controller import Controller
from ivsd.events import (
    Action,
    Ask,
    Binding,
    ControlRules,
    Event,
    FactoryStage,
    Gesture,
    HoldRules,
    LearnAsked,
    Learned,
    LearnGivenUp,
    LockRoom,
    NumberKind,
    Outcome,
    PressAsked,
    Pressed,
    Reconfigured,
    Released,
    Report,
    RestoreFactoryState,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    Tick,
)
from ivsd.valt.model import RoomState, RoomStatus, Secret

AVAILABLE = RoomStatus(RoomState.AVAILABLE, word="available")
BADGE = Secret("0004711001")
FOOT = ControlRules(
    {Gesture.PRESS: (Binding(Action.START),), Gesture.RELEASE: (Binding(Action.STOP),)}
)
DOOR = ControlRules(
    {Gesture.PRESS: (Binding(Action.LOCK_TOGGLE),), Gesture.HOLD: (Binding(Action.START),)}, 1.0
)
RULES = Rules(
    {
        "record": ControlRules({Gesture.PRESS: (Binding(Action.RECORD_TOGGLE),)}),
        "foot": FOOT,
        "door": DOOR,
        "bell": ControlRules({Gesture.TAP: (Binding(Action.START),)}),
        "secure": ControlRules({Gesture.HOLD: (Binding(Action.LOCK),)}, 1.0),
    },
    factory_default=HoldRules(frozenset({"reset"}), hold_s=10.0),
)


class Door:
    """A box in an available room, in simulated time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.controller = Controller(RULES)
        self.do(Reconfigured(RULES, new_room=True))
        self.do(RoomPolled(AVAILABLE, self.now, self.now))
        self.now += 10.0

    def do(self, event: Event) -> list[object]:
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        return list(step.commands)

    def press(self, control: str) -> list[object]:
        out = self.do(Pressed(control, self.now))
        self.now += 0.1
        return out + self.do(Released(control, self.now))

    def swipe(self, kind: NumberKind = NumberKind.BADGE) -> list[object]:
        return self.do(Scanned("reader", kind, BADGE, self.now))


def learned(out: list[object]) -> list[Learned]:
    return [command for command in out if isinstance(command, Learned)]


def outcomes(out: list[object]) -> list[Outcome]:
    return [command.outcome for command in out if isinstance(command, Report)]


def asked(out: list[object]) -> list[Ask]:
    return [command for command in out if isinstance(command, Ask)]


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize("control", ["record", "foot", "bound to nothing"])
def test_the_next_press_is_shown_and_does_nothing(door: Door, control: str) -> None:
    door.do(LearnAsked(7))
    out = door.press(control)
    assert learned(out) == [Learned(7, "button", control)]
    (outcome,) = outcomes(out)
    assert (outcome.source, outcome.result) == (control, "ignored"), "the lamp must not say: done"
    assert asked(out) == []
    assert any(isinstance(command, Show) and command.view.receipt for command in out)


def test_the_press_after_it_acts_again(door: Door) -> None:
    door.do(LearnAsked(7))
    door.press("record")
    out = door.press("record")
    assert learned(out) == []
    assert [type(ask.request) for ask in asked(out)] == [StartRecording]


def test_a_badge_is_shown_with_its_number_and_starts_nothing(door: Door) -> None:
    door.do(LearnAsked(7))
    out = door.swipe()
    assert learned(out) == [Learned(7, "badge", "reader", BADGE)]
    assert asked(out) == []


def test_the_badge_that_lies_there_still_does_not_act_behind_it(door: Door) -> None:
    door.do(LearnAsked(7))
    door.swipe()
    for _ in range(4):
        door.now += 0.3
        assert asked(door.swipe()) == []


def test_of_a_pin_no_digit_is_shown(door: Door) -> None:
    door.do(LearnAsked(7))
    assert learned(door.swipe(NumberKind.PIN)) == [Learned(7, "pin", "reader")]


def test_what_was_pressed_before_it_was_asked_for_is_meant_for_the_room(door: Door) -> None:
    pressed = Pressed("record", door.now)
    door.now += 0.2
    door.do(LearnAsked(7))
    out = door.do(pressed)
    assert (learned(out), len(asked(out))) == ([], 1)


def test_it_ends_after_half_a_minute(door: Door) -> None:
    door.do(LearnAsked(7))
    began = door.now
    assert door.deadline is not None
    assert door.deadline <= began + 30.0
    door.now = began + 30.0
    assert learned(door.do(Tick())) == [Learned(7, why="nothing_came")]
    assert len(asked(door.press("record"))) == 1


def test_who_has_given_up_takes_nothing_from_the_room(door: Door) -> None:
    door.do(LearnAsked(7))
    door.do(LearnGivenUp(8))
    door.do(LearnGivenUp(7))
    out = door.press("record")
    assert (learned(out), len(asked(out))) == ([], 1)


def test_one_learns_at_a_time(door: Door) -> None:
    door.do(LearnAsked(7))
    assert learned(door.do(LearnAsked(8))) == [Learned(8, why="busy")]
    assert learned(door.press("record"))[0].token == 7


def test_the_factory_default_is_held_as_ever(door: Door) -> None:
    door.do(LearnAsked(7))
    out = door.do(Pressed("reset", door.now))
    assert learned(out) == []
    shown = [command.view.reset for command in out if isinstance(command, Show)]
    assert shown == [FactoryStage.COUNTING]
    door.now += 12.0
    door.do(Tick())
    out = door.do(Released("reset", door.now))
    assert any(isinstance(command, RestoreFactoryState) for command in out)


def test_it_shows_a_button_also_without_a_server_or_a_right_configuration() -> None:
    door = Door()
    wrong = Rules(RULES.controls, config_problem="the configuration is wrong")
    door.do(Reconfigured(wrong, new_room=True))
    door.do(LearnAsked(7))
    assert learned(door.press("record")) == [Learned(7, "button", "record")]


# -- pressed from afar ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "request_"),
    [("record", StartRecording), ("door", LockRoom), ("foot", StartRecording),
     ("bell", StartRecording)],
)  # fmt: skip
def test_a_control_does_from_afar_what_a_plain_press_of_it_does(
    door: Door, control: str, request_: type
) -> None:
    out = door.do(PressAsked(control, door.now))
    assert [type(ask.request) for ask in asked(out)] == [request_]
    assert outcomes(out) == []


@pytest.mark.parametrize("control", ["secure", "bound to nothing"])
def test_a_control_that_does_nothing_when_pressed_says_so(door: Door, control: str) -> None:
    out = door.do(PressAsked(control, door.now))
    assert [(one.source, one.result) for one in outcomes(out)] == [(control, "ignored")]


def test_a_hand_that_holds_the_control_meanwhile_is_not_disturbed(door: Door) -> None:
    door.do(Pressed("door", door.now))
    door.now += 0.3
    assert [type(ask.request) for ask in asked(door.do(PressAsked("door", door.now)))] == [LockRoom]
    door.now += 0.8
    (outcome,) = outcomes(door.do(Tick()))
    assert "busy" in outcome.reason, "the hold was heard, and met the press from afar"


def test_nobody_is_shown_a_press_from_afar(door: Door) -> None:
    door.do(LearnAsked(7))
    out = door.do(PressAsked("record", door.now))
    assert (learned(out), len(asked(out))) == ([], 1)

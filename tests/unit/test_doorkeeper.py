"""Badges that lie on the reader, wrong PINs, who may stop: alone, and through the controller."""

from __future__ import annotations

import pytest

from ivsd.controller import Controller
from ivsd.controller.doorkeeper import LOCKED_S, TOLD_AGAIN, WRONG_PINS, Again, Doorkeeper
from ivsd.events import (
    Action,
    Answered,
    Ask,
    AskFailed,
    Binding,
    ControlRules,
    DeviceForgotten,
    FindUser,
    Gesture,
    NumberKind,
    Outcome,
    Pressed,
    Receipt,
    Report,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    StopRecording,
    Tick,
    WhoMayStop,
)
from ivsd.valt.errors import ServerFailed
from ivsd.valt.model import RoomState, RoomStatus, Secret, User

REARM_S = 2.0
ALICE, BOB = User(12, "Alice"), User(13, "Bob")


def badge(at: float, number: str = "0004711001", reader: str = "reader") -> Scanned:
    return Scanned(reader, NumberKind.BADGE, Secret(number), at)


def pin(at: float, number: str = "9999", keypad: str = "keypad") -> Scanned:
    return Scanned(keypad, NumberKind.PIN, Secret(number), at)


# ---- a badge that lies there ------------------------------------------------------------------


def reads(*moments: float) -> list[Again | None]:
    doorkeeper = Doorkeeper()
    return [doorkeeper.was_there(badge(at), REARM_S) for at in moments]


def test_a_badge_counts_again_when_it_was_away_for_the_rearm_time() -> None:
    assert reads(0.0, 2.0, 4.0) == [None, None, None]


def test_every_read_says_that_the_badge_is_still_there() -> None:
    """Brushed over the reader for ten seconds it counts once: no gap is long enough."""
    assert reads(*(0.3 * step for step in range(33)))[1:] == [Again.IGNORE] * 32


def test_a_hand_that_swipes_again_too_soon_is_told_and_not_for_ever() -> None:
    told = reads(*(1.5 * step for step in range(TOLD_AGAIN + 3)))
    assert told == [None, *[Again.TELL] * TOLD_AGAIN, Again.IGNORE, Again.IGNORE]


def test_another_badge_and_another_reader_count_at_once() -> None:
    doorkeeper = Doorkeeper()
    assert doorkeeper.was_there(badge(0.0), REARM_S) is None
    assert doorkeeper.was_there(badge(0.1, "0004711002"), REARM_S) is None
    assert doorkeeper.was_there(badge(0.3, reader="other"), REARM_S) is None


def test_two_badges_in_one_wallet_count_once_each() -> None:
    doorkeeper = Doorkeeper()
    reads = [badge(0.3 * n, f"000471100{1 + n % 2}") for n in range(20)]
    found = [doorkeeper.was_there(read, REARM_S) for read in reads]
    assert found[:2] == [None, None]
    assert None not in found[2:]


def test_a_pin_may_be_entered_again_at_once() -> None:
    doorkeeper = Doorkeeper()
    assert [doorkeeper.was_there(pin(at), REARM_S) for at in (0.0, 0.1)] == [None, None]


# ---- wrong PINs -------------------------------------------------------------------------------


def test_five_wrong_pins_within_five_minutes_shut_the_keypad_for_a_minute() -> None:
    doorkeeper = Doorkeeper()
    for at in range(WRONG_PINS - 1):
        doorkeeper.wrong_pin("keypad", at)
        assert doorkeeper.locked_for(pin(at)) == 0
    doorkeeper.wrong_pin("keypad", 10.0)
    assert doorkeeper.locked_for(pin(10.0)) == LOCKED_S
    assert doorkeeper.locked_for(pin(69.0)) == 1.0
    assert doorkeeper.locked_for(pin(70.0)) == 0
    assert doorkeeper.locked_for(pin(10.0, keypad="other")) == 0
    assert doorkeeper.locked_for(badge(10.0, reader="keypad")) == 0


def test_wrong_pins_that_are_far_apart_do_not_add_up() -> None:
    doorkeeper = Doorkeeper()
    for step in range(20):
        doorkeeper.wrong_pin("keypad", 100.0 * step)
        assert doorkeeper.locked_for(pin(100.0 * step)) == 0


def test_a_right_pin_forgets_the_wrong_ones() -> None:
    doorkeeper = Doorkeeper()
    for at in range(20):
        doorkeeper.wrong_pin("keypad", at)
        if at % 4 == 3:
            doorkeeper.right_pin("keypad")
        assert doorkeeper.locked_for(pin(at)) == 0


# ---- who may stop -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "user", "recording", "may"),
    [
        (WhoMayStop.ANYONE, BOB, "R1", True),
        (WhoMayStop.AUTHOR, ALICE, "R1", True),
        (WhoMayStop.AUTHOR, BOB, "R1", False),
        (WhoMayStop.AUTHOR, BOB, "another", True),
        (WhoMayStop.AUTHOR, BOB, None, True),
        (WhoMayStop.LISTED, BOB, "R1", True),
        (WhoMayStop.LISTED, ALICE, "R1", False),
    ],
)
def test_who_may_stop(who: WhoMayStop, user: User, recording: str | None, may: bool) -> None:
    doorkeeper = Doorkeeper()
    doorkeeper.started("R1", ALICE.id)
    rules = Rules({}, who_may_stop=who, stoppers=frozenset({BOB.id}))
    assert (doorkeeper.why_not_stop(user.id, recording, rules) == "") is may


def test_a_recording_that_a_button_started_for_nobody_may_be_stopped_by_anyone() -> None:
    doorkeeper = Doorkeeper()
    doorkeeper.started("R1", None)
    rules = Rules({}, who_may_stop=WhoMayStop.AUTHOR)
    assert doorkeeper.why_not_stop(BOB.id, "R1", rules) == ""


# ---- through the controller -------------------------------------------------------------------


class Door:
    """A controller with a server that answers at once."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.controller = Controller(rules or Rules({}))
        self.users = {"0004711001": ALICE, "0004711002": BOB, "2580": ALICE}
        self.outcomes: list[Outcome] = []
        self.receipts: list[Receipt | None] = []
        self.asked: list[object] = []
        self.fails = False
        self.status = RoomStatus(RoomState.AVAILABLE)
        self.feed(RoomPolled(self.status, 0.0, 0.0), 0.0)

    def feed(self, event: object, now: float) -> None:
        for command in self.controller.step(event, now).commands:  # type: ignore[arg-type]
            match command:
                case Report(outcome):
                    self.outcomes.append(outcome)
                case Show(view):
                    self.receipts.append(view.receipt)
                case Ask(id_, request):
                    self.asked.append(request)
                    self._answer(id_, request, now)

    def _answer(self, ask: int, request: object, now: float) -> None:
        result: object = "R1"
        if self.fails:
            self.feed(AskFailed(ask, ServerFailed("the server failed (HTTP 500)"), now), now)
            return
        if isinstance(request, FindUser):
            user = self.users.get(request.number.reveal())
            result = (user,) if user else ()
        self.feed(Answered(ask, result, now, now), now)  # type: ignore[arg-type]

    def swipe(self, at: float, number: str = "0004711001") -> None:
        self.feed(badge(at, number), at)

    def enter(self, at: float, number: str) -> None:
        self.feed(pin(at, number), at)

    @property
    def last(self) -> tuple[str, str]:
        return self.outcomes[-1].result.value, self.outcomes[-1].reason


def test_a_badge_left_on_the_reader_starts_once_and_asks_nobody_again() -> None:
    door = Door()
    for step in range(100):
        door.swipe(100 + 0.2 * step)
    assert [type(request) for request in door.asked] == [FindUser, StartRecording]
    assert [outcome.result.value for outcome in door.outcomes] == ["done"]


def test_a_badge_swiped_again_too_soon_is_told_what_to_do() -> None:
    door = Door()
    door.swipe(100.0)
    door.swipe(101.0)
    assert door.last == ("ignored", "the badge must be away from the reader for 2 s")
    door.swipe(103.0)
    assert door.last == ("done", "recording stopped")


def test_only_the_author_s_badge_stops_where_the_site_wants_it() -> None:
    door = Door(Rules({}, who_may_stop=WhoMayStop.AUTHOR))
    door.swipe(100.0)
    door.swipe(110.0, "0004711002")
    assert door.last == ("failed", "only the author may stop this recording")
    assert Receipt.DENIED in door.receipts
    assert not any(isinstance(request, StopRecording) for request in door.asked)
    door.swipe(120.0)
    assert door.last == ("done", "recording stopped")


def test_somebody_who_is_not_listed_starts_and_does_not_stop() -> None:
    door = Door(Rules({}, who_may_stop=WhoMayStop.LISTED, stoppers=frozenset({BOB.id})))
    door.swipe(100.0)
    assert door.last == ("done", "recording started")
    door.swipe(110.0)
    assert door.last == ("failed", "this person may not stop recordings")
    door.swipe(120.0, "0004711002")
    assert door.last == ("done", "recording stopped")


def test_a_button_stops_whoever_may_stop_with_a_badge() -> None:
    control = ControlRules({Gesture.PRESS: (Binding(Action.STOP),)})
    door = Door(Rules({"stop": control}, who_may_stop=WhoMayStop.AUTHOR))
    door.swipe(100.0)
    door.feed(Pressed("stop", 110.0), 110.0)
    assert door.last == ("done", "recording stopped")


def test_a_shut_keypad_says_for_how_long_has_its_own_light_and_asks_nobody() -> None:
    door = Door()
    for step in range(WRONG_PINS):
        door.enter(100.0 + step, "9999")
        assert door.last == ("failed", "nobody has this number")
    asked = len(door.asked)
    door.enter(110.5, "2580")
    assert door.last == ("failed", "too many wrong PINs: none is taken here for 54 s")
    assert Receipt.LOCKED_OUT in door.receipts
    assert len(door.asked) == asked
    door.swipe(111.0)
    assert door.last == ("done", "recording started"), "badges go on"
    door.enter(165.0, "2580")
    assert door.last == ("done", "recording stopped")


def test_a_server_that_fails_is_no_wrong_pin() -> None:
    door = Door()
    door.fails = True
    for step in range(3 * WRONG_PINS):
        door.enter(100.0 + step, "2580")
    door.fails = False
    door.enter(200.0, "2580")
    assert door.last == ("done", "recording started")


def test_no_outcome_of_a_pin_shows_it() -> None:
    door = Door()
    for step in range(WRONG_PINS + 2):
        door.enter(100.0 + step, "73915526")
    assert not any("7391" in repr(outcome) or "526" in repr(outcome) for outcome in door.outcomes)


def test_only_the_author_stops_a_paused_recording_that_the_room_does_not_name() -> None:
    door = Door(Rules({}, who_may_stop=WhoMayStop.AUTHOR))
    door.swipe(100.0)
    door.feed(RoomPolled(RoomStatus(RoomState.PAUSED, None, True), 110.0, 110.0), 110.0)
    door.swipe(120.0, "0004711002")
    assert door.last == ("failed", "only the author may stop this recording")


def test_a_recording_that_a_button_started_is_not_its_default_author_s_alone() -> None:
    control = ControlRules({Gesture.PRESS: (Binding(Action.START),)})
    rules = Rules({"start": control}, default_author=5, who_may_stop=WhoMayStop.AUTHOR)
    door = Door(rules)
    door.feed(Pressed("start", 100.0), 100.0)
    door.swipe(110.0)
    assert door.last == ("done", "recording stopped")


HOLD_TO_STOP = Rules(
    {
        "stop": ControlRules({Gesture.HOLD: (Binding(Action.STOP),)}),
        "two": ControlRules({Gesture.PRESS: (Binding(Action.MARKER, "M"), Binding(Action.STOP))}),
        "pause": ControlRules({Gesture.PRESS: (Binding(Action.PAUSE),)}),
    }
)


def recording(name: str) -> RoomStatus:
    return RoomStatus(RoomState.RECORDING, name, True)


def test_a_stop_that_was_meant_for_another_recording_stops_nothing() -> None:
    controller, now = Controller(HOLD_TO_STOP), 10.0
    controller.step(RoomPolled(recording("R7"), now, now), now)
    controller.step(Pressed("stop", 20.0), 20.0)
    controller.step(RoomPolled(RoomStatus(RoomState.AVAILABLE), 20.2, 20.2), 20.2)
    controller.step(RoomPolled(recording("R8"), 20.6, 20.6), 20.6)
    commands = controller.step(Tick(), 21.0).commands
    assert not any(isinstance(command, Ask) for command in commands)
    [outcome] = [command.outcome for command in commands if isinstance(command, Report)]
    assert (outcome.result, outcome.reason) == (
        "ignored",
        "the recording that was meant has already ended",
    )


def test_a_hold_on_a_device_that_is_not_used_any_more_fires_nothing() -> None:
    controller = Controller(HOLD_TO_STOP)
    controller.step(RoomPolled(recording("R7"), 10.0, 10.0), 10.0)
    controller.step(Pressed("stop", 20.0), 20.0)
    controller.step(DeviceForgotten("stop"), 20.1)
    commands = controller.step(Tick(), 22.0).commands
    assert not any(isinstance(command, Ask) for command in commands)


def test_a_sequence_whose_end_was_not_done_is_no_success() -> None:
    controller = Controller(HOLD_TO_STOP)
    controller.step(RoomPolled(recording("R7"), 10.0, 10.0), 10.0)
    [ask] = [c for c in controller.step(Pressed("two", 20.0), 20.0).commands if isinstance(c, Ask)]
    controller.step(Pressed("pause", 20.1), 20.1)
    commands = controller.step(Answered(ask.id, None, 20.0, 20.2), 20.2).commands
    [outcome] = [command.outcome for command in commands if isinstance(command, Report)]
    assert outcome.result == "failed"
    assert "busy: pause is being carried out" in outcome.reason

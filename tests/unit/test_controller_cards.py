"""Badges of the box's own table at the door, and the badge that nobody has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ivsd.controller import Controller
from ivsd.controller.doorkeeper import ENROL_WITHIN_S
from ivsd.events import (
    STRANGER,
    Action,
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    Binding,
    Card,
    Command,
    ControlRules,
    Event,
    FindUser,
    Gesture,
    LockRoom,
    NumberKind,
    Outcome,
    PauseRecording,
    PollNow,
    Pressed,
    ReadUser,
    Receipt,
    Reconfigured,
    Report,
    Request,
    ResumeRecording,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    StopRecording,
    Tick,
    UnlockRoom,
    WatchFailed,
    WhoMayStop,
)
from ivsd.valt.errors import NoReply, NotAllowed, ServerFailed, Unreachable, ValtError
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, Secret, User

NUMBER, OTHER = "0009900001", "0004711777"
ALICE = User(12, "Alice Archer", Secret("0004711001"))
BOB = User(13, "Bob Barker", Secret("0004711002"))
DONE, FAILED, IGNORED = "done", "failed", "ignored"

AVAILABLE = RoomStatus(RoomState.AVAILABLE, word="available")
PREPARED = RoomStatus(RoomState.PREPARED, word="prepared")
LOCKED = RoomStatus(RoomState.LOCKED, word="locked")
RECORDING = RoomStatus(RoomState.RECORDING, "R1", True, "recording")
PAUSED = RoomStatus(RoomState.PAUSED, "R1", True, "paused")
STRANGE = RoomStatus(RoomState.UNKNOWN, word="dreaming")

TOGGLE, START, STOP = Action.RECORD_TOGGLE, Action.START, Action.STOP
PAUSE, RESUME, PAUSE_TOGGLE = Action.PAUSE, Action.RESUME, Action.PAUSE_TOGGLE
LOCK, UNLOCK, LOCK_TOGGLE = Action.LOCK, Action.UNLOCK, Action.LOCK_TOGGLE

LOCK_IS_LATER = "the room is recording: it can be locked when the recording is over"


def button(action: Action) -> ControlRules:
    return ControlRules({Gesture.PRESS: (Binding(action),)})


RULES = Rules({"record": button(TOGGLE), "start": button(START)}, default_author=7)


class Door:
    """A controller at a room in this state for a minute, and what it has said."""

    def __init__(self, status: RoomStatus = AVAILABLE, rules: Rules = RULES) -> None:
        self.controller = Controller(rules)
        self.now = 100.0
        self.said: list[Command] = []
        self.deadline: float | None = None
        self.poll(status)
        self.now += 60.0

    def feed(self, event: Event) -> list[Command]:
        step = self.controller.step(event, self.now)
        self.said += step.commands
        self.deadline = step.deadline
        return step.commands

    def swipe(self, number: str, kind: NumberKind = NumberKind.BADGE) -> list[Command]:
        return self.feed(Scanned("reader", kind, Secret(number), self.now))

    def press(self, control: str) -> None:
        self.feed(Pressed(control, self.now))

    def poll(self, status: RoomStatus) -> None:
        self.feed(RoomPolled(status, self.now, self.now))

    def answer(self, result: RecordingId | tuple[User, ...] | None) -> None:
        """Let the server say yes to the last request."""
        self.feed(Answered(self.asks[-1].id, result, self.now, self.now))

    def fail(self, error: ValtError) -> None:
        self.feed(AskFailed(self.asks[-1].id, error, self.now))

    def lose(self, error: ValtError) -> None:
        self.feed(WatchFailed(error, self.now))

    def wait(self, seconds: float) -> None:
        """Let time pass; a Tick comes whenever the controller asked for one."""
        end = self.now + seconds
        while self.deadline is not None and self.deadline <= end:
            self.now = self.deadline
            self.feed(Tick())
        self.now = end

    @property
    def asks(self) -> list[Ask]:
        return [said for said in self.said if isinstance(said, Ask)]

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


def bindings(*actions: Action) -> tuple[Binding, ...]:
    return tuple(Binding(action, "Begin") for action in actions)


def key(*actions: Action, name: str = "") -> Card:
    """A badge that does this for whoever holds it."""
    return Card(bindings(*actions), None, name, is_looked_up=False)


def persons(*actions: Action, name: str = "", user: int = 12) -> Card:
    """A badge that does this for a VALT user only."""
    return Card(bindings(*(actions or (TOGGLE,))), user, name)


def door_with(card: Card, status: RoomStatus = AVAILABLE, **rules: Any) -> Door:
    return Door(status, replace(RULES, cards={Secret(NUMBER): card}, **rules))


def receipts(door: Door) -> list[Receipt | None]:
    """The receipts that were shown, in their order."""
    views = [said.view for said in door.said if isinstance(said, Show)]
    return [view.receipt for view in views if view.receipt is not None]


# -- what a badge does in which state of the room -----------------------------------------------

WORKS = [
    (TOGGLE, AVAILABLE, StartRecording(7, ""), "recording started"),
    (TOGGLE, PREPARED, StartRecording(7, ""), "recording started"),
    (TOGGLE, RECORDING, StopRecording(), "recording stopped"),
    (TOGGLE, PAUSED, StopRecording(), "recording stopped"),
    (START, AVAILABLE, StartRecording(7, ""), "recording started"),
    (START, STRANGE, StartRecording(7, ""), "recording started"),
    (STOP, RECORDING, StopRecording(), "recording stopped"),
    (PAUSE, RECORDING, PauseRecording(), "recording paused"),
    (RESUME, PAUSED, ResumeRecording(), "recording resumed"),
    (PAUSE_TOGGLE, RECORDING, PauseRecording(), "recording paused"),
    (PAUSE_TOGGLE, PAUSED, ResumeRecording(), "recording resumed"),
    (LOCK, AVAILABLE, LockRoom(), "room locked"),
    (UNLOCK, LOCKED, UnlockRoom(), "room unlocked"),
    (LOCK_TOGGLE, AVAILABLE, LockRoom(), "room locked"),
    (LOCK_TOGGLE, PREPARED, LockRoom(), "room locked"),
    (LOCK_TOGGLE, LOCKED, UnlockRoom(), "room unlocked"),
    (LOCK_TOGGLE, STRANGE, LockRoom(), "room locked"),
]
DOES_NOT_WORK = [
    (TOGGLE, LOCKED, FAILED, "the room is locked"),
    (START, RECORDING, IGNORED, "the room is already recording"),
    (START, PAUSED, IGNORED, "a recording is already there, paused"),
    (START, LOCKED, FAILED, "the room is locked"),
    (STOP, AVAILABLE, IGNORED, "nothing is being recorded"),
    (STOP, LOCKED, FAILED, "the room is locked"),
    (PAUSE_TOGGLE, AVAILABLE, FAILED, "nothing is being recorded"),
    (LOCK, LOCKED, IGNORED, "the room is already locked"),
    (LOCK_TOGGLE, RECORDING, FAILED, LOCK_IS_LATER),
    (LOCK_TOGGLE, PAUSED, FAILED, LOCK_IS_LATER),
    (UNLOCK, AVAILABLE, IGNORED, "the room is not locked"),
]


def states(value: object) -> str | None:
    if isinstance(value, RoomStatus):
        return value.state.value
    return value.value if isinstance(value, Action) else ""


@pytest.mark.parametrize(("action", "status", "request_", "reason"), WORKS, ids=states)
def test_a_key_acts_for_whoever_holds_it_with_one_request(
    action: Action, status: RoomStatus, request_: Request, reason: str
) -> None:
    door = door_with(key(action), status)
    door.swipe(NUMBER)
    assert door.requests == [request_]
    door.answer("R1")
    assert (door.last, len(door.asks)) == ((DONE, reason), 1)


@pytest.mark.parametrize(("action", "status", "request_", "reason"), WORKS, ids=states)
def test_a_person_s_badge_acts_when_the_user_is_still_there(
    action: Action, status: RoomStatus, request_: Request, reason: str
) -> None:
    door = door_with(persons(action), status)
    door.swipe(NUMBER)
    assert door.requests == [ReadUser(12)]
    door.answer((ALICE,))
    if isinstance(request_, StartRecording):
        request_ = StartRecording(12, "Alice Archer")
    assert door.requests == [ReadUser(12), request_]
    door.answer("R1")
    assert (door.last, len(door.asks)) == ((DONE, reason), 2)


@pytest.mark.parametrize("card", [key, persons])
@pytest.mark.parametrize(("action", "status", "result", "reason"), DOES_NOT_WORK, ids=states)
def test_what_the_room_does_not_allow_is_answered_without_any_request(
    action: Action, status: RoomStatus, result: str, reason: str, card: Any
) -> None:
    door = door_with(card(action), status)
    door.swipe(NUMBER)
    assert (door.last, door.asks) == ((result, reason), [])


def test_an_entry_with_a_name_only_is_looked_up_by_its_number() -> None:
    door = door_with(Card(name="Visitor badge"))
    door.swipe(NUMBER)
    assert door.requests == [FindUser(Secret(NUMBER))]
    door.answer((BOB,))
    assert door.requests[1:] == [StartRecording(13, "Visitor badge")]


def test_a_badge_that_is_not_in_the_table_is_looked_up_by_its_number() -> None:
    door = door_with(key(LOCK_TOGGLE))
    door.swipe(OTHER)
    assert door.requests == [FindUser(Secret(OTHER))]


def test_the_table_counts_more_than_whom_valt_has_for_the_number() -> None:
    """Only the user of the table is asked for, whoever has that number in VALT."""
    door = door_with(persons())
    door.swipe(NUMBER)
    door.answer((ALICE,))
    assert door.requests == [ReadUser(12), StartRecording(12, "Alice Archer")]


@pytest.mark.parametrize(("name", "user"), [("Second badge", "Second badge"), ("", ALICE.name)])
def test_the_recording_is_named_after_the_entry_or_else_after_the_user(
    name: str, user: str
) -> None:
    door = door_with(persons(name=name))
    door.swipe(NUMBER)
    door.answer((ALICE,))
    assert door.requests[-1] == StartRecording(12, user)


def test_a_key_starts_for_nobody_as_a_button_does() -> None:
    door = door_with(key(TOGGLE, name="Key of the caretaker"), default_author=None)
    door.swipe(NUMBER)
    assert door.requests == [StartRecording(None, "")]


def test_the_outcome_names_the_reader_and_is_that_of_a_badge() -> None:
    door = door_with(key(LOCK))
    door.swipe(NUMBER)
    door.answer(None)
    (outcome,) = door.outcomes
    assert (outcome.source, outcome.action) == ("reader", "badge")


def test_a_key_that_toggles_locks_and_unlocks() -> None:
    door = door_with(key(LOCK_TOGGLE))
    for status, request_ in ((LOCKED, LockRoom()), (AVAILABLE, UnlockRoom())):
        door.swipe(NUMBER)
        assert door.requests[-1] == request_
        door.answer(None)
        door.poll(status)
        door.now += 10.0
    assert door.results == [DONE, DONE]


# -- sequences, markers, the status -------------------------------------------------------------


def test_a_sequence_is_carried_out_one_by_one_with_one_outcome() -> None:
    door = door_with(key(START, Action.MARKER))
    door.swipe(NUMBER)
    door.answer("R1")
    assert door.requests[1:] == [AddMarker("R1", "Begin", "red", 0)]
    door.answer(None)
    assert door.results == [DONE]
    assert door.last == (DONE, "recording started; marker “Begin” at 00:00")
    assert receipts(door)[-1] is Receipt.MARKED


def test_a_marker_badge_sets_a_marker_at_once() -> None:
    door = door_with(key(Action.MARKER))
    door.press("record")
    door.answer("R1")
    door.now += 10.0
    door.swipe(NUMBER)
    door.wait(1.0)
    assert door.requests[-1] == AddMarker("R1", "Begin", "red", 10)
    door.answer(None)
    assert door.last == (DONE, "marker “Begin” at 00:10")


def test_a_marker_badge_during_the_start_waits_for_it() -> None:
    door = door_with(key(Action.MARKER))
    door.press("record")
    door.swipe(NUMBER)
    assert (door.results, len(door.asks)) == ([], 1), "a marker is never busy"
    door.answer("R1")
    door.wait(1.0)
    assert isinstance(door.requests[-1], AddMarker)


def test_a_marker_badge_without_a_recording_fails() -> None:
    door = door_with(key(Action.MARKER))
    door.swipe(NUMBER)
    assert (door.last, door.asks) == ((FAILED, "nothing is being recorded"), [])


def test_a_status_badge_reads_the_room_and_shows_it() -> None:
    door = door_with(key(Action.SHOW_STATUS))
    assert PollNow() in door.swipe(NUMBER)
    door.now += 0.1
    door.poll(LOCKED)
    assert (door.results, door.asks) == ([DONE], [])
    assert "locked" in door.last[1]


# -- when it cannot be done ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "receipt"),
    [
        (persons(), Receipt.DENIED),
        (persons(LOCK), Receipt.DENIED),
        (STRANGER, Receipt.DENIED),
        (key(LOCK), Receipt.REFUSED),
    ],
)
def test_without_the_server_no_badge_does_anything(card: Card, receipt: Receipt) -> None:
    door = door_with(card)
    door.lose(Unreachable("nobody answers at valt.example.com"))
    door.swipe(NUMBER)
    text = "the room's state is unknown: nobody answers at valt.example.com"
    assert (door.last, door.asks) == ((FAILED, text), [])
    assert receipts(door)[-1] is receipt


def test_a_status_badge_is_answered_without_the_server() -> None:
    door = door_with(key(Action.SHOW_STATUS))
    door.lose(Unreachable("nobody answers"))
    door.swipe(NUMBER)
    door.now += 0.1
    door.lose(Unreachable("nobody answers"))
    assert door.results == [FAILED]
    assert "nobody answers" in door.last[1]


@pytest.mark.parametrize("card", [persons(), key(LOCK), key(TOGGLE), STRANGER])
def test_with_a_wrong_configuration_every_badge_is_answered_with_it(card: Card) -> None:
    door = door_with(card, config_problem="the configuration is wrong: cards.yaml:2: …")
    door.swipe(NUMBER)
    assert (door.results, door.asks) == ([FAILED], [])
    assert "cards.yaml:2" in door.last[1]


@pytest.mark.parametrize("card", [persons(LOCK), key(LOCK), persons(), key(TOGGLE)])
def test_a_badge_while_another_press_is_under_way_is_told_so(card: Card) -> None:
    door = door_with(card)
    door.press("start")
    door.swipe(NUMBER)
    assert door.last == (IGNORED, "busy: start is being carried out")
    assert len(door.asks) == 1


def test_a_press_while_a_badge_is_looked_up_is_told_so() -> None:
    door = door_with(persons(LOCK))
    door.swipe(NUMBER)
    door.press("start")
    assert door.last == (IGNORED, "busy: reader is being carried out")


@pytest.mark.parametrize("card", [persons(), key(TOGGLE)])
def test_a_badge_right_after_a_start_does_not_stop_it(card: Card) -> None:
    door = door_with(card)
    door.press("record")
    door.answer("R1")
    door.now += 1.0
    door.swipe(NUMBER)
    assert door.last == (IGNORED, "the recording was just started")


@pytest.mark.parametrize("card", [key(LOCK_TOGGLE), key(Action.MARKER), key(Action.SHOW_STATUS)])
def test_a_key_that_lies_on_the_reader_counts_once(card: Card) -> None:
    door = door_with(card)
    door.swipe(NUMBER)
    said = [door.said[-1], *door.outcomes, *door.asks]
    for _ in range(20):
        door.now += 0.2
        door.swipe(NUMBER)
    assert [door.said[-1], *door.outcomes, *door.asks] == said
    door.now += 1.0
    door.swipe(NUMBER)
    assert door.last == (IGNORED, "the badge must be away from the reader for 2 s")


def test_a_key_counts_again_when_it_was_away() -> None:
    door = door_with(key(LOCK_TOGGLE))
    door.swipe(NUMBER)
    door.answer(None)
    door.poll(LOCKED)
    door.now += 2.5
    door.swipe(NUMBER)
    assert door.requests == [LockRoom(), UnlockRoom()]


def test_a_key_and_a_person_s_badge_side_by_side_are_two_badges() -> None:
    cards = {Secret(NUMBER): key(STOP), Secret(OTHER): persons()}
    door = Door(AVAILABLE, replace(RULES, cards=cards))
    door.swipe(NUMBER)
    door.now += 0.1
    door.swipe(OTHER)
    assert (door.results, door.requests) == ([IGNORED], [ReadUser(12)])


@pytest.mark.parametrize("card", [key(LOCK_TOGGLE), persons(), Card(name="Visitor")])
def test_a_pin_of_the_same_digits_is_not_the_badge(card: Card) -> None:
    door = door_with(card)
    door.swipe(NUMBER, NumberKind.PIN)
    assert door.requests == [FindUser(Secret(NUMBER))]
    door.answer((BOB,))
    assert door.requests[1:] == [StartRecording(13, "Bob Barker")]


def test_a_table_that_was_read_again_counts_from_the_next_swipe() -> None:
    door = door_with(key(LOCK_TOGGLE))
    door.feed(Reconfigured(RULES, new_room=False))
    door.swipe(NUMBER)
    assert door.requests == [FindUser(Secret(NUMBER))]


def test_what_the_room_became_during_the_look_up_counts() -> None:
    door = door_with(persons(LOCK))
    door.swipe(NUMBER)
    door.now += 0.5
    door.poll(RECORDING)
    door.answer((ALICE,))
    assert (door.last, len(door.asks)) == ((FAILED, LOCK_IS_LATER), 1)


# -- the user of the entry ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "whose"), [("Second badge", "Second badge"), ("", "this badge")])
@pytest.mark.parametrize("actions", [(), (LOCK,)])
def test_the_badge_of_a_user_who_is_gone_is_denied(
    name: str, whose: str, actions: tuple[Action, ...]
) -> None:
    door = door_with(persons(*actions, name=name, user=999))
    door.swipe(NUMBER)
    door.answer(())
    assert door.last == (FAILED, f"VALT has no user 999 any more, to whom {whose} belongs")
    assert (receipts(door)[-1], len(door.asks)) == (Receipt.DENIED, 1)


@pytest.mark.parametrize(
    "error", [ServerFailed("HTTP 500"), NoReply("no answer"), NotAllowed("may not read users")]
)
def test_a_look_up_that_fails_denies_and_does_nothing(
    error: ServerFailed | NoReply | NotAllowed,
) -> None:
    door = door_with(persons(LOCK))
    door.swipe(NUMBER)
    door.fail(error)
    assert (door.last, len(door.asks)) == ((FAILED, str(error)), 1)
    assert receipts(door)[-1] is Receipt.DENIED


def test_a_look_up_without_any_answer_ends_in_time() -> None:
    door = door_with(persons(LOCK))
    door.swipe(NUMBER)
    door.wait(6.1)
    assert door.results == [FAILED]
    door.feed(Answered(door.asks[-1].id, (ALICE,), door.now, door.now))
    assert len(door.asks) == 1, "a late yes does nothing"


@pytest.mark.parametrize(
    ("number", "card", "reason"),
    [
        ("0004711777", STRANGER, "nobody has this number (…777)"),
        ("4711777", STRANGER, "nobody has this number (…)"),
        ("0004711777", Card(name="Visitor badge"), "nobody has this number (Visitor badge)"),
    ],
)
def test_an_unknown_badge_is_denied_and_named_by_its_last_places_or_its_name(
    number: str, card: Card, reason: str
) -> None:
    door = Door(AVAILABLE, replace(RULES, cards={Secret(number): card}))
    door.swipe(number)
    door.answer(())
    assert door.last == (FAILED, reason)
    assert receipts(door)[-1] is Receipt.DENIED


# -- who may stop -------------------------------------------------------------------------------


def recording_of(user: User, card: Card, **rules: Any) -> Door:
    """A door at which this user has started a recording a while ago, with a badge of VALT's."""
    door = door_with(card, **rules)
    door.swipe(OTHER)
    door.answer((user,))
    door.answer("R1")
    door.poll(RECORDING)
    door.now += 10.0
    return door


def test_the_author_s_second_badge_may_stop() -> None:
    door = recording_of(ALICE, persons(), who_may_stop=WhoMayStop.AUTHOR)
    door.swipe(NUMBER)
    door.answer((ALICE,))
    assert door.requests[-1] == StopRecording()


@pytest.mark.parametrize("actions", [(), (STOP,)])
def test_somebody_else_s_badge_of_the_table_may_not_stop(actions: tuple[Action, ...]) -> None:
    door = recording_of(BOB, persons(*actions), who_may_stop=WhoMayStop.AUTHOR)
    door.swipe(NUMBER)
    door.answer((ALICE,))
    assert door.last == (FAILED, "only the author may stop this recording")
    assert receipts(door)[-1] is Receipt.DENIED
    assert StopRecording() not in door.requests


def test_who_started_with_a_badge_of_the_table_is_the_author() -> None:
    door = door_with(persons(), who_may_stop=WhoMayStop.AUTHOR)
    door.swipe(NUMBER)
    door.answer((ALICE,))
    door.answer("R1")
    door.poll(RECORDING)
    door.now += 10.0
    door.swipe(OTHER)
    door.answer((BOB,))
    assert door.last == (FAILED, "only the author may stop this recording")


@pytest.mark.parametrize(("stoppers", "may"), [({12}, True), ({13}, False)])
def test_a_badge_of_the_table_stops_where_its_user_is_listed(stoppers: set[int], may: bool) -> None:
    listed = {"who_may_stop": WhoMayStop.LISTED, "stoppers": frozenset(stoppers)}
    door = recording_of(BOB, persons(), **listed)
    door.swipe(NUMBER)
    door.answer((ALICE,))
    assert (door.requests[-1] == StopRecording()) is may


@pytest.mark.parametrize("action", [STOP, TOGGLE])
def test_a_key_that_stops_is_a_button_and_stops_for_anybody(action: Action) -> None:
    door = recording_of(BOB, key(action), who_may_stop=WhoMayStop.AUTHOR)
    door.swipe(NUMBER)
    assert door.requests[-1] == StopRecording()


def test_who_may_not_stop_may_still_lock_and_mark() -> None:
    door = recording_of(BOB, persons(PAUSE), who_may_stop=WhoMayStop.AUTHOR)
    door.swipe(NUMBER)
    door.answer((ALICE,))
    assert door.requests[-1] == PauseRecording()


# -- the last unknown badge ---------------------------------------------------------------------


def unknown(door: Door) -> str | None:
    scanned = door.controller.last_unknown_badge(door.now)
    return scanned.number.reveal() if scanned is not None else None


def nobody_has(door: Door, number: str) -> None:
    door.swipe(number)
    door.answer(())


def test_before_any_swipe_there_is_no_unknown_badge() -> None:
    assert unknown(Door()) is None


def test_a_badge_that_nobody_has_is_kept_with_its_reader_and_time() -> None:
    door = Door()
    at = door.now
    door.swipe(OTHER)
    assert unknown(door) is None, "the server has not answered yet"
    door.now += 0.2
    door.answer(())
    expected = Scanned("reader", NumberKind.BADGE, Secret(OTHER), at)
    assert door.controller.last_unknown_badge(door.now) == expected


def test_the_next_unknown_badge_replaces_it() -> None:
    door = Door()
    for number in ("0001", "0002"):
        nobody_has(door, number)
        assert unknown(door) == number
        door.now += 5.0


def test_it_is_forgotten_five_minutes_after_its_swipe() -> None:
    assert ENROL_WITHIN_S == 300.0
    door = Door()
    nobody_has(door, OTHER)
    door.now += 299.9
    assert unknown(door) == OTHER
    door.now += 0.1
    assert unknown(door) is None
    door.now -= 100.0
    assert unknown(door) is None, "gone is gone"


def test_presses_and_known_badges_in_between_leave_it() -> None:
    door = Door()
    nobody_has(door, OTHER)
    door.now += 5.0
    door.swipe("0004711001")
    door.answer((ALICE,))
    door.answer("R1")
    door.lose(Unreachable("nobody answers"))
    assert unknown(door) == OTHER


def test_an_unknown_pin_is_never_kept() -> None:
    door = Door()
    door.swipe("2580", NumberKind.PIN)
    door.answer(())
    assert door.last == (FAILED, "nobody has this number")
    assert unknown(door) is None


def test_an_unknown_pin_does_not_replace_the_badge() -> None:
    door = Door()
    nobody_has(door, OTHER)
    door.swipe("2580", NumberKind.PIN)
    door.answer(())
    assert unknown(door) == OTHER


@pytest.mark.parametrize(("kind", "shown"), [(NumberKind.BADGE, " (…777)"), (NumberKind.PIN, "")])
def test_a_number_that_several_users_have_is_not_unknown(kind: NumberKind, shown: str) -> None:
    door = Door()
    door.swipe(OTHER, kind)
    door.answer((ALICE, BOB))
    assert door.last == (FAILED, f"several VALT users have this number{shown}")
    assert (receipts(door)[-1], unknown(door)) == (Receipt.DENIED, None)


def test_a_badge_of_the_table_whose_user_is_gone_is_not_unknown() -> None:
    door = door_with(persons(user=999))
    nobody_has(door, NUMBER)
    assert unknown(door) is None


def test_a_badge_that_the_table_only_names_is_not_unknown() -> None:
    """Enrolment would write its number a second time, which makes the table wrong."""
    door = door_with(Card(name="Visitor badge"))
    nobody_has(door, NUMBER)
    assert unknown(door) is None


def test_a_badge_that_has_an_owner_by_now_is_not_unknown_any_more() -> None:
    """Somebody gave it to a user in VALT and tried it: nobody else shall get it here."""
    door = Door()
    nobody_has(door, OTHER)
    door.now += 60.0
    door.swipe(OTHER)
    door.answer((BOB,))
    assert unknown(door) is None


@pytest.mark.parametrize("error", [ServerFailed("HTTP 500"), NoReply("no answer")])
def test_a_badge_of_whom_the_server_says_nothing_is_not_unknown(
    error: ServerFailed | NoReply,
) -> None:
    door = Door()
    door.swipe(OTHER)
    door.fail(error)
    assert unknown(door) is None


def test_a_badge_while_the_server_is_away_is_not_unknown() -> None:
    door = Door()
    door.lose(Unreachable("nobody answers"))
    door.swipe(OTHER)
    assert unknown(door) is None


def test_a_badge_that_comes_while_a_press_is_under_way_is_not_unknown() -> None:
    door = Door()
    door.press("record")
    door.swipe(OTHER)
    assert (door.results, unknown(door)) == ([IGNORED], None)


# -- nothing of a number is shown ---------------------------------------------------------------


@pytest.mark.parametrize("kind", NumberKind)
@pytest.mark.parametrize("users", [(), (ALICE,), (ALICE, BOB)])
def test_no_number_is_in_anything_that_is_said(users: tuple[User, ...], kind: NumberKind) -> None:
    cards = {Secret(NUMBER): persons(), Secret("0009900002"): key(LOCK)}
    door = Door(AVAILABLE, replace(RULES, cards=cards))
    for number in (OTHER, NUMBER):
        door.swipe(number, kind)
        door.answer(users)
        door.now += 10.0
    parts = [door.said, door.controller.last_unknown_badge(door.now), cards, RULES]
    text = " ".join(f"{part!r} {part!s}" for part in parts)
    for number in (NUMBER, OTHER, "0009900002", "0004711001", "0004711002"):
        assert number not in text
        assert number.lstrip("0")[:5] not in text

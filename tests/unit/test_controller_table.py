"""The table of presses: one case per cell, by what a person at the door would expect.

The expected side is written down here a second time on purpose, in words of its own: the
request that reaches the server, or the result without one. Every cell is tried through the
whole controller, so that the table is also proved to be the one that is used.
"""

from __future__ import annotations

import pytest

from ivsd.controller import Controller
from ivsd.controller.table import TABLE, Do, Fail, Ignore, decide
from ivsd.events import (
    Action,
    AddMarker,
    Ask,
    Binding,
    ControlRules,
    Gesture,
    LockRoom,
    Note,
    NumberKind,
    PauseRecording,
    Pressed,
    Report,
    Result,
    ResumeRecording,
    RoomPolled,
    Rules,
    Scanned,
    Show,
    StartRecording,
    StopRecording,
    UnlockRoom,
)
from ivsd.valt.model import RoomState, RoomStatus, Secret

START, STOP = StartRecording, StopRecording
PAUSE, RESUME = PauseRecording, ResumeRecording
LOCK, UNLOCK = LockRoom, UnlockRoom
MARK = AddMarker
IGNORED, FAILED = Result.IGNORED, Result.FAILED

STATES = ("available", "prepared", "recording", "paused", "locked", "unknown")
EXPECTED = {
    "record_toggle": (START, START, STOP, STOP, FAILED, START),
    "start": (START, START, IGNORED, IGNORED, FAILED, START),
    "stop": (IGNORED, IGNORED, STOP, STOP, FAILED, STOP),
    "pause": (FAILED, FAILED, PAUSE, IGNORED, FAILED, PAUSE),
    "resume": (FAILED, FAILED, IGNORED, RESUME, FAILED, RESUME),
    "pause_toggle": (FAILED, FAILED, PAUSE, RESUME, FAILED, PAUSE),
    "marker": (FAILED, FAILED, MARK, MARK, FAILED, FAILED),
    "lock": (LOCK, LOCK, FAILED, FAILED, IGNORED, LOCK),
    "unlock": (IGNORED, IGNORED, IGNORED, IGNORED, UNLOCK, UNLOCK),
    "lock_toggle": (LOCK, LOCK, FAILED, FAILED, UNLOCK, LOCK),
}
CELLS = [
    pytest.param(Action(action), RoomState(state), expected, id=f"{action}-while-{state}")
    for action, row in EXPECTED.items()
    for state, expected in zip(STATES, row, strict=True)
]


def status(state: RoomState) -> RoomStatus:
    recording = state in (RoomState.RECORDING, RoomState.PAUSED)
    return RoomStatus(state, "R1" if recording else None, recording, state.value)


def on_press(action: Action, name: str = "", colour: str = "red") -> ControlRules:
    return ControlRules({Gesture.PRESS: (Binding(action, name, colour),)})


def room_in(state: RoomStatus) -> Controller:
    controller = Controller(Rules({action.value: on_press(action, "M") for action in Action}))
    controller.step(RoomPolled(state, 0.0, 0.0), 0.0)
    return controller


def test_every_action_has_a_cell_for_every_state() -> None:
    assert set(TABLE) == set(Action) - {Action.SHOW_STATUS}  # which asks for no change
    assert all(set(row) == set(RoomState) for row in TABLE.values())
    assert {(action, state) for action in EXPECTED for state in STATES} == {
        (action.value, state.value) for action in TABLE for state in RoomState
    }


@pytest.mark.parametrize(("action", "state", "expected"), CELLS)
def test_a_press_asks_the_server_for_this_or_is_answered_so(
    action: Action, state: RoomState, expected: object
) -> None:
    step = room_in(status(state)).step(Pressed(action.value, 10.0), 10.0)
    asked = [type(c.request) for c in step.commands if isinstance(c, Ask)]
    ended = [c.outcome.result for c in step.commands if isinstance(c, Report)]
    assert (asked, ended) == (
        ([], [expected]) if isinstance(expected, Result) else ([expected], [])
    )


@pytest.mark.parametrize(("action", "state", "expected"), CELLS)
def test_every_cell_without_a_request_gives_a_reason_for_people(
    action: Action, state: RoomState, expected: object
) -> None:
    decision = decide(action, state)
    if isinstance(decision, Do):
        assert not isinstance(expected, Result)
        return
    assert isinstance(decision, Ignore if expected is IGNORED else Fail)
    assert len(decision.reason.split()) >= 3
    assert decision.reason[0].islower()
    assert not decision.reason.endswith(".")


@pytest.mark.parametrize(
    ("state", "request_type"),
    [(state, kind) for state, kind in zip(STATES, EXPECTED["record_toggle"], strict=True)],
)
def test_a_badge_means_the_same_as_the_record_button(state: str, request_type: object) -> None:
    """Decision 19; who it is has to be looked up before, and only when there is a use for it."""
    controller = room_in(status(RoomState(state)))
    swiped = Scanned("reader", NumberKind.BADGE, Secret("0004711001"), 10.0)
    step = controller.step(swiped, 10.0)
    asked = [type(c.request).__name__ for c in step.commands if isinstance(c, Ask)]
    assert asked == ([] if request_type is FAILED else ["FindUser"])


def test_an_unknown_word_with_a_recording_is_a_recording() -> None:
    """Decision 19: the reply's `record` flag decides, and a toggle ends the recording."""
    controller = room_in(RoomStatus(RoomState.UNKNOWN, "R1", True, "archiving"))
    step = controller.step(Pressed("record_toggle", 10.0), 10.0)
    assert [type(c.request) for c in step.commands if isinstance(c, Ask)] == [StopRecording]


def test_an_unknown_word_without_a_recording_still_lets_the_button_start() -> None:
    controller = room_in(RoomStatus(RoomState.UNKNOWN, None, False, "resting"))
    step = controller.step(Pressed("record_toggle", 10.0), 10.0)
    assert [type(c.request) for c in step.commands if isinstance(c, Ask)] == [StartRecording]


def test_an_unknown_word_is_told_once_in_the_servers_own_word() -> None:
    controller = Controller(Rules({}))
    resting = RoomStatus(RoomState.UNKNOWN, None, False, "resting")
    told = []
    for at in (1.0, 2.0, 3.0):
        step = controller.step(RoomPolled(resting, at, at), at)
        told += [c for c in step.commands if isinstance(c, Note)]
    assert len(told) == 1
    assert "resting" in told[0].text
    assert told[0].problem
    other = RoomStatus(RoomState.UNKNOWN, None, False, "dreaming")
    step = controller.step(RoomPolled(other, 4.0, 4.0), 4.0)
    assert ["dreaming" in c.text for c in step.commands if isinstance(c, Note)] == [True]


def test_a_locked_room_that_still_records_refuses_the_toggle_and_is_shown_as_recording() -> None:
    controller = Controller(Rules({"record": on_press(Action.RECORD_TOGGLE)}))
    locked = RoomStatus(RoomState.LOCKED, "R1", True, "locked")
    polled = controller.step(RoomPolled(locked, 0.0, 0.0), 0.0)
    views = [c.view for c in polled.commands if isinstance(c, Show)]
    assert [(view.name, view.records) for view in views] == [("recording", True)]
    step = controller.step(Pressed("record", 10.0), 10.0)
    outcomes = [c.outcome for c in step.commands if isinstance(c, Report)]
    assert [(o.result, o.reason) for o in outcomes] == [(FAILED, "the room is locked")]

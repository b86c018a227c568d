"""The marker clock (decision 15): where in the recording the button went down."""

from __future__ import annotations

import pytest

from ivsd.controller.marker_clock import MarkerClock
from ivsd.valt.model import RecordingId, RoomState, RoomStatus

RUNS = RoomStatus(RoomState.RECORDING, "R1", True, "recording")
PAUSED = RoomStatus(RoomState.PAUSED, "R1", True, "paused")
PAUSED_UNNAMED = RoomStatus(RoomState.PAUSED, None, False, "paused")
ENDED = RoomStatus(RoomState.AVAILABLE)


def clock_of(*steps: tuple[RoomStatus, float]) -> MarkerClock:
    clock = MarkerClock()
    for status, at in steps:
        clock.follow(status, at)
    return clock


# -- without the server's time ----------------------------------------------------------------


def test_it_counts_from_the_start() -> None:
    clock = clock_of((ENDED, 90.0), (RUNS, 100.0))
    assert (clock.recording, clock.position_s(130.5)) == ("R1", 30.5)


def test_polls_that_show_the_same_recording_change_nothing() -> None:
    clock = clock_of((RUNS, 100.0), (RUNS, 101.0), (RUNS, 107.0))
    assert clock.position_s(110.0) == 10.0


def test_a_moment_before_the_start_is_second_0() -> None:
    assert clock_of((RUNS, 100.0)).position_s(99.0) == 0.0


def test_pauses_do_not_count() -> None:
    clock = clock_of((RUNS, 100.0), (PAUSED, 110.0), (PAUSED, 150.0), (RUNS, 200.0))
    assert clock.position_s(205.0) == 15.0
    clock.follow(PAUSED, 220.0)
    clock.follow(RUNS, 300.0)
    assert clock.position_s(301.0) == 31.0


def test_it_stands_still_while_paused() -> None:
    clock = clock_of((RUNS, 100.0), (PAUSED, 110.0))
    assert [clock.position_s(at) for at in (110.0, 111.0, 500.0)] == [10.0] * 3


def test_the_next_recording_begins_at_0() -> None:
    clock = clock_of((RUNS, 100.0), (PAUSED, 120.0), (ENDED, 130.0))
    assert not clock.recording
    clock.follow(RoomStatus(RoomState.RECORDING, "R2", True), 200.0)
    assert (clock.recording, clock.position_s(203.0)) == ("R2", 3.0)


def test_a_recording_that_followed_unseen_begins_at_0() -> None:
    clock = clock_of((RUNS, 100.0), (RoomStatus(RoomState.RECORDING, "R2", True), 160.0))
    assert (clock.recording, clock.position_s(161.0)) == ("R2", 1.0)


def test_a_paused_room_that_names_no_recording_has_the_same_one() -> None:
    """valt-api 13 no. 10."""
    clock = clock_of((RUNS, 100.0), (PAUSED_UNNAMED, 110.0))
    assert (clock.recording, clock.position_s(130.0)) == ("R1", 10.0)
    clock.follow(RUNS, 140.0)
    assert (clock.recording, clock.position_s(145.0)) == ("R1", 15.0)


def test_a_recording_that_is_unknown_at_first_sight_has_no_name_yet() -> None:
    clock = clock_of((PAUSED_UNNAMED, 100.0))
    assert not clock.recording
    clock.follow(RUNS, 110.0)
    assert (clock.recording, clock.position_s(112.0)) == ("R1", 2.0)


def test_a_running_recording_that_is_named_late_is_put_right_by_the_servers_time() -> None:
    clock = clock_of((RoomStatus(RoomState.RECORDING, None, True), 100.0), (RUNS, 104.0))
    clock.correct("R1", 5.0, 105.0)
    assert (clock.recording, clock.position_s(107.0)) == ("R1", 7.0)


def test_an_unknown_word_with_a_recording_counts_as_running() -> None:
    clock = clock_of((RoomStatus(RoomState.UNKNOWN, "R1", True, "archiving"), 100.0))
    assert (clock.recording, clock.position_s(107.0)) == ("R1", 7.0)


def test_without_a_recording_it_is_at_0() -> None:
    assert MarkerClock().position_s(100.0) == 0.0
    assert clock_of((RUNS, 100.0), (ENDED, 150.0)).position_s(160.0) == 0.0


# -- the server's time ------------------------------------------------------------------------


@pytest.mark.parametrize("time_s", [600.0, 12.0, 8.0, 4.0])
def test_the_servers_time_corrects_a_running_recording(time_s: float) -> None:
    clock = clock_of((RUNS, 100.0))
    clock.correct("R1", time_s, 110.0)
    assert clock.position_s(112.0) == time_s + 2.0


@pytest.mark.parametrize("time_s", [9.0, 9.5, 10.5, 11.0])
def test_a_difference_of_the_servers_whole_seconds_is_no_news(time_s: float) -> None:
    clock = clock_of((RUNS, 100.0))
    clock.correct("R1", time_s, 110.0)
    assert clock.position_s(110.0) == 10.0


@pytest.mark.parametrize("recording", ["R2", None, 1], ids=["another", "none", "number"])
def test_the_time_of_another_recording_is_no_news(recording: RecordingId | None) -> None:
    clock = clock_of((RUNS, 100.0))
    clock.correct(recording, 600.0, 110.0)
    assert clock.position_s(110.0) == 10.0


def test_the_servers_time_is_not_taken_while_paused() -> None:
    clock = clock_of((RUNS, 100.0), (PAUSED, 110.0))
    clock.correct("R1", 300.0, 120.0)
    assert clock.position_s(120.0) == 10.0


@pytest.mark.parametrize("time_s", [0.0, 5.0, 13.0])
def test_a_time_that_drops_after_a_pause_does_not_move_it_back(time_s: float) -> None:
    clock = clock_of((RUNS, 100.0), (PAUSED, 110.0), (RUNS, 120.0))
    clock.correct("R1", time_s, 125.0)
    assert clock.position_s(125.0) == 15.0


def test_a_time_that_is_ahead_after_a_pause_still_corrects() -> None:
    """The box saw only a part of it: the pause was seen, the start was not."""
    clock = clock_of((RUNS, 100.0), (PAUSED, 110.0), (RUNS, 120.0))
    clock.correct("R1", 300.0, 125.0)
    assert clock.position_s(126.0) == 301.0


def test_a_pause_after_a_correction_keeps_the_corrected_position() -> None:
    clock = clock_of((RUNS, 100.0))
    clock.correct("R1", 600.0, 110.0)
    clock.follow(PAUSED, 115.0)
    assert clock.position_s(300.0) == 605.0


def test_a_new_recording_may_be_moved_back_although_the_last_one_was_paused() -> None:
    clock = clock_of((RUNS, 100.0), (PAUSED, 110.0), (ENDED, 120.0))
    clock.follow(RoomStatus(RoomState.RECORDING, "R2", True), 130.0)
    clock.correct("R2", 1.0, 140.0)
    assert clock.position_s(140.0) == 1.0

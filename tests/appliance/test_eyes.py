"""The eyes themselves, without a machine: what they take for a word, and what they do not."""

from __future__ import annotations

import itertools

import pytest

from ivsd.events import FactoryStage, LightView, Receipt
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE, once, steps_of
from ivsd.outputs.player import Fixture, Frame, receipt_frames, steady_frames
from ivsd.outputs.virtual import VirtualLamp
from ivsd.valt.model import RoomState
from tests.appliance.eyes import Glimpse, Timeline

LOOK_EVERY_S = 0.004
FIXTURE = Fixture(VirtualLamp("status"), "status", dict(LIGHT_LANGUAGE))
# A scenario ends where the factory default begins: nobody looks for its words here.
WORDS = [name for name in LIGHT_LANGUAGE if name not in set(FactoryStage)]
STEADY_WORDS = [name for name in WORDS if name not in set(Receipt)]


def seen(*frames: Frame, until: float | None = None) -> Timeline:
    """What eyes see that look every 4 ms: each change a little late."""
    at = 0.0
    glimpses: list[Glimpse] = []
    for colour, seconds in frames:
        if not glimpses or glimpses[-1].colour is not colour:
            glimpses.append(Glimpse(at, at + LOOK_EVERY_S, colour))
        at += seconds
    return Timeline(glimpses, at if until is None else until)


def played(text: str) -> Timeline:
    """`green 2, off 0.12, red 0.18`: colours, and for how many seconds."""
    pairs = (part.split() for part in text.split(","))
    return seen(*((Colour(colour), float(seconds)) for colour, seconds in pairs))


def steady(name: str, rounds: int = 4) -> list[Frame]:
    look = LIGHT_LANGUAGE[name]
    return [
        (look.colour if lit else Colour.OFF, seconds) for lit, seconds in steps_of(look.pattern)
    ] * rounds


def word(name: str) -> list[Frame]:
    """A word as the lamp plays it in a room that is available."""
    if name in set(Receipt):
        view = LightView(room=RoomState.AVAILABLE, fault="", receipt=Receipt(name))
        return [*receipt_frames(view, FIXTURE), (Colour.GREEN, 2.0)]
    return steady(name)


# -- every word is read, and taken for no other -------------------------------------------------


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_is_played_is_read(name: str) -> None:
    assert seen((Colour.CYAN, 1.0), *word(name)).shows(name, 0.9, 0.2)


@pytest.mark.parametrize(("name", "other"), list(itertools.permutations(WORDS, 2)))
def test_a_word_is_taken_for_no_other(name: str, other: str) -> None:
    timeline = seen((Colour.CYAN, 1.0), *word(other))
    if other in set(Receipt) and name == "available":
        assert timeline.shows(name, 0.9, 0.3)  # it is what comes after the receipt
    else:
        assert not timeline.shows(name, 0.9, 0.3)


@pytest.mark.parametrize("name", STEADY_WORDS)
@pytest.mark.parametrize("receipt", Receipt)
def test_receipt_and_state_are_both_read(name: str, receipt: Receipt) -> None:
    if (name, receipt) == ("paused", Receipt.IGNORED):
        pytest.skip("yellow after yellow: nobody sees where one ends")
    blinks = word(receipt)[:-1]
    timeline = seen(*steady(name)[:1], *blinks, *steady(name))
    assert timeline.shows(receipt, 0.0, 3.0)
    assert timeline.shows(name, 0.0, 3.0)


# -- time --------------------------------------------------------------------------------------


def test_a_word_that_comes_too_late_is_not_in_time() -> None:
    timeline = played("green 1, red 2")
    assert timeline.shows("recording", 0.5, 0.6)
    assert not timeline.shows("recording", 0.5, 0.4)


def test_a_word_that_is_there_already_is_shown() -> None:
    assert played("green 5").shows("available", 4.0, 0.0)


def test_a_word_that_the_press_ended_is_no_answer_to_it() -> None:
    timeline = played("green 5, white 0.08, off 0.08, white 0.04, red 2")
    assert not timeline.shows("available", 4.95, 0.5)
    assert timeline.shows("pending", 4.95, 0.5)
    assert timeline.shows("recording", 4.95, 0.5)


def test_a_word_that_is_over_is_not_shown() -> None:
    assert not played("red 2, green 2").shows("recording", 2.1, 1.0)


def test_a_word_is_read_only_when_it_is_sure() -> None:
    assert not played("red 1, green 0.8").shows("available", 0.9, 0.2)
    assert played("red 1, green 1").shows("available", 0.9, 0.2)


def test_the_time_of_a_receipt_does_not_count() -> None:
    timeline = played("red 1, off 0.12, yellow 0.6, green 1")
    assert timeline.shows("available", 1.0, 0.1)
    late = played("red 1, off 0.12, yellow 0.6, red 0.5, green 1")
    assert not late.shows("available", 1.0, 0.3)


def test_a_receipt_before_the_press_is_not_its_answer() -> None:
    timeline = played("green 1, off 0.12, yellow 0.6, green 2")
    assert timeline.shows("ignored", 0.95, 0.2)
    assert not timeline.shows("ignored", 1.2, 1.0)


# -- rhythm ------------------------------------------------------------------------------------


def test_a_word_that_is_cut_off_by_another_is_told_by_its_colour() -> None:
    assert played("green 1, white 0.02, red 1").shows("pending", 0.9, 0.2)


def test_a_word_that_is_cut_off_by_a_receipt_is_read() -> None:
    refused = "off 0.12, red 0.18, off 0.18, red 0.18, off 0.18"
    timeline = played(f"green 1, white 0.03, {refused}, green 1")
    assert timeline.shows("pending", 0.9, 0.2)
    assert timeline.shows("refused", 0.9, 0.3)
    assert timeline.shows("available", 0.9, 0.3)


def test_a_pending_that_ends_in_its_dark_is_read() -> None:
    marked = "off 0.16, white 0.18, off 0.18"  # the flicker's dark and the receipt's are one
    timeline = played(f"red 1, white 0.08, {marked}, red 1")
    assert timeline.shows("pending", 0.9, 0.2)
    assert timeline.shows("marked", 0.9, 0.4)


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        ("available", "red 1, green 0.8, off 0.8, green 0.8, off 0.8, green 0.8"),  # prepared
        ("prepared", "red 1, green 5, red 1"),
        ("pending", "red 1, white 0.8, off 0.8, white 0.8, off 0.8"),
        ("pending", "red 1, white 0.1, off 1.9, white 0.1, off 1.9"),
        ("paused", "red 1, yellow 0.3, off 0.3, yellow 0.3, off 0.3, yellow 0.3, off 0.3"),
        ("recording", "green 1, red 0.18, off 0.18, red 0.18, off 0.18, green 1"),
        ("recording", "green 1, red 0.4, off 0.4, red 0.4, off 0.4, red 0.4"),
        ("refused", "green 1, red 0.18, off 0.18, red 0.18, off 0.18, green 1"),  # no lead-in
        ("refused", "green 1, off 0.12, red 0.18, off 0.18, green 1"),
        ("refused", "green 1, off 0.12, red 0.3, off 0.3, red 0.3, off 0.3, green 1"),
        ("denied", "green 1, off 0.12, red 0.18, off 0.18, red 0.18, off 0.18, red 2"),
        ("no_link", "green 1, magenta 0.18, off 0.18, magenta 0.18, off 0.5, magenta 0.18, off 2"),
        ("no_link", "green 1, magenta 5"),
        ("marked", "red 1, off 0.12, white 0.6, red 1"),
        ("available", "off 5"),
        ("available", "green 0.5, off 5"),
    ],
)
def test_another_rhythm_is_not_read(expected: str, what: str) -> None:
    assert not played(what).shows(expected, 0.9, 0.4)


def test_two_blinks_over_a_recording_are_no_third_one() -> None:
    timeline = played("red 1, off 0.12, red 0.18, off 0.18, red 0.18, off 0.18, red 2")
    assert timeline.shows("refused", 0.9, 0.3)
    assert not timeline.shows("denied", 0.9, 0.3)
    assert timeline.shows("recording", 1.1, 0.0)


def test_a_rhythm_after_a_steady_light_of_its_colour_is_read() -> None:
    timeline = played("red 1, green 5.3, off 0.8, green 0.8, off 0.8, green 0.8, off 0.8")
    assert timeline.shows("available", 4.0, 0.1)
    assert timeline.shows("prepared", 4.0, 1.6)
    assert not timeline.shows("prepared", 4.0, 1.4)


def test_a_steady_light_after_a_rhythm_of_its_colour_is_read() -> None:
    timeline = played("red 1, green 0.8, off 0.8, green 0.8, off 0.3, green 2")
    assert timeline.shows("prepared", 0.9, 0.2)
    assert timeline.shows("available", 3.0, 1.0)
    assert not timeline.shows("available", 0.9, 1.5)


def test_some_milliseconds_late_at_every_step_is_the_same_word() -> None:
    late = [(colour, seconds + 0.02) for colour, seconds in steady("no_link")]
    assert seen((Colour.GREEN, 1.0), *late).shows("no_link", 0.9, 0.2)


def test_a_fault_in_between_and_the_state_are_both_read() -> None:
    view = LightView(room=RoomState.RECORDING, fault="device")
    frames = steady_frames(view, FIXTURE)
    timeline = seen((Colour.GREEN, 1.0), *frames, *frames)
    assert timeline.shows("recording", 0.9, 0.2)
    assert timeline.shows("device", 0.9, 5.0)
    assert not timeline.shows("no_link", 0.9, 5.0)
    assert [interlude.name for interlude in timeline.interludes] == ["device", "device"]
    assert len(once(LIGHT_LANGUAGE["device"].pattern)) == 2


# -- what eyes see besides ---------------------------------------------------------------------


def test_a_lamp_whose_lines_are_switched_one_by_one_shows_nothing_in_between() -> None:
    timeline = played("green 1, yellow 0.002, white 0.02, magenta 0.003, red 2")
    assert [stretch.colour for stretch in timeline.stretches] == ["green", "white", "red"]
    assert not timeline.shows("paused", 0.9, 0.2)


def test_a_colour_that_was_just_seen_may_be_one_on_the_way() -> None:
    blinks = "green 1, magenta 0.18, off 0.18"
    assert not played(f"{blinks}, red 0.005").shows("no_link", 0.9, 0.2)  # magenta will follow
    assert not played(f"{blinks}, red 0.005, magenta 0.01").shows("no_link", 0.9, 0.2)
    assert played(f"{blinks}, red 0.5").shows("no_link", 0.9, 0.2)


def test_a_short_light_on_no_way_is_seen() -> None:
    timeline = played("green 1, red 0.02, green 1")
    assert [stretch.colour for stretch in timeline.stretches] == ["green", "red", "green"]


def test_who_has_not_looked_for_a_while_allows_for_it() -> None:
    blinks = [
        Glimpse(0.0, 0.0, Colour.GREEN),
        Glimpse(1.0, 1.004, Colour.OFF),
        Glimpse(1.12, 1.22, Colour.RED),  # seen 0.1 s late
        Glimpse(1.30, 1.304, Colour.OFF),
        Glimpse(1.48, 1.484, Colour.RED),
        Glimpse(1.66, 1.664, Colour.OFF),
        Glimpse(1.84, 1.844, Colour.GREEN),
    ]
    assert Timeline(blinks, 3.0).shows("refused", 0.9, 0.3)


def test_a_sign_is_on_when_it_is_lit_without_a_blink() -> None:
    timeline = played("off 1, red 2, off 1")
    assert timeline.has(Colour.RED, 0.9, 0.2)
    assert not timeline.has(Colour.RED, 0.2, 0.2)
    assert timeline.has(Colour.OFF, 2.9, 0.2)
    assert not played("off 1, red 0.4, off 0.4, red 0.4").has(Colour.RED, 0.9, 1.0)

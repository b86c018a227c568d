"""What the bits of a Wiegand reader say, and what their parity can and cannot tell."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.inputs.wiegand_formats import (
    DEFAULT_FORMATS,
    EXCHANGED,
    FORMATS,
    KEY_UNREAD,
    PARITY_WRONG,
    Accepted,
    Badge,
    Key,
    Rejected,
    settings_problem,
)
from ivsd.notation import Form, Notation
from tests import wiegand_sender as sender

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LENGTHS = sorted(FORMATS)


def only(bits: int) -> Accepted:
    return Accepted(frozenset({bits}))


@st.composite
def badges(draw: st.DrawFn) -> tuple[int, int]:
    bits = draw(st.sampled_from(LENGTHS))
    return bits, draw(st.integers(0, 2 ** sender.DATA_BITS[bits] - 1))


# -- badges -----------------------------------------------------------------------------------


@UNHURRIED
@given(badges())
def test_every_badge_is_read_as_it_was_sent(badge: tuple[int, int]) -> None:
    bits, number = badge
    sent = sender.frame(bits, number)
    assert len(sent) == bits
    assert only(bits).read(sent) == Badge(number)


@UNHURRIED
@given(badges(), st.data())
def test_one_wrong_bit_is_always_found(badge: tuple[int, int], data: st.DataObject) -> None:
    bits, number = badge
    sent = sender.frame(bits, number)
    sent[data.draw(st.integers(0, bits - 1))] ^= 1
    assert isinstance(only(bits).read(sent), Rejected)


@UNHURRIED
@given(badges(), st.data())
def test_a_bit_lost_or_gained_makes_no_badge_of_the_default_formats(
    badge: tuple[int, int], data: st.DataObject
) -> None:
    bits, number = badge
    sent = sender.frame(bits, number)
    at = data.draw(st.integers(0, bits - 1))
    more = [*sent[:at], data.draw(st.integers(0, 1)), *sent[at:]]
    for accepted in (Accepted(), only(bits)):
        if bits in accepted.formats:
            assert isinstance(accepted.read(sent[:at] + sent[at + 1 :]), Rejected)
            assert isinstance(accepted.read(more), Rejected)


@UNHURRIED
@given(badges())
def test_exchanged_wires_are_named(badge: tuple[int, int]) -> None:
    bits, number = badge
    exchanged = [1 - bit for bit in sender.frame(bits, number)]
    assert only(bits).read(exchanged) == Rejected(bits, EXCHANGED)


@pytest.mark.parametrize("bits", LENGTHS)
@pytest.mark.parametrize("bit", [0, 1])
def test_a_wire_that_brings_only_one_kind_of_bit_makes_no_badge(bits: int, bit: int) -> None:
    assert isinstance(only(bits).read([bit] * bits), Rejected)


def undetected(bits: int, changed: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pairs of bits that may both be wrong without the parity telling."""
    sent = sender.frame(bits, 0)
    passed = []
    for pair in changed:
        wrong = [bit ^ (i in pair) for i, bit in enumerate(sent)]
        if isinstance(only(bits).read(wrong), Badge):
            passed.append(pair)
    return passed


@pytest.mark.parametrize(
    ("bits", "passing", "pairs"), [(26, 156, 325), (34, 272, 561), (35, 176, 595), (37, 306, 666)]
)
def test_two_wrong_bits_of_one_group_pass_the_parity(bits: int, passing: int, pairs: int) -> None:
    all_pairs = list(combinations(range(bits), 2))
    assert (len(undetected(bits, all_pairs)), len(all_pairs)) == (passing, pairs)


@pytest.mark.parametrize(
    ("bits", "found"),
    [
        (26, {(12, 13)}),
        (34, {(16, 17)}),
        (35, {(i, i + 1) for i in range(34)} - {(1, 2)}),
        (37, {(17, 18), (18, 19)}),
    ],
)
def test_neighbours_that_changed_places_are_found_only_across_groups(
    bits: int, found: set[tuple[int, int]]
) -> None:
    neighbours = [(i, i + 1) for i in range(bits - 1)]  # two that differ: both become wrong
    assert set(neighbours) - set(undetected(bits, neighbours)) == found


def test_26_bits_are_facility_and_number() -> None:
    read = Accepted().read(sender.frame(26, 123 << 16 | 45678))
    assert isinstance(read, Badge)
    assert Form(Notation.FACILITY).write(read.number) == "12345678"


def test_a_badge_known_from_the_papers() -> None:
    # Facility 1, number 1 of H10301.
    assert Accepted().read([int(b) for b in "10000000100000000000000010"]) == Badge(0x010001)


def test_a_rejected_badge_says_how_many_bits_came_and_nothing_else_of_them() -> None:
    sent = sender.frame(34, 0xDEADBEEF)
    assert Accepted(frozenset({26, 37})).read(sent) == Rejected(
        34,
        "34 bits came, and the reader's setting is 26 or 37: hold the badge to the reader again",
    )
    assert only(34).read([*sent[:-1], 1 - sent[-1]]) == Rejected(34, PARITY_WRONG)


def test_no_number_is_shown_by_accident() -> None:
    assert "48879" not in repr(Badge(48879))
    assert "7" not in repr(Key(7))


# -- raw --------------------------------------------------------------------------------------


@UNHURRIED
@given(st.integers(16, 128), st.data())
def test_a_raw_badge_is_all_its_bits(bits: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 2**bits - 1))
    assert Accepted(raw_bits=bits).read(sender.raw(bits, number)) == Badge(number)


@UNHURRIED
@given(st.integers(16, 128), st.integers(1, 140))
def test_a_raw_badge_of_another_number_of_bits_is_rejected(bits: int, came: int) -> None:
    read = Accepted(raw_bits=bits).read([1] * came)
    assert isinstance(read, Badge if came == bits else Rejected)


def test_a_raw_setting_takes_no_other_format() -> None:
    read = Accepted(raw_bits=32).read(sender.frame(26, 5))
    assert isinstance(read, Rejected)


# -- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("key", range(12))
def test_every_key_is_read_from_both_kinds_of_burst(bits: int, key: int) -> None:
    assert Accepted(keypad=True).read(sender.key(key, bits)) == Key(key)


@pytest.mark.parametrize("key", range(12, 16))
def test_a_key_that_no_keypad_has_is_rejected(key: int) -> None:
    assert Accepted(keypad=True).read(sender.key(key)) == Rejected(4, KEY_UNREAD)
    assert Accepted(keypad=True).read(sender.key(key, 8)) == Rejected(8, KEY_UNREAD)


@UNHURRIED
@given(st.integers(0, 11), st.integers(0, 7))
def test_one_wrong_bit_in_a_burst_of_eight_is_found(key: int, wrong: int) -> None:
    sent = sender.key(key, 8)
    sent[wrong] ^= 1
    assert isinstance(Accepted(keypad=True).read(sent), Rejected)


def test_a_reader_without_keypad_sends_no_keys() -> None:
    assert isinstance(Accepted().read(sender.key(5)), Rejected)


# -- settings ---------------------------------------------------------------------------------


def test_what_is_too_little_for_a_badge_or_key_is_noise() -> None:
    assert Accepted(keypad=True).told_from == 4
    assert Accepted().told_from == 6
    assert Accepted(raw_bits=128).told_from == 32
    assert Accepted(frozenset(), keypad=False).told_from == 4


@pytest.mark.parametrize("formats", [DEFAULT_FORMATS, {26}, {26, 35, 37}, {34}, {26, 34, 37}])
def test_formats_that_a_lost_bit_cannot_mix_up_are_fine(formats: set[int]) -> None:
    assert settings_problem(formats) is None


@pytest.mark.parametrize(
    ("formats", "raw_bits", "problem"),
    [
        ({34, 35}, None, "has 34 and 35"),
        ({26, 27}, None, "has 27, and the formats known are 26, 34, 35 or 37 bits"),
        (set(), None, "must have one format"),
        (set(), 8, "must be 16 to 128"),
        (set(), 129, "must be 16 to 128"),
    ],
)
def test_settings_that_cannot_be_are_explained(
    formats: set[int], raw_bits: int | None, problem: str
) -> None:
    assert problem in (settings_problem(formats, raw_bits) or "")


def test_a_badge_of_35_bits_without_its_first_can_pass_for_one_of_34() -> None:
    """Why the two are not accepted together; nothing in the bits tells it."""
    mixed = Accepted(frozenset({34, 35}))
    passed = [n for n in range(400) if isinstance(mixed.read(sender.frame(35, n)[1:]), Badge)]
    assert len(passed) > 50
    assert settings_problem(mixed.formats)

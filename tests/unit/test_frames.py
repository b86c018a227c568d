"""Single keystrokes become a badge number or a PIN (decision 23)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivsd.events import Misread, NumberKind, Scanned
from ivsd.inputs.frames import WRONG_ENDS, Frame
from ivsd.keymaps import ALTS, CONTROLS, SHIFTS, Keymap
from ivsd.notation import Form, Notation, convert
from ivsd.valt.model import Secret

BADGE, PIN = NumberKind.BADGE, NumberKind.PIN
FAST, SLOW = 0.008, 0.4  # a reader's and a hand's time between two keys


class Typist:
    """Types on one device; every number that comes out is kept as (kind, text)."""

    def __init__(self, *, badges: bool = False, pins: bool = False) -> None:
        self.frame = Frame("door", badges=badges, pins=pins)
        self.now = 50.0
        self.scanned: list[Scanned] = []
        self.misread = 0

    def type(self, text: str, gap_s: float, end: str = "") -> Typist:
        """Type with `gap_s` before every key; the time also ends what is due meanwhile."""
        for name in [*(f"KEY_{c}" for c in text), *([f"KEY_{end}"] if end else [])]:
            self.wait(gap_s)
            self._keep(self.frame.key(name, self.now))
        return self

    def wait(self, seconds: float) -> Typist:
        end = self.now + seconds
        while (deadline := self.frame.deadline()) is not None and deadline <= end:
            self.now = deadline
            self._keep(self.frame.expire(self.now))
        self.now = end
        return self

    def _keep(self, number: Scanned | Misread | None) -> None:
        if isinstance(number, Scanned):
            self.scanned.append(number)
        elif number is not None:
            self.misread += 1

    @property
    def numbers(self) -> list[tuple[NumberKind, str]]:
        return [(scanned.kind, scanned.number.reveal()) for scanned in self.scanned]


def reader() -> Typist:
    return Typist(badges=True)


def keypad() -> Typist:
    return Typist(pins=True)


def both() -> Typist:
    return Typist(badges=True, pins=True)


# -- badges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["ENTER", "KPENTER", "TAB"])
def test_a_badge_ends_with_enter_or_tab_at_once(end: str) -> None:
    typist = reader().type("0004711001", FAST, end)
    assert typist.numbers == [(BADGE, "0004711001")]
    assert (typist.scanned[0].reader, typist.scanned[0].at) == ("door", typist.now)
    assert typist.frame.deadline() is None


def test_a_badge_without_an_end_ends_80_ms_after_its_last_digit() -> None:
    typist = reader().type("0004711001", FAST)
    last = typist.now
    assert typist.frame.deadline() == pytest.approx(last + 0.08)
    assert typist.wait(0.079).numbers == []
    assert typist.wait(0.002).numbers == [(BADGE, "0004711001")]
    assert typist.frame.deadline() is None


def test_a_late_thread_still_keeps_two_swipes_apart() -> None:
    """Nobody called `expire` in time: the next key's own time ends the frame before it."""
    frame = Frame("door", badges=True, pins=False)
    at = 50.0
    for index, digit in enumerate("00047110"):
        assert frame.key(f"KEY_{digit}", at + index * FAST) is None
    scanned = frame.key("KEY_1", at + 3.0)
    assert isinstance(scanned, Scanned)
    assert scanned.number.reveal() == "00047110"
    assert frame.deadline() == pytest.approx(at + 3.08)


def test_an_enter_that_comes_late_gives_the_badge_once() -> None:
    frame = Frame("door", badges=True, pins=False)
    for index, digit in enumerate("0004711001"):
        frame.key(f"KEY_{digit}", 50.0 + index * FAST)
    assert frame.key("KEY_ENTER", 51.0) is not None
    assert frame.key("KEY_ENTER", 51.1) is None


def test_two_swipes_are_two_badges() -> None:
    typist = reader().type("0004711001", FAST, "ENTER").wait(0.5).type("0004711002", FAST, "ENTER")
    assert typist.numbers == [(BADGE, "0004711001"), (BADGE, "0004711002")]


def test_a_partial_read_never_joins_the_next_swipe() -> None:
    typist = reader().type("471", FAST).wait(0.2).type("0004711002", FAST, "ENTER")
    assert typist.numbers == [(BADGE, "0004711002")]


def test_a_partial_read_is_no_badge() -> None:
    assert reader().type("471", FAST, "ENTER").wait(1.0).numbers == []


def test_a_pause_inside_a_badge_makes_two_reads_of_it_and_not_one_slow_one() -> None:
    typist = reader().type("00047", FAST).wait(0.1).type("11001", FAST, "ENTER")
    assert typist.numbers == [(BADGE, "00047"), (BADGE, "11001")]


def test_hexadecimal_digits_and_those_of_the_number_block_count() -> None:
    typist = reader()
    for name in ("KP0", "KP4", "A", "B", "F", "7"):
        typist.wait(FAST)
        typist.frame.key(f"KEY_{name}", typist.now)
    assert typist.wait(0.1).numbers == [(BADGE, "04ABF7")]


@pytest.mark.parametrize("name", ["LEFTSHIFT", "CAPSLOCK", "F1", "VOLUMEUP"])
def test_other_keys_are_no_part_of_a_number(name: str) -> None:
    typist = reader().type("0004", FAST)
    assert typist.frame.key(f"KEY_{name}", typist.now + FAST) is None
    assert typist.type("7110", FAST, "ENTER").numbers == [(BADGE, "00047110")]


def test_leading_zeros_are_kept() -> None:
    assert reader().type("0000", FAST, "ENTER").numbers == [(BADGE, "0000")]


@pytest.mark.parametrize("make", [reader, keypad, both])
def test_a_stuck_key_never_becomes_a_number(make: Callable[[], Typist]) -> None:
    """Nor does the tail of a bar code: somebody may have just that number."""
    for length in (65, 70, 129, 140):
        typist = make().type("7" * length, FAST, "ENTER").wait(11.0)
        assert typist.numbers == [], length


def test_after_a_stuck_key_the_next_swipe_is_read() -> None:
    typist = reader().type("7" * 100, FAST).wait(0.5).type("0004711001", FAST, "ENTER")
    assert typist.numbers == [(BADGE, "0004711001")]


def test_enter_alone_is_nothing() -> None:
    for typist in (reader(), keypad(), both()):
        assert typist.type("", FAST, "ENTER").type("", FAST, "ENTER").wait(20.0).numbers == []


# -- PINs -------------------------------------------------------------------------------------


def test_a_pin_ends_with_enter_and_with_nothing_else() -> None:
    typist = keypad().type("2580", SLOW).wait(5.0)
    assert typist.numbers == []
    assert typist.type("", SLOW, "ENTER").numbers == [(PIN, "2580")]


def test_a_pin_typed_by_a_quick_hand_is_a_pin_on_a_keypad() -> None:
    assert keypad().type("2580", 0.05, "KPENTER").numbers == [(PIN, "2580")]


def test_a_short_pin_is_a_pin() -> None:
    assert keypad().type("25", SLOW, "ENTER").numbers == [(PIN, "25")]


def test_the_last_digit_can_be_corrected() -> None:
    typist = keypad().type("259", SLOW, "BACKSPACE").type("80", SLOW, "ENTER")
    assert typist.numbers == [(PIN, "2580")]


@pytest.mark.parametrize("key", ["ESC", "DELETE"])
def test_a_pin_can_be_cleared(key: str) -> None:
    typist = keypad().type("99", SLOW, key)
    assert typist.frame.deadline() is None
    assert typist.type("2580", SLOW, "ENTER").numbers == [(PIN, "2580")]


def test_a_half_typed_pin_is_forgotten_after_10_s_and_is_not_the_next_persons() -> None:
    typist = keypad().type("99", SLOW)
    assert typist.frame.deadline() == pytest.approx(typist.now + 10.0)
    typist.wait(10.1)
    assert typist.frame.deadline() is None
    assert typist.type("2580", SLOW, "ENTER").numbers == [(PIN, "2580")]


def test_every_digit_gives_a_pin_10_s_more() -> None:
    typist = keypad().type("2580", 9.0)
    assert typist.type("", 9.0, "ENTER").numbers == [(PIN, "2580")]


def test_a_digit_that_comes_after_10_s_begins_a_new_pin_although_nobody_looked() -> None:
    frame = Frame("door", badges=False, pins=True)
    frame.key("KEY_9", 50.0)
    frame.key("KEY_1", 61.0)
    scanned = frame.key("KEY_ENTER", 61.5)
    assert isinstance(scanned, Scanned)
    assert scanned.number.reveal() == "1"


def test_correcting_nothing_is_harmless() -> None:
    typist = keypad().type("", SLOW, "BACKSPACE").type("2580", SLOW, "ENTER")
    assert typist.numbers == [(PIN, "2580")]


# -- a device with both -----------------------------------------------------------------------


def test_a_number_typed_faster_than_a_hand_can_is_a_badge() -> None:
    assert both().type("0004711001", FAST, "ENTER").numbers == [(BADGE, "0004711001")]
    assert both().type("0004711001", FAST).wait(0.1).numbers == [(BADGE, "0004711001")]
    assert both().type("2580", 0.079, "ENTER").numbers == [(BADGE, "2580")]


def test_one_gap_of_80_ms_makes_it_a_pin() -> None:
    typist = both().type("258", 0.07).wait(0.073).type("0", FAST, "ENTER")
    assert typist.numbers == [(PIN, "2580")]


def test_a_badge_that_only_brushed_the_reader_is_told_and_joins_no_pin() -> None:
    typist = both().type("123", FAST).wait(0.081)
    assert (typist.numbers, typist.misread) == ([], 1)
    assert typist.type("2580", SLOW, "ENTER").numbers == [(PIN, "2580")]


def test_one_key_alone_may_be_the_begin_of_a_pin() -> None:
    assert both().type("2", FAST).type("580", SLOW, "ENTER").numbers == [(PIN, "2580")]


@pytest.mark.parametrize("make", [keypad, both])
def test_a_pin_without_any_digit_is_told(make: Callable[[], Typist]) -> None:
    typist = make()
    for name in ("KEY_G", "KEY_DOT", "KEY_ENTER"):
        typist.wait(SLOW)
        typist._keep(typist.frame.key(name, typist.now))
    assert (typist.numbers, typist.misread) == ([], 1)


def test_a_number_by_hand_is_a_pin_and_waits_for_enter() -> None:
    typist = both().type("2580", SLOW).wait(1.0)
    assert typist.numbers == []
    assert typist.type("", SLOW, "ENTER").numbers == [(PIN, "2580")]


def test_three_fast_digits_are_too_few_for_a_badge() -> None:
    assert both().type("258", FAST, "ENTER").numbers == [(PIN, "258")]


def test_a_reader_that_always_ends_with_enter_gives_no_piece_of_a_badge() -> None:
    frame = Frame("door", badges=True, pins=False, has_end=True)
    typist = reader()
    typist.frame = frame
    typist.type("00047", FAST).wait(0.09).type("11001", FAST).wait(0.5)
    assert (typist.numbers, typist.misread) == ([], 2)
    assert typist.type("0004711001", FAST, "TAB").numbers == [(BADGE, "0004711001")]


def test_keys_with_alt_are_told_and_those_with_ctrl_are_no_signs() -> None:
    for held, misread in ((ALTS, 1), (CONTROLS, 0)):
        typist = reader()
        for digit in "0004711001":
            typist.wait(FAST)
            typist._keep(typist.frame.key(f"KEY_KP{digit}", typist.now, held))
        typist._keep(typist.frame.key("KEY_ENTER", typist.now))
        assert (typist.numbers, typist.misread) == ([], misread)


def test_a_key_with_ctrl_in_the_middle_leaves_no_hole() -> None:
    typist = reader().type("0004", FAST)
    typist._keep(typist.frame.key("KEY_7", typist.now + FAST, CONTROLS))
    typist.now += FAST
    typist.type("11001", FAST, "ENTER")
    assert (typist.numbers, typist.misread) == ([], 1)


def test_a_corrected_number_is_a_hands() -> None:
    typist = both().type("25800", FAST, "BACKSPACE").type("", FAST, "ENTER")
    assert typist.numbers == [(PIN, "2580")]


def test_a_badge_after_a_pin_is_a_badge() -> None:
    typist = both().type("2580", SLOW, "ENTER").wait(1.0).type("0004711001", FAST, "ENTER")
    assert typist.numbers == [(PIN, "2580"), (BADGE, "0004711001")]


@pytest.mark.parametrize("strays", [("", "BACKSPACE"), ("5", "BACKSPACE"), ("5", "ESC")])
@pytest.mark.parametrize("make", [reader, both])
def test_a_stray_key_that_left_nothing_does_not_spoil_the_next_swipe(
    make: Callable[[], Typist], strays: tuple[str, str]
) -> None:
    typist = make().type(strays[0], 0.03, strays[1]).wait(30.0).type("0004711001", FAST, "ENTER")
    assert typist.numbers == [(BADGE, "0004711001")]


def test_a_number_with_lost_keys_is_dropped_and_the_next_swipe_is_read() -> None:
    typist = reader().type("0004", FAST)
    typist.frame.spoil(typist.now)
    typist.type("1001", FAST, "ENTER").wait(1.0).type("0004711002", FAST, "ENTER")
    assert (typist.numbers, typist.misread) == ([(BADGE, "0004711002")], 1)


def test_lost_keys_without_a_number_are_no_misread() -> None:
    typist = reader()
    typist.frame.spoil(typist.now)
    typist.wait(1.0).type("0004711002", FAST, "ENTER")
    assert (typist.numbers, typist.misread) == ([(BADGE, "0004711002")], 0)


@pytest.mark.parametrize("text", ["123", "7" * 70])
def test_a_badge_that_is_not_read_whole_is_told_once(text: str) -> None:
    typist = reader().type(text, FAST, "ENTER").wait(11.0)
    assert (typist.numbers, typist.misread) == ([], 1)


def test_enter_alone_is_no_misread() -> None:
    assert reader().type("", FAST, "ENTER").wait(1.0).misread == 0


# ---- a PIN of a fixed length ------------------------------------------------------------------


def typed(frame: Frame, digits: str, gap_s: float = 0.3) -> list[Scanned | Misread]:
    keys = (frame.key(f"KEY_{digit}", gap_s * place) for place, digit in enumerate(digits))
    return [found for found in keys if found is not None]


def test_a_pin_of_a_fixed_length_needs_no_enter() -> None:
    frame = Frame("keypad", badges=False, pins=True, pin_length=4)
    [first, second] = typed(frame, "25809999")
    assert isinstance(first, Scanned)
    assert isinstance(second, Scanned)
    assert (first.number, second.number) == (Secret("2580"), Secret("9999"))
    assert (first.kind, frame.deadline()) == (NumberKind.PIN, None)


def test_enter_after_a_pin_of_a_fixed_length_is_no_second_one() -> None:
    frame = Frame("keypad", badges=False, pins=True, pin_length=4)
    assert len(typed(frame, "2580")) == 1
    assert frame.key("KEY_KPENTER", 2.0) is None


def test_a_shorter_pin_still_ends_with_enter() -> None:
    frame = Frame("keypad", badges=False, pins=True, pin_length=6)
    assert typed(frame, "258") == []
    assert frame.key("KEY_ENTER", 2.0) == Scanned("keypad", NumberKind.PIN, Secret("258"), 2.0)


@pytest.mark.parametrize("pin_length", [2, 4, 6])
def test_the_first_places_of_a_fast_badge_are_no_pin(pin_length: int) -> None:
    frame = Frame("reader", badges=True, pins=True, pin_length=pin_length)
    assert typed(frame, "0004711001", gap_s=0.01) == []
    found = frame.expire(1.0)
    assert found == Scanned("reader", NumberKind.BADGE, Secret("0004711001"), 1.0)


# ---- readers that write otherwise than VALT does ----------------------------------------------

HEX_REVERSED, FACILITY = Form(Notation.HEX_REVERSED), Form(Notation.FACILITY)
TEN_PLACES = Form(Notation.DECIMAL, 10)


def writing(reader: Form, valt: Form = TEN_PLACES, *, pins: bool = False) -> Frame:
    """A device that writes badges so, at a site where VALT has them so."""
    as_valt = partial(convert, reader=reader, valt=valt)
    return Frame("door", badges=True, pins=pins, as_valt=as_valt)


def swiped(frame: Frame, text: str) -> Scanned | Misread | None:
    assert typed(frame, text, gap_s=FAST) == []
    return frame.key("KEY_ENTER", 1.0 - FAST) or frame.expire(1.0)


def entered(frame: Frame, text: str) -> Scanned | Misread | None:
    assert typed(frame, text, gap_s=SLOW) == []
    return frame.key("KEY_ENTER", SLOW * len(text))


@pytest.mark.parametrize(
    ("reader", "valt", "text", "number"),
    [
        (HEX_REVERSED, TEN_PLACES, "59E24700", "0004711001"),
        (Form(Notation.HEX), TEN_PLACES, "0047E259", "0004711001"),
        (Form(Notation.DECIMAL), TEN_PLACES, "4711001", "0004711001"),
        (TEN_PLACES, Form(Notation.HEX), "0004711001", "0047E259"),
        (FACILITY, TEN_PLACES, "07157945", "0004711001"),
        (HEX_REVERSED, Form(Notation.HEX), "805CB17A24A204", "04A2247AB15C80"),
    ],
)
def test_a_badge_is_written_as_valt_has_it(
    reader: Form, valt: Form, text: str, number: str
) -> None:
    found = swiped(writing(reader, valt), text)
    assert isinstance(found, Scanned)
    assert (found.kind, found.number) == (BADGE, Secret(number))


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (TEN_PLACES, "4711001"),
        (TEN_PLACES, "00047110010"),
        (TEN_PLACES, "0047E25900"),
        (FACILITY, "7157945"),
        (FACILITY, "99999999"),
        (HEX_REVERSED, "59E247000E"),  # more than ten decimal places: VALT cannot have it
    ],
)
def test_what_is_no_number_of_the_reader_is_misread(reader: Form, text: str) -> None:
    """A badge that was read in part must not become somebody else's."""
    frame = writing(reader)
    assert isinstance(swiped(frame, text), Misread)
    assert frame.deadline() is None


def test_a_misread_badge_does_not_spoil_the_next_one() -> None:
    frame = writing(HEX_REVERSED)
    assert isinstance(swiped(frame, "59E247000E"), Misread)
    assert swiped(frame, "59E24700") == Scanned("door", BADGE, Secret("0004711001"), 1.0 - FAST)


def test_a_badge_without_an_end_is_converted_too() -> None:
    frame = writing(HEX_REVERSED)
    assert typed(frame, "59E24700", gap_s=FAST) == []
    assert frame.expire(1.0) == Scanned("door", BADGE, Secret("0004711001"), 1.0)


@pytest.mark.parametrize("digits", ["2580", "0007", "59124700", "4711001"])
def test_a_pin_is_never_converted(digits: str) -> None:
    frame = writing(HEX_REVERSED, pins=True)
    found = entered(frame, digits)
    assert isinstance(found, Scanned)
    assert (found.kind, found.number) == (PIN, Secret(digits))


def test_a_pin_of_a_fixed_length_is_never_converted() -> None:
    as_valt = partial(convert, reader=HEX_REVERSED, valt=TEN_PLACES)
    frame = Frame("keypad", badges=True, pins=True, pin_length=4, as_valt=as_valt)
    assert typed(frame, "2580", gap_s=SLOW) == []
    found = frame.expire(SLOW * 3 + 0.08)
    assert found == Scanned("keypad", PIN, Secret("2580"), SLOW * 3 + 0.08)


def test_a_keypad_without_badges_never_converts() -> None:
    as_valt = partial(convert, reader=HEX_REVERSED, valt=TEN_PLACES)
    frame = Frame("keypad", badges=False, pins=True, as_valt=as_valt)
    assert typed(frame, "25801234", gap_s=FAST) == []
    assert frame.key("KEY_ENTER", 1.0) == Scanned("keypad", PIN, Secret("25801234"), 1.0)


COMMA = ["KEY_0", "KEY_7", "KEY_1", "KEY_COMMA", "KEY_5", "KEY_7", "KEY_9", "KEY_4", "KEY_5"]


@pytest.mark.parametrize("keys", [COMMA, COMMA[1:]], ids=["071,57945", "71,57945"])
def test_facility_and_number_with_a_comma_are_read(keys: list[str]) -> None:
    """`ivsd badge --typed` takes both, and would advise this notation for both."""
    frame = writing(FACILITY)
    for place, name in enumerate(keys):
        assert frame.key(name, FAST * place) is None
    assert frame.key("KEY_ENTER", 0.1) == Scanned("door", BADGE, Secret("0004711001"), 0.1)


# ---- how a reader is set, and keys that were lost ---------------------------------------------


def test_what_a_reader_types_around_the_number_is_told_when_it_is_missing() -> None:
    frame = Frame("door", badges=True, pins=False, suffix="?")
    assert swiped(frame, "0004711") == Misread("door", 1.0 - FAST, WRONG_ENDS)


def test_a_pin_has_no_prefix_and_no_suffix() -> None:
    frame = Frame("door", badges=True, pins=True, prefix="A", suffix="B")
    assert entered(frame, "2580") == Scanned("door", PIN, Secret("2580"), SLOW * 4)


def test_a_badge_of_three_places_between_its_marks_is_not_whole() -> None:
    frame = Frame("door", badges=True, pins=False, prefix="AB")
    assert swiped(frame, "AB471") == Misread("door", 1.0 - FAST)


def test_shift_makes_the_digits_of_a_reader_that_is_set_to_france() -> None:
    frame = Frame("door", badges=True, pins=False, keymap=Keymap.FR)
    for place, digit in enumerate("0004711001"):
        assert frame.key(f"KEY_{digit}", FAST * place, SHIFTS) is None
    assert frame.key("KEY_ENTER", 0.1) == Scanned("door", BADGE, Secret("0004711001"), 0.1)


def test_a_key_that_types_nothing_does_not_hold_a_row_together() -> None:
    typist = reader().type("0004", FAST)
    for _ in range(4):
        typist.type("", 0.03, "LEFTSHIFT")
    assert typist.numbers == [(BADGE, "0004")]


def test_clearing_ends_the_loss_for_the_next_number() -> None:
    typist = reader().type("0004", FAST)
    typist.frame.spoil(typist.now)
    typist.type("", FAST, "ESC").type("0004711002", FAST, "ENTER")
    assert (typist.numbers, typist.misread) == ([(BADGE, "0004711002")], 0)


@pytest.mark.parametrize("make", [reader, both])
def test_keys_lost_at_any_place_of_a_swipe_give_no_piece_of_it(
    make: Callable[[], Typist],
) -> None:
    whole = "0004711001"
    for start in range(len(whole)):
        for end in range(start + 1, len(whole) + 1):
            typist = make().type(whole[:start], FAST)
            typist.wait((end - start) * FAST)
            typist.frame.spoil(typist.now)
            typist.type(whole[end:], FAST, "ENTER").wait(1.0)
            typist.type("0004711002", FAST, "ENTER")
            assert typist.numbers == [(BADGE, "0004711002")], (start, end)


def test_keys_lost_in_a_pin_spoil_it_up_to_its_enter() -> None:
    typist = keypad().type("25", SLOW)
    typist.frame.spoil(typist.now)
    typist.type("80", SLOW, "ENTER")
    assert (typist.numbers, typist.misread) == ([], 1)


# ---- any mixture of readers and hands ---------------------------------------------------------

GAP_US = 80_000
HAND, WHOLE, PIECE = "01234", "56789", "ABCDEF"
"""What a hand types, a reader, and a reader that reads three places or fewer."""


@dataclass(frozen=True)
class Typed:
    """Keys in a row, the time before each (µs), and what comes behind."""

    text: str
    gaps_us: list[int]
    end: str
    pause_us: int


def _typed(signs: str, least: int, most: int, gaps: tuple[int, int], ends: list[str]) -> Any:
    return st.integers(least, most).flatmap(
        lambda length: st.builds(
            Typed,
            st.text(signs, min_size=length, max_size=length),
            st.lists(st.integers(*gaps), min_size=length + 1, max_size=length + 1),
            st.sampled_from(ends),
            st.one_of(st.integers(GAP_US, 3 * GAP_US), st.integers(GAP_US, 12_000_000)),
        )
    )


SWIPES = _typed(WHOLE, 4, 20, (1_000, GAP_US - 1), ["", "ENTER", "KPENTER", "TAB"])
PIECES = _typed(PIECE, 1, 3, (1_000, GAP_US - 1), ["", "", "ENTER"])
HANDS = _typed(HAND, 1, 9, (GAP_US, 1_500_000), ["", "ENTER", "KPENTER", "ESC", "BACKSPACE"])


@settings(max_examples=60, deadline=None)
@given(
    typed=st.lists(st.one_of(SWIPES, PIECES, HANDS), max_size=8),
    pins=st.booleans(),
    pin_length=st.one_of(st.none(), st.integers(1, 8)),
    on_time=st.booleans(),
    start_us=st.integers(0, 100_000_000_000),
)
def test_a_number_is_always_one_whole_row_of_a_reader(
    typed: list[Typed], pins: bool, pin_length: int | None, on_time: bool, start_us: int
) -> None:
    """Whether the thread looks in time or only when the next key comes; times as evdev has them.

    With decision 23 three places or fewer in a row are no badge, so that they may be in a PIN.
    """
    frame = Frame("door", badges=True, pins=pins, pin_length=pin_length)
    found: list[Scanned] = []

    def keep(number: Scanned | Misread | None) -> None:
        if isinstance(number, Scanned):
            found.append(number)

    def pass_time(until: float) -> None:
        while (deadline := frame.deadline()) is not None and deadline <= until:
            keep(frame.expire(deadline))

    now_us = start_us
    for one in typed:
        names = [*one.text, *([one.end] if one.end else [])]
        for name, gap_us in zip(names, one.gaps_us, strict=False):
            now_us += gap_us
            at = now_us // 1_000_000 + now_us % 1_000_000 / 1e6
            if on_time:
                pass_time(at)
            keep(frame.key(f"KEY_{name}", at))
        now_us += one.pause_us
    pass_time(float("inf"))
    badges = [scanned.number.reveal() for scanned in found if scanned.kind is BADGE]
    assert badges == [one.text for one in typed if one.text[0] in WHOLE]
    for scanned in found:
        if scanned.kind is PIN:
            assert pins
            assert not set(scanned.number.reveal()) & set(WHOLE)

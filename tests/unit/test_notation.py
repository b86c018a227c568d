"""How card numbers are written: one badge in every notation, and back again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivsd.config import ConfigError, load
from ivsd.hardware import form_of
from ivsd.notation import LONGEST_BYTES, SIZES, Form, Notation, convert, forms_of

DECIMAL, HEX, FACILITY = Notation.DECIMAL, Notation.HEX, Notation.FACILITY
DECIMAL_REVERSED, HEX_REVERSED = Notation.DECIMAL_REVERSED, Notation.HEX_REVERSED
REVERSED = (DECIMAL_REVERSED, HEX_REVERSED)
HEXADECIMAL = (HEX, HEX_REVERSED)

EM4100 = 0x000047E259
"""A key fob with `0004711001 071,57945` printed on it, and a version byte of zero."""
EM4100_WITH_VERSION = 0x0E0047E259
MIFARE_4 = 0x7A3C19E4
MIFARE_7 = 0x04A2247AB15C80
ISO_15693 = 0xE00401500A3B4C5D


# -- one badge in all notations -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("badge", "notation", "text"),
    [
        (EM4100, DECIMAL, "4711001"),
        (EM4100, HEX, "0047E259"),
        (EM4100, DECIMAL_REVERSED, "1508001536"),
        (EM4100, HEX_REVERSED, "59E24700"),
        (EM4100, FACILITY, "07157945"),
        (EM4100_WITH_VERSION, DECIMAL, "60134253145"),
        (EM4100_WITH_VERSION, HEX, "0E0047E259"),
        (EM4100_WITH_VERSION, DECIMAL_REVERSED, "386048393230"),
        (EM4100_WITH_VERSION, HEX_REVERSED, "59E247000E"),
        (EM4100_WITH_VERSION, FACILITY, "07157945"),
        (MIFARE_4, DECIMAL, "2050759140"),
        (MIFARE_4, HEX, "7A3C19E4"),
        (MIFARE_4, DECIMAL_REVERSED, "3826859130"),
        (MIFARE_4, HEX_REVERSED, "E4193C7A"),
        (MIFARE_4, FACILITY, "06006628"),
        (MIFARE_7, DECIMAL, "1304177467808896"),
        (MIFARE_7, HEX, "04A2247AB15C80"),
        (MIFARE_7, DECIMAL_REVERSED, "36130714347151876"),
        (MIFARE_7, HEX_REVERSED, "805CB17A24A204"),
        (ISO_15693, DECIMAL, "16142028407683370077"),
        (ISO_15693, HEX, "E00401500A3B4C5D"),
        (ISO_15693, DECIMAL_REVERSED, "6722813259235263712"),
        (ISO_15693, HEX_REVERSED, "5D4C3B0A500104E0"),
    ],
)
def test_a_badge_is_written_and_read_in_every_notation(
    badge: int, notation: Notation, text: str
) -> None:
    assert Form(notation).write(badge) == text
    if notation is FACILITY:
        assert Form(notation).read(text) == badge & 0xFFFFFF, "it has 24 bits of the badge"
    else:
        assert Form(notation).read(text) == badge


@pytest.mark.parametrize(
    ("form", "text", "badge"),
    [
        (Form(DECIMAL), "0004711001", EM4100),
        (Form(DECIMAL), "4711001", EM4100),
        (Form(DECIMAL), "00000000000004711001", EM4100),
        (Form(DECIMAL, 10), "0004711001", EM4100),
        (Form(HEX), "0047e259", EM4100),
        (Form(HEX), "47E259", EM4100),
        (Form(HEX), "47e259", EM4100),
        (Form(HEX, 10), "000047E259", EM4100),
        (Form(HEX_REVERSED), "59E24700", EM4100),
        (Form(HEX_REVERSED), "59E2470000", EM4100),
        (Form(HEX_REVERSED, size=5), "59E2470000", EM4100),
        (Form(HEX_REVERSED, size=5), "59E247000E", EM4100_WITH_VERSION),
        # The reader leaves out zeros in front: here those of the last byte of a 5-byte badge.
        (Form(HEX_REVERSED, size=5), "E247000E", 0x0E0047E200),
        (Form(DECIMAL_REVERSED, size=5), "3796303886", 0x0E0047E200),
        (Form(DECIMAL_REVERSED), "01508001536", EM4100),
        (Form(DECIMAL_REVERSED, 10), "1508001536", EM4100),
        (Form(DECIMAL_REVERSED, size=5), "386048393230", EM4100_WITH_VERSION),
        (Form(DECIMAL), "0", 0),
        (Form(HEX), "0", 0),
        (Form(DECIMAL), str(2**128 - 1), 2**128 - 1),
        (Form(HEX), "F" * 32, 2**128 - 1),
    ],
)
def test_zeros_in_front_widths_and_small_letters(form: Form, text: str, badge: int) -> None:
    assert form.read(text) == badge


@pytest.mark.parametrize(
    ("text", "badge"),
    [
        ("07157945", EM4100),
        ("071,57945", EM4100),
        ("71,57945", EM4100),
        ("071:57945", EM4100),
        ("071;57945", EM4100),
        ("071-57945", EM4100),
        ("071/57945", EM4100),
        ("071 57945", EM4100),
        ("1,2", 0x010002),
        ("255,65535", 0xFFFFFF),
        ("25565535", 0xFFFFFF),
        ("0,0", 0),
        ("00000000", 0),
    ],
)
def test_facility_and_number_with_and_without_a_mark_between(text: str, badge: int) -> None:
    assert Form(FACILITY).read(text) == badge


@pytest.mark.parametrize(
    "text",
    [
        "256,1", "1,65536", "25600001", "00165536", "99999999",  # more than 8 and 16 bits
        "7157945", "007157945", "0711", "",  # without a mark: three digits and five
        "071,", ",57945", "071,,57945", "071.57945", "0071,57945", "071,057945", "-71,57945",
        "07A57945", " 07157945", "071,57945\n", "٠٧١,57945",
    ],
)  # fmt: skip
def test_what_is_no_facility_and_number(text: str) -> None:
    assert Form(FACILITY).read(text) is None


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form(DECIMAL), ""),
        (Form(DECIMAL), "0047E259"),
        (Form(DECIMAL), "0x47E259"),
        (Form(DECIMAL), "-4711001"),
        (Form(DECIMAL), "+4711001"),
        (Form(DECIMAL), "4711001.0"),
        (Form(DECIMAL), "4_711_001"),
        (Form(DECIMAL), " 4711001"),
        (Form(DECIMAL), "4711001\n"),
        (Form(DECIMAL), "٤٧١١٠٠١"),
        (Form(DECIMAL), "²"),
        (Form(HEX), ""),
        (Form(HEX), "0047E25G"),
        (Form(HEX), "00:47:E2:59"),
        (Form(HEX), "0x47E259"),
        (Form(HEX), "0047E259\n"),
        (Form(HEX), "\uff21\uff22\uff23\uff24"),  # letters of double width
        (Form(DECIMAL, 10), "4711001"),
        (Form(DECIMAL, 10), "00004711001"),
        (Form(HEX, 8), "47E259"),
        (Form(HEX, 8), "000047E259"),
        (Form(HEX_REVERSED, 14), "805CB17A24A2"),
        (Form(HEX_REVERSED, size=4), "59E247000E"),  # five bytes
        (Form(DECIMAL_REVERSED, size=4), "386048393230"),
        (Form(DECIMAL, size=4), "60134253145"),
        (Form(HEX), "1" + "0" * 32),  # seventeen bytes
        (Form(HEX), "0" * 33 + "1"),
        (Form(DECIMAL), str(2**128)),
        (Form(HEX), "F" * 10_000),
        (Form(DECIMAL), "9" * 4_000),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else str(value),
)
def test_what_is_no_number_of_the_reader_is_none(form: Form, text: str) -> None:
    assert form.read(text) is None


@pytest.mark.parametrize("notation", [DECIMAL, DECIMAL_REVERSED])
def test_a_very_long_text_is_no_number_and_no_accident(notation: Notation) -> None:
    assert Form(notation).read("1" * 5000) is None


@pytest.mark.parametrize(
    ("form", "badge", "text"),
    [
        (Form(DECIMAL, 10), EM4100, "0004711001"),
        (Form(DECIMAL, 7), EM4100, "4711001"),
        (Form(DECIMAL, 6), EM4100, None),
        (Form(DECIMAL, 10), EM4100_WITH_VERSION, None),
        (Form(HEX, 6), EM4100, "47E259"),
        (Form(HEX, 14), EM4100, "0000000047E259"),
        (Form(HEX, 8), EM4100_WITH_VERSION, None),
        (Form(HEX, size=5), EM4100, "000047E259"),
        (Form(HEX, size=4), EM4100_WITH_VERSION, None),
        (Form(HEX_REVERSED, size=5), EM4100, "59E2470000"),
        (Form(HEX_REVERSED, size=7), EM4100, "59E24700000000"),
        (Form(DECIMAL_REVERSED, size=5), EM4100, "386048393216"),
        (Form(DECIMAL_REVERSED, 10, 4), 0x01000000, "0000000001"),
        (Form(DECIMAL, 5), 0, "00000"),
        (Form(DECIMAL), 0, "0"),
        (Form(HEX), 2**80, "0100000000000000000000"),  # eleven bytes
        (Form(DECIMAL), 2**128, None),
        (Form(HEX_REVERSED), 2**128, None),
        (Form(FACILITY), 0x010002, "00100002"),
        (Form(FACILITY), 2**128, "00000000"),  # a reader of 26 bits sees the last 24
    ],
)
def test_widths_and_sizes_in_writing(form: Form, badge: int, text: str | None) -> None:
    assert form.write(badge) == text


# -- from a reader to VALT ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reader", "valt", "expected"),
    [
        ("59E24700", Form(HEX_REVERSED), Form(DECIMAL, 10), "0004711001"),
        ("0047E259", Form(HEX), Form(DECIMAL, 10), "0004711001"),
        ("0047e259", Form(HEX), Form(HEX), "0047E259"),
        ("4711001", Form(DECIMAL), Form(DECIMAL, 10), "0004711001"),
        ("0004711001", Form(DECIMAL, 10), Form(DECIMAL), "4711001"),
        ("0004711001", Form(DECIMAL, 10), Form(FACILITY), "07157945"),
        ("071,57945", Form(FACILITY), Form(DECIMAL, 10), "0004711001"),
        ("1508001536", Form(DECIMAL_REVERSED), Form(HEX), "0047E259"),
        ("805CB17A24A204", Form(HEX_REVERSED), Form(HEX), "04A2247AB15C80"),
        ("0E0047E259", Form(HEX), Form(DECIMAL, 10), None),  # eleven places
        ("4711001", Form(DECIMAL, 10), Form(HEX), None),
        ("", Form(DECIMAL), Form(HEX), None),
        ("garbage", Form(DECIMAL), Form(HEX), None),
        ("garbage", None, Form(HEX), "garbage"),
        ("0047e259", None, Form(HEX), "0047e259"),
        ("4711001", Form(DECIMAL), None, "4711001"),
        ("", None, None, ""),
    ],
)
def test_what_a_reader_types_becomes_what_valt_has(
    text: str, reader: Form | None, valt: Form | None, expected: str | None
) -> None:
    assert convert(text, reader, valt) == expected


def test_every_way_to_write_a_badge_is_listed_once() -> None:
    assert [(str(form), text) for form, text in forms_of(EM4100, {10, 8})] == [
        ("decimal", "4711001"),
        ("decimal, 8 places", "04711001"),
        ("decimal, 10 places", "0004711001"),
        ("hexadecimal", "0047E259"),
        ("hexadecimal, 10 places", "000047E259"),
        ("decimal, bytes reversed", "1508001536"),
        ("hexadecimal, bytes reversed", "59E24700"),
        ("hexadecimal, bytes reversed, 10 places", "0059E24700"),
        ("facility code and number (26 bits)", "07157945"),
    ]


def test_without_widths_no_zeros_are_filled_in() -> None:
    assert all(form.digits is None for form, _ in forms_of(MIFARE_4))
    assert len(list(forms_of(MIFARE_7))) == len(Notation)


def test_a_badge_that_is_too_long_is_listed_by_its_facility_only() -> None:
    assert [form.notation for form, _ in forms_of(2**128)] == [FACILITY]


# -- as the configuration says it ----------------------------------------------------------------

CONFIG = """
valt: {{url: "https://valt.example.com", username: keypad, password: hunter2}}
room: 4
badges: {{{badges}}}
inputs: {{keyboards: [{{name: reader, match: {{path: /dev/null}}{reader}}}]}}
"""


def configured(folder: Path, badges: str = "", reader: str = "") -> tuple[Form | None, Form | None]:
    """How VALT and the reader write, as ivsd.yaml has it; raises ConfigError."""
    path = folder / "ivsd.yaml"
    path.write_text(CONFIG.format(badges=badges, reader=f", {reader}" if reader else ""))
    config = load(path)
    return form_of(config.badges.notation), form_of(config.inputs.keyboards[0].notation)


@pytest.mark.parametrize(
    ("text", "form"),
    [(one.value, Form(one)) for one in Notation if one is not DECIMAL_REVERSED]
    + [
        ("{form: decimal_reversed, bytes: 4}", Form(DECIMAL_REVERSED, size=4)),
        ("{form: decimal, digits: 10}", Form(DECIMAL, 10)),
        ("{form: hex_reversed, bytes: 7}", Form(HEX_REVERSED, size=7)),
        ("{form: hex_reversed, digits: 14, bytes: 7}", Form(HEX_REVERSED, 14, 7)),
    ],
)
def test_a_notation_is_a_word_or_has_its_width_and_size(
    tmp_path: Path, text: str, form: Form
) -> None:
    assert configured(tmp_path, f"notation: {text}") == (form, None)
    assert configured(tmp_path, "notation: hex", f"notation: {text}") == (Form(HEX), form)


@pytest.mark.parametrize(
    ("badges", "reader", "key", "words"),
    [
        ("notation: decimals", "", "badges.notation", "did you mean 'decimal'"),
        ("notation: w26", "", "badges.notation", "valid here: decimal, hex, .*, facility"),
        ("notation: {digits: 10}", "", "badges.notation.form", "is missing: decimal, hex"),
        ("notation: {form: hex, digits: 0}", "", "badges.notation.digits", "use 1 to 40"),
        ("notation: {form: hex, digits: 41}", "", "badges.notation.digits", "use 1 to 40"),
        ("notation: {form: hex, bytes: 17}", "", "badges.notation.bytes", "use 1 to 16"),
        ("notation: {form: hex, size: 7}", "", "badges.notation.size", "valid here: .*bytes"),
        ("notation: [hex]", "", "badges.notation", "must be a mapping"),
        ("notation: hex", "notation: hexx", "inputs.keyboards.1.notation", "mean 'hex'"),
        ("", "notation: hex", "inputs.keyboards.1.notation", "badges.notation is missing"),
    ],
)
def test_a_wrong_notation_is_told_with_its_key_and_what_is_right(
    tmp_path: Path, badges: str, reader: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, badges, reader)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert re.search(words, problem.text), problem.text
    assert problem.line == (5 if reader else 4)


@pytest.mark.parametrize(
    "text",
    [
        "{form: hex, digits: 40}",  # every badge is misread: no number has over 16 bytes
        "decimal_reversed",  # its places do not tell how many bytes were turned
        "{form: facility, digits: 10}",  # it has three digits and five, whatever is said here
        "{form: hex, digits: 8, bytes: 7}",  # seven bytes have fourteen places
    ],
)
def test_a_width_that_the_notation_cannot_have_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        configured(tmp_path, f"notation: {text}")


# -- properties ---------------------------------------------------------------------------------

badges = st.integers(0, 2**128 - 1) | st.sampled_from(SIZES).flatmap(
    lambda size: st.binary(min_size=size, max_size=size).map(lambda raw: int.from_bytes(raw, "big"))
)
"""All badges alike, and as many of each real size."""
widths = st.none() | st.integers(1, 40)
sizes = st.none() | st.integers(1, LONGEST_BYTES)
forms = st.builds(Form, st.sampled_from(Notation), widths, sizes)


def size_of(number: int, least: int = 1) -> int:
    """Bytes of a badge that is so large, as there are badges."""
    needed = max(least, (number.bit_length() + 7) // 8)
    return next((size for size in SIZES if size >= needed), needed)


def survives(form: Form, badge: int, text: str) -> bool:
    """Whether a badge that was written so is the same again when it is read.

    Facility and number: when it has no more than 24 bits. Not reversed: always, but for more
    than 32 hexadecimal places, which no badge has. Reversed, with the size given: always.
    Reversed without it: when the text tells the size. Hexadecimal places without `digits` do.
    Else the zeros in front, which were the last bytes, are lost or there are too many of them.
    Of a decimal number that means: a badge of up to 4 bytes survives; one of 5 or 8 when its last
    byte is not zero; one of 7 or 10 when its last two are not both zero.
    """
    if form.notation is FACILITY:
        return badge < 2**24
    least = (len(text) + 1) // 2 if form.notation in HEXADECIMAL else 0
    if form.size is None and least > LONGEST_BYTES:
        return False
    if form.notation not in REVERSED or form.size is not None or badge == 0:
        return True
    number = int(text, 16 if form.notation is HEX_REVERSED else 10)
    return size_of(number, least) == size_of(badge)


@given(forms, badges)
def test_a_badge_written_and_read_is_the_same_exactly_when_the_text_tells_all(
    form: Form, badge: int
) -> None:
    text = form.write(badge)
    if text is not None:
        assert (form.read(text) == badge) is survives(form, badge, text)


@given(st.sampled_from(Notation), sizes.filter(bool), badges)
def test_with_the_size_given_every_badge_comes_back(
    notation: Notation, size: int, badge: int
) -> None:
    form = Form(notation, size=size)
    text = form.write(badge)
    if notation is not FACILITY and text is not None:
        assert form.read(text) == badge


@given(st.sampled_from((DECIMAL, HEX, HEX_REVERSED)), badges)
def test_without_any_width_only_the_reversed_decimal_number_may_lose_bytes(
    notation: Notation, badge: int
) -> None:
    text = Form(notation).write(badge)
    assert text is not None
    assert Form(notation).read(text) == badge


@given(st.sampled_from(SIZES), st.data())
def test_a_reversed_decimal_number_loses_a_badge_only_by_its_last_zeros(
    size: int, data: st.DataObject
) -> None:
    low = 0 if size == SIZES[0] else 256 ** SIZES[SIZES.index(size) - 1]
    badge = data.draw(st.integers(low, 256**size - 1))
    last = {4: 0, 5: 1, 7: 2, 8: 1, 10: 2}[size]
    text = Form(DECIMAL_REVERSED).write(badge)
    assert text is not None
    told = last == 0 or badge % 256**last != 0
    assert (Form(DECIMAL_REVERSED).read(text) == badge) is told


@given(st.integers(0, 2**24 - 1))
def test_a_badge_of_24_bits_comes_back_from_facility_and_number(badge: int) -> None:
    text = Form(FACILITY).write(badge)
    assert text is not None
    assert len(text) == 8
    assert Form(FACILITY).read(text) == badge
    assert Form(FACILITY).read(f"{text[:3]},{text[3:]}") == badge


@given(forms, badges)
def test_what_is_written_is_of_plain_digits_and_of_the_width_asked_for(
    form: Form, badge: int
) -> None:
    text = form.write(badge)
    if text is None:
        return
    assert set(text) <= set("0123456789ABCDEF")
    if form.notation is not FACILITY and form.digits is not None:
        assert len(text) == form.digits


texts = st.text(max_size=70) | st.text("0123456789abcdefABCDEF,:-/ ", max_size=70)


@given(texts, st.none() | forms, st.none() | forms)
def test_converting_gives_a_text_or_none_for_whatever_is_typed(
    text: str, reader: Form | None, valt: Form | None
) -> None:
    converted = convert(text, reader, valt)
    assert converted is None or isinstance(converted, str)


@given(texts, forms)
def test_reading_gives_a_badge_that_can_exist_or_none(text: str, form: Form) -> None:
    badge = form.read(text)
    assert badge is None or 0 <= badge < 2 ** (8 * LONGEST_BYTES)


@given(badges, st.sampled_from(Notation))
def test_the_same_form_on_both_sides_changes_no_number_that_was_written_so(
    badge: int, notation: Notation
) -> None:
    form = Form(notation)
    text = form.write(badge)
    assert text is not None
    if survives(form, badge, text):
        assert convert(text, form, form) == text

"""What a key types in each country, against the layouts as they are printed on keyboards.

The table here was written from the pictures of the layouts (US ANSI, German T1 of DIN 2137,
French AZERTY), row by row from the left, and not from the product's table.
"""

from __future__ import annotations

import pytest

from ivsd.events import NOT_WHOLE
from ivsd.inputs.frames import (
    OTHER_SIGNS,
    WRONG_ENDS,
    number_in,
)
from ivsd.keymaps import SHIFTS, Keymap, sign

DIGIT_ROW = ["KEY_1", "KEY_2", "KEY_3", "KEY_4", "KEY_5", "KEY_6", "KEY_7", "KEY_8", "KEY_9",
             "KEY_0", "KEY_MINUS", "KEY_EQUAL"]  # fmt: skip
UPPER_ROW = [*(f"KEY_{c}" for c in "QWERTYUIOP"), "KEY_LEFTBRACE", "KEY_RIGHTBRACE"]
HOME_ROW = [*(f"KEY_{c}" for c in "ASDFGHJKL"), "KEY_SEMICOLON", "KEY_APOSTROPHE"]
LOWER_ROW = [*(f"KEY_{c}" for c in "ZXCVBNM"), "KEY_COMMA", "KEY_DOT", "KEY_SLASH"]
ROWS = [DIGIT_ROW, UPPER_ROW, HOME_ROW, LOWER_ROW]

PRINTED = {
    Keymap.US: [
        ("1234567890-=", "!@#$%^&*()_+"),
        ("QWERTYUIOP[]", "QWERTYUIOP{}"),
        ("ASDFGHJKL;'", 'ASDFGHJKL:"'),
        ("ZXCVBNM,./", "ZXCVBNM<>?"),
    ],
    Keymap.DE: [
        ("1234567890ß´", '!"§$%&/()=?`'),
        ("QWERTZUIOPü+", "QWERTZUIOPÜ*"),
        ("ASDFGHJKLöä", "ASDFGHJKLÖÄ"),
        ("YXCVBNM,.-", "YXCVBNM;:_"),
    ],
    Keymap.FR: [
        ("&é\"'(-è_çà)=", "1234567890°+"),
        ("AZERTYUIOP^$", "AZERTYUIOP¨£"),
        ("QSDFGHJKLMù", "QSDFGHJKLM%"),
        ("WXCVBN,;:!", "WXCVBN?./§"),
    ],
}
BESIDE = {  # the key left of Enter (or above it), the one beside the left Shift
    Keymap.US: {"KEY_BACKSLASH": "\\|"},
    Keymap.DE: {"KEY_BACKSLASH": "#'", "KEY_102ND": "<>"},
    Keymap.FR: {"KEY_BACKSLASH": "*µ", "KEY_102ND": "<>"},
}
CASES = [
    (keymap, key, shift, printed)
    for keymap, rows in PRINTED.items()
    for keys, signs in zip(ROWS, rows, strict=True)
    for shift, row in enumerate(signs)
    for key, printed in zip(keys, row, strict=True)
] + [
    (keymap, key, shift, printed)
    for keymap, keys in BESIDE.items()
    for key, signs in keys.items()
    for shift, printed in enumerate(signs)
]


@pytest.mark.parametrize(("keymap", "key", "shift", "printed"), CASES)
def test_a_key_types_what_is_printed_on_it(
    keymap: Keymap, key: str, shift: int, printed: str
) -> None:
    assert sign(keymap, key, SHIFTS if shift else None) == printed


@pytest.mark.parametrize("keymap", Keymap)
def test_every_digit_and_every_hexadecimal_letter_can_be_typed(keymap: Keymap) -> None:
    keys = [key for row in ROWS for key in row]
    for shift in (False, True):
        typed = {sign(keymap, key, SHIFTS if shift else None) for key in keys}
        assert set("ABCDEF") <= typed
        assert set("0123456789") <= typed or shift is not (keymap is Keymap.FR)


@pytest.mark.parametrize("keymap", Keymap)
def test_no_two_keys_of_the_rows_type_the_same_sign(keymap: Keymap) -> None:
    for shift in (False, True):
        typed = [sign(keymap, key, SHIFTS if shift else None) for row in ROWS for key in row]
        assert len(set(typed)) == len(typed)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("keymap", Keymap)
def test_the_number_block_types_the_same_everywhere(keymap: Keymap, shift: bool) -> None:
    held = SHIFTS if shift else None
    assert [sign(keymap, f"KEY_KP{n}", held) for n in range(10)] == list("0123456789")
    names = ["KPSLASH", "KPASTERISK", "KPMINUS", "KPPLUS"]
    assert [sign(keymap, f"KEY_{name}", held) for name in names] == ["/", "*", "-", "+"]


@pytest.mark.parametrize(
    "key", ["KEY_VOLUMEUP", "KEY_F1", "KEY_LEFTSHIFT", "KEY_CAPSLOCK", "KEY_ENTER", "KEY_ESC",
            "BTN_LEFT", "KEY_", "", "1", "KEY_KPENTER", "KEY_é"],
)  # fmt: skip
@pytest.mark.parametrize("keymap", Keymap)
def test_a_key_that_types_no_sign_types_none(keymap: Keymap, key: str) -> None:
    assert sign(keymap, key) is None
    assert sign(keymap, key, SHIFTS) is None


@pytest.mark.parametrize(
    ("keymap", "signs"), [(Keymap.US, "`~"), (Keymap.DE, "^°"), (Keymap.FR, "²~")]
)
def test_the_key_left_of_the_1_types_a_sign(keymap: Keymap, signs: str) -> None:
    """A scanner's prefix is often ~, for no text begins so."""
    assert sign(keymap, "KEY_GRAVE") == signs[0]
    assert sign(keymap, "KEY_GRAVE", SHIFTS) in (signs[1], None)


def test_shift_is_either_of_the_two_keys() -> None:
    assert {"KEY_LEFTSHIFT", "KEY_RIGHTSHIFT"} == SHIFTS


# -- the number in what was typed --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prefix", "suffix", "number"),
    [
        ("0004711001", "", "", "0004711001"),
        (";0004711001?", "", "", "0004711001"),
        (";0004711001?", ";", "?", "0004711001"),
        (";0004711001?", ";", "", "0004711001"),
        ("A0004711001B", "a", "b", "0004711001"),  # letters come as capitals, however written
        ("ß0004711001", "ß", "", "0004711001"),
        ("AB0004711001", "AB", "", "0004711001"),
        ("000471100111", "", "11", "0004711001"),
        ("04a2247ab15c80", "", "", "04A2247AB15C80"),
        ("071,57945", "", "", "071,57945"),
        ("071-57945", "", "", "071-57945"),
        ("4711", "", "", "4711"),
    ],
)
def test_the_number_is_what_is_left_of_the_ends(
    text: str, prefix: str, suffix: str, number: str
) -> None:
    assert number_in(text, prefix, suffix) == number


@pytest.mark.parametrize(
    ("text", "prefix", "suffix", "why"),
    [
        ("0004711001", ";", "", WRONG_ENDS),
        (";0004711", ";", "?", WRONG_ENDS),  # a partial read
        ("0004711001?", ";", "?", WRONG_ENDS),
        ("", ";", "", WRONG_ENDS),
        (";", ";", ";", NOT_WHOLE),  # one mark is not both
        ("ABC", "AB", "BC", NOT_WHOLE),
        (";471?", "", "", NOT_WHOLE),
        ("471", "", "", NOT_WHOLE),
        ("", "", "", NOT_WHOLE),
        ("AB471", "AB", "", NOT_WHOLE),  # the prefix is no part of the number
        ("00047X1001", "", "", OTHER_SIGNS),
        ("0004=711001", "", "", OTHER_SIGNS),
        (";0004711001?;0004711002?", "", "", OTHER_SIGNS),
    ],
)
def test_what_is_no_number_is_told_why(text: str, prefix: str, suffix: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why[:30]):
        number_in(text, prefix, suffix)


def _typed(number: str, typist: Keymap, reader: Keymap) -> str:
    """Return what a reader set to one country gives under another one's keymap."""
    keys = {
        sign(typist, key, SHIFTS if shift else None): (key, shift)
        for shift in (True, False)
        for row in ROWS
        for key in row
    }
    signs = [
        sign(reader, key, SHIFTS if shift else None) for key, shift in map(keys.__getitem__, number)
    ]
    assert all(signs)
    return "".join(filter(None, signs))


@pytest.mark.parametrize(
    ("reader", "keymap"), [(Keymap.FR, Keymap.US), (Keymap.FR, Keymap.DE), (Keymap.US, Keymap.FR)]
)
@pytest.mark.parametrize("uid", ["04BCDEF1", "1BCDEF20", "4BCDE667", "6BCDE6"])
def test_a_wrong_keymap_never_makes_a_number(reader: Keymap, keymap: Keymap, uid: str) -> None:
    """04BCDEF1 and 1BCDEF20 are BCDEF then: who has one badge would come in with the other."""
    with pytest.raises(ValueError, match=r"keymap, prefix or suffix"):
        number_in(_typed(uid, reader, keymap))


@pytest.mark.parametrize("digits", ["0004711001", "04A2247AB15C80", "99999999"])
def test_germany_and_the_us_type_numbers_alike(digits: str) -> None:
    assert _typed(digits, Keymap.DE, Keymap.US) == digits

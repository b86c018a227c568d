"""Which sign a key types, under the keyboard layout that a reader is set to. Pure.

A reader that types sends key positions, and has a setting for the computer's country so that
the right signs appear there. We read the positions themselves, so its setting is ours to undo:
a reader set to French types “1” as Shift and the key that has an “!” in the US.
Source: the layouts as X.Org's xkeyboard-config has them (us, de, fr), and the names of
linux/input-event-codes.h, which are those of the US layout.
"""

from __future__ import annotations

from enum import StrEnum


class Keymap(StrEnum):
    """The country a reader is set to."""

    US = "us"
    DE = "de"
    FR = "fr"


SHIFTS = frozenset({"KEY_LEFTSHIFT", "KEY_RIGHTSHIFT"})
CONTROLS = frozenset({"KEY_LEFTCTRL", "KEY_RIGHTCTRL", "KEY_LEFTMETA", "KEY_RIGHTMETA"})
ALTS = frozenset({"KEY_LEFTALT", "KEY_RIGHTALT"})

CONTROL = "\N{NULL}"
"""What any key types with Ctrl: a reader's Ctrl+J is a line feed, and no J."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What any key types with Alt: readers can write so, too, but not so that we can read it."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NUMPAD = {f"KEY_KP{digit}": str(digit) for digit in range(10)} | {
    "KEY_KPASTERISK": "*",
    "KEY_KPMINUS": "-",
    "KEY_KPPLUS": "+",
    "KEY_KPDOT": ".",
    "KEY_KPSLASH": "/",
    "KEY_KPCOMMA": ",",
    "KEY_KPEQUAL": "=",
}
"""The same everywhere, with Shift and whatever Num Lock says: nobody steers a cursor here."""

_TOP_ROW = [f"KEY_{digit}" for digit in "1234567890"]
_PLACES = [
    *_TOP_ROW,
    *("KEY_MINUS", "KEY_EQUAL", "KEY_SEMICOLON", "KEY_APOSTROPHE", "KEY_COMMA", "KEY_DOT"),
    *("KEY_SLASH", "KEY_LEFTBRACE", "KEY_RIGHTBRACE", "KEY_BACKSLASH", "KEY_102ND", "KEY_GRAVE"),
    "KEY_SPACE",
]
_SIGNS = {  # without and with Shift, in the order of _PLACES
    Keymap.US: ("1234567890-=;',./[]\\<` ", '!@#$%^&*()_+:"<>?{}|>~ '),
    Keymap.DE: ("1234567890ß´öä,.-ü+#<^ ", "!\"§$%&/()=?`ÖÄ;:_Ü*'>° "),
    Keymap.FR: ("&é\"'(-è_çà)=Mù;:!^$*<² ", "1234567890°+M%./§¨£µ>~ "),
}
_MOVED_LETTERS = {
    Keymap.US: {},
    Keymap.DE: {"Y": "Z", "Z": "Y"},
    Keymap.FR: {"A": "Q", "Q": "A", "W": "Z", "Z": "W"},
}


def _table(keymap: Keymap) -> dict[tuple[str, bool], str]:
    moved = _MOVED_LETTERS[keymap]
    table: dict[tuple[str, bool], str] = {}
    for shift, signs in zip((False, True), _SIGNS[keymap], strict=True):
        table |= {(place, shift): sign for place, sign in zip(_PLACES, signs, strict=True)}
        table |= {(f"KEY_{letter}", shift): moved.get(letter, letter) for letter in _LETTERS}
        table |= {(key, shift): sign for key, sign in _NUMPAD.items()}
    if keymap is Keymap.FR:  # M and the comma have changed places
        table["KEY_M", False], table["KEY_M", True] = ",", "?"
    return table


_TABLES = {keymap: _table(keymap) for keymap in Keymap}


def sign(keymap: Keymap, key: str, held: frozenset[str] | None = None) -> str | None:
    """Return the sign that a key types, letters as capitals; None for a key that types none.

    `held` is the kind of modifier that is down: SHIFTS, CONTROLS, ALTS or none.
    """
    typed = _TABLES[keymap].get((key, held is SHIFTS))
    if typed is None or held is None or held is SHIFTS:
        return typed
    return CONTROL if held is CONTROLS else UNKNOWN

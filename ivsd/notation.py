"""How card numbers are written: the same badge reads differently on every make of reader.

One reader types decimal digits, the next hexadecimal ones, a third turns the bytes round, and
what VALT has was copied from one of them or off the badge. So a badge is a number of bits, and
readers and VALT each have a form in which they write it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

SIZES = (4, 5, 7, 8, 10)
"""Bytes of the numbers there are: MIFARE has 4, 7 or 10, EM4100 5, ISO 15693 8."""
LONGEST_BYTES = 16
LONGEST = 40  # places; 16 bytes have 39 decimal ones
FACILITY_MAX, NUMBER_MAX = 0xFF, 0xFFFF
FACILITY_BITS = 24  # two of the 26 are for parity


class Notation(StrEnum):
    """A way of writing the number of a badge."""

    DECIMAL = "decimal"
    HEX = "hex"
    DECIMAL_REVERSED = "decimal_reversed"
    """The decimal number of the bytes in reverse order."""
    HEX_REVERSED = "hex_reversed"
    FACILITY = "facility"
    """Facility code and number of 26-bit Wiegand: three digits and five."""


_MEANINGS = {
    Notation.DECIMAL: "decimal",
    Notation.HEX: "hexadecimal",
    Notation.DECIMAL_REVERSED: "decimal, bytes reversed",
    Notation.HEX_REVERSED: "hexadecimal, bytes reversed",
    Notation.FACILITY: "facility code and number (26 bits)",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A notation with its width.

    `digits`: numbers have exactly so many places, filled up with zeros. `size`: the badge has so
    many bytes; it matters where bytes are reversed and leading zeros may have been left out.
    """

    notation: Notation
    digits: int | None = None
    size: int | None = None

    def __str__(self) -> str:
        width = f", {self.digits} places" if self.digits else ""
        return f"{_MEANINGS[self.notation]}{width}"

    def read(self, text: str) -> int | None:
        """Return the badge that is written so; None when no badge is."""
        if len(text) > LONGEST:
            return None
        if self.notation is Notation.FACILITY:
            return self._facility(text)
        is_hex = self.notation in (Notation.HEX, Notation.HEX_REVERSED)
        if self.digits is not None and len(text) != self.digits:
            return None
        if not re.fullmatch("[0-9A-Fa-f]+" if is_hex else "[0-9]+", text):
            return None
        # Zeros in front tell the size: a number of 8 hexadecimal places has 4 bytes.
        least = -(-len(text) // 2) if is_hex else 0
        return self._turned(int(text, 16 if is_hex else 10), least)

    def write(self, badge: int) -> str | None:
        """Write a badge so; None when that cannot be done."""
        if self.notation is Notation.FACILITY:
            return f"{badge >> 16 & FACILITY_MAX:03}{badge & NUMBER_MAX:05}"
        number = self._turned(badge, 0)
        if number is None:
            return None
        if self.notation in (Notation.HEX, Notation.HEX_REVERSED):
            width = self.digits or 2 * self._size(badge, 0)
            text = f"{number:0{width}X}"
        else:
            text = f"{number:0{self.digits or 1}}"
        return text if self.digits in (None, len(text)) else None

    def _facility(self, text: str) -> int | None:
        match = re.fullmatch(r"([0-9]{1,3})[,:; /-]([0-9]{1,5})|([0-9]{3})([0-9]{5})", text)
        if match is None:
            return None
        facility, number = int(match[1] or match[3]), int(match[2] or match[4])
        fits = facility <= FACILITY_MAX and number <= NUMBER_MAX
        return facility << 16 | number if fits else None

    def _turned(self, number: int, least: int) -> int | None:
        """Turn the bytes round, if they are written so."""
        size = self._size(number, least)
        if number.bit_length() > 8 * size or size > LONGEST_BYTES:
            return None
        if self.notation not in (Notation.DECIMAL_REVERSED, Notation.HEX_REVERSED):
            return number
        return int.from_bytes(number.to_bytes(size, "little"), "big")

    def _size(self, number: int, least: int) -> int:
        if self.size is not None:
            return self.size
        needed = max(least, -(-number.bit_length() // 8))
        return next((size for size in SIZES if size >= needed), needed)


def forms_of(badge: int, widths: Iterable[int] = ()) -> Iterator[tuple[Form, str]]:
    """Yield every way to write a badge, and those that zeros fill up to these widths."""
    for notation in Notation:
        plain = Form(notation)
        if (text := plain.write(badge)) is not None:
            yield plain, text
        for digits in sorted(widths) if notation is not Notation.FACILITY else ():
            form = Form(notation, digits)
            wide = form.write(badge)
            if wide is not None and wide != text:
                yield form, wide


def sized(form: Form, badge: int) -> Form:
    """Return the form with the bytes of this badge, where it cannot do without."""
    if form.notation is Notation.DECIMAL_REVERSED and form.size is None:
        return replace(form, size=form._size(badge, 0))
    return form


def width_problem(form: Form) -> str | None:
    """Say why numbers of this width are no good; None when they are."""
    if form.notation is Notation.DECIMAL_REVERSED and form.size is None:
        # Its places do not tell how many bytes were turned: two badges would be one.
        return "is not enough for decimal_reversed: give bytes, too, 4 for most badges"
    if form.digits is None:
        return None
    is_hex = form.notation in (Notation.HEX, Notation.HEX_REVERSED)
    if form.notation is Notation.FACILITY:
        return "is not for facility: it has three places and five"
    if is_hex and form.digits > 2 * LONGEST_BYTES:
        return f"is more than any badge has: at most {2 * LONGEST_BYTES} in hexadecimal"
    if is_hex and form.size is not None and form.digits < 2 * form.size:
        return f"is too few for {form.size} bytes: these have {2 * form.size} in hexadecimal"
    return None


def convert(text: str, reader: Form | None, valt: Form | None) -> str | None:
    """Write what a reader has typed as VALT has it; None when it is no number of that kind.

    A reader that is said nothing about types what VALT has.
    """
    if reader is None or valt is None:
        return text
    badge = reader.read(text)
    return None if badge is None else valt.write(badge)

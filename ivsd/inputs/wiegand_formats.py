"""What the bits of a Wiegand reader say: a badge with its parity, or a key. Pure.

Bits are counted from 0 in the order they come, the highest of a number first. The formats are
those of HID's “Understanding Card Data Formats” and of Proxmark3's table of Wiegand formats:

    bits  known as                     badge (data)               parity over a group with itself
    26    H10301                       1-24: facility 8, no. 16   0: 0-12 even, 25: 13-25 odd
    34    H10306                       1-32: facility 16, no. 16  0: 0-16 even, 33: 17-33 odd
    35    Corporate 1000               2-33: company 12, no. 20   1: 1 and of 2-33 two in three,
                                                                  even; 34: of 1-32 two in three
                                                                  and 34, odd; 0: all 0-34, odd
    37    H10302 (35), H10304 (16+19)  1-35                       0: 0-18 even, 36: 18-36 odd

What parity can tell: one wrong bit always (35: every odd number of them), and DATA0 and DATA1
exchanged, because every group has an odd number of bits. What it cannot: two wrong bits in one
group (156 of the 325 pairs of 26 bits, 272 of 561 at 34, 306 of 666 at 37, 176 of 595 at 35),
so also two neighbours that changed places, but for those across the border of two groups (at 35
bits: but for all except 1 and 2). Of frames made up by chance one in four passes, at 35 bits one
in eight. So the frames' assembly rejects by time and count what came too close or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

EVEN, ODD = 0, 1


@dataclass(frozen=True, slots=True)
class Format:
    """Where a frame has its badge, and which groups of bits have which parity."""

    badge: range
    checks: tuple[tuple[tuple[int, ...], int], ...]

    def is_right(self, bits: Sequence[int]) -> bool:
        """Whether every group has its parity."""
        return all(sum(bits[i] for i in group) % 2 == parity for group, parity in self.checks)


def _halves(bits: int, shared: int = 0) -> Format:
    """Even parity in front over the first half, odd parity at the end over the second."""
    first, second = range((bits + shared) // 2), range((bits - shared) // 2, bits)
    return Format(range(1, bits - 1), ((tuple(first), EVEN), (tuple(second), ODD)))


FORMATS = {
    26: _halves(26),
    34: _halves(34),
    35: Format(
        range(2, 34),
        (
            ((1, *(i for i in range(2, 34) if i % 3 != 1)), EVEN),
            ((*(i for i in range(1, 33) if i % 3 != 0), 34), ODD),
            (tuple(range(35)), ODD),
        ),
    ),
    37: _halves(37, shared=1),
}
"""The formats that are known, by their number of bits."""

DEFAULT_FORMATS = frozenset({26, 34, 37})
"""Not 35: a badge of 35 bits that lost one would be a badge of 34 bits in one case of four."""

RAW_LEAST, RAW_MOST = 16, 128
"""A raw badge has more bits than any key, and not more than ivsd.notation takes."""

KEY_BITS = (4, 8)
CLEAR, ENTER = 10, 11
_LAST_KEY = ENTER


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge, as the number of its data bits."""

    number: int = field(repr=False)  # law 8


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the keypad: 0 to 9, CLEAR (*) or ENTER (#)."""

    key: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Neither a badge nor a key; `why` is a sentence that tells nothing of the bits but how many.

    `bits` are those that came and those that are known to be lost.
    """

    bits: int
    why: str


PARITY_WRONG = "the parity of the badge's bits is wrong: hold the badge to the reader again"
EXCHANGED = (
    "the parity of the badge's bits is wrong, as it is when DATA0 and DATA1 are exchanged: "
    "hold the badge to the reader again, and look at the wires if that does not help"
)
KEY_UNREAD = "a key was not read: type the PIN from its beginning"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which frames a reader may send; the number of bits must be exactly one of these.

    `raw_bits` is for readers of another format: all bits are the badge, and nothing but their
    number is checked; it stands instead of `formats`. `keypad`: bursts of 4 bits are keys, and
    bursts of 8 with the complement of the key in front.
    """

    formats: frozenset[int] = DEFAULT_FORMATS
    raw_bits: int | None = None
    keypad: bool = False

    def is_key(self, bits: int) -> bool:
        """Whether a burst of so many bits was a key, be it with one bit too many."""
        return self.keypad and bits <= KEY_BITS[-1] + 1

    @property
    def told_from(self) -> int:
        """How many bits a burst must have to be a badge or a key that went wrong; less is noise.

        A key has 4 bits. A badge has many more, but with one of the wires broken only its ones
        come, or its zeros, and these may be few: a quarter is told. Where nobody types, a lamp
        that is switched on beside the cable and makes a handful of edges is no failed badge.
        """
        shortest = min(self._badges(), default=0)
        return KEY_BITS[0] if self.keypad else max(KEY_BITS[0], shortest // 4)

    def read(self, bits: Sequence[int]) -> Badge | Key | Rejected:
        """Say what a whole frame is."""
        count = len(bits)
        if self.keypad and count in KEY_BITS:
            return _key(bits)
        if count not in self._badges():
            return Rejected(count, self._wrong_count(count))
        if self.raw_bits is not None:
            return Badge(_number(bits))
        known = FORMATS[count]
        if known.is_right(bits):
            return Badge(_number([bits[i] for i in known.badge]))
        exchanged = known.is_right([1 - bit for bit in bits])
        return Rejected(count, EXCHANGED if exchanged else PARITY_WRONG)

    def _badges(self) -> Collection[int]:
        return self.formats if self.raw_bits is None else (self.raw_bits,)

    def _wrong_count(self, count: int) -> str:
        lengths = [*(KEY_BITS if self.keypad else ()), *sorted(self._badges())]
        return (
            f"{count} bits came, and the reader's setting is {_either(lengths)}: "
            "hold the badge to the reader again"
        )


def settings_problem(formats: Collection[int], raw_bits: int | None = None) -> str | None:
    """Say why a reader cannot be set so; None when it can."""
    if raw_bits is not None and not RAW_LEAST <= raw_bits <= RAW_MOST:
        return f"must be {RAW_LEAST} to {RAW_MOST}: a raw badge has so many bits"
    if unknown := sorted(set(formats) - FORMATS.keys()):
        return f"has {unknown[0]}, and the formats known are {_either(sorted(FORMATS))} bits"
    if not formats and raw_bits is None:
        return "must have one format at least"
    # A bit that is lost without a trace, such as the first one, must not make another badge.
    for bits in sorted(formats):
        if bits + 1 in formats:
            return (
                f"has {bits} and {bits + 1}: a badge of {bits + 1} bits that lost one could pass "
                f"for another of {bits}; name the one that the reader sends"
            )
    return None


def _key(bits: Sequence[int]) -> Key | Rejected:
    key = _number(bits[-4:])
    if key > _LAST_KEY or (len(bits) > 4 and _number(bits[:4]) != 15 - key):
        return Rejected(len(bits), KEY_UNREAD)
    return Key(key)


def _number(bits: Sequence[int]) -> int:
    number = 0
    for bit in bits:
        number = number << 1 | bit
    return number


def _either(numbers: Sequence[int]) -> str:
    words = [str(number) for number in numbers]
    return " or ".join([", ".join(words[:-1]), *words[-1:]] if len(words) > 1 else words)

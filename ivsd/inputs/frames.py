"""Puts single keystrokes together to a badge number or a PIN. Pure: time comes in.

A reader of the keyboard-wedge kind types the number within milliseconds and ends it with
Enter, Tab or nothing at all; a hand types a PIN slowly and ends it with Enter.
"""

from __future__ import annotations

from collections.abc import Callable

from ivsd.events import NOT_WHOLE, Misread, NumberKind, Scanned
from ivsd.keymaps import CONTROL, Keymap, sign
from ivsd.valt.model import Secret

BADGE_GAP_S = 0.08  # decision 23: a longer gap ends the frame of a badge
HAND_GAP_S = 0.03  # no hand types keys in such short succession, and a reader most do
SHORTEST_BADGE = 4
LONGEST = 64  # characters; no badge has more
PIN_IDLE_S = 10.0  # a PIN left half-typed is not the next person's
AFTER_LOSS_S = 2.0  # who sees that keys were lost stops, and begins anew

DIGITS = frozenset("0123456789ABCDEF")  # some readers write hexadecimal
SEPARATORS = frozenset(",:;/- ")  # between facility code and number (ivsd.notation)
ENTER = frozenset({"KEY_ENTER", "KEY_KPENTER", "KEY_TAB"})
CORRECT = "KEY_BACKSPACE"
CLEAR = frozenset({"KEY_ESC", "KEY_DELETE"})

KEYS_LOST = "keys were lost: type the PIN from its beginning"
WRONG_NOTATION = (
    "the number is not written as the reader's notation says: ivsd badge shows how it is"
)
WRONG_ENDS = "the reader did not type its prefix and suffix around the number"
OTHER_SIGNS = (
    "the reader typed signs that no number has: keymap, prefix or suffix of ivsd.yaml are wrong"
)


def number_in(text: str, prefix: str = "", suffix: str = "") -> str:
    """Return the badge's number in what a reader typed; raises ValueError with a sentence.

    The `;` and `?` around the number of a magnetic stripe need no prefix and suffix. No other
    sign is left out: under a wrong keymap two badges would become one.
    """
    text = text.strip(CONTROL).upper()
    prefix, suffix = prefix.upper(), suffix.upper()
    if not (text.startswith(prefix) and text.endswith(suffix)):
        raise ValueError(WRONG_ENDS)
    text = text[len(prefix) : len(text) - len(suffix)]
    number = text.removeprefix(";").removesuffix("?")
    if not set(number) <= DIGITS | SEPARATORS or not set(number[:1] + number[-1:]) <= DIGITS:
        raise ValueError(OTHER_SIGNS)
    if len(number) < SHORTEST_BADGE:
        raise ValueError(NOT_WHOLE)
    return number


class Frame:
    """The number that is being entered on one device.

    `badges` and `pins` say what the device may deliver; with both, at least four characters in a
    row without any gap of 80 ms are a badge, everything else a PIN. A PIN is whole at Enter, or at
    `pin_length` places. `as_valt` writes a badge's number as VALT has it, and returns None for a
    text that is no number of this reader. `keymap`, `prefix` and `suffix` say how it types, and
    `has_end` that it ends every number with Enter or Tab.
    """

    def __init__(
        self,
        reader: str,
        *,
        badges: bool,
        pins: bool,
        pin_length: int | None = None,
        as_valt: Callable[[str], str | None] = str,
        keymap: Keymap = Keymap.US,
        prefix: str = "",
        suffix: str = "",
        has_end: bool = False,
    ) -> None:
        self._reader = reader
        self._badges = badges
        self._pins = pins
        self._pin_length = pin_length
        self._as_valt = as_valt
        self._keymap = keymap
        self._ends = prefix, suffix
        self._has_end = has_end
        self._text = ""
        self._run = 0  # where in the text the last row without a gap begins
        self._is_rapid = True  # no hand types this row
        self._last_at = float("-inf")
        self._spoilt = False  # the row
        self._spoilt_pin = False

    def begin(self, at: float) -> None:
        """The device was opened: what comes without a gap from now is the rest of a number."""
        self.clear()
        self._spoilt, self._last_at = True, at

    def spoil(self, at: float) -> None:
        """Keys were lost: what is left of this number might be somebody else's."""
        self._spoilt, self._spoilt_pin, self._last_at = self._badges, self._pins, at

    def key(
        self, name: str, at: float, held: frozenset[str] | None = None
    ) -> Scanned | Misread | None:
        """Take a key that went down; return the number that it completes, if it does.

        `held` is the kind of modifier that is down (ivsd.keymaps).
        """
        finished = self.expire(at)
        if name in ENTER:
            return finished or self._finish(at, entered=True)
        if name in CLEAR:
            self.clear()
        elif name == CORRECT:
            self._text = self._text[:-1]
            self._run = len(self._text)  # no reader corrects itself: this is a hand
        elif (typed := sign(self._keymap, name, held)) is not None:
            if at >= self._last_at + BADGE_GAP_S:
                self._run, self._is_rapid = len(self._text), True
            elif at >= self._last_at + HAND_GAP_S:
                self._is_rapid = False
            self._text = (self._text + typed)[: LONGEST + 1]
            self._spoilt_pin = self._spoilt_pin or (self._spoilt and self._pins)
        else:
            return finished  # Shift, a volume key
        self._last_at = at
        if self._is_full and not self._badges:
            return finished or self._finish(at, entered=True)
        return finished

    def deadline(self) -> float | None:
        """When `expire` has something to do; None while nothing is being entered."""
        if not (self._text or self._spoilt or self._spoilt_pin):
            return None
        if not self._waits_for_enter:
            return self._last_at + BADGE_GAP_S
        return self._last_at + (AFTER_LOSS_S if self._spoilt_pin else PIN_IDLE_S)

    def expire(self, at: float) -> Scanned | Misread | None:
        """End a badge without Enter, or forget a PIN that was left half-typed."""
        deadline = self.deadline()
        if deadline is None or at < deadline:
            return None
        if self._waits_for_enter:
            self.clear()
            return None
        return self._finish(at, entered=self._is_full)

    @property
    def _waits_for_enter(self) -> bool:
        """A hand's digits wait for Enter; so does anything that may still become a PIN."""
        row_ends = self._is_badge or self._is_full or self._is_piece
        return self._pins and not row_ends and (not self._spoilt or self._by_hand)

    @property
    def _is_piece(self) -> bool:
        """Whether this is what a reader read of a badge that only brushed it."""
        return self._badges and self._is_rapid and len(self._text) - self._run >= 2

    @property
    def _by_hand(self) -> bool:
        """Whether keys were lost of what only a hand can have typed: it ends with Enter."""
        return self._spoilt_pin and not self._badges

    @property
    def _is_badge(self) -> bool:
        # What stood before the row is left over from a partial read, or a PIN that was given up.
        return self._badges and len(self._text) - self._run >= SHORTEST_BADGE

    @property
    def _is_full(self) -> bool:
        """Whether a PIN of fixed length is whole; a badge may still follow in the same row."""
        return self._pins and len(_pin_in(self._text)) == self._pin_length

    def _finish(self, at: float, *, entered: bool) -> Scanned | Misread | None:
        """End the number: `entered` if a hand can have meant that, else by its gap alone."""
        text, badge = self._text.strip(CONTROL), self._is_badge
        piece = self._is_piece and not entered
        spoilt = self._spoilt or (self._spoilt_pin and not badge)
        row, spoilt_pin = self._text[self._run :], self._spoilt_pin
        self.clear()
        self._spoilt_pin = spoilt_pin and not entered
        if not text:  # somebody waits for an answer, though all that was typed is lost
            return Misread(self._reader, at) if spoilt and entered else None
        if spoilt and not self._badges:
            return Misread(self._reader, at, KEYS_LOST)
        if spoilt or len(text) > LONGEST:  # a stuck key, a bar code: its tail may be a number
            return Misread(self._reader, at)
        if badge and (entered or not self._has_end):
            return self._badge(row, at)
        if badge or piece or not self._pins:
            return Misread(self._reader, at)  # a partial read: it must not join the next swipe
        pin = _pin_in(text)
        if not pin:
            return Misread(self._reader, at, OTHER_SIGNS)
        return Scanned(self._reader, NumberKind.PIN, Secret(pin), at)

    def _badge(self, text: str, at: float) -> Scanned | Misread:
        try:
            typed = number_in(text, *self._ends)
        except ValueError as e:
            return Misread(self._reader, at, str(e))
        number = self._as_valt(typed)
        if number is None:
            return Misread(self._reader, at, WRONG_NOTATION)
        return Scanned(self._reader, NumberKind.BADGE, Secret(number), at)

    def clear(self) -> None:
        """Forget what was entered so far."""
        self._text, self._run, self._is_rapid = "", 0, True
        self._spoilt = self._spoilt_pin = False


def _pin_in(text: str) -> str:
    """Leave out what a hand has hit beside the digits."""
    return "".join(sign for sign in text if sign in DIGITS)

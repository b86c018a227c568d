"""Puts single keystrokes together to a badge number or a PIN. Pure: time comes in.

A reader of the keyboard-wedge kind types the number within milliseconds and ends it with
Enter, Tab or nothing at all; a hand types a PIN slowly and ends it with Enter.
"""

from __future__ import annotations

from collections.abc import Callable

from ivsd.events import Misread, NumberKind, Scanned
from ivsd.valt.model import Secret

BADGE_GAP_S = 0.08  # decision 23: a longer gap ends the frame of a badge
SHORTEST_BADGE = 4
LONGEST = 64  # characters; no badge has more
PIN_IDLE_S = 10.0  # a PIN left half-typed is not the next person's

KEYS = {f"KEY_{digit}": str(digit) for digit in range(10)}
KEYS |= {f"KEY_KP{digit}": str(digit) for digit in range(10)}
KEYS |= {f"KEY_{letter}": letter for letter in "ABCDEF"}  # readers that write hexadecimal
KEYS |= {"KEY_COMMA": ","}  # and those that write facility code and number
ENTER = frozenset({"KEY_ENTER", "KEY_KPENTER", "KEY_TAB"})
CORRECT = "KEY_BACKSPACE"
CLEAR = frozenset({"KEY_ESC", "KEY_DELETE"})


WRONG_NOTATION = (
    "the number is not written as the reader's notation says: ivsd badge shows how it is"
)


class Frame:
    """The number that is being entered on one device.

    `badges` and `pins` say what the device may deliver; with both, a number of at least four
    characters that was typed without any gap over 80 ms is a badge, everything else a PIN. A PIN is
    whole at Enter, or at `pin_length` places. `as_valt` writes a badge's number as VALT has it, and
    returns None for a text that is no number of this reader.
    """

    def __init__(
        self,
        reader: str,
        *,
        badges: bool,
        pins: bool,
        pin_length: int | None = None,
        as_valt: Callable[[str], str | None] = str,
    ) -> None:
        self._reader = reader
        self._pin_length = pin_length
        self._as_valt = as_valt
        self._badges = badges
        self._pins = pins
        self._text = ""
        self._last_at = 0.0
        self._slow = False
        self._spoilt = False

    def spoil(self, at: float) -> None:
        """Keys were lost: what is left of this number might be somebody else's."""
        self._spoilt, self._last_at = True, at

    def key(self, name: str, at: float) -> Scanned | Misread | None:
        """Take a key that went down; return the number that it completes, if it does."""
        finished = self.expire(at)
        if name in ENTER:
            return finished or self._finish(at)
        if name in CLEAR:
            self._clear()
        elif name == CORRECT:
            self._text = self._text[:-1]
            self._slow = bool(self._text)
        elif name in KEYS:
            if self._text and at - self._last_at >= BADGE_GAP_S:
                self._slow = True
            self._text = (self._text + KEYS[name])[: LONGEST + 1]
        self._last_at = at
        by_hand = self._pins and (self._slow or not self._badges)
        if by_hand and len(self._text) == self._pin_length:
            return finished or self._finish(at)
        return finished

    def deadline(self) -> float | None:
        """When `expire` has something to do; None while nothing is being entered."""
        if not self._text and not self._spoilt:
            return None
        return self._last_at + (PIN_IDLE_S if self._waits_for_enter else BADGE_GAP_S)

    def expire(self, at: float) -> Scanned | Misread | None:
        """End a badge without Enter, or forget a PIN that was left half-typed."""
        deadline = self.deadline()
        if deadline is None or at < deadline:
            return None
        if self._waits_for_enter:
            self._clear()
            return None
        return self._finish(at)

    @property
    def _waits_for_enter(self) -> bool:
        """A hand's digits wait for Enter; so does anything that may still become a PIN."""
        return self._pins and not self._spoilt and (self._slow or not self._is_badge())

    def _is_badge(self) -> bool:
        return self._badges and len(self._text) >= SHORTEST_BADGE and not self._slow

    def _finish(self, at: float) -> Scanned | Misread | None:
        text, badge, spoilt = self._text, self._is_badge(), self._spoilt
        self._clear()
        if not text:
            return None
        if spoilt or len(text) > LONGEST:  # a stuck key, a bar code: its tail may be a number
            return Misread(self._reader, at)
        if badge:
            number = self._as_valt(text)
            if number is None:
                return Misread(self._reader, at, WRONG_NOTATION)
            return Scanned(self._reader, NumberKind.BADGE, Secret(number), at)
        if self._pins:
            return Scanned(self._reader, NumberKind.PIN, Secret(text), at)
        return Misread(self._reader, at)  # a partial read: it must not join the next swipe

    def _clear(self) -> None:
        self._text, self._slow, self._spoilt = "", False, False

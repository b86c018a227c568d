"""Keys of keyboards that ivsd.yaml names, for who looks for one that means nothing yet.

The daemon has those keyboards for itself alone: nobody else would see such a key.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ivsd.inputs.finder import Key, Row, Swipe, descriptor


@dataclass(frozen=True, slots=True)
class Stray:
    """A key that means nothing at this keyboard of ivsd.yaml."""

    keyboard: str
    key: str


@dataclass(frozen=True, slots=True)
class _Typed:
    keyboard: str
    key: str
    at: float
    is_free: bool


class Strays:
    """Where the input thread tells of keys; while nobody listens that costs nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ears: list[Ear] = []

    def tell(self, keyboard: str, key: str, at: float, *, is_free: bool) -> None:
        """Take a key that went down; never blocks.

        What means something is told, too, as it tells a hand from a reader, but not which key.
        """
        if self._ears:
            with self._lock:
                for ear in self._ears:
                    ear.hear(_Typed(keyboard, key if is_free else "", at, is_free))

    def listen(self) -> Ear:
        """Listen from now on; it must be closed."""
        with self._lock:
            ear = Ear(self._forget)
            self._ears.append(ear)
        return ear

    def _forget(self, ear: Ear) -> None:
        with self._lock:
            self._ears.remove(ear)


class Ear:
    """A probe of `ivsd.inputs.finder` for these keys."""

    def __init__(self, forget: Callable[[Ear], None]) -> None:
        self._forget = forget
        self._typed: deque[_Typed] = deque()
        self._rows: dict[str, Row] = {}
        self._fd = descriptor()

    def hear(self, typed: _Typed) -> None:
        """Take a key; its owner sees to it that this is not closed meanwhile."""
        self._typed.append(typed)
        os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a key was told."""
        return self._fd

    def read(self) -> Stray | None:
        """Take the keys that were told; return the first stray one among them."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)
        while self._typed:
            one = self._typed.popleft()
            row = self._rows.setdefault(one.keyboard, Row())
            if found := _stray(one.keyboard, row.key(one.key, one.at, is_free=one.is_free)):
                return found
        return None

    def deadline(self) -> float | None:
        """Return when the first row is over."""
        ends = [end for row in self._rows.values() if (end := row.deadline()) is not None]
        return min(ends, default=None)

    def expire(self, now: float) -> Stray | None:
        """End the rows whose time is over."""
        if found := self.read():  # what came until now may belong to them
            return found
        for keyboard, row in self._rows.items():
            if found := _stray(keyboard, row.expire(now)):
                return found
        return None

    def close(self) -> None:
        """Listen no more."""
        self._forget(self)
        os.close(self._fd)


def _stray(keyboard: str, what: Key | Swipe | None) -> Stray | None:
    return Stray(keyboard, str(what)) if isinstance(what, Key) else None

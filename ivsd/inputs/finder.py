"""Waits for the next thing that a hand does at what ivsd.yaml does not name.

Nothing acts on what is found here: it is shown to who sets the box up, and then forgotten.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from ivsd.inputs.frames import BADGE_GAP_S, DIGITS, ENTER, SHORTEST_BADGE
from ivsd.inputs.source import DeviceProblem
from ivsd.keymaps import Keymap, sign

if TYPE_CHECKING:
    from ivsd.inputs.event_devices import EventDevice

Found = TypeVar("Found", covariant=True)


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key of a device without a name was pressed by itself."""

    device: EventDevice
    key: str


@dataclass(frozen=True, slots=True)
class FoundReader:
    """A number came from a device without a name, as quickly as only a reader types."""

    device: EventDevice
    ends_with_enter: bool


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line changed its level, and how a button on it would be configured."""

    chip: str
    line: int
    active: Literal["low", "high"]
    pull: Literal["up", "down"]


class Probe(Protocol[Found]):
    """Something that a hand may touch; open when it is made."""

    def fileno(self) -> int:
        """Descriptor that becomes readable when there is something to read."""

    def read(self) -> Found | None:
        """Read without blocking; raises DeviceProblem when it is gone."""

    def deadline(self) -> float | None:
        """Monotonic time at which `expire` wants to be called, None for never."""

    def expire(self, now: float) -> Found | None:
        """Finish what only time can finish; raises DeviceProblem when it is gone."""

    def close(self) -> None:
        """Give it back; never raises."""


class Finder(Generic[Found]):
    """Sleeps until one of its probes was touched; the first find wins, and ends the others.

    `stop_fd` ends it when it becomes readable.
    """

    def __init__(
        self,
        probes: Sequence[Probe[Found]],
        stop_fd: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = list(probes)
        self._stop_fd = stop_fd
        self._clock = clock

    def find(self, until: float) -> Found | None:
        """Wait for a find; None when it was stopped before, or at the moment `until`."""
        # Not epoll, which sleeps on when a GPIO chip is taken away (Linux 6.1).
        with selectors.PollSelector() as selector:
            selector.register(self._stop_fd, selectors.EVENT_READ)
            keys = {
                probe: selector.register(probe.fileno(), selectors.EVENT_READ, probe)
                for probe in self._probes
            }
            while (now := self._clock()) < until:
                ready = [key.data for key, _ in selector.select(self._timeout_s(now, until))]
                if None in ready:
                    break
                for probe in list(self._probes):
                    try:
                        found = self._look_at(probe, is_ready=probe in ready)
                    except DeviceProblem:
                        selector.unregister(keys[probe].fd)
                        self._probes.remove(probe)
                        continue
                    if found is not None:
                        return found
        return None

    def _timeout_s(self, now: float, until: float) -> float:
        moments = [at for probe in self._probes if (at := probe.deadline()) is not None]
        return max(0.0, min([*moments, until]) - now)

    def _look_at(self, probe: Probe[Found], *, is_ready: bool) -> Found | None:
        found = probe.read() if is_ready else None
        deadline = probe.deadline()
        if found is None and deadline is not None and self._clock() >= deadline:
            return probe.expire(self._clock())
        return found


# -- what was typed --------------------------------------------------------------------------------


class Key(str):
    """The name of one key that was pressed by itself."""

    __slots__ = ()


class Swipe:
    """A number that no hand types; which one is not kept."""

    def __init__(self, ends_with_enter: bool) -> None:
        self.ends_with_enter = ends_with_enter


class Row:
    """Keys of one device, put together to what a hand or a reader meant by them. Pure.

    Keys closer than 80 ms belong together. One alone is a key; four digits or more are a badge
    at a reader; all else is neither, and waits for something clearer. No digit is kept.
    """

    def __init__(self) -> None:
        self._count = self._digits = 0
        self._first = ""
        self._ends_with_enter = False
        self._last_at = float("-inf")

    def key(self, name: str, at: float, *, is_free: bool = True) -> Key | Swipe | None:
        """Take a key that went down; return what the row before it was.

        `is_free` tells whether the key has no meaning yet.
        """
        ended = self.expire(at)
        self._count += 1
        if self._count == 1:
            self._first = name if is_free else ""
        typed = sign(Keymap.US, name)  # by its place: digits are in the top row everywhere
        self._digits += typed is not None and typed in DIGITS
        self._ends_with_enter = name in ENTER
        self._last_at = at
        return ended

    def deadline(self) -> float | None:
        """Return when the row is over; None while there is none."""
        return self._last_at + BADGE_GAP_S if self._count else None

    def expire(self, now: float) -> Key | Swipe | None:
        """End the row when its time is over."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return None
        count, self._count = self._count, 0
        digits, self._digits = self._digits, 0
        if digits >= SHORTEST_BADGE:
            return Swipe(self._ends_with_enter)
        return Key(self._first) if count == 1 and self._first else None


def descriptor() -> int:
    """Return a descriptor of its own for what other threads tell; 1 is readable, 0 is not."""
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

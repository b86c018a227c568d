"""Hands without hardware: for the demo, the scenarios and integrators' tests.

They go through the same input thread and the same number assembly as real devices.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from ivsd.events import Event, Misread, NumberKind, Pressed, Released, Scanned
from ivsd.inputs.frames import Frame
from ivsd.valt.model import Secret


class VirtualHands:
    """A set of buttons, a badge reader and a PIN keypad. Thread-safe."""

    def __init__(self, name: str = "hands") -> None:
        self.name = name
        self._events: deque[Event] = deque()
        self._frame = Frame("keypad", badges=False, pins=True)
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._readable, False)

    def press(self, control: str) -> float:
        """Push a button down; return the moment."""
        return self._put(Pressed(control, time.monotonic()))

    def release(self, control: str) -> float:
        """Let a button go; return the moment."""
        return self._put(Released(control, time.monotonic()))

    def swipe(self, number: str, reader: str = "reader") -> float:
        """Hold a badge to the reader; return the moment."""
        at = time.monotonic()
        return self._put(Scanned(reader, NumberKind.BADGE, Secret(number), at))

    def key(self, name: str) -> None:
        """Press one key of the PIN keypad, by the kernel's name such as KEY_5 or KEY_ENTER."""
        scanned = self._frame.key(name, time.monotonic())
        if scanned is not None:
            self._put(scanned)

    def open(self) -> None:
        """Nothing to take."""

    def fileno(self) -> int:
        """Return the descriptor the input thread waits on."""
        return self._readable

    def read(self) -> Iterable[Event]:
        """Return what the hands did since the last time."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._readable, 4096)
        while self._events:
            yield self._events.popleft()

    def deadline(self) -> float | None:
        """Nothing here ends by time alone."""
        return None

    def expire(self, now: float) -> Iterable[Event]:
        """Nothing to finish."""
        return []

    def close(self) -> None:
        """Nothing to give back: the hands can be used again after a reload."""

    def _put(self, event: Pressed | Released | Scanned | Misread) -> float:
        self._events.append(event)
        os.write(self._writable, b"x")
        return event.at


class VirtualSearch:
    """Devices that no file names: who searches (`ivsd.set_up.finding`) finds what is touched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Any] | None = None
        self._searchers: list[int] = []

    def touch(self, found: dict[str, Any]) -> bool:
        """Touch one of them; return whether somebody searches."""
        with self._lock:
            self._found = found
            for fd in self._searchers:
                os.eventfd_write(fd, 1)
            return bool(self._searchers)

    def find(self, stop_fd: int, until: float) -> dict[str, Any] | None:
        """Wait for a touch; None when it was stopped before."""
        fd = os.eventfd(0, os.EFD_CLOEXEC)
        with self._lock:
            self._searchers.append(fd)
        try:
            with selectors.PollSelector() as selector:
                selector.register(fd, selectors.EVENT_READ)
                selector.register(stop_fd, selectors.EVENT_READ)
                ready = selector.select(max(0.0, until - time.monotonic()))
            return self._found if fd in [key.fd for key, _ in ready] else None
        finally:
            with self._lock:
                self._searchers.remove(fd)
                os.close(fd)

"""Keyboards, keypads and readers that ivsd.yaml does not name, looked at for a short while.

They are taken for this alone meanwhile: the number of a badge that is swiped is not typed at the
log-in prompt of the console, and a power key does not switch the box off. The kernel gives a
device back when it is closed, also when this program dies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ivsd.inputs.event_devices import (
    EventDevice,
    close,
    key_moves,
    key_name,
    opened,
    stamp_monotonic,
)
from ivsd.inputs.finder import FoundKey, FoundReader, Key, Row, Swipe
from ivsd.inputs.source import DeviceProblem


class KeyProbe:
    """An open evdev device; a probe of `ivsd.inputs.finder`."""

    def __init__(self, device: Any, described: EventDevice) -> None:
        self._device = device
        self._described = described
        self._row = Row()
        self._held: set[int] = set()
        self._is_taken = False
        with contextlib.suppress(OSError):  # gone: the first read says so
            stamp_monotonic(device)
            self._held = set(device.active_keys())
            self._take()

    def fileno(self) -> int:
        """Return the device's descriptor."""
        return int(self._device.fd)

    def read(self) -> FoundKey | FoundReader | None:
        """Take the keys that are waiting; raises DeviceProblem when the device is gone."""
        try:
            for move in key_moves(self._device):
                (self._held.add if move.is_down else self._held.discard)(move.code)
                if not move.is_down:
                    continue
                if found := self._found(self._row.key(key_name(move.code), move.at)):
                    return found
            self._take()
        except OSError as e:
            raise DeviceProblem(f"{self._described.path} is gone: {e.strerror}") from None
        return None

    def deadline(self) -> float | None:
        """Return when a row of keys is over."""
        return self._row.deadline()

    def expire(self, now: float) -> FoundKey | FoundReader | None:
        """End a row of keys; raises DeviceProblem when the device is gone."""
        return self.read() or self._found(self._row.expire(now))

    def close(self) -> None:
        """Give the device back."""
        close(self._device)

    def _take(self) -> None:
        """Take it for us alone once no key is down, or that key would stay down elsewhere."""
        if self._is_taken or self._held:
            return
        self._is_taken = True
        with contextlib.suppress(OSError):  # another program has it: go on without
            self._device.grab()

    def _found(self, what: Key | Swipe | None) -> FoundKey | FoundReader | None:
        if isinstance(what, Key):
            return FoundKey(self._described, str(what))
        if isinstance(what, Swipe):
            return FoundReader(self._described, what.ends_with_enter)
        return None


def unnamed(is_named: Callable[[EventDevice], bool]) -> Iterator[KeyProbe]:
    """Open every device with keys that is not named; those that may not be opened are left out."""
    with contextlib.suppress(PermissionError):
        for device, described in opened():
            if described.keys and not is_named(described):
                yield KeyProbe(device, described)
            else:
                close(device)

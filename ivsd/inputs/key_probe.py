"""Keyboards, keypads and readers that ivsd.yaml does not name, looked at without taking them.

They are not grabbed: what is typed on them arrives where it always did, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ivsd.inputs.event_devices import EventDevice, close, keys_down, opened, stamp_monotonic
from ivsd.inputs.finder import FoundKey, FoundReader, Key, Row, Swipe
from ivsd.inputs.source import DeviceProblem


class KeyProbe:
    """An open evdev device; a probe of `ivsd.inputs.finder`."""

    def __init__(self, device: Any, described: EventDevice) -> None:
        self._device = device
        self._described = described
        self._row = Row()
        with contextlib.suppress(OSError):  # gone: the first read says so
            stamp_monotonic(device)

    def fileno(self) -> int:
        """Return the device's descriptor."""
        return int(self._device.fd)

    def read(self) -> FoundKey | FoundReader | None:
        """Take the keys that are waiting; raises DeviceProblem when the device is gone."""
        try:
            for name, at in keys_down(self._device):
                if found := self._found(self._row.key(name, at)):
                    return found
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

"""What every input device looks like to the selector that reads them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ivsd.events import Event


class DeviceProblem(Exception):
    """A device is missing, busy, forbidden or gone; the text is a sentence for a technician."""


class Source(Protocol):
    """One device. Opened, read and closed by the input thread only.

    A source may be opened again after `close()`, when its device has come back.
    """

    name: str

    def open(self) -> None:
        """Take the device; raises DeviceProblem."""

    def fileno(self) -> int:
        """Descriptor that becomes readable when there is something to read."""

    def read(self) -> Iterable[Event]:
        """Read what is there without blocking; raises DeviceProblem when the device is gone."""

    def deadline(self) -> float | None:
        """Monotonic time at which `expire` wants to be called, None for never."""

    def expire(self, now: float) -> Iterable[Event]:
        """Finish what only time can finish (a badge number without an Enter)."""

    def close(self) -> None:
        """Give the device back; never raises."""

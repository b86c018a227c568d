"""A lamp to look at on a screen, for the demo and the scenarios."""

from __future__ import annotations

import time
from collections import deque

from ivsd.outputs.lamp import Colour


class VirtualLamp:
    """Remembers its colour, and the last changes with their monotonic times."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.colour = Colour.OFF
        self.changes: deque[tuple[float, Colour]] = deque(maxlen=1000)

    def open(self) -> None:
        """Nothing to take."""

    def show(self, colour: Colour) -> None:
        """Take this colour."""
        self.colour = colour
        self.changes.append((time.monotonic(), colour))

    def close(self) -> None:
        """Go dark."""
        self.show(Colour.OFF)

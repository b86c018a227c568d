"""What every lamp looks like to the light player."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Colour(StrEnum):
    """The eight colours that three on/off channels can mix."""

    OFF = "off"
    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    MAGENTA = "magenta"
    CYAN = "cyan"
    WHITE = "white"

    @property
    def channels(self) -> tuple[bool, bool, bool]:
        """Whether red, green and blue are lit."""
        return _CHANNELS[self]


_CHANNELS = {
    Colour.OFF: (False, False, False),
    Colour.RED: (True, False, False),
    Colour.GREEN: (False, True, False),
    Colour.BLUE: (False, False, True),
    Colour.YELLOW: (True, True, False),
    Colour.MAGENTA: (True, False, True),
    Colour.CYAN: (False, True, True),
    Colour.WHITE: (True, True, True),
}


class LampProblem(Exception):
    """A lamp cannot be driven; the text is a sentence that begins with the lamp's name."""


class Lamp(Protocol):
    """One lamp. Opened, driven and closed by the light thread only.

    A lamp of one colour is lit by every colour but `off`; which states it shows is decided
    before, by its light table.
    """

    name: str

    def open(self) -> None:
        """Take the lines; raises LampProblem."""

    def show(self, colour: Colour) -> None:
        """Light it so at once; raises LampProblem."""

    def close(self) -> None:
        """Switch off and give the lines back; never raises."""

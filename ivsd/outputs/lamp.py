"""What every lamp looks like to the light player."""

from __future__ import annotations

from collections.abc import Sequence
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


def leds_for(colour: Colour, leds: Sequence[Colour]) -> tuple[bool, ...]:
    """Tell which of these single-colour LEDs are lit to show a colour.

    The LED of that colour; without it, those that mix it; where they cannot, all of them, so
    that at least the rhythm is seen.
    """
    if colour in leds:
        return tuple(led is colour for led in leds)
    wanted = colour.channels
    lit = tuple(all(w or not c for w, c in zip(wanted, led.channels, strict=True)) for led in leds)
    parts = [led.channels for led, on in zip(leds, lit, strict=True) if on]
    mixed = tuple(any(part[channel] for part in parts) for channel in range(3))
    return lit if mixed == wanted else (True,) * len(leds)


class LampProblem(Exception):
    """A lamp cannot be driven; the text is a sentence that begins with the lamp's name."""


class Lamp(Protocol):
    """One lamp. Opened, driven and closed by the light thread only.

    A lamp of one colour is lit, and a buzzer sounds, at every colour but `off`; which states it
    shows is decided before, by its light table.
    """

    name: str

    def open(self) -> None:
        """Take the lines; raises LampProblem."""

    def show(self, colour: Colour) -> None:
        """Light it so at once; raises LampProblem."""

    def close(self) -> None:
        """Switch off and give the lines back; never raises."""

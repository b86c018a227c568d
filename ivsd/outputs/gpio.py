"""Lamps on GPIO lines: one line each, three that mix the eight colours, or one for each LED."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

from gpiozero import DigitalOutputDevice

from ivsd.gpio_factory import GpiodFactory, Line, LineProblem
from ivsd.outputs.lamp import Colour, Lamp, LampProblem, leds_for


class _GpioLines(Lamp):
    """What all kinds of lamp do with their lines; `active` is the level that lights them."""

    def __init__(
        self,
        name: str,
        chip: str,
        lines: Sequence[int | str],
        active: Literal["low", "high"],
        factory: GpiodFactory,
    ) -> None:
        self.name = name
        self._lines = [Line(chip, line) for line in lines]
        self._active_high = active == "high"
        self._factory = factory
        self._devices: list[Any] = []

    def open(self) -> None:
        """Take all lines, dark, or none; raises LampProblem."""
        try:
            for line in self._lines:
                self._devices.append(
                    DigitalOutputDevice(
                        line, active_high=self._active_high, pin_factory=self._factory
                    )
                )
        except LineProblem as problem:
            self.close()
            raise LampProblem(f"{self.name}: {problem}") from problem

    def close(self) -> None:
        """Switch off and give the lines back; never raises."""
        devices, self._devices = self._devices, []
        for device in devices:
            # A released line keeps its level on most boards. One that cannot be driven any
            # more is given back all the same.
            with suppress(LineProblem):
                device.off()
            device.close()

    def _light(self, channels: Sequence[bool]) -> None:
        if not self._devices:
            raise LampProblem(f"{self.name} is not open")
        try:
            for device, lit in zip(self._devices, channels, strict=True):
                device.value = lit
        except LineProblem as problem:
            raise LampProblem(f"{self.name}: {problem}") from problem


class GpioLamp(_GpioLines):
    """A lamp or sign of one colour, or an active buzzer, on one line."""

    def __init__(
        self,
        name: str,
        chip: str,
        line: int | str,
        active: Literal["low", "high"],
        factory: GpiodFactory,
    ) -> None:
        super().__init__(name, chip, [line], active, factory)

    def show(self, colour: Colour) -> None:
        """Light it for every colour but off; raises LampProblem."""
        self._light([colour is not Colour.OFF])


class GpioRgbLamp(_GpioLines):
    """A lamp of eight colours; `lines` are red, green and blue."""

    def __init__(
        self,
        name: str,
        chip: str,
        lines: tuple[int | str, int | str, int | str],
        active: Literal["low", "high"],
        factory: GpiodFactory,
    ) -> None:
        super().__init__(name, chip, lines, active, factory)

    def show(self, colour: Colour) -> None:
        """Light its channels; raises LampProblem."""
        self._light(colour.channels)


class GpioLeds(_GpioLines):
    """A lamp of single-colour LEDs, such as a traffic light; `lines` go with `colours`."""

    def __init__(
        self,
        name: str,
        chip: str,
        lines: Sequence[int | str],
        colours: Sequence[Colour],
        active: Literal["low", "high"],
        factory: GpiodFactory,
    ) -> None:
        super().__init__(name, chip, lines, active, factory)
        self._colours = colours

    def show(self, colour: Colour) -> None:
        """Light the LEDs that show it; raises LampProblem."""
        self._light(leds_for(colour, self._colours))

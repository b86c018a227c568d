"""Which GPIO lines may be tried for a button: free ones that nothing else on the board needs.

On a Raspberry Pi, asking for a pin makes it a GPIO line: if it was one of a bus, the bus is dead
until the next start. So the pins that the header has for buses are left out, and so are all that
the chip has beside the header: the memory card and the network hang on those. Other boards are
told no more than that somebody has named the chip in ivsd.yaml before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo

ID_OF_HAT, I2C, SPI, SERIAL = {0, 1}, {2, 3}, {7, 8, 9, 10, 11}, {14, 15}
I2S = {18, 19, 20, 21}
HEADER = frozenset(range(28)) - ID_OF_HAT - I2C - SPI - SERIAL - I2S
"""Numbers on a Raspberry Pi (BCM numbering, pinout.xyz).

22 to 27, which an overlay may give to an SDIO card, stay: they are where buttons mostly are."""

PI = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
"""Labels of the chips that the header of a Raspberry Pi is on: up to 3 and Zero, 4, 5."""

FEWEST_OF_A_PROCESSOR = 32
"""A chip with so many lines is the processor's own; expanders have less."""

DEFAULT_CHIP = "gpiochip0"

Named = Mapping[tuple[str, int | str | None], str]
"""Chip and line, as ivsd.yaml calls them, and the key that names them.

The line is None where what stands there is no line: it may be meant to be any of that chip."""


def named_in(values: Mapping[str, Any]) -> dict[tuple[str, int | str | None], str]:
    """List every line that a file names for anything, be it right or wrong."""
    inputs, lights = values.get("inputs") or {}, values.get("lights") or {}
    held = values.get("factory_default") or {}
    found: dict[tuple[str, int | str | None], str] = {}

    def note(entry: Mapping[str, Any], line: Any, key: str) -> None:
        is_line = isinstance(line, int | str) and not isinstance(line, bool)
        found[str(entry.get("chip", DEFAULT_CHIP)), line if is_line else None] = key

    if "line" in held:
        note(held, held["line"], "factory_default.line")
    for number, lamp in enumerate(lights.get("lamps") or [], 1):
        for line in lamp.get("lines") or []:
            note(lamp, line, f"lights.lamps.{number}.lines")
    for section, keys in (("buttons", ("line",)), ("wiegand", ("data0", "data1"))):
        for number, entry in enumerate(inputs.get(section) or [], 1):
            for key in filter(entry.__contains__, keys):
                note(entry, entry[key], f"inputs.{section}.{number}.{key}")
    return found


def chip_called(chips: Sequence[ChipInfo], name: str) -> ChipInfo | None:
    """Find a chip by its path, device name or label, as `gpio_lines.open_chip` does."""
    for chip in chips:
        beside = os.path.join(os.path.dirname(chip.path), name)
        if os.path.realpath(name if "/" in name else beside) == chip.path:
            return chip
    return next((chip for chip in chips if chip.label == name), None)


def number_of(chip: ChipInfo, line: int | str | None) -> int | None:
    """Return a line's number on its chip; None where there is no such line."""
    if isinstance(line, int):
        return line if 0 <= line < len(chip.lines) else None
    return next((one.number for one in chip.lines if one.name == line), None)


def spare(chips: Sequence[ChipInfo], named: Named) -> list[tuple[ChipInfo, int]]:
    """List the lines that may be tried."""
    return [
        (chip, line.number)
        for chip in chips
        for line in chip.lines
        if not why_not(chips, chip, line.number, named)
    ]


def why_not(chips: Sequence[ChipInfo], chip: ChipInfo, number: int, named: Named) -> str:
    """Say in a sentence why a line may not be tried; "" if it may."""
    line = chip.lines[number]
    for (name, wrong), key in named.items():
        if wrong is None and chip_called(chips, name) is chip:
            return f"{key} of ivsd.yaml is no line, and may be meant for any of {chip.name}"
    used = _used(chips, chip, named)
    if number in used:
        return f"line {number} of {chip.name} is used by {used[number]}, too"
    if chip.label not in PI and not _is_named(chips, chip, named):
        return f"ivsd.yaml names nothing on {chip.name}, and it is no header of a Raspberry Pi"
    if len(chip.lines) >= FEWEST_OF_A_PROCESSOR and number not in HEADER:
        return f"line {number} of {chip.name} may be needed by a bus of the board"
    if line.consumer:
        return f"line {number} of {chip.name} is in use by {line.consumer}"
    return f"line {number} of {chip.name} is an output" if line.is_output else ""


def called(chips: Sequence[ChipInfo], chip: ChipInfo, named: Named) -> str:
    """Return what ivsd.yaml calls a chip already, else the name of its device."""
    names = (name for name, _ in named if chip_called(chips, name) is chip)
    return next(names, Path(chip.path).name)


def _used(chips: Sequence[ChipInfo], chip: ChipInfo, named: Named) -> dict[int, str]:
    found = {}
    for (name, line), key in named.items():
        number = number_of(chip, line) if chip_called(chips, name) is chip else None
        if number is not None:
            found[number] = key
    return found


def _is_named(chips: Sequence[ChipInfo], chip: ChipInfo, named: Named) -> bool:
    return any(chip_called(chips, name) is chip for name, _ in named)

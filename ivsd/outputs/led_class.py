"""Lamps that the kernel drives as LED class devices, one folder in /sys/class/leds each.

Sources: the kernel's Documentation/ABI/testing/sysfs-class-led, sysfs-class-led-trigger-timer
and sysfs-class-led-multicolor, Documentation/leds/leds-class.rst. What they promise about
triggers, unplugging and the order of writes was tried on Linux 6.1; a multicolour device was not.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import filter as filter_names
from pathlib import Path

from ivsd.outputs.lamp import Colour, Lamp, LampProblem, leds_for

LEDS = Path("/sys/class/leds")

_RGB = (Colour.RED, Colour.GREEN, Colour.BLUE)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a lamp goes on showing when nobody drives it.

    It is steady without both times, or where several devices together show the colour.
    """

    colour: Colour
    on_ms: int | None = None
    off_ms: int | None = None


class LedClassLamp(Lamp):
    """A lamp of one or more LED class devices, named as in /sys/class/leds.

    A name may be a pattern that fits one device: a keyboard's is input5::capslock today and
    input6::capslock when it is plugged in again, and `input*::capslock` always.

    `colours` go with the devices. Without them there is one device, which is lit by every
    colour but off (a multicolour one shows the colour itself), or three: red, green and blue.
    """

    def __init__(
        self,
        name: str,
        devices: Sequence[str],
        colours: Sequence[Colour] | None,
        *,
        stopped: Stopped | None = None,
        folder: Path = LEDS,
    ) -> None:
        self.name = name
        self._devices = devices
        self._colours = colours or (_RGB if len(devices) > 1 else None)
        self._stopped = stopped or Stopped(Colour.OFF)
        self._folder = folder
        self._leds: list[_Led] = []

    def open(self) -> None:
        """Take all devices, dark, or none; raises LampProblem."""
        there = _names_in(self._folder)
        devices = [self._find(device, there) for device in self._devices]
        try:
            for device in devices:
                with self._kernel(device):
                    led = _Led(self._folder / device)
                    self._leds.append(led)
                    led.take()
        except LampProblem:
            self.close()
            raise

    def show(self, colour: Colour) -> None:
        """Light the devices that show it; raises LampProblem."""
        if not self._leds:
            raise LampProblem(f"{self.name} is not open")
        for led, part in zip(self._leds, self._parts(colour), strict=True):
            with self._kernel(led.name):
                led.show(part)

    def close(self) -> None:
        """Switch off, or leave the set look to the kernel; never raises."""
        leds, self._leds = self._leds, []
        look = self._stopped
        parts = self._parts(look.colour)
        if sum(part is not Colour.OFF for part in parts) > 1:
            # Each device blinks by a timer of its own. Two were 130 ms apart after a minute, and
            # red in between what should be yellow would tell of a recording.
            look = Stopped(look.colour)
        # Not strict: when a device could not be taken, only those before it are here.
        for led, part in zip(leds, parts, strict=False):
            with suppress(OSError):
                led.leave(part, look)
            led.release()

    def _parts(self, colour: Colour) -> list[Colour]:
        """Return what each device shows of a colour."""
        if self._colours is None:
            return [colour]
        lit = leds_for(colour, self._colours)
        return [led if on else Colour.OFF for led, on in zip(self._colours, lit, strict=True)]

    def _find(self, device: str, there: list[str]) -> str:
        matches = [device] if device in there else filter_names(there, device)
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise LampProblem(f"{self.name}: {device} fits {' and '.join(matches)}")
        near = get_close_matches(device, there, n=len(there), cutoff=0.0) if there else []
        only = f"only {', '.join(near)}" if near else "nor any"
        raise LampProblem(f"{self.name}: there is no LED {device}, {only}")

    @contextmanager
    def _kernel(self, device: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LampProblem(f"{self.name}: LED {device} {_why(error)}") from error


class _Led:
    """One device; what touches the kernel raises OSError and never waits for the hardware.

    Its brightness is held open: a device that went and came back between two writes is dark
    and has a trigger again, and only the old descriptor tells (ENODEV).
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder
        self._full = (folder / "max_brightness").read_text().strip()
        self._index: list[str] = []
        """A multicolour device's channels, in the order of multi_intensity."""
        with suppress(FileNotFoundError):
            self._index = (folder / "multi_index").read_text().split()
        self._brightness = os.open(folder / "brightness", os.O_WRONLY)

    def take(self) -> None:
        """End the kernel's own use of it, such as a disk's activity, and make it dark."""
        with suppress(FileNotFoundError):  # a kernel without triggers
            _write(self._folder / "trigger", "none")
        self.show(Colour.OFF)

    def show(self, colour: Colour) -> None:
        """Light it fully for every colour but off."""
        lit = colour is not Colour.OFF
        if lit and self._index:
            _write(self._folder / "multi_intensity", " ".join(self._intensities(colour)))
        os.pwrite(self._brightness, f"{self._full if lit else 0}\n".encode(), 0)

    def leave(self, colour: Colour, look: Stopped) -> None:
        """Let the kernel show it from here on, blinking if it has the timer trigger.

        The order matters: 0 ends any trigger, the timer blinks with the brightness that it
        finds, and the files of its times are there only once it is set. They belong to root:
        whom the kernel refuses them keeps its own rhythm of 500 ms on and off.
        """
        self.show(Colour.OFF)
        self.show(colour)
        if colour is not Colour.OFF and look.on_ms and look.off_ms:
            _write(self._folder / "trigger", "timer")
            _write(self._folder / "delay_on", str(look.on_ms))
            _write(self._folder / "delay_off", str(look.off_ms))

    def release(self) -> None:
        os.close(self._brightness)

    def _intensities(self, colour: Colour) -> list[str]:
        """Mix a colour of the channels; one that is none of our colours, as amber, stays dark."""
        known = [Colour(name) for name in self._index if name in list(Colour)]
        lit = [led for led, on in zip(known, leds_for(colour, known), strict=True) if on]
        return [self._full if name in lit else "0" for name in self._index]


def _write(path: Path, text: str) -> None:
    """Write an attribute. It is never created: sysfs would refuse that as a lack of permission."""
    file = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(file, f"{text}\n".encode())
    finally:
        os.close(file)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:  # a kernel without LED class
        return []


def _why(error: OSError) -> str:
    """Say why an LED cannot be used, and who could mend it."""
    if error.errno in (errno.ENODEV, errno.ENOENT):
        return "is gone"
    if error.errno == errno.EROFS:  # not the file's mode: systemd's sandbox
        return "is forbidden, the service needs ReadWritePaths=/sys/devices"
    if error.errno != errno.EACCES:
        return f"cannot be used: {os.strerror(error.errno or 0)}"
    with suppress(KeyError, OSError):
        if (group := Path(error.filename).group()) != "root":
            return f"cannot be used: no permission, this user must be in the group {group}"
    return (
        "cannot be used: no permission, the group gpio must own its files (the udev rule of "
        "make install does that) and this user be in that group"
    )

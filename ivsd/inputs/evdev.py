"""Keyboards, numeric keypads and badge readers that type, through the kernel's evdev.

Works with python-evdev 1.6 (Debian 12) to 2.x. Imported only when the configuration names
such a device: evdev is part of the `appliance` extra.
"""

from __future__ import annotations

import contextlib
import fcntl
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import evdev
from evdev import ecodes

from ivsd.events import Event, Pressed, Released
from ivsd.inputs.frames import Frame
from ivsd.inputs.source import DeviceProblem

KEY_UP, KEY_DOWN = 0, 1  # 2 is auto-repeat, which is no press
EVIOCSCLOCKID = 0x400445A0  # linux/input.h: which clock stamps the events of this descriptor


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which device is meant: everything that is given must fit, and only one device may."""

    path: Path | None = None
    id: str | None = None
    name: str | None = None
    port: str | None = None

    def __str__(self) -> str:
        given = {"path": self.path, "id": self.id, "name": self.name, "port": self.port}
        return ", ".join(f"{what} {value}" for what, value in given.items() if value is not None)


class KeyDevice:
    """One evdev device: its mapped keys are controls, the others type a number."""

    def __init__(
        self,
        name: str,
        wanted: Wanted,
        *,
        keys: dict[str, str],
        badges: bool,
        pins: bool,
        grab: bool,
        pin_length: int | None = None,
        as_valt: Callable[[str], str | None] = str,
    ) -> None:
        self.name = name
        self._wanted = wanted
        self._keys = keys
        self._grab = grab
        self._grabbed = False
        self._frame = Frame(name, badges=badges, pins=pins, pin_length=pin_length, as_valt=as_valt)
        self._takes_numbers = badges or pins
        self._device: evdev.InputDevice | None = None
        self._down: dict[int, str] = {}  # key code -> control, of keys that are down

    def open(self) -> None:
        """Find and open the device; raises DeviceProblem."""
        unknown = [key for key in self._keys if key not in ecodes.ecodes]
        if unknown:
            raise DeviceProblem(f"{self.name}: {unknown[0]} is no key that the kernel knows")
        self._device = _find(self.name, self._wanted)
        self._down.clear()
        self._grabbed = False
        with self._typed_problems():
            # The wall clock, evdev's default, jumps when the box learns the time.
            fcntl.ioctl(self._device.fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
            self._try_to_grab()

    def fileno(self) -> int:
        """Return the device's descriptor."""
        assert self._device is not None
        return int(self._device.fd)

    def read(self) -> Iterable[Event]:
        """Read the events that are waiting; raises DeviceProblem when the device is gone."""
        with self._typed_problems():
            return self._read()

    @contextlib.contextmanager
    def _typed_problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:  # ENODEV, at any moment
            raise DeviceProblem(f"{self.name}: the device is gone ({e.strerror})") from None

    def _read(self) -> list[Event]:
        assert self._device is not None
        try:
            waiting = list(self._device.read())
        except BlockingIOError:
            return []
        events: list[Event] = []
        for event in waiting:
            if event.type == ecodes.EV_KEY and event.value in (KEY_UP, KEY_DOWN):
                at = event.sec + event.usec / 1e6
                events.extend(self._key(event.code, event.value == KEY_DOWN, at))
            elif event.type == ecodes.EV_SYN and event.code == ecodes.SYN_DROPPED:
                events.extend(self._resynchronise(event.sec + event.usec / 1e6))
        self._try_to_grab()
        return events

    def deadline(self) -> float | None:
        """Return when a number without Enter ends."""
        return self._frame.deadline() if self._takes_numbers else None

    def expire(self, now: float) -> Iterable[Event]:
        """End a number without Enter."""
        number = self._frame.expire(now)
        return [number] if number else []

    def close(self) -> None:
        """Give the device back."""
        if self._device is not None:
            with contextlib.suppress(OSError):
                self._device.close()
            self._device = None

    def _key(self, code: int, down: bool, at: float) -> Iterator[Event]:
        names = ecodes.bytype[ecodes.EV_KEY].get(code, ())
        for name in [names] if isinstance(names, str) else names:  # a code may have several
            control = self._keys.get(name)
            if control is not None:
                if down:
                    self._down[code] = control
                    yield Pressed(control, at)
                elif self._down.pop(code, None) is not None:
                    yield Released(control, at)
                return
            if down and self._takes_numbers and (number := self._frame.key(name, at)):
                yield number
                return

    def _resynchronise(self, at: float) -> Iterator[Event]:
        """After lost events: no key stays stuck, and no number is put together from the rest."""
        assert self._device is not None
        self._frame.spoil(at)
        for code in sorted(set(self._down) - set(self._device.active_keys())):
            yield Released(self._down.pop(code), at)

    def _try_to_grab(self) -> None:
        """Take the device for us alone once no key is down, or it would stay down elsewhere."""
        assert self._device is not None
        if not self._grab or self._grabbed or self._device.active_keys():
            return
        try:
            self._device.grab()
        except OSError as e:
            raise DeviceProblem(
                f"{self.name}: another program has taken the device ({e.strerror})"
            ) from None
        self._grabbed = True


def _find(name: str, wanted: Wanted) -> evdev.InputDevice:
    """Open the one device that fits; raises DeviceProblem when there is none, or several."""
    found: list[evdev.InputDevice] = []
    forbidden = 0
    paths = [wanted.path] if wanted.path else sorted(Path("/dev/input").glob("event*"))
    for path in paths:
        try:
            device = evdev.InputDevice(str(path))
        except PermissionError:
            forbidden += 1
        except (OSError, ValueError):
            continue  # went away while we looked, or is no event device
        else:
            if _fits(device, wanted):
                found.append(device)
            else:
                device.close()
    if len(found) == 1:
        return found[0]
    for device in found:
        device.close()
    if found:
        several = ", ".join(device.path for device in found)
        raise DeviceProblem(f"{name}: several devices fit {wanted}: {several}; add path or port")
    if forbidden:
        raise DeviceProblem(
            f"{name}: not found ({wanted}), and {forbidden} devices may not be opened: "
            "is the user in the group input?"
        )
    raise DeviceProblem(f"{name}: not found ({wanted})")


def _fits(device: evdev.InputDevice, wanted: Wanted) -> bool:
    usb_id = f"{device.info.vendor:04x}:{device.info.product:04x}"
    return (
        (wanted.id is None or wanted.id.lower() == usb_id)
        and wanted.name in (None, device.name)
        and wanted.port in (None, device.phys)
    )

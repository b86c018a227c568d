"""The kernel's event devices: what is there, and which one is meant.

Any of them may be unplugged at any moment, also between two questions about it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import selectors
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import evdev
from evdev import ecodes

from ivsd.inputs.source import DeviceProblem

FOLDER = Path("/dev/input")
EVIOCSCLOCKID = 0x400445A0  # linux/input.h: which clock stamps the events of this descriptor
NUMBER_KEYS = ({"KEY_1"}, {"KEY_KP1"})
"""A device that types numbers has one of these; its second node, for volume keys, does not."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which device is meant: everything that is given must fit, and only one device may.

    `port` may leave out the interface (`/input0`) at the end of what the kernel calls it.
    """

    path: Path | None = None
    id: str | None = None
    name: str | None = None
    port: str | None = None

    def __str__(self) -> str:
        given = {"path": self.path, "id": self.id, "name": self.name, "port": self.port}
        return ", ".join(f"{what} {value}" for what, value in given.items() if value is not None)

    def fits(self, device: EventDevice) -> bool:
        """Whether a device is what is described; its path is not looked at."""
        return (
            (self.id is None or self.id.lower() == device.id)
            and self.name in (None, device.name)
            and (self.port is None or f"{device.port}/".startswith(f"{self.port}/"))
        )


@dataclass(frozen=True, slots=True)
class EventDevice:
    """What the kernel says of one event device; `id` is its USB VENDOR:PRODUCT."""

    path: str
    name: str
    id: str
    port: str
    keys: frozenset[str]

    @property
    def types_numbers(self) -> bool:
        """Whether it has keys for digits."""
        return any(keys <= self.keys for keys in NUMBER_KEYS)


def describe(device: evdev.InputDevice) -> EventDevice:
    """Ask the kernel about an open device; raises OSError when it is gone."""
    codes = device.capabilities().get(ecodes.EV_KEY, [])
    return EventDevice(
        path=str(device.path),
        name=device.name,
        id=f"{device.info.vendor:04x}:{device.info.product:04x}",
        port=device.phys,
        keys=frozenset(name for code in codes for name in key_names(code)),
    )


def key_names(code: int) -> list[str]:
    """Return the names of a key; a code may have several, or none."""
    names = ecodes.keys.get(code, [])
    return [names] if isinstance(names, str) else list(names)


def opened(path: Path | None = None) -> Iterator[tuple[evdev.InputDevice, EventDevice]]:
    """Open the devices that are there, one by one, or the one at `path`; close what is not kept.

    Raises PermissionError at the end, with a sentence, when some may not be opened.
    """
    forbidden = 0
    for place in [path] if path else sorted(FOLDER.glob("event*"), key=_number):
        device = None
        try:
            device = evdev.InputDevice(str(place))
            described = describe(device)
        except PermissionError:
            forbidden += 1
        except (OSError, ValueError):  # went away while we looked, or is no event device
            if device is not None:
                close(device)
        else:
            yield device, described
    if forbidden:
        raise PermissionError(errno.EACCES, forbidden_text(forbidden))


def present() -> tuple[list[EventDevice], str]:
    """Return all devices that may be looked at, and a sentence if others may not, else ""."""
    found = []
    try:
        for device, described in opened():
            close(device)
            found.append(described)
    except PermissionError as e:
        return found, str(e.strerror)
    return found, ""


def close(device: evdev.InputDevice) -> None:
    """Give a device back, also one that is gone."""
    with contextlib.suppress(OSError):
        device.close()


def forbidden_text(count: int) -> str:
    """Say why devices could not be looked at, and who may."""
    devices = "1 device" if count == 1 else f"{count} devices"
    return f"{devices} may not be opened: is the user in the group input?"


def stamp_monotonic(device: evdev.InputDevice) -> None:
    """Have its events stamped so for us; raises OSError when it is gone.

    The wall clock, evdev's default, jumps when the box learns the time.
    """
    fcntl.ioctl(device.fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class KeyMove:
    """A key that went down or came up, and the monotonic moment."""

    code: int
    is_down: bool
    at: float


def key_moves(device: evdev.InputDevice) -> list[KeyMove]:
    """Read which keys have moved; raises OSError when the device is gone."""
    try:
        events = list(device.read())
    except BlockingIOError:
        return []
    return [
        KeyMove(event.code, event.value == 1, event.sec + event.usec / 1e6)
        for event in events
        if event.type == ecodes.EV_KEY and event.value in (0, 1)  # 2 is auto-repeat
    ]


def key_name(code: int) -> str:
    """Return the first name of a key that ivsd.yaml may use, or ""."""
    names = (name for name in key_names(code) if name != "KEY_MIN_INTERESTING")
    return next(names, "")


def watch(stop_fd: int) -> Iterator[tuple[EventDevice, str]]:
    """Yield every key that goes down on any device, with its name, until `stop_fd` is readable.

    What another program has taken for itself alone stays silent.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(stop_fd, selectors.EVENT_READ)
        with contextlib.suppress(PermissionError):
            for device, described in opened():
                selector.register(device.fd, selectors.EVENT_READ, (device, described))
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    return
                device, described = key.data
                try:
                    events = list(device.read())
                except BlockingIOError:
                    continue
                except OSError:  # unplugged
                    selector.unregister(device.fd)
                    close(device)
                    continue
                for event in events:
                    if event.type == ecodes.EV_KEY and event.value == 1:
                        yield described, "/".join(key_names(event.code)) or str(event.code)


def find(name: str, wanted: Wanted, *, keys: set[str], numbers: bool) -> evdev.InputDevice:
    """Open the one device that is meant, and has these keys; raises DeviceProblem.

    A reader may show as two event devices that only their keys tell apart.
    """
    fitting: list[tuple[evdev.InputDevice, EventDevice]] = []
    forbidden = ""
    try:
        for device, described in opened(wanted.path):
            if wanted.fits(described):
                fitting.append((device, described))
            else:
                close(device)
    except PermissionError as e:
        forbidden = f", and {e.strerror}"
    able = [
        device
        for device, described in fitting
        if keys <= described.keys and (described.types_numbers or not numbers)
    ]
    if len(able) == 1:
        for device, _ in fitting:
            if device is not able[0]:
                close(device)
        return able[0]
    for device, _ in fitting:
        close(device)
    if able:
        several = ", ".join(device.path for device in able)
        raise DeviceProblem(
            f"{name}: several devices fit {wanted}: {several}; add path or port (ivsd devices)"
        )
    if fitting:
        _, described = fitting[0]
        missing = sorted(keys - described.keys) or ["keys for digits"]
        raise DeviceProblem(
            f"{name}: {described.path} ({described.name}) fits {wanted}, but has no {missing[0]}"
        )
    raise DeviceProblem(f"{not_found(name, wanted)}{forbidden}")


def not_found(name: str, wanted: Wanted) -> str:
    """Say that a device is not here, or not any more: one sentence, so that it is told once."""
    return f"{name}: not found ({wanted})"


def _number(path: Path) -> tuple[int, str]:
    """Sort event10 behind event9."""
    digits = path.name.removeprefix("event")
    return int(digits) if digits.isdecimal() else -1, path.name

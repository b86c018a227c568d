"""Recordings in the format of evemu, and a stand-in for evdev that plays them.

The format: https://gitlab.freedesktop.org/libevdev/evemu (README, "Device Description Format"
and "Event Data Format"). Numbers are hexadecimal but for times and the values of events. What a
recording of `evemu-record` has beside that (axes, LEDs, switches, comments) is passed over.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

FIXTURES = Path(__file__).parent / "fixtures" / "evemu"
EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
AT_ONCE = 64
"""As many events python-evdev takes with one read (evdev/input.c)."""


@dataclass(frozen=True)
class KernelEvent:
    """One event, with the names that python-evdev gives its parts."""

    sec: int
    usec: int
    type: int
    code: int
    value: int

    @property
    def at(self) -> float:
        """Return the moment in seconds."""
        return self.sec + self.usec / 1e6

    @property
    def ends_report(self) -> bool:
        """Whether all that belongs together is complete."""
        return (self.type, self.code) == (EV_SYN, SYN_REPORT)

    def later(self, by_us: int) -> KernelEvent:
        """Return the same event at a later time."""
        sec, usec = divmod(self.sec * 1_000_000 + self.usec + by_us, 1_000_000)
        return KernelEvent(sec, usec, self.type, self.code, self.value)


@dataclass
class Recording:
    """What a device is, and what it sent."""

    name: str = ""
    bus: int = 0
    vendor: int = 0
    product: int = 0
    version: int = 0
    comments: list[str] = field(default_factory=list)
    bits: dict[int, list[int]] = field(default_factory=dict)
    """For each type of event the codes that the device can send; for type 0 the types."""
    events: list[KernelEvent] = field(default_factory=list)

    @property
    def reports(self) -> list[list[KernelEvent]]:
        """Return the events in the groups in which the kernel wakes up who waits for them."""
        reports: list[list[KernelEvent]] = [[]]
        for event in self.events:
            reports[-1].append(event)
            if event.ends_report:
                reports.append([])
        return [report for report in reports if report]


def load(name: str) -> Recording:
    """Return one of the recordings of `tests/fixtures/evemu`."""
    return parse((FIXTURES / f"{name}.events").read_text(encoding="utf-8"))


def parse(text: str) -> Recording:
    """Read a recording; raises ValueError with the number of a line that is none."""
    recording = Recording()
    bytes_before: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            recording.comments.append(line.removeprefix("#").strip())
            continue
        kind, _, rest = line.partition(":")
        if kind == "N":
            recording.name = rest.strip()
            continue
        words = rest.partition("#")[0].split()  # a comment may end a line
        try:
            if kind == "I":
                ids = [int(word, 16) for word in words]
                recording.bus, recording.vendor, recording.product, recording.version = ids
            elif kind == "B":
                _add_bits(recording.bits, bytes_before, [int(word, 16) for word in words])
            elif kind == "E":
                recording.events.append(_event(*words))
            elif kind not in ("P", "A", "L", "S"):
                raise ValueError(f"{kind!r} is no kind of line")
        except (TypeError, ValueError) as e:
            raise ValueError(f"line {number}: {e}") from e
    return recording


def _add_bits(bits: dict[int, list[int]], bytes_before: dict[int, int], line: list[int]) -> None:
    """Add one line of a bitmap; several lines of one type go on where the last one ended."""
    kind, row = line[0], line[1:]
    first = bytes_before.get(kind, 0) * 8
    codes = [first + 8 * place + bit for place, byte in enumerate(row) for bit in range(8)
             if byte >> bit & 1]  # fmt: skip
    bits.setdefault(kind, []).extend(codes)
    bytes_before[kind] = bytes_before.get(kind, 0) + len(row)


def _event(moment: str, kind: str, code: str, value: str) -> KernelEvent:
    sec, usec = moment.split(".")
    return KernelEvent(int(sec), int(usec), int(kind, 16), int(code, 16), int(value))


class PlayedDevice:
    """Stands in for evdev.InputDevice, with what the kernel's evdev.c does beside telling.

    It gives at most 64 events with one read, and asking which keys are down throws away the keys
    that are still waiting (`__evdev_flush_queue`). `gone` names the calls that find the device
    unplugged, "*" for all but `close`. Lost events are not in a recording: `down_after_loss` are
    the keys that are down behind them.
    """

    def __init__(
        self, recording: Recording, path: str = "/dev/input/event3", phys: str = "usb-1.2/input0"
    ) -> None:
        self.path, self.phys = path, phys
        self.recording = recording
        self.info = SimpleNamespace(vendor=recording.vendor, product=recording.product)
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)  # readable while something waits
        self.waiting: deque[KernelEvent] = deque()
        self.down: set[int] = set()
        self.down_after_loss: set[int] = set()
        self.gone: set[str] = set()
        self.grab_error: OSError | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens just before it is asked which keys are down."""
        self.grabs = 0
        self.closed = False

    def happens(self, events: list[KernelEvent]) -> None:
        """Let the device send."""
        for event in events:
            if event.type == EV_KEY and event.value != 2:
                (self.down.add if event.value else self.down.discard)(event.code)
            elif (event.type, event.code) == (EV_SYN, SYN_DROPPED):
                self.down = set(self.down_after_loss)
            self.waiting.append(event)
        os.eventfd_write(self.fd, 1)

    @property
    def name(self) -> str:
        """Return its name; newer versions of evdev have it at hand, and so have we."""
        return self.recording.name

    def capabilities(self) -> dict[int, list[int]]:
        """Tell the types of events and their codes."""
        self._ask("capabilities")
        return {kind: self.recording.bits.get(kind, []) for kind in self.recording.bits[0]}

    def active_keys(self) -> list[int]:
        """Tell which keys are down."""
        self._ask("active_keys")
        self.meanwhile()
        self.waiting = deque(event for event in self.waiting if event.type != EV_KEY)
        return sorted(self.down)

    def read(self) -> list[KernelEvent]:
        """Give what is waiting."""
        self._ask("read")
        if not self.waiting:
            raise BlockingIOError
        events = [self.waiting.popleft() for _ in range(min(AT_ONCE, len(self.waiting)))]
        if not self.waiting:
            os.eventfd_read(self.fd)
        return events

    def grab(self) -> None:
        """Take it for this program alone."""
        self._ask("grab")
        if self.grab_error is not None:
            raise self.grab_error
        self.grabs += 1

    def close(self) -> None:
        """Give it back."""
        assert not self.closed, f"{self.path} is closed twice"
        self.closed = True
        os.close(self.fd)
        if "close" in self.gone:
            raise OSError(errno.ENODEV, "No such device")

    def _ask(self, call: str) -> None:
        assert not self.closed, f"{call} of {self.path} after it was closed"
        if call in self.gone or "*" in self.gone:
            raise OSError(errno.ENODEV, "No such device")

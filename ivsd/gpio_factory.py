"""gpiozero's pins on the kernel's GPIO lines; the only file that knows gpiod.

gpiozero's own factories do not fit a box that idles: lgpio's polls (1,474 wake-ups/s for one
input), and all of them accept Raspberry Pi boards and the numbers 0 to 27 only. Here the kernel
filters the bounce, stamps each edge with time and number, and wakes the one selector that
waits for all inputs. There is no thread: whoever owns a pin calls `dispatch` when its `fileno`
is readable. A pin belongs to the thread that made it; the factory may serve several.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from difflib import get_close_matches
from glob import glob
from inspect import ismethod
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakMethod

import gpiod
from gpiod.line import Bias, Direction, Edge, Value
from gpiozero import PinSetInput
from gpiozero.pins import Factory, Pin

CONSUMER = "ivsd"
"""Who holds the line, as `gpioinfo` and other programs see it."""

EDGE_BUFFER = 64
"""Edges the kernel keeps for one line until they are read; then it drops the oldest."""

DEV = "/dev"

_BIAS = {"floating": Bias.DISABLED, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN}
_EDGE = {"none": Edge.NONE, "rising": Edge.RISING, "falling": Edge.FALLING, "both": Edge.BOTH}
_VALUE = {False: Value.INACTIVE, True: Value.ACTIVE}

log = logging.getLogger(__name__)

WhenChanged = Callable[[float, int], object]


class LineProblem(Exception):
    """A line cannot be had or used; the text is a sentence for a technician."""


class Line(NamedTuple):
    """A GPIO line: chip as path, device name or label; line as number or name."""

    chip: str
    line: int | str

    @property
    def name(self) -> str:
        """What messages call it; gpiozero asks its pins' info for this."""
        return f"line {self.line} of {self.chip}"


class GpiodFactory(Factory):
    """Makes pins for gpiozero devices: `LED(Line("gpiochip0", 17), pin_factory=factory)`.

    It reserves nothing, because the kernel does: a line has one holder, and the second is
    refused, also when one says 5 and the other BTN_RECORD. So two pins never share a line, and
    a device that failed half-way blocks nobody. The factory holds nothing: closing it does
    nothing.
    """

    def pin(self, line: tuple[str, int | str]) -> GpiodPin:
        """Return a pin for `Line` or (chip, line); the line is asked for when first needed."""
        return GpiodPin(Line(*line))

    def reserve_pins(self, requester: object, *lines: object) -> None:
        """Do nothing: the kernel refuses the second holder."""

    def release_pins(self, reserver: object, *lines: object) -> None:
        """Do nothing: `GpiodPin.close` gives the line back."""

    def ticks(self) -> float:
        """Seconds of the monotonic clock; the kernel stamps its edges with the same."""
        return time.monotonic()

    def ticks_diff(self, later: float, earlier: float) -> float:
        return later - earlier


class GpiodPin(Pin):
    """One line. What touches the kernel raises LineProblem.

    gpiozero sets the properties of an input one by one. They are only noted, and the line is
    asked for once, with all of them, when it is first watched, read or driven.
    """

    pull = "floating"
    """The bias: "up", "down" or "floating" (none by the chip, the wiring has its own)."""
    bounce: float | None = None
    """An edge counts when the line has been stable for so many seconds; filtered in the kernel."""
    edges = "both"
    edge_at = 0.0
    """Monotonic time of the edge that `when_changed` is being told of: end of its bounce time."""
    lost_edges = 0
    """Edges that the kernel had to drop because nobody read them in time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._function = "input"
        self._level = False
        self._when_changed: Callable[[], WhenChanged | None] = lambda: None
        self._request: Any = None
        self._offset = 0
        self._seqno = 0

    def __repr__(self) -> str:
        return self._line.name

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there are edges to dispatch."""
        return int(self._held().fd)

    def dispatch(self) -> None:
        """Tell `when_changed` of each edge that is waiting, oldest first; never blocks."""
        with self._kernel():
            try:
                edges = self._held().read_edge_events()
            except BlockingIOError:
                return
        for edge in edges:
            if missed := edge.line_seqno - self._seqno - 1:
                self.lost_edges += missed
                log.warning("%r: %d edges came too fast and were lost", self, missed)
            self._seqno = edge.line_seqno
            self.edge_at = edge.timestamp_ns / 1e9
            if (tell := self.when_changed) is not None:
                tell(self.edge_at, int(edge.event_type is edge.Type.RISING_EDGE))

    def close(self) -> None:
        """Give the line back. On most boards an output keeps its level: switch it off before."""
        request, self._request = self._request, None
        if request is not None:
            request.release()

    def output_with_state(self, state: bool) -> None:
        """Make it an output that starts at this level, without a blip of the other one."""
        self._function, self._level = "output", bool(state)
        self._claim()

    def _get_info(self) -> Line:
        return self._line

    def _get_function(self) -> str:
        return self._function

    def _set_function(self, value: str) -> None:
        self.close()
        self._function = value
        if value == "output":
            self._claim()

    def _get_state(self) -> int:
        with self._kernel():
            return int(self._held().get_value(self._offset) is Value.ACTIVE)

    def _set_state(self, value: float) -> None:
        if self._function != "output":
            raise PinSetInput(f"{self!r} is an input")
        self._level = bool(value)
        with self._kernel():
            self._held().set_value(self._offset, _VALUE[self._level])

    def _get_when_changed(self) -> WhenChanged | None:
        return self._when_changed()

    def _set_when_changed(self, value: WhenChanged | None) -> None:
        # Weak, as gpiozero does it: a pin must not keep alive the device that owns it.
        self._when_changed = WeakMethod(value) if ismethod(value) else lambda: value
        if value is not None:
            self._claim()

    def _held(self) -> Any:
        """Return the kernel's request, and ask for the line if it is not ours yet."""
        if self._request is None:
            self._claim()
        return self._request

    def _claim(self) -> None:
        self.close()
        if self._function == "output":
            settings = gpiod.LineSettings(
                direction=Direction.OUTPUT, output_value=_VALUE[self._level]
            )
        else:
            settings = gpiod.LineSettings(
                direction=Direction.INPUT,
                bias=_BIAS[self.pull],
                debounce_period=timedelta(seconds=self.bounce or 0),
                edge_detection=_EDGE["none" if self.when_changed is None else self.edges],
            )
        with self._kernel(), _open_chip(self._line.chip) as chip:
            self._offset = _find_line(chip, self._line.line)
            try:
                self._request = chip.request_lines(
                    {self._offset: settings}, consumer=CONSUMER, event_buffer_size=EDGE_BUFFER
                )
            except OSError as error:
                raise LineProblem(_refusal(chip, self._offset, error)) from error
        self._seqno = 0
        # A selector may report edges that are not there; waiting for them would stop all inputs.
        os.set_blocking(self._request.fd, False)

    @contextmanager
    def _kernel(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            gone = error.errno == errno.ENODEV
            why = "its chip is gone" if gone else os.strerror(error.errno or 0)
            raise LineProblem(f"{self!r} cannot be used: {why}") from error


def _open_chip(name: str) -> Any:
    """Open the chip of this path, device name or label; raises LineProblem."""
    path = name if "/" in name else f"{DEV}/{name}"
    if not os.path.exists(path):
        path = _path_of(name)
    try:
        return gpiod.Chip(path)
    except OSError as error:
        raise LineProblem(f"{path} cannot be opened: {_why(path, error)}") from error


def _path_of(name: str) -> str:
    """Find the one chip with this label; raises LineProblem, which names those there are."""
    labels = {}
    # Some kernels have /dev/gpiochip4 as a link to gpiochip0, which is one chip and not two.
    for path in map(os.path.realpath, sorted(glob(f"{DEV}/gpiochip*"))):
        try:
            with gpiod.Chip(path) as chip:
                labels[path] = chip.get_info().label
        except OSError as error:
            labels[path] = _why(path, error)
    called = [path for path, label in labels.items() if label == name]
    if len(called) == 1:
        return called[0]
    if called:
        raise LineProblem(f"{' and '.join(called)} are both called {name}: name one by its path")
    there = ", ".join(f"{path} ({label})" for path, label in labels.items())
    raise LineProblem(f"there is no GPIO chip {name}, {f'only {there}' if there else 'nor any'}")


def _why(path: str, error: OSError) -> str:
    """Say why a chip cannot be opened, and who could mend it."""
    if error.errno == errno.EPERM:  # not the file's mode: systemd's DevicePolicy=
        return "forbidden, the service needs DeviceAllow=char-gpiochip rw"
    if error.errno != errno.EACCES:
        return f"{error.strerror} (is it a GPIO chip?)"
    with suppress(KeyError, OSError):
        if (group := Path(path).group()) != "root":
            return f"no permission, this user must be in the group {group}"
    return "no permission, the group gpio must own it (udev rule) and this user be in that group"


def _find_line(chip: Any, line: int | str) -> int:
    """Return the line's number on the chip; raises LineProblem."""
    info = chip.get_info()
    if isinstance(line, int):
        if 0 <= line < info.num_lines:
            return line
        raise LineProblem(f"{info.name} has no line {line}, only 0 to {info.num_lines - 1}")
    # Most lines have no name; reversed, so that of equal names the first line is meant.
    numbers = reversed(range(info.num_lines))
    names = {name: number for number in numbers if (name := chip.get_line_info(number).name)}
    if line in names:
        return names[line]
    near = get_close_matches(line, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "give its number"
    raise LineProblem(f"{info.name} has no line called {line}: {hint}")


def _refusal(chip: Any, offset: int, error: OSError) -> str:
    """Say why the kernel does not hand out the line."""
    line = chip.get_line_info(offset)
    where = f"line {offset}{f' ({line.name})' if line.name else ''} of {chip.get_info().name}"
    if error.errno != errno.EBUSY:
        return f"{where} cannot be used: {error.strerror}"
    if line.consumer == CONSUMER:
        return f"{where} is in use by {CONSUMER}: configured twice, or ivsd runs twice"
    return f"{where} is in use by {line.consumer or 'another program'}"

"""gpiozero's pins on the kernel's GPIO lines; with `gpio_lines` the only file that knows gpiod.

gpiozero's own factories do not fit a box that idles: lgpio's polls (1,474 wake-ups/s for one
input), and all of them accept Raspberry Pi boards and the numbers 0 to 27 only. Here the kernel
filters the bounce, stamps each edge with time and number, and wakes the one selector that
waits for all inputs. There is no thread: whoever owns a pin calls `dispatch` when its `fileno`
is readable. A pin belongs to the thread that made it; the factory may serve several.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from inspect import ismethod
from typing import Any
from weakref import WeakMethod

import gpiod
from gpiod.line import Bias, Direction, Edge, Value
from gpiozero import (
    PinFixedPull,
    PinInvalidBounce,
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPull,
    PinSetInput,
)
from gpiozero.pins import Factory, Pin

from ivsd.gpio_lines import Line, LineProblem, claim, kernel

__all__ = ["GpiodFactory", "GpiodPin", "Line", "LineProblem"]

EDGE_BUFFER = 64
"""Edges the kernel keeps for one line until they are read; then it drops the oldest."""

_BIAS = {"floating": Bias.DISABLED, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN}
_EDGE = {"none": Edge.NONE, "rising": Edge.RISING, "falling": Edge.FALLING, "both": Edge.BOTH}
_VALUE = {False: Value.INACTIVE, True: Value.ACTIVE}

WhenChanged = Callable[[float, int], object]


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
    asked for once, with all of them, when it is first watched, read or driven. What is changed
    later asks for it again, and `fileno` may be another one then.

    `pull` is the bias: "up", "down" or "floating" (none by the chip, the wiring has its own).
    `bounce` is for how many seconds the line must have been stable for an edge to count; the
    kernel filters.
    """

    edge_at = 0.0
    """Monotonic time of the edge that `when_changed` is being told of: end of its bounce time."""
    lost_edges = 0
    """Edges that the kernel had to drop because nobody read them in time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._function = "input"
        self._pull = "floating"
        self._bounce: float | None = None
        self._edges = "both"
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
        if value not in ("input", "output"):
            raise PinInvalidFunction(f"{self!r} can be input or output, not {value}")
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

    def _get_pull(self) -> str:
        return self._pull

    def _set_pull(self, value: str) -> None:
        if self._function != "input":
            raise PinFixedPull(f"{self!r} is an output")
        if value not in _BIAS:
            raise PinInvalidPull(f"{self!r} can be pulled {', '.join(_BIAS)}, not {value}")
        self._pull = value
        self._ask_again()

    def _get_bounce(self) -> float | None:
        return self._bounce

    def _set_bounce(self, value: float | None) -> None:
        if value is not None and float(value) < 0:
            raise PinInvalidBounce(f"{self!r} cannot have a bounce time of {value} s")
        self._bounce = value
        self._ask_again()

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        if value not in _EDGE:
            raise PinInvalidEdges(f"{self!r} can tell {', '.join(_EDGE)}, not {value}")
        self._edges = value
        self._ask_again()

    def _ask_again(self) -> None:
        """Let the kernel know what has changed, if the line is ours already."""
        if self._request is not None and self._function == "input":
            self._claim()

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
        self._request, (self._offset,) = claim(
            self._line.chip, [self._line.line], settings, EDGE_BUFFER
        )
        self._seqno = 0

    def _kernel(self) -> AbstractContextManager[None]:
        return kernel(self._line.name)

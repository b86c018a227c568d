"""Push buttons on GPIO lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

# Not gpiozero's Button: each has a thread that wakes up ten times a second to look for a hold.
from gpiozero import DigitalInputDevice

from ivsd.events import Disturbed, Event, Pressed, Released
from ivsd.gpio_factory import GpiodFactory, Line, LineProblem
from ivsd.inputs.source import DeviceProblem, Source

_PULL_UP = {"up": True, "down": False, "none": None}


class GpioButton(Source):
    """A button, or any contact, between a line and ground or supply.

    `active` is the line's level while the button is down. A contact that opens when pressed is
    pull "up" with active "high". `bounce_ms` is how long the level must last to count, 0 for a
    line that is clean already; it delays every event by so much.

    A button that is down when it is opened gives no events until it has been released: nobody
    knows when it was pressed. A release is only told after its press, and never made up: a
    line that is lost while the button is down ends without one.

    Close it, do not drop it: gpiozero keeps the handlers of its devices in lists of its own.
    """

    def __init__(
        self,
        control: str,
        chip: str,
        line: int | str,
        pull: Literal["up", "down", "none"],
        active: Literal["low", "high"],
        bounce_ms: int,
        factory: GpiodFactory,
    ) -> None:
        self.name = f"button {control} on {line}"  # a control may have several buttons
        self._control = control
        self._line = Line(chip, line)
        self._pull = pull
        self._active = active
        self._bounce_s = bounce_ms / 1000 or None
        self._factory = factory
        self._device: Any = None
        self._down = False
        self._lost_before = 0  # edges, until it was opened the last time
        self._lost_then = 0  # edges since it was opened, when the button went down
        self._events: list[Event] = []

    def open(self) -> None:
        """Take the line; raises DeviceProblem."""
        # For gpiozero a pulled line is active at the other level, and only a floating line may
        # be told; where that is not the level of the pressed button, the handlers are swapped.
        active = {"up": "low", "down": "high", "none": self._active}[self._pull]
        try:
            device = DigitalInputDevice(
                self._line,
                pull_up=_PULL_UP[self._pull],
                active_state=active == "high" if self._pull == "none" else None,
                bounce_time=self._bounce_s,
                pin_factory=self._factory,
            )
        except LineProblem as problem:
            raise DeviceProblem(f"{self.name}: {problem}") from problem
        handlers = [self._pressed, self._released]
        if active != self._active:
            handlers.reverse()
        device.when_activated, device.when_deactivated = handlers
        self._device, self._down = device, False

    def fileno(self) -> int:
        """Descriptor that becomes readable at an edge; raises DeviceProblem when not open."""
        return int(self._pin().fileno())

    def read(self) -> Iterable[Event]:
        """Return the presses and releases since the last call; raises DeviceProblem."""
        pin = self._pin()
        lost = pin.lost_edges
        try:
            # gpiozero compares each edge with the level it has last seen (first: when opened)
            # and calls a handler below only for a change.
            pin.dispatch()
        except LineProblem as problem:
            raise DeviceProblem(f"{self.name}: {problem}") from problem
        if pin.lost_edges > lost:
            total = self._lost_before + pin.lost_edges
            self._events.append(Disturbed(self.name, "lost edges", total, pin.edge_at))
        events, self._events = self._events, []
        return events

    def deadline(self) -> float | None:
        """None: the kernel does the timing."""
        return None

    def expire(self, now: float) -> Iterable[Event]:
        """Nothing is left to time."""
        return ()

    def close(self) -> None:
        """Give the line back; never raises."""
        device, self._device = self._device, None
        if device is not None:
            self._lost_before += device.pin.lost_edges
            device.close()
        self._events = []

    def _pin(self) -> Any:
        if self._device is None:
            raise DeviceProblem(f"{self.name} is not open")
        return self._device.pin

    def _pressed(self) -> None:
        self._down, self._lost_then = True, self._device.pin.lost_edges
        self._events.append(Pressed(self._control, self._device.pin.edge_at))

    def _released(self) -> None:
        if self._down:
            self._down = False
            pin = self._device.pin
            was_seen = pin.lost_edges == self._lost_then  # else it came up, and went down again
            self._events.append(Released(self._control, pin.edge_at, was_seen))

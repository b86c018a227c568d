"""GPIO lines that nobody uses, looked at for a contact that closes or opens.

A line is taken as an input with the chip's weak pull-up, so whatever is wired to it is not
driven: the current is that of the pull-up, tens of microamperes. Which lines may be tried at
all is `ivsd.set_up.spare_lines`' to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from ivsd.gpio_factory import GpiodFactory, GpiodPin, Line, LineProblem
from ivsd.inputs.finder import FoundLine
from ivsd.inputs.source import DeviceProblem

STABLE_S = 0.01
"""A contact bounces; the kernel tells of a level that has lasted so long."""
SETTLE_S = 0.1
"""The pull-up needs some time to charge a wire and a filter, which is no press."""
DISCHARGE_S = 0.02
"""So does a pull-down to discharge them; a short press lasts three times as long."""


class LineProbe:
    """A free line; a probe of `ivsd.inputs.finder`. Raises LineProblem where it cannot be had."""

    def __init__(
        self,
        chip: str,
        line: int,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._line = Line(chip, line)
        self._clock = clock
        self._wait = wait
        self._level: int | None = None
        """Its level at rest; None while it settles."""
        self._changed_to: int | None = None
        self._pin: GpiodPin = GpiodFactory().pin(self._line)
        self._pin.pull, self._pin.bounce = "up", STABLE_S
        self._pin.when_changed = self._changed
        self._settles_at = clock() + SETTLE_S

    def fileno(self) -> int:
        """Return the line's descriptor."""
        return self._pin.fileno()

    def read(self) -> FoundLine | None:
        """Take the edges that are waiting; raises DeviceProblem when the chip is gone."""
        try:
            self._pin.dispatch()
            return self._found()
        except LineProblem as e:
            raise DeviceProblem(str(e)) from e

    def deadline(self) -> float | None:
        """Return when the line has settled."""
        return self._settles_at if self._level is None else None

    def expire(self, now: float) -> FoundLine | None:
        """Note the level at rest; raises DeviceProblem when the chip is gone."""
        try:
            self._pin.dispatch()  # what came until now was no hand
            self._level, self._changed_to = self._pin.state, None
        except LineProblem as e:
            raise DeviceProblem(str(e)) from e
        return None

    def close(self) -> None:
        """Give the line back."""
        with suppress(LineProblem):
            self._pin.close()

    def _changed(self, at: float, level: int) -> None:
        if self._level is not None and self._changed_to is None and level != self._level:
            self._changed_to = level

    def _found(self) -> FoundLine | None:
        if self._changed_to is None:
            return None
        chip, number = self._line.chip, int(self._line.line)
        if self._changed_to == 0:  # a contact to ground has closed
            return FoundLine(chip, number, "low", "up")
        # It was low against our pull-up, and rose. Either a contact to the supply has closed (the
        # board has a pull-down), or one to ground has opened, and only our pull-up made it rise.
        self._pin.bounce = None  # what is read is the wire's level, not one of 10 ms ago
        self._pin.pull = "down"
        self._wait(DISCHARGE_S)
        return FoundLine(chip, number, "high", "down" if self._pin.state else "up")

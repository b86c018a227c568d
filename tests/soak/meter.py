"""What may not grow: memory, open files, threads, the controller's containers."""

from __future__ import annotations

import gc
import os
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

PER = 100_000  # events: what slopes are told for; about a day of a box that polls every second
SAMPLES = 50
WARM_UP = 0.1  # share of the run that is not looked at: caches and pools fill up

Row = tuple[str, str]
"""A line of the table: what, and its figure."""


class SoakFailure(Exception):
    """Something did not hold; the text names the seed and the event."""


def rss_kib() -> float:
    """Resident memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def blocks() -> float:
    """Python objects alive, more or less: it grows with the first leaked object, RSS much later."""
    return sys.getallocatedblocks()


def open_files() -> float:
    """Open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd")) - 1  # the listing itself needs one


@dataclass
class Gauge:
    """One figure that is read again and again, and how much it may grow.

    `per_limit` is per PER events. A short run cannot tell so small a slope from noise: growth up to
    `noise` over the whole run is never a failure.
    """

    name: str
    read: Callable[[], float]
    per_limit: float
    noise: float
    _events: array[float] = field(default_factory=lambda: array("d"))  # no object per sample:
    _values: array[float] = field(default_factory=lambda: array("d"))  # `blocks` would see it

    @property
    def slope(self) -> float:
        """Growth per PER events after the warm-up, by least squares."""
        points = self._warm
        if len(points) < 2:
            return 0.0
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        return PER * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread

    def sample(self, events: int) -> None:
        """Read the figure, `events` after the beginning."""
        self._events.append(events)
        self._values.append(self.read())

    @property
    def _warm(self) -> list[tuple[float, float]]:
        points = list(zip(self._events, self._values, strict=True))
        return [point for point in points if point[0] >= points[-1][0] * WARM_UP]

    @property
    def limit(self) -> float:
        """The slope that is a failure in a run of this length."""
        points = self._warm
        span = (points[-1][0] - points[0][0]) / PER if len(points) > 1 else 0.0
        return max(self.per_limit, self.noise / span) if span else float("inf")

    @property
    def row(self) -> Row:
        values = [value for _, value in self._warm] or [0.0]
        return self.name, (
            f"{values[0]:,.0f} -> {values[-1]:,.0f} (most {max(values):,.0f}), "
            f"slope {self.slope:+,.1f} per {PER:,} events, limit {self.limit:,.1f}"
        )


class Meter:
    """Several gauges that are read at the same moments."""

    def __init__(self, *gauges: Gauge) -> None:
        self.gauges = gauges

    def sample(self, events: int) -> None:
        """Read all gauges, `events` after the beginning."""
        gc.collect()  # what merely waits for the collector is no leak
        for gauge in self.gauges:
            gauge.sample(events)

    def check(self, seed: int, events: int) -> None:
        """Raise SoakFailure if anything has grown."""
        for gauge in self.gauges:
            if gauge.slope > gauge.limit:
                raise SoakFailure(f"seed {seed}, event {events}: it grows: {': '.join(gauge.row)}")

    @property
    def rows(self) -> list[Row]:
        return [gauge.row for gauge in self.gauges]


def contained(thing: object) -> int:
    """How many items all lists, dicts, sets and deques below an object of ivsd's hold together.

    By looking, not by names: a container that is added tomorrow is counted without our help.
    What is frozen (rules, events) cannot grow and is not looked into.
    """
    seen: set[int] = set()
    return sum(_sizes(thing, seen))


def _sizes(thing: object, seen: set[int]) -> Iterator[int]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, dict | list | set | deque):
        yield len(thing)
        for item in list(thing.values() if isinstance(thing, dict) else thing):
            yield from _sizes(item, seen)
    elif type(thing).__module__.startswith("ivsd.") and not isinstance(thing, Enum | type):
        if getattr(getattr(thing, "__dataclass_params__", None), "frozen", False):
            return
        for value in _attributes(thing):
            yield from _sizes(value, seen)


def _attributes(thing: Any) -> Iterator[object]:
    yield from vars(thing).values() if hasattr(thing, "__dict__") else ()
    for name in getattr(type(thing), "__slots__", ()):
        yield getattr(thing, name, None)

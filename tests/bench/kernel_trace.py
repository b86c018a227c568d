"""The kernel's own trace of the virtual machine: what happened when, on one clock, unseen.

Nothing is added to what is measured, nothing samples: the kernel writes a line when it hands
on a key or an edge, when a lamp's line is driven, when a packet goes to a network card, and
when one thread wakes another. Times are seconds of CLOCK_MONOTONIC, in whole microseconds.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

TRACING = "/sys/kernel/tracing"
KEY, EDGE = "key_event", "edge_event"
LINE_SET, PACKET, WAKE = "gpio_value", "net_dev_queue", "sched_waking"

SMALLEST_REQUEST = 150
"""Bytes with all headers; a packet that only acknowledges is shorter."""

_LINE = re.compile(r"\s*.*-(\d+)\s+\[\d+\]\s+\S+\s+(\d+\.\d+): (\w+): (.*)")


class Runs(Protocol):
    """What is wanted of a machine."""

    def run(self, command: str, *, check: bool = True, timeout_s: float = 60.0) -> str: ...


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the trace; `thread` did it, or was interrupted by it."""

    at: float
    thread: int
    name: str
    text: str


def start(machine: Runs, woken: Iterable[int]) -> None:
    """Begin; of the threads that are woken only those of these ids are noted."""
    threads = " || ".join(f"pid == {thread}" for thread in woken)
    machine.run(
        f"cd {TRACING} && echo 0 > tracing_on && echo > trace && echo 0 > events/enable"
        " && echo mono > trace_clock && echo 16384 > buffer_size_kb"
        f" && echo 'p:ivsd/{KEY} evdev_events' > kprobe_events"
        f" && echo 'p:ivsd/{EDGE} linereq_put_event' >> kprobe_events"
        f" && echo 'len > {SMALLEST_REQUEST}' > events/net/{PACKET}/filter"
        f" && echo '{threads}' > events/sched/{WAKE}/filter"
        f" && for event in ivsd gpio/{LINE_SET} net/{PACKET} sched/{WAKE};"
        " do echo 1 > events/$event/enable; done && echo 1 > tracing_on"
    )


def stop(machine: Runs) -> list[Happening]:
    """End, and return all that happened, oldest first."""
    text = machine.run(
        f"cd {TRACING} && echo 0 > tracing_on && cat trace && echo 0 > events/enable"
        " && echo > kprobe_events && echo > trace"
    )
    return list(parsed(text.splitlines()))


def parsed(lines: Iterable[str]) -> Iterator[Happening]:
    """Read the trace's text."""
    for line in lines:
        if match := _LINE.fullmatch(line):
            yield Happening(float(match[2]), int(match[1]), match[3], match[4])


def between(happenings: Sequence[Happening], began: float, ended: float) -> Sequence[Happening]:
    """Return what happened in this time."""
    at = attrgetter("at")
    first = bisect_left(happenings, began, key=at)
    return happenings[first : bisect_left(happenings, ended, key=at)]


def changed(happenings: Iterable[Happening], first_line: int, lines: Sequence[int]) -> list[float]:
    """When one of these lines of a chip was driven to another level; 0 is `first_line` here.

    Being driven for the first time counts as a change, too.
    """
    levels: dict[int, str] = {}
    found = []
    for happening in happenings:
        if happening.name == LINE_SET:
            number, what, level = happening.text.split()
            line = int(number) - first_line
            if what == "set" and line in lines and levels.get(line) != level:
                levels[line] = level
                found.append(happening.at)
    return found

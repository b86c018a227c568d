"""The kernel's GPIO chips and lines: to find them, hold them, watch them, say what is wrong.

With `gpio_factory` the only file that knows gpiod. What touches the kernel raises LineProblem.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob
from pathlib import Path
from typing import Any, Literal, NamedTuple

import gpiod
from gpiod.line import Bias, Direction, Edge

CONSUMER = "ivsd"
"""Who holds the line, as `gpioinfo` and other programs see it."""

WATCH_BUFFER = 512
"""Edges the kernel keeps for one EdgeWatch until they are read; then it drops the oldest."""

DEV = "/dev"

_PULL = {"none": Bias.DISABLED, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN}
_EDGE = {"rising": Edge.RISING, "falling": Edge.FALLING}


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


# -- watching several lines -------------------------------------------------------------------


class WatchedEdge(NamedTuple):
    """An edge as the kernel saw it."""

    line: int
    """Which of the lines that were given, from 0."""
    at: float
    """Seconds of the monotonic clock, stamped by the kernel when the edge came."""
    seqno: int
    """Counts the edges of all lines of the watch from 1; a hole means that some were lost."""
    line_seqno: int
    """Counts those of this line."""


class EdgeWatch:
    """Several input lines of one chip in one request, so that the kernel numbers their edges.

    Taken when made. Nothing is filtered: `edge` says which edges count.
    """

    def __init__(
        self,
        chip: str,
        lines: Sequence[int | str],
        *,
        pull: Literal["up", "down", "none"],
        edge: Literal["rising", "falling"],
    ) -> None:
        self._name = f"{' and '.join(f'line {line}' for line in lines)} of {chip}"
        settings = gpiod.LineSettings(
            direction=Direction.INPUT, bias=_PULL[pull], edge_detection=_EDGE[edge]
        )
        self._request: Any
        self._request, offsets = claim(chip, lines, settings, WATCH_BUFFER)
        self._places = {offset: place for place, offset in enumerate(offsets)}

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there are edges."""
        return int(self._request.fd)

    def read(self) -> list[WatchedEdge]:
        """Return all edges that are waiting, oldest first; never blocks."""
        edges: list[WatchedEdge] = []
        with kernel(self._name), suppress(BlockingIOError):
            # gpiod hands out 64 at most. Edges that come faster than this loop end it, too.
            while len(edges) < 2 * WATCH_BUFFER:
                edges += [
                    WatchedEdge(
                        self._places[edge.line_offset],
                        edge.timestamp_ns / 1e9,
                        edge.global_seqno,
                        edge.line_seqno,
                    )
                    for edge in self._request.read_edge_events()
                ]
        return edges

    def close(self) -> None:
        """Give the lines back."""
        request, self._request = self._request, None
        if request is not None:
            request.release()


def claim(
    chip_name: str, lines: Sequence[int | str], settings: Any, edge_buffer: int
) -> tuple[Any, list[int]]:
    """Hold these lines; return gpiod's request, which never blocks, and their numbers."""
    where = " and ".join(Line(chip_name, line).name for line in lines)
    with kernel(where), open_chip(chip_name) as chip:
        offsets = [find_line(chip, line) for line in lines]
        if len(set(offsets)) < len(offsets):
            raise LineProblem(f"{where} are one and the same line")
        try:
            request = chip.request_lines(
                dict.fromkeys(offsets, settings), consumer=CONSUMER, event_buffer_size=edge_buffer
            )
        except OSError as error:
            # The kernel does not say which one it refuses.
            held = [offset for offset in offsets if chip.get_line_info(offset).used]
            raise LineProblem(refusal(chip, (held or offsets)[0], error)) from error
    # A selector may report edges that are not there; waiting for them would stop all inputs.
    os.set_blocking(request.fd, False)
    return request, offsets


@contextmanager
def kernel(what: str) -> Iterator[None]:
    """Turn the kernel's refusals in this block into LineProblems about `what`."""
    try:
        yield
    except OSError as error:
        gone = error.errno == errno.ENODEV
        why = "its chip is gone" if gone else os.strerror(error.errno or 0)
        raise LineProblem(f"{what} cannot be used: {why}") from error


# -- what there is ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineInfo:
    """A line, as it is now."""

    number: int
    name: str
    """ "" for most: names come from the board's device tree."""
    consumer: str
    """Who holds it; "" when nobody does."""
    is_output: bool


@dataclass(frozen=True, slots=True)
class ChipInfo:
    """A GPIO chip of this box."""

    path: str
    name: str
    label: str
    lines: tuple[LineInfo, ...]
    problem: str = ""
    """Why it could not be looked at; then there is no label and no lines."""


def chips() -> list[ChipInfo]:
    """Return all chips with all their lines; a chip that cannot be opened says why."""
    return [_look_at(path) for path in _paths()]


def _look_at(path: str) -> ChipInfo:
    try:
        with gpiod.Chip(path) as chip:
            info = chip.get_info()
            lines = map(chip.get_line_info, range(info.num_lines))
            return ChipInfo(path, info.name, info.label, tuple(map(_described, lines)))
    except OSError as error:
        return ChipInfo(path, Path(path).name, "", (), why(path, error))


def _described(line: Any) -> LineInfo:
    consumer = (line.consumer or "another program") if line.used else ""
    return LineInfo(line.offset, line.name or "", consumer, line.direction is Direction.OUTPUT)


def _paths() -> list[str]:
    """Paths of all chips, gpiochip2 before gpiochip10."""
    # Some kernels have /dev/gpiochip4 as a link to gpiochip0, which is one chip and not two.
    found = {os.path.realpath(path) for path in glob(f"{DEV}/gpiochip*")}
    return sorted(found, key=lambda path: (len(path), path))


def open_chip(name: str) -> Any:
    """Open the chip of this path, device name or label."""
    path = name if "/" in name else f"{DEV}/{name}"
    if not os.path.exists(path):
        path = path_of(name)
    try:
        return gpiod.Chip(path)
    except OSError as error:
        raise LineProblem(f"{path} cannot be opened: {why(path, error)}") from error


def path_of(name: str) -> str:
    """Find the one chip with this label; the problem names those there are."""
    labels = {}
    for path in _paths():
        try:
            with gpiod.Chip(path) as chip:
                labels[path] = chip.get_info().label
        except OSError as error:
            labels[path] = why(path, error)
    called = [path for path, label in labels.items() if label == name]
    if len(called) == 1:
        return called[0]
    if called:
        raise LineProblem(f"{' and '.join(called)} are both called {name}: name one by its path")
    there = ", ".join(f"{path} ({label})" for path, label in labels.items())
    raise LineProblem(f"there is no GPIO chip {name}, {f'only {there}' if there else 'nor any'}")


def why(path: str, error: OSError) -> str:
    """Say why a chip cannot be opened, and who could mend it."""
    if error.errno == errno.EPERM:  # not the file's mode: systemd's DevicePolicy=
        return "forbidden, the service needs DeviceAllow=char-gpiochip rw"
    if error.errno != errno.EACCES:
        return f"{error.strerror} (is it a GPIO chip?)"
    with suppress(KeyError, OSError):
        if (group := Path(path).group()) != "root":
            return f"no permission, this user must be in the group {group}"
    return "no permission, the group gpio must own it (udev rule) and this user be in that group"


def find_line(chip: Any, line: int | str) -> int:
    """Return the line's number on the chip."""
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


def refusal(chip: Any, offset: int, error: OSError) -> str:
    """Say why the kernel does not hand out the line."""
    line = chip.get_line_info(offset)
    where = f"line {offset}{f' ({line.name})' if line.name else ''} of {chip.get_info().name}"
    if error.errno != errno.EBUSY:
        return f"{where} cannot be used: {error.strerror}"
    if line.consumer == CONSUMER:
        return f"{where} is in use by {CONSUMER}: configured twice, or ivsd runs twice"
    return f"{where} is in use by {line.consumer or 'another program'}"

"""Badge readers and keypads with a Wiegand interface, on two GPIO lines.

Many drive their wires to 5 V: a level shifter must stand before lines that bear 3.3 V only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from ivsd.events import Disturbed, Event, Misread, NumberKind, Scanned
from ivsd.gpio_lines import EdgeWatch, LineProblem
from ivsd.inputs.frames import WRONG_NOTATION, Frame
from ivsd.inputs.source import DeviceProblem, Source
from ivsd.inputs.wiegand_formats import (
    CLEAR,
    DEFAULT_FORMATS,
    ENTER,
    KEY_UNREAD,
    Accepted,
    Badge,
    Key,
    Rejected,
)
from ivsd.inputs.wiegand_frames import GAP_MS, Ended, Frames
from ivsd.valt.model import Secret

_KEYS = {digit: f"KEY_{digit}" for digit in range(10)} | {CLEAR: "KEY_ESC", ENTER: "KEY_ENTER"}
_EDGE: dict[str, Literal["rising", "falling"]] = {"low": "falling", "high": "rising"}


class WiegandReader(Source):
    """A Wiegand reader; `data0` and `data1` are lines of one chip, by number or name.

    `active` is the level of a pulse: low, unless something on the way turns it round. `formats`
    are the numbers of bits its badges may have, or `raw_bits` the one of an unknown format
    (`wiegand_formats.settings_problem` says which can be). `badges` and `pins` say what it may
    deliver; PINs come from a `keypad` alone, # is Enter and * begins anew. `as_valt` writes the
    number of a badge as VALT has it, and returns None where that cannot be done.

    What a disturbance spoils is told as Misread, never guessed; what was too little to be a
    badge or key is only counted.
    """

    def __init__(
        self,
        name: str,
        chip: str,
        data0: int | str,
        data1: int | str,
        *,
        pull: Literal["up", "down", "none"],
        active: Literal["low", "high"] = "low",
        formats: Iterable[int] = DEFAULT_FORMATS,
        raw_bits: int | None = None,
        keypad: bool = False,
        gap_ms: int = GAP_MS,
        badges: bool = True,
        pins: bool = False,
        pin_length: int | None = None,
        as_valt: Callable[[int], str | None] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._chip = chip
        self._lines = (data0, data1)  # the place of a line is the bit it brings
        self._pull = pull
        self._edge = _EDGE[active]
        self._accepted = Accepted(
            formats=frozenset(formats if badges else ()),
            raw_bits=raw_bits if badges else None,
            keypad=keypad and pins,
        )
        self._frames = Frames(self._accepted, gap_ms / 1000)
        self._pin = Frame(name, badges=False, pins=True, pin_length=pin_length)
        self._as_valt = as_valt
        self._clock = clock
        self._watch: EdgeWatch | None = None
        self._told = dict.fromkeys(self._totals(), 0)

    def open(self) -> None:
        """Take the lines; raises DeviceProblem."""
        try:
            self._watch = EdgeWatch(self._chip, self._lines, pull=self._pull, edge=self._edge)
        except LineProblem as problem:
            raise DeviceProblem(f"{self.name}: {problem}") from problem
        now = self._clock()
        self._frames.restart(now)
        self._pin.clear()

    def fileno(self) -> int:
        """Descriptor that becomes readable at a pulse; raises DeviceProblem when not open."""
        return self._held().fileno()

    def read(self) -> Iterable[Event]:
        """Return what the pulses since the last call complete; raises DeviceProblem."""
        try:
            edges = self._held().read()
        except LineProblem as problem:
            raise DeviceProblem(f"{self.name}: {problem}") from problem
        events: list[Event] = []
        for edge in edges:
            for ended in self._frames.bit(edge.line, edge.at, edge.seqno):
                events.extend(self._meaning(ended))
        events.extend(self._disturbances())
        return events

    def deadline(self) -> float | None:
        """When the frame that is coming in may have ended, or a half-typed PIN is forgotten."""
        ends = (self._frames.deadline(), self._pin.deadline())
        return min((end for end in ends if end is not None), default=None)

    def expire(self, now: float) -> Iterable[Event]:
        """End what is over; raises DeviceProblem."""
        events = list(self.read())  # no frame ends while there are pulses to read
        for ended in self._frames.expire(now):
            events.extend(self._meaning(ended))
        if pin := self._pin.expire(now):
            events.append(pin)
        events.extend(self._disturbances())
        return events

    def close(self) -> None:
        """Give the lines back; never raises."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _held(self) -> EdgeWatch:
        if self._watch is None:
            raise DeviceProblem(f"{self.name} is not open")
        return self._watch

    def _meaning(self, ended: Ended) -> Iterator[Event]:
        at = ended.at
        match ended.what:
            case Badge(number):
                self._pin.clear()  # somebody else's, or given up
                valt = self._as_valt(number)
                if valt is None:
                    yield Misread(self.name, at, WRONG_NOTATION)
                else:
                    yield Scanned(self.name, NumberKind.BADGE, Secret(valt), at)
            case Key(key):
                if pin := self._pin.key(_KEYS[key], at):
                    yield pin
            case Rejected(bits, why):
                if self._accepted.is_key(bits):
                    # Without it the digits would be another PIN, which could be somebody's.
                    self._pin.spoil(at)
                    why = KEY_UNREAD
                yield Misread(self.name, at, why)

    def _totals(self) -> dict[str, int]:
        return {
            "noise": self._frames.noise,
            "rejected frames": self._frames.rejected,
            "lost edges": self._frames.lost,
        }

    def _disturbances(self) -> Iterator[Event]:
        for what, total in self._totals().items():
            if total != self._told[what]:
                self._told[what] = total
                yield Disturbed(self.name, what, total, self._frames.last_at)

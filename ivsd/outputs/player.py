"""Plays the light language on the lamps: one thread, the latest view wins, nobody waits.

A receipt is played once over the steady look, to its end even when the state changes under
it, and then the lamp returns to what is true by then. A fault that leaves the room's state
known is blinked in between the state. Neither interrupts the state on a lamp that has no light
for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ivsd.events import DeviceFound, DeviceLost, Event, LightView
from ivsd.outputs.lamp import Colour, Lamp, LampProblem
from ivsd.outputs.patterns import Look, once, steps_of
from ivsd.valt.model import RoomState

RECORDING_SIGN = "recording"
STATE_BETWEEN_FAULTS_S = 3.0
REOPEN_S = 30.0

Frame = tuple[Colour, float]
"""A colour and for how many seconds."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A lamp, what it shows (`status` or `recording`), and its own light table."""

    lamp: Lamp
    shows: str
    looks: dict[str, Look]


def _frames(look: Look) -> list[Frame]:
    return [(look.colour if lit else Colour.OFF, s) for lit, s in steps_of(look.pattern)]


def steady_frames(view: LightView, fixture: Fixture) -> list[Frame]:
    """One round of what this lamp shows until something changes."""
    if fixture.shows == RECORDING_SIGN:
        return _frames(fixture.looks[RoomState.RECORDING]) if view.records else [(Colour.OFF, 1.0)]
    frames = _frames(fixture.looks[view.name])
    fault = fixture.looks[view.fault] if view.fault and view.fault != view.name else None
    if fault is not None and not fault.is_dark and not view.pending and not view.reset:
        base = frames if len(frames) > 1 else [(frames[0][0], STATE_BETWEEN_FAULTS_S)]
        dark = [(Colour.OFF, 0.3)]
        blinks = [(fault.colour if lit else Colour.OFF, s) for lit, s in once(fault.pattern)]
        return base * (1 if len(frames) == 1 else 2) + dark + blinks + dark
    return frames


def blinking(colour: Colour) -> list[Frame]:
    """What a lamp shows once when somebody wants to see which it is: no word of the language."""
    return [(Colour.OFF, 0.25), (colour, 0.75)] * 3 + [(Colour.OFF, 0.25)]


def receipt_frames(view: LightView, fixture: Fixture) -> list[Frame]:
    """What this lamp shows once as the answer to a press."""
    if fixture.shows == RECORDING_SIGN or view.receipt is None:
        return []
    look = fixture.looks[view.receipt]
    if look.is_dark:
        return []
    blinks = [(look.colour if lit else Colour.OFF, s) for lit, s in once(look.pattern)]
    return [(Colour.OFF, 0.12), *blinks]


@dataclass(slots=True)
class _Track:
    """Where one lamp stands in what it plays."""

    fixture: Fixture
    frames: list[Frame] = field(default_factory=list)
    receipt: list[Frame] = field(default_factory=list)
    gives_way: bool = False
    """Whether what is played once is no receipt, and ends with the first news."""
    index: int = 0
    until: float = 0.0
    shown: Colour | None = None
    usable: bool = False
    reopen_at: float = 0.0

    def take(self, view: LightView, new_receipt: bool, now: float) -> None:
        """Switch to another view; a receipt that is playing goes on."""
        frames = steady_frames(view, self.fixture)
        if new_receipt:
            self.receipt, self.gives_way = receipt_frames(view, self.fixture), False
        elif frames == self.frames:
            return
        elif self.gives_way:
            self.receipt = []
        playing_receipt = bool(self.receipt) and not new_receipt
        self.frames = frames
        if not playing_receipt:
            self.index, self.until = -1, now

    def blink(self, frames: list[Frame], now: float) -> None:
        """Show this once, unless an answer to a press is shown."""
        if not self.receipt or self.gives_way:
            self.receipt, self.gives_way, self.index, self.until = frames, True, -1, now

    def advance(self, now: float) -> float | None:
        """Move to the frame of this moment; return when the next one is due, None for never."""
        while now >= self.until:
            self.index += 1
            playing = self.receipt or self.frames
            if self.index >= len(playing):
                self.receipt, self.index = [], 0
                playing = self.frames
            if not self.receipt and len(self.frames) == 1:
                self.until = float("inf")
            else:
                # From now, not from the last due time: after a stall nothing is caught up.
                self.until = now + playing[self.index][1]
        return None if self.until == float("inf") else self.until

    @property
    def colour(self) -> Colour:
        playing = self.receipt or self.frames
        return playing[min(self.index, len(playing) - 1)][0]


class Player(threading.Thread):
    """Drives all lamps. `show` may be called from any thread and never blocks.

    A lamp that cannot be driven is posted as a lost device; the other lamps go on, and it is
    tried again every 30 s. `view` is what is shown first.
    """

    def __init__(
        self,
        fixtures: list[Fixture],
        post: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
        view: LightView = LightView(),  # noqa: B008  # frozen
    ) -> None:
        super().__init__(name="lights", daemon=True)
        self._tracks = [_Track(fixture) for fixture in fixtures]
        self.fixtures = fixtures
        self.devices = [device_of(fixture.lamp) for fixture in fixtures]
        """What the lamps are called in the events about them."""
        self._post = post
        self._clock = clock
        self._changed = threading.Condition()
        self._wanted: LightView | None = view
        self._blinks: dict[str, list[Frame]] = {}
        self._receipt_no = view.receipt_no  # an old receipt is not played again
        self._stopping = False
        self.busy_since: float | None = None
        """Since when it is at work; None while it waits for some. Read by the watchdog."""

    def show(self, view: LightView) -> None:
        """Replace what is shown."""
        with self._changed:
            self._wanted = view
            self._changed.notify()

    def blink(self, name: str, colour: Colour) -> float | None:
        """Let one lamp blink, until there is news; return for how many seconds.

        None where there is no such lamp, or it cannot be driven.
        """
        if name not in {track.fixture.lamp.name for track in self._tracks if track.usable}:
            return None
        frames = blinking(colour)
        with self._changed:
            self._blinks[name] = frames
            self._changed.notify()
        return sum(seconds for _, seconds in frames)

    def tells_of_a_recording(self, name: str) -> bool:
        """Whether this lamp is a sign that is on: it may not go dark, not even for a moment."""
        return any(
            track.fixture.lamp.name == name
            and track.fixture.shows == RECORDING_SIGN
            and any(colour is not Colour.OFF for colour, _ in track.frames)
            for track in self._tracks
        )

    def stop(self, timeout_s: float) -> None:
        """Switch all lamps off and end; a lamp that hangs is left after `timeout_s`."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self.is_alive():
            self.join(timeout_s)

    def run(self) -> None:
        """Play until stopped."""
        view: LightView | None = None
        while True:
            self.busy_since = self._clock()
            due = self._play()  # outside of the lock: a slow lamp must not hold up `show`
            self.busy_since = None
            with self._changed:
                if self._wanted is None and not self._blinks and not self._stopping:
                    self._changed.wait(None if due is None else max(0.0, due - self._clock()))
                if self._stopping:
                    break
                view, self._wanted = self._wanted, None
                blinks, self._blinks = self._blinks, {}
            if view is not None:
                for track in self._tracks:
                    track.take(view, view.receipt_no != self._receipt_no, self._clock())
                self._receipt_no = view.receipt_no
            for track in self._tracks:
                if frames := blinks.get(track.fixture.lamp.name):
                    track.blink(frames, self._clock())
        for track in self._tracks:
            track.fixture.lamp.close()

    def _play(self) -> float | None:
        """Bring every lamp to its frame of this moment; return when the next is due."""
        now = self._clock()
        dues = [due for track in self._tracks if (due := self._drive(track, now)) is not None]
        return min(dues, default=None)

    def _drive(self, track: _Track, now: float) -> float | None:
        if not track.frames:
            return None
        if not track.usable and now < track.reopen_at:
            return track.reopen_at  # nobody could see the rhythm
        due = track.advance(now)
        lamp = track.fixture.lamp
        try:
            if not track.usable:
                lamp.open()
                track.usable, track.shown = True, None
            if track.colour is not track.shown:
                lamp.show(track.colour)
                track.shown = track.colour
        except LampProblem as e:
            if not track.reopen_at:
                self._post(DeviceLost(device_of(lamp), f"lamp {e}", is_lamp=True))
            lamp.close()
            track.usable, track.reopen_at = False, now + REOPEN_S
            return track.reopen_at
        if track.reopen_at:
            self._post(DeviceFound(device_of(lamp)))
            track.reopen_at = 0.0
        return due


def device_of(lamp: Lamp) -> str:
    """Return what a lamp is called in the events about it."""
    return f"lamp {lamp.name}"

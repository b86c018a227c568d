"""Keyboards, numeric keypads and badge readers that type, through the kernel's evdev.

Works with python-evdev 1.6 (Debian 12) to 2.x. Imported only when the configuration names
such a device: evdev is part of the `appliance` extra.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterable, Iterator

import evdev
from evdev import ecodes

from ivsd.events import Disturbed, Event, Pressed, Released
from ivsd.inputs.event_devices import (
    Wanted,
    close,
    find,
    key_name,
    key_names,
    not_found,
    stamp_monotonic,
)
from ivsd.inputs.frames import CLEAR, CORRECT, DIGITS, ENTER, Frame
from ivsd.inputs.source import DeviceProblem
from ivsd.inputs.strays import Strays
from ivsd.keymaps import ALTS, CONTROLS, SHIFTS, Keymap, sign

KEY_UP, KEY_DOWN = 0, 1  # 2 is auto-repeat, which is no press
LOST = "lost events"
MOST_READS = 16
"""In one go, of at most 64 events each: a device that never ends must not keep out the others."""


class KeyDevice:
    """One evdev device: its mapped keys are controls, the others type a number into `frame`.

    Without a frame, what the other keys type is nobody's. `strays` is told of them all, for who
    looks for a key that means nothing yet.
    """

    def __init__(
        self,
        name: str,
        wanted: Wanted,
        *,
        keys: dict[str, str],
        frame: Frame | None,
        grab: bool,
        strays: Strays | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._strays = strays
        self._wanted = wanted
        self._keys = keys
        self._grab = grab
        self._grabbed = False
        self._frame = frame
        self._clock = clock
        self._device: evdev.InputDevice | None = None
        self._held: set[int] = set()  # codes of all keys that are down
        self._down: dict[int, Pressed] = {}  # of those that we have seen go down
        self._doubtful: set[int] = set()  # of these: they may have come up unseen since
        self._losing = False  # the kernel has dropped events, and is not done yet
        self._lost_at: float | None = None  # when it was done; nobody has looked what it means
        self._losses = 0

    def open(self) -> None:
        """Find and open the device; raises DeviceProblem."""
        unknown = [key for key in self._keys if key not in ecodes.ecodes]
        if unknown:
            raise DeviceProblem(f"{self.name}: {unknown[0]} is no key that the kernel knows")
        numbers = self._frame is not None
        self._device = find(self.name, self._wanted, keys=set(self._keys), numbers=numbers)
        self._down.clear()
        self._doubtful.clear()
        self._grabbed = self._losing = False
        self._lost_at = None
        with self._typed_problems():
            stamp_monotonic(self._device)
            self._ask_what_is_held()
            self._try_to_grab()
        if self._frame is not None:
            self._frame.begin(self._clock())

    def fileno(self) -> int:
        """Return the device's descriptor."""
        assert self._device is not None
        return int(self._device.fd)

    def read(self) -> Iterator[Event]:
        """Read the events that are waiting; raises DeviceProblem when the device is gone."""
        with self._typed_problems():
            for _ in range(MOST_READS):
                try:
                    waiting = list(self._opened().read())
                except BlockingIOError:
                    break
                for event in waiting:
                    yield from self._take(event)
            if self._lost_at is not None:  # after the rest, which is older than the answer
                yield from self._resynchronise(self._lost_at)
            self._try_to_grab()

    def _opened(self) -> evdev.InputDevice:
        assert self._device is not None
        return self._device

    @contextlib.contextmanager
    def _typed_problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:  # at any moment
            if e.errno == errno.ENODEV:
                raise DeviceProblem(not_found(self.name, self._wanted)) from None
            raise DeviceProblem(f"{self.name}: it cannot be used: {e.strerror}") from None

    def _take(self, event: evdev.InputEvent) -> Iterator[Event]:
        at = event.sec + event.usec / 1e6
        if event.type == ecodes.EV_SYN and event.code == ecodes.SYN_DROPPED:
            self._losing = True
        elif self._losing:  # linux, event-codes.rst: all up to the next report is in pieces
            if event.type == ecodes.EV_SYN and event.code == ecodes.SYN_REPORT:
                self._losing, self._lost_at = False, at
                self._losses += 1
                self._doubtful |= self._down.keys()
                yield Disturbed(self.name, LOST, self._losses, at)
                if self._frame is not None:
                    self._frame.spoil(at)
        elif event.type == ecodes.EV_KEY and event.value in (KEY_UP, KEY_DOWN):
            yield from self._key(event.code, event.value == KEY_DOWN, at)

    def deadline(self) -> float | None:
        """Return when a number without Enter ends."""
        return self._frame.deadline() if self._frame is not None else None

    def expire(self, now: float) -> Iterable[Event]:
        """End a number without Enter."""
        number = self._frame.expire(now) if self._frame is not None else None
        return [number] if number else []

    def close(self) -> None:
        """Give the device back."""
        if self._device is not None:
            close(self._device)
            self._device = None

    def _key(self, code: int, down: bool, at: float) -> Iterator[Event]:
        (self._held.add if down else self._held.discard)(code)
        names = key_names(code)
        control = next((self._keys[name] for name in names if name in self._keys), None)
        if control is not None:
            if down:
                self._doubtful.discard(code)
                self._down[code] = Pressed(control, at)
                yield self._down[code]
            elif self._down.pop(code, None) is not None:
                yield Released(control, at, was_seen=code not in self._doubtful)
                self._doubtful.discard(code)
            return
        if down and self._strays is not None:
            is_free = self._frame is None or not _means_something(names)
            self._strays.tell(self.name, key_name(code), at, is_free=is_free)
        if down and self._frame is not None:
            held = next((kind for kind in (ALTS, CONTROLS, SHIFTS) if self._holds(kind)), None)
            for name in names:
                if number := self._frame.key(name, at, held):
                    yield number

    def _holds(self, keys: frozenset[str]) -> bool:
        return any(not keys.isdisjoint(key_names(code)) for code in self._held)

    def _resynchronise(self, at: float) -> Iterator[Event]:
        """After lost events: no key stays stuck, and no number is put together from the rest.

        A key that is down now, and whose press was lost, is not made up: it may have been down
        for an hour.
        """
        self._lost_at = None
        self._ask_what_is_held()
        if self._frame is not None:
            self._frame.spoil(max(at, self._clock()))
        for code in sorted(set(self._down) - self._held):
            pressed = self._down.pop(code)
            self._doubtful.discard(code)
            yield Released(pressed.control, max(at, pressed.at), was_seen=False)

    def _ask_what_is_held(self) -> None:
        """Ask the kernel, which forgets all key events that are waiting (evdev_handle_get_val)."""
        self._held = set(self._opened().active_keys())

    def _try_to_grab(self) -> None:
        """Take the device for us alone once no key is down, or it would stay down elsewhere."""
        if not self._grab or self._grabbed or self._held:
            return
        try:
            self._opened().grab()
        except OSError as e:
            raise DeviceProblem(
                f"{self.name}: another program has taken the device ({e.strerror})"
            ) from None
        self._grabbed = True


_EDITS = ENTER | CLEAR | {CORRECT} | SHIFTS | CONTROLS | ALTS


def _means_something(names: list[str]) -> bool:
    """Whether a key has a meaning where numbers are typed."""
    typed = (sign(Keymap.US, name) for name in names)
    return not _EDITS.isdisjoint(names) or any(one is not None and one in DIGITS for one in typed)

"""Hands and eyes inside the virtual machine: keyboards, readers, GPIO lines; runs there as root.

One JSON object per line on stdin, one per line on stdout. An order has an `id`, an `op` and the
arguments of the method of that name in `Hands`; its answer has the same `id`, and what the
method returns, or `error`, a sentence. Times are seconds of CLOCK_MONOTONIC, the clock that
also stamps the kernel's input events and GPIO edges. What watchers see comes without `id`.
Nothing but the standard library and evdev is used. At the end of stdin all devices are removed.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evdev
from evdev import ecodes

CONFIGFS = Path("/sys/kernel/config")
SIMULATED = CONFIGFS / "gpio-sim"
INPUT_EVENT = struct.Struct("llHHi")  # struct input_event: time, type, code, value
SYN = INPUT_EVENT.pack(0, 0, ecodes.EV_SYN, ecodes.SYN_REPORT, 0)
SPIN_S = 0.002  # a sleep may end so late; the rest is waited for without sleeping
TELL_S, STILL_HERE_S = 0.03, 0.1  # how soon a watcher tells a change, and that there is none
GONE = {errno.EBADF, errno.ENODEV, errno.ENOENT}
PULLS = {"up": b"pull-up", "down": b"pull-down"}


class Problem(Exception):
    """An order cannot be carried out; the text is a sentence."""


def wait_until(moment: float) -> None:
    """Wait for a moment as exactly as this machine can."""
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left - SPIN_S if left > SPIN_S else 0)


def hurry() -> None:
    """Let this thread run before all ordinary ones: it must be in time, and needs little."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))


class Keyboard:
    """A keyboard, keypad or badge reader made with uinput."""

    def __init__(self, spec: dict[str, Any]) -> None:
        events: dict[int, list[int]] = {ecodes.EV_KEY: [_code(key) for key in spec["keys"]]}
        if leds := spec.get("leds"):
            events[ecodes.EV_LED] = [_code(led) for led in leds]
        if spec.get("repeat"):
            events[ecodes.EV_REP] = []  # the kernel repeats a key that is held
        self._device = evdev.UInput(
            events,
            name=spec["name"],
            bustype=spec.get("bustype", ecodes.BUS_USB),
            vendor=spec.get("vendor", 1),
            product=spec.get("product", 1),
            phys=spec.get("phys", ""),
        )
        self.node = str(self._device.device.path)

    def presser(self, key: str, value: int) -> Callable[[], object]:
        """Return what presses (1), repeats (2) or lets go (0) a key, in a single write."""
        event = INPUT_EVENT.pack(0, 0, ecodes.EV_KEY, _code(key), value) + SYN
        return lambda: os.write(self._device.fd, event)

    def leds(self) -> list[tuple[float, str, int]]:
        """Return what the kernel has told the LEDs since the last time."""
        told: list[tuple[float, str, int]] = []
        while True:
            try:
                raw = os.read(self._device.fd, INPUT_EVENT.size)
            except BlockingIOError:
                return told
            seconds, micros, kind, code, value = INPUT_EVENT.unpack(raw)
            if kind == ecodes.EV_LED:
                told.append((seconds + micros / 1e6, str(ecodes.LED[code]), value))

    def close(self) -> None:
        """Unplug it."""
        self._device.close()


class Chip:
    """A GPIO chip that is there, made with gpio-sim. Its lines' files are opened only once."""

    def __init__(self, label: str) -> None:
        folder = SIMULATED / label
        if not folder.exists():
            raise Problem(f"there is no chip {label}")
        self.name = (folder / "bank0/chip_name").read_text().strip()
        device = (folder / "dev_name").read_text().strip()
        self._path = Path("/sys/devices/platform") / device / self.name
        self._files: dict[str, int] = {}

    def puller(self, line: int, pull: str) -> Callable[[], object]:
        """Return what pulls a line up or down, as a contact does that closes or opens."""
        text = PULLS[pull]
        self.file(line, "pull", os.O_WRONLY)  # opened before its moment comes
        return lambda: os.pwrite(self.file(line, "pull", os.O_WRONLY), text, 0)

    def file(self, line: int, what: str, flags: int = os.O_RDONLY) -> int:
        """Return the descriptor of a line's `pull` or `value`."""
        key = f"sim_gpio{line}/{what}"
        if key not in self._files:
            self._files[key] = os.open(self._path / key, flags)
        return self._files[key]

    def close(self) -> None:
        """Forget it."""
        files, self._files = self._files, {}
        for file in files.values():
            os.close(file)


def make_chip(label: str, lines: int, names: dict[str, str]) -> None:
    """Make a chip with gpio-sim, and wait until udev has given it its group."""
    subprocess.run(["modprobe", "gpio-sim"], check=True)
    if not SIMULATED.exists():
        subprocess.run(["mount", "-t", "configfs", "none", str(CONFIGFS)], check=True)
    bank = SIMULATED / label / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text(str(lines))
    (bank / "label").write_text(label)
    for line, name in names.items():
        (bank / f"line{line}").mkdir()
        (bank / f"line{line}" / "name").write_text(name)
    (bank.parent / "live").write_text("1")
    subprocess.run(["udevadm", "settle"], check=True)


def remove_chip(label: str) -> None:
    """Take a simulated chip away, also under somebody who uses its lines."""
    folder = SIMULATED / label
    if folder.exists():
        (folder / "live").write_text("0")
        for path in [*folder.glob("bank*/line*"), *folder.glob("bank*"), folder]:
            path.rmdir()


class Watcher(threading.Thread):
    """Looks at lines at short intervals and tells every change.

    A change is [after, at, levels]: the lines had other levels at `after`, the last look before,
    and these at `at`. `until` is the last look of all; `longest_s` the longest time without one;
    `error` why it was the last one.
    """

    def __init__(
        self, name: str, files: list[int], period_s: float, tell: Callable[..., None]
    ) -> None:
        super().__init__(daemon=True)
        self.watch, self._period_s, self._tell = name, period_s, tell
        self._files = [os.dup(file) for file in files]  # the chip may be taken away meanwhile
        self.ended = threading.Event()

    def run(self) -> None:
        hurry()
        before = told_at = time.monotonic()
        levels, changes, longest_s, error = b"", [], 0.0, ""
        is_last = False
        while not is_last:
            began = time.monotonic()
            try:
                seen = b"".join(os.pread(file, 1, 0) for file in self._files)
            except OSError as e:
                error, seen = f"the lines cannot be seen any more: {e.strerror}", levels
            now = time.monotonic()
            if seen != levels:
                changes.append((before, now, seen.decode()))
                levels = seen
            longest_s = max(longest_s, began - before)
            before = began
            is_last = bool(error) or self.ended.is_set()
            if is_last or now - told_at >= (TELL_S if changes else STILL_HERE_S):
                self._tell(
                    watch=self.watch, changes=changes, until=began, longest_s=longest_s,
                    error=error,
                )  # fmt: skip
                told_at, changes, longest_s = now, [], 0.0
            time.sleep(self._period_s)
        for file in self._files:
            os.close(file)


class Hands:
    """What can be ordered; every public method is an `op`."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._keyboards: dict[str, Keyboard] = {}
        self._chips: dict[str, Chip] = {}
        self._made: set[str] = set()
        self._watchers: dict[str, Watcher] = {}

    def now(self) -> dict[str, Any]:
        """Tell the present time."""
        return {"now": time.monotonic()}

    def keyboard(self, device: str, **spec: Any) -> dict[str, Any]:
        """Plug in a device: name, keys; also bustype, vendor, product, phys, leds, repeat."""
        if device in self._keyboards:
            raise Problem(f"the device {device} is there already")
        self._keyboards[device] = Keyboard(spec)
        return {"node": self._keyboards[device].node}

    def remove_keyboard(self, device: str) -> dict[str, Any]:
        """Unplug a device."""
        self._keyboard(device).close()
        del self._keyboards[device]
        return {}

    def leds(self, device: str) -> dict[str, Any]:
        """Tell what the kernel has shown on the LEDs of a device since the last time."""
        return {"leds": self._keyboard(device).leds()}

    def chip(self, label: str, lines: int, names: dict[str, str]) -> dict[str, Any]:
        """Make a GPIO chip; names: of some lines, by number. One of this label is replaced."""
        self.remove_chip(label)
        make_chip(label, lines, names)
        self._made.add(label)
        return {"chip": self._chip(label).name}

    def remove_chip(self, label: str) -> dict[str, Any]:
        """Take a GPIO chip away; harmless if it is not there."""
        if label in self._chips:
            self._chips.pop(label).close()
        self._made.discard(label)
        remove_chip(label)
        return {}

    def level(self, chip: str, line: int) -> dict[str, Any]:
        """Tell the level of a line."""
        return {"level": int(os.pread(self._chip(chip).file(line, "value"), 1, 0))}

    def play(self, steps: list[list[Any]], urgent: bool = False) -> dict[str, Any]:
        """Press keys and pull lines, each at its moment; other orders go on meanwhile.

        A step is [at_ms, "key", device, key, value] or [at_ms, "pull", chip, line, "up"|"down"].
        Those with a moment that is over come as fast as they can. `urgent` puts it before
        all else that runs, for pulses. Returns when each was really done.
        """
        acts = [(at_ms / 1000, self._act(*what)) for at_ms, *what in steps]
        if urgent:
            hurry()
        done: list[float] = []
        began = time.monotonic()
        for after_s, act in acts:
            wait_until(began + after_s)
            done.append(time.monotonic())
            try:
                act()
            except OSError as e:
                why = "it is gone" if e.errno in GONE else e.strerror
                raise Problem(f"step {len(done)} of {len(acts)}: {why}") from None
        return {"at": done}

    def watch(self, name: str, lines: list[list[Any]], period_ms: float) -> dict[str, Any]:
        """Tell every change of these lines, each [chip, line], until `unwatch`.

        Those who watch should have a program of their own: Python lets one thread run at a time.
        """
        files = [self._chip(chip).file(line, "value") for chip, line in lines]
        self._watchers[name] = Watcher(name, files, period_ms / 1000, self._tell)
        self._watchers[name].start()
        return {}

    def unwatch(self, name: str) -> dict[str, Any]:
        """End a watch; harmless if there is none."""
        if watcher := self._watchers.pop(name, None):
            watcher.ended.set()
            watcher.join()
        return {}

    def _act(self, kind: str, thing: str, which: Any, value: Any) -> Callable[[], object]:
        if kind == "key":
            return self._keyboard(thing).presser(which, value)
        return self._chip(thing).puller(which, value)

    def _keyboard(self, device: str) -> Keyboard:
        if device not in self._keyboards:
            raise Problem(f"there is no device {device}")
        return self._keyboards[device]

    def _chip(self, label: str) -> Chip:
        if label not in self._chips:
            self._chips[label] = Chip(label)
        return self._chips[label]

    def end(self) -> None:
        """Remove everything."""
        for name in list(self._watchers):
            self.unwatch(name)
        for keyboard in self._keyboards.values():
            keyboard.close()
        for label in list(self._made):
            self.remove_chip(label)


def _code(name: str) -> int:
    if name not in ecodes.ecodes:
        raise Problem(f"{name} is no key that the kernel knows")
    return int(ecodes.ecodes[name])


def main() -> None:
    """Carry out orders until stdin ends; `play` takes its time, so it has a thread of its own."""
    sys.setswitchinterval(0.0005)  # a watcher must not wait long for a thread that spins
    lock = threading.Lock()

    def tell(**what: Any) -> None:
        with lock:
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()

    hands = Hands(tell)
    orders = {name for name in vars(Hands) if not name.startswith("_")} - {"end"}

    def carry_out(number: int, op: str, arguments: dict[str, Any]) -> None:
        try:
            if op not in orders:
                raise Problem(f"{op} is no order; there are {', '.join(sorted(orders))}")
            tell(id=number, **getattr(hands, op)(**arguments))
        except Exception as e:  # noqa: BLE001  # whatever it is, who asked must hear of it
            tell(id=number, error=str(e) if isinstance(e, Problem) else f"{op}: {e!r}")

    for line in sys.stdin:
        order = json.loads(line)
        what = (order.pop("id"), order.pop("op"), order)
        if what[1] == "play":
            threading.Thread(target=carry_out, args=what, daemon=True).start()
        else:
            carry_out(*what)
    hands.end()


if __name__ == "__main__":
    main()

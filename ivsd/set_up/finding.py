"""Finds what a hand does anywhere on this box, also at what ivsd.yaml does not name.

What it names is shown by the controller (learn mode); the rest is looked at here, beside the
daemon's loop. What is found is plain data, for the page that gives it a name:

    {"kind": "key", "device": its name, "match": words that tell it from all others or null,
     "named": what ivsd.yaml calls it or "", "key": "KEY_F1", "types_numbers": bool}
    {"kind": "reader", "device", "match", "types_numbers": true, "ends_with_enter": bool}
    {"kind": "line", "chip", "line": number, "name": that of the line or "",
     "active": "low" or "high", "pull": "up" or "down"}
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ivsd.config import ConfigError, salvage
from ivsd.config.schema import Inputs
from ivsd.config.values import values_in
from ivsd.devices import fits, least
from ivsd.events import LEARN_S
from ivsd.inputs.finder import (
    Finder,
    FoundKey,
    FoundLine,
    FoundReader,
    Probe,
    descriptor,
)
from ivsd.inputs.strays import Stray, Strays
from ivsd.set_up.spare_lines import Named, called, chip_called, named_in, spare

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo
    from ivsd.inputs.event_devices import EventDevice

ENDED_WITHIN_S = 0.1
"""The daemon's loop waits for it. What takes longer, as the kernel does with a keyboard that is
given back, goes on beside: who wants that device now finds it at the next look."""
LONGEST_S = LEARN_S + 1.0  # the controller ends it before, unless it hangs

Found = dict[str, Any]

log = logging.getLogger("ivsd")


class Search(Protocol):
    """One look for what a hand does; made and used on one thread."""

    def find(self, stop_fd: int, until: float) -> Found | None:
        """Wait for it; None when `stop_fd` became readable, or at the moment `until`."""


class Finding:
    """Runs searches, each in a thread of its own; called by the daemon's loop alone.

    `path` is ivsd.yaml: what it names now is not searched. `search` builds one.
    """

    def __init__(self, path: Path, search: Callable[[Inputs, Named | None], Search]) -> None:
        self._path = path
        self._search = search
        self._under_way: dict[int, _Thread | None] = {}
        """For whom; without a thread where the machine had none left."""

    def begin(self, token: int, tell: Callable[[Found], None]) -> None:
        """Search for somebody until something was found, or `end` is called; never raises."""
        self._under_way[token] = None
        try:
            thread = _Thread(self._look, tell)
            thread.start()
        except (OSError, RuntimeError) as e:  # no files or no threads left
            log.warning("what ivsd.yaml does not name cannot be searched now: %s", e)
        else:
            self._under_way[token] = thread

    def end(self, token: int) -> bool:
        """Search no more for somebody; return whether that was under way."""
        is_under_way = token in self._under_way
        thread = self._under_way.pop(token, None)
        if thread is not None:
            thread.stop()
        return is_under_way

    def end_all(self) -> list[int]:
        """Give all devices back, as the daemon may want them; return for whom it searched."""
        tokens = list(self._under_way)
        threads = [thread for thread in self._under_way.values() if thread is not None]
        self._under_way.clear()
        for thread in threads:
            thread.stop()
        give_up_at = time.monotonic() + ENDED_WITHIN_S
        for thread in threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))
        return tokens

    def _look(self, stop_fd: int) -> Found | None:
        named = None
        with suppress(ConfigError, OSError, UnicodeDecodeError):
            # All lines of the file, also those in what is wrong: one may be that of a lamp.
            named = named_in(values_in(self._path.read_text(encoding="utf-8"), self._path))
        search = self._search(salvage(self._path).inputs, named)
        return search.find(stop_fd, time.monotonic() + LONGEST_S)


class _Thread(threading.Thread):
    def __init__(self, look: Callable[[int], Found | None], tell: Callable[[Found], None]) -> None:
        super().__init__(name="finding", daemon=True)
        self._look = look
        self._tell = tell
        self._lock = threading.Lock()
        self._stop_fd: int | None = descriptor()

    def start(self) -> None:
        """Begin it; raises RuntimeError where the machine has no threads left."""
        try:
            super().start()
        except RuntimeError:
            self._close()
            raise

    def run(self) -> None:
        assert self._stop_fd is not None
        found = None
        try:
            found = self._look(self._stop_fd)
        except Exception:  # it must not end the daemon; what ivsd.yaml names is still shown
            log.exception("what ivsd.yaml does not name cannot be searched")
        self._close()
        if found is not None:
            self._tell(found)

    def stop(self) -> None:
        """End it; harmless if it has ended."""
        with self._lock:
            if self._stop_fd is not None:
                os.eventfd_write(self._stop_fd, 1)

    def _close(self) -> None:
        with self._lock:
            assert self._stop_fd is not None
            os.close(self._stop_fd)
            self._stop_fd = None


# -- the real devices ------------------------------------------------------------------------------


class DeviceSearch:
    """The event devices and GPIO lines of this machine.

    `named`: the lines that ivsd.yaml names; None where that is not known, and no line is tried.
    """

    def __init__(
        self,
        inputs: Inputs,
        named: Named | None,
        strays: Strays,
        chips: Callable[[], list[ChipInfo] | None],
    ) -> None:
        self._inputs = inputs
        self._named = named
        self._strays = strays
        self._chips = chips() if named else None

    def find(self, stop_fd: int, until: float) -> Found | None:
        """Wait for a hand; see `Search`."""
        with ExitStack() as stack:
            probes = []
            for probe in self._probes():
                stack.callback(probe.close)
                probes.append(probe)
            what = Finder(probes, stop_fd).find(until)
        return None if what is None else self._told(what)

    def _probes(self) -> Iterator[Probe[Any]]:
        yield self._strays.listen()
        with suppress(ImportError):  # no evdev
            from ivsd.inputs.key_probe import unnamed

            yield from unnamed(self._is_named)
        if self._chips and self._named is not None:
            from ivsd.gpio_lines import LineProblem
            from ivsd.inputs.line_probe import LineProbe

            for chip, number in spare(self._chips, self._named):
                with suppress(LineProblem):  # somebody was quicker, or the chip cannot tell edges
                    yield LineProbe(chip.path, number)

    def _is_named(self, device: EventDevice) -> bool:
        return any(fits(keyboard, device) for keyboard in self._inputs.keyboards)

    def _told(self, what: Stray | FoundKey | FoundReader | FoundLine) -> Found:
        match what:
            case Stray(keyboard, key):
                of = {"device": keyboard, "match": None, "named": keyboard, "types_numbers": False}
                return {"kind": "key", **of, "key": key}
            case FoundKey(device, key):
                return {"kind": "key", **_device(device), "named": "", "key": key}
            case FoundReader(device, ends_with_enter):
                return {"kind": "reader", **_device(device), "ends_with_enter": ends_with_enter}
            case FoundLine():
                return self._line(what)

    def _line(self, found: FoundLine) -> Found:
        chips, named = self._chips or [], self._named or {}
        chip = chip_called(chips, found.chip)
        assert chip is not None  # it was tried because it is there
        return {
            "kind": "line",
            "chip": called(chips, chip, named),
            "line": found.line,
            "name": chip.lines[found.line].name,
            "active": found.active,
            "pull": found.pull,
        }


def _device(device: EventDevice) -> Found:
    from ivsd.inputs.event_devices import present

    return {
        "device": device.name,
        "match": least(device, present()[0]),
        "types_numbers": device.types_numbers,
    }

"""When a badge was last held to a reader, for the page of badges.

It is remembered for the last 2,000 badges, whosever they are, PINs left out. The file in the state
folder lasts over a restart; it has no number, but salted hashes. It is written at a clean end, and
once an hour at most: a card wears out. A power cut costs the last hour.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivsd.appliance import durable
from ivsd.events import NumberKind, Scanned
from ivsd.valt.model import Secret

FILE = "badges-seen.json"
MOST = 2000
WRITE_AFTER_S = 3600.0
RIGHT_FROM_S = 1704067200.0  # 2024-01-01: a clock before this was never set
AHEAD_S = 60.0
"""A time further in the future is none: the clock was set back."""
_LONGEST_FILE = 1 << 20
_VERSION = 1
_FOREIGN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What is raised over a file that is torn, or somebody else's."""

log = logging.getLogger("ivsd")


@dataclass(frozen=True, slots=True)
class _Seen:
    reader: str
    at: float
    """Of the monotonic clock, so that the time is right although the clock was set later."""
    epoch_s: int | None = None
    """In place of `at` for what a former run has seen."""


class LastSeen:
    """Remembers; `saw` is for the daemon's loop and costs microseconds, the rest for any thread."""

    def __init__(
        self,
        state: Path,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        write_after_s: float = WRITE_AFTER_S,
    ) -> None:
        self._path = state / FILE
        self._wall = wall
        self._clock = clock
        self._write_after_s = write_after_s
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._is_changed = False
        self._salt, self._seen = _read(self._path)

    def saw(self, scanned: Scanned) -> None:
        """Remember a badge that was read."""
        if scanned.kind is not NumberKind.BADGE:
            return
        key = self._key(scanned.number)
        with self._lock:
            self._seen.pop(key, None)  # it goes to the end
            self._seen[key] = _Seen(scanned.reader, scanned.at)
            if len(self._seen) > MOST:
                del self._seen[next(iter(self._seen))]
            self._is_changed = True
            if self._timer is None:
                self._timer = threading.Timer(self._write_after_s, self.keep)
                self._timer.name, self._timer.daemon = "badges-seen", True
                self._timer.start()

    def of(self, number: Secret) -> tuple[int | None, str | None]:
        """Return when (seconds of the epoch) and where a badge was seen, as far as it is known."""
        with self._lock:
            seen = self._seen.get(self._key(number))
        return (None, None) if seen is None else (self._epoch_s(seen), seen.reader)

    def keep(self) -> None:
        """Write what has changed; where that fails, the journal says so and the rest goes on."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._is_changed:
                return
            self._is_changed = False
            seen = list(self._seen.items())
        timed = {key: [self._epoch_s(one), one.reader] for key, one in seen}
        known = {key: pair for key, pair in timed.items() if pair[0] is not None}
        data = {"version": _VERSION, "salt": self._salt.hex(), "seen": known}
        try:
            durable.write(self._path, json.dumps(data).encode(), mode=0o600)
        except OSError as e:
            log.warning("%s: %s: when badges were seen is not kept", self._path, e.strerror)

    def stop(self, timeout_s: float) -> None:
        """Write once more, and wait for a slow card no longer than this."""
        last = threading.Thread(target=self.keep, name="badges-seen", daemon=True)
        last.start()
        last.join(timeout_s)

    def _key(self, number: Secret) -> str:
        data = number.reveal().encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._salt, digest_size=8).hexdigest()

    def _epoch_s(self, seen: _Seen) -> int | None:
        now_s = self._wall()
        epoch_s = now_s - (self._clock() - seen.at) if seen.epoch_s is None else seen.epoch_s
        return int(epoch_s) if RIGHT_FROM_S <= epoch_s <= now_s + AHEAD_S else None


def _read(path: Path) -> tuple[bytes, dict[str, _Seen]]:
    """Return the salt and what was seen; a new one and nothing where the file is not ours."""
    with suppress(OSError, *_FOREIGN):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found: Any = json.loads(durable.read_in(folder, path.name, most=_LONGEST_FILE))
        finally:
            os.close(folder)
        salt = bytes.fromhex(found["salt"])
        seen = {key: _Seen(str(pair[1]), 0.0, int(pair[0])) for key, pair in found["seen"].items()}
        if found["version"] == _VERSION and len(salt) == 16:
            return salt, dict(list(seen.items())[-MOST:])
    return os.urandom(16), {}

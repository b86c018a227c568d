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
    """`at` is of the monotonic clock, so that the time is right although it was set later."""

    reader: str = ""
    at: float | None = None
    """None: not in this run."""
    before: tuple[int, str] | None = None
    """When (seconds of the epoch) and where a former run has seen it."""


class LastSeen:
    """Remembers; `saw` and `nobodys` are for the daemon's loop and cost microseconds.

    The rest is for any thread.
    """

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
        self._nobodys: dict[str, _Seen] = {}
        """Badges that nobody has: they make room for the others, whoever swipes thousands."""

    def saw(self, scanned: Scanned) -> None:
        """Remember a badge that was read."""
        if scanned.kind is not NumberKind.BADGE:
            return
        key = self._key(scanned.number)
        with self._lock:
            was = self._nobodys.pop(key, None) or self._seen.pop(key, None)  # it goes to the end
            self._seen[key] = _Seen(scanned.reader, scanned.at, was.before if was else None)
            if len(self._seen) + len(self._nobodys) > MOST:
                first = self._nobodys or self._seen
                del first[next(iter(first))]
            self._is_changed = True
            self._write_later()

    def nobodys(self, number: Secret) -> None:
        """Take that nobody has this number: forget it before those of people."""
        key = self._key(number)
        with self._lock:
            if (seen := self._seen.pop(key, None)) is not None:
                self._nobodys[key] = seen

    def of(self, number: Secret) -> tuple[int | None, str | None]:
        """Return when (seconds of the epoch) and where a badge was seen, as far as it is known."""
        key = self._key(number)
        with self._lock:
            seen = self._seen.get(key) or self._nobodys.get(key)
        if seen is None:
            return None, None
        if seen.at is not None:
            return self._epoch_s(seen.at), seen.reader
        assert seen.before is not None
        epoch_s, reader = seen.before
        is_plausible = RIGHT_FROM_S <= epoch_s <= self._wall() + AHEAD_S
        return epoch_s if is_plausible else None, reader

    def keep(self) -> None:
        """Write what has changed; where that fails, the journal says so, and it is tried again."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._is_changed:
                return
            self._is_changed = False
            # The first ones are the first to be forgotten when it is read again.
            seen = [*self._nobodys.items(), *self._seen.items()]
        dated = {key: pair for key, one in seen if (pair := self._dated(one)) is not None}
        data = {"version": _VERSION, "salt": self._salt.hex(), "seen": dated}
        try:
            durable.write(self._path, json.dumps(data).encode(), mode=0o600)
        except OSError as e:
            log.warning("%s: %s: when badges were seen is not kept", self._path, e.strerror)
            with self._lock:
                self._is_changed = True
                self._write_later()

    def stop(self, timeout_s: float) -> None:
        """Write once more, and wait for a slow card no longer than this."""
        last = threading.Thread(target=self.keep, name="badges-seen", daemon=True)
        last.start()
        last.join(timeout_s)
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _write_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._write_after_s, self.keep)
            self._timer.name, self._timer.daemon = "badges-seen", True
            self._timer.start()

    def _dated(self, seen: _Seen) -> tuple[int, str] | None:
        """Return when and where it was, as the file has it.

        A former run's stays as it is: after a boot without the right time it looks as if it lay
        ahead, and what this run sees then has no date to take its place.
        """
        epoch_s = None if seen.at is None else self._epoch_s(seen.at)
        return seen.before if epoch_s is None else (epoch_s, seen.reader)

    def _key(self, number: Secret) -> str:
        data = number.reveal().encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._salt, digest_size=8).hexdigest()

    def _epoch_s(self, at: float) -> int | None:
        """Return when that was in seconds of the epoch; None while the clock is not set."""
        epoch_s = self._wall() - (self._clock() - at)
        return int(epoch_s) if epoch_s >= RIGHT_FROM_S else None


def _read(path: Path) -> tuple[bytes, dict[str, _Seen]]:
    """Return the salt and what was seen; a new one and nothing where the file is not ours."""
    with suppress(OSError, *_FOREIGN):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found: Any = json.loads(durable.read_in(folder, path.name, most=_LONGEST_FILE))
        finally:
            os.close(folder)
        salt = bytes.fromhex(found["salt"])
        pairs = found["seen"].items()
        seen = {key: _Seen(before=(int(pair[0]), str(pair[1]))) for key, pair in pairs}
        if found["version"] == _VERSION and len(salt) == 16:
            return salt, dict(list(seen.items())[-MOST:])
    return os.urandom(16), {}

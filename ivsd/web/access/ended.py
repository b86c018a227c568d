"""The log-outs, kept on the disk: who has a copy of a cookie cannot use it after a restart either.

A cookie is signed and stands by itself for 12 h, so what ends it before must be remembered. It is
written at a log-out and at nothing else. The ids are no secret: without the key none can be signed.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from pathlib import Path

from ivsd.web.access import kept

MOST_ENDED = 64
"""The newest are kept. More log-outs than that within the life of a session end all sessions."""

FIRST_GENERATION = "0"
_ALL_END = "everybody has to log in again"
_LASTS = "a log-out lasts until this service is started anew"

log = logging.getLogger("ivsd.web")


class Ended:
    """Which sessions were logged out; thread-safe. To make one never raises.

    Each session belongs to a generation; of another one than `generation` it has ended.

    `now` is the time of day. Before the newest log-out it means that the clock of this box has
    jumped back: cookies stand once more whose log-out may be forgotten. Then all sessions end.
    """

    def __init__(self, path: Path, now: float) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ids: dict[str, float] = {}  # id -> when it was logged out, the oldest first
        self.generation = FIRST_GENERATION
        self._read()
        if now < max(self._ids.values(), default=now):
            log.warning("the clock of this box is behind the last log-out: %s", _ALL_END)
            self._begin_anew()

    def __contains__(self, id_: str) -> bool:
        with self._lock:
            return id_ in self._ids

    def add(self, id_: str, now: float, oldest: float) -> None:
        """Remember a session that ends now; those that began before `oldest` end by themselves.

        Where it cannot be written that is told, and it is remembered until a restart.
        """
        with self._writing:
            with self._lock:
                self._ids[id_] = now
                if len(self._ids) > MOST_ENDED:
                    first = next(iter(self._ids))
                    if self._ids.pop(first) > oldest:  # rather all end than this one stands again
                        self._begin_anew()
                held = {"generation": self.generation, "ended": self._ids}
                text = json.dumps(held, separators=(",", ":"))
            try:
                kept.write(self._path, text)  # not under the lock: every request looks in here
            except OSError as e:
                log.error("%s cannot be written (%s): %s", self._path, e.strerror, _LASTS)

    def _read(self) -> None:
        try:
            self._take(kept.read(self._path))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as e:
            # Never taken for "nobody has logged out".
            log.error("%s cannot be read (%s): %s", self._path, e, _ALL_END)
            self._begin_anew()

    def _take(self, data: bytes) -> None:
        """Raises ValueError, for whatever this module has not written."""
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            raise ValueError("it is no JSON") from None
        match found:
            case {"generation": str(generation), "ended": dict(ids), **rest} if not rest:
                if all(isinstance(at, float | int) for at in ids.values()):
                    self.generation, self._ids = generation, ids
                    return
        raise ValueError("it holds no log-outs")

    def _begin_anew(self) -> None:
        self._ids, self.generation = {}, secrets.token_urlsafe(8)

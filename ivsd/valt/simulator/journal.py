"""What was asked, what was answered and what it changed, without any secret."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, local
from urllib.parse import parse_qsl, urlsplit

_LENGTH = 10_000  # entries kept: a demo may run for weeks
_TOKEN = re.compile("[0-9a-f]{32,}", re.IGNORECASE)  # a client may put it where it does not belong


def without_secrets(target: str) -> str:
    """A request's path and query with every value of the query masked, and no token at all.

    Masking all values keeps out what nobody thought of; the card number (which may be somebody's
    PIN) is one of them.
    """
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = urlsplit(path).path  # a proxy's form, which may name a user and a password
    names = [name for name, _ in parse_qsl(query)]
    shown = "&".join(f"{name}=***" for name in names if name != "access_token")
    text = _TOKEN.sub("***", f"{path}?{shown}" if shown else path)
    return "".join(c if c.isprintable() else "?" for c in text)  # a terminal obeys the others


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    at: float  # monotonic time of arrival
    connection: int = 0  # number of the TCP connection, counted from 1; 0: none
    status: int | None = None  # None: no status line went out (yet)
    fault: str = ""  # kind of the fault it met
    change: str = ""  # what it changed, such as `Interview Room 1: recording`

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else str(self.status)
        fault = f" ({self.fault})" if self.fault else ""
        return f"{self.method} {self.path} {answer}{fault}" + (self.change and f", {self.change}")


class News(local):
    """What a thread changed in the world since it last asked, in a few words."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=20)  # a thread that acts by hand may never ask

    def tell(self, line: str) -> None:
        self._lines.append(line)

    def heard(self) -> str:
        """What was told since the last call."""
        text = "; ".join(self._lines)
        self._lines.clear()
        return text


class Journal:
    """The last exchanges; whoever answers one fills in its status."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[Exchange] = deque(maxlen=_LENGTH)
        self._lock = Lock()

    def arrived(self, method: str, target: str, connection: int = 0) -> Exchange:
        with self._lock:
            entry = Exchange(method, without_secrets(target), self._clock(), connection)
            self._entries.append(entry)
            return entry

    def entries(self) -> list[Exchange]:
        with self._lock:
            return list(self._entries)

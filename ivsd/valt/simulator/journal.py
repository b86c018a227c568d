"""What was asked and what was answered, without any secret."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from urllib.parse import parse_qsl

_LENGTH = 10_000  # entries kept: a demo may run for weeks


def without_secrets(target: str) -> str:
    """A request's path and query with every value of the query masked, and no token at all.

    Masking all values keeps out what nobody thought of; the card number (which may be somebody's
    PIN) is one of them.
    """
    path, _, query = target.partition("?")
    names = [name for name, _ in parse_qsl(query)]
    shown = "&".join(f"{name}=***" for name in names if name != "access_token")
    return f"{path}?{shown}" if shown else path


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    at: float  # monotonic time of arrival
    connection: int = 0  # number of the TCP connection, counted from 1; 0: none
    status: int | None = None  # None: no status line went out (yet)
    fault: str = ""  # kind of the fault it met

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else str(self.status)
        return f"{self.method} {self.path} {answer}" + (f" ({self.fault})" if self.fault else "")


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

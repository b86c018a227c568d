"""Faults on demand: what networks, proxies and broken servers do to a request."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from threading import Lock
from typing import Any

from .reply import Reply

_HTML = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"

# Another reply in place of the server's; the request is not carried out.
REPLACED = ("status", "html", "empty", "not_json", "null_data", "text")
# The endpoint's own reply, but a refusal; the request is not carried out.
REFUSED = ("says_no",)
# No reply; the request is not carried out.
SILENT = ("hang", "reset_before")
# The request is carried out, and then the reply has a bad journey.
SPOILED = ("wrong_types", "delay", "drip", "half", "reset_inside", "reset_after")
KINDS = REPLACED + REFUSED + SILENT + SPOILED

_UNSAID: Any = object()


@dataclass
class Fault:
    """One thing that goes wrong, for the next `count` requests that match, or for `lasts_s`.

    Without either it is for one request; with both, for whichever ends first.

    ============ ==================================================================================
    kind         what the client meets
    ============ ==================================================================================
    status       HTTP status `status` with `body`, or with an error object if there is none
    html         200 with a web page, as from a proxy or a captive portal
    empty        200 with an empty body
    not_json     200 with half a JSON document, declared as a whole one
    null_data    200 with `{"data": null}`
    text         200 with `body`
    says_no      200 with the endpoint's own refusal, such as `start` false, and `body` as reason
    hang         nothing; the connection closes after `seconds` (None: when the client closes it)
    reset_before TCP reset; the request was not carried out
    wrong_types  the server's own reply with numbers for texts, texts for numbers and so on
    delay        the reply after `seconds`; the request is carried out at once
    drip         the reply byte by byte, `seconds` between two; with `whole_head` only the body
    half         the head of the reply and half of its body, then the connection closes
    reset_inside the same, with a TCP reset
    reset_after  TCP reset; the request was carried out, the reply is lost
    ============ ==================================================================================

    Where a reply of any kind comes at all, `seconds` delays it.
    """

    kind: str
    match: str = ""  # part of `METHOD /path` without the query, such as `record/start`
    count: int | None = _UNSAID  # None: until the faults are cleared
    seconds: float | None = None
    status: int = 503
    body: str = ""
    applied: bool = False  # carry the request out although its own reply is withheld
    whole_head: bool = False
    lasts_s: float | None = None  # from the moment it is added, by the world's clock

    def __post_init__(self) -> None:
        if self.count is _UNSAID:
            self.count = 1 if self.lasts_s is None else None
        if problem := self._problem():
            raise ValueError(problem)
        self.applied = self.applied or self.kind in SPOILED

    def _problem(self) -> str:
        """What is wrong with the arguments; those of the control API may be of any type."""
        if self.kind not in KINDS:
            near = get_close_matches(str(self.kind), KINDS, n=1, cutoff=0.0)[0]
            return f"unknown kind of fault {self.kind!r}; did you mean {near!r}?"
        if self.kind in ("delay", "drip") and self.seconds is None:
            return f"the fault {self.kind} needs seconds"
        if self.count is not None and (type(self.count) is not int or self.count < 1):
            return f"count must be an integer of at least 1, or none, not {self.count!r}"
        if type(self.status) is not int or not 100 <= self.status <= 599:
            return f"status must be an HTTP status, 100 to 599, not {self.status!r}"
        for name in ("seconds", "lasts_s"):
            value = getattr(self, name)
            if value is not None and (type(value) not in (int, float) or not 0 <= value < math.inf):
                return f"{name} must be a number of seconds, 0 or more, or none, not {value!r}"
        for name, wanted, words in (
            ("match", str, "a text"),
            ("body", str, "a text"),
            ("applied", bool, "true or false"),
            ("whole_head", bool, "true or false"),
        ):
            if type(getattr(self, name)) is not wanted:
                return f"{name} must be {words}"
        return ""

    def reply(self) -> Reply | None:
        """The reply that takes the place of the server's, if this kind has one."""
        match self.kind:
            case "status":
                if self.status < 200 or self.status in (204, 304):
                    return Reply(self.status, b"")  # these have no body
                body = self.body.encode()
                return Reply(self.status, body) if body else Reply.error(self.status)
            case "html":
                return Reply(200, _HTML, "text/html")
            case "empty":
                return Reply(200, b"")
            case "not_json":
                return Reply(200, b'{"data": {"status": "avail')
            case "null_data":
                return Reply(200, b'{"data":null}')
            case "text":
                return Reply(200, self.body.encode())
        return None


class Faults:
    """The faults to come, in the order in which they were added. Any thread may call it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: list[tuple[Fault, float]] = []  # with the time at which it is over
        self._lock = Lock()

    def add(self, fault: Fault) -> Fault:
        """Let it wait for its requests; its `count` is counted down."""
        with self._lock:
            lasts_s = math.inf if fault.lasts_s is None else fault.lasts_s
            self._waiting.append((fault, self._clock() + lasts_s))
        return fault

    def clear(self) -> None:
        """No fault from now on; what hangs already goes on hanging."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[tuple[Fault, float | None]]:
        """The faults to come, and for how many seconds more, if there is a limit."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            return [(fault, None if end == math.inf else end - now) for fault, end in self._waiting]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if one waits; it is counted."""
        with self._lock:
            self._forget(self._clock())
            for entry in self._waiting:
                fault = entry[0]
                if fault.match in f"{method} {path}":
                    if fault.count is not None:
                        fault.count -= 1
                        if fault.count <= 0:
                            self._waiting.remove(entry)
                    return fault
        return None

    def _forget(self, now: float) -> None:
        self._waiting = [entry for entry in self._waiting if now < entry[1]]

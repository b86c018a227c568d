"""Faults on demand: what networks, proxies and broken servers do to a request."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from threading import Lock

from .reply import Reply

_HTML = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"

# Another reply in place of the server's; the request is not carried out.
REPLACED = ("status", "html", "empty", "not_json", "null_data", "text")
# No reply; the request is not carried out.
SILENT = ("hang", "reset_before")
# The request is carried out, and then the reply has a bad journey.
SPOILED = ("delay", "drip", "half", "reset_inside", "reset_after")
KINDS = REPLACED + SILENT + SPOILED


@dataclass
class Fault:
    """One thing that goes wrong, for the next `count` requests that match.

    ============ ==================================================================================
    kind         what the client meets
    ============ ==================================================================================
    status       HTTP status `status` with `body`, or with an error object if there is none
    html         200 with a web page, as from a proxy or a captive portal
    empty        200 with an empty body
    not_json     200 with half a JSON document, declared as a whole one
    null_data    200 with `{"data": null}`
    text         200 with `body`
    hang         nothing; the connection closes after `seconds` (None: when the client closes it)
    reset_before TCP reset; the request was not carried out
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
    count: int | None = 1  # None: until the faults are cleared
    seconds: float | None = None
    status: int = 503
    body: str = ""
    applied: bool = False  # carry the request out although its own reply is withheld
    whole_head: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            near = get_close_matches(self.kind, KINDS, n=1, cutoff=0.0)[0]
            raise ValueError(f"unknown kind of fault {self.kind!r}; did you mean {near!r}?")
        if self.kind in ("delay", "drip") and self.seconds is None:
            raise ValueError(f"the fault {self.kind} needs seconds")
        self.applied = self.applied or self.kind in SPOILED

    def reply(self) -> Reply | None:
        """The reply that takes the place of the server's, if this kind has one."""
        match self.kind:
            case "status":
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

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> Fault:
        """Let it wait for its requests; its `count` is counted down."""
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """No fault from now on; what hangs already goes on hanging."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if one waits; it is counted."""
        with self._lock:
            for fault in self._waiting:
                if fault.match in f"{method} {path}":
                    if fault.count is not None:
                        fault.count -= 1
                        if fault.count <= 0:
                            self._waiting.remove(fault)
                    return fault
        return None

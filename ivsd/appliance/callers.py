"""One caller of the control socket: its lines in and out, never more than one of each kept."""

from __future__ import annotations

import json
import selectors
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ivsd.appliance.operations import OPERATIONS

STATUS_OPS = ("status", "subscribe")
LONGEST_LINE = 64 * 1024
CHUNK = 16 * 1024
_UCRED = struct.Struct("3i")  # pid, uid, gid (unix(7), SO_PEERCRED)

Id = int | str | None


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants."""

    id: Id
    op: str
    args: Mapping[str, Any] = field(default_factory=dict)


def answer(id_: Id, data: dict[str, Any]) -> bytes:
    """Write the line that says yes."""
    return json.dumps({"id": id_, "ok": True, "data": data}).encode() + b"\n"


def refusal(id_: Id, code: str, text: str) -> bytes:
    """Write the line that says no: a code for programs, a sentence for people."""
    error = {"code": code, "text": text}
    return json.dumps({"id": id_, "ok": False, "error": error}).encode() + b"\n"


def parse(line: bytes) -> Request | bytes:
    """Read a request; for one that cannot be read return the line that refuses it."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return refusal(None, "bad_request", "the line is no JSON")
    if not isinstance(found, dict):
        return refusal(None, "bad_request", "the line is no JSON object")
    id_, op, args = found.get("id"), found.get("op"), found.get("args", {})
    is_number = type(id_) is int and abs(id_) < 2**53
    is_text = isinstance(id_, str) and len(id_) <= 100
    if not (id_ is None or is_number or is_text):
        return refusal(None, "bad_request", "id must be a whole number or a short text")
    if not isinstance(op, str):
        return refusal(id_, "bad_request", "op must be a text")
    if not isinstance(args, dict):
        return refusal(id_, "bad_request", "args must be an object")
    return Request(id_, op, args)


class Caller:
    """A connection. What it sends is read only when its last request was answered."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        self.uid = int(_UCRED.unpack(credentials)[1])
        """Who has opened it, as the kernel says."""
        self.due: float | None = None
        """Until when the status that was asked for must be there."""
        self.is_behind = False
        """Whether something has changed since a subscriber was last told."""
        self._waits_for: Request | None = None
        self._subscription: Request | None = None
        self._in = bytearray()
        self._out = b""
        self._has_ended = False
        """Whether nothing more comes from it, or is wanted."""
        self._is_broken = False
        self._events = 0

    @property
    def is_free(self) -> bool:
        """Whether its next request can be taken."""
        return not (self._waits_for or self._out or self._is_broken)

    @property
    def is_over(self) -> bool:
        """Whether all is said."""
        return self._is_broken or (self._has_ended and self.is_free)

    @property
    def subscribes(self) -> bool:
        """Whether it is to be told of changes."""
        wants = self._waits_for is not None and self._waits_for.op == "subscribe"
        return wants or self._subscription is not None

    @property
    def wants_status(self) -> bool:
        """Whether a status would be of use to it now."""
        has_news = self.is_behind and self._subscription is not None
        waits = self._waits_for is not None and self._waits_for.op in STATUS_OPS
        return waits or (has_news and not self._out)

    def receive(self) -> None:
        """Read what has come."""
        if not self._events & selectors.EVENT_READ:
            return
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._is_broken = True
            return
        self._has_ended = not data
        self._in += data

    def next_request(self) -> Request | bytes | None:
        """Take the next line; one that cannot be carried out comes as the answer to it."""
        line, end, rest = self._in.partition(b"\n")
        if end and len(line) <= LONGEST_LINE:
            self._in = rest
            return parse(bytes(line))
        if len(line) > LONGEST_LINE:
            self._in.clear()
            self._has_ended = True
            return refusal(None, "too_long", f"a line must not be longer than {LONGEST_LINE} bytes")
        return None

    def wait(self, request: Request, due: float) -> None:
        """Let it wait for its answer."""
        self._waits_for, self.due = request, due

    def give_up(self, code: str, text: str) -> None:
        """End its waiting with a no."""
        if self._waits_for is not None:
            self.put(refusal(self._waits_for.id, code, text))
        self._waits_for = self.due = None

    def take_answer(self, request: Request, line: bytes) -> bool:
        """Send it what it waits for; False for an answer that it does not wait for any more."""
        if self._waits_for is not request:
            return False
        self._waits_for = self.due = None
        self.put(line)
        return True

    @property
    def learns(self) -> bool:
        """Whether it waits for what a hand does next."""
        return self._waits_for is not None and OPERATIONS[self._waits_for.op].needs_hand

    @property
    def has_left(self) -> bool:
        """Whether it hung up while it waited for somebody's hand."""
        return self._listens_while_waiting and (self._has_ended or self._is_broken)

    @property
    def _listens_while_waiting(self) -> bool:
        # A hand takes its time, and must not be waited for in vain. What it says meanwhile is kept.
        return self.learns and len(self._in) <= LONGEST_LINE

    def is_asked_for(self) -> None:
        """Take that a status is being made, which will tell all that is news until now."""
        if self._waits_for is None or self._waits_for.op == "subscribe":
            self.is_behind = False

    def take_status(self, data: dict[str, Any]) -> None:
        """Send it the status it has waited for, or the news."""
        if self._waits_for is not None and self._waits_for.op in STATUS_OPS:
            self.put(answer(self._waits_for.id, data))
            if self._waits_for.op == "subscribe":
                self._subscription = self._waits_for
            self._waits_for = self.due = None
        elif self._subscription is not None and not self._out:
            self.put(answer(self._subscription.id, data))
        else:
            self.is_behind = True  # it gets the next one

    def put(self, line: bytes) -> None:
        """Queue a line to be sent."""
        self._out += line

    def send(self) -> None:
        """Send as much as it takes."""
        while self._out and not self._is_broken:
            try:
                sent = self.sock.send(self._out, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self._is_broken = True
                return
            self._out = self._out[sent:]

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have the selector wait for what it can do next; close it when it is over."""
        events = 0
        if not self.is_over:
            events = selectors.EVENT_WRITE if self._out else 0
            listens = self.is_free or (self._listens_while_waiting and not self._has_ended)
            events |= selectors.EVENT_READ if listens else 0
        if events and self._events:
            if events != self._events:
                selector.modify(self.sock, events, self)
        elif events:
            selector.register(self.sock, events, self)
        elif self._events:
            selector.unregister(self.sock)
        self._events = events
        if self.is_over:
            self.sock.close()

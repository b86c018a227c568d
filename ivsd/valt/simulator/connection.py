"""One TCP connection: reads requests, writes replies, and misbehaves when told to."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from dataclasses import dataclass
from email.utils import formatdate
from threading import Lock

from .faults import Fault
from .reply import Reply, phrase

_HANDSHAKE_S = 5.0
_LONGEST_LINE = 65_536
_LONGEST_BODY = 1_048_576


class BadRequest(Exception):
    """Not the HTTP this server speaks: a length in numbers, no chunks, sane sizes."""


@dataclass(frozen=True)
class Request:
    """A request as read from the wire."""

    method: str
    target: str
    body: bytes
    keep_alive: bool

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Connection:
    """The server's end of a connection. All but `cut` belongs to the thread that serves it."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number
        self.held = False  # a black hole has swallowed its request
        self._cut = False
        self._sock, self._guard = sock, Lock()  # which keeps `cut` off a socket half replaced
        self._file = sock.makefile("rb")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def open(self, context: ssl.SSLContext | None) -> None:
        """Shake hands if it is to be TLS, within a time of its own. Raises OSError."""
        if context is None:
            return
        with self._guard:
            self._file.close()
            self._sock.settimeout(_HANDSHAKE_S)
            self._sock = wrapped = context.wrap_socket(
                self._sock, server_side=True, do_handshake_on_connect=False
            )
        wrapped.do_handshake()
        wrapped.settimeout(None)
        self._file = wrapped.makefile("rb")

    def read(self, idle_s: float | None) -> Request | None:
        """The next request; None when the client is done.

        Raises OSError, also when the client was idle for that long, and BadRequest.
        """
        self._sock.settimeout(None if idle_s is None else max(idle_s, 0.001))  # 0: never wait
        first = self._line()
        self._sock.settimeout(None)
        if not first:
            return None
        words = first.split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise BadRequest
        headers: dict[str, str] = {}
        while line := self._line().rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdecimal() or int(length) > _LONGEST_BODY:
            raise BadRequest
        body = self._file.read(int(length))
        if len(body) < int(length) or self._cut:
            return None
        keep_alive = words[2] == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return Request(words[0], words[1], body, keep_alive)

    def _line(self) -> str:
        line = self._file.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise BadRequest
        return line.decode("latin-1")

    def send(
        self, reply: Reply, wall: float, *, keep_alive: bool, fault: Fault | None = None
    ) -> bool:
        """Send a reply the way the fault wants it; whether it can go on. Raises OSError."""
        if self._cut:
            return False
        head = _head(reply, wall, keep_alive=keep_alive)
        kind = fault.kind if fault else ""
        if fault and kind == "drip":
            whole = head if fault.whole_head else b""
            slowly = (head + reply.payload)[len(whole) :]
            return self._drip(whole, slowly, fault.seconds or 0.0) and keep_alive
        if kind == "reset_after":
            self.reset()
            return False
        if kind in ("half", "reset_inside"):
            self._sock.sendall(head + reply.payload[: len(reply.payload) // 2])
            if kind == "reset_inside":
                self.reset()
            return False
        self._sock.sendall(head + reply.payload)
        return keep_alive

    def _drip(self, at_once: bytes, slowly: bytes, seconds: float) -> bool:
        self._sock.sendall(at_once)
        for byte in slowly:
            self._sock.sendall(bytes([byte]))
            if not self.pause(seconds):
                return False
        return True

    def pause(self, seconds: float | None) -> bool:
        """Wait, for ever if None, while the client stays; whether it is still there."""
        waiting = select.poll()
        waiting.register(self._sock, select.POLLRDHUP)  # the client's end, or `cut`; not its data
        return not waiting.poll(None if seconds is None else seconds * 1000)

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._reset_at_close()
        self.close()

    def close(self) -> None:
        with self._guard, contextlib.suppress(OSError):
            self._file.close()
            self._sock.close()

    def cut(self) -> None:
        """From any other thread: wake the connection's thread, whose close becomes a reset.

        Shutting the reading half down tells the client nothing, unlike closing. It goes by the
        plain socket's method: the TLS one would pull the session from under the reading thread.
        """
        self._cut = True  # what had arrived before is neither carried out nor answered any more
        with self._guard, contextlib.suppress(OSError):
            self._reset_at_close()
            socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def _reset_at_close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _head(reply: Reply, wall: float, *, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {phrase(reply.status)}",
        "Server: ivsd-simulator",
        f"Date: {formatdate(wall, usegmt=True)}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.payload)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()

"""The simulated VALT server on a real socket, whose cable can be pulled."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from threading import RLock, Thread, current_thread
from types import TracebackType
from typing import Self

from .api import Api
from .connection import BadRequest, Connection, Request
from .faults import Fault, Faults
from .journal import Exchange
from .reply import Reply
from .world import World

_LONGEST_FAREWELL_S = 0.3  # for all threads together; who takes longer is left behind


class Simulator:
    """A VALT server on loopback, one thread per connection.

    `delay_s` is waited before each reply, after the request was carried out; it, `ssl_context` and
    `log` (called with one line per request, free of secrets) may be changed while it runs.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "admin",
        password: str = "admin",  # noqa: S107 - a simulator's, and everybody may know it
        delay_s: float = 0.0,
        ssl_context: ssl.SSLContext | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.world = world or World()
        self.api = Api(self.world, username, password)
        self.faults = Faults()
        self.delay_s, self.ssl_context, self.log = delay_s, ssl_context, log
        self.host, self.port = host, port  # port 0: a free one, known after the start
        self.connections = 0  # TCP connections accepted since the start
        self._lock = RLock()
        self._open: dict[Connection, Thread] = {}
        self._listener: socket.socket | None = None
        self._acceptor: Thread | None = None
        self._dark = False

    @property
    def url(self) -> str:
        scheme = "https" if self.ssl_context else "http"
        return f"{scheme}://{self.host}:{self.port}"

    @property
    def requests(self) -> list[Exchange]:
        """The requests that arrived, oldest first."""
        return self.world.journal

    # ---- on, off and in between -------------------------------------------------------------

    def start(self) -> Self:
        """Listen. Raises OSError if the port is taken."""
        self.back()
        return self

    def stop(self) -> None:
        """End everything; harmless if it was ended before."""
        self.away()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def away(self) -> None:
        """Pull the cable: connections are reset, new ones refused, nothing is answered."""
        with self._lock:
            listener, self._listener = self._listener, None
            threads = list(self._open.values()) + ([self._acceptor] if self._acceptor else [])
            self._acceptor, self._dark = None, False
            if listener is not None:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)  # wakes the acceptor, close alone does not
                listener.close()
            for connection in self._open:
                connection.cut()
        end = time.monotonic() + _LONGEST_FAREWELL_S
        for thread in threads:
            if thread is not current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def black_hole(self) -> None:
        """Connections stay and new ones are accepted, but nothing is carried out or answered."""
        with self._lock:
            self._dark = True

    def back(self) -> None:
        """Undo `away` and `black_hole`; connections whose request was swallowed are reset."""
        with self._lock:
            self._dark = False
            for connection in self._open:
                if connection.held:
                    connection.cut()
            if self._listener is None:
                self._listener = socket.create_server((self.host, self.port), backlog=128)
                self.port = self._listener.getsockname()[1]
                self._acceptor = Thread(
                    target=self._accept, args=[self._listener], name="simulator", daemon=True
                )
                self._acceptor.start()

    # ---- serving ----------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                sock, _ = listener.accept()
            except OSError:
                continue
            with self._lock:
                self.connections += 1
                connection = Connection(sock, self.connections)
                if self._listener is not listener:  # the cable went while this one came
                    connection.reset()
                    return
                thread = Thread(
                    target=self._serve, args=[connection], name="simulator-serve", daemon=True
                )
                self._open[connection] = thread
                thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            if self._swallowed(connection):
                return
            connection.open(self.ssl_context)
            while request := connection.read():
                if not self._exchange(connection, request):
                    return
        except BadRequest:
            self._say("a request that is no HTTP/1.1 with a length")
            with contextlib.suppress(OSError):
                connection.send(Reply.error(400), self.world.wall(), keep_alive=False)
        except OSError:
            pass  # the client went away, which is its right, or the cable did
        finally:
            connection.close()
            with self._lock:
                self._open.pop(connection, None)

    def _exchange(self, connection: Connection, request: Request) -> bool:
        """Answer one request; whether the connection can go on. Raises OSError."""
        entry = self.world.note(request.method, request.target, connection.number)
        fault = None if self._dark else self.faults.take(request.method, request.path)
        entry.fault = "black_hole" if self._dark else fault.kind if fault else ""
        try:
            return not self._swallowed(connection) and self._answer(
                connection, request, entry, fault
            )
        finally:
            self._say(str(entry))

    def _answer(
        self, connection: Connection, request: Request, entry: Exchange, fault: Fault | None
    ) -> bool:
        own = None
        if fault is None or fault.applied:
            own = self.api.answer(request.method, request.target, request.body)
        if fault and fault.kind == "hang":
            connection.pause(fault.seconds)
            return False
        reply = fault.reply() if fault else None
        reply = reply or own
        if reply is None or (fault and fault.kind == "reset_before"):
            connection.reset()
            return False
        delay_s = self.delay_s
        if fault and fault.kind != "drip":
            delay_s += fault.seconds or 0.0
        if (delay_s and not connection.pause(delay_s)) or self._swallowed(connection):
            return False
        if fault is None or fault.kind != "reset_after":
            entry.status = reply.status
        keep_alive = request.keep_alive
        return connection.send(reply, self.world.wall(), keep_alive=keep_alive, fault=fault)

    def _swallowed(self, connection: Connection) -> bool:
        """In a black hole: keep the connection until the client or `back` ends it."""
        with self._lock:
            connection.held = self._dark
        if connection.held:
            connection.pause(None)
        return connection.held

    def _say(self, line: str) -> None:
        if self.log is not None:
            self.log(line)

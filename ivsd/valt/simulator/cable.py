"""A listening socket with a thread per connection, whose cable can be pulled."""

from __future__ import annotations

import contextlib
import socket
import time
from threading import RLock, Thread, current_thread

from .connection import Connection

_LONGEST_FAREWELL_S = 0.3  # for all threads together; who takes longer is left behind


class Cable:
    """Listens, accepts, and goes away or dark when told to; what is served is the subclass's."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port  # port 0: a free one, known after the start
        self.connections = 0  # TCP connections accepted since the start
        self._lock = RLock()
        self._open: dict[Connection, Thread] = {}
        self._listener: socket.socket | None = None
        self._acceptor: Thread | None = None
        self._dark = False

    @property
    def network(self) -> str:
        """`here`, `away` (connections are refused) or `black_hole`."""
        if self._listener is None:
            return "away"
        return "black_hole" if self._dark else "here"

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
            self._cut_all()
        end = time.monotonic() + _LONGEST_FAREWELL_S
        for thread in threads:
            if thread is not current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def black_hole(self) -> None:
        """Connections stay and new ones are accepted, but nothing is carried out or answered."""
        with self._lock:
            if self._listener is None:
                self.back()
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

    def _cut_all(self) -> None:
        with self._lock:
            for connection in self._open:
                connection.cut()

    def _swallowed(self, connection: Connection) -> bool:
        """In a black hole: keep the connection until the client or `back` ends it."""
        with self._lock:
            connection.held = self._dark
        if connection.held:
            connection.pause(None)
        return connection.held

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
                    target=self._attend, args=[connection], name="simulator-serve", daemon=True
                )
                self._open[connection] = thread
                thread.start()

    def _attend(self, connection: Connection) -> None:
        try:
            if not self._swallowed(connection):
                self._serve(connection)
        except OSError:
            pass  # the client went away, which is its right, or the cable did
        finally:
            connection.close()
            with self._lock:
                self._open.pop(connection, None)

    def _serve(self, connection: Connection) -> None:
        raise NotImplementedError

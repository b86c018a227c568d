"""The TLS side of the pages, for waitress speaks none: it passes bytes on, and knows no HTTP.

A thread of its own takes the connections at the configured address, and makes one to waitress, at
a port of the loopback, for each that has something to say. waitress is told the visitor's address
by the local port of that connection; who comes to it by another way is refused.

(cheroot, which speaks TLS, shakes hands where it accepts: one silent stranger stops everybody.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ivsd.web.tls import plain as tls_plain
from ivsd.web.tls.places import Places
from ivsd.web.tls.stream import PIECE, STALLED_S, Stream, first_byte

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"
HAND_SHAKE_S = 10.0
SILENT_S = 30.0
"""After the hand-shake, until the first byte: browsers connect in advance."""
HEADER_S = 20.0
"""From there until the whole header of the first request is there."""
LONGEST_HEADER = 16384
"""Bytes; waitress refuses a longer one."""
PAUSE_S = 0.1
BEGINS_TLS = b"\x16"  # RFC 8446, 5.1: ContentType handshake
BACKLOG = 128

log = logging.getLogger("ivsd.web")

Client = tuple[str, str]
"""Address and port, as WSGI has them."""


class Front:
    """Listens at once (else OSError), and speaks TLS from `start` to `stop`."""

    def __init__(
        self, address: str, port: int, context: ssl.SSLContext, names: frozenset[str]
    ) -> None:
        self._listener = _listen(address, port)
        self.port = int(self._listener.getsockname()[1])
        self._context = context
        self._names = names
        self._back_port = 0
        self._clients: dict[str, Client] = {}  # by the local port of the connection to waitress
        self._places = Places()
        self._thread = threading.Thread(target=self._run, name="tls")
        self._runs = threading.Event()
        self._is_ending = False
        self._cancel: Callable[[], object] = lambda: None

    @property
    def visits(self) -> int:
        """How many connections there are."""
        return len(self._places)

    def start(self, back_port: int) -> None:
        """Take connections, for the waitress that listens at this port of the loopback."""
        self._back_port = back_port
        self._thread.start()
        self._runs.wait()

    def stop(self) -> None:
        """End them all."""
        self._is_ending = True
        self._cancel()
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()

    def guard(self, app: WSGIApplication) -> WSGIApplication:
        """Return the application for those who come through here, with their own addresses."""

        def guarded(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            client = self._clients.get(environ["REMOTE_PORT"])
            # Another address of the loopback may have a port of the same number.
            if client is None or environ["REMOTE_ADDR"] != LOOPBACK:
                start("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"Not by this way.\n"]
            environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = client[0]
            environ["REMOTE_PORT"] = client[1]
            environ["SERVER_PORT"] = str(self.port)
            return app(environ, start)

        return guarded

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(self._accept())
        finally:
            self._runs.set()
            if not self._is_ending:  # a defect: systemd starts what serves nobody anew
                os.kill(os.getpid(), signal.SIGTERM)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None
        self._cancel = lambda: loop.call_soon_threadsafe(me.cancel)
        self._runs.set()
        while True:
            try:
                sock, address = await loop.sock_accept(self._listener)
            except OSError:  # who came has gone again, or there is no descriptor for him
                await asyncio.sleep(PAUSE_S)
                continue
            if self._places.has_room(address[0]):
                visit = asyncio.create_task(self._attend(sock, (address[0], str(address[1]))))
                self._places.take(visit, address[0])
            else:
                sock.close()
            await asyncio.sleep(0)  # others have their turn, however many come

    # -- one connection -----------------------------------------------------------------------

    async def _attend(self, sock: socket.socket, client: Client) -> None:
        me = asyncio.current_task()
        assert me is not None
        # Gone, too slow, or no TLS that we take: nothing that anybody must know.
        with sock, contextlib.suppress(OSError):
            async with asyncio.timeout(HAND_SHAKE_S):
                if await first_byte(sock) != BEGINS_TLS:
                    await self._answer_plainly(sock)
                    return
                visitor = Stream(sock, self._context)
                await visitor.shake_hands()
            if said := await _first_header(visitor):
                self._places.has_asked(me)
                await self._pass_on(visitor, said, client)

    async def _answer_plainly(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        request = b""
        while b"\r\n\r\n" not in request and len(request) < tls_plain.LONGEST:
            piece = await loop.sock_recv(sock, tls_plain.LONGEST)
            if not piece:
                return
            request += piece
        await loop.sock_sendall(sock, tls_plain.answer(request, self._names))
        sock.shutdown(socket.SHUT_WR)

    async def _pass_on(self, visitor: Stream, said: bytes, client: Client) -> None:
        """Be the visitor for waitress until one of them ends it."""
        with socket.socket() as back:
            back.setblocking(False)
            await asyncio.get_running_loop().sock_connect(back, (LOOPBACK, self._back_port))
            back.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            port = str(back.getsockname()[1])
            self._clients[port] = client
            asks = asyncio.create_task(_ask(visitor, back, said))
            answers = asyncio.create_task(_answer(back, visitor))
            try:
                await asyncio.wait([asks, answers], return_when=asyncio.FIRST_COMPLETED)
            finally:
                has_said_all = answers.done() and answers.exception() is None
                asks.cancel()
                answers.cancel()
                await asyncio.gather(asks, answers, return_exceptions=True)
                del self._clients[port]
        if has_said_all:
            await visitor.close()


async def _first_header(visitor: Stream) -> bytes:
    """Return what was said up to the end of a header at least, b"" if that never came.

    Raises TimeoutError: who says one byte now and then would keep his place as long as he likes.
    """
    async with asyncio.timeout(SILENT_S):
        said = await visitor.read()
    async with asyncio.timeout(HEADER_S):
        while b"\r\n\r\n" not in said and len(said) < LONGEST_HEADER:
            if not (piece := await visitor.read()):
                return b""
            said += piece
    return said


async def _ask(visitor: Stream, back: socket.socket, data: bytes) -> None:
    """Pass on what the visitor has said and says, until he hangs up; raises OSError."""
    loop = asyncio.get_running_loop()
    is_listening = True
    while data:
        if is_listening:
            try:
                async with asyncio.timeout(STALLED_S):
                    await loop.sock_sendall(back, data)
            except ConnectionError:  # it refuses the rest, and why is on the way to the visitor
                is_listening = False
        data = await visitor.read()


async def _answer(back: socket.socket, visitor: Stream) -> None:
    """Pass on what waitress says, at once, until it ends; raises OSError if it is not taken off."""
    loop = asyncio.get_running_loop()
    while data := await _received(loop, back):
        await visitor.write(data)


async def _received(loop: asyncio.AbstractEventLoop, back: socket.socket) -> bytes:
    try:
        return await loop.sock_recv(back, PIECE)
    except ConnectionError:  # so ends what was refused before all of it was read
        return b""


def _listen(address: str, port: int) -> socket.socket:
    """Listen as waitress does, at this address alone; raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener

"""TLS on one connection of an event loop.

Not asyncio's own streams: each of their TLS connections takes 275 kB, one of these 20 (measured
with Python 3.11 and 60 of them), and after a reset they throw away what was received before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

PIECE = 16384
"""Bytes that are passed on at a time: the longest record of TLS (RFC 8446, 5.1)."""
STALLED_S = 30.0
"""For what is sent to be taken off; waitress has the same."""
LINGER_S = 2.0

T = TypeVar("T")


class Stream:
    """The box's side; for one task that reads beside one that writes. It does not own the socket.

    Everything raises OSError (which ssl.SSLError and TimeoutError are, too) when there is no more
    to be had of the visitor.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        # Else the second half of an answer waits for the first to be acknowledged: 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_side=True)
        self._sending = asyncio.Lock()

    async def shake_hands(self) -> None:
        """Do that."""
        await self._until_done(self._tls.do_handshake)

    async def read(self) -> bytes:
        """Return the next that was said, b"" at the end."""
        try:
            return await self._until_done(lambda: self._tls.read(PIECE))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes) -> None:
        """Say at most a PIECE."""
        self._tls.write(data)
        await self._send()

    async def close(self) -> None:
        """Say that this was all, and give the visitor time to take it off.

        Nobody may read any more. A socket that is closed while something comes in is reset, and
        then the visitor may never see what was said last.
        """
        with contextlib.suppress(ssl.SSLWantReadError):  # for his goodbye nobody waits
            self._tls.unwrap()
        await self._send()
        self._sock.shutdown(socket.SHUT_WR)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LINGER_S):
            while await loop.sock_recv(self._sock, PIECE):
                pass

    async def _until_done(self, step: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._send()
                if piece := await loop.sock_recv(self._sock, PIECE):
                    self._came.write(piece)
                else:
                    self._came.write_eof()
            except ssl.SSLError:
                await self._send()  # what is wrong, for the visitor
                raise
            else:
                await self._send()
                return done

    async def _send(self) -> None:
        if not self._goes.pending:  # who reads need not wait for a write that is stalled
            return
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(STALLED_S), self._sending:
            while data := self._goes.read():
                await loop.sock_sendall(self._sock, data)


async def first_byte(sock: socket.socket) -> bytes:
    """Look at what was sent first, and leave it there; b"" where nothing will come."""
    loop = asyncio.get_running_loop()
    has_come = asyncio.Event()
    loop.add_reader(sock, has_come.set)
    try:
        await has_come.wait()
    finally:
        loop.remove_reader(sock)
    return sock.recv(1, socket.MSG_PEEK)

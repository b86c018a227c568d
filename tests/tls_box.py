"""The TLS side of the pages over the loopback, with a few pages behind it, and its visitors."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ivsd.web.serve import LOOPBACK, listen
from ivsd.web.tls.front import Front
from ivsd.web.tls.self_made import make

TODAY = datetime.date(2026, 11, 23)
NAMES = frozenset({"localhost", "box"})
WITHIN_S = 10.0
LARGE = bytes(range(256)) * 12_000  # 3 MB: more than all buffers on the way
GET = b"GET %s HTTP/1.1\r\nHost: box\r\n\r\n"


def make_certificate(path: Path) -> Path:
    path.write_text(make("DNS:localhost,DNS:box,IP:127.0.0.1,IP:::1", TODAY))
    return path


class Box:
    """A front, waitress behind it, and a few pages."""

    def __init__(self, certificate: Path, address: str = LOOPBACK) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        self.trusting = ssl.create_default_context(cafile=certificate)
        self.host = "localhost" if address == LOOPBACK else address
        self.front = Front(address, 0, context, NAMES)
        self.server: Any = listen(self.front.guard(self.page), LOOPBACK, 0, scheme="https")
        self.back_port = int(self.server.effective_port)
        self.go_on = threading.Event()
        self.was_told_of_hang_up = threading.Event()
        self._thread = threading.Thread(target=self.server.run, name="pages", daemon=True)

    def page(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        path = environ["PATH_INFO"]
        if path == "/who":
            port, seen = environ["SERVER_PORT"], environ["wsgi.url_scheme"]
            return [f"{environ['REMOTE_ADDR']} {seen} {port}".encode()]
        if path == "/large":
            return [LARGE]
        if path == "/news":
            return self._news()
        if path == "/wait":
            return self._wait(environ["waitress.client_disconnected"])
        return [environ["wsgi.input"].read()]

    def _news(self) -> Iterator[bytes]:
        yield b"first"
        self.go_on.wait(WITHIN_S)
        yield b"second"

    def _wait(self, is_gone: Callable[[], bool]) -> Iterator[bytes]:
        yield b"first"
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end and not is_gone():
            self.go_on.wait(0.02)
        if is_gone():
            self.was_told_of_hang_up.set()

    def __enter__(self) -> Box:
        self._thread.start()
        self.front.start(self.back_port)
        return self

    def __exit__(self, *error: object) -> None:
        self.go_on.set()
        self.front.stop()
        self.server.close()
        self._thread.join(2)

    def silent(self) -> socket.socket:
        """A stranger who connects and says nothing."""
        return socket.create_connection((LOOPBACK, self.front.port), timeout=WITHIN_S)

    def visitor(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """Somebody who has shaken hands."""
        return (context or self.trusting).wrap_socket(self.silent(), server_hostname="box")

    def get(self, path: str, source: str = LOOPBACK) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(
            self.host, self.front.port, timeout=WITHIN_S, context=self.trusting,
            source_address=(source, 0),
        )  # fmt: skip
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse()

    def send(self, body: bytes) -> tuple[int, bytes]:
        """Send it, and return what came back."""
        connection = http.client.HTTPSConnection(
            self.host, self.front.port, timeout=WITHIN_S, context=self.trusting
        )
        connection.request("POST", "/", body=body)
        reply = connection.getresponse()
        said = (reply.status, reply.read())
        connection.close()
        return said

    def serves(self) -> bool:
        return self.get("/who").read().startswith(b"127.0.0.1 https")

    def wait_until_empty(self) -> None:
        end = time.monotonic() + WITHIN_S
        while self.front.visits or self.front._clients:
            assert time.monotonic() < end, "a connection is left"
            time.sleep(0.01)


def until_closed(sock: socket.socket) -> bytes:
    """Read until the other side ends it, one way or the other."""
    said = b""
    try:
        while piece := sock.recv(65536):
            said += piece
    except ConnectionError:
        pass
    return said


def say_goodbye(sock: ssl.SSLSocket) -> None:
    """End TLS, and leave the connection open."""
    with contextlib.suppress(ssl.SSLError):  # there was more to read
        sock.unwrap()


def reset(sock: socket.socket) -> None:
    """Hang up at once, as a phone does that leaves the network."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()

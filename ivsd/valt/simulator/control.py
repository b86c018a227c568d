r"""The control API: what happens to a simulated server, told from another process or language.

It has a port of its own, so that it answers while the VALT side is away, and listens on loopback.
`ivsd simulate --control-port 8089` starts it, in Python `Control(simulator)` does. ::

    curl -H 'Content-Type: application/json' -d '{"kind": "reset_after", "match": "record/start"}' \
        http://127.0.0.1:8089/faults

=========================== ======================================= ==============================
request                     JSON body                               what it does
=========================== ======================================= ==============================
GET /state                                                          tells everything: rooms,
                                                                    recordings with their markers,
                                                                    groups, faults that wait,
                                                                    quirks, the last 100 requests
GET /ca.pem                                                         the authority to trust
POST /faults                `kind`, and `match`, `count`,           adds a fault; the keys are
                            `lasts_s`, `seconds`, `status`, `body`, those of `Fault`
                            `applied`, `whole_head`
POST /faults/clear          none                                    no fault from now on
POST /network               `state`: here, away or black_hole       pulls or plugs the cable
POST /certificate           `kind`: good, self_signed, expired,     the certificate from now on;
                            wrong_name, not_yet_valid or none       none is plain HTTP
POST /quirks                quirks by name                          changes them, all or none
POST /delay                 `seconds`                               waits before each reply
POST /clock                 `offset_s`, negative: slow              shifts the server's clock
POST /tokens/forget         none                                    makes all tokens unknown
POST /rooms/ID/start        `name`, `author`, both optional         acts as somebody at the VALT
POST /rooms/ID/stop ...     none                                    page: also pause, resume,
                                                                    lock, unlock, prepare and
                                                                    unprepare
=========================== ======================================= ==============================

A POST answers `{"did": "..."}`. What is wrong answers `{"error": "..."}`: 400 for the body, 403 for
a name in `Host` that is not the machine's, 404 for a path or room that does not exist, 409 for what
the room's state forbids, 415 for a body that is not declared as JSON. No page in a browser can
declare it so without being asked for leave, and leave is never given.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import socketserver
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from . import actions
from .server import Simulator
from .state import Json, NotFound, WorldError

_LONGEST_BODY = 65_536
_STALLED_S = 5.0  # after which a caller that says nothing is left


class Control:
    """Serves the control API of a simulator; `log` gets one line per action."""

    def __init__(
        self,
        simulator: Simulator,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.simulator, self.log = simulator, log
        self.host, self.port = host, port  # port 0: a free one, known after the start
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen. Raises OSError if the port is taken."""
        self._server = server = _Server((self.host, self.port), _Handler)
        server.control = self
        self.port = server.server_address[1]
        self._thread = Thread(target=self._serve, args=[server], name="control", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it; harmless if it was ended before."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            with contextlib.suppress(OSError):
                server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
            self._thread.join()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def _serve(self, server: _Server) -> None:
        while self._server is server:
            server.handle_request()  # waits without end, unlike serve_forever, which polls

    def do(self, path: str, body: Json) -> str:
        """Carry out a POST; the line that says what was done. Raises ValueError, WorldError."""
        action = actions.action(path)
        if action is None:
            raise NotFound(f"there is no POST {path}; there are {', '.join(actions.PATHS)}")
        line = action(self.simulator, body)
        if self.log is not None:
            self.log(f"control: {line}")
        return line


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    control: Control

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the machine's name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a caller that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _STALLED_S
    server_version, sys_version = "ivsd-simulator-control", ""

    def do_GET(self) -> None:
        simulator = self.server.control.simulator
        if not self._for_us():
            return
        try:
            if self.path == "/state":
                self._answer(200, actions.state(simulator))
            elif self.path == "/ca.pem":
                self._send(200, "application/x-pem-file", simulator.ca_pem.encode())
            else:
                self._refuse(404, "there are GET /state and GET /ca.pem")
        except (ValueError, ImportError) as reason:
            self._refuse(400, str(reason))

    def do_POST(self) -> None:
        if not self._for_us():
            return
        if self.headers.get_content_type() != "application/json":
            self._refuse(415, "the header Content-Type must be application/json")
            return
        try:
            self._answer(200, {"did": self.server.control.do(self.path, self._body())})
        except NotFound as reason:
            self._refuse(404, str(reason))
        except WorldError as reason:
            self._refuse(409, str(reason))
        except (ValueError, ImportError) as reason:
            self._refuse(400, str(reason))

    def _body(self) -> Json:
        """Raises ValueError."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            raise ValueError(f"the body must have a length of at most {_LONGEST_BODY} bytes")
        try:
            document = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError):
            raise ValueError("the body must be JSON") from None
        if not isinstance(document, dict):
            raise ValueError('the body must be a JSON object, such as {"state": "away"}')
        return document

    def _for_us(self) -> bool:
        """Whether an address was asked for, or a name of ours: any other may be a web page's."""
        with contextlib.suppress(ValueError):
            name = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
            if name in ("localhost", self.server.control.host):
                return True
            ipaddress.ip_address(name)
            return True
        self._refuse(403, "the header Host must be an address or localhost")
        return False

    def _refuse(self, status: int, reason: str) -> None:
        self._answer(status, {"error": reason})

    def _answer(self, status: int, document: Json) -> None:
        self._send(status, "application/json", json.dumps(document).encode() + b"\n")

    def _send(self, status: int, content_type: str, payload: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the actions are said, and the rest is of no interest."""

"""The simulated VALT server on a real socket, whose cable can be pulled."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .api import Api
from .cable import Cable
from .certificates import Certificate, Certificates
from .connection import BadRequest, Connection, Request
from .faults import Fault, Faults
from .journal import Exchange
from .mistyped import mistyped
from .reply import Reply
from .world import World


class Simulator(Cable):
    """A VALT server on loopback, one thread per connection.

    `delay_s` is waited before each reply, after the request was carried out; it, `clock_offset_s`
    and `log` (called with one line per request, free of secrets) may be changed while it runs.
    `tls` is a kind of certificate, see `certificate`; `ssl_context` is for those who bring theirs.
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
        tls: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock_offset_s: float = 0.0,
        log: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(host, port)
        self.world = world or World()
        self.api = Api(self.world, username, password)
        self.faults = Faults(self.world.clock)
        self.delay_s, self.ssl_context, self.log = delay_s, ssl_context, log
        self._certificates: Certificates | None = None
        self._certificate: Certificate | None = None
        if clock_offset_s:
            self.clock_offset_s = clock_offset_s
        if tls is not None:
            if ssl_context is not None:
                raise ValueError("give either tls or ssl_context")
            self.certificate(tls)

    @property
    def url(self) -> str:
        scheme = "https" if self.ssl_context else "http"
        return f"{scheme}://{self.host}:{self.port}"

    @property
    def requests(self) -> list[Exchange]:
        """The requests that arrived, oldest first."""
        return self.world.journal

    @property
    def clock_offset_s(self) -> float:
        """By how many seconds the server's clock is fast: the Date and all epoch times."""
        return self.world.clock_offset_s

    @clock_offset_s.setter
    def clock_offset_s(self, seconds: float) -> None:
        self.world.clock_offset_s = seconds

    # ---- TLS --------------------------------------------------------------------------------

    def certificate(self, kind: str | None) -> None:
        """Show new connections another certificate (see `certificates`); cut those there are.

        None: plain HTTP from now on. Raises ValueError for a kind that does not exist, and
        ImportError if the package trustme is missing.
        """
        with self._lock:
            new = None if kind is None else self._issuer().get(kind)
            self._certificate, self.ssl_context = new, new.context if new else None
            self._cut_all()

    @property
    def tls(self) -> str | None:
        """The kind of certificate; None: plain HTTP, `own`: the `ssl_context` that was given."""
        if self._certificate and self.ssl_context is self._certificate.context:
            return self._certificate.kind
        return "own" if self.ssl_context else None

    @property
    def ca_pem(self) -> str:
        """The authority that issued all but the self-signed certificate, in PEM."""
        return self._issuer().ca_pem

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate that is shown, in hex. Raises ValueError if it is not ours."""
        if self._certificate is None or self.tls != self._certificate.kind:
            raise ValueError("the simulator shows no certificate of its own")
        return self._certificate.fingerprint

    def _issuer(self) -> Certificates:
        with self._lock:
            self._certificates = self._certificates or Certificates(self.host)
            return self._certificates

    # ---- on and off, and see Cable for in between ------------------------------------------------

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

    # ---- serving ----------------------------------------------------------------------------

    def _serve(self, connection: Connection) -> None:
        try:
            connection.open(self.ssl_context)
        except ssl.SSLError as error:
            self._say(f"no TLS with a client: {error.reason or error}")
            return
        try:
            while request := connection.read(self.world.quirks.keep_alive_s):
                if not self._exchange(connection, request):
                    return
        except BadRequest:
            self._say("a request that is no HTTP/1.1 with a length")
            with contextlib.suppress(OSError):
                connection.send(Reply.error(400), self.world.wall(), keep_alive=False)

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
            own = self.api.carry_out(entry, request.method, request.target, request.body)
        if fault and fault.kind == "hang":
            connection.pause(fault.seconds)
            return False
        reply = self._spoiled(own, request, fault) if fault else own
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

    def _spoiled(self, own: Reply | None, request: Request, fault: Fault) -> Reply | None:
        """What is sent in place of the server's reply, if the fault changes its text."""
        if fault.kind == "says_no":
            reason = fault.body or "This is not possible now"
            return self.api.says_no(request.method, request.target, reason)
        if fault.kind == "wrong_types" and own is not None:
            return mistyped(own)
        return fault.reply() or own

    def _say(self, line: str) -> None:
        if self.log is not None:
            self.log(line)

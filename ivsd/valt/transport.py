"""HTTP as the VALT link needs it: `requests` on connections with our own deadline.

What this adds to a plain `requests.Session`, and why:

* The time-out bounds the *whole* exchange (see `sockets`).
* Two kept-alive connections, used in turn by the daemon. The room watcher's poll goes over one,
  then the other, so both stay warm, and a press always finds a free warm one without waiting
  for a poll. A script needs no second one, so for it the connection used last is used again.
* Nothing from the environment: no proxy, no netrc, and no REQUESTS_CA_BUNDLE, which would
  silently win over the CA file that was configured.
* One TLS context for the life of the daemon, with the system's CA store, a CA file or a pin.
* No redirect is followed: it would turn a POST into a GET.
* urllib3's debug log tells no token and no card number, though VALT wants both in the URL.
* Every failure leaves as a `ValtError`; a failure while connecting is told apart from one
  after the request was sent, because only the first is proof that nothing happened.
"""

from __future__ import annotations

import copy
import json
import logging
import queue
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from ivsd import __version__
from ivsd.valt.errors import (
    BadReply,
    ConnectionLost,
    NoReply,
    NotSentInTime,
    TlsUntrusted,
    Unreachable,
)
from ivsd.valt.sockets import dial, exchange_deadline, remaining, time_left
from ivsd.valt.trust import tls_context, why_untrusted

CONNECTIONS = 2
SCRIPT_CONNECTIONS = 10  # a script may have threads of its own
LONGEST_IDLE_S = 30.0
LONGEST_REPLY = 8 * 1024 * 1024  # bytes; a full user list of a large site is far below


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP reply."""

    status: int
    body: bytes = field(repr=False)
    location: str = ""
    """Where a redirect, which is not followed, points to."""
    date: str = ""
    """The server's own time, as it wrote it."""
    hide: tuple[str, ...] = field(default=(), repr=False)
    """Texts that no error may repeat, even when the server does: token, password, number."""

    def json(self) -> Any:
        """Parse the body; raises BadReply when it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadReply(
                f"the server's reply is not VALT's (HTTP {self.status}, no JSON): "
                "is this the address of the VALT server?"
            ) from None


class Transport(Protocol):
    """What the client needs: one request out, one complete reply back, or a ValtError."""

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply: ...


class HttpTransport:
    """The real transport. Thread-safe.

    `verify` is "system", a path to a CA file, "sha256:HEX" for a pinned certificate, or None to
    trust anybody (only a script may ask for that, no configuration can).
    `timeout_s` bounds each request from name resolution to the last byte of the body.
    `in_turn` keeps both CONNECTIONS warm; without it one caller stays on one connection, and
    each of up to SCRIPT_CONNECTIONS threads on its own.
    Raises OSError or ssl.SSLError when the CA file cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        verify: str | None = "system",
        timeout_s: float = 5.0,
        in_turn: bool = True,
    ) -> None:
        self._base = url.rstrip("/") + "/api/v3/"
        self._timeout_s = timeout_s
        self._in_turn = in_turn
        self._used_at = time.monotonic()
        self._trust: tuple[ssl.SSLContext | None, str | None] = None, None
        if urlsplit(url).scheme == "https":
            self._trust = tls_context(verify)
        self._session = self._new_session()

    def _new_session(self) -> _Session:
        adapter = _Adapter(*self._trust, in_turn=self._in_turn)
        session = _Session()
        session.trust_env = False
        for scheme in ("http://", "https://"):  # not the base: its spelling may be normalised
            session.mount(scheme, adapter)
        session.headers["User-Agent"] = f"ivsd/{__version__}"
        # A jar that takes nothing: two threads share the session, and VALT needs no cookie.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return session

    def apart(self) -> HttpTransport:
        """Return a way to the same server that takes none of the connections of this one.

        For what may take long; it shares the TLS context, which is large. To be closed.
        """
        other = copy.copy(self)
        other._in_turn = False
        other._used_at = time.monotonic()
        other._session = other._new_session()
        return other

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        """Exchange one request for one complete reply; raises ValtError."""
        with exchange_deadline(self._timeout_s):
            self._drop_what_idled()
            try:
                return self._exchange(method, path, query, body)
            except ConnectionLost:
                # A kept-alive connection that the server has closed in the meantime: reading
                # again is harmless, and so is a log-in; anything else the caller must resolve.
                if (method != "GET" and path != "login") or time_left() == 0:
                    raise
                self._session.close()  # the other idle connection is likely to be dead, too
                return self._exchange(method, path, query, body)

    def _exchange(
        self, method: str, path: str, query: dict[str, str], body: object | None
    ) -> Reply:
        if time_left() == 0:
            raise NotSentInTime("the time for the server's answer was over; nothing was sent")
        try:
            response = self._session.request(
                method,
                self._base + path,
                params=query,
                json=body,
                timeout=remaining(),
                stream=True,
                allow_redirects=False,
            )
            with response:
                text = response.raw.read(LONGEST_REPLY + 1, decode_content=True)
        # `from None`: the library's exceptions carry the URL, and with it the token.
        except (requests.Timeout, TimeoutError, urllib3.exceptions.TimeoutError):
            raise NoReply(f"no answer from the server within {self._timeout_s:g} s") from None
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.MissingSchema,
        ):
            raise Unreachable("the server's address is no web address") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
            raise ConnectionLost(
                "the connection broke before the server's answer was complete"
            ) from None
        if len(text) > LONGEST_REPLY:
            raise BadReply("the server's reply is too long to be VALT's")
        headers = response.headers
        return Reply(
            response.status_code, text, headers.get("Location", ""), headers.get("Date", "")
        )

    def _drop_what_idled(self) -> None:
        """Close connections that a firewall may have forgotten without a word.

        The daemon's polls keep its own alive. A script may call once an hour, and its stop must
        not wait for a time-out to find out.
        """
        now = time.monotonic()
        if not self._in_turn and now - self._used_at > LONGEST_IDLE_S:
            self._session.close()
        self._used_at = now

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()


class _Discreet(logging.Filter):
    """Takes token and card number out of what urllib3 logs, for whoever turns its debug log on.

    And takes out its warning that a script has more threads than are kept: it is no fault.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                re.sub(r"\b(access_token|cardNumber)=[^&\s]*", r"\1=…", arg)
                if isinstance(arg, str)
                else arg
                for arg in record.args
            )
        return not str(record.msg).startswith("Connection pool is full")


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_Discreet())


class _Dialled:
    """Opens the connection with `dial` and types every failure before the request is sent."""

    _dns_host: str
    port: int
    host: str

    def _new_conn(self) -> socket.socket:
        return dial(self._dns_host, self.port)

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]  # of the urllib3 class beside this mix-in
        except ssl.SSLCertVerificationError as e:
            raise why_untrusted(e, self.host) from None
        except urllib3.exceptions.SSLError:
            raise TlsUntrusted(
                f"the certificate of {self.host} is not the pinned one (verify)"
            ) from None
        except TimeoutError:
            raise Unreachable(f"no answer from {self.host} port {self.port} in time") from None
        except ssl.SSLError as e:
            raise Unreachable(
                f"{self.host} port {self.port} does not speak TLS as expected "
                f"({e.reason or 'handshake failed'}): http:// instead of https://?"
            ) from None
        except OSError:
            raise Unreachable(f"{self.host} port {self.port} closed the new connection") from None


class _PlainConnection(_Dialled, HTTPConnection):
    pass


class _TlsConnection(_Dialled, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        # Who trusts anybody has said so, and needs no warning of urllib3 at each connection.
        self.is_verified = True


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _PlainTurns(_PlainPool):
    # First in, first out: the connections take turns and stay warm.
    QueueCls = queue.Queue  # type: ignore[assignment]  # urllib3's type names its default


class _TlsTurns(_TlsPool):
    QueueCls = queue.Queue  # type: ignore[assignment]


_LATEST = {"http": _PlainPool, "https": _TlsPool}
_IN_TURN = {"http": _PlainTurns, "https": _TlsTurns}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """See no redirect anywhere: even unfollowed ones are parsed, and may be nonsense."""


class _Adapter(HTTPAdapter):
    def __init__(
        self, context: ssl.SSLContext | None, fingerprint: str | None, *, in_turn: bool
    ) -> None:
        self._context, self._fingerprint = context, fingerprint
        self._pools = _IN_TURN if in_turn else _LATEST
        size = CONNECTIONS if in_turn else SCRIPT_CONNECTIONS
        super().__init__(pool_connections=1, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Hand out the one pool, with our TLS context instead of one made from `verify`."""
        tls: dict[str, Any] = {}
        if self._context is not None:
            tls = {
                "ssl_context": self._context,
                "cert_reqs": self._context.verify_mode,
                "assert_fingerprint": self._fingerprint,
            }
        return self.poolmanager.connection_from_url(request.url, pool_kwargs=tls)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the context of `get_connection_with_tls_context` has it all."""

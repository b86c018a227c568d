"""Sockets that keep one deadline for a whole exchange.

A time-out of `requests` starts anew with every byte: a server that drips one byte a second
holds the caller for ever, and name resolution has no time-out at all. Here the deadline of
the exchange is set once per thread (`exchange_deadline`), and every wait below it, the name
look-up, connecting, the TLS handshake, each read and write, gets only what is left of it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ivsd.valt.errors import NotSentInTime, Unreachable

_thread = threading.local()


@contextmanager
def not_sent_after(moment: float) -> Iterator[None]:
    """Let this thread send nothing after `moment`, however long connecting has taken.

    A press that comes late surprises people; NotSentInTime is raised in its place.
    """
    _thread.send_before = moment
    try:
        yield
    finally:
        _thread.send_before = None


def _check_still_wanted() -> None:
    send_before: float | None = getattr(_thread, "send_before", None)
    if send_before is not None and time.monotonic() > send_before:
        raise NotSentInTime("the server took too long to be asked in time; nothing was sent")


@contextmanager
def exchange_deadline(seconds: float) -> Iterator[None]:
    """Bound everything this thread's sockets do inside the block to `seconds` in all.

    Inside another such block it can only shorten what is left: several exchanges that make up
    one call share the caller's deadline.
    """
    outer: float | None = getattr(_thread, "deadline", None)
    mine = time.monotonic() + seconds
    _thread.deadline = mine if outer is None else min(mine, outer)
    try:
        yield
    finally:
        _thread.deadline = outer


def time_left() -> float | None:
    """Seconds left for this thread, not below 0; None outside of `exchange_deadline`."""
    deadline: float | None = getattr(_thread, "deadline", None)
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def remaining() -> float:
    """Seconds left for this thread's exchange; raises TimeoutError when there are none."""
    left = time_left()
    if left is None:
        raise RuntimeError("a VALT socket was used outside of exchange_deadline()")
    if left <= 0:
        raise TimeoutError("the time for the server's answer is over")
    return left


class PlainSocket(socket.socket):
    """A TCP socket whose every read and write ends at the exchange's deadline."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _check_still_wanted()
        self.settimeout(remaining())
        super().sendall(*args, **kwargs)


class TlsSocket(ssl.SSLSocket):
    """The same for TLS; the handshake is bounded by the time-out set just before it."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _check_still_wanted()
        super().sendall(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining())
        return super().send(*args, **kwargs)


def dial(host: str, port: int) -> socket.socket:
    """Connect to the first address of `host` that answers.

    Raises Unreachable with one sentence that names the cause.
    """
    problem: Unreachable | None = None
    addresses = resolve(host, port)
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        sock = PlainSocket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(remaining() / left)  # a silent address leaves time for the others
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            sock.settimeout(remaining())  # what is left is the TLS handshake's
        except OSError as e:
            sock.close()
            problem = Unreachable(_why_no_connection(e, host, port))
        else:
            return sock
    raise problem or Unreachable(f"the name {host} has no address")


def _why_no_connection(e: OSError, host: str, port: int) -> str:
    if isinstance(e, TimeoutError) or e.errno == errno.ETIMEDOUT:
        return f"no answer from {host} port {port} in time"
    if e.errno == errno.ECONNREFUSED:
        return f"{host} refuses connections on port {port}: is VALT running there?"
    if e.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"no way to {host}: is the network connected?"
    return f"cannot connect to {host} port {port}: {e.strerror or type(e).__name__}"


Address = tuple[int, Any]


class _Lookup(threading.Thread):
    """One getaddrinfo call. It cannot be interrupted, so it gets a thread that may be left."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name=f"resolve {host}", daemon=True)
        self._host, self._port = host, port
        self.found: list[Address] = []
        self.problem: OSError | None = None

    def run(self) -> None:
        try:
            self.found = [
                (family, address)
                for family, _, _, _, address in socket.getaddrinfo(
                    self._host, self._port, type=socket.SOCK_STREAM
                )
            ]
        except (OSError, UnicodeError) as e:
            self.problem = e if isinstance(e, OSError) else OSError(str(e))


_lookups: dict[tuple[str, int], _Lookup] = {}
_lookups_lock = threading.Lock()


def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of `host`, which is a name or an address itself.

    Takes no longer than what is left of the deadline; a look-up that hangs is joined, not
    doubled. Raises Unreachable, and TimeoutError when no time was left to begin with.
    """
    try:
        version = ipaddress.ip_address(host.strip("[]")).version
    except ValueError:
        pass
    else:
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        return [(family, (host.strip("[]"), port))]
    with _lookups_lock:
        lookup = _lookups.get((host, port))
        if lookup is None:
            lookup = _lookups[host, port] = _Lookup(host, port)
            lookup.start()
    lookup.join(remaining())
    if lookup.is_alive():
        raise Unreachable(f"the name {host} could not be resolved in time: is the DNS reachable?")
    with _lookups_lock:
        if _lookups.get((host, port)) is lookup:
            del _lookups[host, port]
    if lookup.problem is not None:
        if isinstance(lookup.problem, socket.gaierror) and lookup.problem.errno in (
            socket.EAI_AGAIN,
            socket.EAI_FAIL,
        ):
            raise Unreachable(f"the name {host} cannot be resolved now: is the network connected?")
        raise Unreachable(f"the name {host} is not known to the DNS")
    return lookup.found

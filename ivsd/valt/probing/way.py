"""The way to the server: its address, its name, and a connection. Nothing is asked yet."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from ivsd.valt.address import url_problem
from ivsd.valt.errors import ValtError
from ivsd.valt.probing.findings import Finding, Step, some
from ivsd.valt.sockets import dial, resolve

WORTH_TELLING_S = 0.1
"""Who has waited for longer than this is told how long."""


@dataclass(frozen=True, slots=True)
class Server:
    """What an address says of the server."""

    scheme: str
    host: str
    port: int
    path: str
    """Without slashes at its ends; nearly always empty."""

    @classmethod
    def at(cls, url: str) -> Server:
        """Take an address apart in which nothing is wrong."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname or "", port, parts.path.strip("/"))

    @property
    def doubt(self) -> str:
        """Advice on an address that may be copied from a browser: below it there is no API."""
        return f" valt.url has the path /{self.path}: try without." if self.path else ""


def check_address(url: str) -> Finding:
    """Find out whether it is an address."""
    if problem := url_problem(url):
        return Finding(Step.ADDRESS, False, problem, "Correct the server's address (valt.url).")
    server = Server.at(url)
    return Finding(Step.ADDRESS, True, f"{server.scheme}, {server.host} port {server.port}")


def resolve_name(server: Server) -> Finding:
    """Find out which addresses the name stands for."""
    host = server.host
    problem, found = f"the name {host} has no address", []
    try:
        found = resolve(host, server.port)
    except (ValtError, OSError) as e:
        problem = str(e)
    if not found:
        advice = (
            f"Check the spelling of {host!r} in valt.url. If it is right, ask whoever "
            "runs the network which DNS server this box must use."
        )
        return Finding(Step.NAME, False, problem, advice)
    addresses = list(dict.fromkeys(str(address[0]) for _, address in found))
    if addresses == [host]:
        return Finding(Step.NAME, True, f"{host} is an address: nothing to resolve")
    return Finding(Step.NAME, True, f"{host} resolves to {some(addresses)}")


def connect(server: Server) -> Finding:
    """Find out whether somebody accepts connections there."""
    began = time.monotonic()
    try:
        with dial(server.host, server.port) as sock:
            address = sock.getpeername()[0]
    except (ValtError, OSError) as e:
        waited_s = time.monotonic() - began
        text = f"{e} (waited {waited_s:.1f} s)" if waited_s >= WORTH_TELLING_S else str(e)
        advice = (
            "Check that the server is switched on, that the port in valt.url is right, and "
            "that no firewall or other network is between it and this box."
        )
        return Finding(Step.CONNECT, False, text, advice)
    took_ms = (time.monotonic() - began) * 1000
    text = f"{address} port {server.port} accepts connections ({took_ms:.0f} ms)"
    return Finding(Step.CONNECT, True, text)

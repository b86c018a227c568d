"""Under which names the page is served.

A page of a stranger may have a name of its own point to this box (DNS rebinding), and then read
it with the browser of somebody who can reach it. The browser tells the name it has used, so other
names than ours are refused (decision 35).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def own_names(more: Iterable[str] = ()) -> frozenset[str]:
    """List the names of this box, without asking any network."""
    host = socket.gethostname()
    short = host.partition(".")[0]
    return frozenset(
        name.lower() for name in ("localhost", host, short, f"{short}.local", *more) if name
    )


def is_ours(header: str, names: frozenset[str]) -> bool:
    """Whether a Host header is an IP address or one of these names, with or without a port."""
    match = _HOST.fullmatch(header)
    if match is None:
        return False
    name = match["name"].lower()
    if name.rstrip(".") in names:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

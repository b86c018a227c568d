"""Tell systemd how the service is: READY, STATUS, STOPPING.

sd_notify is one datagram to a socket. Written here because it must work where systemd-python
is not installed: without READY=1 systemd would end the daemon after its start time-out.
"""

from __future__ import annotations

import contextlib
import os
import socket


def notify(*lines: str) -> None:
    """Send lines such as `READY=1` or `STATUS=...`; does nothing outside of systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
    ):
        sock.setblocking(False)  # nobody who does not read may hold up the daemon
        sock.connect(address)
        sock.sendall("\n".join(line.replace("\n", " ") for line in lines).encode())

"""News that a device has come, from udev.

Imported only where devices are real: pyudev is part of the `appliance` extra. udev tells of a
device when its rules have given it its permissions and links; from /dev alone one would be too
early.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pyudev

UDEV = Path("/run/udev/control")
"""Is there while udev runs; in a container it does not, and its news never come."""


class Hotplug:
    """A descriptor that becomes readable when a device was plugged in, changed or taken away.

    Raises OSError when udev does not run, or its news may not be heard.
    """

    def __init__(self) -> None:
        if not UDEV.exists():
            raise OSError("udev does not run here")
        self._monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        for subsystem in ("input", "gpio"):
            self._monitor.filter_by(subsystem)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the descriptor of udev's netlink socket."""
        return int(self._monitor.fileno())

    def came(self) -> bool:
        """Take what is waiting; return whether something came that might be looked for."""
        came = False
        try:
            while (device := self._monitor.poll(timeout=0)) is not None:
                came |= device.action != "remove"
        except OSError:  # so many that the kernel had to drop some (ENOBUFS)
            self._forget_error()
            return True
        return came

    def _forget_error(self) -> None:
        """Take the error off the socket: until then it stays readable, with nothing to read."""
        with socket.socket(fileno=os.dup(self.fileno())) as twin:
            twin.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

"""The machine in the bundle: what is installed, its devices, its network, and how busy it is.

Some of it only root can find out, or a process outside of the daemon's sandbox; then its place
says what was not there.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import time

from ivsd import __version__
from ivsd.appliance.factory.places import STATE, Places
from ivsd.bundle.box import Box
from ivsd.bundle.daemon import UNITS
from ivsd.bundle.known import read_text

MODEL = "/sys/firmware/devicetree/base/model"
"""The same as /proc/device-tree/model, which the daemon's sandbox hides."""

ADDRESSES = "/proc/self/net/fib_trie", "/proc/self/net/if_inet6", "/proc/self/net/route"
"""What `ip` says, in the kernel's own words."""


def versions(box: Box) -> str:
    """Return what is installed, on what, and since when it runs."""

    def at(path: str) -> str:
        try:
            return read_text(box.places.at(path)).strip("\x00\n")
        except OSError as e:
            return f"{path}: {e.strerror}"

    packages = {f"{one.name} {one.version}" for one in importlib.metadata.distributions()}
    release = [line for line in at("/etc/os-release").splitlines() if "NAME=" in line]
    return "\n".join(
        [
            f"ivsd {__version__}",
            f"Python {sys.version} at {sys.executable}",
            f"kernel {' '.join(platform.uname()[2:5])}",
            f"board {at(MODEL)}",
            f"time {time.strftime('%Y-%m-%dT%H:%M:%S%z')}",
            f"uptime in s {time.clock_gettime(time.CLOCK_BOOTTIME):.0f}",
            f"boot {at('/proc/sys/kernel/random/boot_id')}",
            *release,
            f"systemd {box.run(['systemctl', '--version']).text.partition(chr(10))[0]}",
            "packages:",
            *sorted(f"  {package}" for package in packages),
        ]
    )


def devices(box: Box) -> str:
    """Return what `ivsd devices` says; a program of its own, for a device may hang."""
    return str(box.run([sys.executable, "-m", "ivsd", "devices", str(box.config.absolute())]))


def network(box: Box) -> str:
    """Return addresses, routes, name servers, and whose time this box has."""
    told = box.told((["ip", "address"], ["ip", "route"], ["ip", "-6", "route"]))
    files = ["/etc/resolv.conf"]
    if (
        "inet" not in told
    ):  # it ends at once in the daemon's sandbox, where it cannot drop its rights
        files += ADDRESSES
    commands = (
        ["resolvectl", "--no-pager", "status"],
        ["timedatectl", "--no-pager", "status"],
        ["timedatectl", "--no-pager", "timesync-status"],
    )
    return "\n\n".join([told, box.told(commands), *(_file(box, path) for path in files)])


def _file(box: Box, path: str) -> str:
    try:
        return f"{path}:\n{read_text(box.places.at(path))}"
    except OSError as e:
        return f"{path}: {e.strerror}"


def system(box: Box) -> str:
    """Return how full, warm and busy this machine is, and how its services are."""
    lines = []
    for path in ("/", STATE):
        try:
            disk = shutil.disk_usage(box.places.at(path))
            lines.append(f"disk at {path}: {disk.free >> 20} of {disk.total >> 20} MiB free")
        except OSError as e:
            lines.append(f"disk at {path}: {e.strerror}")
    for path in ("/proc/loadavg", "/proc/meminfo", *_zones(box.places)):
        try:
            lines.append(f"{path}: {' | '.join(read_text(box.places.at(path)).splitlines()[:5])}")
        except OSError as e:
            lines.append(f"{path}: {e.strerror}")
    # Without its lines of the journal: these are another file, which knows messages from times.
    commands = (
        ["vcgencmd", "get_throttled"],  # a Raspberry Pi's: too little voltage, too hot
        ["systemctl", "--no-pager", "--plain", "--failed"],
        ["systemctl", "--no-pager", "--full", "--lines=0", "status", *UNITS],
    )
    return "\n".join(lines) + "\n\n" + box.told(commands)


def _zones(places: Places) -> list[str]:
    folder = places.at("/sys/class/thermal")
    return [f"/sys/class/thermal/{zone.parent.name}/temp" for zone in folder.glob("*/temp")]

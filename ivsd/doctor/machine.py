"""Clock and disk of this machine."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ivsd
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Area, Finding, wrong

TIMESYNC = "/run/systemd/timesync"
"""systemd-timesyncd's own; it makes the file `synchronized` there once it has the time from a
server (systemd-timesyncd.service(8))."""
SURE_US = 16_000_000
"""Below this error the kernel's clock counts as set, as for systemd (time-util.c, ntp_synced)."""

SHORT_PART, SHORT_BYTES, SHORT_INODES = 0.05, 500_000_000, 10_000
"""Below this part of a file system, and below this much, there is little room left."""


class _Timex(ctypes.Structure):
    """The head of the kernel's struct timex (adjtimex(2)), and more room than its rest needs."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * 512),
    )


def kernel_is_set() -> bool | None:
    """Whether something keeps the kernel's clock right, whatever its name; None: not told."""
    found = _Timex()  # modes 0: it only reads
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.byref(found))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else found.maxerror < SURE_US


def clock(
    box: Box,
    wall: Callable[[], float] = time.time,
    kernel: Callable[[], bool | None] = kernel_is_set,
) -> Iterator[Finding]:
    """Find out whether this machine has the right time; the probe compares it to the server's."""
    now = wall()
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    synchronized = box.places.at(TIMESYNC) / "synchronized"
    is_set = synchronized.exists() or kernel()
    if is_set:
        yield Finding(Area.CLOCK, True, f"it is {shown}, by a time server")
    elif now < _installed_at():
        advice = (
            "Let this box reach a time server (timedatectl shows which it asks): without the right "
            "time no certificate is trusted."
        )
        text = f"it is not {shown}: ivsd itself is younger than that"
        yield wrong(Area.CLOCK, text, advice)
    else:
        why = "nobody says whether" if is_set is None else "so far no time server says that"
        yield Finding(Area.CLOCK, None, f"{why} it is {shown}")


def _installed_at() -> float:
    """Return when the files of ivsd were made: no right clock shows less."""
    return os.stat(ivsd.__file__).st_mtime


def disk(box: Box) -> Iterator[Finding]:
    """Find out whether there is room where configuration and state are, and it can be written."""
    seen: set[int] = set()
    for path in (box.config.absolute().parent, box.state, box.places.root):
        there = next(one for one in (path, *path.parents) if os.path.exists(one))
        device = os.stat(there).st_dev
        if device not in seen:
            seen.add(device)
            yield from _file_system(there)


def _file_system(path: Path) -> Iterator[Finding]:
    found = os.statvfs(path)
    total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    if found.f_flag & os.ST_RDONLY:
        advice = (
            f"Find out why {path} is read-only (findmnt -T {path}; dmesg): a memory card that is "
            "worn out turns so, and wants to be replaced."
        )
        yield wrong(Area.DISK, f"{path} can only be read", advice)
    text = f"{path}: {_size(free)} of {_size(total)} free"
    if free < min(SHORT_PART * total, SHORT_BYTES):
        advice = (
            f"Make room at {path}: sudo journalctl --vacuum-size=50M, and remove what is large."
        )
        yield wrong(Area.DISK, text, advice)
    else:
        yield Finding(Area.DISK, True, text)
    if found.f_files and found.f_favail < min(SHORT_PART * found.f_files, SHORT_INODES):
        text = f"{path}: there is room for {found.f_favail} more files only (df -i)"
        yield wrong(Area.DISK, text, f"Remove folders of many small files at {path}.")


def _size(count: float) -> str:
    """Say how many bytes, as disks are sold."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"

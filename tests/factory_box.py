"""A box with templates and an old state, below a folder; and a machine that only takes notes."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ivsd.appliance.factory.places import TEMPLATES, WORK, Places

NOW_S = 1_795_000_000.0  # in 2026
SEEN = ("etc", "var/lib/ivsd", "var/lib/ivsd-web")

MANIFEST = """\
files:
  - {template: ivsd.yaml, target: /etc/ivsd/ivsd.yaml, owner: root, group: ivsd, mode: "0640"}
  - template: dhcp.network
    target: /etc/systemd/network/00-ivsd.network
    owner: root
    group: root
    mode: "0644"
    only_if: /etc/networkd-is-here
    afterwards: enable-time-sync
  - {template: hostname, target: /etc/hostname, owner: root, group: root, mode: "0644"}
  - template: other
    target: /etc/other/file
    owner: root
    group: root
    mode: "0600"
    only_if: /etc/other
"""
FACTORY = {"ivsd.yaml": b"# factory\n", "dhcp.network": b"DHCP=yes\n", "hostname": b"ivs-keypad\n",
           "other": b"not here\n"}  # fmt: skip


@dataclass
class Notes:
    """The machine: it does nothing, and notes what it was told to do."""

    done: list[str] = field(default_factory=list)
    wall: float = NOW_S

    def owners(self, user: str, group: str) -> tuple[int, int]:
        for name in (user, group):
            if name not in ("root", "ivsd"):
                raise LookupError(f"there is no user {name!r} on this box")
        return os.getuid(), os.getgid()

    def stop_services(self) -> None:
        self.done.append("stop")

    def start_services(self) -> None:
        self.done.append("start")

    def enable_services(self) -> None:
        self.done.append("enable")

    def do(self, afterwards: Iterable[str]) -> None:
        self.done.extend(afterwards)

    def sync(self) -> None:
        self.done.append("sync")

    def wall_s(self) -> float:
        return self.wall

    def reboot(self) -> None:
        self.done.append("reboot")


def make(root: Path) -> Places:
    """Make a box that was in use."""
    write(root, "etc/ivsd/ivsd.yaml", b"room: 4\nvalt:\n  password_file: our-word\n")
    write(root, "etc/ivsd/notes.txt", b"front desk\nsecond floor\n")
    write(root, "etc/ivsd/our-word", b"geheim\n")
    write(root, "etc/ivsd/ca/site.pem", b"-----BEGIN CERTIFICATE-----\nMIIB\n")
    write(root, "etc/hostname", b"door-1\n")
    write(root, "etc/networkd-is-here", b"")
    (root / "etc/systemd").mkdir()
    write(root, "var/lib/ivsd/valt-password", b"geheim\n")
    write(root, "var/lib/ivsd/cache/deep/badges", b"4711\n")
    write(root, "var/lib/ivsd-web/account", b"hash\n")
    write(root, f"{WORK[1:]}/reserve", b"")
    (root / WORK[1:]).chmod(0o700)
    set_templates(root, MANIFEST, FACTORY)
    return Places(root)


def write(root: Path, path: str, data: bytes) -> None:
    """Write a file of the old state."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def set_templates(root: Path, manifest: str, templates: dict[str, bytes]) -> None:
    """Put templates in root's folder, with their checksums."""
    files = {"manifest.yaml": manifest.encode(), **templates}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    for name, data in {**files, "SHA256SUMS": sums.encode()}.items():
        write(root, f"{TEMPLATES[1:]}/{name}", data)


def snapshot(root: Path, parts: Iterable[str] = SEEN) -> dict[str, tuple[int, bytes | str]]:
    """Read all that is in these folders: mode, and what is in it."""
    return {
        str(path.relative_to(root)): _read(path) for part in parts for path in _walk(root / part)
    }


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _read(path: Path) -> tuple[int, bytes | str]:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        return info.st_mode, os.readlink(path)
    return info.st_mode, path.read_bytes() if stat.S_ISREG(info.st_mode) else ""


def audit(root: Path) -> list[str]:
    """Read the lines of the audit."""
    path = root / WORK[1:] / "audit.log"
    return path.read_text().splitlines() if path.exists() else []


def make_outbox(path: Path, markers: int) -> None:
    """Write an outbox with so many markers, as the daemon does."""
    from ivsd.events import KeptMarker
    from ivsd.valt.outbox import Store

    store = Store(path)
    store.close()
    rows = [KeptMarker(i, "s", 7, f"marker {i}", "red", i, False) for i in range(1, markers + 1)]
    with sqlite3.connect(path) as file:
        file.executemany(
            "insert into markers values (?, ?, ?, ?, ?, ?, ?)",
            [(m.id, m.server, m.recording, m.name, m.colour, m.time_s, m.was_sent) for m in rows],
        )

"""Whether the user ivsd may use what it needs, and nobody else what is secret."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ivsd.appliance.control import WEB_USER
from ivsd.config import CARDS, Salvaged
from ivsd.config.password import CREDENTIAL
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Area, Finding, hidden_from_us, wrong
from ivsd.doctor.server import Way

USER = "ivsd"
GROUPS = ("input", "gpio")
"""What ivsd.service gives the daemon beside its own groups (SupplementaryGroups=)."""

READ, WRITE, ENTER = 4, 2, 1
TMPFILES = "sudo systemd-tmpfiles --create /etc/tmpfiles.d/ivsd.conf"
SYSUSERS = "sudo systemd-sysusers /etc/sysusers.d/ivsd.conf"


@dataclass(frozen=True)
class Account:
    """Somebody, as the kernel sees him."""

    name: str
    uid: int
    gids: frozenset[int] = field(default_factory=frozenset)

    def may(self, rights: int, path: Path, root: Path) -> bool | None:
        """Whether the modes from `root` down allow it; None: we may not look. Raises OSError.

        ACLs are not read: ivsd needs none.
        """
        try:
            folders = [one for one in reversed(path.parents) if one.is_relative_to(root)]
            return all(self._is_allowed(ENTER, os.stat(one)) for one in folders) and (
                self._is_allowed(rights, os.stat(path))
            )
        except PermissionError:
            return None

    def _is_allowed(self, rights: int, found: os.stat_result) -> bool:
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid in self.gids else 0
        return (stat.S_IMODE(found.st_mode) >> shift) & rights == rights


_UNSEEN = "this user is not told whether"
ANYBODY = Account("anybody", -1)


def account_of(name: str) -> Account | None:
    """Look a user up; None where there is none."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, found.pw_uid, frozenset(os.getgrouplist(name, found.pw_gid)))


def findings(
    box: Box, way: Way, parts: Salvaged, *, is_installed: bool, user: Account | None
) -> Iterator[Finding]:
    """Tell what the user ivsd may not use; `is_installed`: there is a service that needs it."""
    if user is None:
        text = f"there is no user {USER} on this machine"
        if is_installed:
            yield wrong(Area.PERMISSIONS, text, f"Make the user: {SYSUSERS}; then {TMPFILES}")
        else:
            yield Finding(Area.PERMISSIONS, None, f"{text}: ivsd is not installed as a service")
        return
    gids = set(user.gids)
    for name in GROUPS:
        try:
            gids.add(grp.getgrnam(name).gr_gid)
        except KeyError:
            text = f"there is no group {name}, without which the service does not start"
            yield wrong(Area.PERMISSIONS, text, f"Make the group: {SYSUSERS}")
    user = Account(user.name, user.uid, frozenset(gids))
    if box.is_service:
        yield from _files(box, way, user)
    else:
        text = f"who may read {box.config} is not looked at: it is not the service's file"
        yield Finding(Area.PERMISSIONS, None, text)
    yield from _nodes(box, parts, user)


# -- files ---------------------------------------------------------------------------------------


def _files(box: Box, way: Way, user: Account) -> Iterator[Finding]:
    root, folder = box.places.root, box.config.parent
    cards = box.config.with_name(CARDS)
    yield from _usable(user, READ | WRITE | ENTER, folder, root, TMPFILES)
    for path in (box.config, cards):
        yield from _usable(user, READ, path, root, f"sudo chgrp ivsd {path}; sudo chmod 640 {path}")
    if way.valt is not None and way.valt.password_file is not None:
        secret = folder / way.valt.password_file
        mend = f"sudo chown ivsd {secret}; sudo chmod 600 {secret}"
        yield from _usable(user, READ, secret, root, mend)
        yield from _kept(secret, root)
    yield from _usable(user, READ | WRITE | ENTER, box.state, root, TMPFILES)
    for path in (box.config, cards, box.state / CREDENTIAL):
        yield from _kept(path, root)
    web = account_of(WEB_USER)
    if web is not None:
        mend = (
            "sudo systemd-sysusers /etc/sysusers.d/ivsd.conf; sudo systemctl restart ivsd ivsd-web"
        )
        yield from _usable(web, READ | WRITE, box.socket, root, mend)


def _usable(user: Account, rights: int, path: Path, root: Path, mend: str) -> Iterator[Finding]:
    verb = "write" if rights & WRITE else "read"
    with suppress(FileNotFoundError):  # other findings say what is missing
        may = user.may(rights, path, root)
        if may is None:
            yield hidden_from_us(Area.PERMISSIONS, f"{_UNSEEN} {user.name} may {verb} {path}")
        elif may:
            yield Finding(Area.PERMISSIONS, True, f"{user.name} may {verb} {path}")
        else:
            text = f"{user.name} may not {verb} {path}"
            yield wrong(Area.PERMISSIONS, text, f"Let {user.name} {verb} {path}: {mend}")


def _kept(path: Path, root: Path) -> Iterator[Finding]:
    """Say so when anybody may read what holds passwords or numbers of badges."""
    with suppress(FileNotFoundError):
        if ANYBODY.may(READ, path, root):
            text = f"anybody on this machine may read {path}"
            yield wrong(Area.PERMISSIONS, text, f"Keep it for ivsd: sudo chmod o= {path}")


# -- devices -------------------------------------------------------------------------------------


def _nodes(box: Box, parts: Salvaged, user: Account) -> Iterator[Finding]:
    inputs, lamps = parts.inputs, parts.lights.lamps
    held = parts.factory_default.line is not None
    dev = box.places.at("/dev")
    if inputs.keyboards:
        paths = sorted((dev / "input").glob("event*"))
        yield from _openable(user, READ, paths, box, "input", "--subsystem-match=input")
    if inputs.buttons or inputs.wiegand or held or any(lamp.lines for lamp in lamps):
        paths = sorted(dev.glob("gpiochip*"))
        yield from _openable(user, READ | WRITE, paths, box, "gpio", "--subsystem-match=gpio")


def _openable(
    user: Account, rights: int, paths: list[Path], box: Box, group: str, match: str
) -> Iterator[Finding]:
    forbidden = []
    for path in paths:
        with suppress(FileNotFoundError):  # unplugged while we look
            if user.may(rights, path, box.places.root) is False:
                forbidden.append(str(path))
    if forbidden:
        text = f"{user.name} may not open {', '.join(forbidden)}"
        advice = (
            f"Give these devices to the group {group}, mode 0660: sudo udevadm control --reload; "
            f"sudo udevadm trigger --action=change {match}; then sudo systemctl restart ivsd"
        )
        yield wrong(Area.PERMISSIONS, text, advice)
    elif paths:
        kind = "event devices" if group == "input" else "GPIO chips"
        yield Finding(Area.PERMISSIONS, True, f"{user.name} may open all {len(paths)} {kind}")

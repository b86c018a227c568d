"""Whether the user ivsd may use what it needs, and nobody else what is secret."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import filter as filter_names
from pathlib import Path

from ivsd.appliance.control import WEB_USER
from ivsd.appliance.factory.places import OUTBOX, WEB_STATE
from ivsd.appliance.settings import LAST_GOOD
from ivsd.badge_table.seen import FILE as SEEN
from ivsd.config import CARDS, Salvaged
from ivsd.config.password import CREDENTIAL
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Area, Finding, hidden_from_us, wrong
from ivsd.doctor.server import Way
from ivsd.outputs.led_class import LEDS

USER = "ivsd"
GROUPS = ("input", "gpio", "systemd-journal")
"""What ivsd.service gives the daemon beside its own groups (SupplementaryGroups=)."""

READ, WRITE, ENTER = 4, 2, 1
LED_FILES = ("brightness", "multi_intensity")
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
            yield wrong(Area.PERMISSIONS, text, "Make the group: sudo systemd-sysusers")
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
    for path in (box.config, cards, *_backups(box), *_of_the_daemon(box), *_of_the_pages(box)):
        yield from _kept(path, root)
    for path in _in(folder / "tls"):
        # The pages read their key and certificate, as members of the group.
        yield from _kept(path, root, f"sudo chgrp ivsd {path}; sudo chmod 640 {path}")
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


def _backups(box: Box) -> list[Path]:
    return [box.config.with_name(f"{name}.bak") for name in (box.config.name, CARDS)]


def _of_the_daemon(box: Box) -> list[Path]:
    """Return what it keeps: password, configuration, numbers of badges, markers with names."""
    return [box.state / name for name in (CREDENTIAL, LAST_GOOD, SEEN, OUTBOX)]


def _of_the_pages(box: Box) -> list[Path]:
    """Return the folder of the pages, and what is in it as far as we may look."""
    folder = box.places.at(WEB_STATE)
    return [folder, *_in(folder)]


def _in(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing where it is not there, or hidden from us."""
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def _kept(path: Path, root: Path, mend: str = "") -> Iterator[Finding]:
    """Say so when anybody may read what holds passwords, keys or numbers of badges."""
    with suppress(FileNotFoundError):
        if ANYBODY.may(READ, path, root):
            text = f"anybody on this machine may read {path}"
            mend = mend or f"sudo chmod o= {path}"
            yield wrong(Area.PERMISSIONS, text, f"Keep it for ivsd: {mend}")


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
    wanted = [device for lamp in lamps for device in lamp.devices]
    yield from _leds(user, _files_of_leds(box.places.at(str(LEDS)), wanted), box)


def _files_of_leds(folder: Path, wanted: Iterable[str]) -> list[Path]:
    """Return the files by which the kernel's LEDs of these names or patterns are lit."""
    there = [led.name for led in _in(folder)]
    names = dict.fromkeys(name for one in wanted for name in _fitting(there, one))
    files = [folder / name / file for name in names for file in LED_FILES]
    return [file for file in files if file.exists()]


def _fitting(names: list[str], wanted: str) -> list[str]:
    return [wanted] if wanted in names else filter_names(names, wanted)


def _openable(
    user: Account, rights: int, paths: list[Path], box: Box, group: str, match: str
) -> Iterator[Finding]:
    if forbidden := _forbidden(user, rights, paths, box):
        text = f"{user.name} may not open {', '.join(forbidden)}"
        advice = (
            f"Give these devices to the group {group}, mode 0660: sudo udevadm control --reload; "
            f"sudo udevadm trigger --action=change {match}; then sudo systemctl restart ivsd"
        )
        yield wrong(Area.PERMISSIONS, text, advice)
    elif paths:
        kind = "event devices" if group == "input" else "GPIO chips"
        yield Finding(Area.PERMISSIONS, True, f"{user.name} may open all {len(paths)} {kind}")


def _leds(user: Account, paths: list[Path], box: Box) -> Iterator[Finding]:
    if forbidden := _forbidden(user, WRITE, paths, box):
        text = f"{user.name} may not write {', '.join(forbidden)}"
        advice = (
            "Let the group gpio write the files of the LEDs: sudo udevadm control --reload; sudo "
            "udevadm trigger --action=change --subsystem-match=leds; then sudo systemctl restart "
            "ivsd"
        )
        yield wrong(Area.PERMISSIONS, text, advice)
    elif paths:
        yield Finding(Area.PERMISSIONS, True, f"{user.name} may write the files of its LEDs")


def _forbidden(user: Account, rights: int, paths: Iterable[Path], box: Box) -> list[str]:
    """Return what the user may not use."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):  # unplugged while we look
            if user.may(rights, path, box.places.root) is False:
                found.append(str(path))
    return found

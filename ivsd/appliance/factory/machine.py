"""The rest of the box: its services, its users, its clock, and the one reboot of the project."""

from __future__ import annotations

import grp
import logging
import os
import pwd
import subprocess
import time
from collections.abc import Iterable
from typing import Protocol

from ivsd.appliance.factory.manifest import Afterwards

log = logging.getLogger("ivsd")

SERVICES = ("ivsd.service", "ivsd-web.service")
_SYSTEMCTL = "/usr/bin/systemctl"
_STOP_S = 30.0  # ivsd has 10 s before systemd ends it the hard way
_OTHER_S = 20.0

COMMANDS: dict[Afterwards, tuple[str, ...]] = {
    Afterwards.ENABLE_TIME_SYNC: ("enable", "systemd-timesyncd.service"),
}


class Machine(Protocol):
    """What a restore needs but files. Nothing of it raises but `owners`."""

    def owners(self, user: str, group: str) -> tuple[int, int]: ...

    def stop_services(self) -> None: ...

    def start_services(self) -> None: ...

    def enable_services(self) -> None: ...

    def do(self, afterwards: Iterable[str]) -> None: ...

    def sync(self) -> None: ...

    def wall_s(self) -> float: ...

    def reboot(self) -> None: ...


class Box:
    """The machine it runs on, by systemctl. A command that fails is told in the journal only."""

    def owners(self, user: str, group: str) -> tuple[int, int]:
        """Find the numbers of a user and a group; raises LookupError with a sentence."""
        try:
            uid = pwd.getpwnam(user).pw_uid
        except KeyError:
            raise LookupError(f"there is no user {user!r} on this box") from None
        try:
            return uid, grp.getgrnam(group).gr_gid
        except KeyError:
            raise LookupError(f"there is no group {group!r} on this box") from None

    def stop_services(self) -> None:
        """Stop what uses the files; what does not stop is killed."""
        for service in SERVICES:
            if not _systemctl("stop", service, timeout_s=_STOP_S):
                _systemctl("kill", "--signal=KILL", service)
                # Killed alone, it is started anew (Restart=always) while its files are replaced.
                _systemctl("stop", service, timeout_s=_STOP_S)

    def start_services(self) -> None:
        """Start what was stopped: after that, Restart=always does it no more."""
        for service in SERVICES:
            _systemctl("--no-block", "start", service)

    def enable_services(self) -> None:
        """Have the services started at every boot, whatever was done to them."""
        for service in SERVICES:
            _systemctl("unmask", service)
            _systemctl("enable", service)

    def do(self, afterwards: Iterable[str]) -> None:
        """Carry out what the manifest wants afterwards."""
        for name in afterwards:
            _systemctl(*COMMANDS[Afterwards(name)])

    def sync(self) -> None:
        """Write all that is not on the disk yet, systemctl's own files among it."""
        os.sync()

    def wall_s(self) -> float:
        """Return the wall time, right or wrong."""
        return time.time()

    def reboot(self) -> None:
        """Reboot; where that is refused twice, start the services again."""
        if _systemctl("--no-block", "reboot") or _systemctl("--no-block", "--force", "reboot"):
            return
        log.error("the box does not reboot: it goes on with the factory state")
        self.start_services()


def _systemctl(*words: str, timeout_s: float = _OTHER_S) -> bool:
    command = (_SYSTEMCTL, "--no-ask-password", "--quiet", *words)
    try:
        done = subprocess.run(  # noqa: S603 - every word is from this file
            command, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL, env={}
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        log.error("systemctl %s: %s", " ".join(words), e)
        return False
    if done.returncode:
        log.error("systemctl %s failed with %d", " ".join(words), done.returncode)
    return done.returncode == 0

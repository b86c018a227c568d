"""What systemd says of our units."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

SERVICE, WEB, RESET = "ivsd.service", "ivsd-web.service", "ivsd-factory-default.socket"
TIMEOUT_S = 5.0
_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState")


@dataclass(frozen=True)
class Unit:
    """A unit in systemd's own words; an empty one is not known there."""

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    at_boot: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether there is a file of it."""
        return self.load != "not-found"

    @property
    def is_well(self) -> bool:
        """Whether it runs or listens, and is not just being started over and over."""
        return self.active in ("active", "reloading")

    @property
    def may_run(self) -> bool:
        """Whether something of it may be there at this moment."""
        return self.active not in ("inactive", "failed")

    def __str__(self) -> str:
        return f"{self.active} ({self.sub})"


class NoSystemd(Exception):
    """systemd cannot be asked; `str()` is a sentence that says why."""


def units() -> Mapping[str, Unit]:
    """Ask for all our units at once; raises NoSystemd."""
    argv = ["systemctl", "--no-pager", "show", f"--property={','.join(_PROPERTIES)}"]
    try:
        ran = subprocess.run(  # noqa: S603 - no shell, and every word is from this file
            [*argv, SERVICE, WEB, RESET],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": f"{os.environ.get('PATH', '')}:/usr/bin:/bin", "LC_ALL": "C"},
            timeout=TIMEOUT_S,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoSystemd(f"systemd did not answer within {TIMEOUT_S:g} s") from None
    except (OSError, UnicodeDecodeError):
        raise NoSystemd("systemd is not on this machine") from None
    if ran.returncode:
        raise NoSystemd("systemd does not run this machine")
    return _read(ran.stdout)


def _read(text: str) -> dict[str, Unit]:
    found = {}
    for block in text.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        _id, *rest = (told.get(name, "") for name in _PROPERTIES)
        found[_id] = Unit(*rest)
    return found

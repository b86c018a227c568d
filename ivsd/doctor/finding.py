"""What the doctor finds: one finding for each thing it has looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Area(StrEnum):
    """What a finding is about, in the order in which it is looked at."""

    CONFIG = "config"
    SERVICE = "service"
    DEVICES = "devices"
    PERMISSIONS = "permissions"
    LIGHTS = "lights"
    SERVER = "server"  # name resolution, connection, TLS, log-in, rights, room
    CLOCK = "clock"
    DISK = "disk"


CAUSES_FIRST = (
    Area.DISK,  # without it nothing can be written, or started
    Area.PERMISSIONS,
    Area.CONFIG,
    Area.CLOCK,  # certificates are judged by it
    Area.SERVICE,
    Area.SERVER,
    Area.DEVICES,
    Area.LIGHTS,
)
"""In which order to mend them: what comes first may be the cause of what comes later."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one look. No text in it is a secret."""

    area: Area
    ok: bool | None
    """None: not looked at, nothing that is right or wrong, or it follows from another finding."""
    text: str
    advice: str = ""
    """What to do; there is one whenever something is wrong, and never else."""
    needs_root: bool = False
    """Whether root would be told more."""


def wrong(area: Area, text: str, advice: str) -> Finding:
    """Make a finding of something that is wrong."""
    return Finding(area, False, text, advice)


def hidden_from_us(area: Area, text: str) -> Finding:
    """Make a finding of something that this user may not look at."""
    return Finding(area, None, text, needs_root=True)


def to_json(finding: Finding) -> dict[str, Any]:
    """Write a finding as plain JSON values."""
    return asdict(finding) | {"area": finding.area.value}


def what_to_do(found: Iterable[Finding]) -> list[str]:
    """Return all advice, causes before effects, and each only once."""
    advised = [finding for finding in found if finding.ok is False]
    advised.sort(key=lambda finding: CAUSES_FIRST.index(finding.area))
    return list(dict.fromkeys(finding.advice for finding in advised))

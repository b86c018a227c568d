"""What the doctor finds: one finding for each thing it has looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
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

_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|“[^”]*”""")


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
    quotes: tuple[str, ...] = ()
    """What of text and advice is in the words of others: only there a secret is looked for."""

    def without(self, secret: str) -> Finding:
        """Take a secret out of what it quotes.

        Our own sentences stay as they are: one with a gap, where “sudo” must stand, would tell it.
        """
        text, advice = self.text, self.advice
        for quoted in self.quotes:
            shown = quoted.replace(secret, "…")
            text, advice = text.replace(quoted, shown), advice.replace(quoted, shown)
        return replace(self, text=text, advice=advice)


def wrong(area: Area, text: str, advice: str, *quotes: str) -> Finding:
    """Make a finding of something that is wrong; for `quotes` see there."""
    return Finding(area, False, text, advice, quotes=quotes)


def quoting(area: Area, ok: bool | None, text: str, *quotes: str) -> Finding:
    """Make a finding that quotes others."""
    return Finding(area, ok, text, quotes=quotes)


def hidden_from_us(area: Area, text: str, *quotes: str) -> Finding:
    """Make a finding of something that this user may not look at."""
    return Finding(area, None, text, needs_root=True, quotes=quotes)


def quoted_in(*texts: str) -> tuple[str, ...]:
    """Return what stands in quotation marks in sentences of `ivsd check` and of the test."""
    return tuple(found[0] for text in texts for found in _QUOTED.finditer(text))


def to_json(finding: Finding) -> dict[str, Any]:
    """Write a finding as plain JSON values."""
    document = asdict(finding) | {"area": finding.area.value}
    del document["quotes"]
    return document


def what_to_do(found: Iterable[Finding]) -> list[str]:
    """Return all advice, causes before effects, and each only once."""
    advised = [finding for finding in found if finding.ok is False]
    advised.sort(key=lambda finding: CAUSES_FIRST.index(finding.area))
    return list(dict.fromkeys(finding.advice for finding in advised))

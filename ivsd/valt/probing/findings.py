"""What the connection test finds: one finding a step, with what a page may want to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ivsd.valt.model import Room, Version

SHOWN = 8
"""A site may have hundreds of rooms: a sentence names so many."""


class Step(StrEnum):
    """What is tried, in this order."""

    ADDRESS = "address"  # valt.url is an address
    NAME = "name"  # its name can be resolved
    CONNECT = "connect"  # somebody accepts connections there
    TLS = "tls"  # the certificate is trusted
    VALT = "valt"  # who answers is VALT
    LOG_IN = "log_in"  # it takes user name and password
    VERSION = "version"  # which VALT it is
    ROOM = "room"  # the room is there, and its state can be read
    RIGHTS = "rights"  # badges and PINs can be looked up
    ACTIONS = "actions"  # what only a press can prove: never tried
    SPEED = "speed"  # how long a poll takes
    CLOCK = "clock"  # both clocks agree


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the server shows, trusted or not; all but the pin may be empty."""

    pin: str
    """`sha256:` and its fingerprint: what `valt.verify` takes."""
    names: tuple[str, ...] = ()
    """The host names and addresses it is made out to."""
    subject: str = ""
    issuer: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def __str__(self) -> str:
        told = []
        if self.names or self.subject:
            told.append(f"made out to {some(self.names) or self.subject}")
        if self.issuer:
            told.append(f"issued by {self.issuer}")
        if self.valid_from and self.valid_until:
            told.append(f"valid from {minute(self.valid_from)} to {minute(self.valid_until)}")
        return "; ".join([*told, f"fingerprint {self.pin}"])


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms that the account sees."""

    rooms: tuple[Room, ...]
    chosen: Room | None = None
    """The configured one, if it is there."""
    near: tuple[Room, ...] = ()
    """Those that may be meant, if it is not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one step."""

    step: Step
    ok: bool | None
    """None: not tried, or nothing that is right or wrong."""
    text: str
    advice: str = ""
    """What to do about it; empty when all is right."""
    data: Certificate | Rooms | Version | None = None


def to_json(finding: Finding) -> dict[str, Any]:
    """Write a finding as plain JSON values; times are ISO 8601 in UTC."""
    data: dict[str, Any] | None = None
    match finding.data:
        case Rooms(rooms, chosen, near):
            data = {
                "rooms": [_plain(room) for room in rooms],
                "chosen": chosen and _plain(chosen),
                "near": [_plain(room) for room in near],
            }
        case Certificate() | Version() as told:
            data = {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in asdict(told).items()
            }
    return {
        "step": finding.step.value,
        "ok": finding.ok,
        "text": finding.text,
        "advice": finding.advice,
        "data": data,
    }


def _plain(room: Room) -> dict[str, Any]:
    return {"id": room.id, "name": room.name}


# -- words of several steps -------------------------------------------------------------------


def some(names: Sequence[str]) -> str:
    """List the first few of them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def minute(moment: datetime) -> str:
    """Write a time in UTC to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"

"""The commit mark: from when it stands, the restore is finished, whatever comes between.

It names every staged file with its checksum and carries its own, so that a mark or a staged file
that was cut short is never taken for a whole one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass

SCHEMA = 1
MOST_BYTES = 1 << 20


class TornMark(Exception):
    """What is there is no whole mark: nothing was committed."""


@dataclass(frozen=True)
class Staged:
    """A file that waits in the staging folder; `template` is where it came from."""

    name: str
    template: str
    target: str
    uid: int
    gid: int
    mode: int
    sha256: str


@dataclass(frozen=True)
class Mark:
    """What was decided when the restore was committed."""

    id: str
    """Names this restore in the audit, which so gets one line however often it is resumed."""
    asked_by: str
    undelivered: int | None
    """Markers that had not reached the server; None where the outbox could not be read."""
    aside: str
    """Name of the folder for what else was in /etc/ivsd, and for the names of what was lost."""
    files: tuple[Staged, ...]
    afterwards: tuple[str, ...]


def encode(mark: Mark) -> bytes:
    """Write a mark: one line of JSON, and the checksum of that line."""
    line = json.dumps({"schema": SCHEMA, **dataclasses.asdict(mark)}).encode() + b"\n"
    return line + hashlib.sha256(line).hexdigest().encode() + b"\n"


def decode(data: bytes) -> Mark:
    """Read a mark; raises TornMark for anything but a whole one."""
    line, newline, rest = data.partition(b"\n")
    line += newline
    if rest != hashlib.sha256(line).hexdigest().encode() + b"\n":
        raise TornMark
    try:
        values = json.loads(line)
        if values.pop("schema") != SCHEMA:
            raise TornMark
        files = tuple(Staged(**item) for item in values.pop("files"))
        return Mark(files=files, afterwards=tuple(values.pop("afterwards")), **values)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise TornMark from e

"""One line for each restore, in root's own folder, which no restore clears."""

from __future__ import annotations

import time

from ivsd.appliance import durable
from ivsd.appliance.factory import folders
from ivsd.appliance.factory.mark import Mark
from ivsd.appliance.factory.places import AUDIT, WORK, Places

MOST_LINES = 1000
_MOST_BYTES = 8 << 20
_FIRST_YEAR = 2025  # a clock before this was never set: these boxes have no battery for it


def write(places: Places, mark: Mark, wall_s: float, what: str) -> None:
    """Add the line of a restore, once for each `what`; it is durable on return. Raises OSError."""
    with folders.folder_at(places.root, WORK) as work:
        lines = _lines(work)
        known = f"{what} [{mark.id}]"
        if any(known in line for line in lines):
            return  # written before the plug was pulled
        lines.append(f"{_time(wall_s)} {known}: {_told(places, mark)}")
        text = "".join(f"{line}\n" for line in lines[-MOST_LINES:])
        durable.write_in(work, AUDIT, text.encode(), mode=0o600)


def _lines(work: int) -> list[str]:
    try:
        return (
            durable.read_in(work, AUDIT, most=_MOST_BYTES)
            .decode("utf-8", "replace")
            .split("\n")[:-1]
        )
    except FileNotFoundError:
        return []


def _time(wall_s: float) -> str:
    told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_s))
    return told if time.gmtime(wall_s).tm_year >= _FIRST_YEAR else f"{told} (the clock was not set)"


def _told(places: Places, mark: Mark) -> str:
    undelivered = {None: "the outbox could not be read", 0: "no marker was undelivered"}.get(
        mark.undelivered, f"markers dropped undelivered: {mark.undelivered}"
    )
    told = f"asked by {mark.asked_by}; {undelivered}; a recording that ran was left running"
    if places.at(f"{WORK}/{mark.aside}").is_dir():
        told += f"; what else was in /etc/ivsd is in {WORK}/{mark.aside}"
    return told

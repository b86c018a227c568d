"""One line for each restore, in root's own folder, which no restore clears.

A line that cannot be written fails no restore that was committed: the journal has it then.
"""

from __future__ import annotations

import contextlib
import logging
import time

from ivsd.appliance import durable
from ivsd.appliance.factory import credentials, folders
from ivsd.appliance.factory.mark import Mark
from ivsd.appliance.factory.places import AUDIT, DROP_INS, WORK, Places
from ivsd.appliance.factory.work_folder import why

log = logging.getLogger("ivsd")

MOST_LINES = 1000
_MOST_BYTES = 8 << 20
_FIRST_YEAR = 2025  # a clock before this was never set: these boxes have no battery for it


def write(places: Places, mark: Mark, wall_s: float, what: str) -> None:
    """Add the line of a restore, once for each `what`; it is durable on return."""
    known = f"{what} [{mark.id}]"
    _add(places, f"{_time(wall_s)} {known}: {_told(places, mark)}", known)


def write_unknown(places: Places, wall_s: float, what: str) -> None:
    """Add a line on a restore of which nothing is known; it is durable on return."""
    _add(places, f"{_time(wall_s)} {what}", None)


def _add(places: Places, line: str, known: str | None) -> None:
    try:
        with folders.folder_at(places.root, WORK) as work:
            lines = _lines(work)
            if known is not None and any(known in earlier for earlier in lines):
                return  # written before the plug was pulled
            text = "".join(f"{one}\n" for one in [*lines, line][-MOST_LINES:])
            durable.write_in(work, AUDIT, text.encode(), mode=0o600)
    except OSError as e:
        log.error("the audit cannot be written (%s); its line would be: %s", why(e), line)


def _lines(work: int) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        data = durable.read_in(work, AUDIT, most=_MOST_BYTES)
        return data.decode("utf-8", "replace").split("\n")[:-1]
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
        told += ", with the names of what is lost"
    if left := credentials.drop_ins_left(places):
        told += (
            f"; ATTENTION: {DROP_INS} is not of the factory and was left, it may still change how "
            f"ivsd runs: {', '.join(ascii(name)[1:-1] for name in left)}"
        )
    return told

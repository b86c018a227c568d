"""What of the outbox has not reached the server, told before the outbox is dropped.

The file belongs to the daemon's user, and root reads it here. So its bytes are taken, no link is
followed, nothing is opened for writing, and SQLite works on a copy in memory that cannot make it
run, wait for, or open anything else.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass

from ivsd.appliance import durable
from ivsd.appliance.factory import folders
from ivsd.appliance.factory.places import OUTBOX, STATE, Places

log = logging.getLogger("ivsd")

MOST_BYTES = 8 << 20
MOST_LINES = 100
"""So many are told in the journal."""
MOST_NAMES = 2000
"""So many are kept on the disk: less than a third of the reserve."""
_MOST_S = 2.0
_STEPS = 10_000
_SELECT = "select recording, name, time_s from markers order by id limit ?"


@dataclass(frozen=True)
class Undelivered:
    """The markers that have not reached the server."""

    count: int | None
    """None where the outbox could not be read."""
    lines: tuple[str, ...] = ()
    """A short line of plain ASCII for each, and one for those that are too many."""


def report(places: Places) -> Undelivered:
    """Read the undelivered markers, and tell them in the journal."""
    try:
        with folders.folder_at(places.root, STATE) as folder:
            data = durable.read_in(folder, OUTBOX, most=MOST_BYTES)
    except FileNotFoundError:
        return Undelivered(0)
    except OSError as e:
        log.warning("the outbox cannot be read, and is dropped unseen: %s", e.strerror)
        return Undelivered(None)
    try:
        rows, count = _rows(data)
    except (sqlite3.Error, ValueError, OverflowError) as e:
        log.warning("the outbox cannot be read, and is dropped unseen: %s", _plain(str(e)))
        return Undelivered(None)
    lines = [
        f"marker {_plain(name)} at {_plain(time_s)} s of recording {_plain(recording)}"
        for recording, name, time_s in rows
    ]
    for line in lines[:MOST_LINES]:
        log.warning("has not reached the server yet: %s", line)
    if count > MOST_LINES:
        log.warning("and %d more markers", count - MOST_LINES)
    if count > len(lines):
        lines.append(f"and {count - len(lines)} more")
    return Undelivered(count, tuple(lines))


def _rows(data: bytes) -> tuple[list[tuple[object, object, object]], int]:
    if not data:
        return [], 0
    give_up_at = time.monotonic() + _MOST_S
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.set_progress_handler(lambda: time.monotonic() > give_up_at, _STEPS)
        memory.deserialize(data)
        memory.execute("pragma trusted_schema = off")
        memory.execute("pragma cell_size_check = on")
        memory.execute("pragma query_only = on")
        memory.set_authorizer(_only_reading)
        (count,) = memory.execute("select count(*) from markers").fetchone()
        return memory.execute(_SELECT, (MOST_NAMES,)).fetchall(), int(count)


def _only_reading(action: int, *what: str | None) -> int:
    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and "count" in what:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _plain(value: object) -> str:
    """Write what somebody else chose so that it stays one short line."""
    return ascii(value)[:80]

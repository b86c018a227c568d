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

from ivsd.appliance import durable
from ivsd.appliance.factory import folders
from ivsd.appliance.factory.places import OUTBOX, STATE, Places

log = logging.getLogger("ivsd")

MOST_BYTES = 8 << 20
MOST_LINES = 100
_MOST_S = 2.0
_STEPS = 10_000
_SELECT = "select recording, name, time_s from markers order by id limit ?"


def report(places: Places) -> int | None:
    """Log the undelivered markers and count them; None where the outbox cannot be read."""
    try:
        with folders.folder_at(places.root, STATE) as folder:
            data = durable.read_in(folder, OUTBOX, most=MOST_BYTES)
    except FileNotFoundError:
        return 0
    except OSError as e:
        log.warning("the outbox cannot be read, and is dropped unseen: %s", e.strerror)
        return None
    try:
        rows, count = _rows(data)
    except (sqlite3.Error, ValueError, OverflowError) as e:
        log.warning("the outbox cannot be read, and is dropped unseen: %s", _plain(str(e)))
        return None
    for recording, name, time_s in rows:
        log.warning(
            "has not reached the server yet: marker %s at %s s of recording %s",
            *(_plain(name), _plain(time_s), _plain(recording)),
        )
    if count > len(rows):
        log.warning("and %d more markers", count - len(rows))
    return count


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
        return memory.execute(_SELECT, (MOST_LINES,)).fetchall(), int(count)


def _only_reading(action: int, *what: str | None) -> int:
    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and "count" in what:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _plain(value: object) -> str:
    """Write what somebody else chose so that it stays one short line."""
    return ascii(value)[:80]

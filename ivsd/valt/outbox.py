"""The outbox: markers that could not be delivered yet, safe on disk through a power cut.

One thread owns the file, so that a slow SD card holds up nobody. What is delivered when is the
controller's business; here a marker is written, and taken off again.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ivsd.events import (
    Drop,
    Event,
    Keep,
    Kept,
    KeptMarker,
    MarkSent,
    NotKept,
    OutboxLost,
    OutboxRead,
)

FILE = "outbox.sqlite3"
WAIT_FOR_LOCK_S = 2.0  # somebody may look into the file with a tool
REOPEN_S = 30.0

_TABLE = """
create table if not exists markers (
    id integer primary key,
    server text not null,
    recording not null,  -- a number or a text, as the server names it
    name text not null,
    colour text not null,
    time_s integer not null,
    was_sent integer not null
)
"""


_READ = "select id, server, recording, name, colour, time_s, was_sent from markers order by id"
_WRITE = """
insert into markers (id, server, recording, name, colour, time_s, was_sent)
values (?, ?, ?, ?, ?, ?, ?)
"""

_NO_DAMAGE = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM),
}
"""Troubles of the disk, with which what is in the file may be right."""

_NOT_THE_FILE = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM),
    sqlite3.SQLITE_CONSTRAINT,
}
"""Troubles that do not pass when the file is opened anew."""

_TROUBLES = (OSError, OverflowError, ValueError, sqlite3.Error)


class Store:
    """The file. Used by one thread; raises sqlite3.Error and OSError.

    Writing a value that no file can hold raises OverflowError or ValueError.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._file = sqlite3.connect(path, timeout=WAIT_FOR_LOCK_S, isolation_level=None)
        try:
            # A marker is told to be kept when it survives the plug being pulled. Full alone does
            # not sync the folder, where the journal's removal is what makes it so.
            self._file.execute("pragma synchronous = extra")
            self._file.execute(_TABLE)
        except sqlite3.Error:
            self._file.close()
            raise

    def markers(self) -> tuple[KeptMarker, ...]:
        """Return all that wait, the oldest first."""
        with closing(self._file.execute(_READ)) as rows:
            return tuple(
                KeptMarker(id_, server, recording, name, colour, time_s, bool(was_sent))
                for id_, server, recording, name, colour, time_s, was_sent in rows
            )

    def keep(self, marker: KeptMarker) -> None:
        """Write one; it is on the disk when this returns."""
        self._file.execute(
            _WRITE,
            (
                marker.id, marker.server, marker.recording,
                marker.name, marker.colour, marker.time_s, marker.was_sent,
            ),
        )  # fmt: skip

    def mark_sent(self, marker_id: int) -> None:
        """Write that the server may have this one."""
        self._file.execute("update markers set was_sent = true where id = ?", (marker_id,))

    def drop(self, marker_id: int) -> None:
        """Take one off."""
        self._file.execute("delete from markers where id = ?", (marker_id,))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


Order = Keep | MarkSent | Drop


class OutboxThread(threading.Thread):
    """Carries out `Keep`, `MarkSent` and `Drop` in the file `outbox.sqlite3` of `folder`.

    A file that is no database any more is moved aside and a new one begun. A folder that cannot
    be used is reported and tried again every 30 s; markers of an outage fail until then, and
    everything else goes on.
    """

    def __init__(
        self,
        folder: Path,
        post: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="outbox", daemon=True)
        self._path = folder / FILE
        self._post = post
        self._clock = clock
        self.busy_since: float | None = None
        """Since when it is at work; None while it waits for some. Read by the watchdog."""
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()

    def put(self, order: Order) -> None:
        """Queue an order; never blocks."""
        self._orders.put(order)

    def stop(self, timeout_s: float) -> None:
        """Carry out what is queued, and end."""
        self._orders.put(None)
        if self.is_alive():
            self.join(timeout_s)

    def run(self) -> None:
        """Take one order after the other until stopped."""
        self.busy_since = self._clock()
        store = self._open()
        while True:
            self.busy_since = None
            try:
                order = self._orders.get(timeout=None if store is not None else REOPEN_S)
            except queue.Empty:
                self.busy_since = self._clock()
                store = self._open()
                continue
            self.busy_since = self._clock()
            if order is None:
                break
            store = self._carry_out(order, store)
        if store is not None:
            store.close()

    def _open(self) -> Store | None:
        """Open the file and say what is in it, or why it cannot be used."""
        try:
            try:
                store = Store(self._path)
                markers = store.markers()
            except sqlite3.Error as e:
                if _code(e) in _NO_DAMAGE:
                    raise
                store, markers = self._begin_anew(), ()
        except (OSError, sqlite3.Error) as e:
            self._post(OutboxLost(f"the outbox {self._path} cannot be used: {_why(e)}"))
            return None
        self._post(OutboxRead(markers))
        return store

    def _begin_anew(self) -> Store:
        aside = self._path.with_suffix(".broken")
        self._path.replace(aside)
        self._post(OutboxLost(f"the outbox was damaged: it is {aside} now, and a new one is used"))
        return Store(self._path)

    def _carry_out(self, order: Order, store: Store | None) -> Store | None:
        """Write it, in a file that is opened anew where that may help; return the file."""
        try:
            self._write(order, store)
        except sqlite3.Error as e:
            if _code(e) in _NOT_THE_FILE or store is None:
                self._say_not_kept(order, e)
                return store
            store.close()
            store = self._open()  # it may have been deleted, or torn
            try:
                self._write(order, store)
            except _TROUBLES as again:
                self._say_not_kept(order, again)
        except _TROUBLES as e:
            self._say_not_kept(order, e)
        return store

    def _write(self, order: Order, store: Store | None) -> None:
        if store is None:
            raise OSError("the file is not open")
        match order:
            case Keep(marker):
                store.keep(marker)
                self._post(Kept(marker.id))
            case MarkSent(id_):
                store.mark_sent(id_)
            case Drop(id_):
                store.drop(id_)

    def _say_not_kept(self, order: Order, error: Exception) -> None:
        if isinstance(order, Keep):
            problem = f"{self._path} cannot be written: {_why(error)}"
            self._post(NotKept(order.marker.id, problem))


def _why(e: Exception) -> str:
    strerror = e.strerror if isinstance(e, OSError) else None
    return strerror or str(e) or type(e).__name__


def _code(e: sqlite3.Error) -> int:
    """Return the kind of the error; a text that is none has no code."""
    return getattr(e, "sqlite_errorcode", 0) & 0xFF

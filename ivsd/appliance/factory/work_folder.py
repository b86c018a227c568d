"""Root's own folder, /var/lib/ivsd-factory: one at a time works in it, with space set aside."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from ivsd.appliance import durable
from ivsd.appliance.factory import folders
from ivsd.appliance.factory.places import MARK, RESERVE, WORK, Places

log = logging.getLogger("ivsd")

RESERVE_BYTES = 2 << 20


class Refused(Exception):
    """The restore did not begin; the text is a sentence for who asked."""


@contextlib.contextmanager
def alone(places: Places) -> Iterator[None]:
    """Keep every other restore and installation out; raises Refused where one is at work."""
    try:
        work = folders.open_folder(places.root, WORK)
    except OSError as e:
        raise Refused(f"this box has no factory state: {why(e)}") from e
    try:
        if not durable.try_lock(work):
            raise Refused("another restore, or an installation, is at work")
        yield
    finally:
        os.close(work)


def is_committed(places: Places) -> bool:
    """Whether a restore waits to be finished."""
    return os.path.lexists(places.at(f"{WORK}/{MARK}"))


def make_reserve(places: Places) -> None:
    """Set disk space aside for the next restore; without it on a full disk, which is told."""
    try:
        with folders.folder_at(places.root, WORK) as work:
            there = folders.is_there(work, RESERVE)
            if there and os.stat(RESERVE, dir_fd=work).st_size == RESERVE_BYTES:
                return
            durable.write_in(work, RESERVE, bytes(RESERVE_BYTES), mode=0o600)
    except OSError as e:
        log.warning("no space is set aside for the next factory default: %s", why(e))


def why(e: Exception) -> str:
    """Say in words what an error was."""
    if isinstance(e, OSError) and e.strerror:
        return f"{e.strerror}: {e.filename}" if e.filename else e.strerror
    return str(e) or type(e).__name__

"""The small secrets that the pages keep in their folder, each in a file for its owner only."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from ivsd.appliance import durable

_LONGEST = 4096  # bytes of a file
_KEY_BYTES = 32

log = logging.getLogger("ivsd.web")


def read(path: Path) -> bytes:
    """Return what is in a file; raises OSError, also for what is no plain file or too long."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return durable.read_in(folder, path.name, most=_LONGEST)
    finally:
        os.close(folder)


def write(path: Path, text: str) -> None:
    """Replace a file by this line; raises OSError, and then it is as it was."""
    durable.write(path, f"{text}\n".encode(), mode=0o600)


def session_key(path: Path) -> bytes:
    """Read the key that cookies are signed with, or make it.

    Where neither can be done that is told, and the key is one for this run.
    """
    new = secrets.token_bytes(_KEY_BYTES)
    try:
        key = _key_in(path)
        if key is None:
            write(path, new.hex())
    except OSError as e:
        problem = e.strerror
    except ValueError:
        problem = "it is no key"
    else:
        return key or new
    log.error("%s cannot be used (%s): who is logged in is so until a restart", path, problem)
    return new


def _key_in(path: Path) -> bytes | None:
    """Return None without a file; raises OSError, or ValueError for what is no key."""
    try:
        key = bytes.fromhex(read(path).decode("ascii"))
    except FileNotFoundError:
        return None
    if len(key) != _KEY_BYTES:
        raise ValueError
    return key

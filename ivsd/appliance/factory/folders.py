"""Folders that somebody else may have filled: root walks in and clears them, and follows no link.

/etc/ivsd and /var/lib/ivsd belong to the daemon's user. Were that one taken over, links there
must not lead root anywhere, and no depth or number of files may stop a restore.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ivsd.appliance import durable
from ivsd.appliance.factory.places import WORK

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MOVED_UP = ".ivsd-gone-"
_ROUNDS = 100_000  # more levels than any path has; then somebody makes new ones all the time


def open_folder(root: Path, path: str, *, make: bool = False) -> int:
    """Open a folder below `root` step by step, following no link; the caller closes it.

    With `make`, what is missing on the way is made: for root only in root's own folder, for
    everybody to enter elsewhere. Raises OSError.
    """
    folder = os.open(root, _FOLDER)
    try:
        walked = ""
        for part in Path(path).parts[1:]:
            walked += f"/{part}"
            if make and not is_there(folder, part):
                _make(folder, part, 0o700 if f"{walked}/".startswith(f"{WORK}/") else 0o755)
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


def _make(folder: int, name: str, mode: int) -> None:
    """Make a folder with this mode, whatever the umask is; it is there with it, or not there."""
    new = f".{name}.new"
    if is_there(folder, new):  # of a restore that was interrupted
        remove(folder, new)
    durable.files.mkdir(folder, new, mode)
    made = os.open(new, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    try:
        durable.files.give(made, mode, None)
        durable.files.sync(made)
    finally:
        os.close(made)
    durable.files.rename(folder, new, folder, name)
    durable.files.sync(folder)


@contextlib.contextmanager
def folder_at(root: Path, path: str, *, make: bool = False) -> Iterator[int]:
    """Open a folder as `open_folder` does, for as long as it is needed."""
    folder = open_folder(root, path, make=make)
    try:
        yield folder
    finally:
        os.close(folder)


def is_there(folder: int, name: str) -> bool:
    """Whether there is such a name, be it a link into nowhere."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def is_folder(folder: int, name: str) -> bool:
    """Whether the name is a folder; a link to one is none."""
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def was_being_removed(name: str) -> bool:
    """Whether `remove` has given a folder this name, and was interrupted."""
    return name.startswith(_MOVED_UP)


def empty(folder: int) -> None:
    """Remove all that is in a folder, however deep, following no link; durable on return.

    Raises OSError.
    """
    for _ in range(_ROUNDS):
        names = os.listdir(folder)
        if not names:
            durable.files.sync(folder)
            return
        for name in names:
            _take_off(folder, name)
    raise OSError(errno.ENOTEMPTY, "there is always something new in it")


def remove(folder: int, name: str) -> None:
    """Remove a name and all below it, as `empty` does; it is gone once the folder is synced."""
    _take_off(folder, name)
    for _ in range(_ROUNDS):
        names = [inner for inner in os.listdir(folder) if was_being_removed(inner)]
        if not names:
            return
        for inner in names:
            _take_off(folder, inner)
    raise OSError(errno.ENOTEMPTY, "there is always something new in it", name)


def _take_off(folder: int, name: str) -> None:
    """Remove a file, or a folder whose folders are moved up: so no depth is too deep for it."""
    if not is_folder(folder, name):
        durable.files.unlink(folder, name)
        return
    inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    try:
        number = 0
        for child in os.listdir(inner):
            if not is_folder(inner, child):
                durable.files.unlink(inner, child)
                continue
            while is_there(folder, f"{_MOVED_UP}{number}"):
                number += 1
            durable.files.rename(inner, child, folder, f"{_MOVED_UP}{number}")
    finally:
        os.close(inner)
    durable.files.rmdir(folder, name)

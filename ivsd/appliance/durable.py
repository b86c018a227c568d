"""Files that are whole whatever happens: the plug is pulled, the disk is full, two write at once.

A file is written beside its target, synced, renamed over it, and the folder is synced: whoever
reads sees the old or the new one. Every operation that changes a disk goes through `files`, so
that tests can cut the power before, in and after each of them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_WAIT_S = 5.0
_LOCK_STEP_S = 0.02
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
PIECE = 256 * 1024  # bytes


class Files:
    """The operations; a folder is an open file descriptor, so nobody can swap it meanwhile."""

    def create(self, folder: int, name: str) -> int:
        """Create a file that was not there, readable by its owner only."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=folder)

    def write(self, file: int, data: bytes) -> None:
        """Write all of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]

    def give(self, file: int, mode: int, owner: tuple[int, int] | None) -> None:
        """Set the mode and, where one is named, the owner (uid, gid)."""
        os.fchmod(file, mode)
        if owner is not None:
            os.fchown(file, *owner)

    def sync(self, file: int) -> None:
        """Wait until the file, or what is in the folder, would survive the plug being pulled."""
        os.fsync(file)

    def link(self, folder: int, name: str, new: str) -> None:
        """Give a file a second name."""
        os.link(name, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)

    def rename(self, folder: int, name: str, to: int, new: str) -> None:
        """Rename, over what has the new name."""
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=to)

    def unlink(self, folder: int, name: str) -> None:
        """Remove a file or a link."""
        os.unlink(name, dir_fd=folder)

    def mkdir(self, folder: int, name: str, mode: int) -> None:
        """Make a folder."""
        os.mkdir(name, mode, dir_fd=folder)

    def rmdir(self, folder: int, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(name, dir_fd=folder)


files = Files()


def write(
    path: Path,
    data: bytes,
    *,
    mode: int,
    owner: tuple[int, int] | None = None,
    backup: bool = False,
) -> None:
    """Replace a file, or leave it as it was: raises OSError, and nothing is left lying about.

    With `backup` the former content is kept beside it as NAME.bak, unless it was empty or the
    same: a good backup is never lost to nothing. Where another program is writing in the same
    folder this waits for it, and raises TimeoutError after 5 s.
    """
    with _locked(path.parent) as folder:
        write_in(folder, path.name, data, mode=mode, owner=owner, backup=backup)


def write_in(
    folder: int,
    name: str,
    data: bytes,
    *,
    mode: int,
    owner: tuple[int, int] | None = None,
    backup: bool = False,
) -> None:
    """Do what `write` does in an open folder, without its lock; a link itself is replaced."""
    new = f".{name}.new"
    drop(folder, new)  # of a writer that was interrupted
    file = files.create(folder, new)
    try:
        try:
            files.write(file, data)
            files.give(file, mode, owner)
            files.sync(file)
        finally:
            os.close(file)
        if backup:
            _back_up(folder, name, data)
        files.rename(folder, new, folder, name)
    except Exception:
        for litter in (new, _backup_of(name)):
            with contextlib.suppress(OSError):
                drop(folder, litter)
        raise
    files.sync(folder)


def _backup_of(name: str) -> str:
    return f".{name}.bak.new"


def _back_up(folder: int, name: str, data: bytes) -> None:
    try:
        old = read_in(folder, name, most=1 << 30)
    except FileNotFoundError:
        return
    if not old or old == data:
        return
    new = _backup_of(name)
    drop(folder, new)
    files.link(folder, name, new)
    files.rename(folder, new, folder, f"{name}.bak")
    drop(folder, new)  # rename does nothing where both names are of the same file already


def read_in(folder: int, name: str, *, most: int) -> bytes:
    """Read a plain file of at most so many bytes, following no link.

    Raises OSError, also for what is no file or is larger.
    """
    # Not blocking: it may be a pipe that nobody writes into.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(name, flags, dir_fd=folder)
    with open(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", name)
        data = b""
        # In pieces: Python takes the memory for all that is asked for, whatever is there.
        while len(data) <= most and (piece := stream.read(min(PIECE, most + 1 - len(data)))):
            data += piece
    if len(data) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return data


def drop(folder: int, name: str) -> None:
    """Remove a file, if it is there; it is gone for good once the folder is synced."""
    with contextlib.suppress(FileNotFoundError):
        files.unlink(folder, name)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a folder for one writer at a time; the lock is the folder's own, so no file is left."""
    folder = os.open(path, _FOLDER)
    try:
        give_up_at = time.monotonic() + LOCK_WAIT_S
        while not try_lock(folder):
            if time.monotonic() > give_up_at:
                raise TimeoutError(errno.ETIMEDOUT, "another program writes here", str(path))
            time.sleep(_LOCK_STEP_S)
        yield folder
    finally:
        os.close(folder)


def try_lock(folder: int) -> bool:
    """Lock an open folder until it is closed; False where somebody else has it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

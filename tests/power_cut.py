"""A disk whose power can be cut before any operation, and in the middle of any write.

It does every operation for real and keeps in mind what was not synced yet. After the cut that is
kept, or lost: wholly, the last few, or only in some folders, as journals and controllers may have
it. A file that was not synced is then empty, or half.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ivsd.appliance import durable

LOSSES = ("kept", "lost", "lost in /etc", "lost in /var", *(f"last {n}" for n in (1, 2, 3, 5, 8)))


class PowerCut(BaseException):
    """Nothing of the program runs after this."""


class QuickDisk(durable.Files):
    """Does not wait for a real disk."""

    def sync(self, file: int) -> None:
        """Take it for done."""


@dataclass
class _NotSynced:
    folder: Path
    undo: Callable[[], None]


class CutDisk(QuickDisk):
    """Cuts the power before operation `cut_at` (from 1), or in it at `torn_at` of its bytes.

    `torn_at` is a share (0 to 1) of what a write writes; other operations are done whole.
    """

    def __init__(self, trash: Path, cut_at: int, torn_at: float | None = None) -> None:
        self.done = 0
        self.writes: list[int] = []
        self._cut_at = cut_at
        self._torn_at = torn_at
        self._trash = trash
        self._names = 0
        self._pending: list[_NotSynced] = []
        self._data: dict[tuple[int, int], int] = {}
        trash.mkdir()

    def _step(self) -> bool:
        """Count an operation; True where the power goes in it."""
        if self.done + 1 == self._cut_at and self._torn_at is None:
            raise PowerCut
        self.done += 1
        return self.done == self._cut_at

    def create(self, folder: int, name: str) -> int:
        cut = self._step()
        file = super().create(folder, name)
        path = _path(folder) / name
        self._note(path.parent, path.unlink)
        self._data[_inode(file)] = os.dup(file)
        if cut:
            raise PowerCut
        return file

    def write(self, file: int, data: bytes) -> None:
        cut = self._step()
        self.writes.append(self.done)
        if cut and self._torn_at is not None:
            super().write(file, data[: int(len(data) * self._torn_at)])
            raise PowerCut
        super().write(file, data)

    def give(self, file: int, mode: int, owner: tuple[int, int] | None) -> None:
        self._step()
        path = _path(file)
        if path.is_dir():
            old = path.stat().st_mode & 0o7777
            # Not synced, the mode is lost also where the folder has another name since.
            self._note(path, lambda: item.folder.chmod(old))
            item = self._pending[-1]
        super().give(file, mode, owner)

    def sync(self, file: int) -> None:
        self._step()
        path = _path(file)
        if path.is_dir():
            self._pending = [item for item in self._pending if item.folder != path]
        elif _inode(file) in self._data:
            os.close(self._data.pop(_inode(file)))

    def link(self, folder: int, name: str, new: str) -> None:
        self._step()
        super().link(folder, name, new)
        path = _path(folder) / new
        self._note(path.parent, path.unlink)

    def rename(self, folder: int, name: str, to: int, new: str) -> None:
        self._step()
        old, now = _path(folder) / name, _path(to) / new
        replaced = self._keep(now)
        super().rename(folder, name, to, new)
        self._follow(old, now)

        def undo() -> None:
            now.rename(old)
            self._follow(now, old)
            if replaced is not None:
                os.link(replaced, now, follow_symlinks=False)

        self._note(now.parent, undo)

    def unlink(self, folder: int, name: str) -> None:
        path = _path(folder) / name
        if not os.path.lexists(path):
            super().unlink(folder, name)  # raises, and changes nothing: no operation of the disk
        self._step()
        kept = self._keep(path)
        super().unlink(folder, name)
        assert kept is not None
        self._note(path.parent, lambda: os.link(kept, path, follow_symlinks=False))

    def mkdir(self, folder: int, name: str, mode: int) -> None:
        self._step()
        super().mkdir(folder, name, mode)
        path = _path(folder) / name
        self._note(path.parent, lambda: shutil.rmtree(path))

    def rmdir(self, folder: int, name: str) -> None:
        self._step()
        path = _path(folder) / name
        mode = path.stat().st_mode & 0o7777
        super().rmdir(folder, name)
        self._note(path.parent, lambda: path.mkdir(mode))

    def lose(self, how: str) -> None:
        """Make the disk what it is when the power is back."""
        share = 1.0 if how == "kept" else 0.5 if how.startswith("last ") else 0.0
        for file in self._data.values():
            os.ftruncate(file, int(os.fstat(file).st_size * share))
            os.close(file)
        number = len(self._pending)
        if how == "kept":
            number = 0
        elif how.startswith("last "):
            number = min(number, int(how.split()[1]))
        only = how.removeprefix("lost in ") if how.startswith("lost in ") else "/"
        for item in reversed(self._pending[len(self._pending) - number :]):
            if only in str(item.folder):
                with contextlib.suppress(FileNotFoundError, FileExistsError):
                    item.undo()

    def _note(self, folder: Path, undo: Callable[[], None]) -> None:
        self._pending.append(_NotSynced(folder, undo))

    def _follow(self, old: Path, now: Path) -> None:
        for item in self._pending:
            if item.folder == old:
                item.folder = now

    def _keep(self, path: Path) -> Path | None:
        if not os.path.lexists(path) or (path.is_dir() and not path.is_symlink()):
            return None
        self._names += 1
        kept = self._trash / str(self._names)
        os.link(path, kept, follow_symlinks=False)
        return kept


def _path(file: int) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{file}"))


def _inode(file: int) -> tuple[int, int]:
    info = os.fstat(file)
    return info.st_dev, info.st_ino

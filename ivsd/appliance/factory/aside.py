"""What else is in /etc/ivsd: credentials are dropped, the rest is copied to where only root reads.

A file counts as a credential when its name says so (password, secret, token, credential, .key),
when it holds a single line (a password file holds nothing else), a line that begins with
`password:`, or a private key, and when it is an editor's or our own earlier copy of a file that is
restored (such as ivsd.yaml.bak), which may hold anything. Folders are kept with what is in them;
links, pipes and the like are dropped. What cannot be kept (too much, too deep, no room on the disk)
is dropped, too: a restore that was committed goes on. The journal names all that is dropped, and so
does dropped.txt beside what was kept, as the journal of a box may be gone with its next start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
from collections.abc import Collection, Iterator

from ivsd.appliance import durable
from ivsd.appliance.factory import folders
from ivsd.appliance.factory.places import (
    ASIDE,
    CONFIG,
    DROPPED,
    STAGING,
    UNDELIVERED,
    WORK,
    Places,
)

log = logging.getLogger("ivsd")

MOST_BYTES = 8 << 20
MOST_FILES = 500
MOST_DEPTH = 6
_MOST_NAME = 120
KEPT_FOLDERS = 3
"""So many folders from earlier restores stay."""

_CREDENTIAL = re.compile(r"password|passwd|secret|token|credential|\.key$", re.IGNORECASE)
_HOLDS_ONE = re.compile(
    rb"""^[ \t\-{]*["']?password["']?[ \t]*[:=]""", re.IGNORECASE | re.MULTILINE
)


class _TooMuch(Exception):
    """More than is kept."""


def clear_config(places: Places, name: str, targets: Collection[str]) -> None:
    """Empty /etc/ivsd but for those of `targets` (paths) that are plain files there.

    What is no credential is copied to the folder `name` first, and all that is not copied is named
    there. Nothing is removed before that. Raises OSError.
    """
    restored = {os.path.basename(path) for path in targets if os.path.dirname(path) == CONFIG}
    with (
        folders.folder_at(places.root, CONFIG, make=True) as config,
        folders.folder_at(places.root, WORK) as work,
    ):
        extras = [
            extra
            for extra in sorted(os.listdir(config))
            if extra not in restored or not _is_plain_file(config, extra)
        ]
        keeper = _Keeper(restored)
        for extra in extras:
            if not folders.was_being_removed(extra):
                keeper.keep(config, extra, work, name)
        note_dropped(places, name, keeper.dropped)
        for extra in extras:
            folders.remove(config, extra)
        durable.files.sync(config)


def note_dropped(places: Places, name: str, lines: Collection[str]) -> None:
    """Add to the list, in the folder `name`, of what a restore drops, each line once.

    A list that cannot be written fails no restore: the journal has it.
    """
    if not lines:
        return
    try:
        with folders.folder_at(places.root, WORK) as work, _inner(work, name) as folder:
            known: list[str] = []
            if folders.is_there(folder, DROPPED):  # of this restore, before it was interrupted
                known = durable.read_in(folder, DROPPED, most=MOST_BYTES).decode().splitlines()
            text = "".join(f"{line}\n" for line in dict.fromkeys([*known, *lines]))
            durable.write_in(folder, DROPPED, text.encode(), mode=0o600)
    except (OSError, UnicodeDecodeError) as e:
        log.warning("the list of what is dropped cannot be written: %s", e)


def keep_undelivered(places: Places, name: str) -> None:
    """Move the names of the undelivered markers from the staging folder to the folder `name`.

    Where that fails the restore goes on: the journal has them.
    """
    try:
        with (
            folders.folder_at(places.root, STAGING) as staging,
            folders.folder_at(places.root, WORK) as work,
        ):
            if not folders.is_there(staging, UNDELIVERED):
                return
            with _inner(work, name) as folder:
                durable.files.rename(staging, UNDELIVERED, folder, UNDELIVERED)
                durable.files.sync(folder)
            durable.files.sync(staging)
    except OSError as e:
        log.warning("the names of the undelivered markers cannot be kept: %s", e)


def drop_oldest(places: Places) -> None:
    """Drop what earlier restores have set aside, but the last three. Raises OSError."""
    with folders.folder_at(places.root, WORK) as work:
        numbers = sorted(aside_numbers(os.listdir(work)))
        for number in numbers[:-KEPT_FOLDERS]:
            folders.remove(work, f"{ASIDE}{number}")
        durable.files.sync(work)


def aside_numbers(names: Collection[str]) -> list[int]:
    """Return the numbers of the folders that earlier restores have made."""
    found = (re.fullmatch(rf"{ASIDE}(\d+)", name) for name in names)
    return [int(match[1]) for match in found if match]


class _Keeper:
    def __init__(self, restored: set[str]) -> None:
        self.dropped: list[str] = []
        self._restored = restored
        self._bytes_left = MOST_BYTES
        self._files_left = MOST_FILES

    def keep(self, config: int, extra: str, work: int, aside: str) -> None:
        """Copy one name to the folder `aside`, which is made when there is something for it."""
        try:
            with _inner(work, aside) as folder:
                # Our own two lists have these names there.
                new = f"{extra}.kept" if extra in (DROPPED, UNDELIVERED) else extra
                self._copy(config, extra, folder, new, MOST_DEPTH)
        except (OSError, _TooMuch) as e:
            why = e.strerror if isinstance(e, OSError) else "there is too much of it"
            self._drop(extra, f"it cannot be set aside: {why}")

    def _drop(self, name: str, why: str) -> None:
        line = f"{name[:_MOST_NAME]!a} of /etc/ivsd is dropped: {why}"
        log.warning("%s", line)
        self.dropped.append(line)

    def _copy(self, source: int, name: str, to: int, new: str, depth: int) -> None:
        self._files_left -= 1
        if depth == 0 or self._files_left < 0:
            raise _TooMuch
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(name, flags, dir_fd=source)
            try:
                with _inner(to, new) as folder:
                    for child in sorted(os.listdir(inner)):
                        self._copy(inner, child, folder, child, depth - 1)
            finally:
                os.close(inner)
        elif stat.S_ISLNK(info.st_mode):
            led_to = os.readlink(name, dir_fd=source)
            self._drop(name, f"it was a link to {led_to[:_MOST_NAME]!a}")
        elif not stat.S_ISREG(info.st_mode):
            self._drop(name, "it was no file")
        else:
            self._copy_file(source, name, to, new)

    def _copy_file(self, source: int, name: str, to: int, new: str) -> None:
        try:
            data = durable.read_in(source, name, most=self._bytes_left)
        except OSError as e:
            raise _TooMuch from e
        if self._is_credential(name) or _holds_credential(data):
            self._drop(name, "it may hold a credential")
            return
        self._bytes_left -= len(data)
        durable.write_in(to, new, data, mode=0o600)

    def _is_credential(self, name: str) -> bool:
        return any(known in name for known in self._restored) or bool(_CREDENTIAL.search(name))


def _is_plain_file(folder: int, name: str) -> bool:
    return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _holds_credential(data: bytes) -> bool:
    is_one_line = b"\n" not in data.strip()
    return is_one_line or b"PRIVATE KEY" in data or bool(_HOLDS_ONE.search(data))


@contextlib.contextmanager
def _inner(folder: int, name: str) -> Iterator[int]:
    if not folders.is_there(folder, name):
        durable.files.mkdir(folder, name, 0o700)
        durable.files.sync(folder)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield inner
    finally:
        os.close(inner)

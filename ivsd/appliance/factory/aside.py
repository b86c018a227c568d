"""What else is in /etc/ivsd: credentials are dropped, the rest is copied to where only root reads.

A file counts as a credential when its name says so (password, secret, token, credential, .key),
when it holds a single line (a password file holds nothing else), a line that begins with
`password:`, or a private key, and when it is an editor's or our own earlier copy of a file that is
restored (such as ivsd.yaml.bak), which may hold anything. Folders are kept with what is in them;
links, pipes and the like are only told in the journal. What cannot be kept (too much, too deep, no
room on the disk) is dropped, and the journal says so: a restore that was committed goes on.
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
from ivsd.appliance.factory.places import ASIDE, CONFIG, WORK, Places

log = logging.getLogger("ivsd")

MOST_BYTES = 8 << 20
MOST_FILES = 500
MOST_DEPTH = 6
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

    What is no credential is copied to the folder `name` first. Raises OSError.
    """
    restored = {os.path.basename(path) for path in targets if os.path.dirname(path) == CONFIG}
    with (
        folders.folder_at(places.root, CONFIG, make=True) as config,
        folders.folder_at(places.root, WORK) as work,
    ):
        keeper = _Keeper(restored)
        for extra in sorted(os.listdir(config)):
            info = os.stat(extra, dir_fd=config, follow_symlinks=False)
            if extra in restored and stat.S_ISREG(info.st_mode):
                continue
            if not folders.was_being_removed(extra):
                keeper.keep(config, extra, work, name)
            folders.remove(config, extra)
        durable.files.sync(config)


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
        self._restored = restored
        self._bytes_left = MOST_BYTES
        self._files_left = MOST_FILES

    def keep(self, config: int, extra: str, work: int, aside: str) -> None:
        """Copy one name to the folder `aside`, which is made when there is something for it."""
        try:
            with _inner(work, aside) as folder:
                self._copy(config, extra, folder, MOST_DEPTH)
        except (OSError, _TooMuch) as e:
            why = e.strerror if isinstance(e, OSError) else "there is too much of it"
            log.warning("%a of /etc/ivsd is dropped and not set aside: %s", extra, why)

    def _copy(self, source: int, name: str, to: int, depth: int) -> None:
        self._files_left -= 1
        if depth == 0 or self._files_left < 0:
            raise _TooMuch
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(name, flags, dir_fd=source)
            try:
                with _inner(to, name) as folder:
                    for child in sorted(os.listdir(inner)):
                        self._copy(inner, child, folder, depth - 1)
            finally:
                os.close(inner)
        elif stat.S_ISLNK(info.st_mode):
            led_to = os.readlink(name, dir_fd=source)
            log.warning("%a of /etc/ivsd was a link to %a: it is dropped", name, led_to)
        elif not stat.S_ISREG(info.st_mode):
            log.warning("%a of /etc/ivsd was no file: it is dropped", name)
        else:
            self._copy_file(source, name, to)

    def _copy_file(self, source: int, name: str, to: int) -> None:
        try:
            data = durable.read_in(source, name, most=self._bytes_left)
        except OSError as e:
            raise _TooMuch from e
        if self._is_credential(name) or _holds_credential(data):
            log.info("%a of /etc/ivsd is dropped: it may hold a credential", name)
            return
        self._bytes_left -= len(data)
        durable.write_in(to, name, data, mode=0o600)

    def _is_credential(self, name: str) -> bool:
        return any(known in name for known in self._restored) or bool(_CREDENTIAL.search(name))


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

"""The manifest: which files the factory state is made of, checked before anything is touched.

templates/manifest.yaml in the sources; the box has its own copy with the checksums of every
template in SHA256SUMS (as `sha256sum` writes it), so that a template that an SD card has spoiled
is found while the old state is still whole.
"""
# ruff: noqa: RUF009 - `key()` is a dataclass field with more to say

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivsd.appliance import durable
from ivsd.config.checker import Checked, key, read
from ivsd.config.problems import Problem

MANIFEST = "manifest.yaml"
SUMS = "SHA256SUMS"
MOST_BYTES = 1 << 20
"""A template is a small text."""

Owners = Callable[[str, str], tuple[int, int]]
"""Finds the numbers of a user and a group; raises LookupError with a sentence."""


class Afterwards(StrEnum):
    """What may be done after the files are in place; the commands are fixed in `machine`."""

    ENABLE_TIME_SYNC = "enable-time-sync"


def _template(name: str) -> str | None:
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) and name != MANIFEST:
        return None
    return "must be the plain name of a file beside the manifest"


def _target(path: str) -> str | None:
    if _is_plain(path) and path.startswith("/etc/"):
        return None
    return "must be a whole path in /etc, without . and ..: the service can write nowhere else"


def _only_if(path: str) -> str | None:
    return None if _is_plain(path) else "must be a whole path, without . and .."


def _is_plain(path: str) -> bool:
    return path.startswith("/") and path == os.path.normpath(path) and "\0" not in path


def _mode(text: str) -> str | None:
    if re.fullmatch(r"0[0-7]{3}", text):
        return None
    return 'must be four octal digits that begin with 0, in quotes, such as "0640"'


@dataclass(frozen=True)
class Entry:
    """One file of the factory state."""

    template: str = key("name of the template", check=_template)
    target: str = key("where it belongs", check=_target)
    owner: str = key("the user it belongs to")
    group: str = key("the group it belongs to")
    mode: str = key('its mode, such as "0640"', check=_mode)
    only_if: str | None = key(
        "restored only where this path is: it belongs to software that not every box has",
        None,
        check=_only_if,
    )
    afterwards: Afterwards | None = key("what is done when all files are in place", None)


@dataclass(frozen=True)
class Manifest:
    """The whole of manifest.yaml."""

    files: list[Entry] = key("the files of the factory state")


@dataclass(frozen=True)
class Restored:
    """A file of the factory state that belongs on this box, with all that is in it."""

    template: str
    target: str
    owner: tuple[int, int]
    mode: int
    data: bytes
    afterwards: Afterwards | None

    @property
    def sha256(self) -> str:
        """The checksum of what is in it."""
        return hashlib.sha256(self.data).hexdigest()


def load(templates: Path, root: Path, owners: Owners) -> list[Restored]:
    """Read the manifest and every template; raises ConfigError with all that is wrong.

    A template is checked also where its file does not belong on this box.
    """
    checked = read(templates / MANIFEST, Manifest)
    found: list[Restored] = []
    targets: dict[str, int] = {}
    if checked.value is not None and not checked.value.files:
        checked.complain("files", "names no file: there would be no factory state")
    sums = _sums(checked, templates)
    _compare(checked, sums, templates, MANIFEST, at="")
    for number, entry in checked.numbered("files", checked.sections.get("files") or []):
        at = f"files.{number}"
        if entry.target in targets:
            checked.complain(f"{at}.target", f"is that of file {targets[entry.target]}, too")
        targets.setdefault(entry.target, number)
        data = _compare(checked, sums, templates, entry.template, at=f"{at}.template")
        try:
            owner = owners(entry.owner, entry.group)
        except LookupError as e:
            checked.complain(f"{at}.owner", str(e.args[0]))
            continue
        if data is None or not _belongs_here(entry, root):
            continue
        found.append(
            Restored(
                entry.template, entry.target, owner, int(entry.mode, 8), data, entry.afterwards
            )
        )
    checked.raise_if_wrong()
    return found


def _belongs_here(entry: Entry, root: Path) -> bool:
    # Not followed: that a unit is enabled is told by a link.
    return entry.only_if is None or os.path.lexists(root / entry.only_if.lstrip("/"))


def _sums(checked: Checked[Manifest], templates: Path) -> dict[str, str]:
    try:
        lines = _read(templates, SUMS).decode("ascii", "replace").splitlines()
    except OSError as e:
        text = f"cannot be read: {e.strerror}"
        checked.problems.append(Problem(str(templates / SUMS), 0, "", text))
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _compare(
    checked: Checked[Manifest], sums: dict[str, str], templates: Path, name: str, *, at: str
) -> bytes | None:
    """Read a template; None, after complaining, where it is not as it was installed."""
    try:
        data = _read(templates, name)
    except FileNotFoundError:
        checked.complain(at, f"there is no file {name} beside the manifest")
        return None
    except OSError as e:
        checked.complain(at, f"{name} cannot be read: {e.strerror}")
        return None
    if sums and sums.get(name) != hashlib.sha256(data).hexdigest():
        checked.complain(at, f"{name} is not as it was installed: its checksum is another")
        return None
    return data


def _read(templates: Path, name: str) -> bytes:
    folder = os.open(templates, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return durable.read_in(folder, name, most=MOST_BYTES)
    finally:
        os.close(folder)

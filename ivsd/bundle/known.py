"""Finds what is a secret on this box at this moment, so that it can be looked for everywhere.

It reads what this user may read, and says what he may not: an unread secret is only recognised by
the words around it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ivsd.appliance.factory.places import (
    CREDENTIAL,
    CREDENTIAL_STORES,
    DROP_INS,
    STATE,
    WEB_STATE,
    Places,
)
from ivsd.appliance.settings import LAST_GOOD
from ivsd.config import CARDS
from ivsd.config.checker import key, read
from ivsd.config.schema import CardTable
from ivsd.valt.model import Secret

LONGEST_FILE = 1024 * 1024
_LOADED = "/run/credentials/ivsd.service"
"""Where systemd shows them to the service (systemd.exec(5))."""

_NAMED = re.compile(
    r"""(?:pass\w*|pwd?|pin|psk|secret|\w*token|number|valt-password)["']?"""
    r"""[ \t]*[=:][ \t]*(\S.*)""",
    re.IGNORECASE,
)
_USER = re.compile(r"://([^\n\"'<>]*)@")
_SECRET_NAME = re.compile(r"pass|token|secret|pwd", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{5,40}(?![0-9A-Za-z])")
_NO_SECRETS = {"null", "true", "false", "none", "…", "~", CREDENTIAL}


@dataclass(frozen=True)
class _Valt:
    password: Secret | None = key("as in ivsd.yaml", None)  # noqa: RUF009
    password_file: Path | None = key("as in ivsd.yaml", None)  # noqa: RUF009


@dataclass(frozen=True)
class _Config:
    """As much of ivsd.yaml as is looked for: whatever else is wrong in it, these are read."""

    valt: _Valt | None = key("as in ivsd.yaml", None)  # noqa: RUF009


class Known:
    """The secrets of the box whose ivsd.yaml is at `config`, and what could not be read."""

    def __init__(self, config: Path, places: Places, environ: Mapping[str, str]) -> None:
        self.secrets: set[str] = set()
        self.numbers: set[str] = set()
        self.unread: list[str] = []
        self._find_in_configs(config, places.at(STATE))
        folders = [environ.get("CREDENTIALS_DIRECTORY"), places.at(_LOADED), places.at(STATE)]
        for folder in (*folders, *map(places.at, CREDENTIAL_STORES)):
            if folder:
                self._add_file(Path(folder) / CREDENTIAL)
        self._find_in_drop_ins(places.at(DROP_INS))
        self._find_of_the_pages(places.at(WEB_STATE))
        for name, value in environ.items():
            if _SECRET_NAME.search(name) and not value.startswith("/"):
                self._add(value)
        self._find_numbers(config.parent)

    def _add(self, text: object) -> None:
        if isinstance(text, str):
            self.secrets.add(text)

    def _guess(self, texts: Iterable[str]) -> None:
        """Add what seems to be a secret; a word that says that there is none is no secret."""
        self.secrets.update(set(texts) - _NO_SECRETS)

    def _text(self, path: Path) -> str:
        """Return what a file holds; "" where it is not there, or may not be read."""
        try:
            return read_text(path)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as e:
            self.unread.append(f"{path} ({e.strerror})")
            return ""

    def _add_file(self, path: Path) -> None:
        self._add(self._text(path).strip("\r\n"))

    # -- ivsd.yaml, and what it names -------------------------------------------------------------

    def _find_in_configs(self, config: Path, state: Path) -> None:
        for path in (config, config.with_name(f"{config.name}.bak"), state / LAST_GOOD):
            text = self._text(path)
            self._find_in_text(text)
            valt: _Valt | None = read(path, _Config).sections.get("valt") if text else None
            if valt is not None and valt.password is not None:
                self._add(valt.password.reveal())
            if valt is not None and valt.password_file is not None:
                self._add_file(config.parent / valt.password_file)
            for found in re.finditer(r"password_file:[ \t]*[\"']?([^\s\"',}]+)", text):
                self._add_file(config.parent / found[1])

    def _find_in_text(self, text: str) -> None:
        """Take what stands behind a name that speaks of a secret, as it may be quoted."""
        for found in _NAMED.finditer(text):
            self._guess(_values(found[1]))
            if alias := re.match(r"\*([\w-]+)", found[1]):
                for anchored in re.finditer(rf"&{alias[1]}[ \t]+(\S.*)", text):
                    self._guess(_values(anchored[1]))
        for found in _USER.finditer(text):
            parts = (found[1], found[1].partition(":")[2])
            self._guess([*parts, *map(unquote, parts)])

    # -- elsewhere --------------------------------------------------------------------------------

    def _find_in_drop_ins(self, folder: Path) -> None:
        try:
            paths = sorted(folder.glob("*.conf"))
        except OSError as e:
            self.unread.append(f"{folder} ({e.strerror})")
            return
        for path in paths:
            text = self._text(path)
            self._find_in_text(text)
            for found in _NAMED.finditer(text):  # several assignments may be on a line
                self._guess([found[1].split()[0].strip("\"'")])

    def _find_of_the_pages(self, folder: Path) -> None:
        """Take the hash of their password, what signs their cookies, and the first code."""
        for name in ("session-key", "setup-code"):
            self._add(self._text(folder / name).strip())
        try:
            stored: Any = json.loads(self._text(folder / "admin.json") or "{}")
        except ValueError:
            stored = {}
        for value in stored.values() if isinstance(stored, dict) else ():
            self._add(value)
            for part in str(value).split("$"):
                if len(part) >= 8 and ":" not in part:
                    self._add(part)

    def _find_numbers(self, folder: Path) -> None:
        for name in (CARDS, f"{CARDS}.bak"):
            text = self._text(folder / name)
            if not text:
                continue
            table = read(folder / name, CardTable, may_be_empty=True)
            cards = table.sections.get("cards") or []
            self.numbers |= {card.number.reveal() for card in cards}
            self.numbers |= set(_NUMBER.findall(text))
            for found in re.finditer(r"number[\"']?[ \t]*:[ \t]*(\S.*)", text):
                self.numbers |= {one for one in _values(found[1]) if len(one) <= 40}


def _values(text: str) -> Iterator[str]:
    """Yield what a value may be, whatever kind of file it is from: quoted, plain, commented."""
    text = text.strip()
    plain = re.sub(r"[ \t]#.*", "", text).strip()
    yield from (text, plain, re.split(r", |[,}\]]\s*$", plain)[0].strip(), plain.rstrip("\"'"))
    for quoted in re.finditer(r""""((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'""", text):
        yield quoted[1] if quoted[1] is not None else quoted[2].replace("''", "'")
        if quoted[1] and "\\" in quoted[1]:
            try:
                yield str(json.loads(f'"{quoted[1]}"'))
            except ValueError:
                continue
    if text[0] in "\"'":
        yield text[1:]


def read_text(path: Path, most: int = LONGEST_FILE) -> str:
    """Return the text of a plain file, of a large one its beginning; raises OSError."""
    # Not blocking: it may be a pipe that nobody writes into.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(most).decode("utf-8", "replace")

"""cards.yaml as the daemon reads, checks and writes it for who asks from afar."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivsd.appliance import durable
from ivsd.appliance.operations import Refused
from ivsd.badge_table.entries import labelled
from ivsd.config import CARDS, Config, ConfigError, Problem, load
from ivsd.config.cards import cards_in
from ivsd.config.cards_writer import write_cards
from ivsd.config.schema import CardEntry, Writing

MOST = 2000
"""Badges of a table that is written here: with more, reading the file would hold up the loop."""
MOST_LINES = 100
"""Of the journal for one change."""
_NEW_MODE = 0o640  # as the factory's

log = logging.getLogger("ivsd")

Change = tuple[str, CardEntry]
"""What was done to an entry, in one word, and the entry."""


class Declined(Exception):
    """It is not done; `refused` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.refused = Refused(code, text)


@dataclass(frozen=True)
class Table:
    """The file at one moment, and how VALT's numbers are written."""

    text: str
    cards: list[CardEntry]
    notation: Writing | None

    @property
    def revision(self) -> str:
        """Tell this text from any other."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Fault:
    """What `ivsd check` would say: of an entry, counted from 0, and its field, "" for the whole."""

    entry: int
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


class CardsFile:
    """The table beside the ivsd.yaml at `path`. `reload` has the loop read both files again."""

    def __init__(self, path: Path, reload: Callable[[], None]) -> None:
        self._config = path
        self.path = path.parent / CARDS
        self._reload = reload
        self._last: Table | None = None
        """What was read last: to check a long table takes seconds."""
        self._checked: Table | None = None
        """The last one that could be written."""

    def config(self) -> tuple[Config | None, list[Problem]]:
        """Read ivsd.yaml; None with what is wrong in it."""
        try:
            return load(self._config), []
        except ConfigError as e:
            return None, e.problems

    def read(self, config: Config | None) -> Table:
        """Read the table; raises ConfigError or Declined, and then nothing is written over it."""
        text, notation = self._text(), config.badges.notation if config else None
        last = self._last
        if last is None or (last.text, last.notation) != (text, notation):
            cards = cards_in(text, self.path, notation) if text else []
            self._last = last = Table(text, cards, notation)
        return last

    def _text(self) -> str:
        """Return the text of the file, "" where there is none; raises Declined."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as e:
            why = f"cannot be read: {e.strerror}" if isinstance(e, OSError) else "is no UTF-8 text"
            raise Declined("wrong_file", f"{self.path}: {why}") from None

    def of(self, revision: str, *, looks_only: bool = False) -> Table:
        """Read the table, which must not have changed since this revision; raises Declined.

        To be changed it needs a right ivsd.yaml: with a wrong one the daemon reads neither file,
        so a badge that was taken away would go on, and nobody knows how numbers are written.
        """
        config, problems = self.config()
        if config is None and not looks_only:
            text = (
                "nothing is changed, because the box would not use it: ivsd.yaml is wrong. "
                f"Repair it first: {'; '.join(map(str, problems))}"
            )
            raise Declined("wrong_file", text)
        table = self.read(config)
        if table.revision != revision:
            raise _changed()
        return table

    def faults(self, table: Table, cards: Sequence[CardEntry]) -> list[Fault]:
        """Tell what would be wrong with the table if these were its entries."""
        most = max(MOST, len(table.cards))  # one that is longer already may become shorter
        if len(cards) > most:
            return [Fault(most, "", f"is one too many: the table takes {MOST} badges")]
        text, checked = write_cards(cards), self._checked
        if checked is not None and (checked.text, checked.notation) == (text, table.notation):
            return []
        try:
            read = cards_in(text, self.path, table.notation)
            self._checked = Table(text, read, table.notation)
        except ConfigError as e:
            return [_fault(problem) for problem in e.problems]
        return []

    def check(self, table: Table, cards: Sequence[CardEntry]) -> None:
        """Raise Declined if the table would be wrong with these entries."""
        if faults := self.faults(table, cards):
            raise Declined("wrong", "; ".join(map(str, faults)))

    def save(self, table: Table, cards: Sequence[CardEntry], changes: Sequence[Change]) -> str:
        """Write these entries in place of those, and have the file read again.

        Returns the new revision; raises Declined.
        """
        self.check(table, cards)
        text = write_cards(cards)
        if self._text() != table.text:  # the check took its time, and somebody may have edited it
            raise _changed()
        try:
            mode = self.path.stat().st_mode & 0o777 if self.path.exists() else _NEW_MODE
            durable.write(self.path, text.encode(), mode=mode, backup=True)
        except OSError as e:
            raise Declined("not_saved", f"{e.filename or self.path}: {e.strerror}") from None
        for what, card in changes[:MOST_LINES]:
            log.info("badges: %s %s", what, labelled(card))
        if len(changes) > MOST_LINES:
            log.info("badges: and %d more", len(changes) - MOST_LINES)
        self._reload()
        self._last = self._checked
        return Table(text, [], None).revision


def _changed() -> Declined:
    return Declined("changed", "the table has changed meanwhile: look at it once more")


def _fault(problem: Problem) -> Fault:
    """Take the entry and its field out of a key such as `cards.3.action.then`."""
    parts = problem.key.split(".")
    return Fault(int(parts[1]) - 1, parts[2] if len(parts) > 2 else "", problem.text)

"""What a CSV makes of the table: what comes, changes, goes, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ivsd.badge_table.csv_text import Row, WrongLine, read_csv
from ivsd.badge_table.entries import (
    Users,
    Wrong,
    action_of,
    in_words,
    labelled,
    name_of,
    number_of,
    user_of,
)
from ivsd.config.schema import CardEntry
from ivsd.valt.model import Secret

MOST_WRONG_LINES = 100
"""In an answer; who has more has made one mistake many times."""


@dataclass
class Imported:
    """The table as it would be; it may only be written when `wrong` is empty."""

    cards: list[CardEntry]
    lines: dict[Secret, int] = field(default_factory=dict)
    """Number -> the line of the CSV that has it."""
    added: list[CardEntry] = field(default_factory=list)
    changed: list[CardEntry] = field(default_factory=list)
    removed: list[CardEntry] = field(default_factory=list)
    same: int = 0
    wrong: list[WrongLine] = field(default_factory=list)

    @property
    def changes(self) -> list[tuple[str, CardEntry]]:
        """List what is done, each with its verb."""
        groups = {"added": self.added, "changed": self.changed, "removed": self.removed}
        return [(verb, card) for verb, cards in groups.items() for card in cards]


def imported(before: Sequence[CardEntry], text: str, users: Users, *, replaces: bool) -> Imported:
    """Put a CSV into the table, or in its place.

    Entries keep their order, and what the CSV has no column for; new ones come behind.
    """
    rows, wrong = read_csv(text)
    there = {card.number: card for card in before}
    unpadded = {card.number.reveal().lstrip("0"): card for card in before}
    found = Imported([], wrong=wrong)
    new: dict[Secret, CardEntry] = {}
    for row in rows:
        try:
            number = number_of(row.cells["number"])
            if number in found.lines:
                raise Wrong("number", f"is the number of line {found.lines[number]}, too")
            found.lines[number] = row.line
            _check_zeros(number, there, unpadded)
            was = there.get(number)
            new[number] = card = _entry(row, number, was, users)
        except Wrong as e:
            found.wrong.append(WrongLine(row.line, str(e)))
            continue
        if was is None:
            found.added.append(card)
        elif card != was:
            found.changed.append(card)
        else:
            found.same += 1
    if replaces and not found.wrong:
        found.removed = [card for card in before if card.number not in found.lines]
    gone = {card.number for card in found.removed}
    found.cards = [new.get(card.number, card) for card in before if card.number not in gone]
    found.cards += found.added
    found.wrong.sort()
    return found


def told(found: Imported, wrong: list[WrongLine]) -> dict[str, Any]:
    """Return what an import does, and the first of its wrong lines, as JSON has them."""
    if len(wrong) > MOST_WRONG_LINES:
        first = wrong[MOST_WRONG_LINES]
        more = WrongLine(first.line, f"{first.text} (and so on: {len(wrong)} lines in all)")
        wrong = [*wrong[:MOST_WRONG_LINES], more]
    return {
        "added": len(found.added),
        "changed": len(found.changed),
        "removed": len(found.removed),
        "same": found.same,
        "lines": [{"line": one.line, "text": one.text} for one in wrong],
    }


def _entry(row: Row, number: Secret, was: CardEntry | None, users: Users) -> CardEntry:
    """Return what a row makes of a badge; raises Wrong.

    What stays as it is needs no check: a user may have gone, an action may have several steps.
    """
    card = was or CardEntry(number)
    cells = row.cells
    if _is_new(cells, "name", card.name or ""):
        card = replace(card, name=name_of(cells["name"], number))
    if _is_new(cells, "user", "" if card.user is None else str(card.user)):
        card = replace(card, user=user_of(cells["user"], users))
    if _is_new(cells, "action", in_words(card.action)):
        card = replace(card, action=action_of(cells["action"]))
    return card


def _is_new(cells: dict[str, str], column: str, was: str) -> bool:
    return column in cells and cells[column].strip() != was.strip()


def _check_zeros(
    number: Secret, there: dict[Secret, CardEntry], unpadded: dict[str, CardEntry]
) -> None:
    """Refuse what a spreadsheet makes of a number that is in the table; raises Wrong."""
    alike = unpadded.get(number.reveal().lstrip("0"))
    if number in there or alike is None or len(alike.number) <= len(number):
        return
    why = "a spreadsheet takes them away, make the column a text there"
    raise Wrong("number", f"lacks the zeros in front that {labelled(alike)} has: {why}")

"""The table of badges as CSV: what a spreadsheet writes is read, and what it would do is undone.

A cell that begins like a formula is written with an ' before it, and read without. Pure.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ivsd.badge_table.entries import in_words
from ivsd.config.schema import CardEntry

COLUMNS = ("number", "name", "user", "action")
HEADER = f"this line must name the columns: {', '.join(COLUMNS)} (number at least), and no others"

_BEGINS = r"(?<![^;])"  # a cell, also where a spreadsheet takes a semicolon for its end
_FORMULA = re.compile(_BEGINS + r"(?='*\s*[=+\-@\t\r＝＋－＠])")
_HARMLESS = re.compile(_BEGINS + r"'(?='*\s*[=+\-@\t\r＝＋－＠])")
_SEPARATED_BY = re.compile(r'"?sep=([,;\t])"?')
"""What Excel writes and reads as a first line of its own."""
_AS_TEXT = re.compile(r'="([^"]*)"')
"""What keeps Excel from taking digits for a number."""


@dataclass(frozen=True)
class Row:
    """One badge; `cells` has the columns that the file has. `line` counts from 1."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, order=True)
class WrongLine:
    """What is wrong with a line of the file."""

    line: int
    text: str


def write_csv(cards: Iterable[CardEntry]) -> str:
    """Return the table with whole numbers."""
    out = io.StringIO()
    # Commas, and lines that end with \r\n (RFC 4180); in quotes digits are rather left alone.
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for card in cards:
        user = "" if card.user is None else str(card.user)
        cells = (card.number.reveal(), card.name or "", user, in_words(card.action))
        writer.writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def read_csv(text: str) -> tuple[list[Row], list[WrongLine]]:
    """Return the rows that could be read, and what is wrong with the others."""
    records = _records(text.removeprefix("\ufeff"))
    try:
        first, names = next(records, (1, []))
        columns = [name.strip().lower() for name in names]
        known = set(columns) <= set(COLUMNS) and len(set(columns)) == len(columns)
        if not known or "number" not in columns:
            return [], [WrongLine(first, HEADER)]
        rows, wrong = [], []
        for line, cells in records:
            if len(cells) != len(columns):
                many = f"has {len(cells)} cells, and the first line names {len(columns)} columns"
                why = "is one of its signs not in quotes?"
                if len(cells) < len(columns):  # an empty cell would take away what is there
                    why = "write its separators, also of empty cells"
                wrong.append(WrongLine(line, f"{many}: {why}"))
                continue
            rows.append(Row(line, dict(zip(columns, map(_meant, cells), strict=True))))
    except _NoCsv as e:
        return [], [WrongLine(e.line, "is no CSV from here on: is a quote not closed?")]
    return rows, wrong


class _NoCsv(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield what is in each line that is not empty, with the number of the line it begins at."""
    head = text.lstrip().partition("\n")[0].rstrip("\r")
    named = _SEPARATED_BY.fullmatch(head)
    delimiter = named[1] if named else next((sign for sign in ";\t" if sign in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    is_named = named is not None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise _NoCsv(line) from None
        if any(cell.strip() for cell in cells):
            if not is_named:
                yield line, cells
            is_named = False
        line = reader.line_num + 1


def _harmless(cell: str) -> str:
    return _FORMULA.sub("'", cell)


def _meant(cell: str) -> str:
    cell = cell.strip()
    if text := _AS_TEXT.fullmatch(cell):
        return text[1]
    return _HARMLESS.sub("", cell)

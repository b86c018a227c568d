"""What the badges page shows of the daemon's table: the rows somebody looks for, and all in words.

The daemon has masked every number; only what was swiped or typed here is masked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ivsd.appliance import status_words as words
from ivsd.appliance.control_client import ControlError
from ivsd.web.set_up_words import ACTIONS

FILTER_FROM = 20
"""Rows; a longer table has a field to look for somebody."""
MOST_ROWS = 200
"""Of a table in the page; the others are found by that field."""
LONGEST_TEXT = 100
LABELS = {"number": "Number", "user": "VALT user", "name": "Name", "action": "What it does"}
LIKE_ANY = "start or stop a recording, like any badge"
AS_VALT_SAYS = "what VALT says of its number; denied if nobody there has it"
NOBODY = "nobody: it belongs to no VALT user"
GONE = (
    "That badge is not in the table any more, or ivsd was started anew: choose it again. Nothing "
    "was done."
)

NUMBER = re.compile("(?=.*[0-9])[0-9A-F][0-9A-F,:;/ -]{6,}[0-9A-F]", re.IGNORECASE)
"""What may be the whole number of a badge: of a shorter one the daemon shows nothing."""
_FIELD = "(number|user|name|action): "

Told = Mapping[str, Any]
"""The answer to `cards`, or a row of it."""

NOTHING: Told = {
    "file": "cards.yaml", "revision": "", "valt_notation": None, "readers": [], "cards": [],
    "people": None, "people_problem": "", "users": [], "unknown": None,
    "actions": [], "conflicts": [], "problems": [],
}  # fmt: skip
"""What is known while the daemon is away."""


@dataclass(frozen=True)
class Problem:
    """Something wrong in a form."""

    text: str
    field: str = ""
    """One of LABELS, "file" or "password"; "" where it is about all of the form."""


@dataclass(frozen=True)
class Form:
    """What is typed about a badge, but for its number: that is never sent back."""

    user: str = ""
    name: str = ""
    action: str = ""

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> Form:
        """Read what a browser has sent."""
        return cls(*(sent.get(key, "").strip() for key in ("user", "name", "action")))

    @classmethod
    def of_card(cls, card: Told) -> Form:
        """Fill in what the table says."""
        user = card["user"]
        return cls("" if user is None else str(user), card["name"] or "", card["action"] or "")

    @property
    def fields(self) -> dict[str, str]:
        """Return it as the daemon's operations take it."""
        return {"user": self.user, "name": self.name, "action": self.action}


@dataclass(frozen=True)
class Shown:
    """The page's tables and lists; `text` is what somebody looks for, `now` seconds since 1970."""

    told: Told
    now: float
    text: str = ""

    @property
    def cards(self) -> list[Told]:
        """List the box's own badges."""
        return self._wanted("cards")

    @property
    def people(self) -> list[Told]:
        """List VALT's users who have a badge."""
        return self._wanted("people")

    @property
    def count(self) -> int:
        """Return how many rows there are without a filter."""
        return len(self.told["cards"]) + len(self.told["people"] or [])

    @property
    def left_out(self) -> int:
        """Return how many rows are not shown, though they are wanted."""
        return sum(max(0, len(rows) - MOST_ROWS) for rows in (self.cards, self.people))

    @property
    def has_filter(self) -> bool:
        """Whether there is a field to look for somebody."""
        return bool(self.text) or self.count > FILTER_FROM

    def _wanted(self, table: str) -> list[Told]:
        return [row for row in self.told[table] or [] if self._has_text(row)]

    def _has_text(self, row: Told) -> bool:
        found = (str(row.get(key) or "") for key in ("number", "name", "user_name", "user"))
        return any(self.text.casefold() in text.casefold() for text in found)

    @classmethod
    def of(cls, told: Told, now: float, text: str) -> Shown:
        """Look for a number by its end, which is all that is known of one here.

        So none that was typed into the field to look for somebody is told again.
        """
        text = text.strip()[:LONGEST_TEXT]
        return cls(told, now, masked(text) if NUMBER.fullmatch(text) else text)

    def card(self, key: str) -> Told | None:
        """Find an entry of the table."""
        return next((card for card in self.told["cards"] if card["key"] == key), None)

    def seen(self, row: Told) -> str:
        """Say when and where a badge was swiped last."""
        if row["seen_at"] is None:
            return "not known"
        reader = f" at “{row['seen_at_reader']}”" if row["seen_at_reader"] else ""
        return f"{words.duration(max(0.0, self.now - row['seen_at']))} ago{reader}"

    def does(self, card: Told) -> str:
        """Say what a badge of the table does."""
        is_looked_up = card["user"] is None and not card["action"]
        return AS_VALT_SAYS if is_looked_up else does(card["action"] or "")

    def users(self, chosen: str) -> dict[str, str]:
        """List whom a badge can belong to, by id, so that `chosen` is one of them."""
        found = sorted(self.told["users"], key=lambda user: user["name"].casefold())
        choices = {"": NOBODY} | {str(user["id"]): called(user) for user in found}
        if chosen not in choices:
            choices[chosen] = f"VALT user {chosen}, whom VALT does not know"
        return choices

    def actions(self, chosen: str) -> dict[str, str]:
        """List what a badge can do, so that `chosen` is one of them."""
        return {key: does(key) for key in ("", *self.told["actions"], chosen)}


def called(user: Told) -> str:
    """Name a VALT user; two may have the same name."""
    return f"{user['name']} (VALT user {user['id']})"


def does(action: str) -> str:
    """Say in words what a badge does."""
    return ACTIONS.get(action, action) or LIKE_ANY


def masked(number: str) -> str:
    """Write as much of a badge's number as may be shown, as the daemon does."""
    return f"…{number[-3:]}" if len(number) >= 8 else "…"


def wrong_in(error: ControlError) -> list[Problem]:
    """List what the daemon finds wrong in what was typed; [] for any other no."""
    return placed(str(error)) if error.code == "wrong" else []


def placed(text: str) -> list[Problem]:
    """Put what is wrong beside the fields that it is about."""
    found = re.split(f"; (?={_FIELD.replace('(', '(?:')})", text)
    matches = [(one, re.match(_FIELD, one)) for one in found]
    return [Problem(one[m.end() :], m[1]) if m else Problem(one) for one, m in matches]

"""What somebody has typed of a badge, as an entry of cards.yaml.

What is wrong is told by field and never repeats what was typed: it may be a number in the wrong
place. What is said here is only what the checker of cards.yaml cannot know; that has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ivsd.config.cards import masked
from ivsd.config.problems import nearest
from ivsd.config.schema import CardEntry, Steps
from ivsd.events import Action
from ivsd.valt.model import Secret, User

LONGEST_NAME = 80
LONGEST_NUMBER = 64  # as ivsd.inputs.frames has it: no badge has more
_SHORTENED = re.compile(r"[0-9]+([.,][0-9]+)?E\+[0-9]+")
_NUMBER_IN_NAME = re.compile(r"\d([ :.,;/-]?[0-9A-F]){5,}", re.IGNORECASE)
"""What could be the number of a badge: nobody knows what people write into a name."""
SHORTEST = 4  # as ivsd.inputs.frames has it
NO_OWNER = "nobody in VALT has this number, so it would be denied: give a VALT user or an action"
_SIMPLE = {action.value: Steps(action) for action in Action}

ACTIONS = tuple(_SIMPLE)
"""What a badge may do that is set from afar; more than one thing is written into the file."""

Users = Sequence[User] | None
"""VALT's users; None where they are not known now."""


class Wrong(Exception):
    """What was typed cannot be taken; `str()` is “FIELD: sentence”."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")


def number_of(text: str) -> Secret:
    """Read a number in VALT's notation; raises Wrong."""
    text = text.strip().upper()  # as whatever a reader types
    if not text:
        raise Wrong("number", "is missing: the badge's number as VALT would have it")
    if _SHORTENED.fullmatch(text):
        why = "was shortened by a spreadsheet: make its column a text there, and write it whole"
        raise Wrong("number", why)
    if len(text) > LONGEST_NUMBER:
        raise Wrong("number", f"is longer than {LONGEST_NUMBER} places: no badge has more")
    return Secret(text)


def name_of(text: str, number: Secret) -> str | None:
    """Read what the badge of this number is called; raises Wrong."""
    text = text.strip()
    if len(text) > LONGEST_NAME:
        raise Wrong("name", f"is longer than {LONGEST_NAME} characters")
    if not text.isprintable():
        raise Wrong("name", "has a line break in it, or another sign that cannot be seen")
    if len(number) >= SHORTEST and _bare(number.reveal()) in _bare(text):
        raise Wrong("name", "has the number of the badge in it, and a name is shown: leave it out")
    return text or None


def _bare(text: str) -> str:
    """Leave out what people write between the digits, and zeros in front of enough of them."""
    text = re.sub(r"[\W_]", "", text).upper()
    return text.lstrip("0") if len(text.lstrip("0")) >= SHORTEST else text


def user_of(text: str, users: Users) -> int | None:
    """Read a VALT user by id, or by a name that only one has; raises Wrong."""
    text = text.strip()
    if not text:
        return None
    if re.fullmatch("[0-9]{1,9}", text):
        if users is not None and int(text) not in {user.id for user in users}:
            raise Wrong("user", "is no id of a user that VALT has now")
        return int(text)
    if users is None:
        raise Wrong("user", "must be the id: VALT's users are not known now")
    named = [user.id for user in users if user.name.strip().casefold() == text.casefold()]
    if not named:
        raise Wrong("user", "is neither the id nor the name of a user that VALT has now")
    if len(named) > 1:
        ids = ", ".join(map(str, sorted(named)))
        raise Wrong("user", f"is the name of several VALT users: give one of the ids {ids}")
    return named[0]


def action_of(text: str) -> Steps | None:
    """Read a single action; raises Wrong."""
    text = text.strip()
    if text and text not in _SIMPLE:
        raise Wrong("action", f"is no single action ({nearest(text, ACTIONS)})")
    return _SIMPLE.get(text)


def is_simple(action: Steps | None) -> bool:
    """Whether this action can be set from afar."""
    return action is None or action == _SIMPLE[action.action]


def in_words(action: Steps | None) -> str:
    """Say what a badge does; a single action is its bare word."""
    if action is None or is_simple(action):
        return action.action.value if action else ""
    steps = [action, *action.then]
    return ", then ".join(
        f"{step.action} “{step.name}” ({step.colour})" if step.action is Action.MARKER
        else step.action.value
        for step in steps
    )  # fmt: skip


def is_looked_up(card: CardEntry) -> bool:
    """Whether VALT alone says whose badge it is."""
    return card.user is None and card.action is None


def is_nobodys(number: Secret, users: Users) -> bool:
    """Whether VALT says that none of its users has this number.

    A server that tells no number of anybody says nothing of this one either.
    """
    numbers = {user.card_number for user in users or () if user.card_number is not None}
    return bool(numbers) and number not in numbers


def shown_name(card: CardEntry) -> str:
    """Return its name without what could be the number of a badge; "" for none."""
    name, own = card.name or "", re.escape(card.number.reveal())
    if len(card.number) >= SHORTEST:
        name = re.sub(own, "…", name, flags=re.IGNORECASE)
    return _NUMBER_IN_NAME.sub("…", name)


def called(card: CardEntry) -> str:
    """Name an entry for the journal and in errors, by all but its number."""
    user = f"VALT user {card.user}" if card.user is not None else ""
    name = masked(shown_name(card)) or user or in_words(card.action)
    return "".join(sign if sign.isprintable() else " " for sign in name)[:LONGEST_NAME]


def labelled(card: CardEntry) -> str:
    """Name an entry with the end of its number."""
    return f"{card.number.tail()} ({called(card)})"

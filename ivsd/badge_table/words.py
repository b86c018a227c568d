"""What the table of badges is told in: names, notations, lists that fit into an answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ivsd.badge_table.entries import LONGEST_NAME, SHORTEST, Users, is_looked_up
from ivsd.config.schema import CardEntry, Config, Role, Writing
from ivsd.valt.model import User

BITS = "bits on two wires, written as VALT has them"

MOST_NAMES = 5
LONGEST = {"badges": 480_000, "people": 280_000, "VALT users": 200_000, "conflicts": 50_000}
"""Bytes of the lists in the answer; the whole of it has 1 MiB at most."""


def notations(config: Config | None) -> dict[str, Any]:
    """Return how VALT and each reader of badges write their numbers, as far as it is known."""
    if config is None:
        return {"valt_notation": None, "readers": []}
    roles = (Role.BADGE, Role.AUTO)
    readers = [
        {"name": keyboard.name, "notation": _form(keyboard.notation)}
        for keyboard in config.inputs.keyboards
        if keyboard.role in roles
    ]
    readers += [
        {"name": reader.name, "notation": BITS}
        for reader in config.inputs.wiegand
        if reader.role in roles
    ]
    return {"valt_notation": _form(config.badges.notation), "readers": readers}


def owners_beside(card: CardEntry, users: Users) -> str:
    """Name whose badge it is in VALT, if this entry makes it something else; "" if it does not."""
    owners = [user for user in users or () if user.card_number == card.number]
    if not owners or is_looked_up(card) or (card.action is None and _is_one(card.user, owners)):
        return ""
    return all_of(owners)


def _is_one(user_id: int | None, users: Sequence[User]) -> bool:
    return user_id in [user.id for user in users]


def _form(writing: Writing | None) -> str | None:
    return None if writing is None else str(writing.as_form)


def named(user: User) -> str:
    name = user.name
    number = user.card_number
    if number is not None and len(number) >= SHORTEST:  # it is some people's log-in name, too
        name = name.replace(number.reveal(), "…")
    name = "".join(sign if sign.isprintable() else " " for sign in name).strip()
    return name[:LONGEST_NAME] or f"VALT user {user.id}"


def by_name(users: Iterable[User]) -> list[User]:
    return sorted(users, key=lambda user: (named(user).casefold(), user.id))


def all_of(users: Sequence[User]) -> str:
    names = [f"{named(user)} (VALT user {user.id})" for user in users]
    if len(names) > MOST_NAMES:
        names = [*names[:MOST_NAMES], f"{len(names) - MOST_NAMES} more"]
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def fitted_to(entries: Iterable[Any], what: str, left_out: list[str]) -> list[Any]:
    """Take as many as an answer can hold, and say so where that is not all."""
    fitted, size, total = [], 0, 0
    for total, entry in enumerate(entries, 1):  # noqa: B007  # it counts the rest, too
        size += len(json.dumps(entry)) + 2
        if size <= LONGEST[what]:
            fitted.append(entry)
    if len(fitted) < total:
        left_out.append(f"too many {what} to show: these are {len(fitted)} of {total}")
    return fitted

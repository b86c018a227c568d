"""The table of badges as a page shows it: numbers masked, and what is wrong said in sentences.

Pure, but for when a badge was last seen, which is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ivsd.badge_table.door import Unknown
from ivsd.badge_table.entries import ACTIONS, LONGEST_NAME, Users, called, in_words, is_simple
from ivsd.config.schema import CardEntry, Config, Role, Writing
from ivsd.valt.model import Secret, User

NOT_THERE = "its VALT user is not there any more: the badge is denied"
NOBODYS = "it names no VALT user and no action, and nobody in VALT has its number: it is denied"
TWICE = "another VALT user has the same number, so it is denied: change one of them in VALT"
HERE_TOO = "this box's own table has this number, too, and has the last word"
BITS = "bits on two wires, written as VALT has them"

MOST_NAMES = 5
LONGEST = {"badges": 480_000, "people": 280_000, "VALT users": 200_000, "conflicts": 50_000}
"""Bytes of the lists in the answer; the whole of it has 1 MiB at most."""

Seen = Callable[[Secret], tuple[int | None, str | None]]


class Shown:
    """What is shown at one moment; `key` makes the opaque name of a text that is not to be told."""

    def __init__(
        self,
        cards: Sequence[CardEntry],
        users: Users,
        unknown: Unknown | None,
        seen: Seen,
        key: Callable[[str], str],
    ) -> None:
        self._cards = cards
        self._users = users
        self._unknown = unknown
        self._seen = seen
        self._key = key
        self._here = {card.number for card in cards}
        self._by_id = {user.id: user for user in users or ()}
        self._by_number: dict[Secret, list[User]] = {}
        for user in users or ():
            if user.card_number is not None:
                self._by_number.setdefault(user.card_number, []).append(user)

    def answer(self) -> dict[str, Any]:
        """Return what depends on badges and users."""
        left_out: list[str] = []
        people = None if self._users is None else _fitted(self._people(), "people", left_out)
        users = ({"id": user.id, "name": _named(user)} for user in _by_name(self._users or ()))
        return {
            "cards": _fitted(map(self._card, self._cards), "badges", left_out),
            "people": people,
            "users": _fitted(users, "VALT users", left_out),
            "unknown": self._last_unknown(),
            "actions": list(ACTIONS),
            "conflicts": _fitted(self._conflicts(), "conflicts", left_out),
            "problems": [{"key": "", "text": text} for text in left_out],
        }

    # -- the entries ------------------------------------------------------------------------------

    def _card(self, card: CardEntry) -> dict[str, Any]:
        seen_at, reader = self._seen(card.number)
        owner = self._user(card.user)
        return {
            "key": self._key(card.number.reveal()),
            "number": card.number.tail(),
            "name": card.name,
            "user": card.user,
            "user_name": _named(owner) if owner else None,
            "action": in_words(card.action) or None,
            "is_simple": is_simple(card.action),
            "seen_at": seen_at,
            "seen_at_reader": reader,
            "problems": list(self._problems(card)),
        }

    def _problems(self, card: CardEntry) -> Iterator[str]:
        if self._users is None:
            return
        if card.user is not None and self._user(card.user) is None:
            yield NOT_THERE
        # A server that tells no number of anybody says nothing of this one either.
        tells = any(user.card_number is not None for user in self._users)
        is_looked_up = card.user is None and card.action is None
        if is_looked_up and tells and not self._owners(card.number):
            yield NOBODYS

    def _people(self) -> Iterator[dict[str, Any]]:
        for user in _by_name(self._users or ()):
            number = user.card_number
            if number is None:
                continue
            seen_at, reader = self._seen(number)
            is_twice = len(self._owners(number)) > 1 and number not in self._here
            yield {
                "key": self._key(f"{user.id} {number.reveal()}"),
                "number": number.tail(),
                "user": user.id,
                "name": _named(user),
                "seen_at": seen_at,
                "seen_at_reader": reader,
                "problems": [TWICE] * is_twice + [HERE_TOO] * (number in self._here),
            }

    def _last_unknown(self) -> dict[str, Any] | None:
        """Return the last unknown badge, unless somebody has it by now."""
        if self._unknown is None:
            return None
        scanned = self._unknown.scanned
        if self._owners(scanned.number) or scanned.number in self._here:
            return None
        return {
            "key": self._key(scanned.number.reveal()),
            "number": scanned.number.tail(),
            "reader": scanned.reader,
            "ago_s": int(self._unknown.ago_s),
        }

    # -- who has what -----------------------------------------------------------------------------

    def _user(self, user_id: int | None) -> User | None:
        return None if user_id is None else self._by_id.get(user_id)

    def _owners(self, number: Secret) -> list[User]:
        return self._by_number.get(number, [])

    def _conflicts(self) -> Iterator[str]:
        for number, owners in self._by_number.items():
            if len(owners) > 1 and number not in self._here:
                yield (
                    f"{_and(owners)} have the same number {number.tail()} in VALT: the box cannot "
                    "tell who it is and denies it, until one of them has another number there."
                )
        for card in self._cards:
            if owners := self._owners(card.number):
                yield from self._conflict(card, owners)

    def _conflict(self, card: CardEntry, owners: list[User]) -> Iterator[str]:
        tail, others = card.number.tail(), [user for user in owners if user.id != card.user]
        whose = f"The badge {tail} ({called(card)}) belongs to {_and(owners)} in VALT"
        if card.user is not None and others:
            own = self._user(card.user)
            name = _named(own) if own else f"VALT user {card.user}"
            yield f"{whose}, and to {name} in this box's own table, which has the last word here."
        elif card.user is None and card.action is not None:
            yield (
                f"{whose}, but this box's own table has the last word: here it does "
                f"{in_words(card.action)} and names nobody."
            )
        elif card.user is None and len(owners) > 1:
            yield f"{whose}, and the box's own table does not say which of them: it is denied."


# -- words -----------------------------------------------------------------------------------------


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


def _form(writing: Writing | None) -> str | None:
    return None if writing is None else str(writing.as_form)


def _named(user: User) -> str:
    name = "".join(sign if sign.isprintable() else " " for sign in user.name).strip()
    return name[:LONGEST_NAME] or f"VALT user {user.id}"


def _by_name(users: Iterable[User]) -> list[User]:
    return sorted(users, key=lambda user: (_named(user).casefold(), user.id))


def _and(users: Sequence[User]) -> str:
    names = [f"{_named(user)} (VALT user {user.id})" for user in users]
    if len(names) > MOST_NAMES:
        names = [*names[:MOST_NAMES], f"{len(names) - MOST_NAMES} more"]
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _fitted(entries: Iterable[Any], what: str, left_out: list[str]) -> list[Any]:
    """Take as many as an answer can hold, and say so where that is not all."""
    fitted, size, total = [], 0, 0
    for total, entry in enumerate(entries, 1):  # noqa: B007  # it counts the rest, too
        size += len(json.dumps(entry)) + 2
        if size <= LONGEST[what]:
            fitted.append(entry)
    if len(fitted) < total:
        left_out.append(f"too many {what} to show: these are {len(fitted)} of {total}")
    return fitted

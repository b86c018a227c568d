"""The table of badges as a page shows it: numbers masked, and what is wrong said in sentences.

Pure, but for when a badge was last seen, which is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ivsd.badge_table.door import Unknown
from ivsd.badge_table.entries import (
    ACTIONS,
    Users,
    called,
    in_words,
    is_looked_up,
    is_simple,
    shown_name,
)
from ivsd.badge_table.words import all_of, by_name, fitted_to, named
from ivsd.config.schema import CardEntry
from ivsd.valt.model import Secret, User

NOT_THERE = "its VALT user is not there any more: the badge is denied"
NOBODYS = "it names no VALT user and no action, and nobody in VALT has its number: it is denied"
TWICE = "another VALT user has the same number, so it is denied: change one of them in VALT"
HERE_TOO = "this box's own table has this number, too, and has the last word"
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
        self._here = {card.number: card for card in cards}
        self._by_id = {user.id: user for user in users or ()}
        self._by_number: dict[Secret, list[User]] = {}
        for user in users or ():
            if user.card_number is not None:
                self._by_number.setdefault(user.card_number, []).append(user)

    def answer(self) -> dict[str, Any]:
        """Return what depends on badges and users."""
        left_out: list[str] = []
        people = None if self._users is None else fitted_to(self._people(), "people", left_out)
        return {
            "cards": fitted_to(map(self._card, self._cards), "badges", left_out),
            "people": people,
            "users": self._to_choose(left_out),
            "unknown": self._last_unknown(),
            "actions": list(ACTIONS),
            "conflicts": fitted_to(self._conflicts(), "conflicts", left_out),
            "problems": [{"key": "", "text": text} for text in left_out],
        }

    def _to_choose(self, left_out: list[str]) -> list[dict[str, Any]]:
        """List all users, or none: who is left out would look as if VALT did not know them."""
        among = [{"id": user.id, "name": named(user)} for user in by_name(self._users or ())]
        cut: list[str] = []
        users = fitted_to(among, "VALT users", cut)
        if not cut:
            return users
        left_out.append(f"too many VALT users to show: {len(among)}. Give the id of one instead")
        return []

    # -- the entries ------------------------------------------------------------------------------

    def _card(self, card: CardEntry) -> dict[str, Any]:
        seen_at, reader = self._seen(card.number)
        owner = self._user(card.user)
        return {
            "key": self._key(card.number.reveal()),
            "number": card.number.tail(),
            "name": shown_name(card) or None,
            "user": card.user,
            "user_name": named(owner) if owner else None,
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
        if is_looked_up(card) and self._by_number and not self._owners(card.number):
            yield NOBODYS

    def _people(self) -> Iterator[dict[str, Any]]:
        for user in by_name(self._users or ()):
            number = user.card_number
            if number is None:
                continue
            seen_at, reader = self._seen(number)
            yield {
                "key": self._key(f"{user.id} {number.reveal()}"),
                "number": number.tail(),
                "user": user.id,
                "name": named(user),
                "seen_at": seen_at,
                "seen_at_reader": reader,
                "problems": self._problems_of(user, number),
            }

    def _problems_of(self, user: User, number: Secret) -> list[str]:
        card = self._here.get(number)
        if card is None or is_looked_up(card):
            return [TWICE] if len(self._owners(number)) > 1 else []
        is_the_same = card.user == user.id and card.action is None
        return [] if is_the_same else [HERE_TOO]

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
                    f"{all_of(owners)} have the same number {number.tail()} in VALT: the box "
                    "cannot tell who it is and denies it, until one of them has another number "
                    "there."
                )
        for card in self._cards:
            if owners := self._owners(card.number):
                yield from self._conflict(card, owners)

    def _conflict(self, card: CardEntry, owners: list[User]) -> Iterator[str]:
        tail, others = card.number.tail(), [user for user in owners if user.id != card.user]
        whose = f"The badge {tail} ({called(card)}) belongs to {all_of(owners)} in VALT"
        if card.user is not None and others:
            own = self._user(card.user)
            name = named(own) if own else f"VALT user {card.user}"
            yield f"{whose}, and to {name} in this box's own table, which has the last word here."
        elif card.user is None and card.action is not None:
            yield (
                f"{whose}, but this box's own table has the last word: here it does "
                f"{in_words(card.action)} and names nobody."
            )
        elif card.user is None and len(owners) > 1:
            yield f"{whose}, and the box's own table does not say which of them: it is denied."

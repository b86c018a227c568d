"""Whose badge or PIN it is (decision 17). Used by one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ivsd.valt.client import Client
from ivsd.valt.model import Secret, User, Version

LIST_IS_GOOD_FOR_S = 300.0
"""A badge that was taken away works no longer than this on servers before 6.5."""


class Directory:
    """Finds users by number: from 6.5 the server does, before that in a list of all users.

    The list is kept for 5 min, in memory only, and read anew once for a number that is not in
    it: somebody may just have got that badge.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._users: list[User] = []
        self._read_at = float("-inf")

    def find(self, client: Client, number: Secret, version: Version) -> tuple[User, ...]:
        """Return the users who have this number; raises ValtError."""
        if version.at_least(6, 5):
            return tuple(client.users_with_card(number, version))
        if self._clock() - self._read_at < LIST_IS_GOOD_FOR_S and (found := self._listed(number)):
            return found
        asked_at = self._clock()
        self._users = [replace(user, as_sent={}) for user in client.users()]
        self._read_at = asked_at
        return self._listed(number)

    def _listed(self, number: Secret) -> tuple[User, ...]:
        return tuple(user for user in self._users if user.card_number == number)

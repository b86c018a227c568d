"""Who may be connected to the TLS side of the pages at once: so many, and so many of one address.

Places are few, as each costs the box memory, and who has one may keep it as long as he likes to
talk. So one stranger must not be able to take them all.
"""

from __future__ import annotations

import asyncio

from ivsd.web.access.backoff import counted_as

MOST = 90
"""Connections at once: waitress takes 100 less its own."""
MOST_OF_ONE = 30
"""Of them from one address: a browser makes six, and a few people may share an address."""

Visit = asyncio.Task[None]


class Places:
    """For the thread of the event loop; its length may be asked by any.

    Where there is no place, who has asked for nothing yet makes room, the oldest first.
    """

    def __init__(self) -> None:
        self._of: dict[Visit, str] = {}
        """The address that each is counted as, in the order in which they came."""
        self._silent: set[Visit] = set()

    def __len__(self) -> int:
        return len(self._of)

    def has_room(self, address: str) -> bool:
        """Whether another one may come from this address, after one was sent away if need be."""
        who = counted_as(address)
        own = [visit for visit, other in self._of.items() if other == who]
        if len(own) >= MOST_OF_ONE:
            return self._send_away_one(own)
        return len(self._of) < MOST or self._send_away_one(list(self._of))

    def take(self, visit: Visit, address: str) -> None:
        """Give a place to who has asked for nothing yet; it is free again when the visit ends."""
        self._of[visit] = counted_as(address)
        self._silent.add(visit)
        visit.add_done_callback(self._leave)

    def has_asked(self, visit: Visit) -> None:
        """Have this one keep its place."""
        self._silent.discard(visit)

    def _send_away_one(self, visits: list[Visit]) -> bool:
        oldest = next((visit for visit in visits if visit in self._silent), None)
        if oldest is None:
            return False
        oldest.cancel()
        self._leave(oldest)
        return True

    def _leave(self, visit: Visit) -> None:
        self._of.pop(visit, None)
        self._silent.discard(visit)

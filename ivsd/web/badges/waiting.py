"""A badge that waits for its owner: swiped for this page, typed into it, or held by the daemon.

What was swiped or typed here is kept as the page's passwords are (`typed`): for one session and 15
minutes, found again by a word that only the page with its form has. So of two pages each means the
badge that it shows.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ivsd.web import access
from ivsd.web.access.sessions import drop_at_log_out
from ivsd.web.badges.shown import Told, masked
from ivsd.web.typed import Typed

LAPSED = (
    "the number of that badge is not kept any more: 15 minutes are over, or another badge was "
    "swiped or typed. Swipe it once more, or type its number"
)
NO_BADGE = "swipe the badge, or type its number"


@dataclass(frozen=True)
class Waiting:
    """What a page tells of it; `held` finds it here, or `badge` in the daemon."""

    number: str
    """Masked."""
    reader: str = ""
    held: str = ""
    badge: str = ""
    ago_s: float = 0.0


class Swiped:
    """Keeps one number for each session."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._typed = Typed(clock)

    def keep(self, number: str, reader: str) -> Waiting:
        """Keep a number in place of the one before; `reader` is "" for one that was typed."""
        drop_at_log_out(self._typed)
        held = secrets.token_urlsafe(12)
        self._typed.keep(access.csrf_token(), (held,), f"{reader}\n{number}")
        return Waiting(masked(number), reader, held=held)

    def find(self, held: str) -> tuple[str, str]:
        """Return the number that was kept so, and its reader; twice "" when it is gone."""
        found = self._typed.find(access.csrf_token(), (held,)) if held else None
        reader, _, number = (found or "").partition("\n")
        return number, reader

    def drop(self) -> None:
        """Forget that of this session."""
        self._typed.drop(access.csrf_token())


def last_unknown(told: Told) -> Waiting | None:
    """Return the last badge that nobody had, as the daemon tells it."""
    found = told["unknown"]
    if found is None:
        return None
    return Waiting(found["number"], found["reader"], badge=found["key"], ago_s=found["ago_s"])

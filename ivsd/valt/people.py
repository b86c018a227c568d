"""Whom VALT knows: the list of its users, for who sets up badges (valt-api 5.12).

It is asked for with the token of the presses, but over a connection of its own and without a
log-in: a long list, or a server that refuses it to this account with a 401, holds up no press.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ivsd.valt.client import Client
from ivsd.valt.errors import TokenRefused, Unauthorized, Unreachable, ValtError
from ivsd.valt.model import User
from ivsd.valt.session import FRESH_S, NO_RIGHT, Session
from ivsd.valt.transport import HttpTransport

GOOD_FOR_S = 10.0
"""A page asks several times in a row; who has changed somebody in VALT needs longer than this."""
NOT_NOW = (
    "the server did not give the users to this box: its log-in has run out, which the box notices "
    "and mends by itself (look again in a minute), or its account may not see users"
)
_NOTHING: dict[str, Any] = {}


class People:
    """The users of the server that `session` is logged in to. Thread-safe."""

    def __init__(
        self,
        session: Session,
        transport: HttpTransport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._transport = transport
        self._clock = clock
        self._asking = threading.Lock()
        self._users: list[User] = []
        self._problem: ValtError | None = None
        self._asked_at = float("-inf")

    def users(self) -> list[User]:
        """Return all of them, as they were at most 10 s ago; raises ValtError."""
        with self._asking:
            if self._clock() - self._asked_at >= GOOD_FOR_S:
                self._users = []  # never two lists at a time: they may be long
                try:
                    self._users, self._problem = self._ask(), None
                except ValtError as e:
                    # Without its traceback, which would keep the caller's objects alive.
                    self._problem = type(e)(str(e))
                self._asked_at = self._clock()
            if self._problem is not None:
                raise type(self._problem)(str(self._problem))
            return self._users

    def _ask(self) -> list[User]:
        token = self._session.token
        if not token:
            failure = self._session.failure or Unreachable("the box is not logged in to VALT yet")
            raise type(failure)(str(failure))
        way = self._transport.apart()
        try:
            client = Client(way)
            client.token = token
            users = client.users()
            return [User(user.id, user.name, user.card_number, _NOTHING) for user in users]
        except Unauthorized:
            age_s = self._session.logged_in_for_s()
            is_fresh = age_s is not None and age_s < FRESH_S
            raise TokenRefused(NO_RIGHT if is_fresh else NOT_NOW) from None
        finally:
            way.close()

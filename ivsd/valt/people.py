"""Whom VALT knows: the list of its users, for who sets up badges (valt-api 5.12).

It is asked for with the token of the presses, but over a connection of its own and without a
log-in: a long list, or a server that refuses it to this account with a 401, holds up no press.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ivsd.valt.client import Client
from ivsd.valt.errors import TokenRefused, Unauthorized, Unreachable, ValtError
from ivsd.valt.model import User
from ivsd.valt.session import NO_RIGHT, Session
from ivsd.valt.transport import HttpTransport

GOOD_FOR_S = 10.0
"""A page asks several times in a row; who has changed somebody in VALT needs longer than this."""


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
                try:
                    self._users, self._problem = self._ask(), None
                except ValtError as e:
                    # Without its traceback, which would keep the caller's objects alive.
                    self._users, self._problem = [], type(e)(str(e))
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
            return [replace(user, as_sent={}) for user in client.users()]
        except Unauthorized:
            raise TokenRefused(NO_RIGHT) from None
        finally:
            way.close()

"""Who is logged in: signed cookies, and what ends them.

Whether a session still stands is asked of the password's file and of the log-outs at each request.
What was typed in a session and must not be on a disk goes with it, see `typed`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

from ivsd.web.access.accounts import Accounts
from ivsd.web.access.ended import Ended
from ivsd.web.access.forged import csrf_token
from ivsd.web.typed import Typed

SESSION_S = 12 * 3600.0
EXTENSION = "ivsd.sessions"
"""Where an application keeps its `Sessions`."""


class Cookies(SecureCookieSessionInterface):
    """Flask's cookies, but a jump of the time of day does not end them: `Sessions` knows their age.

    A box without a battery for its clock begins in the past, and jumps while it is set up.
    """

    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        signed = self.get_signing_serializer(app)
        assert signed is not None  # `access.install` has set the key
        try:
            found = signed.loads(request.cookies.get(self.get_cookie_name(app), ""))
        except BadSignature:
            return self.session_class()
        return self.session_class(found)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class Sessions:
    """Knows who is logged in: by id, age, the password's epoch, and the log-outs."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.typed = Typed(accounts.clock)
        self._stores = [self.typed]
        self._ended = Ended(accounts.folder / "ended.json", accounts.now())

    def begin(self, epoch: str) -> None:
        """Log this browser in, under a new id, with the password of that epoch."""
        self.end()
        session.update(
            id=secrets.token_urlsafe(24),
            epoch=f"{epoch}.{self._ended.generation}",
            at=self.accounts.now(),
        )
        g.logged_in = True

    def end(self) -> None:
        """Log this browser out; who has kept its cookie cannot use it."""
        if self.stands(session):
            for store in self._stores:
                for key in (session["id"], csrf_token()):
                    store.drop(key)
            now = self.accounts.now()
            self._ended.add(session["id"], now, now - SESSION_S)
        session.clear()
        g.logged_in = False

    def look_after(self, store: Typed) -> None:
        """When a session ends, drop what this one keeps for its id or its token."""
        if store not in self._stores:
            self._stores.append(store)

    def drop_all(self) -> None:
        """Forget what was typed in all sessions: another password ends them."""
        for store in self._stores:
            store.drop_all()

    def stands(self, held: Mapping[str, Any]) -> bool:
        """Whether this is what a session that is logged in holds."""
        id_, at, epoch = held.get("id"), held.get("at"), self.accounts.epoch
        if not isinstance(id_, str) or not isinstance(at, float | int) or epoch is None:
            return False
        return (
            held.get("epoch") == f"{epoch}.{self._ended.generation}"
            and 0.0 <= self.accounts.now() - at < SESSION_S
            and id_ not in self._ended
        )


def of_this_app() -> Sessions | None:
    """Return those of the application at hand; None in the demo, where nobody logs in."""
    found = current_app.extensions.get(EXTENSION)
    return found if isinstance(found, Sessions) else None


def drop_at_log_out(store: Typed) -> None:
    """Have what is kept in this store go with the session that it belongs to."""
    if (sessions := of_this_app()) is not None:
        sessions.look_after(store)


def still_logged_in() -> Callable[[], bool]:
    """Return a question that can be asked after the request has ended: event streams go on."""
    sessions, held = of_this_app(), dict(session)
    return lambda: sessions is None or sessions.stands(held)


def address() -> str:
    """Return who sends the request at hand."""
    return request.remote_addr or ""

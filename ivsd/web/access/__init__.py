"""Who gets past the door of the pages; what stands behind it needs to know only this module.

`forged` refuses what no page of this box has sent, `sessions` knows who is logged in, `login` lets
people in and out, and `first` is all there is on a box without a password.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, abort, g, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from ivsd.web.access.first import add_first
from ivsd.web.access.forged import (
    csrf_field,
    csrf_token,
    only_looks,
    refuse,
    refuse_other_sites,
    refuse_without_token,
)
from ivsd.web.access.login import add_log_in, confirm_password, log_in_for, password_problem
from ivsd.web.access.sessions import EXTENSION, Cookies, Sessions, still_logged_in

if TYPE_CHECKING:
    from ivsd.web.site import Site

__all__ = [
    "confirm_password",
    "csrf_field",
    "csrf_token",
    "install",
    "password_problem",
    "still_logged_in",
]

LONGEST_FORM = 16384  # bytes, of somebody who is not logged in
FIRST = ("access.first", "access.first_press", "access.first_code")


def install(app: Flask, site: Site) -> None:
    """Guard every page of the application; in the demo (no accounts) only against forged requests.

    Templates get `csrf_field()` and `logged_in`.
    """
    accounts = site.accounts
    app.secret_key = accounts.session_key if accounts else secrets.token_bytes(32)
    app.config.update(
        SESSION_COOKIE_NAME="ivsd",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PATH="/",
    )
    app.session_interface = Cookies()
    app.jinja_env.globals["csrf_field"] = csrf_field
    app.context_processor(lambda: {"logged_in": bool(g.get("logged_in"))})
    app.before_request(refuse_other_sites)
    if accounts is not None:
        sessions = app.extensions[EXTENSION] = Sessions(accounts)
        app.before_request(lambda: _guard(sessions))
        pages = Blueprint("access", __name__)
        add_log_in(pages, sessions)
        add_first(pages, sessions, site)
        app.register_blueprint(pages)
    app.before_request(refuse_without_token)  # last, for it reads the body


def _guard(sessions: Sessions) -> AnyResponse | None:
    """Let nobody in who is not logged in, and nobody at all before there is a password."""
    if request.endpoint == "static" or request.path == "/health":
        return None
    g.logged_in = sessions.stands(session)
    if g.logged_in:
        return None
    if (request.content_length or 0) > LONGEST_FORM:
        abort(413)
    if request.endpoint in FIRST:  # once there is a password it says so
        return None
    if not sessions.accounts.has_password:
        if only_looks():
            return redirect("/first", 303)
        refuse("This box has no password yet. Nothing was done.", "/first", "To the set-up")
    if request.endpoint == "access.login":
        return None
    if request.accept_mimetypes.best == "text/event-stream":
        abort(401)  # a script asks, which shows nobody a log-in
    if only_looks():
        return redirect(log_in_for(request.full_path.rstrip("?")), 303)
    refuse("You are not logged in, or no longer. Nothing was done.", "/login", "To the log-in")

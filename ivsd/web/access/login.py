"""Log-in, log-out, another password, and the password asked for once more."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from urllib.parse import quote

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from ivsd.web.access.backoff import wait_of, why_not
from ivsd.web.access.sessions import Sessions, address, of_this_app

LONGEST_NEXT = 500

log = logging.getLogger("ivsd.web")


def confirm_password(text: str) -> bool:
    """Whether this is the password, for pages that ask for it again; True in the demo.

    If not, `password_problem()` says why, for the rest of that request.
    """
    sessions = of_this_app()
    if sessions is None or sessions.accounts.verify(text, address()):
        return True
    g.password_problem = why_not(sessions.accounts.wait_s(address()), "password")
    return False


def password_problem() -> str:
    """Say in words why the password was not taken; "" if it was."""
    return str(g.get("password_problem", ""))


def local(wish: str) -> str:
    """Return a path of this box to go on with: never another site, whatever was asked for.

    Browsers take a backslash for a slash and drop line breaks and tabs.
    """
    fine = len(wish) <= LONGEST_NEXT and re.fullmatch(r"/(?!/)[!-\[\]-~]*|/", wish)
    return wish if fine else "/"


def log_in_for(wish: str) -> str:
    """Return the address of the log-in that leads on to this path."""
    wish = local(wish)
    return "/login" if wish == "/" else f"/login?next={quote(wish)}"


def add_log_in(pages: Blueprint, sessions: Sessions) -> None:
    """Add `/login`, `/logout` and `/password`."""
    accounts = sessions.accounts

    def page(code: int, next_: str, problem: str = "", wait_s: float = 0.0) -> Response:
        text = render_template(
            "login.html",
            next=next_,
            problem=problem,
            wait=wait_of(wait_s),
            broken=accounts.problem,
        )
        later = {"Retry-After": str(math.ceil(wait_s))} if wait_s > 0.0 else {}
        return make_response(text, code, later)

    @pages.route("/login", methods=["GET", "POST"])
    def login() -> AnyResponse:
        next_ = local(request.values.get("next", "/"))
        if g.logged_in and request.method != "POST":
            return redirect(next_, 303)
        if accounts.problem:
            return page(503, next_)
        if request.method != "POST":
            return page(200, next_)
        epoch = accounts.opened(request.form.get("password", ""), address())
        if epoch is None:
            wait_s = accounts.wait_s(address())
            return page(429 if wait_s else 403, next_, why_not(wait_s, "password"), wait_s)
        sessions.begin(epoch)
        log.info("logged in from %s", address())
        return redirect(next_, 303)

    @pages.post("/logout")
    def logout() -> AnyResponse:
        sessions.end()
        return redirect("/login", 303)

    @pages.post("/password")
    def password() -> AnyResponse:
        problem = _change(sessions, request.form)
        if problem:
            flash(f"{problem} Nothing was changed.", "failed")
        else:
            flash("The password was changed. All other browsers are logged out.", "done")
        return redirect("/system", 303)


def _change(sessions: Sessions, form: Mapping[str, str]) -> str:
    """Change the password as this form wants it, or say why not."""
    new = form.get("new", "")
    if new != form.get("again", ""):
        return "The two new passwords are not the same."
    if not confirm_password(form.get("old", "")):
        return password_problem()
    try:
        epoch = sessions.accounts.set_password(new)
    except ValueError as e:
        return str(e)
    except OSError as e:
        return f"The password cannot be saved ({e.strerror})."
    sessions.drop_all()
    sessions.begin(epoch)
    return ""

"""The first set-up: somebody proves to stand at the box, and sets the first password.

A button or badge proves it on a box that has no room yet. On one that is in use its users press
every day, so a stranger in the network would only have to wait for a press, and would take it away
from the room: there only the code counts that root reads at the console.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

from ivsd.appliance.control_client import ControlError
from ivsd.web.access.accounts import SHORTEST, AlreadySet
from ivsd.web.access.backoff import Backoff, wait_of, why_not
from ivsd.web.access.sessions import Sessions, address
from ivsd.web.unanswered import NOT_LEARNT

if TYPE_CHECKING:
    from ivsd.web.live import Live
    from ivsd.web.site import Site

PROVEN_S = 600.0  # decision 34
MOST_PROVEN = 16

log = logging.getLogger("ivsd.web")


class Proofs:
    """Knows which browsers belong to somebody who stands at the box, for ten minutes each."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def give(self) -> None:
        """Prove this browser: by an id that no other one has seen before."""
        session.clear()
        session["proof"] = id_ = secrets.token_urlsafe(24)
        with self._lock:
            self._until[id_] = self._clock() + PROVEN_S
            if len(self._until) > MOST_PROVEN:
                self._until.popitem(last=False)

    def stands(self) -> bool:
        """Whether this browser is proven."""
        with self._lock:
            return self._clock() < self._until.get(str(session.get("proof")), float("-inf"))

    def end(self) -> None:
        """Forget them all."""
        with self._lock:
            self._until.clear()


def why_no_press(live: Live) -> str:
    """Say why a press at the box proves nothing now, "" while it does."""
    found = live.status()
    if isinstance(found, ControlError):
        return (
            "ivsd, the program of this box, does not answer, so it would not notice a press. Read "
            "this page anew in a minute, or use the code from the box."
        )
    if found.room.configured:
        return (
            "This box is in use already, so a press there is no proof: everybody in its room "
            "presses there. Use the code from the box."
        )
    return ""


def add_first(pages: Blueprint, sessions: Sessions, site: Site) -> None:
    """Add `/first`, `/first/press` and `/first/code`."""
    accounts = sessions.accounts
    proofs = Proofs(accounts.clock)
    presses = Backoff(accounts.clock)  # while one is waited for, nobody else can prove anything

    def page(
        code: int = 200, *, refused: str = "", wait_s: float = 0.0, **problems: str
    ) -> Response:
        taken, proven = accounts.has_password, proofs.stands()
        text = render_template(
            "first.html",
            taken=taken,
            proven=proven,
            no_press=refused or ("" if taken or proven else why_no_press(site.live)),
            refused=refused,
            code_path=accounts.code.path,
            shortest=SHORTEST,
            wait=wait_of(wait_s),
            **problems,
        )
        return make_response(text, code)

    @pages.route("/first", methods=["GET", "POST"])
    def first() -> AnyResponse:
        if request.method != "POST":
            accounts.code.prepare()
            return redirect("/", 303) if accounts.has_password else page()
        proven = proofs.stands()  # asked first: they end after there is a password
        if accounts.has_password:
            return page(409)
        if not proven:
            return page(403, lapsed="yes")
        new = request.form.get("new", "")
        if new != request.form.get("again", ""):
            return page(400, problem="The two are not the same.")
        try:
            epoch = accounts.set_first_password(new)
        except AlreadySet:
            return page(409)
        except ValueError as e:
            return page(400, problem=str(e))
        except OSError as e:
            return page(503, problem=f"The password cannot be saved ({e.strerror}).")
        proofs.end()
        sessions.begin(epoch)
        log.info("the first password was set from %s", address())
        return redirect("/", 303)

    @pages.post("/first/press")
    def first_press() -> AnyResponse:
        if accounts.has_password:
            return page(409)
        if refused := why_no_press(site.live):
            return page(403, refused=refused)
        if not presses.begin(address()):
            wait_s = presses.wait_s(address())
            problem = f"Nothing came, too often. Try again in {math.ceil(wait_s)} s."
            return page(429, press_problem=problem, wait_s=wait_s)
        log.info("%s asks for a press at the box, to set the first password", address())
        try:
            site.ask("learn")
        except ControlError as e:
            return page(503, press_problem=NOT_LEARNT.get(e.code, str(e)))
        if refused := why_no_press(site.live):  # a room was set up meanwhile: it was meant for that
            return page(403, refused=refused)
        presses.right(address())
        proofs.give()
        log.info("a press at the box has proven %s", address())
        return redirect("/first", 303)

    @pages.post("/first/code")
    def first_code() -> AnyResponse:
        if accounts.has_password:
            return page(409)
        if not accounts.code.use(request.form.get("code", ""), address()):
            wait_s = accounts.code.wait_s(address())
            problem = f"{why_not(wait_s, 'code')} After five wrong ones there is a new one."
            return page(429 if wait_s else 403, code_problem=problem, wait_s=wait_s)
        proofs.give()
        log.info("the set-up code has proven %s", address())
        return redirect("/first", 303)

"""The badges page: whose badge is whose, and giving a badge to somebody.

The daemon alone knows the numbers and writes the table; the page gets their last places and a key
for each. A badge is swiped either by itself (then the daemon holds it as the last unknown one), or
when the page waits for it: `learn` tells its number, and `badges_waiting` keeps it. Import and
export are in `badges_file`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request

from ivsd.appliance.control_client import ControlError
from ivsd.web.badges.file import add_file, counted
from ivsd.web.badges.shown import (
    GONE,
    LABELS,
    MOST_ROWS,
    NOTHING,
    Form,
    Problem,
    Shown,
    Told,
    masked,
    wrong_in,
)
from ivsd.web.badges.waiting import LAPSED, NO_BADGE, Swiped, Waiting, last_unknown
from ivsd.web.unanswered import NOT_LEARNT, away

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from ivsd.web.site import Site

CODES = {"wrong": 422, "no_daemon": 503, "no_answer": 503}
LONGEST_NUMBER = 200  # characters; that it is too long for a badge the daemon says

log = logging.getLogger("ivsd.web")


# -- the routes -----------------------------------------------------------------------------------


def pages(site: Site) -> Blueprint:
    """Build the page and what its buttons do."""
    pages = Blueprint("badges", __name__)
    swiped = Swiped(site.accounts.clock if site.accounts else time.monotonic)

    def draw(template: str, code: int, told: Told, **more: Any) -> Response:
        shown = Shown.of(told, time.time(), request.args.get("text", ""))
        return make_response(
            render_template(
                template,
                shown=shown,
                told=told,
                labels=LABELS,
                problems=more.pop("problems", ()),
                is_demo=site.demo is not None,
                counted=counted,
                most_rows=MOST_ROWS,
                **more,
            ),
            code,
        )

    def show(code: int = 200, told: Told | None = None, **more: Any) -> Response:
        """Draw the whole page; if nothing else is said, the last unknown badge waits there."""
        told = site.ask("cards") if told is None else told
        wanted = {"waits": last_unknown(told), "form": Form(), **more}
        return draw("badges.html", code, told, **wanted)

    @pages.before_request
    def do_without() -> None:
        """Change nothing in the demo, and find out soon if ivsd hangs: a table may take long."""
        if request.method == "POST" and site.demo is not None:
            abort(404)
        if request.method != "POST" and isinstance(found := site.live.status(), ControlError):
            raise found

    @pages.errorhandler(ControlError)
    def cannot_be_asked(error: ControlError) -> Response:
        """Show what stands in place of the page."""
        if error.code == "wrong_file":
            return make_response(render_template("badges.html", broken=str(error)), 409)
        if isinstance(site.live.status(), ControlError):
            return make_response(away(error))
        # Else the page that waits until ivsd is there would be read again and again.
        return make_response(render_template("badges.html", unasked=str(error)), 503)

    def told_after(error: ControlError) -> tuple[Told, int]:
        """Read the table again after a no, and choose the code of the answer."""
        code = CODES.get(error.code, 409)
        try:
            return site.ask("cards"), code
        except ControlError as e:
            if e.code == "wrong_file":
                raise
            # Nothing that was typed is lost because ivsd is away.
            return {**NOTHING, "revision": request.form.get("revision", "")}, code

    # -- looking ------------------------------------------------------------------------------

    @pages.get("/badges")
    def badges() -> Response:
        held = request.args.get("held", "")
        number, reader = swiped.find(held)
        if held and not number:
            return show(problems=[Problem(LAPSED, "number")])
        return show(waits=Waiting(masked(number), reader, held=held)) if number else show()

    @pages.get("/badges/<any(swipe, enrol, import, 'import-now', export):step>")
    def again(step: str) -> Response:
        """Lead back who reads an answer again, or had to log in meanwhile."""
        return redirect("/badges", 303)

    # -- a new badge --------------------------------------------------------------------------

    @pages.post("/badges/swipe")
    def swipe() -> Response:
        try:
            came = site.ask("learn")
        except ControlError as e:
            if e.code not in NOT_LEARNT:
                raise
            flash(NOT_LEARNT[e.code], "bad")
            return redirect("/badges#new", 303)
        if came["kind"] != "badge" or not came["number"]:
            what = "the button" if came["kind"] == "button" else "a PIN at"
            flash(f"That was {what} “{came['name']}”, no badge. It has done nothing else.", "bad")
            return redirect("/badges#new", 303)
        waits = swiped.keep(came["number"], came["name"])
        return redirect(f"/badges?{urlencode({'held': waits.held})}#new", 303)

    @pages.post("/badges/enrol")
    def enrol() -> Response:
        sent, form = request.form, Form.of(request.form)
        typed = sent.get("number", "").strip()[:LONGEST_NUMBER]
        held, badge, reader = sent.get("held", ""), sent.get("badge", ""), ""
        number = typed
        if not typed and held:
            number, reader = swiped.find(held)
        if not number and held:  # what was typed belongs to no other badge
            return show(422, form=form, waits=None, problems=[Problem(LAPSED, "number")])
        if not number and not badge:
            return show(422, form=form, problems=[Problem(NO_BADGE, "number")])
        try:
            site.ask(
                "enrol",
                badge="" if number else badge,
                number=number or None,
                # It was said of the badge that was shown, not of one that is typed now.
                sure="yes" if sent.get("sure") == "yes" and not typed else "no",
                revision=sent.get("revision", ""),
                **form.fields,
            )
        except ControlError as e:
            return not_enrolled(e, form, badge, typed, number, reader)
        swiped.drop()
        log.info("badge added by page")
        flash(f"The badge was added{f': {form.name}' if form.name else ''}.", "done")
        return redirect("/badges", 303)

    def not_enrolled(
        error: ControlError, form: Form, badge: str, typed: str, number: str, reader: str
    ) -> Response:
        told, code = told_after(error)
        problems = wrong_in(error)
        # What was typed must not come to stand beside another badge than it was typed for.
        waits = last_unknown(told)
        if typed and any(one.field == "number" for one in problems):
            waits = None
        elif number:
            waits = swiped.keep(number, reader)
        elif code == 503 or error.code == "taken":
            waits = Waiting("…", badge=badge)
        elif waits is None or waits.badge != badge:
            form = Form()
        return show(
            code,
            told,
            form=form,
            waits=waits,
            problems=problems,
            refusal=None if problems else error,
        )

    # -- one of the table ---------------------------------------------------------------------

    def find(told: Told) -> Told | None:
        return Shown(told, 0.0).card(request.values.get("card", ""))

    def has_gone() -> Response:
        flash(GONE, "bad")
        return redirect("/badges", 303)

    def show_card(
        told: Told, card: Told, *, code: int = 200, form: Form | None = None, **more: Any
    ) -> Response:
        template = f"badge_{'change' if request.path.endswith('change') else 'take_away'}.html"
        return draw(template, code, told, card=card, form=form or Form.of_card(card), **more)

    @pages.get("/badges/<any(change, 'take-away'):step>")
    def card(step: str) -> Response:
        told = site.ask("cards")
        found = find(told) if site.demo is None else None
        return has_gone() if found is None else show_card(told, found)

    @pages.post("/badges/change")
    def change() -> Response:
        return alter("change-card", "changed", Form.of(request.form))

    @pages.post("/badges/take-away")
    def take_away() -> Response:
        return alter("forget-card", "taken away", None)

    def alter(op: str, done: str, form: Form | None) -> Response:
        sent = request.form
        try:
            site.ask(
                op,
                card=sent.get("card", ""),
                revision=sent.get("revision", ""),
                **(form.fields if form else {}),
            )
        except ControlError as e:
            return not_altered(e, form)
        log.info("badge %s by page", done)
        flash(f"The badge was {done}.", "done")
        return redirect("/badges", 303)

    def not_altered(error: ControlError, form: Form | None) -> Response:
        told, code = told_after(error)
        problems = wrong_in(error)
        found = find(told)
        if found is None and code != 503:
            return has_gone()
        return show_card(
            told,
            found or {"key": request.form.get("card", ""), "number": "…", "is_simple": True},
            code=code,
            form=form or Form(),
            problems=problems,
            refusal=None if problems else error,
        )

    add_file(pages, site, show, told_after)
    return pages

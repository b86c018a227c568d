"""The page of devices: new buttons, keys and readers by pressing them, lamps by looking at them.

Every step is a form and its answer is the whole page, so it works without a script. What was
found and what would be saved travel in hidden fields: nothing in them is secret, and the daemon
checks all of it again (`ivsd.set_up.wiring`), in the words of `ivsd check`.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request

from ivsd.appliance.control_client import ControlError
from ivsd.web.set_up_words import ACTIONS
from ivsd.web.unanswered import NOT_LEARNT, away
from ivsd.web.wired import (
    LABELS,
    ROLES,
    LampRow,
    added,
    found_in,
    inputs_of,
    kept_in,
    lamps_of,
    order_from,
    seen_in,
    swapped,
)

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from ivsd.web.site import Site

CHANGED = "The file has been read anew meanwhile. Choose it once more."
GONE = "The file names no lamp of this name any more."
_AGAIN = ("find", "add", "remove", "light", "seen", "swap", "save")
_CODES = {"bad_args": 400, "wrong": 422, "no_daemon": 503, "no_answer": 503}

log = logging.getLogger("ivsd.web")


def pages(site: Site) -> Blueprint:
    """Build the page and what its buttons do."""
    pages = Blueprint("wiring", __name__, url_prefix="/set-up/devices")

    def show(code: int = 200, **more: Any) -> Response:
        """Draw the page with the file as it is now."""
        config, status = site.ask("config"), site.live.status()
        if isinstance(status, ControlError):
            raise status
        values = config["values"]
        text = render_template(
            "wiring.html",
            inputs=inputs_of(values, status),
            lamps=lamps_of(values, status),
            controls=list(values.get("controls") or {}),
            file=config["file"],
            revision=config["revision"],
            faults=status.config.problems,
            actions=ACTIONS,
            roles=ROLES,
            labels=LABELS,
            form=request.form,
            **more,
        )
        return make_response(text, code)

    def preview(changes: dict[str, Any], **more: Any) -> Response:
        """Show what a save would change, or what is wrong with it."""
        revision = request.form.get("revision", "")
        try:
            told = site.ask("wire-preview", changes=changes, revision=revision)
        except ControlError as e:
            if e.code == "wrong_file":
                raise
            text = CHANGED if e.code == "changed" else f"This cannot be done: {e}."
            return show(_CODES.get(e.code, 409), refusal=text, **more)
        if told["problems"]:
            return show(422, problems=told["problems"], **more)
        return show(told=told, changes=json.dumps(changes), **more)

    def lamp_meant() -> tuple[LampRow, list[LampRow]]:
        """Return the lamp that a form is about, and all; it may be gone from the file meanwhile."""
        config, status = site.ask("config"), site.live.status()
        if isinstance(status, ControlError):
            raise status
        lamps, name = lamps_of(config["values"], status), request.form.get("lamp", "")
        lamp = next((one for one in lamps if one.name == name), None)
        if lamp is None:
            abort(show(409, refusal=GONE))
        return lamp, lamps

    @pages.before_request
    def only_on_a_real_box() -> Any:
        if site.demo is None:
            return None
        if request.method != "POST":
            return make_response(render_template("wiring.html", is_demo=True))
        return abort(404)

    @pages.errorhandler(ControlError)
    def cannot_be_asked(error: ControlError) -> Response:
        """Show what stands in place of the page."""
        if error.code == "wrong_file":
            return make_response(render_template("wiring.html", broken=str(error)), 409)
        if error.code in ("no_daemon", "no_answer", "no_permission", "bad_answer"):
            return make_response(away(error))
        try:
            return show(_CODES.get(error.code, 409), refusal=str(error))
        except ControlError:  # what it says no to may be to tell what is in the file
            return make_response(away(error))

    @pages.get("")
    def devices() -> Response:
        return show()

    @pages.get(f"/<any({', '.join(_AGAIN)}):step>")
    def again(step: str) -> Response:
        """Lead back who reads an answer again, or had to log in meanwhile."""
        return redirect("/set-up/devices", 303)

    # -- buttons, keys, readers ---------------------------------------------------------------

    @pages.post("/find")
    def find() -> Response:
        try:
            found = site.ask("find")
        except ControlError as e:
            if e.code not in (*NOT_LEARNT, "changed"):
                raise
            return show(missed=NOT_LEARNT.get(e.code, CHANGED))
        return show(found=found, found_text=json.dumps(found))

    @pages.post("/add")
    def add() -> Response:
        found = found_in(request.form)
        if found is None:
            return show(400, refusal="It is not known any more what was found. Find it again.")
        return preview(added(found, request.form), found=found, found_text=json.dumps(found))

    @pages.post("/remove")
    def remove() -> Response:
        return preview({"remove": request.form.get("key", "")}, is_removal=True)

    @pages.post("/save")
    def save() -> Response:
        changes = kept_in(request.form, "changes")
        if changes is None:
            return show(400, refusal="It is not known any more what was to be saved.")
        revision = request.form.get("revision", "")
        try:
            site.ask("wire", changes=changes, revision=revision)
        except ControlError as e:
            if e.code == "changed":
                return show(409, refusal=CHANGED)
            raise
        log.info("devices set up by page")
        flash("Saved. The box uses it from now on: try it.", "done")
        return redirect("/set-up/devices", 303)

    # -- lamps --------------------------------------------------------------------------------

    @pages.post("/light")
    def light() -> Response:
        (lamp, _), colour = lamp_meant(), request.form.get("colour", "")
        site.ask("blink", lamp=lamp.name, colour=colour)
        return show(lit=(lamp.name, colour))

    @pages.post("/seen")
    def seen() -> Response:
        lamp, _ = lamp_meant()
        said = list(seen_in(lamp, request.form))
        if said == list(lamp.colours):
            return show(lamp_said=(lamp.name, "right"))
        order = order_from(lamp.colours, said)
        if order is None:
            return show(lamp_said=(lamp.name, "unclear" if "" in said else "impossible"))
        return preview({"lamps": {lamp.name: {"order": order}}})

    @pages.post("/swap")
    def swap() -> Response:
        (lamp, lamps), shows = lamp_meant(), request.form.get("shows", "")
        if shows == lamp.shows:
            return show(lamp_said=(lamp.name, "right"))
        return preview(swapped(lamps, lamp, shows))

    return pages

"""The set-up page: server, room, recording and buttons, tried and looked at before they are saved.

One form, and every answer is the whole page again with what was typed: it works without a script.
Only the password is never sent back: `recall` finds it. The daemon alone knows what is right and
writes the file (`ivsd.set_up.fields`); what it says is shown in its own words.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request

from ivsd.appliance import status_words as words
from ivsd.appliance.control_client import ControlError
from ivsd.web.draft import LABELS, Draft, Problem, Rooms, colons, placed, rooms_of
from ivsd.web.recall import LAPSED, forget, look_for, recall
from ivsd.web.set_up_words import ACTIONS, STEPS, STOPS
from ivsd.web.unanswered import NOT_LEARNT, away

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from ivsd.web.site import Site

_CODES = {"wrong": 422, "password_needed": 422, "no_daemon": 503, "no_answer": 503}
_STEPS_OF_FORM = ("test", "preview", "save", "trust", "which")

LOOK_AGAIN_S = 1.1  # a status may be a second old
LOOKS = 3

log = logging.getLogger("ivsd.web")


# -- the routes -----------------------------------------------------------------------------------


def pages(site: Site) -> Blueprint:
    """Build the page and what its buttons do."""
    pages = Blueprint("set_up", __name__)
    seen = Rooms()

    def sent() -> Draft:
        """Read the file and the form; without a daemon, the form alone."""
        if site.demo is not None:
            abort(404)
        try:
            draft = Draft(site.ask("config"), request.form)
        except ControlError as e:
            raise _Unread(e) from None
        recall(draft)
        return draft

    def show(
        draft: Draft, code: int = 200, *, problems: Sequence[Problem] = (), **more: Any
    ) -> Response:
        known = (seen.url, seen.username) == (draft.text["valt.url"], draft.text["valt.username"])
        found = site.live.status()
        status = None if isinstance(found, ControlError) else found
        if draft.has_lapsed:
            problems = [*problems, Problem("Password", LAPSED, "password")]
        text = render_template(
            "set_up.html",
            draft=draft,
            rooms=seen.choices(draft.text["room"], draft.now["room"])
            if known and seen.rooms
            else None,
            status=status,
            where={control.name: control.where for control in status.controls} if status else {},
            problems=problems,
            actions=ACTIONS,
            stops=STOPS,
            steps=STEPS,
            colons=colons,
            labels=LABELS,
            **more,
        )
        return make_response(text, code)

    def preview(draft: Draft) -> dict[str, Any]:
        told = site.ask("preview", edits=draft.edits)
        draft.needs_password = told["needs_password"]
        return told

    def refused(draft: Draft, error: ControlError) -> Response:
        """Show the page with what the daemon says no to."""
        if error.code == "wrong_file":
            raise error
        try:
            told = preview(draft)
        except ControlError:  # it has gone meanwhile
            told = {"problems": [], "changes": []}
        problems = placed(draft, told["problems"]) if error.code == "wrong" else []
        if error.code == "password_needed":
            draft.needs_password = True
            problems = [Problem("Password", str(error), "password")]
        if error.code == "changed":
            draft.has_changed = True
        return show(
            draft,
            _CODES.get(error.code, 409),
            problems=problems,
            refusal=None if problems else error,
            changes=told["changes"] if error.code == "changed" else None,
        )

    @pages.errorhandler(ControlError)
    def cannot_be_asked(error: ControlError) -> Response:
        """Show what stands in place of the form."""
        if error.code == "wrong_file":
            return make_response(render_template("set_up.html", broken=str(error)), 409)
        return make_response(away(error))

    @pages.errorhandler(_Unread)
    def only_what_was_typed(unread: _Unread) -> Response:
        """Show the form as it was sent: nothing that was typed is lost because ivsd is away."""
        if unread.error.code == "wrong_file":
            return cannot_be_asked(unread.error)
        draft = Draft.unread(request.form)
        recall(draft)
        return show(draft, 503, refusal=unread.error)

    @pages.get("/set-up")
    def set_up() -> Response:
        if site.demo is not None:
            return make_response(render_template("set_up.html", is_demo=True))
        found = site.live.status()
        if isinstance(found, ControlError):
            return cannot_be_asked(found)
        config = site.ask("config")
        draft = Draft(config, {})
        look_for(draft)
        problems = placed(draft, config["problems"])
        if draft.is_new:  # nobody has done anything wrong yet
            problems = [one for one in problems if one.field not in ("valt.url", "room")]
        return show(draft, problems=problems, is_first=not found.room.configured)

    @pages.get(f"/set-up/<any({', '.join(_STEPS_OF_FORM)}):step>")
    def again(step: str) -> Response:
        """Lead back who reads an answer again, or had to log in meanwhile."""
        return redirect("/set-up", 303)

    @pages.post("/set-up/test")
    def test() -> Response:
        nonlocal seen
        draft = sent()
        if draft.has_lapsed:
            return show(draft, 422)
        try:
            preview(draft)
            told = site.ask("test-connection", edits=draft.edits, password=draft.password)
        except ControlError as e:
            return refused(draft, e)
        findings, typed_room = told["findings"], draft.text["room"]
        if any(step["step"] == "log_in" and step["ok"] is False for step in findings):
            draft.was_refused = draft.password is not None
            forget(draft)  # else the wrong one would be saved
        if (found := rooms_of(findings)) is not None:
            rooms = tuple((room["id"], room["name"]) for room in found["rooms"])
            seen = Rooms(draft.text["valt.url"], draft.text["valt.username"], rooms)
            names = [room["name"].casefold() for room in found["near"]]
            if not found["chosen"] and names and names.count(names[0]) == 1:
                draft.text["room"] = seen.text(found["near"][0]["id"], found["near"][0]["name"])
        return show(draft, findings=findings, typed_room=typed_room)

    @pages.post("/set-up/trust")
    def trust() -> Response:
        """Put the fingerprint of the last test into its field."""
        draft = sent()
        draft.trust(request.form.get("shown_pin", ""))
        forget(draft)
        try:
            told = preview(draft)
        except ControlError as e:
            return refused(draft, e)
        problems = [one for one in placed(draft, told["problems"]) if one.field == "valt.verify"]
        return show(draft, 422 if problems else 200, problems=problems, is_trusted=not problems)

    @pages.post("/set-up/preview")
    def see() -> Response:
        draft = sent()
        try:
            told = preview(draft)
        except ControlError as e:
            return refused(draft, e)
        problems = placed(draft, told["problems"])
        return show(draft, problems=problems, changes=told["changes"], diff=told["diff"])

    @pages.post("/set-up/save")
    def save() -> Response:
        draft = sent()
        if draft.has_lapsed:
            return show(draft, 422)
        revision = request.form.get("revision", "")
        try:
            site.ask("save", edits=draft.edits, password=draft.password, revision=revision)
        except ControlError as e:
            return refused(draft, e)
        forget(draft)
        log.info("set up by page")
        flash(f"Saved. {link_now()}", "done")
        return redirect("/set-up", 303)

    def link_now() -> str:
        """Say how the link is, as soon as that is known."""
        found = site.live.status()
        for _ in range(LOOKS):
            time.sleep(LOOK_AGAIN_S)
            found = site.live.status()
            if not isinstance(found, ControlError) and (
                found.link.up or found.link.fault not in ("", "starting")
            ):
                break
        if isinstance(found, ControlError):
            return f"How the link is now cannot be told: {found}"
        if found.config.problems:
            return f"It is not in use: {found.config.problems[0]}"
        return f"The link to the server: {words.link_state(found)}."

    @pages.post("/set-up/which")
    def which() -> Response:
        draft = sent()
        pressed, missed = None, ""
        try:
            preview(draft)
            pressed = site.ask("learn")
        except ControlError as e:
            if e.code not in NOT_LEARNT:
                return refused(draft, e)
            missed = NOT_LEARNT[e.code]
        return show(draft, pressed=pressed, missed=missed)

    return pages


class _Unread(Exception):
    """What the file says could not be asked, and something was typed."""

    def __init__(self, error: ControlError) -> None:
        super().__init__(str(error))
        self.error = error

"""The log: how presses, badges and PINs ended, what is wrong now, and all of it for support."""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
)
from jinja2 import Environment
from werkzeug.datastructures import MultiDict

from ivsd.appliance import status_words as words
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import OutcomeStatus, Status
from ivsd.web.unanswered import away

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from ivsd.web.site import Site

KINDS = {
    "": "everything",
    "fault": "what is wrong now",
    "done": "done",
    "failed": "failed",
    "ignored": "ignored",
}
LONGEST_TEXT = 100
LONGEST_LACKING = 400

BUNDLE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\.tar\.gz")
CAME, CAME_FOR_S = "ivsd-bundle", 60
"""A cookie by which the script of the page knows that the download has come (waits.js)."""

log = logging.getLogger("ivsd.web")


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for."""

    kind: str
    """One of KINDS."""
    text: str

    @classmethod
    def of(cls, args: MultiDict[str, str]) -> Wanted:
        """Read it from an address; what is no kind means everything."""
        kind = args.get("result", "")
        text = args.get("text", "").strip()[:LONGEST_TEXT]
        return cls(kind if kind in KINDS else "", text)

    @property
    def events(self) -> str:
        """Return the address of its news."""
        return "/events?" + urlencode({"page": "log", "result": self.kind, "text": self.text})

    def faults(self, status: Status) -> list[str]:
        """List what is wrong now, as far as it is wanted."""
        if self.kind not in ("", "fault"):
            return []
        return [fault for fault in words.wrong(status) if self._has_text(fault)]

    def outcomes(self, status: Status) -> list[OutcomeStatus]:
        """List the last outcomes that are wanted, the newest first."""
        return [
            outcome
            for outcome in status.outcomes
            if self.kind in ("", outcome.result) and self._has_text(words.outcome_line(outcome))
        ]

    def _has_text(self, line: str) -> bool:
        return self.text.casefold() in line.casefold()


def fragments(env: Environment, status: Status, wanted: Wanted) -> dict[str, str]:
    """Draw the pieces that change, by their id."""
    told = {"faults": wanted.faults(status), "outcomes": wanted.outcomes(status)}
    made: Any = env.get_template("_log.html").make_module(
        told | {"wanted": wanted, "status": status}
    )
    return {"faults": made.faulty().strip(), "rows": made.rows().strip()}


def _read(bundle: dict[str, Any]) -> tuple[str, bytes, str]:
    """Return name and bytes of the daemon's bundle, and what it lacks; raises ControlError."""
    try:
        name, data = bundle["name"], base64.b64decode(bundle["data"], validate=True)
        lacking = ", ".join(line.partition(": ")[0] for line in bundle["without"])
        if BUNDLE_NAME.fullmatch(name):
            return name, data, lacking[:LONGEST_LACKING]  # a cookie carries it
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise ControlError("bad_answer", "what ivsd has answered is no bundle")


def pages(site: Site) -> Blueprint:
    """Make the page, and the download on it; the demo has none, as it is no box of its own."""
    pages = Blueprint("log", __name__)

    @pages.get("/log")
    def show() -> tuple[str, int]:
        found = site.live.status()
        if isinstance(found, ControlError):
            return away(found)
        wanted = Wanted.of(request.args)
        parts = fragments(current_app.jinja_env, found, wanted)
        return render_template(
            "log.html",
            parts=parts,
            wanted=wanted,
            kinds=KINDS,
            came=CAME if site.demo is None else "",
        ), 200

    @pages.post("/log/bundle")
    def bundle() -> AnyResponse:
        if site.demo is not None:
            abort(404)
        try:
            name, data, lacking = _read(site.ask("bundle"))
        except ControlError as e:
            flash(f"There is nothing to download: {e}", "failed")
            return redirect("/log#bundle", 303)
        log.info("bundle by page: %s, %d kB", name, len(data) // 1000)
        if lacking:  # the next page says it: this answer is the file
            flash(f"The bundle {name} is without {lacking}: README.txt in it says why.", "quiet")
        reply = Response(data, mimetype="application/gzip")
        reply.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        reply.set_cookie(
            CAME, "yes", CAME_FOR_S, path="/log", secure=request.is_secure, samesite="Strict"
        )
        return reply

    return pages

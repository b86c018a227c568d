"""The log: how the last presses, badges and PINs ended, and what is wrong now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, current_app, render_template, request
from jinja2 import Environment
from werkzeug.datastructures import MultiDict

from ivsd.appliance import status_words as words
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import OutcomeStatus, Status
from ivsd.web.unanswered import away

if TYPE_CHECKING:
    from ivsd.web.site import Site

KINDS = {
    "": "everything",
    "fault": "what is wrong now",
    "done": "done",
    "failed": "failed",
    "ignored": "ignored",
}
LONGEST_TEXT = 100


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
    made: Any = env.get_template("_log.html").make_module(
        {"faults": wanted.faults(status), "outcomes": wanted.outcomes(status), "status": status}
    )
    return {"faults": made.faulty().strip(), "rows": made.rows().strip()}


def pages(site: Site) -> Blueprint:
    """Make the page."""
    pages = Blueprint("log", __name__)

    @pages.get("/log")
    def log() -> tuple[str, int]:
        found = site.live.status()
        if isinstance(found, ControlError):
            return away(found)
        wanted = Wanted.of(request.args)
        parts = fragments(current_app.jinja_env, found, wanted)
        return render_template("log.html", parts=parts, wanted=wanted, kinds=KINDS), 200

    return pages

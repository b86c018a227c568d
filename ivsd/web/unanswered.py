"""What the pages say where the daemon does not do what it was asked."""

from __future__ import annotations

from flask import render_template

from ivsd.appliance.control_client import ControlError

NOT_LEARNT = {
    "nothing_came": "Nothing was pressed or swiped in time. Try again.",
    "busy": "Another browser or command waits for a press at this moment. Do not press anything "
    "now: it would count for that one. Try again in 30 s.",
}
"""Why no press was shown, by the code of the daemon's no."""


def away(problem: ControlError) -> tuple[str, int]:
    """Draw what stands in place of any page that needs the daemon."""
    is_silent = problem.code in ("no_daemon", "no_answer")
    return render_template("away.html", problem=str(problem), does_not_answer=is_silent), 503

"""`ivsd press`: has the daemon do what a plain press of a control does, and tells its outcome."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status_command import exit_code_of, printable

DONE, NOT_DONE = 0, 1
"""Exit codes, beside those of `ivsd status`; what is ignored is not done either."""


def press(socket: Path, control: str, *, as_json: bool) -> int:
    """Have it done; print the outcome and return the exit code."""
    try:
        outcome = control_client.ask(socket, "press", {"control": control})
    except ControlError as e:
        print(f"ivsd: {e}", file=sys.stderr)
        return exit_code_of(e)
    result, reason = str(outcome.get("result")), str(outcome.get("reason"))
    if as_json:
        print(json.dumps({"result": result, "reason": reason}, ensure_ascii=False))
    else:
        print(printable(f"{result}: {reason}"))
    return DONE if result == "done" else NOT_DONE

"""`ivsd status`: asks the daemon of this box how it is."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status, to_json
from ivsd.appliance.status_words import lines, wrong

ALL_RIGHT, SOMETHING_WRONG, NO_DAEMON, NOT_TOLD = 0, 1, 3, 4
"""Exit codes, as those of `systemctl status`; 4: it runs perhaps, but does not tell us."""
_EXIT_CODES = {
    **dict.fromkeys(("no_daemon", "no_answer"), NO_DAEMON),
    **dict.fromkeys(("no_permission", "not_allowed", "busy"), NOT_TOLD),
}


def status(socket: Path, *, as_json: bool, watch: bool) -> int:
    """Print the status, with `watch` again after each change until Ctrl-C; return the exit code."""
    try:
        if not watch:
            found = control_client.status(socket)
            _show(found, as_json=as_json)
            return SOMETHING_WRONG if wrong(found) else ALL_RIGHT
        for number, found in zip(itertools.count(), control_client.follow(socket), strict=False):
            if not as_json:
                _turn_over(is_first=number == 0)
            _show(found, as_json=as_json)
    except ControlError as e:
        print(f"ivsd: {e}", file=sys.stderr)
        return exit_code_of(e)
    raise AssertionError("following never ends by itself")


def exit_code_of(error: ControlError) -> int:
    """Return how a command ends that the daemon has not done what it was asked for."""
    return _EXIT_CODES.get(error.code, SOMETHING_WRONG)


def _show(found: Status, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(to_json(found), ensure_ascii=False), flush=True)
        return
    for line in lines(found):
        print(printable(line))
    sys.stdout.flush()


def printable(line: str) -> str:
    """Return it without what could move the cursor: names and reasons come from elsewhere."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)


def _turn_over(*, is_first: bool) -> None:
    if sys.stdout.isatty():
        print("\x1b[H\x1b[2J", end="")
    elif not is_first:
        print()

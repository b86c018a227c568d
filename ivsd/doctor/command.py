"""What `ivsd doctor` prints, asks and ends with."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from ivsd.appliance.status_command import printable
from ivsd.doctor import configuration
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Finding, to_json, what_to_do
from ivsd.doctor.walk import walk

ALL_RIGHT, SOMETHING_WRONG, NO_CONFIG, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""
MARKS = {True: "ok", False: "WRONG", None: "-"}
MORE = "Some things only root may look at: try again with sudo."


class Terminal:
    """The person at this terminal."""

    def tell(self, text: str) -> None:
        """Show a line at once."""
        _say(text)

    def ask(self, question: str) -> str:
        """Return the line that was typed; raises EOFError."""
        return input(printable(question))


def doctor(config: Path, socket: Path, *, as_json: bool, asks: bool) -> int:
    """Look at all of this box and print what was found, and what to do; return the exit code.

    With `asks` each lamp blinks and the person at the terminal is asked what it has shown.
    """
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    person = Terminal() if asks and is_terminal and not as_json else None
    found: list[Finding] = []
    try:
        for finding in walk(Box(config, socket), person):
            found.append(finding)
            if not as_json:
                _say(f"{MARKS[finding.ok]:6} {finding.area:12} {finding.text}")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    _conclude(found, as_json=as_json)
    if configuration.cannot_be_read(config):
        return NO_CONFIG
    return SOMETHING_WRONG if any(one.ok is False for one in found) else ALL_RIGHT


def _conclude(found: list[Finding], *, as_json: bool) -> None:
    todo = what_to_do(found)
    if as_json:
        document = {
            "ok": not todo,
            "findings": [to_json(finding) for finding in found],
            "what_to_do": todo,
        }
        print(json.dumps(document, ensure_ascii=False), flush=True)
        return
    for line in _end(found, todo):
        _say(line)


def _end(found: list[Finding], todo: list[str]) -> Iterator[str]:
    yield ""
    if todo:
        yield "What to do:"
    for number, advice in enumerate(todo, 1):
        yield f"{number:3}. {advice}"
    if any(finding.needs_root for finding in found):
        yield MORE
    elif not todo:
        yield "All right."


def _say(line: str) -> None:
    print(printable(line), flush=True)

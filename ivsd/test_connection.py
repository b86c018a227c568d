"""`ivsd test-connection`: tries the way from this box to its room in VALT, step by step.

It needs no running daemon, and starts and changes nothing. What ivsd.yaml says of other things
than the server and the room may be wrong.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ivsd.appliance.settings import DEFAULT_STATE, is_the_services
from ivsd.appliance.status_command import printable
from ivsd.config import Problem
from ivsd.doctor.server import Way
from ivsd.valt.probing.findings import Finding, Rooms, to_json

ALL_RIGHT, SOMETHING_WRONG, NO_CONFIG = 0, 1, 2
"""Exit codes."""
_MARKS = {True: "ok", False: "WRONG", None: "-"}


def test_connection(path: Path, *, as_json: bool) -> int:
    """Print what comes of each step as it comes, or all as one JSON document; return the code."""
    way = Way.of(path, DEFAULT_STATE)
    found: list[Finding] = []
    if way.valt is None:
        _conclude(way.problems, found, may_be_hidden=False, as_json=as_json)
        return NO_CONFIG
    for finding in way.tried():
        found.append(finding)
        if not as_json:
            _show(finding)
    _conclude(way.problems, found, may_be_hidden=_may_be_hidden(path), as_json=as_json)
    return SOMETHING_WRONG if way.problems or _wrong(found) else ALL_RIGHT


def _wrong(found: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.ok is False]


def _show(finding: Finding) -> None:
    step = finding.step.replace("_", "-")
    _say(f"{_MARKS[finding.ok]:6} {step:8} {finding.text}")


def _may_be_hidden(path: Path) -> bool:
    """Whether there may be a password for this file where only root may look."""
    return is_the_services(path) and os.geteuid() != 0


def _conclude(
    problems: list[Problem], found: list[Finding], *, may_be_hidden: bool, as_json: bool
) -> None:
    """Say what to do; as JSON say all there is."""
    if as_json:
        document: dict[str, Any] = {
            "ok": not problems and not _wrong(found),
            "problems": [str(problem) for problem in problems],
            "findings": [to_json(finding) for finding in found],
        }
        print(json.dumps(document, ensure_ascii=False), flush=True)
        return
    for problem in problems:
        _say(str(problem))
        if problem.key == "valt.password_file" and may_be_hidden:
            _say("If it was moved to where only root may look, try again with sudo.")
    todo = [finding for finding in _wrong(found) if finding.advice]
    if todo:
        _say("What to do:")
    for finding in todo:
        _say(f"  {finding.advice}")
        if isinstance(finding.data, Rooms):
            for room in finding.data.rooms:
                _say(f"    room: {room.id:<6} {room.name}")
    if found and not problems and not todo:
        _say("All right.")


def _say(line: str) -> None:
    print(printable(line), flush=True)

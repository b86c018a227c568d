"""The self-test in the bundle: what `ivsd doctor` finds where it can ask nobody."""

from __future__ import annotations

import queue
import threading
import time

from ivsd.bundle.box import Box, Missing
from ivsd.doctor import Area, Finding, findings
from ivsd.doctor.finding import what_to_do

WITHIN_S = 60.0
"""The doctor asks the server, which may not answer; what it has found until then is kept."""
_MARKS = {True: "ok", False: "WRONG", None: "-"}


def self_test(box: Box) -> str:
    """Return the doctor's findings and what to do; what there was no time for is named."""
    limit_s = box.within(WITHIN_S)
    if not limit_s:
        raise Missing("there was no time left for it")
    found, is_whole = _found(box, time.monotonic() + limit_s)
    lines = [_line(finding) for finding in found]
    if not is_whole:
        areas = list(Area)
        rest = areas[areas.index(found[-1].area) :] if found else areas
        lines.append(f"(after {limit_s:.0f} s not done, or only in part: {', '.join(rest)})")
    if todo := what_to_do(found):
        lines += ["", "What to do:", *(f"{number}. {one}" for number, one in enumerate(todo, 1))]
    return box.redactor.events("\n".join(lines))


def _line(finding: Finding) -> str:
    is_quoted = finding.area is Area.CONFIG and finding.ok is False
    # What is wrong in a file may be quoted there; check.txt shows it without.
    text = "see check.txt" if is_quoted else finding.text
    return f"{_MARKS[finding.ok]:6} {finding.area:12} {text}"


def _found(box: Box, until: float) -> tuple[list[Finding], bool]:
    """Return what is found until this monotonic moment, and whether it is all."""
    told: queue.SimpleQueue[Finding | Exception | None] = queue.SimpleQueue()
    # A look that hangs ends with this process, which has nothing to do after the bundle.
    threading.Thread(target=_walk, args=(box, told), name="self-test", daemon=True).start()
    found: list[Finding] = []
    while True:
        try:
            one = told.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return found, False
        if one is None:
            return found, True
        if isinstance(one, Exception):
            raise one
        found.append(one)


def _walk(box: Box, told: queue.SimpleQueue[Finding | Exception | None]) -> None:
    try:
        for finding in findings(box.config, box.socket):
            told.put(finding)
        told.put(None)
    except Exception as e:  # noqa: BLE001  # raised where it is waited for
        told.put(e)

"""The daemon in the bundle: how it is now, and what our services have said before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory.places import AUDIT, WORK
from ivsd.bundle.box import Box, Missing
from ivsd.bundle.programs import last_lines
from ivsd.bundle.redact import Redactor, without_numbers

UNITS = (
    "ivsd.service",
    "ivsd-web.service",
    "ivsd-factory-default.service",
    "ivsd-factory-default.socket",
    "ivsd-factory-resume.service",
)
JOURNAL_LINES, AUDIT_LINES = 2000, 200
STATUS_TIMEOUT_S = 5.0
_JOURNALCTL = ("journalctl", "--no-pager", "--no-hostname")
_BOOT_ID = re.compile(r'"_BOOT_ID" ?: ?"([0-9a-f]{32})"')
_HEAD = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[-+][0-9:]{4,5} [\w.@-]+(?:\[[0-9]+\])?: ")
"""What journalctl writes before a message; more lines of a message are indented."""


def status(box: Box) -> str:
    """Return the daemon's status as it gives it to everybody who may ask."""
    try:
        found = control_client.ask(box.socket, "status", timeout_s=box.within(STATUS_TIMEOUT_S))
    except ControlError as e:
        raise Missing(f"{e} ({e.code})") from None
    return json.dumps(_each_text(found, box.redactor.events), ensure_ascii=False, indent=1)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _each_text(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_each_text(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def journal(box: Box) -> str:
    """Return the last lines of our units in this boot and in the one before."""
    units = [f"--unit={unit}" for unit in UNITS if unit.endswith(".service")]
    texts = []
    for boot, wanted in (("-1", "--boot=-1"), ("0", _this_boot(box))):
        lines = f"--lines={JOURNAL_LINES}"
        ran = str(box.run([*_JOURNALCTL, "--output=short-iso", lines, *units, wanted]))
        texts.append(f"==== boot {boot} (0 is this one) ====\n{_messages(ran, box.redactor)}")
    return "\n\n".join(texts)


def _this_boot(box: Box) -> str:
    """Return what selects the lines of this boot.

    `--boot=0` takes its id from /proc/sys, which the daemon's sandbox hides from its child; the
    newest line of all has it, too.
    """
    newest = box.run([*_JOURNALCTL, "--output=json", "--output-fields=_BOOT_ID", "--lines=1"])
    found = _BOOT_ID.search(newest.text)
    return f"_BOOT_ID={found[1]}" if found else "--boot=0"


def _messages(text: str, redactor: Redactor) -> str:
    """Redact the messages; of their times and process ids each digit is needed."""
    return "\n".join(map(_message, redactor.text(text).split("\n")))


def _message(line: str) -> str:
    head = _HEAD.match(line)
    start = head.end() if head else 0
    return line[:start] + without_numbers(line[start:])


def audit(box: Box) -> str:
    """Return the last lines of what the factory default has written."""
    text = last_lines(box.places.at(f"{WORK}/{AUDIT}"), AUDIT_LINES)
    return box.redactor.events(text)

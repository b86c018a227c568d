"""The parts of the bundle. Each is one file, and may fail without the others."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivsd import __version__
from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory.places import AUDIT, STATE, WORK, Places
from ivsd.bundle import config_text
from ivsd.bundle.known import read_text
from ivsd.bundle.programs import last_lines, run, told
from ivsd.bundle.redact import Redactor
from ivsd.config import (
    CARDS,
    Config,
    ConfigError,
    Problem,
    load,
    load_cards,
    load_cards_beside,
    password,
)
from ivsd.config.web import load_web

UNITS = (
    "ivsd.service",
    "ivsd-web.service",
    "ivsd-factory-default.service",
    "ivsd-factory-default.socket",
    "ivsd-factory-resume.service",
)
WEB = "web.yaml"
JOURNAL_LINES, AUDIT_LINES = 2000, 200
STATUS_TIMEOUT_S = 5.0
_HEAD = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[-+][0-9:]{4,5} [\w.@-]+(?:\[[0-9]+\])?: ")
"""What journalctl writes before a message; more lines of a message are indented."""


class Missing(Exception):
    """There is nothing to put into a part; `str()` says why."""


@dataclass(frozen=True)
class Box:
    """The box that the bundle is about."""

    config: Path
    socket: Path
    places: Places
    redactor: Redactor


# -- the configuration -----------------------------------------------------------------------------


def ivsd_yaml(box: Box) -> str:
    """Return ivsd.yaml without secrets, comments, and what nobody knows."""
    return config_text.redacted(read_text(box.config))


def web_yaml(box: Box) -> str:
    """Return web.yaml in the same way."""
    return config_text.redacted(read_text(box.config.parent / WEB))


def cards(box: Box) -> str:
    """Return how many badges cards.yaml has, and how their numbers end."""
    path = box.config.parent / CARDS
    if not path.exists():
        raise Missing(f"there is no {path}")
    try:
        table = load_cards(path)
    except ConfigError as e:
        count = read_text(path).count("number")
        return f"{CARDS} is wrong in {len(e.problems)} places, see check.txt; numbers: {count}"
    ends = ", ".join(card.number.tail() for card in table)
    return (
        f"badges: {len(table)}\n"
        f"with a VALT user: {sum(card.user is not None for card in table)}\n"
        f"with an action: {sum(card.action is not None for card in table)}\n"
        f"their numbers end in (… alone: shorter than 8 places): {ends}"
    )


def check(box: Box) -> str:
    """Return what `ivsd check` says, and the same of web.yaml; without what it quotes."""
    problems: list[Problem] = []
    config: Config | None = None
    try:
        config = load(box.config)
    except ConfigError as e:
        problems += e.problems
    for look in (
        lambda: load_cards_beside(box.config, config),
        lambda: load_web(box.config.parent / WEB),
        lambda: password(config, box.config, box.places.at(STATE)) if config else None,
    ):
        try:
            look()
        except ConfigError as e:
            problems += e.problems
    return "\n".join(map(_problem, problems)) or f"{box.config}: all right"


def _problem(problem: Problem) -> str:
    where = f"{problem.file}:{problem.line}" if problem.line else problem.file
    # No colons, as in “valt.password: is missing”: what stands behind such a one is taken out.
    key = f" ({config_text.shown_key(problem.key)})" if problem.key else ""
    return f"{where}{key} {config_text.without_quoted(problem.text)}"


# -- the daemon and what it has said ---------------------------------------------------------------


def status(box: Box) -> str:
    """Return the daemon's status as it gives it to everybody who may ask."""
    try:
        found = control_client.ask(box.socket, "status", timeout_s=STATUS_TIMEOUT_S)
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
    for boot in ("-1", "0"):
        lines = f"--lines={JOURNAL_LINES}"
        argv = ["journalctl", "--no-pager", "--no-hostname", "--output=short-iso", f"--boot={boot}"]
        ran = str(run([*argv, lines, *units]))
        texts.append(f"==== boot {boot} (0 is this one) ====\n{_messages(ran, box.redactor)}")
    return "\n\n".join(texts)


def _messages(text: str, redactor: Redactor) -> str:
    """Redact the messages; of their times and process ids each digit is needed."""
    lines = redactor.text(text).split("\n")
    return "\n".join(_message(line, redactor) for line in lines)


def _message(line: str, redactor: Redactor) -> str:
    head = _HEAD.match(line)
    start = head.end() if head else 0
    return line[:start] + redactor.events(line[start:])


def audit(box: Box) -> str:
    """Return the last lines of what the factory default has written."""
    text = last_lines(box.places.at(f"{WORK}/{AUDIT}"), AUDIT_LINES)
    return box.redactor.events(text)


# -- the machine -----------------------------------------------------------------------------------


def versions(box: Box) -> str:
    """Return what is installed, on what, and since when it runs."""

    def at(path: str) -> str:
        try:
            return read_text(box.places.at(path)).strip("\x00\n")
        except OSError as e:
            return f"{path}: {e.strerror}"

    packages = {f"{one.name} {one.version}" for one in importlib.metadata.distributions()}
    release = [line for line in at("/etc/os-release").splitlines() if "NAME=" in line]
    return "\n".join(
        [
            f"ivsd {__version__}",
            f"Python {sys.version} at {sys.executable}",
            f"kernel {' '.join(platform.uname()[2:5])}",
            f"board {at('/proc/device-tree/model')}",
            f"time {time.strftime('%Y-%m-%dT%H:%M:%S%z')}",
            f"uptime in s (and idle) {at('/proc/uptime')}",
            f"boot {at('/proc/sys/kernel/random/boot_id')}",
            *release,
            f"systemd {run(['systemctl', '--version']).text.partition(chr(10))[0]}",
            "packages:",
            *sorted(f"  {package}" for package in packages),
        ]
    )


def devices(box: Box) -> str:
    """Return what `ivsd devices` says; a program of its own, for a device may hang."""
    return str(run([sys.executable, "-m", "ivsd", "devices", str(box.config.absolute())]))


def network(box: Box) -> str:
    """Return addresses, routes, name servers, and whose time this box has."""
    try:
        resolver = read_text(box.places.at("/etc/resolv.conf"))
    except OSError as e:
        resolver = str(e.strerror)
    commands = (
        ["ip", "address"],
        ["ip", "route"],
        ["ip", "-6", "route"],
        ["resolvectl", "--no-pager", "status"],
        ["timedatectl", "--no-pager", "status"],
        ["timedatectl", "--no-pager", "timesync-status"],
    )
    return f"{told(commands)}\n\n/etc/resolv.conf:\n{resolver}"


def system(box: Box) -> str:
    """Return how full, warm and busy this machine is, and how its services are."""
    lines = []
    for path in ("/", STATE):
        try:
            disk = shutil.disk_usage(box.places.at(path))
            lines.append(f"disk at {path}: {disk.free >> 20} of {disk.total >> 20} MiB free")
        except OSError as e:
            lines.append(f"disk at {path}: {e.strerror}")
    for path in ("/proc/loadavg", "/proc/meminfo", *_zones(box.places)):
        try:
            lines.append(f"{path}: {' | '.join(read_text(box.places.at(path)).splitlines()[:5])}")
        except OSError as e:
            lines.append(f"{path}: {e.strerror}")
    # Without its lines of the journal: these are another part, which knows messages from times.
    commands = (
        ["vcgencmd", "get_throttled"],  # a Raspberry Pi's: too little voltage, too hot
        ["systemctl", "--no-pager", "--plain", "--failed"],
        ["systemctl", "--no-pager", "--full", "--lines=0", "status", *UNITS],
    )
    return "\n".join(lines) + "\n\n" + told(commands)


def _zones(places: Places) -> list[str]:
    folder = places.at("/sys/class/thermal")
    return [f"/sys/class/thermal/{zone.parent.name}/temp" for zone in folder.glob("*/temp")]


PARTS: dict[str, Callable[[Box], str]] = {
    "config/ivsd.yaml": ivsd_yaml,
    "config/web.yaml": web_yaml,
    "config/cards.txt": cards,
    "check.txt": check,
    "status.json": status,
    "journal.txt": journal,
    "versions.txt": versions,
    "devices.txt": devices,
    "network.txt": network,
    "system.txt": system,
    "audit.txt": audit,
}


def made(part: Callable[[Box], str], box: Box) -> tuple[str, str]:
    """Make a part; return its text, and why it is missing, "" when it is there."""
    try:
        return part(box), ""
    except Missing as e:
        return "", str(e)
    except OSError as e:
        return "", f"{e.filename} ({e.strerror})"
    except Exception as e:  # noqa: BLE001  # a defect in one part must not cost the others
        return "", f"a defect in ivsd itself: {type(e).__name__}{_where(e)}"


def _where(error: Exception) -> str:
    """Say where in ivsd it happened; the words of an error may be anything."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None:
        return ""
    return f" in {os.path.basename(at.tb_frame.f_code.co_filename)}, line {at.tb_lineno}"

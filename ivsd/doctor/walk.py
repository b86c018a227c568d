"""The walk through the box, from its configuration to its disk; it changes nothing."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from ivsd.appliance.settings import salvage_beside
from ivsd.doctor import configuration, devices, lights, machine, permissions, server
from ivsd.doctor import daemon as daemons
from ivsd.doctor.box import Box
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import Area, Finding, wrong
from ivsd.doctor.lights import Person
from ivsd.doctor.server import Way
from ivsd.doctor.systemd import SERVICE
from ivsd.hardware import Hardware, RealHardware

SHORTEST_SECRET = 4
"""A shorter one stands in half of all words, and is not looked for."""


def findings(config: Path, socket: Path) -> Iterator[Finding]:
    """Look at all that needs no person; raises nothing, and takes less than 60 s."""
    yield from walk(Box(config, socket), None)


def walk(box: Box, person: Person | None, hardware: Hardware | None = None) -> Iterator[Finding]:
    """Look at everything and tell of each look as soon as it is done."""
    way = Way.of(box.config, box.state)
    password = way.secret.reveal() if way.secret is not None else ""
    for finding in _all(box, way, person, hardware or RealHardware()):
        yield finding.without(password) if len(password) >= SHORTEST_SECRET else finding


def _all(box: Box, way: Way, person: Person | None, hardware: Hardware) -> Iterator[Finding]:
    parts = salvage_beside(box.config, box.state)
    daemon = Daemon.of(box)
    of_config: list[Finding] = []
    for finding in _sound(Area.CONFIG, configuration.findings(box, way)):
        of_config.append(finding)
        yield finding
    is_right = all(finding.ok is not False for finding in of_config)
    yield from _sound(Area.SERVICE, daemons.findings(box, daemon, is_config_right=is_right))
    yield from _sound(Area.DEVICES, devices.findings(daemon, parts, hardware))
    is_installed = daemon.unit(SERVICE).is_installed
    user = permissions.account_of(permissions.USER)
    allowed = permissions.findings(box, way, parts, is_installed=is_installed, user=user)
    yield from _sound(Area.PERMISSIONS, allowed)
    yield from _sound(Area.LIGHTS, lights.findings(box, daemon, parts.lights, hardware, person))
    is_way_right = True
    for finding in _sound(Area.SERVER, server.findings(way)):
        is_way_right = is_way_right and finding.ok is not False
        yield finding
    is_way_right = is_way_right and way.secret is not None
    yield from _sound(Area.SERVER, daemons.link(box, daemon, is_way_right=is_way_right))
    yield from _sound(Area.CLOCK, machine.clock(box))
    yield from _sound(Area.DISK, machine.disk(box))


def _sound(area: Area, found: Iterator[Finding]) -> Iterator[Finding]:
    """Pass them on; a defect in one look must not cost the others."""
    try:
        yield from found
    except Exception as e:  # noqa: BLE001  # whatever it is, it is told
        at = traceback.extract_tb(e.__traceback__)[-1]
        text = (
            f"a defect in ivsd itself: {type(e).__name__} in {Path(at.filename).name}:{at.lineno}"
        )
        yield wrong(area, text, f"Send support a bundle: {daemons.BUNDLE}")

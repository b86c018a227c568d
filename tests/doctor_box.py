"""A box for the doctor's tests: files under a pretended root, a daemon that says what we want."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivsd import __version__
from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory.places import Places
from ivsd.appliance.status import (
    ConfigStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    RoomStatus,
    Status,
)
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Finding
from ivsd.doctor.systemd import RESET, SERVICE, WEB, Unit

RUNS = Unit("loaded", "active", "running", "enabled")
LISTENS = Unit("loaded", "active", "listening", "enabled")
SOUND = {SERVICE: RUNS, WEB: RUNS, RESET: LISTENS}
PASSWORD = "correct horse 7"
NOBODY = ControlError("no_daemon", "no daemon answers: nobody listens at the socket")


class FakeDaemon:
    """What answers at the control socket; `says` is a status, or why there is none."""

    def __init__(self, says: Status | ControlError) -> None:
        self.says = says
        self.blinks: list[tuple[str, str]] = []
        self.refuses: ControlError | None = None

    def status(self, path: Path) -> Status:
        if isinstance(self.says, ControlError):
            raise self.says
        return self.says

    def ask(self, path: Path, op: str, args: dict[str, Any]) -> dict[str, Any]:
        if self.refuses is not None:
            raise self.refuses
        assert op == "blink"
        self.blinks.append((args["lamp"], args["colour"]))
        return {"seconds": 3.25}

    def answers(self, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
        """Take the place of the daemon of this machine."""
        monkeypatch.setattr(control_client, "status", self.status)
        monkeypatch.setattr(control_client, "ask", self.ask)
        return self


def a_box(tmp_path: Path, text: str) -> Box:
    """A service's box with this ivsd.yaml, below a root of its own."""
    folder = tmp_path / "etc" / "ivsd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ivsd.yaml").write_text(text, encoding="utf-8")
    (folder / "ivsd.yaml").chmod(0o640)
    state = tmp_path / "var" / "lib" / "ivsd"
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    return Box(folder / "ivsd.yaml", tmp_path / "control.sock", state, Places(tmp_path))


def a_status(box: Box, *devices: DeviceStatus, **parts: Any) -> Status:
    """The status of a daemon that runs with this box's configuration, all right."""
    status = Status(
        version=__version__,
        uptime_s=3600.0,
        config=ConfigStatus(str(box.config), True, ()),
        room=RoomStatus("4", 4, "Room", "available", "available", False, False, None, 0.5),
        link=LinkStatus("http://valt", True, "", "", 300.0, 300.0, "6.5.2", "none"),
        lights=LightsStatus("available", "", False, None, 0),
        lamps=(),
        controls=(),
        devices=devices,
        outbox=OutboxStatus(0, ""),
        outcomes=(),
        factory_default=FactoryDefaultStatus(True),
    )
    return replace(status, **parts)


def wrong(found: list[Finding]) -> list[str]:
    """What is wrong of it, in words."""
    for finding in found:
        assert bool(finding.advice) is (finding.ok is False), finding
    return [finding.text for finding in found if finding.ok is False]

"""`ivsd doctor` and the services: what systemd says, and what the daemon says of itself."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory import client as factory_default
from ivsd.appliance.status import (
    ConfigStatus,
    FactoryDefaultStatus,
    LinkStatus,
    OutboxStatus,
)
from ivsd.doctor import daemon as daemons
from ivsd.doctor import systemd
from ivsd.doctor.box import Box
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import Finding
from ivsd.doctor.systemd import RESET, SERVICE, WEB, NoSystemd, Unit
from tests.doctor_box import NOBODY, RUNS, SOUND, a_box, a_status, wrong

OFF = Unit("loaded", "inactive", "dead", "disabled")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return a_box(tmp_path, "")


def of_service(box: Box, units: dict[str, Unit], says: Any, *, right: bool = True) -> list[Finding]:
    refusal = says if isinstance(says, ControlError) else None
    status = None if refusal is not None else says
    why = "" if units else "systemd does not run this machine"
    daemon = Daemon(status, refusal, units, why)
    return list(daemons.findings(box, daemon, is_config_right=right))


def test_services_that_run_are_all_right(box: Box) -> None:
    found = of_service(box, SOUND, a_status(box))
    assert [finding.ok for finding in found] == [True] * 4


@pytest.mark.parametrize(
    ("unit", "advice"),
    [
        (Unit("loaded", "inactive", "dead", "disabled"), "systemctl enable --now ivsd"),
        (Unit("loaded", "activating", "auto-restart", "enabled"), "journalctl --unit=ivsd"),
        (Unit("loaded", "failed", "failed", "enabled"), "journalctl --unit=ivsd"),
        (Unit("masked", "inactive", "dead", "masked"), "systemctl unmask ivsd"),
    ],
)
def test_a_service_that_does_not_run_is_the_one_thing_to_mend(
    box: Box, unit: Unit, advice: str
) -> None:
    found = of_service(box, SOUND | {SERVICE: unit}, NOBODY)
    assert len(wrong(found)) == 1  # nobody at the socket is its consequence
    assert advice in next(finding.advice for finding in found if finding.ok is False)


def test_a_service_that_would_not_come_up_again_is_wrong(box: Box) -> None:
    units = SOUND | {SERVICE: replace(RUNS, at_boot="disabled")}
    assert wrong(of_service(box, units, a_status(box))) == [
        "ivsd.service runs, but does not start with the machine"
    ]


def test_a_service_without_a_socket_is_wrong(box: Box) -> None:
    (text,) = wrong(of_service(box, SOUND, NOBODY))
    assert text.startswith("ivsd runs, but no daemon answers")


def test_where_nothing_is_installed_nobody_answering_is_wrong(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factory_default, "is_appliance", lambda: False)
    for units in ({}, {SERVICE: Unit(), WEB: Unit(), RESET: Unit()}):
        found = of_service(box, units, NOBODY)
        assert wrong(found) == [str(NOBODY)]


def test_a_daemon_that_does_not_tell_us_is_not_wrong(box: Box) -> None:
    found = of_service(box, SOUND, ControlError("no_permission", "for the group ivsd only"))
    assert wrong(found) == []
    assert [finding.text for finding in found if finding.needs_root] == ["for the group ivsd only"]


def test_a_daemon_that_hangs_is_wrong(box: Box) -> None:
    found = of_service(box, SOUND, ControlError("no_answer", "the daemon does not answer"))
    assert wrong(found) == ["the daemon does not answer"]


def test_an_upgrade_that_was_not_started_is_wrong(box: Box) -> None:
    (text,) = wrong(of_service(box, SOUND, a_status(box, version="0.0.1")))
    assert text.startswith("ivsd 0.0.1 runs")


def test_a_file_that_was_mended_and_not_read_again_is_wrong(box: Box) -> None:
    status = a_status(box, config=ConfigStatus(str(box.config), True, ("room: wrong",)))
    assert len(wrong(of_service(box, SOUND, status, right=True))) == 1
    assert wrong(of_service(box, SOUND, status, right=False)) == []  # the file is to be mended


def test_a_daemon_of_another_file_is_not_judged_by_this_one(box: Box) -> None:
    status = a_status(box, config=ConfigStatus("/elsewhere/ivsd.yaml", True, ("room: wrong",)))
    found = of_service(box, SOUND, status)
    assert wrong(found) == []
    assert any("/elsewhere/ivsd.yaml" in finding.text for finding in found)


def test_markers_that_cannot_be_kept_are_wrong_and_those_that_wait_are_told(box: Box) -> None:
    status = a_status(box, outbox=OutboxStatus(0, "no marker can be kept: disk full"))
    assert wrong(of_service(box, SOUND, status)) == ["no marker can be kept: disk full"]
    found = of_service(box, SOUND, a_status(box, outbox=OutboxStatus(3, "")))
    assert any("3 markers wait" in finding.text for finding in found)


def test_a_factory_default_that_does_not_listen_is_wrong_on_a_box_only(box: Box) -> None:
    status = a_status(box, factory_default=FactoryDefaultStatus(False))
    (text,) = wrong(of_service(box, SOUND | {RESET: OFF}, status))
    assert text.startswith("the factory state cannot be restored")
    assert wrong(of_service(box, SOUND | {RESET: Unit()}, status)) == []


@pytest.mark.parametrize(
    ("unit", "ok"),
    [
        (RUNS, True),
        (OFF, None),  # it can be switched off
        (replace(OFF, at_boot="enabled"), False),
        (Unit("loaded", "activating", "auto-restart", "enabled"), False),
    ],
)
def test_pages_are_wrong_unless_they_run_or_were_switched_off(
    box: Box, unit: Unit, ok: bool | None
) -> None:
    found = of_service(box, SOUND | {WEB: unit}, a_status(box))
    assert found[-1].ok is ok


def test_the_daemons_own_view_of_the_server_is_told_behind_ours(box: Box) -> None:
    down = LinkStatus("http://valt", False, "no_link", "no route", 9.0, None, "", "none")
    daemon = Daemon(a_status(box, link=down), None, SOUND)
    (finding,) = daemons.link(box, daemon, is_way_right=False)
    assert finding.ok is None  # it is what was found from here
    (finding,) = daemons.link(box, daemon, is_way_right=True)
    assert (finding.ok, "no route" in finding.text) == (False, True)
    (finding,) = daemons.link(box, Daemon(a_status(box), None, SOUND), is_way_right=True)
    assert finding.ok is True


def test_a_socket_of_the_factory_default_makes_a_box(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reset.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        monkeypatch.setattr(factory_default, "is_appliance", path.is_socket)
        found = of_service(box, {}, NOBODY)
    assert "the factory state can be restored" in [finding.text for finding in found]


# -- systemd --------------------------------------------------------------------------------------


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(script: str) -> None:
        program = tmp_path / "bin" / "systemctl"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return install


def test_systemd_is_asked_for_all_units_at_once(systemctl: Any, tmp_path: Path) -> None:
    blocks = [
        f"Id={name}\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled"
        for name in (SERVICE, WEB)
    ]
    blocks.append(
        f"Id={RESET}\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState="
    )
    (tmp_path / "says").write_text("\n\n".join(blocks))
    systemctl(f"echo x >> {tmp_path}/asked; cat {tmp_path}/says")
    assert systemd.units() == {SERVICE: RUNS, WEB: RUNS, RESET: Unit()}
    assert (tmp_path / "asked").read_text() == "x\n"


def test_a_machine_without_systemd_is_said_so(systemctl: Any) -> None:
    systemctl("echo 'System has not been booted with systemd' >&2; exit 1")
    with pytest.raises(NoSystemd, match="does not run this machine"):
        systemd.units()


def test_a_systemd_that_hangs_is_not_waited_for(
    systemctl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "TIMEOUT_S", 0.2)
    systemctl("exec sleep 30")
    with pytest.raises(NoSystemd, match="did not answer"):
        systemd.units()

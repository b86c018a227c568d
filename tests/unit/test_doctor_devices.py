"""`ivsd doctor` and the devices: opened, or told by the daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")
pytest.importorskip("gpiozero", reason="needs gpiozero (pip install ivsd[appliance])")

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import (
    DeviceStatus,
)
from ivsd.config import salvage
from ivsd.doctor import devices
from ivsd.doctor.box import Box
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import Finding
from ivsd.doctor.systemd import SERVICE, Unit
from ivsd.hardware import RealHardware
from ivsd.inputs.source import DeviceProblem
from tests.doctor_box import NOBODY, RUNS, SOUND, a_box, a_status, wrong
from tests.fake_gpio import FakeChip, pretended_kernel


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return a_box(tmp_path, "")


HARDWARE = """
controls: {record: record_toggle}
inputs:
  buttons: [{control: record, line: 5}]
lights:
  lamps: [{name: status, lines: [6]}]
factory_default: {line: 7}
"""


class Hung:
    """An input whose device never answers."""

    name = "reader"

    def __init__(self) -> None:
        self.opened = 0

    def open(self) -> None:
        time.sleep(2.0)

    def close(self) -> None: ...


class Hardware(RealHardware):
    """Real lamps and buttons, and inputs of the test's own."""

    def __init__(self, *more: Any) -> None:
        super().__init__()
        self.more = more
        self.inputs: Any = None

    def sources(self, inputs: Any, valt: Any) -> Any:
        self.inputs = inputs
        return [*super().sources(replace(inputs, keyboards=[]), valt), *self.more]


@pytest.fixture
def chips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeChip]]:
    folder = tmp_path / "dev"
    folder.mkdir()
    with pretended_kernel(folder, monkeypatch) as found:
        yield found


def of_devices(box: Box, daemon: Daemon, hardware: Any, text: str = HARDWARE) -> list[Finding]:
    box.config.write_text(text, encoding="utf-8")
    return list(devices.findings(daemon, salvage(box.config), hardware))


ALONE = Daemon(None, NOBODY, {})


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_without_a_daemon_each_device_is_opened_and_given_back(
    box: Box, chips: dict[str, FakeChip]
) -> None:
    found = of_devices(box, ALONE, Hardware())
    assert [finding.text for finding in found] == [
        "button record on 5: there",
        "button factory_default on 7: there",
        "lamp status: there",
    ]
    requests = chips["gpiochip0"].requests
    assert requests
    assert not any(request.held for request in requests)


def test_a_device_that_is_missing_is_wrong_and_the_others_are_looked_at(
    box: Box, chips: dict[str, FakeChip], root: None
) -> None:
    del chips["gpiochip0"]
    found = of_devices(box, ALONE, Hardware())
    assert [finding.ok for finding in found] == [False] * 3
    assert wrong(found)[2].startswith("lamp status: ")


def test_a_keyboard_is_not_taken_from_who_types_on_it(box: Box) -> None:
    text = "controls: {a: start}\ninputs: {keyboards: [{name: k, match: {name: x}, role: badge}]}"
    hardware = Hardware()
    of_devices(box, ALONE, hardware, text)
    assert [keyboard.grab for keyboard in hardware.inputs.keyboards] == [False]


def test_a_device_that_hangs_is_not_waited_for(
    box: Box, monkeypatch: pytest.MonkeyPatch, root: None
) -> None:
    monkeypatch.setattr(devices, "DEVICE_WITHIN_S", 0.05)
    found = of_devices(box, ALONE, Hardware(Hung()), "controls: {}")
    assert wrong(found) == ["reader: it does not answer"]


class Refused(Hung):
    """An input whose device is not there."""

    def open(self) -> None:
        raise DeviceProblem("reader: not found (id 08ff:0009)")


def test_what_another_user_than_root_cannot_open_is_not_called_missing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = of_devices(box, ALONE, Hardware(Refused()), "controls: {}")
    assert (wrong(found), found[0].needs_root) == ([], True)


def test_a_device_that_is_refused_says_why(box: Box, root: None) -> None:
    found = of_devices(box, ALONE, Hardware(Refused()), "controls: {}")
    assert wrong(found) == ["reader: not found (id 08ff:0009)"]
    assert "ivsd devices" in found[0].advice


def test_a_daemon_tells_of_its_devices_and_nobody_else_opens_them(
    box: Box, chips: dict[str, FakeChip]
) -> None:
    status = a_status(
        box,
        DeviceStatus("reader", "reader", False, "reader: not found (id 08ff:0009)"),
        DeviceStatus("lamp status", "lamp", True, ""),
    )
    found = of_devices(box, Daemon(status, None, SOUND), Hardware())
    assert wrong(found) == ["reader: not found (id 08ff:0009)"]
    assert found[1].text == "lamp status: ready"
    assert chips["gpiochip0"].requests == []


@pytest.mark.parametrize(
    "daemon",
    [
        Daemon(None, ControlError("no_permission", "no"), {}),
        Daemon(None, ControlError("no_answer", "no"), {}),
        Daemon(None, NOBODY, {SERVICE: RUNS}),
        Daemon(None, NOBODY, {SERVICE: Unit("loaded", "activating", "start", "enabled")}),
    ],
)
def test_devices_that_a_daemon_may_have_are_not_opened(
    box: Box, chips: dict[str, FakeChip], daemon: Daemon
) -> None:
    found = of_devices(box, daemon, Hardware())
    assert [(finding.ok, finding.needs_root) for finding in found] == [(None, True)]
    assert chips["gpiochip0"].requests == []


def test_a_box_without_devices_says_so(box: Box) -> None:
    found = of_devices(box, ALONE, Hardware(), "controls: {}")
    assert (found[0].ok, "names no device" in found[0].text) == (None, True)

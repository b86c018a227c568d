"""`ivsd doctor` and this machine: permissions, clock, disk."""

from __future__ import annotations

import grp
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ivsd.config import salvage
from ivsd.doctor import machine, permissions
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Finding
from ivsd.doctor.permissions import Account
from ivsd.doctor.server import Way
from tests.doctor_box import a_box, wrong

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return a_box(tmp_path, "")


# -- permissions ----------------------------------------------------------------------------------

ME = Account("ivsd", os.geteuid(), frozenset({os.getegid()}))
STRANGER = Account("ivsd", 54321, frozenset({54321}))
INPUTS = """
valt: {url: "http://127.0.0.1:1", username: a, password_file: secret}
room: 4
controls: {record: record_toggle}
inputs:
  keyboards: [{name: reader, match: {path: /dev/null}, role: badge}]
  buttons: [{control: record, line: 5}]
"""


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    there = {"input", "gpio", "systemd-journal"}

    def look_up(name: str) -> Any:
        if name not in there:
            raise KeyError(name)
        return SimpleNamespace(gr_gid=60001 + sorted(permissions.GROUPS).index(name))

    monkeypatch.setattr(grp, "getgrnam", look_up)
    monkeypatch.setattr(permissions, "account_of", lambda name: None)
    return there


def of_permissions(box: Box, user: Account | None, *, installed: bool = True) -> list[Finding]:
    found = permissions.findings(
        box, Way.of(box.config, box.state), salvage(box.config), is_installed=installed, user=user
    )
    return list(found)


@pytest.fixture
def full_box(tmp_path: Path, groups: set[str]) -> Box:
    box = a_box(tmp_path, INPUTS)
    tmp_path.chmod(0o755)
    for name in ("cards.yaml", "secret"):
        (box.config.parent / name).write_text("x")
        (box.config.parent / name).chmod(0o600)
    (tmp_path / "dev" / "input").mkdir(parents=True)
    for name in ("input/event0", "input/event1", "gpiochip0"):
        (tmp_path / "dev" / name).touch()
        (tmp_path / "dev" / name).chmod(0o660)
    return box


def test_a_user_that_may_use_all_it_needs_is_all_right(full_box: Box) -> None:
    found = of_permissions(full_box, ME)
    assert wrong(found) == []
    assert "ivsd may open all 2 event devices" in [finding.text for finding in found]
    assert len([finding for finding in found if finding.ok]) == 7


def test_each_file_and_device_that_the_user_may_not_use_is_told(full_box: Box) -> None:
    text = " ".join(wrong(of_permissions(full_box, STRANGER)))
    for path in ("ivsd.yaml", "cards.yaml", "secret", "lib/ivsd", "event1", "gpiochip0"):
        assert path in text


def test_the_groups_of_the_unit_count_where_the_user_is_not_in_them(
    full_box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = (HERE / "systemd" / "ivsd.service").read_text().splitlines()
    (line,) = (line for line in unit if line.startswith("SupplementaryGroups="))
    assert set(permissions.GROUPS) == set(line.partition("=")[2].split())
    monkeypatch.setattr(grp, "getgrnam", lambda name: SimpleNamespace(gr_gid=os.getegid()))
    text = " ".join(wrong(of_permissions(full_box, STRANGER)))
    assert "/dev/" not in text


def test_what_holds_secrets_may_not_be_read_by_anybody(full_box: Box) -> None:
    full_box.config.chmod(0o644)
    (full_box.config.parent / "secret").chmod(0o604)
    found = of_permissions(full_box, ME)
    assert len(wrong(found)) == 2
    assert any(f"sudo chmod o= {full_box.config}" in finding.advice for finding in found)
    full_box.config.parent.chmod(0o750)  # nobody comes as far as the file
    assert wrong(of_permissions(full_box, ME)) == []
    full_box.config.parent.chmod(0o755)


KEPT = (
    *("etc/ivsd/ivsd.yaml.bak", "etc/ivsd/cards.yaml.bak", "etc/ivsd/tls/web.key"),
    *("var/lib/ivsd/valt-password", "var/lib/ivsd/last-good.yaml", "var/lib/ivsd/outbox.sqlite3"),
    *("var/lib/ivsd/badges-seen.json", "var/lib/ivsd-web/session-key"),
)


@pytest.mark.parametrize("path", KEPT)
def test_what_is_kept_beside_the_configuration_may_not_be_read_by_anybody(
    full_box: Box, path: str
) -> None:
    """Also where somebody has opened the folders."""
    file = full_box.places.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    for folder in file.relative_to(full_box.places.root).parents:
        (full_box.places.root / folder).chmod(0o711)
    file.write_text("secret")
    file.chmod(0o640)
    assert wrong(of_permissions(full_box, ME)) == []
    file.chmod(0o644)
    assert wrong(of_permissions(full_box, ME)) == [f"anybody on this machine may read {file}"]


def test_the_pages_can_still_read_their_key_when_the_advice_was_taken(full_box: Box) -> None:
    key = full_box.config.parent / "tls" / "web.key"
    key.parent.mkdir()
    key.touch(0o644)
    (finding,) = (one for one in of_permissions(full_box, ME) if one.ok is False)
    assert finding.advice.endswith(f"sudo chgrp ivsd {key}; sudo chmod 640 {key}")


def test_a_folder_that_we_may_not_look_into_is_passed_over(
    full_box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Any) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refused)
    assert permissions._in(full_box.config.parent / "tls") == []


def test_a_group_that_is_missing_is_wrong(full_box: Box, groups: set[str]) -> None:
    groups.remove("gpio")
    assert "there is no group gpio" in wrong(of_permissions(full_box, ME))[0]
    groups.remove("systemd-journal")
    assert "there is no group systemd-journal" in wrong(of_permissions(full_box, ME))[1]


LEDS = """
lights:
  lamps:
    - {name: a, devices: ["front:red"]}
    - {name: b, devices: ["input*::capslock"]}
    - {name: c, devices: [gone]}
"""


@pytest.fixture
def led_box(full_box: Box) -> Box:
    """A box with LEDs of the kernel, as the udev rule leaves them."""
    text = full_box.config.read_text().replace("role: badge}", "role: badge, grab: false}")
    full_box.config.write_text(text + LEDS)
    assert len(salvage(full_box.config).lights.lamps) == 3
    folder = full_box.places.at("/sys/class/leds")
    for name in ("front:red", "input3::capslock", "other"):
        (folder / name).mkdir(parents=True)
        for file in ("brightness", "max_brightness"):
            (folder / name / file).touch()
            (folder / name / file).chmod(0o660 if file == "brightness" else 0o440)
    (folder / "front:red" / "multi_intensity").touch()
    (folder / "other" / "brightness").chmod(0o444)
    return full_box


def test_lamps_of_the_kernel_that_the_user_may_write_are_all_right(led_box: Box) -> None:
    found = of_permissions(led_box, ME)
    assert wrong(found) == []
    assert "ivsd may write the files of its LEDs" in [finding.text for finding in found]


@pytest.mark.parametrize(
    "file", ["front:red/brightness", "front:red/multi_intensity", "input3::capslock/brightness"]
)
def test_a_lamp_of_the_kernel_that_the_user_may_not_write_is_wrong(led_box: Box, file: str) -> None:
    path = led_box.places.at("/sys/class/leds") / file
    path.chmod(0o444)
    (finding,) = (one for one in of_permissions(led_box, ME) if one.ok is False)
    assert finding.text == f"ivsd may not write {path}"
    assert "sudo udevadm trigger --action=change --subsystem-match=leds" in finding.advice


def test_a_missing_user_is_wrong_only_where_the_service_is_installed(full_box: Box) -> None:
    assert len(wrong(of_permissions(full_box, None))) == 1
    assert wrong(of_permissions(full_box, None, installed=False)) == []


def test_a_draft_is_not_judged_as_the_services_file(full_box: Box, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text("room: 4\n")
    assert wrong(of_permissions(replace(full_box, config=draft), STRANGER)) == []


def test_what_we_may_not_look_at_is_said_so(full_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Any, *args: Any, **more: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    way = Way.of(full_box.config)
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refused)
        found = list(permissions._files(full_box, way, ME))
    assert found
    assert all(finding.needs_root for finding in found)


# -- clock and disk -------------------------------------------------------------------------------


def test_a_clock_that_a_time_server_has_set_is_right(box: Box) -> None:
    (finding,) = machine.clock(box, kernel=lambda: True)
    assert finding.ok is True
    folder = box.places.at(machine.TIMESYNC)
    folder.mkdir(parents=True)
    (folder / "synchronized").touch()
    (finding,) = machine.clock(box, kernel=lambda: False)
    assert finding.ok is True


def test_a_clock_before_ivsd_was_installed_is_wrong(box: Box) -> None:
    (finding,) = machine.clock(box, wall=lambda: 3600.0, kernel=lambda: False)
    assert wrong([finding])
    assert "1970-01-01" in finding.text


@pytest.mark.parametrize("kernel", [False, None])
def test_a_clock_that_nobody_vouches_for_is_only_told(box: Box, kernel: bool | None) -> None:
    (finding,) = machine.clock(box, kernel=lambda: kernel)
    assert finding.ok is None


def test_the_kernel_can_be_asked_for_its_clock() -> None:
    assert machine.kernel_is_set() in (True, False, None)


def of_disk(box: Box, monkeypatch: pytest.MonkeyPatch, **values: int) -> list[Finding]:
    full = {"f_frsize": 4096, "f_blocks": 2**21, "f_bavail": 2**20, "f_files": 0, "f_favail": 0}
    full |= {"f_flag": 0} | values
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(**full))
    return list(machine.disk(box))


def test_one_file_system_is_told_once(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = of_disk(box, monkeypatch)
    assert (finding.ok, "4.29 GB of 8.59 GB free" in finding.text) == (True, True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"f_bavail": 100}, "410 kB of 8.59 GB free"),
        ({"f_flag": os.ST_RDONLY}, "can only be read"),
        ({"f_files": 500_000, "f_favail": 7}, "room for 7 more files"),
    ],
)
def test_a_disk_that_cannot_be_written_is_wrong(
    box: Box, monkeypatch: pytest.MonkeyPatch, values: dict[str, int], words: str
) -> None:
    (text,) = wrong(of_disk(box, monkeypatch, **values))
    assert words in text


def test_a_large_disk_with_some_gigabytes_left_is_not_short(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrong(of_disk(box, monkeypatch, f_blocks=2**28, f_bavail=2**18)) == []


def test_folders_that_are_not_there_are_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path / "no" / "such" / "ivsd.yaml", tmp_path / "x", tmp_path / "nor" / "this")
    assert of_disk(box, monkeypatch)

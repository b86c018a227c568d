"""The files for systemd: what can be checked of them without a machine to run them on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ivsd.appliance.journal import MESSAGE_IDS

SYSTEMD = Path(__file__).parents[2] / "systemd"
SHARE = SYSTEMD.parent / "ivsd" / "share"
UNITS = sorted(path.name for path in SYSTEMD.glob("*.service"))

MOST_EXPOSED = {"ivsd.service": 17, "ivsd-web.service": 20}
"""In tenths. The privileged part of the factory default is told apart in the issue."""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize("unit", MOST_EXPOSED)
def test_a_unit_is_exposed_no_more_than_promised(unit: str) -> None:
    done = subprocess.run(
        [
            "systemd-analyze", "security", "--offline=true", "--no-pager",
            f"--threshold={MOST_EXPOSED[unit]}", str(SYSTEMD / unit),
        ],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("unit", ["ivsd.service", "ivsd-web.service"])
def test_a_service_is_never_given_up_and_waits_for_no_network(unit: str) -> None:
    text = re.sub(r"(?m)^#.*", "", (SYSTEMD / unit).read_text())
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text
    assert "network-online" not in text
    assert "Requires=" not in text


def test_every_message_id_has_its_explanation_and_no_other() -> None:
    catalogue = (SYSTEMD / "ivsd.catalog").read_text()
    explained = re.findall(r"^-- ([0-9a-f]{32})$", catalogue, re.MULTILINE)
    assert sorted(explained) == sorted(MESSAGE_IDS.values())
    assert catalogue.count("Subject: ") == catalogue.count("Defined-By: ivsd") == len(explained)
    assert max(len(line) for line in catalogue.splitlines()) <= 100


def test_the_man_page_and_every_completion_are_installed() -> None:
    install = (SYSTEMD / "install.sh").read_text()
    installed = re.findall(r"^install -D -m 644 ivsd/share/(\S+) ", install, re.MULTILINE)
    assert sorted(installed) == sorted(path.name for path in SHARE.iterdir())


def test_what_is_installed_is_taken_away_again() -> None:
    install, uninstall = ((SYSTEMD / name).read_text() for name in ("install.sh", "uninstall.sh"))
    for path in re.findall(r"(/(?:etc|usr)/\S+/(?:60-|_)?ivsd[\w.]*)", install):
        if not path.startswith("/etc/ivsd"):
            assert path in uninstall, path
    for unit in ("ivsd", "ivsd-web", "ivsd-factory-default.socket", "ivsd-factory-resume"):
        assert re.search(rf"enable .*\b{re.escape(unit)}", install), unit
        assert re.search(rf"for unit in .*\b{re.escape(unit)}", uninstall), unit

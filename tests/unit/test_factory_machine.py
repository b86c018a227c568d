"""Root's program and the commands it gives, with no command carried out."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from ivsd.appliance.factory.__main__ import main
from ivsd.appliance.factory.machine import Box


class Systemctl:
    """Notes the commands, and fails those that hold one of the words."""

    def __init__(self, *failing: str) -> None:
        self.said: list[str] = []
        self._failing = failing

    def __call__(self, command: Sequence[str], **how: Any) -> subprocess.CompletedProcess[bytes]:
        program, *words = command
        assert program == "/usr/bin/systemctl"
        assert words[:2] == ["--no-ask-password", "--quiet"]
        assert how["timeout"] <= 30
        said = " ".join(words[2:])
        self.said.append(said)
        if "hang" in self._failing:
            raise subprocess.TimeoutExpired(command, how["timeout"])
        return subprocess.CompletedProcess(command, int(any(w in said for w in self._failing)))


@pytest.fixture
def systemctl(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Systemctl:
    fake = Systemctl(*getattr(request, "param", ()))
    monkeypatch.setattr(subprocess, "run", fake)
    return fake


def test_both_services_are_stopped_and_enabled_whatever_was_done_to_them(
    systemctl: Systemctl,
) -> None:
    Box().stop_services()
    Box().enable_services()
    assert systemctl.said == [
        "stop ivsd.service",
        "stop ivsd-web.service",
        "unmask ivsd.service",
        "enable ivsd.service",
        "unmask ivsd-web.service",
        "enable ivsd-web.service",
    ]


@pytest.mark.parametrize("systemctl", [["stop ivsd.service"]], indirect=True)
def test_a_service_that_does_not_stop_is_killed(systemctl: Systemctl) -> None:
    Box().stop_services()
    # And stopped once more: killed alone it would be started anew, in the middle of the restore.
    assert systemctl.said == [
        "stop ivsd.service",
        "kill --signal=KILL ivsd.service",
        "stop ivsd.service",
        "stop ivsd-web.service",
    ]


@pytest.mark.parametrize("systemctl", [["hang"]], indirect=True)
def test_a_systemctl_that_hangs_holds_up_nothing(systemctl: Systemctl) -> None:
    Box().stop_services()
    Box().reboot()
    assert len(systemctl.said) == 10


def test_what_was_stopped_is_started_and_not_waited_for(systemctl: Systemctl) -> None:
    Box().start_services()
    assert systemctl.said == [
        "--no-block start ivsd.service",
        "--no-block start ivsd-web.service",
    ]


def test_the_box_is_rebooted(systemctl: Systemctl) -> None:
    Box().reboot()
    assert systemctl.said == ["--no-block reboot"]


@pytest.mark.parametrize("systemctl", [["reboot"]], indirect=True)
def test_a_box_that_refuses_to_reboot_goes_on_with_the_factory_state(systemctl: Systemctl) -> None:
    Box().reboot()
    assert systemctl.said == [
        "--no-block reboot",
        "--no-block --force reboot",
        "--no-block start ivsd.service",
        "--no-block start ivsd-web.service",
    ]


def test_the_commands_of_the_manifest_enable_what_they_say(systemctl: Systemctl) -> None:
    Box().do(["enable-time-sync"])
    assert systemctl.said == ["enable systemd-timesyncd.service"]
    with pytest.raises(ValueError, match="rm"):
        Box().do(["rm"])


def test_an_owner_that_this_box_does_not_have_is_told() -> None:
    assert Box().owners("root", "root") == (0, 0)
    with pytest.raises(LookupError, match="there is no user 'nosuchuser' on this box"):
        Box().owners("nosuchuser", "root")
    with pytest.raises(LookupError, match="there is no group 'nosuchgroup' on this box"):
        Box().owners("root", "nosuchgroup")


@pytest.mark.parametrize("words", [[], ["reset"], ["install"], ["serve", "now"]])
def test_wrong_usage_is_told_and_does_nothing(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "usage:" in capsys.readouterr().err


def test_the_service_cannot_be_started_by_hand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    assert main(["serve"]) == 2
    assert "systemd starts this" in capsys.readouterr().err

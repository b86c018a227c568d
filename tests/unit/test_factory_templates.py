"""The templates as they are delivered, and their installation."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from ivsd.appliance import durable
from ivsd.appliance.factory import restore, setup, work_folder
from ivsd.appliance.factory.machine import COMMANDS
from ivsd.appliance.factory.manifest import Afterwards
from ivsd.appliance.factory.places import WORK, Places
from ivsd.appliance.factory.work_folder import Refused
from ivsd.config import ConfigError, load, load_cards, salvage
from ivsd.config.web import WebConfig, load_web
from tests.factory_box import MANIFEST, Notes, snapshot
from tests.power_cut import QuickDisk

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
UNITS = ROOT / "systemd"


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_folder, "RESERVE_BYTES", 4096)
    monkeypatch.setattr(durable, "files", QuickDisk())


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "box/var/lib").mkdir(parents=True)
    return Places(tmp_path / "box")


def test_the_delivered_templates_can_be_installed_and_restored(places: Places) -> None:
    for path in ("etc/NetworkManager", "etc/systemd/system/multi-user.target.wants",
                 "lib/systemd/system"):  # fmt: skip
        (places.root / path).mkdir(parents=True)
    (places.root / "lib/systemd/system/systemd-timesyncd.service").touch()
    wants = places.root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    wants.symlink_to("/nowhere")
    setup.install(places, Notes(), TEMPLATES)
    machine = Notes()
    restore.finish(places, machine, restore.prepare(places, machine, "user root (0)"))
    assert machine.done == ["enable", "enable-time-sync", "sync"]
    restored = {
        "ivsd/ivsd.yaml": "ivsd.yaml",
        "ivsd/cards.yaml": "cards.yaml",
        "ivsd/web.yaml": "web.yaml",
        "NetworkManager/system-connections/ivsd.nmconnection": "network.nmconnection",
        "systemd/network/00-ivsd.network": "dhcp.network",
        "systemd/timesyncd.conf.d/zz-ivsd.conf": "timesyncd.conf",
        "hostname": "hostname",
    }
    for target, template in restored.items():
        assert (places.root / "etc" / target).read_bytes() == (TEMPLATES / template).read_bytes()
    secret = places.root / "etc/NetworkManager/system-connections/ivsd.nmconnection"
    assert secret.stat().st_mode & 0o7777 == 0o600  # NetworkManager takes no other


def test_every_template_is_in_the_manifest() -> None:
    named = set(re.findall(r"template: (\S+)", (TEMPLATES / "manifest.yaml").read_text()))
    assert named | {"manifest.yaml"} == {path.name for path in TEMPLATES.iterdir()}


def test_the_factory_state_lacks_the_server_and_the_room_and_nothing_else() -> None:
    with pytest.raises(ConfigError) as missing:
        load(TEMPLATES / "ivsd.yaml")
    assert sorted(problem.key for problem in missing.value.problems) == ["room", "valt"]
    parts = salvage(TEMPLATES / "ivsd.yaml")
    assert [lamp.name for lamp in parts.lights.lamps] == ["status", "sign"]
    assert list(parts.controls) == ["record"]
    assert [button.line for button in parts.inputs.buttons] == [17]


def test_the_other_templates_can_be_read() -> None:
    assert load_cards(TEMPLATES / "cards.yaml") == []
    assert load_web(TEMPLATES / "web.yaml") == WebConfig("0.0.0.0", 8080)
    for name in ("dhcp.network", "network.nmconnection", "timesyncd.conf"):
        parser = configparser.ConfigParser(strict=False)
        parser.read(TEMPLATES / name)
        assert parser.sections()


def settings_of(template: str) -> list[str]:
    lines = (TEMPLATES / template).read_text().splitlines()
    return [line for line in lines if line and line[0] not in "#["]


def targets() -> list[str]:
    return re.findall(r"target: (\S+)", (TEMPLATES / "manifest.yaml").read_text())


def test_the_time_servers_of_a_site_are_forgotten_and_there_are_some_all_the_same() -> None:
    # An empty value forgets all before it; a fallback that was ever named turns timesyncd's own
    # list off, so that there must be one after it.
    empty_ntp, empty_fallback, fallback = settings_of("timesyncd.conf")
    assert (empty_ntp, empty_fallback) == ("NTP=", "FallbackNTP=")
    assert fallback.startswith("FallbackNTP=0.debian.pool.ntp.org ")
    # Files of both kinds are read in the order of their names, and the last has the last word.
    (target,) = (Path(path) for path in targets() if "timesyncd" in path)
    assert sorted(["10-site.conf", "site.conf", "ntp.conf", "z.conf", target.name])[-1] == (
        target.name
    )


def test_the_network_card_is_ours_before_any_file_of_a_site() -> None:
    # networkd takes the first file, by name, that fits a card.
    (target,) = (Path(path) for path in targets() if path.endswith(".network"))
    others = ["10-static.network", "05-eth0.network", "10-netplan-eth0.network", "eth0.network"]
    assert sorted([*others, target.name])[0] == target.name
    match, _, _ = (TEMPLATES / "dhcp.network").read_text().partition("[Network]")
    assert match.endswith("[Match]\nType=ether wlan\nKind=!*\n\n")


def test_every_command_of_the_manifest_is_known() -> None:
    assert set(COMMANDS) == set(Afterwards)


# -- the installation ------------------------------------------------------------------------------


def test_the_copy_is_for_root_only_with_checksums_and_a_reserve(places: Places) -> None:
    setup.install(places, Notes(), TEMPLATES)
    work = places.at(WORK)
    assert work.stat().st_mode & 0o7777 == 0o700
    assert sorted(path.name for path in work.iterdir()) == ["reserve", "templates"]
    sums = (work / "templates/SHA256SUMS").read_text()
    assert len(sums.splitlines()) == len(list(TEMPLATES.iterdir()))
    assert {path.stat().st_mode & 0o7777 for path in (work / "templates").iterdir()} == {0o600}


def test_an_upgrade_with_wrong_templates_keeps_those_from_before(
    places: Places, tmp_path: Path
) -> None:
    setup.install(places, Notes(), TEMPLATES)
    before = snapshot(places.at(WORK), ("templates",))
    (tmp_path / "new").mkdir()
    (tmp_path / "new/manifest.yaml").write_text(MANIFEST)
    with pytest.raises(ConfigError, match=r"there is no file ivsd\.yaml beside the manifest"):
        setup.install(places, Notes(), tmp_path / "new")
    assert snapshot(places.at(WORK), ("templates",)) == before


def test_an_upgrade_replaces_the_templates_and_drops_the_old(
    places: Places, tmp_path: Path
) -> None:
    setup.install(places, Notes(), TEMPLATES)
    new = tmp_path / "new"
    new.mkdir()
    (new / "manifest.yaml").write_text(
        'files:\n  - {template: only, target: /etc/x, owner: root, group: root, mode: "0600"}\n'
    )
    (new / "only").write_text("x\n")
    setup.install(places, Notes(), new)
    assert {path.name for path in (places.at(WORK) / "templates").iterdir()} == {
        "manifest.yaml", "only", "SHA256SUMS",
    }  # fmt: skip
    assert sorted(path.name for path in places.at(WORK).iterdir()) == ["reserve", "templates"]


def test_an_installation_waits_for_a_restore_that_is_not_finished(places: Places) -> None:
    setup.install(places, Notes(), TEMPLATES)
    (places.at(WORK) / "commit").touch()
    with pytest.raises(Refused, match="a restore waits to be finished"):
        setup.install(places, Notes(), TEMPLATES)


# -- the units ------------------------------------------------------------------------------------


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_two_services_have_one_sandbox() -> None:
    serve, resume = (settings(f"ivsd-factory-{name}.service") for name in ("default", "resume"))
    of_their_own = {
        *("Description", "StartLimitIntervalSec", "Type", "ExecStart", "Restart", "RestartSec"),
        *("TimeoutStopSec", "TimeoutStartSec", "ConditionPathExists", "RequiresMountsFor"),
        "ConditionDirectoryNotEmpty",
        *("Before", "WantedBy", "RestartPreventExitStatus"),
    }
    assert {k: v for k, v in serve.items() if k not in of_their_own} == {
        k: v for k, v in resume.items() if k not in of_their_own
    }
    assert serve["ReadWritePaths"] == [f"/etc {WORK} -/var/lib/ivsd -/var/lib/ivsd-web"]


def test_what_was_interrupted_is_finished_before_ivsd_starts() -> None:
    resume = settings("ivsd-factory-resume.service")
    assert resume["ConditionPathExists"] == [f"|{WORK}/commit"]
    assert resume["ConditionDirectoryNotEmpty"] == [f"|{WORK}/staging"]
    assert resume["Before"] == ["ivsd.service ivsd-web.service"]


def test_the_socket_is_the_daemons_alone() -> None:
    sock = settings("ivsd-factory-default.socket")
    assert (sock["SocketUser"], sock["SocketMode"]) == (["ivsd"], ["0600"])
    assert sock["ListenStream"] == ["/run/ivsd-factory-default.sock"]

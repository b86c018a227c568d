"""Boots: the factory default on the whole box, held, asked for, interrupted; a dead clock.

After the tests of the devices: it takes their configuration, and nothing that was plugged in
survives a reboot.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ivsd.appliance.factory import manifest
from ivsd.valt.simulator import Simulator, World
from tests.appliance import SWEEP
from tests.appliance.box import CHIP, ROOM, START, Box
from tests.appliance.machine import PROJECT, MachineError
from tests.appliance.test_service import BLUE, GREEN, RED, boot_id, fill, shows

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

RESET, LINE = 12, 5
HOLD_S = 3
CONFIGURATION = f"""\
controls: {{record: record_toggle}}
inputs:
  buttons:
    - {{control: record, chip: {CHIP}, line: {LINE}}}
lights:
  lamps:
    - {{name: status, kind: rgb, chip: {CHIP}, lines: [{RED}, {GREEN}, {BLUE}]}}
factory_default: {{chip: {CHIP}, line: {RESET}, hold_s: {HOLD_S}}}
"""
WORK = "/var/lib/ivsd-factory"
REBOOTED_WITHIN_S = 240.0
SITES_NAME = "interview-room-7"
EXTRA = "notes of the technician\n(one line alone would be taken for a password)\n"


ENTRIES: list[dict[str, str]] = yaml.safe_load(
    (PROJECT / "templates" / "manifest.yaml").read_text()
)["files"]
TARGETS = [entry["target"] for entry in ENTRIES]


def restored(machine: Machine) -> list[dict[str, str]]:
    """Return the entries of the manifest that concern this machine."""
    wanted = [entry.get("only_if", "/") for entry in ENTRIES]
    there = machine.run(f"ls -d {' '.join(wanted)} 2>/dev/null", check=False).split()
    return [entry for entry, path in zip(ENTRIES, wanted, strict=True) if path in there]


# -- a site's box -------------------------------------------------------------------------------


def make_site(machine: Machine) -> None:
    """Leave the traces of a site everywhere, beside its ivsd.yaml."""
    machine.write("/etc/ivsd/cards.yaml", 'cards: [{number: "4711", name: Spare}]\n')
    machine.write("/etc/ivsd/notes.txt", EXTRA)
    machine.run(
        f"systemctl disable --now ivsd-web 2>/dev/null; echo {SITES_NAME} > /etc/hostname; "
        "printf '[Time]\\nNTP=10.0.3.9\\n' | install -D -m 644 /dev/stdin "
        "/etc/systemd/timesyncd.conf.d/ivsd.conf; "
        "cd /var/lib/ivsd; touch ../ivsd-web/session; [ -s valt-password ] || "
        "echo secret | install -o ivsd -g ivsd -m 600 /dev/stdin valt-password; "
        f"rm -f {WORK}/audit.log; rm -rf {WORK}/aside-*; sync"
    )


def sums(machine: Machine, paths: list[str]) -> dict[str, str]:
    """SHA-256 of each of these files that is there."""
    lines = machine.run(f"sha256sum {' '.join(paths)} 2>/dev/null", check=False).splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


# -- what a box is after it ---------------------------------------------------------------------


def wait_for_boot(machine: Machine, before: str) -> None:
    """Wait until the machine is up as another boot, with nothing left to finish."""
    end = time.monotonic() + REBOOTED_WITHIN_S
    boots = machine.boots
    ask = (
        f"cat /proc/sys/kernel/random/boot_id; test -e {WORK}/commit && echo left || echo done; "
        "systemctl is-active ivsd; systemctl is-system-running"
    )
    told = ""
    while time.monotonic() < end:
        try:
            told = machine.run(ask, check=False, timeout_s=20)
        except MachineError:
            told = ""
        boot, *states = told.split()[:3] or [""]
        if boot != before.strip() and states == ["done", "active"] and "stopping" not in told:
            machine.wait_ready()  # on a connection of this boot
            return
        if not told:  # it goes down: ssh would hang in front of a machine that starts
            machine.wait_ready(boots=max(machine.boots, boots + 1))
            boots = machine.boots
        time.sleep(0.5)
    raise AssertionError(f"not up again after {REBOOTED_WITHIN_S:.0f} s: {told}")


def is_factory_new(machine: Machine, *, has_room: bool = True) -> None:
    """Check all that a factory default promises; for its reserve the disk must have room."""
    found = sums(machine, TARGETS)
    for entry in restored(machine):
        target, template = entry["target"], PROJECT / "templates" / entry["template"]
        assert found.get(target) == hashlib.sha256(template.read_bytes()).hexdigest(), target
        stat = machine.run(f"stat -c '%a %U %G' {target}").split()
        assert stat == [entry["mode"].lstrip("0"), entry["owner"], entry["group"]], target
    assert machine.run("ls /etc/ivsd").split() == ["cards.yaml", "ivsd.yaml", "web.yaml"]
    assert machine.run(f"cat {WORK}/aside-*/notes.txt") == EXTRA
    left = machine.run("ls /var/lib/ivsd /var/lib/ivsd-web").split()
    assert not {"valt-password", "session", "last-good.yaml"} & set(left), left
    machine.run("systemctl is-enabled ivsd-web ivsd; systemctl is-active ivsd-web ivsd")
    audit = machine.run(f"cat {WORK}/audit.log").splitlines()
    assert len(audit) == 1, audit
    assert "factory default" in audit[0]
    assert "left running" in audit[0]
    told = json.loads(machine.run("ivsd status --json || true"))
    assert told["lights"]["name"] == "config", "it waits for its set-up, and says so"
    is_at_rest(machine, has_room=has_room)


def is_at_rest(machine: Machine, *, has_room: bool = True) -> None:
    assert machine.run(f"ls {WORK}/commit {WORK}/staging/* 2>/dev/null", check=False) == ""
    if has_room:
        assert int(machine.run(f"stat -c %s {WORK}/reserve")) >= 2 << 20


# -- by hand ------------------------------------------------------------------------------------


@pytest.fixture
def box(machine: Machine) -> Iterator[Box]:
    """A site's box in use; the machine may be rebooted under it."""
    box = Box(machine)
    box.start(CONFIGURATION, ["button factory_default"])
    shows(box, GREEN)
    make_site(machine)
    yield box
    box.simulator.stop()
    with suppress(OSError):  # it may have gone with the machine's last boot
        box.hands.close()


def hold(box: Box, seconds: float) -> None:
    box.play([(0, "pull", CHIP, RESET, "down"), (1000 * seconds, "pull", CHIP, RESET, "up")])


def test_a_short_hold_and_one_that_began_before_the_daemon_do_nothing(box: Box) -> None:
    boot, since = boot_id(box.machine), box.now()
    hold(box, HOLD_S - 1)
    assert box.answer(since, "factory_default").outcome == "ignored"
    box.play([(0, "pull", CHIP, RESET, "down")])
    box.restart(["button factory_default"])
    since = box.now()
    box.play([(1000 * (HOLD_S + 1), "pull", CHIP, RESET, "up")])
    box.quiet()
    assert box.outcomes(since) == [], box.told()
    assert boot_id(box.machine) == boot


def test_a_hold_while_a_press_waits_restores_all_and_reboots(box: Box) -> None:
    box.set_room("recording")
    shows(box, RED)
    boot, since = boot_id(box.machine), box.now()
    box.simulator.black_hole()
    box.play([(0, "pull", CHIP, LINE, "down"), (60, "pull", CHIP, LINE, "up")])
    began = time.monotonic()
    hold(box, HOLD_S + 0.5)
    line = box.answer(since, "factory_default", 30)
    assert (line.outcome, "the recording goes on" in line.text) == ("done", True), line.text
    wait_for_boot(box.machine, boot)
    print(f"held, restored, rebooted and ready: {time.monotonic() - began:.0f} s")
    is_factory_new(box.machine)
    assert box.world.view(ROOM).status == "recording"


def test_a_hold_restores_with_everything_broken(box: Box) -> None:
    machine = box.machine
    boot = boot_id(machine)
    box.stop()
    machine.run("printf 'lights: [' >> /etc/ivsd/ivsd.yaml")
    machine.monitor("set_link site off")
    try:
        fill(machine)
        since = box.now()
        machine.run("systemctl start ivsd")
        box.wait_for(since, "button factory_default", ": ready")
        hold(box, HOLD_S + 0.5)
        assert box.answer(since, "factory_default", 60).outcome == "done", box.told()
        wait_for_boot(machine, boot)
        is_factory_new(machine, has_room=False)
    finally:
        machine.monitor("set_link site on")
        with suppress(MachineError):  # perhaps it just restarts
            machine.run("rm -f /var/filler")


# -- without the time ---------------------------------------------------------------------------


def test_a_box_that_boots_without_the_time_says_so_and_heals(machine: Machine) -> None:
    with Simulator(World(version="6.5.2"), tls="not_yet_valid") as server:
        # Its certificate begins tomorrow, which is months away for this machine, and is for
        # 127.0.0.1: that leads to this host, once a program there does.
        machine.write("/etc/ivsd/ca.pem", server.ca_pem)
        valt = f'"https://127.0.0.1:{server.port}", verify: ca.pem'
        machine.write("/etc/ivsd/ivsd.yaml", START.replace('"http://SERVER"', valt))
        machine.run("systemctl stop systemd-timesyncd; rm -f /var/lib/systemd/timesync/clock; sync")
        machine.stop()
        machine.start(keep_disk=True, clock="1970-01-02")
        assert int(machine.run("date +%s")) < time.time() - 7 * 86400, "it knows the time"
        machine.run(
            f"systemd-run --quiet systemd-socket-activate -l 127.0.0.1:{server.port} "
            f"/lib/systemd/systemd-socket-proxyd {machine.host}:{server.port}"
        )
        told = wait_for_fault(machine, "clock")
        assert told["lights"]["name"] == "clock"
        assert "not valid yet" in told["link"]["why"]
        lines = machine.run("journalctl -b -u ivsd -o cat --no-pager").splitlines()
        assert len(lines) < 15, lines
        machine.run(f"date -s @{time.time() + 2 * 86400:.0f}")
        assert wait_for_fault(machine, "")["lights"]["name"] == "available"
    machine.run("systemctl stop ivsd; rm -rf /etc/ivsd/ca.pem /var/lib/ivsd/*")


def wait_for_fault(machine: Machine, fault: str) -> dict[str, Any]:
    """Wait until this is what is wrong with the link; "" for nothing."""
    end = time.monotonic() + 60
    told: dict[str, Any] = {}
    while told.get("link", {}).get("fault") != fault:
        assert time.monotonic() < end, told
        told = json.loads(machine.run("ivsd status --json 2>/dev/null || true") or "{}")
        time.sleep(0.5)
    return told


# -- the power is cut ---------------------------------------------------------------------------

CUTS: dict[str, tuple[str, bool | None]] = {
    "a file is staged": ("before rename 2", False),
    "the mark is written": ("before rename commit", False),
}
"""Moments, and whether the restore is committed then."""
MORE_CUTS: dict[str, tuple[str, bool | None]] = {
    "the mark is not synced yet": ("after rename commit", None),
    "the state is dropped": ("before unlink valt-password", True),
    "a file of the site is dropped": ("before unlink notes.txt", True),
    "the card table is placed": ("before rename cards.yaml", True),
    "the configuration is placed": ("before rename ivsd.yaml", True),
    "the last file is placed": ("before rename hostname", True),
    "the audit is written": ("before rename audit.log", True),
    "the reserve is made": ("before rename reserve", True),
    "the mark goes": ("before unlink commit", True),
}
CUT_IN_TURN = (
    "before unlink notes.txt",
    "before rename ivsd.yaml",
    "before rename hostname",
    "before unlink commit",
)
"""Each in what the boot before it left; the first in the restore itself."""

DROP_INS = "/etc/systemd/system/ivsd-factory-{}.service.d"
MOMENTS = "/etc/ivsd-cuts"


@contextmanager
def power_cuts(machine: Machine, *moments: str) -> Iterator[None]:
    """Have the restore, and the boots that finish it, stop dead at these moments, in turn."""
    machine.write(MOMENTS, "".join(f"{moment}\n" for moment in moments))
    for unit, verb in (("default", "serve"), ("resume", "resume")):
        cut = f"/opt/ivsd/bin/python /project/tests/appliance/guest/cut.py {verb} {MOMENTS}"
        lines = f"[Unit]\nRequiresMountsFor=/project\n[Service]\nExecStart=\nExecStart={cut}\n"
        machine.write(f"{DROP_INS.format(unit)}/cut.conf", lines)
    machine.run("systemctl daemon-reload; systemctl stop ivsd-factory-default.service; sync")
    yield
    folders = " ".join(map(DROP_INS.format, ("default", "resume")))
    machine.run(f"rm -r {MOMENTS} {folders}; systemctl daemon-reload")


def cut_the_power(machine: Machine, unit: str) -> str:
    """Wait until this unit stands still, and cut; return the boot that ended so."""
    end = time.monotonic() + 60
    ask = f"journalctl -b -u ivsd-factory-{unit} -o cat --no-pager"
    while "CUT" not in (said := machine.run(ask)).split():
        assert time.monotonic() < end, said
        time.sleep(0.2)
    boot = boot_id(machine)
    machine.kill()
    machine.start(keep_disk=True)
    return boot


def site(machine: Machine) -> dict[str, str]:
    """Make a site's box of it, with nothing running; return the sums of its files."""
    # Its password is not in it: the daemon would move it, and the file would be another one.
    text = START.replace("SERVER", "10.0.3.2:9").replace("password: admin, ", "")
    machine.write("/etc/ivsd/ivsd.yaml", text)
    make_site(machine)
    machine.run("systemctl stop ivsd")
    return sums(machine, TARGETS)


@pytest.mark.parametrize("phase", CUTS | (MORE_CUTS if SWEEP else {}))
def test_a_power_cut_leaves_the_old_or_the_factory_state(machine: Machine, phase: str) -> None:
    moment, committed = (CUTS | MORE_CUTS)[phase]
    before = site(machine)
    with power_cuts(machine, moment):
        asking = machine.spawn("ivsd factory-default --yes; cat > /dev/null")
        boot = cut_the_power(machine, "default")
        asking.wait(20)
        wait_for_boot(machine, boot)
    if committed is None:  # the disk may have it or not, but all or nothing
        committed = machine.run("cat /etc/hostname").strip() != SITES_NAME
    if committed:
        is_factory_new(machine)
    else:
        assert sums(machine, TARGETS) == before
        assert machine.run("cat /etc/hostname /etc/ivsd/notes.txt") == f"{SITES_NAME}\n{EXTRA}"
        assert machine.run("cat /var/lib/ivsd/valt-password") == "secret\n"
        is_at_rest(machine)


def test_boots_that_are_cut_themselves_end_in_the_factory_state(machine: Machine) -> None:
    site(machine)
    with power_cuts(machine, *CUT_IN_TURN):
        asking = machine.spawn("ivsd factory-default --yes; cat > /dev/null")
        cut_the_power(machine, "default")
        asking.wait(20)
        for _ in CUT_IN_TURN[1:]:
            state = machine.run("systemctl is-active ivsd", check=False).strip()
            assert state == "inactive", "it must not meet half a restore"
            boot = cut_the_power(machine, "resume")
        wait_for_boot(machine, boot)
    is_factory_new(machine)


def test_the_manifest_of_the_machine_is_the_projects(machine: Machine) -> None:
    listed = machine.run(f"ls {WORK}/templates").split()
    assert {entry["template"] for entry in ENTRIES} < set(listed)
    assert manifest.SUMS in listed
    assert machine.run(f"stat -c '%a %U' {WORK} {WORK}/templates").split() == ["700", "root"] * 2

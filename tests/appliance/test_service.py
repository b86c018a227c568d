"""The service under systemd: its sandbox, its watchdog, its journal, who may ask it what."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ivsd.valt.simulator import Simulator, World
from tests.appliance.box import CHIP, ROOM, START, Box
from tests.appliance.machine import MachineError

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

RED, GREEN, BLUE = 22, 27, 24
LINE = 5
CONFIGURATION = f"""\
controls: {{record: record_toggle}}
inputs:
  buttons:
    - {{control: record, chip: {CHIP}, line: {LINE}}}
lights:
  lamps:
    - {{name: status, kind: rgb, chip: {CHIP}, lines: [{RED}, {GREEN}, {BLUE}]}}
"""
PRESS: list[Any] = [(0, "pull", CHIP, LINE, "down"), (80, "pull", CHIP, LINE, "up")]
TRUE_AGAIN_WITHIN_S = 8.0
WATCHDOG_S = 4
DROP_IN = "/run/systemd/system/ivsd.service.d/ivsd-test.conf"
OUTAGE_S = 60.0
SECRET = "correct-horse-battery-9"


@pytest.fixture(scope="module")
def bare(machine: Machine) -> Iterator[Box]:
    with Box(machine) as box:
        yield box


@pytest.fixture
def box(bare: Box) -> Box:
    """A box with a button and a lamp in an available room."""
    bare.start(CONFIGURATION, ["button record"])
    shows(bare, GREEN)
    return bare


def shows(box: Box, colour: int, within_s: float = 10.0) -> None:
    """Wait until the lamp is lit in this colour alone."""
    box.wait(
        lambda: [line for line in (RED, GREEN, BLUE) if box.level(line)] == [colour],
        f"the lamp shows line {colour}",
        within_s,
    )


def status(box: Box) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(box.machine.run("ivsd status --json || true"))
    return told


@contextmanager
def unit_with(box: Box, settings: str) -> Iterator[None]:
    """Run the service with these lines in its unit, too."""
    box.machine.write(DROP_IN, f"[Service]\n{settings}\n")
    box.machine.run("systemctl daemon-reload")
    try:
        yield
    finally:
        box.machine.run(f"rm {DROP_IN}; systemctl daemon-reload")


# -- the sandbox ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "most"), [("ivsd", 17), ("ivsd-web", 20)])
def test_a_unit_is_exposed_no_more_than_promised(machine: Machine, unit: str, most: int) -> None:
    machine.run(f"systemd-analyze security --no-pager --threshold={most} {unit}.service")


def test_no_unit_has_a_mistake_that_systemd_knows(machine: Machine) -> None:
    units = machine.run("ls /usr/local/lib/systemd/system/").split()
    assert {"ivsd.service", "ivsd-web.service", "ivsd-factory-default.socket"} <= set(units)
    found = machine.run(f"systemd-analyze verify {' '.join(units)} 2>&1", check=False)
    assert [line for line in found.splitlines() if "ivsd" in line] == []


def test_a_reader_on_usb_does_not_fall_asleep(machine: Machine) -> None:
    machine.monitor("device_add usb-kbd,id=sleepy,bus=xhci.0,port=3")
    try:
        find = "grep -l QEMU /sys/bus/usb/devices/*/product | xargs -n 1 dirname"
        ask = f"for d in $({find}); do cat $d/power/control; done"
        wait_until(machine, ask, "on")
        machine.run(f"for d in $({find}); do echo auto > $d/power/control; done")
        machine.run("udevadm trigger --action=add --subsystem-match=usb; udevadm settle")
        wait_until(machine, ask, "on")
    finally:
        machine.monitor("device_del sleepy")


def wait_until(machine: Machine, command: str, says: str, within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while (said := machine.run(command, check=False).strip()) != says:
        assert time.monotonic() < end, said
        time.sleep(0.3)


# -- the watchdog ---------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["controller", "worker"])
def test_a_daemon_that_hangs_is_started_anew(bare: Box, part: str) -> None:
    hanging = f"/opt/ivsd/bin/python /project/tests/appliance/guest/hanging.py {part}"
    with unit_with(bare, f"WatchdogSec={WATCHDOG_S}\nExecStart=\nExecStart={hanging}"):
        bare.start(CONFIGURATION, ["button record"])
        shows(bare, GREEN)
        pid, since = bare.pid(), bare.now()
        bare.play(PRESS)
        bare.wait(lambda: bare.pid() not in (0, pid), "another process", 10 * WATCHDOG_S)
        shows(bare, GREEN, 20)
        if part == "worker":
            bare.wait_for(since, "stuck: valt-presses")
        print(f"{part}: {bare.now() - since:.1f} s from the hang to a true light")


def test_a_server_that_swallows_everything_starts_nothing_anew(bare: Box) -> None:
    with unit_with(bare, f"WatchdogSec={WATCHDOG_S}"):
        bare.start(CONFIGURATION, ["button record"])
        shows(bare, GREEN)
        pid, since = bare.pid(), bare.now()
        bare.simulator.black_hole()
        time.sleep(4 * WATCHDOG_S)
        bare.play(PRESS)
        assert bare.answer(since, "record").outcome == "failed"
        bare.simulator.back()
        shows(bare, GREEN, 20)
        assert bare.pid() == pid, bare.told()


# -- power, network, disk -------------------------------------------------------------------------


def test_a_daemon_killed_in_a_recording_is_back_and_true(box: Box) -> None:
    box.set_room("recording")
    shows(box, RED)
    took_s = []
    for _ in range(3):  # the host may hold the machine up
        killed_at = box.now()
        box.machine.run("systemctl kill --kill-whom=main -s KILL ivsd")
        box.wait(lambda: not any(map(box.level, (RED, GREEN, BLUE))), "the lamp is out")
        shows(box, RED, 30)
        took_s.append(box.now() - killed_at)
        assert status(box)["room"]["state"] == "recording"
        if took_s[-1] < TRUE_AGAIN_WITHIN_S:
            break
    print(f"killed in a recording: the light is true again after {took_s} s")
    assert took_s[-1] < TRUE_AGAIN_WITHIN_S, box.told()


def test_an_outage_of_a_minute_is_two_lines_and_heals(box: Box) -> None:
    since = box.now()
    box.machine.monitor("set_link site off")
    try:
        box.wait(lambda: not status(box)["link"]["up"], "it is told that the link is down", 20)
        told = status(box)
        assert (told["link"]["up"], told["link"]["fault"]) == (False, "no_link")
        box.play(PRESS)
        assert box.answer(since, "record").outcome == "failed"
        time.sleep(max(0.0, OUTAGE_S - (box.now() - since)))
    finally:
        box.machine.monitor("set_link site on")
    box.wait_for(since, "the VALT server is back", within_s=30)
    shows(box, GREEN, 20)
    assert len([line for line in box.lines(since) if not line.outcome]) == 2, box.told()
    since = box.now()
    box.play(PRESS)
    assert box.answer(since, "record").outcome == "done"


def test_a_full_disk_stops_nobody(box: Box) -> None:
    fill(box.machine)
    try:
        since = box.now()
        box.play(PRESS)
        assert box.answer(since, "record").outcome == "done"
        shows(box, RED)
        box.restart()
        shows(box, RED)
    finally:
        box.machine.run("rm -f /var/filler")


def fill(machine: Machine) -> None:
    """Leave no room on the disk, not even the part that is kept for root."""
    machine.run("dd if=/dev/zero of=/var/filler bs=1M 2>/dev/null; sync", check=False)


def test_while_nothing_happens_nothing_is_written(box: Box) -> None:
    time.sleep(3)
    ask = f"grep ^write_bytes /proc/{box.pid()}/io"
    before, since = box.machine.run(ask), box.now()
    time.sleep(15)
    assert box.machine.run(ask) == before
    assert box.lines(since) == []


# -- the journal, the password --------------------------------------------------------------------


def test_a_line_of_the_journal_has_fields_and_an_explanation(box: Box) -> None:
    since = box.now()
    box.play(PRESS)
    box.answer(since, "record")
    shown = box.machine.run("journalctl -x -n 1 -u ivsd IVSD_CONTROL=record --no-pager")
    assert "A press, badge or PIN did what it was for" in shown
    assert f"confirmed it for room {ROOM}" in shown
    (line,) = box.machine.run(
        "journalctl -n 1 -o json -u ivsd IVSD_CONTROL=record --no-pager"
    ).splitlines()
    fields = json.loads(line)
    assert (fields["IVSD_OUTCOME"], fields["IVSD_ROOM"]) == ("done", str(ROOM))
    assert fields["IVSD_REASON"] == "recording started"
    assert len(fields["MESSAGE_ID"]) == 32


def test_systemd_tells_in_words_how_it_is(box: Box) -> None:
    said = box.machine.run("systemctl show -P StatusText ivsd").strip()
    assert "Interview Room 1" in said
    assert "free" in said


def test_a_password_does_not_stay_in_the_configuration(bare: Box) -> None:
    bare.start(CONFIGURATION, ["button record"])
    machine = bare.machine
    bare.stop()
    bare.simulator.stop()
    bare.simulator = Simulator(World(version="6.5.2"), password=SECRET).start()
    url = f"{machine.host}:{bare.simulator.port}"
    text = START.replace("SERVER", url).replace("password: admin", f"password: {SECRET}")
    machine.write("/etc/ivsd/ivsd.yaml", text + CONFIGURATION)
    machine.run("rm -rf /var/lib/ivsd/*")
    for _ in range(2):  # with what was moved, too
        bare.restart(["button record"])
        shows(bare, GREEN)
        assert machine.run(f"grep -rl {SECRET} /etc/ivsd", check=False) == ""
    found = machine.run("stat -c '%a %U' /var/lib/ivsd/valt-password").strip()
    assert found == "600 ivsd"
    seen = machine.run(
        f"grep -l {SECRET} /proc/$(systemctl show -P MainPID ivsd)/cmdline "
        f"/proc/$(systemctl show -P MainPID ivsd)/environ; "
        f"journalctl -u ivsd --no-pager | grep -c {SECRET}; ivsd status --json | grep -c {SECRET}",
        check=False,
    )
    assert seen.split() == ["0", "0"]


# -- who may ask ----------------------------------------------------------------------------------

ASK_ROOTS_PART = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/ivsd-factory-default.sock')"
)
ASK_THE_DAEMON = (
    "import json, socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/ivsd/control.sock');"
    "s.sendall(json.dumps({'id': 1, 'op': 'factory-default'}).encode() + b'\\n');"
    "print(s.makefile().readline())"
)


def as_user(machine: Machine, user: str, group: str, code: str) -> str:
    """Run a line of Python as this user in this group; return all that it says."""
    run_as = f"setpriv --reuid={user} --regid={group} --clear-groups"
    return machine.run(f'{run_as} /opt/ivsd/bin/python -c "{code}" 2>&1', check=False)


def test_a_stranger_can_neither_read_nor_reset(box: Box) -> None:
    machine, boot = box.machine, boot_id(box.machine)
    stranger = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    with pytest.raises(MachineError, match="group ivsd"):
        machine.run(f"{stranger} /opt/ivsd/bin/ivsd status")
    assert "Permission" in as_user(machine, "nobody", "nogroup", ASK_THE_DAEMON)
    assert "Permission" in as_user(machine, "nobody", "nogroup", ASK_ROOTS_PART)
    assert "only root" in machine.run(
        f"{stranger} /opt/ivsd/bin/ivsd factory-default --yes 2>&1", check=False
    )
    assert boot_id(machine) == boot


def test_a_member_of_the_group_reads_and_cannot_reset(box: Box) -> None:
    machine, boot = box.machine, boot_id(box.machine)
    member = "setpriv --reuid=nobody --regid=ivsd --clear-groups"
    assert "free" in machine.run(f"{member} /opt/ivsd/bin/ivsd status")
    assert "Permission" in as_user(machine, "nobody", "ivsd", ASK_ROOTS_PART)
    assert '"ok": false' in as_user(machine, "nobody", "ivsd", ASK_THE_DAEMON)
    assert "Permission" in as_user(machine, "ivsd-web", "ivsd", ASK_ROOTS_PART)
    assert boot_id(machine) == boot


def boot_id(machine: Machine) -> str:
    return machine.run("cat /proc/sys/kernel/random/boot_id")


# -- the pages ------------------------------------------------------------------------------------

PASSWORD = "four-words-in-a-row"
CODE = "/var/lib/ivsd-web/setup-code"


def visit(machine: Machine, page: str, *form: str) -> str:
    """Look at a page of the box from within, or send a form of it; return what is shown then."""
    words = " ".join(f"'{word}'" for word in (page, *form))
    return machine.run(f"/opt/ivsd/bin/python /project/tests/appliance/guest/visit.py {words}")


def test_the_pages_show_nothing_before_they_have_a_password_and_all_with_it(box: Box) -> None:
    machine = box.machine
    assert visit(machine, "/").startswith("200 /first")
    assert "Interview Room 1" not in visit(machine, "/system")
    assert visit(machine, "/health").startswith("200 /health\nall right")
    code = machine.run(f"cat {CODE}").strip()
    assert "Interview" not in visit(machine, "/first", "/first/code", "code=00000000")
    visit(machine, "/first", "/first/code", f"code={code}")
    page = visit(machine, "/first", "/first", f"new={PASSWORD}", f"again={PASSWORD}")
    assert page.startswith("200 /\n")
    assert "Interview Room 1" in page
    assert machine.run(f"ls {CODE} 2>/dev/null", check=False) == ""
    kept = machine.run("stat -c '%a %U %n' /var/lib/ivsd-web/*").split("\n")
    assert all(line.startswith("600 ivsd-web ") for line in kept if line), kept
    assert machine.run(f"grep -rl {PASSWORD} /var/lib/ivsd-web", check=False) == ""

    page = visit(machine, "/set-up", "/set-up/save", "recording.name=at the door")
    assert "Saved. The link to the server: up" in page, page
    assert "name: at the door" in machine.run("cat /etc/ivsd/ivsd.yaml")
    assert "at the door" not in machine.run("cat /etc/ivsd/ivsd.yaml.bak")
    assert machine.run("stat -c '%a %U' /etc/ivsd/ivsd.yaml").strip() == "640 ivsd"
    box.play(PRESS)
    box.wait(lambda: bool(box.recordings()), "a recording")
    assert box.recordings()[0].name == "at the door"

    since, pid = box.now(), box.pid()
    page = visit(machine, "/system", "/system/restart")
    assert "is being started anew" in page
    box.wait(lambda: box.pid() not in (0, pid), "another process", 30)
    shows(box, RED)
    box.wait_for(since, "button record", ": ready")

    box.stop()
    assert visit(machine, "/").startswith("503 /")
    assert machine.run("systemctl is-active ivsd-web").strip() == "active"
    machine.run("rm /run/ivsd-visit /var/lib/ivsd-web/admin.json")
    assert visit(machine, "/").startswith("200 /first"), "root has taken the password away"

"""What `make install` leaves behind, and the service under systemd."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.appliance.machine import Machine, MachineError
from tests.appliance.product import INSTALL, INSTALL_WITHIN_S

UP_WITHIN_S = 60.0
MARK = "# edited on site\n"


@pytest.fixture(autouse=True)
def example(machine: Machine) -> Iterator[None]:
    """Every test begins with the files that were installed, and a service that is off."""
    as_installed = (
        "systemctl stop ivsd; cd /root/ivsd/config && "
        "install -m 640 -g ivsd ivsd.yaml cards.yaml /etc/ivsd && systemctl reset-failed"
    )
    machine.run(as_installed)
    yield
    machine.run(as_installed, check=False)


def main_pid(machine: Machine) -> int:
    return int(machine.run("systemctl show -P MainPID ivsd"))


def wait_for_another(machine: Machine, pid: int) -> int:
    """Wait until the service is up as another process than `pid`; return its PID."""
    end = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < end:
        state, now = machine.run("systemctl is-active ivsd; systemctl show -P MainPID ivsd").split()
        if state == "active" and int(now) != pid:
            return int(now)
        time.sleep(0.2)
    raise AssertionError(f"no other process than {pid} after {UP_WITHIN_S:.0f} s")


def wait_for_line(machine: Machine, text: str) -> None:
    """Wait until the service of now has written `text` to the journal."""
    ask = "journalctl -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID ivsd)"
    end = time.monotonic() + UP_WITHIN_S
    while text not in (lines := machine.run(ask, check=False)):
        assert time.monotonic() < end, f"no “{text}” in:\n{lines}"
        time.sleep(0.2)


def test_the_service_has_a_user_of_its_own_in_the_groups_of_its_devices(machine: Machine) -> None:
    assert set(machine.run("id -Gn ivsd").split()) == {"ivsd", "input", "gpio"}
    assert machine.run("getent passwd ivsd").strip().endswith(":/usr/sbin/nologin")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/ivsd", "750 ivsd ivsd"),
        ("/etc/ivsd/web.yaml", "640 root ivsd"),
        ("/var/lib/ivsd", "700 ivsd ivsd"),
        ("/var/lib/ivsd-web", "700 ivsd-web ivsd-web"),
        ("/var/lib/ivsd-factory", "700 root root"),
        ("/run/ivsd-factory-default.sock", "600 ivsd ivsd"),
        ("/etc/ivsd/ivsd.yaml", "640 root ivsd"),
        ("/etc/ivsd/cards.yaml", "640 root ivsd"),
        ("/opt/ivsd/bin/ivsd", "755 root root"),
        ("/usr/local/bin/ivsd", "755 root root"),
        ("/usr/local/lib/systemd/system/ivsd.service", "644 root root"),
        ("/etc/udev/rules.d/60-ivsd.rules", "644 root root"),
        ("/usr/local/share/man/man8/ivsd.8", "644 root root"),
        ("/usr/local/share/bash-completion/completions/ivsd", "644 root root"),
    ],
)
def test_installed_files_have_their_owner_and_mode(
    machine: Machine, path: str, expected: str
) -> None:
    assert machine.run(f"stat -L -c '%a %U %G' {path}").strip() == expected


def test_it_starts_with_the_machine_from_then_on(machine: Machine) -> None:
    assert machine.run("systemctl is-enabled ivsd").strip() == "enabled"


def test_the_unit_has_no_mistake_that_systemd_knows(machine: Machine) -> None:
    checked = machine.run("systemd-analyze verify ivsd.service 2>&1", timeout_s=120)
    assert "ivsd" not in checked, checked


def test_gpio_lines_belong_to_the_group_gpio(machine: Machine) -> None:
    chip = "/sys/kernel/config/gpio-sim/install"
    machine.run(f"mkdir -p {chip}/bank0 && echo 4 > {chip}/bank0/num_lines && echo 1 > {chip}/live")
    try:
        name = machine.run(f"cat {chip}/bank0/chip_name").strip()
        machine.run("udevadm settle")
        assert machine.run(f"stat -c '%a %G' /dev/{name}").strip() == "660 gpio"
    finally:
        machine.run(f"echo 0 > {chip}/live; rmdir {chip}/bank0 {chip}")


def test_the_group_gpio_may_write_leds_and_what_their_trigger_brings(machine: Machine) -> None:
    # The Caps Lock LED of the machine's PC keyboard.
    led = machine.run("echo /sys/class/leds/*::capslock").split()[0]
    machine.run("modprobe ledtrig-timer")
    machine.run(f"echo timer > {led}/trigger; udevadm settle")
    try:
        modes = machine.run(f"cd {led} && stat -c '%n %a %G' brightness trigger delay_on delay_off")
        assert modes.splitlines() == [
            f"{name} 664 gpio" for name in ("brightness", "trigger", "delay_on", "delay_off")
        ]
        machine.run(
            f"setpriv --reuid ivsd --regid ivsd --init-groups sh -c 'echo 9 > {led}/delay_on'"
        )
    finally:
        machine.run(f"echo none > {led}/trigger")


def test_check_explains_the_installed_example(machine: Machine) -> None:
    with pytest.raises(MachineError, match=r"(?s)exit 1.*password_file"):  # the example has none
        machine.run("ivsd check")
    machine.run("sed -i 's/password_file: valt-password/password: x/' /etc/ivsd/ivsd.yaml")
    assert "all right" in machine.run("ivsd check")


def test_the_service_comes_up_with_a_wrong_configuration_and_says_what_is_wrong(
    machine: Machine,
) -> None:
    machine.run("systemctl start ivsd")
    assert machine.run("systemctl is-active ivsd").strip() == "active"
    wait_for_line(machine, "valt.password_file")


def test_a_reload_reads_the_configuration_again_in_the_same_process(machine: Machine) -> None:
    machine.run("systemctl start ivsd")
    before = main_pid(machine)
    machine.run("sed -i 's/password_file: valt-password/password: x/' /etc/ivsd/ivsd.yaml")
    machine.run("systemctl reload ivsd")
    wait_for_line(machine, "room 4 at https://valt.example.com")
    assert main_pid(machine) == before


def test_a_term_signal_ends_it_within_two_seconds_and_well(machine: Machine) -> None:
    machine.run("systemctl start ivsd")
    # By the machine's own clock, without the unit's lights-off, which follows.
    began, code, status, ended_us = machine.run(
        "cut -d ' ' -f 1 /proc/uptime; systemctl stop ivsd; "
        "for name in ExecMainCode ExecMainStatus ExecMainExitTimestampMonotonic; do "
        "systemctl show -P $name ivsd; done"
    ).split()
    assert (code, status) == ("1", "0")  # CLD_EXITED, with 0
    assert int(ended_us) / 1e6 - float(began) < 2.0


def test_a_killed_service_is_there_again_as_another_process(machine: Machine) -> None:
    machine.run("systemctl start ivsd")
    for _ in range(3):  # and does not give up
        before = main_pid(machine)
        machine.run(f"kill -9 {before}")
        wait_for_another(machine, before)


def test_a_second_install_keeps_the_configuration_and_renews_the_running_service(
    machine: Machine,
) -> None:
    machine.run(f"printf '{MARK}' >> /etc/ivsd/ivsd.yaml; systemctl start ivsd")
    machine.run("rm /etc/ivsd/web.yaml")  # as the first time
    module = "/opt/ivsd/lib/python3*/site-packages/ivsd/appliance/notify.py"
    machine.run(f"echo broken >> {module}")
    before = main_pid(machine)
    said = machine.run(INSTALL, timeout_s=INSTALL_WITHIN_S)
    assert "/etc/ivsd/ivsd.yaml" in said
    assert machine.run("tail -n 1 /etc/ivsd/ivsd.yaml") == MARK
    machine.run("cmp /etc/ivsd/web.yaml /root/ivsd/templates/web.yaml")
    machine.run(f"cmp {module} /root/ivsd/ivsd/appliance/notify.py")
    wait_for_another(machine, before)


def test_what_is_not_roots_business_is_said_in_one_line(machine: Machine) -> None:
    for target in ("install", "uninstall"):
        command = f"setpriv --reuid nobody --clear-groups sh /root/ivsd/systemd/{target}.sh 2>&1"
        machine.run("chmod 755 /root")
        try:
            said = machine.run(command, check=False)
        finally:
            machine.run("chmod 700 /root")
        assert said == f"ivsd: only root can {target} it; type: sudo make {target}\n"

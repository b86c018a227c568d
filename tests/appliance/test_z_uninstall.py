"""`make uninstall`; the last of the folder, for nothing is installed after it."""

from __future__ import annotations

from tests.appliance.machine import Machine

MARK = "# edited on site\n"


def test_an_uninstall_keeps_what_is_the_sites_own(machine: Machine) -> None:
    machine.run(f"printf '{MARK}' >> /etc/ivsd/ivsd.yaml; systemctl start ivsd")
    machine.run("touch /var/lib/ivsd/kept; cd /root/ivsd && make uninstall")
    units = "ivsd.service 'ivsd-web*' 'ivsd-factory*'"
    assert machine.run(f"systemctl list-units --all --plain --no-legend {units}") == ""
    assert machine.run("ls -d /opt/ivsd /usr/local/bin/ivsd 2>/dev/null", check=False) == ""
    assert machine.run("tail -n 1 /etc/ivsd/ivsd.yaml") == MARK
    assert "kept" in machine.run("ls /var/lib/ivsd").split()

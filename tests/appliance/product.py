"""The product in the machine, installed as a site without internet would do it."""

from __future__ import annotations

from tests.appliance.machine import Machine

INSTALL_WITHIN_S = 500.0  # 35 s where nothing else runs

COPY = (
    "mkdir -p /root/ivsd && tar -C /project -cf - --exclude=./.git --exclude='./.venv*' "
    "--exclude='./.*_cache' --exclude=./.hypothesis --exclude=./build --exclude=__pycache__ . "
    "| tar -C /root/ivsd -xf -"
)
INSTALL = "cd /root/ivsd && PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels make install"


def install(machine: Machine) -> str:
    """Copy the project into the machine and type `make install` there; return what that says."""
    machine.run(COPY)
    said = machine.run(INSTALL, timeout_s=INSTALL_WITHIN_S)
    machine.run("systemctl is-active ivsd ivsd-web")  # who reads “set it up at …” needs both
    return said

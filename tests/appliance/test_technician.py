"""What a technician does at a box in its sandbox: doctor, archive for support, pages by TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.appliance.box import CHIP, Box

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

LINE, LED = 5, 22
CONFIGURATION = f"""\
controls: {{record: record_toggle}}
inputs:
  buttons:
    - {{control: record, chip: {CHIP}, line: {LINE}}}
lights:
  lamps:
    - {{name: status, chip: {CHIP}, lines: [{LED}]}}
"""
BUNDLE = """\
import base64, io, tarfile
from pathlib import Path
from ivsd.appliance import control_client
made = control_client.ask(Path("/run/ivsd/control.sock"), "bundle")
with tarfile.open(fileobj=io.BytesIO(base64.b64decode(made["data"]))) as tar:
    for member in tar.getmembers():
        print("\\fFILE", member.name.partition("/")[2])
        print(tar.extractfile(member).read().decode())
print("without", made["without"])
"""
VISIT = """\
import requests
session = requests.Session()
reply = session.get("https://127.0.0.1:8080/first", verify=False, timeout=30)
print(reply.status_code, [cookie.secure for cookie in session.cookies], reply.text)
"""


@pytest.fixture(scope="module")
def box(machine: Machine) -> Iterator[Box]:
    """A box with a button and a lamp in an available room."""
    with Box(machine) as box:
        box.start(CONFIGURATION, ["button record"])
        box.set_room("available")
        yield box


def run_python(box: Box, program: str) -> str:
    box.machine.write("/tmp/program.py", program)
    return box.machine.run("/opt/ivsd/bin/python -IW ignore /tmp/program.py", timeout_s=170)


def test_the_doctor_finds_a_sound_box_sound(box: Box) -> None:
    said = box.machine.run("ivsd doctor --no-lights; echo code $?")
    assert said.endswith("All right.\ncode 0\n"), said


def test_the_doctor_names_what_is_wrong_and_ends_with_what_to_do(box: Box) -> None:
    box.machine.run("systemctl stop ivsd; chmod 000 /etc/ivsd/ivsd.yaml")
    try:
        said = box.machine.run("ivsd doctor --no-lights; echo code $?")
    finally:
        box.machine.run("chmod 640 /etc/ivsd/ivsd.yaml; systemctl start ivsd")
        box.wait_for(box.now() - 30, "button record", ": ready")
    assert said.endswith("code 1\n")
    found, _, to_do = said.partition("What to do:")
    assert "WRONG  service" in found
    assert "WRONG  permissions" in found
    assert "chmod" in to_do
    assert "systemctl" in to_do


def test_the_bundle_is_made_within_the_sandbox_and_has_the_journal(box: Box) -> None:
    said = run_python(box, BUNDLE)
    files = {part.partition("\n")[0]: part for part in said.split("\fFILE ")[1:]}
    assert "ivsd" in files["journal.txt"]
    for no in ("insufficient permissions", "Failed to get boot id", "No journal files"):
        assert no not in files["journal.txt"]
    assert "host LOCAL" in files["network.txt"]
    assert "ivsd.service" in files["system.txt"]  # systemctl, by the bus
    assert "ok     service" in files["self-test.txt"]
    # What the sandbox hides is said, not left out in silence.
    assert "/proc/meminfo: No such file" in files["system.txt"]
    assert "audit.txt: " in said.rpartition("without")[2]


def test_the_pages_speak_tls_with_a_certificate_of_their_own(box: Box) -> None:
    machine = box.machine
    before = machine.run("cat /etc/ivsd/web.yaml")
    machine.write("/etc/ivsd/web.yaml", f"{before}\ntls: self-made\n")
    try:
        machine.run("systemctl restart ivsd-web")
        said = run_python(box, f"import time; time.sleep(8)\n{VISIT}")
        kept = machine.run("stat -c '%a %U' /var/lib/ivsd-web/tls.pem").strip()
        told = machine.run("journalctl -u ivsd-web -n 20 -o cat")
    finally:
        machine.write("/etc/ivsd/web.yaml", before)
        machine.run("systemctl restart ivsd-web")
    assert said.startswith("200 [True]"), said
    assert kept == "600 ivsd-web"
    assert "sha256:" in told.lower().replace("sha-256 ", "sha256:"), told

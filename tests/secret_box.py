"""A box below a folder, full of secrets: for tests of what a diagnostics bundle tells of it."""

from __future__ import annotations

import base64
import html
import io
import json
import sys
import tarfile
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory.places import Places
from ivsd.bundle import Archive, archive
from ivsd.doctor import Area, Finding

STAMP = "20261123-150405"
NOBODY = Path("/nonexistent/control.sock")
PROGRAMS = ("journalctl", "systemctl", "ip", "resolvectl", "timedatectl", "vcgencmd", "python")

Files = dict[str, bytes]


class FakeBox:
    """A box below a folder, with programs that say what they are told to."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin = root, root / "bin"
        self.environ: dict[str, str] = {}
        self.status: dict[str, Any] | ControlError = {"schema": 1}
        self.findings: list[Finding] = [Finding(Area.CONFIG, True, "all right")]
        """What the doctor finds."""
        self.config = root / "etc/ivsd/ivsd.yaml"
        self.bin.mkdir(parents=True)
        for name in PROGRAMS:
            (self.bin / name).write_text(f"#!/bin/sh\n/bin/cat {self.bin}/{name}.says\n")
            (self.bin / name).chmod(0o755)
            self.says(name, "")

    def says(self, program: str, text: str) -> None:
        (self.bin / f"{program}.says").write_bytes(text.encode("utf-8", "surrogatepass"))

    def has(self, path: str, text: str) -> None:
        at = self.root / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(text.encode())

    def archive(self, *, most_bytes: int | None = None) -> Archive:
        """Make the archive."""
        places = Places(self.root)
        return archive(self.config, NOBODY, places, self.environ, STAMP, most_bytes=most_bytes)

    def bundle(self) -> Files:
        """Make it and unpack it; the names are without that of its folder."""
        made = self.archive()
        return unpacked(made.data, made.name)


def fake_box(root: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBox:
    """Make one; what this process asks of programs, daemon and doctor is asked of it."""
    made = FakeBox(root)

    def ask(path: Path, op: str, **_: object) -> dict[str, Any]:
        assert op == "status"
        if isinstance(made.status, ControlError):
            raise made.status
        return made.status

    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setattr(sys, "executable", str(made.bin / "python"))
    monkeypatch.setattr("ivsd.appliance.control_client.ask", ask)
    monkeypatch.setattr("ivsd.bundle.self_test.findings", lambda *_: iter(made.findings))
    return made


def unpacked(data: bytes, name: str) -> Files:
    """Return the files of an archive, all of which are in the folder of this name."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {}
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            assert member.name.startswith(f"{name}/")
            assert member.mode == 0o600
            found[member.name.removeprefix(f"{name}/")] = file.read()
        return found


def spellings(secret: str) -> Iterator[str]:
    """Yield what others make of a secret; written without a look at the code under test."""
    data = secret.encode()
    yield from (secret, html.escape(secret), repr(secret)[1:-1], ascii(secret)[1:-1])
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield json.dumps(json.dumps(secret))[3:-3]
    yield from (urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""))
    yield urllib.parse.quote_plus(secret)
    yield "".join(f"%{byte:02x}" for byte in data)
    for whole in (data, b"admin:" + data, b"u:" + data, data + b"\n", b"\x00" + data + b"tail"):
        yield base64.b64encode(whole).decode().rstrip("=")
        yield base64.urlsafe_b64encode(whole).decode().rstrip("=")


def leaks(files: Files, secret: str) -> list[str]:
    """List where a secret is, in whatever spelling."""
    found = []
    for form in {form for form in spellings(secret) if len(form) >= 4}:
        found += [f"{file}: {form}" for file, data in files.items() if form.encode() in data]
        found += [f"name {file}: {form}" for file in files if form in file]
    return found


IVSD_YAML = """\
# commentSecret1 is the password of the old server
valt:
  url: https://door:urlSecret2@valt.example.com/p?access_token=urlToken3
  username: keypad   # commentSecret4
  password: 'yaml"Secret\\5'
  pasword: misspeltSecret6
  timeout_s: misplacedSecret7
base: &anchorSecret8 anchoredSecret9
other: *anchorSecret8
room: Interview Room 1
recording:
  template: {"3": templateSecret10}
controls: {record: record_toggle}
folded: >
  foldedSecret11
  url: https://foldedSecret12
wifi:
  name: nestedSecret13
"""
CARDS_YAML = """\
cards:
  - {number: "0004711001", user: 12, name: Dr. Archer}
  - number: '00099'        # was 8800553535
    action: lock_toggle
  - {number: "04A1B2C3D4E5F6", action: lock_toggle}
  - {number: "\\x300B7", action: lock_toggle}
"""
KNOWN = (
    *("urlSecret2", 'yaml"Secret\\5', "fileSecret14", "lastGood$ecret 15", "stateSecret16"),
    *("credential&Secret17", "environSecret18", "setCredential19", "dropInSecret20"),
    *("saltSalt21", "abcdef0123456789hash22", "5e55104b" * 8, "31415926", "bakSecret23"),
)
NUMBERS = (
    "0004711001",
    "4711001",
    "00099",
    "04A1B2C3D4E5F6",
    "04a1b2c3d4e5f6",
    "8800553535",
    "00B7",
)
ONLY_THERE = (
    *("commentSecret1", "urlToken3", "commentSecret4", "misspeltSecret6", "misplacedSecret7"),
    *("anchorSecret8", "anchoredSecret9", "templateSecret10", "foldedSecret11", "foldedSecret12"),
    *("nestedSecret13", "0fjournalToken24", "tokenOf25", "481216", "4813", "0008815777", "778899"),
    *("Zm9vOmJhcg27", "userSecret28", "A1B2C3D4", "eyJhbGciOi.eyJzdWIi.c2lnbmF0"),
)


def full_of_secrets(box: FakeBox, known: Iterable[str] = KNOWN) -> None:
    """Plant them; `known` are those that whoever makes the bundle can find out."""
    everywhere = "\n".join(f"before {form} behind" for one in known for form in spellings(one))
    numbers = "\n".join(f"at {number}." for number in NUMBERS)
    box.has("/etc/ivsd/ivsd.yaml", IVSD_YAML)
    box.has("/etc/ivsd/ivsd.yaml.bak", "valt:\n  password: bakSecret23\n  password_file: pw.txt\n")
    box.has("/etc/ivsd/pw.txt", "fileSecret14\r\n")
    box.has("/etc/ivsd/web.yaml", "address: 0.0.0.0\nsecret: nestedSecret13\n# commentSecret1\n")
    box.has("/etc/ivsd/cards.yaml", CARDS_YAML)
    box.has("/var/lib/ivsd/last-good.yaml", 'valt: {password: "lastGood$ecret 15"}\n')
    box.has("/var/lib/ivsd/valt-password", "stateSecret16")
    box.has("/run/credentials/ivsd.service/valt-password", "credential&Secret17\n")
    box.has(
        "/etc/systemd/system/ivsd.service.d/pw.conf",
        "[Service]\nSetCredential=valt-password:setCredential19\n"
        'Environment="VALT_PASSWORD=dropInSecret20" A=b\n',
    )
    stored = {"hash": "scrypt:16384:8:5$saltSalt21$abcdef0123456789hash22", "epoch": "epoch"}
    box.has("/var/lib/ivsd-web/admin.json", json.dumps(stored))
    box.has("/var/lib/ivsd-web/session-key", "5e55104b" * 8 + "\n")
    box.has("/var/lib/ivsd-web/setup-code", "31415926")
    box.environ["VALT_PASSWORD"] = "environSecret18"
    events = (
        "GET https://valt/api?access_token=0fjournalToken24&x=1 and token=tokenOf25\n"
        "wrong PIN 481216, PIN: 4813 typed\nbadge 0008815777 is unknown, swiped 778899\n"
        "Authorization: Basic Zm9vOmJhcg27\nftp://x:userSecret28@host/ tag A1B2C3D4 was read\n"
        "eyJhbGciOi.eyJzdWIi.c2lnbmF0 is expired\n"
        "/etc/ivsd/ivsd.yaml:7: valt.timeout_s: 'misplacedSecret7' is wrong: must be a number\n"
    )
    said = f"{everywhere}\n{numbers}\n"
    head = "2026-11-23T15:04:05+0000 ivsd[1234567]: "
    lines = (said + events).splitlines()
    box.says("journalctl", "".join(f"{head}{line}\n" for line in lines))
    for name in PROGRAMS[1:]:
        box.says(name, said)
    box.has("/etc/resolv.conf", said)
    box.has("/var/lib/ivsd-factory/audit.log", said + events)
    texts = [*everywhere.splitlines(), *numbers.splitlines(), *events.splitlines()]
    box.status = {"schema": 1, "texts": texts, "link": {"why": events, "url": "https://a:b@c/"}}
    box.findings = [
        Finding(area, ok, text, text if ok is False else "")
        for area in Area
        for ok in (True, False)
        for text in texts
    ]

"""Makes the archive: the files, a README that says what is not there, and a size that it keeps."""

from __future__ import annotations

import io
import json
import re
import socket as network
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivsd.appliance.factory.places import Places
from ivsd.bundle.box import Box
from ivsd.bundle.contents import FILES, made
from ivsd.bundle.known import Known
from ivsd.bundle.redact import SHORTEST, Redactor

WITHIN_S = 110.0
"""What may take so long in all: programs that hang, a server that does not answer."""
LONGEST_FILE = 1024 * 1024
CUT = "(what was before that is left out)\n"
README = "README.txt"
_README = """\
Diagnostics bundle of the IVS box {host}, made at {time} by ivsd bundle.

One file for each part; self-test.txt is what `ivsd doctor` finds:
{files}

What is blacked out is “…”:
- passwords, tokens, and keys of this box that could be read, in every file and spelling ({count}
  texts; one of fewer than {shortest} signs is not looked for outside of the configuration);
- what stands behind a word such as password, token or secret, and a user in an address;
- in the configuration all comments, what ivsd does not know, and the fields of the site's template;
  line numbers are those of the file;
- in journal, status, self-test and audit what may be the number of a badge or a PIN, but for the
  last three places of a long one.

What is there: the names of rooms, controls, devices and hosts, and addresses; in the journal and
the status also the names of people, as the table of badges and VALT have them.
{unread}"""
_UNREAD = """
This user may not read the following. `sudo ivsd bundle` has more to show; and a secret that could
not be read is only recognised by the words around it:
{lines}
"""


@dataclass(frozen=True)
class Archive:
    """A bundle that is ready to be sent."""

    name: str
    """Of the folder in it; its file is this and `.tar.gz`."""
    data: bytes
    missing: list[str]
    """What is not in it, or not all of it, and why."""


def archive(
    config: Path,
    socket: Path,
    places: Places,
    environ: Mapping[str, str],
    stamp: str,
    *,
    most_bytes: int | None = None,
) -> Archive:
    """Make the archive; of one that is longer than `most_bytes` the longest files are cut."""
    known = Known(config, places, environ)
    redactor = Redactor(known.secrets, known.numbers)
    box = Box(config, socket, places, redactor, time.monotonic() + WITHIN_S)
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", redactor.known(network.gethostname()))
    name = f"ivsd-{host}-{stamp}"
    files: dict[str, bytes] = {}
    missing: list[str] = []
    for file, make in FILES.items():
        text, why = made(make, box)
        files[file] = _finished(_instead(file, why) if why else text, redactor)
        if why:
            missing.append(redactor.text(f"{file}: {why}"))
    while True:
        readme = _readme(host, stamp, redactor, known, missing)
        data = _packed(name, {README: _finished(readme, redactor)} | files)
        if most_bytes is None or len(data) <= most_bytes or not (cut := _cut_longest(files)):
            return Archive(name, data, missing)
        missing = [line for line in missing if not line.startswith(f"{cut}: ")]
        missing.append(f"{cut}: all but its last {len(files[cut]) // 1000} kB, for it is too long")


def _readme(host: str, stamp: str, redactor: Redactor, known: Known, missing: list[str]) -> str:
    lines = "\n".join(f"  {line}" for line in dict.fromkeys(known.unread))
    return _README.format(
        host=host,
        time=stamp,
        files="\n".join(f"  {file}" for file in FILES)
        + "".join(f"\n  left out: {line}" for line in missing),
        count=redactor.count,
        shortest=SHORTEST,
        unread=_UNREAD.format(lines=lines) if known.unread else "",
    )


def _instead(file: str, why: str) -> str:
    text = f"This part is not there: {why}"
    return json.dumps({"problem": text}, ensure_ascii=False) if file.endswith(".json") else text


def _finished(text: str, redactor: Redactor) -> bytes:
    """Redact once more what any file says, as a whole, and make it safe to look at."""
    text = redactor.text(text.rstrip("\n") + "\n")
    text = "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
    return _end_of(text.encode("utf-8", "replace"), LONGEST_FILE)


def _end_of(data: bytes, most: int) -> bytes:
    """Return its last whole lines, with a note when these are not all."""
    if len(data) <= most:
        return data
    return CUT.encode() + data[-most:].partition(b"\n")[2]


def _cut_longest(files: dict[str, bytes]) -> str:
    """Halve the longest file, as it was redacted; return its name, "" if that gains nothing."""
    texts = [file for file in files if not file.endswith(".json")]  # half of one is none
    longest = max(texts, key=lambda file: len(files[file]))
    cut = _end_of(files[longest], len(files[longest]) // 2)
    if len(cut) >= len(files[longest]):
        return ""
    files[longest] = cut
    return longest


def _packed(name: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file, data in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()

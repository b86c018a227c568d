"""`ivsd bundle`: one archive that a technician sends to support, without a secret in it (law 8)."""

from __future__ import annotations

import io
import json
import os
import re
import socket as network
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from ivsd.appliance import durable
from ivsd.appliance.factory.places import Places
from ivsd.bundle.known import Known
from ivsd.bundle.parts import PARTS, Box, made
from ivsd.bundle.redact import SHORTEST, Redactor

STDOUT = Path("-")
LONGEST_PART = 1024 * 1024
_README = """\
Diagnostics bundle of the IVS box {host}, made at {time} by ivsd bundle.

One file for each part:
{parts}

What is blacked out is “…”:
- passwords, tokens, and keys of this box that could be read, in every file and spelling ({count}
  texts; one of fewer than {shortest} signs is not looked for outside of the configuration);
- what stands behind a word such as password, token or secret, and a user in an address;
- in the configuration all comments, what ivsd does not know, and the fields of the site's template;
  line numbers are those of the file;
- in journal, status and audit what may be the number of a badge or a PIN, but for the last three
  places of a long one. The names of rooms, controls, devices and hosts are there, and addresses.
{unread}"""
_UNREAD = """
This user may not read the following. `sudo ivsd bundle` has more to show; and a secret that could
not be read is only recognised by the words around it:
{lines}
"""


def bundle(config: Path, socket: Path, out: Path | None) -> int:
    """Write the archive to `out` ("-": standard output; None: a new file here); return the code."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name, data, missing = archive(config, socket, Places(), os.environ, stamp)
    if out == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    path = out or Path(f"{name}.tar.gz")
    if path.exists() and not path.is_file():
        print(f"ivsd: {path} is no file: give -o - for the standard output", file=sys.stderr)
        return 1
    try:
        durable.write(path, data, mode=0o600)
    except OSError as e:
        print(f"ivsd: {path} cannot be written: {e.strerror}", file=sys.stderr)
        return 1
    print(
        f"{path}: {len(data) / 1000:.0f} kB, for its owner only; README.txt in it says what it is."
    )
    for line in missing:
        print(f"  without {line}")
    if missing and os.geteuid() != 0:
        print("  sudo may have more to show.")
    return 0


def archive(
    config: Path, socket: Path, places: Places, environ: Mapping[str, str], stamp: str
) -> tuple[str, bytes, list[str]]:
    """Make the archive; return the name of its folder, its bytes, and what is not in it."""
    known = Known(config, places, environ)
    redactor = Redactor(known.secrets, known.numbers)
    box = Box(config, socket, places, redactor)
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", redactor.known(network.gethostname()))
    name = f"ivsd-{host}-{stamp}"
    files, missing = {}, []
    for file, part in PARTS.items():
        text, why = made(part, box)
        files[file] = text if not why else _instead(file, why)
        if why:
            missing.append(redactor.text(f"{file}: {why}"))
    readme = _README.format(
        host=host,
        time=stamp,
        parts="\n".join(f"  {file}" for file in PARTS)
        + "".join(f"\n  not there: {line}" for line in missing),
        count=redactor.count,
        shortest=SHORTEST,
        unread=_UNREAD.format(lines="\n".join(f"  {line}" for line in dict.fromkeys(known.unread)))
        if known.unread
        else "",
    )
    files = {"README.txt": readme} | files
    finished = {file: _finished(text, redactor) for file, text in files.items()}
    return name, _packed(name, finished), missing


def _instead(file: str, why: str) -> str:
    text = f"This part is not there: {why}"
    return json.dumps({"problem": text}, ensure_ascii=False) if file.endswith(".json") else text


def _finished(text: str, redactor: Redactor) -> bytes:
    """Redact once more what any part says, as a whole, and make it safe to look at."""
    text = redactor.text(text.rstrip("\n") + "\n")
    text = "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
    if len(text) > LONGEST_PART:
        text = f"(what was before that is left out)\n{text[-LONGEST_PART:].partition(chr(10))[2]}"
    return text.encode("utf-8", "replace")


def _packed(name: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file, data in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()

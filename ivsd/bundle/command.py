"""`ivsd bundle`: makes the archive and writes it where it is wanted."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ivsd.appliance import durable
from ivsd.appliance.factory.places import Places
from ivsd.appliance.status_command import printable
from ivsd.bundle.packing import archive

STDOUT = Path("-")
WRONG_USAGE = 2
"""An exit code."""


def bundle(config: Path, socket: Path, out: Path | None, *, as_json: bool = False) -> int:
    """Write the archive to `out` ("-": standard output; None: a new file here); return the code.

    `as_json` says which file it is and what is not in it as {"file", "without"}.
    """
    if as_json and out == STDOUT:
        print("ivsd: --json and -o - both want the standard output", file=sys.stderr)
        return WRONG_USAGE
    made = archive(config, socket, Places(), os.environ, time.strftime("%Y%m%d-%H%M%S"))
    if out == STDOUT:
        sys.stdout.buffer.write(made.data)
        sys.stdout.buffer.flush()
        return 0
    path = out or Path(f"{made.name}.tar.gz")
    if path.exists() and not path.is_file():
        print(f"ivsd: {path} is no file: give -o - for the standard output", file=sys.stderr)
        return 1
    try:
        _write(path, made.data)
    except OSError as e:
        print(f"ivsd: {path} cannot be written: {e.strerror}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"file": str(path), "without": made.missing}, ensure_ascii=False))
        return 0
    kilobytes = len(made.data) / 1000
    print(f"{path}: {kilobytes:.0f} kB, for its owner only; README.txt in it says what it is.")
    for line in made.missing:
        print(printable(f"  without {line}"))
    if made.missing and os.geteuid() != 0:
        print("  sudo may have more to show.")
    return 0


def _write(path: Path, data: bytes) -> None:
    """Write it for its owner only, in place of a file of that name; raises OSError.

    Without the folder's lock: in a folder such as /tmp anybody could hold that.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        durable.write_in(folder, path.name, data, mode=0o600)
    finally:
        os.close(folder)

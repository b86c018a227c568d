"""`ivsd bundle`: makes the archive and writes it where it is wanted."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ivsd.appliance import durable
from ivsd.appliance.factory.places import Places
from ivsd.bundle.packing import archive

STDOUT = Path("-")


def bundle(config: Path, socket: Path, out: Path | None) -> int:
    """Write the archive to `out` ("-": standard output; None: a new file here); return the code."""
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
        durable.write(path, made.data, mode=0o600)
    except OSError as e:
        print(f"ivsd: {path} cannot be written: {e.strerror}", file=sys.stderr)
        return 1
    kilobytes = len(made.data) / 1000
    print(f"{path}: {kilobytes:.0f} kB, for its owner only; README.txt in it says what it is.")
    for line in made.missing:
        print(f"  without {line}")
    if made.missing and os.geteuid() != 0:
        print("  sudo may have more to show.")
    return 0

"""The daemon's child: prints the answer of the operation `bundle` as one line of JSON.

A process of its own, so that neither the memory nor the loop of the daemon has to do with it. The
daemon starts it with `python -m ivsd.bundle CONFIG SOCKET`; nobody else needs it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ivsd.appliance.factory.places import Places
from ivsd.bundle.packing import archive

NICE = 10
MOST_BYTES = 700 * 1024
"""As base64, and with what is missing, it fits into an answer of the control socket (1 MiB)."""
MOST_MISSING, LONGEST_MISSING = 20, 300


def main(config: Path, socket: Path) -> int:
    """Make the bundle; return the exit code."""
    # An exception, so that programs which it has started are ended with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.suppress(OSError):  # the filter of ivsd.service refuses it
        os.nice(NICE)
    with contextlib.suppress(OSError):  # the first that goes where memory ends (proc(5))
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    made = archive(config, socket, Places(), os.environ, stamp, most_bytes=MOST_BYTES)
    print(json.dumps(answer(made.name, made.data, made.missing)), flush=True)
    return 0


def answer(name: str, data: bytes, missing: Sequence[str]) -> dict[str, object]:
    """Return it as the control socket carries it."""
    return {
        "name": f"{name}.tar.gz",
        "data": base64.b64encode(data).decode("ascii"),
        "without": [line[:LONGEST_MISSING] for line in missing[:MOST_MISSING]],
    }


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))

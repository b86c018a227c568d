"""The diagnostics bundle for who asks over the control socket, made by a child of the daemon.

It reads much, runs programs and asks the server: none of that is for the process of the buttons.
One at a time, ended when it takes too long or says too much.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ivsd.appliance.operations import Refused

WITHIN_S = 140.0
"""The child has shorter limits of its own; the operation's is longer, so that this is told."""
MOST_BYTES = 1_000_000
"""An answer of the control socket is a line of 1 MiB at most, with what is around this."""
END_WITHIN_S = 2.0
INSTEAD = "on the box there is: sudo ivsd bundle"
# -I: nothing but its own packages, whatever the environment says.
CHILD = (sys.executable, "-I", "-m", "ivsd.bundle")


class Bundling:
    """The bundle of the box at `config`, whose daemon listens at `socket`; for any thread."""

    def __init__(
        self,
        config: Path,
        socket: Path | None,
        child: Sequence[str] = CHILD,
        within_s: float = WITHIN_S,
    ) -> None:
        self._argv = [*child, str(config), str(socket)]
        self._within_s = within_s
        self._making = threading.Lock()

    def do(self, op: str, args: Mapping[str, Any]) -> dict[str, Any] | Refused:
        """Make it and return {"name", "data", "without"}; takes up to two minutes."""
        if not self._making.acquire(blocking=False):
            return Refused("busy", "a bundle is being made just now: try again in two minutes")
        try:
            return self._made()
        except OSError as e:
            return _not_made(f"it cannot be started: {e.strerror}")
        finally:
            self._making.release()

    def _made(self) -> dict[str, Any] | Refused:
        # What it has to complain of is no line for the journal: nothing has redacted it.
        child = subprocess.Popen(  # noqa: S603 - no shell, and every word is ours
            self._argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            said, problem = self._read(child, time.monotonic() + self._within_s)
        finally:
            _end(child)
        if problem:
            return _not_made(problem)
        try:
            found = json.loads(said)
            return {key: found[key] for key in ("name", "data", "without")}
        except (ValueError, TypeError, KeyError):
            return _not_made(f"its process ended with {child.returncode}")

    def _read(self, child: subprocess.Popen[bytes], until: float) -> tuple[bytes, str]:
        """Return all that it says, and why that is not enough, "" when it is."""
        assert child.stdout is not None
        pipe, said = child.stdout.fileno(), bytearray()
        while (left_s := until - time.monotonic()) > 0:
            if not select.select([pipe], [], [], left_s)[0]:
                break
            new = os.read(pipe, 65536)
            if not new:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(END_WITHIN_S)
                return bytes(said), ""
            said += new
            if len(said) > MOST_BYTES:
                return b"", "it is larger than what can be sent from here"
        return b"", f"it took more than {self._within_s:g} s"


def _not_made(why: str) -> Refused:
    return Refused("not_made", f"no bundle was made: {why}; {INSTEAD}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End it, in good order if it can: then it ends the programs that it has started."""
    assert child.stdout is not None
    child.stdout.close()
    for end in (child.terminate, child.kill):
        if child.poll() is None:
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(END_WITHIN_S)

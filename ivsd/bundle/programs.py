"""Runs the programs of the system whose answers go into the bundle, and waits for none of them."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 10.0
MOST_BYTES = 256 * 1024
_SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"  # `ip` is not in the PATH of everybody


@dataclass(frozen=True)
class Ran:
    """What a program has said, whole lines only: half a secret is not recognised as one."""

    text: str
    problem: str
    """Why it is not all, "" when it is."""

    def __str__(self) -> str:
        return "\n".join(part for part in (self.text.rstrip("\n"), self._note()) if part)

    def _note(self) -> str:
        return f"({self.problem})" if self.problem else ""


def run(argv: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> Ran:
    """Run a program and return the end of what it says; never raises."""
    if timeout_s <= 0:
        return Ran("", f"there was no time left for {argv[0]}")
    path = shutil.which(argv[0], path=f"{os.environ.get('PATH', '')}:{_SYSTEM}")
    if path is None:
        return Ran("", f"there is no {argv[0]} on this box")
    env = {"PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM}", "LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and every word is from this package
            [path, *argv[1:]],
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as e:
        return Ran("", f"{argv[0]} cannot be run: {e.strerror}")
    try:
        data, is_cut, is_late = _read(process, time.monotonic() + timeout_s)
    finally:
        _end(process)
    text = _whole_lines(data, without_first=is_cut, without_last=is_late)
    if is_late:
        return Ran(text, f"{argv[0]} was ended: it took more than {timeout_s:g} s")
    problems = ["what was before that is left out"] if is_cut else []
    if process.returncode:
        problems.append(f"{argv[0]} ended with {process.returncode}")
    return Ran(text, "; ".join(problems))


def _read(process: subprocess.Popen[bytes], give_up_at: float) -> tuple[bytes, bool, bool]:
    """Read until it ends; return the last of it, whether there was more, whether it is late."""
    assert process.stdout is not None
    pipe, data, is_cut = process.stdout.fileno(), b"", False
    while (left_s := give_up_at - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left_s)[0]:
            break
        new = os.read(pipe, 65536)
        if not new:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, give_up_at - time.monotonic()))
            return data, is_cut, False
        data += new
        if len(data) > MOST_BYTES:
            data, is_cut = data[-MOST_BYTES:], True
    return data, is_cut, True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it has started; its own id is still its own, it was not waited for."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that hangs in the kernel
            process.wait(1.0)
    assert process.stdout is not None
    process.stdout.close()


def _whole_lines(data: bytes, *, without_first: bool, without_last: bool) -> str:
    if without_first:
        data = data.partition(b"\n")[2]
    if without_last:
        data = data.rpartition(b"\n")[0]
    return data.decode("utf-8", "replace")


def last_lines(path: Path, most: int) -> str:
    """Return the last lines of a file, whole ones only; raises OSError."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - MOST_BYTES)
        file.seek(start)
        text = _whole_lines(file.read(MOST_BYTES), without_first=start > 0, without_last=False)
    return "\n".join(text.splitlines()[-most:])

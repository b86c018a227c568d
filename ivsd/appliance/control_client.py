"""The other end of the control socket: for the command line, the device's page and scripts."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ivsd.appliance.operations import ANSWER_WITHIN_S, OPERATIONS
from ivsd.appliance.status import NotAStatus, Status, from_json

TIMEOUT_S = 2.0
LOOK_S = 0.5  # how often it is seen whether somebody waits still
LONGEST_ANSWER = 1024 * 1024


class ControlError(Exception):
    """The daemon could not be asked, or said no; `str()` is a sentence for a technician.

    `code` is one of the daemon's (see `ivsd.appliance.operations`) or no_daemon, no_permission,
    no_answer, bad_answer.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


LATER_S = 2.0
"""How much longer a caller waits for what may take long: the daemon itself shall say why."""


def ask(
    path: Path,
    op: str,
    args: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    is_gone: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Have one operation done and return its data; raises ControlError.

    `is_gone` tells whether nobody waits for it any more: then it is hung up, which ends a `learn`.
    """
    wanted = OPERATIONS.get(op)  # a daemon of another version may know it
    if wanted is not None and wanted.within_s > ANSWER_WITHIN_S:
        timeout_s = max(timeout_s, wanted.within_s + LATER_S)
    with _Connection(path, op, timeout_s, args) as connection:
        return connection.answer(timeout_s, is_gone)


def status(path: Path, *, timeout_s: float = TIMEOUT_S) -> Status:
    """Ask for the status; raises ControlError."""
    return _status(ask(path, "status", timeout_s=timeout_s))


def follow(path: Path, *, timeout_s: float = TIMEOUT_S) -> Iterator[Status]:
    """Yield the status now and after each change, for ever; raises ControlError.

    The time-out is that of the first: afterwards nobody knows when something will change.
    """
    with _Connection(path, "subscribe", timeout_s) as connection:
        yield _status(connection.answer(timeout_s))
        while True:
            yield _status(connection.answer(None))


def _status(data: dict[str, Any]) -> Status:
    try:
        return from_json(data)
    except NotAStatus as e:
        raise ControlError("bad_answer", str(e)) from None


class _Connection:
    """One connection with one request; every failure is a ControlError."""

    def __init__(
        self, path: Path, op: str, timeout_s: float, args: Mapping[str, Any] | None = None
    ) -> None:
        request = {"id": 1, "op": op, "args": dict(args or {})}
        self._read = b""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(timeout_s)
        try:
            self._sock.connect(str(path))
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except (FileNotFoundError, ConnectionRefusedError):
            self._fail("no_daemon", f"no daemon answers: nobody listens at {path}")
        except PermissionError:
            text = f"{path} is for the group ivsd only: use sudo, or let root type “adduser NAME "
            self._fail("no_permission", f"{text}ivsd” and log in anew")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may have said why
        except OSError as e:  # a time-out is one, too
            why = "it does not answer" if isinstance(e, TimeoutError) else e.strerror or e
            self._fail("no_answer", f"the daemon cannot be asked at {path}: {why}")

    def _fail(self, code: str, text: str) -> None:
        self._sock.close()
        raise ControlError(code, text) from None

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *args: object) -> None:
        self._sock.close()

    def answer(
        self, timeout_s: float | None, is_gone: Callable[[], bool] | None = None
    ) -> dict[str, Any]:
        """Read the next answer; `None` waits for ever."""
        try:
            found = json.loads(self._line(timeout_s, is_gone))
            if found["ok"] is True and isinstance(found["data"], dict):
                return found["data"]
            code, text = str(found["error"]["code"]), str(found["error"]["text"])
        except (ValueError, RecursionError, TypeError, KeyError):
            raise ControlError("bad_answer", "what answers is no ivsd daemon") from None
        raise ControlError(code, text)

    def _line(self, timeout_s: float | None, is_gone: Callable[[], bool] | None) -> bytes:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while b"\n" not in self._read:
            if len(self._read) > LONGEST_ANSWER:
                raise ControlError("bad_answer", "what answers is no ivsd daemon")
            try:
                # Never 0, which would mean not to wait at all.
                left_s = None if deadline is None else max(0.001, deadline - time.monotonic())
                if is_gone is not None:
                    left_s = LOOK_S if left_s is None else min(LOOK_S, left_s)
                self._sock.settimeout(left_s)
                data = self._sock.recv(65536)
            except TimeoutError:
                is_over = deadline is not None and time.monotonic() >= deadline
                if is_gone is not None and not is_over and not is_gone():
                    continue
                raise ControlError("no_answer", "the daemon does not answer") from None
            except OSError:
                data = b""
            if not data:
                raise ControlError("no_answer", "the daemon has ended, or hung up")
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line

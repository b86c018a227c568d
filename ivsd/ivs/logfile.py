"""The log file of the documented module: one line per entry, safe when several programs write."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

# A pipe that nobody reads is an error, and not a wait for somebody.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK

_trouble = logging.getLogger("ivsd.ivs")

SAME_AGAIN_S = 60.0
MOST_REMEMBERED = 100


def _program_folder() -> Path:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    for program in filter(None, (main, *getattr(sys, "argv", [])[:1])):
        if Path(program).is_file():
            return Path(program).absolute().parent
    try:
        return Path.cwd()  # a prompt or `python -c`, which have no file
    except OSError:
        return Path()


PROGRAM_FOLDER = _program_folder()  # taken now, for a program may change its folder later


def log(message: object, logpath: str | os.PathLike[str] | None = None) -> None:
    """Append `YYYY-MM-DD HH:MM:SS message` to a log file, in local time.

    The file is `ivs.log` beside the executed program unless `logpath` names another. An entry is
    one line: line breaks in the message become spaces. It is appended by a single write, which
    the kernel does not mix with another program's, so several may share the file.
    A disk that fails is reported as a warning of Python's `logging` and never raises.
    """
    path = PROGRAM_FOLDER / "ivs.log" if logpath is None else logpath
    line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(str(message).splitlines())}\n"
    try:
        handle = os.open(path, _APPEND, 0o666)
        try:
            whole = line.encode("utf-8", "backslashreplace")
            if os.write(handle, whole) < len(whole):
                raise OSError("only a part was written")
        finally:
            os.close(handle)
    except (OSError, ValueError, TypeError) as e:
        _trouble.warning("cannot write to the log %r: %s", str(path), e)


class ErrorLog:
    """Where one `ivs.valt` writes its errors; `path` False writes nowhere.

    A script may ask for ever. So the same error is written once a minute, and a log-in that
    fails is one line, and one more when it works again.
    """

    def __init__(self, path: str | os.PathLike[str] | bool | None, about: str) -> None:
        if isinstance(path, str | os.PathLike):
            path = os.path.abspath(path)  # a program may change its folder later
        self._path = path
        self._about = about
        self._lost = ""
        self._written: dict[str, float] = {}  # monotonic time of each text's last line

    def write(self, text: str) -> None:
        """Write one line about this server."""
        if self._path is not False:
            log(f"{self._about}: {text}", None if self._path is True else self._path)

    def note(self, text: str) -> None:
        """Write an error, unless it was written within the last minute."""
        now = time.monotonic()
        if now - self._written.get(text, -SAME_AGAIN_S) >= SAME_AGAIN_S:
            if len(self._written) >= MOST_REMEMBERED:
                self._written.clear()
            self._written[text] = now
            self.write(text)

    def lost(self, reason: str) -> None:
        """Write that the log-in fails, unless that was written last."""
        if reason != self._lost:
            self._lost = reason
            self.write(f"log-in: {reason}")

    def well(self) -> None:
        """Write that the log-in works again, if it had failed."""
        if self._lost:
            self._lost = ""
            self.write("logged in again")

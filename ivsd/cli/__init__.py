"""The commands a technician types. No logic of its own: each hands over to its part.

What a command needs is imported when it is called: `ivsd status` shall not wait for what only the
daemon uses.
"""

from __future__ import annotations

import argparse
import io
import os
import select
import sys
from collections.abc import Sequence
from typing import TextIO

from ivsd import __version__
from ivsd.cli import asking, checking, service, trying
from ivsd.cli.commands import Commands
from ivsd.cli.exit_codes import ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (see `ivsd.cli.exit_codes`)."""
    try:
        try:
            return _run(argv)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, or Python itself would complain when it ends
    except BrokenPipeError:
        if not _is_unread(sys.stdout):
            raise  # it was another pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to write
        return ExitCode.CLOSED_PIPE


def _is_unread(stream: TextIO) -> bool:
    """Whether it is a pipe, and whoever has read from it has ended."""
    poll = select.poll()
    poll.register(stream, 0)
    return any(happened & select.POLLERR for _, happened in poll.poll(0))


def _run(argv: Sequence[str] | None) -> int:
    args = parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file may hold anything
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser; what it finds has `run`, which takes it and returns the exit code.

    The man page and the completion of the shells are made from it, too (`make docs`).
    """
    whole = argparse.ArgumentParser(
        prog="ivsd",
        description="Buttons, PINs and badges at the door become VALT recordings.",
        epilog="ivsd COMMAND --help says more of a command, with an example and its exit codes.",
    )
    whole.add_argument("--version", action="version", version=f"ivsd {__version__}")
    commands = Commands(whole)
    for part in (asking, checking, service, trying):
        part.add_to(commands)
    return whole

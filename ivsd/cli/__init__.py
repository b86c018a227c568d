"""The commands a technician types. No logic of its own: each hands over to its part.

What a command needs is imported when it is called: `ivsd status` shall not wait for what only the
daemon uses.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from ivsd import __version__
from ivsd.cli import asking, checking, service, trying
from ivsd.cli.commands import Commands
from ivsd.cli.exit_codes import ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (see `ivsd.cli.exit_codes`)."""
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

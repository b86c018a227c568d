"""The form that a command's help has, and what several commands take."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

from ivsd.cli.exit_codes import MEANINGS, ExitCode

CONFIG = Path("/etc/ivsd/ivsd.yaml")
SOCKET = Path("/run/ivsd/control.sock")
UNUSABLE = "wrong usage, or the configuration cannot be used"
WIDTH = 79
FROM_DAEMON = {code: MEANINGS[code] for code in (ExitCode.NO_DAEMON, ExitCode.NOT_TOLD)}
"""For commands that ask the daemon of this box."""

Run = Callable[[argparse.Namespace], int]


class Commands:
    """Takes up one command after the other."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._all = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    def add(
        self,
        name: str,
        run: Run,
        short: str,
        *,
        examples: tuple[str, ...],
        codes: Mapping[ExitCode, str],
        more: str = "",
    ) -> argparse.ArgumentParser:
        """Add a command: what it does in `short` and `more`, and what its exit codes tell."""
        sentence = f"{short[0].upper()}{short[1:]}."
        told = {ExitCode.USAGE: "wrong usage"} | dict(codes)
        command = self._all.add_parser(
            name,
            help=short,
            description=textwrap.fill(f"{sentence} {more}".strip(), WIDTH, break_on_hyphens=False),
            epilog="\n".join(
                [
                    "Examples:" if len(examples) > 1 else "Example:",
                    *(f"  {example}" for example in examples),
                    "",
                    "Exit codes:",
                    *(f"  {int(code):<4} {told[code]}" for code in sorted(told)),
                ]
            ),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        return command


# -- what several commands take ------------------------------------------------------------------


def takes_file(command: argparse.ArgumentParser) -> None:
    """Let a command be given an ivsd.yaml; without one it takes this box's own."""
    command.add_argument(
        "file", type=Path, nargs="?", default=CONFIG, metavar="FILE",
        help=f"an ivsd.yaml (default: {CONFIG})",
    )  # fmt: skip


def takes_config(command: argparse.ArgumentParser, default: Path, what: str) -> None:
    """Let a command that has a use for more than one file be told which is its own."""
    command.add_argument(
        "--config", type=Path, default=default, metavar="FILE", help=f"{what} (default: {default})"
    )


def takes_state(
    command: argparse.ArgumentParser, default: Path | None, shown: Path, what: str
) -> None:
    """Let a command keep what it must not forget in another folder."""
    command.add_argument(
        "--state", type=Path, default=default, metavar="FOLDER", help=f"{what} (default: {shown})"
    )


def takes_socket(command: argparse.ArgumentParser) -> None:
    """Let a command ask another daemon than that of this box."""
    command.add_argument(
        "--socket", type=Path, default=SOCKET, metavar="PATH",
        help=f"where the daemon is asked (default: {SOCKET})",
    )  # fmt: skip


def takes_json(command: argparse._ActionsContainer) -> None:
    """Let a command answer programs: with JSON on standard output, and nothing else."""
    command.add_argument("--json", action="store_true", help="for programs: one line of JSON")

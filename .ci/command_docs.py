"""Writes the man page and the completion of the shells from the parser of ivsd (`make docs`)."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import shtab
from argparse_manpage.manpage import Manpage

from ivsd import __version__, cli
from ivsd.cli.exit_codes import MEANINGS

FOLDER = Path(__file__).parent.parent / "ivsd" / "share"
FILES = """\
.TP
.I /etc/ivsd/ivsd.yaml
what this box is; its comments explain every key
.TP
.I /etc/ivsd/cards.yaml
its own table of badges
.TP
.I /etc/ivsd/web.yaml
where its pages are served
.TP
.I /var/lib/ivsd
markers that wait for the server, the password, and what was right last
.TP
.I /run/ivsd/control.sock
where the daemon is asked"""
SEE_ALSO = ".BR systemctl (1),\n.BR journalctl (1)"


def documents() -> dict[str, str]:
    """Return the text of each file by its name."""
    os.environ["COLUMNS"] = "1000"  # the pages are broken into lines by who shows them
    return {
        "ivsd.8": man_page(),
        "ivsd.bash": completion("bash"),
        "_ivsd": completion("zsh"),
        "ivsd.fish": completion("fish"),
    }


def man_page() -> str:
    """Return the page for `man ivsd`."""
    parser = cli.parser()
    commands = commands_of(parser)
    for listed in commands._choices_actions:
        listed.help = ""  # the description begins with it
    for command in commands.choices.values():
        # What stands at the end of a command's help, argparse-manpage would leave out.
        command.description = f"{command.description}\n\n{command.epilog}"
    parser.epilog = None
    page = Manpage(parser, format="single-commands-section")
    page.section = "8"
    page.manual = "ivsd"
    page.source = f"ivsd {__version__}"
    page.date = ""  # else each build would be another page
    page.description = "the daemon on keypads and badge readers of a VALT room"
    codes = (f".TP\n.B {int(code)}\n{meaning}" for code, meaning in MEANINGS.items())
    page.add_section("exit status", ">", "\n".join(codes))
    page.add_section("files", ">", FILES)
    page.add_section("see also", ">", SEE_ALSO)
    return str(page)


def completion(shell: str) -> str:
    """Return the completion for bash, zsh or fish."""
    parser = cli.parser()
    commands = commands_of(parser)
    for listed in commands._choices_actions:
        commands.choices[listed.dest].description = listed.help  # there is room for one line
    for command in commands.choices.values():
        for action in command._actions:
            if action.type is Path:
                is_folder = action.metavar == "FOLDER"
                action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell)).rstrip("\n") + "\n"


def commands_of(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[Any]:
    """Return what has the parser of each command."""
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return commands


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")

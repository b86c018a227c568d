"""The commands that find out what is wrong; they change nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivsd.cli.commands import (
    CONFIG,
    UNUSABLE,
    Commands,
    takes_config,
    takes_file,
    takes_json,
    takes_socket,
)
from ivsd.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from ivsd.config import Config, Problem
    from ivsd.config.schema import CardEntry


def add_to(commands: Commands) -> None:
    """Add check, explain, test-connection, doctor and bundle."""
    check = commands.add(
        "check",
        _check,
        "explain what is wrong with a configuration file",
        more="Every mistake at once, in it and in the cards.yaml beside it, each with file, line, "
        "key and what would be right.",
        examples=("sudo ivsd check", "ivsd check --json new.yaml"),
        codes={
            ExitCode.DONE: "the file is right",
            ExitCode.NOT_DONE: "something is wrong with it, or it cannot be read",
        },
    )
    takes_file(check)
    takes_json(check)

    explain = commands.add(
        "explain",
        _explain,
        "say what every control does in every state of the room",
        examples=("ivsd explain site.yaml",),
        codes={ExitCode.DONE: "it was said", ExitCode.USAGE: UNUSABLE},
    )
    takes_file(explain)
    takes_json(explain)

    connection = commands.add(
        "test-connection",
        _test_connection,
        "try the way from this box to its room, step by step",
        more="It names what is wrong, and needs no running daemon.",
        examples=("sudo ivsd test-connection", "ivsd test-connection --json site.yaml"),
        codes={
            ExitCode.DONE: "all is right",
            ExitCode.NOT_DONE: "something is wrong",
            ExitCode.USAGE: UNUSABLE,
        },
    )
    takes_file(connection)
    takes_json(connection)

    doctor = commands.add(
        "doctor",
        _doctor,
        "look at everything that a box needs, and say what to do",
        more="Configuration, devices, permissions, lights, the way to the room, clock and disk. "
        "Each lamp is lit and you are asked whether it was. With sudo it can see more.",
        examples=("sudo ivsd doctor", "sudo ivsd doctor --json"),
        codes={
            ExitCode.DONE: "all is right",
            ExitCode.NOT_DONE: "something is wrong",
            ExitCode.USAGE: UNUSABLE,
            ExitCode.INTERRUPTED: "Ctrl-C",
        },
    )
    takes_file(doctor)
    takes_json(doctor)
    doctor.add_argument("--no-lights", action="store_true", help="light no lamp, ask nothing")
    takes_socket(doctor)

    bundle = commands.add(
        "bundle",
        _bundle,
        "put all that helps support into one archive, without any secret",
        more="Configuration, status, journal, devices, network and versions. With sudo it can "
        "read more.",
        examples=("sudo ivsd bundle", "sudo ivsd bundle -o - > box.tar.gz"),
        codes={ExitCode.DONE: "it was written", ExitCode.NOT_DONE: "it was not"},
    )
    takes_config(bundle, CONFIG, "the ivsd.yaml of this box")
    takes_json(bundle)
    takes_socket(bundle)
    bundle.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="- for stdout; without it a file named after this box and the time",
    )  # fmt: skip


# -- the configuration -----------------------------------------------------------------------------


def _check(args: argparse.Namespace) -> int:
    from ivsd.appliance.settings import DEFAULT_CONFIG, DEFAULT_STATE
    from ivsd.config import ConfigError, password

    config, _, problems = _read(args.file)
    names_password = config is not None and bool(config.valt.password or config.valt.password_file)
    if config is not None and names_password:
        try:
            password(config, args.file)
        except ConfigError as e:
            problems += e.problems
    if args.json:
        _print_json(args.file, problems, {"names_password": names_password})
    elif problems:
        _print_problems(problems)
    else:
        print(f"{args.file}: all right")
        if not names_password:
            print(
                f"It holds no password: as {DEFAULT_CONFIG} it needs one that was moved to "
                f"{DEFAULT_STATE}, or the systemd credential valt-password."
            )
    return ExitCode.NOT_DONE if problems else ExitCode.DONE


def _explain(args: argparse.Namespace) -> int:
    from ivsd.appliance.status_command import printable
    from ivsd.config import salvage
    from ivsd.controller.explain import explain, meanings
    from ivsd.rules import rules_of

    # What is wrong elsewhere (no password here, perhaps) does not change what presses mean.
    decisive = ("", "controls", "recording", "cards")
    _, cards, problems = _read(args.file)
    concerned = [problem for problem in problems if problem.key.split(".")[0] in decisive]
    if concerned:
        if args.json:
            _print_json(args.file, concerned, {"inputs": []})
        else:
            _print_problems(concerned)
        return ExitCode.USAGE
    parts = salvage(args.file)
    rules = rules_of(parts.controls, parts.recording, parts.badges, cards)
    if args.json:
        inputs = [
            {"input": name, "does": {state: does for does in told for state in told[does]}}
            for name, told in meanings(rules)
        ]
        _print_json(args.file, [], {"inputs": inputs})
    else:
        for line in explain(rules):
            print(printable(line))
    return ExitCode.DONE


def _read(path: Path) -> tuple[Config | None, list[CardEntry], list[Problem]]:
    """Read ivsd.yaml and the cards.yaml beside it, with what is wrong in both."""
    from ivsd.config import ConfigError, load, load_cards_beside

    config: Config | None = None
    cards: list[CardEntry] = []
    problems: list[Problem] = []
    try:
        config = load(path)
    except ConfigError as e:
        problems += e.problems
    try:
        cards = load_cards_beside(path, config)
    except ConfigError as e:
        problems += e.problems
    return config, cards, problems


def _print_problems(problems: Iterable[Problem]) -> None:
    from ivsd.appliance.status_command import printable

    for problem in problems:
        print(printable(str(problem)))


def _print_json(path: Path, problems: Iterable[Problem], more: dict[str, Any]) -> None:
    told = [{"file": p.file, "line": p.line, "key": p.key, "text": p.text} for p in problems]
    document = {"file": str(path), "ok": not told, "problems": told} | more
    print(json.dumps(document, ensure_ascii=False))


# -- the box ---------------------------------------------------------------------------------------


def _test_connection(args: argparse.Namespace) -> int:
    from ivsd.test_connection import test_connection

    return test_connection(args.file, as_json=args.json)


def _doctor(args: argparse.Namespace) -> int:
    from ivsd.doctor import doctor

    return doctor(args.file, args.socket, as_json=args.json, asks=not args.no_lights)


def _bundle(args: argparse.Namespace) -> int:
    from ivsd.bundle import bundle

    return bundle(args.config, args.socket, args.output, as_json=args.json)

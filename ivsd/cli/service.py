"""The commands that systemd's units run, and the one that takes a box back to its beginning."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from ivsd.cli.commands import (
    CONFIG,
    SOCKET,
    Commands,
    takes_config,
    takes_file,
    takes_socket,
    takes_state,
)
from ivsd.cli.exit_codes import ExitCode

STATE = Path("/var/lib/ivsd")
WEB_CONFIG = Path("/etc/ivsd/web.yaml")
WEB_STATE = Path("/var/lib/ivsd-web")


def add_to(commands: Commands) -> None:
    """Add run, web, lights-off and factory-default."""
    run = commands.add(
        "run",
        _run,
        "run the daemon of this box",
        more="TERM ends it, HUP reads the files again. ivsd.service runs it.",
        examples=("ivsd run", "ivsd run --config site.yaml --state . --socket ./control.sock"),
        codes={
            ExitCode.DONE: "it was ended",
            ExitCode.NOT_DONE: "it has failed; systemd starts it anew",
        },
    )
    takes_config(run, CONFIG, "its ivsd.yaml")
    takes_state(run, None, STATE, "where markers are kept that wait for the server")
    run.add_argument(
        "--socket", type=Path, default=_own_socket(), metavar="PATH",
        help="where it can be asked; systemd's service has one in its RuntimeDirectory",
    )  # fmt: skip

    web = commands.add(
        "web",
        _web,
        "serve this box's own pages",
        more="web.yaml says where and how. TERM ends it. ivsd-web.service runs it.",
        examples=("ivsd web",),
        codes={
            ExitCode.DONE: "it was ended",
            ExitCode.NOT_DONE: "the pages cannot be served",
        },
    )
    takes_config(web, WEB_CONFIG, "its web.yaml")
    takes_state(web, WEB_STATE, WEB_STATE, "where the password of the pages is kept, as a hash")
    takes_socket(web)

    lights_off = commands.add(
        "lights-off",
        _lights_off,
        "put all lamps out, or to the look set for it, when ivsd does not run",
        more="ivsd.service does it when the daemon has ended.",
        examples=("sudo ivsd lights-off",),
        codes={
            ExitCode.DONE: "all lamps were set",
            ExitCode.NOT_DONE: "one was not: it is missing, or ivsd runs",
        },
    )
    takes_file(lights_off)

    factory = commands.add(
        "factory-default",
        _factory_default,
        "bring this box back to its factory state and restart it (root)",
        more="It loses the configuration, the password and what waits in the outbox.",
        examples=("sudo ivsd factory-default --yes",),
        codes={
            ExitCode.DONE: "it happens",
            ExitCode.NOT_DONE: "it does not, with why",
            ExitCode.USAGE: "wrong usage, or --yes is missing",
        },
    )
    factory.add_argument("--yes", action="store_true", help="really")


def _own_socket() -> Path | None:
    """Return where the daemon listens: in the folder that systemd has made for it, if it has."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) / SOCKET.name if folder else None


def _run(args: argparse.Namespace) -> int:
    from ivsd.appliance import journal
    from ivsd.appliance.settings import DEFAULT_STATE
    from ivsd.daemon import Daemon

    journal.set_up()
    # Only systemd's own service has such a folder; who tries it by hand keeps his file as it is.
    daemon = Daemon(
        args.config,
        args.state or DEFAULT_STATE,
        owns_file="STATE_DIRECTORY" in os.environ,
        socket=args.socket,
    )
    signal.signal(signal.SIGTERM, lambda *_: daemon.stop())
    signal.signal(signal.SIGINT, lambda *_: daemon.stop())
    signal.signal(signal.SIGHUP, lambda *_: daemon.reload())
    return daemon.run()


def _web(args: argparse.Namespace) -> int:
    try:
        from ivsd.web.serve import serve
    except ImportError as e:
        print(f"ivsd: the pages need the packages Flask and waitress: {e}", file=sys.stderr)
        return ExitCode.NOT_DONE
    return serve(args.config, args.state, args.socket)


def _lights_off(args: argparse.Namespace) -> int:
    from ivsd.appliance.settings import DEFAULT_STATE, salvage_beside
    from ivsd.hardware import RealHardware, switch_off

    lights = salvage_beside(args.file, DEFAULT_STATE).lights
    problems = switch_off(RealHardware().fixtures(lights))
    for problem in problems:
        print(problem, file=sys.stderr)
    return ExitCode.NOT_DONE if problems else ExitCode.DONE


def _factory_default(args: argparse.Namespace) -> int:
    from ivsd.appliance.factory import client

    if not args.yes:
        print(
            "ivsd: it loses the configuration, the password and what waits in the outbox, and "
            "restarts this box; add --yes",
            file=sys.stderr,
        )
        return ExitCode.USAGE
    try:
        client.ask()
    except client.FactoryDefaultError as e:
        print(f"ivsd: {e}", file=sys.stderr)
        return ExitCode.NOT_DONE
    print("The factory state is being restored, and this box restarts.")
    return ExitCode.DONE

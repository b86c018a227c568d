"""The commands for who has no box, or no server: the demo and the simulated VALT server."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from ivsd.cli.commands import Commands
from ivsd.cli.exit_codes import ExitCode

CERTIFICATES = ("good", "self_signed", "expired", "wrong_name", "not_yet_valid")
"""Those of `ivsd.valt.simulator.certificates`, which is not loaded to parse a line."""


def add_to(commands: Commands) -> None:
    """Add demo and simulate."""
    demo = commands.add(
        "demo",
        _demo,
        "try the daemon on this screen, against a simulated VALT server",
        more="In a terminal: a front panel with keys. Elsewhere: a short scenario.",
        examples=(
            "ivsd demo",
            "ivsd demo --scenario night.scenario",
            "ivsd demo --web 127.0.0.1:9000",
        ),
        codes={
            ExitCode.DONE: "the server really recorded what was pressed, or the panel was ended",
            ExitCode.NOT_DONE: "it did not, or the demo cannot run here",
        },
    )
    _takes_version(demo)
    demo.add_argument("--scenario", type=Path, metavar="FILE", help="play this file, no panel")
    demo.add_argument(
        "--web", type=_host_and_port, metavar="HOST:PORT",
        help="where a browser shows the same box (default 127.0.0.1:8080 beside the panel); "
        "without a terminal it runs until it is ended",
    )  # fmt: skip

    simulate = commands.add(
        "simulate",
        _simulate,
        "run the simulated VALT server alone, until it is ended",
        examples=(
            "ivsd simulate --port 8088 --user admin --password admin",
            "ivsd simulate --tls self_signed --control-port 8089",
            "ivsd simulate --valt-version 5.7.1 --quirk pause_resets_time=never",
        ),
        codes={
            ExitCode.DONE: "it was ended",
            ExitCode.NOT_DONE: "it cannot listen there, or a package is missing",
            ExitCode.USAGE: "wrong usage: --world, --quirk or --valt-version",
        },
    )
    simulate.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1"
    )
    simulate.add_argument("--port", type=int, default=8088, help="default: 8088")
    simulate.add_argument("--user", default="admin", help="default: admin")
    simulate.add_argument(
        "--password", default="admin", help="known to all: never a real one (default: admin)"
    )
    _takes_version(simulate)
    simulate.add_argument("--world", type=Path, metavar="FILE", help="your own rooms and users")
    simulate.add_argument(
        "--delay-ms", type=float, default=0.0, metavar="MS", help="wait before each reply"
    )
    simulate.add_argument(
        "--quirk", action="append", metavar="NAME=VALUE",
        help="the other answer to an open question of the API, such as pause_resets_time=never",
    )  # fmt: skip
    simulate.add_argument(
        "--tls", choices=CERTIFICATES, help="speak TLS, with a certificate of this kind"
    )
    simulate.add_argument(
        "--ca-file", type=Path, metavar="PATH", help="write the authority to trust there, in PEM"
    )
    simulate.add_argument(
        "--control-port", type=int, metavar="PORT",
        help="let other programs act, add faults and pull the cable, through a JSON API on "
        "loopback (off unless given; 0: any free port)",
    )  # fmt: skip


def _takes_version(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--valt-version", default="6.5.2", metavar="VERSION",
        help="which VALT the server is (default: 6.5.2)",
    )  # fmt: skip


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _demo(args: argparse.Namespace) -> int:
    from ivsd.demo import run

    return run(
        valt_version=args.valt_version,
        scenario=args.scenario,
        panel=sys.stdout.isatty() and sys.stdin.isatty() and args.scenario is None,
        web=args.web,
    )


def _simulate(args: argparse.Namespace) -> int:
    from ivsd.config import ConfigError, load_world
    from ivsd.valt.simulator import Control, Quirks, Simulator, World, WorldSpec, sample

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        spec = load_world(args.world, WorldSpec) if args.world else sample()
        world = World(
            spec, version=args.valt_version, quirks=Quirks.with_settings(args.quirk or [])
        )
    except (ConfigError, ValueError) as e:
        print(e, file=sys.stderr)
        return ExitCode.USAGE
    try:
        simulator = Simulator(
            world,
            host=args.host,
            port=args.port,
            username=args.user,
            password=args.password,
            delay_s=args.delay_ms / 1000,
            tls=args.tls,
            log=say,
        )
        if args.ca_file:
            args.ca_file.write_text(simulator.ca_pem, encoding="ascii")
    except (ValueError, ImportError) as e:
        print(e, file=sys.stderr)
        return ExitCode.NOT_DONE
    except OSError as e:
        print(f"cannot write {args.ca_file}: {e.strerror}", file=sys.stderr)
        return ExitCode.NOT_DONE
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    control = Control(simulator, port=args.control_port or 0, log=say)
    host, port = args.host, args.port
    try:
        simulator.start()
        if args.control_port is not None:
            host, port = control.host, control.port
            control.start()
    except (OSError, OverflowError) as e:
        simulator.stop()
        reason = getattr(e, "strerror", None) or e
        print(f"cannot listen on {host} port {port}: {reason}", file=sys.stderr)
        return ExitCode.NOT_DONE
    if args.tls:
        say(f"certificate {args.tls}, sha256:{simulator.fingerprint}")
    if args.control_port is not None:
        say(f"control API at {control.url}")
    say(f"VALT {args.valt_version} simulator at {simulator.url}, Ctrl-C ends it")
    ended.wait()
    control.stop()
    simulator.stop()
    return ExitCode.DONE

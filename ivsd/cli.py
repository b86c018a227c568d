"""The commands a technician types. No logic of its own: each hands over to its part."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from ivsd import __version__
from ivsd.appliance.settings import DEFAULT_STATE, salvage_beside
from ivsd.config import (
    Config,
    ConfigError,
    Problem,
    load,
    load_cards_beside,
    load_world,
    password,
    salvage,
)
from ivsd.config.schema import CardEntry

DEFAULT_CONFIG = Path("/etc/ivsd/ivsd.yaml")
SOCKET = Path("/run/ivsd/control.sock")
WEB_CONFIG = Path("/etc/ivsd/web.yaml")
WEB_STATE = Path("/var/lib/ivsd-web")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 well, 1 it failed, 2 wrong usage)."""
    args = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file may hold anything
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    return code


def _run(args: argparse.Namespace) -> int:
    from ivsd.appliance import journal
    from ivsd.daemon import Daemon

    journal.set_up()
    # Only systemd's own service has such a folder; who tries it by hand keeps his file as it is.
    daemon = Daemon(
        args.config, args.state, owns_file="STATE_DIRECTORY" in os.environ, socket=args.socket
    )
    signal.signal(signal.SIGTERM, lambda *_: daemon.stop())
    signal.signal(signal.SIGINT, lambda *_: daemon.stop())
    signal.signal(signal.SIGHUP, lambda *_: daemon.reload())
    return daemon.run()


def _devices(args: argparse.Namespace) -> int:
    from ivsd.devices import devices

    return devices(args.file, live=args.live)


def _lights_off(args: argparse.Namespace) -> int:
    from ivsd.hardware import RealHardware, switch_off

    lights = salvage_beside(args.file, DEFAULT_STATE).lights
    problems = switch_off(RealHardware().fixtures(lights))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _factory_default(args: argparse.Namespace) -> int:
    from ivsd.appliance.factory import client

    if not args.yes:
        print(
            "ivsd: it loses the configuration, the password and what waits in the outbox, and "
            "restarts this box; add --yes",
            file=sys.stderr,
        )
        return 2
    try:
        client.ask()
    except client.FactoryDefaultError as e:
        print(f"ivsd: {e}", file=sys.stderr)
        return 1
    print("The factory state is being restored, and this box restarts.")
    return 0


def _check(args: argparse.Namespace) -> int:
    config, _, problems = _read(args.file)
    names_password = config is not None and (config.valt.password or config.valt.password_file)
    if config is not None and names_password:
        try:
            password(config, args.file)
        except ConfigError as e:
            problems += e.problems
    if problems:
        print(ConfigError(problems))
        return 1
    print(f"{args.file}: all right")
    if not names_password:
        print(
            f"It holds no password: one that was moved to {DEFAULT_STATE}, or the systemd "
            "credential valt-password, must bring it."
        )
    return 0


def _status(args: argparse.Namespace) -> int:
    from ivsd.appliance.status_command import status

    return status(args.socket, as_json=args.json, watch=args.watch)


def _web(args: argparse.Namespace) -> int:
    try:
        from ivsd.web.serve import serve
    except ImportError as e:
        print(f"ivsd: the pages need the packages Flask and waitress: {e}", file=sys.stderr)
        return 1
    return serve(args.config, args.state, args.socket)


def _badge(args: argparse.Namespace) -> int:
    from ivsd.badge import badge

    return badge(args.file, typed=args.typed)


def _press(args: argparse.Namespace) -> int:
    from ivsd.appliance.press_command import press

    return press(args.socket, args.control, as_json=args.json)


def _test_connection(args: argparse.Namespace) -> int:
    from ivsd.test_connection import test_connection

    return test_connection(args.file, as_json=args.json)


def _bundle(args: argparse.Namespace) -> int:
    from ivsd.bundle import bundle

    return bundle(args.config, args.socket, args.output)


def _explain(args: argparse.Namespace) -> int:
    from ivsd.controller.explain import explain
    from ivsd.rules import rules_of

    # What is wrong elsewhere (no password here, perhaps) does not change what presses mean.
    decisive = ("", "controls", "recording", "cards")
    _, cards, problems = _read(args.file)
    concerned = [problem for problem in problems if problem.key.split(".")[0] in decisive]
    if concerned:
        print(ConfigError(concerned))
        return 1
    parts = salvage(args.file)
    for line in explain(rules_of(parts.controls, parts.recording, parts.badges, cards)):
        print(line)
    return 0


def _read(path: Path) -> tuple[Config | None, list[CardEntry], list[Problem]]:
    """Read ivsd.yaml and the cards.yaml beside it, with what is wrong in both."""
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


def _demo(args: argparse.Namespace) -> int:
    from ivsd.demo import run

    return run(
        valt_version=args.valt_version,
        scenario=args.scenario,
        panel=sys.stdout.isatty() and sys.stdin.isatty() and args.scenario is None,
        web=args.web,
    )


def _simulate(args: argparse.Namespace) -> int:
    from ivsd.valt.simulator import Control, Quirks, Simulator, World, WorldSpec, sample

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        spec = load_world(args.world, WorldSpec) if args.world else sample()
        world = World(
            spec, version=args.valt_version, quirks=Quirks.with_settings(args.quirk or [])
        )
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
    except (ConfigError, ValueError, ImportError) as e:
        print(e, file=sys.stderr)
        return 1
    except OSError as e:
        print(f"cannot write {args.ca_file}: {e.strerror}", file=sys.stderr)
        return 1
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
        return 1
    if args.tls:
        say(f"certificate {args.tls}, sha256:{simulator.fingerprint}")
    if args.control_port is not None:
        say(f"control API at {control.url}")
    say(f"VALT {args.valt_version} simulator at {simulator.url}, Ctrl-C ends it")
    ended.wait()
    control.stop()
    simulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ivsd", description="Buttons, PINs and badges at the door become VALT recordings."
    )
    parser.add_argument("--version", action="version", version=f"ivsd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the daemon of this box")
    run.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    run.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, metavar="FOLDER",
        help="where markers are kept that wait for the server",
    )  # fmt: skip
    run.add_argument(
        "--socket", type=Path, default=_own_socket(), metavar="PATH",
        help="where ivsd status asks; systemd's service has one in its RuntimeDirectory",
    )  # fmt: skip
    run.set_defaults(run=_run)

    status = commands.add_parser(
        "status",
        help="say how the daemon of this box is",
        description="Ends with 0 if all is right, 1 if something is wrong, 3 if no daemon answers "
        "and 4 if it does not answer you: no right, or too many ask.",
    )
    status.add_argument("--json", action="store_true", help="for programs: one line of JSON")
    status.add_argument(
        "--watch", action="store_true", help="again after each change, until Ctrl-C"
    )
    _takes_socket(status)
    status.set_defaults(run=_status)

    web = commands.add_parser("web", help="serve this box's own pages")
    web.add_argument("--config", type=Path, default=WEB_CONFIG, metavar="FILE")
    web.add_argument(
        "--state", type=Path, default=WEB_STATE, metavar="FOLDER",
        help="where the password of the pages is kept, as a hash",
    )  # fmt: skip
    _takes_socket(web)
    web.set_defaults(run=_web)

    check = commands.add_parser("check", help="explain what is wrong with a configuration file")
    _takes_file(check)
    check.set_defaults(run=_check)

    explain = commands.add_parser(
        "explain", help="say what every control does in every state of the room"
    )
    _takes_file(explain)
    explain.set_defaults(run=_explain)

    press = commands.add_parser(
        "press",
        help="do what a plain press of a control does, and say what came of it (root)",
        description="Ends with 0 if it was done, 1 if it failed or was ignored, 3 if no daemon "
        "answers and 4 if it does not answer you: no right, or too many ask.",
    )
    press.add_argument("control", metavar="CONTROL", help="as ivsd.yaml names it")
    press.add_argument("--json", action="store_true", help="for programs: one line of JSON")
    _takes_socket(press)
    press.set_defaults(run=_press)

    connection = commands.add_parser(
        "test-connection",
        help="try the way from this box to its room, step by step; changes nothing",
        description="Ends with 0 if all is right, 1 if something is wrong and 2 if the "
        "configuration cannot be read.",
    )
    _takes_file(connection)
    connection.add_argument("--json", action="store_true", help="for programs: one JSON document")
    connection.set_defaults(run=_test_connection)

    bundle = commands.add_parser(
        "bundle",
        help="put all that helps support into one archive, without any secret",
        description="Ends with 0 if it was written and 1 if not. With sudo it can read more.",
    )
    bundle.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    _takes_socket(bundle)
    bundle.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="- for stdout; without it a file named after this box and the time",
    )  # fmt: skip
    bundle.set_defaults(run=_bundle)

    badge = commands.add_parser(
        "badge", help="show a swiped badge in every notation, and whose it is in VALT"
    )
    _takes_file(badge)
    badge.add_argument(
        "--typed", action="store_true", help="the reader types into this terminal, at any computer"
    )
    badge.set_defaults(run=_badge)

    lights_off = commands.add_parser(
        "lights-off",
        help="put all lamps out, when ivsd does not run; systemd does it when it has ended",
    )
    _takes_file(lights_off)
    lights_off.set_defaults(run=_lights_off)

    factory = commands.add_parser(
        "factory-default", help="bring this box back to its factory state and restart it (root)"
    )
    factory.add_argument("--yes", action="store_true", help="really")
    factory.set_defaults(run=_factory_default)

    devices = commands.add_parser(
        "devices", help="list what this box has to press and to light, as ivsd.yaml names it"
    )
    _takes_file(devices)
    devices.add_argument(
        "--live", action="store_true", help="show every key as it is pressed, until Ctrl-C"
    )
    devices.set_defaults(run=_devices)

    demo = commands.add_parser(
        "demo",
        help="try the daemon on this screen, against a simulated VALT server",
        description="In a terminal: a front panel with keys. Elsewhere: a short scenario, which "
        "ends with 0 only if the server really recorded what was pressed.",
    )
    demo.add_argument("--valt-version", default="6.5.2", metavar="VERSION")
    demo.add_argument("--scenario", type=Path, metavar="FILE", help="play this file, no panel")
    demo.add_argument(
        "--web", type=_host_and_port, metavar="HOST:PORT",
        help="where a browser shows the same box (default 127.0.0.1:8080 beside the panel); "
        "without a terminal it runs until it is ended",
    )  # fmt: skip
    demo.set_defaults(run=_demo)

    simulate = commands.add_parser("simulate", help="run the simulated VALT server alone")
    simulate.add_argument("--host", default="127.0.0.1", metavar="ADDRESS")
    simulate.add_argument("--port", type=int, default=8088)
    simulate.add_argument("--user", default="admin")
    simulate.add_argument("--password", default="admin", help="known to all: never a real one")
    simulate.add_argument("--valt-version", default="6.5.2", metavar="VERSION")
    simulate.add_argument("--world", type=Path, metavar="FILE", help="your own rooms and users")
    simulate.add_argument("--delay-ms", type=float, default=0.0, help="wait before each reply")
    simulate.add_argument(
        "--quirk", action="append", metavar="NAME=VALUE",
        help="the other answer to an open question of the API, such as pause_resets_time=never",
    )  # fmt: skip
    simulate.add_argument(
        "--tls", metavar="KIND",
        help="speak TLS with a certificate that is good, self_signed, expired, wrong_name or "
        "not_yet_valid",
    )  # fmt: skip
    simulate.add_argument(
        "--ca-file", type=Path, metavar="PATH", help="write the authority to trust there, in PEM"
    )
    simulate.add_argument(
        "--control-port", type=int, metavar="PORT",
        help="let other programs act, add faults and pull the cable, through a JSON API on "
        "loopback (off unless given; 0: any free port)",
    )  # fmt: skip
    simulate.set_defaults(run=_simulate)
    return parser


def _takes_file(command: argparse.ArgumentParser) -> None:
    """Let a command be given an ivsd.yaml; without one it takes this box's own."""
    command.add_argument("file", type=Path, nargs="?", default=DEFAULT_CONFIG, metavar="FILE")


def _takes_socket(command: argparse.ArgumentParser) -> None:
    """Let a command ask another daemon than that of this box."""
    command.add_argument("--socket", type=Path, default=SOCKET, metavar="PATH")


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _own_socket() -> Path | None:
    """Return where the daemon listens: in the folder that systemd has made for it, if it has."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) / SOCKET.name if folder else None

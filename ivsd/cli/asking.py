"""The commands for who stands at the box: how it is, what it has, and what a hand does there."""

from __future__ import annotations

import argparse

from ivsd.cli.commands import FROM_DAEMON, UNUSABLE, Commands, takes_file, takes_json, takes_socket
from ivsd.cli.exit_codes import ExitCode


def add_to(commands: Commands) -> None:
    """Add status, press, devices and badge."""
    status = commands.add(
        "status",
        _status,
        "say how the daemon of this box is",
        more="Room, server, lights, devices and the last presses. The form of the JSON is "
        "documented in ivsd/appliance/status.py. Only root and the group ivsd may ask.",
        examples=("ivsd status", "ivsd status --json | jq .room.state"),
        codes={
            ExitCode.DONE: "all is right",
            ExitCode.NOT_DONE: "something is wrong",
            **FROM_DAEMON,
            ExitCode.INTERRUPTED: "Ctrl-C, with --watch",
        },
    )
    takes_json(status)
    status.add_argument(
        "--watch", action="store_true", help="again after each change, until Ctrl-C"
    )
    takes_socket(status)

    press = commands.add(
        "press",
        _press,
        "do what a plain press of a control does, and say what came of it (root)",
        examples=("sudo ivsd press record",),
        codes={
            ExitCode.DONE: "it was done",
            ExitCode.NOT_DONE: "it failed or was ignored, or there is no such control",
            **FROM_DAEMON,
        },
    )
    press.add_argument("control", metavar="CONTROL", help="as ivsd.yaml names it")
    takes_json(press)
    takes_socket(press)

    devices = commands.add(
        "devices",
        _devices,
        "list what this box has to press and to light, as ivsd.yaml names it",
        more="Keyboards, readers, GPIO lines and LEDs, each with the line of ivsd.yaml for it. "
        "While ivsd runs it has its devices for itself: --live, typed by root, is shown by it what "
        "is pressed there, and such presses do nothing else.",
        examples=("ivsd devices", "sudo ivsd devices --live"),
        codes={
            ExitCode.DONE: "they were listed",
            ExitCode.NOT_DONE: "none can be shown live: no package, or no right",
            ExitCode.INTERRUPTED: "Ctrl-C, with --live",
        },
    )
    takes_file(devices)
    either = devices.add_mutually_exclusive_group()
    either.add_argument(
        "--live", action="store_true", help="show every key as it is pressed, until Ctrl-C"
    )
    takes_json(either)
    takes_socket(devices)

    badge = commands.add(
        "badge",
        _badge,
        "show a swiped badge in every notation, and whose it is in VALT",
        more="While ivsd runs it has the readers: then it is asked to show the next badge, which "
        "only root may. That swipe does nothing else.",
        examples=("sudo ivsd badge", "ivsd badge --typed site.yaml"),
        codes={
            ExitCode.DONE: "it was shown",
            ExitCode.NOT_DONE: "no badge came, or none was shown",
            ExitCode.USAGE: UNUSABLE,
            **FROM_DAEMON,
            ExitCode.INTERRUPTED: "Ctrl-C",
        },
    )
    takes_file(badge)
    takes_json(badge)
    badge.add_argument(
        "--typed", action="store_true", help="the reader types into this terminal, at any computer"
    )
    takes_socket(badge)


def _status(args: argparse.Namespace) -> int:
    from ivsd.appliance.status_command import status

    return status(args.socket, as_json=args.json, watch=args.watch)


def _press(args: argparse.Namespace) -> int:
    from ivsd.appliance.press_command import press

    return press(args.socket, args.control, as_json=args.json)


def _devices(args: argparse.Namespace) -> int:
    if args.live:
        from ivsd.devices_live import show

        return show(args.file, args.socket)
    from ivsd.devices import devices

    return devices(args.file, as_json=args.json)


def _badge(args: argparse.Namespace) -> int:
    from ivsd.badge import badge

    return badge(args.file, args.socket, typed=args.typed, as_json=args.json)

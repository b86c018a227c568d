"""Root's program: systemd starts `serve` and `resume`, the installer `install FOLDER`."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from ivsd.appliance import journal
from ivsd.appliance.factory import work_folder
from ivsd.appliance.factory.machine import Box
from ivsd.appliance.factory.places import Places
from ivsd.appliance.factory.resume import resume
from ivsd.appliance.factory.service import Service, allowed_users
from ivsd.appliance.factory.setup import install
from ivsd.appliance.factory.work_folder import Refused
from ivsd.config.problems import ConfigError

_FIRST_FD = 3  # sd_listen_fds(3)


class _Ended(Exception):
    """systemd's patience is over: this attempt has failed, and is counted."""


def main(words: list[str]) -> int:
    """Run one of the three; return the exit code."""
    places, machine = Places(), Box()
    match words:
        case ["install", folder]:
            try:
                install(places, machine, Path(folder))
            except (ConfigError, Refused, OSError) as e:
                print(f"ivsd: the factory state cannot be installed: {e}", file=sys.stderr)
                return 1
        case ["serve"]:
            if os.environ.get("LISTEN_PID") != str(os.getpid()):
                print("ivsd: systemd starts this, by its socket", file=sys.stderr)
                return 2
            journal.set_up()
            # What is committed is finished, also while somebody stops the service.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with socket.socket(fileno=_FIRST_FD) as listener:
                Service(places, machine, listener, allowed_users()).run()
        case ["resume"]:
            journal.set_up()
            signal.signal(signal.SIGTERM, _end)
            try:
                with work_folder.alone(places):
                    resume(places, machine)
            except Refused as e:
                print(f"ivsd: nothing was resumed: {e}", file=sys.stderr)
        case _:
            print("usage: python -m ivsd.appliance.factory serve | resume | install FOLDER",
                  file=sys.stderr)  # fmt: skip
            return 2
    return 0


def _end(*_: object) -> None:
    raise _Ended("it took too long")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

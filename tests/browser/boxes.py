"""Boxes with pages to look at: the demo in this process, and `ivsd web` as a process beside it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status
from ivsd.daemon import Daemon
from ivsd.demo.live import LiveBox
from ivsd.demo.web import Pages
from ivsd.hardware import VirtualHardware
from ivsd.valt.simulator import Simulator, World
from ivsd.web.access.accounts import Accounts

TEMPLATE = Path(__file__).parents[2] / "templates" / "ivsd.yaml"
HOST = "127.0.0.1"
PASSWORD = "correct horse battery"
WITHIN_S = 15.0
"""How long anything may take that has no limit of its own: two cores, shared with others."""


def wait_for(what: str, is_so: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait until something outside the browser is so; raises AssertionError with `what`."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


class WebService:
    """`ivsd web` for the daemon behind a control socket; a context manager.

    It can be ended and started again at the same port, frozen and thawed.
    """

    def __init__(self, folder: Path, control: Path, *, password: str | None = PASSWORD) -> None:
        self.state = folder / "web"
        self.state.mkdir(mode=0o700, exist_ok=True)
        if password is not None:
            Accounts(self.state).set_first_password(password)
        self._port = free_port()
        self._config = folder / "web.yaml"
        self._config.write_text(f"address: {HOST}\nport: {self._port}\n")
        self._control = control
        self._log = folder / "web.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://{HOST}:{self._port}/"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            sys.executable, "-m", "ivsd", "web", "--config", str(self._config),
            "--state", str(self.state), "--socket", str(self._control),
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        wait_for(f"{self.url} answers", self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            requests.get(f"{self.url}health", timeout=5)
        except requests.RequestException:
            return False
        return True

    def end(self) -> float:
        """End it as systemd does; return how many seconds that took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(WITHIN_S)
        self._process = None
        return time.monotonic() - began

    def freeze(self) -> None:
        """Let it say nothing more, without hanging up: like a pulled cable."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> WebService:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self.end()


@contextmanager
def demo() -> Iterator[tuple[LiveBox, str]]:
    """Run what `ivsd demo --web` runs; yield the box and its address."""
    with ExitStack() as stack:
        box = stack.enter_context(LiveBox())
        pages = stack.enter_context(Pages(box, HOST, 0))
        assert box.wait_until_ready(WITHIN_S)
        yield box, pages.url


class FactoryBox:
    """A box in its factory state, and a VALT server that it does not know; a context manager."""

    def __init__(self, folder: Path, *, tls: str | None = None) -> None:
        self.simulator = Simulator(World(version="6.5.2"), tls=tls)
        self.config = folder / "ivsd.yaml"
        shutil.copyfile(TEMPLATE, self.config)
        self.socket = folder / "control.sock"
        hardware = VirtualHardware()
        self.hands = hardware.hands
        self.unnamed = hardware.unnamed
        self.daemon = Daemon(self.config, folder, hardware, owns_file=True, socket=self.socket)
        self._thread = threading.Thread(target=self.daemon.run, name="daemon", daemon=True)

    def __enter__(self) -> FactoryBox:
        self.simulator.start()
        self._thread.start()
        wait_for("the daemon answers", lambda: isinstance(status(self), Status))
        return self

    def __exit__(self, *error: object) -> None:
        self.daemon.stop()
        self._thread.join(WITHIN_S)
        self.simulator.stop()


def status(box: LiveBox | FactoryBox) -> Status | ControlError:
    """Ask the daemon how it is; return its status, or why there is none."""
    try:
        return next(control_client.follow(box.socket))
    except ControlError as e:
        return e


def press(box: LiveBox | FactoryBox, control: str) -> None:
    """Press a button with a hand, not by a page."""
    box.hands.press(control)
    box.hands.release(control)


def press_to_learn(box: LiveBox | FactoryBox, control: str) -> None:
    """Press a button as soon as the daemon waits for one that does nothing else."""
    wait_for("the daemon learns", lambda: bool(box.daemon._asked.learners))
    press(box, control)

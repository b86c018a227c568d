"""The operation `bundle`: a child of the daemon makes it, and is ended when it does not behave."""

from __future__ import annotations

import base64
import io
import json
import socket
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd import bundling
from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.operations import OPERATIONS, Refused
from ivsd.bundle import packing, self_test
from ivsd.bundling import Bundling
from ivsd.daemon import Daemon
from ivsd.hardware import VirtualHardware

GOOD = {"name": "ivsd-box-1.tar.gz", "data": "AAAA", "without": ["audit.txt: not there"]}
WAIT_S = 20.0


class Child:
    """A program in place of the real child; `do` is what it does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "child.py"
        self.pid_file = folder / "pid"

    def does(self, text: str) -> list[str]:
        first = (
            "import os, signal, sys, time",
            f"GOOD = {json.dumps(GOOD)!r}",
            f"open({str(self.pid_file)!r}, 'w').write(str(os.getpid()))",
        )
        self.file.write_text("\n".join((*first, text, "")))
        return [sys.executable, "-I", str(self.file)]

    @property
    def is_alive(self) -> bool:
        return Path("/proc", self.pid_file.read_text()).exists()


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child(tmp_path)


def made_by(command: list[str], within_s: float = WAIT_S) -> dict[str, Any] | Refused:
    return Bundling(Path("ivsd.yaml"), Path("socket"), command, within_s).do("bundle", {})


def refusal(said: dict[str, Any] | Refused) -> str:
    assert isinstance(said, Refused), said
    assert said.code == "not_made"
    assert "sudo ivsd bundle" in said.text
    return said.text


def wait_until(path: Path) -> None:
    end = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- how a child may end ---------------------------------------------------------------------------


def test_what_the_child_says_is_the_answer(child: Child) -> None:
    assert made_by(child.does("print(GOOD)")) == GOOD


def test_the_child_is_told_which_box_it_is(child: Child) -> None:
    command = child.does("open(sys.argv[0] + '.argv', 'w').write(' '.join(sys.argv[1:]))")
    made_by(command)
    assert (child.folder / "child.py.argv").read_text() == "ivsd.yaml socket"


def test_a_child_that_takes_too_long_is_ended(child: Child) -> None:
    text = refusal(made_by(child.does("time.sleep(60)"), 1.0))
    assert "it took more than 1 s" in text
    assert not child.is_alive


def test_a_child_that_hears_no_signal_is_killed(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, "END_WITHIN_S", 0.5)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(60)"
    refusal(made_by(child.does(deaf), 1.5))
    assert not child.is_alive


def test_a_child_that_says_too_much_is_ended(child: Child) -> None:
    endless = "while True: sys.stdout.write('x' * 65536)"
    assert "larger than what can be sent" in refusal(made_by(child.does(endless)))
    assert not child.is_alive


@pytest.mark.parametrize(
    "text",
    [
        "sys.exit(1)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "raise ValueError('s3cr3t-Xy')",
        "print('no JSON')",
        "print(GOOD[:20])",
        "print('[]')",
        "print('{}')",
        "os.close(1)",
    ],
)
def test_a_child_that_dies_is_told_and_not_what_it_complained_of(
    child: Child, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "its process ended with" in refusal(made_by(child.does(text)))
    assert "s3cr3t-Xy" not in "".join(capfd.readouterr())


def test_a_child_that_cannot_be_started_is_told() -> None:
    assert "it cannot be started: No such file" in refusal(made_by(["/nonexistent/python"]))


def test_one_bundle_is_made_at_a_time(child: Child) -> None:
    go = child.folder / "go"
    command = child.does(f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint(GOOD)")
    making = Bundling(Path("ivsd.yaml"), Path("socket"), command, WAIT_S)
    first: list[dict[str, Any] | Refused] = []
    thread = threading.Thread(target=lambda: first.append(making.do("bundle", {})))
    thread.start()
    wait_until(child.pid_file)
    second = making.do("bundle", {})
    assert isinstance(second, Refused)
    assert second.code == "busy"
    go.touch()
    thread.join(WAIT_S)
    assert first == [GOOD]
    assert making.do("bundle", {}) == GOOD


def test_each_limit_is_shorter_than_that_of_who_waits_for_it() -> None:
    """So that the one who knows most says why."""
    waits = OPERATIONS["bundle"].within_s
    assert self_test.WITHIN_S < packing.WITHIN_S < bundling.WITHIN_S
    assert waits > bundling.WITHIN_S + 2 * bundling.END_WITHIN_S


# -- with the daemon -------------------------------------------------------------------------------


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Path]:
    """Run a daemon without a configuration; yield its control socket."""
    config, path = tmp_path / "ivsd.yaml", tmp_path / "s"
    config.write_text("valt:\n  password: s3cr3t-Xy\nroom: 4\n")
    running = Daemon(config, tmp_path, VirtualHardware(), socket=path)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    wait_until(path)
    yield path
    running.stop()
    thread.join(WAIT_S)


def test_a_daemon_with_a_broken_configuration_has_its_bundle_made(daemon: Path) -> None:
    found = control_client.ask(daemon, "bundle")
    data = base64.b64decode(found["data"])
    folder = found["name"].removesuffix(".tar.gz")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {
            member.name: (tar.extractfile(member) or io.BytesIO()).read().decode()
            for member in tar.getmembers()
        }
    status = json.loads(files[f"{folder}/status.json"])
    assert status["config"]["problems"]
    assert "see check.txt" in files[f"{folder}/self-test.txt"]
    assert "valt.url" in files[f"{folder}/check.txt"]
    assert "s3cr3t-Xy" not in "".join(files.values())


def test_who_hangs_up_leaves_the_daemon_and_the_next_caller_well(daemon: Path) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(daemon))
        caller.sendall(b'{"id": 1, "op": "bundle"}\n')
    assert control_client.status(daemon).version
    end = time.monotonic() + WAIT_S
    while (found := bundle_or_code(daemon)) == "busy":  # the first one is still being made
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found == "made"


def bundle_or_code(daemon: Path) -> str:
    try:
        return "made" if control_client.ask(daemon, "bundle")["data"] else ""
    except ControlError as e:
        return e.code

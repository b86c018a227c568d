"""The whole daemon: something without a name is touched, gets one over the socket, and records."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status
from ivsd.config import load
from ivsd.daemon import Daemon
from ivsd.hardware import VirtualHardware
from ivsd.valt.simulator import Simulator, World

LINE = {
    "kind": "line", "chip": "gpiochip0", "line": 5, "name": "", "active": "low", "pull": "up",
}  # fmt: skip
FILE = """\
valt: {url: "URL", username: admin, password: admin, poll_interval_s: 0.2}
room: 4
controls: {record: record_toggle}
lights:
  lamps:
    - {name: status, kind: rgb, lines: [22, 27, 24]}
"""
WITHIN_S = 8.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.01)


class Box:
    """A daemon that owns its file, with virtual hands and a server."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.simulator = simulator
        self.path = folder / "ivsd.yaml"
        self.path.write_text(FILE.replace("URL", simulator.url))
        self.hardware = VirtualHardware()
        self.socket = folder / "s"
        self.daemon = Daemon(self.path, folder, self.hardware, owns_file=True, socket=self.socket)
        self._thread = threading.Thread(target=self.daemon.run, daemon=True)
        self._thread.start()
        until(lambda: self.status() is not None and self.light == "available")

    def stop(self) -> None:
        self.daemon.stop()
        self._thread.join(WITHIN_S)

    def status(self) -> Status | None:
        try:
            return control_client.status(self.socket)
        except ControlError:
            return None

    @property
    def light(self) -> str:
        found = self.status()
        return found.lights.name if found is not None else ""

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        return control_client.ask(self.socket, op, args)

    def find(self, touch: Callable[[], object]) -> dict[str, Any] | ControlError:
        """Have the next touch found, and touch."""
        found: list[dict[str, Any] | ControlError] = []

        def ask() -> None:
            try:
                found.append(self.ask("find"))
            except ControlError as e:
                found.append(e)

        thread = threading.Thread(target=ask)
        thread.start()
        until(lambda: bool(self.daemon._asked.learners))
        until(lambda: bool(self.hardware.unnamed._searchers))
        touch()
        thread.join(WITHIN_S)
        assert found
        return found[0]


@pytest.fixture
def box() -> Iterator[Box]:
    with (
        tempfile.TemporaryDirectory(prefix="ivsd-") as folder,  # socket paths must be short
        Simulator(World(version="6.5.2")) as simulator,
    ):
        box = Box(Path(folder), simulator)
        yield box
        box.stop()


def test_a_line_without_a_name_is_found_named_pressed_and_records(box: Box) -> None:
    assert box.find(lambda: box.hardware.unnamed.touch(LINE)) == LINE
    button = {key: LINE[key] for key in ("chip", "line", "active", "pull")}
    change = {"add_button": {**button, "control": "door", "action": "start"}}
    revision = box.ask("config")["revision"]
    told = box.ask("wire-preview", changes=change, revision=revision)
    assert told["problems"] == []
    assert told["revision"] == revision
    new = box.ask("wire", changes=change, revision=revision)["revision"]
    assert box.ask("config")["revision"] == new
    until(lambda: "door" in [one.name for one in box.daemon._asked.controls])
    box.hardware.hands.press("door")
    until(lambda: box.light == "recording")
    assert len(box.simulator.world.recordings) == 1
    assert load(box.path).inputs.buttons[0].line == 5


def test_what_the_file_names_is_found_as_learn_shows_it_and_does_nothing_else(box: Box) -> None:
    found = box.find(lambda: box.hardware.hands.press("record"))
    assert found == {"kind": "button", "name": "record", "number": None}
    until(lambda: not box.hardware.unnamed._searchers)
    box.hardware.hands.release("record")
    assert not box.simulator.world.recordings


def test_a_badge_at_a_named_reader_is_found_without_its_number(box: Box) -> None:
    found = box.find(lambda: box.hardware.hands.swipe("0004711001"))
    assert found == {"kind": "badge", "name": "reader", "number": None}


def test_after_a_find_hands_act_again(box: Box) -> None:
    box.find(lambda: box.hardware.unnamed.touch(LINE))
    box.hardware.hands.press("record")
    until(lambda: box.light == "recording")


def test_a_second_one_who_looks_is_told_to_wait_and_does_not_disturb_the_first(box: Box) -> None:
    def look_too() -> None:
        with pytest.raises(ControlError) as refused:
            box.ask("find")
        assert refused.value.code == "busy"
        box.hardware.unnamed.touch(LINE)

    assert box.find(look_too) == LINE
    until(lambda: not box.hardware.unnamed._searchers)


def test_who_hangs_up_looks_no_more(box: Box) -> None:
    gone = threading.Event()

    def ask() -> None:
        with pytest.raises(ControlError):
            control_client.ask(box.socket, "find", is_gone=gone.is_set)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: bool(box.hardware.unnamed._searchers))
    gone.set()
    thread.join(WITHIN_S)
    until(lambda: not box.hardware.unnamed._searchers)
    box.hardware.hands.press("record")
    until(lambda: box.light == "recording")


def test_a_file_that_is_read_anew_ends_the_search_as_its_lines_may_be_wanted(box: Box) -> None:
    found = box.find(box.daemon.reload)
    assert isinstance(found, ControlError)
    assert found.code == "changed"
    assert box.hardware.unnamed._searchers == []
    until(lambda: box.daemon.is_current)  # who asks meanwhile is told to try again, too
    assert isinstance(box.find(lambda: box.hardware.unnamed.touch(LINE)), dict)


def test_the_line_of_a_lamp_is_refused_over_the_socket(box: Box) -> None:
    change = {
        "add_button": {
            "control": "door", "action": "start", "chip": "gpiochip0", "line": 22,
            "active": "low", "pull": "up",
        }
    }  # fmt: skip
    with pytest.raises(ControlError, match=r"used by lights\.lamps\.1\.lines") as refused:
        box.ask("wire", changes=change, revision=box.ask("config")["revision"])
    assert refused.value.code == "wrong"

"""`ivsd badge` and `ivsd devices --live` while the daemon runs and has the devices."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("evdev", reason="evdev is not installed: no keyboards to watch")

from ivsd import badge, devices_live
from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.learn_client import Shown
from ivsd.cli import main
from ivsd.demo.live import LiveBox
from ivsd.events import Misread
from ivsd.inputs import event_devices
from ivsd.inputs.event_devices import EventDevice

ALICE = "Alice Archer (VALT user 12)"
WITHIN_S = 10.0
READS_BADGES = """\
valt: {url: "http://127.0.0.1:1", username: u, password: p, timeout_s: 1}
room: 4
inputs: {keyboards: [{name: door, match: {name: Door}, role: badge}]}
"""

Capture = pytest.CaptureFixture[str]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def box() -> Iterator[LiveBox]:
    with LiveBox() as live:
        assert live.wait_until_ready()
        yield live


def at_each_question(box: LiveBox, *doings: Callable[[], object]) -> threading.Thread:
    """Do one thing after the other at the box, each when somebody waits to be shown it."""

    def do_all() -> None:
        asked: set[int] = set()
        for do in doings:
            until(lambda: bool(box.daemon._asked.learners.keys() - asked))
            asked.update(box.daemon._asked.learners)
            do()

    thread = threading.Thread(target=do_all, daemon=True)
    thread.start()
    return thread


def asked_for_badge(box: LiveBox) -> int:
    return main(["badge", str(box.config), "--socket", str(box.socket)])


# -- ivsd badge -----------------------------------------------------------------------------------


def test_the_daemon_shows_the_badge_and_nothing_is_recorded(box: LiveBox, capsys: Capture) -> None:
    hands = at_each_question(box, lambda: box.hands.swipe("0004711001"))
    assert asked_for_badge(box) == 0
    hands.join(WITHIN_S)
    out = capsys.readouterr().out
    assert out.startswith("ivsd runs: hold the badge to one of its readers within 30 s.\n")
    assert f"For VALT it is  0004711001, the badge of {ALICE}" in out
    assert not box.simulator.world.recordings


def test_something_else_than_a_badge_is_told_and_it_waits_on(box: LiveBox, capsys: Capture) -> None:
    hands = at_each_question(
        box,
        lambda: box.hands.press("record"),
        lambda: box.type_pin("2580"),
        lambda: box.hands.swipe("0004711001"),
    )
    assert asked_for_badge(box) == 0
    hands.join(WITHIN_S)
    out = capsys.readouterr().out
    assert "That was button “record”: hold a badge to a reader.\n" in out
    assert "That was a PIN at “" in out
    assert "2580" not in out
    assert ALICE in out


def test_a_misread_badge_is_told_while_it_waits(
    box: LiveBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(badge, "_say", said.append)

    def misread_and_swipe() -> None:
        box.daemon.post(Misread("reader", time.monotonic()))
        until(lambda: any("read whole" in line for line in said))
        box.hands.swipe("0004711001")

    hands = at_each_question(box, misread_and_swipe)
    assert asked_for_badge(box) == 0
    hands.join(WITHIN_S)
    assert any(line.startswith("reader: failed: the number was not read whole") for line in said)


def test_a_daemon_with_another_file_is_told(box: LiveBox, tmp_path: Path, capsys: Capture) -> None:
    other = tmp_path / "other.yaml"
    other.write_bytes(box.config.read_bytes())
    hands = at_each_question(box, lambda: box.hands.swipe("0004711001"))
    assert main(["badge", str(other), "--socket", str(box.socket)]) == 0
    hands.join(WITHIN_S)
    assert f"It runs by {box.config}: that file, and not {other}" in capsys.readouterr().out


def test_a_reader_that_types_here_is_read_while_the_daemon_runs(
    box: LiveBox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("0004711001\n"))
    assert main(["badge", "--typed", str(box.config), "--socket", str(box.socket)]) == 0
    assert ALICE in capsys.readouterr().out
    assert not box.daemon._asked.learners


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the daemon answer `learn` so, one answer after the other."""

    def _answers(*said: dict[str, Any] | ControlError) -> None:
        left = list(said)

        def ask(socket: Path, op: str) -> dict[str, Any]:
            assert op == "learn"
            answer = left.pop(0)
            if isinstance(answer, ControlError):
                raise answer
            return answer

        def follow(socket: Path) -> Iterator[Any]:
            yield SimpleNamespace(outcomes=(), config=SimpleNamespace(file=socket.parent / "y"))

        monkeypatch.setattr(control_client, "ask", ask)
        monkeypatch.setattr(control_client, "follow", follow)

    return _answers


Answers = Callable[..., None]


@pytest.mark.parametrize(
    ("code", "ends_with"),
    [("not_allowed", 4), ("busy", 4), ("no_answer", 3), ("bad_answer", 1), ("nothing_came", 1)],
)
def test_a_daemon_that_shows_no_badge_says_why(
    answers: Answers, tmp_path: Path, capsys: Capture, code: str, ends_with: int
) -> None:
    answers(ControlError(code, "because of this"))
    path = tmp_path / "ivsd.yaml"
    path.write_text(READS_BADGES)
    assert main(["badge", str(path), "--socket", str(tmp_path / "s")]) == ends_with
    said = capsys.readouterr()
    assert ("because of this" in said.err) is (code != "nothing_came")
    assert ("No badge came." in said.out) is (code == "nothing_came")


def test_it_does_not_ask_for_ever_when_only_buttons_are_pressed(
    answers: Answers, tmp_path: Path, capsys: Capture
) -> None:
    button = {"kind": "button", "name": "record", "number": None}
    answers(*[button] * badge.MOST_OTHER_INPUTS)
    path = tmp_path / "ivsd.yaml"
    path.write_text(READS_BADGES)
    assert main(["badge", str(path), "--socket", str(tmp_path / "s")]) == 1
    assert capsys.readouterr().out.endswith("No badge came.\n")


# -- ivsd devices --live --------------------------------------------------------------------------


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let these be the keys of devices that are read directly, until `ends` says so."""

    def _others(*keys: tuple[EventDevice, str], ends: Callable[[], bool] = lambda: True) -> None:
        def watch(stop_fd: int) -> Iterator[tuple[EventDevice, str]]:
            until(ends)
            yield from keys

        monkeypatch.setattr(event_devices, "watch", watch)
        monkeypatch.setattr(event_devices, "opened", lambda: iter(()))

    return _others


Others = Callable[..., None]


def nobody_learns() -> bool:
    return not any(thread.name == "learn" for thread in threading.enumerate())


def keyboard(name: str) -> EventDevice:
    return EventDevice("/dev/input/event3", name, "08ff:0009", "", frozenset({"KEY_1"}))


def test_what_is_pressed_at_the_daemons_devices_is_shown_again_and_again(
    box: LiveBox, others: Others, capsys: Capture
) -> None:
    hands = at_each_question(
        box,
        lambda: box.hands.press("record"),
        lambda: box.hands.swipe("0004711001"),
        lambda: box.type_pin("2580"),
    )
    others((keyboard("Other"), "KEY_1"), ends=lambda: not hands.is_alive())
    assert main(["devices", "--live", str(box.config), "--socket", str(box.socket)]) == 0
    box.daemon.stop()
    until(nobody_learns)  # else it has its last word in the next test
    out = capsys.readouterr().out
    for line in (
        "  ivsd: button “record”\n",
        "  ivsd: badge 0004711001 at “reader”\n",
        "  ivsd: a PIN at “keypad”\n",
        "  /dev/input/event3 Other: KEY_1  “1”\n",
    ):
        assert line in out
    assert "2580" not in out
    assert not box.simulator.world.recordings


def test_a_device_of_ivsd_yaml_is_shown_by_the_daemon_only(
    answers: Answers,
    others: Others,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, over = threading.Event(), threading.Event()

    def wait(socket: Path) -> Shown:
        asked.set()
        over.wait(WITHIN_S)
        raise ControlError("no_answer", "the test is over")

    path = tmp_path / "ivsd.yaml"
    path.write_text(READS_BADGES)
    answers()
    others((keyboard("Door"), "KEY_1"), (keyboard("Other"), "KEY_1"), ends=asked.is_set)
    monkeypatch.setattr(devices_live, "next_input", wait)
    assert main(["devices", "--live", str(path), "--socket", str(tmp_path / "s")]) == 0
    over.set()
    out = capsys.readouterr().out
    assert "Other: KEY_1" in out
    assert "Door: KEY_1" not in out


def test_a_daemon_that_refuses_is_told_and_the_other_devices_are_shown(
    answers: Answers, others: Others, tmp_path: Path, capsys: Capture
) -> None:
    answers(ControlError("not_allowed", "only root may do this"))
    path = tmp_path / "ivsd.yaml"
    path.write_text(READS_BADGES)
    others((keyboard("Door"), "KEY_1"), ends=nobody_learns)
    assert main(["devices", "--live", str(path), "--socket", str(tmp_path / "s")]) == 0
    out = capsys.readouterr().out
    assert "does not show what is pressed at its devices: only root may do this" in out
    assert "Door: KEY_1" in out, "perhaps it has not taken this one for itself"


def test_half_a_minute_without_a_press_ends_nothing(
    answers: Answers, others: Others, tmp_path: Path, capsys: Capture
) -> None:
    nothing = ControlError("nothing_came", "nothing was pressed")
    button = {"kind": "button", "name": "record", "number": None}
    answers(nothing, nothing, button, ControlError("no_answer", "the daemon has ended"))
    others(ends=nobody_learns)
    path = tmp_path / "ivsd.yaml"
    path.write_text(READS_BADGES)
    assert main(["devices", "--live", str(path), "--socket", str(tmp_path / "s")]) == 0
    out = capsys.readouterr().out
    assert "ivsd: button “record”" in out
    assert "the daemon has ended" in out
    assert "nothing was pressed" not in out

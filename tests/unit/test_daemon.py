"""The whole daemon in one process: virtual hands and lamps, a simulated server on loopback.

What each part does alone is tested elsewhere; here is what only the daemon knows: coming up
with whatever there is, reading the configuration again, ending in time, and ending loudly when
a thread has died.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import control_client, journal, status_words
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.notify import notify
from ivsd.appliance.status import Status
from ivsd.config import Config, load
from ivsd.config.schema import Inputs, Lights, Writing
from ivsd.daemon import Daemon
from ivsd.events import (
    DeviceLost,
    Event,
    FactoryDefaultAsked,
    LightView,
    Note,
    Outcome,
    Report,
    Show,
)
from ivsd.hardware import VirtualHardware
from ivsd.inputs.source import DeviceProblem, Source
from ivsd.inputs.virtual import VirtualHands
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE
from ivsd.outputs.player import Fixture
from ivsd.outputs.virtual import VirtualLamp
from ivsd.rules import server_name
from ivsd.valt.simulator import Simulator, World

RED, GREEN, BLUE, OFF = Colour.RED, Colour.GREEN, Colour.BLUE, Colour.OFF
STOP_WITHIN_S = 2.0

CONTROLS = """
controls:
  record: record_toggle
  lock: lock_toggle
  marker: {action: marker, name: Question}
"""
LIGHTS = """
lights:
  lamps:
    - {name: status, kind: rgb, lines: [1, 2, 3]}
    - {name: sign, lines: [4], shows: recording}
"""


def until(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.005)


class Box:
    """A running daemon, and all that it has said."""

    def __init__(self, path: Path, hardware: VirtualHardware) -> None:
        self.path = path
        self.hardware = hardware
        self.said: list[object] = []
        self.code: int | None = None
        self.daemon = Daemon(path, path.parent, hardware, self.said.append)
        self._thread = threading.Thread(target=self._run, name="daemon", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.code = self.daemon.run()

    def stop(self) -> float:
        """Stop it; return how long that took."""
        began = time.monotonic()
        self.daemon.stop()
        self._thread.join(10.0)
        assert not self._thread.is_alive(), "it did not end"
        return time.monotonic() - began

    def ends_by_itself(self) -> None:
        self._thread.join(5.0)
        assert not self._thread.is_alive(), "it did not end"

    def reload(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.daemon.reload()

    def press(self, control: str) -> Outcome:
        """Press, and wait for this press's outcome."""
        at = self.hardware.hands.press(control)
        until(lambda: any(outcome.pressed_at == at for outcome in self.outcomes))
        return next(outcome for outcome in self.outcomes if outcome.pressed_at == at)

    def does(self, control: str) -> str:
        """Return what a control does, in words."""
        return next(item.does for item in self.daemon._asked.controls if item.name == control)

    @property
    def outcomes(self) -> list[Outcome]:
        return [said.outcome for said in list(self.said) if isinstance(said, Report)]

    @property
    def notes(self) -> list[str]:
        return [said.text for said in list(self.said) if isinstance(said, Note)]

    @property
    def views(self) -> list[LightView]:
        return [said.view for said in list(self.said) if isinstance(said, Show)]

    @property
    def light(self) -> str:
        views = self.views
        return views[-1].name if views else ""

    def lamp(self, name: str = "status") -> VirtualLamp:
        return self.hardware.lamps[name]

    def shows(self, word: str, within_s: float = 5.0) -> None:
        """Wait for a light that stands for this word, on the lamp itself, too."""
        until(lambda: self.light == word, within_s)
        until(lambda: self.lamp().colour is LIGHT_LANGUAGE[word].colour, within_s)


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(World(version="6.5.2")) as simulator:
        yield simulator


def config(server: Simulator | None, more: str = LIGHTS, **valt: object) -> str:
    keys: dict[str, object] = {
        "url": server.url if server else "http://127.0.0.1:1",
        "username": "admin",
        "password": "admin",
        "poll_interval_s": 0.2,
        "timeout_s": 1.0,
    }
    room = valt.pop("room", 4)
    lines = [f"  {name}: {value}" for name, value in (keys | valt).items()]
    return "\n".join(["valt:", *lines, f"room: {room}", CONTROLS, more])


Run = Callable[..., Box]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Start a daemon with this text as its configuration; it is stopped at the end."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # the daemon sets its own
    for name in ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)
    boxes: list[Box] = []

    def _run(text: str | None, hardware: VirtualHardware | None = None) -> Box:
        path = tmp_path / "ivsd.yaml"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        boxes.append(Box(path, hardware or VirtualHardware()))
        return boxes[-1]

    yield _run
    for box in boxes:
        if box.code is None:
            assert box.stop() < STOP_WITHIN_S
            assert box.code == 0


# -- a press becomes a recording ----------------------------------------------------------------


def test_a_press_becomes_a_recording_and_the_lamps_show_it(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    outcome = box.press("record")
    assert (outcome.result, outcome.reason) == ("done", "recording started")
    assert [recording.room for recording in server.world.recordings] == [4]
    until(lambda: box.lamp().colour is RED and box.lamp("sign").colour is RED)


def test_a_badge_and_a_pin_bring_their_owners(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    box.hardware.hands.swipe("0004711001")
    until(lambda: len(server.world.recordings) == 1)
    assert server.world.recordings[0].author == 12
    until(lambda: box.light == "recording")
    time.sleep(2.1)  # "just started"
    for key in ("KEY_2", "KEY_5", "KEY_8", "KEY_0", "KEY_ENTER"):
        box.hardware.hands.key(key)
    until(lambda: server.world.active(4) is None)
    until(lambda: [o.result for o in box.outcomes] == ["done", "done"])


def test_what_others_do_at_the_server_is_shown(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    server.world.lock(4)
    box.shows("locked")


# -- coming up with what there is ---------------------------------------------------------------


def test_a_wrong_configuration_comes_up_and_answers_every_press_with_it(run: Run) -> None:
    box = run(config(None, url="ftp://valt"))
    box.shows("config")
    outcome = box.press("record")
    assert outcome.result == "failed"
    assert "valt.url" in outcome.reason
    assert "ivsd.yaml:2" in outcome.reason
    assert "more" not in outcome.reason


def test_a_wrong_configuration_tells_how_many_problems_there_are(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    box = run(config(None, url="ftp://valt", timeout_s=900, poll_interval_s=0))
    box.shows("config")
    assert "(and 2 more)" in box.press("record").reason
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    keys = ["valt.url", "valt.poll_interval_s", "valt.timeout_s"]
    assert [key in line for key, line in zip(keys, told, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    "text", [None, "", "valt: {", "- a"], ids=["none", "empty", "broken", "list"]
)
def test_no_usable_file_at_all_still_comes_up_and_answers(run: Run, text: str | None) -> None:
    box = run(text)
    until(lambda: box.light == "config")
    outcome = box.press("record")
    assert outcome.result == "failed"
    assert "ivsd.yaml" in outcome.reason


def test_a_missing_password_is_a_wrong_configuration(run: Run, server: Simulator) -> None:
    box = run(config(server).replace("  password: admin\n", ""))
    box.shows("config")
    assert "valt.password_file" in box.press("record").reason


def test_without_a_server_it_comes_up_at_once_and_heals_when_there_is_one(
    run: Run, server: Simulator
) -> None:
    server.away()
    began = time.monotonic()
    box = run(config(server))
    until(lambda: box.light == "no_link", within_s=1.0)
    assert time.monotonic() - began < 1.0
    outcome = box.press("record")
    assert outcome.result == "failed"
    assert "refuses connections" in outcome.reason
    server.back()
    box.shows("available")
    assert box.press("record").result == "done"


def test_a_server_that_goes_away_is_shown_and_the_sign_stays_on(
    run: Run, server: Simulator
) -> None:
    box = run(config(server))
    box.shows("available")
    assert box.press("record").result == "done"
    server.away()
    until(lambda: box.light == "no_link")
    assert box.lamp("sign").colour is RED
    server.back()
    box.shows("recording")
    assert sum("back" in note for note in box.notes) == 1


def test_a_wrong_password_is_shown_and_heals_with_the_right_one(
    run: Run, server: Simulator
) -> None:
    box = run(config(server, password="wrong"))
    box.shows("no_login")
    outcome = box.press("record")
    assert outcome.result == "failed"
    assert "refuses the log-in of 'admin'" in outcome.reason
    box.reload(config(server))
    box.shows("available")


def test_an_unknown_room_is_shown_with_the_rooms_there_are(run: Run, server: Simulator) -> None:
    box = run(config(server, room="Cellar"))
    box.shows("no_room")
    reason = box.press("record").reason
    assert "'Cellar'" in reason
    assert "'Interview Room 1'" in reason


# -- reading the configuration again ------------------------------------------------------------


def test_a_reload_with_a_wrong_file_keeps_the_old_configuration(
    run: Run, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    box = run(config(server))
    box.shows("available")
    box.reload("valt: oops\n")
    until(lambda: "the old one is in use" in caplog.text)
    assert "valt: must be a mapping" in caplog.text
    assert box.press("record").result == "done"
    assert box.light == "recording"


def test_a_reload_with_the_right_file_heals(run: Run, server: Simulator) -> None:
    box = run("valt: oops\n" + CONTROLS + LIGHTS)
    box.shows("config")
    box.reload(config(server))
    box.shows("available")
    assert box.press("record").result == "done"


def test_a_reload_with_another_wrong_file_tells_the_other_problem(run: Run) -> None:
    box = run(config(None, url="ftp://valt"))
    box.shows("config")
    box.reload(config(None, timeout_s=900))
    until(lambda: "valt.timeout_s" in box.press("record").reason)
    assert "valt.url" not in box.outcomes[-1].reason


def test_a_reload_to_another_room_forgets_the_old_one(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    server.world.lock(7)
    assert box.press("record").result == "done"
    box.reload(config(server, room=7))
    box.shows("locked")
    until(lambda: box.lamp("sign").colour is OFF)
    assert box.press("lock").result == "done"
    assert server.world.view(7).status == "available"
    assert server.world.view(4).status == "recording"


def test_a_reload_of_the_lamps_alone_goes_on_showing_the_state(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    before = box.lamp()
    box.reload(config(server, LIGHTS.replace("[4]", "[5]")))
    until(lambda: box.lamp() is not before)
    until(lambda: box.lamp().colour is GREEN)
    assert before.colour is OFF


def test_a_reload_of_the_lamps_does_not_play_an_old_receipt_again(
    run: Run, server: Simulator
) -> None:
    box = run(config(server))
    box.shows("available")
    assert box.press("marker").result == "failed"
    until(lambda: RED in [colour for _, colour in list(box.lamp().changes)])
    until(lambda: box.lamp().colour is GREEN)
    before = box.lamp()
    box.reload(config(server, LIGHTS.replace("[4]", "[5]")))
    until(lambda: box.lamp() is not before)
    time.sleep(0.5)
    assert RED not in [colour for _, colour in list(box.lamp().changes)]


def test_a_reload_of_the_lamps_alone_does_not_disturb_the_link(run: Run, server: Simulator) -> None:
    """A press right after it must not fail because the room is being looked for again."""
    box = run(config(server))
    box.shows("available")
    log_ins = sum("login" in request.path for request in server.requests)
    before = box.lamp()
    server.delay_s = 0.1
    box.reload(config(server, LIGHTS.replace("[4]", "[5]")))
    until(lambda: box.lamp() is not before)
    outcome = box.press("record")
    assert (outcome.result, outcome.reason) == ("done", "recording started")
    assert sum("login" in request.path for request in server.requests) == log_ins


def test_a_press_right_after_a_reload_of_the_servers_part_is_not_told_a_wrong_reason(
    run: Run, server: Simulator
) -> None:
    """The link is made anew: either the press waits for it, or the light says so, too."""
    box = run(config(server))
    box.shows("available")
    server.delay_s = 0.1
    log_ins = sum("login" in request.path for request in server.requests)
    box.reload(config(server, poll_interval_s=0.3))
    until(lambda: sum("login" in request.path for request in server.requests) > log_ins)
    outcome = box.press("record")
    assert outcome.result == "done" or "state is unknown" in outcome.reason


class MissingReader:
    """A reader that is not plugged in."""

    name = "reader"

    def open(self) -> None:
        raise DeviceProblem("reader: not found")

    def fileno(self) -> int:
        raise AssertionError("never opened")

    def read(self) -> Iterable[Event]:
        return []

    def deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> Iterable[Event]:
        return []

    def close(self) -> None: ...


class HardwareWithReader(VirtualHardware):
    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        return [self.hands, *[MissingReader() for _ in inputs.keyboards]]


def test_a_missing_device_that_the_new_file_does_not_name_is_forgotten(
    run: Run, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when its thread has told of it once more while the file was being read."""
    keyboards = "\ninputs:\n  keyboards: [{name: reader, match: {name: Reader}}]\n"
    box = run(config(server) + keyboards, HardwareWithReader())
    box.shows("available")
    until(lambda: box.views[-1].fault == "device")

    def slow_load(path: Path) -> Config:
        loaded = load(path)
        box.daemon.post(DeviceLost("reader", "reader: not found"))
        return loaded

    monkeypatch.setattr("ivsd.appliance.settings.load", slow_load)
    box.reload(config(server))
    until(lambda: box.views[-1].fault == "")
    assert box.press("lock").result == "done", "what was in the queue has been handled by now"
    assert box.views[-1].fault == ""


def test_new_meanings_of_the_controls_hold_after_a_reload(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    box.reload(config(server).replace("record: record_toggle", "record: lock"))
    until(lambda: "locks" in box.does("record"))
    assert box.press("record").action == "lock"
    until(lambda: box.press("record").reason == "the room is already locked")
    assert server.world.view(4).status == "locked"


def test_presses_go_on_while_a_long_file_is_read_and_its_last_words_count(
    run: Run, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = run(config(server))
    box.shows("available")
    may_go_on, readings = threading.Event(), []

    def slow_load(path: Path) -> Config:
        loaded = load(path)
        readings.append(loaded)
        assert may_go_on.wait(5)
        return loaded

    monkeypatch.setattr("ivsd.appliance.settings.load", slow_load)
    box.reload(config(server).replace("record: record_toggle", "record: pause"))
    until(lambda: len(readings) == 1)
    assert box.press("record").reason == "recording started"
    box.reload(config(server).replace("record: record_toggle", "record: lock"))
    may_go_on.set()
    until(lambda: len(readings) == 2)
    until(lambda: "locks" in box.does("record"))
    assert box.press("record").action == "lock"


# -- ending ---------------------------------------------------------------------------------------


def test_stop_switches_the_lamps_off_and_leaves_the_recording_alone(
    run: Run, server: Simulator
) -> None:
    box = run(config(server))
    box.shows("available")
    box.press("record")
    until(lambda: box.lamp("sign").colour is RED)
    assert box.stop() < STOP_WITHIN_S
    assert (box.code, box.lamp().colour, box.lamp("sign").colour) == (0, OFF, OFF)
    assert server.world.active(4) is not None


def test_stop_ends_within_2_s_with_the_server_black_holed_and_a_press_under_way(
    run: Run, server: Simulator
) -> None:
    box = run(config(server, timeout_s=15))
    box.shows("available")
    server.black_hole()
    box.hardware.hands.press("record")
    until(lambda: box.light == "pending")
    assert box.stop() < STOP_WITHIN_S
    assert (box.code, box.lamp().colour) == (0, OFF)
    server.back()  # lets the worker go that was left behind


class BadLamp(VirtualLamp):
    """Behaves until it is told to misbehave."""

    mischief: Callable[[], None] | None = None

    def show(self, colour: Colour) -> None:
        super().show(colour)
        if self.mischief is not None:
            self.mischief()


class BadHardware(VirtualHardware):
    def __init__(self) -> None:
        super().__init__()
        self.bad = BadLamp("status")
        self.hands = BadHands()

    def fixtures(self, lights: Lights) -> list[Fixture]:
        self.lamps = {"status": self.bad}
        return [Fixture(self.bad, "status", LIGHT_LANGUAGE)]

    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        return [self.hands]


class BadHands(VirtualHands):
    broken = False

    def read(self) -> Iterable[Event]:
        if self.broken:
            raise ValueError("a defect in a reader")
        return super().read()


def _ignore(result: bool) -> None: ...


def test_stop_ends_within_2_s_although_a_lamp_hangs(run: Run, server: Simulator) -> None:
    hardware, let_go = BadHardware(), threading.Event()
    box = run(config(server), hardware)
    box.shows("available")
    hardware.bad.mischief = lambda: _ignore(let_go.wait(10.0))
    server.world.lock(4)
    box.shows("locked")
    assert box.stop() < STOP_WITHIN_S
    let_go.set()


def _raise() -> Any:
    raise ValueError("a defect in a lamp")


def test_a_light_thread_that_dies_ends_the_daemon_loudly(
    run: Run, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    hardware = BadHardware()
    box = run(config(server), hardware)
    box.shows("available")
    hardware.bad.mischief = _raise
    server.world.lock(4)
    box.ends_by_itself()
    assert box.code == 1
    (told,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert told.getMessage() == "thread lights died"
    assert "a defect in a lamp" in caplog.text


def test_an_input_thread_that_dies_ends_the_daemon_loudly(
    run: Run, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    hardware = BadHardware()
    box = run(config(server), hardware)
    box.shows("available")
    assert isinstance(hardware.hands, BadHands)
    hardware.hands.broken = True
    hardware.hands.press("record")
    box.ends_by_itself()
    assert box.code == 1
    assert "thread inputs died" in caplog.text
    assert hardware.bad.colour is OFF


def test_a_press_thread_that_dies_ends_the_daemon_loudly(
    run: Run, server: Simulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    box = run(config(server))
    box.shows("available")
    monkeypatch.setattr("ivsd.valt.link.perform", lambda *args, **more: _raise())
    box.hardware.hands.press("record")
    box.ends_by_itself()
    assert box.code == 1
    assert "thread valt-presses died" in caplog.text


def test_the_death_of_a_thread_that_is_not_ours_ends_nothing(
    run: Run, server: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    box = run(config(server))
    box.shows("available")
    stranger = threading.Thread(target=_raise, name="stranger")
    stranger.start()
    stranger.join(2.0)
    assert box.press("record").result == "done"
    assert "a defect in a lamp" in capsys.readouterr().err


# -- what systemd and the journal get to know -----------------------------------------------------


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5.0)
        # A name of its own and a short one: socket paths end at 108 characters.
        path = Path("/tmp") / f"ivsd-notify-{os.getpid()}"
        path.unlink(missing_ok=True)
        sock.bind(str(path))
        try:
            yield sock
        finally:
            path.unlink(missing_ok=True)


def told_until(systemd: socket.socket, last: str) -> list[str]:
    lines: list[str] = []
    while last not in lines:
        lines += systemd.recv(4096).decode().split("\n")
        assert len(lines) < 100
    return lines


def test_systemd_is_told_ready_status_and_stopping(
    run: Run, server: Simulator, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = run  # clears the environment before ours is set
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    box = run(config(server))
    lines = told_until(systemd, "STATUS=Interview Room 1: free")
    assert "READY=1" in lines
    assert lines[0].startswith("STATUS=room 4: state not known; starting")
    box.press("record")
    lines = told_until(systemd, "STATUS=Interview Room 1: recording")
    assert lines == ["STATUS=Interview Room 1: recording"], "a press on its way is no state"
    box.stop()
    assert told_until(systemd, "STOPPING=1")[-1] == "STOPPING=1"


def test_systemd_is_told_ready_with_a_wrong_configuration_too(
    run: Run, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    run("valt: oops\n")
    first, *_ = told_until(systemd, "READY=1")
    assert first.startswith("STATUS=the configuration is wrong: ")


def test_an_abstract_socket_of_systemd_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2.0)
        name = f"ivsd-notify-{os.getpid()}"
        sock.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("READY=1", "STATUS=one\ntwo")
        assert sock.recv(100) == b"READY=1\nSTATUS=one two"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "@nobody-listens-here"])
def test_without_systemd_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


@pytest.fixture
def root_log() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root, urllib3 = logging.getLogger(), logging.getLogger("urllib3")
    handlers, levels = root.handlers[:], (root.level, urllib3.level)
    root.handlers = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(levels[0])
    urllib3.setLevel(levels[1])


def test_no_token_and_no_card_number_reaches_the_log_even_when_a_library_logs_urls(
    run: Run, server: Simulator, root_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.set_up(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)  # somebody looks for an error
    box = run(config(server))
    box.shows("available")
    box.hardware.hands.swipe("0004711001")
    until(lambda: len(box.outcomes) == 1)
    box.stop()
    written = capsys.readouterr().err
    assert "access_token=…" in written, "the library did log, and every line was gone through"
    assert "cardNumber=…" in written
    assert re.search(r"access_token=[^…\s]", written) is None
    assert "0004711001" not in written


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://valt.example.com", "valt.example.com"),
        ("http://VALT.example.com:80/", "valt.example.com"),
        ("https://valt.example.com:443", "valt.example.com"),
        ("https://valt.example.com:8443", "valt.example.com:8443"),
        ("http://[::1]:8088", "::1:8088"),
    ],
)
def test_a_server_keeps_its_name_when_it_begins_to_speak_tls(url: str, name: str) -> None:
    assert server_name(url) == name


# -- what it says of itself -----------------------------------------------------------------------


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the daemons of this test can be asked."""
    with tempfile.TemporaryDirectory(prefix="ivsd-") as folder:  # socket paths must be short
        path = Path(folder) / "s"
        monkeypatch.setitem(globals(), "Daemon", partial(Daemon, socket=path))
        yield path


def told(control: Path) -> Status:
    until(control.exists)
    return control_client.status(control)


def test_the_status_tells_of_a_box_that_records(run: Run, server: Simulator, control: Path) -> None:
    box = run(config(server))
    box.shows("available")
    box.press("record")
    box.press("lock")
    status = told(control)
    assert status_words.wrong(status) == []
    assert (status.config.loaded, status.config.problems) == (True, ())
    assert status.config.file == str(box.path)
    room = status.room
    assert (room.configured, room.id, room.state, room.records) == ("4", 4, "recording", True)
    assert (room.name, room.shown) == (server.world.rooms[4].name, "recording")
    assert room.recording_s is not None
    assert 0 <= room.recording_s < 5
    link = status.link
    assert (link.url, link.up, link.fault, link.trust) == (server.url, True, "", "none")
    assert link.server_version == "6.5.2"
    assert link.login_s_ago is not None
    assert [device.ready for device in status.devices] == [True] * 3
    assert {device.name for device in status.devices} >= {"lamp status", "lamp sign"}
    actions = [(outcome.action, outcome.result) for outcome in status.outcomes]
    assert actions == [("lock_toggle", "failed"), ("record_toggle", "done")]
    assert abs(datetime.fromisoformat(status.outcomes[0].time).timestamp() - time.time()) < 5


def test_the_status_of_a_wrong_configuration_names_every_problem(run: Run, control: Path) -> None:
    box = run(config(None, url="ftp://valt", timeout_s=900))
    box.shows("config")
    status = told(control)
    assert status.config.loaded is False
    assert [("valt.url" in p, "valt.timeout_s" in p) for p in status.config.problems] == [
        (True, False),
        (False, True),
    ]
    assert (status.lights.name, status.room.configured) == ("config", "4")


def test_a_wrong_file_beside_an_old_one_in_use_is_told_until_it_is_right(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    box.path.write_text("valt: oops\n", encoding="utf-8")
    control_client.ask(control, "reload")
    until(lambda: bool(told(control).config.problems))
    assert told(control).config.loaded
    box.path.write_text(config(server), encoding="utf-8")
    control_client.ask(control, "reload")
    until(lambda: not told(control).config.problems)


def test_the_status_of_a_server_that_is_away_keeps_what_was_confirmed(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    box.press("record")
    server.away()
    until(lambda: box.light == "no_link")
    status = told(control)
    assert (status.link.up, status.link.fault) == (False, "no_link")
    assert "refuses connections" in status.link.why
    assert (status.room.state, status.room.shown, status.room.records) == ("recording", None, True)


def test_a_missing_device_is_told(run: Run, server: Simulator, control: Path) -> None:
    keyboards = "\ninputs:\n  keyboards: [{name: reader, match: {name: Reader}}]\n"
    box = run(config(server) + keyboards, HardwareWithReader())
    until(lambda: bool(box.views) and box.views[-1].fault == "device")
    problems = [device.problem for device in told(control).devices if not device.ready]
    assert problems == ["reader: not found"]


def test_a_subscriber_sees_a_press_as_it_happens(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    states = control_client.follow(control)
    assert next(states).room.state == "available"
    box.hardware.hands.press("record")
    seen = next(status for status in states if status.outcomes)
    assert (seen.room.state, seen.outcomes[0].result) == ("recording", "done")


def test_no_secret_is_in_the_status(run: Run, server: Simulator, control: Path) -> None:
    """Swiped, typed, refused by the server with its own words, and as a wrong configuration."""
    box = run(config(server))
    box.shows("available")
    token = re.findall(r"access_token=(\w+)", " ".join(r.path for r in server.requests))
    for number in ("0004711001", "99998888777"):
        box.hardware.hands.swipe(number)
    for key in ("KEY_2", "KEY_5", "KEY_8", "KEY_0", "KEY_ENTER"):
        box.hardware.hands.key(key)
    until(lambda: len(box.outcomes) == 3)
    text = json.dumps(control_client.ask(control, "status"))
    for secret in ("0004711001", "99998888777", "2580", "admin", *token):
        assert secret not in text
    box.reload(config(server, password="[swordfish]"))
    until(lambda: bool(told(control).config.problems))
    assert "swordfish" not in json.dumps(control_client.ask(control, "status"))


def test_who_asks_for_the_factory_default_is_handed_on(
    run: Run, server: Simulator, control: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = run(config(server))
    box.shows("available")
    posted: list[Event] = []
    desk = box.daemon._control._desk if box.daemon._control is not None else None
    assert desk is not None
    monkeypatch.setattr(box.daemon._control, "_desk", replace(desk, post=posted.append))
    assert control_client.ask(control, "factory-default") == {}
    assert [type(event) for event in posted] == [FactoryDefaultAsked]


def test_a_loop_that_is_stuck_is_no_answer(
    run: Run, server: Simulator, control: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = run(config(server))
    box.shows("available")
    stuck, let_go = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        stuck.set()
        let_go.wait(10.0)

    monkeypatch.setattr(box.daemon, "_step", hang)
    assert stuck.wait(5.0)
    with pytest.raises(ControlError, match="the daemon does not answer"):
        control_client.status(control)
    monkeypatch.undo()
    let_go.set()


def test_a_socket_that_cannot_be_made_stops_nothing(
    run: Run, server: Simulator, control: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control.mkdir()
    box = run(config(server))
    box.shows("available")
    assert box.press("record").result == "done"
    assert "no control socket at" in caplog.text


def test_a_second_daemon_goes_on_without_the_socket_of_the_first(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    told(control)
    second = run(None)
    second.shows("available")
    second.press("lock")
    second.stop()
    assert told(control).outcomes == ()


def test_the_socket_is_gone_when_the_daemon_has_ended(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    told(control)
    assert box.stop() < STOP_WITHIN_S
    assert not control.exists()


def test_without_a_path_there_is_no_socket_and_no_thread(run: Run, server: Simulator) -> None:
    box = run(config(server))
    box.shows("available")
    assert "control" not in [thread.name for thread in threading.enumerate()]


def test_a_control_thread_that_dies_ends_the_daemon_loudly(
    run: Run, server: Simulator, control: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    box = run(config(server))
    box.shows("available")
    told(control)
    monkeypatch.setattr("ivsd.appliance.control.to_json", lambda *_: _raise())
    with pytest.raises(ControlError):
        control_client.status(control)
    box.ends_by_itself()
    assert box.code == 1
    assert "thread control died" in caplog.text


def test_a_control_is_pressed_over_the_socket_and_answered_with_its_outcome(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    until(control.exists)
    said = control_client.ask(control, "press", {"control": "record"})
    assert said == {"result": "done", "reason": "recording started"}
    assert box.light == "recording"
    assert server.world.recordings
    again = control_client.ask(control, "press", {"control": "record"})
    assert again["result"] == "ignored", "it was just started"


def test_a_control_that_is_not_there_is_told_which_are(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    until(control.exists)
    with pytest.raises(ControlError, match=r"no control “bell”.*record") as refused:
        control_client.ask(control, "press", {"control": "bell"})
    assert refused.value.code == "bad_args"


def test_a_badge_is_learned_over_the_socket_and_starts_nothing(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    until(control.exists)
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(control_client.ask(control, "learn")))
    thread.start()
    until(lambda: bool(box.daemon._asked.learners))
    box.hardware.hands.swipe("0004711001")
    thread.join(5)
    assert found == [{"kind": "badge", "name": "reader", "number": "0004711001"}]
    until(lambda: len(box.outcomes) == 1)
    assert not server.world.recordings
    assert "0004711001" not in json.dumps(control_client.ask(control, "status"))


def test_a_lamp_blinks_for_who_wants_to_see_which_it_is_and_then_tells_the_truth_again(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    until(control.exists)
    lamp = box.hardware.lamps["status"]
    told = control_client.ask(control, "blink", {"lamp": "status", "colour": "magenta"})
    assert 1 < told["seconds"] < 10
    until(lambda: lamp.colour.value == "magenta")
    before = len(lamp.changes)
    box.hardware.hands.press("record")  # who presses meanwhile sees at once that it was taken
    until(lambda: lamp.colour.value == "red")
    assert server.world.recordings
    colours = [colour for _, colour in list(lamp.changes)[before:]]
    assert Colour.MAGENTA not in colours[colours.index(Colour.WHITE) :]  # white: it is taken


def test_the_sign_does_not_blink_while_it_says_that_the_room_records(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    until(control.exists)
    sign = box.hardware.lamps["sign"]
    assert box.press("record").result == "done"
    until(lambda: sign.colour is not Colour.OFF)
    with pytest.raises(ControlError, match="the room is recording") as refused:
        control_client.ask(control, "blink", {"lamp": "sign", "colour": "red"})
    assert refused.value.code == "busy"


def test_a_daemon_that_nobody_starts_anew_is_not_ended_by_a_page(
    run: Run, server: Simulator, control: Path
) -> None:
    run(config(server)).shows("available")
    until(control.exists)
    with pytest.raises(ControlError, match="started by hand") as refused:
        control_client.ask(control, "restart")
    assert refused.value.code == "not_here"
    assert told(control).room.id == 4


@pytest.mark.parametrize(("lamp", "colour"), [("cellar", "red"), ("status", "off"), ("status", "")])
def test_no_other_lamp_or_colour_blinks(
    run: Run, server: Simulator, control: Path, lamp: str, colour: str
) -> None:
    run(config(server)).shows("available")
    until(control.exists)
    with pytest.raises(ControlError) as refused:
        control_client.ask(control, "blink", {"lamp": lamp, "colour": colour})
    assert refused.value.code == "bad_args"


def test_the_status_tells_what_can_be_pressed_and_what_every_lamp_shows(
    run: Run, server: Simulator, control: Path
) -> None:
    box = run(config(server))
    box.shows("available")
    status = told(control)
    assert {"record"} <= {item.name for item in status.controls}
    record = next(item for item in status.controls if item.name == "record")
    assert record.does == "starts or stops a recording"
    (lamp, *_) = status.lamps
    assert [(frame.colour) for frame in lamp.frames] == ["green"]
    assert {device.kind for device in status.devices if device.name == f"lamp {lamp.name}"} == {
        "lamp"
    }


def test_a_box_in_use_has_its_room_also_with_a_wrong_configuration(
    run: Run, server: Simulator, control: Path
) -> None:
    """So no press there proves to its pages that somebody stands at it who may set it up."""
    box = run(config(server, poll_interval_s="soon"))
    until(lambda: box.light == "config")
    status = told(control)
    assert (status.config.loaded, status.room.configured) == (False, "4")


def test_who_sets_up_is_answered_also_when_that_fails_by_a_defect(
    run: Run, server: Simulator, control: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = run(config(server))
    box.shows("available")
    until(control.exists)
    assert control_client.ask(control, "config")["values"]["room"] == 4

    def fail(op: str, args: object) -> None:
        raise MemoryError

    monkeypatch.setitem(box.daemon._asked._beside, "config", fail)
    with pytest.raises(ControlError, match="see the journal") as refused:
        control_client.ask(control, "config")
    assert refused.value.code == "failed"
    assert control_client.status(control).room.id == 4

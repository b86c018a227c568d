"""What a hand does at devices that ivsd.yaml does not name: keys, readers, lines."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

evdev = pytest.importorskip("evdev", reason="evdev is not installed: no devices to find")
pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")

import gpiod  # noqa: E402
from evdev import ecodes  # noqa: E402
from gpiod.line import Bias, Direction, Value  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ivsd import gpio_factory  # noqa: E402
from ivsd.config.schema import Inputs, Keyboard, Match, Role  # noqa: E402
from ivsd.gpio_lines import chips  # noqa: E402
from ivsd.inputs.evdev import KeyDevice  # noqa: E402
from ivsd.inputs.event_devices import Wanted  # noqa: E402
from ivsd.inputs.finder import Finder, FoundLine, Key, Row, Swipe, descriptor  # noqa: E402
from ivsd.inputs.frames import Frame  # noqa: E402
from ivsd.inputs.key_probe import unnamed  # noqa: E402
from ivsd.inputs.line_probe import SETTLE_S, LineProbe  # noqa: E402
from ivsd.inputs.source import DeviceProblem  # noqa: E402
from ivsd.inputs.strays import Stray, Strays  # noqa: E402
from ivsd.set_up.finding import DeviceSearch, Finding  # noqa: E402
from tests.evemu import KernelEvent, PlayedDevice, load  # noqa: E402
from tests.fake_gpio import FakeChip, pretended_kernel  # noqa: E402

LONG_S = 5.0
NAMED: dict[tuple[str, int | str | None], str] = {("gpiochip0", 5): "inputs.buttons.1.line"}


# -- keys in a row ---------------------------------------------------------------------------------


def typed(keys: list[tuple[str, float]]) -> list[Key | Swipe]:
    row, found = Row(), []
    for name, at in keys:
        found.append(row.key(name, at))
    found.append(row.expire(keys[-1][1] + 1.0))
    return [one for one in found if one is not None]


def number(digits: str, gap_s: float, *more: str) -> list[tuple[str, float]]:
    names = [*(f"KEY_{digit}" for digit in digits), *more]
    return [(name, place * gap_s) for place, name in enumerate(names)]


def test_a_key_by_itself_is_a_key() -> None:
    assert typed([("KEY_F1", 1.0)]) == ["KEY_F1"]


@pytest.mark.parametrize(("end", "entered"), [((), False), (("KEY_ENTER",), True)])
def test_a_number_at_the_speed_of_a_reader_is_a_reader(end: tuple[str, ...], entered: bool) -> None:
    (found,) = typed(number("4711", 0.005, *end))
    assert isinstance(found, Swipe)
    assert found.ends_with_enter is entered
    assert "4711" not in repr(vars(found))


def test_a_french_reader_types_shift_before_its_digits() -> None:
    keys = [key for digit in "4711" for key in ("KEY_LEFTSHIFT", f"KEY_{digit}")]
    (found,) = typed([(key, place * 0.004) for place, key in enumerate(keys)])
    assert isinstance(found, Swipe)


def test_a_pin_is_the_keys_of_a_hand() -> None:
    assert typed(number("12", 0.2)) == ["KEY_1", "KEY_2"]


@pytest.mark.parametrize("keys", [number("123", 0.01), [("KEY_LEFTCTRL", 0.0), ("KEY_C", 0.05)]])
def test_what_is_neither_is_passed_over(keys: list[tuple[str, float]]) -> None:
    assert typed(keys) == []


def test_a_key_that_means_something_is_not_told() -> None:
    row = Row()
    row.key("KEY_1", 0.0, is_free=False)
    assert row.expire(1.0) is None


def test_a_key_without_a_name_is_not_told() -> None:
    assert typed([("", 0.0)]) == []


@given(st.lists(st.tuples(st.sampled_from(["KEY_1", "KEY_F1", "KEY_ENTER"]), st.floats(0, 0.3))))
def test_no_digits_of_a_number_are_ever_told(keys: list[tuple[str, float]]) -> None:
    at, stamped = 0.0, [("KEY_F9", -1.0)]
    for name, gap_s in keys:
        at += gap_s
        stamped.append((name, at))
    for one in typed(stamped):
        assert isinstance(one, Swipe) or one in ("KEY_1", "KEY_F1", "KEY_ENTER", "KEY_F9")


# -- the first find wins ---------------------------------------------------------------------------


class Pipe:
    """A probe that finds what is put into it."""

    def __init__(self, *, is_gone: bool = False) -> None:
        self.fd = descriptor()
        self.found: str | None = None
        self.is_gone = is_gone

    def put(self, found: str) -> None:
        self.found = found
        os.eventfd_write(self.fd, 1)

    def fileno(self) -> int:
        return self.fd

    def read(self) -> str | None:
        os.eventfd_read(self.fd)
        if self.is_gone:
            raise DeviceProblem("it is gone")
        return self.found

    def deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> str | None:
        return None

    def close(self) -> None:
        os.close(self.fd)


@pytest.fixture
def stop_fd() -> Iterator[int]:
    fd = descriptor()
    yield fd
    os.close(fd)


def soon() -> float:
    return time.monotonic() + LONG_S


def test_the_first_find_ends_the_search(stop_fd: int) -> None:
    one, other = Pipe(), Pipe()
    other.put("other")
    assert Finder([one, other], stop_fd).find(soon()) == "other"


def test_a_device_that_goes_away_ends_nothing(stop_fd: int) -> None:
    gone, other = Pipe(is_gone=True), Pipe()
    gone.put("never")
    threading.Timer(0.05, other.put, ["other"]).start()
    assert Finder([gone, other], stop_fd).find(soon()) == "other"


def test_a_search_that_is_stopped_finds_nothing(stop_fd: int) -> None:
    os.eventfd_write(stop_fd, 1)
    assert Finder([Pipe()], stop_fd).find(soon()) is None


def test_a_search_ends_by_itself(stop_fd: int) -> None:
    assert Finder([Pipe()], stop_fd).find(time.monotonic()) is None


# -- lines -----------------------------------------------------------------------------------------


class Now:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeChip]]:
    with pretended_kernel(tmp_path, monkeypatch) as chips:
        monkeypatch.setattr(
            gpio_factory, "gpiod", type("Fake", (), {"LineSettings": gpiod.LineSettings})
        )
        yield chips


class Wire:
    """A free line with a probe at it."""

    def __init__(self, chip: FakeChip, *, rests_high: bool, pressed: Value = Value.ACTIVE) -> None:
        self.clock = Now()
        self.chip = chip
        self.pressed = pressed
        """The level that it has, once pressed, without our pull-up."""
        self.probe = LineProbe("gpiochip0", 4, self.clock, self._wait)
        self.request.level = Value.ACTIVE if rests_high else Value.INACTIVE

    @property
    def request(self) -> Any:
        return self.chip.requests[-1]

    def _wait(self, seconds: float) -> None:
        self.request.level = self.pressed

    def settles(self) -> None:
        self.clock.now += SETTLE_S
        assert self.probe.deadline() == self.clock.now
        assert self.probe.expire(self.clock.now) is None
        assert self.probe.deadline() is None

    def edge(self, level: int) -> FoundLine | None:
        self.request.edge(level, at_ns=1)
        return self.probe.read()


def test_a_free_line_is_only_listened_to(kernel: dict[str, FakeChip]) -> None:
    wire = Wire(kernel["gpiochip0"], rests_high=True)
    settings = wire.request.settings
    assert (settings.direction, settings.bias) == (Direction.INPUT, Bias.PULL_UP)
    assert settings.debounce_period.total_seconds() == 0.01
    wire.probe.close()
    assert [request.held for request in kernel["gpiochip0"].requests] == [False]


def test_a_contact_to_ground_closes_to_low(kernel: dict[str, FakeChip]) -> None:
    wire = Wire(kernel["gpiochip0"], rests_high=True)
    wire.settles()
    assert wire.edge(0) == FoundLine("gpiochip0", 4, "low", "up")


@pytest.mark.parametrize(("pressed", "pull"), [(Value.ACTIVE, "down"), (Value.INACTIVE, "up")])
def test_a_line_that_rises_is_pulled_down_unless_only_we_made_it_rise(
    kernel: dict[str, FakeChip], pressed: Value, pull: str
) -> None:
    wire = Wire(kernel["gpiochip0"], rests_high=False, pressed=pressed)
    wire.settles()
    assert wire.edge(1) == FoundLine("gpiochip0", 4, "high", pull)  # type: ignore[arg-type]
    settings = wire.request.settings
    assert (settings.direction, settings.bias) == (Direction.INPUT, Bias.PULL_DOWN)
    assert not settings.debounce_period, "a filtered level would be an old one"


def test_what_our_pull_up_does_is_no_press(kernel: dict[str, FakeChip]) -> None:
    wire = Wire(kernel["gpiochip0"], rests_high=True)
    assert wire.edge(1) is None
    assert wire.edge(0) is None
    wire.settles()
    assert wire.probe.read() is None


def test_coming_back_to_rest_is_no_press(kernel: dict[str, FakeChip]) -> None:
    wire = Wire(kernel["gpiochip0"], rests_high=True)
    wire.settles()
    assert wire.edge(1) is None


def test_a_chip_that_is_pulled_out_is_gone(kernel: dict[str, FakeChip]) -> None:
    wire = Wire(kernel["gpiochip0"], rests_high=True)
    wire.request.gone = True
    with pytest.raises(DeviceProblem, match="chip is gone"):
        wire.probe.read()


# -- the whole search ------------------------------------------------------------------------------


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> dict[str, PlayedDevice]:
    """The event devices of a machine."""
    devices: dict[str, PlayedDevice] = {}

    def opened(path: str) -> PlayedDevice:
        found = devices[path]
        if found.closed:  # asked about once more
            found = devices[path] = PlayedDevice(found.recording, path, found.phys)
        return found

    monkeypatch.setattr(evdev, "InputDevice", opened)
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, request, data: 0)
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [Path(path) for path in devices])
    return devices


def plug(plugged: dict[str, PlayedDevice], stream: str, path: str, name: str = "") -> PlayedDevice:
    recording = load(stream)
    recording.name = name or recording.name
    plugged[path] = PlayedDevice(recording, path)
    return plugged[path]


def press(device: PlayedDevice, key: str, at: float = 1.0) -> None:
    sec, code = int(at), ecodes.ecodes[key]
    down, up = (KernelEvent(sec, 0, ecodes.EV_KEY, code, value) for value in (1, 0))
    device.happens([down, KernelEvent(sec, 0, 0, 0, 0), up, KernelEvent(sec, 0, 0, 0, 0)])


class Search:
    """A search of the whole machine, in a thread of its own."""

    def __init__(self, inputs: Inputs, stop_fd: int, strays: Strays | None = None) -> None:
        self.found: list[dict[str, Any] | None] = []
        search = DeviceSearch(inputs, NAMED, strays or Strays(), chips)
        self._thread = threading.Thread(
            target=lambda: self.found.append(search.find(stop_fd, soon()))
        )
        self._thread.start()

    def end(self) -> dict[str, Any] | None:
        self._thread.join(LONG_S)
        assert not self._thread.is_alive()
        return self.found[0]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.005)


def test_a_swipe_at_a_reader_that_is_not_named_is_found_without_its_number(
    kernel: dict[str, FakeChip], plugged: dict[str, PlayedDevice], stop_fd: int
) -> None:
    reader = plug(plugged, "decimal_enter", "/dev/input/event3", "Sycreader")
    search = Search(Inputs(), stop_fd)
    until(lambda: len(kernel["gpiochip0"].requests) == 7)
    first = next(place for place, e in enumerate(reader.recording.events) if e.type == 1)
    reader.happens(reader.recording.events[first:])
    assert search.end() == {
        "kind": "reader",
        "device": "Sycreader",
        "match": {"id": "08ff:0009"},
        "types_numbers": True,
        "ends_with_enter": True,
    }
    assert reader.grabs == 1, "its number goes to no log-in prompt"
    assert reader.closed, "which gives it back"
    assert not any(request.held for request in kernel["gpiochip0"].requests)


def test_a_key_of_a_device_that_is_not_named_is_found(
    kernel: dict[str, FakeChip], plugged: dict[str, PlayedDevice], stop_fd: int
) -> None:
    pedal = plug(plugged, "two_nodes_keys", "/dev/input/event3", "foot switch")
    search = Search(Inputs(), stop_fd)
    until(lambda: len(kernel["gpiochip0"].requests) == 7)
    press(pedal, "KEY_KPPLUS")
    found = search.end()
    assert found is not None
    assert (found["kind"], found["device"], found["key"]) == ("key", "foot switch", "KEY_KPPLUS")
    assert found["named"] == ""


def test_a_device_that_another_program_has_does_not_keep_out_the_others(
    kernel: dict[str, FakeChip], plugged: dict[str, PlayedDevice], stop_fd: int
) -> None:
    taken = plug(plugged, "decimal_enter", "/dev/input/event3", "taken")
    taken.grab_error = OSError(errno.EBUSY, "Device or resource busy")
    pedal = plug(plugged, "two_nodes_keys", "/dev/input/event4", "foot switch")
    search = Search(Inputs(), stop_fd)
    until(lambda: pedal.grabs == 1)
    press(pedal, "KEY_KPPLUS")
    found = search.end()
    assert found is not None
    assert found["device"] == "foot switch"
    assert taken.closed


def test_a_key_that_is_down_comes_up_where_it_went_down(
    plugged: dict[str, PlayedDevice],
) -> None:
    """Taken meanwhile, the device would hold it down at the console for ever."""
    pedal = plug(plugged, "two_nodes_keys", "/dev/input/event3", "foot switch")
    plus = ecodes.ecodes["KEY_KPPLUS"]
    pedal.happens([KernelEvent(1, 0, ecodes.EV_KEY, plus, 1)])
    (probe,) = unnamed(lambda device: False)
    assert pedal.grabs == 0
    pedal.happens([KernelEvent(2, 0, ecodes.EV_KEY, plus, 2)])
    assert probe.read() is None
    assert pedal.grabs == 0
    pedal.happens([KernelEvent(3, 0, ecodes.EV_KEY, plus, 0)])
    assert probe.read() is None
    assert pedal.grabs == 1
    probe.close()


def test_a_search_that_ends_by_a_defect_gives_all_back(
    plugged: dict[str, PlayedDevice], stop_fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pedal = plug(plugged, "two_nodes_keys", "/dev/input/event3", "foot switch")

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ivsd.set_up.finding.Finder.find", breaks)
    with pytest.raises(ZeroDivisionError):
        DeviceSearch(Inputs(), None, Strays(), chips).find(stop_fd, soon())
    assert (pedal.grabs, pedal.closed) == (1, True)


def test_a_device_that_is_named_is_left_to_the_daemon(
    kernel: dict[str, FakeChip], plugged: dict[str, PlayedDevice], stop_fd: int
) -> None:
    named = plug(plugged, "two_nodes_keys", "/dev/input/event3", "named")
    keyboard = Keyboard("pad", Match(name="named"), role=Role.PIN)
    search = Search(Inputs(keyboards=[keyboard]), stop_fd)
    until(lambda: len(kernel["gpiochip0"].requests) == 7)
    assert named.closed
    assert named.grabs == 0
    os.eventfd_write(stop_fd, 1)
    assert search.end() is None


def test_a_line_is_found_as_the_file_calls_its_chip(
    kernel: dict[str, FakeChip], plugged: dict[str, PlayedDevice], stop_fd: int
) -> None:
    chip = kernel["gpiochip0"]
    search = Search(Inputs(), stop_fd)
    until(lambda: len(chip.requests) == 7)
    for request in chip.requests:
        request.level = Value.ACTIVE
    time.sleep(2 * SETTLE_S)
    next(request for request in chip.requests if request.offsets == [6]).edge(0, at_ns=1)
    assert search.end() == {
        "kind": "line",
        "chip": "gpiochip0",
        "line": 6,
        "name": "BTN_STOP",
        "active": "low",
        "pull": "up",
    }
    assert [5] not in [request.offsets for request in chip.requests]
    assert kernel["gpiochip1"].requests == [], "nothing names that chip"


def test_a_line_that_is_refused_does_not_keep_out_the_others(
    kernel: dict[str, FakeChip], plugged: dict[str, PlayedDevice], stop_fd: int
) -> None:
    kernel["gpiochip0"].request_error = errno.EINVAL
    pedal = plug(plugged, "two_nodes_keys", "/dev/input/event3", "foot switch")
    search = Search(Inputs(), stop_fd)
    until(lambda: pedal.grabs == 1)
    press(pedal, "KEY_KPPLUS")
    found = search.end()
    assert found is not None
    assert found["kind"] == "key"


# -- keyboards that the daemon has -----------------------------------------------------------------


def keypad(plugged: dict[str, PlayedDevice], strays: Strays, role: str) -> KeyDevice:
    device = plug(plugged, "two_nodes_keys", "/dev/input/event3", "pad")
    badges, pins = role == "badge", role == "pin"
    frame = Frame("pad", badges=badges, pins=pins) if badges or pins else None
    wanted = Wanted(name=device.recording.name)
    source = KeyDevice("pad", wanted, keys={}, frame=frame, grab=True, strays=strays)
    source.open()
    return source


@pytest.mark.parametrize(
    ("role", "key", "is_told"),
    [
        ("keys", "KEY_1", True),
        ("pin", "KEY_KPPLUS", True),
        ("pin", "KEY_1", False),
        ("pin", "KEY_ENTER", False),
        ("pin", "KEY_BACKSPACE", False),
        ("badge", "KEY_F1", True),
    ],
)
def test_a_key_that_means_nothing_yet_is_told_to_who_looks_for_one(
    plugged: dict[str, PlayedDevice], role: str, key: str, is_told: bool
) -> None:
    strays = Strays()
    pad = keypad(plugged, strays, role)
    ear = strays.listen()
    press(plugged["/dev/input/event3"], key)
    list(pad.read())
    assert ear.read() is None
    assert ear.expire(2.0) == (Stray("pad", key) if is_told else None)
    ear.close()
    pad.close()


def test_a_pin_is_told_to_nobody(plugged: dict[str, PlayedDevice]) -> None:
    strays = Strays()
    pad = keypad(plugged, strays, "pin")
    ear = strays.listen()
    press(plugged["/dev/input/event3"], "KEY_4")
    list(pad.read())
    assert "KEY_4" not in repr(list(ear._typed))
    ear.close()
    pad.close()


def test_while_nobody_looks_nothing_is_kept(plugged: dict[str, PlayedDevice]) -> None:
    strays = Strays()
    pad = keypad(plugged, strays, "keys")
    press(plugged["/dev/input/event3"], "KEY_F1")
    list(pad.read())
    ear = strays.listen()
    assert ear.expire(9.0) is None
    ear.close()
    pad.close()


# -- threads ---------------------------------------------------------------------------------------


class OneSearch:
    def __init__(self, found: dict[str, Any] | None, *, waits: bool = False) -> None:
        self.found, self.waits = found, waits

    def find(self, stop_fd: int, until: float) -> dict[str, Any] | None:
        if self.waits:
            assert Finder([Pipe()], stop_fd).find(until) is None
        if self.found == {}:
            raise MemoryError
        return self.found


def finding(folder: Path, search: OneSearch) -> Finding:
    (folder / "ivsd.yaml").write_text("controls: {}\n")
    return Finding(folder / "ivsd.yaml", lambda inputs, named: search)


def test_what_was_found_is_told_once(tmp_path: Path) -> None:
    told: list[object] = []
    it = finding(tmp_path, OneSearch({"kind": "line"}))
    it.begin(1, told.append)
    until(lambda: bool(told))
    assert it.end(1) is True
    assert it.end(1) is False
    assert told == [{"kind": "line"}]


def test_a_search_that_is_ended_gives_its_devices_back_at_once(tmp_path: Path) -> None:
    told: list[object] = []
    it = finding(tmp_path, OneSearch(None, waits=True))
    it.begin(7, told.append)
    thread = it._under_way[7]
    assert thread is not None
    assert it.end_all() == [7]
    assert not thread.is_alive()
    assert told == []


def test_a_search_that_fails_by_a_defect_says_so_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    it = finding(tmp_path, OneSearch({}))
    it.begin(1, print)
    thread = it._under_way[1]
    assert thread is not None
    thread.join(LONG_S)
    assert "cannot be searched" in caplog.text


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("threading.Thread.start", RuntimeError("can't start new thread")),
        ("os.eventfd", OSError(errno.EMFILE, "Too many open files")),
    ],
)
def test_a_machine_without_threads_or_files_searches_nothing_and_goes_on(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    error: Exception,
) -> None:
    it = finding(tmp_path, OneSearch(None))
    files = len(os.listdir("/proc/self/fd"))

    def none_left(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(where, none_left)
        it.begin(1, print)
    assert f"cannot be searched now: {error}" in caplog.text
    assert len(os.listdir("/proc/self/fd")) == files
    assert it.end(1) is True, "what the file names is still found, and no number of a badge is told"
    it.begin(2, print)
    assert it.end_all() == [2]


def test_a_search_that_is_slow_to_end_does_not_hold_up_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float | None] = []
    monkeypatch.setattr(threading.Thread, "join", lambda thread, s=None: waited.append(s))
    it = finding(tmp_path, OneSearch(None, waits=True))
    for token in range(3):
        it.begin(token, print)
    assert it.end_all() == [0, 1, 2]
    assert len(waited) == 3
    assert all(s is not None and s <= 0.1 for s in waited)

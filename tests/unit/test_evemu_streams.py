"""Recordings in evemu's format, played through KeyDevice: what comes out of real timings.

All of them are synthetic so far (tests/fixtures/evemu/make.py); a recording of a real reader
becomes a test by a file and a line here.
"""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

evdev = pytest.importorskip("evdev", reason="evdev is not installed: no recordings to play")

from evdev import ecodes  # noqa: E402

from ivsd.events import (  # noqa: E402
    DeviceFound,
    Disturbed,
    Event,
    Misread,
    Pressed,
    Released,
    Scanned,
)
from ivsd.inputs import frames  # noqa: E402
from ivsd.inputs.evdev import KeyDevice  # noqa: E402
from ivsd.inputs.event_devices import Wanted, describe  # noqa: E402
from ivsd.inputs.frames import Frame  # noqa: E402
from ivsd.inputs.reader import Reader  # noqa: E402
from ivsd.inputs.source import DeviceProblem  # noqa: E402
from ivsd.keymaps import Keymap  # noqa: E402
from ivsd.notation import Form, Notation, convert  # noqa: E402
from tests.evemu import FIXTURES, KernelEvent, PlayedDevice, Recording, load, parse  # noqa: E402

BADGE, OTHER = "badge 0004711001", "badge 0004711002"
TEN_PLACES = partial(convert, reader=Form(Notation.DECIMAL, 10), valt=Form(Notation.DECIMAL, 10))


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> dict[str, PlayedDevice]:
    """The event devices of a machine; a test plugs them in by their path."""
    devices: dict[str, PlayedDevice] = {}

    def opened(path: str) -> PlayedDevice:
        if path not in devices:
            raise FileNotFoundError(path)
        return devices[path]

    monkeypatch.setattr(evdev, "InputDevice", opened)
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, request, data: 0)
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [Path(path) for path in devices])
    return devices


class Door:
    """A recording's device in use at a door, and what came out."""

    def __init__(
        self, plugged: dict[str, PlayedDevice], stream: str, role: str = "badge", **options: Any
    ) -> None:
        self.recording = load(stream)
        self.device = PlayedDevice(self.recording)
        plugged[self.device.path] = self.device
        keys = options.pop("keys", {})
        self.device.down = options.pop("held", set())
        badges, pins = role in ("badge", "auto"), role in ("pin", "auto")
        frame = Frame("door", badges=badges, pins=pins, **options) if badges or pins else None
        wanted = Wanted(id="08ff:0009")
        self.source = KeyDevice("door", wanted, keys=keys, frame=frame, grab=True)
        self.source.open()
        self.events: list[Event] = []
        self.start_us = int(time.monotonic() * 1e6) + 1_000_000
        """When the recording begins: some time after it was opened."""

    def later(self, events: list[KernelEvent]) -> list[KernelEvent]:
        """Return events of the recording at the time they have here."""
        return [event.later(self.start_us) for event in events]

    def played(self) -> list[str]:
        """Play it as a thread that is never late reads it; return what came out."""
        for report in self.recording.reports:
            self.pass_time(report[0].later(self.start_us).at)
            self.device.happens(self.later(report))
            self.events += self.source.read()
        self.pass_time(float("inf"))
        return self.texts

    def played_late(self) -> list[str]:
        """Play it for a thread that slept all the time, and reads until nothing waits."""
        self.all_happens()
        while self.device.waiting:
            self.events += self.source.read()
        self.pass_time(float("inf"))
        return self.texts

    def all_happens(self) -> None:
        """Let everything wait to be read."""
        self.device.happens(self.later(self.recording.events))

    @property
    def texts(self) -> list[str]:
        return [_text(event) for event in self.events]

    def pass_time(self, until: float) -> None:
        """End what is due."""
        while (deadline := self.source.deadline()) is not None and deadline <= until:
            self.events += self.source.expire(deadline)


def _text(event: Event) -> str:
    match event:
        case Scanned(_, kind, number, _):
            return f"{kind} {number.reveal()}"
        case Misread():
            return "misread"
        case Pressed(control, _):
            return f"press {control}"
        case Released(control, _):
            return f"release {control}"
        case Disturbed():
            return "disturbed"
    return repr(event)


STREAMS: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("decimal_enter", "badge", {}, [BADGE]),
    ("decimal_enter", "auto", {}, [BADGE]),
    ("decimal_enter", "auto", {"pin_length": 4}, [BADGE]),
    ("hex_shift_enter", "badge", {}, ["badge 04A2247AB15C80"]),
    ("hex_shift_enter", "auto", {}, ["badge 04A2247AB15C80"]),
    ("numpad_kpenter", "badge", {}, [BADGE]),
    ("numpad_kpenter", "auto", {"pin_length": 6}, [BADGE]),
    ("numpad_kpenter", "badge", {"keymap": Keymap.FR}, [BADGE]),
    ("tab_end", "badge", {}, [BADGE]),
    ("no_end", "badge", {}, [BADGE]),
    ("no_end", "auto", {}, [BADGE]),
    ("magstripe", "badge", {}, [BADGE]),
    ("magstripe", "badge", {"prefix": ";", "suffix": "?"}, [BADGE]),
    ("magstripe", "badge", {"prefix": "%"}, ["misread"]),
    ("escape_prefix", "badge", {}, [BADGE]),
    ("escape_prefix", "auto", {}, [BADGE]),
    ("fr_decimal_enter", "badge", {"keymap": Keymap.FR}, [BADGE]),
    ("fr_decimal_enter", "auto", {"keymap": Keymap.FR}, [BADGE]),
    ("fr_decimal_enter", "badge", {}, ["misread"]),
    ("decimal_enter", "badge", {"keymap": Keymap.FR}, ["misread"]),
    ("de_facility_enter", "badge", {"keymap": Keymap.DE}, ["badge 071-57945"]),
    ("de_facility_enter", "badge", {}, ["badge 071/57945"]),
    ("stuck_key", "badge", {}, ["misread"]),
    ("stuck_key", "pin", {}, []),
    ("stuck_key", "auto", {}, []),
    ("stuck_key", "keys", {"keys": {"KEY_7": "marker"}}, ["press marker", "release marker"]),
    ("partial_3_then_full", "badge", {}, ["misread", BADGE]),
    ("partial_3_then_full", "auto", {}, ["misread", BADGE]),
    ("partial_3_then_full", "auto", {"pin_length": 4}, ["misread", BADGE]),
    ("two_swipes_200_ms", "badge", {}, [BADGE, OTHER]),
    ("two_swipes_200_ms", "auto", {}, [BADGE, OTHER]),
    ("card_left", "badge", {}, [BADGE] * 4),  # whether that is one visit is the controller's
    ("card_left", "auto", {}, [BADGE] * 4),
    ("two_nodes_keys", "badge", {}, [BADGE]),
    ("dropped_mid_swipe", "badge", {}, ["disturbed", "misread", BADGE]),
    ("dropped_mid_swipe", "auto", {}, ["disturbed", "misread", BADGE]),
    ("slow_pin", "pin", {}, ["pin 2580"]),
    ("slow_pin", "auto", {}, ["pin 2580"]),
    ("slow_pin", "auto", {"pin_length": 4}, ["pin 2580"]),
    ("quick_pin", "pin", {}, ["pin 258013"]),
    ("quick_pin", "auto", {}, ["pin 258013"]),
    ("quick_pin", "pin", {"pin_length": 6}, ["pin 258013"]),
    ("late_70_ms", "badge", {}, [BADGE]),
    ("late_70_ms", "auto", {}, [BADGE]),
]  # fmt: skip
NAMES = [f"{stream}-{role}-{options or ''}" for stream, role, options, _ in STREAMS]


@pytest.mark.parametrize(("stream", "role", "options", "expected"), STREAMS, ids=NAMES)
def test_what_a_recording_gives(
    plugged: dict[str, PlayedDevice],
    stream: str,
    role: str,
    options: dict[str, Any],
    expected: list[str],
) -> None:
    assert Door(plugged, stream, role, **options).played() == expected


@pytest.mark.parametrize(
    ("stream", "role", "options", "expected"),
    [case for case in STREAMS if case[0] != "dropped_mid_swipe"],
)
def test_a_thread_that_is_late_reads_the_same(
    plugged: dict[str, PlayedDevice],
    stream: str,
    role: str,
    options: dict[str, Any],
    expected: list[str],
) -> None:
    """Only the kernel's times count."""
    assert Door(plugged, stream, role, **options).played_late() == expected


# -- partial reads ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["badge", "auto"])
def test_six_digits_without_an_end_are_a_badge_where_nothing_tells_its_length(
    plugged: dict[str, PlayedDevice], role: str
) -> None:
    """A short badge without Enter looks just like that (decision 23): it joins nothing."""
    assert Door(plugged, "partial_6_then_full", role).played() == ["badge 000471", BADGE]


@pytest.mark.parametrize(
    ("options", "then"), [({"as_valt": TEN_PLACES}, BADGE), ({"suffix": "001"}, "badge 0004711")]
)
def test_six_digits_of_ten_are_misread_where_the_notation_or_the_suffix_tells(
    plugged: dict[str, PlayedDevice], options: dict[str, Any], then: str
) -> None:
    assert Door(plugged, "partial_6_then_full", **options).played() == ["misread", then]


def test_a_digit_that_is_95_ms_late_is_behind_the_end_of_the_frame(
    plugged: dict[str, PlayedDevice],
) -> None:
    """What a gap of 80 ms costs (decision 23): the places of the notation catch it."""
    assert Door(plugged, "late_95_ms").played() == ["badge 000471100", "misread"]


def test_a_late_digit_makes_no_wrong_badge_where_the_notation_has_places(
    plugged: dict[str, PlayedDevice],
) -> None:
    assert Door(plugged, "late_95_ms", as_valt=TEN_PLACES).played() == ["misread", "misread"]


# -- signs that are no number's ---------------------------------------------------------------


@pytest.mark.parametrize("role", ["badge", "auto"])
def test_a_letter_with_ctrl_is_no_hexadecimal_digit(
    plugged: dict[str, PlayedDevice], role: str
) -> None:
    """STX and ETX of a serial scanner that types; now the number is B0004711001C."""
    assert Door(plugged, "ctrl_prefix", role).played() == [BADGE]


def test_a_line_feed_behind_enter_is_no_second_number(plugged: dict[str, PlayedDevice]) -> None:
    assert Door(plugged, "crlf_end").played() == [BADGE]


@pytest.mark.parametrize(
    ("stream", "keymap"), [("fr_decimal_enter", Keymap.US), ("decimal_enter", Keymap.FR)]
)
def test_a_wrong_keymap_is_told_as_that(
    plugged: dict[str, PlayedDevice], stream: str, keymap: Keymap
) -> None:
    """Holding the badge to the reader again does not help here."""
    door = Door(plugged, stream, keymap=keymap)
    door.played()
    assert [e.why for e in door.events if isinstance(e, Misread)] == [frames.OTHER_SIGNS]


# -- a thread that is late --------------------------------------------------------------------


def _until(holds: Callable[[], bool], within_s: float = 3.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.002)


@pytest.fixture
def read_by_thread() -> Iterator[Callable[..., list[Event]]]:
    """Let the input thread itself read a door's device."""
    readers: list[Reader] = []

    def start(door: Door, clock: Callable[[], float] = time.monotonic) -> list[Event]:
        posted: list[Event] = []
        readers.append(Reader([door.source], posted.append, clock))
        readers[0].start()
        _until(lambda: posted == [DeviceFound("door")])
        posted.clear()
        return posted

    yield start
    for reader in readers:
        reader.stop(2.0)


def test_a_long_number_that_waited_is_not_cut_where_evdev_stops_to_read(
    plugged: dict[str, PlayedDevice], read_by_thread: Callable[..., list[Event]]
) -> None:
    """14 places are 102 events; buffers of more than 64 are those of nodes with axes, too."""
    door = Door(plugged, "hex_shift_enter")
    posted = read_by_thread(door, lambda: time.monotonic() + 5.0)
    door.all_happens()
    _until(lambda: bool(posted))
    assert [_text(event) for event in posted] == ["badge 04A2247AB15C80"]


def test_a_number_is_not_cut_by_a_thread_that_was_put_off_behind_its_read(
    plugged: dict[str, PlayedDevice], read_by_thread: Callable[..., list[Event]]
) -> None:
    """No key came late: the thread did, between reading and looking at the clock."""
    door = Door(plugged, "decimal_enter")
    reports = [door.later(report) for report in door.recording.reports]
    now = reports[9][0].at

    came = threading.Event()

    def clock() -> float:
        nonlocal now
        if came.is_set() and not door.device.waiting and now < reports[-1][0].at:
            now = reports[-1][0].at
            for report in reports[10:]:
                door.device.happens(report)
        return now

    posted = read_by_thread(door, clock)
    door.device.happens([event for report in reports[:10] for event in report])
    came.set()
    _until(lambda: bool(posted))
    assert [_text(event) for event in posted] == [BADGE]


# -- pieces of a swipe that the device's life makes -------------------------------------------


@pytest.mark.parametrize("role", ["badge", "auto"])
def test_a_device_that_is_opened_in_the_middle_of_a_swipe_gives_no_piece_of_it(
    plugged: dict[str, PlayedDevice], role: str
) -> None:
    """The configuration is read again, or a reader types while udev still tells of it."""
    door = Door(plugged, "decimal_enter", role)
    door.start_us = int((time.monotonic() - door.recording.reports[6][0].at + 0.002) * 1e6)
    for report in door.recording.reports[6:]:
        door.device.happens(door.later(report))
    while door.device.waiting:
        door.events += door.source.read()
    door.pass_time(float("inf"))
    assert [text for text in door.texts if text != "misread"] == []


def test_half_a_number_before_the_unplugging_joins_nothing(
    plugged: dict[str, PlayedDevice],
) -> None:
    door = Door(plugged, "decimal_enter")
    reports = door.recording.reports
    for report in reports[:8]:
        door.device.happens(door.later(report))
    door.events += door.source.read()
    door.device.gone = {"*"}
    with pytest.raises(DeviceProblem, match="not found"):
        list(door.source.read())
    door.source.close()
    plugged[door.device.path] = door.device = PlayedDevice(door.recording)
    door.source.open()
    door.start_us += 1_000_000
    assert door.played()[-1:] == [BADGE]
    assert [text for text in door.texts if text != BADGE] in ([], ["misread"])


def test_waiting_for_the_grab_loses_no_digit(plugged: dict[str, PlayedDevice]) -> None:
    """A key is held when the device is opened: each read asks whether it is still down."""
    door = Door(plugged, "decimal_enter", held={ecodes.KEY_F5})
    reports = [door.later(report) for report in door.recording.reports]
    meanwhile = reports[8:12]
    for report in reports[:8]:
        door.device.happens(report)
    door.device.meanwhile = lambda: _happen(door, meanwhile)
    door.events += door.source.read()
    _happen(door, meanwhile)  # when nobody has asked
    _happen(door, reports[12:])
    while door.device.waiting:
        door.events += door.source.read()
    assert door.texts in ([BADGE], ["misread"])


def _happen(door: Door, reports: list[list[KernelEvent]]) -> None:
    """Let the device send these, once."""
    while reports:
        door.device.happens(reports.pop(0))


def test_a_swipe_whose_head_goes_with_the_question_for_the_keys_gives_no_piece(
    plugged: dict[str, PlayedDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late thread: the loss is half a second old, and the next swipe has begun."""
    door = Door(plugged, "dropped_mid_swipe")
    for report in door.recording.reports[:9]:
        door.device.happens(door.later(report))
    door.start_us += 700_000
    swipe = [door.later(report) for report in load("decimal_enter").reports]
    head = swipe[:8]
    door.device.meanwhile = lambda: _happen(door, head)
    with monkeypatch.context() as patch:
        patch.setattr(door.source, "_clock", lambda: swipe[8][0].at - 0.002)
        door.events += door.source.read()
    for report in swipe[8:]:
        door.device.happens(report)
    while door.device.waiting:
        door.events += door.source.read()
    door.pass_time(float("inf"))
    assert [text for text in door.texts if text.startswith("badge")] == []


# -- lost events ------------------------------------------------------------------------------


def test_a_lost_release_is_told_when_the_loss_is_and_the_next_press_is_one(
    plugged: dict[str, PlayedDevice],
) -> None:
    door = Door(plugged, "lost_release", "keys", keys={"KEY_R": "record"})
    assert door.played() == [
        "press record", "disturbed", "release record", "press record", "release record",
    ]  # fmt: skip


def test_a_control_that_is_held_all_along_stays_held(plugged: dict[str, PlayedDevice]) -> None:
    door = Door(plugged, "lost_release", "keys", keys={"KEY_R": "record"})
    door.device.down_after_loss = {ecodes.KEY_R}
    assert door.played()[:2] == ["press record", "disturbed"]
    assert door.texts.count("release record") == 1


def test_a_press_that_was_lost_is_not_made_up(plugged: dict[str, PlayedDevice]) -> None:
    door = Door(plugged, "lost_release", "keys", keys={"KEY_P": "pause"})
    door.device.down_after_loss = {ecodes.KEY_P}
    assert door.played() == ["disturbed"]


def _behind(seconds: int, stream: str) -> list[KernelEvent]:
    return [event.later(seconds * 1_000_000) for event in load(stream).events]


LOSS = [KernelEvent(0, 20_000, 0, 3, 0), KernelEvent(0, 20_000, 0, 0, 0)]


def test_shift_does_not_stay_down_when_its_release_was_lost(
    plugged: dict[str, PlayedDevice],
) -> None:
    """With Shift the digits of a reader set to the US are signs."""
    door = Door(plugged, "fr_decimal_enter")
    shift_down = door.recording.reports[0]
    door.recording = Recording(events=[*shift_down, *LOSS, *_behind(1, "decimal_enter")])
    assert door.played() == ["disturbed", BADGE]


def test_shift_that_is_down_when_the_device_is_opened_counts(
    plugged: dict[str, PlayedDevice],
) -> None:
    door = Door(plugged, "decimal_enter", keymap=Keymap.FR, held={ecodes.KEY_RIGHTSHIFT})
    assert door.played() == [BADGE]


def test_a_loss_that_was_not_over_at_the_unplugging_is_over_then(
    plugged: dict[str, PlayedDevice],
) -> None:
    door = Door(plugged, "decimal_enter")
    door.device.happens(door.later(LOSS[:1]))
    assert list(door.source.read()) == []
    door.source.close()
    plugged[door.device.path] = door.device = PlayedDevice(door.recording)
    door.source.open()
    door.start_us += 1_000_000
    assert door.played() == [BADGE]


def test_shift_that_is_down_behind_the_loss_counts(plugged: dict[str, PlayedDevice]) -> None:
    door = Door(plugged, "fr_decimal_enter", keymap=Keymap.FR)
    door.device.down_after_loss = {ecodes.KEY_LEFTSHIFT}
    reports = door.recording.reports
    later = [event.later(1_000_000) for report in reports[1:] for event in report]
    door.recording = Recording(events=[*LOSS, *later])
    assert door.played() == ["disturbed", BADGE]


def test_what_is_between_the_loss_and_the_next_report_is_nothing(
    plugged: dict[str, PlayedDevice],
) -> None:
    door = Door(plugged, "lost_release", "keys", keys={"KEY_R": "record"})
    pieces = [
        (0, 3, 0),
        (1, ecodes.KEY_R, 1),
        (1, ecodes.KEY_R, 0),
        (1, ecodes.KEY_R, 1),
        (0, 0, 0),
    ]
    door.recording = Recording(events=[KernelEvent(0, 1, *piece) for piece in pieces])
    assert door.played() == ["disturbed"]


def test_losses_are_counted_also_over_a_replug(plugged: dict[str, PlayedDevice]) -> None:
    door = Door(plugged, "dropped_mid_swipe")
    door.played()
    door.source.close()
    plugged[door.device.path] = door.device = PlayedDevice(door.recording)
    door.source.open()
    door.start_us += 5_000_000
    door.played()
    assert [event.total for event in door.events if isinstance(event, Disturbed)] == [1, 2]


@pytest.mark.parametrize("failing", ["the loss", "the grab", "a busy grab"])
def test_what_came_before_the_device_was_gone_is_told(
    plugged: dict[str, PlayedDevice], failing: str
) -> None:
    held = set() if failing == "the loss" else {ecodes.KEY_LEFTALT}
    door = Door(plugged, "lost_release", "keys", keys={"KEY_R": "record"}, held=held)
    [press, lost, *_, release] = door.recording.reports
    let_go = [KernelEvent(0, 1, 1, code, 0) for code in held]
    if failing == "a busy grab":
        door.device.grab_error = OSError(errno.EBUSY, "Device or resource busy")
    else:
        door.device.gone = {"grab" if held else "active_keys"}
    door.device.happens([*press, *release, *let_go] if held else [*press, *lost])
    told: list[str] = []
    with pytest.raises(DeviceProblem):
        told.extend(map(_text, door.source.read()))  # keeps what came before the problem
    assert told[:1] == ["press record"]


# -- the second node, the format, the files ---------------------------------------------------


def test_of_two_nodes_with_one_name_the_one_with_digits_is_taken(
    plugged: dict[str, PlayedDevice],
) -> None:
    """RPi-Jukebox-RFID#231: the dead one was picked."""
    consumer = PlayedDevice(load("two_nodes_consumer"), "/dev/input/event2", "usb-1.2/input1")
    plugged[consumer.path] = consumer
    door = Door(plugged, "two_nodes_keys")
    assert consumer.closed
    assert door.played() == [BADGE]


def test_a_recording_says_what_the_device_is(plugged: dict[str, PlayedDevice]) -> None:
    device: Any = PlayedDevice(load("decimal_enter"))
    described = describe(device)
    assert (described.name, described.id) == ("SYNTHETIC HID Reader", "08ff:0009")
    assert {"KEY_1", "KEY_KP1", "KEY_ENTER", "KEY_LEFTSHIFT"} <= described.keys
    assert not described.keys & {"KEY_NEXTSONG", "BTN_LEFT"}


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.events")), ids=lambda file: file.stem)
def test_every_recording_is_whole(file: Path) -> None:
    recording = parse(file.read_text(encoding="utf-8"))
    first, origin, *_ = recording.comments
    assert first.startswith("EVEMU 1.")
    assert origin.startswith(("SYNTHETIC", "RECORDED"))
    assert 1 in recording.bits[0]
    assert recording.events == sorted(recording.events, key=lambda event: event.at)
    sent = {event.code for event in recording.events if event.type == 1}
    assert sent <= set(recording.bits[1])
    assert not recording.events or recording.events[-1].ends_report


def test_the_synthetic_recordings_are_what_their_script_makes(tmp_path: Path) -> None:
    script = tmp_path / "make.py"
    script.write_text((FIXTURES / "make.py").read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, script], check=True)
    for made in tmp_path.glob("*.events"):
        assert made.read_bytes() == (FIXTURES / made.name).read_bytes(), made.name


def test_a_recording_of_evemu_record_with_all_it_may_have_is_read() -> None:
    text = """\
# EVEMU 1.3
# Kernel: 6.1.0-18-amd64
# Input device name: "Some Reader"
#     Event code 28 (KEY_ENTER)
N: Some Reader #2
I: 0003 ffff 0035 0110
P: 00 00 00 00 00 00 00 00
B: 00 13 00 12 00 00 00 00 00
B: 01 fe ff ff ff ff ff ff ff
B: 01 01 00 00 00 00 00 00 00
A: 20 0 4096 0 0 0
L: 00 1
S: 00 0
################################
#      Waiting for events      #
################################
E: 0.000001 0004 0004 458792\t# EV_MSC / MSC_SCAN             458792
E: 0.000001 0001 001c 0001\t# EV_KEY / KEY_ENTER            1
E: 12.345678 0003 0028 -001\t# EV_ABS / ABS_MISC            -1
"""
    recording = parse(text)
    assert (recording.name, recording.vendor, recording.product) == ("Some Reader #2", 0xFFFF, 0x35)
    assert recording.bits[0] == [0, 1, 4, 17, 20]
    assert recording.bits[1] == list(range(1, 65))
    assert recording.events == [
        KernelEvent(0, 1, 4, 4, 458792),
        KernelEvent(0, 1, 1, 28, 1),
        KernelEvent(12, 345678, 3, 0x28, -1),
    ]


@pytest.mark.parametrize("line", ["E: 0.1 0001", "B: 01 zz", "X: 1", "I: 0003 08ff", "E: 1 1 1 1"])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2: "):
        parse(f"# EVEMU 1.3\n{line}\n")

"""Keyboards and readers through evdev, on a fake device (the real kernel has its own suite)."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections import deque
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

evdev = pytest.importorskip("evdev", reason="evdev is not installed: no keyboards to test")

from evdev import ecodes  # noqa: E402

from ivsd.config.schema import Inputs, Keyboard, Match, Role, Writing  # noqa: E402
from ivsd.events import Disturbed, Event, Misread, NumberKind, Pressed, Released, Scanned  # noqa: E402
from ivsd.hardware import RealHardware  # noqa: E402
from ivsd.inputs.evdev import KeyDevice  # noqa: E402
from ivsd.inputs.event_devices import Wanted  # noqa: E402
from ivsd.inputs.frames import Frame  # noqa: E402
from ivsd.inputs.source import DeviceProblem  # noqa: E402
from ivsd.notation import Form, Notation, convert  # noqa: E402


class FakeDevice:
    """An evdev.InputDevice whose events the test writes."""

    def __init__(self, path: str, name: str = "reader", vendor: int = 0x08FF) -> None:
        self.path, self.name, self.phys = path, name, f"usb-{path}"
        self.info = SimpleNamespace(vendor=vendor, product=9)
        self.fd = os.open(os.devnull, os.O_RDONLY)
        self.events: deque[Any] = deque()
        self.down: list[int] = []
        self.at_once = 64
        self.keys = [code for name, code in ecodes.ecodes.items() if name.startswith("KEY_")]
        self.grabs = 0
        self.grab_error: OSError | None = None
        self.gone = False
        self.closed = False

    def key(self, name: str, value: int, at: float = 10.0) -> None:
        seconds = int(at)
        self.events.append(
            SimpleNamespace(
                type=ecodes.EV_KEY, code=ecodes.ecodes[name], value=value,
                sec=seconds, usec=int((at - seconds) * 1e6),
            )
        )  # fmt: skip

    def dropped(self, at: int = 11) -> None:
        """The kernel could not keep all events: what comes up to the report is in pieces."""
        self.sync(ecodes.SYN_DROPPED, at)
        self.sync(ecodes.SYN_REPORT, at)

    def sync(self, code: int, at: int = 11) -> None:
        event = SimpleNamespace(type=ecodes.EV_SYN, code=code, value=0, sec=at, usec=0)
        self.events.append(event)

    def capabilities(self) -> dict[int, list[int]]:
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        return {ecodes.EV_SYN: [0], ecodes.EV_KEY: self.keys}

    def read(self) -> list[Any]:
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        if not self.events:
            raise BlockingIOError
        return [self.events.popleft() for _ in range(min(self.at_once, len(self.events)))]

    def active_keys(self) -> list[int]:
        """Asked for them, the kernel forgets the key events that wait (evdev_handle_get_val)."""
        self.events = deque(event for event in self.events if event.type != ecodes.EV_KEY)
        return self.down

    def grab(self) -> None:
        if self.grab_error:
            raise self.grab_error
        self.grabs += 1

    def close(self) -> None:
        if not self.closed:
            os.close(self.fd)
        self.closed = True


class Machine:
    """The event devices of a machine, and the clock each was told to use."""

    def __init__(self) -> None:
        self.devices: dict[str, FakeDevice | OSError] = {}
        self.clocks: list[bytes] = []

    def open(self, path: str) -> FakeDevice:
        device = self.devices.get(path, FileNotFoundError(errno.ENOENT, "No such file"))
        if isinstance(device, OSError):
            raise device
        return device


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(evdev, "InputDevice", machine.open)
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, request, data: machine.clocks.append(data))

    def glob(folder: Path, pattern: str) -> list[Path]:
        return [Path(path) for path in machine.devices]

    monkeypatch.setattr(Path, "glob", glob)
    return machine


def make(
    wanted: Wanted | None = None, *, badges: bool = True, pins: bool = False, **keys: str
) -> KeyDevice:
    wanted = wanted or Wanted(id="08FF:0009")
    frame = Frame("door", badges=badges, pins=pins) if badges or pins else None
    return KeyDevice("door", wanted, keys=keys, frame=frame, grab=True, clock=lambda: 5.0)


def plug(machine: Machine, path: str = "/dev/input/event3", name: str = "reader") -> FakeDevice:
    device = FakeDevice(path, name)
    machine.devices[path] = device
    return device


def tap(device: FakeDevice, *names: str, at: float = 10.0) -> None:
    for number, name in enumerate(names):
        device.key(name, 1, at + number * 0.004)
        device.key(name, 0, at + number * 0.004 + 0.002)


def test_a_badge_becomes_one_scan_with_its_number_masked(machine: Machine) -> None:
    device, source = plug(machine), make()
    source.open()
    tap(device, *[f"KEY_{digit}" for digit in "0004711001"], "KEY_ENTER")
    (event,) = source.read()
    assert isinstance(event, Scanned)
    assert (event.reader, event.kind) == ("door", NumberKind.BADGE)
    assert event.number.reveal() == "0004711001"
    assert "4711" not in repr(event)


def test_a_mapped_key_is_a_control_with_the_kernel_s_time(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_KPPLUS="marker")
    source.open()
    device.key("KEY_KPPLUS", 1, 10.25)
    device.key("KEY_KPPLUS", 0, 10.5)
    assert list(source.read()) == [Pressed("marker", 10.25), Released("marker", 10.5)]


def test_auto_repeat_is_no_press(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.key("KEY_R", 1)
    for _ in range(5):
        device.key("KEY_R", 2)
    assert list(source.read()) == [Pressed("record", 10.0)]


def test_events_are_stamped_with_the_monotonic_clock(machine: Machine) -> None:
    plug(machine)
    make().open()
    assert machine.clocks == [b"\x01\x00\x00\x00"]


def test_the_device_is_grabbed_only_when_no_key_is_down(machine: Machine) -> None:
    device, source = plug(machine), make()
    device.down = [ecodes.KEY_A]
    source.open()
    assert device.grabs == 0
    device.down = []
    device.key("KEY_A", 0)
    list(source.read())
    assert device.grabs == 1
    list(source.read())
    assert device.grabs == 1


def test_a_grab_by_another_program_is_a_sentence(machine: Machine) -> None:
    device, source = plug(machine), make()
    device.grab_error = OSError(errno.EBUSY, "Device or resource busy")
    with pytest.raises(DeviceProblem, match="another program has taken the device"):
        source.open()


def test_an_unplugged_device_is_a_sentence_and_works_again_when_it_is_back(
    machine: Machine,
) -> None:
    device, source = plug(machine), make()
    source.open()
    device.gone = True
    with pytest.raises(DeviceProblem, match="door: not found"):
        list(source.read())
    source.close()
    assert device.closed
    machine.devices.clear()
    again = plug(machine, "/dev/input/event9")
    source.open()
    assert again.grabs == 1


def test_lost_events_leave_no_key_stuck(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_R="record", KEY_P="pause")
    source.open()
    device.key("KEY_R", 1)
    device.key("KEY_P", 1)
    device.dropped()
    device.down = [ecodes.KEY_P]
    events: list[Event] = list(source.read())
    assert events[2:] == [
        Disturbed("door", "lost events", 1, 11.0),
        Released("record", 11.0, was_seen=False),
    ]


def test_a_key_that_came_up_while_the_kernel_was_asked_is_not_stuck(machine: Machine) -> None:
    """What was read with the loss is older than the kernel's answer, which forgets what waits."""
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.dropped()
    device.key("KEY_R", 1, 11.25)
    device.down = []  # it is up again, and nobody will tell
    events: list[Event] = list(source.read())
    assert events == [
        Disturbed("door", "lost events", 1, 11.0),
        Pressed("record", 11.25),
        Released("record", 11.25, was_seen=False),
    ]


def test_a_number_with_lost_keys_is_nobody_s_and_the_next_one_is_read(machine: Machine) -> None:
    device, source = plug(machine), make()
    source.open()
    tap(device, *[f"KEY_{digit}" for digit in "0004"], at=10.99)
    device.dropped()
    tap(device, *[f"KEY_{digit}" for digit in "1001"], "KEY_ENTER", at=11.01)
    disturbed, misread = source.read()
    assert isinstance(disturbed, Disturbed)
    assert isinstance(misread, Misread)
    tap(device, *[f"KEY_{digit}" for digit in "0004711002"], "KEY_ENTER", at=13.0)
    (event,) = source.read()
    assert isinstance(event, Scanned)
    assert event.number.reveal() == "0004711002"


def test_a_device_that_goes_while_it_is_opened_is_a_sentence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, source = plug(machine), make()

    def gone() -> list[int]:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(device, "active_keys", gone)
    with pytest.raises(DeviceProblem, match="door: not found"):
        source.open()


def test_nothing_to_read_is_no_error(machine: Machine) -> None:
    plug(machine)
    source = make()
    source.open()
    assert list(source.read()) == []


def test_no_such_device_names_what_was_looked_for(machine: Machine) -> None:
    plug(machine, name="keyboard")
    with pytest.raises(DeviceProblem, match=r"not found \(name card reader\)"):
        make(Wanted(name="card reader")).open()


def test_two_that_fit_are_both_named_and_given_back(machine: Machine) -> None:
    devices = [plug(machine, f"/dev/input/event{number}") for number in (3, 4)]
    with pytest.raises(DeviceProblem, match="event3, /dev/input/event4; add path or port"):
        make().open()
    assert all(device.closed for device in devices)


def test_port_tells_two_equal_readers_apart(machine: Machine) -> None:
    for number in (3, 4):
        plug(machine, f"/dev/input/event{number}")
    source = make(Wanted(id="08ff:0009", port="usb-/dev/input/event4"))
    source.open()
    assert machine.devices["/dev/input/event4"].grabs == 1  # type: ignore[union-attr]
    assert machine.devices["/dev/input/event3"].closed  # type: ignore[union-attr]


def test_no_permission_says_which_group_to_join(machine: Machine) -> None:
    machine.devices["/dev/input/event3"] = PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(DeviceProblem, match="is the user in the group input"):
        make().open()


def test_an_unknown_key_name_is_named(machine: Machine) -> None:
    plug(machine)
    with pytest.raises(DeviceProblem, match="KEY_KPPLUSS is no key"):
        make(KEY_KPPLUSS="marker").open()


def test_keys_of_a_keypad_without_numbers_type_nothing(machine: Machine) -> None:
    device, source = plug(machine), make(badges=False, KEY_R="record")
    source.open()
    tap(device, "KEY_1", "KEY_2", "KEY_3", "KEY_4", "KEY_ENTER")
    assert list(source.read()) == []
    assert source.deadline() is None


def hex_reader(*, pins: bool = False) -> KeyDevice:
    """A reader that types hexadecimal digits, bytes reversed; VALT has ten decimal places."""
    as_valt = partial(convert, reader=Form(Notation.HEX_REVERSED), valt=Form(Notation.DECIMAL, 10))
    frame = Frame("door", badges=True, pins=pins, as_valt=as_valt)
    wanted = Wanted(id="08FF:0009")
    return KeyDevice("door", wanted, keys={}, frame=frame, grab=True, clock=lambda: 5.0)


def test_a_badge_comes_as_valt_writes_it(machine: Machine) -> None:
    device, source = plug(machine), hex_reader()
    source.open()
    tap(device, *[f"KEY_{digit}" for digit in "59E24700"], "KEY_ENTER")
    (event,) = source.read()
    assert isinstance(event, Scanned)
    assert event.number.reveal() == "0004711001"


def test_a_badge_that_is_not_of_the_reader_s_notation_is_misread(machine: Machine) -> None:
    device, source = plug(machine), hex_reader()
    source.open()
    tap(device, *[f"KEY_{digit}" for digit in "59E247000E"], "KEY_ENTER")
    (event,) = source.read()
    assert isinstance(event, Misread)


def test_a_pin_typed_at_a_reader_with_a_notation_stays_as_it_is(machine: Machine) -> None:
    device, source = plug(machine), hex_reader(pins=True)
    source.open()
    for number, name in enumerate(["KEY_2", "KEY_5", "KEY_8", "KEY_0", "KEY_ENTER"]):
        tap(device, name, at=10.0 + 0.4 * number)
    (event,) = source.read()
    assert isinstance(event, Scanned)
    assert (event.kind, event.number.reveal()) == (NumberKind.PIN, "2580")


@pytest.mark.parametrize(
    ("reader", "valt", "number"),
    [
        (Writing(Notation.HEX_REVERSED), Writing(Notation.DECIMAL, 10), "0004711001"),
        (Writing(Notation.HEX_REVERSED, bytes=5), Writing(Notation.HEX, bytes=5), "0047E25900"),
        (None, Writing(Notation.DECIMAL, 10), "59E24700"),
        (None, None, "59E24700"),
    ],
)
def test_a_reader_is_built_with_its_notation_and_valt_s(
    machine: Machine, reader: Writing | None, valt: Writing | None, number: str
) -> None:
    device = plug(machine)
    keyboard = Keyboard("door", Match(id="08FF:0009"), notation=reader, role=Role.BADGE)
    (source,) = RealHardware().sources(Inputs([keyboard]), valt)
    source.open()
    tap(device, *[f"KEY_{digit}" for digit in "59E24700"], "KEY_ENTER", at=time.monotonic() + 1)
    (event,) = source.read()
    assert isinstance(event, Scanned)
    assert event.number.reveal() == number


# -- releases that nobody saw (the hold for the factory state must not believe them) ------------


def test_after_lost_events_a_key_s_release_is_not_believed_but_that_of_its_next_press_is(
    machine: Machine,
) -> None:
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.key("KEY_R", 1)
    device.dropped()
    device.down = [ecodes.KEY_R]  # maybe anew: it may have come up in between
    list(source.read())
    device.key("KEY_R", 0, 21.0)
    device.key("KEY_R", 1, 22.0)
    device.key("KEY_R", 0, 23.0)
    assert list(source.read()) == [
        Released("record", 21.0, was_seen=False),
        Pressed("record", 22.0),
        Released("record", 23.0),
    ]


def test_a_release_that_was_itself_lost_is_not_believed(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_R="record", KEY_P="pause")
    source.open()
    device.key("KEY_R", 1)
    device.key("KEY_P", 1)
    device.dropped()
    device.down = [ecodes.KEY_P]
    assert list(source.read())[-1] == Released("record", 11.0, was_seen=False)
    device.key("KEY_P", 0, 12.0)
    device.key("KEY_R", 1, 13.0)
    device.key("KEY_R", 0, 14.0)
    assert list(source.read()) == [
        Released("pause", 12.0, was_seen=False),
        Pressed("record", 13.0),
        Released("record", 14.0),
    ]


def test_events_lost_before_a_press_do_not_make_its_release_doubtful(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.dropped()
    list(source.read())
    device.key("KEY_R", 1, 12.0)
    device.key("KEY_R", 0, 13.0)
    assert list(source.read()) == [Pressed("record", 12.0), Released("record", 13.0)]


def test_a_second_loss_makes_a_release_doubtful_again(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    for loss in (1, 2):
        device.key("KEY_R", 1, 10.0 * loss)
        device.dropped(10 * loss + 1)
        device.down = [ecodes.KEY_R]
        list(source.read())
        device.key("KEY_R", 0, 10.0 * loss + 2)
        device.down = []
        assert list(source.read()) == [Released("record", 10.0 * loss + 2, was_seen=False)]


def test_a_device_that_comes_back_has_no_doubts_from_before(machine: Machine) -> None:
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.key("KEY_R", 1)
    device.dropped()
    device.down = [ecodes.KEY_R]
    list(source.read())
    source.close()
    machine.devices.clear()
    again = plug(machine)
    source.open()
    again.key("KEY_R", 0, 20.0)  # of a key that was down when it came
    again.key("KEY_R", 1, 21.0)
    again.key("KEY_R", 0, 22.0)
    assert list(source.read()) == [Pressed("record", 21.0), Released("record", 22.0)]


def test_a_press_seen_after_the_loss_is_a_press_of_its_own(machine: Machine) -> None:
    """Its key came up in the loss; what comes after it was seen whole."""
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.key("KEY_R", 1)
    device.dropped()
    device.key("KEY_R", 1, 11.25)
    device.down = [ecodes.KEY_R]
    list(source.read())
    device.key("KEY_R", 0, 21.0)
    assert list(source.read()) == [Released("record", 21.0)]


def test_a_key_that_came_up_and_went_down_while_the_kernel_was_asked_is_doubtful(
    machine: Machine,
) -> None:
    """Either what waits is read before the kernel is asked, or nobody knows what it was."""
    device, source = plug(machine), make(KEY_R="record")
    source.open()
    device.at_once = 3
    device.dropped()
    device.key("KEY_R", 1, 11.25)
    device.key("KEY_R", 0, 12.0)  # more than one read takes
    device.key("KEY_R", 1, 12.5)
    device.down = [ecodes.KEY_R]
    ups = [event for event in source.read() if isinstance(event, Released)]
    device.key("KEY_R", 0, 22.0)
    ups += [event for event in source.read() if isinstance(event, Released)]
    assert ups[0] in (
        Released("record", 12.0),
        Released("record", 22.0, was_seen=False),
    )

"""Finding the one event device that is meant, among those that come and go."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

evdev = pytest.importorskip("evdev", reason="evdev is not installed: no devices to find")

from evdev import ecodes  # noqa: E402

from ivsd.inputs import event_devices  # noqa: E402
from ivsd.inputs.event_devices import Wanted, find, key_names, opened  # noqa: E402
from ivsd.inputs.source import DeviceProblem  # noqa: E402
from tests.evemu import PlayedDevice, load  # noqa: E402

PORT = "usb-0000:00:14.0-1"


class Machine:
    """The event devices that can be opened, in place of /dev/input; all are given back at the end.

    In place of a device may stand what opening it raises.
    """

    def __init__(self) -> None:
        self.devices: dict[str, PlayedDevice | Exception] = {}
        self.open_now: list[PlayedDevice] = []

    def plug(
        self,
        number: int,
        *,
        name: str = "reader",
        id: str = "08ff:0009",
        phys: str = f"{PORT}/input0",
        keys: bool = True,
    ) -> PlayedDevice:
        recording = load("two_nodes_keys" if keys else "two_nodes_consumer")
        recording.name = name
        recording.vendor, recording.product = (int(part, 16) for part in id.split(":"))
        device = PlayedDevice(recording, f"/dev/input/event{number}", phys)
        self.devices[device.path] = device
        return device

    def open(self, path: str) -> PlayedDevice:
        device = self.devices.get(path, FileNotFoundError(errno.ENOENT, "No such file"))
        if isinstance(device, Exception):
            raise device
        device._ask("open")
        self.open_now.append(device)
        return device

    @property
    def left_open(self) -> list[PlayedDevice]:
        return [device for device in self.open_now if not device.closed]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    machine = Machine()
    monkeypatch.setattr(evdev, "InputDevice", machine.open)
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: map(Path, machine.devices))
    yield machine
    for device in machine.devices.values():
        if isinstance(device, PlayedDevice) and not device.closed:
            device.gone.clear()
            device.close()


def found(wanted: Wanted, *keys: str, numbers: bool = True) -> str:
    """Return the path of the device that is found."""
    return str(find("door", wanted, keys=set(keys), numbers=numbers).path)


# -- the least that is unique -----------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(id="ffff:0035"),
        Wanted(id="FFFF:0035"),
        Wanted(name="card reader"),
        Wanted(port=f"{PORT}.2"),
        Wanted(port=f"{PORT}.2/input0"),
        Wanted(path=Path("/dev/input/event4")),
        Wanted(id="ffff:0035", name="card reader", port=f"{PORT}.2"),
    ],
    ids=str,
)
def test_one_thing_that_only_it_has_is_enough(machine: Machine, wanted: Wanted) -> None:
    machine.plug(3, phys=f"{PORT}.20/input0")
    meant = machine.plug(4, name="card reader", id="ffff:0035", phys=f"{PORT}.2/input0")
    machine.plug(5, name="card reader (old)", id="ffff:0036", phys=f"{PORT}.2.1/input0")
    assert found(wanted) == meant.path
    assert machine.left_open == [meant]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(id="08ff:0009", name="other"),
        Wanted(id="08ff:0009", port=PORT[:-1]),
        Wanted(id="08ff:0009", port=f"{PORT}/input1"),
        Wanted(id="08ff:0009", port=f"{PORT}/input"),
        Wanted(path=Path("/dev/input/event3"), id="08ff:0008"),
        Wanted(path=Path("/dev/input/event4")),
        Wanted(name="Reader"),
        Wanted(name="read"),
    ],
    ids=str,
)
def test_everything_that_is_given_must_fit(machine: Machine, wanted: Wanted) -> None:
    machine.plug(3)
    with pytest.raises(DeviceProblem, match=r"^door: not found \("):
        found(wanted)
    assert machine.left_open == []


def test_a_port_may_leave_out_the_interface_of_a_reader_with_two(machine: Machine) -> None:
    machine.plug(3, phys=f"{PORT}/input1", keys=False)
    meant = machine.plug(4, phys=f"{PORT}/input0")
    assert found(Wanted(port=PORT)) == meant.path


def test_two_that_fit_are_named_in_the_order_of_their_numbers(machine: Machine) -> None:
    for number in (10, 9):
        machine.plug(number)
    with pytest.raises(DeviceProblem, match=r"event9, /dev/input/event10; add path or port"):
        found(Wanted(name="reader"))
    assert machine.left_open == []


# -- nodes that only their keys tell apart ----------------------------------------------------


@pytest.mark.parametrize("dead_first", [True, False])
def test_a_node_without_digits_is_not_the_reader(machine: Machine, dead_first: bool) -> None:
    """RPi-Jukebox-RFID#231: two nodes with one name, and the dead one was picked."""
    machine.plug(3, keys=not dead_first)
    machine.plug(4, keys=dead_first)
    assert found(Wanted(name="reader")) == f"/dev/input/event{4 if dead_first else 3}"
    assert len(machine.left_open) == 1


def test_the_node_with_the_mapped_key_is_taken(machine: Machine) -> None:
    machine.plug(3)
    consumer = machine.plug(4, keys=False)
    wanted = Wanted(name="reader")
    assert found(wanted, "KEY_PLAYPAUSE", numbers=False) == consumer.path


def test_a_key_goes_by_any_of_its_names(machine: Machine) -> None:
    machine.plug(3, keys=False)
    names = key_names(ecodes.KEY_MUTE)
    assert found(Wanted(name="reader"), *names, numbers=False) == "/dev/input/event3"


@pytest.mark.parametrize(
    ("keys", "numbers", "missing"),
    [
        ((), True, "keys for digits"),
        (("KEY_PLAYPAUSE", "KEY_R"), False, "KEY_R"),
        (("KEY_R",), True, "KEY_R"),
    ],
)
def test_what_the_device_lacks_is_said(
    machine: Machine, keys: tuple[str, ...], numbers: bool, missing: str
) -> None:
    machine.plug(3, keys=False)
    with pytest.raises(DeviceProblem, match=rf"event3 \(reader\) fits .*, but has no {missing}$"):
        found(Wanted(name="reader"), *keys, numbers=numbers)
    assert machine.left_open == []


def test_a_numeric_keypad_types_numbers_too(machine: Machine) -> None:
    keypad = machine.plug(3)
    keypad.recording.bits[1] = [ecodes.KEY_KP1, ecodes.KEY_KPENTER]
    assert found(Wanted(name="reader")) == keypad.path


def test_a_code_without_a_name_is_no_hindrance(machine: Machine) -> None:
    assert key_names(0x2FE) == []
    machine.plug(3).recording.bits[1].append(0x2FE)
    assert found(Wanted(name="reader")) == "/dev/input/event3"


# -- none, and forbidden ones -----------------------------------------------------------------


def test_a_machine_without_any_device_is_a_sentence(machine: Machine) -> None:
    with pytest.raises(DeviceProblem, match=r"^door: not found \(name reader\)$"):
        found(Wanted(name="reader"))


def test_a_machine_without_the_folder_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(event_devices, "FOLDER", tmp_path / "input")
    with pytest.raises(DeviceProblem, match="not found"):
        found(Wanted(name="reader"))


@pytest.mark.parametrize("given", [True, False])
def test_forbidden_devices_are_counted_with_the_group_to_join(
    machine: Machine, given: bool
) -> None:
    for number in (3, 4):
        refusal = PermissionError(errno.EACCES, "Permission denied")
        machine.devices[f"/dev/input/event{number}"] = refusal
    wanted = Wanted(path=Path("/dev/input/event3")) if given else Wanted(name="reader")
    count = "1 device" if given else "2 devices"
    with pytest.raises(DeviceProblem, match=f"and {count} may not be opened: .* group input"):
        found(wanted)


def test_a_device_that_may_be_opened_is_found_among_forbidden_ones(machine: Machine) -> None:
    machine.devices["/dev/input/event2"] = PermissionError(errno.EACCES, "Permission denied")
    machine.plug(3)
    assert found(Wanted(name="reader")) == "/dev/input/event3"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOTTY, "Inappropriate ioctl for device"),
        OSError(errno.ENXIO, "No such device or address"),
        IsADirectoryError(errno.EISDIR, "Is a directory"),
        ValueError("not an event device"),
    ],
)
def test_what_is_no_event_device_is_passed_over(machine: Machine, error: Exception) -> None:
    machine.devices["/dev/input/event2"] = error
    machine.plug(3)
    assert found(Wanted(name="reader")) == "/dev/input/event3"
    with pytest.raises(DeviceProblem, match="not found"):
        found(Wanted(path=Path("/dev/input/event2")))


# -- gone at any moment -----------------------------------------------------------------------

CALLS = ["open", "capabilities", "name", "info", "phys"]


class Vanishing(PlayedDevice):
    """Raises ENODEV also when it is asked for what evdev has at hand (python-evdev#191)."""

    def __getattribute__(self, name: str) -> object:
        if name in ("name", "info", "phys") and name in super().__getattribute__("gone"):
            raise OSError(errno.ENODEV, "No such device")
        return super().__getattribute__(name)


@pytest.mark.parametrize("call", CALLS)
def test_a_device_that_goes_at_any_question_is_passed_over_and_given_back(
    machine: Machine, call: str
) -> None:
    going = Vanishing(load("two_nodes_keys"), "/dev/input/event2")
    going.recording.name = "reader"
    machine.devices[going.path] = going
    going.gone = {call}
    staying = machine.plug(3)
    assert found(Wanted(name="reader")) == staying.path
    assert machine.left_open == [staying]


@pytest.mark.parametrize("call", CALLS)
def test_the_device_that_is_meant_goes_while_it_is_looked_at(machine: Machine, call: str) -> None:
    going = Vanishing(load("two_nodes_keys"), "/dev/input/event2")
    machine.devices[going.path] = going
    going.gone = {call}
    with pytest.raises(DeviceProblem, match="not found"):
        found(Wanted(id="08ff:0009"))
    assert machine.left_open == []


def _two_that_fit(machine: Machine) -> None:
    machine.plug(2)
    machine.plug(3)


def _one_without_digits(machine: Machine) -> None:
    machine.plug(2, keys=False)


def _one_of_another_name(machine: Machine) -> None:
    machine.plug(2, name="mouse")


def _one_that_cannot_be_asked(machine: Machine) -> None:
    machine.plug(2).gone.add("capabilities")


@pytest.mark.parametrize(
    "plug", [_two_that_fit, _one_without_digits, _one_of_another_name, _one_that_cannot_be_asked]
)
def test_a_device_that_is_gone_when_it_is_given_back_is_no_error(
    machine: Machine, plug: Callable[[Machine], None]
) -> None:
    plug(machine)
    for device in machine.devices.values():
        assert isinstance(device, PlayedDevice)
        device.gone.add("close")
    with pytest.raises(DeviceProblem):
        found(Wanted(name="reader"))


# -- listing them -----------------------------------------------------------------------------


def test_listing_gives_each_device_in_the_order_of_its_number(machine: Machine) -> None:
    for number in (11, 2, 1):
        machine.plug(number)
    listed = []
    for device, described in opened():
        listed.append(described.path)
        device.close()
    assert listed == [f"/dev/input/event{number}" for number in (1, 2, 11)]


def test_listing_tells_of_the_forbidden_ones_behind_the_others(machine: Machine) -> None:
    machine.devices["/dev/input/event1"] = PermissionError(errno.EACCES, "Permission denied")
    machine.plug(2)
    listing = opened()
    device, described = next(listing)
    device.close()
    assert described.path == "/dev/input/event2"
    with pytest.raises(PermissionError, match="1 device may not be opened"):
        next(listing)

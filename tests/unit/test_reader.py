"""The input thread: devices come and go, and none of them can end the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

import ivsd.inputs.reader
from ivsd.events import (
    DeviceFound,
    DeviceLost,
    Event,
    NumberKind,
    Pressed,
    Released,
    Scanned,
)
from ivsd.inputs.reader import Reader
from ivsd.inputs.source import DeviceProblem
from ivsd.inputs.virtual import VirtualHands
from ivsd.valt.model import Secret

RETRY_S = 0.05  # in place of the 3 s in which a missing device is looked for again


class Device:
    """A device on a pipe: one byte per press, and a plug that can be pulled."""

    def __init__(self, name: str, plugged: bool = True) -> None:
        self.name = name
        self.plugged = plugged
        self.tried = self.opened = self.closed = 0
        self.ends_at: float | None = None
        self._readable, self._writable = -1, -1
        self.refusal = "not found"

    def press(self) -> None:
        os.write(self._writable, b"x")

    def unplug(self) -> None:
        self.plugged = False
        os.write(self._writable, b"!")

    def open(self) -> None:
        self.tried += 1
        if not self.plugged:
            raise DeviceProblem(f"{self.name}: {self.refusal}")
        self.opened += 1
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._readable, False)

    def fileno(self) -> int:
        return self._readable

    def read(self) -> Iterable[Event]:
        try:
            told = os.read(self._readable, 100)
        except BlockingIOError:
            return
        for byte in told:
            if byte == ord("!"):
                raise DeviceProblem(f"{self.name}: the device is gone")
            yield Pressed(self.name, time.monotonic())

    def deadline(self) -> float | None:
        assert self._readable >= 0, "asked while closed"
        return self.ends_at

    def expire(self, now: float) -> Iterable[Event]:
        assert self.ends_at is not None
        assert now >= self.ends_at, "too early"
        self.ends_at = None
        return [Scanned(self.name, NumberKind.BADGE, Secret("0004711001"), now)]

    def close(self) -> None:
        self.closed += 1
        for fd in (self._readable, self._writable):
            if fd >= 0:
                os.close(fd)
        self._readable = self._writable = -1


class Clock:
    """The real clock; counts how often it is looked at, which every turn of the loop does."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return time.monotonic()


class Posted:
    """What the input thread has posted."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        assert threading.current_thread().name == "inputs"
        self.events.append(event)

    def names(self, kind: type[Pressed] = Pressed) -> list[str]:
        return [event.control for event in self.events if isinstance(event, kind)]

    @property
    def devices(self) -> list[tuple[str, str]]:
        """Found and lost devices in order."""
        return [
            (type(event).__name__, event.device)
            for event in self.events
            if isinstance(event, DeviceFound | DeviceLost)
        ]


def until(holds: Callable[[], bool], within_s: float = 3.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.002)


Read = Callable[..., Reader]


@pytest.fixture
def posted() -> Posted:
    return Posted()


@pytest.fixture
def read(posted: Posted, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """Start a reader on these devices."""
    monkeypatch.setattr(ivsd.inputs.reader, "RETRY_S", RETRY_S)
    readers: list[Reader] = []

    def _read(*devices: Device, clock: Callable[[], float] = time.monotonic) -> Reader:
        reader = Reader(devices, posted, clock)
        readers.append(reader)
        reader.start()
        return reader

    yield _read
    for reader in readers:
        if reader.is_alive():
            reader.stop(2.0)
        assert not reader.is_alive()


def test_it_reads_all_devices(read: Read, posted: Posted) -> None:
    a, b = Device("a"), Device("b")
    read(a, b)
    until(lambda: len(posted.devices) == 2)
    assert posted.devices == [("DeviceFound", "a"), ("DeviceFound", "b")]
    for device in (a, b, a):
        count = len(posted.names()) + 1
        device.press()
        until(lambda count=count: len(posted.names()) == count)  # type: ignore[misc]
    assert posted.names() == ["a", "b", "a"]


def test_a_device_that_is_missing_at_the_start_is_used_when_it_comes(
    read: Read, posted: Posted
) -> None:
    late, there = Device("late", plugged=False), Device("there")
    read(late, there)
    until(lambda: ("DeviceLost", "late") in posted.devices)
    until(lambda: ("DeviceFound", "there") in posted.devices)
    there.press()
    until(lambda: posted.names() == ["there"])
    late.plugged = True
    until(lambda: ("DeviceFound", "late") in posted.devices)
    late.press()
    until(lambda: posted.names() == ["there", "late"])


def test_a_missing_device_is_told_with_its_reason(read: Read, posted: Posted) -> None:
    device = Device("reader", plugged=False)
    device.refusal = "is the user in the group input?"
    read(device)
    until(lambda: bool(posted.events))
    assert posted.events[0] == DeviceLost("reader", "reader: is the user in the group input?")


def test_a_missing_device_is_looked_for_again_and_again_but_not_all_the_time(
    read: Read, posted: Posted
) -> None:
    read(Device("reader", plugged=False))
    time.sleep(10 * RETRY_S)
    assert 3 <= len(posted.events) <= 11


def test_a_missing_device_is_not_looked_for_at_every_press_of_another(
    read: Read, posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivsd.inputs.reader, "RETRY_S", 30.0)
    gone, there = Device("gone", plugged=False), Device("there")
    read(gone, there)
    until(lambda: len(posted.devices) == 2)
    for count in range(1, 6):
        there.press()
        until(lambda count=count: len(posted.names()) == count)  # type: ignore[misc]
    assert gone.tried == 1


def test_a_device_that_is_unplugged_does_not_end_the_others(read: Read, posted: Posted) -> None:
    a, b = Device("a"), Device("b")
    read(a, b)
    until(lambda: len(posted.devices) == 2)
    a.unplug()
    until(lambda: ("DeviceLost", "a") in posted.devices)
    b.press()
    until(lambda: posted.names() == ["b"])
    assert (a.closed > 0, b.closed) == (True, 0)


def test_a_device_that_is_plugged_in_again_is_opened_anew(read: Read, posted: Posted) -> None:
    device = Device("a")
    read(device)
    until(lambda: len(posted.devices) == 1)
    device.unplug()
    until(lambda: ("DeviceLost", "a") in posted.devices)
    device.plugged = True
    until(lambda: device.opened == 2)
    until(lambda: posted.devices[-1] == ("DeviceFound", "a"))
    device.press()
    until(lambda: posted.names() == ["a"])


def test_what_came_before_the_unplugging_is_not_lost(read: Read, posted: Posted) -> None:
    device = Device("a")
    read(device)
    until(lambda: len(posted.devices) == 1)
    os.write(device._writable, b"xx!")
    until(lambda: ("DeviceLost", "a") in posted.devices)
    assert posted.names() == ["a", "a"]


def test_a_number_without_an_end_is_finished_by_time_alone(read: Read, posted: Posted) -> None:
    device, other = Device("a"), Device("b")
    read(device, other)
    until(lambda: len(posted.devices) == 2)
    ends_at = device.ends_at = time.monotonic() + 0.08
    device.press()  # the key that began the number
    until(lambda: any(isinstance(event, Scanned) for event in posted.events))
    (scanned,) = [event for event in posted.events if isinstance(event, Scanned)]
    assert ends_at <= scanned.at < ends_at + 0.1


def test_a_number_ends_in_time_although_another_device_is_missing(
    read: Read, posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivsd.inputs.reader, "RETRY_S", 30.0)
    device = Device("a")
    read(device, Device("gone", plugged=False))
    until(lambda: len(posted.devices) == 2)
    device.ends_at = time.monotonic() + 0.08
    device.press()
    until(lambda: any(isinstance(event, Scanned) for event in posted.events), within_s=1.0)


def test_stop_ends_the_thread_at_once_and_gives_all_devices_back(
    read: Read, posted: Posted
) -> None:
    a, b, gone = Device("a"), Device("b"), Device("gone", plugged=False)
    reader = read(a, b, gone)
    until(lambda: len(posted.devices) >= 3)
    began = time.monotonic()
    reader.stop(2.0)
    assert not reader.is_alive()
    assert time.monotonic() - began < 0.5
    assert (a.closed, b.closed) == (1, 1)


def test_stop_does_not_wait_for_a_device_that_hangs(
    posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()

    class Hanging(Device):
        def open(self) -> None:
            let_go.wait(5.0)
            super().open()

    reader = Reader([Hanging("a")], posted)
    reader.start()
    began = time.monotonic()
    reader.stop(0.1)
    assert time.monotonic() - began < 0.5
    assert reader.is_alive()
    assert reader.daemon, "it must not keep the process"
    let_go.set()
    reader.join(2.0)
    assert not reader.is_alive()


def test_a_stopped_reader_leaves_no_descriptor_behind(posted: Posted) -> None:
    """The configuration may be read again and again, each time with new readers."""
    descriptors = set(os.listdir("/proc/self/fd"))
    for _ in range(5):
        reader = Reader([Device("a")], posted)
        reader.start()
        reader.stop(2.0)
        assert not reader.is_alive()
        del reader
    assert len(os.listdir("/proc/self/fd")) <= len(descriptors)


def test_it_does_not_wake_up_while_nothing_happens(read: Read, posted: Posted) -> None:
    clock = Clock()
    read(Device("a"), Device("b"), clock=clock)
    until(lambda: len(posted.devices) == 2)
    time.sleep(0.05)
    asked = clock.asked
    time.sleep(10 * RETRY_S)
    assert clock.asked == asked


def test_the_virtual_hands_go_the_same_way_and_keep_their_order(read: Read, posted: Posted) -> None:
    hands = VirtualHands()
    read(hands)
    until(lambda: len(posted.devices) == 1)
    pressed_at = hands.press("record")
    released_at = hands.release("record")
    swiped_at = hands.swipe("0004711001")
    for key in ("KEY_2", "KEY_5", "KEY_ENTER"):
        hands.key(key)
    until(lambda: len(posted.events) == 5)
    assert posted.events[1:4] == [
        Pressed("record", pressed_at),
        Released("record", released_at),
        Scanned("reader", NumberKind.BADGE, Secret("0004711001"), swiped_at),
    ]
    pin = posted.events[4]
    assert isinstance(pin, Scanned)
    assert (pin.reader, pin.kind, pin.number.reveal()) == ("keypad", NumberKind.PIN, "25")


# -- news from udev ---------------------------------------------------------------------------


class Udev:
    """Tells on a pipe that something came ("+") or went ("-")."""

    def __init__(self) -> None:
        self._readable, self._writable = os.pipe()
        self.asked = 0
        self.fails: Exception | None = None

    def tell(self, what: str) -> None:
        os.write(self._writable, what.encode())

    def fileno(self) -> int:
        return self._readable

    def came(self) -> bool:
        self.asked += 1
        told = os.read(self._readable, 4096)
        if self.fails is not None:
            raise self.fails
        return b"+" in told

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._writable)


@pytest.fixture
def udev() -> Iterator[Udev]:
    udev = Udev()
    yield udev
    udev.close()


@pytest.fixture
def hear(posted: Posted, udev: Udev) -> Iterator[Read]:
    """Start a reader that hears of devices."""
    readers: list[Reader] = []

    def _hear(*devices: Device, post: Callable[[Event], None] = posted) -> Reader:
        readers.append(Reader(devices, post, news=udev))
        readers[-1].start()
        return readers[-1]

    yield _hear
    for reader in readers:
        if reader.is_alive():
            reader.stop(2.0)
        assert not reader.is_alive()


def test_of_two_that_mean_one_device_the_first_in_the_file_gets_it_back() -> None:
    """Whoever added the second one must not get the device by pulling its plug."""
    tried: list[str] = []

    class Missing(Device):
        def open(self) -> None:
            tried.append(self.name)
            super().open()

    first, added = Missing("first"), Missing("added", plugged=False)
    reader = Reader([first, added], lambda event: None)
    reader._look_for_missing()
    first.unplug()
    reader._drain(first, first.read)
    tried.clear()
    reader._look_for_missing()
    assert tried == ["first", "added"]
    reader.stop(0.0)
    os.close(reader._wake_fd)


def test_without_udev_it_looks_every_3_s_and_beside_it_every_30_s() -> None:
    assert (ivsd.inputs.reader.RETRY_S, ivsd.inputs.reader.RETRY_BESIDE_UDEV_S) == (3.0, 30.0)


def test_a_device_is_opened_as_soon_as_udev_tells_of_it(
    hear: Read, udev: Udev, posted: Posted
) -> None:
    device = Device("a", plugged=False)
    hear(device)
    until(lambda: posted.devices == [("DeviceLost", "a")])
    device.plugged = True
    udev.tell("+")
    until(lambda: posted.devices[1:] == [("DeviceFound", "a")], within_s=1.0)
    device.press()
    until(lambda: posted.names() == ["a"])


def test_a_missing_device_is_not_looked_for_while_udev_is_silent(
    hear: Read, posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivsd.inputs.reader, "RETRY_S", RETRY_S)
    device = Device("a", plugged=False)
    hear(device)
    until(lambda: bool(posted.devices))
    time.sleep(5 * RETRY_S)
    assert device.tried == 1


def test_what_udev_does_not_tell_is_found_by_looking_now_and_then(
    hear: Read, posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has let go of the device."""
    monkeypatch.setattr(ivsd.inputs.reader, "RETRY_BESIDE_UDEV_S", RETRY_S)
    device = Device("a", plugged=False)
    hear(device)
    until(lambda: bool(posted.devices))
    device.plugged = True
    until(lambda: posted.devices[-1] == ("DeviceFound", "a"))


def test_a_lost_device_is_looked_for_once_soon_also_without_news(
    hear: Read, posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its twin is there already, and udev told of that long ago."""
    monkeypatch.setattr(ivsd.inputs.reader, "RETRY_S", RETRY_S)
    device = Device("a")
    hear(device)
    until(lambda: len(posted.devices) == 1)
    device.unplug()
    until(lambda: device.tried == 2)
    time.sleep(5 * RETRY_S)
    assert device.tried == 2


def test_what_was_taken_away_is_no_reason_to_look(hear: Read, udev: Udev, posted: Posted) -> None:
    device = Device("a", plugged=False)
    hear(device)
    until(lambda: bool(posted.devices))
    udev.tell("-")
    until(lambda: udev.asked == 1)
    udev.tell("-")
    until(lambda: udev.asked == 2)
    assert device.tried == 1


def test_a_burst_of_news_is_one_look(posted: Posted, hear: Read, udev: Udev) -> None:
    held, go_on = threading.Event(), threading.Event()

    def post(event: Event) -> None:
        posted(event)
        held.set()
        go_on.wait(3.0)

    device = Device("a", plugged=False)
    hear(device, post=post)
    assert held.wait(3.0)
    for _ in range(100):
        udev.tell("+")
    go_on.set()
    until(lambda: device.tried == 2)
    assert udev.asked == 1


def test_a_device_that_is_gone_before_it_is_opened_waits_for_the_next_news(
    hear: Read, udev: Udev, posted: Posted
) -> None:
    device = Device("a", plugged=False)
    hear(device)
    until(lambda: device.tried == 1)
    udev.tell("+-")
    until(lambda: device.tried == 2)
    udev.tell("+")
    until(lambda: device.tried == 3)
    assert posted.devices == [("DeviceLost", "a")] * 3
    device.plugged = True
    udev.tell("+")
    until(lambda: posted.devices[-1] == ("DeviceFound", "a"), within_s=1.0)


def test_news_of_a_device_that_is_in_use_are_nothing(
    hear: Read, udev: Udev, posted: Posted
) -> None:
    device = Device("a")
    hear(device)
    until(lambda: len(posted.devices) == 1)
    udev.tell("+")
    until(lambda: udev.asked == 1)
    device.press()
    until(lambda: posted.names() == ["a"])
    assert device.tried == 1


def test_devices_may_come_in_any_order(hear: Read, udev: Udev, posted: Posted) -> None:
    devices = [Device(name, plugged=False) for name in "abc"]
    hear(*devices)
    until(lambda: len(posted.devices) == 3)
    for device in reversed(devices):
        device.plugged = True
        udev.tell("+")
        until(lambda device=device: device.opened == 1)  # type: ignore[misc]
    for device in devices:
        until(lambda device=device: device.fileno() >= 0)  # type: ignore[misc]
        device.press()
    until(lambda: sorted(posted.names()) == ["a", "b", "c"])


@pytest.mark.parametrize(
    "order",
    [
        "loss, news",
        "news, loss",
    ],
)
def test_news_and_a_loss_at_once_do_not_put_the_look_off(
    hear: Read, udev: Udev, posted: Posted, order: str
) -> None:
    """A hub lets go of all its devices, and has the first of them back."""
    held, go_on = threading.Event(), threading.Event()

    def post(event: Event) -> None:
        posted(event)
        if isinstance(event, Pressed):
            held.set()
            go_on.wait(3.0)

    back, other, third = Device("back", plugged=False), Device("other"), Device("third")
    hear(back, other, third, post=post)
    until(lambda: len(posted.devices) == 3)
    third.press()
    assert held.wait(3.0)
    back.plugged = True
    for what in order.split(", "):
        if what == "news":
            udev.tell("+")
        else:
            other.unplug()
    go_on.set()
    until(lambda: ("DeviceFound", "back") in posted.devices, within_s=1.0)


def test_it_does_not_wake_up_while_udev_is_silent(udev: Udev, posted: Posted) -> None:
    clock = Clock()
    reader = Reader([Device("a"), Device("gone", plugged=False)], posted, clock, news=udev)
    reader.start()
    until(lambda: len(posted.devices) == 2)
    time.sleep(0.05)
    asked = clock.asked
    time.sleep(0.2)
    assert clock.asked == asked
    reader.stop(2.0)

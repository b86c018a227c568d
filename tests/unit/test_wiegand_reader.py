"""A Wiegand reader on a pretended kernel; tests/appliance has the same on real lines."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")

import gpiod
from gpiod.line import Edge

from ivsd.events import Disturbed, Event, Misread, NumberKind, Scanned
from ivsd.inputs.frames import AFTER_LOSS_S, KEYS_LOST, PIN_IDLE_S, WRONG_NOTATION
from ivsd.inputs.source import DeviceProblem
from ivsd.inputs.wiegand import WiegandReader
from ivsd.inputs.wiegand_formats import KEY_UNREAD
from ivsd.inputs.wiegand_frames import BEGUN_BEFORE, GRACE_S, LOST
from ivsd.notation import Form, Notation
from tests import wiegand_sender as sender
from tests.fake_gpio import FakeChip, FakeRequest, pretended_kernel

DATA0, DATA1 = 5, 6
FRAME = sender.frame(26, 0x7B1234)


@pytest.fixture
def header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeChip]:
    with pretended_kernel(tmp_path, monkeypatch) as chips:
        yield chips["gpiochip0"]


class Door:
    """A reader, its wires, and a clock of our own."""

    def __init__(self, header: FakeChip, **settings: Any) -> None:
        self.now = 100.0
        self.reader = WiegandReader(
            "door", "header", DATA0, DATA1, pull="up", clock=lambda: self.now, **settings
        )
        self._header = header
        self.reader.open()

    @property
    def wires(self) -> FakeRequest:
        return self._header.requests[-1]

    def send(self, bits: Sequence[int], lost: int = 0, after_s: float = 0.1) -> float:
        """Let the reader send; return when its last pulse came."""
        self.now += after_s
        for i, bit in enumerate(bits):
            self.now += 0.002
            skipped = lost if i == len(bits) // 2 else 0
            self.wires.edge(0, round(self.now * 1e9), skipped, line=(DATA0, DATA1)[bit])
        return round(self.now * 1e9) / 1e9

    def wait(self) -> list[Event]:
        """What the input thread would post: it reads, then sleeps until the deadline."""
        events = list(self.reader.read())
        while (deadline := self.reader.deadline()) is not None and deadline < self.now + 1:
            self.now = max(self.now, deadline)
            events += self.reader.expire(self.now)
        return events


def told(events: Sequence[Event]) -> list[str]:
    """The numbers of badges and PINs, and why there is none."""
    return [
        f"{event.kind} {event.number.reveal()}" if isinstance(event, Scanned) else event.why
        for event in events
        if isinstance(event, Scanned | Misread)
    ]


def totals(events: Sequence[Event]) -> list[tuple[str, int]]:
    return [(event.what, event.total) for event in events if isinstance(event, Disturbed)]


# -- badges -----------------------------------------------------------------------------------


def test_a_badge_is_told_with_the_time_of_its_last_pulse(header: FakeChip) -> None:
    door = Door(header)
    at = door.send(FRAME)
    (event,) = door.wait()
    assert isinstance(event, Scanned)
    assert (event.reader, event.kind, event.at) == ("door", NumberKind.BADGE, at)
    assert event.number.reveal() == str(0x7B1234)
    assert door.reader.deadline() is None


def test_a_badge_is_written_as_valt_has_it(header: FakeChip) -> None:
    door = Door(header, as_valt=Form(Notation.FACILITY).write)
    door.send(FRAME)
    assert told(door.wait()) == ["badge 12304660"]


def test_a_badge_that_valt_cannot_have_is_said_to_be_of_another_notation(header: FakeChip) -> None:
    door = Door(header, as_valt=lambda badge: None)
    at = door.send(FRAME)
    assert door.wait() == [Misread("door", at, WRONG_NOTATION)]


@pytest.mark.parametrize("bits", [26, 34, 35, 37])
def test_each_format_is_read_when_it_is_set(header: FakeChip, bits: int) -> None:
    door = Door(header, formats=[bits])
    door.send(sender.frame(bits, 4711))
    assert told(door.wait()) == ["badge 4711"]


def test_a_raw_badge_is_read(header: FakeChip) -> None:
    door = Door(header, raw_bits=32)
    door.send(sender.raw(32, 0xCAFE0001))
    assert told(door.wait()) == [f"badge {0xCAFE0001}"]


def test_two_badges_that_are_read_late_are_two(header: FakeChip) -> None:
    door = Door(header)
    door.send(FRAME)
    door.send(sender.frame(34, 7))
    assert told(door.wait()) == [f"badge {0x7B1234}", "badge 7"]


def test_pulses_that_wait_are_read_before_a_frame_ends(header: FakeChip) -> None:
    door = Door(header)
    door.send(FRAME[:20])
    assert list(door.reader.read()) == []
    door.send(FRAME[20:], after_s=0.0)
    door.now += 1  # the thread was late
    assert told(list(door.reader.expire(door.now))) == [f"badge {0x7B1234}"]


def test_the_gap_can_be_set(header: FakeChip) -> None:
    door = Door(header, gap_ms=40)
    door.send(FRAME[:13])
    at = door.send(FRAME[13:], after_s=0.030)
    assert list(door.reader.read()) == []
    assert door.reader.deadline() == pytest.approx(at + 0.040 + GRACE_S)
    assert told(door.wait()) == [f"badge {0x7B1234}"]


@pytest.mark.parametrize(("active", "edge"), [("low", Edge.FALLING), ("high", Edge.RISING)])
def test_the_active_level_says_which_edge_is_a_bit(
    header: FakeChip, active: str, edge: Edge
) -> None:
    assert Door(header, active=active).wires.settings.edge_detection is edge


# -- disturbances -----------------------------------------------------------------------------


def test_a_wrong_bit_is_told_at_the_door_and_counted(header: FakeChip) -> None:
    door = Door(header)
    for total in (1, 2):
        at = door.send([*FRAME[:-1], 1 - FRAME[-1]])
        misread, disturbed = door.wait()
        assert isinstance(misread, Misread)
        assert "parity" in misread.why
        assert disturbed == Disturbed("door", "rejected frames", total, at)


def test_a_lost_edge_is_told_at_the_door_and_counted(header: FakeChip) -> None:
    door = Door(header)
    door.send(FRAME, lost=2)
    events = door.wait()
    assert told(events) == [LOST]
    assert totals(events) == [("lost edges", 2), ("rejected frames", 1)]
    door.send(FRAME)
    assert told(door.wait()) == [f"badge {0x7B1234}"]


def test_stray_pulses_are_counted_only(header: FakeChip) -> None:
    door = Door(header)
    at = door.send([1, 0])
    assert door.wait() == [Disturbed("door", "noise", 1, at)]


def test_no_event_shows_the_bits_of_a_rejected_badge(header: FakeChip) -> None:
    door = Door(header)
    door.send(sender.frame(26, 0x7B1234)[:-1])
    shown = " ".join(map(str, door.wait()))
    assert "25 bits came" in shown
    for secret in (str(0x7B1234), "7B1234", "7b1234", "".join(map(str, FRAME[1:9]))):
        assert secret not in shown


# -- keypads ----------------------------------------------------------------------------------


def keys(door: Door, pressed: str, bits: int = 4) -> list[Event]:
    events = []
    for sign in pressed:
        door.send(sender.key("0123456789*#".index(sign), bits))
        events += door.wait()
    return events


@pytest.mark.parametrize("bits", [4, 8])
def test_a_pin_is_typed_on_a_keypad_of_either_kind(header: FakeChip, bits: int) -> None:
    door = Door(header, keypad=True, pins=True)
    assert told(keys(door, "0123456789#", bits)) == ["pin 0123456789"]


def test_a_star_begins_anew(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True)
    assert told(keys(door, "99*1234#")) == ["pin 1234"]


def test_a_pin_of_fixed_length_needs_no_enter(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True, pin_length=4)
    assert told(keys(door, "1234")) == ["pin 1234"]


def test_a_pin_left_half_typed_is_forgotten(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True)
    keys(door, "12")
    deadline = door.reader.deadline()
    assert deadline is not None
    assert door.now + PIN_IDLE_S - 1 < deadline <= door.now + PIN_IDLE_S
    door.now = deadline
    assert list(door.reader.expire(door.now)) == []
    assert door.reader.deadline() is None
    assert told(keys(door, "34#")) == ["pin 34"]


def test_a_badge_in_the_middle_of_a_pin_is_read_and_the_pin_given_up(header: FakeChip) -> None:
    """The digits may be another person's."""
    door = Door(header, keypad=True, pins=True)
    keys(door, "12")
    door.send(FRAME)
    assert told(door.wait()) == [f"badge {0x7B1234}"]
    assert told(keys(door, "34#")) == ["pin 34"]


def test_a_badge_that_is_not_read_leaves_the_pin_as_it_is(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True)
    keys(door, "12")
    door.send(FRAME[:-1])
    assert len(told(door.wait())) == 1
    assert told(keys(door, "34#")) == ["pin 1234"]


@pytest.mark.parametrize("bits", [4, 8])
def test_a_key_that_is_not_read_is_told_and_the_rest_is_no_other_pin(
    header: FakeChip, bits: int
) -> None:
    door = Door(header, keypad=True, pins=True)
    keys(door, "12")
    door.send(sender.key(13, bits))
    events = door.wait()
    assert told(events) == [KEY_UNREAD]
    assert totals(events) == [("rejected frames", 1)]
    assert told(keys(door, "34#")) == [KEYS_LOST]
    assert told(keys(door, "1234#")) == ["pin 1234"]


def test_who_sees_that_a_key_was_not_read_stops_and_types_the_pin_again(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True, pin_length=4)
    keys(door, "12")
    door.send(sender.key(13))
    assert told(door.wait()) == [KEY_UNREAD]
    door.now += AFTER_LOSS_S
    assert told([*door.reader.expire(door.now), *keys(door, "1234")]) == ["pin 1234"]


def test_a_key_with_a_lost_edge_is_told(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True)
    door.send(sender.key(5)[:3], lost=1)
    assert told(door.wait()) == [KEY_UNREAD]


def test_a_reader_for_badges_alone_takes_no_keys(header: FakeChip) -> None:
    for settings in ({}, {"keypad": True}, {"pins": True}):
        door = Door(header, **settings)
        assert told(keys(door, "1234#")) == []
        door.reader.close()


@pytest.mark.parametrize("raw_bits", [None, 26])
def test_a_keypad_for_pins_alone_takes_no_badges(header: FakeChip, raw_bits: int | None) -> None:
    door = Door(header, keypad=True, pins=True, badges=False, raw_bits=raw_bits)
    door.send(FRAME)
    (why,) = told(door.wait())
    assert why.startswith("26 bits came, and the reader's setting is 4 or 8")


# -- the device -------------------------------------------------------------------------------


def closed_reader(**settings: Any) -> WiegandReader:
    return WiegandReader("door", "header", DATA0, DATA1, pull="up", **settings)


def test_no_permission_names_the_reader_and_the_group(
    header: FakeChip, monkeypatch: pytest.MonkeyPatch
) -> None:
    header.refuses = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: "gpio")
    with pytest.raises(DeviceProblem, match=r"^door: .*this user must be in the group gpio"):
        closed_reader().open()


def test_a_busy_line_names_the_reader_and_the_holder(header: FakeChip) -> None:
    header.request_lines({DATA1: gpiod.LineSettings()}, consumer="w1-gpio")
    with pytest.raises(
        DeviceProblem, match=r"^door: line 6 \(BTN_STOP\) of gpiochip0 is in use by w1-gpio$"
    ):
        closed_reader().open()


def test_a_chip_that_goes_away_ends_the_reader_and_it_closes(header: FakeChip) -> None:
    door = Door(header)
    door.wires.gone = True
    for read in (door.reader.read, lambda: door.reader.expire(200.0)):
        with pytest.raises(DeviceProblem, match=r"^door: .*its chip is gone$"):
            read()
    assert door.reader.fileno() == door.wires.fd  # the input thread takes it out of its selector
    door.reader.close()
    door.reader.close()
    assert not door.wires.held


def test_a_reader_that_is_not_open_cannot_be_read(header: FakeChip) -> None:
    reader = closed_reader()
    reader.close()
    for use in (reader.fileno, reader.read, lambda: reader.expire(1.0)):
        with pytest.raises(DeviceProblem, match="not open"):
            use()


def test_reopening_starts_clean_and_the_totals_go_on(header: FakeChip) -> None:
    door = Door(header, keypad=True, pins=True)
    door.send(FRAME[:-1])
    assert totals(door.wait()) == [("rejected frames", 1)]
    keys(door, "12")
    door.send(FRAME[:13])
    door.wires.gone = False
    list(door.reader.read())
    door.reader.close()
    door.reader.open()
    assert door.reader.deadline() is None
    assert told(keys(door, "34#")) == ["pin 34"]
    door.send(FRAME)
    assert told(door.wait()) == [f"badge {0x7B1234}"]
    door.send(FRAME[:-1])
    assert totals(door.wait()) == [("rejected frames", 2)]


def test_a_badge_that_was_coming_in_while_the_lines_were_opened_is_not_guessed(
    header: FakeChip,
) -> None:
    door = Door(header)
    door.send(FRAME, after_s=0.005)
    assert told(door.wait()) == [BEGUN_BEFORE]

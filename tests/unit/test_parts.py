"""What the running box says of its devices: which are buttons, and how a lamp is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ivsd.config import load
from ivsd.config.schema import Config, Inputs, Writing
from ivsd.events import Event, LightView
from ivsd.hardware import VirtualHardware
from ivsd.inputs.source import DeviceProblem, Source
from ivsd.parts import Parts

CONFIG = """\
valt: {url: "http://127.0.0.1:9", username: admin, password: admin}
room: 4
controls: {record: record_toggle}
inputs:
  keyboards:
    - {name: button box at the door, match: {name: Box}}
    - {name: reader, match: {name: Reader}}
  buttons:
    - {control: record, line: 17}
lights:
  lamps:
    - {name: pair, kind: leds, lines: [1, 2], colours: [red, green]}
    - {name: status, kind: rgb, lines: [3, 4, 5]}
"""


class Missing:
    """A device that is not there, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> None:
        raise DeviceProblem(f"{self.name}: not found")

    def fileno(self) -> int:
        raise AssertionError("never opened")

    def read(self) -> Iterable[Event]:
        return []

    def deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> Iterable[Event]:
        return []

    def close(self) -> None: ...


class Hardware(VirtualHardware):
    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        names = [keyboard.name for keyboard in inputs.keyboards]
        return [Missing(name) for name in (*names, "button record on GPIO17")]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    path = tmp_path / "ivsd.yaml"
    path.write_text(CONFIG)
    config: Config = load(path)
    parts = Parts(path, Hardware(), lambda event: None)
    parts.use_hardware(
        config.inputs, config.badges, config.lights, config.factory_default, LightView(fault="")
    )
    yield parts
    parts.stop(1.0)


def test_a_keyboard_is_a_reader_whatever_people_call_it(parts: Parts) -> None:
    assert list(parts.input_devices()) == [
        ("button box at the door", "reader"),
        ("reader", "reader"),
        ("button record on GPIO17", "button"),
    ]


def test_only_a_lamp_of_single_leds_has_their_colours(parts: Parts) -> None:
    found = parts.lamps_of(LightView(fault=""))
    assert [(lamp.name, lamp.kind, lamp.colours) for lamp in found] == [
        ("pair", "leds", ("red", "green")),
        ("status", "rgb", ()),
    ]

"""Which GPIO lines may be tried: none that something else on the board may need."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")

from ivsd.config.values import Verbatim
from ivsd.gpio_lines import ChipInfo, LineInfo
from ivsd.set_up.spare_lines import PI, called, chip_called, named_in, spare, why_not


def chip(name: str, label: str, count: int, **more: dict[int, Any]) -> ChipInfo:
    names, consumers = more.get("names", {}), more.get("consumers", {})
    outputs = more.get("outputs", {})
    lines = [
        LineInfo(number, names.get(number, ""), consumers.get(number, ""), number in outputs)
        for number in range(count)
    ]
    return ChipInfo(f"/dev/{name}", name, label, tuple(lines))


HEADER = chip("gpiochip0", PI[0], 54, names={26: "RESET", 22: "LAMP"})
EXPANDER = chip("gpiochip1", "mcp23017", 16)
BOARD = chip("gpiochip2", "raspberrypi-exp-gpio", 8)
CHIPS = [HEADER, EXPANDER, BOARD]
FILE: dict[str, Any] = {
    "inputs": {
        "buttons": [{"control": "record", "line": 17}],
        "wiegand": [{"name": "door", "data0": 20, "data1": 21, "chip": PI[0]}],
    },
    "lights": {"lamps": [{"name": "status", "lines": ["LAMP", 27, 24]}]},
    "factory_default": {"line": "RESET", "chip": "/dev/gpiochip0"},
}


def free(chips: list[ChipInfo], file: dict[str, Any]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for one, number in spare(chips, named_in(file)):
        found.setdefault(one.name, set()).add(number)
    return found


def test_no_pin_of_a_bus_and_none_beside_the_header_is_tried() -> None:
    tried = free([HEADER], {})["gpiochip0"]
    assert tried == {4, 5, 6, 12, 13, 16, 17, *range(22, 28)}


@pytest.mark.parametrize("label", PI)
def test_the_header_of_every_raspberry_pi_is_known(label: str) -> None:
    assert free([chip("gpiochip0", label, 54)], {})


def test_what_the_file_names_for_anything_is_not_tried_whatever_it_is_called() -> None:
    tried = free(CHIPS, FILE)["gpiochip0"]
    assert tried.isdisjoint({17, 20, 21, 22, 24, 26, 27})


def test_a_chip_that_nobody_has_named_is_not_tried() -> None:
    assert free(CHIPS, FILE).keys() == {"gpiochip0"}
    assert free([chip("gpiochip0", "INT34C5:00", 300)], {}) == {}


def test_all_lines_of_an_expander_that_is_named_may_be_tried() -> None:
    file = {"inputs": {"buttons": [{"control": "record", "line": 3, "chip": "mcp23017"}]}}
    assert free([EXPANDER], file) == {"gpiochip1": set(range(16)) - {3}}


def test_what_is_in_use_or_drives_something_is_not_tried() -> None:
    busy = chip("gpiochip0", PI[1], 54, consumers={5: "spi0 CS1"}, outputs={6: True})
    tried = free([busy], {})["gpiochip0"]
    assert tried.isdisjoint({5, 6})
    assert "in use by spi0 CS1" in why_not([busy], busy, 5, {})
    assert "is an output" in why_not([busy], busy, 6, {})


def test_lines_of_a_wrong_file_count_as_well() -> None:
    wrong = {"lights": {"lamps": [{"lines": [5]}, {"name": 4, "lines": [6]}]}}
    assert free([HEADER], wrong)["gpiochip0"].isdisjoint({5, 6})


@pytest.mark.parametrize("line", [Verbatim("26.0"), Verbatim("~"), True, None])
@pytest.mark.parametrize("name", ["gpiochip0", PI[0]])
def test_what_is_no_line_may_be_meant_for_any_of_its_chip(line: object, name: str) -> None:
    entry = {"chip": name, "line": line}
    for wrong in (
        {"factory_default": entry},
        {"inputs": {"buttons": [entry]}},
        {"inputs": {"wiegand": [{"chip": name, "data0": line, "data1": 5}]}},
        {"lights": {"lamps": [{"chip": name, "lines": [5, line]}]}},
    ):
        assert free([HEADER], wrong) == {}
    why = why_not([HEADER], HEADER, 6, named_in({"factory_default": entry}))
    assert "factory_default.line of ivsd.yaml is no line" in why


def test_what_is_wrong_on_one_chip_keeps_no_other_from_being_tried() -> None:
    wrong = {"inputs": {"buttons": [{"chip": "mcp23017", "line": None}, {"control": "record"}]}}
    assert free(CHIPS, wrong).keys() == {"gpiochip0"}


@pytest.mark.parametrize("name", ["gpiochip0", "/dev/gpiochip0", PI[0]])
def test_a_chip_has_three_names(name: str) -> None:
    assert chip_called(CHIPS, name) is HEADER


def test_a_chip_is_called_as_the_file_calls_it() -> None:
    file = {"inputs": {"buttons": [{"control": "record", "line": 3, "chip": "mcp23017"}]}}
    assert called(CHIPS, EXPANDER, named_in(file)) == "mcp23017"
    assert called(CHIPS, HEADER, named_in(file)) == "gpiochip0"

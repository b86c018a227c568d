"""The pins on a pretended kernel; tests/appliance has the same on real lines."""

from __future__ import annotations

import errno
import gc
import select
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")
pytest.importorskip("gpiozero", reason="needs gpiozero (pip install ivsd[appliance])")

import gpiod
import gpiozero
from gpiod.line import Bias, Direction, Edge, Value

from ivsd.gpio_factory import GpiodFactory, GpiodPin, Line, LineProblem
from tests.fake_gpio import FakeChip, pretended_kernel


@pytest.fixture
def chips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeChip]]:
    with pretended_kernel(tmp_path, monkeypatch) as chips:
        yield chips


@pytest.fixture
def header(chips: dict[str, FakeChip]) -> FakeChip:
    return chips["gpiochip0"]


def watched(line: int | str, told: Any, chip: str = "gpiochip0") -> GpiodPin:
    pin = GpiodFactory().pin((chip, line))
    pin.when_changed = told
    return pin


def problem_with(chip: str, line: int | str) -> str:
    pin = GpiodFactory().pin(Line(chip, line))
    with pytest.raises(LineProblem) as caught:
        _ = pin.state
    return str(caught.value)


# -- finding a line ---------------------------------------------------------------------------


def test_a_chip_is_found_by_path_device_name_and_label(header: FakeChip, tmp_path: Path) -> None:
    for chip in (str(tmp_path / "gpiochip0"), "gpiochip0", "header"):
        pin = GpiodFactory().pin((chip, 5))
        assert pin.state == 0
        assert header.requests[-1].offset == 5
        pin.close()


def test_a_line_is_found_by_its_name(header: FakeChip) -> None:
    assert GpiodFactory().pin(("gpiochip0", "BTN_STOP")).state == 0
    assert header.requests[0].offset == 6


def test_of_two_lines_of_one_name_the_first_is_meant(header: FakeChip) -> None:
    header.names = {3: "SAME", 4: "SAME"}
    assert GpiodFactory().pin(("gpiochip0", "SAME")).state == 0
    assert header.requests[0].offset == 3


def test_a_link_to_a_chip_is_not_a_second_chip_of_that_label(
    header: FakeChip, tmp_path: Path
) -> None:
    (tmp_path / "gpiochip4").symlink_to("gpiochip0")
    assert GpiodFactory().pin(("header", 5)).state == 0
    assert GpiodFactory().pin(("gpiochip4", 6)).state == 0
    assert [request.offset for request in header.requests] == [5, 6]


# -- inputs -----------------------------------------------------------------------------------


def test_a_line_is_asked_for_once_with_all_its_settings(header: FakeChip) -> None:
    pin = GpiodFactory().pin(("gpiochip0", 5))
    pin.function = "input"
    pin.pull = "up"
    pin.bounce = 0.01
    pin.edges = "falling"
    assert header.requests == []
    pin.when_changed = print
    assert pin.state == 0
    (request,) = header.requests
    assert request.consumer == "ivsd"
    assert request.settings == gpiod.LineSettings(
        direction=Direction.INPUT,
        bias=Bias.PULL_UP,
        debounce_period=timedelta(milliseconds=10),
        edge_detection=Edge.FALLING,
    )


def test_a_line_that_is_only_read_collects_no_edges(header: FakeChip) -> None:
    assert GpiodFactory().pin(("gpiochip0", 5)).state == 0
    assert header.requests[0].settings.edge_detection is Edge.NONE


def test_edges_are_told_in_order_with_the_kernels_time(header: FakeChip) -> None:
    told: list[tuple[float, int, float]] = []
    pin = GpiodFactory().pin(("gpiochip0", 5))
    pin.when_changed = lambda at, level: told.append((at, level, pin.edge_at))
    header.requests[0].edge(0, at_ns=1_500_000_000)
    header.requests[0].edge(1, at_ns=1_580_000_000)
    pin.dispatch()
    assert told == [(1.5, 0, 1.5), (1.58, 1, 1.58)]
    assert pin.lost_edges == 0


def test_the_descriptor_is_readable_exactly_while_edges_wait(header: FakeChip) -> None:
    pin = watched(5, lambda at, level: None)
    assert select.select([pin], [], [], 0)[0] == []
    header.requests[0].edge(0, at_ns=1)
    assert select.select([pin], [], [], 0)[0] == [pin]
    pin.dispatch()
    assert select.select([pin], [], [], 0)[0] == []


def test_dispatch_without_an_edge_does_not_block(header: FakeChip) -> None:
    told: list[int] = []
    watched(5, lambda at, level: told.append(level)).dispatch()
    assert told == []


def test_edges_that_the_kernel_dropped_are_counted(header: FakeChip) -> None:
    pin = watched(5, lambda at, level: None)
    header.requests[0].edge(0, at_ns=1, lost=3)
    header.requests[0].edge(1, at_ns=2)
    header.requests[0].edge(0, at_ns=3, lost=1)
    pin.dispatch()
    assert pin.lost_edges == 4


def test_a_pin_does_not_keep_its_watcher_alive(header: FakeChip) -> None:
    class Watcher:
        def told(self, at: float, level: int) -> None:
            raise AssertionError("told after its end")

    watcher = Watcher()
    pin = watched(5, watcher.told)
    assert pin.when_changed == watcher.told
    del watcher
    gc.collect()
    assert pin.when_changed is None
    header.requests[0].edge(0, at_ns=1)
    pin.dispatch()


def test_the_clock_is_that_of_the_kernels_edges(header: FakeChip) -> None:
    factory = GpiodFactory()
    assert factory.ticks_diff(factory.ticks(), factory.ticks() - 2) == pytest.approx(2, abs=0.5)


# -- outputs ----------------------------------------------------------------------------------


def test_an_output_starts_at_the_level_that_was_asked_for(header: FakeChip) -> None:
    pin = GpiodFactory().pin(("gpiochip0", 7))
    pin.output_with_state(True)
    (request,) = header.requests
    assert request.settings.direction is Direction.OUTPUT
    assert request.settings.output_value is Value.ACTIVE
    assert (pin.function, pin.state) == ("output", 1)


def test_an_output_is_driven_and_read(header: FakeChip) -> None:
    pin = GpiodFactory().pin(("gpiochip0", 7))
    pin.function = "output"
    assert pin.state == 0
    pin.state = True
    assert (header.requests[0].level, pin.state) == (Value.ACTIVE, 1)
    pin.state = False
    assert pin.state == 0


def test_an_input_cannot_be_driven(header: FakeChip) -> None:
    pin = GpiodFactory().pin(("gpiochip0", 7))
    with pytest.raises(gpiozero.PinSetInput):
        pin.state = 1


def test_a_closed_pin_gives_its_line_back(header: FakeChip) -> None:
    pin = watched(5, print)
    pin.close()
    pin.close()
    assert [request.held for request in header.requests] == [False]
    watched(5, print)


def test_gpiozeros_own_devices_run_on_it(header: FakeChip) -> None:
    factory = GpiodFactory()
    with gpiozero.LED(Line("gpiochip0", 7), active_high=False, pin_factory=factory) as led:
        assert header.requests[0].level is Value.ACTIVE
        led.on()
        assert header.requests[0].level is Value.INACTIVE
        with pytest.raises(LineProblem):
            gpiozero.LED(Line("gpiochip0", 7), pin_factory=factory)
    with gpiozero.LED(Line("gpiochip0", 7), pin_factory=factory):
        pass


# -- sentences --------------------------------------------------------------------------------


def test_a_missing_chip_names_the_chips_there_are(
    chips: dict[str, FakeChip], tmp_path: Path
) -> None:
    assert problem_with("gpiochip7", 5) == (
        "there is no GPIO chip gpiochip7, only "
        f"{tmp_path}/gpiochip0 (header), {tmp_path}/gpiochip1 (expander)"
    )


def test_a_box_without_any_chip_says_so(chips: dict[str, FakeChip], tmp_path: Path) -> None:
    for name in chips:
        (tmp_path / name).unlink()
    assert problem_with("gpiochip0", 5) == "there is no GPIO chip gpiochip0, nor any"


def test_a_label_that_two_chips_share_is_not_guessed(
    chips: dict[str, FakeChip], tmp_path: Path
) -> None:
    chips["gpiochip1"].label = "header"
    assert problem_with("header", 5) == (
        f"{tmp_path}/gpiochip0 and {tmp_path}/gpiochip1 are both called header: "
        "name one by its path"
    )


@pytest.mark.parametrize("number", [8, 99, -1])
def test_a_number_out_of_range_names_the_range(header: FakeChip, number: int) -> None:
    assert problem_with("gpiochip0", number) == f"gpiochip0 has no line {number}, only 0 to 7"


def test_a_misspelt_line_name_gets_the_nearest_one(header: FakeChip) -> None:
    assert problem_with("gpiochip0", "BTN_RECRD") == (
        "gpiochip0 has no line called BTN_RECRD: did you mean BTN_RECORD?"
    )


@pytest.mark.parametrize("name", ["lamp", ""])
def test_an_unknown_line_name_asks_for_the_number(header: FakeChip, name: str) -> None:
    assert problem_with("gpiochip0", name) == (
        f"gpiochip0 has no line called {name}: give its number"
    )


def test_a_busy_line_names_its_holder(header: FakeChip) -> None:
    header.request_lines({5: gpiod.LineSettings()}, consumer="gpio-keys")
    assert problem_with("gpiochip0", "BTN_RECORD") == (
        "line 5 (BTN_RECORD) of gpiochip0 is in use by gpio-keys"
    )


def test_a_line_that_is_used_twice_says_so_under_whatever_name(header: FakeChip) -> None:
    pin = watched(5, print)
    assert problem_with("header", "BTN_RECORD") == (
        "line 5 (BTN_RECORD) of gpiochip0 is in use by ivsd: configured twice, or ivsd runs twice"
    )
    pin.close()


def test_no_permission_names_the_group_of_the_device(
    header: FakeChip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header.refuses = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: "gpio")
    assert problem_with("gpiochip0", 5) == (
        f"{tmp_path}/gpiochip0 cannot be opened: no permission, this user must be in the group gpio"
    )


def test_no_permission_for_a_chip_of_root_asks_for_the_udev_rule(
    header: FakeChip, monkeypatch: pytest.MonkeyPatch
) -> None:
    header.refuses = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: "root")
    assert "the group gpio must own it (udev rule)" in problem_with("gpiochip0", 5)


def test_a_label_that_nobody_may_read_says_so(
    chips: dict[str, FakeChip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chips["gpiochip0"].refuses = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: "gpio")
    assert problem_with("header", 5) == (
        f"there is no GPIO chip header, only {tmp_path}/gpiochip0 (no permission, "
        f"this user must be in the group gpio), {tmp_path}/gpiochip1 (expander)"
    )


def test_a_device_policy_of_systemd_is_recognised(header: FakeChip) -> None:
    header.refuses = errno.EPERM
    assert "DeviceAllow=char-gpiochip rw" in problem_with("gpiochip0", 5)


def test_a_file_that_is_no_chip_is_recognised(chips: dict[str, FakeChip]) -> None:
    assert "is it a GPIO chip?" in problem_with("null", 5)


def test_another_refusal_of_the_kernel_is_told_in_its_words(header: FakeChip) -> None:
    header.request_error = errno.EINVAL
    assert problem_with("gpiochip0", 7) == ("line 7 of gpiochip0 cannot be used: Invalid argument")


def test_a_chip_that_went_away_is_told_at_every_use(header: FakeChip) -> None:
    button, lamp = watched(5, print), GpiodFactory().pin(("gpiochip0", 7))
    lamp.output_with_state(False)
    for request in header.requests:
        request.gone = True
    with pytest.raises(LineProblem, match=r"line 5 of gpiochip0 .* its chip is gone"):
        button.dispatch()
    with pytest.raises(LineProblem, match=r"line 7 of gpiochip0 .* its chip is gone"):
        lamp.state = True

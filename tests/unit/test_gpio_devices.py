"""Buttons and lamps on pretended pins; tests/appliance has the same on real lines."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")
pytest.importorskip("gpiozero", reason="needs gpiozero (pip install ivsd[appliance])")

from ivsd.config.schema import FactoryDefault, LampConfig, LampKind, Lights
from ivsd.events import FACTORY_DEFAULT, Disturbed, Pressed, Released
from ivsd.gpio_factory import Line, LineProblem
from ivsd.hardware import RealHardware
from ivsd.inputs.gpio import GpioButton
from ivsd.inputs.source import DeviceProblem
from ivsd.outputs.gpio import GpioLamp, GpioLeds, GpioRgbLamp
from ivsd.outputs.lamp import Colour, LampProblem


class FakePin:
    """What gpiozero and our devices use of a GpiodPin; the test moves the line."""

    pull, bounce, edges, function = "floating", None, "both", ""
    when_changed: Any = None
    edge_at = 0.0
    lost_edges = 0
    broken = False

    def __init__(self, line: Line) -> None:
        self.info = line
        self.level = 0
        self.closed = False
        self.waiting: list[tuple[float, int]] = []

    @property
    def state(self) -> int:
        return self.level

    @state.setter
    def state(self, level: int) -> None:
        if self.broken:
            raise LineProblem("its chip is gone")
        self.level = int(level)

    def output_with_state(self, level: int) -> None:
        self.function, self.level = "output", int(level)
        if self.broken:
            raise LineProblem("no such line")

    def fileno(self) -> int:
        return 42

    def dispatch(self) -> None:
        if self.broken:
            raise LineProblem("its chip is gone")
        waiting, self.waiting = self.waiting, []
        for self.edge_at, level in waiting:
            self.when_changed(self.edge_at, level)

    def close(self) -> None:
        self.closed = True


class FakeFactory:
    def __init__(self, **levels: int) -> None:
        self.pins: dict[Any, FakePin] = {}
        self.broken: set[Any] = set()
        self.levels = levels
        """What the line with this name reads when it is opened."""

    def pin(self, line: Line) -> FakePin:
        pin = self.pins[line.line] = FakePin(line)
        pin.level = self.levels.get(str(line.line), 0)
        pin.broken = line.line in self.broken
        return pin

    def reserve_pins(self, *args: object) -> None: ...

    def release_pins(self, *args: object) -> None: ...

    def ticks(self) -> float:
        return 0.0


def refusing_factory() -> Any:
    class Refusing(FakeFactory):
        def pin(self, line: Line) -> FakePin:
            raise LineProblem("no permission")

    return Refusing()


def button(
    factory: Any, pull: Any = "up", active: Any = "low", bounce_ms: int = 10
) -> tuple[GpioButton, FakePin]:
    it = GpioButton("record", "gpiochip0", "B", pull, active, bounce_ms, factory)
    it.open()
    return it, factory.pins["B"]


# -- buttons ----------------------------------------------------------------------------------


def test_a_press_and_a_release_carry_the_kernels_time() -> None:
    it, pin = button(FakeFactory(B=1))
    pin.waiting = [(100.5, 0), (100.75, 1)]
    assert list(it.read()) == [Pressed("record", 100.5), Released("record", 100.75)]
    assert list(it.read()) == []


@pytest.mark.parametrize(
    ("pull", "active", "pressed_level"),
    [
        ("up", "low", 0),
        ("up", "high", 1),  # a contact that opens when pressed
        ("down", "high", 1),
        ("down", "low", 0),
        ("none", "low", 0),
        ("none", "high", 1),
    ],
)
def test_every_wiring_of_pull_and_active_level(pull: str, active: str, pressed_level: int) -> None:
    it, pin = button(FakeFactory(B=1 - pressed_level), pull, active)
    assert pin.pull == ("floating" if pull == "none" else pull)
    pin.waiting = [(1.0, pressed_level), (2.0, 1 - pressed_level)]
    assert list(it.read()) == [Pressed("record", 1.0), Released("record", 2.0)]


def test_edges_that_the_kernel_had_to_drop_are_counted_over_all_openings() -> None:
    it, pin = button(FakeFactory(B=1))

    def losing(lost: int) -> None:
        pin.lost_edges += lost
        pin.edge_at = 7.0

    pin.dispatch = lambda: losing(3)  # type: ignore[method-assign]
    assert list(it.read()) == [Disturbed("button record on B", "lost edges", 3, 7.0)]
    pin.dispatch = lambda: None  # type: ignore[method-assign]
    assert list(it.read()) == []
    it.close()
    it.open()
    pin = it._device.pin
    pin.dispatch = lambda: losing(2)
    assert list(it.read()) == [Disturbed("button record on B", "lost edges", 5, 7.0)]


def lose_edges(pin: FakePin, *edges: tuple[float, int, int]) -> None:
    """Let the kernel tell of edges (when, level), each after so many that it had to drop."""

    def dispatch() -> None:
        for pin.edge_at, level, lost in edges:
            pin.lost_edges += lost
            pin.when_changed(pin.edge_at, level)

    pin.dispatch = dispatch  # type: ignore[method-assign]


def test_a_release_after_lost_edges_is_not_believed() -> None:
    """It came up and went down again meanwhile: nobody has held it for so long."""
    it, pin = button(FakeFactory(B=1))
    lose_edges(pin, (1.0, 0, 0), (12.0, 1, 2))
    _, released, _ = it.read()
    assert released == Released("record", 12.0, was_seen=False)


def test_a_release_whose_press_before_came_up_unseen_is_not_believed() -> None:
    it, pin = button(FakeFactory(B=1))
    lose_edges(pin, (1.0, 0, 0))
    list(it.read())
    lose_edges(pin, (5.0, 0, 1))
    list(it.read())
    lose_edges(pin, (12.0, 1, 0))
    assert list(it.read()) == [Released("record", 12.0, was_seen=False)]


def test_after_lost_edges_the_next_press_is_believed_again() -> None:
    it, pin = button(FakeFactory(B=1))
    lose_edges(pin, (1.0, 0, 3), (2.0, 1, 2))
    list(it.read())
    lose_edges(pin, (3.0, 0, 0), (14.0, 1, 0))
    assert list(it.read()) == [Pressed("record", 3.0), Released("record", 14.0)]


def test_edges_lost_before_the_press_are_not_held_against_it() -> None:
    it, pin = button(FakeFactory(B=1))
    lose_edges(pin, (1.0, 0, 4), (12.0, 1, 0))
    events = list(it.read())
    assert Released("record", 12.0, was_seen=True) in events


def test_the_reset_button_is_a_button_with_the_name_of_the_factory_default() -> None:
    hardware = RealHardware()
    hardware._factory = FakeFactory(RESET=1)
    assert hardware.reset_button(FactoryDefault()) == []
    (it,) = hardware.reset_button(FactoryDefault("RESET"))
    it.open()
    hardware._factory.pins["RESET"].waiting = [(1.0, 0), (12.0, 1)]
    assert list(it.read()) == [Pressed(FACTORY_DEFAULT, 1.0), Released(FACTORY_DEFAULT, 12.0)]


def test_the_bounce_time_is_left_to_the_kernel() -> None:
    assert button(FakeFactory(), bounce_ms=10)[1].bounce == 0.01
    assert button(FakeFactory(), bounce_ms=0)[1].bounce is None


@pytest.mark.parametrize(("active", "level"), [("low", 0), ("high", 1)])
def test_a_button_held_at_open_gives_nothing_until_pressed_anew(active: str, level: int) -> None:
    it, pin = button(FakeFactory(B=level), "up", active)
    pin.waiting = [(1.0, 1 - level)]
    assert list(it.read()) == []
    pin.waiting = [(2.0, level), (3.0, 1 - level)]
    assert list(it.read()) == [Pressed("record", 2.0), Released("record", 3.0)]


def test_two_equal_edges_around_a_lost_one_give_one_press() -> None:
    it, pin = button(FakeFactory(B=1))
    pin.waiting = [(1.0, 0), (2.0, 0), (3.0, 1)]
    assert list(it.read()) == [Pressed("record", 1.0), Released("record", 3.0)]


def test_a_button_closed_while_down_gives_no_release_after_reopening() -> None:
    factory = FakeFactory(B=1)
    it, pin = button(factory)
    pin.waiting = [(1.0, 0)]
    assert list(it.read()) == [Pressed("record", 1.0)]
    it.close()
    assert pin.closed
    factory.levels["B"] = 0
    it.open()
    factory.pins["B"].waiting = [(9.0, 1)]
    assert list(it.read()) == []


def test_a_button_needs_no_thread_and_no_time() -> None:
    threads = threading.active_count()
    it, _ = button(FakeFactory(B=1))
    assert threading.active_count() == threads
    assert it.fileno() == 42
    assert it.deadline() is None
    assert list(it.expire(1e9)) == []


def test_a_button_that_cannot_be_opened_says_which_and_why() -> None:
    it = GpioButton("record", "gpiochip0", "B", "up", "low", 10, refusing_factory())
    with pytest.raises(DeviceProblem, match=r"^button record on B: no permission$"):
        it.open()
    it.close()


def test_a_button_whose_chip_goes_away_says_so_and_closes() -> None:
    it, pin = button(FakeFactory(B=1))
    pin.broken = True
    with pytest.raises(DeviceProblem, match=r"^button record on B: its chip is gone$"):
        it.read()
    it.close()
    it.close()
    assert pin.closed


def test_a_button_that_is_not_open_cannot_be_read() -> None:
    it = GpioButton("record", "gpiochip0", "B", "up", "low", 10, refusing_factory())
    with pytest.raises(DeviceProblem, match="not open"):
        it.fileno()
    with pytest.raises(DeviceProblem, match="not open"):
        it.read()


# -- lamps ------------------------------------------------------------------------------------


def rgb(factory: Any, active: Any = "high") -> GpioRgbLamp:
    return GpioRgbLamp("status", "gpiochip0", ("R", "G", "B"), active, factory)


def levels(factory: FakeFactory) -> list[int]:
    return [factory.pins[line].level for line in ("R", "G", "B")]


def test_a_lamp_of_one_line_is_lit_by_every_colour_but_off() -> None:
    factory: Any = FakeFactory()
    lamp = GpioLamp("sign", "gpiochip0", 17, "high", factory)
    lamp.open()
    for colour in Colour:
        lamp.show(colour)
        assert factory.pins[17].level == (colour is not Colour.OFF)


@pytest.mark.parametrize("colour", list(Colour))
def test_three_lines_mix_every_colour(colour: Colour) -> None:
    factory = FakeFactory()
    lamp = rgb(factory)
    lamp.open()
    lamp.show(colour)
    assert levels(factory) == [int(lit) for lit in colour.channels]


@pytest.mark.parametrize(
    ("colour", "lit"),
    [("red", [1, 0, 0]), ("yellow", [0, 1, 0]), ("blue", [1, 1, 1]), ("off", [0, 0, 0])],
)
def test_single_leds_have_one_line_for_each_colour(colour: str, lit: list[int]) -> None:
    factory: Any = FakeFactory()
    colours = [Colour.RED, Colour.YELLOW, Colour.GREEN]
    lamp = GpioLeds("tower", "gpiochip0", ["R", "G", "B"], colours, "high", factory)
    lamp.open()
    lamp.show(Colour(colour))
    assert levels(factory) == lit


def test_every_kind_of_lamp_in_the_configuration_is_built() -> None:
    hardware = RealHardware()
    hardware._factory = FakeFactory()
    colours = [Colour.RED, Colour.GREEN]
    lamps = [
        LampConfig("one", [1]),
        LampConfig("single", [2, 3], LampKind.LEDS, colours),
        LampConfig("rgb", [4, 5, 6], LampKind.RGB),
        LampConfig("beep", [7], LampKind.BUZZER, active="low"),
    ]
    fixtures = hardware.fixtures(Lights(lamps=lamps))
    kinds = [GpioLamp, GpioLeds, GpioRgbLamp, GpioLamp]
    assert [type(fixture.lamp) for fixture in fixtures] == kinds
    for fixture in fixtures:
        fixture.lamp.open()
        fixture.lamp.show(Colour.GREEN)
    pins = hardware._factory.pins
    assert [pins[line].level for line in range(1, 8)] == [1, 0, 1, 0, 1, 0, 0]


def test_a_lamp_that_is_lit_by_low_level_is_dark_from_the_first_moment() -> None:
    factory = FakeFactory()
    lamp = rgb(factory, active="low")
    lamp.open()
    assert levels(factory) == [1, 1, 1]
    lamp.show(Colour.YELLOW)
    assert levels(factory) == [0, 0, 1]


@pytest.mark.parametrize("active", ["high", "low"])
def test_closing_switches_off_and_gives_all_lines_back(active: str) -> None:
    factory = FakeFactory()
    lamp = rgb(factory, active)
    lamp.open()
    lamp.show(Colour.WHITE)
    lamp.close()
    lamp.close()
    assert levels(factory) == [int(active == "low")] * 3
    assert all(pin.closed for pin in factory.pins.values())


def test_one_line_that_fails_releases_those_taken_before() -> None:
    factory = FakeFactory()
    factory.broken = {"B"}
    lamp = rgb(factory)
    with pytest.raises(LampProblem, match=r"^status: no such line$"):
        lamp.open()
    assert factory.pins["R"].closed
    assert factory.pins["G"].closed
    factory.broken = set()
    lamp.open()
    lamp.show(Colour.BLUE)
    assert levels(factory) == [0, 0, 1]


def test_a_lamp_whose_chip_goes_away_says_so_and_still_closes() -> None:
    factory = FakeFactory()
    lamp = rgb(factory)
    lamp.open()
    factory.pins["G"].broken = True
    with pytest.raises(LampProblem, match=r"^status: its chip is gone$"):
        lamp.show(Colour.WHITE)
    lamp.close()
    assert all(pin.closed for pin in factory.pins.values())
    assert factory.pins["B"].level == 0


def test_a_lamp_that_is_not_open_cannot_be_lit() -> None:
    with pytest.raises(LampProblem, match="not open"):
        rgb(FakeFactory()).show(Colour.RED)

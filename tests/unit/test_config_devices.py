"""Readers, keypads and lamps in ivsd.yaml: what goes together, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ivsd.config import ConfigError, load, salvage
from ivsd.config.schema import Config, End, Role
from ivsd.events import FACTORY_DEFAULT, HoldRules
from ivsd.hardware import RealHardware, _written, switch_off
from ivsd.inputs.wiegand_formats import DEFAULT_FORMATS
from ivsd.keymaps import Keymap
from ivsd.notation import Form, Notation
from ivsd.outputs.lamp import Colour, Lamp, LampProblem
from ivsd.outputs.led_class import LedClassLamp
from ivsd.outputs.player import Fixture
from ivsd.rules import rules_from

HEAD = """\
valt: {url: "https://valt.example.com", username: keypad, password: "hunter2"}
room: 4
controls: {record: record_toggle}
"""

Read = Callable[[str], Config]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def _read(text: str) -> Config:
        path = tmp_path / "ivsd.yaml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load(path)

    return _read


def problem(read: Read, text: str) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    (only,) = caught.value.problems
    assert only.line == 4
    return only.key, only.text


def test_a_reader_says_how_it_types(read: Read) -> None:
    reader = "{name: r, match: {name: x}, keymap: fr, prefix: '%', suffix: '?', end: enter}"
    (keyboard,) = read(f"inputs: {{keyboards: [{reader}]}}").inputs.keyboards
    assert (keyboard.keymap, keyboard.prefix, keyboard.suffix) == (Keymap.FR, "%", "?")
    assert keyboard.end is End.ENTER


@pytest.mark.parametrize("role", ["pin", "keys"])
@pytest.mark.parametrize("key", ["prefix", "suffix", "end"])
def test_what_a_badge_has_around_it_is_nothing_for_a_keypad(
    read: Read, role: str, key: str
) -> None:
    keyboard = (
        f"{{name: k, match: {{name: x}}, role: {role}, keys: {{KEY_A: record}}, {key}: enter}}"
    )
    where, text = problem(read, f"inputs: {{keyboards: [{keyboard}]}}")
    assert (where, text) == (
        f"inputs.keyboards.1.{key}",
        f"is about badges, and role {role} takes none",
    )


def test_an_unknown_country_is_told_the_nearest(read: Read) -> None:
    keyboard = "{name: k, match: {name: x}, keymap: fra}"
    where, text = problem(read, f"inputs: {{keyboards: [{keyboard}]}}")
    assert where == "inputs.keyboards.1.keymap"
    assert "did you mean 'fr'" in text


def test_a_wiegand_reader_needs_its_two_lines_only(read: Read) -> None:
    (reader,) = read("inputs: {wiegand: [{name: r, data0: 20, data1: GREEN}]}").inputs.wiegand
    assert (reader.data0, reader.data1, reader.chip) == (20, "GREEN", "gpiochip0")
    assert (reader.role, reader.formats, reader.raw_bits) == (
        Role.BADGE,
        sorted(DEFAULT_FORMATS),
        None,
    )
    assert (reader.pull, reader.active, reader.gap_ms) == ("up", "low", 15)


@pytest.mark.parametrize(
    ("more", "key", "says"),
    [
        ("role: keys", "role", "use badge, pin or auto"),
        ("formats: [26, 32]", "formats", "has 32, and the formats known are"),
        ("formats: []", "formats", "must have one format at least"),
        ("raw_bits: 32, formats: [26]", "raw_bits", "keep one of them"),
        ("formats: [34, 35]", "formats", "name the one that the reader sends"),
        ("raw_bits: 8", "raw_bits", "16"),
        ("pin_length: 4", "pin_length", "role badge takes none"),
        ("role: pin, gap_ms: 41", "gap_ms", "at most 40 where somebody types"),
        ("gap_ms: 1", "gap_ms", "2"),
        ("data1: 20", "data1", "line 20 of gpiochip0 is used by inputs.wiegand.1.data0, too"),
    ],
)
def test_what_a_wiegand_reader_cannot_be_is_told(
    read: Read, more: str, key: str, says: str
) -> None:
    lines = "data0: 20" if "data1" in more else "data0: 20, data1: 21"
    where, text = problem(read, f"inputs: {{wiegand: [{{name: r, {lines}, {more}}}]}}")
    assert where == f"inputs.wiegand.1.{key}"
    assert says in text


def test_two_long_badges_that_a_facility_code_writes_alike_are_no_badge() -> None:
    as_valt = partial(_written, Form(Notation.FACILITY))
    assert as_valt(0xABCDEF) == "17152719"
    assert as_valt(0x55ABCDEF) is None
    assert _written(Form(Notation.DECIMAL), 0x55ABCDEF) == str(0x55ABCDEF)


def test_a_line_of_a_reader_is_no_button_s(read: Read) -> None:
    inputs = "wiegand: [{name: r, data0: 20, data1: 21}], buttons: [{control: record, line: 21}]"
    with pytest.raises(ConfigError, match="line 21 of gpiochip0 is used by"):
        read(f"inputs: {{{inputs}}}")


def test_two_readers_need_two_names(read: Read) -> None:
    inputs = "keyboards: [{name: r, match: {name: x}}], wiegand: [{name: r, data0: 20, data1: 21}]"
    where, text = problem(read, f"inputs: {{{inputs}}}")
    assert (where, text) == ("inputs.wiegand.1.name", "'r' is the name of another one, too")


@pytest.mark.parametrize(
    ("lamp", "key", "says"),
    [
        ("devices: [a], lines: [3]", "lines", "this lamp has devices"),
        ("devices: [a], chip: gpiochip1", "chip", "this lamp has devices"),
        ("devices: [a], active: low", "active", "this lamp has devices"),
        ("devices: [a, b]", "devices", "kind led has one device"),
        ("devices: [a, b], kind: rgb", "devices", "or one of several colours"),
        ("devices: [a], kind: leds, colours: [red, green]", "devices", "has 2 devices"),
        ("lines: [3], stopped: {pattern: on}", "stopped", "needs devices in place of lines"),
        ("devices: [a], stopped: {pattern: blink2}", "stopped.pattern", "more than the kernel"),
        ("devices: [a, b, c], kind: rgb, stopped: {pattern: on}", "stopped.colour", "is missing"),
        ("kind: led", "lines", "a lamp of kind led has one line"),
    ],
)
def test_what_a_lamp_cannot_be_is_told(read: Read, lamp: str, key: str, says: str) -> None:
    where, text = problem(read, f"lights: {{lamps: [{{name: x, {lamp}}}]}}")
    assert where == f"lights.lamps.1.{key}"
    assert says in text


def lamp_of(read: Read, text: str) -> LedClassLamp:
    (fixture,) = RealHardware().fixtures(read(f"lights: {{lamps: [{text}]}}").lights)
    assert isinstance(fixture.lamp, LedClassLamp)
    return fixture.lamp


def led(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    (path / "max_brightness").write_text("255\n")
    (path / "brightness").write_text("0\n")
    (path / "trigger").write_text("[none] timer\n")
    for delay in ("delay_on", "delay_off"):
        (path / delay).write_text("500\n")
    return path


def level(path: Path) -> str:
    """A plain file keeps the rest of a longer text that was there."""
    return (path / "brightness").read_text().splitlines()[0]


@pytest.fixture
def leds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "leds"
    folder.mkdir()
    defaults = LedClassLamp.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "folder", folder)
    return folder


def test_devices_become_a_lamp_of_the_kernel(read: Read, leds: Path) -> None:
    red, green, blue = (led(leds, colour) for colour in ("r", "g", "b"))
    lamp = lamp_of(read, "{name: x, kind: rgb, devices: [r, g, b]}")
    lamp.open()
    lamp.show(Colour.YELLOW)
    levels = [level(path) for path in (red, green, blue)]
    assert levels == ["255", "255", "0"]
    lamp.close()
    assert level(red) == "0"


@pytest.mark.parametrize(
    ("stopped", "trigger", "times"),
    [
        ("{pattern: slow}", "timer", ("800", "800")),
        ("{pattern: blip}", "timer", ("100", "1900")),
        ("{pattern: on}", "none", ("500", "500")),
    ],
)
def test_the_set_look_is_left_to_the_kernel(
    read: Read, leds: Path, stopped: str, trigger: str, times: tuple[str, str]
) -> None:
    path = led(leds, "front")
    lamp = lamp_of(read, f"{{name: x, devices: [front], stopped: {stopped}}}")
    lamp.open()
    lamp.close()
    assert level(path) == "255"
    assert (path / "trigger").read_text().strip() in (trigger, f"[{trigger}] timer")
    assert tuple((path / name).read_text().strip() for name in ("delay_on", "delay_off")) == times


class Broken(Lamp):
    """A lamp that is not there."""

    name = "broken"
    closed = False

    def open(self) -> None:
        raise LampProblem("broken: its chip is gone")

    def show(self, colour: Colour) -> None:
        raise AssertionError("not open")

    def close(self) -> None:
        self.closed = True


class Good(Broken):
    """One that is."""

    def open(self) -> None:
        pass


def test_lights_off_goes_on_behind_a_lamp_that_is_not_there() -> None:
    broken, good = Broken(), Good()
    fixtures = [Fixture(lamp, "status", {}) for lamp in (broken, good)]
    assert switch_off(fixtures) == ["broken: its chip is gone"]
    assert broken.closed
    assert good.closed


# -- what is held for the factory state ---------------------------------------------------------

TWO_CONTROLS = HEAD.replace("record_toggle}", "record_toggle, mark: marker, pause: pause}")


@pytest.fixture
def read_two(tmp_path: Path) -> Read:
    """Read a file with three controls."""

    def _read(text: str) -> Config:
        path = tmp_path / "ivsd.yaml"
        path.write_text(TWO_CONTROLS + text, encoding="utf-8")
        return load(path)

    return _read


def test_without_a_word_about_it_nothing_is_held_for_the_factory_state(read: Read) -> None:
    assert rules_from(read("")).factory_default is None


def test_a_line_alone_is_the_reset_button(read: Read) -> None:
    config = read("factory_default: {line: RESET, chip: gpiochip1, hold_s: 5}")
    held = rules_from(config).factory_default
    assert held == HoldRules(frozenset({FACTORY_DEFAULT}), 5.0, confirm=False)
    assert (config.factory_default.line, config.factory_default.chip) == ("RESET", "gpiochip1")


def test_a_reset_button_is_held_for_ten_seconds_by_default(read: Read) -> None:
    assert rules_from(read("factory_default: {line: 0}")).factory_default == HoldRules()


def test_controls_in_place_of_a_line_are_a_combination(read_two: Read) -> None:
    config = read_two("factory_default: {controls: [record, mark], confirm: true}")
    held = rules_from(config).factory_default
    assert held == HoldRules(frozenset({"record", "mark"}), 10.0, confirm=True)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("{line: 3, controls: [record, mark]}", "controls", "is given in place of line"),
        ("{controls: [record]}", "controls", "needs two or more: one alone is held by accident"),
        ("{controls: [record, record]}", "controls", "needs two or more"),
        ("{controls: [record, marc]}", "controls", "'marc' is not under “controls”; did you mean"),
        ("{controls: [record, factory_default]}", "controls", "is not under “controls”"),
        ("{line: 3, hold_s: 2}", "hold_s", "3"),
        ("{line: 3, hold_s: 31}", "hold_s", "30"),
        ("{line: 3, holds_s: 5}", "holds_s", "hold_s"),
        ("{line: 3, active: up}", "active", "low"),
        ("{line: 3, confirm: 2}", "confirm", "2"),
    ],
)
def test_what_cannot_be_held_for_the_factory_state_is_told_with_its_line(
    read_two: Read, text: str, key: str, says: str
) -> None:
    where, told = problem(read_two, f"factory_default: {text}")
    assert where == f"factory_default.{key}"
    assert says in told


def test_every_problem_of_it_is_told_at_once_with_file_line_and_key(
    read_two: Read, tmp_path: Path
) -> None:
    text = "factory_default:\n  line: 3\n  controls:\n    - record\n  hold_s: 1\n"
    with pytest.raises(ConfigError) as caught:
        read_two(text)
    told = [(found.file, found.line, found.key) for found in caught.value.problems]
    file = str(tmp_path / "ivsd.yaml")
    assert set(told) == {
        (file, 6, "factory_default.controls"),
        (file, 8, "factory_default.hold_s"),
    }


def test_no_control_may_have_the_name_of_the_reset_button(tmp_path: Path) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(HEAD.replace("{record:", "{factory_default: stop, record:"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (only,) = caught.value.problems
    assert (only.file, only.line) == (str(path), 3)
    assert only.key == "controls.factory_default"
    assert only.text == "is the name of the reset button: give this control another one"


@pytest.mark.parametrize(
    ("other", "key"),
    [
        ("inputs: {buttons: [{control: record, line: 5}]}", "inputs.buttons.1.line"),
        ("inputs: {wiegand: [{name: r, data0: 5, data1: 6}]}", "inputs.wiegand.1.data0"),
        ("lights: {lamps: [{name: x, lines: [5]}]}", "lights.lamps.1.lines"),
    ],
)
def test_the_line_of_the_reset_button_is_nobody_else_s(read: Read, other: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"factory_default: {{line: 5}}\n{other}")
    (only,) = caught.value.problems
    assert (only.line, only.key) == (5, key)
    assert only.text == "line 5 of gpiochip0 is used by factory_default.line, too"


def test_a_line_of_another_chip_is_another_line(read: Read) -> None:
    text = "factory_default: {line: 5, chip: gpiochip1}\n"
    read(text + "inputs: {buttons: [{control: record, line: 5}]}")


def test_the_reset_button_is_taken_from_a_file_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(HEAD.replace("room: 4", "room: kitchen") + "factory_default: {line: 5}\n")
    assert salvage(path).factory_default.line == 5
    path.write_text(HEAD + "factory_default: {line: 5, hold_s: 1}\n")
    assert salvage(path).factory_default.line is None


HELD_TOGETHER = HEAD.replace("controls: {record: record_toggle}\n", "") + (
    "factory_default: {controls: [one, two]}\n"
)


@pytest.mark.parametrize("way", ["tap", "hold", "double", "release"])
def test_what_is_held_together_can_only_be_pressed_otherwise(tmp_path: Path, way: str) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(f"{HELD_TOGETHER}controls: {{one: start, two: marker}}\n")
    assert load(path).factory_default.controls == ["one", "two"]
    path.write_text(f"{HELD_TOGETHER}controls: {{one: {{{way}: start}}, two: marker}}\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (only,) = caught.value.problems
    assert only.key == f"controls.one.{way}"
    assert "does not go with factory_default.controls, where one is held" in only.text


def test_what_is_held_together_cannot_be_held_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "ivsd.yaml"
    more = "recording: {stop: hold}\ncontrols: {one: record_toggle, two: marker}\n"
    path.write_text(HELD_TOGETHER + more)
    with pytest.raises(ConfigError) as caught:
        load(path)
    (only,) = caught.value.problems
    assert only.key == "controls.one.action"
    assert "factory_default.controls has it" in only.text

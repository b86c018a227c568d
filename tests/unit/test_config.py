"""The configuration file: what is accepted, and that every mistake is explained at once."""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ivsd
from ivsd.config import Config, ConfigError, Problem, load, load_world, password, salvage
from ivsd.config.problems import nearest
from ivsd.config.schema import Button, Control, Keyboard, LampConfig, LampKind, Role, Shows, State
from ivsd.events import (
    Action,
    Binding,
    ControlRules,
    Gesture,
    MarkerTime,
    StopProtection,
    WhoMayStop,
)
from ivsd.keymaps import Keymap
from ivsd.notation import Notation
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE, Pattern
from ivsd.rules import rules_from
from ivsd.valt.model import Secret
from ivsd.valt.simulator import WorldSpec
from ivsd.valt.simulator.spec import RoomSpec, UserSpec

EXAMPLE = Path(ivsd.__file__).parents[1] / "config" / "ivsd.yaml"

VALT = """
valt:
  url: https://valt.example.com
  username: keypad
  password: "hunter2hunter2"
room: 4
"""
CONTROLS = """
controls:
  record: record_toggle
  marker: {action: marker, name: Question, colour: blue}
"""

pytestmark = pytest.mark.filterwarnings("error")

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write ivsd.yaml, and a password file beside it."""

    def _write(text: str) -> Path:
        (tmp_path / "valt-password").write_text("from the file\n", encoding="utf-8")
        path = tmp_path / "ivsd.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def problems(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return caught.value.problems


def the_problem(path: Path) -> Problem:
    (problem,) = problems(path)
    assert problem.file == str(path)
    return problem


def valt_with(**keys: str) -> str:
    """A whole file with these keys of `valt` added or in place of the usual ones."""
    usual = {"url": "https://valt.example.com", "username": "keypad", "password": '"hunter2"'}
    lines = [f"  {name}: {value}" for name, value in (usual | keys).items() if value]
    return "\n".join(["valt:", *lines, "room: 4", ""])


# -- the example ------------------------------------------------------------------------------


@pytest.fixture
def example(write: Write) -> str:
    if not EXAMPLE.is_file():
        pytest.skip("the example is not installed, only in the source tree")
    return EXAMPLE.read_text(encoding="utf-8")


def schema_keys(schema: Any = Config) -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Every key of the schema with its field, below lists and dicts too."""
    for name, hint in typing.get_type_hints(schema).items():
        fields = {item.name: item for item in dataclasses.fields(schema)}
        if name not in fields:
            continue
        yield f"{schema.__name__}.{name}", fields[name]
        for part in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(part):
                yield from schema_keys(part)


def test_the_example_is_accepted(example: str, write: Write) -> None:
    config = load(write(example))
    assert config.room == 4
    assert config.controls["record"] == Control(Action.RECORD_TOGGLE)


def test_the_example_shows_every_key_of_the_schema(example: str) -> None:
    keys = dict(schema_keys())
    assert "Keyboard.grab" in keys
    missing = [key for key in keys if not re.search(rf"\b{key.partition('.')[2]}\b", example)]
    assert missing == []


def test_every_value_shown_in_the_example_is_the_default(example: str) -> None:
    def compare(shown: dict[str, Any], schema: Any, at: str) -> None:
        hints = typing.get_type_hints(schema)
        for item in dataclasses.fields(schema):
            if item.name not in shown or at + item.name in examples:
                continue
            value = shown[item.name]
            if dataclasses.is_dataclass(hints[item.name]):
                compare(value, hints[item.name], f"{at}{item.name}.")
            elif item.default is not dataclasses.MISSING:
                compared.append(at + item.name)
                assert value == item.default, at + item.name
            elif item.default_factory is not dataclasses.MISSING:
                compared.append(at + item.name)
                assert value == item.default_factory(), at + item.name

    examples = ("valt.password_file", "controls")
    compared: list[str] = []
    compare(yaml.safe_load(example), Config, "")
    assert {"valt.timeout_s", "valt.verify", "recording.name", "lights.lamps"} <= set(compared)


def test_the_example_behind_the_number_signs_is_accepted_too(example: str, write: Write) -> None:
    text = re.sub(r"^(  \w+): (\[\]|\{\})$", r"\1:", example, flags=re.MULTILINE)
    text = re.sub(r"^  #  ", "    ", text, flags=re.MULTILINE)
    words = "line|author|template|stoppers|notation|door|foot|bell"
    text = re.sub(rf"^  # (?=({words}):)", "  ", text, flags=re.MULTILINE)
    config = load(write(text))
    assert [keyboard.name for keyboard in config.inputs.keyboards] == ["reader", "keypad"]
    assert config.inputs.keyboards[1].keys == {"KEY_KPPLUS": "marker", "KEY_KPASTERISK": "pause"}
    names = ["status", "front", "sign", "traffic light", "buzzer"]
    assert [reader.name for reader in config.inputs.wiegand] == ["front door"]
    assert [lamp.name for lamp in config.lights.lamps] == names
    assert config.inputs.buttons == [Button("record", 17)], "shown: the defaults"
    assert config.lights.lamps[0] == LampConfig("status", [22, 27, 24], LampKind.RGB)
    assert config.lights.lamps[1].stopped == State(Colour.MAGENTA, Pattern.ON)
    assert config.lights.lamps[2].shows is Shows.RECORDING
    assert config.lights.lamps[3].colours == [Colour.RED, Colour.YELLOW, Colour.GREEN]
    assert config.lights.lamps[4].states["ignored"].pattern is Pattern.OFF
    assert (config.recording.author, config.recording.template) == (12, {"3": "made at the door"})
    assert config.lights.states["recording"].colour is Colour.RED
    assert config.inputs.keyboards[0].grab is Keyboard.__dataclass_fields__["grab"].default


def test_the_example_names_every_word_that_can_be_chosen(example: str) -> None:
    words = [*Action, *Colour, *LIGHT_LANGUAGE, *(p for p in Pattern if "blink" not in p)]
    words += [*LampKind, *Shows, *Notation, *MarkerTime, *Keymap]
    assert [word for word in words if not re.search(rf"\b{word}\b", example)] == []
    assert "blink1 to blink9" in example


# -- all problems at once ---------------------------------------------------------------------


def test_every_problem_is_told_at_once_with_line_and_key(write: Write) -> None:
    path = write(
        """\
valt:
  url: ftp://valt.example.com
  username: 4711
  pasword: x
  timeout_s: 90
room: 4
recording:
  name: "{rom}"
controls:
  record: record_togle
  marker: {action: marker, colour: pink}
inputs:
  buttons:
    - {control: markr, line: 17}
    - {control: record, line: 17, pull: sideways}
lights:
  states:
    recordin: {colour: red}
    paused: {colour: orange}
  lamps:
    - {name: status, lines: [22, 27], kind: rgb}
"""
    )
    found = {problem.key: problem for problem in problems(path)}
    assert {key: problem.line for key, problem in found.items()} == {
        "valt.url": 2,
        "valt.username": 3,
        "valt.pasword": 4,
        "valt.timeout_s": 5,
        "recording.name": 8,
        "controls.record": 10,
        "controls.marker.colour": 11,
        "inputs.buttons.1.control": 14,
        "inputs.buttons.2.pull": 15,
        "inputs.buttons.2.line": 15,
        "lights.states.recordin": 18,
        "lights.states.paused.colour": 19,
        "lights.lamps.1.lines": 21,
    }
    assert "did you mean 'password'?" in found["valt.pasword"].text
    assert "did you mean 'record_toggle'?" in found["controls.record"].text
    assert "did you mean 'marker'?" in found["inputs.buttons.1.control"].text
    assert "did you mean 'recording'?" in found["lights.states.recordin"].text
    assert str(found["valt.url"]).startswith(f"{path}:2: valt.url: ")


def test_the_nearest_control_is_named_although_its_action_is_wrong(write: Write) -> None:
    text = "controls: {record: recrod_toggle}\ninputs: {buttons: [{control: recrod, line: 1}]}"
    found = {problem.key: problem.text for problem in problems(write(f"{VALT}{text}"))}
    assert "did you mean 'record'?" in found["inputs.buttons.1.control"]


def test_problems_come_in_the_order_of_the_file(write: Write) -> None:
    lines = [problem.line for problem in problems(write("room: []\nvalt: []\nlamps: 1\n"))]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_what_is_missing_is_told_at_the_part_it_belongs_to(write: Write) -> None:
    found = {problem.key: problem for problem in problems(write("valt:\n  username: keypad\n"))}
    assert set(found) == {"valt.url", "room"}
    assert (found["valt.url"].line, found["room"].line) == (1, 0)
    assert "is missing: address of the VALT server" in found["valt.url"].text


def test_a_key_that_stands_twice_is_an_error_that_names_both_lines(write: Write) -> None:
    problem = the_problem(write(VALT + "recording:\n  author: 1\n  author: 2\n"))
    assert (problem.line, problem.key) == (9, "recording.author")
    assert "line 8" in problem.text


def test_a_control_that_stands_twice_is_an_error(write: Write) -> None:
    problem = the_problem(write(VALT + "controls:\n  a: start\n  a: stop\n"))
    assert (problem.line, problem.key) == (9, "controls.a")


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        (valt_with(username="4711"), "valt.username", '"4711"'),
        (valt_with(username="1.50"), "valt.username", '"1.50"'),
        (valt_with(username="no"), "valt.username", '"no"'),
        (valt_with(username="2026-11-22"), "valt.username", '"2026-11-22"'),
        (VALT + "recording:\n  template: {3: 12}", "recording.template.3", '"12"'),
        (VALT + "inputs:\n  keyboards:\n    - name: 7\n      match: {name: x}",
         "inputs.keyboards.1.name", '"7"'),
    ],
)  # fmt: skip
def test_a_number_where_a_text_is_wanted_must_be_quoted(
    write: Write, text: str, key: str, shown: str
) -> None:
    problem = the_problem(write(text))
    assert problem.key == key
    assert f"put it in quotes, {shown}" in problem.text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (valt_with(timeout_s="fast"), "valt.timeout_s"),
        (valt_with(timeout_s='"5"'), "valt.timeout_s"),
        (valt_with(timeout_s="[5]"), "valt.timeout_s"),
        (valt_with(timeout_s="~"), "valt.timeout_s"),
        (valt_with(timeout_s="true"), "valt.timeout_s"),
        (VALT + "recording: {author: 1.5}", "recording.author"),
        (VALT + 'inputs: {keyboards: [{name: a, match: {name: b}, grab: "yes"}]}',
         "inputs.keyboards.1.grab"),
        (VALT + "inputs: []", "inputs"),
        (VALT + "inputs: {keyboards: {a: b}}", "inputs.keyboards"),
        (VALT + "inputs: {keyboards: [reader]}", "inputs.keyboards.1"),
        (VALT + "controls: [record]", "controls"),
        (VALT + "controls: {record: {name: x}}", "controls.record"),
        (VALT + "controls: {record: ~}", "controls.record"),
        (VALT + "lights: {states: {paused: yellow}}", "lights.states.paused"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_no_other_value(write: Write, text: str, key: str) -> None:
    assert the_problem(write(text)).key == key


@pytest.mark.parametrize("value", ["0.4", "61", ".inf", "-1", ".nan"])
def test_a_number_out_of_its_range_is_refused(write: Write, value: str) -> None:
    problem = the_problem(write(valt_with(timeout_s=value)))
    assert problem.key == "valt.timeout_s"
    assert "0.5 to 15" in problem.text


def test_a_number_below_a_range_without_an_upper_end_is_refused(write: Write) -> None:
    problem = the_problem(write(VALT + "recording: {author: 0}"))
    assert problem.key == "recording.author"
    assert "1" in problem.text


@pytest.mark.parametrize("value", ["0.5", "15", "5", "1_0", "12.5"])
def test_a_number_in_its_range_is_taken(write: Write, value: str) -> None:
    assert load(write(valt_with(timeout_s=value))).valt.timeout_s == float(value)


def test_the_word_on_is_a_pattern_and_off_a_colour_without_quotes(write: Write) -> None:
    """YAML 1.1 reads both as booleans."""
    states = "lights:\n  states:\n    paused: {colour: off, pattern: on}\n"
    state = load(write(VALT + states)).lights.states["paused"]
    assert (state.colour, state.pattern) == (Colour.OFF, Pattern.ON)


def test_a_room_is_a_number_or_a_name(write: Write) -> None:
    assert load(write(VALT)).room == 4
    assert load(write(VALT.replace("room: 4", 'room: "4"'))).room == "4"
    assert load(write(VALT.replace("room: 4", "room: Teaching Lab"))).room == "Teaching Lab"


def test_an_empty_key_that_may_be_missing_is_as_good_as_missing(write: Write) -> None:
    config = load(write(valt_with(password_file="~") + "recording: {author: }\n"))
    assert (config.valt.password_file, config.recording.author) == (None, None)


def test_a_problem_in_a_list_has_the_line_of_its_item(write: Write) -> None:
    text = "inputs:\n  keyboards:\n    - {name: a, match: {name: b}}\n    - reader\n"
    problem = the_problem(write(VALT + text))
    assert (problem.key, problem.line) == ("inputs.keyboards.2", 10)


@pytest.mark.parametrize("value", ["[4]", "{id: 4}"])
def test_a_list_or_mapping_where_one_value_is_wanted_is_called_so(write: Write, value: str) -> None:
    for key in ("username", "timeout_s", "verify"):
        problem = the_problem(write(valt_with(**{key: value})))
        assert problem.key == f"valt.{key}"
        assert "not a list or mapping" in problem.text


def test_a_word_near_none_lists_what_is_valid() -> None:
    assert nearest("xyz", ["up", "down"]) == "valid here: up, down"
    assert nearest("dwon", ["up", "down"]) == "did you mean 'down'?"


# -- files that cannot be read ------------------------------------------------------------------


def test_a_syntax_error_has_its_line(write: Write) -> None:
    problem = the_problem(write("valt:\n  url: https://a\n  username: 'keypad\nroom: 4\n"))
    assert problem.line >= 3
    assert "no valid YAML" in problem.text


def test_a_tab_is_a_syntax_error_with_its_line(write: Write) -> None:
    problem = the_problem(write("valt:\n\turl: https://a\n"))
    assert problem.line == 2


def test_a_character_that_no_text_has_is_one_sentence(write: Write) -> None:
    problem = the_problem(write(VALT.replace("keypad", "key\x07pad")))
    assert "no valid YAML" in problem.text


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_an_empty_file_is_said_to_be_empty(write: Write, text: str) -> None:
    found = problems(write(text))
    assert "empty" in found[0].text
    assert len(found) == 1


def test_two_documents_in_one_file_are_an_error(write: Write) -> None:
    assert "no valid YAML" in the_problem(write(f"{VALT}---\n{VALT}")).text


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    problem = the_problem(tmp_path / "none.yaml")
    assert str(problem) == f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in the_problem(tmp_path).text


def test_a_file_that_may_not_be_read_is_one_sentence(write: Write) -> None:
    path = write(VALT)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user (root?) may read everything")
    assert the_problem(path).text == "cannot be read: Permission denied"


def test_a_file_that_is_no_utf_8_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_bytes(b"room: B\xfcro\n")
    assert "UTF-8" in the_problem(path).text


@pytest.mark.parametrize("text", ["hunter2", "[1, 2]", "- a\n- b\n", "42"])
def test_a_file_that_is_no_mapping_is_an_error_without_its_text(write: Write, text: str) -> None:
    problem = the_problem(write(text))
    assert "mapping" in problem.text
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        VALT.replace("room: 4", "room: 0b_"),
        VALT.replace("room: 4", "room: 0x_"),
        VALT.replace("room: 4", "room: !!int four"),
        VALT.replace("room: 4", 'room: !!int ""'),
        VALT.replace("room: 4", "room: " + "9" * 5000),
        valt_with(timeout_s="!!float fast"),
        valt_with(timeout_s="!!int ''"),
        valt_with(verify="/" + "x" * 5000),
        valt_with(password="", password_file="x" * 5000),
        VALT + "lights: " + "[" * 3000 + "]" * 3000,
    ],
    ids=["0b_", "0x_", "int-tag", "empty-int", "huge-int", "float-tag", "empty-float",
         "long-path", "long-password-path", "deep"],
)  # fmt: skip
def test_no_text_however_odd_raises_anything_but_a_config_error(write: Write, text: str) -> None:
    assert problems(write(text))


# -- single checks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://valt", "https://valt.example.com/", "https://10.0.0.7:8443", "https://[fe80::1]:443"],
)
def test_the_address_of_a_server_is_taken(write: Write, url: str) -> None:
    assert load(write(valt_with(url=f'"{url}"'))).valt.url == url


@pytest.mark.parametrize(
    "url",
    [
        *("valt.example.com", "ftp://valt", "https://", "http://:80", "file:///etc/passwd"),
        *("https://valt/?a=b", "https://valt/#x", "https://valt:http", "https://valt:99999"),
        *("http://[", "http://[x]/", "https://va lt"),
    ],
)
def test_what_is_no_address_of_a_server_is_refused(write: Write, url: str) -> None:
    assert the_problem(write(valt_with(url=f'"{url}"'))).key == "valt.url"


def test_the_system_store_a_ca_file_and_a_pin_can_be_trusted(write: Write, tmp_path: Path) -> None:
    pin = "sha256:" + "0f" * 32
    colons = "sha256:" + ":".join(["0F"] * 32)
    assert load(write(valt_with(verify="true"))).valt.verify is True
    for verify in (f'"{pin}"', f'"{colons}"'):
        assert load(write(valt_with(verify=verify))).valt.verify == verify.strip('"')
    trustme = pytest.importorskip("trustme", reason="needs trustme (pip install ivsd[dev])")
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    assert load(write(valt_with(verify=str(ca)))).valt.verify == str(ca)


@pytest.mark.parametrize(
    ("verify", "text"),
    [
        ("false", "cannot be switched off"),
        ('"false"', "/false': use true"),
        ("/nowhere/ca.pem", "no file '/nowhere/ca.pem'"),
        ("sha256:abc", "64 hexadecimal digits"),
        ('"sha256:' + "zz" * 32 + '"', "64 hexadecimal digits"),
        ("/etc/hostname", "no CA file in PEM form"),
        ("~", "empty"),
    ],
)
def test_trust_cannot_be_switched_off_or_mistyped(write: Write, verify: str, text: str) -> None:
    if verify == "/etc/hostname" and not Path(verify).is_file():
        pytest.skip("no file that is certainly no CA file")
    problem = the_problem(write(valt_with(verify=verify)))
    assert problem.key == "valt.verify"
    assert text in problem.text


def test_a_ca_file_behind_a_forbidden_directory_is_one_sentence(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Path.is_file` raises PermissionError then; so would it for the user ivsd below /root."""

    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", forbidden)
    path = write(valt_with(verify="/root/ca.pem"))
    assert the_problem(path).key == "valt.verify"
    assert salvage(path).controls == {}


@pytest.mark.parametrize("name", ["{room} {date} {time}", "Interview {user}", "{{plain}}", "x"])
def test_a_name_for_recordings_is_taken(write: Write, name: str) -> None:
    config = load(write(VALT + f'recording: {{name: "{name}"}}'))
    assert config.recording.name.format(room="", date="", time="", user="") is not None


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "{", "}", "{}", "{0}", "{rom}", "{room", "{room.id}", "{room[0]}"),
        *("{date:%Y}", "{room:d}", "{room!x}", "{room:{date}}", "{room:>99999999999}"),
    ],
)
def test_a_name_that_could_not_be_made_at_the_press_is_refused_here(
    write: Write, name: str
) -> None:
    problem = the_problem(write(VALT + f'recording: {{name: "{name}"}}'))
    assert problem.key == "recording.name"


@pytest.mark.parametrize("usb_id", ["08ff", "08ff:000", "08ff-0009", "08fg:0009"])
def test_a_usb_id_that_is_none_is_refused(write: Write, usb_id: str) -> None:
    text = f'inputs: {{keyboards: [{{name: r, match: {{id: "{usb_id}"}}}}]}}'
    assert the_problem(write(VALT + text)).key == "inputs.keyboards.1.match.id"


# -- what keys say of one another -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "key"),
    [
        ("buttons: [{control: x, line: 1}]", "inputs.buttons.1.control"),
        ("keyboards: [{name: a, match: {name: b}, keys: {KEY_A: x}}]",
         "inputs.keyboards.1.keys.KEY_A"),
        ("keyboards: [{name: a, match: {name: b}, keys: {PLUS: record}}]",
         "inputs.keyboards.1.keys.PLUS"),
        ("keyboards: [{name: a, match: {}}]", "inputs.keyboards.1.match"),
        ("keyboards: [{name: a, match: {name: b}, role: keys}]", "inputs.keyboards.1.keys"),
        ("keyboards: [{name: a, match: {name: b}}, {name: a, match: {name: c}}]",
         "inputs.keyboards.2.name"),
    ],
)  # fmt: skip
def test_an_input_that_leads_nowhere_is_refused(write: Write, inputs: str, key: str) -> None:
    assert the_problem(write(VALT + CONTROLS + f"inputs:\n  {inputs}\n")).key == key


def test_an_input_of_a_wrong_control_is_only_told_of_the_control(write: Write) -> None:
    text = VALT + "controls: {record: wrong}\ninputs:\n  buttons: [{control: record, line: 1}]\n"
    assert the_problem(write(text)).key == "controls.record"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("inputs: {buttons: [{control: record, line: 5}, {control: marker, line: 5}]}",
         "inputs.buttons.2.line"),
        ("inputs: {buttons: [{control: record, line: 5}]}\n"
         "lights: {lamps: [{name: a, lines: [5]}]}", "lights.lamps.1.lines"),
        ("lights: {lamps: [{name: a, lines: [5]}, {name: b, lines: [5]}]}",
         "lights.lamps.2.lines"),
        ("lights: {lamps: [{name: a, kind: rgb, lines: [5, 6, 5]}]}", "lights.lamps.1.lines"),
    ],
    ids=["two-buttons", "button-and-lamp", "two-lamps", "one-lamp"],
)  # fmt: skip
def test_a_gpio_line_has_one_owner(write: Write, text: str, key: str) -> None:
    problem = the_problem(write(VALT + CONTROLS + text))
    assert problem.key == key
    assert "line 5" in problem.text


def test_the_same_line_of_two_chips_is_two_lines(write: Write) -> None:
    text = (
        "inputs: {buttons: [{control: record, line: 5},"
        " {control: marker, line: 5, chip: gpiochip1}]}"
    )
    assert len(load(write(VALT + CONTROLS + text)).inputs.buttons) == 2


@pytest.mark.parametrize("lamp", ["{name: a, lines: [1, 2]}", "{name: a, lines: []}",
                                  "{name: a, kind: buzzer, lines: [1, 2]}",
                                  "{name: a, kind: rgb, lines: [1]}"])  # fmt: skip
def test_a_lamp_has_as_many_lines_as_its_kind(write: Write, lamp: str) -> None:
    problem = the_problem(write(VALT + f"lights: {{lamps: [{lamp}]}}"))
    assert problem.key == "lights.lamps.1.lines"
    assert ("three lines" if "rgb" in lamp else "one line") in problem.text


@pytest.mark.parametrize(
    ("lamp", "key", "words"),
    [
        ("kind: leds, lines: [1, 2]", "colours", "is missing: .* such as \\[red, green\\]"),
        ("kind: leds, lines: [1], colours: []", "colours", "two to four"),
        ("kind: leds, lines: [1], colours: [red]", "colours", "two to four .* is kind led$"),
        ("kind: leds, lines: [1, 2, 3, 4, 5], colours: [red, yellow, green, cyan, blue]",
         "colours", "two to four"),
        ("kind: leds, lines: [1, 2], colours: [red, red]", "colours", "has red twice"),
        ("kind: leds, lines: [1, 2], colours: [red, off]", "colours", "'off' is no colour .* use"),
        ("kind: leds, lines: [1, 2], colours: [red, white]", "colours", "'white' is no colour"),
        ("kind: leds, lines: [1, 2], colours: [red, gren]", "colours.2", "did you mean 'green'"),
        ("kind: leds, lines: [1], colours: [red, green]", "lines", "2 lines, .* red, green$"),
        ("kind: leds, lines: [1, 2, 3], colours: [red, green]", "lines", "has 2 lines"),
        ("lines: [1], colours: [red]", "colours", "is for kind leds, and this is led"),
        ("kind: rgb, lines: [1, 2, 3], colours: [red, green, blue]", "colours", "this is rgb"),
        ("kind: buzzer, lines: [1], colours: [red, green]", "colours", "this is buzzer"),
        ("kind: buzzer, lines: [1], shows: recording", "shows", "for a lamp, .* remove it"),
        ("kind: ledz, lines: [1, 2], colours: [red, green]", "kind", "did you mean 'led'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_kind_of_a_lamp_is_told_once(
    write: Write, lamp: str, key: str, words: str
) -> None:
    problem = the_problem(write(VALT + f"lights: {{lamps: [{{name: a, {lamp}}}]}}"))
    assert problem.key == f"lights.lamps.1.{key}"
    assert re.search(words, problem.text), problem.text


def test_a_wrong_lamp_does_not_confuse_what_is_told_of_the_next(write: Write) -> None:
    lamps = "[{lines: [1]}, {name: b, kind: leds, lines: [2, 3], colours: [red, green]}]"
    assert the_problem(write(VALT + f"lights: {{lamps: {lamps}}}")).key == "lights.lamps.1.name"


def test_leds_and_a_buzzer_are_accepted(write: Write) -> None:
    leds = "{name: a, kind: leds, lines: [1, X, 3], colours: [red, yellow, green], shows: status}"
    buzzer = "{name: b, kind: buzzer, lines: [4], active: low}"
    lamps = load(write(VALT + f"lights: {{lamps: [{leds}, {buzzer}]}}")).lights.lamps
    colours = [Colour.RED, Colour.YELLOW, Colour.GREEN]
    assert lamps[0] == LampConfig("a", [1, "X", 3], LampKind.LEDS, colours)
    assert lamps[1] == LampConfig("b", [4], LampKind.BUZZER, active="low")


def test_lamps_have_names_of_their_own_and_know_their_states(write: Write) -> None:
    lamps = "[{name: a, lines: [1]}, {name: a, lines: [2], states: {x: {}}}]"
    keys = [problem.key for problem in problems(write(VALT + f"lights: {{lamps: {lamps}}}"))]
    assert keys == ["lights.lamps.2.name", "lights.lamps.2.states.x"]


# -- controls: what goes together, and what it comes to --------------------------------------------


def control(text: str) -> str:
    """A whole file with one control, `x`, in line 8."""
    return f"{VALT}controls:\n  x: {text}\n"


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("{action: marker, tap: pause}", "x.tap", "keep one of them"),
        ("{release: stop, hold: lock}", "x.release", "does not go with hold"),
        ("{release: stop, tap: lock}", "x.release", "does not go with tap"),
        ("{release: stop, double: lock}", "x.release", "does not go with double"),
        ("{action: start, release: stop, hold: lock}", "x.release", "does not go with hold"),
        ("{action: start, hold_s: 2}", "x.hold_s", "there is none"),
        ("{tap: start, hold_s: 2}", "x.hold_s", "there is none"),
        ("{}", "x", "give it an action, or a tap, hold, double or release"),
        ("{hold: ~}", "x", "give it an action, or a tap, hold, double or release"),
    ],
)
def test_ways_of_using_a_control_that_do_not_go_together_are_told(
    write: Write, text: str, key: str, says: str
) -> None:
    problem = the_problem(write(control(text)))
    assert (problem.key, problem.line) == (f"controls.{key}", 8)
    assert says in problem.text


@pytest.mark.parametrize("toggle", ["record_toggle", "pause_toggle", "lock_toggle"])
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{action: marker, then: [TOGGLE]}", "x.then.1"),
        ("{action: marker, then: [pause, {action: TOGGLE}]}", "x.then.2"),
        ("{tap: {action: marker, then: [TOGGLE]}}", "x.tap.then.1"),
        ("{hold: {action: marker, then: [TOGGLE]}}", "x.hold.then.1"),
        ("{double: {action: marker, then: [pause, TOGGLE]}}", "x.double.then.2"),
        ("{release: {action: marker, then: [TOGGLE]}}", "x.release.then.1"),
    ],
)
def test_a_toggle_can_only_come_first(write: Write, text: str, key: str, toggle: str) -> None:
    problem = the_problem(write(control(text.replace("TOGGLE", toggle))))
    assert (problem.key, problem.line) == (f"controls.{key}", 8)
    assert f"{toggle} can only come first: say which of the two it shall be" in problem.text


def test_a_toggle_in_a_list_of_lines_has_its_own_line(write: Write) -> None:
    text = "\n    action: marker\n    then:\n      - pause\n      - lock_toggle\n"
    problem = the_problem(write(control(text)))
    assert (problem.key, problem.line) == ("controls.x.then.2", 12)


def test_a_toggle_behind_a_mistyped_action_is_told_at_its_own_place(write: Write) -> None:
    text = "\n    action: marker\n    then:\n      - paus\n      - lock_toggle\n"
    found = {problem.key: problem.line for problem in problems(write(control(text)))}
    assert found == {"controls.x.then.1": 11, "controls.x.then.2": 12}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{action: recrod_toggle}", "x.action"),
        ("{hold: lokc}", "x.hold"),
        ("{action: record_toggle, hold: lokc, hold_s: 2}", "x.hold"),
        ("{tap: {action: markr}}", "x.tap.action"),
    ],
)
def test_a_mistyped_action_is_one_problem_and_not_two(write: Write, text: str, key: str) -> None:
    """That the control does nothing, or has no hold, is not what is wrong with it."""
    problem = the_problem(write(control(text)))
    assert (problem.key, problem.line) == (f"controls.{key}", 8)
    assert "did you mean" in problem.text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{hold: lock, then: [pause]}", "x.then"),
        ("{tap: marker, name: Question}", "x.name"),
        ("{double: marker, colour: blue}", "x.colour"),
    ],
)
def test_what_belongs_to_an_action_that_is_not_there_is_not_lost_silently(
    write: Write, text: str, key: str
) -> None:
    problem = the_problem(write(control(text)))
    assert (problem.key, problem.line) == (f"controls.{key}", 8)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{action: marker, then: pause}", "x.then"),
        ("{action: marker, then: [{action: pause, then: [lock]}]}", "x.then.1.then"),
        ("{action: marker, then: [{name: Question}]}", "x.then.1.action"),
        ("{action: marker, then: [jump]}", "x.then.1"),
        ("{tap: {name: Question}}", "x.tap.action"),
        ("{triple: pause, action: marker}", "x.triple"),
        ("{tap: [pause]}", "x.tap"),
    ],
)
def test_what_is_no_action_in_a_control_is_told_where_it_stands(
    write: Write, text: str, key: str
) -> None:
    found = {problem.key: problem.line for problem in problems(write(control(text)))}
    assert found[f"controls.{key}"] == 8


@pytest.mark.parametrize("name", ["{number}", "{}", "{0}", "{count:03}", "{time!r}", "{user}"])
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{action: marker, name: NAME}", "x.name"),
        ("{tap: {action: marker, name: NAME}}", "x.tap.name"),
        ("{action: pause, then: [{action: marker, name: NAME}]}", "x.then.1.name"),
        ("{hold: {action: pause, then: [{action: marker, name: NAME}]}}", "x.hold.then.1.name"),
    ],
)
def test_a_marker_name_knows_its_number_and_its_time_and_nothing_else(
    write: Write, text: str, key: str, name: str
) -> None:
    found = {problem.key: problem for problem in problems(write(control(
        text.replace("NAME", f'"{name}"')
    )))}  # fmt: skip
    problem = found[f"controls.{key}"]
    assert problem.line == 8
    assert "use {count} or {time} plainly" in problem.text


@pytest.mark.parametrize("name", ["", "  ", "{count", "count}"])
def test_a_marker_name_that_could_not_be_made_is_refused(write: Write, name: str) -> None:
    problem = the_problem(write(control(f'{{action: marker, name: "{name}"}}')))
    assert (problem.key, problem.line) == ("controls.x.name", 8)


@pytest.mark.parametrize("name", ["Q {count}", "{time}", "{count}/{time}", "{{x}}", "Frage"])
def test_a_marker_name_is_taken(write: Write, name: str) -> None:
    config = load(write(control(f'{{action: marker, name: "{name}"}}')))
    assert config.controls["x"].name == name


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        (control("{hold: lock, hold_s: 0.2}"), "controls.x.hold_s", "0.3 to 30"),
        (control("{hold: lock, hold_s: 31}"), "controls.x.hold_s", "0.3 to 30"),
        (control("{action: marker, colour: pink}"), "controls.x.colour", "no marker colour"),
        (VALT + "recording:\n  stop_hold_s: 0.4", "recording.stop_hold_s", "0.5 to 10"),
        (VALT + "recording:\n  stop_hold_s: 11", "recording.stop_hold_s", "0.5 to 10"),
        (VALT + "recording:\n  stop: twise", "recording.stop", "did you mean 'twice'?"),
        (VALT + "recording:\n  stop: ask", "recording.stop", "at_once, hold, twice"),
    ],
)
def test_a_value_of_a_control_out_of_its_range_is_refused(
    write: Write, text: str, key: str, says: str
) -> None:
    problem = the_problem(write(text))
    assert (problem.key, problem.line) == (key, 8)
    assert says in problem.text


def test_every_wrong_control_of_a_file_is_told(write: Write) -> None:
    text = "controls:\n  a: {tap: pause, action: start}\n  b: {}\n  c: {hold: lock, hold_s: 99}\n"
    found = [(problem.key, problem.line) for problem in problems(write(VALT + text))]
    assert found == [("controls.a.tap", 8), ("controls.b", 9), ("controls.c.hold_s", 10)]


P, T, H, D, R = Gesture.PRESS, Gesture.TAP, Gesture.HOLD, Gesture.DOUBLE, Gesture.RELEASE
MARKER = Binding(Action.MARKER, "Marker", "red")


def plain(*actions: Action) -> tuple[Binding, ...]:
    """Bindings as they are when only the action is said."""
    return tuple(Binding(action, "Marker", "red") for action in actions)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("record_toggle", ControlRules({P: plain(Action.RECORD_TOGGLE)})),
        ("{action: marker, name: Q, colour: blue}",
         ControlRules({P: (Binding(Action.MARKER, "Q", "blue"),)})),
        ("{action: marker, name: Q, then: [pause, {action: marker, name: 'R {count}'}]}",
         ControlRules({P: (Binding(Action.MARKER, "Q", "red"), *plain(Action.PAUSE),
                           Binding(Action.MARKER, "R {count}", "red"))})),
        ("{tap: show_status}", ControlRules({T: plain(Action.SHOW_STATUS)})),
        ("{hold: lock_toggle}", ControlRules({H: plain(Action.LOCK_TOGGLE)}, 1.0)),
        ("{hold: unlock, hold_s: 2.5}", ControlRules({H: plain(Action.UNLOCK)}, 2.5)),
        ("{double: {action: marker, then: [stop, lock]}}",
         ControlRules({D: plain(Action.MARKER, Action.STOP, Action.LOCK)})),
        ("{action: start, release: stop}",
         ControlRules({P: plain(Action.START), R: plain(Action.STOP)})),
        ("{release: resume}", ControlRules({R: plain(Action.RESUME)})),
        ("{action: pause_toggle, hold: record_toggle, double: {action: marker, name: D}}",
         ControlRules({P: plain(Action.PAUSE_TOGGLE), H: plain(Action.RECORD_TOGGLE),
                       D: (Binding(Action.MARKER, "D", "red"),)})),
        ("{tap: marker, hold: lock, double: pause}",
         ControlRules({T: plain(Action.MARKER), H: plain(Action.LOCK), D: plain(Action.PAUSE)})),
    ],
)  # fmt: skip
def test_a_control_comes_to_what_is_written(write: Write, text: str, rules: ControlRules) -> None:
    assert rules_from(load(write(control(text)))).controls == {"x": rules}


@pytest.mark.parametrize("action", list(Action))
def test_any_way_of_using_a_control_may_do_any_action(write: Write, action: Action) -> None:
    for gesture in ("action", "tap", "hold", "double", "release"):
        (rules,) = rules_from(load(write(control(f"{{{gesture}: {action}}}")))).controls.values()
        (bindings,) = rules.actions.values()
        assert bindings == plain(action)


@pytest.mark.parametrize("action", [action for action in Action if not action.is_toggle])
def test_any_action_that_is_no_toggle_may_follow(write: Write, action: Action) -> None:
    (rules,) = rules_from(
        load(write(control(f"{{action: marker, then: [{action}]}}")))
    ).controls.values()
    assert rules.actions[P] == (MARKER, *plain(action))


@pytest.mark.parametrize(
    ("text", "stop", "hold_s"),
    [
        ("", StopProtection.AT_ONCE, 2.0),
        ("recording: {stop: at_once}", StopProtection.AT_ONCE, 2.0),
        ("recording: {stop: hold}", StopProtection.HOLD, 2.0),
        ("recording: {stop: hold, stop_hold_s: 0.5}", StopProtection.HOLD, 0.5),
        ("recording: {stop: twice}", StopProtection.TWICE, 2.0),
    ],
)
def test_the_site_chooses_what_it_takes_to_stop(
    write: Write, text: str, stop: StopProtection, hold_s: float
) -> None:
    rules = rules_from(load(write(VALT + text)))
    assert (rules.stop_protection, rules.stop_hold_s) == (stop, hold_s)


def test_a_wrong_control_leaves_lamps_usable_and_no_control(write: Write) -> None:
    lamps = "lights: {lamps: [{name: status, lines: [22]}]}\n"
    saved = salvage(write(control("{release: stop, hold: lock}") + lamps))
    assert (saved.controls, len(saved.lights.lamps)) == ({}, 1)


# -- the password -----------------------------------------------------------------------------

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        valt_with(password="471147114711"),
        valt_with(password="2026-11-22"),
        valt_with(password=f"[{SECRET}]"),
        valt_with(password=f"{{{SECRET}: {SECRET}}}"),
        valt_with(password=f"!{SECRET} x"),
        valt_with(password=f"*{SECRET}"),
        valt_with(password=f"!{SECRET}!x y"),
        valt_with(password=f"%{SECRET}"),
        valt_with(password=f"!x {SECRET}"),
        valt_with(password=f"!!binary {SECRET}"),
        valt_with(password=f"{SECRET}: {SECRET}"),
        valt_with(password=f'"{SECRET}'),
        valt_with(password=f'"{SECRET}\\q"'),
        valt_with(password="", pasword=SECRET),
        valt_with(password=f'"{SECRET}"', password_file="valt-password"),
        valt_with(url=f"https://keypad:{SECRET}@valt.example.com"),
        valt_with(url=f"htps://keypad:{SECRET}@valt.example.com"),
        valt_with(url=f"https://keypad:{SECRET}/x@valt.example.com"),
        VALT + f"password: {SECRET}",
        SECRET,
    ],
    ids=["number", "date", "list", "mapping", "tag", "alias", "tag-handle", "directive",
         "tagged", "binary", "colon", "lone-quote", "escape", "other-key", "twice", "in-url",
         "in-url-odd-scheme", "in-url-slash", "top-level", "whole-file"],
)  # fmt: skip
def test_a_password_is_never_in_a_message(write: Write, text: str) -> None:
    for problem in problems(write(text)):
        for secret in (SECRET, "4711", "2026"):
            assert secret not in str(problem)


def test_a_password_is_never_in_a_printed_configuration(write: Write) -> None:
    assert SECRET not in repr(load(write(VALT)))


def test_the_password_may_stand_in_the_file(write: Write) -> None:
    path = write(VALT)
    assert password(load(path), path) == Secret(SECRET)


@pytest.mark.parametrize("content", ["from the file", "from the file\n", "from the file\r\n"])
def test_the_password_file_lies_beside_the_configuration(write: Write, content: str) -> None:
    path = write(valt_with(password="", password_file="valt-password"))
    path.with_name("valt-password").write_text(content, encoding="utf-8", newline="")
    assert password(load(path), path) == Secret("from the file")


def test_blanks_belong_to_a_password(write: Write) -> None:
    path = write(valt_with(password="", password_file="valt-password"))
    path.with_name("valt-password").write_text("  two words \n", encoding="utf-8")
    assert password(load(path), path) == Secret("  two words ")


def test_a_systemd_credential_wins(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    path = write(valt_with(password="", password_file="valt-password"))
    assert password(load(path), path) == Secret("from the file"), "there is none yet"
    (credentials / "valt-password").write_text("from systemd\n", encoding="utf-8")
    assert password(load(path), path) == Secret("from systemd")


def test_without_any_password_the_three_ways_are_named(write: Write) -> None:
    path = write(valt_with(password=""))
    with pytest.raises(ConfigError, match=r"password_file.*systemd credential"):
        password(load(path), path)


def test_a_missing_password_file_is_a_problem_of_the_configuration(write: Write) -> None:
    path = write(valt_with(password="", password_file="other"))
    problem = the_problem(path)
    assert (problem.key, problem.line) == ("valt.password_file", 4)


@pytest.mark.parametrize(("content", "why"), [(b"", "empty"), (b"\n", "empty"), (b"\xff", "UTF-8")])
def test_a_password_file_that_cannot_be_used_is_one_sentence(
    write: Write, content: bytes, why: str
) -> None:
    path = write(valt_with(password="", password_file="valt-password"))
    path.with_name("valt-password").write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        password(load(path), path)


def test_a_password_file_that_is_a_directory_is_one_sentence(write: Write) -> None:
    path = write(valt_with(password="", password_file="valt-password"))
    path.with_name("valt-password").unlink()
    path.with_name("valt-password").mkdir()
    with pytest.raises(ConfigError, match="password file"):
        password(load(path), path)


# -- what can be saved from a wrong file ----------------------------------------------------------

SOUND = (
    CONTROLS
    + """
inputs:
  buttons: [{control: record, line: 17}]
lights:
  lamps: [{name: sign, lines: [25], shows: recording}]
"""
)


@pytest.mark.parametrize(
    "server",
    ["valt: {url: ftp://x, username: a}\nroom: 4\n", "valt: oops\n", "room: []\n", ""],
)
def test_a_wrong_server_part_leaves_inputs_and_lamps_usable(write: Write, server: str) -> None:
    path = write(server + SOUND)
    assert problems(path)
    parts = salvage(path)
    assert parts.controls["record"].action is Action.RECORD_TOGGLE
    assert [button.line for button in parts.inputs.buttons] == [17]
    assert [lamp.name for lamp in parts.lights.lamps] == ["sign"]


def test_a_part_with_a_problem_in_it_is_not_used(write: Write) -> None:
    parts = salvage(write(VALT + SOUND.replace("line: 17", "line: 17, pull: sideways")))
    assert parts.inputs.buttons == []
    assert parts.controls
    assert parts.lights.lamps


def test_a_line_that_is_used_twice_spoils_the_part_that_claims_it_last(write: Write) -> None:
    parts = salvage(write(VALT + SOUND.replace("[25]", "[17]")))
    assert parts.lights.lamps == []
    assert parts.inputs.buttons


@pytest.mark.parametrize("text", ["", "{", "[]", "\t", "42", "valt: {"])
def test_nothing_is_saved_from_a_file_that_cannot_be_read_at_all(write: Write, text: str) -> None:
    parts = salvage(write(text))
    assert (parts.controls, parts.inputs.buttons, parts.lights.lamps) == ({}, [], [])


def test_nothing_is_saved_from_a_missing_file(tmp_path: Path) -> None:
    assert salvage(tmp_path / "none.yaml").controls == {}


# -- a simulator's world ------------------------------------------------------------------------


def test_a_world_of_ones_own_is_read(write: Write) -> None:
    world = load_world(write("rooms: [{id: 1, name: A}]\nusers: [{id: 2, name: b}]\n"), WorldSpec)
    assert world == WorldSpec([RoomSpec(1, "A")], [UserSpec(2, "b")])


def test_a_wrong_world_is_explained_like_any_other_file(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load_world(write("rooms: [{id: one, name: A}]\nuser: []\n"), WorldSpec)
    assert [(p.key, p.line) for p in caught.value.problems] == [
        ("users", 0),
        ("rooms.1.id", 1),
        ("user", 2),
    ]


# -- any text at all ------------------------------------------------------------------------------

WORDS = sorted({key.partition(".")[2] for key, _ in schema_keys()} | set(Role) | set(Action))
ODD = ["0", "-1", "0b_", ".nan", ".inf", "1:30", "~", "on", "no", "2026-11-22", "0x_", "x y",
       "'http://['", "https://valt", "'sha256:'", "'{room!x}'", "'{'", '"\\0"', "*a", "&a x",
       "!!int a", "!!float ''", "!x", "<<", "'='", "KEY_A", "record", "'08ff:0009'"]  # fmt: skip
SCALARS = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(WORDS),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=12).map(repr),
)


def flow_mapping(items: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in items) + "}"


def flow_list(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def like(wanted: Any) -> st.SearchStrategy[str]:
    """Text that has the shape of a value of this type, most of the time."""
    members = typing.get_args(wanted)
    shape: st.SearchStrategy[str] = SCALARS
    if dataclasses.is_dataclass(wanted):
        hints = typing.get_type_hints(wanted)
        names = [item.name for item in dataclasses.fields(wanted)]
        shape = st.lists(
            st.sampled_from(names).flatmap(
                lambda name: st.tuples(st.just(name), like(hints[name]))
            ),
            max_size=4,
            unique_by=lambda item: item[0],
        ).map(flow_mapping)
    elif typing.get_origin(wanted) is list:
        shape = st.lists(like(members[0]), max_size=3).map(flow_list)
    elif typing.get_origin(wanted) is dict:
        shape = st.lists(st.tuples(SCALARS, like(members[1])), max_size=3).map(flow_mapping)
    return shape if shape is SCALARS else st.one_of(shape, shape, shape, SCALARS)


SECTIONS = typing.get_type_hints(Config)
FILES = (
    st.lists(
        st.sampled_from(sorted(SECTIONS)).flatmap(
            lambda name: st.tuples(st.just(name), like(SECTIONS[name]))
        ),
        max_size=6,
    )
).map(lambda items: "\n".join(f"{name}: {value}" for name, value in items))
LINES = VALT + SOUND.replace("line: 17", "line: 17, chip: gpiochip0, bounce_ms: 10")
EDITS = st.tuples(st.integers(0, len(LINES)), st.integers(0, 12), SCALARS | st.text(max_size=6))


def edited(edit: tuple[int, int, str]) -> str:
    at, gone, new = edit
    return LINES[:at] + new + LINES[at + gone :]


def _explained(error: ConfigError) -> None:
    assert error.problems
    assert all(problem.text for problem in error.problems)


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=FILES | EDITS.map(edited) | st.text())
def test_whatever_is_in_the_file_it_is_taken_or_explained(write: Write, text: str) -> None:
    path = write("")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        config = load(path)
    except ConfigError as e:
        _explained(e)
    else:
        assert isinstance(config, Config)
        assert config.recording.name.format(room="", date="", time="", user="") is not None
    salvage(path)


def test_the_text_that_the_edits_are_made_to_is_right(write: Write) -> None:
    assert load(write(LINES)).inputs.buttons[0].bounce_ms == 10


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{tap: record_toggle}", "controls.x.tap"),
        ("{tap: stop}", "controls.x.tap"),
        ("{action: record_toggle, hold: lock}", "controls.x.action"),
        ("{action: stop, double: marker}", "controls.x.action"),
    ],
)
def test_a_control_that_could_never_stop_is_told(write: Write, text: str, key: str) -> None:
    problem = the_problem(write(control(text) + "\nrecording: {stop: hold}\n"))
    assert (problem.key, problem.line) == (key, 8)
    assert "bind a stop to its hold" in problem.text


@pytest.mark.parametrize("stop", ["at_once", "twice"])
def test_every_control_may_stop_where_nothing_must_be_held(write: Write, stop: str) -> None:
    text = control("{action: record_toggle, hold: lock}") + f"\nrecording: {{stop: {stop}}}\n"
    assert load(write(text)).recording.stop == stop


def test_a_list_of_stoppers_that_is_empty_is_told(write: Write) -> None:
    problem = the_problem(write(VALT + "badges: {who_may_stop: listed}"))
    assert problem.key == "badges.stoppers"
    assert "nobody could stop" in problem.text


def test_who_may_stop_becomes_a_rule(write: Write) -> None:
    config = load(write(VALT + "badges: {who_may_stop: listed, stoppers: [12, 13], rearm_s: 3}"))
    rules = rules_from(config)
    assert rules.who_may_stop is WhoMayStop.LISTED
    assert (rules.stoppers, rules.rearm_s) == (frozenset({12, 13}), 3.0)

"""Adding and taking away buttons, keys and readers: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")
pytest.importorskip("evdev", reason="needs evdev (pip install ivsd[appliance])")

from ivsd.appliance.operations import Refused
from ivsd.config import load, salvage
from ivsd.config.schema import Role, Shows
from ivsd.gpio_lines import ChipInfo, LineInfo
from ivsd.inputs.event_devices import EventDevice
from ivsd.set_up.config_file import ConfigFile
from ivsd.set_up.spare_lines import PI
from ivsd.set_up.wiring import Wiring

SECRET = "correct-horse-battery"
VALT = """\
valt: {url: "http://127.0.0.1:9", username: admin}
room: 4
"""
WIRED = """\
controls: {record: record_toggle, marker: marker, held: {action: lock, hold: unlock}}
inputs:
  keyboards:
    - {name: keypad, match: {id: "08ff:0009"}, role: pin, keys: {KEY_KPPLUS: marker}}
    - {name: pedal, match: {path: /dev/input/by-id/pedal}, role: keys, keys: {KEY_B: held}}
  wiegand:
    - {name: door, data0: 20, data1: 21}
  buttons:
    - {control: record, line: 17}
lights:
  lamps:
    - {name: status, kind: rgb, lines: [22, 27, 24]}
    - {name: sign, lines: [25], shows: recording}
factory_default: {line: RESET}
"""
BUTTON = {
    "control": "door-2", "action": "marker", "chip": "gpiochip0", "line": 5, "active": "low",
    "pull": "up",
}  # fmt: skip
KEY = {"control": "bell", "action": "marker", "key": "KEY_F1", "match": {"name": "Foot Switch "}}
READER = {"name": "front", "match": {"id": "1234:5678"}, "role": "auto", "ends_with_enter": True}


def header() -> list[ChipInfo]:
    names = {26: "RESET"}
    lines = tuple(LineInfo(number, names.get(number, ""), "", False) for number in range(54))
    return [ChipInfo("/dev/gpiochip0", "gpiochip0", PI[0], lines)]


class Box:
    """A file and its chips, without a daemon."""

    def __init__(self, folder: Path, text: str = VALT + WIRED) -> None:
        self.path = folder / "ivsd.yaml"
        self.path.write_text(text)
        self.reloads = 0
        self.file = ConfigFile(self.path, folder, self._reload, may_write=True)
        self.chips: list[ChipInfo] | None = header()
        self.devices: list[EventDevice] = []
        self.wiring = Wiring(self.file, lambda: self.chips, lambda: self.devices)

    def _reload(self) -> None:
        self.reloads += 1

    def said(self, op: str, **change: Any) -> dict[str, Any] | Refused:
        revision = self.file.read().revision
        said = self.wiring.do(op, {"changes": change, "revision": revision})
        if isinstance(said, dict):
            json.dumps(said)
        return said

    def preview(self, **change: Any) -> dict[str, Any]:
        before = self.path.read_text()
        said = self.said("wire-preview", **change)
        assert isinstance(said, dict), said
        assert self.path.read_text() == before
        return said

    def wire(self, **change: Any) -> None:
        """Save it, and see that it is what the preview said."""
        told = self.preview(**change)
        assert told["problems"] == []
        said = self.said("wire", **change)
        assert isinstance(said, dict), said
        assert said["revision"] == self.file.read().revision
        assert self.reloads == 1

    def refused(self, **change: Any) -> str:
        """See that it is not done, and is told in the preview, too; return why."""
        before = self.path.read_text()
        said = self.said("wire", **change)
        assert isinstance(said, Refused), "it was done"
        assert self.path.read_text() == before
        assert self.reloads == 0
        preview = self.said("wire-preview", **change)
        if said.code == "wrong":
            assert isinstance(preview, dict)
            assert preview["problems"]
        else:
            assert preview == said
        return f"{said.code}: {said.text}"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


# -- what can be done ------------------------------------------------------------------------------


def test_a_button_is_added_with_a_control_of_its_own(box: Box) -> None:
    box.wire(add_button=BUTTON)
    config = load(box.path)
    assert config.controls["door-2"].action == "marker"
    new = config.inputs.buttons[1]
    assert (new.control, new.line, new.chip, new.active) == ("door-2", 5, "gpiochip0", "low")
    assert box.path.with_name("ivsd.yaml.bak").exists()


def test_a_preview_tells_key_and_line(box: Box) -> None:
    told = box.preview(add_button=BUTTON)
    assert {change["key"] for change in told["changes"]} == {
        "controls.door-2",
        "inputs.buttons.2",
    }
    assert "+  door-2: marker" in told["diff"]


def test_one_control_may_have_two_buttons_if_that_is_meant(box: Box) -> None:
    box.wire(add_button={**BUTTON, "control": "held", "action": None})
    config = load(box.path)
    assert config.inputs.buttons[1].control == "held"
    assert config.controls["held"].hold is not None, "what it does stays as it is"


def test_a_key_of_a_keyboard_that_is_there_is_added(box: Box) -> None:
    key = {"control": "bell", "action": "pause", "key": "KEY_KPMINUS", "keyboard": "keypad"}
    box.wire(add_key=key)
    (keypad, _) = load(box.path).inputs.keyboards
    assert keypad.keys == {"KEY_KPPLUS": "marker", "KEY_KPMINUS": "bell"}


def test_a_key_of_a_new_device_brings_the_device(box: Box) -> None:
    box.wire(add_key=KEY)
    new = load(box.path).inputs.keyboards[-1]
    assert (new.name, new.match.name, new.role) == ("keyboard-1", "Foot Switch ", Role.KEYS)
    assert new.keys == {"KEY_F1": "bell"}


def test_a_reader_is_added(box: Box) -> None:
    box.wire(add_reader=READER)
    new = load(box.path).inputs.keyboards[-1]
    assert (new.name, new.match.id, new.role, new.end) == ("front", "1234:5678", "auto", "enter")


def test_a_keypad_is_added_without_what_is_about_badges(box: Box) -> None:
    box.wire(add_reader={**READER, "role": "pin"})
    assert load(box.path).inputs.keyboards[-1].role is Role.PIN


@pytest.mark.parametrize(
    "key", ["inputs.buttons.1", "inputs.wiegand.1", "inputs.keyboards.1", "inputs.keyboards.2"]
)
def test_an_input_is_taken_away_and_its_control_stays(box: Box, key: str) -> None:
    _, section, number = key.split(".")
    before = getattr(load(box.path).inputs, section)
    box.wire(remove=key)
    config = load(box.path)
    assert getattr(config.inputs, section) == [
        entry for place, entry in enumerate(before, 1) if place != int(number)
    ]
    assert set(config.controls) == {"record", "marker", "held"}


def test_the_last_key_takes_a_device_along_that_has_only_keys(box: Box) -> None:
    box.wire(remove="inputs.keyboards.2.keys.KEY_B")
    assert [keyboard.name for keyboard in load(box.path).inputs.keyboards] == ["keypad"]


def test_the_last_key_leaves_a_keypad_for_pins(box: Box) -> None:
    box.wire(remove="inputs.keyboards.1.keys.KEY_KPPLUS")
    assert load(box.path).inputs.keyboards[0].keys == {}


def test_lamps_change_places_and_lines_their_order(box: Box) -> None:
    box.wire(lamps={"status": {"order": [2, 1, 3], "shows": "recording"},
                    "sign": {"shows": "status"}})  # fmt: skip
    status, sign = load(box.path).lights.lamps
    assert (status.lines, status.shows) == ([27, 22, 24], Shows.RECORDING)
    assert (sign.lines, sign.shows) == ([25], Shows.STATUS)


def test_a_box_is_wired_before_it_has_a_server(tmp_path: Path) -> None:
    box = Box(tmp_path, WIRED)
    box.wire(add_button=BUTTON)
    assert [button.control for button in salvage(box.path).inputs.buttons] == ["record", "door-2"]


def test_a_password_in_the_file_is_moved_out_of_it(tmp_path: Path) -> None:
    box = Box(tmp_path, VALT.replace("admin}", f"admin, password: {SECRET}}}") + WIRED)
    assert SECRET not in json.dumps(box.preview(add_button=BUTTON))
    box.wire(add_button=BUTTON)
    assert (tmp_path / "valt-password").read_text() == SECRET
    assert all(SECRET not in file.read_text() for file in tmp_path.glob("ivsd.yaml*"))


# -- what cannot -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ({"line": 26}, "used by factory_default.line, too"),
        ({"line": 26, "chip": PI[0]}, "used by factory_default.line, too"),
        ({"line": 24, "chip": PI[0]}, "used by lights.lamps.1.lines, too"),
        ({"line": 25}, "used by lights.lamps.2.lines, too"),
        ({"line": 17}, "used by inputs.buttons.1.line, too"),
        ({"line": 20}, "used by inputs.wiegand.1.data0, too"),
        ({"line": 2}, "may be needed by a bus"),
        ({"line": 40}, "may be needed by a bus"),
        ({"line": 99}, "there is no line 99"),
        ({"line": -1}, "there is no line -1"),
        ({"chip": "gpiochip7"}, "there is no line 5 of gpiochip7"),
        ({"chip": "/dev/gpiochip0"}, "no name of a GPIO chip"),
        ({"control": "record"}, "there already"),
        ({"control": "a.b"}, "other signs than letters"),
        ({"control": "x" * 41}, "more than 40"),
        ({"control": "factory default"}, "other signs"),
        ({"control": "nobody", "action": None}, "is not under “controls”"),
        ({"action": "explode"}, "is not known"),
    ],
)
def test_a_button_that_may_not_be_added_is_refused(box: Box, new: dict[str, Any], why: str) -> None:
    assert why in (said := box.refused(add_button={**BUTTON, **new}))
    assert said.startswith("wrong: ")


def test_without_a_look_at_the_chips_lines_are_told_by_their_names(box: Box) -> None:
    box.chips = None
    assert "used by lights" in box.refused(add_button={**BUTTON, "line": 24})
    box.wire(add_button=BUTTON)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"add_key": {**KEY, "key": "F1"}}, "is no key"),
        ({"add_key": {**KEY, "match": {}}}, "says nothing"),
        ({"add_key": {**KEY, "keyboard": "keypad"}}, "beside match"),
        ({"add_key": {**KEY, "match": None}}, "neither"),
        ({"add_key": {**KEY, "match": None, "keyboard": "attic"}}, "no keyboard of ivsd.yaml"),
        ({"add_key": {**KEY, "match": None, "keyboard": "keypad", "key": "KEY_KPPLUS"}},
         "is marker already"),
        ({"add_reader": {**READER, "match": {"id": "x"}}}, "is no USB id"),
        ({"add_reader": {**READER, "name": "keypad"}}, "name of another one"),
        ({"add_reader": {**READER, "name": "../x"}}, "other signs"),
        ({"add_reader": {**READER, "match": {"name": "\ud800"}}}, "half a character"),
        ({"remove": "inputs.buttons.2"}, "is not in the file"),
        ({"remove": "inputs.keyboards.1.keys.KEY_F1"}, "is not in the file"),
        ({"lamps": {"attic": {"shows": "status"}}}, "there is no lamp"),
        ({"lamps": {"status": {"order": [1, 1, 2]}}}, "number each once"),
        ({"lamps": {"sign": {"order": [1, 2]}}}, "number each once"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_reason(
    box: Box, change: dict[str, Any], why: str
) -> None:
    assert why in box.refused(**change)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"add_button": BUTTON, "remove": "inputs.buttons.1"},
        {"factory_default": {"line": 5}},
        {"valt": {"url": "http://elsewhere"}},
        {"add_button": {**BUTTON, "line": "5"}},
        {"add_button": {**BUTTON, "line": True}},
        {"add_button": {**BUTTON, "bounce_ms": 0}},
        {"add_button": {**BUTTON, "pull": "sideways"}},
        {"add_button": {**BUTTON, "action": {"action": "marker"}}},
        {"add_button": {key: value for key, value in BUTTON.items() if key != "pull"}},
        {"add_key": {**KEY, "match": {"path": "/dev/input/event0"}}},
        {"add_key": {**KEY, "grab": False}},
        {"add_reader": {**READER, "role": "keys"}},
        {"add_reader": {**READER, "match": None}},
        {"remove": "factory_default"},
        {"remove": "lights.lamps.1"},
        {"remove": "controls.record"},
        {"remove": "inputs.buttons"},
        {"remove": ["inputs.buttons.1"]},
        {"lamps": {"status": {"lines": [5, 6, 12]}}},
        {"lamps": {"status": {"chip": "gpiochip1"}}},
        {"lamps": {}},
    ],
)
def test_what_is_none_of_the_changes_is_not_understood(box: Box, change: dict[str, Any]) -> None:
    assert box.refused(**change).startswith("bad_args: ")


HELD = VALT + WIRED.replace("line: RESET", "controls: [record, held]").replace(
    "held: {action: lock, hold: unlock}", "held: lock"
)


@pytest.mark.parametrize(
    "change",
    [
        {"remove": "inputs.buttons.1"},
        {"remove": "inputs.keyboards.2"},
        {"remove": "inputs.keyboards.2.keys.KEY_B"},
        {"add_button": {**BUTTON, "control": "record", "action": None}},
        {"add_key": {**KEY, "control": "held", "action": None}},
    ],
)
def test_what_is_held_for_the_factory_state_is_not_touched(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    assert "is held for the factory state" in Box(tmp_path, HELD).refused(**change)


DIGITS = frozenset({"KEY_1", "KEY_A", "KEY_B"})
PAD = EventDevice("/dev/input/event3", "Pad", "08ff:0009", "usb-1.2/input0", DIGITS)
PAD_KEYS = EventDevice(
    "/dev/input/event4", "Pad Keys", "08ff:0009", "usb-1.2/input1", frozenset({"KEY_F1"})
)
TWIN = EventDevice("/dev/input/event5", "Pad", "08ff:0009", "usb-1.3/input0", DIGITS)


@pytest.mark.parametrize(
    "match",
    [
        {"id": "08ff:0009"},
        {"id": "08FF:0009"},
        {"id": "08ff:0009", "port": "usb-1.2"},  # not here now: it may be the very same
        {"id": "08ff:0009", "name": "Pad"},
    ],
)
def test_a_second_name_for_one_device_is_refused(box: Box, match: dict[str, str]) -> None:
    why = "wrong: match: means what is 'keypad' already"
    assert why in box.refused(add_reader={**READER, "match": match})
    assert why in box.refused(add_key={**KEY, "match": match})


@pytest.mark.parametrize("match", [{"name": "Pad"}, {"port": "usb-1.2/input0"}])
def test_other_words_for_a_device_that_is_here_are_seen_through(
    box: Box, match: dict[str, str]
) -> None:
    box.devices = [PAD]
    new = {**READER, "match": match}
    assert "means what is 'keypad' already" in box.refused(add_reader=new)


def test_who_is_named_by_a_path_is_not_named_a_second_time(tmp_path: Path) -> None:
    box = Box(tmp_path, VALT + WIRED.replace("/dev/input/by-id/pedal", "/dev/input/event7"))
    box.devices = [EventDevice("/dev/input/event7", "Pedal", "1234:0001", "usb-1.4", DIGITS)]
    new = {**READER, "match": {"port": "usb-1.4"}}
    assert "means what is 'pedal' already" in box.refused(add_reader=new)


def test_a_match_that_says_less_than_that_of_another_one_would_take_its_device(
    tmp_path: Path,
) -> None:
    """Also while that device is not here."""
    box = Box(tmp_path, VALT + WIRED.replace('"08ff:0009"}', '"08ff:0009", port: usb-1.2}'))
    box.devices = [TWIN]
    new = {**READER, "match": {"id": "08ff:0009"}}
    assert "means what is 'keypad' already" in box.refused(add_reader=new)
    box.wire(add_reader={**READER, "match": {"id": "08ff:0009", "port": "usb-1.3/input0"}})


def test_the_keys_of_a_keypad_that_shows_as_two_devices_may_be_named(box: Box) -> None:
    """Its other half types no numbers: the keypad for PINs does not mean that."""
    box.devices = [PAD, PAD_KEYS]
    box.wire(add_key={**KEY, "match": {"id": "08ff:0009", "name": "Pad Keys"}})


def test_a_match_that_says_nothing_is_called_that_and_nothing_else(box: Box) -> None:
    said = box.refused(add_reader={**READER, "match": {}})
    assert "says nothing" in said
    assert "means what is" not in said


def test_some_lamp_goes_on_showing_the_status(box: Box) -> None:
    change = {"status": {"shows": "recording"}}
    assert "no lamp would show the status" in box.refused(lamps=change)


def test_a_buzzer_is_no_lamp_that_shows_the_status(tmp_path: Path) -> None:
    buzzer = "    - {name: beep, kind: buzzer, lines: [5]}\nfactory_default"
    box = Box(tmp_path, VALT + WIRED.replace("factory_default", buzzer))
    change = {"status": {"shows": "recording"}}
    assert "no lamp would show the status" in box.refused(lamps=change)


def test_a_box_without_a_lamp_for_the_status_may_stay_so(tmp_path: Path) -> None:
    box = Box(tmp_path, VALT + WIRED.replace("24]}", "24], shows: recording}"))
    box.wire(lamps={"status": {"order": [2, 1, 3]}})


def test_another_file_than_the_one_that_was_looked_at_is_not_written(box: Box) -> None:
    for op in ("wire", "wire-preview"):
        said = box.wiring.do(op, {"changes": {"remove": "inputs.buttons.1"}, "revision": "old"})
        assert isinstance(said, Refused)
        assert said.code == "changed"


def test_a_daemon_that_was_started_by_hand_writes_nothing(box: Box) -> None:
    box.file = ConfigFile(box.path, box.path.parent, lambda: None, may_write=False)
    box.wiring = Wiring(box.file, header, list)
    said = box.said("wire", add_button=BUTTON)
    assert isinstance(said, Refused)
    assert said.code == "not_here"


def test_a_file_that_cannot_be_kept_whole_is_not_touched(tmp_path: Path) -> None:
    box = Box(tmp_path)
    revision = box.file.read().revision
    box.path.write_text("inputs: [")
    said = box.wiring.do("wire", {"changes": {"add_button": BUTTON}, "revision": revision})
    assert isinstance(said, Refused)
    assert said.code == "wrong_file"


def test_a_wrong_button_of_the_file_can_be_taken_away(tmp_path: Path) -> None:
    wrong = WIRED.replace("line: 17}", "line: 17}\n    - {control: nobody, line: 6}")
    box = Box(tmp_path, VALT + wrong)
    box.wire(remove="inputs.buttons.2")
    assert load(box.path).inputs.buttons[0].control == "record"


# -- whatever is sent ------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["record", "door", "status", "sign", "gpiochip0", "low", "up", "KEY_F1", "keypad", "pin",
     "inputs.buttons.1", "factory_default", "../x", "", "\ud800", "/dev/input/event0", "auto"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["add_button", "add_key", "add_reader", "remove", "lamps", "control", "action", "chip",
     "line", "active", "pull", "key", "keyboard", "match", "name", "path", "role", "order",
     "shows", "status", "ends_with_enter", "id"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 60) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=7),
    max_leaves=12,
)


def _nearly(form: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(form)), ANYTHING, max_size=3).map(
        lambda some: {**form, **some}
    )


CHANGES = st.one_of(
    st.dictionaries(KEYS, ANYTHING, max_size=2),
    _nearly(BUTTON).map(lambda form: {"add_button": form}),
    _nearly(KEY).map(lambda form: {"add_key": form}),
    _nearly(READER).map(lambda form: {"add_reader": form}),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CHANGES)
def test_nothing_that_is_sent_breaks_the_file_or_touches_what_it_may_not(
    box: Box, change: dict[str, Any]
) -> None:
    box.path.write_text(VALT + WIRED)
    before = load(box.path)
    said = box.said("wire", **change)
    after = load(box.path)
    if isinstance(said, Refused):
        assert said.code in ("bad_args", "wrong")
        assert after == before
    assert after.factory_default == before.factory_default
    assert after.valt == before.valt
    paths = {keyboard.match.path for keyboard in before.inputs.keyboards}
    assert {keyboard.match.path for keyboard in after.inputs.keyboards} <= paths | {None}
    lines = [sorted(map(str, lamp.lines)) for lamp in before.lights.lamps]
    assert [sorted(map(str, lamp.lines)) for lamp in after.lights.lamps] == lines
    assert all(after.controls[name] == control for name, control in before.controls.items())

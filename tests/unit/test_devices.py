"""`ivsd devices`: what is here, and the line of ivsd.yaml that means it."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("evdev", reason="evdev is not installed: no keyboards to list")
pytest.importorskip("gpiod", reason="gpiod is not installed: no lines to list")

from ivsd import devices, gpio_lines
from ivsd.cli import main
from ivsd.config import load
from ivsd.devices import least
from ivsd.gpio_lines import ChipInfo, LineInfo
from ivsd.inputs import event_devices
from ivsd.inputs.event_devices import EventDevice, Wanted

FULL = frozenset({"KEY_1", "KEY_KP1", "KEY_A", "KEY_ENTER"})
NUMPAD = frozenset({"KEY_KP1", "KEY_KPENTER"})
VOLUME = frozenset({"KEY_MUTE", "KEY_VOLUMEUP"})
VALT = 'valt: {url: "https://valt.example.com", username: u, password: p}\nroom: 4\n'

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this machine had none."""
    monkeypatch.setattr("ivsd.cli.commands.SOCKET", tmp_path / "no-daemon.sock")


def device(
    number: int, name: str = "Reader", usb_id: str = "08ff:0009", port: str = "", keys: Any = FULL
) -> EventDevice:
    return EventDevice(f"/dev/input/event{number}", name, usb_id, port, keys)


# -- the least that is unique ---------------------------------------------------------------------


def test_the_id_is_enough_when_nothing_else_has_it() -> None:
    reader = device(3)
    assert least(reader, [reader, device(4, usb_id="046a:0023")]) == {"id": "08ff:0009"}


def test_a_node_without_digits_is_no_rival_of_the_one_that_types() -> None:
    reader = device(3, port="usb-1/input0")
    twin = device(4, port="usb-1/input1", keys=VOLUME)
    assert least(reader, [reader, twin]) == {"id": "08ff:0009"}
    assert least(twin, [reader, twin]) == {"id": "08ff:0009", "port": "usb-1/input1"}


def test_a_name_tells_devices_of_one_id_apart() -> None:
    reader, keypad = device(3, "Reader"), device(4, "Keypad")
    assert least(keypad, [reader, keypad]) == {"name": "Keypad"}


def test_two_equal_readers_are_told_apart_by_their_ports() -> None:
    left, right = device(3, port="usb-1.1/input0"), device(4, port="usb-1.2/input0")
    assert least(right, [left, right]) == {"id": "08ff:0009", "port": "usb-1.2/input0"}


def test_two_that_are_equal_in_everything_cannot_be_told_apart() -> None:
    left, right = device(3), device(4)
    assert least(left, [left, right]) is None


def test_a_device_without_a_usb_id_has_its_name() -> None:
    button = device(2, "gpio-keys", "0000:0000", "gpio-keys/input0")
    assert least(button, [button, device(3)]) == {"name": "gpio-keys"}


def test_what_is_named_so_is_found_so() -> None:
    """The listing and the daemon must mean the same."""
    there = [
        device(0, "AT keyboard", "0001:0001", "isa0060/serio0/input0"),
        device(1, "Power Button", "0000:0001", "LNXPWRBN/button/input0", frozenset({"KEY_POWER"})),
        device(2, "Reader", port="usb-1.1/input0"),
        device(3, "Reader", port="usb-1.1/input1", keys=VOLUME),
        device(4, "Reader", port="usb-1.2/input0"),
        device(5, "Keypad", "1a2c:0b23", "usb-1.3/input0", NUMPAD),
    ]
    for one in there:
        words = least(one, there)
        assert words is not None
        wanted = Wanted(None, words.get("id"), words.get("name"), words.get("port"))
        fitting = [other for other in there if wanted.fits(other)]
        typing = [other for other in fitting if other.types_numbers]
        assert (typing if one.types_numbers else fitting) == [one]


# -- the list -------------------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine: the test fills in its devices, chips and LEDs."""
    it = SimpleNamespace(devices=[], chips=[], forbidden=0, leds=tmp_path / "leds")

    def opened(path: Path | None = None) -> Iterator[tuple[Any, EventDevice]]:
        for described in it.devices:
            yield SimpleNamespace(close=lambda: None), described
        if it.forbidden:
            text = event_devices.forbidden_text(it.forbidden)
            raise PermissionError(errno.EACCES, text)

    monkeypatch.setattr(event_devices, "opened", opened)
    monkeypatch.setattr(gpio_lines, "chips", lambda: it.chips)
    monkeypatch.setattr(devices, "LEDS", it.leds)
    return it


def listed(tmp_path: Path, capsys: Capture, inputs: str = "") -> str:
    path = tmp_path / "ivsd.yaml"
    path.write_text(f"{VALT}controls: {{record: record_toggle}}\n{inputs}\n")
    assert main(["devices", str(path)]) == 0
    return capsys.readouterr().out


def test_the_line_of_a_reader_can_be_pasted_into_the_file(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    box.devices = [device(3, 'A "quoted" name', "0000:0000", "usb-1/input0")]
    found = re.search(r"^ +- (\{.*\})$", listed(tmp_path, capsys), re.MULTILINE)
    assert found is not None
    path = tmp_path / "pasted.yaml"
    path.write_text(f"{VALT}inputs:\n  keyboards:\n    - {found[1]}\n")
    (keyboard,) = load(path).inputs.keyboards
    assert keyboard.match.name == 'A "quoted" name'


def test_a_number_block_is_a_keypad_and_a_whole_keyboard_may_be_either(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    box.devices = [device(3), device(4, "Pad", "1a2c:0b23", keys=NUMPAD)]
    out = listed(tmp_path, capsys)
    assert '- {name: reader, match: {id: "08ff:0009"}, role: auto}' in out
    assert '- {name: keypad, match: {id: "1a2c:0b23"}, role: pin}' in out


def test_a_device_of_ivsd_yaml_is_marked_and_a_missing_one_told(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    box.devices = [device(3)]
    inputs = (
        'inputs: {keyboards: [{name: door, match: {id: "08FF:0009"}}, '
        "{name: lost, match: {name: Gone}}]}"
    )
    out = listed(tmp_path, capsys, inputs)
    assert "/dev/input/event3  Reader  (ivsd.yaml: door)" in out
    assert "lost (name Gone) of ivsd.yaml is not here" in out


def test_a_match_that_means_two_devices_names_both(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    box.devices = [device(3), device(4)]
    out = listed(tmp_path, capsys, 'inputs: {keyboards: [{name: r, match: {id: "08ff:0009"}}]}')
    twins = "means /dev/input/event3 and /dev/input/event4: say which"
    assert f"r (id 08ff:0009) of ivsd.yaml {twins}" in out
    assert "nothing tells it from its twin" in out


def test_devices_that_may_not_be_opened_are_counted(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    box.forbidden = 2
    assert "2 devices may not be opened: is the user in the group input?" in listed(
        tmp_path, capsys
    )


def test_lines_are_listed_by_name_and_holder_and_a_free_one_is_offered(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    lines = (
        LineInfo(0, "", "", False),
        LineInfo(1, "BTN_RECORD", "", False),
        LineInfo(2, "LAMP", "ivsd", True),
    )
    box.chips = [
        ChipInfo("/dev/gpiochip0", "gpiochip0", "header", lines),
        ChipInfo("/dev/gpiochip1", "gpiochip1", "", (), "no permission"),
    ]
    out = listed(tmp_path, capsys)
    assert "/dev/gpiochip0  header, lines 0 to 2" in out
    assert re.search(r"1  BTN_RECORD +input +free", out)
    assert re.search(r"2  LAMP +output +in use by ivsd", out)
    assert "- {control: CONTROL, chip: gpiochip0, line: 0}" in out
    assert "/dev/gpiochip1  no permission" in out


def test_the_kernel_s_leds_are_listed(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    (box.leds / "input3::capslock").mkdir(parents=True)
    (box.leds / "front").mkdir()
    (box.leds / "front" / "multi_index").write_text("red green blue\n")
    out = listed(tmp_path, capsys)
    assert '- {name: LAMP, devices: ["front"], kind: rgb}' in out
    assert '- {name: LAMP, devices: ["input*::capslock"]}' in out


def test_a_name_that_a_device_gives_itself_does_not_move_the_cursor(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    box.devices = [device(3, "Reader\x1b[2J\n  - forged")]
    box.chips = [ChipInfo("/dev/gpiochip0", "gpiochip0", "a\x1b[2J", (), "no \x07 permission")]
    out = listed(tmp_path, capsys)
    assert "Reader\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}  - forged" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_an_empty_machine_says_none_three_times(
    box: SimpleNamespace, tmp_path: Path, capsys: Capture
) -> None:
    assert listed(tmp_path, capsys).count("  none") == 3


def test_programs_are_told_the_same(box: SimpleNamespace, tmp_path: Path, capsys: Capture) -> None:
    box.devices = [device(3, keys=NUMPAD), device(4, "Twin"), device(5, "Twin")]
    box.forbidden = 2
    box.chips = [
        ChipInfo("/dev/gpiochip0", "gpiochip0", "header", (LineInfo(0, "LAMP", "ivsd", True),)),
        ChipInfo("/dev/gpiochip1", "gpiochip1", "", (), "no permission"),
    ]
    (box.leds / "front").mkdir(parents=True)
    path = tmp_path / "ivsd.yaml"
    path.write_text(f"{VALT}inputs: {{keyboards: [{{name: door, match: {{name: Reader}}}}]}}\n")
    assert main(["devices", "--json", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    reader, *twins = found["keyboards"]["found"]
    assert reader == {
        "path": "/dev/input/event3",
        "name": "Reader",
        "id": "08ff:0009",
        "port": "",
        "keys": ["KEY_KP1", "KEY_KPENTER"],
        "names": ["door"],
        "line": '{name: keypad, match: {name: "Reader"}, role: pin}',
    }
    assert [(twin["names"], twin["line"]) for twin in twins] == [([], None)] * 2
    assert "is the user in the group input?" in found["keyboards"]["problems"][0]
    (chip,) = found["chips"]["found"]
    assert chip["lines"] == [{"number": 0, "name": "LAMP", "way": "output", "consumer": "ivsd"}]
    assert chip["line"] is None, "no line is free"
    assert found["chips"]["problems"] == ["/dev/gpiochip1  no permission"]
    line = '{name: LAMP, devices: ["front"]}'
    assert found["leds"]["found"] == [{"name": "front", "is_rgb": False, "line": line}]


def test_keys_are_shown_live_with_what_they_type(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def watch(stop_fd: int) -> Iterator[tuple[EventDevice, str]]:
        yield device(3), "KEY_KP5"
        yield device(4, "Pad"), "KEY_RECORD"

    monkeypatch.setattr(event_devices, "watch", watch)
    monkeypatch.setattr(event_devices, "opened", lambda: iter(()))
    assert main(["devices", "--live"]) == 0
    out = capsys.readouterr().out
    assert "/dev/input/event3 Reader: KEY_KP5  “5”\n" in out
    assert "/dev/input/event4 Pad: KEY_RECORD\n" in out


def test_live_says_why_nothing_would_be_shown(box: SimpleNamespace, capsys: Capture) -> None:
    box.forbidden = 2
    assert main(["devices", "--live"]) == 1
    assert "is the user in the group input?" in capsys.readouterr().out

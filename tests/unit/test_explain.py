"""The table in words: what `ivsd explain` prints, and the README's copy of it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from ivsd.cli import main
from ivsd.controller.explain import explain
from ivsd.events import Action, Binding, ControlRules, Gesture, Rules, StopProtection
from ivsd.outputs.patterns import LEDS, LIGHT_LANGUAGE
from ivsd.valt.model import RoomState

ROOT = Path(__file__).parents[2]


def told(gesture: Gesture, *actions: Action, **rules: StopProtection) -> list[str]:
    bound = {gesture: tuple(Binding(action, "Q {count}", "blue") for action in actions)}
    lines = list(explain(Rules({"door": ControlRules(bound)}, **rules)))  # type: ignore[arg-type]
    return lines[: lines.index("badge or PIN:")]


def test_states_with_the_same_meaning_stand_together() -> None:
    assert told(Gesture.PRESS, Action.RECORD_TOGGLE) == [
        "door, pressed:",
        "  available, prepared: starts a recording",
        "  recording, paused: stops the recording",
        "  locked: refused: the room is locked",
    ]


@pytest.mark.parametrize(
    ("protection", "words"),
    [
        (StopProtection.AT_ONCE, "stops the recording"),
        (StopProtection.HOLD, "stops the recording when held for 2 s"),
        (StopProtection.TWICE, "stops the recording when pressed again within 3 s"),
    ],
)
def test_the_stop_protection_is_told(protection: StopProtection, words: str) -> None:
    pressed = told(Gesture.PRESS, Action.STOP, stop_protection=protection)
    assert f"  recording, paused: {words}" in pressed
    held = told(Gesture.HOLD, Action.STOP, stop_protection=protection)
    assert "  recording, paused: stops the recording" in held


def test_what_follows_a_refusal_is_not_told_for_it_is_not_done() -> None:
    lines = told(Gesture.DOUBLE, Action.MARKER, Action.PAUSE)
    assert "  available, prepared: refused: nothing is being recorded" in lines
    assert "  recording: sets the marker “Q {count}” (blue); then pauses the recording" in lines


def test_what_follows_is_told_for_the_state_that_the_first_has_left() -> None:
    lines = told(Gesture.PRESS, Action.STOP, Action.LOCK)
    assert "  recording, paused: stops the recording; then locks the room" in lines
    lines = told(Gesture.PRESS, Action.START, Action.MARKER)
    assert lines[1].endswith("starts a recording; then sets the marker “Q {count}” (blue)")


def test_every_way_of_using_a_control_has_its_words() -> None:
    first = {gesture: told(gesture, Action.SHOW_STATUS)[0] for gesture in Gesture}
    assert first == {
        Gesture.PRESS: "door, pressed:",
        Gesture.RELEASE: "door, coming up:",
        Gesture.TAP: "door, tapped (up again within 1 s):",
        Gesture.HOLD: "door, held for 1 s:",
        Gesture.DOUBLE: "door, pressed twice, quickly:",
    }


def test_the_command_explains_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(ROOT / "config" / "ivsd.yaml")]) == 0
    assert "record, pressed:\n  available, prepared: starts a recording" in capsys.readouterr().out


def test_a_name_with_a_line_break_makes_no_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ivsd.yaml"
    name = "rec\\n  available: formats the disk\\x1b[2J"
    path.write_text(f'room: 4\ncontrols: {{"{name}": record_toggle}}\n', encoding="utf-8")
    main(["explain", str(path)])
    out = capsys.readouterr().out
    assert "\n  available: formats" not in out
    assert "\x1b" not in out
    main(["explain", "--json", str(path)])
    first = json.loads(capsys.readouterr().out)["inputs"][0]
    assert first["input"] == "rec\n  available: formats the disk\x1b[2J, pressed"
    assert first["does"]["available"] == "starts a recording"


@pytest.mark.parametrize("command", ["check", "explain"])
def test_a_wrong_key_moves_no_cursor(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text('room: 4\ncontrols: {"a\\x1b[2J": recrd_toggle}\n', encoding="utf-8")
    main([command, str(path)])
    out = capsys.readouterr().out
    assert "controls.a\N{REPLACEMENT CHARACTER}[2J" in out
    assert "\x1b" not in out


def test_the_command_names_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text("room: 4\ncontrols:\n  record: recrd_toggle\n")
    assert main(["explain", str(path)]) == 2
    told = capsys.readouterr().out
    assert f"{path}:3: controls.record" in told
    assert "valt" not in told, "a missing server does not change what presses mean"


def test_the_readme_says_what_the_code_does() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert writer().with_tables(readme) == readme, "run `make docs`"
    assert "record, pressed:" in readme


def test_the_readme_says_what_every_word_of_the_light_language_looks_like() -> None:
    rows = list(writer().lights())
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in readme] == [], "run `make docs`"
    words = [row.split("`")[1] for row in rows[2:]]
    assert words == list(LIGHT_LANGUAGE)
    assert {word for word in LEDS if LEDS[word] != LIGHT_LANGUAGE[word]} == {RoomState.UNKNOWN}


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("writer", ROOT / ".ci" / "readme_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""The commands as a technician and a script meet them: help, exit codes, JSON, a quick start."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ivsd import cli
from ivsd.appliance import press_command, status_command
from ivsd.appliance.control_client import ControlError
from ivsd.cli import trying
from ivsd.cli.exit_codes import MEANINGS, ExitCode
from ivsd.valt.simulator.certificates import KINDS

ROOT = Path(__file__).parents[2]
VALT = 'valt: {url: "https://valt.example.com", username: u, password: swordfish7}\nroom: 4\n'

Capture = pytest.CaptureFixture[str]


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (
        action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


COMMANDS = commands()


def test_the_commands_are_those_of_the_product() -> None:
    assert set(COMMANDS) == {
        *("run", "demo", "simulate", "check", "explain", "status", "devices", "badge", "press"),
        *("test-connection", "doctor", "bundle", "factory-default", "lights-off", "web"),
    }


# -- help -----------------------------------------------------------------------------------------


def part(name: str, heading: str) -> list[str]:
    """Return the lines of one part at the end of a command's help."""
    text = COMMANDS[name].format_help()
    found = re.search(rf"^{heading}:\n((?:  .+\n)+)", text, re.MULTILINE)
    assert found is not None, text
    return [line.strip() for line in found[1].splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_the_command_takes(name: str) -> None:
    for example in part(name, "Examples?"):
        words = shlex.split(re.split(r" [|>] ", example)[0].removeprefix("sudo "))
        assert words[:2] == ["ivsd", name]
        cli.parser().parse_args(words[1:])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_says_what_the_exit_codes_tell(name: str) -> None:
    told = [int(line.split()[0]) for line in part(name, "Exit codes")]
    assert told == sorted(set(told))
    assert {ExitCode.DONE, ExitCode.USAGE} <= set(told) <= set(MEANINGS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_says_what_it_is_for(name: str) -> None:
    assert [action.dest for action in COMMANDS[name]._actions if not action.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_fits_a_small_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert [line for line in COMMANDS[name].format_help().splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    "words", [[], ["statsu"], ["status", "--jsn"], ["press"], ["check", "--x"]]
)
def test_a_wrong_word_is_a_wrong_usage(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("usage: ivsd")


def test_the_certificates_to_choose_from_are_those_of_the_simulator() -> None:
    assert trying.CERTIFICATES == KINDS


def test_one_number_means_one_thing_whichever_command_ends_with_it() -> None:
    assert (status_command.ALL_RIGHT, press_command.DONE) == (ExitCode.DONE,) * 2
    assert (status_command.SOMETHING_WRONG, press_command.NOT_DONE) == (ExitCode.NOT_DONE,) * 2
    assert status_command.NO_DAEMON == ExitCode.NO_DAEMON
    assert status_command.NOT_TOLD == ExitCode.NOT_TOLD


@pytest.mark.parametrize("code", ["changed", "failed", "bad_answer", "not_made", "bad_args"])
def test_what_the_daemon_could_not_do_is_not_called_the_absence_of_one(code: str) -> None:
    assert status_command.exit_code_of(ControlError(code, "why")) == ExitCode.NOT_DONE


@pytest.mark.parametrize(
    ("code", "ends_with"),
    [
        *((code, ExitCode.NO_DAEMON) for code in ("no_daemon", "no_answer")),
        *((code, ExitCode.NOT_TOLD) for code in ("no_permission", "not_allowed", "busy")),
    ],
)
def test_no_daemon_and_no_right_have_codes_of_their_own(code: str, ends_with: ExitCode) -> None:
    assert status_command.exit_code_of(ControlError(code, "why")) == ends_with


def closed_early(*words: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "ivsd", *words], stdout=writer, stderr=subprocess.PIPE,
            check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writer)


@pytest.mark.parametrize("command", ["explain", "check"])
def test_a_pipe_that_is_closed_early_ends_a_command_quietly(command: str) -> None:
    """As `ivsd explain | head -1`."""
    done = closed_early(command, str(ROOT / "config" / "ivsd.yaml"))
    assert (done.returncode, done.stderr) == (ExitCode.CLOSED_PIPE, b"")


def test_another_broken_pipe_is_not_taken_for_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    with open(os.devnull, "w", encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(cli, "_run", broken)
        with pytest.raises(BrokenPipeError):
            cli.main([])


def test_the_readme_names_only_commands_and_options_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`(?:sudo )?ivsd ([a-z][a-z-]+)([^`]*)`", readme)
    assert len(named) > 15
    for name, rest in named:
        assert name in COMMANDS, name
        known = {option for action in COMMANDS[name]._actions for option in action.option_strings}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_a_command_does_not_wait_for_what_others_need() -> None:
    code = "import sys, ivsd.cli; ivsd.cli.parser(); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith("ivsd.") and "ivsd.cli" not in name] == []
    assert {"yaml", "requests", "flask", "evdev", "gpiod"}.isdisjoint(loaded)


# -- JSON -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def answer(capsys: Capture, *words: str) -> tuple[int, dict[str, object]]:
    """Run a command: its exit code, and the one document that it has printed."""
    code = cli.main(words)
    said = capsys.readouterr()
    assert said.err == ""
    document = json.loads(said.out)
    assert isinstance(document, dict)
    return code, document


def test_a_right_file_is_told_to_programs(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(VALT)
    assert answer(capsys, "check", "--json", str(path)) == (
        0,
        {"file": str(path), "ok": True, "problems": [], "names_password": True},
    )
    path.write_text(VALT.replace(", password: swordfish7", ""))
    assert answer(capsys, "check", "--json", str(path))[1]["names_password"] is False
    cli.main(["check", str(path)])
    said = capsys.readouterr().out
    assert "It holds no password: as /etc/ivsd/ivsd.yaml it needs one that was moved to" in said


def test_what_is_wrong_is_told_to_programs_with_file_line_and_key(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(f"{VALT}controls: {{record: recrd_toggle}}\nlights: {{lamp: []}}\n")
    (tmp_path / "cards.yaml").write_text("cards: [{number: 4711}]\n")
    code, document = answer(capsys, "check", "--json", str(path))
    assert (code, document["ok"]) == (1, False)
    problems = document["problems"]
    assert isinstance(problems, list)
    assert [(one["line"], one["key"]) for one in problems] == [
        (3, "controls.record"), (4, "lights.lamp"), (1, "cards.1.number"),
    ]  # fmt: skip
    assert [Path(one["file"]).name for one in problems] == ["ivsd.yaml"] * 2 + ["cards.yaml"]
    assert "did you mean" in problems[0]["text"]
    assert "swordfish" not in json.dumps(document)


def test_a_file_that_is_not_there_is_told_to_programs(tmp_path: Path, capsys: Capture) -> None:
    code, document = answer(capsys, "check", "--json", str(tmp_path / "none.yaml"))
    assert (code, document["ok"], document["names_password"]) == (1, False, False)


@pytest.mark.parametrize("wrong", ["[swordfish7]", "{a: swordfish7}", "20261123", "true"])
def test_a_password_of_a_wrong_kind_is_in_no_answer(
    tmp_path: Path, capsys: Capture, wrong: str
) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(VALT.replace("swordfish7", wrong))
    code, document = answer(capsys, "check", "--json", str(path))
    assert code == 1
    assert "swordfish" not in json.dumps(document)
    assert "20261123" not in json.dumps(document)


def test_what_controls_do_is_told_to_programs(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text(f"{VALT}controls: {{record: record_toggle}}\n")
    code, document = answer(capsys, "explain", "--json", str(path))
    assert (code, document["ok"], document["problems"]) == (0, True, [])
    inputs = document["inputs"]
    assert isinstance(inputs, list)
    assert [one["input"] for one in inputs] == ["record, pressed", "badge or PIN"]
    assert inputs[0]["does"] == {
        "available": "starts a recording",
        "prepared": "starts a recording",
        "recording": "stops the recording",
        "paused": "stops the recording",
        "locked": "refused: the room is locked",
    }


def test_a_file_that_cannot_be_explained_is_told_to_programs(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "ivsd.yaml"
    path.write_text("controls: {record: recrd_toggle}\n")
    code, document = answer(capsys, "explain", "--json", str(path))
    assert (code, document["ok"], document["inputs"]) == (ExitCode.USAGE, False, [])
    problems = document["problems"]
    assert isinstance(problems, list)
    assert [one["key"] for one in problems] == ["controls.record"], "of a missing room no word"

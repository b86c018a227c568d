"""`ivs.log`: one line per entry, whole also when several write at once, and never in the way."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivsd import ivs

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (.*)")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ivs.log"


@pytest.fixture
def seven_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "XYZ-7")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def entries(file: Path) -> list[str]:
    """What was logged, without the times; every line must have one."""
    written = file.read_text(encoding="utf-8")
    assert written.endswith("\n")
    lines = [LINE.fullmatch(line) for line in written.removesuffix("\n").split("\n")]
    assert all(lines), written
    return [line[2] for line in lines if line]


# ---- one process ------------------------------------------------------------------------------


@pytest.mark.usefixtures("seven_hours_east")
def test_an_entry_is_a_line_with_the_local_time_in_front(file: Path) -> None:
    before = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=7)
    ivs.log("Room 127 Unlocked", str(file))
    after = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=7)
    line = LINE.fullmatch(file.read_text().removesuffix("\n"))
    assert line
    assert before <= datetime.strptime(line[1], "%Y-%m-%d %H:%M:%S") <= after
    assert line[2] == "Room 127 Unlocked"


def test_entries_are_appended_to_what_is_there(file: Path) -> None:
    file.write_text("2026-01-01 00:00:00 of old\n")
    ivs.log("one", str(file))
    ivs.log("two", logpath=file)
    assert entries(file) == ["of old", "one", "two"]


def test_the_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ivs.log("here", "my.log")
    assert entries(tmp_path / "my.log") == ["here"]


def test_a_file_that_was_taken_away_is_made_anew(file: Path) -> None:
    ivs.log("one", file)
    file.rename(file.with_suffix(".1"))
    ivs.log("two", file)
    assert entries(file) == ["two"]


@pytest.mark.parametrize(
    "message", ["one\ntwo", "one\r\ntwo", "one\rtwo", "one\n\ntwo", "one two\n", "\none two"]
)
def test_a_line_break_becomes_a_space(file: Path, message: str) -> None:
    ivs.log(message, file)
    (entry,) = entries(file)
    assert "\r" not in entry
    assert entry.split() == ["one", "two"]


@pytest.mark.parametrize(
    "message", ["", " ", "Tür offen ☃ 𝄞", "tab\there", "x" * 1_000_000, "100 %s %d {}", "a\\nb"]
)
def test_a_message_is_written_as_it_is(file: Path, message: str) -> None:
    ivs.log(message, file)
    ivs.log("after it", file)
    (entry, then) = entries(file)
    assert entry.strip() == message.strip()
    assert then == "after it"


@pytest.mark.parametrize("message", ["\ud800", "a\x00b", "\u2028", "\x85"])
def test_an_odd_character_is_no_reason_to_raise(file: Path, message: str) -> None:
    ivs.log(f"before {message} after", file)
    (entry,) = entries(file)
    assert entry.startswith("before")
    assert entry.endswith("after")


def test_utf8_is_written_whatever_the_locale(tmp_path: Path) -> None:
    run(tmp_path, 'ivs.log("Tür \\u2603")', LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert entries(tmp_path / "ivs.log") == ["Tür \u2603"]


# ---- the default path -------------------------------------------------------------------------


def run(folder: Path, line: str, *, cwd: Path | str = "/", **env: str) -> None:
    """Execute a script with this line, which lies in `folder`, from another folder."""
    script = folder / "script.py"
    script.write_text(f"from ivsd import ivs\n{line}\n", encoding="utf-8")
    execute([str(script)], cwd, **env)


def execute(args: list[str], cwd: Path | str, typed: str = "", **env: str) -> None:
    done = subprocess.run(
        [sys.executable, *args],
        input=typed,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_default_file_lies_beside_the_executed_program(tmp_path: Path) -> None:
    programs, elsewhere = tmp_path / "programs", tmp_path / "elsewhere"
    programs.mkdir()
    elsewhere.mkdir()
    run(programs, 'ivs.log("hello")', cwd=elsewhere)
    assert entries(programs / "ivs.log") == ["hello"]
    assert list(elsewhere.iterdir()) == []


def test_the_default_file_stays_where_it_was_when_the_program_changes_its_folder(
    tmp_path: Path,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os
            from ivsd import ivs

            os.chdir({str(elsewhere)!r})
            ivs.log("hello")
            """
        )
    )
    execute(["script.py"], tmp_path)
    assert entries(tmp_path / "ivs.log") == ["hello"]
    assert list(elsewhere.iterdir()) == []


def test_the_default_file_of_a_program_that_imports_another_lies_beside_the_first(
    tmp_path: Path,
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "helper.py").write_text('from ivsd import ivs\nivs.log("from the helper")\n')
    run(tmp_path, f"import sys; sys.path.insert(0, {str(library)!r}); import helper")
    assert entries(tmp_path / "ivs.log") == ["from the helper"]


def test_the_default_file_of_a_module_that_is_executed_lies_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "tool"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text('from ivsd import ivs\nivs.log("hello")\n')
    execute(["-m", "tool"], tmp_path)
    assert entries(package / "ivs.log") == ["hello"]


def test_the_default_file_without_a_program_lies_in_the_current_folder(tmp_path: Path) -> None:
    execute(["-c", 'from ivsd import ivs; ivs.log("hello")'], tmp_path)
    execute(["-"], tmp_path, typed='from ivsd import ivs; ivs.log("and hello")')
    assert entries(tmp_path / "ivs.log") == ["hello", "and hello"]


# ---- several at once --------------------------------------------------------------------------

WRITER = """
import sys
from ivsd import ivs

name, file, length, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    ivs.log(f"{name} {number} " + name * length + " end", file)
"""


@pytest.mark.parametrize(("length", "count"), [(20, 300), (50_000, 40)])
def test_the_lines_of_several_processes_stay_whole(
    tmp_path: Path, file: Path, length: int, count: int
) -> None:
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    names = ["a", "b", "ü", "☃"]
    processes = [
        subprocess.Popen(
            [sys.executable, script, name, file, str(length), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=20)
        assert process.returncode == 0
    found = entries(file)
    for name in names:
        mine = [entry for entry in found if entry.startswith(f"{name} ")]
        assert mine == [f"{name} {number} {name * length} end" for number in range(count)]
    assert len(found) == len(names) * count


def test_the_lines_of_several_threads_stay_whole(file: Path) -> None:
    def write(name: str) -> None:
        for number in range(100):
            ivs.log(f"{name} {number} {name * 5000}", file)

    threads = [threading.Thread(target=write, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    expected = {f"{name} {number} {name * 5000}" for name in "abcd" for number in range(100)}
    found = entries(file)
    assert len(found) == len(expected)
    assert set(found) == expected


# ---- a failing disk ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dev/full", "{}/nowhere/ivs.log", "{}", "{}/a\x00b"])
def test_a_failing_disk_is_reported_and_never_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.WARNING)
    ivs.log("Room 127 Unlocked", path.format(tmp_path))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert list(tmp_path.iterdir()) == []


def test_a_message_that_could_not_be_written_does_not_stop_the_next(
    tmp_path: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "later"
    ivs.log("too early", folder / "ivs.log")
    folder.mkdir()
    ivs.log("now", folder / "ivs.log")
    assert entries(folder / "ivs.log") == ["now"]
    assert len(caplog.records) == 1


# ---- the factory default ----------------------------------------------------------------------


def test_the_factory_default_of_a_machine_that_is_no_appliance_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **more: object) -> None:
        raise AssertionError("it ran a program")

    for name in ("run", "Popen", "call", "check_call"):
        monkeypatch.setattr(subprocess, name, never)
    monkeypatch.setattr(os, "system", never)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ivs.NotAnAppliance, match="nothing was changed") as refusal:
        ivs.factorydefault()
    assert isinstance(refusal.value, RuntimeError)
    assert list(tmp_path.iterdir()) == []

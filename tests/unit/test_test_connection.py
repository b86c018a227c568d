"""`ivsd test-connection`: what it reads, prints and ends with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ivsd import test_connection as command
from ivsd.appliance import settings
from ivsd.valt.simulator import Simulator, World

PASSWORD = "correct horse 7"
URL_TO_NOBODY = "http://127.0.0.1:1"
BUTTONS = "controls: {start: {action: record_toggle}}\n"
READER = "inputs: {keyboards: [{name: reader, match: {path: /dev/null}, role: %s}]}\n"

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_other_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(command, "DEFAULT_STATE", tmp_path / "state")
    monkeypatch.setattr(settings, "DEFAULT_CONFIG", tmp_path / "ivsd.yaml")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(
        url: str, *, room: str = "4", password: str = PASSWORD, valt: str = "", rest: str = ""
    ) -> Path:
        text = f"valt:\n  url: {url}\n  username: admin\n  timeout_s: 2\n"
        text += f"  password: {password}\n" if password else ""
        text += f"  {valt}\n" if valt else ""
        text += f"room: {room}\n" if room else ""
        path = tmp_path / "ivsd.yaml"
        path.write_text(text + rest, encoding="utf-8")
        return path

    return _write


@pytest.fixture
def valt() -> Any:
    with Simulator(World(), password=PASSWORD) as simulator:
        yield simulator


def run(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = command.test_connection(path, as_json=False)
    out, err = capsys.readouterr()
    assert err == ""
    assert PASSWORD not in out
    return code, out.splitlines()


def run_json(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = command.test_connection(path, as_json=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert PASSWORD not in out
    document: dict[str, Any] = json.loads(out)
    assert document["ok"] is (code == 0)
    return code, document


def marks(lines: list[str]) -> dict[str, str]:
    """The mark of each step that was printed."""
    words = [line.split() for line in lines]
    return {word[1]: word[0] for word in words if word and word[0] in ("ok", "WRONG", "-")}


def test_all_right_ends_with_0_and_says_so(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = run(write(valt.url, rest=READER % "badge"), capsys)
    assert code == 0
    assert lines[0] == f"ok     address  http, 127.0.0.1 port {valt.port}"
    assert lines[-1] == "All right."
    assert list(marks(lines)) == [
        "address", "name", "connect", "tls", "valt", "log-in", "version", "room", "rights",
        "actions", "speed", "clock",
    ]  # fmt: skip
    assert set(marks(lines).values()) == {"ok", "-"}


def test_a_step_is_printed_before_the_next_one_asks_the_server(
    valt: Simulator, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Screen(StringIO):
        def write(self, text: str) -> int:
            seen.append(text)
            return len(text)

    valt.log = seen.append
    monkeypatch.setattr(sys, "stdout", Screen())
    assert command.test_connection(write(valt.url), as_json=False) == 0

    def first(words: str) -> int:
        return next(at for at, line in enumerate(seen) if words in line)

    assert first("ok     connect") < first("GET ")
    assert first("ok     valt") < first("POST ")
    assert first("ok     log-in") < first("/admin/general")


def test_what_is_wrong_ends_with_1_and_with_what_to_do(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = run(write(valt.url, room="Interwiev Room 1"), capsys)
    assert code == 1
    assert marks(lines)["room"] == "WRONG"
    assert lines[lines.index("What to do:") + 1 :] == [
        "  Is it 'Interview Room 1' (room 4) or 'Interview Room 2' (room 7)?",
        "    room: 4      Interview Room 1",
        "    room: 7      Interview Room 2",
        "    room: 9      Teaching Lab",
    ]


def test_nothing_is_tried_behind_what_is_wrong(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = run(write(URL_TO_NOBODY), capsys)
    assert code == 1
    assert marks(lines) == {"address": "ok", "name": "ok", "connect": "WRONG"}
    assert "refuses connections on port 1" in "".join(lines)


def test_json_is_one_document_with_all_that_was_found(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run_json(write(valt.url), capsys)
    assert (code, document["problems"]) == (0, [])
    found = {finding["step"]: finding for finding in document["findings"]}
    assert found["version"]["data"] == {"text": "6.5.2", "major": 6, "minor": 5}
    assert found["room"]["data"]["chosen"] == {"id": 4, "name": "Interview Room 1"}
    assert found["log_in"] == {
        "step": "log_in", "ok": True, "text": "logged in as 'admin'", "advice": "", "data": None
    }  # fmt: skip


def test_json_says_what_is_wrong(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run_json(write(valt.url, password="another 99"), capsys)
    assert code == 1
    assert document["findings"][-1]["step"] == "log_in"
    assert "check the password" in document["findings"][-1]["text"]
    assert "another 99" not in json.dumps(document)


@pytest.mark.parametrize(
    ("role", "rights"), [("badge", "ok"), ("auto", "ok"), ("pin", "ok"), ("keys", "-"), ("", "-")]
)
def test_users_are_looked_up_only_where_a_reader_or_keypad_needs_them(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str], role: str, rights: str
) -> None:
    code, lines = run(write(valt.url, rest=READER % role if role else BUTTONS), capsys)
    assert (code, marks(lines)["rights"]) == (0, rights)


# -- files that are not quite right -------------------------------------------------------------


def test_mistakes_in_other_sections_do_not_matter(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(valt.url, rest="inputs: {keybords: []}\nlihgts: 3\ncontrols: {x: {}}\n")
    code, lines = run(path, capsys)
    assert (code, lines[-1]) == (0, "All right.")
    assert marks(lines)["rights"] == "ok"  # there may be a reader


@pytest.mark.parametrize("room", ["", "[4]"])
def test_without_a_right_room_the_rest_is_tried_and_the_rooms_are_told(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str], room: str
) -> None:
    code, lines = run(write(valt.url, room=room), capsys)
    assert code == 1
    assert marks(lines)["clock"] == "ok"
    assert any("there are 'Interview Room 1' (room 4)" in line for line in lines)
    assert any(": room: " in line for line in lines)
    assert "All right." not in lines


def test_without_a_password_the_way_to_the_server_is_tried(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = run(write(valt.url, password=""), capsys)
    assert code == 1
    assert (marks(lines)["valt"], marks(lines)["log-in"]) == ("ok", "WRONG")
    assert any("valt.password_file: is missing" in line for line in lines)
    assert [exchange.method for exchange in valt.requests] == ["GET"]


def test_a_password_that_the_daemon_has_moved_is_found(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "valt-password").write_text(PASSWORD, encoding="utf-8")
    assert run(write(valt.url, password=""), capsys)[0] == 0


def test_a_draft_does_not_get_the_password_of_the_service(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It may name any server, which would be told the password (decision 18)."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "valt-password").write_text(PASSWORD, encoding="utf-8")
    draft = write(valt.url, password="").rename(tmp_path / "draft.yaml")
    code, lines = run(draft, capsys)
    assert code == 1
    assert any("this file must bring one" in line for line in lines)
    assert not any("sudo" in line for line in lines), "root is not told more"
    assert [exchange.method for exchange in valt.requests] == ["GET"]


def test_a_link_to_the_file_of_the_service_is_that_file(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "valt-password").write_text(PASSWORD, encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to(write(valt.url, password=""))
    assert run(tmp_path / "link.yaml", capsys)[0] == 0


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("valt_line", "words"),
    [("verify: false", "cannot be switched off"), ("usernme: x", "is no key here")],
)
def test_a_wrong_valt_section_ends_with_2_before_anything_is_tried(
    valt: Simulator,
    write: Write,
    capsys: pytest.CaptureFixture[str],
    as_json: bool,
    valt_line: str,
    words: str,
) -> None:
    path = write(valt.url, valt=valt_line)
    assert command.test_connection(path, as_json=as_json) == 2
    out = capsys.readouterr().out
    assert words in out
    assert PASSWORD not in out
    assert valt.requests == []
    if as_json:
        assert json.loads(out)["ok"] is False


def test_a_wrong_address_is_told_in_the_words_of_check(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = run(write("valt.example"), capsys)
    assert code == 2
    assert "valt.url: 'valt.example' is no web address" in lines[0]


@pytest.mark.parametrize("text", [None, "", "valt: [", "\x00", "room: 4\n"])
def test_a_file_that_cannot_be_read_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    path = tmp_path / "ivsd.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    code, lines = run(path, capsys)
    assert code == 2
    assert str(path) in lines[0]
    code, document = run_json(path, capsys)
    assert (code, document["findings"]) == (2, [])
    assert document["problems"]


def test_a_name_from_the_server_does_not_move_the_cursor(
    valt: Simulator, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    valt.world.rooms[9].name = "Lab\x1b[2J\nall right"
    _, lines = run(write(valt.url, room="12"), capsys)
    assert (
        "    room: 9      Lab\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}all right"
        in lines
    )
    assert "\x1b" not in "".join(lines)

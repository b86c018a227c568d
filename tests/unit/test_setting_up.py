"""Setting a box up from afar: what is read, tried and written, and where the password may go."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import durable
from ivsd.appliance.operations import Refused
from ivsd.config import load
from ivsd.config.password import CREDENTIAL
from ivsd.set_up.fields import SettingUp
from ivsd.valt.simulator import Simulator, World

SECRET = "correct-horse-battery"
FILE = """\
# by hand
valt:
  url: URL
  username: admin
room: 4
controls: {record: record_toggle}
"""


class Box:
    """A file and a folder, without a daemon."""

    def __init__(self, folder: Path, url: str = "http://127.0.0.1:9") -> None:
        self.path, self.state = folder / "ivsd.yaml", folder / "state"
        self.state.mkdir()
        self.path.write_text(FILE.replace("URL", url))
        self.reloads: list[str] = []
        self.setting_up = SettingUp(
            self.path, self.state, lambda: self.reloads.append(self.path.read_text()),
            may_write=True,
        )  # fmt: skip

    def keep(self, secret: str = SECRET) -> None:
        """Have a password, as the daemon keeps it."""
        (self.state / CREDENTIAL).write_text(secret)

    def do(self, op: str, **args: Any) -> dict[str, Any]:
        said = self.setting_up.do(op, args)
        assert isinstance(said, dict), said
        json.dumps(said)
        assert SECRET not in json.dumps(said)
        return said

    def refused(self, op: str, **args: Any) -> str:
        said = self.setting_up.do(op, args)
        assert isinstance(said, Refused)
        assert said.text
        assert SECRET not in said.text
        return said.code

    def save(self, password: str | None = None, **edits: str | None) -> dict[str, Any]:
        """Save fields; a key's dots are written as two underscores."""
        revision = self.do("config")["revision"]
        named = {key.replace("__", "."): text for key, text in edits.items()}
        return self.do("save", edits=named, password=password, revision=revision)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(World(version="6.5.2"), password=SECRET) as simulator:
        yield simulator


# -- reading --------------------------------------------------------------------------------------


def test_the_file_is_told_without_its_password(box: Box) -> None:
    box.path.write_text(FILE.replace("admin", f"admin\n  password: {SECRET}"))
    told = box.do("config")
    assert told["values"]["valt"] == {"url": "URL", "username": "admin"}
    assert told["values"]["room"] == 4
    assert told["has_password"] is True
    assert [problem["key"] for problem in told["problems"]] == ["valt.url"]


@pytest.mark.parametrize("wrong", ["1234", "yes"])
def test_a_value_that_is_wrong_is_told_as_it_stands(box: Box, wrong: str) -> None:
    box.path.write_text(FILE.replace("username: admin", f"username: {wrong}"))
    told = box.do("config")
    assert told["values"]["valt"]["username"] == wrong
    assert "valt.username" in {problem["key"] for problem in told["problems"]}


def test_a_box_without_a_password_says_so(box: Box) -> None:
    assert box.do("config")["has_password"] is False
    box.keep()
    assert box.do("config")["has_password"] is True


@pytest.mark.parametrize("text", ["valt: [", "valt: {a: 1}\n", "- 1\n", "\x00"])
def test_a_file_that_cannot_be_kept_whole_is_not_touched(box: Box, text: str) -> None:
    box.path.write_text(text)
    for op in ("config", "preview"):
        assert box.refused(op, edits={}) == "wrong_file"
    assert box.refused("save", edits={}, password=SECRET, revision="") == "wrong_file"
    assert box.path.read_text() == text


def test_a_file_that_is_not_there_is_told(box: Box) -> None:
    box.path.unlink()
    assert box.refused("config") == "wrong_file"


@pytest.mark.parametrize(
    "args", [{"edits": {"room": 4}}, {"edits": {}, "password": ""}, {"edits": {"room": ["4"]}}]
)
def test_what_is_no_text_is_refused(box: Box, args: dict[str, Any]) -> None:
    assert box.refused("preview", **args) == "bad_args"


def test_a_preview_tells_what_would_change_and_changes_nothing(box: Box) -> None:
    box.keep()
    before = box.path.read_text()
    told = box.do("preview", edits={"room": "7", "recording.stop": "hold"})
    assert told["problems"] == []
    assert {change["key"] for change in told["changes"]} == {"room", "recording.stop"}
    assert "+room: 7" in told["diff"]
    assert told["needs_password"] is False
    assert box.path.read_text() == before
    assert box.reloads == []


def test_a_wrong_value_is_told_beside_its_key(box: Box) -> None:
    told = box.do("preview", edits={"valt.url": "valt", "valt.timeout_s": "soon"})
    assert {problem["key"] for problem in told["problems"]} == {"valt.url", "valt.timeout_s"}


# -- writing --------------------------------------------------------------------------------------


def test_a_save_writes_the_file_keeps_the_one_before_and_reloads(box: Box) -> None:
    box.keep()
    before = box.path.read_text()
    box.save(room="7")
    assert load(box.path).room == 7
    assert box.path.with_name("ivsd.yaml.bak").read_text() == before
    assert box.reloads == [box.path.read_text()]


def test_a_password_goes_to_the_daemons_own_folder_and_nowhere_else(box: Box) -> None:
    box.path.write_text(FILE.replace("URL", "http://valt") + "recording: {name: Door}\n")
    box.save(SECRET, valt__url="https://valt.example.com")
    kept = box.state / CREDENTIAL
    assert kept.read_text() == SECRET
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for file in box.path.parent.glob("ivsd.yaml*"):
        assert SECRET not in file.read_text()


def test_a_password_that_stands_in_the_file_is_moved_and_leaves_no_copy(box: Box) -> None:
    box.path.write_text(
        FILE.replace("URL", "http://valt").replace("admin", f"admin\n  password: {SECRET}")
    )
    box.save(room="7")
    assert (box.state / CREDENTIAL).read_text() == SECRET
    for file in box.path.parent.glob("ivsd.yaml*"):
        assert SECRET not in file.read_text()


def test_a_new_password_wins_over_the_file_that_had_the_old_one(box: Box) -> None:
    box.path.write_text(FILE.replace("admin", "admin\n  password_file: old"))
    (box.path.parent / "old").write_text("old-password")
    box.save(SECRET, valt__url="http://valt")
    assert load(box.path).valt.password_file is None
    assert (box.path.parent / "old").read_text() == "old-password"


def test_what_is_wrong_is_not_written(box: Box) -> None:
    box.keep()
    before, revision = box.path.read_text(), box.do("config")["revision"]
    code = box.refused("save", edits={"valt.url": "x"}, password=SECRET, revision=revision)
    assert code == "wrong"
    assert box.path.read_text() == before
    assert (box.state / CREDENTIAL).read_text() == SECRET


def test_a_file_that_somebody_else_has_changed_is_not_overwritten(box: Box) -> None:
    box.keep()
    revision = box.do("config")["revision"]
    box.path.write_text(FILE.replace("room: 4", "room: 9"))
    assert box.refused("save", edits={}, password=None, revision=revision) == "changed"
    assert load_room(box) == "room: 9"


def load_room(box: Box) -> str:
    return next(line for line in box.path.read_text().splitlines() if line.startswith("room"))


def test_a_daemon_that_was_started_by_hand_writes_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.keep()
    by_hand = SettingUp(box.path, box.state, lambda: None, may_write=False)
    args = {"edits": {}, "password": None, "revision": box.do("config")["revision"]}
    said = by_hand.do("save", args)
    assert isinstance(said, Refused)
    assert said.code == "not_here"


def test_a_password_of_systemd_is_not_set_here(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / CREDENTIAL).write_text("of-systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    revision = box.do("config")["revision"]
    assert box.refused("save", edits={}, password=SECRET, revision=revision) == "not_here"


def test_a_disk_that_takes_nothing_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.keep()

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("ivsd.set_up.config_file.durable.write", full)
    revision = box.do("config")["revision"]
    assert box.refused("save", edits={"room": "7"}, password=None, revision=revision) == "not_saved"


# -- where the password is sent to (decision 18) --------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "asks"),
    [
        ({"room": "7"}, False),
        ({"valt.username": "another"}, False),
        ({"valt.url": "http://127.0.0.1:9/valt"}, False),
        ({"valt.url": "https://127.0.0.1:9"}, True),
        ({"valt.url": "http://evil.example.com:9"}, True),
        ({"valt.url": "http://127.0.0.1:10"}, True),
        ({"valt.url": "http://127.0.0.1:9@evil.example.com"}, True),
        ({"valt.verify": "sha256:" + "ab" * 32}, True),
    ],
)
def test_the_stored_password_is_not_sent_to_another_place(
    box: Box, edits: dict[str, str], *, asks: bool
) -> None:
    box.path.write_text(FILE.replace("URL", "http://127.0.0.1:9"))
    box.keep()
    told = box.do("preview", edits=edits)
    assert told["needs_password"] is asks
    if asks:
        refused = {"wrong"} if told["problems"] else {"password_needed"}
        revision = box.do("config")["revision"]
        assert {box.refused("test-connection", edits=edits, password=None)} == refused
        assert {box.refused("save", edits=edits, password=None, revision=revision)} == refused


@pytest.mark.parametrize("file", ["pw", "cards.yaml", "/etc/passwd"])
@pytest.mark.parametrize("op", ["preview", "test-connection", "save"])
def test_nobody_from_afar_names_the_file_that_is_the_password(box: Box, op: str, file: str) -> None:
    args = {"edits": {"valt.password_file": file}, "password": SECRET, "revision": "a"}
    assert box.refused(op, **args) == "bad_args"
    assert "password_file" not in box.path.read_text()


@pytest.mark.parametrize("key", ["inputs.buttons.1.line", "lights.lamps.1", "factory_default.line"])
def test_what_no_page_edits_is_not_set_from_afar(box: Box, key: str) -> None:
    assert box.refused("preview", edits={key: "1"}) == "bad_args"


def test_a_save_that_fails_half_way_leaves_the_password_with_its_server(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.path.write_text(FILE.replace("URL", "http://old"))
    box.keep("old-password")
    write = durable.write

    def full(path: Path, *args: Any, **more: Any) -> None:
        if path == box.path:
            raise OSError(28, "No space left on device", str(path))
        write(path, *args, **more)

    monkeypatch.setattr(durable, "write", full)
    revision = box.do("config")["revision"]
    edits = {"valt.url": "http://new"}
    assert box.refused("save", edits=edits, password=SECRET, revision=revision) == "not_saved"
    assert (box.state / CREDENTIAL).read_text() == "old-password"
    assert "http://old" in box.path.read_text()


# -- trying ---------------------------------------------------------------------------------------


def test_the_way_is_tried_with_what_was_typed(box: Box, server: Simulator) -> None:
    edits: dict[str, str | None] = {"valt.url": server.url, "room": None}
    found = box.do("test-connection", edits=edits, password=SECRET)["findings"]
    steps = {finding["step"]: finding for finding in found}
    assert steps["log_in"]["ok"] is True
    assert "Interview Room 1" in json.dumps(steps["room"])
    assert box.path.read_text() == FILE.replace("URL", "http://127.0.0.1:9")


def test_a_wrong_password_is_named(box: Box, server: Simulator) -> None:
    found = box.do("test-connection", edits={"valt.url": server.url}, password="wrong")["findings"]
    assert [finding["step"] for finding in found if finding["ok"] is False] == ["log_in"]


def test_the_stored_password_is_used_where_nothing_was_changed(
    tmp_path: Path, server: Simulator
) -> None:
    box = Box(tmp_path, server.url)
    box.keep()
    found = box.do("test-connection", edits={}, password=None)["findings"]
    assert {finding["step"] for finding in found if finding["ok"] is False} == set()


def test_an_address_that_is_none_is_not_tried(box: Box) -> None:
    assert box.refused("test-connection", edits={"valt.url": "x"}, password=SECRET) == "wrong"

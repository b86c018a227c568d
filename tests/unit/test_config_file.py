"""A new password and the file that it is for: whatever goes wrong between them, they fit."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import durable
from ivsd.appliance.operations import Refused
from ivsd.config.password import CREDENTIAL
from ivsd.set_up.fields import SettingUp
from tests.power_cut import LOSSES, CutDisk, PowerCut, QuickDisk

OLD, NEW = "http://old.example.com", "http://new.example.com"
FILE = """\
valt: {url: "URL", username: admin}
room: 4
controls: {record: record_toggle}
"""


class Box:
    """A file and the daemon's folder; `start` is a start of the daemon."""

    def __init__(self, folder: Path, password: str | None) -> None:
        self.path, self.state = folder / "ivsd.yaml", folder / "state"
        self.state.mkdir(parents=True)
        self.path.write_text(FILE.replace("URL", OLD))
        if password is not None:
            (self.state / CREDENTIAL).write_text(password)
        self.start()

    def start(self) -> None:
        self.setting_up = SettingUp(self.path, self.state, lambda: None, may_write=True)

    def save(self, url: str | None, password: str) -> dict[str, Any] | Refused:
        edits = {"valt.url": url} if url is not None else {}
        revision = self.setting_up.file.read().revision
        args = {"edits": edits, "password": password, "revision": revision}
        return self.setting_up.do("save", args)

    @property
    def way(self) -> tuple[str, str | None]:
        """Which server gets which password."""
        kept = self.state / CREDENTIAL
        url = NEW if NEW in self.path.read_text() else OLD
        return url, kept.read_text() if kept.exists() else None

    def names(self) -> list[str]:
        return sorted(file.name for file in self.state.iterdir())


def full(monkeypatch: pytest.MonkeyPatch, box: Box) -> None:
    """Let the disk take no ivsd.yaml any more."""
    write = durable.write

    def refuse(path: Path, *args: Any, **more: Any) -> None:
        if path == box.path:
            raise OSError(28, "No space left on device", str(path))
        write(path, *args, **more)

    monkeypatch.setattr(durable, "write", refuse)


@pytest.mark.parametrize("before", ["old", None])
def test_a_password_is_not_kept_for_a_server_that_could_not_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    box = Box(tmp_path, before)
    full(monkeypatch, box)
    said = box.save(NEW, "new")
    assert isinstance(said, Refused)
    assert said.code == "not_saved"
    assert box.way == (OLD, before)
    assert box.names() == ([CREDENTIAL] if before else [])


def test_a_new_password_alone_writes_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path, "old")
    assert isinstance(box.save(OLD + "/", "old"), dict)  # the file is now as the box writes it
    full(monkeypatch, box)
    assert isinstance(box.save(None, "new"), dict)
    assert box.way == (OLD, "new")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("before", ["old", None])
def test_after_a_power_cut_no_server_gets_the_password_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, loss: str
) -> None:
    seen = set()
    for at in range(1, 100):
        monkeypatch.setattr(durable, "files", QuickDisk())
        box = Box(tmp_path / str(at), before)
        disk = CutDisk(tmp_path / f"trash{at}", at)
        monkeypatch.setattr(durable, "files", disk)
        try:
            assert isinstance(box.save(NEW, "new"), dict)
        except PowerCut:
            disk.lose(loss)
        else:
            break
        monkeypatch.setattr(durable, "files", QuickDisk())
        box.start()
        seen.add(box.way)
        assert box.way in ((OLD, before), (NEW, "new")), at
        assert not [name for name in box.names() if len(name) > 60], at
    else:
        raise AssertionError("it never ends")
    assert seen == {(OLD, before), (NEW, "new")}
    disk.lose(loss)  # once it is told that all is saved, it is
    assert box.way == (NEW, "new")


def test_a_daemon_that_was_started_by_hand_settles_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path, "old")
    waiting = box.state / f"{CREDENTIAL}.{'0' * 64}"
    waiting.write_text("new")
    SettingUp(box.path, box.state, lambda: None, may_write=False)
    assert waiting.exists()


def test_a_folder_that_cannot_be_looked_at_is_told_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ivsd"):
        SettingUp(tmp_path / "ivsd.yaml", tmp_path / "gone", lambda: None, may_write=True)
    assert "No such file" in caplog.text

"""The daemon's own keeping of its files: the password moved out, the last right file kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from ivsd.appliance.settings import LAST_GOOD, Settings, salvage_beside
from ivsd.config import ConfigError, without_password
from ivsd.config.password import CREDENTIAL

VALT = "valt: {url: 'http://valt.test', username: box, password: open sesame}\nroom: 4\n"
LAMPS = "lights: {lamps: [{name: status, lines: [5]}]}\n"
HELD = "factory_default: {line: 12}\n"
WHOLE = VALT + LAMPS + HELD
COMBINED = """\
controls: {record: record_toggle, mark: marker}
inputs:
  buttons: [{control: record, line: 17}, {control: mark, line: 27}]
factory_default: {controls: [record, mark]}
"""


class Box:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "etc" / "ivsd.yaml"
        self.state = folder / "state"
        for made in (self.path.parent, self.state):
            made.mkdir()

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o640)

    def settings(self, *, owns_file: bool = True) -> Settings:
        return Settings(self.path, self.state, owns_file=owns_file)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("IVSD_DATADIR", str(tmp_path / "data"))
    return Box(tmp_path)


# -- the password -------------------------------------------------------------------------------


def test_a_password_is_moved_out_of_the_file_and_found_again(box: Box) -> None:
    box.write(WHOLE)
    assert box.settings().read().secret.reveal() == "open sesame"
    assert "open sesame" not in box.path.read_text()
    moved = box.state / CREDENTIAL
    assert (moved.read_text(), moved.stat().st_mode & 0o777) == ("open sesame", 0o600)
    assert box.path.stat().st_mode & 0o777 == 0o640
    assert box.settings().read().secret.reveal() == "open sesame"


def test_moving_the_password_changes_nothing_for_the_daemon(box: Box) -> None:
    box.write(WHOLE)
    before = box.settings().read()
    assert box.settings().read() == before


def test_a_new_password_in_the_file_takes_the_place_of_the_old_one(box: Box) -> None:
    box.write(WHOLE)
    box.settings().read()
    box.write(WHOLE.replace("open sesame", "another"))
    assert box.settings().read().secret.reveal() == "another"
    assert box.settings().read().secret.reveal() == "another"


def test_who_tries_it_by_hand_keeps_his_file(box: Box) -> None:
    box.write(WHOLE)
    assert box.settings(owns_file=False).read().secret.reveal() == "open sesame"
    assert box.path.read_text() == WHOLE
    assert not (box.state / CREDENTIAL).exists()


def test_a_draft_that_is_tried_by_hand_does_not_get_the_password_of_the_service(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.write(WHOLE)
    box.settings().read()  # moves it
    draft = box.path.with_name("draft.yaml")
    draft.write_text(box.path.read_text().replace("valt.test", "elsewhere.test"))
    monkeypatch.setattr("ivsd.appliance.settings.DEFAULT_STATE", box.state)
    with pytest.raises(ConfigError, match="password"):
        Settings(draft, box.state).read()
    monkeypatch.setattr("ivsd.appliance.settings.DEFAULT_CONFIG", draft)
    assert Settings(draft, box.state).read().secret.reveal() == "open sesame"


def test_a_folder_that_cannot_be_written_stops_nobody(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    box.write(WHOLE)
    box.state.rmdir()
    assert box.settings().read().secret.reveal() == "open sesame"
    assert box.path.read_text() == WHOLE, "not blanked before it is safe elsewhere"
    assert "No such file" in caplog.text
    assert "sesame" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "valt:\n  url: x\n  password: 'a # b'  # mine\n  username: b\n",
        "valt:\n  url: x\n  username: b\n  password: |\n    two\n    lines\nroom: 1\n",
        'valt: {url: x, password: "a\\"b", username: c}\n',
        "valt: {url: x, username: c, password: ab}\nroom: 1\n",
        "valt:\n  username: c\n  password: last",
        "# password: not this one\nvalt:\n  password:   spaced   \n  username: b\n",
    ],
)
def test_blanking_the_password_changes_nothing_else(text: str) -> None:
    before, after = yaml.safe_load(text), yaml.safe_load(without_password(text))
    assert after["valt"].pop("password") is None
    before["valt"].pop("password")
    assert after == before
    assert without_password(without_password(text)) == without_password(text)


def test_a_file_without_a_password_stays_as_it_is() -> None:
    text = "valt:\n  url: x # password: abc\nroom: 4\n"
    assert without_password(text) == text


# -- the last right file ------------------------------------------------------------------------


def test_the_last_right_file_is_kept_without_the_password(box: Box) -> None:
    box.write(WHOLE)
    box.settings(owns_file=False).read()
    kept = box.state / LAST_GOOD
    assert "sesame" not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_what_is_kept_already_is_not_written_again(box: Box) -> None:
    box.write(WHOLE)
    box.settings().read()
    before = (box.state / LAST_GOOD).stat()
    box.settings().read()
    after = (box.state / LAST_GOOD).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("wrong", ["", "lights: [", "room: [", LAMPS.replace("5", "6") + "rom: 4"])
def test_a_wrong_file_leaves_lamps_and_reset_button_as_they_were(box: Box, wrong: str) -> None:
    box.write(WHOLE)
    right = box.settings().read().config
    box.write(wrong)
    with pytest.raises(ConfigError):
        box.settings().read()
    found = box.settings().salvage()
    assert (found.lights, found.factory_default) == (right.lights, right.factory_default)
    assert found.controls == {}


def test_half_a_file_leaves_the_reset_button(box: Box) -> None:
    box.write(WHOLE)
    box.settings().read()
    for length in range(len(VALT) - 2):  # from there on it is right, only without what follows
        box.write(WHOLE[:length])
        assert box.settings().salvage().factory_default.line == 12, WHOLE[:length]


def test_controls_that_are_held_together_come_with_their_buttons(box: Box) -> None:
    box.write(VALT + COMBINED)
    right = box.settings().read().config
    box.write("inputs: {}\nrom: 4\n")
    found = box.settings().salvage()
    assert found.factory_default == right.factory_default
    assert (found.inputs, found.controls) == (right.inputs, right.controls)


def test_without_a_last_right_file_the_factory_s_is_taken(box: Box) -> None:
    box.write("rom: 4\n")
    assert box.settings().salvage().factory_default.line is None
    templates = Path(os.environ["IVSD_DATADIR"]) / "templates"
    templates.mkdir(parents=True)
    (templates / "ivsd.yaml").write_text(LAMPS + HELD, encoding="utf-8")
    found = box.settings().salvage()
    assert (found.factory_default.line, len(found.lights.lamps)) == (12, 1)


def test_a_torn_copy_of_the_last_right_file_is_passed_over(box: Box) -> None:
    box.write("rom: 4\n")
    (box.state / LAST_GOOD).write_text("lights: [", encoding="utf-8")
    templates = Path(os.environ["IVSD_DATADIR"]) / "templates"
    templates.mkdir(parents=True)
    (templates / "ivsd.yaml").write_text(HELD, encoding="utf-8")
    assert box.settings().salvage().factory_default.line == 12


def test_of_a_right_file_nothing_else_is_taken(box: Box) -> None:
    box.write(WHOLE)
    box.settings().read()
    box.write(VALT + "factory_default: {line: 13}\n")
    found = salvage_beside(box.path, box.state)
    assert (found.factory_default.line, found.lights.lamps) == (13, [])


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_last_right_file_that_was_cut_anywhere_is_passed_over(box: Box, length: int) -> None:
    box.write(WHOLE)
    box.settings().read()
    kept = box.state / LAST_GOOD
    whole = kept.read_bytes()
    kept.write_bytes(whole[:length])
    box.write("lights: {lamps: [{name: own, lines: [9]}]}\nfactory_default: {line: 13}\nrom: 4\n")
    line = box.settings().salvage().factory_default.line
    assert line == (12 if length >= len(whole) else 13)


def test_a_file_without_a_last_right_one_keeps_its_own_lamps_and_button(box: Box) -> None:
    templates = Path(os.environ["IVSD_DATADIR"]) / "templates"
    templates.mkdir(parents=True)
    (templates / "ivsd.yaml").write_text(LAMPS + HELD, encoding="utf-8")
    box.write("lights: {lamps: []}\nfactory_default: {hold_s: 5}\nrom: 4\n")
    found = box.settings().salvage()
    assert (found.lights.lamps, found.factory_default.line) == ([], None)


def test_lines_of_two_files_never_meet(box: Box) -> None:
    """The reset button of the one, a button of the other; a lamp is never driven into either."""
    box.write(VALT + HELD + "lights: {lamps: [{name: a, lines: [17]}, {name: b, lines: [5]}]}\n")
    box.settings().read()
    box.write(
        "controls: {record: record_toggle, mark: marker}\nrom: 4\n"
        "inputs: {buttons: [{control: record, line: 12}, {control: mark, line: 17}]}\n"
    )
    found = box.settings().salvage()
    assert found.factory_default.line == 12
    assert [button.line for button in found.inputs.buttons] == [17]
    assert [lamp.name for lamp in found.lights.lamps] == ["b"]


def test_a_password_that_others_refer_to_stays_and_is_told(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    text = "valt: {url: 'http://valt.test', username: &name box, password: &word a b}\n"
    text += "room: 4\nrecording: {name: *word}\n"
    box.write(text)
    assert box.settings().read().secret.reveal() == "a b"
    assert box.path.read_text() == text
    assert "valt.password stays there" in caplog.text
    assert box.settings().read().secret.reveal() == "a b"

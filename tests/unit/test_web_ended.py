"""A log-out lasts: it is on the disk, and what cannot be read there lets nobody in."""

from __future__ import annotations

import errno
import json
import logging
import secrets
from pathlib import Path

import pytest

from ivsd.appliance import durable
from ivsd.web.access import accounts as accounts_module
from ivsd.web.access import ended as ended_module
from ivsd.web.access import kept
from ivsd.web.access.accounts import Accounts
from ivsd.web.access.ended import FIRST_GENERATION, MOST_ENDED, Ended
from tests.power_cut import QuickDisk
from tests.web_door import PASSWORD, Box, Clock, Person


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "files", QuickDisk())
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


def box_in(folder: Path) -> Box:
    """Start the pages over what is in the folder."""
    clock = Clock()
    return Box(folder, clock, Accounts(folder, clock, lambda: 5e8))


def test_a_cookie_is_worth_nothing_after_its_log_out_and_a_restart(tmp_path: Path) -> None:
    box = box_in(tmp_path)
    assert box.accounts is not None
    box.accounts.set_password(PASSWORD)
    app = box.app()
    thief, stays = Person(app), Person(app)
    thief.log_in()
    thief.get("/")
    stays.log_in()
    cookie, other = thief.cookie, stays.cookie
    thief.post("/logout")
    again = box_in(tmp_path).app()
    thief, stays = Person(again), Person(again)
    thief.cookie, stays.cookie = cookie, other
    assert not thief.is_in()
    assert stays.is_in()


def test_nothing_is_written_but_at_a_log_out(tmp_path: Path) -> None:
    box = box_in(tmp_path)
    assert box.accounts is not None
    box.accounts.set_password(PASSWORD)
    person = Person(box.app())
    person.log_in()
    person.get("/")
    assert not (tmp_path / "ended.json").exists()
    person.post("/logout")
    assert (tmp_path / "ended.json").exists()


def test_what_was_ended_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ended.json"
    first = Ended(path, 900.0)
    assert first.generation == FIRST_GENERATION
    first.add("one", 1000.0, 0.0)
    first.add("two", 2000.0, 1500.0)
    again = Ended(path, 2000.0)
    assert "two" in again
    assert "one" in again  # it has lapsed by itself, but clocks jump
    assert again.generation == FIRST_GENERATION
    assert path.stat().st_mode & 0o777 == 0o600


def test_as_many_as_are_kept_in_mind_fit_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ended.json"
    ended = Ended(path, 1.7e9)
    ids = [secrets.token_urlsafe(24) for _ in range(MOST_ENDED)]
    for number, id_ in enumerate(ids):
        ended.add(id_, 1.8e9 + number / 7, 0.0)
    again = Ended(path, 1.9e9)
    assert all(id_ in again for id_ in ids)


def test_one_more_ends_all_and_that_lasts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_module, "MOST_ENDED", 3)
    path = tmp_path / "ended.json"
    ended = Ended(path, 10.0)
    for number in range(4):
        ended.add(str(number), 10.0, 0.0)
    assert ended.generation != FIRST_GENERATION
    assert Ended(path, 10.0).generation == ended.generation


def test_of_more_than_are_kept_the_oldest_goes_where_it_has_lapsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_module, "MOST_ENDED", 3)
    path = tmp_path / "ended.json"
    ended = Ended(path, 10.0)
    for number in range(5):
        ended.add(str(number), 10.0 + number, 9.0 + number)
    again = Ended(path, 20.0)
    assert [str(number) in again for number in range(5)] == [False, False, True, True, True]
    assert again.generation == FIRST_GENERATION


# -- a clock that jumps ---------------------------------------------------------------------------


def box_at(folder: Path, wall: float) -> Box:
    """Start the pages of a box whose clock says that."""
    clock = Clock()
    return Box(folder, clock, Accounts(folder, clock, lambda: wall))


@pytest.mark.parametrize("log_outs_meanwhile", [1, MOST_ENDED])
def test_a_cookie_of_1970_stays_worthless_when_the_clock_is_there_again(
    tmp_path: Path, log_outs_meanwhile: int
) -> None:
    box = box_at(tmp_path, 100.0)
    assert box.accounts is not None
    box.accounts.set_password(PASSWORD)
    thief = Person(box.app())
    thief.log_in()
    thief.get("/")
    cookie = thief.cookie
    thief.post("/logout")
    ended = Ended(tmp_path / "ended.json", 1.764e9)  # the clock is set, and days go by
    for number in range(log_outs_meanwhile):
        ended.add(str(number), 1.764e9 + number * 5e4, 1.764e9 + number * 5e4 - 43200.0)
    thief = Person(box_at(tmp_path, 200.0).app())
    thief.cookie = cookie
    assert not thief.is_in()


def test_behind_the_last_log_out_nobody_is_logged_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ended.json"
    Ended(path, 900.0).add("one", 1000.0, 0.0)
    assert Ended(path, 1000.0).generation == FIRST_GENERATION
    assert caplog.text == ""
    assert Ended(path, 999.0).generation != FIRST_GENERATION
    assert "the clock of this box is behind the last log-out" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"generation": 0, "ended": {}}',
        '{"generation": "0", "ended": []}',
        '{"generation": "0", "ended": {"x": "y"}}',
        '{"generation": "0", "ended": {}, "more": 1}',
        "[" * 4000,
        "\0" * 5000,
    ],
)
def test_a_file_that_cannot_be_read_lets_nobody_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = tmp_path / "ended.json"
    path.write_text(text)
    ended = Ended(path, 10.0)
    assert ended.generation != FIRST_GENERATION
    assert "everybody has to log in again" in caplog.text
    ended.add("one", 10.0, 0.0)
    assert json.loads(path.read_text()) == {"generation": ended.generation, "ended": {"one": 10.0}}


def test_a_disk_that_is_full_keeps_nobody_from_logging_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(kept, "write", full)
    ended = Ended(tmp_path / "ended.json", 10.0)
    ended.add("one", 10.0, 0.0)
    assert "one" in ended
    assert "No space left on device" in caplog.text

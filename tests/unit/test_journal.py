"""What is written for technicians, and what never is (law 8)."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import socket
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import journal
from ivsd.appliance.journal import (
    MESSAGE_IDS,
    scrub,
    set_room,
    write_note,
    write_outcome,
    write_problem,
)
from ivsd.appliance.notify import notify
from ivsd.events import About, FindUser, Note, NumberKind, Outcome, Result, Scanned
from ivsd.valt.model import Secret, User

TOKEN = "0123456789abcdef0123456789abcdef"
CARD = "0004711001"


# -- scrubbing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"GET /api/v3/rooms/4/status?access_token={TOKEN} HTTP/1.1",
        f"/api/v3/admin/users?access_token={TOKEN}&cardNumber={CARD}",
        f"/api/v3/admin/users?cardNumber={CARD}&access_token={TOKEN}",
        f'{{"data": {{"access_token": "{TOKEN}"}}}}',
        f"{{'access_token': '{TOKEN}'}}",
        f'b\'{{"access_token":"{TOKEN}"}}\'',
        f"access_token: {TOKEN}",
        f"Max retries exceeded with url: /api/v3/x?access_token={TOKEN} (Caused by ...)",
        f"token?access_token={TOKEN}",
        f'{{"username": "admin", "password": "{TOKEN}"}}',
        f"password={TOKEN}",
        f'{{"id": 12, "card_number": "{CARD}"}}',
        f'{{"id": 12, "cardNumber": "{CARD}"}}',
        f'{{"password": "two words and {TOKEN}"}}',
        f"{{'password': 'a,b}} {TOKEN}'}}",
        f"Access_Token={TOKEN}",
    ],
)
def test_tokens_passwords_and_card_numbers_are_taken_out(text: str) -> None:
    scrubbed = scrub(text)
    assert TOKEN not in scrubbed
    assert CARD not in scrubbed
    assert "…" in scrubbed


def test_what_is_around_a_secret_stays_readable() -> None:
    text = f"GET /api/v3/admin/users?access_token={TOKEN}&cardNumber={CARD}&page=2 HTTP/1.1"
    shown = "GET /api/v3/admin/users?access_token=…&cardNumber=…&page=2 HTTP/1.1"
    assert scrub(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "record (record_toggle): done: recording started",
        "the server refuses the log-in of 'keypad': check the password",
        "valt.password_file: there is no file '/etc/ivsd/valt-password'",
    ],
)
def test_a_line_without_a_secret_is_left_alone(text: str) -> None:
    assert scrub(text) == text


# -- the log --------------------------------------------------------------------------------


@pytest.fixture
def root_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    root, urllib3 = logging.getLogger(), logging.getLogger("urllib3")
    handlers, levels = root.handlers[:], (root.level, urllib3.level)
    root.handlers = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(levels[0])
    urllib3.setLevel(levels[1])


class Written:
    """The log set up on stderr, and what was written there since."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        journal.set_up(logging.DEBUG)

    def __call__(self) -> str:
        text = self._capsys.readouterr().err
        assert "Logging error" not in text
        return text


def test_without_a_journal_lines_go_to_stderr_with_time_and_level(
    root_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    written = Written(capsys)
    logging.getLogger("ivsd").warning("the %s is %s", "reader", "gone")
    assert written().rstrip().endswith("WARNING the reader is gone")


@pytest.mark.parametrize("name", ["ivsd", "urllib3.connectionpool", "requests", ""])
def test_every_loggers_lines_are_scrubbed(
    root_log: logging.Logger, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    written = Written(capsys)
    logging.getLogger(name).error("GET %s", f"/x?access_token={TOKEN}")
    text = written()
    assert "access_token=…" in text
    assert TOKEN not in text


def test_a_traceback_is_scrubbed_too(
    root_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thread that dies writes its traceback, and a library's error may hold a URL."""
    written = Written(capsys)
    try:
        raise ValueError(f"Max retries exceeded with url: /x?access_token={TOKEN}")
    except ValueError as e:
        logging.getLogger("ivsd").critical("thread %s died", "valt-watcher", exc_info=e)
    text = written()
    assert "ValueError: Max retries exceeded" in text
    assert TOKEN not in text


def test_urllib3_says_nothing_below_an_error(
    root_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    written = Written(capsys)
    logging.getLogger("urllib3.connectionpool").warning("Retrying (...)")
    assert written() == ""


class Journal(logging.Handler):
    """Stands in the place of systemd's handler; keeps the records with their fields."""

    def __init__(self, **fields: str) -> None:
        super().__init__()
        self.fields = fields
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def systemd_journal(root_log: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """Pretend to run under systemd with systemd-python installed."""
    module: Any = types.ModuleType("systemd.journal")
    module.JournalHandler = Journal
    monkeypatch.setitem(sys.modules, "systemd", types.ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.journal", module)
    stderr = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.st_dev}:{stderr.st_ino}")
    journal.set_up()
    (handler,) = root_log.handlers
    assert isinstance(handler, Journal)
    assert handler.fields == {"SYSLOG_IDENTIFIER": "ivsd"}
    return handler


def test_a_line_in_the_journal_is_the_sentence_alone(systemd_journal: Journal) -> None:
    """Level and name are fields there; the wording is what `journalctl` shows."""
    logging.getLogger("ivsd").error("room %s is gone", 4)
    (record,) = systemd_journal.records
    assert systemd_journal.format(record) == "room 4 is gone"


def test_without_systemd_python_the_journal_gets_plain_lines(
    root_log: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "systemd", None)
    monkeypatch.setitem(sys.modules, "systemd.journal", None)
    stderr = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.st_dev}:{stderr.st_ino}")
    journal.set_up()
    logging.getLogger("ivsd").warning("up")
    assert "up" in capsys.readouterr().err


def test_a_journal_stream_that_is_not_our_stderr_is_somebody_elses(
    root_log: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    journal.set_up()
    logging.getLogger("ivsd").warning("up")
    assert "up" in capsys.readouterr().err


def outcome(result: Result = Result.DONE, reason: str = "recording started") -> Outcome:
    return Outcome("record", "record_toggle", result, reason, 10.0, 10.25)


def test_an_outcome_is_one_line_with_fields_to_filter_by(systemd_journal: Journal) -> None:
    set_room(4)
    write_outcome(outcome())
    (record,) = systemd_journal.records
    assert record.getMessage() == "record (record_toggle): done: recording started"
    fields = {name: value for name, value in vars(record).items() if name.startswith("IVSD_")}
    assert fields == {
        "IVSD_CONTROL": "record",
        "IVSD_ACTION": "record_toggle",
        "IVSD_OUTCOME": "done",
        "IVSD_REASON": "recording started",
        "IVSD_AFTER_MS": "250",
        "IVSD_ROOM": "4",
    }
    assert vars(record)["MESSAGE_ID"] == MESSAGE_IDS[Result.DONE]


def test_a_line_lost_and_back_can_be_found_by_its_kind(systemd_journal: Journal) -> None:
    write_note(Note("no route", problem=True, about=About.LINK_LOST))
    write_note(Note("the VALT server is back", about=About.LINK_BACK))
    write_note(Note("something else"))
    write_problem("config", "ivsd.yaml:3: room: is missing")
    found = [(record.levelno, vars(record).get("MESSAGE_ID")) for record in systemd_journal.records]
    assert found == [
        (logging.WARNING, MESSAGE_IDS[About.LINK_LOST]),
        (logging.INFO, MESSAGE_IDS[About.LINK_BACK]),
        (logging.INFO, None),
        (logging.ERROR, MESSAGE_IDS["config"]),
    ]


@pytest.mark.parametrize(
    ("result", "level"),
    [
        (Result.DONE, logging.INFO),
        (Result.IGNORED, logging.INFO),
        (Result.FAILED, logging.WARNING),
    ],
)
def test_only_a_failure_is_a_warning(systemd_journal: Journal, result: Result, level: int) -> None:
    write_outcome(outcome(result))
    assert [record.levelno for record in systemd_journal.records] == [level]


def test_the_fields_are_scrubbed_as_the_line_is(systemd_journal: Journal) -> None:
    """The reason may be the server's own words, whatever it puts there."""
    write_outcome(outcome(Result.FAILED, f"no such path: /x?access_token={TOKEN}"))
    (record,) = systemd_journal.records
    assert [name for name, value in vars(record).items() if TOKEN in str(value)] == []


def test_no_field_of_the_journal_holds_an_unscrubbed_traceback(systemd_journal: Journal) -> None:
    try:
        raise ValueError(f"with url: /x?access_token={TOKEN}")
    except ValueError as e:
        logging.getLogger("ivsd").critical("thread died", exc_info=e)
    (record,) = systemd_journal.records
    assert record.exc_info is None
    assert "ValueError: with url: /x?access_token=…" in str(record.exc_text)


# -- secrets --------------------------------------------------------------------------------

TEXTS = ["hunter2hunter2", CARD, "2580", "x"]


def _traceback(secret: Secret) -> str:
    try:
        raise ValueError(secret)
    except ValueError:
        return traceback.format_exc()


SHOWN: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "repr": repr,
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s} {secret!a}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "format": lambda secret: format(secret),
    "in a list": lambda secret: str([secret]),
    "in a user": lambda secret: str(User(12, "Alice", secret)),
    "as a dict": lambda secret: str(dataclasses.asdict(User(12, "Alice", secret))),
    "in an event": lambda secret: str(Scanned("reader", NumberKind.PIN, secret, 1.0)),
    "in a request": lambda secret: str(FindUser(secret)),
    "in an error": lambda secret: str(ValueError(secret)),
    "in a traceback": _traceback,
    "copied": lambda secret: str(copy.deepcopy(secret)),
    "padded": lambda secret: f"{secret:>40}",
    "cut": lambda secret: f"{secret:.4}",
    "json": lambda secret: json.dumps(secret),
    "json by str": lambda secret: json.dumps({"pin": secret}, default=str),
    "pickled": lambda secret: pickle.dumps(secret).decode("latin-1"),
    "attributes": lambda secret: str(getattr(secret, "__dict__", "")),
    "joined": lambda secret: "".join([secret]),  # type: ignore[list-item]
    "iterated": lambda secret: list(secret),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("text", TEXTS[:-1])
@pytest.mark.parametrize("how", SHOWN)
def test_a_secret_never_shows_its_text_by_mistake(how: str, text: str) -> None:
    try:
        shown = str(SHOWN[how](Secret(text)))
    except TypeError:
        return  # refused, which is fine: nothing is shown
    assert text not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", "…"), ("x", "…"), ("2580", "…"), ("1234567", "…"), (CARD, "…001"), ("12345678", "…678")],
)
def test_only_of_a_long_number_the_last_three_places_are_shown(text: str, shown: str) -> None:
    assert Secret(text).tail() == shown
    assert str(Secret(text)) == "…"
    assert repr(Secret(text)) == "Secret(…)"


def test_a_secret_can_be_compared_revealed_and_counted() -> None:
    assert Secret("a").reveal() == "a"
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert [bool(Secret("")), bool(Secret("a"))] == [False, True]


def test_a_service_manager_that_does_not_read_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unread:
        unread.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        began = time.monotonic()
        for _ in range(2000):
            notify("STATUS=recording")
        assert time.monotonic() - began < 5.0

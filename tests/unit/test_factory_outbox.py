"""The outbox is told before it is dropped; it is read as what it is: a file of somebody else."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from ivsd.appliance.factory import undelivered, work_folder
from ivsd.appliance.factory.places import CREDENTIAL, OUTBOX, Places
from ivsd.config.password import CREDENTIAL as OF_THE_DAEMON
from ivsd.valt import outbox
from tests.factory_box import make, make_outbox


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return make(tmp_path / "box")


def test_the_outbox_is_found_where_the_daemon_has_it() -> None:
    assert outbox.FILE == OUTBOX
    assert OF_THE_DAEMON == CREDENTIAL


def test_undelivered_markers_are_told(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    make_outbox(places.at("/var/lib/ivsd/outbox.sqlite3"), 2)
    assert undelivered.report(places).count == 2
    assert "marker 'marker 2' at 2 s of recording 7" in caplog.text


def test_a_huge_outbox_is_counted_and_not_told_line_by_line(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    make_outbox(places.at("/var/lib/ivsd/outbox.sqlite3"), 20_000)
    assert undelivered.report(places).count == 20_000
    assert len(caplog.records) == undelivered.MOST_LINES + 1
    assert "and 19900 more" in caplog.records[-1].getMessage()
    lines = undelivered.report(places).lines
    assert len(lines) == undelivered.MOST_NAMES + 1
    assert lines[-1] == "and 18000 more"
    assert sum(map(len, lines)) < work_folder.RESERVE_BYTES / 3


def test_a_link_to_another_file_is_not_read(places: Places, tmp_path: Path) -> None:
    make_outbox(tmp_path / "of somebody else", 1)
    places.at("/var/lib/ivsd/outbox.sqlite3").symlink_to(tmp_path / "of somebody else")
    assert undelivered.report(places).count is None


def test_a_pipe_in_its_place_holds_up_nothing(places: Places) -> None:
    os.mkfifo(places.at("/var/lib/ivsd/outbox.sqlite3"))
    assert undelivered.report(places).count is None


def test_an_outbox_that_is_too_large_is_not_read(places: Places) -> None:
    with places.at("/var/lib/ivsd/outbox.sqlite3").open("wb") as file:
        file.truncate(undelivered.MOST_BYTES + 1)
    assert undelivered.report(places).count is None


@pytest.mark.parametrize(
    "statement",
    [
        "create view markers as select 1 as recording, 2 as name, 3 as time_s, 4 as id",
        "create view markers as select load_extension('x') as recording, 1 as name, 2 as time_s,"
        " 3 as id",
        "create view markers as with recursive n(i) as (select 1 union all select i + 1 from n)"
        " select i as recording, i as name, i as time_s, i as id from n",
        "create table other (x)",
    ],
)
def test_an_outbox_that_wants_something_of_root_gets_nothing(
    places: Places, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undelivered, "_MOST_S", 0.3)
    path = places.at("/var/lib/ivsd/outbox.sqlite3")
    with sqlite3.connect(path) as file:
        file.execute(statement)
    file.close()
    assert undelivered.report(places).count in (None, 1)


def test_an_outbox_cut_at_any_place_does_no_harm(places: Places) -> None:
    path = places.at("/var/lib/ivsd/outbox.sqlite3")
    make_outbox(path, 40)
    whole = path.read_bytes()
    for length in range(0, len(whole), 509):
        path.write_bytes(whole[:length])
        undelivered.report(places)
        path.write_bytes(whole[:length] + os.urandom(len(whole) - length))
        undelivered.report(places)


def test_names_in_the_outbox_cannot_write_lines_of_their_own(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    path = places.at("/var/lib/ivsd/outbox.sqlite3")
    make_outbox(path, 1)
    with sqlite3.connect(path) as file:
        file.execute("update markers set name = ?", ("x\nroot logged in\x1b[2J" + "y" * 999,))
    file.close()
    undelivered.report(places)
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert "\x1b" not in record.getMessage()
    assert len(record.getMessage()) < 300

"""The log shows what somebody looks for, and says so where there is nothing of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ivsd.appliance.status import OutboxStatus
from ivsd.web.access import accounts
from tests.unit.test_web import FULL, Box

FAULTY = replace(FULL, outbox=OutboxStatus(0, "the disk is full"))
NOT_ASKED_FOR = "only what is wrong now was asked for"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "METHOD", "scrypt:1024:8:1")


def page(folder: Path, query: str, *, is_faulty: bool) -> str:
    return Box(folder, FAULTY if is_faulty else FULL).technician().get(f"/log?{query}").text


def test_of_a_box_that_is_well_nothing_is_wrong_now(tmp_path: Path) -> None:
    shown = page(tmp_path, "result=fault", is_faulty=False)
    assert "Nothing is wrong now." in shown
    assert NOT_ASKED_FOR in shown
    assert "begun" not in shown


def test_what_is_wrong_now_is_shown_without_the_presses(tmp_path: Path) -> None:
    shown = page(tmp_path, "result=fault", is_faulty=True)
    assert "the disk is full" in shown
    assert "Nothing is wrong now." not in shown
    assert "begun" not in shown


def test_of_what_is_wrong_now_a_text_selects(tmp_path: Path) -> None:
    assert "the disk is full" in page(tmp_path, "result=fault&text=DISK", is_faulty=True)
    shown = page(tmp_path, "result=fault&text=network", is_faulty=True)
    assert "Nothing that is wrong now has this text." in shown
    assert "the disk is full" not in shown


def test_everything_is_shown_without_a_word_on_what_is_not_wrong(tmp_path: Path) -> None:
    shown = page(tmp_path, "", is_faulty=False)
    assert "begun" in shown
    assert "Nothing is wrong now." not in shown
    assert NOT_ASKED_FOR not in shown

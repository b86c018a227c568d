"""Badges as a file: looked at before it is imported, and exported after the password only."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.web.access import accounts as accounts_module
from ivsd.web.app import LONGEST_BODY
from ivsd.web.badges.file import LONGEST_IMPORT
from tests.badge_pages import NUMBERS, Box, Visitor
from tests.web_door import PASSWORD

CSV = f"number,name\r\n{NUMBERS[0]},Jürgen\r\n"
COUNTS = "2 added, 1 changed, 0 taken away, 3 as they were"
WRONG: dict[str, Any] = {
    "revision": "r1", "added": 0, "changed": 0, "removed": 0, "same": 0,
    "lines": [{"line": 2, "text": "…001 is there twice"}, {"line": 4, "text": "no user <12>"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def visitor(box: Box) -> Visitor:
    visitor = box.technician()
    visitor.look()
    return visitor


# -- import ---------------------------------------------------------------------------------------


def test_a_file_is_looked_at_before_it_is_imported(box: Box, visitor: Visitor) -> None:
    page = visitor.choose("See what it would do", CSV.encode())
    assert f"The import would do this: {COUNTS}. Nothing was imported yet." in page.text
    args = {"csv": CSV, "replace": "no", "revision": "r1"}
    assert box.last("import-cards") == {**args, "dry": "yes"}
    page = visitor.choose("Import")
    assert box.last("import-cards") == {**args, "dry": "no"}
    assert f"Imported: {COUNTS}." in page.text


def test_what_is_imported_is_what_was_looked_at(box: Box, visitor: Visitor) -> None:
    visitor.choose("See what it would do", CSV.encode(), replace="yes")
    box.table(revision="r2")
    page = visitor.page
    visitor.choose("Import")
    assert box.last("import-cards")["revision"] == "r1"
    assert box.last("import-cards")["replace"] == "yes"
    visitor.page = page
    visitor.choose("Import")  # once only
    assert visitor.code == 409
    visitor.look()
    visitor.choose("See what it would do", CSV.encode(), replace="no")
    box.asked.clear()
    visitor.choose("Import", replace="yes")  # nobody has seen what that would do
    assert visitor.code == 409
    assert "import-cards" not in [op for op, _ in box.asked]


def test_a_text_can_be_pasted(box: Box, visitor: Visitor) -> None:
    visitor.choose("See what it would do", pasted=CSV)
    assert box.last("import-cards")["csv"] == CSV


def test_every_wrong_line_is_told_and_nothing_can_be_imported(box: Box, visitor: Visitor) -> None:
    box.says["import-cards"] = WRONG
    page = visitor.choose("See what it would do", CSV.encode())
    assert visitor.code == 422
    assert "2 lines are wrong. Nothing was imported." in page.text
    assert "Line 4: no user <12>" in page.text
    assert "Import" not in page.acts


def test_a_line_that_has_become_wrong_meanwhile_is_told(box: Box, visitor: Visitor) -> None:
    visitor.choose("See what it would do", CSV.encode())
    box.says["import-cards"] = {**WRONG, "lines": WRONG["lines"][:1]}
    page = visitor.choose("Import")
    assert (visitor.code, "One line is wrong." in page.text) == (422, True)


@pytest.mark.parametrize(
    ("file", "pasted", "said"),
    [
        (None, "", "choose a file, or paste its text"),
        (b"", " \r\n", "the file is empty"),
        (b"\xef\xbb\xbf", "", "the file is empty"),
        (CSV.encode(), CSV, "not both"),
        (CSV.encode("latin-1"), "", "save it as “CSV UTF-8”"),
        (CSV.encode("utf-16"), "", "save it as “CSV UTF-8”"),
        (b"1" * LONGEST_IMPORT, "", "is too long for one import"),
        ("ü".encode() * 20_000, "", "is too long for one import"),
    ],
)
def test_what_cannot_be_a_table_is_told_beside_the_field(
    box: Box, visitor: Visitor, file: bytes | None, pasted: str, said: str
) -> None:
    page = visitor.choose("See what it would do", file, pasted=pasted)
    assert (visitor.code, page.wrong) == (422, {"file"})
    assert said in page.text
    assert "import-cards" not in [op for op, _ in box.asked]


def test_a_file_that_is_too_large_is_refused_before_it_is_read(visitor: Visitor) -> None:
    reply = visitor.send("See what it would do", b"1" * LONGEST_BODY)
    assert reply.status_code == 413


def test_what_was_looked_at_is_kept_for_15_minutes_and_for_one_session(
    box: Box, visitor: Visitor
) -> None:
    visitor.choose("See what it would do", CSV.encode())
    _, fields, _ = visitor.page.acts["Import"]
    other = box.technician()
    other.look()
    token = {"csrf": other.page.fields["csrf"]}
    assert other.client.post("/badges/import-now", data=fields | token).status_code == 409
    box.now += 901
    page = visitor.choose("Import")
    assert visitor.code == 409
    assert "is not kept any more" in page.text
    assert len([op for op, _ in box.asked if op == "import-cards"]) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [("changed", 409), ("not_here", 409), ("wrong", 422), ("no_answer", 503), ("too_long", 409)],
)
@pytest.mark.parametrize("button", ["See what it would do", "Import"])
def test_what_the_daemon_refuses_is_told(
    box: Box, visitor: Visitor, code: str, status: int, button: str
) -> None:
    if button == "Import":
        visitor.choose("See what it would do", CSV.encode())
    box.says["import-cards"] = ControlError(code, "own words")
    page = visitor.choose(button, CSV.encode() if button != "Import" else None)
    assert visitor.code == status
    assert "own words" in page.text


def test_a_form_with_a_file_needs_the_token_too(box: Box, visitor: Visitor) -> None:
    box.asked.clear()
    for csrf in ("", "x"):
        reply = visitor.send("See what it would do", CSV.encode(), csrf=csrf)
        assert reply.status_code == 403
    assert box.asked == []


# -- export ---------------------------------------------------------------------------------------


def test_an_export_is_a_file_for_excel_that_nobody_keeps(
    box: Box, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reply = visitor.send("Export", password=PASSWORD)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    disposition = reply.headers["Content-Disposition"]
    assert re.fullmatch(
        r'attachment; filename="badges-[\w.-]+-\d{4}-\d\d-\d\d\.csv"', disposition
    ), disposition
    said = box.says["export-cards"]
    assert isinstance(said, dict)
    assert reply.data == b"\xef\xbb\xbf" + said["csv"].encode()
    assert "exported by page" in caplog.text
    assert NUMBERS[0] not in caplog.text


def test_an_export_has_one_mark_of_its_letters(box: Box, visitor: Visitor) -> None:
    box.says["export-cards"] = {"csv": "\ufeffnumber\r\n"}
    assert visitor.send("Export", password=PASSWORD).data == b"\xef\xbb\xbfnumber\r\n"


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper()])
def test_without_the_password_nothing_is_exported(
    box: Box, visitor: Visitor, password: str
) -> None:
    page = visitor.choose("Export", password=password)
    assert (visitor.code, page.wrong) == (403, {"password"})
    assert "export-cards" not in [op for op, _ in box.asked]


def test_guessing_the_password_is_slowed_down(box: Box, visitor: Visitor) -> None:
    for _ in range(4):
        visitor.choose("Export", password="wrong")
    page = visitor.choose("Export", password=PASSWORD)
    assert visitor.code == 403
    assert "Too many wrong ones" in page.text
    assert "export-cards" not in [op for op, _ in box.asked]
    box.now += 61
    assert visitor.send("Export", password=PASSWORD).status_code == 200


def test_an_export_that_fails_is_told(box: Box, visitor: Visitor) -> None:
    box.says["export-cards"] = ControlError("failed", "own words")
    page: Any = visitor.choose("Export", password=PASSWORD)
    assert (visitor.code, "own words" in page.text) == (409, True)


def test_nothing_that_was_sent_is_in_the_journal(
    box: Box, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    visitor.choose("See what it would do", CSV.encode())
    visitor.choose("Import")
    visitor.choose("Swipe it now")
    visitor.choose("Add the badge", name="New")
    assert "imported by page" in caplog.text
    assert "added by page" in caplog.text
    assert not any(number in caplog.text for number in NUMBERS)

"""The table of badges as CSV: what a spreadsheet does to it, and what an import makes of it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivsd.badge_table.csv_text import HEADER, read_csv, write_csv
from ivsd.badge_table.importing import Imported, imported
from ivsd.config.schema import CardEntry, Step, Steps
from ivsd.events import Action
from ivsd.valt.model import Secret, User

ARCHER = CardEntry(Secret("0004711001"), "Dr. Archer", 12)
KEY = CardEntry(Secret("0004711002"), "key", None, Steps(Action.LOCK_TOGGLE))
SESSION = CardEntry(
    Secret("0004711003"),
    "session",
    None,
    Steps(Action.START, then=[Step(Action.MARKER, "Begin", "red")]),
)
TABLE = [ARCHER, KEY, SESSION]
USERS = [User(12, "Alice Archer"), User(13, "Bob Baker"), User(14, "Carol"), User(15, "carol")]


def cells(text: str) -> list[dict[str, str]]:
    rows, wrong = read_csv(text)
    assert wrong == []
    return [row.cells for row in rows]


def the_wrong(text: str) -> tuple[int, str]:
    (wrong,) = read_csv(text)[1]
    return wrong.line, wrong.text


def put(text: str, *, replaces: bool = False, before: list[CardEntry] = TABLE) -> Imported:
    return imported(before, text, USERS, replaces=replaces)


def told(found: Imported) -> tuple[int, int, int, int]:
    assert found.wrong == []
    return len(found.added), len(found.changed), len(found.removed), found.same


def wrong(text: str) -> list[tuple[int, str]]:
    found = put(text)
    assert not found.removed
    return [(one.line, one.text) for one in found.wrong]


# -- the text -------------------------------------------------------------------------------------


def test_a_table_is_written_with_whole_numbers_and_leading_zeros() -> None:
    assert write_csv(TABLE).split("\r\n") == [
        '"number","name","user","action"',
        '"0004711001","Dr. Archer","12",""',
        '"0004711002","key","","lock_toggle"',
        '"0004711003","session","","start, then marker “Begin” (red)"',
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "number,name\n0004,Bob\n",
        "number;name\n0004;Bob\n",
        "number\tname\n0004\tBob\n",
        "sep=;\r\nnumber;name\r\n0004;Bob\r\n",
        "\ufeffsep=\t\nnumber\tname\n0004\tBob\n",
        '"sep=,"\nnumber,name\n0004,Bob\n',
        "\ufeffNumber; NAME\r\n0004;Bob\r\n",
        '"name","number"\n"Bob","0004"\n',
        'number,name\n="0004",Bob\n',
        'number,name\n"=""0004""",Bob\n',
        "number,name\n\n , \n0004 , Bob",
    ],
)
def test_what_a_spreadsheet_writes_is_read(text: str) -> None:
    assert cells(text) == [{"number": "0004", "name": "Bob"}]


def test_a_comma_in_a_name_does_not_make_semicolons_commas() -> None:
    assert cells("number;name\n1;Archer, Alice\n") == [{"number": "1", "name": "Archer, Alice"}]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "0004711001,Alice\n", "name,user\n", "number,number\n", "number,colour"]
)
def test_a_file_without_its_header_is_told_without_what_is_in_it(text: str) -> None:
    assert the_wrong(text)[1] == HEADER


def test_lines_are_counted_as_an_editor_does() -> None:
    text = 'number,name\n\n1,"two\nlines"\n2,a,b\n'
    assert [row.line for row in read_csv(text)[0]] == [3]
    assert the_wrong(text)[0] == 5


def test_a_line_that_lacks_cells_takes_nothing_away() -> None:
    ((line, text),) = wrong("number,name,user,action\n0004711002,key\n")
    assert line == 2
    assert text.startswith("has 2 cells, and the first line names 4 columns")


def test_lines_are_counted_behind_the_one_that_names_the_separator() -> None:
    assert [row.line for row in read_csv("sep=;\nnumber;name\n1;a\n")[0]] == [3]


def test_a_quote_that_is_not_closed_is_told_with_its_line() -> None:
    line, text = the_wrong('number,name\n1,a\n2,"b\n3,c\n')
    assert line == 3
    assert "quote" in text


@pytest.mark.parametrize(
    "name", ["=1+1", "+4", "-x", "@SUM(A1)", "\tx", "'=1", "''-1", " =1", "'x", "＝1", "＋1", "＠a"]
)
def test_a_name_that_would_be_a_formula_is_made_harmless_and_comes_back(name: str) -> None:
    text = write_csv([replace(ARCHER, name=name)])
    (_, row) = csv.reader(io.StringIO(text))
    assert row[1].lstrip()[0] not in "=+-@\t\r＝＋－＠"
    assert cells(text)[0]["name"].strip() == name.strip()


@pytest.mark.parametrize("name", ["x;=1+cmd|calc", "a; +1;-2", "x;'=1", ";;=1", "a;b"])
def test_a_name_is_no_formula_where_semicolons_end_a_cell(name: str) -> None:
    text = write_csv([replace(ARCHER, name=name)])
    parts = text.splitlines()[1].split(";")
    assert not [part for part in parts if part.lstrip(' "')[:1] in tuple("=+-@")]
    assert cells(text)[0]["name"] == name


signs = st.characters(exclude_categories=["Cs"]) | st.sampled_from(";;''=+- ")


@given(st.lists(st.text(signs, min_size=1), max_size=6))
def test_an_export_changes_nothing_when_it_is_imported(names: list[str]) -> None:
    table = [CardEntry(Secret(f"{n:010}"), name) for n, name in enumerate(names)]
    found = put(write_csv(table), before=table, replaces=True)
    assert told(found) == (0, 0, 0, len(table))
    assert found.cards == table


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    rows, _ = read_csv(text)
    put(text)
    assert all("number" in row.cells for row in rows)


# -- what it makes of the table -------------------------------------------------------------------


def test_new_badges_come_behind_and_others_keep_their_place() -> None:
    found = put("number,name,user,action\n99,Bob,13,\n0004711001,Alice,12,\n")
    assert told(found) == (1, 1, 0, 0)
    assert [card.name for card in found.cards] == ["Alice", "key", "session", "Bob"]


def test_replacing_takes_away_what_the_file_does_not_have() -> None:
    found = put("number,name,user,action\n0004711002,key,,lock_toggle\n", replaces=True)
    assert told(found) == (0, 0, 2, 1)
    assert found.cards == [KEY]
    assert found.changes == [("removed", ARCHER), ("removed", SESSION)]


def test_a_missing_column_leaves_what_is_there() -> None:
    found = put("number,name\n0004711001,Alice\n0004711003,other\n")
    assert found.cards == [
        replace(ARCHER, name="Alice"), KEY, replace(SESSION, name="other"),
    ]  # fmt: skip


def test_an_action_of_several_steps_is_kept_and_cannot_be_made() -> None:
    words = '"start, then marker “Begin” (red)"'
    text = f"number,name,action\n0004711003,other,{words}\n"
    assert put(text).cards[2] == replace(SESSION, name="other")
    ((line, said),) = wrong(f"number,name,action\n98,x,{words}\n")
    assert line == 2
    assert said.startswith("action: is no single action")


def test_a_user_may_be_named_where_only_one_has_the_name() -> None:
    found = put("number,user\n98,bob baker\n")
    assert found.added[0].user == 13
    assert "several" in wrong("number,user\n98,Carol\n")[0][1]
    assert wrong("number,user\n98,Dora\n") == [
        (2, "user: is neither the id nor the name of a user that VALT has now")
    ]
    assert wrong("number,user\n98,99\n") == [(2, "user: is no id of a user that VALT has now")]


def test_a_user_who_has_gone_does_not_stop_the_import_of_what_stays() -> None:
    table = [replace(ARCHER, user=99)]
    assert told(put(write_csv(table), before=table)) == (0, 0, 0, 1)


def test_without_valts_users_an_id_is_taken_and_a_name_is_not() -> None:
    found = imported([], "number,user\n98,99\n99,Bob\n", None, replaces=False)
    assert [card.user for card in found.added] == [99]
    assert "not known now" in found.wrong[0].text


@pytest.mark.parametrize("number", ["4,71E+09", "4.71E+09", "4E+15"])
def test_a_number_that_excel_has_ruined_is_told_so(number: str) -> None:
    ((_, text),) = wrong(f'number,name\n"{number}",x\n')
    assert "spreadsheet" in text


def test_a_number_that_lost_its_zeros_is_not_taken_for_a_new_badge() -> None:
    ((_, text),) = wrong("number,name\n4711001,Alice\n")
    assert "lacks the zeros" in text
    assert "…001 (Dr. Archer)" in text
    assert "4711001" not in text


def test_a_number_that_is_there_twice_is_told_with_its_first_line() -> None:
    assert wrong("number,name\n5,a\n6,b\n5,c\n") == [(4, "number: is the number of line 2, too")]


def test_small_letters_of_a_number_are_taken_as_a_reader_types_them() -> None:
    assert put("number,name\nab12,x\n").added[0].number == Secret("AB12")


def test_no_wrong_line_repeats_what_may_be_a_number() -> None:
    number = "0004711999"
    text = f"number,name,user,action\nx,,{number},{number}\n,,,\n1,{'9' * 90},,\n2,,x{number},\n"
    assert len(wrong(text)) == 3
    assert number not in str(wrong(text))

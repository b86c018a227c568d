"""The table of badges from afar: what is told, what is written, and that no number gets out."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.appliance import durable
from ivsd.appliance.control_client import LONGEST_ANSWER
from ivsd.appliance.operations import OPERATIONS, Refused
from ivsd.badge_table import CARD_OPERATIONS, BadgeTable, table
from ivsd.badge_table.door import NoAnswer, Unknown
from ivsd.badge_table.seen import LastSeen
from ivsd.badge_table.shown import HERE_TOO, NOBODYS, NOT_THERE, TWICE
from ivsd.config import CARDS, load_cards
from ivsd.config.cards import cards_in
from ivsd.config.schema import CardEntry
from ivsd.events import NumberKind, Scanned
from ivsd.inputs.frames import number_in
from ivsd.valt.errors import Unreachable
from ivsd.valt.model import Secret, User

IVSD = """\
valt:
  url: https://valt.example.com
  username: keypad
room: 4
badges: {notation: {form: decimal, digits: 10}}
inputs:
  keyboards:
    - {name: door, match: {id: "08ff:0009"}, role: badge, notation: hex}
    - {name: keypad, match: {id: "08ff:0010"}, role: pin}
  wiegand:
    - {name: gate, data0: 5, data1: 6}
"""
TABLE = """\
# by hand
cards:
  - {number: "0004711001", user: 12, name: Dr. Archer}
  - {number: "0004711002", name: key, action: lock_toggle}
  - number: "0004711003"
    name: session
    action: {action: start, then: [{action: marker, name: Begin}]}
"""
NUMBERS = ("4711001", "4711002", "4711003", "4711008", "4711009")
NEW = "0004711009"
USERS = [User(12, "Alice Archer"), User(13, "Bob Baker", Secret("0004711008"))]


class Box:
    """Two files and a folder, without a daemon; none of what it says may have a whole number."""

    def __init__(self, folder: Path, *, may_write: bool = True) -> None:
        self.path, self.config = folder / CARDS, folder / "ivsd.yaml"
        self.config.write_text(IVSD)
        self.path.write_text(TABLE)
        self.path.chmod(0o640)
        self.reloads = 0
        self.unknown: Unknown | None = None
        self.valt: list[User] | Unreachable = USERS
        self.seen = LastSeen(folder, write_after_s=3600)
        self.table = BadgeTable(self.config, self._reload, self, self.seen, may_write=may_write)

    def _reload(self) -> None:
        self.reloads += 1

    def last_unknown(self) -> Unknown | None:
        return self.unknown

    def users(self) -> list[User]:
        if isinstance(self.valt, Unreachable):
            raise self.valt
        return self.valt

    def swiped(self, number: str = NEW, ago_s: float = 3.0) -> str:
        """Have an unknown badge; return its key."""
        self.unknown = Unknown(Scanned("door", NumberKind.BADGE, Secret(number), 1.0), ago_s)
        key = self.do("cards")["unknown"]["key"]
        assert isinstance(key, str)
        return key

    def do(self, op: str, **args: Any) -> dict[str, Any]:
        said = self.table.do(op, args)
        assert isinstance(said, dict), said
        if op != "export-cards":
            assert not [number for number in NUMBERS if number in json.dumps(said)]
        return said

    def refused(self, op: str, **args: Any) -> Refused:
        said = self.table.do(op, args)
        assert isinstance(said, Refused), said
        assert said.text
        assert not [number for number in NUMBERS if number in said.text]
        return said

    @property
    def revision(self) -> str:
        return str(self.do("cards")["revision"])

    @property
    def cards(self) -> list[CardEntry]:
        return load_cards(self.path)

    def key(self, name: str) -> str:
        return str(next(card["key"] for card in self.do("cards")["cards"] if card["name"] == name))

    def enrolling(self, **args: Any) -> dict[str, Any]:
        empty: dict[str, Any] = {"badge": "", "number": None, "name": "", "user": "", "action": ""}
        empty["sure"] = "no"
        return empty | {"revision": self.revision} | args

    def enrol(self, **args: Any) -> dict[str, Any]:
        return self.do("enrol", **self.enrolling(**args))

    def enrol_refused(self, **args: Any) -> Refused:
        return self.refused("enrol", **self.enrolling(**args))

    def changing(self, called: str, **args: str) -> dict[str, Any]:
        card = next(card for card in self.do("cards")["cards"] if card["name"] == called)
        as_shown = {
            "card": card["key"],
            "name": called,
            "user": str(card["user"] or ""),
            "action": (card["action"] or "") if card["is_simple"] else "",
            "revision": self.revision,
        }
        return as_shown | args

    def importing(self, text: str, **args: str) -> dict[str, Any]:
        given = {"csv": text, "replace": "no", "dry": "no", "revision": self.revision} | args
        return self.do("import-cards", **given)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_every_operation_is_in_the_table_of_the_socket() -> None:
    assert set(CARD_OPERATIONS) <= set(OPERATIONS)
    assert all(OPERATIONS[op].is_beside for op in CARD_OPERATIONS)


# -- what is told ---------------------------------------------------------------------------------


def test_the_table_is_told_in_order_and_masked(box: Box) -> None:
    told = box.do("cards")
    assert told["file"] == str(box.path)
    assert [card["number"] for card in told["cards"]] == ["…001", "…002", "…003"]
    first, key, session = told["cards"]
    assert (first["name"], first["user"], first["user_name"]) == ("Dr. Archer", 12, "Alice Archer")
    assert (first["action"], first["is_simple"]) == (None, True)
    assert (key["action"], key["is_simple"]) == ("lock_toggle", True)
    assert (session["action"], session["is_simple"]) == (
        "start, then marker “Begin” (red)", False,
    )  # fmt: skip
    assert [card["problems"] for card in told["cards"]] == [[], [], []]
    assert "lock_toggle" in told["actions"]


def test_the_notations_are_told_in_words(box: Box) -> None:
    told = box.do("cards")
    assert told["valt_notation"] == "decimal, 10 places"
    assert told["readers"] == [
        {"name": "door", "notation": "hexadecimal"},
        {"name": "gate", "notation": "bits on two wires, written as VALT has them"},
    ]


def test_the_people_of_valt_are_told_with_their_badges(box: Box) -> None:
    told = box.do("cards")
    assert told["users"] == [{"id": 12, "name": "Alice Archer"}, {"id": 13, "name": "Bob Baker"}]
    (bob,) = told["people"]
    assert (bob["number"], bob["user"], bob["name"]) == ("…008", 13, "Bob Baker")
    assert told["people_problem"] == ""


def test_a_server_that_is_away_leaves_the_table_without_people(box: Box) -> None:
    box.valt = Unreachable("no way to valt.example.com")
    told = box.do("cards")
    assert (told["people"], told["users"]) == (None, [])
    assert told["people_problem"] == "no way to valt.example.com"
    assert told["cards"][0]["user_name"] is None
    assert told["cards"][0]["problems"] == [], "nobody knows whether the user is there"


def test_a_user_who_has_gone_is_a_problem_of_the_badge(box: Box) -> None:
    box.valt = [USERS[1]]
    assert box.do("cards")["cards"][0]["problems"] == [NOT_THERE]


def test_a_badge_with_a_name_only_and_without_an_owner_is_a_problem(box: Box) -> None:
    box.path.write_text('cards: [{number: "0004711001", name: lost}]')
    assert box.do("cards")["cards"][0]["problems"] == [NOBODYS]
    box.valt = [User(12, "Alice Archer", Secret("0004711001"))]
    assert box.do("cards")["cards"][0]["problems"] == []
    box.valt = [User(12, "Alice Archer")]
    assert box.do("cards")["cards"][0]["problems"] == [], "this server tells no numbers"


def test_when_and_where_a_badge_was_seen_is_told(box: Box) -> None:
    for number in ("0004711002", "0004711008"):
        box.seen.saw(Scanned("gate", NumberKind.BADGE, Secret(number), 0.0))
    told = box.do("cards")
    assert [card["seen_at_reader"] for card in told["cards"]] == [None, "gate", None]
    assert told["people"][0]["seen_at_reader"] == "gate"
    box.seen.keep()


def test_the_last_unknown_badge_is_told_until_somebody_has_it(box: Box) -> None:
    assert box.do("cards")["unknown"] is None
    box.swiped()
    unknown = box.do("cards")["unknown"]
    assert (unknown["number"], unknown["reader"], unknown["ago_s"]) == ("…009", "door", 3)
    box.valt = [User(13, "Bob Baker", Secret(NEW))]
    assert box.do("cards")["unknown"] is None


def test_two_users_with_one_number_are_a_conflict(box: Box) -> None:
    box.valt = [User(n, name, Secret("0004711008")) for n, name in ((13, "Bob"), (14, "Carol"))]
    told = box.do("cards")
    (conflict,) = told["conflicts"]
    assert "Bob (VALT user 13) and Carol (VALT user 14) have the same number …008" in conflict
    assert [person["problems"] for person in told["people"]] == [[TWICE], [TWICE]]


@pytest.mark.parametrize(
    ("entry", "owners", "says"),
    [
        ("user: 12", (13,), "to Alice Archer in this box's own table, which has the last word"),
        ("user: 99", (13,), "to VALT user 99 in this box's own table"),
        ("user: 13", (13,), ""),
        ("user: 13", (13, 14), "to Bob Baker in this box's own table"),
        ("action: lock_toggle", (13,), "here it does lock_toggle and names nobody"),
        ("name: Bob", (13,), ""),
        ("name: Bob", (13, 14), "does not say which of them: it is denied"),
    ],
)
def test_a_number_that_is_in_the_table_and_in_valt_is_a_conflict_where_they_differ(
    box: Box, entry: str, owners: tuple[int, ...], says: str
) -> None:
    box.path.write_text(f'cards: [{{number: "0004711008", {entry}}}]')
    number = Secret("0004711008")
    names = {12: "Alice Archer", 13: "Bob Baker", 14: "Carol"}
    box.valt = [User(n, name, number if n in owners else None) for n, name in names.items()]
    told = box.do("cards")
    assert [says in conflict for conflict in told["conflicts"]] == ([True] if says else [])


@pytest.mark.parametrize(
    ("entry", "owners", "problems"),
    [
        ("user: 13", (13,), [[]]),
        ("user: 12", (13,), [[HERE_TOO]]),
        ("user: 13", (13, 14), [[], [HERE_TOO]]),
        ("user: 13, action: lock_toggle", (13,), [[HERE_TOO]]),
        ("action: lock_toggle", (13,), [[HERE_TOO]]),
        ("name: Bob", (13,), [[]]),
        ("name: Bob", (13, 14), [[TWICE], [TWICE]]),
    ],
)
def test_a_person_has_a_problem_only_where_the_table_does_something_else(
    box: Box, entry: str, owners: tuple[int, ...], problems: list[list[str]]
) -> None:
    box.path.write_text(f'cards: [{{number: "0004711008", {entry}}}]')
    box.valt = [User(12, "Alice"), *(User(n, str(n), Secret("0004711008")) for n in owners)]
    assert [person["problems"] for person in box.do("cards")["people"]] == problems


def test_a_wrong_ivsd_yaml_is_told_and_the_table_shown_all_the_same(box: Box) -> None:
    box.config.write_text("room: 4\n")
    told = box.do("cards")
    assert told["valt_notation"] is None
    assert told["readers"] == []
    assert [problem["key"] for problem in told["problems"]] == ["valt"]
    assert len(told["cards"]) == 3


def test_a_box_without_the_file_has_an_empty_table(box: Box) -> None:
    box.path.unlink()
    assert box.do("cards")["cards"] == []
    box.enrol(number=NEW, name="Bob", user="13")
    assert [card.name for card in box.cards] == ["Bob"]
    assert stat.S_IMODE(box.path.stat().st_mode) == 0o640


@pytest.mark.parametrize("text", ["cards: [", "cards: {a: 1}", 'cards: [{number: "x"}]', "\x00"])
def test_over_a_wrong_file_nothing_is_written(box: Box, text: str) -> None:
    args = box.enrolling(number=NEW, name="x")
    box.path.write_text(text)
    assert box.refused("cards").code == "wrong_file"
    assert box.refused("enrol", **args).code == "wrong_file"
    assert box.refused("export-cards").code == "wrong_file"
    csv = {"csv": "number,name\n1,x\n", "replace": "yes", "dry": "no", "revision": ""}
    assert box.refused("import-cards", **csv).code == "wrong_file"
    assert box.path.read_text() == text


def test_a_file_that_cannot_be_read_is_told(box: Box) -> None:
    box.path.write_bytes(b"\xff\xfe")
    assert box.refused("cards").code == "wrong_file"
    box.path.unlink()
    box.path.mkdir()
    assert "cannot be read" in box.refused("cards").text


def test_a_site_of_many_thousands_fits_into_an_answer(box: Box) -> None:
    entry = '  - {{number: "{0:010}", name: "Ä{0:070}"}}\n'
    box.path.write_text("cards:\n" + "".join(map(entry.format, range(3000))))
    box.valt = [User(n, f"Ä{n:070}", Secret(f"{n // 2:010}")) for n in range(20_000)]
    told = box.do("cards")
    assert 0.7 * LONGEST_ANSWER < len(json.dumps(told)) < LONGEST_ANSWER
    what = [problem["text"].partition(" to show")[0] for problem in told["problems"]]
    assert what == [f"too many {one}" for one in ("people", "badges", "VALT users", "conflicts")]


def test_keys_tell_nothing_of_the_numbers_and_are_of_this_run_only(
    box: Box, tmp_path: Path
) -> None:
    other = BadgeTable(box.config, lambda: None, box, box.seen, may_write=True)
    told = other.do("cards", {})
    assert isinstance(told, dict)
    keys = {card["key"] for card in box.do("cards")["cards"]}
    assert len(keys) == 3
    assert keys.isdisjoint(card["key"] for card in told["cards"])


def test_a_loop_that_does_not_turn_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> None:
        raise NoAnswer

    monkeypatch.setattr(box, "last_unknown", hang)
    assert box.refused("cards").code == "no_answer"


def test_too_many_users_to_choose_from_are_not_told_in_part(box: Box) -> None:
    box.valt = [User(n, f"Student {n:05} Somename") for n in range(1, 6001)]
    told = box.do("cards")
    assert told["users"] == [], "who is left out would look as if VALT did not know them"
    assert [problem["text"] for problem in told["problems"]] == [
        "too many VALT users to show: 6000. Give the id of one instead"
    ]
    box.enrol(number=NEW, user="5999")


def test_a_name_that_is_a_number_is_told_and_journalled_without_it(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    names = ("card 0004711001", "x4711008", "0004-711-001", "4711 009", "Room 4711, 3rd floor")
    entries = [
        f'- {{number: "000471{n:04}", name: "{name}", user: 12}}\n' for n, name in enumerate(names)
    ]
    box.path.write_text("cards:\n" + "".join(entries))
    told = box.do("cards")["cards"]
    assert [card["name"] for card in told] == ["card …", "x…", "…", "…", names[-1]]
    for card in told:
        box.do("forget-card", card=card["key"], revision=box.revision)
    assert not [number for number in NUMBERS if number in caplog.text]
    assert "711-001" not in caplog.text


def test_a_user_who_is_called_by_the_number_is_told_without_it(box: Box) -> None:
    box.valt = [User(13, "s0004711008", Secret("0004711008"))]
    told = box.do("cards")
    assert told["users"] == [{"id": 13, "name": "s…"}]
    assert told["people"][0]["name"] == "s…"


def test_a_name_with_a_number_stays_when_something_else_is_changed(box: Box) -> None:
    box.path.write_text('cards: [{number: "0004711001", name: Bob 471108155, user: 12}]')
    box.do("change-card", **box.changing("Bob …", user="13"))
    assert (box.cards[0].name, box.cards[0].user) == ("Bob 471108155", 13)


@pytest.mark.parametrize("name", ["Badge 0004711009", "4711009", "000-471-10 09", "x4711009x"])
def test_a_name_with_the_badges_own_number_is_refused(box: Box, name: str) -> None:
    refused = box.enrol_refused(number=NEW, name=name, user="13")
    assert refused.text.startswith("name: has the number of the badge in it")
    changed = box.changing("key", name=name.replace("9", "2"))
    assert box.refused("change-card", **changed).text.startswith("name: has the number")
    (line,) = box.importing(f"number,name,user\n{NEW},{name},13\n")["lines"]
    assert line["text"].startswith("name: has the number")
    assert box.path.read_text() == TABLE


# -- enrolling ------------------------------------------------------------------------------------


def test_the_unknown_badge_is_given_to_a_user(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    args = box.enrolling(badge=box.swiped(), name=" Bob ", user="13")
    with caplog.at_level(logging.INFO):
        said = box.do("enrol", **args)
    assert box.cards[-1] == CardEntry(Secret(NEW), "Bob", 13)
    assert said == {"revision": box.revision}
    assert box.reloads == 1
    assert caplog.messages == ["badges: added …009 (Bob)"]
    assert box.do("cards")["unknown"] is None
    assert stat.S_IMODE(box.path.stat().st_mode) == 0o640
    assert box.path.with_name(f"{CARDS}.bak").read_text() == TABLE


def test_a_badge_that_another_was_swiped_after_is_not_taken_for_it(box: Box) -> None:
    key = box.swiped()
    box.swiped("0004711007")
    refused = box.enrol_refused(badge=key, name="x")
    assert refused.code == "changed"
    assert "…007" in refused.text


def test_a_badge_that_was_swiped_too_long_ago_is_gone(box: Box) -> None:
    args = box.enrolling(badge=box.swiped(), name="x")
    box.unknown = None
    assert box.refused("enrol", **args).code == "gone"


def test_a_number_that_was_typed_is_checked_as_the_file_would_be(box: Box) -> None:
    refused = box.enrol_refused(number="4711009", name="x")
    assert refused.code == "wrong"
    assert refused.text.startswith("number: is not as badges.notation of ivsd.yaml says")
    assert "signs" in box.enrol_refused(number="00047110xy", name="x").text
    assert "missing" in box.enrol_refused(number=" ", name="x").text
    assert "says nothing" in box.enrol_refused(number=NEW).text
    assert box.path.read_text() == TABLE
    assert box.reloads == 0


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"user": "99"}, "user"),
        ({"user": "0"}, "user"),
        ({"user": "Dora"}, "user"),
        ({"user": NEW}, "user"),
        ({"action": "dance"}, "action"),
        ({"action": "{action: start}"}, "action"),
        ({"user": "12", "action": "marker"}, "user"),
        ({"number": "4,71E+09"}, "number"),
        ({"number": "0" * 65}, "number"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(box: Box, args: dict[str, str], field: str) -> None:
    refused = box.enrol_refused(**{"number": NEW, "name": "x", **args})
    assert refused.code == "wrong"
    assert refused.text.partition(": ")[0] == field


@pytest.mark.parametrize(
    "text",
    [
        IVSD + "nonsense: 3\n",
        IVSD.replace("keypad\n", "keypad\n  verify: nowhere.pem\n", 1),
        "valt: [",
    ],
)
def test_while_ivsd_yaml_is_wrong_nothing_is_changed(box: Box, text: str) -> None:
    added, changed = box.enrolling(number=NEW, name="x", user="13"), box.changing("key", name="y")
    gone = {"card": box.key("key"), "revision": box.revision}
    csv = {"csv": f"number,user\n{NEW},13\n", "replace": "no", "revision": box.revision}
    box.config.write_text(text)
    for op, args in (
        ("enrol", added), ("change-card", changed), ("forget-card", gone),
        ("import-cards", csv | {"dry": "no"}),
    ):  # fmt: skip
        refused = box.refused(op, **args)
        assert (refused.code, "ivsd.yaml is wrong" in refused.text) == ("wrong_file", True), op
    assert (box.path.read_text(), box.reloads) == (TABLE, 0)
    assert box.do("import-cards", **csv, dry="yes")["added"] == 1
    box.config.write_text(IVSD)
    box.do("forget-card", **gone)


def test_a_badge_that_would_be_denied_is_not_enrolled(box: Box) -> None:
    refused = box.enrol_refused(badge=box.swiped(), name="Dr. Who")
    assert (refused.code, refused.text) == (
        "wrong",
        "user: nobody in VALT has this number, so it would be denied: "
        "give a VALT user or an action",
    )  # fmt: skip
    assert box.path.read_text() == TABLE


@pytest.mark.parametrize("valt", [Unreachable("away"), [User(12, "Alice Archer")]])
def test_a_name_alone_is_enough_where_nobody_knows_who_has_the_badge(
    box: Box, valt: list[User] | Unreachable
) -> None:
    box.valt = valt
    box.enrol(badge=box.swiped(), name="Dr. Who")
    assert box.cards[-1] == CardEntry(Secret(NEW), "Dr. Who")


@pytest.mark.parametrize(
    "args", [{"user": "12"}, {"action": "lock"}, {"user": "13", "action": "lock"}]
)
def test_a_badge_that_is_somebodys_in_valt_is_only_given_on_when_that_is_sure(
    box: Box, args: dict[str, str]
) -> None:
    refused = box.enrol_refused(number="0004711008", **args)
    assert refused.code == "taken"
    assert "in VALT this is the badge of Bob Baker (VALT user 13)" in refused.text
    assert box.path.read_text() == TABLE
    box.enrol(number="0004711008", sure="yes", **args)
    assert len(box.cards) == 4


@pytest.mark.parametrize("args", [{"user": "13"}, {"name": "Bob's"}])
def test_a_badge_that_stays_what_it_is_in_valt_is_not_asked_about(
    box: Box, args: dict[str, str]
) -> None:
    box.enrol(number="0004711008", **args)
    assert len(box.cards) == 4


def test_a_badge_as_a_reader_without_a_notation_types_it_is_enrolled(box: Box) -> None:
    text = IVSD.replace("badges: {notation: {form: decimal, digits: 10}}\n", "")
    box.config.write_text(text.replace(", notation: hex", "").partition("  wiegand")[0])
    for typed in ("123-45678", "04:A2:24:7A", "123,45678", "123/45678", "123;45678", "123 45678"):
        number = number_in(typed)
        box.enrol(badge=box.swiped(number), name="x", user="12")
        assert box.cards[-1].number == Secret(number)
    assert "set its notation" in box.enrol_refused(number="12_45678", name="x").text


def test_a_number_that_is_there_is_refused_and_named_by_its_entry(box: Box) -> None:
    refused = box.enrol_refused(number="0004711001", name="x")
    assert (refused.code, refused.text) == (
        "wrong", "number: is in the table already: …001 (Dr. Archer)",
    )  # fmt: skip


def test_without_valt_a_user_is_taken_by_id(box: Box) -> None:
    box.valt = Unreachable("away")
    box.enrol(number=NEW, user="77")
    assert box.cards[-1].user == 77
    assert box.enrol_refused(number="0004711007", user="Bob").code == "wrong"


@pytest.mark.parametrize("args", [{}, {"badge": "key", "number": NEW}])
def test_neither_a_badge_nor_a_number_or_both_are_no_enrolment(
    box: Box, args: dict[str, str]
) -> None:
    assert box.enrol_refused(name="x", **args).code == "bad_args"


def test_a_table_that_has_changed_meanwhile_is_not_written_over(box: Box) -> None:
    args = box.enrolling(number=NEW, name="x")
    box.path.write_text(TABLE + "# a word\n")
    assert box.refused("enrol", **args).code == "changed"
    forget = {"card": box.key("key"), "revision": args["revision"]}
    assert box.refused("forget-card", **forget).code == "changed"


def test_what_somebody_writes_during_the_check_is_not_written_over(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = box.enrolling(number=NEW, name="x", user="13")
    checks = cards_in

    def slowly(text: str, *args: Any) -> list[CardEntry]:
        found = checks(text, *args)
        box.path.write_text(TABLE + "# by hand\n")
        return found

    monkeypatch.setattr(table, "cards_in", slowly)
    assert box.refused("enrol", **args).code == "changed"
    assert box.path.read_text() == TABLE + "# by hand\n"
    assert box.reloads == 0


def test_a_long_table_is_checked_once_for_a_change(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks, checked = cards_in, []

    def counting(text: str, *args: Any) -> list[CardEntry]:
        checked.append(text)
        return checks(text, *args)

    args = box.enrolling(number=NEW, name="x", user="13")
    monkeypatch.setattr(table, "cards_in", counting)
    box.do("enrol", **args)
    assert len(checked) == 1
    box.do("forget-card", card=box.key("key"), revision=box.revision)
    assert len(checked) == 2
    box.importing("number,name\n0004711001,Alice\n")
    assert len(checked) == 3


def test_a_disk_that_is_full_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    args = box.enrolling(number=NEW, name="x", user="13")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(box.path))

    monkeypatch.setattr(durable, "write", full)
    refused = box.refused("enrol", **args)
    assert refused.code == "not_saved"
    assert "No space left" in refused.text
    assert box.reloads == 0


def test_a_daemon_that_was_started_by_hand_writes_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path, may_write=False)
    assert box.enrol_refused(number=NEW, name="x").code == "not_here"
    args = {"csv": "number,name\n0004711007,x\n", "replace": "no", "revision": box.revision}
    assert box.refused("import-cards", dry="no", **args).code == "not_here"
    assert box.do("import-cards", dry="yes", **args)["added"] == 1
    assert box.path.read_text() == TABLE


# -- changing and forgetting ----------------------------------------------------------------------


def test_a_badge_is_given_another_name_user_and_action(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        box.do("change-card", **box.changing("key", name="Bob's", user="Bob Baker", action="lock"))
    assert box.cards[1].name == "Bob's"
    assert box.cards[1].user == 13
    assert box.do("cards")["cards"][1]["action"] == "lock"
    assert caplog.messages == ["badges: changed …002 (Bob's)"]


def test_several_steps_stay_when_the_name_is_changed(box: Box) -> None:
    before = box.cards[2]
    box.do("change-card", **box.changing("session", name="training"))
    assert box.cards[2].action == before.action
    words = box.do("cards")["cards"][2]["action"]
    box.do("change-card", **box.changing("training", name="again", action=words))
    assert box.cards[2].action == before.action
    refused = box.refused("change-card", **box.changing("again", action="stop"))
    assert refused.text.startswith("action: has more to it")


def test_a_user_who_has_gone_does_not_stop_a_new_name(box: Box) -> None:
    box.valt = []
    box.do("change-card", **box.changing("Dr. Archer", name="Alice"))
    assert (box.cards[0].name, box.cards[0].user) == ("Alice", 12)


def test_a_change_that_changes_nothing_writes_nothing(box: Box) -> None:
    args = box.changing("key")
    assert box.do("change-card", **args) == {"revision": args["revision"]}
    assert box.path.read_text() == TABLE
    assert box.reloads == 0


def test_a_badge_is_taken_away(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        box.do("forget-card", card=box.key("key"), revision=box.revision)
    assert [card.name for card in box.cards] == ["Dr. Archer", "session"]
    assert caplog.messages == ["badges: removed …002 (key)"]
    assert box.reloads == 1


def test_a_badge_that_is_not_there_any_more_is_gone(box: Box) -> None:
    key = box.key("key")
    box.do("forget-card", card=key, revision=box.revision)
    assert box.refused("forget-card", card=key, revision=box.revision).code == "gone"
    args = box.changing("session", card=key)
    assert box.refused("change-card", **args).code == "gone"


# -- import and export ----------------------------------------------------------------------------


def test_an_export_has_whole_numbers_and_is_told_in_the_journal(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        text = box.do("export-cards")["csv"]
    assert text.startswith('"number","name","user","action"\r\n"0004711001","Dr. Archer","12",""')
    assert "0004711008" not in text, "what VALT has is VALT's"
    assert caplog.messages == ["badges: exported with their whole numbers: 3"]


def test_a_dry_run_tells_and_does_nothing(box: Box) -> None:
    text = "number,name\n0004711001,Alice\n0004711009,Bob\n"
    said = box.importing(text, dry="yes", replace="yes")
    assert said == {
        "revision": box.revision, "added": 1, "changed": 1, "removed": 2, "same": 0, "lines": [],
    }  # fmt: skip
    assert box.path.read_text() == TABLE


def test_an_import_writes_once_and_tells_each_badge(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    text = "number,name\n0004711001,Alice\n0004711009,Bob\n0004711002,key\n"
    before = box.revision
    with caplog.at_level(logging.INFO):
        said = box.importing(text, replace="yes")
    assert said["revision"] == box.revision != before
    assert [card.name for card in box.cards] == ["Alice", "key", "Bob"]
    assert box.reloads == 1
    assert caplog.messages == [
        "badges: added …009 (Bob)", "badges: changed …001 (Alice)", "badges: removed …003 (session)"
    ]  # fmt: skip


def test_one_wrong_line_stops_the_whole_import(box: Box) -> None:
    text = "number,name\n0004711009,Bob\n4711007,short\n0004711006,\n"
    said = box.importing(text)
    assert [line["line"] for line in said["lines"]] == [3, 4]
    assert said["lines"][0]["text"].startswith("number: is not as badges.notation")
    assert said["lines"][1]["text"].startswith("says nothing of the badge")
    assert box.path.read_text() == TABLE
    assert said["revision"] == box.revision


def test_an_import_of_what_is_there_writes_nothing(box: Box) -> None:
    said = box.importing(box.do("export-cards")["csv"], replace="yes")
    assert (said["same"], said["lines"]) == (3, [])
    assert box.path.read_text() == TABLE
    assert box.reloads == 0


def test_more_badges_than_the_table_takes_are_refused(box: Box) -> None:
    rows = "".join(f"{n:010},x\n" for n in range(2001))
    said = box.importing(f"number,name\n{rows}")
    assert "2000 badges" in said["lines"][0]["text"]
    assert box.path.read_text() == TABLE


def test_a_table_that_is_too_long_already_may_become_shorter(box: Box) -> None:
    entries = "".join(f'- {{number: "{n:010}", name: x{n}}}\n' for n in range(2002))
    box.path.write_text("cards:\n" + entries)
    box.do("forget-card", card=box.key("x7"), revision=box.revision)
    box.do("change-card", **box.changing("x8", name="y"))
    assert len(box.cards) == 2001
    assert "2000 badges" in box.enrol_refused(number=NEW, user="13").text


def test_a_table_that_is_too_long_for_an_answer_is_not_exported(box: Box) -> None:
    name = "Ä" * 200
    box.path.write_text(
        "cards:\n" + "".join(f'- {{number: "{n:010}", name: {name}}}\n' for n in range(900))
    )
    refused = box.refused("export-cards")
    assert refused.code == "too_long"
    assert str(box.path) in refused.text


def test_of_very_many_wrong_lines_the_first_are_told(box: Box) -> None:
    said = box.importing("number,name\n" + "x,y\n" * 500)
    assert len(said["lines"]) == 101
    assert said["lines"][-1]["text"].endswith("lines in all)")


def test_yes_and_no_are_the_only_words(box: Box) -> None:
    args = {"csv": "", "replace": "perhaps", "dry": "yes", "revision": box.revision}
    assert box.refused("import-cards", **args).code == "bad_args"


# -- whatever is sent -----------------------------------------------------------------------------

typed = st.text(st.characters(), max_size=20) | st.sampled_from([NEW, "13", "Bob Baker", "lock"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    number=typed | st.from_regex("[0-9]{10}", fullmatch=True),
    name=typed,
    user=typed,
    action=typed,
    csv=st.text(max_size=80) | typed.map("number,name,user\n0004711777,{0},{0}\n".format),
)
def test_no_text_breaks_it_and_the_file_stays_right(
    tmp_path_factory: pytest.TempPathFactory,
    number: str, name: str, user: str, action: str, csv: str,
) -> None:  # fmt: skip
    box = Box(tmp_path_factory.mktemp("box"))
    fields = {"name": name, "user": user, "action": action}
    args = {
        "number": number,
        "badge": "",
        "sure": "no",
        "csv": csv,
        "replace": "no",
        "dry": "no",
        **fields,
    }
    told = box.do("cards")
    given = {**args, "card": told["cards"][0]["key"], "revision": told["revision"]}
    for op in ("enrol", "change-card", "import-cards"):
        said = box.table.do(op, given)
        assert isinstance(said, dict | Refused)
        if isinstance(said, dict):
            given["revision"] = said["revision"]
    assert len(box.cards) >= 3

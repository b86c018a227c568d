"""The badges page: a swiped badge is given to somebody, and no full number ever reaches a browser.

The forms are read and sent as a browser without a script does it, against a made-up daemon.
Import and export have their own file, `test_web_badges_file`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.appliance.control_client import ControlError
from ivsd.web.access import accounts as accounts_module
from ivsd.web.badges.shown import AS_VALT_SAYS, LIKE_ANY, NOBODY, NOTHING, Shown, masked, placed
from tests.badge_pages import ARCHER, CARETAKER, LONG, UNKNOWN, Box, Visitor

NUMBER = "0004799999"
AWAY = ControlError("no_daemon", "no daemon answers: nobody listens")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def visitor(box: Box) -> Visitor:
    return box.technician()


# -- the table ------------------------------------------------------------------------------------


def test_the_table_tells_whose_badge_it_is_what_it_does_and_when_it_was_seen(
    box: Box, visitor: Visitor
) -> None:
    page = visitor.look()
    for part in ("Dr. Archer, second badge", "…001", "lock or unlock the room", LIKE_ANY):
        assert part in page.text
    assert "2 days ago at “door”" in page.text
    assert "not known" in page.text
    assert "Grace Hopper" in page.text
    assert "hexadecimal, 8 places" in page.text
    assert [op for op, _ in box.asked] == ["cards"]


def test_conflicts_and_problems_stand_on_top(box: Box, visitor: Visitor) -> None:
    box.table(
        conflicts=["Ada and Grace have one number in VALT: it is denied."],
        problems=[{"key": "user", "text": "is not there any more"}],
    )
    text = visitor.look().text
    assert text.index("Ada and Grace") < text.index("Badges of this box")
    assert "user: is not there any more" in text


def test_what_is_wrong_with_one_badge_stands_beside_it(box: Box, visitor: Visitor) -> None:
    gone = "its VALT user is not there any more: the badge is denied"
    box.table(cards=[{**ARCHER, "user_name": None, "problems": [gone]}])
    page = visitor.look()
    assert gone in page.text
    assert "VALT user 12" in page.text


def test_what_valt_does_not_tell_is_said_with_the_reason(box: Box, visitor: Visitor) -> None:
    box.table(people=None, people_problem="the account may not read users.", users=[])
    page = visitor.look()
    assert "They are not known now: the account may not read users." in page.text
    assert "user" in page.fields
    assert "user" not in page.choices  # the id is typed


def test_a_long_table_has_a_field_to_look_for_somebody(box: Box, visitor: Visitor) -> None:
    assert "Look for" not in visitor.look().text
    box.table(cards=LONG)
    assert "Look for" in visitor.look().text
    page = visitor.look("?text=person+7")
    assert "Person 7" in page.text
    assert "Person 8" not in page.text
    assert "No badge here is like this." in page.text
    assert visitor.look("?text=<nobody>").text.count("No badge here is like this.") == 2


def test_of_a_very_long_table_the_first_ones_are_shown(box: Box, visitor: Visitor) -> None:
    box.table(cards=[{**ARCHER, "key": f"k{n}", "name": f"Person {n}."} for n in range(300)])
    page = visitor.look()
    assert "the first 200 are shown" in page.text
    assert "Person 199." in page.text
    assert "Person 200." not in page.text
    page = visitor.look("?text=person+250")
    assert "Person 250." in page.text
    assert "the first 200" not in page.text


def test_an_empty_table_says_so(box: Box, visitor: Visitor) -> None:
    box.table(cards=[], people=[])
    page = visitor.look()
    assert "None yet." in page.text
    assert "No user has a card number in VALT." in page.text


def test_names_are_shown_as_they_are_and_not_as_html(box: Box, visitor: Visitor) -> None:
    box.table(cards=[{**ARCHER, "name": "<b>Mallory</b>", "key": 'k"&'}])
    page = visitor.look()
    assert "<b>Mallory" not in page.html
    assert "/badges/change?card=k%22%26" in page.html


# -- in trouble -----------------------------------------------------------------------------------


def test_without_a_daemon_the_page_says_so(box: Box, visitor: Visitor) -> None:
    box.is_up = False
    for rest in ("", "/change?card=archer"):
        page = visitor.look(rest)
        assert visitor.code == 503
        assert "ivsd does not answer" in page.text
    assert box.asked == []  # it would be waited for


def test_a_daemon_that_is_there_but_does_not_tell_is_not_waited_for(
    box: Box, visitor: Visitor
) -> None:
    box.says["cards"] = ControlError("not_allowed", "only root and ivsd-web may do this")
    page = visitor.look()
    assert visitor.code == 503
    assert "only root and ivsd-web may do this" in page.text
    assert "live.js" not in page.html  # else it would be read again and again


def test_a_table_that_cannot_be_read_is_for_hands(box: Box, visitor: Visitor) -> None:
    box.says["cards"] = ControlError("wrong_file", "cards.yaml, line 3: is no YAML")
    page = visitor.look()
    assert visitor.code == 409
    assert "cards.yaml, line 3" in page.text
    assert page.acts.keys() <= {"Log out"}


@pytest.mark.parametrize("path", ["/badges", "/badges/change", "/badges/export"])
def test_nobody_sees_or_does_anything_before_a_log_in(box: Box, path: str) -> None:
    client = box.app.test_client()
    for reply in (client.get(path), client.post(path)):
        assert reply.status_code in (303, 403)
        assert "Archer" not in reply.text
    assert box.asked == []


@pytest.mark.parametrize("step", ["swipe", "enrol", "change", "take-away", "import", "export"])
def test_a_form_without_the_token_of_its_session_does_nothing(
    box: Box, visitor: Visitor, step: str
) -> None:
    visitor.look()
    box.asked.clear()
    for data in ({"csrf": "x"}, {}):
        assert visitor.client.post(f"/badges/{step}", data=data).status_code == 403
    assert box.asked == []


@pytest.mark.parametrize("step", ["swipe", "enrol", "import", "import-now", "export"])
def test_an_answer_that_is_read_again_leads_back(visitor: Visitor, step: str) -> None:
    reply = visitor.client.get(f"/badges/{step}")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/badges")


def test_the_demo_shows_its_table_and_changes_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path, is_demo=True)
    visitor = Visitor(box.app.test_client())
    page = visitor.look()
    assert "The demo’s badges come with it" in page.text
    assert page.acts == {}
    with visitor.client.session_transaction() as session:
        session["csrf"] = "t"
    for step in ("swipe", "enrol", "change", "take-away", "import", "import-now", "export"):
        assert visitor.client.post(f"/badges/{step}", data={"csrf": "t"}).status_code == 404
    assert {op for op, _ in box.asked} == {"cards"}


# -- the last unknown badge -----------------------------------------------------------------------


def test_the_last_unknown_badge_is_given_to_somebody(box: Box, visitor: Visitor) -> None:
    box.table(unknown=UNKNOWN)
    page = visitor.look()
    assert "…999 was at the reader “door” 2 min ago, and nobody has it. Whose is it?" in page.text
    page = visitor.choose("Add the badge", user="12", name="Dr. Archer, third")
    assert box.last("enrol") == {
        "badge": "unknown-key", "number": None, "user": "12", "name": "Dr. Archer, third",
        "action": "", "revision": "r1", "sure": "no",
    }  # fmt: skip
    assert "The badge was added: Dr. Archer, third." in page.text


def test_another_badge_that_was_swiped_meanwhile_does_not_get_what_was_typed(
    box: Box, visitor: Visitor
) -> None:
    box.table(unknown=UNKNOWN)
    visitor.look()
    box.table(unknown={**UNKNOWN, "key": "other-key", "number": "…888"})
    box.says["enrol"] = ControlError("changed", "another badge was swiped meanwhile")
    page = visitor.choose("Add the badge", user="12", name="Dr. Archer")
    assert visitor.code == 409
    assert "another badge was swiped meanwhile" in page.text
    assert (page.fields["badge"], page.fields["name"], page.fields["user"]) == ("other-key", "", "")


def test_a_badge_whose_time_is_over_is_not_offered_again(box: Box, visitor: Visitor) -> None:
    box.table(unknown=UNKNOWN)
    visitor.look()
    box.table(unknown=None)
    box.says["enrol"] = ControlError("gone", "its five minutes are over: swipe it again")
    page = visitor.choose("Add the badge", name="Dr. Archer")
    assert "That badge is not kept any more" in page.text
    assert "badge" not in page.fields


def test_the_table_that_has_changed_costs_nothing_that_was_typed(
    box: Box, visitor: Visitor
) -> None:
    box.table(unknown=UNKNOWN)
    visitor.look()
    box.table(unknown=UNKNOWN, revision="r2")
    box.says["enrol"] = ControlError("changed", "the table has changed meanwhile")
    page = visitor.choose("Add the badge", name="Dr. Archer", action="lock")
    assert page.fields["name"] == "Dr. Archer"
    assert page.fields["action"] == "lock"
    assert (page.fields["revision"], page.fields["badge"]) == ("r2", "unknown-key")


# -- swipe it now ---------------------------------------------------------------------------------


def swiped(box: Box, visitor: Visitor, number: str = NUMBER) -> Any:
    box.says["learn"] = {"kind": "badge", "name": "door <1>", "number": number}
    visitor.look()
    return visitor.choose("Swipe it now")


def test_a_swiped_badge_is_given_to_somebody_and_its_number_stays_here(
    box: Box, visitor: Visitor
) -> None:
    page = swiped(box, visitor)
    assert "…999 was swiped at the reader “door <1>”. Whose is it?" in page.text
    visitor.choose("Add the badge", name="New", user="12")
    assert box.last("enrol") == {
        "badge": "", "number": NUMBER, "user": "12", "name": "New", "action": "", "revision": "r1",
        "sure": "no",
    }  # fmt: skip
    visitor.page = page
    page = visitor.choose("Add the badge", name="New", user="12")  # it is not kept any more
    assert visitor.code == 422
    assert "is not kept any more" in page.text


def test_a_swiped_badge_is_kept_until_all_is_right(box: Box, visitor: Visitor) -> None:
    swiped(box, visitor)
    box.says["enrol"] = ControlError("wrong", "user: must be at least 1")
    page = visitor.choose("Add the badge", name="New")
    assert (visitor.code, page.wrong) == (422, {"user"})
    assert page.fields["name"] == "New"
    box.says["enrol"] = {"revision": "r2"}
    visitor.choose("Add the badge")
    assert box.last("enrol")["number"] == NUMBER


def test_a_badge_that_somebody_has_is_named(box: Box, visitor: Visitor) -> None:
    swiped(box, visitor)
    text = "number: is that of “Dr. Archer” already"
    box.says["enrol"] = ControlError("wrong", text)
    page = visitor.choose("Add the badge", name="New")
    assert page.wrong == {"number"}
    assert "Number: is that of “Dr. Archer” already" in page.text


def test_of_two_pages_each_means_the_badge_that_it_shows(box: Box, visitor: Visitor) -> None:
    first = swiped(box, visitor)
    swiped(box, visitor, "0004788888")
    visitor.page = first
    visitor.choose("Add the badge", name="New")
    assert visitor.code == 422
    assert "enrol" not in [op for op, _ in box.asked]


def test_a_swiped_badge_is_kept_for_15_minutes(box: Box, visitor: Visitor) -> None:
    swiped(box, visitor)
    box.now += 901
    box.table(unknown=UNKNOWN)
    page = visitor.choose("Add the badge", name="New")
    assert visitor.code == 422
    assert "badge" not in page.fields  # the name is that of another one
    assert "enrol" not in [op for op, _ in box.asked]


def test_a_swiped_badge_belongs_to_one_session(box: Box, visitor: Visitor) -> None:
    page = swiped(box, visitor)
    other = box.technician()
    other.look()
    held = {key: value for key, value in page.fields.items() if key != "csrf"}
    other.choose("Add the badge", **held)
    assert other.code == 422
    assert "enrol" not in [op for op, _ in box.asked]


@pytest.mark.parametrize(
    ("came", "said"),
    [
        ({"kind": "button", "name": "record", "number": None}, "That was the button “record”"),
        ({"kind": "pin", "name": "keypad", "number": None}, "That was a PIN at “keypad”"),
        (ControlError("nothing_came", "-"), "in time"),
        (ControlError("busy", "-"), "Another browser"),
    ],
)
def test_what_is_no_badge_is_told(
    box: Box, visitor: Visitor, came: dict[str, Any] | ControlError, said: str
) -> None:
    visitor.look()
    box.says["learn"] = came
    page = visitor.choose("Swipe it now")
    assert said in page.text
    assert "held" not in page.fields


def test_a_daemon_that_goes_while_it_waits_is_told(box: Box, visitor: Visitor) -> None:
    visitor.look()
    box.says["learn"] = ControlError("no_answer", "the daemon has ended, or hung up")
    assert "the daemon has ended, or hung up" in visitor.choose("Swipe it now").text
    assert visitor.code == 503


# -- by hand --------------------------------------------------------------------------------------


def test_a_number_is_typed_in_place_of_a_swipe(box: Box, visitor: Visitor) -> None:
    box.table(unknown=UNKNOWN)
    visitor.look()
    visitor.choose("Add the badge", number=f" {NUMBER} ", name="New")
    assert box.last("enrol")["number"] == NUMBER
    assert box.last("enrol")["badge"] == ""


def test_a_typed_number_is_kept_while_something_else_is_wrong(box: Box, visitor: Visitor) -> None:
    visitor.look()
    box.says["enrol"] = ControlError("wrong", "name: is too long")
    page = visitor.choose("Add the badge", number=NUMBER, name="x")
    assert page.wrong == {"name"}
    assert page.fields["number"] == ""
    assert "The badge …999 was typed. Whose is it?" in page.text
    visitor.choose("Add the badge", name="New")
    assert box.last("enrol")["number"] == NUMBER


def test_a_typed_number_that_is_wrong_is_typed_again(box: Box, visitor: Visitor) -> None:
    box.table(unknown=UNKNOWN)
    visitor.look()
    box.says["enrol"] = ControlError("wrong", "number: is not as badges.notation says")
    page = visitor.choose("Add the badge", number=NUMBER, name="New")
    assert page.wrong == {"number"}
    assert not {"held", "badge"} & set(page.fields)  # the name is that of no other badge
    assert page.fields["name"] == "New"


def test_a_typed_number_is_kept_as_it_was_typed(box: Box, visitor: Visitor) -> None:
    visitor.look()
    box.says["enrol"] = ControlError("not_saved", "no space left")
    visitor.choose("Add the badge", number="00047 11001", name="New")
    visitor.choose("Add the badge")
    assert box.last("enrol")["number"] == "00047 11001"


def test_a_badge_that_was_swiped_before_the_form_was_sent_is_offered(
    box: Box, visitor: Visitor
) -> None:
    visitor.look()
    box.table(unknown=UNKNOWN)
    page = visitor.choose("Add the badge", name="New")
    assert visitor.code == 422
    assert (page.fields["badge"], page.fields["name"]) == ("unknown-key", "New")


def test_without_any_badge_nothing_is_asked(box: Box, visitor: Visitor) -> None:
    visitor.look()
    page = visitor.choose("Add the badge", name="New")
    assert (visitor.code, page.wrong) == (422, {"number"})
    assert page.fields["name"] == "New"
    assert "enrol" not in [op for op, _ in box.asked]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("not_here", 409, "It cannot be saved from here"),
        ("not_saved", 409, "It could not be written to the disk"),
        ("failed", 409, "It is not known what was done"),
        ("not_allowed", 409, "Nothing was done"),
        ("no_answer", 503, "It is not known what was done"),
    ],
)
def test_every_no_of_the_daemon_is_told_and_nothing_typed_is_lost(
    box: Box, visitor: Visitor, code: str, status: int, said: str
) -> None:
    visitor.look()
    box.says["enrol"] = ControlError(code, "own words")
    page = visitor.choose("Add the badge", number=NUMBER, name="New")
    assert visitor.code == status
    assert said in page.text
    assert "own words" in page.text
    assert page.fields["name"] == "New"


@pytest.mark.parametrize("way", ["typed", "swiped", "unknown"])
def test_a_daemon_that_is_away_costs_nothing_that_was_typed(
    box: Box, visitor: Visitor, way: str
) -> None:
    box.table(unknown=UNKNOWN if way == "unknown" else None)
    if way == "swiped":
        swiped(box, visitor)
    else:
        visitor.look()
    table, box.says["cards"], box.says["enrol"] = box.says["cards"], AWAY, AWAY
    number = NUMBER if way == "typed" else ""
    page = visitor.choose("Add the badge", name="New", user="12", number=number)
    assert visitor.code == 503
    assert (page.fields["name"], page.fields["user"]) == ("New", "12")
    box.says |= {"cards": table, "enrol": {"revision": "r2"}}
    visitor.choose("Add the badge")
    last = box.last("enrol")
    assert last["revision"] == "r1"
    assert (last["number"] or last["badge"]) == ("unknown-key" if way == "unknown" else NUMBER)


TAKEN = ControlError("taken", "in VALT this is the badge of Bob Baker")


@pytest.mark.parametrize("way", ["typed", "swiped", "unknown"])
def test_a_badge_that_is_somebodys_in_valt_is_asked_about_once_more(
    box: Box, visitor: Visitor, way: str
) -> None:
    box.table(unknown=UNKNOWN if way == "unknown" else None)
    if way == "swiped":
        swiped(box, visitor)
    else:
        visitor.look()
    box.says["enrol"] = TAKEN
    box.table(unknown=None)  # as soon as somebody has it
    number = NUMBER if way == "typed" else ""
    page = visitor.choose("Add the badge", name="New", user="12", number=number)
    assert visitor.code == 409
    assert "That badge is somebody’s already" in page.text
    assert "the badge of Bob Baker" in page.text
    box.says["enrol"] = {"revision": "r2"}
    visitor.choose("Add it all the same")
    last = box.last("enrol")
    assert (last["sure"], last["name"], last["user"]) == ("yes", "New", "12")
    assert (last["number"] or last["badge"]) == ("unknown-key" if way == "unknown" else NUMBER)


def test_who_is_sure_of_one_badge_is_not_sure_of_another(box: Box, visitor: Visitor) -> None:
    swiped(box, visitor)
    box.says["enrol"] = TAKEN
    visitor.choose("Add the badge", name="New")
    visitor.choose("Add it all the same", number="0004788888")
    assert (box.last("enrol")["number"], box.last("enrol")["sure"]) == ("0004788888", "no")


def test_while_ivsd_yaml_is_wrong_that_is_told_and_nothing_typed_is_lost(
    box: Box, visitor: Visitor
) -> None:
    swiped(box, visitor)
    box.says["enrol"] = ControlError("wrong_file", "nothing is changed: ivsd.yaml is wrong")
    page = visitor.choose("Add the badge", name="New", user="12")
    assert visitor.code == 409
    assert "a file of this box is wrong nothing is changed: ivsd.yaml is wrong" in page.text
    assert "The table of badges cannot be read" not in page.text
    assert (page.fields["name"], page.fields["user"]) == ("New", "12")
    assert "held" in page.fields


def test_where_the_list_of_users_is_too_long_an_id_is_typed(box: Box, visitor: Visitor) -> None:
    box.table(users=[])
    page = visitor.look()
    assert "user" not in page.choices
    assert "The number (id) of the user in VALT. Empty: it belongs to no VALT user." in page.text
    page = visitor.look("/change?card=archer")
    assert page.fields["user"] == "12"
    assert "whom VALT does not know" not in page.text


# -- one of the table -----------------------------------------------------------------------------


def test_a_badge_is_changed(box: Box, visitor: Visitor) -> None:
    page = visitor.look("/change?card=archer")
    assert (page.fields["name"], page.fields["user"]) == ("Dr. Archer, second badge", "12")
    assert page.choices["user"][""] == NOBODY
    assert page.choices["user"]["14"] == "Grace Hopper (VALT user 14)"
    page = visitor.choose("Save", name="Archer", user="14", action="lock")
    assert box.last("change-card") == {
        "card": "archer", "name": "Archer", "user": "14", "action": "lock", "revision": "r1",
    }  # fmt: skip
    assert "The badge was changed." in page.text


def test_a_user_whom_valt_does_not_know_stays_chosen(box: Box, visitor: Visitor) -> None:
    box.table(cards=[{**ARCHER, "user": 99, "user_name": None}])
    page = visitor.look("/change?card=archer")
    assert page.fields["user"] == "99"
    assert "whom VALT does not know" in page.choices["user"]["99"]


def test_a_badge_with_a_name_only_is_not_said_to_start_anything(box: Box, visitor: Visitor) -> None:
    box.table(cards=[{**ARCHER, "user": None, "user_name": None}], people=None, users=[])
    page = visitor.look()
    assert AS_VALT_SAYS in page.text
    assert LIKE_ANY not in page.text.partition("Badges of this box")[2]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"name": None}, "It belongs to Archer."),
        ({"name": None, "user_name": None}, "It belongs to VALT user 12."),
        ({"user": None, "user_name": None}, "It is called “Dr. Archer, second badge”."),
        ({}, "It is called “Dr. Archer, second badge” and belongs to Archer."),
    ],
)
def test_who_takes_a_badge_away_reads_whose_it_is(
    box: Box, visitor: Visitor, entry: dict[str, Any], says: str
) -> None:
    box.table(cards=[{**ARCHER, **entry}])
    assert says in visitor.look("/take-away?card=archer").text


def test_a_whole_number_is_looked_for_by_its_end_and_not_told_again(
    box: Box, visitor: Visitor
) -> None:
    for number in ("0004711001", "00047-11001"):
        page = visitor.look(f"?text={number}")
        assert "Dr. Archer, second badge" in page.text
        assert "key of the caretaker" not in page.text
        assert "4711001" not in page.html
        assert "11001" not in page.html


def test_a_clock_that_was_set_back_a_little_makes_no_time_ahead() -> None:
    shown = Shown(NOTHING, now=1000.0)
    assert shown.seen({"seen_at": 1030, "seen_at_reader": "door"}) == "0 s ago at “door”"


def test_what_does_several_things_keeps_them(box: Box, visitor: Visitor) -> None:
    several = "start, then marker “Begin”"
    box.table(cards=[{**CARETAKER, "action": several, "is_simple": False}])
    page = visitor.look("/change?card=caretaker")
    assert f"What it does: {several}. That stays as it is" in page.text
    visitor.choose("Save", name="Training")
    assert box.last("change-card")["action"] == ""


def test_what_is_wrong_with_a_change_stands_beside_its_field(box: Box, visitor: Visitor) -> None:
    visitor.look("/change?card=archer")
    box.says["change-card"] = ControlError("wrong", "user: is not needed for marker")
    page = visitor.choose("Save", name="Typed", action="marker")
    assert (visitor.code, page.wrong) == (422, {"user"})
    assert (page.fields["name"], page.fields["action"]) == ("Typed", "marker")


def test_a_change_of_a_table_that_has_changed_is_looked_at_again(
    box: Box, visitor: Visitor
) -> None:
    visitor.look("/change?card=archer")
    box.table(revision="r2")
    box.says["change-card"] = ControlError("changed", "the table has changed")
    page = visitor.choose("Save", name="Typed")
    assert visitor.code == 409
    assert (page.fields["name"], page.fields["revision"]) == ("Typed", "r2")


def test_a_badge_is_taken_away_after_a_page_that_says_what_that_means(
    box: Box, visitor: Visitor
) -> None:
    page = visitor.look("/take-away?card=archer")
    assert "Take away the badge …001?" in page.text
    assert "belongs to Archer" in page.text
    page = visitor.choose("Take it away")
    assert box.last("forget-card") == {"card": "archer", "revision": "r1"}
    assert "The badge was taken away." in page.text


@pytest.mark.parametrize("step", ["change", "take-away"])
def test_a_badge_that_has_gone_leads_back_to_the_table(
    box: Box, visitor: Visitor, step: str
) -> None:
    assert "is not in the table any more" in visitor.look(f"/{step}?card=nobody").text
    visitor.look(f"/{step}?card=archer")
    box.table(cards=[])
    no = ControlError("changed", "the table has changed")
    box.says |= {"change-card": no, "forget-card": no}
    button = "Save" if step == "change" else "Take it away"
    assert "is not in the table any more" in visitor.choose(button).text


@pytest.mark.parametrize(("step", "button"), [("change", "Save"), ("take-away", "Take it away")])
def test_a_change_while_the_daemon_is_away_is_told(
    box: Box, visitor: Visitor, step: str, button: str
) -> None:
    visitor.look(f"/{step}?card=archer")
    box.says |= {"cards": AWAY, "change-card": AWAY, "forget-card": AWAY}
    page = visitor.choose(button)
    assert visitor.code == 503
    assert "nobody listens" in page.text
    assert page.fields["card"] == "archer"
    assert page.fields["revision"] == "r1"
    if step == "change":
        assert (page.fields["name"], page.fields["user"]) == ("Dr. Archer, second badge", "12")


# -- small things ---------------------------------------------------------------------------------


def test_a_number_shows_its_last_places_only_if_it_is_long() -> None:
    assert (masked("0004711001"), masked("1234567"), masked("")) == ("…001", "…", "…")


def test_what_is_wrong_is_placed_beside_its_field() -> None:
    found = placed("says nothing of it; number: is in the table; action: is none; use lock")
    assert [(one.field, one.text) for one in found] == [
        ("", "says nothing of it"), ("number", "is in the table"), ("action", "is none; use lock"),
    ]  # fmt: skip


# -- whatever is sent -----------------------------------------------------------------------------

NAMES = ["held", "badge", "name", "user", "action", "card", "revision", "replace", "password",
         "text"]  # fmt: skip
TEXTS = st.text(max_size=20) | st.sampled_from(["", "archer", "12", "yes", "\x00"])
NUMBERS_SENT = st.dictionaries(st.sampled_from(["number", "pasted"]), st.just(NUMBER))
STEPS = ["", "/swipe", "/enrol", "/change", "/take-away", "/import", "/import-now", "/export"]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    step=st.sampled_from(STEPS) | st.text(max_size=8).map(lambda text: f"/{text}".replace("?", "")),
    form=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), TEXTS, max_size=6),
    numbers=NUMBERS_SENT,
    query=st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=2),
    is_post=st.booleans(),
    no=st.sampled_from(["", "wrong", "changed", "gone", "busy", "too_long", "no_answer"]),
)
def test_nothing_that_is_sent_makes_it_fail_or_shows_a_number(
    box: Box, step: str, form: dict[str, str], numbers: dict[str, str], query: dict[str, str],
    is_post: bool, no: str,
) -> None:  # fmt: skip
    visitor: Visitor = getattr(box, "kept", None) or box.technician()
    vars(box)["kept"] = visitor
    box.says = dict(box.SAYS)
    if no:
        refusal = ControlError(no, "number: own words")
        box.says |= {op: refusal for op in box.says if op != "cards"}
    with visitor.client.session_transaction() as session:
        token = session.setdefault("csrf", "t")
    method, data = ("POST", form | numbers | {"csrf": token}) if is_post else ("GET", None)
    path = f"/badges{step}"
    reply = visitor.client.open(path, method=method, query_string=query, data=data)
    assert reply.status_code in (200, 303, 403, 404, 405, 409, 422, 503)
    assert NUMBER not in reply.text + str(reply.headers)

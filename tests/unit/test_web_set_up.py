"""The set-up page: what was typed is tried, looked at and saved, and the password is never shown.

The forms are read and sent as a browser without a script does it. First against a daemon that is
made up, then against the real one's part with a file, a folder and the simulator.
"""

from __future__ import annotations

import itertools
import json
import logging
import secrets
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.operations import Refused
from ivsd.appliance.status import (
    ConfigStatus,
    ControlStatus,
    FactoryDefaultStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    RoomStatus,
    Status,
)
from ivsd.config import load
from ivsd.config.password import CREDENTIAL
from ivsd.events import Action, StopProtection
from ivsd.set_up.fields import SettingUp
from ivsd.valt.probing.findings import Step
from ivsd.valt.simulator import Simulator, World
from ivsd.web import set_up
from ivsd.web.access import accounts as accounts_module
from ivsd.web.access.accounts import Accounts
from ivsd.web.app import create_app
from ivsd.web.live import Live
from ivsd.web.set_up_words import ACTIONS, STEPS, STOPS
from ivsd.web.site import Site
from ivsd.web.typed import Typed
from tests.web_door import PASSWORD

SECRET = "correct-horse-battery"
PIN = "sha256:" + "ab" * 32
NEW = Status(
    version="0.1.0",
    uptime_s=60.0,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", False, ("room: is missing",)),
    room=RoomStatus("", None, "", None, None, False, False, None, None),
    link=LinkStatus("", False, "starting", "", 60.0, None, "", "system"),
    lights=LightsStatus("config", "config", False, None, 0),
    lamps=(),
    controls=(
        ControlStatus("record", "starts or stops a recording", "GPIO line 17"),
        ControlStatus("door", "locks", ""),
    ),
    devices=(),
    outbox=OutboxStatus(0, ""),
    outcomes=(),
    factory_default=FactoryDefaultStatus(True),
)
UP = replace(
    NEW,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Interview Room 1", "available", "available", False, False, None, 0.1),
    link=LinkStatus("https://valt", True, "", "", 9.0, 8.0, "6.5.2", "system"),
)
AWAY = ControlError("no_daemon", "no daemon answers: nobody listens at /run/ivsd/control.sock")
VALUES = {
    "valt": {"url": "https://valt.example.com", "username": "keypad"},
    "room": 4,
    "controls": {
        "record": {"action": "record_toggle"},
        "door": {"action": "lock", "hold": {"action": "unlock"}},
    },
}
EXPLAINED = {"text": "", "advice": "", "data": None}
ROOMS = [{"id": 4, "name": "Interview Room 1"}, {"id": 7, "name": "Lab"}, {"id": 9, "name": "lab"}]


# -- a browser ------------------------------------------------------------------------------------


class Page(HTMLParser):
    """A page as a browser has it: its text, its ids, and the fields of its form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.text = html, ""
        self.ids: list[str] = []
        self.points_to: list[str] = []
        self.labelled: set[str] = set()
        self.fields: dict[str, str] = {}
        self.choices: dict[str, dict[str, str]] = {}
        self.wrong: set[str] = set()
        self.acts: dict[str, str] = {}
        self.first_act = ""
        self._select = self._act = ""
        self._option: str | None = None
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attributes}
        if "id" in a:
            self.ids.append(a["id"])
        self.points_to += a.get("aria-describedby", "").split() + a.get("for", "").split()
        if a.get("href", "").startswith("#"):
            self.points_to.append(a["href"][1:])
        if "aria-invalid" in a:
            self.wrong.add(a["id"])
        if "for" in a:
            self.labelled.add(a["for"])
        if tag == "input" and a.get("type") == "radio":
            if "checked" in a:
                self.fields[a["name"]] = a["value"]
        elif tag == "input":
            assert a.get("type") != "password" or "value" not in a
            self.fields[a["name"]] = a.get("value", "")
        elif tag == "select":
            self._select = a["name"]
            self.choices[self._select] = {}
        elif tag == "option":
            self._option = a["value"]
            if "selected" in a or self._select not in self.fields:
                self.fields[self._select] = a["value"]
        elif tag == "form":
            self._form = a["action"]
        elif tag == "button":
            self._act = a.get("formaction", self._form)
            if self._form != "/logout":
                self.first_act = self.first_act or self._act

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._act:
            self.acts.setdefault(data, self._act)
            self._act = ""
        if self._option is not None:
            self.choices[self._select][self._option] = data
            self._option = None


class Visitor:
    """Somebody with a browser; `page` is what it shows."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.code = 0
        self.look()

    def look(self) -> Page:
        return self._take(self.client.get("/set-up"))

    def choose(self, button: str, **typed: str) -> Page:
        """Type into fields, dots written as two underscores, and choose a button."""
        form = self.page.fields | {key.replace("__", "."): text for key, text in typed.items()}
        reply = self.client.post(self.page.acts[button], data=form)
        self.sent_to = reply.headers.get("Location", "")
        assert SECRET not in str(reply.headers)
        if reply.status_code == 303:
            reply = self.client.get("/set-up")
        return self._take(reply)

    def _take(self, reply: Any) -> Page:
        assert SECRET not in reply.text
        self.code, self.page = reply.status_code, Page(reply.text)
        page = self.page
        assert len(set(page.ids)) == len(page.ids)
        assert set(page.points_to) <= set(page.ids)
        assert "style=" not in reply.text
        assert "<script" not in reply.text.replace('<script src="/static/', "")
        if page.fields.get("revision"):
            assert page.first_act == "/set-up/preview"  # what Enter does
            assert page.labelled >= {"valt-url", "valt-username", "password", "room"}
        return page


class Box:
    """Pages over a daemon that is made up: what it says to each operation, and was asked."""

    def __init__(self) -> None:
        self.found: Status | ControlError = UP
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.says: dict[str, dict[str, Any] | ControlError] = {
            "config": {
                "file": "/etc/ivsd/ivsd.yaml",
                "values": json.loads(json.dumps(VALUES)),
                "has_password": True,
                "revision": "r1",
                "problems": [],
            },
            "preview": {"problems": [], "changes": [], "diff": "", "needs_password": False},
            "test-connection": {"findings": []},
            "save": {"revision": "r2"},
            "learn": {"kind": "button", "name": "door", "number": None},
        }
        seconds = itertools.count(0.0, 10.0)
        live = Live(self._subscribe, clock=lambda: next(seconds))
        self.app = app_of(Site(self._ask, live, frozenset({"localhost"}), None))

    def _subscribe(self) -> Iterator[Status]:
        if isinstance(self.found, ControlError):
            raise self.found
        yield self.found

    def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        self.asked.append((op, args))
        said = self.says[op]
        if isinstance(said, ControlError):
            raise said
        return said

    def config(self, **new: Any) -> None:
        said = self.says["config"]
        assert isinstance(said, dict)
        said.update(new)

    def last(self, op: str) -> dict[str, Any]:
        return [args for asked, args in self.asked if asked == op][-1]

    def visitor(self) -> Visitor:
        return Visitor(self.app.test_client())


def app_of(site: Site) -> Any:
    app = create_app(site)
    if "set_up" not in app.blueprints:
        app.register_blueprint(set_up.pages(site))
    return app


def logged_in(app: Any) -> FlaskClient:
    """Return a browser of somebody who has typed the password of the pages."""
    client: FlaskClient = app.test_client()
    accounts = app.extensions["ivsd.sessions"].accounts
    with client.session_transaction() as session:
        session.update(id=secrets.token_hex(8), epoch=f"{accounts.epoch}.0", at=accounts.now())
    return client


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up, "LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def visitor(box: Box) -> Visitor:
    return box.visitor()


# -- the page -------------------------------------------------------------------------------------


def test_the_fields_show_what_the_file_says(visitor: Visitor) -> None:
    shown = {key: text for key, text in visitor.page.fields.items() if key != "csrf"}
    assert shown == {
        "revision": "r1",
        "valt.url": "https://valt.example.com",
        "valt.username": "keypad",
        "password": "",
        "trusts": "system",
        "pin": "",
        "ca_file": "",
        "room": "4",
        "recording.name": "{room} {date} {time}",
        "recording.stop": "at_once",
        "controls.record": "record_toggle",
        "controls.door": "lock",
    }
    assert "GPIO line 17" in visitor.page.text
    assert "Nothing presses it" in visitor.page.text
    assert "One is stored" in visitor.page.text
    assert "Three steps" not in visitor.page.text
    assert "up for 9 s (VALT 6.5.2)" in visitor.page.text


def test_every_action_can_be_chosen_and_every_step_has_a_name() -> None:
    assert set(ACTIONS) == set(Action)
    assert set(STOPS) == set(StopProtection)
    assert set(STEPS) == set(Step)


def test_a_control_can_do_nothing_when_pressed_only_if_it_can_do_something_else(
    visitor: Visitor,
) -> None:
    assert "" not in visitor.page.choices["controls.record"]
    assert "stays as it is" in visitor.page.text
    assert visitor.page.choices["controls.door"][""] == "nothing"


@pytest.mark.parametrize(
    ("verify", "trusts", "pin", "ca_file"),
    [
        (True, "system", "", ""),
        (PIN, "pin", PIN, ""),
        ("ca.pem", "file", "", "ca.pem"),
        ("true", "file", "", "true"),
    ],
)
def test_what_is_trusted_is_a_choice(
    box: Box, verify: bool | str, trusts: str, pin: str, ca_file: str
) -> None:
    box.config(values={**VALUES, "valt": {"verify": verify}})
    visitor = box.visitor()
    fields = visitor.page.fields
    assert (fields["trusts"], fields["pin"], fields["ca_file"]) == (trusts, pin, ca_file)
    visitor.choose("See what changes")
    assert box.last("preview")["edits"] == {}


def test_a_trust_that_is_none_is_not_chosen(box: Box) -> None:
    box.config(values={**VALUES, "valt": {"verify": False}})
    visitor = box.visitor()
    assert "trusts" not in visitor.page.fields
    visitor.choose("See what changes")
    assert box.last("preview")["edits"] == {}


def test_a_value_that_is_wrong_is_shown_as_it_is(box: Box) -> None:
    values = {**VALUES, "controls": {"record": {"action": "recrod"}}, "recording": {"stop": "so"}}
    problems = [{"key": "controls.record", "text": "'recrod' is not known"}]
    box.config(values=values, problems=problems)
    visitor = box.visitor()
    assert visitor.page.fields["controls.record"] == "recrod"
    assert visitor.page.fields["recording.stop"] == "so"
    assert visitor.page.wrong == {"control-1"}
    visitor.choose("See what changes")
    assert box.last("preview")["edits"] == {}


def test_a_box_that_nobody_has_set_up_begins_with_what_to_do(box: Box) -> None:
    box.found = NEW
    missing = [{"key": "valt", "text": "is missing: it"}, {"key": "room", "text": "is missing: it"}]
    box.config(values={"controls": VALUES["controls"]}, has_password=False, problems=missing)
    page = box.visitor().page
    assert "Three steps make this box ready" in page.text
    assert "None is stored yet" in page.text
    assert "is missing" not in page.text


def test_a_file_of_somebody_who_forgot_the_room_is_told(box: Box) -> None:
    box.found = NEW
    box.config(
        values={"valt": VALUES["valt"]}, problems=[{"key": "room", "text": "is missing: the id"}]
    )
    page = box.visitor().page
    assert page.wrong == {"room"}
    assert "Room of this box: is missing: the id" in page.text
    assert "The file names no buttons" in page.text


def test_without_a_daemon_the_page_says_so(box: Box) -> None:
    box.found = AWAY
    reply = box.app.test_client().get("/set-up")
    assert reply.status_code == 503
    assert "nobody listens" in reply.text
    box.found, box.says["config"] = UP, AWAY
    assert box.app.test_client().get("/set-up").status_code == 503


def test_the_demo_has_nothing_to_set_up(box: Box) -> None:
    class Demo:
        buttons = badges = ()

    site = Site(box._ask, Live(box._subscribe), frozenset({"localhost"}), None, Demo())  # type: ignore[arg-type]
    client = app_of(site).test_client()
    page = client.get("/set-up")
    assert (page.status_code, "The demo has nothing to set up" in page.text) == (200, True)
    with client.session_transaction() as session:
        session["csrf"] = "t"
    for path in ("test", "preview", "save", "which", "trust"):
        assert client.post(f"/set-up/{path}", data={"csrf": "t"}).status_code == 404
    assert box.asked == []


def test_an_answer_that_is_read_again_leads_to_the_page(box: Box) -> None:
    for path in ("test", "preview", "save", "which", "trust"):
        reply = box.app.test_client().get(f"/set-up/{path}")
        assert (reply.status_code, reply.headers["Location"]) == (303, "/set-up")
    assert box.app.test_client().get("/set-up/other").status_code == 404
    assert box.asked == []


def test_a_page_of_a_stranger_does_nothing(box: Box) -> None:
    for path in ("test", "preview", "save", "which", "trust"):
        reply = box.app.test_client().post(f"/set-up/{path}", data={"valt.url": "http://evil"})
        assert reply.status_code == 403
    assert box.asked == []


def test_nobody_sets_anything_up_who_has_not_logged_in(box: Box, tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    site = Site(box._ask, Live(box._subscribe), frozenset({"localhost"}), accounts)
    client = app_of(site).test_client()
    assert client.get("/set-up").headers["Location"] == "/first"
    for path in ("test", "preview", "save", "which", "trust"):
        assert client.post(f"/set-up/{path}").status_code == 403
    assert box.asked == []


# -- what is sent to the daemon -------------------------------------------------------------------


def test_only_what_was_edited_is_sent(box: Box, visitor: Visitor) -> None:
    visitor.choose(
        "See what changes", room=" Lab ", recording__stop="hold", controls__door="", x="y"
    )
    edits = {"room": "Lab", "recording.stop": "hold", "controls.door": None}
    assert box.last("preview")["edits"] == edits


def test_an_empty_field_takes_its_key_away(box: Box, visitor: Visitor) -> None:
    visitor.choose("See what changes", room="", recording__name="", valt__url=" ")
    edits = {"room": None, "recording.name": None, "valt.url": None}
    assert box.last("preview")["edits"] == edits


def test_a_field_that_was_not_sent_stays_as_it_is(box: Box, visitor: Visitor) -> None:
    client = box.app.test_client()
    with client.session_transaction() as session:
        session["csrf"] = "t"
    client.post("/set-up/preview", data={"csrf": "t"})
    assert box.last("preview")["edits"] == {}


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ({"trusts": "pin", "pin": PIN}, PIN),
        ({"trusts": "pin", "pin": f" {'AB:' * 31}AB "}, f"sha256:{'AB:' * 31}AB"),
        ({"trusts": "pin", "pin": ""}, "sha256:"),
        ({"trusts": "file", "ca_file": "/etc/ca.pem"}, "/etc/ca.pem"),
        ({"trusts": "file", "ca_file": "yes"}, '"yes"'),
        ({"trusts": "file", "ca_file": ""}, '""'),
    ],
)
def test_a_chosen_trust_never_becomes_another_one(
    box: Box, visitor: Visitor, typed: dict[str, str], sent: str
) -> None:
    visitor.choose("See what changes", **typed)
    assert box.last("preview")["edits"] == {"valt.verify": sent}
    assert visitor.page.fields["trusts"] == typed["trusts"]


def test_the_system_is_trusted_again(box: Box) -> None:
    box.config(values={"valt": {"verify": PIN}})
    box.visitor().choose("See what changes", trusts="system")
    assert box.last("preview")["edits"] == {"valt.verify": "true"}


def test_odd_names_of_controls_are_kept_apart(box: Box) -> None:
    names = ["door", "door.left", 'a"b<i>', "zwei Wörter", ""]
    box.config(values={"controls": {name: {"action": "stop"} for name in names}})
    visitor = box.visitor()
    assert "<i>" not in visitor.page.html
    typed = {"controls.door": "pause", "controls.door.left": "start", 'controls.a"b<i>': "marker"}
    visitor.choose("See what changes", **typed)
    assert box.last("preview")["edits"] == typed
    assert visitor.page.fields.items() >= typed.items()


# -- test connection ------------------------------------------------------------------------------


def findings(box: Box, *found: dict[str, Any]) -> None:
    box.says["test-connection"] = {"findings": [EXPLAINED | one for one in found]}


def test_every_step_is_told_in_words_and_with_what_to_do(box: Box, visitor: Visitor) -> None:
    findings(
        box,
        {"step": "name", "ok": True, "text": "valt is 10.0.0.7"},
        {"step": "tls", "ok": None, "text": "not encrypted", "advice": "Write https://."},
        {"step": "log_in", "ok": False, "text": "the <b>server</b> refuses", "advice": "Correct."},
        {"step": "new_one", "ok": None, "text": "not tried: no reader"},
    )
    page = visitor.choose("Test connection", valt__username="another", password=SECRET)
    args = box.last("test-connection")
    assert args == {"edits": {"valt.username": "another"}, "password": SECRET}
    for said in (
        "The test found one thing wrong",
        "✓ ok Name: valt is 10.0.0.7",
        "! note Certificate: not encrypted → Write https://.",
        "✗ wrong Log-in: the <b>server</b> refuses → Correct.",
        "– not tried new_one: not tried: no reader",
        "Type it once more",
    ):
        assert said in page.text
    assert page.fields["valt.username"] == "another"
    assert "Trust exactly" not in page.text
    assert "choose the room" not in page.text
    assert "save" not in [op for op, _ in box.asked]


def test_without_a_typed_password_the_stored_one_is_used(box: Box, visitor: Visitor) -> None:
    page = visitor.choose("Test connection")
    assert box.last("test-connection") == {"edits": {}, "password": None}
    assert "Leave this empty to keep it" in page.text


def test_the_rooms_that_were_found_are_a_list(box: Box, visitor: Visitor) -> None:
    found = {"rooms": ROOMS, "chosen": ROOMS[0], "near": []}
    findings(box, {"step": "room", "ok": True, "data": found})
    page = visitor.choose("Test connection")
    assert list(page.choices["room"].items()) == [
        ("4", "Interview Room 1 (room 4)"),
        ("7", "Lab (room 7)"),
        ("9", "lab (room 9)"),
    ]
    assert page.fields["room"] == "4"
    page = visitor.choose("See what changes", room="9")
    assert page.fields["room"] == "9"
    assert list(page.choices["room"]) == ["4", "7", "9"]
    assert list(visitor.look().choices["room"]) == ["4", "7", "9"]
    assert "room" not in visitor.choose("See what changes", valt__url="https://other").choices


def test_a_room_is_chosen_by_its_name_where_that_is_unique(box: Box) -> None:
    rooms = [*ROOMS, {"id": 10, "name": "12"}, {"id": 11, "name": ""}, {"id": 12, "name": " x "}]
    box.config(values={"valt": VALUES["valt"]})
    findings(
        box, {"step": "room", "ok": None, "data": {"rooms": rooms, "chosen": None, "near": []}}
    )
    page = box.visitor().choose("Test connection")
    assert list(page.choices["room"]) == ["", "Interview Room 1", "7", "9", '"12"', "11", "12"]
    assert page.fields["room"] == ""
    assert "choose the room" in page.text


def test_the_nearest_room_is_chosen_and_that_is_said(box: Box, visitor: Visitor) -> None:
    found = {"rooms": ROOMS, "chosen": None, "near": [ROOMS[0], ROOMS[1]]}
    findings(box, {"step": "room", "ok": False, "text": "no such room", "data": found})
    page = visitor.choose("Test connection", room="Intervew Room")
    assert page.fields["room"] == "Interview Room 1"
    assert "“Intervew Room” is not there" in page.text


def test_of_two_rooms_of_one_name_none_is_chosen_for_anybody(box: Box, visitor: Visitor) -> None:
    found = {"rooms": ROOMS, "chosen": None, "near": ROOMS[1:]}
    findings(box, {"step": "room", "ok": False, "text": "several", "data": found})
    page = visitor.choose("Test connection", room="Lab")
    assert page.fields["room"] == "Lab"
    assert page.choices["room"]["Lab"] == "Lab (as typed)"


def test_an_account_without_rooms_leaves_the_field(box: Box, visitor: Visitor) -> None:
    found: dict[str, Any] = {"rooms": [], "chosen": None, "near": []}
    findings(box, {"step": "room", "ok": False, "text": "sees no room", "data": found})
    page = visitor.choose("Test connection", room="Lab")
    assert "room" not in page.choices
    assert page.fields["room"] == "Lab"


def test_a_certificate_can_be_trusted_after_it_was_compared(box: Box, visitor: Visitor) -> None:
    untrusted = {"step": "tls", "ok": False, "text": "signed by itself", "data": {"pin": PIN}}
    findings(box, untrusted)
    page = visitor.choose("Test connection", valt__url="https://valt.local", password=SECRET)
    assert ":".join(["AB"] * 32) in page.text
    assert "compare it" in page.text
    said = box.says["preview"]
    assert isinstance(said, dict)
    said["needs_password"] = True
    page = visitor.choose("Trust exactly this certificate")
    assert visitor.code == 200
    assert (page.fields["trusts"], page.fields["pin"]) == ("pin", PIN)
    assert page.fields["valt.url"] == "https://valt.local"
    assert "Type it: the stored one was for another server or certificate" in page.text
    visitor.choose("Test connection")
    edits = {"valt.url": "https://valt.local", "valt.verify": PIN}
    assert box.last("test-connection")["edits"] == edits


def test_a_certificate_that_is_trusted_needs_no_button(box: Box, visitor: Visitor) -> None:
    findings(box, {"step": "tls", "ok": True, "text": "trusted", "data": {"pin": PIN}})
    assert "Trust exactly" not in visitor.choose("Test connection").text


def test_enter_does_not_trust_a_certificate(box: Box, visitor: Visitor) -> None:
    findings(box, {"step": "tls", "ok": False, "data": {"pin": PIN}})
    assert visitor.choose("Test connection").first_act == "/set-up/preview"


def test_a_test_that_needs_the_password_says_so_beside_it(box: Box, visitor: Visitor) -> None:
    box.says["test-connection"] = ControlError("password_needed", "type the password: it was")
    page = visitor.choose("Test connection", valt__url="https://other")
    assert visitor.code == 422
    assert page.wrong == {"password"}
    assert "Wrong: type the password: it was" in page.text
    assert page.fields["valt.url"] == "https://other"


# -- preview --------------------------------------------------------------------------------------


def test_a_preview_tells_what_changes_in_words_and_the_lines(box: Box, visitor: Visitor) -> None:
    box.says["preview"] = {
        "problems": [],
        "changes": [
            {"key": "room", "old": "4", "new": "Lab"},
            {"key": "controls.door.action", "old": None, "new": "<lock>"},
            {"key": "lights.lamps.1.name", "old": "a", "new": None},
        ],
        "diff": "-room: 4\n+room: <Lab>",
        "needs_password": False,
    }
    page = visitor.choose("See what changes", room="Lab", password=SECRET)
    for said in (
        "Room of this box 4 → Lab",
        "Button “door” not set → <lock>",
        "lights.lamps.1.name a → not set",
        "-room: 4 +room: <Lab>",
        "Nothing was saved yet.",
        "The password that you typed would be saved",
    ):
        assert said in page.text
    assert "<details>" in page.html


def test_what_is_wrong_stands_beside_its_field_and_at_the_top(box: Box, visitor: Visitor) -> None:
    problems = [
        ("valt.url", "'x' is no web address"), ("valt.verify", "there is no file '/x'"),
        ("controls.door.action", "'y' is not known"), ("valt.password_file", "there is no file"),
        ("inputs.buttons.1.line", "line 17 is used, too"),
    ]  # fmt: skip
    box.says["preview"] = {
        "problems": [{"key": key, "text": text} for key, text in problems],
        "changes": [], "diff": "", "needs_password": False,
    }  # fmt: skip
    page = visitor.choose("See what changes", valt__url="x")
    assert page.wrong == {"valt-url", "valt-verify", "control-2", "password"}
    for _, text in problems:
        assert text in page.text
    assert "5 things are wrong" in page.text
    assert "Wrong: 'x' is no web address" in page.text
    assert "this page has no field for it" in page.text
    assert {"valt-url", "valt-verify", "control-2", "password"} <= set(page.points_to)
    assert page.fields["valt.url"] == "x"


# -- save -----------------------------------------------------------------------------------------


def test_a_save_leads_back_and_says_how_the_link_is(
    box: Box, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = visitor.choose("Save", room="7", password=SECRET)
    assert visitor.sent_to == "/set-up"
    sent = {"edits": {"room": "7"}, "password": SECRET, "revision": "r1"}
    assert box.last("save") == sent
    assert "Saved. The link to the server: up for 9 s (VALT 6.5.2), logged in 8 s ago." in page.text
    assert SECRET not in caplog.text
    assert "Saved" not in visitor.look().text


def test_a_save_after_which_the_daemon_is_silent_says_so(box: Box, visitor: Visitor) -> None:
    box.found = AWAY
    visitor.choose("Save")
    box.found = UP
    assert "How the link is now cannot be told" in visitor.look().text


@pytest.mark.parametrize(
    ("code", "http", "said"),
    [
        ("not_here", 409, "It cannot be saved from here"),
        ("not_saved", 409, "The file is as it was"),
        ("bad_args", 409, "the daemon’s own words"),
        ("too_long", 409, "the daemon’s own words"),
        ("no_answer", 503, "systemctl status ivsd"),
        ("password_needed", 422, "Wrong: the daemon’s own words"),
    ],
)
def test_what_the_daemon_refuses_is_told_and_nothing_typed_is_lost(
    box: Box, visitor: Visitor, code: str, http: int, said: str
) -> None:
    box.says["save"] = ControlError(code, "the daemon’s own words")
    page = visitor.choose("Save", room="Lab", password=SECRET)
    assert visitor.code == http
    assert said in page.text
    assert "the daemon’s own words" in page.text
    assert page.fields["room"] == "Lab"


def test_a_wrong_value_is_told_beside_its_field_when_it_is_to_be_saved(
    box: Box, visitor: Visitor
) -> None:
    box.says["save"] = ControlError("wrong", "recording.name: must not be empty")
    said = box.says["preview"]
    assert isinstance(said, dict)
    said["problems"] = [{"key": "recording.name", "text": "must not be empty"}]
    page = visitor.choose("Save", recording__name="x")
    assert (visitor.code, page.wrong) == (422, {"recording-name"})


def test_a_file_that_has_changed_meanwhile_is_shown_beside_what_was_typed(
    box: Box, visitor: Visitor
) -> None:
    box.says["save"] = ControlError("changed", "the file has changed meanwhile")
    box.config(values={**VALUES, "room": 9}, revision="r2")
    page = visitor.choose("Save", recording__name="Door")
    assert visitor.code == 409
    assert "has changed since this page was read" in page.text
    assert page.fields["recording.name"] == "Door"
    assert page.fields["room"] == "4"
    assert "The file says now: 9" in page.text
    assert page.fields["revision"] == "r2"
    box.says["save"] = {"revision": "r3"}
    visitor.choose("Save", room="9")
    assert box.last("save")["edits"] == {"recording.name": "Door"}


def test_a_preview_of_a_file_that_has_changed_meanwhile_says_so(box: Box, visitor: Visitor) -> None:
    box.config(values={**VALUES, "room": 9}, revision="r2")
    page = visitor.choose("See what changes")
    assert "The file has changed since this page was read" in page.text
    assert "The file says now: 9" in page.text


@pytest.mark.parametrize(
    ("op", "button"), [("config", "Save"), ("preview", "See what changes"), ("save", "Save")]
)
def test_a_file_that_cannot_be_kept_whole_is_for_hands(
    box: Box, visitor: Visitor, op: str, button: str
) -> None:
    box.says[op] = ControlError("wrong_file", "ivsd.yaml:3: is no valid YAML")
    page = visitor.choose(button)
    assert visitor.code == 409
    for said in ("ivsd.yaml:3: is no valid YAML", "by hand", "factory state", "ivsd check"):
        assert said in page.text
    assert "room" not in page.fields


@pytest.mark.parametrize("button", ["Save", "Test connection", "See what changes"])
def test_a_daemon_that_has_gone_takes_nothing_typed_with_it(
    box: Box, visitor: Visitor, button: str
) -> None:
    box.found, box.says["config"] = AWAY, AWAY
    page = visitor.choose(
        button, room="Lab", controls__door="marker", trusts="pin", pin=PIN, password=SECRET
    )
    assert visitor.code == 503
    assert "nobody listens" in page.text
    box.says["config"] = Box().says["config"]
    box.found = UP
    visitor.choose("Save", password=SECRET)
    edits = {"valt.verify": PIN, "room": "Lab", "controls.door": "marker"}
    assert box.last("save") == {"edits": edits, "password": SECRET, "revision": "r1"}


# -- which is which -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("button", "door", "That was the button “door”. It has done nothing else."),
        ("button", "bell", "“bell”. This page has no row for it."),
        ("badge", "front", "That was a badge at the reader “front”, which is no button."),
        ("pin", "<i>", "That was a PIN at the reader “<i>”"),
    ],
)
def test_what_was_pressed_is_named_and_does_nothing_else(
    box: Box, visitor: Visitor, kind: str, name: str, said: str
) -> None:
    box.says["learn"] = {"kind": kind, "name": name, "number": "0012345678"}
    page = visitor.choose("Press the button you mean", room="Lab", password=SECRET)
    assert visitor.code == 200
    assert said in page.text
    assert ("← this one was pressed" in page.text) is (name == "door")
    assert "12345678" not in page.html
    assert page.fields["room"] == "Lab"
    assert [op for op, _ in box.asked if op not in ("config", "preview")] == ["learn"]


@pytest.mark.parametrize(
    ("code", "said"), [("nothing_came", "in time"), ("busy", "Another"), ("no_answer", "own words")]
)
def test_a_press_that_does_not_come_is_told(
    box: Box, visitor: Visitor, code: str, said: str
) -> None:
    box.says["learn"] = ControlError(code, "own words")
    page = visitor.choose("Press the button you mean", room="Lab")
    assert said in page.text
    assert page.fields["room"] == "Lab"


# -- against the daemon's own part ----------------------------------------------------------------

FACTORY = Path(__file__).parents[2] / "templates" / "ivsd.yaml"


class RealBox:
    """A file as the box leaves the factory, and what answers for it in the daemon."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path, self.state = folder / "ivsd.yaml", folder / "state"
        self.state.mkdir()
        self.path.write_text(text, encoding="utf-8")
        self.reloads = 0
        self._setting_up = SettingUp(self.path, self.state, self._reload, may_write=True)
        seconds = itertools.count(0.0, 10.0)
        live = Live(lambda: iter([UP if self.reloads else NEW]), clock=lambda: next(seconds))
        self.clock_s = 1000.0
        (folder / "web").mkdir()
        self.accounts = Accounts(folder / "web", lambda: self.clock_s)
        self.accounts.set_password(PASSWORD)
        self.app = app_of(Site(self._ask, live, frozenset({"localhost"}), self.accounts))
        self.typed: Typed = self.app.extensions["ivsd.sessions"].typed
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.is_away = False

    def visitor(self) -> Visitor:
        return Visitor(logged_in(self.app))

    def _reload(self) -> None:
        self.reloads += 1

    def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        self.asked.append((op, args))
        if self.is_away:
            raise AWAY
        said = self._setting_up.do(op, json.loads(json.dumps(args)))
        if isinstance(said, Refused):
            raise ControlError(said.code, said.text)
        answer: dict[str, Any] = json.loads(json.dumps(said))
        assert SECRET not in json.dumps(answer)
        return answer

    def files_with(self, text: str) -> list[Path]:
        everywhere = self.path.parent.rglob("*")
        return [file for file in everywhere if file.is_file() and text in file.read_text()]


@pytest.fixture
def factory_box(tmp_path: Path) -> RealBox:
    return RealBox(tmp_path, FACTORY.read_text(encoding="utf-8"))


def test_from_the_factory_file_to_a_box_that_has_its_room(
    factory_box: RealBox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Simulator(World(version="6.5.2"), password=SECRET) as server:
        visitor = factory_box.visitor()
        assert "Three steps" in visitor.page.text
        account = {"valt__url": server.url, "valt__username": "admin"}
        page = visitor.choose("Test connection", **account)
        assert visitor.code == 422
        assert page.wrong == {"password"}
        page = visitor.choose("Test connection", password=SECRET)
        assert "✓ ok Log-in" in page.text
        assert "kept until you save, for 15 minutes" in page.text
        assert list(page.choices["room"])[1:3] == ["Interview Room 1", "Interview Room 2"]
        page = visitor.choose("See what changes", room="Interview Room 2")
        assert "Room of this box not set → Interview Room 2" in page.text
        assert page.wrong == set()
        assert "The password that you typed would be saved, too." in page.text
        page = visitor.choose("Save")  # it was typed once, and that is enough
        assert "Saved. The link to the server: up" in page.text
    config = load(factory_box.path)
    assert (config.valt.url, config.valt.username, config.room) == (
        server.url,
        "admin",
        "Interview Room 2",
    )
    assert config.controls["record"].action is Action.RECORD_TOGGLE
    assert factory_box.files_with(SECRET) == [factory_box.state / CREDENTIAL]
    assert (factory_box.state / CREDENTIAL).read_text() == SECRET
    assert factory_box.reloads == 1
    assert SECRET not in caplog.text


def test_a_self_signed_server_is_pinned_by_choosing_only(factory_box: RealBox) -> None:
    pytest.importorskip("trustme")
    with Simulator(World(version="6.5.2"), password=SECRET, tls="self_signed") as server:
        visitor = factory_box.visitor()
        account = {"valt__url": server.url, "valt__username": "admin", "password": SECRET}
        page = visitor.choose("Test connection", **account)
        assert "✗ wrong Certificate" in page.text
        visitor.choose("Trust exactly this certificate")
        page = visitor.choose("Test connection", password=SECRET)
        assert "✓ ok Certificate: it is the pinned one" in page.text
        visitor.choose("Save", room="Interview Room 1")
    verify = load(factory_box.path).valt.verify
    assert isinstance(verify, str)
    assert verify.startswith("sha256:")


def test_wrong_values_have_the_words_of_ivsd_check(factory_box: RealBox) -> None:
    visitor = factory_box.visitor()
    page = visitor.choose("Save", valt__url="valt", recording__name="{rom}", password=SECRET)
    assert visitor.code == 422
    assert page.wrong == {"valt-url", "valt-username", "room", "recording-name"}
    assert "is no web address: use https://NAME or http://NAME" in page.text
    assert "{rom} is not known so: use {date}, {time}, {user} or {room} plainly" in page.text
    right = {"valt__url": "https://valt", "valt__username": "admin"}
    page = visitor.choose("Save", trusts="file", password=SECRET, **right)
    assert page.wrong == {"valt-verify", "room", "recording-name"}
    assert factory_box.files_with(SECRET) == []


def test_two_technicians_do_not_overwrite_one_another(factory_box: RealBox) -> None:
    one, other = (factory_box.visitor() for _ in range(2))
    account = {"valt__url": "http://127.0.0.1:9", "valt__username": "admin", "password": SECRET}
    one.choose("Save", room="4", **account)
    page = other.choose("Save", room="7", **account)
    assert other.code == 409
    assert "The file says now: 4" in page.text
    assert load(factory_box.path).room == 4
    other.choose("Save")
    assert load(factory_box.path).room == 7


def test_a_file_that_is_no_yaml_is_for_hands(factory_box: RealBox) -> None:
    factory_box.path.write_text("valt: [", encoding="utf-8")
    reply = logged_in(factory_box.app).get("/set-up")
    assert reply.status_code == 409
    assert "by hand" in reply.text
    assert "is no valid YAML" in reply.text


# -- the password is typed once --------------------------------------------------------------------

TYPED = {"valt__url": "http://127.0.0.1:9", "valt__username": "admin", "password": SECRET}
KEPT = "kept until you save, for 15 minutes. Leave this empty to use it."


def test_what_was_typed_for_a_test_is_saved_without_typing_it_again(factory_box: RealBox) -> None:
    visitor = factory_box.visitor()
    assert KEPT in visitor.choose("Test connection", **TYPED).text  # nobody answers there
    visitor.choose("Save", room="4")
    assert visitor.sent_to == "/set-up"
    assert (factory_box.state / CREDENTIAL).read_text() == SECRET
    assert factory_box.files_with(SECRET) == [factory_box.state / CREDENTIAL]
    assert KEPT not in visitor.page.text  # it was saved
    assert factory_box.typed._of == {}


def test_it_is_in_no_page_no_cookie_no_file_and_no_line_of_the_journal(
    factory_box: RealBox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = factory_box.visitor()
    for button in ("Test connection", "See what changes"):
        visitor.choose(button, **TYPED)
    for path in ("/", "/set-up", "/log", "/system", "/login", "/first", "/set-up/test"):
        reply = visitor.client.get(path)
        assert SECRET not in reply.text + str(reply.headers)
    with visitor.client.session_transaction() as session:  # which is signed, but can be read
        assert SECRET not in str(dict(session))
    assert len(factory_box.typed._of) == 1
    assert factory_box.files_with(SECRET) == []
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        {"valt__url": "http://127.0.0.1:10"},
        {"valt__url": "https://127.0.0.1:9"},
        {"valt__url": "http://localhost:9"},
        {"valt__username": "somebody"},
        {"trusts": "pin", "pin": PIN},
    ],
)
@pytest.mark.parametrize("button", ["Test connection", "Save"])
def test_for_another_place_it_must_be_typed_again(
    factory_box: RealBox, other: dict[str, str], button: str
) -> None:
    visitor = factory_box.visitor()
    visitor.choose("See what changes", **TYPED, room="4")
    factory_box.asked.clear()
    page = visitor.choose(button, **other)
    assert (visitor.code, page.wrong) == (422, {"password"})
    assert "is not kept any more" in page.text
    assert factory_box.typed._of == {}
    assert not {"test-connection", "save"} & {op for op, _ in factory_box.asked}
    back = {key: TYPED[key] for key in ("valt__url", "valt__username")} | {"trusts": "system"}
    assert visitor.choose("Save", **back).wrong == {"password"}  # nor does it come back


def test_after_fifteen_minutes_it_must_be_typed_again(factory_box: RealBox) -> None:
    visitor = factory_box.visitor()
    visitor.choose("See what changes", **TYPED, room="4")
    factory_box.clock_s += 899.0
    assert KEPT in visitor.choose("See what changes").text
    factory_box.clock_s += 2.0
    assert visitor.choose("Save").wrong == {"password"}
    assert factory_box.typed._of == {}


def test_a_stored_one_is_not_taken_silently_for_one_that_is_kept_no_more(
    factory_box: RealBox,
) -> None:
    visitor = factory_box.visitor()
    visitor.choose("Save", **TYPED, room="4")
    visitor.choose("See what changes", password="another-one-that-is-new")
    factory_box.clock_s += 901.0
    page = visitor.choose("Save", room="5")
    assert (visitor.code, page.wrong) == (422, {"password"})
    assert load(factory_box.path).room == 4
    visitor.choose("Save", room="5")  # after it was said the stored one may be used
    assert load(factory_box.path).room == 5
    assert (factory_box.state / CREDENTIAL).read_text() == SECRET


@pytest.mark.parametrize(
    "button", ["See what changes", "Press the button you mean", "Trust exactly this certificate"]
)
def test_every_step_tells_of_one_that_is_kept_no_more(factory_box: RealBox, button: str) -> None:
    visitor = factory_box.visitor()
    visitor.choose("Save", **TYPED, room="4")
    visitor.choose("See what changes", password="another-one-that-is-new")
    factory_box.clock_s += 901.0
    visitor.page.acts |= {"Trust exactly this certificate": "/set-up/trust"}
    page = visitor.choose(button, shown_pin=PIN)
    assert page.wrong == {"password"}
    assert "is not kept any more" in page.text
    assert page.html.count("autofocus") == 1
    assert "kept" not in page.fields
    assert (factory_box.state / CREDENTIAL).read_text() == SECRET


def test_who_corrects_a_slip_of_the_user_name_is_told_to_type_it_again(
    factory_box: RealBox,
) -> None:
    visitor = factory_box.visitor()
    visitor.choose("Save", **TYPED, room="4")
    visitor.choose("See what changes", valt__username="amdin", password="another-one")
    page = visitor.choose("See what changes", valt__username="admin")
    assert page.wrong == {"password"}


def test_it_belongs_to_one_session(factory_box: RealBox) -> None:
    one, other = factory_box.visitor(), factory_box.visitor()
    one.choose("See what changes", **TYPED, room="4")
    place = {key: TYPED[key] for key in ("valt__url", "valt__username")}
    page = other.choose("Save", room="4", **place)
    assert (other.code, page.wrong) == (422, {"password"})


def test_a_log_out_drops_it(factory_box: RealBox) -> None:
    visitor = factory_box.visitor()
    visitor.choose("See what changes", **TYPED)
    assert len(factory_box.typed._of) == 1
    form = {"csrf": visitor.page.fields["csrf"]}
    assert visitor.client.post("/logout", data=form).status_code == 303
    assert factory_box.typed._of == {}


def test_another_password_of_the_pages_drops_all_of_them(factory_box: RealBox) -> None:
    one, other = factory_box.visitor(), factory_box.visitor()
    one.choose("See what changes", **TYPED)
    other.choose("See what changes", **TYPED)
    new = dict.fromkeys(("new", "again"), "another password")
    form = {"csrf": one.page.fields["csrf"], "old": PASSWORD, **new}
    assert one.client.post("/password", data=form).status_code == 303
    assert factory_box.typed._of == {}


def test_one_that_the_server_refuses_is_not_kept(factory_box: RealBox) -> None:
    with Simulator(World(version="6.5.2"), password="the right one") as server:
        visitor = factory_box.visitor()
        page = visitor.choose("Test connection", **TYPED | {"valt__url": server.url})
    assert "✗ wrong Log-in" in page.text
    assert KEPT not in page.text
    assert factory_box.typed._of == {}


def test_it_is_kept_while_the_daemon_is_away(factory_box: RealBox) -> None:
    visitor = factory_box.visitor()
    factory_box.is_away = True
    page = visitor.choose("Save", **TYPED, room="4")
    assert visitor.code == 503
    assert KEPT in page.text
    factory_box.is_away = False
    visitor.choose("Save")
    assert (factory_box.state / CREDENTIAL).read_text() == SECRET


# -- whatever is sent -----------------------------------------------------------------------------

NAMES = ["valt.url", "valt.username", "trusts", "pin", "ca_file", "room", "recording.name",
         "recording.stop", "controls.record", "controls.", "controls.x.y", "revision",
         "shown_pin", "csrf"]  # fmt: skip
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["", "system", "pin", "file", "true", '"', '""', "4", '"4"', "{", "{room}", PIN, "sha256:",
     "http://127.0.0.1:9", "https://[::1", "null", "~", "- 1", "a: b", "\x00", "\u2028", "0x1f"]
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    step=st.sampled_from(["preview", "save", "trust"]),
    form=st.dictionaries(st.sampled_from(NAMES) | TEXTS, TEXTS, max_size=8),
    password=st.sampled_from(["", SECRET, SECRET * 50]),
)
def test_nothing_that_is_sent_makes_it_fail_or_shows_the_password(
    factory_box: RealBox, step: str, form: dict[str, str], password: str
) -> None:
    client = logged_in(factory_box.app)
    with client.session_transaction() as session:
        session["csrf"] = "t"
    factory_box.path.write_text(FACTORY.read_text(encoding="utf-8"), encoding="utf-8")
    data = form | {"csrf": "t", "password": password}
    reply = client.post(f"/set-up/{step}", data=data)
    assert reply.status_code in (200, 303, 409, 422)
    assert SECRET not in reply.text + str(reply.headers)
    page = client.get("/set-up")
    assert page.status_code in (200, 409)
    assert SECRET not in page.text

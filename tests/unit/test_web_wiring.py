"""The page of devices, over the daemon's part with a real file: found, named, looked at, saved.

The forms are read and sent as a browser without a script does it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.operations import Refused
from ivsd.appliance.status import (
    ConfigStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    RoomStatus,
    Status,
)
from ivsd.config import load
from ivsd.config.schema import Role, Shows
from ivsd.set_up.fields import SettingUp
from ivsd.set_up.wiring import Wiring
from ivsd.web.app import create_app
from ivsd.web.live import Live
from ivsd.web.site import Site
from ivsd.web.wired import order_from

FILE = """\
valt: {url: "http://127.0.0.1:9", username: admin}
room: 4
controls: {record: record_toggle, "odd name": marker}
inputs:
  keyboards:
    - {name: keypad, match: {id: "08ff:0009"}, role: pin, keys: {KEY_KPPLUS: odd name}}
  wiegand:
    - {name: side door, data0: 20, data1: 21}
  buttons:
    - {control: record, line: 17}
lights:
  lamps:
    - {name: status, kind: rgb, lines: [22, 27, 24]}
    - {name: sign, lines: [25], shows: recording}
    - {name: beeper, kind: buzzer, lines: [12]}
factory_default: {line: 26}
"""
STATUS = Status(
    version="0.1.0",
    uptime_s=60.0,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Room", "available", "available", False, False, None, 0.1),
    link=LinkStatus("https://valt", True, "", "", 9.0, 8.0, "6.5.2", "system"),
    lights=LightsStatus("available", "", False, None, 0),
    lamps=(),
    controls=(),
    devices=(
        DeviceStatus("button record on 17", "button", True, ""),
        DeviceStatus("keypad", "reader", False, "keypad: not found (id 08ff:0009)"),
        DeviceStatus("lamp status", "lamp", True, ""),
    ),
    outbox=OutboxStatus(0, ""),
    outcomes=(),
    factory_default=FactoryDefaultStatus(True),
)
LINE = {
    "kind": "line", "chip": "gpiochip0", "line": 5, "name": "", "active": "low", "pull": "up",
}  # fmt: skip
KEY = {
    "kind": "key", "device": "Foot <Switch>", "match": {"id": "1234:5678"}, "named": "",
    "key": "KEY_F1", "types_numbers": False,
}  # fmt: skip
READER = {
    "kind": "reader", "device": "Sycreader", "match": {"id": "ffff:0035"}, "types_numbers": True,
    "ends_with_enter": True,
}  # fmt: skip
AWAY = ControlError("no_daemon", "no daemon answers")


# -- a browser ------------------------------------------------------------------------------------


@dataclass
class Form:
    """One form of a page, with the address that each of its buttons sends it to."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    acts: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)


class Page(HTMLParser):
    """A page as a browser has it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.text = html, ""
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self.points_to: list[str] = []
        self.bad = ""
        self._select, self._option = "", None
        self._button: tuple[str, dict[str, str]] | None = None
        self._label, self._in_bad = "", False
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attributes}
        if "id" in a:
            self.ids.append(a["id"])
        self.points_to += a.get("aria-describedby", "").split() + a.get("for", "").split()
        self.points_to += a.get("aria-labelledby", "").split()
        self._in_bad = self._in_bad or "bad" in a.get("class", "").split()
        form = self.forms[-1] if self.forms else Form("")
        if tag == "form":
            self.forms.append(Form(a["action"]))
        elif tag == "input" and (a.get("type") != "radio" or "checked" in a):
            form.fields[a["name"]] = a.get("value", "")
        elif tag == "select":
            self._select = a["name"]
            form.choices[self._select] = {}
        elif tag == "option":
            form.choices[self._select][a["value"]] = ""
            if "selected" in a or self._select not in form.fields:
                form.fields[self._select] = a["value"]
        elif tag == "button":
            sent = {a["name"]: a["value"]} if "name" in a else {}
            self._button = (a.get("formaction", form.action), sent)
            self._label = a.get("aria-label", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            self.forms[-1].acts[self._label.strip()] = self._button
            self._button = None
        if tag in ("span", "p"):
            self._in_bad = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._button is not None and not self._label:
            self._label = data
        if self._in_bad:
            self.bad += data


class Visitor:
    """Somebody with a browser, before a box with a real file; `page` is what it shows."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        self.path = folder / "ivsd.yaml"
        self.path.write_text(text)
        (folder / "valt-password").write_text("secret-of-valt")
        setting_up = SettingUp(self.path, folder, lambda: None, may_write=True)
        self._do = {"config": setting_up.do}
        wiring = Wiring(setting_up.file, lambda: None)
        self._do |= dict.fromkeys(("wire", "wire-preview"), wiring.do)
        self.finds: dict[str, Any] | ControlError = LINE
        self.found: Status | ControlError = STATUS
        self.blinked: list[dict[str, Any]] = []
        self.refuses: dict[str, ControlError] = {}
        """By the operation."""
        seconds = itertools.count(0.0, 10.0)
        live = Live(self._subscribe, clock=lambda: next(seconds))
        app = create_app(Site(self._ask, live, frozenset({"localhost"}), None))
        self._client = app.test_client()
        self.code = 0

    def _subscribe(self) -> Iterator[Status]:
        if isinstance(self.found, ControlError):
            raise self.found
        yield self.found

    def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        if isinstance(self.found, ControlError):
            raise self.found
        if op in self.refuses:
            raise self.refuses[op]
        if op == "blink":
            self.blinked.append(args)
            return {"seconds": 3.25}
        said = self.finds if op == "find" else self._do[op](op, args)
        if isinstance(said, Refused):
            raise ControlError(said.code, said.text)
        if isinstance(said, ControlError):
            raise said
        return said

    def look(self, path: str = "/set-up/devices") -> Page:
        return self._take(self._client.get(path))

    def choose(self, button: str, **typed: str) -> Page:
        """Type into the fields of the first form that has this button, and choose it."""
        form = next(form for form in self.page.forms if button in form.acts)
        address, sent = form.acts[button]
        fields = {key.replace("__", "-"): text for key, text in typed.items()}
        assert fields.keys() <= form.fields.keys()
        for name, value in fields.items():
            assert value in form.choices.get(name, [value])
        return self.send(address, form.fields | fields | sent)

    def send(self, address: str, form: dict[str, str]) -> Page:
        reply = self._client.post(address, data=form)
        if reply.status_code == 303:
            reply = self._client.get(reply.headers["Location"])
        return self._take(reply)

    def _take(self, reply: Any) -> Page:
        assert "secret-of-valt" not in reply.text
        self.code, self.page = reply.status_code, Page(reply.text)
        assert len(set(self.page.ids)) == len(self.page.ids)
        assert set(self.page.points_to) <= set(self.page.ids)
        assert "style=" not in reply.text
        assert "<Switch>" not in reply.text
        return self.page


@pytest.fixture
def visitor(tmp_path: Path) -> Visitor:
    visitor = Visitor(tmp_path)
    visitor.look()
    return visitor


# -- what there is ---------------------------------------------------------------------------------


def test_the_page_lists_what_is_wired_and_whether_it_is_there(visitor: Visitor) -> None:
    text = visitor.page.text
    assert "button “record” line 17 of gpiochip0 ✓ there" in text
    assert "device “keypad”, for PINs that a hand types, no badges id 08ff:0009 ✗ not there" in text
    assert "key “odd name” KEY_KPPLUS of keypad" in text
    assert "Wiegand reader “side door” lines 20 and 21 not in use yet" in text
    assert "Shows the state of the room lines 22, 27, 24 of gpiochip0 ✓ there" in text


def test_the_set_up_page_leads_here(visitor: Visitor) -> None:
    assert 'href="/set-up/devices"' in visitor.look("/set-up").html


def test_a_step_that_is_read_again_leads_back(visitor: Visitor) -> None:
    visitor._take(visitor._client.get("/set-up/devices/save", follow_redirects=True))
    assert visitor.code == 200


# -- adding ----------------------------------------------------------------------------------------


def test_a_line_is_found_named_looked_at_and_saved(visitor: Visitor) -> None:
    page = visitor.choose("Find it")
    assert "That was line 5 of gpiochip0, which closes to ground when it is pressed." in page.text
    before = visitor.path.read_text()
    page = visitor.choose("See what changes", name="door", action="pause_toggle")
    assert "inputs.buttons.2" in page.text
    assert "+ door: pause_toggle" in page.text
    assert visitor.path.read_text() == before
    page = visitor.choose("Save")
    assert "Saved." in page.text
    config = load(visitor.path)
    assert (config.controls["door"].action, config.inputs.buttons[1].line) == ("pause_toggle", 5)


def test_a_second_button_of_what_is_there_is_chosen_by_name(visitor: Visitor) -> None:
    visitor.choose("Find it")
    visitor.choose("See what changes", which="odd name")
    visitor.choose("Save")
    assert load(visitor.path).inputs.buttons[1].control == "odd name"


def test_a_wrong_name_is_told_beside_its_field_and_what_was_typed_stays(visitor: Visitor) -> None:
    visitor.choose("Find it")
    page = visitor.choose("See what changes", name="the door", action="lock")
    assert visitor.code == 422
    assert "Wrong: has other signs than letters, digits, - and _" in page.bad
    form = next(form for form in page.forms if form.action.endswith("/add"))
    assert (form.fields["name"], form.fields["action"]) == ("the door", "lock")
    visitor.choose("See what changes", name="door")
    assert visitor.code == 200


def test_a_key_of_a_new_device_becomes_a_button(visitor: Visitor) -> None:
    visitor.finds = KEY
    page = visitor.choose("Find it")
    assert "That was the key KEY_F1 of “Foot <Switch>”" in page.text
    assert "for itself alone" in page.text
    visitor.choose("See what changes", name="pedal", action="marker")
    visitor.choose("Save")
    assert load(visitor.path).inputs.keyboards[1].keys == {"KEY_F1": "pedal"}


def test_a_key_of_a_device_that_is_named_is_added_to_it(visitor: Visitor) -> None:
    visitor.finds = {**KEY, "device": "keypad", "named": "keypad", "match": None}
    page = visitor.choose("Find it")
    assert "for itself alone" not in page.text
    visitor.choose("See what changes", name="pedal", action="marker")
    visitor.choose("Save")
    (keypad,) = load(visitor.path).inputs.keyboards
    assert keypad.keys["KEY_F1"] == "pedal"


def test_a_reader_gets_a_name_and_a_role(visitor: Visitor) -> None:
    visitor.finds = READER
    page = visitor.choose("Find it")
    assert "That was a badge at “Sycreader”" in page.text
    visitor.choose("See what changes", name="front", role="badge")
    visitor.choose("Save")
    new = load(visitor.path).inputs.keyboards[1]
    assert (new.name, new.role, new.end) == ("front", Role.BADGE, "enter")


def test_a_device_with_digits_may_be_a_keypad(visitor: Visitor) -> None:
    visitor.finds = {**KEY, "key": "KEY_KP5", "types_numbers": True}
    page = visitor.choose("Find it")
    assert "A keypad or reader" in page.text
    form = next(form for form in page.forms if form.action.endswith("/add"))
    visitor.send(form.action, form.fields | {"as": "reader", "name": "pins"})
    visitor.choose("Save")
    assert load(visitor.path).inputs.keyboards[1].role is Role.PIN


def test_a_twin_that_nothing_tells_apart_is_explained(visitor: Visitor) -> None:
    visitor.finds = {**READER, "match": None}
    page = visitor.choose("Find it")
    assert "Plug one of them in elsewhere" in page.bad
    assert not [form for form in page.forms if form.action.endswith("/add")]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"kind": "button", "name": "record", "number": None}, "the button “record”, which is set"),
        ({"kind": "badge", "name": "keypad", "number": None}, "a badge at the reader “keypad”"),
        ({**LINE, "active": "high", "pull": "down"}, "closes to the supply"),
        ({**LINE, "active": "high", "pull": "up"}, "opens, as it is closed to ground at rest"),
    ],
)
def test_what_was_found_is_said_in_words(
    visitor: Visitor, found: dict[str, Any], words: str
) -> None:
    visitor.finds = found
    assert words in visitor.choose("Find it").text


@pytest.mark.parametrize("code", ["nothing_came", "busy", "changed"])
def test_a_find_that_finds_nothing_says_so(visitor: Visitor, code: str) -> None:
    visitor.finds = ControlError(code, "no")
    page = visitor.choose("Find it")
    assert visitor.code == 200
    assert page.bad


def test_a_line_that_may_not_be_used_is_told(visitor: Visitor) -> None:
    visitor.finds = {**LINE, "line": 24}
    visitor.choose("Find it")
    page = visitor.choose("See what changes", name="door")
    assert "line 24 of gpiochip0 is used by lights.lamps.1.lines, too" in page.text


# -- taking away -----------------------------------------------------------------------------------


def test_a_button_is_taken_away_after_it_was_looked_at(visitor: Visitor) -> None:
    page = visitor.choose("Take away: button “record”, line 17 of gpiochip0")
    assert "What is taken away" in page.text
    assert load(visitor.path).inputs.buttons
    visitor.choose("Take it away")
    assert load(visitor.path).inputs.buttons == []


def test_a_file_that_has_changed_meanwhile_is_not_written(visitor: Visitor) -> None:
    visitor.choose("Take away: button “record”, line 17 of gpiochip0")
    visitor.path.write_text(FILE.replace("room: 4", "room: 5"))
    page = visitor.choose("Take it away")
    assert visitor.code == 409
    assert "read anew meanwhile" in page.text
    assert load(visitor.path).room == 5
    assert load(visitor.path).inputs.buttons


# -- lamps -----------------------------------------------------------------------------------------


def test_a_lamp_lights_and_its_colours_are_put_right(visitor: Visitor) -> None:
    page = visitor.choose("Let it light red")
    assert visitor.blinked == [{"lamp": "status", "colour": "red"}]
    assert "should be red" in page.text
    visitor.choose("Let it light green", seen__red="green")
    visitor.choose("Let it light blue", seen__green="blue")
    page = visitor.choose("Put the colours right", seen__blue="red")
    assert "lights.lamps.1.lines" in page.text
    visitor.choose("Save")
    # What lit blue at green is the wire of blue, and so on.
    assert load(visitor.path).lights.lamps[0].lines == [24, 22, 27]


def test_what_is_seen_right_changes_nothing(visitor: Visitor) -> None:
    page = visitor.choose(
        "Put the colours right", seen__red="red", seen__green="green", seen__blue="blue"
    )
    assert "right as it is" in page.text


def test_what_no_order_explains_is_said(visitor: Visitor) -> None:
    page = visitor.choose(
        "Put the colours right", seen__red="other", seen__green="other", seen__blue="other"
    )
    assert "Another order of its wires does not explain this" in page.bad
    page = visitor.choose("Put the colours right", seen__red="")
    assert "Let it light in every colour" in page.bad


def test_two_lamps_change_places(visitor: Visitor) -> None:
    visitor.choose("It is that one", shows="recording")
    visitor.choose("Save")
    shows = {lamp.name: lamp.shows for lamp in load(visitor.path).lights.lamps}
    assert shows["status"] is Shows.RECORDING
    assert shows["sign"] is Shows.STATUS
    assert shows["beeper"] is Shows.STATUS


def test_a_buzzer_sounds(visitor: Visitor) -> None:
    visitor.choose("Let it sound")
    assert visitor.blinked == [{"lamp": "beeper", "colour": "white"}]


@pytest.mark.parametrize(
    ("seen", "order"),
    [
        ("red green blue", [1, 2, 3]),
        ("green red blue", [2, 1, 3]),
        ("green blue red", [3, 1, 2]),
        ("red red blue", None),
        ("red green other", None),
    ],
)
def test_the_order_follows_from_what_was_seen(seen: str, order: list[int] | None) -> None:
    assert order_from(("red", "green", "blue"), seen.split()) == order


def test_a_lamp_that_is_gone_from_the_file_is_told(visitor: Visitor) -> None:
    visitor.path.write_text(FILE.replace("name: status", "name: other"))
    for button in ("Let it light red", "Put the colours right", "It is that one"):
        visitor.look()
        visitor.page.forms = [
            replace(form, fields=form.fields | {"lamp": "status"}) for form in visitor.page.forms
        ]
        page = visitor.choose(button)
        assert visitor.code == 409
        assert "The file names no lamp of this name any more." in page.text
    assert visitor.blinked == []


def test_a_lamp_that_goes_while_two_change_places_breaks_nothing(visitor: Visitor) -> None:
    read = visitor._do["config"]

    def config(op: str, args: dict[str, Any]) -> Any:
        said = read(op, args)
        visitor.path.write_text(FILE.replace("name: status", "name: other"))
        return said

    visitor._do["config"] = cast(Any, config)
    page = visitor.choose("It is that one", shows="recording")
    assert visitor.code == 409
    assert "read anew meanwhile" in page.text


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("busy", "the room is recording, and “sign” has to say so"),
        ("bad_args", "there is no lamp “sign” in ivsd.yaml, or it cannot be driven now"),
    ],
)
def test_a_lamp_that_does_not_light_is_explained(
    visitor: Visitor, code: str, sentence: str
) -> None:
    visitor.refuses["blink"] = ControlError(code, sentence)
    page = visitor.choose("Let it light")
    assert "Nothing was done" in page.text
    assert sentence in page.text
    assert "three times now" not in page.text


def test_the_page_warns_before_a_sign_shows_something_else(visitor: Visitor) -> None:
    assert "cannot be tried while somebody records" in visitor.page.text


def test_where_one_lamp_is_alone_nobody_is_asked_which_one_it_is(tmp_path: Path) -> None:
    alone = "".join(line for line in FILE.splitlines(keepends=True) if "sign" not in line)
    visitor = Visitor(tmp_path, alone)
    page = visitor.look()
    assert "Let it light red" in page.text
    assert "Let it sound" in page.text
    assert "Which lamp lights now?" not in page.text


# -- trouble ---------------------------------------------------------------------------------------


CODES = ["bad_request", "bad_args", "unknown_op", "too_long", "not_allowed", "busy",
         "nothing_came", "failed", "wrong_file", "wrong", "password_needed", "changed", "gone",
         "not_here", "not_saved", "not_made", "no_answer", "no_daemon", "no_permission",
         "bad_answer"]  # fmt: skip
"""What a daemon may say no by (`ivsd.appliance.operations`), and what asking it may end in."""


@pytest.mark.parametrize("code", CODES)
def test_whatever_the_daemon_says_no_by_is_shown(visitor: Visitor, code: str) -> None:
    visitor.refuses["config"] = ControlError(code, "the daemon’s own words")
    page = visitor.look()
    assert visitor.code == (409 if code == "wrong_file" else 503)
    assert "the daemon’s own words" in page.text


@pytest.mark.parametrize("code", sorted({*CODES} - {"wrong_file", "changed"}))
def test_a_no_costs_nothing_that_was_typed(visitor: Visitor, code: str) -> None:
    visitor.choose("Find it")
    visitor.refuses["wire-preview"] = ControlError(code, "the daemon’s own words")
    page = visitor.choose("See what changes", name="door", action="lock")
    assert "the daemon’s own words" in page.text
    form = next(form for form in page.forms if form.action.endswith("/add"))
    assert (form.fields["name"], form.fields["action"]) == ("door", "lock")


@pytest.mark.parametrize(
    ("step", "form"),
    [
        ("add", {"found": '{"kind": "line", "chip": "\\ud800", "line": 5}'}),
        ("add", {"found": '{"kind": "reader", "match": {"\\ud800": 1}}'}),
        ("save", {"changes": '{"lamps": {"\\udfff": {"a": 1}}}'}),
        ("save", {"changes": '{"remove": "\\ud800"}'}),
    ],
)
def test_half_a_character_is_nothing_of_ours(
    visitor: Visitor, step: str, form: dict[str, str]
) -> None:
    page = visitor.send(f"/set-up/devices/{step}", visitor.page.forms[-1].fields | form)
    assert visitor.code == 400
    assert "It is not known any more what" in page.text


def test_without_a_daemon_the_page_says_so(visitor: Visitor) -> None:
    visitor.found = AWAY
    visitor.look()
    assert visitor.code == 503


def test_a_file_that_cannot_be_kept_whole_is_explained(visitor: Visitor) -> None:
    visitor.path.write_text("inputs: [")
    page = visitor.look()
    assert visitor.code == 409
    assert "cannot be changed from here" in page.text


def test_the_demo_has_nothing_to_wire(tmp_path: Path) -> None:
    live = Live(lambda: iter([STATUS]))
    site = Site(cast(Any, None), live, frozenset({"localhost"}), None)
    app = create_app(replace(site, demo=cast(Any, Demo())))
    client = app.test_client()
    assert "nothing to wire" in client.get("/set-up/devices").text


class Demo:
    """As much of a demo as the pages ask when they are built."""

    buttons: tuple[str, ...] = ()
    badges: tuple[tuple[str, str], ...] = ()


FIELDS = ["found", "name", "action", "which", "as", "role", "key", "changes", "lamp", "colour",
          "shows", "seen-red", "seen-green", "seen-blue", "revision"]  # fmt: skip
HALVES = st.text("aé.<\x00 \ud800\udfff", max_size=4)
"""JSON can spell half a character."""
KEYS = HALVES | st.sampled_from(
    ["kind", "chip", "line", "match", "key", "named", "device", "lamps", "status", "order", "shows",
     "remove", "add_button", "add_key", "add_reader", "control", "action"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.integers() | st.floats() | HALVES | st.sampled_from(["line", "key", "reader"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
FOUND = st.dictionaries(KEYS, JSON | HALVES, max_size=5).map(
    lambda found: {**LINE, **found, "kind": "line"}
)
LAMPS = st.dictionaries(KEYS, JSON, max_size=3).map(lambda lamps: {"lamps": lamps})
TEXTS = st.one_of(
    st.text(max_size=12),
    st.one_of(JSON, FOUND, LAMPS).map(json.dumps),
    st.sampled_from([json.dumps(one) for one in (LINE, KEY, READER)]),
    st.sampled_from(
        ["status", "sign", "red", "record", "[" * 3000, "{}", "[]", "null", '{"kind": "line"}',
         '{"kind": "key", "named": [], "match": 1}', '{"kind": "reader", "match": "x"}',
         '{"remove": "inputs.buttons.1"}', '{"lamps": {"status": {"order": [1]}}}', "reader"]
    ),
)  # fmt: skip


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(["add", "remove", "light", "seen", "swap", "save", "find"]),
       st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=6),
       st.dictionaries(st.sampled_from(["config", "wire-preview", "wire", "find", "blink"]),
                       st.sampled_from(CODES), max_size=2))  # fmt: skip
def test_no_form_breaks_the_page(
    visitor: Visitor, step: str, form: dict[str, str], refusals: dict[str, str]
) -> None:
    visitor.path.write_text(FILE)
    visitor.refuses = {}
    page = visitor.look()
    csrf, revision = (page.forms[-1].fields[name] for name in ("csrf", "revision"))
    visitor.refuses = {op: ControlError(code, "no") for op, code in refusals.items()}
    reply = visitor._client.post(
        f"/set-up/devices/{step}", data={"revision": revision} | form | {"csrf": csrf}
    )
    assert reply.status_code in (200, 303, 400, 409, 422, 503)
    assert load(visitor.path).factory_default.line == 26


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from([("add", "found"), ("save", "changes")]), FOUND | LAMPS | JSON)
def test_nothing_in_a_hidden_field_breaks_the_page(
    visitor: Visitor, at: tuple[str, str], kept: Any
) -> None:
    visitor.path.write_text(FILE)
    step, name = at
    form = {"name": "x", "action": "marker", name: json.dumps(kept)}
    page = visitor.look()
    reply = visitor._client.post(f"/set-up/devices/{step}", data=page.forms[-1].fields | form)
    assert reply.status_code in (200, 303, 400, 409, 422)

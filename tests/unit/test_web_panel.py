"""The panel, its events, the demo's hands, and the log: what is drawn, and what never is."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.wrappers import Response

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import (
    ConfigStatus,
    ControlStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    FrameStatus,
    LampStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    OutcomeStatus,
    RoomStatus,
    Status,
)
from ivsd.events import LightView
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE, Look, Pattern
from ivsd.outputs.player import Fixture, Frame, receipt_frames, steady_frames
from ivsd.outputs.virtual import VirtualLamp
from ivsd.valt.errors import LinkFault
from ivsd.valt.model import RoomState
from ivsd.web.app import create_app
from ivsd.web.hands import CABLE, ELSEWHERE, Refused, ServerView
from ivsd.web.live import MOST_STREAMS, Found, Live
from ivsd.web.picture import fragments, rhythm
from ivsd.web.site import Site

EVIL = "<script>alert('x')</script>\"'&"
GREEN = (FrameStatus("green", 1000),)
RED = (FrameStatus("red", 1000),)
BLINKS = (FrameStatus("off", 120), FrameStatus("red", 180), FrameStatus("off", 180))
FULL = Status(
    version="0.1.0",
    uptime_s=3700.0,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Interview Room 1", "recording", "recording", False, True, 61.0, 0.5),
    link=LinkStatus("https://valt", True, "", "", 90.0, 80.0, "6.5.2", "system"),
    lights=LightsStatus("recording", "", False, "refused", 3),
    lamps=(
        LampStatus("status", "status", "rgb", RED, BLINKS),
        LampStatus("sign", "recording", "led", RED, ()),
    ),
    controls=(
        ControlStatus("record", "starts or stops a recording", "GPIO line 17"),
        ControlStatus("marker", "sets the marker “Marker”", ""),
    ),
    devices=(
        DeviceStatus("hall reader", "reader", True, ""),
        DeviceStatus("lamp status", "lamp", True, ""),
        DeviceStatus("lamp sign", "lamp", True, ""),
    ),
    outbox=OutboxStatus(2, ""),
    outcomes=(
        OutcomeStatus("2026-11-23T12:00:09+00:00", 1.0, "record", "start", "failed", "no answer"),
        OutcomeStatus("2026-11-23T12:00:05+00:00", 5.0, "hall reader", "start", "done", "begun"),
        OutcomeStatus("2026-11-23T12:00:00+00:00", 9.0, "marker", "marker", "ignored", "no use"),
    ),
    factory_default=FactoryDefaultStatus(True),
)
LOST = replace(
    FULL,
    room=replace(FULL.room, shown=None, confirmed_s_ago=130.0),
    link=LinkStatus("https://valt", False, "no_link", "valt: refused", 125.0, 999.0, "", "none"),
    lights=LightsStatus("no_link", "no_link", False, None, 0),
)
AWAY = ControlError("no_daemon", "no daemon answers: nobody listens at /run/ivsd/control.sock")
SERVER = ServerView("recording", "Talk", "Alice", 65, ((5, "Marker"), (60, EVIL)), 3, "reachable")

Visit = Callable[..., FlaskClient]


class Reader(HTMLParser):
    """Checks that every tag is closed, and collects what is used."""

    VOID = ("meta", "link", "br", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such tag."""
        return [attrs for name, attrs in self.tags if name == tag]


class Hands:
    """A demo that remembers what was done to it."""

    buttons: Sequence[str] = ("record", "marker")
    badges: Sequence[tuple[str, str]] = (("a", "Alice"), ("e", EVIL))

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.view = SERVER
        self.no = ""

    def press(self, control: str) -> None:
        self.done.append(("press", control))

    def release(self, control: str) -> None:
        self.done.append(("release", control))

    def swipe(self, key: str) -> None:
        self.done.append(("swipe", key))

    def type_pin(self, digits: str) -> None:
        self.done.append(("pin", digits))

    def server(self) -> ServerView:
        return self.view

    def cable(self, word: str) -> None:
        self.done.append(("cable", word))

    def elsewhere(self, action: str) -> None:
        if self.no:
            raise Refused(self.no)
        self.done.append(("elsewhere", action))


OVER = threading.Event()


@pytest.fixture(autouse=True)
def over() -> Iterator[None]:
    """Let what waits for news end with the test."""
    OVER.clear()
    yield
    OVER.set()


def told_once(found: Found) -> Iterator[Status]:
    """A subscription without further news."""
    if isinstance(found, ControlError):
        raise found
    yield found
    OVER.wait(30.0)


def site_of(
    subscribe: Callable[[], Iterator[Status]],
    demo: Hands | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> Site:
    def ask(op: str, **args: Any) -> dict[str, Any]:
        raise AWAY

    live = Live(subscribe, pause=pause)
    return Site(ask, live, frozenset({"localhost"}), None, demo)


@pytest.fixture
def visit() -> Visit:
    def _visit(found: Found, demo: Hands | None = None) -> FlaskClient:
        return create_app(site_of(lambda: told_once(found), demo)).test_client()

    return _visit


def page(visit: Visit, found: Found, path: str = "/", demo: Hands | None = None) -> Reader:
    return Reader(visit(found, demo).get(path).text)


def piece(text: str, name: str) -> str:
    """Cut a fragment without inner elements of its own kind out of a page."""
    match = re.search(rf'<(\w+)[^>]* id="{name}"[^>]*>(.*?)</\1>', text, re.DOTALL)
    match = match or re.search(rf'<(\w+) id="{name}"[^>]*>(.*?)</\1>', text, re.DOTALL)
    assert match is not None
    return match[2]


# -- what is drawn --------------------------------------------------------------------------------


def test_the_panel_shows_how_the_box_is(visit: Visit) -> None:
    reply = visit(FULL).get("/")
    assert (reply.status_code, reply.mimetype) == (200, "text/html")
    words = " ".join(Reader(reply.text).words.split())
    for part in (
        "Interview Room 1", "Recording", "Recorded: 0:01:01", "https://valt", "up for 90 s",
        "VALT 6.5.2", "certificates that this system trusts", "80 s ago", "2 wait for the server",
        "hall reader ready", "record starts or stops a recording GPIO line 17", "red, steady",
        "✗ failed record: no answer", "✓ done hall reader: begun",
        "– ignored marker: no use",
    ):  # fmt: skip
        assert part in words
    for part in ("Something is wrong", "under way", "not known", "seen"):
        assert part not in words.casefold()


@pytest.mark.parametrize(
    ("state", "word"),
    [("available", "Free"), ("prepared", "Prepared for a recording"), ("recording", "Recording"),
     ("paused", "Recording, paused"), ("locked", "Locked"),
     ("unknown", "In a state that ivsd does not know")],
)  # fmt: skip
def test_each_state_of_the_room_has_words_and_a_mark_of_its_own(
    visit: Visit, state: str, word: str
) -> None:
    room = replace(FULL.room, state=state, shown=state, records=False, recording_s=None)
    text = visit(replace(FULL, room=room)).get("/").text
    assert f'<span class="state {state}">{word}</span>' in text


def test_a_locked_room_that_records_says_both(visit: Visit) -> None:
    room = replace(FULL.room, state="locked", shown="locked", locked=True)
    assert "Locked, and it records" in page(visit, replace(FULL, room=room)).words


@pytest.mark.parametrize(("state", "runs"), [("recording", True), ("paused", False)])
def test_the_clock_of_a_recording_goes_on_but_not_in_a_pause(
    visit: Visit, state: str, runs: bool
) -> None:
    room = replace(FULL.room, state=state, shown=state)
    text = visit(replace(FULL, room=room)).get("/").text
    assert ('data-clock="61.0" data-runs' in text) is runs
    assert "0:01:01" in text


def test_with_the_link_down_nothing_is_told_as_true_now(visit: Visit) -> None:
    text = visit(LOST).get("/").text
    words = " ".join(Reader(text).words.split())
    for part in (
        "Not known now. When it was last seen it was: recording", "Last seen 2 min ago.",
        "Recorded when it was last seen: 0:01:01", "Something is wrong", "valt: refused",
        "down for 2 min: no link: the server does not answer",
        "no certificate: the address is not https", "recording when the room was last seen",
    ):  # fmt: skip
        assert part in words
    assert 'class="state unknown"' in text
    assert 'class="state recording"' not in text
    assert "data-runs" not in text


def test_a_box_without_anything_has_a_panel(visit: Visit) -> None:
    found = replace(
        FULL,
        config=ConfigStatus("f", False, ()),
        room=RoomStatus("", None, "", None, None, False, False, None, None),
        link=LinkStatus("", False, "starting", "", 0.0, None, "", "none"),
        lights=LightsStatus("config", "config", False, None, 0),
        lamps=(), controls=(), devices=(), outcomes=(), outbox=OutboxStatus(0, ""),
    )  # fmt: skip
    words = " ".join(page(visit, found).words.split())
    for part in (
        "no room is configured", "State not known yet", "No lamp is configured",
        "No button is configured", "No reader or keypad is configured", "None since ivsd began",
        "none: there is no right configuration", "not connected", "none has succeeded yet",
        "never yet", "none waits",
    ):  # fmt: skip
        assert part in words


def test_a_press_under_way_is_told(visit: Visit) -> None:
    found = replace(FULL, lights=replace(FULL.lights, pending=True))
    assert "A press is under way" in page(visit, found).words


def test_somebody_who_wants_the_factory_state_is_told_what_to_do(visit: Visit) -> None:
    found = replace(FULL, lights=replace(FULL.lights, name="reset_ready"))
    assert "Let go now to restore the factory state" in page(visit, found).words


def test_what_is_wrong_stands_on_the_panel(visit: Visit) -> None:
    found = replace(
        FULL,
        config=ConfigStatus("f", True, ("f:3: room: is missing",)),
        devices=(
            DeviceStatus("hall reader", "reader", False, "hall reader: not found"),
            DeviceStatus("button record", "button", False, "button record: line 17 is in use"),
            DeviceStatus("lamp status", "lamp", False, "lamp status: line 22 is in use"),
        ),
        outbox=OutboxStatus(0, "the disk is full"),
    )
    text = visit(found).get("/").text
    words = Reader(text).words
    for part in ("f:3: room: is missing", "the disk is full", "cannot be lit"):
        assert part in words
    for part in ("hall reader: not found", "button record: line 17 is in use"):
        assert words.count(part) == 2  # among what is wrong, and where it is drawn
    assert "not lit: lamp status: line 22 is in use" in text


@pytest.mark.parametrize(
    ("trust", "said"),
    [("none", "no certificate"), ("system", "this system trusts"),
     ("sha256:ab12", "this one only: sha256:ab12"), ("/etc/ca.pem", "signed by /etc/ca.pem")],
)  # fmt: skip
def test_what_is_trusted_is_told(visit: Visit, trust: str, said: str) -> None:
    found = replace(FULL, link=replace(FULL.link, trust=trust))
    assert said in page(visit, found).words


def test_without_a_daemon_the_pages_say_so(visit: Visit) -> None:
    for path in ("/", "/log"):
        reply = visit(AWAY).get(path)
        assert reply.status_code == 503
        words = Reader(reply.text).words
        assert str(AWAY) in words
        assert "do not work until it does" in words


def test_a_daemon_that_says_no_is_not_told_as_silent(visit: Visit) -> None:
    reply = visit(ControlError("busy", "too many programs ask ivsd")).get("/")
    assert "too many programs ask ivsd" in reply.text
    assert "do not work" not in reply.text


# -- lamps ----------------------------------------------------------------------------------------


def test_a_lamp_is_drawn_with_what_it_plays(visit: Visit) -> None:
    spans = page(visit, FULL).all("span")
    assert [span["data-colour"] for span in spans if "data-colour" in span] == ["red", "red"]
    named = [span["aria-label"] for span in spans if span.get("role") == "img"]
    assert named == ["status: red, steady = recording", "sign: lit, steady = recording"]
    lamps = [tag for tag in page(visit, FULL).all("div") if "data-frames" in tag]
    assert [json.loads(lamp["data-frames"] or "") for lamp in lamps] == [[[["red"], 1000]]] * 2
    receipt = json.loads(lamps[0]["data-receipt"] or "")
    assert receipt == [[["off"], 120], [["red"], 180], [["off"], 180]]
    assert [lamp["data-receipt-no"] for lamp in lamps] == ["3", "0"]


@pytest.mark.parametrize(
    ("colours", "colour", "lit", "said"),
    [
        (("red", "green"), "green", ["off", "green"], "green, steady"),
        (("red", "green"), "yellow", ["red", "green"], "red and green, steady"),
        (("red", "green"), "magenta", ["red", "green"], "red and green, steady"),
        (("red", "green", "yellow"), "yellow", ["off", "off", "yellow"], "yellow, steady"),
        (("red", "green"), "off", ["off", "off"], "dark"),
        ((), "red", ["red"], "red, steady"),
        (("red", EVIL), "red", ["red"], "red, steady"),
    ],
)
def test_a_lamp_of_single_leds_has_a_bulb_for_each(
    visit: Visit, colours: tuple[str, ...], colour: str, lit: list[str], said: str
) -> None:
    played = (FrameStatus(colour, 1000),)
    lamp = LampStatus("status", "status", "leds", played, (), colours)
    read = page(visit, replace(FULL, lamps=(lamp,)))
    bulbs = [span for span in read.all("span") if "data-colour" in span]
    assert [bulb["data-colour"] for bulb in bulbs] == lit
    named = [bulb["data-led"] for bulb in bulbs if "data-led" in bulb]
    assert named == (list(colours) if len(bulbs) > 1 else [])
    (drawn,) = [tag for tag in read.all("div") if "data-frames" in tag]
    assert json.loads(drawn["data-frames"] or "") == [[lit, 1000]]
    (name,) = [span["aria-label"] for span in read.all("span") if span.get("role") == "img"]
    assert (name or "").startswith(f"status: {said} = ")


def frames(played: list[Frame]) -> tuple[FrameStatus, ...]:
    return tuple(FrameStatus(colour.value, round(1000 * s)) for colour, s in played)


FIXTURE = Fixture(VirtualLamp("x"), "status", LIGHT_LANGUAGE)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (LightView(room=RoomState.AVAILABLE, fault=""), "green, steady"),
        (LightView(room=RoomState.PAUSED, fault=""), "yellow, blinking slowly"),
        (LightView(room=RoomState.AVAILABLE, pending=True, fault=""), "white, flickering"),
        (LightView(fault=LinkFault.NO_LINK), "magenta, 2 short flashes and a pause"),
        (
            LightView(room=RoomState.RECORDING, fault=LinkFault.CLOCK),
            "red, steady, in between 5 magenta flashes",
        ),
        (
            LightView(room=RoomState.PREPARED, fault=LinkFault.NO_LOGIN),
            "green, blinking slowly, in between 3 magenta flashes",
        ),
    ],
)
def test_a_rhythm_is_told_in_words(view: LightView, said: str) -> None:
    assert rhythm(frames(steady_frames(view, FIXTURE))) == said


@pytest.mark.parametrize("pattern", Pattern)
def test_every_rhythm_has_words(pattern: Pattern) -> None:
    looks = LIGHT_LANGUAGE | {RoomState.AVAILABLE: Look(Colour.CYAN, pattern)}
    played = steady_frames(
        LightView(room=RoomState.AVAILABLE, fault=""), Fixture(VirtualLamp("x"), "status", looks)
    )
    said = rhythm(frames(played))
    assert said == "dark" if pattern is Pattern.OFF else re.fullmatch(r"cyan, [a-z0-9 ]+", said)


@pytest.mark.parametrize("state", list(RoomState))
@pytest.mark.parametrize("fault", ["", *LinkFault])
@pytest.mark.parametrize("lit", ["", "lit", "sounding"])
def test_whatever_a_lamp_shows_can_be_told(state: RoomState, fault: str, lit: str) -> None:
    view = LightView(room=state, fault=fault)
    assert rhythm(frames(steady_frames(view, FIXTURE)), lit)


def test_frames_that_nobody_knows_have_words_all_the_same() -> None:
    odd = (FrameStatus("red", 1), FrameStatus("green", 2), FrameStatus("off", 3))
    assert rhythm(odd).startswith("red, ")
    assert rhythm(odd[:1] + odd[2:]) == "red, blinking"
    assert rhythm(()) == "dark"
    assert rhythm((), "sounding") == "silent"


def test_a_receipt_is_sent_with_its_number() -> None:
    view = LightView(room=RoomState.AVAILABLE, receipt_no=1)
    assert receipt_frames(view, FIXTURE) == []
    app = create_app(site_of(lambda: told_once(FULL)))
    quiet = fragments(app.jinja_env, FULL, None, None)
    more = replace(FULL, lights=replace(FULL.lights, receipt_no=4))
    after = fragments(app.jinja_env, more, None, None)
    assert [name for name in quiet if quiet[name] != after[name]] == ["lamp-1"]


# -- pages for everybody --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/log"])
@pytest.mark.parametrize("found", [FULL, LOST, AWAY], ids=["full", "lost", "away"])
@pytest.mark.parametrize("is_demo", [False, True], ids=["box", "demo"])
def test_every_page_is_for_screen_readers_and_keys(
    visit: Visit, path: str, found: Found, is_demo: bool
) -> None:
    text = visit(found, Hands() if is_demo else None).get(path).text
    read = Reader(text)
    assert len(read.all("h1")) == len(read.all("main")) == len(read.all("nav")) == 1
    assert read.all("html")[0]["lang"] == "en"
    assert {"class": "skip", "href": "#main"} in read.all("a")
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in read.tags:
        assert attrs.get("aria-labelledby", ids[0]) in ids
        assert not any(name == "style" or name.startswith("on") for name in attrs)
    labels = {label["for"] for label in read.all("label")}
    fields = read.all("select") + [i for i in read.all("input") if i.get("type") != "hidden"]
    assert {field["id"] for field in fields} <= labels
    assert all((script["src"] or "").startswith("/static/") for script in read.all("script"))
    assert "<style" not in text


def test_only_the_room_and_the_newest_outcome_are_read_out(visit: Visit) -> None:
    read = page(visit, FULL, demo=Hands())
    loud = [attrs["id"] for _, attrs in read.tags if attrs.get("aria-live")]
    assert loud == ["room", "newest"]
    assert "data-age" not in piece(visit(LOST).get("/").text, "room")


def test_without_a_script_the_panel_is_read_again(visit: Visit) -> None:
    for found in (FULL, AWAY):
        text = visit(found).get("/").text
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


def test_what_comes_from_elsewhere_is_no_markup(visit: Visit) -> None:
    outcome = OutcomeStatus(EVIL, 1.0, EVIL, EVIL, EVIL, EVIL)
    evil_frames = (FrameStatus(EVIL, 10), FrameStatus("off", 10))
    found = replace(
        FULL,
        version=EVIL,
        config=ConfigStatus(EVIL, True, (EVIL,)),
        room=RoomStatus(EVIL, 4, EVIL, EVIL, EVIL, False, True, None, 1.0),
        link=LinkStatus(EVIL, False, EVIL, EVIL, 1.0, 1.0, EVIL, EVIL),
        lights=LightsStatus(EVIL, EVIL, True, EVIL, 1),
        lamps=(LampStatus(EVIL, EVIL, EVIL, evil_frames, evil_frames),),
        controls=(ControlStatus(EVIL, EVIL, EVIL),),
        devices=(
            DeviceStatus(EVIL, "reader", False, EVIL),
            DeviceStatus(EVIL, "button", False, EVIL),
            DeviceStatus(f"lamp {EVIL}", "lamp", False, EVIL),
        ),
        outbox=OutboxStatus(1, EVIL),
        outcomes=(outcome, outcome),
    )
    hands = Hands()
    hands.view = ServerView(EVIL, EVIL, EVIL, 1, ((1, EVIL),), 1, EVIL)
    for path in ("/", "/log", f"/log?text={'%3Cscript%3E'}&result={'%22'}"):
        text = visit(found, hands).get(path).text
        assert "<script>" not in text
        assert all("src" in script for script in Reader(text).all("script"))
    assert page(visit, found, demo=hands).words.count(EVIL) >= 20
    data = first_event(visit(found, hands).get("/events"))[1]
    assert not any("<script" in html for html in data.values())


def test_the_daemons_error_is_no_markup_either(visit: Visit) -> None:
    assert "<script>" not in visit(ControlError("no_answer", EVIL)).get("/").text


def test_the_style_sheet_fits_light_and_dark_and_has_every_colour(visit: Visit) -> None:
    reply = visit(FULL).get("/static/style.css")
    assert (reply.status_code, reply.mimetype) == (200, "text/css")
    for part in ("prefers-color-scheme: dark", ":focus-visible", ".stale main", "min-height: 44px"):
        assert part in reply.text
    for colour in Colour:
        assert colour is Colour.OFF or f'[data-colour="{colour}"]' in reply.text


@pytest.mark.parametrize("name", ["live.js", "lamps.js", "hands.js"])
def test_the_scripts_are_small_and_strict(visit: Visit, name: str) -> None:
    text = visit(FULL).get(f"/static/{name}").text
    assert text.startswith("'use strict';")
    assert len(text.splitlines()) <= 200
    assert "http" not in text.replace("'http", "")
    assert "prefers-reduced-motion" in text or name != "lamps.js"


# -- events ---------------------------------------------------------------------------------------


def events(reply: Response) -> Iterator[tuple[str, dict[str, str]]]:
    """Read an event stream; what a sign of life carries is of no use."""
    rest = b""
    for chunk in reply.iter_encoded():
        rest += chunk
        while b"\n\n" in rest:
            block, _, rest = rest.partition(b"\n\n")
            lines = dict(line.split(": ", 1) for line in block.decode().splitlines())
            if "event" in lines:
                alive = lines["event"] == "alive"
                yield lines["event"], {} if alive else json.loads(lines["data"])


def first_event(reply: Response) -> tuple[str, dict[str, str]]:
    """Read one event and hang up."""
    try:
        return next(events(reply))
    finally:
        reply.close()


@pytest.mark.parametrize("path", ["/", "/log", "/log?result=failed&text=no"])
@pytest.mark.parametrize("is_demo", [False, True], ids=["box", "demo"])
def test_the_events_have_what_the_page_was_drawn_with(
    visit: Visit, path: str, is_demo: bool
) -> None:
    """Else the first of them would draw all anew, and restart every rhythm."""
    client = visit(FULL, Hands() if is_demo else None)
    text = client.get(path).text
    read = Reader(text)
    address = read.all("main")[0]["data-events"]
    assert address is not None
    reply = client.get(address)
    assert (reply.status_code, reply.mimetype) == (200, "text/event-stream")
    assert reply.headers["Cache-Control"] == "no-store"
    name, data = first_event(reply)
    assert name == "panel"
    here = [attrs["id"] for _, attrs in read.tags if "data-fragment" in attrs]
    assert sorted(data) == sorted(filter(None, here))
    for html in data.values():
        assert f">{html}</" in text
        Reader(html)


def test_what_is_not_changed_is_drawn_the_same() -> None:
    env = create_app(site_of(lambda: told_once(FULL))).jinja_env

    def differ(other: Status) -> set[str]:
        before, after = fragments(env, FULL, None, None), fragments(env, other, None, None)
        assert before.keys() == after.keys()
        return {name for name in before if before[name] != after[name]}

    assert differ(FULL) == set()
    older = replace(
        FULL,
        uptime_s=3710.0,
        room=replace(FULL.room, recording_s=71.0, confirmed_s_ago=3.0),
        link=replace(FULL.link, since_s=100.0, login_s_ago=90.0),
        outcomes=tuple(replace(o, s_ago=o.s_ago + 10.0) for o in FULL.outcomes),
    )
    assert differ(older) == {"running", "clock", "confirmed", "link", "login", "when"}
    assert differ(replace(FULL, lamps=(replace(FULL.lamps[0], frames=GREEN), FULL.lamps[1]))) == {
        "lamp-1"
    }
    assert differ(replace(FULL, lights=replace(FULL.lights, pending=True))) == {"pending"}


def test_a_daemon_that_is_away_is_an_event(visit: Visit) -> None:
    assert first_event(visit(AWAY).get("/events")) == ("away", {"problem": str(AWAY)})


def test_a_page_that_is_open_hears_of_a_daemon_that_goes_and_comes() -> None:
    news: queue.Queue[Found] = queue.Queue()
    back = threading.Event()

    def subscribe() -> Iterator[Status]:
        yield FULL
        while not isinstance(found := news.get(timeout=10.0), ControlError):
            yield found
        raise found

    site = site_of(subscribe, pause=lambda seconds: back.wait(10.0))
    with create_app(site).test_client().get("/events") as reply:
        told = events(reply)
        assert next(told)[0] == "panel"
        news.put(AWAY)
        assert next(told) == ("away", {"problem": str(AWAY)})
        back.set()
        name, data = next(told)
        assert name == "panel"
        assert "Recording" in data["room"]
        news.put(LOST)
        assert "Not known now" in next(told)[1]["room"]
        back.clear()
        news.put(AWAY)


def test_the_25th_live_page_is_read_again_instead() -> None:
    site = site_of(lambda: told_once(FULL))
    client = create_app(site).test_client()
    streams = [site.live.stream() for _ in range(MOST_STREAMS)]
    reply = client.get("/events")
    assert (reply.status_code, reply.mimetype) == (503, "text/plain")
    assert client.get("/").status_code == 200
    streams[0].close()
    assert first_event(client.get("/events"))[0] == "panel"
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_hangs_up_frees_the_place(method: str) -> None:
    """Also where nothing of the stream was ever read."""
    site = site_of(lambda: told_once(FULL))
    client = create_app(site).test_client()
    client.open("/events", method=method, buffered=False).close()
    assert site.live.streams == 0


# -- the demo -------------------------------------------------------------------------------------


def token(client: FlaskClient) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert match is not None
    return match[1]


def test_on_a_real_box_nothing_can_be_pressed(visit: Visit) -> None:
    client = visit(FULL)
    text = client.get("/").text
    read = Reader(text)
    assert not read.all("button")
    assert not read.all("form")
    assert "VALT server holds" not in read.words
    assert [script["src"] for script in read.all("script")] == [
        "/static/live.js",
        "/static/lamps.js",
    ]


@pytest.mark.parametrize("word", ["press", "release", "swipe", "pin", "cable", "elsewhere"])
def test_on_a_real_box_there_are_no_hands(visit: Visit, word: str) -> None:
    client = visit(FULL)
    with client.session_transaction() as session:
        session["csrf"] = "t"
    assert client.post(f"/demo/{word}", data={"csrf": "t"}).status_code == 404


def test_in_the_demo_the_box_has_buttons_and_shows_the_server(visit: Visit) -> None:
    read = page(visit, FULL, demo=Hands())
    buttons = {(b.get("name"), b.get("value")) for b in read.all("button")}
    assert {("control", "record"), ("control", "marker"), ("badge", "a")} <= buttons
    assert {("word", word) for word in CABLE} <= buttons
    assert {("action", action) for action in ELSEWHERE} <= buttons
    words = " ".join(read.words.split())
    for part in ("“Talk”", "Alice", "0:01:05", "0:00:05 Marker", "Recordings so far: 3",
                 "reachable"):  # fmt: skip
        assert part in words


def test_a_button_of_the_demo_that_is_not_configured_can_be_pressed(visit: Visit) -> None:
    read = page(visit, replace(FULL, controls=()), demo=Hands())
    assert {"record", "marker"} <= {b.get("value") for b in read.all("button")}


DOINGS = [
    ("press", {"control": "record"}, [("press", "record")]),
    ("release", {"control": "record"}, [("release", "record")]),
    ("swipe", {"badge": "a"}, [("swipe", "a")]),
    ("pin", {"digits": "2580"}, [("pin", "2580")]),
    ("cable", {"word": "pull"}, [("cable", "pull")]),
    ("elsewhere", {"action": "stop"}, [("elsewhere", "stop")]),
]


@pytest.mark.parametrize(("word", "fields", "done"), DOINGS)
def test_the_script_gets_its_hands_moved_without_a_page(
    visit: Visit, word: str, fields: dict[str, str], done: list[tuple[str, ...]]
) -> None:
    hands = Hands()
    client = visit(FULL, hands)
    sent = fields | {"csrf": token(client), "script": "yes"}
    reply = client.post(f"/demo/{word}", data=sent)
    assert (reply.status_code, reply.data) == (204, b"")
    assert hands.done == done


@pytest.mark.parametrize(("word", "fields", "done"), DOINGS)
def test_without_a_script_a_form_does_the_same(
    visit: Visit, word: str, fields: dict[str, str], done: list[tuple[str, ...]]
) -> None:
    hands = Hands()
    client = visit(FULL, hands)
    reply = client.post(f"/demo/{word}", data=fields | {"csrf": token(client)})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")
    # Nobody would tell when it is let go.
    assert hands.done == done + ([("release", "record")] if word == "press" else [])


@pytest.mark.parametrize(
    ("word", "fields"),
    [("press", {"control": "reset"}), ("press", {}), ("release", {"control": EVIL}),
     ("swipe", {"badge": "z"}), ("cable", {"word": "cut"}), ("elsewhere", {"action": "view"}),
     ("pin", {"digits": ""}), ("pin", {"digits": "12a"}), ("pin", {"digits": "١٢"}),
     ("pin", {"digits": "1" * 33}), ("pin", {})],
)  # fmt: skip
def test_what_the_box_does_not_have_cannot_be_moved(
    visit: Visit, word: str, fields: dict[str, str]
) -> None:
    hands = Hands()
    client = visit(FULL, hands)
    reply = client.post(f"/demo/{word}", data=fields | {"csrf": token(client)})
    assert (reply.status_code, reply.mimetype) == (400, "text/plain")
    assert hands.done == []


def test_a_page_of_a_stranger_presses_nothing(visit: Visit) -> None:
    hands = Hands()
    client = visit(FULL, hands)
    token(client)
    assert client.post("/demo/press", data={"control": "record"}).status_code == 403
    assert hands.done == []


def test_a_server_that_says_no_is_quoted(visit: Visit) -> None:
    hands = Hands()
    hands.no = "No recording is running"
    client = visit(FULL, hands)
    reply = client.post("/demo/elsewhere", data={"action": "stop", "csrf": token(client)})
    assert (reply.status_code, reply.text) == (409, "No recording is running\n")


def test_the_server_is_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no news of its own."""
    monkeypatch.setattr("ivsd.web.panel.LOOK_AT_SERVER_S", 0.0)
    hands = Hands()
    site = site_of(lambda: told_once(FULL), hands)
    with create_app(site).test_client().get("/events") as reply:
        told = events(reply)
        assert "0:01:05" in next(told)[1]["server"]
        assert next(told)[0] == "alive"
        hands.view = replace(SERVER, seconds=66)
        name, data = next(told)
        assert name == "panel"
        assert "0:01:06" in data["server"]
        assert next(told)[0] == "alive"


# -- the log --------------------------------------------------------------------------------------


def test_the_log_has_all_outcomes_the_newest_first_and_what_is_wrong(visit: Visit) -> None:
    words = " ".join(page(visit, LOST, "/log").words.split())
    at = [words.index(part) for part in ("valt: refused", "no answer", "begun", "no use")]
    assert at == sorted(at)
    for part in ("2026-11-23 12:00:09", "Only the last 20", "journalctl -u ivsd"):
        assert part in words


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("result=failed", ["no answer"], ["begun", "no use", "valt: refused"]),
        ("result=done", ["begun"], ["no answer", "no use", "valt: refused"]),
        ("result=ignored", ["no use"], ["begun", "no answer"]),
        ("result=fault", ["valt: refused"], ["begun", "no answer", "no use"]),
        ("result=rubbish", ["valt: refused", "begun", "no answer", "no use"], []),
        ("text=HALL", ["begun"], ["no answer", "no use", "valt: refused"]),
        ("text=++valt+", ["valt: refused"], ["begun"]),
        ("result=done&text=marker", ["is like this"], ["begun", "no answer", "no use"]),
        ("result=&text=", ["valt: refused", "begun", "no answer", "no use"], []),
    ],
)
def test_the_log_can_be_filtered(
    visit: Visit, query: str, there: list[str], not_there: list[str]
) -> None:
    words = page(visit, LOST, f"/log?{query}").words
    assert all(part in words for part in there)
    assert not any(part in words for part in not_there)


def test_the_filter_stays_in_the_form(visit: Visit) -> None:
    text = visit(FULL).get('/log?result=failed&text="x').text
    assert '<option value="failed" selected>' in text
    assert 'value="&#34;x"' in text


def test_an_empty_log_says_so(visit: Visit) -> None:
    assert "None since ivsd began" in page(visit, replace(FULL, outcomes=()), "/log").words


def test_nothing_in_the_pages_comes_from_elsewhere() -> None:
    folder = Path(__file__).parents[2] / "ivsd" / "web"
    for file in (*folder.glob("static/*"), *folder.glob("templates/*")):
        text = file.read_text("utf-8")
        fetches = r'(src|href|action)="?([a-z]+:)?//|: *url\(|@import|(fetch|Source)\("[a-z]*:'
        assert re.search(fetches, text) is None, file

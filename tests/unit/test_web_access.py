"""Who gets past the door of the pages, and who does not."""

from __future__ import annotations

import json
import logging
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from itsdangerous import URLSafeTimedSerializer

from ivsd.appliance import durable
from ivsd.web.access import accounts as accounts_module
from ivsd.web.access import backoff as backoff_module
from ivsd.web.access import ended as ended_module
from ivsd.web.access.accounts import Accounts
from ivsd.web.access.ended import FIRST_GENERATION
from ivsd.web.access.login import local
from ivsd.web.access.sessions import Cookies
from tests.power_cut import QuickDisk
from tests.web_door import IN_USE, NEW, OTHER, PASSWORD, Box, Clock, Person, where


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "files", QuickDisk())
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def new_box(tmp_path: Path) -> Box:
    clock = Clock()
    return Box(tmp_path, clock, Accounts(tmp_path, clock, lambda: 5e8))


@pytest.fixture
def box(new_box: Box) -> Box:
    """One that has a password."""
    assert new_box.accounts is not None
    new_box.accounts.set_password(PASSWORD)
    return new_box


@pytest.fixture
def demo(tmp_path: Path) -> Box:
    return Box(tmp_path, Clock(), None)


# -- log-in and log-out ---------------------------------------------------------------------------


def test_nothing_is_seen_or_done_without_a_log_in(box: Box) -> None:
    person = Person(box.app())
    assert where(person.get("/")) == (303, "/login")
    assert where(person.get("/nowhere")) == (303, "/login?next=/nowhere")
    reply = person.post("/", {"what": "x"})
    assert reply.status_code == 403
    assert "You are not logged in" in reply.text
    for path in ("/nowhere", "/password", "/logout", "/export", "/system"):
        assert person.post(path, {"password": PASSWORD, "old": PASSWORD}).status_code == 403
    assert box.done == []


def test_some_things_are_for_everybody(box: Box) -> None:
    person = Person(box.app())
    assert person.get("/health").text == "all right"
    assert person.get("/static/style.css").status_code == 200
    assert person.get("/static/../app.py").status_code == 404
    assert person.get("/login").status_code == 200


@pytest.mark.parametrize(
    "path", ["//health", "/health/", "/health/x", "/Health", "/static", "/staticx", "/login/x"]
)
def test_what_only_looks_like_it_is_not(box: Box, path: str) -> None:
    assert Person(box.app()).get(path).status_code in (303, 308)


def test_with_the_password_one_gets_in_and_out_again(box: Box) -> None:
    person = Person(box.app())
    assert where(person.log_in()) == (303, "/")
    assert person.get("/").text.startswith("True")
    assert person.post("/", {"what": "x"}).text == "done"
    assert where(person.get("/login?next=/system")) == (303, "/system")
    assert where(person.post("/logout")) == (303, "/login")
    assert not person.is_in()
    assert box.done == ["x"]


@pytest.mark.parametrize("text", ["", "wrong", PASSWORD.upper(), PASSWORD + "\0", "\0", "ß" * 210])
def test_a_wrong_password_is_said_beside_its_field(box: Box, text: str) -> None:
    person = Person(box.app())
    reply = person.log_in(text)
    assert reply.status_code == 403
    assert "That is not the password." in reply.text
    assert 'aria-describedby="problem"' in reply.text
    assert not person.is_in()


def test_a_wrong_password_is_not_repeated(box: Box) -> None:
    assert "my wrong guess" not in Person(box.app()).log_in("my wrong guess").text


def test_what_is_no_utf_8_is_only_wrong(box: Box) -> None:
    person = Person(box.app())
    reply = person.client.post(
        "/login",
        data=f"csrf={person.token()}&password=%ED%A0%80%FF%FE".encode(),
        content_type="application/x-www-form-urlencoded",
        base_url="http://box",
    )
    assert reply.status_code == 403
    assert "That is not the password." in reply.text


def test_a_huge_form_is_not_read_before_the_log_in(box: Box) -> None:
    person = Person(box.app())
    assert person.log_in("x" * 10**6).status_code == 413
    assert person.post("/", {"what": "x" * 10**6}).status_code == 413
    assert person.log_in().status_code == 303
    assert person.post("/", {"what": "x" * 10**5}).text == "done"


def test_log_in_needs_its_field(box: Box) -> None:
    assert Person(box.app()).post("/login").status_code == 403


def test_too_many_wrong_ones_must_wait_and_are_told_how_long(box: Box) -> None:
    person = Person(box.app())
    for code in (403, 403, 429):
        assert person.log_in("wrong").status_code == code
    reply = person.log_in()
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")
    assert "looked at in 1 s" in reply.text
    assert 'data-wait="1"' in reply.text
    assert re.search(r"<noscript> That is at \d\d:\d\d:\d\d by this box’s clock", reply.text)
    assert not person.is_in()
    other = Person(box.app(), address="10.0.0.2")
    assert other.log_in().status_code == 303
    box.clock.now += 1.0
    assert person.log_in().status_code == 303


def test_a_guesser_cannot_tell_a_right_one_while_it_waits(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = SimpleNamespace(time=lambda: 5e8, localtime=time.gmtime, strftime=time.strftime)
    monkeypatch.setattr(backoff_module, "time", wall)  # the page says until when
    person = Person(box.app())
    for _ in range(3):
        person.log_in("wrong")
    token = person.token()
    right, wrong = person.log_in(), person.log_in("wrong")
    assert right.status_code == wrong.status_code
    assert right.text == wrong.text
    assert person.token() == token


def test_many_addresses_have_to_wait_in_all(box: Box) -> None:
    app = box.app()
    codes = {Person(app, address=f"10.0.1.{n}").log_in("wrong").status_code for n in range(29)}
    assert codes == {403}
    assert Person(app, address="10.0.2.1").log_in("wrong").status_code == 429
    assert Person(app, address="10.0.3.1").log_in().status_code == 429


def test_an_address_that_the_browser_only_claims_does_not_count(box: Box) -> None:
    person = Person(box.app())
    for n in range(3):
        person.post("/login", {"password": "x"}, headers={"X-Forwarded-For": f"10.9.9.{n}"})
    assert person.log_in().status_code == 429


# -- the session ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("base_url", "secure"), [("http://box", False), ("https://box", True)])
def test_the_cookie_is_for_the_browser_and_this_box_only(
    box: Box, base_url: str, secure: bool
) -> None:
    reply = Person(box.app(), base_url=base_url).log_in()
    parts = reply.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
    assert ("Secure" in parts) is secure
    assert not any(part.startswith(("Domain", "Expires", "Max-Age")) for part in parts)


def test_the_cookie_holds_no_secret(box: Box) -> None:
    person = Person(box.app())
    person.log_in()
    assert set(person.held()) == {"id", "epoch", "at"}
    assert PASSWORD not in json.dumps(person.held())
    hashed = json.loads((box.folder / "admin.json").read_text())["hash"]
    assert hashed not in json.dumps(person.held())


def test_who_plants_a_session_beforehand_is_not_in_afterwards(box: Box) -> None:
    app = box.app()
    attacker, person = Person(app, address="10.0.0.66"), Person(app)
    attacker.get("/login")
    planted, token = attacker.cookie, attacker.token()
    person.cookie = planted
    person.log_in()
    assert person.is_in()
    assert person.cookie != planted
    assert person.token() != token
    assert not attacker.is_in()


def test_every_log_in_has_an_id_of_its_own_and_ends_the_one_before(box: Box) -> None:
    person = Person(box.app())
    person.log_in()
    old, old_id = person.cookie, person.held()["id"]
    person.get("/")
    person.log_in()
    assert person.held()["id"] != old_id
    assert person.is_in()
    person.cookie = old
    assert not person.is_in()


def test_a_cookie_that_was_kept_is_worth_nothing_after_the_log_out(box: Box) -> None:
    app = box.app()
    person, thief = Person(app), Person(app)
    person.log_in()
    person.get("/")
    thief.cookie = person.cookie
    assert thief.is_in()
    person.post("/logout")
    assert not thief.is_in()


def test_one_log_out_leaves_the_others_in(box: Box) -> None:
    app = box.app()
    one, two = Person(app), Person(app)
    one.log_in()
    two.log_in()
    one.post("/logout")
    assert two.is_in()


def test_more_log_outs_than_are_kept_in_mind_end_all_sessions(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_module, "MOST_ENDED", 5)
    app = box.app()
    first, stays, last = Person(app), Person(app), Person(app)
    first.log_in()
    first.get("/")
    kept = first.cookie
    first.post("/logout")
    stays.log_in()
    for _ in range(5):
        last.log_in()
        last.get("/")
        last.post("/logout")
    first.cookie = kept
    assert not first.is_in()
    assert not stays.is_in()
    assert len(app.extensions["ivsd.sessions"]._ended._ids) <= 5
    stays.log_in()
    assert stays.is_in()


def test_log_outs_that_have_lapsed_anyway_end_nobody_else(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_module, "MOST_ENDED", 12)
    app = box.app()
    sessions = app.extensions["ivsd.sessions"]
    for _ in range(30):
        person = Person(app)
        person.log_in()
        person.get("/")
        person.post("/logout")
        box.clock.now += 3600.0
    assert len(sessions._ended._ids) == 12
    assert sessions._ended.generation == FIRST_GENERATION
    person.log_in()
    assert person.is_in()


def test_a_session_ends_after_twelve_hours_whatever_is_done_meanwhile(box: Box) -> None:
    person = Person(box.app())
    person.log_in()
    for _ in range(12):
        assert person.is_in()
        box.clock.now += 3599.9
    assert person.is_in()
    box.clock.now += 2.0
    assert not person.is_in()


def test_a_restart_of_the_pages_ends_no_session(box: Box) -> None:
    person, after = Person(box.app()), Box(box.folder, Clock(), None)
    person.log_in()
    after.accounts = Accounts(box.folder, after.clock, lambda: 5e8 + 60.0)
    later = Person(after.app())
    later.cookie = person.cookie
    assert later.is_in()


@pytest.mark.parametrize("wall", [0.0, 5e8 - 3600.0, 5e8 + 13 * 3600.0, 5e9])
def test_with_another_time_of_day_after_a_restart_one_logs_in_anew(box: Box, wall: float) -> None:
    person, after = Person(box.app()), Box(box.folder, Clock(), None)
    person.log_in()
    after.accounts = Accounts(box.folder, after.clock, lambda: wall)
    later = Person(after.app())
    later.cookie = person.cookie
    assert not later.is_in()
    later.log_in()
    assert later.is_in()


def test_a_jump_of_the_time_of_day_ends_no_session(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(box.app())
    person.log_in()
    for year_s in (-1e8, 1e8):
        monkeypatch.setattr("itsdangerous.timed.time.time", lambda year_s=year_s: 1.7e9 + year_s)
        assert person.is_in()


def test_a_new_password_ends_all_sessions(box: Box) -> None:
    assert box.accounts is not None
    person = Person(box.app())
    person.log_in()
    box.accounts.set_password(PASSWORD)
    assert not person.is_in()


def test_a_factory_default_ends_all_sessions(box: Box) -> None:
    person = Person(box.app())
    person.log_in()
    for path in box.folder.iterdir():
        path.unlink()
    assert where(person.get("/")) == (303, "/first")
    assert person.post("/", {"what": "x"}).status_code == 403
    assert box.done == []


def forged(person: Person, key: bytes, **held: object) -> str:
    signer = URLSafeTimedSerializer(
        key,
        salt="cookie-session",
        signer_kwargs={"key_derivation": "hmac", "digest_method": Cookies.digest_method},
    )
    return str(signer.dumps({**person.held(), **held}))


def test_a_cookie_that_others_have_signed_is_none(box: Box) -> None:
    assert box.accounts is not None
    person = Person(box.app())
    person.log_in()
    good = person.cookie
    assert person.is_in()
    head, time, sign = good.rsplit(".", 2)  # a packed one begins with a dot
    for bad in (
        forged(person, b"\0" * 32),
        f"{head}.{time}.",
        f"{head}.{time}",
        f"{head}.{time}.{sign[:-2]}",
        f"{head[:-4]}AAAA.{time}.{sign}",
        f"{head}..{sign}",
        "",
        "x" * 4000,
        "\x00",
        ".....",
    ):
        person.cookie = bad
        assert not person.is_in()
    person.cookie = good
    assert person.is_in()


@pytest.mark.parametrize(
    "held",
    [{"id": None}, {"id": 1}, {"at": None}, {"at": "1"}, {"at": 1e12}, {"at": float("nan")},
     {"epoch": None}, {"epoch": "x.0"}, {"epoch": ".0"}, {"epoch": ""}],
)  # fmt: skip
def test_a_cookie_of_ours_that_does_not_fit_is_none(box: Box, held: dict[str, object]) -> None:
    assert box.accounts is not None
    person = Person(box.app())
    person.log_in()
    person.cookie = forged(person, box.accounts.session_key)
    assert person.is_in()
    person.cookie = forged(person, box.accounts.session_key, **held)
    assert not person.is_in()


def test_without_a_password_no_cookie_is_valid(new_box: Box) -> None:
    assert new_box.accounts is not None
    person = Person(new_box.app())
    held = {"id": "a", "at": new_box.accounts.now(), "epoch": "None.0"}
    for epoch in ("None.0", ".0", ""):
        person.cookie = forged(person, new_box.accounts.session_key, **{**held, "epoch": epoch})
        assert not person.is_in()


def test_an_event_stream_can_ask_whether_its_reader_is_still_logged_in(box: Box) -> None:
    app = box.app()
    one, two = Person(app), Person(app)
    for person in (one, two):
        person.log_in()
        person.get("/events")
    assert [watch() for watch in box.watches] == [True, True]
    one.get("/")
    one.post("/logout")
    assert [watch() for watch in box.watches] == [False, True]
    box.clock.now += 12 * 3600.0
    assert [watch() for watch in box.watches] == [False, False]


# -- where to go on -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish", ["/", "/log", "/log?level=bad&x=a%20b", "/a//b", "/x?next=//e", "/a:b@c"]
)
def test_after_the_log_in_one_is_where_one_wanted(box: Box, wish: str) -> None:
    person = Person(box.app())
    sent_to = person.get(wish).headers["Location"]
    assert sent_to.startswith("/login")
    page = person.get(sent_to)
    match = re.search('name="next" value="([^"]*)"', page.text)
    assert match
    assert person.log_in(next=match[1].replace("&amp;", "&")).headers["Location"] == wish


@pytest.mark.parametrize(
    "wish",
    ["//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
     "/\n/evil.example", "https://evil.example", "https:evil.example", "evil.example", "@evil",
     "javascript:alert(1)", "", " /", " //evil.example", "/\0", "/é", "/a b", "/a\\b",
     "/\u2028/evil", "/" + "a" * 600, "?x", "#x", "/\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_no_log_in_leads_to_another_site(box: Box, wish: str) -> None:
    assert local(wish) == "/"
    person = Person(box.app())
    page = person.get("/login", query_string={"next": wish})
    assert 'name="next" value="/"' in page.text
    assert where(person.log_in(next=wish)) == (303, "/")
    assert where(person.get("/login", query_string={"next": wish})) == (303, "/")


def test_a_wish_is_no_markup(box: Box) -> None:
    page = Person(box.app()).get("/login", query_string={"next": '/"><script>x</script>'})
    assert "<script>" not in page.text


# -- forged requests ------------------------------------------------------------------------------


@pytest.fixture(params=["box", "demo"])
def any_box(request: pytest.FixtureRequest) -> Box:
    return cast(Box, request.getfixturevalue(request.param))


def inside(box: Box) -> Person:
    person = Person(box.app())
    if box.accounts is not None:
        person.log_in()
    person.get("/")
    return person


def test_a_form_of_this_session_is_taken(any_box: Box) -> None:
    assert inside(any_box).post("/", {"what": "x"}).text == "done"
    assert any_box.done == ["x"]


@pytest.mark.parametrize("token", ["", "x", "0" * 32, "\0", "ü", "x" * 10**4])
def test_a_form_with_a_wrong_token_is_refused(any_box: Box, token: str) -> None:
    person = inside(any_box)
    reply = person.post("/", {"csrf": token})
    assert reply.status_code == 403
    assert "Read the page anew" in reply.text
    assert any_box.done == []


def test_a_form_without_a_token_is_refused(any_box: Box) -> None:
    person = inside(any_box)
    assert person.client.post("/", base_url="http://box").status_code == 403
    assert person.client.post(f"/?csrf={person.token()}", base_url="http://box").status_code == 403
    assert person.client.post(
        "/", json={"csrf": person.token()}, base_url="http://box"
    ).status_code == 403  # fmt: skip
    assert any_box.done == []


def test_a_browser_without_a_session_has_no_token_that_fits(any_box: Box) -> None:
    person = Person(any_box.app())
    for token in ("", "None"):
        reply = person.client.post("/", data={"csrf": token}, base_url="http://box")
        assert reply.status_code == 403
    assert any_box.done == []


def test_the_token_of_another_session_is_refused(any_box: Box) -> None:
    app = any_box.app()
    attacker, victim = Person(app), Person(app)
    for person in (attacker, victim):
        if any_box.accounts is not None:
            person.log_in()
        person.get("/")
    assert attacker.token() != victim.token()
    assert victim.post("/", {"csrf": attacker.token()}).status_code == 403


def test_the_token_from_before_the_log_in_is_refused_afterwards(box: Box) -> None:
    person = Person(box.app())
    before = person.token()
    person.log_in()
    person.get("/")
    assert person.post("/", {"csrf": before}).status_code == 403


@pytest.mark.parametrize("path", ["/login", "/first", "/first/press", "/first/code"])
@pytest.mark.parametrize("state", ["box", "new_box"])
def test_no_form_before_the_log_in_is_taken_without_a_token(
    path: str, state: str, request: pytest.FixtureRequest
) -> None:
    box = cast(Box, request.getfixturevalue(state))
    person = Person(box.app())
    fields = {"password": PASSWORD, "csrf": "x"}
    assert person.post(path, fields).status_code == 403
    assert box.asked == []
    assert not person.is_in()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_need_the_token_as_well(any_box: Box, method: str) -> None:
    reply = inside(any_box).client.open("/", method=method, base_url="http://box")
    assert reply.status_code == 403


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Origin": "http://box"}, 200),
        ({"Origin": "http://BOX"}, 200),
        ({"Origin": "https://box"}, 200),  # what makes it TLS may stand before us
        ({"Origin": "null"}, 200),  # of a page with Referrer-Policy: no-referrer
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://box.evil.example"}, 403),
        ({"Origin": "http://box:8081"}, 403),
        ({"Origin": "http://[box"}, 403),
        ({"Origin": "box"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://box", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_form_from_another_site_is_refused_even_with_the_token(
    any_box: Box, headers: dict[str, str], code: int
) -> None:
    person = inside(any_box)
    reply = person.post("/", {"what": "x"}, headers=headers)
    assert reply.status_code == code
    assert len(any_box.done) == (1 if code == 200 else 0)
    assert code == 200 or "another site" in reply.text


def test_a_port_is_part_of_the_host(box: Box) -> None:
    person = Person(box.app(), base_url="http://box:8080")
    reply = person.post("/login", {"password": PASSWORD}, headers={"Origin": "http://box:8080"})
    assert reply.status_code == 303
    reply = person.post("/", headers={"Origin": "http://box"})
    assert reply.status_code == 403


def test_reading_from_another_site_is_no_form(box: Box) -> None:
    reply = Person(box.app()).get("/login", headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 200


@pytest.mark.parametrize("path", ["/first", "/login"])
def test_by_tls_one_is_told_to_compare_the_certificate_before_a_password_is_typed(
    tmp_path: Path, path: str
) -> None:
    clock = Clock()
    box = Box(tmp_path, clock, Accounts(tmp_path, clock, lambda: 5e8))
    assert box.accounts is not None
    if path == "/login":
        box.accounts.set_password(PASSWORD)
    app = box.app()
    assert "fingerprint" not in Person(app).get(path).text
    app.config["TLS_FINGERPRINT"] = "AB:CD"
    text = Person(app).get(path).text
    assert "compare the SHA-256 fingerprint" in text
    assert "journalctl -u ivsd-web" in text
    assert "AB:CD" not in text  # who stands in between could write any value there


def test_in_the_demo_nobody_logs_in(demo: Box) -> None:
    person = inside(demo)
    assert person.get("/").text.startswith("False")
    for path in ("/login", "/first"):
        assert person.get(path).status_code == 404
    for path in ("/logout", "/password", "/first/press", "/first/code"):
        assert person.post(path).status_code == 404
    person.get("/events")
    assert demo.watches[0]()
    assert list(demo.folder.iterdir()) == []


# -- another password -----------------------------------------------------------------------------


def change(person: Person, old: str, new: str, again: str | None = None) -> str:
    fields = {"old": old, "new": new, "again": new if again is None else again}
    assert where(person.post("/password", fields)) == (303, "/system")
    return person.get("/system").text


def test_the_password_is_changed_with_the_old_one_and_only_this_browser_stays(box: Box) -> None:
    app = box.app()
    person, other = Person(app), Person(app)
    for each in (person, other):
        each.log_in()
        each.get("/")
    before = person.cookie
    assert "was changed" in change(person, PASSWORD, OTHER)
    assert person.is_in()
    assert not other.is_in()
    other.cookie = before
    assert not other.is_in()
    assert other.log_in().status_code == 403
    assert other.log_in(OTHER).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [("wrong", OTHER, OTHER, "That is not the password."),
     (PASSWORD, OTHER, OTHER + "x", "not the same"), (PASSWORD, "short", "short", "at least 10"),
     (PASSWORD, "x" * 201, "x" * 201, "more than 200"), (PASSWORD, "", "", "at least 10"),
     ("", "", "", "That is not the password."),
     (PASSWORD, "0123456789\0", "0123456789\0", "nobody can type")],
)  # fmt: skip
def test_what_cannot_be_changed_is_said_and_changes_nothing(
    box: Box, old: str, new: str, again: str, said: str
) -> None:
    assert box.accounts is not None
    person = inside(box)
    epoch = box.accounts.epoch
    text = change(person, old, new, again)
    assert said in text
    assert "Nothing was changed" in text
    assert box.accounts.epoch == epoch
    assert person.is_in()


def test_who_is_logged_in_cannot_guess_the_old_one_quickly_either(box: Box) -> None:
    assert box.accounts is not None
    person = inside(box)
    epoch = box.accounts.epoch
    for _ in range(3):
        change(person, "wrong", OTHER)
    assert "looked at in 1 s" in change(person, PASSWORD, OTHER)
    assert box.accounts.epoch == epoch


def test_a_full_disk_is_said_and_leaves_the_old_one(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    person = inside(box)
    monkeypatch.setattr(durable, "write", full)
    assert "No space left" in change(person, PASSWORD, OTHER)
    assert person.is_in()


def test_pages_can_ask_for_the_password_again(box: Box) -> None:
    person = inside(box)
    assert person.post("/export", {"password": "wrong"}).text == "That is not the password."
    assert person.post("/export", {"password": PASSWORD}).text == "secrets "
    for _ in range(3):
        person.post("/export", {"password": "wrong"})
    assert "looked at in 1 s" in person.post("/export", {"password": PASSWORD}).text


def test_in_the_demo_there_is_nothing_to_confirm(demo: Box) -> None:
    assert inside(demo).post("/export").text == "secrets "


# -- a broken file --------------------------------------------------------------------------------


def test_with_a_broken_file_nobody_gets_in_and_the_page_says_what_heals_it(box: Box) -> None:
    app = box.app()
    person, stranger = Person(app), Person(app)
    person.log_in()
    person.get("/")
    (box.folder / "admin.json").write_bytes(b"\0" * 100)
    assert where(person.get("/")) == (303, "/login")
    for each in (person, stranger):
        page = each.get("/login")
        assert page.status_code == 503
        assert str(box.folder / "admin.json") in page.text
        assert "Remove it as root" in page.text
        assert "<form" not in page.text
        assert where(each.get("/first")) == (303, "/")
    # Whoever still has a form open: nothing of it is taken.
    token = person.held()["csrf"]
    for path in ("/login", "/first", "/first/press", "/first/code", "/"):
        fields = {"csrf": token, "password": PASSWORD, "new": OTHER, "again": OTHER}
        assert person.post(path, fields).status_code in (403, 409, 503)
    assert box.asked == box.done == []
    (box.folder / "admin.json").unlink()
    assert where(stranger.get("/")) == (303, "/first")
    stranger.get("/first")
    code = (box.folder / "setup-code").read_text()  # there was none while there was a password
    assert where(stranger.post("/first/code", {"code": code})) == (303, "/first")


# -- the pages and the journal --------------------------------------------------------------------


class Form(HTMLParser):
    """Collects what a screen reader would go by; every tag is closed, every id there is once."""

    VOID = ("input", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.described: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.focused = 0
        self.forms = self.tokens = 0
        self.feed(text)
        assert self.open == []
        assert len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [held["id"] or ""] if "id" in held else []
        self.described |= set((held.get("aria-describedby") or "").split())
        self.focused += "autofocus" in held
        self.forms += tag == "form"
        self.tokens += held.get("name") == "csrf"
        assert not any(name.startswith("on") or name == "style" for name in held)
        if tag == "label":
            self.labelled.add(held["for"] or "")
        if tag == "input" and held.get("type") != "hidden" and "hidden" not in held:
            self.inputs.append(held)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pages_of(new_box: Box) -> dict[str, str]:
    person = Person(new_box.app())
    found = {"first": person.get("/first").text}
    new_box.found = IN_USE
    found["first, in use"] = person.get("/first").text
    found["refused"] = person.prove().text
    new_box.found = NEW
    found["wrong code"] = person.post("/first/code", {"code": "x"}).text
    person.prove()
    found["second"] = person.get("/first").text
    found["not the same"] = person.set_first(PASSWORD, OTHER).text
    person.set_first()
    person.get("/")
    found["taken"] = person.set_first().text
    person.post("/logout")
    found["login"] = person.get("/login").text
    found["wrong"] = person.log_in("wrong").text
    return found


def test_every_field_has_a_label_and_says_what_is_wrong_with_it(new_box: Box) -> None:
    for name, text in pages_of(new_box).items():
        form = Form(text)
        assert {held.get("id") for held in form.inputs} == form.labelled, name
        assert form.described <= set(form.ids), name
        assert form.tokens == form.forms, name
        assert form.focused == (0 if name == "taken" else 1), name
        for held in form.inputs:
            if held.get("type") == "password":
                assert held.get("autocomplete") in ("current-password", "new-password")
                assert not held.get("value")


def test_the_journal_tells_who_came_and_no_secret(
    new_box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="ivsd.web")
    person = Person(new_box.app())
    person.prove()
    person.set_first()
    person.post("/logout")
    person.log_in("my wrong guess")
    person.log_in("my wrong guess")
    person.log_in()
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "10.0.0.1 asks for a press at the box, to set the first password",
        "a press at the box has proven 10.0.0.1",
        "the password of the pages was set",
        "the first password was set from 10.0.0.1",
        "a wrong password from 10.0.0.1",
        "logged in from 10.0.0.1",
    ]

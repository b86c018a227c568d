"""The first set-up: who may set the first password of a box, and how."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import durable
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import RoomStatus
from ivsd.web.access import accounts as accounts_module
from ivsd.web.access.accounts import Accounts
from ivsd.web.access.first import MOST_PROVEN
from tests.power_cut import QuickDisk
from tests.web_door import IN_USE, NEW, OTHER, PASSWORD, Box, Clock, Person, where

AWAY = ControlError("no_daemon", "no daemon answers")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "files", QuickDisk())
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def new_box(tmp_path: Path) -> Box:
    clock = Clock()
    return Box(tmp_path, clock, Accounts(tmp_path, clock, lambda: 5e8))


def test_without_a_password_there_is_only_the_set_up(new_box: Box) -> None:
    person = Person(new_box.app())
    for path in ("/", "/login", "/login?next=/x", "/nowhere", "/system"):
        assert where(person.get(path)) == (303, "/first")
    for path in ("/", "/login", "/logout", "/password", "/nowhere", "/export"):
        reply = person.post(path, {"password": "", "old": "", "new": OTHER, "again": OTHER})
        assert reply.status_code == 403
        assert "no password yet" in reply.text
    assert person.get("/health").text == "all right"
    assert person.get("/static/style.css").status_code == 200
    assert new_box.done == []
    assert new_box.accounts is not None
    assert not new_box.accounts.has_password


def test_from_a_press_at_the_box_to_the_start_page(new_box: Box) -> None:
    person = Person(new_box.app())
    assert "Step 1 of 2" in person.get("/first").text
    assert where(person.prove()) == (303, "/first")
    assert new_box.asked == ["learn"]
    assert "Step 2 of 2" in person.get("/first").text
    assert where(person.set_first()) == (303, "/")
    assert person.get("/").text.startswith("True")
    other = Person(new_box.app())
    assert not other.is_in()
    assert other.log_in().status_code == 303


def test_from_the_code_of_the_console_to_the_start_page(new_box: Box) -> None:
    person = Person(new_box.app())
    assert str(new_box.folder / "setup-code") in person.get("/first").text
    code = (new_box.folder / "setup-code").read_text()
    assert where(person.post("/first/code", {"code": code})) == (303, "/first")
    assert where(person.set_first()) == (303, "/")
    assert person.is_in()
    assert new_box.asked == []
    assert not (new_box.folder / "setup-code").exists()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (IN_USE, "in use already, so a press there is no proof"),
        (replace(IN_USE, id=None, name="", state=None, shown=None), "in use already"),
        (AWAY, "does not answer"),
    ],
)
def test_a_press_proves_nothing_on_a_box_that_is_in_use_or_does_not_answer(
    new_box: Box, found: RoomStatus | ControlError, said: str
) -> None:
    new_box.found = found
    person = Person(new_box.app())
    page = person.get("/first").text
    assert said in page
    assert f"sudo cat {new_box.folder / 'setup-code'}" in page
    assert "/first/press" not in page
    reply = person.prove()
    assert reply.status_code == 403
    assert said in reply.text
    assert 'role="alert"' in reply.text
    assert new_box.asked == []
    assert "Step 1 of 2" in person.get("/first").text
    assert person.set_first().status_code == 403


@pytest.mark.parametrize("found", [IN_USE, AWAY])
def test_the_code_proves_on_every_box(new_box: Box, found: RoomStatus | ControlError) -> None:
    new_box.found = found
    person = Person(new_box.app())
    code = (new_box.folder / "setup-code").read_text()
    assert where(person.post("/first/code", {"code": code})) == (303, "/first")
    assert "Step 2 of 2" in person.get("/first").text
    assert where(person.set_first()) == (303, "/")


@pytest.mark.parametrize("found", [IN_USE, AWAY])
def test_a_press_proves_nothing_if_a_room_was_set_up_while_it_was_waited_for(
    new_box: Box, found: RoomStatus | ControlError
) -> None:
    def learn() -> dict[str, Any]:
        new_box.found = found
        return {"kind": "button", "number": None}

    new_box.learn = learn
    person = Person(new_box.app())
    assert person.prove().status_code == 403
    assert "Step 1 of 2" in person.get("/first").text
    assert person.set_first().status_code == 403


def test_a_box_without_a_room_offers_both_a_press_and_the_code(new_box: Box) -> None:
    page = Person(new_box.app()).get("/first").text
    for part in ("/first/press", "/first/code", f"sudo cat {new_box.folder / 'setup-code'}"):
        assert part in page


def test_who_is_refused_a_press_does_not_have_to_wait_for_the_next(new_box: Box) -> None:
    person = Person(new_box.app())
    new_box.found = AWAY
    for _ in range(5):
        assert person.prove().status_code == 403
    new_box.found = NEW
    assert person.prove().status_code == 303


def test_neither_the_code_nor_the_badge_is_on_a_page_or_in_a_cookie(
    new_box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person = Person(new_box.app())
    code = (new_box.folder / "setup-code").read_text().strip()
    texts = [person.get("/first").text, person.post("/first/code", {"code": "1"}).text]
    texts += [person.prove().text, person.get("/first").text, json.dumps(person.held())]
    texts += [person.set_first(PASSWORD, "x").text, person.set_first().text, caplog.text]
    for text in texts:
        assert code not in text
        assert "12345678" not in text
        assert PASSWORD not in text


def test_nobody_sets_a_password_without_having_been_at_the_box(new_box: Box) -> None:
    reply = Person(new_box.app()).set_first()
    assert reply.status_code == 403
    assert "Step 1 of 2" in reply.text
    assert new_box.accounts is not None
    assert not new_box.accounts.has_password


def test_a_proof_is_good_for_ten_minutes(new_box: Box) -> None:
    person = Person(new_box.app())
    person.prove()
    new_box.clock.now += 599.9
    assert "Step 2 of 2" in person.get("/first").text
    new_box.clock.now += 0.2
    assert "Step 1 of 2" in person.get("/first").text
    reply = person.set_first()
    assert reply.status_code == 403
    assert "more than ten minutes ago" in reply.text


def test_a_proof_does_not_outlive_the_service(new_box: Box) -> None:
    person, later = Person(new_box.app()), Person(new_box.app())
    person.prove()
    later.cookie = person.cookie
    assert "Step 1 of 2" in later.get("/first").text


def test_a_proof_ends_with_the_password_it_was_for(new_box: Box) -> None:
    app = new_box.app()
    one, late = Person(app), Person(app)
    one.prove()
    late.prove()
    one.set_first()
    (new_box.folder / "admin.json").unlink()  # root has done so
    assert "Step 1 of 2" in late.get("/first").text
    assert late.set_first().status_code == 403


def test_who_plants_a_session_is_not_proven_by_the_press_of_another(new_box: Box) -> None:
    app = new_box.app()
    attacker, person = Person(app), Person(app)
    attacker.get("/first")
    person.cookie = attacker.cookie
    person.prove()
    person.get("/first")
    assert person.token() != attacker.token()
    assert "Step 2 of 2" in person.get("/first").text
    assert "Step 1 of 2" in attacker.get("/first").text
    assert attacker.set_first().status_code == 403


def test_of_many_proofs_the_oldest_goes(new_box: Box) -> None:
    app = new_box.app()
    people = [Person(app) for _ in range(MOST_PROVEN + 1)]
    for person in people:
        person.prove()
    assert "Step 1 of 2" in people[0].get("/first").text
    assert "Step 2 of 2" in people[1].get("/first").text
    assert "Step 2 of 2" in people[-1].get("/first").text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ControlError("nothing_came", "x"), "Nothing was pressed or swiped in time"),
        (ControlError("busy", "x"), "Do not press anything"),
        (ControlError("no_daemon", "no daemon <answers>"), "no daemon &lt;answers&gt;"),
    ],
)
def test_a_press_that_does_not_come_proves_nothing(
    new_box: Box, error: ControlError, said: str
) -> None:
    def learn() -> dict[str, Any]:
        raise error

    new_box.learn = learn
    person = Person(new_box.app())
    reply = person.prove()
    assert reply.status_code == 503
    assert said in reply.text
    assert "Step 1 of 2" in person.get("/first").text
    assert person.set_first().status_code == 403


def test_who_asks_for_presses_that_do_not_come_has_to_wait(new_box: Box) -> None:
    def learn() -> dict[str, Any]:
        raise ControlError("nothing_came", "x")

    new_box.learn = learn
    person = Person(new_box.app())
    codes = [person.prove().status_code for _ in range(6)]
    assert codes == [503, 503, 503, 429, 429, 429]
    assert len(new_box.asked) == 3


def test_wrong_codes_are_slowed_down_and_told(new_box: Box) -> None:
    person = Person(new_box.app())
    codes = [person.post("/first/code", {"code": "x"}).status_code for _ in range(4)]
    assert codes == [403, 403, 429, 429]
    right = (new_box.folder / "setup-code").read_text()
    reply = person.post("/first/code", {"code": right})
    assert reply.status_code == 429
    assert "looked at in 1 s" in reply.text


@pytest.mark.parametrize(
    ("new", "again", "said"),
    [
        (PASSWORD, OTHER, "not the same"),
        ("short", "short", "at least 10"),
        ("", "", "at least 10"),
        ("x" * 201, "x" * 201, "more than 200"),
        ("0123456789\0", "0123456789\0", "nobody can type"),
    ],
)
def test_a_password_that_cannot_be_is_said_beside_its_field(
    new_box: Box, new: str, again: str, said: str
) -> None:
    person = Person(new_box.app())
    person.prove()
    reply = person.set_first(new, again)
    assert reply.status_code == 400
    assert said in reply.text
    assert 'aria-invalid="true"' in reply.text
    assert where(person.set_first()) == (303, "/")


def test_of_two_browsers_the_second_is_told(new_box: Box) -> None:
    app = new_box.app()
    one, two = Person(app), Person(app)
    one.prove()
    two.prove()
    assert one.set_first().status_code == 303
    reply = two.set_first(OTHER)
    assert reply.status_code == 409
    assert "A password is set already" in reply.text
    assert not two.is_in()
    assert where(two.get("/first")) == (303, "/")
    for path in ("/first/press", "/first/code"):
        assert two.post(path, {"code": "1"}).status_code == 409
    assert new_box.asked == ["learn", "learn"]
    assert two.log_in(OTHER).status_code == 403
    assert two.log_in().status_code == 303


def test_of_two_at_the_same_moment_one_has_it(new_box: Box) -> None:
    app = new_box.app()
    people = [Person(app) for _ in range(4)]
    tokens = []
    for person in people:
        person.prove()
        tokens.append(person.token())
    start, codes = threading.Barrier(4), []

    def go(n: int) -> None:
        start.wait(10.0)
        fields = {"new": f"password no {n}", "again": f"password no {n}", "csrf": tokens[n]}
        codes.append((people[n].post("/first", fields).status_code, n))

    threads = [threading.Thread(target=go, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    codes.sort()
    assert [code for code, _ in codes] == [303, 409, 409, 409]
    winner = codes[0][1]
    assert [person.is_in() for person in people] == [n == winner for n in range(4)]


def test_a_full_disk_is_said_and_can_be_tried_again(
    new_box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    person = Person(new_box.app())
    person.prove()
    with monkeypatch.context() as patch:
        patch.setattr(durable, "write", full)
        reply = person.set_first()
    assert reply.status_code == 503
    assert "No space left" in reply.text
    assert person.set_first().status_code == 303

"""When the `ivs` module logs in, when it waits, and how it ends."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ivsd import ivs
from ivsd.valt.errors import BadReply, LogInRefused, NoReply, ServerFailed, Unreachable
from ivsd.valt.simulator import Fault, Simulator
from ivsd.valt.transport import HttpTransport

ROOT = Path(__file__).parents[2]
PASSWORD = "open-sesame-4711"
HUGE = pytest.param(10**400, id="huge")  # which no float can hold
REFUSAL = '{"data":"Invalid username or password"}'

Simulate = Callable[..., Simulator]
Connect = Callable[..., ivs.valt]


@pytest.fixture
def serve(simulate: Simulate) -> Simulate:
    def new(*args: Any, **more: Any) -> Simulator:
        return simulate(*args, password=PASSWORD, **more)

    return new


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ivs.log"


@pytest.fixture
def connect_to(log: Path) -> Iterator[Connect]:
    """Make instances: `connect_to(server, password=..., timeout=..., raise_errors=...)`."""
    with ExitStack() as opened:

        def new(server: Simulator, *, password: str = PASSWORD, **more: Any) -> ivs.valt:
            more = {"logpath": log, "timeout": 2.0, **more}
            return opened.enter_context(ivs.valt(server.url, "admin", password, **more))

        yield new


@pytest.fixture
def hold_s(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Change the class's failure_reauth_time."""
    return lambda seconds: monkeypatch.setattr(ivs.valt, "failure_reauth_time", seconds)


def asked(server: Simulator) -> list[str]:
    return [entry.path.removeprefix("/api/v3/") for entry in server.requests]


def log_ins(server: Simulator) -> int:
    return asked(server).count("login")


def wait_until(condition: Callable[[], object], within_s: float = 3.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def same(answer: object, expected: object) -> bool:
    """Whether it is the same answer, with 0 and False told apart."""
    return type(answer) is type(expected) and answer == expected


# What a log-in can meet; the server carries none of them out but the lost ones.
FAILURES: dict[str, dict[str, Any]] = {
    "refused": {"kind": "status", "status": 401, "body": REFUSAL},
    "refused otherwise": {"kind": "status", "status": 403},
    "not found": {"kind": "status", "status": 404},
    "server failed": {"kind": "status", "status": 500},
    "bad gateway": {"kind": "status", "status": 502, "body": "<html></html>"},
    "a web page": {"kind": "html"},
    "empty": {"kind": "empty"},
    "half a document": {"kind": "not_json"},
    "null": {"kind": "null_data"},
    "no token": {"kind": "text", "body": '{"data":{}}'},
    "a token of null": {"kind": "text", "body": '{"data":{"access_token":null}}'},
    "a token of zero": {"kind": "text", "body": '{"data":{"access_token":0}}'},
    "an empty token": {"kind": "text", "body": '{"data":{"access_token":""}}'},
    "a token with a line break": {"kind": "text", "body": '{"data":{"access_token":"a\\nb"}}'},
    "a list": {"kind": "text", "body": "[]"},
    "a text": {"kind": "text", "body": '"hello"'},
    "a deep document": {"kind": "text", "body": "[" * 20_000},
    "cut": {"kind": "half"},
    "reset": {"kind": "reset_before"},
    "a hang": {"kind": "hang"},
}

SOME_FAILURES = ["refused", "server failed", "a web page", "null", "cut", "reset", "a hang"]


def patience(failure: str) -> float:
    return 0.3 if failure == "a hang" else 2.0


def fail(server: Simulator, failure: str, count: int | None = None) -> None:
    server.faults.add(Fault(match="login", count=count, **FAILURES[failure]))


# ---- construction -----------------------------------------------------------------------------


def test_a_wrong_password_raises_nothing_and_is_named(
    serve: Simulate, connect_to: Connect, log: Path
) -> None:
    server = serve()
    before = time.time()
    valt = connect_to(server, password="a-wrong-password")
    assert same(valt.accesstoken, 0)
    assert "password" in valt.errormsg
    assert before - 1 < valt.lastauthtime < time.time() + 1
    assert "a-wrong-password" not in valt.errormsg + log.read_text() + repr(valt)
    assert "password" in log.read_text()
    assert log_ins(server) == 1


def test_a_server_that_is_away_raises_nothing_and_is_named(
    serve: Simulate, connect_to: Connect, log: Path
) -> None:
    server = serve()
    server.away()
    valt = connect_to(server)
    assert same(valt.accesstoken, 0)
    assert str(server.port) in valt.errormsg
    assert "refuses connections" in log.read_text()
    assert time.time() - 5 < valt.lastauthtime < time.time() + 1


@pytest.mark.parametrize("failure", FAILURES)
def test_a_log_in_that_fails_at_construction_raises_nothing(
    serve: Simulate, connect_to: Connect, failure: str
) -> None:
    server = serve()
    fail(server, failure)
    valt = connect_to(server, timeout=patience(failure))
    assert same(valt.accesstoken, 0)
    assert valt.errormsg
    assert "\n" not in valt.errormsg
    assert PASSWORD not in valt.errormsg
    assert valt.isrecording(4) == 2


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        *(("refused", LogInRefused), ("server failed", ServerFailed), ("a web page", BadReply)),
        *(("no token", BadReply), ("reset", NoReply), ("a hang", NoReply)),
    ],
)
def test_a_log_in_that_fails_raises_where_asked(
    serve: Simulate, connect_to: Connect, failure: str, kind: type[Exception]
) -> None:
    server = serve()
    valt = connect_to(server, timeout=patience(failure), raise_errors=True)
    fail(server, failure)
    with pytest.raises(kind):
        valt.auth()
    assert same(valt.accesstoken, 0)
    assert valt.errormsg
    with pytest.raises(kind):  # and nobody is left behind by the construction
        connect_to(server, timeout=patience(failure), raise_errors=True)


def test_a_server_that_is_away_raises_where_asked(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    server.away()
    with pytest.raises(Unreachable):
        connect_to(server, raise_errors=True)


# ---- the wait after a log-in that failed ------------------------------------------------------

CALLS: dict[str, tuple[Callable[[ivs.valt], Any], Any]] = {
    "isrecording": (lambda valt: valt.isrecording(4), 2),
    "ispaused": (lambda valt: valt.ispaused(4), False),
    "startrecording": (lambda valt: valt.startrecording(4, "x"), 0),
    "addmarker": (lambda valt: valt.addmarker(4, "x"), 0),
    "getrooms": (lambda valt: valt.getrooms(), 0),
    "getschedule": (lambda valt: valt.getschedule(4), 0),
    "get_user_by_card_number": (lambda valt: valt.get_user_by_card_number("2580"), 0),
    "creategroup": (lambda valt: valt.creategroup("Trainees", 1, 2), 0),
    "lockroom": (lambda valt: valt.lockroom(4), 0),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_after_a_failed_log_in_calls_answer_an_error_at_once(
    serve: Simulate, connect_to: Connect, failure: str
) -> None:
    server = serve()
    fail(server, failure)
    valt = connect_to(server, timeout=patience(failure))
    reason = valt.errormsg
    server.faults.clear()
    before = asked(server)
    began = time.monotonic()
    for _ in range(2):
        answers = {name: call(valt) for name, (call, _) in CALLS.items()}
        assert {n: a for n, a in answers.items() if not same(a, CALLS[n][1])} == {}
        assert valt.errormsg == reason
    assert time.monotonic() - began < 0.25
    assert asked(server) == before
    assert server.world.recordings == []


def test_after_a_server_was_away_calls_answer_an_error_at_once(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    server.away()
    assert valt.getrooms() == 0  # the link breaks
    assert valt.getrooms() == 0  # the log-in fails
    server.back()
    before = len(server.requests)
    assert valt.getrooms() == 0
    assert valt.errormsg
    assert len(server.requests) == before


def test_the_same_kind_is_raised_during_the_wait(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server, raise_errors=True)
    fail(server, "refused")
    with pytest.raises(LogInRefused):
        valt.auth()
    before = asked(server)
    for _ in range(3):
        with pytest.raises(LogInRefused):
            valt.getrooms()
    assert asked(server) == before


@pytest.mark.parametrize("failure", FAILURES)
def test_auth_tries_at_once_also_during_the_wait(
    serve: Simulate, connect_to: Connect, failure: str
) -> None:
    server = serve()
    fail(server, failure)
    valt = connect_to(server, timeout=patience(failure))
    before = log_ins(server)
    valt.auth()
    # a connection that breaks may be the old one's, so once more is no storm
    assert before + 1 <= log_ins(server) <= before + 2
    server.faults.clear()
    assert valt.auth() is None
    assert valt.errormsg == ""
    assert valt.getroomname(4) == "Interview Room 1"


def test_auth_that_fails_takes_the_token_away(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    fail(server, "refused")
    assert valt.auth() is None
    assert same(valt.accesstoken, 0)
    assert "password" in valt.errormsg
    assert valt.isrecording(4) == 2


@pytest.mark.parametrize("failure", FAILURES)
def test_the_background_logs_in_when_the_wait_is_over(
    serve: Simulate, connect_to: Connect, hold_s: Callable[[float], None], failure: str
) -> None:
    """Also when it fails again and again in between."""
    hold_s(0.03)
    server = serve()
    fail(server, failure, count=3)
    valt = connect_to(server, timeout=0.3)
    assert same(valt.accesstoken, 0)
    wait_until(lambda: isinstance(valt.accesstoken, str))
    assert log_ins(server) >= 4
    assert valt.getroomname(4) == "Interview Room 1"
    assert valt.errormsg == ""


def test_the_background_finds_a_server_that_was_away_at_construction(
    serve: Simulate, connect_to: Connect, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.1)
    server = serve()
    server.away()
    valt = connect_to(server)
    last = valt.lastauthtime
    wait_until(lambda: valt.lastauthtime > last + 0.15)  # it goes on trying
    server.back()
    wait_until(lambda: isinstance(valt.accesstoken, str))
    assert valt.isrecording(4) is False


def test_the_wait_is_as_long_as_it_is_set(
    serve: Simulate, connect_to: Connect, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.5)
    server = serve()
    fail(server, "refused", count=1)
    valt = connect_to(server)
    began = time.monotonic()
    wait_until(lambda: isinstance(valt.accesstoken, str))
    assert 0.4 < time.monotonic() - began < 1.5
    assert log_ins(server) == 2


def test_the_wait_can_be_changed_on_the_instance(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    valt.failure_reauth_time = 0.2
    fail(server, "refused", count=2)
    valt.auth()
    assert same(valt.accesstoken, 0)
    wait_until(lambda: isinstance(valt.accesstoken, str))
    assert log_ins(server) == 4
    assert ivs.valt.failure_reauth_time == 30


@pytest.mark.parametrize("name", ["failure_reauth_time", "success_reauth_time"])
@pytest.mark.parametrize("value", [0, -1, None, "30", math.nan, True])
def test_a_wait_that_is_none_raises_nothing_and_can_be_put_right(
    serve: Simulate, connect_to: Connect, name: str, value: Any
) -> None:
    server = serve()
    valt = connect_to(server)
    fail(server, "refused")
    setattr(valt, name, value)
    valt.auth()
    valt.getrooms()
    time.sleep(0.1)  # in which it could have logged in again and again
    assert log_ins(server) < 10
    server.faults.clear()
    setattr(valt, name, 30)
    valt.auth()
    assert (valt.getroomname(4), valt.errormsg) == ("Interview Room 1", "")


@pytest.mark.parametrize("name", ["failure_reauth_time", "success_reauth_time"])
@pytest.mark.parametrize("value", [math.inf, 1e300, HUGE])
def test_a_wait_may_be_for_ever(
    serve: Simulate, connect_to: Connect, name: str, value: Any
) -> None:
    server = serve()
    valt = connect_to(server)
    setattr(valt, name, value)
    fail(server, "refused")
    valt.auth()
    assert valt.errormsg
    assert valt.getrooms() == 0
    server.faults.clear()
    setattr(valt, name, 30)
    valt.auth()
    assert (valt.getroomname(4), valt.errormsg) == ("Interview Room 1", "")


@pytest.mark.parametrize("timeout", [0, -1, None, "5", True, math.nan, math.inf, 1e300, HUGE])
def test_a_time_out_that_is_none_raises_nothing(
    serve: Simulate, connect_to: Connect, timeout: Any
) -> None:
    """It is an error, or it is as good as for ever."""
    valt = connect_to(serve(), timeout=timeout)
    assert valt.getroomname(4) in (0, "Interview Room 1")
    assert bool(valt.errormsg) == same(valt.accesstoken, 0)


# ---- after an error ---------------------------------------------------------------------------


def test_after_an_error_the_background_logs_in_if_no_call_does(
    serve: Simulate, connect_to: Connect, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.2)
    server = serve()
    valt = connect_to(server)
    server.faults.add(Fault("status", "rooms/", 1, status=500))
    assert valt.getroomstatus(4) == 0
    assert same(valt.accesstoken, 0)
    began = time.monotonic()
    wait_until(lambda: isinstance(valt.accesstoken, str))
    assert time.monotonic() - began > 0.1
    assert asked(server) == ["login", "rooms/4/status", "login"]


def test_after_an_error_the_background_leaves_the_log_in_of_a_call_alone(
    serve: Simulate, connect_to: Connect, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.2)
    server = serve()
    valt = connect_to(server)
    server.faults.add(Fault("status", "rooms/", 1, status=500))
    assert valt.getroomstatus(4) == 0
    assert valt.getroomstatus(4) == 1
    time.sleep(0.4)  # twice the wait: nothing is to happen
    assert log_ins(server) == 2


def test_two_threads_log_in_once(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    server.faults.add(Fault("status", "rooms/", 1, status=500))
    assert valt.getroomstatus(4) == 0
    server.faults.add(Fault("delay", "login", None, seconds=0.2))
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(valt.getroomstatus, [4] * 4)) == [1] * 4
    assert log_ins(server) == 2


def test_an_error_of_one_thread_does_not_take_the_new_token_of_another(
    serve: Simulate, connect_to: Connect
) -> None:
    """A late error of a call that used the old token says nothing of the new one."""
    server = serve()
    valt = connect_to(server)
    server.faults.add(Fault("status", "rooms/4/status", 1, status=500, seconds=0.4))
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(valt.getroomstatus, 4)
        wait_until(lambda: "rooms/4/status" in asked(server))
        valt.auth()
        new = valt.accesstoken
        assert same(late.result(), 0)
    assert valt.accesstoken == new


# ---- renewal ----------------------------------------------------------------------------------


def test_the_log_in_is_renewed_in_the_background(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 0.2)
    server = serve()
    valt = connect_to(server)
    first, at = valt.accesstoken, valt.lastauthtime
    seen = set()

    def three_more() -> bool:
        seen.add(valt.accesstoken)
        return log_ins(server) >= 4

    wait_until(three_more)
    assert valt.lastauthtime > at
    assert valt.accesstoken != first
    assert {type(token) for token in seen} == {str}  # the old one is in use meanwhile
    assert valt.getroomname(4) == "Interview Room 1"


def test_a_renewal_is_not_due_before_its_time(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 0.6)
    server = serve()
    began = time.monotonic()
    connect_to(server)
    wait_until(lambda: log_ins(server) == 2)
    assert 0.5 < time.monotonic() - began < 1.6


def test_calls_go_on_while_the_renewal_is_under_way(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 0.2)
    server = serve()
    valt = connect_to(server)
    server.faults.add(Fault("delay", "login", 1, seconds=0.5))
    wait_until(lambda: log_ins(server) == 2)
    began = time.monotonic()
    assert valt.getroomstatus(4) == 1
    assert time.monotonic() - began < 0.3


@pytest.mark.parametrize("failure", SOME_FAILURES)
def test_a_renewal_that_fails_is_tried_again(
    serve: Simulate,
    connect_to: Connect,
    hold_s: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    failure: str,
) -> None:
    hold_s(0.03)
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 0.1)
    server = serve()
    valt = connect_to(server, timeout=0.3)
    first = valt.accesstoken
    fail(server, failure, count=2)
    wait_until(lambda: log_ins(server) >= 4 and isinstance(valt.accesstoken, str))
    assert valt.accesstoken != first
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 100)
    valt.auth()
    assert valt.getroomname(4) == "Interview Room 1"


def test_a_renewal_that_fails_takes_the_token_away_as_documented(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 0.2)
    server = serve()
    valt = connect_to(server)
    fail(server, "refused")
    wait_until(lambda: log_ins(server) == 2)
    wait_until(lambda: same(valt.accesstoken, 0))
    assert valt.isrecording(4) == 2
    assert log_ins(server) == 2  # now it waits


# ---- an expired token -------------------------------------------------------------------------


@pytest.fixture
def tokens_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every token count as older than the minute in which a 401 is no expiry."""
    monkeypatch.setattr("ivsd.valt.session.FRESH_S", 0.0)


@pytest.mark.usefixtures("tokens_are_old")
@pytest.mark.parametrize("body", ["plain", "no_key", "empty"])
def test_an_expired_token_is_healed_inside_the_call(
    serve: Simulate, connect_to: Connect, body: str
) -> None:
    server = serve("6.5.2", f"unauthorized_body={body}")
    valt = connect_to(server)
    old = valt.accesstoken
    server.api.forget_tokens()
    assert valt.getroomstatus(4) == 1
    assert valt.errormsg == ""
    assert valt.accesstoken not in (0, old)
    assert asked(server) == ["login", "rooms/4/status", "login", "rooms/4/status"]


@pytest.mark.usefixtures("tokens_are_old")
def test_a_start_that_meets_an_expired_token_is_carried_out_once(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    server.api.forget_tokens()
    started = valt.startrecording(4, "Interview")
    assert [recording.id for recording in server.world.recordings] == [started]


@pytest.mark.usefixtures("tokens_are_old")
def test_an_expired_token_and_a_refused_log_in_are_an_error(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    server.api.forget_tokens()
    fail(server, "refused")
    assert valt.isrecording(4) == 2
    assert "password" in valt.errormsg
    assert same(valt.accesstoken, 0)
    assert valt.isrecording(4) == 2
    assert log_ins(server) == 2


def test_a_fresh_token_that_is_not_accepted_is_an_error_and_the_next_call_works(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    server.api.forget_tokens()
    assert valt.isrecording(4) == 2
    assert valt.errormsg
    assert same(valt.accesstoken, 0)
    assert valt.isrecording(4) is False
    assert valt.errormsg == ""
    assert log_ins(server) == 2


def test_a_server_that_restarts_costs_no_more_than_one_call(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    server.away()
    server.api.forget_tokens()
    server.back()
    answers = [valt.isrecording(4) for _ in range(3)]
    assert answers[1:] == [False, False]


# ---- user name and password -------------------------------------------------------------------


def test_a_new_password_counts_from_the_next_log_in_on(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server, password="a-wrong-password")
    assert valt.getrooms() == 0
    valt.password = PASSWORD
    assert valt.password == PASSWORD
    assert valt.getrooms() == 0  # the wait goes on
    assert log_ins(server) == 1
    valt.auth()
    assert valt.getroomname(4) == "Interview Room 1"
    valt.password = "a-wrong-password"
    assert valt.getroomname(4) == "Interview Room 1"
    valt.auth()
    assert same(valt.accesstoken, 0)


def test_a_new_user_name_counts_from_the_next_log_in_on(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    valt.username = "nobody"
    assert valt.username == "nobody"
    assert valt.getroomname(4) == "Interview Room 1"
    valt.auth()
    assert same(valt.accesstoken, 0)
    assert "nobody" in valt.errormsg


def test_the_background_takes_the_new_password(
    serve: Simulate, connect_to: Connect, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.1)
    server = serve()
    valt = connect_to(server, password="a-wrong-password")
    valt.password = PASSWORD
    wait_until(lambda: isinstance(valt.accesstoken, str))


@pytest.mark.parametrize("wrong", ["", None, 5])
def test_a_password_that_is_none_can_be_put_right(
    serve: Simulate, connect_to: Connect, wrong: Any
) -> None:
    """As a settings page does it that had no password yet."""
    valt = connect_to(serve(), password=wrong)
    assert valt.errormsg
    valt.password = PASSWORD
    valt.auth()
    assert valt.errormsg == ""
    assert valt.getroomname(4) == "Interview Room 1"


def test_a_password_that_is_broken_and_put_right_works(
    serve: Simulate, connect_to: Connect
) -> None:
    valt = connect_to(serve())
    broken: Any = None
    valt.password = broken
    valt.auth()
    assert valt.errormsg
    assert same(valt.accesstoken, 0)
    valt.password = PASSWORD
    valt.auth()
    assert (valt.getroomname(4), valt.errormsg) == ("Interview Room 1", "")


@pytest.mark.parametrize("password", ["pä$$wörd ☃", 'with"quote\\', " x ", "x" * 500])
def test_any_password_can_be_the_right_one(
    simulate: Simulate, connect_to: Connect, password: str
) -> None:
    valt = connect_to(simulate(password=password), password=password)
    assert isinstance(valt.accesstoken, str)


@pytest.mark.parametrize("wrong", [None, 5, b"admin", ["admin"]])
def test_a_password_that_is_no_text_raises_nothing_by_default(
    serve: Simulate, connect_to: Connect, wrong: Any
) -> None:
    valt = connect_to(serve(), password=wrong)
    assert valt.errormsg
    assert same(valt.accesstoken, 0)
    assert valt.getrooms() == 0


# ---- the end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("raises", [False, True])
def test_after_close_calls_answer_an_error(
    serve: Simulate, connect_to: Connect, raises: bool
) -> None:
    server = serve()
    valt = connect_to(server, raise_errors=raises)
    valt.close()
    valt.close()
    before = len(server.requests)
    for call, wrong in CALLS.values():
        if raises:
            with pytest.raises(ivs.ValtError):
                call(valt)
        else:
            assert same(call(valt), wrong)
        assert valt.errormsg
    if not raises:
        assert valt.auth() is None
        assert valt.errormsg
    assert len(server.requests) == before


def test_close_ends_the_background(serve: Simulate, log: Path) -> None:
    before = set(threading.enumerate())
    server = serve()
    valt = ivs.valt(server.url, "admin", PASSWORD, logpath=log)
    mine = [t for t in threading.enumerate() if t not in before and "simul" not in t.name]
    assert len(mine) <= 1
    valt.close()
    for thread in mine:
        thread.join(1)
        assert not thread.is_alive()


def test_close_ends_the_waiting_for_a_failed_log_in(
    serve: Simulate, log: Path, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.2)
    server = serve()
    valt = ivs.valt(server.url, "admin", "a-wrong-password", logpath=log)
    valt.close()
    before = log_ins(server)
    time.sleep(0.4)  # twice the wait: nothing is to happen
    assert log_ins(server) == before


def test_close_during_a_log_in_of_the_background_ends_in_time(
    serve: Simulate, log: Path, hold_s: Callable[[float], None]
) -> None:
    hold_s(0.05)
    server = serve()
    fail(server, "refused", count=1)
    server.faults.add(Fault("hang", "login", None))
    valt = ivs.valt(server.url, "admin", PASSWORD, timeout=0.6, logpath=log)
    wait_until(lambda: log_ins(server) == 2)
    began = time.monotonic()
    valt.close()
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("logged_in", [True, False])
def test_an_instance_that_is_dropped_is_collected_and_its_thread_ends(
    serve: Simulate, log: Path, logged_in: bool
) -> None:
    server = serve()
    before = set(threading.enumerate())
    valt = ivs.valt(server.url, "admin", PASSWORD if logged_in else "wrong-one", logpath=log)
    assert isinstance(valt.accesstoken, str) == logged_in
    valt.getrooms()
    mine = [t for t in threading.enumerate() if t not in before and "simul" not in t.name]
    gone = weakref.ref(valt)
    del valt
    gc.collect()
    assert gone() is None
    for thread in mine:
        thread.join(2)
    assert [thread.name for thread in mine if thread.is_alive()] == []


def test_dropping_an_instance_needs_no_collector(serve: Simulate, log: Path) -> None:
    server = serve()
    gc.disable()
    try:
        valt = ivs.valt(server.url, "admin", PASSWORD, logpath=log)
        gone = weakref.ref(valt)
        del valt
        wait_until(lambda: gone() is None, within_s=1.0)
    finally:
        gc.enable()


def test_an_instance_that_is_dropped_during_a_log_in_is_collected_at_once(
    serve: Simulate, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivs.valt, "success_reauth_time", 0.05)
    server = serve()
    valt = ivs.valt(server.url, "admin", PASSWORD, timeout=1.0, logpath=log)
    server.faults.add(Fault("hang", "login", None))
    before = log_ins(server)
    wait_until(lambda: log_ins(server) > before)
    gone = weakref.ref(valt)
    del valt
    wait_until(lambda: gone() is None, within_s=0.5)


def test_a_call_that_is_under_way_at_close_answers_an_error(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server, timeout=0.6)
    server.faults.add(Fault("hang", "rooms/", None))

    def call() -> tuple[Any, str]:
        return valt.isrecording(4), valt.errormsg

    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(call)
        wait_until(lambda: len(server.requests) == 2)
        valt.close()
        answer, said = late.result(2)
    assert same(answer, 2)
    assert said


def test_an_interrupted_call_leaves_a_working_instance(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt = connect_to(serve())

    def interrupted(*args: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HttpTransport, "request", interrupted)
        for call in (valt.getrooms, valt.auth):
            with pytest.raises(KeyboardInterrupt):
                call()
    assert valt.getroomname(4) == "Interview Room 1"


def test_a_defect_met_in_the_background_does_not_end_it(
    serve: Simulate,
    connect_to: Connect,
    hold_s: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold_s(0.05)
    server = serve()
    valt = connect_to(server)
    fail(server, "refused", count=1)
    valt.auth()
    right = HttpTransport.request
    hits: list[int] = []

    def wrong(*args: Any, **more: Any) -> Any:
        if len(hits) < 3 and threading.current_thread() is not threading.main_thread():
            hits.append(1)
            raise RuntimeError("out of the blue")
        return right(*args, **more)

    monkeypatch.setattr(HttpTransport, "request", wrong)
    wait_until(lambda: isinstance(valt.accesstoken, str))
    assert len(hits) == 3


def run(tmp_path: Path, script: str, then: Callable[[], object] | None = None) -> tuple[float, str]:
    """Run a script as a process of its own; by how much it outlived its last line, and its word.

    The script's last line is `print(time.time())`. It may wait with `input()` for `then`, which
    is done after its first line of output.
    """
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(script))
    with subprocess.Popen(
        [sys.executable, "-u", file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout
        first = ""
        if then:
            first = process.stdout.readline()
            then()
        rest, problems = process.communicate("go\n", timeout=20)
    ended = time.time()
    assert process.returncode == 0, problems
    *said, last = (first + rest).split()
    return ended - float(last), " ".join(said) + problems


@pytest.mark.parametrize("situation", ["logged in", "refused", "away", "black hole"])
def test_a_script_ends_by_itself(serve: Simulate, tmp_path: Path, situation: str) -> None:
    server = serve()
    if situation == "refused":
        fail(server, "refused")
    if situation == "away":
        server.away()
    if situation == "black hole":
        server.black_hole()
    outlived_s, said = run(
        tmp_path,
        f"""
        import time
        from ivsd import ivs

        ivs.valt.failure_reauth_time = 0.1
        valt = ivs.valt({server.url!r}, "admin", {PASSWORD!r}, timeout=0.5)
        print(valt.getroomstatus(4))
        time.sleep(0.2)  # now the background is at it
        print(time.time())
        """,
    )
    assert said == ("1" if situation == "logged in" else "0")
    assert outlived_s < 2


def test_a_script_ends_by_itself_while_the_background_hangs(
    serve: Simulate, tmp_path: Path
) -> None:
    server = serve()
    outlived_s, said = run(
        tmp_path,
        f"""
        import time
        from ivsd import ivs

        ivs.valt.success_reauth_time = 0.2
        valt = ivs.valt({server.url!r}, "admin", {PASSWORD!r}, timeout=15)
        print(valt.getroomstatus(4))
        input()
        time.sleep(0.5)
        print(time.time())
        """,
        then=server.black_hole,
    )
    assert said == "1"
    assert outlived_s < 2


def test_a_script_that_ends_with_an_instance_in_a_cycle_ends_quietly(
    serve: Simulate, tmp_path: Path
) -> None:
    server = serve()
    outlived_s, said = run(
        tmp_path,
        f"""
        import time
        from ivsd import ivs

        class Panel:
            def __init__(self):
                self.me = self
                self.valt = ivs.valt({server.url!r}, "admin", {PASSWORD!r}, logpath=False)

        panels = [Panel(), Panel()]
        print([panel.valt.isrecording(4) for panel in panels])
        print(time.time())
        """,
    )
    assert said == "[False, False]"
    assert outlived_s < 2


# ---- the log ----------------------------------------------------------------------------------


def test_a_success_writes_nothing_to_the_log(
    serve: Simulate, connect_to: Connect, log: Path
) -> None:
    valt = connect_to(serve())
    assert valt.startrecording(4, "Interview") != 0
    assert valt.getrooms()
    assert not log.exists() or log.read_text() == ""


def test_the_log_can_be_switched_off(
    serve: Simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "script.py")])
    server = serve()
    server.away()
    with ivs.valt(server.url, "admin", PASSWORD, logpath=False) as valt:
        assert valt.getrooms() == 0
        assert valt.errormsg
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_the_class_lies_beside_the_script_by_default(
    serve: Simulate, tmp_path: Path
) -> None:
    server = serve()
    fail(server, "refused")
    run(
        tmp_path,
        f"""
        import time
        from ivsd import ivs

        valt = ivs.valt({server.url!r}, "admin", {PASSWORD!r})
        print(time.time())
        """,
    )
    written = (tmp_path / "ivs.log").read_text()
    assert "password" in written
    assert PASSWORD not in written


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/ivs.log", "{}"])
def test_a_log_that_cannot_be_written_stops_nothing(
    serve: Simulate, connect_to: Connect, tmp_path: Path, path: str
) -> None:
    server = serve()
    valt = connect_to(server, logpath=path.format(tmp_path))
    assert valt.stoprecording(4) == 0
    server.faults.add(Fault("status", "rooms/", 1, status=500))
    assert valt.getroomstatus(4) == 0
    assert valt.getroomstatus(4) == 1


def test_a_failing_server_does_not_flood_the_log(
    serve: Simulate, connect_to: Connect, log: Path, hold_s: Callable[[float], None]
) -> None:
    """Each attempt of the background is one line at most."""
    hold_s(0.05)
    server = serve()
    fail(server, "refused")
    connect_to(server).getrooms()
    wait_until(lambda: log_ins(server) >= 5)
    lines = log.read_text().splitlines()
    assert len(lines) <= log_ins(server) + 2


def test_the_body_of_the_log_in_is_as_documented(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    seen = []
    answer = server.api.answer

    def watched(method: str, target: str, body: bytes = b"") -> Any:
        seen.append((method, target, json.loads(body)))
        return answer(method, target, body)

    monkeypatch.setattr(server.api, "answer", watched)
    connect_to(server)
    assert seen == [("POST", "/api/v3/login", {"username": "admin", "password": PASSWORD})]

"""Who logs in, when, and what a 401 means: the session against a server, with a clock in hand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from ivsd.valt.client import Client
from ivsd.valt.errors import (
    LogInRefused,
    NotAllowed,
    NotSentInTime,
    Unauthorized,
    Unreachable,
    ValtError,
)
from ivsd.valt.model import RoomState, RoomStatus, Secret, Version
from ivsd.valt.session import FRESH_S, VERSION_RETRY_S, Session
from ivsd.valt.simulator import Fault, Simulator
from ivsd.valt.sockets import exchange_deadline
from ivsd.valt.transport import HttpTransport

DAY_S = 86_400.0
REFUSAL = '{"data":"Invalid username or password"}'

Simulate = Callable[..., Simulator]
Connect = Callable[..., HttpTransport]


class Clock:
    """Time that passes only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Watched(Client):
    """A client that remembers every token it was given."""

    tokens: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "token":
            self.tokens += (value,)


class Bench:
    """A simulator, a session with it, and the clock of both."""

    def __init__(self, simulate: Simulate, connect: Connect) -> None:
        self._simulate, self._connect = simulate, connect
        self.clock = Clock()

    def open(self, *quirks: str, password: str = "admin", timeout_s: float = 2.0) -> Session:
        self.valt = self._simulate("6.5.2", *quirks, clock=self.clock)
        self.client = Watched(self._connect(self.valt.url, timeout_s=timeout_s))
        self.session = Session(self.client, "admin", Secret(password), clock=self.clock)
        return self.session

    def poll(self) -> RoomStatus:
        """Do as the watcher does at each turn."""
        status = self.session.call(lambda client: client.room_status(4))
        self.session.read_version_if_due()
        return status

    def log_ins(self) -> int:
        return self.asked().count("login")

    def asked(self) -> list[str]:
        return [entry.path.removeprefix("/api/v3/") for entry in self.valt.requests]

    def fail(self, kind: str, match: str, count: int | None = None, **more: Any) -> None:
        self.valt.faults.add(Fault(kind, match, count, **more))

    def refuse_log_ins(self, count: int | None = None) -> None:
        self.fail("status", "login", count, status=401, body=REFUSAL)


@pytest.fixture
def bench(simulate: Simulate, connect: Connect) -> Bench:
    return Bench(simulate, connect)


def short_if(fault: str) -> float:
    """Give the time-out that suits a fault: short only where it is waited for."""
    return 0.3 if fault == "hang" else 2.0


def together(*calls: Callable[[], object]) -> list[Future[object]]:
    """Run the calls in threads of their own and wait until all have ended."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [threads.submit(call) for call in calls]


# ---- the first log-in -------------------------------------------------------------------------


def test_the_first_call_logs_in_and_reads_the_version_once(bench: Bench) -> None:
    session = bench.open()
    for _ in range(3):
        assert bench.poll().state is RoomState.AVAILABLE
    again = ["rooms/4/status"] * 2
    assert bench.asked() == ["login", "rooms/4/status", "admin/general", *again]
    assert session.version == Version("6.5.2", 6, 5)


def test_two_threads_log_in_once(bench: Bench) -> None:
    bench.open()
    bench.fail("delay", "login", 1, seconds=0.1)
    ends = together(bench.poll, bench.poll)
    assert [end.exception() for end in ends] == [None, None]
    assert bench.log_ins() == 1


def test_a_version_that_may_not_be_read_is_unknown_and_stops_nobody(bench: Bench) -> None:
    session = bench.open("version_as=forbidden")
    assert bench.poll().state is RoomState.AVAILABLE
    assert session.version == Version()


@pytest.mark.parametrize("kind", ["status", "html", "empty", "null_data", "reset_before", "hang"])
def test_a_version_that_cannot_be_read_is_unknown_and_stops_nobody(bench: Bench, kind: str) -> None:
    session = bench.open(timeout_s=short_if(kind))
    bench.fail(kind, "admin/general")
    assert bench.poll().state is RoomState.AVAILABLE
    assert session.version == Version()


def test_the_version_is_read_anew_at_each_log_in(bench: Bench) -> None:
    session = bench.open()
    bench.poll()
    bench.valt.world.version = "6.6.0"
    bench.poll()
    assert session.version == Version("6.5.2", 6, 5)
    bench.clock.now += DAY_S
    session.renew_if_due()
    assert session.version == Version("6.5.2", 6, 5)  # better than none for the moment
    bench.poll()
    assert session.version == Version("6.6.0", 6, 6)


def test_a_version_that_could_not_be_read_is_tried_again_later(
    bench: Bench,
) -> None:
    session = bench.open()
    bench.fail("reset_before", "admin/general", 2)  # the client repeats a read once by itself
    bench.poll()
    bench.poll()
    assert session.version == Version()
    bench.clock.now += VERSION_RETRY_S
    bench.poll()
    assert session.version == Version("6.5.2", 6, 5)


# ---- a refused log-in -------------------------------------------------------------------------


def test_a_refused_log_in_is_not_tried_again_for_thirty_seconds(bench: Bench) -> None:
    session = bench.open()
    bench.refuse_log_ins(1)
    with pytest.raises(LogInRefused, match="check the password"):
        bench.poll()
    for after_s in (0.0, 10.0, 19.9):
        bench.clock.now += after_s
        with pytest.raises(LogInRefused, match="check the password"):
            bench.poll()
    assert bench.asked() == ["login"]
    assert session.next_attempt_in() == pytest.approx(0.1)
    bench.clock.now += 0.2
    assert session.next_attempt_in() == 0
    assert bench.poll().state is RoomState.AVAILABLE
    assert bench.log_ins() == 2


def test_a_log_in_that_is_refused_again_waits_again(bench: Bench) -> None:
    bench.open(password="wrong")
    for expected in (1, 2, 3):
        for _ in range(4):
            with pytest.raises(LogInRefused):
                bench.poll()
        assert bench.log_ins() == expected
        bench.clock.now += 30.1


def test_many_presses_during_the_wait_send_nothing(bench: Bench) -> None:
    bench.open(password="wrong")
    ends = together(*[bench.poll] * 8)
    assert {type(end.exception()) for end in ends} == {LogInRefused}
    assert bench.asked() == ["login"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, '{"error":{"code":403,"message":"The account is locked"}}'),
        (400, '{"data":{"message":"The account is locked"},"code":400}'),
        (200, '{"data":"The account is locked","code":401}'),
        (200, '{"data":{"message":"The account is locked","status":false}}'),
    ],
)
def test_a_log_in_refused_in_another_form_waits_as_well(
    bench: Bench, status: int, body: str
) -> None:
    bench.open()
    bench.fail("status", "login", None, status=status, body=body)
    for _ in range(3):
        with pytest.raises(LogInRefused):
            bench.poll()
    assert bench.log_ins() == 1


def test_the_password_is_in_no_error(bench: Bench) -> None:
    bench.open(password="hunter2hunter2")
    for _ in range(2):
        with pytest.raises(LogInRefused) as error:
            bench.poll()
        assert "hunter" not in repr(error.value)
        assert "'admin'" in str(error.value)


def test_a_server_that_cannot_be_reached_is_tried_again_at_once(bench: Bench) -> None:
    session = bench.open()
    bench.valt.away()
    with pytest.raises(Unreachable):
        bench.poll()
    assert session.next_attempt_in() == 0
    bench.valt.back()
    assert bench.poll().state is RoomState.AVAILABLE


@pytest.mark.parametrize("kind", ["status", "html", "empty", "reset_after", "half", "hang"])
def test_a_log_in_that_failed_otherwise_is_tried_again_at_once(bench: Bench, kind: str) -> None:
    session = bench.open(timeout_s=short_if(kind))
    # A log-in whose connection broke is repeated once: that is harmless.
    bench.fail(kind, "login", 2 if kind in ("reset_after", "half") else 1)
    with pytest.raises(ValtError) as error:
        bench.poll()
    assert not isinstance(error.value, LogInRefused)
    assert session.next_attempt_in() == 0
    assert bench.poll().state is RoomState.AVAILABLE


# ---- the daily renewal ------------------------------------------------------------------------


def test_a_log_in_is_renewed_after_a_day_and_not_before(bench: Bench) -> None:
    session = bench.open()
    session.renew_if_due()
    assert bench.asked() == []  # nothing to renew yet
    bench.poll()
    bench.clock.now += DAY_S - 1
    session.renew_if_due()
    assert bench.log_ins() == 1
    bench.clock.now += 2
    session.renew_if_due()
    assert bench.log_ins() == 2
    session.renew_if_due()
    assert bench.log_ins() == 2
    bench.clock.now += DAY_S + 1
    session.renew_if_due()
    assert bench.log_ins() == 3


def test_the_old_token_is_in_use_while_the_renewal_is_under_way(bench: Bench) -> None:
    session = bench.open()
    bench.poll()
    old = bench.client.token
    bench.clock.now += DAY_S + 1
    bench.fail("delay", "login", 1, seconds=0.3)
    with ThreadPoolExecutor(1) as watcher:
        renewal = watcher.submit(session.renew_if_due)
        wait_until(lambda: bench.log_ins() == 2)
        began = time.monotonic()
        assert bench.poll().state is RoomState.AVAILABLE
        assert time.monotonic() - began < 0.15
        assert bench.client.token == old
        assert renewal.exception(2) is None
    assert bench.client.token not in ("", old)
    assert bench.log_ins() == 2


RENEWAL_FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"kind": "status", "status": 401, "body": REFUSAL},
    "server failed": {"kind": "status", "status": 503},
    "a web page": {"kind": "html"},
    "reset": {"kind": "reset_before"},
    "hang": {"kind": "hang"},
}


@pytest.mark.parametrize("fault", RENEWAL_FAULTS)
def test_a_failing_renewal_keeps_the_old_token_and_is_tried_again_later(
    bench: Bench, fault: str
) -> None:
    session = bench.open(timeout_s=short_if(fault))
    bench.poll()
    old = bench.client.token
    bench.clock.now += DAY_S + 1
    bench.fail(match="login", **RENEWAL_FAULTS[fault])
    with pytest.raises(ValtError):
        session.renew_if_due()
    assert bench.client.token == old
    bench.valt.faults.clear()
    asked = bench.log_ins()
    bench.clock.now += 29
    session.renew_if_due()
    assert bench.poll().state is RoomState.AVAILABLE
    assert bench.log_ins() == asked
    bench.clock.now += 2
    session.renew_if_due()
    assert bench.log_ins() == asked + 1
    assert bench.client.token != old


def test_a_refused_renewal_does_not_take_the_old_token_away_even_for_a_moment(
    bench: Bench,
) -> None:
    session = bench.open()
    bench.poll()
    assert bench.client.tokens[0] == ""  # the watching works
    bench.client.tokens = ()
    bench.clock.now += DAY_S + 1
    bench.refuse_log_ins()
    with pytest.raises(LogInRefused):
        session.renew_if_due()
    assert "" not in bench.client.tokens  # or a press of that moment would meet no token


def test_an_expired_token_after_a_refused_renewal_waits_for_the_thirty_seconds(
    bench: Bench,
) -> None:
    session = bench.open()
    bench.poll()
    bench.clock.now += DAY_S + 1
    bench.refuse_log_ins()
    with pytest.raises(LogInRefused):
        session.renew_if_due()
    bench.valt.api.forget_tokens()
    for _ in range(3):
        with pytest.raises(LogInRefused):
            bench.poll()
    assert bench.log_ins() == 2


# ---- 401 --------------------------------------------------------------------------------------


def test_a_401_logs_in_once_and_repeats_the_request_once(bench: Bench) -> None:
    bench.open()
    bench.poll()
    bench.clock.now += FRESH_S + 1
    bench.valt.api.forget_tokens()
    assert bench.poll().state is RoomState.AVAILABLE
    again = ["rooms/4/status", "login", "rooms/4/status", "admin/general"]
    assert bench.asked()[3:] == again


def test_a_start_that_met_a_401_is_carried_out_exactly_once(bench: Bench) -> None:
    session = bench.open()
    bench.poll()
    bench.clock.now += FRESH_S + 1
    bench.valt.api.forget_tokens()
    started = session.call(lambda client: client.start(4, "Interview"))
    assert [recording.id for recording in bench.valt.world.recordings] == [started]
    assert bench.asked().count("rooms/4/record/start") == 2


def test_a_token_that_has_expired_at_the_server_is_met_by_a_request(bench: Bench) -> None:
    bench.open("token_lifetime_s=3600")
    for hour in range(1, 5):
        assert bench.poll().state is RoomState.AVAILABLE
        assert bench.log_ins() == hour
        bench.clock.now += 3601


@pytest.mark.parametrize("body", ["plain", "no_key", "empty"])
def test_a_401_counts_whatever_its_body(bench: Bench, body: str) -> None:
    bench.open(f"unauthorized_body={body}")
    bench.poll()
    bench.clock.now += FRESH_S + 1
    bench.valt.api.forget_tokens()
    assert bench.poll().state is RoomState.AVAILABLE
    assert bench.log_ins() == 2


def test_a_401_with_a_fresh_token_is_a_missing_right_and_no_reason_to_log_in(bench: Bench) -> None:
    bench.open()
    bench.fail("status", "rooms/4/status", None, status=401)
    for _ in range(5):
        with pytest.raises(NotAllowed, match="missing right"):
            bench.poll()
        bench.clock.now += FRESH_S / 6
    assert bench.log_ins() == 1
    assert bench.asked().count("rooms/4/status") == 5


def test_a_lasting_401_causes_at_most_one_log_in_a_minute(bench: Bench) -> None:
    bench.open()
    bench.fail("status", "rooms/4/status", None, status=401)
    for _ in range(300):
        with pytest.raises(NotAllowed):
            bench.poll()
        bench.clock.now += 1
    assert 1 < bench.log_ins() <= 6


def test_a_missing_right_of_one_request_leaves_the_others_alone(bench: Bench) -> None:
    session = bench.open()
    bench.fail("status", "record/start", None, status=401)
    with pytest.raises(NotAllowed):
        session.call(lambda client: client.start(4, "x"))
    assert bench.poll().state is RoomState.AVAILABLE
    assert bench.log_ins() == 1


def meeting(bench: Bench) -> Callable[[], RoomStatus]:
    """Make a poll whose first 401 waits until the other thread's has come, too."""
    both = threading.Barrier(2, timeout=2)

    def poll() -> RoomStatus:
        times = []

        def request(client: Client) -> RoomStatus:
            times.append(1)
            try:
                return client.room_status(4)
            except Unauthorized:
                if len(times) == 1:
                    both.wait()
                raise

        return bench.session.call(request)

    return poll


def test_two_threads_that_meet_a_401_at_once_log_in_once(bench: Bench) -> None:
    bench.open()
    bench.poll()
    bench.clock.now += FRESH_S + 1
    bench.valt.api.forget_tokens()
    poll = meeting(bench)
    ends = together(poll, poll)
    assert [end.exception() for end in ends] == [None, None]
    assert bench.log_ins() == 2
    assert bench.asked()[3:].count("rooms/4/status") == 4


def test_two_threads_that_meet_a_401_at_once_are_both_told_of_the_refused_log_in(
    bench: Bench,
) -> None:
    bench.open()
    bench.poll()
    bench.clock.now += FRESH_S + 1
    bench.valt.api.forget_tokens()
    bench.refuse_log_ins()
    poll = meeting(bench)
    ends = together(poll, poll)
    assert [type(end.exception()) for end in ends] == [LogInRefused, LogInRefused]
    assert bench.log_ins() == 2
    assert bench.asked()[3:].count("rooms/4/status") == 2  # nothing goes out without a token


# ---- what leaves the token alone --------------------------------------------------------------

KEEPING: dict[str, dict[str, Any]] = {
    **{str(code): {"kind": "status", "status": code} for code in (400, 403, 404, 500, 502, 503)},
    **{kind: {"kind": kind} for kind in ("html", "empty", "not_json", "null_data", "hang")},
    **{kind: {"kind": kind} for kind in ("reset_before", "reset_inside", "reset_after", "half")},
    "refused in the body": {
        "kind": "text",
        "body": json.dumps({"data": {"message": "no", "status": False}}),
    },
}


@pytest.mark.parametrize("failure", KEEPING)
def test_the_token_survives(bench: Bench, failure: str) -> None:
    session = bench.open(timeout_s=short_if(failure))
    bench.poll()
    token = bench.client.token
    for match in ("rooms/4/status", "record/start"):
        bench.fail(match=match, **KEEPING[failure])
    bench.clock.now += FRESH_S + 1
    with pytest.raises(ValtError):
        bench.poll()
    with pytest.raises(ValtError):
        session.call(lambda client: client.start(4, "x"))
    bench.valt.faults.clear()
    assert bench.poll().state is not RoomState.UNKNOWN
    assert bench.client.token == token
    assert bench.log_ins() == 1


def test_the_token_survives_the_server_going_away(bench: Bench) -> None:
    bench.open()
    bench.poll()
    bench.valt.away()
    for _ in range(3):
        with pytest.raises(Unreachable):
            bench.poll()
    bench.valt.back()
    bench.poll()
    assert bench.log_ins() == 1


def wait_until(condition: Callable[[], bool], within_s: float = 2.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_version_that_is_refused_by_a_401_causes_no_log_in(bench: Bench) -> None:
    """Some servers may answer a missing right so: asking again and again would be a storm."""
    session = bench.open("version_as=forbidden", "missing_right_status=401")
    for _ in range(20):
        bench.poll()
        bench.clock.now += VERSION_RETRY_S
    assert bench.log_ins() == 1
    assert bench.asked().count("admin/general") == 1
    assert session.version == Version()


# ---- what a script asks for -------------------------------------------------------------------


def test_a_log_in_that_is_asked_for_is_tried_at_once(bench: Bench) -> None:
    session = bench.open()
    bench.refuse_log_ins(1)
    with pytest.raises(LogInRefused):
        bench.poll()
    session.log_in()
    assert bench.log_ins() == 2
    assert bench.poll().state is RoomState.AVAILABLE
    session.log_in()
    assert bench.log_ins() == 3


def test_a_log_in_that_is_asked_for_and_refused_takes_the_token_away(bench: Bench) -> None:
    session = bench.open()
    bench.poll()
    bench.refuse_log_ins(1)
    with pytest.raises(LogInRefused):
        session.log_in()
    assert session.token == ""


@pytest.mark.parametrize("fault", RENEWAL_FAULTS)
def test_whoever_wants_to_wait_after_any_failure_waits(bench: Bench, fault: str) -> None:
    bench.open(timeout_s=short_if(fault))
    session = Session(
        bench.client, "admin", Secret("admin"), hold_after=ValtError, clock=bench.clock
    )
    settings = RENEWAL_FAULTS[fault]
    bench.fail(match="login", count=2 if fault == "reset" else 1, **settings)
    kinds = []
    for _ in range(3):
        with pytest.raises(ValtError) as error:
            session.call(lambda client: client.rooms())
        kinds.append((type(error.value), str(error.value)))
    assert len(set(kinds)) == 1
    assert bench.log_ins() == (2 if fault == "reset" else 1)
    bench.clock.now += 30.1
    assert len(session.call(lambda client: client.rooms())) == 3


def test_the_next_call_after_a_forgotten_token_logs_in(bench: Bench) -> None:
    session = bench.open()
    bench.poll()
    session.forget(session.token)
    assert session.token == ""
    assert bench.poll().state is RoomState.AVAILABLE
    assert bench.log_ins() == 2


def test_a_token_that_was_replaced_is_not_forgotten(bench: Bench) -> None:
    session = bench.open()
    bench.poll()
    old = session.token
    session.log_in()
    new = session.token
    session.forget(old)
    session.forget("")
    assert session.token == new != old


def test_a_log_in_is_due_after_success_failure_and_forgetting(bench: Bench) -> None:
    session = bench.open()
    assert session.log_in_due_in() == 0
    bench.poll()
    assert session.log_in_due_in() == DAY_S
    bench.clock.now += 100
    assert session.log_in_due_in() == DAY_S - 100
    session.forget(session.token)
    assert session.log_in_due_in() == 30
    bench.clock.now += 10
    session.forget("")  # which is no token: the time runs on
    assert session.log_in_due_in() == 20
    bench.refuse_log_ins(1)
    with pytest.raises(LogInRefused):
        bench.poll()
    assert session.log_in_due_in() == 30
    session.failure_reauth_s = 5
    assert session.log_in_due_in() == 5
    bench.clock.now += 6
    assert session.log_in_due_in() == 0


def test_user_and_password_may_be_changed(bench: Bench) -> None:
    session = bench.open(password="wrong")
    with pytest.raises(LogInRefused):
        bench.poll()
    session.password = Secret("admin")
    session.log_in()
    session.username = "nobody"
    with pytest.raises(LogInRefused, match="nobody"):
        session.log_in()


def test_a_failed_log_in_keeps_no_caller_alive(bench: Bench) -> None:
    """Its traceback would hold the frames, and with them whatever the callers had in hand."""
    session = bench.open(password="wrong")
    with pytest.raises(LogInRefused):
        bench.poll()
    assert session.failure is not None
    assert session.failure.__traceback__ is None


def test_waiting_for_another_threads_log_in_ends_at_the_callers_deadline(bench: Bench) -> None:
    session = bench.open()
    bench.fail("delay", "login", 1, seconds=1.0)
    with ThreadPoolExecutor(1) as other:
        other.submit(session.log_in)
        wait_until(lambda: bench.log_ins() == 1)
        began = time.monotonic()
        with exchange_deadline(0.2), pytest.raises(NotSentInTime):
            bench.poll()
        assert time.monotonic() - began < 0.5
    assert session.failure is None
    assert session.token != ""

"""Each function of the `ivs` module with each fault: its answer, its words, its token, its time."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from ivsd import ivs
from ivsd.valt.errors import (
    BadReply,
    ClockWrong,
    NoReply,
    NotAllowed,
    NotFound,
    Refused,
    ServerFailed,
    TlsUntrusted,
    Unauthorized,
    Unreachable,
)
from ivsd.valt.simulator import Fault, Simulator, World

PASSWORD = "open-sesame-4711"
CARD = "0004711001"
TIMEOUT_S = 1.0
SLACK_S = 0.9  # a busy machine is late by half a second; a time-out that counts twice, by one
OUTLAST_S = 2.0  # the time-out where all functions wait, and end, at once
SHARED_S = 2.0  # the time-out that several requests share; one more of its own would show
LOST_START_S = 0.3  # the time-out where a start is looked for in vain until it is over

Simulate = Callable[..., Simulator]
Connect = Callable[..., ivs.valt]
Kind = type[Exception] | tuple[type[Exception], ...]


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
    """Make instances: `connect_to(server, timeout=..., raise_errors=...)`."""
    with ExitStack() as opened:

        def new(server: Simulator, **more: Any) -> ivs.valt:
            more = {"logpath": log, "timeout": TIMEOUT_S, **more}
            return opened.enter_context(ivs.valt(server.url, "admin", PASSWORD, **more))

        yield new


def asked(server: Simulator) -> list[str]:
    return [entry.path.removeprefix("/api/v3/") for entry in server.requests]


def same(answer: object, expected: object) -> bool:
    """Whether it is the same answer, with 0 and False told apart."""
    return type(answer) is type(expected) and answer == expected


def brief(answer: Any) -> Any:
    """The answer, with the ids alone of a list of dictionaries."""
    if isinstance(answer, list) and all(isinstance(item, dict) for item in answer):
        return [item["id"] for item in answer]
    return answer


def bring(world: World, state: str) -> None:
    """Let somebody at the VALT page bring room 4 into this state, whatever its state is."""
    if world.active(4):
        world.stop(4)
    if world.view(4, lag=False).status == "locked":
        world.unlock(4)
    if state == "locked":
        world.lock(4)
    if state in ("recording", "paused"):
        world.start(4, "Interview")
    if state == "paused":
        world.pause(4)


def latest(world: World) -> Any:
    return world.recordings[-1].id


# ---- the functions ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """A call, what it answers on an error and what in a room of the state that suits it."""

    call: Callable[[ivs.valt], Any]
    wrong: Any
    right: Callable[[World], Any]
    state: str = "available"
    match: str = ""  # the request that a fault is for; empty: all of them
    version: str = "6.5.2"


def marker(valt: ivs.valt) -> Any:
    return valt.addmarker(4, "Note")


FUNCTIONS = {
    "isrecording": Function(lambda valt: valt.isrecording(4), 2, lambda _: True, "recording"),
    "getrecordingid": Function(lambda valt: valt.getrecordingid(4), 0, latest, "recording"),
    "startrecording": Function(lambda valt: valt.startrecording(4, "x"), 0, latest),
    "stoprecording": Function(lambda valt: valt.stoprecording(4), 0, latest, "recording"),
    "pauserecording": Function(lambda valt: valt.pauserecording(4), 0, latest, "recording"),
    "resumerecording": Function(lambda valt: valt.resumerecording(4), 0, latest, "paused"),
    "addmarker": Function(marker, 0, lambda _: 1, "recording"),
    "addmarker, its marker": Function(marker, 0, lambda _: 1, "recording", "POST /api/v3/comment"),
    "addmarker, VALT 5": Function(marker, 0, lambda _: 1, "recording", version="5.9.0"),
    "addmarker, its marker, VALT 5": Function(
        marker, 0, lambda _: 1, "recording", "record/markers", "5.9.0"
    ),
    "getrecordingtime": Function(lambda valt: valt.getrecordingtime(4), 0, lambda _: 0, "paused"),
    "ispaused": Function(lambda valt: valt.ispaused(4), False, lambda _: True, "paused"),
    "islocked": Function(lambda valt: valt.islocked(4), False, lambda _: True, "locked"),
    "getcameras": Function(lambda valt: valt.getcameras(4), 0, lambda _: [61, 62]),
    "getrooms": Function(lambda valt: valt.getrooms(), 0, lambda _: [4, 7, 9]),
    "getschedule": Function(
        lambda valt: valt.getschedule(9),
        0,
        lambda world: [[int(world.born) + 3600, int(world.born) + 7200, "Monday seminar"]],
    ),
    "getroomname": Function(lambda valt: valt.getroomname(4), 0, lambda _: "Interview Room 1"),
    "getusername": Function(lambda valt: valt.getusername(12), 0, lambda _: "alice"),
    "getroomstatus": Function(lambda valt: valt.getroomstatus(4), 0, lambda _: 4, "locked"),
    "creategroup": Function(
        lambda valt: valt.creategroup("Trainees", 30, 71),
        0,
        lambda world: max(group.id for group in world.groups.all()),
    ),
    "lockroom": Function(lambda valt: valt.lockroom(4), 0, lambda _: 4),
    "unlockroom": Function(lambda valt: valt.unlockroom(4), 0, lambda _: 4, "locked"),
    "getusers": Function(lambda valt: valt.getusers(), 0, lambda _: [12, 13, 14, 3]),
    "get_user_by_card_number": Function(
        lambda valt: valt.get_user_by_card_number(CARD), 0, lambda _: 12
    ),
}
START = "startrecording"


class Bench:
    """A server, an instance that has logged in and read the version, and one function."""

    def __init__(self, serve: Simulate, connect_to: Connect, name: str, **more: Any) -> None:
        self.row = FUNCTIONS[name]
        self.server = serve(self.row.version, "duplicate_group_name=accepted")
        self.world = self.server.world
        self.valt = connect_to(self.server, **more)
        assert self.valt.get_user_by_card_number(CARD) == 12
        bring(self.world, self.row.state)
        self.token = self.valt.accesstoken
        assert isinstance(self.token, str)

    def call(self) -> Any:
        return self.row.call(self.valt)

    def leaks(self) -> list[str]:
        """What of the secrets stands in the error's text."""
        secrets = {PASSWORD, CARD, str(self.token)}
        return [secret for secret in secrets if secret in self.valt.errormsg]

    def works_again(self, *, logs_in: bool) -> bool:
        """Whether the next call does its work, with a log-in only where one is needed."""
        bring(self.world, self.row.state)
        before = len(self.server.requests)
        answer = self.call()
        news = asked(self.server)[before:]
        return (
            same(brief(answer), self.row.right(self.world))
            and self.valt.errormsg == ""
            and isinstance(self.valt.accesstoken, str)
            and news.count("login") == logs_in
            and (news[0] == "login") == logs_in
        )


# ---- the faults -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A fault of the server, the exception it is, and whether the token survives it."""

    raised: Kind
    fault: dict[str, Any] | None = None  # None: the server is away
    kept: bool = False

    @contextmanager
    def at(self, server: Simulator, match: str) -> Iterator[None]:
        if self.fault is None:
            server.away()
            yield
            server.back()
        else:
            server.faults.add(Fault(match=match, count=None, **self.fault))
            yield
            server.faults.clear()


def status(code: int, body: str = "") -> dict[str, Any]:
    return {"kind": "status", "status": code, "body": body}


NOT_ALLOWED_NOW = '{"data":{"message":"not allowed at this hour"},"code":400}'

TROUBLES = {
    "400": Trouble(Refused, status(400, NOT_ALLOWED_NOW), kept=True),
    "400 in the body": Trouble(Refused, {"kind": "text", "body": NOT_ALLOWED_NOW}, kept=True),
    "403": Trouble(NotAllowed, status(403), kept=True),
    "404": Trouble(NotFound, status(404), kept=True),
    "401": Trouble((NotAllowed, Unauthorized), status(401)),
    "500": Trouble(ServerFailed, status(500)),
    "502": Trouble(ServerFailed, status(502, "<html>Bad Gateway</html>")),
    "503": Trouble(ServerFailed, status(503)),
    "a redirect": Trouble(BadReply, status(302, "moved")),
    "html": Trouble(BadReply, {"kind": "html"}),
    "empty": Trouble(BadReply, {"kind": "empty"}),
    "not json": Trouble(BadReply, {"kind": "not_json"}),
    "null data": Trouble(BadReply, {"kind": "null_data"}),
    "half": Trouble(NoReply, {"kind": "half"}),
    "reset before": Trouble(NoReply, {"kind": "reset_before"}),
    "reset inside": Trouble(NoReply, {"kind": "reset_inside"}),
    "reset after": Trouble(NoReply, {"kind": "reset_after"}),
    "away": Trouble((Unreachable, NoReply)),
}


@pytest.mark.parametrize("fault", TROUBLES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_fault_is_an_error_value_and_the_next_call_works(
    serve: Simulate, connect_to: Connect, log: Path, name: str, fault: str
) -> None:
    trouble = TROUBLES[fault]
    timeout_s = LOST_START_S if name == START else TIMEOUT_S
    bench = Bench(serve, connect_to, name, timeout=timeout_s)
    with trouble.at(bench.server, bench.row.match):
        began = time.monotonic()
        answer = bench.call()
        took_s = time.monotonic() - began
    assert same(answer, bench.row.wrong)
    assert took_s < timeout_s + SLACK_S
    assert bench.valt.errormsg
    assert "\n" not in bench.valt.errormsg
    assert bench.leaks() == []
    if trouble.kept:
        assert bench.valt.accesstoken == bench.token
    else:
        assert same(bench.valt.accesstoken, 0)
        assert bench.valt.errormsg in log.read_text()
    assert bench.works_again(logs_in=not trouble.kept)
    written = log.read_text() if log.exists() else ""
    assert [secret for secret in (PASSWORD, CARD, bench.token) if str(secret) in written] == []


@pytest.mark.parametrize("fault", TROUBLES)
def test_a_fault_raises_its_kind_where_asked(
    serve: Simulate, connect_to: Connect, fault: str
) -> None:
    trouble = TROUBLES[fault]
    raised: dict[str, object] = {}
    for name in FUNCTIONS:
        if name == START and not trouble.kept:
            continue  # it takes its whole time-out; see the lost start
        bench = Bench(serve, connect_to, name, raise_errors=True)
        with trouble.at(bench.server, bench.row.match):
            try:
                raised[name] = bench.call()
            except ivs.ValtError as error:
                raised[name] = error
                report = "".join(traceback.format_exception(error))
                assert str(bench.token) not in report
                assert PASSWORD not in report
        left = bench.valt.accesstoken
        if not (
            isinstance(raised[name], trouble.raised)
            and bench.valt.errormsg
            and bench.leaks() == []
            and (left == bench.token if trouble.kept else same(left, 0))
            and bench.works_again(logs_in=not trouble.kept)
        ):
            raised[name] = ("wrong", raised[name], bench.valt.errormsg, left)
    kinds = {name: isinstance(error, trouble.raised) for name, error in raised.items()}
    assert {name: raised[name] for name, fits in kinds.items() if not fits} == {}


COMMANDS = [name for name in FUNCTIONS if name.endswith(("recording", "room"))]


@pytest.mark.parametrize("name", [n for n in COMMANDS if not n.startswith("is")])
def test_a_200_that_says_no_is_a_refusal(serve: Simulate, connect_to: Connect, name: str) -> None:
    bench = Bench(serve, connect_to, name)
    bench.server.faults.add(Fault("says_no", count=None, body="because of the holidays"))
    assert same(bench.call(), 0)
    assert "because of the holidays" in bench.valt.errormsg
    assert bench.valt.accesstoken == bench.token
    bench.server.faults.clear()
    assert bench.works_again(logs_in=False)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_reply_of_wrong_types_raises_nothing_and_the_next_call_works(
    serve: Simulate, connect_to: Connect, name: str
) -> None:
    bench = Bench(serve, connect_to, name, timeout=LOST_START_S)
    bench.server.faults.add(Fault("wrong_types", bench.row.match, None))
    answer = bench.call()
    bench.server.faults.clear()
    assert answer is not None
    if same(answer, bench.row.wrong) and not same(brief(answer), bench.row.right(bench.world)):
        assert bench.valt.errormsg
    assert bench.works_again(logs_in=bench.valt.accesstoken == 0)


def test_what_a_server_echoes_is_not_repeated(
    serve: Simulate, connect_to: Connect, log: Path
) -> None:
    for code in (400, 403, 404, 500):
        server = serve()
        valt = connect_to(server)
        token = str(valt.accesstoken)
        echo = f'{{"data":{{"message":"no {token} {PASSWORD}"}},"code":{code}}}'
        server.faults.add(Fault("status", "rooms/", None, status=code, body=echo))
        assert valt.getroomstatus(4) == 0
        assert valt.stoprecording(4) == 0
        assert token not in valt.errormsg
        assert token not in (log.read_text() if log.exists() else "")


# ---- a 401 ------------------------------------------------------------------------------------


def test_a_lasting_401_is_no_storm_of_log_ins(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    server.faults.add(Fault("status", "rooms/4/lock", None, status=401))
    for _ in range(10):
        assert same(valt.lockroom(4), 0)
        assert valt.errormsg
    # One at construction, and three for it: so a server that forgets its tokens three times a
    # minute is met at once, and a missing right ends in no storm (decision 9).
    assert asked(server).count("login") == 4
    assert isinstance(valt.accesstoken, str)
    assert valt.getroomname(4) == "Interview Room 1"  # what the account may do goes on
    assert asked(server).count("login") == 4


# ---- the version, which some functions read first ---------------------------------------------

WITH_VERSION: dict[str, tuple[Callable[[ivs.valt], Any], int]] = {
    "addmarker": (marker, 1),
    "get_user_by_card_number": (lambda valt: valt.get_user_by_card_number(CARD), 12),
}


@pytest.mark.parametrize("code", [400, 403, 404])
@pytest.mark.parametrize("name", WITH_VERSION)
def test_a_version_that_may_not_be_read_stops_nobody(
    serve: Simulate, connect_to: Connect, name: str, code: int
) -> None:
    call, right = WITH_VERSION[name]
    server = serve("6.6.0")
    valt = connect_to(server)
    server.world.start(4, "Interview")
    server.faults.add(Fault("status", "admin/general", None, status=code))
    assert (call(valt), valt.errormsg) == (right, "")
    assert isinstance(valt.accesstoken, str)


@pytest.mark.parametrize("kind", ["401", "500", "html", "empty", "null data", "reset before"])
@pytest.mark.parametrize("name", [*WITH_VERSION, "creategroup"])
def test_a_version_that_cannot_be_read_raises_nothing_and_the_next_call_works(
    serve: Simulate, connect_to: Connect, name: str, kind: str
) -> None:
    server = serve("6.6.0", "duplicate_group_name=accepted")
    valt = connect_to(server)
    server.world.start(4, "Interview")
    call = FUNCTIONS[name].call
    right = FUNCTIONS[name].right
    with TROUBLES[kind].at(server, "admin/general"):
        answer = call(valt)
        assert same(answer, 0) or same(answer, right(server.world))
        assert bool(valt.errormsg) == (answer == 0)
    assert same(call(valt), right(server.world))
    assert valt.errormsg == ""


# ---- the time ---------------------------------------------------------------------------------


STALLS: dict[str, dict[str, Any]] = {
    "hang": {"kind": "hang"},
    "a slow drip in the head": {"kind": "drip", "seconds": 0.2},
    "a slow drip in the body": {"kind": "drip", "seconds": 0.4, "whole_head": True},
    "a black hole": {},
}


@contextmanager
def stalled(stall: str, server: Simulator, match: str) -> Iterator[None]:
    if stall == "a black hole":
        server.black_hole()
        yield
        server.back()
    else:
        server.faults.add(Fault(match=match, count=None, **STALLS[stall]))
        yield
        server.faults.clear()


def outlast(bench: Bench, stall: str, *, raises: bool) -> list[str]:
    """Call into the stall; what was wrong with that."""
    row, answer, error = bench.row, None, None
    began = time.monotonic()
    with stalled(stall, bench.server, row.match):
        try:
            answer = bench.call()
        except ivs.ValtError as e:
            error = e
        took_s = time.monotonic() - began
    wrong = []
    if not OUTLAST_S * 0.5 < took_s < OUTLAST_S * (1 + SLACK_S):
        wrong.append(f"it took {took_s:.2f} s")
    if raises and not isinstance(error, NoReply):
        wrong.append(f"it raised {error!r} and answered {answer!r}")
    if not raises and (error or not same(answer, row.wrong)):
        wrong.append(f"it answered {answer!r} and raised {error!r}")
    if not bench.valt.errormsg or bench.leaks():
        wrong.append(f"it said {bench.valt.errormsg!r}")
    if not same(bench.valt.accesstoken, 0):
        wrong.append("the token is left")
    if not bench.works_again(logs_in=True):
        wrong.append(f"it does not work again: {bench.valt.errormsg!r}")
    return wrong


@pytest.mark.parametrize(
    ("stall", "raises"), [*((stall, False) for stall in STALLS), ("hang", True)]
)
def test_no_call_blocks_longer_than_its_time_out(
    serve: Simulate, connect_to: Connect, stall: str, raises: bool
) -> None:
    """All functions at once, each with a server of its own: they do nothing but wait."""
    names = [n for n in FUNCTIONS if "drip" not in stall or n != START]
    benches = [
        Bench(serve, connect_to, name, raise_errors=raises, timeout=OUTLAST_S) for name in names
    ]
    with ThreadPoolExecutor(len(names)) as threads:
        found = threads.map(lambda bench: outlast(bench, stall, raises=raises), benches)
        wrong = dict(zip(names, found, strict=True))
    assert {name: faults for name, faults in wrong.items() if faults} == {}


def test_an_idle_connection_that_the_server_has_closed_is_no_trouble(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve("6.5.2", "keep_alive_s=0.05")
    valt = connect_to(server)
    calls: list[Callable[[], object]] = [
        lambda: valt.startrecording(4, "Interview"),
        lambda: valt.getrecordingid(4),
        lambda: valt.stoprecording(4),
    ]
    for call in calls:
        time.sleep(0.2)  # four times as long as the server waits
        assert call() == server.world.recordings[0].id
    assert len(server.world.recordings) == 1
    assert server.connections > 1  # so it did close them


def test_no_proxy_of_the_environment_is_used(
    serve: Simulate, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert connect_to(serve()).getroomname(4) == "Interview Room 1"


@contextmanager
def ends_within(timeout_s: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < timeout_s + SLACK_S


@pytest.mark.parametrize("stall", STALLS)
def test_a_start_whose_reply_stalls_ends_in_time_and_is_sent_once(
    serve: Simulate, connect_to: Connect, stall: str
) -> None:
    server = serve()
    valt = connect_to(server, timeout=0.35)
    with stalled(stall, server, "record/start"), ends_within(0.35):
        answer = valt.startrecording(4, "Interview")
    assert answer == 0 or [answer] == [recording.id for recording in server.world.recordings]
    assert asked(server).count("rooms/4/record/start") == 1


@pytest.mark.parametrize(
    ("name", "match"), [("addmarker", "POST /api/v3/comment"), ("addmarker", "admin/general")]
)
def test_the_requests_of_one_call_share_its_time(
    serve: Simulate, connect_to: Connect, name: str, match: str
) -> None:
    server = serve()
    valt = connect_to(server, timeout=SHARED_S)
    server.world.start(4, "Interview")
    server.faults.add(Fault("hang", match, None))
    server.faults.add(Fault("delay", "rooms/", None, seconds=SHARED_S * 0.75))
    with ends_within(SHARED_S):
        assert same(FUNCTIONS[name].call(valt), 0)
    assert valt.errormsg


def test_the_log_in_of_a_call_shares_its_time(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server, timeout=SHARED_S)
    server.faults.add(Fault("status", "rooms/", 1, status=500))
    assert valt.getroomstatus(4) == 0
    server.faults.add(Fault("delay", "login", 1, seconds=SHARED_S * 0.75))
    server.faults.add(Fault("hang", "rooms/", None))
    with ends_within(SHARED_S):
        assert same(valt.getroomstatus(4), 0)
    assert asked(server)[-2:] == ["login", "rooms/4/status"]


def test_the_look_for_a_lost_start_shares_its_time(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server, timeout=SHARED_S)
    server.faults.add(Fault("reset_after", "record/start"))
    server.faults.add(Fault("delay", "GET", None, seconds=SHARED_S * 0.75))
    server.world.quirks.effect_lag_s = 60
    with ends_within(SHARED_S):
        assert same(valt.startrecording(4, "Interview"), 0)
    assert valt.errormsg


def test_threads_that_wait_for_one_log_in_keep_their_time(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server, timeout=0.6)
    server.faults.add(Fault("status", "rooms/", 1, status=500))
    assert valt.getroomstatus(4) == 0
    server.faults.add(Fault("hang", "login", None))
    with ends_within(0.6), ThreadPoolExecutor(5) as threads:
        assert list(threads.map(valt.getroomstatus, [4] * 5)) == [0] * 5


@pytest.mark.parametrize("stall", STALLS)
def test_neither_construction_nor_auth_blocks_longer_than_the_time_out(
    serve: Simulate, connect_to: Connect, stall: str
) -> None:
    server = serve()
    with stalled(stall, server, ""):
        with ends_within(0.25):
            valt = connect_to(server, timeout=0.25)
        assert valt.errormsg
        with ends_within(0.25):
            valt.auth()
        assert valt.errormsg
        assert same(valt.accesstoken, 0)
        with ends_within(0.25):
            valt.close()
    assert PASSWORD not in valt.errormsg


def test_a_name_server_that_is_silent_does_not_block_longer_than_the_time_out(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def getaddrinfo(*args: Any, **more: Any) -> list[Any]:
        answer.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        with ends_within(0.4):
            valt = ivs.valt("valt.example.test", "admin", PASSWORD, timeout=0.4, logpath=log)
        assert valt.errormsg
        with ends_within(0.4):
            assert valt.getroomstatus(4) == 0
    finally:
        answer.set()
        valt.close()


# ---- the lost start ---------------------------------------------------------------------------

both_generations = pytest.mark.parametrize("version", ["5.9.0", "6.5.2"])


class LateClock:
    """The time, which a test can put forward."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@both_generations
@pytest.mark.parametrize("kind", ["reset_after", "reset_inside", "half", "hang"])
def test_a_start_whose_reply_is_lost_is_found(
    serve: Simulate, connect_to: Connect, version: str, kind: str
) -> None:
    server = serve(version)
    valt = connect_to(server, timeout=3.0)
    seconds = 0.2 if kind == "hang" else None  # then it closes
    server.faults.add(Fault(kind, "record/start", None, seconds=seconds, applied=True))
    started = valt.startrecording(4, "Interview", author=12)
    assert [recording.id for recording in server.world.recordings] == [started]
    assert valt.errormsg == ""
    assert asked(server).count("rooms/4/record/start") == 1
    server.faults.clear()
    assert valt.stoprecording(4) == started


@both_generations
def test_a_lost_start_that_shows_late_is_found(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version, "effect_lag_s=0.5")
    valt = connect_to(server, timeout=4.0)
    server.faults.add(Fault("reset_after", "record/start"))
    with ends_within(2.5):  # not the whole time-out
        started = valt.startrecording(4, "Interview")
    assert [recording.id for recording in server.world.recordings] == [started]
    assert asked(server).count("rooms/4/record/start") == 1
    assert len(asked(server)) < 60  # it does not hammer


@pytest.mark.parametrize("fault", ["500", "html", "reset before"])
def test_a_lost_start_is_found_though_reading_fails_at_first(
    serve: Simulate, connect_to: Connect, fault: str
) -> None:
    server = serve()
    valt = connect_to(server, timeout=4.0)
    server.faults.add(Fault("reset_after", "record/start"))
    server.faults.add(Fault(match="GET", count=2, **(TROUBLES[fault].fault or {})))
    started = valt.startrecording(4, "Interview")
    assert [recording.id for recording in server.world.recordings] == [started]
    assert asked(server).count("rooms/4/record/start") == 1


@both_generations
@pytest.mark.parametrize("raises", [False, True])
def test_a_start_that_never_arrived_is_looked_for_and_given_up(
    serve: Simulate, connect_to: Connect, version: str, raises: bool
) -> None:
    server = serve(version)
    valt = connect_to(server, timeout=0.4, raise_errors=raises)
    server.faults.add(Fault("reset_before", "record/start", None))
    answer: object = 0
    with ends_within(0.4):
        try:
            answer = valt.startrecording(4, "Interview")
        except NoReply:
            answer = "raised"
    assert same(answer, "raised" if raises else 0)
    assert valt.errormsg
    assert same(valt.accesstoken, 0)
    assert server.world.recordings == []
    assert asked(server).count("rooms/4/record/start") == 1
    assert len(asked(server)) > 2  # it was looked for


@both_generations
@pytest.mark.parametrize("age_s", [2.5, 3600])
@pytest.mark.parametrize("state", ["recording", "paused"])
def test_an_older_recording_is_not_taken_for_a_lost_start(
    serve: Simulate, connect_to: Connect, version: str, age_s: float, state: str
) -> None:
    clock = LateClock()
    server = serve(version, clock=clock)
    valt = connect_to(server, timeout=0.3)
    server.world.start(4, "Somebody else's")
    clock.ahead_s = age_s
    if state == "paused":
        server.world.pause(4)
    server.faults.add(Fault("reset_before", "record/start", None))
    assert same(valt.startrecording(4, "Interview"), 0)
    assert valt.errormsg
    assert [recording.name for recording in server.world.recordings] == ["Somebody else's"]


@pytest.mark.parametrize("moment", ["pause", "resume"])
def test_an_older_recording_whose_time_was_reset_by_a_pause_is_not_taken_for_a_lost_start(
    serve: Simulate, connect_to: Connect, moment: str
) -> None:
    """The documentation warns of it: pausing resets the time of the recording."""
    clock = LateClock()
    server = serve("6.5.2", f"pause_resets_time={moment}", clock=clock)
    valt = connect_to(server, timeout=0.3)
    server.world.start(4, "Somebody else's")
    clock.ahead_s = 600
    server.world.pause(4)
    clock.ahead_s = 1200  # it is still paused
    server.faults.add(Fault("reset_before", "record/start", None))
    assert same(valt.startrecording(4, "Interview"), 0)
    assert valt.errormsg


@both_generations
def test_a_lost_start_is_found_behind_an_older_recording_that_still_shows(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    """A script that ends one recording and begins the next, where effects lag (valt-api 5.4)."""
    clock = LateClock()
    server = serve(version, "effect_lag_s=0.5", clock=clock)
    valt = connect_to(server, timeout=3.0)
    server.world.start(4, "The first")
    clock.ahead_s = 600
    assert valt.stoprecording(4) == server.world.recordings[0].id
    server.faults.add(Fault("reset_after", "record/start"))
    started = valt.startrecording(4, "The second")
    assert server.world.recordings[1:] != []
    assert started == server.world.recordings[1].id
    assert valt.errormsg == ""


def test_a_recording_of_another_room_is_not_taken_for_a_lost_start(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server, timeout=0.6)
    server.world.start(7, "Next door")
    server.faults.add(Fault("reset_before", "record/start", None))
    assert same(valt.startrecording(4, "Interview"), 0)


@pytest.mark.parametrize("fault", ["500", "502", "html", "empty", "null data"])
def test_a_start_that_was_carried_out_behind_a_bad_reply_is_found(
    serve: Simulate, connect_to: Connect, fault: str
) -> None:
    """A proxy's page is no more of a proof that nothing happened than a lost reply is."""
    server = serve()
    valt = connect_to(server, timeout=2.0)
    more = TROUBLES[fault].fault or {}
    server.faults.add(Fault(match="record/start", count=None, applied=True, **more))
    started = valt.startrecording(4, "Interview")
    assert [recording.id for recording in server.world.recordings] == [started]
    assert valt.errormsg == ""
    assert asked(server).count("rooms/4/record/start") == 1


@pytest.mark.parametrize("name", ["stoprecording", "pauserecording", "lockroom", "creategroup"])
def test_nothing_but_a_start_is_looked_for_and_nothing_is_sent_twice(
    serve: Simulate, connect_to: Connect, name: str
) -> None:
    bench = Bench(serve, connect_to, name)
    before = len(bench.server.requests)
    bench.server.faults.add(Fault("reset_after", "POST", None))
    assert same(bench.call(), 0)
    assert len(bench.server.requests) == before + 1


# ---- TLS --------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of our own, whose certificate lies in a file."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.path = str(folder / "ca.pem")
        self.ca.cert_pem.write_to_path(self.path)

    def issue(self, name: str = "127.0.0.1", **validity: Any) -> tuple[ssl.SSLContext, str]:
        """A server's side of TLS, and the fingerprint of its certificate."""
        certificate = self.ca.issue_cert(name, **validity)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        pem = certificate.cert_chain_pems[0].bytes().decode()
        return context, hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_certificate_is_checked_by_default(
    serve: Simulate, connect_to: Connect, authority: Authority
) -> None:
    context, _ = authority.issue()
    server = serve(ssl_context=context)
    valt = connect_to(server)
    assert valt.baseurl == f"https://127.0.0.1:{server.port}/api/v3/"
    assert same(valt.accesstoken, 0)
    assert "certificate" in valt.errormsg
    assert valt.isrecording(4) == 2
    assert server.requests == []
    with pytest.raises(TlsUntrusted):
        connect_to(server, raise_errors=True)


def test_a_ca_file_is_trusted(serve: Simulate, connect_to: Connect, authority: Authority) -> None:
    context, _ = authority.issue()
    server = serve(ssl_context=context)
    valt = connect_to(server, verify=authority.path)
    assert (valt.getroomname(4), valt.errormsg) == ("Interview Room 1", "")
    assert server.connections == 1


@pytest.mark.parametrize("name", ["127.0.0.2", "valt.example"])
def test_a_certificate_for_another_name_is_not_trusted(
    serve: Simulate, connect_to: Connect, authority: Authority, name: str
) -> None:
    context, _ = authority.issue(name)
    server = serve(ssl_context=context)
    assert same(connect_to(server, verify=authority.path).accesstoken, 0)
    assert server.requests == []


def test_a_pinned_certificate_is_trusted_and_another_is_not(
    serve: Simulate, connect_to: Connect, authority: Authority
) -> None:
    context, pin = authority.issue("valt.example")
    server = serve(ssl_context=context)
    assert connect_to(server, verify=f"sha256:{pin}").getroomname(7) == "Interview Room 2"
    _, other = authority.issue("valt.example")
    before = len(server.requests)
    with pytest.raises(TlsUntrusted):
        connect_to(server, verify=f"sha256:{other}", raise_errors=True)
    assert len(server.requests) == before


def test_a_certificate_is_not_checked_where_asked_and_the_log_warns(
    serve: Simulate, connect_to: Connect, authority: Authority, log: Path
) -> None:
    context, _ = authority.issue("valt.example")
    valt = connect_to(serve(ssl_context=context), verify=False)
    assert (valt.getroomname(4), valt.errormsg) == ("Interview Room 1", "")
    assert len(log.read_text().splitlines()) == 1
    assert "certificate" in log.read_text().lower()


def test_a_certificate_that_is_not_valid_yet_puts_the_clock_in_doubt(
    serve: Simulate, connect_to: Connect, authority: Authority
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    context, _ = authority.issue(not_before=tomorrow, not_after=tomorrow + timedelta(days=1))
    server = serve(ssl_context=context)
    with pytest.raises(ClockWrong):
        connect_to(server, verify=authority.path, raise_errors=True)
    assert "clock" in connect_to(server, verify=authority.path).errormsg


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_is_none_raises_nothing_and_is_named(
    serve: Simulate, connect_to: Connect, authority: Authority, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "authority-file.pem"
    if content is not None:
        file.write_bytes(content)
    context, _ = authority.issue()
    server = serve(ssl_context=context)
    valt = connect_to(server, verify=str(file))
    assert "authority-file.pem" in valt.errormsg
    assert valt.getrooms() == 0
    assert server.requests == []
    with pytest.raises((ivs.BadArgument, ivs.ValtError)):
        connect_to(server, verify=str(file), raise_errors=True)


@pytest.mark.parametrize("verify", ["sha256:abc", "sha256:", 5, None, b"x"])
def test_a_trust_that_is_none_never_means_no_check(
    serve: Simulate, connect_to: Connect, authority: Authority, verify: Any
) -> None:
    context, _ = authority.issue()
    server = serve(ssl_context=context)
    valt = connect_to(server, verify=verify)
    assert valt.errormsg
    assert valt.getrooms() == 0
    assert server.requests == []


def test_http_against_a_tls_server_is_an_error_in_time(
    serve: Simulate, connect_to: Connect, authority: Authority, log: Path
) -> None:
    context, _ = authority.issue()
    server = serve(ssl_context=context)
    with (
        ends_within(0.6),
        ivs.valt(f"127.0.0.1:{server.port}", "admin", PASSWORD, timeout=0.6, logpath=log) as valt,
    ):
        assert valt.errormsg
        assert same(valt.accesstoken, 0)


def test_https_against_a_plain_server_is_an_error_in_time(serve: Simulate, log: Path) -> None:
    server = serve()
    with (
        ends_within(0.6),
        ivs.valt(
            f"https://127.0.0.1:{server.port}", "admin", PASSWORD, timeout=0.6, logpath=log
        ) as valt,
    ):
        assert valt.errormsg
        assert same(valt.accesstoken, 0)
    assert PASSWORD not in log.read_text()

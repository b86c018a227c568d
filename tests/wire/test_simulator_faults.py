"""The simulator's faults that end by themselves, lie or refuse; its clock and its patience."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from ivsd.valt.simulator import Api, Fault, Quirks, Simulator, World
from ivsd.valt.simulator.faults import KINDS, Faults
from ivsd.valt.simulator.mistyped import mistyped
from ivsd.valt.simulator.reply import Reply


class Visitor:
    """http.client with a token, on one connection."""

    def __init__(self, simulator: Simulator):
        self.http = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=2)
        self.token = ""
        login = {"username": "admin", "password": "admin"}
        self.token = self.ask("POST", "login", login)[1]["data"]["access_token"]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        payload = None if body is None else json.dumps(body).encode()
        self.http.request(method, f"/api/v3/{path}?access_token={self.token}", payload)
        reply = self.http.getresponse()
        self.date = parsedate_to_datetime(reply.headers["Date"]).timestamp()
        self.length = int(reply.headers["Content-Length"])
        return reply.status, json.loads(reply.read() or b"null")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


def of_version(version: str, *settings: str) -> Simulator:
    return Simulator(World(version=version, quirks=Quirks.with_settings(settings)))


START = ("POST", "rooms/4/record/start", {"name": "Interview"})


# ---- how long -----------------------------------------------------------------------------------


def taken(faults: Faults, times: int) -> list[bool]:
    return [faults.take("GET", "/api/v3/rooms/info") is not None for _ in range(times)]


def test_a_fault_may_last_for_a_time_from_when_it_is_added() -> None:
    now = 100.0
    faults = Faults(lambda: now)
    faults.add(Fault("hang", lasts_s=5))
    now = 104.9
    assert taken(faults, 3) == [True] * 3
    assert [(fault.kind, round(left or 0, 1)) for fault, left in faults.waiting()] == [
        ("hang", 0.1)
    ]
    now = 105.0
    assert taken(faults, 1) == [False]
    assert faults.waiting() == []


def test_a_fault_of_a_count_and_a_time_ends_with_whichever_is_over_first() -> None:
    now = 100.0
    faults = Faults(lambda: now)
    faults.add(Fault("hang", count=2, lasts_s=5))
    assert taken(faults, 3) == [True, True, False]
    faults.add(Fault("hang", count=2, lasts_s=5))
    now = 105.0
    assert taken(faults, 1) == [False]


def test_a_fault_without_count_and_time_is_for_one_request_and_none_for_all() -> None:
    faults = Faults(lambda: 100.0)
    faults.add(Fault("hang"))
    assert taken(faults, 2) == [True, False]
    faults.add(Fault("hang", count=None))
    assert taken(faults, 20) == [True] * 20
    assert faults.waiting()[0][1] is None


def test_the_time_of_a_fault_is_the_worlds() -> None:
    now = 100.0
    with Simulator(World(clock=lambda: now)) as simulator:
        visitor = Visitor(simulator)
        simulator.faults.add(Fault("status", lasts_s=60))
        assert visitor.ask("GET", "rooms/info")[0] == 503
        now = 160.0
        assert visitor.ask("GET", "rooms/info")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "reset_aftr"}, "did you mean 'reset_after'"),
        ({"kind": "say_no"}, "did you mean 'says_no'"),
        ({"kind": ["hang"]}, "unknown kind of fault"),
        ({"kind": "drip"}, "the fault drip needs seconds"),
        ({"kind": "hang", "count": 0}, "count must be an integer of at least 1, or none, not 0"),
        ({"kind": "hang", "count": True}, "count must"),
        ({"kind": "hang", "count": 1.5}, "count must"),
        ({"kind": "hang", "seconds": -1}, "seconds must be a number of seconds, 0 or more"),
        ({"kind": "hang", "seconds": "1"}, "seconds must"),
        ({"kind": "hang", "seconds": float("nan")}, "seconds must"),
        ({"kind": "hang", "lasts_s": -0.1}, "lasts_s must"),
        ({"kind": "hang", "lasts_s": float("inf")}, "lasts_s must"),
        ({"kind": "status", "status": 99}, "status must be an HTTP status, 100 to 599, not 99"),
        ({"kind": "status", "status": 600}, "status must"),
        ({"kind": "status", "status": "500"}, "status must"),
        ({"kind": "text", "body": 5}, "body must be a text"),
        ({"kind": "text", "match": None}, "match must be a text"),
        ({"kind": "hang", "applied": 1}, "applied must be true or false"),
    ],
)
def test_a_wrong_fault_says_what_would_be_right(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Fault(**arguments)


def test_every_kind_of_fault_is_explained() -> None:
    assert Fault.__doc__
    for kind in KINDS:
        assert re.search(rf"^ +{kind} ", Fault.__doc__, re.MULTILINE), kind


@pytest.mark.parametrize("status", [204, 304, 419, 599])
def test_any_status_can_be_given_and_leaves_the_connection_whole(
    simulator: Simulator, status: int
) -> None:
    visitor = Visitor(simulator)
    simulator.faults.add(Fault("status", status=status))
    assert visitor.ask("GET", "rooms/info")[0] == status
    assert (visitor.length == 0) == (status in (204, 304))  # which have no body
    assert visitor.ask("GET", "rooms/info")[0] == 200
    assert simulator.connections == 1


# ---- wrong types --------------------------------------------------------------------------------


def test_wrong_types_are_exchanged_always_in_the_same_way() -> None:
    right = {
        "data": [{"id": 4, "record_id": "a-b", "recordId": 9, "text": "word", "on": True}],
        "numbers": [1, 2.5],
        "none": None,
        "bare": {},
    }
    wrong = {
        "data": {"0": {"id": None, "record_id": None, "recordId": None, "text": 4, "on": "true"}},
        "numbers": {"0": "1", "1": "2.5"},
        "none": False,
        "bare": {},
    }
    for _ in range(2):
        assert json.loads(mistyped(Reply.of(200, right)).payload) == wrong
    assert json.loads(mistyped(Reply.of(200, [1])).payload) == {"0": "1"}
    assert mistyped(Reply(401, b"")) == Reply(401, b"")


def test_a_request_answered_with_wrong_types_is_carried_out(simulator: Simulator) -> None:
    visitor = Visitor(simulator)
    simulator.faults.add(Fault("wrong_types", "record/start"))
    text = len("The recording is started")
    assert visitor.ask(*START) == (200, {"data": {"message": text, "id": None, "start": "true"}})
    assert len(simulator.world.recordings) == 1
    assert simulator.requests[-1].fault == "wrong_types"
    simulator.faults.add(Fault("wrong_types"))
    assert visitor.ask("GET", "rooms/5/status")[1]["error"]["code"] == "404"
    assert visitor.ask("GET", "rooms/4/status")[1]["data"]["status"] == "recording"


# ---- says no ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "path", "verdict"),
    [
        ("5.9.0", "rooms/7/record/start", {"start": False}),
        ("5.9.0", "rooms/4/record/stop", {"status": False}),
        ("5.9.0", "rooms/4/record/pause", {"status": False}),
        ("5.9.0", "rooms/4/record/resume", {"status": False}),
        ("5.9.0", "rooms/4/record/markers", {"marker_add": False}),
        ("5.9.0", "records/8124/markers", {"marker_add": False}),
        ("6.1.0", "rooms/4/record/comments", {"comment_add": False}),
        ("6.4.0", "records/1/comments", {"comment_add": False}),
        ("6.5.2", "comment", {"comment_add": False}),
        ("6.5.2", "rooms/7/record/start", {"start": False}),
    ],
)
def test_the_verdict_of_each_endpoint_is_no_with_200_and_nothing_is_done(
    version: str, path: str, verdict: dict[str, bool]
) -> None:
    with of_version(version) as simulator:
        visitor = Visitor(simulator)
        before = simulator.world.start(4, "Before")
        simulator.faults.add(Fault("says_no", path, body="Not today"))
        body = {"name": "x", "event": "x", "time": 0, "recordId": before.id, "recordTime": 0}
        body |= {"template": {"id": 1, "name": "x"}, "type": "simple"}
        assert visitor.ask("POST", path, body) == (
            200,
            {"data": {"message": "Not today", **verdict}},
        )
        (recording,) = simulator.world.recordings
        assert (recording.id, recording.markers) == (before.id, ())
        assert simulator.world.view(4).status == "recording"


def test_an_endpoint_without_a_verdict_says_no_by_the_code_in_the_body(
    simulator: Simulator,
) -> None:
    visitor = Visitor(simulator)
    simulator.faults.add(Fault("says_no", count=2))
    no = {"data": {"message": "This is not possible now"}, "code": 400}
    assert visitor.ask("POST", "rooms/4/lock", {}) == (200, no)
    assert simulator.world.view(4).status == "available"
    assert visitor.ask("GET", "no/such/path") == (200, no)
    simulator.faults.add(Fault("says_no", "login"))
    login = {"username": "admin", "password": "admin"}
    assert visitor.ask("POST", "login", login) == (200, {"data": "This is not possible now"})


# ---- clock, patience and log --------------------------------------------------------------------


def test_the_clock_of_the_server_can_be_wrong_at_any_time(simulator: Simulator) -> None:
    visitor = Visitor(simulator)
    assert abs(visitor.date - time.time()) < 10
    right = visitor.ask("GET", "schedule")[1]["data"]["schedules"][0]
    simulator.clock_offset_s = 86_400
    wrong = visitor.ask("GET", "schedule")[1]["data"]["schedules"][0]
    assert abs(visitor.date - 86_400 - time.time()) < 10
    assert wrong["start_at"] - right["start_at"] == wrong["created"] - right["created"] == 86_400
    assert wrong["status"] == "pending"
    started = simulator.world.start(4, "x").started
    assert abs(started - 86_400 - time.time()) < 10
    simulator.clock_offset_s = -3600
    visitor.ask("GET", "rooms/info")
    assert abs(visitor.date + 3600 - time.time()) < 10
    with Simulator(clock_offset_s=-3600) as slow:
        assert abs(slow.world.wall() + 3600 - time.time()) < 10


def test_an_idle_connection_is_closed_after_its_time() -> None:
    with of_version("6.5.2", "keep_alive_s=0.3") as simulator:
        visitor = Visitor(simulator)
        for _ in range(3):
            time.sleep(0.02)
            assert visitor.ask("GET", "rooms/info")[0] == 200
        assert simulator.connections == 1
        began = time.monotonic()
        assert visitor.http.sock.recv(1) == b""  # an end, no reset
        assert 0.1 < time.monotonic() - began < 1.5


def test_a_client_that_is_slow_is_not_idle() -> None:
    with (
        of_version("6.5.2", "keep_alive_s=0.05") as simulator,
        socket.create_connection(("127.0.0.1", simulator.port), timeout=2) as sock,
    ):
        sock.sendall(b"POST /api/v3/login HTTP/1.1\r\nContent-Length: 2\r\n")
        time.sleep(0.1)
        sock.sendall(b"\r\n{}")
        assert sock.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_an_idle_connection_stays_unless_it_was_said(simulator: Simulator) -> None:
    visitor = Visitor(simulator)
    visitor.http.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        visitor.http.sock.recv(1)
    simulator.world.quirks.change({"keep_alive_s": 0.05})
    visitor.http.sock.settimeout(2)
    assert visitor.ask("GET", "rooms/info")[0] == 200  # on the old terms until here
    assert visitor.http.sock.recv(1) == b""


def test_a_black_hole_takes_connections_also_after_the_server_was_away() -> None:
    with Simulator() as simulator:
        simulator.away()
        assert simulator.network == "away"
        simulator.black_hole()
        assert simulator.network == "black_hole"
        with socket.create_connection(("127.0.0.1", simulator.port), timeout=0.1) as sock:
            sock.sendall(b"GET /api/v3/rooms/info HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                sock.recv(1)
        simulator.back()
        assert simulator.network == "here"


def said(lines: list[str], count: int) -> None:
    """Wait for the line of a request, which is written when its reply is already out."""
    end = time.monotonic() + 2
    while len(lines) < count and time.monotonic() < end:
        time.sleep(0.002)


def test_the_log_tells_what_a_request_changed() -> None:
    lines: list[str] = []
    with Simulator(World(version="5.9.0"), log=lines.append) as simulator:
        visitor = Visitor(simulator)
        visitor.ask(*START)
        visitor.ask("POST", "rooms/4/record/markers", {"event": "Private", "time": 0})
        simulator.faults.add(Fault("reset_after", "record/stop"))
        with pytest.raises(ConnectionResetError):
            visitor.ask("POST", "rooms/4/record/stop", {})
        visitor.http.close()
        said(lines, 4)
        visitor.ask("POST", "rooms/4/record/stop", {})
        visitor.ask("POST", "rooms/4/lock", {})
        template = {"information": 1, "marker": 2}
        visitor.ask("POST", "admin/user_groups", {"name": "T", "template": template})
        said(lines, 7)
    assert lines == [
        "POST /api/v3/login 200",
        "POST /api/v3/rooms/4/record/start 200, Interview Room 1: recording",
        "POST /api/v3/rooms/4/record/markers 200, Interview Room 1: marker at 0 s",
        "POST /api/v3/rooms/4/record/stop no answer (reset_after), Interview Room 1: available",
        "POST /api/v3/rooms/4/record/stop 404",
        "POST /api/v3/rooms/4/lock 200, Interview Room 1: locked",
        "POST /api/v3/admin/user_groups 200, group 3: made",
    ]


def test_what_was_done_by_hand_is_no_part_of_the_next_request() -> None:
    world = World()
    world.start(4, "By hand")
    Api(world, "admin", "admin").handle("POST", "/api/v3/login", b"{}")
    assert world.journal[-1].change == ""


def test_a_secret_in_the_wrong_place_reaches_neither_log_nor_journal() -> None:
    lines: list[str] = []
    token = "0123456789abcdef" * 2
    with Simulator(log=lines.append) as simulator:
        connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=2)
        for target in (
            f"/api/v3/rooms/4/status&access_token={token}",
            f"/api/v3/rooms/info?{token}=1",
            "http://admin:hunter2@valt/api/v3/rooms/info",
        ):
            connection.request("GET", target)
            connection.getresponse().read()
        connection.sock.sendall(b"GET /\x1b[2J HTTP/1.1\r\nConnection: close\r\n\r\n")
        while connection.sock.recv(4096):
            pass
        said(lines, 4)
        text = "\n".join(lines) + repr(simulator.requests)
    assert "/api/v3/rooms/info?***=***" in text
    assert token not in text
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert "x1b" not in text


# ---- what else the sheet demands ----------------------------------------------------------------


def test_a_comment_can_be_read_by_its_id() -> None:
    with of_version("6.6.0") as simulator:
        visitor = Visitor(simulator)
        recording = simulator.world.start(4, "x")
        body = {"recordId": recording.id, "recordTime": 3, "type": "simple", "message": "Here"}
        made = visitor.ask("POST", "comment", body)[1]
        assert visitor.ask("GET", f"comment/{made['id']}") == (200, made)
        assert visitor.ask("GET", "comment/1")[0] == 404


@pytest.mark.parametrize("change", [{"endTime": None}, {"endTime": "9"}, {"endTime": 2}])
def test_a_comment_of_a_duration_needs_its_end(change: Any) -> None:
    with of_version("6.6.0", "marker_refusal_status=400") as simulator:
        visitor = Visitor(simulator)
        body = {"recordId": simulator.world.start(4, "x").id, "startTime": 3, "endTime": 9}
        body |= {"type": "duration", "message": "Here"}
        assert visitor.ask("POST", "comment", body | change)[0] == 400
        assert visitor.ask("POST", "comment", body)[0] == 200


@pytest.mark.parametrize(
    "extra",
    [
        {"template": {"3": 5}},
        {"share": [12]},
        {"share": {"users": ["12"]}},
        {"share": {"groups": 1}},
        {"share": {"user_groups": [1]}},
    ],
)
def test_a_start_with_a_wrong_share_or_template_is_refused(
    simulator: Simulator, extra: Any
) -> None:
    visitor = Visitor(simulator)
    assert visitor.ask("POST", START[1], {"name": "x", **extra})[0] == 400
    share = {"users": [12], "groups": [1]}
    assert visitor.ask("POST", START[1], {"name": "x", "share": share})[0] == 200


def test_somebody_can_prepare_a_room_and_take_it_back() -> None:
    world = World()
    world.unprepare(4)
    assert world.news.heard() == ""
    world.prepare(4)
    assert world.view(4).status == "prepared"
    world.unprepare(4)
    assert world.view(4).status == "available"

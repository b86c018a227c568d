"""The simulator's control API, and the command `ivsd simulate` that offers it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ivsd.valt.simulator import Control, Quirks, Simulator, World
from ivsd.valt.simulator.certificates import KINDS as CERTIFICATES
from ivsd.valt.simulator.faults import KINDS as FAULTS

JSON = {"Content-Type": "application/json"}


class Remote:
    """A caller of the control API."""

    def __init__(self, url: str):
        address = urlsplit(url)
        self.host, self.port = address.hostname or "", address.port

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, payload, JSON if headers is None else headers)
            reply = connection.getresponse()
            text = reply.read().decode()
            assert "Access-Control-Allow-Origin" not in reply.headers
            is_json = reply.headers["Content-Type"] == "application/json"
            return reply.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def do(self, path: str, **body: Any) -> str:
        status, document = self.ask("POST", path, body)
        assert (status, set(document)) == (200, {"did"}), document
        did: str = document["did"]
        return did

    def wrong(self, path: str, body: Any, status: int = 400) -> str:
        answer = self.ask("POST", path, body)
        assert (answer[0], set(answer[1])) == (status, {"error"}), answer
        error: str = answer[1]["error"]
        return error

    def state(self) -> Any:
        status, document = self.ask("GET", "/state")
        assert status == 200
        return document


class Place:
    """A simulator with a control API, and what both have said."""

    def __init__(self, simulator: Simulator, control: Control, lines: list[str]):
        self.simulator, self.lines = simulator, lines
        self.remote = Remote(control.url)


@pytest.fixture(params=["5.9.0", "6.5.2"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    lines: list[str] = []
    world = World(version=request.param, quirks=Quirks.with_settings(["effect_lag_s=60"]))
    simulator = Simulator(world, log=lines.append)
    with simulator, Control(simulator, log=lines.append) as control:
        yield Place(simulator, control, lines)


def status_of(simulator: Simulator) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=2)
    try:
        connection.request("GET", "/api/v3/rooms/info")
        return connection.getresponse().status
    finally:
        connection.close()


# ---- telling ------------------------------------------------------------------------------------


def test_the_state_tells_rooms_recordings_and_markers_as_they_truly_are(place: Place) -> None:
    recording = place.simulator.world.start(4, "Interview", author=12)
    place.simulator.world.add_marker(recording.id, "Here", 0)
    place.simulator.world.lock(7)
    state = place.remote.state()
    assert [(room["id"], room["status"], room["locked_by"]) for room in state["rooms"]] == [
        (4, "recording", None),
        (7, "locked", 12),
        (9, "available", None),
    ]
    (told,) = state["recordings"]
    assert (told["id"], told["name"], told["author"], told["stopped"]) == (
        recording.id,
        "Interview",
        12,
        None,
    )
    assert (told["markers"][0]["name"], told["markers"][0]["time_s"]) == ("Here", 0)
    assert [group["name"] for group in state["groups"]] == ["Staff", "Administrators"]


def test_the_state_tells_the_server_and_the_last_requests(place: Place) -> None:
    assert status_of(place.simulator) == 401
    state = place.remote.state()
    assert state["url"] == place.simulator.url
    assert state["version"] == place.simulator.world.version
    assert (state["network"], state["certificate"], state["fingerprint"]) == ("here", "none", None)
    assert (state["delay_s"], state["clock_offset_s"], state["connections"]) == (0, 0, 1)
    assert state["quirks"]["effect_lag_s"] == 60
    (request,) = state["requests"]
    assert (request["method"], request["path"], request["status"]) == (
        "GET",
        "/api/v3/rooms/info",
        401,
    )


def test_the_state_holds_no_secret() -> None:
    simulator = Simulator(password="hunter2")
    body = b'{"username":"admin","password":"hunter2"}'
    login = simulator.api.handle("POST", "/api/v3/login", body)
    token = json.loads(login.payload)["data"]["access_token"]
    query = f"access_token={token}&cardNumber=0004711001"
    assert simulator.api.handle("GET", f"/api/v3/admin/users?{query}").status == 200
    with Control(simulator) as control:
        remote = Remote(control.url)
        remote.do("/faults", kind="text", body="s3cret")
        text = json.dumps(remote.state())
    assert "cardNumber=***" in text
    for secret in ("hunter2", token, "4711001", "2580", "s3cret"):
        assert secret not in text


def test_the_authority_is_told_also_before_tls_is_on(place: Place) -> None:
    status, pem = place.remote.ask("GET", "/ca.pem")
    assert (status, pem) == (200, place.simulator.ca_pem)


# ---- doing --------------------------------------------------------------------------------------


def test_faults_are_added_and_cleared(place: Place) -> None:
    assert place.remote.do("/faults", kind="status", status=502, match="rooms/info") == (
        "fault status for rooms/info, once"
    )
    assert place.remote.do("/faults", kind="html", count=3, lasts_s=60) == (
        "fault html for every request, 3 times, for 60 s"
    )
    assert place.remote.do("/faults", kind="hang", count=None) == "fault hang for every request"
    told = place.remote.state()["faults"]
    assert [(fault["kind"], fault["count"]) for fault in told] == [
        ("status", 1),
        ("html", 3),
        ("hang", None),
    ]
    assert told[0]["left_s"] is None
    assert 50 < told[1]["left_s"] <= 60
    assert status_of(place.simulator) == 502
    place.remote.do("/faults/clear")
    assert place.remote.state()["faults"] == []
    assert status_of(place.simulator) == 401


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_of_fault_can_be_added(kind: str) -> None:
    simulator = Simulator()
    with Control(simulator) as control:
        Remote(control.url).do("/faults", kind=kind, seconds=0.1)
    assert [fault.kind for fault, _ in simulator.faults.waiting()] == [kind]


def test_the_cable_is_pulled_and_plugged_while_the_control_api_answers(place: Place) -> None:
    port = place.simulator.port
    assert place.remote.do("/network", state="away") == "network away"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    assert place.remote.state()["network"] == "away"
    place.remote.do("/network", state="black_hole")
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert place.remote.state()["network"] == "black_hole"
    place.remote.do("/network", state="here")
    assert status_of(place.simulator) == 401


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_certificates_are_exchanged(kind: str) -> None:
    with Simulator() as simulator, Control(simulator) as control:
        remote = Remote(control.url)
        assert remote.do("/certificate", kind=kind) == f"certificate {kind}"
        state = remote.state()
        assert (state["certificate"], state["fingerprint"]) == (kind, simulator.fingerprint)
        assert state["url"].startswith("https://")
        remote.do("/certificate", kind="none")
        assert status_of(simulator) == 401


def test_quirks_change_all_or_none(place: Place) -> None:
    quirks = place.simulator.world.quirks
    did = place.remote.do(
        "/quirks",
        pause_resets_time="never",
        token_lifetime_s=3600,
        room_markers=False,
        missing_right_status=401,
        required_template_fields=["3", "5"],
        keep_alive_s=None,
    )
    assert did.startswith("quirks pause_resets_time=never, token_lifetime_s=3600.0")
    assert (quirks.pause_resets_time, quirks.token_lifetime_s) == ("never", 3600)
    assert quirks.required_template_fields == ("3", "5")
    assert (quirks.room_markers, quirks.missing_right_status) == (False, 401)
    both = {"room_markers": True, "pause_resets_time": "always"}
    assert "expected one of resume, pause, never" in place.remote.wrong("/quirks", both)
    assert quirks.room_markers is False


def test_delay_clock_and_tokens(place: Place) -> None:
    api, world = place.simulator.api, place.simulator.world
    login = api.handle("POST", "/api/v3/login", b'{"username":"admin","password":"admin"}')
    token = json.loads(login.payload)["data"]["access_token"]
    assert place.remote.do("/delay", seconds=0.25) == "delay 0.25 s"
    assert place.simulator.delay_s == 0.25
    assert place.remote.do("/clock", offset_s=-3600) == "clock -3600 s"
    assert abs(world.wall() + 3600 - time.time()) < 10
    assert api.handle("GET", f"/api/v3/rooms/info?access_token={token}").status == 200
    assert place.remote.do("/tokens/forget") == "all tokens forgotten"
    assert api.handle("GET", f"/api/v3/rooms/info?access_token={token}").status == 401


def test_somebody_acts_at_the_valt_page(place: Place) -> None:
    room = "Interview Room 1"
    for action, word in [
        ("prepare", "prepared"),
        ("unprepare", "available"),
        ("start", "recording"),
        ("pause", "paused"),
        ("resume", "recording"),
        ("stop", "available"),
        ("lock", "locked"),
        ("unlock", "available"),
    ]:
        assert place.remote.do(f"/rooms/4/{action}") == f"{room}: {word}"
        assert place.simulator.world.view(4, lag=False).status == word
    assert place.remote.do("/rooms/4/unprepare") == f"{room}: nothing changed"
    place.remote.do("/rooms/7/start", name="Theirs", author=13)
    first, second = place.simulator.world.recordings
    assert (first.name, first.author) == ("By hand", 12)
    assert (second.room, second.name, second.author) == (7, "Theirs", 13)


def test_every_action_is_logged_and_what_is_wrong_is_not(place: Place) -> None:
    place.remote.do("/rooms/4/start")
    place.remote.wrong("/rooms/4/start", {}, 409)
    place.remote.do("/delay", seconds=1)
    place.remote.wrong("/delay", {"seconds": -1})
    assert place.lines == ["control: Interview Room 1: recording", "control: delay 1 s"]


# ---- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/faults", {}, "kind must be a text"),
        ("/faults", {"kind": 5}, "kind must be a text"),
        ("/faults", {"kind": "reset_aftr"}, "did you mean 'reset_after'"),
        ("/faults", {"kind": "hang", "cuont": 1}, "unknown key 'cuont'; did you mean 'count'?"),
        ("/faults", {"kind": "hang", "count": "2"}, "count must be an integer of at least 1"),
        ("/faults", {"kind": "hang", "lasts_s": -1}, "lasts_s must be a number of seconds"),
        ("/faults/clear", {"all": True}, "unknown key 'all'; this request has none"),
        ("/network", {}, "state must be one of here, away, black_hole"),
        ("/network", {"state": "up"}, "state must be one of here, away, black_hole"),
        ("/network", {"stat": "here"}, "unknown key 'stat'; did you mean 'state'?"),
        ("/certificate", {"kind": None}, "kind must be one of good, self_signed, expired"),
        ("/certificate", {"kind": ["good"]}, "kind must be one of good"),
        ("/quirks", {}, "expected quirks by name"),
        ("/quirks", {"keep_alive": 5}, "unknown quirk 'keep_alive'; did you mean 'keep_alive_s'?"),
        ("/quirks", {"room_markers": 1}, "quirk room_markers: expected one of true"),
        ("/delay", {"seconds": "1"}, "seconds must be a number of seconds, 0 or more"),
        ("/delay", {"seconds": True}, "seconds must be a number of seconds, 0 or more"),
        ("/delay", b'{"seconds": NaN}', "seconds must be a number of seconds, 0 or more"),
        ("/clock", {"offset_s": None}, "offset_s must be a number of seconds"),
        ("/tokens/forget", {"user": 3}, "unknown key 'user'"),
        ("/rooms/4/start", {"name": ""}, "name must be a text, and not empty"),
        ("/rooms/4/start", {"author": "12"}, "author must be an integer, or left out"),
        ("/rooms/4/stop", {"name": "x"}, "unknown key 'name'"),
        ("/delay", b"{", "the body must be JSON"),
        ("/delay", b"[" * 50_000, "the body must be JSON"),
        ("/delay", b"[]", "the body must be a JSON object"),
        ("/delay", b" " * 70_000, "a length of at most 65536 bytes"),
    ],
)
def test_a_wrong_body_is_400_with_the_key_and_what_would_be_right(
    path: str, body: Any, message: str
) -> None:
    simulator = Simulator()
    with Control(simulator) as control:
        assert message in Remote(control.url).wrong(path, body)
    assert simulator.faults.waiting() == []
    assert (simulator.delay_s, simulator.world.recordings) == (0, [])


def test_what_the_room_forbids_is_409_and_what_does_not_exist_404(place: Place) -> None:
    assert "already running" not in place.remote.wrong("/rooms/4/stop", {}, 409)
    assert "no room 5" in place.remote.wrong("/rooms/5/start", {}, 404)
    assert "There is no user 99" in place.remote.wrong("/rooms/4/start", {"author": 99}, 409)
    assert "/faults" in place.remote.wrong("/fault", {}, 404)
    assert "/rooms/ID/{start,stop" in place.remote.wrong("/rooms/4/open", {}, 404)
    assert place.remote.ask("GET", "/faults")[0] == 404


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_what_a_web_page_can_send_is_not_taken(place: Place, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    status, document = place.remote.ask("POST", "/network", {"state": "away"}, headers)
    assert (status, set(document)) == (415, {"error"})
    assert place.simulator.network == "here"
    assert place.remote.ask("OPTIONS", "/network")[0] == 501  # nor is leave to send more given


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("valt.example.com", 403),
        ("", 403),
        ("[", 403),
        ("127.0.0.1:8089", 200),
        ("localhost", 200),
        ("[::1]:8089", 200),
    ],
)
def test_a_name_that_only_a_web_page_would_use_is_refused(host: str, status: int) -> None:
    with Control(Simulator()) as control:
        remote = Remote(control.url)
        assert remote.ask("GET", "/state", None, {"Host": host})[0] == status
        assert remote.ask("POST", "/delay", {"seconds": 0}, JSON | {"Host": host})[0] == status


def test_a_control_api_ends_at_once_and_frees_its_port() -> None:
    control = Control(Simulator()).start()
    with socket.create_connection(("127.0.0.1", control.port), timeout=1) as stalled:
        stalled.sendall(b"POST /delay HT")
        began = time.monotonic()
        control.stop()
        control.stop()
        assert time.monotonic() - began < 0.5
    with Control(Simulator(), port=control.port), pytest.raises(OSError, match="in use"):
        Control(Simulator(), port=control.port).start()


# ---- the command --------------------------------------------------------------------------------


class Command:
    """`ivsd simulate` as a process."""

    def __init__(self, *options: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivsd", "simulate", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if "Ctrl-C ends it" in line:
                break

    def end(self) -> list[str]:
        """Ask it to end; everything it has said."""
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return self.lines + rest.splitlines()

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_the_command_offers_control_and_says_what_happens(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    options = ["--control-port", "0", "--tls", "good", "--ca-file", str(pem)]
    with Command(*options, "--valt-version", "5.9.0") as command:
        certificate, control, valt = command.lines
        assert re.fullmatch("certificate good, sha256:[0-9a-f]{64}", certificate)
        url = re.search(r"https://\S+?(?=,)", valt)
        assert url
        remote = Remote(control.removeprefix("control API at "))
        state = remote.state()
        assert (state["url"], state["version"]) == (url[0], "5.9.0")
        assert certificate.endswith(state["fingerprint"])
        assert remote.ask("GET", "/ca.pem")[1] == pem.read_text()
        remote.do("/certificate", kind="none")
        remote.do("/rooms/4/start")
        login = http.client.HTTPConnection(remote.host, urlsplit(url[0]).port, timeout=2)
        login.request("POST", "/api/v3/login", b'{"username":"admin","password":"admin"}')
        token = json.loads(login.getresponse().read())["data"]["access_token"]
        login.request("POST", f"/api/v3/rooms/4/record/stop?access_token={token}", b"{}")
        assert login.getresponse().read()
        login.close()
        said = command.end()
    assert said[3:] == [
        "control: certificate none",
        "control: Interview Room 1: recording",
        "POST /api/v3/login 200",
        "POST /api/v3/rooms/4/record/stop 200, Interview Room 1: available",
    ]


def test_the_command_offers_no_control_unless_asked() -> None:
    with Command() as command:
        assert len(command.lines) == 1
        assert command.lines[0].startswith("VALT 6.5.2 simulator at http://127.0.0.1:")
        command.end()


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--tls", "exprired"], "invalid choice: 'exprired'", 2),
        (["--quirk", "keep_alive=5"], "unknown quirk 'keep_alive'; did you mean", 2),
        (["--ca-file", "/none/ca.pem"], "cannot write /none/ca.pem: No such file", 1),
        (["--control-port", "70000"], "cannot listen on 127.0.0.1 port 70000", 1),
    ],
)
def test_the_command_says_what_is_wrong_with_an_option(
    options: list[str], message: str, code: int
) -> None:
    with Command(*options) as command:
        assert message in "\n".join(command.lines)
        assert "Traceback" not in "\n".join(command.lines)
        assert command.process.wait(10) == code

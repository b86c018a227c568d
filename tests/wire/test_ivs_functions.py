"""Each function of the `ivs` module: what it answers and refuses, and what the server holds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ivsd import ivs
from ivsd.valt.errors import NotAllowed, NotFound, Refused
from ivsd.valt.simulator import Fault, Simulator, World, WorldSpec, sample
from ivsd.valt.simulator.spec import GroupSpec, RoomSpec, ScheduleSpec, UserSpec

PASSWORD = "open-sesame-4711"
UNKNOWN = 99  # neither a room nor a user
VERSIONS = ["5.9.0", "6.4.1", "6.5.2", "6.6.0"]
COLOURS = ["white", "gray", "red", "yellow", "purple", "cyan", "blue", "green", "orange"]
every_version = pytest.mark.parametrize("version", VERSIONS)

Simulate = Callable[..., Simulator]
Connect = Callable[..., ivs.valt]


class Clock:
    """Time that passes only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(simulate: Simulate, clock: Clock) -> Simulate:
    """Start servers whose clock stands still: `serve("6.5.2", "start_refusal=200", spec=...)`."""

    def new(*args: Any, **more: Any) -> Simulator:
        return simulate(*args, clock=clock, password=PASSWORD, **more)

    return new


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ivs.log"


@pytest.fixture
def connect_to(log: Path) -> Iterator[Connect]:
    """Make instances: `connect_to(server, timeout=..., raise_errors=...)`."""
    with ExitStack() as opened:

        def new(server: Simulator, **more: Any) -> ivs.valt:
            more = {"logpath": log, **more}
            return opened.enter_context(ivs.valt(address(server), "admin", PASSWORD, **more))

        yield new


def address(server: Simulator) -> str:
    return f"{server.host}:{server.port}"


def asked(server: Simulator) -> list[str]:
    return [entry.path.removeprefix("/api/v3/") for entry in server.requests]


def bring(world: World, state: str, room: int = 4) -> None:
    """Let somebody at the VALT page bring a room that is available into this state."""
    match state:
        case "recording":
            world.start(room, "Interview")
        case "paused":
            world.start(room, "Interview")
            world.pause(room)
        case "locked":
            world.lock(room)
        case "prepared":
            world.prepare(room)


@dataclass(frozen=True)
class Function:
    """A function for a room or user, with what it answers on an error."""

    call: Callable[[ivs.valt, Any], Any]
    wrong: Any = 0
    state: str = "recording"  # of room 4, so that the function succeeds
    known: int = 4


FUNCTIONS = {
    "isrecording": Function(lambda valt, id_: valt.isrecording(id_), wrong=2),
    "getrecordingid": Function(lambda valt, id_: valt.getrecordingid(id_)),
    "getrecording": Function(lambda valt, id_: valt.getrecording(id_)),
    "startrecording": Function(lambda valt, id_: valt.startrecording(id_, "x"), state="available"),
    "stoprecording": Function(lambda valt, id_: valt.stoprecording(id_)),
    "pauserecording": Function(lambda valt, id_: valt.pauserecording(id_)),
    "resumerecording": Function(lambda valt, id_: valt.resumerecording(id_), state="paused"),
    "addmarker": Function(lambda valt, id_: valt.addmarker(id_, "Note")),
    "addmarker at a time": Function(lambda valt, id_: valt.addmarker(id_, "Note", "red", 1)),
    "getrecordingtime": Function(lambda valt, id_: valt.getrecordingtime(id_)),
    "ispaused": Function(lambda valt, id_: valt.ispaused(id_), wrong=False, state="paused"),
    "islocked": Function(lambda valt, id_: valt.islocked(id_), wrong=False, state="locked"),
    "getcameras": Function(lambda valt, id_: valt.getcameras(id_)),
    "getschedule": Function(lambda valt, id_: valt.getschedule(id_)),
    "getroomname": Function(lambda valt, id_: valt.getroomname(id_)),
    "getusername": Function(lambda valt, id_: valt.getusername(id_), known=12),
    "getroomstatus": Function(lambda valt, id_: valt.getroomstatus(id_)),
    "getroomstatus, four arguments": Function(
        lambda valt, id_: valt.getroomstatus(False, "127.0.0.1", "0" * 32, id_)
    ),
    "lockroom": Function(lambda valt, id_: valt.lockroom(id_), state="available"),
    "unlockroom": Function(lambda valt, id_: valt.unlockroom(id_), state="locked"),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def same(answer: object, expected: object) -> bool:
    """Whether it is the same answer, with 0 and False told apart."""
    return type(answer) is type(expected) and answer == expected


# ---- the instance -----------------------------------------------------------------------------


def test_the_documented_variables_are_there(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    assert valt.username == "admin"
    assert valt.password == PASSWORD
    assert valt.baseurl == f"http://{address(server)}/api/v3/"
    assert (ivs.valt.success_reauth_time, ivs.valt.failure_reauth_time) == (28800, 30)
    assert isinstance(valt.accesstoken, str)
    assert valt.errormsg == ""


@pytest.mark.parametrize("form", ["{}", "{}/", "http://{}", "http://{}/"])
def test_the_server_may_be_written_in_any_usual_form(serve: Simulate, log: Path, form: str) -> None:
    server = serve()
    with ivs.valt(form.format(address(server)), "admin", PASSWORD, logpath=log) as valt:
        assert valt.baseurl == f"http://{address(server)}/api/v3/"
        assert valt.getroomname(4) == "Interview Room 1"


@pytest.mark.parametrize(
    ("given", "baseurl"),
    [
        ("127.0.0.1", "http://127.0.0.1/api/v3/"),
        ("http://127.0.0.1", "http://127.0.0.1/api/v3/"),
        ("https://127.0.0.1", "https://127.0.0.1/api/v3/"),
        ("https://127.0.0.1:8443/", "https://127.0.0.1:8443/api/v3/"),
    ],
)
def test_a_given_scheme_is_kept_and_a_missing_one_is_http(
    log: Path, given: str, baseurl: str
) -> None:
    with ivs.valt(given, "admin", PASSWORD, timeout=0.5, logpath=log) as valt:
        assert valt.baseurl == baseurl


@pytest.mark.parametrize(
    "given",
    [
        *("", None, "None", " ", "http://", "https:///", "ftp://127.0.0.1", "127.0.0.1:port"),
        *("127.0.0.1:99999", "two words", "http://[::1", "\x00", 5),
    ],
)
def test_a_server_that_is_no_address_raises_nothing_and_answers_errors(
    log: Path, given: Any
) -> None:
    with ivs.valt(given, "admin", PASSWORD, timeout=0.5, logpath=log) as valt:
        assert valt.errormsg
        assert same(valt.accesstoken, 0)
        answers = {name: row.call(valt, row.known) for name, row in FUNCTIONS.items()}
        assert {n: a for n, a in answers.items() if not same(a, FUNCTIONS[n].wrong)} == {}
        assert valt.getrooms() == 0
        assert valt.errormsg
        assert valt.auth() is None
        assert valt.errormsg


def test_no_server_was_ever_tried(log: Path) -> None:
    with ivs.valt("", "admin", PASSWORD, logpath=log) as valt:
        assert valt.lastauthtime == 0


@pytest.mark.parametrize("given", ["", None, "http://", "127.0.0.1:port"])
def test_a_server_that_is_no_address_raises_where_asked(log: Path, given: Any) -> None:
    with pytest.raises((ivs.ValtError, ivs.BadArgument)):
        ivs.valt(given, "admin", PASSWORD, logpath=log, raise_errors=True)


def test_the_parameters_have_their_documented_names(serve: Simulate, log: Path) -> None:
    server = serve()
    with ivs.valt(server=address(server), username="admin", password=PASSWORD, logpath=log) as valt:
        assert valt.getroomname(room=4) == "Interview Room 1"
        assert valt.getusername(user=12) == "alice"


@pytest.mark.parametrize("raise_errors", [False, True])
@pytest.mark.parametrize("form", ["http://admin:{}@127.0.0.1:1", "admin:{}@127.0.0.1:1"])
def test_a_password_in_the_address_is_repeated_nowhere(
    log: Path, form: str, raise_errors: bool
) -> None:
    said = ""
    try:
        with ivs.valt(
            form.format(PASSWORD), "admin", "x", logpath=log, raise_errors=raise_errors
        ) as valt:
            said = f"{valt.errormsg} {valt!r} {valt.baseurl}"
    except (ivs.ValtError, ivs.BadArgument) as error:
        said = f"{error!r}"
    assert said
    assert PASSWORD not in said + (log.read_text() if log.exists() else "")


def test_no_log_of_python_s_holds_a_secret(
    serve: Simulate, connect_to: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where a script turns everything on."""
    caplog.set_level(logging.DEBUG)
    server = serve()
    valt = connect_to(server)
    first = str(valt.accesstoken)
    valt.getroomname(4)
    valt.get_user_by_card_number("0004711001")
    valt.getcameras(4)
    valt.auth()
    second = str(valt.accesstoken)
    server.faults.add(Fault("reset_before", "rooms/", None))
    valt.getroomname(4)
    assert caplog.records  # or it would prove nothing
    for secret in (PASSWORD, first, second, "0004711001", "viewer"):
        assert [r.name for r in caplog.records if secret in r.getMessage()] == []


def test_neither_password_nor_token_is_in_a_repr(serve: Simulate, connect_to: Connect) -> None:
    valt = connect_to(serve())
    shown = f"{valt!r} {valt}"
    assert PASSWORD not in shown
    assert str(valt.accesstoken) not in shown


def test_with_gives_the_instance_and_closes_it(serve: Simulate, log: Path) -> None:
    server = serve()
    made = ivs.valt(address(server), "admin", PASSWORD, logpath=log)
    with made as valt:
        assert valt is made
        assert valt.isrecording(4) is False
    before = len(server.requests)
    assert valt.isrecording(4) == 2
    assert valt.errormsg
    assert len(server.requests) == before


# ---- the states of a room ---------------------------------------------------------------------

STATES = {  # isrecording, ispaused, islocked, getroomstatus
    "available": (False, False, False, 1),
    "recording": (True, False, False, 2),
    "paused": (True, True, False, 3),
    "locked": (False, False, True, 4),
    "prepared": (False, False, False, 5),
}


@every_version
@pytest.mark.parametrize("state", STATES)
def test_the_state_of_a_room_is_told(
    serve: Simulate, connect_to: Connect, version: str, state: str
) -> None:
    server = serve(version)
    valt = connect_to(server)
    bring(server.world, state)
    answers = (
        valt.isrecording(4),
        valt.ispaused(4),
        valt.islocked(4),
        valt.getroomstatus(4),
    )
    assert all(map(same, answers, STATES[state])), answers
    assert valt.errormsg == ""
    assert valt.getroomstatus(7) == 1  # the neighbour


def test_an_unknown_status_word_is_no_status_and_no_error_of_the_link(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    token = valt.accesstoken
    body = '{"data": {"status": "evaluating", "record": false}}'
    server.faults.add(Fault("text", "rooms/4/status", body=body))
    assert same(valt.getroomstatus(4), 0)
    assert "evaluating" in valt.errormsg
    assert valt.accesstoken == token
    assert valt.getroomstatus(4) == 1
    assert valt.errormsg == ""


def test_the_documented_form_of_getroomstatus_asks_its_own_server_only(
    serve: Simulate, connect_to: Connect, log: Path
) -> None:
    server, other = serve(), serve()
    valt = connect_to(server)
    server.world.lock(4)
    assert valt.getroomstatus(False, address(other), "3e2c3e461736ce73830ed8d6d9d5dae6", 4) == 4
    assert other.requests == []
    assert other.connections == 0
    assert len(asked(server)) == 2
    assert log.read_text() != ""  # that the three are ignored
    assert "3e2c3e46" not in log.read_text()


def test_nothing_is_logged_when_the_documented_form_names_its_own_server(
    serve: Simulate, connect_to: Connect, log: Path
) -> None:
    server = serve()
    valt = connect_to(server)
    assert valt.getroomstatus(False, address(server), valt.accesstoken, 4) == 1
    assert not log.exists() or log.read_text() == ""


def test_getroomstatus_may_be_called_with_the_documented_names(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    server.world.lock(4)
    front: dict[str, Any] = {"https": True, "server": "valt.example.com", "accesstoken": "3e2c3e46"}
    by_name: Any = valt.getroomstatus
    assert by_name(room=4) == 4
    assert by_name(**front, room=4) == 4
    assert server.connections == 1


def test_the_documented_forms_may_name_what_follows_the_three_that_are_ignored(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt: Any = connect_to(server)
    front = (True, "valt.example.com", "3e2c3e46")
    assert valt.getroomstatus(*front, room=4) == 1
    created = valt.creategroup(*front, groupname="Trainees", infoid=30, markerid=73)
    assert server.world.groups.get(created).marker == 73


@pytest.mark.parametrize("count", [0, 2, 3, 5])
def test_a_wrong_number_of_arguments_of_getroomstatus_is_no_status(
    serve: Simulate, connect_to: Connect, count: int
) -> None:
    server = serve()
    valt = connect_to(server)
    try:
        answer: object = valt.getroomstatus(*[4] * count)
    except TypeError:
        answer = 0  # as any Python function would say it
    assert same(answer, 0)
    assert asked(server) == ["login"]


# ---- recordings -------------------------------------------------------------------------------


@every_version
def test_the_recording_s_id_is_told_while_there_is_one(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    valt = connect_to(server)
    assert same(valt.getrecordingid(4), 0)
    bring(server.world, "recording")
    running = server.world.recordings[0].id
    assert same(valt.getrecordingid(4), running)
    assert same(valt.getrecording(4), running)
    server.world.pause(4)
    assert same(valt.getrecordingid(4), running)
    assert same(valt.getrecordingid(7), 0)
    assert isinstance(valt.accesstoken, str)


@every_version
def test_a_start_records_under_the_authenticated_user(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    valt = connect_to(server)
    started = valt.startrecording(4, "Interview")
    (recording,) = server.world.recordings
    assert same(started, recording.id)
    assert (recording.room, recording.name, recording.author) == (4, "Interview", 3)
    assert valt.errormsg == ""


@every_version
def test_a_start_records_under_another_author(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    started = connect_to(server).startrecording(4, "Interview", author=13)
    (recording,) = server.world.recordings
    assert (started, recording.author) == (recording.id, 13)


@pytest.mark.parametrize("name", ['Müller & "Söhne" ☃ 𝄞', "a/b?c=d&e#f", "two\nlines", " x "])
def test_a_recording_s_name_arrives_as_it_is(
    serve: Simulate, connect_to: Connect, name: str
) -> None:
    server = serve()
    assert connect_to(server).startrecording(4, name) != 0
    assert [recording.name for recording in server.world.recordings] == [name]


@every_version
@pytest.mark.parametrize("refusal", ["400", "200"])
@pytest.mark.parametrize("state", ["recording", "paused", "locked"])
def test_a_start_in_a_room_that_is_taken_is_refused(
    serve: Simulate, connect_to: Connect, version: str, refusal: str, state: str
) -> None:
    server = serve(version, f"start_refusal={refusal}")
    valt = connect_to(server)
    bring(server.world, state)
    before = server.world.recordings
    refused(valt, lambda: valt.startrecording(4, "Interview"))
    assert server.world.recordings == before
    assert asked(server).count("rooms/4/record/start") == 1


def refused(valt: ivs.valt, call: Callable[[], object], *, wrong: object = 0) -> None:
    """Assert that the call is refused, and that this is no error of the link."""
    token = valt.accesstoken
    assert isinstance(token, str)
    assert same(call(), wrong)
    assert valt.errormsg
    assert valt.accesstoken == token


def test_a_refusal_repeats_the_server_s_reason(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    server.world.lock(4)
    valt.startrecording(4, "Interview")
    assert "The room is locked" in valt.errormsg
    valt.stoprecording(4)
    assert "Recording in room not found" in valt.errormsg
    valt.lockroom(4)
    assert "This room is already locked." in valt.errormsg


def test_a_start_for_an_author_who_does_not_exist_is_refused(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    refused(valt, lambda: valt.startrecording(4, "Interview", author=UNKNOWN))
    assert server.world.recordings == []


def test_a_start_without_the_fields_the_site_demands_is_refused(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve("6.5.2", "required_template_fields=7")
    valt = connect_to(server)
    refused(valt, lambda: valt.startrecording(4, "Interview"))
    assert "7" in valt.errormsg


@pytest.mark.parametrize("status", ["403", "400"])
def test_a_missing_right_is_a_refusal(serve: Simulate, connect_to: Connect, status: str) -> None:
    spec = sample()
    spec.users[3] = replace(spec.users[3], lacks=["monitoring--recording--reassign-author"])
    server = serve("6.5.2", f"missing_right_status={status}", spec=spec)
    valt = connect_to(server)
    refused(valt, lambda: valt.startrecording(4, "Interview", author=12))
    assert valt.startrecording(4, "Interview") == server.world.recordings[0].id


@pytest.mark.parametrize("name", ["", None, 5, b"x", ["x"]])
def test_a_recording_needs_a_name(serve: Simulate, connect_to: Connect, name: Any) -> None:
    server = serve()
    valt = connect_to(server)
    refused(valt, lambda: valt.startrecording(4, name))
    assert asked(server) == ["login"]


@pytest.mark.parametrize("author", [0, -1, "x", "", True, False, 4.5, [12]])
def test_an_author_is_a_user_s_number(serve: Simulate, connect_to: Connect, author: Any) -> None:
    server = serve()
    valt = connect_to(server)
    refused(valt, lambda: valt.startrecording(4, "Interview", author=author))
    assert asked(server) == ["login"]


@every_version
def test_a_recording_is_paused_resumed_and_stopped(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    world, valt = server.world, connect_to(server)
    running = world.start(4, "Interview").id
    assert same(valt.pauserecording(4), running)
    assert world.view(4).status == "paused"
    assert same(valt.resumerecording(4), running)
    assert world.view(4).status == "recording"
    assert same(valt.stoprecording(4), running)
    assert world.view(4).status == "available"
    assert world.recordings[0].stopped is not None
    assert valt.errormsg == ""


@every_version
def test_a_paused_recording_can_be_stopped(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    bring(server.world, "paused")
    assert connect_to(server).stoprecording(4) == server.world.recordings[0].id
    assert server.world.active(4) is None


def test_resuming_what_runs_and_pausing_what_is_paused_is_the_server_s_to_judge(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    running = server.world.start(4, "Interview").id
    assert valt.resumerecording(4) == running
    server.world.pause(4)
    assert valt.pauserecording(4) == running
    server.world.quirks.pause_while_paused = "refused"
    refused(valt, lambda: valt.pauserecording(4))


@every_version
@pytest.mark.parametrize("http_status", ["yes", "no"])
@pytest.mark.parametrize("name", ["stoprecording", "pauserecording", "resumerecording"])
def test_nothing_can_be_done_to_a_recording_that_is_not_there(
    serve: Simulate, connect_to: Connect, version: str, http_status: str, name: str
) -> None:
    valt = connect_to(serve(version, f"http_status_is_body_code={http_status}"))
    refused(valt, lambda: FUNCTIONS[name].call(valt, 4))


@every_version
def test_the_recording_s_time_is_told_in_whole_seconds(
    serve: Simulate, connect_to: Connect, clock: Clock, version: str
) -> None:
    server = serve(version)
    valt = connect_to(server)
    assert same(valt.getrecordingtime(4), 0)
    server.world.start(4, "Interview")
    assert same(valt.getrecordingtime(4), 0)
    clock.now += 37.6
    assert same(valt.getrecordingtime(4), 37)
    clock.now += 7200
    assert same(valt.getrecordingtime(4), 7237)
    assert isinstance(valt.accesstoken, str)


@pytest.mark.parametrize("told", ["37.9", '"37"'])
def test_a_recording_s_time_in_another_form_is_no_reason_to_raise(
    serve: Simulate, connect_to: Connect, told: str
) -> None:
    server = serve()
    valt = connect_to(server)
    body = '{"data":{"id":4,"name":"A","has_recording":true,"recording":{"id":1,"time":%s}}}'
    server.faults.add(Fault("text", "rooms/", body=body % told))
    answer = valt.getrecordingtime(4)
    assert type(answer) is int
    assert answer in (0, 37)


# ---- markers ----------------------------------------------------------------------------------


@every_version
@pytest.mark.parametrize("colour", COLOURS)
def test_every_documented_colour_is_taken(
    serve: Simulate, connect_to: Connect, version: str, colour: str
) -> None:
    server = serve(version)
    recording = server.world.start(4, "Interview").id
    assert same(connect_to(server).addmarker(4, "Note", colour), 1)
    (marker,) = server.world.recording(recording).markers
    assert marker.name == "Note"
    if version == "5.9.0":  # VALT 6 has no field for it
        assert marker.color == colour


@every_version
def test_a_marker_without_a_colour_is_red_and_without_a_time_stands_at_now(
    serve: Simulate, connect_to: Connect, clock: Clock, version: str
) -> None:
    server = serve(version)
    valt = connect_to(server)
    recording = server.world.start(4, "Interview").id
    for seconds in (0, 37, 100):
        clock.now = 1000.0 + seconds + 0.3
        assert same(valt.addmarker(4, f"After {seconds}"), 1)
        assert valt.errormsg == ""
    found = server.world.recording(recording).markers
    assert [(m.name, m.time_s, m.color) for m in found] == [
        ("After 0", 0, "red"),
        ("After 37", 37, "red"),
        ("After 100", 100, "red"),
    ]


@every_version
@pytest.mark.parametrize("time_s", [0, 1, 137])
def test_a_marker_stands_where_it_is_told_to(
    serve: Simulate, connect_to: Connect, clock: Clock, version: str, time_s: int
) -> None:
    server = serve(version)
    recording = server.world.start(4, "Interview").id
    clock.now += 200
    assert same(connect_to(server).addmarker(4, "Note", "green", time_s), 1)
    assert [m.time_s for m in server.world.recording(recording).markers] == [time_s]


@every_version
def test_a_marker_can_be_set_in_a_pause(
    serve: Simulate, connect_to: Connect, clock: Clock, version: str
) -> None:
    server = serve(version)
    recording = server.world.start(4, "Interview").id
    clock.now += 20
    server.world.pause(4)
    clock.now += 20
    assert connect_to(server).addmarker(4, "Note") == 1
    assert [m.time_s for m in server.world.recording(recording).markers] == [20]


@every_version
def test_a_marker_s_arguments_have_their_documented_names(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    recording = server.world.start(4, "Interview").id
    valt = connect_to(server)
    assert valt.addmarker(room=4, markername="Café ☕", color="blue", markertime=5) == 1
    (marker,) = server.world.recording(recording).markers
    assert (marker.name, marker.time_s) == ("Café ☕", 5)


@every_version
@pytest.mark.parametrize("time_s", [None, 5])
def test_there_is_no_marker_without_a_recording(
    serve: Simulate, connect_to: Connect, version: str, time_s: int | None
) -> None:
    server = serve(version)
    valt = connect_to(server)
    refused(valt, lambda: valt.addmarker(4, "Note", "red", time_s))
    server.world.stop(server.world.start(4, "Interview").room)
    refused(valt, lambda: valt.addmarker(4, "Note", "red", time_s))
    assert server.world.recordings[0].markers == ()


@every_version
def test_a_marker_that_the_server_refuses_is_none(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version, "marker_beyond_end=refused", "marker_refusal_status=400")
    valt = connect_to(server)
    recording = server.world.start(4, "Interview").id
    refused(valt, lambda: valt.addmarker(4, "Note", "red", 500))
    assert server.world.recording(recording).markers == ()


@pytest.mark.parametrize("version", ["5.9.0", "6.6.0"])
def test_a_marker_needs_no_version_that_may_be_read(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version, "version_as=forbidden")
    valt = connect_to(server)
    recording = server.world.start(4, "Interview").id
    assert (valt.addmarker(4, "Note"), valt.errormsg) == (1, "")
    assert isinstance(valt.accesstoken, str)
    assert [m.name for m in server.world.recording(recording).markers] == ["Note"]


def test_a_version_that_is_a_build_number_is_valt_5(serve: Simulate, connect_to: Connect) -> None:
    server = serve("5.9.0", "version_as=integer")
    recording = server.world.start(4, "Interview").id
    assert connect_to(server).addmarker(4, "Note") == 1
    assert len(server.world.recording(recording).markers) == 1


@pytest.mark.parametrize("colour", ["pink", "", None, "#ff0000", 5, ["red"], {"red"}])
def test_another_colour_is_an_error_before_any_request(
    serve: Simulate, connect_to: Connect, colour: Any
) -> None:
    server = serve()
    valt = connect_to(server)
    server.world.start(4, "Interview")
    refused(valt, lambda: valt.addmarker(4, "Note", colour))
    assert "colo" in valt.errormsg
    assert asked(server) == ["login"]


def test_the_error_of_a_colour_names_those_there_are(serve: Simulate, connect_to: Connect) -> None:
    valt = connect_to(serve())
    valt.addmarker(4, "Note", "pink")
    assert [colour for colour in COLOURS if colour not in valt.errormsg] == []
    assert "pink" in valt.errormsg


@pytest.mark.parametrize("time_s", [-1, True, False, 4.5, "", "abc", [1], float("nan")])
def test_a_marker_s_time_is_a_number_of_seconds(
    serve: Simulate, connect_to: Connect, time_s: Any
) -> None:
    server = serve()
    valt = connect_to(server)
    server.world.start(4, "Interview")
    refused(valt, lambda: valt.addmarker(4, "Note", "red", time_s))
    assert asked(server) == ["login"]


@pytest.mark.parametrize("name", ["", None, 5, ["x"]])
def test_a_marker_needs_a_name(serve: Simulate, connect_to: Connect, name: Any) -> None:
    server = serve()
    valt = connect_to(server)
    server.world.start(4, "Interview")
    refused(valt, lambda: valt.addmarker(4, name))
    assert asked(server) == ["login"]


# ---- locks ------------------------------------------------------------------------------------


@every_version
def test_a_room_is_locked_and_unlocked(serve: Simulate, connect_to: Connect, version: str) -> None:
    server = serve(version)
    valt = connect_to(server)
    assert same(valt.lockroom(4), 4)
    assert server.world.view(4).status == "locked"
    refused(valt, lambda: valt.lockroom(4))
    assert same(valt.unlockroom(4), 4)
    assert server.world.view(4).status == "available"
    refused(valt, lambda: valt.unlockroom(4))
    assert same(valt.lockroom("7"), 7)
    assert valt.errormsg == ""


@every_version
def test_a_recording_room_is_not_locked(serve: Simulate, connect_to: Connect, version: str) -> None:
    server = serve(version)
    valt = connect_to(server)
    server.world.start(4, "Interview")
    refused(valt, lambda: valt.lockroom(4))
    assert server.world.view(4).status == "recording"


# ---- lists and names --------------------------------------------------------------------------


@every_version
def test_cameras_are_listed(serve: Simulate, connect_to: Connect, version: str) -> None:
    valt = connect_to(serve(version))
    cameras = valt.getcameras(4)
    assert isinstance(cameras, list)
    assert [(c["id"], c["name"], c["ip"], c["password"]) for c in cameras] == [
        (61, "Cam 1", "192.0.2.61", "viewer"),
        (62, "Cam 2", "192.0.2.62", "viewer"),
    ]
    assert valt.getcameras(7) == []
    assert valt.errormsg == ""


@every_version
def test_rooms_are_listed(serve: Simulate, connect_to: Connect, version: str) -> None:
    rooms = connect_to(serve(version)).getrooms()
    assert isinstance(rooms, list)
    assert all(isinstance(room, dict) for room in rooms)
    assert [(room["id"], room["name"]) for room in rooms] == [
        (4, "Interview Room 1"),
        (7, "Interview Room 2"),
        (9, "Teaching Lab"),
    ]


def test_a_server_without_rooms_lists_none(serve: Simulate, connect_to: Connect) -> None:
    valt = connect_to(serve(spec=WorldSpec(rooms=[], users=sample().users)))
    assert (valt.getrooms(), valt.errormsg) == ([], "")


@every_version
def test_a_room_s_schedules_are_listed_in_order(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    spec = sample()
    spec.rooms.append(RoomSpec(44, "Room 44"))
    spec.schedules = [
        ScheduleSpec(1, "third", room=4, author=12, starts_in_s=9000, duration_s=60),
        ScheduleSpec(2, "elsewhere", room=44, author=12, starts_in_s=5000, duration_s=60),
        ScheduleSpec(3, "first", room=4, author=13, starts_in_s=3600, duration_s=1800),
        ScheduleSpec(4, "second", room=4, author=12, starts_in_s=6000, duration_s=60),
    ]
    server = serve(version, spec=spec)
    valt = connect_to(server)
    zero = int(server.world.born)
    assert valt.getschedule(4) == [
        [zero + 3600, zero + 5400, "first"],
        [zero + 6000, zero + 6060, "second"],
        [zero + 9000, zero + 9060, "third"],
    ]
    assert valt.getschedule("44") == [[zero + 5000, zero + 5060, "elsewhere"]]
    assert valt.getschedule(7) == []
    assert valt.errormsg == ""


def test_a_schedule_of_several_rooms_is_listed_for_each(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    body = (
        '{"data":{"schedules":[{"id":1,"name":"Both","rooms":[{"id":7},{"id":4}],'
        '"start_at":1780003600,"stop_at":1780007200}]}}'
    )
    server.faults.add(Fault("text", "schedule", None, body=body))
    for room in (4, 7):
        assert valt.getschedule(room) == [[1780003600, 1780007200, "Both"]]
    assert valt.getschedule(9) == []


@every_version
def test_names_are_told(serve: Simulate, connect_to: Connect, version: str) -> None:
    valt = connect_to(serve(version))
    assert valt.getroomname(9) == "Teaching Lab"
    assert valt.getusername(12) == "alice"  # what she logs in with
    assert valt.getusername("3") == "admin"


@every_version
@pytest.mark.parametrize("keys", ["snake", "camel"])
def test_users_are_listed(serve: Simulate, connect_to: Connect, version: str, keys: str) -> None:
    users = connect_to(serve(version, f"user_keys={keys}")).getusers()
    assert isinstance(users, list)
    assert all(isinstance(user, dict) for user in users)
    assert [(user["id"], user["name"]) for user in users] == [
        (12, "alice"),
        (13, "bob"),
        (14, "carol"),
        (3, "admin"),
    ]


def test_an_account_without_admin_access_is_refused_the_users(
    serve: Simulate, connect_to: Connect
) -> None:
    spec = sample()
    spec.users[3] = replace(spec.users[3], lacks=["admin"])
    valt = connect_to(serve(spec=spec))
    refused(valt, valt.getusers)
    refused(valt, lambda: valt.getusername(12))
    refused(valt, lambda: valt.getcameras(4))
    refused(valt, lambda: valt.get_user_by_card_number("2580"))
    assert valt.getroomname(4) == "Interview Room 1"


# ---- card numbers -----------------------------------------------------------------------------


@every_version
@pytest.mark.parametrize("keys", ["snake", "camel"])
@pytest.mark.parametrize(
    ("card", "user"),
    [
        *(("0004711001", 12), ("2580", 14), (2580, 14)),
        *(("4711001", 0), (4711001, 0), ("25", 0), ("None", 0), ("null", 0), ("9" * 40, 0)),
    ],
)
def test_a_card_number_belongs_to_a_user_or_to_nobody(
    serve: Simulate, connect_to: Connect, version: str, keys: str, card: str | int, user: int
) -> None:
    valt = connect_to(serve(version, f"user_keys={keys}"))
    token = valt.accesstoken
    assert same(valt.get_user_by_card_number(card), user)
    assert valt.accesstoken == token
    assert str(card) not in valt.errormsg


@every_version
def test_a_card_number_of_two_users_is_nobody_s(
    serve: Simulate, connect_to: Connect, log: Path, version: str
) -> None:
    spec = sample()
    spec.users.append(UserSpec(15, "dave", "Dave", "2580"))
    valt = connect_to(serve(version, spec=spec))
    refused(valt, lambda: valt.get_user_by_card_number("2580"))
    assert "2580" not in valt.errormsg
    assert not log.exists() or "2580" not in log.read_text()


def test_a_card_number_is_found_where_the_version_may_not_be_read(
    serve: Simulate, connect_to: Connect
) -> None:
    valt = connect_to(serve("6.5.2", "version_as=forbidden"))
    assert valt.get_user_by_card_number("2580") == 14
    assert valt.errormsg == ""


@pytest.mark.parametrize("card", [None, "", True, False, 4.5, ["2580"]])
def test_a_card_number_is_a_text_or_a_number(
    serve: Simulate, connect_to: Connect, card: Any
) -> None:
    server = serve()
    valt = connect_to(server)
    refused(valt, lambda: valt.get_user_by_card_number(card))
    assert asked(server) == ["login"]


@pytest.mark.parametrize("raise_errors", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "admin/users", None, status=500, body="no card 0004711001"),
        Fault("status", "admin/users", None, status=400, body='{"data":{"message":"0004711001"}}'),
        Fault("text", "admin/users", None, body='{"data":"0004711001"}'),
        Fault("reset_before", "admin/users", None),
    ],
    ids=["500", "400", "odd", "reset"],
)
def test_a_card_number_is_nowhere_to_be_read(
    serve: Simulate, connect_to: Connect, log: Path, fault: Fault, raise_errors: bool
) -> None:
    server = serve()
    valt = connect_to(server, raise_errors=raise_errors)
    server.faults.add(replace(fault))
    said = ""
    try:
        assert same(valt.get_user_by_card_number("0004711001"), 0)
    except ivs.ValtError as error:
        said = f"{error!r} {error} {error.__context__!r} {error.__cause__!r}"
    assert bool(said) is raise_errors
    written = log.read_text() if log.exists() else ""
    assert "0004711001" not in valt.errormsg + repr(valt) + written + said


# ---- groups -----------------------------------------------------------------------------------

RETENTIONS: list[dict[str, Any]] = [
    {},
    {"retention_type": "infinitely"},
    {"retention_type": "until", "retention_until": "12-31-2027"},
    *({"retention_type": unit, "retention_for": 365} for unit in ("days", "hours", "minutes")),
]


def strict(version: str) -> str:
    """How valt-api 8 says that a release wants a group's template ids, and nothing else."""
    return f"group_template_ids={'text' if version == '5.9.0' else 'integer'}"


@every_version
@pytest.mark.parametrize("retention", RETENTIONS)
def test_a_group_is_created_as_told(
    serve: Simulate, connect_to: Connect, version: str, retention: dict[str, Any]
) -> None:
    server = serve(version, strict(version))
    valt = connect_to(server)
    created = valt.creategroup(
        "Trainees",
        30,
        71,
        rights=["general", "general--home"],
        max_record_duration=180,
        rooms=[4, 7],
        video_access_users=[12, 14],
        video_access_groups=[1],
        **retention,
    )
    assert (type(created), valt.errormsg) == (int, "")
    assert server.world.groups.get(created) == GroupSpec(
        created,
        "Trainees",
        information=30,
        marker=71,
        rights=["general", "general--home"],
        max_record_duration=180,
        rooms=[4, 7],
        video_access_users=[12, 14],
        video_access_groups=[1],
        **retention,
    )


@every_version
@pytest.mark.parametrize("infoid", [30, "30"])
def test_a_group_needs_a_name_and_two_templates_only(
    serve: Simulate, connect_to: Connect, version: str, infoid: Any
) -> None:
    server = serve(version, strict(version))
    created = connect_to(server).creategroup("Trainees", infoid, infoid)
    expected = GroupSpec(created, "Trainees", information=30, marker=30)
    assert server.world.groups.get(created) == expected


@every_version
def test_the_documented_form_of_creategroup_asks_its_own_server_only(
    serve: Simulate, connect_to: Connect, log: Path, version: str
) -> None:
    server, other = serve(version, strict(version)), serve(version)
    valt = connect_to(server)
    created = valt.creategroup(False, address(other), "3e2c3e46", "Trainees", 30, 71, rooms=[4])
    assert server.world.groups.get(created).rooms == [4]
    assert other.connections == 0
    assert log.read_text() != ""  # that the three are ignored
    assert "3e2c3e46" not in log.read_text()


def test_a_group_s_arguments_have_their_documented_names(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    create: Any = connect_to(server).creategroup
    front: dict[str, Any] = {"https": True, "server": "valt.example.com", "accesstoken": "3e2c3e46"}
    created = [
        create(groupname="One", infoid=30, markerid=71),
        create(**front, groupname="Two", infoid=30, markerid=72),
    ]
    assert [server.world.groups.get(id_).marker for id_ in created] == [71, 72]


@every_version
@pytest.mark.parametrize("more", [{"rooms": [99]}, {"video_access_users": [99]}])
def test_a_group_with_what_the_server_does_not_know_is_refused(
    serve: Simulate, connect_to: Connect, version: str, more: dict[str, Any]
) -> None:
    server = serve(version)
    valt = connect_to(server)
    before = server.world.groups.all()
    refused(valt, lambda: valt.creategroup("Trainees", 30, 71, **more))
    assert "99" in valt.errormsg
    assert server.world.groups.all() == before


def test_a_group_name_that_is_taken_is_refused(serve: Simulate, connect_to: Connect) -> None:
    server = serve("6.5.2", "duplicate_group_name=400")
    valt = connect_to(server)
    assert valt.creategroup("Trainees", 30, 71) != 0
    refused(valt, lambda: valt.creategroup("Trainees", 30, 71))


BAD_GROUPS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "no name": (("", 1, 2), {}),
    "a name that is none": ((None, 1, 2), {}),
    "an information template that is none": (("Trainees", "abc", 2), {}),
    "an information template of another type": (("Trainees", True, 2), {}),
    "a marker template that is none": (("Trainees", 1, -5), {}),
    "a marker template that is missing": (("Trainees", 1, None), {}),
    "rights as one text": (("Trainees", 1, 2), {"rights": "general"}),
    "rights that are none": (("Trainees", 1, 2), {"rights": [5]}),
    "a duration as a text": (("Trainees", 1, 2), {"max_record_duration": "long"}),
    "a negative duration": (("Trainees", 1, 2), {"max_record_duration": -1}),
    "rooms as one number": (("Trainees", 1, 2), {"rooms": 4}),
    "rooms that are none": (("Trainees", 1, 2), {"rooms": ["abc"]}),
    "users that are none": (("Trainees", 1, 2), {"video_access_users": [True]}),
    "users as one number": (("Trainees", 1, 2), {"video_access_users": 12}),
    "groups that are none": (("Trainees", 1, 2), {"video_access_groups": [None]}),
    "an unknown retention": (("Trainees", 1, 2), {"retention_type": "weeks", "retention_for": 1}),
    "no date for until": (("Trainees", 1, 2), {"retention_type": "until"}),
    "a date in another form": (
        ("Trainees", 1, 2),
        {"retention_type": "until", "retention_until": "2027-12-31"},
    ),
    "a date that there is not": (
        ("Trainees", 1, 2),
        {"retention_type": "until", "retention_until": "02-30-2027"},
    ),
    "a date without its type": (("Trainees", 1, 2), {"retention_until": "12-31-2027"}),
    "no amount for days": (("Trainees", 1, 2), {"retention_type": "days"}),
    "an amount without a type": (("Trainees", 1, 2), {"retention_for": 365}),
    "a negative amount": (("Trainees", 1, 2), {"retention_type": "hours", "retention_for": -1}),
    "an amount as a word": (("Trainees", 1, 2), {"retention_type": "days", "retention_for": "x"}),
}


@pytest.mark.parametrize("case", BAD_GROUPS)
@pytest.mark.parametrize("front", [(), (True, "valt.example.com", "3e2c3e46")])
def test_a_bad_value_of_a_group_is_named_before_any_request(
    serve: Simulate, connect_to: Connect, case: str, front: tuple[Any, ...]
) -> None:
    server = serve()
    valt = connect_to(server)
    args, more = BAD_GROUPS[case]
    refused(valt, lambda: valt.creategroup(*front, *args, **more))
    assert asked(server) == ["login"]
    assert "3e2c3e46" not in valt.errormsg


# ---- arguments --------------------------------------------------------------------------------

NO_IDS = [None, "", " ", "abc", True, False, 4.5, 4.0, -1, "-1", "4.0", "4x", "0x4", "²", b"4", [4]]


@every_function
def test_an_id_that_is_none_is_an_error_before_any_request(
    serve: Simulate, connect_to: Connect, name: str
) -> None:
    server, row = serve(), FUNCTIONS[name]
    valt = connect_to(server)
    token = valt.accesstoken
    for id_ in [*NO_IDS, "9" * 5000, {"id": 4}]:
        assert same(row.call(valt, id_), row.wrong), id_
        assert valt.errormsg, id_
        assert len(valt.errormsg) < 500
    assert valt.accesstoken == token
    assert asked(server) == ["login"]


HUGE: Any = 10**5000  # Python itself refuses to write it down


def test_a_number_beyond_all_measure_is_an_error_before_any_request(
    serve: Simulate, connect_to: Connect
) -> None:
    server = serve()
    valt = connect_to(server)
    calls: list[Callable[[], object]] = [
        lambda: valt.getroomname(HUGE),
        lambda: valt.getroomstatus(HUGE),
        lambda: valt.getusername(HUGE),
        lambda: valt.startrecording(4, "Interview", author=HUGE),
        lambda: valt.addmarker(4, "Note", "red", HUGE),
        lambda: valt.addmarker(4, "Note", HUGE),
        lambda: valt.get_user_by_card_number(HUGE),
        lambda: valt.creategroup("Trainees", HUGE, 71),
        lambda: valt.creategroup("Trainees", 30, 71, rooms=[HUGE]),
        lambda: valt.creategroup("Trainees", 30, 71, max_record_duration=HUGE),
        lambda: valt.creategroup("Trainees", 30, 71, retention_type="days", retention_for=HUGE),
    ]
    for call in calls:
        refused(valt, call)
        assert len(valt.errormsg) < 500
    assert asked(server) == ["login"]


@pytest.mark.parametrize("text", ["\ud800", "a&b=c#d /%", "\x00"])
def test_any_text_may_be_sent(serve: Simulate, connect_to: Connect, text: str) -> None:
    server = serve("5.9.0")
    valt = connect_to(server)
    assert valt.startrecording(4, f"Interview{text}") == server.world.recordings[0].id
    assert valt.addmarker(4, f"Note{text}") == 1
    assert [m.name for m in server.world.recordings[0].markers] == [f"Note{text}"]
    assert valt.get_user_by_card_number(f"1{text}") == 0
    assert isinstance(valt.accesstoken, str)


@every_function
def test_an_id_that_is_none_raises_where_asked(
    serve: Simulate, connect_to: Connect, name: str
) -> None:
    server = serve()
    valt = connect_to(server, raise_errors=True)
    for id_ in NO_IDS:
        with pytest.raises(ivs.BadArgument) as error:
            FUNCTIONS[name].call(valt, id_)
        assert isinstance(error.value, ValueError)
        assert not isinstance(error.value, ivs.ValtError)
    assert asked(server) == ["login"]


def test_other_bad_arguments_raise_where_asked(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server, raise_errors=True)
    calls: list[Callable[[], object]] = [
        lambda: valt.startrecording(4, ""),
        lambda: valt.startrecording(4, "x", author=-1),
        lambda: valt.addmarker(4, "Note", "pink"),
        lambda: valt.addmarker(4, "Note", "red", -1),
        lambda: valt.get_user_by_card_number(""),
        lambda: valt.creategroup("", 1, 2),
        lambda: valt.creategroup("Trainees", 1, 2, retention_for=5),
    ]
    for call in calls:
        with pytest.raises(ivs.BadArgument):
            call()
        assert valt.errormsg
    assert asked(server) == ["login"]


@every_function
@pytest.mark.parametrize("version", ["5.9.0", "6.5.2"])
def test_an_id_may_be_a_text_of_digits(
    serve: Simulate, connect_to: Connect, name: str, version: str
) -> None:
    row = FUNCTIONS[name]
    answers, paths = [], []
    for id_ in (row.known, str(row.known)):
        server = serve(version)
        bring(server.world, row.state)
        valt = connect_to(server)
        answer = row.call(valt, id_)
        assert valt.errormsg == ""
        paths.append(asked(server))
        # what was recorded has an id of its own on each server
        ids = [recording.id for recording in server.world.recordings]
        answers.append("the recording" if answer in ids else answer)
    assert same(answers[0], answers[1])
    assert paths[0] == paths[1]


@every_function
def test_an_unknown_id_is_a_refusal(serve: Simulate, connect_to: Connect, name: str) -> None:
    row = FUNCTIONS[name]
    valt = connect_to(serve())
    if name == "getschedule":  # all schedules come, and none is of this room
        assert valt.getschedule(UNKNOWN) == []
        return
    refused(valt, lambda: row.call(valt, UNKNOWN), wrong=row.wrong)


@every_function
def test_an_unknown_id_raises_where_asked(serve: Simulate, connect_to: Connect, name: str) -> None:
    if name == "getschedule":
        return
    valt = connect_to(serve(), raise_errors=True)
    with pytest.raises(NotFound) as error:
        FUNCTIONS[name].call(valt, UNKNOWN)
    assert isinstance(error.value, ivs.ValtError)
    assert valt.errormsg
    assert isinstance(valt.accesstoken, str)


def test_a_refusal_raises_where_asked(serve: Simulate, connect_to: Connect) -> None:
    spec = sample()
    spec.users[3] = replace(spec.users[3], lacks=["admin"])
    server = serve(spec=spec)
    valt = connect_to(server, raise_errors=True)
    server.world.lock(4)
    with pytest.raises(Refused, match="The room is locked"):
        valt.startrecording(4, "Interview")
    with pytest.raises(Refused, match="already locked"):
        valt.lockroom(4)
    with pytest.raises(Refused):
        valt.addmarker(4, "Note")
    with pytest.raises(NotAllowed):
        valt.getusers()
    assert isinstance(valt.accesstoken, str)
    assert valt.getroomstatus(4) == 4
    assert valt.errormsg == ""


@every_function
@pytest.mark.parametrize("version", ["5.9.0", "6.5.2"])
def test_the_answers_are_the_same_where_errors_raise(
    serve: Simulate, connect_to: Connect, name: str, version: str
) -> None:
    row = FUNCTIONS[name]
    answers = []
    for raise_errors in (False, True):
        server = serve(version)
        bring(server.world, row.state)
        answer = row.call(connect_to(server, raise_errors=raise_errors), row.known)
        ids = [recording.id for recording in server.world.recordings]
        answers.append("the recording" if answer in ids else answer)
    assert same(answers[0], answers[1])


# ---- how much is asked ------------------------------------------------------------------------

Count = tuple[Callable[[ivs.valt], object], int, int]


def one_each(row: Function) -> Count:
    return (lambda valt: row.call(valt, row.known)), 1, 1


COUNTS: dict[str, Count] = {
    **{name: one_each(row) for name, row in FUNCTIONS.items()},
    "addmarker": (lambda valt: valt.addmarker(4, "Note"), 3, 2),
    "addmarker at a time": (lambda valt: valt.addmarker(4, "Note", "red", 1), 3, 2),
    "getrooms": (lambda valt: valt.getrooms(), 1, 1),
    "getusers": (lambda valt: valt.getusers(), 1, 1),
    "get_user_by_card_number": (lambda valt: valt.get_user_by_card_number("2580"), 2, 1),
    "creategroup": (lambda valt: valt.creategroup("Trainees", 1, 2), 2, 1),
}


@every_version
@pytest.mark.parametrize("name", COUNTS)
def test_as_little_is_asked_as_possible(
    serve: Simulate, connect_to: Connect, version: str, name: str
) -> None:
    call, first, then = COUNTS[name]
    if name.startswith("addmarker") and version == "5.9.0":
        first = then  # the recording's number tells the generation
    server = serve(version, "duplicate_group_name=accepted")
    valt = connect_to(server)
    assert asked(server) == ["login"]
    bring(server.world, FUNCTIONS[name].state if name in FUNCTIONS else "available")
    call(valt)
    assert len(asked(server)) == 1 + first, asked(server)
    call(valt)
    assert len(asked(server)) == 1 + first + then, asked(server)
    assert asked(server).count("login") == 1


def test_the_version_is_read_once_for_all(serve: Simulate, connect_to: Connect) -> None:
    server = serve("6.5.2", "duplicate_group_name=accepted")
    valt = connect_to(server)
    server.world.start(4, "Interview")
    for _ in range(3):
        assert valt.addmarker(4, "Note") == 1
        assert valt.get_user_by_card_number("2580") == 14
        assert valt.creategroup("Trainees", 1, 2) != 0
    assert asked(server).count("admin/general") == 1
    valt.auth()
    assert valt.addmarker(4, "Note") == 1
    assert asked(server).count("admin/general") == 2


@every_version
def test_a_script_keeps_to_one_connection(
    serve: Simulate, connect_to: Connect, version: str
) -> None:
    server = serve(version)
    valt = connect_to(server)
    for _ in range(2):
        for row in FUNCTIONS.values():
            row.call(valt, row.known)
        valt.getrooms()
        valt.getusers()
        valt.get_user_by_card_number("2580")
        valt.auth()
    assert server.connections == 1
    assert {entry.connection for entry in server.requests} == {1}


# ---- threads ----------------------------------------------------------------------------------


def test_each_thread_reads_the_error_of_its_own_call(serve: Simulate, connect_to: Connect) -> None:
    valt = connect_to(serve())
    said: dict[str, list[str]] = {"good": [], "bad": [], "worse": []}
    turn = threading.Barrier(3, timeout=5)

    def run(name: str, call: Callable[[], object]) -> None:
        for _ in range(5):
            turn.wait()
            call()
            turn.wait()  # now all three have called
            said[name].append(valt.errormsg)

    with ThreadPoolExecutor(3) as threads:
        ends = [
            threads.submit(run, "good", lambda: valt.getroomname(4)),
            threads.submit(run, "bad", lambda: valt.stoprecording(4)),
            threads.submit(run, "worse", lambda: valt.addmarker(4, "Note", "pink")),
        ]
    assert [end.exception() for end in ends] == [None] * 3
    assert set(said["good"]) == {""}
    assert len(set(said["bad"])) == 1
    assert "Recording in room not found" in said["bad"][0]
    assert {("pink" in text) for text in said["worse"]} == {True}


def test_many_threads_get_their_own_answers(serve: Simulate, connect_to: Connect) -> None:
    server = serve()
    valt = connect_to(server)
    expected = {4: "Interview Room 1", 7: "Interview Room 2", 9: "Teaching Lab"}

    def ask(room: int) -> list[Any]:
        return [valt.getroomname(room) for _ in range(20)]

    rooms = [4, 7, 9] * 3
    with ThreadPoolExecutor(len(rooms)) as threads:
        answers = list(threads.map(ask, rooms))
    assert answers == [[expected[room]] * 20 for room in rooms]
    assert asked(server).count("login") == 1

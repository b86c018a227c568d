"""Each endpoint method with every outcome: its documented type comes out, or a ValtError."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivsd.valt.client import Client
from ivsd.valt.errors import (
    BadReply,
    ConnectionLost,
    LinkFault,
    LogInRefused,
    NotAllowed,
    NotFound,
    NotValt,
    Refused,
    RoomNotFound,
    ServerFailed,
    Unauthorized,
    ValtError,
)
from ivsd.valt.model import (
    Camera,
    NewGroup,
    RecordingId,
    Retention,
    Room,
    RoomInfo,
    RoomState,
    RoomStatus,
    Schedule,
    Secret,
    User,
    Version,
)
from ivsd.valt.simulator import Fault, Simulator, WorldSpec, sample
from ivsd.valt.simulator.spec import UserSpec
from ivsd.valt.transport import HttpTransport, Reply

UUID = "5c0e6f2e-1b7d-4a55-9a53-0f6a2d8c9b11"
V5_9, V6_2, V6_3, V6_4, V6_5, V6_6 = (
    Version.parse(text) for text in ("5.9.0", "6.2.4", "6.3.0", "6.4.1", "6.5.2", "6.6.0")
)
UNKNOWN = Version()
ALICE = User(12, "Alice Archer", Secret("0004711001"))

Simulate = Callable[..., Simulator]
Connect = Callable[..., HttpTransport]
Enter = Callable[..., Client]


class Canned:
    """A transport that always gets the same reply, and remembers what it was asked."""

    def __init__(self, body: object = b"", status: int = 200) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._reply = Reply(status, text)
        self.asked: list[tuple[str, str, dict[str, str], object]] = []

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        self.asked.append((method, path, query, body))
        return self._reply


def answered(body: object, status: int = 200) -> Client:
    return Client(Canned(body, status))


@dataclass(frozen=True)
class Endpoint:
    """A method of the client with arguments that suit room 4."""

    request: str  # method and path
    call: Callable[[Client], Any]


ENDPOINTS = {
    "log_in": Endpoint("POST login", lambda c: c.log_in("admin", Secret("admin"))),
    "version": Endpoint("GET admin/general", lambda c: c.version()),
    "rooms": Endpoint("GET rooms/info", lambda c: c.rooms()),
    "room_status": Endpoint("GET rooms/4/status", lambda c: c.room_status(4)),
    "room_info": Endpoint("GET rooms/info/4", lambda c: c.room_info(4)),
    "users_with_card": Endpoint(
        "GET admin/users", lambda c: c.users_with_card(Secret("2580"), V6_5)
    ),
    "users": Endpoint("GET admin/users", lambda c: c.users()),
    "user": Endpoint("GET admin/users/12", lambda c: c.user(12)),
    "cameras": Endpoint("GET admin/rooms/4/cameras", lambda c: c.cameras(4)),
    "schedules": Endpoint("GET schedule", lambda c: c.schedules(4)),
    "create_group": Endpoint(
        "POST admin/user_groups", lambda c: c.create_group(NewGroup("Trainees", 1, 2), V6_6)
    ),
    "start": Endpoint("POST rooms/4/record/start", lambda c: c.start(4, "Interview")),
    "stop": Endpoint("POST rooms/4/record/stop", lambda c: c.stop(4)),
    "pause": Endpoint("POST rooms/4/record/pause", lambda c: c.pause(4)),
    "resume": Endpoint("POST rooms/4/record/resume", lambda c: c.resume(4)),
    "lock": Endpoint("POST rooms/4/lock", lambda c: c.lock(4)),
    "unlock": Endpoint("POST rooms/4/unlock", lambda c: c.unlock(4)),
    "add_marker 5.9": Endpoint(
        "POST rooms/4/record/markers", lambda c: c.add_marker(4, 8123, "Note", "red", 3, V5_9)
    ),
    "add_marker 6.2": Endpoint(
        f"POST records/{UUID}/comments", lambda c: c.add_marker(4, UUID, "Note", "red", 3, V6_2)
    ),
    "add_marker 6.6": Endpoint(
        "POST comment", lambda c: c.add_marker(4, UUID, "Note", "red", 3, V6_6)
    ),
}
every_endpoint = pytest.mark.parametrize("name", ENDPOINTS)
both_generations = pytest.mark.parametrize("version", ["5.9.0", "6.6.0"])


# ---- success, one exchange each ---------------------------------------------------------------


@both_generations
def test_log_in_returns_the_token_and_does_not_use_it(
    simulate: Simulate, connect: Connect, version: str
) -> None:
    client = Client(connect(simulate(version).url))
    token = client.log_in("admin", Secret("admin"))
    assert len(token) == 32
    assert client.token == ""
    with pytest.raises(Unauthorized):
        client.rooms()
    client.token = token
    assert len(client.rooms()) == 3


def test_log_in_sends_name_and_password_in_the_body_only() -> None:
    transport = Canned({"data": {"access_token": "t"}})
    client = Client(transport)
    client.token = "old"
    client.log_in("api", Secret("pass word"))
    body = {"username": "api", "password": "pass word"}
    assert transport.asked == [("POST", "login", {}, body)]


@both_generations
def test_version_is_read(simulate: Simulate, enter: Enter, version: str) -> None:
    assert enter(simulate(version)).version() == Version.parse(version)


@pytest.mark.parametrize(
    ("told", "major", "minor"),
    [(641, 5, 0), ("641", 5, 0), ("6.10.1", 6, 10), ("6.5", 6, 5), ("7.0.0-beta", 7, 0)],
)
def test_version_may_be_a_build_number_or_a_dotted_text(
    told: object, major: int, minor: int
) -> None:
    version = answered({"data": {"version": told}}).version()
    assert (version.text, version.major, version.minor) == (str(told), major, minor)


@pytest.mark.parametrize("told", [None, True, 6.5, [], {}, "", "six", "6.x", "v6.5.2"])
def test_version_of_another_kind_is_unknown(told: object) -> None:
    version = answered({"data": {"version": told}}).version()
    assert (version.major, version.minor) == (0, 0)


def test_version_that_the_account_may_not_read_is_unknown(simulate: Simulate, enter: Enter) -> None:
    for status in ("403", "400"):
        valt = simulate("6.5.2", "version_as=forbidden", f"missing_right_status={status}")
        assert enter(valt).version() == UNKNOWN


@both_generations
def test_rooms_are_listed(simulate: Simulate, enter: Enter, version: str) -> None:
    assert enter(simulate(version)).rooms() == [
        Room(4, "Interview Room 1"),
        Room(7, "Interview Room 2"),
        Room(9, "Teaching Lab"),
    ]


@both_generations
def test_room_status_follows_the_room_through_all_its_states(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    valt = simulate(version)
    client, world = enter(valt), valt.world

    def status() -> RoomStatus:
        return client.room_status(4)

    assert status() == RoomStatus(RoomState.AVAILABLE, None, False, "available")
    world.prepare(4)
    assert status() == RoomStatus(RoomState.PREPARED, None, False, "prepared")
    recording = world.start(4, "Interview").id
    assert status() == RoomStatus(RoomState.RECORDING, recording, True, "recording")
    world.pause(4)
    assert status() == RoomStatus(RoomState.PAUSED, recording, True, "paused")
    world.stop(4)
    world.lock(4)
    assert status() == RoomStatus(RoomState.LOCKED, None, False, "locked")


@pytest.mark.parametrize("word", ["busy", "unknown", "", "Recording"])
@pytest.mark.parametrize("records", [True, False])
def test_an_unknown_status_word_is_kept_and_judged_by_its_flag(word: str, records: bool) -> None:
    status = answered({"data": {"status": word, "record": records}}).room_status(4)
    assert (status.state, status.word, status.records) == (RoomState.UNKNOWN, word, records)
    assert status.acts_as is (RoomState.RECORDING if records else RoomState.UNKNOWN)


def test_an_unknown_status_word_is_made_fit_for_one_line() -> None:
    status = answered({"data": {"status": "a\nb\x1b[31m\ud83d" + "x" * 99}}).room_status(4)
    assert status.word.isprintable()
    assert status.word.startswith("a b")
    assert len(status.word) <= 40


@both_generations
def test_room_info_tells_name_recording_and_its_time(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    now = [1000.0]
    valt = simulate(version, clock=lambda: now[0])
    client, room = enter(valt), Room(4, "Interview Room 1")
    assert client.room_info(4) == RoomInfo(room)
    recording = valt.world.start(4, "Interview").id
    now[0] += 37
    assert client.room_info(4) == RoomInfo(room, recording, 37.0, has_recording=True)


@both_generations
def test_a_recording_is_started_paused_resumed_and_stopped(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    valt = simulate(version)
    client = enter(valt)
    id_ = client.start(4, "Interview", author=12, template={"3": "Case 7"})
    assert isinstance(id_, int if version.startswith("5") else str)
    recording = valt.world.active(4)
    assert recording is not None
    assert (recording.id, recording.name, recording.author) == (id_, "Interview", 12)
    assert recording.template == {"3": "Case 7"}
    assert client.pause(4) == id_
    assert client.room_status(4).state is RoomState.PAUSED
    assert client.resume(4) == id_
    assert client.room_status(4).state is RoomState.RECORDING
    assert client.stop(4) == id_
    assert valt.world.active(4) is None


def test_a_start_names_author_and_template_only_if_there_are_any() -> None:
    transport = Canned({"data": {"id": 1, "start": True}})
    client = Client(transport)
    client.start(4, "a")
    client.start(4, "b", None, {})
    client.start(4, "c", 12, {"3": "x"})
    assert [body for *_, body in transport.asked] == [
        {"name": "a"},
        {"name": "b"},
        {"name": "c", "author": 12, "template": {"3": "x"}},
    ]


@both_generations
def test_a_room_is_locked_and_unlocked(simulate: Simulate, enter: Enter, version: str) -> None:
    valt = simulate(version)
    client = enter(valt)
    client.lock(4)
    assert valt.world.view(4).locked_by == 3
    client.unlock(4)
    assert valt.world.view(4).locked_by is None


# ---- what the server holds --------------------------------------------------------------------


@both_generations
def test_a_user_is_read_as_the_server_describes_it(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    client = enter(simulate(version))
    user = client.user(12)
    assert user == ALICE
    assert (user.as_sent["name"], user.as_sent["card_number"]) == ("alice", "0004711001")
    with pytest.raises(NotFound):
        client.user(99)


@both_generations
def test_all_users_are_listed(simulate: Simulate, enter: Enter, version: str) -> None:
    users = enter(simulate(version)).users()
    assert [user.id for user in users] == [12, 13, 14, 3]
    assert users[0].as_sent["card_number"] == "0004711001"


def test_what_a_swipe_finds_has_no_number_in_the_clear(simulate: Simulate, enter: Enter) -> None:
    [user] = enter(simulate()).users_with_card(Secret("0004711001"), V6_5)
    assert user.as_sent == {}


@both_generations
def test_the_cameras_of_a_room_are_listed(simulate: Simulate, enter: Enter, version: str) -> None:
    client = enter(simulate(version))
    cameras = client.cameras(4)
    assert [(camera.id, camera.as_sent["ip"]) for camera in cameras] == [
        (61, "192.0.2.61"),
        (62, "192.0.2.62"),
    ]
    assert client.cameras(7) == []
    with pytest.raises(RoomNotFound, match="99"):
        client.cameras(99)


def test_nothing_that_is_shown_of_a_camera_user_or_room_is_what_the_server_sent(
    simulate: Simulate, enter: Enter
) -> None:
    client = enter(simulate())
    shown = repr([client.cameras(4), client.users(), client.user(12), client.rooms()])
    for secret in ("viewer", "0004711001", "2580", "192.0.2.61"):
        assert secret not in shown


@pytest.mark.parametrize("version", ["5.9.0", "6.4.1", "6.5.2"])
def test_schedules_are_read_in_both_shapes(simulate: Simulate, enter: Enter, version: str) -> None:
    valt = simulate(version)
    begin = int(valt.world.born) + 3600
    client = enter(valt)
    assert client.schedules(9) == [Schedule("Monday seminar", begin, begin + 3600)]
    assert client.schedules(4) == []


NO_ROOMS: list[Any] = [[], {}, "4", 4]


@pytest.mark.parametrize(
    ("where", "here"),
    [
        ({"room": {"id": 4, "name": "A"}}, True),
        ({"room": {"id": 7, "name": "B"}}, False),
        ({"rooms": [{"id": 7}, {"id": 4}]}, True),
        ({"rooms": [{"id": 7}, None, 4]}, False),
        ({"rooms": None, "room": {"id": 4}}, True),
        *(({"rooms": value}, False) for value in NO_ROOMS),
        *(({"room": value}, False) for value in (*NO_ROOMS, None, {"id": "4"})),
        ({}, False),
    ],
)
def test_a_schedule_is_in_the_rooms_it_names(where: dict[str, Any], here: bool) -> None:
    client = answered({"data": {"schedules": [PLAN | where]}})
    assert client.schedules(4) == ([Schedule("Mon", 1, 2)] if here else [])


def test_a_schedule_of_another_room_may_be_as_wrong_as_it_likes() -> None:
    wrong = {"name": 7, "start_at": None, "room": {"id": 9}}
    client = answered({"data": {"schedules": [wrong, PLAN | {"room": {"id": 4}}]}})
    assert client.schedules(4) == [Schedule("Mon", 1, 2)]


@pytest.mark.parametrize(
    ("version", "template"),
    [
        (V5_9, {"information": "30", "marker": "71"}),
        (V6_4, {"information": 30, "comment": 71}),
        (V6_6, {"information": 30, "comment": 71}),
        (UNKNOWN, {"information": 30, "comment": 71}),
    ],
)
def test_a_group_has_the_templates_of_the_servers_version(
    version: Version, template: dict[str, object]
) -> None:
    transport = Canned({"data": {"id": 8}})
    assert Client(transport).create_group(NewGroup("Trainees", 30, 71), version) == 8
    assert [body for *_, body in transport.asked] == [{"name": "Trainees", "template": template}]


def test_a_group_is_sent_with_all_that_is_set_and_nothing_else() -> None:
    transport = Canned({"data": {"id": 8}})
    group = NewGroup(
        "Trainees",
        30,
        71,
        rights=("general", "general--home"),
        max_record_duration_min=180,
        rooms=(4, 7),
        video_users=(12,),
        video_groups=(),
        retention=Retention("days", amount=365),
    )
    Client(transport).create_group(group, V6_6)
    [(_, _, _, body)] = transport.asked
    assert json.loads(json.dumps(body)) == {
        "name": "Trainees",
        "template": {"information": 30, "comment": 71},
        "rights": ["general", "general--home"],
        "max_record_duration": 180,
        "rooms": [4, 7],
        "video_access": {"users": [12], "user_groups": []},
        "retention": {"type": "days", "for": 365},
    }


@pytest.mark.parametrize(
    ("retention", "sent"),
    [
        (Retention("infinitely"), {"type": "infinitely"}),
        (Retention("until", until="12-31-2027"), {"type": "until", "until": "12-31-2027"}),
        (Retention("hours", amount=5), {"type": "hours", "for": 5}),
    ],
)
def test_a_retention_is_sent_with_what_belongs_to_its_type(
    retention: Retention, sent: dict[str, object]
) -> None:
    transport = Canned({"data": {"id": 8}})
    Client(transport).create_group(NewGroup("Trainees", 1, 2, retention=retention), V6_6)
    [(_, _, _, body)] = transport.asked
    assert isinstance(body, dict)
    assert body["retention"] == sent


@both_generations
def test_a_group_is_made(simulate: Simulate, enter: Enter, version: str) -> None:
    valt = simulate(version)
    client = enter(valt)
    group = NewGroup("Trainees", 30, 71, rooms=(4,), retention=Retention("until", "12-31-2027"))
    id_ = client.create_group(group, Version.parse(version))
    assert valt.world.groups.get(id_).name == "Trainees"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("lock", {}),
        ("lock", {"foo": 1}),
        ("lock", {"id": 4, "locked_by": None}),
        ("unlock", {}),
        ("unlock", {"id": 4, "locked_by": 3}),
    ],
)
def test_a_lock_that_is_not_confirmed_is_a_bad_reply(name: str, data: dict[str, Any]) -> None:
    with pytest.raises(BadReply, match="does not say"):
        ENDPOINTS[name].call(answered({"data": data}))


@pytest.mark.parametrize("action", ["stop", "pause", "resume", "lock", "unlock"])
def test_an_action_without_parameters_sends_an_empty_object(action: str) -> None:
    transport = Canned({"data": {"id": 1, "status": True}})
    client = Client(transport)
    client.token = "t"
    ENDPOINTS[action].call(client)
    [(_, _, query, body)] = transport.asked
    assert (query, body) == ({"access_token": "t"}, {})


@every_endpoint
def test_a_method_makes_exactly_one_request(simulate: Simulate, enter: Enter, name: str) -> None:
    valt = simulate()
    client = enter(valt)
    valt.faults.add(Fault("status", status=500, count=None))
    with pytest.raises(ServerFailed):
        ENDPOINTS[name].call(client)
    [entry] = valt.requests[1:]
    assert f"{entry.method} {entry.path.partition('?')[0]}" == ENDPOINTS[name].request.replace(
        " ", " /api/v3/", 1
    )


# ---- every outcome with every endpoint --------------------------------------------------------

REASON = "Not at this hour"
OUTCOMES: dict[str, tuple[Fault, type[ValtError]]] = {
    "200 with status false": (
        Fault("text", body=f'{{"data":{{"message":"{REASON}","status":false}}}}'),
        Refused,
    ),
    "200 with start false": (
        Fault("text", body=f'{{"data":{{"message":"{REASON}","start":false}}}}'),
        Refused,
    ),
    "200 with code 400": (
        Fault("text", body=f'{{"data":{{"message":"{REASON}"}},"code":400}}'),
        Refused,
    ),
    "200 with code 404": (
        Fault("text", body=f'{{"data":{{"message":"{REASON}","status":false}},"code":404}}'),
        NotFound,
    ),
    "400": (
        Fault("status", status=400, body=f'{{"data":{{"message":"{REASON}"}},"code":400}}'),
        Refused,
    ),
    "401": (Fault("status", status=401), Unauthorized),
    "401 without a body": (Fault("status", status=401, body=" "), Unauthorized),
    "403": (Fault("status", status=403), NotAllowed),
    "404": (
        Fault("status", status=404, body=f'{{"data":{{"message":"{REASON}"}},"code":404}}'),
        NotFound,
    ),
    "500": (Fault("status", status=500), ServerFailed),
    "502 of a proxy": (Fault("status", status=502, body="<html>Bad Gateway"), ServerFailed),
    "302": (Fault("status", status=302), NotValt),
    "a web page": (Fault("html"), BadReply),
    "404 with a web page": (Fault("status", status=404, body="<html>Not Found"), NotValt),
    "400 of a TLS port": (Fault("status", status=400, body="<html>plain HTTP"), NotValt),
    "half a JSON": (Fault("not_json"), BadReply),
    "empty": (Fault("empty"), BadReply),
    "data null": (Fault("null_data"), BadReply),
    "a bare text": (Fault("text", body='"ok"'), BadReply),
    "a bare number": (Fault("text", body="1"), BadReply),
    "a bare null": (Fault("text", body="null"), BadReply),
    "data true": (Fault("text", body='{"data":true}'), BadReply),
    "data a number": (Fault("text", body='{"data":1}'), BadReply),
    "half a body": (Fault("half"), ConnectionLost),
    "reset before": (Fault("reset_before"), ConnectionLost),
    "reset inside": (Fault("reset_inside"), ConnectionLost),
    "reset after": (Fault("reset_after"), ConnectionLost),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
@every_endpoint
def test_outcome(simulate: Simulate, connect: Connect, name: str, outcome: str) -> None:
    fault, expected = OUTCOMES[outcome]
    valt = simulate()
    client = Client(connect(valt.url))
    valt.faults.add(
        Fault(fault.kind, status=fault.status, body=fault.body, count=None, applied=fault.applied)
    )
    if name == "version" and issubclass(expected, Refused):
        assert client.version() == UNKNOWN
        return
    if name == "log_in" and expected is Unauthorized:
        expected = LogInRefused
    if name in ("room_status", "room_info", "cameras") and expected is NotFound:
        expected = RoomNotFound
    with pytest.raises(ValtError) as error:
        ENDPOINTS[name].call(client)
    if name == "log_in" and issubclass(expected, Refused):
        assert type(error.value) in (expected, LogInRefused)  # see the tests of the session
    else:
        assert type(error.value) is expected
    if REASON in fault.body and expected in (Refused, NotFound):
        assert REASON in str(error.value)
    assert str(error.value).strip()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "may_have_happened", "light"),
    [
        (Unauthorized, False, LinkFault.NO_LOGIN),
        (NotAllowed, False, LinkFault.NO_LOGIN),
        (Refused, False, LinkFault.SERVER),
        (NotFound, False, LinkFault.SERVER),
        (RoomNotFound, False, LinkFault.NO_ROOM),
        (LogInRefused, False, LinkFault.NO_LOGIN),
        (ServerFailed, True, LinkFault.SERVER),
        (BadReply, True, LinkFault.SERVER),
        (NotValt, False, LinkFault.SERVER),
        (ConnectionLost, True, LinkFault.NO_LINK),
    ],
)
def test_each_error_says_whether_it_may_have_happened_and_which_light_it_lights(
    error: type[ValtError], may_have_happened: bool, light: LinkFault
) -> None:
    assert (error.may_have_happened, error.light) == (may_have_happened, light)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, Refused), (401, Unauthorized), (403, NotAllowed), (404, NotFound), (500, ServerFailed)],
)
@pytest.mark.parametrize("shape", ["beside data", "inside error"])
def test_the_code_in_the_body_counts_like_the_http_status(
    shape: str, code: int, expected: type[ValtError]
) -> None:
    body: dict[str, object] = {"data": {"message": REASON}, "code": code}
    if shape == "inside error":
        body = {"error": {"code": code, "message": REASON}}
    with pytest.raises(ValtError) as error:
        answered(body).stop(4)
    assert type(error.value) is expected


@pytest.mark.parametrize("flag", ["marker_add", "comment_add"])
@pytest.mark.parametrize("name", ["add_marker 5.9", "add_marker 6.2", "add_marker 6.6"])
def test_a_marker_that_was_not_added_is_refused(name: str, flag: str) -> None:
    with pytest.raises(Refused, match=REASON):
        ENDPOINTS[name].call(answered({"data": {flag: False, "message": REASON}}))


NO_TOKEN: list[Any] = [None, True, 5, [], {}, "", "\ud800"]
NO_ID: list[Any] = [None, True, 1.5, [], {}, "", "\ud800"]
NO_WORD: list[Any] = [None, True, 1, [], {}]
NO_LIST: list[Any] = [None, {}, "x", [1], [None], [{}], [{"id": "4"}], [{"id": True}]]
NO_TIME: list[Any] = [None, True, "1780003600", 1.5, 10**12, [], {}]
PLAN: dict[str, Any] = {"name": "Mon", "start_at": 1, "stop_at": 2}
HERE: dict[str, Any] = PLAN | {"room": {"id": 4}}
NO_OBJECT: list[Any] = [{"data": []}, {"data": "text"}, []]
WRONG: dict[str, list[Any]] = {
    "log_in": [{"data": {"access_token": value}} for value in NO_TOKEN],
    "rooms": [{"data": {"rooms": value}} for value in NO_LIST],
    "room_status": [{"data": {"status": value}} for value in NO_WORD],
    "users_with_card": [{"data": value} for value in NO_LIST],
    "users": [{"data": value} for value in NO_LIST],
    "user": [{"data": value} for value in NO_LIST if value != "x"],
    "cameras": [{"data": {"cameras": value}} for value in NO_LIST],
    "schedules": [
        *({"data": {"schedules": value}} for value in NO_LIST[:5]),
        *({"data": {"schedules": [HERE | {"start_at": value}]}} for value in NO_TIME),
        *({"data": {"schedules": [HERE | {"stop_at": value}]}} for value in NO_TIME),
    ],
    "create_group": [{"data": {"id": value}} for value in (*NO_ID[:5], "8")],
    **{
        name: [{"data": {"id": value}} for value in NO_ID]
        for name in ("start", "stop", "pause", "resume")
    },
    **dict.fromkeys(("lock", "unlock", "room_info"), NO_OBJECT),
}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param(name, body, id=f"{name} {json.dumps(body)}")
        for name, bodies in WRONG.items()
        for body in bodies
    ],
)
def test_a_value_of_the_wrong_type_is_a_bad_reply(name: str, body: object) -> None:
    with pytest.raises(BadReply):
        ENDPOINTS[name].call(answered(body))


@pytest.mark.parametrize(
    "time_s",
    [None, "37", True, [], math.inf, -math.inf, math.nan, 10**400],
    ids=["null", "text", "true", "list", "infinity", "-infinity", "nan", "beyond all floats"],
)
def test_a_recording_time_that_is_no_number_of_seconds_is_unknown(time_s: object) -> None:
    info = answered({"data": {"name": "A", "recording": {"id": 1, "time": time_s}}}).room_info(4)
    assert info == RoomInfo(Room(4, "A"), 1, None, has_recording=True)


@pytest.mark.parametrize("recording", [None, [], "x", 1, True, {}])
def test_a_recording_of_the_wrong_type_is_none(recording: object) -> None:
    body = {"data": {"name": "A", "has_recording": True, "recording": recording}}
    assert answered(body).room_info(4) == RoomInfo(Room(4, "A"), has_recording=True)


def test_a_room_that_does_not_say_whether_it_records_is_in_doubt() -> None:
    info = answered({"data": {"id": 4, "name": "A"}}).room_info(4)
    assert (info.room.name, info.has_recording) == ("A", None)


def test_the_flag_of_a_room_counts_more_than_a_recording_left_over() -> None:
    body = {"data": {"name": "A", "has_recording": False, "recording": {"id": 1, "time": 3}}}
    assert answered(body).room_info(4) == RoomInfo(Room(4, "A"))


@pytest.mark.parametrize("id_", [None, True, 1.5, [], {}, ""])
def test_a_status_with_a_recording_id_of_the_wrong_type_names_none(id_: object) -> None:
    body = {"data": {"status": "recording", "record": True, "record_id": id_}}
    status = answered(body).room_status(4)
    assert (status.recording, status.has_recording) == (None, True)


def test_a_room_whose_name_is_null_has_no_name() -> None:
    assert answered({"data": {"rooms": [{"id": 4, "name": None}]}}).rooms() == [Room(4, "")]
    body = {"data": {"id": 4, "name": None, "has_recording": False}}
    assert answered(body).room_info(4) == RoomInfo(Room(4, ""))


# ---- the server's own words -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"data": {"message": REASON}, "code": 400}),
        (400, {"error": {"code": 400, "message": REASON}}),
        (400, {"data": REASON}),
        (400, {"error": REASON}),
        (403, {"error": {"code": 403, "message": REASON}}),
        (404, {"data": {"message": REASON, "status": False}, "code": 404}),
        (200, {"data": {"message": REASON, "start": False}}),
        (200, {"data": {"message": REASON, "status": False}, "code": 404}),
        (200, {"error": {"code": 400, "message": REASON}}),
    ],
)
def test_the_servers_reason_is_in_the_error(status: int, body: object) -> None:
    with pytest.raises(Refused, match=REASON):
        answered(body, status).start(4, "x")


def test_a_refusal_without_a_reason_says_at_least_the_status() -> None:
    bodies: list[Any] = [{}, {"data": None}, {"data": {"message": " "}}, [], {"error": 7}]
    for body in bodies:
        with pytest.raises(Refused, match="HTTP 400"):
            answered(body, 400).stop(4)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("  Room\r\nis\tlocked\n", "Room is locked"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred [0m"),
        ("a\u202eb\u2028c\x00d", "a b c d"),
        ("half \ud83d", "half"),
        ("Raum ist für Prüfung gesperrt", "Raum ist für Prüfung gesperrt"),
        ("x" * 5000, "x" * 200),
    ],
)
def test_the_servers_reason_is_made_fit_for_one_line(said: str, shown: str) -> None:
    with pytest.raises(Refused) as error:
        answered({"data": {"message": said}}, 400).stop(4)
    assert str(error.value) == shown


def test_real_refusals_carry_the_simulators_words(simulate: Simulate, enter: Enter) -> None:
    for settings_ in ((), ("start_refusal=200",), ("http_status_is_body_code=false",)):
        client = enter(simulate("6.5.2", *settings_))
        with pytest.raises(NotFound, match="Recording in room not found"):
            client.stop(4)
        client.start(4, "x")
        with pytest.raises(Refused, match="already running"):
            client.start(4, "y")
        with pytest.raises(Refused, match="not locked"):
            client.unlock(4)


def test_an_unknown_room_is_no_room(simulate: Simulate, enter: Enter) -> None:
    client = enter(simulate())
    for read in (client.room_status, client.room_info):
        with pytest.raises(RoomNotFound, match="99"):
            read(99)
    with pytest.raises(NotFound):
        client.start(99, "x")


def test_a_refused_log_in_names_the_user_and_not_the_password(
    simulate: Simulate, connect: Connect
) -> None:
    client = Client(connect(simulate().url))
    with pytest.raises(LogInRefused, match="'admin'") as error:
        client.log_in("admin", Secret("hunter2hunter2"))
    assert "hunter" not in repr(error.value)
    assert client.token == ""


# ---- markers ----------------------------------------------------------------------------------

ROOM_MARKER = "rooms/4/record/markers", {"event": "Note", "time": 61, "color": "blue"}
RECORD_COMMENT = f"records/{UUID}/comments", {"event": "Note", "time": 61}
TEMPLATE = {"template": {"id": 1, "data": [], "name": "Note"}}
COMMENT = {"recordId": UUID, "recordTime": 61}
MESSAGE = "comment", COMMENT | {"type": "simple", "message": "Note"}


@pytest.mark.parametrize(
    ("version", "recording", "path", "body"),
    [
        (V5_9, 8123, *ROOM_MARKER),
        (Version.parse(641), 8123, *ROOM_MARKER),
        (V6_2, UUID, *RECORD_COMMENT),
        (V6_3, UUID, "comment", COMMENT | TEMPLATE),
        (V6_4, UUID, "comment", COMMENT | TEMPLATE),
        (V6_5, UUID, "comment", COMMENT | TEMPLATE | {"type": "simple"}),
        (V6_6, UUID, *MESSAGE),
        (Version.parse("6.10.0"), UUID, *MESSAGE),
        (Version.parse("7.0.0"), UUID, *MESSAGE),
        (UNKNOWN, UUID, *MESSAGE),
        (UNKNOWN, 8123, *ROOM_MARKER),
    ],
)
def test_the_marker_has_the_body_of_the_servers_version(
    version: Version, recording: RecordingId, path: str, body: object
) -> None:
    transport = Canned({"data": {}})
    Client(transport).add_marker(4, recording, "Note", "blue", 61, version)
    assert [(method, at, sent) for method, at, _, sent in transport.asked] == [("POST", path, body)]


VERSIONS = ("5.9.0", "6.0.1", "6.2.4", "6.3.0", "6.4.1", "6.5.2", "6.6.0")


@pytest.mark.parametrize(
    ("version", "known"),
    [*((version, True) for version in VERSIONS), ("5.9.0", False), ("6.6.0", False)],
)
def test_the_marker_arrives_at_a_server_of_that_version(
    simulate: Simulate, enter: Enter, version: str, known: bool
) -> None:
    valt = simulate(version)
    client = enter(valt)
    recording = client.start(4, "Interview")
    told = client.version() if known else UNKNOWN
    client.add_marker(4, recording, "Note", "blue", 61, told)
    [marker] = valt.world.recording(recording).markers
    assert (marker.name, marker.time_s) == ("Note", 61)
    if version.startswith("5"):
        assert marker.color == "blue"


@pytest.mark.parametrize("id_", ["8f/1", "8f?1", "8f#1", "8f%31"])
def test_a_recording_id_is_opaque_and_quoted_in_the_path(
    simulate: Simulate, enter: Enter, id_: str
) -> None:
    valt = simulate("6.2.4")
    with pytest.raises(ValtError):
        enter(valt).add_marker(4, id_, "Note", "red", 61, V6_2)
    quoted = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in id_)
    assert valt.requests[-1].path == f"/api/v3/records/{quoted}/comments"


# ---- badges and PINs --------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "filtered"), [("5.9.0", 0), ("6.4.1", 0), ("6.5.2", 1)])
def test_who_has_a_card_is_found_by_the_whole_number(
    simulate: Simulate, enter: Enter, version: str, filtered: bool
) -> None:
    valt = simulate(version)
    client = enter(valt)
    told = Version.parse(version)
    assert client.users_with_card(Secret("0004711001"), told) == [ALICE]
    assert ("cardNumber" in valt.requests[-1].path) is bool(filtered)
    for stranger in ("4711001", "000471100", "00047110011", "0004711001 ", "9999", "None", ""):
        assert client.users_with_card(Secret(stranger), told) == []


@pytest.mark.parametrize("version", ["6.4.1", "6.5.2"])
def test_a_server_that_ignores_the_filter_gives_nobody_elses_name(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    valt = simulate(version, "card_filter_since=9.9")
    assert enter(valt).users_with_card(Secret("2580"), V6_5) == [
        User(14, "Carol Cook", Secret("2580"))
    ]


def test_a_server_that_ignores_zeros_in_front_gives_no_match(
    simulate: Simulate, enter: Enter
) -> None:
    valt = simulate("6.5.2", "card_number_match=without_leading_zeros")
    assert enter(valt).users_with_card(Secret("4711001"), V6_5) == []


def test_several_users_with_one_card_are_all_found(simulate: Simulate, enter: Enter) -> None:
    twins = sample()
    spec = WorldSpec(twins.rooms, [*twins.users, UserSpec(15, "dave", None, "2580")])
    found = enter(simulate(spec=spec)).users_with_card(Secret("2580"), V6_5)
    assert [(user.id, user.name) for user in found] == [(14, "Carol Cook"), (15, "dave")]


def test_a_card_number_that_is_a_number_is_compared_as_text() -> None:
    users = {"data": [{"id": 1, "name": "a", "card_number": 2580}]}
    assert answered(users).users_with_card(Secret("2580"), V6_4) == [User(1, "a", Secret("2580"))]


@pytest.mark.parametrize(
    ("version", "users", "found"),
    [
        (V6_5, [{"id": 1, "name": "a"}], [1]),
        (V6_5, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], []),
        (V6_5, [{"id": 1, "name": "a", "card_number": None}], []),
        (V6_4, [{"id": 1, "name": "a"}], []),
    ],
)
def test_the_one_match_of_a_filter_is_taken_where_the_number_is_not_told(
    version: Version, users: list[Any], found: list[int]
) -> None:
    """valt-api 5.13: the number is checked again when the field is present."""
    users_found = answered({"data": users}).users_with_card(Secret("2580"), version)
    assert [user.id for user in users_found] == found


@pytest.mark.parametrize("unset", [None, ""])
@pytest.mark.parametrize("asked", ["", "None", "null", "0"])
def test_an_unset_card_never_matches(unset: object, asked: str) -> None:
    users = {"data": [{"id": 1, "name": "a", "card_number": unset}, {"id": 2, "name": "b"}]}
    assert answered(users).users_with_card(Secret(asked), V6_5) == []


def test_a_server_with_camel_case_keys_finds_the_card_and_the_name(
    simulate: Simulate, enter: Enter
) -> None:
    valt = simulate("6.5.2", "user_keys=camel")
    assert enter(valt).users_with_card(Secret("0004711001"), V6_5) == [ALICE]


# ---- anything at all --------------------------------------------------------------------------

WORDS = (
    *("data", "error", "code", "message", "id", "name", "status", "start", "record", "record_id"),
    *("recording", "time", "rooms", "version", "access_token", "card_number", "display_name"),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(st.characters(), max_size=8),
    st.sampled_from(["available", "recording", "6.5.2"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5),
    ),
    max_leaves=12,
)


def objects(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these keys, and anything as their values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, SCALARS | JSON))


DATA = st.one_of(
    JSON,
    objects("status", "record", "record_id", "record_access"),
    objects("id", "start", "status", "message", "access_token", "version"),
    st.builds(lambda name, recording: {"name": name, "recording": recording},
              SCALARS, objects("id", "time")),
    st.builds(lambda rooms: {"rooms": rooms}, st.lists(objects("id", "name"), max_size=3)),
    st.lists(objects("id", "name", "display_name", "card_number"), max_size=3),
    st.builds(lambda cameras: {"cameras": cameras}, st.lists(objects("id", "name"), max_size=3)),
    st.builds(lambda plans: {"schedules": plans},
              st.lists(objects("name", "start_at", "stop_at", "room", "rooms"), max_size=3)),
)  # fmt: skip
BODIES = st.one_of(
    st.builds(lambda data: json.dumps({"data": data}).encode(), DATA),
    st.builds(lambda data: json.dumps({"data": data, "code": 404}).encode(), DATA),
    JSON.map(lambda document: json.dumps(document).encode()),
    st.binary(max_size=20),
)
STATUSES = st.sampled_from([200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 500, 503, 999])


def is_recording_id(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and value != "")


def is_room(value: object) -> bool:
    return isinstance(value, Room) and type(value.id) is int and isinstance(value.name, str)


def is_user(value: object) -> bool:
    return isinstance(value, User) and type(value.id) is int and isinstance(value.name, str)


def is_status(value: object) -> bool:
    return (
        isinstance(value, RoomStatus)
        and isinstance(value.state, RoomState)
        and (value.recording is None or is_recording_id(value.recording))
        and type(value.records) is bool
        and isinstance(value.word, str)
    )


def is_info(value: object) -> bool:
    return (
        isinstance(value, RoomInfo)
        and is_room(value.room)
        and (value.recording is None or is_recording_id(value.recording))
        and (value.time_s is None or (type(value.time_s) is float and math.isfinite(value.time_s)))
    )


def is_camera(value: object) -> bool:
    return isinstance(value, Camera) and type(value.id) is int


def is_schedule(value: object) -> bool:
    return (
        isinstance(value, Schedule)
        and isinstance(value.name, str)
        and type(value.start_at) is type(value.stop_at) is int
    )


def is_nothing(value: object) -> bool:
    return value is None


DOCUMENTED: dict[str, Callable[[Any], bool]] = {
    "log_in": lambda token: isinstance(token, str) and token != "",
    "version": lambda version: isinstance(version, Version) and version.major >= 0,
    "rooms": lambda rooms: isinstance(rooms, list) and all(map(is_room, rooms)),
    "room_status": is_status,
    "room_info": is_info,
    "users_with_card": lambda users: isinstance(users, list) and all(map(is_user, users)),
    "users": lambda users: isinstance(users, list) and all(map(is_user, users)),
    "user": is_user,
    "cameras": lambda cameras: isinstance(cameras, list) and all(map(is_camera, cameras)),
    "schedules": lambda plans: isinstance(plans, list) and all(map(is_schedule, plans)),
    "create_group": lambda id_: type(id_) is int,
    **dict.fromkeys(("start", "stop", "pause", "resume"), is_recording_id),
    **dict.fromkeys(("lock", "unlock", *(n for n in ENDPOINTS if "marker" in n)), is_nothing),
}


@every_endpoint
@given(body=BODIES, status=STATUSES)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_any_reply_gives_the_documented_type_or_a_valt_error(
    name: str, body: bytes, status: int
) -> None:
    problem, result = "", None
    try:
        result = ENDPOINTS[name].call(Client(Canned(body, status)))
    except ValtError as error:
        problem = str(error)
    assert problem.isprintable()
    assert problem or DOCUMENTED[name](result), result


def test_a_uuid_is_of_valt_6_whatever_the_version_says(simulate: Simulate, enter: Enter) -> None:
    """Decision 13: `admin/general` may be a bare build number on any server."""
    valt = simulate("6.6.0", "version_as=integer")
    client = enter(valt)
    recording = valt.world.start(4, "Interview").id
    client.add_marker(4, recording, "Note", "red", 0, client.version())
    assert [marker.name for marker in valt.world.recording(recording).markers] == ["Note"]

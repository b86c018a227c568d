"""The simulator is what the sheet says, seen from outside: raw HTTP and raw sockets.

The first half asks the API without a socket and with a clock that is moved by hand; the second half
goes over TCP on loopback.
"""

from __future__ import annotations

import ast
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import active_count
from typing import Any
from urllib.parse import urlsplit

import pytest

import ivsd.valt.simulator
from ivsd.valt.simulator import Api, Fault, Quirks, Simulator, World, WorldSpec, sample
from ivsd.valt.simulator.spec import CameraSpec, RoomSpec, ScheduleSpec, UserSpec

ALICE, BOB, ADMIN = 12, 13, 3
FORBIDDEN = 403, {"error": {"code": 403, "message": "..."}}
SERVER_ERROR = 500, {"error": {"code": 500, "message": "Internal Server Error"}}
NO_KEY = 401, {"error": {"code": 401, "message": "No API key provided"}}

Answer = tuple[int, Any]


class Bench:
    """A logged-in caller of the API, and a clock in its hand."""

    def __init__(self, version: str = "6.5.2", *settings: str, spec: WorldSpec | None = None):
        self.now = 1000.0
        self.world = World(
            spec,
            clock=lambda: self.now,
            wall=lambda: 1_780_000_000 + self.now,
            version=version,
            quirks=Quirks.with_settings(settings),
        )
        self.api = Api(self.world, "admin", "secret")
        self.token = self.login()

    def login(self) -> str:
        _, document = self.raw("POST", "login", {"username": "admin", "password": "secret"})
        token: str = document["data"]["access_token"]
        return token

    def raw(self, method: str, path: str, body: Any = None) -> Answer:
        payload = body if isinstance(body, bytes) else b"" if body is None else dumps(body)
        reply = self.api.handle(method, f"/api/v3/{path}", payload)
        return reply.status, json.loads(reply.payload) if reply.payload else None

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        joint = "&" if "?" in path else "?"
        return self.raw(method, f"{path}{joint}access_token={self.token}", body)

    def get(self, path: str) -> Any:
        status, document = self.ask("GET", path)
        assert status == 200, document
        return document

    def post(self, path: str, body: Any = None) -> Answer:
        return self.ask("POST", path, {"nothing": "nothing"} if body is None else body)

    def start(self, room: int = 4, **extra: Any) -> Any:
        status, document = self.post(f"rooms/{room}/record/start", {"name": "Interview", **extra})
        assert status == 200, document
        return document["data"]["id"]

    def word(self, room: int = 4) -> str:
        word: str = self.get(f"rooms/{room}/status")["data"]["status"]
        return word

    def time_s(self, room: int = 4) -> int:
        seconds: int = self.get(f"rooms/info/{room}")["data"]["recording"]["time"]
        return seconds


def dumps(document: Any) -> bytes:
    return json.dumps(document).encode()


def without_reason(answer: Answer) -> Answer:
    """The answer with its free text blanked, where the sheet does not fix it."""
    status, document = answer
    for holder in (document.get("data"), document.get("error")):
        if isinstance(holder, dict) and "message" in holder:
            assert holder["message"]
            holder["message"] = "..."
    return status, document


def lacking(*rights: str) -> WorldSpec:
    spec = sample()
    next(user for user in spec.users if user.name == "admin").lacks = list(rights)
    return spec


# ---- the gate -----------------------------------------------------------------------------------


def test_login_gives_a_token_of_32_hex_digits_and_nothing_else() -> None:
    status, document = Bench().raw("POST", "login", {"username": "admin", "password": "secret"})
    assert status == 200
    assert list(document) == ["data"]
    assert list(document["data"]) == ["access_token"]
    assert re.fullmatch("[0-9a-f]{32}", document["data"]["access_token"])


@pytest.mark.parametrize(
    "body", [{}, {"username": "admin"}, {"username": "admin", "password": "wrong"}]
)
def test_wrong_login_is_401_with_a_text_as_data(body: Any) -> None:
    assert Bench().raw("POST", "login", body) == (401, {"data": "Invalid username or password"})


def test_several_tokens_of_one_user_are_valid_at_once() -> None:
    bench = Bench()
    first, bench.token = bench.token, bench.login()
    assert first != bench.token
    assert bench.raw("GET", f"rooms/info?access_token={first}")[0] == 200
    assert bench.ask("GET", "rooms/info")[0] == 200


@pytest.mark.parametrize("path", ["rooms/4/status", "admin/users", "no/such/path", "login"])
def test_without_a_token_nothing_is_told_not_even_that_a_path_is_unknown(path: str) -> None:
    assert Bench().raw("GET", path) == NO_KEY


def test_without_a_token_nothing_is_done() -> None:
    bench = Bench()
    assert bench.raw("POST", "rooms/4/record/start", {"name": "x"}) == NO_KEY
    assert bench.world.recordings == []


@pytest.mark.parametrize(
    ("quirk", "answer"),
    [
        ("plain", (401, {"error": {"code": 401, "message": "Unauthorized"}})),
        ("no_key", NO_KEY),
        ("empty", (401, None)),
    ],
)
def test_unknown_token_is_401(quirk: str, answer: Answer) -> None:
    bench = Bench("6.5.2", f"unauthorized_body={quirk}")
    bench.token = "0" * 32
    assert bench.ask("GET", "rooms/info") == answer


def test_token_lives_for_ever_or_as_long_as_set() -> None:
    eternal, mortal = Bench(), Bench("6.5.2", "token_lifetime_s=3600")
    eternal.now += 10_000_000
    assert eternal.ask("GET", "rooms/info")[0] == 200
    mortal.now += 3599
    assert mortal.ask("GET", "rooms/info")[0] == 200
    mortal.now += 1
    assert mortal.ask("GET", "rooms/info")[0] == 401


def test_forgotten_tokens_are_unknown() -> None:
    bench = Bench()
    bench.api.forget_tokens()
    assert bench.ask("GET", "rooms/info")[0] == 401


def test_an_account_that_the_world_does_not_list_can_be_the_one_that_logs_in() -> None:
    world = World()
    api = Api(world, "door", "pw")
    assert api.handle("POST", "/api/v3/login", b'{"username":"door","password":"pw"}').status == 200
    assert "door" in [user.name for user in world.people.all()]


# ---- rooms --------------------------------------------------------------------------------------


def test_status_of_an_idle_room_has_no_recording_keys() -> None:
    assert Bench().get("rooms/4/status") == {"data": {"status": "available", "record": False}}


@pytest.mark.parametrize("version", ["5.7.1", "6.5.2"])
def test_status_of_a_recording_room_names_the_recording(version: str) -> None:
    bench = Bench(version)
    recording = bench.start()
    assert bench.get("rooms/4/status") == {
        "data": {
            "status": "recording",
            "record": True,
            "record_id": recording,
            "record_access": True,
        }
    }


def test_recording_ids_are_counted_on_valt_5_and_uuids_on_valt_6() -> None:
    five, six = Bench("5.7.1"), Bench("6.5.2")
    assert five.start(7) == five.start(4) - 1
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", six.start())


def test_info_tells_name_and_elapsed_seconds_while_recording_only() -> None:
    bench = Bench()
    idle = {"id": 4, "name": "Interview Room 1", "has_recording": False}
    assert bench.get("rooms/info/4") == {"data": idle}
    recording = bench.start()
    bench.now += 37.9
    busy = {**idle, "has_recording": True, "recording": {"id": recording, "time": 37}}
    assert bench.get("rooms/info/4") == {"data": busy}


def test_info_of_all_rooms_lists_them() -> None:
    rooms = Bench().get("rooms/info")["data"]["rooms"]
    assert rooms == [
        {"id": 4, "name": "Interview Room 1"},
        {"id": 7, "name": "Interview Room 2"},
        {"id": 9, "name": "Teaching Lab"},
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "rooms/5/status"),
        ("GET", "rooms/x/status"),
        ("GET", "rooms/info/5"),
        ("POST", "rooms/5/record/stop"),
        ("POST", "rooms/5/lock"),
        ("POST", "rooms/5/unlock"),
        ("GET", "admin/rooms/5"),
        ("GET", "admin/rooms/5/cameras"),
        ("GET", "admin/users/99"),
        ("GET", "no/such/path"),
        ("DELETE", "rooms/4/status"),
    ],
)
def test_unknown_ids_and_paths_are_404(method: str, path: str) -> None:
    expected = 404, {"error": {"code": 404, "message": "..."}}
    assert without_reason(Bench().ask(method, path, {})) == expected


def test_replies_are_json_without_spaces() -> None:
    bench = Bench()
    reply = bench.api.handle("GET", f"/api/v3/rooms/4/status?access_token={bench.token}")
    assert reply.payload == b'{"data":{"status":"available","record":false}}'


# ---- start --------------------------------------------------------------------------------------


def test_start_answers_the_fixed_text_the_new_id_and_start_true() -> None:
    bench = Bench("5.7.1")
    assert bench.post("rooms/4/record/start", {"name": "Interview", "share": {}}) == (
        200,
        {"data": {"message": "The recording is started", "id": 8124, "start": True}},
    )


def test_start_records_name_author_and_times() -> None:
    bench = Bench()
    id_ = bench.start(author=ALICE)
    bench.now += 60
    assert bench.post("rooms/4/record/stop") == (200, {"data": {"id": id_, "status": True}})
    (recording,) = bench.world.recordings
    assert (recording.room, recording.name, recording.author) == (4, "Interview", ALICE)
    assert recording.stopped is not None
    assert recording.stopped - recording.started == recording.length_s == 60


def test_start_without_author_belongs_to_the_logged_in_user() -> None:
    bench = Bench()
    bench.start()
    assert bench.world.recordings[0].author == ADMIN


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": 5},
        {"name": "x", "author": "12"},
        {"name": "x", "author": True},
        {"name": "x", "author": 99},
        {"name": "x", "template": "t"},
    ],
)
def test_start_with_bad_fields_is_400_with_a_reason(body: Any) -> None:
    answer = without_reason(Bench().post("rooms/4/record/start", body))
    assert answer == (400, {"data": {"message": "...", "start": False}, "code": 400})


def occupied(bench: Bench) -> None:
    bench.world.start(4, "By hand")


def locked(bench: Bench) -> None:
    bench.world.lock(4)


@pytest.mark.parametrize("make", [occupied, locked])
@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ([], (400, {"data": {"message": "...", "start": False}, "code": 400})),
        (["start_refusal=200"], (200, {"data": {"message": "...", "start": False}})),
        (
            ["http_status_is_body_code=false"],
            (200, {"data": {"message": "...", "start": False}, "code": 400}),
        ),
    ],
)
def test_start_in_a_recording_or_locked_room_is_refused(
    make: Callable[[Bench], None], settings: list[str], answer: Answer
) -> None:
    bench = Bench("6.5.2", *settings)
    make(bench)
    assert without_reason(bench.post("rooms/4/record/start", {"name": "x"})) == answer


def test_start_without_a_required_template_field_is_refused() -> None:
    bench = Bench("6.5.2", "required_template_fields=3, 5")
    body = {"name": "x", "template": {"3": "a"}}
    status, document = bench.post("rooms/4/record/start", body)
    assert status == 400
    assert "5" in document["data"]["message"]
    bench.start(template={"3": "a", "5": "b"})
    assert bench.world.recordings[0].template == {"3": "a", "5": "b"}


def test_start_for_somebody_else_needs_the_right_unless_switched_off() -> None:
    spec = lacking("monitoring--recording--reassign-author")
    bench = Bench(spec=spec)
    body = {"name": "x", "author": ALICE}
    assert without_reason(bench.post("rooms/4/record/start", body)) == FORBIDDEN
    bench.start(author=ADMIN)
    Bench("6.5.2", "author_needs_right=no", spec=spec).start(author=ALICE)


# ---- stop, pause, resume ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("stop", "Recording in room not found"),
        ("pause", "The recording in the room is not found"),
        ("resume", "The recording in the room is not found"),
    ],
)
def test_actions_in_an_idle_room_are_404_in_the_documented_words(action: str, reason: str) -> None:
    refusal = {"data": {"message": reason, "status": False}, "code": 404}
    assert Bench().post(f"rooms/4/record/{action}") == (404, refusal)
    other = Bench("6.5.2", "http_status_is_body_code=no")
    assert other.post(f"rooms/4/record/{action}") == (200, refusal)


def test_pause_and_resume_change_the_word_and_keep_the_recording() -> None:
    bench = Bench()
    done = 200, {"data": {"id": bench.start(), "status": True}}
    assert bench.post("rooms/4/record/pause") == done
    assert bench.word() == "paused"
    assert bench.post("rooms/4/record/resume") == done
    assert bench.word() == "recording"


def test_resume_of_a_running_recording_succeeds_and_changes_nothing() -> None:
    bench = Bench()
    done = 200, {"data": {"id": bench.start(), "status": True}}
    bench.now += 10
    assert bench.post("rooms/4/record/resume") == done
    assert (bench.word(), bench.time_s()) == ("recording", 10)


def test_second_pause_succeeds_or_is_refused() -> None:
    lenient, strict = Bench(), Bench("6.5.2", "pause_while_paused=refused")
    for bench in (lenient, strict):
        bench.start()
        bench.post("rooms/4/record/pause")
    assert lenient.post("rooms/4/record/pause")[0] == 200
    assert strict.post("rooms/4/record/pause")[0] == 404


def test_stop_while_paused_succeeds_or_is_refused() -> None:
    lenient, strict = Bench(), Bench("6.5.2", "stop_while_paused=refused")
    for bench in (lenient, strict):
        bench.start()
        bench.post("rooms/4/record/pause")
    assert lenient.post("rooms/4/record/stop")[0] == 200
    assert lenient.word() == "available"
    assert strict.post("rooms/4/record/stop")[0] == 404
    assert strict.word() == "paused"


@pytest.mark.parametrize(
    ("quirk", "paused", "resumed"), [("resume", 30, 5), ("pause", 0, 5), ("never", 30, 35)]
)
def test_the_timer_stands_while_paused_and_is_reset_as_the_quirk_says(
    quirk: str, paused: int, resumed: int
) -> None:
    bench = Bench("6.5.2", f"pause_resets_time={quirk}")
    bench.start()
    bench.now += 30
    bench.post("rooms/4/record/pause")
    bench.now += 100
    assert bench.time_s() == paused
    bench.post("rooms/4/record/resume")
    bench.now += 5
    assert bench.time_s() == resumed
    assert bench.world.recordings[0].length_s == 35


def test_a_paused_recording_may_be_hidden() -> None:
    bench = Bench("6.5.2", "record_while_paused=no")
    bench.start()
    bench.post("rooms/4/record/pause")
    assert bench.get("rooms/4/status") == {"data": {"status": "paused", "record": False}}
    assert "recording" not in bench.get("rooms/info/4")["data"]


def test_an_effect_may_show_late_but_counts_at_once() -> None:
    bench = Bench("6.5.2", "effect_lag_s=3")
    bench.start()
    assert bench.word() == "available"
    assert bench.post("rooms/4/record/start", {"name": "again"})[0] == 400
    bench.now += 2.9
    assert bench.word() == "available"
    bench.now += 0.1
    assert bench.word() == "recording"
    assert bench.time_s() == 3


@pytest.mark.parametrize("body", [b"", b"{}", b'{"nothing": "nothing"}'])
def test_actions_accept_a_dummy_an_empty_object_and_no_body(body: bytes) -> None:
    assert Bench().ask("POST", "rooms/4/lock", body)[0] == 200


def test_no_body_may_be_refused() -> None:
    bench = Bench("6.5.2", "empty_post_accepted=no")
    assert bench.ask("POST", "rooms/4/lock", b"") == SERVER_ERROR
    assert bench.ask("POST", "rooms/4/lock", b"{}")[0] == 200


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b"null", b"[" * 100_000])
@pytest.mark.parametrize("path", ["login", "rooms/4/record/start", "rooms/4/lock"])
def test_a_body_that_is_no_json_object_is_500(path: str, body: bytes) -> None:
    assert Bench().ask("POST", path, body) == SERVER_ERROR


# ---- locks --------------------------------------------------------------------------------------


def test_lock_and_unlock_answer_the_room_and_the_locker() -> None:
    bench = Bench()
    assert bench.post("rooms/4/lock") == (200, {"data": {"id": 4, "locked_by": ADMIN}})
    assert bench.word() == "locked"
    assert bench.post("rooms/4/unlock") == (200, {"data": {"id": 4, "locked_by": None}})
    assert bench.word() == "available"


def test_lock_twice_and_unlock_twice_are_400_in_the_documented_words() -> None:
    bench = Bench()
    free = {"data": {"message": "This room is not locked."}, "code": 400}
    taken = {"data": {"message": "This room is already locked."}, "code": 400}
    assert bench.post("rooms/4/unlock") == (400, free)
    bench.post("rooms/4/lock")
    assert bench.post("rooms/4/lock") == (400, taken)
    bench.world.quirks.http_status_is_body_code = False
    assert bench.post("rooms/4/lock") == (200, taken)


def test_lock_of_a_recording_room_is_refused_or_shows_both() -> None:
    strict, lenient = Bench(), Bench("6.5.2", "lock_while_recording=allowed")
    strict.start()
    assert strict.post("rooms/4/lock")[0] == 400
    lenient.start()
    assert lenient.post("rooms/4/lock")[0] == 200
    status = lenient.get("rooms/4/status")["data"]
    assert (status["status"], status["record"]) == ("locked", True)
    assert lenient.post("rooms/4/record/stop")[0] == 200


def test_prepared_rooms_can_be_started_and_locked() -> None:
    bench = Bench()
    bench.world.prepare(4)
    assert bench.word() == "prepared"
    bench.post("rooms/4/lock")
    bench.post("rooms/4/unlock")
    assert bench.word() == "available"
    bench.world.prepare(4)
    bench.start()
    bench.post("rooms/4/record/stop")
    assert bench.word() == "available"


def test_unlock_may_bring_prepared_back() -> None:
    bench = Bench("6.5.2", "unlock_restores_prepared=yes")
    bench.world.prepare(4)
    bench.post("rooms/4/lock")
    bench.post("rooms/4/unlock")
    assert bench.word() == "prepared"


# ---- rights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "method", "path"),
    [
        ("monitoring--recording--start-recording", "POST", "rooms/7/record/start"),
        ("monitoring--recording--stop-all-authors", "POST", "rooms/4/record/stop"),
        ("monitoring--recording--pause-all-authors", "POST", "rooms/4/record/pause"),
        ("monitoring--recording--pause-recording", "POST", "rooms/4/record/pause"),
        ("monitoring--recording--resume-all-authors", "POST", "rooms/4/record/resume"),
        ("monitoring--lock-rooms", "POST", "rooms/7/lock"),
        ("monitoring--unlock-all-users", "POST", "rooms/9/unlock"),
        ("admin", "GET", "admin/users"),
        ("admin", "GET", "admin/general"),
    ],
)
def test_a_missing_right_is_403_or_what_is_set(right: str, method: str, path: str) -> None:
    bench = Bench(spec=lacking(right))
    bench.world.start(4, "Alice's")
    bench.world.lock(9)
    assert without_reason(bench.ask(method, path, {"name": "x"})) == FORBIDDEN
    bench.world.quirks.missing_right_status = 401
    assert bench.ask(method, path, {"name": "x"})[0] == 401


# ---- markers and comments -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["rooms/4/record/markers", "records/8124/markers"])
def test_valt_5_takes_markers_by_room_and_by_recording(path: str) -> None:
    bench = Bench("5.7.1")
    bench.start()
    body = {"event": "Note", "time": 61, "color": "blue"}
    added = {"data": {"marker_add": True, "id": 55, "message": "marker add"}}
    assert bench.post(path, body) == (200, added)
    color, hex_color = ("blue", "#0000ff") if path.startswith("rooms") else ("red", "#ff0000")
    assert bench.get("records/8124/markers")["data"]["markers"] == [
        {
            "id": 55,
            "event": "Note",
            "time": 61,
            "color": color,
            "hex_color": hex_color,
            "template": [],
        }
    ]


def test_a_marker_lands_in_a_finished_recording_by_its_id_only() -> None:
    bench = Bench("5.7.1")
    first = bench.start()
    bench.post("rooms/4/record/stop")
    body = {"event": "Late", "time": 1, "template": {"field": "value"}}
    assert bench.post(f"records/{first}/markers", body)[0] == 200
    refusal = {"data": {"message": "Recording in room not found", "status": False}, "code": 404}
    assert bench.post("rooms/4/record/markers", body) == (404, refusal)
    (marker,) = bench.world.recordings[0].markers
    assert (marker.name, marker.time_s, marker.author) == ("Late", 1, ADMIN)
    markers = bench.get(f"records/{first}/markers")["data"]["markers"]
    assert markers[0]["template"] == [{"field": "value"}]


@pytest.mark.parametrize(
    "body",
    [
        {"time": 1},
        {"event": "x"},
        {"event": "x", "time": "1"},
        {"event": "x", "time": 1.5},
        {"event": "x", "time": -1},
        {"event": "x", "time": 1, "color": "pink"},
        {"event": "x", "time": 1, "color": ["red"]},
    ],
)
def test_a_bad_marker_is_500_or_400_with_a_reason(body: Any) -> None:
    bench = Bench("5.7.1")
    bench.start()
    assert bench.post("rooms/4/record/markers", body) == SERVER_ERROR
    bench.world.quirks.marker_refusal_status = 400
    refusal = 400, {"data": {"message": "..."}, "code": 400}
    assert without_reason(bench.post("rooms/4/record/markers", body)) == refusal
    assert bench.world.recordings[0].markers == ()


def test_a_position_beyond_the_end_may_be_refused() -> None:
    bench = Bench("5.7.1")
    bench.start()
    late = {"event": "x", "time": 60}
    assert bench.post("rooms/4/record/markers", late)[0] == 200
    bench.world.quirks.marker_beyond_end = "refused"
    assert bench.post("rooms/4/record/markers", late)[0] == 500
    bench.now += 59
    assert bench.post("rooms/4/record/markers", late)[0] == 200


TEMPLATE = {"id": 1, "data": [], "name": "Note"}


@pytest.mark.parametrize(
    ("version", "path", "body"),
    [
        ("6.0.4", "rooms/4/record/comments", {"event": "Note", "time": 15, "color": "red"}),
        ("6.0.4", "records/{}/comments", {"event": "Note", "time": 15}),
        ("6.4.0", "records/{}/comments", {"event": "Note", "time": 15}),
        ("6.3.1", "comment", {"recordTime": 15, "recordId": "{}", "template": TEMPLATE}),
        ("6.4.0", "comment", {"recordTime": 15, "recordId": "{}", "template": TEMPLATE}),
        (
            "6.5.2",
            "comment",
            {"recordTime": 15, "recordId": "{}", "template": TEMPLATE, "type": "simple"},
        ),
        (
            "6.6.0",
            "comment",
            {"recordTime": 15, "recordId": "{}", "type": "simple", "message": "Note"},
        ),
        (
            "6.6.0",
            "comment",
            {"startTime": 15, "endTime": 20, "recordId": "{}", "type": "duration"}
            | {"message": "Note"},
        ),
    ],
)
def test_each_release_of_valt_6_takes_its_comments(version: str, path: str, body: Any) -> None:
    bench = Bench(version)
    recording = bench.start()
    if "recordId" in body:
        body = {**body, "recordId": recording}
    status, document = bench.post(path.format(recording), body)
    assert status == 200
    if path == "comment":
        assert document == bench.get(f"comment/record/{recording}")[0]
    else:
        assert document == {"data": {"comment_add": True, "message": "comment add", "time": 15}}
    (marker,) = bench.world.recordings[0].markers
    assert (marker.name, marker.time_s) == ("Note", 15)


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("5.7.1", "rooms/4/record/comments"),
        ("5.7.1", "records/{}/comments"),
        ("5.7.1", "comment"),
        ("6.0.4", "comment"),
        ("6.0.4", "rooms/4/record/markers"),
        ("6.0.4", "records/{}/markers"),
        ("6.3.0", "rooms/4/record/comments"),
        ("6.5.2", "records/{}/comments"),
    ],
)
def test_calls_of_other_releases_are_404(version: str, path: str) -> None:
    bench = Bench(version)
    recording = bench.start()
    body = {"event": "x", "time": 1, "recordId": recording, "recordTime": 1, "template": TEMPLATE}
    assert bench.post(path.format(recording), body)[0] == 404
    assert bench.world.recordings[0].markers == ()


def test_the_releases_of_the_comment_calls_can_be_moved() -> None:
    settings = ["comment_since=6.9", "record_comments_until=6.9", "comment_type_since=6.9"]
    bench = Bench("6.6.0", *settings)
    recording = bench.start()
    assert bench.post(f"records/{recording}/comments", {"event": "x", "time": 1})[0] == 200
    body = {"recordId": recording, "recordTime": 1, "message": "x"}
    assert bench.post("comment", body)[0] == 404
    assert Bench("5.7.1", "room_markers=no").post("rooms/4/record/markers", {})[0] == 404


@pytest.mark.parametrize(
    ("version", "change"),
    [
        ("6.3.1", {"template": None, "message": "Note"}),
        ("6.5.2", {"type": None}),
        ("6.5.2", {"type": "loud"}),
        ("6.5.2", {"template": {"id": "1"}}),
        ("6.6.0", {"recordTime": "15"}),
        ("6.6.0", {"recordTime": None}),
        ("6.6.0", {"recordId": None}),
        ("6.6.0", {"recordId": "5c0e6f2e-1b7d-4a55-9a53-0f6a2d8c9b11"}),
        ("6.6.0", {"message": 5}),
    ],
)
def test_a_comment_that_the_release_does_not_take_is_500(version: str, change: Any) -> None:
    bench = Bench(version)
    body = {"recordTime": 1, "recordId": bench.start(), "template": TEMPLATE, "type": "simple"}
    assert bench.post("comment", body | change) == SERVER_ERROR


def test_the_comment_object_is_bare_and_its_time_a_text() -> None:
    bench = Bench("6.6.0")
    body = {"recordTime": 15, "recordId": bench.start(), "type": "simple", "message": "Note"}
    _, comment = bench.post("comment", body)
    assert comment["recordTime"] == "15"
    assert (comment["id"], comment["message"], comment["recordId"]) == (
        55,
        "Note",
        body["recordId"],
    )
    assert comment["author"] == {"id": ADMIN, "username": "admin", "displayName": "API account"}
    assert comment["createdAt"] == comment["updatedAt"] == 1_780_001_000
    bench.world.quirks.record_time_as = "integer"
    assert bench.get(f"comment/record/{body['recordId']}")[0]["recordTime"] == 15


def test_reading_the_markers_of_an_unknown_recording_is_404() -> None:
    assert Bench("5.7.1").ask("GET", "records/1/markers")[0] == 404
    assert Bench("6.6.0").ask("GET", "comment/record/1")[0] == 404
    assert Bench("5.7.1").post("records/1/markers", {"event": "x", "time": 1}) == SERVER_ERROR


# ---- users, version, rooms, cameras, schedule ---------------------------------------------------


def test_users_are_an_array_with_card_numbers() -> None:
    users = Bench().get("admin/users")["data"]
    assert [user["id"] for user in users] == [12, 13, 14, 3]
    assert users[0] == {
        "id": 12,
        "name": "alice",
        "display_name": "Alice Archer",
        "user_group": {"id": 1, "name": "Staff"},
        "card_number": "0004711001",
        "video_access": {"user_groups": []},
    }
    assert users[3]["card_number"] is None
    assert Bench().get("admin/users/12")["data"] == users[0]


def test_user_keys_may_be_spelt_the_other_way() -> None:
    user = Bench("6.5.2", "user_keys=camel").get("admin/users/12")["data"]
    assert (user["displayName"], user["cardNumber"]) == ("Alice Archer", "0004711001")


def ids_for_card(bench: Bench, card: str) -> list[int]:
    return [user["id"] for user in bench.get(f"admin/users?cardNumber={card}")["data"]]


def test_the_card_filter_works_from_6_5_and_is_ignored_before() -> None:
    everybody = [12, 13, 14, 3]
    assert ids_for_card(Bench("6.5.0"), "0004711002") == [BOB]
    assert ids_for_card(Bench("6.5.0"), "000") == []
    assert ids_for_card(Bench("6.5.0"), "") == everybody
    assert ids_for_card(Bench("6.4.9"), "0004711002") == everybody
    assert ids_for_card(Bench("5.7.1"), "0004711002") == everybody
    assert ids_for_card(Bench("6.4.9", "card_filter_since=6.4"), "0004711002") == [BOB]


def test_card_numbers_are_compared_with_their_leading_zeros_or_without() -> None:
    assert ids_for_card(Bench(), "4711001") == []
    lenient = Bench("6.5.2", "card_number_match=without_leading_zeros")
    assert ids_for_card(lenient, "4711001") == [ALICE]


def test_the_version_is_a_text_an_integer_or_a_secret() -> None:
    general = Bench("6.5.2").get("admin/general")["data"]
    assert general["version"] == "6.5.2"
    assert set(general["media_servers"][0]) == {"name", "address", "free_space", "total"}
    assert Bench("6.5.2", "version_as=integer").get("admin/general")["data"]["version"] == 652
    forbidden = Bench("6.5.2", "version_as=forbidden")
    assert without_reason(forbidden.ask("GET", "admin/general")) == FORBIDDEN


def test_admin_rooms_and_cameras() -> None:
    bench = Bench()
    rooms = bench.get("admin/rooms")["data"]
    assert [len(room["cameras"]) for room in rooms] == [2, 0, 0]
    assert bench.get("admin/rooms/4")["data"] == rooms[0]
    cameras = bench.get("admin/rooms/4/cameras")["data"]["cameras"]
    assert [camera["id"] for camera in cameras] == [61, 62]
    assert {"ip", "http_port", "rtsp_port", "username", "password", "colo_hex"} < set(cameras[0])
    assert bench.get("admin/rooms/7/cameras") == {"data": {"cameras": []}}


def test_the_schedule_names_a_room_or_from_6_5_rooms() -> None:
    old, new = (Bench(version).get("schedule")["data"] for version in ("6.4.0", "6.5.0"))
    room = {"id": 9, "name": "Teaching Lab"}
    assert old["schedules"][0]["room"] == room
    assert new["schedules"][0]["rooms"] == [room]
    assert "room" not in new["schedules"][0]
    assert old["total_count"] == 1
    schedule = old["schedules"][0]
    assert schedule["start_at"] == 1_780_001_000 + 3600
    assert schedule["stop_at"] - schedule["start_at"] == schedule["duration"] == 3600
    assert schedule["status"] == "pending"


def test_a_schedule_has_started_while_its_time_has_come() -> None:
    bench = Bench()
    bench.now += 3600
    assert bench.get("schedule")["data"]["schedules"][0]["status"] == "started"


# ---- the world by hand, its spec and its quirks -------------------------------------------------


def test_somebody_at_the_web_page_needs_a_name_only() -> None:
    bench = Bench()
    recording = bench.world.start(4, "By hand")
    assert bench.word() == "recording"
    bench.now += 12.5
    marker = bench.world.add_marker(recording.id, "Here")
    assert (marker.time_s, marker.color, marker.author) == (12, "red", ALICE)
    bench.world.pause(4)
    bench.now += 100
    bench.world.resume(4)
    bench.now += 1
    assert bench.world.stop(4).length_s == 13.5
    assert bench.world.active(4) is None
    bench.world.lock(4)
    assert bench.world.view(4).locked_by == ALICE
    bench.world.unlock(4)


def test_a_wrong_world_names_every_problem() -> None:
    spec = WorldSpec(
        rooms=[RoomSpec(4, "A"), RoomSpec(4, "B")],
        users=[UserSpec(1, "a")],
        cameras=[CameraSpec(61, "C", room=5)],
        schedules=[ScheduleSpec(2, "S", room=4, author=9)],
    )
    with pytest.raises(ValueError, match="room 4: used twice") as error:
        World(spec)
    assert "camera 61: there is no room 5" in str(error.value)
    assert "schedule 2: there is no user 9" in str(error.value)


def test_a_wrong_version_is_named() -> None:
    with pytest.raises(ValueError, match=r"like 6\.5\.2, not 'six'"):
        World(version="six")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pause_reset_time=never", "did you mean 'pause_resets_time'"),
        ("=", "unknown quirk"),
        ("pause_resets_time=sometimes", "expected one of resume, pause, never, not 'sometimes'"),
        ("record_while_paused=maybe", "expected one of true"),
        ("effect_lag_s=soon", "expected seconds, not 'soon'"),
        ("effect_lag_s=none", "expected seconds, not 'none'"),
        ("token_lifetime_s=soon", "expected seconds or none, not 'soon'"),
        ("comment_since=six", "expected a release such as 6.5, not 'six'"),
    ],
)
def test_a_wrong_quirk_setting_says_what_would_be_right(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Quirks.with_settings([setting])


def test_every_quirk_can_be_set_from_text_and_is_described() -> None:
    quirks = Quirks.with_settings(["token_lifetime_s=none", "missing_right_status=401"])
    assert quirks.token_lifetime_s is None
    assert quirks.missing_right_status == 401
    for name, default, doc in Quirks.described():
        text = "" if default == "()" else default
        assert Quirks.with_settings([f"{name}={text}"]) == Quirks(), name
        assert re.search(r"\(.*\d", doc), f"{name} names no section"


def test_the_simulator_shares_no_code_with_the_client() -> None:
    folder = Path(ivsd.valt.simulator.__file__).parent
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, file
                assert not (node.module or "").startswith("ivsd"), file


# ---- over TCP -----------------------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


class Caller:
    """http.client with a token, on one connection that is opened anew after an error."""

    def __init__(self, simulator: Simulator, context: ssl.SSLContext | None = None):
        address = urlsplit(simulator.url)
        assert address.hostname
        self.http: http.client.HTTPConnection
        if context is None:
            self.http = http.client.HTTPConnection(address.hostname, address.port, timeout=2)
        else:
            self.http = http.client.HTTPSConnection(
                address.hostname, address.port, timeout=2, context=context
            )
        body = {"username": "admin", "password": "admin"}
        self.token = ""
        self.token = self.post("login", body)[1]["data"]["access_token"]

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        payload = None if body is None else dumps(body)
        try:
            self.http.request(method, f"/api/v3/{path}?access_token={self.token}", payload)
            response = self.http.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self.http.close()
            raise

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.ask("POST", path, {} if body is None else body)


def soon(condition: Callable[[], bool], within_s: float = 1.0) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


START = ("rooms/4/record/start", {"name": "Interview"})
STATUS = "rooms/4/status"


def test_requests_share_one_connection(simulator: Simulator) -> None:
    caller = Caller(simulator)
    assert caller.get(STATUS)[0] == 200
    assert caller.post(*START)[0] == 200
    assert simulator.connections == 1
    assert {entry.connection for entry in simulator.requests} == {1}


def test_the_journal_tells_method_path_status_and_time_of_arrival(simulator: Simulator) -> None:
    before = time.monotonic()
    caller = Caller(simulator)
    caller.get(STATUS)
    caller.get("rooms/99/status")
    assert [(e.method, e.path, e.status) for e in simulator.requests] == [
        ("POST", "/api/v3/login", 200),
        ("GET", "/api/v3/rooms/4/status", 200),
        ("GET", "/api/v3/rooms/99/status", 404),
    ]
    times = [entry.at for entry in simulator.requests]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.monotonic()


def test_no_secret_reaches_the_log_or_the_journal() -> None:
    lines: list[str] = []
    with Simulator(password="hunter2", log=lines.append) as simulator:
        http_ = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=2)
        http_.request("POST", "/api/v3/login", b'{"username":"admin","password":"hunter2"}')
        token = json.loads(http_.getresponse().read())["data"]["access_token"]
        for key in ("access_token", "access%5Ftoken"):
            query = f"?{key}={token}&cardNumber=0004711001"
            http_.request("GET", f"/api/v3/admin/users{query}")
            assert b"alice" in http_.getresponse().read()
        assert soon(lambda: len(lines) == 3)
        text = "\n".join(lines) + repr(simulator.requests) + repr(simulator.api)
    assert "/api/v3/admin/users?cardNumber=*** 200" in lines[1]
    for secret in (token, "hunter2", "4711001"):
        assert secret not in text


def test_connection_close_and_http_1_0_are_heeded(simulator: Simulator) -> None:
    for head in ("GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", simulator.port), timeout=2) as sock:
            sock.sendall(head.encode())
            assert read_all(sock).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\r\n",
        b"GET /\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
def test_what_is_no_http_is_400_and_closes(simulator: Simulator, rubbish: bytes) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=2) as sock:
        sock.sendall(rubbish)
        assert read_all(sock).startswith(b"HTTP/1.1 400 ")


def read_all(sock: socket.socket) -> bytes:
    """Everything up to the end; a reset is an end too."""
    data = b""
    try:
        while part := sock.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def test_a_request_may_arrive_in_pieces(simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=2) as sock:
        body = b'{"username":"admin","password":"admin"}'
        head = b"POST /api/v3/login HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        for piece in (head[:10], head[10:], body[:5], body[5:]):
            sock.sendall(piece)
            time.sleep(0.01)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_many_clients_at_once_are_all_answered_and_one_starts(simulator: Simulator) -> None:
    callers = [Caller(simulator) for _ in range(20)]
    simulator.delay_s = 0.1
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda caller: caller.post(*START)[0], callers))
    assert time.monotonic() - began < 1.5  # one after the other would be 2 s
    assert sorted(statuses) == [200] + [400] * 19
    assert len(simulator.world.recordings) == 1


def test_delay_is_waited_before_each_reply_and_can_change_while_running(
    simulator: Simulator,
) -> None:
    caller = Caller(simulator)
    for delay_s in (0.0, 0.1):
        simulator.delay_s = delay_s
        began = time.monotonic()
        caller.get(STATUS)
        assert delay_s <= time.monotonic() - began < delay_s + 0.5


# ---- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body"),
    [
        (
            Fault("status", status=502, body="<h1>Bad</h1>"),
            502,
            "application/json",
            b"<h1>Bad</h1>",
        ),
        (
            Fault("status", status=503),
            503,
            "application/json",
            b'{"error":{"code":503,"message":"Service Unavailable"}}',
        ),
        (Fault("empty"), 200, "application/json", b""),
        (Fault("not_json"), 200, "application/json", b'{"data": {"status": "avail'),
        (Fault("null_data"), 200, "application/json", b'{"data":null}'),
        (Fault("text", body="[1]"), 200, "application/json", b"[1]"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_a_replaced_reply_comes_once_and_nothing_is_carried_out(
    simulator: Simulator, fault: Fault, status: int, content_type: str, body: bytes
) -> None:
    caller = Caller(simulator)
    simulator.faults.add(fault)
    caller.http.request("POST", f"/api/v3/{START[0]}?access_token={caller.token}", dumps(START[1]))
    response = caller.http.getresponse()
    assert (response.status, response.read()) == (status, body)
    assert response.headers["Content-Type"] == content_type
    assert simulator.world.recordings == []
    assert simulator.requests[-1].fault == fault.kind
    assert caller.post(*START)[0] == 200
    assert simulator.connections == 1


def test_html_comes_as_a_web_page(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("html"))
    caller.http.request("GET", "/api/v3/rooms/info")
    response = caller.http.getresponse()
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html"
    assert response.read().startswith(b"<!DOCTYPE html>")


def test_a_replaced_reply_may_hide_that_the_request_was_carried_out(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("status", "record/start", status=500, applied=True))
    assert caller.post(*START)[0] == 500
    assert len(simulator.world.recordings) == 1


def test_faults_match_by_path_or_method_and_count(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("status", "record/start", count=2))
    simulator.faults.add(Fault("status", "GET ", count=None, status=500))
    assert [caller.post(*START)[0] for _ in range(3)] == [503, 503, 200]
    assert [caller.get(STATUS)[0] for _ in range(3)] == [500] * 3
    simulator.faults.clear()
    assert caller.get(STATUS)[0] == 200


def test_a_fault_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'reset_after'"):
        Fault("reset_aftr")
    with pytest.raises(ValueError, match="needs seconds"):
        Fault("drip")


def test_delay_carries_out_at_once_and_answers_later(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("delay", "record/start", seconds=0.2))
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        reply = pool.submit(caller.post, *START)
        assert soon(lambda: bool(simulator.world.recordings), 0.15)
        assert reply.result(2)[0] == 200
    assert 0.2 <= time.monotonic() - began < 0.5


def test_hang_answers_nothing_until_the_client_gives_up(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("hang", "record/start"))
    caller.http.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        caller.post(*START)
    assert simulator.requests[-1].status is None
    assert simulator.world.recordings == []
    assert caller.get(STATUS)[0] == 200


def test_hang_with_seconds_ends_by_closing(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("hang", seconds=0.05, applied=True))
    with pytest.raises(http.client.RemoteDisconnected):
        caller.post(*START)
    assert len(simulator.world.recordings) == 1


def test_drip_sends_byte_by_byte(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("drip", seconds=0.002, whole_head=True))
    began = time.monotonic()
    assert caller.get(STATUS) == (200, {"data": {"status": "available", "record": False}})
    assert time.monotonic() - began >= 46 * 0.002  # as many bytes as the body has
    simulator.faults.add(Fault("drip", seconds=0.01))
    caller.http.sock.sendall(b"GET /api/v3/rooms/info HTTP/1.1\r\n\r\n")
    assert caller.http.sock.recv(65536) == b"H"
    assert simulator.connections == 1


def test_half_declares_more_than_it_sends(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("half", "record/start"))
    with pytest.raises(http.client.IncompleteRead):
        caller.post(*START)
    assert len(simulator.world.recordings) == 1


@pytest.mark.parametrize(
    ("kind", "recordings"), [("reset_before", 0), ("reset_inside", 1), ("reset_after", 1)]
)
def test_resets_reach_the_client_before_inside_and_after(
    simulator: Simulator, kind: str, recordings: int
) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault(kind, "record/start"))
    with pytest.raises(ConnectionResetError) as error:
        caller.post(*START)
    assert error.type is ConnectionResetError  # and not http.client's word for a plain end
    assert len(simulator.world.recordings) == recordings
    assert caller.get(STATUS)[0] == 200


def test_200_with_start_false_can_be_given(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("text", "record/start", body='{"data":{"start":false}}'))
    assert caller.post(*START) == (200, {"data": {"start": False}})


# ---- the cable ----------------------------------------------------------------------------------


def test_away_resets_connections_and_refuses_new_ones_until_back(simulator: Simulator) -> None:
    caller = Caller(simulator)
    port = simulator.port
    began = time.monotonic()
    simulator.away()
    assert time.monotonic() - began < 0.5
    with pytest.raises(ConnectionResetError):
        caller.http.sock.recv(1)
    caller.http.close()
    with pytest.raises(ConnectionRefusedError):
        caller.get(STATUS)
    simulator.back()
    assert simulator.port == port
    assert caller.get(STATUS)[0] == 200
    assert simulator.connections == 2


def test_away_cuts_a_reply_that_is_still_to_come(simulator: Simulator) -> None:
    caller = Caller(simulator)
    simulator.faults.add(Fault("hang"))
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(caller.get, STATUS)
        assert soon(lambda: len(simulator.requests) == 2)
        simulator.away()
        with pytest.raises(ConnectionResetError):
            reply.result(1)


def test_away_and_back_again_and_again(simulator: Simulator) -> None:
    for _ in range(10):
        caller = Caller(simulator)
        simulator.away()
        simulator.away()
        simulator.back()
        simulator.back()
        caller.http.close()
        assert caller.get(STATUS)[0] == 200


def test_a_black_hole_keeps_connections_and_answers_nothing(simulator: Simulator) -> None:
    caller, idle = Caller(simulator), Caller(simulator)
    simulator.black_hole()
    caller.http.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        caller.post(*START)
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=0.1) as sock:
        sock.sendall(b"GET /api/v3/rooms/info HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        simulator.back()
        sock.settimeout(1)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert simulator.world.recordings == []  # what was swallowed is not carried out later
    assert caller.get(STATUS)[0] == 200
    assert idle.get(STATUS)[0] == 200  # on the connection it had
    assert simulator.connections == 4


def test_stop_is_fast_and_leaves_no_thread_whatever_hangs() -> None:
    threads = active_count()
    simulator = Simulator().start()
    sockets = []
    try:
        callers = [Caller(simulator) for _ in range(5)]
        simulator.faults.add(Fault("hang", count=2))
        simulator.faults.add(Fault("delay", seconds=30))
        simulator.faults.add(Fault("drip", seconds=30))
        for caller in callers[:4]:
            caller.http.request("GET", "/api/v3/rooms/info")
        half = socket.create_connection(("127.0.0.1", simulator.port), timeout=1)
        sockets.append(half)
        half.sendall(b"POST /api/v3/login HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        assert soon(lambda: len(simulator.requests) == 9)
        began = time.monotonic()
        simulator.stop()
        assert time.monotonic() - began < 0.5
        assert soon(lambda: active_count() <= threads, 0.5)
    finally:
        simulator.stop()
        for sock in sockets:
            sock.close()


def test_clients_that_leave_cause_no_noise(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        caller = Caller(simulator)
        simulator.faults.add(Fault("delay", seconds=0.02))
        caller.http.request("GET", "/api/v3/rooms/info")
        caller.http.close()
    time.sleep(0.05)
    simulator.stop()
    assert capfd.readouterr() == ("", "")


# ---- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context and that of a client who trusts it."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


def test_tls_serves_and_can_be_cut(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = tls
    with Simulator(ssl_context=server) as simulator:
        assert simulator.url.startswith("https://")
        caller = Caller(simulator, client)
        assert caller.post(*START)[0] == 200
        simulator.faults.add(Fault("hang"))
        caller.http.request("GET", "/api/v3/rooms/info")
        began = time.monotonic()
        simulator.away()
        assert time.monotonic() - began < 0.5
        with pytest.raises(ConnectionResetError):  # OpenSSL tells it as an end without farewell
            caller.http.getresponse()


def test_a_stalled_handshake_does_not_keep_others_waiting(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, client = tls
    with (
        Simulator(ssl_context=server) as simulator,
        socket.create_connection(("127.0.0.1", simulator.port), timeout=1),
    ):
        assert Caller(simulator, client).get(STATUS)[0] == 200
        began = time.monotonic()
        simulator.stop()
        assert time.monotonic() - began < 0.5

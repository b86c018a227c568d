"""Whatever a server replies, each function answers as documented and raises nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd import ivs
from ivsd.valt.transport import HttpTransport, Reply

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PASSWORD = "open-sesame-4711"
CARD = "0004711001"
UUID = "5c0e6f2e-1b7d-4a55-9a53-0f6a2d8c9b11"

Answer = Callable[[str], Reply]  # for a path


# ---- a server in a variable -------------------------------------------------------------------


class Scripted:
    """Takes the place of the transport's one method: what it answers is a test's to say."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: Reply(200, b"{}")
        self.log_in = Reply(200, json.dumps({"data": {"access_token": TOKEN}}).encode())

    def request(self, _: HttpTransport, method: str, path: str, *query_and_body: object) -> Reply:
        return self.log_in if path == "login" else self.answer(path)


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    server = Scripted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HttpTransport, "request", lambda *args: server.request(*args))
        patch.setattr(ivs.valt, "failure_reauth_time", 3600)  # the background takes no part
        yield server


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "ivs.log"


@pytest.fixture(scope="module")
def valt(server: Scripted, log: Path) -> Iterator[ivs.valt]:
    """One instance for all examples: each begins with a log-in."""
    with ivs.valt("valt.example.test", "admin", PASSWORD, timeout=1.0, logpath=log) as valt:
        yield valt


@pytest.fixture(scope="module")
def hasty(server: Scripted) -> Iterator[ivs.valt]:
    """The same for a start, which is looked for until its time-out when it is in doubt."""
    with ivs.valt("valt.example.test", "admin", PASSWORD, timeout=0.06, logpath=False) as valt:
        yield valt


# ---- what is documented -----------------------------------------------------------------------


def zero(answer: Any) -> bool:
    return type(answer) is int and answer == 0


def truth(answer: Any) -> bool:
    return type(answer) is bool


def is_recording(answer: Any) -> bool:
    return truth(answer) or (type(answer) is int and answer == 2)


def recording_id(answer: Any) -> bool:
    return type(answer) is int or (type(answer) is str and answer != "")


def whole_seconds(answer: Any) -> bool:
    return type(answer) is int and answer >= 0


def one_or_zero(answer: Any) -> bool:
    return type(answer) is int and answer in (0, 1)


def number(answer: Any) -> bool:
    return type(answer) is int


def dictionaries(answer: Any) -> bool:
    return zero(answer) or (type(answer) is list and all(type(item) is dict for item in answer))


def schedule(answer: Any) -> bool:
    return zero(answer) or (
        type(answer) is list
        and all(
            type(item) is list and [type(v) for v in item] == [int, int, str] for item in answer
        )
        and answer == sorted(answer)
    )


def text(answer: Any) -> bool:
    return zero(answer) or type(answer) is str


def status(answer: Any) -> bool:
    return type(answer) is int and 0 <= answer <= 5


Function = tuple[Callable[[ivs.valt], Any], Callable[[Any], bool]]

FUNCTIONS: dict[str, Function] = {
    "isrecording": (lambda valt: valt.isrecording(4), is_recording),
    "getrecordingid": (lambda valt: valt.getrecordingid(4), recording_id),
    "stoprecording": (lambda valt: valt.stoprecording(4), recording_id),
    "pauserecording": (lambda valt: valt.pauserecording(4), recording_id),
    "resumerecording": (lambda valt: valt.resumerecording(4), recording_id),
    "addmarker": (lambda valt: valt.addmarker(4, "Note"), one_or_zero),
    "addmarker at a time": (lambda valt: valt.addmarker(4, "Note", "red", 0), one_or_zero),
    "getrecordingtime": (lambda valt: valt.getrecordingtime(4), whole_seconds),
    "ispaused": (lambda valt: valt.ispaused(4), truth),
    "islocked": (lambda valt: valt.islocked(4), truth),
    "getcameras": (lambda valt: valt.getcameras(4), dictionaries),
    "getrooms": (lambda valt: valt.getrooms(), dictionaries),
    "getschedule": (lambda valt: valt.getschedule(4), schedule),
    "getroomname": (lambda valt: valt.getroomname(4), text),
    "getusername": (lambda valt: valt.getusername(4), text),
    "getroomstatus": (lambda valt: valt.getroomstatus(4), status),
    "creategroup": (lambda valt: valt.creategroup("Trainees", 30, 71), number),
    "lockroom": (lambda valt: valt.lockroom(4), number),
    "unlockroom": (lambda valt: valt.unlockroom(4), number),
    "getusers": (lambda valt: valt.getusers(), dictionaries),
    "get_user_by_card_number": (lambda valt: valt.get_user_by_card_number(CARD), number),
}
START: Function = (lambda valt: valt.startrecording(4, "Interview"), recording_id)
WRONG = {"isrecording": 2, "ispaused": False, "islocked": False}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def check(name: str, function: Function, valt: ivs.valt) -> None:
    call, documented = function
    answer = call(valt)
    assert documented(answer), answer
    said = valt.errormsg
    assert type(said) is str
    assert said.isprintable()  # so in one line, and fit for any file
    assert len(said) < 1000
    assert TOKEN not in said
    if name == "get_user_by_card_number":
        assert CARD not in said
    token = valt.accesstoken
    assert zero(token) or token == TOKEN
    if zero(token):
        assert said  # an error says why
    if said:
        assert type(answer) is type(WRONG.get(name, 0))
        assert answer == WRONG.get(name, 0)


# ---- arbitrary replies ------------------------------------------------------------------------

KEYS = [
    *("data", "error", "code", "message", "status", "record", "record_id", "record_access"),
    *("id", "name", "has_recording", "recording", "time", "rooms", "room", "cameras", "schedules"),
    *("start_at", "stop_at", "start", "marker_add", "comment_add", "locked_by", "version"),
    *("card_number", "cardNumber", "display_name", "displayName", "access_token"),
]
WORDS = [
    *("available", "recording", "paused", "locked", "prepared", "4", "", "5.9.0", "6.6.0", UUID),
    *(TOKEN, PASSWORD, CARD, f"no {TOKEN} {CARD}", "a\nb", "\x00\x1b[31m", "\ud800", "9" * 5000),
]
NUMBERS = [0, 1, 4, -1, 200, 400, 401, 403, 404, 500, 641, 2**31, 2**63, 10**400, 1780003600]
ODD_NUMBERS = [0.0, -0.0, 1.5, 1e400, -1e400, float("nan"), 1e308]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.integers(),
    st.sampled_from(ODD_NUMBERS),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(st.characters(), max_size=20),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=5)), inner, max_size=6),
    ),
    max_leaves=25,
)


def mutated(document: Any) -> st.SearchStrategy[Any]:
    """The document, with anything in place of some of its parts."""
    if isinstance(document, dict):
        whole: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {}, optional={key: mutated(value) for key, value in document.items()}
        )
        exact: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {key: mutated(value) for key, value in document.items()}
        )
        return st.one_of(exact, exact, whole, scalars)
    if isinstance(document, list):
        items = [mutated(item) for item in document]
        return st.one_of(
            st.tuples(*items).map(list), st.lists(st.one_of(*items), max_size=4), scalars
        )
    return st.one_of(st.just(document), st.just(document), st.just(document), documents)


USER = {"id": 12, "name": "alice", "display_name": None, "card_number": CARD}
VALID: dict[str, Any] = {
    "rooms/4/status": {"data": {"status": "recording", "record": True, "record_id": UUID}},
    "rooms/info/4": {
        "data": {
            "id": 4,
            "name": "A",
            "has_recording": True,
            "recording": {"id": UUID, "time": 37},
        }
    },
    "rooms/info": {"data": {"rooms": [{"id": 4, "name": "A"}, {"id": 7, "name": "B"}]}},
    "admin/rooms/4/cameras": {"data": {"cameras": [{"id": 61, "name": "Cam", "ip": "192.0.2.1"}]}},
    "admin/users": {"data": [USER, {**USER, "id": 13, "card_number": "1"}]},
    "admin/users/4": {"data": USER},
    "admin/user_groups": {"data": {"id": 8}},
    "admin/general": {"data": {"version": "6.6.0"}},
    "schedule": {
        "data": {
            "schedules": [
                {"name": "a", "room": {"id": 4}, "start_at": 1780003600, "stop_at": 1780007200},
                {"name": "b", "rooms": [{"id": 4}], "start_at": 1780003600, "stop_at": 1780007200},
            ]
        }
    },
    "rooms/4/lock": {"data": {"id": 4, "locked_by": 3}},
    "rooms/4/unlock": {"data": {"id": 4, "locked_by": None}},
    "comment": {"id": 42, "message": "Note", "recordId": UUID, "recordTime": "15"},
    "rooms/4/record/markers": {"data": {"marker_add": True, "id": 55, "message": "marker add"}},
    f"records/{UUID}/comments": {"data": {"comment_add": True, "time": 30}},
    "rooms/4/record/start": {"data": {"message": "started", "id": UUID, "start": True}},
}
DONE = {"data": {"id": UUID, "status": True}}
PATHS = [*VALID, "rooms/4/record/stop", "rooms/4/record/pause", "rooms/4/record/resume"]


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def answering(
    data: st.DataObject, strategy: Callable[[str], st.SearchStrategy[Reply]], *at_once: str
) -> Answer:
    """One answer for each path, the same each time it is asked.

    Those of `at_once` are drawn now: whether they are asked for may depend on the time.
    """
    known = {path: data.draw(strategy(path), label=path) for path in at_once}

    def answer(path: str) -> Reply:
        if path not in known:
            known[path] = data.draw(strategy(path), label=path)
        return known[path]

    return answer


codes = st.one_of(st.just(200), st.just(200), st.integers(200, 599))


def any_json(path: str) -> st.SearchStrategy[Reply]:
    return st.builds(Reply, codes, documents.map(body))


def any_bytes(path: str) -> st.SearchStrategy[Reply]:
    return st.builds(Reply, codes, st.binary(max_size=200))


def nearly_valid(path: str) -> st.SearchStrategy[Reply]:
    return st.builds(Reply, st.just(200), mutated(VALID.get(path, DONE)).map(body))


examples = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def answer_as_documented(
    server: Scripted,
    valt: ivs.valt,
    name: str,
    function: Function,
    data: st.DataObject,
    strategy: Callable[[str], st.SearchStrategy[Reply]],
    *at_once: str,
) -> None:
    server.answer = answering(data, strategy, *at_once)
    valt.auth()
    assert (valt.accesstoken, valt.errormsg) == (TOKEN, "")
    check(name, function, valt)


@every_function
@examples
@given(data=st.data())
def test_any_json_is_answered_as_documented(
    server: Scripted, valt: ivs.valt, name: str, data: st.DataObject
) -> None:
    answer_as_documented(server, valt, name, FUNCTIONS[name], data, any_json)


@every_function
@examples
@given(data=st.data())
def test_nearly_valid_json_is_answered_as_documented(
    server: Scripted, valt: ivs.valt, name: str, data: st.DataObject
) -> None:
    answer_as_documented(server, valt, name, FUNCTIONS[name], data, nearly_valid)


@every_function
@settings(examples, max_examples=15)
@given(data=st.data())
def test_any_bytes_are_answered_as_documented(
    server: Scripted, valt: ivs.valt, name: str, data: st.DataObject
) -> None:
    answer_as_documented(server, valt, name, FUNCTIONS[name], data, any_bytes)


@pytest.mark.parametrize("strategy", [any_json, nearly_valid, any_bytes])
@settings(examples, max_examples=20)
@given(data=st.data())
def test_a_start_is_answered_as_documented(
    server: Scripted,
    hasty: ivs.valt,
    strategy: Callable[[str], st.SearchStrategy[Reply]],
    data: st.DataObject,
) -> None:
    paths = "rooms/4/record/start", "rooms/info/4", "rooms/4/status"
    answer_as_documented(server, hasty, "startrecording", START, data, strategy, *paths)


@every_function
def test_the_documents_that_are_mutated_are_a_success(
    server: Scripted, valt: ivs.valt, name: str
) -> None:
    """Or the mutations of them would prove nothing."""
    server.answer = lambda path: Reply(200, body(VALID.get(path, DONE)))
    valt.auth()
    check(name, FUNCTIONS[name], valt)
    assert valt.errormsg == ""
    wrong = WRONG.get(name, 0)
    if name not in ("ispaused", "islocked"):
        assert FUNCTIONS[name][0](valt) != wrong


log_ins = st.one_of(
    documents.map(body),
    mutated({"data": {"access_token": TOKEN}}).map(body),
    st.binary(max_size=100),
    st.just(b"[" * 100_000),
    st.just(b"9" * 5000),
)


@settings(examples, max_examples=200)
@given(reply=log_ins, code=codes)
def test_any_reply_to_a_log_in_is_a_token_or_an_error(
    server: Scripted, valt: ivs.valt, reply: bytes, code: int
) -> None:
    before = server.log_in
    server.log_in = Reply(code, reply)
    server.answer = lambda path: Reply(200, body(VALID.get(path, DONE)))
    try:
        assert valt.auth() is None
        said, token = valt.errormsg, valt.accesstoken
        assert said.isprintable()
        assert PASSWORD not in said
        if zero(token):
            assert said
            assert zero(valt.getrooms())
            assert valt.errormsg
        else:
            assert type(token) is str
            assert token != ""
            assert said == ""
            assert valt.getrooms() != 0
    finally:
        server.log_in = before


LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d .+")


@settings(examples, max_examples=40)
@given(data=st.data())
def test_any_reply_leaves_a_log_of_whole_lines_without_secrets(
    server: Scripted, valt: ivs.valt, log: Path, data: st.DataObject
) -> None:
    log.write_bytes(b"")
    server.answer = answering(data, lambda path: st.one_of(any_json(path), nearly_valid(path)))
    valt.auth()
    valt.getroomstatus(4)
    valt.stoprecording(4)
    valt.get_user_by_card_number(CARD)
    written = log.read_bytes().decode()  # so it is UTF-8
    assert written == "" or written.endswith("\n")
    assert [line for line in written.split("\n")[:-1] if not LINE.fullmatch(line)] == []
    assert TOKEN not in written

"""Markers by their recording, as the outbox sets them: each VALT version with its own calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivsd.valt.client import Client
from ivsd.valt.errors import (
    BadReply,
    ConnectionLost,
    NotAllowed,
    NotFound,
    Refused,
    ServerFailed,
    Unauthorized,
    ValtError,
)
from ivsd.valt.model import Marker, RecordingId, Version
from ivsd.valt.simulator import Fault, Simulator
from ivsd.valt.transport import Reply

Simulate = Callable[..., Simulator]
Enter = Callable[..., Client]

UUID = "5c0e6f2e-1b7d-4a55-9a53-0f6a2d8c9b11"
VERSIONS = ("5.7.1", "6.1.3", "6.2.4", "6.3.0", "6.4.1", "6.5.2", "6.6.0")
V5, V6_1, V6_2, V6_3, V6_4, V6_5, V6_6 = map(Version.parse, VERSIONS)
UNKNOWN = Version()
every_version = pytest.mark.parametrize("version", VERSIONS)


class Canned:
    """A transport that always gets the same reply, and remembers what it was asked."""

    def __init__(self, body: object, status: int = 200) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._reply = Reply(status, text)
        self.asked: list[tuple[str, str, object]] = []

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        self.asked.append((method, path, body))
        return self._reply


# ---- set by the recording ---------------------------------------------------------------------

EVENT = {"event": "Note", "time": 61}
COMMENT = {"recordId": UUID, "recordTime": 61}
TEMPLATE = {"template": {"id": 1, "data": [], "name": "Note"}}
MESSAGE = {"type": "simple", "message": "Note"}


@pytest.mark.parametrize(
    ("version", "recording", "path", "body"),
    [
        (V5, 8123, "records/8123/markers", EVENT),
        (Version.parse(641), 8123, "records/8123/markers", EVENT),
        (UNKNOWN, 8123, "records/8123/markers", EVENT),
        (V6_1, UUID, f"records/{UUID}/comments", EVENT),
        (V6_2, UUID, f"records/{UUID}/comments", EVENT),
        (V6_3, UUID, "comment", COMMENT | TEMPLATE),
        (V6_4, UUID, "comment", COMMENT | TEMPLATE),
        (V6_5, UUID, "comment", COMMENT | TEMPLATE | {"type": "simple"}),
        (V6_6, UUID, "comment", COMMENT | MESSAGE),
        (UNKNOWN, UUID, "comment", COMMENT | MESSAGE),
        (Version.parse(641), UUID, "comment", COMMENT | MESSAGE),
    ],
)
def test_without_a_room_the_marker_goes_by_its_recording(
    version: Version, recording: RecordingId, path: str, body: object
) -> None:
    """A late one never lands in the recording that the room has by then (decision 14)."""
    transport = Canned({"data": {}})
    Client(transport).add_marker(None, recording, "Note", "blue", 61, version)
    assert transport.asked == [("POST", path, body)]


@pytest.mark.parametrize(
    ("version", "known"),
    [*((version, True) for version in VERSIONS), ("5.7.1", False), ("6.6.0", False)],
)
def test_a_marker_arrives_in_a_recording_that_is_over(
    simulate: Simulate, enter: Enter, version: str, known: bool
) -> None:
    """Decision 13: a server that does not tell its version is taken for 5.x or the newest."""
    valt = simulate(version)
    client = enter(valt)
    recording = client.start(4, "first")
    client.stop(4)
    client.start(4, "second")
    told = client.version() if known else UNKNOWN
    client.add_marker(None, recording, "Note", "blue", 61, told)
    first, second = valt.world.recordings
    assert [(mark.name, mark.time_s) for mark in first.markers] == [("Note", 61)]
    assert not second.markers


@every_version
@pytest.mark.parametrize(("status", "error"), [("400", Refused), ("500", ServerFailed)])
def test_a_recording_that_there_is_not_takes_no_marker(
    simulate: Simulate, enter: Enter, version: str, status: str, error: type[ValtError]
) -> None:
    valt = simulate(version, f"marker_refusal_status={status}")
    gone: RecordingId = 99 if version.startswith("5") else UUID
    with pytest.raises(error) as caught:
        enter(valt).add_marker(None, gone, "Note", "blue", 61, Version.parse(version))
    assert type(caught.value) is error


@every_version
def test_the_answer_to_a_marker_by_its_recording_may_be_lost(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    valt = simulate(version)
    client = enter(valt)
    recording = client.start(4, "first")
    valt.faults.add(Fault("reset_after", "POST"))
    with pytest.raises(ConnectionLost) as caught:
        client.add_marker(None, recording, "Note", "blue", 61, Version.parse(version))
    assert caught.value.may_have_happened
    assert client.markers(recording, Version.parse(version)) == [Marker("Note", 61)]


# ---- listed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "recording", "path"),
    [
        (V5, 8123, "records/8123/markers"),
        (Version.parse(641), 8123, "records/8123/markers"),
        (UNKNOWN, 8123, "records/8123/markers"),
        *((version, UUID, f"comment/record/{UUID}") for version in (V6_1, V6_2, V6_4, V6_5, V6_6)),
        (UNKNOWN, UUID, f"comment/record/{UUID}"),
        (Version.parse(641), UUID, f"comment/record/{UUID}"),
        (V6_5, "8f/1?x#y", "comment/record/8f%2F1%3Fx%23y"),
    ],
)
def test_the_markers_are_listed_where_this_version_has_them(
    version: Version, recording: RecordingId, path: str
) -> None:
    body: object = [] if "comment" in path else {"data": {"markers": []}}
    transport = Canned(body)
    assert Client(transport).markers(recording, version) == []
    assert transport.asked == [("GET", path, None)]


@every_version
@pytest.mark.parametrize("record_time_as", ["text", "integer"])
def test_what_was_set_is_listed_with_its_name_and_second(
    simulate: Simulate, enter: Enter, version: str, record_time_as: str
) -> None:
    valt = simulate(version, f"record_time_as={record_time_as}")
    client = enter(valt)
    told = client.version()
    recording = client.start(4, "first")
    assert client.markers(recording, told) == []
    names = ["Note", "Note", "Frage „Ärger“?", "No 1 at 00:05", " x "]
    for second, name in enumerate(names):
        # Live, and late: which of the two it was is not told in the list.
        room = 4 if second % 2 else None
        client.add_marker(room, recording, name, "blue", second, told)
    client.stop(4)
    assert client.markers(recording, told) == [Marker(name, s) for s, name in enumerate(names)]
    other = client.start(4, "second")
    assert client.markers(other, told) == []


@every_version
def test_the_list_of_a_recording_that_there_is_not_is_refused(
    simulate: Simulate, enter: Enter, version: str
) -> None:
    gone: RecordingId = 99 if version.startswith("5") else UUID
    with pytest.raises(NotFound):
        enter(simulate(version)).markers(gone, Version.parse(version))


@pytest.mark.parametrize(
    ("item", "marker"),
    [
        ({"event": "Note", "time": 61}, Marker("Note", 61)),
        ({"event": "Note", "time": 61.9}, Marker("Note", 61)),
        ({"message": "Note", "recordTime": 61}, Marker("Note", 61)),
        ({"message": "Note", "recordTime": "61"}, Marker("Note", 61)),
        ({"message": None, "template": {"name": "Note"}, "recordTime": "0"}, Marker("Note", 0)),
        ({"message": "", "template": {"name": "Note"}, "recordTime": 0}, Marker("Note", 0)),
        ({"message": "Note", "template": {"name": "X"}, "recordTime": 0}, Marker("Note", 0)),
        ({"message": "Note", "template": None, "recordTime": None}, Marker("Note", -1)),
        ({"message": "Note", "template": [], "recordTime": "1:01"}, Marker("Note", -1)),
        ({"event": "Note", "time": -5}, Marker("Note", -1)),
        ({"event": "Note", "time": True}, Marker("Note", -1)),
        ({"event": 5, "time": 10**30}, Marker("", -1)),
        ({"message": "Note", "recordTime": "9" * 5000}, Marker("Note", -1)),
        ({}, Marker("", -1)),
    ],
)
def test_an_item_of_the_list_is_read_as_far_as_it_can_be(
    item: dict[str, Any], marker: Marker
) -> None:
    """Whatever is odd about one is like no marker of ours; it must not hide the others."""
    ours = {"message": "Ours", "recordTime": 3, "event": "Ours", "time": 3}
    for version, recording in ((V6_6, UUID), (V5, 8123)):
        items = [item, ours]
        body: object = items if version is V6_6 else {"data": {"markers": items}}
        assert Client(Canned(body)).markers(recording, version) == [marker, Marker("Ours", 3)]


@pytest.mark.parametrize("version", [V5, V6_6], ids=["5", "6"])
@pytest.mark.parametrize("wrong", [None, {}, "x", 5, [1], [None], [[]], True])
def test_a_list_that_is_none_is_a_bad_reply(version: Version, wrong: object) -> None:
    """Nobody shall take it for a list without the marker, and set it a second time."""
    recording: RecordingId = 8123 if version is V5 else UUID
    body = {"data": {"markers": wrong}} if version is V5 else {"data": wrong}
    with pytest.raises(BadReply):
        Client(Canned(body)).markers(recording, version)


@pytest.mark.parametrize("version", [V5, V6_6], ids=["5", "6"])
@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (401, Unauthorized), (403, NotAllowed), (404, NotFound), (500, ServerFailed)],
)
def test_a_list_that_is_refused_says_so(
    version: Version, status: int, error: type[ValtError]
) -> None:
    recording: RecordingId = 8123 if version is V5 else UUID
    body = {"error": {"code": status, "message": "because"}}
    with pytest.raises(error) as caught:
        Client(Canned(body, status)).markers(recording, version)
    assert type(caught.value) is error


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "markers",
                    "event",
                    "time",
                    "message",
                    "recordTime",
                    "template",
                    "name",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("version", [V5, V6_6], ids=["5", "6"])
@given(body=JSON | st.lists(JSON, max_size=3))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_any_list_gives_markers_or_a_valt_error(version: Version, body: object) -> None:
    recording: RecordingId = 8123 if version is V5 else UUID
    for document in (body, {"data": body}, {"data": {"markers": body}}):
        try:
            listed = Client(Canned(document)).markers(recording, version)
        except ValtError:
            continue
        assert all(isinstance(one, Marker) for one in listed)
        assert all(type(one.name) is str and type(one.time_s) is int for one in listed)

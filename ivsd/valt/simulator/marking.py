"""Markers (VALT 5) and comments (VALT 6): which call exists in which release (valt-api 5.6-5.8)."""

from __future__ import annotations

from typing import Any

from . import shapes
from .reply import Call, Reply, Route, not_done, not_marked
from .state import Json, NotFound, Recording, Refused
from .world import World

_TYPES = ("simple", "duration", "transcription")


def room_marker(world: World, call: Call) -> Json | Reply:
    """5.6 a: the only call that carries a colour."""
    running = world.active(call.id)
    if running is None:
        return not_done(world, "Recording in room not found")
    return _added_marker(world, call, running, call.optional("color", str) or "red")


def record_marker(world: World, call: Call) -> Json:
    """5.6 b."""
    return _added_marker(world, call, _recording(world, call.ids[0]), "red")


def _added_marker(world: World, call: Call, recording: Recording, color: str) -> Json:
    event, time_s = call.required("event", str), call.required("time", int)
    template = call.optional("template", dict)
    added = world.add_marker(recording.id, event, time_s, color, call.user, template)
    return {"data": {"marker_add": True, "id": added.id, "message": "marker add"}}


def markers(world: World, call: Call) -> Json:
    """5.6 c."""
    found = world.recording(call.ids[0]).markers
    return {"data": {"markers": [shapes.marker(item) for item in found]}}


def room_comment(world: World, call: Call) -> Json | Reply:
    """5.7 b: the room's path in early VALT 6."""
    running = world.active(call.id)
    if running is None:
        return not_done(world, "Recording in room not found")
    return _added_comment(world, call, running)


def record_comment(world: World, call: Call) -> Json:
    """5.7 a."""
    return _added_comment(world, call, _recording(world, call.ids[0]))


def _added_comment(world: World, call: Call, recording: Recording) -> Json:
    event, time_s = call.required("event", str), call.required("time", int)
    world.add_marker(recording.id, event, time_s, by=call.user)
    return {"data": {"comment_add": True, "message": "comment add", "time": time_s}}


def comment(world: World, call: Call) -> Json:
    """5.7 c, with what 5.8 says the releases need; the reply has no envelope."""
    kind = call.body.get("type")
    if world.since(world.quirks.comment_type_since) and kind not in _TYPES:
        raise Refused(f"type must be one of {', '.join(_TYPES)}")
    time_s = call.required("startTime" if kind == "duration" else "recordTime", int)
    if kind == "duration" and call.required("endTime", int) < time_s:
        raise Refused("endTime must not be before startTime")
    recording = _recording(world, call.required("recordId", str))
    template = call.optional("template", dict)
    if template is not None and type(template.get("id")) is not int:
        raise Refused("template.id must be an integer")
    message = call.optional("message", str)
    if not world.since(world.quirks.comment_message_since):
        message = None  # not known yet
        if template is None:
            raise Refused("template must be an object")
    name = message if message is not None else str((template or {}).get("name", ""))
    added = world.add_marker(recording.id, name, time_s, by=call.user, template=template)
    return shapes.comment(world, recording, added)


def one_comment(world: World, call: Call) -> Json:
    """5.7 e."""
    for recording in world.recordings:
        for item in recording.markers:
            if item.id == call.id:
                return shapes.comment(world, recording, item)
    raise NotFound(f"There is no comment {call.id}")


def comments(world: World, call: Call) -> list[Any]:
    """5.7 d: a bare array."""
    recording = world.recording(call.ids[0])
    return [shapes.comment(world, recording, item) for item in recording.markers]


def _recording(world: World, id_: str) -> Recording:
    """No page of these calls lists 404, so an unknown recording is refused like any bad value."""
    try:
        return world.recording(id_)
    except NotFound as reason:
        raise Refused(str(reason)) from None


def _five(world: World) -> bool:
    return world.generation == 5


def _six(world: World) -> bool:
    return world.generation == 6


def _room_markers(world: World) -> bool:
    return _five(world) and world.quirks.room_markers


def _room_comments(world: World) -> bool:
    return _six(world) and world.until(world.quirks.room_comments_until)


def _record_comments(world: World) -> bool:
    return _six(world) and world.until(world.quirks.record_comments_until)


def _comment(world: World) -> bool:
    return _six(world) and world.since(world.quirks.comment_since)


_MARKED, _COMMENTED = "marker_add", "comment_add"
ROUTES = [
    Route("POST", "rooms/{}/record/markers", room_marker, not_marked, _room_markers, _MARKED),
    Route("POST", "records/{}/markers", record_marker, not_marked, _five, _MARKED),
    Route("GET", "records/{}/markers", markers, exists=_five),
    Route("POST", "rooms/{}/record/comments", room_comment, not_marked, _room_comments, _COMMENTED),
    Route("POST", "records/{}/comments", record_comment, not_marked, _record_comments, _COMMENTED),
    Route("POST", "comment", comment, not_marked, _comment, _COMMENTED),
    Route("GET", "comment/{}", one_comment, exists=_comment),
    Route("GET", "comment/record/{}", comments, exists=_six),
]

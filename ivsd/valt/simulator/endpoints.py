"""The endpoints for rooms, recordings, locks, users and the rest of what a keypad needs."""

from __future__ import annotations

from typing import Any

from . import shapes
from .reply import Call, Route, not_done, not_started
from .state import Json, NotFound, Recording, Refused
from .world import World


def status(world: World, call: Call) -> Json:
    return {"data": shapes.room_status(world.view(call.id))}


def info(world: World, call: Call) -> Json:
    return {"data": shapes.room_info(world.view(call.id))}


def rooms(world: World, _call: Call) -> Json:
    return {"data": {"rooms": [{"id": r.id, "name": r.name} for r in world.rooms.values()]}}


def start(world: World, call: Call) -> Json:
    """5.3; `share` must be well formed and has no effect here."""
    author, template = call.optional("author", int), call.optional("template", dict)
    if not all(isinstance(value, str) for value in (template or {}).values()):
        raise Refused("template must hold strings")
    for key, ids in (call.optional("share", dict) or {}).items():
        if key not in ("users", "groups"):
            raise Refused(f"share.{key} is not known: use share.users and share.groups")
        if not isinstance(ids, list) or not all(type(id_) is int for id_ in ids):
            raise Refused(f"share.{key} must be an array of integers")
    new = world.start(call.id, call.required("name", str), author, call.user, template)
    return {"data": {"message": "The recording is started", "id": new.id, "start": True}}


def stop(world: World, call: Call) -> Json:
    return _done(world.stop(call.id, call.user))


def pause(world: World, call: Call) -> Json:
    return _done(world.pause(call.id, call.user))


def resume(world: World, call: Call) -> Json:
    return _done(world.resume(call.id, call.user))


def _done(recording: Recording) -> Json:
    return {"data": {"id": recording.id, "status": True}}


def lock(world: World, call: Call) -> Json:
    """5.5: the id is the room's."""
    return {"data": {"id": call.id, "locked_by": world.lock(call.id, call.user)}}


def unlock(world: World, call: Call) -> Json:
    world.unlock(call.id, call.user)
    return {"data": {"id": call.id, "locked_by": None}}


def users(world: World, call: Call) -> Json:
    """5.12, 5.13: an old server ignores the filter and returns everybody; an empty one too."""
    found, card = world.people.all(), call.query.get("cardNumber", "")
    if card and world.since(world.quirks.card_filter_since):
        zeros = "0" if world.quirks.card_number_match == "without_leading_zeros" else ""
        card = card.lstrip(zeros)
        found = [u for u in found if u.card_number and u.card_number.lstrip(zeros) == card]
    return {"data": [shapes.user(world, u) for u in found]}


def user(world: World, call: Call) -> Json:
    return {"data": shapes.user(world, world.people.user(call.id))}


def general(world: World, _call: Call) -> Json:
    return {"data": shapes.general(world)}


def admin_rooms(world: World, _call: Call) -> Json:
    return {"data": [shapes.admin_room(world, room) for room in world.rooms]}


def admin_room(world: World, call: Call) -> Json:
    return {"data": shapes.admin_room(world, _known_room(world, call))}


def cameras(world: World, call: Call) -> Json:
    room = _known_room(world, call)
    return {"data": {"cameras": [shapes.camera(c) for c in world.spec.cameras if c.room == room]}}


def _known_room(world: World, call: Call) -> int:
    if call.id not in world.rooms:
        raise NotFound(f"There is no room {call.id}")
    return call.id


def schedule(world: World, _call: Call) -> Json:
    """5.11: always all schedules of all rooms."""
    found: list[Any] = [shapes.schedule(world, item) for item in world.spec.schedules]
    return {
        "data": {
            "schedules": found,
            "blocked_schedules": [],
            "conflict_schedules": [],
            "total_count": len(found),
        }
    }


ROUTES = [
    Route("GET", "rooms/{}/status", status),
    Route("GET", "rooms/info/{}", info),
    Route("GET", "rooms/info", rooms),
    Route("POST", "rooms/{}/record/start", start, not_started, verdict="start"),
    Route("POST", "rooms/{}/record/stop", stop, not_done, verdict="status"),
    Route("POST", "rooms/{}/record/pause", pause, not_done, verdict="status"),
    Route("POST", "rooms/{}/record/resume", resume, not_done, verdict="status"),
    Route("POST", "rooms/{}/lock", lock),
    Route("POST", "rooms/{}/unlock", unlock),
    Route("GET", "admin/users", users),
    Route("GET", "admin/users/{}", user),
    Route("GET", "admin/general", general),
    Route("GET", "admin/rooms", admin_rooms),
    Route("GET", "admin/rooms/{}", admin_room),
    Route("GET", "admin/rooms/{}/cameras", cameras),
    Route("GET", "schedule", schedule),
]

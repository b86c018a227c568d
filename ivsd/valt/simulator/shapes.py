"""The JSON objects of the API, made from the world. Numbers are sections of valt-api."""

from __future__ import annotations

from .spec import CameraSpec, ScheduleSpec, UserSpec
from .state import COLORS, Json, Marker, Recording, RoomView
from .world import World


def room_status(view: RoomView) -> Json:
    """5.1."""
    if view.recording is None:
        return {"status": view.status, "record": False}
    return {
        "status": view.status,
        "record": True,
        "record_id": view.recording,
        "record_access": True,
    }


def room_info(view: RoomView) -> Json:
    """5.2: the key recording is absent when nothing records."""
    info: Json = {"id": view.id, "name": view.name, "has_recording": view.recording is not None}
    if view.recording is not None:
        info["recording"] = {"id": view.recording, "time": view.time_s}
    return info


def marker(item: Marker) -> Json:
    """5.6 c: the template is an array of objects with one key each."""
    return {
        "id": item.id,
        "event": item.name,
        "time": item.time_s,
        "color": item.color,
        "hex_color": COLORS[item.color],
        "template": [{name: value} for name, value in (item.template or {}).items()],
    }


def comment(world: World, recording: Recording, item: Marker) -> Json:
    """5.7: recordTime is a text, as far as is known."""
    author = world.people.user(item.author)
    as_text = world.quirks.record_time_as == "text"
    return {
        "id": item.id,
        "parentId": None,
        "message": item.name,
        "recordId": str(recording.id),
        "recordTime": str(item.time_s) if as_text else item.time_s,
        "createdAt": int(item.created),
        "updatedAt": int(item.created),
        "author": {
            "id": author.id,
            "username": author.name,
            "displayName": author.display_name or author.name,
        },
        "updatedBy": None,
        "audioId": None,
        "template": None if item.template is None else dict(item.template),
        "files": [],
        "color": item.color,
        "replies": [],
        "taggedUsers": [],
        "taggedUserGroups": [],
    }


def user(world: World, item: UserSpec) -> Json:
    """5.12; how VALT 6 spells two of the keys is open."""
    snake = world.quirks.user_keys == "snake"
    return {
        "id": item.id,
        "name": item.name,
        "display_name" if snake else "displayName": item.display_name,
        "user_group": {"id": 1, "name": item.group},
        "card_number" if snake else "cardNumber": item.card_number,
        "video_access": {"user_groups": []},
    }


def camera(item: CameraSpec) -> Json:
    """5.9: `colo_hex` is spelt so on the wire, and the password is in clear text."""
    return {
        "id": item.id,
        "name": item.name,
        "type": "camera",
        "device_type": item.device_type,
        "ip": item.ip,
        "http_port": item.http_port,
        "rtsp_port": item.rtsp_port,
        "username": item.username,
        "password": item.password,
        "brand": item.brand,
        "model": item.model,
        "wowza": {"id": 1, "name": "localhost"},
        "color": "white",
        "colo_hex": "#ffffff",
    }


def admin_room(world: World, room: int) -> Json:
    """5.10."""
    cameras = [c for c in world.spec.cameras if c.room == room]
    return {
        "id": room,
        "name": world.rooms[room].name,
        "is_io": False,
        "cameras": [{"id": c.id, "name": c.name, "type": "camera"} for c in cameras],
    }


def schedule(world: World, item: ScheduleSpec) -> Json:
    """5.11: newer servers send an array of rooms in place of one room."""
    start = int(world.born) + item.starts_in_s
    stop = start + item.duration_s
    room = {"id": item.room, "name": world.rooms[item.room].name}
    several = world.since(world.quirks.schedule_rooms_since)
    return {
        "id": item.id,
        "name": item.name,
        "template": None,
        "author": {"id": item.author, "name": world.people.user(item.author).name},
        **({"rooms": [room]} if several else {"room": room}),
        "created": int(world.born),
        "start_at": start,
        "stop_at": stop,
        "duration": item.duration_s,
        "status": "started" if start <= world.wall() < stop else "pending",
        "recurrence": {"type": "none"},
        "shared": {"users": [], "user_groups": []},
    }


def general(world: World) -> Json:
    """5.16: the version is a dotted text or an integer build number."""
    integer = world.quirks.version_as == "integer"
    return {
        "version": int(world.version.replace(".", "")) if integer else world.version,
        "media_servers": [
            {
                "name": "localhost",
                "address": "valt.example.com",
                "free_space": 50000,
                "total": 96000,
            }
        ],
    }

"""The JSON objects of the API, made from the world. Numbers are sections of valt-api."""

from __future__ import annotations

from .spec import CameraSpec, GroupSpec, ScheduleSpec, UserSpec
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
    snake, of = world.quirks.user_keys == "snake", world.people.group(item.id)
    return {
        "id": item.id,
        "name": item.name,
        "display_name" if snake else "displayName": item.display_name,
        "user_group": {"id": of.id, "name": of.name},
        "card_number" if snake else "cardNumber": item.card_number,
        "video_access": {"user_groups": []},
    }


def group_marker_key(world: World) -> str:
    """Markers became comments; that replies follow the requests in this is a guess (13.17)."""
    return "comment" if world.since(world.quirks.group_comment_since) else "marker"


def group(world: World, item: GroupSpec) -> Json:
    """5.14, as in the list."""
    return {
        "id": item.id,
        "name": item.name,
        group_marker_key(world): item.marker,
        "information": item.information,
    }


def group_details(world: World, item: GroupSpec) -> Json:
    """5.14, of one group."""
    parts: dict[str, list[str]] = {}
    for right in item.rights:
        of_category = parts.setdefault(right.partition("--")[0], [])
        if "--" in right:
            of_category.append(right)
    key = world.quirks.group_rights_key
    return {
        **group(world, item),
        "rights": [{"name": category, key: names} for category, names in parts.items()],
        "max_record_duration": item.max_record_duration,
        "rooms": [{"id": id_, "name": world.rooms[id_].name} for id_ in item.rooms],
        "video_access": {"user_groups": _video_access(world, item)},
        "retention": _retention(item),
    }


def _video_access(world: World, item: GroupSpec) -> list[Json]:
    """The groups with the users in them whose videos may be seen."""
    seen = []
    for other in world.groups.all():
        whole = other.id in item.video_access_groups
        users = [
            {"id": user.id, "name": user.name}
            for user in world.people.members(other.id)
            if whole or user.id in item.video_access_users
        ]
        if whole or users:
            seen.append({"id": other.id, "name": other.name, "users": users})
    return seen


def _retention(item: GroupSpec) -> Json:
    """Another shape than in the request; which keys stand for no limit is open (13.22)."""
    until: Json | int = 0
    if item.retention_until is not None:
        month, day, year = item.retention_until.split("-")
        date = f"{year}-{month}-{day} 00:00:00.000000"
        until = {"date": date, "timezone_type": 3, "timezone": "UTC"}
    if item.retention_for is None:
        return {"until": until, "for": {"days": 0}}
    return {"until": until, "for": {item.retention_type: item.retention_for}}


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

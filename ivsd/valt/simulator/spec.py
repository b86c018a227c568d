"""What a simulated VALT server holds before the first request: plain data, fit for a YAML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


def _doc(sentence: str) -> dict[str, str]:
    """What a file's author gets to read about a key."""
    return {"doc": sentence}


@dataclass
class RoomSpec:
    """A room one can record in."""

    id: int = field(metadata=_doc("The room's number, as in the paths of the API."))
    name: str = field(metadata=_doc("The room's name, as people see it."))


@dataclass
class UserSpec:
    """A user of the server. Whoever holds the card number is the author of what it starts."""

    id: int = field(metadata=_doc("The user's number."))
    name: str = field(metadata=_doc("The log-in name."))
    display_name: str | None = field(
        metadata=_doc("The name people see; none if it was never set."), default=None
    )
    card_number: str | None = field(
        metadata=_doc(
            "Number of the RFID card, or the keypad PIN: text, for zeros in front count (5.12)."
        ),
        default=None,
    )
    group: str = field(metadata=_doc("Name of the user group."), default="Staff")
    lacks: list[str] = field(
        metadata=_doc(
            "Rights this user does not have, as valt-api 5.15 names them; 'admin' is the access to "
            "admin/... paths."
        ),
        default_factory=list,
    )


@dataclass
class CameraSpec:
    """A camera of a room (valt-api 5.9)."""

    id: int = field(metadata=_doc("The camera's number."))
    name: str = field(metadata=_doc("The camera's name."))
    room: int = field(metadata=_doc("Number of the room it looks at."))
    ip: str = field(metadata=_doc("Address of the camera."), default="192.0.2.61")
    http_port: int = field(metadata=_doc("Its port for HTTP."), default=80)
    rtsp_port: int = field(metadata=_doc("Its port for RTSP."), default=554)
    username: str = field(
        metadata=_doc("The log-in the server hands out in clear text."), default="viewer"
    )
    password: str = field(
        metadata=_doc("The password the server hands out in clear text."), default="viewer"
    )
    brand: str = field(metadata=_doc("Maker of the camera."), default="Axis")
    model: str = field(metadata=_doc("Model of the camera."), default="Axis-1")
    device_type: str = field(
        metadata=_doc("'camera', or a kind of device such as ipad."), default="camera"
    )


@dataclass
class ScheduleSpec:
    """A planned recording (valt-api 5.11)."""

    id: int = field(metadata=_doc("The schedule's number."))
    name: str = field(metadata=_doc("Name the recording will have."))
    room: int = field(metadata=_doc("Number of the room."))
    author: int = field(metadata=_doc("Number of the user who owns the recording."))
    starts_in_s: int = field(
        metadata=_doc("Seconds from the server's start to the recording's."), default=3600
    )
    duration_s: int = field(metadata=_doc("Length of the recording in seconds."), default=3600)


@dataclass
class WorldSpec:
    """All that a simulated server holds."""

    rooms: list[RoomSpec] = field(metadata=_doc("The rooms."))
    users: list[UserSpec] = field(
        metadata=_doc("The users; the first one is who acts 'by hand' in the demo.")
    )
    cameras: list[CameraSpec] = field(metadata=_doc("The cameras."), default_factory=list)
    schedules: list[ScheduleSpec] = field(
        metadata=_doc("The planned recordings."), default_factory=list
    )

    def problems(self) -> list[str]:
        """What the types cannot say: numbers used twice, and references that lead nowhere."""
        rooms, users = {room.id for room in self.rooms}, {user.id for user in self.users}
        found = [] if self.users else ["there must be at least one user"]
        found += _twice("room", (room.id for room in self.rooms))
        found += _twice("user", (user.id for user in self.users))
        found += _twice("camera", (camera.id for camera in self.cameras))
        found += _twice("schedule", (schedule.id for schedule in self.schedules))
        for what, item in [("camera", c) for c in self.cameras] + [
            ("schedule", s) for s in self.schedules
        ]:
            if item.room not in rooms:
                found.append(f"{what} {item.id}: there is no room {item.room}")
        for schedule in self.schedules:
            if schedule.author not in users:
                found.append(f"schedule {schedule.id}: there is no user {schedule.author}")
        return found


def _twice(what: str, ids: Iterable[int]) -> list[str]:
    return [f"{what} {id_}: used twice" for id_, count in Counter(ids).items() if count > 1]


def sample() -> WorldSpec:
    """Three rooms, three people with a badge or PIN, the API account, two cameras, a schedule."""
    return WorldSpec(
        rooms=[
            RoomSpec(4, "Interview Room 1"),
            RoomSpec(7, "Interview Room 2"),
            RoomSpec(9, "Teaching Lab"),
        ],
        users=[
            UserSpec(12, "alice", "Alice Archer", "0004711001"),
            UserSpec(13, "bob", "Bob Baker", "0004711002"),
            UserSpec(14, "carol", "Carol Cook", "2580"),
            UserSpec(3, "admin", "API account", None, "Administrators"),
        ],
        cameras=[
            CameraSpec(61, "Cam 1", room=4),
            CameraSpec(62, "Cam 2", room=4, ip="192.0.2.62"),
        ],
        schedules=[ScheduleSpec(2, "Monday seminar", room=9, author=12)],
    )

"""What a simulated VALT server holds before the first request: plain data, fit for a YAML file."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

RetentionType = Literal["infinitely", "until", "days", "hours", "minutes"]


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
class GroupSpec:
    """A user group (valt-api 5.14, 8).

    It is kept and told, no more: a user's rights and a recording's length and retention do not
    follow from it here.
    """

    id: int = field(metadata=_doc("The group's number."))
    name: str = field(metadata=_doc("The group's name, which users refer to."))
    information: int = field(metadata=_doc("Default information template."), default=1)
    marker: int = field(metadata=_doc("Default marker (VALT 6: comment) template."), default=2)
    rights: list[str] = field(
        metadata=_doc("Rights, as valt-api 5.15 names them: categories and their parts, flat."),
        default_factory=list,
    )
    max_record_duration: int | None = field(
        metadata=_doc("Limit of a recording in minutes; none if there is none."), default=None
    )
    rooms: list[int] = field(
        metadata=_doc("Numbers of the rooms the group may use."), default_factory=list
    )
    video_access_users: list[int] = field(
        metadata=_doc("Numbers of the users whose videos the group may see."), default_factory=list
    )
    video_access_groups: list[int] = field(
        metadata=_doc("Numbers of the groups whose videos the group may see."),
        default_factory=list,
    )
    retention_type: RetentionType = field(
        metadata=_doc("How long videos are kept: infinitely, until, days, hours or minutes."),
        default="infinitely",
    )
    retention_until: str | None = field(
        metadata=_doc("With until: the date, MM-DD-YYYY."), default=None
    )
    retention_for: int | None = field(
        metadata=_doc("With days, hours or minutes: how many."), default=None
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
    groups: list[GroupSpec] = field(
        metadata=_doc("The user groups; none: those that the users name, numbered from 1."),
        default_factory=list,
    )

    def all_groups(self) -> list[GroupSpec]:
        """The groups as given, or made from the names that the users refer to."""
        names = dict.fromkeys(user.group for user in self.users)
        return self.groups or [GroupSpec(id_, name) for id_, name in enumerate(names, 1)]

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
        return found + self._group_problems(rooms, users)

    def _group_problems(self, rooms: set[int], users: set[int]) -> list[str]:
        groups = self.all_groups()
        ids, names = {group.id for group in groups}, {group.name for group in groups}
        found = _twice("group", (group.id for group in groups))
        found += _twice("group", (group.name for group in groups))
        for group in groups:
            for what, referred, known in (
                ("room", group.rooms, rooms),
                ("user", group.video_access_users, users),
                ("group", group.video_access_groups, ids),
            ):
                found += [
                    f"group {group.id}: there is no {what} {id_}"
                    for id_ in referred
                    if id_ not in known
                ]
            wrong = retention_problem(
                group.retention_type, group.retention_until, group.retention_for
            )
            if wrong:
                found.append(f"group {group.id}: {wrong}")
        for user in self.users:
            if user.group not in names:
                found.append(f"user {user.id}: there is no group {user.group!r}")
        return found


def retention_problem(kind: Any, until: Any, amount: Any) -> str:
    """What is wrong with a retention, in the words of valt-api 8, or nothing; None: not given."""
    kinds = get_args(RetentionType)
    if kind not in kinds:
        return f"retention.type must be one of {', '.join(kinds)}"
    if kind == "until":
        if not _is_date(until):
            return "retention.until must be a date of the form MM-DD-YYYY"
    elif until is not None:
        return "retention.until goes with the type until only"
    if kind in ("days", "hours", "minutes"):
        if type(amount) is not int or amount < 1:
            return f"retention.for must be the number of {kind}, an integer of at least 1"
    elif amount is not None:
        return "retention.for goes with the types days, hours and minutes only"
    return ""


def _is_date(text: Any) -> bool:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{2}-[0-9]{2}-[0-9]{4}", text):
        return False
    try:
        datetime.date(int(text[6:]), int(text[:2]), int(text[3:5]))
    except ValueError:
        return False
    return True


def _twice(what: str, ids: Iterable[int | str]) -> list[str]:
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

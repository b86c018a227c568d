"""Reading a reply of VALT: its envelopes, its three ways to say no, and the values in it.

Whatever a server sends, what comes out of here is a value of the kind that was asked for, or a
ValtError.
"""

from __future__ import annotations

import re
from typing import Any

from ivsd.valt.errors import (
    BadReply,
    NotAllowed,
    NotFound,
    NotValt,
    Refused,
    RoomNotFound,
    ServerFailed,
    Unauthorized,
    ValtError,
)
from ivsd.valt.model import Camera, Marker, RecordingId, Room, Schedule, Secret, User
from ivsd.valt.transport import Reply

LONGEST_S = 1e9  # thirty years of recording: beyond it, it is no number of seconds
CARD_KEYS = {"card_number", "cardNumber"}
LATEST_S = 1e11  # the year 5138: beyond it, it is no time

# -- the envelope -----------------------------------------------------------------------------

_VERDICTS = ("start", "status", "marker_add", "comment_add")


def payload(reply: Reply) -> Any:
    """Return what the reply carries, with or without its envelope (valt-api 3).

    Raises the ValtError that a failing reply stands for: the HTTP status, a `code` in the body
    and the verdict flags are three places where VALT says no, and any of them counts.
    """
    if 300 <= reply.status < 400:
        where = re.match(r"https?://[\w.:\[\]-]{1,100}(?=[/?#]|$)", reply.location, re.IGNORECASE)
        there = where[0] if where else "another address"  # and not its path, which may repeat ours
        raise NotValt(f"the server sends us to {there}: is its address right, with http or https?")
    if reply.status == 401 or reply.status >= 500:
        raise _failure(reply.status, "")  # whatever the body is: a proxy may have written it
    status = reply.status
    try:
        document = reply.json()
    except BadReply as e:
        if status >= 400:
            raise NotValt(str(e)) from None
        raise
    if status < 400:
        status = _code(document)
    if status >= 400:
        raise _failure(status, _reason(document, reply.hide))
    carried = document.get("data", document) if isinstance(document, dict) else document
    if isinstance(carried, dict) and any(carried.get(flag) is False for flag in _VERDICTS):
        raise _failure(400, _reason(document, reply.hide))
    return carried


def fields(reply: Reply) -> dict[str, Any]:
    """Return the object that the reply carries; raises ValtError."""
    carried = payload(reply)
    if not isinstance(carried, dict):
        raise BadReply("the server's reply has not the shape of VALT's")
    return carried


def room_fields(reply: Reply, room: int) -> dict[str, Any]:
    """Return the object of a room; raises RoomNotFound and other ValtErrors."""
    try:
        return fields(reply)
    except NotFound:
        raise RoomNotFound(f"the server has no room with id {room}") from None


def items(value: Any) -> list[dict[str, Any]]:
    """Return the value if it is a list of objects; raises BadReply."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadReply("the server's reply has no list where VALT has one")
    return value


def _code(document: Any) -> int:
    """Return the status that a body of HTTP 200 gives itself; 200 when it gives none."""
    if not isinstance(document, dict):
        return 200
    error = document.get("error")
    code = error.get("code") if isinstance(error, dict) else document.get("code")
    if isinstance(code, int) and code >= 400:
        return code
    return 400 if "error" in document else 200


def _failure(status: int, reason: str) -> ValtError:
    if status == 401:
        return Unauthorized("the server does not accept the token")
    if status == 403:
        return NotAllowed(f"the VALT account has no right to do this{reason and f': {reason}'}")
    if status >= 500:
        return ServerFailed(f"the server failed (HTTP {status})")
    kind = NotFound if status == 404 else Refused
    return kind(reason or f"the server refused (HTTP {status})")


def _reason(document: Any, hide: tuple[str, ...]) -> str:
    """Find the server's own words, made fit for one line of the journal."""
    for key in ("data", "error"):
        part = document.get(key) if isinstance(document, dict) else None
        text = part.get("message") if isinstance(part, dict) else part
        if isinstance(text, str) and text.strip():
            for secret in filter(None, hide):
                text = text.replace(secret, "…")
            return one_line(text)[:200]
    return ""


# -- the things in it -------------------------------------------------------------------------


def room(item: dict[str, Any]) -> Room:
    """Read a room of a list; raises BadReply when it has no id."""
    return Room(item_id(item, "room"), text(item.get("name")), item)


def user(item: dict[str, Any]) -> User:
    """Read a user; raises BadReply when it has no id."""
    # VALT 6 may write its keys in the other manner (valt-api 13 no. 18).
    card = item.get("card_number", item.get("cardNumber"))
    name = item.get("display_name") or item.get("displayName") or item.get("name")
    has_card = card not in (None, "")
    return User(item_id(item, "user"), text(name), Secret(str(card)) if has_card else None, item)


def camera(item: dict[str, Any]) -> Camera:
    """Read a camera; raises BadReply when it has no id."""
    return Camera(item_id(item, "camera"), item)


def schedule(item: dict[str, Any]) -> Schedule:
    """Read a schedule; raises BadReply without its two times."""
    return Schedule(text(item.get("name")), _epoch_s(item, "start_at"), _epoch_s(item, "stop_at"))


def marker(item: dict[str, Any]) -> Marker:
    """Read a marker of VALT 5 or a comment of VALT 6, whose name is in one of two places."""
    template = item.get("template")
    named = template.get("name") if isinstance(template, dict) else None
    name = next((word for word in (item.get("event"), item.get("message"), named) if word), "")
    time_s = item.get("time", item.get("recordTime"))
    if isinstance(time_s, str) and time_s.isdecimal():  # as VALT 6 writes it (valt-api 13 no. 14)
        time_s = int(time_s[:10])
    number = seconds(time_s)
    return Marker(text(name), -1 if number is None else int(number))


def is_in_room(item: dict[str, Any], room: int) -> bool:
    """Whether a schedule is in that room: older servers name one, newer ones a list."""
    rooms = item.get("rooms") or [item.get("room")]
    return any(
        isinstance(one, dict) and one.get("id") == room
        for one in (rooms if isinstance(rooms, list) else [])
    )


def item_id(item: dict[str, Any], what: str) -> int:
    """Read the numeric id of a room, user, camera or group; raises BadReply."""
    number = item.get("id")
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadReply(f"the server listed a {what} without an id")
    return number


def recording_id(value: Any) -> RecordingId | None:
    """Read a recording's id, which is a number or a text; None when it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return str(value) if is_plain(value) else None


def seconds(value: Any) -> float | None:
    """Read a recording time; None when it is no number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S:
        return None
    return float(value)


def _epoch_s(item: dict[str, Any], key: str) -> int:
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LATEST_S:
        raise BadReply("the server listed a schedule without its times")
    return value


def text(value: Any) -> str:
    """Read a name; empty when it is no text."""
    return value if isinstance(value, str) else ""


def is_plain(value: Any) -> bool:
    """Whether it is a text that can stand in a URL and in a line of the journal."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def one_line(text: str) -> str:
    """Return the text without control characters and line breaks."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

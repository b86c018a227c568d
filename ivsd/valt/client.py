"""One typed method per VALT endpoint that we use. Dataclasses out, `ValtError` up.

Every method makes exactly one request and may raise any `ValtError`. There is no state but
the transport and the token; logging in again is the session's business.
Facts are from the project's VALT API sheet, cited as (valt-api SECTION).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ivsd.valt.errors import (
    BadReply,
    LogInRefused,
    NotAllowed,
    NotFound,
    Refused,
    RoomNotFound,
    ServerFailed,
    Unauthorized,
    ValtError,
)
from ivsd.valt.model import (
    RecordingId,
    Room,
    RoomInfo,
    RoomState,
    RoomStatus,
    Secret,
    User,
    Version,
)
from ivsd.valt.transport import Reply, Transport

LONGEST_S = 1e9  # thirty years of recording: beyond it, it is no number of seconds
NO_PARAMETERS: dict[str, str] = {}
"""Body of a POST that has none: no client was ever seen to send nothing at all (valt-api 1)."""


class Client:
    """The VALT API of one server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.token = ""

    # -- log-in ---------------------------------------------------------------------------

    def log_in(self, username: str, password: Secret) -> str:
        """Ask for a token and return it; does not start to use it (valt-api 2.1).

        Raises LogInRefused when user name or password are wrong.
        """
        body = {"username": username, "password": password.reveal()}
        reply = self._transport.request("POST", "login", {}, body)
        try:
            token = _data(replace(reply, hide=(password.reveal(),))).get("access_token")
        except Unauthorized:
            raise LogInRefused(
                f"the server refuses the log-in of {username!r}: check the password"
            ) from None
        except Refused as e:
            raise LogInRefused(f"the server refuses the log-in of {username!r}: {e}") from None
        if not _is_plain(token):
            raise BadReply("the server answered the log-in without a token")
        return str(token)

    def version(self) -> Version:
        """Read the server's version (valt-api 5.16); unknown when the account may not."""
        try:
            return Version.parse(_data(self._get("admin/general")).get("version"))
        except Refused:
            return Version()

    # -- reading --------------------------------------------------------------------------

    def rooms(self) -> list[Room]:
        """List the rooms (valt-api 5.2)."""
        rooms = _data(self._get("rooms/info")).get("rooms")
        return [_room(item) for item in _list(rooms)]

    def room_status(self, room: int) -> RoomStatus:
        """Read state and active recording in one request (valt-api 5.1).

        Raises RoomNotFound for an unknown id.
        """
        data = _room_data(self._get(f"rooms/{room}/status"), room)
        word = data.get("status")
        if not isinstance(word, str):
            raise BadReply("the server's room status has no state")
        known = word in set(RoomState) and word != RoomState.UNKNOWN
        return RoomStatus(
            state=RoomState(word) if known else RoomState.UNKNOWN,
            recording=_recording_id(data.get("record_id")),
            records=data.get("record") is True,
            word=_one_line(word)[:40],
        )

    def room_info(self, room: int) -> RoomInfo:
        """Read name and recording time (valt-api 5.2). Raises RoomNotFound."""
        data = _room_data(self._get(f"rooms/info/{room}"), room)
        name = str(data.get("name") or "")
        recording = data.get("recording")
        if not isinstance(recording, dict):
            return RoomInfo(Room(room, name))
        recording_id = _recording_id(recording.get("id"))
        return RoomInfo(Room(room, name), recording_id, _seconds(recording.get("time")))

    def users_with_card(self, card: Secret, version: Version) -> list[User]:
        """Find who has this badge number or PIN (valt-api 5.13, decision 17).

        From 6.5 the server filters; before, it would ignore the filter and send everybody.
        So the number is compared here in every case, and an unset one never matches.
        """
        query = {"cardNumber": card.reveal()} if version.at_least(6, 5) else {}
        reply = self._get("admin/users", query)
        users = _payload(replace(reply, hide=(*reply.hide, card.reveal())))
        found = [_user(item) for item in _list(users)]
        return [user for user in found if user.card_number == card]

    # -- recording ------------------------------------------------------------------------

    def start(
        self,
        room: int,
        name: str,
        author: int | None = None,
        template: dict[str, str] | None = None,
    ) -> RecordingId:
        """Start a recording and return its id (valt-api 5.3). Raises Refused with the reason."""
        body: dict[str, Any] = {"name": name}
        if author is not None:
            body["author"] = author
        if template:
            body["template"] = template
        return self._recording(self._post(f"rooms/{room}/record/start", body))

    def stop(self, room: int) -> RecordingId:
        """Stop the room's recording and return its id (valt-api 5.4)."""
        return self._recording(self._post(f"rooms/{room}/record/stop"))

    def pause(self, room: int) -> RecordingId:
        """Pause the room's recording and return its id (valt-api 5.4)."""
        return self._recording(self._post(f"rooms/{room}/record/pause"))

    def resume(self, room: int) -> RecordingId:
        """Resume the room's recording; a running one answers with success too (valt-api 5.4)."""
        return self._recording(self._post(f"rooms/{room}/record/resume"))

    def lock(self, room: int) -> None:
        """Lock the room (valt-api 5.5)."""
        _data(self._post(f"rooms/{room}/lock"))

    def unlock(self, room: int) -> None:
        """Unlock the room (valt-api 5.5)."""
        _data(self._post(f"rooms/{room}/unlock"))

    def add_marker(
        self,
        room: int,
        recording: RecordingId,
        name: str,
        colour: str,
        time_s: int,
        version: Version,
    ) -> None:
        """Put a marker at `time_s` seconds in the way of this server's version (valt-api 5.8).

        5.x takes it by the room and with its colour; 6.x has comments on the recording,
        without colour, whose body has changed three times.
        """
        if isinstance(recording, str) and version.major != 6:
            version = Version()  # a UUID is of VALT 6, whatever the version says (decision 13)
        elif version.major == 0:
            version = Version(major=5)
        if version.major == 5:
            body: dict[str, Any] = {"event": name, "time": time_s, "color": colour}
            _data(self._post(f"rooms/{room}/record/markers", body))
            return
        if version.major == 6 and version.minor < 3:
            body = {"event": name, "time": time_s}
            _data(self._post(f"records/{quote(str(recording), safe='')}/comments", body))
            return
        body = {"recordId": recording, "recordTime": time_s}
        if version.major == 0 or version.at_least(6, 6):
            body |= {"type": "simple", "message": name}
        else:
            body["template"] = {"id": 1, "data": [], "name": name}
            if version.at_least(6, 5):
                body["type"] = "simple"
        _data(self._post("comment", body))

    # -- one request ----------------------------------------------------------------------

    def _get(self, path: str, query: dict[str, str] | None = None) -> Reply:
        token = self.token
        reply = self._transport.request("GET", path, {"access_token": token, **(query or {})})
        return replace(reply, hide=(token,))

    def _post(self, path: str, body: object = NO_PARAMETERS) -> Reply:
        token = self.token
        reply = self._transport.request("POST", path, {"access_token": token}, body)
        return replace(reply, hide=(token,))

    @staticmethod
    def _recording(reply: Reply) -> RecordingId:
        found = _recording_id(_data(reply).get("id"))
        if found is None:
            raise BadReply("the server confirmed the recording without its id")
        return found


# -- reading a reply ------------------------------------------------------------------------

_VERDICTS = ("start", "status", "marker_add", "comment_add")


def _payload(reply: Reply) -> Any:
    """Return what the reply carries, with or without its envelope (valt-api 3).

    Raises the ValtError that a failing reply stands for: the HTTP status, a `code` in the body
    and the verdict flags are three places where VALT says no, and any of them counts.
    """
    if 300 <= reply.status < 400:
        there = _one_line(reply.location.partition("?")[0])[:100] or "another address"
        raise BadReply(f"the server sends us to {there}: is valt.url right, with http or https?")
    if reply.status == 401 or reply.status >= 500:
        raise _failure(reply.status, "")  # whatever the body is: a proxy may have written it
    document = reply.json()
    status = reply.status
    if status < 400:
        status = _code(document)
    if status >= 400:
        raise _failure(status, _reason(document, reply.hide))
    payload = document.get("data", document) if isinstance(document, dict) else document
    if isinstance(payload, dict) and any(payload.get(flag) is False for flag in _VERDICTS):
        raise _failure(400, _reason(document, reply.hide))
    return payload


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
            return _one_line(text)[:200]
    return ""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _data(reply: Reply) -> dict[str, Any]:
    payload = _payload(reply)
    if not isinstance(payload, dict):
        raise BadReply("the server's reply has not the shape of VALT's")
    return payload


def _room_data(reply: Reply, room: int) -> dict[str, Any]:
    try:
        return _data(reply)
    except NotFound:
        raise RoomNotFound(f"the server has no room with id {room}") from None


def _list(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadReply("the server's reply has no list where VALT has one")
    return value


def _room(item: dict[str, Any]) -> Room:
    return Room(_id(item, "room"), str(item.get("name") or ""))


def _user(item: dict[str, Any]) -> User:
    # VALT 6 may write its keys in the other manner (valt-api 13 no. 18).
    card = item.get("card_number", item.get("cardNumber"))
    name = item.get("display_name") or item.get("displayName") or item.get("name") or ""
    has_card = card not in (None, "")
    return User(_id(item, "user"), str(name), Secret(str(card)) if has_card else None)


def _id(item: dict[str, Any], what: str) -> int:
    number = item.get("id")
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadReply(f"the server listed a {what} without an id")
    return number


def _recording_id(value: Any) -> RecordingId | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return str(value) if _is_plain(value) else None


def _is_plain(value: Any) -> bool:
    """Whether it is a text that can stand in a URL and in a line of the journal."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LONGEST_S:
        return None
    return float(value) if math.isfinite(value) else None

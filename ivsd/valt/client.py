"""One typed method per VALT endpoint that we use. Dataclasses out, `ValtError` up.

Every method makes exactly one request and may raise any `ValtError`. There is no state but
the transport and the token; logging in again is the session's business.
Facts are from the project's VALT API sheet, cited as (valt-api SECTION).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ivsd.valt import replies
from ivsd.valt.errors import BadReply, LogInRefused, Refused, Unauthorized
from ivsd.valt.model import (
    Camera,
    Marker,
    NewGroup,
    RecordingId,
    Room,
    RoomInfo,
    RoomState,
    RoomStatus,
    Schedule,
    Secret,
    User,
    Version,
)
from ivsd.valt.transport import Reply, Transport

USERS = "admin/users"
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
        reply = self._transport.request(
            "POST", "login", {}, {"username": username, "password": password.reveal()}
        )
        try:
            token = replies.fields(replace(reply, hide=(password.reveal(),))).get("access_token")
        except Unauthorized:
            raise LogInRefused(
                f"the server refuses the log-in of {username!r}: check the password"
            ) from None
        except Refused as e:
            raise LogInRefused(f"the server refuses the log-in of {username!r}: {e}") from None
        if not replies.is_plain(token):
            raise BadReply("the server answered the log-in without a token")
        return str(token)

    def version(self) -> Version:
        """Read the server's version (valt-api 5.16); unknown when the account may not."""
        try:
            return Version.parse(replies.fields(self._get("admin/general")).get("version"))
        except Refused:
            return Version()

    # -- reading --------------------------------------------------------------------------

    def rooms(self) -> list[Room]:
        """List the rooms (valt-api 5.2)."""
        rooms = replies.fields(self._get("rooms/info")).get("rooms")
        return [replies.room(item) for item in replies.items(rooms)]

    def room_status(self, room: int) -> RoomStatus:
        """Read state and active recording in one request (valt-api 5.1).

        Raises RoomNotFound for an unknown id.
        """
        data = replies.room_fields(self._get(f"rooms/{room}/status"), room)
        word = data.get("status")
        if not isinstance(word, str):
            raise BadReply("the server's room status has no state")
        known = word in set(RoomState) and word != RoomState.UNKNOWN
        return RoomStatus(
            state=RoomState(word) if known else RoomState.UNKNOWN,
            recording=replies.recording_id(data.get("record_id")),
            records=data.get("record") is True,
            word=replies.one_line(word)[:40],
        )

    def room_info(self, room: int) -> RoomInfo:
        """Read name and recording time (valt-api 5.2). Raises RoomNotFound."""
        data = replies.room_fields(self._get(f"rooms/info/{room}"), room)
        here = Room(room, replies.text(data.get("name")))
        flag, recording = data.get("has_recording"), data.get("recording")
        if flag is False or not isinstance(recording, dict):
            return RoomInfo(here, has_recording=flag if isinstance(flag, bool) else None)
        id_, time_s = recording.get("id"), recording.get("time")
        return RoomInfo(here, replies.recording_id(id_), replies.seconds(time_s), True)

    def users_with_card(self, card: Secret, version: Version) -> list[User]:
        """Find who has this badge number or PIN (valt-api 5.13, decision 17).

        From 6.5 the server filters; before, it would ignore the filter and send everybody.
        So the number is compared here, and an unset one never matches. Only where the server
        has filtered and does not tell the number (its key on VALT 6 was never seen, 13 no. 18)
        is its one match taken as it is.
        """
        query = {"cardNumber": card.reveal()} if version.at_least(6, 5) else {}
        reply = self._get(USERS, query)
        users = replies.payload(replace(reply, hide=(*reply.hide, card.reveal())))
        found = replies.items(users)
        untold = bool(query) and len(found) == 1 and not found[0].keys() & replies.CARD_KEYS
        # A press needs no more of them, and the list as sent holds numbers in the clear.
        return [
            replace(user, as_sent={})
            for user in map(replies.user, found)
            if untold or user.card_number == card
        ]

    def users(self) -> list[User]:
        """List all users (valt-api 5.12)."""
        return [replies.user(item) for item in replies.items(replies.payload(self._get(USERS)))]

    def user(self, user: int) -> User:
        """Read one user (valt-api 5.12). Raises NotFound for an unknown id."""
        return replies.user(replies.fields(self._get(f"{USERS}/{user}")))

    def cameras(self, room: int) -> list[Camera]:
        """List a room's cameras (valt-api 5.9). Raises RoomNotFound.

        The server sends the cameras' passwords in clear text: never log this reply.
        """
        data = replies.room_fields(self._get(f"admin/rooms/{room}/cameras"), room)
        return [replies.camera(item) for item in replies.items(data.get("cameras"))]

    def schedules(self, room: int) -> list[Schedule]:
        """List the planned recordings of a room (valt-api 5.11).

        The server can only send those of all rooms; what is wrong with another's is not ours.
        """
        planned = replies.items(replies.fields(self._get("schedule")).get("schedules"))
        return [replies.schedule(item) for item in planned if replies.is_in_room(item, room)]

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
        self._check_locked(self._post(f"rooms/{room}/lock"), locked=True)

    def unlock(self, room: int) -> None:
        """Unlock the room (valt-api 5.5)."""
        self._check_locked(self._post(f"rooms/{room}/unlock"), locked=False)

    def add_marker(
        self,
        room: int | None,
        recording: RecordingId,
        name: str,
        colour: str,
        time_s: int,
        version: Version,
    ) -> None:
        """Put a marker at `time_s` seconds in the way of this server's version (valt-api 5.8).

        5.x takes it by the room, into what is recorded there now and with its colour, or without
        a room by the recording, which may be over, and without colour. 6.x has comments on the
        recording, without colour, whose body has changed three times.
        """
        version = _generation(recording, version)
        if version.major == 5 and room is not None:
            body: dict[str, Any] = {"event": name, "time": time_s, "color": colour}
            replies.fields(self._post(f"rooms/{room}/record/markers", body))
            return
        if version.major == 5 or (version.major == 6 and version.minor < 3):
            body = {"event": name, "time": time_s}
            kind = "markers" if version.major == 5 else "comments"
            replies.fields(self._post(f"records/{_in_path(recording)}/{kind}", body))
            return
        body = {"recordId": recording, "recordTime": time_s}
        if version.major == 0 or version.at_least(6, 6):
            body |= {"type": "simple", "message": name}
        else:
            body["template"] = {"id": 1, "data": [], "name": name}
            if version.at_least(6, 5):
                body["type"] = "simple"
        replies.fields(self._post("comment", body))

    def markers(self, recording: RecordingId, version: Version) -> list[Marker]:
        """List the markers or comments of a recording (valt-api 5.6 c, 5.7 d)."""
        if _generation(recording, version).major == 5:
            data = replies.fields(self._get(f"records/{_in_path(recording)}/markers"))
            found = data.get("markers")
        else:
            found = replies.payload(self._get(f"comment/record/{_in_path(recording)}"))
        return [replies.marker(item) for item in replies.items(found)]

    # -- administration -------------------------------------------------------------------

    def create_group(self, group: NewGroup, version: Version) -> int:
        """Create a user group and return its id (valt-api 8).

        Ids of templates are sent as their sources do: 5.x in digits as the wiki, 6.x as numbers
        as the newer client, and there the marker template is called `comment`. A server whose
        version is unknown is taken for 6.x. What is not set is left out, as null is not known.
        """
        template: dict[str, Any] = {"information": group.information, "comment": group.marker}
        if version.major == 5:
            template = {"information": str(group.information), "marker": str(group.marker)}
        video = {"users": group.video_users, "user_groups": group.video_groups}
        kept = group.retention
        retention = kept and {"type": kept.type, "until": kept.until, "for": kept.amount}
        body = _set(
            {
                "name": group.name,
                "template": template,
                "rights": group.rights,
                "max_record_duration": group.max_record_duration_min,
                "rooms": group.rooms,
                "video_access": _set(video) or None,
                "retention": retention and _set(retention),
            }
        )
        return replies.item_id(replies.fields(self._post("admin/user_groups", body)), "group")

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
    def _check_locked(reply: Reply, *, locked: bool) -> None:
        data = replies.fields(reply)
        says = data["locked_by"] is not None if "locked_by" in data else locked
        if not data.keys() & {"id", "locked_by"} or says is not locked:
            raise BadReply("the server's answer does not say that it has been done")

    @staticmethod
    def _recording(reply: Reply) -> RecordingId:
        found = replies.recording_id(replies.fields(reply).get("id"))
        if found is None:
            raise BadReply("the server confirmed the recording without its id")
        return found


def _generation(recording: RecordingId, version: Version) -> Version:
    """Settle which generation's calls to use (decision 13).

    A UUID is of VALT 6, whatever the version says, and a number of 5.x where it says nothing.
    """
    if isinstance(recording, str) and version.major != 6:
        return Version()
    return version if version.major else Version(major=5)


def _in_path(recording: RecordingId) -> str:
    return quote(str(recording), safe="")


def _set(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body without what is not set."""
    return {key: value for key, value in body.items() if value is not None}

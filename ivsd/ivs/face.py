"""The documented class `valt`: every function of the documentation "IVS Module".

Parameters and values are the documented ones; where the documentation is silent, those of
valt-api 9. Each function checks what it was given and then makes the fewest requests that can do
the work (valt-api 10.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from ivsd.ivs import actions, arguments
from ivsd.ivs.account import Account, error_value
from ivsd.ivs.arguments import Id
from ivsd.valt.client import Client
from ivsd.valt.errors import Refused
from ivsd.valt.model import RecordingId, RoomState

STATUS_NUMBERS = {
    RoomState.AVAILABLE: 1,
    RoomState.RECORDING: 2,
    RoomState.PAUSED: 3,
    RoomState.LOCKED: 4,
    RoomState.PREPARED: 5,
}


# As literals, so that `if rooms:` tells a type checker that there is a list.
ZERO: Literal[0] = 0
TWO: Literal[2] = 2
FALSE: Literal[False] = False


class valt(Account):  # the documented name
    """One connection to a VALT server. Thread-safe.

    It logs in at once. After a failed log-in it tries again after `failure_reauth_time` seconds,
    after a success again after `success_reauth_time`, both in the background. (The documentation
    says 24 hours for the latter in its text and 28800 seconds in its table; this class keeps the
    table's, the daemon of this project uses 24 hours.)

    `server` is a name or address, with `:port` and `https://` where needed. `timeout` is the most
    seconds that any call takes in all. `verify` says which certificate is trusted: True (one of
    the system's), a CA file, "sha256:FINGERPRINT", or False for any. `logpath` names the file
    for errors; None is `ivs.log` beside the executed program, False is none.

    No function raises because of a server: each has an error value, and `errormsg` says why in
    words, for the calling thread's last call. `accesstoken` is 0 after an error (no answer, 401,
    5xx, a reply that is none of VALT's) and after a failed log-in. The next call after an error
    logs in first; only after a failed log-in do calls answer with their error value at once,
    until the next attempt is due. A refusal (nothing records, the room is locked, no such id) is
    an answer and changes nothing. When 401 comes again and again although the log-in works, the
    account lacks a right, and the token is kept.

    With `raise_errors=True` errors and refusals are raised, also by the construction: as kinds
    of `ivs.ValtError`, and as `ivs.BadArgument` (a ValueError) for a parameter that cannot be
    right, which is never sent.

    Rooms, users and groups are given by their number in VALT, as an integer or in digits.
    An object belongs to the process that made it: after a fork, make a new one.
    """

    # -- recording --------------------------------------------------------------------------------

    @error_value(TWO)
    def isrecording(self, room: Id) -> bool:
        """Tell whether a recording exists in the room, running or paused; 2 on error."""
        number = arguments.number("room", room)
        return self._connection.call(lambda c: actions.records(c.room_info(number)))

    @error_value(ZERO)
    def getrecordingid(self, room: Id) -> RecordingId:
        """Return the id of the active recording; 0 if there is none, or on error.

        It is an integer on VALT 5 and a text on VALT 6.
        """
        number = arguments.number("room", room)
        return self._connection.call(lambda c: actions.recording(c.room_info(number))) or 0

    getrecording = getrecordingid  # the name in a documented example (decision 39)

    @error_value(ZERO)
    def startrecording(self, room: Id, name: str, author: Id | None = None) -> RecordingId:
        """Start a recording and return its id; 0 if it was refused, or on error.

        `author` is the number of the user who shall own it, else it is the logged-in user. When
        the answer is lost, the room is read to tell whether the recording runs.
        """
        number, title = arguments.number("room", room), arguments.text("name", name)
        owner = None if author is None else arguments.number("author", author)
        return self._connection.call(lambda c: actions.start(c, number, title, owner))

    @error_value(ZERO)
    def stoprecording(self, room: Id) -> RecordingId:
        """Stop the recording and return its id; 0 if there is none, or on error."""
        number = arguments.number("room", room)
        return self._connection.call(lambda client: client.stop(number))

    @error_value(ZERO)
    def pauserecording(self, room: Id) -> RecordingId:
        """Pause the recording and return its id; 0 if it was refused, or on error."""
        number = arguments.number("room", room)
        return self._connection.call(lambda client: client.pause(number))

    @error_value(ZERO)
    def resumerecording(self, room: Id) -> RecordingId:
        """Go on with the recording and return its id; 0 if it was refused, or on error.

        VALT may count the recording's time from 0 again after a pause, so that markers without
        a `markertime` stand too early from then on (documented warning).
        """
        number = arguments.number("room", room)
        return self._connection.call(lambda client: client.resume(number))

    @error_value(ZERO)
    def addmarker(
        self, room: Id, markername: str, color: str = "red", markertime: int | None = None
    ) -> Literal[1]:
        """Mark the recording and return 1; 0 if it was refused, or on error.

        `color` is white, gray, red, yellow, purple, cyan, blue, green or orange; VALT 6 shows no
        colours. `markertime` is in seconds from 0 on; without it, it is the present time.
        """
        number, name = arguments.number("room", room), arguments.text("markername", markername)
        colour = arguments.colour(color)
        time_s = None if markertime is None else arguments.marker_time(markertime)
        version = self._connection.version
        self._connection.call(
            lambda client: actions.add_marker(client, number, name, colour, time_s, version)
        )
        return 1

    @error_value(ZERO)
    def getrecordingtime(self, room: Id) -> int:
        """Return the recording's present time in seconds; 0 if there is none, or on error."""
        number = arguments.number("room", room)

        def read(client: Client) -> int:
            info = client.room_info(number)
            return actions.whole_seconds(info) if actions.records(info) else 0

        return self._connection.call(read)

    # -- the room ---------------------------------------------------------------------------------

    @error_value(FALSE)
    def ispaused(self, room: Id) -> bool:
        """Tell whether the room's recording is paused; False on error, with `errormsg` set."""
        number = arguments.number("room", room)
        return self._connection.call(lambda c: c.room_status(number)).state is RoomState.PAUSED

    @error_value(FALSE)
    def islocked(self, room: Id) -> bool:
        """Tell whether the room is locked; False on error, with `errormsg` set."""
        number = arguments.number("room", room)
        return self._connection.call(lambda c: c.room_status(number)).state is RoomState.LOCKED

    @overload
    def getroomstatus(self, room: Id) -> int: ...

    @overload
    def getroomstatus(self, https: bool, server: str, accesstoken: str | int, room: Id) -> int: ...

    def getroomstatus(self, *args: Any, **named: Any) -> int:
        """Return 1 available, 2 recording, 3 paused, 4 locked, 5 prepared, or 0 on error.

        The documented `https, server, accesstoken` in front of the room are ignored: this
        object knows its server.
        """
        return self._getroomstatus(*self._without_server(("room",), args, named), **named)

    @error_value(ZERO)
    def _getroomstatus(self, room: Id) -> int:
        number = arguments.number("room", room)
        status = self._connection.call(lambda client: client.room_status(number))
        if status.state not in STATUS_NUMBERS:
            raise Refused(f"the server calls the room {status.word!r}, which has no number")
        return STATUS_NUMBERS[status.state]

    @error_value(ZERO)
    def lockroom(self, room: Id) -> int:
        """Lock the room and return its number; 0 if it was refused, or on error."""
        number = arguments.number("room", room)
        self._connection.call(lambda client: client.lock(number))
        return number

    @error_value(ZERO)
    def unlockroom(self, room: Id) -> int:
        """Unlock the room and return its number; 0 if it was refused, or on error."""
        number = arguments.number("room", room)
        self._connection.call(lambda client: client.unlock(number))
        return number

    # -- what the server holds --------------------------------------------------------------------

    @error_value(ZERO)
    def getrooms(self) -> list[dict[str, Any]]:
        """List the rooms as the server describes them, with `id` and `name`; 0 on error."""
        return [dict(room.as_sent) for room in self._connection.call(lambda c: c.rooms())]

    @error_value(ZERO)
    def getroomname(self, room: Id) -> str:
        """Return the name of the room; 0 on error."""
        number = arguments.number("room", room)

        def read(client: Client) -> str:
            return actions.told(client.room_info(number).room.name, "the room's name")

        return self._connection.call(read)

    @error_value(ZERO)
    def getcameras(self, room: Id) -> list[dict[str, Any]]:
        """List the room's cameras as the server describes them; 0 on error.

        Each has `id`, `name`, `ip`, `username`, `password` (in clear text) and more
        (valt-api 5.9).
        """
        number = arguments.number("room", room)
        return [dict(c.as_sent) for c in self._connection.call(lambda c: c.cameras(number))]

    @error_value(ZERO)
    def getschedule(self, room: Id) -> list[list[int | str]]:
        """List the room's schedules as [start, stop, name], times in epoch seconds; 0 on error."""
        number = arguments.number("room", room)
        return self._connection.call(lambda client: actions.schedule(client, number))

    @error_value(ZERO)
    def getusername(self, user: Id) -> str:
        """Return the log-in name of the user; 0 on error."""
        number = arguments.number("user", user)

        def read(client: Client) -> str:
            return actions.told(client.user(number).as_sent.get("name"), "the user's name")

        return self._connection.call(read)

    @error_value(ZERO)
    def getusers(self) -> list[dict[str, Any]]:
        """List the users as the server describes them (valt-api 5.12); 0 on error.

        `card_number` is in clear text in it: a badge's number, or somebody's PIN.
        """
        return [dict(user.as_sent) for user in self._connection.call(lambda c: c.users())]

    @error_value(ZERO)
    def get_user_by_card_number(self, card_number: str | int) -> int:
        """Return the number of the user with this badge or PIN; 0 for nobody, or on error.

        Give it as text if it begins with zeros. When two users have it, that is an error.
        """
        card = arguments.card(card_number)
        version = self._connection.version
        return self._connection.call(lambda c: actions.user_with_card(c, card, version()))

    # -- administration ---------------------------------------------------------------------------

    @overload
    def creategroup(
        self,
        groupname: str,
        infoid: Id,
        markerid: Id,
        rights: Sequence[str] | None = None,
        max_record_duration: int | None = None,
        rooms: Sequence[Id] | None = None,
        video_access_users: Sequence[Id] | None = None,
        video_access_groups: Sequence[Id] | None = None,
        retention_type: str | None = None,
        retention_until: str | None = None,
        retention_for: int | None = None,
    ) -> int: ...

    @overload
    def creategroup(
        self,
        https: bool,
        server: str,
        accesstoken: str | int,
        groupname: str,
        infoid: Id,
        markerid: Id,
        rights: Sequence[str] | None = None,
        max_record_duration: int | None = None,
        rooms: Sequence[Id] | None = None,
        video_access_users: Sequence[Id] | None = None,
        video_access_groups: Sequence[Id] | None = None,
        retention_type: str | None = None,
        retention_until: str | None = None,
        retention_for: int | None = None,
    ) -> int: ...

    def creategroup(self, *args: Any, **named: Any) -> int:
        """Create a user group and return its id; 0 if it was refused, or on error.

        `infoid` and `markerid` are the group's default templates for information and markers
        (on VALT 6: comments). `max_record_duration` is in minutes. `retention_type` is one of
        infinitely, until (with `retention_until`, MM-DD-YYYY), days, hours and minutes (with
        `retention_for`). What is left out is left to the server. Name the optional ones.

        The documented `https, server, accesstoken` in front are ignored: this object knows its
        server.
        """
        wanted = ("groupname", "infoid", "markerid")
        return self._creategroup(*self._without_server(wanted, args, named), **named)

    @error_value(ZERO)
    def _creategroup(self, *args: Any, **named: Any) -> int:
        group = arguments.group(*args, **named)
        version = self._connection.version
        return self._connection.call(lambda client: client.create_group(group, version()))

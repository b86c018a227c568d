"""What takes more than one request, or more than a look, to be told truthfully."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from ivsd.valt.client import Client
from ivsd.valt.errors import BadReply, Refused, ValtError
from ivsd.valt.model import RecordingId, RoomInfo, RoomState, Secret, Version
from ivsd.valt.sockets import exchange_deadline, time_left

START_SHARE = 3 / 4  # of a call's time; the rest is for finding out what became of a lost start
LOOK_AGAIN_S = 0.25
LONGEST_PAUSE_S = 1.0
ROUNDING_S = 0.5  # how much older than it is the server may say a recording is


def start(client: Client, room: int, name: str, author: int | None) -> RecordingId:
    """Start a recording; if the answer is lost, find out whether it runs (decision 38).

    A start is never sent twice. The room is read until a recording shows that is no older than
    our request, since an effect may lag by seconds (valt-api 5.4), or the call's time is over.
    Such a one is taken for ours: were it reported as an error, the caller would start again.
    (Nobody can tell it from one that somebody else has started meanwhile.)
    """
    began = time.monotonic()
    try:
        with exchange_deadline(START_SHARE * (time_left() or 0.0)):
            return client.start(room, name, author)
    except ValtError as lost:
        if not lost.may_have_happened:
            raise
        seen, pause_s = "cannot be read: it may be recording", LOOK_AGAIN_S
        while time_left():
            with contextlib.suppress(ValtError):  # the server may need a moment
                ours, seen = _look(client, room, time.monotonic() - began + ROUNDING_S)
                if ours is not None:
                    return ours
            time.sleep(min(pause_s, time_left() or 0.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise type(lost)(f"{lost}; room {room} {seen}") from None


def _look(client: Client, room: int, oldest_s: float) -> tuple[RecordingId | None, str]:
    """Return the room's recording if it is not older than that, and in words what there is."""
    info = client.room_info(room)
    if info.recording is None:
        return None, "shows no recording"
    if info.time_s is None or info.time_s > oldest_s:
        return None, "shows an older recording"
    # A pause sets the time back to 0 (valt-api 5.2), and nobody pauses within a second.
    if client.room_status(room).state is RoomState.PAUSED:
        return None, "shows a paused recording"
    return info.recording, ""


def add_marker(
    client: Client,
    room: int,
    name: str,
    colour: str,
    time_s: int | None,
    version: Callable[[], Version],
) -> None:
    """Mark the room's recording, at its present time unless one is given.

    The room tells id and time in one reply. The version is asked for only on VALT 6, whose
    ids are texts and whose request changed with the releases (decision 13, valt-api 5.8).
    """
    info = client.room_info(room)
    running = recording(info)
    if running is None:
        raise Refused(f"room {room} has no recording to mark")
    if time_s is None:
        time_s = whole_seconds(info)
    known = version() if isinstance(running, str) else Version()
    client.add_marker(room, running, name, colour, time_s, known)


def recording(info: RoomInfo) -> RecordingId | None:
    """Return the id of what the room records, None for nothing; raises BadReply."""
    if records(info) and info.recording is None:
        raise BadReply("the server tells of a recording without its id")
    return info.recording


def records(info: RoomInfo) -> bool:
    """Tell whether the room records; raises BadReply when the server does not say it."""
    if info.has_recording is None:
        raise BadReply("the server does not say whether the room records")
    return info.has_recording


def whole_seconds(info: RoomInfo) -> int:
    """Return the recording's time, cut to whole seconds; raises BadReply when there is none."""
    if info.time_s is None:
        raise BadReply("the server tells of a recording without its time")
    return int(info.time_s)


def told(value: object, what: str) -> str:
    """Return a text that the server must have sent; raises BadReply when it has not."""
    if not isinstance(value, str) or not value:
        raise BadReply(f"the server does not tell {what}")
    return value


def user_with_card(client: Client, card: Secret, version: Version) -> int:
    """Find the one user with that number; 0 for nobody. Raises Refused when there are two."""
    users = client.users_with_card(card, version)
    if len(users) > 1:
        raise Refused(f"{len(users)} users have this card number: give it to one of them only")
    return users[0].id if users else 0


def schedule(client: Client, room: int) -> list[list[int | str]]:
    """List what is planned for a room, as [start, stop, name] in the order of time."""
    planned = client.schedules(room)
    return sorted([item.start_at, item.stop_at, item.name] for item in planned)

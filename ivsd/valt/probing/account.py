"""What the account gets from the server: a log-in, its room, users, and how fast. It only reads.

No room is started, locked or marked, and after the one log-in nothing is sent but GET.
"""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median

from ivsd.valt import replies
from ivsd.valt.client import Client
from ivsd.valt.errors import LogInRefused, NotAllowed, RoomNotFound, ValtError
from ivsd.valt.model import Room, Secret, Version
from ivsd.valt.probing import rooms
from ivsd.valt.probing.findings import Finding, Rooms, Step
from ivsd.valt.session import Session
from ivsd.valt.sockets import time_left
from ivsd.valt.transport import Transport

POLLS = 5
SLOW_S = 1.0
"""Who presses and sees nothing for longer than this presses again."""
NOBODYS_CARD = Secret("0")


class Account:
    """One account at the server; each step uses what those before it have found."""

    def __init__(self, transport: Transport, username: str, password: Secret) -> None:
        self._session = Session(Client(transport), username, password)
        self._version = Version()
        self._room: Room | None = None

    def log_in(self, doubt: str) -> Finding:
        """Log in, once; `doubt` is what may be wrong with the address all the same."""
        try:
            self._session.log_in()
        except LogInRefused as e:
            advice = (
                "Try user name and password at VALT's own web page. If they are right there, the "
                f"account lacks the right to use the API.{doubt}"
            )
            return Finding(Step.LOG_IN, False, str(e), advice)
        except ValtError as e:
            advice = "Ask whoever runs the server to look at VALT: the password was not judged."
            return Finding(Step.LOG_IN, False, f"the log-in failed: {e}", advice)
        return Finding(Step.LOG_IN, True, f"logged in as {self._session.username!r}")

    def read_version(self) -> Finding:
        """Read the version, which ivsd can do without (decision 13)."""
        try:
            version = self._version = self._session.call(lambda client: client.version())
        except ValtError as e:
            return Finding(Step.VERSION, None, f"the server does not tell its version: {e}")
        if not version.text:
            text = "the server does not tell this account its version; ivsd does without"
            return Finding(Step.VERSION, None, text, data=version)
        shown = f"VALT {replies.one_line(version.text)}"
        if version.major not in (5, 6):
            text = f"{shown}: ivsd was made for 5.x and 6.x"
            return Finding(Step.VERSION, None, text, "Try a recording and a marker.", version)
        return Finding(Step.VERSION, True, shown, data=version)

    def find_room(self, wanted: int | str | None) -> Finding:
        """Find the room and read its state; without a wish list the rooms."""
        there: tuple[Room, ...] = ()
        try:
            listed = self._session.call(lambda client: client.rooms())
            there = tuple(replace(room, as_sent={}) for room in listed)
        except ValtError as e:
            # A room's state may be open to an account that may not list the rooms.
            if not isinstance(wanted, int):
                advice = _repair(e, "the right to see rooms")
                return Finding(Step.ROOM, False, f"the rooms cannot be listed: {e}", advice)
        if wanted is None:
            return rooms.to_choose(there)
        found = rooms.meant(there, wanted)
        if isinstance(wanted, int) and not found:
            found = (Room(wanted, ""),)  # the list may be short of it: its state decides
        if not found:
            return rooms.missing(there, wanted)
        if len(found) > 1:
            return rooms.several(there, wanted, found)
        room = found[0]
        try:
            status = self._session.call(lambda client: client.room_status(room.id))
        except RoomNotFound:
            return rooms.missing(there, wanted)
        except ValtError as e:
            text = f"the state of room {room.id} cannot be read: {e}"
            advice = _repair(e, "the right to see this room")
            return Finding(Step.ROOM, False, text, advice, Rooms(there))
        self._room = room
        text = f"{rooms.named(room)} is {rooms.state(status)} now"
        return Finding(Step.ROOM, True, text, data=Rooms(there, room))

    def look_up_nobody(self) -> Finding:
        """Look a badge up as at the door; whose it is, if anybody's, is not kept."""
        try:
            self._session.call(lambda client: client.users_with_card(NOBODYS_CARD, self._version))
        except ValtError as e:
            advice = _repair(e, "admin access, without which it sees no card numbers")
            return Finding(Step.RIGHTS, False, f"badges and PINs cannot be looked up: {e}", advice)
        return Finding(Step.RIGHTS, True, "badges and PINs can be looked up")

    def time_polls(self) -> Finding:
        """Time some polls, over a connection that is open already as the daemon's is."""
        room = self._room
        took: list[float] = []
        try:
            while len(took) < POLLS and (time_left() or 0.0) > max(took, default=0.0):
                began = time.monotonic()
                self._session.call(
                    lambda client: client.rooms() if room is None else client.room_status(room.id)
                )
                took.append(time.monotonic() - began)
        except ValtError as e:
            text = f"poll {len(took) + 1} of {POLLS} failed: {e}"
            return Finding(Step.SPEED, False, text, "Check the network between box and server.")
        if not took:
            return Finding(Step.SPEED, None, "not tried: the time for the test was over")
        text = (
            f"the server answers in {median(took) * 1000:.0f} ms (median of {len(took)}, longest "
            f"{max(took) * 1000:.0f} ms)"
        )
        if median(took) > SLOW_S:
            advice = (
                "Ask whoever runs server and network why it is slow: presses will take as long."
            )
            return Finding(Step.SPEED, False, text, advice)
        return Finding(Step.SPEED, True, text)


def _repair(e: ValtError, right: str) -> str:
    """Say who can help when a request failed after the log-in."""
    if isinstance(e, NotAllowed):
        return f"Give the VALT account {right}."
    return "Ask whoever runs the server to look at VALT, or the network between box and server."

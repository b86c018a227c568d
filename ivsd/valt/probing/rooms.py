"""Which room is meant, and what is said when it is not there, or not the only one."""

from __future__ import annotations

from difflib import get_close_matches

from ivsd.valt.model import Room, RoomState, RoomStatus
from ivsd.valt.probing.findings import Finding, Rooms, Step, some


def named(room: Room) -> str:
    """Name a room in a sentence."""
    return f"{room.name!r} (room {room.id})" if room.name else f"room {room.id}"


def state(status: RoomStatus) -> str:
    """Name a room's state, with the server's own word where it is none that we know."""
    return repr(status.word) if status.shown is RoomState.UNKNOWN else status.shown.value


def meant(rooms: tuple[Room, ...], wanted: int | str) -> tuple[Room, ...]:
    """Return those that `room:` of ivsd.yaml means: a number is an id, a text is a name."""
    if isinstance(wanted, int):
        return tuple(room for room in rooms if room.id == wanted)
    return tuple(room for room in rooms if room.name.casefold() == wanted.casefold())


def to_choose(rooms: tuple[Room, ...]) -> Finding:
    """Tell the rooms there are, for none is chosen yet."""
    if not rooms:
        text, advice = "the account sees no room", "Give the account the right to see the room."
        return Finding(Step.ROOM, False, text, advice, Rooms(rooms))
    text = f"no room is chosen yet; there are {_all(rooms)}"
    return Finding(Step.ROOM, None, text, "Choose the room of this box.", Rooms(rooms))


def several(rooms: tuple[Room, ...], wanted: int | str, found: tuple[Room, ...]) -> Finding:
    """Say that not one room alone is meant."""
    ids = ", ".join(str(room.id) for room in found)
    advice = f"Set room to one of their ids: {ids}."
    text = f"several rooms are named {wanted!r}"
    return Finding(Step.ROOM, False, text, advice, Rooms(rooms, near=found))


def missing(rooms: tuple[Room, ...], wanted: int | str) -> Finding:
    """Say that there is no such room, and which may be meant."""
    if isinstance(wanted, int):
        text = f"the server has no room with the id {wanted}"
        near = tuple(room for room in rooms if room.name == str(wanted))
        advice = f'It has one of that name: write room: "{wanted}", in quotes.'
    else:
        text = f"the server has no room named {wanted!r}"
        near = tuple(room for room in rooms if str(room.id) == wanted)
        advice = f"It has one with that id: write room: {wanted}, without quotes."
        if not near and (near := _alike(rooms, wanted)):
            advice = f"Is it {' or '.join(named(room) for room in near)}?"
    if not rooms:
        advice = "The account sees no room at all: give it the right to see them."
    elif not near:
        advice = "Choose one."
    text = f"{text}; there are {_all(rooms)}" if rooms else text
    return Finding(Step.ROOM, False, text, advice, Rooms(rooms, near=near))


def _alike(rooms: tuple[Room, ...], wanted: str) -> tuple[Room, ...]:
    """Return those with a similar name, the most similar one first."""
    names = [room.name.casefold() for room in rooms]
    close = get_close_matches(wanted.casefold(), names)
    return tuple(room for name in dict.fromkeys(close) for room in meant(rooms, name))


def _all(rooms: tuple[Room, ...]) -> str:
    return some([named(room) for room in rooms])

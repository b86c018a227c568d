"""The table: what a press means in which state of the room. It is meant to be read.

A press is answered from the state that the person could see. `Do` asks the server, `Ignore`
says that there is nothing to do, `Fail` that the wish cannot be met, and why.
The row for every other circumstance (link down, command pending, just started) is in `core`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivsd.events import Action
from ivsd.valt.model import RoomState


@dataclass(frozen=True, slots=True)
class Do:
    """Ask the server for this."""

    verb: Action


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing to do: the room is as the person wants it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """It cannot be done in this state."""

    reason: str


Decision = Do | Ignore | Fail

START, STOP = Do(Action.START), Do(Action.STOP)
PAUSE, RESUME = Do(Action.PAUSE), Do(Action.RESUME)
LOCK, UNLOCK = Do(Action.LOCK), Do(Action.UNLOCK)
MARKER = Do(Action.MARKER)

RUNS = Ignore("the room is already recording")
RUNS_PAUSED = Ignore("a recording is already there, paused")
NONE_RUNS = Ignore("nothing is being recorded")
IS_PAUSED = Ignore("the recording is already paused")
NOT_PAUSED = Ignore("the recording is not paused")
IS_LOCKED = Ignore("the room is already locked")
NOT_LOCKED = Ignore("the room is not locked")
LOCKED = Fail("the room is locked")
NOTHING = Fail("nothing is being recorded")
BUSY_ROOM = Fail("the room is recording: it can be locked when the recording is over")

_A, _P, _R, _Z, _L, _U = (
    RoomState.AVAILABLE,
    RoomState.PREPARED,
    RoomState.RECORDING,
    RoomState.PAUSED,
    RoomState.LOCKED,
    RoomState.UNKNOWN,
)

# UNKNOWN is a status word we have never heard of, with the server saying that nothing records
# (an unknown word with a recording counts as RECORDING). It never disables a button: the
# server is asked, and its own refusal is the safety net.
TABLE: dict[Action, dict[RoomState, Decision]] = {
    Action.RECORD_TOGGLE: {_A: START, _P: START, _R: STOP, _Z: STOP, _L: LOCKED, _U: START},
    Action.START: {_A: START, _P: START, _R: RUNS, _Z: RUNS_PAUSED, _L: LOCKED, _U: START},
    Action.STOP: {_A: NONE_RUNS, _P: NONE_RUNS, _R: STOP, _Z: STOP, _L: LOCKED, _U: STOP},
    Action.PAUSE: {_A: NOTHING, _P: NOTHING, _R: PAUSE, _Z: IS_PAUSED, _L: LOCKED, _U: PAUSE},
    Action.RESUME: {_A: NOTHING, _P: NOTHING, _R: NOT_PAUSED, _Z: RESUME, _L: LOCKED, _U: RESUME},
    Action.PAUSE_TOGGLE: {_A: NOTHING, _P: NOTHING, _R: PAUSE, _Z: RESUME, _L: LOCKED, _U: PAUSE},
    Action.MARKER: {_A: NOTHING, _P: NOTHING, _R: MARKER, _Z: MARKER, _L: LOCKED, _U: NOTHING},
    Action.LOCK: {_A: LOCK, _P: LOCK, _R: BUSY_ROOM, _Z: BUSY_ROOM, _L: IS_LOCKED, _U: LOCK},
    Action.UNLOCK: {
        _A: NOT_LOCKED, _P: NOT_LOCKED, _R: NOT_LOCKED, _Z: NOT_LOCKED, _L: UNLOCK, _U: UNLOCK,
    },
    Action.LOCK_TOGGLE: {_A: LOCK, _P: LOCK, _R: BUSY_ROOM, _Z: BUSY_ROOM, _L: UNLOCK, _U: LOCK},
}  # fmt: skip


def decide(action: Action, state: RoomState) -> Decision:
    """Look up what `action` means in `state`."""
    return TABLE[action][state]

"""A press on its way: what was asked of the server, and how its end is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ivsd.events import (
    STRANGER,
    Action,
    Binding,
    Card,
    Gesture,
    LockRoom,
    NumberKind,
    PauseRecording,
    Request,
    ResumeRecording,
    Scanned,
    StartRecording,
    StopRecording,
    UnlockRoom,
)
from ivsd.valt.errors import ValtError
from ivsd.valt.model import RecordingId, RoomState, RoomStatus


@dataclass(frozen=True, slots=True)
class Press:
    """One input that waits for its outcome. `at` is when the finger or the badge came."""

    source: str
    action: str
    at: float
    clear_at: float
    """Since when it has been clear what is wanted: a hold takes its time."""
    recording: RecordingId | None = None
    """What was recorded then: a stop is meant for it, and for no other one."""
    gesture: Gesture | None = None
    """What the hand did; None for a badge or a PIN."""
    is_down: bool = False
    """Whether the control is down still."""
    then: tuple[Binding, ...] = ()
    """Actions that follow when the present one is done."""
    told: tuple[str, ...] = ()
    """What came of the actions before it."""
    achieved: bool = False
    """Whether any of them did something."""


class Stage(Enum):
    """Where a state-changing press stands."""

    LOOK_UP = auto()  # asked whose badge or PIN it is
    ASKED = auto()  # asked the server to act
    CHECKING = auto()  # the server said no: does the room show what was wanted anyway?
    SETTLING = auto()  # the answer was lost: the room's state will tell


@dataclass(slots=True)
class Pending:
    """The one state-changing press that is under way."""

    press: Press
    verb: Action
    before: RoomStatus
    stage: Stage
    ask: int
    deadline: float
    since: float = 0.0
    """When CHECKING or SETTLING began; only polls sent later count."""
    error: ValtError | None = None
    author: int | None = None
    """Whose recording it will be, when this is a start."""
    scanned: Scanned | None = None
    """The badge or PIN, when it was one."""
    card: Card = STRANGER
    """What the box's own table says of that badge."""

    def not_one(self, *, several: bool) -> str:
        """Say that this badge or PIN is nobody's, or of several people."""
        if self.card.user is not None:
            name = self.card.name or "this badge"
            return f"VALT has no user {self.card.user} any more, to whom {name} belongs"
        assert self.scanned is not None
        who = "several VALT users have" if several else "nobody has"
        is_badge = self.scanned.kind is NumberKind.BADGE  # a PIN is not shown at all
        shown = self.card.name or self.scanned.number.tail()
        return f"{who} this number{f' ({shown})' if is_badge else ''}"

    def reached_by(self, status: RoomStatus) -> bool:
        """Whether `status` shows what the press wanted."""
        match self.verb:
            case Action.START:
                return status.has_recording
            case Action.STOP:
                another = status.recording not in (None, self.before.recording)
                return not status.has_recording or another
            case Action.PAUSE:
                return status.state is RoomState.PAUSED
            case Action.RESUME:
                return status.has_recording and status.state is not RoomState.PAUSED
            case Action.LOCK:
                return status.state is RoomState.LOCKED
            case _:
                return status.state is not RoomState.LOCKED

    def confirmed(self, recording: RecordingId | None) -> RoomStatus:
        """The room's state that the server's yes to this press stands for."""
        match self.verb:
            case Action.START | Action.RESUME:
                return RoomStatus(RoomState.RECORDING, recording, True)
            case Action.PAUSE:
                return RoomStatus(RoomState.PAUSED, recording, True)
            case Action.LOCK:
                return RoomStatus(RoomState.LOCKED)
            case _:
                return RoomStatus(RoomState.AVAILABLE)


DONE = {
    Action.START: "recording started",
    Action.STOP: "recording stopped",
    Action.PAUSE: "recording paused",
    Action.RESUME: "recording resumed",
    Action.LOCK: "room locked",
    Action.UNLOCK: "room unlocked",
}

ALREADY = {
    Action.START: "the room is already recording",
    Action.STOP: "the recording had already ended",
    Action.PAUSE: "the recording is already paused",
    Action.RESUME: "the recording already runs",
    Action.LOCK: "the room is already locked",
    Action.UNLOCK: "the room is not locked",
}

REQUESTS: dict[Action, Request] = {
    Action.STOP: StopRecording(),
    Action.PAUSE: PauseRecording(),
    Action.RESUME: ResumeRecording(),
    Action.LOCK: LockRoom(),
    Action.UNLOCK: UnlockRoom(),
}


def request_for(verb: Action, author: int | None, user: str) -> Request:
    """Build the request for a verb; only a start carries an author."""
    return StartRecording(author, user) if verb is Action.START else REQUESTS[verb]

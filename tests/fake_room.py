"""A VALT server with one room, the box's workers and its disk, all in simulated time.

For tests that drive the pure controller through anything that may happen. Nothing here moves by
itself: a test says when a request is carried out, when its answer comes, when the disk writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ivsd.events import (
    AddMarker,
    Ask,
    DeliverMarker,
    Drop,
    FindUser,
    Keep,
    KeptMarker,
    MarkSent,
    Request,
    StartRecording,
    StopRecording,
)
from ivsd.valt.errors import NoReply, NotFound, Refused, ValtError
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, User

MARKER_ACTS_WITHIN_S = 5.0
"""A server is given up for a marker when its effect shows later than `settle_s` after the answer
was lost; a request that is not carried out so long after it was sent is never carried out."""

Entry = tuple[RecordingId, str, int]
"""A marker as the server lists it: recording, name, second."""
CHANGES = [
    "start", "stop", "pause", "resume", "lock", "unlock", "prepare",
    "lock the recording", "a word nobody knows",
]  # fmt: skip


@dataclass
class Server:
    """A VALT server whose effects on the room show `lag_s` late; markers are listed at once."""

    name: str
    users: dict[str, User]
    lag_s: float = 0.0
    by_room: bool = False
    """Takes new markers by the room as VALT 5 does, only into what is being recorded."""
    lists: bool = True
    """Whether the box may list markers."""
    names_paused: bool = True
    """Whether a paused room names its recording (valt-api 13 no. 10)."""
    tells_id: bool = True
    """Whether the answer to a start tells the recording's id."""
    recordings: list[RecordingId] = field(default_factory=list)
    markers: list[Entry] = field(default_factory=list)
    recording: RecordingId | None = None

    def __post_init__(self) -> None:
        self._history = [(float("-inf"), RoomStatus(RoomState.AVAILABLE))]

    @property
    def true(self) -> RoomStatus:
        return self._history[-1][1]

    def shown(self, now: float) -> RoomStatus:
        return [status for at, status in self._history if at <= now - self.lag_s][-1]

    def change(self, what: str, now: float) -> RecordingId | None:
        """Do something to the room; the recording's id. Raises Refused."""
        state, recording = self.true.state, self.recording
        free = recording is None and state is not RoomState.LOCKED
        if what == "start" and free:
            # The same on all servers, as the numbers of VALT 5 are.
            self.recordings.append(f"R{len(self.recordings) + 1}")
            self._become(RoomState.RECORDING, self.recordings[-1], now)
            return self.recording if self.tells_id else None
        if what == "stop" and recording is not None:
            self._become(RoomState.AVAILABLE, None, now)
        elif what == "pause" and recording is not None and state is not RoomState.PAUSED:
            self._become(RoomState.PAUSED, recording, now)
        elif what == "resume" and recording is not None:
            self._become(RoomState.RECORDING, recording, now)
        elif what == "lock" and free:
            self._become(RoomState.LOCKED, None, now)
        elif what == "unlock" and state is RoomState.LOCKED:
            unlocked = RoomState.RECORDING if recording is not None else RoomState.AVAILABLE
            self._become(unlocked, recording, now)
        elif what == "prepare" and state is RoomState.AVAILABLE:
            self._become(RoomState.PREPARED, None, now)
        elif what == "lock the recording" and state is RoomState.RECORDING:
            self._become(RoomState.LOCKED, recording, now)
        elif what == "a word nobody knows":
            self._become(RoomState.UNKNOWN, recording, now)
        else:
            raise Refused(f"the room is {state}")
        return recording

    def _become(self, state: RoomState, recording: RecordingId | None, now: float) -> None:
        self.recording = recording
        named = recording if state is not RoomState.PAUSED or self.names_paused else None
        self._history.append((now, RoomStatus(state, named, recording is not None, state.value)))

    def carry_out(
        self, ask: Ask, now: float, overtaken: bool = False
    ) -> RecordingId | tuple[User, ...] | None:
        """Do what is asked. Raises Refused."""
        match ask.request:
            case FindUser(number):
                user = self.users.get(number.reveal())
                return (user,) if user else ()
            case AddMarker(recording, name, _, time_s):
                # A VALT 5 that knows which recording is meant. The real one's room path does not,
                # and somebody else's new recording in that very moment would get the marker.
                if self.by_room and not overtaken and recording != self.recording:
                    raise Refused("nothing is being recorded")
                self._add((recording, name, time_s))
            case DeliverMarker(marker, twins):
                entry = marker.recording, marker.name, marker.time_s
                if not self.lists and marker.was_sent:
                    raise Refused("the server does not say whether it has it already")
                if not self.lists or self.markers.count(entry) <= twins:
                    self._add(entry)
            case request:
                return self.change(verb_of(request), now)
        return None

    def _add(self, entry: Entry) -> None:
        if entry[0] not in self.recordings:
            raise NotFound("no such recording")
        self.markers.append(entry)


def verb_of(request: Request) -> str:
    name = type(request).__name__
    return name.removesuffix("Recording").removesuffix("Room").lower()


def is_marker(request: Request) -> bool:
    return isinstance(request, AddMarker | DeliverMarker)


def changes_room(request: Request) -> bool:
    return not is_marker(request) and not isinstance(request, FindUser)


Answer = RecordingId | tuple[User, ...] | None | ValtError


@dataclass
class Sent:
    """A request on its way to the server and back."""

    ask: Ask
    server: Server
    sent_at: float
    overtaken: bool = False
    """Whether a start or stop went before this, which had been asked for later."""
    answer: Answer = None
    done: bool = False
    """Whether the server has dealt with it."""

    def can_act(self, now: float) -> bool:
        """Whether the server may still deal with it."""
        in_time = now < self.sent_at + MARKER_ACTS_WITHIN_S or not is_marker(self.ask.request)
        return not self.done and in_time

    def act(self, now: float) -> None:
        """Let the server deal with it, if it has not yet."""
        if self.done:
            return
        if not self.can_act(now):
            self.answer = NoReply("no answer in time")
        else:
            try:
                self.answer = self.server.carry_out(self.ask, now, self.overtaken)
            except Refused as e:
                self.answer = e
        self.done = True


class Worker:
    """Sends one request after the other, as `ivsd.valt.link.Worker` does."""

    def __init__(self) -> None:
        self.queue: list[tuple[Ask, int]] = []
        self.sent: Sent | None = None
        self.turns = 0

    def put(self, ask: Ask) -> None:
        self.queue.append((ask, self.turns))
        self.queue.sort(key=lambda entry: isinstance(entry[0].request, AddMarker))  # stable

    def take(self, server: Server, now: float) -> Ask | None:
        """Send the next one; an ask that came too late to be sent is returned."""
        if self.sent is None and self.queue:
            ask, turns = self.queue.pop(0)
            overtaken = turns != self.turns
            self.turns += isinstance(ask.request, StartRecording | StopRecording)
            if now > ask.send_before:
                return ask
            self.sent = Sent(ask, server, now, overtaken)
        return None

    def abandon(self) -> Sent | None:
        """Forget all; return what was on its way."""
        sent, self.sent, self.queue = self.sent, None, []
        return sent


class Disk:
    """The outbox's file, and the orders its thread has not carried out yet."""

    def __init__(self) -> None:
        self.rows: dict[int, KeptMarker] = {}
        self.orders: list[Keep | MarkSent | Drop] = []
        self.is_open = False

    def works(self) -> int | None:
        """Carry out the oldest order; return the id of a marker that is safe now."""
        match self.orders.pop(0):
            case Keep(marker):
                assert marker.id not in self.rows, "an id is given once"
                self.rows[marker.id] = marker
                return marker.id
            case MarkSent(id_) if id_ in self.rows:
                self.rows[id_] = replace(self.rows[id_], was_sent=True)
            case Drop(id_):
                self.rows.pop(id_, None)
        return None

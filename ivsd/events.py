"""The vocabulary: all that can happen to the box, and all that it can ask for.

Everything that happens is an *event* in one queue. The controller turns each into *commands*,
and the daemon hands every command to the one worker that owns that piece of the world.
Times named `at`, `sent_at` and `..._before` are seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ivsd.valt.errors import ValtError
from ivsd.valt.model import RecordingId, RoomInfo, RoomState, RoomStatus, Secret, User

# -- what a control can be bound to -----------------------------------------------------------


class Action(StrEnum):
    """What a person can ask for at the door."""

    RECORD_TOGGLE = "record_toggle"
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    PAUSE_TOGGLE = "pause_toggle"
    MARKER = "marker"
    LOCK = "lock"
    UNLOCK = "unlock"
    LOCK_TOGGLE = "lock_toggle"
    SHOW_STATUS = "show_status"

    @property
    def is_toggle(self) -> bool:
        """Whether its meaning depends on what the person sees."""
        return self.value.endswith("_toggle")


@dataclass(frozen=True, slots=True)
class Binding:
    """An action as a control has it; marker name and colour matter to markers only.

    The name may use {count}, the number of the marker in its recording, and {time}, its position.
    """

    action: Action
    marker_name: str = ""
    marker_colour: str = "red"


class Gesture(StrEnum):
    """What a hand can do with a control; the controller's `gestures` says when each fires."""

    PRESS = "press"
    RELEASE = "release"
    TAP = "tap"
    HOLD = "hold"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class ControlRules:
    """What a control does: for each gesture the actions, one after the other."""

    actions: Mapping[Gesture, tuple[Binding, ...]]
    hold_s: float = 1.0

    @property
    def waits(self) -> bool:
        """Whether going down alone does not tell the gesture."""
        return not self.actions.keys().isdisjoint((Gesture.TAP, Gesture.HOLD, Gesture.DOUBLE))


@dataclass(frozen=True, slots=True)
class Card:
    """What the box's own table says of a badge."""

    actions: tuple[Binding, ...] = (Binding(Action.RECORD_TOGGLE),)
    user: int | None = None
    """The VALT user it stands for, whatever VALT has for its number."""
    name: str = ""
    """What people call it, or its owner; "" for VALT's own name."""
    is_looked_up: bool = True
    """Whether VALT is asked who that is; a key for everybody needs nobody."""


STRANGER = Card()
"""A badge that is not in the table: VALT alone knows whose it is."""


FACTORY_DEFAULT = "factory_default"
"""The control that is held for the factory state, where it has a line of its own."""


@dataclass(frozen=True, slots=True)
class HoldRules:
    """What must be held for the factory state, and how."""

    controls: frozenset[str] = frozenset({FACTORY_DEFAULT})
    """All of them together; those that do something else, too, do it when they come up."""
    hold_s: float = 10.0
    confirm: bool = False
    """Whether one of them must be pressed once more after that."""


class StopProtection(StrEnum):
    """What it takes to stop a recording by the press of a button."""

    AT_ONCE = "at_once"
    HOLD = "hold"
    TWICE = "twice"


# -- events: a hand, a badge, a device --------------------------------------------------------


class NumberKind(StrEnum):
    """What a number was entered with."""

    BADGE = "badge"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A control went down."""

    control: str
    at: float


@dataclass(frozen=True, slots=True)
class Released:
    """A control went up."""

    control: str
    at: float
    was_seen: bool = True
    """False where its event was lost: nobody knows when it really came up."""


@dataclass(frozen=True, slots=True)
class PressAsked:
    """A program wants done what a plain press of this control does; nobody's hand is on it."""

    control: str
    at: float


@dataclass(frozen=True, slots=True)
class Scanned:
    """A badge was read or a PIN was entered."""

    reader: str
    kind: NumberKind
    number: Secret
    at: float


NOT_WHOLE = "the number was not read whole: hold the badge to the reader again"


@dataclass(frozen=True, slots=True)
class Misread:
    """A badge or a PIN came that could not be read; `why` is a sentence."""

    reader: str
    at: float
    why: str = NOT_WHOLE


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """A configured device is missing or was unplugged; `problem` is a sentence."""

    device: str
    problem: str
    is_lamp: bool = False
    """Nobody's hand is on it."""


@dataclass(frozen=True, slots=True)
class DeviceFound:
    """A configured device is there and in use."""

    device: str


LEARN_S = 30.0
"""How long somebody waits to be shown the next input."""


@dataclass(frozen=True, slots=True)
class LearnAsked:
    """Somebody wants to be shown the next input; `token` is their own."""

    token: int


@dataclass(frozen=True, slots=True)
class LearnGivenUp:
    """Who has asked so does not wait any more."""

    token: int


@dataclass(frozen=True, slots=True)
class DeviceForgotten:
    """A device is not looked for any more, or will be looked for anew: the file has changed."""

    device: str


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A device took or lost what it should not have; `what` is a plural, such as “lost edges”.

    `total` counts them since this process began.
    """

    device: str
    what: str
    total: int
    at: float


# -- events: the VALT server ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoomPolled:
    """The room's state, as the watcher has read it."""

    status: RoomStatus
    sent_at: float
    at: float


@dataclass(frozen=True, slots=True)
class RoomInformed:
    """Name and recording time of the room, as the watcher has read them."""

    info: RoomInfo
    sent_at: float
    at: float


@dataclass(frozen=True, slots=True)
class WatchFailed:
    """The room could not be read."""

    error: ValtError
    at: float


@dataclass(frozen=True, slots=True)
class RenewalFailed:
    """The daily log-in failed; the old token is still in use."""

    error: ValtError


@dataclass(frozen=True, slots=True)
class Answered:
    """The server has done what was asked."""

    ask: int
    result: RecordingId | tuple[User, ...] | None
    sent_at: float
    at: float


@dataclass(frozen=True, slots=True)
class AskFailed:
    """What was asked was not done, or nobody can say: the error's type tells which."""

    ask: int
    error: ValtError
    at: float


# -- events: the outbox -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptMarker:
    """A marker that waits on this box's disk for its server."""

    id: int
    server: str
    """Which server the recording is on; the id of a recording says nothing to another one."""
    recording: RecordingId
    name: str
    colour: str
    time_s: int
    was_sent: bool = False
    """Whether it may be on the server already: it was sent, and the answer was lost."""


@dataclass(frozen=True, slots=True)
class OutboxRead:
    """The outbox can be used; these markers were left in it by an earlier run."""

    markers: tuple[KeptMarker, ...]


@dataclass(frozen=True, slots=True)
class OutboxLost:
    """The disk of the outbox cannot be used; `problem` is a sentence."""

    problem: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The marker is safe on the disk."""

    id: int


@dataclass(frozen=True, slots=True)
class NotKept:
    """The marker could not be written; `problem` is a sentence."""

    id: int
    problem: str


# -- events: the factory default --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FactoryDefaultAsked:
    """Somebody with the right to it wants the factory state; `source` is where from."""

    source: str
    at: float


@dataclass(frozen=True, slots=True)
class FactoryDefaultBegan:
    """The factory state is being restored; this box restarts."""


@dataclass(frozen=True, slots=True)
class FactoryDefaultFailed:
    """The factory state is not restored, and nothing was changed; `problem` is a sentence."""

    problem: str


# -- events: the clock and the configuration --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline the controller asked for has come."""


class MarkerTime(StrEnum):
    """Whose seconds count for a marker, where this box and the server differ after a pause."""

    OWN = "own"
    SERVER = "server"


class WhoMayStop(StrEnum):
    """Whose badge or PIN stops a recording."""

    ANYONE = "anyone"
    AUTHOR = "author"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the configuration that decides what presses mean."""

    controls: Mapping[str, ControlRules]
    default_author: int | None = None
    reply_timeout_s: float = 5.0
    settle_s: float = 5.0
    just_started_s: float = 2.0
    send_within_s: float = 5.0
    """A press that changes the room is not carried out later than so long after it."""
    marker_clock: MarkerTime = MarkerTime.OWN
    stop_protection: StopProtection = StopProtection.AT_ONCE
    stop_hold_s: float = 2.0
    rearm_s: float = 2.0
    """How long a badge must be away from the reader before it counts again."""
    who_may_stop: WhoMayStop = WhoMayStop.ANYONE
    stoppers: frozenset[int] = frozenset()
    """VALT user ids, for WhoMayStop.LISTED."""
    cards: Mapping[Secret, Card] = field(default_factory=dict)
    """The box's own table of badges."""
    server: str = ""
    """Which server, in a form that stays the same as long as its recordings' ids do."""
    factory_default: HoldRules | None = None
    """None where this box has nothing to hold for it."""
    config_problem: str = ""
    """A sentence; set when the configuration is wrong, then no press can be carried out."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration was read again; `new_room` when another server or room is meant."""

    rules: Rules
    new_room: bool


Event = (
    Pressed
    | Released
    | PressAsked
    | Scanned
    | Misread
    | DeviceLost
    | DeviceFound
    | DeviceForgotten
    | LearnAsked
    | LearnGivenUp
    | Disturbed
    | RoomPolled
    | RoomInformed
    | WatchFailed
    | RenewalFailed
    | Answered
    | AskFailed
    | OutboxRead
    | OutboxLost
    | Kept
    | NotKept
    | FactoryDefaultAsked
    | FactoryDefaultBegan
    | FactoryDefaultFailed
    | Tick
    | Reconfigured
)

# -- commands: requests to the server ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Start; `author` is a VALT user id, `user` that user's name for the recording's name."""

    author: int | None
    user: str


@dataclass(frozen=True, slots=True)
class StopRecording:
    pass


@dataclass(frozen=True, slots=True)
class PauseRecording:
    pass


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    pass


@dataclass(frozen=True, slots=True)
class LockRoom:
    pass


@dataclass(frozen=True, slots=True)
class UnlockRoom:
    pass


@dataclass(frozen=True, slots=True)
class AddMarker:
    """Put a marker `time_s` seconds into this recording."""

    recording: RecordingId
    name: str
    colour: str
    time_s: int


@dataclass(frozen=True, slots=True)
class DeliverMarker:
    """Put a marker of the outbox into its recording, unless the server has it already.

    `twins` of them, the same name at the same second, are known to be there and not to be it.
    """

    marker: KeptMarker
    twins: int


@dataclass(frozen=True, slots=True)
class FindUser:
    """Look up whose badge number or PIN this is."""

    number: Secret


@dataclass(frozen=True, slots=True)
class ReadUser:
    """Look up whether this VALT user is still there, and their name."""

    user: int


Request = (
    StartRecording
    | StopRecording
    | PauseRecording
    | ResumeRecording
    | LockRoom
    | UnlockRoom
    | AddMarker
    | DeliverMarker
    | FindUser
    | ReadUser
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Send this request; not later than `send_before`, it would surprise people then."""

    id: int
    request: Request
    send_before: float


@dataclass(frozen=True, slots=True)
class PollNow:
    """Read the room's state at once instead of at the next interval."""


# -- commands: the outbox -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keep:
    """Write this marker to the disk; `Kept` or `NotKept` follows."""

    marker: KeptMarker


@dataclass(frozen=True, slots=True)
class MarkSent:
    """Remember on the disk that the server may have this marker from now on."""

    id: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Take this marker off the disk: it is delivered, or never will be."""

    id: int


# -- commands: the factory default --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RestoreFactoryState:
    """Have this box restored; `FactoryDefaultBegan` or `FactoryDefaultFailed` follows."""


# -- commands: what people get to see ---------------------------------------------------------


class BoxFault(StrEnum):
    """Faults of the box itself, beside those of the link (`LinkFault`)."""

    CONFIG = "config"
    DEVICE = "device"
    STARTING = "starting"


class FactoryStage(StrEnum):
    """How far somebody is who wants the factory state."""

    COUNTING = "reset_counting"
    READY = "reset_ready"
    CONFIRM = "reset_confirm"
    RESTORING = "restoring"


class Receipt(StrEnum):
    """A short answer to one press, after which the light returns to its state."""

    REFUSED = "refused"
    DENIED = "denied"
    LOCKED_OUT = "locked_out"
    MARKED = "marked"
    IGNORED = "ignored"


PENDING = "pending"


@dataclass(frozen=True, slots=True)
class LightView:
    """What all lamps together say; each lamp shows its own view of it.

    `room` is the state confirmed by the server, None while it is not known. `records` is kept
    from the last confirmed state when the link is lost: the recording sign stays on.
    """

    room: RoomState | None = None
    records: bool = False
    pending: bool = False
    fault: str = BoxFault.STARTING
    locked: bool = False
    """The room is locked while it records, and somebody has asked for the status."""
    reset: FactoryStage | None = None
    """Goes before all else: a hand is on it."""
    receipt: Receipt | None = None
    receipt_no: int = 0
    """Counts the receipts, so that two equal ones in a row are two."""

    @property
    def name(self) -> str:
        """The word of the light language for the steady part.

        A fault that leaves the state known (a reader is missing) does not hide the state: the
        lamps blink it in between. A link that is lost while a press is pending says more than
        the flicker does.
        """
        if self.reset is not None:
            return self.reset.value
        if self.room is not None:
            steady = RoomState.LOCKED if self.locked else self.room
            return PENDING if self.pending else steady.value
        return self.fault or RoomState.UNKNOWN.value


@dataclass(frozen=True, slots=True)
class Show:
    """Light the lamps so; the latest wins."""

    view: LightView


class Result(StrEnum):
    """How an input ended."""

    DONE = "done"
    FAILED = "failed"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one answer to one input. `reason` is a sentence a person can act on."""

    source: str
    """The control, or the reader."""
    action: str
    result: Result
    reason: str
    pressed_at: float
    at: float


@dataclass(frozen=True, slots=True)
class Report:
    """Write this outcome where people look: journal and panel."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Learned:
    """Answer who has asked for the next input: what it was, or in `why` a word for why not."""

    token: int
    kind: str = ""
    """button, or what the number was entered with."""
    source: str = ""
    """The control, or the reader."""
    number: Secret | None = None
    """Of a badge; a PIN is shown to nobody."""
    why: str = ""
    """busy: somebody else learns; nothing_came."""


class About(StrEnum):
    """What a line of the journal is about, where people look for such lines."""

    LINK_LOST = "link_lost"
    LINK_BACK = "link_back"
    DEVICE_LOST = "device_lost"
    DEVICE_READY = "device_ready"
    ELSE = "else"


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line to the journal that answers no press; `problem` for a warning."""

    text: str
    problem: bool = False
    about: About = About.ELSE


Command = (
    Ask | PollNow | Keep | MarkSent | Drop | RestoreFactoryState | Show | Report | Note | Learned
)

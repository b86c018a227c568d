"""What the pure soak needs around the controller: a room, controls, and who is owed an outcome."""

from __future__ import annotations

from collections import deque

from ivsd.controller.doorkeeper import Again, Doorkeeper
from ivsd.controller.gestures import Fired, Gestures
from ivsd.events import (
    Action,
    Binding,
    ControlRules,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Event,
    FindUser,
    Gesture,
    LockRoom,
    Misread,
    NumberKind,
    PauseRecording,
    Pressed,
    Reconfigured,
    Released,
    ResumeRecording,
    Rules,
    Scanned,
    StartRecording,
    StopRecording,
    Tick,
    UnlockRoom,
)
from ivsd.valt.errors import Refused, ValtError
from ivsd.valt.model import RecordingId, RoomState, RoomStatus, Secret, User

USERS = {"0004711001": User(12, "Alice"), "0004711002": User(13, "Bob"),
         "0004711003": User(15, "Dan"), "2580": User(14, "Carol")}  # fmt: skip
CHANGES = ["start", "stop", "pause", "resume", "lock", "unlock", "prepare"]
HOLD_S = 1.5
_VERBS = {
    StartRecording: "start", StopRecording: "stop", PauseRecording: "pause",
    ResumeRecording: "resume", LockRoom: "lock", UnlockRoom: "unlock",
}  # fmt: skip


def verb_of(request: object) -> str:
    """The word for a request that changes the room; "" for any other one."""
    return _VERBS.get(type(request), "")


def _control(**gestures: Action | tuple[Action, ...]) -> ControlRules:
    bound = {}
    for name, actions in gestures.items():
        listed = actions if isinstance(actions, tuple) else (actions,)
        bound[Gesture(name)] = tuple(Binding(action, "M {count} {time}") for action in listed)
    return ControlRules(bound, HOLD_S)


CONTROLS = {action.value: _control(press=action) for action in Action} | {
    "tapped": _control(tap=Action.LOCK_TOGGLE),
    "held": _control(press=Action.MARKER, hold=Action.RECORD_TOGGLE),
    "only held": _control(hold=Action.STOP),
    "twice": _control(press=Action.START, double=Action.PAUSE_TOGGLE),
    "all": _control(tap=Action.SHOW_STATUS, hold=Action.LOCK_TOGGLE, double=Action.MARKER),
    "switch": _control(press=Action.START, release=Action.STOP),
    "begin": _control(press=(Action.START, Action.MARKER)),
    "end": _control(press=(Action.MARKER, Action.STOP, Action.LOCK)),
}


class FakeRoom:
    """A VALT server with one room, whose effects show `lag_s` late. Time comes in."""

    def __init__(self, now: float, lag_s: float = 0.0, count: int = 0) -> None:
        self.lag_s, self.count = lag_s, count
        self._since = now
        self._history = deque([(float("-inf"), RoomStatus(RoomState.AVAILABLE))])

    @property
    def true(self) -> RoomStatus:
        return self._history[-1][1]

    def shown(self, now: float) -> RoomStatus:
        """The state as a poll sees it; what is older is forgotten, or a million events add up."""
        while len(self._history) > 1 and self._history[1][0] <= now - self.lag_s:
            self._history.popleft()
        return self._history[0][1]

    def time_s(self, now: float) -> float:
        return now - self._since

    def try_to(self, what: str, now: float) -> None:
        """Somebody at the VALT page tries something."""
        self.change(what, now)

    def do(self, request: object, now: float) -> None:
        """Carry a request out whose answer nobody will get."""
        self.act(request, now)

    def act(self, request: object, now: float) -> RecordingId | tuple[User, ...] | ValtError | None:
        """Carry a request out; the server's answer."""
        match request:
            case FindUser(number):
                user = USERS.get(number.reveal())
                return (user,) if user else ()
        verb = verb_of(request)
        return self.change(verb, now) if verb else None  # a marker, or what later versions ask

    def change(self, what: str, now: float) -> RecordingId | ValtError | None:
        was, recording = self.true.state, self.true.recording
        runs = recording is not None
        match what:
            case "start" if not runs and was is not RoomState.LOCKED:
                self.count, self._since = self.count + 1, now
                recording = f"R{self.count}"
                new = RoomState.RECORDING
            case "stop" if runs:
                new, recording = RoomState.AVAILABLE, None
            case "pause" if runs:
                new = RoomState.PAUSED
            case "resume" if runs:
                new = RoomState.RECORDING
            case "lock" if not runs and was is not RoomState.LOCKED:
                new = RoomState.LOCKED
            case "unlock" if was is RoomState.LOCKED:
                new = RoomState.AVAILABLE
            case "prepare" if was is RoomState.AVAILABLE:
                new = RoomState.PREPARED
            case _:
                return Refused(f"the room is {was}")
        before = self.true.recording
        status = RoomStatus(new, recording, recording is not None, new.value)
        self._history.append((now, status))
        return recording or before


class Shadow:
    """Knows which inputs are owed an outcome of their own."""

    def __init__(self) -> None:
        self._doorkeeper, self._gestures = Doorkeeper(), Gestures()
        self._missing: set[str] = set()

    def expected(self, event: Event, rules: Rules, now: float) -> list[tuple[str, float]]:
        """The source and moment of each input that this event is.

        Silent are: a badge that lies on the reader still; the second half of a double press, which
        is one doing with the first; coming up, unless something is bound to it.
        """
        match event:
            case Misread(reader, at, why):
                unread = Scanned(reader, NumberKind.BADGE, Secret(why), at)
                again = self._doorkeeper.was_there(unread, rules.rearm_s)
                return [] if again is Again.IGNORE else [(reader, at)]
            case Scanned(reader, _, _, at):
                again = self._doorkeeper.was_there(event, rules.rearm_s)
                return [] if again is Again.IGNORE else [(reader, at)]
            case Pressed(control, at) if control not in rules.controls:
                return [(control, at)]
            case Pressed(control, at):
                self._gestures.expire(at)
                clear = self._gestures.pressed(control, rules.controls[control], at)
                return [] if _has(clear, Gesture.DOUBLE) else [(control, at)]
            case Released(control, at):
                self._gestures.expire(at)
                clear = self._gestures.released(control, rules.controls[control], at)
                return [(control, at)] if _has(clear, Gesture.RELEASE) else []
            case Tick():
                self._gestures.expire(now)
            case DeviceLost(device, _, is_lamp):
                if device not in self._missing and not is_lamp:
                    self._gestures.cancel("")
                self._missing.add(device)
            case DeviceFound(device):
                self._missing.discard(device)
            case DeviceForgotten(device):
                self._missing.discard(device)
                self._gestures.cancel("")
            case Reconfigured():
                self._gestures.cancel("")
        return []


def _has(clear: object, gesture: Gesture) -> bool:
    assert isinstance(clear, list)
    return any(isinstance(item, Fired) and item.gesture is gesture for item in clear)

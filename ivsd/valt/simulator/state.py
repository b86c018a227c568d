"""The words in which the world tells its state: values that never change once made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

COLORS = {  # valt-api 7; only red and white have a documented value, the others are those of CSS
    "white": "#ffffff",
    "gray": "#808080",
    "red": "#ff0000",
    "yellow": "#ffff00",
    "purple": "#800080",
    "cyan": "#00ffff",
    "blue": "#0000ff",
    "green": "#008000",
    "orange": "#ffa500",
}

Json = dict[str, Any]
RecordingId = int | str  # VALT 5.x counts, VALT 6.x gives UUIDs (valt-api 1)


def release(version: str) -> tuple[int, int]:
    """`6.5` or `6.5.2` as (6, 5). Raises ValueError."""
    match = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)*", version)
    if match is None:
        raise ValueError(f"a VALT version looks like 6.5.2, not {version!r}")
    return int(match[1]), int(match[2])


class WorldError(Exception):
    """A request that the rules do not allow; the text is the reason for people."""


class NotFound(WorldError):
    """There is no such room, recording or user."""


class Refused(WorldError):
    """It exists, but not now or not so."""


class MissingRight(WorldError):
    """The user may not do this."""


@dataclass(frozen=True)
class Timer:
    """Seconds that pass only while it runs."""

    done_s: float = 0.0
    since: float | None = None  # monotonic time of the last go; None while it stands

    def at(self, now: float) -> float:
        return self.done_s if self.since is None else self.done_s + now - self.since

    def halted(self, now: float) -> Timer:
        return Timer(self.at(now))

    def running(self, now: float) -> Timer:
        return Timer(self.done_s, now) if self.since is None else self


@dataclass(frozen=True)
class Marker:
    """A marker (VALT 5) or comment (VALT 6)."""

    id: int
    name: str
    time_s: int  # position in the recording
    color: str
    author: int  # user id
    created: float  # epoch seconds
    template: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Recording:
    """What was, or is being, recorded."""

    id: RecordingId
    room: int
    name: str
    author: int  # user id
    started: float  # epoch seconds
    stopped: float | None = None  # epoch seconds; None while it runs
    length_s: float = 0.0  # without pauses; as of the moment it was asked for, while it runs
    markers: tuple[Marker, ...] = ()
    template: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RoomState:
    """Everything about a room that changes."""

    recording: RecordingId | None = None
    paused: bool = False
    prepared: bool = False
    locked_by: int | None = None  # user id
    shown: Timer = Timer()  # what recording.time tells, with its quirk

    @property
    def word(self) -> str:
        """The status word (valt-api 6)."""
        if self.locked_by is not None:
            return "locked"
        if self.recording is not None:
            return "paused" if self.paused else "recording"
        return "prepared" if self.prepared else "available"


class RoomHistory:
    """A room's state, and what it was while an action's effect does not show yet."""

    def __init__(self) -> None:
        self._states = [(float("-inf"), RoomState())]  # newest last

    @property
    def now(self) -> RoomState:
        """The true state."""
        return self._states[-1][1]

    def change(self, at: float, **changes: Any) -> None:
        self._states.append((at, replace(self.now, **changes)))

    def as_of(self, at: float) -> RoomState:
        """The state at that monotonic time; what is older still is forgotten."""
        while len(self._states) > 1 and self._states[1][0] <= at:
            del self._states[0]
        return self._states[0][1]


@dataclass(frozen=True)
class RoomView:
    """A room as a client sees it: an action's effect may not show yet (valt-api 5.1, 5.2)."""

    id: int
    name: str
    status: str  # available, recording, paused, locked or prepared
    recording: RecordingId | None  # None also where a quirk hides a paused recording
    time_s: int
    locked_by: int | None

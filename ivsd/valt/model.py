"""The things VALT speaks of, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

RecordingId = int | str
"""Integer on VALT 5.x, UUID text on 6.x; opaque to us (valt-api 1)."""


def _as_sent() -> Any:
    """Make the field that holds the server's whole object, for a script that wants the rest.

    It is never shown or compared: it may hold a camera's password or a card number.
    """
    return field(default_factory=dict, repr=False, compare=False)


class RoomState(StrEnum):
    """The five status words of VALT (valt-api 6); UNKNOWN stands for any other word."""

    AVAILABLE = "available"
    RECORDING = "recording"
    PAUSED = "paused"
    LOCKED = "locked"
    PREPARED = "prepared"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RoomStatus:
    """One answer of `rooms/{room}/status` (valt-api 5.1)."""

    state: RoomState
    recording: RecordingId | None = None
    records: bool = False
    word: str = ""
    """The server's own word, kept for the journal when it is none of the five."""

    @property
    def acts_as(self) -> RoomState:
        """The state that decides what a press means: an unknown word is judged by its flag."""
        if self.state is not RoomState.UNKNOWN:
            return self.state
        return RoomState.RECORDING if self.records else RoomState.UNKNOWN

    @property
    def shown(self) -> RoomState:
        """The state that people are shown: a recording is never hidden by another word."""
        if self.records and self.state is not RoomState.PAUSED:
            return RoomState.RECORDING
        return self.acts_as

    @property
    def shows_lock(self) -> bool:
        """Whether the room is locked while it records, which `shown` does not tell."""
        return self.state is RoomState.LOCKED and self.records

    @property
    def has_recording(self) -> bool:
        """Whether a recording exists in the room, running or paused."""
        return self.records or self.state in (RoomState.RECORDING, RoomState.PAUSED)


@dataclass(frozen=True, slots=True)
class Room:
    """A room as `rooms/info` lists it (valt-api 5.2)."""

    id: int
    name: str
    as_sent: Mapping[str, Any] = _as_sent()


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """One answer of `rooms/info/{room}`: the only place that tells the recording time."""

    room: Room
    recording: RecordingId | None = None
    time_s: float | None = None
    """Elapsed seconds of the active recording; the server may reset it around a pause."""
    has_recording: bool | None = False
    """Whether a recording exists in the room, running or paused; None: the server says nothing."""


class Secret:
    """A text that no log, traceback or message shows: password, PIN or card number.

    `str()` and `repr()` show nothing of it, so forgetting to mask is not a leak; who needs the
    text says so with `reveal()`, who wants to tell badges apart with `tail()`.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def tail(self) -> str:
        """Return the last three places of a long number, the most a message may show of it."""
        return f"…{self._text[-3:]}" if len(self._text) >= 8 else "…"

    def __str__(self) -> str:
        return "…"

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

    def __deepcopy__(self, memo: object) -> Secret:
        return self  # it never changes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __len__(self) -> int:
        return len(self._text)


@dataclass(frozen=True, slots=True)
class User:
    """A VALT user; `card_number` is a badge number or a keypad PIN (valt-api 5.12)."""

    id: int
    name: str
    """The name people see; the log-in name where there is no other."""
    card_number: Secret | None = None
    as_sent: Mapping[str, Any] = _as_sent()


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of a room, of which we know that it has an id (valt-api 5.9)."""

    id: int
    as_sent: Mapping[str, Any] = _as_sent()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A planned recording (valt-api 5.11); `start_at` and `stop_at` are epoch seconds."""

    name: str
    start_at: int
    stop_at: int


RETENTION_UNITS = ("days", "hours", "minutes")
RETENTION_TYPES = ("infinitely", "until", *RETENTION_UNITS)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a group's recordings are kept (valt-api 8)."""

    type: str
    """One of RETENTION_TYPES."""
    until: str | None = None
    """Date as MM-DD-YYYY, with the type `until`."""
    amount: int | None = None
    """Number of the unit that `type` names."""


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A user group to be made (valt-api 8); None leaves a setting to the server."""

    name: str
    information: int
    """Id of the default information template."""
    marker: int
    """Id of the default marker template, which VALT 6 calls the comment template."""
    rights: tuple[str, ...] | None = None
    max_record_duration_min: int | None = None
    rooms: tuple[int, ...] | None = None
    video_users: tuple[int, ...] | None = None
    video_groups: tuple[int, ...] | None = None
    retention: Retention | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The server's version as far as it says one (valt-api 5.16, decision 13).

    `major` 0 means unknown: then the shape of a recording id tells the generation.
    """

    text: str = ""
    major: int = 0
    minor: int = 0

    @classmethod
    def parse(cls, raw: object) -> Version:
        """Read "6.5.2"; a bare number is a build number of 5.x, anything else is unknown."""
        if isinstance(raw, bool) or not isinstance(raw, int | str):
            return cls()
        text = str(raw).strip()[:40]
        major, dot, rest = text.partition(".")
        minor = rest.partition(".")[0]
        if not dot and text.isdecimal():
            return cls(text, 5, 0)
        if not (major.isdecimal() and minor.isdecimal()):
            return cls(text)
        return cls(text, int(major), int(minor))

    def at_least(self, major: int, minor: int) -> bool:
        """Whether the server is known to be this version or a newer one."""
        return (self.major, self.minor) >= (major, minor)


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker (VALT 5) or comment (VALT 6) of a recording (valt-api 5.6, 5.7)."""

    name: str
    time_s: int


MARKER_COLOURS = (
    "white", "gray", "red", "yellow", "purple", "cyan", "blue", "green", "orange",
)  # fmt: skip
"""The colours VALT 5.x knows (valt-api 7)."""

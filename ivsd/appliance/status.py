"""What `ivsd status` and the device's page are told: the documented form, version 1.

It travels as JSON over the control socket. Keys are only ever added to a version; one that
changes its meaning makes the next version. Durations ending in `_s` are seconds, `null` stands
for "not known" or "none". No value is a secret: no password, token or PIN is in here, and no
card number beyond its last three places.

    schema           1
    version          of ivsd, text
    uptime_s         since the daemon began
    config
      file           path of ivsd.yaml
      loaded         whether a right configuration is in use: false when none was right since the
                     start; true with `problems` when the old one is in use
      problems       list of sentences, each with file, line and key; empty when all is right
    room
      configured     room of ivsd.yaml, an id or a name, also of a wrong file; "" without one
      id             its VALT id, null while it was not found
      name           as VALT has it, "" while not known
      state          last confirmed state: available, prepared, recording, paused, locked, unknown;
                     null before the first answer. Kept when the link is lost
      shown          the state that people are shown; null while the link is down
      locked         whether the room is locked, also while it records
      records        whether it is known to have a recording, running or paused
      recording_s    how long is recorded so far, pauses left out; null without a recording
      confirmed_s_ago  age of `state`; null before the first answer
    link
      url            of the VALT server
      up             whether the last look at the room succeeded
      fault          "" or the light's word for it: starting, no_link, no_login, tls, clock, server,
                     no_room
      why            sentence, "" when up
      since_s        how long it has been up, or down for this reason
      login_s_ago    age of the last log-in that succeeded, null when there was none
      server_version as the server says it, "" when it does not
      trust          which certificates are trusted: system, sha256:..., path of a CA file; "none"
                     for http
    lights
      name           word of the light language for the steady part
      fault          what blinks, "" for nothing; the words of link.fault, config, device
      pending        whether a press is under way
      receipt        the last short answer to a press: refused, denied, locked_out, marked, ignored;
                     null when there was none
      receipt_no     grows by one with each of them
    lamps            list
      name           as ivsd.yaml has it
      shows          status, or recording for the sign beside the door
      kind           led, rgb, leds, buzzer
      frames         one round of what it shows until something changes, over and over
        colour       off, red, green, yellow, blue, magenta, cyan, white
        ms           for how long
      receipt        what it shows once as `lights.receipt`; empty where it does not show it
      colours        kind leds: the colour of each LED, as they stand in the lamp; else empty
    controls         list of what can be pressed
      name           as ivsd.yaml has it
      does           sentence
      where          the line or key; "" where nothing presses it
    devices          list, one for each reader, keypad, button and lamp
      name           as ivsd.yaml has it, lamps with "lamp " before it
      kind           button, reader, lamp
      ready          false when it is missing or cannot be used
      problem        sentence, "" when ready
    outbox
      waiting        markers that the server does not have yet
      problem        sentence when none can be kept, else ""
    outcomes         list of the last 20 presses, badges and PINs, the newest first
      time           when it was decided, ISO 8601 with offset, by this box's clock
      s_ago          the same as seconds before this status
      source         control, or reader
      action         what was wanted
      result         done, failed, ignored
      reason         sentence
    factory_default
      available      whether the part that restores the factory state listens
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ivsd.appliance.journal import scrub

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    file: str
    loaded: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomStatus:
    configured: str
    id: int | None
    name: str
    state: str | None
    shown: str | None
    locked: bool
    records: bool
    recording_s: float | None
    confirmed_s_ago: float | None


@dataclass(frozen=True, slots=True)
class LinkStatus:
    url: str
    up: bool
    fault: str
    why: str
    since_s: float
    login_s_ago: float | None
    server_version: str
    trust: str


@dataclass(frozen=True, slots=True)
class LightsStatus:
    name: str
    fault: str
    pending: bool
    receipt: str | None
    receipt_no: int


@dataclass(frozen=True, slots=True)
class FrameStatus:
    colour: str
    ms: int


@dataclass(frozen=True, slots=True)
class LampStatus:
    name: str
    shows: str
    kind: str
    frames: tuple[FrameStatus, ...]
    receipt: tuple[FrameStatus, ...]
    colours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlStatus:
    name: str
    does: str
    where: str


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    name: str
    kind: str
    ready: bool
    problem: str


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    waiting: int
    problem: str


@dataclass(frozen=True, slots=True)
class OutcomeStatus:
    time: str
    s_ago: float
    source: str
    action: str
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class FactoryDefaultStatus:
    available: bool


@dataclass(frozen=True, slots=True)
class Status:
    version: str
    uptime_s: float
    config: ConfigStatus
    room: RoomStatus
    link: LinkStatus
    lights: LightsStatus
    lamps: tuple[LampStatus, ...]
    controls: tuple[ControlStatus, ...]
    devices: tuple[DeviceStatus, ...]
    outbox: OutboxStatus
    outcomes: tuple[OutcomeStatus, ...]
    factory_default: FactoryDefaultStatus
    schema: int = SCHEMA


class NotAStatus(Exception):
    """What was read is no status of this version; `str()` says where it is not."""


def to_json(status: Status, hidden: Iterable[str] = ()) -> dict[str, Any]:
    """Return it as JSON has it; `hidden` are texts that must not be in it wherever they stand."""
    words = [word for word in hidden if len(word) >= 4]  # a shorter one would black out all
    plain = _plain(status, lambda text: _without(scrub(text), words))
    data: dict[str, Any] = {"schema": SCHEMA} | plain
    for outcome in data["outcomes"]:
        outcome["reason"] = _without_numbers(outcome["reason"])
    data["link"]["why"] = _without_numbers(data["link"]["why"])
    return data


def _plain(value: Any, text: Callable[[str], str]) -> Any:
    if dataclasses.is_dataclass(value):
        names = [item.name for item in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name), text) for name in names}
    if isinstance(value, tuple):
        return [_plain(item, text) for item in value]
    if isinstance(value, float):
        return round(value, 1)
    return text(value) if isinstance(value, str) else value


def _without(text: str, words: Iterable[str]) -> str:
    for word in words:
        text = text.replace(word, "…")
    return text


def _without_numbers(text: str) -> str:
    """Shorten what may be a card number: the server's own words may name one."""
    return re.sub(r"(?<![0-9A-Fa-f-])[0-9]{5,}([0-9]{3})(?![0-9A-Fa-f-])", r"…\1", text)


def from_json(data: object) -> Status:
    """Read what `to_json` has made, there may be more in it; raises NotAStatus."""
    schema = data.get("schema") if isinstance(data, Mapping) else None
    if schema != SCHEMA:
        raise NotAStatus(f"the daemon's status is of another kind: its schema is {schema!r:.20}")
    status: Status = _built(data, Status, "status")
    return status


def _built(value: Any, wanted: Any, at: str) -> Any:
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        hints = typing.get_type_hints(wanted)
        if not isinstance(value, Mapping) or not hints.keys() <= value.keys():
            raise NotAStatus(f"the daemon's status is not whole: {at}")
        return wanted(**{name: _built(value[name], hint, at=name) for name, hint in hints.items()})
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise NotAStatus(f"the daemon's status is wrong: {at}")
        return tuple(_built(item, typing.get_args(wanted)[0], at) for item in value)
    kinds = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    if float in kinds and type(value) is int:
        return float(value)
    if type(value) not in kinds:
        raise NotAStatus(f"the daemon's status is wrong: {at}")
    return value

"""The changes of `ivsd.set_up.wiring` as types: what was sent is one of these, or is refused."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

LONGEST_TEXT = 200
MOST_LAMPS = 32

NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
NAME_WANTED = "has other signs than letters, digits, - and _, or none, or more than 40"
CHIP = re.compile(r"[A-Za-z0-9_.:@ -]{1,64}")
"""A device name or label; never a path."""
KEY = re.compile(r"(KEY|BTN)_[A-Z0-9_]{1,40}")
REMOVABLE = re.compile(
    r"inputs\.(buttons\.[1-9][0-9]{0,3}|wiegand\.[1-9][0-9]{0,3}"
    r"|keyboards\.[1-9][0-9]{0,3}(\.keys\.(KEY|BTN)_[A-Z0-9_]{1,40})?)"
)


class Malformed(Exception):
    """It is none of the changes; the text says which are."""


@dataclass(frozen=True)
class Match:
    """Which device is meant."""

    id: str | None = None
    name: str | None = None
    port: str | None = None


@dataclass(frozen=True)
class AddButton:
    control: str
    action: str | None
    chip: str
    line: int
    active: Literal["low", "high"]
    pull: Literal["up", "down", "none"]


@dataclass(frozen=True)
class AddKey:
    control: str
    action: str | None
    key: str
    keyboard: str | None = None
    match: Match | None = None


@dataclass(frozen=True)
class AddReader:
    name: str
    match: Match
    role: Literal["badge", "pin", "auto"]
    ends_with_enter: bool


@dataclass(frozen=True)
class Remove:
    key: str


@dataclass(frozen=True)
class LampChange:
    shows: Literal["status", "recording"] | None = None
    order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Lamps:
    lamps: dict[str, LampChange]


Change = AddButton | AddKey | AddReader | Remove | Lamps

_FORMS: dict[str, type[Any]] = {
    "add_button": AddButton,
    "add_key": AddKey,
    "add_reader": AddReader,
}


def read_change(changes: Mapping[str, Any]) -> Change:
    """Read what was sent; raises Malformed."""
    if len(changes) != 1:
        raise Malformed("changes has exactly one of add_button, add_key, add_reader, remove, lamps")
    ((kind, given),) = changes.items()
    if kind in _FORMS:
        return typing.cast(Change, _built(_FORMS[kind], given, kind))
    if kind == "remove":
        if not isinstance(given, str) or not REMOVABLE.fullmatch(given):
            raise Malformed("remove is the key of a button, a key, a keyboard or a reader")
        return Remove(given)
    if kind == "lamps":
        if not isinstance(given, dict) or not 1 <= len(given) <= MOST_LAMPS:
            raise Malformed("lamps is an object: lamp -> shows, order")
        lamps = {name: _built(LampChange, one, f"lamps.{name}") for name, one in given.items()}
        return Lamps(lamps)
    raise Malformed(f"{kind[:40]!r} is no change")


def _built(form: type[Any], given: Any, at: str) -> Any:
    """Build one of the forms above; their types are few, so is this."""
    hints = typing.get_type_hints(form)
    needed = {item.name for item in dataclasses.fields(form) if item.default is dataclasses.MISSING}
    if not isinstance(given, dict) or not needed <= given.keys() <= hints.keys():
        raise Malformed(f"{at} takes {', '.join(hints)}")
    return form(**{name: _value(hints[name], one, f"{at}.{name}") for name, one in given.items()})


def _value(wanted: Any, given: Any, at: str) -> Any:
    members = typing.get_args(wanted) if _is_union(wanted) else (wanted,)
    for member in members:
        if member is Match and isinstance(given, dict):
            return _built(Match, given, at)
        if typing.get_origin(member) is Literal and given in typing.get_args(member):
            return given
        if typing.get_origin(member) is tuple and isinstance(given, list) and len(given) <= 4:
            return tuple(_value(int, one, at) for one in given)
        if member in (int, bool, type(None)) and type(given) is member:
            return given
        if member is str and isinstance(given, str) and 1 <= len(given) <= LONGEST_TEXT:
            return given
    raise Malformed(f"{at} is not as it must be")


def _is_union(wanted: Any) -> bool:
    return typing.get_origin(wanted) in (typing.Union, type(int | str))

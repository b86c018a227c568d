"""Fields that somebody edited, and the file that they make of ivsd.yaml.

A page sends texts under dotted keys, as the problems of `ivsd check` name them: `valt.url`,
`controls.record.hold`, `inputs.buttons.2.line`. What is wrong is told in that command's words,
because the file that would be written is what is checked.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ivsd.config.problems import Problem, nearest
from ivsd.config.schema import Config
from ivsd.config.values import (
    Values,
    Verbatim,
    bare,
    default_of,
    fields_of,
    has_entries,
    members_of,
    problems_in,
)
from ivsd.config.writer import flow, write
from ivsd.valt.model import Secret

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,20})?")


# -- merging what was edited --------------------------------------------------------------------


@dataclass(frozen=True)
class Merged:
    """The outcome of an edit; it may only be saved where `problems` is empty.

    `values` hold wrong texts, too, so that the page can show them again; `text` is the whole
    file. Numbers in the keys of problems are those of `values`: entries that were removed are
    gone, and lines are not told, since nobody has that file. The password is in neither of them.
    """

    values: Values
    text: str
    problems: list[Problem]


class _Refused(Exception):
    """An edit that has no place in the schema; the text says what is wrong."""


def merge(before: Values, edits: Mapping[str, str | None], path: Path) -> Merged:
    """Put edited fields into the values of the file at `path`, and check the outcome.

    A text is read as the key's type wants it: a number, true or false (yes, no, on, off), a word,
    or just text. A list of plain values is given with commas. Where a number or a name may stand,
    digits are the number; a name of digits is put in quotes, as in the file. A text for what has a
    short form, such as a control, is its action, and leaves the rest as it is. None takes a key, a
    control or an entry of a list away; an empty text does so with a single key, which then has
    its default. The entry after the last one of a list adds to it. Entries keep their numbers
    until all edits are done.
    """
    values: Values = _copy(before)
    refused = []
    for key, text in edits.items():
        try:
            _put(values, Config, key, text)
        except _Refused as e:
            refused.append(Problem(str(path), 0, key, str(e)))
    values = _without_removed(values)
    if "valt" in values:
        values["valt"].pop("password", None)
    written = write(values)
    found = [replace(problem, line=0) for problem in problems_in(written, path)]
    return Merged(values, written, refused + found)


_REMOVED = Verbatim("")
"""Keeps the place of a list's entry until all edits are done."""


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(entry) for name, entry in value.items()}
    return [_copy(entry) for entry in value] if isinstance(value, list) else value


def _without_removed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_removed(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_without_removed(entry) for entry in value if entry is not _REMOVED]
    return value


def _put(holder: Any, wanted: Any, key: str, text: str | None) -> None:
    """Put a text at a key below a mapping or list, which is changed."""
    name, rest, below = _step(holder, bare(wanted), key)
    there = _get(holder, name)
    if not rest:
        new = None if text is None else _read(text, below, there)
    else:
        kind = list if typing.get_origin(bare(below)) is list else dict
        new = there if isinstance(there, kind) else kind()
        _put(new, below, rest, text)
        if not new and (type(None) in members_of(below) or (there is None and name != "valt")):
            new = None  # an empty field makes no section, control or entry
    if isinstance(holder, list):
        holder[int(name) - 1 : int(name)] = [_REMOVED if new is None else new]
    elif new is None:
        holder.pop(name, None)
    else:
        holder[name] = new


def _step(holder: Any, wanted: Any, key: str) -> tuple[str, str, Any]:
    """Take the first name off a dotted key; return it, the rest, and the type that it has."""
    name, _, rest = key.partition(".")
    if not _has_keys(wanted):
        raise _Refused("is no key here; there is nothing below a single value")
    if dataclasses.is_dataclass(wanted):
        hints = {item.name: hint for item, hint in fields_of(wanted)}
        if name not in hints:
            raise _Refused(f"is no key here; {nearest(name, hints)}")
        if bare(hints[name]) is Secret:
            raise _Refused("is not kept in this file: it is set in a place of its own")
        return name, rest, hints[name]
    member = typing.get_args(wanted)[-1]
    if isinstance(holder, list):
        if not re.fullmatch("[1-9][0-9]{0,3}", name) or int(name) > len(holder) + 1:
            raise _Refused(f"is no key here; entries are numbered from 1 to {len(holder) + 1}")
        return name, rest, member
    # A control may be called `door.left`: the longest name that is there is meant.
    named = [one for one in holder if key == one or key.startswith(f"{one}.")]
    name = max(named, key=len, default=name)
    if not name:
        raise _Refused("has no name")
    return name, key[len(name) + 1 :], member


def _get(holder: Any, name: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(name)
    number = int(name)
    return holder[number - 1] if number <= len(holder) else None


def _has_keys(wanted: Any) -> bool:
    return dataclasses.is_dataclass(wanted) or typing.get_origin(wanted) in (list, dict)


def _read(text: str, wanted: Any, there: Any) -> Any:
    """Read the text of a field; None where the key is to be taken away."""
    wanted = bare(wanted)
    origin, shorthand = typing.get_origin(wanted), getattr(wanted, "SHORTHAND", None)
    if shorthand:  # the action of a control, say, whose hold stays as it is
        others = {name: value for name, value in (there or {}).items() if name != shorthand}
        value = _read(text, _hint_of(wanted, shorthand), None)
        return others or None if value is None else {shorthand: value, **others}
    if not text or (wanted is not str and not text.strip()):
        return None
    if dataclasses.is_dataclass(wanted) or origin is dict:
        raise _Refused("must be a mapping (lines of “key: value”)")
    if has_entries(wanted):
        raise _Refused("must be a list (lines that begin with “- ”)")
    if origin is list:
        (member,) = typing.get_args(wanted)
        return [_one(part.strip(), member) for part in text.split(",")]
    return _one(text, wanted)


def _hint_of(schema: Any, name: str) -> Any:
    return next(hint for item, hint in fields_of(schema) if item.name == name)


def _one(text: str, wanted: Any) -> Any:
    """Read a single value; one that does not fit stays a text, and the checker says so."""
    members, plain = members_of(wanted), text.strip()
    if bool in members and plain.lower() in _WORDS:
        return _WORDS[plain.lower()]
    if int in members and _WHOLE.fullmatch(plain):
        return int(plain)
    if float in members and _NUMBER.fullmatch(plain):
        return float(plain)
    if len(members) > 1 and str in members and re.fullmatch('(?s)".*"', plain):
        return plain[1:-1]
    return text if str in members or wanted is Path else plain


def text_of(values: Values, key: str) -> str:
    """Return what a page shows in the field of a key, if need be its default.

    `merge` reads the same value out of it, but for a list with a comma in one of its texts.
    Raises KeyError where one field cannot show it, or where the schema has no such key.
    """
    value: Any = values
    wanted: Any = Config
    rest = key
    while rest:
        holder = value
        try:
            name, rest, below = _step(holder, bare(wanted), rest)
        except _Refused as e:
            raise KeyError(key) from e
        value = _get(holder, name)
        if value is None and isinstance(holder, dict) and dataclasses.is_dataclass(bare(wanted)):
            value = _default_at(bare(wanted), name)
        wanted = below
        if value is None and _has_keys(bare(wanted)):
            value = [] if typing.get_origin(bare(wanted)) is list else {}
    wanted = bare(wanted)
    if shorthand := getattr(wanted, "SHORTHAND", None):
        value, wanted = value.get(shorthand), _hint_of(wanted, shorthand)
    elif isinstance(value, dict) or has_entries(wanted):
        raise KeyError(key)
    if isinstance(value, list):
        (member,) = typing.get_args(wanted)
        return ", ".join(_shown(entry, member) for entry in value)
    return _shown(value, wanted)


def _default_at(schema: Any, name: str) -> Any:
    return next(default_of(item) for item, _ in fields_of(schema) if item.name == name)


def _shown(value: Any, wanted: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return flow(value)
    is_blank = len(members_of(wanted)) > 1 and not value.strip()  # a name, and an odd one
    return f'"{value}"' if is_blank or _one(value, wanted) != value else value

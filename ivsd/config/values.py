"""What stands in ivsd.yaml, as plain values under the schema's names: dictionaries, lists, texts.

A short form such as `record: record_toggle` is spelled out. It is not a `Config`, because a file
that is not whole yet (the factory's has no server) must be held, too.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from enum import StrEnum
from pathlib import Path, PosixPath
from typing import Any

import yaml

from ivsd.config.load import load
from ivsd.config.problems import ConfigError, Problem
from ivsd.config.schema import CardTable, Config
from ivsd.valt.model import Secret

Values = dict[str, Any]

TAG = "tag:yaml.org,2002:"
_MISSING = dataclasses.MISSING


@dataclasses.dataclass(frozen=True)
class Verbatim:
    """A value that is no text and not what the schema wants: it is kept as it was written."""

    text: str


# -- the schema ---------------------------------------------------------------------------------


def fields_of(schema: Any) -> list[tuple[dataclasses.Field[Any], Any]]:
    """List the keys of a part of the schema with their types."""
    return _fields_of(schema)


@functools.cache  # finding out the types is slow
def _fields_of(schema: type[Any]) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(schema)
    return [(item, hints[item.name]) for item in dataclasses.fields(schema)]


def bare(wanted: Any) -> Any:
    """Return a type without the None that means “not given”."""
    members = [member for member in members_of(wanted) if member is not type(None)]
    return members[0] if len(members) == 1 else wanted


def members_of(wanted: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    is_union = typing.get_origin(wanted) in (types.UnionType, typing.Union)
    return typing.get_args(wanted) if is_union else (wanted,)


def has_entries(wanted: Any) -> bool:
    """Whether it is a list or mapping of what has keys of its own: buttons, lamps, controls."""
    is_many = typing.get_origin(wanted) in (list, dict)
    return is_many and dataclasses.is_dataclass(typing.get_args(wanted)[-1])


def default_of(item: dataclasses.Field[Any]) -> Any:
    """Return a key's default as a value; None where it has none."""
    if item.default_factory is not _MISSING:
        return _plain(item.default_factory())
    return None if item.default is _MISSING else _plain(item.default)


# -- values -------------------------------------------------------------------------------------


class _Unwritten(PosixPath):
    """A file as it would be: what it names is looked for where the file will stand."""

    text: str | None = None
    """None for any other file whose path was made from this one's."""

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Take it for there, as it would be."""
        return self.text is not None or super().exists()

    def read_text(
        self, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> str:
        """Return the text that nobody has written yet."""
        return super().read_text(encoding, errors) if self.text is None else self.text


def unwritten(text: str, path: Path) -> Path:
    """Return the file at `path` as it would be with this text, for those that load one."""
    file = _Unwritten(path)
    file.text = text
    return file


def problems_in(text: str, path: Path) -> list[Problem]:
    """Tell what `ivsd check` would say of an ivsd.yaml at `path` with this text."""
    try:
        load(unwritten(text, path))
    except ConfigError as e:
        return e.problems
    return []


class _Unkept(Exception):
    """Something in a file that has no place in the schema; its arguments: the key, the line."""


def values_in(text: str, path: Path) -> Values:
    """Take the values out of a file's text; anchors and aliases are resolved.

    Wrong values are kept as they are, and what is missing is missing: an edit may put it right.
    Raises ConfigError, with every problem of the file, where something would be lost: the text is
    no YAML, or has unknown or double keys, or a list where there should be something else.
    """
    found = problems_in(text, path)
    if any(not problem.key for problem in found):
        raise ConfigError(found)
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    try:
        return typing.cast(Values, _taken(root, Config, ""))
    except _Unkept as e:
        key, line = e.args
        text = "cannot be kept when ivsd writes this file: write it in a plainer way"
        raise ConfigError(found or [Problem(str(path), line, key, text)]) from None


def _taken(node: yaml.Node, wanted: Any, key: str) -> Any:
    """Take a value as the checker reads it; None where it is not given."""
    if node.tag == TAG + "null" and type(None) in members_of(wanted):
        return None
    wanted = bare(wanted)
    origin = typing.get_origin(wanted)
    if dataclasses.is_dataclass(wanted):
        hints = {item.name: hint for item, hint in fields_of(wanted)}
        shorthand = getattr(wanted, "SHORTHAND", None)
        if shorthand and isinstance(node, yaml.ScalarNode):
            value = _taken(node, hints[shorthand], key)
            return {} if value is None else {shorthand: value}
        return _taken_keys(node, hints, key)
    if origin is dict:
        return _taken_keys(node, typing.get_args(wanted)[1], key)
    if origin is list:
        if not isinstance(node, yaml.SequenceNode):
            raise _Unkept(key, node.start_mark.line + 1)
        (member,) = typing.get_args(wanted)
        return [_taken(child, member, f"{key}.{n + 1}") for n, child in enumerate(node.value)]
    if not isinstance(node, yaml.ScalarNode):
        raise _Unkept(key, node.start_mark.line + 1)
    return _taken_scalar(node, wanted, key)


def _taken_keys(node: yaml.Node, wanted: Any, key: str) -> Values:
    """Take a mapping; `wanted` is the type of every key, or the types of those that there are."""
    if not isinstance(node, yaml.MappingNode):
        raise _Unkept(key, node.start_mark.line + 1)
    values: Values = {}
    seen = set()
    for name_node, child in node.value:
        name, at = name_node.value, f"{key}.{name_node.value}".lstrip(".")
        is_text = isinstance(name, str)
        known = is_text and name not in seen and (not isinstance(wanted, dict) or name in wanted)
        if not known:
            raise _Unkept(at, name_node.start_mark.line + 1)
        seen.add(name)
        value = _taken(child, wanted[name] if isinstance(wanted, dict) else wanted, at)
        if value is not None:
            values[name] = value
    return values


def _taken_scalar(node: yaml.ScalarNode, wanted: Any, key: str) -> Any:
    tag, text = node.tag.removeprefix(TAG), str(node.value)
    is_word = isinstance(wanted, type) and issubclass(wanted, StrEnum)
    if is_word or typing.get_origin(wanted) is typing.Literal:
        return text  # by its text, as the checker does: YAML reads an unquoted `on` as true
    if tag == "str":
        return Secret(text) if wanted is Secret else text
    members = members_of(wanted)
    kinds = {"int": (int, float), "float": (float,), "bool": (bool,)}.get(tag, ())
    for kind in kinds:
        if kind in members:
            try:
                return kind(yaml.SafeLoader("").construct_object(node))
            except (ValueError, TypeError, LookupError, OverflowError):
                break
    if wanted is Secret or tag_of(text) != node.tag:
        raise _Unkept(key, node.start_mark.line + 1)
    return Verbatim(text or "null")


def values_of(config: Config | CardTable) -> Values:
    """Return what a checked file says, without what has its default."""
    return typing.cast(Values, _plain(config))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        found = {}
        for item in dataclasses.fields(value):
            given = _plain(getattr(value, item.name))
            if given is not None and given != default_of(item):
                found[item.name] = given
        return found
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, StrEnum | Path):
        return str(value)
    return value


def brief(value: Any, wanted: Any) -> Any:
    """Bring a value into the form it is written in.

    Without defaults and secrets, in the schema's order, and in its short form where it has one.
    """
    wanted = bare(wanted)
    origin = typing.get_origin(wanted)
    if dataclasses.is_dataclass(wanted):
        kept = {}
        for item, hint in fields_of(wanted):
            given = value.get(item.name)
            if given is None or bare(hint) is Secret:
                continue
            short, default = brief(given, hint), default_of(item)
            if default is None or short != brief(default, hint):
                kept[item.name] = short
        shorthand = getattr(wanted, "SHORTHAND", "")
        return kept[shorthand] if list(kept) == [shorthand] else kept
    if origin is list:
        (member,) = typing.get_args(wanted)
        return [brief(entry, member) for entry in value]
    if origin is dict:
        return {name: brief(entry, typing.get_args(wanted)[1]) for name, entry in value.items()}
    return value


def tag_of(text: str) -> str:
    """Return what YAML takes a text without quotes for."""
    resolver: Any = yaml.resolver.Resolver()
    return str(resolver.resolve(yaml.ScalarNode, text, (True, False)))

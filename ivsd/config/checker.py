"""Turns a YAML file into typed values, and says everything that is wrong with it at once.

It walks PyYAML's node tree next to the dataclasses of the schema, so each problem has the line
it stands on and no value is silently converted (`no` is not the text "no", `4711` is not a
text, a duplicate key is an error). The schema is the dataclasses themselves: their types,
their defaults, and per field, through `key()`, a sentence, a range or a check.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ivsd.config.problems import ConfigError, Problem, nearest
from ivsd.valt.model import Secret

T = TypeVar("T")
Item = TypeVar("Item")
_TAG = "tag:yaml.org,2002:"
_MISSING = dataclasses.MISSING


def key(
    doc: str,
    default: Any = _MISSING,
    *,
    factory: Any = _MISSING,
    at_least: float | None = None,
    at_most: float | None = None,
    check: Callable[[Any], str | None] | None = None,
) -> Any:
    """Declare a key: its sentence, default, range, or a check that returns what is wrong."""
    metadata = {"doc": doc, "at_least": at_least, "at_most": at_most, "check": check}
    if factory is not _MISSING:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


class Checked(typing.Generic[T]):
    """A file that was read: its value, and the line of every key in it.

    `value` is None when anything that has no default is missing or wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value: T | None = None
        self.problems: list[Problem] = []
        self.sections: dict[str, Any] = {}
        """The top-level keys that could be built, also when the whole could not."""
        self.kept: dict[str, list[int]] = {}
        """Of each list the numbers of the items that could be built."""
        self._lines: dict[str, int] = {}

    def complain(self, key: str, text: str) -> None:
        """Add a problem at a key, or at the nearest key above it that is in the file."""
        above = key
        while above and above not in self._lines:
            above = above.rpartition(".")[0]
        self.problems.append(Problem(str(self.path), self._lines.get(above, 0), key, text))

    def has(self, key: str) -> bool:
        """Whether the key is in the file, right or wrong."""
        return key in self._lines

    def names_below(self, key: str) -> list[str]:
        """List the keys that the file has below this one, right or wrong."""
        below = [name.removeprefix(f"{key}.") for name in self._lines if name.startswith(f"{key}.")]
        return [name for name in below if "." not in name]

    def is_sound(self, section: str) -> bool:
        """Whether nothing is wrong in this top-level key or as a whole."""
        keys = [problem.key for problem in self.problems]
        return not any(key == "" or key.split(".")[0] == section for key in keys)

    def is_wrong_at(self, key: str) -> bool:
        """Whether something is wrong at this key or below it."""
        found = [problem.key for problem in self.problems]
        return any(wrong == key or wrong.startswith(f"{key}.") for wrong in found)

    def numbered(self, key: str, built: list[Item]) -> Iterator[tuple[int, Item]]:
        """Yield the items of a list that could be built, with their numbers in the file."""
        return zip(self.kept.get(key, []), built, strict=True)

    def note_line(self, key: str, node: yaml.Node) -> int | None:
        """Remember where a key stands; return the line it had before, if any."""
        before = self._lines.get(key)
        self._lines[key] = node.start_mark.line + 1
        return before

    def raise_if_wrong(self) -> None:
        """Raise ConfigError when there are problems."""
        if self.problems:
            raise ConfigError(sorted(set(self.problems)))


def read(path: Path, schema: type[T], *, may_be_empty: bool = False) -> Checked[T]:
    """Read a YAML file against a schema; never raises, all problems are in the result."""
    checked: Checked[T] = Checked(path)
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as e:
        checked.complain("", f"cannot be read: {e.strerror}")
    except UnicodeDecodeError:
        checked.complain("", "is no UTF-8 text")
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 0
        problem = Problem(str(path), line, "", f"is no valid YAML: {_unquoted(e.problem or '')}")
        checked.problems.append(problem)
    except yaml.YAMLError:
        checked.complain("", "is no valid YAML: it holds characters that are not allowed")
    except RecursionError:
        checked.complain("", "is nested too deeply")
    else:
        if root is None and may_be_empty:
            checked.value = schema()
        elif root is None:
            checked.complain("", "is empty")
        else:
            checked.value = typing.cast("T | None", _Walker(checked).build(root, schema, ""))
    return checked


def _unquoted(problem: str) -> str:
    """Take the file's own words out of PyYAML's message: they may be the password."""
    return re.sub(r"'(?!<)[^']{2,}'", "'…'", problem)


class _Wrong(Exception):
    """A value that cannot be taken; already complained about."""


class _Walker:
    def __init__(self, checked: Checked[Any]) -> None:
        self._checked = checked

    def build(self, node: yaml.Node, wanted: Any, key: str) -> Any:
        """Build a value of the wanted type, or None after complaining."""
        try:
            return self._build(node, wanted, key)
        except _Wrong:
            return None

    def _wrong(self, key: str, text: str) -> typing.NoReturn:
        self._checked.complain(key, text)
        raise _Wrong

    def _build(self, node: yaml.Node, wanted: Any, key: str) -> Any:
        origin = typing.get_origin(wanted)
        if origin in (types.UnionType, typing.Union):
            return self._union(node, typing.get_args(wanted), key)
        if dataclasses.is_dataclass(wanted):
            return self._dataclass(node, wanted, key)
        if origin is list:
            return self._list(node, typing.get_args(wanted)[0], key)
        if origin is dict:
            return self._dict(node, typing.get_args(wanted)[1], key)
        return self._scalar(node, wanted, key)

    def _union(self, node: yaml.Node, members: tuple[Any, ...], key: str) -> Any:
        if node.tag == _TAG + "null" and type(None) in members:
            return None
        wanted = [member for member in members if member is not type(None)]
        if len(wanted) == 1:
            return self._build(node, wanted[0], key)
        # Of two scalars (a number or a name, true or a path) the YAML type decides.
        by_tag = {_TAG + "int": int, _TAG + "bool": bool}
        kind = by_tag.get(node.tag, str)
        return self._build(node, kind if kind in wanted else str, key)

    def _dataclass(self, node: yaml.Node, wanted: Any, key: str) -> Any:
        fields = {item.name: item for item in dataclasses.fields(wanted)}
        hints = typing.get_type_hints(wanted)
        shorthand = getattr(wanted, "SHORTHAND", None)
        if shorthand and isinstance(node, yaml.ScalarNode):
            return wanted(**{shorthand: self._build(node, hints[shorthand], key)})
        values: dict[str, Any] = {}
        given = set()
        for name, child, child_key in self._items(node, key):
            given.add(name)
            if name not in fields:
                self._checked.complain(child_key, f"is no key here; {nearest(name, fields)}")
                continue
            value = self.build(child, hints[name], child_key)
            if value is not None and self._allowed(value, fields[name], child_key):
                values[name] = value
        if not key:
            self._checked.sections = values
        needed = [
            item
            for item in fields.values()
            if item.default is _MISSING and item.default_factory is _MISSING
        ]
        for item in needed:
            if item.name not in given:
                doc = item.metadata.get("doc", "")
                self._checked.complain(f"{key}.{item.name}".lstrip("."), f"is missing: {doc}")
        if any(item.name not in values for item in needed):
            raise _Wrong
        return wanted(**values)

    def _allowed(self, value: Any, item: dataclasses.Field[Any], key: str) -> bool:
        low, high = item.metadata.get("at_least"), item.metadata.get("at_most")
        if low is not None and not low <= value <= (math.inf if high is None else high):
            allowed = f"{low:g} to {high:g}" if high is not None else f"at least {low:g}"
            self._checked.complain(key, f"{str(value)[:40]} is out of range: use {allowed}")
            return False
        check = item.metadata.get("check")
        problem = check(value) if check else None
        if problem:
            self._checked.complain(key, problem)
        return not problem

    def _list(self, node: yaml.Node, member: Any, key: str) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(key, "must be a list (lines that begin with “- ”)")
        built = []
        for index, child in enumerate(node.value):
            child_key = f"{key}.{index + 1}"
            self._checked.note_line(child_key, child)
            value = self.build(child, member, child_key)
            if value is not None:
                built.append(value)
                self._checked.kept.setdefault(key, []).append(index + 1)
        return built

    def _dict(self, node: yaml.Node, member: Any, key: str) -> dict[str, Any]:
        built = {}
        for name, child, child_key in self._items(node, key):
            value = self.build(child, member, child_key)
            if value is not None:
                built[name] = value
        return built

    def _items(self, node: yaml.Node, key: str) -> list[tuple[str, yaml.Node, str]]:
        """List the entries of a mapping with their keys; complains about duplicates."""
        if not isinstance(node, yaml.MappingNode):
            self._wrong(key, "must be a mapping (lines of “key: value”)")
        items: dict[str, tuple[str, yaml.Node, str]] = {}
        for key_node, child in node.value:
            name = str(key_node.value)
            child_key = f"{key}.{name}".lstrip(".")
            if name in items:
                before = self._checked.note_line(child_key, key_node)
                self._checked.complain(child_key, f"is here twice: see line {before}")
                continue
            self._checked.note_line(child_key, key_node)
            items[name] = (name, child, child_key)
        return list(items.values())

    def _scalar(self, node: yaml.Node, wanted: Any, key: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            self._wrong(key, f"must be {_called(wanted)}, not a list or mapping")
        tag = node.tag.removeprefix(_TAG)
        if isinstance(wanted, type) and issubclass(wanted, StrEnum):
            return wanted(self._word(node, [member.value for member in wanted], key))
        if typing.get_origin(wanted) is typing.Literal:
            return self._word(node, list(typing.get_args(wanted)), key)
        if (wanted, tag) in _PLAIN:
            try:
                return wanted(yaml.SafeLoader("").construct_object(node))
            except (ValueError, TypeError, LookupError, OverflowError):
                self._wrong(key, f"is wrong: it must be {_called(wanted)}")
        if wanted in (str, Path, Secret) and tag == "str":
            if any("\ud800" <= sign <= "\udfff" for sign in node.value):
                self._wrong(key, "holds half a character (\\ud800 to \\udfff): write it whole")
            return wanted(node.value)
        if wanted in (str, Path, Secret) and tag in ("int", "float", "bool", "timestamp"):
            shown = "…" if wanted is Secret else node.value
            self._wrong(key, f'must be a text: put it in quotes, "{shown}"')
        if tag == "null":
            self._wrong(key, f"is empty: it must be {_called(wanted)}")
        shown = "this" if wanted is Secret else repr(node.value)
        self._wrong(key, f"{shown} is wrong: it must be {_called(wanted)}")

    def _word(self, node: yaml.ScalarNode, valid: list[str], key: str) -> str:
        """Take one of the valid words, by its text: YAML reads an unquoted `on` as true."""
        if node.value not in valid:
            self._wrong(key, f"{node.value!r} is not known; {nearest(node.value, valid)}")
        return str(node.value)


_PLAIN = {(bool, "bool"), (int, "int"), (float, "int"), (float, "float")}
"""Which YAML types are taken for which of ours: none is converted into another kind."""


def _called(wanted: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return names.get(wanted, "a text")

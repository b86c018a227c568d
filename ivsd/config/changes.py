"""What a save of ivsd.yaml changes: key by key, and in the lines of the file."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ivsd.config.schema import Config
from ivsd.config.values import (
    Values,
    bare,
    brief,
    default_of,
    fields_of,
    has_entries,
)
from ivsd.config.writer import flow
from ivsd.valt.model import Secret

MASK = "…"
"""Stands for a secret."""


@dataclass(frozen=True)
class Change:
    """One key whose value changes; `old` and `new` as YAML, None where it is not set.

    A key that is not in the file has its default. A secret is masked.
    """

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old == self.new:  # a secret
            return f"{self.key}: changed"
        old, new = (text if text is not None else "not set" for text in (self.old, self.new))
        return f"{self.key}: {old} -> {new}"


def changes(before: Values, after: Values) -> list[Change]:
    """Tell key by key what a save changes, in the order of the schema.

    An entry of a list is named by the number it has afterwards, or had before if it goes.
    """
    return list(_compare(before, after, Config, ""))


def _compare(old: Any, new: Any, wanted: Any, key: str) -> Iterator[Change]:
    kind = bare(wanted)
    if typing.get_origin(kind) is dict:
        member = typing.get_args(kind)[1]
        for name in {**(old or {}), **(new or {})}:
            at = f"{key}.{name}"
            yield from _compare((old or {}).get(name), (new or {}).get(name), member, at)
    elif has_entries(kind):
        yield from _compare_entries(old or [], new or [], typing.get_args(kind)[0], key)
    elif dataclasses.is_dataclass(kind) and old is not None and new is not None:
        for item, hint in fields_of(kind):
            always_there = {} if dataclasses.is_dataclass(hint) else default_of(item)
            was, becomes = (side.get(item.name, always_there) for side in (old, new))
            yield from _compare(was, becomes, hint, f"{key}.{item.name}".lstrip("."))
    elif old != new:
        yield Change(key, _told(old, kind), _told(new, kind))


def _compare_entries(old: list[Any], new: list[Any], member: Any, key: str) -> Iterator[Change]:
    """Compare lists in which entries come and go: what stays is not told only for moving up."""
    was, becomes = ([flow(brief(entry, member)) for entry in side] for side in (old, new))
    matcher = difflib.SequenceMatcher(None, was, becomes, autojunk=False)
    for _, old_at, old_end, new_at, new_end in matcher.get_opcodes():
        common = min(old_end - old_at, new_end - new_at)
        for step in range(common):
            at = f"{key}.{new_at + step + 1}"
            yield from _compare(old[old_at + step], new[new_at + step], member, at)
        for number in range(old_at + common, old_end):
            yield Change(f"{key}.{number + 1}", _told(old[number], member), None)
        for number in range(new_at + common, new_end):
            yield Change(f"{key}.{number + 1}", None, _told(new[number], member))


def _told(value: Any, wanted: Any) -> str | None:
    if value is None:
        return None
    return MASK if wanted is Secret else _without_login(flow(brief(value, wanted)))


def _without_login(text: str) -> str:
    """Take a user and password out of an address, where they must not be but may be."""
    return re.sub(r"(?<=//)[^\s\"]*@", f"{MASK}@", text)


def difference(before: str, after: str) -> str:
    """Return the unified diff of the file before, which `values_in` took, and after; no secrets."""
    old, new = _blanked(before).splitlines(), _blanked(after).splitlines()
    lines = difflib.unified_diff(old, new, "ivsd.yaml", "ivsd.yaml, new", lineterm="")
    return "\n".join(lines)


def _blanked(text: str) -> str:
    """Take out the password, its repeats in comments, and a former one in a comment."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in ("valt", "password"):
        node = next((value for key, value in node.value if key.value == name), None)
        if node is None:
            break
    secret = node.value if node is not None else ""
    if secret:
        start, end = node.start_mark.index, node.end_mark.index
        line_end = "\n" if text[start:end].endswith("\n") else ""  # a block over several lines
        text = text[:start] + MASK + line_end + text[end:]
    lines = []
    for line in _without_login(text).splitlines():
        before, sign, comment = line.partition("#")
        if secret:
            comment = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, comment)
        comment = re.sub(r"(?i)(\bpassword[\"']?\s*:\s*)\S.*", rf"\1{MASK}", comment)
        lines.append(f"{before}{sign}{comment}")
    return "\n".join(lines)

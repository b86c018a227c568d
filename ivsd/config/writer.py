"""Writes ivsd.yaml anew from the schema (decision 5): every value stays, the layout does not.

The written file is made to be read by a person: the schema's order and its sentences, and behind
a # what has its default. Defaults are not written as values, so that a better one of a later
version comes to this box; and in an entry of a list, `chip` or `hold_s` may not even be given
beside some other keys.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
import typing
from collections.abc import Mapping
from typing import Any

import yaml

from ivsd.config.schema import Config
from ivsd.config.values import (
    TAG,
    Values,
    Verbatim,
    bare,
    brief,
    default_of,
    fields_of,
    has_entries,
    tag_of,
    values_of,
)
from ivsd.valt.model import Secret

WIDTH = 100
HEAD = """\
# ivsd.yaml: what this box is. ivsd wrote this file when its settings were saved; the file before
# that one is ivsd.yaml.bak. You may edit it: the next save keeps the values, but not your comments.
# A line such as `#name: value` shows a default: take its # away to change it. `ivsd check` explains
# what is wrong with the file, config/ivsd.yaml in the sources explains every key at length.
"""

_ALWAYS_THERE = ("recording", "badges", "controls", "inputs")
"""Sections that are written when they were not there. `lights` and `factory_default` are not: the
factory's lamps and reset button may stand in for them while a file is wrong (decision 32)."""
_ALWAYS_GIVEN = ("recording.name", "badges.who_may_stop", "factory_default.hold_s")
"""Written with its default, too, since a section may not be empty: what is looked for first."""


# -- the text -----------------------------------------------------------------------------------


def write(values: Mapping[str, Any] | Config) -> str:
    """Return the text of a whole ivsd.yaml; it never holds the password."""
    values = values_of(values) if isinstance(values, Config) else values
    lines = HEAD.splitlines()
    for item, hint in fields_of(Config):
        lines += ["", *_comments("", item, hint)]
        value = values.get(item.name)
        if dataclasses.is_dataclass(hint):
            lines += _section(item.name, hint, value)
        elif value is None and item.name not in _ALWAYS_THERE:
            lines.append(f"#{item.name}:")
        else:
            shown = default_of(item) if value is None else value
            lines += _keyed("", item.name, brief(shown, hint), spread=True)
    return "\n".join(lines) + "\n"


def _section(name: str, schema: Any, values: Values | None) -> list[str]:
    is_there = values is not None or name in _ALWAYS_THERE
    given = brief(values or {}, schema)
    lines = [f"{name}:" if is_there else f"#{name}:"]
    for item, hint in fields_of(schema):
        if bare(hint) is Secret:
            continue
        lines += _comments("  ", item, hint)
        default = brief(default_of(item), hint) if default_of(item) is not None else None
        always = has_entries(hint) or f"{name}.{item.name}" in _ALWAYS_GIVEN
        if item.name in given or (is_there and always):
            value = given.get(item.name, default)
            lines += _keyed("  ", item.name, value, spread=has_entries(hint))
        else:
            lines.append(f"  #{item.name}:" + ("" if default is None else f" {_scalar(default)}"))
    if all(line.lstrip().startswith("#") for line in lines[1:]):
        lines[0] += " {}" if is_there else ""  # of an empty `valt`, so that its keys are missed
    return lines


def _comments(indent: str, item: dataclasses.Field[Any], wanted: Any) -> list[str]:
    """Write a key's sentence, and for a list or mapping of entries the keys that these have."""
    texts = [item.metadata["doc"]]
    if has_entries(wanted):
        names = [_with_default(entry) for entry, _ in fields_of(typing.get_args(wanted)[-1])]
        texts.append(f"each has: {', '.join(names)}")
    start = f"{indent}# "
    return [
        line.replace("\0", " ")
        for text in texts
        for line in textwrap.wrap(
            text, WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False
        )
    ]


def _with_default(item: dataclasses.Field[Any]) -> str:
    default = default_of(item)
    if default in (None, "", [], {}):
        return item.name
    return f"{item.name} ({flow(default)})".replace(" ", "\0")  # not broken over two lines


def _keyed(indent: str, key: str, value: Any, *, spread: bool = False) -> list[str]:
    """Write a key and its value on one line, or on more where that is too long or wanted."""
    if not isinstance(value, list | dict) or not value:
        return [f"{indent}{key}: {_scalar(value)}"]
    line = f"{indent}{key}: {flow(value)}"
    if len(line) <= WIDTH and not spread:
        return [line]
    lines = [f"{indent}{key}:"]
    if isinstance(value, list):
        for entry in value:
            lines += entry_lines(f"{indent}  ", entry)
    else:
        for name, entry in value.items():
            lines += _keyed(f"{indent}  ", flow(name), entry)
    return lines


def entry_lines(indent: str, value: Any) -> list[str]:
    """Write an entry of a list: on one line where it fits, else a key on each."""
    line = f"{indent}- {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, dict) or not value:
        return [line]
    lines = [line for name in value for line in _keyed(f"{indent}  ", flow(name), value[name])]
    return [f"{indent}- {lines[0].lstrip()}", *lines[1:]]


def flow(value: Any) -> str:
    """Write a value on one line, in a form that may stand in [ ] and { }."""
    if isinstance(value, list):
        return f"[{', '.join(flow(entry) for entry in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(name)}: {flow(value[name])}" for name in value) + "}"
    return _scalar(value, colons=False)


_PLAIN_TEXT = re.compile(r"(?:[^\W\d]|/)(?:[\w./@+-]|:(?=[\w/])| (?=\w))*")
"""Texts that no place in a file gives another meaning to, but for their colons in [ ] and { }."""


def _scalar(value: Any, *, colons: bool = True) -> str:
    if isinstance(value, Verbatim):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return str(yaml.representer.SafeRepresenter().represent_float(value).value)
    if not isinstance(value, str):
        return flow(value)  # an empty list or mapping
    is_plain = _PLAIN_TEXT.fullmatch(value) and (colons or ":" not in value)
    return value if is_plain and tag_of(value) == TAG + "str" else quoted(value)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """Write a text in quotes, whatever is in it."""
    return '"' + "".join(_ESCAPES.get(sign) or _visible(sign) for sign in text) + '"'


def _visible(sign: str) -> str:
    if sign.isprintable():
        return sign
    code = ord(sign)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

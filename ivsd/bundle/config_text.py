"""Shows a configuration file without its secrets, line by line, be it right or broken.

A line of the file stays a line, so that what `ivsd check` says fits. Only what is known to be
harmless stays: keys of the schema, words and numbers where the schema wants them, and names where
it wants names. All else becomes “…”: comments, anchors, keys that nobody knows, and whatever does
not look like a plain line of YAML. No parser is needed for that, so a file that no parser can
read is no special case.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from ivsd.config.password import CREDENTIAL
from ivsd.config.schema import Config
from ivsd.config.web import WebConfig
from ivsd.outputs.patterns import LIGHT_LANGUAGE
from ivsd.valt.model import MARKER_COLOURS, Secret

_HIDDEN = "…"

# -- what the schema says --------------------------------------------------------------------------


def _keys_of(wanted: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key at or below a type, with its own type."""
    if dataclasses.is_dataclass(wanted):
        for name, hint in typing.get_type_hints(wanted).items():
            if name != "SHORTHAND":
                yield name, hint
                yield from _keys_of(hint)
    for inner in typing.get_args(wanted):
        yield from _keys_of(inner)


def _scalars_in(wanted: Any) -> Iterator[Any]:
    """Yield the types of the plain values at a type, those of its own keys left out."""
    if typing.get_origin(wanted) is typing.Literal or isinstance(wanted, type):
        if not dataclasses.is_dataclass(wanted) and not isinstance(wanted, types.GenericAlias):
            yield wanted
        return
    for inner in typing.get_args(wanted):
        yield from _scalars_in(inner)


def _words_in(wanted: Any) -> Iterator[str]:
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        yield from (member.value for member in wanted)
    elif typing.get_origin(wanted) is typing.Literal:
        yield from typing.get_args(wanted)


_KEYS = [*_keys_of(Config), *_keys_of(WebConfig)]
_TEXTS = {name for name, hint in _KEYS if {str, Path} & set(_scalars_in(hint))} - {"colour"}
"""Keys that may have any text."""
_LISTS = {name for name, hint in _KEYS if typing.get_origin(hint) is list}
_SECRETS = {name for name, hint in _KEYS if Secret in set(_scalars_in(hint))} | {"template"}
"""Keys of which nothing is shown; a site's fields may hold anything."""
_KNOWN = {name for name, _ in _KEYS}
_WORDS = {
    *("true", "false", "yes", "no", "on", "off", "null", "~"),
    *(word for _, hint in _KEYS for scalar in _scalars_in(hint) for word in _words_in(scalar)),
    *MARKER_COLOURS,
    *LIGHT_LANGUAGE,
}

# -- values ----------------------------------------------------------------------------------------

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_NUMBER = re.compile(r"[-+]?[0-9]{1,6}(?:\.[0-9]{1,6})?")
_HOST = r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_URL = re.compile(rf"(https?://{_HOST})(/[^?#@]*)?")
_FOLDERS = ("/etc/", "/var/lib/", "/run/", "/opt/", "/usr/", "/srv/")
_SPEAKS_OF_SECRETS = re.compile(r"pass|pw|token|secret|pin\b|psk|credential|key\b", re.IGNORECASE)


def _value(key: str, text: str) -> str:
    """Return a value with its quotes as it may be shown."""
    bare = text[1:-1] if _QUOTED.fullmatch(text) else text
    if bare in _WORDS or _NUMBER.fullmatch(bare):
        return text
    if key not in _TEXTS or "\\" in bare or not bare.isprintable():
        return _HIDDEN
    if key == "url":
        found = _URL.fullmatch(bare)
        return (found[1] + (f"/{_HIDDEN}" if len(found[2] or "") > 1 else "")) if found else _HIDDEN
    return text if _is_harmless(key, bare, is_quoted=bare != text) else _HIDDEN


def _is_harmless(key: str, text: str, *, is_quoted: bool) -> bool:
    if key in ("password_file", "verify"):
        is_pin = re.fullmatch(r"sha256:[0-9A-Fa-f:]{64,95}", text)
        return bool(is_pin) or text == CREDENTIAL or text.startswith(_FOLDERS)
    if key in ("prefix", "suffix"):
        return len(text) <= 2  # longer ones may be a part of every number
    if key == "username" and re.search(r"[\s:/]", text):
        return False
    is_plain = is_quoted or not re.search(r"""[,"']|: |[{}\[\]] *$""", text)
    named = key in ("match", "id", "path", "devices")  # what the maker calls it
    return is_plain and len(text) <= 100 and (named or not _SPEAKS_OF_SECRETS.search(text))


def without_quoted(sentence: str) -> str:
    """Return a sentence of `ivsd check` without what it quotes of the file.

    A secret may stand in the place of another value, and then it is quoted as wrong.
    """
    sentence = re.sub(r"^(.*?)\S+ is out of range", rf"\1{_HIDDEN} is out of range", sentence)
    quoted = r"""(?<!\w)(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)"""
    return re.sub(quoted, lambda found: _shown_quoted(found[0]), sentence)


def _shown_quoted(text: str) -> str:
    bare = text[1:-1]
    is_path = bare.startswith(_FOLDERS) or bare.endswith(f"/{CREDENTIAL}")
    return text if is_path or bare in _WORDS | _KNOWN else f"{text[0]}{_HIDDEN}{text[0]}"


def shown_key(key: str) -> str:
    """Return a key of `ivsd check`, such as `valt.url`, without what may be a value."""
    above, shown = "", []
    for name in key.split("."):
        is_number = name.isdecimal() and len(name) <= 3
        shown.append(name if is_number or _is_key(above, name) else _HIDDEN)
        above = name
    return ".".join(shown)


def _is_key(above: str, name: str) -> bool:
    if above == "controls":
        return bool(re.fullmatch(r"[\w -]{1,30}", name)) and not _SPEAKS_OF_SECRETS.search(name)
    if above == "keys":
        return bool(re.fullmatch(r"KEY_[A-Z0-9_]{1,20}", name))
    return name in _KNOWN or (above == "states" and name in LIGHT_LANGUAGE)


# -- lines -----------------------------------------------------------------------------------------

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for YAML 1.1, nothing else: half a value must not look like a line."""
_LONGEST_LINE = 4000  # of a longer one nothing is shown
_DASHES = re.compile(r"(?:- +)*(?:-$)?")
_KEY = re.compile(
    r"""("[^"\\]*"|'[^']*'|[^\s"'#&*!|>%@`\[\]{},:?-][^:#\[\]{},"']*?) *:(?:[ \t]+(.*))?$"""
)
_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)|(?P<comment>(?<!\S)\#.*)|(?P<sign>[\[\]{},]|:(?=[\s,\[\]{}]|$))"""
    r"""|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|(?P<open>["'].*)"""
    r"""|(?P<plain>(?:[^\s,\[\]{}:]|:(?=[^\s,\[\]{}])|[ \t]+(?=[^\s,\[\]{}:#]))+)|(?P<odd>.)"""
)


def redacted(text: str) -> str:
    """Return the text of ivsd.yaml or web.yaml as it may be shown."""
    lines = _Lines()
    return "\n".join(lines.shown(line) for line in _BREAK.split(text))


class _Lines:
    """Remembers, from line to line, under which keys it is and what must stay hidden."""

    def __init__(self) -> None:
        self._above: list[tuple[int, str]] = []
        """Indents and keys of the lines that this one is below."""
        self._hidden: int | None = None
        """Indent of the key of which nothing is shown."""
        self._quote = ""
        """The quote that was opened and not closed yet."""

    def shown(self, line: str) -> str:
        """Return one line as it may be shown."""
        if self._quote:
            self._close(line)
            return _HIDDEN
        spaces = line[: len(line) - len(line.lstrip(" "))]
        dashes = _DASHES.match(line[len(spaces) :])
        start = spaces + (dashes[0] if dashes else "")
        rest = line[len(start) :].rstrip()
        if not rest or rest.startswith("#") or rest == "---":
            return start.rstrip() if not rest else start + ("# …" if rest[0] == "#" else rest)
        while self._above and self._above[-1][0] >= len(start):
            self._above.pop()
        above = self._above[-1][1] if self._above else ""
        found = _KEY.match(rest) if len(rest) <= _LONGEST_LINE else None
        name = found[1].strip("\"'") if found else ""
        is_key = found is not None and _is_key(above, name)
        if self._hidden is not None and (len(start) > self._hidden or not is_key):
            self._open(rest)
            return start + _HIDDEN
        self._hidden = None
        if found is None:
            is_list = rest[0] in "[{" or (start != spaces and above in _LISTS)
            if is_list and len(rest) <= _LONGEST_LINE:
                return start + self._flow(above, rest, len(start))
            self._hidden = len(start)
            return start + self._hide(rest)
        if not is_key or name in _SECRETS:
            self._hidden = len(start)
            self._open(found[2] or "")
            value = _HIDDEN if found[2] else ""
            return start + (f"{found[1]}: {value}" if is_key else f"{_HIDDEN}: {value}").rstrip()
        self._above.append((len(start), name))
        kind = "control" if above == "keys" else name
        return start + f"{found[1]}: {self._flow(kind, found[2] or '', len(start))}".rstrip()

    def _hide(self, rest: str) -> str:
        self._open(rest)
        return _HIDDEN

    def _open(self, rest: str) -> None:
        """Look whether a quote stays open in what is not shown."""
        for token in _TOKEN.finditer(rest):
            if token.lastgroup == "open":
                self._quote = token[0][0]

    def _close(self, line: str) -> None:
        inner = r'(?:[^"\\]|\\.)*"' if self._quote == '"' else "(?:[^']|'')*'"
        if found := re.match(inner, line):
            self._quote = ""
            self._open(line[found.end() :])

    def _flow(self, key: str, rest: str, indent: int) -> str:
        """Return a value, or a list or mapping in brackets."""
        if not rest:
            return ""
        if rest[0] not in "[{":
            return self._scalar(key, rest, indent)
        shown, keys, last = "", [key], ""
        tokens = list(_TOKEN.finditer(rest))
        for number, token in enumerate(tokens):
            kind, text = token.lastgroup, token[0]
            if kind == "space":
                shown += text
            elif kind == "comment":
                shown += "# …"
            elif kind == "sign":
                shown += text
                if text in "[{":
                    keys.append(last or keys[-1])
                elif text in "]}" and len(keys) > 1:
                    keys.pop()
                last = "" if text != ":" else last
            elif kind in ("quoted", "plain") and not text.startswith(("&", "*", "!")):
                behind = next(
                    (one for one in tokens[number + 1 :] if one.lastgroup != "space"), None
                )
                if behind is None or behind[0] != ":":
                    shown += _value("control" if keys[-1] == "keys" else last or keys[-1], text)
                    continue
                last = text.strip("\"'")
                if last in _SECRETS or not _is_key(keys[-1], last):
                    self._hidden = indent
                    self._open(rest[token.end() :])
                    return shown + (f"{last}: {_HIDDEN}" if last in _SECRETS else _HIDDEN)
                shown += text
            else:
                self._hidden = indent
                return shown + self._hide(rest[token.start() :])
        return shown

    def _scalar(self, key: str, rest: str, indent: int) -> str:
        """Return a plain or quoted value with what stands behind it."""
        if re.fullmatch(r"&[\w-]+", rest):
            return f"&{_HIDDEN}"  # of what stands below
        quoted = _QUOTED.match(rest)
        value = quoted[0] if quoted else _COMMENT.sub("", rest)
        behind = rest[len(value) :]
        if rest[0] in "&*!|>%@`" or (behind and not re.fullmatch(r"[ \t]+#.*", behind)):
            self._hidden = indent
            return self._hide(rest)
        if rest[0] in "\"'" and not quoted:
            return self._hide(rest)
        return _value(key, value) + (" # …" if behind else "")

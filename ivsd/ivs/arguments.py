"""What a caller may pass to the documented functions, checked before anything is sent.

Every check returns the value in the form the client wants, or raises BadArgument with the name
of the parameter and what would be right.
"""

from __future__ import annotations

import ipaddress
import os
import re
import reprlib
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from ivsd.valt.address import FINGERPRINT, ca_file_problem, fingerprint_problem, url_problem
from ivsd.valt.model import (
    MARKER_COLOURS,
    RETENTION_TYPES,
    RETENTION_UNITS,
    NewGroup,
    Retention,
    Secret,
)

Id = int | str
"""A number of VALT's, or the same in digits, as a configuration file holds it."""

LARGEST_ID = 2**63 - 1
SHORTEST_S = 0.01  # of a time-out, and of the wait before a log-in
LONGEST_S = 1e6  # eleven days; the kernel's time-outs end at twice that


class BadArgument(ValueError):
    """A value that no VALT server needs to be asked about; nothing was sent."""


# -- the connection -----------------------------------------------------------------------------


def server_url(server: object) -> str:
    """Make `http://host` of a server's name; a given http:// or https:// is kept."""
    text = server.strip() if isinstance(server, str) else ""
    if text in ("", "None"):
        raise BadArgument("server is missing: give the VALT server's name or IP address")
    if "://" not in text:
        text = f"http://{_bracketed(text)}"
    scheme, _, rest = text.partition("://")
    url = f"{scheme.lower()}://{rest}".rstrip("/").removesuffix("/api/v3")
    if problem := url_problem(url):
        # Not repeated here when there is an @ in it, for then it may hold a password.
        raise BadArgument(f"server {problem}")
    return url


def _bracketed(host: str) -> str:
    try:
        return f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        return host


def trust(verify: object) -> str | None:
    """Translate `verify` for the transport: "system", a CA file, a pin, or None for anybody."""
    if isinstance(verify, bool):
        return "system" if verify else None
    if not isinstance(verify, str | os.PathLike):
        raise BadArgument("verify must be True, a CA file, sha256:FINGERPRINT or False")
    text = os.fspath(verify)
    if not isinstance(text, str):
        raise BadArgument("verify must be a path of text, not of bytes")
    is_pin = text.startswith(FINGERPRINT)
    problem = fingerprint_problem(text) if is_pin else ca_file_problem(text)
    if problem:
        raise BadArgument(f"verify: {problem}")
    return text


def seconds(name: str, value: object) -> float:
    """Check a number of seconds; one that is beyond all use, such as infinity, is cut."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= SHORTEST_S:
        raise BadArgument(f"{name} must be a number of seconds, at least {SHORTEST_S:g}")
    return float(min(value, LONGEST_S))


# -- single values ------------------------------------------------------------------------------


def number(name: str, value: object) -> int:
    """Check the id of a room, user, group or template: a positive integer, or its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value.strip()):
        value = int(value)
    return _integer(name, value, 1, "a VALT id: a positive integer")


def text(name: str, value: object) -> str:
    """Check a text that must not be empty."""
    if not isinstance(value, str) or not value.strip():
        raise BadArgument(f"{name} must be a text that is not empty")
    return value


def colour(value: object) -> str:
    """Check a marker's colour (valt-api 7)."""
    if isinstance(value, str) and value in MARKER_COLOURS:
        return value
    near = get_close_matches(_shown(value).strip("'").lower(), MARKER_COLOURS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    colours = ", ".join(MARKER_COLOURS)
    raise BadArgument(f"color must be one of {colours}, not {_shown(value)}{hint}")


def marker_time(value: object) -> int:
    """Check a position in a recording, in whole seconds; its first second is 0."""
    return _integer("markertime", value, 0, "a whole number of seconds, 0 or more")


def card(value: object) -> Secret:
    """Check a card number or PIN; what is wrong with it is said without it."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID:
        value = str(value)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise BadArgument("card_number must be the number on the card, or the PIN, as text")
    return Secret(value)


def _integer(name: str, value: object, least: int, wanted: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_ID:
        raise BadArgument(f"{name} must be {wanted}, not {_shown(value)}")
    return int(value)


def _shown(value: object) -> str:
    try:
        return reprlib.repr(value)  # a line is enough, whatever was passed
    except ValueError:  # an integer that Python finds too long to write
        return f"this {type(value).__name__}"


def _several(name: str, values: object, one: Any) -> tuple[Any, ...] | None:
    if values is None:
        return None
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise BadArgument(f"{name} must be a list")
    return tuple(one(f"{name}[{place}]", value) for place, value in enumerate(values))


# -- a user group -------------------------------------------------------------------------------


def group(
    groupname: object,
    infoid: object,
    markerid: object,
    rights: object = None,
    max_record_duration: object = None,
    rooms: object = None,
    video_access_users: object = None,
    video_access_groups: object = None,
    retention_type: object = None,
    retention_until: object = None,
    retention_for: object = None,
) -> NewGroup:
    """Check everything about a new user group (valt-api 8)."""
    minutes = max_record_duration
    if minutes is not None:
        minutes = _integer("max_record_duration", minutes, 1, "a whole number of minutes")
    return NewGroup(
        name=text("groupname", groupname),
        information=number("infoid", infoid),
        marker=number("markerid", markerid),
        rights=_several("rights", rights, text),
        max_record_duration_min=minutes,
        rooms=_several("rooms", rooms, number),
        video_users=_several("video_access_users", video_access_users, number),
        video_groups=_several("video_access_groups", video_access_groups, number),
        retention=_retention(retention_type, retention_until, retention_for),
    )


def _retention(kind: object, until: object, amount: object) -> Retention | None:
    if kind is None:
        if until is not None or amount is not None:
            raise BadArgument("retention_until and retention_for need a retention_type")
        return None
    if not isinstance(kind, str) or kind not in RETENTION_TYPES:
        raise BadArgument(f"retention_type must be one of {', '.join(RETENTION_TYPES)}")
    if kind == "until":
        until = _date(until)
    elif until is not None:
        raise BadArgument("retention_until goes with the retention_type 'until' only")
    if kind in RETENTION_UNITS:
        amount = _integer("retention_for", amount, 1, f"a whole number of {kind}")
    elif amount is not None:
        raise BadArgument(f"retention_for goes with {', '.join(RETENTION_UNITS)} only")
    return Retention(kind, until, amount)


def _date(value: object) -> str:
    wrong = BadArgument("retention_until must be a date written MM-DD-YYYY, such as 12-31-2027")
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{2}-[0-9]{2}-[0-9]{4}", value):
        raise wrong
    try:
        datetime.strptime(value, "%m-%d-%Y")
    except ValueError:
        raise wrong from None
    return value

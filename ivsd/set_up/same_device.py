"""Whether a keyboard that is to be added means a device which ivsd.yaml has a name for already.

Two entries of one device fight for it, and whichever comes first has it: so a page could take the
keys away that are held for the factory state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivsd.config.schema import Keyboard, Match, Role
from ivsd.devices import fits

if TYPE_CHECKING:
    from ivsd.inputs.event_devices import EventDevice

Entry = Mapping[str, Any]
"""An entry of inputs.keyboards, be it right or wrong."""


def devices_here() -> list[EventDevice]:
    """Return the event devices of this machine that may be looked at."""
    try:
        from ivsd.inputs.event_devices import present
    except ImportError:  # no evdev
        return []
    return present()[0]


def same_device(new: Entry, others: Sequence[Entry], devices: Sequence[EventDevice]) -> str | None:
    """Return what ivsd.yaml calls the device that a new entry means; None where it has no name."""
    wanted = _match(new)
    if wanted == Match():  # `ivsd check` says so
        return None
    meant = [device for device in devices if fits(_keyboard(new), device)]
    for other in others:
        match = _match(other)
        is_one = any(fits(_keyboard(other), device) for device in meant)
        # Devices that are not here now cannot be asked: then the words tell.
        if match != Match() and (
            is_one or _covers(wanted, match) or (not meant and _covers(match, wanted))
        ):
            return str(other.get("name"))
    return None


def _covers(wide: Match, narrow: Match) -> bool:
    """Whether every device that the narrow one means is meant by the wide one, too."""
    return (
        wide.path in (None, narrow.path)
        and (wide.id is None or wide.id.lower() == (narrow.id or "").lower())
        and wide.name in (None, narrow.name)
        and (wide.port is None or f"{narrow.port}/".startswith(f"{wide.port}/"))
    )


def _match(entry: Entry) -> Match:
    found = entry.get("match")
    words = found if isinstance(found, Mapping) else {}
    given = {word: text for word, text in words.items() if isinstance(text, str)}
    path = Path(given["path"]) if "path" in given else None
    return Match(path, given.get("id"), given.get("name"), given.get("port"))


def _keyboard(entry: Entry) -> Keyboard:
    role = entry.get("role")
    known = Role(role) if role in list(Role) else Role.AUTO
    return Keyboard(str(entry.get("name")), _match(entry), role=known)

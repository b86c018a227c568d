"""What is wired to the box, as the page of devices lists it, and what a form of it asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivsd.appliance.status import Status

Values = Mapping[str, Any]
Form = Mapping[str, str]

COLOURS = ("red", "green", "blue")
ROLES = {
    "auto": "badges, and PINs that a hand types",
    "badge": "badges only",
    "pin": "PINs that a hand types, no badges",
}
LABELS = {
    "control": "Its name", "name": "Its name", "line": "The line", "chip": "The chip",
    "key": "The key", "keyboard": "The device", "lamps": "The lamp",
}  # fmt: skip
"""What the parts of a change are called that the daemon complains of; its keys of the file stay."""

LONGEST_KEPT = 4000


# -- what there is ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One input, as it is listed."""

    key: str
    """Where ivsd.yaml names it; "" where it cannot be taken away here."""
    what: str
    where: str
    is_ready: bool | None
    """Whether it is there now; None where that is not known."""
    problem: str = ""


def inputs_of(values: Values, status: Status) -> list[Row]:
    """List every button, key and reader of the file."""
    found = {device.name: device for device in status.devices}

    def row(key: str, what: str, where: str, device: str) -> Row:
        there = found.get(device)
        if there is None:
            return Row(key, what, where, None)
        return Row(key, what, where, there.ready, there.problem)

    inputs, rows = values.get("inputs") or {}, []
    for number, button in enumerate(inputs.get("buttons") or [], 1):
        control, line = button.get("control"), button.get("line")
        where = f"line {line} of {button.get('chip', 'gpiochip0')}"
        what = f"button “{control}”"
        rows.append(row(f"inputs.buttons.{number}", what, where, f"button {control} on {line}"))
    for number, keyboard in enumerate(inputs.get("keyboards") or [], 1):
        at, name = f"inputs.keyboards.{number}", str(keyboard.get("name"))
        match = ", ".join(f"{word} {text}" for word, text in (keyboard.get("match") or {}).items())
        role = keyboard.get("role", "auto")
        what = f"device “{name}”" + (f", for {ROLES[role]}" if role in ROLES else "")
        rows.append(row(at, what, match, name))
        for key, control in (keyboard.get("keys") or {}).items():
            rows.append(row(f"{at}.keys.{key}", f"key “{control}”", f"{key} of {name}", name))
    for number, reader in enumerate(inputs.get("wiegand") or [], 1):
        where = f"lines {reader.get('data0')} and {reader.get('data1')}"
        name = str(reader.get("name"))
        rows.append(row(f"inputs.wiegand.{number}", f"Wiegand reader “{name}”", where, name))
    return rows


@dataclass(frozen=True)
class LampRow:
    """A lamp, as it is listed, and the colours to try on it."""

    name: str
    kind: str
    shows: str
    outputs: tuple[str, ...]
    colours: tuple[str, ...]
    """Of its outputs one by one; empty where its order cannot be wrong."""
    where: str
    is_ready: bool | None
    problem: str


def lamps_of(values: Values, status: Status) -> list[LampRow]:
    """List every lamp of the file."""
    devices, rows = {device.name: device for device in status.devices}, []
    for lamp in (values.get("lights") or {}).get("lamps") or []:
        name, kind = str(lamp.get("name")), str(lamp.get("kind", "led"))
        outputs = tuple(map(str, lamp.get("devices") or lamp.get("lines") or []))
        colours: tuple[str, ...] = ()
        if kind == "rgb" and len(outputs) == len(COLOURS):
            colours = COLOURS
        elif kind == "leds" and len(outputs) == len(lamp.get("colours") or []):
            colours = tuple(map(str, lamp["colours"]))
        what = "LEDs" if lamp.get("devices") else "lines"
        where = f"{what if len(outputs) > 1 else what[:-1]} {', '.join(outputs)}"
        if not lamp.get("devices"):
            where += f" of {lamp.get('chip', 'gpiochip0')}"
        device = devices.get(f"lamp {name}")
        ready, problem = (device.ready, device.problem) if device else (None, "")
        shows = str(lamp.get("shows", "status"))
        rows.append(LampRow(name, kind, shows, outputs, colours, where, ready, problem))
    return rows


# -- what was found --------------------------------------------------------------------------------


def kept_in(form: Form, name: str) -> dict[str, Any] | None:
    """Read what a page has kept in this hidden field; None where it is nothing of ours.

    The daemon checks it again. JSON can spell half a character, which nothing can be done with: it
    could not even be shown.
    """
    text = form.get(name, "")
    try:
        found = json.loads(text) if len(text) <= LONGEST_KEPT else None
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def found_in(form: Form) -> dict[str, Any] | None:
    """Read what the page has kept of a find; None where it is none."""
    found = kept_in(form, "found")
    known = found is not None and found.get("kind") in ("line", "key", "reader")
    return found if known else None


def added(found: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Return the change that gives what was found a meaning, see `ivsd.set_up.wiring`."""
    if found["kind"] == "reader" or form.get("as") == "reader":
        return {
            "add_reader": {
                "name": form.get("name", "").strip(),
                "match": found.get("match") or {},
                "role": form.get("role", "auto"),
                "ends_with_enter": found.get("ends_with_enter") is True,
            }
        }
    is_new = form.get("which", "") == ""
    control = {
        "control": form.get("name", "").strip() if is_new else form["which"],
        "action": form.get("action", "") if is_new else None,
    }
    if found["kind"] == "line":
        return {
            "add_button": control
            | {key: found.get(key) for key in ("chip", "line", "active", "pull")}
        }
    device = {"keyboard": found["named"]} if found.get("named") else {"match": found.get("match")}
    return {"add_key": control | {"key": found.get("key")} | device}


# -- what was seen of a lamp -----------------------------------------------------------------------


def order_from(colours: Sequence[str], seen: Sequence[str]) -> list[int] | None:
    """Return the numbers of the outputs in their right order; None where it cannot be told.

    `seen` are the colours that lit, one for each of `colours`.
    """
    if sorted(seen) != sorted(colours):
        return None
    return [list(seen).index(colour) + 1 for colour in colours]


def swapped(lamps: Sequence[LampRow], lamp: LampRow, shows: str) -> dict[str, Any]:
    """Return the change after which this lamp shows that, and the one that did so in its place."""
    change = {lamp.name: {"shows": shows}}
    others = [one for one in lamps if one.shows == shows and one.kind != "buzzer"]
    if len(others) == 1 and others[0].name != lamp.name:
        change[others[0].name] = {"shows": lamp.shows}
    return {"lamps": change}


def seen_in(lamp: LampRow, form: Form) -> Iterator[str]:
    """Yield what was seen at each colour that was lit; "" where nobody has said."""
    for colour in lamp.colours:
        yield form.get(f"seen-{colour}", "")

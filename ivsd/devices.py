"""`ivsd devices`: what this box has to press and to light, and how ivsd.yaml would name it.

As JSON: `keyboards`, `chips` and `leds`, each with `problems`, a list of sentences, and `found`, a
list with `line`, the line of ivsd.yaml (null: it cannot be named), and

    keyboards  path, name, id (USB VENDOR:PRODUCT), port, keys, and names: what ivsd.yaml calls it
    chips      path, name, label, lines: number, name ("" for most), way (input or output) and
               consumer (who holds it, "" when it is free)
    leds       name, is_rgb
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivsd.appliance.status_command import printable
from ivsd.config import salvage
from ivsd.config.schema import Inputs, Keyboard, Role
from ivsd.hardware import NO_EXTRA, wanted_of
from ivsd.outputs.led_class import LEDS

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo
    from ivsd.inputs.event_devices import EventDevice

NO_USB_ID = "0000:0000"
HEADINGS = {
    "keyboards": "Keyboards and readers that type (inputs.keyboards):",
    "chips": "GPIO chips (inputs.buttons, inputs.wiegand, lights.lamps):",
    "leds": "LEDs of the kernel (lights.lamps):",
}
Found = dict[str, Any]


def devices(path: Path, *, as_json: bool) -> int:
    """Print all devices; return the exit code."""
    found = {
        "keyboards": _keyboards(salvage(path).inputs),
        "chips": _chips(),
        "leds": {"found": list(_leds()), "problems": []},
    }
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        parts = ("\n".join(map(printable, _section(*part))) for part in found.items())
        print("\n\n".join(parts))
    return 0


def _section(kind: str, part: Found) -> Iterator[str]:
    yield HEADINGS[kind]
    words = {"keyboards": _keyboard_words, "chips": _chip_words, "leds": _led_words}[kind]
    for one in part["found"]:
        yield from words(one)
    for problem in part["problems"]:
        yield f"  {problem}"
    if not (part["found"] or part["problems"]):
        yield "  none"


# -- keyboards and readers -----------------------------------------------------------------------


def _keyboards(inputs: Inputs) -> Found:
    try:
        from ivsd.inputs.event_devices import present
    except ImportError as e:
        return {"found": [], "problems": [NO_EXTRA.format(e.name)]}
    there, forbidden = present()
    typing = [device for device in there if any(key.startswith("KEY_") for key in device.keys)]
    problems = [forbidden] if forbidden else []
    problems += _astray(inputs, there)
    return {"found": [_keyboard(one, typing, inputs) for one in typing], "problems": problems}


def _keyboard(device: EventDevice, others: Sequence[EventDevice], inputs: Inputs) -> Found:
    line = None
    if (match := least(device, others)) is not None:
        named = ", ".join(f"{key}: {json.dumps(text)}" for key, text in match.items())
        name, role = _role(device)
        line = f"{{name: {name}, match: {{{named}}}, {role}}}"
    return {
        "path": device.path,
        "name": device.name,
        "id": device.id,
        "port": device.port,
        "keys": sorted(key for key in device.keys if key.startswith("KEY_")),
        "names": [keyboard.name for keyboard in inputs.keyboards if fits(keyboard, device)],
        "line": line,
    }


def _keyboard_words(device: Found) -> Iterator[str]:
    known = f"  (ivsd.yaml: {', '.join(device['names'])})" if device["names"] else ""
    yield f"  {device['path']}  {device['name']}{known}"
    able = _abilities(device["keys"])
    yield f"    id {device['id']}, port {device['port'] or 'none'}, {able}"
    if device["line"] is None:
        yield "    nothing tells it from its twin: plug one of them in elsewhere"
    else:
        yield f"    - {device['line']}"


def least(device: EventDevice, others: Sequence[EventDevice]) -> dict[str, str] | None:
    """Return the fewest words of `match` that mean this device; None when none do.

    A port changes when a reader is plugged in elsewhere, so that id and name come first. A device
    without keys for digits is no rival of one that has them (`find`).
    """
    from ivsd.inputs.event_devices import Wanted

    rivals = [other for other in others if other.types_numbers or not device.types_numbers]
    words = {"name": device.name}
    if device.id != NO_USB_ID:
        words = {"id": device.id} | words
    if device.port:
        words["port"] = device.port
    tries = [[word] for word in words] + [[a, b] for a in words for b in words if a < b]
    tries.sort(key=lambda keys: (keys == ["port"], len(keys), list(words).index(keys[0])))
    for keys in tries:
        wanted = {key: words[key] for key in keys}
        meant = Wanted(None, wanted.get("id"), wanted.get("name"), wanted.get("port"))
        if [other for other in rivals if meant.fits(other)] == [device]:
            return wanted
    return None


def _abilities(keys: Sequence[str]) -> str:
    able = [
        what
        for what, key in (("digits", "KEY_1"), ("number block", "KEY_KP1"), ("letters", "KEY_A"))
        if key in keys
    ]
    return f"{len(keys)} keys: {', '.join(able)}" if able else f"{len(keys)} keys"


def _role(device: EventDevice) -> tuple[str, str]:
    """Return a name and the role with what belongs to it: the rest is for the installer."""
    if not device.types_numbers:
        key = min(key for key in device.keys if key.startswith("KEY_"))
        return "buttons", f"role: keys, keys: {{{key}: CONTROL}}"
    if "KEY_A" not in device.keys:
        return "keypad", "role: pin"
    return "reader", "role: auto"  # nearly all readers say that they are a whole keyboard


def fits(keyboard: Keyboard, device: EventDevice) -> bool:
    """Whether a device is one that this entry of ivsd.yaml may mean."""
    wanted = wanted_of(keyboard.match)
    at = wanted.path is None or os.path.realpath(wanted.path) == device.path
    able = device.types_numbers or keyboard.role is Role.KEYS
    return at and able and wanted.fits(device)


def _astray(inputs: Inputs, found: Sequence[EventDevice]) -> Iterator[str]:
    """Tell of what ivsd.yaml names and what is not there, or is there twice."""
    for keyboard in inputs.keyboards:
        fitting = [device.path for device in found if fits(keyboard, device)]
        if len(fitting) != 1:
            several = f"means {' and '.join(fitting)}: say which" if fitting else "is not here"
            yield f"{keyboard.name} ({wanted_of(keyboard.match)}) of ivsd.yaml {several}"


# -- GPIO lines and LEDs ---------------------------------------------------------------------------


def _chips() -> Found:
    try:
        from ivsd.gpio_lines import chips
    except ImportError as e:
        return {"found": [], "problems": [NO_EXTRA.format(e.name)]}
    there = chips()
    problems = [f"{chip.path}  {chip.problem}" for chip in there if chip.problem]
    return {"found": [_chip(chip) for chip in there if not chip.problem], "problems": problems}


def _chip(chip: ChipInfo) -> Found:
    free = next((line for line in chip.lines if not line.consumer), None)
    offer = None
    if free is not None:
        where = json.dumps(free.name) if free.name else free.number
        offer = f"{{control: CONTROL, chip: {chip.name}, line: {where}}}"
    lines = [
        {
            "number": line.number,
            "name": line.name,
            "way": "output" if line.is_output else "input",
            "consumer": line.consumer,
        }
        for line in chip.lines
    ]
    head = {"path": chip.path, "name": chip.name, "label": chip.label}
    return head | {"lines": lines, "line": offer}


def _chip_words(chip: Found) -> Iterator[str]:
    yield f"  {chip['path']}  {chip['label']}, lines 0 to {len(chip['lines']) - 1}"
    for line in chip["lines"]:
        if line["name"] or line["consumer"]:
            held = f"in use by {line['consumer']}" if line["consumer"] else "free"
            yield f"    {line['number']:3}  {line['name']:24} {line['way']:7} {held}".rstrip()
    if chip["line"] is not None:
        yield f"    - {chip['line']}"


def _leds() -> Iterator[Found]:
    for name in sorted(led.name for led in LEDS.glob("*")):
        again = re.sub(r"^input[0-9]+::", "input*::", name)  # numbered anew at each plug
        is_rgb = (LEDS / name / "multi_index").exists()
        kind = ", kind: rgb" if is_rgb else ""
        line = f"{{name: LAMP, devices: [{json.dumps(again)}]{kind}}}"
        yield {"name": name, "is_rgb": is_rgb, "line": line}


def _led_words(led: Found) -> Iterator[str]:
    grab = "  # and grab: false at that keyboard" if "input*::" in led["line"] else ""
    yield f"  - {led['line']}{grab}"

"""`ivsd devices`: what this box has to press and to light, and how ivsd.yaml would name it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ivsd.config import salvage
from ivsd.config.schema import Inputs, Keyboard, Role
from ivsd.hardware import NO_EXTRA, wanted_of
from ivsd.keymaps import Keymap, sign
from ivsd.outputs.led_class import LEDS

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo
    from ivsd.inputs.event_devices import EventDevice

NO_USB_ID = "0000:0000"


def devices(path: Path, *, live: bool) -> int:
    """Print all devices, or with `live` every key as it is pressed; return the exit code."""
    if live:
        return _live()
    for line in _report(salvage(path).inputs):
        print(line)
    return 0


def _report(inputs: Inputs) -> Iterator[str]:
    yield from _event_devices(inputs)
    yield ""
    yield from _chips()
    yield ""
    yield from _leds()


# -- keyboards and readers -----------------------------------------------------------------------


def _event_devices(inputs: Inputs) -> Iterator[str]:
    yield "Keyboards and readers that type (inputs.keyboards):"
    try:
        from ivsd.inputs.event_devices import present
    except ImportError as e:
        yield f"  {NO_EXTRA.format(e.name)}"
        return
    found, forbidden = present()
    typing = [device for device in found if any(key.startswith("KEY_") for key in device.keys)]
    for device in typing:
        yield from _event_device(device, typing, inputs)
    if forbidden:
        yield f"  {forbidden}"
    if not (typing or forbidden):
        yield "  none"
    yield from _astray(inputs, found)


def _event_device(
    device: EventDevice, others: Sequence[EventDevice], inputs: Inputs
) -> Iterator[str]:
    ours = [keyboard.name for keyboard in inputs.keyboards if _fits(keyboard, device)]
    known = f"  (ivsd.yaml: {', '.join(ours)})" if ours else ""
    yield f"  {device.path}  {device.name}{known}"
    yield f"    id {device.id}, port {device.port or 'none'}, {_abilities(device)}"
    match = least(device, others)
    if match is None:
        yield "    nothing tells it from its twin: plug one of them in elsewhere"
        return
    named = ", ".join(f"{key}: {json.dumps(text)}" for key, text in match.items())
    role = _role(device)
    yield f"    - {{name: {role[0]}, match: {{{named}}}, {role[1]}}}"


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


def _abilities(device: EventDevice) -> str:
    able = [
        what
        for what, key in (("digits", "KEY_1"), ("number block", "KEY_KP1"), ("letters", "KEY_A"))
        if key in device.keys
    ]
    count = sum(key.startswith("KEY_") for key in device.keys)
    return f"{count} keys: {', '.join(able)}" if able else f"{count} keys"


def _role(device: EventDevice) -> tuple[str, str]:
    """Return a name and the role with what belongs to it: the rest is for the installer."""
    if not device.types_numbers:
        key = min(key for key in device.keys if key.startswith("KEY_"))
        return "buttons", f"role: keys, keys: {{{key}: CONTROL}}"
    if "KEY_A" not in device.keys:
        return "keypad", "role: pin"
    return "reader", "role: auto"  # nearly all readers say that they are a whole keyboard


def _fits(keyboard: Keyboard, device: EventDevice) -> bool:
    wanted = wanted_of(keyboard.match)
    at = wanted.path is None or os.path.realpath(wanted.path) == device.path
    able = device.types_numbers or keyboard.role is Role.KEYS
    return at and able and wanted.fits(device)


def _astray(inputs: Inputs, found: Sequence[EventDevice]) -> Iterator[str]:
    """Tell of what ivsd.yaml names and what is not there, or is there twice."""
    for keyboard in inputs.keyboards:
        fitting = [device.path for device in found if _fits(keyboard, device)]
        if len(fitting) != 1:
            several = f"means {' and '.join(fitting)}: say which" if fitting else "is not here"
            yield f"  {keyboard.name} ({wanted_of(keyboard.match)}) of ivsd.yaml {several}"


def _live() -> int:
    try:
        from ivsd.inputs.event_devices import present, watch
    except ImportError as e:
        print(NO_EXTRA.format(e.name))
        return 1
    _, forbidden = present()
    if forbidden:
        print(forbidden)
        return 1
    print("Press any key or swipe a badge; Ctrl-C ends it. While ivsd runs it has its devices")
    print("for itself alone: systemctl stop ivsd")
    never, _hold = os.pipe()  # Ctrl-C ends it, and nothing else
    for device, key in watch(never):
        typed = sign(Keymap.US, key)
        print(f"  {device.path} {device.name}: {key}{f'  “{typed}”' if typed else ''}", flush=True)
    return 0


# -- GPIO lines and LEDs ---------------------------------------------------------------------------


def _chips() -> Iterator[str]:
    yield "GPIO chips (inputs.buttons, inputs.wiegand, lights.lamps):"
    try:
        from ivsd.gpio_lines import chips
    except ImportError as e:
        yield f"  {NO_EXTRA.format(e.name)}"
        return
    found = chips()
    for chip in found:
        yield from _chip(chip)
    if not found:
        yield "  none"


def _chip(chip: ChipInfo) -> Iterator[str]:
    if chip.problem:
        yield f"  {chip.path}  {chip.problem}"
        return
    yield f"  {chip.path}  {chip.label}, lines 0 to {len(chip.lines) - 1}"
    for line in chip.lines:
        if line.name or line.consumer:
            held = f"in use by {line.consumer}" if line.consumer else "free"
            way = "output" if line.is_output else "input"
            yield f"    {line.number:3}  {line.name:24} {way:7} {held}".rstrip()
    free = next((line for line in chip.lines if not line.consumer), None)
    if free is not None:
        where = json.dumps(free.name) if free.name else free.number
        yield f"    - {{control: CONTROL, chip: {chip.name}, line: {where}}}"


def _leds() -> Iterator[str]:
    yield "LEDs of the kernel (lights.lamps):"
    names = sorted(led.name for led in LEDS.glob("*"))
    for name in names:
        again = re.sub(r"^input[0-9]+::", "input*::", name)  # numbered anew at each plug
        kind = ", kind: rgb" if (LEDS / name / "multi_index").exists() else ""
        grab = "" if again == name else "  # and grab: false at that keyboard"
        yield f"  - {{name: LAMP, devices: [{json.dumps(again)}]{kind}}}{grab}"
    if not names:
        yield "  none"

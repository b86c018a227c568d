"""The checks of lamps that concern several keys."""

from __future__ import annotations

from collections.abc import Sequence

from ivsd.config.checker import Checked
from ivsd.config.problems import nearest
from ivsd.config.schema import Config, LampConfig, LampKind, Lights, Shows
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE, Pattern, steps_of

_PLAYED_BY_THE_KERNEL = [pattern for pattern in Pattern if len(steps_of(pattern)) <= 2]


def check_lights(checked: Checked[Config], lights: Lights) -> None:
    """Check what goes together in the section `lights`."""
    for name in lights.states:
        _check_state(checked, f"lights.states.{name}", name)
    seen: set[str] = set()
    for number, lamp in checked.numbered("lights.lamps", lights.lamps):
        at = f"lights.lamps.{number}"
        if lamp.name in seen:
            checked.complain(f"{at}.name", f"{lamp.name!r} is the name of another one, too")
        seen.add(lamp.name)
        _check_hardware(checked, at, lamp)
        if not checked.is_wrong_at(f"{at}.kind"):
            _check_kind(checked, at, lamp)
        for name in lamp.states:
            _check_state(checked, f"{at}.states.{name}", name)


def _check_hardware(checked: Checked[Config], at: str, lamp: LampConfig) -> None:
    """Check what goes with GPIO lines, and what with the kernel's own LEDs."""
    if not lamp.devices:
        if lamp.stopped is not None:
            text = "needs devices in place of lines: without ivsd nothing drives a GPIO line"
            checked.complain(f"{at}.stopped", text)
        return
    for key in ("lines", "chip", "active"):
        if checked.has(f"{at}.{key}"):
            checked.complain(f"{at}.{key}", "is about GPIO lines, and this lamp has devices")
    if lamp.stopped is None:
        return
    if lamp.stopped.pattern not in (None, *_PLAYED_BY_THE_KERNEL):
        known = ", ".join(_PLAYED_BY_THE_KERNEL)
        text = f"{lamp.stopped.pattern} is more than the kernel can play alone: use {known}"
        checked.complain(f"{at}.stopped.pattern", text)
    if lamp.stopped.colour is None and lamp.kind in (LampKind.RGB, LampKind.LEDS):
        checked.complain(f"{at}.stopped.colour", "is missing: this lamp has several")


def _check_kind(checked: Checked[Config], at: str, lamp: LampConfig) -> None:
    """Check what only one kind of lamp has."""
    if lamp.kind is LampKind.BUZZER and lamp.shows is Shows.RECORDING:
        text = "recording is for a lamp, a buzzer would sound all the time: remove it"
        checked.complain(f"{at}.shows", text)
    if lamp.kind is LampKind.LEDS:
        _check_leds(checked, at, lamp)
        return
    if checked.has(f"{at}.colours"):
        text = f"is for kind leds, and this is {lamp.kind}: remove it or give kind: leds"
        checked.complain(f"{at}.colours", text)
    key, outputs = _outputs(lamp)
    wanted, what = [1], f"one {key[:-1]}"
    if lamp.kind is LampKind.RGB:
        wanted, what = [3], f"three {key}, red, green and blue"
        if lamp.devices:
            wanted, what = [1, 3], f"{what}, or one of several colours"
    if len(outputs) not in wanted:
        checked.complain(f"{at}.{key}", f"a lamp of kind {lamp.kind} has {what}")


def _check_leds(checked: Checked[Config], at: str, lamp: LampConfig) -> None:
    colours, key = lamp.colours, f"{at}.colours"
    if checked.is_wrong_at(key):
        return
    if not checked.has(key):
        text = "is missing: kind leds needs the colours of its LEDs, such as [red, green]"
        checked.complain(key, text)
        return
    for colour in (Colour.OFF, Colour.WHITE):
        if colour in colours:
            text = "is no colour of an LED here: use red, green, blue, yellow, magenta or cyan"
            checked.complain(key, f"{colour.value!r} {text}")
    for colour in dict.fromkeys(colours):
        if colours.count(colour) > 1:
            checked.complain(key, f"has {colour} twice: every LED has a colour of its own")
    if not 2 <= len(colours) <= 4:
        checked.complain(key, "needs two to four colours; a lamp of one colour is kind led")
        return
    key, outputs = _outputs(lamp)
    if len(outputs) != len(colours):
        named = f"{len(colours)} {key}, in the order of its colours: {', '.join(colours)}"
        checked.complain(f"{at}.{key}", f"this lamp of kind leds has {named}")


def _outputs(lamp: LampConfig) -> tuple[str, Sequence[int | str]]:
    """Return what the lamp is made of, and the key that says so."""
    return ("devices", lamp.devices) if lamp.devices else ("lines", lamp.lines)


def _check_state(checked: Checked[Config], at: str, name: str) -> None:
    if name not in LIGHT_LANGUAGE:
        checked.complain(at, f"is no state of the room; {nearest(name, LIGHT_LANGUAGE)}")

"""The checks of lamps that concern several keys."""

from __future__ import annotations

from ivsd.config.checker import Checked
from ivsd.config.problems import nearest
from ivsd.config.schema import Config, LampConfig, LampKind, Lights, Shows
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE


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
        if not checked.is_wrong_at(f"{at}.kind"):
            _check_kind(checked, at, lamp)
        for name in lamp.states:
            _check_state(checked, f"{at}.states.{name}", name)


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
    wanted = 3 if lamp.kind is LampKind.RGB else 1
    if len(lamp.lines) != wanted:
        what = "three lines, red, green and blue" if wanted == 3 else "one line"
        checked.complain(f"{at}.lines", f"a lamp of kind {lamp.kind} has {what}")


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
    elif len(lamp.lines) != len(colours):
        named = f"{len(colours)} lines, in the order of its colours: {', '.join(colours)}"
        checked.complain(f"{at}.lines", f"this lamp of kind leds has {named}")


def _check_state(checked: Checked[Config], at: str, name: str) -> None:
    if name not in LIGHT_LANGUAGE:
        checked.complain(at, f"is no state of the room; {nearest(name, LIGHT_LANGUAGE)}")

"""What a lamp of several colours has shown, and what that says of its wiring."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ivsd.config.schema import LampConfig, LampKind
from ivsd.doctor.finding import Area, Finding, wrong
from ivsd.outputs.lamp import Colour

RGB = (Colour.RED, Colour.GREEN, Colour.BLUE)


def channels(lamp: LampConfig) -> tuple[Colour, ...]:
    """Return the colours that each have an output of their own; none for a lamp of one colour."""
    if lamp.kind is LampKind.RGB:
        return RGB
    return tuple(lamp.colours) if lamp.kind is LampKind.LEDS else ()


def outputs(lamp: LampConfig) -> tuple[str, Sequence[int | str]]:
    """Return what it is wired to, and the key of ivsd.yaml that says so."""
    return ("devices", lamp.devices) if lamp.devices else ("lines", lamp.lines)


def judge(lamp: LampConfig, seen: Sequence[Colour]) -> Finding:
    """Compare what was seen with what was wanted: each of the lamp's channels, one by one."""
    wanted, (key, wires) = channels(lamp), outputs(lamp)
    name = f"the lamp “{lamp.name}”"
    if tuple(seen) == wanted:
        return Finding(Area.LIGHTS, True, f"{name} shows {', '.join(wanted)}")
    pairs = zip(wanted, seen, strict=True)
    told = ", ".join(f"{_word(was)} for {should}" for should, was in pairs if was is not should)
    text = f"{name} shows {told}"
    if all(colour is Colour.OFF for colour in seen):
        return dark(lamp)
    if len(wires) == len(wanted) and sorted(seen) == sorted(wanted):
        order = [wires[seen.index(colour)] for colour in wanted]
        written = f"{key}: {json.dumps(order, ensure_ascii=False)}"
        advice = f"Write {written} for {name} in ivsd.yaml: its wires are in another order."
    elif lamp.lines and wanted == RGB and all(map(_is_the_rest, wanted, seen)):
        advice = f"Write active: {_other(lamp)} for {name} in ivsd.yaml: it lights the other way."
    else:
        advice = f"Check the wires of {name}: {_wires(lamp)}."
    return wrong(Area.LIGHTS, text, advice)


def dark(lamp: LampConfig) -> Finding:
    """Say of a lamp that nobody saw anything."""
    sounds = lamp.kind is LampKind.BUZZER
    name = f"the {'buzzer' if sounds else 'lamp'} “{lamp.name}”"
    more = "" if lamp.devices else f" If they are right, try active: {_other(lamp)} in ivsd.yaml."
    advice = f"Check the wires and the supply of {name}: {_wires(lamp)}.{more}"
    return wrong(Area.LIGHTS, f"{name} {'is silent' if sounds else 'does not light'}", advice)


def _word(seen: Colour) -> str:
    return "nothing" if seen is Colour.OFF else seen.value


def _is_the_rest(wanted: Colour, seen: Colour) -> bool:
    """Whether everything is lit but what was wanted."""
    return all(a is not b for a, b in zip(wanted.channels, seen.channels, strict=True))


def _other(lamp: LampConfig) -> str:
    return "low" if lamp.active == "high" else "high"


def _wires(lamp: LampConfig) -> str:
    key, wires = outputs(lamp)
    colours = channels(lamp)
    if len(colours) != len(wires):
        told = ", ".join(map(str, wires))
    else:
        told = ", ".join(f"{c} at {w}" for c, w in zip(colours, wires, strict=True))
    return f"LED {told} of the kernel" if key == "devices" else f"line {told} of {lamp.chip}"

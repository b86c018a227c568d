"""The picture of the box: each lamp as it is drawn and in words, and all of it in pieces.

The pieces are HTML with an id each. A lamp whose rhythm is the same is the same piece, so that it
goes on blinking in step.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment

from ivsd.appliance import status_words as words
from ivsd.appliance.status import FrameStatus, LampStatus, Status
from ivsd.outputs.lamp import Colour, leds_for
from ivsd.outputs.patterns import Pattern, steps_of
from ivsd.web.hands import Demo, ServerView

_MEANING = words.STATES | words.FAULTS | words.RESETS | {"pending": "a press is under way"}
_PATTERNS = {
    tuple((lit, round(1000 * s)) for lit, s in steps_of(pattern)): pattern for pattern in Pattern
}
_RHYTHMS = {
    Pattern.SLOW: "blinking slowly", Pattern.FAST: "blinking fast", Pattern.FLICKER: "flickering",
    Pattern.BLIP: "a short flash every 2 seconds", Pattern.LONG: "a long flash every 2 seconds",
    Pattern.TICK: "a short flash every second",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A lamp as it is drawn."""

    name: str
    kind: str
    is_sign: bool
    bulbs: tuple[tuple[str, str], ...]
    """Of each its own colour, "" where it has several, and what it shows where nothing moves: the
    first that lights."""
    rhythm: str
    meaning: str
    frames: str
    """JSON: a list of [[colour of each bulb], ms]."""
    receipt: str
    receipt_no: int
    problem: str


def shown(lamp: LampStatus, status: Status) -> Shown:
    """Say how a lamp is drawn, and in words."""
    lit = [frame.colour for frame in lamp.frames if frame.colour != "off"]
    bulbs = _bulbs(lamp, lit[0] if lit else "off")
    is_sign = lamp.shows == "recording"
    if is_sign:
        meaning = "recording" if lit else "no recording"
        if status.room.shown is None:
            meaning += " when the room was last seen"
    else:
        meanings = dict.fromkeys((status.lights.name, status.lights.fault))
        meaning = "; ".join(_MEANING.get(word, word) for word in meanings if word)
    missing = [d.problem for d in status.devices if d.name == f"lamp {lamp.name}" and not d.ready]
    return Shown(
        name=lamp.name,
        kind=lamp.kind,
        is_sign=is_sign,
        bulbs=tuple(zip(_leds(lamp) or ("",), bulbs, strict=True)),
        rhythm=rhythm(_seen(lamp), {"led": "lit", "buzzer": "sounding"}.get(lamp.kind, "")),
        meaning=meaning,
        frames=_json(lamp, lamp.frames),
        receipt=_json(lamp, lamp.receipt),
        receipt_no=status.lights.receipt_no if lamp.receipt else 0,
        problem=missing[0] if missing else "",
    )


def _leds(lamp: LampStatus) -> tuple[Colour, ...]:
    """Return the colours of its LEDs; none for a lamp that is one bulb."""
    if lamp.kind != "leds" or not set(lamp.colours) <= set(Colour):
        return ()
    return tuple(map(Colour, lamp.colours))


def _bulbs(lamp: LampStatus, colour: str) -> list[str]:
    """Say what each of its bulbs shows of a colour."""
    leds = _leds(lamp)
    if not leds or colour not in list(Colour):
        return [colour] * max(1, len(leds))
    lit = leds_for(Colour(colour), leds)
    return [led.value if on else "off" for led, on in zip(leds, lit, strict=True)]


def _seen(lamp: LampStatus) -> list[FrameStatus]:
    """Return its frames with the colours that are seen: of two LEDs "red and green", say."""
    seen = []
    for frame in lamp.frames:
        lit = [colour for colour in _bulbs(lamp, frame.colour) if colour != "off"]
        seen.append(FrameStatus(" and ".join(lit) or "off", frame.ms))
    return seen


def rhythm(frames: Sequence[FrameStatus], lit: str = "") -> str:
    """Say in words what a lamp shows; `lit` for one that knows no colours."""
    colours = list(dict.fromkeys(frame.colour for frame in frames if frame.colour != "off"))
    if not colours:
        return "silent" if lit == "sounding" else "dark"
    said = f"{lit or colours[0]}, {_rhythm(frames)}"
    if _rhythm(frames) or len(colours) == 1:
        return said if _rhythm(frames) else f"{lit or colours[0]}, blinking"
    # A fault is blinked in between: the state, dark, N flashes, dark.
    first = next(i for i, frame in enumerate(frames) if frame.colour == colours[1])
    state = frames[: first - 1]
    count = sum(frame.colour == colours[1] for frame in frames)
    flashes = "flash" if count == 1 else "flashes"
    how = "steady" if len(state) == 1 else _rhythm(state[: len(state) // 2]) or "blinking"
    between = f"{count} {flashes}" if lit else f"{count} {colours[1]} {flashes}"
    return f"{lit or colours[0]}, {how}, in between {between}"


def _rhythm(frames: Sequence[FrameStatus]) -> str:
    """Name a rhythm of one colour; "" for one that has no name."""
    if len(frames) == 1:
        return "steady"
    pattern = _PATTERNS.get(tuple((frame.colour != "off", frame.ms) for frame in frames))
    if pattern is None or len({frame.colour for frame in frames} - {"off"}) > 1:
        return ""
    number = pattern.value.removeprefix("blink")
    flashes = "flash" if number == "1" else "flashes"
    return _RHYTHMS.get(pattern, f"{number} short {flashes} and a pause")


def _json(lamp: LampStatus, frames: Sequence[FrameStatus]) -> str:
    shown = [[_bulbs(lamp, frame.colour), frame.ms] for frame in frames]
    return json.dumps(shown, separators=(",", ":"))


def fragments(
    env: Environment, status: Status, demo: Demo | None, server: ServerView | None
) -> dict[str, str]:
    """Draw every piece of the panel, by its id."""
    lamps = [shown(lamp, status) for lamp in status.lamps]
    made: Any = env.get_template("_panel.html").make_module(
        {"status": status, "demo": demo, "server": server, "words": words}
    )
    drawn = {f"lamp-{number}": made.lamp(lamp) for number, lamp in enumerate(lamps, 1)}
    for name in ("name", "room", "clock", "seen", "pending", "wrong", "controls", "readers",
                 "newest", "when", "outcomes", "url", "link", "login", "version", "trust",
                 "confirmed", "markers", "running"):  # fmt: skip
        drawn[name] = getattr(made, name)()
    if server is not None:
        drawn["server"] = made.held()
    return {name: html.strip() for name, html in drawn.items()}

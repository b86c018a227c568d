"""What the control API can do to a simulator and tell about it; see `control.py` for the HTTP."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from difflib import get_close_matches
from typing import Any

from .certificates import KINDS as CERTIFICATES
from .faults import Fault
from .server import Simulator
from .state import Json

_REQUESTS_TOLD = 100


class Body:
    """The JSON object of a request. Every method raises ValueError with the key and what is right.

    Values are not repeated in the complaints: they may be what somebody must not read.
    """

    def __init__(self, values: Json, *known: str) -> None:
        for key in values:
            if key not in known:
                near = get_close_matches(key, known, n=1, cutoff=0.0)
                raise ValueError(
                    f"unknown key {key!r}; did you mean {near[0]!r}?"
                    if near
                    else f"unknown key {key!r}; this request has none"
                )
        self._values = values

    def word(self, key: str, *choices: str) -> str:
        value = self._values.get(key)
        if value not in choices:
            raise ValueError(f"{key} must be one of {', '.join(choices)}")
        return str(value)

    def text(self, key: str, default: str) -> str:
        value = self._values.get(key, default)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{key} must be a text, and not empty")
        return value

    def number(self, key: str, least: float = -math.inf) -> float:
        value: Any = self._values.get(key)
        if type(value) not in (int, float) or not least <= value < math.inf:
            zero = ", 0 or more" if least == 0 else ""
            raise ValueError(f"{key} must be a number of seconds{zero}")
        return float(value)

    def id(self, key: str) -> int | None:
        value = self._values.get(key)
        if value is not None and type(value) is not int:
            raise ValueError(f"{key} must be an integer, or left out")
        return value


# ---- what can be done: each returns a line that says what was done ------------------------------


def add_fault(valt: Simulator, body: Json) -> str:
    names = [item.name for item in fields(Fault)]
    Body(body, *names).text("kind", "")
    fault = valt.faults.add(Fault(**body))
    often = "" if fault.count is None else f", {fault.count} times" if fault.count > 1 else ", once"
    lasts = "" if fault.lasts_s is None else f", for {fault.lasts_s:g} s"
    return f"fault {fault.kind} for {fault.match or 'every request'}{often}{lasts}"


def clear_faults(valt: Simulator, body: Json) -> str:
    Body(body)
    valt.faults.clear()
    return "no more faults"


def set_network(valt: Simulator, body: Json) -> str:
    states = {"here": valt.back, "away": valt.away, "black_hole": valt.black_hole}
    state = Body(body, "state").word("state", *states)
    states[state]()
    return f"network {state}"


def set_certificate(valt: Simulator, body: Json) -> str:
    kind = Body(body, "kind").word("kind", *CERTIFICATES, "none")
    valt.certificate(None if kind == "none" else kind)
    return f"certificate {kind}"


def set_quirks(valt: Simulator, body: Json) -> str:
    if not body:
        raise ValueError("expected quirks by name, such as pause_resets_time")
    valt.world.quirks.change(body)
    told = asdict(valt.world.quirks)
    return "quirks " + ", ".join(f"{name}={told[name]}" for name in body)


def set_delay(valt: Simulator, body: Json) -> str:
    valt.delay_s = Body(body, "seconds").number("seconds", 0)
    return f"delay {valt.delay_s:g} s"


def set_clock(valt: Simulator, body: Json) -> str:
    valt.clock_offset_s = Body(body, "offset_s").number("offset_s")
    return f"clock {valt.clock_offset_s:+g} s"


def forget_tokens(valt: Simulator, body: Json) -> str:
    Body(body)
    valt.api.forget_tokens()
    return "all tokens forgotten"


def act(valt: Simulator, room: int, action: str, body: Json) -> str:
    """Do what somebody at the VALT web page may do; raises WorldError if the rules forbid it."""
    world = valt.world
    world.news.heard()
    if action == "start":
        given = Body(body, "name", "author")
        world.start(room, given.text("name", "By hand"), given.id("author"))
    else:
        Body(body)
        _ACTS[action](valt, room)
    return world.news.heard() or f"{world.rooms[room].name}: nothing changed"


_ACTS: dict[str, Callable[[Simulator, int], object]] = {
    "stop": lambda valt, room: valt.world.stop(room),
    "pause": lambda valt, room: valt.world.pause(room),
    "resume": lambda valt, room: valt.world.resume(room),
    "lock": lambda valt, room: valt.world.lock(room),
    "unlock": lambda valt, room: valt.world.unlock(room),
    "prepare": lambda valt, room: valt.world.prepare(room),
    "unprepare": lambda valt, room: valt.world.unprepare(room),
}
_DOES: dict[str, Callable[[Simulator, Json], str]] = {
    "/faults": add_fault,
    "/faults/clear": clear_faults,
    "/network": set_network,
    "/certificate": set_certificate,
    "/quirks": set_quirks,
    "/delay": set_delay,
    "/clock": set_clock,
    "/tokens/forget": forget_tokens,
}
_ROOM = re.compile(rf"/rooms/([0-9]{{1,18}})/(start|{'|'.join(_ACTS)})")
PATHS = [*_DOES, f"/rooms/ID/{{start,{','.join(_ACTS)}}}"]  # for people


def action(path: str) -> Callable[[Simulator, Json], str] | None:
    """What a POST to this path does, if anything."""
    if found := _ROOM.fullmatch(path):
        return lambda valt, body: act(valt, int(found[1]), found[2], body)
    return _DOES.get(path)


# ---- what can be told ---------------------------------------------------------------------------


def state(valt: Simulator) -> Json:
    """Everything at once. It names no password, token, PIN or card number, and no fault's body."""
    world = valt.world
    return {
        "url": valt.url,
        "version": world.version,
        "network": valt.network,
        "certificate": valt.tls or "none",
        "fingerprint": valt.fingerprint if valt.tls not in (None, "own") else None,
        "delay_s": valt.delay_s,
        "clock_offset_s": valt.clock_offset_s,
        "connections": valt.connections,
        "rooms": [asdict(world.view(room, lag=False)) for room in world.rooms],
        "recordings": [asdict(recording) for recording in world.recordings],
        "groups": [asdict(group) for group in world.groups.all()],
        "faults": [_told(fault, left_s) for fault, left_s in valt.faults.waiting()],
        "quirks": asdict(world.quirks),
        "requests": [asdict(entry) for entry in valt.requests[-_REQUESTS_TOLD:]],
    }


def _told(fault: Fault, left_s: float | None) -> dict[str, Any]:
    told = asdict(fault)
    del told["body"]
    return {**told, "left_s": left_s}

"""Blinks every lamp and asks the person before the box what was to be seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status
from ivsd.config.schema import LampConfig, LampKind, Lights
from ivsd.doctor.box import Box
from ivsd.doctor.colours import channels, dark, judge
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import Area, Finding, hidden_from_us, quoting
from ivsd.hardware import Hardware
from ivsd.outputs.lamp import Colour, LampProblem
from ivsd.outputs.player import blinking

T = TypeVar("T")

MOST_TRIES = 20
YES_NO = {"yes": True, "no": False}
COLOURS = {
    **{colour.value: colour for colour in Colour if colour is not Colour.OFF},
    "none": Colour.OFF,
}

Blink = Callable[[Colour], None]
"""Lets one lamp blink, and returns when that is over; raises ControlError or LampProblem."""


class Person(Protocol):
    """Somebody who stands before the lamps."""

    def tell(self, text: str) -> None:
        """Show a line at once."""

    def ask(self, question: str) -> str:
        """Return what was typed; raises EOFError when nobody answers any more."""


class _Gone(Exception):
    """Nobody answers."""


def findings(
    box: Box,
    daemon: Daemon,
    lights: Lights,
    hardware: Hardware,
    person: Person | None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Finding]:
    """Let one lamp after the other blink; without a person nothing is lit."""
    if not lights.lamps:
        text = "none is known: ivsd.yaml names no lamp, or cannot be read"
        yield Finding(Area.LIGHTS, None, text)
    elif person is None:
        yield Finding(Area.LIGHTS, None, "not tried: nobody is asked what the lamps show")
    elif daemon.status is None and daemon.may_run:
        yield hidden_from_us(Area.LIGHTS, "not tried: ivsd has the lamps")
    else:
        for lamp in lights.lamps:
            hands = _by_hand(lamp, lights, hardware, wait)
            if daemon.status is not None:
                hands = _by_daemon(box, daemon.status, lamp, wait)
            try:
                yield _tried(lamp, hands, person)
            except _Gone:
                yield Finding(Area.LIGHTS, None, "the rest was not tried: nobody answers")
                return


def _tried(lamp: LampConfig, hands: AbstractContextManager[Blink], person: Person) -> Finding:
    """Try one lamp; what is wrong with its device is a finding of the devices already."""
    try:
        with hands as blink:
            return replace(_look(lamp, blink, person), quotes=(lamp.name,))
    except LampProblem as e:
        return quoting(Area.LIGHTS, None, f"not tried: lamp {e}", str(e))
    except ControlError as e:
        if e.code == "not_allowed":
            return hidden_from_us(Area.LIGHTS, f"not tried: {e}", str(e))
        text = f"the lamp “{lamp.name}” was not tried: {e}"
        return quoting(Area.LIGHTS, None, text, lamp.name, str(e))


# -- whose hands ---------------------------------------------------------------------------------


@contextmanager
def _by_daemon(
    box: Box, status: Status, lamp: LampConfig, wait: Callable[[float], None]
) -> Iterator[Blink]:
    for device in status.devices:
        if device.name == f"lamp {lamp.name}" and not device.ready:
            raise LampProblem(f"{lamp.name}: ivsd misses it, see devices")

    def blink(colour: Colour) -> None:
        args = {"lamp": lamp.name, "colour": colour.value}
        told = control_client.ask(box.socket, "blink", args)
        wait(float(told["seconds"]))

    yield blink


@contextmanager
def _by_hand(
    lamp: LampConfig, lights: Lights, hardware: Hardware, wait: Callable[[float], None]
) -> Iterator[Blink]:
    one = next(each for each in hardware.fixtures(lights) if each.lamp.name == lamp.name).lamp

    def blink(colour: Colour) -> None:
        for shown, seconds in blinking(colour):
            one.show(shown)
            wait(seconds)

    try:
        one.open()
        yield blink
    finally:
        one.close()


# -- questions -----------------------------------------------------------------------------------


def _look(lamp: LampConfig, blink: Blink, person: Person) -> Finding:
    sounds, colours = lamp.kind is LampKind.BUZZER, channels(lamp)
    name = f"the {'buzzer' if sounds else 'lamp'} “{lamp.name}”"
    person.tell(f"{'Listen to' if sounds else 'Look at'} {name}, please.")
    if colours:
        question = f"Which colour did {name} show? [{'/'.join(COLOURS)}/again] "
        return judge(lamp, [_asked(person, question, COLOURS, partial(blink, c)) for c in colours])
    question = f"Did {name} {'sound' if sounds else 'blink'}? [yes/no/again] "
    if _asked(person, question, YES_NO, partial(blink, Colour.WHITE)):
        return Finding(Area.LIGHTS, True, f"{name} {'sounds' if sounds else 'lights'}")
    return dark(lamp)


def _asked(person: Person, question: str, words: dict[str, T], blink: Callable[[], None]) -> T:
    """Blink and ask until there is an answer; one or two letters are enough."""
    blink()
    for _ in range(MOST_TRIES):
        try:
            typed = person.ask(question).strip().lower()
        except EOFError:
            raise _Gone from None
        if typed and "again".startswith(typed):
            blink()
            continue
        meant = [words[typed]] if typed in words else _meant(typed, words)
        if len(meant) == 1:
            return meant[0]
    raise _Gone


def _meant(typed: str, words: dict[str, T]) -> list[T]:
    return [value for word, value in words.items() if typed and word.startswith(typed)]

"""The light language: what each state, fault and receipt looks like.

The defaults follow what people know from lecture-capture lights: green idle, red recording,
yellow paused. Pause and faults differ from recording by rhythm, too. Faults blink N times and
pause; N names the cause, also on a lamp of one colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivsd.events import PENDING, BoxFault, FactoryStage, Receipt
from ivsd.outputs.lamp import Colour
from ivsd.valt.errors import LinkFault
from ivsd.valt.model import RoomState


class Pattern(StrEnum):
    """A rhythm. The ones with a number blink that often, then pause."""

    OFF = "off"
    ON = "on"
    SLOW = "slow"
    FAST = "fast"
    FLICKER = "flicker"
    BLIP = "blip"
    LONG = "long"
    TICK = "tick"
    BLINK_1 = "blink1"
    BLINK_2 = "blink2"
    BLINK_3 = "blink3"
    BLINK_4 = "blink4"
    BLINK_5 = "blink5"
    BLINK_6 = "blink6"
    BLINK_7 = "blink7"
    BLINK_8 = "blink8"
    BLINK_9 = "blink9"


@dataclass(frozen=True, slots=True)
class Look:
    """A colour in a rhythm."""

    colour: Colour
    pattern: Pattern = Pattern.ON

    @property
    def is_dark(self) -> bool:
        """Whether it never lights."""
        return self.colour is Colour.OFF or self.pattern is Pattern.OFF


BLINK_ON_S, BLINK_OFF_S, PAUSE_S = 0.18, 0.18, 1.5

Steps = tuple[tuple[bool, float], ...]
"""Lit or dark, and for how many seconds."""


def steps_of(pattern: Pattern) -> Steps:
    """One round of a rhythm; a single step means that nothing ever changes."""
    match pattern:
        case Pattern.OFF:
            return ((False, 1.0),)
        case Pattern.ON:
            return ((True, 1.0),)
        case Pattern.SLOW:
            return ((True, 0.8), (False, 0.8))
        case Pattern.FAST:
            return ((True, 0.3), (False, 0.3))
        case Pattern.FLICKER:
            return ((True, 0.08), (False, 0.08))
        case Pattern.BLIP:
            return ((True, 0.1), (False, 1.9))
        case Pattern.LONG:
            return ((True, 0.6), (False, PAUSE_S))
        case Pattern.TICK:
            return ((True, 0.2), (False, 0.8))  # once a second, to be counted
        case _:
            blinks = int(pattern.value.removeprefix("blink"))
            return ((True, BLINK_ON_S), (False, BLINK_OFF_S)) * blinks + ((False, PAUSE_S),)


def once(pattern: Pattern) -> Steps:
    """The rhythm as a receipt: played once, without the pause at its end."""
    steps = steps_of(pattern)
    return steps[:-1] if steps[-1] == (False, PAUSE_S) else steps


LIGHT_LANGUAGE: dict[str, Look] = {
    RoomState.AVAILABLE: Look(Colour.GREEN),
    RoomState.RECORDING: Look(Colour.RED),
    RoomState.PAUSED: Look(Colour.YELLOW, Pattern.SLOW),
    RoomState.LOCKED: Look(Colour.BLUE),
    RoomState.PREPARED: Look(Colour.GREEN, Pattern.SLOW),
    RoomState.UNKNOWN: Look(Colour.WHITE, Pattern.SLOW),
    PENDING: Look(Colour.WHITE, Pattern.FLICKER),
    Receipt.REFUSED: Look(Colour.RED, Pattern.BLINK_2),
    Receipt.DENIED: Look(Colour.RED, Pattern.BLINK_3),
    Receipt.LOCKED_OUT: Look(Colour.RED, Pattern.BLINK_4),
    Receipt.MARKED: Look(Colour.WHITE, Pattern.BLINK_1),
    Receipt.IGNORED: Look(Colour.YELLOW, Pattern.LONG),
    BoxFault.STARTING: Look(Colour.WHITE, Pattern.BLIP),
    LinkFault.NO_LINK: Look(Colour.MAGENTA, Pattern.BLINK_2),
    LinkFault.NO_LOGIN: Look(Colour.MAGENTA, Pattern.BLINK_3),
    LinkFault.TLS: Look(Colour.MAGENTA, Pattern.BLINK_4),
    LinkFault.CLOCK: Look(Colour.MAGENTA, Pattern.BLINK_5),
    LinkFault.SERVER: Look(Colour.MAGENTA, Pattern.BLINK_6),
    LinkFault.NO_ROOM: Look(Colour.MAGENTA, Pattern.BLINK_7),
    BoxFault.CONFIG: Look(Colour.MAGENTA, Pattern.BLINK_8),
    BoxFault.DEVICE: Look(Colour.MAGENTA, Pattern.BLINK_1),
    FactoryStage.COUNTING: Look(Colour.WHITE, Pattern.TICK),
    FactoryStage.READY: Look(Colour.RED, Pattern.FAST),
    FactoryStage.CONFIRM: Look(Colour.YELLOW, Pattern.BLINK_3),
    FactoryStage.RESTORING: Look(Colour.CYAN, Pattern.FLICKER),
}
"""Every word of the light language and its default look on a lamp that has colours."""

ONE_LAMP: dict[str, Look] = LIGHT_LANGUAGE | {
    # Dark by its pattern alone, so that another pattern is all it takes to change that.
    RoomState.AVAILABLE: Look(Colour.WHITE, Pattern.OFF),
    RoomState.LOCKED: Look(Colour.WHITE, Pattern.BLIP),
    RoomState.PREPARED: Look(Colour.WHITE, Pattern.LONG),
    RoomState.UNKNOWN: Look(Colour.WHITE, Pattern.BLINK_9),
    BoxFault.STARTING: Look(Colour.WHITE, Pattern.FAST),
}
"""The same for a lamp of one colour, where only the rhythm can tell states apart."""

LEDS: dict[str, Look] = LIGHT_LANGUAGE | {
    RoomState.UNKNOWN: Look(Colour.WHITE, Pattern.BLINK_9),
}
"""The same for a red and a green LED, maybe with others: there white may look like yellow."""

BUZZER: dict[str, Look] = dict.fromkeys(LIGHT_LANGUAGE, Look(Colour.WHITE, Pattern.OFF)) | {
    word: LIGHT_LANGUAGE[word]
    for word in (*Receipt, FactoryStage.COUNTING, FactoryStage.READY, FactoryStage.CONFIRM)
}
"""The same for a buzzer, which sounds the answers to a hand and nothing else."""

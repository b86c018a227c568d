"""Writes the tables that are in the code into the README (`make docs`).

What `ivsd explain` says of the example configuration, and the light language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ivsd.config import salvage
from ivsd.controller.explain import explain
from ivsd.events import PENDING, BoxFault, FactoryStage, Receipt
from ivsd.outputs.patterns import BUZZER, LIGHT_LANGUAGE, ONE_LAMP, PAUSE_S, Pattern, steps_of
from ivsd.rules import rules_of
from ivsd.valt.errors import LinkFault
from ivsd.valt.model import RoomState

ROOT = Path(__file__).parent.parent

MEANINGS: dict[str, str] = {
    RoomState.AVAILABLE: "nothing is recorded",
    RoomState.RECORDING: "the room is recording",
    RoomState.PAUSED: "the recording pauses",
    RoomState.LOCKED: "the room is locked",
    RoomState.PREPARED: "a recording is prepared",
    RoomState.UNKNOWN: "a status word that nobody knows",
    PENDING: "the press is on its way",
    Receipt.REFUSED: "it cannot be done, or has failed",
    Receipt.DENIED: "the badge or PIN is unknown, may not, or was not looked up",
    Receipt.LOCKED_OUT: "the keypad is shut after wrong PINs",
    Receipt.MARKED: "the marker is set",
    Receipt.IGNORED: "there is nothing to do, or just now not",
    BoxFault.STARTING: "the box is starting",
    LinkFault.NO_LINK: "the server does not answer",
    LinkFault.NO_LOGIN: "the server refuses this box's account",
    LinkFault.TLS: "the server's certificate is not trusted",
    LinkFault.CLOCK: "the clock of the box is wrong",
    LinkFault.SERVER: "what answers is no VALT server, or it has failed",
    LinkFault.NO_ROOM: "the server does not know the room",
    BoxFault.CONFIG: "the configuration is wrong",
    BoxFault.DEVICE: "a reader, a button, a lamp or the outbox's disk is missing",
    FactoryStage.COUNTING: "the reset button is held: a blink a second",
    FactoryStage.READY: "letting go now restores the factory state",
    FactoryStage.CONFIRM: "press once more within 2 s to restore it",
    FactoryStage.RESTORING: "the factory state is being restored",
}
"""What each word of the light language tells a person."""


def with_tables(readme: str) -> str:
    """Return the README with the tables of today's code."""
    example = salvage(ROOT / "config" / "ivsd.yaml")
    rules = rules_of(example.controls, example.recording, example.badges)
    readme = _placed(readme, "explain", ["```", *explain(rules), "```"])
    return _placed(readme, "lights", [*lights(), "", *rhythms()])


def _placed(readme: str, name: str, lines: list[str]) -> str:
    place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    return place.sub(lambda _: "".join(f"{line}\n" for line in lines), readme)


def lights() -> Iterator[str]:
    """Yield the table of the light language, a row for each word."""
    yield "| | Word | It means | A lamp with colours | A lamp of one colour | A buzzer |"
    yield "|---|---|---|---|---|---|"
    for word, look in LIGHT_LANGUAGE.items():
        kind = "state"
        if isinstance(word, Receipt):
            kind = "answer"
        elif isinstance(word, LinkFault | BoxFault):
            kind = "fault"
        elif isinstance(word, FactoryStage):
            kind = "reset"
        one = "dark" if ONE_LAMP[word].is_dark else ONE_LAMP[word].pattern
        heard = "silent" if BUZZER[word].is_dark else BUZZER[word].pattern
        seen = f"{look.colour}, {look.pattern}"
        yield f"| {kind} | `{word}` | {MEANINGS[word]} | {seen} | {one} | {heard} |"


def rhythms() -> Iterator[str]:
    """Yield what the names of the rhythms stand for."""
    names = (Pattern.SLOW, Pattern.FAST, Pattern.FLICKER, Pattern.BLIP, Pattern.LONG, Pattern.TICK)
    for name in names:
        (_, lit_s), (_, dark_s) = steps_of(name)
        yield f"- {name}: {lit_s:g} s on, {dark_s:g} s off"
    yield f"- blink1 to blink9: so many short blinks, then {PAUSE_S:g} s off"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")

"""Scenarios: plain text that says what a hand does, what the server does, and what must follow.

    at 0 ms press record
    at 80 ms release record
        expect light pending within 50 ms
        expect outcome record done within 1 s

The text does not know what plays it. The demo plays it on the running daemon in real time,
the tests play the same files on the pure controller with a simulated clock.

Before the first step there may be headers:

    title: what it shows, in one line
    server: 5.7.1                           (the VALT version; without it, 6.5.2)
    pure-only: why                          (needs more than 20 s of real time)
    controls: {door: {action: show_status, hold: lock_toggle}}
    recording: {stop: hold, stop_hold_s: 1}
    badges: {who_may_stop: author}
    card: {number: "0004711009", action: lock_toggle}

`controls`, `recording` and `badges` say, as ivsd.yaml does, what is different from the demo's
configuration: these controls are added to the demo's or replace them. Each `card` is an entry
of cards.yaml. All may stand on several lines.
`server quirk NAME VALUE` is for what VALT versions do differently (`ivsd simulate --help`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ivsd.config import CARDS
from ivsd.events import Command, Note, Outcome, Report, Show
from ivsd.valt.simulator import World

_TIME = r"(\d+(?:\.\d+)?) (ms|s)"
_AT = re.compile(rf"at {_TIME} (.+)")
_WITHIN = re.compile(rf"expect (.+) within {_TIME}")
_HEADER = re.compile(r"(title|pure-only|server): (.+)")
_CHANGE = re.compile(r"(controls|recording|badges): (.+)")
_CARD = re.compile(r"card: (\{.+\})")

DOINGS = {
    "press": "press CONTROL",
    "release": "release CONTROL",
    "swipe": "swipe NUMBER",
    "type": "type DIGITS",
    "server": "server away | back | silent | delay N ms | loses the reply to WHAT"
    " | refuses WHAT REASON | fails WHAT | quirk NAME VALUE",
    "elsewhere": "elsewhere start | stop | pause | resume | lock | unlock | prepare",
}
EXPECTATIONS = (
    "light NAME", "sign on", "sign off", "outcome SOURCE done|failed|ignored [WORDS]",
    "note WORDS",
    "server STATE", "recordings N", "requests WHAT N", "marker NAME at N s", "author NAME",
)  # fmt: skip


Changes = dict[str, dict[str, str]]
"""What is different from the demo's configuration: section -> key -> value, as it is written.

The entries of cards.yaml are under its name, numbered.
"""


class ScenarioError(Exception):
    """A scenario cannot be read; names file, line and what would be right."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line: something to do, or (with `within_s`) something to expect."""

    line: int
    at_s: float
    text: str
    within_s: float | None = None


@dataclass(slots=True)
class Scenario:
    """A file that was read. `headers` has title, and where given pure-only and server."""

    path: Path
    headers: dict[str, str] = field(default_factory=dict)
    changes: Changes = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def read(path: Path) -> Scenario:
    """Read a scenario; raises ScenarioError."""
    scenario = Scenario(path)
    at_s = 0.0
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = " ".join(raw.partition("#")[0].split())
        if not line:
            continue
        if not scenario.steps and (header := _HEADER.fullmatch(line)):
            scenario.headers[header[1]] = header[2]
            continue
        if not scenario.steps and (change := _CHANGE.fullmatch(line)):
            scenario.changes.setdefault(change[1], {}).update(_entries(change[2], path, number))
            continue
        if not scenario.steps and (card := _CARD.fullmatch(line)):
            cards = scenario.changes.setdefault(CARDS, {})
            cards[str(len(cards))] = card[1]
            continue
        within_s = None
        if match := _AT.fullmatch(line):
            moment = _seconds(match[1], match[2])
            if moment < at_s:
                raise _wrong(path, number, "goes back in time")
            at_s, line = moment, match[3]
        if match := _WITHIN.fullmatch(line):
            line, within_s = match[1], _seconds(match[2], match[3])
        elif line.startswith("expect"):
            raise _wrong(path, number, "says not how soon: end it with “within N ms”")
        elif line.split()[0] not in DOINGS:
            raise _wrong(path, number, f"is no step; write one of: {'; '.join(DOINGS.values())}")
        scenario.steps.append(Step(number, at_s, line, within_s))
    return scenario


def _seconds(number: str, unit: str) -> float:
    return float(number) / (1000 if unit == "ms" else 1)


def _entries(text: str, path: Path, line: int) -> dict[str, str]:
    """Take `{key: value, key: {a: b, c: d}}` apart, the values as they are written."""
    parts, depth, quote = [""], 0, ""
    for char in text.removeprefix("{").removesuffix("}"):
        if quote or char in "'\"":
            quote = "" if char == quote else quote or char
        else:
            depth += (char in "{[") - (char in "}]")
        if char == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
    entries = {name.strip(): value.strip() for name, _, value in (p.partition(":") for p in parts)}
    if depth or quote or text[0] + text[-1] != "{}" or not all(entries.values()):
        raise _wrong(path, line, "is no mapping: write {key: value, key: value}")
    return entries


def _wrong(path: Path, line: int, text: str) -> ScenarioError:
    return ScenarioError(f"{path}:{line}: {text}")


class Seen:
    """What people and the server's owner could see so far; filled from the daemon's commands."""

    def __init__(self, world: World, room: int, clock: Callable[[], float]) -> None:
        self.world = world
        self.room = room
        self._clock = clock
        self.light = ""
        """The steady word of the light language that is shown now."""
        self.lights: list[tuple[float, str]] = []
        """Every word that was shown, receipts among them, and when it began."""
        self.sign = False
        self.outcomes: list[Outcome] = []
        self.notes: list[str] = []
        self._receipt_no = 0

    def observe(self, command: Command) -> None:
        """Take one command of the controller."""
        if isinstance(command, Show):
            view = command.view
            if view.receipt is not None and view.receipt_no != self._receipt_no:
                self.lights.append((self._clock(), view.receipt.value))
            if self.light != view.name:
                self.lights.append((self._clock(), view.name))
            self.light, self.sign = view.name, view.records
            self._receipt_no = view.receipt_no
        elif isinstance(command, Report):
            self.outcomes.append(command.outcome)
        elif isinstance(command, Note):
            self.notes.append(command.text)

    def holds(self, text: str, since: float) -> bool:
        """Whether an expectation has come true, looking at what was seen from `since` on.

        Raises ScenarioError for words that are no expectation.
        """
        what, *rest = text.split()
        match what, rest:
            case "light", [name]:
                seen = [shown for at, shown in self.lights if at >= since]
                return name == self.light or name in seen
            case "sign", [state]:
                return self.sign is (state == "on")
            case "outcome", [source, result, *words]:
                return any(
                    outcome.at >= since
                    and (outcome.source, outcome.result.value) == (source, result)
                    and " ".join(words) in outcome.reason
                    for outcome in self.outcomes
                )
            case "note", words:
                return any(" ".join(words) in note for note in self.notes)
            case "server", [state]:
                return self.world.view(self.room).status == state
            case "recordings", [count]:
                return len(self.world.recordings) == int(count)
            case "requests", [path, count]:
                asked = [request for request in self.world.journal if path in request.path]
                return len(asked) == int(count)
            case "marker", [*name, "at", seconds, "s"]:
                return any(
                    marker.name == " ".join(name) and marker.time_s == int(seconds)
                    for recording in self.world.recordings
                    for marker in recording.markers
                )
            case "author", [*name]:
                recordings = self.world.recordings
                author = recordings[-1].author if recordings else None
                return any(
                    person.id == author and " ".join(name) in (person.display_name, person.name)
                    for person in self.world.people.all()
                )
        raise ScenarioError(
            f"“expect {text}” is not known; write one of: {'; '.join(EXPECTATIONS)}"
        )


def act_elsewhere(world: World, room: int, action: str) -> None:
    """Let somebody do this at the VALT web page."""
    if action == "start":
        world.start(room, "Started at the VALT page")
    else:
        getattr(world, action)(room)


def set_quirk(world: World, name: str, value: str) -> None:
    """Switch an open fact of the server to another answer; raises ScenarioError."""
    try:
        world.quirks.change({name: value})
    except ValueError as e:
        raise ScenarioError(str(e)) from None


class Stage(Protocol):
    """What a scenario is played on."""

    seen: Seen

    def configure(self, changes: Changes) -> None:
        """Take these changes of the demo's configuration; raises ScenarioError."""

    def now(self) -> float:
        """Return the seconds on this stage's clock."""

    def wait_until(self, moment: float) -> None:
        """Let time pass, at most until `moment`; may return earlier when something happened."""

    def do(self, what: str, words: list[str]) -> None:
        """Carry out one doing, such as "press" ["record"]."""


@dataclass(slots=True)
class _Open:
    step: Step
    since: float
    until: float


def play(scenario: Scenario, stage: Stage, say: Callable[[float, str], None]) -> list[str]:
    """Play a scenario; return what did not come true. `say` gets the timeline as it happens."""
    if scenario.changes:
        stage.configure(scenario.changes)
    began = stage.now()
    waiting: list[_Open] = []
    failures: list[str] = []
    steps = list(scenario.steps)
    last_at = began
    while steps or waiting:
        now = stage.now()
        for expected in list(waiting):
            if stage.seen.holds(expected.step.text, expected.since):
                waiting.remove(expected)
                say(now - began, f"as expected: {expected.step.text}")
            elif now >= expected.until:
                waiting.remove(expected)
                failures.append(
                    f"{scenario.path}:{expected.step.line}: expected {expected.step.text} "
                    f"within {expected.step.within_s:g} s"
                )
                say(now - began, f"NOT as expected: {expected.step.text}")
        if steps and now >= began + steps[0].at_s:
            step = steps.pop(0)
            if step.within_s is not None:
                since = max(last_at, began + step.at_s)
                waiting.append(_Open(step, since, since + step.within_s))
                continue
            say(now - began, step.text)
            last_at = now
            what, *words = step.text.split()
            stage.do(what, words)
            continue
        moments = [expected.until for expected in waiting]
        if steps:
            moments.append(began + steps[0].at_s)
        if moments:
            stage.wait_until(min(moments))
    return failures

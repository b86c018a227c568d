"""`ivsd badge`: one swipe shown in every notation, and whose badge it is in VALT.

What a technician needs to know when VALT's numbers do not match what the reader types: how the
reader writes, how VALT does, and which lines of ivsd.yaml say so. A running daemon has the
readers, and is asked to show the next badge (decision 29); else they are opened here.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.learn_client import next_input, others_told
from ivsd.appliance.settings import DEFAULT_STATE, password_for
from ivsd.appliance.status_command import exit_code_of, printable
from ivsd.badge_words import describe, to_json
from ivsd.config import ConfigError, load, load_cards_beside
from ivsd.config.schema import CardEntry, Config, Keyboard, Role, WiegandReader
from ivsd.connect import session_for
from ivsd.events import LEARN_S, DeviceLost, Event, Misread, NumberKind, Scanned
from ivsd.hardware import RealHardware
from ivsd.inputs.frames import number_in
from ivsd.inputs.reader import Reader
from ivsd.valt.errors import ValtError
from ivsd.valt.model import User

SHOWN, NO_BADGE, NO_CONFIG = 0, 1, 2
"""Exit codes, beside those of `ivsd status`."""
Parts = tuple[
    str, Keyboard | WiegandReader | None, Config, Sequence[CardEntry], Sequence[User] | None
]
WAIT_S = 30.0
STOP_S = 1.0
MOST_OTHER_INPUTS = 20
"""So often it asks again when something else was pressed or typed."""


@dataclass(frozen=True)
class Swipe:
    """A badge that was read; `is_learnt`: by the daemon."""

    text: str
    reader: Keyboard | WiegandReader | None = None
    is_learnt: bool = False


@dataclass(frozen=True)
class Found:
    """A badge, and all that there is to tell of it; without `users` VALT could not be asked."""

    swipe: Swipe
    config: Config
    cards: Sequence[CardEntry]
    users: Sequence[User] | None

    @property
    def parts(self) -> Parts:
        """Return what `ivsd.badge_words` needs."""
        return self.swipe.text, self.swipe.reader, self.config, self.cards, self.users


class NoBadge(Exception):
    """None was read, and it was told why; `code` is the exit code."""

    def __init__(self, code: int = NO_BADGE) -> None:
        super().__init__(code)
        self.code = code


def badge(path: Path, socket: Path, *, typed: bool, as_json: bool = False) -> int:
    """Wait for a swipe, at a configured reader or typed here, and tell of it; return the code.

    `as_json`: standard output has what was found and nothing else; a person is told the rest on
    standard error. The number is whole there, too: who runs it holds the badge (decision 30).
    """
    try:
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            found = _found(path, socket, typed=typed)
    except NoBadge as e:
        return e.code
    if as_json:
        print(
            json.dumps(to_json(*found.parts, is_learnt=found.swipe.is_learnt), ensure_ascii=False)
        )
        return SHOWN
    for line in describe(*found.parts, is_learnt=found.swipe.is_learnt):
        _say(line)
    return SHOWN


def _found(path: Path, socket: Path, *, typed: bool) -> Found:
    """Wait for a swipe and ask VALT whose it is; raises NoBadge."""
    try:
        config = load(path)
        cards = load_cards_beside(path, config)
        secret = password_for(config, path, DEFAULT_STATE)
    except ConfigError as e:
        for problem in e.problems:
            _say(str(problem))
        raise NoBadge(NO_CONFIG) from None
    swipe = _typed() if typed else _swiped(path, config, socket)
    users: list[User] | None = None
    try:
        users = session_for(config.valt, path, secret).call(lambda client: client.users())
    except (ValtError, OSError) as e:
        _say(f"VALT could not be asked whose it is: {e}")
    return Found(swipe, config, cards, users)


def _typed() -> Swipe:
    _say("Swipe the badge at a reader that types into this terminal.")
    if sys.stdin is None:
        raise NoBadge
    try:
        line = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        _say("That was no text.")
        raise NoBadge from None
    if not line:
        raise NoBadge
    try:
        return Swipe(number_in(line))  # as at the door
    except ValueError as e:
        _say(f"That is no badge: {e}.")
        raise NoBadge from None


def _swiped(path: Path, config: Config, socket: Path) -> Swipe:
    """Read one badge at one of the configured readers, as it types it."""
    roles = (Role.BADGE, Role.AUTO)
    typing = [keyboard for keyboard in config.inputs.keyboards if keyboard.role in roles]
    wired = [reader for reader in config.inputs.wiegand if reader.role in roles]
    both: list[Keyboard | WiegandReader] = [*typing, *wired]
    readers = {reader.name: reader for reader in both}
    try:
        name, text = _learnt(path, socket)
        return Swipe(text, readers.get(name), is_learnt=True)
    except ControlError as e:
        if e.code == "nothing_came":
            _say("No badge came.")
            raise NoBadge from None
        if e.code != "no_daemon":
            print(printable(f"ivsd: {e}"), file=sys.stderr)
            raise NoBadge(exit_code_of(e)) from None
    if not readers:
        _say("No badge reader is under inputs; --typed reads one that types here.")
        raise NoBadge
    name, text = _opened(config, typing, wired, readers)
    return Swipe(text, readers.get(name))


def _learnt(path: Path, socket: Path) -> tuple[str, str]:
    """Have the daemon show the next badge: reader and number; raises ControlError."""
    with others_told(socket, _say) as file:
        _say(f"ivsd runs: hold the badge to one of its readers within {LEARN_S:g} s.")
        if not _is_same(path, Path(file)):
            _say(f"It runs by {file}: that file, and not {path}, says how it reads numbers.")
        for _ in range(MOST_OTHER_INPUTS):
            shown = next_input(socket)
            if shown.number is not None:
                return shown.name, shown.number
            _say(f"That was {shown}: hold a badge to a reader.")
    raise ControlError("nothing_came", "no badge came")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _say(line: str) -> None:
    print(printable(line), flush=True)


def _opened(
    config: Config,
    typing: Sequence[Keyboard],
    wired: Sequence[WiegandReader],
    names: Iterable[str],
) -> tuple[str, str]:
    """Open the readers here and read one badge."""
    happened: queue.SimpleQueue[Event] = queue.SimpleQueue()
    as_typed = [replace(keyboard, notation=None) for keyboard in typing]
    inputs = replace(config.inputs, keyboards=as_typed, wiegand=list(wired), buttons=[])
    thread = Reader(RealHardware().sources(inputs, None), happened.put)
    thread.start()
    _say(f"Hold the badge to a reader within {WAIT_S:g} s ({', '.join(names)}).")
    try:
        return _first_badge(happened)
    finally:
        thread.stop(STOP_S)


def _first_badge(happened: queue.SimpleQueue[Event]) -> tuple[str, str]:
    until = time.monotonic() + WAIT_S
    missing: set[str] = set()
    while True:
        try:
            event = happened.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            _say("No badge came. If ivsd runs, it has the readers: systemctl stop ivsd")
            raise NoBadge from None
        if isinstance(event, Scanned) and event.kind is NumberKind.BADGE:
            return event.reader, event.number.reveal()
        if isinstance(event, Misread):
            _say(f"{event.reader}: {event.why}")
        if isinstance(event, DeviceLost) and event.problem not in missing:
            missing.add(event.problem)  # it is looked for again and again
            _say(event.problem)

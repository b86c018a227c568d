"""`ivsd badge`: one swipe shown in every notation, and whose badge it is in VALT.

What a technician needs to know when VALT's numbers do not match what the reader types: how the
reader writes, how VALT does, and which lines of ivsd.yaml say so. A running daemon has the
readers, and is asked to show the next badge (decision 29); else they are opened here.
"""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.learn_client import next_input, others_told
from ivsd.appliance.settings import DEFAULT_STATE, service_credentials
from ivsd.appliance.status_command import exit_code_of, printable
from ivsd.badge_words import describe
from ivsd.config import ConfigError, load, load_cards_beside, password
from ivsd.config.schema import Config, Keyboard, Role, WiegandReader
from ivsd.connect import session_for
from ivsd.events import LEARN_S, DeviceLost, Event, Misread, NumberKind, Scanned
from ivsd.hardware import RealHardware
from ivsd.inputs.frames import number_in
from ivsd.inputs.reader import Reader
from ivsd.valt.errors import ValtError
from ivsd.valt.model import User

SHOWN, NO_BADGE, NO_CONFIG = 0, 1, 2
"""Exit codes, beside those of `ivsd status`."""
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


class NoBadge(Exception):
    """None was read, and it was told why; `code` is the exit code."""

    def __init__(self, code: int = NO_BADGE) -> None:
        super().__init__(code)
        self.code = code


def badge(path: Path, socket: Path, *, typed: bool) -> int:
    """Wait for a swipe, at a configured reader or typed here, and tell of it; return the code."""
    try:
        config = load(path)
        cards = load_cards_beside(path, config)
        secret = password(config, path, DEFAULT_STATE, service_credentials(path))
    except ConfigError as e:
        print(e)
        return NO_CONFIG
    try:
        swipe = _typed() if typed else _swiped(path, config, socket)
    except NoBadge as e:
        return e.code
    users: list[User] | None = None
    try:
        users = session_for(config.valt, path, secret).call(lambda client: client.users())
    except (ValtError, OSError) as e:
        print(f"VALT could not be asked whose it is: {e}")
    for line in describe(swipe.text, swipe.reader, config, cards, users, is_learnt=swipe.is_learnt):
        print(line)
    return SHOWN


def _typed() -> Swipe:
    print("Swipe the badge at a reader that types into this terminal.")
    if sys.stdin is None:
        raise NoBadge
    try:
        line = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        print("That was no text.")
        raise NoBadge from None
    if not line:
        raise NoBadge
    try:
        return Swipe(number_in(line))  # as at the door
    except ValueError as e:
        print(f"That is no badge: {e}.")
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
            print("No badge came.")
            raise NoBadge from None
        if e.code != "no_daemon":
            print(f"ivsd: {e}", file=sys.stderr)
            raise NoBadge(exit_code_of(e)) from None
    if not readers:
        print("No badge reader is under inputs; --typed reads one that types here.")
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
    print(f"Hold the badge to a reader within {WAIT_S:g} s ({', '.join(names)}).")
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
            print("No badge came. If ivsd runs, it has the readers: systemctl stop ivsd")
            raise NoBadge from None
        if isinstance(event, Scanned) and event.kind is NumberKind.BADGE:
            return event.reader, event.number.reveal()
        if isinstance(event, Misread):
            print(f"{event.reader}: {event.why}")
        if isinstance(event, DeviceLost) and event.problem not in missing:
            missing.add(event.problem)  # it is looked for again and again
            print(event.problem)

"""`ivsd badge`: one swipe shown in every notation, and whose badge it is in VALT.

What a technician needs to know when VALT's numbers do not match what the reader types: how the
reader writes, how VALT does, and which lines of ivsd.yaml say so.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ivsd.appliance.settings import DEFAULT_STATE
from ivsd.config import CARDS, ConfigError, load, load_cards_beside, password
from ivsd.config.schema import CardEntry, Config, Keyboard, Role, WiegandReader
from ivsd.connect import session_for
from ivsd.events import DeviceLost, Event, Misread, NumberKind, Scanned
from ivsd.hardware import RealHardware, form_of
from ivsd.inputs.frames import number_in
from ivsd.inputs.reader import Reader
from ivsd.notation import FACILITY_BITS, Form, Notation, convert, forms_of, sized
from ivsd.valt.errors import ValtError
from ivsd.valt.model import Secret, User

WAIT_S = 30.0
STOP_S = 1.0
USUAL_WIDTH = 10
"""Places of the decimal number that is printed on most badges."""


def badge(path: Path, *, typed: bool) -> int:
    """Wait for a swipe, at a configured reader or typed here, and tell of it; return the code."""
    try:
        config = load(path)
        cards = load_cards_beside(path, config)
        secret = password(config, path, DEFAULT_STATE)
    except ConfigError as e:
        print(e)
        return 1
    reader: Keyboard | WiegandReader | None = None
    if typed:
        print("Swipe the badge at a reader that types into this terminal.")
        text = _one_line()
    else:
        reader, text = _swipe(config)
    if not text:
        return 1
    users: list[User] | None = None
    try:
        users = session_for(config.valt, path, secret).call(lambda client: client.users())
    except (ValtError, OSError) as e:
        print(f"VALT could not be asked whose it is: {e}")
    for line in describe(text, reader, config, cards, users):
        print(line)
    return 0


def _one_line() -> str:
    if sys.stdin is None:
        return ""
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        print("That was no text.")
        return ""
    if not (line := line.strip()):
        return ""
    try:
        return number_in(line)  # as at the door
    except ValueError as e:
        print(f"That is no badge: {e}.")
        return ""


def _swipe(config: Config) -> tuple[Keyboard | WiegandReader | None, str]:
    """Read one badge at one of the configured readers, as it types it; "" when none came."""
    roles = (Role.BADGE, Role.AUTO)
    typing = [keyboard for keyboard in config.inputs.keyboards if keyboard.role in roles]
    wired = [reader for reader in config.inputs.wiegand if reader.role in roles]
    both: list[Keyboard | WiegandReader] = [*typing, *wired]
    readers = {reader.name: reader for reader in both}
    if not readers:
        print("No badge reader is under inputs; --typed reads one that types here.")
        return None, ""
    happened: queue.SimpleQueue[Event] = queue.SimpleQueue()
    as_typed = [replace(keyboard, notation=None) for keyboard in typing]
    inputs = replace(config.inputs, keyboards=as_typed, wiegand=wired, buttons=[])
    thread = Reader(RealHardware().sources(inputs, None), happened.put)
    thread.start()
    print(f"Hold the badge to a reader within {WAIT_S:g} s ({', '.join(readers)}).")
    try:
        name, text = _first_badge(happened)
    finally:
        thread.stop(STOP_S)
    return readers.get(name), text


def _first_badge(happened: queue.SimpleQueue[Event]) -> tuple[str, str]:
    while True:
        try:
            event = happened.get(timeout=WAIT_S)
        except queue.Empty:
            print("No badge came. If ivsd runs, it has the readers: systemctl stop ivsd")
            return "", ""
        if isinstance(event, Scanned) and event.kind is NumberKind.BADGE:
            return event.reader, event.number.reveal()
        if isinstance(event, Misread):
            print(f"{event.reader}: {event.why}")
        if isinstance(event, DeviceLost):
            print(event.problem)


def describe(
    text: str,
    reader: Keyboard | WiegandReader | None,
    config: Config,
    cards: Sequence[CardEntry],
    users: Iterable[User] | None,
) -> Iterator[str]:
    """Yield what there is to say of a badge that was read as `text`; None: VALT says nothing."""
    owners = _Owners(users)
    declared = _declared(reader)
    valt = form_of(config.badges.notation)
    number = convert(text, declared, valt)
    wrote = "sent, its bits as a number," if isinstance(reader, WiegandReader) else "typed"
    yield f"{reader.name if reader else 'The reader'} {wrote}  {text}"
    if number is None:
        yield f"That is no number in {declared}, or cannot be written in {valt}."
    else:
        yield f"For VALT it is  {number}{_whose(number, owners, cards)}"
    readings = [Form(notation) for notation in Notation]
    if declared is not None and declared.read(text) is not None:
        readings = [declared]
    hits = []
    for reading in readings:
        value = reading.read(text)
        if value is None:
            continue
        yield f"Taken as {reading}, it is written"
        for form, written in forms_of(value, {USUAL_WIDTH, *owners.widths}):
            named = owners.of(written)
            lacks = form.notation is Notation.FACILITY and value >> FACILITY_BITS
            shown = f"{written} (bits above {FACILITY_BITS} are lost)" if lacks else written
            usual = form.digits == USUAL_WIDTH and "decimal" in form.notation.split("_")
            if named or usual or form.digits is None:
                yield f"  {form!s:36} {shown:22}{f'<- {named}' if named else ''}".rstrip()
            if named and written != number:
                hits.append((reading, form, value, named))
            elif not named and (small := owners.of(written.lower())):
                yield f"VALT has it for {small} in small letters: write {written} there."
    for reading, form, value, named in hits:
        yield f"With these lines of ivsd.yaml it is the badge of {named}:"
        yield f"  badges: {{notation: {_key(sized(form, value))}}}"
        if not isinstance(reader, WiegandReader):  # its bits have no notation
            there = f"{{notation: {_key(sized(reading, value))}}}"
            yield f"  and at the reader, under inputs.keyboards: {there}"


def _declared(reader: Keyboard | WiegandReader | None) -> Form | None:
    """Return how this reader writes, as far as the file says it."""
    if isinstance(reader, WiegandReader):
        return Form(Notation.DECIMAL)
    return form_of(reader.notation) if reader is not None else None


class _Owners:
    """VALT's users and their badges, if VALT has told them."""

    def __init__(self, users: Iterable[User] | None) -> None:
        self.known = users is not None
        self._users = [user for user in users or () if user.card_number is not None]
        self.widths = {len(user.card_number) for user in self._users if user.card_number}
        """How many places their numbers have."""

    def of(self, number: str) -> str:
        """Name all who have this number; "" for nobody."""
        wanted = Secret(number)
        return " and ".join(self._name(user) for user in self._users if user.card_number == wanted)

    def called(self, user_id: int) -> str:
        """Name a user by id."""
        if not self.known:
            return f"VALT user {user_id}"
        found = (self._name(user) for user in self._users if user.id == user_id)
        return next(found, f"VALT user {user_id}, who is not there any more")

    @staticmethod
    def _name(user: User) -> str:
        return f"{user.name} (VALT user {user.id})"


def _whose(number: str, owners: _Owners, cards: Sequence[CardEntry]) -> str:
    """Say what becomes of a badge at the door: the box's own table comes first."""
    card = next((card for card in cards if card.number == Secret(number)), None)
    told = []
    if card is not None:
        user = owners.called(card.user) if card.user else ""
        does = f"does {card.action.action}" if card.action else ""
        told.append(f", in {CARDS}: {', '.join(filter(None, (card.name, user, does)))}")
    if named := owners.of(number):
        told.append(f", the badge of {named}")
    elif card is None and owners.known:
        told.append(", which nobody has")
    return "".join(told)


def _key(form: Form) -> str:
    """Write a form as ivsd.yaml has it."""
    more = {"digits": form.digits, "bytes": form.size}
    widths = "".join(f", {name}: {value}" for name, value in more.items() if value is not None)
    return f"{{form: {form.notation}{widths}}}" if widths else form.notation

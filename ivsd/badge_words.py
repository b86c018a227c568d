"""What there is to say of a badge: its notations, whose it is, which lines of ivsd.yaml fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ivsd.config import CARDS
from ivsd.config.schema import CardEntry, Config, Keyboard, WiegandReader
from ivsd.hardware import form_of
from ivsd.notation import FACILITY_BITS, Form, Notation, convert, forms_of, sized
from ivsd.valt.model import Secret, User

USUAL_WIDTH = 10
"""Places of the decimal number that is printed on most badges."""


def describe(
    text: str,
    reader: Keyboard | WiegandReader | None,
    config: Config,
    cards: Sequence[CardEntry],
    users: Iterable[User] | None,
    *,
    is_learnt: bool = False,
) -> Iterator[str]:
    """Yield what there is to say of a badge that was read as `text`.

    Without `users` VALT could not be asked. `is_learnt`: the daemon has read it, and has written
    it as VALT would have it, if both notations are known.
    """
    owners = _Owners(users)
    declared = _declared(reader)
    valt = form_of(config.badges.notation)
    is_converted = is_learnt and declared is not None and valt is not None
    number = _for_valt(text, reader, config, is_learnt=is_learnt)
    name = reader.name if reader else "The reader"
    if is_converted:
        yield f"{name} read  {text}, as VALT would have it"
    elif isinstance(reader, WiegandReader):
        yield f"{name} sent, its bits as a number,  {text}"
    else:
        yield f"{name} typed  {text}"
    if number is None:
        yield f"That is no number in {declared}, or cannot be written in {valt}."
    else:
        yield f"For VALT it is  {number}{_whose(number, owners, cards)}"
    readings = [Form(notation) for notation in Notation]
    known = valt if is_converted else declared
    if known is not None and known.read(text) is not None:
        readings = [known]
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
        # A Wiegand reader's bits have no notation; and what was converted was read as it says.
        if not (is_converted or isinstance(reader, WiegandReader)):
            there = f"{{notation: {_key(sized(reading, value))}}}"
            yield f"  and at the reader, under inputs.keyboards: {there}"


def to_json(
    text: str,
    reader: Keyboard | WiegandReader | None,
    config: Config,
    cards: Sequence[CardEntry],
    users: Sequence[User] | None,
    *,
    is_learnt: bool = False,
) -> dict[str, Any]:
    """Return the same for programs, with what `describe` says as `text`.

    `number` is what VALT gets, null when there is none; `card` what the box's own table says of it;
    `users` who has it in VALT, null when VALT could not be asked.
    """
    number = _for_valt(text, reader, config, is_learnt=is_learnt)
    wanted = Secret(number) if number is not None else None
    card = next((card for card in cards if card.number == wanted), None)
    owners = [user for user in users or () if wanted is not None and user.card_number == wanted]
    return {
        "reader": reader.name if reader else None,
        "read": text,
        "number": number,
        "card": card
        and {
            "name": card.name,
            "user": card.user,
            "action": card.action.action if card.action else None,
        },
        "users": None if users is None else [{"id": user.id, "name": user.name} for user in owners],
        "text": list(describe(text, reader, config, cards, users, is_learnt=is_learnt)),
    }


def _for_valt(
    text: str, reader: Keyboard | WiegandReader | None, config: Config, *, is_learnt: bool
) -> str | None:
    """Return the number as VALT gets it; the daemon has converted what it could already."""
    declared, valt = _declared(reader), form_of(config.badges.notation)
    if is_learnt and declared is not None and valt is not None:
        return text
    return convert(text, declared, valt)


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

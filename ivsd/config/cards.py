"""Read cards.yaml, the box's own table of badges."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ivsd.config.checker import Checked, read
from ivsd.config.load import check_steps
from ivsd.config.schema import CardEntry, CardTable, Config, Writing
from ivsd.config.values import unwritten
from ivsd.events import Action
from ivsd.notation import Form
from ivsd.valt.model import Secret

CARDS = "cards.yaml"
"""It stands beside ivsd.yaml (decision 4)."""


def load_cards_beside(path: Path, config: Config | None) -> list[CardEntry]:
    """Read the table beside the ivsd.yaml at `path`; raises ConfigError.

    `config` of that file says how VALT writes its numbers; None: the file is wrong itself.
    """
    return load_cards(path.parent / CARDS, config.badges.notation if config else None)


def load_cards(path: Path, valt: Writing | None = None) -> list[CardEntry]:
    """Read and check the table; no file is an empty one. Raises ConfigError.

    `valt` is how VALT's card numbers are written, and with them those of the table.
    """
    try:
        if not path.exists():
            return []
    except OSError:
        pass  # it may not be looked for: reading it says why
    checked = read(path, CardTable, may_be_empty=True)
    seen: dict[Secret, int] = {}
    for number, card in checked.numbered("cards", checked.sections.get("cards") or []):
        at = f"cards.{number}"
        if (first := seen.setdefault(card.number, number)) != number:
            checked.complain(f"{at}.number", f"is the number of cards.{first}, too")
        if valt is not None and _misses(card.number, valt.as_form):
            text = "is not as badges.notation of ivsd.yaml says: ivsd badge shows how it would be"
            checked.complain(f"{at}.number", text)
        _check_card(checked, at, card)
    checked.problems = [
        replace(problem, key=_masked_key(problem.key), text=masked(problem.text))
        for problem in checked.problems
    ]
    checked.raise_if_wrong()
    assert checked.value is not None
    return checked.value.cards or []


def cards_in(text: str, path: Path, valt: Writing | None = None) -> list[CardEntry]:
    """Read and check a table with this text, which may be unwritten yet. Raises ConfigError."""
    return load_cards(unwritten(text, path), valt)


def _misses(number: Secret, form: Form) -> bool:
    badge = form.read(number.reveal())
    return badge is None or form.write(badge) != number.reveal()


def _masked_key(key: str) -> str:
    table, *more = key.split(".", 2)
    entry = more[:1]  # which of the entries it is: that may be shown
    rest = [re.sub(r"\b[0-9A-F]{4,}\b", "…", masked(name)) for name in more[1:]]
    return ".".join([masked(table), *entry, *rest])


def masked(text: str) -> str:
    """Take out what may be the number of a badge that stands in the wrong place."""
    number = r"\b(?=[0-9A-F,:;/ .-]*[0-9])[0-9A-F]{2}[0-9A-F,:;/ .-]*[0-9A-F]{2}\b"
    return re.sub(number, "…", text, flags=re.IGNORECASE)


def _check_card(checked: Checked[CardTable], at: str, card: CardEntry) -> None:
    says_something = card.name or card.user or card.action
    if not says_something and not checked.is_wrong_at(at):
        checked.complain(at, "says nothing of the badge: give a name, a user or an action")
    if card.action is None:
        return
    check_steps(checked, f"{at}.action.then", card.action.then)
    if card.user is None:
        return
    if card.action.action in (Action.MARKER, Action.SHOW_STATUS):
        text = f"is not needed for {card.action.action}, which belongs to nobody: remove it"
        checked.complain(f"{at}.user", text)
    if card.action.then:
        text = "is not for a badge that belongs to a user, who is only asked for once: remove one"
        checked.complain(f"{at}.action.then", text)

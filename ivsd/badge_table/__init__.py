"""The box's own table of badges, as its pages show and change it (decisions 5, 25 and 30).

The daemon alone writes cards.yaml, and no whole number is in any answer but an export, nor in the
journal or an error. All of it may take long (a file is checked, VALT is asked), so none of it runs
in the loop.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ivsd.appliance.control_client import LONGEST_ANSWER
from ivsd.appliance.operations import Refused
from ivsd.badge_table.csv_text import WrongLine, write_csv
from ivsd.badge_table.door import NoAnswer, Unknown
from ivsd.badge_table.entries import (
    NO_OWNER,
    Users,
    Wrong,
    action_of,
    in_words,
    is_looked_up,
    is_nobodys,
    is_simple,
    labelled,
    name_of,
    number_of,
    shown_name,
    user_of,
)
from ivsd.badge_table.importing import Imported, imported, told
from ivsd.badge_table.seen import LastSeen
from ivsd.badge_table.shown import Shown
from ivsd.badge_table.table import CardsFile, Change, Declined, Table
from ivsd.badge_table.words import notations, owners_beside
from ivsd.config import ConfigError
from ivsd.config.schema import CardEntry
from ivsd.valt.errors import ValtError
from ivsd.valt.model import Secret, User

CARD_OPERATIONS = ("cards", "enrol", "change-card", "forget-card", "import-cards", "export-cards")
LONGEST_EXPORT = LONGEST_ANSWER - 1000  # characters of JSON; there is something around it

log = logging.getLogger("ivsd")


class Door(Protocol):
    """What is asked of the running daemon (`ivsd.badge_table.door`)."""

    def last_unknown(self) -> Unknown | None: ...

    def users(self) -> list[User]: ...


class BadgeTable:
    """The table beside the ivsd.yaml at `path`; may be called from any thread.

    `may_write`: this is the box's service. `reload` has the loop read the file again.
    """

    def __init__(
        self,
        path: Path,
        reload: Callable[[], None],
        door: Door,
        seen: LastSeen,
        *,
        may_write: bool,
    ) -> None:
        self._file = CardsFile(path, reload)
        self._door = door
        self._seen = seen
        self._may_write = may_write
        self._saving = threading.Lock()
        self._secret = os.urandom(16)

    def do(self, op: str, args: Mapping[str, Any]) -> dict[str, Any] | Refused:
        """Carry out one of its operations (`ivsd.appliance.operations`); never raises."""
        changes = op not in ("cards", "export-cards") and args.get("dry") != "yes"
        if changes and not self._may_write:
            return Refused("not_here", "this ivsd was started by hand: it writes no badges")
        try:
            match op:
                case "cards":
                    return self._cards()
                case "export-cards":
                    return self._export()
                case "import-cards":
                    return self._import(args)
                case "enrol":
                    return self._enrol(args)
                case "change-card":
                    return self._change(args)
                case _:
                    return self._forget(args)
        except Declined as e:
            return e.refused
        except Wrong as e:
            return Refused("wrong", str(e))
        except ConfigError as e:
            return Refused("wrong_file", "; ".join(map(str, e.problems)))
        except NoAnswer:
            return Refused("no_answer", "the daemon's loop does not turn")

    # -- reading ------------------------------------------------------------------------------

    def _cards(self) -> dict[str, Any]:
        config, problems = self._file.config()
        table = self._file.read(config)
        users, why = self._users()
        unknown = self._door.last_unknown()
        shown = Shown(table.cards, users, unknown, self._seen.of, self._key).answer()
        shown["problems"] += [
            {"key": problem.key, "text": f"ivsd.yaml: {problem.text}"} for problem in problems
        ]
        about = {"file": str(self._file.path), "revision": table.revision, "people_problem": why}
        return {**about, **notations(config), **shown}

    def _users(self) -> tuple[Users, str]:
        """Return VALT's users, or None and why they are not known."""
        try:
            return self._door.users(), ""
        except ValtError as e:
            return None, str(e)

    def _key(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._secret, digest_size=12).hexdigest()

    def _export(self) -> dict[str, Any]:
        table = self._file.read(self._file.config()[0])
        answer = {"csv": write_csv(table.cards)}
        if len(json.dumps(answer)) > LONGEST_EXPORT:
            text = f"the table is too long for an answer: as root, copy {self._file.path} instead"
            raise Declined("too_long", text)
        log.info("badges: exported with their whole numbers: %d", len(table.cards))
        return answer

    # -- one badge ----------------------------------------------------------------------------

    def _enrol(self, args: Mapping[str, Any]) -> dict[str, Any]:
        badge, typed = args["badge"], args["number"]
        if bool(badge) == (typed is not None):
            raise Declined("bad_args", "give the badge that was shown, or a number")
        number = number_of(typed) if typed is not None else self._unknown(badge)
        users = self._users()[0]
        card = CardEntry(
            number,
            name_of(args["name"], number),
            user_of(args["user"], users),
            action_of(args["action"]),
        )
        with self._saving:
            table = self._file.of(args["revision"])
            there = next((one for one in table.cards if one.number == card.number), None)
            if there is not None:
                raise Wrong("number", f"is in the table already: {labelled(there)}")
            cards = [*table.cards, card]
            self._file.check(table, cards)
            if is_looked_up(card) and is_nobodys(number, users):
                raise Wrong("user", NO_OWNER)
            if args["sure"] != "yes" and (owners := owners_beside(card, users)):
                text = (
                    f"in VALT this is the badge of {owners}, and here it would be no more: the "
                    "box's own table has the last word"
                )
                raise Declined("taken", text)
            return self._save(table, cards, [("added", card)])

    def _unknown(self, key: str) -> Secret:
        """Return the number of the unknown badge that was shown under this key."""
        unknown = self._door.last_unknown()
        if unknown is None:
            raise Declined("gone", "that badge was swiped too long ago: swipe it once more")
        number = unknown.scanned.number
        if self._key(number.reveal()) != key:
            raise Declined("changed", f"another badge was swiped meanwhile: {number.tail()}")
        return number

    def _change(self, args: Mapping[str, Any]) -> dict[str, Any]:
        users = self._users_for(args["user"])
        with self._saving:
            table = self._file.of(args["revision"])
            at = self._entry(table, args["card"])
            card = was = table.cards[at]
            # What stays as it is needs no check: a user may have gone.
            if args["name"].strip() not in ((was.name or "").strip(), shown_name(was).strip()):
                card = replace(card, name=name_of(args["name"], was.number))
            if args["user"].strip() != ("" if was.user is None else str(was.user)):
                card = replace(card, user=user_of(args["user"], users))
            if is_simple(was.action):
                card = replace(card, action=action_of(args["action"]))
            elif args["action"].strip() not in ("", in_words(was.action)):
                raise Wrong("action", "has more to it than can be set here: edit cards.yaml")
            if card == was:
                return {"revision": table.revision}
            cards = [*table.cards[:at], card, *table.cards[at + 1 :]]
            return self._save(table, cards, [("changed", card)])

    def _forget(self, args: Mapping[str, Any]) -> dict[str, Any]:
        with self._saving:
            table = self._file.of(args["revision"])
            at = self._entry(table, args["card"])
            cards = [*table.cards[:at], *table.cards[at + 1 :]]
            return self._save(table, cards, [("removed", table.cards[at])])

    def _entry(self, table: Table, key: str) -> int:
        for at, card in enumerate(table.cards):
            if self._key(card.number.reveal()) == key:
                return at
        raise Declined("gone", "that badge is not in the table any more: look at it once more")

    def _users_for(self, text: str) -> Users:
        """Return VALT's users, if one of them is named at all."""
        return self._users()[0] if text.strip() else None

    def _save(self, table: Table, cards: list[CardEntry], changes: list[Change]) -> dict[str, Any]:
        return {"revision": self._file.save(table, cards, changes)}

    # -- many badges --------------------------------------------------------------------------

    def _import(self, args: Mapping[str, Any]) -> dict[str, Any]:
        if not {args["replace"], args["dry"]} <= {"yes", "no"}:
            raise Declined("bad_args", "replace and dry are yes or no")
        users, _ = self._users()
        with self._saving:
            table = self._file.of(args["revision"], looks_only=args["dry"] == "yes")
            found = imported(table.cards, args["csv"], users, replaces=args["replace"] == "yes")
            wrong = found.wrong or self._wrong_lines(table, found)
            revision = table.revision
            if not wrong and found.changes and args["dry"] == "no":
                revision = self._file.save(table, found.cards, found.changes)
        return {"revision": revision, **told(found, wrong)}

    def _wrong_lines(self, table: Table, found: Imported) -> list[WrongLine]:
        """Tell by line of the CSV what the checker of cards.yaml says of its entries."""
        faults = self._file.faults(table, found.cards)
        lines = [found.lines.get(found.cards[fault.entry].number, 1) for fault in faults]
        return sorted(map(WrongLine, lines, map(str, faults)))

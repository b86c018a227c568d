"""Compares, event by event, what hands did, what people were told, and what the server has done."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from ivsd.controller.pending import DONE
from tests.soak.meter import Row, SoakFailure
from tests.soak.server import read_books

Entry = dict[str, Any]
Key = tuple[str, float]
"""The source of an input and its moment."""

DOUBLE_S, SLACK_S = 0.45, 0.05  # a second press so soon may be half of a double one
LATE_S = 4.0  # an abandoned request may be carried out so much later than it was asked for
VERBS = {text: verb.value for verb, text in DONE.items()}
LOST = "(the answer was lost)"
WANTED = {
    "start": ("recording", "paused"), "resume": ("recording",), "pause": ("paused",),
    "stop": ("available", "prepared", "locked", "recording"), "lock": ("locked",),
    "unlock": ("available", "prepared", "recording", "paused"),
}  # fmt: skip
"""The states in which what was asked for is so; after a stop another one may have begun."""
_NAMED = re.compile("marker “(.+?)”")


def _key(raw: list[Any]) -> Key:
    return raw[0], raw[1]


class Audit:
    """The books of both sides, sorted."""

    def __init__(self, seed: int, box: list[Entry], server: list[Entry]) -> None:
        self.seed = seed
        of_box = {kind: [entry for entry in box if entry["kind"] == kind] for kind in
                  ("input", "outcome", "ask", "marker", "note")}  # fmt: skip
        self.inputs = {_key(entry["key"]): entry for entry in of_box["input"]}
        self.outcomes, self.asks = of_box["outcome"], of_box["ask"]
        self.intended, self.notes = of_box["marker"], of_box["note"]
        self.requests = [entry for entry in server if entry["kind"] == "api"]
        self.timeline = [entry for entry in server if entry["kind"] in ("api", "elsewhere")]
        self.elsewhere = len(self.timeline) - len(self.requests)
        self.recordings = {entry["id"]: entry for entry in server if entry["kind"] == "recording"}
        self.marked = self.refused_later = 0
        self.served: dict[int, Entry] = {}
        """The id of an ask -> the request that the server has carried out for it."""

    def fail(self, key: Key | None, what: str, at: float = 0.0) -> NoReturn:
        """Give up, with the event that input `key` was, or that was the last one before `at`."""
        near = ""
        if key is None:
            near = "after "
            key = max(
                (key for key in self.inputs if key[1] <= at), key=lambda k: k[1], default=None
            )
        entry = self.inputs.get(key) if key is not None else None
        event = f"event {entry['event']}, {entry['what']} of {key}" if entry else f"event ?, {key}"
        raise SoakFailure(f"seed {self.seed}, {near}{event}: {what}")

    # -- one outcome for each input -------------------------------------------------------------

    def each_input_has_one_outcome(self) -> None:
        told: Counter[Key] = Counter(_key(entry["key"]) for entry in self.outcomes)
        for key, number in told.items():
            if key not in self.inputs:
                self.fail(key, "an outcome for nothing")
            if number > 1:
                self.fail(key, f"{number} outcomes")
        before: dict[str, Key] = {}
        for key in self.inputs:
            source, at = key
            first = before.get(source)
            half = source == "twice" and first is not None and at - first[1] < DOUBLE_S
            if key not in told and not (half and first in told):
                self.fail(key, "no outcome")
            if key in told:
                before[source] = key

    # -- what changed the room ------------------------------------------------------------------

    def each_request_is_of_a_press(self) -> None:
        """Find for each request the ask it was made for; each ask is of one press, once."""
        moments = [ask["at"] for ask in self.asks]
        starts: Counter[Key] = Counter()
        for request in self.requests:
            if request["verb"] not in WANTED or not request["ok"]:
                if request["change"] and request["verb"] in WANTED:
                    self.fail(None, f"refused, and done all the same: {request}", request["at"])
                continue
            ask = self._ask_of(request, bisect_right(moments, request["at"]))
            if ask is None:
                self.fail(None, f"nobody asked, or it is the second time: {request}", request["at"])
            self.served[ask["id"]] = request
            owner = _key(ask["owner"])
            if owner not in self.inputs:
                self.fail(owner, f"a request without an input: {request}")
            starts[owner] += request["verb"] == "start"
            if starts[owner] > 1:
                self.fail(owner, "one input has started twice")

    def _ask_of(self, request: Entry, after: int) -> Entry | None:
        """The last ask before it; of an earlier one only when its request was abandoned."""
        for ask in reversed(self.asks[max(0, after - 20) : after]):
            if request["at"] - ask["at"] > LATE_S:
                return None
            if ask["verb"] == request["verb"] and ask["id"] not in self.served:
                return ask
        return None

    def each_done_was_done(self) -> None:
        """What people were told is what the server did; or, the answer lost, what the room was."""
        asked = {(*_key(ask["owner"]), ask["verb"]): ask for ask in self.asks}
        for outcome in self.outcomes:
            key = _key(outcome["key"])
            for part in outcome["reason"].split("; ") if outcome["result"] == "done" else ():
                verb = VERBS.get(part.removesuffix(LOST).strip())
                if verb is None:
                    continue
                ask = asked.get((*key, verb))
                if ask is None:
                    self.fail(key, f"“{part}”, and nothing was asked")
                if part.endswith(LOST):
                    states = list(self._states(ask["at"], outcome["at"]))
                    if not set(states) & set(WANTED[verb]):
                        self.fail(key, f"“{part}”, and the room was only {states}")
                elif ask["id"] not in self.served:
                    self.fail(key, f"“{part}”, and the server has not done it")
                elif self.served[ask["id"]]["state"] not in WANTED[verb]:
                    self.fail(key, f"“{part}”, and then {self.served[ask['id']]}")

    def _states(self, since: float, until: float) -> Iterator[str]:
        """The room's states in this time, the one it began with among them."""
        first = bisect_right(self.timeline, since, key=lambda entry: float(entry["done"]))
        yield self.timeline[first - 1]["state"] if first else "available"
        for entry in self.timeline[first:]:
            if entry["at"] > until + SLACK_S:
                return
            yield entry["state"]

    # -- markers --------------------------------------------------------------------------------

    def each_marker_is_there_once(self) -> None:
        """Done: on the server exactly once, in the recording it was meant for. Else: at most once.

        Kept ones count as done, wherever they were when the outcome came: by now the outbox is
        empty. One that the server refused afterwards has told so in a note.
        """
        there: Counter[tuple[Any, str]] = Counter()
        for recording in self.recordings.values():
            there.update((recording["id"], name) for name, _ in recording["markers"])
        meant: dict[str, list[Entry]] = {}
        for entry in self.intended:
            meant.setdefault(entry["name"], []).append(entry)
        refused = Counter(
            name for note in self.notes if "failed" in note["text"]
            for name in _NAMED.findall(note["text"])
        )  # fmt: skip
        for (recording_id, name), number in there.items():
            wanted = {entry["recording"] for entry in meant.get(name, [])}
            if recording_id not in wanted:
                what = f"marker “{name}” is in {recording_id}, and was meant for {wanted}"
                self.fail(self._presser(name), what)
            if number > 1:
                self.fail(
                    self._presser(name), f"marker “{name}” is {number} times in {recording_id}"
                )
        for outcome in self.outcomes:
            since, until = outcome["key"][1], outcome["at"]
            for name in _NAMED.findall(outcome["reason"]) if outcome["result"] == "done" else ():
                mine = {e["recording"] for e in meant.get(name, []) if since <= e["at"] <= until}
                found = next((place for place in mine if there[place, name]), None)
                if found is not None:
                    there[found, name] = 0  # no other outcome is about this one
                    self.marked += 1
                elif refused[name]:
                    refused[name] -= 1
                    self.refused_later += 1
                else:
                    self.fail(_key(outcome["key"]), f"done, and not on the server: {outcome}")

    def _presser(self, name: str) -> Key | None:
        about = (e for e in self.outcomes if f"“{name}”" in e["reason"])
        return next((_key(entry["key"]) for entry in about), None)

    # -- figures --------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        results = Counter(entry["result"] for entry in self.outcomes)
        carried = Counter(entry["verb"] for entry in self.served.values())
        slowest = max(entry["at"] - entry["key"][1] for entry in self.outcomes)
        lost = sum(LOST in entry["reason"] for entry in self.outcomes)
        kept = sum(" is kept " in entry["reason"] for entry in self.outcomes)
        on_server = sum(len(entry["markers"]) for entry in self.recordings.values())
        return [
            ("daemon: inputs", f"{len(self.inputs):,}, slowest outcome after {slowest:.1f} s"),
            ("daemon: outcomes", _told(results)),
            ("daemon: carried out", _told(carried)),
            ("daemon: done although the answer was lost", f"{lost:,}"),
            ("daemon: changes elsewhere", f"{self.elsewhere:,}"),
            ("daemon: recordings, markers", f"{len(self.recordings):,}, {on_server:,}"),
            (
                "daemon: markers done",
                f"{self.marked:,}, kept {kept:,}, refused {self.refused_later:,}",
            ),
        ]


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common())


def audit(seed: int, box: Path, server: Path) -> list[Row]:
    """Compare the books; raises SoakFailure with the first thing that does not add up."""
    books = Audit(seed, read_books(box), read_books(server))
    books.each_input_has_one_outcome()
    books.each_request_is_of_a_press()
    books.each_done_was_done()
    books.each_marker_is_there_once()
    return books.rows()

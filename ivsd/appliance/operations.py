"""What other programs of this box may ask of the daemon, over the control socket (decision 28).

One line of JSON per request, one per answer:

    {"id": 1, "op": "status"}  ->  {"id": 1, "ok": true, "data": {...}}
                               or  {"id": 1, "ok": false, "error": {"code": "...", "text": "..."}}

`id` is the caller's own, a number or a short text. Operations, without `args` but where some are
named:

    status           the state of this box, see `ivsd.appliance.status`
    subscribe        the same, then one more such answer whenever something has changed; who reads
                     slowly gets the newest one only
    reload           read the configuration again
    press            do what a plain press of a `control` does; the answer is its outcome,
                     {"result": "done", "reason": "..."} as in the status
    learn            the next input, which does nothing else: {"kind": "button", "badge" or "pin",
                     "name": the control or reader, "number": of a badge, else null}. Within 30 s,
                     for one caller at a time; hanging up ends it
    find             the same, also at what ivsd.yaml does not name: see `ivsd.set_up.finding`. The
                     number of a badge is null
    blink            let a `lamp` blink in a `colour`, so that somebody sees which one it is:
                     {"seconds"}
    restart          end the daemon; systemd starts it anew
    config           what ivsd.yaml says: {"file", "values" without the password, "has_password",
                     "revision", "problems": list of {"key", "text"}}
    preview          what a save of `edits` (dotted key -> text, null takes a key away) would do:
                     {"problems", "changes": list of {"key", "old", "new"}, "diff",
                     "needs_password": whether it must be typed again}
    save             write `edits` and a `password` (or null) into the file of this `revision`:
                     {"revision"}
    wire-preview     what a `wire` would do: {"problems", "changes", "diff", "revision"}
    wire             make one of the `changes` of `ivsd.set_up.wiring` to buttons, keys, readers and
                     lamps in the file of this `revision`: {"revision"}
    test-connection  try the way to the server with `edits` and a `password` (or null):
                     {"findings": list of {"step", "ok", "text", "advice", ...}}
    bundle           make the diagnostics bundle, as far as the daemon's user may look: {"name" of
                     its file, "data" as base64, "without": list of what is not in it, and why}
    cards            the box's own table of badges, and VALT's, as a page shows them, with numbers
                     masked; when each was seen, the last unknown one, conflicts, the "revision"
    enrol            add the unknown `badge` of this key, or a `number` (or null), with a `name`, a
                     `user` of VALT by id or name, and an `action` ("" for none of them), to the
                     file of this `revision`: {"revision"}, as the next two. One that is somebody
                     else's in VALT only with `sure` "yes"
    change-card      give the `card` of this key another `name`, `user` and `action`
    forget-card      take the `card` of this key away
    import-cards     put a `csv` into the table, or with `replace` ("yes" or "no") in its place;
                     `dry` tells only what it would do: {"revision", "added", "changed", "removed",
                     "same", "lines": list of {"line", "text"} that are wrong; then nothing is done}
    export-cards     the table with whole numbers: {"csv"}; only after the password of the pages was
                     typed again (decision 30)
    factory-default  restore the factory state, see the issue of the factory default; the answer
                     tells that it was handed on, not what becomes of it

Whoever may open the socket may read the status. Only root, the daemon's own user and ivsd-web may
do more: the kernel tells who asks. Error codes: bad_request, bad_args, unknown_op, too_long,
not_allowed, busy (too many callers, or another one does the same), nothing_came, failed (a defect),
wrong_file, wrong, password_needed, changed, gone, taken, not_here, not_saved, not_made and
no_answer (the daemon's loop does not turn).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivsd.events import LEARN_S

ANSWER_WITHIN_S = 1.5  # less than a caller waits: it shall get the reason, not a silence
OUTCOME_WITHIN_S = 30.0  # every press has a deadline of its own, which is shorter
LEARNT_WITHIN_S = LEARN_S + 5.0
BESIDE_WITHIN_S = 38.0  # the steps of a test have limits of their own, which are shorter
BUNDLED_WITHIN_S = 150.0  # so does who makes a bundle

A_TEXT, EDITS, MAYBE_A_TEXT = (str,), (dict,), (str, type(None))
_TAKES = {A_TEXT: "a text", EDITS: "an object", MAYBE_A_TEXT: "a text or null"}


@dataclass(frozen=True)
class Refused:
    """What cannot be done, and why: a code for programs, a sentence for people."""

    code: str
    text: str


Reply = Callable[[dict[str, Any] | Refused], None]
"""Takes the answer to one request; may be called on any thread, once."""


@dataclass(frozen=True)
class Operation:
    """One of them: what it takes, and how long its caller waits for the daemon at most."""

    args: Mapping[str, tuple[type, ...]] = field(default_factory=dict)
    within_s: float = ANSWER_WITHIN_S
    is_for_all: bool = False
    """Whether whoever may open the socket may ask for it."""
    needs_hand: bool = False
    """Whether it waits for what somebody does at the box; ends when its caller hangs up."""
    is_beside: bool = False
    """Whether it is done beside the daemon's loop, as it reads files or asks the server."""

    def problem(self, name: str, args: Mapping[str, Any]) -> str:
        """Say what is wrong with what was given to it; "" for nothing."""
        fits = args.keys() == self.args.keys() and all(
            isinstance(value, self.args[key]) for key, value in args.items()
        )
        if fits:
            return ""
        takes = " and ".join(f"{key} ({_TAKES[kinds]})" for key, kinds in self.args.items())
        return f"{name} takes {takes or 'no args'}"


def _beside(**args: tuple[type, ...]) -> Operation:
    return Operation(args, BESIDE_WITHIN_S, is_beside=True)


_OF_A_BADGE = {"name": A_TEXT, "user": A_TEXT, "action": A_TEXT, "revision": A_TEXT}

OPERATIONS = {
    "status": Operation(is_for_all=True),
    "subscribe": Operation(is_for_all=True),
    "reload": Operation(),
    "press": Operation({"control": A_TEXT}, OUTCOME_WITHIN_S),
    "learn": Operation({}, LEARNT_WITHIN_S, needs_hand=True),
    "find": Operation({}, LEARNT_WITHIN_S, needs_hand=True),
    "blink": Operation({"lamp": A_TEXT, "colour": A_TEXT}),
    "restart": Operation(),
    "config": _beside(),
    "preview": _beside(edits=EDITS),
    "save": _beside(edits=EDITS, password=MAYBE_A_TEXT, revision=A_TEXT),
    "wire-preview": _beside(changes=EDITS, revision=A_TEXT),
    "wire": _beside(changes=EDITS, revision=A_TEXT),
    "test-connection": _beside(edits=EDITS, password=MAYBE_A_TEXT),
    "bundle": Operation({}, BUNDLED_WITHIN_S, is_beside=True),
    "cards": _beside(),
    "enrol": _beside(badge=A_TEXT, number=MAYBE_A_TEXT, sure=A_TEXT, **_OF_A_BADGE),
    "change-card": _beside(card=A_TEXT, **_OF_A_BADGE),
    "forget-card": _beside(card=A_TEXT, revision=A_TEXT),
    "import-cards": _beside(csv=A_TEXT, replace=A_TEXT, dry=A_TEXT, revision=A_TEXT),
    "export-cards": _beside(),
    "factory-default": Operation(),
}

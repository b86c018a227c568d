"""What other programs have asked of the daemon and wait for (`ivsd.appliance.operations`)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ivsd.appliance.operations import OPERATIONS, Refused, Reply
from ivsd.appliance.status import ControlStatus
from ivsd.events import (
    LEARN_S,
    Event,
    LearnAsked,
    Learned,
    LearnGivenUp,
    Outcome,
    PressAsked,
)
from ivsd.outputs.lamp import Colour
from ivsd.parts import Parts
from ivsd.set_up.finding import Finding, Found

Beside = Callable[[str, Mapping[str, Any]], dict[str, Any] | Refused]
"""Carries out an operation beside the loop; must not raise."""

_NOT_LEARNED = {
    "busy": "somebody else waits for a button or a badge: try again in half a minute",
    "nothing_came": f"nothing was pressed or swiped within {LEARN_S:g} s",
    "changed": "ivsd.yaml was read anew meanwhile: try again",
}

log = logging.getLogger("ivsd")


@dataclass(frozen=True)
class Task:
    """Something to be done in the daemon's loop; an event may come out of it."""

    do: Callable[[], Event | None]


class Asked:
    """`do`, `learn` and `find` are for the thread of the socket, the rest for the daemon's loop.

    `orders` are given to the loop and answered at once; `beside` is what else is no matter of the
    loop, by operation; `finding` looks for what ivsd.yaml does not name.
    """

    def __init__(
        self,
        put: Callable[[Task], None],
        parts: Parts,
        orders: Mapping[str, Callable[[], None]],
        beside: Mapping[str, Beside],
        finding: Finding,
    ) -> None:
        self._put = put
        self._parts = parts
        self._orders = orders
        self._beside = dict(beside)
        self._finding = finding
        self.controls: tuple[ControlStatus, ...] = ()
        """What can be pressed."""
        self._presses: dict[tuple[str, float], Reply] = {}
        """Whose outcome somebody waits for: control and moment."""
        self.learners: dict[int, Reply] = {}
        self._finders: set[int] = set()
        """Those of them who want to know of devices, and not the number of a badge."""

    def do(self, op: str, args: Mapping[str, Any], reply: Reply) -> None:
        """Have an operation carried out; never blocks."""
        if op in self._orders:
            self._orders[op]()
            reply({})
        elif op == "restart":
            reply(Refused("not_here", "this ivsd was started by hand: nobody starts it anew"))
        elif OPERATIONS[op].is_beside:
            do = partial(self._do_beside, op, args, reply)
            try:
                threading.Thread(target=do, name=f"asked {op}", daemon=True).start()
            except RuntimeError:  # the machine has no threads left
                reply(Refused("failed", "this box is too busy now"))
        else:
            do_it = {"press": self._press, "blink": self._blink}[op]
            self._put(Task(partial(do_it, args, reply)))

    def _do_beside(self, op: str, args: Mapping[str, Any], reply: Reply) -> None:
        try:
            reply(self._beside[op](op, args))
        except Exception:  # who waits for it shall not wait in vain
            log.exception("%s has failed", op)
            reply(Refused("failed", "it has failed by a defect: see the journal of ivsd"))

    # -- presses ------------------------------------------------------------------------------

    def _press(self, args: Mapping[str, Any], reply: Reply) -> Event | None:
        """Do what a press of a control does; the answer is the outcome."""
        wanted, names = args["control"], [control.name for control in self.controls]
        if wanted not in names:
            known = ", ".join(names) or "none"
            text = f"there is no control “{wanted}”: those of ivsd.yaml are {known}"
            reply(Refused("bad_args", text))
            return None
        now = time.monotonic()
        self._presses[wanted, now] = reply
        return PressAsked(wanted, now)

    def ended(self, outcome: Outcome) -> None:
        """Tell who has asked for this press."""
        reply = self._presses.pop((outcome.source, outcome.pressed_at), None)
        if reply is not None:
            reply({"result": outcome.result.value, "reason": outcome.reason})

    # -- lamps --------------------------------------------------------------------------------

    def _blink(self, args: Mapping[str, Any], reply: Reply) -> None:
        lamp, colours = args["lamp"], [colour for colour in Colour if colour is not Colour.OFF]
        if args["colour"] not in colours:
            reply(Refused("bad_args", f"a lamp blinks {', '.join(colours)}, no other colour"))
            return
        player = self._parts.player
        if player is not None and player.tells_of_a_recording(lamp):
            reply(Refused("busy", f"the room is recording, and “{lamp}” has to say so"))
            return
        seconds = player.blink(lamp, Colour(args["colour"])) if player is not None else None
        if seconds is None:
            text = f"there is no lamp “{lamp}” in ivsd.yaml, or it cannot be driven now"
            reply(Refused("bad_args", text))
            return
        reply({"seconds": seconds})

    # -- hands --------------------------------------------------------------------------------

    def learn(self, token: int, reply: Reply) -> None:
        """Show the next input to who has this number; never blocks."""

        def ask() -> Event:
            self.learners[token] = reply
            return LearnAsked(token)

        self._put(Task(ask))

    def find(self, token: int, reply: Reply) -> None:
        """Show the same, and what comes from a device without a name; never blocks."""

        def tell(found: Found) -> None:
            self._put(Task(partial(self._found, token, found)))

        def begin() -> None:
            if token in self.learners:  # else it was refused: somebody else learns
                self._finding.begin(token, tell)

        def ask() -> Event:
            self._finders.add(token)
            self.learners[token] = reply
            return LearnAsked(token)

        self._put(Task(ask))
        self._put(Task(begin))

    def _found(self, token: int, found: Found) -> Event | None:
        reply = self.learners.pop(token, None)
        if reply is None:
            return None
        reply(found)
        return LearnGivenUp(token)

    def end_finding(self) -> list[LearnGivenUp]:
        """Give up every search: the daemon may want the devices itself."""
        ended = []
        for token in self._finding.end_all():
            self._finders.discard(token)
            if (reply := self.learners.pop(token, None)) is not None:
                reply(Refused("changed", _NOT_LEARNED["changed"]))
                ended.append(LearnGivenUp(token))
        return ended

    def learned(self, learned: Learned) -> None:
        """Tell who has asked for it what came, or why nothing did."""
        is_find = learned.token in self._finders
        self._end_find(learned.token)
        reply = self.learners.pop(learned.token, None)
        if reply is None:
            return
        if learned.why:
            reply(Refused(learned.why, _NOT_LEARNED[learned.why]))
            return
        number = None
        if learned.number is not None and not is_find:
            number = learned.number.reveal()
        reply({"kind": learned.kind, "name": learned.source, "number": number})

    def gave_up(self, token: int) -> None:
        """Forget somebody who has hung up, or was answered."""
        self._end_find(token)
        self.learners.pop(token, None)

    def _end_find(self, token: int) -> None:
        self._finders.discard(token)
        self._finding.end(token)

"""Being shown what a hand does at a box whose daemon has the devices (decision 29).

What is shown does nothing else: no press and no badge starts a recording meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import OutcomeStatus

IGNORED = "ignored"
"""Of inputs that did nothing: those that were shown are among them."""


@dataclass(frozen=True)
class Shown:
    """One input: `kind` is button, badge or pin, `name` the control or the reader."""

    kind: str
    name: str
    number: str | None = field(default=None, repr=False)
    """Of a badge, as VALT would have it; a PIN is never told."""

    def __str__(self) -> str:
        if self.kind == "button":
            return f"button “{self.name}”"
        if self.number is None:
            return f"a PIN at “{self.name}”" if self.kind == "pin" else f"{self.kind} “{self.name}”"
        return f"badge {self.number} at “{self.name}”"


def next_input(socket: Path) -> Shown:
    """Wait for the next input, for at most 30 s; raises ControlError."""
    told = control_client.ask(socket, "learn")
    number = told.get("number")
    return Shown(
        str(told.get("kind")), str(told.get("name")), str(number) if number is not None else None
    )


@contextmanager
def others_told(socket: Path, say: Callable[[str], None]) -> Iterator[str]:
    """Tell meanwhile what came of inputs that were not shown: a badge misread, a press between.

    Yields which ivsd.yaml the daemon runs by; raises ControlError when there is none.
    """
    states = control_client.follow(socket)
    first = next(states)
    is_over = threading.Event()

    def follow() -> None:
        seen = set(map(_what, first.outcomes))
        with suppress(ControlError):  # it has ended: who waits for an input hears it, too
            for status in states:
                if is_over.is_set():
                    return
                for outcome in reversed(status.outcomes):
                    if _what(outcome) not in seen and outcome.result != IGNORED:
                        say(f"{outcome.source}: {outcome.result}: {outcome.reason}")
                seen = set(map(_what, status.outcomes))

    threading.Thread(target=follow, name="outcomes", daemon=True).start()
    try:
        yield first.config.file
    finally:
        is_over.set()


def _what(outcome: OutcomeStatus) -> tuple[str, ...]:
    """Return what of an outcome does not change from one status to the next."""
    return outcome.time, outcome.source, outcome.result, outcome.reason

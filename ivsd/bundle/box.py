"""The box that the bundle is about, and the time that there is for it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivsd.appliance.factory.places import Places
from ivsd.bundle.programs import TIMEOUT_S, Ran, run
from ivsd.bundle.redact import Redactor


class Missing(Exception):
    """There is nothing to put into a file of the bundle; `str()` says why."""


@dataclass(frozen=True)
class Box:
    """A box, and what must not be told of it."""

    config: Path
    socket: Path
    places: Places
    redactor: Redactor
    until: float = math.inf
    """The monotonic moment at which the bundle must be there."""

    def within(self, most_s: float) -> float:
        """Return how many seconds something may take that has a limit of its own."""
        return max(0.0, min(most_s, self.until - time.monotonic()))

    def run(self, argv: Sequence[str]) -> Ran:
        """Run a program of the system, as long as there is time for it."""
        return run(argv, timeout_s=self.within(TIMEOUT_S))

    def told(self, commands: Iterable[Sequence[str]]) -> str:
        """Run some programs; return what each says, below its command line."""
        return "\n\n".join(f"$ {' '.join(argv)}\n{self.run(argv)}" for argv in commands)

"""Whether the clocks of server and box agree, by the Date that stands in every answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ivsd.valt.probing.findings import Finding, Step, minute
from ivsd.valt.transport import Reply, Transport

AGREE_S = 2.0  # a Date has whole seconds, and was on its way
DIFFER_S = 60.0
"""From here on a recording's name, which has minutes, is at odds with the server's own times."""


class ClockReading:
    """A transport that passes each request on, and reads the server's clock off the answer.

    `wall` is this box's time in epoch seconds.
    """

    def __init__(self, transport: Transport, wall: Callable[[], float]) -> None:
        self._transport = transport
        self._wall = wall
        self._ahead_s: float | None = None
        """By how much the server's clock was ahead when it last told its time; None: never."""

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        """Exchange one request for one complete reply; raises ValtError."""
        reply = self._transport.request(method, path, query, body)
        with suppress(ValueError, TypeError, OverflowError):
            date = parsedate_to_datetime(reply.date)
            self._ahead_s = date.timestamp() + 0.5 - self._wall()  # half of what it rounds down
        return reply

    def compare(self) -> Finding:
        """Tell what was read last."""
        ahead_s = self._ahead_s
        if ahead_s is None:
            return Finding(Step.CLOCK, None, "the server does not tell its time")
        if abs(ahead_s) <= AGREE_S:
            return Finding(Step.CLOCK, True, "the clocks of server and box agree")
        way = "ahead" if ahead_s > 0 else "behind"
        text = f"the server's clock is {_lasting(abs(ahead_s))} {way}"
        if abs(ahead_s) < DIFFER_S:
            return Finding(Step.CLOCK, True, text)
        advice = (
            f"{own_time(self._wall)} If that is wrong, set its time service right (timedatectl); "
            "else tell whoever runs the server."
        )
        return Finding(Step.CLOCK, False, text, advice)


def own_time(wall: Callable[[], float]) -> str:
    """Say which time this box has."""
    return f"This box has {minute(datetime.fromtimestamp(wall(), UTC))}."


def _lasting(seconds: float) -> str:
    """Write a time in the unit that one can read."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

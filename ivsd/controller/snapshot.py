"""What the controller can say of itself when somebody asks: the part of `ivsd status` it knows.

It decides nothing. It remembers what only people want to know: since when the link is as it is,
when the room was last confirmed, and how the last inputs ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivsd.controller.truth import RoomTruth
from ivsd.events import Command, Outcome, Report
from ivsd.valt.errors import ValtError
from ivsd.valt.model import RoomStatus

LAST_OUTCOMES = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment; times named `..._at` are seconds of the monotonic clock."""

    status: RoomStatus | None
    """The last confirmed state, kept when the link is lost; None until there is one."""
    confirmed_at: float | None
    recording_s: float | None
    """How long is recorded so far, pauses left out; None without a recording."""
    link_up: bool
    link_error: ValtError | None
    link_since: float
    missing: Mapping[str, str]
    """Device -> a sentence that says what is wrong with it."""
    waiting: int
    """Markers that the server does not have yet."""
    outcomes: tuple[Outcome, ...]
    """The last ones, the newest first."""


class Chronicle:
    """Follows the controller from step to step."""

    def __init__(self) -> None:
        self.outcomes: deque[Outcome] = deque(maxlen=LAST_OUTCOMES)
        self.confirmed_at: float | None = None
        self.link_since = float("-inf")
        self._status: RoomStatus | None = None
        self._link: tuple[bool, type[ValtError] | None, str] | None = None

    def follow(self, truth: RoomTruth, commands: Iterable[Command], now: float) -> None:
        """Take what a step has brought."""
        if truth.status is not self._status:  # every answer that is believed is a new object
            self._status = truth.status
            self.confirmed_at = None if truth.status is None else now
        error = truth.link_error
        link = (truth.link_up, type(error) if error else None, str(error or ""))
        if link != self._link:
            self._link, self.link_since = link, now
        for command in commands:
            if isinstance(command, Report):
                self.outcomes.appendleft(command.outcome)

    def snapshot(
        self, truth: RoomTruth, missing: Mapping[str, str], waiting: int, now: float
    ) -> Snapshot:
        """Say how things are now."""
        return Snapshot(
            status=truth.status,
            confirmed_at=self.confirmed_at,
            recording_s=truth.clock.position_s(now) if truth.has_recording else None,
            link_up=truth.link_up,
            link_error=truth.link_error,
            link_since=self.link_since,
            missing=dict(missing),
            waiting=waiting,
            outcomes=tuple(self.outcomes),
        )

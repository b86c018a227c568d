"""What the box may believe of the room: the last confirmed state, and whether it still holds.

Only two things confirm a state: a poll, and the server's yes to a command. A poll that was
sent before that yes arrived is old news; and since effects may lag a few seconds behind the
answer (valt-api 5.4), a poll that still shows the state from before is disbelieved for a
while (decision 10).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivsd.controller.marker_clock import MarkerClock
from ivsd.events import MarkerTime, RoomInformed, RoomPolled
from ivsd.valt.errors import ValtError
from ivsd.valt.model import RoomStatus


@dataclass(frozen=True, slots=True)
class _Command:
    """The last command the server said yes to."""

    before: RoomStatus
    believed_until: float
    done: str
    strict: bool
    """Whether the command before it had not shown its effect yet: then polls may run through
    older states first, and `before` is disbelieved for the whole time."""
    seen: bool = False
    """Whether a poll has shown anything but `before` since."""
    overtaken: bool = False
    """Whether another command may have undone it meanwhile."""


class RoomTruth:
    """The confirmed state of one room and of the link to its server."""

    def __init__(
        self, marker_clock: MarkerTime = MarkerTime.OWN, since: float = float("-inf")
    ) -> None:
        """Begin with nothing known; a poll sent before `since` is of another room."""
        self.status: RoomStatus | None = None
        """Last confirmed state; kept when the link is lost, None until the first poll."""
        self.link_up = False
        self.link_error: ValtError | None = None
        self._told: set[str] = set()  # the lights of this outage
        self.flipped_at = float("-inf")
        """When a start or stop last became visible."""
        self.visible_since = float("-inf")
        """When the present state became visible."""
        self.clock = MarkerClock(marker_clock)
        self.contradiction = ""
        """Set by `polled` when the server turned out not to have done what it had answered."""
        self._command: _Command | None = None
        self._since = since
        self._answered_at = since

    @property
    def current(self) -> RoomStatus | None:
        """The state that people can rely on now; None while the link is down."""
        return self.status if self.link_up else None

    @property
    def has_recording(self) -> bool:
        """Whether the last confirmed state has a recording, even if the link is lost since."""
        return self.status is not None and self.status.has_recording

    @property
    def settles_until(self) -> float:
        """Until when the last command's effect is to be watched for closely."""
        return self._command.believed_until + 2.0 if self._command else float("-inf")

    def polled(self, event: RoomPolled, now: float) -> bool:
        """Take a poll; return whether it was believed."""
        if event.sent_at < self._since:
            return False
        self.link_up, self.link_error = True, None
        self._told.clear()
        self.contradiction = ""
        if event.sent_at < self._answered_at:
            return False
        status, command = event.status, self._command
        if command is not None:
            before = command.before
            shows_before = (before.state, before.recording) == (status.state, status.recording)
            if event.at < command.believed_until:
                if shows_before and (command.strict or not command.seen):
                    return False
                self._command = replace(command, seen=command.seen or not shows_before)
            else:
                self._command = None
                if shows_before and not command.seen and not command.overtaken:
                    self.contradiction = command.done
        self._confirm(status, (event.sent_at + event.at) / 2, now)
        return True

    def doubt(self) -> None:
        """Take that another command may have had an effect, too: no contradiction any more.

        What was disbelieved stays so: a poll from before a start proves no stop.
        """
        if self._command is not None:
            self._command = replace(self._command, overtaken=True)

    def informed(self, event: RoomInformed) -> None:
        """Take the server's own recording time."""
        if event.info.time_s is not None and event.sent_at >= self._answered_at:
            middle = (event.sent_at + event.at) / 2
            self.clock.correct(event.info.recording, event.info.time_s, middle)

    def answered(
        self, status: RoomStatus, before: RoomStatus, done: str, sent_at: float, at: float,
        settle_s: float,
    ) -> None:  # fmt: skip
        """Take the server's yes, which stands for `status`; `before` is the state until then."""
        self._answered_at = at
        strict = self._command is not None and not self._command.seen
        self._command = _Command(before, at + settle_s, done, strict)
        self._confirm(status, (sent_at + at) / 2, at)

    def lost(self, error: ValtError) -> bool:
        """Take that the room cannot be read; return whether that is news.

        An outage has many faces: the journal, which may be a card, hears of each light once.
        """
        self.link_up, self.link_error = False, error
        is_news = error.light not in self._told
        self._told.add(error.light)
        return is_news

    def _confirm(self, status: RoomStatus, since: float, now: float) -> None:
        before = self.status
        if before is not None and status.has_recording != before.has_recording:
            self.flipped_at = now
        if before is None or status.acts_as is not before.acts_as:
            self.visible_since = now
        self.status = status
        self.clock.follow(status, since)

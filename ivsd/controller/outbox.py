"""Markers that could not be set when they were pressed: kept on disk, delivered once each.

A marker is kept when the link is down, or when its answer was lost. When the server is back it
goes into the recording it was pressed in, whatever the room records by then (decision 14), and
only after the server was asked whether it has it already. The press has its outcome when the
marker is safe on the disk; what becomes of it later is a line in the journal.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass, replace

from ivsd.controller.context import Context, Ending
from ivsd.controller.pending import Press
from ivsd.events import (
    AddMarker,
    DeliverMarker,
    Drop,
    Keep,
    Kept,
    KeptMarker,
    MarkSent,
    NotKept,
    OutboxRead,
    Receipt,
    Result,
)
from ivsd.valt.errors import (
    BadReply,
    NoReply,
    Refused,
    RoomNotFound,
    ServerFailed,
    TokenRefused,
    ValtError,
)
from ivsd.valt.model import RecordingId

MOST = 1000  # a stuck button in a long outage shall not fill the disk
DELIVERY_ATTEMPTS = 8  # that ended in a failure of the server itself: two hours and more
RETRY_GROWS_BY = 4.0
FORGET_ABOVE = 50  # markers of recordings that are over
LONGEST_RETRY_S = 3600.0
LONGEST_NETWORK_RETRY_S = 60.0  # while only the network fails, it may be well at any moment

Twins = tuple[RecordingId, str, int]
"""What makes two markers the same to the server: recording, name, second."""


def twins(marker: AddMarker | KeptMarker) -> Twins:
    """Return by what the server's list is searched for this marker."""
    return marker.recording, marker.name, marker.time_s


@dataclass(frozen=True, slots=True)
class _Writing:
    """A press whose marker is being written."""

    press: Press
    deadline: float


@dataclass(slots=True)
class _Waiting:
    """A marker that is safe on the disk."""

    marker: KeptMarker
    not_before: float
    tries: int = 0
    """How often it could not be delivered in a row, with the link up."""
    failures: int = 0
    """Those of them that were the server's own."""


class Outbox:
    """The markers that are kept, and the one that is being delivered."""

    def __init__(self, context: Context, end: Ending) -> None:
        self._context = context
        self._end = end
        self._problem = "the outbox is not open yet"
        """Why nothing can be kept; empty when it can."""
        self._last_id = 0
        self._writing: dict[int, _Writing] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._out: tuple[int, int, float] | None = None  # ask, marker, deadline
        self._there: dict[tuple[str, Twins], int] = {}
        """How many of each this box knows to be on which server."""

    def __bool__(self) -> bool:
        """Whether a press waits for its marker to be safe."""
        return bool(self._writing)

    @property
    def waiting(self) -> tuple[KeptMarker, ...]:
        """The markers that the server does not have yet, as far as is known."""
        return tuple(kept.marker for kept in self._waiting.values())

    # -- keeping ----------------------------------------------------------------------------

    def keep(
        self,
        press: Press,
        marker: AddMarker,
        now: float,
        lost: ValtError | None,
        under_way_until: float = 0.0,
    ) -> None:
        """Keep a marker; `lost` is set when it may be on the server already.

        `under_way_until`: a stuck worker may still send it until then.
        """
        problem = self._problem
        if sum(kept.marker.server == self._context.rules.server for kept in self._all) >= MOST:
            problem = f"{MOST} markers wait for the server already"
        if problem:
            doubt = f"{lost}; the marker may be missing" if lost else "the marker is not set"
            self._end(press, Result.FAILED, f"{doubt}: {problem}", now)
            return
        self._last_id += 1
        kept = KeptMarker(
            self._last_id, self._context.rules.server,
            marker.recording, marker.name, marker.colour, marker.time_s, lost is not None,
        )  # fmt: skip
        self._writing[kept.id] = _Writing(press, self._context.reply_due(now))
        # An answer that was lost may show its effect late; a marker never sent need not wait.
        settled_at = max(now, under_way_until) + self._context.rules.settle_s if lost else now
        self._waiting[kept.id] = _Waiting(kept, settled_at)
        self._context.board.out.append(Keep(kept))

    def kept(self, event: Kept, now: float) -> None:
        """Take that a marker is safe."""
        writing = self._writing.pop(event.id, None)
        if writing is not None:
            until = "the server is back" if not self._context.truth.link_up else "it is delivered"
            marker = self._waiting[event.id].marker
            text = f"marker {_named(marker)} is kept on this box until {until}"
            self._end(writing.press, Result.DONE, text, now, Receipt.MARKED)

    def not_kept(self, event: NotKept, now: float) -> None:
        """Take that a marker could not be written."""
        writing = self._writing.pop(event.id, None)
        if writing is not None:
            del self._waiting[event.id]
            self._end(writing.press, Result.FAILED, f"the marker is lost: {event.problem}", now)

    def read(self, event: OutboxRead, now: float) -> None:
        """Take what an earlier run has left; it may have been on its way when the power went."""
        self._problem = ""
        left = 0
        for marker in event.markers:  # the oldest first
            if marker.id > self._last_id:
                self._last_id = marker.id
                self._waiting[marker.id] = _Waiting(marker, now + self._context.rules.settle_s)
                left += 1
            elif marker.id not in self._waiting:  # it could not be taken off before
                self._context.board.out.append(Drop(marker.id))
        if left:
            self._context.board.note(f"{_count(left)} in the outbox")
            self.tell_of_strangers()

    def lost(self, problem: str) -> None:
        """Take that the disk cannot be used."""
        self._problem = problem

    def tell_of_strangers(self) -> None:
        """Say which markers wait for a server that is not the configured one."""
        servers = [kept.marker.server for kept in self._all]
        configured = self._context.rules.server
        for server in sorted({*servers} - {configured}) if configured else ():
            number = _count(servers.count(server))
            text = f"{number} in the outbox for {server}, which is not the configured server"
            self._context.board.note(text, problem=True)

    # -- delivering -------------------------------------------------------------------------

    def link_is_back(self, now: float) -> None:
        """Take that the network was what was wrong: those it has held up are due soon."""
        for kept in self._all:
            if kept.tries and not kept.failures:
                kept.tries = 0
                kept.not_before = min(kept.not_before, now + self._context.rules.settle_s)

    def is_there(self, marker: AddMarker | KeptMarker) -> None:
        """Take that the server has this one, so that another one like it is not taken for it."""
        if len(self._there) > FORGET_ABOVE:
            recordings = {kept.marker.recording for kept in self._all}
            recordings.add(self._context.truth.clock.recording or "")
            self._there = {key: n for key, n in self._there.items() if key[1][0] in recordings}
        # What is delivered, and what is set live, is on the server of now.
        key = self._context.rules.server, twins(marker)
        self._there[key] = self._there.get(key, 0) + 1

    def delivers(self, marker: AddMarker) -> bool:
        """Whether one like it is being delivered: they would be taken for one another."""
        return self._out is not None and twins(self._waiting[self._out[1]].marker) == twins(marker)

    def deliver(self, now: float, under_way: Container[Twins]) -> None:
        """Ask for the next one to be delivered, if it is time.

        One like it that is `under_way` live comes first: else one is taken for the other.
        """
        if self._out is not None or not self._context.truth.link_up:
            return
        due = self._due(under_way)
        if due is None or now < due.not_before:
            return
        marker = due.marker
        if not marker.was_sent:
            self._context.board.out.append(MarkSent(marker.id))
        request = DeliverMarker(marker, self._there.get((marker.server, twins(marker)), 0))
        deadline = self._context.reply_due(now + self._context.rules.reply_timeout_s)
        ask = self._context.ask(request, now + self._context.rules.reply_timeout_s)
        self._out = ask, marker.id, deadline

    def answered(self, ask: int) -> bool:
        """Take that one is delivered, if it is ours."""
        kept = self._arrived(ask)
        if kept is None:
            return False
        self.is_there(kept.marker)
        self._drop(kept)
        self._context.board.note(f"marker {_named(kept.marker)} was delivered from the outbox")
        return True

    def failed(self, ask: int, error: ValtError, now: float) -> bool:
        """Take that one was not delivered, if it is ours; none holds up the others for good."""
        kept = self._arrived(ask)
        if kept is None:
            return False
        # The server's own failure, while it answers otherwise, is how it refuses some markers.
        kept.failures += isinstance(error, ServerFailed | BadReply | TokenRefused)
        passing = isinstance(error, RoomNotFound | TokenRefused)  # nothing is said of the marker
        refused = isinstance(error, Refused) and not passing
        if refused or kept.failures >= DELIVERY_ATTEMPTS:
            self._drop(kept)
            text = f"marker {_named(kept.marker)} from the outbox failed: {error}"
            self._context.board.note(text, problem=True)
            return True
        if error.may_have_happened:
            kept.marker = replace(kept.marker, was_sent=True)
        longest_s = LONGEST_RETRY_S if kept.failures else LONGEST_NETWORK_RETRY_S
        wait_s = self._context.rules.settle_s * RETRY_GROWS_BY**kept.tries
        kept.not_before = now + min(wait_s, longest_s)  # the others go before it
        kept.tries = min(kept.tries + 1, DELIVERY_ATTEMPTS)
        return True

    # -- time -------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """End what takes too long: a write, or a delivery."""
        for id_, writing in list(self._writing.items()):
            if now >= writing.deadline:
                self.not_kept(NotKept(id_, "the disk does not answer"), now)
                self._context.board.out.append(Drop(id_))  # or it would be delivered all the same
        if self._out is not None and now >= self._out[2]:
            self.failed(self._out[0], NoReply("no answer in time"), now)

    def next_deadline(self, under_way: Container[Twins]) -> float | None:
        """Return when one must be safe, delivered, or can be delivered."""
        deadlines = [writing.deadline for writing in self._writing.values()]
        if self._out is not None:
            deadlines.append(self._out[2])
        elif self._context.truth.link_up and (due := self._due(under_way)) is not None:
            deadlines.append(due.not_before)
        return min(deadlines, default=None)

    # -- inside -----------------------------------------------------------------------------

    @property
    def _all(self) -> Collection[_Waiting]:
        return self._waiting.values()

    def _due(self, under_way: Container[Twins]) -> _Waiting | None:
        """Find which is the next to be delivered."""
        server = self._context.rules.server
        ours = (
            kept
            for id_, kept in self._waiting.items()
            if id_ not in self._writing
            and kept.marker.server == server
            and twins(kept.marker) not in under_way
        )
        return min(ours, key=lambda kept: kept.not_before, default=None)

    def _arrived(self, ask: int) -> _Waiting | None:
        if self._out is None or self._out[0] != ask:
            return None
        marker, self._out = self._out[1], None
        return self._waiting[marker]

    def _drop(self, kept: _Waiting) -> None:
        del self._waiting[kept.marker.id]
        self._context.board.out.append(Drop(kept.marker.id))


def clock(time_s: int) -> str:
    """Write a position in a recording as people read it."""
    minutes, seconds = divmod(time_s, 60)
    return f"{minutes:02}:{seconds:02}"


def _named(marker: KeptMarker) -> str:
    return f"“{marker.name}” at {clock(marker.time_s)}"


def _count(number: int) -> str:
    return f"{number} marker waits" if number == 1 else f"{number} markers wait"

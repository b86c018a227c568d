"""Markers on their way: always taken while a recording is there or is being started.

A marker stands at the second nearest to the moment when the button went down. Several may be
under way. One that cannot be set now goes to the outbox.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivsd.controller.context import Context, Ending
from ivsd.controller.outbox import Outbox, Twins, clock, twins
from ivsd.controller.pending import Press
from ivsd.controller.table import Do, decide
from ivsd.events import Action, AddMarker, Binding, Receipt, Result
from ivsd.valt.errors import NoReply, Refused, ValtError
from ivsd.valt.model import RecordingId


@dataclass(frozen=True, slots=True)
class _Marker:
    press: Press
    request: AddMarker
    due: float
    """When it is sent; once it is, when its answer must have come."""
    last_s: int = 0
    """The last second that was reached when the button went down."""


class Markers:
    """The markers that wait for their recording to begin, for their second, for an answer."""

    def __init__(self, context: Context, end: Ending, outbox: Outbox) -> None:
        self._context = context
        self._end = end
        self._outbox = outbox
        self._sent: dict[int, _Marker] = {}  # by the id of their ask
        self._early: list[_Marker] = []  # the recording has not reached their second
        self._held: list[tuple[Press, Binding]] = []  # pressed while the start is under way
        self._counted: tuple[RecordingId | None, int] = (None, 0)

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self._sent or self._early or self._held)

    @property
    def under_way(self) -> set[Twins]:
        """What the server has been asked to set, and has not answered yet."""
        return {twins(marker.request) for marker in self._sent.values()}

    def press(self, press: Press, binding: Binding, now: float, *, starting: bool) -> None:
        """Take a marker; while the recording is being started it waits for it."""
        status = self._context.truth.status
        assert status is not None
        # By what is shown: a room that is locked while it records takes markers.
        decision = decide(Action.MARKER, status.shown)
        if isinstance(decision, Do) and self._is_another(press):
            reason = "the recording that was meant has ended"
            self._end(press, Result.FAILED, reason, now)
        elif isinstance(decision, Do):
            self._stamp(press, binding, now)
        elif starting:
            self._held.append((press, binding))
        else:
            self._end(press, Result.FAILED, decision.reason, now)

    def release_held(self, now: float, in_doubt: bool) -> None:
        """Send what waited for the start, or say that it came to nothing."""
        held, self._held = self._held, []
        why = "the recording was not started"
        if in_doubt:
            why = "nobody knows whether the recording was started"
        for press, binding in held:
            if self._context.truth.has_recording:
                self._stamp(press, binding, now)
            else:
                self._end(press, Result.FAILED, why, now)

    def answered(self, ask: int, now: float) -> bool:
        """Take the server's yes, if it is one of ours."""
        marker = self._sent.pop(ask, None)
        if marker is not None:
            self._outbox.is_there(marker.request)
            name, at = marker.request.name, clock(marker.request.time_s)
            self._end(marker.press, Result.DONE, f"marker “{name}” at {at}", now, Receipt.MARKED)
        return marker is not None

    def failed(self, ask: int, error: ValtError, now: float, under_way_until: float = 0.0) -> bool:
        """Take that a marker was not set, if it is one of ours."""
        marker = self._sent.pop(ask, None)
        if marker is not None:
            # The room's own path (VALT 5) takes no marker once the recording has ended.
            ended = marker.request.recording != self._context.truth.clock.recording
            if isinstance(error, Refused) and not ended:
                self._end(marker.press, Result.FAILED, str(error), now)
            else:
                lost = error if error.may_have_happened else None
                self._outbox.keep(marker.press, marker.request, now, lost, under_way_until)
        return marker is not None

    def give_up(self, reason: str, now: float) -> None:
        """End all of them: another room is meant."""
        presses = [marker.press for marker in (*self._sent.values(), *self._early)]
        presses += [press for press, _ in self._held]
        self._sent, self._early, self._held = {}, [], []
        for press in presses:
            self._end(press, Result.FAILED, reason, now)

    def expire(self, now: float) -> None:
        """Send those whose second is reached; end those whose answer did not come."""
        early, self._early = self._early, []
        truth = self._context.truth
        for marker in early:
            request = marker.request
            if truth.clock.recording != request.recording or not truth.clock.runs:
                # It has ended or pauses: the second will not be reached.
                request = replace(request, time_s=marker.last_s)
            elif now < marker.due and truth.link_up:
                self._early.append(marker)
                continue
            self._send(marker.press, request, now)
        for ask, marker in list(self._sent.items()):
            if now >= marker.due:
                # A worker that is stuck may send it at the last moment, and then wait on.
                until = marker.due + self._context.rules.reply_timeout_s
                self.failed(ask, NoReply("no answer in time"), now, until)

    def next_deadline(self) -> float | None:
        """Return when the next one is to be sent, or must have its answer."""
        return min((marker.due for marker in (*self._sent.values(), *self._early)), default=None)

    def _is_another(self, press: Press) -> bool:
        """Whether what is recorded now began after the button was pressed, unseen by anybody.

        What the press itself has started is meant (`told`: there was an action before).
        """
        there = self._context.truth.clock
        replaced = press.recording not in (None, there.recording)
        return not press.told and (replaced or there.began_after(press.clear_at))

    def _stamp(self, press: Press, binding: Binding, now: float) -> None:
        """Give it its second and its name, and send it when that second is reached.

        The nearest second is half a second off at most; but a position that the recording has
        not reached yet may be refused (valt-api 5.6).
        """
        position = self._context.truth.clock
        if position.recording is None:
            self._end(press, Result.FAILED, "the server does not name the recording", now)
            return
        at_s = position.position_s(press.at)
        time_s = int(at_s + 0.5) if position.runs else int(at_s)
        count = self._counted[1] + 1 if self._counted[0] == position.recording else 1
        self._counted = position.recording, count
        name = binding.marker_name.format(count=count, time=clock(time_s))
        request = AddMarker(position.recording, name, binding.marker_colour, time_s)
        reached_at = press.at + time_s - at_s
        if reached_at > now and self._context.truth.link_up:
            self._early.append(_Marker(press, request, reached_at, int(at_s)))
        else:
            self._send(press, request, now)

    def _send(self, press: Press, request: AddMarker, now: float) -> None:
        truth = self._context.truth
        live = truth.link_up and truth.clock.recording == request.recording
        if not live or self._outbox.delivers(request):
            self._outbox.keep(press, request, now, lost=None)
            return
        ask = self._context.ask(request, now + self._context.rules.reply_timeout_s)
        self._sent[ask] = _Marker(press, request, self._context.reply_due(now))

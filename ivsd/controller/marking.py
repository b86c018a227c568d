"""Markers on their way: always taken while a recording is there or is being started.

A marker is stamped with the moment when the button went down, and several may be under way.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivsd.controller.context import Context, Ending
from ivsd.controller.pending import Press
from ivsd.controller.table import Do, decide
from ivsd.events import Action, AddMarker, Binding, Receipt, Result
from ivsd.valt.errors import NoReply, ValtError
from ivsd.valt.model import RecordingId


@dataclass(frozen=True, slots=True)
class _Marker:
    press: Press
    name: str
    time_s: int
    deadline: float


class Markers:
    """The markers that wait for their recording to begin, or for the server's answer."""

    def __init__(self, context: Context, end: Ending) -> None:
        self._context = context
        self._end = end
        self._sent: dict[int, _Marker] = {}  # by the id of their ask
        self._held: list[tuple[Press, Binding]] = []  # pressed while the start is under way
        self._counted: tuple[RecordingId | None, int] = (None, 0)

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self._sent or self._held)

    def press(self, press: Press, binding: Binding, now: float, *, starting: bool) -> None:
        """Take a marker; while the recording is being started it waits for it."""
        status = self._context.truth.status
        assert status is not None
        # By what is shown: a room that is locked while it records takes markers.
        decision = decide(Action.MARKER, status.shown)
        if isinstance(decision, Do):
            self._send(press, binding, now)
        elif starting:
            self._held.append((press, binding))
        else:
            self._end(press, Result.FAILED, decision.reason, now)

    def release_held(self, now: float) -> None:
        """Send what waited for the start, or say that it came to nothing."""
        held, self._held = self._held, []
        for press, binding in held:
            if self._context.truth.has_recording:
                self._send(press, binding, now)
            else:
                self._end(press, Result.FAILED, "the recording was not started", now)

    def answered(self, ask: int, now: float) -> bool:
        """Take the server's yes, if it is one of ours."""
        marker = self._sent.pop(ask, None)
        if marker is not None:
            text = f"marker “{marker.name}” at {_clock(marker.time_s)}"
            self._end(marker.press, Result.DONE, text, now, Receipt.MARKED)
        return marker is not None

    def failed(self, ask: int, error: ValtError, now: float) -> bool:
        """Take that a marker was not set, if it is one of ours."""
        marker = self._sent.pop(ask, None)
        if marker is not None:
            doubt = "; the marker may be missing" if error.may_have_happened else ""
            self._end(marker.press, Result.FAILED, f"{error}{doubt}", now)
        return marker is not None

    def give_up(self, reason: str, now: float) -> None:
        """End all of them."""
        presses = [marker.press for marker in self._sent.values()]
        presses += [press for press, _ in self._held]
        self._sent, self._held = {}, []
        for press in presses:
            self._end(press, Result.FAILED, reason, now)

    def expire(self, now: float) -> None:
        """End those whose answer did not come."""
        for ask, marker in list(self._sent.items()):
            if now >= marker.deadline:
                self.failed(ask, NoReply("no answer in time"), now)

    def next_deadline(self) -> float | None:
        """Return when the next one must have its answer."""
        return min((marker.deadline for marker in self._sent.values()), default=None)

    def _send(self, press: Press, binding: Binding, now: float) -> None:
        clock = self._context.truth.clock
        recording = clock.recording
        if recording is None:
            self._end(press, Result.FAILED, "the server does not name the recording", now)
            return
        # Down to the whole second: one that the server has not reached may be refused.
        time_s = int(clock.position_s(press.at))
        count = self._counted[1] + 1 if self._counted[0] == recording else 1
        self._counted = recording, count
        name = binding.marker_name.format(count=count, time=_clock(time_s))
        ask = self._context.ask(AddMarker(recording, name, binding.marker_colour, time_s), now)
        self._sent[ask] = _Marker(press, name, time_s, self._context.reply_due(now))


def _clock(time_s: int) -> str:
    minutes, seconds = divmod(time_s, 60)
    return f"{minutes:02}:{seconds:02}"

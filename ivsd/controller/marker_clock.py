"""How far a recording has come, so that a marker stands where the button went down.

Counted by the monotonic clock from the start, pauses left out (decision 15). The server's own
time corrects it while the recording runs, but a time that drops after a pause never moves it
back: VALT is known to reset its timer around pauses (valt-api 5.2). A site whose server does not,
or whose people go by that timer, can let the server's time win.
"""

from __future__ import annotations

from ivsd.events import MarkerTime
from ivsd.valt.model import RecordingId, RoomState, RoomStatus

COARSE_S = 1.0  # the server counts whole seconds: a smaller difference is no news


class MarkerClock:
    """The position in one recording, in seconds."""

    def __init__(self, whose: MarkerTime = MarkerTime.OWN) -> None:
        self.whose = whose
        self._begin(None, None)

    def _begin(self, recording: RecordingId | None, since: float | None) -> None:
        self.recording = recording
        self._elapsed_s = 0.0
        self._running_since = since
        self._was_paused = False

    def follow(self, status: RoomStatus, at: float) -> None:
        """Take a confirmed state of the room that holds since `at`."""
        if not status.has_recording:
            self._begin(None, None)
            return
        # A paused room may not name its recording (valt-api 13 no. 10): it is the same one.
        if status.recording not in (None, self.recording):
            self._begin(status.recording, at)
        if status.state is RoomState.PAUSED:
            self._elapsed_s = self.position_s(at)
            self._running_since = None
            self._was_paused = True
        elif self._running_since is None:
            self._running_since = at

    def correct(self, recording: RecordingId | None, time_s: float, at: float) -> None:
        """Take the server's own time of this recording, read at `at`."""
        if recording is None or recording != self.recording or self._running_since is None:
            return  # while paused the server's timer says nothing certain
        ahead_s = time_s - self.position_s(at)
        may_go_back = self.whose is MarkerTime.SERVER or not self._was_paused
        if ahead_s > COARSE_S or (ahead_s < -COARSE_S and may_go_back):
            self._elapsed_s, self._running_since = time_s, at

    @property
    def runs(self) -> bool:
        """Whether time goes on in the recording."""
        return self._running_since is not None

    def began_after(self, moment: float) -> bool:
        """Whether the recording was not there yet at that moment."""
        return self._running_since is not None and self._running_since - self._elapsed_s > moment

    def position_s(self, at: float) -> float:
        """Seconds recorded until the moment `at`, never negative."""
        if self._running_since is None:
            return self._elapsed_s
        return max(0.0, self._elapsed_s + at - self._running_since)

"""What was really recorded, and what really stands at which second of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .state import COLORS, Marker, NotFound, Recording, RecordingId, Refused, Timer


class Ledger:
    """All recordings, running and finished. Whoever calls it holds the world's lock."""

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock, self._wall = clock, wall
        self._recordings: dict[str, Recording] = {}
        self._timers: dict[str, Timer] = {}  # which stand during a pause
        self._next_recording, self._next_marker = 8124, 55

    def get(self, recording: RecordingId) -> Recording:
        """The recording with its length up to now. Raises NotFound."""
        key = str(recording)
        if key not in self._recordings:
            raise NotFound(f"There is no recording {recording}")
        return replace(self._recordings[key], length_s=self._timers[key].at(self._clock()))

    def all(self) -> list[Recording]:
        return [self.get(key) for key in self._recordings]

    def begin(
        self, generation: int, room: int, name: str, author: int, template: Mapping[str, Any]
    ) -> Recording:
        id_: RecordingId = str(uuid.uuid4())
        if generation == 5:
            id_ = self._next_recording
            self._next_recording += 1
        new = Recording(id_, room, name, author, self._wall(), template=template)
        self._recordings[str(id_)] = new
        self._timers[str(id_)] = Timer(since=self._clock())
        return new

    def halt(self, recording: RecordingId) -> None:
        self._timers[str(recording)] = self._timers[str(recording)].halted(self._clock())

    def go_on(self, recording: RecordingId) -> None:
        self._timers[str(recording)] = self._timers[str(recording)].running(self._clock())

    def finish(self, recording: RecordingId) -> Recording:
        self.halt(recording)
        done = replace(self.get(recording), stopped=self._wall())
        self._recordings[str(recording)] = done
        return done

    def mark(
        self,
        recording: Recording,
        name: str,
        time_s: int,
        color: str,
        author: int,
        template: Mapping[str, Any] | None,
    ) -> Marker:
        """Add a marker. Raises Refused."""
        if time_s < 0:
            raise Refused("There is no such position in the recording")
        if color not in COLORS:
            raise Refused(f"The color must be one of {', '.join(COLORS)}")
        new = Marker(self._next_marker, name, time_s, color, author, self._wall(), template)
        self._next_marker += 1
        key = str(recording.id)
        self._recordings[key] = replace(recording, markers=(*recording.markers, new))
        return new

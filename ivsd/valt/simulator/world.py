"""The rules of a VALT server: rooms, recordings, markers and locks. No socket, no JSON.

The HTTP face and "somebody at the VALT web page" call the same methods. With `by=` (a user id)
the user's rights count; without it somebody at the web page acts, who may do everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from . import people
from .groups import Groups
from .journal import Exchange, Journal, News
from .ledger import Ledger
from .quirks import Quirks
from .spec import WorldSpec, sample
from .state import (
    Marker,
    NotFound,
    Recording,
    RecordingId,
    Refused,
    RoomHistory,
    RoomState,
    RoomView,
    Timer,
    release,
)

_NO_RECORDING_TO_STOP = "Recording in room not found"  # valt-api 5.4, word for word
_NO_RECORDING = "The recording in the room is not found"  # likewise, for pause and resume


class World:
    """A server's rooms and what happens in them. Every method may be called from any thread."""

    def __init__(
        self,
        spec: WorldSpec | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        version: str = "6.5.2",
        quirks: Quirks | None = None,
    ) -> None:
        self.spec = spec or sample()
        if problems := self.spec.problems():
            raise ValueError("; ".join(problems))
        self.clock, self._wall = clock, wall
        self.clock_offset_s = 0.0  # by how much the server's wall clock is fast; set it any time
        self.version = version
        release(version)  # a ValueError rather now than at the first request
        self.quirks = quirks or Quirks()
        self._born = wall()
        self.rooms = {room.id: room for room in self.spec.rooms}
        self.groups = Groups(self.spec.all_groups())
        self.people = people.People(self.spec.users, self.groups)
        self.news = News()
        self._lock = RLock()
        self._histories = {id_: RoomHistory() for id_ in self.rooms}
        self._ledger = Ledger(clock, self.wall)
        self._journal = Journal(clock)

    # ---- what is there ----------------------------------------------------------------------

    def wall(self) -> float:
        """Epoch seconds by the server's clock, which may be wrong."""
        return self._wall() + self.clock_offset_s

    @property
    def born(self) -> float:
        """When the world was made, by the clock as it goes now."""
        return self._born + self.clock_offset_s

    @property
    def generation(self) -> int:
        """5: markers and counted recordings. 6: comments and UUIDs."""
        return 5 if release(self.version) < (6, 0) else 6

    def since(self, first: str) -> bool:
        """Whether this server is at least of that release, such as `6.5`."""
        return release(self.version) >= release(first)

    def until(self, last: str) -> bool:
        """Whether this server is at most of that release."""
        return release(self.version) <= release(last)

    def view(self, room: int, *, lag: bool = True) -> RoomView:
        """The room as a client sees it now, or without the lag of effects. Raises NotFound."""
        with self._lock:
            now, history = self.clock(), self._history(room)
            state = history.as_of(now - self.quirks.effect_lag_s) if lag else history.now
            hidden = state.paused and not self.quirks.record_while_paused
            recording = None if hidden else state.recording
            name, time_s = self.rooms[room].name, int(state.shown.at(now))
            return RoomView(room, name, state.word, recording, time_s, state.locked_by)

    def active(self, room: int) -> Recording | None:
        """The recording that truly runs (or is paused) in the room. Raises NotFound."""
        with self._lock:
            id_ = self._state(room).recording
            return None if id_ is None else self.recording(id_)

    def recording(self, recording: RecordingId) -> Recording:
        """A running or finished recording. Raises NotFound."""
        with self._lock:
            return self._ledger.get(recording)

    @property
    def recordings(self) -> list[Recording]:
        """All recordings there ever were, oldest first."""
        with self._lock:
            return self._ledger.all()

    @property
    def journal(self) -> list[Exchange]:
        """The last requests and their answers, oldest first."""
        return self._journal.entries()

    def note(self, method: str, target: str, connection: int = 0) -> Exchange:
        """Enter a request into the journal; whoever answers it fills in the status."""
        return self._journal.arrived(method, target, connection)

    # ---- what can be done -------------------------------------------------------------------

    def start(
        self,
        room: int,
        name: str,
        author: int | None = None,
        by: int | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> Recording:
        """Start a recording (valt-api 5.3). Raises NotFound, Refused, MissingRight."""
        with self._lock:
            state = self._state(room)
            owner = next(id_ for id_ in (author, by, self.people.somebody) if id_ is not None)
            self.people.need(by, people.START)
            if owner != by and self.quirks.author_needs_right:
                self.people.need(by, people.SET_AUTHOR)
            if state.recording is not None:
                raise Refused("A recording is already running in this room")
            if state.locked_by is not None:
                raise Refused("The room is locked")
            if owner not in self.people:
                raise Refused(f"There is no user {owner}")
            filled = dict(template or {})
            missing = [id_ for id_ in self.quirks.required_template_fields if not filled.get(id_)]
            if missing:
                raise Refused(f"Required template fields are missing: {', '.join(missing)}")
            new = self._ledger.begin(self.generation, room, name, owner, filled)
            self._change(room, recording=new.id, prepared=False, shown=Timer(since=self.clock()))
            return new

    def stop(self, room: int, by: int | None = None) -> Recording:
        """End the recording. Raises NotFound, Refused, MissingRight."""
        with self._lock:
            running = self._running(room, by, people.STOP_ALL, _NO_RECORDING_TO_STOP)
            if self._state(room).paused and self.quirks.stop_while_paused == "refused":
                raise Refused("The recording is paused")
            self._change(room, recording=None, paused=False, shown=Timer())
            return self._ledger.finish(running.id)

    def pause(self, room: int, by: int | None = None) -> Recording:
        """Pause the recording. Raises NotFound, Refused, MissingRight."""
        with self._lock:
            running = self._running(room, by, people.PAUSE_ALL, _NO_RECORDING)
            self.people.need(by, people.PAUSE)
            state, now = self._state(room), self.clock()
            if state.paused and self.quirks.pause_while_paused == "refused":
                raise Refused("The recording is already paused")
            if not state.paused:
                reset = self.quirks.pause_resets_time == "pause"
                shown = Timer() if reset else state.shown.halted(now)
                self._change(room, paused=True, shown=shown)
                self._ledger.halt(running.id)
            return running

    def resume(self, room: int, by: int | None = None) -> Recording:
        """Go on after a pause; of a recording that runs, a success too (valt-api 5.4)."""
        with self._lock:
            running = self._running(room, by, people.RESUME_ALL, _NO_RECORDING)
            state, now = self._state(room), self.clock()
            if state.paused:
                reset = self.quirks.pause_resets_time == "resume"
                shown = Timer(since=now) if reset else state.shown.running(now)
                self._change(room, paused=False, shown=shown)
                self._ledger.go_on(running.id)
            return running

    def prepare(self, room: int) -> None:
        """Set a recording up without starting it; only people can, no API call is known (6)."""
        with self._lock:
            state = self._state(room)
            if state.recording is not None or state.locked_by is not None:
                raise Refused("The room is not available")
            self._change(room, prepared=True)

    def unprepare(self, room: int) -> None:
        """Take that back; harmless if the room was not prepared."""
        with self._lock:
            if self._state(room).prepared:
                self._change(room, prepared=False)

    def lock(self, room: int, by: int | None = None) -> int:
        """Lock the room; the user id of the locker. Raises NotFound, Refused, MissingRight."""
        with self._lock:
            state = self._state(room)
            self.people.need(by, people.LOCK)
            if state.locked_by is not None:
                raise Refused("This room is already locked.")
            if state.recording is not None and self.quirks.lock_while_recording == "refused":
                raise Refused("This room is recording.")
            locker = self.people.somebody if by is None else by
            self._change(room, locked_by=locker)
            return locker

    def unlock(self, room: int, by: int | None = None) -> None:
        """Unlock the room. Raises NotFound, Refused, MissingRight."""
        with self._lock:
            state = self._state(room)
            if state.locked_by is None:
                raise Refused("This room is not locked.")
            if state.locked_by != by:
                self.people.need(by, people.UNLOCK_ALL)
            prepared = state.prepared and self.quirks.unlock_restores_prepared
            self._change(room, locked_by=None, prepared=prepared)

    def add_marker(
        self,
        recording: RecordingId,
        name: str,
        time_s: int | None = None,
        color: str = "red",
        by: int | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> Marker:
        """Put a marker into a recording, at the current position if `time_s` is None.

        Works on running and finished recordings. Raises NotFound, Refused.
        """
        with self._lock:
            found = self.recording(recording)
            time_s = int(found.length_s) if time_s is None else time_s
            if time_s > found.length_s + 1 and self.quirks.marker_beyond_end == "refused":
                raise Refused("There is no such position in the recording")
            author = self.people.somebody if by is None else by
            new = self._ledger.mark(found, name, time_s, color, author, template)
            self.news.tell(f"{self.rooms[found.room].name}: marker at {time_s} s")
            return new

    # ---- inside -----------------------------------------------------------------------------

    def _history(self, room: int) -> RoomHistory:
        if room not in self._histories:
            raise NotFound(f"There is no room {room}")
        return self._histories[room]

    def _state(self, room: int) -> RoomState:
        """The true state, whatever shows."""
        return self._history(room).now

    def _change(self, room: int, **changes: Any) -> None:
        self._history(room).change(self.clock(), **changes)
        self.news.tell(f"{self.rooms[room].name}: {self._state(room).word}")

    def _running(self, room: int, by: int | None, right_for_all: str, reason: str) -> Recording:
        running = self.active(room)
        if running is None:
            raise Refused(reason)
        if running.author != by:
            self.people.need(by, right_for_all)
        return running

"""The threads that speak to VALT: one carries out presses, one watches the room, one delivers.

They share a session (one log-in, two warm connections) and nothing else, so that a press is
never queued behind a poll or behind what waits in the outbox. They only turn commands into
requests and replies into events; what an event means is the controller's business.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from dataclasses import dataclass, replace

from ivsd.events import (
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    DeliverMarker,
    Event,
    FindUser,
    KeptMarker,
    LockRoom,
    PauseRecording,
    ReadUser,
    Request,
    ResumeRecording,
    StartRecording,
    StopRecording,
    UnlockRoom,
)
from ivsd.valt.client import Client
from ivsd.valt.directory import Directory
from ivsd.valt.errors import (
    BadReply,
    NotFound,
    NotSentInTime,
    Refused,
    RoomNotFound,
    ServerFailed,
    ValtError,
)
from ivsd.valt.model import RecordingId, Room, User, Version
from ivsd.valt.session import Session
from ivsd.valt.sockets import not_sent_after
from ivsd.valt.watcher import Clock, Post, Watcher


@dataclass(frozen=True, slots=True)
class Recordings:
    """How recordings started here are made.

    `name` may use {date}, {time}, {user} and {room}; `template` fills required fields of the
    site's information template (field id -> text).
    """

    name: str = "{room} {date} {time}"
    template: dict[str, str] | None = None

    def name_for(self, room: Room, user: str, wall: time.struct_time) -> str:
        """Render the recording's name; a gap left by a missing user is closed."""
        text = self.name.format(
            date=time.strftime("%Y-%m-%d", wall),
            time=time.strftime("%H:%M", wall),
            user=user,
            room=room.name or str(room.id),
        )
        return " ".join(text.split()) or f"{room.name or room.id}"


def perform(
    client: Client,
    request: Request,
    room: Room | None,
    version: Version,
    recordings: Recordings,
    directory: Directory,
    *,
    overtaken: bool = False,
) -> RecordingId | tuple[User, ...] | None:
    """Carry out one request, as a rule with one call of the client.

    `overtaken`: the room may have begun another recording since this was asked for. Raises
    RoomNotFound without a room, unless none is needed.
    """
    if isinstance(request, DeliverMarker):
        deliver(client, request.marker, request.twins, version)
        return None
    if room is None:
        raise RoomNotFound("the room was not found on the server yet")
    match request:
        case StartRecording(author, user):
            name = recordings.name_for(room, user, time.localtime())
            return client.start(room.id, name, author, recordings.template)
        case StopRecording():
            return client.stop(room.id)
        case PauseRecording():
            return client.pause(room.id)
        case ResumeRecording():
            return client.resume(room.id)
        case LockRoom():
            client.lock(room.id)
        case UnlockRoom():
            client.unlock(room.id)
        case AddMarker(recording, name, colour, time_s):
            # By the room VALT 5 would put it into whatever is recorded by now (decision 14).
            where = None if overtaken else room.id
            client.add_marker(where, recording, name, colour, time_s, version)
        case FindUser(number):
            return directory.find(client, number, version)
        case ReadUser(user):
            with contextlib.suppress(NotFound):
                return (replace(client.user(user), as_sent={}),)
            return ()
    return None


def deliver(client: Client, marker: KeptMarker, twins: int, version: Version) -> None:
    """Put a marker into its recording, wherever that is, unless it is there."""
    if not _is_there(client, marker, twins, version):
        client.add_marker(
            None, marker.recording, marker.name, marker.colour, marker.time_s, version
        )


def _is_there(client: Client, marker: KeptMarker, twins: int, version: Version) -> bool:
    """Ask whether the server has this marker already (decision 14).

    One that was never sent needs no answer; one whose answer was lost is not sent blindly.
    """
    try:
        listed = client.markers(marker.recording, version)
    except (Refused, BadReply, ServerFailed) as e:
        if not marker.was_sent:
            return False
        raise type(e)(f"the server does not say whether it has it already ({e})") from None
    alike = [item for item in listed if (item.name, item.time_s) == (marker.name, marker.time_s)]
    return len(alike) > twins


class Link:
    """The VALT server of one room, as the daemon sees it. Neither method ever blocks."""

    def __init__(
        self,
        session: Session,
        room: int | str,
        recordings: Recordings,
        post: Post,
        *,
        poll_interval_s: float = 1.0,
        clock: Clock = time.monotonic,
    ) -> None:
        def post_while_in_use(event: Event) -> None:
            # A thread that is abandoned in the network may still have something to say.
            if not self._watcher.stopping.is_set():
                post(event)

        self.session = session
        self._watcher = Watcher(
            session, room, post_while_in_use, poll_interval_s=poll_interval_s, clock=clock
        )
        self._worker, self._postman = (
            Worker(name, session, self._watcher, recordings, post_while_in_use, clock)
            for name in ("valt-presses", "valt-outbox")
        )
        self.threads = (self._worker, self._postman, self._watcher)

    @property
    def room(self) -> Room | None:
        """The room once it was found on the server; may be asked from any thread."""
        return self._watcher.room

    def start(self) -> None:
        """Start the threads."""
        for thread in self.threads:
            thread.start()

    def take_over(self, before: Link) -> None:
        """Go on with the room that the link before had found: it is the same one."""
        self._watcher.room = before._watcher.room

    def ask(self, ask: Ask) -> None:
        """Queue a request; its answer comes as an event."""
        late = isinstance(ask.request, DeliverMarker)
        (self._postman if late else self._worker).put(ask)

    def poll_now(self) -> None:
        """Read the room's state without waiting for the interval."""
        self._watcher.wake.set()

    def stop(self, timeout_s: float) -> None:
        """End the threads; one that is stuck in the network is abandoned after `timeout_s`."""
        self._watcher.stopping.set()
        self._watcher.wake.set()
        self._worker.put(None)
        self._postman.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class Worker(threading.Thread):
    """Carries out what it is asked, in order, markers last."""

    def __init__(
        self,
        name: str,
        session: Session,
        watcher: Watcher,
        recordings: Recordings,
        post: Post,
        clock: Clock,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._asks: queue.PriorityQueue[tuple[int, int, Ask | None, int]] = queue.PriorityQueue()
        self._count = itertools.count()
        self._turns = 0
        """How often a recording was begun or ended here."""
        self._session = session
        self._watcher = watcher
        self._recordings = recordings
        self._directory = Directory(clock)
        self._post = post
        self._clock = clock
        self.busy_since: float | None = None
        """Since when it is at work; None while it waits for some. Read by the watchdog."""

    def put(self, ask: Ask | None) -> None:
        """Queue an ask; a marker, whose time is settled, lets a start or stop go before it."""
        rank = 1 if ask is not None and isinstance(ask.request, AddMarker) else 0
        self._asks.put((rank, next(self._count), ask, self._turns))

    def run(self) -> None:
        """Take one ask after the other until None comes, or what is left is not wanted."""
        stopping = self._watcher.stopping
        while True:
            _, _, ask, turns = self._asks.get()
            if ask is None or stopping.is_set():
                break
            self.busy_since = self._clock()
            self._post(self.carry_out(ask, overtaken=turns != self._turns))
            self.busy_since = None

    def carry_out(self, ask: Ask, *, overtaken: bool = False) -> Event:
        sent_at = self._clock()
        room = self._watcher.room
        self._turns += isinstance(ask.request, StartRecording | StopRecording)
        try:
            if sent_at > ask.send_before:
                raise NotSentInTime("the server was too busy to be asked in time; nothing was sent")
            result = self._session.call(lambda client: self._perform(client, ask, room, overtaken))
        except ValtError as e:
            return AskFailed(ask.id, e, self._clock())
        return Answered(ask.id, result, sent_at, self._clock())

    def _perform(
        self, client: Client, ask: Ask, room: Room | None, overtaken: bool
    ) -> RecordingId | tuple[User, ...] | None:
        with not_sent_after(ask.send_before):  # a log-in before it may take its time
            return perform(
                client,
                ask.request,
                room,
                self._session.version,
                self._recordings,
                self._directory,
                overtaken=overtaken,
            )

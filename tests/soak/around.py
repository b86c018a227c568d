"""What goes on around the pure controller, in simulated time: hands, watcher, worker, bad days."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import replace

from ivsd.events import (
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Event,
    Kept,
    KeptMarker,
    Misread,
    NotKept,
    NumberKind,
    Pressed,
    Reconfigured,
    Released,
    RenewalFailed,
    RoomInformed,
    RoomPolled,
    Rules,
    Scanned,
    StopProtection,
    Tick,
    WatchFailed,
    WhoMayStop,
)
from ivsd.valt import errors
from ivsd.valt.model import Room, RoomInfo, Secret
from tests.soak.room import CHANGES, CONTROLS, FakeRoom

DEVICES = ["reader", "keypad", "buttons", "lamp"]
BADGES = ["0004711001", "0004711002", "0004711003", "9999999999"]
PINS = ["2580", "2580", "1111"]
LOST = [errors.ConnectionLost, errors.NoReply, errors.ServerFailed, errors.BadReply]
NOT_DONE = [errors.Refused, errors.Unreachable, errors.NotAllowed, errors.TokenRefused,
            errors.NotSentInTime, errors.NotFound]  # fmt: skip
FAULTS = [*LOST, errors.Unreachable, errors.LogInRefused, errors.RoomNotFound, errors.ClockWrong]


class Around:
    """Whatever is not the controller; `feed` takes each event as it is to be handled."""

    def __init__(self, chance: random.Random, feed: Callable[[Event], None]) -> None:
        self.random, self.feed = chance, feed
        self.now = 1000.0
        self.quiet = False
        """Nobody touches anything, and the server is well."""
        self.deadline: float | None = None
        """When the controller wants its next tick."""
        self.room, self.rules = FakeRoom(self.now), Rules(CONTROLS)
        self.disk: set[int] = set()
        """The markers that are kept."""
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()
        self._asks: list[tuple[bool, Ask]] = []
        self._worker_is_free, self._poll_is_due = True, False
        self._down_until = 0.0
        self.at(self.now, self.hands)
        self.at(self.now, self.poll)

    # -- time: an agenda, and ticks between when nothing else waits to be handled ---------------

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), what))

    def turn(self) -> None:
        moment = self._agenda[0][0]
        if self.deadline is not None and max(self.now, self.deadline) < moment:
            self.now = max(self.now, self.deadline)
            self.feed(Tick())
            return
        _, _, what = heapq.heappop(self._agenda)
        # After a stall what has waited is handled late, in order, with the time it happened.
        self.now = max(self.now, moment)
        what(moment)

    def be_quiet(self, seconds: float) -> None:
        """Let this time pass with nothing but polls and late answers."""
        self.quiet, self._down_until = True, 0.0
        until = self.now + seconds
        while self.now < until:
            self.turn()
        self.quiet = False

    # -- what hands and the world do ------------------------------------------------------------

    def hands(self, at: float) -> None:
        """Do one thing, and come again soon, sometimes very soon."""
        if not self.quiet:
            self.one_thing(at)
        gap_s = self.random.choice([0.002, 0.05, 0.3, 1.0, 6.0]) * self.random.random()
        # While the box slept for hours, nobody stood there pressing all the time.
        self.at(max(at + gap_s, self.now - 2.0), self.hands)

    def one_thing(self, at: float) -> None:
        pick = self.random.random()
        reader = self.random.choice(["reader", "reader 2"])
        if pick < 0.48:
            self.feed(Pressed(self.random.choice([*CONTROLS, "nothing bound"]), at))
        elif pick < 0.72:
            self.feed(Released(self.random.choice(list(CONTROLS)), at))
        elif pick < 0.84:
            number = Secret(self.random.choice(BADGES))
            self.feed(Scanned(reader, NumberKind.BADGE, number, at))
        elif pick < 0.89:
            number = Secret(self.random.choice(PINS))
            self.feed(Scanned("keypad", NumberKind.PIN, number, at))
        elif pick < 0.90:
            self.feed(Misread(reader, at))
        elif pick < 0.97:
            self.room.try_to(self.random.choice([*CHANGES, "unlock", "unlock"]), at)
        else:
            self.trouble(at)

    def trouble(self, at: float) -> None:
        device, pick = self.random.choice(DEVICES), self.random.random()
        if pick < 0.25:
            self.feed(DeviceLost(device, f"{device}: gone", is_lamp=device == "lamp"))
        elif pick < 0.55:
            self.feed(DeviceFound(device))
        elif pick < 0.6:
            self.feed(DeviceForgotten(device))
        elif pick < 0.65:
            self.feed(RenewalFailed(errors.Unreachable("no way")))
        elif pick < 0.8:
            self._down_until = at + self.random.choice([1.0, 3.0, 15.0])
        elif pick < 0.9:  # the box is slow, or was asleep
            self.now += self.random.choice([0.1, 1.0, 10.0, 10_000.0])
        else:
            self.reconfigure()

    def reconfigure(self) -> None:
        new_room = self.random.random() < 0.2
        self.rules = replace(
            self.rules,
            stop_protection=self.random.choice(list(StopProtection)),
            who_may_stop=self.random.choice(list(WhoMayStop)),
            stoppers=frozenset({12}),
            default_author=self.random.choice([None, 3]),
            just_started_s=self.random.choice([0.02, 2.0]),
            config_problem="a wrong key" if self.random.random() < 0.04 else "",
        )
        if new_room:
            self.room = FakeRoom(self.now, self.random.choice([0.0, 3.0]), self.room.count)
            self._asks.clear()  # the link before is ended with all that waited in it
        self.feed(Reconfigured(self.rules, new_room))

    # -- the watcher ----------------------------------------------------------------------------

    def poll(self, at: float) -> None:
        """Read the room; the answer is of the moment when it was asked, and comes later."""
        status, room = self.room.shown(at), self.room
        back = at + self.random.choice([0.005, 0.05, 0.05, 0.6])
        if at < self._down_until or (not self.quiet and self.random.random() < 0.01):
            error = self.random.choice(FAULTS)("the room cannot be read")
            self.at(back, lambda t: self.feed(WatchFailed(error, t)))
        else:
            self.at(back, lambda t: self.feed(RoomPolled(status, at, t)))
            if self.random.random() < 0.05:
                info = RoomInfo(Room(4, "Lab"), status.recording, room.time_s(at))
                self.at(back, lambda t: self.feed(RoomInformed(info, at, t)))
        self.at(max(back, at + 1.0, self.now), self.poll)

    def poll_now(self) -> None:
        """The controller wants to know at once; several wishes are one."""
        if not self._poll_is_due:
            self._poll_is_due = True
            self.at(self.now, self.poll_once)

    def poll_once(self, at: float) -> None:
        self._poll_is_due = False
        status = self.room.shown(at)
        if at >= self._down_until:
            self.at(at + 0.02, lambda t: self.feed(RoomPolled(status, at, t)))

    # -- the disk -------------------------------------------------------------------------------

    def keep(self, marker: KeptMarker) -> None:
        """Write a marker, as a rule soon; some disks fail, and some hang for a while."""
        fate = self.random.random()
        if fate < 0.03 and not self.quiet:
            failed = NotKept(marker.id, "the disk is full")
            self.at(self.now + 0.01, lambda _: self.feed(failed))
            return
        self.disk.add(marker.id)
        slow_s = 20.0 if fate < 0.04 and not self.quiet else 0.01
        self.at(self.now + slow_s, lambda _: self.feed(Kept(marker.id)))

    # -- the worker -----------------------------------------------------------------------------

    def ask(self, ask: Ask) -> None:
        """Queue a request for the worker."""
        self._asks.append((isinstance(ask.request, AddMarker), ask))

    def work(self) -> None:
        """Take the next ask and settle its fate: one at a time, markers last."""
        if not self._worker_is_free or not self._asks:
            return
        self._asks.sort(key=lambda entry: entry[0])
        ask, sent_at = self._asks.pop(0)[1], self.now
        self._worker_is_free = False
        fate = self.random.random()
        soon = sent_at + self.random.choice([0.003, 0.05, 0.4, 2.0])
        late = sent_at + self.random.choice([5.0, 6.5, 20.0])  # the controller has given it up
        if sent_at > ask.send_before:
            self.fail_at(sent_at, ask, errors.NotSentInTime("too busy"))
        elif fate < 0.75 or self.quiet:
            self.at(soon, lambda t: self.carry_out(ask, sent_at, t))
        elif fate < 0.80:
            self.at(late, lambda t: self.carry_out(ask, sent_at, t))
        elif fate < 0.87:  # it was done, and the answer is lost
            self.at(soon, lambda t: self.room.do(ask.request, t))
            self.fail_at(soon + 0.001, ask, self.random.choice(LOST)("lost"))
        elif fate < 0.92:
            self.fail_at(soon, ask, self.random.choice(LOST)("lost"))
        elif fate < 0.98:
            self.fail_at(soon, ask, self.random.choice(NOT_DONE)("not done"))
        elif fate < 0.99:
            self.fail_at(late, ask, errors.NoReply("at last"))
        else:
            self.at(sent_at + 30.0, lambda t: self.free())  # stuck, and then nothing at all

    def fail_at(self, moment: float, ask: Ask, error: errors.ValtError) -> None:
        self.at(moment, lambda t: self.free(AskFailed(ask.id, error, t)))

    def carry_out(self, ask: Ask, sent_at: float, at: float) -> None:
        answer = self.room.act(ask.request, at)
        if isinstance(answer, errors.ValtError):
            self.free(AskFailed(ask.id, answer, at))
        else:
            self.free(Answered(ask.id, answer, sent_at, at))

    def free(self, event: Event | None = None) -> None:
        self._worker_is_free = True
        if event is not None:
            self.feed(event)
        self.work()

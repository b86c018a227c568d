"""Plays scenarios on the pure controller with a simulated clock: no socket, no thread, no wait.

The server is the simulator's own API, called directly; client, session and the watcher's and
worker's steps are the real ones. Only the network between them is imitated, in simulated time.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ivsd.config import load, load_cards_beside
from ivsd.controller import Controller
from ivsd.demo.live import path_of, refusal, write_config
from ivsd.demo.scenario import Changes, Scenario, ScenarioError, Seen, act_elsewhere, set_quirk
from ivsd.events import (
    Answered,
    Ask,
    AskFailed,
    DeliverMarker,
    Drop,
    Event,
    Keep,
    Kept,
    MarkSent,
    NumberKind,
    OutboxRead,
    PollNow,
    Pressed,
    Released,
    RoomInformed,
    RoomPolled,
    Scanned,
    Tick,
    WatchFailed,
)  # fmt: skip
from ivsd.rules import rules_from
from ivsd.valt.client import Client
from ivsd.valt.errors import ConnectionLost, NoReply, Unreachable
from ivsd.valt.link import Recordings, Worker
from ivsd.valt.model import Secret
from ivsd.valt.outbox import FILE, Store
from ivsd.valt.session import Session
from ivsd.valt.simulator import Api, World
from ivsd.valt.transport import Reply
from ivsd.valt.watcher import Watcher

START_S = 1000.0
ROUND_TRIP_S = 0.002


@dataclass
class Fault:
    """What the next request whose path holds `path` meets."""

    path: str
    kind: str
    body: str = ""


class Network:
    """A transport that reaches the simulator's API at once, or not, as the scenario says."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.state = "up"
        self.faults: list[Fault] = []

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        if self.state == "away":
            raise Unreachable("the server refuses connections")
        if self.state == "silent":
            raise NoReply("no answer from the server in time")
        fault = next((fault for fault in self.faults if fault.path in f"/{path}"), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault.kind == "fails":
                return Reply(500, b'{"error": {"code": 500, "message": "Internal Server Error"}}')
            if fault.kind == "refuses":
                return Reply(400, fault.body.encode())
        terms = "&".join(f"{key}={value}" for key, value in query.items())
        target = f"/api/v3/{path}?{terms}"
        answer = self.api.handle(method, target, json.dumps(body).encode() if body else b"")
        if fault is not None:
            raise ConnectionLost("the connection broke before the server's answer was complete")
        return Reply(answer.status, answer.payload)


class PureStage:
    """One box and its server in simulated time."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        config = load(write_config(folder, "http://server.invalid", scenario.changes))
        cards = load_cards_beside(folder / "ivsd.yaml", config)
        self._timeout_s = config.valt.timeout_s
        self._now = START_S
        self._wall = 1_700_000_000.0
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        world = World(
            clock=self.now,
            wall=lambda: self._wall + self._now,
            version=scenario.headers.get("server", "6.5.2"),
        )
        self.seen = Seen(world, 4, self.now)
        self._network = Network(Api(world, "admin", "admin"))
        session = Session(Client(self._network), "admin", Secret("admin"), clock=self.now)
        self._said: list[Event] = []
        self._watcher = Watcher(
            session, "Interview Room 1", self._said.append,
            poll_interval_s=config.valt.poll_interval_s, clock=self.now,
        )  # fmt: skip
        recordings = Recordings(config.recording.name)
        self._worker = Worker(
            "worker", session, self._watcher, recordings, self._said.append, self.now
        )
        self._free_at = {False: 0.0, True: 0.0}
        """When each of the two threads for requests is idle again: presses, and the outbox."""
        self._disk = Store(folder / FILE)
        self._polls = 0
        self._delay_s = 0.0
        self._controller = Controller(rules_from(config, cards))
        self._deadline: float | None = None
        self._handle(OutboxRead(self._disk.markers()))
        self._poll()
        self.wait_until(START_S + 0.5)

    # -- the stage of a scenario --------------------------------------------------------------

    def configure(self, changes: Changes) -> None:
        """Nothing to do: it was built so."""

    def now(self) -> float:
        return self._now

    def wait_until(self, moment: float) -> None:
        """Advance to the next thing that happens, or to `moment`."""
        due = min(self._agenda[0][0] if self._agenda else moment, self._deadline or moment)
        self._now = max(self._now, min(due, moment))
        if self._deadline is not None and self._deadline <= self._now:
            self._handle(Tick())
        while self._agenda and self._agenda[0][0] <= self._now:
            heapq.heappop(self._agenda)[2]()

    def do(self, what: str, words: list[str]) -> None:
        match what, words:
            case "press", [control]:
                self._handle(Pressed(control, self._now))
            case "release", [control]:
                self._handle(Released(control, self._now))
            case "swipe", [number]:
                self._handle(Scanned("reader", NumberKind.BADGE, Secret(number), self._now))
            case "type", [digits]:
                self._handle(Scanned("keypad", NumberKind.PIN, Secret(digits), self._now))
            case "elsewhere", [action]:
                act_elsewhere(self.seen.world, self.seen.room, action)
            case "server", ["away" | "silent" | "back" as state]:
                self._network.state = "up" if state == "back" else state
            case "server", ["quirk", name, value]:
                set_quirk(self.seen.world, name, value)
            case "server", ["delay", number, "ms"]:
                self._delay_s = float(number) / 1000
            case "server", ["loses", "the", "reply", "to", request]:
                self._network.faults.append(Fault(path_of(request, self.seen.world), "loses"))
            case "server", [("fails" | "refuses") as kind, request, *reason]:
                path = path_of(request, self.seen.world)
                self._network.faults.append(Fault(path, kind, refusal(reason)))
            case _:
                raise ScenarioError(f"“{what} {' '.join(words)}” is not known")

    # -- the box and its network, in simulated time ---------------------------------------------

    def _later(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self._now + seconds, next(self._order), happen))

    def _handle(self, event: Event) -> None:
        step = self._controller.step(event, self._now)
        self._deadline = step.deadline
        for command in step.commands:
            self.seen.observe(command)
            if isinstance(command, Ask):
                thread = isinstance(command.request, DeliverMarker)
                wait_s = max(0.0, self._free_at[thread] - self._now)
                self._free_at[thread] = self._now + wait_s + self._exchange_s()
                self._later(wait_s, lambda ask=command: self._carry_out(ask))  # type: ignore[misc]
            elif isinstance(command, Keep):
                self._disk.keep(command.marker)
                kept = Kept(command.marker.id)
                self._later(0.0, lambda event=kept: self._handle(event))  # type: ignore[misc]
            elif isinstance(command, MarkSent):
                self._disk.mark_sent(command.id)
            elif isinstance(command, Drop):
                self._disk.drop(command.id)
            elif isinstance(command, PollNow):
                self._polls += 1
                self._later(0.0, self._poll)

    def _exchange_s(self) -> float:
        """How long one exchange takes now."""
        return self._timeout_s if self._network.state == "silent" else self._delay_s + ROUND_TRIP_S

    def _carry_out(self, ask: Ask) -> None:
        duration_s = self._exchange_s()
        event = self._worker.carry_out(ask)
        self._later(duration_s, lambda: self._handle(_arrived(event, self._now)))

    def _poll(self) -> None:
        """One turn of the real watcher, its events after the time the exchange takes."""
        duration_s = self._exchange_s()
        self._polls += 1
        number = self._polls
        wait_s = self._watcher.turn()
        for event in self._said:
            self._later(
                duration_s,
                lambda event=event: self._handle(_arrived(event, self._now)),  # type: ignore[misc]
            )
        self._said.clear()
        self._later(duration_s + wait_s, lambda: self._poll() if number == self._polls else None)


def _arrived(event: Event, at: float) -> Event:
    """Give an event of the link the moment at which it arrived after its simulated way."""
    if isinstance(event, RoomPolled | RoomInformed | WatchFailed | Answered | AskFailed):
        return replace(event, at=at)
    return event

"""The controller alone: a million events in simulated time, every promise checked at each.

Replay a failure with the seed it names; nothing here depends on the clock or on hashing.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from unittest.mock import patch

from ivsd.controller import Controller
from ivsd.events import (
    Ask,
    Drop,
    Event,
    Keep,
    LightView,
    OutboxRead,
    Outcome,
    PollNow,
    Report,
    Result,
    Show,
    StartRecording,
    Tick,
)
from tests.soak.around import Around
from tests.soak.meter import SAMPLES, Gauge, Meter, Row, SoakFailure, blocks, contained, rss_kib
from tests.soak.room import Shadow, verb_of

QUIET_S = 120.0  # longer than the longest press, a stuck worker and a late answer together


class PureSoak:
    """A controller, a room in simulated time, and the books."""

    def __init__(self, seed: int, events: int) -> None:
        self.seed, self.target, self.events = seed, events, 0
        self.around = Around(random.Random(seed), self.feed)
        self.controller, self.shadow = Controller(self.around.rules), Shadow()
        self.last = "nothing yet"
        self.light = LightView()
        self.waiting: dict[tuple[str, float], int] = {}
        """Input without an outcome -> number of the event."""
        self.started: Counter[tuple[str, float]] = Counter()
        """Input without an outcome -> its start requests."""
        self.results: Counter[Result] = Counter()
        self.kinds: Counter[str] = Counter()
        size = Gauge("pure: items in the controller", lambda: contained(self.controller), 5, 25)
        self.meter = Meter(
            Gauge("pure: RSS, KiB", rss_kib, 16, 1024),
            Gauge("pure: Python blocks", blocks, 100, 1500),
            size,
        )

    def run(self) -> list[Row]:
        """Feed all events; raises SoakFailure."""
        # A marker that the server has failed over may wait for an hour, and the quiet is shorter.
        with patch("ivsd.controller.outbox.LONGEST_RETRY_S", QUIET_S / 4):
            return self._run()

    def _run(self) -> list[Row]:
        began = time.monotonic()
        self.feed(OutboxRead(()))
        each = max(1000, self.target // SAMPLES)
        while self.events < self.target:
            goal = min(self.events + each, self.target)
            while self.events < goal:
                self.around.turn()
            self.calm_down()
            self.meter.sample(self.events)
        self.meter.check(self.seed, self.events)
        took = time.monotonic() - began
        told = ", ".join(f"{result} {count:,}" for result, count in sorted(self.results.items()))
        fed = ", ".join(f"{kind} {count:,}" for kind, count in self.kinds.most_common())
        return [
            ("pure: seed", str(self.seed)),
            ("pure: events", f"{self.events:,} in {took:.0f} s"),
            ("pure: of them", fed),
            ("pure: outcomes", told),
            ("pure: simulated time", f"{self.around.now / 86400:.1f} days"),
            *self.meter.rows,
        ]

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            raise SoakFailure(f"seed {self.seed}, event {self.events} ({self.last}): {what}")

    def calm_down(self) -> None:
        """Nobody touches anything and the server is well: then nothing may be left open."""
        self.around.be_quiet(QUIET_S)
        for key, number in self.waiting.items():
            self.check(False, f"event {number}, an input of {key}, has got no outcome")
        self.check(not self.light.pending, "the light is pending, and nothing is")
        state = self.around.room.true.state
        self.check(self.light.room is state, f"the room is {state}, the light {self.light.name}")
        self.check(not self.started, f"requests of nobody: {self.started}")
        left = [*self.around.disk, *self.controller._outbox.waiting]
        self.check(not left, f"the outbox has still {left}")

    # -- one step, and what must hold after it --------------------------------------------------

    def feed(self, event: Event) -> None:
        self.events += 1
        self.last = f"{event} at {self.around.now!r}"
        self.kinds[type(event).__name__] += 1
        for key in self.shadow.expected(event, self.around.rules, self.around.now):
            self.check(key not in self.waiting, "two inputs at one moment")
            self.waiting[key] = self.events
        try:
            step = self.controller.step(event, self.around.now)
        except Exception as e:
            raise SoakFailure(f"seed {self.seed}, event {self.events} ({self.last}): {e!r}") from e
        self.around.deadline = step.deadline
        if isinstance(event, Tick):  # else it may be over: what waited is handled before the clock
            late = step.deadline is not None and step.deadline <= self.around.now
            self.check(not late, "the clock has come, and its deadline is still over")
        for command in step.commands:
            match command:
                case Ask():
                    self.asked(command)
                case Report(outcome):
                    self.told(outcome)
                case Show(view):
                    self.light = view
                case PollNow():
                    self.around.poll_now()
                case Keep(marker):
                    self.around.keep(marker)
                case Drop(id_):
                    self.around.disk.discard(id_)
                case _:
                    pass  # notes
        self.around.work()

    def told(self, outcome: Outcome) -> None:
        key = outcome.source, outcome.pressed_at
        self.check(key in self.waiting, f"a second outcome, or one for nothing: {outcome}")
        self.check(bool(outcome.reason), f"an outcome without a reason: {outcome}")
        del self.waiting[key]
        self.started.pop(key, None)
        self.results[outcome.result] += 1

    def asked(self, ask: Ask) -> None:
        self.check(self.around.now <= ask.send_before, f"{ask} must have been sent already")
        self.around.ask(ask)
        if not verb_of(ask.request):
            return  # a marker or a look-up
        # Commands do not say whose they are; of the acting press there is only one.
        pending = self.controller._acting._pending
        assert pending is not None
        owner = pending.press.source, pending.press.at
        self.check(owner in self.waiting, f"{ask} for {owner}, which waits for nothing")
        if isinstance(ask.request, StartRecording):
            self.started[owner] += 1
            self.check(self.started[owner] == 1, f"{owner} has started twice")

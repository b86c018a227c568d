"""The daemon as it is built in production, many events, and a server that has its bad days.

Hands, input thread, controller, HTTP link and lamps are the real ones; the server is the simulator
in another process. What is checked at once: it stays alive, each input is answered soon, and in
every calm the light shows the room. The rest is `audit`'s, by the books of both sides.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak.audit import audit
from tests.soak.box import MARKERS, POLL_S, SETTLE_S, Box, hurried
from tests.soak.meter import SAMPLES, Gauge, Meter, Row, SoakFailure, blocks, open_files, rss_kib
from tests.soak.room import CHANGES
from tests.soak.server import BADGES, PIN, WRONG_PIN, Server
from tests.soak.trouble import trouble

CALM_WITHIN_S = 10.0  # the longest press: look-up, answer, settling, and a log-in between
WITHIN_A_POLL_S = 1.1 * POLL_S + 0.4  # its jitter, and a busy machine
AT_ONCE = 60  # inputs without an outcome; more would measure the queue, not the daemon
PLAIN = ["record", "record", "start", "stop", "pause", "lock", "unlock", "unlock", "look", "begin"]
GESTURES = ["tapped", "held", "twice", "switch"]


class DaemonSoak:
    """A box, its server, and what happens to both."""

    def __init__(self, seed: int, events: int, folder: Path) -> None:
        self.seed, self.target, self.events, self.folder = seed, events, 0, folder
        self.random = random.Random(seed)
        self.markers = itertools.cycle(MARKERS)
        self.down: list[tuple[str, float]] = []
        """The controls that are held down, and until when."""
        self.followed_s: list[float] = []
        """How long the light took to follow a change that was made elsewhere."""
        self.meter = Meter(
            Gauge("daemon: RSS, KiB", rss_kib, 512, 1536),
            Gauge("daemon: Python blocks", blocks, 500, 4000),
            Gauge("daemon: open files", open_files, 1, 4),
            Gauge("daemon: threads", threading.active_count, 1, 4),
        )

    def run(self) -> list[Row]:
        """Drive all events and compare the books; raises SoakFailure."""
        books = self.folder / "server.jsonl"
        with hurried(), Server(books, "6.5.2") as self.server:
            with Box(self.folder, self.server.url) as self.box:
                rows = self.drive()
            return [*rows, *audit(self.seed, self.folder / "box.jsonl", books), *self.meter.rows]

    def drive(self) -> list[Row]:
        self.calm_down()
        began = time.monotonic()
        each = max(500, self.target // SAMPLES)
        while self.events < self.target:
            goal = min(self.events + each, self.target)
            while self.events < goal:
                self.events += 1
                self.box.event = self.events
                self.let_go(time.monotonic())
                self.one_event()
            self.calm_down()
            for lamp in self.box.hardware.lamps.values():
                lamp.changes.clear()  # a virtual lamp remembers its last thousand
            self.meter.sample(self.events)
        took = time.monotonic() - began
        self.wait_for(lambda: self.box.outbox_left() == 0, "the outbox is not empty")
        self.server.tell("close books")
        self.box.books.flush()
        self.meter.check(self.seed, self.events)
        followed = f"at most {max(self.followed_s):.2f} s, limit {WITHIN_A_POLL_S:.2f} s"
        return [
            ("daemon: seed", str(self.seed)),
            ("daemon: events", f"{self.events:,} in {took:.0f} s"),
            ("daemon: light follows a change", f"{len(self.followed_s)} times, {followed}"),
        ]

    def fail(self, what: str) -> None:
        raise SoakFailure(f"seed {self.seed}, event {self.events}: {what}")

    # -- what hands do --------------------------------------------------------------------------

    def one_event(self) -> None:
        """Do one thing; often wait for what comes of it, sometimes press on regardless."""
        pick, hands = self.random.random(), self.box.hands
        if pick < 0.40:
            self.push(self.random.choice(PLAIN))
        elif pick < 0.70:
            self.push(next(self.markers))
        elif pick < 0.78:
            self.push(self.random.choice(GESTURES))
        elif pick < 0.88:
            card = self.random.choice([*BADGES, "unknown"])
            for _ in range(self.random.choice([1, 1, 1, 3])):
                hands.swipe(card)
        elif pick < 0.91:
            for digit in WRONG_PIN if self.random.random() < 0.1 else PIN:
                hands.key(f"KEY_{digit}")
            hands.key("KEY_ENTER")
        elif pick < 0.913:
            for _ in range(65):  # longer than any badge
                hands.key("KEY_1")
            hands.key("KEY_ENTER")
        elif pick < 0.96:
            self.server.tell("elsewhere", action=self.random.choice([*CHANGES, "stop", "unlock"]))
        elif pick < 0.9995:
            trouble(self.random, self.server)
        else:
            self.reconfigure()
        if pick < 0.913:
            self.wait_a_little()

    def push(self, control: str) -> None:
        """Press and release; what a hand holds down comes up some events later."""
        self.box.hands.press(control)
        if control == "twice" and self.random.random() < 0.5:
            self.box.hands.release(control)
            self.box.hands.press(control)
        if control in ("tapped", "held", "switch") and self.random.random() < 0.5:
            self.down.append((control, time.monotonic() + self.random.choice([0.01, 0.1, 0.4])))
        else:
            self.box.hands.release(control)

    def let_go(self, until: float) -> None:
        """Release what was held for long enough."""
        for control, _ in [held for held in self.down if held[1] <= until]:
            self.box.hands.release(control)
        self.down = [held for held in self.down if held[1] > until]

    def wait_a_little(self) -> None:
        key_at, pick = self.box.hands.at, self.random.random()
        if pick < 0.7:
            with self.box.changed:
                self.box.changed.wait_for(
                    lambda: all(at < key_at for _, at in self.box.waiting), 0.1
                )
        time.sleep(self.random.choice([0.0, 0.0, 0.001, 0.006]))
        if len(self.box.waiting) >= AT_ONCE:
            self.wait_for(
                lambda: len(self.box.waiting) < AT_ONCE, "inputs pile up without outcomes"
            )

    def reconfigure(self) -> None:
        """An installer edits the file: a new link, or a new lamp, or nothing at all."""
        which = self.random.choice(["variant", "lamp", ""])
        if which:
            self.box.variant[which] += 1
        self.box.configure()
        self.box.daemon.reload()

    # -- calm -----------------------------------------------------------------------------------

    def wait_for(self, holds: Callable[[], bool], or_else: str) -> None:
        deadline = time.monotonic() + CALM_WITHIN_S
        while not holds():
            if time.monotonic() > deadline:
                self.fail(f"{or_else} after {CALM_WITHIN_S:g} s")
            if not self.box.thread.is_alive():
                self.fail("the daemon has ended")
            time.sleep(0.01)

    def calm_down(self) -> None:
        """The server is well and nobody presses: all is answered, and the light is true."""
        self.let_go(float("inf"))
        self.server.tell("well")
        self.wait_for(lambda: self.box.light.room is not None, "the link does not come back")
        self.wait_for(lambda: not self.box.owed(), "an input has no outcome")
        with self.box.changed:
            self.box.waiting.clear()
        self.wait_for(self.light_is_true, "the light is not the room's")
        time.sleep(SETTLE_S + POLL_S)  # an effect may lag so long: what contradicts is disbelieved
        self.server.tell("elsewhere", action="unlock")
        began = time.monotonic()
        for action in ("stop", "start"):  # one of the two can be done
            self.server.tell("elsewhere", action=action)
        self.wait_for(self.light_is_true, "the light does not follow")
        self.followed_s.append(time.monotonic() - began)
        if self.followed_s[-1] > WITHIN_A_POLL_S:
            self.fail(f"the light has followed after {self.followed_s[-1]:.2f} s only")

    def light_is_true(self) -> bool:
        state, has_recording = self.server.tell("state")
        view = self.box.light
        return (view.name, view.records, view.fault) == (state, has_recording, "")

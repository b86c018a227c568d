"""The box of the soak: a daemon with virtual hands, and the books of what it was asked and told."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ivsd.controller import Controller
from ivsd.controller.doorkeeper import Again, Doorkeeper
from ivsd.daemon import Daemon
from ivsd.events import (
    AddMarker,
    Ask,
    Command,
    Event,
    LightView,
    Misread,
    Note,
    NumberKind,
    Pressed,
    Released,
    Report,
    Rules,
    Scanned,
    Show,
)
from ivsd.hardware import VirtualHardware
from ivsd.inputs.virtual import VirtualHands
from ivsd.rules import rules_from
from ivsd.valt.model import Secret
from tests.soak.room import verb_of
from tests.soak.server import Books

POLL_S, TIMEOUT_S, SETTLE_S, REARM_S, FRESH_S = 0.2, 0.5, 0.5, 0.5, 0.5
CONFIG = """
valt: {{url: "{url}", username: admin, password: admin, poll_interval_s: {poll}, timeout_s: {time}}}
room: 4
recording: {{name: "{{room}} {{user}} {variant}"}}
badges: {{rearm_s: {rearm}}}
lights:
  lamps:
    - {{name: status, kind: rgb, lines: [1, 2, 3]}}
    - {{name: "sign {lamp}", lines: [4], shows: recording}}
controls:
  record: record_toggle
  start: start
  stop: stop
  pause: pause_toggle
  lock: lock_toggle
  unlock: unlock
  look: show_status
  tapped: {{tap: lock_toggle}}
  held: {{action: marker, name: "held {{count}}", hold: record_toggle, hold_s: 0.3}}
  twice: {{action: start, double: pause_toggle}}
  switch: {{action: start, release: stop}}
  begin: {{action: start, then: [{{action: marker, name: "begin {{count}}"}}]}}
"""
MARKERS = [f"m{number:03}" for number in range(200)]
"""Pressed in turn, so that a name is used again only when its last marker has long been told of."""


def shortened(*arguments: Any) -> Rules:
    """The rules of the configuration, with short waits where it has no key for them."""
    return replace(rules_from(*arguments), settle_s=SETTLE_S, just_started_s=0.005)


class StampedController(Controller):
    """Remembers the moment of its last step: the books want it to the microsecond."""

    now = 0.0

    def step(self, event: Event, now: float) -> Any:
        self.now = now
        return super().step(event, now)


class BookedHands(VirtualHands):
    """Enters each input before the daemon can know of it; `expect` takes who is owed an outcome."""

    def __init__(self, expect: Callable[[str, float, str], None]) -> None:
        super().__init__()
        self._expect = expect
        self._doorkeeper = Doorkeeper()
        self.at = 0.0
        """When the last input was."""

    def _put(self, event: Pressed | Released | Scanned | Misread) -> float:
        self.at = event.at
        match event:
            case Pressed(control, at):
                self._expect(control, at, "press")
            case Released("switch", at):
                self._expect("switch", at, "release")
            case Scanned(reader, kind, _, at):
                # A badge that lies on the reader is read again and again, and needs no answer.
                if self._doorkeeper.was_there(event, REARM_S) is not Again.IGNORE:
                    self._expect(reader, at, kind.value)
            case Misread(reader, at, why):
                unread = Scanned(reader, NumberKind.BADGE, Secret(why), at)
                if self._doorkeeper.was_there(unread, REARM_S) is not Again.IGNORE:
                    self._expect(reader, at, "misread")
        return super()._put(event)


@contextmanager
def hurried() -> Iterator[None]:
    """Have daemons in this process wait less than on a door."""
    with (
        patch("ivsd.daemon.rules_from", shortened),
        patch("ivsd.daemon.Controller", StampedController),
        # A server that forgets its tokens twice within a minute is left alone for the rest of it,
        # which is right (decision 9) and would make the soak wait.
        patch("ivsd.valt.session.FRESH_S", FRESH_S),
        # A marker that the server has failed over waits for up to an hour.
        patch("ivsd.controller.outbox.LONGEST_RETRY_S", 1.0),
        patch("ivsd.controller.outbox.LONGEST_NETWORK_RETRY_S", 1.0),
    ):
        yield


class Box:
    """The running daemon, and who still waits for an outcome. Use it within `hurried`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.path = folder, folder / "ivsd.yaml"
        self.books = Books(folder / "box.jsonl")
        self.changed = threading.Condition()
        self.waiting: dict[tuple[str, float], int] = {}
        """Input without an outcome -> number of the event."""
        self.event = 0
        """Number of the event that is under way."""
        self.light = LightView()
        self.url = url
        self.variant = {"variant": 0, "lamp": 0}
        self.hardware = hardware = VirtualHardware()
        self.hands = hardware.hands = BookedHands(self.expect)
        self.daemon = Daemon(self.path, folder, hardware, self.observe)
        self.thread = threading.Thread(target=self.daemon.run, name="daemon", daemon=True)

    def __enter__(self) -> Box:
        self.configure()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
        self.thread.join(5)
        self.books.flush()

    def configure(self) -> None:
        markers = "".join(
            f'  {name}: {{action: marker, name: "{name} {{count}}"}}\n' for name in MARKERS
        )
        text = CONFIG.format(
            url=self.url, poll=POLL_S, time=TIMEOUT_S, rearm=REARM_S, **self.variant
        )
        self.path.write_text(text + markers, encoding="utf-8")

    # -- what the daemon tells, on its thread ---------------------------------------------------

    def observe(self, command: Command) -> None:
        match command:
            case Ask(id_, request):
                now = self.controller.now
                if isinstance(request, AddMarker):
                    self.intend(request)
                elif verb := verb_of(request):
                    # Commands do not say whose they are; of the acting press there is only one.
                    pending = self.controller._acting._pending
                    assert pending is not None
                    owner = pending.press.source, pending.press.at
                    self.books.write("ask", at=now, id=id_, verb=verb, owner=owner)
            case Report(outcome):
                key = outcome.source, outcome.pressed_at
                self.books.write(
                    "outcome", at=outcome.at, key=key, action=outcome.action,
                    result=outcome.result.value, reason=outcome.reason,
                )  # fmt: skip
                with self.changed:
                    self.waiting.pop(key, None)
                    self.changed.notify_all()
            case Show(view):
                with self.changed:
                    self.light = view
                    self.changed.notify_all()
            case Note(text):
                if "outbox" in text:
                    self.books.write("note", at=self.controller.now, text=text)
            case _:
                if (marker := getattr(command, "marker", None)) is not None:  # kept for later
                    self.intend(marker)

    @property
    def controller(self) -> StampedController:
        controller = self.daemon._controller
        assert isinstance(controller, StampedController)
        return controller

    def intend(self, marker: Any) -> None:
        """Enter which marker the box means to set."""
        self.books.write(
            "marker", at=self.controller.now, recording=marker.recording, name=marker.name,
            time_s=marker.time_s,
        )  # fmt: skip

    def outbox_left(self) -> int:
        """Markers in the outbox; none before there is one."""
        path = self.folder / "outbox.sqlite3"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(path)) as file:
            return int(file.execute("select count(*) from markers").fetchone()[0])

    # -- inputs ---------------------------------------------------------------------------------

    def expect(self, source: str, at: float, what: str) -> None:
        self.books.write("input", at=at, key=(source, at), what=what, event=self.event)
        with self.changed:
            self.waiting[source, at] = self.event

    def owed(self) -> list[tuple[str, float]]:
        """Who still waits; the second half of a double press waits for nothing of its own."""
        with self.changed:
            return [key for key in self.waiting if key[0] != "twice"]

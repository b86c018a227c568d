"""The daemon: builds the parts from the configuration and runs the one loop.

Everything that happens comes through one queue; the controller decides; what it decides goes
to the worker that owns that piece of the world. Nothing here waits for a server, a reader or a
lamp, and a wrong configuration is one more state to show. A defect in a thread ends the whole
process, loudly: systemd starts a sound one, while a half-dead daemon would go on lying.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from ivsd.appliance import journal
from ivsd.appliance.notify import notify
from ivsd.config import (
    Config,
    ConfigError,
    Salvaged,
    load,
    load_cards_beside,
    password,
    salvage,
)
from ivsd.config.schema import Badges, Inputs, Lights, Recording, Valt, Writing
from ivsd.connect import session_for
from ivsd.controller import Controller
from ivsd.events import (
    Ask,
    Command,
    DeviceForgotten,
    Drop,
    Event,
    Keep,
    LightView,
    MarkSent,
    Note,
    PollNow,
    Reconfigured,
    Report,
    Rules,
    Show,
    Tick,
)
from ivsd.hardware import Hardware, RealHardware
from ivsd.inputs.reader import Reader
from ivsd.outputs.player import Player
from ivsd.rules import rules_from, rules_of
from ivsd.valt.link import Link, Recordings
from ivsd.valt.model import Secret
from ivsd.valt.outbox import OutboxThread

STOP_WITHIN_S = 1.5  # in all, for lamps, devices and workers together

SWITCH_S = 0.0005
"""How long a thread may keep the others from Python. With the 5 ms that are usual a lamp waits for
the journal's line, and a request for the lamp."""

log = logging.getLogger("ivsd")


def _turn(command: Command) -> int:
    """Say which commands of one step go out first: what a person waits for."""
    match command:
        case Ask() | Keep() | MarkSent() | Drop():
            return 0
        case Show():
            return 1
    return 2  # the journal, and another look at the room


class _Order(Enum):
    """What is not an event of the room but an order to the daemon itself."""

    STOP = auto()
    RELOAD = auto()


@dataclass(frozen=True)
class _Crash:
    """A thread has ended by a defect."""

    thread: str
    error: BaseException | None


class Daemon:
    """One box at one door.

    `path` is its ivsd.yaml, `state` the folder for what it must not forget. `observe` sees
    every command as it is handed out, on the daemon's thread; it is the demo's and the tests'
    window, and must return at once.
    """

    def __init__(
        self,
        path: Path,
        state: Path,
        hardware: Hardware | None = None,
        observe: Callable[[Command], None] = lambda command: None,
    ) -> None:
        self._path = path
        self._hardware = hardware or RealHardware()
        self._observe = observe
        self._queue: queue.SimpleQueue[Event | _Order | _Crash] = queue.SimpleQueue()
        self._config: Config | None = None
        self._inputs: tuple[Inputs, Writing | None] | None = None
        self._lights: Lights | None = None
        self._controller = Controller(Rules({}))
        self._outbox = OutboxThread(state, self.post)
        self._link: Link | None = None
        self._linked_by: tuple[Valt, int | str, Recording, Secret] | None = None
        self._reader: Reader | None = None
        self._player: Player | None = None
        self._view = LightView()
        self._status_words = ""

    # -- for other threads and signal handlers ------------------------------------------------

    def post(self, event: Event) -> None:
        """Put an event into the queue."""
        self._queue.put(event)

    def stop(self) -> None:
        """End `run` within 2 s. May be called from a signal handler."""
        self._queue.put(_Order.STOP)

    def reload(self) -> None:
        """Read the configuration again; the old one stays when the new one is wrong."""
        self._queue.put(_Order.RELOAD)

    # -- the loop -----------------------------------------------------------------------------

    def run(self) -> int:
        """Run until stopped; return the exit code."""
        threading.excepthook = self._thread_died
        sys.setswitchinterval(SWITCH_S)
        self._outbox.start()
        self._load()
        notify("READY=1")
        deadline: float | None = None
        code = 0
        while True:
            item = self._next(deadline)
            if item is _Order.STOP:
                break
            if isinstance(item, _Crash):
                log.critical("thread %s died", item.thread, exc_info=item.error)
                code = 1
                break
            if item is _Order.RELOAD:
                self._load()
                item = Tick()
            assert not isinstance(item, _Order)
            deadline = self._step(item)
        self._shut_down()
        return code

    def _next(self, deadline: float | None) -> Event | _Order | _Crash:
        try:
            if deadline is None:
                return self._queue.get()
            return self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return Tick()

    def _step(self, event: Event) -> float | None:
        step = self._controller.step(event, time.monotonic())
        for command in sorted(step.commands, key=_turn):
            self._hand_out(command)
            self._observe(command)
        return step.deadline

    def _hand_out(self, command: Command) -> None:
        match command:
            case Ask():
                assert self._link is not None  # without a link no state is known to ask from
                self._link.ask(command)
            case PollNow():
                if self._link is not None:
                    self._link.poll_now()
            case Keep() | MarkSent() | Drop():
                self._outbox.put(command)
            case Show(view):
                self._view = view
                if self._player is not None:
                    self._player.show(view)
                if not view.pending:
                    more = f", fault: {view.fault}" if view.fault not in ("", view.name) else ""
                    self._tell_status(f"{view.name}{more}")
            case Report(outcome):
                journal.write_outcome(outcome)
            case Note(text, problem):
                log.log(logging.WARNING if problem else logging.INFO, "%s", text)

    def _tell_status(self, words: str) -> None:
        if words != self._status_words:
            self._status_words = words
            notify(f"STATUS={words}")

    # -- the parts ----------------------------------------------------------------------------

    def _load(self) -> None:
        """Read the configuration and (re)build the parts that it changes."""
        try:
            config = load(self._path)
            cards = load_cards_beside(self._path, config)
            secret = password(config, self._path)
        except ConfigError as e:
            problems = [str(problem) for problem in e.problems]
            for problem in problems:
                log.error("%s", problem)
            if self._config is None:
                self._use_salvaged(salvage(self._path), problems)
            else:
                log.error("the configuration was not changed: the old one is in use")
            return
        if self._config is not None:
            log.info("the configuration was read again")
        self._config = config
        self._use_hardware(config.inputs, config.badges, config.lights)
        self._use_link(config, rules_from(config, cards), secret)

    def _use_salvaged(self, parts: Salvaged, problems: list[str]) -> None:
        """Come up with a wrong configuration: show it, and answer every press with it."""
        self._use_hardware(parts.inputs, parts.badges, parts.lights)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        rules = replace(
            rules_of(parts.controls, parts.recording, parts.badges),
            config_problem=f"the configuration is wrong: {problems[0]}{more}",
        )
        self._step(Reconfigured(rules, new_room=True))

    def _use_hardware(self, inputs: Inputs, badges: Badges, lights: Lights) -> None:
        if lights != self._lights:
            self._end(self._player)
            self._player = Player(self._hardware.fixtures(lights), self.post, view=self._view)
            self._player.start()
            self._lights = lights
        if (inputs, badges.notation) != self._inputs:
            self._end(self._reader)
            sources = self._hardware.sources(inputs, badges.notation)
            self._reader = Reader(sources, self.post, news=self._hardware.news())
            self._reader.start()
            self._inputs = inputs, badges.notation

    def _end(self, part: Player | Reader | None) -> None:
        """Stop a part that is replaced; what was wrong with its devices is no news any more."""
        if part is not None:
            part.stop(STOP_WITHIN_S / 3)
            for device in part.devices:
                self.post(DeviceForgotten(device))  # behind what it may just have posted

    def _use_link(self, config: Config, rules: Rules, secret: Secret) -> None:
        """Connect anew when anything of the server's part has changed; else go on as it is."""
        wanted = (config.valt, config.room, config.recording, secret)
        if wanted == self._linked_by:
            self._step(Reconfigured(rules, new_room=False))
            return
        try:
            link = self._new_link(config, secret)
        except OSError as e:  # the CA file has changed since it was checked
            log.error("valt.verify: %s", e)
            if self._link is None:
                wrong = replace(rules, config_problem=f"valt.verify: {e}")
                self._step(Reconfigured(wrong, new_room=True))
            return
        before, self._linked_by = self._linked_by, wanted
        place = (config.valt.url, config.room)
        new_room = before is None or place != (before[0].url, before[1])
        if self._link is not None:
            self._link.stop(0)
            if not new_room:
                link.take_over(self._link)
        self._link = link
        self._step(Reconfigured(rules, new_room))
        link.start()
        log.info("room %s at %s", config.room, config.valt.url)

    def _new_link(self, config: Config, secret: Secret) -> Link:
        recordings = Recordings(config.recording.name, config.recording.template or None)
        return Link(
            session_for(config.valt, self._path, secret),
            config.room,
            recordings,
            self.post,
            poll_interval_s=config.valt.poll_interval_s,
        )

    def _shut_down(self) -> None:
        """End every part; lamps first, so that no light stays on over a box that is off."""
        notify("STOPPING=1")
        for part in (self._player, self._reader, self._link, self._outbox):
            if part is not None:
                part.stop(STOP_WITHIN_S / 4)

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        link_threads = self._link.threads if self._link is not None else ()
        ours = (self._player, self._reader, self._outbox, *link_threads)
        if args.thread is not None and args.thread in ours:
            self._queue.put(_Crash(args.thread.name, args.exc_value))
        else:
            threading.__excepthook__(args)

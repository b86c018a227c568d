"""The daemon: builds the parts from the configuration and runs the one loop.

Everything that happens comes through one queue; the controller decides; what it decides goes
to the worker that owns that piece of the world. Nothing here waits for a server, a reader or a
lamp, and a wrong configuration is one more state to show. A defect in a thread ends the whole
process, loudly: systemd starts a sound one, while a half-dead daemon would go on lying.
"""

from __future__ import annotations

import logging
import math
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ivsd.appliance import journal
from ivsd.appliance.control import Control, Desk
from ivsd.appliance.factory import client as factory_default
from ivsd.appliance.notify import notify
from ivsd.appliance.settings import Read, Settings
from ivsd.appliance.status import Status
from ivsd.appliance.status_words import summary
from ivsd.appliance.watchdog import Watchdog
from ivsd.asked import Asked, Task
from ivsd.badge_table import CARD_OPERATIONS, BadgeTable
from ivsd.badge_table.door import Door
from ivsd.badge_table.seen import LastSeen
from ivsd.bundling import Bundling
from ivsd.config import Config, ConfigError, Salvaged
from ivsd.controller import Controller
from ivsd.events import (
    Ask,
    Command,
    Drop,
    Event,
    FactoryDefaultBegan,
    FactoryDefaultFailed,
    Keep,
    Learned,
    LearnGivenUp,
    LightView,
    MarkSent,
    Note,
    PollNow,
    Reconfigured,
    Report,
    RestoreFactoryState,
    Rules,
    Scanned,
    Show,
    Tick,
)
from ivsd.hardware import Hardware, RealHardware
from ivsd.inputs.reader import Reader
from ivsd.outputs.player import Player
from ivsd.overview import Around, controls_of, overview
from ivsd.parts import Parts
from ivsd.rules import hold_rules_of, rules_from, rules_of
from ivsd.set_up.fields import SettingUp
from ivsd.set_up.finding import Finding
from ivsd.set_up.wiring import Wiring
from ivsd.valt.link import Worker
from ivsd.valt.model import Secret
from ivsd.valt.outbox import OutboxThread
from ivsd.valt.watcher import Watcher

STOP_WITHIN_S = 1.5  # in all, for lamps, devices and workers together
FACTORY_DEFAULT_WITHIN_S = 45.0  # less than the controller waits, so that a reason is told

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


@dataclass(frozen=True)
class _Stop:
    """The daemon is to end."""


@dataclass(frozen=True)
class _Crash:
    """A thread has ended by a defect."""

    thread: str
    error: BaseException | None


_Item = Event | _Stop | _Crash | Task


class Daemon:
    """One box at one door.

    `path` is its ivsd.yaml, `state` the folder for what it must not forget. `observe` sees
    every command as it is handed out, on the daemon's thread; it is the demo's and the tests'
    window, and must return at once. `owns_file`: it may write its configuration.
    `socket`: where it can be asked and told things; None for nowhere.
    """

    def __init__(
        self,
        path: Path,
        state: Path,
        hardware: Hardware | None = None,
        observe: Callable[[Command], None] = lambda command: None,
        *,
        owns_file: bool = False,
        socket: Path | None = None,
    ) -> None:
        self._path = path
        self._settings = Settings(path, state, owns_file=owns_file)
        self._watchdog = Watchdog()
        self._observe = observe
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._config: Config | None = None
        self._controller = Controller(Rules({}))
        self._outbox = OutboxThread(state, self.post)
        hardware = hardware or RealHardware()
        self._parts = Parts(path, hardware, self.post)
        self._room = ""
        setting_up = SettingUp(path, state, self.reload, may_write=owns_file)
        self._seen = LastSeen(state)
        door = Door(self._queue.put, self._controller, self._parts)
        badges = BadgeTable(path, self.reload, door, self._seen, may_write=owns_file)
        wiring = Wiring(setting_up.file, hardware.chips)
        self._asked = Asked(
            self._queue.put,
            self._parts,
            # Only a service is started anew by somebody.
            orders={"reload": self.reload} | ({"restart": self.stop} if owns_file else {}),
            beside={
                **dict.fromkeys(("config", "preview", "save", "test-connection"), setting_up.do),
                **dict.fromkeys(("wire-preview", "wire"), wiring.do),
                **dict.fromkeys(CARD_OPERATIONS, badges.do),
                "bundle": Bundling(path, socket).do,
            },
            finding=Finding(path, hardware.search),
        )
        self._view = LightView()
        self._status_words = ""
        self._began_at = time.monotonic()
        self._problems: list[str] = []
        self.is_current = False
        """Whether it works by what the files say, as far as it was told to read them."""
        self._reading: threading.Thread | None = None
        self._is_old = False
        """Whether what that thread reads may have changed meanwhile."""
        desk = Desk(
            ask_status=self._ask_status,
            post=self.post,
            do=self._asked.do,
            learn=self._asked.learn,
            find=self._asked.find,
            hidden=lambda: self._parts.secrets,
        )
        self._control = Control(socket, desk) if socket is not None else None

    # -- for other threads and signal handlers ------------------------------------------------

    def post(self, event: Event) -> None:
        """Put an event into the queue."""
        self._queue.put(event)

    def stop(self) -> None:
        """End `run` within 2 s. May be called from a signal handler."""
        self._queue.put(_Stop())

    def reload(self) -> None:
        """Read the configuration again; the old one stays when the new one is wrong."""
        self.is_current = False
        self._queue.put(Task(self._read_beside))

    # -- the loop -----------------------------------------------------------------------------

    def run(self) -> int:
        """Run until stopped; return the exit code."""
        threading.excepthook = self._thread_died
        sys.setswitchinterval(SWITCH_S)
        self._outbox.start()
        if self._control is not None:
            self._control.start()
        self._use(self._read())
        self.is_current = True
        notify("READY=1")
        deadline: float | None = None
        code = 0
        while True:
            item = self._next(deadline)
            if isinstance(item, _Stop):
                break
            if isinstance(item, _Crash):
                log.critical("thread %s died", item.thread, exc_info=item.error)
                code = 1
                break
            if isinstance(item, Task):
                if (event := item.do()) is None:
                    continue  # no tick: events may wait behind it
                item = event
            if isinstance(item, LearnGivenUp):
                self._asked.gave_up(item.token)
            deadline = self._step(item)
            if stuck := self._watchdog.ping(self._threads):
                journal.write_problem("stuck", f"stuck: {stuck}; systemd ends this daemon")
        self._shut_down()
        return code

    def _next(self, deadline: float | None) -> _Item:
        try:
            deadline = min(math.inf if deadline is None else deadline, self._watchdog.due)
            if deadline == math.inf:
                return self._queue.get()
            return self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return Tick()

    def _step(self, event: Event) -> float | None:
        step = self._controller.step(event, time.monotonic())
        shown = False
        for command in sorted(step.commands, key=_turn):
            self._hand_out(command)
            self._observe(command)
            shown = shown or isinstance(command, Show)
        if shown and not self._view.pending:
            self._tell_status()
        if step.commands:
            self._tell_callers()
        if isinstance(event, Scanned):  # behind all that somebody at the door waits for
            self._seen.saw(event)
        return step.deadline

    def _hand_out(self, command: Command) -> None:
        match command:
            case Ask():
                assert self._parts.link is not None  # without it no state is known to ask from
                self._parts.link.ask(command)
            case PollNow():
                if self._parts.link is not None:
                    self._parts.link.poll_now()
            case Keep() | MarkSent() | Drop():
                self._outbox.put(command)
            case Show(view):
                self._view = view
                if self._parts.player is not None:
                    self._parts.player.show(view)
            case RestoreFactoryState():
                # It reads and checks a lot before it answers.
                threading.Thread(target=self._restore, name="factory-default", daemon=True).start()
            case Report(outcome):
                journal.write_outcome(outcome)
                self._asked.ended(outcome)
                if (unknown := self._controller.last_unknown_badge(time.monotonic())) is not None:
                    self._seen.nobodys(unknown.number)
            case Learned():
                self._asked.learned(command)
            case Note():
                journal.write_note(command)

    def _restore(self) -> None:
        """Have root's part restore the factory state, and tell whether it will."""
        try:
            factory_default.ask(FACTORY_DEFAULT_WITHIN_S)
        except factory_default.FactoryDefaultError as e:
            self.post(FactoryDefaultFailed(str(e)))
        else:
            self.post(FactoryDefaultBegan())

    def _tell_status(self) -> None:
        words = summary(self._status())
        if words != self._status_words:
            self._status_words = words
            notify(f"STATUS={words}")

    # -- what others are told ----------------------------------------------------------------

    def _tell_callers(self) -> None:
        if self._control is not None:
            self._control.changed()

    def _ask_status(self, reply: Callable[[Status], None]) -> None:
        def answer() -> None:
            reply(self._status())

        self._queue.put(Task(answer))

    def _status(self) -> Status:
        parts = self._parts
        around = Around(
            now=time.monotonic(),
            began_at=self._began_at,
            path=self._path,
            problems=self._problems,
            room=self._room,
            config=self._config,
            link=parts.link,
            view=self._view,
            lamps=parts.lamps_of(self._view),
            controls=self._asked.controls,
            inputs=parts.input_devices(),
            lamp_devices=parts.player.devices if parts.player is not None else [],
        )
        return overview(self._controller.snapshot(around.now), around)

    # -- the parts ----------------------------------------------------------------------------

    def _read(self) -> Read | ConfigError:
        """Read the configuration, or what is wrong with it."""
        try:
            return self._settings.read()
        except ConfigError as e:
            return e

    def _read_beside(self) -> None:
        """Read it again while presses go on: a long table of badges takes its time."""
        if self._reading is not None:
            self._is_old = True
            return

        def read() -> None:
            self._queue.put(Task(partial(self._take, self._read())))

        self._end_finding()  # it may have what the file wants
        self._reading = threading.Thread(target=read, name="reading", daemon=True)
        self._reading.start()

    def _take(self, read: Read | ConfigError) -> Event | None:
        """Use what was read, unless it may be old already."""
        self._reading = None
        if self._is_old:
            self._is_old = False
            self._read_beside()
            return None
        self._end_finding()
        self._use(read)
        self.is_current = True
        self._tell_status()
        self._tell_callers()
        return Tick()

    def _end_finding(self) -> None:
        for ended in self._asked.end_finding():
            self._step(ended)

    def _use(self, read: Read | ConfigError) -> None:
        """(Re)build the parts that the configuration changes."""
        if isinstance(read, ConfigError):
            self._problems = problems = [str(problem) for problem in read.problems]
            for problem in problems:
                journal.write_problem("config", problem)
            if self._config is None:
                self._use_salvaged(self._settings.salvage(), problems)
            else:
                log.error("the configuration was not changed: the old one is in use")
            return
        if self._config is not None:
            log.info("the configuration was read again")
        self._config = config = read.config
        self._problems = []
        self._room = str(config.room)
        journal.set_room(config.room)
        rules = rules_from(config, read.cards)
        self._asked.controls = controls_of(rules, config.inputs)
        self._parts.use_hardware(
            config.inputs, config.badges, config.lights, config.factory_default, self._view
        )
        self._use_link(config, rules, read.secret)

    def _use_salvaged(self, parts: Salvaged, problems: list[str]) -> None:
        """Come up with a wrong configuration: show it, and answer every press with it."""
        self._room, held = str(parts.room), parts.factory_default
        self._parts.use_hardware(parts.inputs, parts.badges, parts.lights, held, self._view)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        rules = replace(
            rules_of(parts.controls, parts.recording, parts.badges),
            factory_default=hold_rules_of(held),
            config_problem=f"the configuration is wrong: {problems[0]}{more}",
        )
        self._asked.controls = controls_of(rules, parts.inputs)
        self._step(Reconfigured(rules, new_room=True))

    def _use_link(self, config: Config, rules: Rules, secret: Secret) -> None:
        """Connect anew when anything of the server's part has changed; else go on as it is."""
        try:
            new_room = self._parts.replace_link(config, secret)
        except OSError as e:  # the CA file has changed since it was checked
            log.error("valt.verify: %s", e)
            self._problems = [f"valt.verify: {e}"]
            if self._parts.link is None:
                wrong = replace(rules, config_problem=f"valt.verify: {e}")
                self._step(Reconfigured(wrong, new_room=True))
            return
        self._step(Reconfigured(rules, bool(new_room)))
        if new_room is not None and self._parts.link is not None:
            self._parts.link.start()
            log.info("room %s at %s", config.room, config.valt.url)

    def _shut_down(self) -> None:
        """End every part."""
        notify("STOPPING=1")
        self._asked.end_finding()
        self._parts.stop(STOP_WITHIN_S / 4)
        self._outbox.stop(STOP_WITHIN_S / 4)
        self._seen.stop(STOP_WITHIN_S / 4)
        if self._control is not None:
            self._control.stop(STOP_WITHIN_S / 4)

    @property
    def _threads(self) -> list[Player | Reader | OutboxThread | Control | Worker | Watcher]:
        """The threads that must be sound."""
        control = [self._control] if self._control is not None else []
        return [*self._parts.threads, self._outbox, *control]

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        if args.thread is not None and args.thread in (*self._threads, self._reading):
            self._queue.put(_Crash(args.thread.name, args.exc_value))
        else:
            threading.__excepthook__(args)

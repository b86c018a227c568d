"""The daemon and a simulated VALT server together in one process, with virtual hands.

Everything between the hand and the server is the real thing: input thread, controller,
HTTP client, light player, and a configuration file on disk.
"""

from __future__ import annotations

import json
import re
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import TracebackType

from ivsd.config import CARDS, ConfigError, load, load_cards_beside
from ivsd.daemon import Daemon
from ivsd.demo.scenario import Changes, ScenarioError, Seen, act_elsewhere, set_quirk
from ivsd.events import Command
from ivsd.hardware import VirtualHardware, fixture_for
from ivsd.outputs.virtual import VirtualLamp
from ivsd.valt.simulator import Fault, Simulator, World
from ivsd.valt.simulator.state import Recording

_PATHS = {
    "start": "record/start", "stop": "record/stop", "pause": "record/pause",
    "resume": "record/resume", "lock": "/lock", "unlock": "/unlock", "login": "/login",
    "status": "/status", "look-up": "admin/users",
}  # fmt: skip
_MARKER_PATHS = {5: "/record/markers", 6: "/comment"}

BADGES = {
    "a": ("Alice", "0004711001"),
    "b": ("Bob", "0004711002"),
    "c": ("unknown badge", "0004799999"),
}
"""What lies beside the demo's reader: key, whose it is, number."""
BUTTONS = {"r": "record", "p": "pause", "m": "marker", "l": "lock"}
"""Key, and the control that it presses."""

SLOW_S = 1.5
_CABLES = {"pull": "pulled", "plug": "reachable", "hang": "hangs", "slow": "slow"}


def write_config(folder: Path, url: str, changes: Changes | None = None) -> Path:
    """Write the demo's configuration, so changed, for the server at `url`; return the file."""
    text = resources.files("ivsd.demo").joinpath("demo.yaml").read_text(encoding="utf-8")
    text = text.replace("SERVER", url)
    changes = dict(changes or {})
    table = "".join(f"  - {card}\n" for card in changes.pop(CARDS, {}).values())
    folder.joinpath(CARDS).write_text(f"cards:\n{table}" if table else "cards: []\n")
    for section, entries in changes.items():
        for name, value in entries.items():
            entry = rf"^  {re.escape(name)}:.*\n(?:    .*\n)*"  # with what is indented below it
            text = re.sub(entry, "", text, flags=re.MULTILINE)
            text = text.replace(f"\n{section}:\n", f"\n{section}:\n  {name}: {value}\n")
    path = folder / "ivsd.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def path_of(request: str, world: World) -> str:
    """Return how the path of what a scenario calls a request is recognised.

    Raises ScenarioError for a word that is none.
    """
    paths = _PATHS | {"marker": _MARKER_PATHS[world.generation]}
    if request not in paths:
        raise ScenarioError(f"“{request}” is no request: use one of {', '.join(paths)}")
    return paths[request]


def refusal(reason: list[str]) -> str:
    """Return the body of a server's no (valt-api 3, shape G)."""
    return json.dumps({"data": {"message": " ".join(reason)}, "code": 400})


def act_at_server(simulator: Simulator, words: list[str]) -> None:
    """Let a running server do what a scenario says; raises ScenarioError."""

    def fault(kind: str, request: str, status: int = 500, body: str = "") -> None:
        path = path_of(request, simulator.world)
        simulator.faults.add(Fault(kind, path, status=status, body=body))

    match words:
        case ["away"]:
            simulator.away()
        case ["silent"]:
            simulator.black_hole()
        case ["back"]:
            simulator.back()
        case ["quirk", name, value]:
            set_quirk(simulator.world, name, value)
        case ["delay", number, "ms"]:
            simulator.delay_s = float(number) / 1000
        case ["loses", "the", "reply", "to", request]:
            fault("reset_after", request)
        case ["fails", request]:
            fault("status", request, status=500)
        case ["refuses", request, *reason]:
            fault("text", request, status=400, body=refusal(reason))
        case _:
            raise ScenarioError(f"“server {' '.join(words)}” is not known")


class LiveBox:
    """A running box and its server; a context manager, and the demo's scenario stage."""

    def __init__(
        self,
        *,
        valt_version: str = "6.5.2",
        observe: Callable[[Command], None] = lambda command: None,
    ) -> None:
        self.simulator = Simulator(World(version=valt_version)).start()
        self._folder = tempfile.TemporaryDirectory(prefix="ivsd-demo-")
        self.config = write_config(Path(self._folder.name), self.simulator.url)
        self.hardware = VirtualHardware()
        self.hands = self.hardware.hands
        config = load(self.config)
        self.lamps = [
            (lamp, fixture_for(lamp, config.lights, VirtualLamp(lamp.name)))
            for lamp in config.lights.lamps
        ]
        """The lamps with what they show, for a panel to draw."""
        rooms = self.simulator.world.rooms.values()
        room = next(room for room in rooms if config.room in (room.id, room.name))
        self.room, self.room_name = room.id, room.name
        self.cable = "reachable"
        """How the server is reached: reachable, pulled, hangs, slow."""
        self.socket = self.config.parent / "control.sock"
        self.seen = Seen(self.simulator.world, self.room, time.monotonic)
        self._observe = observe
        self._changed = threading.Event()
        self.daemon = Daemon(
            self.config, self.config.parent, self.hardware, self._take, socket=self.socket
        )
        self._thread = threading.Thread(target=self.daemon.run, name="daemon", daemon=True)

    def __enter__(self) -> LiveBox:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.daemon.stop()
        self._thread.join(3)
        self.simulator.stop()
        self._folder.cleanup()

    def wait_until_ready(self, timeout_s: float = 5.0) -> bool:
        """Wait until the room's state is known; return whether it is."""
        deadline = self.now() + timeout_s
        while self.seen.light in ("", "starting") and self.now() < deadline:
            self.wait_until(deadline)
        return self.seen.light not in ("", "starting")

    def _take(self, command: Command) -> None:
        self.seen.observe(command)
        self._observe(command)
        self._changed.set()

    # -- the stage of a scenario --------------------------------------------------------------

    def configure(self, changes: Changes) -> None:
        """Change the file and let the daemon read it again, as an installer would."""
        write_config(self.config.parent, self.simulator.url, changes)
        try:
            load_cards_beside(self.config, load(self.config))
        except ConfigError as e:
            raise ScenarioError(f"the scenario's configuration is wrong: {e}") from None
        self.daemon.reload()
        deadline = self.now() + 5.0
        while not self.daemon.is_current and self.now() < deadline:
            self.wait_until(deadline)

    def now(self) -> float:
        """Real time."""
        return time.monotonic()

    def wait_until(self, moment: float) -> None:
        """Sleep, but not past the next thing the daemon says, nor past 20 ms (the server)."""
        self._changed.clear()
        self._changed.wait(max(0.0, min(moment - self.now(), 0.02)))

    def do(self, what: str, words: list[str]) -> None:
        """Carry out one doing of a scenario."""
        match what, words:
            case "press", [control]:
                self.hands.press(control)
            case "release", [control]:
                self.hands.release(control)
            case "swipe", [number]:
                self.hands.swipe(number)
            case "type", [digits]:
                self.type_pin(digits)
            case "elsewhere", [action]:
                self.elsewhere(action)
            case "server", _:
                act_at_server(self.simulator, words)
            case _:
                raise ScenarioError(f"“{what} {' '.join(words)}” is not known")

    def type_pin(self, digits: str) -> None:
        """Type a PIN and Enter."""
        for digit in digits:
            self.hands.key(f"KEY_{digit}")
        self.hands.key("KEY_ENTER")

    def elsewhere(self, action: str) -> None:
        """Let somebody do this at the VALT web page."""
        act_elsewhere(self.simulator.world, self.room, action)

    # -- for who looks and plays --------------------------------------------------------------

    def set_cable(self, word: str) -> None:
        """Pull or plug the server's cable, let it hang or be slow."""
        simulator = self.simulator
        simulator.back()
        simulator.delay_s = SLOW_S if word == "slow" else 0.0
        if word == "pull":
            simulator.away()
        elif word == "hang":
            simulator.black_hole()
        self.cable = _CABLES[word]

    def author_of(self, recording: Recording) -> str:
        """Name who has made a recording, as the server does."""
        everybody = self.simulator.world.people.all()
        author = next((person for person in everybody if person.id == recording.author), None)
        if author is None:
            return str(recording.author)
        return author.display_name or author.name

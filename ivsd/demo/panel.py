"""The front panel on a terminal: the box at the door, and beside it what the server holds.

`render` draws one frame from what is there to see; the rest is the terminal and its keys.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import sys
import termios
import textwrap
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from ivsd.config.schema import LampConfig, LampKind, Shows
from ivsd.demo.live import BADGES, BUTTONS, SLOW_S, LiveBox
from ivsd.events import Command, LightView, Note, Report, Result, Show
from ivsd.inputs.frames import PIN_IDLE_S
from ivsd.outputs.lamp import Colour, leds_for
from ivsd.outputs.player import Fixture
from ivsd.valt.simulator import WorldError

FRAME_S = 0.05
WIDTH = 79
LINES = 5  # of the list of events: all fits into a terminal of 24 rows
RESET, BOLD, DIM, INVERSE = "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[7m"
_INK = {
    Colour.OFF: "\x1b[90m", Colour.RED: "\x1b[91m", Colour.GREEN: "\x1b[92m",
    Colour.YELLOW: "\x1b[93m", Colour.BLUE: "\x1b[94m", Colour.MAGENTA: "\x1b[95m",
    Colour.CYAN: "\x1b[96m", Colour.WHITE: "\x1b[97m",
}  # fmt: skip
_CABLES = {"pulled": "CABLE PULLED", "hangs": "HANGS", "slow": f"slow: {SLOW_S:g} s"}
_CODE = re.compile(r"\x1b\[\d+m")
_RESULT_INK = {Result.DONE: "\x1b[92m", Result.FAILED: "\x1b[91m", Result.IGNORED: "\x1b[93m"}


@dataclass
class Scene:
    """What the panel knows beside the running box."""

    view: LightView = field(default_factory=LightView)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    typed: int = 0
    """Digits of the PIN so far; only their number is shown."""
    typed_at: float = 0.0
    pages: str = ""
    """Where the same box is shown in a browser; "" for nowhere."""

    def observe(self, command: Command) -> None:
        """Take what the daemon shows and reports; called on the daemon's thread."""
        if isinstance(command, Show):
            self.view = command.view
        elif isinstance(command, Report):
            outcome = command.outcome
            result = f"{_RESULT_INK[outcome.result]}{outcome.result.value:<7}{RESET}"
            self.write(f"{outcome.source:<7} {result}", outcome.reason)
        elif isinstance(command, Note):
            self.write(f"{DIM}notice{RESET}", command.text)

    def write(self, head: str, text: str) -> None:
        """Add an event to the list, broken into as many lines as it needs."""
        head = f"{time.strftime('%H:%M:%S')}  {head} "
        indent = len(_CODE.sub("", head))
        first, *more = textwrap.wrap(text, WIDTH - 6 - indent) or [""]
        self.lines.append(head + first)
        self.lines.extend(" " * indent + line for line in more)


def render(box: LiveBox, scene: Scene) -> list[str]:
    """Draw one frame."""
    if scene.typed and time.monotonic() - scene.typed_at > PIN_IDLE_S:
        scene.typed = 0
    buttons = "   ".join(f"{_key(key)} {name}" for key, name in BUTTONS.items())
    badges = "   ".join(f"{_key(key)} {name}" for key, (name, _) in BADGES.items())
    pin = "•" * scene.typed or f"2580 {_key('Enter')} Carol"
    events = [*scene.lines, *[""] * LINES][:LINES]
    lamps = [_lamp(box, scene.view, *lamp) for lamp in box.lamps]
    door = [
        "",
        *lamps,
        "",
        f"buttons {buttons}",
        f"badges  {badges}",
        f"PIN     {pin}",
        "",
        *events,
    ]
    return [
        *_frame(f"At the door: {box.room_name}", "", door),
        *_frame("At the VALT server", _CABLES.get(box.cable, box.cable), _server(box)),
        f" At the VALT page: {_key('S')} start, stop  {_key('P')} pause, resume  "
        f"{_key('L')} lock, unlock",
        f" The server: {_key('w')} pull or plug its cable  {_key('h')} let it hang  "
        f"{_key('d')} slow   {_key('q')} quit",
        *([f" In a browser: {scene.pages}"] if scene.pages else []),
    ]


def _lamp(box: LiveBox, view: LightView, config: LampConfig, fixture: Fixture) -> str:
    lamp = box.hardware.lamps.get(config.name)  # built by the daemon, which is about to come up
    colour = lamp.colour if lamp is not None else Colour.OFF
    lit = colour is not Colour.OFF
    if config.shows is Shows.RECORDING:
        sign = f"{_INK[Colour.RED]}{INVERSE} RECORDING {RESET}" if lit else f"{DIM}off{RESET}"
        return f"{_INK[colour]}■{RESET}  {config.name:<15} {sign}"
    look = fixture.looks[view.name]
    words = f"{look.colour}, {look.pattern}"
    dots = [(colour, lit)]
    if config.kind is LampKind.LEDS:
        dots = list(zip(config.colours, leds_for(colour, config.colours), strict=True))
    elif config.kind is not LampKind.RGB:
        dots, words = [(Colour.WHITE if lit else Colour.OFF, lit)], str(look.pattern)
    bulbs = "".join(f"{_INK[led if on else Colour.OFF]}{'●' if on else '○'}" for led, on in dots)
    return (
        f"{bulbs}{RESET}{' ' * max(1, 3 - len(dots))}{config.name:<15} "
        f"{BOLD}{view.name:<10}{RESET} {DIM}{words}{RESET}"
    )


def _server(box: LiveBox) -> list[str]:
    """List what the server holds, read from it and not from the daemon."""
    world = box.simulator.world
    room = world.view(box.room)
    active = world.active(box.room)
    lines = [f"the room is {BOLD}{room.status}{RESET}; recordings so far: {len(world.recordings)}"]
    shown = active or (world.recordings[-1] if world.recordings else None)
    if shown is None:
        return [*lines, "", ""]
    minutes, seconds = divmod(int(shown.length_s), 60)
    kind = "now" if active else "last"
    what = f"{kind}: “{shown.name}”, author {box.author_of(shown)}"
    lines.append(f"{what}, {BOLD}{minutes:02}:{seconds:02}{RESET}")
    markers = [f"{m.time_s // 60:02}:{m.time_s % 60:02} {m.name}" for m in shown.markers]
    return [*lines, "markers: " + (", ".join(markers[-4:]) or "none")]


def _key(key: str) -> str:
    return f"{INVERSE} {key} {RESET}"


def _frame(title: str, note: str, content: list[str]) -> list[str]:
    note = f" {note} " if note else ""
    rule = "─" * (WIDTH - 4 - len(title) - len(note))
    lines = [f"┌ {BOLD}{title}{RESET} {rule}{note}┐"]
    lines += [f"│  {_fit(line, WIDTH - 5)} │" for line in content]
    return [*lines, f"└{'─' * (WIDTH - 2)}┘"]


def _fit(text: str, width: int) -> str:
    """Pad or cut to a width, not counting colour codes."""
    out, used, index = "", 0, 0
    while index < len(text):
        if text[index] == "\x1b":
            end = text.index("m", index) + 1
            out, index = out + text[index:end], end
            continue
        if used < width:
            out, used = out + text[index], used + 1
        index += 1
    return out + RESET + " " * (width - used)


class _Keys:
    """What each key of the terminal does."""

    def __init__(self, box: LiveBox, scene: Scene) -> None:
        self._box = box
        self._scene = scene

    def press(self, key: str) -> bool:
        """Do what a key stands for; return whether to go on."""
        box = self._box
        if key == "q":
            return False
        if key in BUTTONS:
            box.hands.press(BUTTONS[key])
            box.hands.release(BUTTONS[key])
        elif key in BADGES:
            box.hands.swipe(BADGES[key][1])
        elif key.isdecimal():
            box.hands.key(f"KEY_{key}")
            self._scene.typed, self._scene.typed_at = self._scene.typed + 1, time.monotonic()
        elif key in "\r\n":
            box.hands.key("KEY_ENTER")
            self._scene.typed = 0
        elif key in "SPL":
            self._elsewhere(key)
        elif key in "whd":
            self._server(key)
        return True

    def _elsewhere(self, key: str) -> None:
        status = self._box.simulator.world.view(self._box.room).status
        records = status in ("recording", "paused")
        action = {
            "S": "stop" if records else "start",
            "P": "resume" if status == "paused" else "pause",
            "L": "unlock" if status == "locked" else "lock",
        }[key]
        try:
            self._box.elsewhere(action)
        except WorldError as e:
            self._scene.write(f"{DIM}at the VALT page{RESET}", str(e))

    def _server(self, key: str) -> None:
        word, state = {"w": ("pull", "pulled"), "h": ("hang", "hangs"), "d": ("slow", "slow")}[key]
        self._box.set_cable("plug" if self._box.cable == state else word)


@contextmanager
def _terminal() -> Iterator[None]:
    """Single keys, no echo, no cursor, the other screen; and everything back at the end."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()


def show(valt_version: str, pages: Callable[[LiveBox], AbstractContextManager[str]]) -> int:
    """Run the box with its panel until q is pressed; `pages` shows it in a browser, too."""
    scene = Scene()
    with (
        LiveBox(valt_version=valt_version, observe=scene.observe) as box,
        pages(box) as scene.pages,
        _terminal(),
    ):
        keys = _Keys(box, scene)
        going_on = True
        while going_on:
            columns, rows = shutil.get_terminal_size()
            frame = [_fit(line, columns - 1) for line in render(box, scene)]
            sys.stdout.write("\x1b[H" + "\x1b[K\r\n".join(frame[: rows - 1]) + "\x1b[J")
            sys.stdout.flush()
            if select.select([sys.stdin], [], [], FRAME_S)[0]:
                typed = os.read(sys.stdin.fileno(), 64).decode(errors="ignore")
                going_on = bool(typed) and all(keys.press(key) for key in typed)
    return 0

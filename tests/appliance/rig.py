"""The real devices that scenarios are played on in the virtual machine, and what is seen of them.

Hands are uinput devices and gpio-sim lines; lamps are gpio-sim lines, looked at in the kernel;
what the service says is read from the journal.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivsd.config import CARDS, load, load_cards_beside
from ivsd.demo.live import write_config
from ivsd.demo.scenario import Changes
from ivsd.outputs.lamp import Colour
from tests.appliance.eyes import Glimpse, Timeline
from tests.appliance.hands import Hands, Looked, Step

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

CHIP = "ivsd-sim"
STATUS_LAMP, BOX_LAMP, SIGN = (22, 27, 24), 23, 25  # as in demo.yaml
BUTTON_LINES = {5: "", 6: "BTN_DOOR", 12: "", 13: "BTN_DESK", 16: "", 17: "BTN_FOOT", 19: ""}
BUTTON_KEYS = [f"KEY_F{number}" for number in range(1, 9)]

READER, KEYPAD = "reader", "keypad"
KEYBOARDS = f"""\
  keyboards:
    - name: {READER}
      match: {{id: "ffff:0035"}}
      role: badge
    - name: {KEYPAD}
      match: {{name: Numeric Keypad, port: usb-desk/input0}}
      role: pin
"""

KEPT = "/run/ivsd-stage"
DROP_IN = "/run/systemd/system/ivsd.service.d/ivsd-stage.conf"
TAKE_OVER = (
    f"systemctl stop ivsd; rm -rf {KEPT}; mkdir {KEPT}; cp -a /etc/ivsd/*.yaml {KEPT}; "
    # Switching off lamps that are dark takes as long as a start, once for every scenario.
    f"mkdir -p {Path(DROP_IN).parent}; printf '[Service]\\nExecStopPost=\\n' > {DROP_IN}; "
    "systemctl daemon-reload"
)
GIVE_BACK = (
    f"systemctl stop ivsd; cp -a {KEPT}/*.yaml /etc/ivsd; rm -rf {KEPT} {DROP_IN} "
    "/var/lib/ivsd/*; systemctl daemon-reload"
)
"""The box is left as it was found, but stopped."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal: when it was written, on this host's clock, and its fields."""

    at: float
    fields: dict[str, str]

    def __str__(self) -> str:
        return self.fields.get("MESSAGE", "")


@dataclass(frozen=True, slots=True)
class Finger:
    """What presses a control: a contact on a GPIO line, or a key of the keypad."""

    line: int | None = None
    active: str = "low"
    key: str = ""

    def down(self, at_ms: float) -> Step:
        """Press it."""
        if self.line is None:
            return (at_ms, "key", KEYPAD, self.key, 1)
        return (at_ms, "pull", CHIP, self.line, "down" if self.active == "low" else "up")

    def up(self, at_ms: float) -> Step:
        """Let it go."""
        if self.line is None:
            return (at_ms, "key", KEYPAD, self.key, 0)
        return (at_ms, "pull", CHIP, self.line, "up" if self.active == "low" else "down")


def configuration(
    folder: Path, url: str, changes: Changes
) -> tuple[dict[str, Finger], dict[str, str]]:
    """Return the fingers for all controls, and the files of the demo's box with real devices.

    Every second control is a button on a GPIO line: some by number and some by the line's name,
    in turn closing to ground and to the supply. The others are keys of the keypad for PINs.
    """
    path = write_config(folder, url, changes)
    text = path.read_text(encoding="utf-8")
    text = text.replace("      lines:", f"      chip: {CHIP}\n      lines:")
    fingers: dict[str, Finger] = {}
    buttons, keys = "", ""
    lines, key_names = iter(BUTTON_LINES.items()), iter(BUTTON_KEYS)
    for number, control in enumerate(load(path).controls):
        if number % 2:
            fingers[control] = finger = Finger(key=next(key_names))
            keys += f"        {finger.key}: {control}\n"
            continue
        line, name = next(lines)
        active, pull = ("low", "up") if number % 4 else ("high", "down")
        fingers[control] = Finger(line, active)
        where = f"control: {control}, chip: {CHIP}, line: {name or line}"
        buttons += f"    - {{{where}, pull: {pull}, active: {active}}}\n"
    text += f"inputs:\n  buttons:\n{buttons}{KEYBOARDS}"
    text += f"      keys:\n{keys}" if keys else ""
    path.write_text(text, encoding="utf-8")
    load_cards_beside(path, load(path))  # raises ConfigError here, and not in the machine
    return fingers, {name: (folder / name).read_text() for name in (path.name, CARDS)}


class Rig:
    """The devices, and everything that is seen, for as many scenarios as there are.

    All times that it tells are on this host's monotonic clock.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.news = threading.Event()
        """Set when anything was seen."""
        self._lock = threading.Lock()
        self._ahead_s = 0.0
        self._glimpses: dict[str, list[Glimpse]] = {}
        self._until = 0.0
        self.repeats = 0  # of scenarios, because the machine stood still
        self.inputs = ""
        """What the service was last told of its devices."""
        self.is_used = True
        """Whether the service must be started anew for the next scenario."""
        self.longest_s = 0.0
        """The longest time without a look at the lamps."""
        self._lines: list[Line] = []
        machine.run(TAKE_OVER)
        self.hands = Hands(machine)
        self._eyes = Hands(machine, self._looked)  # a process of its own: it must not be held up
        names = {str(line): name for line, name in BUTTON_LINES.items() if name}
        self.hands.do("chip", label=CHIP, lines=54, names=names)
        self.hands.keyboard(
            READER, "Sycreader RFID", ["KEY_ENTER", *(f"KEY_{digit}" for digit in range(10))],
            vendor=0xFFFF, product=0x0035, phys="usb-door/input0",
        )  # fmt: skip
        digits = [f"KEY_KP{digit}" for digit in range(10)]
        self.hands.keyboard(
            KEYPAD, "Numeric Keypad", ["KEY_KPENTER", *digits, *BUTTON_KEYS],
            vendor=0x1A2C, product=0x6004, phys="usb-desk/input0", repeat=True,
        )  # fmt: skip
        self._ahead_s = self._clock_difference()
        lamps = [*STATUS_LAMP, BOX_LAMP, SIGN]
        self._eyes.watch("lamps", [(CHIP, line) for line in lamps])
        # Ends with its stdin, as a process that is started so should.
        command = "journalctl -f -n 0 -u ivsd -o json & cat > /dev/null; kill $!"
        self._journal = machine.spawn(command)
        threading.Thread(target=self._read_journal, name="journal", daemon=True).start()

    def close(self) -> None:
        """Unplug everything."""
        assert self._journal.stdin is not None
        self._journal.stdin.close()
        self._eyes.close()
        self.hands.close()
        self._journal.wait(10)
        self.machine.run(GIVE_BACK)

    def _clock_difference(self) -> float:
        """By how much the machine's clock is ahead of ours, from the quickest of some answers."""
        answers = []
        for _ in range(15):
            asked = time.monotonic()
            told = self.hands.do("now")["now"]
            answered = time.monotonic()
            answers.append((answered - asked, told - (asked + answered) / 2))
        return float(min(answers)[1])

    def forget(self) -> float:
        """Forget all that was seen; return the moment."""
        self._ahead_s = self._clock_difference()
        with self._lock:
            self._lines.clear()
            for seen in self._glimpses.values():
                del seen[:-1]
            self.longest_s = 0.0
        return time.monotonic()

    def lamp(self, name: str) -> Timeline:
        """What a lamp has shown so far: status, box or sign."""
        with self._lock:
            return Timeline(self._glimpses.get(name, []), self._until)

    def journal(self, since: float) -> list[Line]:
        """The lines of the journal that were written from then on."""
        with self._lock:
            return [line for line in self._lines if line.at >= since]

    def _looked(self, seen: Looked) -> None:
        with self._lock:
            self._until = seen.until - self._ahead_s
            self.longest_s = max(self.longest_s, seen.longest_s)
            for change in seen.changes:
                lit = [level == "1" for level in change.levels]
                colours = {
                    "status": next(c for c in Colour if c.channels == tuple(lit[:3])),
                    "box": Colour.WHITE if lit[3] else Colour.OFF,
                    "sign": Colour.RED if lit[4] else Colour.OFF,
                }
                after, at = change.after - self._ahead_s, change.at - self._ahead_s
                for name, colour in colours.items():
                    glimpses = self._glimpses.setdefault(name, [])
                    if not glimpses or glimpses[-1].colour is not colour:
                        glimpses.append(Glimpse(after, at, colour))
        self.news.set()

    def _read_journal(self) -> None:
        assert self._journal.stdout is not None
        for raw in self._journal.stdout:
            fields: dict[str, Any] = json.loads(raw)
            at = int(fields["__MONOTONIC_TIMESTAMP"]) / 1e6 - self._ahead_s
            with self._lock:
                self._lines.append(Line(at, fields))
            self.news.set()

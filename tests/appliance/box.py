"""The installed product as one box under test: its service, its journal, its server, hands.

Everything is looked at from outside: the journal's lines, the kernel's lines, the simulator's
world, /proc. All times are seconds of the machine's monotonic clock, which stamps the kernel's
events, the journal and what `hands` has done.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ivsd.valt.simulator import Simulator, World
from ivsd.valt.simulator.state import Recording
from tests.appliance.hands import Hands, Looked, Step

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.appliance.machine import Machine

CHIP = "ivsd-stress"
ROOM = 4
"""VALT's number of "Interview Room 1" in the simulator's sample world."""

START = f"""\
valt: {{url: "http://SERVER", username: admin, password: admin, poll_interval_s: 0.5, timeout_s: 3}}
room: {ROOM}
"""
"""What every configuration of these tests begins with."""

# A test writes more lines in a second than journald takes from one service; none may be missing.
UNIT_DROP_IN = "[Service]\\nLogRateLimitIntervalSec=0\\n"
DROP_IN = "/run/systemd/system/ivsd.service.d/ivsd-stress.conf"

FIELDS = "MESSAGE,IVSD_CONTROL,IVSD_ACTION,IVSD_OUTCOME,IVSD_REASON,IVSD_AFTER_MS"
GAP_S = 0.07  # a longer pause ends a badge
WITHIN_S = 15.0
"""How long anything may take that has no limit of its own: the machine is emulated."""

HOLD_KEYS = """
import sys, evdev
device = evdev.InputDevice(sys.argv[1]); device.grab(); print('held', flush=True)
sys.stdin.read()
"""
HOLD_LINE = """
import sys, gpiod
chip, line, consumer = sys.argv[1:]
path = [p for p in __import__('glob').glob('/dev/gpiochip*')
        if gpiod.Chip(p).get_info().label == chip][0]
held = gpiod.request_lines(path, consumer=consumer, config={int(line): gpiod.LineSettings()})
print('held', flush=True); sys.stdin.read()
"""
COUNT_KEYS = """
import sys, threading, evdev
from collections import Counter
counted = Counter(); device = evdev.InputDevice(sys.argv[1])
def count():
    for event in device.read_loop():
        counted[event.value] += event.type == evdev.ecodes.EV_KEY
threading.Thread(target=count, daemon=True).start(); print('held', flush=True)
sys.stdin.readline(); print(counted[1], counted[2], flush=True); sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the service's journal."""

    at: float
    text: str
    fields: Mapping[str, str]

    @property
    def control(self) -> str:
        """Whose outcome this is; "" if it is none."""
        return self.fields.get("IVSD_CONTROL", "")

    @property
    def outcome(self) -> str:
        """Done, failed or ignored; "" if it is no outcome."""
        return self.fields.get("IVSD_OUTCOME", "")

    @property
    def reason(self) -> str:
        return self.fields.get("IVSD_REASON", "")


class Box:
    """One for a module of tests: the devices are the tests', the chip and the service are its own.

    A context manager. `start` gives every test an own server and an empty state.
    """

    def __init__(self, machine: Machine, names: Mapping[int, str] | None = None) -> None:
        self.machine = machine
        self.seen: list[Looked] = []
        """What a watch of `hands` saw."""
        self.simulator = Simulator(World(version="6.5.2"))
        self._lines: list[Line] = []
        self._news = threading.Condition()
        self.hands = self.others = Hands(machine, self._looked)
        lines = {str(line): name for line, name in (names or {}).items()}
        self.hands.do("chip", label=CHIP, lines=54, names=lines)
        machine.run(
            f"mkdir -p $(dirname {DROP_IN}); printf '{UNIT_DROP_IN}' > {DROP_IN}; "
            "systemctl daemon-reload; systemctl stop ivsd"
        )
        # Ends with its stdin, as a process that is started so should.
        self._journal = machine.spawn(
            f"journalctl -f -n 0 -u ivsd -o json --output-fields={FIELDS} & "
            "cat > /dev/null; kill $!"
        )
        threading.Thread(target=self._read, name="journal", daemon=True).start()

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *error: object) -> None:
        self.machine.run(f"systemctl stop ivsd; rm {DROP_IN}; systemctl daemon-reload")
        self.simulator.stop()
        _end(self._journal)
        self.hands.close()

    # -- the service --------------------------------------------------------------------------

    def start(
        self, configuration: str, ready: Iterable[str] = (), cards: str = "cards: []\n"
    ) -> float:
        """Start the service anew with this behind START, a new server and an empty state.

        Waits until these devices are ready, too. Returns the moment before.
        """
        self.stop()
        self.machine.run("rm -rf /var/lib/ivsd/*")
        self.simulator.stop()
        self.simulator = Simulator(World(version="6.5.2")).start()
        url = f"{self.machine.host}:{self.simulator.port}"
        self.machine.write("/etc/ivsd/ivsd.yaml", START.replace("SERVER", url) + configuration)
        self.machine.write("/etc/ivsd/cards.yaml", cards)
        return self.restart(ready)

    def restart(self, ready: Iterable[str] = ()) -> float:
        """Start the service again with what it has, and wait until it knows the room's state."""
        began = self.now()
        asked = len(self.simulator.requests)
        self.machine.run("systemctl restart ivsd")
        self.wait(
            lambda: any("/status" in str(one) for one in self.simulator.requests[asked:]),
            "the box asks for the room's state",
        )
        for device in ready:
            self.wait_for(began, device, ": ready")
        return began

    def stop(self) -> None:
        """Stop the service; harmless if it does not run."""
        self.machine.run("systemctl stop ivsd")

    def wait_for_polls(self, count: int) -> None:
        """Wait until the box has asked for the room's state so often from now on."""
        asked = len(self.simulator.requests)
        self.wait(
            lambda: sum("/status" in str(e) for e in self.simulator.requests[asked:]) >= count,
            f"{count} polls",
        )

    def pid(self) -> int:
        """The service's process."""
        return int(self.machine.run("systemctl show -P MainPID ivsd"))

    def memory_kb(self) -> int:
        """What the service's process has in memory (RSS)."""
        return int(self.machine.run(f"awk '/^VmRSS/ {{print $2}}' /proc/{self.pid()}/status"))

    # -- what was seen ------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The server's truth."""
        return self.simulator.world

    def now(self) -> float:
        """This moment, on the machine's clock."""
        return float(self.hands.do("now")["now"])

    def lines(self, since: float, *words: str) -> list[Line]:
        """The journal's lines from then on that have all these words."""
        with self._news:
            return [
                line
                for line in self._lines
                if line.at >= since and all(word in line.text for word in words)
            ]

    def outcomes(self, since: float, *controls: str) -> list[Line]:
        """How presses ended: of all controls and readers, or only of these."""
        return [
            line
            for line in self.lines(since)
            if line.outcome and (not controls or line.control in controls)
        ]

    def wait(self, condition: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
        """Wait until something is true; fails with the journal when it does not come true."""
        with self._news:
            if not self._news.wait_for(condition, 0):
                # Not every condition is news of the journal: the world changes by itself.
                for _ in range(int(within_s / 0.05)):
                    if self._news.wait_for(condition, 0.05):
                        return
                raise AssertionError(f"not within {within_s:g} s: {what}\n{self.told()}")

    def wait_for(self, since: float, *words: str, within_s: float = WITHIN_S) -> Line:
        """Wait for the first line with these words, and return it."""
        self.wait(lambda: self.lines(since, *words), f"a line with {words}", within_s)
        return self.lines(since, *words)[0]

    def answer(self, since: float, control: str, within_s: float = WITHIN_S) -> Line:
        """Wait for how the first press of this control or reader ended, and return it."""
        what = f"the outcome of {control}"
        self.wait(lambda: self.outcomes(since, control), what, within_s)
        return self.outcomes(since, control)[0]

    def quiet(self, idle_s: float = 1.0) -> None:
        """Wait until the journal has been silent for so long: what was under way has ended."""
        with self._news:
            while self._news.wait(idle_s):
                pass

    def told(self, last: int = 25) -> str:
        """The last lines of the journal, for a person."""
        return "\n".join(f"{line.at:.3f} {line.text}" for line in self._lines[-last:])

    def recordings(self) -> list[Recording]:
        """All recordings of the server."""
        return list(self.world.recordings)

    # -- others in the machine ----------------------------------------------------------------

    def set_room(self, status: str) -> None:
        """Have the room recording or available, by somebody else, and wait until the box knows."""
        if self.world.view(ROOM).status != status:
            if status == "recording":
                self.world.start(ROOM, "somebody else's")
            else:
                self.world.stop(ROOM)
        self.wait_for_polls(6)  # a press of the first 2 s might have been meant for what was before

    def play(self, steps: list[Step], *, urgent: bool = False) -> list[float]:
        """Press keys and pull lines; takes as long as the last moment says."""
        duration_s = max((at_ms for at_ms, *_ in steps), default=0) / 1000
        order = self.hands.order("play", steps=steps, urgent=urgent)
        times: list[float] = order.result(duration_s + 60)["at"]
        return times

    def type(self, steps: list[Step]) -> float:
        """Swipe or type a number as whole as a reader does; return the moment before.

        The machine may be held up in the middle of it, which a reader is not: then it is done
        again when what came of that is over.
        """
        for _ in range(5):
            since = self.now()
            at = self.play(steps, urgent=True)
            if max(b - a for a, b in pairwise(at)) < GAP_S:
                return since
            self.quiet(2.5)
        raise AssertionError("the machine cannot type a number without a pause")

    def level(self, line: int) -> int:
        """The level of a line of the chip."""
        return int(self.hands.do("level", chip=CHIP, line=line)["level"])

    @contextmanager
    def other_program(self, text: str, *arguments: str) -> Iterator[Popen[str]]:
        """Another program of the machine: has a device, a line; ends at the end of the block."""
        code = base64.b64encode(text.encode()).decode()
        program = f"import base64; exec(base64.b64decode('{code}').decode())"
        process = self.machine.spawn(f'/opt/ivsd/bin/python -c "{program}" {" ".join(arguments)}')
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            _end(process)

    @contextmanager
    def busy(self, loops: int) -> Iterator[None]:
        """So many programs that want the whole of a processor each."""
        processes = [
            self.machine.spawn("while :; do :; done & cat > /dev/null; kill $!")
            for _ in range(loops)
        ]
        try:
            yield
        finally:
            for process in processes:
                _end(process)

    # -- how ----------------------------------------------------------------------------------

    def _looked(self, seen: Looked) -> None:
        with self._news:  # no news: watchers tell all the time
            self.seen.append(seen)

    def _read(self) -> None:
        assert self._journal.stdout is not None
        for raw in self._journal.stdout:
            fields = json.loads(raw)
            text = str(fields.get("MESSAGE"))
            line = Line(int(fields["__MONOTONIC_TIMESTAMP"]) / 1e6, text, fields)
            with self._news:
                self._lines.append(line)
                self._news.notify_all()


def _end(process: Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(WITHIN_S)

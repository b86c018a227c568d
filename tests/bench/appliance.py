"""The installed product in the virtual machine: each stage of a press, and the cost of waiting.

`make bench-appliance`, as root. A press of the daemon and one of `guest_loop.py` come in turn,
so that whatever else this host does hits both; compare within one run. The server is our
simulator on the host, so that a request really leaves the machine through its network card.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ivsd.valt.simulator import RoomSpec, Simulator, World, WorldError, sample
from tests.appliance.hands import Hands, Step, tap
from tests.appliance.machine import Machine, build_image
from tests.appliance.product import install
from tests.bench import kernel_trace
from tests.bench.kernel_trace import EDGE, KEY, PACKET, WAKE, Happening
from tests.bench.latency import percentile

CHIP = "ivsd-sim"
OUR_ROOM = 4
THEIR_ROOMS = (5, 6, 7)
RED, GREEN, BLUE = LAMP = (22, 27, 24)
SETTLE_S = 6.0  # both of the daemon's connections are open by then
GAPS_MS = (120, 180)  # from press to press; the next one of the same contestant is after two
HELD_MS = 60
THREADS = ("main", "outbox", "lights", "inputs", "valt-presses", "valt-outbox", "valt-watcher")
"""In the order in which the daemon starts them: the kernel knows them by their ids alone."""

PRESSED = f"""\
controls: {{lock: lock_toggle}}
inputs:
  keyboards:
    - {{name: keypad, match: {{name: Keypad 1}}, role: keys, keys: {{KEY_KP1: lock}}}}
  buttons:
    - {{control: lock, line: 5, chip: {CHIP}, bounce_ms: 0}}
    - {{control: lock, line: 6, chip: {CHIP}, bounce_ms: 10}}
lights:
  lamps:
    - {{name: status, kind: rgb, lines: {list(LAMP)}, chip: {CHIP}}}
"""
IDLE = f"""\
controls: {{record: record_toggle, pause: pause_toggle, marker: marker, lock: lock_toggle}}
inputs:
  keyboards:
    - {{name: reader, match: {{name: Keypad 1}}, role: badge}}
    - {{name: keypad, match: {{name: Keypad 2}}, role: pin, keys: {{KEY_KPPLUS: marker}}}}
  buttons:
    - {{control: record, line: 5, chip: {CHIP}}}
    - {{control: record, line: 6, chip: {CHIP}}}
    - {{control: pause, line: 12, chip: {CHIP}}}
    - {{control: marker, line: 13, chip: {CHIP}}}
    - {{control: marker, line: 16, chip: {CHIP}}}
    - {{control: lock, line: 19, chip: {CHIP}}}
lights:
  lamps:
    - {{name: status, kind: rgb, lines: {list(LAMP)}, chip: {CHIP}}}
    - {{name: box, lines: [23], chip: {CHIP}}}
    - {{name: sign, lines: [25], chip: {CHIP}, shows: recording}}
    - {{name: buzzer, kind: buzzer, lines: [26], chip: {CHIP}}}
"""


@dataclass(frozen=True, slots=True)
class Hand:
    """Something that is pressed, one for the daemon and its like for the loop."""

    name: str
    ours: list[Step]
    theirs: list[Step]
    their_lamp: int
    their_arguments: str


def _button(line: int) -> list[Step]:
    return [(0.0, "pull", CHIP, line, "down"), (HELD_MS, "pull", CHIP, line, "up")]


def _key(device: str) -> list[Step]:
    return tap(device, "KEY_KP1", held_ms=HELD_MS)


def _at(steps: Sequence[Step], at_ms: float) -> Iterator[Step]:
    for after_ms, *what in steps:
        yield (at_ms + after_ms, *what)  # type: ignore[misc]  # mypy knows no *rest of a tuple


def _server() -> Simulator:
    """A server with a room for the daemon and one for each loop."""
    rooms = [RoomSpec(number, f"Room {number}") for number in (OUR_ROOM, *THEIR_ROOMS)]
    return Simulator(World(replace(sample(), rooms=rooms, cameras=[], schedules=[])))


class CountingMachine(Machine):
    """A machine of one core whose time is the count of its instructions, two nanoseconds each.

    Waiting takes real time, working does not: what else this host does changes no figure but
    those in which the server's answer is waited for.
    """

    def _qemu_command(self, disk: Path, clock: str) -> list[str]:
        command = super()._qemu_command(disk, clock)
        command[command.index("-accel") + 1] = "tcg"
        command[command.index("-smp") + 1] = "1"
        return [*command, "-icount", "shift=1"]


class Bench:
    """The machine with the product installed, its devices and its server."""

    def __init__(self, parts: ExitStack, *, counted: bool) -> None:
        image = build_image()
        self.machine = CountingMachine(image) if counted else Machine(image)
        parts.callback(self.machine.close)
        self.machine.start()
        install(self.machine)
        self.server = parts.enter_context(_server())
        self.url = f"http://{self.machine.host}:{self.server.port}"
        self.hands = parts.enter_context(Hands(self.machine))
        self.chip = self.hands.do("chip", label=CHIP, lines=54, names={})["chip"]
        keys = ["KEY_KPENTER", "KEY_KPPLUS", *(f"KEY_KP{digit}" for digit in range(10))]
        self.nodes = [
            self.hands.keyboard(f"keypad {number}", f"Keypad {number}", keys, product=number)
            for number in (1, 2)
        ]

    @contextmanager
    def daemon(self, parts: str, poll_interval_s: float = 1.0) -> Iterator[dict[str, int]]:
        """Run the service with these inputs and lights; yield its threads when it is quiet."""
        valt = f"{{url: '{self.url}', username: admin, password: admin"
        text = f"valt: {valt}, poll_interval_s: {poll_interval_s:g}}}\nroom: {OUR_ROOM}\n{parts}"
        with suppress(WorldError):  # it may be so; for a locked room a lamp would blink
            self.server.world.unlock(OUR_ROOM)
        self.machine.write("/etc/ivsd/ivsd.yaml", text)
        self.machine.run("rm -rf /var/lib/ivsd/*; systemctl restart ivsd")
        deadline = time.monotonic() + 60
        while [self._level(line) for line in LAMP] != [0, 1, 0]:  # green: available
            if time.monotonic() > deadline:
                raise TimeoutError(self.machine.run("journalctl -n 30 -u ivsd -o cat"))
            time.sleep(0.5)
        time.sleep(SETTLE_S)
        pid = self.machine.run("systemctl show -P MainPID ivsd").strip()
        ids = sorted(map(int, self.machine.run(f"ls /proc/{pid}/task").split()))
        try:
            yield dict(zip(THREADS, ids, strict=True))
        finally:
            self.machine.run("systemctl stop ivsd")

    def _level(self, line: int) -> int:
        return int(self.hands.do("level", chip=CHIP, line=line)["level"])

    @contextmanager
    def loop(self, room: int, lamp: int, arguments: str) -> Iterator[int]:
        """Run the loop; yield its thread."""
        program = "/opt/ivsd/bin/python /project/tests/bench/guest_loop.py"
        command = f"{program} {self.url} {room} /dev/{self.chip} {lamp} {arguments}"
        # Ends with its stdin, as a process that is started so should.
        process = self.machine.spawn(f"{command} & echo $!; cat > /dev/null; kill $!")
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            thread = int(process.stdout.readline())
            assert process.stdout.readline() == "ready\n"
            yield thread
        finally:
            process.stdin.close()
            process.wait(20)

    def first_line(self) -> int:
        """Return the number that the kernel's trace has for line 0 of the chip."""
        found = self.machine.run(f"cat $(dirname $(grep -lx {CHIP} /sys/class/gpio/*/label))/base")
        return int(found)


# -- presses --------------------------------------------------------------------------------------


class Times:
    """Milliseconds of every stage of the presses of one contestant with one hand."""

    def __init__(self) -> None:
        self._stages: dict[str, list[float]] = {}

    def add(self, stage: str, since: float | None, until: float | None) -> None:
        """Note how long it took, unless one of the moments was not seen."""
        if since is not None and until is not None:
            self._stages.setdefault(stage, []).append(1000 * (until - since))

    def of(self, stage: str) -> list[float]:
        return self._stages.get(stage, [])


FILTER = "contact → kernel event"
HANDED_ON = "kernel event → daemon's event"
SENT = "kernel event → request on the wire"
SHOWN = "kernel event → lamp shows that it is on its way"
DONE = "kernel event → lamp shows the answer"
ANSWERED = "request on the wire → lamp shows the answer"
STAGES = (FILTER, HANDED_ON, SENT, SHOWN, DONE, ANSWERED)


def presses(bench: Bench, count: int) -> None:
    """`count` presses of each hand by each contestant, in turn."""
    hands = [
        Hand("key", _key("keypad 1"), _key("keypad 2"), 30, f"key {bench.nodes[1]}"),
        Hand("button", _button(5), _button(7), 31, "line 7 0"),
        Hand("button, bounce_ms 10", _button(6), _button(8), 32, "line 8 10"),
    ]
    with ExitStack() as running:
        threads = running.enter_context(bench.daemon(PRESSED))
        loops = [
            running.enter_context(bench.loop(room, hand.their_lamp, hand.their_arguments))
            for room, hand in zip(THEIR_ROOMS, hands, strict=True)
        ]
        time.sleep(SETTLE_S)
        turns = [(hand, is_ours) for _ in range(count) for hand in hands for is_ours in (1, 0)]
        spread = random.Random(5)
        steps: list[Step] = []
        at_ms = 0.0
        for hand, is_ours in turns:
            steps += _at(hand.ours if is_ours else hand.theirs, at_ms)
            at_ms += spread.uniform(*GAPS_MS)
        kernel_trace.start(bench.machine, [threads["main"]])
        # The machine's time may be far slower than ours.
        done = bench.hands.order("play", steps=steps).result(at_ms / 100 + 60)["at"][::2]
        time.sleep(1)
        trace = kernel_trace.stop(bench.machine)
        first_line = bench.first_line()
    kinds = {hand.name: (Times(), Times()) for hand in hands}
    ends = [*done[2:], float("inf"), float("inf")]
    for (hand, is_ours), began, ended in zip(turns, done, ends, strict=True):
        window = kernel_trace.between(trace, began, ended)
        ours, theirs = kinds[hand.name]
        if is_ours:
            lit = kernel_trace.changed(window, first_line, LAMP)
            event = _note(ours, hand, began, window, threads["valt-presses"], lit)
            woken = f"pid={threads['main']} "
            ours.add(HANDED_ON, event, _first(window, WAKE, threads["inputs"], woken))
        else:
            lit = kernel_trace.changed(window, first_line, [hand.their_lamp])
            _note(theirs, hand, began, window, loops[hands.index(hand)], lit)
    for name, (ours, theirs) in kinds.items():
        _table(name, ours, theirs)


def _note(
    times: Times,
    hand: Hand,
    began: float,
    window: Sequence[Happening],
    sender: int,
    lit: Sequence[float],
) -> float | None:
    """Note the stages that both contestants have; return when the kernel had the event."""
    event = _first(window, KEY if hand.name == "key" else EDGE)
    sent = _first(window, PACKET, sender)
    times.add(FILTER, began, event)
    times.add(SENT, event, sent)
    times.add(SHOWN, event, lit[0] if lit else None)
    times.add(DONE, event, lit[-1] if lit else None)
    times.add(ANSWERED, sent, lit[-1] if lit else None)
    return event


def _first(
    window: Sequence[Happening], name: str, thread: int | None = None, words: str = ""
) -> float | None:
    """When the first of this kind happened; `thread` did it, and `words` are in its line."""
    fitting = (
        happening.at
        for happening in window
        if happening.name == name and thread in (None, happening.thread) and words in happening.text
    )
    return next(fitting, None)


def _table(name: str, ours: Times, theirs: Times) -> None:
    print(f"\n{name}: median, p99 in ms (presses seen); the loop's; ratio of the medians")
    for stage in STAGES:
        columns = []
        for times in (ours.of(stage), theirs.of(stage)):
            if times:
                median, worst = statistics.median(times), percentile(times, 0.99)
                columns.append(f"{median:7.2f} {worst:7.2f} ({len(times)})")
            else:
                columns.append("-")
        ratio = ""
        if ours.of(stage) and theirs.of(stage):
            ratio = f"{statistics.median(ours.of(stage)) / statistics.median(theirs.of(stage)):.2f}"
        print(f"  {stage:50} {columns[0]:24} {columns[1]:24} {ratio}")


# -- waiting --------------------------------------------------------------------------------------


def idle(bench: Bench, idle_s: float) -> None:
    """Wake-ups of every thread with nothing to do, at two poll intervals, to tell the poll's."""
    rates: dict[float, float] = {}
    for poll_interval_s in (1.0, 5.0):
        with bench.daemon(IDLE, poll_interval_s) as threads:
            asked = len(bench.server.requests)
            began, before, cpu_before = _woken(bench.machine, threads)
            time.sleep(idle_s)
            ended, after, cpu_after = _woken(bench.machine, threads)
            polls = (len(bench.server.requests) - asked) / (ended - began)
        per_s = {name: (after[name] - before[name]) / (ended - began) for name in threads}
        rates[poll_interval_s] = sum(per_s.values())
        cpu = 100 * (cpu_after - cpu_before) / (ended - began)
        print(
            f"\nidle for {ended - began:.0f} s at a poll every {poll_interval_s:g} s: "
            f"{rates[poll_interval_s]:.2f} wake-ups/s, {cpu:.2f} % CPU, {polls:.2f} requests/s"
        )
        print("  " + ", ".join(f"{name} {rate:.2f}" for name, rate in per_s.items()))
    poll = (rates[1.0] - rates[5.0]) / (1 / 1.0 - 1 / 5.0)
    print(
        f"a poll: {poll:.1f} wake-ups; beside the poll: {rates[1.0] - poll:.2f} wake-ups/s, goal 2"
    )


def _woken(machine: Machine, threads: dict[str, int]) -> tuple[float, dict[str, int], float]:
    """Return the machine's time, how often each thread ran, and the CPU seconds of all."""
    pid = threads["main"]
    said = machine.run(
        f"cut -d ' ' -f 1 /proc/uptime; cut -d ' ' -f 14,15 /proc/{pid}/stat; getconf CLK_TCK;"
        f" cd /proc/{pid}/task; grep ctxt_switches */status"
    )
    now, cpu, ticks, *lines = said.splitlines()
    counts = dict.fromkeys(threads, 0)
    names = {str(thread): name for name, thread in threads.items()}
    for line in lines:  # 345/status:voluntary_ctxt_switches:	12
        counts[names[line.partition("/")[0]]] += int(line.rpartition(":")[2])
    return float(now), counts, sum(map(int, cpu.split())) / int(ticks)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument(
        "--counted", action="store_true", help="one core, its time counted in instructions"
    )
    parser.add_argument("--idle-s", type=float, default=60.0)
    args = parser.parse_args()
    with ExitStack() as parts:
        bench = Bench(parts, counted=args.counted)
        print(f"{datetime.date.today()}, load of the host {os.getloadavg()[0]:.1f}, the machine:")
        print(bench.machine.run("uname -srm; nproc; /opt/ivsd/bin/python -V").replace("\n", ", "))
        if args.presses:
            presses(bench, args.presses)
            print(f"load of the host {os.getloadavg()[0]:.1f}")
        if args.idle_s:
            idle(bench, args.idle_s)


if __name__ == "__main__":
    main()

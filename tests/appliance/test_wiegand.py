"""Wiegand readers on real lines: every frame is read right or rejected, whatever else runs.

The sender pulls simulated lines in real time, and is itself held up by the machine now and then.
So no read rate is asked for: what counts is that no badge is ever taken for another one.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.appliance.box import CHIP, ROOM, Box
from tests.wiegand_sender import DATA_BITS, frame, key

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.appliance.machine import Machine

CAROLS_PIN = "2580"  # of the simulator's sample world
FORMATS = (26, 34, 37)
READERS = {"front": (20, 21), "back": (22, 23), "side": (24, 25)}
PAD = (26, 27)
FRAMES, ROUNDS = 60, 5
LATE_MS = 8.0
"""After 15 ms the rest of a frame is another one, by chance perhaps of a length that exists."""
SPACING_MS = 170.0
"""From one frame to the next, on three readers in turn. A reader that rejects two frames within
half a second for the same cause tells it once: they are one badge that lies there."""

KEYS = "0123456789*#"


def _frames() -> list[tuple[str, int, int]]:
    """Reader, bits and badge; the same every time, and no badge twice."""
    chance = random.Random(7)
    return [
        (
            list(READERS)[number % len(READERS)],
            bits := FORMATS[number // len(READERS) % len(FORMATS)],
            chance.getrandbits(DATA_BITS[bits]),
        )
        for number in range(2 * FRAMES)
    ]


ALL_FRAMES = _frames()
BOTH = {"idle": ALL_FRAMES[:FRAMES], "busy": ALL_FRAMES[FRAMES:]}


def configuration() -> str:
    """Three readers that take all formats, and a keypad."""
    both = "formats: [26, 34, 37]"
    readers = "".join(
        f"    - {{name: {name}, chip: {CHIP}, data0: {data0}, data1: {data1}, {both}}}\n"
        for name, (data0, data1) in READERS.items()
    )
    return (
        "badges: {rearm_s: 0.5}\ncontrols: {}\ninputs:\n  wiegand:\n"
        f"{readers}"
        f"    - {{name: pad, chip: {CHIP}, data0: {PAD[0]}, data1: {PAD[1]}, role: pin}}\n"
    )


def cards() -> str:
    """A marker for each badge, so that the server's markers say which badges were read."""
    return "cards:\n" + "".join(
        f'  - {{number: "{badge}", action: {{action: marker, name: "B{badge}"}}}}\n'
        for _, _, badge in ALL_FRAMES
    )


SENDER = """
import json, os, sys, time
chip = '/sys/kernel/config/gpio-sim/' + sys.argv[1]
read = lambda name: open(chip + '/' + name).read().strip()
folder = '/sys/devices/platform/' + read('dev_name') + '/' + read('bank0/chip_name')
files = {}
pids = [int(name) for name in os.listdir('/proc') if name.isdigit()]
ours = [pid for pid in pids if open('/proc/%d/comm' % pid).read().startswith('irq/')]
for pid in [0, *(pid for pid in ours if 'ivsd' in open('/proc/%d/comm' % pid).read())]:
    os.sched_setaffinity(pid, {0})
os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
print('held', flush=True)
for raw in sys.stdin:
    late_ms = 0
    for line, gap_ms in json.loads(raw):
        if line not in files:
            files[line] = os.open(folder + '/sim_gpio%d/pull' % line, os.O_WRONLY)
        os.pwrite(files[line], b'pull-down', 0)
        os.pwrite(files[line], b'pull-up', 0)
        until = time.monotonic() + gap_ms / 1000
        while (left := until - time.monotonic()) > 0:
            time.sleep(left - 0.002 if left > 0.003 else 0)
        late_ms = max(late_ms, -left * 1000)
    print(late_ms, flush=True)
"""
"""Sends pulses, and never two closer than they should be when the machine was held up before.

It shares a processor with the kernel's threads that take the edges: when the host holds up one
processor and not the other, the kernel would miss edges that no real reader could make it miss.
"""

Pulse = tuple[int, float]
"""A line, and for how many milliseconds nothing comes after its pulse."""


class Sender:
    """What stands for the readers, in the machine."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def send(self, pulses: list[Pulse]) -> bool:
        """Send all; return whether there was no pause that a reader would not make."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(pulses) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline()) < LATE_MS


@pytest.fixture(scope="module")
def box(machine: Machine) -> Iterator[Box]:
    with Box(machine) as box:
        box.start(configuration(), [*READERS, "pad"], cards())
        yield box


@pytest.fixture(scope="module")
def sender(box: Box) -> Iterator[Sender]:
    with box.other_program(SENDER, CHIP) as process:
        yield Sender(process)


def sent(lines: tuple[int, int], bits: list[int], period_ms: float, then_ms: float) -> list[Pulse]:
    """A frame as a reader sends it: a pulse on DATA0 for a 0, on DATA1 for a 1."""
    pulses = [(lines[bit], period_ms) for bit in bits]
    return [*pulses[:-1], (pulses[-1][0], then_ms)]


def test_every_format_is_read_and_no_frame_wrong(box: Box, sender: Sender) -> None:
    """How many are read is the machine's affair, but of each format some must be."""
    frames = BOTH["idle"]
    formats: set[int] = set()
    for _ in range(ROUNDS):
        read = _all_are_read_right_or_rejected(box, sender, 0, frames)
        formats |= {bits for _, bits, badge in frames if f"B{badge}" in read}
        if formats == set(FORMATS):
            break
    assert formats == set(FORMATS)


def test_no_frame_is_read_wrong_while_both_processors_are_busy(box: Box, sender: Sender) -> None:
    _all_are_read_right_or_rejected(box, sender, 2, BOTH["busy"])


def _all_are_read_right_or_rejected(
    box: Box, sender: Sender, loops: int, frames: list[tuple[str, int, int]]
) -> set[str]:
    """Send all frames, with so many busy loops beside; return what was read."""
    chance = random.Random(loops)
    badges = {badge for _, _, badge in frames}
    box.set_room("recording")
    recording = box.world.view(ROOM).recording
    since, began = box.now(), box.world.wall()

    broken = 0
    with box.busy(loops):
        for reader, bits, badge in frames:
            period_ms = chance.uniform(1.0, 2.0)
            pulses = sent(READERS[reader], frame(bits, badge), period_ms, SPACING_MS)
            broken += not sender.send(pulses)
    box.quiet(1.5)

    outcomes = box.outcomes(since, *READERS)
    (now,) = [one for one in box.recordings() if one.id == recording]
    read = [marker.name for marker in now.markers if marker.created >= began]
    reasons = Counter(line.reason for line in outcomes if line.outcome == "failed")
    results = Counter(line.outcome for line in outcomes)
    print(f"{len(read)} of {FRAMES} frames read, {broken} broken by the sender, {dict(results)}")
    assert set(read) <= {f"B{badge}" for badge in badges}, "a badge that was never shown"
    strangers = sum(count for why, count in reasons.items() if "nobody has" in why)
    assert strangers <= broken, f"badges that were never shown were looked up: {reasons}"
    assert results["done"] == len(read), "a marker is not there, or there twice"
    missing = Counter(reader for reader, _, badge in frames if f"B{badge}" not in read)
    failed = Counter(line.control for line in outcomes if line.outcome == "failed")
    for reader, count in missing.items():
        assert failed[reader] >= count, f"{reader}: {count} frames without a word\n{box.told()}"
    assert box.world.view(ROOM).recording == recording, "a stranger's badge has stopped it"
    return set(read)


def test_a_keypad_types_a_pin(box: Box, sender: Sender) -> None:
    box.set_room("available")
    known = len(box.recordings())
    pulses: list[Pulse] = []
    for sign in f"11*{CAROLS_PIN}#":
        pulses += sent(PAD, key(KEYS.index(sign)), 1.5, 120.0)
    for _ in range(15):
        since = box.now()
        is_whole = sender.send(pulses)
        box.quiet()
        results = [line.outcome for line in box.outcomes(since, "pad")]
        if is_whole or results == ["done"]:
            break
        # A key that could not be read is told so, and then no PIN comes of the others.
        assert len(box.recordings()) == known, box.told()
    assert [one.author for one in box.recordings()[known:]] == [14], box.told()  # Carol


def test_pulses_without_end_and_single_ones_are_no_badge(box: Box, sender: Sender) -> None:
    box.set_room("available")
    box.quiet()
    known, asked = len(box.recordings()), len(box.simulator.requests)
    line, other = READERS["front"]
    since = box.now()
    sender.send([(line, 1.0)] * 300)  # hum, without a pause
    box.quiet()
    assert {one.outcome for one in box.outcomes(since)} <= {"failed"}
    since = box.now()
    sender.send([(other, 60.0)] * 20)
    box.quiet()
    assert not box.outcomes(since)
    looked_up = [one for one in box.simulator.requests[asked:] if "users" in str(one)]
    assert not looked_up, "it was taken for a badge"
    assert len(box.recordings()) == known

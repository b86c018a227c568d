"""Every press is accounted for: at human pace, faster than any hand, and from contacts that bounce.

What the hands did is counted where it is done, in the machine; how it ended is read from the
journal, and what came of it from the server's world.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.appliance import SWEEP
from tests.appliance.box import CHIP, COUNT_KEYS, ROOM, Box
from tests.appliance.hands import Step, tap, typed

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

ALICE, BOB, CAROLS_PIN = "0004711001", "0004711002", "2580"  # of the simulator's sample world
STRANGER = "0009999999"

BY_NUMBER, BY_NAME, RECORD, QUICK, NAME = 5, 6, 7, 8, "BTN_DESK"
DIGITS = [f"KEY_{digit}" for digit in range(10)]
KP_DIGITS = [f"KEY_KP{digit}" for digit in range(10)]
FAST_KEYS = [f"KEY_F{number}" for number in range(1, 9)]

CONFIGURATION = f"""\
badges: {{rearm_s: 1}}
controls:
  record: record_toggle
  number: {{action: marker, name: "M{{count}}"}}
  name: {{action: marker, name: "M{{count}}"}}
  key: {{action: marker, name: "M{{count}}"}}
  begin: start
  f1: marker
  f2: marker
  f3: marker
  quick: marker
  held: {{action: marker, hold: lock, hold_s: 1}}
inputs:
  buttons:
    - {{control: number, chip: {CHIP}, line: {BY_NUMBER}}}
    - {{control: name, chip: {CHIP}, line: {NAME}, pull: down, active: high}}
    - {{control: record, chip: {CHIP}, line: {RECORD}}}
    - {{control: quick, chip: {CHIP}, line: {QUICK}, bounce_ms: 2}}
  keyboards:
    - {{name: reader, match: {{id: "ffff:0035"}}, role: badge}}
    - name: keypad
      match: {{name: Stress Keypad}}
      role: pin
      keys: {{KEY_F1: key, KEY_F2: begin}}
    - {{name: fast one, match: {{name: Fast 1}}, role: keys, keys: {{KEY_F1: f1}}}}
    - {{name: fast two, match: {{name: Fast 2}}, role: keys, keys: {{KEY_F2: f2}}}}
    - {{name: fast three, match: {{name: Fast 3}}, role: keys, keys: {{KEY_F3: f3}}, grab: false}}
    - {{name: flooded, match: {{name: Fast 4}}, role: keys, keys: {{KEY_F4: held}}}}
"""
"""A marker without a recording fails at once and asks nobody: the cheapest press there is."""

BURST = 14
"""Presses of one device at once. The kernel keeps 64 events for a reader of a keyboard, and a
press with its release and their reports is four."""
DEVICES = ("fast one", "fast two", "fast three")
GROWTH_KB = 6_000
"""What 10,000 presses may leave in memory: none of them is kept, but an allocator keeps pages."""


@pytest.fixture(scope="module")
def box(machine: Machine) -> Iterator[Box]:
    with Box(machine, names={BY_NAME: NAME}) as box:
        hands = box.hands
        hands.keyboard(
            "reader", "Stress Reader", ["KEY_ENTER", *DIGITS], vendor=0xFFFF, product=0x0035
        )
        keypad_keys = ["KEY_KPENTER", *KP_DIGITS, *FAST_KEYS]
        hands.keyboard("keypad", "Stress Keypad", keypad_keys)
        for number in (1, 2, 3, 4):
            hands.keyboard(f"fast{number}", f"Fast {number}", FAST_KEYS, repeat=True)
        devices = [
            "button number",
            "button name",
            "button record",
            "button quick",
            *DEVICES,
            "flooded",
        ]
        box.start(CONFIGURATION, ["reader", "keypad", *devices])
        yield box


def button(
    line: int, at_ms: float, held_ms: float = 80.0, *, active_high: bool = False
) -> list[Step]:
    """A button that is pressed and let go."""
    pressed, released = ("up", "down") if active_high else ("down", "up")
    return [
        (at_ms, "pull", CHIP, line, pressed),
        (at_ms + held_ms, "pull", CHIP, line, released),
    ]


def swipe(number: str) -> list[Step]:
    keys = [*(f"KEY_{digit}" for digit in number), "KEY_ENTER"]
    return typed("reader", keys, [3, 6, 4], held_ms=1)


def pin(digits: str) -> list[Step]:
    keys = [*(f"KEY_KP{digit}" for digit in digits), "KEY_KPENTER"]
    return typed("keypad", keys, [60], held_ms=30)


# -- at human pace ------------------------------------------------------------------------------

SESSIONS, MARKS = 5, 38 if SWEEP else 10
GUARD_MS = 3_200.0
"""A recording that has just begun or ended is not changed again by the same sort of press."""
WAYS: list[tuple[str, list[Step]]] = [
    ("record", button(RECORD, 0)),
    ("reader", swipe(ALICE)),
    ("keypad", pin(CAROLS_PIN)),
    ("reader", swipe(BOB)),
]
"""Ways to start and to stop."""


def test_presses_at_human_pace_end_once_each_and_every_marker_is_there(box: Box) -> None:
    since = box.now()
    pid = box.pid()
    pressed: Counter[str] = Counter()
    for number in range(SESSIONS):
        begin, end = WAYS[number % 4], WAYS[(number + 2) % 4]
        _do(box, pressed, *begin, after_ms=GUARD_MS)
        box.wait(lambda: box.world.view(ROOM).status == "recording", "a recording")
        _mark(box, pressed)
        _do(box, pressed, "keypad-key", tap("keypad", "KEY_F2", held_ms=60))  # it runs already
        _do(box, pressed, *end, after_ms=1_000.0)  # else it is “just started”
        box.wait(lambda: box.world.view(ROOM).status == "available", "no recording")
    _do(box, pressed, "reader", swipe(STRANGER), after_ms=GUARD_MS)
    box.quiet()

    seen = Counter(line.control for line in box.outcomes(since))
    wanted = Counter({"begin": pressed.pop("keypad-key")}) + pressed
    assert sum(wanted.values()) >= (200 if SWEEP else 60)
    assert seen == wanted, box.told()
    results = Counter((line.control, line.outcome) for line in box.outcomes(since))
    assert results["begin", "ignored"] == SESSIONS  # "already recording"
    assert results["reader", "failed"] == 1, "nobody has that badge"
    done = [
        line.reason.split("“")[1].split("”")[0]
        for line in box.outcomes(since, "number", "name", "key")
        if line.outcome == "done"
    ]
    assert len(done) == SESSIONS * MARKS
    there = [[marker.name for marker in one.markers] for one in box.recordings()]
    assert len(there) == SESSIONS
    for names in there:
        assert len(set(names)) == len(names), "a marker is there twice"
    assert sorted(itertools.chain(*there)) == sorted(done)
    assert box.pid() == pid


def _do(
    box: Box, pressed: Counter[str], control: str, steps: list[Step], after_ms: float = 0.0
) -> None:
    pressed[control] += 1
    began = box.now()
    box.play([(step[0] + after_ms, *step[1:]) for step in steps])
    control = "begin" if control == "keypad-key" else control
    box.answer(began, control)


def _mark(box: Box, pressed: Counter[str]) -> None:
    steps: list[Step] = []
    for number in range(MARKS):
        at_ms = number * 180.0
        control = ("number", "name", "key")[number % 3]
        pressed[control] += 1
        steps += {
            "number": button(BY_NUMBER, at_ms),
            "name": button(BY_NAME, at_ms, active_high=True),
            "key": tap("keypad", "KEY_F1", at_ms, held_ms=70),
        }[control]
    began = box.now()
    box.play(steps)
    marks = ("number", "name", "key")
    box.wait(lambda: len(box.outcomes(began, *marks)) >= MARKS, "the outcomes of all markers")


# -- at inhuman speed -----------------------------------------------------------------------------


def _lost(box: Box, since: float) -> dict[str, int]:
    """What the box says it has lost, for each device: at least so much."""
    lost: Counter[str] = Counter()
    for line in box.lines(since, "since ivsd began"):
        if match := re.fullmatch(r"(.+): lost \w+: (\d+) since ivsd began", line.text):
            lost[match[1]] = int(match[2])
    return lost


def test_thousands_of_presses_at_inhuman_speed_all_have_their_outcome(box: Box) -> None:
    box.set_room("available")
    pid = box.pid()
    for _ in range(10):  # what is loaded or allocated once
        _burst(box)
    box.quiet()
    before_kb = box.memory_kb()
    since = box.now()

    bursts = 235 if SWEEP else 40
    steady = sum(_burst(box) for _ in range(bursts))
    box.quiet(2.0)

    seen = Counter(line.control for line in box.outcomes(since))
    print(f"{bursts} bursts took {box.now() - since:.0f} s: {dict(seen)}")
    assert 3 * BURST * bursts + steady >= (10_000 if SWEEP else 1_600)
    assert not _lost(box, since)
    for control in ("f1", "f2", "f3"):
        assert seen[control] == BURST * bursts, control
    assert steady <= seen["quick"] <= bursts, f"{steady} of {bursts} presses were long enough"
    assert {line.outcome for line in box.outcomes(since)} == {"failed"}
    grown_kb = box.memory_kb() - before_kb
    print(f"grown by {grown_kb} KB")
    assert grown_kb < GROWTH_KB
    assert box.pid() == pid
    _next_press_works(box)


def _burst(box: Box) -> bool:
    """Three devices at once, as fast as uinput takes them, and a button beside.

    Returns, when the keys have their outcomes, whether the button was down for long enough.
    """
    steps = button(QUICK, 0, held_ms=15)
    for which in (1, 2, 3):
        for _ in range(BURST):
            steps += tap(f"fast{which}", f"KEY_F{which}", 1.0, held_ms=0)
    steps.sort(key=lambda step: step[0])
    steps.append((30.0, "pull", CHIP, QUICK, "up"))
    since = box.now()
    at = box.play(steps)
    box.wait(
        lambda: len(box.outcomes(since, "f1", "f2", "f3")) >= 3 * BURST,
        "the outcomes of a burst",
        within_s=30,
    )
    return min(at[-2] - at[0], at[-1] - at[-2]) > 0.01


def test_more_than_the_kernel_keeps_is_told_as_lost_and_leaves_no_key_stuck(box: Box) -> None:
    box.set_room("available")
    since = box.now()
    pid, count = box.pid(), 3_000
    # The kernel says that it has dropped events, not how many: told is that some are missing.
    box.play([step for _ in range(count) for step in tap("fast4", "KEY_F4", held_ms=0)])
    box.quiet(2.0)

    seen, told = box.outcomes(since, "held"), _lost(box, since)
    print(f"pressed {count}, outcomes {len(seen)}, told as lost {told}")
    assert len(seen) == count or told.get("flooded")
    assert len(seen) <= count
    # A key that was taken for held down would have locked the room a second later.
    assert not [line for line in seen if "lock" in line.fields["IVSD_ACTION"]], box.told()
    assert box.world.view(ROOM).status == "available"
    assert box.pid() == pid
    began = box.now()
    box.play(tap("fast4", "KEY_F4", held_ms=40))
    assert box.answer(began, "held", within_s=3).fields["IVSD_ACTION"] == "marker"
    _next_press_works(box)


def _next_press_works(box: Box) -> None:
    for device, control in ((1, "f1"), (2, "f2"), (3, "f3")):
        began = box.now()
        box.play(tap(f"fast{device}", f"KEY_F{device}", held_ms=40))
        box.answer(began, control, within_s=2)
    box.quiet(0.5)
    assert len(box.outcomes(began)) == 1


# -- contacts and keys ----------------------------------------------------------------------------


STEADY_S, SHORT_S = 0.025, 0.008
"""Surely longer, and surely shorter, than the filter of 10 ms."""
TRIES, MOST_TRIES = 50, 200
"""The machine is held up by its host at times: what was not made as it should be is made again."""


def test_a_bouncing_contact_is_one_press_each_time(box: Box) -> None:
    box.set_room("available")
    box.quiet()
    since = box.now()
    pressed = made = 0
    while made < TRIES and pressed < MOST_TRIES:
        pressed += 1
        made += _bounce(box, edges=5 + pressed % 6)
    box.quiet()
    seen = len(box.outcomes(since, "number"))
    print(f"{made} of {pressed} contacts bounced as they should, {seen} presses")
    assert made >= TRIES / 2, "the machine held up the contact all the time: nothing was tried"
    assert made <= seen <= pressed, box.told()
    assert not _lost(box, since)


def _bounce(box: Box, edges: int) -> bool:
    """Press and let go with so many edges within 5 ms each; return whether it was made so."""
    steps: list[Step] = []
    for way, other, at_ms in (("down", "up", 0.0), ("up", "down", 70.0)):
        for edge in range(edges):
            pull = way if (edges - edge) % 2 else other
            steps.append((at_ms + edge * 5 / edges, "pull", CHIP, BY_NUMBER, pull))
    at = box.play([*steps, (140, "pull", CHIP, BY_NUMBER, "up")], urgent=True)
    first_down, last_down, first_up, last_up = at[0], at[edges - 1], at[edges], at[-2]
    bounced_s = max(last_down - first_down, last_up - first_up)
    steady_s = min(first_up - last_down, at[-1] - last_up)
    return bounced_s < SHORT_S and steady_s > STEADY_S


def test_a_spike_shorter_than_the_filter_is_nothing(box: Box) -> None:
    box.set_room("available")
    box.quiet()
    since = box.now()
    made = tried = 0
    while made < TRIES and tried < MOST_TRIES:
        tried += 1
        over = (3.0, "pull", CHIP, BY_NUMBER, "up")  # for the time when it was over
        steps = [*button(BY_NUMBER, 0, held_ms=3), over, (50.0, "pull", CHIP, BY_NUMBER, "up")]
        at = box.play(steps, urgent=True)
        made += at[2] - at[0] < SHORT_S
    box.quiet()
    seen = len(box.outcomes(since, "number"))
    print(f"{made} of {tried} spikes were short, {seen} presses")
    assert made >= TRIES / 2, "the machine cannot make short spikes: nothing was tried"
    assert seen <= tried - made, box.told()


def test_a_level_longer_than_the_filter_is_a_press(box: Box) -> None:
    box.set_room("available")
    box.quiet()
    since = box.now()
    made = tried = 0
    while made < TRIES and tried < MOST_TRIES:
        tried += 1
        released = (80.0, "pull", CHIP, BY_NUMBER, "up")
        at = box.play([*button(BY_NUMBER, 0, held_ms=40), released], urgent=True)
        made += min(at[1] - at[0], at[2] - at[1]) > STEADY_S
    box.quiet()
    seen = len(box.outcomes(since, "number"))
    assert made >= TRIES / 2, "the machine cannot make such levels: nothing was tried"
    assert made <= seen <= tried, box.told()


def test_a_key_that_the_kernel_repeats_is_pressed_once(box: Box) -> None:
    # A device that ivsd has not for itself alone: another program sees what the kernel sends.
    box.set_room("available")
    since = box.now()
    event = box.machine.run("grep -lx 'Fast 3' /sys/class/input/event*/device/name").split("/")[4]
    with box.other_program(COUNT_KEYS, f"/dev/input/{event}") as counting:
        box.play(tap("fast3", "KEY_F3", held_ms=1500))
        assert counting.stdin is not None
        assert counting.stdout is not None
        counting.stdin.write("\n")
        counting.stdin.flush()
        downs, repeats = map(int, counting.stdout.readline().split())
    assert downs == 1
    assert repeats > 10, "the kernel did not repeat the key: nothing was tried"
    box.quiet()
    assert [line.outcome for line in box.outcomes(since)] == ["failed"]

"""Lamps of every kind at the kernel: what they show, and that they are dark when nobody drives.

gpio-sim has a line read its pull once nobody holds it. So the lines of this test are pulled to
what lights their lamp: dark is then only what the box makes dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.appliance import LONG
from tests.appliance.box import CHIP, HOLD_LINE, ROOM, Box
from tests.appliance.hands import Change, tap

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

ONE, INVERTED, LEDS, RGB, BUZZER, SIGN = 10, 11, (12, 13, 14), (15, 16, 17), 18, 19
LINES = [ONE, INVERTED, *LEDS, *RGB, BUZZER, SIGN]

CONFIGURATION = f"""\
controls:
  refused: marker
  lock: lock_toggle
inputs:
  keyboards:
    - name: keys
      match: {{name: Lamp Keys}}
      role: keys
      keys: {{KEY_F1: refused, KEY_F2: lock}}
lights:
  lamps:
    - {{name: one, chip: {CHIP}, lines: [{ONE}]}}
    - {{name: inverted, chip: {CHIP}, lines: [{INVERTED}], active: low}}
    - name: traffic
      kind: leds
      colours: [red, yellow, green]
      chip: {CHIP}
      lines: {list(LEDS)}
    - {{name: status, kind: rgb, chip: {CHIP}, lines: {list(RGB)}}}
    - {{name: buzzer, kind: buzzer, chip: {CHIP}, lines: [{BUZZER}]}}
    - {{name: sign, shows: recording, chip: {CHIP}, lines: [{SIGN}]}}
    - {{name: own, devices: ["input*::misc"]}}
    - {{name: compose, devices: ["input*::compose"]}}
    - name: kana
      devices: ["input*::kana"]
      stopped: {{pattern: on}}
"""

DARK = {ONE: 0, INVERTED: 1, SIGN: 0, BUZZER: 0} | dict.fromkeys([*LEDS, *RGB], 0)
GREEN = DARK | {LEDS[2]: 1, RGB[1]: 1}
"""The room is free: a lamp of one colour is dark then."""
RED = DARK | {ONE: 1, INVERTED: 0, LEDS[0]: 1, RGB[0]: 1, SIGN: 1}


@pytest.fixture(scope="module")
def box(machine: Machine) -> Iterator[Box]:
    with Box(machine) as box:
        # The PC's own keyboard has the usual LEDs.
        box.hands.keyboard("keys", "Lamp Keys", ["KEY_F1", "KEY_F2"], leds=["LED_MISC"])
        box.hands.keyboard("lit", "Lamp LEDs", ["KEY_F3"], leds=["LED_COMPOSE", "LED_KANA"])
        light_by_themselves(box)
        box.start(CONFIGURATION, ["keys"])
        yield box


def light_by_themselves(box: Box) -> None:
    """Pull every line to where its lamp is lit; for lines that nobody holds."""
    box.play([(0, "pull", CHIP, line, "down" if line == INVERTED else "up") for line in LINES])


@contextmanager
def watched(box: Box) -> Iterator[None]:
    """Every change of the lines is seen."""
    box.seen.clear()
    box.hands.watch("lines", [(CHIP, line) for line in LINES], period_ms=1)
    try:
        yield
    finally:
        box.hands.do("unwatch", name="lines")


def kernel_leds(box: Box) -> dict[str, int]:
    """What the LED class devices are lit with."""
    return {
        name: int(box.machine.run(f"cat /sys/class/leds/input*::{name}/brightness"))
        for name in ("compose", "kana")
    }


def shows(box: Box, wanted: dict[int, int], what: str) -> None:
    """Wait until the lines have these levels."""
    for _ in range(60):
        seen = {line: box.level(line) for line in wanted}
        if seen == wanted:
            return
    raise AssertionError(f"{what}: {seen} in place of {wanted}\n{box.told()}")


def test_every_kind_shows_what_the_room_is(box: Box) -> None:
    box.set_room("available")
    shows(box, GREEN, "available")
    box.set_room("recording")
    shows(box, RED, "recording")
    box.set_room("available")
    shows(box, GREEN, "available again")
    box.world.lock(ROOM)
    since = box.now()
    with watched(box):
        box.wait_for_polls(5)
    box.world.unlock(ROOM)
    seen = _seen(box, since)
    # A lamp of one colour blips; without a blue LED all LEDs are lit in its place.
    assert {levels[ONE] for levels in seen} == {0, 1}
    assert seen[-1] == seen[-1] | dict.fromkeys((SIGN, *RGB[:2]), 0) | {RGB[2]: 1}


def _changes(box: Box, since: float) -> list[Change]:
    """What the watch of all lines saw."""
    return [change for looked in box.seen for change in looked.changes if change.at >= since]


def _seen(box: Box, since: float) -> list[dict[int, int]]:
    return [
        dict(zip(LINES, map(int, change.levels), strict=True)) for change in _changes(box, since)
    ]


def test_the_buzzer_sounds_the_answer_to_a_press_and_nothing_else(box: Box) -> None:
    box.set_room("available")
    shows(box, GREEN, "available")
    with watched(box):
        since = box.now()
        box.set_room("recording")
        shows(box, RED, "recording")
        box.set_room("available")
        shows(box, GREEN, "available")
        assert not any(levels[BUZZER] for levels in _seen(box, since)), "it sounds by itself"

        since = box.now()
        box.play(tap("keys", "KEY_F1", held_ms=40))
        assert box.answer(since, "refused").outcome == "failed"
        box.wait_for_polls(4)
    sounded = [levels[BUZZER] for levels in _seen(box, since)]
    beeps = sum(a == 0 and b == 1 for a, b in zip([0, *sounded], sounded, strict=False))
    assert beeps == 2, sounded  # refused: twice


def test_all_are_made_dark_after_a_crash_and_lit_again_by_the_next_start(box: Box) -> None:
    box.set_room("recording")
    shows(box, RED, "recording")
    pid = box.pid()
    with watched(box), traced(box):
        since = box.now()
        box.machine.run(f"kill -9 {pid}")
        box.wait_for(since, "keys: ready", within_s=40)
        shows(box, RED, "recording, after the next start")
        driven = _driven(box)
    assert box.pid() not in (0, pid)
    for change in _changes(box, since):  # nobody's lines read their pull
        print(f"{(change.at - since) * 1000:7.0f} ms after kill -9: {change.levels}")
    first = {line: levels[0] for line, levels in driven.items()}
    assert first == DARK, "before anything else each line is made dark"


def test_all_are_dark_after_a_stop(box: Box) -> None:
    box.set_room("recording")
    shows(box, RED, "recording")
    with traced(box):
        box.stop()
        driven = _driven(box)
    assert {line: levels[-1] for line, levels in driven.items()} == DARK


def test_the_kernels_leds_go_on_with_the_set_look_after_stop_and_crash(box: Box) -> None:
    box.restart(["keys"])
    box.set_room("recording")
    shows(box, RED, "recording")
    assert kernel_leds(box) == {"compose": 1, "kana": 1}
    since = box.now()
    # The kernel leaves its LEDs as they are until somebody sets them.
    box.machine.run(
        f"kill -9 {box.pid()}; led=$(echo /sys/class/leds/input*::compose/brightness); "
        "for n in $(seq 3000); do [ $(cat $led) = 0 ] && exit 0; done; exit 1"
    )
    print(f"dark {box.now() - since:.1f} s after kill -9")
    box.wait_for(since, "keys: ready", within_s=40)
    shows(box, RED, "recording, after the next start")
    box.stop()
    assert kernel_leds(box) == {"compose": 0, "kana": 1}


@pytest.mark.xfail(
    strict=True,
    reason="the kernel drops what LED class devices ask of a keyboard that another handle has"
    " grabbed (input_inject_event): grab, which is the default, makes its LEDs dark without a word",
)
def test_the_led_of_a_keyboard_that_ivsd_has_for_itself_is_lit_or_told_as_lost(box: Box) -> None:
    since = box.restart(["keys"])
    lit = []
    for status in ("available", "recording"):
        box.set_room(status)
        lit.append(int(box.machine.run("cat /sys/class/leds/input*::misc/brightness")))
    box.stop()
    assert lit == [0, 1] or box.lines(since, "lamp own")


@LONG
def test_a_lamp_whose_line_is_taken_stops_nothing_and_comes_back(box: Box) -> None:
    box.stop()
    with box.other_program(HOLD_LINE, CHIP, str(RGB[1]), "door-opener"):
        since = box.start(CONFIGURATION, ["keys"])
        line = box.wait_for(since, "lamp status: ")
        assert line.text.endswith("is in use by door-opener"), line.text
        box.set_room("recording")
        shows(box, {line: RED[line] for line in RED if line not in RGB}, "the other lamps")
        box.play(tap("keys", "KEY_F1", held_ms=40))
        box.answer(since, "refused")
    since = box.now()
    box.wait_for(since, "lamp status: ready", within_s=35)  # tried again every 30 s
    shows(box, RED, "the lamp is back")
    assert len(box.lines(since, "lamp status")) == 1


TRACING = "/sys/kernel/tracing"


@contextmanager
def traced(box: Box) -> Iterator[None]:
    """The kernel notes every level that is given to a line, however short it lasts."""
    enable = f"{TRACING}/events/gpio/gpio_value/enable"
    box.machine.run(f"echo > {TRACING}/trace; echo 1 > {enable}; echo 1 > {TRACING}/tracing_on")
    try:
        yield
    finally:
        box.machine.run(f"echo 0 > {enable}")


def _driven(box: Box) -> dict[int, list[int]]:
    """The levels that were given to each line, in their order."""
    chip = f"$(dirname $(grep -lx {CHIP} /sys/class/gpio/gpiochip*/label))"
    base = int(box.machine.run(f"cat {chip}/base"))
    trace = box.machine.run(f"cat {TRACING}/trace")
    driven: dict[int, list[int]] = {line: [] for line in LINES}
    for number, level in re.findall(r"gpio_value: (\d+) set (\d)", trace):
        if int(number) - base in driven:
            driven[int(number) - base].append(int(level))
    return driven

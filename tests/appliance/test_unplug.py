"""Devices that are plugged in and out, in any order, at any moment, while others are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.appliance import LONG
from tests.appliance.box import CHIP, HOLD_KEYS, HOLD_LINE, ROOM, Box
from tests.appliance.hands import Hands, HandsError, Step, tap, typed

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

ROUNDS = 15
PLUGGED_WITHIN_S, HELD_UP_WITHIN_S = 1.0, 5.0
"""Mostly; and when the host holds the machine up."""
STEADY_S = 0.035  # surely longer than a button's filter of 10 ms
ALICE, CAROLS_PIN = "0004711001", "2580"  # of the simulator's sample world

DIGITS = [f"KEY_{digit}" for digit in range(10)]
KP_DIGITS = [f"KEY_KP{digit}" for digit in range(10)]

USB_PATH = "/dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard_CARD01-event-kbd"

CONTROLS = """\
badges: {rearm_s: 0.5}
controls:
  load1: marker
  load2: marker
  key: marker
  led: marker
"""
BUTTON = f"    - {{control: load1, chip: {CHIP}, line: 5}}\n"
LOAD = "    - {name: load keys, match: {name: Load Keys}, role: keys, keys: {KEY_F2: load2}}\n"
READER = '    - {name: reader, match: {id: "ffff:0035"}, role: badge}\n'
KEYPAD = "    - {name: keypad, match: {name: Keypad}, role: pin, keys: {KEY_F1: key}}\n"
# Not grabbed: the kernel lets nobody light the LEDs of a keyboard that somebody has for himself.
LIT = """\
    - {name: lit keys, match: {name: Lit Keys}, role: keys, keys: {KEY_F3: led}, grab: false}
"""
USB = f"    - {{name: usb, match: {{path: {USB_PATH}}}, role: pin}}\n"
LAMP = """\
lights:
  lamps:
    - {name: lit, devices: ["input*::compose"]}
"""
BY_LOAD = ["button load1", "load keys"]


def configured(buttons: str, keyboards: str, more: str = "") -> str:
    """A configuration with these devices."""
    return f"{CONTROLS}inputs:\n  buttons:\n{buttons}  keyboards:\n{keyboards}{more}"


@pytest.fixture(scope="module")
def box(machine: Machine) -> Iterator[Box]:
    with Box(machine) as box, Hands(machine) as others:
        # A program of its own: plugging in and out must not hold up who presses.
        others.keyboard("load", "Load Keys", ["KEY_F2"])
        box.others = others
        yield box


def plug_reader(box: Box, device: str = "reader") -> None:
    box.hands.keyboard(
        device, "Unplug Reader", ["KEY_ENTER", *DIGITS], vendor=0xFFFF, product=0x0035
    )


def plug_keypad(box: Box) -> None:
    box.hands.keyboard("keypad", "Keypad", ["KEY_KPENTER", "KEY_F1", *KP_DIGITS])


def plug_lit_keys(box: Box) -> None:
    leds = ["LED_COMPOSE"]  # the PC's own keyboard has the usual ones
    box.hands.keyboard("lit", "Lit Keys", ["KEY_F3"], leds=leds)


def plug_all(box: Box) -> None:
    for plug in (plug_reader, plug_keypad, plug_lit_keys):
        plug(box)


DEVICES = ("reader", "twin", "keypad", "lit")


def unplug(box: Box, device: str) -> None:
    box.hands.do("remove_keyboard", device=device)


def swipe(number: str = ALICE, device: str = "reader") -> list[Step]:
    keys = [*(f"KEY_{digit}" for digit in number), "KEY_ENTER"]
    return typed(device, keys, [4], held_ms=1)


def pin(digits: str = CAROLS_PIN) -> list[Step]:
    keys = [*(f"KEY_KP{digit}" for digit in digits), "KEY_KPENTER"]
    return typed("keypad", keys, [60], held_ms=30)


class Load:
    """A button and a key that are pressed all the time; cheap presses, each with its outcome."""

    PERIOD_MS = 120.0

    def __init__(self, box: Box) -> None:
        self._box = box
        self._since = box.now()
        self._count = 0  # of each
        self._playing: list[Future[dict[str, Any]]] = []

    def press_for(self, seconds: float) -> None:
        """Go on for so long, besides what else is done."""
        count = int(seconds * 1000 / self.PERIOD_MS)
        steps: list[Step] = []
        for number in range(count):
            at_ms = number * self.PERIOD_MS
            steps += tap("load", "KEY_F2", at_ms, held_ms=5)
            steps.append((at_ms + 10, "pull", CHIP, 5, "down"))
            steps.append((at_ms + 60, "pull", CHIP, 5, "up"))
        self._count += count
        self._playing.append(self._box.others.order("play", steps=steps))

    @property
    def is_over(self) -> bool:
        return all(play.done() for play in self._playing)

    def check(self) -> None:
        """Every press of it has its outcome."""
        pressed = 0
        for play in self._playing:
            at = play.result(120)["at"]
            downs, ups = at[2::4], at[3::4]
            rests = [1.0, *(down - up for up, down in zip(ups, downs[1:], strict=False))]
            pressed += sum(
                up - down > STEADY_S and rest > STEADY_S
                for down, up, rest in zip(downs, ups, rests, strict=True)
            )
        self._box.quiet()
        keys = len(self._box.outcomes(self._since, "load2"))
        assert keys == self._count, f"{keys} of {self._count} keys"
        # A contact that the machine let go too early was none, for the kernel's filter.
        buttons = len(self._box.outcomes(self._since, "load1"))
        assert pressed <= buttons <= self._count, f"{buttons} of {pressed} to {self._count}"
        assert not self._box.lines(self._since, "lost")


def rounds(
    box: Box,
    name: str,
    out: Callable[[], object],
    back: Callable[[], object],
) -> None:
    """Unplug and plug in again, under load; `name` is how the box calls the device."""
    load = Load(box)
    pid = box.pid()
    since = box.now()
    load.press_for(ROUNDS * 1.0)
    late_ms = []
    for _ in range(ROUNDS):
        if load.is_over:
            load.press_for(5)
        began = box.now()
        out()
        box.wait_for(began, f"{name}: not found", within_s=5)
        plugged_at = box.now()
        back()
        ready = box.wait_for(plugged_at, f"{name}: ready")
        late_ms.append((ready.at - plugged_at) * 1000)
    load.check()
    told = box.lines(since, name)
    problems = [line.text for line in told if not line.text.endswith(": ready")]
    late_ms.sort()
    print(f"{name}: ready {late_ms[0]:.0f} to {late_ms[-1]:.0f} ms after it was plugged in")
    assert len(told) - len(problems) == ROUNDS, box.told()
    assert len(problems) == ROUNDS, box.told()
    assert late_ms[len(late_ms) // 2] <= PLUGGED_WITHIN_S * 1000, late_ms
    assert late_ms[-1] <= HELD_UP_WITHIN_S * 1000, late_ms
    assert box.pid() == pid


# -- unplugged and plugged in again ---------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(box: Box) -> Box:
    """The box with all kinds of devices, running."""
    plug_all(box)
    everything = configured(BUTTON, LOAD + READER + KEYPAD + LIT, LAMP)
    box.start(everything, [*BY_LOAD, "reader", "keypad", "lit keys"])
    return box


def test_a_badge_reader_under_load(loaded: Box) -> None:
    rounds(loaded, "reader", lambda: unplug(loaded, "reader"), lambda: plug_reader(loaded))
    since = loaded.type(swipe())
    assert loaded.answer(since, "reader").outcome == "done"
    loaded.set_room("available")


@LONG
def test_a_keypad_under_load(loaded: Box) -> None:
    rounds(loaded, "keypad", lambda: unplug(loaded, "keypad"), lambda: plug_keypad(loaded))
    since = loaded.type(pin())
    assert loaded.answer(since, "keypad").outcome == "done"
    loaded.set_room("available")


@LONG
def test_a_keyboard_with_lamps_under_load(loaded: Box) -> None:
    rounds(loaded, "lit keys", lambda: unplug(loaded, "lit"), lambda: plug_lit_keys(loaded))
    loaded.set_room("recording")
    # A lamp is looked for every 30 s: nobody tells of an LED.
    loaded.wait(lambda: ("LED_COMPOSE", 1) in _leds(loaded), "the lamp is lit again", within_s=40)
    loaded.set_room("available")


def _leds(box: Box) -> list[tuple[str, int]]:
    return [(name, value) for _, name, value in box.hands.do("leds", device="lit")["leds"]]


# -- none, order, twins, halves -------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(box: Box) -> Box:
    """The box, started while none of its readers and keypads were there."""
    for device in DEVICES:
        with suppress(HandsError):
            unplug(box, device)
    since = box.start(configured(BUTTON, READER + KEYPAD + USB), ["button load1"])
    for name in ("reader", "keypad", "usb"):
        box.wait_for(since, f"{name}: not found")
    return box


def test_started_without_devices_it_takes_them_when_they_come(bare: Box) -> None:
    since = bare.now()
    for name, plug in (("keypad", plug_keypad), ("reader", plug_reader)):
        plugged_at = bare.now()
        plug(bare)
        ready = bare.wait_for(plugged_at, f"{name}: ready")
        print(f"{name}: ready {(ready.at - plugged_at) * 1000:.0f} ms after it was plugged in")
        assert ready.at - plugged_at <= PLUGGED_WITHIN_S
    assert not bare.lines(since, "not found"), "it was told at the start"
    bare.quiet(0.3)  # what comes right after the opening may have begun before it
    since = bare.type(swipe())
    assert bare.answer(since, "reader").outcome == "done"
    bare.set_room("available")


def test_plugged_in_in_the_wrong_order_each_is_what_it_was(bare: Box) -> None:
    events = []
    for order in ((plug_reader, plug_keypad), (plug_keypad, plug_reader)):
        for device in DEVICES:
            with suppress(HandsError):
                unplug(bare, device)
        since = bare.now()
        for plug in order:
            plug(bare)
        for name in ("reader", "keypad"):
            bare.wait_for(since, f"{name}: ready", within_s=5)
        events.append([event_of(bare, name) for name in ("Unplug Reader", "Keypad")])
    assert events[0] == events[1][::-1], "the event numbers were not exchanged"

    bare.set_room("available")
    known = len(bare.recordings())
    since = bare.type(swipe())
    assert bare.answer(since, "reader").outcome == "done"
    assert [one.author for one in bare.recordings()[known:]] == [12]  # Alice
    bare.set_room("recording")
    since = bare.type(pin())
    assert bare.answer(since, "keypad").outcome == "done"
    bare.wait(lambda: bare.world.view(ROOM).status == "available", "the PIN stops")


def test_a_device_that_stays_away_is_told_once(bare: Box) -> None:
    with suppress(HandsError):
        plug_keypad(bare)
    bare.quiet()
    since = bare.now()
    unplug(bare, "keypad")
    bare.wait_for(since, "keypad: not found")
    bare.quiet(5.0)
    told = bare.lines(since, "keypad: ")
    plug_keypad(bare)
    bare.wait_for(since, "keypad: ready")
    assert len(told) == 1, [line.text for line in told]


def event_of(box: Box, name: str) -> str:
    """The event device that is called so, such as event3."""
    return box.machine.run(f"grep -lx '{name}' /sys/class/input/event*/device/name").split("/")[4]


def test_half_a_number_never_joins_the_next(bare: Box) -> None:
    since = bare.now()
    with suppress(HandsError):
        plug_reader(bare)
        bare.wait_for(since, "reader: ready")
    bare.set_room("available")
    half = len(ALICE) // 2
    known = len(bare.recordings())
    for _ in range(3):
        since = bare.now()
        bare.play(swipe(ALICE[:half])[: 2 * half])  # without Enter
        unplug(bare, "reader")
        plug_reader(bare)
        bare.wait_for(since, "reader: ready")
        bare.play(swipe(ALICE[half:]))
        bare.answer(since, "reader")
        bare.quiet()
        assert {line.outcome for line in bare.outcomes(since)} == {"failed"}, bare.told()
        assert len(bare.recordings()) == known
    since = bare.type(swipe())
    assert bare.answer(since, "reader").outcome == "done"
    bare.set_room("available")


@pytest.mark.parametrize("port", ["4", "1.2"], ids=["on a socket", "behind a hub"])
def test_a_real_usb_keyboard(bare: Box, port: str) -> None:
    monitor = bare.machine.monitor
    with ExitStack() as plugged:
        if "." in port:
            monitor("device_add usb-hub,id=hub,bus=xhci.0,port=1")
            plugged.callback(monitor, "device_del hub")
        for _ in range(3):
            plugged_at = bare.now()
            monitor(f"device_add usb-kbd,id=card,bus=xhci.0,port={port},serial=CARD01")
            try:
                ready = bare.wait_for(plugged_at, "usb: ready")
                print(f"usb: ready {(ready.at - plugged_at) * 1000:.0f} ms after it was plugged in")
                bare.machine.run(f"test -e {USB_PATH}")
                bare.set_room("available")
                began = bare.now()
                for key in (*CAROLS_PIN, "kp_enter"):
                    monitor(f"sendkey {key} 20")
                    bare.hands.do("now")  # one after the other
                assert bare.answer(began, "usb").outcome == "done", bare.told()
            finally:
                out_at = bare.now()
                monitor("device_del card")
            bare.wait_for(out_at, "usb: not found")


@LONG
def test_an_equal_reader_beside_the_one_in_use_changes_nothing(bare: Box) -> None:
    since = bare.now()
    with suppress(HandsError):
        plug_reader(bare)
        bare.wait_for(since, "reader: ready")
    bare.set_room("available")
    bare.quiet()
    since = bare.now()
    plug_reader(bare, "twin")
    bare.play(swipe(device="twin"))
    bare.quiet()
    assert not bare.lines(since, "reader"), "the twin is none of ours"
    since = bare.type(swipe())
    assert bare.answer(since, "reader").outcome == "done"

    since = bare.restart(["button load1"])
    line = bare.wait_for(since, "reader: several devices fit id ffff:0035")
    assert line.text.count("/dev/input/event") == 2
    unplug(bare, "twin")
    bare.wait_for(since, "reader: ready", within_s=35)


# -- others have it -------------------------------------------------------------------------------


def test_what_another_program_has_is_told_and_taken_when_it_is_free(box: Box) -> None:
    for device in DEVICES:
        with suppress(HandsError):
            unplug(box, device)
    box.stop()
    plug_reader(box)
    path = f"/dev/input/{event_of(box, 'Unplug Reader')}"
    holding_line = box.other_program(HOLD_LINE, CHIP, "5", "door-opener")
    with box.other_program(HOLD_KEYS, path), holding_line:
        since = box.start(configured(BUTTON, LOAD + READER), ["load keys"])
        box.wait_for(since, "reader: another program has taken the device")
        line = box.wait_for(since, "button load1 on 5: ")
        assert line.text.endswith("is in use by door-opener"), line.text
        box.others.play(tap("load", "KEY_F2"))
        assert box.answer(since, "load2").outcome == "failed"  # nothing is recorded
    since = box.now()
    # Nobody tells that they are free: all that is missing is tried every 30 s.
    box.wait_for(since, "button load1 on 5: ready", within_s=35)
    box.wait_for(since, "reader: ready")
    box.play([(0, "pull", CHIP, 5, "down"), (90, "pull", CHIP, 5, "up")], urgent=True)
    assert box.answer(since, "load1").outcome == "failed"
    since = box.type(swipe())
    assert box.answer(since, "reader").outcome == "done"

"""Checks our gpiozero pins on lines of this machine's kernel; runs in the guest, as root.

A line of JSON for each check: `name`, `ok`, and a `detail` that says what was wrong. The first
part is what gpiozero expects of any pin factory, the second what ours promises beyond it. The
lines are gpio-sim's: `Bench` is the hand and the eye on them, from the other side of the kernel.
"""

from __future__ import annotations

import gc
import grp
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import gpiod
from gpiod.line import Bias, Direction
from gpiozero import (
    LED,
    RGBLED,
    Button,
    InputDevice,
    PinFixedPull,
    PinInvalidFunction,
    PinInvalidPull,
    PinPWMUnsupported,
    PinSetInput,
)

from ivsd.gpio_factory import EDGE_BUFFER, GpiodFactory, GpiodPin, Line, LineProblem

LABEL = "ivsd-pins"
LINES = 54  # as many as a Raspberry Pi's chip has
NAMES = {5: "BTN_RECORD", 6: "BTN_STOP"}
UP, DOWN = "up", "down"

GLITCH_S, BOUNCE_S = 0.005, 0.1
TRIES = 5
"""The kernel counts the bounce time in timer ticks. An emulated machine that gets no processor
for a while makes up for its ticks in one go, and a filter of 100 ms may pass 5."""
QUIET_S = 0.15
"""After so long nothing more comes."""
CHECK_S = 60
"""A check that takes longer hangs."""
SOON_S = 5.0
"""What must come has come by then, however busy the machine is."""

SIMULATED = Path("/sys/kernel/config/gpio-sim")
TRACING = Path("/sys/kernel/tracing")

CHECKS: list[Callable[[Bench], None]] = []


def check(function: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """Note a check; it is called what its function is called."""
    CHECKS.append(function)
    return function


class SimChip:
    """A chip made with gpio-sim; `path` is the folder of its lines' other side."""

    def __init__(self, folder: str, label: str, lines: int, names: dict[int, str]) -> None:
        self._folder = SIMULATED / folder
        self.close()  # of a run that was killed
        bank = self._folder / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(lines))
        (bank / "label").write_text(label)
        for number, name in names.items():
            (bank / f"line{number}").mkdir()
            (bank / f"line{number}" / "name").write_text(name)
        (self._folder / "live").write_text("1")
        device = (self._folder / "dev_name").read_text().strip()
        self.name = (bank / "chip_name").read_text().strip()
        self.path = Path("/sys/devices/platform") / device / self.name
        subprocess.run(["udevadm", "settle"], check=True)  # its group and mode

    def close(self) -> None:
        """Take it away, also from under somebody who holds its lines."""
        if self._folder.exists():
            with suppress(PermissionError):  # it was never live
                (self._folder / "live").write_text("0")
            for path in [*self._folder.glob("bank0/line*"), self._folder / "bank0", self._folder]:
                path.rmdir()


class Bench:
    """The chip, the factory, and the pins that a check has made."""

    def __init__(self) -> None:
        subprocess.run(["modprobe", "gpio-sim"], check=True)
        if not SIMULATED.exists():
            mount = ["mount", "-t", "configfs", "none", str(SIMULATED.parent)]
            subprocess.run(mount, check=True)
        self.chip = SimChip(LABEL, LABEL, LINES, NAMES)
        self.factory = GpiodFactory()
        self.path = f"/dev/{self.chip.name}"
        self._end = ExitStack()

    def pin(self, line: int | str, chip: str = LABEL) -> GpiodPin:
        """Make a pin; it is closed at the end of the check."""
        pin = self.factory.pin(Line(chip, line))
        self._end.callback(pin.close)
        return pin

    def line(self, number: int) -> dict[str, Any]:
        """Return the arguments that give a gpiozero device this line."""
        return {"pin": Line(LABEL, number), "pin_factory": self.factory}

    def closing(self, thing: Any) -> Any:
        """Close it at the end of the check, and return it."""
        self._end.callback(thing.close)
        return thing

    def clear(self) -> None:
        """End a check."""
        self._end.close()
        for number in range(LINES):
            self.pull(number, DOWN)

    def pull(self, number: int, pull: str) -> None:
        """Pull a line up or down, as a contact does."""
        (self.chip.path / f"sim_gpio{number}" / "pull").write_text(f"pull-{pull}")

    def level(self, number: int) -> int:
        """Return the level of a line, as the wire has it."""
        return int((self.chip.path / f"sim_gpio{number}" / "value").read_text())

    def info(self, number: int) -> Any:
        """Return what the kernel tells everybody about a line."""
        with gpiod.Chip(self.path) as chip:
            return chip.get_line_info(number)

    def somebody_holds(self, number: int, consumer: str) -> None:
        """Let another program have the line."""
        with gpiod.Chip(self.path) as chip:
            request = chip.request_lines({number: None}, consumer=consumer)
        self._end.callback(request.release)


class Watcher:
    """Takes what a pin tells."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def changed(self, at: float, level: int) -> None:
        self.told.append((at, level))

    @property
    def levels(self) -> list[int]:
        return [level for _, level in self.told]


def watched(bench: Bench, number: int, **settings: Any) -> tuple[GpiodPin, Watcher]:
    """Make a pin with these settings that is watched."""
    pin, watcher = bench.pin(number), Watcher()
    for name, value in settings.items():
        setattr(pin, name, value)
    pin.when_changed = watcher.changed
    return pin, watcher


def dispatch(pin: GpiodPin, within_s: float = SOON_S) -> bool:
    """Dispatch once when the descriptor says that there is something; say whether it did."""
    if not select.select([pin.fileno()], [], [], within_s)[0]:
        return False
    pin.dispatch()
    return True


def drain(pin: GpiodPin) -> None:
    """Dispatch until nothing comes any more."""
    while dispatch(pin, QUIET_S):
        pass


def move(bench: Bench, pin: GpiodPin, number: int, *pulls: str) -> None:
    """Pull a line to and fro, and dispatch each edge before the next one.

    For gpio-sim makes one edge of two when the first is not told before the second comes.
    """
    for pull in pulls:
        bench.pull(number, pull)
        assert dispatch(pin), f"no edge at {pull}"


def same(what: object, expected: object) -> None:
    assert what == expected, f"{what!r} and not {expected!r}"


@contextmanager
def raises(kind: type[Exception], *words: str) -> Iterator[None]:
    """Expect this exception, with all these words in its text."""
    try:
        yield
    except kind as error:
        said = str(error)
    else:
        raise AssertionError(f"no {kind.__name__}")
    for word in words:
        assert word in said, f"the sentence lacks {word!r}: {said}"


# -- what gpiozero expects --------------------------------------------------------------------


@check
def a_new_pin_is_a_floating_input_that_nobody_watches(bench: Bench) -> None:
    pin = bench.pin(4)
    same((pin.function, pin.pull, pin.bounce, pin.edges), ("input", "floating", None, "both"))
    same((pin.frequency, pin.when_changed, pin.state), (None, None, 0))


@check
def an_input_reads_the_wire(bench: Bench) -> None:
    pin = bench.pin(4)
    for pull, level in ((DOWN, 0), (UP, 1), (DOWN, 0)):
        bench.pull(4, pull)
        same(pin.state, level)
    same(bench.info(4).direction, Direction.INPUT)


@check
def an_output_drives_the_wire_and_reads_what_it_drives(bench: Bench) -> None:
    pin = bench.pin(4)
    pin.function = "output"
    for level in (1, 0, True, False):
        pin.state = level
        same((bench.level(4), pin.state), (int(level), int(level)))
    same(bench.info(4).direction, Direction.OUTPUT)


@check
def a_pin_changes_between_input_and_output(bench: Bench) -> None:
    pin = bench.pin(4)
    pin.output_with_state(True)
    pin.function = "input"
    same((pin.function, pin.state, bench.info(4).direction), ("input", 0, Direction.INPUT))
    bench.pull(4, UP)
    same(pin.state, 1)
    pin.function = "output"
    pin.state = 0
    same((pin.function, bench.level(4)), ("output", 0))


@check
def an_output_starts_at_its_level_without_a_blip(bench: Bench) -> None:
    for level in (1, 0):
        pin = bench.pin(4)
        bench.pull(4, DOWN if level else UP)
        with kernel_trace() as trace:
            pin.output_with_state(bool(level))
        set_to = [line.split()[-1] for line in trace() if " gpio_value: " in line]
        assert set_to, "the kernel's trace shows nothing"
        same(set(set_to), {str(level)})
        same(bench.level(4), level)
        pin.close()


@contextmanager
def kernel_trace() -> Iterator[Callable[[], list[str]]]:
    """Let the kernel write down what this process does to lines; yields what reads it."""
    trace = TRACING / "instances" / LABEL
    with suppress(FileNotFoundError):
        trace.rmdir()
    trace.mkdir()
    try:
        (trace / "set_event_pid").write_text(str(os.getpid()))
        (trace / "events/gpio/enable").write_text("1")
        yield lambda: lines
        (trace / "events/gpio/enable").write_text("0")
        lines = (trace / "trace").read_text().splitlines()
    finally:
        trace.rmdir()


@check
def an_input_cannot_be_driven(bench: Bench) -> None:
    pin = bench.pin(4)
    with raises(PinSetInput, "line 4"):
        pin.state = 1
    same(bench.level(4), 0)


@check
def a_pull_reaches_the_kernel(bench: Bench) -> None:
    for pull, bias, level in (("up", Bias.PULL_UP, 1), ("down", Bias.PULL_DOWN, 0)):
        pin = bench.pin(4)
        bench.pull(4, DOWN if level else UP)
        pin.input_with_pull(pull)
        same((pin.state, bench.level(4), bench.info(4).bias), (level, level, bias))
        pin.close()


@check
def a_floating_input_leaves_the_wire_alone(bench: Bench) -> None:
    for pull, level in ((UP, 1), (DOWN, 0)):
        pin = bench.pin(4)
        bench.pull(4, pull)
        pin.input_with_pull("floating")
        same((pin.state, bench.info(4).bias), (level, Bias.DISABLED))
        pin.close()


@check
def a_pull_changed_on_a_held_line_reaches_the_kernel(bench: Bench) -> None:
    pin = bench.pin(4)
    for pull, level in (("up", 1), ("down", 0), ("up", 1)):
        pin.pull = pull
        same((pin.pull, pin.state, bench.level(4)), (pull, level, level))


@check
def an_unknown_pull_is_refused(bench: Bench) -> None:
    pin = bench.pin(4)
    with raises(PinInvalidPull):
        pin.pull = "sideways"
    with raises(PinInvalidPull):
        pin.input_with_pull("sideways")
    same((pin.pull, pin.state), ("floating", 0))


@check
def a_pull_on_an_output_is_refused(bench: Bench) -> None:
    pin = bench.pin(4)
    pin.output_with_state(True)
    with raises(PinFixedPull):
        pin.pull = "down"
    same(bench.level(4), 1)


@check
def an_unknown_function_is_refused(bench: Bench) -> None:
    pin = bench.pin(4)
    with raises(PinInvalidFunction):
        pin.function = "pwm"
    same(pin.function, "input")


@check
def pwm_is_refused_and_leaves_no_line_held(bench: Bench) -> None:
    pin = bench.pin(4)
    pin.frequency = None
    with raises(PinPWMUnsupported):
        pin.frequency = 100
    lines = [Line(LABEL, number) for number in (10, 11, 12)]
    with raises(PinPWMUnsupported):
        RGBLED(*lines, pin_factory=bench.factory)
    same([bench.info(number).used for number in (10, 11, 12)], [False] * 3)


@check
def edges_are_told_in_order(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    move(bench, pin, 4, UP, DOWN, UP)
    same(watcher.levels, [1, 0, 1])
    same(watcher.told, sorted(watcher.told))


@check
def only_the_edges_that_were_asked_for_are_told(bench: Bench) -> None:
    for edges, levels in (("rising", [1, 1]), ("falling", [0, 0]), ("both", [1, 0, 1, 0])):
        pin, watcher = watched(bench, 4, edges=edges)
        for pull, level in ((UP, 1), (DOWN, 0)) * 2:
            bench.pull(4, pull)
            assert level not in levels or dispatch(pin), f"no edge at {pull}, edges {edges}"
        drain(pin)
        same((edges, watcher.levels), (edges, levels))
        pin.close()


@check
def other_edges_asked_for_while_watched_are_told(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    pin.edges = "falling"
    bench.pull(4, UP)
    drain(pin)
    move(bench, pin, 4, DOWN)
    same((pin.edges, watcher.levels), ("falling", [0]))


@check
def the_descriptor_is_readable_while_an_edge_waits(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    assert not dispatch(pin, QUIET_S), "there was no edge"
    bench.pull(4, UP)
    assert dispatch(pin), "there was an edge"
    assert not dispatch(pin, QUIET_S), "the edge had been read"
    pin.dispatch()  # must not wait
    same(watcher.levels, [1])


@check
def ticks_are_the_clock_of_the_kernels_edges(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    before = bench.factory.ticks()
    bench.pull(4, UP)
    assert dispatch(pin), "no edge"
    after = bench.factory.ticks()
    at = watcher.told[0][0]
    assert before <= at <= after, f"{before} <= {at} <= {after}"
    same(pin.edge_at, at)
    assert bench.factory.ticks_diff(after, before) == after - before > 0


@check
def a_pin_does_not_keep_its_watcher_alive(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    same(pin.when_changed, watcher.changed)
    del watcher
    gc.collect()
    same(pin.when_changed, None)
    bench.pull(4, UP)
    assert dispatch(pin), "no edge"  # nobody is told, and that is no error


@check
def a_closed_pin_gives_its_line_back(bench: Bench) -> None:
    pin, _ = watched(bench, 4)
    same((bench.info(4).used, bench.info(4).consumer), (True, "ivsd"))
    pin.close()
    pin.close()
    same(bench.info(4).used, False)
    bench.somebody_holds(4, "valve")


@check
def a_device_that_could_not_be_made_leaves_its_lines_free(bench: Bench) -> None:
    bench.somebody_holds(12, "valve")
    lines = [Line(LABEL, number) for number in (10, 11, 12)]
    with raises(LineProblem, "line 12", "valve"):
        RGBLED(*lines, pwm=False, pin_factory=bench.factory)
    gc.collect()
    same([bench.info(number).used for number in (10, 11)], [False, False])


@check
def a_bounce_that_is_no_time_is_refused(bench: Bench) -> None:
    pin = bench.pin(4)
    for bounce in ("long", -1):
        with raises(ValueError):
            setattr(pin, "bounce", bounce)  # noqa: B010  # mypy knows that it is wrong
    same(pin.bounce, None)


# -- gpiozero's own devices -------------------------------------------------------------------


@check
def a_led_of_gpiozero_lights(bench: Bench) -> None:
    led = bench.closing(LED(**bench.line(10)))
    for act, level in ((led.on, 1), (led.off, 0), (led.toggle, 1)):
        act()
        same((bench.level(10), led.is_lit), (level, bool(level)))


@check
def a_led_of_gpiozero_between_supply_and_line_lights_at_low(bench: Bench) -> None:
    led = bench.closing(LED(**bench.line(10), active_high=False))
    same(bench.level(10), 1)
    led.on()
    same((bench.level(10), led.is_lit), (0, True))


@check
def an_rgb_led_of_gpiozero_shows_the_eight_colours(bench: Bench) -> None:
    lines = [Line(LABEL, number) for number in (10, 11, 12)]
    led = bench.closing(RGBLED(*lines, pwm=False, pin_factory=bench.factory))
    for number in range(8):
        colour = (number >> 2 & 1, number >> 1 & 1, number & 1)
        led.color = colour
        same(tuple(map(bench.level, (10, 11, 12))), colour)


@check
def an_input_of_gpiozero_knows_its_active_level(bench: Bench) -> None:
    for settings, pull, active in (
        ({"pull_up": True}, DOWN, True),
        ({"pull_up": False}, UP, True),
        ({"pull_up": None, "active_state": False}, DOWN, True),
        ({"pull_up": None, "active_state": True}, DOWN, False),
    ):
        with InputDevice(**bench.line(4), **settings) as device:
            _ = device.value  # taken now; else the pull would undo the hand's
            bench.pull(4, pull)
            same((settings, device.is_active), (settings, active))


@check
def a_button_of_gpiozero_tells_press_and_release(bench: Bench) -> None:
    button = bench.closing(Button(**bench.line(4)))
    told: list[str] = []
    button.when_pressed = lambda: told.append("pressed")
    button.when_released = lambda: told.append("released")
    same((button.is_pressed, bench.level(4)), (False, 1))
    for pull in (DOWN, UP, DOWN):
        bench.pull(4, pull)
        assert dispatch(button.pin), "no edge"
        same(button.is_pressed, pull == DOWN)
    same(told, ["pressed", "released", "pressed"])


# -- chips and lines --------------------------------------------------------------------------


@check
def a_line_is_found_by_number_and_by_name(bench: Bench) -> None:
    bench.pull(5, UP)
    for line in (5, "BTN_RECORD"):
        pin = bench.pin(line)
        same(pin.state, 1)
        same(bench.info(5).used, True)
        pin.close()


@check
def a_chip_is_found_by_path_device_name_and_label(bench: Bench) -> None:
    bench.pull(5, UP)
    for chip in (bench.path, bench.chip.name, LABEL):
        pin = bench.pin(5, chip)
        same((chip, pin.state), (chip, 1))
        pin.close()


@check
def lines_above_27_are_lines(bench: Bench) -> None:
    for number in (28, 53):
        bench.pull(number, UP)
        same(bench.pin(number).state, 1)
        bench.pin(number - 1).output_with_state(True)
        same(bench.level(number - 1), 1)


@check
def a_line_that_does_not_exist_names_the_range(bench: Bench) -> None:
    for number in (54, -1):
        with raises(LineProblem, bench.chip.name, f"no line {number}", "0 to 53"):
            _ = bench.pin(number).state


@check
def an_unknown_line_name_gets_the_nearest_one(bench: Bench) -> None:
    with raises(LineProblem, "BTN_RECROD", "did you mean BTN_RECORD?"):
        _ = bench.pin("BTN_RECROD").state
    with raises(LineProblem, "Sauerkraut", "give its number"):
        _ = bench.pin("Sauerkraut").state


@check
def an_unknown_chip_names_those_there_are(bench: Bench) -> None:
    with raises(LineProblem, "no GPIO chip gpiochip99", f"{bench.path} ({LABEL})"):
        _ = bench.pin(4, "gpiochip99").state


@check
def what_is_no_gpio_chip_is_said_to_be_none(bench: Bench) -> None:
    with raises(LineProblem, "/dev/null", "is it a GPIO chip?"):
        _ = bench.pin(4, "/dev/null").state


@check
def a_label_that_two_chips_share_is_not_guessed(bench: Bench) -> None:
    twin = bench.closing(SimChip(f"{LABEL}-twin", LABEL, 1, {}))
    with raises(LineProblem, bench.path, f"/dev/{twin.name}", "both", "by its path"):
        _ = bench.pin(4).state
    same(bench.pin(4, bench.path).state, 0)


@check
def a_busy_line_names_its_holder(bench: Bench) -> None:
    bench.somebody_holds(5, "valve")
    where = f"line 5 (BTN_RECORD) of {bench.chip.name} is in use by valve"
    with raises(LineProblem, where):
        _ = bench.pin(5).state
    with raises(LineProblem, where):
        bench.pin("BTN_RECORD").output_with_state(True)
    with raises(LineProblem, where):
        Button(Line(LABEL, 5), pin_factory=bench.factory)


@check
def a_line_used_twice_by_ivsd_says_so_under_whatever_name(bench: Bench) -> None:
    bench.closing(LED(**bench.line(5)))
    with raises(LineProblem, "line 5", "in use by ivsd", "configured twice"):
        LED(Line(bench.path, "BTN_RECORD"), pin_factory=bench.factory)
    same(bench.info(5).used, True)


@check
def an_ordinary_user_is_told_which_group_to_join(bench: Bench) -> None:
    usual = os.stat(bench.path)
    try:
        os.chmod(bench.path, 0o660)
        os.chown(bench.path, 0, grp.getgrnam("dialout").gr_gid)
        said = as_nobody(lambda: GpiodFactory().pin(Line(bench.path, 4)).state)
        assert "no permission, this user must be in the group dialout" in said, said
        assert bench.path in said, said
        said = as_nobody(lambda: GpiodFactory().pin(Line(LABEL, 4)).state)
        assert "this user must be in the group dialout" in said, said
        os.chown(bench.path, 0, 0)
        said = as_nobody(lambda: GpiodFactory().pin(Line(bench.path, 4)).state)
        assert "no permission, the group gpio must own it (udev rule)" in said, said
    finally:
        os.chown(bench.path, usual.st_uid, usual.st_gid)
        os.chmod(bench.path, usual.st_mode & 0o777)


@check
def a_member_of_the_chips_group_needs_nothing_else(bench: Bench) -> None:
    usual = os.stat(bench.path)
    try:
        os.chmod(bench.path, 0o660)
        group = grp.getgrnam("dialout").gr_gid
        os.chown(bench.path, 0, group)
        bench.pull(4, UP)
        pin = bench.pin(4)
        same(as_nobody(lambda: f"level {pin.state}", group), "level 1")
    finally:
        os.chown(bench.path, usual.st_uid, usual.st_gid)
        os.chmod(bench.path, usual.st_mode & 0o777)


def as_nobody(act: Callable[[], object], *groups: int) -> str:
    """Do it in a child that is an ordinary user; return what came, or the LineProblem's text."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        said = "the child failed"
        try:
            user = pwd.getpwnam("nobody")
            os.setgroups(groups)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            said = str(act())
        except LineProblem as problem:
            said = str(problem)
        finally:
            os.write(write_end, said.encode())
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


# -- bounce, lost edges, lost chips -----------------------------------------------------------


@check
def a_glitch_shorter_than_the_bounce_time_is_nothing(bench: Bench) -> None:
    def attempt() -> None:
        with bouncing(bench) as (pin, watcher):
            glitch(bench, UP, DOWN)
            drain(pin)
            same((watcher.levels, pin.state), ([], 0))

    one_of_a_few(attempt)


@check
def a_contact_that_bounces_is_pressed_and_released_once(bench: Bench) -> None:
    def attempt() -> None:
        with bouncing(bench) as (pin, watcher):
            for pull, back, levels in ((UP, DOWN, [1]), (DOWN, UP, [1, 0])):
                glitch(bench, pull, back)
                glitch(bench, pull, back)
                bench.pull(4, pull)
                assert dispatch(pin), "no edge"
                drain(pin)
                same((watcher.levels, pin.state), (levels, levels[-1]))

    one_of_a_few(attempt)


@check
def a_level_longer_than_the_bounce_time_is_one_edge(bench: Bench) -> None:
    def attempt() -> None:
        with bouncing(bench) as (pin, watcher):
            changed_at = bench.factory.ticks()
            bench.pull(4, UP)
            assert dispatch(pin), "no edge"
            drain(pin)
            same((watcher.levels, pin.state), ([1], 1))
            lasted_s = watcher.told[0][0] - changed_at
            assert lasted_s > 0.9 * BOUNCE_S, f"told after {lasted_s * 1000:.1f} ms"

    one_of_a_few(attempt)


@contextmanager
def bouncing(bench: Bench) -> Iterator[tuple[GpiodPin, Watcher]]:
    """Watch line 4 with a bounce time; afterwards it is low and nobody's."""
    pin, watcher = watched(bench, 4, bounce=BOUNCE_S)
    same(bench.info(4).debounce_period.total_seconds(), BOUNCE_S)
    try:
        yield pin, watcher
    finally:
        pin.close()
        bench.pull(4, DOWN)


def glitch(bench: Bench, to: str, back: str) -> None:
    """Let line 4 have the other level for a moment, and its own again for another."""
    for pull in (to, back):
        bench.pull(4, pull)
        time.sleep(GLITCH_S)


def one_of_a_few(attempt: Callable[[], None]) -> None:
    """Expect that it holds once in a few times, as this machine's ticks may be late."""
    for left in reversed(range(TRIES)):
        try:
            attempt()
        except AssertionError:
            if not left:
                raise
        else:
            break


@check
def a_bounce_time_changed_while_watched_reaches_the_kernel(bench: Bench) -> None:
    pin, _ = watched(bench, 4)
    pin.bounce = BOUNCE_S
    same(bench.info(4).debounce_period.total_seconds(), BOUNCE_S)
    pin.bounce = None
    same(bench.info(4).debounced, False)


@check
def without_a_bounce_time_every_edge_is_told(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    move(bench, pin, 4, *[UP, DOWN] * 3)
    same(watcher.levels, [1, 0] * 3)


@check
def edges_that_the_kernel_dropped_are_counted(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    pulls = [UP, DOWN] * 2 * EDGE_BUFFER
    for pull in pulls:
        bench.pull(4, pull)
        time.sleep(GLITCH_S)  # see `move`
    drain(pin)
    lost = pin.lost_edges
    same(len(watcher.told), EDGE_BUFFER)
    assert 0 < lost <= len(pulls) - EDGE_BUFFER, f"{lost} lost"
    same(watcher.levels[-1], 0)  # the oldest are dropped, so the last one is true
    move(bench, pin, 4, UP)
    same((watcher.levels[-1], pin.lost_edges), (1, lost))


@check
def no_edge_is_lost_while_they_are_read_in_time(bench: Bench) -> None:
    pin, watcher = watched(bench, 4)
    move(bench, pin, 4, *[UP, DOWN] * EDGE_BUFFER)
    same((watcher.levels, pin.lost_edges), ([1, 0] * EDGE_BUFFER, 0))


def hangs(signum: int, frame: object) -> None:
    """End a check that waits for ever."""
    raise TimeoutError(f"not done after {CHECK_S} s")


def main() -> None:
    """Run all checks, or those named; ends with 0 also when some of them fail."""
    chosen = [check for check in CHECKS if not sys.argv[1:] or check.__name__ in sys.argv[1:]]
    signal.signal(signal.SIGALRM, hangs)
    bench = Bench()
    try:
        for one in chosen:
            detail = ""
            signal.alarm(CHECK_S)
            try:
                one(bench)
            except Exception:  # noqa: BLE001  # whatever it is belongs to this check
                detail = traceback.format_exc()
            signal.alarm(0)
            bench.clear()
            print(json.dumps({"name": one.__name__, "ok": not detail, "detail": detail}))
            sys.stdout.flush()
    finally:
        bench.chip.close()


if __name__ == "__main__":
    main()

"""A stage for scenarios in the virtual machine: real devices, the real service, a VALT simulator.

The hands are uinput devices and gpio-sim lines, the lamps are gpio-sim lines that are watched
there; what the daemon has to say is read from the journal (see rig.py). The simulator runs in
this process, so its world is looked at directly. Nothing is asked of the daemon itself.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from ivsd.demo.live import act_at_server
from ivsd.demo.scenario import (
    Changes,
    Scenario,
    ScenarioError,
    Seen,
    Step,
    act_elsewhere,
)
from ivsd.outputs.lamp import Colour
from ivsd.valt.simulator import Simulator, World, WorldError
from tests.appliance.hands import Step as Act
from tests.appliance.hands import typed
from tests.appliance.rig import KEYPAD, READER, Finger, Rig, configuration

ALLOWANCE_S = 0.25
"""How much later than on a real box everything may be: the machine is emulated, and so is its
network. It is added to every limit of a scenario."""

DECIDE_S = 6.0
"""How long after a limit it may take to be sure of what was seen: receipts that hid it, one
round of its rhythm, and the journal's way to here."""

TAP_MS = 80  # a press that the scenario does not end is a short one
BADGE_GAPS_MS = (2, 5, 8, 3, 6)
PIN_GAP_MS, KEY_HELD_MS = 30, 1.0

READY_WITHIN_S = 60.0
AFTER_POLL_S = 0.1

_BEGUN = re.compile(r"(.+) begun within (\S+) s")


class Witness(Seen):
    """What was seen of the box at the kernel and in the journal, and of the server in its world."""

    def __init__(self, world: World, room: int, rig: Rig) -> None:
        super().__init__(world, room, time.monotonic)
        self._rig = rig
        self.since = time.monotonic()

    def holds(self, text: str, since: float) -> bool:
        """Whether it is sure that it has come true; raises ScenarioError for other words."""
        if (match := _BEGUN.fullmatch(text)) is None:
            return super().holds(text, since)
        what, *rest = match[1].split()
        within_s = float(match[2])
        if what == "light":
            return self._rig.lamp("status").shows(rest[0], since, within_s)
        if what == "sign":
            colour = Colour.RED if rest == ["on"] else Colour.OFF
            return self._rig.lamp("sign").has(colour, since, within_s)
        lines = [line for line in self._rig.journal(self.since) if line.at <= since + within_s]
        if what == "note":
            return any(" ".join(rest) in str(line) for line in lines)
        source, result, *words = rest
        return any(
            line.at >= since
            and line.fields.get("IVSD_CONTROL") == source
            and line.fields.get("IVSD_OUTCOME") == result
            and " ".join(words) in line.fields["IVSD_REASON"]
            for line in lines
        )


def patient(scenario: Scenario) -> Scenario:
    """Return the scenario with limits for an emulated machine.

    What is seen of the box has its own time, and is waited for until it is sure. A number
    that is typed key by key is whole at Enter, so that what follows has as much longer.
    """
    steps = []
    typing_s = 0.0
    for step in scenario.steps:
        if step.within_s is None:
            typing_s = _typing_s(step)
            steps.append(step)
            continue
        limit_s = step.within_s + ALLOWANCE_S + typing_s
        if step.text.split()[0] in ("light", "sign", "outcome", "note"):
            begun = f"{step.text} begun within {limit_s:g} s"
            steps.append(replace(step, text=begun, within_s=limit_s + DECIDE_S))
        else:
            steps.append(replace(step, within_s=limit_s))
    return replace(scenario, steps=steps, changes={})  # the stage is built with the changes


def _typing_s(step: Step) -> float:
    what, *words = step.text.split()
    gap_ms = {"type": PIN_GAP_MS, "swipe": sum(BADGE_GAPS_MS) / len(BADGE_GAPS_MS)}.get(what, 0)
    return gap_ms * (len(words[0]) if words else 0) / 1000


class ApplianceStage:
    """The installed product in the machine, playing one scenario; a context manager."""

    def __init__(self, rig: Rig, scenario: Scenario, *, anew: bool) -> None:
        """`anew`: on a service that was started for it; else on one that reads its new files."""
        self._rig = rig
        self._anew = anew
        world = World(version=scenario.headers.get("server", "6.5.2"))
        self.simulator = Simulator(world)
        room = next(room for room in world.rooms.values() if room.name == "Interview Room 1")
        self._witness = Witness(world, room.id, rig)
        self.seen: Seen = self._witness
        self._changes = scenario.changes
        self._fingers: dict[str, Finger] = {}
        self._is_short = _short_presses(scenario)
        self._under_way: list[Future[dict[str, Any]]] = []

    def __enter__(self) -> ApplianceStage:
        self.simulator.start()
        self._prepare()
        return self

    def __exit__(self, *error: object) -> None:
        self._rig.hands.play([finger.up(0.0) for finger in self._fingers.values()])
        self.simulator.stop()

    def _prepare(self) -> None:
        """Have the service use this scenario's configuration, with an empty state."""
        port = self.simulator.port
        with tempfile.TemporaryDirectory(prefix="ivsd-stage-") as folder:
            url = f"http://{self._rig.machine.host}:{port}"
            self._fingers, files = configuration(Path(folder), url, self._changes)
        if self._anew:
            self._rig.machine.run("systemctl stop ivsd; rm -rf /var/lib/ivsd/*")
        self._witness.since = self._rig.forget()
        for name, text in files.items():
            self._rig.machine.write(f"/etc/ivsd/{name}", text)
        # It takes up another server's room as if nothing had been, and four seconds sooner.
        verb = "start" if self._anew else "reload"
        self._rig.machine.run(f"systemctl --no-block {verb} ivsd")
        devices = [*(f"button {name}" for name, f in self._fingers.items() if f.line)]
        devices += [READER, KEYPAD]
        before, self._rig.inputs = self._rig.inputs, files["ivsd.yaml"].partition("inputs:")[2]
        if not self._anew and self._rig.inputs == before:
            devices = []  # it goes on with those it has
        deadline = self.now() + READY_WITHIN_S
        while not self._is_ready(devices):
            if self.now() > deadline:
                seen = "\n".join(self.report(self._witness.since))
                raise ScenarioError(f"the box was not ready after {READY_WITHIN_S:g} s:\n{seen}")
            self.wait_until(deadline)
        # The box reads the room twice a second. Every run shall meet that at the same places.
        asked = len(self.simulator.requests)
        while len(self.simulator.requests) == asked and self.now() < deadline:
            time.sleep(0.005)
        time.sleep(AFTER_POLL_S)

    def _is_ready(self, devices: list[str]) -> bool:
        """Whether all devices are in use and the room's state, available, is seen."""
        lines = list(map(str, self._rig.journal(self._witness.since)))
        ready = [line for line in lines if line.endswith(": ready")]
        if not all(any(device in line for line in ready) for device in devices):
            return False
        return self._rig.lamp("status").shows("available", self._witness.since, READY_WITHIN_S)

    def report(self, began: float) -> Iterator[str]:
        """Tell all that was seen, in seconds from `began`."""
        for name in ("status", "box", "sign"):
            stretches = self._rig.lamp(name).stretches
            seen = ", ".join(f"{s.began - began:.3f} {s.colour}" for s in stretches)
            yield f"lamp {name}: {seen}"
        yield f"longest time without a look at them: {self._rig.longest_s * 1000:.0f} ms"
        for line in self._rig.journal(self._witness.since):
            yield f"journal {line.at - began:8.3f} {line}"
        for exchange in self.simulator.requests:
            yield f"server {exchange.at - began:8.3f} {exchange}"

    # -- the stage of a scenario --------------------------------------------------------------

    def configure(self, changes: Changes) -> None:
        """Nothing to do: it was built so."""

    def now(self) -> float:
        """Real time."""
        return time.monotonic()

    def wait_until(self, moment: float) -> None:
        """Sleep, but not past anything that is seen, nor past 20 ms (the server)."""
        self._rig.news.clear()
        self._rig.news.wait(max(0.0, min(moment - self.now(), 0.02)))

    def do(self, what: str, words: list[str]) -> None:
        """Carry out one doing of a scenario."""
        match what, words:
            case "press", [control]:
                finger = self._fingers[control]
                short = self._is_short[control].pop(0)
                self._play([finger.down(0.0), finger.up(TAP_MS)] if short else [finger.down(0.0)])
            case "release", [control]:
                self._play([self._fingers[control].up(0.0)])
            case "swipe", [number]:
                keys = [*(f"KEY_{digit}" for digit in number), "KEY_ENTER"]
                self._play(typed(READER, keys, BADGE_GAPS_MS, KEY_HELD_MS))
            case "type", [digits]:
                keys = [*(f"KEY_KP{digit}" for digit in digits), "KEY_KPENTER"]
                self._play(typed(KEYPAD, keys, [PIN_GAP_MS], PIN_GAP_MS / 2))
            case "elsewhere", [action]:
                self._elsewhere(action)
            case "server", _:
                act_at_server(self.simulator, words)
            case _:
                raise ScenarioError(f"“{what} {' '.join(words)}” is not known")

    def _play(self, steps: list[Act]) -> None:
        """Have it done, and go on: the scenario's time does not stand still."""
        self._under_way.append(self._rig.hands.order("play", steps=steps))

    def _elsewhere(self, action: str) -> None:
        """Let somebody do it at the VALT page, as soon as the page lets them.

        A recording that they stop may begin as much later as everything here.
        """
        deadline = self.now() + ALLOWANCE_S
        while True:
            try:
                act_elsewhere(self.simulator.world, self.seen.room, action)
                break
            except WorldError:
                if self.now() >= deadline:
                    raise
                time.sleep(0.005)


def _short_presses(scenario: Scenario) -> dict[str, list[bool]]:
    """For each control, of its presses in turn: whether the scenario leaves letting go to us."""
    touches: dict[str, list[str]] = {}
    for step in scenario.steps:
        what, *words = step.text.split()
        if what in ("press", "release"):
            touches.setdefault(words[0], []).append(what)
    return {
        control: [
            following != "release"
            for touch, following in zip(done, [*done[1:], ""], strict=True)
            if touch == "press"
        ]
        for control, done in touches.items()
    }

"""Every scenario file that fits into real time, played by real devices on the installed product."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivsd.demo.scenario import Scenario, play, read
from tests.appliance import SWEEP
from tests.appliance.machine import Machine
from tests.appliance.rig import Rig
from tests.appliance.stage import ApplianceStage, patient

FILES = {
    path.stem: path for path in sorted((Path(__file__).parents[1] / "scenarios").glob("*.scenario"))
}
IN_EVERY_RUN = [
    "a-badge-brings-its-owner-as-author",
    "a-double-press-is-neither-of-its-two-presses",
    "a-foot-switch-records-while-it-is-down",
    "a-lost-link-comes-back-with-the-truth",
    "a-recording-is-stopped-by-holding-the-button",
    "a-start-pressed-while-the-server-is-silent-never-comes-late",
    "a-tap-sets-a-marker-and-a-long-press-says-to-tap",
    "five-wrong-pins-shut-the-keypad-and-nothing-else",
    "somebody-else-changes-the-room",
]
"""What a person, the room and the server can do, once. All of them are played against the
daemon itself in `make test`, and take a quarter of an hour here (`make soak-appliance`)."""

STALL_S, ATTEMPTS, MOST_REPEATS = 0.05, 3, 10
"""A machine that stood still for so long cannot keep a scenario's time: that one is repeated. Not
many are: else a fault that shows now and then would be taken for the machine's."""

NOT_ON_DEVICES: dict[str, str] = {}
"""Scenarios that real devices cannot play, and why."""


@pytest.fixture(scope="module")
def rig(machine: Machine) -> Iterator[Rig]:
    rig = Rig(machine)
    yield rig
    rig.close()


@pytest.mark.parametrize("name", FILES if SWEEP else IN_EVERY_RUN)
def test_scenario_on_real_devices(rig: Rig, name: str) -> None:
    path = FILES[name]
    scenario = read(path)
    if why := scenario.headers.get("pure-only", NOT_ON_DEVICES.get(path.stem)):
        pytest.skip(why)
    for attempt in range(1, ATTEMPTS + 1):
        anew, rig.is_used = rig.is_used, True
        failures, lines = play_once(rig, scenario, anew=anew)
        rig.is_used = bool(failures) or leaves_traces(path)
        if failures and not anew:  # scenarios are written for a box that has just started
            warnings.warn(f"{path.stem} is played again on a service of its own", stacklevel=1)
            continue
        if not failures or rig.longest_s < STALL_S or rig.repeats >= MOST_REPEATS:
            break
        rig.repeats += 1
        stall = f"the machine stood still for {rig.longest_s * 1000:.0f} ms"
        warnings.warn(f"{path.stem}, attempt {attempt}: {stall}", stacklevel=1)
    assert not failures, "\n".join([*failures, *lines])


def leaves_traces(path: Path) -> bool:
    """Whether the box may remember it in another room: markers in the outbox, badges, PINs."""
    text = path.read_text()
    return ("server" in text and "marker" in text) or "swipe" in text or " type " in text


def play_once(rig: Rig, scenario: Scenario, *, anew: bool) -> tuple[list[str], list[str]]:
    """Play a scenario; return what did not come true, and all that was done and seen."""
    lines: list[str] = []
    with ApplianceStage(rig, scenario, anew=anew) as stage:
        began = stage.now()

        def say(at: float, text: str) -> None:
            lines.append(f"{at:8.3f}  {text}")

        failures = play(patient(scenario), stage, say)
        return failures, [*lines, *stage.report(began)]

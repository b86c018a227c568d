"""The demo: the real daemon against the embedded VALT simulator, on this screen."""

from __future__ import annotations

import logging
import sys
import threading
import time
from importlib import resources
from pathlib import Path

from ivsd.demo.live import LiveBox
from ivsd.demo.scenario import ScenarioError, play, read
from ivsd.events import Command, Note, Report, Show


def run(*, valt_version: str, scenario: Path | None, panel: bool) -> int:
    """Show the panel, or play a scenario; return the exit code."""
    logging.getLogger("ivsd").setLevel(logging.CRITICAL)  # the screen says it all
    if panel:
        from ivsd.demo.panel import show

        return show(valt_version)
    if scenario is not None:
        return play_file(scenario, valt_version)
    with resources.as_file(resources.files("ivsd.demo").joinpath("demo.scenario")) as path:
        return play_file(path, valt_version)


class _Timeline:
    """Prints what happens, with seconds since the scenario's begin."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._light = ""
        self._one_at_a_time = threading.Lock()

    def begin(self, now: float) -> None:
        """Start to print."""
        self._began = now

    def say(self, at_s: float, text: str) -> None:
        """Print one line; called with seconds since the begin."""
        with self._one_at_a_time:
            print(f"{at_s:8.3f} s  {text}", flush=True)

    def observe(self, command: Command) -> None:
        """Print what the daemon shows and reports; called on the daemon's thread."""
        if self._began is None:
            return
        at_s = time.monotonic() - self._began
        if isinstance(command, Show) and command.view.name != self._light:
            self._light = command.view.name
            self.say(at_s, f"    light: {self._light}")
        elif isinstance(command, Report):
            outcome = command.outcome
            self.say(at_s, f"    {outcome.source}: {outcome.result}: {outcome.reason}")
        elif isinstance(command, Note):
            self.say(at_s, f"    {command.text}")


def play_file(path: Path, valt_version: str) -> int:
    """Play one scenario file in real time and print its timeline; 0 when all came true."""
    timeline = _Timeline()
    try:
        scenario = read(path)
        version = scenario.headers.get("server", valt_version)
        with LiveBox(valt_version=version, observe=timeline.observe) as box:
            box.wait_until_ready()
            print(scenario.headers.get("title", path.name))
            timeline.begin(box.now())
            failures = play(scenario, box, timeline.say)
            recordings = box.simulator.world.recordings
    except (ScenarioError, OSError, ValueError) as e:
        print(e, file=sys.stderr)
        return 1
    print("\nWhat the server holds:")
    for recording in recordings:
        markers = ", ".join(f"“{m.name}” at {m.time_s} s" for m in recording.markers)
        print(f"  “{recording.name}”: {recording.length_s:.1f} s, {markers or 'no markers'}")
    for failure in failures:
        print(failure, file=sys.stderr)
    print("NOT as pressed." if failures else "The server recorded what was pressed.")
    return 1 if failures else 0

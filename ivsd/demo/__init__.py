"""The demo: the real daemon against the embedded VALT simulator, on this screen."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from pathlib import Path

from ivsd.demo.live import LiveBox
from ivsd.demo.scenario import ScenarioError, play, read
from ivsd.events import Command, Note, Report, Show

DEFAULT = ("127.0.0.1", 8080)


def run(
    *, valt_version: str, scenario: Path | None, panel: bool, web: tuple[str, int] | None
) -> int:
    """Show the panel and the pages, or play a scenario; return the exit code.

    `web` is where the pages were wished; without a wish they are beside the panel, if they can.
    """
    logging.getLogger("ivsd").setLevel(logging.CRITICAL)  # the screen says it all
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        if panel:
            from ivsd.demo.panel import show

            return show(valt_version, partial(_pages, web=web))
        if web is not None and scenario is None:
            return _serve(valt_version, web)
    except NoPages as e:
        print(f"ivsd: {e}", file=sys.stderr)
        return 1
    if scenario is not None:
        return play_file(scenario, valt_version)
    with resources.as_file(resources.files("ivsd.demo").joinpath("demo.scenario")) as path:
        return play_file(path, valt_version)


class NoPages(Exception):
    """The pages cannot be served; `str()` is a sentence."""


@contextmanager
def _pages(box: LiveBox, web: tuple[str, int] | None) -> Iterator[str]:
    """Serve the pages of a box; yield where, or why not. Raises NoPages if that was wished."""
    host, port = web or DEFAULT
    try:
        from ivsd.demo.web import Pages

        pages = Pages(box, host, port)
    except ImportError as e:
        problem = f"the pages need the packages Flask and waitress: {e}"
    except OSError as e:
        problem = f"no pages at {host} port {port}: {e.strerror or e}"
    else:
        with pages:
            yield pages.url
        return
    if web is not None:
        raise NoPages(problem)
    yield problem


def _serve(valt_version: str, web: tuple[str, int]) -> int:
    """Run a box that is only seen in a browser, until it is ended."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    with LiveBox(valt_version=valt_version) as box, _pages(box, web) as url:
        print(f"the demo's box: {url}, Ctrl-C ends it", flush=True)
        ended.wait()
    return 0


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

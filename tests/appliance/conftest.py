"""One virtual machine with the installed product for all tests of this folder.

Where it cannot be had the run fails, so that nobody takes an untested box for a tested one;
IVSD_NO_VM=1 skips its tests instead, for a contributor's laptop (decision 36).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.appliance.machine import Machine, MachineError, build_image
from tests.appliance.product import install

TEST_WITHIN_S = 900
"""The first test waits for image, start and install, too; setup.cfg's limit is for unit tests."""

T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        ours = Path(__file__).parent in item.path.parents
        if ours and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_WITHIN_S))


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine that has started, with the product installed and its service not started."""
    screen = request.config.pluginmanager.getplugin("capturemanager")

    def say(words: str) -> None:
        with screen.global_and_fixture_disabled():
            print(f"\nivsd: {words}", end="", flush=True)

    def timed(what: str, act: Callable[[], T]) -> T:
        began = time.monotonic()
        with screen.global_and_fixture_disabled():
            result = act()
        say(f"{what}: {time.monotonic() - began:.0f} s")
        return result

    if os.environ.get("IVSD_NO_VM") == "1":
        say("IVSD_NO_VM=1: THE VIRTUAL MACHINE SUITE IS NOT RUN, real devices are untested\n")
        pytest.skip("IVSD_NO_VM=1: no virtual machine")
    new: Machine | None = None
    try:
        new = Machine(timed("image", build_image))
        timed("start", new.start)
        timed("make install", lambda: install(new))
        say("")
        yield new
    except MachineError as e:  # of every test, the first one would only be the first to say so
        pytest.exit(f"the virtual machine suite cannot run: {e}", returncode=1)
    finally:
        if new is not None:
            new.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what the service had to say."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("machine")
    if report.failed and isinstance(machine, Machine):
        try:
            lines = machine.run("journalctl -u ivsd -n 40 -o short-precise --no-pager")
        except MachineError as e:
            lines = str(e)
        report.sections.append(("journal of ivsd", lines))
    return report

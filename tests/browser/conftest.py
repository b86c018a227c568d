"""One chromium for all tests of this folder, a fresh visitor in it for each.

Where it cannot be had the run fails, so that nobody takes unseen pages for tested ones;
IVSD_NO_BROWSER=1 skips its tests instead, for a contributor's laptop (as decision 36 for the
virtual machine). Screenshots go to the folder of IVSD_SCREENSHOTS, else to a temporary one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivsd.demo.live import LiveBox
from tests.browser import boxes
from tests.browser.chromium import MEND, NoBrowserError, launch
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TEST_WITHIN_S = 180
"""Setup.cfg's limit is for unit tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        ours = Path(__file__).parent in item.path.parents
        if ours and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_WITHIN_S))


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what prints a line on the screen at once, such as a figure that was measured."""
    screen = request.config.pluginmanager.getplugin("capturemanager")

    def say(words: str) -> None:
        with screen.global_and_fixture_disabled():
            print(f"\nivsd: {words}", end="", flush=True)

    return say


@pytest.fixture(scope="session")
def browser(
    say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """The browser; who uses it gets a context of his own from `visit`."""
    if os.environ.get("IVSD_NO_BROWSER") == "1":
        say("IVSD_NO_BROWSER=1: THE BROWSER SUITE IS NOT RUN, the pages are unseen\n")
        pytest.skip("IVSD_NO_BROWSER=1: no browser")
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as e:
        pytest.exit(f"the browser suite cannot run: no {e.name}: {MEND}", returncode=1)
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright, tmp_path_factory.mktemp("home"))
        except (NoBrowserError, Error) as e:
            pytest.exit(f"the browser suite cannot run: {e}", returncode=1)
        say(f"chromium {browser.version}")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots(say: Callable[[str], None]) -> Path:
    """The folder for pictures of the pages."""
    named = os.environ.get("IVSD_SCREENSHOTS")
    folder = Path(named or tempfile.mkdtemp(prefix="ivsd-screenshots-"))
    folder.mkdir(parents=True, exist_ok=True)
    say(f"screenshots: {folder}")
    return folder


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visitors]:
    """Return what opens a page for a new visitor; no page may have complained at the end."""
    visitors = Visitors(browser)
    try:
        yield visitors
    finally:
        complaints = visitors.close()
    assert complaints == []


@pytest.fixture
def demo() -> Iterator[tuple[LiveBox, str]]:
    """A demo's box and the address of its pages."""
    with boxes.demo() as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep with a failed test what could be seen."""
    report = yield
    visitors = getattr(item, "funcargs", {}).get("visit")
    if report.failed and call.when == "call" and isinstance(visitors, Visitors):
        from playwright.sync_api import Error

        folder = Path(os.environ.get("IVSD_SCREENSHOTS") or tempfile.gettempdir())
        for number, page in enumerate(visitors.pages):
            path = folder / f"failed-{item.name}-{number}.png"
            try:
                page.screenshot(path=path, full_page=True)
            except Error as e:
                report.sections.append(("no screenshot", str(e)))
            else:
                report.sections.append(("screenshot", f"{path} of {page.url}"))
    return report

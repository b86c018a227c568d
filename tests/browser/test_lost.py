"""A page without news says so and is greyed, and goes on by itself when the box is back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivsd.demo.live import LiveBox
from tests.browser.boxes import WITHIN_S, WebService, press
from tests.browser.log_in import log_in
from tests.browser.visitor import Visitors
from tests.browser.watching import GREEN, RED, STATUS_LAMP

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOLD_WITHIN_S = 10.0
SILENCE_TOLD_WITHIN_S = 35.0
"""It gives a sign of life every 15 s, so nothing tells a silence from a quiet box before."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[LiveBox, WebService]]:
    with LiveBox() as box:
        assert box.wait_until_ready(WITHIN_S)
        with WebService(tmp_path, box.socket) as service:
            yield box, service


def open_panel(visit: Visitors, service: WebService) -> Page:
    page = visit(service.url, may_fail=r"net::|status of 503")
    log_in(page)
    page.evaluate("() => { window.ivsdSameDocument = true; }")
    return page


def was_not_read_again(page: Page) -> bool:
    return page.evaluate("() => window.ivsdSameDocument") is True


def wait_until_it_says_not_live(page: Page, within_s: float) -> float:
    began = time.monotonic()
    notice = page.locator("#notice", has_text="Not live")
    notice.wait_for(timeout=within_s * 1000)
    assert re.match(r"Not live since \d\d:\d\d:\d\d: .+\.", notice.inner_text())
    assert "stale" in str(page.locator("body").get_attribute("class"))
    filter_ = "() => getComputedStyle(document.querySelector('main > header')).filter"
    assert "grayscale" in page.evaluate(filter_)
    colour = "(bulb) => getComputedStyle(bulb).backgroundColor"
    assert page.locator(STATUS_LAMP).evaluate(colour) not in (RED, GREEN)
    return time.monotonic() - began


def wait_until_live(page: Page) -> float:
    began = time.monotonic()
    page.locator("body:not(.stale)").wait_for(timeout=WITHIN_S * 1000)
    assert not page.locator("#notice").is_visible()
    return time.monotonic() - began


def test_pages_that_are_ended_are_said_to_be_not_live_and_come_back(
    service: tuple[LiveBox, WebService], visit: Visitors, say: Callable[[str], None]
) -> None:
    box, web = service
    page = open_panel(visit, web)
    wait_until_live(page)
    ended_s = web.end()
    said_s = wait_until_it_says_not_live(page, TOLD_WITHIN_S)
    press(box, "record")
    page.wait_for_timeout(1000)
    assert page.locator("#room .state.available").count() == 1  # how it was, and greyed
    web.start()
    live_s = wait_until_live(page)
    page.locator("#room .state.recording").wait_for()
    assert was_not_read_again(page)
    say(
        f"pages ended in {ended_s:.1f} s with one live page open; not live said {said_s:.1f} s "
        f"after; live again {live_s:.1f} s after the start"
    )


def test_a_box_that_falls_silent_is_found_out(
    service: tuple[LiveBox, WebService], visit: Visitors, say: Callable[[str], None]
) -> None:
    _, web = service
    page = open_panel(visit, web)
    wait_until_live(page)
    web.freeze()
    said_s = wait_until_it_says_not_live(page, SILENCE_TOLD_WITHIN_S)
    web.thaw()
    live_s = wait_until_live(page)
    assert was_not_read_again(page)
    say(f"silent box: not live said after {said_s:.1f} s, live again after {live_s:.1f} s")


def test_a_daemon_that_ends_is_told_on_the_open_page(
    service: tuple[LiveBox, WebService], visit: Visitors
) -> None:
    box, web = service
    page = open_panel(visit, web)
    wait_until_live(page)
    box.daemon.stop()
    wait_until_it_says_not_live(page, TOLD_WITHIN_S)
    page.reload()
    page.get_by_role("heading", name="ivsd does not answer").wait_for()

"""The diagnostics bundle in a real browser: made by a click, downloaded, opened."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivsd.demo.live import LiveBox
from tests.browser.boxes import WITHIN_S, WebService
from tests.browser.log_in import cookie
from tests.browser.looking import look_at
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Download, Locator, Page

MADE_WITHIN_MS = 60_000
MAKE = "Make and download it"
IN_ORDER = "room: 'Interview Room 1'"


@pytest.fixture
def box() -> Iterator[LiveBox]:
    """Run a daemon and its simulated server."""
    with LiveBox() as box:
        assert box.wait_until_ready(WITHIN_S)
        yield box


@pytest.fixture
def web(box: LiveBox, tmp_path: Path) -> Iterator[WebService]:
    """Run `ivsd web` before it."""
    with WebService(tmp_path, box.socket) as web:
        yield web


def open_log(visit: Visitors, web: WebService, *, script: bool = True) -> Page:
    page = visit(web.url, java_script_enabled=script)
    page.context.add_cookies([cookie(web.url)])
    page.goto("/log")
    return page


def button(page: Page) -> Locator:
    """Return it; a click on it waits for the whole answer, unless with `no_wait_after`."""
    return page.locator("#bundle button")


def download(page: Page) -> Download:
    with page.expect_download(timeout=MADE_WITHIN_MS) as waits:
        button(page).click()
    return waits.value


def self_test_in(download: Download, folder: Path) -> str:
    """Look into what was downloaded; return its self-test."""
    name = download.suggested_filename
    assert re.fullmatch(r"ivsd-[A-Za-z0-9.-]+-[0-9]{8}-[0-9]{6}\.tar\.gz", name)
    download.save_as(folder / name)
    with tarfile.open(folder / name) as tar:
        files = {Path(member.name).name for member in tar.getmembers()}
        assert {"README.txt", "status.json", "journal.txt", "self-test.txt"} <= files
        self_test = tar.extractfile(f"{name.removesuffix('.tar.gz')}/self-test.txt")
        assert self_test is not None
        return self_test.read().decode()


def test_the_bundle_is_downloaded_by_a_click_and_the_button_is_given_back(
    web: WebService, visit: Visitors, tmp_path: Path
) -> None:
    page = open_log(visit, web)
    button(page).get_by_text(MAKE).wait_for()
    for _ in range(2):
        assert IN_ORDER in self_test_in(download(page), tmp_path)
        page.locator("#bundle button:not([disabled])", has_text=MAKE).wait_for()
    page.locator("body:not(.stale)").wait_for()  # it follows all the while


def test_while_it_is_made_the_button_says_so_and_takes_no_second_tap(
    web: WebService, visit: Visitors
) -> None:
    page = open_log(visit, web)
    with page.expect_download(timeout=MADE_WITHIN_MS):
        button(page).click(no_wait_after=True)
        page.locator("#bundle button[disabled]", has_text="Making it …").wait_for()
    page.locator("#bundle button:not([disabled])", has_text=MAKE).wait_for()


def test_without_a_script_it_is_downloaded_too(
    web: WebService, visit: Visitors, tmp_path: Path
) -> None:
    page = open_log(visit, web, script=False)
    assert IN_ORDER in self_test_in(download(page), tmp_path)


def test_with_a_server_that_hangs_it_comes_and_meanwhile_there_is_no_other(
    box: LiveBox, web: WebService, visit: Visitors, screenshots: Path, tmp_path: Path
) -> None:
    box.set_cable("hang")
    first, second = open_log(visit, web), open_log(visit, web)
    with first.expect_download(timeout=MADE_WITHIN_MS) as waits:
        button(first).click(no_wait_after=True)
        button(second).click()
        second.locator("#bundle .message.failed", has_text="being made just now").wait_for()
    assert "WRONG  server" in self_test_in(waits.value, tmp_path)
    assert look_at(second, "bundle-refused", screenshots) == []


def test_the_demo_offers_none(demo: tuple[LiveBox, str], visit: Visitors) -> None:
    page = visit(demo[1])
    page.goto("/log")
    page.locator("#rows").wait_for()
    assert page.locator("#bundle").count() == 0

"""From a box without a password to its panel by clicking, pressing and typing only."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivsd.demo.live import LiveBox
from tests.browser.boxes import (
    PASSWORD,
    WITHIN_S,
    FactoryBox,
    WebService,
    press,
    press_to_learn,
    wait_for,
)
from tests.browser.log_in import log_in, try_password
from tests.browser.looking import look_at
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page

NO = r"status of (403|429)"


@pytest.fixture
def box() -> Iterator[LiveBox]:
    with LiveBox() as box:
        assert box.wait_until_ready(WITHIN_S)
        yield box


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[FactoryBox]:
    """A box that nobody has set up yet."""
    with FactoryBox(tmp_path) as box:
        yield box


@pytest.fixture
def new(factory: FactoryBox, tmp_path: Path) -> Iterator[WebService]:
    """Its pages."""
    with WebService(tmp_path, factory.socket, password=None) as service:
        yield service


@pytest.fixture
def known(box: LiveBox, tmp_path: Path) -> Iterator[WebService]:
    """A box with a password."""
    with WebService(tmp_path, box.socket) as service:
        yield service


def tap(page: Page, button: str) -> None:
    """Click, and do not wait for the page that comes after the press at the box."""
    page.get_by_role("button", name=button).hover()
    page.mouse.down()
    page.mouse.up()


def prove(page: Page, box: FactoryBox) -> None:
    tap(page, "I will press now")
    press_to_learn(box, "record")
    page.get_by_label("New password").wait_for()


def test_first_run_leads_by_clicking_pressing_and_typing_to_the_first_recording(
    factory: FactoryBox,
    new: WebService,
    visit: Visitors,
    say: Callable[[str], None],
    screenshots: Path,
) -> None:
    page = visit(new.url)
    began = time.monotonic()
    page.goto("/")
    assert page.url == f"{new.url}first"
    prove(page, factory)
    page.locator("#new:focus").wait_for()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("link", name="Set-up").first.click()
    page.locator("#valt-url").fill(factory.simulator.url)
    page.locator("#valt-username").fill("admin")
    page.locator("#password").fill("admin")
    page.get_by_role("button", name="Test connection").click()
    room = page.locator("#room option", has_text="Interview Room 1")
    page.locator("#room").select_option(value=room.get_attribute("value"))
    looked_s = time.monotonic()
    wrong = look_at(page, "step-connection-tested", screenshots)
    looked_s -= time.monotonic()
    page.get_by_role("button", name="Save").click()  # what was typed for the test is enough
    page.locator(".message.done").wait_for()
    page.get_by_role("link", name="Panel", exact=True).click()
    page.locator("#room .state.available").wait_for()
    press(factory, "record")
    page.locator("#room .state.recording").wait_for()
    took_s = time.monotonic() - began + looked_s
    say(f"first run, from the first page to the first recording: {took_s:.1f} s")
    assert [recording.name for recording in factory.simulator.world.recordings] != []
    assert wrong == []


def test_the_first_page_is_readable(new: WebService, visit: Visitors, screenshots: Path) -> None:
    page = visit(new.url)
    page.goto("/")
    page.get_by_role("button", name="I will press now").wait_for()
    assert look_at(page, "step-press-at-the-box", screenshots) == []


def test_a_second_tap_of_somebody_impatient_does_not_lose_the_press(
    factory: FactoryBox, new: WebService, visit: Visitors
) -> None:
    page = visit(new.url, may_fail="status of 503")
    page.goto("/")
    tap(page, "I will press now")
    wait_for("the daemon learns", lambda: bool(factory.daemon._asked.learners))
    page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(500)  # until it is there; nothing tells
    press_to_learn(factory, "record")
    page.get_by_label("New password").wait_for(timeout=5000)


def test_a_press_proves_nothing_on_a_box_that_is_in_use(
    box: LiveBox, tmp_path: Path, visit: Visitors
) -> None:
    with WebService(tmp_path, box.socket, password=None) as service:
        page = visit(service.url)
        page.goto("/")
        page.get_by_label("Code of 8 digits").wait_for()
        assert page.get_by_role("button", name="I will press now").count() == 0


def test_nothing_but_the_first_run_is_shown_before_there_is_a_password(
    new: WebService, visit: Visitors
) -> None:
    page = visit(new.url)
    for path in ("/", "/log", "/system", "/login"):
        page.goto(path)
        assert page.url == f"{new.url}first"


def test_two_passwords_that_differ_are_said_beside_the_field(
    factory: FactoryBox, new: WebService, visit: Visitors
) -> None:
    page = visit(new.url, may_fail="status of 400")
    page.goto("/")
    prove(page, factory)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same once more").fill(f"{PASSWORD}!")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("alert").filter(has_text="not the same").wait_for()
    assert page.locator("#new").input_value() == ""  # a password never comes back


def test_the_code_of_the_console_is_a_way_in_too(new: WebService, visit: Visitors) -> None:
    page = visit(new.url, may_fail=NO)
    page.goto("/")
    page.get_by_label("Code of 8 digits").fill("00000000")
    page.get_by_role("button", name="Use the code").click()
    page.get_by_role("alert").filter(has_text="not the code").wait_for()
    page.get_by_label("Code of 8 digits").fill((new.state / "setup-code").read_text().strip())
    page.get_by_role("button", name="Use the code").click()
    page.get_by_label("New password").wait_for()


def test_log_in_survives_a_reload_and_ends_with_a_log_out_in_every_tab(
    known: WebService, visit: Visitors
) -> None:
    page = visit(known.url, may_fail="status of 401")  # what its stream is told
    log_in(page)
    page.reload()
    page.locator("#room").wait_for()
    other = page.context.new_page()
    other.goto("/")
    other.locator("#room").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    other.get_by_role("heading", name="Log in").wait_for(timeout=30_000)  # by itself
    page.goto("/system")
    page.get_by_role("heading", name="Log in").wait_for()
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="System").wait_for()  # where he wanted to go


def test_wrong_passwords_are_slowed_down_and_the_right_one_works_after_it(
    known: WebService, visit: Visitors
) -> None:
    page = visit(known.url, may_fail=NO)
    page.goto("/")
    for _ in range(4):
        try_password(page, "wrong password")
    wait_s = seconds_to_wait(page)
    assert 0 < wait_s <= 60
    if wait_s > 1:  # it is counted down
        wait_for("less", lambda: 0 < seconds_to_wait(page) < wait_s)
    page.get_by_role("alert").filter(has_text="You can try again now").wait_for(timeout=60_000)
    try_password(page, PASSWORD)
    page.locator("#room").wait_for()


def seconds_to_wait(page: Page) -> int:
    said = re.search(r"looked at in (\d+) s", page.locator("#problem").inner_text())
    return int(said[1]) if said is not None else 0


def test_a_second_browser_is_not_logged_in_by_the_first(known: WebService, visit: Visitors) -> None:
    page = visit(known.url)
    log_in(page)
    stranger = visit(known.url)
    stranger.goto("/")
    stranger.get_by_role("heading", name="Log in").wait_for()
    wait_for("the first one stays", lambda: page.locator("#room").is_visible())

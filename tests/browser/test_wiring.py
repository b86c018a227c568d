"""A new button from its first press to a recording, and lamps put right, by clicking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivsd.config import load
from tests.browser.boxes import FactoryBox, WebService, press, status, wait_for
from tests.browser.log_in import log_in
from tests.browser.looking import look_at
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page

LINE = {
    "kind": "line", "chip": "gpiochip0", "line": 5, "name": "", "active": "low", "pull": "up",
}  # fmt: skip
READER = {
    "kind": "reader", "device": "Sycreader RFID", "match": {"id": "ffff:0035"},
    "types_numbers": True, "ends_with_enter": True,
}  # fmt: skip
FILE = """\
valt: {url: "URL", username: admin, password: admin, poll_interval_s: 0.5}
room: Interview Room 1
controls: {record: record_toggle}
inputs:
  buttons:
    - {control: record, line: 17}
lights:
  lamps:
    - {name: status, kind: rgb, lines: [22, 27, 24]}
    - {name: sign, lines: [25], shows: recording}
factory_default: {line: 26}
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[FactoryBox]:
    """A box with a server and one button."""
    box = FactoryBox(tmp_path)
    box.simulator.start()
    box.config.write_text(FILE.replace("URL", box.simulator.url))
    box.simulator.stop()
    with box:
        yield box


@pytest.fixture
def devices(box: FactoryBox, tmp_path: Path, visit: Visitors) -> Iterator[Page]:
    """Its page of devices, as somebody sees it who comes from the set-up page."""
    with WebService(tmp_path, box.socket) as service:
        page = visit(service.url, may_fail="status of 422")
        log_in(page)
        page.goto("/set-up")
        page.get_by_role("link", name="Add or take away buttons").click()
        page.get_by_role("heading", name="Buttons, readers and lamps").wait_for()
        yield page
        page.close()  # it may still fetch its icon, from a service that is gone then


def is_looking(box: FactoryBox) -> bool:
    return bool(box.unnamed._searchers and box.daemon._asked.learners)


def find(page: Page, box: FactoryBox, touch: Callable[[], object]) -> None:
    """Choose “Find it”, and touch something once it is looked for."""
    page.get_by_role("button", name="Find it").hover()
    page.mouse.down()  # and do not wait for the page that comes after the touch
    page.mouse.up()
    wait_for("the daemon looks for it", lambda: is_looking(box))
    touch()
    page.get_by_text("ivsd has done nothing else with it.").wait_for()


def test_a_new_button_is_pressed_named_and_records(
    devices: Page, box: FactoryBox, say: Callable[[str], None], screenshots: Path
) -> None:
    page, began = devices, time.monotonic()
    find(page, box, lambda: box.unnamed.touch(LINE))
    page.get_by_text("closes to ground when it is pressed").wait_for()
    page.get_by_label("Call it").fill("the door")
    page.get_by_role("button", name="See what changes").click()
    page.get_by_text("Wrong: has other signs than letters").wait_for()
    looked_s = time.monotonic()
    wrong = look_at(page, "devices-wrong-name", screenshots)
    looked_s -= time.monotonic()
    page.get_by_label("Call it").fill("door")
    page.get_by_label("It does").select_option("start")
    page.get_by_role("button", name="See what changes").click()
    page.get_by_role("heading", name="What “Save” would change").wait_for()
    page.get_by_role("button", name="Save").click()
    page.locator(".message.done").wait_for()
    page.get_by_text("button “door”").wait_for()
    press(box, "door")
    wait_for("it records", lambda: bool(box.simulator.world.recordings))
    took_s = time.monotonic() - began + looked_s
    say(f"a new button, from the page to its recording: {took_s:.1f} s")
    assert wrong == []
    assert load(box.config).inputs.buttons[1].line == 5


def test_what_a_save_would_change_is_shown_readably(
    devices: Page, box: FactoryBox, screenshots: Path
) -> None:
    find(devices, box, lambda: box.unnamed.touch(READER))
    wrong = look_at(devices, "devices-found-a-reader", screenshots)
    devices.get_by_label("Call it").fill("front")
    devices.get_by_role("button", name="See what changes").click()
    devices.get_by_role("heading", name="What “Save” would change").wait_for()
    devices.get_by_text("The file line by line").click()
    wrong += look_at(devices, "devices-changes", screenshots)
    devices.get_by_role("link", name="Leave it as it is").click()
    devices.get_by_role("button", name="Find it").wait_for()
    assert wrong == []
    assert load(box.config).inputs.keyboards == []


def test_a_button_that_is_set_up_is_shown_and_does_nothing_else(
    devices: Page, box: FactoryBox
) -> None:
    find(devices, box, lambda: press(box, "record"))
    devices.get_by_text("“record”, which is set up already").wait_for()
    assert box.simulator.world.recordings == []


def test_a_button_is_taken_away_after_a_second_look(devices: Page, box: FactoryBox) -> None:
    devices.get_by_role("button", name="Take away: button “record”").click()
    devices.get_by_role("heading", name="What is taken away").wait_for()
    devices.get_by_role("button", name="Take it away").click()
    devices.get_by_text("The file names nothing to press").wait_for()
    assert load(box.config).inputs.buttons == []


def test_a_lamp_lights_and_its_colours_are_put_right(
    devices: Page, box: FactoryBox, screenshots: Path
) -> None:
    page, lamp = devices, devices.get_by_role("group", name="status")
    for colour, seen in (("red", "green"), ("green", "red"), ("blue", "blue")):
        lamp.get_by_role("button", name=f"Let it light {colour}").click()
        page.get_by_text(f"should be {colour}").wait_for()
        lamp.locator(f"[name=seen-{colour}]").select_option(seen)
    wrong = look_at(page, "devices-lamp", screenshots)
    lamp.get_by_role("button", name="Put the colours right").click()
    page.get_by_role("button", name="Save").click()
    page.locator(".message.done").wait_for()
    assert load(box.config).lights.lamps[0].lines == [27, 22, 24]
    assert wrong == []


def test_without_a_daemon_the_page_says_so(devices: Page, box: FactoryBox) -> None:
    box.daemon.stop()
    wait_for("it has ended", lambda: isinstance(status(box), Exception))
    assert devices.request.get("/set-up/devices").status == 503

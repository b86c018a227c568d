"""Every page in every trouble: seen at phone and desktop width, light and dark, without a fault.

The pictures are kept; see `conftest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status
from ivsd.demo.live import LiveBox
from ivsd.demo.web import Pages
from tests.browser.boxes import HOST, WITHIN_S, WebService, press, status, wait_for
from tests.browser.log_in import cookie, try_password
from tests.browser.looking import look_at
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCENES = ("well", "recording", "link-down", "config-broken", "no-daemon")
PATHS = {
    "demo": "/",
    "panel": "/",
    "set-up": "/set-up",
    "devices": "/set-up/devices",
    "badges": "/badges",
    "log": "/log",
    "system": "/system",
    "login": "/login",
    "first": "/first",
}
BROKEN = "rooom: Interview Room 1\n"  # a key that is none
MAY_FAIL = {
    "no-daemon": "status of 503",  # which is how a page says so, and then so do its events
    "config-broken": "status of 409",  # of the set-up page
}


@dataclass(frozen=True)
class Scene:
    """A box in some state, with all its pages."""

    name: str
    box: LiveBox
    demo: str
    web: WebService
    """With a password."""
    new: WebService
    """Without one."""

    def open(self, visit: Visitors, name: str) -> Page:
        """Open a page as somebody who may see it."""
        origin = {"demo": self.demo, "first": self.new.url}.get(name, self.web.url)
        page = visit(origin, may_fail=MAY_FAIL.get(self.name, ""))
        if name in ("panel", "set-up", "badges", "log", "system"):
            page.context.add_cookies([cookie(self.web.url)])
        page.goto(PATHS[name])
        return page


def use(box: LiveBox) -> None:
    """Give the log something to show: done, failed and ignored."""
    doings: list[Callable[[], object]] = [
        lambda: press(box, "marker"),
        lambda: box.hands.swipe("0004799999"),
        lambda: press(box, "record"),
        lambda: press(box, "marker"),
        lambda: press(box, "record"),
        lambda: box.type_pin("99"),
    ]
    for number, do in enumerate(doings, 1):
        do()
        wait_for(f"outcome {number}", partial(has_outcomes, box, number))


def has_outcomes(box: LiveBox, count: int) -> bool:
    found = status(box)
    return isinstance(found, Status) and len(found.outcomes) >= count


def bring_about(name: str, box: LiveBox) -> None:
    """Make a box that is well one of another scene."""
    if name == "recording":
        return
    box.elsewhere("stop")
    wait_for("it is known", lambda: box.seen.light == "available")
    if name == "link-down":
        box.set_cable("pull")
        wait_for("it is known", lambda: not is_up(status(box)))
    elif name == "config-broken":
        text = box.config.read_text(encoding="utf-8")
        box.config.write_text(text + BROKEN, encoding="utf-8")
        box.daemon.reload()
        wait_for("it is told", lambda: has_problems(status(box)))
    elif name == "no-daemon":
        box.daemon.stop()
        wait_for("it is gone", lambda: isinstance(status(box), ControlError))


def is_up(found: Status | ControlError) -> bool:
    return isinstance(found, Status) and found.link.up


def has_problems(found: Status | ControlError) -> bool:
    return isinstance(found, Status) and bool(found.config.problems)


@pytest.fixture(scope="module", params=SCENES)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    name = str(request.param)
    folder: Path = tmp_path_factory.mktemp(name)
    (folder / "known").mkdir()
    (folder / "new").mkdir()
    with ExitStack() as stack:
        box = stack.enter_context(LiveBox())
        assert box.wait_until_ready(WITHIN_S)
        pages = stack.enter_context(Pages(box, HOST, 0))
        web = stack.enter_context(WebService(folder / "known", box.socket))
        new = stack.enter_context(WebService(folder / "new", box.socket, password=None))
        use(box)
        bring_about(name, box)
        yield Scene(name, box, pages.url, web, new)


@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_readable_and_without_a_fault(
    scene: Scene, name: str, visit: Visitors, screenshots: Path
) -> None:
    page = scene.open(visit, name)
    page.locator("main h1").wait_for()
    if page.locator("[data-events]:not([data-away])").count():
        page.locator("body:not(.stale)").wait_for()
    assert look_at(page, f"{scene.name}-{name}", screenshots) == []


def test_what_is_wrong_is_said_in_words(scene: Scene, visit: Visitors) -> None:
    page = scene.open(visit, "panel")
    wrong = page.locator(".wrong")
    if scene.name in ("well", "recording"):
        page.locator("#room").wait_for()
        assert wrong.count() == 0
        return
    said = {
        "link-down": "is VALT running there?",
        "config-broken": "rooom",
        "no-daemon": "systemctl status ivsd",
    }
    assert said[scene.name] in wrong.inner_text()


SAID = {
    "link-down": {
        "/set-up": "the link to the server: down",
        "/log": "is VALT running there?",
    },
    "config-broken": {
        "/set-up": "rooom",
        "/log": "rooom",
        "/system": "1 problem, see the panel",
    },
    "no-daemon": {
        "/set-up": "systemctl status ivsd",
        "/log": "systemctl status ivsd",
        "/system": "sudo systemctl restart ivsd",
    },
}


def test_the_other_pages_say_it_too(scene: Scene, visit: Visitors) -> None:
    page = scene.open(visit, "panel")
    for path, said in SAID.get(scene.name, {}).items():
        page.goto(path)
        assert said in page.locator("main").inner_text(), path


def test_a_page_that_is_not_live_is_readable_too(
    scene: Scene, visit: Visitors, screenshots: Path, tmp_path: Path
) -> None:
    if scene.name != "recording":
        return  # it looks the same in all of them
    with WebService(tmp_path, scene.box.socket) as web:
        page = visit(web.url, may_fail="net::")
        page.context.add_cookies([cookie(web.url)])
        page.goto("/")
        page.locator("body:not(.stale)").wait_for()
    page.locator("#notice", has_text="Not live").wait_for()
    assert look_at(page, "not-live-panel", screenshots) == []


def test_the_steps_of_log_in_are_readable(scene: Scene, visit: Visitors, screenshots: Path) -> None:
    if scene.name != "well":
        return
    page = visit(scene.new.url)
    page.goto("/first")
    page.get_by_label("Code of 8 digits").fill((scene.new.state / "setup-code").read_text().strip())
    page.get_by_role("button", name="Use the code").click()
    page.get_by_label("New password").wait_for()
    wrong = look_at(page, "step-new-password", screenshots)

    page = visit(scene.web.url, may_fail="status of (403|429)")
    page.goto("/login")
    for _ in range(4):
        try_password(page, "wrong password")
    wrong += look_at(page, "step-too-many-wrong-ones", screenshots)
    assert wrong == []


def test_a_phone_lays_the_panel_out_at_its_own_width(
    demo: tuple[LiveBox, str], visit: Visitors
) -> None:
    box, url = demo
    page = visit(
        url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True,
        device_scale_factor=3,
    )  # fmt: skip
    page.goto("/")
    assert page.evaluate("() => visualViewport.width") == 360
    page.locator("button.key[value=record]").tap()
    page.locator("#room .state.recording").wait_for()
    page.wait_for_timeout(500)
    assert len(box.simulator.world.recordings) == 1  # a tap is one press, whatever events it makes
    page.locator("#room .state.recording").wait_for()

"""Setting a box up by its page, against a server with a certificate that nobody trusts yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ivsd.config import load
from tests.browser.boxes import FactoryBox, WebService, press_to_learn
from tests.browser.log_in import cookie
from tests.browser.looking import look_at
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE = {"width": 360, "height": 740}
SECRET = "admin"  # the simulator's
SAYS_WRONG = r"status of 422"
# What has the focus while somebody goes through the form by the keyboard, and what covers it.
_COVERED = """
(bar) => {
  const item = document.activeElement;
  const box = item.getBoundingClientRect();
  const over = document.querySelector(bar).getBoundingClientRect();
  if (item === document.body || !box.width || item.closest(bar)) return '';
  const isCovered = box.bottom > over.top + 1 && box.top < over.bottom - 1;
  return isCovered ? `${item.tagName} ${item.name || item.textContent}` : '';
}
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[FactoryBox]:
    with FactoryBox(tmp_path, tls="self_signed") as box:
        yield box


@pytest.fixture
def web(box: FactoryBox, tmp_path: Path) -> Iterator[WebService]:
    with WebService(tmp_path, box.socket) as web:
        yield web


def open_set_up(web: WebService, visit: Visitors, **wishes: Any) -> Page:
    page = visit(web.url, may_fail=SAYS_WRONG, **wishes)
    page.context.add_cookies([cookie(web.url)])
    page.goto("/set-up")
    return page


def choose(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=button).last.click()  # the first one is for the key Enter


def test_a_server_with_a_certificate_of_its_own_is_set_up_by_clicking(
    box: FactoryBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    page = open_set_up(web, visit)
    page.locator("#valt-url").fill(box.simulator.url)
    page.locator("#valt-username").fill("admin")
    page.locator("#password").fill(SECRET)
    choose(page, "Test connection")
    shown = page.locator("#pin-about code").inner_text()
    assert len(shown) == 95  # 32 bytes, as servers show them
    wrong = look_at(page, "step-certificate-shown", screenshots)
    assert box.simulator.requests == []  # nobody was told a password

    choose(page, "Trust exactly this certificate")
    assert "Type the password" in page.locator("form [role=status]").inner_text()
    assert page.locator("input[name=trusts][value=pin]").is_checked()
    page.locator("#password").fill("a wrong password")
    choose(page, "Test connection")
    assert page.locator(".findings li", has_text="✗ wrong").inner_text().count("Log-in") == 1
    assert "the one that was typed is not kept" in page.locator("#password-about").inner_text()
    page.locator("#password").fill(SECRET)
    choose(page, "Test connection")  # from here on it is not typed again
    assert "kept until you save" in page.locator("#password-about").inner_text()
    page.locator("#room").select_option("Interview Room 1")

    choose(page, "See what changes")
    changes = page.locator("#changes").inner_text()
    for said in ("Room of this box", "not set → Interview Room 1", "Nothing was saved yet."):
        assert said in changes
    page.locator("#changes summary").click()
    assert "+room: Interview Room 1" in page.locator("#changes pre").inner_text()
    wrong += look_at(page, "step-what-changes", screenshots)

    for text in (page.content(), str(page.context.cookies())):
        assert f'"{SECRET}"' not in text.replace(f'name="valt.username" value="{SECRET}"', "")
    choose(page, "Save")
    assert "The link to the server: up" in page.locator(".message.done").inner_text()
    wrong += look_at(page, "step-saved", screenshots)
    config = load(box.config)
    assert (config.room, config.valt.verify) == (
        "Interview Room 1",
        "sha256:" + shown.replace(":", "").lower(),
    )
    assert wrong == []


def test_the_button_that_is_meant_is_found_by_pressing_it(
    box: FactoryBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    page = open_set_up(web, visit)
    page.locator("#recording-name").fill("typed before")
    page.get_by_role("button", name="Press the button you mean").hover()
    page.mouse.down()
    page.mouse.up()
    press_to_learn(box, "record")
    page.locator(".control.pressed", has_text="record").wait_for()
    assert "That was the button “record”" in page.locator("form [role=status]").inner_text()
    assert page.locator("#recording-name").input_value() == "typed before"
    assert box.simulator.world.recordings == []
    assert look_at(page, "step-this-one-was-pressed", screenshots) == []


def test_wrong_values_are_said_beside_their_fields(
    box: FactoryBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    page = open_set_up(web, visit)
    page.locator("#valt-url").fill("valt")
    page.locator("#recording-name").fill("{rom}")
    choose(page, "Save")
    page.locator("section.wrong:focus").wait_for()  # read aloud, and seen first
    assert "use https://NAME or http://NAME" in page.locator("#valt-url-about").inner_text()
    assert "{rom} is not known so" in page.locator("#recording-name-about").inner_text()
    page.get_by_role("link", name="Name of new recordings").click()
    assert page.evaluate("() => document.activeElement.id") == "recording-name"
    assert look_at(page, "step-wrong-values", screenshots) == []


def test_on_a_phone_save_is_in_sight_and_covers_nothing_that_has_the_focus(
    web: WebService, visit: Visitors
) -> None:
    page = open_set_up(web, visit, viewport=PHONE)
    save = page.get_by_role("button", name="Save")
    top = page.evaluate("() => document.querySelector('.acts').getBoundingClientRect().top")
    assert 500 < top < PHONE["height"]
    nav = page.get_by_role("navigation").bounding_box()
    assert nav is not None
    assert nav["height"] < 100  # two rows of fingers' width, the log-out in one of them
    for key in ("Tab", "Shift+Tab"):
        reached = False
        for _ in range(60):
            page.keyboard.press(key)
            assert page.evaluate(_COVERED, ".acts") == ""
            reached = reached or save.evaluate("(item) => item === document.activeElement")
        assert reached or key == "Shift+Tab"


def test_on_a_phone_the_last_outcome_covers_nothing_that_has_the_focus(
    demo: tuple[object, str], visit: Visitors
) -> None:
    page = visit(demo[1], viewport=PHONE)
    page.goto("/")
    page.locator("body:not(.stale)").wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate(_COVERED, ".last") == ""
    page.locator("button.key[value=record]").click()
    page.locator("#newest", has_text="recording started").wait_for()
    box = page.locator("#newest").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= PHONE["height"]  # seen without scrolling

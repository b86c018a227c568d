"""Without JavaScript the panel shows the box, and a press by its form works."""

from __future__ import annotations

from ivsd.demo.live import LiveBox
from tests.browser.visitor import Visitors

REFRESHED_WITHIN_MS = 12_000  # it is read again every 5 s


def test_a_press_works_and_is_shown_without_a_script(
    demo: tuple[LiveBox, str], visit: Visitors
) -> None:
    box, url = demo
    page = visit(url, java_script_enabled=False)
    page.goto("/")
    page.locator("#room .state.available").wait_for()
    page.locator("button.key[value=record]").click()
    page.locator("#room .state.recording").wait_for(timeout=REFRESHED_WITHIN_MS)
    page.locator("#server", has_text="The room is recording").wait_for()
    assert page.locator("#lamp-1 .bulb").get_attribute("data-colour") == "red"
    page.get_by_role("button", name="Bob").click()
    page.locator("#newest", has_text="reader").wait_for(timeout=REFRESHED_WITHIN_MS)
    assert len(box.simulator.world.recordings) == 1
    assert "every 5 seconds" in page.locator("footer").inner_text()
    page.goto("/log")
    assert "does not follow by itself" in page.locator("noscript p").inner_text()

"""The log in a real browser follows the box, and goes on filtering meanwhile."""

from __future__ import annotations

from ivsd.demo.live import LiveBox
from tests.browser.boxes import press
from tests.browser.visitor import Visitors

SETTLED_MS = 500


def test_the_log_follows_live_and_shows_only_what_is_looked_for(
    demo: tuple[LiveBox, str], visit: Visitors
) -> None:
    box, url = demo
    page = visit(url)
    page.goto("/log")
    page.get_by_label("Show").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    page.locator("body:not(.stale)").wait_for()
    rows = page.locator("#rows li")
    assert rows.count() == 0
    press(box, "marker")  # fails: nothing is being recorded
    rows.first.wait_for()
    press(box, "record")
    page.wait_for_timeout(SETTLED_MS)
    assert rows.count() == 1
    page.get_by_role("link", name="Show everything").click()
    page.locator("#rows li", has_text="recording started").wait_for()
    assert rows.count() == 2


def test_a_fault_comes_and_goes_while_somebody_looks(
    demo: tuple[LiveBox, str], visit: Visitors
) -> None:
    box, url = demo
    page = visit(url)
    page.goto("/log?result=fault")
    page.locator("#faults", has_text="Nothing is wrong now.").wait_for()
    box.set_cable("pull")
    page.locator("#faults .wrong li").first.wait_for()
    box.set_cable("plug")
    page.locator("#faults", has_text="Nothing is wrong now.").wait_for()

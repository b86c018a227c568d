"""The lamps on the panel play the rhythm of the real ones, but not for who wants no motion."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from statistics import median

from ivsd.demo.live import LiveBox
from ivsd.outputs.patterns import BLINK_OFF_S, BLINK_ON_S, PAUSE_S
from tests.browser.boxes import wait_for
from tests.browser.visitor import Visitors
from tests.browser.watching import DARK, GREEN, MAGENTA, RED, STATUS_LAMP, colours_of

Demo = tuple[LiveBox, str]

NO_LINK = "magenta, 2 short flashes and a pause"
LATE_MS = 150.0
"""A timer of a browser may come late by this much on a busy machine; it never comes early."""


def test_a_fault_blinks_in_its_rhythm(
    demo: Demo, visit: Visitors, say: Callable[[str], None]
) -> None:
    box, url = demo
    page = visit(url)
    page.goto("/")
    box.set_cable("pull")
    page.locator("#lamp-1", has_text=NO_LINK).wait_for()
    shown = colours_of(page, STATUS_LAMP, 9000)
    assert {part.colour for part in shown} == {MAGENTA, DARK}
    flashes = [part.ms for part in shown if part.colour == MAGENTA]
    is_pause = [part.colour == DARK and part.ms > 1000 * PAUSE_S - 100 for part in shown]
    pauses = [part.ms for part, pause in zip(shown, is_pause, strict=True) if pause]
    say(f"lamp on the page: flashes of {median(flashes):.0f} ms, pauses of {median(pauses):.0f} ms")
    assert abs(median(flashes) - 1000 * BLINK_ON_S) < LATE_MS
    assert abs(median(pauses) - 1000 * (BLINK_OFF_S + PAUSE_S)) < LATE_MS
    rounds = [
        sum(part.colour == MAGENTA for part, _ in group)
        for pause, group in groupby(zip(shown, is_pause, strict=True), key=lambda pair: pair[1])
        if not pause
    ]
    assert len(rounds) >= 4
    assert set(rounds[1:-1]) == {2}  # what N of N flashes means is read off the real lamp, too


def test_who_wants_no_motion_gets_the_rhythm_in_words(demo: Demo, visit: Visitors) -> None:
    box, url = demo
    page = visit(url, reduced_motion="reduce")
    page.goto("/")
    box.set_cable("pull")
    page.locator("#lamp-1", has_text=NO_LINK).wait_for()
    page.wait_for_timeout(500)
    assert colours_of(page, STATUS_LAMP, 5000) == []  # no change at all
    colour = "(bulb) => getComputedStyle(bulb).backgroundColor"
    assert page.locator(STATUS_LAMP).evaluate(colour) == MAGENTA
    page.emulate_media(reduced_motion="no-preference")
    assert len(colours_of(page, STATUS_LAMP, 3000)) >= 2  # it is played as soon as it may be


def test_a_lamp_of_two_leds_is_two_bulbs_each_in_its_own_colour(
    demo: Demo, visit: Visitors
) -> None:
    box, url = demo
    box.configure(
        {"lights": {"lamps": "[{name: pair, kind: leds, lines: [1, 2], colours: [red, green]}]"}}
    )
    page = visit(url)
    page.goto("/")
    bulbs = page.locator("#lamp-1 .bulb")
    shown = "(bulbs) => bulbs.map((bulb) => getComputedStyle(bulb).backgroundColor)"
    wait_for("green alone", lambda: bulbs.evaluate_all(shown) == [DARK, GREEN])
    page.locator("button.key[value=record]").click()
    wait_for("red alone", lambda: bulbs.evaluate_all(shown) == [RED, DARK])
    box.set_cable("pull")
    page.get_by_role("img", name="pair: red and green, 2 short flashes").wait_for()
    wait_for("both at once", lambda: bulbs.evaluate_all(shown) == [RED, GREEN])

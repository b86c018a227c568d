"""A page as four people see it: phone and desktop, light and dark; and what must hold for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = {"desktop": (1280, 800), "phone": (360, 740)}
NARROWEST = 320  # CSS pixels: WCAG 2.2, 1.4.10, and the smallest phones
GRAVE = ("serious", "critical")
# What stays in sight would stand in the middle of the picture: a notice at the top, or a bar
# of buttons at the bottom.
_TO_THEIR_PLACE = """
() => scrollTo(0, document.querySelector('#notice:not([hidden])') ? 0 : document.body.scrollHeight)
"""
_WIDER = """
(width) => [...document.querySelectorAll('body *')]
  .filter((item) => item.getBoundingClientRect().right > width + 0.5)
  .map((item) => `${item.tagName} ${item.id} ${item.className} ${item.textContent.trim().slice(0, 40)}`)
"""  # noqa: E501


def look_at(page: Page, name: str, folder: Path) -> list[str]:
    """Take the page's four pictures; return what is wrong with it, in lines."""
    wrong = []
    page.emulate_media(reduced_motion="reduce")  # a lamp that blinks is lit in the picture
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(_TO_THEIR_PLACE)
            page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
            wrong += [f"{name}, {size}, {scheme}: {line}" for line in grave_findings(page)]
    page.set_viewport_size({"width": NARROWEST, "height": 640})
    wrong += [f"{name}: wider than {NARROWEST} pixels: {line}" for line in too_wide(page)]
    return wrong


def grave_findings(page: Page) -> list[str]:
    """Return axe-core's serious and critical findings, each with the place."""
    from axe_playwright_python.sync_playwright import Axe

    found: dict[str, Any] = Axe().run(page).response
    assert found["passes"], "axe-core has looked at nothing"
    return [
        f"{violation['impact']}: {violation['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """Return what a person would have to scroll sideways for."""
    width = page.evaluate("() => document.documentElement.scrollWidth")
    if width <= NARROWEST:
        return []
    return [f"the page is {width} wide", *page.evaluate(_WIDER, NARROWEST)]

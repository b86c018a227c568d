"""What a test reads off the panel, with the browser's own clock where it is about time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

RED, GREEN = "rgb(255, 59, 48)", "rgb(48, 209, 88)"
MAGENTA, WHITE, DARK = "rgb(255, 47, 214)", "rgb(255, 255, 255)", "rgb(36, 41, 47)"
"""Of the style sheet, as a browser computes them."""
STATUS_LAMP = "#lamp-1 .bulb"

# From the next press of a mouse button, until all of it was seen at once or in turn.
_TIME = """
({lamp, red}) => {
  const seen = {};
  window.ivsdSeen = seen;
  document.addEventListener('pointerdown', (event) => {
    const began = event.timeStamp;
    const look = () => {
      const now = performance.now() - began;
      const room = document.querySelector('#room .state');
      const held = document.getElementById('server').textContent;
      const bulb = getComputedStyle(document.querySelector(lamp)).backgroundColor;
      if (!('room' in seen) && room.classList.contains('recording')) seen.room = now;
      if (!('lamp' in seen) && 'room' in seen && bulb === red) seen.lamp = now;
      if (!('server' in seen) && held.includes('The room is recording')) seen.server = now;
      if (Object.keys(seen).length < 3 && now < 10000) requestAnimationFrame(look);
    };
    look();
  }, {once: true, capture: true});
}
"""
_COLOURS = """
({lamp, ms}) => new Promise((resolve) => {
  const began = performance.now();
  const seen = [];
  const look = () => {
    const now = performance.now() - began;
    const colour = getComputedStyle(document.querySelector(lamp)).backgroundColor;
    if (!seen.length || seen.at(-1)[1] !== colour) seen.push([now, colour]);
    if (now < ms) requestAnimationFrame(look); else resolve(seen);
  };
  look();
})
"""


def time_a_recording(page: Page) -> None:
    """Have the page take the times from the next press on; `times_of` returns them."""
    page.evaluate(_TIME, {"lamp": STATUS_LAMP, "red": RED})


def times_of(page: Page) -> dict[str, float]:
    """Return the ms from the press to what was seen: room, lamp, server."""
    seen: dict[str, float] = page.evaluate("() => window.ivsdSeen")
    return seen


@dataclass(frozen=True)
class Shown:
    """A colour that a lamp showed from beginning to end."""

    colour: str
    ms: float


def colours_of(page: Page, lamp: str, ms: int) -> list[Shown]:
    """Watch a lamp so long; the first and the last colour, seen in part only, are left out."""
    seen: list[tuple[float, str]] = page.evaluate(_COLOURS, {"lamp": lamp, "ms": ms})
    whole = [Shown(colour, until - at) for (at, colour), (until, _) in pairwise(seen)]
    return whole[1:]


def seconds_of(clock: Locator) -> int:
    """Read a clock such as 0:01:02."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d)", clock.inner_text())
    assert match is not None, clock.inner_text()
    hours, minutes, seconds = map(int, match.groups())
    return 3600 * hours + 60 * minutes + seconds

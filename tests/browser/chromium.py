"""Debian's chromium, driven by playwright.

Playwright rather than selenium: it drives any chromium by its path through the browser's own
debugging protocol, so no second Debian package has to match the browser's version; its contexts
are fresh visitors of one running browser (light or dark, phone or desktop, without a script), where
selenium would start a browser for each; and it tells of every request, console line and error.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Playwright

MEND = "`make test-browser` sets it up, or says what to type"

REBOUND = "rebound.test"
"""A name of a stranger, who has it point to this machine."""

# The browser's own business (updates, sync, phoning home) is no part of what is tested.
ALWAYS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, "
    "EXCLUDE localhost",
]


class NoBrowserError(Exception):
    """The browser cannot be had; `str()` says what to do."""


def find() -> str:
    """Return where Debian's chromium is; raises NoBrowserError."""
    path = shutil.which("chromium")
    if path is None:
        raise NoBrowserError(f"chromium is not installed: {MEND}")
    return path


def launch(playwright: Playwright, home: Path) -> Browser:
    """Start it without a window, with a profile of its own that goes when it is closed.

    `home` takes what it would write beside that (caches of fonts, crash reports).
    """
    return playwright.chromium.launch(
        executable_path=find(),
        headless=True,
        chromium_sandbox=os.geteuid() != 0,  # as root its sandbox cannot be built
        args=ALWAYS,
        env={**os.environ, **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), str(home))},
        timeout=60_000,
    )

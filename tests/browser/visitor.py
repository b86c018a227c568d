"""People who look at the pages, and what their browsers asked for and complained of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

# Runs in every page before its own scripts. Chromium tells a violation on the console, too, but
# in words that change from version to version.
WATCH = """
document.addEventListener('securitypolicyviolation', (event) => console.error(
  `CSP: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
STEP_WITHIN_MS = 15_000


@dataclass
class Watch:
    """Collects what no page of ours may do."""

    origin: str
    may_fail: str = ""
    """A regular expression: which complaints on the console are meant to be there."""
    strangers: tuple[str, ...] = ()
    """Other origins that are meant to be looked at."""
    complaints: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Watch a page from now on."""
        page.on("console", lambda message: self._on_console(message))
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("request", lambda request: self._on_request(request))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self.may_fail and re.search(self.may_fail, message.text):
            return
        where = message.location.get("url", "")
        self.complaints.append(f"console {message.type}: {message.text} ({where})")

    def _on_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if f"{url.scheme}://{url.netloc}/" not in (self.origin, *self.strangers):
            self.complaints.append(f"request to another origin: {request.url}")


class Visitors:
    """Makes fresh visitors, and tells at the end what their browsers complained of."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.pages: list[Page] = []
        self._watches: list[Watch] = []
        self._contexts: list[Any] = []

    def __call__(
        self, origin: str, *, may_fail: str = "", strangers: tuple[str, ...] = (), **wishes: Any
    ) -> Page:
        """Open an empty page for somebody new, who will look at `origin` only.

        `may_fail`: which complaints on the console are meant to be there; `strangers`: which
        other origins are meant to be looked at, too; `wishes`: of a context.
        """
        context = self._browser.new_context(base_url=origin, **wishes)
        context.set_default_timeout(STEP_WITHIN_MS)
        context.add_init_script(WATCH)
        watch = Watch(origin, may_fail, strangers)
        context.on("page", lambda page: self._keep(page, watch))
        self._watches.append(watch)
        self._contexts.append(context)
        return context.new_page()

    def _keep(self, page: Page, watch: Watch) -> None:
        watch.follow(page)
        self.pages.append(page)

    def close(self) -> list[str]:
        """Send them away; return what was wrong."""
        for context in self._contexts:
            context.close()
        return [complaint for watch in self._watches for complaint in watch.complaints]

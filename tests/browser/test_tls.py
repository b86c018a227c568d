"""The pages by https with the box's own certificate, in a browser that was told to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from ivsd.demo.live import LiveBox
from tests.browser.boxes import WITHIN_S, WebService, press
from tests.browser.log_in import log_in
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOLD_WITHIN_MS = 1000.0  # issue 7: live update within 1 s of a press
ENDS_WITHIN_S = 5.0  # TimeoutStopSec= of ivsd-web.service
# Stamps the moment at which the page shows that the room records.
_STAMP = """
() => {
  const look = () => {
    if (document.querySelector('#room .state.recording')) window.ivsdSeenAt = Date.now();
    else requestAnimationFrame(look);
  };
  look();
}
"""


class TlsService(WebService):
    """`ivsd web` with a certificate that it has made itself."""

    def __init__(self, folder: Path, control: Path) -> None:
        super().__init__(folder, control)
        self._config.write_text(f"{self._config.read_text()}tls: self-made\n")
        self.url = self.url.replace("http://", "https://")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            requests.get(f"{self.url}health", timeout=5, verify=str(self.state / "tls.pem"))
        except (requests.RequestException, OSError):
            return False
        return True


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[LiveBox, TlsService]]:
    with LiveBox() as box:
        assert box.wait_until_ready(WITHIN_S)
        service = TlsService(tmp_path, box.socket)
        with service:
            yield box, service


def test_a_press_is_shown_live_by_https(
    service: tuple[LiveBox, TlsService], visit: Visitors, say: Callable[[str], None]
) -> None:
    box, web = service
    page = visit(web.url, ignore_https_errors=True)
    log_in(page)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["__Host-ivsd"]["secure"]
    page.locator("body:not(.stale)").wait_for()
    page.locator("#room .state.available").wait_for()
    page.evaluate(_STAMP)
    pressed_at = page.evaluate("() => Date.now()")
    press(box, "record")
    page.locator("#room .state.recording").wait_for()
    page.wait_for_function("() => window.ivsdSeenAt")
    taken_ms = page.evaluate("() => window.ivsdSeenAt") - pressed_at
    say(f"by https a press is shown after {taken_ms:.0f} ms")
    assert taken_ms < TOLD_WITHIN_MS


def test_it_ends_at_once_with_a_live_page_open(
    service: tuple[LiveBox, TlsService], visit: Visitors
) -> None:
    web = service[1]
    page = visit(web.url, may_fail=r"net::", ignore_https_errors=True)
    log_in(page)
    page.locator("body:not(.stale)").wait_for()
    assert web.end() < ENDS_WITHIN_S
    page.locator("#notice", has_text="Not live").wait_for()


def test_a_browser_that_was_not_told_to_go_on_shows_nothing(
    service: tuple[LiveBox, TlsService], visit: Visitors
) -> None:
    from playwright.sync_api import Error

    page = visit(service[1].url, may_fail=r"net::")
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto("/")


def test_who_types_http_comes_to_https(
    service: tuple[LiveBox, TlsService], browser: Browser
) -> None:
    web = service[1]
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(web.url.replace("https://", "http://"))
        page.get_by_role("heading", name="Log in").wait_for()
        assert page.url.startswith(f"{web.url}login")

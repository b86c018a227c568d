"""What strangers try in the browser of somebody who has logged in: all of it is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from ivsd.demo.live import LiveBox
from tests.browser.boxes import HOST, PASSWORD, WITHIN_S, WebService
from tests.browser.chromium import REBOUND
from tests.browser.log_in import cookie, log_in
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page

NO = r"status of (403|413|421)"
# Chromium sends the cookie along: another port of the same machine is the same site to it.
FORM = """<!doctype html><title>Win a prize</title>
<form method="post" action="{action}"><input name="old" value="{password}">
<input name="new" value="what the stranger knows"><input name="again"
value="what the stranger knows"><input name="csrf" value="guessed">
<button>Click me</button></form>
"""
SEND = """
(action) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = action;
  document.body.append(form);
  form.submit();
}
"""
FETCH = """
async ([path, bytes]) => {
  const body = bytes ? new URLSearchParams({ name: 'x'.repeat(bytes) }) : undefined;
  const reply = await fetch(path, body ? { method: 'POST', body } : {});
  return [reply.status, await reply.text()];
}
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebService]:
    folder: Path = tmp_path_factory.mktemp("refused")
    with LiveBox() as box:
        assert box.wait_until_ready(WITHIN_S)
        with WebService(folder, box.socket) as web:
            yield web


@contextmanager
def stranger(html: str) -> Iterator[str]:
    """Serve this page from another port; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode() if self.path == "/" else b"")

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WITHIN_S)


def is_logged_in(page: Page) -> bool:
    page.goto("/system")
    return bool(page.get_by_role("heading", name="System").is_visible())


@pytest.mark.parametrize("path", ["logout", "password", "system/restart", "set-up/save"])
def test_a_form_of_another_site_does_nothing(web: WebService, visit: Visitors, path: str) -> None:
    html = FORM.format(action=f"{web.url}{path}", password=PASSWORD)
    with stranger(html) as evil:
        page = visit(web.url, may_fail=f"{NO}|404", strangers=(evil,))
        page.context.add_cookies([cookie(web.url)])
        page.goto(evil)
        with page.expect_request(f"{web.url}{path}") as sent, page.expect_navigation():
            page.get_by_role("button", name="Click me").click()
        assert "ivsd=" in sent.value.all_headers().get("cookie", "")  # so only we refuse it
        reply = sent.value.response()
        assert reply is not None
        assert reply.status == 403
        said = page.get_by_role("alert").inner_text()
        assert said == "This form was sent by a page of another site. Nothing was done."
        assert is_logged_in(page)


def test_a_form_without_its_token_does_nothing(web: WebService, visit: Visitors) -> None:
    page = visit(web.url, may_fail=NO)
    log_in(page)
    with page.expect_navigation():
        page.evaluate(SEND, "/logout")
    assert "Nothing was done" in page.get_by_role("alert").inner_text()
    assert is_logged_in(page)


def test_a_page_of_another_site_reads_nothing(web: WebService, visit: Visitors) -> None:
    html = f'<!doctype html><title>x</title><iframe src="{web.url}"></iframe>'
    with stranger(html) as evil:
        page = visit(web.url, may_fail="404|CORS|ERR_FAILED|frame|Failed", strangers=(evil,))
        page.context.add_cookies([cookie(web.url)])
        page.goto(evil)
        read = "(url) => fetch(url, {credentials: 'include'}).then((r) => r.text(), String)"
        assert "TypeError" in page.evaluate(read, web.url)
        assert page.frames[1].locator("#room").count() == 0  # nor is it shown in a frame


def test_a_name_of_a_stranger_that_points_here_is_refused(web: WebService, visit: Visitors) -> None:
    """DNS rebinding: to the browser it is the stranger's own site, so it could read all of it."""
    rebound = f"http://{REBOUND}:{urlsplit(web.url).port}/"
    page = visit(rebound, may_fail=NO)
    page.context.add_cookies([cookie(web.url) | {"url": rebound}])
    for path in ("", "login", "system", "health", "static/style.css"):
        reply = page.goto(f"{rebound}{path}")
        assert reply is not None
        assert reply.status == 421
        assert "not known by that name" in page.locator("body").inner_text()
    for path in ("/events", "/set-up/save"):
        status, said = page.evaluate(FETCH, [path, 10 if path == "/set-up/save" else 0])
        assert (status, "not known by that name" in said) == (421, True)


def test_what_is_too_long_is_refused_before_it_is_read(web: WebService, visit: Visitors) -> None:
    page = visit(web.url, may_fail=NO)
    page.goto("/login")
    page.locator("#password").fill("x" * 20_000)
    with page.expect_navigation() as answer:
        page.keyboard.press("Enter")
    assert answer.value.status == 413
    log_in(page)
    page.goto("/system")
    for size in (70_000, 2_000_000):
        status, _ = page.evaluate(FETCH, ["/system/factory-default", size])
        assert status == 413
    assert is_logged_in(page)


def test_a_copied_cookie_is_worth_nothing_after_a_log_out_and_a_restart(
    web: WebService, visit: Visitors
) -> None:
    page = visit(web.url, may_fail="net::")
    log_in(page)
    page.goto("/system")
    copied = page.context.cookies()
    thief = visit(web.url, may_fail="net::")
    thief.context.add_cookies([dict(kept) for kept in copied])
    assert is_logged_in(thief)
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    web.end()
    web.start()
    thief.context.clear_cookies()
    thief.context.add_cookies([dict(kept) for kept in copied])
    assert not is_logged_in(thief)

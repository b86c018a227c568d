"""Somebody who knows the password, in a browser or without one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import requests

from tests.browser.boxes import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page


def log_in(page: Page, password: str = PASSWORD) -> None:
    """Come to the panel through the log-in page, by the keyboard."""
    page.goto("/")
    page.get_by_role("heading", name="Log in").wait_for()
    try_password(page, password)
    page.locator("#room").wait_for()


def try_password(page: Page, password: str) -> None:
    """Type it where the cursor is, and Enter; wait for the answer."""
    page.locator("#password:focus").wait_for()
    page.keyboard.type(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def cookie(origin: str) -> dict[str, str]:
    """Log in without a browser; return what a browser keeps of it."""
    with requests.Session() as session:
        page = session.get(f"{origin}login", timeout=10)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf is not None, page.text
        form = {"csrf": csrf[1], "password": PASSWORD}
        reply = session.post(f"{origin}login", form, timeout=10, allow_redirects=False)
        assert reply.status_code == 303, reply.text
        return {"name": "ivsd", "value": session.cookies["ivsd"], "url": origin}

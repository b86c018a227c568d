"""The diagnostics bundle by page: it is downloaded, has no secret in it, and a no is told."""

from __future__ import annotations

import base64
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.operations import Refused
from ivsd.bundling import Bundling
from ivsd.web.access import accounts
from ivsd.web.app import HEADERS, create_app
from ivsd.web.live import Live
from ivsd.web.site import Site
from tests.secret_box import NUMBERS, ONLY_THERE, fake_box, full_of_secrets, leaks, unpacked
from tests.unit.test_web import ANSWERS, AWAY, FULL, Box, token

MADE: dict[str, Any] = {
    "name": "ivsd-box-1.tar.gz",
    "data": base64.b64encode(b"\x1f\x8bdata").decode(),
    "without": [],
}
KNOWN_TO_THE_CHILD = (
    *("urlSecret2", 'yaml"Secret\\5', "fileSecret14", "bakSecret23"),
    *("credential&Secret17", "environSecret18"),
)
"""As long as it runs as a test, not as the service: the files of the state are not its own."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setitem(ANSWERS, "bundle", MADE)
    return Box(tmp_path)


def download(client: FlaskClient, **more: Any) -> TestResponse:
    form = {"csrf": token(client.get("/system").text)}
    return client.post("/log/bundle", data=form, **more)


# -- the download ----------------------------------------------------------------------------------


def test_the_bundle_is_a_file_with_the_name_that_the_daemon_gave_it(box: Box) -> None:
    reply = download(box.technician())
    assert reply.status_code == 200
    assert reply.data == b"\x1f\x8bdata"
    assert reply.mimetype == "application/gzip"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="ivsd-box-1.tar.gz"'
    assert reply.headers["Cache-Control"] == "no-store"
    assert all(reply.headers[name] == value for name, value in HEADERS.items())
    assert box.asked == [("bundle", {})]


def test_the_page_says_what_is_in_it_and_what_is_not(box: Box) -> None:
    page = box.technician().get("/log").text
    for said in ("Diagnostics bundle", "Make and download it", "self-test", "Making it …"):
        assert said in page
    assert "No password, no PIN and no full badge number is in it" in page


def test_the_script_is_told_by_a_cookie_that_it_came(box: Box) -> None:
    (cookie,) = [
        one for one in download(box.technician()).headers.getlist("Set-Cookie") if "bundle" in one
    ]
    assert cookie.startswith("ivsd-bundle=yes;")
    assert "Path=/log" in cookie
    assert "Max-Age=60" in cookie
    assert "HttpOnly" not in cookie
    assert 'data-came="ivsd-bundle"' in box.technician().get("/log").text


def test_a_download_is_in_the_journal(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ivsd.web")
    download(box.technician())
    assert "bundle by page: ivsd-box-1.tar.gz" in caplog.text


def test_what_it_lacks_is_said_on_the_next_page(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    without = ["audit.txt: /var/lib/x (Permission denied)", *["<b>.txt: " + "x" * 300] * 200]
    monkeypatch.setitem(ANSWERS, "bundle", MADE | {"without": without})
    client = box.technician()
    reply = download(client)
    assert reply.data == b"\x1f\x8bdata"
    assert all(len(cookie) < 2000 for cookie in reply.headers.getlist("Set-Cookie"))
    page = client.get("/log").text
    said = "The bundle ivsd-box-1.tar.gz is without audit.txt, &lt;b&gt;.txt"
    assert said in page
    assert "is without" not in client.get("/log").text


def test_of_a_bundle_that_lacks_nothing_nothing_is_said(box: Box) -> None:
    client = box.technician()
    download(client)
    assert "is without" not in client.get("/log").text


# -- noes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("busy", "a bundle is being made just now: try again in two minutes"),
        ("not_made", "no bundle was made: it took more than 140 s; on the box there is: sudo"),
        ("unknown_op", "known here: status, press"),
        ("no_answer", "the daemon does not answer"),
    ],
)
def test_why_there_is_none_is_said_on_the_page(box: Box, code: str, text: str) -> None:
    client = box.technician()
    box.refuses = ControlError(code, text)
    reply = download(client)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/log#bundle")
    page = client.get("/log").text
    assert f"There is nothing to download: {text}" in page
    assert "There is nothing to download" not in client.get("/log").text


@pytest.mark.parametrize(
    "answer",
    [
        {},
        MADE | {"without": None},
        MADE | {"without": [7]},
        MADE | {"data": "no base64!"},
        MADE | {"data": None},
        MADE | {"data": "é"},
        MADE | {"name": None},
        MADE | {"name": 'x.tar.gz"; filename="evil.exe'},
        MADE | {"name": "x\r\nSet-Cookie: a=b.tar.gz"},
        MADE | {"name": "../x.tar.gz"},
        MADE | {"name": "x.tar.gz\n"},
    ],
)
def test_an_answer_that_is_no_bundle_is_no_download(
    box: Box, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setitem(ANSWERS, "bundle", answer)
    reply = download(box.technician(), follow_redirects=True)
    assert "what ivsd has answered is no bundle" in reply.text


def test_nobody_gets_it_who_has_not_logged_in_or_comes_from_another_page(box: Box) -> None:
    client = box.technician()
    assert box.visitor().post("/log/bundle").status_code == 403
    assert client.post("/log/bundle").status_code == 403
    assert download(client, headers={"Origin": "http://evil.example.com"}).status_code == 403
    assert client.get("/log/bundle").status_code == 405
    assert box.asked == []


def test_a_daemon_that_is_gone_is_told_as_on_every_page(tmp_path: Path) -> None:
    box = Box(tmp_path, AWAY)
    box.refuses = AWAY
    reply = download(box.technician(), follow_redirects=True)
    assert reply.status_code == 503
    assert "no daemon answers" in reply.text


def test_the_demo_has_none(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(op: str, **_: Any) -> dict[str, Any]:
        asked.append(op)
        return MADE

    site = Site(
        ask=ask,
        live=Live(lambda: iter([FULL])),
        names=frozenset({"localhost"}),
        accounts=None,
        demo=cast(Any, _Hands()),
    )
    client = create_app(site).test_client()
    page = client.get("/log").text
    assert "undle" not in page
    assert "waits.js" not in page
    assert client.post("/log/bundle", data={"csrf": token(client.get("/").text)}).status_code == 404
    assert asked == []


class _Hands:
    """As much of the demo as a page looks at."""

    buttons = ("record",)
    badges = ()

    def server(self) -> None:
        return None


# -- no secret -------------------------------------------------------------------------------------


@contextmanager
def daemon_that_says(status: dict[str, Any], path: Path) -> Iterator[None]:
    """Answer whatever is asked at this socket with the same status."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            line = {"id": 1, "ok": True, "data": status}
            self.wfile.write(json.dumps(line).encode() + b"\n")

    with socketserver.ThreadingUnixStreamServer(str(path), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_no_secret_that_was_planted_is_in_what_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All the way: the page, the daemon's operation, and a real child that reads and runs it all.

    The programs that it runs are made up, but for Python; so is the daemon that it asks.
    """
    planted = fake_box(tmp_path / "box", monkeypatch)
    full_of_secrets(planted, KNOWN_TO_THE_CHILD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(planted.root / "run/credentials/ivsd.service"))
    monkeypatch.setenv("VALT_PASSWORD", planted.environ["VALT_PASSWORD"])
    socket = tmp_path / "s"
    bundling = Bundling(planted.config, socket)

    def ask(op: str, **args: Any) -> dict[str, Any]:
        made = bundling.do(op, args)
        assert not isinstance(made, Refused), made
        return made

    monkeypatch.setattr(Box, "_ask", lambda _, op, **args: ask(op, **args))
    client = Box(tmp_path).technician()
    assert isinstance(planted.status, dict)
    with daemon_that_says(planted.status, socket):
        reply = download(client)
    name = reply.headers["Content-Disposition"].split('"')[1].removesuffix(".tar.gz")
    files = unpacked(reply.data, name)
    assert len(files) == 13
    for file in ("journal.txt", "status.json", "network.txt", "system.txt", "self-test.txt"):
        assert file == "self-test.txt" or "…" in files[file].decode(), file
        assert "not there" not in files[file].decode(), file
    for secret in (*KNOWN_TO_THE_CHILD, *NUMBERS, *ONLY_THERE):
        assert leaks(files, secret) == []

"""The page: what it shows, what it never does, and who is let in by which name."""

from __future__ import annotations

import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import (
    ConfigStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    OutcomeStatus,
    RoomStatus,
    Status,
)
from ivsd.web.app import HEADERS, create_app
from ivsd.web.hosts import is_ours, own_names
from ivsd.web.source import Source

FULL = Status(
    version="0.1.0",
    uptime_s=3700.0,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Interview Room 1", "recording", "recording", False, True, 61.0, 0.5),
    link=LinkStatus("https://valt", True, "", "", 90.0, 80.0, "6.5.2", "system"),
    lights=LightsStatus("recording", "", False, "marked"),
    devices=(DeviceStatus("reader", True, ""),),
    outbox=OutboxStatus(2, ""),
    outcomes=(
        OutcomeStatus("2026-11-23T12:00:00+00:00", 61.0, "record", "start", "done", "begun"),
    ),
    factory_default=FactoryDefaultStatus(True),
)
AWAY = ControlError("no_daemon", "no daemon answers: nobody listens at /run/ivsd/control.sock")
EVIL = "<script>alert('x')</script>\"'&"

Ask = Callable[[], Status]
Visit = Callable[[Status | ControlError], FlaskClient]


@pytest.fixture
def visit() -> Visit:
    def _visit(found: Status | ControlError) -> FlaskClient:
        def ask() -> Status:
            if isinstance(found, ControlError):
                raise found
            return found

        return create_app(Source(ask), frozenset({"localhost", "box"})).test_client()

    return _visit


class Reader(HTMLParser):
    """Checks that every tag is closed, and collects what is used."""

    VOID = ("meta", "link", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


# -- what it shows --------------------------------------------------------------------------------


def test_the_page_shows_how_the_box_is(visit: Visit) -> None:
    reply = visit(FULL).get("/")
    assert (reply.status_code, reply.mimetype) == (200, "text/html")
    words = Reader(reply.text).words
    for part in (
        "Interview Room 1", "recording for 0:01:01", "https://valt", "up for 90 s (VALT 6.5.2)",
        "reader: ready", "record (start): done: begun", "61 s ago", "2 wait for the server",
    ):  # fmt: skip
        assert part in words
    assert "Something is wrong" not in words


def test_what_is_wrong_stands_on_the_page(visit: Visit) -> None:
    found = replace(
        FULL,
        config=ConfigStatus("f", True, ("f:3: room: is missing",)),
        devices=(DeviceStatus("reader", False, "reader: not found"),),
        outcomes=(),
    )
    words = Reader(visit(found).get("/").text).words
    for part in ("Something is wrong", "f:3: room: is missing", "None since ivsd began"):
        assert part in words


def test_a_box_without_anything_has_a_page(visit: Visit) -> None:
    found = replace(
        FULL,
        config=ConfigStatus("f", False, ()),
        room=RoomStatus("", None, "", None, None, False, False, None, None),
        link=LinkStatus("", False, "starting", "", 0.0, None, "", "none"),
        devices=(),
        outcomes=(),
    )
    words = Reader(visit(found).get("/").text).words
    assert "no room is configured" in words
    assert "None is configured" in words


def test_without_a_daemon_the_page_says_so(visit: Visit) -> None:
    reply = visit(AWAY).get("/")
    assert reply.status_code == 503
    words = Reader(reply.text).words
    assert "does not answer" in words
    assert str(AWAY) in words


@pytest.mark.parametrize("found", [FULL, AWAY], ids=["status", "away"])
def test_it_is_read_again_and_again_without_a_script(
    visit: Visit, found: Status | ControlError
) -> None:
    text = visit(found).get("/").text
    assert '<meta http-equiv="refresh" content="5">' in text
    page = Reader(text)
    assert "script" not in page.tags
    assert "style" not in page.tags | page.attributes
    assert not any(name.startswith("on") for name in page.attributes)


def test_what_comes_from_elsewhere_is_no_markup(visit: Visit) -> None:
    outcome = OutcomeStatus(EVIL, 1.0, EVIL, EVIL, EVIL, EVIL)
    found = replace(
        FULL,
        version=EVIL,
        config=ConfigStatus(EVIL, True, (EVIL,)),
        room=RoomStatus(EVIL, 4, EVIL, EVIL, EVIL, False, True, None, 1.0),
        link=LinkStatus(EVIL, False, EVIL, EVIL, 1.0, 1.0, EVIL, EVIL),
        lights=LightsStatus(EVIL, EVIL, True, EVIL),
        devices=(DeviceStatus(EVIL, False, EVIL), DeviceStatus(EVIL, True, "")),
        outbox=OutboxStatus(1, EVIL),
        outcomes=(outcome,),
    )
    text = visit(found).get("/").text
    page = Reader(text)
    assert "script" not in page.tags
    assert "<script" not in text
    assert page.words.count(EVIL) >= 8


def test_the_daemons_error_is_no_markup_either(visit: Visit) -> None:
    assert "<script" not in visit(ControlError("no_answer", EVIL)).get("/").text


def test_the_style_sheet_is_served_and_fits_light_and_dark(visit: Visit) -> None:
    reply = visit(FULL).get("/static/style.css")
    assert (reply.status_code, reply.mimetype) == (200, "text/css")
    assert "prefers-color-scheme: dark" in reply.text
    classes = set(re.findall(r"\.([a-z]+)", reply.text))
    assert {"available", "recording", "paused", "locked", "wrong", "failed"} <= classes


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (FULL, 200, "all right\n"),
        (replace(FULL, outbox=OutboxStatus(0, "the disk is full")), 503, "the disk is full\n"),
        (AWAY, 503, f"{AWAY}\n"),
    ],
)
def test_health_is_plain_text(
    visit: Visit, found: Status | ControlError, code: int, said: str
) -> None:
    reply = visit(found).get("/health")
    assert (reply.status_code, reply.text, reply.mimetype) == (code, said, "text/plain")


# -- what it never does ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/health", "/static/style.css", "/nowhere"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_it_can_only_be_read(visit: Visit, path: str, method: str) -> None:
    reply = visit(FULL).open(path, method=method)
    assert (reply.status_code, reply.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_answered_without_a_body(visit: Visit) -> None:
    reply = visit(FULL).head("/")
    assert (reply.status_code, reply.data) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/nowhere", "/static/", "/static/../app.py", "/static/%2e%2e/app.py", "/static/x.css"]
)
def test_there_is_nothing_else(visit: Visit, path: str) -> None:
    reply = visit(FULL).get(path)
    assert (reply.status_code, reply.mimetype) == (404, "text/plain")


@pytest.mark.parametrize(
    ("path", "host", "code"),
    [("/", "box", 200), ("/static/style.css", "box", 200), ("/x", "box", 404), ("/", "evil", 421)],
)
def test_every_answer_has_the_headers_that_protect_it(
    visit: Visit, path: str, host: str, code: int
) -> None:
    reply = visit(FULL).get(path, headers={"Host": host})
    assert reply.status_code == code
    for name, value in HEADERS.items():
        assert reply.headers.get_all(name) == [value]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in reply.headers


def test_a_defect_shows_nothing_of_the_inside() -> None:
    def ask() -> Status:
        raise ValueError("the inside")

    client = create_app(Source(ask), frozenset({"localhost"})).test_client()
    reply = client.get("/")
    assert reply.status_code == 500
    assert "inside" not in reply.text
    assert reply.headers["X-Frame-Options"] == "DENY"


# -- names ----------------------------------------------------------------------------------------

NAMES = frozenset({"localhost", "box", "box.local"})


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "box", "Box.local.", "127.0.0.1", "10.0.0.7:80", "[::1]",
     "[fe80::1]:8080"],
)  # fmt: skip
def test_this_box_is_known_by_its_own_names_and_addresses(host: str) -> None:
    assert is_ours(host, NAMES)


@pytest.mark.parametrize(
    "host",
    ["", " ", "evil.example.com", "box.evil.example.com", "localhost.evil", "127.0.0.1.evil.com",
     "127.0.0.1@evil.com", "box/../x", "[::1", "::1]", "[evil]", "box:", "box:80:80", "box:http",
     "2130706433", "0x7f000001", "box,evil", "box evil", "bóx", "box\n", "user@box"],
)  # fmt: skip
def test_other_names_are_refused(host: str) -> None:
    assert not is_ours(host, NAMES)


def test_a_page_of_a_stranger_reads_nothing_through_a_name_of_its_own(visit: Visit) -> None:
    reply = visit(FULL).get("/", headers={"Host": "rebind.example.com:8080"})
    assert reply.status_code == 421
    assert "Interview" not in reply.text


def test_the_own_names_are_those_of_the_machine_and_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Keypad-4.example.com")
    assert own_names(["Door.example.com"]) == {
        "localhost", "keypad-4.example.com", "keypad-4", "keypad-4.local", "door.example.com",
    }  # fmt: skip


# -- asking the daemon ----------------------------------------------------------------------------


def test_many_visitors_are_one_caller_of_the_daemon() -> None:
    asked, now = [], [100.0]

    def ask() -> Status:
        asked.append(now[0])
        return FULL

    source = Source(ask, lambda: now[0])
    assert [source.status() for _ in range(10)] == [FULL] * 10
    assert asked == [100.0]
    now[0] = 101.0
    source.status()
    assert asked == [100.0, 101.0]


def test_a_daemon_that_does_not_answer_is_waited_for_once() -> None:
    began, let_go, asked = threading.Event(), threading.Event(), []

    def ask() -> Status:
        asked.append(1)
        began.set()
        assert let_go.wait(5.0)
        raise AWAY

    source = Source(ask)
    found: list[object] = []
    visitors = [threading.Thread(target=lambda: found.append(source.status())) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    assert began.wait(5.0)
    let_go.set()
    for visitor in visitors:
        visitor.join(5.0)
    assert (len(asked), len(found)) == (1, 8)
    assert all(isinstance(item, ControlError) and str(item) == str(AWAY) for item in found)


# -- the service ----------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ivsd-") as name:
        yield Path(name)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def serve(folder: Path, text: str) -> subprocess.Popen[str]:
    (folder / "web.yaml").write_text(text, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "ivsd", "web",
         "--config", str(folder / "web.yaml"), "--socket", str(folder / "s")],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_service_serves_without_a_daemon_and_ends_in_good_order(folder: Path) -> None:
    port = free_port()
    service = serve(folder, f"port: {port}\n")
    try:
        assert service.stderr is not None
        assert service.stderr.readline() == f"this box's page: http://127.0.0.1:{port}/\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert reply.status == 503
        assert reply.getheader("Server") is None
        assert b"nobody listens at" in reply.read()
        connection.close()
        began = time.monotonic()
    finally:
        service.send_signal(signal.SIGTERM)
        code = service.wait(10.0)
    assert code == 0
    assert time.monotonic() - began < 5.0
    service.stderr.close()


@pytest.mark.parametrize(
    ("text", "told"), [("port: 0\n", "web.yaml:1: port"), ("address: 192.0.2.1\n", "cannot serve")]
)
def test_a_file_that_is_wrong_ends_it_with_words(folder: Path, text: str, told: str) -> None:
    service = serve(folder, text)
    _, said = service.communicate(timeout=20.0)
    assert service.returncode == 1
    assert told in said
    assert "Traceback" not in said


UNIT = Path(__file__).parents[2] / "systemd" / "ivsd-web.service"


def test_the_unit_is_shut_in() -> None:
    """At most 2.0 (issue 6); systemd 252 says 1.1."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd-analyze on this machine")
    made = subprocess.run(
        [tool, "security", "--offline=true", "--threshold=20", str(UNIT)],
        capture_output=True, text=True, timeout=30.0, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr


def test_the_unit_waits_for_nothing_and_never_gives_up() -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert "\nStartLimitIntervalSec=0\n" in text
    assert "\nRestart=always\n" in text
    for word in ("After=", "Requires=", "BindsTo=", "network-online"):
        assert word not in text.replace("# After nothing", "")

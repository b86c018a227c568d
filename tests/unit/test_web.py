"""The pages as one application: what holds for all of them, and the service that serves them.

What each page shows and does has its own file (`test_web_panel`, `test_web_access`, ...).
"""

from __future__ import annotations

import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import (
    ConfigStatus,
    ControlStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    FrameStatus,
    LampStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    OutcomeStatus,
    RoomStatus,
    Status,
)
from ivsd.web import system
from ivsd.web.access import accounts
from ivsd.web.access.accounts import Accounts
from ivsd.web.app import HEADERS, LONGEST_BODY, create_app
from ivsd.web.hosts import is_ours, own_names
from ivsd.web.live import Live
from ivsd.web.site import Site
from tests.badge_pages import TABLE

FULL = Status(
    version="0.1.0",
    uptime_s=3700.0,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Interview Room 1", "recording", "recording", False, True, 61.0, 0.5),
    link=LinkStatus("https://valt", True, "", "", 90.0, 80.0, "6.5.2", "system"),
    lights=LightsStatus("recording", "", False, "marked", 1),
    lamps=(LampStatus("status", "status", "rgb", (FrameStatus("red", 1000),), ()),),
    controls=(ControlStatus("record", "starts or stops a recording", "GPIO line 17"),),
    devices=(DeviceStatus("reader", "reader", True, ""),),
    outbox=OutboxStatus(2, ""),
    outcomes=(
        OutcomeStatus("2026-11-23T12:00:00+00:00", 61.0, "record", "start", "done", "begun"),
    ),
    factory_default=FactoryDefaultStatus(True),
)
AWAY = ControlError("no_daemon", "no daemon answers: nobody listens at /run/ivsd/control.sock")
PASSWORD = "correct horse battery"
PATHS = ["/", "/log", "/system", "/set-up", "/badges", "/health", "/login", "/first",
         "/static/style.css", "/nowhere"]  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "config": {"file": "/etc/ivsd/ivsd.yaml", "values": {}, "has_password": False, "revision": "a",
               "problems": []},
    "preview": {"problems": [], "changes": [], "diff": "", "needs_password": False},
    "save": {"revision": "b"},
    "test-connection": {"findings": []},
    "learn": {"kind": "button", "name": "record", "number": None},
    "cards": TABLE,
}  # fmt: skip


class Box:
    """The pages of a box whose daemon is made up; `asked` is what it was asked to do."""

    def __init__(self, folder: Path, found: Status | ControlError = FULL) -> None:
        self.found = found
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuses: ControlError | None = None
        self.accounts = Accounts(folder)
        site = Site(
            ask=self._ask,
            live=Live(self._subscribe),
            names=frozenset({"localhost", "box"}),
            accounts=self.accounts,
        )
        self.app = create_app(site)

    def _subscribe(self) -> Iterator[Status]:
        if isinstance(self.found, ControlError):
            raise self.found
        yield self.found

    def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        self.asked.append((op, args))
        if self.refuses is not None:
            raise self.refuses
        return ANSWERS.get(op, {})

    def visitor(self) -> FlaskClient:
        """Somebody who has not logged in."""
        return self.app.test_client()

    def technician(self) -> FlaskClient:
        """Somebody who has."""
        if not self.accounts.has_password:
            self.accounts.set_password(PASSWORD)
        client = self.visitor()
        form = {"password": PASSWORD, "csrf": token(client.get("/login").text)}
        assert client.post("/login", data=form).status_code == 303
        return client


def token(page: str) -> str:
    found = re.search(r'name="csrf" (?:value|content)="([^"]+)"', page)
    assert found is not None, page
    return found[1]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


Sent = Callable[..., Any]


@pytest.fixture
def technician(box: Box) -> FlaskClient:
    return box.technician()


# -- what holds for every page --------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_pages_are_read_and_forms_are_sent_and_no_more(box: Box, path: str, method: str) -> None:
    assert box.visitor().open(path, method=method).status_code == 405


def test_head_is_answered_without_a_body(technician: FlaskClient) -> None:
    reply = technician.head("/")
    assert (reply.status_code, reply.data) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/nowhere", "/static/", "/static/../app.py", "/static/%2e%2e/app.py", "/static/x.css"]
)
def test_there_is_nothing_else(technician: FlaskClient, path: str) -> None:
    assert technician.get(path).status_code == 404


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["box", "evil"])
def test_every_answer_has_the_headers_that_protect_it(
    technician: FlaskClient, path: str, host: str
) -> None:
    reply = technician.get(path, headers={"Host": host})
    assert (reply.status_code == 421) == (host == "evil")
    for name, value in HEADERS.items():
        assert reply.headers.get_all(name) == [value]
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/log", "/system", "/login", "/first"])
def test_no_page_has_a_script_a_style_or_a_source_of_its_own_in_it(
    technician: FlaskClient, path: str
) -> None:
    page = technician.get(path, follow_redirects=True).text
    assert re.findall(r"<script(?![^>]* src=\"/static/)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|https?://(?!valt)", page) == []


@pytest.mark.parametrize(
    "path", ["/", "/log", "/system", "/set-up", "/badges", "/events", "/password"]
)
def test_nothing_is_shown_to_who_has_not_logged_in(box: Box, path: str) -> None:
    box.technician()
    for reply in (box.visitor().get(path), box.visitor().post(path)):
        assert reply.status_code in (302, 303, 401, 403, 405)
        assert "Interview" not in reply.text


@pytest.mark.parametrize("path", ["/", "/log", "/system", "/login", "/events"])
def test_nothing_works_before_there_is_a_password(box: Box, path: str) -> None:
    reply = box.visitor().get(path)
    assert "Interview" not in reply.text
    assert reply.status_code in (302, 303, 401, 403)


def test_a_body_that_is_too_large_is_refused(technician: FlaskClient) -> None:
    form = {"csrf": token(technician.get("/system").text), "name": "x" * (LONGEST_BODY + 1)}
    assert technician.post("/system/factory-default", data=form).status_code == 413


def test_a_defect_shows_nothing_of_the_inside(
    technician: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> None:
        raise ValueError("the inside")

    monkeypatch.setattr(system, "look", look)
    reply = technician.get("/system")
    assert reply.status_code == 500
    assert "inside" not in reply.text
    assert reply.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (FULL, 200, "all right\n"),
        (replace(FULL, outbox=OutboxStatus(0, "the disk is full")), 503, "something is wrong\n"),
        (AWAY, 503, "something is wrong\n"),
    ],
)
def test_a_monitoring_system_is_told_whether_all_is_right_and_no_more(
    tmp_path: Path, found: Status | ControlError, code: int, said: str
) -> None:
    reply = Box(tmp_path, found).visitor().get("/health")
    assert (reply.status_code, reply.text, reply.mimetype) == (code, said, "text/plain")


words_ = st.text(max_size=30)


def _as_path(text: str) -> str:
    """Make a path of it; two slashes at its beginning would name a host to the test's client."""
    return "/" + text.replace("?", "/").lstrip("/\t\r\n")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    path=st.sampled_from(
        ["/", "/log", "/system", "/login", "/logout", "/first", "/first/press", "/first/code",
         "/password", "/system/restart", "/set-up", "/set-up/test", "/set-up/preview",
         "/set-up/save", "/set-up/trust", "/set-up/which", "/badges", "/badges/change",
         "/badges/swipe", "/system/factory-default",
         "/demo/press", "/health"]
    ) | st.text(max_size=20).map(_as_path),
    query=st.dictionaries(st.sampled_from(["q", "result", "next", "text"]) | words_, words_,
                          max_size=3),
    form=st.dictionaries(st.sampled_from(["name", "password", "old", "new", "again", "code"])
                         | words_, words_, max_size=4),
    headers=st.dictionaries(
        st.sampled_from(["Origin", "Referer", "Cookie", "Content-Type", "X-Forwarded-For", "Host"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30), max_size=2,
    ),
    is_in=st.booleans(),
    has_token=st.booleans(),
)  # fmt: skip
def test_nothing_that_is_sent_makes_it_fail(
    box: Box, method: str, path: str, query: dict[str, str], form: dict[str, str],
    headers: dict[str, str], is_in: bool, has_token: bool,
) -> None:  # fmt: skip
    client = _client(box, is_in=is_in)
    if has_token:
        form = form | {"csrf": token(client.get("/login" if not is_in else "/system").text)}
    data = form if method == "POST" else None
    reply = client.open(path, method=method, query_string=query, data=data, headers=headers)
    assert reply.status_code < 500, (method, path)


def _client(box: Box, *, is_in: bool) -> FlaskClient:
    """Somebody who has logged in, or not; the log-in of an example before serves this one, too."""
    if not box.accounts.has_password:
        box.accounts.set_password(PASSWORD)
    client: FlaskClient | None = getattr(box, "client", None)
    if not is_in:
        return box.visitor()
    if client is None or client.get("/system").status_code != 200:  # it has logged out
        client = box.technician()
        vars(box)["client"] = client
    return client


# -- the system page ------------------------------------------------------------------------------


def test_the_system_page_tells_of_the_box(technician: FlaskClient) -> None:
    page = technician.get("/system").text
    for part in (socket.gethostname(), "0.1.0", "61 min", "free"):
        assert part in page


def test_a_daemon_of_another_version_than_the_pages_is_told(
    box: Box, technician: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade that has started only one of the two anew."""
    assert "another version" not in technician.get("/system").text
    monkeypatch.setattr(system, "__version__", "0.2.0")
    assert "another version than the pages" in technician.get("/system").text


def test_the_system_page_is_there_without_a_daemon(tmp_path: Path) -> None:
    reply = Box(tmp_path, AWAY).technician().get("/system")
    assert reply.status_code == 200
    assert "does not answer" in reply.text


def test_a_clock_that_nobody_has_confirmed_is_told(
    technician: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "TOLD_BY_TIMESYNCD", tmp_path)
    monkeypatch.setattr(system, "SYNCHRONIZED", tmp_path / "synchronized")
    assert "not confirmed by a time server" in technician.get("/system").text
    (tmp_path / "synchronized").touch()
    assert "not confirmed" not in technician.get("/system").text


@pytest.mark.parametrize(
    ("count", "said"),
    [(999, "999 bytes"), (1000, "1 kB"), (12_345_678, "12.3 MB"), (5 * 10**11, "500 GB")],
)
def test_sizes_are_told_as_disks_are_sold(count: int, said: str) -> None:
    assert system.size(count) == said


def test_ivsd_is_started_anew(box: Box, technician: FlaskClient) -> None:
    form = {"csrf": token(technician.get("/system").text)}
    reply = technician.post("/system/restart", data=form, follow_redirects=True)
    assert box.asked == [("restart", {})]
    assert "is being started anew" in reply.text


def test_the_factory_default_needs_the_name_of_this_box(box: Box, technician: FlaskClient) -> None:
    form = {"csrf": token(technician.get("/system").text)}
    for name in ("", "another", socket.gethostname() + "x"):
        reply = technician.post(
            "/system/factory-default", data=form | {"name": name}, follow_redirects=True
        )
        assert "Nothing was done" in reply.text
    assert box.asked == []
    form["name"] = socket.gethostname()
    reply = technician.post("/system/factory-default", data=form, follow_redirects=True)
    assert box.asked == [("factory-default", {})]
    assert "was asked for" in reply.text


def test_what_the_daemon_refuses_is_told(box: Box, technician: FlaskClient) -> None:
    box.refuses = ControlError("not_allowed", "only root and ivsd-web may do this")
    form = {"csrf": token(technician.get("/system").text)}
    reply = technician.post("/system/restart", data=form, follow_redirects=True)
    assert "It was not done: only root and ivsd-web may do this" in reply.text


@pytest.mark.parametrize("path", ["/system/restart", "/system/factory-default"])
def test_nothing_is_done_for_a_page_of_a_stranger(
    box: Box, technician: FlaskClient, path: str
) -> None:
    form = {"name": socket.gethostname()}
    assert technician.post(path, data=form).status_code == 403
    form["csrf"] = token(technician.get("/system").text)
    headers = {"Origin": "http://evil.example.com"}
    assert technician.post(path, data=form, headers=headers).status_code == 403
    assert box.asked == []


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


def test_a_page_of_a_stranger_reads_nothing_through_a_name_of_its_own(
    technician: FlaskClient,
) -> None:
    reply = technician.get("/", headers={"Host": "rebind.example.com:8080"})
    assert reply.status_code == 421
    assert "Interview" not in reply.text


def test_the_own_names_are_those_of_the_machine_and_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Keypad-4.example.com")
    assert own_names(["Door.example.com"]) == {
        "localhost", "keypad-4.example.com", "keypad-4", "keypad-4.local", "door.example.com",
    }  # fmt: skip


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
         "--config", str(folder / "web.yaml"), "--socket", str(folder / "s"),
         "--state", str(folder)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_service_serves_without_a_daemon_and_ends_in_good_order(folder: Path) -> None:
    port = free_port()
    service = serve(folder, f"port: {port}\n")
    try:
        assert service.stderr is not None
        assert service.stderr.readline() == f"this box's pages: http://127.0.0.1:{port}/\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
        connection.request("GET", "/first")
        reply = connection.getresponse()
        assert reply.status == 200
        assert reply.getheader("Server") is None
        assert b"press" in reply.read()
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

"""One request, one exchange, one deadline: the HTTP below the client, over real sockets."""

from __future__ import annotations

import errno
import gzip
import hashlib
import logging
import re
import socket
import ssl
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from ivsd.appliance import journal
from ivsd.valt import sockets
from ivsd.valt.client import Client
from ivsd.valt.errors import (
    BadReply,
    ClockWrong,
    ConnectionLost,
    LinkFault,
    NoReply,
    NotSentInTime,
    Refused,
    TlsUntrusted,
    Unreachable,
    ValtError,
)
from ivsd.valt.model import Secret, Version
from ivsd.valt.simulator import Fault, Simulator
from ivsd.valt.sockets import exchange_deadline
from ivsd.valt.transport import LONGEST_REPLY, HttpTransport, Reply

TIMEOUT_S = 0.3
SLACK_S = 1.5  # a busy machine may be late by half a second; what drips takes many
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CARD = "0004711001"

Simulate = Callable[..., Simulator]
Connect = Callable[..., HttpTransport]


def get(transport: HttpTransport, path: str = "rooms/info") -> Reply:
    return transport.request("GET", path, {"access_token": TOKEN})


def post(transport: HttpTransport, path: str = "rooms/4/record/start") -> Reply:
    return transport.request("POST", path, {"access_token": TOKEN}, {"name": "x"})


@contextmanager
def ends_at_the_deadline(
    timeout_s: float = TIMEOUT_S, *, earliest_s: float = 0.0
) -> Iterator[None]:
    began = time.monotonic()
    yield
    took_s = time.monotonic() - began
    assert earliest_s <= took_s < timeout_s + SLACK_S


# ---- a server that does what a test writes down ---------------------------------------------


class Scripted:
    """A listener whose every connection is handled by a function, in a thread of its own."""

    def __init__(self, script: Callable[[Scripted, socket.socket], None]) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._script = script
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._run(self._accept)

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            self._run(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            self._script(self, sock)

    def read(self, sock: socket.socket) -> bytes:
        """Read one request and keep it; empty when the client has closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            more = sock.recv(65536)
            data, body = data + more, body + more
        self.requests.append(data)
        return data

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(1)


Script = Callable[[Scripted, socket.socket], None]


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], Scripted]]:
    with ExitStack() as running:

        def new(script: Script) -> Scripted:
            server = Scripted(script)
            running.callback(server.close)
            return server

        yield new


def whole(body: bytes = b'{"data":{}}', head: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), head, body)


def always(reply: bytes) -> Script:
    def script(server: Scripted, sock: socket.socket) -> None:
        while server.read(sock):
            sock.sendall(reply)

    return script


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""

    def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@contextmanager
def unaccepting() -> Iterator[tuple[str, int]]:
    """An address that swallows connection requests: its queue of one is taken."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address: tuple[str, int] = listener.getsockname()
        with socket.create_connection(address):
            yield address


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


# ---- connections ----------------------------------------------------------------------------


def test_one_request_is_one_exchange(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    assert get(connect(valt.url)).status == 401
    assert [str(entry) for entry in valt.requests] == ["GET /api/v3/rooms/info 401"]


def test_one_thread_uses_two_connections_in_turn(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    transport = connect(valt.url)
    for _ in range(6):
        get(transport)
    assert [entry.connection for entry in valt.requests] == [1, 2, 1, 2, 1, 2]


def test_a_script_stays_on_one_connection(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    transport = connect(valt.url, in_turn=False)
    for number in range(20):
        post(transport) if number % 2 else get(transport)
    assert valt.connections == 1


def test_each_thread_of_a_script_stays_on_a_connection(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate(delay_s=0.02)
    transport = connect(valt.url, in_turn=False)
    with ThreadPoolExecutor(5) as threads:
        for _ in range(3):
            assert {r.status for r in threads.map(lambda _: get(transport), range(5))} == {401}
    assert valt.connections == 5


def test_ten_requests_from_two_threads_use_two_connections(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate(delay_s=0.01)
    transport = connect(valt.url)
    with ThreadPoolExecutor(2) as threads:
        replies = list(threads.map(lambda _: get(transport), range(10)))
    assert [reply.status for reply in replies] == [401] * 10
    assert valt.connections == 2


def test_two_hundred_requests_open_no_new_connection(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    transport = connect(valt.url)
    for number in range(200):
        post(transport) if number % 2 else get(transport)
    assert len(valt.requests) == 200
    assert valt.connections == 2


def test_two_hundred_requests_over_tls_open_no_new_connection(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    transport = connect(valt.url, verify=authority.path, timeout_s=2)
    for _ in range(200):
        get(transport)
    assert valt.connections == 2


def test_a_refusal_keeps_the_connection(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    valt.faults.add(Fault("status", status=500, count=None))
    transport = connect(valt.url)
    for _ in range(8):
        assert get(transport).status == 500
    assert valt.connections == 2


def test_the_request_is_what_valt_expects(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    server = scripted(always(whole()))
    transport = connect(server.url + "/")
    transport.request("GET", "admin/users", {"access_token": TOKEN, "cardNumber": "1&2=3 4"})
    transport.request("POST", "rooms/4/lock", {"access_token": TOKEN}, {})
    read, change = server.requests
    query = f"access_token={TOKEN}"
    assert read.startswith(f"GET /api/v3/admin/users?{query}&cardNumber=1%262%3D3+4 ".encode())
    assert b"content-type" not in read.lower()
    assert change.startswith(f"POST /api/v3/rooms/4/lock?{query} ".encode())
    assert b"\r\nContent-Type: application/json\r\n" in change
    assert change.endswith(b"\r\n\r\n{}")


def test_a_connection_the_server_closed_while_idle_is_replaced_unseen(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate()
    transport = connect(valt.url)
    for _ in range(2):
        get(transport)
    valt.away()
    valt.back()
    assert post(transport).status == 401
    assert get(transport).status == 401
    assert [entry.method for entry in valt.requests] == ["GET", "GET", "POST", "GET"]


def closes_at_its_second_request(server: Scripted, sock: socket.socket) -> None:
    """The first connection answers one request and closes upon the next; the others last."""
    number = server.connections
    while server.read(sock) and not (number == 1 and len(server.requests) > 1):
        sock.sendall(whole())


def test_a_get_on_a_connection_that_just_closed_is_repeated_once(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    server = scripted(closes_at_its_second_request)
    transport = connect(server.url)
    for _ in range(3):  # over the first connection, the second, and the first again
        assert get(transport).status == 200
    assert len(server.requests) == 4


def test_a_get_is_not_repeated_twice(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    valt.faults.add(Fault("reset_before", count=None))
    with pytest.raises(ConnectionLost):
        get(connect(valt.url))
    assert len(valt.requests) == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "reset_inside", "half"])
def test_a_post_is_never_repeated(simulate: Simulate, connect: Connect, kind: str) -> None:
    valt = simulate()
    transport = connect(valt.url)
    get(transport)
    get(transport)
    valt.faults.add(Fault(kind, "POST"))
    with pytest.raises(ConnectionLost) as lost:
        post(transport)
    assert lost.value.may_have_happened
    assert [entry.method for entry in valt.requests].count("POST") == 1


def test_a_post_on_a_connection_that_just_closed_is_not_repeated(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    server = scripted(closes_at_its_second_request)
    transport = connect(server.url)
    get(transport)
    get(transport)
    with pytest.raises(ConnectionLost) as lost:
        post(transport)
    assert lost.value.may_have_happened
    assert len(server.requests) == 3


def test_a_late_reply_is_not_taken_for_the_answer_to_the_next_request(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate()
    transport = connect(valt.url, timeout_s=TIMEOUT_S)
    get(transport)
    valt.faults.add(Fault("text", "first", body='{"data":"first"}', seconds=TIMEOUT_S + 0.05))
    with pytest.raises(NoReply):
        get(transport, "first")
    time.sleep(0.1)
    valt.faults.add(Fault("text", "second", count=4, body='{"data":"second"}'))
    for _ in range(4):
        assert get(transport, "second").json() == {"data": "second"}


def test_cookies_are_not_kept(scripted: Callable[[Script], Scripted], connect: Connect) -> None:
    server = scripted(always(whole(head=b"Set-Cookie: PHPSESSID=abc; Path=/\r\n")))
    transport = connect(server.url)
    for _ in range(3):
        get(transport)
    assert len(server.requests) == 3
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    scripted: Callable[[Script], Scripted], simulate: Simulate, connect: Connect, status: int
) -> None:
    elsewhere = simulate()
    target = f"{elsewhere.url}/api/v3/rooms/4/status?access_token={TOKEN}"
    head = f"Location: {target}\r\n".encode()
    server = scripted(always(whole(b"", head, b"%d Elsewhere" % status)))
    transport = connect(server.url)
    for send in (get, post):
        reply = send(transport)
        assert (reply.status, reply.location) == (status, target)
    assert elsewhere.requests == []
    client = Client(transport)
    client.token = TOKEN
    with pytest.raises(BadReply, match=f"sends us to {elsewhere.url}") as error:
        client.room_status(4)
    assert TOKEN not in everything_told(error.value)


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 14:00:00 GMT", "yesterday", ""])
def test_the_servers_own_time_is_passed_on_as_it_came(
    scripted: Callable[[Script], Scripted], connect: Connect, date: str
) -> None:
    head = f"Date: {date}\r\n".encode() if date else b""
    assert get(connect(scripted(always(whole(head=head))).url)).date == date


# ---- the environment ------------------------------------------------------------------------


def test_proxies_and_netrc_of_the_environment_are_ignored(
    scripted: Callable[[Script], Scripted],
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = scripted(always(whole()))
    assert get(connect(server.url)).status == 200
    assert b"authorization" not in server.requests[0].lower()


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_environment_makes_nobody_trusted(
    simulate: Simulate,
    connect: Connect,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, authority.path)
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    with pytest.raises(TlsUntrusted):
        get(connect(valt.url))


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_environment_does_not_win_over_the_configured_file(
    simulate: Simulate,
    connect: Connect,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv(name, str(tmp_path / "other.pem"))
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    assert get(connect(valt.url, verify=authority.path)).status == 401


# ---- the deadline ---------------------------------------------------------------------------

STALLS = {
    "a hang before the status line": Fault("hang"),
    "a slow drip in the headers": Fault("drip", seconds=0.05),
    "a slow drip in the body": Fault("drip", seconds=0.05, whole_head=True),
    "a very slow drip": Fault("drip", seconds=5),
    "a late reply": Fault("delay", seconds=5),
}


@pytest.mark.parametrize("send", [get, post])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("stall", STALLS)
def test_the_exchange_ends_at_the_deadline_with(
    simulate: Simulate,
    connect: Connect,
    authority: Authority,
    stall: str,
    scheme: str,
    send: Callable[[HttpTransport], Reply],
) -> None:
    context = authority.server("127.0.0.1") if scheme == "https" else None
    valt = simulate(ssl_context=context)
    transport = connect(valt.url, timeout_s=TIMEOUT_S, verify=authority.path)
    assert get(transport).status == 401  # without the fault it works
    fault = STALLS[stall]
    valt.faults.add(Fault(fault.kind, seconds=fault.seconds, whole_head=fault.whole_head))
    with ends_at_the_deadline(earliest_s=TIMEOUT_S - 0.05), pytest.raises(NoReply) as error:
        send(transport)
    assert not isinstance(error.value, ConnectionLost)
    assert str(error.value) == f"no answer from the server within {TIMEOUT_S} s"
    assert error.value.may_have_happened
    assert len(valt.requests) == 2


def test_several_exchanges_share_the_callers_deadline(simulate: Simulate, connect: Connect) -> None:
    valt = simulate(delay_s=0.15)
    transport = connect(valt.url, timeout_s=2)
    began = time.monotonic()
    with exchange_deadline(0.4):
        get(transport)
        get(transport)
        with pytest.raises(NoReply):
            get(transport)
        assert time.monotonic() - began < 0.7
        with pytest.raises(NotSentInTime):
            post(transport)
    assert len(valt.requests) == 3  # the last one was not sent any more
    assert get(transport).status == 401  # and the deadline ended with its block


@pytest.mark.parametrize("warm", [True, False])
def test_a_black_hole_ends_at_the_deadline(
    simulate: Simulate, connect: Connect, warm: bool
) -> None:
    valt = simulate()
    transport = connect(valt.url, timeout_s=TIMEOUT_S)
    if warm:
        get(transport)
        get(transport)
    valt.black_hole()
    for send in (get, post):
        with ends_at_the_deadline(), pytest.raises(NoReply):
            send(transport)


def test_a_stalled_tls_handshake_ends_at_the_deadline(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    valt.black_hole()
    with ends_at_the_deadline(), pytest.raises(Unreachable, match="in time") as error:
        post(connect(valt.url, verify=authority.path, timeout_s=TIMEOUT_S))
    assert not error.value.may_have_happened


def test_a_connection_that_is_never_accepted_ends_at_the_deadline(connect: Connect) -> None:
    with unaccepting() as (host, port), ends_at_the_deadline():
        with pytest.raises(Unreachable, match="in time") as error:
            post(connect(f"http://{host}:{port}", timeout_s=TIMEOUT_S))
        assert not error.value.may_have_happened


def test_a_server_that_says_wait_for_ever_ends_at_the_deadline(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    def script(server: Scripted, sock: socket.socket) -> None:
        server.read(sock)
        while True:
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.02)

    with ends_at_the_deadline(), pytest.raises(NoReply):
        get(connect(scripted(script).url, timeout_s=TIMEOUT_S))


def test_a_server_that_does_not_read_ends_at_the_deadline(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=TIMEOUT_S)
        with ends_at_the_deadline(), pytest.raises(NoReply):
            transport.request("POST", "login", {}, {"padding": "x" * 20_000_000})


def test_the_repetition_of_a_get_has_no_deadline_of_its_own(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    def script(server: Scripted, sock: socket.socket) -> None:
        number = server.connections
        server.read(sock)
        if number == 1:
            time.sleep(1.5)  # and close: the client asks again
        else:
            sock.recv(1)  # for ever

    server = scripted(script)
    began = time.monotonic()
    with pytest.raises(NoReply):
        get(connect(server.url, timeout_s=2.0))
    assert time.monotonic() - began < 3.0
    assert server.connections == 2


def test_a_thread_that_hangs_takes_no_time_from_the_other(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate()
    transport = connect(valt.url, timeout_s=2.0)
    valt.faults.add(Fault("hang", "GET /api/v3/slow"))
    with ThreadPoolExecutor(1) as other:
        hanging = other.submit(get, transport, "slow")
        began = time.monotonic()
        for _ in range(5):
            assert get(transport).status == 401
        assert not hanging.done()
        assert time.monotonic() - began < 1.5
        assert isinstance(hanging.exception(10), NoReply)


@pytest.mark.parametrize("spelling", ["http://127.0.0.1:0{}", "http://127.0.0.1:{}/a/..", "idn"])
def test_an_unusual_spelling_of_the_address_keeps_the_deadline(
    simulate: Simulate, connect: Connect, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    valt = simulate()
    resolve_to(monkeypatch, ("127.0.0.1", valt.port))
    valt.faults.add(Fault("drip", seconds=0.01, count=1))
    url = "http://prüfung.test:{}" if spelling == "idn" else spelling
    with ends_at_the_deadline(), pytest.raises(NoReply):
        get(connect(url.format(valt.port), timeout_s=TIMEOUT_S))


def test_an_unusual_spelling_of_the_address_keeps_the_trust(
    simulate: Simulate, connect: Connect, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt = simulate(ssl_context=authority.server("xn--prfung-4ya.test"))
    resolve_to(monkeypatch, ("127.0.0.1", valt.port))
    transport = connect(f"https://prüfung.test:{valt.port}", verify=authority.path)
    assert get(transport).status == 401


# ---- names ----------------------------------------------------------------------------------


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Name resolution that hangs until the test is over; the call tells how many hang."""
    over, calls = threading.Event(), []

    def getaddrinfo(*args: Any, **_: Any) -> list[Any]:
        calls.append(args)
        over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield lambda: len(calls)
        over.set()


def test_a_stuck_name_resolution_ends_at_the_deadline(
    connect: Connect, stuck: Callable[[], int]
) -> None:
    with ends_at_the_deadline(), pytest.raises(Unreachable, match="resolved in time") as error:
        post(connect("http://stuck.test", timeout_s=TIMEOUT_S))
    assert not error.value.may_have_happened
    assert stuck() == 1


def test_a_stuck_name_resolution_is_joined_and_not_doubled(
    connect: Connect, stuck: Callable[[], int]
) -> None:
    transport = connect("http://joined.test", timeout_s=0.1)
    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(get, transport) for _ in range(6)]
        assert all(isinstance(end.exception(2), Unreachable) for end in ends)
    assert stuck() == 1
    assert [thread.name for thread in threading.enumerate()].count("resolve joined.test") == 1


def test_after_a_stuck_name_resolution_the_next_request_finds_the_server(
    simulate: Simulate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt, over = simulate(), threading.Event()

    def slowly(*_: Any, **__: Any) -> list[Any]:
        over.wait(5)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", valt.port))]

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    transport = connect(f"http://slow.test:{valt.port}", timeout_s=0.2)
    with pytest.raises(Unreachable):
        get(transport)
    over.set()
    assert get(transport).status == 401


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (socket.EAI_NONAME, "valt.test is not known to the DNS"),
        (socket.EAI_AGAIN, "valt.test cannot be resolved now: is the network connected"),
        (socket.EAI_FAIL, "valt.test cannot be resolved now: is the network connected"),
    ],
)
def test_a_name_that_is_not_found_is_unreachable(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def fail(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unreachable, match=words):
        get(connect("http://valt.test"))


def test_a_name_is_looked_up_again_after_a_failure(
    simulate: Simulate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt = simulate()
    transport = connect(f"http://valt.test:{valt.port}")
    resolve_to(monkeypatch)
    with pytest.raises(Unreachable, match="no address"):
        get(transport)
    resolve_to(monkeypatch, ("127.0.0.1", valt.port))
    assert get(transport).status == 401


def test_an_address_that_refuses_is_passed_over(
    simulate: Simulate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt = simulate()
    resolve_to(monkeypatch, ("127.0.0.1", free_port()), ("127.0.0.1", valt.port))
    assert get(connect("http://valt.test")).status == 401


def test_an_address_that_stays_silent_is_passed_over(
    simulate: Simulate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt = simulate()
    with unaccepting() as silent:
        resolve_to(monkeypatch, silent, ("127.0.0.1", valt.port))
        assert get(connect("http://valt.test", timeout_s=1.0)).status == 401


# ---- no connection --------------------------------------------------------------------------


def test_a_refused_connection_says_where(connect: Connect) -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"127.0.0.1 refuses connections on port {port}") as error:
        post(connect(f"http://127.0.0.1:{port}"))
    assert not error.value.may_have_happened
    assert error.value.light is LinkFault.NO_LINK


@pytest.mark.parametrize("name", ["ENETUNREACH", "EHOSTUNREACH"])
def test_no_route_asks_for_the_network(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(getattr(errno, name), "no")

    monkeypatch.setattr(sockets.PlainSocket, "connect", fail)
    with pytest.raises(Unreachable, match=r"no way to .*: is the network connected"):
        get(connect("http://127.0.0.1:9"))


@pytest.mark.parametrize(
    "url", ["http://", "ftp://valt", "http://host:99999", "http://a b", "valt"]
)
def test_what_is_no_web_address_is_unreachable(connect: Connect, url: str) -> None:
    with pytest.raises(Unreachable, match="no web address") as error:
        post(connect(url))
    assert not error.value.may_have_happened


# ---- replies --------------------------------------------------------------------------------


def test_a_reply_over_the_limit_is_refused(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    server = scripted(always(whole(b'"' + b"x" * (LONGEST_REPLY - 1) + b'"')))
    with pytest.raises(BadReply, match="too long"):
        get(connect(server.url, timeout_s=5))


def test_a_reply_as_long_as_the_limit_is_taken(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    server = scripted(always(whole(b'"' + b"x" * (LONGEST_REPLY - 2) + b'"')))
    assert len(get(connect(server.url, timeout_s=5)).body) == LONGEST_REPLY


def test_a_reply_without_an_end_is_refused_at_the_limit(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    def script(server: Scripted, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            sock.sendall(b"x" * 65536)

    with pytest.raises(BadReply, match="too long"):
        get(connect(scripted(script).url, timeout_s=5))


def test_a_small_reply_that_unpacks_to_a_huge_one_is_refused(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    packed = gzip.compress(b"x" * (4 * LONGEST_REPLY))
    server = scripted(always(whole(packed, b"Content-Encoding: gzip\r\n")))
    with pytest.raises(BadReply, match="too long"):
        get(connect(server.url, timeout_s=5))


def test_a_compressed_or_chunked_reply_is_read(
    scripted: Callable[[Script], Scripted], connect: Connect
) -> None:
    packed = whole(gzip.compress(b'{"data":1}'), b"Content-Encoding: gzip\r\n")
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{"data":1}\r\n0\r\n\r\n'
    for reply in (packed, chunked):
        server = scripted(always(reply))
        transport = connect(server.url)
        for _ in range(4):
            assert get(transport).json() == {"data": 1}
        assert server.connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12345",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n12345",
        b"220 mail.example ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_reply_is_no_reply(
    scripted: Callable[[Script], Scripted], connect: Connect, reply: bytes
) -> None:
    def script(server: Scripted, sock: socket.socket) -> None:
        server.read(sock)
        sock.sendall(reply)

    server = scripted(script)
    with pytest.raises(NoReply) as error:
        post(connect(server.url))
    assert error.value.may_have_happened
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"data": ', b"\xff\xfe", b"\x00", b"[" * 200_000, b"1" * 5000],
    ids=["empty", "html", "half", "no text", "nul", "nested without end", "a huge number"],
)
def test_a_body_that_is_no_json_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply, match=r"not VALT's \(HTTP 200, no JSON\)"):
        Reply(200, body).json()


# ---- TLS ------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of our own, whose certificate lies in a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = trustme.CA()
        self.path = str(folder / "ca.pem")
        self.ca.cert_pem.write_to_path(self.path)

    def server(self, name: str, **validity: Any) -> ssl.SSLContext:
        return self.serving(self.issue(name, **validity))

    def issue(self, name: str, **validity: Any) -> Any:
        return self.ca.issue_cert(name, **validity)

    def serving(self, certificate: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    def by_itself(self) -> ssl.SSLContext:
        """Serve the authority's own certificate: it is signed by itself."""
        key = self._folder / "key.pem"
        self.ca.private_key_pem.write_to_path(str(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, key)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def fingerprint(certificate: Any) -> str:
    pem = certificate.cert_chain_pems[0].bytes().decode()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def untrusted(transport: HttpTransport) -> TlsUntrusted:
    with pytest.raises(TlsUntrusted) as error:
        post(transport)
    assert not error.value.may_have_happened
    return error.value


def test_a_certificate_of_the_configured_authority_is_trusted(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    assert get(connect(valt.url, verify=authority.path)).status == 401


def test_any_certificate_is_good_for_who_asks_for_none(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("elsewhere.example"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get(connect(valt.url, verify=None)).status == 401


def test_a_certificate_signed_by_itself_is_not_trusted(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.by_itself())
    error = untrusted(connect(valt.url))
    assert "signed by itself" in str(error)
    assert error.light is LinkFault.TLS
    assert valt.requests == []


def test_a_certificate_of_an_unknown_issuer_is_not_trusted(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    assert "unknown issuer" in str(untrusted(connect(valt.url)))
    assert valt.requests == []


def test_a_configured_authority_is_the_only_one(
    simulate: Simulate, connect: Connect, authority: Authority, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    untrusted(connect(valt.url, verify=str(tmp_path / "other.pem")))


@pytest.mark.parametrize("name", ["valt.example", "127.0.0.2"])
def test_a_certificate_for_another_name_is_not_trusted(
    simulate: Simulate, connect: Connect, authority: Authority, name: str
) -> None:
    valt = simulate(ssl_context=authority.server(name))
    assert "another name" in str(untrusted(connect(valt.url, verify=authority.path)))
    assert valt.requests == []


def test_an_expired_certificate_is_not_trusted(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    context = authority.server(
        "127.0.0.1", not_before=yesterday - timedelta(days=1), not_after=yesterday
    )
    error = untrusted(connect(simulate(ssl_context=context).url, verify=authority.path))
    assert "has expired" in str(error)
    assert error.light is LinkFault.TLS


def test_a_certificate_that_is_not_valid_yet_puts_the_clock_in_doubt(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    context = authority.server(
        "127.0.0.1", not_before=tomorrow, not_after=tomorrow + timedelta(days=1)
    )
    error = untrusted(connect(simulate(ssl_context=context).url, verify=authority.path))
    assert isinstance(error, ClockWrong)
    assert error.light is LinkFault.CLOCK
    assert "clock" in str(error)


@pytest.mark.parametrize("with_colons", [False, True])
def test_a_pinned_certificate_needs_no_issuer_and_no_name(
    simulate: Simulate, connect: Connect, authority: Authority, with_colons: bool
) -> None:
    certificate = authority.issue("another.example")
    digits = fingerprint(certificate)
    if with_colons:
        digits = ":".join(re.findall("..", digits.upper()))
    valt = simulate(ssl_context=authority.serving(certificate))
    transport = connect(valt.url, verify=f"sha256:{digits}")
    for _ in range(4):
        assert get(transport).status == 401
    assert valt.connections == 2


@pytest.mark.parametrize("wrong", ["0" * 64, "0" * 40])
def test_a_certificate_that_is_not_the_pinned_one_is_refused(
    simulate: Simulate, connect: Connect, authority: Authority, wrong: str
) -> None:
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    assert "pinned" in str(untrusted(connect(valt.url, verify=f"sha256:{wrong}")))
    assert valt.requests == []


def test_trust_comes_back_with_the_right_certificate(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("another.example"))
    transport = connect(valt.url, verify=authority.path)
    untrusted(transport)
    valt.ssl_context = authority.server("127.0.0.1")
    assert get(transport).status == 401


def test_a_ca_file_that_cannot_be_used_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        HttpTransport("https://valt.test", verify=str(tmp_path / "none.pem"))
    (tmp_path / "bad.pem").write_text("no certificate\n")
    with pytest.raises(ssl.SSLError):
        HttpTransport("https://valt.test", verify=str(tmp_path / "bad.pem"))
    with pytest.raises(OSError, match="directory"):
        HttpTransport("https://valt.test", verify="")


def test_https_to_a_plain_port_hints_at_the_scheme(simulate: Simulate, connect: Connect) -> None:
    valt = simulate()
    with pytest.raises(Unreachable, match="http:// instead of https://") as error:
        post(connect(valt.url.replace("http:", "https:")))
    assert not isinstance(error.value, TlsUntrusted)


def test_http_to_a_tls_port_is_a_lost_connection(
    simulate: Simulate, connect: Connect, authority: Authority
) -> None:
    valt = simulate(ssl_context=authority.server("127.0.0.1"))
    with ends_at_the_deadline(), pytest.raises(ConnectionLost):
        get(connect(valt.url.replace("https:", "http:")))
    assert valt.requests == []


# ---- no secret leaves -----------------------------------------------------------------------


def everything_told(error: BaseException) -> str:
    told = [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
    cause = error.__cause__
    return "\n".join(told) + (everything_told(cause) if cause else "")


FAILURES = {
    **{kind: Fault(kind, "GET", count=None) for kind in ("reset_before", "half", "reset_inside")},
    **{kind: Fault(kind, "GET", count=None) for kind in ("html", "empty", "not_json", "hang")},
    "null_data": Fault("null_data", "GET"),
    "drip": Fault("drip", "GET", seconds=0.1),
    **{str(code): Fault("status", "GET", status=code) for code in (302, 400, 401, 403, 404, 500)},
    "shape": Fault("text", "GET", body='{"data": []}'),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_error_of_a_request_tells_the_token(
    simulate: Simulate, connect: Connect, failure: str
) -> None:
    valt = simulate()
    valt.faults.add(FAILURES[failure])
    client = Client(connect(valt.url, timeout_s=0.2))
    client.token = TOKEN
    with pytest.raises(ValtError) as error:
        client.room_status(4)
    assert TOKEN not in everything_told(error.value)


def test_no_error_of_a_connection_tells_the_token(
    simulate: Simulate, connect: Connect, authority: Authority, stuck: Callable[[], int]
) -> None:
    secure = simulate(ssl_context=authority.server("127.0.0.1"))
    dark = simulate()
    dark.black_hole()
    urls = [
        secure.url,
        dark.url,
        dark.url.replace("http:", "https:"),
        f"http://127.0.0.1:{free_port()}",
        "http://secret.test",
        "http://",
        "ftp://valt",
        "valt",
    ]
    for url in urls:
        for send in (get, post):
            with pytest.raises(ValtError) as error:
                send(connect(url, timeout_s=0.1))
            assert TOKEN not in everything_told(error.value), url


def test_a_server_that_repeats_the_url_does_not_get_the_token_into_the_error(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate()
    echo = f'{{"error":{{"code":400,"message":"no route for GET /x?access_token={TOKEN}&a=b"}}}}'
    valt.faults.add(Fault("status", status=400, body=echo))
    client = Client(connect(valt.url))
    client.token = TOKEN
    with pytest.raises(Refused) as error:
        client.room_status(4)
    assert "no route" in str(error.value)
    assert TOKEN not in everything_told(error.value)


def test_a_server_that_repeats_the_card_number_does_not_get_it_into_the_error(
    simulate: Simulate, connect: Connect
) -> None:
    valt = simulate()
    echo = f'{{"data":{{"message":"nobody has the card {CARD}"}},"code":400}}'
    valt.faults.add(Fault("status", status=400, body=echo))
    with pytest.raises(Refused) as error:
        Client(connect(valt.url)).users_with_card(Secret(CARD), Version("6.5", 6, 5))
    assert "nobody has the card" in str(error.value)
    assert CARD not in everything_told(error.value)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, whose handlers are put back, and whose own go."""
    root, library = logging.getLogger(), logging.getLogger("urllib3")
    before, levels = root.handlers[:], (root.level, library.level)
    root.handlers.clear()  # so that nobody closes those of pytest
    yield root
    root.handlers[:] = before
    root.setLevel(levels[0])
    library.setLevel(levels[1])


def test_the_journal_tells_no_token_even_at_debug_level(
    scripted: Callable[[Script], Scripted],
    connect: Connect,
    root_logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up(logging.DEBUG)
    server = scripted(always(whole(head=b"a line that is no header\r\n")))
    get(connect(server.url))
    root_logger.error("went to %s/api/v3/x?access_token=%s&cardNumber=%s", server.url, TOKEN, CARD)
    written = capsys.readouterr().err
    assert "went to" in written
    assert TOKEN not in written
    assert CARD not in written


def test_a_request_prints_nothing(
    simulate: Simulate, connect: Connect, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = authority.issue("another.example")
    valt = simulate(ssl_context=authority.serving(certificate))
    get(connect(valt.url, verify=f"sha256:{fingerprint(certificate)}"))
    sys.stderr.flush()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("location", [b"http://[", b"\xff\xfe", b"//", b"\x01"])
def test_a_redirect_to_nonsense_is_a_bad_reply_and_nothing_worse(
    scripted: Callable[[Script], Scripted], connect: Connect, location: bytes
) -> None:
    """`requests` parses the target even when it must not follow, and may raise anything."""
    server = scripted(always(whole(b"", b"Location: " + location + b"\r\n", b"302 Elsewhere")))
    with pytest.raises(BadReply, match="sends us to"):
        Client(connect(server.url)).room_status(4)

"""The TLS side of the pages, over the loopback: who gets through, and what arrives."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivsd.web.app import LONGEST_BODY
from ivsd.web.serve import LOOPBACK
from ivsd.web.tls import plain as tls_plain
from tests.tls_box import (
    GET,
    LARGE,
    NAMES,
    WITHIN_S,
    Box,
    make_certificate,
    reset,
    say_goodbye,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "tls.pem")


@pytest.fixture
def box(certificate: Path) -> Iterator[Box]:
    with Box(certificate) as box:
        yield box


def test_a_page_is_read_with_the_visitors_own_address(box: Box) -> None:
    for source in ("127.0.0.1", "127.0.0.7"):
        said = box.get("/who", source).read().decode()
        assert said == f"{source} https {box.front.port}"


def test_it_is_served_by_ipv6_too(certificate: Path) -> None:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    with Box(certificate, "::1") as box:
        said = box.get("/who", "::1").read().decode()
    assert said == f"::1 https {box.front.port}"


def test_who_comes_around_it_is_refused(box: Box) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, box.back_port, timeout=WITHIN_S)
    connection.request("GET", "/who", headers={"X-Forwarded-For": "10.0.0.1"})
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (403, b"Not by this way.\n")
    connection.close()


def test_a_neighbour_on_the_loopback_is_not_taken_for_a_visitor(box: Box) -> None:
    with box.visitor() as visitor:
        visitor.sendall(GET % b"/who")
        assert visitor.recv(12) == b"HTTP/1.1 200"
        (port,) = box.front._clients
        connection = http.client.HTTPConnection(
            LOOPBACK, box.back_port, timeout=WITHIN_S, source_address=("127.0.0.2", int(port))
        )
        connection.request("GET", "/who")
        assert connection.getresponse().status == 403
        connection.close()


def test_one_connection_carries_many_requests(box: Box) -> None:
    connection = http.client.HTTPSConnection(
        "localhost", box.front.port, timeout=WITHIN_S, context=box.trusting
    )
    for _ in range(5):
        connection.request("GET", "/who")
        assert connection.getresponse().read().startswith(b"127.0.0.1")
    assert box.front.visits == 1
    connection.close()
    box.wait_until_empty()


def test_much_arrives_whole_in_both_directions(box: Box) -> None:
    assert box.get("/large").read() == LARGE
    assert box.send(LARGE[: LONGEST_BODY - 1]) == (200, LARGE[: LONGEST_BODY - 1])


def test_who_sends_too_much_is_told_so(box: Box) -> None:
    for _ in range(10):
        assert box.send(LARGE[:LONGEST_BODY])[0] == 413
    box.wait_until_empty()


def test_an_event_arrives_while_the_next_is_not_made_yet(box: Box) -> None:
    reply = box.get("/news")
    assert reply.read(5) == b"first"  # it waits for `go_on` behind that
    box.go_on.set()
    assert reply.read() == b"second"


@pytest.mark.parametrize("hang_up", [socket.socket.close, reset, say_goodbye])
def test_a_reader_who_hangs_up_frees_the_place(
    box: Box, hang_up: Callable[[ssl.SSLSocket], object]
) -> None:
    visitor = box.visitor()
    visitor.sendall(GET % b"/wait")
    assert visitor.recv(12) == b"HTTP/1.1 200"
    hang_up(visitor)
    assert box.was_told_of_hang_up.wait(WITHIN_S)
    box.wait_until_empty()
    visitor.close()


# -- plain http at the port of https --------------------------------------------------------------


def test_a_plain_request_is_sent_to_https(box: Box) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, box.front.port, timeout=WITHIN_S)
    connection.request("GET", "/log?q=a")
    reply = connection.getresponse()
    assert reply.status == 302
    assert reply.getheader("Location") == f"https://127.0.0.1:{box.front.port}/log?q=a"
    assert reply.read() == b"Go on by https.\n"
    box.wait_until_empty()


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /login HTTP/1.1\r\nHost: box\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://box/ HTTP/1.1\r\nHost: box\r\n\r\n",
        b"GET /\r\nSet-Cookie: a=b HTTP/1.1\r\nHost: box\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: box\rX: y\r\n\r\n",
        b"EHLO me\r\n\r\n",
        b"",
    ],
)
def test_all_other_plain_words_are_refused_with_a_sentence(request_: bytes) -> None:
    head, _, said = tls_plain.answer(request_, NAMES).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Location" not in head
    assert said == b"Nothing was done: this box speaks https here, so type https://.\n"


def test_a_path_goes_nowhere_but_to_this_box() -> None:
    said = tls_plain.answer(b"GET //evil.example.com/ HTTP/1.1\r\nhOST:  box:80 \r\n\r\n", NAMES)
    assert b"\r\nLocation: https://box:80//evil.example.com/\r\n" in said

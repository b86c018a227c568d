"""The TLS side of the pages, over the loopback: no stranger holds anybody up."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivsd.web.serve import LOOPBACK
from ivsd.web.tls import front as tls_front
from ivsd.web.tls import places as tls_places
from ivsd.web.tls import stream as tls_stream
from ivsd.web.tls.front import Front
from ivsd.web.tls.places import MOST_OF_ONE
from tests.tls_box import (
    GET,
    NAMES,
    WITHIN_S,
    Box,
    make_certificate,
    reset,
    until_closed,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "tls.pem")


@pytest.fixture
def box(certificate: Path) -> Iterator[Box]:
    with Box(certificate) as box:
        yield box


@pytest.mark.parametrize("shakes_hands", [False, True])
def test_silent_strangers_stop_nobody(
    box: Box, monkeypatch: pytest.MonkeyPatch, shakes_hands: bool
) -> None:
    monkeypatch.setattr(tls_places, "MOST", 8)
    strangers = [box.visitor() if shakes_hands else box.silent() for _ in range(30)]
    assert box.serves()
    assert box.front.visits <= 8
    for stranger in strangers:
        stranger.close()
    box.wait_until_empty()


def test_who_speaks_keeps_the_place_and_the_next_has_to_wait(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_places, "MOST", 2)
    readers = [box.visitor() for _ in range(2)]
    for reader in readers:
        reader.sendall(GET % b"/wait")
        assert reader.recv(12) == b"HTTP/1.1 200"
    with box.silent() as late:
        assert until_closed(late) == b""
    readers.pop().close()
    assert box.was_told_of_hang_up.wait(WITHIN_S)
    while box.front.visits > 1:
        time.sleep(0.01)
    assert box.serves()
    readers.pop().close()


def test_one_stranger_who_talks_leaves_places_for_others(box: Box) -> None:
    strangers = [box.visitor() for _ in range(MOST_OF_ONE)]
    for stranger in strangers:
        stranger.sendall(GET % b"/wait")
        assert stranger.recv(12) == b"HTTP/1.1 200"
    with pytest.raises(OSError, match=r"reset|EOF|closed"):
        box.visitor()
    assert box.get("/who", "127.0.0.7").status == 200
    for stranger in strangers:
        stranger.close()


def test_who_says_a_byte_now_and_then_makes_room_too(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_places, "MOST", 4)
    strangers = [box.visitor() for _ in range(4)]
    for stranger in strangers:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: box\r\nX: ")
    assert box.get("/who", "127.0.0.7").status == 200
    for stranger in strangers:
        stranger.close()
    box.wait_until_empty()


def test_a_header_that_never_ends_is_not_waited_for(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_front, "HEADER_S", 0.2)
    with box.visitor() as drips:
        drips.sendall(b"GET /who HTTP/1.1\r\nHost: box\r\n")
        assert until_closed(drips) == b""
    monkeypatch.setattr(tls_front, "HEADER_S", WITHIN_S)
    with box.visitor() as long:
        long.sendall(b"GET /who HTTP/1.1\r\nX: " + b"x" * tls_front.LONGEST_HEADER)
        assert until_closed(long).startswith(b"HTTP/1.0 431")
    box.wait_until_empty()


def test_a_header_in_pieces_arrives_whole(box: Box) -> None:
    with box.visitor() as slow:
        for piece in (b"GET /who HTTP/1.1\r", b"\nHost: box\r\nConnection: close\r\n\r", b"\n"):
            slow.sendall(piece)
        assert until_closed(slow).startswith(b"HTTP/1.1 200")


def test_who_is_silent_too_long_is_sent_away(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_front, "HAND_SHAKE_S", 0.2)
    monkeypatch.setattr(tls_front, "SILENT_S", 0.2)
    with box.silent() as one, box.silent() as half, box.silent() as plain:
        half.sendall(b"\x16\x03\x01")
        plain.sendall(b"GET / HTTP/1.1\r\n")
        for stranger in (one, half, plain):
            assert until_closed(stranger) == b""
    monkeypatch.setattr(tls_front, "HAND_SHAKE_S", WITHIN_S)
    with box.visitor() as visitor:
        assert until_closed(visitor) == b""
    box.wait_until_empty()


def test_who_takes_nothing_off_is_sent_away(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_stream, "STALLED_S", 0.2)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((LOOPBACK, box.front.port))
    visitor = box.trusting.wrap_socket(sock, server_hostname="box")
    visitor.sendall(GET % b"/large")
    box.wait_until_empty()
    assert box.serves()
    visitor.close()


@pytest.mark.parametrize(
    "said", [b"", b"\x00", b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" * 3000, b"\xff" * 9000]
)
@pytest.mark.parametrize("hang_up", [socket.socket.close, reset])
def test_what_is_no_tls_leaves_nothing_and_is_worth_no_line(
    box: Box, caplog: pytest.LogCaptureFixture, said: bytes,
    hang_up: Callable[[socket.socket], object],
) -> None:  # fmt: skip
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            stranger = box.silent()
            stranger.sendall(said)
            hang_up(stranger)
        assert box.serves()
        box.wait_until_empty()
    assert caplog.text == ""


def test_what_is_no_tls_after_the_hand_shake_ends_that_connection_alone(box: Box) -> None:
    reader, visitor = box.visitor(), box.visitor()
    for sock in (reader, visitor):
        sock.sendall(GET % b"/news")
        assert sock.recv(12) == b"HTTP/1.1 200"
    with socket.socket(fileno=os.dup(visitor.fileno())) as below_tls:
        below_tls.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        below_tls.settimeout(WITHIN_S)
        until_closed(below_tls)
    visitor.close()
    box.go_on.set()
    said = b""
    while b"second" not in said:
        said += reader.recv(4096)
    reader.close()
    box.wait_until_empty()


def test_a_browser_that_does_not_trust_it_leaves_nothing(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            with pytest.raises(ssl.SSLCertVerificationError):
                box.visitor(ssl.create_default_context())
        box.wait_until_empty()
    assert caplog.text == ""


def test_it_ends_with_connections_of_every_kind_open(certificate: Path) -> None:
    with Box(certificate) as box:
        open_ = [box.silent(), box.visitor(), box.visitor()]
        open_[2].sendall(GET % b"/wait")
        assert open_[2].recv(12) == b"HTTP/1.1 200"
    for sock in open_:
        until_closed(sock)
        sock.close()
    assert box.front.visits == 0
    assert not any(thread.name == "tls" for thread in threading.enumerate())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_ends_the_service_so_that_it_is_started_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def defect(front: Front) -> None:
        raise ValueError("defect")

    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(Front, "_accept", defect)
    monkeypatch.setattr(os, "kill", lambda *args: sent.append(args))
    front = Front(LOOPBACK, 0, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), NAMES)
    front.start(1)
    front._thread.join(WITHIN_S)
    front.stop()
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_an_address_that_is_taken_or_not_ours_is_told(box: Box) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for address, port in ((LOOPBACK, box.front.port), ("192.0.2.1", 0)):
        with pytest.raises(OSError, match="ddress"):
            Front(address, port, context, NAMES)

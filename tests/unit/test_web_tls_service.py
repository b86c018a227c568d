"""`ivsd web` with `tls:` in its web.yaml, as a process of its own."""

from __future__ import annotations

import datetime
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivsd.web import tls
from ivsd.web.access.accounts import Accounts
from ivsd.web.tls import self_made as tls_self_made

LOOPBACK = "127.0.0.1"
PASSWORD = "correct horse battery"
WITHIN_S = 20.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ivsd-") as name:  # a socket's path must be short
        yield Path(name)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "ivsd", "web", "--config", str(folder / "web.yaml"),
            "--socket", str(folder / "s"), "--state", str(folder)]  # fmt: skip


@contextmanager
def served(folder: Path, said: list[str]) -> Iterator[int]:
    """Run the service; yield its port, and end it in good order. `said` is its log."""
    port = free_port()
    (folder / "web.yaml").write_text(f"port: {port}\ntls: self-made\n")
    service = subprocess.Popen(command(folder), stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    said += [service.stderr.readline(), service.stderr.readline()]
    try:
        yield port
    finally:
        service.send_signal(signal.SIGTERM)
        _, rest = service.communicate(timeout=WITHIN_S)
        said.append(rest)
    assert service.returncode == 0


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "tls.pem")


def connect(folder: Path, port: int) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(
        "localhost", port, timeout=WITHIN_S, context=trusting(folder)
    )


def test_the_pages_are_at_https_with_a_certificate_that_a_person_can_compare(folder: Path) -> None:
    runs: list[list[str]] = [[], []]
    for said in runs:
        with served(folder, said) as port:
            connection = connect(folder, port)
            connection.request("GET", "/first")
            reply = connection.getresponse()
            assert (reply.status, reply.getheader("Server")) == (200, None)
            assert reply.getheader("Strict-Transport-Security") is None
            assert "press" in reply.read().decode()
            connection.close()
            pem = ssl.get_server_certificate((LOOPBACK, port), timeout=WITHIN_S)
            assert said[0] == f"this box's pages: https://127.0.0.1:{port}/\n"
            told = tls.fingerprint(pem)
            assert said[1] == f"SHA-256 fingerprint of their certificate: {told}\n"
    assert runs[0][1] == runs[1][1]  # the same certificate after a restart
    assert (folder / "tls.pem").stat().st_mode & 0o777 == 0o600


def test_the_end_of_a_certificate_of_the_site_is_told_at_the_start(folder: Path) -> None:
    made = folder / "made.pem"
    made.write_text(tls_self_made.make("DNS:box", datetime.date(2026, 11, 23)))
    port, end = free_port(), datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=5)
    (folder / "web.yaml").write_text(
        f"port: {port}\ntls: {{certificate_file: {made}, key_file: {made}}}\n"
    )
    openssl = folder / "openssl"
    openssl.write_text(f"#!/bin/sh\necho 'notAfter={end:%b %d %H:%M:%S %Y} GMT'\n")
    openssl.chmod(0o700)
    path = f"{folder}:{os.environ['PATH']}"
    service = subprocess.Popen(
        command(folder), stderr=subprocess.PIPE, text=True, env={**os.environ, "PATH": path}
    )
    assert service.stderr is not None
    said = [service.stderr.readline() for _ in range(4)]
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=WITHIN_S)
    assert said[2] == f"their certificate is good until {end.date()}\n"
    assert said[3].startswith("their certificate must be made anew: it ends in ")


def test_who_logs_in_gets_a_cookie_for_tls_alone(folder: Path) -> None:
    Accounts(folder).set_first_password(PASSWORD)
    said: list[str] = []
    with served(folder, said) as port:
        connection = connect(folder, port)
        connection.request("GET", "/login")
        reply = connection.getresponse()
        token = re.search(r'name="csrf" value="([^"]+)"', reply.read().decode())
        assert token is not None
        cookie = str(reply.getheader("Set-Cookie")).partition(";")[0]
        form = f"csrf={token[1]}&password={PASSWORD.replace(' ', '+')}"
        headers = {
            "Cookie": cookie,
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"https://localhost:{port}",
        }
        connection.request("POST", "/login", form, headers)
        reply = connection.getresponse()
        reply.read()
        parts = str(reply.getheader("Set-Cookie")).split("; ")
        assert (reply.status, reply.getheader("Location")) == (303, "/")
        assert parts[0].startswith("__Host-ivsd=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
        connection.close()
    assert "logged in from 127.0.0.1" in said[2]


def test_it_ends_in_good_order_whoever_is_connected(folder: Path) -> None:
    said: list[str] = []
    with served(folder, said) as port:
        strangers = [socket.create_connection((LOOPBACK, port)) for _ in range(5)]
        visitor = trusting(folder).wrap_socket(strangers.pop(), server_hostname="localhost")
        strangers[0].sendall(b"\x16\x03\x01 and no more")
    for sock in (*strangers, visitor):
        sock.close()
    assert said[2] == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tls: selfmade\n", "web.yaml:1: tls: 'selfmade' is not known; did you mean 'self-made'?"),
        ("tls: {certificate_file: /no.pem, key_file: /no}\n", "/no.pem cannot be read: No such"),
        ("tls: self-made\naddress: 192.0.2.1\n", "cannot serve at 192.0.2.1 port 8080: Cannot"),
    ],
)
def test_what_is_wrong_ends_it_with_words(folder: Path, text: str, told: str) -> None:
    (folder / "web.yaml").write_text(text)
    made = subprocess.run(
        command(folder), capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert made.returncode == 1
    assert told in made.stderr
    assert "Traceback" not in made.stderr

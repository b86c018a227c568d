"""The simulator's certificates, as a plain ssl client finds them."""

from __future__ import annotations

import hashlib
import socket
import ssl
import subprocess
import sys
import time

import pytest

from ivsd.valt.simulator import Simulator
from ivsd.valt.simulator.certificates import KINDS

pytest.importorskip("trustme")

SELF_SIGNED, EXPIRED, NOT_YET_VALID, WRONG_NAME, WRONG_ADDRESS = 18, 10, 9, 62, 64
REQUEST = b"GET /api/v3/rooms/info HTTP/1.1\r\nHost: valt\r\n\r\n"


def trusting(simulator: Simulator) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=simulator.ca_pem)


def shake(
    simulator: Simulator, context: ssl.SSLContext, name: str = "127.0.0.1"
) -> tuple[ssl.SSLSocket, bytes]:
    """A connection on which one request was answered, and the certificate that was shown."""
    plain = socket.create_connection(("127.0.0.1", simulator.port), timeout=2)
    try:
        secure = context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise
    secure.sendall(REQUEST)
    assert secure.recv(65536).startswith(b"HTTP/1.1 401 ")
    return secure, secure.getpeercert(binary_form=True) or b""


def blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_good_certificate_is_trusted_by_who_trusts_the_authority(name: str) -> None:
    with Simulator(tls="good") as simulator:
        assert simulator.url.startswith("https://")
        shake(simulator, trusting(simulator), name)[0].close()
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(simulator, ssl.create_default_context(), name)


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("self_signed", "127.0.0.1", SELF_SIGNED),
        ("expired", "127.0.0.1", EXPIRED),
        ("not_yet_valid", "127.0.0.1", NOT_YET_VALID),
        ("wrong_name", "localhost", WRONG_NAME),
        ("wrong_name", "127.0.0.1", WRONG_ADDRESS),
    ],
)
def test_a_bad_certificate_fails_with_its_code_although_the_authority_is_trusted(
    kind: str, name: str, code: int
) -> None:
    lines: list[str] = []
    with Simulator(tls=kind, log=lines.append) as simulator:
        with pytest.raises(ssl.SSLCertVerificationError) as error:
            shake(simulator, trusting(simulator), name)
        assert error.value.verify_code == code
        assert simulator.requests == []
        end = time.monotonic() + 1
        while not lines and time.monotonic() < end:
            time.sleep(0.005)
    assert len(lines) == 1
    assert lines[0].startswith("no TLS with a client: ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_fingerprint_is_that_of_the_certificate_shown(kind: str) -> None:
    with Simulator(tls=kind) as simulator:
        connection, shown = shake(simulator, blind())
        connection.close()
        assert simulator.fingerprint == hashlib.sha256(shown).hexdigest()
        assert simulator.tls == kind


def test_the_self_signed_one_is_right_for_who_trusts_itself() -> None:
    with Simulator(tls="self_signed") as simulator:
        connection, shown = shake(simulator, blind())
        connection.close()
        pinned = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(shown))
        shake(simulator, pinned)[0].close()


def test_the_certificate_can_change_while_it_runs_and_connections_are_cut() -> None:
    with Simulator(tls="good") as simulator:
        context, port, authority = trusting(simulator), simulator.port, simulator.ca_pem
        connection, _ = shake(simulator, context)
        simulator.certificate("expired")
        with pytest.raises((ConnectionResetError, ssl.SSLError)):
            connection.recv(1)
        connection.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(simulator, context)
        simulator.certificate("good")
        shake(simulator, context)[0].close()
        assert (simulator.port, simulator.ca_pem) == (port, authority)


def test_plain_http_can_become_tls_and_plain_again() -> None:
    with Simulator() as simulator:
        assert simulator.tls is None
        with pytest.raises(ValueError, match="shows no certificate"):
            _ = simulator.fingerprint
        simulator.certificate("good")
        shake(simulator, trusting(simulator))[0].close()
        simulator.certificate(None)
        assert simulator.url.startswith("http://")
        with socket.create_connection(("127.0.0.1", simulator.port), timeout=2) as sock:
            sock.sendall(REQUEST)
            assert sock.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_host_of_ones_own_is_named_in_the_certificate() -> None:
    with Simulator(host="127.0.0.2", tls="good") as simulator:
        plain = socket.create_connection(("127.0.0.2", simulator.port), timeout=2)
        with trusting(simulator).wrap_socket(plain, server_hostname="127.0.0.2"):
            pass


def test_a_kind_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"one of good, self_signed, expired.*not 'exprired'"):
        Simulator(tls="exprired")


def test_a_context_of_ones_own_stays_possible_and_is_told_from_ours() -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert Simulator(ssl_context=own).tls == "own"
    with pytest.raises(ValueError, match="either tls or ssl_context"):
        Simulator(tls="good", ssl_context=own)


def test_without_trustme_the_error_says_what_to_install_and_the_rest_works() -> None:
    program = """
import sys
sys.modules["trustme"] = sys.modules["cryptography"] = None
from ivsd.valt.simulator import Control, Simulator
with Simulator() as simulator, Control(simulator) as control:
    for attempt in (lambda: simulator.certificate("good"), lambda: simulator.ca_pem):
        try:
            attempt()
        except ImportError as error:
            print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 2, done.stderr
    assert all("pip install 'ivsd[simulator]'" in line for line in lines)

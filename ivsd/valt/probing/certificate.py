"""The server's certificate: what stands in it, whether it is trusted, and if not, why.

It is looked at in handshakes of their own, over which no request and no password goes. Nothing
is pinned here: who reads the fingerprint decides.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ivsd.valt import replies
from ivsd.valt.address import FINGERPRINT, ca_file_problem
from ivsd.valt.errors import ValtError
from ivsd.valt.probing.clock import own_time
from ivsd.valt.probing.findings import Certificate, Finding, Step
from ivsd.valt.probing.way import Server
from ivsd.valt.sockets import dial
from ivsd.valt.trust import (
    EXPIRED,
    NO_ISSUER,
    NOT_YET_VALID,
    WRONG_NAME,
    tls_context,
    why_untrusted,
)

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which ssl has no name


def check_certificate(server: Server, verify: str, wall: Callable[[], float]) -> Finding:
    """Find out whether the transport will trust the certificate."""
    if server.scheme == "http":
        return Finding(
            Step.TLS,
            None,
            "not encrypted: password and badge numbers can be read on the way",
            "If the server speaks TLS, write https:// in valt.url.",
        )
    is_file = verify != "system" and not verify.startswith(FINGERPRINT)
    if is_file and (problem := ca_file_problem(verify)):
        return Finding(Step.TLS, False, problem, "Correct valt.verify.")
    try:
        return _judge(server, _look(server), verify, wall)
    except (ValtError, OSError) as e:
        advice = (
            "Check that the port in valt.url is that of VALT's web pages, and whether the "
            "server speaks http:// only."
        )
        return Finding(Step.TLS, False, _why_no_tls(e, server), advice)


def speaks_tls(server: Server) -> bool:
    """Whether TLS is spoken at that port."""
    try:
        _shake_hands(server, _any_certificate())
    except (ValtError, OSError):
        return False
    return True


def _judge(
    server: Server, certificate: Certificate, verify: str, wall: Callable[[], float]
) -> Finding:
    context, pinned = tls_context(verify)
    if pinned is None:
        try:
            _shake_hands(server, context)
        except ssl.SSLCertVerificationError as e:
            text = f"{why_untrusted(e, server.host)}; {certificate}"
            advice = _advice(e.verify_code, certificate, wall)
            return Finding(Step.TLS, False, text, advice, certificate)
        return Finding(Step.TLS, True, f"trusted; {certificate}", data=certificate)
    if FINGERPRINT + pinned == certificate.pin:
        return Finding(Step.TLS, True, f"it is the pinned one; {certificate}", data=certificate)
    text = f"the certificate of {server.host} is not the pinned one (verify); {certificate}"
    advice = f"If the server's certificate was renewed, {_to_pin(certificate)}"
    return Finding(Step.TLS, False, text, advice, certificate)


def _advice(code: int, certificate: Certificate, wall: Callable[[], float]) -> str:
    """Say what to do about a certificate that is refused."""
    if code == NOT_YET_VALID:
        return f"{own_time(wall)} If that is wrong, set its time service right (timedatectl)."
    if code == EXPIRED:
        return f"{own_time(wall)} If that is right, the server needs a new certificate."
    if code in WRONG_NAME:
        return (
            "Use one of the names that it is made out to in valt.url. If none of them leads to "
            f"the server, {_to_pin(certificate)}"
        )
    if code in NO_ISSUER:
        return (
            "Set valt.verify to the file of the authority that issued it. Where there is none, "
            f"{_to_pin(certificate)}"
        )
    return f"If the server shall keep this certificate, {_to_pin(certificate)}"


def _to_pin(certificate: Certificate) -> str:
    return (
        "compare the fingerprint with that on the server, and only if they are equal set "
        f"valt.verify to {certificate.pin}"
    )


def _why_no_tls(e: ValtError | OSError, server: Server) -> str:
    where = f"{server.host} port {server.port}"
    if isinstance(e, ValtError):
        return str(e)
    if isinstance(e, TimeoutError):
        return f"{where} does not answer the TLS handshake in time"
    if isinstance(e, ssl.SSLError):
        return f"{where} does not speak TLS as expected ({e.reason or 'handshake failed'})"
    return f"{where} closes the connection in the TLS handshake"


# -- looking at it ----------------------------------------------------------------------------


def _shake_hands(server: Server, context: ssl.SSLContext) -> tuple[bytes, dict[str, Any]]:
    """Shake hands and hang up; return the certificate as sent and, if trusted, decoded."""
    name = server.host.partition("%")[0]  # without the interface of a link-local address
    with (
        dial(server.host, server.port) as plain,
        context.wrap_socket(plain, server_hostname=name) as shaken,
    ):
        return shaken.getpeercert(binary_form=True) or b"", shaken.getpeercert() or {}


def _any_certificate() -> ssl.SSLContext:
    """Make a context for looking at a certificate; nothing may ever be sent over it."""
    context, _ = tls_context(None)
    return context


def _look(server: Server) -> Certificate:
    """Read what stands in the certificate, trusted or not.

    The standard library decodes only what it has verified. So the certificate is made its own
    and only authority for one more handshake, in which its dates and names do not matter.
    """
    der, _ = _shake_hands(server, _any_certificate())
    pin = FINGERPRINT + hashlib.sha256(der).hexdigest()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    try:
        context.load_verify_locations(cadata=der)
        _, told = _shake_hands(server, context)
    except (ValtError, OSError):
        return Certificate(pin)  # too odd for that, or a neighbour has shown another one
    return Certificate(
        pin,
        tuple(_line(name) for _, name in told.get("subjectAltName", ())),
        _called(told.get("subject", ())),
        _called(told.get("issuer", ())),
        _moment(told.get("notBefore", "")),
        _moment(told.get("notAfter", "")),
    )


def _line(text: object) -> str:
    return replies.one_line(str(text))[:100]


def _called(name: Any) -> str:
    """Take the common name, or else the organisation, from how ssl writes subject and issuer."""
    parts = {key: _line(value) for part in name for key, value in part}
    return parts.get("commonName") or parts.get("organizationName", "")


def _moment(text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
    return None

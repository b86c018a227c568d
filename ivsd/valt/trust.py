"""Which certificate a VALT server must show, and why another one is not trusted.

One TLS context serves for the life of a connection pool. In it the trust is the system's CA
store, a CA file, or a pin that replaces both.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from ivsd.valt.address import FINGERPRINT
from ivsd.valt.errors import ClockWrong, TlsUntrusted
from ivsd.valt.sockets import TlsSocket

# What OpenSSL's x509_vfy.h calls X509_V_ERR_..., for which ssl has no names.
NOT_YET_VALID = 9
EXPIRED = 10
SELF_SIGNED = 18
NO_ISSUER = (19, 20, 21)
WRONG_NAME = (62, 64)


def tls_context(verify: str | None) -> tuple[ssl.SSLContext, str | None]:
    """Make the context for what HttpTransport's `verify` says, and the pin if it is one.

    The pin is in plain hexadecimal digits, and comparing it is up to the caller: with a pin, as
    with None, the context takes any certificate. Raises OSError or ssl.SSLError when the CA file
    cannot be used.
    """
    pinned = None
    if verify is None or verify.startswith(FINGERPRINT):
        if verify is not None:
            pinned = verify.removeprefix(FINGERPRINT).replace(":", "").lower()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif verify == "system":
        context = ssl.create_default_context()
    else:
        context = ssl.create_default_context(cafile=str(Path(verify)))  # "" is no file, either
    context.sslsocket_class = TlsSocket
    return context, pinned


def why_untrusted(e: ssl.SSLCertVerificationError, host: str) -> TlsUntrusted:
    """Say in one sentence why the certificate of `host` was refused."""
    code = e.verify_code
    if code == NOT_YET_VALID:
        return ClockWrong(f"the certificate of {host} is not valid yet: is this box's clock right?")
    if code == EXPIRED:
        return TlsUntrusted(f"the certificate of {host} has expired")
    if code == SELF_SIGNED:
        return TlsUntrusted(
            f"the certificate of {host} is signed by itself: set verify to its CA file or pin"
        )
    if code in NO_ISSUER:
        return TlsUntrusted(
            f"the certificate of {host} is from an unknown issuer: set verify to its CA file"
        )
    if code in WRONG_NAME:
        return TlsUntrusted(f"the certificate of {host} is made out to another name")
    return TlsUntrusted(f"the certificate of {host} is not trusted ({e.verify_message})")

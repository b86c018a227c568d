"""TLS for the pages: which certificate they show, and how a person can tell that it is theirs."""

from __future__ import annotations

import datetime
import hashlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ivsd.config import ConfigError
from ivsd.config.problems import Problem
from ivsd.config.web import WebConfig
from ivsd.web.tls import self_made as tls_self_made
from ivsd.web.tls.ends import end_of

FILE = "tls.pem"
"""Of the self-made certificate, in the folder of the pages; a factory default drops it."""
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Identity:
    """What a visitor is shown."""

    context: ssl.SSLContext
    fingerprint: str
    ends: datetime.date | None = None
    """The last day of a certificate of the site, if that can be told; its own it makes anew."""


def identity(
    path: Path, config: WebConfig, names: Iterable[str], state: Path, today: datetime.date
) -> Identity | None:
    """Return what web.yaml (at `path`) wants to be shown, None where it wants no TLS.

    Raises ConfigError with what is wrong, and what would be right.
    """
    tls = config.tls
    if tls.kind == "off":
        return None
    if tls.certificate_file is not None and tls.key_file is not None:
        return _of_the_site(path, tls.certificate_file, tls.key_file)
    made = state / FILE
    try:
        tls_self_made.keep(made, names, config.address, today)
        return Identity(_context(made), fingerprint(made.read_text(encoding="ascii")))
    except (tls_self_made.NotMade, OSError) as e:
        raise ConfigError([Problem(str(path), 0, "tls", str(e))]) from None


def fingerprint(pem: str) -> str:
    """Return the SHA-256 of the first certificate in a text, as browsers show it.

    Raises ValueError where there is none.
    """
    inner = pem.partition(BEGIN)[2].partition(END)[0]
    if not inner:
        raise ValueError("no certificate")
    der = ssl.PEM_cert_to_DER_cert(f"{BEGIN}{inner}{END}")
    return hashlib.sha256(der).digest().hex(":").upper()


def _context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """Build the context; raises ssl.SSLError or another OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # of TLS 1.2: work that only a stranger asks for
    context.load_cert_chain(certificate, key, password=lambda: "")
    return context


def _of_the_site(path: Path, certificate: Path, key: Path) -> Identity:
    problems = [
        Problem(str(path), 0, f"tls.{name}", problem)
        for name, problem in (
            ("certificate_file", _wrong_certificate(certificate)),
            ("key_file", _wrong_key(key)),
        )
        if problem
    ]
    if problems:
        raise ConfigError(problems)
    try:
        text = _text(certificate)
        return Identity(_context(certificate, key), fingerprint(text), end_of(text))
    except ssl.SSLError as e:
        if e.reason == "KEY_VALUES_MISMATCH":
            problem = f"the key in {key} is not that of the certificate in {certificate}"
        else:
            problem = f"{certificate} with {key} cannot be used: {e.reason or 'it is damaged'}"
    except (OSError, ValueError) as e:
        problem = f"{certificate} with {key} cannot be used: {e}"
    raise ConfigError([Problem(str(path), 0, "tls", problem)])


def _wrong_certificate(file: Path) -> str:
    try:
        text = _text(file)
    except OSError as e:
        return _unreadable(file, e)
    return "" if BEGIN in text else f"{file} is no certificate in PEM: it has no line {BEGIN!r}"


def _wrong_key(file: Path) -> str:
    try:
        text = _text(file)
    except OSError as e:
        return _unreadable(file, e)
    if "PRIVATE KEY-----" not in text:
        return f"{file} is no private key in PEM: it has no line '-----BEGIN PRIVATE KEY-----'"
    if "ENCRYPTED" in text:
        return (
            f"the key in {file} is locked with a password, which nobody can type here: take it "
            f"off with openssl pkey -in {file} -out NEW"
        )
    return ""


def _text(file: Path) -> str:
    return file.read_text(encoding="latin-1")  # what is no text is found to be no PEM


def _unreadable(file: Path, error: OSError) -> str:
    return (
        f"{file} cannot be read: {error.strerror}. The user ivsd-web must be able to read it; its "
        "service sees no home folders, and of /etc/ivsd only web.yaml and tls/"
    )

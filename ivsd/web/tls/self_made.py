"""A certificate that the box makes for itself, with Debian's `openssl`.

It is made once and kept, with its key, in one file for its owner only. Its first line tells what it
was made for (text before a block of PEM is skipped by all who read it), so that it is made anew
when the box gets another name, or before it ends.

Addresses that a network gives to the box are not in it: each new one would mean another
certificate and another warning in every browser, and one that nobody vouches for is warned of
anyway.
"""

from __future__ import annotations

import datetime
import ipaddress
import logging
import re
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ivsd.appliance import durable

BEGINS = "19700102000000Z"
"""A box without a battery for its clock starts in 1970."""
NOT_BEFORE_THIS = datetime.date(2026, 11, 1)
"""Older than any box with this program: a clock that says less is not set yet."""
LASTS = datetime.timedelta(days=3653)
REMADE_BEFORE = datetime.timedelta(days=30)
WITHIN_S = 60.0
"""For each of two calls that take 10 ms; a box that starts is slow, and may wait for entropy."""

_MADE = re.compile(r"Made by ivsd, until (\d{4}-\d\d-\d\d), for: (.*)\n")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_SETTINGS = """\
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[req]
prompt = no
distinguished_name = name
[name]
commonName = {common_name}
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = {entries}
"""

log = logging.getLogger("ivsd.web")


class NotMade(Exception):
    """There is no certificate, and none can be made; `str()` says why."""


def keep(path: Path, names: Iterable[str], address: str, today: datetime.date) -> None:
    """Have a certificate for these names in the file; raises NotMade.

    `address` is what the pages are served at: it is in the certificate where it is one address.
    """
    entries = entries_of(names, address)
    if _fits(path, entries, today):
        return
    try:
        durable.write(path, make(entries, today).encode(), mode=0o600)
    except (OSError, subprocess.SubprocessError) as e:
        why = _why(e)
        if not _loads(path):
            raise NotMade(f"no certificate can be made: {why}") from None
        log.error("the certificate stays as it was, a new one cannot be made: %s", why)


def entries_of(names: Iterable[str], address: str) -> str:
    """List what the certificate is for, as openssl writes it and always in the same order."""
    found = [f"DNS:{name}" for name in sorted(set(names)) if _NAME.fullmatch(name)]
    ips = [ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", address)]
    named = [ip for ip in ips if not ip.is_unspecified and "%" not in str(ip)]
    return ",".join(found + [f"IP:{ip}" for ip in dict.fromkeys(named)])


def make(entries: str, today: datetime.date) -> str:
    """Make a key (P-256) and a certificate; return both in PEM, below a line that says what for.

    Raises OSError or subprocess.SubprocessError.
    """
    until = max(today, NOT_BEFORE_THIS) + LASTS
    host = socket.gethostname().partition(".")[0]
    common_name = host if _NAME.fullmatch(host) else "ivs-box"
    with tempfile.TemporaryDirectory(prefix="ivsd-tls-") as name:
        folder = Path(name)
        settings = _SETTINGS.format(common_name=common_name, entries=entries)
        (folder / "settings").write_text(settings, encoding="ascii")
        (folder / "index").touch()
        _openssl(
            folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-keyout", "key", "-out", "request",
        )  # fmt: skip
        # Not `req -x509`: before openssl 3.4 it has no say in when a certificate begins.
        _openssl(
            folder, "ca", "-selfsign", "-batch", "-notext", "-keyfile", "key", "-in", "request",
            "-out", "certificate", "-startdate", BEGINS, "-enddate", f"{until:%Y%m%d}000000Z",
        )  # fmt: skip
        made = [(folder / part).read_text(encoding="ascii") for part in ("certificate", "key")]
    return f"Made by ivsd, until {until}, for: {entries}\n{''.join(made)}"


def _openssl(folder: Path, command: str, *args: str) -> None:
    subprocess.run(  # noqa: S603 - no shell, and every word is from this file
        ["openssl", command, "-config", "settings", *args],  # noqa: S607 - of the service's PATH
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=WITHIN_S,
    )


def _why(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, FileNotFoundError) and error.filename == "openssl":
        return "the program openssl is not installed (apt install openssl)"
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return f"openssl says: {said[-1] if said else error.returncode}"
    return getattr(error, "strerror", None) or str(error)


def _fits(path: Path, entries: str, today: datetime.date) -> bool:
    try:
        found = _MADE.match(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return False
    if found is None or found[2] != entries or not _loads(path):
        return False
    try:
        return today < datetime.date.fromisoformat(found[1]) - REMADE_BEFORE
    except ValueError:
        return False


def _loads(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except OSError:  # also what ssl says of a damaged one
        return False
    return True

"""Where a VALT server is and what proves that it is the one: checks with words, no connection.

The configuration and the `ivs` module both take an address and a trust from people. Each check
returns what is wrong with the value, or None.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

FINGERPRINT = "sha256:"

_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(%\w+)?")


def url_problem(url: str) -> str | None:
    """Check a server's address such as https://valt.example.com."""
    if "@" in url:
        return "must not hold a user or password: they have places of their own"
    try:
        parts = urlsplit(url)
        host, port = _HOST.fullmatch(parts.hostname or ""), parts.port  # a wrong port raises
    except ValueError:
        host, port = None, None
    if (
        host is None
        or port == 0
        or not url.isprintable()
        or " " in url
        or parts.scheme not in ("http", "https")
    ):
        return f"{url!r} is no web address: use https://NAME or http://NAME"
    if "?" in url or "#" in url:
        return f"{url!r} must be the plain address of the server, such as https://valt.example.com"
    return None


def fingerprint_problem(pin: str) -> str | None:
    """Check a pinned certificate, which is written `sha256:` and its fingerprint."""
    digits = pin.removeprefix(FINGERPRINT).replace(":", "")
    if re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        return None
    return "a fingerprint is “sha256:” and 64 hexadecimal digits"


def ca_file_problem(path: str) -> str | None:
    """Check that a file holds certificates to trust."""
    try:
        if not Path(path).is_file():
            return f"there is no file {path!r}: use true, a CA file, or sha256:FINGERPRINT"
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        return f"{path!r} is no CA file in PEM form"
    except (OSError, ValueError) as e:
        return f"{path!r} cannot be read: {getattr(e, 'strerror', None) or e}"
    return None

"""What is said to who speaks plain http where https is spoken: people type addresses without it."""

from __future__ import annotations

import re
from http import HTTPStatus

from ivsd.web.hosts import is_ours

LONGEST = 8192  # bytes of a request that are read to answer it

_LOOKS = re.compile(rb"(?:GET|HEAD) (/[!-~]*) HTTP/1\.[01]\r\n")
_HOST = re.compile(rb"\r\nhost:[ \t]*([!-~]+)[ \t]*\r\n", re.IGNORECASE)


def answer(request: bytes, names: frozenset[str]) -> bytes:
    """Send who wants to see a page to its https address; refuse all else with a sentence.

    Not for good: a browser would remember it beyond a factory default, which ends TLS.
    """
    looks, named = _LOOKS.match(request), _HOST.search(request)
    host = named[1].decode("ascii") if named else ""
    if looks is not None and is_ours(host, names):
        path = looks[1].decode("ascii")
        return _reply(HTTPStatus.FOUND, "Go on by https.", f"Location: https://{host}{path}\r\n")
    return _reply(
        HTTPStatus.BAD_REQUEST, "Nothing was done: this box speaks https here, so type https://."
    )


def _reply(status: HTTPStatus, said: str, header: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} {status.phrase}\r\n{header}Cache-Control: no-store\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        f"Content-Length: {len(said) + 1}\r\n\r\n{said}\n"
    ).encode("ascii")

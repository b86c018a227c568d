"""A technician's browser: `python visit.py PAGE [TARGET FIELD=VALUE ...]`.

Reads a page of this box, sends its hidden fields and these values to the target, and prints the
page that this leads to. The session is kept in a file.
"""

from __future__ import annotations

import pickle
import sys
from html.parser import HTMLParser
from pathlib import Path

import requests

SITE, KEPT = "http://127.0.0.1:8080", Path("/run/ivsd-visit")


class Hidden(HTMLParser):
    """What the hidden fields of a page hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("type") == "hidden":
            self.fields[str(found.get("name"))] = found.get("value") or ""


page, *rest = sys.argv[1:]
with requests.Session() as session:
    if KEPT.exists():
        session.cookies.update(pickle.loads(KEPT.read_bytes()))
    reply = session.get(SITE + page, timeout=60)
    if rest:
        target, *values = rest
        fields = Hidden(reply.text).fields
        fields.update(value.partition("=")[::2] for value in values)
        reply = session.post(SITE + target, data=fields, timeout=60)
    KEPT.write_bytes(pickle.dumps(session.cookies))
print(reply.status_code, reply.url.removeprefix(SITE))
print(reply.text)

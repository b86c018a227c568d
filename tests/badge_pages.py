"""A box with a made-up table of badges, and a browser that looks at its pages without a script."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from flask.testing import FlaskClient

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status
from ivsd.web.access.accounts import Accounts
from ivsd.web.app import create_app
from ivsd.web.live import Live
from ivsd.web.site import Site
from tests.web_door import PASSWORD

NOW = time.time()
NUMBERS = ("0004711001", "0004711002", "0004799999", "0004788888")
"""Full numbers: none of them may be in any answer but an export."""
ARCHER: dict[str, Any] = {
    "key": "archer", "number": "…001", "name": "Dr. Archer, second badge", "user": 12,
    "user_name": "Archer", "action": None, "is_simple": True, "seen_at": None,
    "seen_at_reader": None, "problems": [],
}  # fmt: skip
CARETAKER: dict[str, Any] = {
    "key": "caretaker", "number": "…002", "name": "key of the caretaker", "user": None,
    "user_name": None, "action": "lock_toggle", "is_simple": True, "seen_at": NOW - 3 * 86400,
    "seen_at_reader": "door", "problems": [],
}  # fmt: skip
HOPPER = {
    "key": "hopper", "number": "…003", "user": 14, "name": "Grace Hopper",
    "seen_at": NOW - 2 * 86400, "seen_at_reader": "door", "problems": [],
}  # fmt: skip
UNKNOWN = {"key": "unknown-key", "number": "…999", "reader": "door", "ago_s": 125.0}
LONG = [{**ARCHER, "key": f"k{n}", "name": f"Person {n}"} for n in range(100, 127)] + [
    {**ARCHER, "key": f"k{n}", "name": f"Person {n}", "number": "…"} for n in (7, 8, 9)
]
TABLE: dict[str, Any] = {
    "file": "/etc/ivsd/cards.yaml", "revision": "r1", "valt_notation": "decimal, 10 places",
    "readers": [{"name": "door", "notation": "hexadecimal, 8 places"},
                {"name": "desk", "notation": None}],
    "cards": [ARCHER, CARETAKER], "people": [HOPPER], "people_problem": "",
    "users": [{"id": 14, "name": "Grace Hopper"}, {"id": 12, "name": "Archer"}],
    "unknown": None, "actions": ["start", "lock", "lock_toggle", "marker"], "conflicts": [],
    "problems": [],
}  # fmt: skip


class Page(HTMLParser):
    """A page as a browser has it: its text, and the fields of all its forms by button."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.text = html, ""
        self.ids: list[str] = []
        self.points_to: list[str] = []
        self.choices: dict[str, dict[str, str]] = {}
        self.wrong: set[str] = set()
        self.acts: dict[str, tuple[str, dict[str, str], bool]] = {}
        """What a button sends: to where, which fields, whether it can have files."""
        self._form: tuple[str, dict[str, str], bool] | None = None
        self._select = ""
        self._option: str | None = None
        self._is_in_button = False
        self.feed(html)
        self.text = " ".join(self.text.split())

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields of the form that is about a badge."""
        for button in ("Add the badge", "Save", "Take it away"):
            if button in self.acts:
                return self.acts[button][1]
        return {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attributes}
        if "id" in a:
            self.ids.append(a["id"])
        self.points_to += a.get("aria-describedby", "").split() + a.get("for", "").split()
        if a.get("href", "").startswith("#"):
            self.points_to.append(a["href"][1:])
        if "aria-invalid" in a:
            self.wrong.add(a["id"])
        if tag == "form" and a["method"] == "post":
            self._form = (a["action"], {}, a.get("enctype") == "multipart/form-data")
        if self._form is None:
            return
        fields = self._form[1]
        if tag == "input" and a.get("type") == "checkbox":
            if "checked" in a:
                fields[a["name"]] = a["value"]
        elif tag == "input" and a.get("type") != "file":
            assert a.get("type") != "password" or "value" not in a
            fields[a["name"]] = a.get("value", "")
        elif tag == "textarea":
            fields[a["name"]] = ""
        elif tag == "select":
            self._select = a["name"]
            self.choices[self._select] = {}
        elif tag == "option":
            self._option = a["value"]
            if "selected" in a or self._select not in fields:
                fields[self._select] = a["value"]
        elif tag == "button":
            self._is_in_button = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_in_button and self._form is not None:
            self.acts[data] = self._form
            self._is_in_button = False
        if self._option is not None:
            self.choices[self._select][self._option] = data
            self._option = None


class Visitor:
    """Somebody with a browser; `page` is what it shows."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.code = 0
        self.page = Page("")

    def look(self, rest: str = "") -> Page:
        return self._take(self.client.get(f"/badges{rest}"))

    def choose(self, button: str, file: bytes | None = None, **typed: str) -> Page:
        """Type into the fields of a button's form, choose a file perhaps, and choose the button."""
        return self._take(self.send(button, file, **typed))

    def send(self, button: str, file: bytes | None = None, **typed: str) -> Any:
        """Do the same; return the answer as it is."""
        action, fields, is_multipart = self.page.acts[button]
        form: dict[str, Any] = fields | typed
        if is_multipart:
            form["file"] = (BytesIO(file or b""), "cards.csv" if file is not None else "")
        kind = "multipart/form-data" if is_multipart else "application/x-www-form-urlencoded"
        return self.client.post(action, data=form, content_type=kind)

    def _take(self, reply: Any) -> Page:
        while reply.status_code == 303:
            assert not any(number in str(reply.headers) for number in NUMBERS)
            reply = self.client.get(reply.headers["Location"].partition("#")[0])
        assert not any(number in reply.text + str(reply.headers) for number in NUMBERS)
        self.code, page = reply.status_code, Page(reply.text)
        assert len(set(page.ids)) == len(page.ids)
        assert set(page.points_to) <= set(page.ids)
        assert "style=" not in reply.text
        assert "<script" not in reply.text.replace('<script src="/static/', "")
        self.page = page
        return page


class Box:
    """Pages over a daemon that is made up: what it says to each operation, and was asked."""

    SAYS: ClassVar[dict[str, dict[str, Any] | ControlError]] = {
        "cards": TABLE,
        "learn": {"kind": "badge", "name": "door", "number": NUMBERS[2]},
        "enrol": {"revision": "r2"},
        "change-card": {"revision": "r2"},
        "forget-card": {"revision": "r2"},
        "import-cards": {
            "revision": "r1", "added": 2, "changed": 1, "removed": 0, "same": 3, "lines": [],
        },
        "export-cards": {"csv": "number,name\r\n" + ",Ädler\r\n".join((*NUMBERS[:2], ""))},
    }  # fmt: skip

    def __init__(self, folder: Path, *, is_demo: bool = False) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.says = dict(self.SAYS)
        self.now = 1000.0
        self.is_up = True
        """Whether the daemon tells its status."""
        self.accounts = None if is_demo else Accounts(folder, lambda: self.now)
        site = Site(
            ask=self._ask,
            live=Live(self._subscribe),
            names=frozenset({"localhost"}),
            accounts=self.accounts,
            demo=cast(Any, SimpleNamespace(buttons=(), badges=())) if is_demo else None,
        )
        self.app = create_app(site)

    def _subscribe(self) -> Iterator[Status]:
        if self.is_up:
            yield cast(Status, "a status")

    def _ask(self, op: str, **args: Any) -> dict[str, Any]:
        self.asked.append((op, args))
        said = self.says[op]
        if isinstance(said, ControlError):
            raise said
        return said

    def table(self, **new: Any) -> None:
        """Change what the daemon says of the table."""
        said = self.says["cards"]
        assert isinstance(said, dict)
        self.says["cards"] = said | new

    def last(self, op: str) -> dict[str, Any]:
        return [args for asked, args in self.asked if asked == op][-1]

    def technician(self) -> Visitor:
        """Somebody who has logged in."""
        assert self.accounts is not None
        if not self.accounts.has_password:
            self.accounts.set_password(PASSWORD)
        client = self.app.test_client()
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/login").text)
        assert found is not None
        form = {"password": PASSWORD, "csrf": found[1]}
        assert client.post("/login", data=form).status_code == 303
        return Visitor(client)

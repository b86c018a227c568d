"""Boxes and browsers before the door of the pages, for the tests of who gets in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from flask import Flask, get_flashed_messages, render_template_string, request
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2 import ChoiceLoader, DictLoader
from werkzeug.test import TestResponse

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import RoomStatus
from ivsd.web import access
from ivsd.web.access import still_logged_in
from ivsd.web.access.accounts import Accounts

PASSWORD = "correct horse battery"
OTHER = "another password"
BASE = "{% block title %}{% endblock %}{% block head %}{% endblock %}{% block body %}{% endblock %}"


NEW = RoomStatus("", None, "", None, None, False, False, None, None)
"""That of a box fresh from the factory."""
IN_USE = RoomStatus("4", 4, "Interview Room 1", "available", "available", False, False, None, 0.5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Box:
    """What the pages are built from, as far as the door looks at it, and one page behind it."""

    folder: Path
    clock: Clock
    accounts: Accounts | None
    learn: Callable[[], dict[str, Any]] = lambda: {"kind": "badge", "number": "12345678"}
    found: RoomStatus | ControlError = NEW
    """What the daemon says of its room, if it answers."""
    asked: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    watches: list[Callable[[], bool]] = field(default_factory=list)

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        self.asked.append(op)
        return self.learn()

    @property
    def live(self) -> Box:
        return self

    def status(self) -> SimpleNamespace | ControlError:
        if isinstance(self.found, ControlError):
            return self.found
        return SimpleNamespace(room=self.found)

    def app(self) -> Flask:
        app = Flask("ivsd.web")
        app.jinja_loader = ChoiceLoader([DictLoader({"base.html": BASE}), app.jinja_loader])  # type: ignore[list-item]
        app.testing = True
        access.install(app, cast(Any, self))

        @app.get("/")
        def page() -> str:
            return render_template_string("{{ logged_in }} {{ csrf_field() }}")

        @app.post("/")
        def act() -> str:
            self.done.append(request.form.get("what", ""))
            return "done"

        @app.get("/system")
        def system() -> str:
            return " ".join(str(said) for said in get_flashed_messages())

        @app.get("/health")
        def health() -> str:
            return "all right"

        @app.get("/events")
        def events() -> str:
            self.watches.append(still_logged_in())
            return ""

        @app.post("/export")
        def export() -> str:
            if access.confirm_password(request.form.get("password", "")):
                return f"secrets {access.password_problem()}"
            return access.password_problem()

        return app


class Person:
    """A browser, and what somebody does with it."""

    def __init__(self, app: Flask, address: str = "10.0.0.1", base_url: str = "http://box") -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address
        self.base_url = base_url

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(
            path,
            base_url=self.base_url,
            environ_base={"REMOTE_ADDR": self.address},
            **more,
        )

    def post(self, path: str, fields: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Send a form with the token that this session has, unless there is one in it."""
        return self.client.post(
            path,
            data={"csrf": self.token(), **(fields or {})},
            base_url=self.base_url,
            environ_base={"REMOTE_ADDR": self.address},
            **more,
        )

    def token(self) -> str:
        found = str(self.held().get("csrf", ""))
        if not found:
            for path in ("/", "/login", "/first"):
                if match := re.search('name="csrf" value="([^"]+)"', self.get(path).text):
                    return match[1]
        return found

    @property
    def cookie(self) -> str:
        found = self.client.get_cookie("ivsd", domain="box")
        return found.value if found else ""

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.client.set_cookie("ivsd", value, domain="box")

    def held(self) -> dict[str, Any]:
        """Look into the cookie, as everybody can."""
        _, found = URLSafeTimedSerializer("").loads_unsafe(self.cookie)
        return cast(dict[str, Any], found or {})

    def log_in(self, password: str = PASSWORD, **fields: str) -> TestResponse:
        return self.post("/login", {"password": password, **fields})

    def is_in(self) -> bool:
        return self.get("/").status_code == 200

    def prove(self) -> TestResponse:
        return self.post("/first/press")

    def set_first(self, new: str = PASSWORD, again: str | None = None) -> TestResponse:
        return self.post("/first", {"new": new, "again": new if again is None else again})


def where(reply: TestResponse) -> tuple[int, str]:
    return reply.status_code, reply.headers.get("Location", "")

"""The HTTP face of the world without a socket: a request in, a reply out."""

from __future__ import annotations

import json
import secrets
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from . import endpoints, grouping, marking, rights
from .journal import Exchange
from .people import ADMIN
from .reply import Call, Malformed, Reply, Route
from .state import Json, MissingRight, NotFound, Refused
from .world import World

BASE = "/api/v3/"
_ROUTES = endpoints.ROUTES + marking.ROUTES + grouping.ROUTES + rights.ROUTES


class Api:
    """Who may come in, and which endpoint answers. Any thread may call it."""

    def __init__(self, world: World, username: str, password: str) -> None:
        self.world, self.username, self._password = world, username, password
        self._user = world.people.account(username).id
        self._tokens: dict[str, float] = {}  # token -> monotonic time of the log-in
        self._lock = Lock()

    def handle(self, method: str, target: str, body: bytes = b"") -> Reply:
        """Answer a request and enter it into the journal; `target` is the path and query."""
        exchange = self.world.note(method, target)
        reply = self.carry_out(exchange, method, target, body)
        exchange.status = reply.status
        return reply

    def carry_out(self, exchange: Exchange, method: str, target: str, body: bytes) -> Reply:
        """Answer a request and enter what it changed."""
        self.world.news.heard()  # what this thread did by hand before is no part of it
        reply = self.answer(method, target, body)
        exchange.change = self.world.news.heard()
        return reply

    def answer(self, method: str, target: str, body: bytes = b"") -> Reply:
        """Answer a request. Whoever holds no valid token learns nothing, not even a 404."""
        path, query_text = _split(target)
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        try:
            if (method, path) == ("POST", "login"):
                return self._login(_json_object(body))
            if refusal := self._gate(query.get("access_token", "")):
                return refusal
            if found := self._route(method, path):
                return self._call(*found, query, body)
            return Reply.error(404)
        except NotFound as reason:
            return Reply.error(404, str(reason))
        except MissingRight as reason:
            return Reply.error(self.world.quirks.missing_right_status, str(reason))
        except Malformed:
            return Reply.error(500)

    def says_no(self, method: str, target: str, reason: str) -> Reply:
        """The endpoint's own refusal with HTTP 200; nothing is carried out, nobody is let in."""
        path, _ = _split(target)
        if (method, path) == ("POST", "login"):
            return Reply.of(200, {"data": reason})
        found = self._route(method, path)
        route = found[0] if found else Route(method, path, lambda _world, _call: None)
        return route.says_no(reason)

    def _route(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        for route in _ROUTES:
            ids = route.match(method, path)
            if ids is not None and route.exists(self.world):
                return route, ids
        return None

    def forget_tokens(self) -> None:
        """Make all tokens unknown, as a restart of the server may."""
        with self._lock:
            self._tokens.clear()

    def _login(self, body: Json) -> Reply:
        """valt-api 2.1. A new token leaves the older ones of the same user valid."""
        if (body.get("username"), body.get("password")) != (self.username, self._password):
            return Reply.of(401, {"data": "Invalid username or password"})  # shape H
        token = secrets.token_hex(16)
        with self._lock:
            self._tokens[token] = self.world.clock()
        return Reply.of(200, {"data": {"access_token": token}})

    def _gate(self, token: str) -> Reply | None:
        """The refusal for a token that is missing, unknown or expired (valt-api 2.3)."""
        quirks = self.world.quirks
        with self._lock:
            born = self._tokens.get(token)
        if born is not None:
            age_s = self.world.clock() - born
            if quirks.token_lifetime_s is None or age_s < quirks.token_lifetime_s:
                return None
        if not token or quirks.unauthorized_body == "no_key":
            return Reply.error(401, "No API key provided")
        return Reply(401, b"") if quirks.unauthorized_body == "empty" else Reply.error(401)

    def _call(
        self, route: Route, ids: tuple[str, ...], query: dict[str, str], body: bytes
    ) -> Reply:
        quirks = self.world.quirks
        if route.path.startswith("admin/"):
            self.world.people.need(self._user, ADMIN)
        if route.path == "admin/general" and quirks.version_as == "forbidden":
            raise MissingRight("The version is not told")
        fields: Json = {}
        if route.method == "POST" and (body or not quirks.empty_post_accepted):
            fields = _json_object(body)
        try:
            document: Any = route.answer(self.world, Call(self._user, ids, query, fields))
        except Refused as reason:
            return route.refusal(self.world, str(reason))
        return document if isinstance(document, Reply) else Reply.of(200, document)


def _split(target: str) -> tuple[str, str]:
    """The path below the base, or nothing, and the query."""
    path, _, query = target.partition("?")
    return path.removeprefix(BASE) if path.startswith(BASE) else "", query


def _json_object(body: bytes) -> Json:
    """Raises Malformed."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(document, dict):
        raise Malformed
    return document

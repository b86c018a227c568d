"""Requests, replies and the envelopes of valt-api 3; shapes are named by its letters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from .state import Json, NotFound, Refused
from .world import World

T = TypeVar("T")


class Malformed(Exception):
    """A body that is no JSON object (shape E)."""


@dataclass(frozen=True)
class Reply:
    """What goes back over the wire."""

    status: int
    payload: bytes
    content_type: str = "application/json"

    @classmethod
    def of(cls, status: int, document: Any) -> Reply:
        """The document as JSON without line breaks (valt-api 1)."""
        return cls(status, json.dumps(document, separators=(",", ":")).encode())

    @classmethod
    def error(cls, status: int, message: str = "") -> Reply:
        """Shapes D and E."""
        message = message or phrase(status)
        return cls.of(status, {"error": {"code": status, "message": message}})


def phrase(status: int) -> str:
    """The name of an HTTP status; a fault may have one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


@dataclass(frozen=True)
class Call:
    """A request that has passed the gate."""

    user: int
    ids: tuple[str, ...]  # the placeholders of the path
    query: dict[str, str]
    body: Json

    @property
    def id(self) -> int:
        """The first placeholder as a number. Raises NotFound."""
        if not re.fullmatch(r"[0-9]{1,18}", self.ids[0]):
            raise NotFound("There is no such id")
        return int(self.ids[0])

    def optional(self, name: str, kind: type[T]) -> T | None:
        """A value of the body. Raises Refused if it is of another type: true is no number."""
        value = self.body.get(name)
        if value is not None and type(value) is not kind:
            raise Refused(f"{name} must be of type {kind.__name__}")
        return value

    def required(self, name: str, kind: type[T]) -> T:
        """The same for a value that must be there, and not empty."""
        value = self.optional(name, kind)
        if value is None or value == "":
            raise Refused(f"{name} is missing")
        return value


# ---- refusals: the reason in the envelope that the endpoint uses for it ---------------------


def _coded(world: World, code: int, data: Json) -> Reply:
    status = code if world.quirks.http_status_is_body_code else 200
    return Reply.of(status, {"data": data, "code": code})


def not_started(world: World, reason: str) -> Reply:
    """The failure of a start (5.3), where `start` stands for `status`."""
    data = {"message": reason, "start": False}
    if world.quirks.start_refusal == "200":
        return Reply.of(200, {"data": data})
    return _coded(world, 400, data)


def not_done(world: World, reason: str) -> Reply:
    """Shape F."""
    return _coded(world, 404, {"message": reason, "status": False})


def bad_request(world: World, reason: str) -> Reply:
    """Shape G."""
    return _coded(world, 400, {"message": reason})


def not_marked(world: World, reason: str) -> Reply:
    """Shape E, which tells nothing, or shape G."""
    if world.quirks.marker_refusal_status == 500:
        return Reply.error(500)
    return bad_request(world, reason)


@dataclass(frozen=True)
class Route:
    """One endpoint; `{}` in its path stands for an id."""

    method: str
    path: str
    answer: Callable[[World, Call], Any]  # the success's whole document, or a reply
    refusal: Callable[[World, str], Reply] = bad_request
    exists: Callable[[World], bool] = lambda world: True  # in this world's VALT release
    verdict: str = ""  # the key of `data` that says whether it was done, if there is one

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The ids in the path, or None if this is not the endpoint."""
        found = re.fullmatch(self.path.replace("{}", "([^/]+)"), path)
        return found.groups() if found and method == self.method else None

    def says_no(self, reason: str) -> Reply:
        """Its refusal in an HTTP 200: the verdict is false, or the body's code is not 200 (3)."""
        if self.verdict:
            return Reply.of(200, {"data": {"message": reason, self.verdict: False}})
        return Reply.of(200, {"data": {"message": reason}, "code": 400})

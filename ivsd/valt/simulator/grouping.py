"""User groups: what a request for one may say (valt-api 8), and the calls (valt-api 5.14).

Every value must be of the documented type; null is none of them, for an optional key is left out.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from . import shapes
from .groups import NameTaken
from .reply import Call, Reply, Route, bad_request
from .spec import retention_problem
from .state import Json, Refused
from .world import World


def groups(world: World, _call: Call) -> Json:
    return {"data": {"userGroups": [shapes.group(world, item) for item in world.groups.all()]}}


def group(world: World, call: Call) -> Json:
    return {"data": shapes.group_details(world, world.groups.get(call.id))}


def add(world: World, call: Call) -> Json | Reply:
    fields = _fields(world, call.body)
    if "name" not in fields:
        raise Refused("name is missing")
    missing = [key for key in ("information", "marker") if key not in fields]
    if missing:
        name = "information" if missing[0] == "information" else shapes.group_marker_key(world)
        raise Refused(f"template.{name} is missing")
    accepted = world.quirks.duplicate_group_name == "accepted"
    try:
        new = world.groups.add(fields, name_may_be_taken=accepted)
    except NameTaken:
        return _taken(world)
    world.news.tell(f"group {new.id}: made")
    return {"data": {"id": new.id}}


def edit(world: World, call: Call) -> Json | Reply:
    """The same fields, all optional."""
    world.groups.get(call.id)  # an unknown group is 404 whatever the body says
    accepted = world.quirks.duplicate_group_name == "accepted"
    try:
        world.groups.change(call.id, _fields(world, call.body), name_may_be_taken=accepted)
    except NameTaken:
        return _taken(world)
    world.news.tell(f"group {call.id}: changed")
    return {"data": {"id": call.id}}


def delete(world: World, call: Call) -> Json:
    """Its reply is not documented; that a group with members stays is a guess."""
    world.groups.get(call.id)
    if world.people.members(call.id):
        raise Refused("There are users in this group")
    world.groups.remove(call.id)
    world.news.tell(f"group {call.id}: deleted")
    return {"data": {"id": call.id}}


def _taken(world: World) -> Reply:
    if world.quirks.duplicate_group_name == "500":
        return Reply.error(500)
    return bad_request(world, "A group of this name exists")


# ---- what the body says -------------------------------------------------------------------------


def _fields(world: World, body: Json) -> Json:
    """The body as fields of a GroupSpec, as far as it goes. Raises Refused."""
    fields: Json = {}
    if "name" in body:
        fields["name"] = name = body["name"]
        if not isinstance(name, str) or not name:
            raise Refused("name must be a string, and not empty")
    if "template" in body:
        fields |= _templates(world, _object("template", body["template"]))
    if "rights" in body:
        fields["rights"] = rights = body["rights"]
        if not isinstance(rights, list) or not all(isinstance(right, str) for right in rights):
            raise Refused("rights must be an array of strings")
    if "max_record_duration" in body:
        fields["max_record_duration"] = minutes = body["max_record_duration"]
        if type(minutes) is not int or minutes < 0:
            raise Refused("max_record_duration must be an integer, in minutes")
    if "rooms" in body:
        fields["rooms"] = _known("rooms", body["rooms"], "room", world.rooms)
    if "video_access" in body:
        access = _object("video_access", body["video_access"])
        all_users = {item.id for item in world.people.all()}
        all_groups = {item.id for item in world.groups.all()}
        for key, what, known, name in (
            ("users", "user", all_users, "video_access_users"),
            ("user_groups", "group", all_groups, "video_access_groups"),
        ):
            if key in access:
                fields[name] = _known(f"video_access.{key}", access[key], what, known)
    if "retention" in body:
        fields |= _retention(_object("retention", body["retention"]))
    return fields


def _object(key: str, value: Any) -> Json:
    if not isinstance(value, dict):
        raise Refused(f"{key} must be an object")
    return value


def _known(key: str, value: Any, what: str, known: Container[int]) -> list[int]:
    if not isinstance(value, list) or not all(type(id_) is int for id_ in value):
        raise Refused(f"{key} must be an array of integers")
    for id_ in value:
        if id_ not in known:
            raise Refused(f"{key}: there is no {what} {id_}")
    return value


def _templates(world: World, given: Json) -> Json:
    """Whichever key the release wants for the marker template, it is one field here."""
    wanted = shapes.group_marker_key(world)
    taken = ["information", wanted]
    if wanted == "comment" and "comment" not in given and world.quirks.group_marker_still_taken:
        taken[1] = "marker"
    fields = {}
    for key, name in zip(taken, ("information", "marker"), strict=True):
        if key in given:
            fields[name] = _template_id(world, f"template.{key}", given[key])
    return fields


def _template_id(world: World, key: str, value: Any) -> int:
    how = world.quirks.group_template_ids
    if how != "integer" and isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
        return int(value)
    if how != "text" and type(value) is int and value >= 0:
        return value
    words = {"text": "a text of digits", "integer": "an integer", "either": "digits or an integer"}
    raise Refused(f"{key} must be {words[how]}")


def _retention(given: Json) -> Json:
    for key in ("until", "for"):
        if key in given and given[key] is None:
            raise Refused(f"retention.{key} must not be null")
    kind, until, amount = given.get("type"), given.get("until"), given.get("for")
    if problem := retention_problem(kind, until, amount):
        raise Refused(problem)
    return {"retention_type": kind, "retention_until": until, "retention_for": amount}


ROUTES = [
    Route("GET", "admin/user_groups", groups),
    Route("GET", "admin/user_groups/{}", group),
    Route("POST", "admin/user_groups", add),
    Route("POST", "admin/user_groups/{}/edit", edit),
    Route("POST", "admin/user_groups/{}/delete", delete),
]

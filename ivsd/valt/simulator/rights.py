"""The rights that the server knows (valt-api 5.15). The real list is longer than what is public."""

from __future__ import annotations

from .reply import Call, Route
from .state import Json, NotFound
from .world import World

_PARTS = {
    "general": "home alert edit-profile password-complexity change-password notifications",
    "upload": "sharing retention author",
    "monitoring": "search multi-select talkback ptz ptz--ptz-control ptz--can-ptz-all-authors "
    "ptz--edit-presets ptz--use-presets lock-rooms unlock-all-users views recording "
    "recording--start-recording recording--stop-all-authors recording--stop-confirmation "
    "recording--sharing recording--retention recording--reassign-author "
    "recording--prepare-recording recording--pause-recording recording--pause-all-authors "
    "recording--resume-all-authors recording--evaluation view--recording",
}
_ELSEWHERE = {"monitoring": ["review--edit-sharing", "review--generate-link"]}  # listed there, too


def rights(_world: World, _call: Call) -> Json:
    return {"data": [_category(name) for name in _PARTS]}


def category(_world: World, call: Call) -> Json:
    name = call.ids[0]
    if name not in _PARTS:
        raise NotFound("There is no such category of rights")
    return {"data": _category(name)}


def _category(name: str) -> Json:
    parts = [f"{name}--{part}" for part in _PARTS[name].split()]
    return {"name": name, "sub_rights": parts + _ELSEWHERE.get(name, [])}


ROUTES = [Route("GET", "rights", rights), Route("GET", "rights/{}", category)]

"""The user groups of the server (valt-api 5.14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

from .spec import GroupSpec
from .state import NotFound


class NameTaken(Exception):
    """Another group has that name."""


class Groups:
    """The groups by id; what a caller gets never changes. Any thread may call it."""

    def __init__(self, groups: list[GroupSpec]) -> None:
        self._groups = {group.id: group for group in groups}
        self._next = max(self._groups, default=0) + 1
        self._lock = Lock()

    def all(self) -> list[GroupSpec]:
        with self._lock:
            return list(self._groups.values())

    def get(self, group: int) -> GroupSpec:
        """Raises NotFound."""
        with self._lock:
            return self._known(group)

    def named(self, name: str) -> GroupSpec:
        """The group of that name; made if there is none."""
        with self._lock:
            found = self._called(name)
            return found[0] if found else self._made({"name": name})

    def add(self, fields: Mapping[str, Any], *, name_may_be_taken: bool) -> GroupSpec:
        """Make a group of the fields of a GroupSpec. Raises NameTaken."""
        with self._lock:
            if not name_may_be_taken and self._called(fields["name"]):
                raise NameTaken
            return self._made(fields)

    def change(self, group: int, fields: Mapping[str, Any], *, name_may_be_taken: bool) -> None:
        """Change some fields. Raises NotFound, NameTaken."""
        with self._lock:
            found = self._known(group)
            others = [other for other in self._called(fields.get("name")) if other.id != group]
            if others and not name_may_be_taken:
                raise NameTaken
            self._groups[group] = replace(found, **fields)

    def remove(self, group: int) -> None:
        """Remove the group, also from what other groups may see. Raises NotFound."""
        with self._lock:
            self._known(group)
            del self._groups[group]
            for other in list(self._groups.values()):
                seen = [id_ for id_ in other.video_access_groups if id_ != group]
                self._groups[other.id] = replace(other, video_access_groups=seen)

    def _known(self, group: int) -> GroupSpec:
        if group not in self._groups:
            raise NotFound(f"There is no group {group}")
        return self._groups[group]

    def _called(self, name: str | None) -> list[GroupSpec]:
        return [group for group in self._groups.values() if group.name == name]

    def _made(self, fields: Mapping[str, Any]) -> GroupSpec:
        new = GroupSpec(id=self._next, **fields)
        self._groups[new.id] = new
        self._next += 1
        return new

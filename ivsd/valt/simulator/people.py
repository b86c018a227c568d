"""The users of the server, what they may do and which group they are in."""

from __future__ import annotations

from threading import Lock

from .groups import Groups
from .spec import GroupSpec, UserSpec
from .state import MissingRight, NotFound

# valt-api 5.15; which right guards which call follows from the names.
_RECORDING = "monitoring--recording--"
START, PAUSE = _RECORDING + "start-recording", _RECORDING + "pause-recording"
STOP_ALL, PAUSE_ALL = _RECORDING + "stop-all-authors", _RECORDING + "pause-all-authors"
RESUME_ALL, SET_AUTHOR = _RECORDING + "resume-all-authors", _RECORDING + "reassign-author"
LOCK, UNLOCK_ALL = "monitoring--lock-rooms", "monitoring--unlock-all-users"
ADMIN = "admin"  # its real name is not public


class People:
    """The users by id. The first one of the spec is `somebody` who acts at the VALT web page."""

    def __init__(self, users: list[UserSpec], groups: Groups) -> None:
        self._users = {user.id: user for user in users}
        self._groups = groups
        self._group_of = {user.id: groups.named(user.group).id for user in users}
        self._lock = Lock()
        self.somebody = users[0].id

    def all(self) -> list[UserSpec]:
        return list(self._users.values())

    def __contains__(self, user: int) -> bool:
        return user in self._users

    def user(self, user: int) -> UserSpec:
        """Raises NotFound."""
        if user not in self:
            raise NotFound(f"There is no user {user}")
        return self._users[user]

    def account(self, name: str) -> UserSpec:
        """The user with that log-in name; made, with all rights, if there is none."""
        with self._lock:
            for user in self.all():
                if user.name == name:
                    return user
            new = UserSpec(max(self._users) + 1, name, group="Administrators")
            self._group_of[new.id] = self._groups.named(new.group).id
            self._users[new.id] = new
            return new

    def group(self, user: int) -> GroupSpec:
        """The group that the user is in, whatever it is called by now."""
        return self._groups.get(self._group_of[user])

    def members(self, group: int) -> list[UserSpec]:
        return [user for user in self.all() if self._group_of[user.id] == group]

    def need(self, by: int | None, right: str) -> None:
        """Raises MissingRight if the user lacks the right; None, somebody by hand, has them all."""
        if by is not None and right in self.user(by).lacks:
            raise MissingRight(f"The right {right} is missing")

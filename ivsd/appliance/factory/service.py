"""Root's end of the socket: who connects and is root or ivsd has the factory state restored.

Connecting is asking: nothing is read from the connection. The answer is one line of JSON,
`{"ok": true}` once the restore is committed, or `{"ok": false, "error": "a sentence"}` when
nothing was changed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pwd
import socket
import struct
import threading
from collections.abc import Collection

from ivsd.appliance.factory import restore, work_folder
from ivsd.appliance.factory.machine import Machine
from ivsd.appliance.factory.mark import Mark
from ivsd.appliance.factory.places import Places
from ivsd.appliance.factory.work_folder import Refused

log = logging.getLogger("ivsd")

USER = "ivsd"
IDLE_S = 5.0
"""After a refusal this waits for another to ask: systemd shuts a socket that starts its service
too often."""
_ANSWER_S = 1.0
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


class Service:
    """Answers at the socket until one restore is done, or nobody asks any more."""

    def __init__(
        self, places: Places, machine: Machine, listener: socket.socket, allowed: Collection[int]
    ) -> None:
        self._places = places
        self._machine = machine
        self._listener = listener
        self._allowed = allowed

    def run(self) -> None:
        """Serve; where a restore was cut off by the death of this program, finish it first."""
        try:
            with work_folder.alone(self._places):
                if work_folder.is_committed(self._places):
                    self._machine.stop_services()
                    restore.resume(self._places, self._machine)
                    return
                decided = self._until_committed()
                if decided is not None:
                    threading.Thread(target=self._tell_the_others, daemon=True).start()
                    self._restore(decided)
        except Refused as e:
            self._refuse_all(str(e))

    def _until_committed(self) -> Mark | None:
        while (connection := self._next()) is not None:
            with connection:
                decided = self._hear(connection)
            if decided is not None:
                return decided
        return None

    def _next(self) -> socket.socket | None:
        self._listener.settimeout(IDLE_S)
        with contextlib.suppress(OSError):
            return self._listener.accept()[0]
        return None

    def _hear(self, connection: socket.socket) -> Mark | None:
        uid = _peer(connection)
        if not self._may_ask(connection, uid):
            return None
        try:
            decided = restore.prepare(self._places, self._machine, f"user {_name(uid)}")
        except Refused as e:
            log.error("the factory default is refused: %s", e)
            _answer(connection, str(e))
            return None
        except Exception:
            log.exception("the factory default failed before anything was changed")
            _answer(connection, "the restore could not be prepared: see the journal")
            return None
        log.warning("the factory state is restored: asked by user %s", _name(uid))
        _answer(connection)
        return decided

    def _may_ask(self, connection: socket.socket, uid: int) -> bool:
        if uid in self._allowed:
            return True
        log.warning("user %s may not ask for the factory default", _name(uid))
        _answer(connection, "only root and ivsd may ask for the factory default")
        return False

    def _restore(self, decided: Mark) -> None:
        self._machine.stop_services()
        try:
            restore.finish(self._places, self._machine, decided)
        except Exception:
            log.exception("the factory default is not finished: it is tried again after a reboot")
        self._machine.reboot()

    def _tell_the_others(self) -> None:
        """Answer those who ask while it is being done: they get what they want."""
        self._listener.settimeout(None)
        with contextlib.suppress(OSError):
            while True:
                with self._listener.accept()[0] as connection:
                    if self._may_ask(connection, _peer(connection)):
                        _answer(connection)

    def _refuse_all(self, why: str) -> None:
        log.error("the factory default is refused: %s", why)
        while (connection := self._next()) is not None:
            with connection:
                if self._may_ask(connection, _peer(connection)):
                    _answer(connection, why)


def allowed_users() -> set[int]:
    """Return who may ask: root, and the daemon's user where there is one."""
    with contextlib.suppress(KeyError):
        return {0, pwd.getpwnam(USER).pw_uid}
    return {0}


def _peer(connection: socket.socket) -> int:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(data)[1]
    return uid


def _name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    return str(uid)


def _answer(connection: socket.socket, error: str | None = None) -> None:
    reply = {"ok": True} if error is None else {"ok": False, "error": error[:2000]}
    with contextlib.suppress(OSError):  # who asked may be gone, and what was asked stands
        connection.settimeout(_ANSWER_S)
        connection.sendall(json.dumps(reply).encode() + b"\n")

"""Root's end of the socket: who connects and is root or ivsd has the factory state restored.

Connecting is asking: nothing is read from the connection. The answer is one line of JSON,
`{"ok": true}` once the restore is committed, or `{"ok": false, "error": "a sentence"}` when
nothing was changed. Who has left before it was heard has not asked: the order may be minutes old,
from when this program could not listen, and the room may be recording by now.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pwd
import select
import socket
import struct
import threading
from collections.abc import Collection

from ivsd.appliance import journal
from ivsd.appliance.factory import restore, work_folder
from ivsd.appliance.factory.machine import Machine
from ivsd.appliance.factory.mark import Mark
from ivsd.appliance.factory.places import Places
from ivsd.appliance.factory.resume import Resumed, resume
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
                    self._take_up()
                    return
                decided = self._until_committed()
                if decided is not None:
                    threading.Thread(target=self._tell_the_others, daemon=True).start()
                    self._restore(decided)
        except Refused as e:
            _tell_refusal(str(e))
            self._answer_all(str(e))

    def _take_up(self) -> None:
        """Finish what was cut off. Who has asked meanwhile is told how it went, and no more.

        Not answered, their connections would start this program again and again.
        """
        self._machine.stop_services()
        try:
            resumed = resume(self._places, self._machine)
        except Exception:
            log.exception("the interrupted factory default failed")
            resumed = Resumed(False, "the interrupted restore failed: see the journal")
        if not resumed.reboots:
            self._machine.start_services()
        self._answer_all(resumed.error)

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
        if _has_hung_up(connection):
            _tell_refusal(f"user {_name(uid)}, who asked, has left since: nothing is done")
            return None
        if not self._may_ask(connection, uid):
            return None
        try:
            decided = restore.prepare(self._places, self._machine, f"user {_name(uid)}")
        except Refused as e:
            _tell_refusal(str(e))
            _answer(connection, str(e))
            return None
        except Exception:
            log.exception("the restore could not be prepared")
            _tell_refusal("it failed before anything was changed: see the lines before this one")
            _answer(connection, "the restore could not be prepared: see the journal")
            return None
        journal.write_factory_default(f"the factory state is restored: asked by user {_name(uid)}")
        _answer(connection)
        return decided

    def _may_ask(self, connection: socket.socket, uid: int) -> bool:
        if uid in self._allowed:
            return True
        _tell_refusal(f"user {_name(uid)} may not ask for it")
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

    def _answer_all(self, error: str | None) -> None:
        while (connection := self._next()) is not None:
            with connection:
                if self._may_ask(connection, _peer(connection)):
                    _answer(connection, error)


def allowed_users() -> set[int]:
    """Return who may ask: root, and the daemon's user where there is one."""
    with contextlib.suppress(KeyError):
        return {0, pwd.getpwnam(USER).pw_uid}
    return {0}


def _peer(connection: socket.socket) -> int:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(data)[1]
    return uid


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end is closed. One that only sends no more (RDHUP alone) still listens."""
    poll = select.poll()
    poll.register(connection, 0)  # POLLHUP is always told
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def _tell_refusal(why: str) -> None:
    journal.write_problem("factory_default_refused", f"the factory default is refused: {why}")


def _name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    return str(uid)


def _answer(connection: socket.socket, error: str | None = None) -> None:
    reply = {"ok": True} if error is None else {"ok": False, "error": error[:2000]}
    with contextlib.suppress(OSError):  # who asked may be gone, and what was asked stands
        connection.settimeout(_ANSWER_S)
        connection.sendall(json.dumps(reply).encode() + b"\n")

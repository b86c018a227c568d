"""The control socket: where other programs of this box ask the daemon and tell it things.

A Unix stream socket; `ivsd.appliance.operations` has the protocol.

The status comes from the daemon's loop, so an answer proves that it turns. One thread serves all
callers and sleeps while there is nothing to do.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pwd
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ivsd.appliance.callers import STATUS_OPS, Caller, Request, answer, refusal
from ivsd.appliance.listening import listen
from ivsd.appliance.operations import OPERATIONS, Refused, Reply
from ivsd.appliance.status import Status, to_json
from ivsd.events import Event, FactoryDefaultAsked, LearnGivenUp

MOST_CALLERS = 32
FOR_ROOT = 2  # places of these: who sees to a box that is asked too much can ask it, too
ASK_EVERY_S = 0.05  # at most: callers in a hurry must not keep the loop from its work
ACCEPT_AGAIN_S = 1.0
WEB_USER = "ivsd-web"

log = logging.getLogger("ivsd")


@dataclass(frozen=True)
class Desk:
    """What the daemon does for callers. None of these may block."""

    ask_status: Callable[[Callable[[Status], None]], None]
    """Have the loop make a status and hand it over, on the loop's thread."""
    post: Callable[[Event], None]
    do: Callable[[str, Mapping[str, Any], Reply], None]
    """Carries out an operation."""
    learn: Callable[[int, Reply], None]
    """The number is the caller's, to tell that it has given up (LearnGivenUp)."""
    find: Callable[[int, Reply], None]
    """As `learn`, also at what ivsd.yaml does not name."""
    hidden: Callable[[], list[str]]
    """Texts that must not be told: password and token."""


class Control(threading.Thread):
    """Serves the socket at `path`; without a socket it says so in the journal and ends."""

    def __init__(self, path: Path, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="control", daemon=True)
        self._path = path
        self._desk = desk
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._news = False
        self._told: deque[Status] = deque(maxlen=1)
        self._subscribers = 0
        self._callers: list[Caller] = []
        self._listener: socket.socket | None = None
        self._accept_at: float | None = None
        self._answers: deque[tuple[Caller, Request, bytes]] = deque()
        self._learning: dict[Caller, int] = {}
        self._tokens = itertools.count(1)
        self._asked: set[Caller] = set()
        """Who waits for the status that the loop is making."""
        self._is_asked = False
        self._asked_at = float("-inf")
        self._users: dict[int, str] = {}
        self.busy_since: float | None = None
        """Since when it sees to callers; for the watchdog."""

    # -- for the daemon's thread --------------------------------------------------------------

    def changed(self) -> None:
        """Tell the subscribers, if there are any, that something has changed."""
        if self._subscribers:
            self._news = True
            self._wake()

    def stop(self, timeout_s: float) -> None:
        """Take the socket away and end."""
        self._stopping = True
        self._wake()
        if self.is_alive():
            self.join(timeout_s)

    def _hand_over(self, status: Status) -> None:
        self._told.append(status)
        self._wake()

    def _answer(self, caller: Caller, request: Request, said: dict[str, Any] | Refused) -> None:
        if isinstance(said, Refused):
            line = refusal(request.id, said.code, said.text)
        else:
            line = answer(request.id, said)
        self._answers.append((caller, request, line))
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it has ended already
            os.eventfd_write(self._wake_fd, 1)

    # -- the thread ---------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until stopped."""
        self._users = _who_may_act()
        try:
            self._listener = listen(self._path, MOST_CALLERS)
        except OSError as e:
            why = e.strerror or str(e)
            log.warning("no control socket at %s, so no ivsd status: %s", self._path, why)
            return
        ours = os.stat(self._path)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self._stopping:
            self._turn()
        with contextlib.suppress(OSError):
            if os.path.samestat(ours, os.stat(self._path)):
                self._path.unlink()
        for caller in self._callers:
            caller.sock.close()
        self._listener.close()
        self._selector.close()

    def _turn(self) -> None:
        """Wait for something to happen and see to it."""
        self.busy_since = None
        ready = self._selector.select(self._timeout_s())
        self.busy_since = self._clock()
        for key, _ in ready:
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.data, Caller):
                key.data.receive()
            else:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake_fd)
        now = self._clock()
        if self._told:
            self._tell(self._told.pop())
        while self._answers:
            caller, request, line = self._answers.popleft()
            if caller.take_answer(request, line):
                self._learning.pop(caller, None)
        if self._news:
            self._news = False
            for caller in self._callers:
                caller.is_behind = caller.subscribes
        for caller in list(self._callers):
            self._serve(caller, now)
        self._ask(now)
        self._accept_again(now)

    def _timeout_s(self) -> float | None:
        """Return how long to sleep: for ever, while nobody waits."""
        moments = [caller.due for caller in self._callers if caller.due is not None]
        if self._wanted() and not self._is_asked:
            moments.append(self._asked_at + ASK_EVERY_S)
        if self._accept_at is not None:
            moments.append(self._accept_at)
        return max(0.0, min(moments) - self._clock()) if moments else None

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as e:  # the machine has no files or no memory left
            log.warning("the control socket takes nobody now: %s", e.strerror)
            self._selector.unregister(self._listener)
            self._accept_at = self._clock() + ACCEPT_AGAIN_S
            return
        sock.setblocking(False)
        caller = Caller(sock)
        if len(self._callers) >= MOST_CALLERS - (FOR_ROOT if caller.uid else 0):
            with contextlib.suppress(OSError):
                sock.send(refusal(None, "busy", "too many programs ask ivsd"), socket.MSG_NOSIGNAL)
            sock.close()
            return
        self._callers.append(caller)

    def _accept_again(self, now: float) -> None:
        if self._accept_at is not None and now >= self._accept_at:
            assert self._listener is not None
            self._accept_at = None
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _serve(self, caller: Caller, now: float) -> None:
        """Take the next requests of a caller, and wait for what it can do next."""
        if caller.due is not None and now >= caller.due:
            self._asked.discard(caller)
            caller.give_up("no_answer", "the daemon does not answer")
        elif caller.has_left:
            caller.give_up("no_answer", "nobody waits for it")
        if not caller.learns and (token := self._learning.pop(caller, None)) is not None:
            self._desk.post(LearnGivenUp(token))
        caller.send()
        while caller.is_free and (request := caller.next_request()) is not None:
            if isinstance(request, Request):
                self._carry_out(caller, request, now)
            else:
                caller.put(request)
            caller.send()
        caller.register(self._selector)
        if caller.is_over:
            self._asked.discard(caller)
            self._callers.remove(caller)
        self._subscribers = sum(item.subscribes for item in self._callers)

    def _carry_out(self, caller: Caller, request: Request, now: float) -> None:
        if (wanted := OPERATIONS.get(request.op)) is None:
            known = ", ".join(OPERATIONS)
            caller.put(refusal(request.id, "unknown_op", f"known here: {known}"))
            return
        if not wanted.is_for_all and caller.uid not in self._users:
            text = f"only root and {WEB_USER} may do this"
            caller.put(refusal(request.id, "not_allowed", text))
            return
        if problem := wanted.problem(request.op, request.args):
            caller.put(refusal(request.id, "bad_args", problem))
            return
        if request.op == "factory-default":
            source = f"control socket ({self._users[caller.uid]})"
            self._desk.post(FactoryDefaultAsked(source, now))
            caller.put(answer(request.id, {}))
            return
        if request.op in STATUS_OPS:
            self._asked.discard(caller)  # that one may have been made before it asked
        caller.wait(request, now + wanted.within_s)
        reply = partial(self._answer, caller, request)
        if wanted.needs_hand:
            token = self._learning[caller] = next(self._tokens)
            (self._desk.find if request.op == "find" else self._desk.learn)(token, reply)
        elif request.op not in STATUS_OPS:
            self._desk.do(request.op, request.args, reply)

    # -- the status ---------------------------------------------------------------------------

    def _wanted(self) -> set[Caller]:
        """List who waits for a status that nobody makes yet."""
        return {caller for caller in self._callers if caller.wants_status} - self._asked

    def _ask(self, now: float) -> None:
        """Have the loop make a status, one at a time: a loop that is stuck is not made fuller."""
        if self._is_asked or now < self._asked_at + ASK_EVERY_S:
            return
        self._asked = self._wanted()
        if self._asked:
            for caller in self._asked:
                caller.is_asked_for()
            self._is_asked, self._asked_at = True, now
            self._desk.ask_status(self._hand_over)

    def _tell(self, status: Status) -> None:
        """Hand out the status to all who waited for this one."""
        data = to_json(status, self._desk.hidden())
        for caller in self._asked:
            caller.take_status(data)
        self._asked = set()
        self._is_asked = False


def _who_may_act() -> dict[int, str]:
    """Return the users that may do more than read, by their number."""
    users = {os.geteuid(): "ivsd"}
    with contextlib.suppress(KeyError):
        users[pwd.getpwnam(WEB_USER).pw_uid] = WEB_USER
    users[0] = "root"
    return users

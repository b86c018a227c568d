"""The simulated VALT server, in a process of its own and with books of all that it has done.

Of its own, so that the memory of the daemon's process is the daemon's: a server remembers every
recording there ever was. The books are a file for the same reason.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

from ivsd.demo.scenario import act_elsewhere
from ivsd.valt.simulator import Api, Fault, Simulator, UserSpec, World, WorldError, sample
from ivsd.valt.simulator.journal import Exchange
from ivsd.valt.simulator.reply import Reply

ROOM = 4
BADGES = [f"00048{number:05}" for number in range(200)]  # many, or one would lie there always
PIN, WRONG_PIN = "2580", "1111"
REPLY_WITHIN_S = 20.0


class Books:
    """A file with one JSON object a line; any thread may write."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")
        self._lock = Lock()

    def write(self, kind: str, **entry: Any) -> None:
        line = json.dumps({"kind": kind, **entry})
        with self._lock:
            self._file.write(f"{line}\n")

    def flush(self) -> None:
        with self._lock:
            self._file.flush()


def read_books(path: Path) -> list[dict[str, Any]]:
    """Return the entries, oldest first."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class BookedApi(Api):
    """Enters each request that could change anything, with the room as it was afterwards.

    One at a time, with what is done at the VALT page between, so that the books have the order in
    which things came about.
    """

    def __init__(self, world: World, books: Books) -> None:
        super().__init__(world, "admin", "admin")
        self._books = books
        self._turn = Lock()

    def carry_out(self, exchange: Exchange, method: str, target: str, body: bytes) -> Reply:
        if method == "GET":
            return super().carry_out(exchange, method, target, body)
        with self._turn:
            reply = super().carry_out(exchange, method, target, body)
            verb = exchange.path.partition("?")[0].rpartition("/")[2]
            self._enter("api", verb, exchange.at, exchange.change, reply.status < 400)
        return reply

    def elsewhere(self, action: str) -> bool:
        """Let somebody at the VALT page do this; whether the rules allow it."""
        with self._turn:
            at = time.monotonic()
            try:
                act_elsewhere(self.world, ROOM, action)
            except WorldError:
                return False
            self._enter("elsewhere", action, at, action, True)
            return True

    def _enter(self, by: str, verb: str, at: float, change: str, ok: bool) -> None:
        view = self.world.view(ROOM)
        self._books.write(
            by, verb=verb, at=at, done=time.monotonic(), change=change, ok=ok,
            state=view.status, recording=view.recording,
        )  # fmt: skip


def _serve(pipe: Connection, path: Path, version: str) -> None:
    """Be the server until the other end of the pipe closes."""
    books, spec = Books(path), sample()
    for number, card in enumerate(BADGES):
        spec.users.append(UserSpec(100 + number, f"user{number}", f"User {number}", card))
    world = World(spec, version=version)
    simulator = Simulator(world)
    api = BookedApi(world, books)
    simulator.api = api
    simulator.start()
    pipe.send(simulator.url)
    while True:
        try:
            what, arguments = pipe.recv()
        except EOFError:
            break
        answer: Any = None
        match what:
            case "fault":
                simulator.faults.add(Fault(**arguments))
            case "elsewhere":
                answer = api.elsewhere(arguments["action"])
            case "away":
                simulator.away()
            case "silent":
                simulator.black_hole()
            case "back":
                simulator.back()
            case "well":
                simulator.faults.clear()
                simulator.back()
            case "forget tokens":
                api.forget_tokens()
            case "state":
                view = world.view(ROOM)
                answer = view.status, view.recording is not None
            case "close books":
                for recording in world.recordings:
                    markers = [(marker.name, marker.time_s) for marker in recording.markers]
                    books.write("recording", id=recording.id, markers=markers)
                books.flush()
        pipe.send(answer)
    simulator.stop()


class Server:
    """The other process, as the soak sees it. For one thread; a context manager."""

    def __init__(self, path: Path, version: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, path, version), name="valt", daemon=True
        )
        self._process.start()
        theirs.close()
        self.url: str = self._answer("start")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
        self._process.kill()  # harmless when it has ended

    def tell(self, what: str, **arguments: Any) -> Any:
        """Have something done; return what the server says to it."""
        self._pipe.send((what, arguments))
        return self._answer(what)

    def _answer(self, what: str) -> Any:
        if not self._pipe.poll(REPLY_WITHIN_S):
            raise TimeoutError(f"the simulator's process does not answer to {what!r}")
        return self._pipe.recv()

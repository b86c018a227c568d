"""The host's end of `guest/hands.py`: devices, presses and watched lines of the machine."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

PROGRAM = "/opt/ivsd/bin/python -u /project/tests/appliance/guest/hands.py"
ANSWER_WITHIN_S = 30.0

Step = tuple[float, str, str, int | str, int | str]
"""At how many milliseconds; "key", device, key, value or "pull", chip, line, "up" or "down"."""


class HandsError(Exception):
    """The machine cannot do what it was asked for; the text is a sentence."""


class Spawns(Protocol):
    """What is wanted of a machine."""

    def spawn(self, command: str) -> subprocess.Popen[str]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """Watched lines have changed: not before `after`, and at `at` they had these levels.

    Both are seconds of the machine's monotonic clock. `levels` has a 0 or 1 for each line.
    """

    after: float
    at: float
    levels: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What a watcher saw: the changes, until when it has looked, and its longest pause.

    `error` is a sentence when it cannot see any more, because the chip is gone.
    """

    watch: str
    changes: list[Change]
    until: float
    longest_s: float
    error: str = ""


class Hands:
    """Devices of the machine, all removed when it is closed. Thread-safe; a context manager.

    `looked` is called from a thread of its own with all that watchers see.
    """

    def __init__(self, machine: Spawns, looked: Callable[[Looked], None] = lambda seen: None):
        self._looked = looked
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._process = machine.spawn(PROGRAM)
        self._reader = threading.Thread(target=self._read, name="hands", daemon=True)
        self._reader.start()

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Unplug everything."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(ANSWER_WITHIN_S)
        self._reader.join()

    def order(self, op: str, **arguments: Any) -> Future[dict[str, Any]]:
        """Give an order of `guest/hands.py`; the answer may raise HandsError."""
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = answer
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps({"id": number, "op": op, **arguments}) + "\n")
                self._process.stdin.flush()
            except OSError as e:
                raise HandsError(f"the program in the machine has ended: {e}") from None
        return answer

    def do(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Give an order and wait for its answer; raises HandsError."""
        return self.order(op, **arguments).result(ANSWER_WITHIN_S)

    def play(self, steps: Iterable[Step], *, urgent: bool = False) -> list[float]:
        """Press keys and pull lines; return when each was done, on the machine's clock."""
        times: list[float] = self.do("play", steps=list(steps), urgent=urgent)["at"]
        return times

    def keyboard(
        self, device: str, name: str, keys: Sequence[str], **more: int | str | Sequence[str]
    ) -> str:
        """Plug in a keyboard, keypad or reader; return its /dev/input/eventN."""
        return str(self.do("keyboard", device=device, name=name, keys=list(keys), **more)["node"])

    def watch(self, name: str, lines: Iterable[tuple[str, int]], period_ms: float = 3.0) -> None:
        """Have every change of these lines, each (chip, line), told to `looked`."""
        self.do("watch", name=name, lines=list(lines), period_ms=period_ms)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "id" in told:
                answer = self._waiting.pop(told.pop("id"))
                if "error" in told:
                    answer.set_exception(HandsError(told["error"]))
                else:
                    answer.set_result(told)
            elif "changes" in told:
                changes = [Change(*change) for change in told["changes"]]
                what = (told["until"], told["longest_s"], told["error"])
                self._looked(Looked(told["watch"], changes, *what))
        for answer in self._waiting.values():  # nobody must wait for one who is not there
            answer.set_exception(HandsError("the program in the machine has ended"))


def tap(device: str, key: str, at_ms: float = 0.0, held_ms: float = 1.0) -> list[Step]:
    """A key that is pressed and let go."""
    return [(at_ms, "key", device, key, 1), (at_ms + held_ms, "key", device, key, 0)]


def typed(device: str, keys: Iterable[str], gaps_ms: Iterable[float], held_ms: float) -> list[Step]:
    """Keys one after the other, with these gaps from press to press, repeated as needed."""
    steps: list[Step] = []
    at_ms = 0.0
    for key, gap_ms in zip(keys, itertools.cycle(gaps_ms), strict=False):
        steps += tap(device, key, at_ms, held_ms)
        at_ms += gap_ms
    return steps


def pulses(chip: str, at_ms: Iterable[tuple[int, float]], width_ms: float = 0.1) -> list[Step]:
    """Pulses to low on lines that are high in between, as a Wiegand reader gives: (line, when)."""
    steps: list[Step] = []
    for line, moment in at_ms:
        steps.append((moment, "pull", chip, line, "down"))
        steps.append((moment + width_ms, "pull", chip, line, "up"))
    return steps

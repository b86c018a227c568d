"""The virtual hands of the demo's box, as its pages press them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Blueprint, Response, redirect, request

CABLE = {"pull": "pull its cable", "plug": "all well again", "hang": "let it hang",
         "slow": "let it be slow"}  # fmt: skip
ELSEWHERE = ("start", "stop", "pause", "resume", "lock", "unlock")
LONGEST_PIN = 32


@dataclass(frozen=True)
class ServerView:
    """What the simulated server holds, read from it and not from the daemon."""

    state: str
    """Of the room: available, prepared, recording, paused, locked."""
    recording: str
    """Name of the recording that runs, else of the last one; "" before the first."""
    author: str
    seconds: int
    markers: tuple[tuple[int, str], ...]
    """Seconds from the start, and the name."""
    recordings: int
    cable: str
    """reachable, pulled, hangs, slow."""

    @property
    def records(self) -> bool:
        """Whether the recording is not over yet."""
        return self.state in ("recording", "paused")


class Refused(Exception):
    """The simulated server would not do it; `str()` is a sentence."""


class Demo(Protocol):
    """A running box with virtual hands; may be called from any thread."""

    buttons: Sequence[str]
    badges: Sequence[tuple[str, str]]
    """Key, and what the badge is called."""

    def press(self, control: str) -> None:
        """Push a button down."""

    def release(self, control: str) -> None:
        """Let it go."""

    def swipe(self, key: str) -> None:
        """Hold a badge to the reader."""

    def type_pin(self, digits: str) -> None:
        """Type a PIN, and Enter."""

    def server(self) -> ServerView:
        """Look at the server."""

    def cable(self, word: str) -> None:
        """Do to the server one of CABLE."""

    def elsewhere(self, action: str) -> None:
        """Do one of ELSEWHERE at the VALT page; raises Refused."""


def add_hands(pages: Blueprint, demo: Demo) -> None:
    """Let the box of the demo be pressed; a press waits for nothing."""

    def done() -> Any:
        """Nothing for the script; a page for who has none."""
        if request.form.get("script"):
            return Response(status=204)
        return redirect("/", 303)

    def one_of(field: str, known: Sequence[str]) -> str | None:
        value = request.form.get(field, "")
        return value if value in known else None

    def wrong(field: str) -> Response:
        return Response(f"There is no such {field}.\n", 400, mimetype="text/plain")

    @pages.post("/demo/press")
    def press() -> Any:
        if (control := one_of("control", demo.buttons)) is None:
            return wrong("control")
        demo.press(control)
        if not request.form.get("script"):  # which tells by itself when it is let go
            demo.release(control)
        return done()

    @pages.post("/demo/release")
    def release() -> Any:
        if (control := one_of("control", demo.buttons)) is None:
            return wrong("control")
        demo.release(control)
        return done()

    @pages.post("/demo/swipe")
    def swipe() -> Any:
        if (key := one_of("badge", [key for key, _ in demo.badges])) is None:
            return wrong("badge")
        demo.swipe(key)
        return done()

    @pages.post("/demo/pin")
    def pin() -> Any:
        digits = request.form.get("digits", "")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= LONGEST_PIN):
            return Response("A PIN has digits only.\n", 400, mimetype="text/plain")
        demo.type_pin(digits)
        return done()

    @pages.post("/demo/cable")
    def cable() -> Any:
        if (word := one_of("word", list(CABLE))) is None:
            return wrong("word")
        demo.cable(word)
        return done()

    @pages.post("/demo/elsewhere")
    def elsewhere() -> Any:
        if (action := one_of("action", ELSEWHERE)) is None:
            return wrong("action")
        try:
            demo.elsewhere(action)
        except Refused as e:
            return Response(f"{e}\n", 409, mimetype="text/plain")
        return done()

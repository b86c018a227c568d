"""Learn mode: the next thing that a hand does is shown to who asked, and does nothing else.

So a technician finds out which button or badge is which while the daemon has the devices, and
proves to the box's pages that they stand at it (decisions 29 and 34).
"""

from __future__ import annotations

from ivsd.controller.board import Board
from ivsd.events import LEARN_S, Learned, NumberKind, Scanned
from ivsd.valt.model import Secret


class Learning:
    """For one who asks at a time."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._token: int | None = None
        self._since = self._until = 0.0
        self._down: set[str] = set()
        """Controls that were shown and did not come up yet."""

    def ask(self, token: int, now: float) -> None:
        """Let the next input from now on be shown; who asks meanwhile is told to wait."""
        if self._token is not None:
            self._board.out.append(Learned(token, why="busy"))
            return
        self._token, self._since, self._until = token, now, now + LEARN_S

    def give_up(self, token: int) -> None:
        """Let inputs act again: who asked has gone."""
        if token == self._token:
            self._token = None

    def press(self, control: str, at: float) -> bool:
        """Show a control that was pressed; False when nobody wants to know."""
        self._down.discard(control)
        if not self._show("button", control, None, at):
            return False
        self._down.add(control)
        return True

    def release(self, control: str) -> bool:
        """Tell whether this control comes up from having been shown, which means nothing, too."""
        was_shown = control in self._down
        self._down.discard(control)
        return was_shown

    def scan(self, event: Scanned) -> bool:
        """Show a badge, or that a PIN was typed; False when nobody wants to know."""
        number = event.number if event.kind is NumberKind.BADGE else None
        return self._show(event.kind.value, event.reader, number, event.at)

    def _show(self, kind: str, source: str, number: Secret | None, at: float) -> bool:
        # What was done before it was asked for is meant for the room.
        if self._token is None or not self._since <= at < self._until:
            return False
        self._board.out.append(Learned(self._token, kind, source, number))
        self._token = None
        return True

    def expire(self, now: float) -> None:
        """Tell who asked that nothing came."""
        if self._token is not None and now >= self._until:
            self._board.out.append(Learned(self._token, why="nothing_came"))
            self._token = None

    def next_deadline(self) -> float | None:
        """Return when it ends by time alone."""
        return self._until if self._token is not None else None

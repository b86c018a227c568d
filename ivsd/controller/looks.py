"""Show status: read the room at once, then tell it, and let a lock be seen for a while."""

from __future__ import annotations

from ivsd.controller.context import Context, Ending
from ivsd.controller.pending import Press
from ivsd.events import Result


class Looks:
    """Those who have asked for the status, and when."""

    def __init__(self, context: Context, end: Ending) -> None:
        self._context = context
        self._end = end
        self._asked: list[tuple[Press, float]] = []

    def __bool__(self) -> bool:
        """Whether anybody waits for it."""
        return bool(self._asked)

    def press(self, press: Press, now: float) -> None:
        """Take that somebody wants to know; waits for no other press."""
        self._asked.append((press, now))
        self._context.poll_now(now)

    def polled(self, sent_at: float, now: float) -> None:
        """Answer those who asked before this poll was sent."""
        status = self._context.truth.current
        if status is None:
            return
        answered = [press for press, at in self._asked if at <= sent_at]
        self._asked = [(press, at) for press, at in self._asked if at > sent_at]
        locked = " and locked" if status.shows_lock else ""
        for press in answered:
            self._context.board.show_lock(now)
            self._end(press, Result.DONE, f"the room is {status.shown}{locked}", now)

    def fail(self, why: str, now: float) -> None:
        """Tell all of them that nobody knows."""
        while self._asked:
            self._fail_first(why, now)

    def expire(self, now: float) -> None:
        """Tell those for whom no poll came."""
        while self._asked and now >= self._context.reply_due(self._asked[0][1]):
            self._fail_first("no answer in time", now)

    def _fail_first(self, why: str, now: float) -> None:
        press, _ = self._asked.pop(0)
        self._end(press, Result.FAILED, f"the room's state is unknown: {why}", now)

    def next_deadline(self) -> float | None:
        """Return when a poll must have come."""
        return self._context.reply_due(self._asked[0][1]) if self._asked else None

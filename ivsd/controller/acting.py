"""The one state-changing press that is under way: asked, answered, looked after.

A start or stop is sent once. If its answer is lost, or the server says no, the room's state
tells how it ended (decision 10).
"""

from __future__ import annotations

from collections.abc import Callable

from ivsd.controller.context import Context, Ending
from ivsd.controller.pending import ALREADY, DONE, Pending, Press, Stage, request_for
from ivsd.controller.table import Do, Fail, Ignore, decide
from ivsd.events import (
    STRANGER,
    Action,
    Answered,
    Card,
    FindUser,
    NumberKind,
    ReadUser,
    Receipt,
    Result,
    RoomPolled,
    Scanned,
)
from ivsd.valt.errors import NoReply, NotAllowed, Refused, ValtError
from ivsd.valt.model import RecordingId, User

CHECK_S = 2.0  # how long one poll may take that tells why a press was refused


class Acting:
    """Carries one press at a time to its end.

    `finished` is called after each, with the time and whether nobody knows if it was done.
    """

    def __init__(
        self, context: Context, end: Ending, finished: Callable[[float, bool], None]
    ) -> None:
        self._context = context
        self._end = end
        self._finished = finished
        self._pending: Pending | None = None

    def __bool__(self) -> bool:
        """Whether a press is under way."""
        return self._pending is not None

    @property
    def source(self) -> str:
        """The control or reader whose press is under way."""
        return self._pending.press.source if self._pending else ""

    @property
    def starts(self) -> bool:
        """Whether a recording is being started."""
        return self._pending is not None and self._pending.verb is Action.START

    @property
    def settles(self) -> bool:
        """Whether the room's state must tell what became of it."""
        return self._pending is not None and self._pending.stage is Stage.SETTLING

    def begin(self, press: Press, verb: Action, now: float) -> None:
        """Ask the server to act."""
        self._ask_to_act(self._new(press, verb, now), self._context.rules.default_author, "", now)

    def begin_with_look_up(
        self, press: Press, verb: Action, scanned: Scanned, card: Card, now: float
    ) -> None:
        """Ask the server whose badge or PIN it is, and then to act."""
        pending = self._new(press, verb, now)
        pending.scanned, pending.card = scanned, card
        find = FindUser(scanned.number) if card.user is None else ReadUser(card.user)
        if self._is_in_time(pending, now):
            pending.ask = self._context.ask(find, self._send_before(pending, now))

    def answered(self, event: Answered, now: float) -> None:
        """Take the server's yes."""
        pending = self._pending
        if pending is None or pending.ask != event.ask:
            self._context.poll_now(now)  # the late answer to a press that was given up
            return
        if pending.stage is Stage.LOOK_UP:
            users = event.result if isinstance(event.result, tuple) else ()
            self._identified(pending, users, now)
            return
        recording = event.result if isinstance(event.result, int | str) else None
        self._context.truth.answered(
            pending.confirmed(recording), pending.before, DONE[pending.verb],
            event.sent_at, event.at, self._context.rules.settle_s,
        )  # fmt: skip
        self._context.poll_now(now)
        self._remember_author(pending, recording)
        self._finish(Result.DONE, DONE[pending.verb], now)

    def failed(self, ask: int, error: ValtError, now: float) -> None:
        """Take that the server said no, or that nobody knows."""
        pending = self._pending
        if pending is None or pending.ask != ask:
            return
        if pending.stage is Stage.LOOK_UP:
            self._finish(Result.FAILED, str(error), now, Receipt.DENIED)
        elif error.may_have_happened and pending.stage is Stage.ASKED:
            settle_s = self._context.rules.settle_s
            self._check_the_room(pending, Stage.SETTLING, error, settle_s, now)
        elif isinstance(error, Refused) and not isinstance(error, NotAllowed):
            self._check_the_room(pending, Stage.CHECKING, error, CHECK_S, now)
        elif not error.may_have_happened:  # certain, even when it comes late
            self._finish(Result.FAILED, str(error), now)

    def polled(self, event: RoomPolled, now: float) -> None:
        """See whether the room's state tells how the press ended."""
        pending = self._pending
        if pending is None or event.sent_at < pending.since:
            return
        if pending.stage is Stage.SETTLING and pending.reached_by(event.status):
            self._remember_author(pending, event.status.recording)
            self._finish(Result.DONE, f"{DONE[pending.verb]} (the answer was lost)", now)
        elif pending.stage is Stage.CHECKING:
            if pending.reached_by(event.status):
                self._finish(Result.IGNORED, ALREADY[pending.verb], now)
            else:
                self._give_up(pending, now)

    def watch_failed(self, now: float) -> None:
        """Take that the room cannot be read."""
        if self._pending is not None and self._pending.stage is Stage.CHECKING:
            self._give_up(self._pending, now)

    def cancel(self, reason: str, now: float) -> None:
        """End what is under way."""
        if self._pending is not None:
            self._finish(Result.FAILED, reason, now)

    def expire(self, now: float) -> None:
        """End a press whose time is over."""
        pending = self._pending
        if pending is None or now < pending.deadline:
            return
        if pending.stage in (Stage.LOOK_UP, Stage.ASKED):
            waited_s = self._context.reply_due(0.0)
            self.failed(pending.ask, NoReply(f"no answer within {waited_s:g} s"), now)
        else:
            self._give_up(pending, now)

    def next_deadline(self) -> float | None:
        """Return when the press must have come to its next stage."""
        return self._pending.deadline if self._pending is not None else None

    # -- inside -----------------------------------------------------------------------------

    def _new(self, press: Press, verb: Action, now: float) -> Pending:
        before, due = self._context.truth.status, self._context.reply_due(now)
        assert before is not None
        self._pending = Pending(press, verb, before, Stage.LOOK_UP, 0, due)
        return self._pending

    def _ask_to_act(self, pending: Pending, author: int | None, user: str, now: float) -> None:
        meant, there = pending.press.recording, self._context.truth.clock.recording
        if pending.verb is Action.STOP and None not in (meant, there) and meant != there:
            self._finish(Result.IGNORED, "the recording that was meant has already ended", now)
            return
        if not self._is_in_time(pending, now):
            return
        pending.stage, pending.deadline = Stage.ASKED, self._context.reply_due(now)
        pending.author = author
        request = request_for(pending.verb, author, user)
        pending.ask = self._context.ask(request, self._send_before(pending, now))

    def _send_before(self, pending: Pending, now: float) -> float:
        """Return until when it may be sent: not for ever, and not when it has been given up."""
        rules = self._context.rules
        return min(pending.press.clear_at + rules.send_within_s, now + rules.reply_timeout_s)

    def _is_in_time(self, pending: Pending, now: float) -> bool:
        """End a press that comes too late: what it would do now surprises whoever is there."""
        late_s = now - pending.press.clear_at
        if late_s <= self._context.rules.send_within_s:
            return True
        self._finish(Result.FAILED, f"too late: this was asked for {late_s:.0f} s ago", now)
        return False

    def _remember_author(self, pending: Pending, recording: RecordingId | None) -> None:
        if pending.verb is Action.START:
            # A button starts for nobody in particular, whatever author the site has set for it.
            author = pending.author if pending.scanned is not None else None
            self._context.doorkeeper.started(recording, author)

    def _identified(self, pending: Pending, users: tuple[User, ...], now: float) -> None:
        status, scanned = self._context.truth.status, pending.scanned
        assert status is not None
        assert scanned is not None
        self._count_pin(scanned, known=bool(users))
        if len(users) != 1:
            if not users and pending.card == STRANGER:
                self._context.doorkeeper.nobody_has(scanned)
            why = pending.not_one(several=bool(users))
            self._finish(Result.FAILED, why, now, Receipt.DENIED)
            return
        self._context.doorkeeper.somebody_has(scanned)
        # Not by the status: a paused room may not name its recording (valt-api 13 no. 10).
        recording = self._context.truth.clock.recording
        why_not = self._context.doorkeeper.why_not_stop(users[0].id, recording, self._context.rules)
        if pending.verb is Action.STOP and why_not:
            self._finish(Result.FAILED, why_not, now, Receipt.DENIED)
            return
        # The wish was settled when the badge came; the room may have changed since.
        match decide(pending.verb, status.acts_as):
            case Do():
                pending.before = status
                name = pending.card.name or users[0].name
                self._ask_to_act(pending, users[0].id, name, now)
            case Ignore(reason):
                self._finish(Result.IGNORED, reason, now)
            case Fail(reason):
                self._finish(Result.FAILED, reason, now)

    def _count_pin(self, scanned: Scanned, *, known: bool) -> None:
        if scanned.kind is not NumberKind.PIN:
            return
        if known:
            self._context.doorkeeper.right_pin(scanned.reader)
        else:
            self._context.doorkeeper.wrong_pin(scanned.reader, scanned.at)

    def _check_the_room(
        self, pending: Pending, stage: Stage, error: ValtError, for_s: float, now: float
    ) -> None:
        pending.stage, pending.error, pending.since = stage, error, now
        pending.deadline = now + for_s
        if stage is Stage.SETTLING:
            self._context.truth.doubt()
        self._context.poll_now(now)

    def _give_up(self, pending: Pending, now: float) -> None:
        """End a press whose effect the room does not show, or cannot show."""
        reason = str(pending.error)
        if pending.stage is Stage.SETTLING:
            if (status := self._context.truth.current) is not None:
                reason += f"; the room is {status.acts_as}"
            else:
                reason += "; whether it happened will show when the server is back"
        self._finish(Result.FAILED, reason, now)

    def _finish(
        self, result: Result, reason: str, now: float, receipt: Receipt | None = None
    ) -> None:
        assert self._pending is not None
        press, stage, self._pending = self._pending.press, self._pending.stage, None
        unseen = self._context.truth.current is None
        in_doubt = result is Result.FAILED and stage is Stage.SETTLING and unseen
        # What is ignored after it was sent is so because the room is as it was wanted.
        self._end(press, result, reason, now, receipt, goes_on=result is not Result.FAILED)
        self._finished(now, in_doubt)

"""Anything may happen at the door, in any order: the promises of the controller hold.

Hypothesis presses, holds, swipes, types PINs, unplugs, cuts the link, lets the server answer
late, wrongly, twice as slowly or not at all, restarts it and the box, stops time for the box and
changes its configuration. Beside the controller run a server, the box's two workers, the watcher
and the disk, all in simulated time (`tests.fake_room`). What must hold is checked after every
single step, and after a quiet while with a server that is well.

`make test` runs a few hundred examples, always the same. IVSD_EXAMPLES=10000 runs so many new
ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ivsd.events import (
    FACTORY_DEFAULT,
    Command,
    DeviceForgotten,
    DeviceFound,
    DeviceLost,
    Disturbed,
    Drop,
    Event,
    FactoryDefaultAsked,
    FactoryDefaultBegan,
    FactoryDefaultFailed,
    FindUser,
    HoldRules,
    Keep,
    Kept,
    KeptMarker,
    MarkerTime,
    MarkSent,
    Misread,
    NotKept,
    NumberKind,
    OutboxLost,
    OutboxRead,
    Outcome,
    Pressed,
    Reconfigured,
    Released,
    RenewalFailed,
    RestoreFactoryState,
    Result,
    RoomInformed,
    RoomPolled,
    Rules,
    Scanned,
    StartRecording,
    StopProtection,
    Tick,
    WatchFailed,
    WhoMayStop,
)
from ivsd.valt.errors import (
    BadReply,
    ConnectionLost,
    LogInRefused,
    NoReply,
    NotAllowed,
    NotFound,
    NotSentInTime,
    NotValt,
    Refused,
    RoomNotFound,
    ServerFailed,
    TlsUntrusted,
    TokenRefused,
    Unauthorized,
    Unreachable,
    ValtError,
)
from ivsd.valt.model import Room, RoomInfo, Secret
from tests.fake_room import CHANGES, Disk, Server
from tests.watched_box import (
    BADGES,
    CONTROLS,
    LONGEST_S,
    MARK,
    NAMES,
    PINS,
    SETTLE_S,
    USERS,
    Box,
    Mark,
)
from tests.watched_box import Config as PlainConfig

LOST = [ConnectionLost("the connection broke"), NoReply("no answer"), ServerFailed("HTTP 500"),
        BadReply("not JSON")]  # fmt: skip
NOT_DONE = [
    Refused("not now"), NotAllowed("a right is missing"), TokenRefused("HTTP 401 at once"),
    NotFound("no such thing"), Unauthorized("HTTP 401"), LogInRefused("wrong password"),
    Unreachable("refuses connections"), TlsUntrusted("not trusted"), NotValt("a web page"),
    NotSentInTime("too busy"),
]  # fmt: skip
NOT_READ = [*LOST, Unreachable("no way"), LogInRefused("wrong password"), Unauthorized("HTTP 401"),
            RoomNotFound("no such room"), TlsUntrusted("not trusted")]  # fmt: skip


HELD_S, STUCK_S, TOGETHER_S, OVERLAP_S = 10.0, 60.0, 10.0, 1.0
BOUNCE_S, CONFIRM_S, OWED_S = 0.2, 2.0, 60.0
HOLDS = {
    "": None,
    "line": HoldRules(),
    "line, confirmed": HoldRules(confirm=True),
    "combination": HoldRules(frozenset({"marker", "held"})),
    "combination, one of it bound": HoldRules(frozenset({"marker", "nothing bound"})),
    "combination, confirmed": HoldRules(frozenset({"marker", "held"}), confirm=True),
}


@dataclass(frozen=True)
class Config(PlainConfig):
    """What a configuration file may say, with what is held for the factory state."""

    holds: str = "line"

    @property
    def rules(self) -> Rules:
        return replace(super().rules, factory_default=HOLDS[self.holds])


CONFIGS = st.builds(
    Config,
    st.sampled_from(["one", "one", "one", "two"]),
    st.sampled_from([False, False, True]),
    st.sampled_from(StopProtection),
    st.sampled_from(MarkerTime),
    st.sampled_from([5.0, 20.0, 1.0]),
    st.sampled_from(WhoMayStop),
    st.just(""),
    st.sampled_from(list(HOLDS)),
)


Key = tuple[str, float]


class HeldBox(Box):
    """The shadow of the hold for the factory state: when it may restore, and whom it answers.

    It restores only after a release that was seen, between HELD_S and STUCK_S after all were
    down together, with nothing lost in between; or where somebody asks for it. A hold is one
    input. Time passes at a Tick, and up to the moment at which one of its controls moved.
    """

    def begin(self, config: PlainConfig) -> None:
        self.fd_down: dict[str, float] = {}
        self.fd_own: set[str] = set()
        """Which of them are no part of a hold so far."""
        self.fd_since: float | None = None
        self.fd_confirm: tuple[Key, float] | None = None
        """The hold that must be confirmed, and when it was let go."""
        self.fd_asked: tuple[Key, float] | None = None
        """Whose answer is owed, and until when."""
        self.fd_owed = False
        """Whether an answer may come still, in time or late."""
        self.fd_began = False
        self.fd_inputs: set[Key] = set()
        self.fd_ends: dict[Key, Result] = {}
        """How those end that are not ignored."""
        self.fd_given_up: set[Key] = set()
        """Presses that were none: jammed, or nobody sees them come up."""
        self.fd_may_restore = False
        self.fd_restores = 0
        super().begin(config)

    def handle(self, event: Event) -> None:
        super().handle(event)
        assert self.fd_restores == self.fd_may_restore, "it must, and has not"
        assert self.fd_inputs == self.fd_wait, "one outcome, and none before its end"
        assert (self.light.name == "restoring") == self.fd_is_under_way
        assert (self.light.name == "reset_confirm") == (self.fd_confirm is not None)
        held = self.light.name in ("reset_counting", "reset_ready")
        assert held == (self.fd_since is not None)
        if self.fd_since is not None:
            ready = self.now >= self.fd_since + HELD_S
            assert self.light.name == ("reset_ready" if ready else "reset_counting")
        assert not self.fd_wait or self.deadline is not None

    @property
    def fd_is_under_way(self) -> bool:
        return self.fd_asked is not None or self.fd_began

    @property
    def fd_wait(self) -> set[Key]:
        """The inputs whose end has not come."""
        wait = {one[0] for one in (self.fd_confirm, self.fd_asked) if one is not None}
        return wait if self.fd_since is None else wait | {(FACTORY_DEFAULT, self.fd_since)}

    def note_event(self, event: Event) -> None:
        self.fd_may_restore, self.fd_restores = False, 0
        match event:
            case Pressed(control, at) if self.is_of_hold(control):
                self.fd_pressed(control, at)
                return
            case Released(control) if control in self.fd_down:
                self.fd_released(event)
            case DeviceLost(device, _, is_lamp) if device not in self.missing and not is_lamp:
                self.fd_cancel()
            case DeviceForgotten() | Reconfigured():
                self.fd_cancel()
            case FactoryDefaultAsked(source, at):
                self.fd_inputs.add((source, at))
                if not self.fd_is_under_way:
                    self.fd_cancel()
                    self.fd_restore((source, at))
            case FactoryDefaultBegan():
                self.fd_began = True
                self.fd_cancel()
                self.fd_answered(Result.DONE)
            case FactoryDefaultFailed():
                self.fd_answered(Result.FAILED)
            case Tick():
                self.fd_expire(self.now)
        super().note_event(event)

    def is_of_hold(self, control: str) -> bool:
        hold = self.site.factory_default
        return hold is not None and control in hold.controls

    def fd_expire(self, at: float) -> None:
        if self.fd_since is not None and at >= self.fd_since + STUCK_S:
            self.fd_since = None
        if self.fd_confirm is not None and at >= self.fd_confirm[1] + CONFIRM_S:
            self.fd_confirm = None
        if self.fd_asked is not None and self.now >= self.fd_asked[1]:
            self.fd_ends[self.fd_asked[0]] = Result.FAILED
            self.fd_asked = None

    def fd_pressed(self, control: str, at: float) -> None:
        hold = self.site.factory_default
        assert hold is not None
        self.fd_expire(at)
        if control in self.fd_down:
            self.fd_cancel()
        self.fd_down[control] = at
        if self.fd_confirm is not None:
            key, let_go_at = self.fd_confirm
            if at >= let_go_at + BOUNCE_S:
                self.fd_confirm = None
                self.fd_restore(key)
        elif control == FACTORY_DEFAULT and self.fd_is_under_way:
            self.fd_inputs.add((control, at))
        else:
            self.fd_own.add(control)
            together = at - min(self.fd_down.values()) <= TOGETHER_S
            all_down = self.fd_down.keys() == hold.controls
            if all_down and together and not self.fd_is_under_way:
                self.fd_since = at
                self.fd_own.clear()
                self.fd_inputs.add((FACTORY_DEFAULT, at))

    def fd_released(self, event: Released) -> None:
        if not event.was_seen:
            self.fd_cancel()
            return
        self.fd_expire(event.at)
        down_at = self.fd_down.pop(event.control)
        hold = self.site.factory_default
        assert hold is not None
        if self.fd_since is not None:
            if len(hold.controls) > 1 and event.at < self.fd_since + OVERLAP_S:
                self.fd_inputs.discard((FACTORY_DEFAULT, self.fd_since))
                self.fd_own |= {event.control, *self.fd_down}
            else:
                self.fd_let_go(self.fd_since, event.at)
            self.fd_since = None
        if event.control not in self.fd_own:
            return
        self.fd_own.remove(event.control)
        if event.at >= down_at + STUCK_S:
            self.fd_give_up(event.control, down_at)
        else:
            super().note_event(Pressed(event.control, down_at))

    def fd_let_go(self, since: float, at: float) -> None:
        hold = self.site.factory_default
        assert hold is not None
        key = FACTORY_DEFAULT, since
        if at - since < HELD_S:
            return
        may_record = self.light.room is None or self.light.records
        if hold.confirm or (len(hold.controls) > 1 and may_record):
            self.fd_confirm = key, at
        else:
            self.fd_restore(key)

    def fd_give_up(self, control: str, down_at: float) -> None:
        self.fd_given_up.add((control, down_at))
        self.wait(control, down_at, "none")

    def fd_cancel(self) -> None:
        for control in self.fd_own:
            self.fd_give_up(control, self.fd_down[control])
        self.fd_down.clear()
        self.fd_own.clear()
        self.fd_since = self.fd_confirm = None

    def fd_restore(self, key: Key) -> None:
        assert not self.fd_is_under_way
        self.fd_asked = key, self.now + OWED_S
        self.fd_may_restore = self.fd_owed = True

    def fd_answered(self, result: Result) -> None:
        self.fd_owed = False
        if self.fd_asked is not None:
            self.fd_ends[self.fd_asked[0]] = result
            self.fd_asked = None

    def check_secrets(self, command: Command) -> None:  # type: ignore[override]
        Box.check_secrets(command)
        if isinstance(command, RestoreFactoryState):
            self.fd_restores += 1
            assert self.fd_may_restore, "it restores, and nobody has asked for it"

    def check_outcome(self, outcome: Outcome) -> None:
        key = (outcome.source, outcome.pressed_at)
        if key not in self.fd_inputs:
            super().check_outcome(outcome)
            assert outcome.result is Result.IGNORED or key not in self.fd_given_up
            return
        assert outcome.reason
        assert outcome.at == self.now
        assert key not in self.fd_wait, "its end has not come"
        assert outcome.result is self.fd_ends.pop(key, Result.IGNORED)
        self.fd_inputs.remove(key)


class Door(HeldBox, RuleBasedStateMachine):
    """One controller, what it speaks to, and the shadow that knows what must hold."""

    hands: ClassVar = st.sampled_from([*CONTROLS, *MARK, FACTORY_DEFAULT, "nothing bound"])
    late: ClassVar = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.4, 3.0, 40.0, 300.0])
    workers: ClassVar = st.sampled_from(["presses", "outbox"])
    seldom: ClassVar = st.sampled_from([False, False, False, True])

    @initialize(
        lag_s=st.sampled_from([0.0, 3.0]),
        traits=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
        state=st.sampled_from(["", *CHANGES]),
        config=CONFIGS,
        wrong_config=st.sampled_from([False, False, False, True]),
        left=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=3),
        opens=st.booleans(),
    )
    def come_up(
        self,
        lag_s: float,
        traits: tuple[bool, bool, bool, bool],
        state: str,
        config: Config,
        wrong_config: bool,
        left: list[tuple[bool, bool]],
        opens: bool,
    ) -> None:
        self.now = 1000.0
        self.servers = {name: Server(name, USERS, lag_s, *traits) for name in NAMES}
        self.disk = Disk()
        self.marks: list[Mark] = []
        self.an_earlier_run_has_left(left)
        self.begin(Config(problem="the file is wrong") if wrong_config else config)
        if opens:
            self.disk_opens(damaged=False)
        if state:
            self.somebody_else(state)
        self.time_passes(10.0)
        if not wrong_config:
            self.poll()

    def an_earlier_run_has_left(self, left: list[tuple[bool, bool]]) -> None:
        for number, (on_two, was_there) in enumerate(left, 1):
            server = self.servers[NAMES[on_two]]
            server.change("start", self.now)
            server.change("stop", self.now)
            entry = server.recordings[-1], "marker", number
            if was_there:
                server.markers.append(entry)
            sent = was_there or number == 2
            row = KeptMarker(number, server.name, *entry[:2], "red", number, sent)
            self.disk.rows[number] = row
            self.marks.append(Mark(server.name, entry, None, 0.0, number, done=True))

    # -- hands and badges -------------------------------------------------------------------

    def hand(self, gap_s: float, late_s: float = 0.0) -> float:
        """Let time pass; return when a hand or a badge came, in order, maybe a while ago."""
        self.pass_time(gap_s)
        self.last_hand = max(self.last_hand + 0.001, self.now - late_s)
        self.now = max(self.now, self.last_hand)
        return self.last_hand

    @rule(control=hands, gap_s=st.sampled_from([0.01, 0.3]), late_s=late, answers=st.booleans())
    def press(self, control: str, gap_s: float, late_s: float, answers: bool) -> None:
        self.watcher_polls()
        self.happens(Pressed(control, self.hand(gap_s, late_s)))
        if answers:
            self.server_answers("presses")

    @rule(
        controls=st.lists(st.sampled_from(MARK), min_size=1, max_size=4),
        gap_s=st.sampled_from([0.01, 0.1, 0.4, 1.0]),
        then=st.sampled_from(["", "answered", "lost", "ends", "another begins", "other server"]),
        error=st.sampled_from(LOST),
        acts=st.sampled_from(["", "first", "late"]),
    )
    def markers_are_pressed(
        self, controls: list[str], gap_s: float, then: str, error: ValtError, acts: str
    ) -> None:
        self.watcher_polls()
        for control in controls:
            self.happens(Pressed(control, self.hand(gap_s)))
            self.happens(Released(control, self.hand(0.05)))
        if then in ("ends", "another begins"):
            self.somebody_else("stop")
            if then == "another begins":
                self.somebody_else("start")
            self.watcher_polls()
        elif then == "other server" and self.backlog is None:
            other = Config("two" if self.site.server == "one" else "one")
            self.config_is_reloaded(other, relinks=True, stale=False)
            self.watcher_polls()
        while then and self.sent_by("presses") is not None and self.backlog is None:
            if then == "lost":
                self.answer_is_lost("presses", error, acts)
            else:
                self.server_answers("presses")

    @rule(control=hands, gap_s=st.sampled_from([0.01, 0.3]), late_s=late)
    def release(self, control: str, gap_s: float, late_s: float) -> None:
        self.happens(Released(control, self.hand(gap_s, late_s)))

    @rule(
        control=hands,
        down_s=st.sampled_from([0.05, 0.05, 0.5, 0.5, 1.6, 1.6, 2.2, 2.2, 7.0, 61.0]),
        again_s=st.sampled_from([None, 0.1, 0.5]),
    )
    def a_hand_comes_and_goes(self, control: str, down_s: float, again_s: float | None) -> None:
        self.happens(Pressed(control, self.hand(0.01)))
        self.happens(Released(control, self.hand(down_s)))
        if again_s is not None:
            self.happens(Pressed(control, self.hand(again_s)))
            self.happens(Released(control, self.hand(0.05)))

    @precondition(lambda self: self.site.factory_default is not None)
    @rule(
        held_s=st.sampled_from([2.0, 9.9, 10.0, 11.0, 11.0, 30.0, 59.8, 60.0, 61.0]),
        between=st.sampled_from(
            [
                "",
                "",
                "",
                "",
                "lost",
                "forgotten",
                "lamp",
                "poll",
                "record",
                "asked",
                "asked after",
            ]
        ),
        was_seen=st.sampled_from([True, True, True, False]),
        order=st.booleans(),
        apart_s=st.sampled_from([0.05, 0.05, 0.05, 9.9, 10.1]),
        confirmed_s=st.sampled_from(
            [
                (),
                (0.5,),
                (0.5,),
                (1.9,),
                (2.0,),
                (3.0,),
                (0.05,),
                (0.05, 0.5),
                (0.05, 0.05, 1.9),
            ]
        ),
        in_one_go=st.sampled_from([False, False, True]),
    )
    def somebody_holds_for_the_factory_state(
        self,
        held_s: float,
        between: str,
        was_seen: bool,
        order: bool,
        apart_s: float,
        confirmed_s: tuple[float, ...],
        in_one_go: bool,
    ) -> None:
        """By the kernel's time; what was in one go is handled when all of it is over."""
        assert self.site.factory_default is not None
        controls = sorted(self.site.factory_default.controls, reverse=order)
        late_s = held_s + 1.0 if in_one_go else 0.0
        self.pass_time(late_s)
        for control, gap_s in zip(controls, (0.05, apart_s), strict=False):
            self.happens(Pressed(control, self.hand(gap_s, late_s)))
        match between:
            case "lost":
                self.happens(DeviceLost("keypad", "keypad: unplugged"))
                self.happens(DeviceFound("keypad"))
            case "forgotten":
                self.happens(DeviceForgotten("keypad"))
            case "lamp":
                self.happens(DeviceLost("lamp", "lamp: not found", is_lamp=True))
            case "poll":
                self.watcher_polls()
            case "record":
                self.happens(Pressed("record_toggle", self.hand(0.05, late_s)))
            case "asked":
                self.happens(FactoryDefaultAsked("web page", self.hand(0.05, late_s)))
        if in_one_go:
            self.last_hand += held_s
        else:
            self.pass_time(held_s)
        for control in controls[::-1]:
            self.happens(Released(control, self.hand(0.0, late_s), was_seen))
        if between == "asked after":
            self.happens(FactoryDefaultAsked("web page", self.hand(0.01)))
        for gap_s in confirmed_s:
            self.happens(Pressed(controls[0], self.hand(gap_s)))
            self.happens(Released(controls[0], self.hand(0.02)))

    @rule(really=seldom)
    def factory_state_is_asked_for(self, really: bool) -> None:
        if really:
            self.happens(FactoryDefaultAsked("web page", self.hand(0.01)))

    @precondition(lambda self: self.backlog is None and self.fd_owed)
    @rule(begins=st.booleans(), after_s=st.sampled_from([0.1, 3.0, 3.0, 59.0, 61.0]))
    def privileged_part_answers(self, begins: bool, after_s: float) -> None:
        self.pass_time(after_s)
        event = FactoryDefaultBegan() if begins else FactoryDefaultFailed("a template is missing")
        self.handle(event)

    @precondition(lambda self: self.fd_began)
    @rule(config=CONFIGS)
    def the_box_comes_up_again(self, config: Config) -> None:
        self.the_box_is_restarted(config, 10.0, opens=True, really=True)

    @rule(number=st.sampled_from(BADGES), late_s=late, answers=st.booleans())
    def swipe(self, number: str, late_s: float, answers: bool) -> None:
        self.watcher_polls()
        at = self.hand(0.02, late_s)
        self.happens(Scanned("reader", NumberKind.BADGE, Secret(number), at))
        if answers:
            self.server_answers("presses")

    @rule(number=st.sampled_from(PINS), times=st.sampled_from([1, 1, 6]))
    def type_pin(self, number: str, times: int) -> None:
        for _ in range(times):
            self.happens(Scanned("keypad", NumberKind.PIN, Secret(number), self.hand(0.5)))
            if times > 1:
                self.server_answers("presses")

    @rule(
        what=st.sampled_from([
            Misread("reader", 0.0), RenewalFailed(LogInRefused("wrong password")),
            DeviceLost("reader", "reader: not found"), DeviceLost("lamp", "lamp: not found", True),
            DeviceFound("reader"), DeviceFound("lamp"),
            DeviceForgotten("reader"), DeviceForgotten("lamp"),
            Disturbed("reader", "lost events", 1, 0.0), Disturbed("reader", "noise", 12, 0.0),
        ])
    )  # fmt: skip
    def something_small(self, what: Event) -> None:
        self.happens(Misread("reader", self.hand(0.02)) if isinstance(what, Misread) else what)

    # -- the watcher ------------------------------------------------------------------------

    def has_link(self) -> bool:
        return not self.site.config_problem

    @precondition(has_link)
    @rule()
    def poll(self) -> None:
        sent_at, status = self.now, self.server.shown(self.now)
        self.pass_time(0.05)
        self.happens(RoomPolled(status, sent_at, self.now))

    def watcher_polls(self) -> None:
        """Read the room as it is read every second, unless the link is down."""
        if self.has_link() and self.link_fault in ("", "starting") and self.poll_sent is None:
            self.poll()

    @precondition(has_link)
    @rule(by=st.sampled_from(["somebody else", "start", "record_toggle", "start+marker"]))
    def a_recording_begins(self, by: str) -> None:
        if by == "somebody else":
            self.somebody_else("start")
        else:
            self.poll()
            self.happens(Pressed(by, self.hand(0.01)))
            self.server_answers("presses")
        self.pass_time(self.server.lag_s)
        self.poll()

    @precondition(has_link)
    @rule()
    def all_is_well_for_a_moment(self) -> None:
        if self.backlog is None:
            self.poll()
            self.all_goes_well(2.1)
            self.poll()

    @precondition(lambda self: self.has_link() and self.poll_sent is None)
    @rule()
    def poll_is_sent(self) -> None:
        self.poll_sent = self.now, self.server.shown(self.now)

    @precondition(lambda self: self.poll_sent is not None)
    @rule()
    def poll_comes_back(self) -> None:
        assert self.poll_sent is not None
        (sent_at, status), self.poll_sent = self.poll_sent, None
        self.pass_time(0.01)
        self.happens(RoomPolled(status, sent_at, self.now))

    @precondition(has_link)
    @rule(time_s=st.sampled_from([None, 0.0, 12.3, 4000.0]))
    def room_info_is_read(self, time_s: float | None) -> None:
        sent_at = self.now
        self.pass_time(0.05)
        info = RoomInfo(Room(1, "Room"), self.server.recording, time_s)
        self.happens(RoomInformed(info, sent_at, self.now))

    @precondition(has_link)
    @rule(error=st.sampled_from(NOT_READ))
    def link_is_lost(self, error: ValtError) -> None:
        self.poll_sent = None
        self.happens(WatchFailed(error, self.now))

    @precondition(has_link)
    @rule(
        controls=st.lists(st.sampled_from(MARK), min_size=1, max_size=3),
        writes=st.booleans(),
        changes=st.lists(st.sampled_from(["stop", "start"]), max_size=2),
    )
    def an_outage(self, controls: list[str], writes: bool, changes: list[str]) -> None:
        self.link_is_lost(NOT_READ[0])
        for control in controls:
            self.a_hand_comes_and_goes(control, 0.05, None)
        if writes:
            self.disk_works()
        for what in changes:
            self.somebody_else(what)
        self.poll()

    # -- the server -------------------------------------------------------------------------

    def any_sent(self) -> bool:
        return any(worker.sent for worker in self.workers_of_box.values())

    @precondition(any_sent)
    @rule(worker=workers)
    def server_acts_and_its_answer_is_on_the_way(self, worker: str) -> None:
        self.pass_time(0.1)
        if (sent := self.sent_by(worker)) is not None:
            sent.act(self.now)

    @precondition(any_sent)
    @rule(worker=workers)
    def server_answers(self, worker: str) -> None:
        self.pass_time(0.05)
        if (sent := self.sent_by(worker)) is not None:
            sent.act(self.now)
            self.worker_is_told(worker, sent.answer)

    @precondition(any_sent)
    @rule(worker=workers, error=st.sampled_from(LOST), acts=st.sampled_from(["", "first", "late"]))
    def answer_is_lost(self, worker: str, error: ValtError, acts: str) -> None:
        """With or without the effect, which may come later."""
        if (sent := self.sent_by(worker)) is None:
            return
        if acts == "first":
            sent.act(self.now)
        elif acts == "late":
            self.zombies.append(sent)
        self.worker_is_told(worker, error)

    @precondition(lambda self: bool(self.zombies))
    @rule(after_delivery=st.booleans())
    def server_acts_late(self, after_delivery: bool = False) -> None:
        self.pass_time(0.1)
        if after_delivery:  # of the marker whose answer was lost, if the box is in such a hurry
            self.disk_works()
            self.watcher_polls()
            self.server_answers("outbox")
        sent = self.zombies.pop(0)
        if sent.can_act(self.now):
            sent.act(self.now)

    @precondition(any_sent)
    @rule(worker=workers, error=st.sampled_from(NOT_DONE))
    def server_does_not_act(self, worker: str, error: ValtError) -> None:
        if (sent := self.sent_by(worker)) is not None and not sent.done:
            self.worker_is_told(worker, error)

    @precondition(any_sent)
    @rule(worker=workers, says_yes=st.booleans())
    def server_lies(self, worker: str, says_yes: bool) -> None:
        sent = self.sent_by(worker)
        if sent is None or sent.done or isinstance(sent.ask.request, FindUser):
            return
        mark = self.mark_of_ask.get(sent.ask.id)
        if not says_yes:
            if mark is not None:  # nobody can know then
                mark.twice_at_most += not sent.server.lists
            sent.act(self.now)
            self.worker_is_told(worker, Refused("no"))
            return
        if mark is not None:
            mark.excused = True
        started = isinstance(sent.ask.request, StartRecording) and self.server.tells_id
        self.worker_is_told(worker, "a lie" if started else None)

    @rule(ends=st.booleans())
    def server_restarts(self, ends: bool) -> None:
        """It forgets what is under way; recordings and markers stay."""
        self.zombies = []
        if ends:
            self.somebody_else("stop")
        for worker in self.workers_of_box:
            if self.sent_by(worker) is not None:
                self.worker_is_told(worker, ConnectionLost("the server was restarted"))
        if self.has_link():
            self.link_is_lost(NOT_READ[0])

    @rule(what=st.sampled_from(CHANGES))
    def somebody_else(self, what: str) -> None:
        try:
            self.server.change(what, self.now)
        except Refused:
            return

    @precondition(lambda self: self.sent_by("outbox") is not None)
    @rule(error=st.sampled_from([*LOST, Unreachable("refuses connections")]), acts=st.booleans())
    def deliveries_fail_for_a_while(self, error: ValtError, acts: bool) -> None:
        for _ in range(3):
            if (sent := self.sent_by("outbox")) is not None:
                if sent.done:
                    error = LOST[0]  # no other one would be true
                acted = acts and error.may_have_happened
                self.answer_is_lost("outbox", error, "first" if acted else "")
            self.poll()
            self.pass_time(SETTLE_S)

    # -- the disk ---------------------------------------------------------------------------

    @precondition(lambda self: not self.disk.is_open)
    @rule(damaged=st.booleans())
    def disk_opens(self, damaged: bool) -> None:
        self.disk.is_open = True
        if damaged:
            for mark in self.mark_of_id.values():
                mark.excused = True
            self.disk.rows.clear()
            self.mark_of_id.clear()
            self.happens(OutboxLost("the outbox was damaged"))
        self.happens(OutboxRead(tuple(self.disk.rows.values())))

    @rule(recovers=st.booleans(), really=seldom)
    def disk_is_lost(self, recovers: bool, really: bool) -> None:
        if really and self.disk.is_open:
            self.happens(OutboxLost("read-only file system"))
            if recovers:
                self.happens(OutboxRead(()))

    @precondition(lambda self: bool(self.disk.orders))
    @rule()
    def disk_works(self) -> None:
        while self.disk.orders:
            safe = self.disk.works()
            if safe is not None:
                self.happens(Kept(safe))

    @precondition(lambda self: bool(self.disk.orders))
    @rule()
    def disk_is_full(self) -> None:
        order = self.disk.orders[0]
        if isinstance(order, Drop):
            return  # it needs no space
        del self.disk.orders[0]
        if isinstance(order, Keep):
            self.happens(NotKept(order.marker.id, "no space left"))
        else:
            self.may_be_set_twice(order)

    def may_be_set_twice(self, order: Keep | MarkSent | Drop) -> None:
        # KNOWN: the row says "not sent" although the marker may be on its way, for the disk was
        # slower than the server; and if the server does not list markers, it is sent blindly.
        if isinstance(order, MarkSent) and order.id in self.mark_of_id:
            mark = self.mark_of_id[order.id]
            mark.twice_at_most += not self.servers[mark.server].lists

    # -- the box ----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.1, 4.0, 7.0, 60.0, 10800.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @precondition(lambda self: self.backlog is None)
    @rule(really=seldom)
    def the_box_is_stuck(self, really: bool) -> None:
        """What happens now is handled later, in order, and no deadline is met."""
        self.backlog = [] if really else None

    @precondition(lambda self: self.backlog is not None)
    @rule()
    def the_box_goes_on(self) -> None:
        assert self.backlog is not None
        backlog, self.backlog = self.backlog, None
        for waiting in self.waiting.values():
            waiting.since = self.now
        for event in backlog:
            self.handle(event)
        self.pass_time(0.0)

    @precondition(lambda self: self.backlog is None)
    @rule(config=CONFIGS, relinks=st.booleans(), stale=st.booleans(), really=seldom)
    def config_is_reloaded(
        self, config: Config, relinks: bool, stale: bool, really: bool = True
    ) -> None:
        """Another server; or the same with or without a new connection."""
        if not really:
            return
        self.pass_time(0.01)
        new_room = config.server != self.site.server or bool(self.site.config_problem)
        polled, self.poll_sent = self.poll_sent, None
        answered: list[Event] = []
        if new_room or relinks:
            for worker in self.workers_of_box.values():
                sent = worker.abandon()
                if sent is None:
                    continue
                if stale and sent.done:
                    answered.append(self.answer_event(sent, sent.answer))
                else:
                    self.zombies.append(sent)
        self.handle(Reconfigured(config.rules, new_room))
        for event in answered:
            self.handle(event)
        if polled is not None and stale:
            self.handle(RoomPolled(polled[1], polled[0], self.now))

    @rule(config=CONFIGS, seconds=st.sampled_from([0.5, 10.0]), opens=st.booleans(), really=seldom)
    def the_box_is_restarted(
        self, config: Config, seconds: float, opens: bool, really: bool
    ) -> None:
        """By a power cut: what the disk has not written is lost."""
        if not really:
            return
        on_the_way = [worker.abandon() for worker in self.workers_of_box.values()]
        zombies = [*self.zombies, *(sent for sent in on_the_way if sent is not None)]
        for order in self.disk.orders:
            self.may_be_set_twice(order)
        self.disk.orders.clear()
        self.disk.is_open = False
        self.now += seconds
        self.begin(config)
        self.zombies = zombies
        if opens:
            self.disk_opens(damaged=False)

    @rule(really=seldom)
    def quiet(self, really: bool = True) -> None:
        """Nobody touches anything for a while: what is shown is what the server has."""
        if not really:
            return
        if self.backlog is not None:
            self.the_box_goes_on()
        if self.fd_began:
            self.the_box_is_restarted(Config(), 10.0, opens=True, really=True)
        if self.fd_asked is not None:
            self.handle(FactoryDefaultFailed("a template is missing"))
        self.handle(DeviceForgotten("all hands off"))
        if self.site.config_problem:
            self.config_is_reloaded(Config(), relinks=True, stale=False)
        if not self.disk.is_open:
            self.disk_opens(damaged=False)
        self.poll_sent = None
        while self.zombies:
            self.server_acts_late()
        for _ in range(int(LONGEST_S) + 1):
            self.all_goes_well(1.0)
        assert not self.waiting
        self.poll()
        assert self.light.room is self.server.true.shown
        assert self.light.records == self.server.true.has_recording
        assert self.light.name == self.server.true.shown
        for _ in range(15):
            self.all_goes_well(1.0)
            self.poll()
        for _ in range(30):  # what the server has failed over is tried anew, at the last in an hour
            if any(row.server == self.site.server for row in self.disk.rows.values()):
                self.pass_time(max(0.0, (self.deadline or self.now) - self.now))
                self.all_goes_well(0.1)
                self.poll()
        self.check_outbox()

    def all_goes_well(self, seconds: float) -> None:
        self.pass_time(seconds)
        while self.any_sent() or self.disk.orders:
            for worker in self.workers_of_box:
                self.server_answers(worker)
            self.disk_works()

    def teardown(self) -> None:
        if hasattr(self, "controller") and not self.broken:
            self.quiet()
            if self.disk.rows:
                (other,) = {row.server for row in self.disk.rows.values()}
                self.config_is_reloaded(Config(other), relinks=True, stale=False)
                self.poll()
                self.quiet()


EXAMPLES = int(os.environ.get("IVSD_EXAMPLES", "0"))
Door.TestCase.settings = settings(
    max_examples=EXAMPLES or 500,
    stateful_step_count=80,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDoor = pytest.mark.timeout(3600 if EXAMPLES else 120)(Door.TestCase)

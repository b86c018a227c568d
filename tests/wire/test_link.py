"""The threads of the link: presses beside polls and the outbox, in time, and out again."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest

from ivsd.events import (
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    DeliverMarker,
    Event,
    FindUser,
    KeptMarker,
    LockRoom,
    PauseRecording,
    RenewalFailed,
    Request,
    ResumeRecording,
    RoomInformed,
    RoomPolled,
    StartRecording,
    StopRecording,
    UnlockRoom,
    WatchFailed,
)
from ivsd.valt.client import Client
from ivsd.valt.errors import (
    BadReply,
    ConnectionLost,
    LogInRefused,
    NoReply,
    NotSentInTime,
    Refused,
    RoomNotFound,
    ServerFailed,
    Unreachable,
    ValtError,
)
from ivsd.valt.link import Link, Recordings
from ivsd.valt.model import RecordingId, Room, RoomState, Secret, User
from ivsd.valt.session import Session
from ivsd.valt.simulator import Api, Fault, Simulator, World, WorldSpec
from ivsd.valt.simulator.spec import RoomSpec, UserSpec
from ivsd.valt.transport import HttpTransport, Reply
from ivsd.valt.watcher import Watcher

Simulate = Callable[..., Simulator]
Connect = Callable[..., HttpTransport]
E = TypeVar("E", bound=Event)

LONG_S = 30.0  # a poll interval that a test does not see the end of
REFUSAL = '{"data":"Invalid username or password"}'


class Bench:
    """A simulator, a link with it, and the events that come out."""

    def __init__(self, simulate: Simulate, connect: Connect) -> None:
        self._simulate, self._connect = simulate, connect
        self._running = ExitStack()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.session_ahead_s = 0.0  # what makes a log-in old
        self._asks = 0

    def simulate(
        self, *settings: str, spec: WorldSpec | None = None, version: str = "6.5.2"
    ) -> Simulator:
        self.valt = self._simulate(version, *settings, spec=spec)
        return self.valt

    def open(
        self,
        room: int | str = 4,
        *,
        host: str = "127.0.0.1",
        password: str = "admin",
        timeout_s: float = 2.0,
        poll_interval_s: float = LONG_S,
        success_reauth_s: float = 86_400,
    ) -> Link:
        """Start a link; its simulator is made if there is none."""
        if not hasattr(self, "valt"):
            self.simulate()
        session = Session(
            Client(self._connect(f"http://{host}:{self.valt.port}", timeout_s=timeout_s)),
            "admin",
            Secret(password),
            success_reauth_s=success_reauth_s,
            clock=lambda: time.monotonic() + self.session_ahead_s,
        )
        recordings = Recordings("{room} {user} note")
        self.link = Link(
            session, room, recordings, self.events.put, poll_interval_s=poll_interval_s
        )
        self._running.callback(self.link.stop, 1.0)
        self.link.start()
        return self.link

    def ready(self, room: int | str = 4, **more: Any) -> Link:
        """Open a link whose first poll is done, and on whose connections nothing is new."""
        link = self.open(room, **more)
        self.next(RoomInformed)
        wait_until(lambda: self.asked("admin/general") > 0)
        return link

    def close(self) -> None:
        if hasattr(self, "valt"):
            self.valt.stop()  # frees the threads that hang in the network
        self._running.close()

    def ask(self, request: Request, within_s: float = 5.0) -> int:
        self._asks += 1
        self.link.ask(Ask(self._asks, request, time.monotonic() + within_s))
        return self._asks

    def answer(self, within_s: float = 2.0) -> Answered | AskFailed:
        event = self._take(lambda event: isinstance(event, Answered | AskFailed), within_s)
        assert isinstance(event, Answered | AskFailed)
        return event

    def failure(self, within_s: float = 2.0) -> ValtError:
        event = self.answer(within_s)
        assert isinstance(event, AskFailed), event
        return event.error

    def next(self, kind: type[E], within_s: float = 2.0) -> E:
        """Skip to the next event of that kind."""
        event = self._take(lambda event: isinstance(event, kind), within_s)
        assert isinstance(event, kind)
        return event

    def _take(self, wanted: Callable[[Event], bool], within_s: float) -> Event:
        end = time.monotonic() + within_s
        while True:
            event = self.events.get(timeout=max(0.0, end - time.monotonic()))
            if wanted(event):
                return event

    def nothing_more(self, within_s: float = 0.1) -> bool:
        try:
            self.events.get(timeout=within_s)
        except queue.Empty:
            return True
        return False

    def asked(self, path: str) -> int:
        return [entry.path for entry in self.valt.requests].count(f"/api/v3/{path}")

    def hangs(self) -> bool:
        return any(entry.fault == "hang" for entry in self.valt.requests)


@pytest.fixture
def bench(simulate: Simulate, connect: Connect) -> Iterator[Bench]:
    made = Bench(simulate, connect)
    yield made
    made.close()


def wait_until(condition: Callable[[], bool], within_s: float = 2.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


# ---- presses ----------------------------------------------------------------------------------

START = StartRecording(None, "")


def test_every_request_is_carried_out_and_answered(bench: Bench) -> None:
    bench.ready()
    world = bench.valt.world

    def result(request: Request) -> Any:
        number = bench.ask(request)
        event = bench.answer()
        assert isinstance(event, Answered), event
        assert event.ask == number
        assert event.sent_at <= event.at <= time.monotonic()
        return event.result

    id_ = result(StartRecording(12, "Alice"))
    [recording] = world.recordings
    assert (recording.id, recording.room, recording.author) == (id_, 4, 12)
    assert recording.name == "Interview Room 1 Alice note"
    assert result(PauseRecording()) == id_
    assert world.view(4).status == "paused"
    assert result(ResumeRecording()) == id_
    assert world.view(4).status == "recording"
    assert result(AddMarker(id_, "Note", "red", 3)) is None
    assert [(mark.name, mark.time_s) for mark in world.recording(id_).markers] == [("Note", 3)]
    assert result(StopRecording()) == id_
    assert result(LockRoom()) is None
    assert world.view(4).status == "locked"
    assert result(UnlockRoom()) is None
    assert world.view(4).status == "available"
    carol = User(14, "Carol Cook", Secret("2580"))
    assert result(FindUser(Secret("2580"))) == (carol,)
    assert result(FindUser(Secret("0000"))) == ()


def test_one_press_is_one_request(bench: Bench) -> None:
    bench.ready()
    before = len(bench.valt.requests)
    bench.ask(START)
    bench.answer()
    assert [entry.path for entry in bench.valt.requests[before:]] == [
        "/api/v3/rooms/4/record/start"
    ]


def test_a_press_on_a_warm_link_opens_no_connection(bench: Bench) -> None:
    bench.ready()
    before = bench.valt.connections
    for _ in range(10):
        bench.ask(LockRoom())
        bench.ask(UnlockRoom())
    for _ in range(20):
        assert isinstance(bench.answer(), Answered)
    assert bench.valt.connections == before == 2


def test_every_ask_is_answered_once_and_in_order(bench: Bench) -> None:
    bench.ready()
    numbers = [bench.ask(LockRoom() if n % 3 else StopRecording()) for n in range(30)]
    assert [bench.answer().ask for _ in numbers] == numbers
    assert bench.nothing_more()


def test_a_refusal_is_a_failed_ask_with_the_servers_words(bench: Bench) -> None:
    bench.ready()
    bench.valt.world.start(4, "somebody's")
    bench.ask(START)
    error = bench.failure()
    assert type(error) is Refused
    assert "already running" in str(error)


def test_a_press_is_not_queued_behind_a_hung_poll(bench: Bench) -> None:
    link = bench.ready(timeout_s=3)
    bench.valt.faults.add(Fault("hang", "rooms/4/status", None))
    link.poll_now()
    wait_until(bench.hangs)
    for request in (START, StopRecording()):
        began = time.monotonic()
        bench.ask(request)
        assert isinstance(bench.answer(), Answered)
        assert time.monotonic() - began < 0.3
    assert [entry.fault for entry in bench.valt.requests].count("hang") == 1


def test_a_poll_is_not_queued_behind_a_hung_press(bench: Bench) -> None:
    link = bench.ready(timeout_s=3)
    bench.valt.faults.add(Fault("hang", "record/start"))
    bench.ask(START)
    wait_until(bench.hangs)
    link.poll_now()
    bench.next(RoomPolled, within_s=0.3)


def test_a_press_is_not_queued_behind_a_hung_renewal(bench: Bench) -> None:
    bench.ready(timeout_s=3, success_reauth_s=0.05, poll_interval_s=0.1)
    bench.valt.faults.add(Fault("hang", "login"))
    wait_until(bench.hangs)
    began = time.monotonic()
    bench.ask(START)
    assert isinstance(bench.answer(), Answered)
    assert time.monotonic() - began < 0.3


# ---- in time or not at all --------------------------------------------------------------------


def test_an_ask_that_is_too_old_is_not_sent(bench: Bench) -> None:
    bench.ready()
    bench.ask(START, within_s=-0.01)
    error = bench.failure()
    assert isinstance(error, NotSentInTime)
    assert not error.may_have_happened
    assert bench.asked("rooms/4/record/start") == 0


def test_an_ask_that_grew_too_old_behind_another_is_not_sent(bench: Bench) -> None:
    bench.ready()
    bench.valt.faults.add(Fault("delay", "rooms/4/lock", seconds=0.3))
    bench.ask(LockRoom())
    bench.ask(START, within_s=0.15)
    assert isinstance(bench.answer(), Answered)
    assert isinstance(bench.failure(), NotSentInTime)
    bench.ask(UnlockRoom())
    assert isinstance(bench.answer(), Answered)
    assert bench.asked("rooms/4/record/start") == 0


def test_an_ask_that_grew_too_old_during_a_slow_log_in_is_not_sent(bench: Bench) -> None:
    bench.ready(timeout_s=2)
    bench.valt.api.forget_tokens()
    bench.session_ahead_s += 61
    bench.valt.faults.add(Fault("delay", "login", seconds=0.3))
    bench.ask(START, within_s=0.15)
    assert isinstance(bench.failure(), NotSentInTime)
    assert bench.valt.world.recordings == []


def test_a_log_in_that_outlives_the_ask_still_reads_the_version(bench: Bench) -> None:
    bench.ready()
    bench.valt.api.forget_tokens()
    bench.session_ahead_s += 61
    bench.valt.faults.add(Fault("delay", "login", seconds=0.3))
    bench.ask(START, within_s=0.15)
    bench.answer()
    bench.ask(FindUser(Secret("2580")))
    assert isinstance(bench.answer(), Answered)
    assert bench.valt.requests[-1].path.endswith("?cardNumber=***")  # as from 6.5 on


def test_an_ask_that_grew_too_old_during_a_slow_name_resolution_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_s = 0.0

    def slowly(*_: Any, **__: Any) -> list[Any]:
        time.sleep(wait_s)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", bench.valt.port))]

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    bench.ready(host="late.test", timeout_s=2)
    bench.valt.away()
    bench.valt.back()
    wait_s = 0.3
    bench.ask(START, within_s=0.15)
    assert not bench.failure().may_have_happened
    assert bench.valt.world.recordings == []


# ---- a lost reply -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset_after", ConnectionLost),
        ("reset_inside", ConnectionLost),
        ("half", ConnectionLost),
        ("delay", NoReply),
        ("drip", NoReply),
    ],
)
def test_a_start_whose_reply_is_lost_is_sent_exactly_once(
    bench: Bench, kind: str, error: type[ValtError]
) -> None:
    link = bench.ready(timeout_s=0.3)
    bench.valt.faults.add(Fault(kind, "record/start", seconds={"delay": 5, "drip": 1}.get(kind)))
    bench.ask(START)
    lost = bench.failure()
    assert type(lost) is error
    assert lost.may_have_happened
    link.poll_now()
    assert bench.next(RoomPolled).status.state is RoomState.RECORDING
    assert bench.asked("rooms/4/record/start") == 1
    assert len(bench.valt.world.recordings) == 1


def test_a_start_that_could_not_be_sent_says_that_nothing_happened(bench: Bench) -> None:
    bench.ready()
    bench.valt.away()
    bench.ask(START)
    error = bench.failure()
    assert isinstance(error, Unreachable)
    assert not error.may_have_happened


# ---- the watch --------------------------------------------------------------------------------


def test_poll_now_is_prompt(bench: Bench) -> None:
    link = bench.ready()
    for _ in range(3):
        began = time.monotonic()
        link.poll_now()
        bench.next(RoomPolled)
        assert time.monotonic() - began < 0.2
    assert bench.nothing_more()  # and then the interval is waited for


def test_a_poll_asked_for_during_a_poll_follows_it(bench: Bench) -> None:
    link = bench.ready(timeout_s=2)
    bench.valt.faults.add(Fault("delay", "rooms/4/status", seconds=0.1))
    link.poll_now()
    wait_until(lambda: bench.asked("rooms/4/status") == 2)
    link.poll_now()
    bench.next(RoomPolled)
    bench.next(RoomPolled, within_s=0.2)
    assert bench.nothing_more()


def test_a_poll_tells_when_it_was_sent_and_answered(bench: Bench) -> None:
    link = bench.ready()
    bench.valt.delay_s = 0.05
    began = time.monotonic()
    link.poll_now()
    polled = bench.next(RoomPolled)
    assert began <= polled.sent_at < polled.sent_at + 0.05 <= polled.at <= time.monotonic()


def test_the_link_heals_after_the_server_was_away(bench: Bench) -> None:
    bench.ready(poll_interval_s=0.1)
    bench.valt.away()
    assert isinstance(bench.next(WatchFailed).error, ValtError)
    assert isinstance(bench.next(WatchFailed).error, Unreachable)
    bench.valt.back()
    bench.next(RoomPolled, within_s=1)
    bench.ask(START)
    assert isinstance(bench.answer(), Answered)
    assert bench.asked("login") == 1


def test_the_link_heals_after_a_black_hole(bench: Bench) -> None:
    bench.ready(poll_interval_s=0.1, timeout_s=0.3)
    bench.valt.black_hole()
    assert isinstance(bench.next(WatchFailed).error, NoReply)
    bench.valt.back()
    bench.next(RoomPolled, within_s=1)
    bench.ask(START)
    assert isinstance(bench.answer(), Answered)


def test_the_link_comes_up_with_a_server_that_comes_later(bench: Bench) -> None:
    bench.simulate().away()
    bench.open(poll_interval_s=0.1)
    assert isinstance(bench.next(WatchFailed).error, Unreachable)
    bench.ask(START)
    assert isinstance(bench.failure(), ValtError)
    bench.valt.back()
    bench.next(RoomPolled, within_s=1)
    bench.ask(START)
    assert isinstance(bench.answer(), Answered)


def test_the_link_heals_after_a_restart_of_the_server_that_forgot_the_tokens(bench: Bench) -> None:
    bench.ready(poll_interval_s=0.05)
    bench.session_ahead_s += 61
    bench.valt.away()
    bench.next(WatchFailed)
    bench.valt.api.forget_tokens()
    bench.valt.back()
    bench.next(RoomPolled, within_s=1)
    assert bench.asked("login") == 2


def test_a_refused_log_in_is_not_repeated_at_every_poll_and_press(bench: Bench) -> None:
    bench.open(password="wrong", poll_interval_s=0.05)
    link = bench.link
    assert isinstance(bench.next(WatchFailed).error, LogInRefused)
    for _ in range(3):
        link.poll_now()
        assert isinstance(bench.next(WatchFailed, within_s=0.3).error, LogInRefused)
        bench.ask(START)
        assert isinstance(bench.failure(0.3), (LogInRefused, RoomNotFound))
    assert bench.nothing_more(0.2)
    assert [entry.path for entry in bench.valt.requests] == ["/api/v3/login"]


# ---- the room ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Interview Room 2", "interview room 2"])
def test_a_room_is_found_by_its_name(bench: Bench, name: str) -> None:
    bench.ready(name)
    assert bench.asked("rooms/7/status") == 1
    bench.ask(START)
    bench.answer()
    assert [recording.room for recording in bench.valt.world.recordings] == [7]


def test_the_room_is_looked_for_once(bench: Bench) -> None:
    link = bench.ready("Interview Room 2")
    for _ in range(3):
        link.poll_now()
        bench.next(RoomPolled)
    assert bench.asked("rooms/info") == 1


def test_an_unknown_room_is_answered_with_the_rooms_there_are(bench: Bench) -> None:
    bench.open("Interview Room 3")
    error = bench.next(WatchFailed).error
    assert isinstance(error, RoomNotFound)
    for name in ("Interview Room 3", "Interview Room 1", "Interview Room 2", "Teaching Lab"):
        assert repr(name) in str(error)
    bench.ask(START)
    assert isinstance(bench.failure(), RoomNotFound)
    assert bench.asked("rooms/4/record/start") == 0


def test_an_unknown_room_number_is_named(bench: Bench) -> None:
    bench.open(99)
    error = bench.next(WatchFailed).error
    assert isinstance(error, RoomNotFound)
    assert "99" in str(error)
    bench.ask(START)
    assert isinstance(bench.failure(), RoomNotFound)


def test_two_rooms_with_one_name_are_answered_with_their_numbers(bench: Bench) -> None:
    twins = [RoomSpec(4, "Lab"), RoomSpec(7, "LAB"), RoomSpec(9, "Other")]
    bench.simulate(spec=WorldSpec(twins, [UserSpec(3, "admin")]))
    bench.open("lab")
    error = bench.next(WatchFailed).error
    assert isinstance(error, RoomNotFound)
    assert "4, 7" in str(error)
    assert "9" not in str(error)


def test_a_room_that_appears_later_is_found(bench: Bench) -> None:
    bench.open("Teaching Lab 2", poll_interval_s=0.05)
    bench.next(WatchFailed)
    bench.valt.world.rooms[9] = RoomSpec(9, "Teaching Lab 2")
    bench.next(RoomPolled, within_s=1)
    assert bench.asked("rooms/9/status") >= 1


# ---- the end ----------------------------------------------------------------------------------


def alive(*names: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in names]


THREADS = ("valt-presses", "valt-outbox", "valt-watcher")


def test_stop_ends_all_threads_at_once(bench: Bench) -> None:
    link = bench.ready()
    assert len(alive(*THREADS)) == 3
    began = time.monotonic()
    link.stop(1.0)
    assert time.monotonic() - began < 0.2
    assert alive(*THREADS) == []


def test_stop_returns_within_its_time_though_all_threads_are_stuck(bench: Bench) -> None:
    link = bench.ready(timeout_s=3)
    bench.valt.faults.add(Fault("hang", count=None))
    link.poll_now()
    bench.ask(START)
    bench.ask(DeliverMarker(kept("R1"), 0))
    wait_until(lambda: [entry.fault for entry in bench.valt.requests].count("hang") == 3)
    began = time.monotonic()
    link.stop(0.3)
    assert 0.25 < time.monotonic() - began < 0.5
    assert len(alive(*THREADS)) == 3


def test_an_abandoned_link_ends_by_itself_and_sends_nothing_more(bench: Bench) -> None:
    link = bench.ready(timeout_s=0.3)
    bench.valt.faults.add(Fault("hang", "rooms/4"))
    bench.valt.faults.add(Fault("hang", "rooms/4"))
    bench.valt.faults.add(Fault("hang", "comment/record"))
    link.poll_now()
    bench.ask(START)
    bench.ask(LockRoom())
    bench.ask(DeliverMarker(kept("R1"), 0))
    bench.ask(DeliverMarker(kept("R2"), 0))
    wait_until(lambda: [entry.fault for entry in bench.valt.requests].count("hang") == 3)
    link.stop(0)
    wait_until(lambda: alive(*THREADS) == [])
    assert bench.asked("rooms/4/lock") == 0
    assert bench.asked("comment/record/R2") == 0


# ---- the watcher, turn by turn ----------------------------------------------------------------


class Clock:
    """Time that passes only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A watcher whose turns are made by hand, at a server without a socket; one clock for all."""

    def __init__(self, *, room: int | str = 4, interval_s: float = 1.0) -> None:
        self.clock = Clock()
        self.reply_s = 0.0
        self.world = World(clock=self.clock)
        self.api = Api(self.world, "admin", "admin")
        self.failure: ValtError | None = None
        self.posted: list[Event] = []
        self.watcher = Watcher(
            Session(Client(self), "admin", Secret("admin"), clock=self.clock),
            room,
            self.posted.append,
            poll_interval_s=interval_s,
            clock=self.clock,
        )

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        self.clock.now += self.reply_s
        if self.failure is not None:
            raise self.failure
        payload = b"" if body is None else json.dumps(body).encode()
        reply = self.api.handle(method, f"/api/v3/{path}?{urlencode(query)}", payload)
        return Reply(reply.status, reply.payload)

    def turn(self) -> float:
        self.posted.clear()
        return self.watcher.turn()

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.posted]


@pytest.mark.parametrize(
    ("reply_s", "expected_s"), [(0.0, 1.0), (0.2, 1.0), (0.3, 1.2), (2.0, 8.0), (5.0, 20.0)]
)
def test_the_interval_grows_with_slow_replies(reply_s: float, expected_s: float) -> None:
    desk = Desk(interval_s=1.0)
    desk.turn()
    desk.reply_s = reply_s
    for _ in range(10):
        assert expected_s * 0.9 <= desk.turn() <= expected_s * 1.1
    desk.reply_s = 0.0
    assert desk.turn() <= 1.1


def test_the_interval_is_jittered() -> None:
    desk = Desk()
    waits = [desk.turn() for _ in range(20)]
    assert max(waits) - min(waits) > 0.01


@pytest.mark.parametrize(("interval_s", "longest_s"), [(0.5, 0.55), (1.0, 1.1), (60.0, 5.5)])
def test_a_server_that_cannot_be_reached_is_tried_at_the_interval_or_after_five_seconds(
    interval_s: float, longest_s: float
) -> None:
    desk = Desk(interval_s=interval_s)
    desk.failure = Unreachable("nobody there")
    for _ in range(10):
        assert longest_s * 0.8 < desk.turn() <= longest_s
        assert desk.kinds() == ["WatchFailed"]


def test_after_a_refused_log_in_the_watcher_waits_thirty_seconds() -> None:
    desk = Desk()
    desk.failure = LogInRefused("no")
    assert 29 < desk.turn() <= 30
    desk.clock.now += 10
    assert 19 < desk.turn() <= 20


def test_the_room_is_informed_of_every_minute() -> None:
    desk = Desk()
    informed = []
    for second in range(200):
        desk.turn()
        assert desk.kinds()[0] == "RoomPolled"
        informed += [second] * desk.kinds().count("RoomInformed")
        desk.clock.now += 1
    assert informed == [0, 60, 120, 180]


def test_the_room_is_informed_of_when_a_recording_begins_and_not_otherwise() -> None:
    desk = Desk()
    world = desk.world

    def informs() -> bool:
        desk.clock.now += 1
        desk.turn()
        assert "WatchFailed" not in desk.kinds()
        return "RoomInformed" in desk.kinds()

    assert informs()
    assert not informs()
    first = world.start(4, "first").id
    assert informs()
    assert isinstance(desk.posted[-1], RoomInformed)
    assert desk.posted[-1].info.recording == first
    assert not informs()
    world.pause(4)
    assert not informs()
    world.resume(4)
    assert informs(), "the server's time may have been set back by the pause (valt-api 13 no. 9)"
    assert desk.posted[-1].info.recording == first
    assert not informs()
    world.stop(4)
    assert not informs()
    world.lock(4)
    assert not informs()
    world.unlock(4)
    world.start(4, "second")
    assert informs()
    assert not informs()
    world.stop(4)
    world.start(4, "third, between two polls")
    assert informs()
    assert not informs()


def test_the_room_is_informed_of_when_the_link_is_back() -> None:
    desk = Desk()
    desk.turn()
    desk.failure = ConnectionLost("gone")
    desk.turn()
    desk.failure = None
    desk.turn()
    assert desk.kinds() == ["RoomPolled", "RoomInformed"]


def test_a_token_that_expired_is_met_by_the_poll() -> None:
    desk = Desk()
    desk.world.quirks.token_lifetime_s = 3600
    desk.turn()
    desk.clock.now += 3601
    desk.turn()
    assert desk.kinds() == ["RoomPolled", "RoomInformed"]
    assert [entry.path for entry in desk.world.journal].count("/api/v3/login") == 2


def test_the_log_in_is_renewed_once_a_day() -> None:
    desk = Desk()
    for _ in range(49):  # 48 hours
        desk.turn()
        assert "WatchFailed" not in desk.kinds()
        desk.clock.now += 3600
    assert [entry.path for entry in desk.world.journal].count("/api/v3/login") == 3


def test_a_failing_renewal_is_told_and_the_polls_go_on() -> None:
    desk = Desk()
    desk.turn()
    desk.clock.now += 86_401
    desk.api.username = "renamed"  # so that the log-in is refused
    desk.turn()
    assert desk.kinds() == ["RenewalFailed", "RoomPolled", "RoomInformed"]
    assert isinstance(desk.posted[0], RenewalFailed)
    assert isinstance(desk.posted[0].error, LogInRefused)
    desk.turn()
    assert desk.kinds() == ["RoomPolled"]


def test_a_room_that_vanishes_is_looked_for_again() -> None:
    desk = Desk(room="Teaching Lab")
    desk.turn()
    assert desk.watcher.room == Room(9, "Teaching Lab")
    desk.failure = RoomNotFound("gone")
    desk.turn()
    assert desk.watcher.room is None
    desk.failure = None
    desk.turn()
    assert desk.kinds() == ["RoomPolled", "RoomInformed"]


def test_stop_is_heard_even_between_two_turns() -> None:
    desk = Desk(interval_s=LONG_S)

    class StoppedMeanwhile(threading.Event):
        """Its clearing is overtaken by a stop, as a scheduler may have it."""

        def clear(self) -> None:
            desk.watcher.stopping.set()
            self.set()
            super().clear()

    desk.watcher.wake = StoppedMeanwhile()
    desk.watcher.start()
    desk.watcher.join(0.3)
    heard = not desk.watcher.is_alive()
    desk.watcher.wake.set()  # let it go in any case
    assert heard


# ---- what must not hold up what ---------------------------------------------------------------


def test_a_stop_goes_before_the_markers_that_wait(bench: Bench) -> None:
    bench.ready()
    recording = str(bench.valt.world.start(4, "Interview").id)
    bench.valt.delay_s = 0.1
    for second in range(3):
        bench.ask(AddMarker(recording, "Note", "red", second))
    stop = bench.ask(StopRecording())
    order = [bench.answer().ask for _ in range(4)]
    assert order.index(stop) <= 1, "behind the one that was already on its way, at most"


@pytest.mark.parametrize("kind", ["status", "html", "hang"])
def test_a_room_by_number_needs_no_list_of_rooms(bench: Bench, kind: str) -> None:
    bench.simulate().faults.add(Fault(kind, "rooms/info", count=1))
    bench.open(4, timeout_s=0.3)
    assert bench.next(RoomPolled).status.state is RoomState.AVAILABLE


def test_a_recording_time_that_cannot_be_read_does_not_take_the_link_down(bench: Bench) -> None:
    bench.simulate().faults.add(Fault("status", "rooms/info/4", count=None))
    bench.open(4, poll_interval_s=0.05)
    for _ in range(3):
        bench.next(RoomPolled)
    bench.valt.faults.clear()
    assert not any(isinstance(bench.events.get(timeout=1), WatchFailed) for _ in range(3))


def test_a_link_that_was_replaced_says_nothing_more(bench: Bench) -> None:
    link = bench.ready(timeout_s=0.3)
    bench.valt.black_hole()
    link.poll_now()
    bench.ask(START)
    link.stop(0)
    while not bench.nothing_more(0.01):
        pass
    assert bench.nothing_more(0.6), "the time-outs of both threads have passed by then"


# ---- the outbox is delivered ------------------------------------------------------------------

DELIVERED = ["5.7.1", "6.1.3", "6.2.4", "6.3.0", "6.4.1", "6.5.2", "6.6.0"]
every_version = pytest.mark.parametrize("version", DELIVERED)


def kept(recording: RecordingId, name: str = "Note", *, sent: bool = False) -> KeptMarker:
    return KeptMarker(1, "valt.example", recording, name, "blue", 3, sent)


def ended(valt: Simulator) -> RecordingId:
    """A recording that is over; the next person's runs in its room."""
    first = valt.world.start(4, "first").id
    valt.world.stop(4)
    valt.world.start(4, "second")
    return first


def found(valt: Simulator) -> list[tuple[str, str, int]]:
    """All markers there are: recording, name and second."""
    return [
        (recording.name, mark.name, mark.time_s)
        for recording in valt.world.recordings
        for mark in recording.markers
    ]


def marker_requests(valt: Simulator) -> list[str]:
    """The method of every request for markers, in order."""
    return [
        entry.method
        for entry in valt.requests
        if "/comment" in entry.path or entry.path.endswith("/markers")
    ]


@every_version
def test_a_marker_of_the_outbox_goes_into_its_own_recording(bench: Bench, version: str) -> None:
    valt = bench.simulate(version=version)
    bench.ready()
    bench.ask(DeliverMarker(kept(ended(valt)), 0))
    event = bench.answer()
    assert isinstance(event, Answered), event
    assert event.result is None
    assert found(valt) == [("first", "Note", 3)]
    assert marker_requests(valt) == ["GET", "POST"], "asked first, then sent, and no more"


@every_version
def test_a_marker_that_is_there_already_is_not_sent_again(bench: Bench, version: str) -> None:
    valt = bench.simulate(version=version)
    bench.ready()
    recording = ended(valt)
    for _ in range(3):
        bench.ask(DeliverMarker(kept(recording, sent=True), 0))
        assert isinstance(bench.answer(), Answered)
    assert found(valt) == [("first", "Note", 3)]
    assert marker_requests(valt) == ["GET", "POST", "GET", "GET"]


@every_version
def test_a_marker_beside_its_twins_is_sent_and_once(bench: Bench, version: str) -> None:
    valt = bench.simulate(version=version)
    bench.ready()
    recording = ended(valt)
    for twins in (0, 1, 2, 2, 1, 0):
        bench.ask(DeliverMarker(kept(recording), twins))
        assert isinstance(bench.answer(), Answered)
    assert found(valt) == [("first", "Note", 3)] * 3


@every_version
def test_only_the_same_name_at_the_same_second_is_a_twin(bench: Bench, version: str) -> None:
    valt = bench.simulate(version=version)
    bench.ready()
    recording = ended(valt)
    for name, time_s in (("Note", 2), ("Note", 4), ("note", 3), ("Note ", 3), ("Not", 3)):
        valt.world.add_marker(recording, name, time_s)
    bench.ask(DeliverMarker(kept(recording, sent=True), 0))
    assert isinstance(bench.answer(), Answered)
    assert found(valt)[-1] == ("first", "Note", 3)
    assert len(found(valt)) == 6


@every_version
@pytest.mark.parametrize("kind", ["reset_after", "reset_inside", "half", "delay", "drip"])
def test_a_marker_whose_delivery_lost_its_answer_is_there_once_at_last(
    bench: Bench, version: str, kind: str
) -> None:
    valt = bench.simulate(version=version)
    bench.ready(timeout_s=0.3)
    recording = ended(valt)
    seconds = {"delay": 5.0, "drip": 1.0}.get(kind)
    valt.faults.add(Fault(kind, "POST", seconds=seconds))
    bench.ask(DeliverMarker(kept(recording), 0))
    assert bench.failure().may_have_happened
    for path in ("records", "comment/record"):  # now what is asked first is lost, too
        valt.faults.add(Fault(kind, f"GET /api/v3/{path}", None, seconds=seconds))
    bench.ask(DeliverMarker(kept(recording, sent=True), 0))
    assert bench.failure().may_have_happened
    valt.faults.clear()
    bench.ask(DeliverMarker(kept(recording, sent=True), 0))
    assert isinstance(bench.answer(), Answered)
    assert found(valt) == [("first", "Note", 3)]
    assert marker_requests(valt).count("POST") == 1


@every_version
def test_a_live_marker_whose_answer_was_lost_is_found_by_its_delivery(
    bench: Bench, version: str
) -> None:
    valt = bench.simulate(version=version)
    bench.ready()
    recording = valt.world.start(4, "first").id
    valt.faults.add(Fault("reset_after", "POST"))
    bench.ask(AddMarker(recording, "Note", "blue", 3))
    assert isinstance(bench.failure(), ConnectionLost)
    bench.ask(DeliverMarker(kept(recording, sent=True), 0))
    assert isinstance(bench.answer(), Answered)
    assert found(valt) == [("first", "Note", 3)]


@pytest.mark.parametrize("version", ["5.7.1", "6.5.2"])
def test_where_the_list_is_refused_only_what_was_never_sent_is_sent(
    bench: Bench, version: str
) -> None:
    valt = bench.simulate(version=version)
    bench.ready()
    recording = ended(valt)
    valt.faults.add(Fault("status", "GET /api/v3/records", None, status=403))
    valt.faults.add(Fault("status", "GET /api/v3/comment", None, status=403))
    bench.ask(DeliverMarker(kept(recording), 0))
    assert isinstance(bench.answer(), Answered)
    bench.ask(DeliverMarker(kept(recording, sent=True), 0))
    error = bench.failure()
    assert isinstance(error, Refused)
    assert "does not say whether it has it already" in str(error)
    assert found(valt) == [("first", "Note", 3)]


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", "GET", None, status=500), ServerFailed),
        (Fault("html", "GET", None), BadReply),
        (Fault("null_data", "GET", None), BadReply),
        (Fault("reset_before", "GET", None), ConnectionLost),
    ],
    ids=["500", "html", "null", "reset"],
)
def test_where_the_list_fails_only_what_was_never_sent_is_sent(
    bench: Bench, fault: Fault, error: type[ValtError], sent: bool
) -> None:
    bench.ready()
    recording = ended(bench.valt)
    bench.valt.faults.add(Fault(**{**vars(fault), "match": "GET /api/v3/comment"}))
    bench.ask(DeliverMarker(kept(recording, sent=sent), 0))
    if sent or error is ConnectionLost:
        assert isinstance(bench.failure(), error)
        assert set(marker_requests(bench.valt)) == {"GET"}
    else:
        assert isinstance(bench.answer(), Answered)
        assert found(bench.valt) == [("first", "Note", 3)]


@every_version
def test_a_recording_that_is_gone_refuses_the_marker(bench: Bench, version: str) -> None:
    valt = bench.simulate("marker_refusal_status=400", version=version)
    bench.ready()
    gone: RecordingId = 999_999 if version.startswith("5") else "00000000-0000-4000-8000-000000000"
    bench.ask(DeliverMarker(kept(gone), 0))
    assert isinstance(bench.failure(), Refused)
    bench.ask(DeliverMarker(kept(gone, sent=True), 0))
    assert isinstance(bench.failure(), Refused)
    assert marker_requests(valt).count("POST") == 1, "never sent blindly a second time"


def test_a_press_is_not_queued_behind_a_hung_delivery(bench: Bench) -> None:
    bench.ready(timeout_s=3)
    bench.valt.faults.add(Fault("hang", "comment/record"))
    bench.ask(DeliverMarker(kept(ended(bench.valt)), 0))
    wait_until(bench.hangs)
    began = time.monotonic()
    stop = bench.ask(StopRecording())
    event = bench.answer()
    assert (type(event), event.ask) == (Answered, stop)
    assert time.monotonic() - began < 0.3


def test_a_delivery_is_not_queued_behind_a_hung_press(bench: Bench) -> None:
    bench.ready(timeout_s=3)
    recording = ended(bench.valt)
    bench.valt.faults.add(Fault("hang", "record/stop"))
    bench.ask(StopRecording())
    wait_until(bench.hangs)
    delivery = bench.ask(DeliverMarker(kept(recording), 0))
    event = bench.answer(1.0)
    assert (type(event), event.ask) == (Answered, delivery)


def test_a_delivery_that_comes_too_late_is_not_sent(bench: Bench) -> None:
    bench.ready()
    bench.ask(DeliverMarker(kept(ended(bench.valt)), 0), within_s=-0.01)
    assert isinstance(bench.failure(), NotSentInTime)
    assert marker_requests(bench.valt) == []


def test_a_delivery_whose_question_took_all_the_time_is_not_sent(bench: Bench) -> None:
    bench.ready()
    recording = ended(bench.valt)
    bench.valt.faults.add(Fault("delay", "comment/record", seconds=0.3))
    bench.ask(DeliverMarker(kept(recording), 0), within_s=0.15)
    assert not bench.failure().may_have_happened
    assert found(bench.valt) == []


def test_a_delivery_needs_no_room(bench: Bench) -> None:
    """A room that has just vanished, or was renamed, and the marker is delivered before that
    is known: the controller drops what was refused, and the marker is lost."""
    bench.open("No such room")
    assert isinstance(bench.next(WatchFailed).error, RoomNotFound)
    bench.ask(DeliverMarker(kept(ended(bench.valt)), 0))
    event = bench.answer()
    assert isinstance(event, Answered) or not isinstance(event.error, Refused)


@pytest.mark.parametrize("version", ["5.7.1", "6.5.2"])
def test_a_marker_that_a_stop_and_a_start_overtook_stays_in_its_recording(
    bench: Bench, version: str
) -> None:
    """By the room's path VALT 5 would put it into the next person's recording (decision 14)."""
    valt = bench.simulate(version=version)
    first = valt.world.start(4, "the one that was meant").id
    bench.ready()
    valt.delay_s = 0.1
    for name in ("goes at once", "overtaken"):
        bench.ask(AddMarker(first, name, "red", 0))
    bench.ask(StopRecording())
    bench.ask(StartRecording(None, ""))
    assert all(isinstance(bench.answer(), Answered) for _ in range(4))
    markers = [[marker.name for marker in one.markers] for one in valt.world.recordings]
    assert markers == [["goes at once", "overtaken"], []]

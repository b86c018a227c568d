"""What the pages know of the daemon: one subscription for all, and nothing while nobody looks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import (
    ConfigStatus,
    FactoryDefaultStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    RoomStatus,
    Status,
)
from ivsd.web.live import (
    LINGER_S,
    MOST_KEPT,
    MOST_STREAMS,
    PAUSE_S,
    REFRESH_S,
    Live,
    Once,
    Stream,
    TooManyStreams,
)

FREE = Status(
    version="0.1.0",
    uptime_s=3700.0,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Interview Room 1", "available", "available", False, False, None, 0.5),
    link=LinkStatus("https://valt", True, "", "", 90.0, 80.0, "6.5.2", "system"),
    lights=LightsStatus("available", "", False, None, 0),
    lamps=(),
    controls=(),
    devices=(),
    outbox=OutboxStatus(0, ""),
    outcomes=(),
    factory_default=FactoryDefaultStatus(True),
)
BUSY = replace(FREE, lights=replace(FREE.lights, pending=True))
RECORDS = replace(FREE, room=replace(FREE.room, state="recording", shown="recording"))
GONE = ControlError("no_answer", "the daemon has ended, or hung up")
AWAY = ControlError("no_daemon", "no daemon answers: nobody listens at /run/x")


News = queue.Queue[Status | ControlError]


class Daemon:
    """Answers subscriptions with `newest`, or with a ControlError; `tell` sends all of them news.

    `now` is the clock of its Live.
    """

    def __init__(self) -> None:
        self.newest: Status | ControlError | ValueError = FREE
        self.now = 100.0
        self.subscribed = 0
        self.threads: set[threading.Thread] = set()
        self.paused: queue.Queue[float] = queue.Queue()
        self.go_on: queue.Queue[None] = queue.Queue()
        self.changed = threading.Condition()
        self.open: list[News] = []
        self.waiting: list[News] = []
        """Those whose first status was taken."""
        self.live = Live(self.subscribe, clock=lambda: self.now, pause=self.pause)

    def subscribe(self) -> Iterator[Status]:
        self.subscribed += 1
        if threading.current_thread() is not threading.main_thread():
            self.threads.add(threading.current_thread())
        if not isinstance(self.newest, Status):
            raise self.newest
        news: News = queue.Queue()
        self._set(self.open, news, True)
        try:
            yield self.newest
            self._set(self.waiting, news, True)
            while not isinstance(item := news.get(timeout=10.0), ControlError):
                yield item
            raise item
        finally:
            self._set(self.open, news, False)
            self._set(self.waiting, news, False)

    def _set(self, among: list[News], news: News, is_there: bool) -> None:
        with self.changed:
            if is_there:
                among.append(news)
            elif news in among:
                among.remove(news)
            self.changed.notify_all()

    def pause(self, seconds: float) -> None:
        self.paused.put(seconds)
        self.go_on.get(timeout=10.0)

    def tell(self, item: Status | ControlError) -> None:
        """Send news to whoever is subscribed, and wait until somebody is."""
        self.wait_for(1)
        if isinstance(item, Status):
            self.newest = item
        for news in list(self.open):
            news.put(item)

    def wait_for(self, subscriptions: int) -> None:
        with self.changed:
            wanted = (subscriptions, subscriptions)
            assert self.changed.wait_for(lambda: (len(self.open), len(self.waiting)) == wanted, 5.0)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.live.close()
    daemon.now += LINGER_S + 1.0
    daemon.newest = AWAY
    for news in list(daemon.open):
        news.put(GONE)
    daemon.go_on.put(None)
    for thread in daemon.threads:
        thread.join(5.0)
        assert not thread.is_alive()


def followed(daemon: Daemon) -> Stream:
    """Open a stream and wait until the thread behind it has its subscription."""
    stream = daemon.live.stream()
    assert next(stream) == daemon.newest
    daemon.wait_for(1)
    return stream


# -- a page that is read once ---------------------------------------------------------------------


def test_many_visitors_are_one_caller_of_the_daemon(daemon: Daemon) -> None:
    assert [daemon.live.status() for _ in range(10)] == [FREE] * 10
    assert daemon.subscribed == 1
    daemon.now += 1.0
    daemon.live.status()
    assert daemon.subscribed == 2


def test_a_page_that_is_read_once_leaves_nothing_behind(daemon: Daemon) -> None:
    daemon.live.status()
    assert daemon.open == []
    assert daemon.subscribed == 1


def test_a_daemon_that_does_not_answer_is_waited_for_once() -> None:
    began, let_go, asked = threading.Event(), threading.Event(), []

    def subscribe() -> Iterator[Status]:
        asked.append(1)
        began.set()
        assert let_go.wait(5.0)
        raise AWAY

    live = Live(subscribe)
    found: list[object] = []
    visitors = [threading.Thread(target=lambda: found.append(live.status())) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    assert began.wait(5.0)
    let_go.set()
    for visitor in visitors:
        visitor.join(5.0)
    assert (len(asked), len(found)) == (1, 8)
    assert all(isinstance(item, ControlError) and str(item) == str(AWAY) for item in found)


def test_a_daemon_that_says_nothing_is_told_as_one() -> None:
    found = Live(lambda: iter(())).status()
    assert isinstance(found, ControlError)
    assert found.code == "no_answer"


# -- a page that is live --------------------------------------------------------------------------


def test_a_stream_tells_the_newest_at_once_and_then_each_change(daemon: Daemon) -> None:
    stream = followed(daemon)
    for news in (BUSY, RECORDS):
        daemon.tell(news)
        assert next(stream) == news


def test_twenty_open_pages_are_one_subscription(daemon: Daemon) -> None:
    streams = [daemon.live.stream() for _ in range(20)]
    assert [next(stream) for stream in streams] == [FREE] * 20
    daemon.wait_for(1)
    daemon.tell(RECORDS)
    found = [next(stream) for stream in streams]
    assert found == [RECORDS] * 20
    assert all(item is found[0] for item in found)  # so it need be drawn once only
    assert daemon.subscribed <= 2  # the subscription, and maybe the first page asked before it
    assert len(daemon.open) == 1
    assert daemon.live.streams == 20


def test_a_slow_reader_gets_the_newest_only(daemon: Daemon) -> None:
    slow, quick = followed(daemon), daemon.live.stream()
    next(quick)
    for news in (BUSY, RECORDS):
        daemon.tell(news)
        assert next(quick) == news
    assert next(slow) == RECORDS


def test_without_news_there_is_a_sign_of_life(daemon: Daemon) -> None:
    stream = daemon.live.stream(keep_alive_s=0.0)
    assert next(stream) == FREE
    assert next(stream) is None
    assert next(stream) is None


def test_there_are_24_places_and_a_closed_stream_frees_its_own(daemon: Daemon) -> None:
    streams = [daemon.live.stream() for _ in range(MOST_STREAMS)]
    with pytest.raises(TooManyStreams):
        daemon.live.stream()
    streams[7].close()
    streams[7].close()
    again = daemon.live.stream()
    assert next(again) == FREE
    with pytest.raises(TooManyStreams):
        daemon.live.stream()
    assert list(streams[7]) == []


def test_a_reader_that_hung_up_frees_its_place(daemon: Daemon) -> None:
    gone = threading.Event()
    stream = daemon.live.stream(is_gone=gone.is_set)
    next(stream)
    gone.set()
    assert list(stream) == []
    assert daemon.live.streams == 0


def test_a_stream_that_waits_ends_when_it_is_closed(daemon: Daemon) -> None:
    stream = followed(daemon)
    rest: list[object] = []
    reader = threading.Thread(target=lambda: rest.extend(stream))
    reader.start()
    stream.close()
    reader.join(5.0)
    assert not reader.is_alive()
    assert rest == []


def test_at_the_end_of_the_service_every_stream_ends(daemon: Daemon) -> None:
    streams = [followed(daemon), daemon.live.stream()]
    daemon.live.close()
    assert [list(stream) for stream in streams] == [[], []]
    assert daemon.live.streams == 0


# -- the daemon goes away -------------------------------------------------------------------------


def test_a_daemon_that_goes_away_and_comes_back_is_told(daemon: Daemon) -> None:
    stream = followed(daemon)
    daemon.newest = AWAY
    for news in list(daemon.open):
        news.put(GONE)
    found = next(stream)
    assert isinstance(found, ControlError)
    assert str(found) == str(GONE)
    assert daemon.paused.get(timeout=5.0) == PAUSE_S
    daemon.go_on.put(None)
    found = next(stream)
    assert isinstance(found, ControlError)
    assert found.code == "no_daemon"
    daemon.newest = RECORDS
    daemon.paused.get(timeout=5.0)
    daemon.go_on.put(None)
    assert next(stream) == RECORDS


def test_the_same_trouble_once_more_is_no_news(daemon: Daemon) -> None:
    daemon.newest = AWAY
    stream = daemon.live.stream(keep_alive_s=0.0)
    assert isinstance(next(stream), ControlError)
    for _ in range(3):
        daemon.paused.get(timeout=5.0)
        daemon.go_on.put(None)
        assert next(stream) is None


def test_a_daemon_that_hangs_is_found_out(daemon: Daemon) -> None:
    """A subscription to it just stays silent."""
    stream = followed(daemon)
    daemon.newest = ControlError("no_answer", "the daemon does not answer")
    daemon.now += REFRESH_S
    found = next(stream)
    assert isinstance(found, ControlError)
    assert str(found) == "the daemon does not answer"


def test_an_open_page_is_told_anew_when_nothing_changes(daemon: Daemon) -> None:
    """Else what it says of ages would be more and more wrong."""
    stream = followed(daemon)
    daemon.newest = replace(FREE, uptime_s=FREE.uptime_s + REFRESH_S)
    daemon.now += REFRESH_S
    assert next(stream) == daemon.newest


def test_news_that_come_while_somebody_asks_are_not_overwritten() -> None:
    asked, answer = threading.Event(), threading.Event()
    calls: list[int] = []
    news: queue.Queue[Status] = queue.Queue()

    def subscribe() -> Iterator[Status]:
        calls.append(1)
        if len(calls) == 1:  # the thread's own
            yield news.get(timeout=10.0)
            yield news.get(timeout=10.0)
        asked.set()
        assert answer.wait(5.0)
        yield FREE  # which is old by then

    live = Live(subscribe, clock=lambda: 0.0)
    stream = live.stream()
    visitor = threading.Thread(target=live.status)
    visitor.start()
    assert asked.wait(5.0)
    other = live.stream()
    news.put(RECORDS)
    while live.newest()[0] != RECORDS:
        live.wait(other, live.newest()[1], 0.01)
    answer.set()
    visitor.join(5.0)
    assert next(other) == next(stream) == RECORDS
    stream.close()
    other.close()
    news.put(FREE)


# -- nobody looks ---------------------------------------------------------------------------------


def test_the_subscription_ends_with_the_first_news_after_the_last_page(daemon: Daemon) -> None:
    followed(daemon).close()
    daemon.now += LINGER_S
    daemon.tell(RECORDS)
    daemon.wait_for(0)
    assert daemon.live.status() == RECORDS


def test_a_page_that_is_read_again_keeps_the_subscription(daemon: Daemon) -> None:
    followed(daemon).close()
    daemon.now += LINGER_S / 2
    daemon.tell(BUSY)
    stream = daemon.live.stream()
    daemon.now += LINGER_S
    daemon.tell(RECORDS)
    while next(stream) != RECORDS:
        pass
    assert len(daemon.open) == 1


def test_the_next_page_after_a_quiet_time_is_live_again(daemon: Daemon) -> None:
    followed(daemon).close()
    daemon.now += LINGER_S
    daemon.tell(RECORDS)
    daemon.wait_for(0)
    stream = followed(daemon)
    daemon.tell(FREE)
    assert next(stream) == FREE


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_does_not_leave_the_pages_without_news_for_good(daemon: Daemon) -> None:
    daemon.newest = ValueError("a defect")
    stream = daemon.live.stream()
    with pytest.raises(ValueError, match="a defect"):
        next(stream)
    stream.close()
    for thread in daemon.threads:
        thread.join(5.0)
    daemon.newest = FREE
    followed(daemon)


# -- what is made of it ---------------------------------------------------------------------------


def test_what_twenty_readers_want_is_made_once() -> None:
    once, made = Once(), []

    def make() -> bytes:
        made.append(1)
        return b"%d" % len(made)

    assert [once.get(FREE, "panel", make) for _ in range(20)] == [b"1"] * 20
    assert once.get(FREE, "log", make) == b"2"
    assert once.get(BUSY, "panel", make) == b"3"


def test_what_is_kept_does_not_grow() -> None:
    once = Once()
    for number in range(MOST_KEPT + 5):
        once.get(FREE, number, lambda: b"x")
    assert len(once._made) <= MOST_KEPT

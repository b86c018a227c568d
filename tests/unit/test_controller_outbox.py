"""Markers that cannot be set now: kept on the box, delivered once each, none in the way of others.

`Box` is a controller with a disk and a server in simulated time. Its disk answers at once unless
a test makes it slow, and what is on it survives `restart`. After every step it checks that a
marker was told to be kept only when it was on the disk, that only what is on the disk is
delivered, one at a time and with the link up only, and that nothing waits without a deadline.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivsd.controller import Controller
from ivsd.controller.outbox import (
    DELIVERY_ATTEMPTS,
    LONGEST_NETWORK_RETRY_S,
    LONGEST_RETRY_S,
    MOST,
)
from ivsd.events import (
    Action,
    AddMarker,
    Answered,
    Ask,
    AskFailed,
    Binding,
    ControlRules,
    DeliverMarker,
    Drop,
    Event,
    Gesture,
    Keep,
    Kept,
    KeptMarker,
    LightView,
    MarkerTime,
    MarkSent,
    Note,
    NotKept,
    OutboxLost,
    OutboxRead,
    Outcome,
    PauseRecording,
    Pressed,
    Receipt,
    Reconfigured,
    Released,
    Report,
    RoomInformed,
    RoomPolled,
    Rules,
    Show,
    StopRecording,
    Tick,
    WatchFailed,
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
    Unreachable,
    ValtError,
)
from ivsd.valt.model import RecordingId, Room, RoomInfo, RoomState, RoomStatus

DONE, FAILED, IGNORED = "done", "failed", "ignored"
HERE, THERE = "valt.example", "other.example"


def on_press(*actions: Action | Binding) -> ControlRules:
    bindings = (it if isinstance(it, Binding) else Binding(it) for it in actions)
    return ControlRules({Gesture.PRESS: tuple(bindings)})


MARK = Binding(Action.MARKER, "Note", "blue")
CONTROLS = {
    "mark": on_press(MARK),
    "count": on_press(Binding(Action.MARKER, "No {count}", "red")),
    "tap": ControlRules({Gesture.TAP: (MARK,)}),
    "start": on_press(Action.START),
    "stop": on_press(Action.STOP),
    "pause": on_press(Action.PAUSE_TOGGLE),
    "mark+pause": on_press(MARK, Action.PAUSE),
}
RULES = Rules(CONTROLS, server=HERE)
ELSEWHERE = replace(RULES, server=THERE)

AVAILABLE = RoomStatus(RoomState.AVAILABLE, word="available")
RECORDING = RoomStatus(RoomState.RECORDING, "R1", True, "recording")
PAUSED = RoomStatus(RoomState.PAUSED, "R1", True, "paused")
LOCKED_RECORDING = RoomStatus(RoomState.LOCKED, "R1", True, "locked")
OTHER = RoomStatus(RoomState.RECORDING, "R2", True, "recording")

AWAY = Unreachable("the server refuses connections")
LOST = [NoReply("no answer"), ConnectionLost("broke"), BadReply("no JSON"), ServerFailed("500")]
NOT_DONE = [
    AWAY,
    NotSentInTime("too busy"),
    LogInRefused("log-in refused"),
    TlsUntrusted("expired"),
    NotValt("a web page"),
]
BACK, DELIVERED = "until the server is back", "until it is delivered"


def by_type(error: object) -> str:
    return type(error).__name__


class Box:
    """One controller, its disk, and the time. The room records since 60 s, if not said else."""

    def __init__(
        self,
        status: RoomStatus | None = RECORDING,
        rules: Rules = RULES,
        disk: tuple[KeptMarker, ...] | None = (),
    ) -> None:
        self.disk = {marker.id: marker for marker in disk or ()}
        self.disk_answers = True
        self.now = 100.0
        self._come_up(rules)
        if disk is not None:
            self.feed(OutboxRead(tuple(self.disk.values())))
        if status is not None:
            self.poll(status)
            self.now += 60.0

    def _come_up(self, rules: Rules) -> None:
        self.controller = Controller(rules)
        self.light = LightView()
        self.asks: list[Ask] = []
        self.outcomes: list[Outcome] = []
        self.notes: list[Note] = []
        self.deadline: float | None = None
        self.under_way: dict[int, DeliverMarker] = {}
        self._out_until = 0.0
        self._link_up = False
        self.server = rules.server

    # -- events -----------------------------------------------------------------------------

    def feed(self, event: Event) -> Box:
        if isinstance(event, RoomPolled):
            self._link_up = True
        elif isinstance(event, WatchFailed):
            self._link_up = False
        elif isinstance(event, Reconfigured):
            self._link_up = self._link_up and not event.new_room
            self.server = event.rules.server
        if isinstance(event, Answered | AskFailed):
            self.under_way.pop(event.ask, None)
        if self.now >= self._out_until:
            self.under_way.clear()  # the controller has given them up
        step = self.controller.step(event, self.now)
        self.deadline = step.deadline
        for command in step.commands:
            self._take(command)
        assert self.deadline is None or self.deadline > self.now, "it would be spinning"
        assert not self.light.pending or self.deadline is not None, "nothing will end it"
        for command in step.commands:
            if isinstance(command, Keep) and self.disk_answers:
                self.feed(Kept(command.marker.id))
        return self

    def _take(self, command: object) -> None:
        match command:
            case Keep(marker):
                assert marker.id not in self.disk, "the disk takes a number once"
                self.disk[marker.id] = marker
            case MarkSent(id_):
                self.disk[id_] = replace(self.disk[id_], was_sent=True)
            case Drop(id_):
                self.disk.pop(id_, None)
            case Show(view):
                self.light = view
            case Report(outcome):
                if "is kept on this box" in outcome.reason:
                    assert self.disk
                self.outcomes.append(outcome)
            case Note():
                self.notes.append(command)
            case Ask(id_, request, send_before):
                self.asks.append(command)
                if isinstance(request, DeliverMarker):
                    assert self._link_up, "delivered into the dark"
                    assert request.marker.id in self.disk, "delivered before it is safe"
                    assert self.disk[request.marker.id].was_sent, "the disk must know it before"
                    assert request.marker.server == self.server
                    assert not self.under_way, "two at a time"
                    assert send_before == self.now + RULES.reply_timeout_s
                    self.under_way[id_] = request
                    self._out_until = self.now + 2 * RULES.reply_timeout_s + 1.0

    def press(self, control: str, at: float | None = None) -> Box:
        return self.feed(Pressed(control, self.now if at is None else at))

    def poll(self, status: RoomStatus) -> Box:
        return self.feed(RoomPolled(status, self.now, self.now))

    def lose(self, error: ValtError = AWAY) -> Box:
        return self.feed(WatchFailed(error, self.now))

    def answer(self, result: RecordingId | None = None, ask: Ask | None = None) -> Box:
        return self.feed(Answered((ask or self.asks[-1]).id, result, self.now, self.now))

    def fail(self, error: ValtError, ask: Ask | None = None) -> Box:
        return self.feed(AskFailed((ask or self.asks[-1]).id, error, self.now))

    def wait(self, seconds: float) -> Box:
        end = self.now + seconds
        while self.deadline is not None and self.deadline <= end:
            self.now = max(self.now, self.deadline)
            self.feed(Tick())
        self.now = end
        return self

    def restart(self, rules: Rules = RULES) -> Box:
        """Pull the plug and come up again, a minute later, with what is on the disk."""
        self.now += 60.0
        self.disk_answers = True
        self._come_up(rules)
        return self.feed(OutboxRead(tuple(self.disk.values())))

    # -- what came of it --------------------------------------------------------------------

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(outcome.result.value, outcome.reason) for outcome in self.outcomes]

    @property
    def deliveries(self) -> list[DeliverMarker]:
        return [ask.request for ask in self.asks if isinstance(ask.request, DeliverMarker)]

    @property
    def live(self) -> list[AddMarker]:
        return [ask.request for ask in self.asks if isinstance(ask.request, AddMarker)]

    @property
    def said(self) -> list[str]:
        return [note.text for note in self.notes]

    @property
    def problems(self) -> list[str]:
        return [note.text for note in self.notes if note.problem and note.text != str(AWAY)]

    def kept(self) -> list[tuple[RecordingId, str, int]]:
        return [(marker.recording, marker.name, marker.time_s) for marker in self.disk.values()]


def kept(id_: int, *, server: str = HERE, sent: bool = False, name: str = "Note") -> KeptMarker:
    return KeptMarker(id_, server, "R0", name, "blue", id_, sent)


def done(name: str, at: str, until: str) -> tuple[str, str]:
    return DONE, f"marker “{name}” at {at} is kept on this box {until}"


# -- what goes to the outbox ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "time_s"), [(RECORDING, 60), (PAUSED, 0), (LOCKED_RECORDING, 60)]
)
def test_a_marker_pressed_while_the_link_is_down_is_kept(status: RoomStatus, time_s: int) -> None:
    box = Box(status).lose().press("mark")
    assert box.told == [done("Note", f"{time_s // 60:02}:{time_s % 60:02}", BACK)]
    assert list(box.disk.values()) == [KeptMarker(1, HERE, "R1", "Note", "blue", time_s, False)]
    assert (box.asks, box.light.receipt) == ([], Receipt.MARKED)
    assert not box.light.pending


def test_a_marker_stands_where_the_button_went_down_although_the_link_was_down() -> None:
    box = Box().lose().wait(12.375).press("mark").wait(30).press("mark")
    assert [time_s for _, _, time_s in box.kept()] == [72, 102]


def test_a_marker_in_an_outage_is_rounded_as_every_other_and_waits_for_nothing() -> None:
    box = Box().lose().wait(0.5).press("mark")
    assert box.kept() == [("R1", "Note", 61)]
    assert box.told == [done("Note", "01:01", BACK)]


@pytest.mark.parametrize("status", [AVAILABLE, None], ids=["nothing recorded", "never polled"])
def test_a_marker_without_a_confirmed_recording_is_not_kept(status: RoomStatus | None) -> None:
    box = Box(status).lose().press("mark")
    ((result, reason),) = box.told
    assert (result, reason) == (FAILED, f"the room's state is unknown: {AWAY}")
    assert box.disk == {}


def test_a_marker_in_a_recording_without_a_name_is_not_kept() -> None:
    box = Box(RoomStatus(RoomState.PAUSED, None, False, "paused")).lose().press("mark")
    assert box.told == [(FAILED, "the server does not name the recording")]
    assert box.disk == {}


def test_other_presses_still_fail_while_the_link_is_down() -> None:
    box = Box().lose().press("stop").press("pause")
    assert [result for result, _ in box.told] == [FAILED, FAILED]
    assert box.disk == {}


@pytest.mark.parametrize("error", LOST, ids=by_type)
def test_a_marker_whose_answer_was_lost_is_kept_as_one_that_may_have_been_sent(
    error: ValtError,
) -> None:
    box = Box().press("mark").fail(error)
    assert box.told == [done("Note", "01:00", DELIVERED)]
    assert [marker.was_sent for marker in box.disk.values()] == [True]
    assert box.light.receipt is Receipt.MARKED


@pytest.mark.parametrize("error", NOT_DONE, ids=by_type)
def test_a_marker_that_was_not_set_is_kept_as_one_that_was_not_sent(error: ValtError) -> None:
    box = Box().press("mark").fail(error)
    assert box.told == [done("Note", "01:00", DELIVERED)]
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [False], "and goes at once"


def test_a_marker_that_is_never_answered_is_kept_in_time() -> None:
    box = Box().press("mark").wait(5.9)
    assert (box.told, box.light.name) == ([], "pending")
    box.wait(0.2)
    assert box.told == [done("Note", "01:00", DELIVERED)]
    assert [marker.was_sent for marker in box.disk.values()] == [True]


@pytest.mark.parametrize(
    "error", [Refused("no such position"), NotAllowed("no right")], ids=by_type
)
def test_a_marker_that_is_refused_in_its_recording_fails_and_is_not_kept(error: Refused) -> None:
    box = Box().press("mark").fail(error)
    assert box.told == [(FAILED, str(error))]
    assert (box.disk, box.light.receipt) == ({}, Receipt.REFUSED)


@pytest.mark.parametrize("after", [AVAILABLE, OTHER], ids=["ended", "the next one runs"])
def test_a_marker_that_is_refused_after_its_recording_had_ended_is_kept(after: RoomStatus) -> None:
    """VALT 5 takes a marker by the room, into what is recorded there then."""
    box = Box().press("mark").poll(after).fail(NotFound("Recording in room not found"))
    assert box.told == [done("Note", "01:00", DELIVERED)]
    (delivery,) = box.deliveries
    assert (delivery.marker.recording, delivery.marker.was_sent) == ("R1", False)


def test_a_marker_that_is_refused_while_the_link_is_down_fails() -> None:
    """Nobody says that its recording has ended, and the server did say no."""
    box = Box().press("mark").lose().fail(Refused("no such position"))
    assert box.told == [(FAILED, "no such position")]


def test_with_a_wrong_configuration_no_marker_is_kept() -> None:
    wrong = replace(RULES, config_problem="ivsd.yaml is wrong")
    box = Box().lose().feed(Reconfigured(wrong, new_room=False)).press("mark")
    assert box.told == [(FAILED, "ivsd.yaml is wrong")]
    assert box.disk == {}


def test_markers_of_an_outage_are_counted_with_the_others() -> None:
    box = Box().press("count").answer().lose().press("count").wait(5).press("count")
    assert [name for _, name, _ in box.kept()] == ["No 2", "No 3"]


# -- held back until its second ---------------------------------------------------------------


def test_a_marker_that_is_held_back_is_sent_when_its_second_is_reached() -> None:
    box = Box().wait(0.625).press("mark")
    assert (box.asks, box.told, box.light.name) == ([], [], "pending")
    assert box.deadline == box.now + 0.375
    box.wait(0.375)
    assert box.live == [AddMarker("R1", "Note", "blue", 61)]
    assert box.answer().told == [(DONE, "marker “Note” at 01:01")]


def test_a_marker_that_is_handled_late_is_not_held_back_for_a_second_that_is_over() -> None:
    box = Box().wait(0.75)
    at = box.now
    box.now += 0.25
    assert box.press("mark", at).live == [AddMarker("R1", "Note", "blue", 61)]


def test_a_held_back_marker_is_kept_as_soon_as_the_link_goes() -> None:
    box = Box().wait(0.625).press("mark").wait(0.125).lose()
    assert box.told == [done("Note", "01:01", BACK)]
    assert box.asks == []
    box.wait(10)
    assert (len(box.told), box.asks) == (1, [])


def test_a_stop_right_after_a_held_back_marker_does_not_take_it_along() -> None:
    """The stop goes first; the marker goes into its recording all the same."""
    box = Box().wait(0.5).press("mark").wait(0.125).press("stop")
    assert [type(ask.request) for ask in box.asks] == [StopRecording]
    box.wait(0.125).answer("R1").wait(0.25)
    assert box.live == []
    (delivery,) = box.deliveries
    assert (delivery.marker.recording, delivery.marker.time_s) == ("R1", 60), "61 never came"
    assert not delivery.marker.was_sent
    box.answer()
    assert box.told == [(DONE, "recording stopped"), done("Note", "01:00", DELIVERED)]
    assert box.disk == {}


def test_a_held_back_marker_whose_stop_is_still_under_way_is_sent_behind_it() -> None:
    box = Box().wait(0.5).press("mark").press("stop").wait(0.5)
    stop, mark = box.asks
    assert isinstance(mark.request, AddMarker)
    box.answer("R1", stop).fail(NotFound("Recording in room not found"), mark)
    assert [delivery.marker.recording for delivery in box.deliveries] == ["R1"]


def test_a_pause_right_after_a_held_back_marker_does_not_hold_it_for_ever() -> None:
    box = Box().wait(0.5).press("mark").press("pause").answer("R1").wait(0.5)
    assert [type(ask.request) for ask in box.asks] == [PauseRecording, AddMarker]


def test_the_next_recording_takes_no_marker_that_was_held_back_for_the_one_before() -> None:
    box = Box().wait(0.5).press("mark").poll(OTHER).wait(0.5)
    assert box.live == []
    assert [delivery.marker.recording for delivery in box.deliveries] == ["R1"]


def test_another_server_ends_a_held_back_marker() -> None:
    box = Box().wait(0.5).press("mark").feed(Reconfigured(ELSEWHERE, new_room=True)).wait(30)
    assert box.told == [(FAILED, "the configuration was changed")]
    assert (box.asks, box.disk) == ([], {})


def test_a_marker_while_paused_is_never_held_back_and_rounded_down() -> None:
    box = Box().wait(0.75).poll(PAUSED).wait(5).press("mark")
    assert box.live == [AddMarker("R1", "Note", "blue", 60)]


# -- safe on the disk first -------------------------------------------------------------------


def test_a_marker_is_pending_until_it_is_safe() -> None:
    box = Box().lose()
    box.disk_answers = False
    box.press("mark").wait(3.0)
    assert (box.told, box.light.pending) == ([], True)
    box.feed(Kept(1))
    assert box.told == [done("Note", "01:00", BACK)]
    assert not box.light.pending


def test_a_marker_whose_write_is_slow_is_not_delivered_before_it_is_safe() -> None:
    box = Box().lose()
    box.disk_answers = False
    box.press("mark").wait(1.0).poll(RECORDING).wait(1.0)
    assert box.deliveries == []
    box.feed(Kept(1))
    assert box.told == [done("Note", "01:00", DELIVERED)]
    assert len(box.deliveries) == 1


def test_slow_writes_do_not_hold_up_what_is_safe() -> None:
    box = Box().lose().press("mark")
    box.disk_answers = False
    box.press("mark").poll(RECORDING)
    assert [delivery.marker.id for delivery in box.deliveries] == [1]


def test_a_disk_that_does_not_answer_fails_the_marker_and_drops_it() -> None:
    """Else it would be delivered although somebody was told that it is lost."""
    box = Box().lose()
    box.disk_answers = False
    box.press("mark").wait(RULES.reply_timeout_s + 0.9)
    assert box.told == []
    box.wait(0.2)
    assert box.told == [(FAILED, "the marker is lost: the disk does not answer")]
    assert (box.disk, box.light.receipt) == ({}, Receipt.REFUSED)
    box.feed(Kept(1)).poll(RECORDING).wait(30)
    assert (len(box.told), box.deliveries) == (1, [])


def test_a_marker_that_cannot_be_written_fails_with_why() -> None:
    box = Box().lose()
    box.disk_answers = False
    box.press("mark").feed(NotKept(1, "outbox.sqlite3 cannot be written: disk is full"))
    assert box.told == [
        (FAILED, "the marker is lost: outbox.sqlite3 cannot be written: disk is full")
    ]
    box.disk.clear()
    box.disk_answers = True
    assert box.press("mark").told[1] == done("Note", "01:00", BACK), "the next one is tried again"


@pytest.mark.parametrize("error", [AWAY, ConnectionLost("the connection broke")], ids=by_type)
def test_before_the_outbox_is_open_a_marker_fails(error: ValtError) -> None:
    box = Box(disk=None).press("mark").fail(error)
    doubt = "the connection broke; the marker may be missing"
    doubt = doubt if error.may_have_happened else "the marker is not set"
    assert box.told == [(FAILED, f"{doubt}: the outbox is not open yet")]


def test_without_an_outbox_a_marker_of_an_outage_fails_with_why_and_the_light_tells() -> None:
    box = Box(disk=None).feed(OutboxLost("the outbox /x cannot be used: read-only"))
    assert box.problems == ["the outbox /x cannot be used: read-only"]
    assert (box.light.name, box.light.fault) == ("recording", "device")
    box.lose().press("mark")
    assert box.told == [(FAILED, "the marker is not set: the outbox /x cannot be used: read-only")]
    box.poll(RECORDING).press("mark").answer()
    assert box.told[1] == (DONE, "marker “Note” at 01:00"), "everything else goes on"


def test_a_damaged_outbox_is_told_and_the_new_one_is_used() -> None:
    box = Box(disk=None).feed(OutboxLost("the outbox was damaged")).feed(OutboxRead(()))
    assert (box.problems, box.light.fault) == (["the outbox was damaged"], "")
    assert box.lose().press("mark").told == [done("Note", "01:00", BACK)]


def test_a_full_outbox_takes_no_more() -> None:
    box = Box(disk=tuple(kept(n) for n in range(1, MOST + 1))).lose().press("mark")
    assert box.told == [
        (FAILED, f"the marker is not set: {MOST} markers wait for the server already")
    ]
    assert len(box.disk) == MOST


def test_a_full_outbox_takes_one_more_when_one_was_delivered() -> None:
    box = Box(disk=tuple(kept(n) for n in range(1, MOST + 1))).wait(6).answer()
    box.lose().press("mark")
    assert box.told == [done("Note", "01:06", BACK)]
    assert len(box.disk) == MOST


# -- delivery ---------------------------------------------------------------------------------


def test_what_was_kept_is_delivered_as_soon_as_the_link_is_back() -> None:
    box = Box().lose().press("mark").wait(3600.0)
    assert box.asks == []
    box.poll(RECORDING)
    (delivery,) = box.deliveries
    assert delivery == DeliverMarker(KeptMarker(1, HERE, "R1", "Note", "blue", 60, False), 0)
    box.answer()
    assert box.disk == {}
    assert box.said[-1] == "marker “Note” at 01:00 was delivered from the outbox"
    assert (len(box.told), box.problems) == (1, [])
    box.wait(60)
    assert len(box.deliveries) == 1


def test_a_delivery_is_no_press_and_makes_no_light_flicker() -> None:
    box = Box().lose().press("mark").poll(RECORDING)
    receipts = box.light.receipt_no
    assert (len(box.under_way), box.light.name) == (1, "recording")
    box.answer()
    assert box.light.receipt_no == receipts


def test_markers_go_one_at_a_time_and_the_oldest_first() -> None:
    box = Box().lose()
    for _ in range(5):
        box.press("count").wait(1.0)
    box.poll(RECORDING)
    for number in range(1, 6):
        assert len(box.deliveries) == number
        box.wait(0.5).answer()
    assert [delivery.marker.name for delivery in box.deliveries] == [f"No {n}" for n in range(1, 6)]
    assert box.disk == {}


def test_a_marker_goes_into_its_own_recording_although_another_one_runs_by_then() -> None:
    box = Box().lose().press("mark").wait(60).poll(OTHER)
    assert [delivery.marker.recording for delivery in box.deliveries] == ["R1"]


def test_presses_go_on_while_a_marker_is_delivered() -> None:
    box = Box().lose().press("mark").poll(RECORDING).press("stop")
    assert isinstance(box.asks[-1].request, StopRecording)
    box.answer("R1")
    assert box.told[-1] == (DONE, "recording stopped")


@pytest.mark.parametrize("error", LOST, ids=by_type)
def test_one_that_may_have_been_sent_waits_until_its_effect_would_show(error: ValtError) -> None:
    box = Box().press("mark").fail(error).wait(RULES.settle_s - 0.1)
    assert box.deliveries == []
    assert [delivery.marker.was_sent for delivery in box.wait(0.2).deliveries] == [True]


def test_one_that_may_have_been_sent_does_not_hold_up_one_that_was_not() -> None:
    box = Box().press("count").fail(ConnectionLost("broke")).lose().press("count").poll(RECORDING)
    assert [delivery.marker.name for delivery in box.deliveries] == ["No 2"]
    box.answer().wait(5.1)
    assert [delivery.marker.name for delivery in box.deliveries] == ["No 2", "No 1"]


@pytest.mark.parametrize("error", [Refused("no such recording"), NotFound("gone")], ids=by_type)
def test_a_delivery_that_is_refused_ends_with_a_line_and_holds_up_nobody(error: Refused) -> None:
    box = Box().lose().press("count").press("count").poll(RECORDING).fail(error)
    assert box.problems == [f"marker “No 1” at 01:00 from the outbox failed: {error}"]
    assert [delivery.marker.name for delivery in box.deliveries] == ["No 1", "No 2"]
    box.answer()
    assert box.disk == {}
    assert [result for result, _ in box.told] == [DONE, DONE], "each press has one outcome"


@pytest.mark.parametrize(
    "error", [ServerFailed("HTTP 500"), BadReply("no JSON"), TokenRefused("no right")], ids=by_type
)
def test_a_server_that_fails_for_hours_over_a_marker_ends_it(error: ValtError) -> None:
    box = Box().lose().press("mark").poll(RECORDING)
    began = box.now
    for attempt in range(1, DELIVERY_ATTEMPTS + 1):
        assert (len(box.deliveries), box.problems) == (attempt, [])
        wait_s = min(LONGEST_RETRY_S, RULES.settle_s * 4 ** (attempt - 1))
        box.fail(error)
        if attempt < DELIVERY_ATTEMPTS:
            box.wait(wait_s - 0.1)
            assert len(box.deliveries) == attempt, "a server that comes up needs its time"
            box.wait(0.2)
    assert len(box.deliveries) == DELIVERY_ATTEMPTS
    assert box.now - began > 7200
    assert box.problems == [f"marker “Note” at 01:00 from the outbox failed: {error}"]
    assert box.disk == {}


@pytest.mark.parametrize(
    "error", [NoReply("no answer"), ConnectionLost("broke"), AWAY], ids=by_type
)
def test_a_marker_is_tried_for_as_long_as_only_the_network_fails(error: ValtError) -> None:
    box = Box().lose().press("mark").poll(RECORDING)
    for attempt in range(1, 21):
        assert len(box.deliveries) == attempt
        wait_s = min(LONGEST_NETWORK_RETRY_S, RULES.settle_s * 4 ** (attempt - 1))
        box.fail(error).wait(wait_s - 0.1)
        assert len(box.deliveries) == attempt, "not at once again"
        box.wait(0.2)
    assert (box.problems, len(box.disk)) == ([], 1)


def test_a_room_that_is_not_found_is_no_refusal_of_the_marker() -> None:
    """It was renamed, and nobody has told the box: a marker goes by its recording."""
    box = Box().lose().press("mark").poll(RECORDING)
    for _ in range(5):
        box.fail(RoomNotFound("gone")).wait(60.1)
    assert (len(box.disk), box.problems) == (1, [])
    assert len(box.deliveries) > 5


def test_a_delivery_that_was_not_sent_is_not_taken_for_sent() -> None:
    box = Box().lose().press("mark").poll(RECORDING).fail(AWAY).wait(5.1)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [False, False]


@pytest.mark.parametrize("error", LOST, ids=by_type)
def test_a_delivery_whose_answer_is_lost_is_looked_for_the_next_time(error: ValtError) -> None:
    box = Box().lose().press("mark").poll(RECORDING).fail(error).wait(5.1)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [False, True]


def test_one_that_fails_lets_the_others_go_first() -> None:
    box = Box().lose().press("count").press("count").press("count").poll(RECORDING)
    box.fail(ServerFailed("HTTP 500")).answer().answer().wait(5.1)
    assert [delivery.marker.name for delivery in box.deliveries] == ["No 1", "No 2", "No 3", "No 1"]


def test_a_delivery_that_is_never_answered_is_given_up_and_tried_again() -> None:
    """It makes two requests, so it has twice the time."""
    box = Box().lose().press("mark").poll(RECORDING).wait(10.9 + RULES.settle_s)
    assert len(box.deliveries) == 1
    box.wait(0.2)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [False, True]


def test_nothing_waits_for_a_clock_while_the_link_is_down() -> None:
    """Idle is idle: the outbox has no deadline of its own then."""
    box = Box().lose().press("mark").wait(1.0)
    assert box.deadline is None


# -- markers that are alike -------------------------------------------------------------------


def test_two_alike_with_the_first_confirmed_live_are_two() -> None:
    box = Box().press("mark").answer().press("mark").fail(ConnectionLost("broke")).wait(5.1)
    assert [delivery.twins for delivery in box.deliveries] == [1]


def test_two_alike_that_were_both_lost_are_two() -> None:
    box = Box().press("mark").press("mark")
    first, second = box.asks
    box.fail(NoReply("no answer"), first).fail(NoReply("no answer"), second).wait(5.1)
    box.answer().wait(0.1)
    assert [delivery.twins for delivery in box.deliveries] == [0, 1]


def test_two_alike_of_an_outage_are_two() -> None:
    box = Box().lose().press("mark").press("mark").poll(RECORDING).answer()
    assert [delivery.twins for delivery in box.deliveries] == [0, 1]


def test_one_alike_in_another_second_or_recording_or_by_another_name_is_no_twin() -> None:
    box = Box().press("mark").answer().wait(1.0).press("mark").answer().press("count").answer()
    box.poll(OTHER).lose().press("mark").poll(OTHER)
    assert [delivery.twins for delivery in box.deliveries] == [0]


def test_one_that_failed_is_no_twin() -> None:
    box = Box().press("mark").fail(Refused("no")).lose().press("mark").poll(RECORDING)
    assert [delivery.twins for delivery in box.deliveries] == [0]


def test_what_is_known_of_an_ended_recording_is_kept_while_one_waits_for_it() -> None:
    box = Box().press("mark").answer().press("mark").fail(ConnectionLost("broke"))
    box.poll(OTHER).wait(1).press("count").answer().wait(5.1)
    assert [delivery.twins for delivery in box.deliveries] == [1]


def test_one_alike_that_is_still_under_way_live_is_not_taken_for_it() -> None:
    """The server has the first one already and is slow to say so; the link flaps meanwhile."""
    box = Box().press("mark").lose().press("mark").poll(RECORDING)
    live, *late = box.asks
    # Either the second one waits until the first one is answered, or it counts it.
    if late:
        assert [delivery.twins for delivery in box.deliveries] == [1]
    else:
        box.answer(None, live)
        assert [delivery.twins for delivery in box.deliveries] == [1]


# -- the link comes and goes ------------------------------------------------------------------


def test_a_link_that_flaps_delivers_each_marker_once() -> None:
    box = Box()
    for _ in range(10):
        box.lose().press("count").wait(0.3).poll(RECORDING).wait(0.1)
        if box.under_way:
            box.answer()
        box.wait(1.0)
    assert [delivery.marker.name for delivery in box.deliveries] == [
        f"No {n}" for n in range(1, 11)
    ]
    assert (box.disk, len(box.told)) == ({}, 10)


def test_a_link_that_flaps_during_a_delivery_does_not_begin_a_second_one() -> None:
    box = Box().lose().press("mark").press("count")
    for _ in range(4):
        box.poll(RECORDING).wait(0.2).lose().wait(0.2)
    assert len(box.deliveries) == 1


def test_a_delivery_under_way_when_the_link_is_lost_ends_by_its_answer() -> None:
    box = Box().lose().press("mark").poll(RECORDING).wait(0.2).lose().wait(3.0).answer()
    assert (box.disk, box.said[-1]) == (
        {}, "marker “Note” at 01:00 was delivered from the outbox"
    )  # fmt: skip
    box.poll(RECORDING).wait(30)
    assert len(box.deliveries) == 1


@pytest.mark.parametrize("error", [AWAY, ConnectionLost("broke")], ids=by_type)
def test_a_delivery_that_fails_while_the_link_is_lost_waits_for_it(error: ValtError) -> None:
    box = Box().lose().press("mark").poll(RECORDING).lose().fail(error).wait(60)
    assert len(box.deliveries) == 1
    box.poll(RECORDING)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [
        False, error.may_have_happened
    ]  # fmt: skip


def test_the_late_answer_to_a_delivery_that_was_given_up_is_of_no_harm() -> None:
    box = Box().lose().press("mark").poll(RECORDING)
    (first,) = box.asks
    box.lose().wait(12.0).answer(None, first)
    assert len(box.disk) == 1, "that it is there will be found out"
    box.poll(RECORDING).wait(5.1)
    (_, again) = box.deliveries
    assert (again.marker.was_sent, again.twins) == (True, 0), "it is no twin of itself"
    box.answer(None, first)
    assert len(box.disk) == 1, "nor does it end the second delivery"
    box.answer()
    assert box.disk == {}


def test_the_late_answer_to_a_live_marker_is_not_counted_twice() -> None:
    box = Box().press("mark").wait(6.1)
    (live,) = box.asks
    box.answer(None, live).wait(5.0)
    assert box.deliveries == [], "a stuck worker might still have sent it"
    box.wait(5.0)
    (delivery,) = box.deliveries
    assert (delivery.marker.was_sent, delivery.twins) == (True, 0)
    assert len(box.told) == 1


# -- a sequence -------------------------------------------------------------------------------


def test_a_sequence_goes_on_behind_a_marker_that_is_kept() -> None:
    box = Box().press("mark+pause").fail(ConnectionLost("broke"))
    assert box.told == []
    assert isinstance(box.asks[-1].request, PauseRecording)
    box.answer("R1")
    kept_words = done("Note", "01:00", DELIVERED)[1]
    assert box.told == [(DONE, f"{kept_words}; recording paused")]


def test_a_sequence_in_an_outage_keeps_its_marker_and_says_that_the_rest_was_not_done() -> None:
    box = Box().lose().press("mark+pause")
    kept_words = done("Note", "01:00", BACK)[1]
    assert box.told == [(FAILED, f"{kept_words}; the room's state is unknown: {AWAY}")]
    assert box.kept() == [("R1", "Note", 60)]


def test_a_sequence_whose_marker_cannot_be_kept_goes_no_further() -> None:
    box = Box()
    box.disk_answers = False
    box.press("mark+pause").fail(ConnectionLost("broke")).feed(NotKept(1, "the disk is full"))
    assert box.told == [(FAILED, "the marker is lost: the disk is full")]
    assert not any(isinstance(ask.request, PauseRecording) for ask in box.asks)


# -- during a start ---------------------------------------------------------------------------


def test_a_marker_during_a_start_whose_link_goes_is_kept_when_the_start_is_answered() -> None:
    box = Box(AVAILABLE).press("start").press("mark").lose()
    assert box.disk == {}
    box.answer("R9")
    assert box.kept() == [("R9", "Note", 0)]
    assert box.told == [(DONE, "recording started"), done("Note", "00:00", BACK)]


def test_a_marker_during_a_start_that_came_to_nothing_is_not_kept() -> None:
    box = Box(AVAILABLE).press("start").lose().press("mark").fail(AWAY).wait(10)
    assert [result for result, _ in box.told] == [FAILED, FAILED]
    assert box.told[1] == (FAILED, "the recording was not started")
    assert box.disk == {}


# -- other servers ----------------------------------------------------------------------------


def test_markers_for_another_server_wait_and_are_named() -> None:
    box = Box().lose().press("mark").press("mark").feed(Reconfigured(ELSEWHERE, new_room=True))
    waits = f"2 markers wait in the outbox for {HERE}, which is not the configured server"
    assert box.problems == [waits]
    box.poll(OTHER).wait(60)
    assert (box.deliveries, len(box.disk)) == ([], 2)


def test_a_server_that_is_configured_again_gets_its_markers() -> None:
    box = Box().lose().press("mark").feed(Reconfigured(ELSEWHERE, new_room=True))
    box.poll(OTHER).wait(60).feed(Reconfigured(RULES, new_room=True)).wait(1).poll(RECORDING)
    assert [delivery.marker.recording for delivery in box.deliveries] == ["R1"]
    box.answer()
    assert box.disk == {}


def test_markers_for_another_server_hold_up_nobody() -> None:
    box = Box(rules=ELSEWHERE, disk=(kept(1), kept(2, server=THERE))).poll(RECORDING)
    assert [delivery.marker.id for delivery in box.deliveries] == [2]
    box.answer().lose().press("mark").poll(RECORDING)
    assert [delivery.marker.id for delivery in box.deliveries] == [2, 3]
    assert [marker.server for marker in box.disk.values()] == [HERE, THERE]


def test_another_room_of_the_same_server_is_no_other_server() -> None:
    box = (
        Box().lose().press("mark").feed(Reconfigured(RULES, new_room=True)).wait(1).poll(AVAILABLE)
    )
    assert (len(box.deliveries), box.problems) == (1, [])


def test_a_delivery_under_way_when_the_server_is_changed_is_tried_again_there() -> None:
    """The link that carried it out was replaced: nobody will say what came of it."""
    box = Box().lose().press("mark").poll(RECORDING).feed(Reconfigured(ELSEWHERE, new_room=True))
    box.poll(OTHER).wait(60)
    assert (len(box.deliveries), len(box.disk)) == (1, 1)
    box.feed(Reconfigured(RULES, new_room=True)).wait(1).poll(RECORDING)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [False, True]


def test_a_slow_write_is_told_although_the_server_was_changed_meanwhile() -> None:
    box = Box().lose()
    box.disk_answers = False
    box.press("mark").feed(Reconfigured(ELSEWHERE, new_room=True)).feed(Kept(1))
    assert [result for result, _ in box.told] == [DONE]
    box.poll(OTHER).wait(60)
    assert box.deliveries == []


def test_the_same_configuration_again_says_nothing_and_loses_nothing() -> None:
    box = Box(disk=(kept(1, server=THERE),)).lose().press("mark")
    before = len(box.notes)
    box.feed(Reconfigured(RULES, new_room=False))
    assert len(box.notes) == before
    assert len(box.poll(RECORDING).deliveries) == 1


# -- after a restart --------------------------------------------------------------------------


def test_what_was_left_by_an_earlier_run_is_told_and_delivered() -> None:
    box = Box(None).poll(RECORDING).lose().press("mark").wait(2).press("mark").restart()
    assert box.said == ["2 markers wait in the outbox"]
    box.poll(OTHER).wait(RULES.settle_s - 0.1)
    assert box.deliveries == [], "it may have been on its way when the power went"
    box.wait(0.2).answer().answer()
    assert [(it.marker.recording, it.marker.time_s) for it in box.deliveries] == [
        ("R1", 0), ("R1", 2)
    ]  # fmt: skip
    assert (box.disk, box.told) == ({}, []), "their presses have had their outcome"


def test_an_empty_outbox_says_nothing_at_the_start() -> None:
    assert Box(None).said == []


def test_new_markers_after_a_restart_get_numbers_of_their_own() -> None:
    box = Box().lose().press("mark").press("mark").restart().poll(RECORDING).lose().press("mark")
    assert sorted(box.disk) == [1, 2, 3]


def test_what_was_left_for_another_server_is_named_once() -> None:
    box = Box().lose().press("mark").restart(ELSEWHERE)
    waits = f"1 marker waits in the outbox for {HERE}, which is not the configured server"
    assert box.said == ["1 marker waits in the outbox", waits]
    box.poll(OTHER).wait(60)
    assert (box.deliveries, box.problems) == ([], [waits])


def test_a_restart_before_the_disk_has_answered_loses_no_marker_that_was_told_as_kept() -> None:
    box = Box().lose().press("mark")
    box.disk_answers = False
    box.press("mark")
    told = [outcome.reason for outcome in box.outcomes]
    box.restart()
    assert len(told) == 1
    assert len(box.disk) >= 1


def test_a_marker_that_was_kept_because_its_answer_was_lost_is_known_as_such_after_a_restart() -> (
    None
):
    box = Box().press("mark").fail(ConnectionLost("broke")).restart().poll(RECORDING).wait(5.1)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [True]


@pytest.mark.parametrize("how", ["answer lost", "plug pulled"])
def test_a_delivery_that_was_sent_is_known_as_such_after_a_restart(how: str) -> None:
    box = Box().lose().press("mark").poll(RECORDING)
    assert len(box.deliveries) == 1
    if how == "answer lost":
        box.fail(ConnectionLost("broke"))
    box.restart().poll(RECORDING).wait(5.1)
    assert [delivery.marker.was_sent for delivery in box.deliveries] == [True]


# -- whose seconds count ----------------------------------------------------------------------


@pytest.mark.parametrize(("whose", "time_s"), [(MarkerTime.OWN, 20), (MarkerTime.SERVER, 12)])
def test_a_servers_time_that_drops_after_a_pause_counts_only_where_the_site_says_so(
    whose: MarkerTime, time_s: int
) -> None:
    box = Box(None, replace(RULES, marker_clock=whose)).poll(RECORDING).wait(10).poll(PAUSED)
    box.wait(30).poll(RECORDING).wait(5)
    info = RoomInfo(Room(4, "Room"), "R1", 7.0)
    box.feed(RoomInformed(info, box.now, box.now)).wait(5).press("mark")
    assert box.live == [AddMarker("R1", "Note", "blue", time_s)]


def test_whose_seconds_count_can_be_changed_while_it_records() -> None:
    box = Box(None).poll(RECORDING).wait(10).poll(PAUSED).wait(30).poll(RECORDING).wait(5)
    server = replace(RULES, marker_clock=MarkerTime.SERVER)
    box.feed(Reconfigured(server, new_room=False))
    info = RoomInfo(Room(4, "Room"), "R1", 7.0)
    box.feed(RoomInformed(info, box.now, box.now)).press("mark")
    assert box.live == [AddMarker("R1", "Note", "blue", 7)]


def test_another_room_is_counted_as_the_configuration_says() -> None:
    server = replace(RULES, marker_clock=MarkerTime.SERVER)
    box = Box().feed(Reconfigured(server, new_room=True)).wait(1).poll(RECORDING).wait(10)
    box.poll(PAUSED).wait(5).poll(RECORDING).wait(5)
    info = RoomInfo(Room(4, "Room"), "R1", 3.0)
    box.feed(RoomInformed(info, box.now, box.now)).press("mark")
    assert box.live == [AddMarker("R1", "Note", "blue", 3)]


# -- pressed in one recording, clear in the next ----------------------------------------------


def test_a_tap_is_a_marker_of_the_moment_it_went_down_in_an_outage_too() -> None:
    box = Box().lose().press("tap").wait(0.75)
    assert box.feed(Released("tap", box.now)).kept() == [("R1", "Note", 60)]


def test_a_tap_that_becomes_clear_in_the_next_recording_is_a_marker_of_the_one_before() -> None:
    box = Box().press("tap").wait(0.25).poll(OTHER).wait(0.25)
    box.feed(Released("tap", box.now)).wait(1.0)
    assert "R2" not in [request.recording for request in box.live]
    markers = [(it.marker.recording, it.marker.time_s) for it in box.deliveries]
    assert markers == [("R1", 60)] or [result for result, _ in box.told] == [FAILED]


def test_a_press_from_a_queue_that_was_stuck_is_no_marker_of_the_recording_that_came_after() -> (
    None
):
    box = Box()
    at = box.now
    box.wait(3.0).poll(OTHER).wait(0.1).press("mark", at)
    assert "R2" not in [request.recording for request in box.live]


# -- a wrong configuration ------------------------------------------------------------------------


def test_with_a_wrong_configuration_nobody_says_that_the_markers_are_another_servers() -> None:
    wrong = Rules(CONTROLS, config_problem="ivsd.yaml is wrong")  # as daemon._use_salvaged has it
    box = Box(None, wrong, disk=(kept(1),))
    assert box.said == ["1 marker waits in the outbox"]
    box.feed(Reconfigured(RULES, new_room=True)).wait(1).poll(RECORDING).wait(6)
    assert [delivery.marker.id for delivery in box.deliveries] == [1]


def test_a_file_that_is_opened_anew_brings_back_nothing_that_was_delivered() -> None:
    box = Box().lose().press("mark").press("count").poll(RECORDING)
    rows = tuple(box.disk.values())
    box.answer()
    box.feed(OutboxRead(rows))  # taking the first one off had failed
    assert [marker.name for marker in box.disk.values()] == ["No 2"]
    box.answer().wait(60)
    assert ([delivery.marker.name for delivery in box.deliveries], box.disk) == (
        ["Note", "No 2"],
        {},
    )


def test_a_link_that_is_back_is_used_soon_however_often_it_had_failed() -> None:
    box = Box().lose().press("mark").poll(RECORDING)
    for _ in range(5):
        box.fail(ConnectionLost("broke")).wait(60)
    box.fail(ConnectionLost("broke")).lose()
    known = len(box.deliveries)
    box.wait(1.0).poll(RECORDING).wait(RULES.settle_s + 0.1)
    assert len(box.deliveries) == known + 1

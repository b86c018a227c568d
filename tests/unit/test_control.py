"""The control socket: who may, what is answered, and that nobody can hold the daemon up."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.appliance import callers, control, control_client, press_command
from ivsd.appliance.callers import LONGEST_LINE, Caller, Request
from ivsd.appliance.control import FOR_ROOT, MOST_CALLERS, Control, Desk
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.listening import listen
from ivsd.appliance.operations import ANSWER_WITHIN_S, OPERATIONS, Refused, Reply
from ivsd.appliance.status import (
    ConfigStatus,
    ControlStatus,
    FactoryDefaultStatus,
    FrameStatus,
    LampStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    OutcomeStatus,
    RoomStatus,
    Status,
)
from ivsd.events import Event, FactoryDefaultAsked, LearnGivenUp

WITHIN_S = 5.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.005)


def a_status(number: int = 0, reason: str = "recording started") -> Status:
    """The status of a box that records; `number` tells one from the other."""
    return Status(
        version=str(number),
        uptime_s=1.0,
        config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
        room=RoomStatus("4", 4, "Room", "recording", "recording", False, True, 61.0, 0.5),
        link=LinkStatus("http://valt", True, "", "", 9.0, 9.0, "6.5.2", "none"),
        lights=LightsStatus("recording", "", False, None, 0),
        lamps=(LampStatus("status", "status", "rgb", (FrameStatus("red", 1000),), ()),),
        controls=(ControlStatus("record", "starts or stops a recording", "GPIO line 17"),),
        devices=(),
        outbox=OutboxStatus(0, ""),
        outcomes=(
            OutcomeStatus("2026-11-23T12:00:00+00:00", 1.0, "record", "start", "done", reason),
        ),
        factory_default=FactoryDefaultStatus(False),
    )


class Loop:
    """Stands for the daemon's loop: answers at once, unless it is stuck."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reloads = 0
        self.asked = 0
        self.number = 0
        self.is_stuck = False
        self.left: list[Callable[[Status], None]] = []
        self.hidden: list[str] = []
        self.reason = "recording started"
        self.restarts = 0
        self.pressed: list[tuple[str, Reply]] = []
        self.learners: list[tuple[int, Reply]] = []
        self.set_up: list[tuple[str, object, Reply]] = []
        self.desk = Desk(
            ask_status=self._ask,
            post=self.events.append,
            do=self._do,
            learn=lambda token, reply: self.learners.append((token, reply)),
            find=lambda token, reply: self.learners.append((token, reply)),
            hidden=lambda: self.hidden,
        )

    def _ask(self, reply: Callable[[Status], None]) -> None:
        self.asked += 1
        if self.is_stuck:
            self.left.append(reply)
        else:
            reply(a_status(self.number, self.reason))

    def go_on(self) -> None:
        """Hand out what it was asked for, as it was until now."""
        made = a_status(self.number, self.reason)
        self.number += 1
        self.is_stuck = False
        for reply in self.left:
            reply(made)

    def _do(self, op: str, args: Mapping[str, Any], reply: Reply) -> None:
        match op:
            case "reload":
                self.reloads += 1
                reply({})
            case "restart":
                self.restarts += 1
                reply({})
            case "press":
                self.pressed.append((args["control"], reply))
            case _:
                self.set_up.append((op, args, reply))


class Line:
    """A caller, line by line."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(WITHIN_S)
        self._file = self.sock.makefile("rb")

    @classmethod
    def to(cls, path: Path) -> Line:
        """Call the socket at `path`."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(path))
        return cls(sock)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> Any:
        line = self._file.readline()
        return json.loads(line) if line else None

    def ask(self, op: object, id_: object = 7, **more: object) -> Any:
        self.send(json.dumps({"id": id_, "op": op, **more}).encode() + b"\n")
        return self.read()

    def close(self) -> None:
        self._file.close()
        self.sock.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ivsd-") as name:  # socket paths must be short
        yield Path(name)


@pytest.fixture
def loop() -> Loop:
    return Loop()


Open = Callable[[], Line]


@pytest.fixture
def served(folder: Path, loop: Loop) -> Iterator[Control]:
    thread = Control(folder / "s", loop.desk)
    thread.start()
    until((folder / "s").exists)
    until(lambda: answers(folder / "s"))
    yield thread
    thread.stop(WITHIN_S)
    assert not thread.is_alive()


def answers(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        return True
    return False


@pytest.fixture
def call(served: Control, folder: Path) -> Iterator[Open]:
    lines: list[Line] = []

    def _call() -> Line:
        lines.append(Line.to(folder / "s"))
        return lines[-1]

    yield _call
    for line in lines:
        line.close()


def refused(reply: Any, code: str) -> bool:
    assert set(reply) == {"id", "ok", "error"}
    assert reply["error"]["text"]
    return reply["ok"] is False and reply["error"]["code"] == code


# -- what is answered -----------------------------------------------------------------------------


@pytest.mark.parametrize("id_", [0, 7, -1, "seven", "", None, "\ud800", 2**52])
def test_the_status_comes_with_the_callers_own_id(call: Open, id_: object) -> None:
    reply = call().ask("status", id_)
    assert (reply["id"], reply["ok"]) == (id_, True)
    assert reply["data"]["schema"] == 1
    assert reply["data"]["room"]["state"] == "recording"


def test_several_requests_on_one_connection_are_answered_in_order(call: Open) -> None:
    line = call()
    line.send(b'{"id":1,"op":"status"}\n{"id":2,"op":"nothing"}\n{"id":3,"op":"status"}\n{"id":4')
    assert [line.read()["id"] for _ in range(3)] == [1, 2, 3]
    line.send(b',"op":"status"}\n')
    assert line.read()["id"] == 4


def test_a_request_is_answered_though_no_more_will_come(call: Open) -> None:
    line = call()
    line.send(b'{"id":1,"op":"status"}\n{"id":2,"op":"status"}\n')
    line.sock.shutdown(socket.SHUT_WR)
    assert [line.read()["id"], line.read()["id"], line.read()] == [1, 2, None]


@pytest.mark.parametrize(
    "line",
    [
        b"", b" ", b"{", b"null", b"[]", b'"status"', b"\xff\xfe", b"[" * 60_000, b"9" * 60_000,
        b'{"op": 7}', b'{"id": 1}', b'{"op": "status", "id": 1.5}', b'{"op": "status", "id": true}',
        b'{"op": "status", "id": []}', b'{"op": "status", "args": []}', b'{"op": null}',
        b'{"op": "status", "args": 1}', b'{"op": "status", "args": null}',
        b'{"op": "status", "id": NaN}', b'{"op": "status", "id": 99999999999999999999}',
        b'{"op": "status", "id": "' + b"x" * 200 + b'"}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_the_next_is_answered(call: Open, line: bytes) -> None:
    caller = call()
    caller.send(line + b"\n")
    assert refused(caller.read(), "bad_request")
    assert caller.ask("status")["ok"] is True


def test_an_unknown_operation_is_told_what_there_is(call: Open) -> None:
    reply = call().ask("reboot")
    assert refused(reply, "unknown_op")
    assert "factory-default" in reply["error"]["text"]


def test_a_line_of_64_kib_is_taken_and_a_longer_one_ends_the_call(call: Open) -> None:
    line = call()
    request = b'{"op": "status", "id": 1}'
    line.send(request + b" " * (LONGEST_LINE - len(request)) + b"\n")
    assert line.read()["ok"] is True
    line.send(b" " * (LONGEST_LINE + 1))
    assert refused(line.read(), "too_long")
    assert line.read() is None


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("status", {"more": 1}),
        ("press", {}),
        ("press", {"control": 7}),
        ("press", {"control": None}),
        ("press", {"control": "record", "more": 1}),
        ("learn", {"control": "record"}),
        ("preview", {"edits": []}),
        ("save", {"edits": {}, "password": 7, "revision": ""}),
        ("save", {"edits": {}, "password": None}),
    ],
)
def test_args_that_an_operation_does_not_take_are_refused(
    call: Open, loop: Loop, op: str, args: dict[str, object]
) -> None:
    line = call()
    assert refused(line.ask(op, args=args), "bad_args")
    assert (loop.pressed, loop.learners, loop.set_up) == ([], [], [])
    assert line.ask("status")["ok"] is True


# -- what takes a while ---------------------------------------------------------------------------


def test_a_press_is_answered_with_its_outcome_and_others_are_served_meanwhile(
    call: Open, loop: Loop
) -> None:
    line = call()
    line.send(b'{"id": 1, "op": "press", "args": {"control": "record"}}\n')
    until(lambda: bool(loop.pressed))
    assert call().ask("status")["ok"] is True
    ((name, reply),) = loop.pressed
    assert name == "record"
    reply({"result": "done", "reason": "recording started"})
    outcome = {"result": "done", "reason": "recording started"}
    assert line.read() == {"id": 1, "ok": True, "data": outcome}
    assert line.ask("status")["ok"] is True


def test_what_the_loop_refuses_is_refused(call: Open, loop: Loop) -> None:
    line = call()
    line.send(b'{"id": 1, "op": "press", "args": {"control": "bell"}}\n')
    until(lambda: bool(loop.pressed))
    loop.pressed[0][1](Refused("bad_args", "there is no control “bell”"))
    assert refused(line.read(), "bad_args")


def test_a_press_without_an_outcome_is_no_answer_in_the_end(
    call: Open, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = replace(OPERATIONS["press"], within_s=0.05)
    monkeypatch.setitem(OPERATIONS, "press", soon)
    line = call()
    assert refused(line.ask("press", args={"control": "record"}), "no_answer")
    loop.pressed[0][1]({"result": "done", "reason": "too late"})
    assert line.ask("status", id_=8)["id"] == 8


def test_who_subscribes_hears_the_news_while_a_press_is_under_way(
    served: Control, call: Open, loop: Loop
) -> None:
    line = call()
    assert line.ask("subscribe", id_=1)["data"]["version"] == "0"
    line.send(b'{"id": 2, "op": "press", "args": {"control": "record"}}\n')
    until(lambda: bool(loop.pressed))
    loop.number = 5
    served.changed()
    assert line.read()["data"]["version"] == "5"
    loop.pressed[0][1]({"result": "done", "reason": ""})
    assert line.read()["id"] == 2


def test_what_a_hand_does_next_is_handed_to_who_learns(call: Open, loop: Loop) -> None:
    line = call()
    line.send(b'{"id": 1, "op": "learn"}\n')
    until(lambda: bool(loop.learners))
    loop.learners[0][1]({"kind": "button", "name": "record", "number": None})
    assert line.read()["data"]["name"] == "record"
    assert line.ask("status")["ok"] is True
    assert loop.events == []


def test_who_learns_and_hangs_up_takes_no_input_from_the_room(call: Open, loop: Loop) -> None:
    line = call()
    line.send(b'{"id": 1, "op": "learn"}\n')
    until(lambda: bool(loop.learners))
    assert loop.events == []
    line.close()
    until(lambda: loop.events == [LearnGivenUp(loop.learners[0][0])])


def test_what_a_learner_says_meanwhile_waits(call: Open, loop: Loop) -> None:
    line = call()
    line.send(b'{"id": 1, "op": "learn"}\n{"id": 2, "op": "status"}\n')
    until(lambda: bool(loop.learners))
    line.send(b'{"id": 3, "op": "status"}\n')
    loop.learners[0][1]({"kind": "badge", "name": "reader", "number": "1"})
    assert [line.read()["id"], line.read()["id"], line.read()["id"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("config", {}),
        ("preview", {"edits": {"room": "4"}}),
        ("save", {"edits": {"room": None}, "password": None, "revision": "a"}),
        ("test-connection", {"edits": {}, "password": "x"}),
    ],
)
def test_setting_up_is_handed_on_and_answered(
    call: Open, loop: Loop, op: str, args: dict[str, object]
) -> None:
    line = call()
    line.send(json.dumps({"id": 1, "op": op, "args": args}).encode() + b"\n")
    until(lambda: bool(loop.set_up))
    ((asked, taken, reply),) = loop.set_up
    assert (asked, taken) == (op, args)
    reply({"revision": "b"})
    assert line.read()["data"] == {"revision": "b"}


def test_a_restart_is_asked_for(call: Open, loop: Loop) -> None:
    assert call().ask("restart")["ok"] is True
    assert loop.restarts == 1


# -- who may --------------------------------------------------------------------------------------


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls is none of those who may act."""
    monkeypatch.setattr(control, "_who_may_act", lambda: {os.geteuid() + 1: "another"})


def test_who_may_act_reloads_and_asks_for_the_factory_default(call: Open, loop: Loop) -> None:
    assert call().ask("reload") == {"id": 7, "ok": True, "data": {}}
    assert loop.reloads == 1
    assert call().ask("factory-default")["ok"] is True
    (event,) = loop.events
    assert isinstance(event, FactoryDefaultAsked)
    assert event.source in ("control socket (root)", "control socket (ivsd)")
    assert abs(event.at - time.monotonic()) < WITHIN_S


@pytest.mark.parametrize("op", sorted(OPERATIONS.keys() - {"status", "subscribe"}))
def test_who_may_only_read_is_refused_and_nothing_happens(
    stranger: None, call: Open, loop: Loop, op: str
) -> None:
    line = call()
    args = {name: kinds[0]() for name, kinds in OPERATIONS[op].args.items()}
    assert refused(line.ask(op, args=args), "not_allowed")
    assert line.ask("status")["ok"] is True
    assert (loop.events, loop.reloads, loop.restarts) == ([], 0, 0)
    assert (loop.pressed, loop.learners, loop.set_up) == ([], [], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_the_kernel_says_who_calls(call: Open, folder: Path, loop: Loop) -> None:
    folder.chmod(0o755)
    (folder / "s").chmod(0o666)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        code = 1
        with suppress(BaseException):
            os.setgroups([])
            os.setgid(54321)
            os.setuid(54321)
            os.write(write_end, json.dumps(Line.to(folder / "s").ask("factory-default")).encode())
            code = 0
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert refused(json.loads(os.read(read_end, 4096)), "not_allowed")
    os.close(read_end)
    os.close(write_end)
    assert loop.events == []


def test_the_socket_is_for_its_owner_and_group(served: Control, folder: Path) -> None:
    assert stat.S_IMODE((folder / "s").stat().st_mode) == 0o660


# -- subscribers ----------------------------------------------------------------------------------


def test_a_subscriber_is_told_now_and_after_each_change(
    call: Open, served: Control, loop: Loop
) -> None:
    line = call()
    assert line.ask("subscribe", "s")["data"]["version"] == "0"
    for number in (1, 2, 3):
        loop.number = number
        served.changed()
        told = line.read()
        assert (told["id"], told["data"]["version"]) == ("s", str(number))
    time.sleep(0.2)
    assert loop.asked == 4, "it is told once"


def test_many_changes_at_once_are_told_together(call: Open, served: Control, loop: Loop) -> None:
    line = call()
    line.ask("subscribe")
    asked = loop.asked
    for number in range(1, 1001):
        loop.number = number
        served.changed()
    while line.read()["data"]["version"] != "1000":
        pass
    assert loop.asked - asked < 500


def test_a_change_while_the_first_answer_is_made_is_not_missed(
    call: Open, served: Control, loop: Loop
) -> None:
    loop.is_stuck = True
    line = call()
    line.send(b'{"op": "subscribe"}\n')
    until(lambda: loop.asked == 1)
    served.changed()
    time.sleep(0.05)
    loop.go_on()
    assert line.read()["data"]["version"] == "0"
    assert line.read()["data"]["version"] == "1"


def test_a_subscriber_that_asks_is_not_answered_with_what_was_before(
    call: Open, served: Control, loop: Loop
) -> None:
    line = call()
    line.ask("subscribe", "s")
    loop.is_stuck = True
    served.changed()
    until(lambda: loop.asked == 2)
    line.send(b'{"id": "q", "op": "status"}\n')
    time.sleep(0.1)
    loop.go_on()
    reply = line.read()
    assert (reply["id"], reply["data"]["version"]) == ("q", "1")


def test_without_subscribers_a_change_asks_nobody(call: Open, served: Control, loop: Loop) -> None:
    line = call()
    line.ask("status")
    for _ in range(10):
        served.changed()
    line.ask("status")
    assert loop.asked == 2


def test_a_subscriber_may_ask_other_things_too(call: Open, served: Control, loop: Loop) -> None:
    line = call()
    line.ask("subscribe", "s")
    loop.number = 1
    assert line.ask("status", "q")["id"] == "q"
    served.changed()
    assert line.read()["id"] == "s"


def test_a_slow_reader_gets_the_newest_and_holds_nobody_up(
    call: Open, served: Control, loop: Loop
) -> None:
    loop.reason = "x" * 100_000
    slow, quick = call(), call()
    slow.ask("subscribe")
    quick.ask("subscribe")
    for number in range(1, 41):
        loop.number = number
        served.changed()
        assert quick.read()["data"]["version"] == str(number)
    assert max(len(caller._out) for caller in served._callers) < 250_000, "one line at most"
    seen: list[str] = []
    while not seen or seen[-1] != "40":
        seen.append(slow.read()["data"]["version"])
    assert len(seen) < 20
    assert seen == sorted(seen, key=int)


@pytest.fixture
def caller() -> Iterator[tuple[Caller, Line]]:
    """One end as the thread has it, and the other."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    line = Line(theirs)
    yield Caller(ours), line
    ours.close()
    line.close()


def test_what_is_being_sent_is_not_followed_by_more(caller: tuple[Caller, Line]) -> None:
    subscriber, line = caller
    subscriber.wait(Request("s", "subscribe"), 1.0)
    subscriber.take_status({"number": 1})
    before = subscriber._out
    subscriber.is_behind = True
    assert not subscriber.wants_status
    subscriber.is_asked_for()
    subscriber.take_status({"number": 2})
    assert subscriber._out == before
    assert subscriber.is_behind, "it is told of the next one"
    subscriber.send()
    assert line.read()["data"] == {"number": 1}
    assert subscriber.wants_status


def test_news_are_told_as_such_although_the_subscriber_has_asked_something(
    caller: tuple[Caller, Line],
) -> None:
    subscriber, line = caller
    subscriber.wait(Request("s", "subscribe"), 1.0)
    subscriber.take_status({})
    subscriber.send()
    subscriber.is_behind = True
    subscriber.wait(Request("q", "status"), 1.0)
    subscriber.is_asked_for()
    subscriber.take_status({})
    subscriber.send()
    assert [line.read()["id"], line.read()["id"]] == ["s", "q"]
    assert subscriber.wants_status


@pytest.mark.parametrize("end", [b"", b"\n", b"\n{}\n"])
def test_a_line_that_is_too_long_is_the_last(caller: tuple[Caller, Line], end: bytes) -> None:
    end_of_us, _ = caller
    end_of_us._in += b" " * (LONGEST_LINE + 1) + end
    reply = end_of_us.next_request()
    assert isinstance(reply, bytes)
    assert refused(json.loads(reply), "too_long")
    end_of_us.put(reply)
    assert not end_of_us.is_over, "it is told first"
    assert end_of_us.next_request() is None
    end_of_us.send()
    assert end_of_us.is_over


# -- what goes wrong ------------------------------------------------------------------------------


def test_a_loop_that_is_stuck_is_told_and_asked_once_only(call: Open, loop: Loop) -> None:
    loop.is_stuck = True
    first, second = call(), call()
    first.send(b'{"id": 1, "op": "status"}\n')
    until(lambda: loop.asked == 1)
    time.sleep(0.1)
    second.send(b'{"id": 2, "op": "status"}\n')
    assert refused(first.read(), "no_answer")
    assert refused(second.read(), "no_answer")
    assert loop.asked == 1
    loop.go_on()
    assert first.ask("status")["ok"] is True


def test_a_request_is_not_answered_with_what_was_before_it(call: Open, loop: Loop) -> None:
    loop.is_stuck = True
    first, second = call(), call()
    first.send(b'{"id": 1, "op": "status"}\n')
    until(lambda: loop.asked == 1)
    second.send(b'{"id": 2, "op": "status"}\n')
    time.sleep(0.05)
    loop.go_on()
    assert first.read()["data"]["version"] == "0"
    assert second.read()["data"]["version"] == "1"


def test_too_many_callers_are_told_so_and_the_others_go_on(call: Open, served: Control) -> None:
    most = MOST_CALLERS - (FOR_ROOT if os.geteuid() else 0)
    lines = [call() for _ in range(most)]
    assert lines[-1].ask("status")["ok"] is True
    one_more = call()
    assert refused(one_more.read(), "busy")
    assert one_more.read() is None
    lines[0].close()
    until(lambda: len(served._callers) < most)
    assert call().ask("status")["ok"] is True


def test_those_who_ask_too_much_leave_a_place_to_root(
    call: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = 1234

    class Somebody(Caller):
        def __init__(self, sock: socket.socket) -> None:
            super().__init__(sock)
            self.uid = uid

    monkeypatch.setattr(control, "Caller", Somebody)
    lines = [call() for _ in range(MOST_CALLERS - FOR_ROOT)]
    assert lines[-1].ask("status")["ok"] is True
    assert refused(call().read(), "busy")
    uid = 0
    assert call().ask("status")["ok"] is True


def test_callers_who_hang_up_in_the_middle_are_forgotten(
    call: Open, served: Control, loop: Loop
) -> None:
    loop.reason = "x" * 500_000  # more than the kernel keeps
    for number, text in enumerate((b"", b'{"op', b'{"op": "status"}\n', b'{"op": "subscribe"}\n')):
        line = call()
        line.send(text)
        if number == 3:
            line.sock.recv(10)
        line.close()
    served.changed()
    until(lambda: not served._callers)
    assert call().ask("status")["ok"] is True


def test_a_machine_without_files_left_serves_again_later(
    call: Open, served: Control, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = call()
    assert before.ask("status")["ok"] is True
    listener = served._listener
    assert listener is not None

    def accept() -> None:
        raise OSError(24, "Too many open files")

    served._selector.unregister(listener)
    full: Any = SimpleNamespace(fileno=listener.fileno, accept=accept)
    served._listener = full
    served._selector.register(full, 1)
    line = call()
    until(lambda: served._accept_at is not None)
    assert before.ask("status")["ok"] is True
    served._listener = listener
    assert line.ask("status")["ok"] is True
    assert "takes nobody now: Too many open files" in caplog.text


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from([b"\n", b'{"op":"status"}\n', b'{"op":"subscribe","id":"x"}\n']),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["id", "op", "args", "x"]), inner, max_size=3)
                ),
            ).map(lambda found: json.dumps(found).encode() + b"\n"),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_any_bytes_are_answered_or_hung_up_on_and_never_a_crash(
    call: Open, served: Control, chunks: list[bytes], shuts: bool
) -> None:
    line = call()
    sent = b"".join(chunks)
    with suppress(OSError):
        line.send(sent)
        if shuts:
            line.sock.shutdown(socket.SHUT_WR)
    expected = sent.count(b"\n")
    for _ in range(expected):
        assert line.read()["ok"] in (True, False)
    if shuts:
        assert line.read() is None
    line.close()
    assert served.is_alive()


# -- making the socket ----------------------------------------------------------------------------


def test_a_socket_that_a_killed_daemon_has_left_is_replaced(folder: Path, loop: Loop) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / "s"))
    left.close()
    thread = Control(folder / "s", loop.desk)
    thread.start()
    until(lambda: answers(folder / "s"))
    thread.stop(WITHIN_S)
    assert not (folder / "s").exists()


def test_a_live_one_is_not_taken_away(
    served: Control, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    second = Control(folder / "s", Loop().desk)
    second.start()
    second.join(WITHIN_S)
    assert not second.is_alive()
    assert "no control socket at" in caplog.text
    assert "another ivsd uses it" in caplog.text
    second.changed()
    second.stop(WITHIN_S)
    assert Line.to(folder / "s").ask("status")["ok"] is True


def test_one_whose_queue_is_full_is_alive(folder: Path) -> None:
    owner = listen(folder / "s", 0)
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for sock in waiting:
        sock.setblocking(False)
        with suppress(BlockingIOError):
            sock.connect(str(folder / "s"))
    with pytest.raises(OSError, match="another ivsd uses it"):
        listen(folder / "s", 1)
    for sock in (*waiting, owner):
        sock.close()


@pytest.mark.parametrize("kind", ["file", "folder", "no folder", "too long"])
def test_a_socket_that_cannot_be_made_is_a_sentence_in_the_journal(
    folder: Path, loop: Loop, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    path = folder / {"no folder": "x/s", "too long": "s" * 150}.get(kind, "s")
    if kind == "file":
        path.write_text("precious")
    if kind == "folder":
        path.mkdir()
    thread = Control(path, loop.desk)
    thread.start()
    thread.join(WITHIN_S)
    assert not thread.is_alive()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "so no ivsd status: " in record.getMessage()
    assert kind != "file" or path.read_text() == "precious"


def test_a_socket_of_somebody_else_is_not_taken_away_at_the_end(folder: Path, loop: Loop) -> None:
    thread = Control(folder / "s", loop.desk)
    thread.start()
    until(lambda: answers(folder / "s"))
    (folder / "s").unlink()
    other = listen(folder / "s", 1)
    thread.stop(WITHIN_S)
    assert (folder / "s").exists()
    other.close()


def test_callers_in_a_hurry_wait_for_the_loop(folder: Path, loop: Loop) -> None:
    now = [100.0]
    thread = Control(folder / "s", loop.desk, lambda: now[0])
    thread.start()
    until(lambda: answers(folder / "s"))
    line = Line.to(folder / "s")
    line.ask("status")
    line.send(b'{"op": "status"}\n')
    time.sleep(0.2)
    assert loop.asked == 1
    now[0] += control.ASK_EVERY_S
    assert line.read()["ok"] is True
    assert loop.asked == 2
    line.close()
    thread.stop(WITHIN_S)


def test_idle_callers_cost_nothing(call: Open, served: Control) -> None:
    turns: list[int] = []
    take_turn = served._turn

    def counted() -> None:
        turns.append(1)
        take_turn()

    served._turn = counted  # type: ignore[method-assign]
    lines = [call() for _ in range(5)]
    lines[0].ask("status")
    time.sleep(0.1)
    turns.clear()
    served.changed()
    time.sleep(0.3)
    assert not turns, "nobody wants to know"
    lines[0].ask("subscribe")
    time.sleep(0.1)
    turns.clear()
    time.sleep(0.3)
    assert not turns
    assert served.busy_since is None
    assert served._timeout_s() is None


# -- the other end --------------------------------------------------------------------------------


def test_the_client_reads_a_status(served: Control, folder: Path) -> None:
    assert control_client.status(folder / "s") == a_status()


def test_the_client_follows(served: Control, folder: Path, loop: Loop) -> None:
    told = control_client.follow(folder / "s")
    assert next(told).version == "0"
    loop.number = 1
    served.changed()
    assert next(told).version == "1"
    served.stop(WITHIN_S)
    with pytest.raises(ControlError, match="has ended"):
        next(told)


def test_what_must_be_hidden_is_hidden(served: Control, folder: Path, loop: Loop) -> None:
    loop.hidden = ["swordfish", "", "x"]
    loop.reason = "the password swordfish of x is wrong, access_token=abcdef, card 0004711001"
    (outcome,) = control_client.status(folder / "s").outcomes
    assert outcome.reason == "the password … of x is wrong, access_token=…, card …001"


def test_the_client_gets_the_daemons_own_words(served: Control, folder: Path) -> None:
    with pytest.raises(ControlError, match="known here") as caught:
        control_client.ask(folder / "s", "reboot")
    assert caught.value.code == "unknown_op"


def test_the_client_tells_that_there_is_no_daemon(folder: Path) -> None:
    with pytest.raises(ControlError, match="no daemon answers") as caught:
        control_client.status(folder / "s")
    assert caught.value.code == "no_daemon"


def test_the_client_tells_whom_to_ask_for_the_right(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    with pytest.raises(ControlError, match="group ivsd") as caught:
        control_client.status(folder / "s")
    assert caught.value.code == "no_permission"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "no_answer"),
        (b'{"ok": tr', "no_answer"),
        (b"HTTP/1.1 400 Bad Request\n", "bad_answer"),
        (b"[]\n", "bad_answer"),
        (b"[" * 70_000 + b"\n", "bad_answer"),
        (b'{"ok": true, "data": 7}\n', "bad_answer"),
        (b'{"ok": true, "data": {}}\n', "bad_answer"),
        (b'{"ok": true, "data": {"schema": 1}}\n', "bad_answer"),
        (b'{"ok": false}\n', "bad_answer"),
    ],
)
def test_the_client_is_not_led_astray(folder: Path, said: bytes, code: str) -> None:
    owner = listen(folder / "s", 5)
    owner.settimeout(WITHIN_S)

    def speak() -> None:
        sock, _ = owner.accept()
        sock.recv(1000)
        sock.sendall(said)
        sock.close()

    speaker = threading.Thread(target=speak)
    speaker.start()
    with pytest.raises(ControlError) as caught:
        control_client.status(folder / "s")
    assert caught.value.code == code
    speaker.join(WITHIN_S)
    owner.close()


def test_the_client_does_not_wait_for_ever(folder: Path) -> None:
    owner = listen(folder / "s", 5)
    with pytest.raises(ControlError, match="does not answer") as caught:
        control_client.status(folder / "s", timeout_s=0.05)
    assert caught.value.code == "no_answer"
    owner.close()


def test_the_limits_of_both_ends_fit_together() -> None:
    assert ANSWER_WITHIN_S < control_client.TIMEOUT_S
    assert callers.CHUNK <= callers.LONGEST_LINE


# -- ivsd press -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code", "shown"),
    [
        ({"result": "done", "reason": "recording started"}, 0, "done: recording started\n"),
        ({"result": "failed", "reason": "the room is locked"}, 1, "failed: the room is locked\n"),
        ({"result": "ignored", "reason": "a\x1b[2Jb"}, 1, "ignored: a\ufffd[2Jb\n"),
        (Refused("bad_args", "there is no control “bell”"), 1, "there is no control “bell”"),
    ],
)
def test_the_command_presses_and_says_what_came_of_it(
    served: Control,
    loop: Loop,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    said: Any,
    code: int,
    shown: str,
) -> None:
    def answer() -> None:
        until(lambda: bool(loop.pressed))
        loop.pressed[0][1](said)

    thread = threading.Thread(target=answer)
    thread.start()
    assert press_command.press(folder / "s", "record", as_json=False) == code
    thread.join(WITHIN_S)
    out = capsys.readouterr()
    assert shown in out.out + out.err


def test_the_command_tells_a_program_in_json(
    served: Control, loop: Loop, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = {"result": "done", "reason": "recording started"}
    loop.desk = served._desk = replace(loop.desk, do=lambda _op, _args, reply: reply(outcome))
    assert press_command.press(folder / "s", "record", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == outcome


def test_the_command_says_when_nobody_or_not_for_you(
    stranger: None, served: Control, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert press_command.press(folder / "nowhere", "record", as_json=False) == 3
    assert press_command.press(folder / "s", "record", as_json=False) == 4
    assert "only root" in capsys.readouterr().err

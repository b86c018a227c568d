"""The `ivs` module where several threads, processes or events meet, and what its log keeps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivsd import ivs
from ivsd.valt import transport
from ivsd.valt.simulator import Fault, Simulator

Simulate = Callable[..., Simulator]


def connect(server: Simulator, **more: object) -> ivs.valt:
    return ivs.valt(server.url, "admin", "admin", **{"logpath": False, "timeout": 2.0, **more})  # type: ignore[arg-type]


def asked(server: Simulator, part: str) -> int:
    return sum(part in str(entry) for entry in server.requests)


def wait_until(condition: Callable[[], bool], timeout_s: float = 3.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


# ---- threads and processes --------------------------------------------------------------------


@pytest.mark.parametrize("version", ["6.2.4", "6.4.1", "6.5.2", "6.6.0"])
def test_threads_that_need_the_version_at_once_all_get_it(simulate: Simulate, version: str) -> None:
    server = simulate(version)
    server.world.start(4, "Interview")
    with connect(server) as valt, ThreadPoolExecutor(4) as threads:
        server.faults.add(Fault("delay", "admin/general", 1, seconds=0.2))
        marks = list(threads.map(lambda number: valt.addmarker(4, f"Note {number}"), range(4)))
    assert marks == [1, 1, 1, 1]
    assert asked(server, "admin/general") == 1


def test_a_thread_reads_why_its_own_call_failed(simulate: Simulate) -> None:
    with connect(simulate()) as valt, ThreadPoolExecutor(1) as other:
        assert valt.stoprecording(4) == 0
        other.submit(valt.isrecording, 4).result(3)
        assert other.submit(lambda: valt.errormsg).result(3) == ""
        assert "not found" in valt.errormsg


def test_a_forked_process_is_told_to_make_its_own(simulate: Simulate) -> None:
    server = simulate()
    with connect(server) as valt:
        assert valt.getroomname(4) == "Interview Room 1"
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, f"{valt.isrecording(4)} {valt.errormsg}".encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            assert told.read().startswith("2 this connection belongs to another process")
        assert os.waitpid(child, 0)[1] == 0
        assert valt.getroomname(7) == "Interview Room 2"


def test_a_connection_that_idled_is_not_used_again(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall forgets it without a word, and the next call would wait for nothing."""
    server = simulate()
    with connect(server) as valt:
        assert valt.isrecording(4) is False
        assert server.connections == 1
        monkeypatch.setattr(transport, "LONGEST_IDLE_S", 0.02)
        time.sleep(0.05)
        assert valt.isrecording(4) is False
        assert server.connections == 2


def test_a_log_in_that_meets_a_dead_connection_is_repeated_at_once(simulate: Simulate) -> None:
    server = simulate()
    with connect(server) as valt:
        server.faults.add(Fault("reset_before", "login"))
        valt.auth()
        assert (valt.errormsg, valt.accesstoken != 0) == ("", True)


def test_what_a_log_in_brings_after_the_end_is_not_used(simulate: Simulate) -> None:
    server = simulate()
    valt = connect(server)
    server.faults.add(Fault("delay", "login", 1, seconds=0.3))
    other = threading.Thread(target=valt.auth)
    other.start()
    wait_until(lambda: asked(server, "login") == 2)
    valt.close()
    other.join(3)
    assert valt.accesstoken == 0
    assert "not logged in" in repr(valt)
    assert valt.isrecording(4) == 2
    assert "close()" in valt.errormsg


def test_a_shorter_wait_counts_at_once(simulate: Simulate) -> None:
    server = simulate()
    server.faults.add(Fault("status", "login", 1, status=503))
    with connect(server) as valt:
        assert valt.accesstoken == 0
        valt.failure_reauth_time = 0.05
        wait_until(lambda: valt.accesstoken != 0)


def test_a_wait_that_is_no_time_is_said_by_the_next_call(simulate: Simulate) -> None:
    with connect(simulate()) as valt:
        valt.failure_reauth_time = -1
        assert valt.isrecording(4) == 2
        assert "failure_reauth_time" in valt.errormsg
        valt.failure_reauth_time = 30
        assert valt.isrecording(4) is False


# ---- a start whose answer is lost -------------------------------------------------------------


def test_the_recording_before_it_does_not_hide_a_start_whose_answer_is_lost(
    simulate: Simulate,
) -> None:
    """The server shows an effect late: for a while the old recording seems to run on."""
    server = simulate("6.5.2", "effect_lag_s=0.6")
    server.world.start(4, "Before")
    with connect(server) as valt:
        time.sleep(1.2)  # so that it is older than what may be ours
        assert valt.stoprecording(4) != 0
        server.faults.add(Fault("reset_after", "record/start"))
        id_ = valt.startrecording(4, "Mine")
    assert id_ == server.world.recordings[-1].id
    assert server.world.recordings[-1].name == "Mine"
    assert asked(server, "record/start") == 1


def test_a_lost_start_in_a_room_that_cannot_be_read_is_left_in_doubt(simulate: Simulate) -> None:
    server = simulate()
    with connect(server, timeout=0.6) as valt:
        server.faults.add(Fault("reset_after", "record/start"))
        server.faults.add(Fault("status", "rooms/info/4", None, status=502))
        assert valt.startrecording(4, "Mine") == 0
        assert "may be recording" in valt.errormsg


@pytest.mark.parametrize(
    ("status", "body"), [(429, "<html>slow down"), (404, "<html>not here"), (302, "")]
)
def test_an_answer_that_says_it_was_not_done_is_not_looked_into(
    simulate: Simulate, status: int, body: str
) -> None:
    server = simulate()
    with connect(server) as valt:
        server.faults.add(Fault("status", "record/start", 1, status=status, body=body))
        before = len(server.requests)
        assert valt.startrecording(4, "Mine") == 0
        assert len(server.requests) == before + 1
        assert valt.startrecording(4, "Mine") != 0


# ---- what is kept in the log ------------------------------------------------------------------


def lines(log: Path) -> list[str]:
    return [line[20:].partition(": ")[2] for line in log.read_text().splitlines()]


def test_a_server_that_is_away_is_three_lines_however_often_it_is_asked(
    simulate: Simulate, tmp_path: Path
) -> None:
    server, log = simulate(), tmp_path / "ivs.log"
    with connect(server, logpath=log) as valt:
        server.away()
        for _ in range(50):
            assert valt.isrecording(4) == 2
        server.back()
        valt.auth()
        assert valt.isrecording(4) is False
    first, second, third = lines(log)
    assert first.startswith("isrecording: ")
    assert "refuses connections" in first
    assert second.startswith("log-in: ")
    assert third == "logged in again"


def test_the_same_refusals_are_written_once_a_minute(simulate: Simulate, tmp_path: Path) -> None:
    log = tmp_path / "ivs.log"
    with connect(simulate(), logpath=log) as valt:
        for _ in range(20):
            for room in (98, 99):
                assert valt.getroomname(room) == 0
    assert lines(log) == [
        f"getroomname: the server has no room with id {room}" for room in (98, 99)
    ]


def test_a_redirect_that_repeats_the_request_is_not_quoted(simulate: Simulate) -> None:
    server = simulate()
    with connect(server) as valt:
        token = str(valt.accesstoken)
        fault = server.faults.add(Fault("status", "rooms/", None, status=302))
        assert valt.isrecording(4) == 2
        assert "another address" in valt.errormsg
        server.faults.clear()
        assert fault.kind == "status"
    assert token not in valt.errormsg


def test_a_relative_log_stays_where_it_was_meant(
    simulate: Simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect(simulate(), logpath="here.log") as valt:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        valt.getroomname(99)
    assert lines(tmp_path / "here.log") != []


# ---- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "server",
    ["http://h?", "http://h#", "ht tp://h", "h\nost", "h\x00", "ftp://h", "http://h:0", "h:99999"],
)
def test_an_address_that_is_none_is_named(server: str) -> None:
    with ivs.valt(server, "admin", "admin", logpath=False) as valt:
        assert "server " in valt.errormsg
        assert valt.baseurl == ""
        assert valt.getrooms() == 0


@pytest.mark.parametrize(
    ("server", "baseurl"),
    [
        ("127.0.0.1:1/", "http://127.0.0.1:1/api/v3/"),
        ("HTTP://127.0.0.1:1", "http://127.0.0.1:1/api/v3/"),
        ("http://127.0.0.1:1/api/v3/", "http://127.0.0.1:1/api/v3/"),
        ("::1", "http://[::1]/api/v3/"),
    ],
)
def test_an_address_may_be_written_in_several_ways(server: str, baseurl: str) -> None:
    with ivs.valt(server, "admin", "admin", logpath=False, timeout=0.3) as valt:
        assert valt.baseurl == baseurl

"""The watchdog: when it pings, and who keeps it from that."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivsd.appliance.watchdog import Watchdog

LIMIT_S = 60.0


@dataclass
class Thread:
    name: str
    busy_since: float | None = None


class Systemd:
    """The other end: what it was told, by a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.setblocking(False)

    def told(self) -> list[str]:
        words = []
        while True:
            try:
                words.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return words


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(LIMIT_S * 1e6)))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield systemd
    systemd._socket.close()


def watchdog(systemd: Systemd) -> Watchdog:
    return Watchdog(lambda: systemd.now)


def test_it_pings_at_once_and_three_times_within_the_limit(systemd: Systemd) -> None:
    dog = watchdog(systemd)
    pings = 0
    while systemd.now < 1000 + LIMIT_S:
        systemd.now = dog.due
        assert dog.ping([]) == ""
        pings += 1
    assert (pings, systemd.told()) == (4, ["WATCHDOG=1"] * 4)


def test_between_two_pings_nothing_is_told(systemd: Systemd) -> None:
    dog = watchdog(systemd)
    dog.ping([])
    systemd.told()
    systemd.now += LIMIT_S / 3 - 0.1
    dog.ping([Thread("lights", busy_since=0.0)])
    assert systemd.told() == []


def test_threads_that_wait_or_work_within_their_time_are_sound(systemd: Systemd) -> None:
    threads = [Thread("inputs"), Thread("valt-watcher", systemd.now - 89)]
    assert watchdog(systemd).ping(threads) == ""
    assert systemd.told() == ["WATCHDOG=1"]


def test_a_thread_that_is_busy_for_too_long_is_named_and_keeps_the_ping_back(
    systemd: Systemd,
) -> None:
    threads = [Thread("inputs"), Thread("outbox", systemd.now - 91), Thread("lights", 0.0)]
    assert watchdog(systemd).ping(threads) == "outbox, lights"
    assert systemd.told() == []


def test_a_thread_that_comes_back_lets_it_ping_again(systemd: Systemd) -> None:
    dog, thread = watchdog(systemd), Thread("outbox", systemd.now - 91)
    dog.ping([thread])
    thread.busy_since = None
    systemd.now = dog.due
    assert dog.ping([thread]) == ""
    assert systemd.told() == ["WATCHDOG=1"]


@pytest.mark.parametrize("usec", ["", "0", "-5", "soon"])
def test_without_a_limit_it_is_never_due(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch, usec: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    dog = watchdog(systemd)
    assert dog.due == math.inf
    assert dog.ping([Thread("lights", 0.0)]) == ""
    assert systemd.told() == []


def test_the_limit_of_another_process_is_not_ours(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert watchdog(systemd).due == math.inf
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog(systemd).due == systemd.now

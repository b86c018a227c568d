"""News of devices from udev, on a stand-in for pyudev (the real udev has its own suite)."""

from __future__ import annotations

import errno
import importlib
import select
import socket
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyudev", reason="pyudev is not installed: no news to hear")

from ivsd.hardware import RealHardware
from ivsd.inputs import hotplug
from ivsd.inputs.hotplug import Hotplug


class FakeMonitor:
    """A pyudev.Monitor that hears what a test says."""

    def __init__(self) -> None:
        self.heard: deque[str | OSError] = deque()
        self.subsystems: list[str] = []
        self.started = False
        self.asked_with: set[object] = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def filter_by(self, subsystem: str) -> None:
        assert not self.started, "a filter behind start() lets pass what was on the way"
        self.subsystems.append(subsystem)

    def start(self) -> None:
        self.started = True

    def fileno(self) -> int:
        return self.socket.fileno()

    def poll(self, timeout: float | None = None) -> Any:
        self.asked_with.add(timeout)
        if not self.heard:
            return None
        heard = self.heard.popleft()
        if isinstance(heard, OSError):
            raise heard
        return SimpleNamespace(action=heard)


class ErrorMonitor(FakeMonitor):
    """Asks a real descriptor first, as pyudev does: an error on it is raised, and stays there.

    pyudev 0.24, _os/poll.py: POLLERR raises OSError before anything was received. Tried with a
    netlink socket whose buffer had run over: it stayed readable, and each poll() raised, until
    SO_ERROR was asked.
    """

    def poll(self, timeout: float | None = None) -> Any:
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        if any(mask & select.POLLERR for _, mask in poller.poll(timeout)):
            raise OSError(f"Error while polling fd: {self.fileno()!r}")
        return super().poll(timeout)


@pytest.fixture
def monitor() -> Iterator[FakeMonitor]:
    monitor = FakeMonitor()
    yield monitor
    monitor.socket.close()


@pytest.fixture
def news(monitor: FakeMonitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hotplug:
    return _hotplug(monitor, monkeypatch, tmp_path)


def _hotplug(monitor: FakeMonitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hotplug:
    running = tmp_path / "control"
    running.touch()
    monkeypatch.setattr(hotplug, "UDEV", running)
    fake = SimpleNamespace(
        Context=object, Monitor=SimpleNamespace(from_netlink=lambda context: monitor)
    )
    monkeypatch.setattr(hotplug, "pyudev", fake)
    return Hotplug()


def test_it_listens_for_keyboards_and_gpio_chips(news: Hotplug, monitor: FakeMonitor) -> None:
    assert monitor.started
    assert monitor.subsystems == ["input", "gpio"]
    assert news.fileno() == monitor.fileno()


@pytest.mark.parametrize("action", ["add", "change", "bind", "move"])
def test_a_device_that_came_is_news(news: Hotplug, monitor: FakeMonitor, action: str) -> None:
    monitor.heard.append(action)
    assert news.came()
    assert not news.came()


def test_a_device_that_was_taken_away_is_none(news: Hotplug, monitor: FakeMonitor) -> None:
    monitor.heard.extend(["remove", "remove"])
    assert not news.came()


@pytest.mark.parametrize("heard", [["remove", "add"], ["add", "remove"], ["remove"] * 9 + ["add"]])
def test_one_arrival_among_others_is_news(
    news: Hotplug, monitor: FakeMonitor, heard: list[str]
) -> None:
    monitor.heard.extend(heard)
    assert news.came()
    assert not monitor.heard


def test_a_burst_is_one_piece_of_news_and_never_waited_for(
    news: Hotplug, monitor: FakeMonitor
) -> None:
    monitor.heard.extend(["add"] * 500)
    assert news.came()
    assert not news.came()
    assert monitor.asked_with == {0}


def test_a_buffer_that_ran_over_may_have_held_an_arrival(
    news: Hotplug, monitor: FakeMonitor
) -> None:
    monitor.heard.extend(["remove", OSError(errno.ENOBUFS, "No buffer space available"), "remove"])
    assert news.came()
    assert not news.came()


def test_a_buffer_that_ran_over_does_not_keep_the_thread_awake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monitor = ErrorMonitor()
    with monitor.socket as broken, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        place = closed.getsockname()
        closed.close()
        broken.connect(place)
        broken.send(b"nobody listens there: ECONNREFUSED stays on this socket, as ENOBUFS would")
        news = _hotplug(monitor, monkeypatch, tmp_path)
        poller = select.poll()
        poller.register(news.fileno(), select.POLLIN)
        assert poller.poll(1000), "the kernel tells of the error"
        assert news.came()
        assert not poller.poll(0)
        assert not news.came()


def test_without_udev_there_are_no_news(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hotplug, "UDEV", tmp_path / "control")
    with pytest.raises(OSError, match="udev does not run here"):
        Hotplug()
    assert RealHardware().news() is None


def test_news_that_may_not_be_heard_are_none(
    monkeypatch: pytest.MonkeyPatch, monitor: FakeMonitor, tmp_path: Path
) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(monitor, "start", refuse)
    with pytest.raises(PermissionError):
        _hotplug(monitor, monkeypatch, tmp_path)
    assert RealHardware().news() is None


def test_with_udev_the_hardware_has_news(news: Hotplug, monitor: FakeMonitor) -> None:
    monitor.started = False
    assert isinstance(RealHardware().news(), Hotplug)


@pytest.mark.parametrize("missing", ["pyudev", "libudev"])
def test_without_the_package_or_its_library_there_are_no_news(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    """pyudev itself can be imported without libudev; its Context cannot be made."""
    if missing == "pyudev":
        monkeypatch.setitem(sys.modules, "pyudev", None)
        monkeypatch.delitem(sys.modules, "ivsd.inputs.hotplug")
        monkeypatch.delattr(importlib.import_module("ivsd.inputs"), "hotplug")
        with pytest.raises(ImportError):
            importlib.import_module("ivsd.inputs.hotplug")
    else:
        running = tmp_path / "control"
        running.touch()
        monkeypatch.setattr(hotplug, "UDEV", running)
        monkeypatch.setattr(hotplug, "pyudev", _without_libudev())
    assert RealHardware().news() is None


def _without_libudev() -> ModuleType:
    def no_context() -> None:
        raise ImportError("No library named udev")

    fake = ModuleType("pyudev")
    fake.Context = no_context  # type: ignore[attr-defined]
    fake.Monitor = SimpleNamespace(from_netlink=None)  # type: ignore[attr-defined]
    return fake

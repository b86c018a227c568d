"""The input thread: every device in one selector, none able to end the others.

It sleeps until the kernel has something for it. A device that is missing, busy or unplugged
is reported, and opened as soon as udev tells that something came.
"""

from __future__ import annotations

import functools
import os
import selectors
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ivsd.events import DeviceFound, DeviceLost, Event
from ivsd.inputs.source import DeviceProblem, Source

RETRY_S = 3.0
RETRY_BESIDE_UDEV_S = 30.0
"""For what udev does not tell: another program has let go of a device or a line."""


class News(Protocol):
    """Tells that a device came (`ivsd.inputs.hotplug`)."""

    def fileno(self) -> int: ...

    def came(self) -> bool: ...


class Reader(threading.Thread):
    """Reads all sources and posts what they say.

    Without `news` a missing device is looked for every 3 s.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        post: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
        news: News | None = None,
    ) -> None:
        super().__init__(name="inputs", daemon=True)
        self._post = post
        self._clock = clock
        self._news = news
        self._retry_s = RETRY_S if news is None else RETRY_BESIDE_UDEV_S
        # Not epoll, which sleeps on when a GPIO chip is taken away (Linux 6.1).
        self._selector = selectors.PollSelector()
        self._open: list[Source] = []
        self._sources = list(sources)
        self._missing: list[Source] = list(sources)
        self.devices = [source.name for source in sources]
        """What the sources are called in the events about them."""
        self.busy_since: float | None = None
        """Since when it is at work; None while it waits for some. Read by the watchdog."""
        self._retry_at = 0.0
        self._stop_fd: int | None
        self._wake_fd, self._stop_fd = os.pipe()
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._wake_fd)
        if news is not None:
            self._selector.register(news.fileno(), selectors.EVENT_READ, news)

    def stop(self, timeout_s: float) -> None:
        """End the thread and give all devices back."""
        self._post = _nowhere  # also when it hangs in a device and goes on later
        stop_fd, self._stop_fd = self._stop_fd, None
        if stop_fd is not None:
            os.close(stop_fd)  # the other end becomes readable
        if self.is_alive():
            self.join(timeout_s)

    def run(self) -> None:
        """Read until stopped."""
        while True:
            self.busy_since = self._clock()
            if self._missing and self._clock() >= self._retry_at:
                self._look_for_missing()
            timeout_s = self._timeout()
            self.busy_since = None
            ready = [key.data for key, _ in self._selector.select(timeout_s)]
            self.busy_since = self._clock()
            if self._wake_fd in ready:
                break
            for source in ready:
                if source is not self._news:
                    self._drain(source, source.read)
            for source in list(self._open):
                if self._is_due(source):
                    # This thread may be late: first what has come until now, and by its own time.
                    self._drain(source, source.read)
                if source in self._open and self._is_due(source):
                    self._drain(source, functools.partial(source.expire, self._clock()))
            if self._news in ready:
                self._look_again()
        for source in self._open:
            source.close()
        self._selector.close()
        os.close(self._wake_fd)

    def _timeout(self) -> float | None:
        """Return how long to sleep: until a number ends, or until missing devices are tried."""
        moments = [at for source in self._open if (at := source.deadline()) is not None]
        if self._missing:
            moments.append(self._retry_at)
        return max(0.0, min(moments) - self._clock()) if moments else None

    def _is_due(self, source: Source) -> bool:
        deadline = source.deadline()
        return deadline is not None and self._clock() >= deadline

    def _drain(self, source: Source, read: Callable[[], Iterable[Event]]) -> None:
        try:
            for event in read():
                self._post(event)
        except DeviceProblem as e:
            self._selector.unregister(source.fileno())
            self._open.remove(source)
            self._lose(source, e)
            # Its twin, or what took its place, may be there already.
            self._retry_at = self._clock() + RETRY_S
            # In the order of the file: what was added to it later takes no device of the first.
            missing = [*self._missing, source]
            self._missing = [one for one in self._sources if one in missing]

    def _look_again(self) -> None:
        assert self._news is not None
        if self._news.came():
            self._retry_at = self._clock()

    def _look_for_missing(self) -> None:
        for source in list(self._missing):
            try:
                source.open()
            except DeviceProblem as e:
                self._lose(source, e)
                continue
            self._selector.register(source.fileno(), selectors.EVENT_READ, source)
            self._missing.remove(source)
            self._open.append(source)
            self._post(DeviceFound(source.name))
        self._retry_at = self._clock() + self._retry_s

    def _lose(self, source: Source, problem: DeviceProblem) -> None:
        source.close()
        self._post(DeviceLost(source.name, str(problem)))


def _nowhere(event: Event) -> None:
    """Take what nobody waits for any more."""

"""A pretended kernel with GPIO chips, for tests of what uses gpiod without a single line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpiod
import pytest
from gpiod.line import Direction

from ivsd import gpio_lines


@dataclass
class FakeChip:
    """A chip of eight lines with the part of gpiod's Chip that ivsd uses."""

    name: str
    label: str
    names: dict[int, str] = field(default_factory=dict)
    requests: list[FakeRequest] = field(default_factory=list)
    refuses: int = 0
    """Error number with which the chip cannot be opened."""
    request_error: int = 0

    def __enter__(self) -> FakeChip:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def get_info(self) -> Any:
        return SimpleNamespace(name=self.name, label=self.label, num_lines=8)

    def get_line_info(self, offset: int) -> Any:
        held = [r for r in self.requests if offset in r.offsets and r.held]
        return SimpleNamespace(
            offset=offset,
            name=self.names.get(offset),
            used=bool(held),
            consumer=held[0].consumer if held else None,
            direction=held[0].settings.direction if held else Direction.INPUT,
        )

    def request_lines(
        self, config: dict[int, Any], consumer: str, event_buffer_size: int = 0
    ) -> FakeRequest:
        if any(r.held and config.keys() & set(r.offsets) for r in self.requests):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if self.request_error:
            raise OSError(self.request_error, os.strerror(self.request_error))
        self.requests.append(FakeRequest(config, consumer, event_buffer_size))
        return self.requests[-1]


class FakeRequest:
    """Held lines; the test plays the wires with `edge` and `level`."""

    def __init__(self, config: dict[int, Any], consumer: str, buffer: int) -> None:
        self.offsets, self.consumer, self.buffer = list(config), consumer, buffer
        self.offset = self.offsets[0]
        (self.settings,) = {id(settings): settings for settings in config.values()}.values()
        self.level = self.settings.output_value
        self.fd, self._wire = os.pipe()
        self._edges: list[Any] = []
        self._seqno = 0
        self._line_seqnos = dict.fromkeys(config, 0)
        self.held = True
        self.gone = False

    def edge(self, level: int, at_ns: int, lost: int = 0, line: int | None = None) -> None:
        """Let an edge come; `lost` of the same line before it do not."""
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if level else gpiod.EdgeEvent.Type.FALLING_EDGE
        line = self.offset if line is None else line
        self._seqno += 1 + lost
        self._line_seqnos[line] += 1 + lost
        self._edges.append(
            gpiod.EdgeEvent(kind.value, at_ns, line, self._seqno, self._line_seqnos[line])
        )
        os.write(self._wire, b"!")

    def read_edge_events(self) -> list[Any]:
        if self.gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        count = len(os.read(self.fd, 64))  # as gpiod: at most 64, and BlockingIOError for none
        edges, self._edges = self._edges[:count], self._edges[count:]
        return edges

    def get_value(self, offset: int) -> Any:
        assert offset == self.offset
        return self.level

    def set_value(self, offset: int, value: Any) -> None:
        if self.gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        assert offset == self.offset
        self.level = value

    def release(self) -> None:
        self.held = False


@contextmanager
def pretended_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, FakeChip]]:
    """Two chips in a pretended /dev: gpiochip0 (header) and gpiochip1 (expander)."""
    chips = {
        "gpiochip0": FakeChip("gpiochip0", "header", {5: "BTN_RECORD", 6: "BTN_STOP"}),
        "gpiochip1": FakeChip("gpiochip1", "expander"),
    }
    for name in chips:
        (tmp_path / name).touch()
    (tmp_path / "null").touch()

    def open_chip(path: str) -> FakeChip:
        chip = chips.get(Path(path).resolve().name)
        if chip is None:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        if chip.refuses:
            raise OSError(chip.refuses, os.strerror(chip.refuses))
        return chip

    fake = SimpleNamespace(Chip=open_chip, LineSettings=gpiod.LineSettings)
    monkeypatch.setattr(gpio_lines, "gpiod", fake)
    monkeypatch.setattr(gpio_lines, "DEV", str(tmp_path))
    yield chips
    for chip in chips.values():
        for request in chip.requests:
            os.close(request.fd)
            os.close(request._wire)

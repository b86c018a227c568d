"""Several lines watched together, and the list of what there is, on a pretended kernel."""

from __future__ import annotations

import errno
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gpiod", reason="needs gpiod (pip install ivsd[appliance])")

import gpiod
from gpiod.line import Bias, Direction, Edge

from ivsd.gpio_lines import EdgeWatch, LineProblem, WatchedEdge, chips
from tests.fake_gpio import FakeChip, pretended_kernel


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeChip]]:
    with pretended_kernel(tmp_path, monkeypatch) as chips:
        yield chips


@pytest.fixture
def header(kernel: dict[str, FakeChip]) -> FakeChip:
    return kernel["gpiochip0"]


def watch(
    *lines: int | str, chip: str = "gpiochip0", pull: Any = "up", edge: Any = "falling"
) -> EdgeWatch:
    return EdgeWatch(chip, lines or (5, 6), pull=pull, edge=edge)


# -- watching ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pull", "bias"), [("up", Bias.PULL_UP), ("down", Bias.PULL_DOWN), ("none", Bias.DISABLED)]
)
def test_all_lines_are_in_one_request_without_any_filter(
    header: FakeChip, pull: str, bias: Any
) -> None:
    watch(6, "BTN_RECORD", pull=pull, edge="rising")
    (request,) = header.requests
    assert request.offsets == [6, 5]
    assert request.consumer == "ivsd"
    assert request.buffer >= 256
    assert request.settings == gpiod.LineSettings(
        direction=Direction.INPUT, bias=bias, edge_detection=Edge.RISING
    )


def test_edges_name_the_line_by_its_place_and_carry_stamp_and_numbers(header: FakeChip) -> None:
    it = watch(6, 5)
    header.requests[0].edge(0, at_ns=1_500_000_000, line=5)
    header.requests[0].edge(0, at_ns=1_502_000_000, line=6)
    header.requests[0].edge(0, at_ns=1_504_000_000, lost=2, line=5)
    assert it.read() == [
        WatchedEdge(line=1, at=1.5, seqno=1, line_seqno=1),
        WatchedEdge(line=0, at=1.502, seqno=2, line_seqno=1),
        WatchedEdge(line=1, at=1.504, seqno=5, line_seqno=4),
    ]


def test_all_that_waits_is_read_at_once(header: FakeChip) -> None:
    it = watch()
    for i in range(300):
        header.requests[0].edge(0, at_ns=i)
    assert len(it.read()) == 300


def test_reading_without_an_edge_does_not_block(header: FakeChip) -> None:
    it = watch()
    assert it.read() == []
    assert select.select([it], [], [], 0)[0] == []
    header.requests[0].edge(0, at_ns=1)
    assert select.select([it], [], [], 0)[0] == [it]


def test_a_closed_watch_gives_its_lines_back(header: FakeChip) -> None:
    it = watch()
    it.close()
    it.close()
    assert [request.held for request in header.requests] == [False]
    watch().close()


def test_a_busy_line_names_its_holder_whichever_it_is(header: FakeChip) -> None:
    header.request_lines({6: gpiod.LineSettings()}, consumer="gpio-keys")
    with pytest.raises(
        LineProblem, match=r"^line 6 \(BTN_STOP\) of gpiochip0 is in use by gpio-keys$"
    ):
        watch(5, 6)


def test_one_line_under_two_names_is_recognised(header: FakeChip) -> None:
    with pytest.raises(LineProblem, match=r"^line 5 .* and line BTN_RECORD .* the same line$"):
        watch(5, "BTN_RECORD")


def test_a_line_that_is_not_there_is_named(header: FakeChip) -> None:
    with pytest.raises(LineProblem, match=r"^gpiochip0 has no line 9, only 0 to 7$"):
        watch(5, 9)


def test_no_permission_names_the_group(header: FakeChip, monkeypatch: pytest.MonkeyPatch) -> None:
    header.refuses = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: "gpio")
    with pytest.raises(LineProblem, match="this user must be in the group gpio"):
        watch()


def test_a_chip_that_went_away_is_told(header: FakeChip) -> None:
    it = watch(5, 6)
    header.requests[0].gone = True
    with pytest.raises(
        LineProblem, match=r"^line 5 and line 6 of gpiochip0 cannot be used: its chip is gone$"
    ):
        it.read()


# -- what there is ----------------------------------------------------------------------------


def test_all_chips_are_listed_with_their_lines(kernel: dict[str, FakeChip], tmp_path: Path) -> None:
    watch(5)
    kernel["gpiochip0"].request_lines(
        {7: gpiod.LineSettings(direction=Direction.OUTPUT)}, consumer="lamp"
    )
    kernel["gpiochip0"].request_lines({1: gpiod.LineSettings()}, consumer="")
    header, expander = chips()
    assert (header.path, header.name, header.label) == (
        f"{tmp_path}/gpiochip0",
        "gpiochip0",
        "header",
    )
    assert header.problem == ""
    assert [line.number for line in header.lines] == list(range(8))
    record, output, nameless = (header.lines[i] for i in (5, 7, 1))
    assert (record.name, record.consumer, record.is_output) == ("BTN_RECORD", "ivsd", False)
    assert (output.name, output.consumer, output.is_output) == ("", "lamp", True)
    assert nameless.consumer == "another program"
    assert expander.label == "expander"
    assert {line.consumer for line in expander.lines} == {""}


def test_a_chip_that_cannot_be_opened_says_why_and_hides_no_other(
    kernel: dict[str, FakeChip], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel["gpiochip0"].refuses = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: "gpio")
    header, expander = chips()
    assert header.problem == "no permission, this user must be in the group gpio"
    assert (header.name, header.label, header.lines) == ("gpiochip0", "", ())
    assert len(expander.lines) == 8


def test_chips_are_listed_once_and_by_their_number(
    kernel: dict[str, FakeChip], tmp_path: Path
) -> None:
    for name in ("gpiochip10", "gpiochip2"):
        kernel[name] = FakeChip(name, "late")
        (tmp_path / name).touch()
    (tmp_path / "gpiochip4").symlink_to("gpiochip0")
    assert [chip.name for chip in chips()] == ["gpiochip0", "gpiochip1", "gpiochip2", "gpiochip10"]


def test_a_box_without_chips_lists_none(kernel: dict[str, FakeChip], tmp_path: Path) -> None:
    for name in kernel:
        (tmp_path / name).unlink()
    assert chips() == []

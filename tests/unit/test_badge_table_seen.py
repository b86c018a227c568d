"""When badges were seen: remembered without a number, over a restart, and not for ever."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest

from ivsd.badge_table.seen import FILE, MOST, LastSeen
from ivsd.events import NumberKind, Scanned
from ivsd.valt.model import Secret
from tests.secret_box import fake_box, leaks

NOW_S = 1_790_000_000.0
NUMBER = Secret("0004711001")


class Clock:
    def __init__(self) -> None:
        self.wall_s, self.now = NOW_S, 1000.0

    def passes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(folder: Path, clock: Clock) -> LastSeen:
    return LastSeen(folder, lambda: clock.wall_s, lambda: clock.now)


def saw(
    seen: LastSeen, clock: Clock, number: Secret = NUMBER, kind: NumberKind = NumberKind.BADGE
) -> None:
    seen.saw(Scanned("door", kind, number, clock.now))


def test_a_badge_is_seen_where_and_when_it_was_read(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    assert seen.of(NUMBER) == (None, None)
    saw(seen, clock)
    clock.passes(60)
    assert seen.of(NUMBER) == (NOW_S, "door")
    seen.keep()


def test_of_a_pin_nothing_is_kept(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    saw(seen, clock, kind=NumberKind.PIN)
    assert seen.of(NUMBER) == (None, None)
    seen.keep()
    assert not (tmp_path / FILE).exists()


def test_a_badge_read_before_the_clock_was_set_is_told_in_the_right_time(
    tmp_path: Path, clock: Clock
) -> None:
    clock.wall_s = 20.0
    seen = made(tmp_path, clock)
    saw(seen, clock)
    clock.passes(10)
    assert seen.of(NUMBER) == (None, "door")
    clock.wall_s = NOW_S
    assert seen.of(NUMBER) == (NOW_S - 10, "door")
    seen.keep()


def test_it_lasts_over_a_restart_without_the_number(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    saw(seen, clock)
    seen.stop(5)
    file = tmp_path / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert "4711001" not in file.read_text()
    clock.passes(3600)
    assert made(tmp_path, clock).of(NUMBER) == (NOW_S, "door")
    assert made(tmp_path, clock).of(Secret("0004711002")) == (None, None)


def test_two_boxes_write_the_same_badge_differently(tmp_path: Path, clock: Clock) -> None:
    kept = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        seen = made(tmp_path / name, clock)
        saw(seen, clock)
        seen.keep()
        kept.append(json.loads((tmp_path / name / FILE).read_text())["seen"].keys())
    assert kept[0] != kept[1]


def test_a_time_that_is_not_known_or_lies_ahead_is_not_told(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    saw(seen, clock)
    seen.keep()
    clock.wall_s -= 86400
    assert made(tmp_path, clock).of(NUMBER) == (None, "door")


def test_only_the_last_ones_are_remembered(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    for number in range(MOST):
        saw(seen, clock, Secret(str(number)))
    saw(seen, clock, Secret("0"))  # it is no old one any more
    saw(seen, clock, Secret("one more"))
    assert seen.of(Secret("1")) == (None, None)
    assert seen.of(Secret("0"))[1] == "door"
    seen.keep()
    again = made(tmp_path, clock)
    assert again.of(Secret("2"))[1] == "door"
    saw(again, clock, Secret("and another"))
    assert again.of(Secret("2"))[1] is None
    again.keep()


def test_a_boot_without_the_right_time_keeps_what_former_runs_have_seen(
    tmp_path: Path, clock: Clock
) -> None:
    numbers = [Secret(f"{n:010}") for n in range(20)]
    seen = made(tmp_path, clock)
    for number in numbers:
        saw(seen, clock, number)
    seen.keep()
    clock.wall_s, clock.now = 20.0, 30.0
    seen = made(tmp_path, clock)
    saw(seen, clock, numbers[0])
    saw(seen, clock)
    assert seen.of(numbers[0]) == (None, "door")
    seen.stop(5)
    assert len(json.loads((tmp_path / FILE).read_text())["seen"]) == 20, "what is new has no date"
    clock.wall_s = NOW_S + 100
    seen = made(tmp_path, clock)
    assert [seen.of(number) for number in (*numbers, NUMBER)] == [
        *[(NOW_S, "door")] * 20, (None, None),
    ]  # fmt: skip


def test_a_time_that_lies_ahead_is_kept_until_the_clock_is_right(
    tmp_path: Path, clock: Clock
) -> None:
    seen = made(tmp_path, clock)
    saw(seen, clock)
    seen.keep()
    clock.wall_s -= 86400
    seen = made(tmp_path, clock)
    saw(seen, clock, Secret("0004711002"))
    seen.keep()
    clock.wall_s += 86400
    assert made(tmp_path, clock).of(NUMBER) == (NOW_S, "door")


def test_what_could_not_be_written_is_written_later(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path / "later", clock)
    saw(seen, clock)
    seen.keep()
    assert any(thread.name == "badges-seen" for thread in threading.enumerate()), "it tries again"
    (tmp_path / "later").mkdir()
    seen.stop(5)
    assert made(tmp_path / "later", clock).of(NUMBER) == (NOW_S, "door")


def test_a_stop_leaves_no_thread_behind_where_nothing_can_be_written(
    tmp_path: Path, clock: Clock
) -> None:
    seen = made(tmp_path / "nowhere", clock)
    saw(seen, clock)
    seen.stop(5)
    assert seen._timer is None


def test_thousands_of_numbers_that_nobody_has_do_not_wipe_the_others(
    tmp_path: Path, clock: Clock
) -> None:
    seen = made(tmp_path, clock)
    people = [Secret(f"{n:010}") for n in range(1500)]
    for number in people:
        saw(seen, clock, number)
    for n in range(MOST):
        saw(seen, clock, stranger := Secret(f"99{n:08}"))
        seen.nobodys(stranger)
        seen.nobodys(stranger)
    assert {seen.of(number) for number in people} == {(NOW_S, "door")}
    assert seen.of(stranger) == (NOW_S, "door")
    seen.keep()
    again = made(tmp_path, clock)
    assert again.of(stranger) == (NOW_S, "door")
    for n in range(400):
        saw(again, clock, Secret(f"88{n:08}"))
    assert again.of(people[0]) == (NOW_S, "door"), "also over a restart the others go first"
    again.keep()


def test_a_badge_that_got_an_owner_is_remembered_as_theirs(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    saw(seen, clock)
    seen.nobodys(NUMBER)
    saw(seen, clock)
    for n in range(MOST - 1):
        saw(seen, clock, Secret(f"99{n:08}"))
        seen.nobodys(Secret(f"99{n:08}"))
    saw(seen, clock, Secret("0004711002"))
    assert seen.of(NUMBER) == (NOW_S, "door")
    seen.keep()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 1}', b"[" * 100_000,
        b'{"version": 2, "salt": "00112233445566778899aabbccddeeff", "seen": {}}',
        b'{"version": 1, "salt": "00", "seen": {}}',
        b'{"version": 1, "salt": "00112233445566778899aabbccddeeff", "seen": {"a": 3}}',
        b'{"version": 1, "salt": "00112233445566778899aabbccddeeff", "seen": {"a": [null, "x"]}}',
        b'{"version": 1, "salt": "00112233445566778899aabbccddeeff", "seen": {"a": [1e999, "x"]}}',
    ],
)  # fmt: skip
def test_a_file_that_is_not_ours_is_none(tmp_path: Path, clock: Clock, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    seen = made(tmp_path, clock)
    assert seen.of(NUMBER) == (None, None)
    saw(seen, clock)
    seen.keep()
    assert made(tmp_path, clock).of(NUMBER) == (NOW_S, "door")


def test_nothing_is_written_while_nothing_changes(tmp_path: Path, clock: Clock) -> None:
    seen = made(tmp_path, clock)
    seen.stop(5)
    assert not list(tmp_path.iterdir())


def test_many_swipes_make_one_writing_by_a_thread_that_sleeps_until_then(
    tmp_path: Path, clock: Clock
) -> None:
    seen = LastSeen(tmp_path, lambda: clock.wall_s, lambda: clock.now, write_after_s=0.05)
    for _ in range(50):
        saw(seen, clock)
    waiting = [thread for thread in threading.enumerate() if thread.name == "badges-seen"]
    assert len(waiting) == 1
    waiting[0].join(5)
    assert (tmp_path / FILE).is_file()
    assert made(tmp_path, clock).of(NUMBER) == (NOW_S, "door")


def test_a_folder_that_cannot_be_written_is_told_in_the_journal(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    seen = made(tmp_path / "nowhere", clock)
    saw(seen, clock)
    with caplog.at_level(logging.WARNING):
        seen.stop(5)
    assert "when badges were seen is not kept" in caplog.text
    assert seen.of(NUMBER)[1] == "door"


def test_nothing_of_the_file_is_in_the_diagnostics_bundle(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = fake_box(tmp_path / "box", monkeypatch)
    box.has("/etc/ivsd/ivsd.yaml", "room: 4\n")
    state = box.root / "var/lib/ivsd"
    state.mkdir(parents=True)
    seen = made(state, clock)
    saw(seen, clock)
    seen.keep()
    kept = json.loads((state / FILE).read_text())
    files = box.bundle()
    assert [leaks(files, text) for text in (kept["salt"], *kept["seen"])] == [[], []]

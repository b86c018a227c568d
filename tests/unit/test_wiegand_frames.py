"""Pulses become frames by time and count; what is not whole is rejected, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivsd.inputs.wiegand_formats import PARITY_WRONG, Accepted, Badge, Key, Rejected
from ivsd.inputs.wiegand_frames import (
    BEGUN_BEFORE,
    CLOSEST_S,
    ENDLESS,
    GRACE_S,
    KEY_SILENCE_S,
    LOST,
    MOST_BITS,
    TOO_CLOSE,
    Ended,
    Frames,
)
from tests import wiegand_sender as sender

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GAP_S = 0.015
PERIOD_S = 0.002
FACILITY_BADGE = 0x7B1234
FRAME = sender.frame(26, FACILITY_BADGE)

Edge = tuple[int, float, int]


def frames(accepted: Accepted | None = None, opened_at: float = 0.0) -> Frames:
    it = Frames(accepted or Accepted(), GAP_S)
    it.restart(opened_at)
    return it


def edges(bits: Sequence[int], start: float = 1.0, seqno: int = 1) -> list[Edge]:
    """The edges of a frame as the kernel tells them."""
    return [(bit, start + i * PERIOD_S, seqno + i) for i, bit in enumerate(bits)]


def send(it: Frames, sent: Iterable[Edge]) -> list[Ended]:
    return [ended for edge in sent for ended in it.bit(*edge)]


def finish(it: Frames) -> list[Ended]:
    deadline = it.deadline()
    return [] if deadline is None else it.expire(deadline)


def whole(it: Frames, sent: Iterable[Edge]) -> list[Badge | Key | Rejected]:
    return [ended.what for ended in [*send(it, sent), *finish(it)]]


def totals(it: Frames) -> tuple[int, int, int]:
    return it.noise, it.rejected, it.lost


# -- the end of a frame -----------------------------------------------------------------------


def test_a_badge_is_told_a_grace_after_the_gap_with_the_time_of_its_last_pulse() -> None:
    it = frames()
    assert it.deadline() is None
    sent = edges(FRAME)
    assert send(it, sent) == []
    last_at = sent[-1][1]
    deadline = last_at + GAP_S + GRACE_S
    assert it.deadline() == deadline
    assert it.expire(deadline - 0.001) == []
    assert it.expire(deadline) == [Ended(last_at, Badge(FACILITY_BADGE))]
    assert it.deadline() is None
    assert totals(it) == (0, 0, 0)


def test_frames_that_are_read_late_and_together_are_told_apart_by_their_stamps() -> None:
    it = frames()
    second = edges(sender.frame(37, 99), start=1.0 + 25 * PERIOD_S + GAP_S + 0.001, seqno=27)
    assert whole(it, [*edges(FRAME), *second]) == [Badge(FACILITY_BADGE), Badge(99)]


def test_the_gap_is_judged_by_stamps_and_not_by_when_we_read() -> None:
    it = frames()
    sent = edges(FRAME)
    send(it, sent[:20])
    # A second later by our clock, but the rest was stamped in time and is read before `expire`.
    send(it, sent[20:])
    assert [ended.what for ended in it.expire(2.0)] == [Badge(FACILITY_BADGE)]


def test_a_pause_shorter_than_the_gap_ends_nothing() -> None:
    it = frames()
    later = [(bit, at + GAP_S - 0.003, seqno) for bit, at, seqno in edges(FRAME)[13:]]
    assert whole(it, [*edges(FRAME)[:13], *later]) == [Badge(FACILITY_BADGE)]


def test_a_frame_cut_in_two_by_a_pause_is_two_rejected_ones() -> None:
    it = frames()
    later = [(bit, at + GAP_S, seqno) for bit, at, seqno in edges(FRAME)[13:]]
    told = whole(it, [*edges(FRAME)[:13], *later])
    assert [type(what) for what in told] == [Rejected, Rejected]
    assert totals(it) == (0, 2, 0)


def test_a_pulse_that_comes_to_us_after_the_end_is_neither_of_this_frame_nor_a_new_one() -> None:
    it = frames()
    sent = edges(sender.frame(34, 5))
    send(it, sent[:26])
    told = finish(it)
    assert [type(ended.what) for ended in told] in ([Badge], [Rejected])
    assert whole(it, sent[26:]) == []
    assert it.noise == 1
    assert whole(it, edges(FRAME, start=9.0, seqno=35)) == [Badge(FACILITY_BADGE)]


def test_a_rest_of_a_frame_is_never_a_badge_however_many_bits_it_has() -> None:
    it = frames()
    send(it, edges([1, 0, 1, 0]))
    finish(it)
    late = [(bit, 1.01 + i * PERIOD_S, 5 + i) for i, bit in enumerate(FRAME)]
    assert whole(it, late) == []
    assert it.noise == 2  # four bits are too few for a badge, too


def test_what_was_coming_in_while_the_lines_were_opened_is_rejected() -> None:
    it = frames(opened_at=1.0 - GAP_S + 0.001)
    assert whole(it, edges(FRAME)) == [Rejected(26, BEGUN_BEFORE)]
    assert whole(it, edges(FRAME, start=9.0, seqno=27)) == [Badge(FACILITY_BADGE)]


def test_a_restart_forgets_the_frame_and_the_numbers_but_not_the_totals() -> None:
    it = frames()
    whole(it, edges(FRAME[:20]))
    send(it, edges(FRAME[:20], start=2.0, seqno=21))
    it.restart(3.0)
    assert it.deadline() is None
    assert whole(it, edges(FRAME, start=4.0)) == [Badge(FACILITY_BADGE)]
    assert totals(it) == (0, 1, 0)


# -- lost edges -------------------------------------------------------------------------------


@UNHURRIED
@given(st.integers(1, 25), st.integers(1, 3))
def test_a_lost_edge_rejects_the_frame(missing: int, count: int) -> None:
    it = frames()
    sent = edges(FRAME)
    del sent[missing : missing + count]
    gone = 26 - len(sent)
    told = whole(it, sent)
    if missing + gone == 26:  # the end is missing: nothing tells until the next edge
        assert told == [Rejected(26 - gone, it._accepted.read(FRAME[:-gone]).why)]  # type: ignore[union-attr]
        assert it.lost == 0
    else:
        assert told == [Rejected(26, LOST)]
        assert it.lost == gone
    assert it.rejected == 1


def test_a_lost_edge_in_front_rejects_the_frame() -> None:
    it = frames()
    assert whole(it, edges(FRAME, seqno=2)) == [Rejected(27, LOST)]


def test_edges_lost_between_two_frames_reject_both_while_the_first_is_not_judged() -> None:
    it = frames()
    second = edges(FRAME, start=2.0, seqno=29)
    assert whole(it, [*edges(FRAME), *second]) == [Rejected(26, LOST), Rejected(28, LOST)]
    assert totals(it) == (0, 2, 2)


def test_edges_lost_after_a_judged_frame_reject_the_next() -> None:
    it = frames()
    assert whole(it, edges(FRAME)) == [Badge(FACILITY_BADGE)]
    assert whole(it, edges(FRAME, start=2.0, seqno=28)) == [Rejected(27, LOST)]
    assert whole(it, edges(FRAME, start=3.0, seqno=54)) == [Badge(FACILITY_BADGE)]


def test_edges_in_another_order_than_their_numbers_reject_the_frame() -> None:
    it = frames()
    sent = edges(FRAME)
    sent[7], sent[8] = sent[8], sent[7]
    assert whole(it, sent) == [Rejected(27, LOST)]


def test_a_long_hole_before_a_single_edge_is_told() -> None:
    it = frames()
    assert whole(it, [(1, 1.0, 27)]) == [Rejected(27, LOST)]


# -- noise ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
def test_stray_bits_are_counted_and_nobody_is_told(count: int) -> None:
    it = frames(Accepted(keypad=True))
    assert whole(it, edges([1] * count)) == []
    assert totals(it) == (1, 0, 0)
    assert whole(it, edges(FRAME, start=2.0, seqno=count + 1)) == [Badge(FACILITY_BADGE)]


def test_pulses_closer_than_any_reader_sends_reject_the_frame() -> None:
    it = frames()
    sent = edges(FRAME)
    bit, _, seqno = sent[10]
    sent[10] = (bit, sent[9][1] + CLOSEST_S / 2, seqno)
    assert whole(it, sent) == [Rejected(26, TOO_CLOSE)]


def test_a_stamp_before_the_last_one_rejects_the_frame() -> None:
    it = frames()
    sent = edges(FRAME)
    bit, _, seqno = sent[10]
    sent[10] = (bit, sent[9][1] - 0.001, seqno)
    assert whole(it, sent) == [Rejected(26, TOO_CLOSE)]


def test_the_gap_counts_from_the_latest_stamp_whatever_their_order() -> None:
    it = frames()
    send(it, [(0, 1.0, 1), (1, 0.99, 2)])
    assert it.deadline() == 1.0 + GAP_S + GRACE_S


def test_the_fastest_reader_of_the_standard_is_read() -> None:
    it = frames()
    sent = [(bit, 1.0 + i * 0.0002, i + 1) for i, bit in enumerate(FRAME)]
    assert whole(it, sent) == [Badge(FACILITY_BADGE)]


def test_mains_hum_is_rejected_once_and_takes_no_memory() -> None:
    it = frames()
    sent = [(i % 2, 1.0 + i * 0.01, i + 1) for i in range(20 * MOST_BITS)]
    assert [ended.what for ended in send(it, sent)] == [Rejected(MOST_BITS, ENDLESS)]
    assert len(it._bits) <= MOST_BITS
    finish(it)
    assert it.rejected == 1
    assert whole(it, edges(FRAME, start=99.0, seqno=len(sent) + 1)) == [Badge(FACILITY_BADGE)]


def test_a_key_is_told_between_two_badges() -> None:
    it = frames(Accepted(keypad=True))
    sent = [*edges(FRAME), *edges(sender.key(7), 2.0, 27), *edges(FRAME, 3.0, 31)]
    assert whole(it, sent) == [Badge(FACILITY_BADGE), Key(7), Badge(FACILITY_BADGE)]


def test_a_key_is_told_when_nothing_has_followed_it_for_a_while() -> None:
    it = frames(Accepted(keypad=True))
    sent = edges(sender.key(7))
    send(it, sent)
    deadline = sent[-1][1] + KEY_SILENCE_S + GRACE_S
    assert it.deadline() == deadline
    assert it.expire(deadline) == [Ended(sent[-1][1], Key(7))]


@pytest.mark.parametrize("pause_s", [0.016, 0.044])
def test_the_pieces_of_a_torn_badge_are_no_keys(pause_s: float) -> None:
    it = frames(Accepted(keypad=True))
    sent: list[Edge] = []
    at = 1.0
    for i, bit in enumerate(sender.frame(26, 0x5A5A5A)):
        at += pause_s if i % 4 == 0 else PERIOD_S
        sent.append((bit, at, i + 1))
    told = whole(it, sent)
    assert [type(what) for what in told] == [Rejected] * 6
    assert totals(it) == (1, 6, 0)


@pytest.mark.parametrize("gap_s", [0.005, 0.015, 0.04])
def test_two_keys_of_a_hand_are_two(gap_s: float) -> None:
    it = Frames(Accepted(keypad=True), gap_s)
    sent = [*edges(sender.key(7)), *edges(sender.key(8, 8), 1.0 + 3 * PERIOD_S + 0.046, 5)]
    assert whole(it, sent) == [Key(7), Key(8)]


# -- whatever comes ---------------------------------------------------------------------------

ALL = [Accepted(), Accepted(keypad=True), Accepted(frozenset({35})), Accepted(raw_bits=32)]


@st.composite
def sent_frames(draw: st.DrawFn) -> tuple[int, int]:
    bits = draw(st.sampled_from([26, 34, 37]))
    return bits, draw(st.integers(0, 2 ** sender.DATA_BITS[bits] - 1))


@UNHURRIED
@given(st.lists(sent_frames(), min_size=1, max_size=5), st.data())
def test_frames_with_a_pause_between_them_never_join(
    badges: list[tuple[int, int]], data: st.DataObject
) -> None:
    it = frames()
    at, seqno, told = 1.0, 1, []
    for bits, number in badges:
        for bit in sender.frame(bits, number):
            told += it.bit(bit, at, seqno)
            seqno += 1
            last_at, at = at, at + data.draw(st.floats(0.0002, 0.0149))
        at = last_at + data.draw(st.floats(GAP_S + 0.0001, 1.0))
        if data.draw(st.booleans()):
            told += it.expire(at)
    told += finish(it)
    assert [ended.what for ended in told] == [Badge(number) for _, number in badges]


@UNHURRIED
@given(st.lists(sent_frames(), min_size=1, max_size=4), st.data())
def test_one_disturbance_never_makes_another_badge(
    badges: list[tuple[int, int]], data: st.DataObject
) -> None:
    """A bit wrong, lost with or without a hole in the numbers, or one too many."""
    sent: list[Edge] = []
    for place, (bits, number) in enumerate(badges):
        sent += edges(sender.frame(bits, number), start=1.0 + place, seqno=len(sent) + 1)
    at = data.draw(st.integers(0, len(sent) - 1))
    bit, stamp, _ = sent[at]
    what = data.draw(st.sampled_from(["wrong", "lost", "lost in the numbers", "extra"]))
    if what == "wrong":
        sent[at] = (1 - bit, stamp, at + 1)
    elif what == "extra":
        sent.insert(at, (data.draw(st.integers(0, 1)), stamp - PERIOD_S / 2, 0))
    else:
        del sent[at]
    if what != "lost in the numbers":
        sent = [(bit, stamp, seqno) for seqno, (bit, stamp, _) in enumerate(sent, start=1)]
    told = whole(frames(), sent)
    numbers = [what.number for what in told if isinstance(what, Badge)]
    good = [number for _, number in badges]
    assert len(numbers) < len(good)
    left = iter(good)
    assert all(number in left for number in numbers)  # in their order, and no other


def readable(run: Sequence[Edge], accepted: Accepted) -> Badge | Key | None:
    """What a run of edges between two silences says, when it is whole."""
    times = [at for _, at, _ in run]
    if any(b - a < CLOSEST_S for a, b in pairwise(times)):
        return None
    what = accepted.read([bit for bit, _, _ in run])
    return None if isinstance(what, Rejected) else what


def is_alone(runs: Sequence[Sequence[Edge]], number: int) -> bool:
    """Whether nothing is near enough for this run to be a piece of something."""
    around = [run for run in runs[max(0, number - 1) : number + 2] if run]
    return all(b[0][1] - a[-1][1] >= KEY_SILENCE_S for a, b in pairwise(around))


STEPS_S = st.sampled_from([0.0, 0.00005, 0.0003, 0.001, 0.002, 0.014, 0.016, 0.03, 0.5])
COUNTS = st.sampled_from([1] * 20 + [2, 5, 0, -1])


@st.composite
def chunks(draw: st.DrawFn) -> list[tuple[int, float, int]]:
    """Bit, time since the last one and step of the number: of a frame, damaged or not, or not."""
    bits = draw(st.sampled_from([4, 8, 26, 32, 34, 35, 37]))
    number = draw(st.integers(0, 11 if bits < 10 else 2**24 - 1))
    if bits == 32:
        values = sender.raw(32, number)
    else:
        values = sender.key(number, bits) if bits < 10 else sender.frame(bits, number)
    first = (values[0], draw(st.sampled_from([0.002, 0.016, 0.03, 0.5])), 1)
    chunk = [first, *((bit, 0.002, 1) for bit in values[1:])]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(chunk) - 1))
        chunk[at] = (draw(st.integers(0, 1)), draw(STEPS_S), draw(COUNTS))
    return chunk[: draw(st.integers(1, 60))]


@UNHURRIED
@given(
    st.sampled_from(ALL),
    st.lists(chunks(), max_size=8),
    st.data(),
)
def test_random_edges_are_never_a_number_that_was_not_there_whole(
    accepted: Accepted, sent: list[list[tuple[int, float, int]]], data: st.DataObject
) -> None:
    it = frames(accepted)
    steps = [step for chunk in sent for step in chunk]
    at, seqno, told = 1.0, 0, []
    runs: list[list[Edge]] = [[]]
    broken: set[int] = set()  # the runs that a hole in the numbers touches
    highest = 0
    for bit, step, count in steps:
        last, at, seqno = at, at + step, seqno + count
        if step >= GAP_S:
            if data.draw(st.booleans()):
                told += it.expire(data.draw(st.floats(last, at + GRACE_S)))
            runs.append([])
        if seqno != highest + 1:
            broken.add(len(runs) - 1)
        highest = max(highest, seqno)
        runs[-1].append((bit, at, seqno))
        told += it.bit(bit, at, seqno)
    told += finish(it)
    possible = [
        what
        for number, run in enumerate(runs)
        if number not in broken and (what := readable(run, accepted)) is not None
        if isinstance(what, Badge) or is_alone(runs, number)
    ]
    left = iter(possible)
    numbers = [ended.what for ended in told if not isinstance(ended.what, Rejected)]
    assert all(what in left for what in numbers)
    assert it.rejected == len(told) - len(numbers)


@UNHURRIED
@given(st.lists(sent_frames(), min_size=1, max_size=3), st.integers(0, 2**32))
def test_nothing_that_is_told_of_a_rejected_frame_shows_its_bits(
    badges: list[tuple[int, int]], wrong: int
) -> None:
    it = frames()
    for place, (bits, number) in enumerate(badges):
        sent = sender.frame(bits, number)
        sent[wrong % bits] ^= 1
        for what in whole(it, edges(sent, start=1.0 + place)):
            assert isinstance(what, Rejected)
            assert what.why in (LOST, PARITY_WRONG) or "exchanged" in what.why

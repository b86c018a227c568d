"""Gestures: which of press, tap, hold, double and release a hand meant, and at which moment."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivsd.controller.gestures import DOUBLE_S, TAP_S, Fired, Gestures, Missed
from ivsd.events import Action, Binding, ControlRules, Gesture

PRESS, TAP, HOLD = Gesture.PRESS, Gesture.TAP, Gesture.HOLD
DOUBLE, RELEASE = Gesture.DOUBLE, Gesture.RELEASE
HOLD_S = 2.0
A_MOMENT = 0.001


def bound(*gestures: Gesture, hold_s: float = HOLD_S) -> ControlRules:
    step = (Binding(Action.SHOW_STATUS),)
    return ControlRules(dict.fromkeys(gestures, step), hold_s)


class Hand:
    """One control and a hand; `got` lists what became clear, and when it was known."""

    def __init__(
        self, *gestures: Gesture, gestures_of: Gestures | None = None, name: str = "x"
    ) -> None:
        self.rules = bound(*gestures)
        self.gestures = gestures_of or Gestures()
        self.name = name
        self.now = 100.0
        self.clear: list[Fired | Missed] = []
        self.known_at: list[float] = []

    def down(self, at: float) -> Hand:
        return self._take(self.gestures.pressed(self.name, self.rules, self.to(at).now))

    def up(self, at: float) -> Hand:
        return self._take(self.gestures.released(self.name, self.rules, self.to(at).now))

    def to(self, at: float) -> Hand:
        """Let time pass until `at` seconds, waking up whenever it was asked for."""
        while (due := self.gestures.next_deadline()) is not None and due <= 100.0 + at:
            assert due > self.now, "a deadline in the past"
            self.now = due
            self._take(self.gestures.expire(due))
        self.now = 100.0 + at
        return self._take(self.gestures.expire(self.now))

    def _take(self, clear: Iterable[Fired | Missed]) -> Hand:
        for one in clear:
            self.clear.append(one)
            self.known_at.append(round(self.now - 100.0, 6))
        return self

    @property
    def got(self) -> list[tuple[str, float]]:
        """What became clear: the gesture or the reason, and the moment it is stamped with."""
        return [(said(one), round(one.at - 100.0, 6)) for one in self.clear]


def said(one: Fired | Missed) -> str:
    return one.gesture.value if isinstance(one, Fired) else one.reason


# -- press ------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [(), (RELEASE,)], ids=["alone", "beside a release"])
def test_a_press_fires_at_once_where_nothing_else_begins_the_same_way(
    others: tuple[Gesture, ...],
) -> None:
    hand = Hand(PRESS, *others).down(0)
    assert (hand.got, hand.known_at) == ([("press", 0.0)], [0.0])
    assert not hand.gestures.undecided
    assert hand.gestures.next_deadline() is None


def test_a_press_alone_fires_once_however_long_it_is_held() -> None:
    assert Hand(PRESS).down(0).to(60).up(61).to(70).got == [("press", 0.0)]


@pytest.mark.parametrize("gap", [0.05, 0.2, 0.39, 1.0])
def test_nobody_without_a_double_press_pays_its_delay(gap: float) -> None:
    hand = Hand(PRESS).down(0).up(gap / 2).down(gap)
    assert hand.got == [("press", 0.0), ("press", gap)]
    assert hand.known_at == [0.0, gap]


@pytest.mark.parametrize("up_at", [0.05, 0.3, 1.0, HOLD_S - A_MOMENT])
def test_a_press_beside_a_hold_fires_at_coming_up_stamped_with_going_down(up_at: float) -> None:
    hand = Hand(PRESS, HOLD).down(0)
    assert (hand.got, hand.gestures.undecided) == ([], True)
    hand.up(up_at)
    assert (hand.got, hand.known_at) == ([("press", 0.0)], [up_at])
    assert not hand.gestures.undecided


@pytest.mark.parametrize("others", [(DOUBLE,), (HOLD, DOUBLE)])
def test_a_press_beside_a_double_fires_when_no_second_one_can_come(
    others: tuple[Gesture, ...],
) -> None:
    hand = Hand(PRESS, *others).down(0).up(0.1).to(DOUBLE_S - A_MOMENT)
    assert (hand.got, hand.gestures.undecided) == ([], True)
    hand.to(5)
    assert (hand.got, hand.known_at) == ([("press", 0.0)], [DOUBLE_S])
    assert not hand.gestures.undecided


def test_a_press_beside_a_double_that_comes_up_late_fires_then_at_the_latest() -> None:
    hand = Hand(PRESS, DOUBLE).down(0).up(0.7).to(5)
    assert hand.got == [("press", 0.0)]
    assert hand.known_at[0] <= 0.7


def test_a_press_beside_a_double_does_not_wait_for_a_button_that_is_kept_down() -> None:
    """0.4 s after going down it can be neither a double press nor anything else."""
    hand = Hand(PRESS, DOUBLE).down(0).to(10)
    assert (hand.got, hand.known_at) == ([("press", 0.0)], [DOUBLE_S])
    assert hand.up(11).to(20).got == [("press", 0.0)], "and nothing more at coming up"


@pytest.mark.parametrize(
    ("gestures", "up_at", "is_down"),
    [
        ((PRESS,), None, True),
        ((PRESS, DOUBLE), None, True),
        ((PRESS, DOUBLE), 0.1, False),
        ((PRESS, HOLD), 0.1, False),
        ((PRESS, HOLD, DOUBLE), 0.1, False),
        ((PRESS, HOLD, DOUBLE), 0.6, False),
    ],
)
def test_a_press_tells_whether_it_can_be_held_on(
    gestures: tuple[Gesture, ...], up_at: float | None, is_down: bool
) -> None:
    hand = Hand(*gestures).down(0)
    if up_at is not None:
        hand.up(up_at)
    (press,) = hand.to(1).clear
    assert isinstance(press, Fired)
    assert (press.gesture, press.is_down) == (PRESS, is_down)


# -- tap --------------------------------------------------------------------------------------


@pytest.mark.parametrize("up_at", [0.02, 0.5, TAP_S - A_MOMENT])
def test_a_tap_fires_at_coming_up_within_a_second(up_at: float) -> None:
    hand = Hand(TAP).down(0)
    assert (hand.got, hand.gestures.undecided) == ([], True)
    assert (hand.up(up_at).got, hand.known_at) == ([("tap", 0.0)], [up_at])


@pytest.mark.parametrize("up_at", [TAP_S + A_MOMENT, 3.0, 60.0])
@pytest.mark.parametrize("others", [(), (DOUBLE,)])
def test_what_is_held_too_long_is_no_tap_and_says_so(
    others: tuple[Gesture, ...], up_at: float
) -> None:
    hand = Hand(TAP, *others).down(0).up(up_at).to(100)
    assert hand.got == [("it was held too long: tap it", 0.0)]


@pytest.mark.parametrize("gestures", [(TAP,), (DOUBLE,), (PRESS, DOUBLE), (TAP, DOUBLE)])
def test_a_jammed_button_is_not_undecided_for_ever(gestures: tuple[Gesture, ...]) -> None:
    hand = Hand(*gestures).down(0).to(3600)
    assert len(hand.got) == 1
    assert hand.known_at[0] <= TAP_S
    assert not hand.gestures.undecided


@pytest.mark.parametrize("up_at", [0.5, TAP_S + A_MOMENT, HOLD_S - A_MOMENT])
def test_beside_a_hold_a_tap_is_everything_shorter(up_at: float) -> None:
    assert Hand(TAP, HOLD).down(0).up(up_at).to(10).got == [("tap", 0.0)]


def test_a_tap_beside_a_double_waits_for_the_second_one() -> None:
    hand = Hand(TAP, DOUBLE).down(0).up(0.1)
    assert hand.got == []
    assert (hand.to(1).got, hand.known_at) == ([("tap", 0.0)], [DOUBLE_S])


# -- hold -------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [(), (PRESS,), (TAP,), (DOUBLE,), (PRESS, DOUBLE)])
def test_a_hold_fires_while_still_down_and_then_nothing_else_does(
    others: tuple[Gesture, ...],
) -> None:
    hand = Hand(HOLD, *others).down(0).to(HOLD_S - A_MOMENT)
    assert (hand.got, hand.gestures.undecided) == ([], True)
    hand.to(HOLD_S)
    assert (hand.got, hand.known_at) == ([("hold", 0.0)], [HOLD_S])
    assert not hand.gestures.undecided
    hand.to(30).up(31).to(40)
    assert hand.got == [("hold", 0.0)]


def test_a_hold_shorter_than_the_time_of_a_double_press_is_a_hold() -> None:
    hand = Hand()
    hand.rules = bound(PRESS, HOLD, DOUBLE, hold_s=0.3)
    hand.down(0).up(0.32).down(0.38).up(0.45).to(5)
    assert hand.got == [("hold", 0.0), ("press", 0.38)]


@pytest.mark.parametrize(
    ("others", "then"),
    [
        ((), "hold it for 2 s"),
        ((PRESS,), "press"),
        ((TAP,), "tap"),
        ((DOUBLE,), "hold it for 2 s"),
        ((PRESS, DOUBLE), "press"),
        ((TAP, DOUBLE), "tap"),
    ],
)
def test_coming_up_a_moment_before_the_hold_is_no_hold(
    others: tuple[Gesture, ...], then: str
) -> None:
    hand = Hand(HOLD, *others).down(0).up(HOLD_S - A_MOMENT).to(10)
    assert hand.got == [(then, 0.0)]


def test_the_hold_to_reach_is_named_as_a_person_would() -> None:
    hand = Hand()
    hand.rules = bound(HOLD, hold_s=1.5)
    assert hand.down(0).up(0.1).got == [("hold it for 1.5 s", 0.0)]


# -- double -----------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [(), (PRESS,), (TAP,), (HOLD,), (PRESS, HOLD), (TAP, HOLD)])
@pytest.mark.parametrize("second", [0.1, 0.25, DOUBLE_S - A_MOMENT])
def test_a_double_fires_once_at_the_second_going_down_stamped_with_the_first(
    others: tuple[Gesture, ...], second: float
) -> None:
    hand = Hand(DOUBLE, *others).down(0).up(0.05).down(second)
    assert (hand.got, hand.known_at) == ([("double", 0.0)], [second])
    assert not hand.gestures.undecided
    assert hand.to(20).up(21).to(30).got == [("double", 0.0)], "and nothing at its end"


@pytest.mark.parametrize("second", [DOUBLE_S + A_MOMENT, 0.6, 5.0])
def test_a_second_press_too_late_is_a_press_of_its_own(second: float) -> None:
    hand = Hand(PRESS, DOUBLE).down(0).up(0.05).down(second).up(second + 0.05).to(10)
    assert hand.got == [("press", 0.0), ("press", second)]


def test_the_time_of_a_double_counts_from_going_down_not_from_coming_up() -> None:
    hand = Hand(PRESS, DOUBLE).down(0).up(0.35).down(0.5).up(0.55).to(5)
    assert hand.got == [("press", 0.0), ("press", 0.5)]


@pytest.mark.parametrize(
    ("downs", "got"),
    [
        ((0, 0.1, 0.2), ["double 0.0", "press 0.2"]),
        ((0, 0.1, 0.2, 0.3), ["double 0.0", "double 0.2"]),
        ((0, 0.3, 0.6), ["double 0.0", "press 0.6"]),
        ((0, 0.5, 0.6), ["press 0.0", "double 0.5"]),
    ],
)
def test_a_third_press_begins_anew(downs: tuple[float, ...], got: list[str]) -> None:
    hand = Hand(PRESS, DOUBLE)
    for at in downs:
        hand.down(at).up(at + 0.05)
    assert [f"{what} {at}" for what, at in hand.to(10).got] == got


def test_a_single_press_of_what_only_knows_a_double_says_what_to_do() -> None:
    hand = Hand(DOUBLE).down(0).up(0.05).to(5)
    assert (hand.got, hand.known_at) == ([("press it twice, quickly", 0.0)], [DOUBLE_S])


# -- release ----------------------------------------------------------------------------------


def test_a_release_fires_at_coming_up_stamped_with_it() -> None:
    hand = Hand(RELEASE).down(0).to(3)
    assert hand.got == []
    assert (hand.up(4).got, hand.known_at) == ([("release", 4.0)], [4.0])


def test_a_foot_switch_presses_and_releases() -> None:
    hand = Hand(PRESS, RELEASE).down(0).up(7).down(8).up(9)
    assert hand.got == [("press", 0.0), ("release", 7.0), ("press", 8.0), ("release", 9.0)]


@pytest.mark.parametrize("gestures", [(PRESS,), (TAP,), (HOLD,), (DOUBLE,)])
def test_coming_up_alone_is_nothing_where_no_release_is_bound(
    gestures: tuple[Gesture, ...],
) -> None:
    assert Hand(*gestures).up(0).to(10).got == []


# -- what is not seen, and what is given up ---------------------------------------------------


@pytest.mark.parametrize("gestures", [(TAP,), (DOUBLE,), (PRESS, DOUBLE), (TAP, DOUBLE)])
def test_a_control_that_was_not_seen_to_come_up_is_answered_at_the_next_press(
    gestures: tuple[Gesture, ...],
) -> None:
    hand = Hand(*gestures).down(0).down(0.2)
    assert hand.got == [("it was not seen to come up again", 0.0)]
    hand.up(0.3).to(10)
    assert [at for _, at in hand.got] == [0.0, 0.2], "the second one counts as the first"


def test_a_press_that_was_not_seen_to_come_up_is_no_half_of_a_double() -> None:
    hand = Hand(PRESS, DOUBLE).down(0).down(0.1).up(0.15).to(5)
    assert "double" not in [what for what, _ in hand.got]


@pytest.mark.parametrize("gestures", [(TAP,), (HOLD,), (DOUBLE,), (PRESS, HOLD), (PRESS, DOUBLE)])
def test_what_is_given_up_is_missed_with_the_reason_and_fires_nothing_later(
    gestures: tuple[Gesture, ...],
) -> None:
    hand = Hand(*gestures).down(0)
    hand._take(hand.gestures.cancel("the keypad was unplugged"))
    assert hand.got == [("the keypad was unplugged", 0.0)]
    assert not hand.gestures.undecided
    assert hand.gestures.next_deadline() is None
    assert hand.to(10).up(11).to(20).got == [("the keypad was unplugged", 0.0)]


def test_a_first_press_that_waits_for_its_second_is_given_up_too() -> None:
    hand = Hand(DOUBLE).down(0).up(0.1)
    hand._take(hand.gestures.cancel("gone"))
    assert hand.down(0.2).up(0.25).to(5).got == [("gone", 0.0), ("press it twice, quickly", 0.2)]


def test_nothing_in_hand_means_nothing_to_give_up() -> None:
    assert Hand(PRESS, HOLD).down(0).up(0.1).gestures.cancel("gone") == []


# -- events that are handled late -------------------------------------------------------------


def test_a_short_press_that_is_handled_late_is_no_hold() -> None:
    gestures, rules = Gestures(), bound(PRESS, HOLD)
    clear = gestures.pressed("x", rules, 10.0) + gestures.released("x", rules, 10.1)
    assert [(said(one), one.at) for one in clear] == [("press", 10.0)]
    assert gestures.expire(99.0) == []


def test_a_hold_whose_end_comes_before_the_clock_is_a_hold() -> None:
    gestures, rules = Gestures(), bound(PRESS, HOLD)
    clear = gestures.pressed("x", rules, 10.0) + gestures.released("x", rules, 12.5)
    assert [(said(one), one.at) for one in clear] == [("hold", 10.0)]


@pytest.mark.parametrize(("second", "got"), [(0.2, ["double"]), (0.6, ["press", "press"])])
def test_two_presses_handled_late_are_a_double_by_their_own_time(
    second: float, got: list[str]
) -> None:
    gestures, rules = Gestures(), bound(PRESS, DOUBLE)
    clear = gestures.pressed("x", rules, 10.0) + gestures.released("x", rules, 10.1)
    clear += gestures.pressed("x", rules, 10 + second)
    clear += gestures.released("x", rules, 10.1 + second)
    assert [said(one) for one in clear + gestures.expire(60.0)] == got


# -- several controls -------------------------------------------------------------------------


def test_two_controls_at_once_are_independent() -> None:
    both = Gestures()
    left = Hand(PRESS, HOLD, gestures_of=both, name="left")
    right = Hand(PRESS, DOUBLE, gestures_of=both, name="right")
    clear = both.pressed("left", left.rules, 0.0)
    clear += both.pressed("right", right.rules, 0.1)
    clear += both.released("right", right.rules, 0.2)
    clear += both.pressed("right", right.rules, 0.3)
    assert [(one.control, said(one), one.at) for one in clear] == [("right", "double", 0.1)]
    assert both.undecided, "the left one is still in hand"
    assert both.next_deadline() == HOLD_S
    clear = both.released("right", right.rules, 0.4)
    clear += both.expire(HOLD_S)
    assert [(one.control, said(one), one.at) for one in clear] == [("left", "hold", 0.0)]


def test_the_next_deadline_is_the_earliest_of_all_controls() -> None:
    gestures = Gestures()
    gestures.pressed("slow", bound(HOLD, hold_s=10.0), 0.0)
    gestures.pressed("fast", bound(HOLD, hold_s=1.0), 0.5)
    assert gestures.next_deadline() == 1.5
    assert [one.control for one in gestures.expire(1.5)] == ["fast"]
    assert gestures.next_deadline() == 10.0


# -- any hand at all --------------------------------------------------------------------------

SENSIBLE = [
    (PRESS,), (TAP,), (HOLD,), (DOUBLE,), (PRESS, HOLD), (PRESS, DOUBLE), (PRESS, HOLD, DOUBLE),
    (TAP, HOLD), (TAP, DOUBLE), (TAP, HOLD, DOUBLE), (HOLD, DOUBLE), (PRESS, RELEASE), (RELEASE,),
]  # fmt: skip
# In sixty-fourths of a second, which add up exactly and never meet 0.4 s or 0.9 s.
SHORT = st.integers(1, 40).map(lambda n: n / 64) | st.integers(41, 200).map(lambda n: n / 64)
STROKES = st.lists(st.tuples(SHORT, SHORT), max_size=6)  # up for so long, then down for so long


def meant(gestures: tuple[Gesture, ...], hold_s: float, strokes: list[tuple[float, float]]) -> (
    list[tuple[str, float]]
):  # fmt: skip
    """What a hand meant, found out afterwards from the whole of what it did."""
    seen: list[tuple[str, float]] = []
    while strokes:
        (down, up), *strokes = strokes
        long_s = up - down
        if PRESS in gestures and gestures in ((PRESS,), (PRESS, RELEASE)):
            seen.append(("press", down))
        elif HOLD in gestures and long_s >= hold_s:
            seen.append(("hold", down))
        elif DOUBLE in gestures and strokes and strokes[0][0] < down + DOUBLE_S:
            seen.append(("double", down))
            strokes = strokes[1:]
        elif PRESS in gestures:
            seen.append(("press", down))
        elif TAP in gestures and (HOLD in gestures or long_s < TAP_S):
            seen.append(("tap", down))
        elif RELEASE not in gestures:
            seen.append(("missed", down))
        if RELEASE in gestures:
            seen.append(("release", up))
    return seen


@settings(max_examples=400, deadline=None)
@given(
    left=st.sampled_from(SENSIBLE),
    right=st.sampled_from(SENSIBLE),
    left_strokes=STROKES,
    right_strokes=STROKES,
    hold_s=st.sampled_from([0.3, 0.9]),
    looks=st.lists(SHORT, max_size=8),
)
def test_what_two_hands_mean_depends_on_nothing_but_their_own_times(
    left: tuple[Gesture, ...],
    right: tuple[Gesture, ...],
    left_strokes: list[tuple[float, float]],
    right_strokes: list[tuple[float, float]],
    hold_s: float,
    looks: list[float],
) -> None:
    happens: list[tuple[float, str, str]] = []
    expected = {}
    for name, bindings, gaps in (("left", left, left_strokes), ("right", right, right_strokes)):
        at, strokes = 64.0, []
        for up_s, down_s in gaps:
            strokes.append((at + up_s, at + up_s + down_s))
            at += up_s + down_s
            happens += [(strokes[-1][0], name, "down"), (strokes[-1][1], name, "up")]
        expected[name] = sorted(meant(bindings, hold_s, strokes))
    at = 64.0
    for gap in looks:
        at += gap
        happens.append((at, "", "look"))
    rules = {"left": bound(*left, hold_s=hold_s), "right": bound(*right, hold_s=hold_s)}
    gestures = Gestures()
    clear: list[Fired | Missed] = []
    for at, name, what in sorted(happens):
        if what == "look":
            clear += gestures.expire(at)
        elif what == "down":
            clear += gestures.pressed(name, rules[name], at)
        else:
            clear += gestures.released(name, rules[name], at)
    clear += gestures.expire(10_000.0)
    for name, wanted in expected.items():
        got = [
            (one.gesture.value if isinstance(one, Fired) else "missed", one.at)
            for one in clear
            if one.control == name
        ]
        assert sorted(got) == wanted
    assert not gestures.undecided


@settings(max_examples=400, deadline=None)
@given(
    bindings=st.sampled_from([gestures for gestures in SENSIBLE if RELEASE not in gestures]),
    hold_s=st.sampled_from([0.3, 0.9, 3.0]),
    doings=st.lists(
        st.tuples(SHORT, st.sampled_from(["down", "up", "down", "up", "look", "unplug"])),
        max_size=20,
    ),
)
def test_every_going_down_ends_in_exactly_one_gesture_or_miss(
    bindings: tuple[Gesture, ...], hold_s: float, doings: list[tuple[float, str]]
) -> None:
    """Also where a device swallows what is between two events, or is unplugged."""
    gestures, rules = Gestures(), bound(*bindings, hold_s=hold_s)
    now, downs = 64.0, []
    clear: list[Fired | Missed] = []
    for gap, what in doings:
        now += gap
        if what == "down":
            downs.append(now)
            clear += gestures.pressed("x", rules, now)
        elif what == "up":
            clear += gestures.released("x", rules, now)
        elif what == "unplug":
            clear += gestures.cancel("unplugged")
            assert not gestures.undecided
        clear += gestures.expire(now)
        due = gestures.next_deadline()
        assert due is None or due > now
    clear += gestures.expire(10_000.0) + gestures.cancel("the end")
    answered = [one.at for one in clear]
    assert len(set(answered)) == len(answered), "a going down was answered twice"
    for one in clear:
        assert one.at in downs
        downs.remove(one.at)
        if isinstance(one, Fired):
            assert one.gesture in bindings
            if one.gesture is DOUBLE:  # it takes two
                downs.remove(min(at for at in downs if one.at < at < one.at + DOUBLE_S))
        else:
            assert one.reason
    assert downs == [], "a going down was never answered"


@given(bindings=st.sampled_from(SENSIBLE), after=SHORT)
def test_a_control_in_hand_is_undecided_until_something_is_known(
    bindings: tuple[Gesture, ...], after: float
) -> None:
    """What waits says so: the light shows it."""
    gestures, rules = Gestures(), bound(*bindings)
    clear = gestures.pressed("x", rules, 0.0) + gestures.expire(after)
    waits = not {PRESS} <= set(bindings) or bool({HOLD, DOUBLE} & set(bindings))
    if waits and bindings != (RELEASE,):
        assert gestures.undecided is (not clear)
    elif waits is False:
        assert not gestures.undecided

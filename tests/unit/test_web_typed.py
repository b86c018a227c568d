"""A typed password waits in memory for its session and place, and for 15 minutes only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ivsd.web.typed import KEPT_S, MOST_KEPT, Typed
from tests.web_door import Clock

HERE, THERE = ("https://valt", "box", "true"), ("https://evil", "box", "true")


class Later:
    """Takes what is to be done later, and does it when told to."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, do: Callable[[], None]) -> None:
        self.due.append((seconds, do))

    def now(self) -> None:
        """Do all that is due."""
        due, self.due = self.due, []
        for _, do in due:
            do()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def typed(clock: Clock, later: Later) -> Typed:
    return Typed(clock, later)


def test_it_is_found_for_its_session_and_place_only(typed: Typed) -> None:
    typed.keep("one", HERE, "secret")
    assert typed.find("one", HERE) == "secret"
    assert typed.find("other", HERE) is None
    assert typed.find("one", THERE) is None


def test_the_newest_is_the_one(typed: Typed) -> None:
    typed.keep("one", HERE, "secret")
    typed.keep("one", THERE, "other secret")
    assert typed.find("one", HERE) is None
    assert typed.find("one", THERE) == "other secret"


def test_it_is_dropped(typed: Typed) -> None:
    for session in ("one", "two", "three"):
        typed.keep(session, HERE, "secret")
    typed.drop("one")
    typed.drop("nobody")
    assert typed.find("one", HERE) is None
    assert typed.find("two", HERE) == "secret"
    typed.drop_all()
    assert typed.find("two", HERE) is None


def test_it_goes_after_its_time_also_when_nobody_asks(
    typed: Typed, clock: Clock, later: Later
) -> None:
    typed.keep("one", HERE, "secret")
    clock.now += 600.0
    typed.keep("two", HERE, "secret")
    assert [seconds for seconds, _ in later.due] == [KEPT_S]  # one wait for both
    clock.now += 300.0
    later.now()
    assert list(typed._of) == ["two"]
    assert [seconds for seconds, _ in later.due] == [600.0]
    clock.now += 600.0
    later.now()
    assert not typed._of
    assert later.due == []  # and then nothing is waited for


def test_one_that_was_dropped_meanwhile_is_no_trouble(
    typed: Typed, clock: Clock, later: Later
) -> None:
    typed.keep("one", HERE, "secret")
    typed.drop("one")
    clock.now += KEPT_S
    later.now()
    typed.keep("two", HERE, "secret")
    assert len(later.due) == 1


def test_the_oldest_goes_where_many_have_typed_one(typed: Typed) -> None:
    for number in range(MOST_KEPT + 3):
        typed.keep(str(number), HERE, "secret")
    assert len(typed._of) == MOST_KEPT
    assert typed.find("2", HERE) is None
    assert typed.find("3", HERE) == "secret"


def test_it_does_not_show_when_it_is_printed(typed: Typed) -> None:
    typed.keep("one", HERE, "secret")
    assert "secret" not in repr(typed._of)


def test_the_clock_of_this_machine_wakes_it(clock: Clock) -> None:
    typed = Typed(clock)  # a thread that ends with the process waits
    typed.keep("one", HERE, "secret")
    assert typed.find("one", HERE) == "secret"

"""Places at the TLS side of the pages: nobody has all of them, and the silent ones make room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ivsd.web.tls import places as tls_places
from ivsd.web.tls.places import Places, Visit


def run(do: Callable[[Places], Awaitable[None]]) -> None:
    async def main() -> None:
        await do(Places())

    asyncio.run(main())


def come(places: Places, address: str) -> Visit | None:
    """Have somebody come who says nothing; None where there is no room."""
    if not places.has_room(address):
        return None
    visit = asyncio.create_task(asyncio.sleep(60.0))
    places.take(visit, address)
    return visit


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_places, "MOST", 5)
    monkeypatch.setattr(tls_places, "MOST_OF_ONE", 2)


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
    ],
)
def test_who_has_an_address_of_ipv6_has_all_of_its_network(
    first: str, second: str, is_one: bool
) -> None:
    async def do(places: Places) -> None:
        for _ in range(2):
            visit = come(places, first)
            assert visit is not None
            places.has_asked(visit)
        assert (come(places, second) is None) is is_one

    run(do)


def test_of_one_address_its_own_silent_ones_make_room() -> None:
    async def do(places: Places) -> None:
        other = come(places, "10.0.0.9")
        own = [come(places, "10.0.0.1") for _ in range(3)]
        await asyncio.sleep(0)
        assert len(places) == 3
        assert [visit is None or visit.cancelled() for visit in (other, *own)] == [
            False, True, False, False,
        ]  # fmt: skip

    run(do)


def test_where_all_places_are_taken_the_oldest_silent_one_makes_room() -> None:
    async def do(places: Places) -> None:
        visits = [come(places, f"10.0.0.{number}") for number in range(5)]
        assert visits[0] is not None
        places.has_asked(visits[0])
        assert come(places, "10.0.0.9") is not None
        await asyncio.sleep(0)
        assert [visit is None or visit.cancelled() for visit in visits] == [
            False, True, False, False, False,
        ]  # fmt: skip

    run(do)


def test_who_has_asked_keeps_the_place_until_he_leaves() -> None:
    async def do(places: Places) -> None:
        visits = [come(places, f"10.0.0.{number}") for number in range(5)]
        for visit in visits:
            assert visit is not None
            places.has_asked(visit)
        assert come(places, "10.0.0.9") is None
        assert visits[3] is not None
        visits[3].cancel()
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert come(places, "10.0.0.9") is not None

    run(do)

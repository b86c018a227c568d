"""What was typed, swiped or sent in a session is in no memory any more after its log-out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivsd.web.access import accounts as accounts_module
from ivsd.web.typed import Typed
from tests.badge_pages import NUMBERS, Box, Visitor
from tests.web_door import PASSWORD

CSV = f"number,name\r\n{NUMBERS[0]},Archer\r\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> list[Typed]:
    """Return the stores that something is kept in."""
    stores: list[Typed] = []
    keep = Typed.keep

    def noted(store: Typed, *args: Any) -> None:
        stores.append(store)
        keep(store, *args)

    monkeypatch.setattr(Typed, "keep", noted)
    return stores


def swipe(visitor: Visitor) -> None:
    visitor.look()
    visitor.choose("Swipe it now")


def send_file(visitor: Visitor) -> None:
    visitor.look()
    visitor.choose("See what it would do", CSV.encode())


def kept(stores: list[Typed]) -> int:
    return sum(len(store._of) for store in dict.fromkeys(stores))


@pytest.mark.parametrize("do", [swipe, send_file])
def test_it_is_dropped_at_the_log_out_and_for_this_session_only(
    box: Box, stores: list[Typed], do: Any
) -> None:
    one, other = box.technician(), box.technician()
    for visitor in (one, other):
        do(visitor)
    assert kept(stores) == 2
    one.choose("Log out")
    assert kept(stores) == 1


@pytest.mark.parametrize("do", [swipe, send_file])
def test_another_password_drops_that_of_all_sessions(
    box: Box, stores: list[Typed], do: Any
) -> None:
    one, other = box.technician(), box.technician()
    for visitor in (one, other):
        do(visitor)
    new = dict.fromkeys(("new", "again"), "another password")
    form = {"csrf": one.page.acts["Log out"][1]["csrf"], "old": PASSWORD, **new}
    assert one.client.post("/password", data=form).status_code == 303
    assert kept(stores) == 0

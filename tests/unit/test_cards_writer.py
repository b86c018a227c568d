"""Writing cards.yaml anew: no entry is lost or changed, whatever is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ivsd
from ivsd.config.cards import cards_in
from ivsd.config.cards_writer import write_cards
from ivsd.config.schema import CardEntry, Step, Steps
from ivsd.config.writer import WIDTH
from ivsd.events import Action
from ivsd.valt.model import MARKER_COLOURS, Secret

EXAMPLE = Path(ivsd.__file__).parents[1] / "config" / "cards.yaml"
PATH = Path("/nonexistent/cards.yaml")

pytestmark = pytest.mark.filterwarnings("error")


def example() -> str:
    if not EXAMPLE.is_file():
        pytest.skip("only in the source tree")
    return EXAMPLE.read_text(encoding="utf-8")


def sentences(text: str) -> str:
    """Return all comments as one line."""
    lines = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    return " ".join(lines)


def test_an_empty_table_is_written_as_one() -> None:
    text = write_cards([])
    assert "\ncards: []\n" in text
    assert cards_in(text, PATH) == []


def test_every_comment_of_the_example_stays() -> None:
    written = sentences(write_cards([]))
    head, examples = example().split("cards: []\n")
    assert sentences(head) in written
    assert sentences(examples) in written


def test_the_examples_behind_the_entries_can_be_made_entries() -> None:
    head, table, rest = write_cards([CardEntry(Secret("0004711000"), "first")]).partition("cards:")
    cards = cards_in(head + table + re.sub("(?m)^#  ", "  ", rest), PATH)
    assert [card.number.reveal()[-1] for card in cards] == ["0", "1", "2", "3", "4"]


def test_the_entries_of_the_example_are_kept_and_read_well() -> None:
    cards = cards_in(re.sub("(?m)^#  ", "  ", example().replace("cards: []", "cards:")), PATH)
    text = write_cards(cards)
    assert cards_in(text, PATH) == cards
    assert '  - {number: "0004711002", name: key of the caretaker, action: lock_toggle}\n' in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_number_is_always_in_quotes() -> None:
    text = write_cards([CardEntry(Secret(number), "x") for number in ("ABCDEF", "0123", "12E4")])
    assert [f'number: "{number}"' in text for number in ("ABCDEF", "0123", "12E4")] == [True] * 3


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
colours = st.sampled_from(MARKER_COLOURS)
names = texts.filter(lambda text: text.strip() and not set("{}") & set(text))
first = st.sampled_from(list(Action))
later = st.builds(Step, first.filter(lambda action: not action.is_toggle), names, colours)
entries = st.one_of(
    st.builds(CardEntry, number=st.just(Secret("")), name=texts, user=st.integers(1, 10**12)),
    st.builds(
        CardEntry,
        number=st.just(Secret("")),
        name=st.none() | texts,
        action=st.builds(Steps, first, names, colours, st.lists(later, max_size=3)),
    ),
)
numbers = st.from_regex("[0-9A-F]([0-9A-F,:;/ -]{0,18}[0-9A-F])?", fullmatch=True)


@given(st.lists(st.tuples(numbers, entries), max_size=5, unique_by=lambda pair: pair[0]))
def test_whatever_is_in_a_table_is_read_again_as_it_was(
    table: list[tuple[str, CardEntry]],
) -> None:
    cards = [CardEntry(Secret(number), card.name, card.user, card.action) for number, card in table]
    assert cards_in(write_cards(cards), PATH) == cards

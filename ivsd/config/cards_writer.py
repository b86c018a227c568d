"""Writes cards.yaml anew: every entry stays as it is, only the comments are ours again.

Its sentences are those of the schema and of the example config/cards.yaml; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ivsd.config.schema import CardEntry, CardTable
from ivsd.config.values import Verbatim, brief, fields_of, values_of
from ivsd.config.writer import entry_lines, quoted

_HEAD = """\
# cards.yaml: this box's own table of badges. It stands beside ivsd.yaml; `ivsd check` explains what
# is wrong with both. VALT's users have their numbers in VALT: here is only what VALT does not know,
# or what a badge does otherwise. PINs are not looked up here.
#
# ivsd wrote this file when a badge was added, changed or taken away; the file before that one is
# cards.yaml.bak. You may edit it: the next change keeps the entries, but not your comments.
"""
_EXAMPLES = """\
#  # A badge of a VALT user, whatever card number that user has in VALT. It is good as long as VALT
#  # has that user. `ivsd badge` shows the number of a badge.
#  - number: "0004711001"
#    user: 12
#    name: Dr. Archer, second badge
#  # A badge that does something of its own, for whoever holds it: any action, as under `controls`
#  # in ivsd.yaml.
#  - number: "0004711002"
#    name: key of the caretaker
#    action: lock_toggle
#  # Several things, one after the other; not for a badge that belongs to a user.
#  - number: "0004711003"
#    name: training session
#    action: {action: start, then: [{action: marker, name: Begin}]}
#  # An action for a VALT user only.
#  - number: "0004711004"
#    user: 14
#    action: lock_toggle
"""


def write_cards(cards: Sequence[CardEntry]) -> str:
    """Return the text of a whole cards.yaml."""
    values = values_of(CardTable(list(cards)))["cards"]
    ((table, _),) = fields_of(CardTable)
    lines = [*_HEAD.splitlines(), "", f"# {table.metadata['doc']}; each has"]
    for item, _ in fields_of(CardEntry):
        lines.append(f"#   {item.name + ':':8}{item.metadata['doc']}")
    lines.append("cards:" if cards else "cards: []")
    for card, value in zip(cards, values, strict=True):
        # `brief` leaves secrets out. Always in quotes: to YAML digits alone are another number.
        entry = {"number": Verbatim(quoted(card.number.reveal())), **brief(value, CardEntry)}
        lines += entry_lines("  ", entry)
    return "\n".join(lines) + "\n" + _EXAMPLES

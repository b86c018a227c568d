"""The configuration in the bundle: without secrets, and with what is wrong in it."""

from __future__ import annotations

from ivsd.appliance.factory.places import STATE
from ivsd.bundle import config_text
from ivsd.bundle.box import Box, Missing
from ivsd.bundle.known import read_text
from ivsd.config import (
    CARDS,
    Config,
    ConfigError,
    Problem,
    load,
    load_cards,
    load_cards_beside,
    password,
)
from ivsd.config.web import load_web

WEB = "web.yaml"


def ivsd_yaml(box: Box) -> str:
    """Return ivsd.yaml without secrets, comments, and what nobody knows."""
    return config_text.redacted(read_text(box.config))


def web_yaml(box: Box) -> str:
    """Return web.yaml in the same way."""
    return config_text.redacted(read_text(box.config.parent / WEB))


def cards(box: Box) -> str:
    """Return how many badges cards.yaml has, and how their numbers end."""
    path = box.config.parent / CARDS
    if not path.exists():
        raise Missing(f"there is no {path}")
    try:
        table = load_cards(path)
    except ConfigError as e:
        count = read_text(path).count("number")
        return f"{CARDS} is wrong in {len(e.problems)} places, see check.txt; numbers: {count}"
    ends = ", ".join(card.number.tail() for card in table)
    return (
        f"badges: {len(table)}\n"
        f"with a VALT user: {sum(card.user is not None for card in table)}\n"
        f"with an action: {sum(card.action is not None for card in table)}\n"
        f"their numbers end in (… alone: shorter than 8 places): {ends}"
    )


def check(box: Box) -> str:
    """Return what `ivsd check` says, and the same of web.yaml; without what it quotes."""
    problems: list[Problem] = []
    config: Config | None = None
    try:
        config = load(box.config)
    except ConfigError as e:
        problems += e.problems
    for look in (
        lambda: load_cards_beside(box.config, config),
        lambda: load_web(box.config.parent / WEB),
        lambda: password(config, box.config, box.places.at(STATE)) if config else None,
    ):
        try:
            look()
        except ConfigError as e:
            problems += e.problems
    return "\n".join(map(_problem, problems)) or f"{box.config}: all right"


def _problem(problem: Problem) -> str:
    where = f"{problem.file}:{problem.line}" if problem.line else problem.file
    # No colons, as in “valt.password: is missing”: what stands behind such a one is taken out.
    key = f" ({config_text.shown_key(problem.key)})" if problem.key else ""
    return f"{where}{key} {config_text.without_quoted(problem.text)}"

"""The configuration files, in the words of `ivsd check`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ivsd.appliance.settings import is_the_services
from ivsd.config import CARDS, Config, ConfigError, Problem, load, load_cards_beside
from ivsd.config.checker import read
from ivsd.config.web import load_web
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Area, Finding, hidden_from_us, quoted_in, wrong
from ivsd.doctor.server import Way

WEB = "web.yaml"


def cannot_be_read(path: Path) -> bool:
    """Whether ivsd.yaml is wrong as a whole: missing, forbidden, or no YAML."""
    return any(problem.key == "" for problem in read(path, Config).problems)


def findings(box: Box, way: Way) -> Iterator[Finding]:
    """Check all files of the box, and whether there is a password."""
    config: Config | None = None

    def check_all() -> None:
        nonlocal config
        config = load(box.config)

    cards, web = box.config.with_name(CARDS), box.config.with_name(WEB)
    yield from _file(box, box.config, check_all)
    # Where nobody may look into the folder the finding above says so: exists is false then.
    if os.path.exists(cards):
        yield from _file(box, cards, lambda: load_cards_beside(box.config, config))
    if os.path.exists(web):
        yield from _file(box, web, lambda: load_web(web))
    if way.secret is not None:
        yield Finding(Area.CONFIG, True, "the password of the VALT account is there")
    elif way.valt is not None:
        yield _no_password(box, way)


def _file(box: Box, path: Path, check: Callable[[], object]) -> Iterator[Finding]:
    try:
        check()
    except ConfigError as e:
        for problem in e.problems:
            name = problem.key.rpartition(".")[2]  # which may be a value at the wrong place
            quotes = (name, *quoted_in(problem.text))
            yield wrong(Area.CONFIG, str(problem), _advice(box, path, problem), *quotes)
    else:
        yield Finding(Area.CONFIG, True, f"{path}: all right")


def _advice(box: Box, path: Path, problem: Problem) -> str:
    if _is_forbidden(path):
        return "Try again with sudo."
    where = f"line {problem.line} of {path}" if problem.line else str(path)
    return f"Correct {where}{', then: sudo systemctl reload ivsd' if box.is_service else '.'}"


def _is_forbidden(path: Path) -> bool:
    try:
        path.open("rb").close()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _no_password(box: Box, way: Way) -> Finding:
    """Say why there is none; what lies in the daemon's own folder only root may see."""
    problem = next(one for one in way.problems if not one.key.startswith("room"))
    is_own = is_the_services(box.config)
    if is_own and os.path.exists(box.state) and not os.access(box.state, os.X_OK):
        return hidden_from_us(Area.CONFIG, f"this user can find no password: {problem}")
    by_page = "type it at the page Set-up, or " if is_own else ""
    advice = (
        f"Give the password of the VALT account: {by_page}put it into a file that "
        f"valt.password_file of {'ivsd.yaml' if is_own else box.config} names."
    )
    return wrong(Area.CONFIG, str(problem), advice)

"""The way to the room in VALT, as the configuration says it and as it turns out to be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ivsd.appliance.settings import DEFAULT_STATE, password_for
from ivsd.config import ConfigError, Problem, trust
from ivsd.config.checker import Checked, read
from ivsd.config.schema import Config, Inputs, Role, Valt
from ivsd.doctor.finding import Area, Finding, quoted_in
from ivsd.valt.model import Secret
from ivsd.valt.probe import probe
from ivsd.valt.probing.findings import Finding as Tried
from ivsd.valt.probing.findings import Step


@dataclass(frozen=True)
class Way:
    """What ivsd.yaml says of server and room. What it says of other things may be wrong."""

    path: Path
    valt: Valt | None
    """None: `problems` tell why nothing can be tried."""
    room: int | str | None
    secret: Secret | None
    reads_badges: bool
    problems: list[Problem]

    @classmethod
    def of(cls, path: Path, state: Path = DEFAULT_STATE) -> Way:
        """Read it, with the password that a command may take for this file; never raises."""
        checked = read(path, Config)
        valt: Valt | None = checked.sections.get("valt")
        problems = sorted(set(_concerned(checked, "valt", "")))
        if valt is None or problems:
            return cls(path, None, None, None, False, problems)
        problems = _concerned(checked, "room")
        room: int | str | None = checked.sections.get("room")
        secret: Secret | None = None
        try:
            config = Config(valt=valt, room=room or "")
            secret = password_for(config, path, state)
        except ConfigError as e:
            problems += e.problems
        return cls(path, valt, room, secret, _reads_badges(checked), problems)

    def tried(self) -> Iterator[Tried]:
        """Try it, step by step; yields nothing where nothing can be tried."""
        if self.valt is None:
            return
        yield from probe(
            self.valt.url,
            self.valt.username,
            self.secret,
            self.room,
            verify=trust(self.valt, self.path),
            timeout_s=self.valt.timeout_s,
            reads_badges=self.reads_badges,
            wall=time.time,
        )


def findings(way: Way) -> Iterator[Finding]:
    """Try the way to the room and tell of each step."""
    if way.valt is None:
        text = "not tried: ivsd.yaml does not say rightly which server"
        yield Finding(Area.SERVER, None, text)
        return
    for tried in way.tried():
        if tried.step is Step.LOG_IN and way.secret is None:
            tried = replace(tried, ok=None)  # the configuration's finding says what to do
        advice = tried.advice if tried.ok is False else ""
        step = tried.step.value.replace("_", "-")
        quotes = quoted_in(tried.text, advice)
        yield Finding(Area.SERVER, tried.ok, f"{step}: {tried.text}", advice, quotes=quotes)


def _concerned(checked: Checked[Config], *sections: str) -> list[Problem]:
    """Return what is wrong in these sections; "" is the file as a whole."""
    return [one for one in checked.problems if one.key.split(".")[0] in sections]


def _reads_badges(checked: Checked[Config]) -> bool:
    """Whether this box asks VALT whose number it is; it may where the file does not say."""
    inputs: Inputs | None = checked.sections.get("inputs")
    if not checked.is_sound("inputs"):
        return True
    return inputs is not None and bool(
        inputs.wiegand or any(one.role is not Role.KEYS for one in inputs.keyboards)
    )

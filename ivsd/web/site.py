"""What the pages are built from: handed to each of them, so that none knows where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ivsd.web.access.accounts import Accounts
from ivsd.web.hands import Demo
from ivsd.web.live import Live


class Ask(Protocol):
    """Has the daemon do one operation of `ivsd.appliance.operations`; raises ControlError."""

    def __call__(self, op: str, **args: Any) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Site:
    """The pages of one box."""

    ask: Ask
    live: Live
    names: frozenset[str]
    """Host names that it is served under, in small letters."""
    accounts: Accounts | None
    """None in the demo, where nobody logs in."""
    demo: Demo | None = None
    """Virtual hands and the simulated server; None on a real box."""

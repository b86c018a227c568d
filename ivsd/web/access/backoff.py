"""Guessing is slowed down: after some wrong tries in a row comes a wait, and it grows."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 3  # wrong ones in a row of one address before it has to wait
PATIENCE_IN_ALL = 10 * PATIENCE
LONGEST_WAIT_S = 60.0
LONGEST_WAIT_IN_ALL_S = 2.0  # of those who have done nothing wrong
FORGOTTEN_AFTER_S = 900.0  # without another wrong one
MOST_ADDRESSES = 256
TOLD_EVERY_S = 60.0


@dataclass
class _Tries:
    wrong: int = 0
    until: float = float("-inf")  # by the clock: nothing is looked at before
    told_at: float = float("-inf")

    def count(self, now: float, patience: int, longest_s: float) -> None:
        if now >= self.until + FORGOTTEN_AFTER_S:
            self.wrong = 0
        self.wrong += 1
        over = self.wrong - patience
        self.until = now + (min(longest_s, 2.0 ** min(over, 6)) if over >= 0 else 0.0)


class Backoff:
    """Counts wrong tries in a row: of each address, and in all, for who has many addresses.

    A try counts as wrong from its beginning, so that many at once are no way around it.
    Thread-safe.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._of: OrderedDict[str, _Tries] = OrderedDict()
        self._all = _Tries()

    def wait_s(self, address: str) -> float:
        """Tell how long nothing from there is looked at; 0.0 if it is."""
        with self._lock:
            return self._wait_s(counted_as(address))

    def _wait_s(self, who: str) -> float:
        until = max(self._all.until, self._of.get(who, _Tries()).until)
        return max(0.0, until - self._clock())

    def begin(self, address: str) -> bool:
        """Count a try; False where it must not be looked at, and then it does not count."""
        who = counted_as(address)
        with self._lock:
            if self._wait_s(who) > 0.0:
                return False
            tries = self._of.setdefault(who, _Tries())
            self._of.move_to_end(who)
            if len(self._of) > MOST_ADDRESSES:
                self._of.popitem(last=False)
            now = self._clock()
            tries.count(now, PATIENCE, LONGEST_WAIT_S)
            if tries.wrong <= PATIENCE:  # one address alone must not keep all others waiting
                self._all.count(now, PATIENCE_IN_ALL, LONGEST_WAIT_IN_ALL_S)
            return True

    def right(self, address: str) -> None:
        """Take the try, and the wrong ones before it, back."""
        with self._lock:
            self._of.pop(counted_as(address), None)
            self._all = _Tries()

    def worth_a_line(self, address: str) -> bool:
        """Whether the journal should hear of it: once a minute of an address."""
        with self._lock:
            tries = self._of.get(counted_as(address))
            if tries is None or self._clock() < tries.told_at + TOLD_EVERY_S:
                return False
            tries.told_at = self._clock()
            return True


@dataclass(frozen=True)
class Wait:
    """How long a page has its reader wait."""

    seconds: int
    until: str
    """By the clock of this box, for who has no script that counts down."""


def wait_of(wait_s: float) -> Wait | None:
    """Say how long somebody has to wait; None where nobody has to."""
    if wait_s <= 0.0:
        return None
    until = time.localtime(time.time() + wait_s)
    return Wait(math.ceil(wait_s), time.strftime("%H:%M:%S", until))


def why_not(wait_s: float, what: str) -> str:
    """Say why a password or code was not taken."""
    if wait_s > 0.0:
        # Whether this one was right is not said: it may not have been looked at.
        return f"Too many wrong ones: the next {what} is looked at in {math.ceil(wait_s)} s."
    return f"That is not the {what}."


def counted_as(address: str) -> str:
    """Return what an address is counted as: whoever has one of IPv6 has 2**64 of them."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    if ip.is_link_local:  # all that are on this cable have the same network
        return str(ip)
    return str(ipaddress.ip_network((int(ip), 64), strict=False))

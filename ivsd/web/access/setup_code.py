"""The code by which root proves that a box without a password of its pages is theirs.

It is in the file `setup-code`, for root to read at the box's console, and good for one proof.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from ivsd.web.access import kept
from ivsd.web.access.backoff import Backoff

DIGITS = 8
TRIES = 5  # wrong ones, whoever they are from, after which there is a new code

log = logging.getLogger("ivsd.web")


class SetupCode:
    """Keeps the code in its file while `is_wanted()`, and no code otherwise; thread-safe."""

    def __init__(
        self, path: Path, clock: Callable[[], float], is_wanted: Callable[[], bool]
    ) -> None:
        self.path = path
        self._is_wanted = is_wanted
        self._lock = threading.Lock()
        self._tries = Backoff(clock)
        self._wrong = 0
        self._told = False

    def prepare(self) -> None:
        """See to it that there is a code if one is wanted, and none otherwise."""
        with self._lock:
            if not self._is_wanted():
                self._drop()
            elif not self._code():
                self._make()

    def use(self, text: str, address: str = "") -> bool:
        """Whether it is the code, which is then used up; five wrong ones use it up as well."""
        if not self._tries.begin(address):
            return False
        typed = re.sub(r"[\s-]", "", text)
        with self._lock:
            code = self._code()
            if not code or not self._is_wanted():
                return False
            if hmac.compare_digest(typed.encode(errors="replace"), code.encode()):
                self._tries.right(address)
                self._make()
                return True
            self._wrong += 1
            if self._wrong >= TRIES:
                self._make()
        if self._tries.worth_a_line(address):
            log.warning("a wrong set-up code from %s", address or "nowhere")
        return False

    def wait_s(self, address: str) -> float:
        """Tell how long no code from there is looked at; 0.0 if it is."""
        return self._tries.wait_s(address)

    def _code(self) -> str:
        try:
            text = kept.read(self.path).decode("ascii").strip()
        except (OSError, ValueError):
            return ""
        return text if re.fullmatch(f"[0-9]{{{DIGITS}}}", text) else ""

    def _make(self) -> None:
        self._wrong = 0
        self._drop()  # it is gone, also where a new one cannot be written
        try:
            kept.write(self.path, f"{secrets.randbelow(10**DIGITS):0{DIGITS}}")
            self._told = False
        except OSError as e:
            self._tell("written", e)

    def _drop(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as e:
            self._tell("removed", e)

    def _tell(self, what: str, error: OSError) -> None:
        if not self._told:  # every look at the page tries again
            log.error("%s cannot be %s (%s)", self.path, what, error.strerror)
        self._told = True

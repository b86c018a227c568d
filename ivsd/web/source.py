"""Where the page has the status from: the daemon, asked once for all who look at that moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import Status

FRESH_S = 1.0


class Source:
    """Asks with `ask`, at most once a second; thread-safe.

    The daemon takes 32 callers, `ivsd status` among them. Twenty phones that look at this page
    are one, also while the daemon does not answer and each of them would wait for it.
    """

    def __init__(
        self, ask: Callable[[], Status], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = threading.Lock()
        self._asked_at = float("-inf")
        self._found: Status | ControlError = ControlError("no_answer", "nobody was asked yet")

    def status(self) -> Status | ControlError:
        """Return the status of this second, or why there is none."""
        with self._asking:
            if self._clock() >= self._asked_at + FRESH_S:
                try:
                    self._found = self._ask()
                except ControlError as e:
                    self._found = ControlError(e.code, str(e))  # without its traceback
                self._asked_at = self._clock()
            return self._found

"""The logged-in state: who logs in, when, and what a 401 means (decisions 8 and 9).

* After a *refused* log-in nobody tries again for 30 s, however many presses come.
* After a success the log-in is renewed in the background every 24 h; the old token stays in
  use until the new one is there.
* A 401 on a request was not executed: log in once and repeat it. With a token younger than
  60 s the 401 is a refusal of that very request (a missing right), not a reason to log in.
* Any other failure leaves the token alone.
* Two threads share this; only one of them logs in at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ivsd.valt.client import Client
from ivsd.valt.errors import LogInRefused, NotAllowed, Unauthorized, ValtError
from ivsd.valt.model import Secret, Version

T = TypeVar("T")

FRESH_S = 60.0
VERSION_RETRY_S = 300.0
NO_RIGHT = "the server refuses this request to the VALT account: missing right?"


class Session:
    """A client that is logged in whenever it can be. Thread-safe.

    `failure_reauth_s` and `success_reauth_s` are the documented 30 s and 24 h.
    """

    def __init__(
        self,
        client: Client,
        username: str,
        password: Secret,
        *,
        failure_reauth_s: float = 30.0,
        success_reauth_s: float = 86400.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._username = username
        self._password = password
        self._failure_reauth_s = failure_reauth_s
        self._success_reauth_s = success_reauth_s
        self._clock = clock
        self._logging_in = threading.Lock()
        self._logged_in_at = 0.0
        self._refusal = ""
        self._refused_at = 0.0
        self._renew_at = float("inf")
        self._version_due_at = float("inf")
        self.version = Version()

    def call(self, request: Callable[[Client], T]) -> T:
        """Make one request with a valid token; raises what the request or the log-in raises."""
        token = self._client.token or self._log_in(replacing="")
        try:
            return request(self._client)
        except Unauthorized:
            if self._client.token == token and self._clock() - self._logged_in_at < FRESH_S:
                raise NotAllowed(NO_RIGHT) from None
        self._log_in(replacing=token)
        try:
            return request(self._client)
        except Unauthorized:
            raise NotAllowed(NO_RIGHT) from None

    def renew_if_due(self) -> None:
        """Log in anew when the last success is 24 h old. Called by the watcher, never by a press.

        A failure is raised, leaves the old token in use and is tried again after
        `failure_reauth_s`.
        """
        if self._clock() < self._renew_at:
            return
        self._renew_at = self._clock() + self._failure_reauth_s
        # A refusal leaves the old token: it may work on, and a 401 tells when it does not.
        self._log_in(replacing=self._client.token, expired=False)

    def read_version_if_due(self) -> None:
        """Read the version once per log-in. Called by the watcher: no press waits for it.

        Not knowing it stops nobody (decision 13); it is tried again after VERSION_RETRY_S.
        """
        if self._clock() < self._version_due_at:
            return
        self._version_due_at = float("inf")
        try:
            # Not through `call`: a server that answers a missing right with 401 would have us
            # log in, and the log-in would have us ask again.
            self.version = self._client.version()
        except Unauthorized:
            self.version = Version()
        except ValtError:
            self._version_due_at = self._clock() + VERSION_RETRY_S

    def next_attempt_in(self) -> float:
        """Seconds until a log-in may be tried again after a refusal; 0 when it may now."""
        if not self._refusal:
            return 0.0
        return max(0.0, self._refused_at + self._failure_reauth_s - self._clock())

    def _log_in(self, replacing: str, *, expired: bool = True) -> str:
        """Log in unless another thread has just replaced the same token; return the token."""
        with self._logging_in:
            if self._client.token and self._client.token != replacing:
                return self._client.token
            if self.next_attempt_in() > 0:
                raise LogInRefused(self._refusal)
            try:
                token = self._client.log_in(self._username, self._password)
            except LogInRefused as e:
                self._refusal, self._refused_at = str(e), self._clock()
                if expired:
                    self._client.token = ""
                raise
            self._refusal = ""
            self._client.token = token
            self._logged_in_at = self._clock()
            self._renew_at = self._logged_in_at + self._success_reauth_s
            self._version_due_at = self._logged_in_at
            return token

"""The logged-in state: who logs in, when, and what a 401 means (decisions 8 and 9).

* After a *refused* log-in nobody tries again for 30 s, however many presses come.
* After a success the log-in is renewed in the background every 24 h; the old token stays in
  use until the new one is there.
* A 401 on a request was not executed: log in once and repeat it. With a token younger than
  60 s the 401 is a refusal of that very request (a missing right), not a reason to log in.
* Any other failure leaves the token alone, unless the caller asks to `forget` it.
* Several threads share this; only one of them logs in at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ivsd.valt.client import Client
from ivsd.valt.errors import (
    LogInRefused,
    NotSentInTime,
    TokenRefused,
    Unauthorized,
    ValtError,
)
from ivsd.valt.model import Secret, Version
from ivsd.valt.sockets import time_left

T = TypeVar("T")

FRESH_S = 60.0
VERSION_RETRY_S = 300.0
NO_RIGHT = "the server refuses this request to the VALT account: missing right?"


class Session:
    """A client that is logged in whenever it can be. Thread-safe.

    `failure_reauth_s` and `success_reauth_s` are the documented 30 s and 24 h, `hold_after` the
    failures of a log-in after which nobody tries again for `failure_reauth_s`. User name,
    password and both times may be changed at any time.
    """

    def __init__(
        self,
        client: Client,
        username: str,
        password: Secret,
        *,
        failure_reauth_s: float = 30.0,
        success_reauth_s: float = 86400.0,
        hold_after: type[ValtError] = LogInRefused,
        version_retry_s: float = VERSION_RETRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self.username = username
        self.password = password
        self.failure_reauth_s = failure_reauth_s
        self.success_reauth_s = success_reauth_s
        self._hold_after = hold_after
        self._version_retry_s = version_retry_s
        self._clock = clock
        self._logging_in = threading.Lock()
        self._logged_in_at = float("-inf")
        self._failure: ValtError | None = None
        self._failed_at = 0.0
        self._trouble_at: float | None = None
        """When a log-in failed or the token was forgotten; None since the last log-in."""
        self._version_due_at = float("inf")
        self._reading_version = threading.Lock()
        self.version = Version()

    @property
    def token(self) -> str:
        """The token in use; empty while not logged in."""
        return self._client.token

    def logged_in_for_s(self) -> float | None:
        """Seconds since the last log-in that succeeded; None when there was none."""
        logged_in_at = self._logged_in_at
        return None if logged_in_at == float("-inf") else self._clock() - logged_in_at

    def call(self, request: Callable[[Client], T]) -> T:
        """Make one request with a valid token; raises what the request or the log-in raises."""
        token = self._client.token or self._log_in(replacing="")
        try:
            return request(self._client)
        except Unauthorized:
            if self._client.token == token and self._clock() - self._logged_in_at < FRESH_S:
                raise TokenRefused(NO_RIGHT) from None
        self._log_in(replacing=token)
        try:
            return request(self._client)
        except Unauthorized:
            raise TokenRefused(NO_RIGHT) from None

    def log_in(self) -> None:
        """Log in now, even if the last failure is not `failure_reauth_s` old; raises ValtError."""
        self._log_in(replacing=self._client.token, held=False)

    def forget(self, token: str) -> None:
        """Stop to use this token, if it is still the one in use: the next call logs in first."""
        if token and self._client.token == token:
            self._client.token = ""
            self._trouble_at = self._clock()

    def log_in_due_in(self) -> float:
        """Seconds until it is time to log in anew, after a success or after a failure."""
        if self._trouble_at is not None:
            return max(0.0, self._trouble_at + self.failure_reauth_s - self._clock())
        return max(0.0, self._logged_in_at + self.success_reauth_s - self._clock())

    def renew_if_due(self) -> None:
        """Log in anew when the last success is 24 h old. Called by the watcher, never by a press.

        A failure is raised, leaves the old token in use and is tried again after
        `failure_reauth_s`.
        """
        if self._client.token and self.log_in_due_in() <= 0:
            # A refusal leaves the old token: it may work on, and a 401 tells when it does not.
            self._log_in(replacing=self._client.token, expired=False)

    def read_version_if_due(self) -> None:
        """Read the version once per log-in. Called by the watcher: no press waits for it.

        A second thread waits until the first has read it. Not knowing it stops nobody (decision
        13); it is tried again after `version_retry_s`.
        """
        left = time_left()
        if not self._reading_version.acquire(timeout=-1 if left is None else left):
            return
        try:
            if self._clock() >= self._version_due_at:
                self._read_version()
        finally:
            self._reading_version.release()

    def _read_version(self) -> None:
        self._version_due_at = float("inf")
        try:
            # Not through `call`: a server that answers a missing right with 401 would have us
            # log in, and the log-in would have us ask again.
            self.version = self._client.version()
        except Unauthorized:
            self.version = Version()
        except ValtError:
            self._version_due_at = self._clock() + self._version_retry_s

    @property
    def failure(self) -> ValtError | None:
        """Why the last log-in failed, if nobody may log in for a while because of it."""
        return self._failure if self.next_attempt_in() > 0 else None

    def next_attempt_in(self) -> float:
        """Seconds until a log-in may be tried again after a failure; 0 when it may now."""
        if self._failure is None:
            return 0.0
        return max(0.0, self._failed_at + self.failure_reauth_s - self._clock())

    def _log_in(self, replacing: str, *, expired: bool = True, held: bool = True) -> str:
        """Log in unless another thread has just replaced the same token; return the token."""
        left = time_left()
        if not self._logging_in.acquire(timeout=-1 if left is None else left):
            raise NotSentInTime("another log-in took all the time; nothing was sent")
        try:
            if self._client.token and self._client.token != replacing:
                return self._client.token
            if held and (failure := self.failure) is not None:
                raise type(failure)(str(failure))
            return self._ask_for_token(expired=expired)
        finally:
            self._logging_in.release()

    def _ask_for_token(self, *, expired: bool) -> str:
        try:
            token = self._client.log_in(self.username, self.password)
        except ValtError as e:
            self._trouble_at = self._clock()
            if isinstance(e, self._hold_after) and not isinstance(e, NotSentInTime):
                # Without its traceback, which would keep the caller's objects alive.
                self._failure, self._failed_at = type(e)(str(e)), self._clock()
                if expired:
                    self._client.token = ""
            raise
        self._failure = self._trouble_at = None
        self._client.token = token
        self._logged_in_at = self._clock()
        self._version_due_at = self._logged_in_at
        return token

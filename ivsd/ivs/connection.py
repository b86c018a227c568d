"""One account on one server: logged in, logged in again in the background, never in the way.

What the documented module promises of its log-in (valt-api 2.4, decisions 8, 9 and 37):

* After a failed log-in, whatever the reason, nobody asks the server again for
  `failure_reauth_time`; then the background does. After a success it does so after
  `success_reauth_time`.
* After an error of any other request the token is forgotten. The next call logs in first, so a
  hiccup costs nobody 30 s; without a call the background does it after `failure_reauth_time`.
* A refusal is an answer. It changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ivsd.ivs.logfile import ErrorLog
from ivsd.valt.client import Client
from ivsd.valt.errors import LogInRefused, Refused, TokenRefused, Unreachable, ValtError
from ivsd.valt.model import Secret, Version
from ivsd.valt.session import FRESH_S, Session
from ivsd.valt.sockets import exchange_deadline
from ivsd.valt.transport import HttpTransport

T = TypeVar("T")

VERSION_SHARE = 1 / 3  # of a call's time; a marker must not be lost for the version's sake
FORGOTTEN_A_MINUTE = 3  # tokens, because of a 401: a missing right must not end in a log-in storm
LONGEST_SLEEP_S = 86400.0


class Connection:
    """Calls a VALT server for any number of threads.

    `timeout_s` bounds each call in all. `unusable` says why nothing will ever be sent.
    """

    def __init__(
        self,
        transport: HttpTransport,
        username: str,
        password: Secret,
        *,
        timeout_s: float,
        errors: ErrorLog,
        unusable: str = "",
    ) -> None:
        self._client = _Client(transport)
        self._transport = transport
        self._timeout_s = timeout_s
        self._errors = errors
        self.session = Session(
            self._client,
            username,
            password,
            hold_after=ValtError,
            version_retry_s=0.0,
        )
        self._refused_tokens: list[float] = []  # when, by the monotonic clock; the latest few
        self._changed = threading.Condition()
        self._process = os.getpid()
        self._unusable = unusable
        self.thread = threading.Thread(target=self._stay_logged_in, name="ivs-log-in", daemon=True)
        """Logs in again when it is time. Started by the first log-in."""

    @property
    def token(self) -> str:
        """The token in use; empty while not logged in."""
        return "" if self._unusable else self.session.token

    @property
    def trouble(self) -> str:
        """Why no call can work now; "" if one may."""
        return self._unusable or str(self.session.failure or "")

    @property
    def last_log_in(self) -> float:
        """Epoch seconds of the last attempt to log in; 0 before the first."""
        return self._client.asked_at

    def log_in(self) -> None:
        """Log in now; raises ValtError."""
        self._raise_if_unusable()
        try:
            with exchange_deadline(self._timeout_s):
                self.session.log_in()
        finally:
            self._keep_logging_in()
        self._errors.well()

    def call(self, request: Callable[[Client], T]) -> T:
        """Carry out one or more requests; raises ValtError, and forgets the token after errors."""
        self._raise_if_unusable()
        token = ""

        def noting(client: Client) -> T:
            nonlocal token
            token = client.token
            return request(client)

        try:
            with exchange_deadline(self._timeout_s):
                result = self.session.call(noting)
        except Refused as e:
            if isinstance(e, TokenRefused) and self._may_forget_again():
                self._forget(token)
            raise
        except ValtError:
            self._forget(token)
            raise
        self._errors.well()
        return result

    def version(self) -> Version:
        """Read the server's version when it is first needed after a log-in; inside of `call`."""
        with exchange_deadline(self._timeout_s * VERSION_SHARE):
            self.session.read_version_if_due()
        return self.session.version

    def configure(self, success_reauth_s: float, failure_reauth_s: float) -> None:
        """Take over the times that the caller may have changed."""
        if (success_reauth_s, failure_reauth_s) != (
            self.session.success_reauth_s,
            self.session.failure_reauth_s,
        ):
            self.session.success_reauth_s = success_reauth_s
            self.session.failure_reauth_s = failure_reauth_s
            self._wake()

    def close(self) -> None:
        """End the background log-in and the token's use; returns at once."""
        self._unusable = "this connection was ended with close()"
        self.session.forget(self.session.token)
        self._wake()
        self._transport.close()

    # -- inside -----------------------------------------------------------------------------------

    def _raise_if_unusable(self) -> None:
        if os.getpid() != self._process:
            # Its sockets are shared with the parent: each would read the other's replies.
            raise Unreachable("this connection belongs to another process: make one after the fork")
        if self._unusable:
            raise Unreachable(self._unusable)

    def _forget(self, token: str) -> None:
        self.session.forget(token)
        self._wake()

    def _may_forget_again(self) -> bool:
        now = time.monotonic()
        recent = [at for at in self._refused_tokens if now - at < FRESH_S]
        self._refused_tokens = [*recent, now][:FORGOTTEN_A_MINUTE]
        return len(recent) < FORGOTTEN_A_MINUTE

    def _keep_logging_in(self) -> None:
        with self._changed:
            if self.thread.ident is None and not self._unusable:
                with contextlib.suppress(RuntimeError):  # Python is about to exit
                    self.thread.start()
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _stay_logged_in(self) -> None:
        while self._due():
            try:
                with exchange_deadline(self._timeout_s):
                    self.session.log_in()
                self._errors.well()
            except ValtError as e:
                self._errors.lost(str(e))
            except Exception as e:  # noqa: BLE001  # a defect here must not end the log-ins
                self._errors.note(f"log-in: a defect in ivsd: {e!r}")
                with self._changed:
                    self._changed.wait(self.session.failure_reauth_s)

    def _due(self) -> bool:
        """Wait until it is time to log in; False when the connection is closed."""
        with self._changed:
            while not self._unusable:
                wait_s = self.session.log_in_due_in()
                if wait_s <= 0:
                    return True
                self._changed.wait(min(wait_s, LONGEST_SLEEP_S))
        return False


class _Client(Client):
    """Remembers by the wall clock when it last asked for a token, which people are told."""

    asked_at = 0.0

    def log_in(self, username: str, password: Secret) -> str:
        for value in (username, password.reveal()):
            if not isinstance(value, str) or not value:
                raise LogInRefused("username and password must be texts that are not empty")
        self.asked_at = time.time()
        return super().log_in(username, password)

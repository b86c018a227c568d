"""The log-in of the documented class `valt`: its variables, its error values, its end."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import weakref
from collections.abc import Callable
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

from ivsd.ivs import arguments
from ivsd.ivs.arguments import BadArgument
from ivsd.ivs.connection import Connection
from ivsd.ivs.logfile import ErrorLog
from ivsd.valt.errors import ValtError
from ivsd.valt.model import Secret
from ivsd.valt.transport import HttpTransport

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")
A = TypeVar("A", bound="Account")

DEFAULT_TIMEOUT_S = 5.0
LONGEST_FAREWELL_S = 1.0


def error_value(
    error: E,
) -> Callable[[Callable[Concatenate[A, P], T]], Callable[Concatenate[A, P], T | E]]:
    """Let a documented function return its error value where it would raise."""

    def decorate(function: Callable[Concatenate[A, P], T]) -> Callable[Concatenate[A, P], T | E]:
        @functools.wraps(function)
        def answer(self: A, /, *args: P.args, **kwargs: P.kwargs) -> T | E:
            try:
                self._begin()
                return function(self, *args, **kwargs)
            except (ValtError, BadArgument) as e:
                self._note(function.__name__.lstrip("_"), e)
                if self.raise_errors:
                    raise
                return error

        return answer

    return decorate


class Account:
    """An account on a VALT server, logged in whenever it can be; see `valt` for all about it."""

    success_reauth_time: float = 28800
    failure_reauth_time: float = 30

    def __init__(
        self,
        server: str,
        username: str,
        password: str,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        verify: bool | str | PathLike[str] = True,
        logpath: str | PathLike[str] | Literal[False] | None = None,
        raise_errors: bool = False,
    ) -> None:
        self.raise_errors = raise_errors
        self._last = threading.local()
        self._said: set[str] = set()
        unusable = ""
        try:
            self._url = arguments.server_url(server)
            timeout_s = arguments.seconds("timeout", timeout)
            transport = HttpTransport(
                self._url, verify=arguments.trust(verify), timeout_s=timeout_s, in_turn=False
            )
        except BadArgument as e:
            if raise_errors:
                raise
            self._url, timeout_s, unusable = "", DEFAULT_TIMEOUT_S, str(e)
            transport = HttpTransport(self._url)
        self._errors = ErrorLog(logpath, urlsplit(self._url).netloc or "ivs")
        self._connection = Connection(
            transport,
            username,
            Secret(password),
            timeout_s=timeout_s,
            errors=self._errors,
            unusable=unusable,
        )
        # The connection does not know this object, so one that is dropped ends its thread, too.
        self._end = weakref.finalize(self, self._connection.close)
        self._end.atexit = False  # the thread is a daemon's, and a forked child shares our locks
        if verify is False and self._url.startswith("https:"):
            self._say_once("the server's certificate is not checked (verify=False)")
        try:
            self.auth()
        except (ValtError, BadArgument):  # only with raise_errors
            self.close()
            raise

    @error_value(None)
    def auth(self) -> None:
        """Log in now. Done at construction, and by itself whenever it is time."""
        self._connection.log_in()

    def close(self) -> None:
        """End the background log-in. Every later call answers with its error value."""
        self._end()
        thread = self._connection.thread
        if thread.ident is not None and thread is not threading.current_thread():
            thread.join(LONGEST_FAREWELL_S)  # whose log-in may wait for the server: it is left

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "logged in" if self.accesstoken else "not logged in"
        return f"<ivs.valt {self.baseurl} as {self.username!r}, {state}>"

    # -- the documented variables ---------------------------------------------------------------

    @property
    def username(self) -> str:
        """The user name for VALT. A change counts from the next log-in on."""
        return self._connection.session.username

    @username.setter
    def username(self, name: str) -> None:
        self._connection.session.username = name

    @property
    def password(self) -> str:
        """The password for VALT. A change counts from the next log-in on."""
        return self._connection.session.password.reveal()

    @password.setter
    def password(self, text: str) -> None:
        self._connection.session.password = Secret(text)

    @property
    def baseurl(self) -> str:
        """The address that all requests begin with, such as `http://host/api/v3/`."""
        return f"{self._url}/api/v3/" if self._url else ""

    @property
    def accesstoken(self) -> str | Literal[0]:
        """The token of the last log-in; 0 after a failed one and after an error."""
        return self._connection.token or 0

    @property
    def lastauthtime(self) -> float:
        """Epoch seconds of the last attempt to log in."""
        return self._connection.last_log_in

    @property
    def errormsg(self) -> str:
        """Why the calling thread's last call failed, or the last log-in; "" if neither did."""
        last: str = getattr(self._last, "text", "")
        return last or self._connection.trouble

    # -- around every function ------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name.endswith("_reauth_time") and "_connection" in self.__dict__:
            with contextlib.suppress(BadArgument):  # the next call will say it
                self._configure()

    def _begin(self) -> None:
        self._last.text = ""
        self._configure()

    def _configure(self) -> None:
        self._connection.configure(
            arguments.seconds("success_reauth_time", self.success_reauth_time),
            arguments.seconds("failure_reauth_time", self.failure_reauth_time),
        )

    def _note(self, function: str, e: ValtError | BadArgument) -> None:
        """Keep why a function failed, and write it to the log."""
        reason = str(e)
        wait_s = self._connection.session.next_attempt_in()
        if wait_s and not isinstance(e, BadArgument):
            self._errors.lost(reason)
            reason += f"; the next log-in is tried in {math.ceil(wait_s)} s"
        else:
            self._errors.note(f"{function}: {reason}")
        self._last.text = reason

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._errors.write(text)

    def _without_server(
        self, wanted: tuple[str, ...], args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Take `https, server, accesstoken` off the front of a documented call.

        They are of an older module that had no class. This one knows its server: they are
        ignored, with a line in the log when they mean another one (decision 37).
        """
        older = [named.pop(name, None) for name in ("https", "server", "accesstoken")]
        given = len(args) + sum(name in named for name in wanted)
        if given >= len(older) + len(wanted) and not isinstance(args[0], str):
            older, args = list(args[: len(older)]), args[len(older) :]
        https, server, token = older
        here = urlsplit(self._url)
        if https is not None and bool(https) is not (here.scheme == "https"):
            self._say_once(f"https={bool(https)} was given and ignored: this is {self.baseurl}")
        if server is not None and str(server) not in (here.hostname, here.netloc, self._url):
            self._say_once(f"another server was given and ignored: this is {self.baseurl}")
        if token is not None and token != self.accesstoken:
            self._say_once("another accesstoken was given and ignored")
        return args

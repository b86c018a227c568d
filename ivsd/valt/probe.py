"""Test connection: walks from the address to the room and names the first thing that is wrong.

For the set-up page, `ivsd test-connection` and `ivsd doctor`. It prints nothing and changes
nothing: besides one log-in all requests only read. All of them go through the project's
transport, which trusts only what `verify` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

from ivsd.valt.model import Secret
from ivsd.valt.probing.account import Account
from ivsd.valt.probing.answer import check_answer
from ivsd.valt.probing.certificate import check_certificate
from ivsd.valt.probing.clock import ClockReading
from ivsd.valt.probing.findings import Finding, Step
from ivsd.valt.probing.way import Server, check_address, connect, resolve_name
from ivsd.valt.sockets import exchange_deadline
from ivsd.valt.transport import HttpTransport

WHOLE_S = 35.0
"""All steps together take no longer, whatever time a single one may have."""
NEEDED = {Step.ADDRESS, Step.NAME, Step.CONNECT, Step.TLS, Step.VALT, Step.LOG_IN}
"""Without each of these going on makes no sense."""

NO_PASSWORD = Finding(Step.LOG_IN, False, "not tried: there is no password", "Give the password.")
NO_READER = Finding(
    Step.RIGHTS, None, "not tried: looking users up, for this box reads no badge and no PIN"
)
NO_ACTIONS = Finding(
    Step.ACTIONS,
    None,
    "not tried, as it would change something: start, stop, pause, resume, lock, unlock, "
    "markers, and recordings for another author",
    "Make one recording at the box.",
)


def probe(
    url: str,
    username: str,
    password: Secret | None,
    room: int | str | None,
    *,
    verify: str = "system",
    timeout_s: float = 5.0,
    reads_badges: bool = True,
    wall: Callable[[], float],
) -> Iterator[Finding]:
    """Try step after step and yield what came of each; raises nothing.

    It ends with the first wrong step that the others need, and logs in once at most. A step
    takes no longer than `timeout_s`, all of them less than 40 s. Without a password it ends
    before the log-in; without a room it lists those there are. `verify` is as the transport takes
    it; `reads_badges`: the account must be able to look up users; `wall` is this box's time in
    epoch seconds.
    """

    def steps() -> Generator[Callable[[], Finding], None, None]:
        """Yield what to try next; what stands after it may rely on it."""
        yield lambda: check_address(url)
        server = Server.at(url)
        yield lambda: resolve_name(server)
        yield lambda: connect(server)
        yield lambda: check_certificate(server, verify, wall)
        http = HttpTransport(url, verify=verify, timeout_s=timeout_s, in_turn=False)
        with closing(http):
            transport = ClockReading(http, wall)
            yield lambda: check_answer(server, transport)
            if password is None:
                yield lambda: NO_PASSWORD
                return
            account = Account(transport, username, password)
            yield lambda: account.log_in(server.doubt)
            yield account.read_version
            yield lambda: account.find_room(room)
            yield account.look_up_nobody if reads_badges else lambda: NO_READER
            yield lambda: NO_ACTIONS
            yield account.time_polls
            yield transport.compare

    end = time.monotonic() + WHOLE_S
    with closing(steps()) as walk:
        for step in walk:
            # Not around the yield: the deadline is this thread's, which goes on elsewhere.
            with exchange_deadline(max(0.0, min(timeout_s, end - time.monotonic()))):
                finding = step()
            if finding.ok is False and time.monotonic() >= end:
                text = f"{finding.text}; the whole test may take {WHOLE_S:g} s, which are over"
                finding = replace(finding, text=text)
            yield finding
            if finding.ok is False and finding.step in NEEDED:
                return

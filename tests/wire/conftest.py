"""What the tests of the wire share. Everything is on loopback, and every wait has an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from ivsd.valt.client import Client
from ivsd.valt.model import Secret
from ivsd.valt.simulator import Quirks, Simulator, World, WorldSpec
from ivsd.valt.transport import HttpTransport

FAREWELL_S = 2.0


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Fail the test whose threads do not end with it. Torn down after all other fixtures."""
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + FAREWELL_S
    mine = [thread for thread in threading.enumerate() if thread not in before]
    for thread in mine:
        thread.join(max(0.0, end - time.monotonic()))
    assert [thread.name for thread in mine if thread.is_alive()] == []


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Start simulators: `simulate("6.5.2", "token_lifetime_s=60", clock=..., delay_s=...)`."""
    with ExitStack() as running:

        def new(
            version: str = "6.5.2",
            *settings: str,
            spec: WorldSpec | None = None,
            clock: Callable[[], float] = time.monotonic,
            **more: Any,
        ) -> Simulator:
            quirks = Quirks.with_settings(settings)
            world = World(spec, clock=clock, version=version, quirks=quirks)
            return running.enter_context(Simulator(world, **more))

        yield new


@pytest.fixture
def connect() -> Iterator[Callable[..., HttpTransport]]:
    """Make transports: `connect(url, timeout_s=..., verify=...)`."""
    with ExitStack() as opened:

        def new(url: str, *, timeout_s: float = 2.0, **more: Any) -> HttpTransport:
            return opened.enter_context(closing(HttpTransport(url, timeout_s=timeout_s, **more)))

        yield new


@pytest.fixture
def enter(connect: Callable[..., HttpTransport]) -> Callable[..., Client]:
    """Make clients that are logged in: `enter(simulator, timeout_s=...)`."""

    def new(valt: Simulator, **more: Any) -> Client:
        client = Client(connect(valt.url, **more))
        client.token = client.log_in("admin", Secret("admin"))
        return client

    return new

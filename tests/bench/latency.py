"""How long a press takes to the server and to the light, beside the least that Python can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import requests

from ivsd.demo.live import LiveBox
from ivsd.events import Command, Show

PRESSES = 200
LOCK_PATHS = ("/lock", "/unlock")


def wait_for(until: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("the bench waited in vain")
        time.sleep(0.0005)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def press_to_server(delay_s: float) -> None:
    """Presses of lock and unlock, and a bare requests.Session in the same run, turn by turn."""
    ours: list[float] = []
    bare: list[float] = []
    with LiveBox() as box:
        box.wait_until_ready()
        simulator = box.simulator
        simulator.delay_s = delay_s
        time.sleep(2)  # both connections are open by then
        session = requests.Session()
        login = {"username": "admin", "password": "admin"}
        base = f"{simulator.url}/api/v3"
        token = session.post(f"{base}/login", json=login).json()["data"]["access_token"]
        room = simulator.world.rooms[7].id  # another room, not to disturb the box

        def locks(number: int) -> list[float]:
            path = f"/rooms/{number}/"
            return [
                exchange.at
                for exchange in list(simulator.requests)
                if path in exchange.path and exchange.path.endswith(LOCK_PATHS)
            ]

        bare_url = f"{base}/rooms/{room}/"
        session.post(bare_url + "lock", params={"access_token": token}, json={})
        session.post(bare_url + "unlock", params={"access_token": token}, json={})
        warm = simulator.connections
        for turn in range(PRESSES):
            done = len(box.seen.outcomes)
            began = box.hands.press("lock")
            wait_for(lambda done=done: len(box.seen.outcomes) > done)  # type: ignore[misc]
            ours.append(locks(box.room)[-1] - began)
            verb = "lock" if turn % 2 == 0 else "unlock"
            began = time.monotonic()
            session.post(bare_url + verb, params={"access_token": token}, json={})
            bare.append(locks(room)[-1] - began)
        presses = len(locks(box.room))
        new_connections = simulator.connections - warm
    ms = [1000 * value for value in ours]
    bare_ms = [1000 * value for value in bare]
    mine, theirs = statistics.median(ms), statistics.median(bare_ms)
    print(
        f"press -> request at the server, {1000 * delay_s:.0f} ms server delay: "
        f"median {mine:.2f} ms (p99 {percentile(ms, 0.99):.2f}), "
        f"bare requests.Session {theirs:.2f} ms (p99 {percentile(bare_ms, 0.99):.2f}), "
        f"difference {mine - theirs:.2f} ms, goal <= 3"
    )
    print(f"    {presses / PRESSES:.2f} requests and {new_connections} new connections per press")


def press_to_light() -> None:
    """The server is black-holed: every press must show at once all the same."""
    shown: list[tuple[float, Command]] = []

    def observe(command: Command) -> None:
        if isinstance(command, Show):
            shown.append((time.monotonic(), command))

    after_ms: list[float] = []
    with LiveBox(observe=observe) as box:
        box.wait_until_ready()
        box.simulator.black_hole()
        for turn in range(PRESSES):
            # Each press changes the light: the first is pending, the next are answered busy,
            # and when the link is given up each is refused.
            before = len(shown)
            began = box.hands.press("record" if turn % 2 else "lock")
            wait_for(lambda before=before: len(shown) > before)  # type: ignore[misc]
            after_ms.append(1000 * (shown[before][0] - began))
            time.sleep(0.03)
        box.simulator.back()
    print(
        f"press -> light, server black-holed: median {statistics.median(after_ms):.2f} ms, "
        f"p99 {percentile(after_ms, 0.99):.2f} ms, goal p99 <= 20"
    )

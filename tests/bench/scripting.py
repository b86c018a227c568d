"""What a function of the `ivs` module costs, beside the least that Python can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import requests

from ivsd import ivs
from ivsd.valt.simulator import Simulator, World

ROUNDS = 100
ROOM = 4


def requests_and_connections() -> None:
    """Count what each function asks, after a log-in and one warm call, on both generations."""
    for version in ("5.9.0", "6.6.0"):
        with Simulator(World(version=version)) as simulator, _valt(simulator) as valt:
            print(f"requests per call, VALT {version}: log-in {len(simulator.requests)}", end="")
            calls: dict[str, Callable[[], object]] = {
                "startrecording": lambda: valt.startrecording(ROOM, "Bench", author=12),
                "isrecording": lambda: valt.isrecording(ROOM),
                "getrecordingid": lambda: valt.getrecordingid(ROOM),
                "getrecordingtime": lambda: valt.getrecordingtime(ROOM),
                "addmarker (first)": lambda: valt.addmarker(ROOM, "Bench"),
                "addmarker": lambda: valt.addmarker(ROOM, "Bench"),
                "pauserecording": lambda: valt.pauserecording(ROOM),
                "ispaused": lambda: valt.ispaused(ROOM),
                "resumerecording": lambda: valt.resumerecording(ROOM),
                "stoprecording": lambda: valt.stoprecording(ROOM),
                "getroomstatus": lambda: valt.getroomstatus(ROOM),
                "lockroom": lambda: valt.lockroom(ROOM),
                "islocked": lambda: valt.islocked(ROOM),
                "unlockroom": lambda: valt.unlockroom(ROOM),
                "getrooms": valt.getrooms,
                "getroomname": lambda: valt.getroomname(ROOM),
                "getcameras": lambda: valt.getcameras(ROOM),
                "getschedule": lambda: valt.getschedule(ROOM),
                "getusername": lambda: valt.getusername(12),
                "getusers": valt.getusers,
                "get_user_by_card_number": lambda: valt.get_user_by_card_number("2580"),
                "creategroup": lambda: valt.creategroup("Bench", 1, 2),
            }
            for name, call in calls.items():
                before = len(simulator.requests)
                call()
                print(f", {name} {len(simulator.requests) - before}", end="")
            print(f"; TCP connections in all: {simulator.connections}")


def wall_time(delay_s: float) -> None:
    """Compare calls with a bare keep-alive loop that makes the same requests, turn by turn."""
    with Simulator(World(version="6.6.0"), delay_s=delay_s) as simulator, _valt(simulator) as valt:
        base = f"{simulator.url}/api/v3"
        session = requests.Session()
        login = {"username": "admin", "password": "admin"}
        token = session.post(f"{base}/login", json=login).json()["data"]["access_token"]
        query = {"access_token": token}
        recording = valt.startrecording(ROOM, "Bench")
        valt.addmarker(ROOM, "warm")

        def bare_status() -> None:
            session.get(f"{base}/rooms/{ROOM}/status", params=query).json()

        def bare_marker() -> None:
            session.get(f"{base}/rooms/info/{ROOM}", params=query).json()
            body = {"recordId": recording, "recordTime": 0, "type": "simple", "message": "Bench"}
            session.post(f"{base}/comment", params=query, json=body).json()

        for name, ours, bare in (
            ("getroomstatus", lambda: valt.getroomstatus(ROOM), bare_status),
            ("addmarker", lambda: valt.addmarker(ROOM, "Bench"), bare_marker),
        ):
            mine, theirs = [], []
            for _ in range(ROUNDS):
                mine.append(_ms(ours))
                theirs.append(_ms(bare))
            a, b = statistics.median(mine), statistics.median(theirs)
            print(
                f"ivs.{name}, {1000 * delay_s:.0f} ms server delay: median {a:.2f} ms, "
                f"bare keep-alive loop {b:.2f} ms, ratio {a / b:.2f}"
            )


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def _valt(simulator: Simulator) -> ivs.valt:
    return ivs.valt(simulator.url, "admin", "admin", logpath=False, raise_errors=True)

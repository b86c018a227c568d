"""What the daemon is measured against; runs in the machine, with the daemon's own packages.

The least that a script at a door can do: wait for a press, send one request over a warm
connection, light a lamp when it is answered. Usage:
guest_loop.py URL ROOM CHIP LAMP_LINE key NODE, or ... line LINE BOUNCE_MS.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import timedelta

import evdev
import gpiod
import requests
from gpiod.line import Bias, Direction, Edge, Value


def keys(node: str) -> Iterator[None]:
    """Yield once for every key that goes down."""
    for event in evdev.InputDevice(node).read_loop():
        if event.type == evdev.ecodes.EV_KEY and event.value == 1:
            yield


def falls(chip: str, line: int, bounce_ms: int) -> Iterator[None]:
    """Yield once for every time that a contact to ground closes."""
    settings = gpiod.LineSettings(
        edge_detection=Edge.FALLING,
        bias=Bias.PULL_UP,
        debounce_period=timedelta(milliseconds=bounce_ms),
    )
    with gpiod.request_lines(chip, {line: settings}) as request:
        while True:
            for _ in request.read_edge_events():
                yield


def main() -> None:
    url, room, chip, lamp_line, kind, *where = sys.argv[1:]
    lamp_line_no = int(lamp_line)
    output = gpiod.LineSettings(direction=Direction.OUTPUT)
    lamp = gpiod.request_lines(chip, {lamp_line_no: output})
    session = requests.Session()
    account = {"username": "admin", "password": "admin"}
    login = session.post(f"{url}/api/v3/login", json=account)
    query = {"access_token": login.json()["data"]["access_token"]}
    presses = keys(where[0]) if kind == "key" else falls(chip, int(where[0]), int(where[1]))
    todo = itertools.cycle([("lock", Value.ACTIVE), ("unlock", Value.INACTIVE)])
    print("ready", flush=True)
    for _, (verb, level) in zip(presses, todo, strict=False):
        session.post(f"{url}/api/v3/rooms/{room}/{verb}", params=query, json={})
        lamp.set_value(lamp_line_no, level)


main()

"""The bad days of a server and of the network before it."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.soak.server import Server

PLACES = [
    "record/start", "record/stop", "record/pause", "record/resume", "/lock", "/unlock", "comment",
    "comment", "admin/users", "/status", "rooms/info",
]  # fmt: skip
LASTS_S = 2.0  # a fault for a request that does not come is forgotten

QUICK: list[dict[str, Any]] = [
    {"kind": "delay", "seconds": 0.02},
    {"kind": "delay", "seconds": 0.15},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "reset_inside"},
    {"kind": "half"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 500, "applied": True},
    {"kind": "status", "status": 401},
    {"kind": "status", "status": 403},
    {"kind": "status", "status": 404},
    {"kind": "wrong_types"},
    {"kind": "says_no"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "not_json"},
    {"kind": "null_data"},
]
SLOW: list[dict[str, Any]] = [
    {"kind": "delay", "seconds": 0.7},
    {"kind": "hang", "seconds": 0.7},
    {"kind": "drip", "seconds": 0.01},
]


def trouble(chance: random.Random, server: Server) -> None:
    """Let one thing go wrong: mostly one request, now and then all of them for a while.

    A log-in is never refused: the daemon rightly waits 5 s and more after it.
    """
    pick = chance.random()
    if pick < 0.85:
        server.tell("fault", match=chance.choice(PLACES), lasts_s=LASTS_S, count=1,
                    **chance.choice(QUICK))  # fmt: skip
    elif pick < 0.93:
        server.tell("fault", match=chance.choice(PLACES), lasts_s=LASTS_S, count=1,
                    **chance.choice(SLOW))  # fmt: skip
    elif pick < 0.95:
        server.tell("fault", kind="delay", match="/login", seconds=0.1, lasts_s=LASTS_S, count=1)
        server.tell("forget tokens")
    else:
        outage(chance, server)


def outage(chance: random.Random, server: Server) -> None:
    """The server is away, silent, or started anew, which forgets who was logged in."""
    kind = chance.choice(["away", "silent", "restart"])
    server.tell("silent" if kind == "silent" else "away")
    time.sleep(chance.choice([0.05, 0.2, 0.6]))
    if kind == "restart":
        server.tell("forget tokens")
    server.tell("back")

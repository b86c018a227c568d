"""How far a marker is from where the button went down, by the server's own clock."""

from __future__ import annotations

import random
import time

from ivsd.demo.live import LiveBox
from tests.bench.latency import wait_for

MARKERS = 20
GOAL_S = 0.5


def position_error(delay_s: float, outage_s: float = 0.0) -> None:
    """Markers at odd moments of one recording, some of it with the server away."""
    spread = random.Random(4)
    began: list[float] = []
    with LiveBox() as box:
        box.wait_until_ready()
        box.simulator.delay_s = delay_s
        world = box.simulator.world
        box.hands.press("record")
        wait_for(lambda: len(world.recordings) == 1 and box.seen.light == "recording")
        if outage_s:
            box.simulator.away()
            wait_for(lambda: box.seen.light == "no_link")
        for _ in range(MARKERS):
            usual_s = outage_s / MARKERS or 0.8
            time.sleep(spread.uniform(0.5, 1.5) * usual_s)
            began.append(world.recordings[0].length_s)
            box.hands.press("marker")
        box.simulator.back()
        wait_for(lambda: len(world.recordings[0].markers) == MARKERS, 30.0)
        stand = sorted(marker.time_s for marker in world.recordings[0].markers)
    errors = [abs(time_s - at_s) for time_s, at_s in zip(stand, sorted(began), strict=True)]
    where = f"through an outage of {outage_s:g} s" if outage_s else f"{1000 * delay_s:g} ms delay"
    print(
        f"marker -> its place in the recording, {where}: off by {sum(errors) / MARKERS:.2f} s "
        f"on average, {max(errors):.2f} s at most, goal <= {GOAL_S}"
    )

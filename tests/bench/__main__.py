"""`make bench`: the figures the README quotes. Machines differ; compare within one run."""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import platform

from tests.bench import latency, markers, process, scripting


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle-s", type=float, default=60.0)
    args = parser.parse_args()
    logging.getLogger("ivsd").setLevel(logging.CRITICAL)  # the presses that must fail
    print(
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )
    latency.press_to_server(0.0)
    latency.press_to_server(0.02)
    latency.press_to_light()
    markers.position_error(0.0)
    markers.position_error(0.1)
    markers.position_error(0.0, outage_s=60.0)
    scripting.requests_and_connections()
    scripting.wall_time(0.0)
    scripting.wall_time(0.02)
    process.start_without_network()
    process.memory_and_idle(args.idle_s)


main()

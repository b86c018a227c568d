"""`make soak`: ARGS="--events 5000 --pure 50000" for a short one, --seed to replay a failure."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.daemon import DaemonSoak
from tests.soak.meter import Row, SoakFailure
from tests.soak.pure import PureSoak


def main() -> int:
    """Run both parts; return the exit code."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--events", type=int, default=100_000, help="through the daemon; 0: none")
    parser.add_argument("--pure", type=int, default=1_000_000, help="through the controller alone")
    args = parser.parse_args()
    logging.getLogger("ivsd").setLevel(logging.CRITICAL)  # the presses that must fail
    print(f"seed {args.seed}", flush=True)
    rows: list[Row] = []
    folder = Path(tempfile.mkdtemp(prefix="ivsd-soak-"))
    try:
        if args.pure:
            rows += PureSoak(args.seed, args.pure).run()
        if args.events:
            rows += DaemonSoak(args.seed, args.events, folder).run()
    except SoakFailure as e:
        print(f"FAILED: {e}\nthe books of both sides: {folder}", file=sys.stderr)
        return 1
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    width = max(len(name) for name, _ in rows)
    for name, figure in rows:
        print(f"{name:{width}}  {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The privileged part of the factory default, which stops dead at one moment of its work.

In place of its program in the unit: `python cut.py "before rename commit"`. A moment is before or
after an operation of `ivsd.appliance.durable` on a name; there it says CUT and hangs, so that the
power can be cut.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from ivsd.appliance import durable
from ivsd.appliance.factory.__main__ import main

OPERATIONS = ("create", "link", "rename", "unlink", "mkdir", "rmdir")


def cutting(operation: str, act: Callable[..., Any], moment: str) -> Callable[..., Any]:
    def acting(*arguments: Any) -> Any:
        name = arguments[-1] if operation == "rename" else arguments[1]
        if moment == f"before {operation} {name}":
            stop()
        result = act(*arguments)
        if moment == f"after {operation} {name}":
            stop()
        return result

    return acting


def stop() -> None:
    print("CUT", flush=True)
    threading.Event().wait()


for one in OPERATIONS:
    setattr(durable.files, one, cutting(one, getattr(durable.files, one), sys.argv[1]))
sys.exit(main(["serve"]))

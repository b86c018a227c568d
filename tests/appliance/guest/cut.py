"""The privileged part of the factory default, which stops dead at one moment of its work.

In place of its program in a unit: `python cut.py serve FILE`. The file's first line is the moment:
before or after an operation of `ivsd.appliance.durable` on a name, as in "before rename commit".
There it says CUT and hangs, so that the power can be cut. The next start takes the next line.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
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


verb, path = sys.argv[1:]
file = Path(path)
moment, *later = [*file.read_text().splitlines(), ""]
file.write_text("\n".join(later))
os.sync()  # now: later it would put on the disk what the restore has not made sure of itself
for one in OPERATIONS:
    setattr(durable.files, one, cutting(one, getattr(durable.files, one), moment))
sys.exit(main([verb]))

"""The daemon with a defect: at the first press its controller, or its worker, hangs for ever.

In place of `ivsd run` in the unit: `python hanging.py controller|worker`.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from ivsd import cli
from ivsd.controller import Controller
from ivsd.events import Pressed
from ivsd.valt.link import Worker


def hang(*_: object) -> None:
    threading.Event().wait()


if sys.argv[1] == "worker":
    setattr(Worker, "carry_out", lambda self, *_, **__: hang())  # noqa: B010  # for mypy
else:
    step = Controller.step

    def hanging_step(self: Controller, event: Any, now: float) -> Any:
        if isinstance(event, Pressed):
            hang()
        return step(self, event, now)

    setattr(Controller, "step", hanging_step)  # noqa: B010

sys.exit(cli.main(["run"]))

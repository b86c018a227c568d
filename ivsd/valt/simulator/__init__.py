"""A VALT server of our own on loopback, for the demo, for tests and for integrators.

It is made from the API's fact sheet alone and shares no code with our client, so that an error in
one does not hide in the other. Where the facts are open, see `quirks.py`::

    with Simulator(World(version="6.5.2")) as valt:
        client = MyClient(valt.url, "admin", "admin")
        valt.faults.add(Fault("reset_after", "record/start"))
        client.start_recording(room=4, name="Interview")
        assert [r.name for r in valt.world.recordings] == ["Interview"]

In pytest, ask for the fixture `valt_server` (see `plugin.py`). From another process or language,
start `ivsd simulate --control-port 8089` (see `control.py`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Api
    from .control import Control
    from .faults import Fault
    from .quirks import Quirks
    from .server import Simulator
    from .spec import CameraSpec, GroupSpec, RoomSpec, ScheduleSpec, UserSpec, WorldSpec, sample
    from .state import WorldError
    from .world import World

# Imported when first asked for: the pytest plugin lives in this package, and every run of pytest
# on a machine that has ivsd installed imports it.
_HOMES = {
    "Api": "api",
    "CameraSpec": "spec",
    "Control": "control",
    "Fault": "faults",
    "GroupSpec": "spec",
    "Quirks": "quirks",
    "RoomSpec": "spec",
    "ScheduleSpec": "spec",
    "Simulator": "server",
    "UserSpec": "spec",
    "World": "world",
    "WorldError": "state",
    "WorldSpec": "spec",
    "sample": "spec",
}
__all__ = [
    "Api",
    "CameraSpec",
    "Control",
    "Fault",
    "GroupSpec",
    "Quirks",
    "RoomSpec",
    "ScheduleSpec",
    "Simulator",
    "UserSpec",
    "World",
    "WorldError",
    "WorldSpec",
    "sample",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

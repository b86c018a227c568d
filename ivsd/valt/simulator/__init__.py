"""A VALT server of our own on loopback, for the demo, for tests and for integrators.

It is made from the API's fact sheet alone and shares no code with our client, so that an error in
one does not hide in the other. Where the facts are open, see `quirks.py`::

    with Simulator(World(version="6.5.2")) as valt:
        client = MyClient(valt.url, "admin", "admin")
        valt.faults.add(Fault("reset_after", "record/start"))
        client.start_recording(room=4, name="Interview")
        assert [r.name for r in valt.world.recordings] == ["Interview"]
"""

from .api import Api
from .faults import Fault
from .quirks import Quirks
from .server import Simulator
from .spec import WorldSpec, sample
from .state import WorldError
from .world import World

__all__ = ["Api", "Fault", "Quirks", "Simulator", "World", "WorldError", "WorldSpec", "sample"]

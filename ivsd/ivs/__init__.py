"""The documented Python module `ivs`: script a VALT server in a few lines.

::

    from ivsd import ivs

    valt = ivs.valt("valt.example.com", "api", "secret")
    if not valt.isrecording(4):
        recording = valt.startrecording(4, "My Recording", author=12)
        if recording == 0:
            print("not started:", valt.errormsg)

The functions, their parameters and their values are those of the documentation "IVS Module".
What they add is told in `valt`.
"""

from ivsd.appliance.factory.client import FactoryDefaultError
from ivsd.ivs.accessory import NotAnAppliance, factorydefault
from ivsd.ivs.arguments import BadArgument
from ivsd.ivs.face import valt
from ivsd.ivs.logfile import log
from ivsd.valt import errors
from ivsd.valt.errors import ValtError

__all__ = [
    "BadArgument",
    "FactoryDefaultError",
    "NotAnAppliance",
    "ValtError",
    "errors",
    "factorydefault",
    "log",
    "valt",
]

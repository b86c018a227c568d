"""What the documented module can do with the machine it runs on."""

from __future__ import annotations

from ivsd.appliance.factory import client
from ivsd.appliance.factory.client import FactoryDefaultError, NotAnAppliance

__all__ = ["FactoryDefaultError", "NotAnAppliance", "factorydefault"]


def factorydefault() -> None:
    """Restore the factory state of an IVS keypad or card reader, then reboot it.

    Returns when the restore is certain. Raises NotAnAppliance on any other machine, where nothing
    is touched, and another FactoryDefaultError where the caller may not ask (only root and the
    daemon's user may) or the box says why it cannot.
    """
    client.ask()

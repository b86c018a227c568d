"""What the documented module can do with the machine it runs on."""

from __future__ import annotations


class NotAnAppliance(RuntimeError):
    """Raised on a machine that is no IVS accessory: it has no factory state to go back to."""


def factorydefault() -> None:
    """Restore the factory state of an IVS keypad or card reader, then reboot it.

    Raises NotAnAppliance on any other machine, where nothing is touched.
    """
    # Only a box has the privileged part that could do it (decision 33), and none has it yet.
    raise NotAnAppliance(
        "this machine is no IVS keypad or card reader with a factory state: nothing was changed"
    )

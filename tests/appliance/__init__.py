"""The product on real kernel devices: a virtual machine with uinput, gpio-sim and systemd."""

import os

import pytest

SWEEP = os.environ.get("IVSD_SWEEP") == "1"
"""Whether everything is played that takes long, too: `make soak-appliance`."""

LONG = pytest.mark.skipif(not SWEEP, reason="it takes long: make soak-appliance")

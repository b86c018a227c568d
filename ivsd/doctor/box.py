"""The box that is looked at: where its files are, and whose they are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ivsd.appliance.factory.places import CONFIG, Places
from ivsd.appliance.settings import DEFAULT_STATE

SERVICE_CONFIG = f"{CONFIG}/ivsd.yaml"


@dataclass(frozen=True)
class Box:
    """A configuration, the control socket of the daemon, and the machine around them."""

    config: Path
    socket: Path
    state: Path = DEFAULT_STATE
    places: Places = field(default_factory=Places)

    @property
    def is_service(self) -> bool:
        """Whether the configuration is that of this machine's service, and no draft."""
        return os.path.realpath(self.config) == os.path.realpath(self.places.at(SERVICE_CONFIG))

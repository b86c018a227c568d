"""The configuration files of this box, as the daemon reads and keeps them.

It keeps the last file that was right, for its lamps and for what is held for the factory state:
those must work when somebody has made a mistake in the file (decision 32). And it moves a
password out of ivsd.yaml, which the pages of the box will be able to read (decision 5).
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from ivsd.appliance import durable
from ivsd.config import (
    Config,
    ConfigError,
    Problem,
    Salvaged,
    load,
    load_cards_beside,
    password,
    salvage,
    without_password,
)
from ivsd.config.password import CREDENTIAL
from ivsd.config.schema import CardEntry
from ivsd.valt.model import Secret

LAST_GOOD = "last-good.yaml"
DEFAULT_CONFIG = Path("/etc/ivsd/ivsd.yaml")
DEFAULT_STATE = Path(os.environ.get("STATE_DIRECTORY", "/var/lib/ivsd"))
"""systemd names the folder that it has made for the service (systemd.exec, StateDirectory=)."""

CREDENTIALS = Path("/run/credentials/ivsd.service")
"""Where systemd shows the service its credentials; root may look, too (systemd.exec(5))."""

log = logging.getLogger("ivsd")


def is_the_services(path: Path) -> bool:
    """Whether it is the file that the service of this box works by, and no draft."""
    return os.path.realpath(path) == os.path.realpath(DEFAULT_CONFIG)


def service_credentials(path: Path) -> Path | None:
    """Return the folder of the service's credentials, if the file is the service's and we are root.

    No other file gets them: it may name a server that must never see the password (decision 18).
    """
    is_there = os.geteuid() == 0 and is_the_services(path) and (CREDENTIALS / CREDENTIAL).is_file()
    return CREDENTIALS if is_there else None


def password_for(config: Config, path: Path, state: Path = DEFAULT_STATE) -> Secret:
    """Find the password for a command that is asked to look at a file; raises ConfigError.

    What the service keeps, in `state` or as a credential, goes with its own file only: a draft may
    name another server, and must bring its password (decision 18).
    """
    if is_the_services(path):
        return password(config, path, state, service_credentials(path))
    try:
        return password(config, path)
    except ConfigError:
        if config.valt.password_file is not None:
            raise
        text = f"is missing: this file must bring one, that of {DEFAULT_CONFIG} is not given to it"
        problem = Problem(str(path), 0, "valt.password_file", text)
        raise ConfigError([problem]) from None


def data_folder() -> Path:
    """Return where the product's own data is (decision 4)."""
    return Path(os.environ.get("IVSD_DATADIR") or Path(sys.prefix) / "share" / "ivsd")


@dataclass(frozen=True)
class Read:
    """All that a right configuration says."""

    config: Config
    cards: list[CardEntry]
    secret: Secret


class Settings:
    """ivsd.yaml at `path` with what stands beside it, and the daemon's own folder `state`.

    `owns_file`: this is the box's service, which may write ivsd.yaml.
    """

    def __init__(self, path: Path, state: Path, *, owns_file: bool = False) -> None:
        self._path = path
        self._state = state
        self._owns_file = owns_file

    def read(self) -> Read:
        """Read and check all of it; raises ConfigError with every problem."""
        config = load(self._path)
        cards = load_cards_beside(self._path, config)
        # A draft that somebody tries by hand may name another server (decision 18).
        is_ours = self._owns_file or self._state != DEFAULT_STATE or is_the_services(self._path)
        secret = password(config, self._path, self._state if is_ours else None)
        try:
            text = self._path.read_text(encoding="utf-8")
            if config.valt.password is None:  # as at every start but the first
                self._keep(text)
            else:
                blanked = without_password(text)
                if self._owns_file:
                    self._move_password(config.valt.password, text, blanked)
                self._keep(blanked)
        except OSError as e:
            log.warning("%s: %s", e.filename or self._path, e.strerror)
        return Read(replace(config, valt=replace(config.valt, password=None)), cards, secret)

    def salvage(self) -> Salvaged:
        """Take what can be used while the file is wrong; never raises."""
        return salvage_beside(self._path, self._state)

    def _move_password(self, secret: Secret, text: str, blanked: str) -> None:
        if blanked == text:
            log.warning(
                "%s: valt.password stays there: other keys refer to it (& and *)", self._path
            )
            return
        durable.write(self._state / CREDENTIAL, secret.reveal().encode(), mode=0o600)
        mode = self._path.stat().st_mode & 0o777
        durable.write(self._path, blanked.encode(), mode=mode)
        log.info("the password was moved from %s to %s", self._path, self._state / CREDENTIAL)

    def _keep(self, text: str) -> None:
        """Keep the file that is right; a card wears out by writing what it holds already."""
        kept, data = self._state / LAST_GOOD, _sealed(text)
        if not kept.is_file() or kept.read_bytes() != data:
            durable.write(kept, data, mode=0o600)


def _sealed(text: str) -> bytes:
    """Put a checksum before the text: half of it may look like a whole one."""
    data = text.encode()
    return b"# sha256 " + hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def _is_whole(path: Path) -> bool:
    try:
        _, _, text = path.read_text(encoding="utf-8").partition("\n")
        return path.read_bytes() == _sealed(text)
    except (OSError, UnicodeDecodeError):
        return False


def salvage_beside(path: Path, state: Path) -> Salvaged:
    """Take what can be used of a wrong file, of the last right one, and of the factory's."""
    kept = state / LAST_GOOD
    factory = data_folder() / "templates" / path.name
    return salvage(path, before=kept if _is_whole(kept) else None, factory=factory)

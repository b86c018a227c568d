"""From the configuration to a session with its server."""

from __future__ import annotations

from pathlib import Path

from ivsd.config import trust
from ivsd.config.schema import Valt
from ivsd.valt.client import Client
from ivsd.valt.model import Secret
from ivsd.valt.session import Session
from ivsd.valt.transport import HttpTransport


def session_for(valt: Valt, path: Path, password: Secret) -> Session:
    """Build the session of the file at `path`; connects to nobody yet.

    Raises OSError when the CA file cannot be used.
    """
    transport = HttpTransport(valt.url, verify=trust(valt, path), timeout_s=valt.timeout_s)
    return Session(
        Client(transport),
        valt.username,
        password,
        failure_reauth_s=valt.failure_reauth_s,
        success_reauth_s=valt.success_reauth_s,
    )

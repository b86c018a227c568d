"""From the configuration to a session with its server."""

from __future__ import annotations

from pathlib import Path

from ivsd.config import trust
from ivsd.config.schema import Valt
from ivsd.valt.client import Client
from ivsd.valt.model import Secret
from ivsd.valt.session import Session
from ivsd.valt.transport import HttpTransport


def transport_for(valt: Valt, path: Path) -> HttpTransport:
    """Build the way to the server of the file at `path`; connects to nobody yet.

    Raises OSError when the CA file cannot be used.
    """
    return HttpTransport(valt.url, verify=trust(valt, path), timeout_s=valt.timeout_s)


def session_for(
    valt: Valt, path: Path, password: Secret, transport: HttpTransport | None = None
) -> Session:
    """Build the session of the file at `path`, over its `transport` where there is one already.

    Raises OSError when the CA file cannot be used.
    """
    return Session(
        Client(transport or transport_for(valt, path)),
        valt.username,
        password,
        failure_reauth_s=valt.failure_reauth_s,
        success_reauth_s=valt.success_reauth_s,
    )

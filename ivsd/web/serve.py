"""`ivsd web`: serves the pages until it is ended."""

from __future__ import annotations

import datetime
import logging
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import waitress
from flask import request

from ivsd.appliance import control_client
from ivsd.config import ConfigError
from ivsd.config.web import WebConfig, load_web
from ivsd.web.access.accounts import Accounts
from ivsd.web.app import LONGEST_BODY, create_app
from ivsd.web.hosts import own_names
from ivsd.web.live import Live
from ivsd.web.site import Ask, Site
from ivsd.web.tls import Identity, identity
from ivsd.web.tls.ends import warning

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

    from ivsd.web.tls.front import Front

THREADS = 32  # decision 35
LOOPBACK = "127.0.0.1"

log = logging.getLogger("ivsd.web")


def serve(config_path: Path, state: Path, socket: Path) -> int:
    """Serve the pages as web.yaml says, with what they keep in `state`; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # It warns of every visitor that waits for another one: a card is not worn out for that.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        config = load_web(config_path)
        names = own_names(config.names)
        today = datetime.datetime.now(datetime.UTC).date()
        shown = identity(config_path, config, names, state, today)
        accounts = Accounts(state)
    except ConfigError as e:
        log.error("%s", e)
        return 1
    except OSError as e:
        log.error("%s cannot be used: %s", state, e.strerror)
        return 1
    site = Site(
        ask=asker(socket),
        live=Live(partial(control_client.follow, socket)),
        names=names,
        accounts=accounts,
    )
    app = create_app(site)
    front: Front | None = None
    try:
        if shown is None:
            server = listen(app, config.address, config.port)
        else:
            front = front_for(app, config, names, shown)
            server = listen(front.guard(app), LOOPBACK, 0, scheme="https")
    except OSError as e:
        log.error("cannot serve at %s port %s: %s", config.address, config.port, e.strerror)
        return 1
    scheme = "http" if shown is None else "https"
    log.info("this box's pages: %s", address_of(config.address, config.port, scheme))
    if shown is not None:
        log.info("SHA-256 fingerprint of their certificate: %s", shown.fingerprint)
        if shown.ends is not None:
            log.info("their certificate is good until %s", shown.ends)
            if said := warning(shown.ends, today):
                log.warning("their certificate must be made anew: %s", said)

    def end(*_: object) -> None:
        site.live.close()  # it would wait for the pages that are open
        raise KeyboardInterrupt  # what waitress ends by in good order

    signal.signal(signal.SIGTERM, end)
    try:
        if front is not None:
            front.start(server.effective_port)
        server.run()  # until Ctrl-C or `end`
    except KeyboardInterrupt:
        pass  # before it served anybody
    finally:
        if front is not None:
            front.stop()
    return 0


def front_for(app: Flask, config: WebConfig, names: frozenset[str], shown: Identity) -> Front:
    """Return what speaks TLS at the configured address; raises OSError.

    Only a box that wants it pays for its import, 1 MB. No HSTS is sent: a browser that remembers it
    lets nobody in when a factory default has ended TLS, or the certificate is another self-made
    one.
    """
    from ivsd.web.tls.front import Front

    # Where TLS was switched off again, browsers keep the cookie of that time from being replaced:
    # under the same name nobody could log in any more. Browsers see to it that such a name is
    # given by https and by this box alone.
    app.config.update(SESSION_COOKIE_NAME="__Host-ivsd", SESSION_COOKIE_SECURE=True)
    app.config["TLS_FINGERPRINT"] = shown.fingerprint  # templates know `config`
    app.config["TLS_ENDS"] = shown.ends
    return Front(config.address, config.port, shown.context, names)


def asker(socket: Path) -> Ask:
    """Return what has the daemon at this socket do things, for the browser that waits for it."""

    def ask(op: str, **args: Any) -> dict[str, Any]:
        # A press that nobody waits for any more must not be taken away from the room.
        has_hung_up = request.environ.get("waitress.client_disconnected")
        return control_client.ask(socket, op, args, is_gone=has_hung_up)

    return ask


def listen(app: WSGIApplication, address: str, port: int, scheme: str = "http") -> Any:
    """Return a waitress server that listens, and serves once it is told to `run`."""
    return waitress.create_server(
        app,
        host=address,
        port=port,
        url_scheme=scheme,
        threads=THREADS,
        ident=None,
        max_request_body_size=LONGEST_BODY,
        max_request_header_size=16384,
        channel_timeout=30,
        asyncore_use_poll=True,
        # Else it does not hear that the reader of a live page has hung up, and keeps its place.
        channel_request_lookahead=1,
    )


def address_of(address: str, port: int, scheme: str = "http") -> str:
    """Return what a person types into a browser."""
    shown = f"[{address}]" if ":" in address else address
    return f"{scheme}://{shown}:{port}/"

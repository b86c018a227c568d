"""`ivsd web`: serves the pages until it is ended."""

from __future__ import annotations

import logging
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import waitress
from flask import Flask, request

from ivsd.appliance import control_client
from ivsd.config import ConfigError
from ivsd.config.web import load_web
from ivsd.web.accounts import Accounts
from ivsd.web.app import LONGEST_BODY, create_app
from ivsd.web.hosts import own_names
from ivsd.web.live import Live
from ivsd.web.site import Ask, Site

THREADS = 32  # decision 35

log = logging.getLogger("ivsd.web")


def serve(config_path: Path, state: Path, socket: Path) -> int:
    """Serve the pages as web.yaml says, with what they keep in `state`; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # It warns of every visitor that waits for another one: a card is not worn out for that.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        config = load_web(config_path)
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
        names=own_names(config.names),
        accounts=accounts,
    )
    try:
        server = listen(create_app(site), config.address, config.port)
    except OSError as e:
        log.error("cannot serve at %s port %s: %s", config.address, config.port, e.strerror)
        return 1
    log.info("this box's pages: %s", address_of(config.address, config.port))

    def end(*_: object) -> None:
        site.live.close()  # it would wait for the pages that are open
        raise KeyboardInterrupt  # what waitress ends by in good order

    signal.signal(signal.SIGTERM, end)
    server.run()  # until Ctrl-C or `end`
    return 0


def asker(socket: Path) -> Ask:
    """Return what has the daemon at this socket do things, for the browser that waits for it."""

    def ask(op: str, **args: Any) -> dict[str, Any]:
        # A press that nobody waits for any more must not be taken away from the room.
        has_hung_up = request.environ.get("waitress.client_disconnected")
        return control_client.ask(socket, op, args, is_gone=has_hung_up)

    return ask


def listen(app: Flask, address: str, port: int) -> Any:
    """Return a waitress server that listens, and serves once it is told to `run`."""
    return waitress.create_server(
        app,
        host=address,
        port=port,
        threads=THREADS,
        ident=None,
        max_request_body_size=LONGEST_BODY,
        max_request_header_size=16384,
        channel_timeout=30,
        asyncore_use_poll=True,
        # Else it does not hear that the reader of a live page has hung up, and keeps its place.
        channel_request_lookahead=1,
    )


def address_of(address: str, port: int) -> str:
    """Return what a person types into a browser."""
    shown = f"[{address}]" if ":" in address else address
    return f"http://{shown}:{port}/"

"""`ivsd web`: serves the page until it is ended."""

from __future__ import annotations

import logging
import signal
import sys
from functools import partial
from pathlib import Path

import waitress

from ivsd.appliance import control_client
from ivsd.config import ConfigError
from ivsd.config.web import load_web
from ivsd.web.app import create_app
from ivsd.web.hosts import own_names
from ivsd.web.source import Source

THREADS = 32  # decision 35
LONGEST_BODY = 4096  # bytes; nothing is ever sent here

log = logging.getLogger("ivsd.web")


def serve(config_path: Path, socket: Path) -> int:
    """Serve the page as web.yaml says; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # It warns of every visitor that waits for another one: a card is not worn out for that.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        config = load_web(config_path)
    except ConfigError as e:
        log.error("%s", e)
        return 1
    app = create_app(Source(partial(control_client.status, socket)), own_names(config.names))
    try:
        server = waitress.create_server(
            app,
            host=config.address,
            port=config.port,
            threads=THREADS,
            ident=None,
            max_request_body_size=LONGEST_BODY,
            max_request_header_size=16384,
            channel_timeout=30,
            asyncore_use_poll=True,
        )
    except OSError as e:
        log.error("cannot serve at %s port %s: %s", config.address, config.port, e.strerror)
        return 1
    shown = f"[{config.address}]" if ":" in config.address else config.address
    log.info("this box's page: http://%s:%s/", shown, config.port)
    signal.signal(signal.SIGTERM, _end)
    server.run()  # until Ctrl-C or `_end`
    return 0


def _end(*_: object) -> None:
    raise KeyboardInterrupt  # what waitress ends by in good order

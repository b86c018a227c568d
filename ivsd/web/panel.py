"""The panel: a picture of the box as it is now, and in the demo one that can be pressed.

The picture is made of fragments, pieces of HTML with an id. `/events` sends them all with every
news, and the script of the page replaces those that differ: a lamp whose rhythm is the same goes
on blinking in step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, render_template, request

from ivsd.appliance.control_client import ControlError
from ivsd.web import access, log
from ivsd.web.hands import CABLE, ELSEWHERE, ServerView, add_hands
from ivsd.web.live import Found, Once, Stream, TooManyStreams
from ivsd.web.picture import fragments
from ivsd.web.unanswered import away

if TYPE_CHECKING:
    from ivsd.web.site import Site

LOOK_AT_SERVER_S = 1.0  # it has no news of its own
SIGN_OF_LIFE_S = 2.0  # live.js counts on it: a page without one does not look live any more
RETRY_MS = 1000  # when a browser tries again after it has lost us

# -- the routes -----------------------------------------------------------------------------------


def pages(site: Site) -> Blueprint:
    """Make the panel, its events, and in the demo what can be pressed."""
    pages = Blueprint("panel", __name__)
    once = Once()
    demo = site.demo

    @pages.get("/")
    def panel() -> tuple[str, int]:
        found = site.live.status()
        if isinstance(found, ControlError):
            return away(found)
        parts = fragments(current_app.jinja_env, found, demo, demo.server() if demo else None)
        return render_template(
            "panel.html", parts=parts, status=found, demo=demo, cable=CABLE, elsewhere=ELSEWHERE
        ), 200

    @pages.get("/events")
    def events() -> Response:
        env = current_app.jinja_env
        wanted = log.Wanted.of(request.args) if request.args.get("page") == "log" else None
        glances = demo if wanted is None else None  # the log shows nothing of the server

        def draw(found: Found, server: ServerView | None) -> bytes:
            if isinstance(found, ControlError):
                return _event("away", {"problem": str(found)})
            if wanted is not None:
                return _event("panel", log.fragments(env, found, wanted))
            return _event("panel", fragments(env, found, demo, server))

        has_hung_up = request.environ.get("waitress.client_disconnected", lambda: False)
        is_logged_in = access.still_logged_in()
        try:
            stream = site.live.stream(
                keep_alive_s=LOOK_AT_SERVER_S if glances else SIGN_OF_LIFE_S,
                is_gone=lambda: has_hung_up() or not is_logged_in(),
            )
        except TooManyStreams:
            text = "Too many live pages of this box are open: this one is read again instead.\n"
            return Response(text, 503, mimetype="text/plain")
        told = _told(
            stream,
            lambda found, server: once.get(found, (wanted, server), lambda: draw(found, server)),
            glances.server if glances else lambda: None,
        )
        response = Response(told, mimetype="text/event-stream")
        response.call_on_close(stream.close)  # also where nothing was read, as for a HEAD
        return response

    if demo is not None:
        add_hands(pages, demo)
    return pages


def _told(
    stream: Stream,
    draw: Callable[[Found, ServerView | None], bytes],
    look: Callable[[], ServerView | None],
) -> Iterator[bytes]:
    """Yield what the browser is told: every news, and a sign of life where there are none."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    newest: Found | None = None
    seen: ServerView | None = None
    for found in stream:
        server = look()
        newest = found or newest
        if newest is None or (found is None and server == seen):
            yield b"event: alive\ndata: -\n\n"
        else:
            yield draw(newest, server)
        seen = server


def _event(name: str, data: dict[str, str]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()

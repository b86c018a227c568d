"""The pages as a WSGI application: what holds for all of them, and which there are."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from ivsd.appliance import status_words as words
from ivsd.appliance.control_client import ControlError
from ivsd.web import access, badges, log, panel, set_up, system, wiring
from ivsd.web.hosts import is_ours
from ivsd.web.site import Site

METHODS = ("GET", "HEAD", "POST")
LONGEST_BODY = 64 * 1024
"""Bytes of what is sent here; more is refused before it is read."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin"}
"""Under TLS only: elsewhere a browser takes no notice, and complains."""


def create_app(site: Site) -> Flask:
    """Build the application."""
    app = Flask("ivsd.web")
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    app.config["MAX_FORM_PARTS"] = 100
    app.jinja_env.globals.update(words=words, needs_log_in=site.accounts is not None)

    @app.before_request
    def refuse_what_is_not_meant_for_us() -> None:
        if request.method not in METHODS:
            abort(405, response=text("Pages are read and forms are sent here, no more.", 405))
        host = request.environ.get("HTTP_HOST", "")
        if not is_ours(host, site.names):
            said = "This box is not known by that name. Its IP address works, and so do the names "
            abort(421, response=text(f"{said}of its web.yaml.", 421))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS | ISOLATED if request.is_secure else HEADERS)
        return response

    @app.errorhandler(HTTPException)
    def say_it_plainly(error: HTTPException) -> Any:
        return error.response or text(f"{error.name}.", error.code or 500)

    @app.get("/health")
    def health() -> Response:
        """Answer a monitoring system; what is wrong is for those who may read the pages."""
        found = site.live.status()
        well = not isinstance(found, ControlError) and not words.wrong(found)
        return text("all right" if well else "something is wrong", 200 if well else 503)

    access.install(app, site)
    for page in (panel, set_up, wiring, badges, log, system):
        app.register_blueprint(page.pages(site))
    return app


def text(said: str, code: int) -> Response:
    """Answer with one plain line."""
    return Response(f"{said}\n", code, mimetype="text/plain")

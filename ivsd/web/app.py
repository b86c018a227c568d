"""The page as a WSGI application: `/`, `/health` and a style sheet, to be read and no more."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ivsd.appliance import status_words as words
from ivsd.appliance.control_client import ControlError
from ivsd.web.hosts import is_ours
from ivsd.web.source import Source

METHODS = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(source: Source, names: frozenset[str]) -> Flask:
    """Build the application; `names` are those of this box, in small letters."""
    app = Flask("ivsd.web")
    app.jinja_env.globals["words"] = words

    @app.before_request
    def refuse_what_is_not_meant_for_us() -> None:
        if request.method not in METHODS:
            abort(405, response=_text("This page can only be read.", 405, Allow="GET, HEAD"))
        host = request.environ.get("HTTP_HOST", "")
        if not is_ours(host, names):
            text = "This box is not known by that name. Its IP address works, and so do the names "
            abort(421, response=_text(f"{text}of its web.yaml.", 421))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(HTTPException)
    def say_it_plainly(error: HTTPException) -> Any:
        return error.response or _text(f"{error.name}.", error.code or 500)

    @app.get("/")
    def page() -> Response:
        found = source.status()
        if isinstance(found, ControlError):
            away = found.code in ("no_daemon", "no_answer")
            page = render_template("away.html", problem=str(found), does_not_answer=away)
            return make_response(page, 503)
        return make_response(render_template("status.html", status=found))

    @app.get("/health")
    def health() -> Response:
        """Answer a monitoring system: 200 if all is right, else 503 with what is wrong."""
        found = source.status()
        trouble = [str(found)] if isinstance(found, ControlError) else words.wrong(found)
        return _text("\n".join(trouble or ["all right"]), 503 if trouble else 200)

    return app


def _text(text: str, code: int, **headers: str) -> Response:
    return Response(f"{text}\n", code, headers, mimetype="text/plain")

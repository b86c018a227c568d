"""Forged requests: a form counts only if a page of this box, read in the same session, sent it."""

from __future__ import annotations

import hmac
import secrets
from typing import NoReturn
from urllib.parse import urlsplit

from flask import Response, abort, render_template_string, request, session
from markupsafe import Markup

_REFUSED = """{% extends "base.html" %}
{% block title %}Refused{% endblock %}
{% block body %}
<main id="main" tabindex="-1"><h1>Refused</h1>
<section class="wrong" role="alert"><p>{{ text }}</p></section>
<p><a href="{{ back }}">{{ to }}</a></p></main>
{% endblock %}
"""


def csrf_token() -> str:
    """Return what proves that a form comes from a page of this session."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def csrf_field() -> Markup:
    """Return it as the hidden field that every form has."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(csrf_token())


def only_looks() -> bool:
    """Whether the request at hand wants to change nothing."""
    return request.method in ("GET", "HEAD", "OPTIONS")


def refuse_other_sites() -> None:
    """A browser names the page that sends a form, if it is one of today and may do so."""
    if only_looks():
        return
    origin = request.headers.get("Origin")
    # "null" names nobody: pages with `Referrer-Policy: no-referrer` say so, too. The token decides.
    foreign = origin not in (None, "null") and _host_of(origin) != request.host.lower()
    if foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        refuse("This form was sent by a page of another site. Nothing was done.")


def _host_of(origin: str | None) -> str:
    try:
        return urlsplit(origin or "").netloc.lower()
    except ValueError:
        return ""


def refuse_without_token() -> None:
    """Refuse what changes something and does not have the token of its session; reads the body."""
    if only_looks():
        return
    found, due = request.form.get("csrf", ""), str(session.get("csrf", ""))
    if not due or not hmac.compare_digest(found.encode(errors="replace"), due.encode()):
        refuse(
            "Nothing was done: the page that sent this was too old, or the browser keeps no "
            "cookies. Read the page anew and try again."
        )


def refuse(text: str, back: str = "/", to: str = "To the start page") -> NoReturn:
    """End the request with a page that says why."""
    page = render_template_string(_REFUSED, text=text, back=back, to=to)
    abort(403, response=Response(page, 403, mimetype="text/html"))

"""The table of badges as a file: looked at before it is imported, exported after the password.

A file has full numbers. What was sent to be looked at stays in this process, for this session and
for 15 minutes, until it is imported; nothing of it is ever sent back. An export is the one way out
for full numbers (decision 30).
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, flash, redirect, request

from ivsd.appliance.control_client import ControlError
from ivsd.web import access
from ivsd.web.access.sessions import address, drop_at_log_out
from ivsd.web.badges.shown import Problem, Told, wrong_in
from ivsd.web.typed import Typed

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from ivsd.web.site import Site

LONGEST_IMPORT = 60_000
"""Bytes as the daemon is asked, which reads 64 KiB at most: some 1,000 badges."""
TOO_LONG = "is too long for one import: share it out over two, and do not choose “replace” then"
NOTHING_SENT = "choose a file, or paste its text"
BOTH_SENT = "choose a file or paste its text, not both"
NO_UTF8 = "is no UTF-8 text: in Excel, save it as “CSV UTF-8”"
LAPSED = (
    "what was looked at is not kept any more: 15 minutes are over, or another file was looked at. "
    "Choose it once more"
)
BOM = "\ufeff"  # Excel takes a file without it for one in the letters of its country

log = logging.getLogger("ivsd.web")


def add_file(
    pages: Blueprint,
    site: Site,
    show: Callable[..., AnyResponse],
    told_after: Callable[[ControlError], tuple[Told, int]],
) -> None:
    """Add import and export; `show` draws the page, `told_after` reads the table after a no."""
    looked_at = Typed(site.accounts.clock if site.accounts else time.monotonic)

    def refused(error: ControlError) -> AnyResponse:
        told, code = told_after(error)
        problems = [Problem(one.text, "file") for one in wrong_in(error)]
        return show(code, told, problems=problems, refusal=None if problems else error)

    @pages.post("/badges/import")
    def look() -> AnyResponse:
        """Say what an import would do."""
        replace = "yes" if request.form.get("replace") == "yes" else "no"
        told = site.ask("cards")
        try:
            text = sent_text()
        except ValueError as e:
            return show(422, told, problems=[Problem(str(e), "file")], replace=replace)
        try:
            found = ask(text, replace, told["revision"], dry="yes")
        except ControlError as e:
            return refused(e)
        held = ""
        if not found["lines"]:
            held = secrets.token_urlsafe(12)
            drop_at_log_out(looked_at)
            looked_at.keep(access.csrf_token(), (held, replace), text)
        code = 422 if found["lines"] else 200
        return show(code, told, found=found, held=held, replace=replace)

    @pages.post("/badges/import-now")
    def import_now() -> AnyResponse:
        """Import what was looked at; the table must still be as it was then."""
        held, replace = request.form.get("held", ""), request.form.get("replace", "")
        text = looked_at.find(access.csrf_token(), (held, replace))
        if text is None:
            return show(409, problems=[Problem(LAPSED, "file")])
        try:
            found = ask(text, replace, request.form.get("revision", ""), dry="no")
        except ControlError as e:
            return refused(e)
        if found["lines"]:
            return show(422, found=found, held="", replace=replace)
        looked_at.drop(access.csrf_token())
        log.info("badges imported by page")
        flash(f"Imported: {counted(found)}.", "done")
        return redirect("/badges", 303)

    def ask(text: str, replace: str, revision: str, *, dry: str) -> dict[str, Any]:
        return site.ask("import-cards", csv=text, replace=replace, revision=revision, dry=dry)

    @pages.post("/badges/export")
    def export() -> AnyResponse:
        if not access.confirm_password(request.form.get("password", "")):
            return show(403, problems=[Problem(access.password_problem(), "password")])
        try:
            text = str(site.ask("export-cards")["csv"])
        except ControlError as e:
            return refused(e)
        log.info("badges exported by page, to %s", address())
        reply = Response(BOM + text.removeprefix(BOM), mimetype="text/csv")
        reply.headers["Content-Disposition"] = f'attachment; filename="{file_name()}"'
        return reply


def sent_text() -> str:
    """Return what is to be imported; raises ValueError with what is wrong with it."""
    file = request.files.get("file")
    data = file.read() if file is not None else b""
    pasted = request.form.get("pasted", "")
    if data and pasted.strip():
        raise ValueError(BOTH_SENT)
    try:
        text = data.decode() if data else pasted
    except UnicodeDecodeError:
        raise ValueError(f"the file {NO_UTF8}") from None
    if not text.removeprefix(BOM).strip():
        raise ValueError("the file is empty" if file and file.filename else NOTHING_SENT)
    if len(json.dumps(text)) > LONGEST_IMPORT:
        raise ValueError(f"this {TOO_LONG}")
    return text


def counted(found: Told) -> str:
    """Say what an import does or would do."""
    return (
        f"{found['added']} added, {found['changed']} changed, {found['removed']} taken away, "
        f"{found['same']} as they were"
    )


def file_name() -> str:
    """Name an export by this box and by the day."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())
    return f"badges-{host}-{time.strftime('%Y-%m-%d')}.csv"

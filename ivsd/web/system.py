"""The system page: what runs here, since when, and the few things that can be done to the box."""

from __future__ import annotations

import datetime
import logging
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
)

from ivsd import __version__
from ivsd.appliance.control_client import ControlError
from ivsd.web.tls import ends as tls_ends

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from ivsd.web.site import Site

SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once it has the time from a server (systemd-timesyncd.service(8))."""
TOLD_BY_TIMESYNCD = SYNCHRONIZED.parent
SHORT_OF_SPACE = 0.05

log = logging.getLogger("ivsd.web")


@dataclass(frozen=True)
class Machine:
    """The box without its daemon."""

    name: str
    version: str
    up_s: float
    time: str
    time_is_right: bool | None
    """None where nobody says."""
    disk_free: int
    disk_total: int
    """Bytes."""

    @property
    def is_short_of_space(self) -> bool:
        return self.disk_free < SHORT_OF_SPACE * self.disk_total


def look() -> Machine:
    """Look at this machine."""
    disk = shutil.disk_usage("/")
    return Machine(
        name=socket.gethostname(),
        version=__version__,
        up_s=time.clock_gettime(time.CLOCK_BOOTTIME),
        time=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        time_is_right=SYNCHRONIZED.exists() if TOLD_BY_TIMESYNCD.is_dir() else None,
        disk_free=disk.free,
        disk_total=disk.total,
    )


def size(count: float) -> str:
    """Say how many bytes: 12.3 GB, as disks are sold."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def certificate_warning() -> str:
    """Say that the certificate of these pages ends soon; "" where it does not, or nobody knows."""
    ends = current_app.config.get("TLS_ENDS")
    return tls_ends.warning(ends, datetime.datetime.now(datetime.UTC).date()) if ends else ""


def pages(site: Site) -> Blueprint:
    """Build the page and its three forms."""
    blueprint = Blueprint("system", __name__)
    began = time.monotonic()

    @blueprint.get("/system")
    def system() -> Response:
        found = site.live.status()
        status = None if isinstance(found, ControlError) else found
        return make_response(
            render_template(
                "system.html",
                machine=look(),
                status=status,
                problem=str(found) if status is None else "",
                pages_up_s=time.monotonic() - began,
                size=size,
                can_act=site.demo is None,
                has_password=site.accounts is not None,
                certificate_warning=certificate_warning(),
            )
        )

    def act(op: str, done: str) -> AnyResponse:
        if site.demo is not None:
            abort(404)
        try:
            site.ask(op)
        except ControlError as e:
            flash(f"It was not done: {e}", "failed")
        else:
            flash(done, "done")
            log.info("asked for by page: %s", op)
        return redirect("/system", 303)

    @blueprint.post("/system/restart")
    def restart() -> AnyResponse:
        return act("restart", "ivsd is being started anew: it takes some seconds.")

    @blueprint.post("/system/factory-default")
    def factory_default() -> AnyResponse:
        if request.form.get("name", "").strip() != socket.gethostname():
            flash("Nothing was done: the name that was typed is not that of this box.", "failed")
            return redirect("/system#factory-default", 303)
        return act(
            "factory-default",
            "The factory state was asked for. If it can be restored, this box restarts in a moment "
            "and waits for its first set-up; if not, the panel says why.",
        )

    return blueprint

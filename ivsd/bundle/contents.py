"""The files of the bundle. Each is made by itself, and may fail without the others."""

from __future__ import annotations

import os
from collections.abc import Callable

from ivsd.bundle.box import Box, Missing
from ivsd.bundle.config_files import cards, check, ivsd_yaml, web_yaml
from ivsd.bundle.daemon import audit, journal, status
from ivsd.bundle.machine import devices, network, system, versions
from ivsd.bundle.self_test import self_test

FILES: dict[str, Callable[[Box], str]] = {
    "config/ivsd.yaml": ivsd_yaml,
    "config/web.yaml": web_yaml,
    "config/cards.txt": cards,
    "check.txt": check,
    "status.json": status,
    "journal.txt": journal,
    "self-test.txt": self_test,
    "versions.txt": versions,
    "devices.txt": devices,
    "network.txt": network,
    "system.txt": system,
    "audit.txt": audit,
}
"""In the order in which they are made: what comes last may find no time left."""


def made(make: Callable[[Box], str], box: Box) -> tuple[str, str]:
    """Make a file; return its text, and why it is missing, "" when it is there."""
    try:
        return make(box), ""
    except Missing as e:
        return "", str(e)
    except OSError as e:
        return "", f"{e.filename} ({e.strerror})"
    except Exception as e:  # noqa: BLE001  # a defect in one must not cost the others
        return "", f"a defect in ivsd itself: {type(e).__name__}{_where(e)}"


def _where(error: Exception) -> str:
    """Say where in ivsd it happened; the words of an error may be anything."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None:
        return ""
    return f" in {os.path.basename(at.tb_frame.f_code.co_filename)}, line {at.tb_lineno}"

"""The journal: one line per outcome, with fields that `journalctl` can filter by.

Under systemd, and with systemd-python installed, lines go to the journal with their fields;
otherwise to stderr. Every line passes one filter that takes tokens out (law 8): the libraries
below us may log a URL.
"""

from __future__ import annotations

import logging
import os
import re
import sys

from ivsd.events import Outcome, Result

log = logging.getLogger("ivsd")

_SECRETS = re.compile(
    r"""((?:access_token|card_?number|password)["']?\s*[=:]\s*)"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&"',}]+)""",
    re.IGNORECASE,
)


def scrub(text: str) -> str:
    """Take tokens, card numbers and passwords out of a text."""
    return _SECRETS.sub(r"\1…", text)


class _Scrubbed(logging.Filter):
    """Scrubs the line, its traceback and its fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), None
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        for name, value in vars(record).items():
            if name.startswith("IVSD_"):
                setattr(record, name, scrub(str(value)))
        return True


def set_up(level: int = logging.INFO) -> None:
    """Send the log where this machine wants it."""
    handler = _journal_handler() or _stderr_handler()
    handler.addFilter(_Scrubbed())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # What urllib3 has to say reaches us as a typed error; its debug lines hold whole URLs.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _journal_handler() -> logging.Handler | None:
    # Desktop terminals hand the variable down: it must mean our own stderr (systemd.exec(5)).
    stderr = os.fstat(2)
    if os.environ.get("JOURNAL_STREAM") != f"{stderr.st_dev}:{stderr.st_ino}":
        return None
    try:
        from systemd.journal import JournalHandler
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="ivsd")
    handler.setFormatter(logging.Formatter("%(message)s"))  # the level is a field of its own
    return handler


def _stderr_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


def write_outcome(outcome: Outcome) -> None:
    """Write how one input ended."""
    level = logging.WARNING if outcome.result is Result.FAILED else logging.INFO
    after_ms = (outcome.at - outcome.pressed_at) * 1000
    log.log(
        level,
        "%s (%s): %s: %s",
        outcome.source,
        outcome.action,
        outcome.result,
        outcome.reason,
        extra={
            "IVSD_CONTROL": outcome.source,
            "IVSD_ACTION": outcome.action,
            "IVSD_OUTCOME": outcome.result.value,
            "IVSD_REASON": outcome.reason,
            "IVSD_AFTER_MS": f"{after_ms:.0f}",
        },
    )

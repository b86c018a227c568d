"""The journal: one line per outcome, with fields that `journalctl` can filter by.

Under systemd, and with systemd-python installed, lines go to the journal with their fields;
otherwise to stderr. What people look for has a MESSAGE_ID, by which `journalctl -x` finds its
explanation in `systemd/ivsd.catalog`. Every line passes one filter that takes tokens out (law 8):
the libraries below us may log a URL.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings

from ivsd.events import About, Note, Outcome, Result

log = logging.getLogger("ivsd")

MESSAGE_IDS: dict[str, str] = {
    Result.DONE: "229e3a1d64e94510ac55b3a402f3f35a",
    Result.FAILED: "79c62f34f812476ca21de16091097337",
    Result.IGNORED: "3512b43918dc416690496a504ae2b132",
    About.LINK_LOST: "7d19844c6d8245cd9661226d4f5de5d3",
    About.LINK_BACK: "920631df651d40b2bdb448814120795f",
    About.DEVICE_LOST: "90ae97c5510a4296a810c2c7e90867d9",
    About.DEVICE_READY: "b87f1660930d4baeac28572adef0333a",
    "config": "56c5d1a7e1e440f0a084ecf00c8c121f",
    "stuck": "e0b9c6c7776444a8b61f52cbb517fab7",
    "factory_default": "dfea8c69c3d64b9e820566a2c6134d3b",
    "factory_default_refused": "be1e459e5f854dfeb71e5a4320c9a21d",
    "factory_default_given_up": "2c05601a55254681b7d792a118337c1f",
}
"""Kind of a line -> what sd-journal calls its message id; never changed once released."""

_SECRETS = re.compile(
    r"""((?:access_token|card_?number|password)["']?\s*[=:]\s*)"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&"',}]+)""",
    re.IGNORECASE,
)


def scrub(text: str) -> str:
    """Take tokens, card numbers and passwords out of a text."""
    return _SECRETS.sub(r"\1…", text)


class _Scrubbed(logging.Filter):
    """Scrubs the line, its traceback and its fields, and says which room it is about."""

    room = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if self.room:
            record.IVSD_ROOM = self.room
        record.msg, record.args = scrub(record.getMessage()), None
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        for name, value in vars(record).items():
            if name.startswith("IVSD_"):
                setattr(record, name, scrub(str(value)))
        return True


_filter = _Scrubbed()


def set_room(room: int | str) -> None:
    """Have every line from now on say that it is about this room, as the configuration has it."""
    _filter.room = str(room)


def set_up(level: int = logging.INFO) -> None:
    """Send the log where this machine wants it."""
    handler = _journal_handler() or _stderr_handler()
    handler.addFilter(_filter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # What urllib3 has to say reaches us as a typed error; its debug lines hold whole URLs.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # It warns at every connection while the clock is not set; we have a light for that.
    warnings.filterwarnings("ignore", message="System time is way off")


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
            "MESSAGE_ID": MESSAGE_IDS[outcome.result],
            "IVSD_CONTROL": outcome.source,
            "IVSD_ACTION": outcome.action,
            "IVSD_OUTCOME": outcome.result.value,
            "IVSD_REASON": outcome.reason,
            "IVSD_AFTER_MS": f"{after_ms:.0f}",
        },
    )


def write_note(note: Note) -> None:
    """Write a line that answers no press."""
    _write(logging.WARNING if note.problem else logging.INFO, note.text, note.about)


def write_problem(kind: str, text: str) -> None:
    """Write what is wrong with this box: one of the kinds of `MESSAGE_IDS` that are plain words."""
    _write(logging.ERROR, text, kind)


def write_factory_default(text: str) -> None:
    """Write that the factory state is being restored, or was."""
    _write(logging.WARNING, text, "factory_default")


def _write(level: int, text: str, kind: str) -> None:
    message_id = MESSAGE_IDS.get(kind)
    log.log(level, "%s", text, extra={"MESSAGE_ID": message_id} if message_id else None)

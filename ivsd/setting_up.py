"""Setting this box up from afar: what the set-up page asks of the daemon (decisions 5 and 18).

The daemon alone writes ivsd.yaml, and a password goes only one way, into the daemon's own folder.
All of it may take long (a file is checked, a server is tried), so none of it runs in the loop.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ivsd.appliance import durable
from ivsd.appliance.operations import Refused
from ivsd.config import ConfigError, Problem, password, trust
from ivsd.config.changes import changes, difference
from ivsd.config.edits import Merged, merge, text_of
from ivsd.config.password import CREDENTIAL
from ivsd.config.schema import Config, Valt
from ivsd.config.values import Values, Verbatim, values_in
from ivsd.valt.model import Secret
from ivsd.valt.probe import probe
from ivsd.valt.probing.findings import to_json

LONGEST_PASSWORD = 1000
EDITABLE = re.compile(
    r"valt\.(url|username|verify|timeout_s|poll_interval_s)|room|(recording|controls)\..+"
)
"""Keys that may be set from afar. Never `valt.password_file`: who names the file that is the
password, and the server that it is sent to, could have any file of this box sent anywhere."""

log = logging.getLogger("ivsd")

Edits = Mapping[str, str | None]
"""Dotted key -> the text of its field; None takes the key away."""


class SettingUp:
    """The file at `path` and the daemon's folder `state`; may be called from any thread.

    `may_write`: this is the box's service. `reload` has the loop read the file again.
    """

    def __init__(
        self, path: Path, state: Path, reload: Callable[[], None], *, may_write: bool
    ) -> None:
        self._path = path
        self._state = state
        self._reload = reload
        self._may_write = may_write
        self._saving = threading.Lock()

    def do(self, op: str, args: Mapping[str, Any]) -> dict[str, Any] | Refused:
        """Carry out one of its operations (`ivsd.appliance.operations`); never raises."""
        edits, typed = args.get("edits", {}), args.get("password")
        if not all(isinstance(text, str | None) for text in edits.values()):
            return Refused("bad_args", "edits are texts, or null to take a key away")
        if others := [key for key in edits if not EDITABLE.fullmatch(key)]:
            return Refused("bad_args", f"{', '.join(others)}: cannot be set from here")
        if typed is not None and not _can_be_a_password(typed):
            return Refused("bad_args", f"a password has 1 to {LONGEST_PASSWORD} characters")
        secret = Secret(typed) if typed is not None else None
        try:
            text = self._path.read_text(encoding="utf-8")
            values = values_in(text, self._path)
        except ConfigError as e:
            return Refused("wrong_file", "; ".join(map(str, e.problems)))
        except (OSError, UnicodeDecodeError) as e:
            why = e.strerror if isinstance(e, OSError) else "is no UTF-8 text"
            return Refused("wrong_file", f"{self._path}: {why}")
        match op:
            case "config":
                return self._config(text, values)
            case "preview":
                return self._preview(text, values, merge(values, edits, self._path))
            case "save":
                return self._save(text, values, edits, secret, args["revision"])
            case _:
                return self._test(values, merge(values, edits, self._path), secret)

    # -- reading ------------------------------------------------------------------------------

    def _config(self, text: str, values: Values) -> dict[str, Any]:
        return {
            "file": str(self._path),
            "values": _plain(_without_password(values)),
            "has_password": self._stored(values) is not None,
            "revision": _revision(text),
            "problems": _told(merge(values, {}, self._path).problems),
        }

    def _preview(self, text: str, values: Values, merged: Merged) -> dict[str, Any]:
        return {
            "problems": _told(merged.problems),
            "changes": [asdict(change) for change in changes(values, merged.values)],
            "diff": difference(text, merged.text),
            "needs_password": self._needs_password(values, merged.values),
        }

    def _stored(self, values: Values) -> Secret | None:
        """Return the password that this box has now."""
        valt = values.get("valt") or {}
        file = valt.get("password_file")
        kept = Valt(
            url="",
            username="",
            password=_in_file(values),
            password_file=Path(file) if file else None,
        )
        try:
            return password(Config(valt=kept, room=""), self._path, self._state)
        except ConfigError:
            return None

    def _needs_password(self, before: Values, after: Values) -> bool:
        """Whether it must be typed again: else a page could send the stored one anywhere."""
        return self._stored(before) is None or _place(before) != _place(after)

    # -- writing ------------------------------------------------------------------------------

    def _save(
        self, text: str, values: Values, edits: Edits, secret: Secret | None, revision: str
    ) -> dict[str, Any] | Refused:
        if not self._may_write:
            return Refused("not_here", "this ivsd was started by hand: it writes no configuration")
        if _revision(text) != revision:
            return Refused("changed", "the file has changed meanwhile: look at it once more")
        if secret is not None:
            if _credential():
                return Refused(
                    "not_here", f"the password is the systemd credential {CREDENTIAL}: set it there"
                )
            edits = {**edits, "valt.password_file": None}
        merged = merge(values, edits, self._path)
        if merged.problems:
            return Refused("wrong", "; ".join(f"{p.key}: {p.text}" for p in merged.problems))
        if secret is None and self._needs_password(values, merged.values):
            return Refused("password_needed", NEEDED)
        was_in_file = _in_file(values)
        with self._saving:
            try:
                if _revision(self._path.read_text(encoding="utf-8")) != revision:
                    return Refused("changed", "the file has changed meanwhile: look at it again")
                before = self._keep(secret or was_in_file)
                try:
                    mode = self._path.stat().st_mode & 0o777
                    # A backup of a file with a password would be one more place that has it.
                    backup = was_in_file is None
                    durable.write(self._path, merged.text.encode(), mode=mode, backup=backup)
                except OSError:  # else the new password would be sent to the old server
                    self._keep(before)
                    raise
            except OSError as e:
                return Refused("not_saved", f"{e.filename or self._path}: {e.strerror}")
        for change in changes(values, merged.values):
            log.info("set up: %s: %s -> %s", change.key, change.old, change.new)
        self._reload()
        return {"revision": _revision(merged.text)}

    def _keep(self, secret: Secret | None) -> Secret | None:
        """Keep a password, if it is one, and return the one that it replaces. Raises OSError."""
        kept = self._state / CREDENTIAL
        before = Secret(kept.read_text(encoding="utf-8")) if kept.is_file() else None
        if secret is not None:
            durable.write(kept, secret.reveal().encode(), mode=0o600)
        return before

    # -- trying -------------------------------------------------------------------------------

    def _test(
        self, values: Values, merged: Merged, secret: Secret | None
    ) -> dict[str, Any] | Refused:
        concerned = re.compile(r"(valt|room)(\..*)?")
        wrong = [problem for problem in merged.problems if concerned.fullmatch(problem.key)]
        if merged.values.get("room") is None:  # it may be asked what rooms there are
            wrong = [problem for problem in wrong if problem.key != "room"]
        if wrong:
            return Refused("wrong", "; ".join(f"{p.key}: {p.text}" for p in wrong))
        if secret is None and self._needs_password(values, merged.values):
            return Refused("password_needed", NEEDED)
        secret = secret or self._stored(values)
        after, section = merged.values, merged.values.get("valt") or {}
        valt = Valt(
            url=text_of(after, "valt.url"),
            username=text_of(after, "valt.username"),
            verify=section.get("verify", True),
            timeout_s=float(text_of(after, "valt.timeout_s")),
        )
        found = probe(
            valt.url,
            valt.username,
            secret,
            after.get("room") or None,
            verify=trust(valt, self._path),
            timeout_s=valt.timeout_s,
            wall=time.time,
        )
        return {"findings": [to_json(finding) for finding in found]}


NEEDED = "type the password: it is not known here, or was stored for another server or certificate"


def _place(values: Values) -> tuple[object, ...]:
    """Tell where a password is sent to, and who is trusted there (decision 18)."""
    valt = values.get("valt") or {}
    parts = urlsplit(str(valt.get("url", "")))
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, parts.hostname, port, str(valt.get("verify", True))


def _can_be_a_password(text: str) -> bool:
    try:
        return 0 < len(text) <= LONGEST_PASSWORD and bool(text.encode())
    except UnicodeEncodeError:  # half a character
        return False


def _plain(value: Any) -> Any:
    """Return it as JSON has it: what is wrong in the file is a text."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.text if isinstance(value, Verbatim) else value


def _in_file(values: Values) -> Secret | None:
    found = (values.get("valt") or {}).get("password")
    return found if isinstance(found, Secret) else None


def _credential() -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and (Path(folder or "") / CREDENTIAL).is_file()


def _without_password(values: Values) -> Values:
    valt = {key: value for key, value in (values.get("valt") or {}).items() if key != "password"}
    return {**values, **({"valt": valt} if "valt" in values else {})}


def _revision(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _told(problems: list[Problem]) -> list[dict[str, str]]:
    return [{"key": problem.key, "text": problem.text} for problem in problems]

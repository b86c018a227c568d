"""Setting this box up from afar: what the set-up page asks of the daemon (decisions 5 and 18).

The daemon alone writes ivsd.yaml, and a password goes only one way, into the daemon's own folder.
All of it may take long (a file is checked, a server is tried), so none of it runs in the loop.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ivsd.appliance.operations import Refused
from ivsd.config import ConfigError, password, trust
from ivsd.config.edits import Merged, merge, text_of
from ivsd.config.password import CREDENTIAL
from ivsd.config.schema import Config, Valt
from ivsd.config.values import Values, Verbatim
from ivsd.set_up.config_file import (
    ConfigFile,
    FileRefused,
    Text,
    in_words,
    password_in,
    told,
    would_change,
)
from ivsd.valt.model import Secret
from ivsd.valt.probe import probe
from ivsd.valt.probing.findings import to_json

LONGEST_PASSWORD = 1000
EDITABLE = re.compile(
    r"valt\.(url|username|verify|timeout_s|poll_interval_s)|room|(recording|controls)\..+"
)
"""Keys that may be set from afar. Never `valt.password_file`: who names the file that is the
password, and the server that it is sent to, could have any file of this box sent anywhere."""

Edits = Mapping[str, str | None]
"""Dotted key -> the text of its field; None takes the key away."""


class SettingUp:
    """The file at `path` and the daemon's folder `state`; may be called from any thread.

    `may_write`: this is the box's service. `reload` has the loop read the file again.
    """

    def __init__(
        self, path: Path, state: Path, reload: Callable[[], None], *, may_write: bool
    ) -> None:
        self.file = ConfigFile(path, state, reload, may_write=may_write)
        self._path = path

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
            was = self.file.read()
            match op:
                case "config":
                    return self._config(was)
                case "preview":
                    return self._preview(was, merge(was.values, edits, self._path))
                case "save":
                    return self._save(was, edits, secret, args["revision"])
                case _:
                    return self._test(was.values, merge(was.values, edits, self._path), secret)
        except FileRefused as e:
            return e.refused

    # -- reading ------------------------------------------------------------------------------

    def _config(self, was: Text) -> dict[str, Any]:
        return {
            "file": str(self._path),
            "values": _plain(_without_password(was.values)),
            "has_password": self._stored(was.values) is not None,
            "revision": was.revision,
            "problems": told(merge(was.values, {}, self._path).problems),
        }

    def _preview(self, was: Text, merged: Merged) -> dict[str, Any]:
        return {
            "problems": told(merged.problems),
            **would_change(was, merged),
            "needs_password": self._needs_password(was.values, merged.values),
        }

    def _stored(self, values: Values) -> Secret | None:
        """Return the password that this box has now."""
        valt = values.get("valt") or {}
        file = valt.get("password_file")
        kept = Valt(
            url="",
            username="",
            password=password_in(values),
            password_file=Path(file) if file else None,
        )
        try:
            return password(Config(valt=kept, room=""), self._path, self.file.state)
        except ConfigError:
            return None

    def _needs_password(self, before: Values, after: Values) -> bool:
        """Whether it must be typed again: else a page could send the stored one anywhere."""
        return self._stored(before) is None or _place(before) != _place(after)

    # -- writing ------------------------------------------------------------------------------

    def _save(
        self, was: Text, edits: Edits, secret: Secret | None, revision: str
    ) -> dict[str, Any] | Refused:
        self.file.may_be_written(was, revision)
        if secret is not None:
            if _credential():
                return Refused(
                    "not_here", f"the password is the systemd credential {CREDENTIAL}: set it there"
                )
            edits = {**edits, "valt.password_file": None}
        merged = merge(was.values, edits, self._path)
        if merged.problems:
            return Refused("wrong", in_words(merged.problems))
        if secret is None and self._needs_password(was.values, merged.values):
            return Refused("password_needed", NEEDED)
        return {"revision": self.file.write(was, merged, secret)}

    # -- trying -------------------------------------------------------------------------------

    def _test(
        self, values: Values, merged: Merged, secret: Secret | None
    ) -> dict[str, Any] | Refused:
        concerned = re.compile(r"(valt|room)(\..*)?")
        wrong = [problem for problem in merged.problems if concerned.fullmatch(problem.key)]
        if merged.values.get("room") is None:  # it may be asked what rooms there are
            wrong = [problem for problem in wrong if problem.key != "room"]
        if wrong:
            return Refused("wrong", in_words(wrong))
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


def _credential() -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and (Path(folder or "") / CREDENTIAL).is_file()


def _without_password(values: Values) -> Values:
    valt = {key: value for key, value in (values.get("valt") or {}).items() if key != "password"}
    return {**values, **({"valt": valt} if "valt" in values else {})}

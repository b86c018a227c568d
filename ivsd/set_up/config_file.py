"""ivsd.yaml as the daemon reads and writes it for others (decision 5): it alone writes the file.

What may be changed is for `ivsd.set_up.fields` and `ivsd.set_up.wiring` to say.

A password belongs to the server that the file names, and two files cannot be written at once. So
a new password waits beside the old one, under the revision of the file that it is for, until that
file is there. Wherever the power is cut, the next start gives it its place or drops it: neither
does the old server get the new password, nor the new server the old one (decision 18).
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ivsd.appliance import durable
from ivsd.appliance.operations import Refused
from ivsd.config import ConfigError, Problem
from ivsd.config.changes import changes, difference
from ivsd.config.edits import Merged
from ivsd.config.password import CREDENTIAL
from ivsd.config.values import Values, values_in
from ivsd.valt.model import Secret

_WAITING = re.compile(rf"\.?{CREDENTIAL}\.[0-9a-f]{{64}}(\.new)?")
"""A password that waits for its file, whole or half written (`durable.write`)."""

log = logging.getLogger("ivsd")


class FileRefused(Exception):
    """The file cannot be read or written now; `refused` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.refused = Refused(code, text)


@dataclass(frozen=True)
class Text:
    """The file as it was read."""

    text: str
    values: Values

    @property
    def revision(self) -> str:
        """Tells this text from any other one."""
        return _revision(self.text)


class ConfigFile:
    """The file at `path` and the daemon's folder `state`; may be called from any thread.

    `may_write`: this is the box's service. `reload` has the loop read the file again.
    """

    def __init__(
        self, path: Path, state: Path, reload: Callable[[], None], *, may_write: bool
    ) -> None:
        self.path = path
        self.state = state
        self._reload = reload
        self._may_write = may_write
        self._saving = threading.Lock()
        if may_write:
            try:
                self._settle()  # what a power cut has interrupted
            except OSError as e:
                log.warning("%s: %s", e.filename or state, e.strerror)

    def read(self) -> Text:
        """Read it; raises FileRefused where it could not be kept whole."""
        try:
            text = self.path.read_text(encoding="utf-8")
            return Text(text, values_in(text, self.path))
        except ConfigError as e:
            raise FileRefused("wrong_file", "; ".join(map(str, e.problems))) from None
        except (OSError, UnicodeDecodeError) as e:
            why = e.strerror if isinstance(e, OSError) else "is no UTF-8 text"
            raise FileRefused("wrong_file", f"{self.path}: {why}") from None

    def may_be_written(self, was: Text, revision: str) -> None:
        """Raise FileRefused if it may not, or is not the one that somebody has looked at."""
        if not self._may_write:
            text = "this ivsd was started by hand: it writes no configuration"
            raise FileRefused("not_here", text)
        self.is_of(was, revision)

    @staticmethod
    def is_of(was: Text, revision: str) -> None:
        """Raise FileRefused if it is not the file that somebody has looked at."""
        if was.revision != revision:
            text = "the file has changed meanwhile: look at it once more"
            raise FileRefused("changed", text)

    def write(self, was: Text, merged: Merged, secret: Secret | None = None) -> str:
        """Write it in place of what it was, and a password into a place of its own.

        Return the new revision; raises FileRefused.
        """
        was_in_file, revision = password_in(was.values), _revision(merged.text)
        new = secret or was_in_file
        with self._saving:
            try:
                self.is_of(self.read(), was.revision)
                try:
                    if new is not None:
                        waiting = self.state / f"{CREDENTIAL}.{revision}"
                        durable.write(waiting, new.reveal().encode(), mode=0o600)
                    if merged.text != was.text:
                        mode = self.path.stat().st_mode & 0o777
                        # A backup of a file with a password would be one more place that has it.
                        backup = was_in_file is None
                        durable.write(self.path, merged.text.encode(), mode=mode, backup=backup)
                finally:
                    if new is not None:
                        self._settle()
            except OSError as e:
                raise FileRefused("not_saved", f"{e.filename or self.path}: {e.strerror}") from None
        for change in changes(was.values, merged.values):
            log.info("set up: %s: %s -> %s", change.key, change.old, change.new)
        self._reload()
        return revision

    def _settle(self) -> None:
        """Give the password that waits its place, if its file is there; else drop it.

        Raises OSError.
        """
        folder = os.open(self.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            waiting = [name for name in os.listdir(folder) if _WAITING.fullmatch(name)]
            if not waiting:
                return
            data = self.path.read_bytes() if self.path.exists() else b""
            its_own = f"{CREDENTIAL}.{hashlib.sha256(data).hexdigest()}"
            for name in waiting:
                if name == its_own:
                    durable.files.rename(folder, name, folder, CREDENTIAL)
                else:
                    durable.drop(folder, name)
            durable.files.sync(folder)
        finally:
            os.close(folder)


def would_change(was: Text, merged: Merged) -> dict[str, Any]:
    """Tell key by key and line by line what a save changes."""
    return {
        "changes": [asdict(change) for change in changes(was.values, merged.values)],
        "diff": difference(was.text, merged.text),
    }


def told(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Return problems as JSON has them."""
    return [{"key": problem.key, "text": problem.text} for problem in problems]


def in_words(problems: Iterable[Problem]) -> str:
    """Return problems as one text."""
    return "; ".join(f"{problem.key}: {problem.text}" for problem in problems)


def password_in(values: Values) -> Secret | None:
    """Return the password that stands in the file, where it should not."""
    found = (values.get("valt") or {}).get("password")
    return found if isinstance(found, Secret) else None


def _revision(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""The one password of the pages: how it is kept, and how it is compared.

In the folder (`/var/lib/ivsd-web`, which a factory default empties), each for its owner only:
- `admin.json`: a scrypt hash, and an `epoch` that is new with each password: sessions name it,
  and so end with their password.
- `session-key`: what cookies are signed with.
- `ended.json`: who has logged out, see `ended`.
- `setup-code`: only while there is no password, see `setup_code`.

What is there but cannot be read is never taken for "no password": nobody is let in, and the page
and the journal say so.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from ivsd.web.access import kept
from ivsd.web.access.backoff import Backoff
from ivsd.web.access.setup_code import SetupCode

SHORTEST, LONGEST = 10, 200  # characters of a password
# OWASP's choice for 16 MiB: two at once fit the service's MemoryMax=, with werkzeug's own they
# would take 64 MiB.
METHOD = "scrypt:16384:8:5"
AT_ONCE = 2

log = logging.getLogger("ivsd.web")


class AlreadySet(Exception):
    """There is a first password already: somebody else was faster."""


@dataclass(frozen=True)
class _Stored:
    hash: str
    epoch: str


@dataclass(frozen=True)
class _Broken:
    """The file is there and cannot be read; the sentence says which, why, and what heals it."""

    problem: str


class Accounts:
    """Keeps the password in a folder; thread-safe. To make one never raises.

    `clock` is monotonic; `wall` is looked at once, so that a session goes on when this service is
    started anew, and no other jump of the time of day ends or prolongs it.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self.folder = folder
        self.session_key = kept.session_key(folder / "session-key")
        self._began = wall() - clock()
        self._path = folder / "admin.json"
        self._setting = threading.Lock()
        # Threads of their own, not any of the pages': the C library keeps 16 MiB for each thread
        # that ever made a hash. It would be 512 MiB for 32 visitors.
        self._hashing = ThreadPoolExecutor(AT_ONCE, "ivsd-hash")
        self._tries = Backoff(clock)
        self._told = ""
        self.code = SetupCode(folder / "setup-code", clock, lambda: not self.has_password)
        self.code.prepare()

    def now(self) -> float:
        """Return the seconds by which the age of a session is counted."""
        return self._began + self.clock()

    @property
    def has_password(self) -> bool:
        """Whether one was set; True as well where that cannot be read."""
        return self._look() is not None

    @property
    def problem(self) -> str:
        """Say why nobody can log in, "" where one can."""
        found = self._look()
        return found.problem if isinstance(found, _Broken) else ""

    @property
    def epoch(self) -> str | None:
        """Return that of the password of now; None without one, or where it cannot be read."""
        found = self._look()
        return found.epoch if isinstance(found, _Stored) else None

    # -- setting it -------------------------------------------------------------------------------

    def set_password(self, text: str) -> str:
        """Replace the password and return its epoch: all sessions end.

        Raises ValueError (a sentence about the text) or OSError, and then nothing has changed.
        """
        return self._set(text, only_first=False)

    def set_first_password(self, text: str) -> str:
        """Do the same where there is none yet, else raise AlreadySet."""
        return self._set(text, only_first=True)

    def _set(self, text: str, *, only_first: bool) -> str:
        text = _normal(text)
        if len(text) < SHORTEST:
            raise ValueError(f"The password needs at least {SHORTEST} characters.")
        made = self._hashing.submit(generate_password_hash, text, METHOD).result()
        stored = _Stored(made, secrets.token_hex(16))
        with self._setting:
            if only_first and self.has_password:
                raise AlreadySet
            kept.write(self._path, json.dumps(asdict(stored)))
        self.code.prepare()  # there is none from now on
        log.info("the password of the pages was set")
        return stored.epoch

    # -- comparing it -----------------------------------------------------------------------------

    def verify(self, text: str, address: str = "") -> bool:
        """Whether it is the password; never while the address has to wait."""
        return self.opened(text, address) is not None

    def opened(self, text: str, address: str = "") -> str | None:
        """Return the epoch of which it is the password, or None."""
        if not self._tries.begin(address):
            return None
        found = self._look()
        if isinstance(found, _Stored) and self._is_of(found, text):
            self._tries.right(address)
            return found.epoch
        if self._tries.worth_a_line(address):
            log.warning("a wrong password from %s", address or "nowhere")
        return None

    def _is_of(self, stored: _Stored, text: str) -> bool:
        try:
            text = _normal(text)
        except ValueError:
            return False
        return self._hashing.submit(check_password_hash, stored.hash, text).result()

    def wait_s(self, address: str) -> float:
        """Tell how long no password from there is looked at; 0.0 if it is."""
        return self._tries.wait_s(address)

    # -- its file ---------------------------------------------------------------------------------

    def _look(self) -> _Stored | _Broken | None:
        """Read it at each look: a factory default removes it. None: there is no password."""
        try:
            found = _parsed(kept.read(self._path))
        except FileNotFoundError:
            self._told = ""
            return None
        except (OSError, ValueError) as e:
            return self._broken(str(e.strerror if isinstance(e, OSError) else e))
        self._told = ""
        return found

    def _broken(self, reason: str) -> _Broken:
        problem = (
            f"The file of the password, {self._path}, cannot be read ({reason}): nobody can log "
            "in. Remove it as root, or hold the factory default; then set a new password."
        )
        if problem != self._told:
            log.error("%s", problem)
        self._told = problem
        return _Broken(problem)


def _parsed(data: bytes) -> _Stored:
    """Raises ValueError, for whatever this module has not written."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    match found:
        case {"hash": str(hashed), "epoch": str(epoch), **rest} if not rest and epoch:
            # Other numbers than ours could ask for any time and memory.
            if re.fullmatch(re.escape(METHOD) + r"\$[A-Za-z0-9]+\$[0-9a-f]{128}", hashed):
                return _Stored(hashed, epoch)
    raise ValueError("it has no password in it")


def _normal(text: str) -> str:
    """Return the same text for the same keys, whichever keyboard; raises ValueError."""
    if len(text) > LONGEST:
        raise ValueError(f"The password has more than {LONGEST} characters.")
    # A NUL at the end would be nothing to scrypt (HMAC fills its key up with them); half a
    # surrogate pair cannot be written as bytes.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("The password has a character in it that nobody can type.")
    return unicodedata.normalize("NFKC", text)

"""Where everything lies, below a root that is `/` but in tests, and what root keeps in there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONFIG = "/etc/ivsd"
STATE = "/var/lib/ivsd"
WEB_STATE = "/var/lib/ivsd-web"

WORK = "/var/lib/ivsd-factory"
"""Root's own folder (0700): templates, staged files, the commit mark, the audit, the reserve."""

TEMPLATES = f"{WORK}/templates"
STAGING = f"{WORK}/staging"

MARK = "commit"
"""Its presence is the order to finish; ivsd-factory-resume.service looks for it."""

GIVEN_UP = "commit.given-up"
ATTEMPTS = "attempts"
AUDIT = "audit.log"
RESERVE = "reserve"
ASIDE = "aside-"

UNDELIVERED = "undelivered.txt"
DROPPED = "dropped.txt"
"""Names of what was lost; each restore has both in its folder of what was set aside."""

CREDENTIAL = "valt-password"
"""As in `ivsd.config.password`, which root's program has no other use for; a test compares them."""

CREDENTIAL_STORES = ("/etc/credstore", "/etc/credstore.encrypted")
"""Where systemd looks for credentials (systemd.exec(5), LoadCredential=)."""

DROP_INS = "/etc/systemd/system/ivsd.service.d"

OUTBOX = "outbox.sqlite3"
"""As in `ivsd.valt.outbox`, which root's program has no other use for; a test compares them."""


@dataclass(frozen=True)
class Places:
    """The disk that is worked on."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """Return where a path of the box is."""
        return self.root / path.lstrip("/")

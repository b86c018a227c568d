"""When the certificate of a site ends.

The box does not make that one anew, and a browser that finds it ended lets nobody through.
"""

from __future__ import annotations

import datetime
import ssl
import subprocess

SOON = datetime.timedelta(days=30)
WITHIN_S = 10.0


def end_of(pem: str) -> datetime.date | None:
    """Return the last day of the first certificate in a text, as `openssl` tells it.

    None where that cannot be told: the pages are served all the same.
    """
    try:
        made = subprocess.run(
            ["openssl", "x509", "-noout", "-enddate"],  # noqa: S607 - of the service's PATH
            input=pem.encode("latin-1"),
            capture_output=True,
            check=True,
            timeout=WITHIN_S,
        )
        said = made.stdout.decode("ascii").strip().removeprefix("notAfter=")
        at = datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(said), datetime.UTC)
    except (OSError, subprocess.SubprocessError, ValueError, OverflowError):
        return None
    return at.date()


def warning(end: datetime.date, today: datetime.date) -> str:
    """Say that it ends soon, or has; "" where there is time."""
    left = end - today
    if left >= SOON:
        return ""
    if left < datetime.timedelta(0):
        return f"it has ended, on {end}"
    return f"it ends in {left.days} day{'' if left.days == 1 else 's'}"

"""The diagnostics bundle: one archive that a technician sends to support, without a secret in it.

`ivsd bundle` makes it on the box (`bundle`), the daemon's child for the pages (`__main__`). Nothing
in it is believed to be free of secrets: all of it passes `redact` (law 8).
"""

from ivsd.bundle.command import bundle
from ivsd.bundle.packing import Archive, archive

__all__ = ["Archive", "archive", "bundle"]

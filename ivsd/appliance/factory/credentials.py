"""The password that systemd brings: it wins over one that is typed later, so it goes, too.

A credential lies in /etc/credstore or /etc/credstore.encrypted, and a drop-in of ivsd.service
loads it. The drop-in goes with it: where it names a file that is not there, systemd does not start
ivsd at all (LoadCredential= with a whole path), and it may hold the password itself
(SetCredential=).
"""

from __future__ import annotations

import logging
import os

from ivsd.appliance import durable
from ivsd.appliance.factory import aside, folders
from ivsd.appliance.factory.places import CREDENTIAL, CREDENTIAL_STORES, DROP_INS, Places
from ivsd.appliance.factory.work_folder import why

log = logging.getLogger("ivsd")

_MOST_BYTES = 1 << 20


def drop(places: Places, name: str) -> None:
    """Drop the credential and the drop-ins that name it, and say so in the folder `name`.

    What cannot be dropped fails no restore: the journal says so, and the audit names drop-ins.
    """
    for path in (*CREDENTIAL_STORES, DROP_INS):
        try:
            with folders.folder_at(places.root, path) as folder:
                _drop_in(places, path, folder, name)
        except FileNotFoundError:
            continue
        except OSError as e:
            log.error("a password that systemd brings may still be in %s: %s", path, why(e))


def drop_ins_left(places: Places) -> list[str]:
    """Return the names of the drop-ins of ivsd.service that are there."""
    try:
        with folders.folder_at(places.root, DROP_INS) as folder:
            return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as e:
        return [why(e)]


def _drop_in(places: Places, path: str, folder: int, aside_name: str) -> None:
    if path == DROP_INS:
        names = [name for name in sorted(os.listdir(folder)) if _names_it(folder, name)]
    else:
        names = [CREDENTIAL] if folders.is_there(folder, CREDENTIAL) else []
    lines = [f"{path}/{name} is dropped: a password that systemd brings" for name in names]
    for line in lines:
        log.warning("%a", line)
    aside.note_dropped(places, aside_name, [ascii(line)[1:-1] for line in lines])
    for name in names:
        folders.remove(folder, name)
    durable.files.sync(folder)


def _names_it(folder: int, name: str) -> bool:
    try:
        return CREDENTIAL.encode() in durable.read_in(folder, name, most=_MOST_BYTES)
    except OSError:
        return False  # no file: it stays, and the audit names it

"""The installation: root's own copy of the templates, with checksums, and the reserve."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ivsd.appliance import durable
from ivsd.appliance.factory import folders, manifest, work_folder
from ivsd.appliance.factory.machine import Machine
from ivsd.appliance.factory.places import TEMPLATES, WORK, Places
from ivsd.appliance.factory.work_folder import Refused

_NEW, _OLD = "templates.new", "templates.old"


def install(places: Places, machine: Machine, source: Path) -> None:
    """Copy the templates of `source`; an upgrade replaces them only when all are right.

    Raises ConfigError, Refused and OSError; the templates from before are kept then.
    """
    made = folders.open_folder(places.root, WORK, make=True)
    try:
        os.fchmod(made, 0o700)
    finally:
        os.close(made)
    with work_folder.alone(places), folders.folder_at(places.root, WORK) as work:
        if work_folder.is_committed(places):
            raise Refused("a restore waits to be finished: start this box anew first")
        if folders.is_there(work, _NEW):
            folders.remove(work, _NEW)
        _copy(places, source)
        manifest.load(places.at(f"{WORK}/{_NEW}"), places.root, machine.owners)
        if folders.is_there(work, _OLD):
            folders.remove(work, _OLD)
        name = Path(TEMPLATES).name
        if folders.is_there(work, name):
            durable.files.rename(work, name, work, _OLD)
        durable.files.rename(work, _NEW, work, name)
        durable.files.sync(work)
        if folders.is_there(work, _OLD):
            folders.remove(work, _OLD)
        work_folder.make_reserve(places)


def _copy(places: Places, source: Path) -> None:
    sums = []
    with folders.folder_at(places.root, f"{WORK}/{_NEW}", make=True) as new:
        for path in sorted(source.iterdir()):
            if path.name.startswith(".") or not path.is_file():
                continue
            data = path.read_bytes()
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {path.name}\n")
            durable.write_in(new, path.name, data, mode=0o600)
        durable.write_in(new, manifest.SUMS, "".join(sums).encode(), mode=0o600)

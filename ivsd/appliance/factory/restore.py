"""The restore itself: prepare and commit, then finish.

`prepare` raises `Refused` and leaves the old state whole. After it returned there is only
forwards: `finish` may be cut off anywhere and done again from its beginning, by `resume`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets

from ivsd.appliance import durable
from ivsd.appliance.factory import (
    aside,
    audit,
    credentials,
    folders,
    manifest,
    mark,
    undelivered,
    work_folder,
)
from ivsd.appliance.factory.machine import Machine
from ivsd.appliance.factory.mark import Mark, Staged
from ivsd.appliance.factory.places import (
    ASIDE,
    ATTEMPTS,
    CONFIG,
    MARK,
    RESERVE,
    STAGING,
    STATE,
    TEMPLATES,
    UNDELIVERED,
    WEB_STATE,
    WORK,
    Places,
)
from ivsd.appliance.factory.work_folder import Refused, why
from ivsd.config.problems import ConfigError


def prepare(places: Places, machine: Machine, asked_by: str) -> Mark:
    """Check and stage everything, and commit; raises Refused, and then nothing was changed."""
    try:
        files = manifest.load(places.at(TEMPLATES), places.root, machine.owners)
        _look_at_targets(places, files)
    except ConfigError as e:
        problems = "; ".join(str(problem) for problem in e.problems)
        raise Refused(f"the templates of the factory state are not right: {problems}") from e
    except OSError as e:
        raise Refused(f"the factory state has no place: {why(e)}") from e
    try:
        return _commit(places, files, asked_by)
    except OSError as e:
        withdraw(places)
        raise Refused(f"the restore could not be prepared: {why(e)}") from e


def finish(places: Places, machine: Machine, decided: Mark) -> None:
    """Bring the committed restore to its end, but the reboot. Raises OSError."""
    aside.keep_undelivered(places, decided.aside)
    credentials.drop(places, decided.aside)
    aside.clear_config(places, decided.aside, [file.target for file in decided.files])
    for path in (STATE, WEB_STATE):
        with contextlib.suppress(FileNotFoundError), folders.folder_at(places.root, path) as folder:
            folders.empty(folder)
    for file in decided.files:
        _put(places, file)
    machine.enable_services()
    machine.do(decided.afterwards)
    audit.write(places, decided, machine.wall_s(), "factory default")
    machine.sync()
    # Before the mark goes: after it nobody would come back for the reserve.
    work_folder.make_reserve(places)
    with folders.folder_at(places.root, WORK) as work:
        durable.drop(work, ATTEMPTS)
        durable.drop(work, MARK)
        durable.files.sync(work)
    with contextlib.suppress(OSError):  # the next restore does it, too
        _clear_staging(places)
        aside.drop_oldest(places)


def _look_at_targets(places: Places, files: list[manifest.Restored]) -> None:
    """See now whether everything can be reached without a link on the way. Raises OSError."""
    for path in (CONFIG, STATE, WEB_STATE):
        with contextlib.suppress(FileNotFoundError), folders.folder_at(places.root, path):
            pass
    for file in files:
        path, name = os.path.split(file.target)
        try:
            with folders.folder_at(places.root, path) as folder:
                in_the_way = folders.is_there(folder, name) and folders.is_folder(folder, name)
        except FileNotFoundError:
            continue  # it is made
        # In /etc/ivsd whatever is in the way is set aside.
        if in_the_way and path != CONFIG:
            raise OSError(errno.EISDIR, "it is a folder", file.target)


def _commit(places: Places, files: list[manifest.Restored], asked_by: str) -> Mark:
    with folders.folder_at(places.root, WORK) as work:
        durable.drop(work, RESERVE)
        durable.drop(work, ATTEMPTS)
        durable.files.sync(work)
        _clear_staging(places)
        with folders.folder_at(places.root, STAGING, make=True) as staging:
            staged = [_stage(staging, number, file) for number, file in enumerate(files)]
            lost = undelivered.report(places)
            if lost.lines:
                text = "".join(f"{line}\n" for line in lost.lines)
                durable.write_in(staging, UNDELIVERED, text.encode(), mode=0o600)
        last = max(aside.aside_numbers(os.listdir(work)), default=0)
        decided = Mark(
            id=secrets.token_hex(4),
            asked_by=asked_by,
            undelivered=lost.count,
            aside=f"{ASIDE}{last + 1}",
            files=tuple(staged),
            afterwards=tuple(sorted({str(file.afterwards) for file in files if file.afterwards})),
        )
        durable.write_in(work, MARK, mark.encode(decided), mode=0o600)
    return decided


def _stage(staging: int, number: int, file: manifest.Restored) -> Staged:
    name = str(number)
    durable.write_in(staging, name, file.data, mode=0o600)
    uid, gid = file.owner
    return Staged(name, file.template, file.target, uid, gid, file.mode, file.sha256)


def _put(places: Places, file: Staged) -> None:
    """Write one file of the factory state in its place.

    Written there and not moved: the sandbox makes /etc and the staging folder two mounts, and
    what is staged stays whole for another try.
    """
    path, name = os.path.split(file.target)
    data = _staged_data(places, file)
    with folders.folder_at(places.root, path, make=True) as folder:
        durable.write_in(folder, name, data, mode=file.mode, owner=(file.uid, file.gid))


def _staged_data(places: Places, file: Staged) -> bytes:
    for path, name in ((STAGING, file.name), (TEMPLATES, file.template)):
        with contextlib.suppress(OSError), folders.folder_at(places.root, path) as folder:
            data = durable.read_in(folder, name, most=manifest.MOST_BYTES)
            if hashlib.sha256(data).hexdigest() == file.sha256:
                return data
    raise OSError(errno.EIO, "it is staged no more as it was committed", file.target)


def withdraw(places: Places) -> None:
    """Take back what was staged and not committed; the old state was not touched."""
    with contextlib.suppress(OSError), folders.folder_at(places.root, WORK) as work:
        durable.drop(work, MARK)
        durable.files.sync(work)
    with contextlib.suppress(OSError):
        _clear_staging(places)
    work_folder.make_reserve(places)


def _clear_staging(places: Places) -> None:
    with (
        contextlib.suppress(FileNotFoundError),
        folders.folder_at(places.root, STAGING) as staging,
    ):
        folders.empty(staging)

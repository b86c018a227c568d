"""What was committed and not finished: at the next start of the box, or of root's service."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass

from ivsd.appliance import durable, journal
from ivsd.appliance.factory import audit, folders, mark, restore
from ivsd.appliance.factory.machine import Machine
from ivsd.appliance.factory.mark import Mark, TornMark
from ivsd.appliance.factory.places import ATTEMPTS, GIVEN_UP, MARK, WORK, Places
from ivsd.appliance.factory.work_folder import why

log = logging.getLogger("ivsd")

MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Resumed:
    """What has become of it."""

    reboots: bool
    """The box restarts. Where not, ivsd is to be started as the box is."""
    error: str | None = None
    """A sentence for who asks meanwhile, where the factory state is not restored."""


def resume(places: Places, machine: Machine) -> Resumed:
    """Finish what was interrupted, and reboot: network and name were read before.

    A restore that fails here is tried again at the next boot, at once; the third time it is
    given up, so that the box at least runs.
    """
    try:
        with folders.folder_at(places.root, WORK) as work:
            decided = mark.decode(durable.read_in(work, MARK, most=mark.MOST_BYTES))
    except (FileNotFoundError, TornMark) as e:
        if isinstance(e, TornMark):
            log.error("the factory default was never committed: the old state stays")
        restore.withdraw(places)
        return Resumed(False, "an earlier restore was cut off before it began: ask once more")
    except OSError as e:
        return _give_up_unknown(places, machine, why(e))
    try:
        restore.finish(places, machine, decided)
    except Exception as e:
        log.exception("the factory default cannot be finished: %s", why(e))
        return _count_failure(places, machine, decided)
    journal.write_factory_default("the interrupted factory default is finished")
    machine.reboot()
    return Resumed(True)


def _count_failure(places: Places, machine: Machine, decided: Mark) -> Resumed:
    try:
        with folders.folder_at(places.root, WORK) as work:
            failed = _failures(work) + 1
            if failed < MOST_ATTEMPTS:
                durable.write_in(work, ATTEMPTS, str(failed).encode(), mode=0o600)
    except OSError as e:
        # Not tried again: without a count every start would wipe what was set up since, for ever.
        return _give_up(places, machine, decided, f"a failure cannot be noted: {why(e)}")
    if failed >= MOST_ATTEMPTS:
        return _give_up(places, machine, decided, f"{failed} attempts have failed")
    machine.reboot()
    return Resumed(True, "the restore has failed, and is tried again after a restart")


def _give_up(places: Places, machine: Machine, decided: Mark, reason: str) -> Resumed:
    audit.write(places, decided, machine.wall_s(), "factory default given up, half done")
    return _put_mark_aside(places, f"the factory default is given up, half done: {reason}")


def _give_up_unknown(places: Places, machine: Machine, reason: str) -> Resumed:
    text = (
        "factory default given up, and it is unknown how much of it is done: the commit mark "
        f"cannot be read ({reason})"
    )
    audit.write_unknown(places, machine.wall_s(), f"{text}; it is kept as {WORK}/{GIVEN_UP}")
    return _put_mark_aside(places, f"the {text}")


def _put_mark_aside(places: Places, text: str) -> Resumed:
    """Have no boot come back for it. A rename needs no space on a full disk."""
    try:
        with folders.folder_at(places.root, WORK) as work:
            durable.files.rename(work, MARK, work, GIVEN_UP)
            durable.drop(work, ATTEMPTS)
            durable.files.sync(work)
    except OSError as e:
        log.error("the commit mark stays, the next start tries again: %s", why(e))
    journal.write_problem("factory_default_given_up", f"{text}; ivsd starts as this box is")
    return Resumed(False, text)


def _failures(work: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(durable.read_in(work, ATTEMPTS, most=10))
    return 0

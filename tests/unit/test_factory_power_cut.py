"""The power is cut before and in every operation of a restore: old or factory, never a mixture."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import durable
from ivsd.appliance.factory import restore, work_folder
from ivsd.appliance.factory.places import WORK, Places
from ivsd.appliance.factory.resume import resume
from tests.factory_box import Notes, audit, make, make_outbox, snapshot, write
from tests.power_cut import LOSSES, CutDisk, PowerCut, QuickDisk

WORK_FOLDER = WORK.lstrip("/")
DROPPED = [
    "/etc/credstore/valt-password",
    "/etc/systemd/system/ivsd.service.d/a.conf",
    "'our-word'",
]


@pytest.fixture(autouse=True)
def umask_of_the_service() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_folder, "RESERVE_BYTES", 4096)
    monkeypatch.setattr(durable, "files", QuickDisk())


class Sweep:
    """Makes a fresh box for each cut, and knows the two states that are allowed after it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._set = partial(monkeypatch.setattr, durable, "files")
        self._model = folder / "model"
        make(self._model)
        make_outbox(self._model / "var/lib/ivsd/outbox.sqlite3", 2)
        write(self._model, "etc/credstore/valt-password", b"geheim")
        write(self._model, "etc/systemd/system/ivsd.service.d/a.conf", b"valt-password")
        self.old = snapshot(self._model)
        places = self.fresh()
        self.restore(places)
        self.factory = snapshot(places.root)

    def fresh(self) -> Places:
        shutil.rmtree(self._folder / "box", ignore_errors=True)
        shutil.rmtree(self._folder / "trash", ignore_errors=True)
        shutil.copytree(self._model, self._folder / "box", symlinks=True)
        return Places(self._folder / "box")

    def restore(self, places: Places) -> bool:
        """Restore as the service does; return whether it was committed."""
        decided = restore.prepare(places, Notes(), "user ivsd (998)")
        self.committed = True
        restore.finish(places, Notes(), decided)
        return True

    def cut(self, run: Any, at: int, loss: str, torn_at: float | None = None) -> CutDisk | None:
        """Run with the power cut; None where it came to its end before."""
        disk = CutDisk(self._folder / "trash", at, torn_at)
        self._set(disk)
        try:
            with contextlib.suppress(PowerCut):
                run()
                return None
            disk.lose(loss)
        finally:
            self._set(QuickDisk())
            shutil.rmtree(self._folder / "trash")
        return disk

    def cuts(self, loss: str) -> Iterator[tuple[int, Places]]:
        """Cut before each operation, one after the other; yield the disk as it is then."""
        for at in range(1, 2000):
            places = self.fresh()
            self.committed = False
            if self.cut(lambda places=places: self.restore(places), at, loss) is None:
                return
            yield at, places
        raise AssertionError("it never ends")

    def check(self, places: Places, at: int) -> None:
        """Boot, and see what there is: nothing after the commit may be lost."""
        box = Notes()
        resume(places, box)
        seen = snapshot(places.root)
        if self.committed:
            assert seen == self.factory, at
        assert seen in (self.old, self.factory), at
        work = places.root / WORK_FOLDER
        if seen == self.factory:
            assert (work / "aside-1/notes.txt").read_bytes() == b"front desk\nsecond floor\n", at
            assert (work / "aside-1/ca/site.pem").read_bytes().endswith(b"MIIB\n"), at
            dropped = (work / "aside-1/dropped.txt").read_text()
            names = [line.split()[0] for line in dropped.splitlines()]
            # What the cut left of a file being written is dropped, too.
            assert names in (DROPPED, [*DROPPED, "'.ivsd.yaml.new'"]), at
            undelivered = (work / "aside-1/undelivered.txt").read_text()
            assert len(undelivered.splitlines()) == 2, at
            assert len(audit(places.root)) == 1, at
            assert (places.root / "etc/systemd/network").stat().st_mode & 0o7777 == 0o755, at
        assert not (work / "commit").exists(), at
        assert (work / "reserve").stat().st_size == 4096, at
        again = snapshot(places.root, ("",))
        resume(places, Notes())
        assert snapshot(places.root, ("",)) == again, at


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    return Sweep(tmp_path, monkeypatch)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_power_cut_before_any_operation_leaves_the_old_state_or_the_factory_state(
    sweep: Sweep, loss: str
) -> None:
    count = 0
    states = set()
    for at, places in sweep.cuts(loss):
        sweep.check(places, at)
        states.add(snapshot(places.root) == sweep.factory)
        count = at
    assert count > 80
    assert states == {False, True}


@pytest.mark.parametrize("loss", ["kept", "lost"])
@pytest.mark.parametrize("torn_at", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_write_that_is_cut_short_is_never_taken_for_a_whole_one(
    sweep: Sweep, torn_at: float, loss: str
) -> None:
    places = sweep.fresh()
    whole = CutDisk(places.root.parent / "trash", 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(durable, "files", whole)
        sweep.restore(places)
    assert len(whole.writes) > 8
    for at in whole.writes:
        places = sweep.fresh()
        sweep.committed = False
        assert sweep.cut(partial(sweep.restore, places), at, loss, torn_at) is not None
        sweep.check(places, at)


@pytest.mark.parametrize("loss", ["kept", "lost"])
def test_a_power_cut_in_the_resume_is_resumed_once_more(sweep: Sweep, loss: str) -> None:
    for at in range(1, 2000):
        places = sweep.fresh()
        restore.prepare(places, Notes(), "user ivsd (998)")
        sweep.committed = True
        run = partial(resume, places, Notes())
        if sweep.cut(run, at, loss) is None:
            assert at > 50
            return
        sweep.check(places, at)
    raise AssertionError("it never ends")


def test_a_restore_that_came_to_its_end_is_not_begun_again(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Were the mark's removal not on the disk, the next boot would wipe what was set up since.
    places = sweep.fresh()
    disk = CutDisk(places.root.parent / "trash", 0)
    monkeypatch.setattr(durable, "files", disk)
    sweep.restore(places)
    disk.lose("lost")
    assert not work_folder.is_committed(places)
    assert snapshot(places.root) == sweep.factory


def test_a_mark_that_is_cut_at_any_byte_was_never_committed(sweep: Sweep) -> None:
    places = sweep.fresh()
    restore.prepare(places, Notes(), "user ivsd (998)")
    mark = places.root / WORK_FOLDER / "commit"
    whole = mark.read_bytes()
    for length in range(len(whole)):
        mark.write_bytes(whole[:length])
        box = Notes()
        resume(places, box)
        assert (snapshot(places.root), box.done) == (sweep.old, []), length
    mark.write_bytes(whole[:-20] + b"0" * 20)
    resume(places, Notes())
    assert snapshot(places.root) == sweep.old


def test_a_staged_file_that_is_cut_at_any_byte_is_taken_from_its_template(sweep: Sweep) -> None:
    for length in range(len(b"# factory\n")):
        places = sweep.fresh()
        restore.prepare(places, Notes(), "user ivsd (998)")
        staged = places.root / WORK_FOLDER / "staging/0"
        staged.write_bytes(staged.read_bytes()[:length])
        resume(places, Notes())
        assert snapshot(places.root) == sweep.factory


def all_cuts(sweep: Sweep, loss: str) -> None:
    for at, places in sweep.cuts(loss):
        sweep.check(places, at)


def test_a_disk_that_does_not_sync_would_be_found(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The proof of the proof: the same sweep over a program that syncs no folder must fail.
    plain = CutDisk.sync

    def only_files(disk: CutDisk, file: int) -> None:
        if stat.S_ISREG(os.fstat(file).st_mode):
            plain(disk, file)

    monkeypatch.setattr(CutDisk, "sync", only_files)
    with pytest.raises(AssertionError):
        all_cuts(sweep, "lost in /var")

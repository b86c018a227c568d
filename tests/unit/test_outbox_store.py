"""The outbox on a real disk: what was told to be kept survives whatever happens to the box."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ivsd.events import (
    Drop,
    Event,
    Keep,
    Kept,
    KeptMarker,
    MarkSent,
    NotKept,
    OutboxLost,
    OutboxRead,
)
from ivsd.valt.model import RecordingId
from ivsd.valt.outbox import FILE, OutboxThread, Store

WAIT_S = 10.0
NOBODY = 65534


def marker(
    id_: int, recording: RecordingId = "R1", name: str = "Note", *, sent: bool = False
) -> KeptMarker:
    return KeptMarker(id_, "valt.example", recording, name, "blue", 61, sent)


class Desk:
    """An outbox thread and what it says."""

    def __init__(self, folder: Path) -> None:
        self.said: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.thread = OutboxThread(folder, self.said.put)
        self.thread.start()

    def next(self) -> Event:
        return self.said.get(timeout=WAIT_S)

    def opened(self) -> list[Event]:
        """All it says until it is open, or is not."""
        events = [self.next()]
        if isinstance(events[0], OutboxLost) and "and a new one is used" in events[0].problem:
            events.append(self.next())
        return events

    def keep(self, *markers: KeptMarker) -> list[Event]:
        for one in markers:
            self.thread.put(Keep(one))
        return [self.next() for _ in markers]

    def stop(self) -> None:
        self.thread.stop(WAIT_S)
        assert not self.thread.is_alive()


@pytest.fixture
def desks() -> Iterator[list[Desk]]:
    made: list[Desk] = []
    yield made
    for desk in made:
        desk.stop()


def left_in(folder: Path) -> tuple[KeptMarker, ...]:
    with closing(Store(folder / FILE)) as store:
        return store.markers()


# -- the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        marker(1),
        marker(2, 8123),
        marker(3, "8123"),
        marker(4, sent=True),
        marker(5, name=""),
        marker(6, name="Frage „?“ \N{DOG FACE} ' \" ; drop table markers; -- \x00 end"),
        KeptMarker(7, "", "5c0e6f2e-1b7d-4a55-9a53-0f6a2d8c9b11", "x" * 10_000, "", 10**9, False),
    ],
    ids=lambda one: str(one.id),
)
def test_a_marker_comes_back_as_it_was(tmp_path: Path, one: KeptMarker) -> None:
    """A recording's id keeps its type: a number is of VALT 5, a text of VALT 6."""
    with closing(Store(tmp_path / FILE)) as store:
        store.keep(one)
        assert store.markers() == (one,)
    (again,) = left_in(tmp_path)
    assert again == one
    assert type(again.recording) is type(one.recording)
    assert type(again.was_sent) is bool


def test_markers_come_back_in_the_order_of_their_presses(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        for id_ in (2, 10, 1, 3):
            store.keep(marker(id_))
        assert [one.id for one in store.markers()] == [1, 2, 3, 10]


def test_one_that_was_dropped_is_gone_and_the_others_are_not(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        for id_ in (1, 2, 3):
            store.keep(marker(id_))
        store.drop(2)
        store.drop(2)  # once more is no error: nobody asks first whether it is there
        store.drop(99)
    assert [one.id for one in left_in(tmp_path)] == [1, 3]


def test_a_number_that_is_in_use_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        store.keep(marker(1, name="first"))
        with pytest.raises(sqlite3.Error):
            store.keep(marker(1, name="second"))
        assert [one.name for one in store.markers()] == ["first"]


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    before = os.umask(0)  # the worst that a unit file could say
    try:
        with closing(Store(tmp_path / FILE)) as store:
            store.keep(marker(1))
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob(f"{FILE}*")
            }
    finally:
        os.umask(before)
    assert modes[FILE] == 0o600
    assert set(modes.values()) == {0o600}


def test_the_folder_is_made(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "new" / "state" / FILE)) as store:
        store.keep(marker(1))
    assert len(left_in(tmp_path / "new" / "state")) == 1


def test_it_waits_for_the_disk_and_not_only_for_the_system(tmp_path: Path) -> None:
    """`synchronous` EXTRA is 3: FULL, and the folder too, where the journal is removed."""
    with closing(Store(tmp_path / FILE)) as store:
        ((synchronous,),) = store._file.execute("pragma synchronous").fetchall()
        ((journal,),) = store._file.execute("pragma journal_mode").fetchall()
    assert synchronous == 3
    assert journal in ("delete", "truncate", "persist", "wal"), "none that skips the disk"


# -- the thread -------------------------------------------------------------------------------


def test_a_new_outbox_is_empty_and_says_so(tmp_path: Path, desks: list[Desk]) -> None:
    desks.append(Desk(tmp_path))
    assert desks[0].next() == OutboxRead(())


def test_what_is_kept_is_told_once_each_and_in_order(tmp_path: Path, desks: list[Desk]) -> None:
    desks.append(Desk(tmp_path))
    assert desks[0].next() == OutboxRead(())
    assert desks[0].keep(*map(marker, range(1, 21))) == [Kept(id_) for id_ in range(1, 21)]
    assert desks[0].said.empty()


def test_what_was_kept_is_on_the_disk_when_it_is_told(tmp_path: Path, desks: list[Desk]) -> None:
    desks.append(Desk(tmp_path))
    desks[0].next()
    for id_ in range(1, 6):
        desks[0].keep(marker(id_))
        assert [one.id for one in left_in(tmp_path)] == list(range(1, id_ + 1))


def test_what_was_kept_is_there_after_a_restart_and_what_was_dropped_is_not(
    tmp_path: Path, desks: list[Desk]
) -> None:
    first = Desk(tmp_path)
    first.next()
    first.keep(marker(1), marker(2, 8123), marker(3, sent=True))
    first.thread.put(Drop(1))
    first.stop()
    desks.append(Desk(tmp_path))
    assert desks[0].next() == OutboxRead((marker(2, 8123), marker(3, sent=True)))


def test_that_one_was_sent_is_remembered_and_of_that_one_only(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.next()
    desk.keep(marker(1), marker(2))
    for id_ in (2, 2, 99):  # nobody asks first whether it is there
        desk.thread.put(MarkSent(id_))
    desk.stop()
    assert desk.said.empty()
    assert left_in(tmp_path) == (marker(1), marker(2, sent=True))


def test_stop_carries_out_what_is_queued(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for id_ in range(1, 21):
        desk.thread.put(Keep(marker(id_)))
    desk.thread.put(Drop(7))
    desk.stop()
    assert [one.id for one in left_in(tmp_path)] == [id_ for id_ in range(1, 21) if id_ != 7]


def test_putting_never_waits_for_the_disk(tmp_path: Path, desks: list[Desk]) -> None:
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as somebody:
        desks.append(Desk(tmp_path))
        desks[0].next()
        somebody.execute("begin exclusive")
        began = time.monotonic()
        for id_ in range(1, 101):
            desks[0].thread.put(Keep(marker(id_)))
        assert time.monotonic() - began < 0.2
        somebody.execute("rollback")
    assert {type(desks[0].next()) for _ in range(100)} == {Kept}


def test_a_file_that_somebody_holds_for_too_long_is_a_marker_not_kept(
    tmp_path: Path, desks: list[Desk]
) -> None:
    desks.append(Desk(tmp_path))
    desks[0].next()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as somebody:
        somebody.execute("begin exclusive")
        (answer,) = desks[0].keep(marker(1))
        assert isinstance(answer, NotKept)
        assert (answer.id, "locked" in answer.problem) == (1, True)
        somebody.execute("rollback")
    assert desks[0].keep(marker(2)) == [Kept(2)], "and then it goes on"


def test_a_drop_that_cannot_be_done_ends_nothing(tmp_path: Path, desks: list[Desk]) -> None:
    desks.append(Desk(tmp_path))
    desks[0].next()
    desks[0].keep(marker(1))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as somebody:
        somebody.execute("begin exclusive")
        desks[0].thread.put(Drop(1))
        time.sleep(2.3)  # longer than the thread waits for a lock
        somebody.execute("rollback")
    assert desks[0].keep(marker(2)) == [Kept(2)]


# -- the plug is pulled -----------------------------------------------------------------------

KEEPS = """
import sys
from pathlib import Path
from ivsd.events import Keep, Kept, KeptMarker
from ivsd.valt.outbox import OutboxThread

def say(event):
    if isinstance(event, Kept):
        sys.stdout.write(f"{event.id}\\n")
        sys.stdout.flush()

thread = OutboxThread(Path(sys.argv[1]), say)
thread.start()
for n in range(1, 201):
    thread.put(Keep(KeptMarker(n, "valt.example", "R1", "Note", "blue", n)))
thread.stop(60)
"""


def child(code: str, *args: object) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err, err
    return out.splitlines()


@pytest.mark.parametrize("after", [1, 37, 100, 163])
def test_what_was_told_to_be_kept_survives_a_kill_in_the_middle(tmp_path: Path, after: int) -> None:
    with child(KEEPS, tmp_path) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        # Not by `communicate`, which does not see the lines that `readline` has read ahead.
        told += [int(line) for line in process.stdout.read().splitlines() if line]
    assert process.returncode == -signal.SIGKILL
    desk = Desk(tmp_path)
    (event,) = desk.opened()
    assert isinstance(event, OutboxRead)
    there = [one.id for one in event.markers]
    assert set(told) <= set(there)
    assert there == list(range(1, len(there) + 1)), "no gaps: in the order of the presses"
    assert len(there) <= len(told) + 1, "at most the one whose answer was cut off is on top"
    assert desk.keep(marker(1000)) == [Kept(1000)]
    desk.stop()


# -- damage -----------------------------------------------------------------------------------


def filled(folder: Path, count: int = 40) -> bytes:
    with closing(Store(folder / FILE)) as store:
        for id_ in range(1, count + 1):
            store.keep(marker(id_, name=f"Note {id_} " + "x" * 200))
    return (folder / FILE).read_bytes()


def usable_after(folder: Path) -> tuple[KeptMarker, ...]:
    """Open it, keep one more and find it again; return what had survived."""
    desk = Desk(folder)
    events = desk.opened()
    try:
        assert isinstance(events[-1], OutboxRead), events
        assert desk.keep(marker(1000)) == [Kept(1000)]
    finally:
        desk.stop()
    assert 1000 in [one.id for one in left_in(folder)]
    return events[-1].markers


@pytest.mark.parametrize(
    "content", [b"this is no database" * 100, b"\x00" * 8192, b"SQLite format 3"]
)
def test_a_file_that_is_no_database_is_moved_aside_and_a_new_one_begun(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FILE).write_bytes(content)
    desk = Desk(tmp_path)
    lost, read = desk.next(), desk.next()
    assert isinstance(lost, OutboxLost)
    assert "damaged" in lost.problem
    assert str(tmp_path / "outbox.broken") in lost.problem
    assert read == OutboxRead(())
    assert (tmp_path / "outbox.broken").read_bytes() == content, "somebody may want to look"
    assert desk.keep(marker(1)) == [Kept(1)]
    desk.stop()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_an_empty_file_is_a_new_outbox(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    assert usable_after(tmp_path) == ()
    assert not (tmp_path / "outbox.broken").exists()


@pytest.mark.parametrize("pages", [0.5, 1, 1.5, 2, 2.9])
def test_a_torn_file_is_never_in_the_way(tmp_path: Path, pages: float) -> None:
    whole = filled(tmp_path)
    assert len(whole) > 3 * 4096
    (tmp_path / FILE).write_bytes(whole[: int(4096 * pages)])
    usable_after(tmp_path)


def test_a_second_damaged_file_is_moved_aside_too(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / FILE).write_bytes(b"no database" * 500)
        assert usable_after(tmp_path) == ()


def test_the_journal_of_a_damaged_file_does_no_harm_to_the_new_one(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 500)
    (tmp_path / f"{FILE}-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + b"\xff" * 2000)
    assert usable_after(tmp_path) == ()
    assert [one.id for one in left_in(tmp_path)] == [1000]


@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_turned_over_in_the_file_never_end_the_box(tmp_path: Path, seed: int) -> None:
    """What is read of such a file may be wrong; but it is read, or there is a new one."""
    whole = filled(tmp_path, 12)
    for place in range(seed * 7, 100, 28):  # the file's header: what it is at all
        torn = bytearray(whole)
        torn[place] ^= 0xFF
        (tmp_path / FILE).write_bytes(torn)
        desk = Desk(tmp_path)
        assert isinstance(desk.opened()[-1], OutboxRead | OutboxLost)
        answers = desk.keep(marker(1000))
        assert isinstance(answers[0], Kept | NotKept)
        desk.stop()
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_text_that_turned_to_garbage_is_damage_too(tmp_path: Path) -> None:
    whole = filled(tmp_path, 3)
    (tmp_path / FILE).write_bytes(whole.replace(b"Note 2 xxx", b"Note 2 \xff\xfe\xfd"))
    usable_after(tmp_path)


def test_a_table_of_another_shape_is_moved_aside(tmp_path: Path) -> None:
    """It ended the thread, and the daemon with it, at every start."""
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as later:
        later.execute("create table markers (id integer primary key, more text)")
        later.execute("insert into markers values (1, 'x')")
    assert usable_after(tmp_path) == ()
    assert (tmp_path / "outbox.broken").exists()


def test_a_column_that_a_later_version_has_added_is_of_no_harm(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        store.keep(marker(1))
        store._file.execute("alter table markers add column more text default ''")
    assert usable_after(tmp_path) == (marker(1),)
    assert not (tmp_path / "outbox.broken").exists()


def test_a_recording_with_a_number_beyond_64_bits_does_not_end_the_thread(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.next()
    too_big, next_one = desk.keep(marker(1, 2**63), marker(2, 2**63 - 1))
    assert isinstance(too_big, NotKept)
    assert (too_big.id, next_one) == (1, Kept(2))
    desk.stop()


# -- a disk that cannot be used ---------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_told_and_every_marker_answered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    desk = Desk(tmp_path / "file" / "state")
    lost = desk.next()
    assert isinstance(lost, OutboxLost)
    assert str(tmp_path / "file" / "state" / FILE) in lost.problem
    assert "cannot be used" in lost.problem
    answers = desk.keep(marker(1), marker(2))
    assert [type(answer) for answer in answers] == [NotKept, NotKept]
    desk.thread.put(Drop(1))
    desk.stop()


READ_ONLY = """
import os, sys
from pathlib import Path
from ivsd.events import Keep, KeptMarker
from ivsd.valt.outbox import OutboxThread

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
thread = OutboxThread(Path(sys.argv[1]), lambda event: print(repr(event), flush=True))
thread.start()
thread.put(Keep(KeptMarker(7, "valt.example", "R1", "Note", "blue", 7)))
thread.stop(20)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that the user nobody may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="t1-outbox-") as folder:
        yield Path(folder)
        Path(folder).chmod(0o755)


def test_a_folder_that_may_not_be_written_is_told_and_ends_nothing(public: Path) -> None:
    public.chmod(0o555)
    lost, answer = lines_of(child(READ_ONLY, public))
    assert lost.startswith("OutboxLost(")
    assert "Permission denied" in lost
    assert answer.startswith("NotKept(id=7")


def test_markers_are_read_from_a_folder_that_may_not_be_written_any_more(public: Path) -> None:
    """What is there can still be delivered."""
    with closing(Store(public / FILE)) as store:
        store.keep(marker(1))
    if os.getuid() == 0:
        os.chown(public / FILE, NOBODY, NOBODY)
    public.chmod(0o555)
    *read, answer = lines_of(child(READ_ONLY, public))
    assert {line[:37] for line in read} == {"OutboxRead(markers=(KeptMarker(id=1, "[:37]}
    assert answer.startswith("NotKept(id=7")
    public.chmod(0o755)
    assert len(left_in(public)) == 1


FULL = """
import resource, signal, sys
from pathlib import Path
from ivsd.events import Drop, Keep, Kept, KeptMarker, NotKept
from ivsd.valt.outbox import OutboxThread

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the write fails, as on a full disk
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))

def say(event):
    name = type(event).__name__
    print(name, getattr(event, "id", ""), getattr(event, "problem", ""), flush=True)

thread = OutboxThread(Path(sys.argv[1]), say)
thread.start()
for n in range(1, 201):
    thread.put(Keep(KeptMarker(n, "valt.example", "R1", "N" * 1000, "blue", n)))
for n in range(1, 21):
    thread.put(Drop(n))
for n in range(201, 206):
    thread.put(Keep(KeptMarker(n, "valt.example", "R1", "N", "blue", n)))
thread.stop(60)
"""


def test_on_a_full_disk_a_marker_is_told_as_not_kept_and_those_before_it_are_safe(
    tmp_path: Path,
) -> None:
    first, *answers = lines_of(child(FULL, tmp_path))
    assert first.split() == ["OutboxRead"]
    kept = [int(line.split()[1]) for line in answers if line.startswith("Kept")]
    not_kept = [line for line in answers if line.startswith("NotKept")]
    assert len(kept) + len(not_kept) == 205
    assert len(not_kept) > 100
    assert all("cannot be written" in line for line in not_kept)
    there = [one.id for one in left_in(tmp_path)]
    assert there == [id_ for id_ in kept if id_ > 20], "what was told is there, and nothing else"
    assert {201, 202, 203, 204, 205} <= set(kept), "room that is made is used"


SMALL = "pragma max_page_count = 8"


def test_a_file_that_may_not_grow_any_more_loses_nothing(tmp_path: Path) -> None:
    with closing(Store(tmp_path / FILE)) as store:
        store._file.execute(SMALL)
        kept = 0
        with contextlib.suppress(sqlite3.OperationalError):
            for id_ in range(1, 1000):
                store.keep(marker(id_, name="x" * 500))
                kept = id_
        assert 10 < kept < 999
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.keep(marker(1000, name="x" * 500))
        assert [one.id for one in store.markers()] == list(range(1, kept + 1))
    assert len(left_in(tmp_path)) == kept


def test_a_disk_that_heals_is_used_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desks: list[Desk]
) -> None:
    monkeypatch.setattr("ivsd.valt.outbox.REOPEN_S", 0.02)
    (tmp_path / "state").touch()  # a file where the folder should be
    desks.append(desk := Desk(tmp_path / "state"))
    assert isinstance(desk.next(), OutboxLost)
    (tmp_path / "state").unlink()
    while isinstance(event := desk.next(), OutboxLost):
        pass
    assert event == OutboxRead(())
    assert desk.keep(marker(1)) == [Kept(1)]

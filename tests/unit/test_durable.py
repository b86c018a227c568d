"""Files are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from ivsd.appliance import durable
from tests.power_cut import LOSSES, CutDisk, PowerCut, QuickDisk


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_mode_and_owner(tmp_path: Path) -> None:
    durable.write(tmp_path / "a", b"new", mode=0o640, owner=(os.getuid(), os.getgid()))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o640
    assert names(tmp_path) == ["a"]


def test_the_owner_is_set_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    class Noted(QuickDisk):
        def give(self, file: int, mode: int, owner: tuple[int, int] | None) -> None:
            done.append(("give", owner))

        def rename(self, folder: int, name: str, to: int, new: str) -> None:
            done.append(("rename", None))
            super().rename(folder, name, to, new)

    monkeypatch.setattr(durable, "files", Noted())
    durable.write(tmp_path / "a", b"new", mode=0o640, owner=(1, 2))
    assert done == [("give", (1, 2)), ("rename", None)]


def test_the_former_content_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for text in (b"first", b"second", b"third"):
        durable.write(path, text, mode=0o600, backup=True)
    assert (path.read_bytes(), (tmp_path / "a.bak").read_bytes()) == (b"third", b"second")
    assert names(tmp_path) == ["a", "a.bak"]


@pytest.mark.parametrize("now", [b"", b"second"])
def test_a_good_backup_is_not_lost_to_an_empty_file_or_to_the_same(
    tmp_path: Path, now: bytes
) -> None:
    path = tmp_path / "a"
    path.write_bytes(now)
    (tmp_path / "a.bak").write_bytes(b"good")
    durable.write(path, b"second", mode=0o600, backup=True)
    assert (tmp_path / "a.bak").read_bytes() == b"good"


def test_a_backup_that_was_cut_off_is_made_anew_without_litter(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "a.bak")  # the plug was pulled before the rename of the new file
    (tmp_path / ".a.bak.new").write_bytes(b"litter")
    durable.write(path, b"new", mode=0o600, backup=True)
    assert ((tmp_path / "a.bak").read_bytes(), names(tmp_path)) == (b"old", ["a", "a.bak"])


@pytest.mark.parametrize("step", ["create", "write", "give", "sync", "link", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk = durable.Files()
    monkeypatch.setattr(disk, step, full)
    monkeypatch.setattr(durable, "files", disk)
    with pytest.raises(OSError, match="No space"):
        durable.write(path, b"new", mode=0o600, backup=True)
    assert path.read_bytes() == b"old"
    assert set(names(tmp_path)) <= {"a", "a.bak"}


def test_what_an_interrupted_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".a.new").write_bytes(b"half")
    durable.write(tmp_path / "a", b"new", mode=0o600)
    assert names(tmp_path) == ["a"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "a").symlink_to("elsewhere")
    (tmp_path / ".a.new").symlink_to("elsewhere")
    durable.write(tmp_path / "a", b"new", mode=0o600)
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"
    assert not (tmp_path / "a").is_symlink()


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a"
    texts = [bytes([sign]) * 50_000 for sign in b"abcdefgh"]
    writers = [
        threading.Thread(target=durable.write, args=(path, text), kwargs={"mode": 0o600})
        for text in texts
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert path.read_bytes() in texts
    assert names(tmp_path) == ["a"]


def test_a_folder_that_somebody_else_keeps_locked_is_an_error_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "LOCK_WAIT_S", 0.0)
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        assert durable.try_lock(other)
        with pytest.raises(TimeoutError, match="another program writes here"):
            durable.write(tmp_path / "a", b"new", mode=0o600)
    finally:
        os.close(other)
    assert names(tmp_path) == []


@pytest.mark.parametrize("loss", LOSSES)
def test_a_power_cut_leaves_the_old_or_the_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    for at in range(1, 100):
        folder = tmp_path / str(at)
        folder.mkdir()
        path = folder / "a"
        path.write_bytes(b"old")
        disk = CutDisk(tmp_path / f"trash{at}", at)
        monkeypatch.setattr(durable, "files", disk)
        try:
            durable.write(path, b"new", mode=0o600, backup=True)
        except PowerCut:
            disk.lose(loss)
        else:
            assert at > 8
            break
        assert path.read_bytes() in (b"old", b"new")
        assert not (folder / "a.bak").exists() or (folder / "a.bak").read_bytes() == b"old"
        if path.read_bytes() == b"new":
            assert (folder / "a.bak").read_bytes() == b"old" or loss == "lost"
        monkeypatch.setattr(durable, "files", QuickDisk())
        durable.write(path, b"next", mode=0o600, backup=True)
        assert set(names(folder)) == {"a", "a.bak"}
    else:
        raise AssertionError("it never ends")


def test_what_is_no_plain_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("large")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert durable.read_in(folder, "large", most=5) == b"12345"
        for name in ("large", "link", "pipe", "folder", "nothing"):
            with pytest.raises(OSError, match=r"."):
                durable.read_in(folder, name, most=4)
    finally:
        os.close(folder)


def test_what_may_be_large_takes_the_memory_of_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"1" * 300_000)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert len(durable.read_in(folder, "small", most=1 << 45)) == 300_000
    finally:
        os.close(folder)

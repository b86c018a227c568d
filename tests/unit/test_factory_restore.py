"""What a restore does, refuses, and does not let itself be led to."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path

import pytest

from ivsd.appliance import durable
from ivsd.appliance.factory import aside, manifest, restore, work_folder
from ivsd.appliance.factory.places import TEMPLATES, WORK, Places
from ivsd.appliance.factory.resume import resume
from ivsd.appliance.factory.work_folder import Refused
from tests.factory_box import (
    FACTORY,
    MANIFEST,
    Notes,
    audit,
    make,
    make_outbox,
    set_templates,
    snapshot,
    write,
)
from tests.power_cut import QuickDisk

ASKER = "user ivsd (998)"


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_folder, "RESERVE_BYTES", 4096)
    monkeypatch.setattr(durable, "files", QuickDisk())


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return make(tmp_path / "box")


@pytest.fixture
def work(places: Places) -> Path:
    return places.at(WORK)


@pytest.fixture(scope="session")
def factory(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, bytes | str]]:
    """The factory state, by a restore that nothing disturbs."""
    places = make(tmp_path_factory.mktemp("factory") / "box")
    run(places)
    return snapshot(places.root)


def run(places: Places, machine: Notes | None = None) -> Notes:
    machine = machine or Notes()
    restore.finish(places, machine, restore.prepare(places, machine, ASKER))
    return machine


def test_every_file_is_as_its_template_and_all_else_is_gone(places: Places) -> None:
    machine = run(places)
    assert {
        str(path.relative_to(places.root)): (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in places.at("/etc").rglob("*")
        if path.is_file()
    } == {
        "etc/ivsd/ivsd.yaml": (b"# factory\n", 0o640),
        "etc/systemd/network/00-ivsd.network": (b"DHCP=yes\n", 0o644),
        "etc/hostname": (b"ivs-keypad\n", 0o644),
        "etc/networkd-is-here": (b"", 0o644),
    }
    assert list(places.at("/etc/ivsd").iterdir()) == [places.at("/etc/ivsd/ivsd.yaml")]
    assert list(places.at("/var/lib/ivsd").iterdir()) == []
    assert list(places.at("/var/lib/ivsd-web").iterdir()) == []
    assert machine.done == ["enable", "enable-time-sync", "sync"]


def test_software_that_is_not_on_this_box_gets_no_file(places: Places) -> None:
    places.at("/etc/networkd-is-here").unlink()
    assert run(places).done == ["enable", "sync"]
    assert not places.at("/etc/systemd/network").exists()


def test_other_files_are_set_aside_for_root_and_credentials_are_not(
    places: Places, work: Path
) -> None:
    for name, text in {
        "valt-password": "geheim",
        "API-TOKEN.txt": "geheim",
        "site.key": "geheim",
        "ivsd.yaml.bak": "valt: {}",
        ".ivsd.yaml.swp": "?",
        "old.yaml": "valt:\n  password: geheim\n",
        "word": "geheim\n\n",
        "server.pem": "-----BEGIN PRIVATE KEY-----\ngeheim\n",
        "rules.yaml": "what: harmless\nwhy: \n",
    }.items():
        write(places.root, f"etc/ivsd/{name}", text.encode())
    run(places)
    kept = sorted(str(p.relative_to(work)) for p in work.glob("aside-*/**/*") if p.is_file())
    assert kept == [
        "aside-1/ca/site.pem", "aside-1/dropped.txt", "aside-1/notes.txt", "aside-1/rules.yaml",
    ]  # fmt: skip
    assert (work / "aside-1").stat().st_mode & 0o7777 == 0o700
    dropped = (work / "aside-1/dropped.txt").read_text()
    for name in ("valt-password", "API-TOKEN.txt", "site.key", "ivsd.yaml.bak", ".ivsd.yaml.swp",
                 "old.yaml", "word", "our-word", "server.pem"):  # fmt: skip
        assert f"'{name}' of /etc/ivsd is dropped: it may hold a credential\n" in dropped
    assert len(dropped.splitlines()) == 9
    assert (work / "aside-1/dropped.txt").stat().st_mode & 0o7777 == 0o600
    everything = b"".join(path.read_bytes() for path in work.rglob("*") if path.is_file())
    assert b"geheim" not in everything
    assert "what else was in /etc/ivsd is in /var/lib/ivsd-factory/aside-1" in audit(places.root)[0]


def test_undelivered_markers_are_named_for_root_on_the_disk(places: Places, work: Path) -> None:
    make_outbox(places.at("/var/lib/ivsd/outbox.sqlite3"), 2)
    decided = restore.prepare(places, Notes(), ASKER)
    # On the disk before the commit, as the journal of a box may be gone with the reboot.
    assert "marker 'marker 2' at 2 s" in (work / "staging/undelivered.txt").read_text()
    restore.finish(places, Notes(), decided)
    kept = work / "aside-1/undelivered.txt"
    assert kept.read_text().splitlines() == [
        "marker 'marker 1' at 1 s of recording 7",
        "marker 'marker 2' at 2 s of recording 7",
    ]
    assert kept.stat().st_mode & 0o7777 == 0o600


def test_a_file_cannot_pass_for_our_own_lists(places: Places, work: Path) -> None:
    for name in ("dropped.txt", "undelivered.txt"):
        write(places.root, f"etc/ivsd/{name}", b"nothing\nat all\n")
    make_outbox(places.at("/var/lib/ivsd/outbox.sqlite3"), 1)
    run(places)
    assert "our-word" in (work / "aside-1/dropped.txt").read_text()
    assert "marker 1" in (work / "aside-1/undelivered.txt").read_text()
    assert (work / "aside-1/dropped.txt.kept").read_bytes() == b"nothing\nat all\n"
    assert (work / "aside-1/undelivered.txt.kept").exists()


def test_names_in_the_list_of_what_is_dropped_cannot_write_lines_of_their_own(
    places: Places, work: Path
) -> None:
    write(places.root, "etc/ivsd/token\nnothing was dropped\x1b[2J", b"?\n?\n")
    places.at("/etc/ivsd/link").symlink_to("to\nsomewhere")
    run(places)
    lines = (work / "aside-1/dropped.txt").read_text().splitlines()
    assert len(lines) == 3
    assert all(" of /etc/ivsd is dropped: " in line and line.isprintable() for line in lines)


def test_a_folder_that_is_made_can_be_entered_by_all_whatever_the_umask(places: Places) -> None:
    # The service has UMask=0077, and timesyncd, for one, is not root.
    before = os.umask(0o077)
    try:
        places.at("/etc/systemd").rmdir()
        (places.at("/etc") / ".systemd.new").mkdir()  # of a restore that was interrupted
        run(places)
        staging = places.at(f"{WORK}/staging")
        staging.rmdir()
        run(places)
    finally:
        os.umask(before)
    for path in ("/etc/systemd", "/etc/systemd/network"):
        assert places.at(path).stat().st_mode & 0o7777 == 0o755
    assert not (places.at("/etc") / ".systemd.new").exists()
    assert staging.stat().st_mode & 0o7777 == 0o700


# -- the password that systemd brings ------------------------------------------------------------


DROP_INS = "etc/systemd/system/ivsd.service.d"


def test_a_password_that_systemd_brings_goes_with_the_drop_in_that_loads_it(
    places: Places, work: Path
) -> None:
    for path in ("etc/credstore", "etc/credstore.encrypted"):
        write(places.root, f"{path}/valt-password", b"geheim")
        write(places.root, f"{path}/of-another", b"stays")
    # With its file gone systemd would start ivsd no more; or it has the password in itself.
    load = b"[Service]\nLoadCredential=valt-password:/etc/credstore/valt-password\n"
    write(places.root, f"{DROP_INS}/password.conf", load)
    write(places.root, f"{DROP_INS}/set.conf", b"[Service]\nSetCredential=valt-password:geheim\n")
    run(places)
    for path in ("etc/credstore", "etc/credstore.encrypted"):
        assert os.listdir(places.root / path) == ["of-another"]
    assert os.listdir(places.root / DROP_INS) == []
    dropped = (work / "aside-1/dropped.txt").read_text()
    for path in ("credstore/valt-password", "credstore.encrypted/valt-password",
                 "ivsd.service.d/password.conf", "ivsd.service.d/set.conf"):  # fmt: skip
        assert f"{path} is dropped: a password that systemd brings\n" in dropped
    assert "ATTENTION" not in audit(places.root)[0]


def test_another_drop_in_stays_and_is_named_in_the_audit(places: Places) -> None:
    write(places.root, f"{DROP_INS}/slow.conf", b"[Service]\nNice=5\n")
    run(places)
    assert (places.root / DROP_INS / "slow.conf").exists()
    assert (
        "ATTENTION: /etc/systemd/system/ivsd.service.d is not of the factory and was left"
        in (audit(places.root)[0])
    )
    assert audit(places.root)[0].endswith("slow.conf")


def test_a_store_that_is_a_link_is_told_and_fails_no_restore(
    places: Places, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "elsewhere/valt-password", b"geheim")
    places.at("/etc/credstore").symlink_to(tmp_path / "elsewhere")
    run(places)
    assert (tmp_path / "elsewhere/valt-password").exists()
    assert "a password that systemd brings may still be in /etc/credstore" in caplog.text


# -- what is kept, and told -


def test_the_last_three_folders_set_aside_stay(places: Places, work: Path) -> None:
    for number in range(1, 6):
        write(places.root, "etc/ivsd/note", f"note\n{number}\n".encode())
        run(places)
    assert sorted(path.name for path in work.glob("aside-*")) == ["aside-3", "aside-4", "aside-5"]
    assert (work / "aside-5/note").read_bytes() == b"note\n5\n"


def test_the_audit_has_a_line_with_who_when_and_what_was_lost(places: Places) -> None:
    make_outbox(places.at("/var/lib/ivsd/outbox.sqlite3"), 3)
    run(places)
    (line,) = audit(places.root)
    assert line.startswith("2026-11-18T")
    assert "asked by user ivsd (998)" in line
    assert "markers dropped undelivered: 3" in line
    assert "a recording that ran was left running" in line
    run(places, Notes(wall=60.0))
    assert audit(places.root)[0] == line
    assert audit(places.root)[1].startswith("1970-01-01T00:01:00Z (the clock was not set)")
    assert "no marker was undelivered" in audit(places.root)[1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("files: []", "manifest.yaml:1: files: names no file"),
        ("", "manifest.yaml: is empty"),
        ("files: [", "manifest.yaml:1: is no valid YAML"),
        ("file: []", "manifest.yaml:1: file: is no key here; did you mean 'files'?"),
        (MANIFEST.replace("group: ivsd", "group: nobody"), "there is no user 'nobody'"),
        (MANIFEST.replace('"0640"', "0640"), "manifest.yaml:2: files.1.mode: must be a text"),
        (MANIFEST.replace('"0640"', '"4755"'), "files.1.mode: must be four octal digits"),
        (MANIFEST.replace("/etc/hostname", "/usr/bin/x"), "files.3.target: must be a whole path"),
        (MANIFEST.replace("/etc/hostname", "/etc/../x"), "files.3.target: must be a whole path"),
        (MANIFEST.replace("/etc/hostname", "/etc/ivsd/ivsd.yaml"), "is that of file 1, too"),
        (MANIFEST.replace("template: hostname", "template: ../x"), "must be the plain name"),
        (MANIFEST.replace("template: hostname", "template: gone"), "there is no file gone beside"),
        (MANIFEST.replace("template: other", "template: gone"), "manifest.yaml:11: files.4.temp"),
        (
            MANIFEST.replace("enable-time-sync", "rm"),
            "manifest.yaml:9: files.2.afterwards: 'rm' is",
        ),
        (MANIFEST.replace("only_if: /etc/other", "only_if: other"), "files.4.only_if: must be a"),
    ],
)
def test_a_wrong_manifest_is_refused_with_line_and_key_and_nothing_is_touched(
    places: Places, text: str, sentence: str
) -> None:
    set_templates(places.root, text, FACTORY)
    before = snapshot(places.root, ("",))
    with pytest.raises(Refused) as refused:
        restore.prepare(places, Notes(), ASKER)
    assert sentence in str(refused.value)
    assert snapshot(places.root, ("",)) == before


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: (path / "hostname").unlink(), "there is no file hostname beside"),
        (lambda path: (path / "hostname").write_bytes(b""), "hostname is not as it was installed"),
        (lambda path: (path / "hostname").write_bytes(b"ivs-keypa"), "its checksum is another"),
        (lambda path: (path / "other").write_bytes(b"x"), "other is not as it was installed"),
        (lambda path: (path / "manifest.yaml").unlink(), "manifest.yaml: cannot be read"),
        (lambda path: (path / "SHA256SUMS").unlink(), "SHA256SUMS: cannot be read"),
        (lambda path: (path / "SHA256SUMS").write_bytes(b"?"), "its checksum is another"),
        (shutil.rmtree, "No such file or directory"),
    ],
)
def test_a_missing_or_spoiled_template_is_found_before_anything_is_touched(
    places: Places, spoil: object, sentence: str
) -> None:
    assert callable(spoil)
    spoil(places.at(TEMPLATES))
    before = snapshot(places.root, ("",))
    with pytest.raises(Refused) as refused:
        restore.prepare(places, Notes(), ASKER)
    assert sentence in str(refused.value)
    assert snapshot(places.root, ("",)) == before


def test_a_target_that_a_link_leads_away_from_is_refused(places: Places, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    places.at("/etc/systemd").rmdir()
    places.at("/etc/systemd").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="the factory state has no place"):
        restore.prepare(places, Notes(), ASKER)
    places.at("/etc/systemd").unlink()
    places.at("/etc/hostname").unlink()
    places.at("/etc/hostname").mkdir()
    with pytest.raises(Refused, match="it is a folder: /etc/hostname"):
        restore.prepare(places, Notes(), ASKER)


def test_a_folder_of_ivsd_that_is_a_link_is_refused(places: Places, tmp_path: Path) -> None:
    places.at("/var/lib/ivsd-web/account").unlink()
    places.at("/var/lib/ivsd-web").rmdir()
    places.at("/var/lib/ivsd-web").symlink_to(tmp_path)
    with pytest.raises(Refused, match="the factory state has no place"):
        restore.prepare(places, Notes(), ASKER)


def test_links_that_ivsd_has_planted_lead_root_nowhere(
    places: Places, tmp_path: Path, factory: dict[str, tuple[int, bytes | str]], work: Path
) -> None:
    others = tmp_path / "root-only"
    write(others, "shadow", b"root:hash")
    write(others, "folder/file", b"keep me")
    untouched = snapshot(others, ("",))
    config, state = places.at("/etc/ivsd"), places.at("/var/lib/ivsd")
    (config / "ivsd.yaml").unlink()
    (config / "ivsd.yaml").symlink_to(others / "shadow")
    (config / ".ivsd.yaml.new").symlink_to(others / "shadow")
    (config / "more").symlink_to(others / "folder")
    (config / "pipe.txt").touch()
    (config / "pipe.txt").unlink()
    os.mkfifo(config / "pipe.txt")
    (state / "outbox.sqlite3").symlink_to(others / "shadow")
    (state / "all").symlink_to(others)
    (state / "loop").symlink_to("loop")
    (state / "cache/deep/up").symlink_to(others / "folder", target_is_directory=True)
    run(places)
    assert snapshot(others, ("",)) == untouched
    assert snapshot(places.root) == factory
    kept = [path for path in work.glob("aside-1/**/*") if path.is_file() or path.is_symlink()]
    assert sorted(path.name for path in kept) == ["dropped.txt", "notes.txt", "site.pem"]
    assert (
        "'more' of /etc/ivsd is dropped: it was a link"
        in (work / "aside-1/dropped.txt").read_text()
    )
    assert "the outbox could not be read" in audit(places.root)[0]


def test_folders_where_files_should_be_are_no_hindrance(
    places: Places, factory: dict[str, tuple[int, bytes | str]], work: Path
) -> None:
    config = places.at("/etc/ivsd")
    (config / "ivsd.yaml").unlink()
    write(config, "ivsd.yaml/inside", b"?")
    write(config, ".ivsd.yaml.new/inside", b"?")
    write(places.at("/var/lib/ivsd"), "outbox.sqlite3/inside", b"?")
    run(places)
    assert snapshot(places.root) == factory


def test_no_depth_and_no_number_is_too_much(
    places: Places, factory: dict[str, tuple[int, bytes | str]], work: Path
) -> None:
    for start in ("/etc/ivsd", "/var/lib/ivsd"):
        folder = os.open(places.at(start), os.O_RDONLY)
        for _ in range(1500):  # deeper than Python's stack, and than any path may be long
            os.mkdir("deep", dir_fd=folder)
            inner = os.open("deep", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)
    for number in range(2000):
        (places.at("/var/lib/ivsd/cache") / str(number)).touch()
        (places.at("/etc/ivsd") / f"note{number}").touch()
    (places.at("/etc/ivsd/large")).write_bytes(bytes(aside.MOST_BYTES + 1))
    run(places)
    assert snapshot(places.root) == factory
    kept = aside.MOST_FILES + aside.MOST_DEPTH + len(["dropped.txt"])
    assert len(list((work / "aside-1").rglob("*"))) <= kept


def test_what_an_interrupted_removal_left_is_not_set_aside_twice(
    places: Places, work: Path
) -> None:
    write(places.root, "etc/ivsd/.ivsd-gone-0/rest", b"?")
    run(places)
    kept = sorted(path.name for path in (work / "aside-1").iterdir())
    assert kept == ["ca", "dropped.txt", "notes.txt"]


# -- a full disk -------------------------------------------------------------------------------


class FullDisk(QuickDisk):
    """Fails at one operation that needs space, or from it on."""

    def __init__(self, at: int, *, for_ever: bool = False) -> None:
        self.count = 0
        self._at = at
        self._for_ever = for_ever

    def _take(self) -> None:
        self.count += 1
        if self.count == self._at or (self._for_ever and self.count > self._at):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def create(self, folder: int, name: str) -> int:
        self._take()
        return super().create(folder, name)

    def write(self, file: int, data: bytes) -> None:
        self._take()
        super().write(file, data)

    def mkdir(self, folder: int, name: str, mode: int) -> None:
        self._take()
        super().mkdir(folder, name, mode)


def test_a_disk_that_is_full_at_any_write_is_refused_or_gone_over(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    factory: dict[str, tuple[int, bytes | str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes = set()
    for at in range(1, 200):
        places = make(tmp_path / str(at))
        old = snapshot(places.root)
        disk = FullDisk(at)
        monkeypatch.setattr(durable, "files", disk)
        try:
            decided = restore.prepare(places, Notes(), ASKER)
        except Refused as e:
            outcomes.add(str(e))
            assert snapshot(places.root) == old
            assert (places.at(WORK) / "reserve").stat().st_size == 4096
            resume(places, Notes())
            assert snapshot(places.root) == old
            continue
        try:
            restore.finish(places, Notes(), decided)
            outcomes.add("went on")
        except OSError:
            outcomes.add("resumed")
            resume(places, Notes())
        assert snapshot(places.root) == factory
        assert len(audit(places.root)) == 1 or "its line would be: " in caplog.text
        caplog.clear()
        if disk.count < at:
            break
    refused = "the restore could not be prepared: No space left on device"
    assert outcomes == {refused, "went on", "resumed"}


def test_the_reserve_is_freed_first_and_made_again(
    places: Places, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "reserve").write_bytes(bytes(4096))
    monkeypatch.setattr(manifest, "load", lambda *_: [])
    decided = restore.prepare(places, Notes(), ASKER)
    assert not (work / "reserve").exists()
    restore.finish(places, Notes(), decided)
    assert (work / "reserve").stat().st_size == 4096


# -- resuming, and giving up ----------------------------------------------------------------------


def test_a_boot_without_a_mark_changes_nothing(places: Places) -> None:
    old = snapshot(places.root)
    machine = Notes()
    resume(places, machine)
    assert (snapshot(places.root), machine.done) == (old, [])


def test_a_resumed_restore_reboots_and_is_in_the_audit_once(
    places: Places, factory: dict[str, tuple[int, bytes | str]]
) -> None:
    restore.prepare(places, Notes(), ASKER)
    machine = Notes()
    resume(places, machine)
    assert machine.done == ["enable", "enable-time-sync", "sync", "reboot"]
    assert snapshot(places.root) == factory
    assert len(audit(places.root)) == 1


def test_after_three_failed_resumes_the_box_starts_as_it_is(
    places: Places, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore.prepare(places, Notes(), ASKER)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(restore, "_put", broken)
    reboots = []
    for _ in range(4):
        machine = Notes()
        resume(places, machine)
        reboots.append("reboot" in machine.done)
    assert reboots == [True, True, False, False]
    assert not (work / "commit").exists()
    assert (work / "commit.given-up").exists()
    (line,) = audit(places.root)
    assert "factory default given up, half done" in line


def test_a_restore_after_one_that_was_given_up_has_three_attempts_again(
    places: Places, work: Path, factory: dict[str, tuple[int, bytes | str]]
) -> None:
    (work / "attempts").write_text("2")
    (work / "commit.given-up").write_text("?")
    run(places)
    assert not (work / "attempts").exists()
    assert snapshot(places.root) == factory


def test_a_failure_that_cannot_be_counted_is_given_up_and_no_boot_comes_back_for_it(
    places: Places, work: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    restore.prepare(places, Notes(), ASKER)
    monkeypatch.setattr(durable, "files", FullDisk(1, for_ever=True))
    machine = Notes()
    assert not resume(places, machine).reboots
    assert "reboot" not in machine.done
    assert not (work / "commit").exists()
    assert (work / "commit.given-up").exists()
    assert "factory default given up, half done [" in caplog.text  # in the audit it has no room
    # The technician sets the box up; the next boot leaves that alone.
    monkeypatch.setattr(durable, "files", QuickDisk())
    write(places.root, "etc/ivsd/ivsd.yaml", b"room: 9\n")
    resume(places, Notes())
    assert places.at("/etc/ivsd/ivsd.yaml").read_bytes() == b"room: 9\n"


def test_an_audit_that_cannot_be_written_fails_no_restore(
    places: Places, work: Path, factory: dict[str, tuple[int, bytes | str]],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    (work / "audit.log").mkdir()
    (work / "audit.log/in-the-way").touch()
    run(places)
    assert snapshot(places.root) == factory
    assert not work_folder.is_committed(places)
    assert "its line would be: 2026-11-18T" in caplog.text


def test_a_mark_that_cannot_be_read_is_kept_and_not_taken_for_none(
    places: Places, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of it may be done: it is not true that the old state is whole.
    restore.prepare(places, Notes(), ASKER)
    whole = (work / "commit").read_bytes()
    read_in = durable.read_in

    def reading(folder: int, name: str, *, most: int) -> bytes:
        if name == "commit":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_in(folder, name, most=most)

    with monkeypatch.context() as patched:
        patched.setattr(durable, "read_in", reading)
        machine = Notes()
        assert not resume(places, machine).reboots
    assert machine.done == []
    assert (work / "commit.given-up").read_bytes() == whole
    assert not (work / "commit").exists()
    assert (work / "staging/0").exists()
    (line,) = audit(places.root)
    assert "unknown how much of it is done" in line
    assert "Input/output error" in line


def test_a_staged_file_and_its_template_both_spoiled_is_a_failed_attempt(
    places: Places, work: Path, caplog: pytest.LogCaptureFixture
) -> None:
    restore.prepare(places, Notes(), ASKER)
    for name in ("staging/0", "templates/ivsd.yaml"):
        (work / name).write_bytes(b"spoiled")
    with caplog.at_level(logging.ERROR):
        resume(places, Notes())
    assert "it is staged no more as it was committed: /etc/ivsd/ivsd.yaml" in caplog.text
    assert (work / "attempts").read_text() == "1"
    assert (work / "commit").exists()

"""The diagnostics bundle has a time and a size to keep, and says what it has left out for them."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivsd.appliance.control_client import LONGEST_ANSWER
from ivsd.bundle import __main__ as child
from ivsd.bundle import box, packing, programs, self_test
from ivsd.bundle.packing import CUT
from ivsd.doctor import Area, Finding
from tests.secret_box import FakeBox, fake_box, full_of_secrets, leaks, unpacked

WRONG = Finding(Area.SERVER, False, "connect: 192.0.2.1 port 49152 refuses", "Start VALT there.")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBox:
    made = fake_box(tmp_path / "box", monkeypatch)
    made.has("/etc/ivsd/ivsd.yaml", "room: 4\n")
    return made


# -- the self-test ---------------------------------------------------------------------------------


def test_the_self_test_is_what_the_doctor_finds_and_what_to_do(fake: FakeBox) -> None:
    fake.findings = [
        Finding(Area.SERVICE, True, "ivsd.service is active (running)"),
        Finding(Area.PERMISSIONS, None, "only root may look"),
        WRONG,
    ]
    assert fake.bundle()["self-test.txt"].decode() == (
        "ok     service      ivsd.service is active (running)\n"
        "-      permissions  only root may look\n"
        "WRONG  server       connect: 192.0.2.1 port 49152 refuses\n"
        "\n"
        "What to do:\n"
        "1. Start VALT there.\n"
    )


def test_what_is_wrong_in_the_configuration_is_left_to_the_check(fake: FakeBox) -> None:
    quoted = "/etc/ivsd/ivsd.yaml:7: hunter2: is no key here"
    fake.findings = [Finding(Area.CONFIG, False, quoted, "Correct line 7.")]
    text = fake.bundle()["self-test.txt"].decode()
    assert text.startswith("WRONG  config       see check.txt\n")
    assert "hunter2" not in text


def test_a_look_that_hangs_is_not_waited_for_and_what_it_missed_is_named(
    fake: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = threading.Event()

    def findings(*_: object) -> Iterator[Finding]:
        yield WRONG
        ends.wait(60)

    monkeypatch.setattr(self_test, "findings", findings)
    monkeypatch.setattr(self_test, "WITHIN_S", 0.2)
    try:
        text = fake.bundle()["self-test.txt"].decode()
    finally:
        ends.set()
    assert "connect: 192.0.2.1 port 49152 refuses" in text
    assert "not done, or only in part: server, clock, disk)" in text
    assert "1. Start VALT there." in text


def test_a_defect_of_the_doctor_costs_the_self_test_only(
    fake: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings(*_: object) -> Iterator[Finding]:
        raise ValueError("s3cr3t-Xy")

    monkeypatch.setattr(self_test, "findings", findings)
    files = fake.bundle()
    text = files["self-test.txt"].decode()
    assert "a defect in ivsd itself: ValueError in test_bundle_limits.py" in text
    assert leaks(files, "s3cr3t-Xy") == []
    assert "left out: self-test.txt: a defect" in files["README.txt"].decode()


# -- time ------------------------------------------------------------------------------------------


def test_what_there_is_no_time_for_is_not_begun(
    fake: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "WITHIN_S", 0.0)
    fake.says("ip", "inet 192.0.2.2/24\n")
    files = {file: data.decode() for file, data in fake.bundle().items()}
    assert "there was no time left for ip" in files["network.txt"]
    assert "192.0.2.2" not in files["network.txt"]
    assert "there was no time left" in files["self-test.txt"]
    assert "room: 4" in files["config/ivsd.yaml"]


def test_a_program_has_the_time_that_is_left(
    fake: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def run(argv: object, *, timeout_s: float) -> programs.Ran:
        given.append(timeout_s)
        return programs.Ran("", "")

    monkeypatch.setattr(box, "run", run)
    monkeypatch.setattr(packing, "WITHIN_S", programs.TIMEOUT_S / 2)
    fake.bundle()
    assert given
    assert all(0 < timeout_s <= programs.TIMEOUT_S / 2 for timeout_s in given)


# -- size ------------------------------------------------------------------------------------------


def long_journal() -> str:
    """Return a journal that is hard to pack; each line has its number."""
    dice = random.Random(7)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(20000)]
    return "".join(f"line {n} {' '.join(dice.choices(words, k=8))}\n" for n in range(3000))


def test_of_a_journal_that_is_too_long_the_newest_lines_are_sent(fake: FakeBox) -> None:
    fake.says("journalctl", long_journal())
    whole = fake.archive()
    made = fake.archive(most_bytes=len(whole.data) // 3)
    assert len(made.data) <= len(whole.data) // 3
    files = {file: data.decode() for file, data in unpacked(made.data, made.name).items()}
    assert files["journal.txt"].startswith(CUT)
    assert "line 2999 " in files["journal.txt"]
    assert all(line.startswith("line ") for line in files["journal.txt"].splitlines()[1:])
    (line,) = [line for line in made.missing if line.startswith("journal.txt: ")]
    assert "all but its last" in line
    assert f"left out: {line}" in files["README.txt"]


def test_an_archive_of_any_size_fits_into_an_answer_of_the_control_socket() -> None:
    missing = [f"file {n}: {'…' * 1000}" for n in range(100)]
    told = child.answer("ivsd-box-1", bytes(child.MOST_BYTES), missing)
    line = json.dumps({"id": 1, "ok": True, "data": told})
    assert len(line) < LONGEST_ANSWER


def test_what_is_cut_off_has_passed_the_redactor_before(fake: FakeBox) -> None:
    """A cut through a secret would make two halves of it, which nothing recognises."""
    full_of_secrets(fake, ["longSecretWithManySigns"])
    fake.has("/etc/ivsd/pw.txt", "longSecretWithManySigns")
    for most_bytes in range(3000, 6000, 300):
        made = fake.archive(most_bytes=most_bytes)
        files = unpacked(made.data, made.name)
        assert leaks(files, "longSecretWithManySigns") == []
        assert not any(b"ManySigns" in data for data in files.values())

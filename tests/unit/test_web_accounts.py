"""The password of the pages: how it is kept, and how its guessing is slowed down."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ivsd.appliance import durable
from ivsd.web.access import accounts as module
from ivsd.web.access.accounts import Accounts, AlreadySet
from ivsd.web.access.backoff import MOST_ADDRESSES, Backoff
from tests.power_cut import QuickDisk

PASSWORD = "correct horse battery"
HERE, THERE = "10.0.0.1", "10.0.0.2"

Make = Callable[[], Accounts]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "files", QuickDisk())
    if "real_hash" not in request.fixturenames:
        monkeypatch.setattr(module, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def real_hash() -> None:
    """The test takes the time that the real one takes."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Make:
    """Make what a new start of the service makes."""
    return lambda: Accounts(tmp_path, clock, lambda: 5e8)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def code_in(folder: Path) -> str:
    return (folder / "setup-code").read_text().strip()


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


# -- the password ---------------------------------------------------------------------------------


def test_a_new_box_has_no_password_and_takes_none(make: Make) -> None:
    accounts = make()
    assert (accounts.has_password, accounts.epoch, accounts.problem) == (False, None, "")
    assert not accounts.verify("")
    assert not accounts.verify(PASSWORD)


def test_the_password_is_known_after_a_restart(make: Make) -> None:
    make().set_password(PASSWORD)
    accounts = make()
    assert accounts.has_password
    assert accounts.verify(PASSWORD)
    assert not accounts.verify(PASSWORD + " ")


@pytest.mark.usefixtures("real_hash")
def test_only_a_scrypt_hash_and_an_epoch_are_kept_for_the_owner(make: Make, tmp_path: Path) -> None:
    accounts = make()
    epoch = accounts.set_password(PASSWORD)
    text = (tmp_path / "admin.json").read_text()
    found = json.loads(text)
    assert set(found) == {"hash", "epoch"}
    assert found["hash"].startswith("scrypt:16384:8:5$")
    assert found["epoch"] == epoch == accounts.epoch
    assert "horse" not in text
    for name in ("admin.json", "session-key"):
        assert mode(tmp_path / name) == 0o600
    assert accounts.verify(PASSWORD)


def test_the_same_password_is_another_hash_and_another_epoch(make: Make, tmp_path: Path) -> None:
    accounts = make()
    seen = set()
    for _ in range(2):
        accounts.set_password(PASSWORD)
        seen |= set(json.loads((tmp_path / "admin.json").read_text()).values())
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "at least 10"), ("123456789", "at least 10"), ("x" * 201, "more than 200"),
     ("x" * 10**7, "more than 200"), ("0123456789\0", "nobody can type"),
     ("01234\n56789", "nobody can type"), ("0123456789\x7f", "nobody can type"),
     ("0123456789\ud800", "nobody can type")],
)  # fmt: skip
def test_what_cannot_be_a_password_is_explained_and_changes_nothing(
    make: Make, tmp_path: Path, text: str, said: str
) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    before = (tmp_path / "admin.json").read_bytes()
    with pytest.raises(ValueError, match=said) as error:
        accounts.set_password(text)
    assert len(str(error.value)) < 80  # it does not repeat it
    assert (tmp_path / "admin.json").read_bytes() == before
    assert not accounts.verify(text)
    assert accounts.verify(PASSWORD)


@pytest.mark.parametrize(
    "text", ["0123456789", "x" * 200, "пароль пароль", "🔑🔓🔑🔓🔑🔓🔑🔓🔑🔓", " " * 10]
)
def test_any_other_text_can_be_one(make: Make, text: str) -> None:
    accounts = make()
    accounts.set_password(text)
    assert accounts.verify(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("café-münchen", "cafe\u0301-mu\u0308nchen"), ("0123456789", "０１２３４５６７８９")],
    ids=["composed", "wide"],
)
def test_a_password_is_the_same_from_every_keyboard(make: Make, one: str, other: str) -> None:
    accounts = make()
    accounts.set_password(one)
    assert accounts.verify(other)


def test_what_scrypt_takes_for_the_same_is_not(make: Make) -> None:
    accounts = make()
    accounts.set_password("0123456789")
    assert not accounts.verify("0123456789\0")


def test_a_full_disk_leaves_the_old_password(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = make()
    epoch = accounts.set_password(PASSWORD)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(OSError, match="No space"):
        accounts.set_password("another password")
    assert accounts.epoch == epoch
    assert accounts.verify(PASSWORD)


def test_the_first_password_is_set_once(make: Make) -> None:
    accounts = make()
    accounts.set_first_password(PASSWORD)
    with pytest.raises(AlreadySet):
        accounts.set_first_password("another password")
    assert accounts.verify(PASSWORD)


def test_of_many_that_set_the_first_password_at_once_one_has(make: Make) -> None:
    accounts = make()
    start = threading.Barrier(8)
    won: list[str] = []
    late: list[str] = []

    def set_it(text: str) -> None:
        start.wait(10.0)
        try:
            accounts.set_first_password(text)
            won.append(text)
        except AlreadySet:
            late.append(text)

    threads = [threading.Thread(target=set_it, args=(f"password no {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert (len(won), len(late)) == (1, 7)
    assert accounts.verify(won[0])


def test_hashes_are_made_two_at_once_in_threads_of_their_own(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C library keeps a hash's memory for each thread that has made one (measured)."""
    accounts = make()
    accounts.set_password(PASSWORD)
    lock, both, let_go = threading.Lock(), threading.Event(), threading.Event()
    inside, most, makers = 0, 0, set()

    def slow(_: str, __: str) -> bool:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            makers.add(threading.get_ident())
            if inside == 2:
                both.set()
        assert let_go.wait(10.0)
        with lock:
            inside -= 1
        return False

    monkeypatch.setattr(module, "check_password_hash", slow)
    threads = [
        threading.Thread(target=accounts.verify, args=(PASSWORD, f"10.0.0.{n}")) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    assert both.wait(10.0)
    let_go.set()
    for thread in threads:
        thread.join(10.0)
    assert (inside, most, len(makers)) == (0, 2, 2)


# -- files that are not as they were written ------------------------------------------------------

BROKEN = [
    b"",
    b"{",
    b"[" * 4000,
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b'{"hash": 1, "epoch": "a"}',
    b'{"hash": "", "epoch": "a"}',
    b'{"hash": "plain", "epoch": "a"}',
    b'{"hash": "scrypt:1073741824:8:1$aaaa$' + b"0" * 128 + b'", "epoch": "a"}',
    b'{"hash": "scrypt:1024:8:1$aaaa$' + b"0" * 128 + b'", "epoch": ""}',
    b'{"hash": "scrypt:1024:8:1$aaaa$' + b"0" * 128 + b'"}',
    b'{"hash": "scrypt:1024:8:1$aaaa$' + b"0" * 127 + b'", "epoch": "a"}',
    b'{"hash": "scrypt:1024:8:1$aaaa$' + b"0" * 128 + b'", "epoch": "a", "more": 1}',
    b" " * 5000,
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_a_file_that_cannot_be_parsed_is_not_the_same_as_none(
    make: Make, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "admin.json"
    path.write_bytes(data)
    accounts = make()
    assert accounts.has_password
    assert accounts.epoch is None
    assert str(path) in accounts.problem
    assert "Remove it as root" in accounts.problem
    assert not accounts.verify("")
    with pytest.raises(AlreadySet):
        accounts.set_first_password(PASSWORD)
    assert path.read_bytes() == data
    assert not (tmp_path / "setup-code").exists()


def test_what_is_no_plain_file_is_not_read(make: Make, tmp_path: Path) -> None:
    make().set_password(PASSWORD)
    (tmp_path / "admin.json").rename(tmp_path / "elsewhere")
    (tmp_path / "admin.json").symlink_to(tmp_path / "elsewhere")
    accounts = make()
    assert accounts.has_password
    assert accounts.problem
    assert not accounts.verify(PASSWORD)


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_must_not_be_read_is_told(make: Make, tmp_path: Path) -> None:
    make().set_password(PASSWORD)
    (tmp_path / "admin.json").chmod(0)
    assert "Permission denied" in make().problem


def test_a_disk_that_fails_for_a_while_lets_nobody_in_and_heals(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)

    def fail(*_: object, **__: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(durable, "read_in", fail)
        assert accounts.has_password
        assert not accounts.verify(PASSWORD)
        assert "Input/output error" in accounts.problem
    assert accounts.problem == ""
    assert accounts.verify(PASSWORD)


def test_a_broken_file_is_told_once_in_the_journal(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "admin.json").write_bytes(b"{")
    accounts = make()
    assert [accounts.has_password for _ in range(10)] == [True] * 10
    assert len(caplog.records) == 1


def test_removing_the_file_heals_it_without_a_restart(make: Make, tmp_path: Path) -> None:
    (tmp_path / "admin.json").write_bytes(b"{")
    accounts = make()
    (tmp_path / "admin.json").unlink()
    accounts.code.prepare()
    assert not accounts.has_password
    assert accounts.code.use(code_in(tmp_path))


@pytest.mark.parametrize("data", [b"", b"00", b"zz" * 32, b"\xff" * 64, b"0" * 5000])
def test_a_session_key_that_is_none_is_told_and_left_alone(
    make: Make, tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "session-key").write_bytes(data)
    first, second = make(), make()
    assert len(first.session_key) == 32
    assert first.session_key != second.session_key
    assert (tmp_path / "session-key").read_bytes() == data
    assert "session-key cannot be used" in caplog.text


def test_the_session_key_is_made_once(make: Make, tmp_path: Path) -> None:
    key = make().session_key
    assert len(key) == 32
    assert make().session_key == key
    assert mode(tmp_path / "session-key") == 0o600


def test_without_its_folder_it_begins_all_the_same(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = Accounts(tmp_path / "missing", clock)
    assert len(accounts.session_key) == 32
    assert not accounts.code.use("")
    with pytest.raises(FileNotFoundError):
        accounts.set_first_password(PASSWORD)
    accounts.code.prepare()
    assert caplog.text.count("setup-code cannot be written") == 1


# -- guessing -------------------------------------------------------------------------------------


def test_after_three_wrong_ones_the_wait_grows_to_a_minute(make: Make, clock: Clock) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    waits = []
    for _ in range(11):
        assert not accounts.verify("wrong", HERE)
        waits.append(accounts.wait_s(HERE))
        clock.now += waits[-1]
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_while_it_waits_not_even_the_right_one_is_looked_at(
    make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    for _ in range(3):
        accounts.verify("wrong", HERE)
    looked: list[tuple[str, ...]] = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "check_password_hash", lambda *held: looked.append(held))
        for _ in range(50):
            assert not accounts.verify(PASSWORD, HERE)
    assert looked == []
    assert accounts.wait_s(HERE) == 1.0  # and asking does not prolong it
    clock.now += 1.0
    assert accounts.verify(PASSWORD, HERE)
    assert accounts.wait_s(HERE) == 0.0


def test_the_right_one_begins_the_count_anew(make: Make) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    for text in ("wrong", "wrong", PASSWORD, "wrong", "wrong"):
        accounts.verify(text, HERE)
    assert accounts.wait_s(HERE) == 0.0


def test_one_address_does_not_shut_out_another_however_long_it_tries(
    make: Make, clock: Clock
) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    for _ in range(100):
        accounts.verify("wrong", HERE)
        assert accounts.wait_s(THERE) == 0.0
        clock.now += accounts.wait_s(HERE)
    accounts.verify("wrong", HERE)
    assert accounts.wait_s(HERE) == 60.0
    assert accounts.verify(PASSWORD, THERE)


def test_many_addresses_keep_nobody_waiting_for_long(make: Make, clock: Clock) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    for n in range(200):
        accounts.verify("wrong", f"10.0.1.{n}")
        assert accounts.wait_s(THERE) <= 2.0
        clock.now += accounts.wait_s(THERE)
    assert accounts.verify(PASSWORD, THERE)


def test_who_has_many_addresses_has_to_wait_as_well(make: Make) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    for n in range(29):
        accounts.verify("wrong", f"10.0.1.{n}")
    assert accounts.wait_s(HERE) == 0.0
    accounts.verify("wrong", "10.0.1.29")
    assert accounts.wait_s(HERE) == 1.0
    assert not accounts.verify(PASSWORD, HERE)


def test_the_right_one_begins_the_count_of_all_anew(make: Make) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    for n in range(58):
        accounts.verify(PASSWORD if n == 29 else "wrong", f"10.0.1.{n}")
    assert accounts.wait_s(HERE) == 0.0
    accounts.verify("wrong", "10.0.1.58")
    accounts.verify("wrong", "10.0.1.59")
    assert accounts.wait_s(HERE) == 1.0


def test_many_guesses_at_once_are_no_way_around_the_wait(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = make()
    accounts.set_password(PASSWORD)
    looked: list[str] = []
    start, lock = threading.Barrier(20), threading.Lock()

    def look(_: str, text: str) -> bool:
        with lock:
            looked.append(text)
        return False

    def guess(n: int) -> None:
        start.wait(10.0)
        accounts.verify(f"guess {n}", HERE)

    monkeypatch.setattr(module, "check_password_hash", look)
    threads = [threading.Thread(target=guess, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert len(looked) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
     ("2001:db8:0:1::1", "2001:db8:0:2::1", False), ("fe80::1", "fe80::2", False),
     ("::ffff:10.0.0.1", "10.0.0.1", True), ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
     ("10.0.0.1", "10.0.0.2", False), ("", "no address", False)],
)  # fmt: skip
def test_who_has_a_network_of_addresses_counts_once(
    clock: Clock, one: str, other: str, same: bool
) -> None:
    backoff = Backoff(clock)
    for _ in range(3):
        backoff.begin(one)
    assert (backoff.wait_s(other) > 0.0) is same


def test_many_addresses_do_not_grow_the_memory(clock: Clock) -> None:
    backoff = Backoff(clock)
    for n in range(20 * MOST_ADDRESSES):
        assert backoff.begin(f"10.1.{n // 256}.{n % 256}")
        clock.now += 61.0
    for n in range(20 * MOST_ADDRESSES):  # nor do those that only ask
        backoff.wait_s(f"10.2.{n // 256}.{n % 256}")
    assert len(backoff._of) == MOST_ADDRESSES


def test_what_was_wrong_long_ago_is_forgotten(clock: Clock) -> None:
    backoff = Backoff(clock)
    for _ in range(3):
        backoff.begin(HERE)
    clock.now += 901.1
    for _ in range(2):
        assert backoff.begin(HERE)
        assert backoff.wait_s(HERE) == 0.0


# -- the journal ----------------------------------------------------------------------------------


def test_a_wrong_one_is_a_line_a_minute_with_the_address_and_no_secret(
    make: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    accounts = make()
    accounts.set_password(PASSWORD)
    caplog.clear()
    for _ in range(60):
        accounts.verify("my wrong guess", HERE)
        clock.now += 1.0
    assert [record.getMessage() for record in caplog.records] == [f"a wrong password from {HERE}"]
    clock.now += 60.0
    accounts.verify("my wrong guess", HERE)
    assert len(caplog.records) == 2


def test_no_secret_is_in_the_journal(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    accounts = make()
    code = code_in(tmp_path)
    accounts.code.use(other_than(code), HERE)
    accounts.code.use(code, HERE)
    second = code_in(tmp_path)
    accounts.set_first_password(PASSWORD)
    accounts.verify(PASSWORD, HERE)
    accounts.verify("a wrong guess", HERE)
    secrets = [PASSWORD, "a wrong guess", code, second, other_than(code)]
    secrets += json.loads((tmp_path / "admin.json").read_text()).values()
    secrets.append((tmp_path / "session-key").read_text().strip())
    assert caplog.records
    for secret in secrets:
        assert secret not in caplog.text


# -- the code from the console --------------------------------------------------------------------


def test_without_a_password_there_is_a_code_for_root(make: Make, tmp_path: Path) -> None:
    make()
    code = code_in(tmp_path)
    assert len(code) == 8
    assert code.isdecimal()
    assert mode(tmp_path / "setup-code") == 0o600
    make()
    assert code_in(tmp_path) == code  # who has noted it can still use it after a restart


def test_a_code_works_once(make: Make, tmp_path: Path) -> None:
    accounts = make()
    code = code_in(tmp_path)
    assert accounts.code.use(f" {code[:4]}-{code[4:]} ")
    assert not accounts.code.use(code)
    assert accounts.code.use(code_in(tmp_path))


def test_five_wrong_codes_make_a_new_one(make: Make, tmp_path: Path) -> None:
    accounts = make()
    code = code_in(tmp_path)
    for n in range(5):
        assert code_in(tmp_path) == code
        assert not accounts.code.use(other_than(code), f"10.0.0.{n}")
    assert code_in(tmp_path) != code
    assert not accounts.code.use(code, "10.0.0.9")


@pytest.mark.parametrize("text", ["", "0", "x" * 10**6, "\0" * 8, "١٢٣٤٥٦٧٨", "\ud800" * 8])
def test_what_is_no_code_is_only_wrong(make: Make, text: str) -> None:
    assert not make().code.use(text)


def test_codes_cannot_be_guessed_quickly(make: Make, clock: Clock) -> None:
    accounts = make()
    for _ in range(3):
        accounts.code.use("x", HERE)
    assert accounts.code.wait_s(HERE) == 1.0
    assert accounts.wait_s(HERE) == 0.0


def test_while_it_waits_the_right_code_is_not_looked_at(make: Make, tmp_path: Path) -> None:
    accounts = make()
    for _ in range(3):
        accounts.code.use("x", HERE)
    assert not accounts.code.use(code_in(tmp_path), HERE)


@pytest.mark.parametrize("data", [b"", b"1234567", b"123456789", b"abcdefgh", b"\xff" * 8])
def test_a_code_that_is_none_is_made_anew(make: Make, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "setup-code").write_bytes(data)
    accounts = make()
    assert not accounts.code.use(data.decode(errors="replace"))
    assert accounts.code.use(code_in(tmp_path))


def test_the_code_goes_with_the_first_password(make: Make, tmp_path: Path) -> None:
    accounts = make()
    code = code_in(tmp_path)
    accounts.set_first_password(PASSWORD)
    assert not (tmp_path / "setup-code").exists()
    assert not accounts.code.use(code)
    assert not (tmp_path / "setup-code").exists()


def test_with_a_password_no_code_is_right(make: Make, tmp_path: Path) -> None:
    accounts = make()
    accounts.set_first_password(PASSWORD)
    (tmp_path / "setup-code").write_text("12345678\n")
    assert not accounts.code.use("12345678")


def test_a_code_that_a_power_cut_has_left_is_dropped(make: Make, tmp_path: Path) -> None:
    make().set_first_password(PASSWORD)
    (tmp_path / "setup-code").write_text("12345678\n")
    make()
    assert not (tmp_path / "setup-code").exists()


def test_a_code_is_used_up_also_on_a_full_disk(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = make()
    code = code_in(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "write", full)
    assert accounts.code.use(code)
    assert not accounts.code.use(code)


# -- the time of sessions -------------------------------------------------------------------------


def test_a_jump_of_the_time_of_day_is_no_time(tmp_path: Path, clock: Clock) -> None:
    day = [1e9]
    accounts = Accounts(tmp_path, clock, lambda: day[0])
    assert accounts.now() == 1e9
    day[0] = 2e9
    clock.now += 5.0
    assert accounts.now() == 1e9 + 5.0

"""The diagnostics bundle: no secret of the box is in it, and what support needs is."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ivsd.appliance import durable
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory.places import Places
from ivsd.bundle import bundle, command, contents, programs
from ivsd.bundle.config_text import redacted, without_quoted
from ivsd.bundle.known import read_text
from ivsd.bundle.redact import Redactor
from tests.secret_box import (
    KNOWN,
    NOBODY,
    NUMBERS,
    ONLY_THERE,
    PROGRAMS,
    FakeBox,
    fake_box,
    full_of_secrets,
    leaks,
    spellings,
)

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBox:
    return fake_box(tmp_path / "box", monkeypatch)


# -- secrets everywhere ----------------------------------------------------------------------------


def test_no_secret_that_was_planted_is_in_the_archive(box: FakeBox) -> None:
    full_of_secrets(box)
    files = box.bundle()
    assert set(files) == {"README.txt", *contents.FILES}
    for secret in (*KNOWN, *NUMBERS, *ONLY_THERE):
        assert leaks(files, secret) == []


def test_not_one_part_failed_to_say_that(box: FakeBox) -> None:
    """A part that was not made has no secret in it, and proves nothing."""
    full_of_secrets(box)
    for file, data in box.bundle().items():
        assert "not there" not in data.decode(), file
        assert file in ("README.txt", "versions.txt") or "…" in data.decode(), file


SIGNS = st.one_of(
    st.characters(exclude_characters="…\x00", codec="utf-8"),
    st.sampled_from("$&+/=\"'\\%# :{}[],@?-<>;*!|`~äß€漢😀01aA"),
)
SECRETS = st.text(SIGNS, min_size=4, max_size=24)
FIXED_NAMES = " ".join((*contents.FILES, "README.txt"))


def yaml_forms(secret: str) -> Iterator[str]:
    """Yield lines of ivsd.yaml that have it as the password, as YAML itself would write it."""
    for style in ("'", '"', "|", ">"):
        yield yaml.safe_dump(
            {"valt": {"password": secret, "username": "u"}},
            default_style=style,
            allow_unicode=style != '"',
        )
    yield yaml.safe_dump({"valt": {"password": secret}}, default_flow_style=True, width=20)


@settings(
    max_examples=int(os.environ.get("IVSD_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(secret=SECRETS, form=st.integers(0, 4), in_file=st.booleans())
@example(secret="a&+/", form=0, in_file=True)
@example(secret="$\"'\\", form=2, in_file=False)
@example(secret="    x    ", form=1, in_file=False)
@example(secret='😀ß"é', form=1, in_file=True)
@example(secret="{room", form=3, in_file=False)
@example(secret="line one\nline two", form=3, in_file=False)
def test_no_password_whatever_its_signs_is_in_the_archive(
    box: FakeBox, secret: str, form: int, in_file: bool
) -> None:
    assume(secret not in FIXED_NAMES)
    assume(not in_file or (secret == secret.strip("\r\n") and "\r" not in secret))
    assume(len(secret.strip()) >= 4)
    said = "".join(f"before {one} behind\n{one}\nx={one}&y\n" for one in spellings(secret))
    config = list(yaml_forms(secret))[form] if not in_file else "valt: {password_file: pw}\n"
    if not in_file and yaml.safe_load(config)["valt"]["password"] != secret:
        return  # YAML turns some signs into others
    box.has("/etc/ivsd/ivsd.yaml", config)
    box.has("/etc/ivsd/pw", secret if in_file else "otherwise")
    for name in PROGRAMS:
        box.says(name, said)
    box.has("/etc/resolv.conf", said)
    box.has("/var/lib/ivsd-factory/audit.log", said)
    box.status = {"schema": 1, secret: [secret, said]}
    assert leaks(box.bundle(), secret) == []


def test_of_a_password_of_two_lines_neither_is_in_the_archive(box: FakeBox) -> None:
    box.has("/etc/ivsd/ivsd.yaml", "valt:\n  password: |\n    firstSecret\n      nextSecret\n")
    box.says("ip", "a firstSecret\nnextSecret b\n")
    files = box.bundle()
    assert leaks(files, "firstSecret") == []
    assert leaks(files, "nextSecret") == []


@settings(max_examples=100, deadline=None)
@given(secret=SECRETS, form=st.integers(0, 4))
@example(secret="a\nname: b", form=1)
@example(secret="a b: c # d 'e", form=0)
def test_no_password_as_yaml_writes_it_is_shown(secret: str, form: int) -> None:
    """By the structure alone, without knowing it; a word of a long one may be anywhere."""
    assume(secret not in "valt: {password: username: u}\n  …")
    assert secret not in redacted(list(yaml_forms(secret))[form])


@pytest.mark.parametrize("secret", ["ivsd", "room", "2026", '": "', "    ", "true", "…"])
def test_a_password_that_is_a_word_of_every_file_costs_legibility_only(
    box: FakeBox, secret: str
) -> None:
    box.has("/etc/ivsd/ivsd.yaml", "valt: {password_file: pw}\nroom: 4\n")
    box.has("/etc/ivsd/pw", secret)
    files = box.bundle()
    if len(secret) >= 4:
        assert not any(secret.encode() in data for data in files.values())


# -- the configuration -----------------------------------------------------------------------------

SECRET = "s3cr3t-Xy"


@pytest.mark.parametrize(
    "text",
    [
        "valt:\n  password: S\n",
        "valt:\n  password:\n    S\n",
        "valt:\n  password:\n  S\n",
        "valt:\n  password:\nS\n",
        "valt:\n  password: >-\n    a\n    url: https://S\n    name: S\n",
        "valt:\n  password: |\n    a\n\n    name: S\n",
        "valt:\n  password: \"a\nname: S\n  b\"\nroom: 4\n",
        "valt:\n  password: 'a''\nname: S\n  b'\nroom: 4\n",
        "valt: {url: https://a, password: \"b\nname: S\n  c\"}\n",
        "valt: {password: S\n",
        "valt: {\n  password: S,\n  url: https://a\n}\n",
        "{valt: {username: u, password: S, url: x}}\n",
        "valt: {\"password\":\"S\"}\n",
        "valt:\n  \"password\" : S\n",
        "valt:\n  \"pass\\x77ord\": S\n",
        "valt:\n  \"pass\\x77ord\":\n    name: S\n",
        "valt:\n  ? password\n  : S\n",
        "valt:\n  !!str password: S\n",
        "valt:\n\tpassword: S\n",
        "valt:\n  password S\n",
        "valt:\n  password:S\n",
        "valt:\n  password=S\n",
        "valt: password: S\n",
        "valt:\n  url: https://a password: S\n",
        "valt:\n  username: u password: S\n",
        "valt:\n  username: u/S\n",
        "valt:\n  username: u:S\n",
        "valt:\n  username: &x S\n  password: *x\n",
        "valt:\n  username: *S\n",
        "valt: &S\n  url: https://a\n",
        "valt:\n  username: !S u\n",
        "valt:\n  url: https://u:S@h\n",
        "valt:\n  url: https://u:a/S@h\n",
        "valt:\n  url: https://h/S\n",
        "valt:\n  url: https://h?token=S\n",
        "valt:\n  url: https://h#S\n",
        "valt:\n  url: https://h?a@S\n",
        "valt:\n  url: \"https://h\"S\n",
        "valt:\n  password_file: S\n",
        "valt:\n  verify: S\n",
        "valt:\n  timeout_s: S\n",
        "valt:\n  Password: S\n",
        "room: \"Room\" S\n",
        "room: my password is S\n",
        "room: 'Room S\n",
        "room: Room # S\n",
        "room: Room\t# S\n",
        "#S\n# password: S\n",
        "recording:\n  template:\n    \"3\": S\n",
        "recording:\n  template:\n  - S\n",
        "recording:\n  template:\n    name: S\n",
        "recording: {template: {name: S}}\n",
        "valt: {password: {name: S}}\n",
        "valt: {pasword: {name: S}}\n",
        "valt: {S: 1}\n",
        "valt: {password: [a, {name: S}]}\n",
        "room: Room   # S\n",
        "recording: {template: {3: S, name: S}}\n",
        "recording:\n  stop: S\n",
        "S\n",
        "S: S\n",
        "- S\n",
        "--- S\n",
        "%S\n",
        "[S, {a: S}]\n",
        "controls:\n  record: S\n",
        "controls:\n  my password S: record_toggle\n",
        "inputs:\n  keyboards:\n  - {name: r, prefix: S}\n",
        "a: 1\rpassword: S\r",
        "a: 1\x85password: S\u2028room: 4\u2029S",
        "valt:\n  password: a\x0bname: S\x0c\x1cname: S\n",
        "valt:\n  password: [a,\n    name: S]\n",
        "valt:\n  - password: S\n    url: https://a\n",
        "v\0a\0l\0t\0:\0S\n",
    ],
)  # fmt: skip
def test_a_secret_in_a_configuration_right_or_broken_is_not_shown(text: str) -> None:
    assert SECRET not in redacted(text.replace("S", SECRET) if "S" in text else text)


EXAMPLE = (HERE / "config/ivsd.yaml").read_text(encoding="utf-8")
AS_WRITTEN = EXAMPLE.replace("password_file: valt-password", "password: S").split("factory_def")[0]


@settings(max_examples=100, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from(
                ["", "\n", " ", '"', "'", ":", "{", "}", "[", "#", "&a ", "- ", "|", "x"]
            ),
        ),
        max_size=6,
    )
)
def test_no_slip_of_the_finger_shows_the_password(edits: list[tuple[float, str]]) -> None:
    before, after = AS_WRITTEN.split("password: S")
    for at, sign in edits:  # near the password, where it may do harm
        text = before[-60:] + "password: \0" + after[:60]
        place = int(at * len(text))
        if text[place : place + 1] != "\0":
            text = text[:place] + sign + text[place + (not sign) :]
        head, _, tail = text.partition("\0")
        before, after = before[:-60] + head.removesuffix("password: "), tail + after[60:]
        if not head.endswith("password: "):
            assert SECRET not in redacted(before + SECRET + after)
            return
    assert SECRET not in redacted(f"{before}password: {SECRET}{after}")


@pytest.mark.parametrize("file", ["config/ivsd.yaml", "config/web.yaml", "templates/ivsd.yaml"])
def test_of_the_files_that_come_with_ivsd_all_but_comments_is_shown(file: str) -> None:
    text = (HERE / file).read_text(encoding="utf-8")
    shown = redacted(text)
    assert yaml.safe_load(shown) == yaml.safe_load(text)
    assert len(shown.split("\n")) == len(text.split("\n"))


def test_what_support_needs_of_a_configuration_is_shown() -> None:
    text = """\
valt: {url: "https://valt.example.com:8443", username: keypad, verify: "sha256:%s"}
room: "Interview Room 1"
controls:
  front door: {action: marker, name: "Important {count}", then: [pause]}
inputs:
  keyboards:
  - name: reader
    match: {path: /dev/input/by-id/usb-ACME_HID_Reader_08FF20140315-event-kbd, id: "08ff:0009"}
    keys: {KEY_KPPLUS: front door}
  buttons:
  - {control: front door, line: GPIO17, chip: gpiochip0, bounce_ms: 20}
lights: {lamps: [{name: sign, lines: [25], shows: recording, stopped: {colour: red}}]}
""" % ("ab" * 32)
    assert yaml.safe_load(redacted(text)) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("'hunter2' is wrong: it must be a number", "'…' is wrong: it must be a number"),
        ("is no key here; did you mean 'url'?", "is no key here; did you mean 'url'?"),
        ("must be a text: put it in quotes, \"4711\"", "must be a text: put it in quotes, \"…\""),
        ("4711 is out of range: use 1 to 32", "… is out of range: use 1 to 32"),
        (f"{'it' + chr(39) + 's a'!r} is not known", '"…" is not known'),
        (f"{chr(39) + chr(34) + ' a'!r} is not known", "'…' is not known"),
        ("there is no file '/etc/ivsd/pw'", "there is no file '/etc/ivsd/pw'"),
    ],
)  # fmt: skip
def test_a_sentence_of_the_check_quotes_no_values(said: str, shown: str) -> None:
    assert without_quoted(said) == shown


# -- texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23T15:04:05.123456+00:00 it was",
        "Main PID: 1234567 (ivsd)",
        "Killing process 123456 (python) with signal SIGKILL.",
        "recording 550e8400-e29b-41d4-a716-446655440000 started",
        "certificate sha256:" + "12345678" * 8,
        "certificate sha256:" + ":".join(["12", "AB"] * 16),
        "ivsd 0.1.0 on 6.5.20231, 192.0.2.17:49152, [fe80::1234:5678]:50443",
        "https://valt.example.com:49152 answered 503 after 12345 ms, again in 86400 s",
        "user 1234, recording 4321 in 2026: HTTP 404",
        "link/ether 02:fc:00:00:00:01",
        "record (record_toggle): done: recording started",
        "card reader 2 is not here",
    ],
)
def test_what_is_no_number_of_a_badge_is_kept(line: str) -> None:
    assert Redactor(()).events(line) == line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("badge 0004711001 is unknown", "badge …001 is unknown"),
        ("badge4711001", "badge…"),
        ("x-4711001-y", "x-…-y"),
        ("at https://u:p@ss@h/x now", "at https://…@h/x now"),
        ("a 12345678901234 b", "a …234 b"),
        ("pin is 4812", "pin is …"),
        ("PIN code: 481", "PIN code: 481"),
        ("card 04:A1:B2:C3", "card …:C3"),
        ("the number “04a1b2c3”", "the number “…2c3”"),
        ("read 04A1B2C3D4E5F6 at once", "read …5F6 at once"),
        ("session 0123456789abcdef0123456789abcdef ended", "session … ended"),
    ],
)
def test_the_number_of_a_badge_and_a_pin_are_shortened(line: str, shown: str) -> None:
    assert Redactor(()).events(line) == shown


def test_a_private_key_is_taken_out_though_it_has_many_lines() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nabc\ndef\n-----END EC PRIVATE KEY-----"
    assert Redactor(()).text(f"a\n{key}\nb") == "a\n…\nb"


# -- what support needs ----------------------------------------------------------------------------


def test_what_support_needs_is_still_there(box: FakeBox) -> None:
    full_of_secrets(box)
    line = "2026-11-23T15:04:05+0000 ivsd[1234567]: record (record_toggle): failed: no answer"
    box.says("journalctl", f"{line}\nhead of secrets: stateSecret16\n")
    box.says("ip", "2: eth0: <UP>\n    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\n")
    box.says("python", "  /dev/input/event3  ACME Reader  (ivsd.yaml: reader)\n    id 08ff:0009\n")
    box.says("systemctl", "systemd 252 (252.39)\nMain PID: 1234567 (ivsd)\n")
    box.has("/sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.5\x00")
    box.has("/proc/sys/kernel/random/boot_id", "1a505307-dfb0-4395-b730-0c7ec46eca19\n")
    box.has("/sys/class/thermal/thermal_zone0/temp", "48312\n")
    box.has("/var/lib/ivsd-factory/audit.log", "2026-01-02T03:04:05Z restored [ab12]: asked by 0\n")
    trust = "sha256:" + "12345678" * 8
    box.status = {
        "schema": 1,
        "uptime_s": 123456.7,
        "link": {"url": "https://valt.example.com:49152", "trust": trust},
        "outcomes": [{"time": "2026-11-23T15:04:05+00:00", "reason": "badge …001: done"}],
    }
    files = {file: data.decode() for file, data in box.bundle().items()}
    assert line in files["journal.txt"]
    assert "boot -1" in files["journal.txt"]
    assert json.loads(files["status.json"]) == box.status
    assert "ivsd.yaml:7 (valt.timeout_s) '…' is wrong: it must be a number" in files["check.txt"]
    assert "192.0.2.2/24" in files["network.txt"]
    assert "ACME Reader  (ivsd.yaml: reader)\n    id 08ff:0009" in files["devices.txt"]
    assert "Main PID: 1234567" in files["system.txt"]
    assert "48312" in files["system.txt"]
    assert "Raspberry Pi 4 Model B Rev 1.5\n" in files["versions.txt"]
    assert "1a505307-dfb0-4395-b730-0c7ec46eca19" in files["versions.txt"]
    assert "systemd 252" in files["versions.txt"]
    assert "2026-01-02T03:04:05Z restored [ab12]: asked by 0" in files["audit.txt"]
    assert "badges: 4" in files["config/cards.txt"]
    assert "…001, …, …5F6, …" in files["config/cards.txt"]
    assert "  username: keypad # …\n" in files["config/ivsd.yaml"]
    assert "room: Interview Room 1\n" in files["config/ivsd.yaml"]
    assert all(file in files["README.txt"] for file in contents.FILES)


def test_the_readme_says_that_names_of_people_may_be_in_it(box: FakeBox) -> None:
    full_of_secrets(box)
    told = "2026-11-23T15:04:05+0000 ivsd[1234567]: badges: added …001 (Dr. Archer)\n"
    box.says("journalctl", told)
    files = {file: data.decode() for file, data in box.bundle().items()}
    assert {file for file in files if "Archer" in files[file]} == {"journal.txt"}
    assert "names of people, as the table of badges" in " ".join(files["README.txt"].split())


# -- files that fail -------------------------------------------------------------------------------


def test_each_part_fails_alone_and_says_why(box: FakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> str:
        raise ValueError(SECRET)

    box.status = ControlError("no_daemon", "no daemon answers")
    monkeypatch.setitem(contents.FILES, "network.txt", broken)
    for name in PROGRAMS:
        (box.bin / name).unlink()
    monkeypatch.setattr(programs, "_SYSTEM", "/nonexistent")
    files = {file: data.decode() for file, data in box.bundle().items()}
    assert set(files) == {"README.txt", *contents.FILES}
    assert "ivsd.yaml (No such file" in files["config/ivsd.yaml"]
    assert "no daemon answers (no_daemon)" in json.loads(files["status.json"])["problem"]
    assert "there is no journalctl on this box" in files["journal.txt"]
    assert "a defect in ivsd itself: ValueError in test_bundle.py" in files["network.txt"]
    assert SECRET not in "".join(files.values())
    assert "left out: status.json: no daemon answers" in files["README.txt"]


def test_what_may_not_be_read_is_named(box: FakeBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.has("/etc/ivsd/ivsd.yaml", "room: 4\n")
    (box.root / "var/lib/ivsd/valt-password").mkdir(parents=True)  # root may read all but a folder
    readme = box.bundle()["README.txt"].decode()
    assert "var/lib/ivsd/valt-password (Is a directory)" in readme
    assert "sudo ivsd bundle" in readme


def test_a_program_that_hangs_is_ended_with_what_it_started(box: FakeBox) -> None:
    (box.bin / "ip").write_text("#!/bin/sh\n/bin/sleep 60 & echo $!\nprintf half\nwait\n")
    ran = programs.run(["ip"], timeout_s=0.5)
    state = Path("/proc", ran.text.strip(), "stat")
    end = time.monotonic() + 10
    while state.exists() and ") Z " not in state.read_text():
        assert time.monotonic() < end, "it runs on"
        time.sleep(0.01)
    assert "half" not in ran.text
    assert "more than 0.5 s" in ran.problem


def test_of_a_program_that_says_too_much_the_last_whole_lines_stay(box: FakeBox) -> None:
    box.says("ip", "".join(f"line {number:08}\n" for number in range(40000)))
    ran = programs.run(["ip"])
    lines = ran.text.splitlines()
    assert len(ran.text) <= programs.MOST_BYTES
    assert lines[-1] == "line 00039999"
    assert all(len(line) == 13 for line in lines)
    assert "left out" in ran.problem


def test_programs_are_spoken_to_in_no_language_and_without_our_environment(
    box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALT_PASSWORD", SECRET)
    (box.bin / "ip").write_text("#!/bin/sh\n/usr/bin/env\n")
    text = programs.run(["ip", "; echo no shell"]).text
    assert "LC_ALL=C" in text.splitlines()
    assert SECRET not in text


def test_a_pipe_in_place_of_a_file_holds_nothing_up(box: FakeBox) -> None:
    box.config.parent.mkdir(parents=True)
    os.mkfifo(box.config.parent / "web.yaml")
    assert read_text(box.config.parent / "web.yaml") == ""


# -- the file --------------------------------------------------------------------------------------


@pytest.fixture
def plain(box: FakeBox, monkeypatch: pytest.MonkeyPatch) -> FakeBox:
    """A box on which `bundle` itself is called: it is about `/`, so its parts are put aside."""
    box.has("/etc/ivsd/ivsd.yaml", "room: 4\n")
    monkeypatch.setattr(command, "Places", lambda: Places(box.root))
    return box


def test_the_archive_is_for_its_owner_only_and_named_after_the_box(
    plain: FakeBox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.gethostname", lambda: "keypad 4/x")
    assert bundle(plain.config, NOBODY, None) == 0
    (made,) = tmp_path.glob("*.tar.gz")
    assert made.name.startswith("ivsd-keypad-4-x-2")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert tarfile.is_tarfile(made)
    assert made.name in capsys.readouterr().out


def test_a_file_of_that_name_is_replaced_and_a_link_is_not_followed(
    plain: FakeBox, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "b.tar.gz").symlink_to(tmp_path / "precious")
    (tmp_path / "c.tar.gz").write_text("old")
    (tmp_path / "c.tar.gz").chmod(0o644)
    for name in ("b.tar.gz", "c.tar.gz"):
        assert bundle(plain.config, NOBODY, tmp_path / name) == 0
        assert tarfile.is_tarfile(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).lstat().st_mode) == 0o600
    assert (tmp_path / "precious").read_text() == "precious"


def test_whoever_holds_the_lock_of_the_folder_keeps_no_bundle_from_being_written(
    plain: FakeBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /tmp anybody can."""
    monkeypatch.setattr(durable, "LOCK_WAIT_S", 0.0)
    holder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert durable.try_lock(holder)
        assert bundle(plain.config, NOBODY, tmp_path / "b.tar.gz") == 0
    finally:
        os.close(holder)


def test_programs_are_told_which_file_it_is_and_what_is_not_in_it(
    plain: FakeBox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain.status = ControlError("no_daemon", "no daemon answers")
    path = tmp_path / "b.tar.gz"
    assert bundle(plain.config, NOBODY, path, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"file", "without"}
    assert document["file"] == str(path)
    assert "status.json: no daemon answers (no_daemon)" in document["without"]


def test_json_and_the_archive_do_not_share_the_standard_output(
    plain: FakeBox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bundle(plain.config, NOBODY, Path("-"), as_json=True) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--json and -o -" in said.err


def test_an_archive_that_cannot_be_written_leaves_nothing_behind(
    plain: FakeBox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "b.tar.gz").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.files, "sync", full)
    assert bundle(plain.config, NOBODY, folder / "b.tar.gz") == 1
    assert [path.name for path in folder.iterdir()] == ["b.tar.gz"]
    assert (folder / "b.tar.gz").read_text() == "old"
    assert "No space left" in capsys.readouterr().err


def test_a_dash_writes_the_archive_to_standard_output(
    plain: FakeBox, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert bundle(plain.config, NOBODY, Path("-")) == 0
    assert tarfile.is_tarfile(io.BytesIO(capfdbinary.readouterr().out))

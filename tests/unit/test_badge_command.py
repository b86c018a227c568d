"""`ivsd badge`: a swiped badge in every notation, whose it is, and which lines make it work."""

from __future__ import annotations

import io
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml

from ivsd import badge as command
from ivsd.badge_words import describe
from ivsd.cli import main
from ivsd.config import CARDS, load, load_cards
from ivsd.config.schema import Inputs, Writing
from ivsd.events import DeviceLost, Event, Misread, NumberKind, Scanned
from ivsd.hardware import form_of
from ivsd.inputs.source import Source
from ivsd.inputs.virtual import VirtualHands
from ivsd.notation import Form, Notation, convert
from ivsd.valt.model import Secret, User
from ivsd.valt.simulator import Simulator, World

VALT = """
valt:
  url: {url}
  username: admin
  password: admin
  timeout_s: 1
room: 4
"""
READER = "inputs: {keyboards: [{name: reader, match: {path: /dev/null}, role: badge%s}]}\n"
ALICE, BOB = "Alice Archer (VALT user 12)", "Bob Baker (VALT user 13)"

EM4100 = 0x000047E259
EM4100_WITH_VERSION = 0x0E0047E259
MIFARE_4, MIFARE_7 = 0x7A3C19E4, 0x04A2247AB15C80
ISO_15693 = 0xE00401500A3B4C5D

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr("ivsd.cli.commands.SOCKET", tmp_path / "no-daemon.sock")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write ivsd.yaml: how VALT writes, how the reader does, and where the server is."""

    def _write(
        valt: str = "", reader: str = "", cards: str = "", url: str = "http://127.0.0.1:1"
    ) -> Path:
        text = VALT.format(url=url)
        text += f"badges: {{notation: {valt}}}\n" if valt else ""
        text += READER % (f", notation: {reader}" if reader else "")
        path = tmp_path / "ivsd.yaml"
        path.write_text(text, encoding="utf-8")
        (tmp_path / CARDS).write_text(f"cards: [{cards}]\n", encoding="utf-8")
        return path

    return _write


def users(**numbers: str) -> list[User]:
    ids = {"alice": (12, "Alice Archer"), "bob": (13, "Bob Baker")}
    return [User(*ids[name], Secret(number)) for name, number in numbers.items()]


def told(text: str, path: Path, people: Iterable[User], *, typed: bool = False) -> list[str]:
    config = load(path)
    reader = None if typed else config.inputs.keyboards[0]
    return list(describe(text, reader, config, load_cards(path.parent / CARDS), people))


# -- what is said of a badge --------------------------------------------------------------------


def test_a_badge_found_as_typed_needs_no_advice(write: Write) -> None:
    lines = told("0004711001", write(), users(alice="0004711001", bob="0004711002"))
    assert lines[:2] == [
        "reader typed  0004711001",
        f"For VALT it is  0004711001, the badge of {ALICE}",
    ]
    assert not any("ivsd.yaml" in line for line in lines)


def test_every_notation_of_a_badge_is_shown_with_its_owner(write: Write) -> None:
    lines = told("0047E259", write(), users(alice="0004711001"))
    at = lines.index("Taken as hexadecimal, it is written")
    assert [re.split(r"  +", line.strip()) for line in lines[at + 1 : at + 7]] == [
        ["decimal", "4711001"],
        ["decimal, 10 places", "0004711001", f"<- {ALICE}"],
        ["hexadecimal", "0047E259"],
        ["decimal, bytes reversed", "1508001536"],
        ["hexadecimal, bytes reversed", "59E24700"],
        ["facility code and number (26 bits)", "07157945"],
    ]


def test_only_what_the_text_can_mean_is_shown(write: Write) -> None:
    def readings(text: str) -> list[str]:
        lines = told(text, write(), [])
        return [line.split(",")[0] for line in lines if line.startswith("Taken as")]

    assert readings("071,57945") == ["Taken as facility code and number (26 bits)"]
    assert len(readings("0047E259")) == 2
    assert len(readings("07157945")) == 5
    assert readings("no number at all") == []


def test_with_a_reader_that_types_here_it_is_not_named(write: Write) -> None:
    assert told("1", write(), [], typed=True)[0] == "The reader typed  1"


def test_both_notations_declared_tell_what_valt_gets(write: Write) -> None:
    path = write("{form: decimal, digits: 10}", "hex_reversed")
    lines = told("59E24700", path, users(alice="0004711001"))
    assert lines[1] == f"For VALT it is  0004711001, the badge of {ALICE}"
    assert [line for line in lines if line.startswith("Taken as")] == [
        "Taken as hexadecimal, bytes reversed, it is written"
    ], "the reader's notation is known: it is not guessed"
    assert not any("ivsd.yaml" in line for line in lines)


def test_a_text_that_is_not_of_the_reader_s_notation_is_told(write: Write) -> None:
    path = write("hex", "{form: decimal, digits: 10}")
    lines = told("59E24700", path, users(alice="59E24700"))
    assert lines[1] == (
        "That is no number in decimal, 10 places, or cannot be written in hexadecimal."
    )
    assert not any("For VALT" in line for line in lines)


def test_a_badge_that_valt_s_notation_cannot_hold_is_told_and_shown(write: Write) -> None:
    lines = told("0E0047E259", write("{form: decimal, digits: 10}", "hex"), [])
    assert "cannot be written in decimal, 10 places" in lines[1]
    assert "Taken as hexadecimal, it is written" in lines


def test_a_badge_that_nobody_has_is_told_so(write: Write) -> None:
    lines = told("0009999999", write(), users(alice="0004711001"))
    assert lines[1] == "For VALT it is  0009999999, which nobody has"
    assert not any("<-" in line or "ivsd.yaml" in line for line in lines)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("user: 12", f"in cards.yaml: {ALICE}"),
        ("name: Second badge, user: 12", f"in cards.yaml: Second badge, {ALICE}"),
        ("name: Key, action: lock_toggle", "in cards.yaml: Key, does lock_toggle"),
        ("user: 12, action: lock", f"in cards.yaml: {ALICE}, does lock"),
        ("name: Visitor", "in cards.yaml: Visitor"),
    ],
)
def test_a_badge_of_the_table_is_told_with_what_it_does(
    write: Write, entry: str, words: str
) -> None:
    path = write(cards=f'{{number: "0009900001", {entry}}}')
    people = users(alice="0004711001")
    assert told("0009900001", path, people)[1] == f"For VALT it is  0009900001, {words}"


def test_a_badge_of_the_table_that_somebody_has_in_valt_too_is_told_both(write: Write) -> None:
    path = write(cards='{number: "0009900001", user: 12}')
    line = told("0009900001", path, users(alice="0004711001", bob="0009900001"))[1]
    assert line.endswith(f"in cards.yaml: {ALICE}, the badge of {BOB}")


def test_the_table_is_looked_up_by_the_number_that_valt_would_have(write: Write) -> None:
    path = write("{form: decimal, digits: 10}", "hex", '{number: "0004711001", name: Visitor}')
    assert told("0047E259", path, [])[1].endswith("0004711001, in cards.yaml: Visitor")


def test_a_number_that_several_users_have_is_told_as_such(write: Write) -> None:
    """At the door such a badge is denied: "several VALT users have this number"."""
    line = told("0004711001", write(), users(alice="0004711001", bob="0004711001"))[1]
    assert "Alice" in line
    assert "Bob" in line


def test_a_badge_of_the_table_whose_user_is_gone_is_told_as_such(write: Write) -> None:
    """At the door such a badge is denied: "VALT has no user 999 any more"."""
    path = write(cards='{number: "0009900001", user: 999}')
    line = told("0009900001", path, users(alice="0004711001"))[1]
    assert line.endswith("in cards.yaml: VALT user 999, who is not there any more")


def test_without_an_answer_of_valt_nothing_is_said_of_its_users(write: Write) -> None:
    path = write(cards='{number: "0009900001", user: 999}')
    config, cards = load(path), load_cards(path.parent / CARDS)
    for number, line in (
        ("0009900001", "For VALT it is  0009900001, in cards.yaml: VALT user 999"),
        ("0004711001", "For VALT it is  0004711001"),
    ):
        assert list(describe(number, None, config, cards, None))[1] == line


def test_a_text_that_is_much_too_long_is_no_accident(write: Write) -> None:
    assert told("1" * 5000, write(), [], typed=True)


# -- the two lines of advice --------------------------------------------------------------------


def advice(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return of each advice whose badge it makes it, and what to write in the two places."""
    found = []
    for number, line in enumerate(lines):
        if match := re.fullmatch(r"With these lines of ivsd.yaml it is the badge of (.+):", line):
            valt = re.fullmatch(r"  badges: \{notation: (.+)\}", lines[number + 1])
            reader = re.fullmatch(r".+ under inputs.keyboards: \{notation: (.+)\}",
                                  lines[number + 2])  # fmt: skip
            assert valt is not None
            assert reader is not None
            found.append((match[1], valt[1], reader[1]))
    return found


def taken(text: str, path: Path) -> str | None:
    """What VALT would be asked for with this configuration."""
    config = load(path)
    reader = config.inputs.keyboards[0]
    return convert(text, form_of(reader.notation), form_of(config.badges.notation))


FORMS = [*map(Form, Notation), Form(Notation.DECIMAL, 10), Form(Notation.DECIMAL_REVERSED, 10)]
BADGES = (EM4100, EM4100_WITH_VERSION, MIFARE_4, MIFARE_7, ISO_15693)


def ways() -> Iterator[tuple[str, str]]:
    """What a reader types and VALT has of one badge, however either of them writes it."""
    for badge, reader, valt in product(BADGES, FORMS, FORMS):
        text, number = reader.write(badge), valt.write(badge)
        if text is None or number is None:
            continue
        filled = valt.digits is None or number.startswith("0")
        if filled and (reader.read(text) == badge or valt.notation is Notation.FACILITY):
            yield text, number


@pytest.mark.parametrize(("text", "number"), sorted(set(ways())))
def test_the_advice_taken_makes_it_the_owner_s_badge(write: Write, text: str, number: str) -> None:
    people = users(alice=number)
    lines = told(text, write(), people)
    if text == number:
        assert lines[1].endswith(f"the badge of {ALICE}")
    else:
        assert advice(lines), lines
    for whose, for_valt, for_reader in advice(lines):
        path = write(for_valt, for_reader)
        assert (whose, taken(text, path)) == (ALICE, number)
        assert told(text, path, people)[1] == f"For VALT it is  {number}, the badge of {ALICE}"


def test_the_advice_is_two_lines_of_yaml(write: Write) -> None:
    """There may be two that come to the same: reversed on the one side or on the other."""
    lines = told("59E24700", write(), users(alice="0004711001"))
    assert advice(lines) == [
        (ALICE, "{form: decimal_reversed, digits: 10, bytes: 4}", "hex"),
        (ALICE, "{form: decimal, digits: 10}", "hex_reversed"),
    ]
    assert yaml.safe_load(lines[-2]) == {"badges": {"notation": {"form": "decimal", "digits": 10}}}


def test_a_text_that_fits_two_people_s_badges_has_an_advice_for_each(write: Write) -> None:
    """The same digits are one badge in decimal and another one in hexadecimal."""
    people = users(alice=str(0x04711001), bob=f"{4711001:X}".rjust(8, "0"))
    lines = told("04711001", write(), people)
    assert {whose for whose, _, _ in advice(lines)} == {BOB, ALICE}
    for whose, for_valt, for_reader in advice(lines):
        line = told("04711001", write(for_valt, for_reader), people)[1]
        assert line.endswith(f"the badge of {whose}")


def test_a_number_that_valt_has_in_small_letters_is_told(write: Write) -> None:
    """As a phone shows it; at the door it is compared in capitals."""
    lines = told("0004711001", write(), users(alice="0047e259"))
    assert f"VALT has it for {ALICE} in small letters: write 0047E259 there." in lines


@pytest.mark.parametrize("number", ["000047E259", "00004711001"])
def test_a_number_that_valt_has_with_other_zeros_is_found(write: Write, number: str) -> None:
    """Ten hexadecimal places are usual for EM4100."""
    lines = told("0047E259" if number.isdecimal() else "0004711001", write(), users(alice=number))
    assert advice(lines)


def test_a_wrong_notation_of_valt_is_advised_against(write: Write) -> None:
    lines = told("59E24700", write("hex", "hex_reversed"), users(alice="0004711001"))
    assert lines[1] == "For VALT it is  0047E259, which nobody has"
    assert advice(lines) == [(ALICE, "{form: decimal, digits: 10}", "hex_reversed")]


def test_the_advice_keeps_the_size_that_the_reader_s_notation_gives(write: Write) -> None:
    """This reader leaves out zeros in front, which are the last byte of a 5-byte badge."""
    badge, text = 0x0E0047E200, "E247000E"
    reader = "{form: hex_reversed, bytes: 5}"
    lines = told(text, write("hex", reader), users(alice=str(badge)))
    ((_, for_valt, for_reader),) = advice(lines)
    assert taken(text, write(for_valt, for_reader)) == str(badge)


# -- the command, with a reader that types here -------------------------------------------------


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(World(version="6.5.2")) as simulator:
        yield simulator


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Type into the terminal; at the end of the text it is closed."""

    def _type_in(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return _type_in


TypeIn = Callable[[str], None]
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("text", ["0004711001\n", "0004711001\r\n", "  0004711001 ", "0004711001"])
def test_a_typed_badge_is_shown_with_its_owner(
    write: Write, server: Simulator, type_in: TypeIn, capsys: Capture, text: str
) -> None:
    type_in(text)
    assert main(["badge", str(write(url=server.url)), "--typed"]) == 0
    out = capsys.readouterr().out
    assert f"For VALT it is  0004711001, the badge of {ALICE}" in out
    assert "hexadecimal                          0047E259" in out


def test_only_the_first_line_is_the_badge(
    write: Write, server: Simulator, type_in: TypeIn, capsys: Capture
) -> None:
    type_in("0004711001\n0004711002\n")
    assert main(["badge", str(write(url=server.url)), "--typed"]) == 0
    assert "4711002" not in capsys.readouterr().out


@pytest.mark.parametrize("version", ["6.5.2", "6.4", "5.7.1"])
def test_it_asks_for_the_users_once_and_for_no_badge(
    write: Write, type_in: TypeIn, capsys: Capture, version: str
) -> None:
    type_in("59E24700\n")
    with Simulator(World(version=version)) as server:
        assert main(["badge", str(write(url=server.url)), "--typed"]) == 0
        asked = [request.path for request in server.requests if "users" in request.path]
    assert len(asked) == 1
    assert "cardNumber" not in asked[0]
    out = capsys.readouterr().out
    assert "badges: {notation: {form: decimal, digits: 10}}" in out
    assert "under inputs.keyboards: {notation: hex_reversed}" in out


@pytest.mark.parametrize("text", ["", "\n", "   \n"])
def test_a_terminal_that_is_closed_or_empty_ends_it_without_a_request(
    write: Write, server: Simulator, type_in: TypeIn, capsys: Capture, text: str
) -> None:
    type_in(text)
    assert main(["badge", str(write(url=server.url)), "--typed"]) == 1
    out = capsys.readouterr().out
    assert out == "Swipe the badge at a reader that types into this terminal.\n"
    assert list(server.requests) == []


def test_without_any_terminal_it_ends_without_an_accident(
    write: Write, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a shell: `ivsd badge --typed <&-`."""
    monkeypatch.setattr("sys.stdin", None)
    assert main(["badge", str(write(url=server.url)), "--typed"]) == 1


def test_what_is_no_text_at_all_is_no_accident(
    write: Write, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["badge", str(write(url=server.url)), "--typed"]) in (0, 1)


def test_the_server_away_is_told_and_the_notations_are_shown(
    write: Write, type_in: TypeIn, capsys: Capture
) -> None:
    type_in("0047E259\n")
    main(["badge", str(write()), "--typed"])
    out = capsys.readouterr().out
    assert "VALT could not be asked whose it is: " in out
    assert "hexadecimal, bytes reversed          59E24700" in out


@pytest.mark.parametrize("number", ["0004711001", "0009900001"])
def test_with_the_server_away_nobody_is_said_not_to_have_it(
    write: Write, type_in: TypeIn, capsys: Capture, number: str
) -> None:
    type_in(f"{number}\n")
    main(["badge", str(write()), "--typed"])
    assert "nobody has" not in capsys.readouterr().out


def test_a_refused_log_in_is_told_without_the_password(
    write: Write, server: Simulator, type_in: TypeIn, capsys: Capture
) -> None:
    path = write(url=server.url)
    path.write_text(path.read_text().replace("password: admin", "password: hunter2hunter2"))
    type_in("0004711001\n")
    main(["badge", str(path), "--typed"])
    out = capsys.readouterr().out
    assert "VALT could not be asked whose it is: " in out
    assert "hunter2" not in out


def test_a_wrong_configuration_is_told_before_anything_is_read(
    write: Write, type_in: TypeIn, capsys: Capture
) -> None:
    type_in("0004711001\n")
    path = write("decimals")
    assert main(["badge", str(path), "--typed"]) == 2
    out = capsys.readouterr().out
    assert out.startswith(f"{path}:8: badges.notation: 'decimals' is not known; did you mean")
    assert "4711" not in out


def test_a_wrong_table_is_told_before_anything_is_read(
    write: Write, type_in: TypeIn, capsys: Capture
) -> None:
    type_in("0004711001\n")
    path = write(cards="{number: 4711001, user: 12}")
    assert main(["badge", str(path), "--typed"]) == 2
    assert capsys.readouterr().out == (
        f'{path.parent / CARDS}:1: cards.1.number: must be a text: put it in quotes, "…"\n'
    )


def test_a_missing_configuration_is_told(tmp_path: Path, type_in: TypeIn, capsys: Capture) -> None:
    type_in("0004711001\n")
    assert main(["badge", str(tmp_path / "ivsd.yaml"), "--typed"]) == 2
    assert "ivsd.yaml: cannot be read: No such file" in capsys.readouterr().out


def test_a_missing_password_is_told(write: Write, type_in: TypeIn, capsys: Capture) -> None:
    path = write()
    path.write_text(path.read_text().replace("  password: admin\n", ""))
    type_in("0004711001\n")
    assert main(["badge", str(path), "--typed"]) == 2
    assert "valt.password_file: is missing" in capsys.readouterr().out


# -- the command, at a configured reader --------------------------------------------------------


class Hardware:
    """One reader, at which things happen as soon as it is opened."""

    def __init__(self, *happens: Event) -> None:
        self.happens = happens
        self.inputs: Inputs | None = None
        self.valt: Writing | None = None

    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        self.inputs, self.valt = inputs, valt
        return [Script(self.happens)]


class Script(VirtualHands):
    """A device that tells these events as soon as it is there."""

    def __init__(self, events: Iterable[Event]) -> None:
        super().__init__("reader")
        self.events = list(events)

    def open(self) -> None:
        self.press("wake")

    def read(self) -> Iterable[Event]:
        list(super().read())
        events, self.events = self.events, []
        return events


@pytest.fixture
def at_reader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hardware]:
    """Let this happen at the reader."""

    def _at_reader(*events: Event) -> Hardware:
        hardware = Hardware(*events)
        monkeypatch.setattr(command, "RealHardware", lambda: hardware)
        monkeypatch.setattr(command, "WAIT_S", 0.3)
        return hardware

    return _at_reader


AtReader = Callable[..., Hardware]


def scanned(number: str, kind: NumberKind = NumberKind.BADGE, reader: str = "reader") -> Scanned:
    return Scanned(reader, kind, Secret(number), time.monotonic())


def test_a_swipe_at_a_configured_reader_is_shown_as_it_types_it(
    write: Write, server: Simulator, at_reader: AtReader, capsys: Capture
) -> None:
    """Without the notation that is configured: what the reader really types is the question."""
    hardware = at_reader(scanned("59E24700"))
    path = write("{form: decimal, digits: 10}", "hex_reversed", url=server.url)
    assert main(["badge", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:3] == [
        "Hold the badge to a reader within 0.3 s (reader).",
        "reader typed  59E24700",
        f"For VALT it is  0004711001, the badge of {ALICE}",
    ]
    assert hardware.valt is None
    assert hardware.inputs is not None
    assert [keyboard.notation for keyboard in hardware.inputs.keyboards] == [None]


def test_only_readers_of_badges_are_opened(
    write: Write, server: Simulator, at_reader: AtReader
) -> None:
    hardware = at_reader(scanned("0004711001"))
    path = write(url=server.url)
    others = "{name: a, match: {path: /a}, role: pin}, {name: b, match: {path: /b}}, "
    others += "{name: c, match: {path: /c}, role: keys, keys: {KEY_R: record}}, "
    text = path.read_text().replace("keyboards: [", f"keyboards: [{others}")
    text = text.replace("role: badge}]", "role: badge}], buttons: [{control: record, line: 17}]")
    path.write_text(text + "controls: {record: record_toggle}\n")
    assert main(["badge", str(path)]) == 0
    assert hardware.inputs is not None
    assert [keyboard.name for keyboard in hardware.inputs.keyboards] == ["b", "reader"]
    assert hardware.inputs.buttons == []


def test_a_misread_badge_is_told_and_the_next_one_counts(
    write: Write, server: Simulator, at_reader: AtReader, capsys: Capture
) -> None:
    at_reader(Misread("reader", 1.0), scanned("0004711001"))
    assert main(["badge", str(write(url=server.url))]) == 0
    out = capsys.readouterr().out
    assert "the number was not read whole: hold the badge to the reader again" in out
    assert ALICE in out


def test_a_pin_is_not_shown(
    write: Write, server: Simulator, at_reader: AtReader, capsys: Capture
) -> None:
    at_reader(scanned("2580", NumberKind.PIN), scanned("0004711001"))
    assert main(["badge", str(write(url=server.url))]) == 0
    out = capsys.readouterr().out
    assert "2580" not in out
    assert ALICE in out


def test_a_reader_that_is_missing_is_told_once_though_it_is_looked_for_again_and_again(
    write: Write, at_reader: AtReader, capsys: Capture
) -> None:
    at_reader(*[DeviceLost("reader", "reader: no such device")] * 3)
    assert main(["badge", str(write())]) == 1
    assert capsys.readouterr().out.count("reader: no such device") == 1


def test_a_reader_that_is_missing_keeps_nobody_waiting_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    class Tireless(queue.SimpleQueue[Event]):
        """Like a reader thread that finds no device, time after time."""

        def get(self, block: bool = True, timeout: float | None = None) -> Event:
            if not timeout:
                raise queue.Empty
            return DeviceLost("reader", "reader: no such device")

    monkeypatch.setattr(command, "WAIT_S", 0.05)
    with pytest.raises(command.NoBadge):
        command._first_badge(Tireless())
    assert "No badge came." in capsys.readouterr().out


def test_no_badge_in_time_says_what_may_hold_the_reader(
    write: Write, server: Simulator, at_reader: AtReader, capsys: Capture
) -> None:
    at_reader()
    assert main(["badge", str(write(url=server.url))]) == 1
    assert "If ivsd runs, it has the readers: systemctl stop ivsd" in capsys.readouterr().out
    assert list(server.requests) == []


def test_without_a_reader_in_the_file_it_says_what_else_there_is(
    write: Write, at_reader: AtReader, capsys: Capture
) -> None:
    hardware = at_reader()
    path = write()
    path.write_text(VALT.format(url="http://127.0.0.1:1"))
    assert main(["badge", str(path)]) == 1
    assert capsys.readouterr().out == (
        "No badge reader is under inputs; --typed reads one that types here.\n"
    )
    assert hardware.inputs is None


def test_the_reader_s_thread_ends_with_the_command(
    write: Write, server: Simulator, at_reader: AtReader
) -> None:
    before = set(threading.enumerate())
    at_reader(scanned("0004711001"))
    main(["badge", str(write(url=server.url))])
    assert not [one.name for one in set(threading.enumerate()) - before if one.name == "inputs"]


def test_a_declared_notation_that_does_not_fit_hides_no_other_one(write: Write) -> None:
    """The reader is said to write hexadecimal with 8 places, and shows a badge of 7 bytes."""
    lines = told("04A2119F6B2C80", write("hex", "{form: hex, digits: 8}"), [])
    assert lines[1].startswith("That is no number in hexadecimal, 8 places")
    assert any(line.startswith("Taken as hexadecimal, bytes reversed") for line in lines)
    assert any("are lost)" in line for line in lines), "26 bits do not hold it"


def test_a_number_that_is_found_as_it_is_needs_no_other_letters(write: Write) -> None:
    for text, number in (("0004711001", "0004711001"), ("0047E259", "0047E259")):
        assert not any("small" in line for line in told(text, write(), users(alice=number)))


# -- what the daemon has read ---------------------------------------------------------------------


def learnt(number: str, path: Path, people: Iterable[User]) -> list[str]:
    config = load(path)
    reader = config.inputs.keyboards[0]
    return list(describe(number, reader, config, [], people, is_learnt=True))


def test_a_number_that_the_daemon_converted_is_what_valt_would_have(write: Write) -> None:
    lines = learnt("0047E259", write("hex", "hex_reversed"), users(alice="0047E259"))
    assert lines[:2] == [
        "reader read  0047E259, as VALT would have it",
        f"For VALT it is  0047E259, the badge of {ALICE}",
    ]
    assert [line for line in lines if line.startswith("Taken as")] == [
        "Taken as hexadecimal, it is written"
    ]


def test_a_wrong_notation_of_valt_is_advised_against_and_the_reader_s_is_kept(write: Write) -> None:
    lines = learnt("0047E259", write("hex", "hex_reversed"), users(alice="0004711001"))
    assert lines[-2:] == [
        f"With these lines of ivsd.yaml it is the badge of {ALICE}:",
        "  badges: {notation: {form: decimal, digits: 10}}",
    ]


def test_a_number_that_the_daemon_left_as_it_was_is_read_in_every_way(write: Write) -> None:
    """One notation alone converts nothing."""
    path = write("{form: decimal, digits: 10}")
    people = users(alice="0004711001")
    lines = learnt("59E24700", path, people)
    assert lines == told("59E24700", path, people)
    assert advice(lines)


# -- names from elsewhere, and programs ---------------------------------------------------------


def test_a_name_from_valt_does_not_move_the_cursor(
    write: Write, server: Simulator, type_in: TypeIn, capsys: Capture
) -> None:
    people = server.world.people
    named = replace(people.user(12), display_name="Eve\x1b[2J\x1b]0;owned\x07\nall right")
    people._users[12] = named
    type_in("0004711001\n")
    assert main(["badge", str(write(url=server.url)), "--typed"]) == 0
    out = capsys.readouterr().out
    assert "Eve\N{REPLACEMENT CHARACTER}[2J" in out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\nall right" not in out


def test_programs_get_one_document_and_people_the_rest(
    write: Write, server: Simulator, type_in: TypeIn, capsys: Capture
) -> None:
    path = write("{form: decimal, digits: 10}", cards='{number: "0004711001", action: lock}')
    path.write_text(path.read_text().replace("http://127.0.0.1:1", server.url))
    type_in("0004711001\n")
    assert main(["badge", "--json", str(path), "--typed"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert said.err == "Swipe the badge at a reader that types into this terminal.\n"
    text = document.pop("text")
    assert text[0] == "The reader typed  0004711001"
    assert document == {
        "reader": None,
        "read": "0004711001",
        "number": "0004711001",
        "card": {"name": None, "user": None, "action": "lock"},
        "users": [{"id": 12, "name": "Alice Archer"}],
    }


def test_programs_are_told_the_reader_and_the_number_as_valt_would_have_it(
    write: Write, server: Simulator, at_reader: AtReader, capsys: Capture
) -> None:
    at_reader(scanned("59E24700"))
    path = write("{form: decimal, digits: 10}", "hex_reversed", url=server.url)
    assert main(["badge", "--json", str(path)]) == 0
    document = json.loads(capsys.readouterr().out)
    found = {name: document[name] for name in ("reader", "read", "number", "card")}
    assert found == {
        "reader": "reader", "read": "59E24700", "number": "0004711001", "card": None,
    }  # fmt: skip


def test_programs_are_told_when_valt_could_not_be_asked(
    write: Write, type_in: TypeIn, capsys: Capture
) -> None:
    type_in("0004711001\n")
    assert main(["badge", "--json", str(write()), "--typed"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["users"] is None
    assert "VALT could not be asked" in said.err


def test_programs_get_nothing_when_no_badge_came(
    write: Write, type_in: TypeIn, capsys: Capture
) -> None:
    type_in("\n")
    assert main(["badge", "--json", str(write()), "--typed"]) == 1
    assert main(["badge", "--json", str(write("decimals")), "--typed"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "badges.notation" in said.err


def test_a_draft_gets_no_password_but_its_own(
    write: Write, type_in: TypeIn, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may name any server (decision 18)."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "valt-password").write_text("admin", encoding="utf-8")
    monkeypatch.setattr(command, "DEFAULT_STATE", tmp_path / "state")
    path = write()
    path.write_text(path.read_text().replace("  password: admin\n", ""))
    type_in("0004711001\n")
    assert main(["badge", str(path), "--typed"]) == 2
    assert "this file must bring one" in capsys.readouterr().out
    monkeypatch.setattr("ivsd.appliance.settings.DEFAULT_CONFIG", path)
    assert main(["badge", str(path), "--typed"]) == 0


# -- Wiegand readers ------------------------------------------------------------------------------


def test_a_wiegand_badge_is_shown_as_the_door_sends_it(tmp_path: Path) -> None:
    text = (
        'valt: {url: "https://valt.example.com", username: u, password: p}\nroom: 4\n'
        "badges: {notation: {form: hex, digits: 8}}\n"
        "inputs: {wiegand: [{name: front door, data0: 20, data1: 21}]}\n"
    )
    path = tmp_path / "ivsd.yaml"
    path.write_text(text)
    config = load(path)
    (reader,) = config.inputs.wiegand
    lines = list(describe("12345678", reader, config, [], None))
    assert lines[0] == "front door sent, its bits as a number,  12345678"
    assert lines[1] == "For VALT it is  00BC614E"
    assert not any("inputs.keyboards" in line for line in lines)

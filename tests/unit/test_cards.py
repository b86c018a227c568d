"""cards.yaml, the box's own table of badges: what is accepted, and how mistakes are explained."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ivsd
from ivsd.cli import main
from ivsd.config import CARDS, ConfigError, Problem, load, load_cards
from ivsd.config.schema import CardEntry, Inputs, Step, Steps, Writing
from ivsd.demo.scenario import ScenarioError, read
from ivsd.events import STRANGER, Action, Binding, Card
from ivsd.hardware import VirtualHardware
from ivsd.inputs.source import Source
from ivsd.notation import Notation
from ivsd.rules import rules_from
from ivsd.valt.model import Secret
from ivsd.valt.simulator import Simulator, World
from tests.unit.test_daemon import Box, config, until

EXAMPLE = Path(ivsd.__file__).parents[1] / "config" / CARDS
NUMBER = "0004711001"
IVSD = """
valt:
  url: https://valt.example.com
  username: keypad
  password: "hunter2hunter2"
room: 4
"""

pytestmark = pytest.mark.filterwarnings("error")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write cards.yaml, and an ivsd.yaml beside it; return the former."""

    def _write(text: str, ivsd_yaml: str = IVSD) -> Path:
        (tmp_path / "ivsd.yaml").write_text(ivsd_yaml, encoding="utf-8")
        path = tmp_path / CARDS
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)


def problems(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_cards(path)
    assert {problem.file for problem in caught.value.problems} == {str(path)}
    return caught.value.problems


def the_problem(path: Path) -> Problem:
    (problem,) = problems(path)
    return problem


def one(entry: str) -> str:
    """Return a table with this entry only, on line 2."""
    return f"cards:\n  - {{{entry}}}\n"


# -- what is accepted ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("user: 12", CardEntry(Secret(NUMBER), user=12)),
        ("name: Visitor", CardEntry(Secret(NUMBER), "Visitor")),
        ("user: 12, name: Second", CardEntry(Secret(NUMBER), "Second", 12)),
        ("action: lock_toggle", CardEntry(Secret(NUMBER), action=Steps(Action.LOCK_TOGGLE))),
        ("user: 12, action: lock", CardEntry(Secret(NUMBER), None, 12, Steps(Action.LOCK))),
        ("action: show_status", CardEntry(Secret(NUMBER), action=Steps(Action.SHOW_STATUS))),
        (
            "action: {action: marker, name: 'No {count}', colour: blue}",
            CardEntry(Secret(NUMBER), action=Steps(Action.MARKER, "No {count}", "blue")),
        ),
        (
            "action: {action: start, then: [lock, {action: marker, name: Begin}]}",
            CardEntry(
                Secret(NUMBER),
                action=Steps(
                    Action.START, then=[Step(Action.LOCK), Step(Action.MARKER, name="Begin")]
                ),
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_entry_is_accepted(write: Write, entry: str, expected: CardEntry) -> None:
    assert load_cards(write(one(f'number: "{NUMBER}", {entry}'))) == [expected]


@pytest.mark.parametrize(
    "number", ["'0004711001'", '"0047E259"', "0047E259", '"071,57945"', "'2580'"]
)
def test_a_number_is_whatever_a_reader_types(write: Write, number: str) -> None:
    assert len(load_cards(write(f"cards:\n- number: {number}\n  user: 12\n"))) == 1


def test_several_badges_of_one_user_are_several_entries(write: Write) -> None:
    table = "".join(f'- {{number: "{number}", user: 12}}\n' for number in range(1000, 1500))
    assert len(load_cards(write(f"cards:\n{table}"))) == 500


@pytest.mark.parametrize("text", ["cards: []", "{}", "---\ncards: []\n", "\ufeffcards: []"])
def test_an_empty_table_is_no_mistake(write: Write, text: str) -> None:
    assert load_cards(write(text)) == []


def test_a_missing_file_is_an_empty_table(tmp_path: Path) -> None:
    assert load_cards(tmp_path / CARDS) == []


def test_the_example_is_an_empty_table(write: Write) -> None:
    assert load_cards(write(EXAMPLE.read_text(encoding="utf-8"))) == []


def test_the_example_behind_the_number_signs_is_accepted_too(write: Write) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("cards: []", "cards:")
    text = re.sub(r"^#(?=  )", "", text, flags=re.MULTILINE)
    second, key, more, both = load_cards(write(text))
    assert (second.user, second.name, second.action) == (12, "Dr. Archer, second badge", None)
    assert (key.user, key.action) == (None, Steps(Action.LOCK_TOGGLE))
    assert more.action == Steps(Action.START, then=[Step(Action.MARKER, name="Begin")])
    assert (both.user, both.action) == (14, Steps(Action.LOCK_TOGGLE))
    numbers = [entry.number.reveal() for entry in (second, key, more, both)]
    assert numbers == ["0004711001", "0004711002", "0004711003", "0004711004"]


# -- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("cards:\n- number: 4711001\n  user: 12", 2, "cards.1.number", "put it in quotes"),
        ("cards:\n- number: 0004711001\n  user: 12", 2, "cards.1.number", "put it in quotes"),
        ("cards:\n- user: 12\n  number: 12:30:45", 3, "cards.1.number", "put it in quotes"),
        ("cards:\n- number: 2024-01-01\n  user: 12", 2, "cards.1.number", "put it in quotes"),
        ("cards:\n- number: yes\n  user: 12", 2, "cards.1.number", "put it in quotes"),
        ("cards:\n- number:\n  user: 12", 2, "cards.1.number", "is empty: it must be a text"),
        (f"cards:\n- number: ['{NUMBER}']\n  user: 12", 2, "cards.1.number", "must be a text"),
        ("cards:\n- user: 12", 2, "cards.1.number", "is missing: .*, in quotes"),
        (one(f'number: "{NUMBER}"'), 2, "cards.1", "give a name, a user or an action"),
        (one(f'number: "{NUMBER}", name: ""'), 2, "cards.1", "give a name, a user or an action"),
        (one(f'number: "{NUMBER}", name: X, user: 0'), 2, "cards.1.user", "use at least 1"),
        (one(f'number: "{NUMBER}", name: X, user: Eve'), 2, "cards.1.user", "a whole number"),
        (one(f'number: "{NUMBER}", name: X, user: 1.5'), 2, "cards.1.user", "a whole number"),
        (one(f'number: "{NUMBER}", user: 1, name: 12'), 2, "cards.1.name", 'in quotes, "12"'),
        (one(f'number: "{NUMBER}", name: X, users: 12'), 2, "cards.1.users", "mean 'user'"),
        (one(f'number: "{NUMBER}", name: X, action: lok'), 2, "cards.1.action", "mean 'lock'"),
        (one(f'number: "{NUMBER}", name: X, action: {{}}'), 2, "cards.1.action.action", "missing"),
        (one(f'number: "{NUMBER}", name: X, name: Y'), 2, "cards.1.name", "twice: see line 2"),
        (
            one(f'number: "{NUMBER}", action: {{action: marker, name: "{{x}}"}}'),
            2, "cards.1.action.name", "use {count} or {time} plainly",
        ),
        (
            one(f'number: "{NUMBER}", action: {{action: marker, colour: pink}}'),
            2, "cards.1.action.colour", "pink",
        ),
        (
            one(f'number: "{NUMBER}", action: {{action: lock, hold: stop}}'),
            2, "cards.1.action.hold", "valid here: action, name, colour, then",
        ),
        (
            one(f'number: "{NUMBER}", action: {{action: start, then: [lock_toggle]}}'),
            2, "cards.1.action.then.1", "can only come first",
        ),
        (
            one(f'number: "{NUMBER}", user: 12, action: show_status'),
            2, "cards.1.user", "is not needed for show_status.*: remove it",
        ),
        (
            one(f'number: "{NUMBER}", user: 12, action: {{action: marker}}'),
            2, "cards.1.user", "is not needed for marker",
        ),
        (
            one(f'number: "{NUMBER}", user: 12, action: {{action: start, then: [lock]}}'),
            2, "cards.1.action.then", "is not for a badge that belongs to a user",
        ),
        (f'cards:\n- "{NUMBER}"', 2, "cards.1", "must be a mapping"),
        (f'cards:\n  "{NUMBER}": {{user: 12}}', 1, "cards", "must be a list"),
        ("cards: none", 1, "cards", "must be a list"),
        ("card: []", 1, "card", "did you mean 'cards'"),
        ("cards: []\ncards: []", 2, "cards", "is here twice: see line 1"),
        ("- a", 0, "", "must be a mapping"),
        (f'cards:\n- {{number: "{NUMBER}", user: 12', 2, "", "is no valid YAML"),
        (f'cards:\n- {{number: "{NUMBER}, user: 12}}', 2, "", "is no valid YAML"),
        (f'cards:\n- number: "{NUMBER}" user: 12', 2, "", "is no valid YAML"),
        (f"cards:\n- number: *{NUMBER}", 2, "", "is no valid YAML"),
        (f"cards:\n- number: {NUMBER}: 12", 2, "", "is no valid YAML"),
        ("cards:\n\t- number", 2, "", "is no valid YAML"),
        ("cards: \x07", 0, "", "characters that are not allowed"),
        ("[" * 5000, 0, "", "nested too deeply"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_mistake_is_told_once_with_line_and_key_and_without_the_number(
    write: Write, text: str, line: int, key: str, words: str
) -> None:
    problem = the_problem(write(text))
    assert (problem.line, problem.key) == (line, key)
    assert re.search(words, problem.text), problem.text
    assert "4711001" not in str(problem)


@pytest.mark.parametrize(
    "text", [f'cards:\n- "{NUMBER}": {{user: 12}}', f'"{NUMBER}": {{user: 12}}\ncards: []']
)
def test_a_number_in_the_place_of_a_key_is_not_told(write: Write, text: str) -> None:
    assert all(NUMBER not in str(problem) for problem in problems(write(text)))


@pytest.mark.parametrize("key", ["user", "action"])
def test_a_number_in_the_place_of_another_value_is_not_told(write: Write, key: str) -> None:
    path = write(one(f'number: "1", name: X, {key}: "{NUMBER}"'))
    assert all(NUMBER not in str(problem) for problem in problems(path))


@pytest.mark.parametrize("entry", ["user: 0", "users: 12", "action: lok", "name: 12"])
def test_a_wrong_key_is_not_told_a_second_time_as_missing(write: Write, entry: str) -> None:
    """Neighbours do better: in ivsd.yaml "a way with a problem of its own counts as given"."""
    the_problem(write(one(f'number: "{NUMBER}", {entry}')))


@pytest.mark.parametrize(
    "number", ["", " ", " 0004711001", "0004711001\\n", "0047e259", "04:A2:24:7A:", "0x47E259"]
)
def test_a_number_that_no_reader_types_is_told(write: Write, number: str) -> None:
    problem = the_problem(write(one(f'number: "{number}", user: 12')))
    assert problem.key == "cards.1.number"


def test_the_same_number_is_told_at_every_entry_but_the_first(write: Write) -> None:
    text = f'cards:\n- {{number: "{NUMBER}", user: 12}}\n- {{number: "1", user: 1}}\n'
    text += f'- {{number: "{NUMBER}", user: 12}}\n- {{number: "{NUMBER}", user: 13}}\n'
    found = problems(write(text))
    assert [(problem.line, problem.key) for problem in found] == [
        (4, "cards.3.number"),
        (5, "cards.4.number"),
    ]
    assert {problem.text for problem in found} == {"is the number of cards.1, too"}


def test_all_mistakes_are_told_at_once_and_numbered_as_in_the_file(write: Write) -> None:
    """An entry that could not be built must not shift the numbers of those behind it."""
    text = "cards:\n- user: 12\n"
    text += f'- {{number: "{NUMBER}"}}\n- {{number: 4711, user: 1}}\n'
    text += '- {number: "5", user: 1, action: marker}\n- {number: "5", user: 1}\n'
    found = problems(write(text))
    assert [(problem.line, problem.key) for problem in found] == [
        (2, "cards.1.number"),
        (3, "cards.2"),
        (4, "cards.3.number"),
        (5, "cards.4.user"),
        (6, "cards.5.number"),
    ]


def test_the_thousandth_entry_is_named_by_its_number(write: Write) -> None:
    table = "".join(f'- {{number: "{number}", user: 12}}\n' for number in range(10_000, 10_999))
    assert the_problem(write(f"cards:\n{table}- user: 12\n")).key == "cards.1000.number"


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    path = tmp_path / CARDS
    path.write_bytes(b'cards:\n- {number: "1", name: M\xfcller}\n')
    assert str(the_problem(path)) == f"{path}: is no UTF-8 text"


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    path = tmp_path / CARDS
    path.mkdir()
    assert str(the_problem(path)) == f"{path}: cannot be read: Is a directory"


def test_a_folder_that_may_not_be_entered_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ivsd check` by somebody who may not read /etc/ivsd."""

    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", denied)
    monkeypatch.setattr(Path, "read_text", denied)
    assert the_problem(tmp_path / CARDS).text == "cannot be read: Permission denied"


def test_no_number_is_in_any_repr(write: Write) -> None:
    cards = load_cards(write(one(f'number: "{NUMBER}", user: 12, name: X')))
    rules = rules_from(load(write("{}").parent / "ivsd.yaml"), cards)
    assert "4711" not in repr(cards) + str(cards) + repr(rules) + str(rules)


# -- ivsd check ---------------------------------------------------------------------------------


def test_check_tells_the_mistakes_of_both_files_together(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    ivsd_yaml = IVSD.replace("https", "ftp") + "badges: {who_may_stop: nobody}\n"
    cards = write(one("number: 4711001, user: 12") + '  - {number: "1"}\n', ivsd_yaml)
    assert main(["check", str(cards.parent / "ivsd.yaml")]) == 1
    told = capsys.readouterr().out
    starts = [line.removeprefix(f"{cards.parent}/").split(": ")[:2] for line in told.splitlines()]
    assert starts == [
        ["ivsd.yaml:3", "valt.url"],
        ["ivsd.yaml:7", "badges.who_may_stop"],
        ["cards.yaml:2", "cards.1.number"],
        ["cards.yaml:3", "cards.2"],
    ]
    assert "4711" not in told


def test_check_tells_a_wrong_table_beside_a_right_configuration(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = write("cards: none")
    assert main(["check", str(cards.parent / "ivsd.yaml")]) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"{cards}:1: cards: must be a list")
    assert "all right" not in told


def test_check_is_content_with_two_right_files_and_without_a_table(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = write(one(f'number: "{NUMBER}", user: 12'))
    assert main(["check", str(cards.parent / "ivsd.yaml")]) == 0
    cards.unlink()
    assert main(["check", str(cards.parent / "ivsd.yaml")]) == 0
    assert capsys.readouterr().out.count("all right") == 2


def test_check_of_a_missing_configuration_still_tells_of_the_table(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = write("cards: none")
    assert main(["check", str(cards.parent / "nothing.yaml")]) == 1
    told = capsys.readouterr().out
    assert "nothing.yaml: cannot be read" in told
    assert f"{cards}:1: cards" in told


# -- what the controller is told ----------------------------------------------------------------

TOGGLE = (Binding(Action.RECORD_TOGGLE),)


@pytest.mark.parametrize(
    ("entry", "card"),
    [
        ("user: 12", Card(TOGGLE, 12)),
        ("user: 12, name: Second", Card(TOGGLE, 12, "Second")),
        ("name: Visitor", Card(TOGGLE, None, "Visitor")),
        (
            "action: lock_toggle, name: Key",
            Card((Binding(Action.LOCK_TOGGLE, "Marker"),), None, "Key", is_looked_up=False),
        ),
        ("user: 12, action: lock", Card((Binding(Action.LOCK, "Marker"),), 12)),
        (
            "action: {action: start, then: [{action: marker, name: A, colour: blue}]}",
            Card(
                (Binding(Action.START, "Marker"), Binding(Action.MARKER, "A", "blue")),
                is_looked_up=False,
            ),
        ),
    ],
)
def test_an_entry_decides_what_its_badge_does(write: Write, entry: str, card: Card) -> None:
    path = write(one(f'number: "{NUMBER}", {entry}'))
    rules = rules_from(load(path.parent / "ivsd.yaml"), load_cards(path))
    assert rules.cards == {Secret(NUMBER): card}


def test_without_a_table_there_are_only_strangers(write: Write) -> None:
    rules = rules_from(load(write("{}").parent / "ivsd.yaml"))
    assert rules.cards == {}
    assert (STRANGER.user, STRANGER.actions, STRANGER.is_looked_up) == (None, TOGGLE, True)


# -- on the daemon ------------------------------------------------------------------------------

Run = Callable[..., Box]


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(World(version="6.5.2")) as simulator:
        yield simulator


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Start a daemon with this ivsd.yaml and cards.yaml."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # the daemon sets its own
    boxes: list[Box] = []

    def _run(ivsd_yaml: str, cards: str, hardware: VirtualHardware | None = None) -> Box:
        (tmp_path / "ivsd.yaml").write_text(ivsd_yaml, encoding="utf-8")
        (tmp_path / CARDS).write_text(cards, encoding="utf-8")
        boxes.append(Box(tmp_path / "ivsd.yaml", hardware or VirtualHardware()))
        return boxes[-1]

    yield _run
    for box in boxes:
        box.stop()
        assert box.code == 0


def replace_table(box: Box, text: str) -> None:
    (box.path.parent / CARDS).write_text(text, encoding="utf-8")
    box.daemon.reload()


KEY = one('number: "0009900001", action: lock_toggle')


def test_a_badge_of_the_table_acts_on_the_running_daemon(run: Run, server: Simulator) -> None:
    box = run(config(server), KEY)
    box.shows("available")
    box.hardware.hands.swipe("0009900001")
    box.shows("locked")
    assert server.world.view(4).status == "locked"


def test_a_wrong_table_at_the_start_is_a_config_fault_and_presses_are_answered(
    run: Run, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    box = run(config(server), one("number: 4711001, user: 12"))
    box.shows("config")
    outcome = box.press("record")
    assert outcome.result == "failed"
    assert "cards.yaml:2: cards.1.number: must be a text" in outcome.reason
    box.hardware.hands.swipe("0004711001")
    until(lambda: len(box.outcomes) == 2)
    assert box.outcomes[-1].result == "failed"
    assert "4711" not in outcome.reason + box.outcomes[-1].reason + caplog.text


def test_a_wrong_table_at_the_start_heals_at_a_reload(run: Run, server: Simulator) -> None:
    box = run(config(server), "cards: none")
    box.shows("config")
    replace_table(box, KEY)
    box.shows("available")
    box.hardware.hands.swipe("0009900001")
    box.shows("locked")


def test_a_wrong_table_at_a_reload_is_told_and_the_old_one_stays(
    run: Run, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    box = run(config(server), KEY)
    box.shows("available")
    with caplog.at_level(logging.ERROR):
        replace_table(box, KEY.replace('"0009900001"', "9900001"))
        until(lambda: "the old one is in use" in caplog.text)
    assert "cards.yaml:2: cards.1.number: must be a text" in caplog.text
    assert "9900001" not in caplog.text
    box.hardware.hands.swipe("0009900001")
    box.shows("locked")


def test_a_badge_that_is_taken_off_the_table_is_a_stranger_after_a_reload(
    run: Run, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    box = run(config(server), KEY)
    box.shows("available")
    with caplog.at_level(logging.INFO):
        replace_table(box, "cards: []")
        until(lambda: "was read again" in caplog.text)
    box.hardware.hands.swipe("0009900001")
    until(lambda: bool(box.outcomes))
    assert (box.outcomes[-1].result, server.world.view(4).status) == ("failed", "available")
    assert "nobody has this number (…001)" in box.outcomes[-1].reason


class Recorder(VirtualHardware):
    """Virtual hardware that remembers how VALT writes, each time readers are built."""

    def __init__(self) -> None:
        super().__init__()
        self.notations: list[Writing | None] = []

    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        self.notations.append(valt)
        return super().sources(inputs, valt)


def test_another_notation_of_valt_builds_the_readers_anew(run: Run, server: Simulator) -> None:
    hardware = Recorder()
    box = run(config(server), "cards: []", hardware)
    box.shows("available")
    box.reload(config(server) + "badges: {notation: hex}\n")
    until(lambda: len(hardware.notations) == 2)
    box.reload(config(server) + "badges: {notation: hex, rearm_s: 3}\n")
    box.shows("available")
    assert hardware.notations == [None, Writing(Notation.HEX)]
    box.hardware.hands.swipe("0004711001")
    box.shows("recording")
    assert len(hardware.notations) == 2


# -- in a scenario ------------------------------------------------------------------------------


def test_the_cards_of_a_scenario_are_kept_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario"
    path.write_text(
        'title: x\ncard: {number: "1", user: 12}\ncard: {number: "2", action: lock}\n'
        "at 0 ms swipe 1\n"
    )
    assert list(read(path).changes[CARDS].values()) == [
        '{number: "1", user: 12}',
        '{number: "2", action: lock}',
    ]


def test_a_card_after_the_first_step_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "a.scenario"
    path.write_text('at 0 ms swipe 1\ncard: {number: "1", user: 12}\n')
    with pytest.raises(ScenarioError, match="is no step"):
        read(path)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "cards:", "cards: []"])
def test_a_table_with_nothing_in_it_is_an_empty_one(write: Write, text: str) -> None:
    assert load_cards(write(text)) == []


def test_a_number_that_valt_would_not_write_so_is_told(write: Write) -> None:
    path = write(one('number: "4711001", user: 12'))
    with pytest.raises(ConfigError, match=r"badges\.notation") as caught:
        load_cards(path, Writing(Notation.DECIMAL, 10))
    assert "4711001" not in str(caught.value)
    assert load_cards(path, Writing(Notation.DECIMAL)) != []


@pytest.mark.parametrize("number", ["04 71 10 01", "04-71-10-01", "04:71:10:01"])
def test_a_number_with_gaps_in_the_place_of_another_value_is_not_told(
    write: Write, number: str
) -> None:
    path = write(one(f'number: "1", name: X, user: "{number}"'))
    assert all(number not in str(problem) for problem in problems(path))

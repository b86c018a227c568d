"""Writing ivsd.yaml anew: nothing that was in it is lost, and a save tells what it changes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ivsd
from ivsd.config import Config, ConfigError, Problem, load
from ivsd.config.changes import Change, changes, difference
from ivsd.config.edits import Merged, merge, text_of
from ivsd.config.schema import (
    Badges,
    Button,
    Control,
    FactoryDefault,
    Inputs,
    Keyboard,
    LampConfig,
    LampKind,
    Lights,
    Match,
    Recording,
    Role,
    Shows,
    State,
    Step,
    Steps,
    Valt,
    WiegandReader,
    Writing,
)
from ivsd.config.values import Values, problems_in, values_in, values_of
from ivsd.config.writer import HEAD, WIDTH, write
from ivsd.events import Action, MarkerTime, StopProtection, WhoMayStop
from ivsd.notation import Notation
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE, Pattern
from ivsd.valt.model import Secret

SOURCES = Path(ivsd.__file__).parents[1]
PASSWORD = "hunter2hunter2"
VALT = """\
valt:
  url: https://valt.example.com
  username: keypad
room: 4
"""

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ivsd.yaml would be, a password file beside it."""
    folder = tmp_path_factory.mktemp("etc")
    (folder / "valt-password").write_text("from the file\n", encoding="utf-8")
    return folder / "ivsd.yaml"


def loaded(text: str, path: Path) -> Config:
    path.write_text(text, encoding="utf-8")
    return load(path)


def edited(path: Path, text: str, **edits: str | None) -> Merged:
    """Merge edits; a key's dots are written as two underscores."""
    keys = {key.replace("__", "."): value for key, value in edits.items()}
    return merge(values_in(text, path), keys, path)


def told(problems: list[Problem]) -> dict[str, str]:
    return {problem.key: problem.text for problem in problems}


def source(name: str) -> str:
    file = SOURCES / name / "ivsd.yaml"
    if not file.is_file():
        pytest.skip("only in the source tree")
    return file.read_text(encoding="utf-8")


def settings_in(text: str) -> str:
    """Return a file without its comments."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
    return "\n".join(lines) + "\n"


# -- how it reads -------------------------------------------------------------------------------

FACTORY = """\
# the VALT server
#valt:
  # address of the VALT server, such as https://valt.example.com
  #url:
  # VALT account of this box
  #username:
  # file that holds only the password
  #password_file:
  # which certificates are trusted: true (the system's), a CA file, or sha256:FINGERPRINT
  #verify: true
  # a whole exchange may take so long
  #timeout_s: 5
  # a start, stop, pause or lock is not sent later than so long after its press
  #send_within_s: 5
  # how often the room is read
  #poll_interval_s: 1
  # wait after a refused log-in
  #failure_reauth_s: 30
  # log in anew after so long
  #success_reauth_s: 86400

# id or name of the room this box belongs to
#room:

# how recordings are made
recording:
  # may use {date}, {time}, {user}, {room}
  name: "{room} {date} {time}"
  # VALT user id of recordings that a button started
  #author:
  # what stops it by a button: at_once, hold or twice
  #stop: at_once
  # hold the button for so long to stop
  #stop_hold_s: 2
  # own, or server: whose seconds markers have after a pause
  #marker_clock: own
  # required fields of the site's template: id -> text
  #template: {}

# badges and PINs
badges:
  # how VALT's card numbers are written
  #notation:
  # a badge counts again after it was away for so long
  #rearm_s: 2
  # whose badge or PIN stops a recording: anyone, author or listed
  who_may_stop: anyone
  # VALT user ids of those who may, with listed
  #stoppers: []

# control -> action
# each has: action, name (Marker), colour (red), then, tap, hold, hold_s (1), double, release
controls:
  record: record_toggle

# what a hand or a badge can touch
inputs:
  # keyboards, keypads, badge readers that type
  # each has: name, match, pin_length, notation, role (auto), keymap (us), prefix, suffix,
  # end (any), keys, grab (true)
  keyboards: []
  # readers and keypads on two GPIO lines
  # each has: name, data0, data1, chip (gpiochip0), pull (up), active (low), role (badge),
  # formats ([26, 34, 37]), raw_bits, gap_ms (15), pin_length
  wiegand: []
  # buttons on GPIO lines
  # each has: control, line, chip (gpiochip0), pull (up), active (low), bounce_ms (10)
  buttons:
    - {control: record, line: 17}

# what people see
lights:
  # state -> colour and pattern, where the default is not liked
  # each has: colour, pattern
  states: {}
  # the lamps, and a buzzer
  # each has: name, lines, kind (led), colours, shows (status), chip (gpiochip0), active (high),
  # states, devices, stopped
  lamps:
    - {name: status, lines: [22, 27, 24], kind: rgb}
    - {name: sign, lines: [25], shows: recording}

# what is held for the factory state
factory_default:
  # number or name of the GPIO line of the reset button
  line: 26
  # GPIO chip: its name, file or label
  #chip: gpiochip0
  # bias: up, down or none
  #pull: up
  # level while it is pressed: low or high
  #active: low
  # the contact must be stable for so long
  #bounce_ms: 10
  # in place of line: two controls or more, held together
  #controls: []
  # hold it for so long, and let go
  hold_s: 10
  # whether it must be pressed once more within 2 s
  #confirm: false
"""


def test_the_factory_file_is_written_with_every_key_and_its_sentence(path: Path) -> None:
    assert write(values_in(source("templates"), path)) == f"{HEAD}\n{FACTORY}"


def test_the_example_is_written_without_its_defaults(path: Path) -> None:
    text = write(values_in(source("config"), path))
    assert (
        settings_in(text)
        == """\
valt:
  url: https://valt.example.com
  username: keypad
  password_file: valt-password
room: 4
recording:
  name: "{room} {date} {time}"
badges:
  who_may_stop: anyone
controls:
  record: record_toggle
  pause: pause_toggle
  lock: lock_toggle
  marker: marker
inputs:
  keyboards: []
  wiegand: []
  buttons: []
lights:
  states: {}
  lamps: []
factory_default:
  hold_s: 10
"""
    )
    assert loaded(text, path) == loaded(source("config"), path)


RICH = """\
valt: {url: "https://valt.example.com", username: keypad, verify: true, timeout_s: 5.0}
room: "0012"
recording: {template: {3: "on", 1:30: "a: b"}, stop_hold_s: 2.5}
badges: {notation: {form: decimal, digits: 10}, stoppers: [12, 13]}
controls:
  record: {action: record_toggle}
  marker: {name: Question, action: marker, colour: blue}
  door: {action: show_status, hold: {action: lock_toggle}, hold_s: 2,
    double: {action: marker, name: "Important {count}, {time}", then: [pause, lock]}}
inputs:
  keyboards:
  - {name: reader, match: {id: "08ff:0009"}, role: badge, notation: hex_reversed, grab: true}
  - name: keypad
    match: {path: /dev/input/by-id/usb-Example_Keypad-event-kbd}
    keys: {KEY_KPPLUS: marker, KEY_KPASTERISK: door}
    role: pin
    pin_length: 4
  buttons: [{control: record, line: "GPIO17", pull: none}, {control: door, line: "5"}]
lights:
  states: {recording: {colour: red, pattern: on}}
  lamps: [{name: front, kind: rgb, devices: ["front:red", "front:green", "front:blue"],
    stopped: {colour: magenta, pattern: on}}]
"""


def test_entries_stand_on_one_line_where_they_are_short(path: Path) -> None:
    text = write(values_in(RICH, path))
    assert (
        settings_in(text)
        == """\
valt:
  url: https://valt.example.com
  username: keypad
room: "0012"
recording:
  name: "{room} {date} {time}"
  stop_hold_s: 2.5
  template: {"3": "on", "1:30": "a: b"}
badges:
  notation: {form: decimal, digits: 10}
  who_may_stop: anyone
  stoppers: [12, 13]
controls:
  record: record_toggle
  marker: {action: marker, name: Question, colour: blue}
  door:
    action: show_status
    hold: lock_toggle
    hold_s: 2
    double: {action: marker, name: "Important {count}, {time}", then: [pause, lock]}
inputs:
  keyboards:
    - {name: reader, match: {id: "08ff:0009"}, notation: hex_reversed, role: badge}
    - name: keypad
      match: {path: /dev/input/by-id/usb-Example_Keypad-event-kbd}
      pin_length: 4
      role: pin
      keys: {KEY_KPPLUS: marker, KEY_KPASTERISK: door}
  wiegand: []
  buttons:
    - {control: record, line: GPIO17, pull: none}
    - {control: door, line: "5"}
lights:
  states:
    recording: {colour: red, pattern: "on"}
  lamps:
    - name: front
      kind: rgb
      devices: ["front:red", "front:green", "front:blue"]
      stopped: {colour: magenta, pattern: "on"}
"""
    )
    assert loaded(text, path) == loaded(RICH, path)
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_default_behind_its_sign_can_be_taken_in_by_removing_the_sign(path: Path) -> None:
    text = write(values_in(source("config"), path))
    taken_in = re.sub(r"^( *)#(\w+:)", r"\1\2", text, flags=re.MULTILINE)
    assert taken_in.count("\n  controls: []") == 1
    assert loaded(taken_in, path) == loaded(text, path)


def test_lamps_and_reset_button_that_were_not_there_stay_away(path: Path) -> None:
    """What the factory file has may stand in for them while a file is wrong."""
    text = write(values_in(VALT, path))
    assert {"lights", "factory_default"}.isdisjoint(yaml.safe_load(text))
    assert "\n#lights:\n" in text
    assert "\n#factory_default:\n" in text


@pytest.mark.parametrize("section", ["lights: {}", "factory_default: {chip: gpiochip0}"])
def test_a_section_that_was_there_is_there_again_with_nothing_but_defaults(
    path: Path, section: str
) -> None:
    text = write(values_in(f"{VALT}{section}\n", path))
    assert section.partition(":")[0] in yaml.safe_load(text)


def test_a_blanked_password_leaves_no_key(path: Path) -> None:
    text = write(values_in(VALT.replace("room", "  password:\nroom"), path))
    assert "password" not in yaml.safe_load(text)["valt"]


# -- every text, number and word comes back -----------------------------------------------------

TRICKY = [
    *("on", "off", "yes", "no", "true", "False", "null", "~", "Null", "y", "", " ", "\t"),
    *("0012", "0x1F", "1:30", "1e3", "1.0e+3", ".inf", ".nan", "1_000", "+1", "-", "2026-01-01"),
    *("a: b", "a #b", "# a", "a:", ":a", "- a", "-", "? a", "a,b", "[a", "{a}", "&a", "*a", "!a"),
    *("|", ">", "%a", "@a", "`a", "'a'", '"a"', "a\\n", "a\nb", "\n", "a\n\nb\n", "---", "..."),
    *("a ", " a", "a  b", "Büro 1", "面談室", "😀", "\u2028", "\x85", "\ufeff", "\x00", "\x7f"),
    *("<<", "=", "a\r\nb", "\u00a0", "e\u0301", "\u202e", "/dev/a b", "C:\\x", "x" * 300),
]


@pytest.mark.parametrize("text", TRICKY)
@pytest.mark.parametrize("place", ["room", "prefix", "template", "control"])
def test_a_text_comes_back_whatever_yaml_would_take_it_for(
    path: Path, text: str, place: str
) -> None:
    config = Config(Valt("https://valt.example.com", "keypad"), 4)
    if place == "room":
        config = replace(config, room=text)
    elif place == "prefix":
        keyboard = Keyboard("reader", Match(name="r"), role=Role.BADGE, prefix=text, suffix=text)
        config = replace(config, inputs=Inputs(keyboards=[keyboard]))
    elif place == "template":
        config = replace(config, recording=Recording(template={text: text, "other": text}))
    elif not re.match(r"\.|$", text):
        controls = {text: Control(Action.START), "other": Control(hold=Steps(Action.STOP))}
        config = replace(config, controls=controls, inputs=Inputs(buttons=[Button(text, 1)]))
    written = write(config)
    assert loaded(written, path) == config
    assert write(loaded(written, path)) == written
    assert write(values_in(written, path)) == written


texts = st.one_of(
    st.sampled_from(TRICKY),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
names = texts.filter(lambda text: text and "." not in text and text != "factory_default")
ids = st.integers(1, 10**6)
actions = st.sampled_from(Action)


def seconds(low: float, high: float) -> st.SearchStrategy[float]:
    return st.one_of(st.floats(low, high), st.integers(int(low) + 1, int(high)).map(float))


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    later = st.builds(
        Step,
        st.sampled_from([action for action in Action if not action.is_toggle]),
        marker_names,
        st.sampled_from(["red", "blue"]),
    )
    return Steps(draw(actions), draw(marker_names), "red", draw(st.lists(later, max_size=2)))


marker_names = st.one_of(
    st.just("Marker"), names.map(lambda text: f"#{text}".replace("{", "{{").replace("}", "}}"))
)


@st.composite
def controls(draw: st.DrawFn) -> Control:
    way = st.one_of(st.none(), steps())
    hold, double = draw(way), draw(way)
    hold_s = draw(seconds(0.3, 30)) if hold else 1.0
    kind = draw(st.sampled_from(["plain", "tap", "release"]))
    if kind == "release":
        return Control(release=draw(steps()))
    if kind == "tap":
        return Control(tap=draw(steps()), hold=hold, hold_s=hold_s, double=double)
    first = draw(steps())
    return Control(
        first.action, first.name, first.colour, first.then, None, hold, hold_s, double=double
    )


writings = st.sampled_from(
    [
        Writing(Notation.DECIMAL),
        Writing(Notation.DECIMAL, digits=10),
        Writing(Notation.HEX_REVERSED, bytes=7),
        Writing(Notation.FACILITY),
    ]
)
states = st.builds(
    State, st.sampled_from([None, *Colour]), st.sampled_from([None, *Pattern])
)  # fmt: skip
looks = st.dictionaries(
    st.sampled_from(sorted(str(name) for name in LIGHT_LANGUAGE)), states, max_size=2
)


@st.composite
def keyboards(draw: st.DrawFn, name: str, known: list[str], writing: Writing | None) -> Keyboard:
    role = draw(st.sampled_from(Role))
    keys = draw(
        st.dictionaries(
            st.sampled_from(["KEY_A", "KEY_KPPLUS", "BTN_0"]),
            st.sampled_from(known),
            min_size=role is Role.KEYS,
        )
    )
    match = draw(
        st.sampled_from(
            [Match(id="08ff:0009"), Match(Path("/dev/input/event3")), Match(name="R", port="usb-1")]
        )
    )
    board = Keyboard(name, match, role=role, keys=keys, grab=draw(st.booleans()))
    if role in (Role.BADGE, Role.AUTO):
        board = replace(board, prefix=draw(texts), suffix=draw(texts))
        if writing is not None:
            board = replace(board, notation=draw(st.one_of(st.none(), writings)))
    return board


@st.composite
def lamps(draw: st.DrawFn, name: str, lines: list[int | str]) -> LampConfig:
    kind = draw(st.sampled_from(LampKind))
    count = {LampKind.RGB: 3, LampKind.LEDS: 2}.get(kind, 1)
    lamp = LampConfig(name, kind=kind, states=draw(looks))
    if kind is LampKind.LEDS:
        lamp = replace(lamp, colours=[Colour.RED, Colour.GREEN])
    if kind is not LampKind.BUZZER:
        lamp = replace(lamp, shows=draw(st.sampled_from(Shows)))
    if draw(st.booleans()):
        stopped = draw(st.sampled_from([None, State(Colour.RED, Pattern.ON)]))
        return replace(lamp, devices=["a:red", "b*:green", "c"][:count], stopped=stopped)
    active = draw(st.sampled_from(["low", "high"]))
    return replace(lamp, lines=[lines.pop() for _ in range(count)], active=active)  # type: ignore[arg-type]


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Any configuration that `ivsd check` accepts: what does not go together is left out."""
    bound = draw(st.dictionaries(names, controls(), min_size=1, max_size=3))
    held = ["held 1", "held 2"] if draw(st.booleans()) else []
    bound |= {name: Control(Action.MARKER) for name in held}
    known: list[str] = list(bound)
    free: list[int | str] = [*range(40), *(f"LINE{n}" for n in range(10)), "7", "0x8", "on"]
    lines = list(draw(st.permutations(free)))
    writing = draw(st.one_of(st.none(), writings))
    reader_names = draw(st.lists(names, unique=True, max_size=3))
    lamp_names = draw(st.lists(texts, unique=True, max_size=3))
    wiegand = [
        WiegandReader(
            name, lines.pop(), lines.pop(), raw_bits=draw(st.sampled_from([None, 32])),
            pull=draw(st.sampled_from(["up", "none"])), gap_ms=draw(st.integers(2, 200)),
        )
        for name in reader_names[:1]
    ]  # fmt: skip
    count = draw(st.integers(0, 2))
    buttons = [Button(draw(st.sampled_from(known)), lines.pop()) for _ in range(count)]
    listed = draw(st.sampled_from(WhoMayStop))
    has_line = draw(st.booleans())
    return Config(
        Valt(
            draw(st.sampled_from(["https://valt.example.com", "http://10.0.0.7:8080/valt"])),
            draw(texts),
            password_file=draw(st.sampled_from([None, Path("valt-password")])),
            verify=draw(st.one_of(st.just(True), st.just(f"sha256:{'AB:' * 31}AB"))),
            timeout_s=draw(seconds(0.5, 15)),
            success_reauth_s=draw(seconds(60, 604800)),
        ),
        draw(st.one_of(ids, texts)),
        Recording(
            name=draw(st.sampled_from(["{user}", "{room} {date} {time}", "#1: {{x}}"])),
            author=draw(st.one_of(st.none(), ids)),
            stop=draw(st.sampled_from([StopProtection.AT_ONCE, StopProtection.TWICE])),
            marker_clock=draw(st.sampled_from(MarkerTime)),
            template=draw(st.dictionaries(texts.filter(bool), texts, max_size=2)),
        ),
        Badges(
            writing,
            draw(seconds(0.5, 60)),
            listed,
            draw(st.lists(ids, min_size=listed is WhoMayStop.LISTED, max_size=2)),
        ),
        bound,
        Inputs(
            [draw(keyboards(name, known, writing)) for name in reader_names[1:]], wiegand, buttons
        ),
        Lights(draw(looks), [draw(lamps(name, lines)) for name in lamp_names]),
        FactoryDefault(
            line=None if held or not has_line else lines.pop(),
            controls=held,
            hold_s=draw(seconds(3, 30)),
            confirm=draw(st.booleans()),
        ),
    )


many = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@many
@given(config=configs())
def test_what_was_written_is_read_as_the_same_configuration(path: Path, config: Config) -> None:
    text = write(config)
    assert loaded(text, path) == config
    assert write(loaded(text, path)) == text
    assert write(values_in(text, path)) == text


@many
@given(config=configs(), short_lists=st.sampled_from([True, False, None]))
def test_a_file_written_by_somebody_else_is_taken_as_it_is_read(
    path: Path, config: Config, short_lists: bool | None
) -> None:
    theirs = yaml.safe_dump(values_of(config), default_flow_style=short_lists, sort_keys=True)
    values = values_in(theirs, path)
    assert changes(values_of(config), values) == []
    merged = merge(values, {}, path)
    assert merged.problems == []
    assert loaded(merged.text, path) == loaded(theirs, path) == config


def leaves(value: Any, key: str = "") -> Iterator[str]:
    """Every key of values, entries of lists by their number."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value, 1)
        for name, below in pairs:
            yield from leaves(below, f"{key}.{name}".lstrip("."))
    yield key


@many
@given(config=configs())
def test_fields_sent_back_as_they_were_shown_change_nothing(path: Path, config: Config) -> None:
    values = values_in(write(config), path)
    fields = {}
    for key in leaves(values):
        try:
            fields[key] = text_of(values, key)
        except KeyError:
            continue
    # An empty field is one that is not given, so that an empty name could not be sent back.
    sent = {key: text for key, text in fields.items() if text}
    assert "valt.url" in sent
    merged = merge(values, sent, path)
    assert merged.problems == []
    assert changes(values, merged.values) == []
    assert merged.text == write(config)


# -- what cannot be taken -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "- a\n",
        f"{VALT}inputs: {{\n",
        f"{VALT}inputs:\n",
        f"{VALT}rooms: 4\n",
        f"{VALT}room: 5\n",
        f"{VALT}valt: &a {{url: *a}}\n",
        f"{VALT}controls: []\n",
        f"{VALT}controls: {{door: {{hold: {{action: lock, hold: stop}}}}}}\n",
        f"{VALT}inputs: {{buttons: {{line: 4}}}}\n",
        f"{VALT}inputs: {{buttons: [4]}}\n",
        f"{VALT}recording: {{name: [a]}}\n",
        f"{VALT}recording: {{<<: {{name: a}}}}\n",
        f"{VALT}recording: {{author: !!binary 12}}\n",
        VALT.replace("keypad", "keypad\n  password: 4711"),
        f"{VALT}{'[' * 5000}",
        f"{VALT}recording: {{name: \"\x01\"}}\n",
    ],
)  # fmt: skip
def test_a_file_of_which_something_would_be_lost_is_refused_with_its_problems(
    path: Path, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        values_in(text, path)
    assert caught.value.problems == problems_in(text, path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as checked:
        load(path)
    assert told(checked.value.problems) == told(caught.value.problems)


def test_a_file_that_could_be_read_but_not_be_kept_is_refused_too(path: Path) -> None:
    text = f"{VALT}controls:\n  ? [a]\n  : marker\n"
    assert problems_in(text, path) == []
    with pytest.raises(ConfigError, match="write it in a plainer way") as caught:
        values_in(text, path)
    assert caught.value.problems[0].line == 6


def test_what_a_technician_named_once_and_used_twice_is_written_twice(path: Path) -> None:
    text = f"""{VALT}controls:
  door: &d {{action: marker, name: &n Question}}
  desk: *d
  bell: {{action: marker, name: *n, hold: *d}}
"""
    written = write(values_in(text, path))
    assert "&" not in settings_in(written)
    assert loaded(written, path) == loaded(text, path)


WRONG = """\
valt: {url: valt.example.com, username: 4711, verify: no, timeout_s: fast, poll_interval_s: 1:30}
room: 2026-01-01
recording: {author: 0, stop: on, name: "{rom}", stop_hold_s: .inf}
controls: {record: record_togle, door: , marker: {action: marker, colour: pink}}
inputs:
  buttons: [{control: rekord, line: 0x11, bounce_ms: ~, pull: sideways}, {line: 1.5}]
  wiegand: [{name: a, data0: 1, data1: 1, formats: [26, ~, on]}]
lights: {states: {recordin: {pattern: off}}, lamps: [{name: null, kind: true, lines: [yes]}]}
"""


def test_wrong_values_stay_and_are_told_in_the_same_words(path: Path) -> None:
    merged = edited(path, WRONG)
    assert told(merged.problems) == told(problems_in(WRONG, path))
    assert len(merged.problems) > 20
    assert {problem.line for problem in merged.problems} == {0}, "nobody has that file"


# -- edits --------------------------------------------------------------------------------------


def test_fields_are_read_as_the_schema_wants_them(path: Path) -> None:
    merged = edited(
        path,
        VALT,
        valt__timeout_s=" 2.5 ",
        valt__poll_interval_s="2",
        room="Interview 1",
        recording__author="12",
        recording__stop=" hold ",
        recording__template__3="on",
        badges__stoppers="12, 13",
        badges__notation="hex",
        controls__record="record_toggle",
        controls__desk__hold="lock_toggle",
        controls__desk__hold_s="3",
        inputs__buttons__1__control="record",
        inputs__buttons__1__line="17",
        inputs__keyboards__1__name="reader",
        inputs__keyboards__1__match__id="08ff:0009",
        inputs__keyboards__1__grab="no",
        lights__lamps__1__name="status",
        lights__lamps__1__kind="rgb",
        lights__lamps__1__lines="22, LED, 24",
        lights__states__recording__pattern="on",
        factory_default__confirm="true",
    )
    assert merged.problems == []
    assert loaded(merged.text, path) == Config(
        Valt("https://valt.example.com", "keypad", timeout_s=2.5, poll_interval_s=2.0),
        "Interview 1",
        Recording(author=12, stop=StopProtection.HOLD, template={"3": "on"}),
        Badges(Writing(Notation.HEX), stoppers=[12, 13]),
        {
            "record": Control(Action.RECORD_TOGGLE),
            "desk": Control(hold=Steps(Action.LOCK_TOGGLE), hold_s=3.0),
        },
        Inputs([Keyboard("reader", Match(id="08ff:0009"), grab=False)], [], [Button("record", 17)]),
        Lights(
            {"recording": State(None, Pattern.ON)},
            [LampConfig("status", [22, "LED", 24], LampKind.RGB)],
        ),
        FactoryDefault(confirm=True),
    )


@pytest.mark.parametrize(
    ("text", "room"), [("12", 12), ('"12"', "12"), ("012", "012"), ("A 1", "A 1"), ('" "', " ")]
)
def test_a_room_is_a_number_or_a_name_as_in_the_file(
    path: Path, text: str, room: int | str
) -> None:
    merged = edited(path, VALT, room=text)
    assert loaded(merged.text, path).room == room
    assert text_of(merged.values, "room") == text


@pytest.mark.parametrize(
    ("key", "text", "same"),
    [
        ("valt.timeout_s", "fast", "fast"),
        ("valt.timeout_s", "90", "90"),
        ("valt.timeout_s", "2,5", '"2,5"'),
        ("valt.url", "ftp://x", "ftp://x"),
        ("valt.verify", "false", "no"),
        ("valt.verify", "missing.pem", "missing.pem"),
        ("valt.password_file", "missing", "missing"),
        ("recording.author", "12a", "12a"),
        ("recording.author", "012", '"012"'),
        ("recording.name", "{rom}", '"{rom}"'),
        ("recording.stop", "at-once", "at-once"),
        ("controls.record", "record_togle", "record_togle"),
        ("factory_default.confirm", "maybe", "maybe"),
        ("factory_default.pull", "sideways", "sideways"),
        ("badges.stoppers", "12, x", "[12, x]"),
        ("badges.notation", "octal", "octal"),
    ],
)
def test_a_wrong_field_is_told_at_its_key_in_the_words_of_the_check(
    path: Path, key: str, text: str, same: str
) -> None:
    base = f"{VALT}recording: {{name: a}}\nbadges: {{}}\ncontrols: {{}}\nfactory_default: {{}}\n"
    merged = merge(values_in(base, path), {key: text}, path)
    section, _, name = key.rpartition(".")
    tree = yaml.safe_load(base)
    tree[section][name] = None
    theirs = yaml.safe_dump(tree).replace(f"{name}: null", f"{name}: {same}")
    assert told(merged.problems) == told(problems_in(theirs, path)) != {}
    assert next(iter(told(merged.problems))).startswith(key)
    assert text_of(merged.values, key) == text, "the page shows it again"


def test_problems_between_keys_are_told_too(path: Path) -> None:
    merged = edited(
        path, f"{VALT}controls: {{record: start}}", inputs__buttons__1__control="rekord"
    )
    assert told(merged.problems) == {
        "inputs.buttons.1.line": "is missing: number or name of the GPIO line",
    }
    merged = merge(merged.values, {"inputs.buttons.1.line": "4"}, path)
    assert told(merged.problems) == {
        "inputs.buttons.1.control": "'rekord' is not under “controls”; did you mean 'record'?"
    }
    merged = merge(merged.values, {"inputs.buttons.1.control": "record"}, path)
    assert merged.problems == []


def test_the_first_set_up_makes_the_factory_file_whole(path: Path) -> None:
    factory = source("templates")
    assert set(told(edited(path, factory).problems)) == {"valt", "room"}
    empty = edited(path, factory, valt__url="", valt__username="", room="")
    assert set(told(empty.problems)) == {"valt.url", "valt.username", "room"}
    merged = edited(
        path, factory, valt__url="https://valt.example.com", valt__username="keypad", room="4"
    )
    assert merged.problems == []
    assert [str(change) for change in changes(values_in(factory, path), merged.values)] == [
        "valt.url: not set -> \"https://valt.example.com\"",
        "valt.username: not set -> keypad",
        "room: not set -> 4",
    ]  # fmt: skip
    assert loaded(merged.text, path).inputs.buttons == [Button("record", 17)]


def test_an_edit_heals_a_wrong_value(path: Path) -> None:
    wrong = VALT.replace("keypad", "4711")
    assert set(told(edited(path, wrong).problems)) == {"valt.username"}
    merged = edited(path, wrong, valt__username="4711")
    assert merged.problems == []
    assert loaded(merged.text, path).valt.username == "4711"
    (change,) = changes(values_in(wrong, path), merged.values)
    assert str(change) == 'valt.username: 4711 -> "4711"'


def test_an_empty_field_or_none_takes_a_key_away(path: Path) -> None:
    text = f"""{VALT}recording: {{author: 12, name: Mine, stop: hold, stop_hold_s: 3}}
controls: {{record: {{action: start, hold: {{action: stop, name: A}}}}, old: lock}}
inputs: {{buttons: [{{control: old, line: 1}}, {{control: record, line: 2}}]}}
lights: {{lamps: [{{name: a, lines: [3], states: {{locked: {{colour: red}}}}}}]}}
"""
    merged = edited(
        path,
        text,
        recording__author="",
        recording__name="",
        recording__stop=None,
        recording__stop_hold_s=" ",
        controls__old=None,
        controls__record__hold__action="",
        controls__record__hold__name=None,
        inputs__buttons__1=None,
        inputs__buttons__2__line="5",
        lights__lamps__1=None,
        factory_default__line="",
    )
    assert merged.problems == []
    assert loaded(merged.text, path) == Config(
        Valt("https://valt.example.com", "keypad"),
        4,
        controls={"record": Control(Action.START)},
        inputs=Inputs(buttons=[Button("record", 5)]),
    )
    assert "factory_default" not in merged.values


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "is no key here"),
        ("rooms", "did you mean 'room'?"),
        ("valt.time_out_s", "did you mean 'timeout_s'?"),
        ("valt.timeout_s.x", "is no key here"),
        ("valt", "must be a mapping"),
        ("controls", "must be a mapping"),
        ("controls..hold", "has no name"),
        ("controls.record.hold.hold", "is no key here"),
        ("inputs.buttons", "must be a list"),
        ("inputs.buttons.1", "must be a mapping"),
        ("inputs.buttons.3.line", "entries are numbered from 1 to 2"),
        ("inputs.buttons.0.line", "entries are numbered from 1 to 2"),
        ("inputs.buttons.x.line", "entries are numbered from 1 to 2"),
        ("inputs.buttons.²", "entries are numbered from 1 to 2"),
        ("valt.password", "is not kept in this file"),
    ],
)
def test_a_key_that_there_is_not_is_refused(path: Path, key: str, says: str) -> None:
    text = f"{VALT}controls: {{record: start}}\ninputs: {{buttons: [{{control: record, line: 1}}]}}"
    merged = merge(values_in(text, path), {key: "4"}, path)
    assert merged.text == write(values_in(text, path)), "nothing of it is taken"
    assert list(told(merged.problems)) == [key]
    assert says in told(merged.problems)[key]


def test_a_control_with_a_dot_in_its_name_is_found(path: Path) -> None:
    text = f"{VALT}controls: {{door: start, door.left: lock}}\n"
    merged = merge(values_in(text, path), {"controls.door.left": "unlock"}, path)
    assert merged.values["controls"]["door.left"] == {"action": "unlock"}
    assert merged.values["controls"]["door"] == {"action": "start"}


def test_the_action_of_a_control_is_edited_without_its_other_ways(path: Path) -> None:
    text = f"{VALT}controls: {{door: {{action: start, hold: lock, hold_s: 2}}}}\n"
    assert text_of(values_in(text, path), "controls.door") == "start"
    merged = edited(path, text, controls__door="stop")
    hold = Steps(Action.LOCK)
    door = loaded(merged.text, path).controls["door"]
    assert door == Control(Action.STOP, hold=hold, hold_s=2.0)
    merged = edited(path, text, controls__door="")
    assert loaded(merged.text, path).controls["door"] == Control(hold=hold, hold_s=2.0)
    assert edited(path, text, controls__door=None).values["controls"] == {}


def test_the_values_before_are_not_changed(path: Path) -> None:
    before = values_in(RICH, path)
    edits = {"inputs.buttons.1": None, "controls.door.hold_s": "3", "badges.stoppers.1": "9"}
    merged = merge(before, edits, path)
    assert merged.problems == []
    assert before == values_in(RICH, path) != merged.values


edit_keys = st.one_of(
    st.sampled_from(sorted({key for key in leaves(yaml.safe_load(RICH)) if key})),
    st.text("ab.1", max_size=8),
    st.sampled_from(["factory_default.line", "lights.lamps.2.name", "controls.x.then.1.action"]),
)
edit_texts = st.one_of(
    st.none(),
    texts,
    st.sampled_from(["4", "1.5", "yes", "marker", "12, 13", "\ud800", "9" * 30, "hex", "status"]),
)


@many
@given(edits=st.dictionaries(edit_keys, edit_texts, max_size=5))
def test_whatever_is_sent_is_either_told_as_wrong_or_can_be_loaded(
    path: Path, edits: dict[str, str | None]
) -> None:
    before = values_in(RICH, path)
    merged = merge(before, edits, path)
    changes(before, merged.values)
    for key in (*edits, *leaves(merged.values)):
        try:
            text_of(merged.values, key)
        except KeyError:
            continue
    if not merged.problems:
        config = loaded(merged.text, path)
        assert merged.text == write(merged.values) == write(values_in(merged.text, path))
        assert changes(values_in(merged.text, path), merged.values) == []
        if not edits:
            assert config == loaded(RICH, path)


# -- what changes -------------------------------------------------------------------------------


def test_changes_are_told_key_by_key_with_the_defaults_that_were_meant(path: Path) -> None:
    before = values_in(RICH, path)
    merged = edited(
        path,
        RICH,
        recording__stop="twice",
        recording__stop_hold_s="",
        room="4",
        controls__marker__colour="red",
        controls__door__double=None,
        controls__bell="marker",
        inputs__keyboards__1=None,
        inputs__buttons__3__control="bell",
        inputs__buttons__3__line="6",
        inputs__buttons__2__line="7",
        lights__states__recording__colour="",
    )
    assert merged.problems == []
    assert changes(before, merged.values) == [
        Change("room", '"0012"', "4"),
        Change("recording.stop", "at_once", "twice"),
        Change("recording.stop_hold_s", "2.5", "2"),
        Change("controls.marker.colour", "blue", "red"),
        Change(
            "controls.door.double",
            '{action: marker, name: "Important {count}, {time}", then: [pause, lock]}',
            None,
        ),
        Change("controls.bell", None, "marker"),
        Change(
            "inputs.keyboards.1",
            '{name: reader, match: {id: "08ff:0009"}, notation: hex_reversed, role: badge}',
            None,
        ),
        Change("inputs.buttons.2.line", '"5"', "7"),
        Change("inputs.buttons.3", None, "{control: bell, line: 6}"),
        Change("lights.states.recording.colour", "red", None),
    ]


def test_a_default_that_was_spelled_out_is_no_change(path: Path) -> None:
    spelled = f"{VALT}recording: {{stop: at_once}}\nlights: {{lamps: []}}\nbadges: {{}}\n"
    assert changes(values_in(spelled, path), values_in(VALT, path)) == []
    assert changes(values_in(VALT, path), values_in(spelled, path)) == []


@pytest.mark.parametrize(
    "password",
    [
        f"password: {PASSWORD}",
        f'"password": "{PASSWORD}"  # was {PASSWORD}',
        f"password: &p {PASSWORD}",
        f"password: >-\n    {PASSWORD}",
        f"# password: '{PASSWORD}'\n  password: other",
    ],
)
def test_the_password_is_nowhere_but_in_the_old_file(path: Path, password: str) -> None:
    text = VALT.replace("room", f"  {password}\nroom")
    before = values_in(text, path)
    merged = edited(path, text, valt__timeout_s="3")
    assert merged.problems == []
    told_changes = changes(before, merged.values)
    assert [str(change) for change in told_changes] == [
        "valt.password: … -> not set",
        "valt.timeout_s: 5 -> 3",
    ]
    diff = difference(text, merged.text)
    assert "+  timeout_s: 3" in diff
    shown = f"{before}{merged}{told_changes}{diff}{write(before)}"
    assert PASSWORD not in shown
    assert "other" not in shown
    assert "\n  password:" not in merged.text


def test_a_new_password_is_told_only_as_changed() -> None:
    before: Values = {"valt": {"password": Secret("a")}}
    (change,) = changes(before, {"valt": {"password": Secret("b")}})
    assert str(change) == "valt.password: changed"


def test_a_password_that_is_no_longer_wrapped_is_not_written_either() -> None:
    values: Values = {"valt": {"username": "keypad", "password": PASSWORD}}
    assert PASSWORD not in write(values)
    assert PASSWORD not in str(changes(values, {}))
    with pytest.raises(KeyError):
        text_of(values, "valt.password")


def test_a_login_in_an_address_is_masked(path: Path) -> None:
    text = VALT.replace("//", f"//admin:{PASSWORD}@")
    merged = edited(path, text, valt__url="https://valt.example.com")
    (change,) = changes(values_in(text, path), merged.values)
    assert change.old == '"https://…@valt.example.com"'
    assert PASSWORD not in difference(text, merged.text)


def test_the_difference_shows_the_comments_that_a_save_loses(path: Path) -> None:
    merged = edited(path, f"{VALT}# our own note\n", room="5")
    diff = difference(f"{VALT}# our own note\n", merged.text)
    assert "-# our own note" in diff
    assert "-room: 4" in diff
    assert "+room: 5" in diff


def test_a_second_save_differs_in_nothing_but_what_was_edited(path: Path) -> None:
    first = edited(path, RICH).text
    second = merge(values_in(first, path), {"recording.stop": "twice"}, path).text
    lines = [line for line in difference(first, second).splitlines() if re.match(r"[+-] ", line)]
    assert lines == ["-  #stop: at_once", "+  stop: twice"]


def test_every_key_of_the_schema_has_its_sentence_in_the_file() -> None:
    text = write({})
    for section in (Valt, Recording, Badges, Inputs, Lights, FactoryDefault):
        for item in dataclasses.fields(section):
            if item.name != "password":
                assert f"  # {item.metadata['doc']}"[:60] in text

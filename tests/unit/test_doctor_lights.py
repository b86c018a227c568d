"""`ivsd doctor` and the lamps: what blinks, what is asked, and what the answers tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import DeviceStatus
from ivsd.config.schema import Inputs, LampConfig, LampKind, Lights
from ivsd.doctor import lights
from ivsd.doctor.box import Box
from ivsd.doctor.colours import judge
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import Finding
from ivsd.hardware import VirtualHardware, fixture_for
from ivsd.outputs.lamp import Colour, LampProblem
from tests.doctor_box import NOBODY, FakeDaemon, a_box, a_status, wrong

STATUS = LampConfig("status", [22, 23, 24], kind=LampKind.RGB)
SIGN = LampConfig("sign", [25])
BUZZER = LampConfig("bell", [26], kind=LampKind.BUZZER)
TRAFFIC = LampConfig("traffic", ["A", "B"], kind=LampKind.LEDS, colours=[Colour.RED, Colour.GREEN])
R, G, B, OFF = Colour.RED, Colour.GREEN, Colour.BLUE, Colour.OFF


class Typist:
    """The person at the terminal, who types these answers and then goes away."""

    def __init__(self, *answers: str) -> None:
        self._answers = iter(answers)
        self.told: list[str] = []
        self.asked: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)

    def ask(self, question: str) -> str:
        self.asked.append(question)
        try:
            return next(self._answers)
        except StopIteration:
            raise EOFError from None


class RecordingLamp:
    """A lamp that writes down what is done with it."""

    def __init__(self, name: str, log: list[str], problem: str = "") -> None:
        self.name, self.log, self.problem = name, log, problem

    def open(self) -> None:
        self.log.append("open")
        if self.problem:
            raise LampProblem(f"{self.name}: {self.problem}")

    def show(self, colour: Colour) -> None:
        self.log.append(colour.value)

    def close(self) -> None:
        self.log.append("close")


class Hardware(VirtualHardware):
    """Lamps that write down what is done with them."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.log: list[str] = []
        self.problem = problem

    def sources(self, inputs: Inputs, valt: Any) -> Any:
        return []

    def fixtures(self, lit: Lights) -> Any:
        return [
            fixture_for(lamp, lit, RecordingLamp(lamp.name, self.log, self.problem))
            for lamp in lit.lamps
        ]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return a_box(tmp_path, "")


def with_daemon(
    box: Box,
    monkeypatch: pytest.MonkeyPatch,
    person: Typist | None,
    *lamps: LampConfig,
    devices: tuple[DeviceStatus, ...] = (),
    refuses: ControlError | None = None,
) -> tuple[list[Finding], FakeDaemon]:
    fake = FakeDaemon(a_status(box, *devices)).answers(monkeypatch)
    fake.refuses = refuses
    found = lights.findings(
        box, Daemon.of(box), Lights(lamps=list(lamps)), Hardware(), person, lambda s: None
    )
    return list(found), fake


def without_daemon(
    box: Box,
    monkeypatch: pytest.MonkeyPatch,
    person: Typist | None,
    hardware: Hardware,
    *lamps: LampConfig,
) -> list[Finding]:
    FakeDaemon(NOBODY).answers(monkeypatch)
    daemon = Daemon.of(box)
    lit = Lights(lamps=list(lamps))
    return list(lights.findings(box, daemon, lit, hardware, person, lambda s: None))


# -- through the daemon ---------------------------------------------------------------------------


def test_each_lamp_blinks_once_and_is_asked_for_by_its_name(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Typist("y", "yes")
    found, daemon = with_daemon(box, monkeypatch, person, SIGN, BUZZER)
    assert daemon.blinks == [("sign", "white"), ("bell", "white")]
    assert person.asked == [
        "Did the lamp “sign” blink? [yes/no/again] ",
        "Did the buzzer “bell” sound? [yes/no/again] ",
    ]
    assert person.told == [
        "Look at the lamp “sign”, please.",
        "Listen to the buzzer “bell”, please.",
    ]
    assert [finding.ok for finding in found] == [True, True]


def test_a_lamp_that_nobody_saw_is_wrong_and_its_line_is_named(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = with_daemon(box, monkeypatch, Typist("n"), SIGN)
    assert wrong(found) == ["the lamp “sign” does not light"]
    assert "line 25 of gpiochip0" in found[0].advice
    assert "active: low" in found[0].advice


def test_again_blinks_again_and_what_cannot_be_understood_only_asks_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Typist("again", "perhaps", "", "a", "Y")
    found, daemon = with_daemon(box, monkeypatch, person, SIGN)
    assert len(daemon.blinks) == 3
    assert len(person.asked) == 5
    assert found[0].ok is True


def test_an_rgb_lamp_shows_red_green_and_blue_one_by_one(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, daemon = with_daemon(box, monkeypatch, Typist("r", "gr", "blue"), STATUS)
    assert [colour for _, colour in daemon.blinks] == ["red", "green", "blue"]
    assert (found[0].ok, found[0].text) == (True, "the lamp “status” shows red, green, blue")


def test_who_goes_away_ends_the_questions_and_not_the_walk(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, daemon = with_daemon(box, monkeypatch, Typist("y"), SIGN, STATUS, BUZZER)
    assert [finding.ok for finding in found] == [True, None]
    assert "nobody answers" in found[1].text
    assert len(daemon.blinks) == 2


def test_an_endless_chatter_ends(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = with_daemon(box, monkeypatch, Typist(*["what?"] * 100), SIGN)
    assert [finding.ok for finding in found] == [None]


def test_a_lamp_that_the_daemon_misses_is_not_asked_for(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = DeviceStatus("lamp sign", "lamp", False, "lamp sign: no such line")
    found, daemon = with_daemon(box, monkeypatch, Typist(), SIGN, devices=(missing,))
    assert (daemon.blinks, found[0].ok) == ([], None)


def test_who_is_not_root_is_told_to_try_again_with_sudo(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = ControlError("not_allowed", "only root and ivsd-web may do this")
    found, _ = with_daemon(box, monkeypatch, Typist(), SIGN, refuses=refuses)
    assert (found[0].ok, found[0].needs_root) == (None, True)


@pytest.mark.parametrize("code", ["bad_args", "unknown_op", "no_answer"])
def test_a_daemon_that_says_no_is_quoted(
    box: Box, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    found, _ = with_daemon(
        box, monkeypatch, Typist(), SIGN, refuses=ControlError(code, "there is no lamp “sign”")
    )
    assert (found[0].ok, found[0].needs_root) == (None, False)
    assert "there is no lamp “sign”" in found[0].text


def test_a_daemon_that_does_not_tell_keeps_its_lamps(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDaemon(ControlError("no_permission", "for the group ivsd only")).answers(monkeypatch)
    hardware = Hardware()
    found = list(lights.findings(box, Daemon.of(box), Lights(lamps=[SIGN]), hardware, Typist("y")))
    assert ([finding.needs_root for finding in found], hardware.log) == ([True], [])


# -- without a daemon -----------------------------------------------------------------------------


def test_without_a_daemon_the_lamp_is_lit_here_and_left_dark(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = Hardware()
    found = without_daemon(box, monkeypatch, Typist("y"), hardware, SIGN)
    assert found[0].ok is True
    assert hardware.log[0] == "open"
    assert hardware.log[1:-1].count("white") == 3
    assert hardware.log[-2:] == ["off", "close"]


def test_ctrl_c_in_a_question_leaves_the_lamp_dark(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(Typist):
        def ask(self, question: str) -> str:
            raise KeyboardInterrupt

    hardware = Hardware()
    with pytest.raises(KeyboardInterrupt):
        without_daemon(box, monkeypatch, Impatient(), hardware, SIGN)
    assert hardware.log[-1] == "close"


def test_a_lamp_that_cannot_be_had_is_not_asked_for(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = Hardware(problem="no such line")
    found = without_daemon(box, monkeypatch, Typist(), hardware, SIGN)
    assert (found[0].ok, found[0].text) == (None, "not tried: lamp sign: no such line")


def test_without_a_person_nothing_is_lit(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = Hardware()
    found = without_daemon(box, monkeypatch, None, hardware, SIGN)
    assert (found[0].ok, hardware.log) == (None, [])
    assert "nobody is asked" in found[0].text


def test_a_box_without_lamps_says_so(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    found = without_daemon(box, monkeypatch, Typist(), Hardware())
    assert [finding.text for finding in found] == [
        "none is known: ivsd.yaml names no lamp, or cannot be read"
    ]


# -- what the colours tell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "right"),
    [
        ((B, G, R), "[24, 23, 22]"),
        ((G, R, B), "[23, 22, 24]"),
        ((G, B, R), "[24, 22, 23]"),
        ((B, R, G), "[23, 24, 22]"),
    ],
)
def test_a_wrong_order_of_the_wires_is_told_with_the_right_one(
    seen: tuple[Colour, ...], right: str
) -> None:
    finding = judge(STATUS, seen)
    assert finding.ok is False
    assert f"Write lines: {right} for the lamp “status”" in finding.advice


def test_the_right_order_shows_the_right_colours() -> None:
    """What the advice says is tried: wires as they were seen, driven in the order it names."""
    seen = (G, B, R)
    colour_of = dict(zip(STATUS.lines, seen, strict=True))
    advice = judge(STATUS, seen).advice
    lines = [int(word) for word in advice[advice.index("[") + 1 : advice.index("]")].split(", ")]
    assert [colour_of[line] for line in lines] == [R, G, B]


def test_the_rest_of_each_colour_is_a_wrong_level() -> None:
    finding = judge(STATUS, (Colour.CYAN, Colour.MAGENTA, Colour.YELLOW))
    assert "Write active: low for the lamp “status”" in finding.advice


def test_a_colour_that_stays_dark_names_all_wires() -> None:
    finding = judge(STATUS, (R, OFF, B))
    assert finding.text == "the lamp “status” shows nothing for green"
    assert "green at 23" in finding.advice


def test_all_dark_is_a_lamp_that_does_not_light() -> None:
    assert judge(STATUS, (OFF, OFF, OFF)).text == "the lamp “status” does not light"


def test_leds_in_the_wrong_order_are_told_too() -> None:
    finding = judge(TRAFFIC, (G, R))
    assert 'Write lines: ["B", "A"] for the lamp “traffic”' in finding.advice


def test_one_device_of_several_colours_has_no_order_in_ivsd_yaml() -> None:
    lamp = LampConfig("status", [], kind=LampKind.RGB, devices=["rgb:status"])
    finding = judge(lamp, (B, G, R))
    assert finding.ok is False
    assert "LED rgb:status of the kernel" in finding.advice

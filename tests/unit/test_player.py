"""The light language, and the thread that plays it on the lamps."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ivsd.config.schema import LampConfig, LampKind, Lights, Shows, State
from ivsd.events import (
    PENDING,
    BoxFault,
    DeviceFound,
    DeviceLost,
    Event,
    FactoryStage,
    LightView,
    Receipt,
)
from ivsd.hardware import VirtualHardware, fixture_for
from ivsd.outputs.lamp import Colour, LampProblem, leds_for
from ivsd.outputs.patterns import (
    BUZZER,
    LEDS,
    LIGHT_LANGUAGE,
    ONE_LAMP,
    Look,
    Pattern,
    once,
    steps_of,
)
from ivsd.outputs.player import Fixture, Player, receipt_frames, steady_frames
from ivsd.outputs.virtual import VirtualLamp
from ivsd.valt.errors import LinkFault
from ivsd.valt.model import RoomState

RED, GREEN, BLUE, OFF = Colour.RED, Colour.GREEN, Colour.BLUE, Colour.OFF
YELLOW, MAGENTA, CYAN, WHITE = Colour.YELLOW, Colour.MAGENTA, Colour.CYAN, Colour.WHITE
WORDS = [*RoomState, PENDING, *LinkFault, *BoxFault]  # what may be shown for a long time
TABLES = [
    pytest.param(LIGHT_LANGUAGE, id="colours"),
    pytest.param(ONE_LAMP, id="one-lamp"),
    pytest.param(LEDS, id="leds"),
    pytest.param(BUZZER, id="buzzer"),
]
LED_SETS = [
    pytest.param(colours, id="-".join(colours))
    for count in (2, 3, 4)
    for colours in itertools.combinations([RED, YELLOW, GREEN, BLUE, MAGENTA, CYAN], count)
]

AVAILABLE = LightView(room=RoomState.AVAILABLE, fault="")
RECORDING = LightView(room=RoomState.RECORDING, records=True, fault="")
LOCKED = LightView(room=RoomState.LOCKED, fault="")
PAUSED = LightView(room=RoomState.PAUSED, records=True, fault="")


class Lamp(VirtualLamp):
    """A lamp on a screen that can also hang, be missing, or break."""

    def __init__(self, name: str = "lamp") -> None:
        super().__init__(name)
        self.problem = ""
        self.opened = 0
        self.is_open = False
        self.hang: threading.Event | None = None
        self.hangs = False

    def open(self) -> None:
        self.opened += 1
        self._fail()
        self.is_open = True

    def show(self, colour: Colour) -> None:
        assert self.is_open, "shown while closed"
        self._fail()
        if self.hang is not None:
            self.hangs = True
            self.hang.wait(5.0)
        super().show(colour)

    def close(self) -> None:
        if self.is_open:
            super().show(OFF)
        self.is_open = False

    def _fail(self) -> None:
        if self.problem:
            raise LampProblem(self.problem)

    @property
    def colours(self) -> list[Colour]:
        return [colour for _, colour in list(self.changes)]


def status(lamp: VirtualLamp, looks: dict[str, Look] = LIGHT_LANGUAGE) -> Fixture:
    return Fixture(lamp, "status", looks)


def sign(lamp: VirtualLamp) -> Fixture:
    return Fixture(lamp, "recording", LIGHT_LANGUAGE)


def until(holds: Callable[[], bool], within_s: float = 3.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.005)


Play = Callable[..., Player]


def _unwanted(event: Event) -> None:
    pytest.fail(f"nothing was wrong, yet: {event}")


@pytest.fixture
def play() -> Iterator[Play]:
    """Start a player; whatever hangs is let go at the end."""
    players: list[tuple[Player, list[Fixture]]] = []

    def _play(*fixtures: Fixture, post: Callable[[Event], None] = _unwanted,
              clock: Callable[[], float] = time.monotonic) -> Player:  # fmt: skip
        player = Player(list(fixtures), post, clock)
        players.append((player, list(fixtures)))
        player.start()
        return player

    yield _play
    for player, fixtures in players:
        for fixture in fixtures:
            if isinstance(fixture.lamp, Lamp) and fixture.lamp.hang is not None:
                fixture.lamp.hang.set()
        player.stop(2.0)
        assert not player.is_alive()


# -- the light language -------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_every_word_of_the_light_language_has_a_look(table: dict[str, Look]) -> None:
    assert set(table) == set(WORDS) | set(Receipt) | set(FactoryStage)


def _rhythm(look: Look) -> tuple[tuple[bool, float], ...]:
    return tuple((lit and look.colour is not OFF, s) for lit, s in steps_of(look.pattern))


def _alike(looks: dict[str, object]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in itertools.combinations(looks, 2) if looks[a] == looks[b]]


def test_no_two_states_or_faults_look_alike_on_a_lamp_with_colours() -> None:
    assert _alike({w: (LIGHT_LANGUAGE[w].colour, _rhythm(LIGHT_LANGUAGE[w])) for w in WORDS}) == []


def test_no_two_states_or_faults_look_alike_on_a_lamp_of_one_colour() -> None:
    assert _alike({word: _rhythm(ONE_LAMP[word]) for word in WORDS}) == []


def test_the_factory_default_looks_like_nothing_else_on_a_lamp_with_colours() -> None:
    words = [*WORDS, *FactoryStage]
    assert _alike({w: (LIGHT_LANGUAGE[w].colour, _rhythm(LIGHT_LANGUAGE[w])) for w in words}) == []


def test_no_two_stages_of_the_factory_default_look_alike_on_a_lamp_of_one_colour() -> None:
    assert _alike({stage: _rhythm(ONE_LAMP[stage]) for stage in FactoryStage}) == []


def test_no_two_receipts_look_alike_on_a_lamp_with_colours() -> None:
    assert (
        _alike({r: (LIGHT_LANGUAGE[r].colour, _rhythm(LIGHT_LANGUAGE[r])) for r in Receipt}) == []
    )


def test_no_two_receipts_look_alike_on_a_lamp_of_one_colour() -> None:
    assert _alike({receipt: _rhythm(ONE_LAMP[receipt]) for receipt in Receipt}) == []


def _seen(look: Look, leds: tuple[Colour, ...]) -> object:
    """What a person sees of single LEDs: which are lit, and when."""
    return _rhythm(look), leds_for(look.colour, leds)


@pytest.mark.parametrize("leds", LED_SETS)
def test_no_two_states_or_faults_look_alike_on_single_leds(leds: tuple[Colour, ...]) -> None:
    config = LampConfig("a", list(range(len(leds))), LampKind.LEDS, list(leds))
    looks = fixture_for(config, Lights(), Lamp()).looks
    assert _alike({word: _seen(looks[word], leds) for word in WORDS}) == []
    assert _alike({receipt: _seen(looks[receipt], leds) for receipt in Receipt}) == []


def test_a_buzzer_sounds_the_answers_to_a_hand_and_is_silent_in_all_else() -> None:
    held = [FactoryStage.COUNTING, FactoryStage.READY, FactoryStage.CONFIRM]
    assert [word for word in BUZZER if not BUZZER[word].is_dark] == [*Receipt, *held]
    assert _alike({receipt: _rhythm(BUZZER[receipt]) for receipt in Receipt}) == []


def test_faults_and_pauses_differ_from_a_steady_light_without_colour() -> None:
    for word in (*LinkFault, *BoxFault, RoomState.PAUSED, PENDING):
        assert len(_rhythm(LIGHT_LANGUAGE[word])) > 1, word


@pytest.mark.parametrize("pattern", Pattern)
def test_every_pattern_can_be_played(pattern: Pattern) -> None:
    steps = steps_of(pattern)
    assert all(seconds > 0 for _, seconds in steps)
    if "blink" in pattern:
        assert sum(lit for lit, _ in steps) == int(pattern[-1])
        assert steps[-1][0] is False
        assert steps[-1][1] > 3 * steps[0][1], "the pause is told from the gaps"


def test_a_receipt_has_no_pause_at_its_end() -> None:
    assert once(Pattern.BLINK_2) == steps_of(Pattern.BLINK_2)[:-1]
    assert once(Pattern.SLOW) == steps_of(Pattern.SLOW)


@pytest.mark.parametrize(
    ("leds", "colour", "lit"),
    [
        ((RED, GREEN), RED, (RED,)),
        ((RED, GREEN), YELLOW, (RED, GREEN)),
        ((RED, GREEN), BLUE, (RED, GREEN)),  # cannot be shown: all
        ((RED, GREEN), OFF, ()),
        ((RED, YELLOW, GREEN), YELLOW, (YELLOW,)),
        ((RED, YELLOW, GREEN), MAGENTA, (RED, YELLOW, GREEN)),
        ((RED, GREEN, BLUE), YELLOW, (RED, GREEN)),
        ((RED, GREEN, BLUE), MAGENTA, (RED, BLUE)),
        ((RED, GREEN, BLUE), CYAN, (GREEN, BLUE)),
        ((RED, GREEN, BLUE), WHITE, (RED, GREEN, BLUE)),
        ((YELLOW, BLUE), WHITE, (YELLOW, BLUE)),
        ((YELLOW, BLUE), RED, (YELLOW, BLUE)),
    ],
)
def test_a_colour_is_its_own_led_or_a_mix_or_all(
    leds: tuple[Colour, ...], colour: Colour, lit: tuple[Colour, ...]
) -> None:
    assert leds_for(colour, leds) == tuple(led in lit for led in leds)


# -- what one lamp shows --------------------------------------------------------------------------


def test_a_lamp_that_blinks_to_be_seen_shows_what_is_news_at_once(play: Play) -> None:
    lamp, other = Lamp(), Lamp("other")
    player = play(status(lamp), status(other))
    player.show(AVAILABLE)
    until(lambda: lamp.colour is GREEN)
    assert (player.blink("lamp", MAGENTA) or 0) > 1
    until(lambda: lamp.colour is MAGENTA)
    assert MAGENTA not in other.colours
    player.show(RECORDING)
    until(lambda: lamp.colour is RED)
    time.sleep(0.3)  # longer than its dark
    assert lamp.colours[-1] is RED


def test_an_answer_to_a_press_is_not_hidden_by_a_blink(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(replace(AVAILABLE, receipt=Receipt.REFUSED, receipt_no=1))
    until(lambda: lamp.colour is RED)
    player.blink("lamp", MAGENTA)
    until(lambda: lamp.colours[-1] is GREEN)
    assert MAGENTA not in lamp.colours


def test_a_lamp_that_is_not_there_does_not_blink(play: Play) -> None:
    lamp = Lamp()
    lamp.problem = "lamp: its line is taken"
    lost: list[Event] = []
    player = play(status(lamp), post=lost.append)
    player.show(AVAILABLE)
    until(lambda: bool(lost))
    assert player.blink("lamp", MAGENTA) is None
    assert player.blink("cellar", MAGENTA) is None


def test_a_device_fault_is_blinked_in_between_the_state() -> None:
    view = replace(RECORDING, fault=BoxFault.DEVICE)
    frames = steady_frames(view, status(Lamp()))
    shown = [colour for colour, _ in frames]
    assert shown[0] is RED
    assert frames[0][1] >= 2.0, "the state is what people see most of the time"
    assert shown.count(LIGHT_LANGUAGE[BoxFault.DEVICE].colour) == 1
    assert steady_frames(RECORDING, status(Lamp())) == [(RED, 1.0)]


def test_a_device_fault_does_not_hide_a_rhythm_either() -> None:
    frames = steady_frames(replace(PAUSED, fault=BoxFault.DEVICE), status(Lamp()))
    lit = [colour for colour, _ in frames if colour is not OFF]
    assert lit[:2] == [Colour.YELLOW] * 2
    assert lit[-1] is LIGHT_LANGUAGE[BoxFault.DEVICE].colour


def test_a_lost_link_is_the_fault_alone() -> None:
    view = LightView(room=None, records=True, fault=LinkFault.NO_LINK)
    look = LIGHT_LANGUAGE[LinkFault.NO_LINK]
    expected = [(look.colour if lit else OFF, s) for lit, s in steps_of(look.pattern)]
    assert steady_frames(view, status(Lamp())) == expected


def test_while_a_press_is_pending_nothing_else_is_shown() -> None:
    view = replace(RECORDING, pending=True, fault=BoxFault.DEVICE)
    shown = {colour for colour, _ in steady_frames(view, status(Lamp()))}
    assert shown == {LIGHT_LANGUAGE[PENDING].colour, OFF}


def test_what_has_no_light_on_this_lamp_does_not_interrupt_the_state() -> None:
    hidden = Look(WHITE, Pattern.OFF)
    fixture = status(Lamp(), LIGHT_LANGUAGE | {BoxFault.DEVICE: hidden, Receipt.MARKED: hidden})
    view = replace(RECORDING, fault=BoxFault.DEVICE, receipt=Receipt.MARKED, receipt_no=1)
    assert steady_frames(view, fixture) == steady_frames(RECORDING, fixture)
    assert receipt_frames(view, fixture) == []


@pytest.mark.parametrize(
    "view",
    [
        RECORDING,
        PAUSED,
        replace(RECORDING, fault=BoxFault.DEVICE),
        replace(RECORDING, pending=True),
        LightView(),
        LightView(room=None, records=True, fault=LinkFault.NO_LINK),
    ],
    ids=["recording", "paused", "device", "pending", "starting", "no-link"],
)
def test_a_buzzer_is_silent_and_costs_no_wake_ups_between_receipts(view: LightView) -> None:
    buzzer = status(Lamp(), BUZZER)
    assert steady_frames(view, buzzer) == [(OFF, 1.0)]
    answer = receipt_frames(replace(view, receipt=Receipt.DENIED, receipt_no=1), buzzer)
    assert sum(colour is not OFF for colour, _ in answer) == 3


@pytest.mark.parametrize(
    "view",
    [
        RECORDING,
        PAUSED,
        replace(RECORDING, pending=True),
        replace(RECORDING, fault=BoxFault.DEVICE),
        LightView(room=None, records=True, fault=LinkFault.NO_LINK),
        LightView(room=RoomState.LOCKED, records=True, fault=""),
    ],
    ids=["recording", "paused", "pending", "device", "no-link", "locked-and-recording"],
)
def test_the_recording_sign_is_steady_as_long_as_there_is_a_recording(view: LightView) -> None:
    assert steady_frames(view, sign(Lamp())) == [(RED, 1.0)]
    assert receipt_frames(replace(view, receipt=Receipt.REFUSED, receipt_no=1), sign(Lamp())) == []


@pytest.mark.parametrize("view", [AVAILABLE, LOCKED, LightView(), replace(AVAILABLE, pending=True)])
def test_the_recording_sign_is_dark_without_one(view: LightView) -> None:
    assert steady_frames(view, sign(Lamp())) == [(OFF, 1.0)]


def test_a_receipt_begins_with_darkness_so_that_it_shows_on_any_light() -> None:
    view = replace(RECORDING, receipt=Receipt.REFUSED, receipt_no=1)
    frames = receipt_frames(view, status(Lamp()))
    assert [colour for colour, _ in frames] == [OFF, RED, OFF, RED, OFF]
    assert receipt_frames(RECORDING, status(Lamp())) == []


# -- which table a lamp of the configuration gets -------------------------------------------------


def test_a_lamp_of_one_colour_gets_the_table_of_rhythms() -> None:
    lamp = LampConfig("a", [5])
    assert fixture_for(lamp, Lights(), Lamp()).looks == ONE_LAMP
    rgb = LampConfig("b", [1, 2, 3], LampKind.RGB)
    assert fixture_for(rgb, Lights(), Lamp()).looks == LIGHT_LANGUAGE
    assert fixture_for(replace(lamp, shows=Shows.RECORDING), Lights(), Lamp()).shows == "recording"


def test_single_leds_get_a_table_of_their_own_where_they_have_red_and_green() -> None:
    def looks(*colours: Colour) -> dict[str, Look]:
        lamp = LampConfig("a", [1, 2], LampKind.LEDS, list(colours))
        return fixture_for(lamp, Lights(), Lamp()).looks

    assert looks(RED, GREEN) == looks(GREEN, YELLOW, RED) == LEDS
    assert looks(RED, BLUE) == looks(GREEN, YELLOW) == ONE_LAMP


def test_a_lamp_that_is_dark_by_default_needs_only_a_pattern_to_be_lit() -> None:
    one = LampConfig("a", [5], states={"available": State(pattern=Pattern.BLIP)})
    assert not fixture_for(one, Lights(), Lamp()).looks["available"].is_dark


def test_a_buzzer_has_no_looks_but_the_default_and_its_own() -> None:
    lights = Lights({"recording": State(RED, Pattern.ON), "marked": State(RED, Pattern.BLINK_5)})
    lamp = LampConfig("a", [5], LampKind.BUZZER, states={"paused": State(pattern=Pattern.BLIP)})
    looks = fixture_for(lamp, lights, Lamp()).looks
    assert looks == BUZZER | {"paused": Look(WHITE, Pattern.BLIP)}


def test_virtual_hardware_has_every_kind_of_lamp() -> None:
    hardware = VirtualHardware()
    lamps = [
        LampConfig("leds", [1, 2], LampKind.LEDS, [RED, GREEN]),
        LampConfig("buzzer", [3], LampKind.BUZZER),
    ]
    leds, buzzer = hardware.fixtures(Lights(lamps=lamps))
    assert (leds.looks, buzzer.looks) == (LEDS, BUZZER)
    assert list(hardware.lamps) == ["leds", "buzzer"]


def test_a_lamps_own_look_wins_over_the_files_and_the_files_over_the_default() -> None:
    lights = Lights({"paused": State(Colour.CYAN, Pattern.ON), "locked": State(Colour.CYAN)})
    lamp = LampConfig("a", [1, 2, 3], LampKind.RGB, states={"paused": State(Colour.WHITE)})
    looks = fixture_for(lamp, lights, Lamp()).looks
    assert looks["paused"] == Look(Colour.WHITE, Pattern.ON)
    assert looks["locked"] == Look(Colour.CYAN, LIGHT_LANGUAGE["locked"].pattern)
    assert looks["available"] == LIGHT_LANGUAGE["available"]


# -- the player -----------------------------------------------------------------------------------


def test_it_shows_starting_until_it_knows_better(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    until(lambda: lamp.colour is LIGHT_LANGUAGE[BoxFault.STARTING].colour)
    player.show(RECORDING)
    until(lambda: lamp.colour is RED)


def test_a_steady_light_is_reached_at_once_and_stays(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(AVAILABLE)
    until(lambda: lamp.colour is GREEN)
    before = time.monotonic()
    player.show(RECORDING)
    until(lambda: lamp.colour is RED, within_s=0.5)
    assert lamp.changes[-1][0] - before < 0.1
    count = len(lamp.changes)
    time.sleep(0.3)
    assert len(lamp.changes) == count


def test_the_latest_view_wins_and_no_view_waits_for_another(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(AVAILABLE)
    until(lambda: lamp.colour is GREEN)
    lamp.hang = threading.Event()
    player.show(RECORDING)
    until(lambda: lamp.hangs)
    for view in [AVAILABLE, RECORDING] * 50:
        player.show(view)
    player.show(LOCKED)
    lamp.hang.set()
    until(lambda: lamp.colour is BLUE)
    assert lamp.colours[lamp.colours.index(GREEN) :].count(RED) <= 1
    assert lamp.colours[-1] is BLUE


def test_a_receipt_is_played_and_then_the_state_comes_back(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(LOCKED)
    until(lambda: lamp.colour is BLUE)
    player.show(replace(LOCKED, receipt=Receipt.REFUSED, receipt_no=1))
    until(lambda: lamp.colour is not BLUE)
    until(lambda: lamp.colour is BLUE)
    assert lamp.colours[lamp.colours.index(BLUE) :] == [BLUE, OFF, RED, OFF, RED, OFF, BLUE]


def test_a_receipt_ends_in_the_state_that_is_true_by_then(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(AVAILABLE)
    until(lambda: lamp.colour is GREEN)
    view = replace(AVAILABLE, receipt=Receipt.REFUSED, receipt_no=1)
    player.show(view)
    until(lambda: lamp.colour is RED)
    player.show(replace(view, room=RoomState.LOCKED))
    until(lambda: lamp.colour is BLUE)
    assert lamp.colours[lamp.colours.index(GREEN) :] == [GREEN, OFF, RED, OFF, RED, OFF, BLUE]


def test_two_equal_receipts_in_a_row_are_both_played(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(LOCKED)
    for number in (1, 2):
        until(lambda: lamp.colour is BLUE)
        player.show(replace(LOCKED, receipt=Receipt.MARKED, receipt_no=number))
        until(lambda: lamp.colour is Colour.WHITE)
    until(lambda: lamp.colour is BLUE)
    assert lamp.colours[lamp.colours.index(BLUE) :].count(Colour.WHITE) == 2


def test_an_old_receipt_is_not_played_again_with_the_next_state(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    view = replace(LOCKED, receipt=Receipt.MARKED, receipt_no=1)
    player.show(view)
    until(lambda: lamp.colour is Colour.WHITE)
    until(lambda: lamp.colour is BLUE)
    player.show(replace(view, room=RoomState.AVAILABLE))
    until(lambda: lamp.colour is GREEN)
    assert lamp.colours[-2:] == [BLUE, GREEN]


def test_a_rhythm_goes_on_undisturbed_by_views_that_change_nothing(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(PAUSED)
    until(lambda: lamp.colour is Colour.YELLOW)
    end = time.monotonic() + 1.2  # one light of 0.8 s, and into the darkness
    while time.monotonic() < end:
        player.show(PAUSED)
        time.sleep(0.02)
    lit_at, dark_at = [at for at, _ in list(lamp.changes)[-2:]]
    assert lamp.colours[-2:] == [Colour.YELLOW, OFF]
    assert dark_at - lit_at == pytest.approx(0.8, abs=0.2)


def test_show_never_blocks_even_when_a_lamp_hangs(play: Play) -> None:
    lamp = Lamp()
    lamp.hang = threading.Event()
    player = play(status(lamp))
    until(lambda: lamp.hangs)
    began = time.monotonic()
    for _ in range(200):
        player.show(RECORDING)
        player.show(AVAILABLE)
    assert time.monotonic() - began < 0.2


def test_a_lamp_that_hangs_is_left_behind_at_stop(play: Play) -> None:
    lamp = Lamp()
    lamp.hang = threading.Event()
    player = play(status(lamp))
    until(lambda: lamp.hangs)
    began = time.monotonic()
    player.stop(0.2)
    assert time.monotonic() - began < 0.5
    assert player.is_alive()


def test_a_lamp_that_cannot_be_driven_is_reported_once_and_the_others_go_on(play: Play) -> None:
    broken, sound = Lamp("broken"), Lamp("sound")
    broken.problem = "broken: no permission"
    reports: list[Event] = []
    player = play(status(broken), status(sound), post=reports.append)
    for view, colour in [(AVAILABLE, GREEN), (RECORDING, RED), (LOCKED, BLUE)]:
        player.show(view)
        until(lambda colour=colour: sound.colour is colour)  # type: ignore[misc]
    assert reports == [DeviceLost("lamp broken", "lamp broken: no permission", is_lamp=True)]
    assert broken.opened == 1


class Clock:
    """Runs like the real one, and can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return time.monotonic() + self.ahead_s


def test_a_broken_lamp_is_tried_again_after_30_s_and_shows_what_is_true_then(play: Play) -> None:
    clock, lamp, reports = Clock(), Lamp(), list[Event]()
    player = play(status(lamp), post=reports.append, clock=clock)
    player.show(AVAILABLE)
    until(lambda: lamp.colour is GREEN)
    lamp.problem = "its chip is gone"
    player.show(RECORDING)
    until(lambda: len(reports) == 1)
    until(lambda: not lamp.is_open)  # given back, so that it can be taken anew
    clock.ahead_s = 31.0
    player.show(LOCKED)
    until(lambda: lamp.opened == 2)
    assert len(reports) == 1, "it is still the same fault"
    lamp.problem = ""
    clock.ahead_s = 62.0
    player.show(LOCKED)
    until(lambda: lamp.colour is BLUE)
    until(lambda: reports[1:] == [DeviceFound("lamp lamp")])
    lamp.problem = "its chip is gone again"
    player.show(RECORDING)
    until(lambda: len(reports) == 3)


def test_a_lamp_that_is_not_there_at_the_start_lights_up_later(play: Play) -> None:
    clock, lamp, reports = Clock(), Lamp(), list[Event]()
    lamp.problem = "no such line"
    player = play(status(lamp), post=reports.append, clock=clock)
    player.show(RECORDING)
    until(lambda: len(reports) == 1)
    lamp.problem = ""
    clock.ahead_s = 31.0
    player.show(replace(RECORDING, fault=BoxFault.DEVICE))
    until(lambda: lamp.colour is RED)


def test_an_unchanging_light_costs_no_wake_ups(play: Play) -> None:
    clock, lamp = Clock(), Lamp()
    player = play(status(lamp), sign(Lamp()), clock=clock)
    player.show(RECORDING)
    until(lambda: lamp.colour is RED)
    time.sleep(0.05)
    asked = clock.asked
    time.sleep(1.2)
    assert clock.asked == asked


def test_the_sign_stays_on_when_the_link_is_lost(play: Play) -> None:
    lamp, over_the_door = Lamp(), Lamp()
    player = play(status(lamp), sign(over_the_door))
    player.show(RECORDING)
    until(lambda: over_the_door.colour is RED)
    player.show(LightView(room=None, records=True, fault=LinkFault.NO_LINK))
    until(lambda: lamp.colour is LIGHT_LANGUAGE[LinkFault.NO_LINK].colour)
    time.sleep(0.2)
    assert over_the_door.colour is RED
    player.show(AVAILABLE)
    until(lambda: over_the_door.colour is OFF)


def test_all_lamps_are_off_and_given_back_at_stop(play: Play) -> None:
    lamps = [Lamp("a"), Lamp("b"), Lamp("c")]
    lamps[1].problem = "no permission"
    player = play(status(lamps[0]), status(lamps[1]), sign(lamps[2]), post=lambda event: None)
    player.show(RECORDING)
    until(lambda: lamps[2].colour is RED)
    player.stop(2.0)
    assert not player.is_alive()
    assert [(lamp.colour, lamp.is_open) for lamp in lamps] == [(OFF, False)] * 3
    player.show(RECORDING)
    assert lamps[0].colour is OFF


def test_a_player_without_lamps_does_no_harm(play: Play) -> None:
    player = play()
    player.show(RECORDING)
    player.stop(2.0)
    assert not player.is_alive()


def test_a_player_that_was_never_started_can_be_stopped() -> None:
    Player([], _unwanted).stop(1.0)


# -- somebody holds the button for the factory state ----------------------------------------------

ANYTHING = [
    pytest.param(AVAILABLE, id="available"),
    pytest.param(replace(RECORDING, pending=True), id="pending"),
    pytest.param(replace(PAUSED, fault=BoxFault.DEVICE), id="device"),
    pytest.param(LightView(fault=LinkFault.NO_LINK, records=True), id="no-link"),
    pytest.param(LightView(fault=BoxFault.CONFIG), id="config"),
    pytest.param(LightView(), id="starting"),
    pytest.param(replace(LOCKED, locked=True), id="locked"),
]


@pytest.mark.parametrize("view", ANYTHING)
@pytest.mark.parametrize("stage", FactoryStage)
def test_a_hold_for_the_factory_state_goes_before_all_that_is_shown(
    view: LightView, stage: FactoryStage
) -> None:
    view = replace(view, reset=stage)
    look = LIGHT_LANGUAGE[stage]
    expected = [(look.colour if lit else OFF, s) for lit, s in steps_of(look.pattern)]
    assert view.name == stage.value
    assert steady_frames(view, status(Lamp())) == expected


@pytest.mark.parametrize("view", ANYTHING)
@pytest.mark.parametrize("stage", FactoryStage)
def test_the_recording_sign_stays_true_during_a_hold(view: LightView, stage: FactoryStage) -> None:
    held = replace(view, reset=stage)
    assert steady_frames(held, sign(Lamp())) == steady_frames(view, sign(Lamp()))


def test_while_it_is_held_the_light_ticks_once_a_second_to_be_counted() -> None:
    view = replace(AVAILABLE, reset=FactoryStage.COUNTING)
    frames = steady_frames(view, status(Lamp()))
    assert sum(seconds for _, seconds in frames) == pytest.approx(1.0)
    assert [colour is OFF for colour, _ in frames] == [False, True]


@pytest.mark.parametrize("stage", [FactoryStage.COUNTING, FactoryStage.READY, FactoryStage.CONFIRM])
def test_a_buzzer_sounds_as_long_as_a_hand_must_do_something(stage: FactoryStage) -> None:
    frames = steady_frames(replace(AVAILABLE, reset=stage), status(Lamp(), BUZZER))
    assert any(colour is not OFF for colour, _ in frames)


def test_a_buzzer_is_silent_while_it_restores() -> None:
    view = replace(AVAILABLE, reset=FactoryStage.RESTORING)
    assert steady_frames(view, status(Lamp(), BUZZER)) == [(OFF, 1.0)]


def test_a_hold_is_shown_at_once_and_the_state_comes_back(play: Play) -> None:
    lamp = Lamp()
    player = play(status(lamp))
    player.show(AVAILABLE)
    until(lambda: lamp.colours[-1:] == [GREEN])
    player.show(replace(AVAILABLE, reset=FactoryStage.COUNTING))
    until(lambda: LIGHT_LANGUAGE[FactoryStage.COUNTING].colour in lamp.colours)
    player.show(RECORDING)
    until(lambda: lamp.colours[-1:] == [RED])

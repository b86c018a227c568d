"""From the configuration to devices: which inputs to read and which lamps to drive.

evdev and gpiozero are imported only when the configuration names such a device, and their
absence is one more missing device, reported in a sentence like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ivsd.config.schema import (
    Button,
    End,
    FactoryDefault,
    Inputs,
    Keyboard,
    LampConfig,
    LampKind,
    Lights,
    Match,
    Role,
    State,
    WiegandReader,
    Writing,
)
from ivsd.events import FACTORY_DEFAULT, Event
from ivsd.inputs.frames import Frame
from ivsd.inputs.reader import News
from ivsd.inputs.source import DeviceProblem, Source
from ivsd.inputs.strays import Strays
from ivsd.inputs.virtual import VirtualHands, VirtualSearch
from ivsd.notation import FACILITY_BITS, Form, Notation, convert
from ivsd.outputs.lamp import Colour, Lamp, LampProblem
from ivsd.outputs.led_class import LedClassLamp, Stopped
from ivsd.outputs.patterns import BUZZER, LEDS, LIGHT_LANGUAGE, ONE_LAMP, Look, Pattern, steps_of
from ivsd.outputs.player import Fixture
from ivsd.outputs.virtual import VirtualLamp

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo
    from ivsd.inputs.event_devices import Wanted
    from ivsd.set_up.finding import Search
    from ivsd.set_up.spare_lines import Named

NO_EXTRA = "the package {} is not installed: pip install 'ivsd[appliance]'"


class Hardware(Protocol):
    """What the daemon builds its inputs and lamps from."""

    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]: ...

    def reset_button(self, reset: FactoryDefault) -> list[Source]: ...

    def news(self) -> News | None: ...

    def fixtures(self, lights: Lights) -> list[Fixture]: ...

    def search(self, inputs: Inputs, named: Named | None) -> Search: ...

    def chips(self) -> list[ChipInfo] | None: ...


class RealHardware:
    """The devices of this machine."""

    def __init__(self) -> None:
        self._factory: Any = None
        self._strays = Strays()

    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        """Build a source per configured device; `valt` is how VALT writes card numbers."""
        return [
            *(self._keyboard(keyboard, valt) for keyboard in inputs.keyboards),
            *(self._wiegand(reader, valt) for reader in inputs.wiegand),
            *(self._button(button) for button in inputs.buttons),
        ]

    def reset_button(self, reset: FactoryDefault) -> list[Source]:
        """Build the button that is held for the factory state, where there is one."""
        if reset.line is None:
            return []
        wiring = reset.line, reset.chip, reset.pull, reset.active, reset.bounce_ms
        return [self._button(Button(FACTORY_DEFAULT, *wiring))]

    def news(self) -> News | None:
        """Return where it is told that a device came; None where nobody tells."""
        try:
            from ivsd.inputs.hotplug import Hotplug

            return Hotplug()
        except (ImportError, OSError):  # pyudev, libudev or udev itself is not here
            return None

    def fixtures(self, lights: Lights) -> list[Fixture]:
        """Build a fixture per configured lamp."""
        return [fixture_for(lamp, lights, self._lamp(lamp)) for lamp in lights.lamps]

    def search(self, inputs: Inputs, named: Named | None) -> Search:
        """Build what looks for a hand at what ivsd.yaml does not name."""
        from ivsd.set_up.finding import DeviceSearch

        return DeviceSearch(inputs, named, self._strays, self.chips)

    def chips(self) -> list[ChipInfo] | None:
        """Return the GPIO chips that are there; None where nobody can say."""
        try:
            from ivsd.gpio_lines import chips
        except ImportError:
            return None
        return chips()

    def _keyboard(self, keyboard: Keyboard, valt: Writing | None) -> Source:
        try:
            from ivsd.inputs.evdev import KeyDevice
        except ImportError as e:
            return _Missing(keyboard.name, NO_EXTRA.format(e.name))
        frame = Frame(
            keyboard.name,
            badges=keyboard.role in (Role.BADGE, Role.AUTO),
            pins=keyboard.role in (Role.PIN, Role.AUTO),
            pin_length=keyboard.pin_length,
            as_valt=partial(convert, reader=form_of(keyboard.notation), valt=form_of(valt)),
            keymap=keyboard.keymap,
            prefix=keyboard.prefix,
            suffix=keyboard.suffix,
            has_end=keyboard.end is End.ENTER,
        )
        return KeyDevice(
            keyboard.name,
            wanted_of(keyboard.match),
            keys=keyboard.keys,
            frame=None if keyboard.role is Role.KEYS else frame,
            grab=keyboard.grab,
            strays=self._strays,
        )

    def _wiegand(self, reader: WiegandReader, valt: Writing | None) -> Source:
        try:
            from ivsd.inputs.wiegand import WiegandReader as WiegandSource
        except ImportError as e:
            return _Missing(reader.name, NO_EXTRA.format(e.name))
        # Wiegand has no notation of its own: a badge is a number of bits.
        form = form_of(valt) or Form(Notation.DECIMAL)
        return WiegandSource(
            reader.name,
            reader.chip,
            reader.data0,
            reader.data1,
            pull=reader.pull,
            active=reader.active,
            formats=reader.formats,
            raw_bits=reader.raw_bits,
            keypad=reader.role is not Role.BADGE,
            gap_ms=reader.gap_ms,
            badges=reader.role is not Role.PIN,
            pins=reader.role is not Role.BADGE,
            pin_length=reader.pin_length,
            as_valt=partial(_written, form),
        )

    def _button(self, button: Button) -> Source:
        try:
            from ivsd.inputs.gpio import GpioButton
        except ImportError as e:
            return _Missing(f"button {button.control}", NO_EXTRA.format(e.name))
        return GpioButton(
            button.control,
            button.chip,
            button.line,
            button.pull,
            button.active,
            button.bounce_ms,
            self._gpio_factory(),
        )

    def _lamp(self, lamp: LampConfig) -> Lamp:
        if lamp.devices:
            return _led_class_lamp(lamp)
        try:
            from ivsd.outputs.gpio import GpioLamp, GpioLeds, GpioRgbLamp
        except ImportError as e:
            return _MissingLamp(lamp.name, NO_EXTRA.format(e.name))
        factory, active = self._gpio_factory(), lamp.active
        if lamp.kind is LampKind.RGB:
            red, green, blue = lamp.lines
            return GpioRgbLamp(lamp.name, lamp.chip, (red, green, blue), active, factory)
        if lamp.kind is LampKind.LEDS:
            return GpioLeds(lamp.name, lamp.chip, lamp.lines, lamp.colours, active, factory)
        return GpioLamp(lamp.name, lamp.chip, lamp.lines[0], active, factory)

    def _gpio_factory(self) -> Any:
        from ivsd.gpio_factory import GpiodFactory

        if self._factory is None:
            self._factory = GpiodFactory()
        return self._factory


class VirtualHardware:
    """Hands and lamps on a screen, in the places the configuration has real ones."""

    def __init__(self) -> None:
        self.hands = VirtualHands()
        self.unnamed = VirtualSearch()
        self.lamps: dict[str, VirtualLamp] = {}

    def sources(self, inputs: Inputs, valt: Writing | None) -> list[Source]:
        """The virtual hands press every control."""
        return [self.hands]

    def reset_button(self, reset: FactoryDefault) -> list[Source]:
        """The virtual hands press this one, too."""
        return []

    def news(self) -> None:
        """Virtual hands are never unplugged."""

    def fixtures(self, lights: Lights) -> list[Fixture]:
        """Build a virtual lamp per configured lamp."""
        self.lamps = {lamp.name: VirtualLamp(lamp.name) for lamp in lights.lamps}
        return [fixture_for(lamp, lights, self.lamps[lamp.name]) for lamp in lights.lamps]

    def search(self, inputs: Inputs, named: Named | None) -> Search:
        """Return the virtual devices that no file names."""
        return self.unnamed

    def chips(self) -> None:
        """Virtual buttons are on no chip."""


def switch_off(fixtures: Iterable[Fixture]) -> list[str]:
    """Leave every lamp as it is to be while nobody drives it; return what was in the way."""
    problems = []
    for fixture in fixtures:
        try:
            fixture.lamp.open()
        except LampProblem as e:
            problems.append(str(e))
        fixture.lamp.close()
    return problems


def _led_class_lamp(lamp: LampConfig) -> LedClassLamp:
    stopped = None
    if lamp.stopped is not None:
        lit, *dark = steps_of(lamp.stopped.pattern or Pattern.ON)
        colour = lamp.stopped.colour or Colour.WHITE
        times = (round(s * 1000) for _, s in (lit, *dark)) if dark else (None, None)
        stopped = Stopped(colour if lit[0] else Colour.OFF, *times)
    return LedClassLamp(lamp.name, lamp.devices, lamp.colours or None, stopped=stopped)


def _written(form: Form, badge: int) -> str | None:
    """Write a badge of a Wiegand reader; None when it could be written like another one."""
    if form.notation is Notation.FACILITY and badge >> FACILITY_BITS:
        return None
    return form.write(badge)


def wanted_of(match: Match) -> Wanted:
    """Return what the configuration describes; needs the package evdev."""
    from ivsd.inputs.event_devices import Wanted

    return Wanted(match.path, match.id, match.name, match.port)


def form_of(writing: Writing | None) -> Form | None:
    """Return the form that the configuration describes."""
    return None if writing is None else writing.as_form


def fixture_for(config: LampConfig, lights: Lights, lamp: Lamp) -> Fixture:
    """Give a lamp its light table: the default for its kind, the file's, then its own.

    The file's looks are not for a buzzer: who makes a recording blink does not want it heard.
    """
    looks = dict(_default_looks(config))
    everywhere = {} if config.kind is LampKind.BUZZER else lights.states
    for states in (everywhere, config.states):
        for name, state in states.items():
            looks[name] = _changed(looks[name], state)
    return Fixture(lamp, config.shows.value, looks)


def _default_looks(config: LampConfig) -> dict[str, Look]:
    match config.kind:
        case LampKind.LED:
            return ONE_LAMP
        case LampKind.LEDS:
            # Without a red and a green one too many states would look alike but for the rhythm.
            return LEDS if {Colour.RED, Colour.GREEN} <= set(config.colours) else ONE_LAMP
        case LampKind.RGB:
            return LIGHT_LANGUAGE
        case LampKind.BUZZER:
            return BUZZER


def _changed(look: Look, state: State) -> Look:
    if state.colour is not None:
        look = replace(look, colour=state.colour)
    if state.pattern is not None:
        look = replace(look, pattern=state.pattern)
    return look


@dataclass
class _Missing:
    """Stands in the place of a device whose package is not installed."""

    name: str
    problem: str

    def open(self) -> None:
        raise DeviceProblem(f"{self.name}: {self.problem}")

    def fileno(self) -> int:
        raise AssertionError("a missing device is never read")

    def read(self) -> Iterable[Event]:
        return []

    def deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> Iterable[Event]:
        return []

    def close(self) -> None:
        pass


@dataclass
class _MissingLamp:
    name: str
    problem: str

    def open(self) -> None:
        raise LampProblem(f"{self.name}: {self.problem}")

    def show(self, colour: Colour) -> None:
        pass

    def close(self) -> None:
        pass

"""The configuration as types: every key with its sentence, its default and its range.

`config/ivsd.yaml` is the commented example of exactly these keys; a test holds the two together.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

from ivsd.config.checker import key
from ivsd.events import Action, MarkerTime, StopProtection, WhoMayStop
from ivsd.keymaps import Keymap
from ivsd.notation import Form, Notation
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import Pattern
from ivsd.valt.address import FINGERPRINT, fingerprint_problem, url_problem
from ivsd.valt.model import MARKER_COLOURS, Secret

# -- checks of single values: each returns what is wrong, or None ------------------------------


def _trust(verify: bool | str) -> str | None:
    if verify is True:
        return None
    if verify is False:
        return "cannot be switched off: use true, a CA file, or sha256:FINGERPRINT"
    if verify.startswith(FINGERPRINT):
        return fingerprint_problem(verify)
    return None  # a path: looked at in `load`, which knows what it is relative to


def _recording_name(pattern: str) -> str | None:
    return _template(pattern, ("date", "time", "user", "room"))


def _template(pattern: str, parts: tuple[str, ...]) -> str | None:
    try:
        used = [part[1:] for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError:
        return "has a lone { or }: write {{ or }} for the sign itself"
    for name, form, conversion in used:
        if name not in parts or form or conversion:
            *most, last = (f"{{{part}}}" for part in parts)
            return f"{{{name}}} is not known so: use {', '.join(most)} or {last} plainly"
    return None if pattern.strip() else "must not be empty"


def _marker_name(name: str) -> str | None:
    return _template(name, ("count", "time"))


def _marker_colour(colour: str) -> str | None:
    known = ", ".join(MARKER_COLOURS)
    return None if colour in MARKER_COLOURS else f"{colour!r} is no marker colour: use {known}"


def _card_number(number: Secret) -> str | None:
    if re.fullmatch("[0-9A-F]([0-9A-F,:;/ -]*[0-9A-F])?", number.reveal()):
        return None
    # What a reader may deliver where its notation is not set: see ivsd.inputs.frames.
    return (
        "has other signs than digits and the letters A to F, with , : ; / - or spaces between "
        "them: if the reader types it so, set its notation, keymap, prefix or suffix in ivsd.yaml"
    )


def _device_id(text: str) -> str | None:
    if re.fullmatch(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}", text):
        return None
    return f"{text!r} is no USB id: use four and four hexadecimal digits, such as “08ff:0009”"


# -- the keys -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Valt:
    url: str = key("address of the VALT server, such as https://valt.example.com",
                   check=url_problem)  # fmt: skip
    username: str = key("VALT account of this box")
    password: Secret | None = key("that account's password; better in password_file", None)
    password_file: Path | None = key("file that holds only the password", None)
    verify: bool | str = key(
        "which certificates are trusted: true (the system's), a CA file, or sha256:FINGERPRINT",
        True,
        check=_trust,
    )
    # A thread makes up to six exchanges in a turn, and the watchdog gives it 90 s.
    timeout_s: float = key("a whole exchange may take so long", 5.0, at_least=0.5, at_most=15)
    send_within_s: float = key(
        "a start, stop, pause or lock is not sent later than so long after its press", 5.0,
        at_least=1, at_most=60,
    )  # fmt: skip
    poll_interval_s: float = key("how often the room is read", 1.0, at_least=0.2, at_most=60)
    failure_reauth_s: float = key(
        "wait after a refused log-in", 30.0, at_least=5, at_most=3600
    )  # fmt: skip
    success_reauth_s: float = key(
        "log in anew after so long", 86400.0, at_least=60, at_most=604800
    )  # fmt: skip


@dataclass(frozen=True)
class Recording:
    name: str = key(
        "may use {date}, {time}, {user}, {room}", "{room} {date} {time}", check=_recording_name
    )
    author: int | None = key("VALT user id of recordings that a button started", None, at_least=1)
    stop: StopProtection = key("what stops it by a button: at_once, hold or twice",
                               StopProtection.AT_ONCE)  # fmt: skip
    stop_hold_s: float = key("hold the button for so long to stop", 2.0, at_least=0.5, at_most=10)
    marker_clock: MarkerTime = key(
        "own, or server: whose seconds markers have after a pause", MarkerTime.OWN
    )
    template: dict[str, str] = key("required fields of the site's template: id -> text",
                                   factory=dict)  # fmt: skip


@dataclass(frozen=True)
class Writing:
    """How the numbers of badges are written somewhere."""

    SHORTHAND: ClassVar[str] = "form"
    form: Notation = key("decimal, hex, decimal_reversed, hex_reversed or facility")
    digits: int | None = key("exactly so many places, filled up with zeros", None,
                             at_least=1, at_most=40)  # fmt: skip
    bytes: int | None = key("bytes of a badge, where they are reversed and zeros are left out",
                            None, at_least=1, at_most=16)  # fmt: skip

    @property
    def as_form(self) -> Form:
        """The form that is described so."""
        return Form(self.form, self.digits, self.bytes)


@dataclass(frozen=True)
class Badges:
    """Who may do what with a badge or PIN."""

    notation: Writing | None = key("how VALT's card numbers are written", None)

    rearm_s: float = key("a badge counts again after it was away for so long", 2.0,
                         at_least=0.5, at_most=60)  # fmt: skip
    who_may_stop: WhoMayStop = key(
        "whose badge or PIN stops a recording: anyone, author or listed", WhoMayStop.ANYONE
    )
    stoppers: list[int] = key("VALT user ids of those who may, with listed", factory=list)


@dataclass(frozen=True)
class Step:
    """One thing that a control does."""

    SHORTHAND: ClassVar[str] = "action"
    action: Action = key("what it does")
    name: str = key("name of the marker; may use {count} and {time}", "Marker", check=_marker_name)
    colour: str = key("colour of the marker (VALT 5.x)", "red", check=_marker_colour)


@dataclass(frozen=True)
class Steps(Step):
    """What a control does in one way of using it."""

    then: list[Step] = key("what it does after that, one by one", factory=list)


@dataclass(frozen=True)
class Control:
    """What a control does when it is pressed, and in other ways of using it."""

    SHORTHAND: ClassVar[str] = "action"
    action: Action | None = key("what it does when it is pressed", None)
    name: str = key("name of the marker; may use {count} and {time}", "Marker", check=_marker_name)
    colour: str = key("colour of the marker (VALT 5.x)", "red", check=_marker_colour)
    then: list[Step] = key("what it does after that, one by one", factory=list)
    tap: Steps | None = key("what it does when it is pressed shortly", None)
    hold: Steps | None = key("what it does when it is held", None)
    hold_s: float = key("for so long", 1.0, at_least=0.3, at_most=30)
    double: Steps | None = key("what it does when it is pressed twice, quickly", None)
    release: Steps | None = key("what it does when it comes up", None)


@dataclass(frozen=True)
class CardEntry:
    """A badge of the box's own table."""

    number: Secret = key("the badge's number as VALT would have it, in quotes",
                         check=_card_number)  # fmt: skip
    name: str | None = key("what people call it, or its owner", None)
    user: int | None = key("id of the VALT user it stands for", None, at_least=1)
    action: Steps | None = key("what it does in place of starting and stopping", None)


@dataclass(frozen=True)
class CardTable:
    """The whole of cards.yaml."""

    cards: list[CardEntry] | None = key(
        "badges that VALT does not know, or that do something else", None
    )


class Role(StrEnum):
    """What the keys of an evdev device mean."""

    BADGE = "badge"
    PIN = "pin"
    KEYS = "keys"
    AUTO = "auto"


class End(StrEnum):
    """How a reader ends a number."""

    ANY = "any"
    """Enter, Tab or nothing but a pause."""
    ENTER = "enter"
    """Always Enter or Tab: what ends otherwise was cut off."""


@dataclass(frozen=True)
class Match:
    path: Path | None = key("its file, best one of /dev/input/by-id/", None)
    id: str | None = key("its USB id VENDOR:PRODUCT", None, check=_device_id)
    name: str | None = key("its name, whole", None)
    port: str | None = key("its physical port, as the kernel names it", None)


@dataclass(frozen=True)
class Keyboard:
    name: str = key("your name for it")
    match: Match = key("which device it is: path, id, name, port, as few as make it unique")
    pin_length: int | None = key("a PIN is whole at so many places; without it, at Enter", None,
                                 at_least=1, at_most=32)  # fmt: skip
    notation: Writing | None = key("how this reader writes the numbers of badges", None)
    role: Role = key("badge, pin, keys, or auto (badge or PIN by its speed)", Role.AUTO)
    keymap: Keymap = key("the country that a reader is set to: us, de or fr", Keymap.US)
    prefix: str = key("what a reader types before every number", "")
    suffix: str = key("what it types behind, before Enter", "")
    end: End = key("how it ends a number: enter (or Tab, always) or any", End.ANY)
    keys: dict[str, str] = key("key -> control, such as KEY_KPPLUS: marker", factory=dict)
    grab: bool = key("take it for ivsd alone, so that nothing is typed elsewhere", True)


Pull = Literal["up", "down", "none"]
"""The bias of an input line."""

Level = Literal["low", "high"]
"""The electrical level that means “pressed” or “lit”."""


@dataclass(frozen=True)
class Button:
    control: str = key("the control it is")
    line: int | str = key("number or name of the GPIO line")
    chip: str = key("GPIO chip: its name, file or label", "gpiochip0")
    pull: Pull = key("bias: up, down or none", "up")
    active: Level = key("level while it is pressed: low or high", "low")
    bounce_ms: int = key("the contact must be stable for so long", 10, at_least=0, at_most=500)


@dataclass(frozen=True)
class WiegandReader:
    """A reader, or a keypad, on two lines."""

    name: str = key("your name for it")
    data0: int | str = key("number or name of the GPIO line of DATA0, the green wire")
    data1: int | str = key("that of DATA1, the white wire")
    chip: str = key("GPIO chip: its name, file or label", "gpiochip0")
    pull: Pull = key("bias: up, down or none", "up")
    active: Level = key("level of a pulse: low or high", "low")
    role: Role = key("badge, pin (it has keys), or auto (both)", Role.BADGE)
    formats: list[int] = key("bits of its badges, with their parity checked: 26, 34, 35, 37",
                             factory=lambda: [26, 34, 37])  # fmt: skip
    raw_bits: int | None = key("in place of formats: exactly so many bits, without parity", None)
    gap_ms: int = key("a longer pause ends a number", 15, at_least=2, at_most=200)
    pin_length: int | None = key("a PIN is whole at so many places; without it, at #", None,
                                 at_least=1, at_most=32)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    keyboards: list[Keyboard] = key("keyboards, keypads, badge readers that type", factory=list)
    wiegand: list[WiegandReader] = key("readers and keypads on two GPIO lines", factory=list)
    buttons: list[Button] = key("buttons on GPIO lines", factory=list)


@dataclass(frozen=True)
class State:
    colour: Colour | None = key("off, red, green, blue, yellow, magenta, cyan or white", None)
    pattern: Pattern | None = key(
        "off, on, slow, fast, flicker, blip, long, tick, blink1 to blink9", None
    )


@dataclass(frozen=True)
class FactoryDefault:
    """What a person holds to bring the box back to its factory state."""

    line: int | str | None = key("number or name of the GPIO line of the reset button", None)
    chip: str = key("GPIO chip: its name, file or label", "gpiochip0")
    pull: Pull = key("bias: up, down or none", "up")
    active: Level = key("level while it is pressed: low or high", "low")
    bounce_ms: int = key("the contact must be stable for so long", 10, at_least=0, at_most=500)
    controls: list[str] = key("in place of line: two controls or more, held together",
                              factory=list)  # fmt: skip
    hold_s: float = key("hold it for so long, and let go", 10.0, at_least=3, at_most=30)
    confirm: bool = key("whether it must be pressed once more within 2 s", False)


class LampKind(StrEnum):
    """How a lamp is built."""

    LED = "led"
    LEDS = "leds"
    RGB = "rgb"
    BUZZER = "buzzer"


class Shows(StrEnum):
    """What a lamp is for: all of the light language, or only whether a recording is there."""

    STATUS = "status"
    RECORDING = "recording"


@dataclass(frozen=True)
class LampConfig:
    name: str = key("your name for it")
    lines: list[int | str] = key(
        "its GPIO line; rgb: red, green, blue; leds: one for each colour", factory=list
    )
    kind: LampKind = key("led (one colour), leds (one for each colour), rgb or buzzer",
                         LampKind.LED)  # fmt: skip
    colours: list[Colour] = key("kind leds: the colour of each LED, in the order of lines",
                                factory=list)  # fmt: skip
    shows: Shows = key("status, or recording for a sign over the door", Shows.STATUS)
    chip: str = key("GPIO chip: its name, file or label", "gpiochip0")
    active: Level = key("level while it is lit: low or high", "high")
    states: dict[str, State] = key("this lamp's own looks, over those of lights.states",
                                   factory=dict)  # fmt: skip
    devices: list[str] = key("in place of lines: LEDs of the kernel, as /sys/class/leds names them",
                             factory=list)  # fmt: skip
    stopped: State | None = key(
        "with devices: the look while ivsd does not run, which the kernel plays", None
    )


@dataclass(frozen=True)
class Lights:
    states: dict[str, State] = key("state -> colour and pattern, where the default is not liked",
                                   factory=dict)  # fmt: skip
    lamps: list[LampConfig] = key("the lamps, and a buzzer", factory=list)


@dataclass(frozen=True)
class Config:
    """The whole of ivsd.yaml."""

    valt: Valt = key("the VALT server")
    room: int | str = key("id or name of the room this box belongs to")
    recording: Recording = key("how recordings are made", factory=Recording)
    badges: Badges = key("badges and PINs", factory=Badges)
    controls: dict[str, Control] = key("control -> action", factory=dict)
    inputs: Inputs = key("what a hand or a badge can touch", factory=Inputs)
    lights: Lights = key("what people see", factory=Lights)
    factory_default: FactoryDefault = key("what is held for the factory state",
                                          factory=FactoryDefault)  # fmt: skip

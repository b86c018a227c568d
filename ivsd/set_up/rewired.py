"""The values of ivsd.yaml with one change of the wiring made, and why it may not be made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ivsd.config.schema import LampKind, Shows
from ivsd.config.values import Values
from ivsd.set_up.same_device import same_device
from ivsd.set_up.spare_lines import chip_called, named_in, number_of, why_not
from ivsd.set_up.wire_forms import (
    CHIP,
    KEY,
    NAME,
    NAME_WANTED,
    AddButton,
    AddKey,
    AddReader,
    Change,
    LampChange,
    Lamps,
    Match,
    Remove,
)

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo
    from ivsd.inputs.event_devices import EventDevice

_ENDS = {True: "enter", False: "any"}
_HELD = "is held for the factory state (factory_default.controls), which no page may change"


class Rewired:
    """The values of a file with one change made; `problems` are keys and sentences."""

    def __init__(
        self,
        values: Values,
        chips: Callable[[], Sequence[ChipInfo] | None],
        devices: Callable[[], Sequence[EventDevice]],
    ) -> None:
        self._before = values
        self._chips = chips
        self._devices = devices
        self.values = deepcopy(values)
        self.problems: list[tuple[str, str]] = []

    def change(self, change: Change) -> None:
        match change:
            case AddButton():
                self._add_button(change)
            case AddKey():
                self._add_key(change)
            case AddReader():
                self._add_reader(change)
            case Remove(key):
                self._remove(key)
            case Lamps(lamps):
                for name, lamp in lamps.items():
                    self._change_lamp(name, lamp)
                if _tells_status(self._before) and not _tells_status(self.values):
                    self._complain("lamps", "no lamp would show the status of the room any more")

    def _complain(self, key: str, text: str) -> None:
        self.problems.append((key, text))

    # -- what is added ------------------------------------------------------------------------

    def _add_button(self, new: AddButton) -> None:
        if not CHIP.fullmatch(new.chip):
            self._complain("chip", "is no name of a GPIO chip")
            return
        self._bind(new.control, new.action)
        if problem := self._line_problem(new.chip, new.line):
            self._complain("line", problem)
            return
        button = asdict(new)
        del button["action"]
        self._entries("buttons").append(button)

    def _line_problem(self, chip_name: str, line: int) -> str:
        named, chips = named_in(self._before), self._chips()
        if chips is None:
            key = named.get((chip_name, line))
            return f"line {line} of {chip_name} is used by {key}, too" if key else ""
        chip = chip_called(chips, chip_name)
        number = number_of(chip, line) if chip is not None else None
        if chip is None or number is None:
            return f"there is no line {line} of {chip_name}"
        return why_not(chips, chip, number, named)

    def _add_key(self, new: AddKey) -> None:
        if not KEY.fullmatch(new.key):
            self._complain("key", "is no key: use the kernel's names, such as KEY_KPPLUS")
            return
        keyboards = self._entries("keyboards")
        if (new.keyboard is None) == (new.match is None):
            self._complain("keyboard", "is given beside match, or neither of them is")
            return
        if new.keyboard is not None:
            found = [one for one in keyboards if one.get("name") == new.keyboard]
            if len(found) != 1:
                self._complain("keyboard", f"{new.keyboard!r} is no keyboard of ivsd.yaml")
                return
            keys = found[0].setdefault("keys", {})
            if new.key in keys:
                self._complain("key", f"is {keys[new.key]} already")
                return
        else:
            keys = {}
            match = _given(new.match)
            name = _free_name("keyboard", [str(one.get("name")) for one in keyboards])
            self._add_keyboard({"name": name, "match": match, "role": "keys", "keys": keys})
        keys[new.key] = new.control
        self._bind(new.control, new.action)

    def _add_reader(self, new: AddReader) -> None:
        if not NAME.fullmatch(new.name):
            self._complain("name", NAME_WANTED)
        reader = {"name": new.name, "match": _given(new.match), "role": new.role}
        if new.role != "pin":
            reader["end"] = _ENDS[new.ends_with_enter]
        self._add_keyboard(reader)

    def _add_keyboard(self, new: dict[str, Any]) -> None:
        keyboards = self._entries("keyboards")
        if (name := same_device(new, keyboards, self._devices())) is not None:
            self._complain("match", f"means what is {name!r} already: use that, or take it away")
        keyboards.append(new)

    def _bind(self, control: str, action: str | None) -> None:
        """Give a new control its action; whether an old one is there, `ivsd check` says."""
        controls = self.values.setdefault("controls", {})
        if action is None:
            if control in self._held:
                self._complain("control", f"{control!r} {_HELD}")
            return
        if control in controls:
            self._complain("control", f"{control!r} is there already: give another name")
            return
        if not NAME.fullmatch(control):
            self._complain("control", NAME_WANTED)
        controls[control] = {"action": action}

    # -- what is taken away -------------------------------------------------------------------

    def _remove(self, key: str) -> None:
        _, section, number, *rest = key.split(".")
        entries = self._entries(section)
        if int(number) > len(entries):
            self._complain(key, "is not in the file")
            return
        entry = entries[int(number) - 1]
        keys = entry.get("keys") or {}
        if rest and rest[1] not in keys:
            self._complain(key, "is not in the file")
            return
        presses = [keys[rest[1]]] if rest else [*keys.values(), entry.get("control")]
        for control in self._held.intersection(map(str, presses)):
            self._complain(key, f"presses {control!r}, which {_HELD}")
        if not rest:
            del entries[int(number) - 1]
            return
        del keys[rest[1]]
        if not keys and entry.get("role") == "keys":
            del entries[int(number) - 1]  # nothing is left that it could mean

    # -- lamps --------------------------------------------------------------------------------

    def _change_lamp(self, name: str, new: LampChange) -> None:
        lamps = (self.values.get("lights") or {}).get("lamps") or []
        found = [one for one in lamps if one.get("name") == name]
        if len(found) != 1:
            self._complain("lamps", f"there is no lamp {name!r} in ivsd.yaml")
            return
        (lamp,) = found
        if new.shows is not None:
            lamp["shows"] = new.shows
        if new.order is not None:
            what = "devices" if lamp.get("devices") else "lines"
            outputs = lamp.get(what) or []
            if sorted(new.order) != list(range(1, len(outputs) + 1)):
                self._complain("lamps", f"{name!r} has {len(outputs)} {what}: number each once")
                return
            lamp[what] = [outputs[number - 1] for number in new.order]

    # -- the file -----------------------------------------------------------------------------

    def _entries(self, section: str) -> list[Any]:
        found: list[Any] = self.values.setdefault("inputs", {}).setdefault(section, [])
        return found

    @property
    def _held(self) -> set[str]:
        """Controls that are held together for the factory state."""
        return set(map(str, (self._before.get("factory_default") or {}).get("controls") or []))


def _tells_status(values: Values) -> bool:
    """Whether a lamp shows the status of the room; a buzzer is none."""
    lamps = (values.get("lights") or {}).get("lamps") or []
    return any(
        lamp.get("kind") != LampKind.BUZZER and lamp.get("shows", Shows.STATUS) == Shows.STATUS
        for lamp in lamps
    )


def _given(match: Match | None) -> dict[str, str]:
    words = asdict(match) if match is not None else {}
    return {word: text for word, text in words.items() if text is not None}


def _free_name(stem: str, taken: Sequence[str]) -> str:
    names = (f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)

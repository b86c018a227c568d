"""Read ivsd.yaml: the checks of single keys are in the schema, those between keys are here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ivsd.config.checker import Checked, read
from ivsd.config.inputs import check_factory_default, check_inputs, check_width
from ivsd.config.lamps import check_lights
from ivsd.config.schema import (
    Badges,
    Config,
    Control,
    FactoryDefault,
    Inputs,
    Lights,
    Recording,
    Step,
    Steps,
    Valt,
)
from ivsd.events import Action, StopProtection, WhoMayStop
from ivsd.valt.address import FINGERPRINT, ca_file_problem

T = TypeVar("T")


@dataclass(frozen=True)
class Salvaged:
    """The sections of a wrong file in which nothing is wrong.

    With them a box whose server address is mistyped still answers every press, and its lamps
    show what is the matter.
    """

    controls: dict[str, Control]
    recording: Recording
    badges: Badges
    inputs: Inputs
    lights: Lights
    factory_default: FactoryDefault
    room: int | str = ""
    """Of the wrong file, else of the last right one: only to say that this box has one."""


def load(path: Path) -> Config:
    """Read and check the file; raises ConfigError with every problem in it."""
    checked = _check(path)
    checked.raise_if_wrong()
    assert checked.value is not None
    return checked.value


def salvage(path: Path, *, before: Path | None = None, factory: Path | None = None) -> Salvaged:
    """Take what is right from a wrong file; never raises.

    Of a wrong file, lamps and what is held for the factory state come from the last right one,
    `before` (decision 32): half a file may name half of them, and look as if it were whole. Where
    that is not there, they are its own; where it has none, they are those of `factory`.
    """
    checked = _check(path)
    found = _sound_sections(checked)
    if not checked.problems:
        return found
    others = [_check(other) for other in (before, path, factory) if other is not None]
    if not found.room and before is not None:
        found = replace(found, room=_sound_sections(others[0]).room)
    held = next((other for other in others if _has(other, "factory_default")), checked)
    lit = next((other for other in others if _has(other, "lights")), checked)
    source = _sound_sections(held)
    found = replace(
        found, lights=_sound_sections(lit).lights, factory_default=source.factory_default
    )
    if source.factory_default.controls:  # and the devices that these are on
        found = replace(found, controls=source.controls, inputs=source.inputs)
    return _without_conflicts(found)


def _has(checked: Checked[Config], section: str) -> bool:
    return checked.sections.get(section) is not None and checked.is_sound(section)


def _sound_sections(checked: Checked[Config]) -> Salvaged:
    def section(name: str, otherwise: T) -> T:
        return checked.sections[name] if _has(checked, name) else otherwise

    return Salvaged(
        section("controls", {}),
        section("recording", Recording()),
        section("badges", Badges()),
        section("inputs", Inputs()),
        section("lights", Lights()),
        section("factory_default", FactoryDefault()),
        section("room", ""),
    )


def _without_conflicts(found: Salvaged) -> Salvaged:
    """Leave out what wants a line that another has: the sections are not of one file any more.

    The reset button comes first, and lamps last: a line that drives may not meet a button.
    """
    held = found.factory_default
    used = {(held.chip, held.line)}

    def is_free(chip: str, *lines: int | str) -> bool:
        wanted = {(chip, line) for line in lines}
        free = used.isdisjoint(wanted)
        used.update(wanted if free else ())
        return free

    inputs = found.inputs
    buttons = [one for one in inputs.buttons if is_free(one.chip, one.line)]
    readers = [one for one in inputs.wiegand if is_free(one.chip, one.data0, one.data1)]
    lamps = [one for one in found.lights.lamps if is_free(one.chip, *one.lines)]
    return replace(
        found,
        inputs=replace(inputs, buttons=buttons, wiegand=readers),
        lights=replace(found.lights, lamps=lamps),
    )


def load_world(path: Path, schema: type[T]) -> T:
    """Read a simulator's world; raises ConfigError with every problem in it."""
    checked = read(path, schema)
    checked.raise_if_wrong()
    assert checked.value is not None
    return checked.value


def _check(path: Path) -> Checked[Config]:
    checked = read(path, Config)
    sections = checked.sections
    if (valt := sections.get("valt")) is not None:
        _check_valt(checked, valt)
    for name, control in (sections.get("controls") or {}).items():
        _check_gestures(checked, f"controls.{name}", control)
    _check_stop(checked, sections.get("recording") or Recording(), sections.get("controls") or {})
    badges = sections.get("badges") or Badges()
    check_width(checked, "badges.notation", badges.notation)
    if badges.who_may_stop is WhoMayStop.LISTED and not badges.stoppers:
        checked.complain("badges.stoppers", "needs at least one VALT user id: nobody could stop")
    if (inputs := sections.get("inputs")) is not None:
        check_inputs(checked, inputs)
    if (lights := sections.get("lights")) is not None:
        check_lights(checked, lights)
    held = sections.get("factory_default") or FactoryDefault()
    check_factory_default(checked, held)
    _check_held(checked, held, sections.get("controls") or {})
    inputs, lights = sections.get("inputs") or Inputs(), sections.get("lights") or Lights()
    _check_lines(checked, inputs, lights, held)
    return checked


def _check_valt(checked: Checked[Config], valt: Valt) -> None:
    if valt.password is not None and valt.password_file is not None:
        checked.complain("valt.password", "is given twice: keep password_file, remove password")
    trusted = trust(valt, checked.path)
    is_file = trusted != "system" and not trusted.startswith(FINGERPRINT)
    if is_file and (problem := ca_file_problem(trusted)):
        checked.complain("valt.verify", problem)
    if valt.password_file is not None:
        path = checked.path.parent / valt.password_file
        try:
            there = path.exists()
        except OSError:
            there = False
        if not there:
            checked.complain("valt.password_file", f"there is no file {str(path)!r}")


def _check_gestures(checked: Checked[Config], at: str, control: Control) -> None:
    """Check what does not go together; a way with a problem of its own counts as given."""
    ways = ("tap", "hold", "double", "release")
    given = [
        way
        for way in ways
        if getattr(control, way) is not None or checked.is_wrong_at(f"{at}.{way}")
    ]
    acts = checked.has(f"{at}.action") or control.action is not None
    if not acts and not given:
        checked.complain(at, "does nothing: give it an action, or a tap, hold, double or release")
    for what in ("name", "colour", "then"):
        if not acts and given and checked.has(f"{at}.{what}"):
            text = f"belongs to an action, and there is none: put it under {given[0]}"
            checked.complain(f"{at}.{what}", text)
    if acts and "tap" in given:
        checked.complain(f"{at}.tap", "is what the action does already: keep one of them")
    if "release" in given and given[0] != "release":
        text = f"does not go with {given[0]}: when it comes up, that is what it was"
        checked.complain(f"{at}.release", text)
    if "hold" not in given and checked.has(f"{at}.hold_s"):
        checked.complain(f"{at}.hold_s", "is the time of a hold, and there is none")
    check_steps(checked, f"{at}.then", control.then)
    for way in ways:
        steps: Steps | None = getattr(control, way)
        if steps is not None:
            check_steps(checked, f"{at}.{way}.then", steps.then)


def check_steps(checked: Checked[T], at: str, steps: list[Step]) -> None:
    """Check what follows the first action: it must be clear what it does."""
    for number, step in checked.numbered(at, steps):
        if step.action.is_toggle:
            text = f"{step.action} can only come first: say which of the two it shall be"
            checked.complain(f"{at}.{number}", text)


def _check_stop(
    checked: Checked[Config], recording: Recording, controls: dict[str, Control]
) -> None:
    """Where a button must be held to stop, a control that cannot be held could never stop."""
    if recording.stop is not StopProtection.HOLD:
        return
    text = "cannot be held to stop (recording.stop: hold): bind a stop to its hold"
    stops = (Action.STOP, Action.RECORD_TOGGLE)
    for name, control in controls.items():
        if control.tap is not None and control.tap.action in stops:
            checked.complain(f"controls.{name}.tap", text)
        if control.action in stops and (control.hold or control.double):
            checked.complain(f"controls.{name}.action", text)


def _check_held(
    checked: Checked[Config], held: FactoryDefault, controls: dict[str, Control]
) -> None:
    """What is held together acts when it comes up: nothing can be bound to how it is held."""
    hold_to_stop = checked.sections.get("recording", Recording()).stop is StopProtection.HOLD
    for name in held.controls:
        control = controls.get(name)
        if control is None:
            continue
        text = f"does not go with factory_default.controls, where {name} is held: use an action"
        for way in ("tap", "hold", "double", "release"):
            if getattr(control, way) is not None:
                checked.complain(f"controls.{name}.{way}", text)
        if hold_to_stop and control.action in (Action.STOP, Action.RECORD_TOGGLE):
            text = "cannot be held to stop (recording.stop: hold): factory_default.controls has it"
            checked.complain(f"controls.{name}.action", text)


def trust(valt: Valt, path: Path) -> str:
    """Return what the transport is to trust: "system", "sha256:..." or an absolute path."""
    if isinstance(valt.verify, bool):
        return "system"
    if valt.verify.startswith(FINGERPRINT):
        return valt.verify
    return str(path.absolute().parent / valt.verify)


def _check_lines(
    checked: Checked[Config], inputs: Inputs, lights: Lights, held: FactoryDefault
) -> None:
    """A GPIO line has one owner."""
    used: dict[tuple[str, int | str], str] = {}
    if held.line is not None:
        _claim(checked, used, (held.chip, held.line), "factory_default.line")
    for number, button in checked.numbered("inputs.buttons", inputs.buttons):
        at = f"inputs.buttons.{number}.line"
        _claim(checked, used, (button.chip, button.line), at)
    for number, reader in checked.numbered("inputs.wiegand", inputs.wiegand):
        for key, line in (("data0", reader.data0), ("data1", reader.data1)):
            _claim(checked, used, (reader.chip, line), f"inputs.wiegand.{number}.{key}")
    for number, lamp in checked.numbered("lights.lamps", lights.lamps):
        for line in lamp.lines:
            _claim(checked, used, (lamp.chip, line), f"lights.lamps.{number}.lines")


def _claim(
    checked: Checked[Config],
    used: dict[tuple[str, int | str], str],
    line: tuple[str, int | str],
    at: str,
) -> None:
    if line in used:
        checked.complain(at, f"line {line[1]} of {line[0]} is used by {used[line]}, too")
    used.setdefault(line, at)

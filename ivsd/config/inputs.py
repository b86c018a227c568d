"""The checks of keyboards, readers and buttons that concern several keys."""

from __future__ import annotations

import re

from ivsd.config.checker import Checked
from ivsd.config.problems import nearest
from ivsd.config.schema import (
    Config,
    FactoryDefault,
    Inputs,
    Keyboard,
    Match,
    Role,
    WiegandReader,
    Writing,
)
from ivsd.events import FACTORY_DEFAULT
from ivsd.inputs.wiegand_formats import settings_problem
from ivsd.notation import width_problem

LONGEST_KEY_GAP_MS = 40
_KEY_NAME = re.compile(r"(KEY|BTN)_[A-Z0-9_]+")


def check_inputs(checked: Checked[Config], inputs: Inputs) -> None:
    """Check what goes together in the section `inputs`."""
    seen: set[str] = set()
    for number, keyboard in checked.numbered("inputs.keyboards", inputs.keyboards):
        at = f"inputs.keyboards.{number}"
        _check_name(checked, at, keyboard.name, seen)
        _check_keyboard(checked, at, keyboard)
    for number, reader in checked.numbered("inputs.wiegand", inputs.wiegand):
        at = f"inputs.wiegand.{number}"
        _check_name(checked, at, reader.name, seen)
        _check_wiegand(checked, at, reader)
    for number, button in checked.numbered("inputs.buttons", inputs.buttons):
        _check_control(checked, f"inputs.buttons.{number}.control", button.control)


def check_factory_default(checked: Checked[Config], held: FactoryDefault) -> None:
    """Check what is held for the factory state."""
    at = "factory_default"
    if checked.has(f"controls.{FACTORY_DEFAULT}"):
        text = "is the name of the reset button: give this control another one"
        checked.complain(f"controls.{FACTORY_DEFAULT}", text)
    if held.line is not None and held.controls:
        checked.complain(f"{at}.controls", "is given in place of line: keep one of them")
    if len(set(held.controls)) == 1:
        checked.complain(f"{at}.controls", "needs two or more: one alone is held by accident")
    for control in held.controls:
        _check_control(checked, f"{at}.controls", control)


def check_width(checked: Checked[Config], at: str, writing: Writing | None) -> None:
    """Check that numbers can be written so."""
    if writing is not None and (problem := width_problem(writing.as_form)):
        checked.complain(f"{at}.digits" if writing.digits else at, problem)


def _check_name(checked: Checked[Config], at: str, name: str, seen: set[str]) -> None:
    if name in seen:
        checked.complain(f"{at}.name", f"{name!r} is the name of another one, too")
    seen.add(name)


def _check_keyboard(checked: Checked[Config], at: str, keyboard: Keyboard) -> None:
    if keyboard.match == Match() and not checked.names_below(f"{at}.match"):
        checked.complain(f"{at}.match", "says nothing: give path, id, name or port")
    check_width(checked, f"{at}.notation", keyboard.notation)
    if keyboard.notation is not None and not checked.has("badges.notation"):
        text = "is given, and badges.notation is missing: how does VALT write its card numbers?"
        checked.complain(f"{at}.notation", text)
    if keyboard.role is Role.KEYS and not keyboard.keys:
        checked.complain(f"{at}.keys", "is missing: role keys needs key -> control")
    for key in ("notation", "prefix", "suffix", "end"):
        if keyboard.role in (Role.PIN, Role.KEYS) and checked.has(f"{at}.{key}"):
            checked.complain(f"{at}.{key}", f"is about badges, and role {keyboard.role} takes none")
    for name, control in keyboard.keys.items():
        if not _KEY_NAME.fullmatch(name):
            checked.complain(
                f"{at}.keys.{name}", "is no key: use the kernel's names, such as KEY_KPPLUS"
            )
        _check_control(checked, f"{at}.keys.{name}", control)


def _check_wiegand(checked: Checked[Config], at: str, reader: WiegandReader) -> None:
    if reader.role is Role.KEYS:
        text = "has no keys that could be controls: use badge, pin or auto"
        checked.complain(f"{at}.role", text)
    if reader.raw_bits is not None and checked.has(f"{at}.formats"):
        checked.complain(f"{at}.raw_bits", "is given in place of formats: keep one of them")
    elif problem := settings_problem(reader.formats, reader.raw_bits):
        checked.complain(f"{at}.{'formats' if reader.raw_bits is None else 'raw_bits'}", problem)
    if reader.role is not Role.BADGE and reader.gap_ms > LONGEST_KEY_GAP_MS:
        text = f"must be at most {LONGEST_KEY_GAP_MS} where somebody types: two keys would be one"
        checked.complain(f"{at}.gap_ms", text)
    if reader.role is Role.BADGE and reader.pin_length is not None:
        checked.complain(f"{at}.pin_length", "is about PINs, and role badge takes none")


def _check_control(checked: Checked[Config], at: str, control: str) -> None:
    if not checked.has(f"controls.{control}"):
        names = checked.names_below("controls")
        hint = nearest(control, names) if names else "there are no controls"
        checked.complain(at, f"{control!r} is not under “controls”; {hint}")

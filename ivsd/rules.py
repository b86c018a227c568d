"""From the configuration to what presses mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ivsd.config.schema import Badges, Config, Control, Recording, Step
from ivsd.events import Binding, ControlRules, Gesture, Rules


def rules_from(config: Config) -> Rules:
    """Take from the configuration what decides the meaning of presses."""
    rules = rules_of(config.controls, config.recording, config.badges)
    return replace(rules, reply_timeout_s=config.valt.timeout_s)


def rules_of(controls: dict[str, Control], recording: Recording, badges: Badges) -> Rules:
    """Take what each control does, gesture by gesture, and who may do it."""
    return Rules(
        controls={name: _control(control) for name, control in controls.items()},
        default_author=recording.author,
        stop_protection=recording.stop,
        stop_hold_s=recording.stop_hold_s,
        rearm_s=badges.rearm_s,
        who_may_stop=badges.who_may_stop,
        stoppers=frozenset(badges.stoppers),
    )


def _control(control: Control) -> ControlRules:
    actions: dict[Gesture, tuple[Binding, ...]] = {}
    if control.action is not None:
        first = Binding(control.action, control.name, control.colour)
        actions[Gesture.PRESS] = (first, *_bindings(control.then))
    others = {
        Gesture.TAP: control.tap,
        Gesture.HOLD: control.hold,
        Gesture.DOUBLE: control.double,
        Gesture.RELEASE: control.release,
    }
    for gesture, step in others.items():
        if step is not None:
            actions[gesture] = _bindings([step, *step.then])
    return ControlRules(actions, control.hold_s)


def _bindings(steps: Sequence[Step]) -> tuple[Binding, ...]:
    return tuple(Binding(step.action, step.name, step.colour) for step in steps)

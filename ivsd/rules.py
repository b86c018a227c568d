"""From the configuration to what presses mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from ivsd.config.schema import (
    Badges,
    CardEntry,
    Config,
    Control,
    FactoryDefault,
    Recording,
    Step,
)
from ivsd.events import STRANGER, Binding, Card, ControlRules, Gesture, HoldRules, Rules


def rules_from(config: Config, cards: Sequence[CardEntry] = ()) -> Rules:
    """Take from the configuration what decides the meaning of presses."""
    rules = rules_of(config.controls, config.recording, config.badges, cards)
    return replace(
        rules,
        server=server_name(config.valt.url),
        reply_timeout_s=config.valt.timeout_s,
        send_within_s=config.valt.send_within_s,
        factory_default=hold_rules_of(config.factory_default),
    )


def server_name(url: str) -> str:
    """Name a server so that the name stays when it begins to speak TLS."""
    parts = urlsplit(url)
    usual = parts.port in (None, 80, 443)
    return f"{parts.hostname}" if usual else f"{parts.hostname}:{parts.port}"


def hold_rules_of(held: FactoryDefault) -> HoldRules | None:
    """Take what is held for the factory state; None where nothing is."""
    if held.controls:
        return HoldRules(frozenset(held.controls), held.hold_s, held.confirm)
    if held.line is None:
        return None
    return HoldRules(hold_s=held.hold_s, confirm=held.confirm)


def rules_of(
    controls: dict[str, Control],
    recording: Recording,
    badges: Badges,
    cards: Sequence[CardEntry] = (),
) -> Rules:
    """Take what each control does, gesture by gesture, and who may do it."""
    return Rules(
        controls={name: _control(control) for name, control in controls.items()},
        default_author=recording.author,
        marker_clock=recording.marker_clock,
        stop_protection=recording.stop,
        stop_hold_s=recording.stop_hold_s,
        rearm_s=badges.rearm_s,
        who_may_stop=badges.who_may_stop,
        stoppers=frozenset(badges.stoppers),
        cards={card.number: _card(card) for card in cards},
    )


def _card(card: CardEntry) -> Card:
    actions = STRANGER.actions
    if card.action is not None:
        actions = _bindings([card.action, *card.action.then])
    is_looked_up = card.user is not None or card.action is None
    return Card(actions, card.user, card.name or "", is_looked_up)


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

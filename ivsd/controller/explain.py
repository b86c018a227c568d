"""What every control does in every state of the room, in words: the table as a manual."""

from __future__ import annotations

from collections.abc import Iterator

from ivsd.controller.gestures import TAP_S
from ivsd.controller.stop_guard import TWICE_S
from ivsd.controller.table import Do, Ignore, decide
from ivsd.events import (
    STRANGER,
    Action,
    Binding,
    ControlRules,
    Gesture,
    Rules,
    StopProtection,
)
from ivsd.valt.model import RoomState

STATES = (
    RoomState.AVAILABLE,
    RoomState.PREPARED,
    RoomState.RECORDING,
    RoomState.PAUSED,
    RoomState.LOCKED,
)
_VERBS = {
    Action.START: "starts a recording",
    Action.STOP: "stops the recording",
    Action.PAUSE: "pauses the recording",
    Action.RESUME: "goes on with the recording",
    Action.LOCK: "locks the room",
    Action.UNLOCK: "unlocks the room",
}
_IN_SHORT = _VERBS | {
    Action.RECORD_TOGGLE: "starts or stops a recording",
    Action.PAUSE_TOGGLE: "pauses the recording or goes on with it",
    Action.LOCK_TOGGLE: "locks or unlocks the room",
    Action.SHOW_STATUS: "shows the state of the room",
}
_AFTER: dict[Action | None, RoomState] = {
    Action.START: RoomState.RECORDING,
    Action.STOP: RoomState.AVAILABLE,
    Action.PAUSE: RoomState.PAUSED,
    Action.RESUME: RoomState.RECORDING,
    Action.LOCK: RoomState.LOCKED,
    Action.UNLOCK: RoomState.AVAILABLE,
}


ByState = dict[str, list[str]]
"""What an input does -> the states of the room in which it does that."""


def meanings(rules: Rules) -> Iterator[tuple[str, ByState]]:
    """Yield each input, a control with its gesture or a badge, with what it does."""
    for control, bound in rules.controls.items():
        for gesture, bindings in bound.actions.items():
            yield f"{control}, {_way(gesture, bound)}", _by_state(bindings, gesture, rules)
    for number, card in rules.cards.items():
        if card.actions != STRANGER.actions:
            yield f"badge “{card.name or number.tail()}”", _by_state(card.actions, None, rules)
    others = "any other badge, or PIN" if rules.cards else "badge or PIN"
    yield others, _by_state(STRANGER.actions, None, rules)


def explain(rules: Rules) -> Iterator[str]:
    """Yield a paragraph for each control and gesture, one line for each meaning."""
    for name, by_state in meanings(rules):
        yield f"{name}:"
        for meaning, states in by_state.items():
            yield f"  {', '.join(states)}: {meaning}"


def in_short(bound: ControlRules) -> str:
    """Say in one sentence what a control does."""
    said = []
    for gesture, bindings in bound.actions.items():
        does = ", then ".join(map(_in_short, bindings))
        plain = gesture is Gesture.PRESS and len(bound.actions) == 1
        said.append(does if plain else f"{_way(gesture, bound)}: {does}")
    return "; ".join(said)


def _in_short(binding: Binding) -> str:
    if binding.action is Action.MARKER:
        return f"sets the marker “{binding.marker_name}”"
    return _IN_SHORT[binding.action]


def _by_state(bindings: tuple[Binding, ...], gesture: Gesture | None, rules: Rules) -> ByState:
    """Put the states with the same meaning together."""
    found: ByState = {}
    for state in STATES:
        told: list[str] = []
        now: RoomState = state
        for binding in bindings:
            way = gesture if not told else None  # only the first is protected
            told.append(_does(binding, way, now, rules))
            if told[-1].startswith("refused"):
                break  # and what follows is not done
            now = _AFTER.get(_verb(binding, now), now)
        found.setdefault("; then ".join(told), []).append(state)
    return found


def _verb(binding: Binding, state: RoomState) -> Action | None:
    """Return what is asked of the server, if anything."""
    if binding.action is Action.SHOW_STATUS:
        return None
    decision = decide(binding.action, state)
    return decision.verb if isinstance(decision, Do) else None


def _way(gesture: Gesture, rules: ControlRules) -> str:
    match gesture:
        case Gesture.PRESS if rules.waits:
            return "pressed (and neither held nor pressed twice)"
        case Gesture.PRESS:
            return "pressed"
        case Gesture.TAP:
            within_s = rules.hold_s if Gesture.HOLD in rules.actions else TAP_S
            return f"tapped (up again within {within_s:g} s)"
        case Gesture.HOLD:
            return f"held for {rules.hold_s:g} s"
        case Gesture.DOUBLE:
            return "pressed twice, quickly"
        case Gesture.RELEASE:
            return "coming up"


def _does(binding: Binding, gesture: Gesture | None, state: RoomState, rules: Rules) -> str:
    if binding.action is Action.SHOW_STATUS:
        return "reads the room and shows its state"
    decision = decide(binding.action, state)
    if not isinstance(decision, Do):
        how = "ignored" if isinstance(decision, Ignore) else "refused"
        return f"{how}: {decision.reason}"
    if decision.verb is Action.MARKER:
        return f"sets the marker “{binding.marker_name}” ({binding.marker_colour})"
    stop = decision.verb is Action.STOP and gesture in (Gesture.PRESS, Gesture.TAP)
    if stop and rules.stop_protection is StopProtection.HOLD:
        return f"stops the recording when held for {rules.stop_hold_s:g} s"
    if stop and rules.stop_protection is StopProtection.TWICE:
        return f"stops the recording when pressed again within {TWICE_S:g} s"
    return _VERBS[decision.verb]

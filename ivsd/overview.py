"""From what the daemon and its controller know to what people are told: the status."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivsd import __version__
from ivsd.appliance.status import (
    ConfigStatus,
    ControlStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    LampStatus,
    LightsStatus,
    LinkStatus,
    OutboxStatus,
    OutcomeStatus,
    RoomStatus,
    Status,
)
from ivsd.config import Config, trust
from ivsd.config.schema import Inputs
from ivsd.controller.core import OUTBOX
from ivsd.controller.explain import in_short
from ivsd.controller.snapshot import Snapshot
from ivsd.events import BoxFault, LightView, Outcome, Rules
from ivsd.valt.link import Link
from ivsd.valt.model import RoomState

FACTORY_DEFAULT_SOCKET = Path("/run/ivsd-factory-default.sock")


@dataclass(frozen=True)
class Around:
    """What the controller does not know. `now` and `began_at` are of the monotonic clock."""

    now: float
    began_at: float
    path: Path
    problems: Iterable[str]
    room: str
    """That of ivsd.yaml; "" where it has none."""
    config: Config | None
    link: Link | None
    view: LightView
    lamps: tuple[LampStatus, ...]
    controls: tuple[ControlStatus, ...]
    inputs: Iterable[tuple[str, str]]
    """Name and kind of what reads a hand: a button, or a reader or keypad."""
    lamp_devices: Iterable[str]


def overview(snapshot: Snapshot, around: Around) -> Status:
    """Put the status together; takes microseconds, for it is made in the daemon's loop."""
    missing = snapshot.missing
    return Status(
        version=__version__,
        uptime_s=around.now - around.began_at,
        config=ConfigStatus(str(around.path), around.config is not None, tuple(around.problems)),
        room=_room(snapshot, around),
        link=_link(snapshot, around),
        lights=_lights(around.view),
        lamps=around.lamps,
        controls=around.controls,
        devices=tuple(
            DeviceStatus(name, kind, name not in missing, missing.get(name, ""))
            for name, kind in _devices(around)
        ),
        outbox=OutboxStatus(snapshot.waiting, missing.get(OUTBOX, "")),
        outcomes=tuple(_outcome(outcome, around.now) for outcome in snapshot.outcomes),
        factory_default=FactoryDefaultStatus(FACTORY_DEFAULT_SOCKET.exists()),
    )


def _room(snapshot: Snapshot, around: Around) -> RoomStatus:
    status, shown = snapshot.status, around.view.room
    found = around.link.room if around.link is not None else None
    confirmed_at = snapshot.confirmed_at
    return RoomStatus(
        configured=around.room,
        id=found.id if found is not None else None,
        name=found.name if found is not None else "",
        state=status.state.value if status is not None else None,
        shown=shown.value if shown is not None else None,
        locked=status is not None and status.state is RoomState.LOCKED,
        records=status is not None and status.has_recording,
        recording_s=snapshot.recording_s,
        confirmed_s_ago=around.now - confirmed_at if confirmed_at is not None else None,
    )


def _link(snapshot: Snapshot, around: Around) -> LinkStatus:
    config, link, error = around.config, around.link, snapshot.link_error
    fault = "" if snapshot.link_up else (error.light if error else BoxFault.STARTING).value
    return LinkStatus(
        url=config.valt.url if config is not None else "",
        up=snapshot.link_up,
        fault=fault,
        why="" if snapshot.link_up else str(error or ""),
        since_s=around.now - snapshot.link_since,
        login_s_ago=link.session.logged_in_for_s() if link is not None else None,
        server_version=link.session.version.text if link is not None else "",
        trust=_trust(around),
    )


def _trust(around: Around) -> str:
    if around.config is None or not around.config.valt.url.startswith("https:"):
        return "none"
    return trust(around.config.valt, around.path)


def _lights(view: LightView) -> LightsStatus:
    receipt = view.receipt.value if view.receipt is not None else None
    return LightsStatus(str(view.name), str(view.fault), view.pending, receipt, view.receipt_no)


def _devices(around: Around) -> Iterator[tuple[str, str]]:
    yield from around.inputs
    yield from ((name, "lamp") for name in around.lamp_devices)


def controls_of(rules: Rules, inputs: Inputs) -> tuple[ControlStatus, ...]:
    """Say of each control what it does, and what presses it."""
    where: dict[str, list[str]] = {name: [] for name in rules.controls}
    for button in inputs.buttons:
        where.setdefault(button.control, []).append(f"GPIO line {button.line}")
    for keyboard in inputs.keyboards:
        for key, control in keyboard.keys.items():
            where.setdefault(control, []).append(f"key {key} of {keyboard.name}")
    return tuple(
        ControlStatus(name, in_short(bound), ", ".join(where[name]))
        for name, bound in rules.controls.items()
    )


def _outcome(outcome: Outcome, now: float) -> OutcomeStatus:
    s_ago = now - outcome.at
    wall = datetime.fromtimestamp(time.time() - s_ago).astimezone()
    return OutcomeStatus(
        time=wall.isoformat(timespec="seconds"),
        s_ago=s_ago,
        source=outcome.source,
        action=outcome.action,
        result=outcome.result.value,
        reason=outcome.reason,
    )

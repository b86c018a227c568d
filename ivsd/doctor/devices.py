"""Readers, keypads, buttons and lamps of ivsd.yaml: there or not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from ivsd.config import Salvaged
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import Area, Finding, hidden_from_us, quoting, wrong
from ivsd.hardware import Hardware, switch_off
from ivsd.inputs.source import DeviceProblem, Source

DEVICE_WITHIN_S = 3.0
ALL_WITHIN_S = 10.0
"""A device that hangs in the kernel must not hang the doctor."""


def findings(daemon: Daemon, parts: Salvaged, hardware: Hardware) -> Iterator[Finding]:
    """Tell of each device; where a daemon runs they are in its hands, and it knows."""
    status = daemon.status
    if status is not None:
        for device in status.devices:
            if device.ready:
                yield quoting(Area.DEVICES, True, f"{device.name}: ready", device.name)
            else:
                yield _missing(device.problem)
        if not status.devices:
            yield _none()
    elif daemon.may_run:
        text = "not looked at: ivsd has them, and does not tell"
        yield hidden_from_us(Area.DEVICES, text)
    else:
        yield from _opened(parts, hardware)


def _missing(problem: str) -> Finding:
    advice = f"Mend this (sudo ivsd devices shows what is there): {problem}"
    return wrong(Area.DEVICES, problem, advice, problem)


def _refused(problem: str) -> Finding:
    """Tell of a device that we could not open; only root is refused nothing that ivsd has."""
    if os.geteuid() == 0:
        return _missing(problem)
    return hidden_from_us(Area.DEVICES, f"as this user sees it, {problem}", problem)


def _none() -> Finding:
    text = "none is known: ivsd.yaml names no device, or cannot be read"
    return Finding(Area.DEVICES, None, text)


def _opened(parts: Salvaged, hardware: Hardware) -> Iterator[Finding]:
    """Open each device for a moment, as the daemon would, and give it back."""
    # Not grabbed: the key that has started the doctor may still be down.
    keyboards = [replace(keyboard, grab=False) for keyboard in parts.inputs.keyboards]
    sources = hardware.sources(replace(parts.inputs, keyboards=keyboards), parts.badges.notation)
    sources += hardware.reset_button(parts.factory_default)
    fixtures = hardware.fixtures(parts.lights)
    looks: list[tuple[str, str, Callable[[], list[str]]]] = [
        *(("", source.name, partial(_problems, source)) for source in sources),
        *(("lamp ", one.lamp.name, partial(switch_off, [one])) for one in fixtures),
    ]
    end = time.monotonic() + ALL_WITHIN_S
    for kind, name, look in looks:
        problems = _within(min(DEVICE_WITHIN_S, end - time.monotonic()), name, look)
        for problem in problems:
            yield _refused(f"{kind}{problem}")
        if not problems:
            yield quoting(Area.DEVICES, True, f"{kind}{name}: there", name)
    if not looks:
        yield _none()


def _problems(source: Source) -> list[str]:
    """Open an input and give it back; return what is wrong."""
    try:
        source.open()
    except DeviceProblem as e:
        return [str(e)]
    finally:
        source.close()
    return []


def _within(timeout_s: float, name: str, look: Callable[[], list[str]]) -> list[str]:
    """Look at a device; one that does not answer in time is left to a thread that nobody joins."""
    told: list[list[str]] = []
    thread = threading.Thread(target=lambda: told.append(look()), name=f"{name}?", daemon=True)
    thread.start()
    thread.join(max(0.0, timeout_s))
    return told[0] if told else [f"{name}: it does not answer"]

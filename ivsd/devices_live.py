"""`ivsd devices --live`: what a key or a button is called, as it is pressed.

A running daemon has the devices of ivsd.yaml for itself alone, and is asked to show what happens
there (decision 29). All others are read here.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.learn_client import next_input, others_told
from ivsd.appliance.status_command import printable
from ivsd.config import salvage
from ivsd.config.schema import Inputs
from ivsd.devices import fits
from ivsd.hardware import NO_EXTRA
from ivsd.keymaps import Keymap, sign

ENDED, NOT_SHOWN = 0, 1
"""Exit codes."""


def show(path: Path, socket: Path) -> int:
    """Print every input until Ctrl-C; return the exit code when there is nothing to wait for."""
    _say("Press any key or swipe a badge; Ctrl-C ends it.")
    learns = threading.Event()
    daemon = threading.Thread(target=_learn, args=(socket, learns), name="learn", daemon=True)
    daemon.start()
    problem = _watch(salvage(path).inputs, learns)
    if not problem:
        return ENDED
    _say(problem)
    daemon.join()  # at once when there is none
    return NOT_SHOWN


def _learn(socket: Path, learns: threading.Event) -> None:
    """Print what happens at the daemon's devices until it ends, again and again."""
    try:
        with others_told(socket, lambda line: _say(f"  ivsd: {line}")):
            learns.set()
            _say("ivsd runs: a press or badge at its devices is shown, and does nothing else. Keys")
            _say("that are no control in ivsd.yaml are not shown there: systemctl stop ivsd")
            while True:
                _learn_one(socket)
    except ControlError as e:
        learns.clear()
        if e.code != "no_daemon":
            _say(f"ivsd runs, and does not show what is pressed at its devices: {e}")


def _learn_one(socket: Path) -> None:
    try:
        _say(f"  ivsd: {next_input(socket)}")
    except ControlError as e:
        if e.code != "nothing_came":
            raise


def _watch(inputs: Inputs, learns: threading.Event) -> str:
    """Print the keys of all devices but those that the daemon shows; return why it cannot."""
    try:
        from ivsd.inputs.event_devices import present, watch
    except ImportError as e:
        return NO_EXTRA.format(e.name)
    _, forbidden = present()
    if forbidden:
        return forbidden
    never, _hold = os.pipe()  # Ctrl-C ends it, and nothing else
    for device, key in watch(never):
        if learns.is_set() and any(fits(keyboard, device) for keyboard in inputs.keyboards):
            continue
        typed = sign(Keymap.US, key)
        _say(f"  {device.path} {device.name}: {key}{f'  “{typed}”' if typed else ''}")
    return ""


def _say(line: str) -> None:
    print(printable(line), flush=True)

"""Buttons that ivsd.yaml does not name: found at real lines and keys, added, pressed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.appliance.box import CHIP, Box
from tests.appliance.hands import tap

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.appliance.machine import Machine

NAMED, FREE, OF_A_BUS = 5, 6, 2
LAMP = [22, 27, 24]
CONFIGURATION = f"""\
controls: {{record: record_toggle}}
inputs:
  buttons:
    - {{control: record, chip: {CHIP}, line: {NAMED}}}
lights:
  lamps:
    - {{name: status, kind: rgb, chip: {CHIP}, lines: {LAMP}}}
"""
ASK = """
import json, sys
from pathlib import Path
from ivsd.appliance.control_client import ControlError, ask
try:
    print(json.dumps(ask(Path('/run/ivsd/control.sock'), sys.argv[1], json.loads(sys.argv[2]))))
except ControlError as e:
    print(json.dumps({'code': e.code, 'text': str(e)}))
"""
HOLDERS = """
import json, sys
from ivsd.gpio_lines import chips
print(json.dumps({line.number: line.consumer
                  for chip in chips() if chip.label == sys.argv[1] for line in chip.lines}))
"""
WITHIN_S = 30.0


@pytest.fixture(scope="module")
def bare(machine: Machine) -> Iterator[Box]:
    with Box(machine) as box:
        yield box


@pytest.fixture
def box(bare: Box) -> Box:
    """A box with one button and a lamp, in an available room."""
    bare.start(CONFIGURATION, ["button record"])
    return bare


def program(text: str, *arguments: str) -> str:
    """Return the command that runs some Python in the machine."""
    code = base64.b64encode(text.encode()).decode()
    words = " ".join(f"'{word}'" for word in arguments)
    return (
        f"/opt/ivsd/bin/python -c \"import base64; exec(base64.b64decode('{code}').decode())\" "
        + words
    )


def ask(box: Box, op: str, **args: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(box.machine.run(program(ASK, op, json.dumps(args))))
    return answer


def held_by_ivsd(box: Box) -> set[int]:
    """Return the lines of the chip that the daemon holds now."""
    holders = json.loads(box.machine.run(program(HOLDERS, CHIP)))
    return {int(line) for line, consumer in holders.items() if consumer == "ivsd"}


def find(box: Box, touch: Callable[[], object]) -> dict[str, Any]:
    """Have the daemon look for a touch, and touch once it does."""
    process: Popen[str] = box.machine.spawn(program(ASK, "find", "{}"))
    assert process.stdout is not None
    box.wait(lambda: FREE in held_by_ivsd(box), "the daemon looks at the free lines", WITHIN_S)
    tried = held_by_ivsd(box)
    assert OF_A_BUS not in tried
    time.sleep(1.0)  # until they have settled, on an emulated machine
    touch()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    process.wait(WITHIN_S)
    box.wait(lambda: held_by_ivsd(box) == {NAMED, *LAMP}, "the lines are given back", WITHIN_S)
    return found


def wire(box: Box, change: dict[str, Any]) -> dict[str, Any]:
    return ask(box, "wire", changes=change, revision=ask(box, "config")["revision"])


def pull(box: Box, line: int, held_ms: float = 80.0) -> None:
    box.play([(0, "pull", CHIP, line, "down"), (held_ms, "pull", CHIP, line, "up")])


def test_a_line_is_found_added_pressed_and_records(box: Box) -> None:
    found = find(box, lambda: pull(box, FREE))
    assert found == {
        "kind": "line", "chip": CHIP, "line": FREE, "name": "", "active": "low", "pull": "up",
    }  # fmt: skip
    assert box.recordings() == []
    since = box.now()
    wiring = {key: found[key] for key in ("chip", "line", "active", "pull")}
    said = wire(box, {"add_button": {**wiring, "control": "door", "action": "start"}})
    assert said.keys() == {"revision"}, said
    box.wait_for(since, "button door", ": ready")
    since = box.now()
    pull(box, FREE)
    assert box.answer(since, "door").outcome == "done"
    box.wait(lambda: bool(box.recordings()), "a recording")


def test_a_key_of_a_new_device_is_found_added_pressed_and_records(box: Box) -> None:
    box.hands.keyboard("pedal", "Foot Switch", ["KEY_F13"], vendor=0x1209, product=0x0042)
    found = find(box, lambda: box.play(tap("pedal", "KEY_F13", held_ms=50)))
    assert (found["kind"], found["device"], found["key"]) == ("key", "Foot Switch", "KEY_F13")
    since = box.now()
    key = {"key": "KEY_F13", "match": found["match"]}
    said = wire(box, {"add_key": {**key, "control": "pedal", "action": "start"}})
    assert said.keys() == {"revision"}, said
    box.wait_for(since, "keyboard-1", ": ready")
    since = box.now()
    box.play(tap("pedal", "KEY_F13", held_ms=50))
    assert box.answer(since, "pedal").outcome == "done"


def test_a_button_that_is_named_is_shown_while_lines_are_looked_at(box: Box) -> None:
    found = find(box, lambda: pull(box, NAMED))
    assert found == {"kind": "button", "name": "record", "number": None}
    since = box.now()
    pull(box, NAMED)
    assert box.answer(since, "record").outcome == "done"


def test_the_line_of_a_lamp_is_refused(box: Box) -> None:
    change = {
        "control": "door", "action": "start", "chip": CHIP, "line": LAMP[0], "active": "low",
        "pull": "up",
    }  # fmt: skip
    assert wire(box, {"add_button": change})["code"] == "wrong"

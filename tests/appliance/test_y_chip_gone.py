"""A GPIO chip that is taken away while its lines are held: the last but one test of the folder.

Kernel 6.1 frees what it still uses then (its memory was found broken a moment later), so that
this is done once, and then the power is cut.
"""

from __future__ import annotations

from contextlib import suppress

from tests.appliance.box import CHIP, Box
from tests.appliance.machine import Machine

GONE = "ivsd-gone"
CONFIGURATION = f"""\
controls: {{here: marker, there: marker}}
inputs:
  buttons:
    - {{control: here, chip: {CHIP}, line: 5}}
    - {{control: there, chip: {GONE}, line: 3}}
"""


def test_a_chip_that_is_gone_is_told_and_the_other_buttons_go_on(machine: Machine) -> None:
    box = Box(machine)
    try:
        box.hands.do("chip", label=GONE, lines=8, names={})
        box.start(CONFIGURATION, ["button here", "button there"])
        since = box.now()
        box.hands.do("remove_chip", label=GONE)
        box.wait_for(since, "button there", "its chip is gone", within_s=5)
        began = box.now()
        box.play([(0, "pull", CHIP, 5, "down"), (80, "pull", CHIP, 5, "up")])
        assert box.answer(began, "here").outcome == "failed"  # nothing is recorded
    finally:
        machine.kill()
        box.simulator.stop()
        with suppress(OSError):
            box.hands.close()
        machine.start(keep_disk=True)

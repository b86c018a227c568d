"""The demo's panel: what it draws of the box, whatever the box is at."""

from __future__ import annotations

import re

from ivsd.config.schema import LampConfig, LampKind, Lights
from ivsd.demo.live import LiveBox
from ivsd.demo.panel import Scene, render
from ivsd.hardware import fixture_for
from ivsd.outputs.lamp import Colour
from ivsd.outputs.virtual import VirtualLamp


def test_the_panel_can_be_drawn_before_the_daemon_has_built_its_lamps() -> None:
    scene = Scene()
    box = LiveBox(observe=scene.observe)
    try:
        assert any("status" in line for line in render(box, scene))
    finally:
        box.simulator.stop()


def test_the_panel_shows_single_leds_one_by_one_and_a_buzzer_without_colour() -> None:
    leds = [Colour.RED, Colour.YELLOW, Colour.GREEN]
    configs = [
        LampConfig("tower", [1, 2, 3], LampKind.LEDS, leds),
        LampConfig("buzzer", [4], LampKind.BUZZER),
    ]
    box = LiveBox()
    try:
        lamps = [VirtualLamp(config.name) for config in configs]
        box.hardware.lamps = {lamp.name: lamp for lamp in lamps}
        lamps[0].show(Colour.GREEN)
        pairs = zip(configs, lamps, strict=True)
        box.lamps = [(config, fixture_for(config, Lights(), lamp)) for config, lamp in pairs]
        drawn = [re.sub(r"\x1b\[\d+m", "", line) for line in render(box, Scene())]
    finally:
        box.simulator.stop()
    assert any(line.startswith("│  ○○● tower") for line in drawn)
    assert any(line.startswith("│  ○  buzzer ") and " off " in line for line in drawn)


def test_the_panel_shows_what_the_lamps_show() -> None:
    scene = Scene()
    with LiveBox(observe=scene.observe) as box:
        assert box.wait_until_ready()
        drawn = "\n".join(render(box, scene))
    assert "available" in drawn
    assert "Interview Room 1" in drawn

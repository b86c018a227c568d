"""The demo's panel: what it draws of the box, whatever the box is at."""

from __future__ import annotations

from ivsd.demo.live import LiveBox
from ivsd.demo.panel import Scene, render


def test_the_panel_can_be_drawn_before_the_daemon_has_built_its_lamps() -> None:
    scene = Scene()
    box = LiveBox(observe=scene.observe)
    try:
        assert any("status" in line for line in render(box, scene))
    finally:
        box.simulator.stop()


def test_the_panel_shows_what_the_lamps_show() -> None:
    scene = Scene()
    with LiveBox(observe=scene.observe) as box:
        assert box.wait_until_ready()
        drawn = "\n".join(render(box, scene))
    assert "available" in drawn
    assert "Interview Room 1" in drawn

"""Our gpiozero pins on a real kernel's lines: what gpiozero expects, and what ours promise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.appliance.machine import Machine

PROGRAM = "/opt/ivsd/bin/python /project/tests/appliance/guest/check_pins.py"
TIMEOUT_S = 240.0  # 15 s where nothing else runs, a minute with a load of ten

# Listed here, too, so that a check that vanishes is missed.
CHECKS = [
    # what gpiozero expects
    "a_new_pin_is_a_floating_input_that_nobody_watches",
    "an_input_reads_the_wire",
    "an_output_drives_the_wire_and_reads_what_it_drives",
    "a_pin_changes_between_input_and_output",
    "an_output_starts_at_its_level_without_a_blip",
    "an_input_cannot_be_driven",
    "a_pull_reaches_the_kernel",
    "a_floating_input_leaves_the_wire_alone",
    "a_pull_changed_on_a_held_line_reaches_the_kernel",
    "an_unknown_pull_is_refused",
    "a_pull_on_an_output_is_refused",
    "an_unknown_function_is_refused",
    "pwm_is_refused_and_leaves_no_line_held",
    "edges_are_told_in_order",
    "only_the_edges_that_were_asked_for_are_told",
    "other_edges_asked_for_while_watched_are_told",
    "the_descriptor_is_readable_while_an_edge_waits",
    "ticks_are_the_clock_of_the_kernels_edges",
    "a_pin_does_not_keep_its_watcher_alive",
    "a_closed_pin_gives_its_line_back",
    "a_device_that_could_not_be_made_leaves_its_lines_free",
    "a_bounce_that_is_no_time_is_refused",
    # gpiozero's own devices
    "a_led_of_gpiozero_lights",
    "a_led_of_gpiozero_between_supply_and_line_lights_at_low",
    "an_rgb_led_of_gpiozero_shows_the_eight_colours",
    "an_input_of_gpiozero_knows_its_active_level",
    "a_button_of_gpiozero_tells_press_and_release",
    # chips and lines
    "a_line_is_found_by_number_and_by_name",
    "a_chip_is_found_by_path_device_name_and_label",
    "lines_above_27_are_lines",
    "a_line_that_does_not_exist_names_the_range",
    "an_unknown_line_name_gets_the_nearest_one",
    "an_unknown_chip_names_those_there_are",
    "what_is_no_gpio_chip_is_said_to_be_none",
    "a_label_that_two_chips_share_is_not_guessed",
    "a_busy_line_names_its_holder",
    "a_line_used_twice_by_ivsd_says_so_under_whatever_name",
    "an_ordinary_user_is_told_which_group_to_join",
    "a_member_of_the_chips_group_needs_nothing_else",
    # bounce, lost edges, lost chips
    "a_glitch_shorter_than_the_bounce_time_is_nothing",
    "a_contact_that_bounces_is_pressed_and_released_once",
    "a_level_longer_than_the_bounce_time_is_one_edge",
    "a_bounce_time_changed_while_watched_reaches_the_kernel",
    "without_a_bounce_time_every_edge_is_told",
    "edges_that_the_kernel_dropped_are_counted",
    "no_edge_is_lost_while_they_are_read_in_time",
]


class Checked(NamedTuple):
    ok: bool
    detail: str


@pytest.fixture(scope="module")
def checked(machine: Machine) -> dict[str, Checked]:
    """Run all checks in the machine, once."""
    rows = map(json.loads, machine.run(PROGRAM, timeout_s=TIMEOUT_S).splitlines())
    return {row["name"]: Checked(row["ok"], row["detail"]) for row in rows}


@pytest.mark.parametrize("name", CHECKS)
def test_of_a_pin(name: str, checked: dict[str, Checked]) -> None:
    assert name in checked, "this check was not run"
    assert checked[name].ok, checked[name].detail


def test_every_check_that_is_run_is_listed(checked: dict[str, Checked]) -> None:
    assert list(checked) == CHECKS

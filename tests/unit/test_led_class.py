"""Lamps on LED class devices: a folder of plain files that behaves as Linux 6.1 was seen to."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from ivsd.outputs.lamp import Colour, LampProblem
from ivsd.outputs.led_class import LedClassLamp, Stopped

RED, GREEN, BLUE, OFF = Colour.RED, Colour.GREEN, Colour.BLUE, Colour.OFF
YELLOW, WHITE = Colour.YELLOW, Colour.WHITE
DEVICES = ["box:red", "box:green", "box:blue"]


class Leds:
    """The LED class: removes a trigger at brightness 0, has the timer's files when it is set."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.writes: list[str] = []
        """What was written: device/file=text, in order."""
        self.refused: dict[str, int] = {}
        """The error with which a file, device/file, cannot be opened for writing."""
        self.has_timer = True
        self._open, self._write, self._pwrite = os.open, os.write, os.pwrite
        monkeypatch.setattr(os, "open", self.open)
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def plug(self, name: str, full: int = 1, trigger: str = "none", index: str = "") -> None:
        files = {"brightness": "1", "max_brightness": f"{full}", "trigger": trigger}
        if index:
            files |= {"multi_index": index, "multi_intensity": "0 0 0"}
        (self.folder / name).mkdir()
        for file, text in files.items():
            (self.folder / name / file).write_text(f"{text}\n")
        if not trigger:
            (self.folder / name / "trigger").unlink()

    def unplug(self, name: str) -> None:
        shutil.rmtree(self.folder / name)

    def read(self, file: str) -> str:
        return (self.folder / file).read_text().strip()

    @property
    def levels(self) -> list[str]:
        return [self.read(f"{device}/brightness") for device in DEVICES]

    def open(
        self, path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:
        if number := self.refused.get(self._name(str(path)), 0):
            raise OSError(number, os.strerror(number), str(path))
        return self._open(path, flags, mode, dir_fd=dir_fd)

    def write(self, fd: int, data: bytes) -> int:
        name = self._name(os.readlink(f"/proc/self/fd/{fd}"))
        if name:
            self._kernel(name, data.decode().strip())
        return self._write(fd, data)

    def pwrite(self, fd: int, data: bytes, at: int) -> int:
        if os.fstat(fd).st_nlink == 0:  # the file of a device that is gone
            raise OSError(errno.ENODEV, "No such device")
        os.ftruncate(fd, 0)
        self._kernel(self._name(os.readlink(f"/proc/self/fd/{fd}")), data.decode().strip())
        return self._pwrite(fd, data, at)

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{self.folder}/") if path.startswith(str(self.folder)) else ""

    def _kernel(self, name: str, text: str) -> None:
        self.writes.append(f"{name}={text}")
        device, file = name.split("/")
        trigger = self.folder / device / "trigger"
        if file == "brightness" and text == "0" and trigger.exists():
            trigger.write_text("none\n")
        if file == "trigger" and text == "timer":
            if not self.has_timer:
                raise OSError(errno.EINVAL, "Invalid argument")
            for delay in ("delay_on", "delay_off"):
                (self.folder / device / delay).write_text("500\n")


@pytest.fixture
def leds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Leds:
    leds = Leds(tmp_path, monkeypatch)
    for device in DEVICES:
        leds.plug(device)
    return leds


def opened(
    leds: Leds,
    devices: list[str],
    colours: list[Colour] | None = None,
    stopped: Stopped | None = None,
) -> LedClassLamp:
    lamp = LedClassLamp("status", devices, colours, stopped=stopped, folder=leds.folder)
    lamp.open()
    leds.writes.clear()
    return lamp


def why_not(leds: Leds, *devices: str) -> str:
    with pytest.raises(LampProblem) as caught:
        opened(leds, list(devices))
    return str(caught.value)


# -- what it shows ----------------------------------------------------------------------------


def test_one_device_is_lit_by_every_colour_but_off(leds: Leds) -> None:
    lamp = opened(leds, ["box:red"])
    for colour in Colour:
        lamp.show(colour)
        assert leds.levels[0] == ("0" if colour is OFF else "1")


@pytest.mark.parametrize("colour", list(Colour))
def test_three_devices_mix_every_colour(leds: Leds, colour: Colour) -> None:
    opened(leds, DEVICES).show(colour)
    assert leds.levels == [str(int(lit)) for lit in colour.channels]


@pytest.mark.parametrize(
    ("colour", "lit"),
    [("red", "100"), ("yellow", "010"), ("blue", "111"), ("off", "000")],
)
def test_single_leds_have_one_device_for_each_colour(leds: Leds, colour: str, lit: str) -> None:
    opened(leds, DEVICES, [RED, YELLOW, GREEN]).show(Colour(colour))
    assert leds.levels == list(lit)


def test_one_device_with_a_colour_is_lit_by_the_others_too(leds: Leds) -> None:
    opened(leds, ["box:green"], [GREEN]).show(RED)
    assert leds.levels[1] == "1"


def test_a_device_is_lit_with_its_own_highest_level(leds: Leds) -> None:
    leds.plug("dim:one", full=255)
    lamp = opened(leds, ["dim:one", "box:red", "box:green"])
    lamp.show(WHITE)
    assert leds.writes == [
        "dim:one/brightness=255",
        "box:red/brightness=1",
        "box:green/brightness=1",
    ]


def test_the_same_colour_twice_does_no_harm(leds: Leds) -> None:
    lamp = opened(leds, DEVICES)
    lamp.show(YELLOW)
    lamp.show(YELLOW)
    assert leds.levels == ["1", "1", "0"]


@pytest.mark.parametrize(
    ("index", "colour", "intensities"),
    [
        ("red green blue", YELLOW, "255 255 0"),
        ("green blue red", RED, "0 0 255"),
        ("red green blue white", WHITE, "0 0 0 255"),
        ("red amber green", YELLOW, "255 0 255"),
        ("red green", BLUE, "255 255"),  # it cannot; at least the rhythm is seen
    ],
)
def test_a_multicolour_device_mixes_the_colour_itself(
    leds: Leds, index: str, colour: Colour, intensities: str
) -> None:
    leds.plug("multi:status", full=255, index=index)
    lamp = opened(leds, ["multi:status"])
    lamp.show(colour)
    lamp.show(OFF)
    assert leds.writes == [
        f"multi:status/multi_intensity={intensities}",
        "multi:status/brightness=255",
        "multi:status/brightness=0",
    ]


def test_a_lamp_that_is_not_open_cannot_be_lit(leds: Leds) -> None:
    with pytest.raises(LampProblem, match=r"^status is not open$"):
        LedClassLamp("status", ["box:red"], None, folder=leds.folder).show(RED)


# -- taking the devices -----------------------------------------------------------------------


def test_opening_ends_the_kernels_trigger_and_makes_it_dark(leds: Leds) -> None:
    leds.plug("input0::capslock", trigger="kbd-capslock")
    LedClassLamp("status", ["input0::capslock"], None, folder=leds.folder).open()
    assert leds.writes == ["input0::capslock/trigger=none", "input0::capslock/brightness=0"]


def test_a_kernel_without_triggers_will_do(leds: Leds) -> None:
    leds.plug("plain", trigger="")
    lamp = opened(leds, ["plain"], stopped=Stopped(RED, 100, 900))
    assert leds.read("plain/brightness") == "0"
    lamp.close()
    assert leds.read("plain/brightness") == "1"
    assert not (leds.folder / "plain/trigger").exists()


def test_an_absent_device_is_told_with_those_there_are_nearest_first(leds: Leds) -> None:
    assert why_not(leds, "box:gren") == (
        "status: there is no LED box:gren, only box:green, box:red, box:blue"
    )


def test_a_machine_without_leds_says_so(leds: Leds) -> None:
    shutil.rmtree(leds.folder)
    assert why_not(leds, "box:red") == "status: there is no LED box:red, nor any"
    leds.folder.mkdir()
    assert why_not(leds, "box:red") == "status: there is no LED box:red, nor any"


def test_a_name_that_leads_out_of_the_folder_is_absent(leds: Leds) -> None:
    leds.folder.joinpath("deep").mkdir()
    assert "there is no LED deep/../box:red" in why_not(leds, "deep/../box:red")


def test_a_pattern_finds_the_device_whose_number_changes(leds: Leds) -> None:
    leds.plug("input5::capslock")
    lamp = opened(leds, ["input*::capslock"])
    leds.unplug("input5::capslock")
    with pytest.raises(LampProblem, match=r"^status: LED input5::capslock is gone$"):
        lamp.show(RED)
    lamp.close()
    leds.plug("input6::capslock")
    opened(leds, ["input*::capslock"]).show(RED)
    assert leds.read("input6::capslock/brightness") == "1"


def test_a_pattern_that_fits_two_devices_names_both(leds: Leds) -> None:
    leds.plug("input5::capslock")
    leds.plug("input6::capslock")
    assert why_not(leds, "input*::capslock") == (
        "status: input*::capslock fits input5::capslock and input6::capslock"
    )


@pytest.mark.parametrize("file", ["brightness", "trigger"])
def test_a_missing_permission_names_the_group_that_has_it(
    leds: Leds, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    leds.refused[f"box:red/{file}"] = errno.EACCES
    monkeypatch.setattr(Path, "group", lambda path: f"the-{path.name}-people")
    assert why_not(leds, "box:red") == (
        "status: LED box:red cannot be used: no permission, "
        f"this user must be in the group the-{file}-people"
    )


@pytest.mark.parametrize("group", ["root", None])
def test_a_device_that_nobody_may_use_asks_for_the_udev_rule(
    leds: Leds, monkeypatch: pytest.MonkeyPatch, group: str | None
) -> None:
    def owner(path: Path) -> str:
        if group is None:
            raise KeyError("a number without a name")
        return group

    monkeypatch.setattr(Path, "group", owner)
    leds.refused["box:red/brightness"] = errno.EACCES
    assert why_not(leds, "box:red") == (
        "status: LED box:red cannot be used: no permission, the group gpio must own its files "
        "(the udev rule of make install does that) and this user be in that group"
    )


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EROFS, "is forbidden, the service needs ReadWritePaths=/sys/devices"),
        (errno.ENOENT, "is gone"),
        (errno.EBUSY, "cannot be used: Device or resource busy"),
    ],
)
def test_a_device_that_cannot_be_taken_says_why(leds: Leds, number: int, why: str) -> None:
    leds.refused["box:red/brightness"] = number
    assert why_not(leds, "box:red") == f"status: LED box:red {why}"


def test_one_device_that_fails_releases_those_taken_before(leds: Leds) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    for file in ("brightness", "trigger"):
        leds.refused = {f"box:blue/{file}": errno.EBUSY}
        why_not(leds, *DEVICES)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert leds.levels[:2] == ["0", "0"]
    leds.refused = {}
    opened(leds, DEVICES).show(BLUE)
    assert leds.levels == ["0", "0", "1"]


# -- unplugging -------------------------------------------------------------------------------


def test_an_unplugged_device_says_so_and_works_again_when_it_is_back(leds: Leds) -> None:
    lamp = opened(leds, DEVICES)
    leds.unplug("box:green")
    with pytest.raises(LampProblem, match=r"^status: LED box:green is gone$"):
        lamp.show(WHITE)
    lamp.close()
    assert leds.read("box:red/brightness") == leds.read("box:blue/brightness") == "0"
    with pytest.raises(LampProblem, match=r"^status: there is no LED box:green, only "):
        lamp.open()
    leds.plug("box:green")
    lamp.open()
    lamp.show(GREEN)
    assert leds.levels == ["0", "1", "0"]


def test_a_device_that_went_and_came_back_in_between_is_taken_anew(leds: Leds) -> None:
    lamp = opened(leds, ["box:red"])
    leds.unplug("box:red")
    leds.plug("box:red", trigger="disk-activity")
    with pytest.raises(LampProblem, match="is gone"):
        lamp.show(RED)
    lamp.close()
    lamp.open()
    assert leds.read("box:red/trigger") == "none"


# -- stopping ---------------------------------------------------------------------------------


def test_closing_switches_off_and_gives_all_devices_back(leds: Leds) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    lamp = opened(leds, DEVICES)
    lamp.show(WHITE)
    lamp.close()
    lamp.close()
    assert leds.levels == ["0", "0", "0"]
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_the_set_look_stays_when_it_is_steady(leds: Leds) -> None:
    lamp = opened(leds, DEVICES, stopped=Stopped(YELLOW))
    lamp.show(BLUE)
    lamp.close()
    assert leds.levels == ["1", "1", "0"]
    assert [leds.read(f"{device}/trigger") for device in DEVICES] == ["none"] * 3


def test_the_kernel_goes_on_blinking_the_set_look(leds: Leds) -> None:
    opened(leds, ["box:green", "box:red"], [GREEN, RED], Stopped(RED, 100, 900)).close()
    # The timer blinks with the brightness that it finds, and brings the files of its times.
    assert leds.writes == [
        "box:green/brightness=0",
        "box:green/brightness=0",
        "box:red/brightness=0",
        "box:red/brightness=1",
        "box:red/trigger=timer",
        "box:red/delay_on=100",
        "box:red/delay_off=900",
    ]


def test_a_set_look_that_several_devices_mix_is_steady(leds: Leds) -> None:
    opened(leds, DEVICES, stopped=Stopped(YELLOW, 100, 900)).close()
    assert leds.levels == ["1", "1", "0"]
    assert [leds.read(f"{device}/trigger") for device in DEVICES] == ["none"] * 3


def test_a_kernel_without_the_timer_trigger_shows_the_set_look_steadily(leds: Leds) -> None:
    leds.has_timer = False
    opened(leds, ["box:red"], stopped=Stopped(RED, 100, 900)).close()
    assert leds.levels[0] == "1"
    assert leds.writes[-1] == "box:red/trigger=timer"  # which was refused


def test_without_permission_for_its_times_the_kernel_blinks_in_its_own_rhythm(leds: Leds) -> None:
    leds.refused["box:red/delay_on"] = errno.EACCES
    opened(leds, ["box:red"], stopped=Stopped(RED, 100, 900)).close()
    assert leds.read("box:red/trigger") == "timer"
    assert leds.read("box:red/delay_on") == leds.read("box:red/delay_off") == "500"


def test_one_unplugged_device_does_not_keep_the_others_from_the_set_look(leds: Leds) -> None:
    lamp = opened(leds, DEVICES, stopped=Stopped(WHITE))
    leds.unplug("box:red")
    lamp.close()
    assert leds.read("box:green/brightness") == leds.read("box:blue/brightness") == "1"


def test_opening_ends_the_look_of_the_stop_before(leds: Leds) -> None:
    lamp = opened(leds, ["box:red"], stopped=Stopped(RED, 100, 900))
    lamp.close()
    assert leds.read("box:red/trigger") == "timer"
    lamp.open()
    assert leds.read("box:red/trigger") == "none"
    assert leds.levels[0] == "0"

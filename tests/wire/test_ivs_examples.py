"""Every example of the documentation of the `ivs` module, retyped, against both generations.

Only the name of the server is another one, and where an example leaves a name open it is bound
before. `ivs.factorydefault` is read as a call.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivsd import ivs
from ivsd.valt.simulator import Simulator, World, WorldSpec, sample
from ivsd.valt.simulator.spec import GroupSpec, ScheduleSpec, UserSpec

ROOT = Path(__file__).parents[2]
Simulate = Callable[..., Simulator]


def site() -> WorldSpec:
    """The sample, and what the examples take for granted: users, groups, a schedule of room 4."""
    spec = sample()
    spec.groups = [GroupSpec(2, "Staff"), GroupSpec(6, "Administrators")]
    spec.users += [UserSpec(4, "jdoe"), UserSpec(15, "dave"), UserSpec(17, "erin")]
    spec.schedules.append(ScheduleSpec(3, "Tuesday interview", room=4, author=12))
    return spec


class Clock:
    """Time that passes only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["5.9.0", "6.5.2"])
def server(simulate: Simulate, clock: Clock, request: pytest.FixtureRequest) -> Simulator:
    ids = "text" if request.param == "5.9.0" else "integer"
    return simulate(request.param, f"group_template_ids={ids}", spec=site(), clock=clock)


@pytest.fixture
def world(server: Simulator) -> World:
    return server.world


@pytest.fixture
def valt(server: Simulator) -> Iterator[ivs.valt]:
    with ivs.valt(address(server), "admin", "admin", logpath=False) as valt:
        yield valt


def address(server: Simulator) -> str:
    return f"{server.host}:{server.port}"


def test_the_class_logs_in_when_it_is_made(server: Simulator) -> None:
    valttest = ivs.valt(address(server), "admin", "admin", logpath=False)
    assert (valttest.username, valttest.password) == ("admin", "admin")
    assert valttest.baseurl == f"http://{address(server)}/api/v3/"
    assert valttest.success_reauth_time == 28800
    assert valttest.failure_reauth_time == 30
    assert re.fullmatch("[0-9a-f]{32}", str(valttest.accesstoken))
    assert time.time() - 10 < valttest.lastauthtime <= time.time() + 1
    assert valttest.errormsg == ""
    assert [entry.path for entry in server.requests] == ["/api/v3/login"]
    valttest.close()


def test_auth(server: Simulator, valt: ivs.valt) -> None:
    before = valt.accesstoken
    assert valt.auth() is None
    assert isinstance(valt.accesstoken, str)
    assert valt.accesstoken != before
    assert [entry.path for entry in server.requests] == ["/api/v3/login"] * 2


def test_isrecording(valt: ivs.valt, world: World) -> None:
    passed = []
    if valt.isrecording(4):
        passed.append("before")
    world.start(4, "Interview")
    if valt.isrecording(4):
        passed.append("during")
    assert passed == ["during"]


def test_getrecordingid(valt: ivs.valt, world: World) -> None:
    running = world.start(4, "Interview").id
    current_recording = valt.getrecording(4)
    assert current_recording == running == valt.getrecordingid(4)


def test_startrecording(valt: ivs.valt, world: World) -> None:
    started = valt.startrecording(4, "My Recording", author=12)
    (recording,) = world.recordings
    assert started == recording.id
    assert (recording.room, recording.name, recording.author) == (4, "My Recording", 12)


def test_stoprecording(valt: ivs.valt, world: World) -> None:
    running = world.start(4, "Interview").id
    assert valt.stoprecording(4) == running
    assert world.active(4) is None


def test_pauserecording(valt: ivs.valt, world: World) -> None:
    running = world.start(4, "Interview").id
    assert valt.pauserecording(4) == running
    assert world.view(4).status == "paused"


def test_resumerecording(valt: ivs.valt, world: World) -> None:
    running = world.start(4, "Interview").id
    world.pause(4)
    assert valt.resumerecording(4) == running
    assert world.view(4).status == "recording"


def test_addmarker(valt: ivs.valt, world: World, clock: Clock) -> None:
    recording = world.start(4, "Interview").id
    clock.now += 200
    assert valt.addmarker(4, "My Marker", "green", 137) == 1
    (marker,) = world.recording(recording).markers
    assert (marker.name, marker.time_s) == ("My Marker", 137)
    if world.generation == 5:  # VALT 6 has no field for it
        assert marker.color == "green"


def test_getrecordingtime(valt: ivs.valt, world: World, clock: Clock) -> None:
    world.start(4, "Interview")
    clock.now += 37
    current_recording_time = valt.getrecordingtime(4)
    assert current_recording_time == 37


def test_ispaused(valt: ivs.valt, world: World) -> None:
    passed = []
    world.start(4, "Interview")
    if valt.ispaused(4):
        passed.append("before")
    world.pause(4)
    if valt.ispaused(4):
        passed.append("during")
    assert passed == ["during"]


def test_islocked(valt: ivs.valt, world: World) -> None:
    passed = []
    if valt.islocked(4):
        passed.append("before")
    world.lock(4)
    if valt.islocked(4):
        passed.append("during")
    assert passed == ["during"]


def test_getcameras(valt: ivs.valt) -> None:
    cameras = valt.getcameras(4)
    assert isinstance(cameras, list)
    assert [(camera["id"], camera["ip"]) for camera in cameras] == [
        (61, "192.0.2.61"),
        (62, "192.0.2.62"),
    ]
    # what the privacy switch of the AXIS module logs in with
    assert (cameras[0]["username"], cameras[0]["password"]) == ("viewer", "viewer")


def test_getrooms(valt: ivs.valt) -> None:
    rooms = valt.getrooms()
    assert isinstance(rooms, list)
    assert [(room["id"], room["name"]) for room in rooms] == [
        (4, "Interview Room 1"),
        (7, "Interview Room 2"),
        (9, "Teaching Lab"),
    ]


def test_getschedule(valt: ivs.valt, world: World) -> None:
    schedules = valt.getschedule(4)
    start = int(world.born) + 3600
    assert schedules == [[start, start + 3600, "Tuesday interview"]]


def test_getroomname(valt: ivs.valt) -> None:
    roomname = valt.getroomname(4)
    assert roomname == "Interview Room 1"


def test_getusername(valt: ivs.valt) -> None:
    username = valt.getusername(4)
    assert username == "jdoe"


def test_getroomstatus(valt: ivs.valt, world: World) -> None:
    world.start(4, "Interview")
    roomstatus = valt.getroomstatus(True, "valt.example.com", "3e2c3e461736ce73830ed8d6d9d5dae6", 4)
    assert roomstatus == 2 == valt.getroomstatus(4)


def test_creategroup(valt: ivs.valt, server: Simulator) -> None:
    https, auth, splitline = True, "3e2c3e461736ce73830ed8d6d9d5dae6", ["Trainees", "2026"]
    rightslist = ["general", "general--home"]
    created = valt.creategroup(
        https,
        "valt.example.com",
        auth,
        splitline[0],
        30,
        71,
        rights=rightslist,
        max_record_duration=180,
        video_access_users=[14, 15, 17],
        video_access_groups=[2, 6],
        retention_type="days",
        retention_for=365,
    )
    assert (type(created), valt.errormsg) == (int, "")
    assert server.world.groups.get(created) == GroupSpec(
        created,
        "Trainees",
        information=30,
        marker=71,
        rights=rightslist,
        max_record_duration=180,
        video_access_users=[14, 15, 17],
        video_access_groups=[2, 6],
        retention_type="days",
        retention_for=365,
    )


def test_log(tmp_path: Path) -> None:
    script = tmp_path / "unlock.py"
    script.write_text(
        textwrap.dedent(
            """
            from ivsd import ivs

            ivs.log("Room 127 Unlocked")
            """
        )
    )
    subprocess.run(
        [sys.executable, script],
        check=True,
        timeout=20,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    written = (tmp_path / "ivs.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Room 127 Unlocked\n", written)


def test_factorydefault() -> None:
    with pytest.raises(ivs.NotAnAppliance, match="nothing was changed") as refusal:
        ivs.factorydefault()
    assert isinstance(refusal.value, RuntimeError)

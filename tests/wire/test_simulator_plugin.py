"""The fixture `valt_server`, in test files as an integrator would write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trustme")

RIGHT = '''
"""Nothing is imported from ivsd but what builds a world: the fixture comes by itself."""
import json
import ssl
import urllib.request

import pytest
from ivsd.valt.simulator import Fault, RoomSpec, UserSpec, WorldSpec


def ask(valt, path, body=None, context=None):
    request = urllib.request.Request(f"{valt.url}/api/v3/{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=2, context=context) as reply:
        return json.load(reply)["data"]


def token(valt, user="admin", password="admin", context=None):
    login = {"username": user, "password": password}
    return "?access_token=" + ask(valt, "login", login, context)["access_token"]


def test_a_recording(valt_server):
    started = ask(valt_server, "rooms/4/record/start" + token(valt_server), {"name": "Mine"})
    assert started["start"] is True
    assert [r.name for r in valt_server.world.recordings] == ["Mine"]
    assert valt_server.requests[-1].status == 200


def test_every_test_has_a_server_of_its_own(valt_server):
    assert valt_server.world.recordings == []
    assert valt_server.world.version == "6.5.2"


def test_faults(valt_server):
    valt_server.faults.add(Fault("status", "login", status=502))
    with pytest.raises(urllib.error.HTTPError, match="502"):
        token(valt_server)


WORLD = WorldSpec([RoomSpec(1, "Cellar")], [UserSpec(2, "eve")])


@pytest.mark.valt_server(world=WORLD, username="eve", password="pw", delay_s=0.01)
@pytest.mark.valt_server(version="5.9.0", clock_offset_s=-60)
class TestMarked:
    def test_what_the_class_says(self, valt_server):
        rooms = ask(valt_server, "rooms/info" + token(valt_server, "eve", "pw"))["rooms"]
        assert rooms == [{"id": 1, "name": "Cellar"}]
        assert valt_server.world.version == "5.9.0"
        assert (valt_server.delay_s, valt_server.clock_offset_s) == (0.01, -60)

    @pytest.mark.valt_server(version="6.4.0", quirks={"pause_resets_time": "never"})
    def test_what_stands_nearest_wins(self, valt_server):
        assert valt_server.world.version == "6.4.0"
        assert valt_server.world.quirks.pause_resets_time == "never"
        assert list(valt_server.world.rooms) == [1]


@pytest.mark.valt_server(tls="good")
def test_tls(valt_server):
    context = ssl.create_default_context(cadata=valt_server.ca_pem)
    assert token(valt_server, context=context)
    valt_server.certificate("expired")
    with pytest.raises(urllib.error.URLError, match="expired"):
        token(valt_server, context=context)
'''
WRONG = """
import pytest

@pytest.mark.valt_server(versoin="5.9.0")
def test_1(valt_server): pass

@pytest.mark.valt_server("5.9.0")
def test_2(valt_server): pass

@pytest.mark.valt_server(version="five")
def test_3(valt_server): pass

@pytest.mark.valt_server(quirks={"pause_reset_time": "never"})
def test_4(valt_server): pass

@pytest.mark.valt_server(quirks=["pause_resets_time=never"])
def test_5(valt_server): pass

@pytest.mark.valt_server(world="world.yaml")
def test_6(valt_server): pass

@pytest.mark.valt_server(tls="exprired")
def test_7(valt_server): pass

@pytest.mark.valt_server(delay_s="1")
def test_8(valt_server): pass
"""
COMPLAINTS = [
    "has no argument 'versoin'; did you mean 'version'?",
    'takes arguments by name, such as version="5.9.0"',
    "a VALT version looks like 6.5.2, not 'five'",
    "unknown quirk 'pause_reset_time'; did you mean 'pause_resets_time'?",
    "quirks must be a dict of names and values, not ['pause_resets_time=never']",
    "world must be a WorldSpec, not 'world.yaml'",
    "a certificate is one of good, self_signed, expired, wrong_name, not_yet_valid, not 'exprired'",
    "delay_s must be a number of seconds, not '1'",
]


def run(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a file, far from our own settings and conftest."""
    file = folder / "test_door.py"
    file.write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-q"]
    return subprocess.run(
        [*command, *options, str(file)], cwd=folder, capture_output=True, text=True, timeout=30
    )


def test_an_integrators_tests_pass(tmp_path: Path) -> None:
    done = run(tmp_path, RIGHT)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
    assert "warning" not in done.stdout


def test_a_wrong_marker_says_what_would_be_right(tmp_path: Path) -> None:
    done = run(tmp_path, WRONG)
    assert f"{len(COMPLAINTS)} errors" in done.stdout
    for complaint in COMPLAINTS:
        assert f"mark valt_server: {complaint}" in done.stdout
    assert "Traceback" not in done.stdout


def test_fixture_and_marker_are_listed(tmp_path: Path) -> None:
    done = run(tmp_path, RIGHT, "--markers", "--fixtures")
    assert "@pytest.mark.valt_server(version=..., quirks=..., world=..., tls=..." in done.stdout


def test_a_run_that_does_not_ask_for_the_fixture_pays_next_to_nothing() -> None:
    program = (
        "import sys, pytest; import ivsd.valt.simulator.plugin;"
        "print(*sorted(name for name in sys.modules if name.startswith('ivsd')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20
    )
    parts = ["ivsd", "ivsd.valt", "ivsd.valt.simulator", "ivsd.valt.simulator.plugin"]
    assert done.stdout.split() == parts


@pytest.mark.valt_server(version="5.9.0")
def test_the_fixture_is_there_in_our_own_tests_too(valt_server) -> None:  # type: ignore[no-untyped-def]
    assert valt_server.network == "here"
    assert valt_server.world.generation == 5

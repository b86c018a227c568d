"""The pytest fixture `valt_server`: a simulated VALT server for one test.

It is there wherever ivsd is installed, with nothing to import::

    import pytest
    from my_product import Door


    def test_the_door_starts_a_recording(valt_server):
        Door(valt_server.url, "admin", "admin").press()
        assert [r.name for r in valt_server.world.recordings] == ["Interview"]


    @pytest.mark.valt_server(version="5.9.0", quirks={"pause_resets_time": "never"})
    def test_the_door_says_that_the_server_is_away(valt_server):
        valt_server.away()
        ...

The fixture is a started `Simulator` of the sample world (three rooms, four users) on loopback.
What it can do is in its docstring and in those of `World` and `Fault`. The marker changes it, on a
test, a class or a module; what stands nearest to the test wins:

================== ============================================================================
argument           meaning
================== ============================================================================
version            VALT release, such as "5.9.0"; default "6.5.2"
quirks             quirks by name, see `quirks.py`
world              a `WorldSpec` with rooms and users of your own
tls                kind of certificate, such as "good" or "expired"; needs ivsd[simulator]
username, password the account that may log in; default "admin" for both
delay_s            seconds to wait before each reply
clock_offset_s     seconds by which the server's clock is fast
================== ============================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from numbers import Real
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from .server import Simulator

_TYPES: dict[str, tuple[type, str]] = {
    "version": (str, "a text"),
    "quirks": (dict, "a dict of names and values"),
    "world": (object, "a WorldSpec"),
    "tls": (str, "a text"),
    "username": (str, "a text"),
    "password": (str, "a text"),
    "delay_s": (Real, "a number of seconds"),
    "clock_offset_s": (Real, "a number of seconds"),
}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known to `--strict-markers`."""
    names = ", ".join(f"{name}=..." for name in _TYPES)
    config.addinivalue_line(
        "markers", f"valt_server({names}): what the fixture valt_server is to be"
    )


@pytest.fixture
def valt_server(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Run a simulated VALT server; `@pytest.mark.valt_server(version="5.9.0")` changes it."""
    wanted: dict[str, Any] = {}
    for mark in request.node.iter_markers("valt_server"):  # the nearest first
        _check(mark)
        wanted = {**mark.kwargs, **wanted}
    try:
        simulator = _made(wanted)
    except (ValueError, ImportError) as error:
        _refuse(str(error))
    with simulator:
        yield simulator


def _check(mark: pytest.Mark) -> None:
    if mark.args:
        _refuse('takes arguments by name, such as version="5.9.0"')
    for name, value in mark.kwargs.items():
        if name not in _TYPES:
            near = get_close_matches(name, _TYPES, n=1, cutoff=0.0)[0]
            _refuse(f"has no argument {name!r}; did you mean {near!r}?")
        wanted, words = _TYPES[name]
        if not isinstance(value, wanted):
            _refuse(f"{name} must be {words}, not {value!r}")


def _refuse(reason: str) -> NoReturn:
    pytest.fail(f"mark valt_server: {reason}", pytrace=False)


def _made(wanted: dict[str, Any]) -> Simulator:
    from . import Quirks, Simulator, World, WorldSpec

    spec, quirks = wanted.pop("world", None), Quirks()
    if spec is not None and not isinstance(spec, WorldSpec):
        raise ValueError(f"world must be a WorldSpec, not {spec!r}")
    quirks.change(wanted.pop("quirks", {}))
    world = World(spec, version=wanted.pop("version", "6.5.2"), quirks=quirks)
    return Simulator(world, **wanted)

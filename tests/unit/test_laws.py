"""The laws of the house that can be read off the source: who may import whom, and whose clock.

Every import statement of every module counts, also one inside a function or under
`TYPE_CHECKING`: a layer that is only known to the type checker is known all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import ivsd

PACKAGE = Path(ivsd.__file__).parent

# What a layer may know of ivsd beside itself. `ivsd` alone is for its `__version__`.
VOCABULARY = ("ivsd.events", "ivsd.valt.model", "ivsd.valt.errors", "ivsd.valt.address")
ALLOWED = {
    "ivsd.inputs": (
        *VOCABULARY,
        "ivsd.keymaps",
        "ivsd.gpio_factory",
        "ivsd.gpio_lines",
        "ivsd.__version__",
    ),
    "ivsd.outputs": (*VOCABULARY, "ivsd.gpio_factory", "ivsd.gpio_lines", "ivsd.__version__"),
    "ivsd.valt": (*VOCABULARY, "ivsd.__version__"),
    "ivsd.valt.simulator": (),
    "ivsd.controller": VOCABULARY,
    "ivsd.events": ("ivsd.valt.model", "ivsd.valt.errors"),
    "ivsd.gpio_factory": ("ivsd.gpio_lines",),
    "ivsd.gpio_lines": (),
    "ivsd.ivs": (*VOCABULARY, "ivsd.valt", "ivsd.appliance"),
    "ivsd.web": (
        "ivsd.__version__",
        "ivsd.appliance.control_client",
        "ivsd.appliance.durable",
        "ivsd.appliance.status",
        "ivsd.appliance.status_words",
        "ivsd.config",
        "ivsd.outputs.lamp",
        "ivsd.outputs.patterns",
    ),
}
IMPURE = {
    *("time", "datetime", "random", "secrets", "uuid"),
    *("threading", "queue", "asyncio", "concurrent", "multiprocessing"),
    *("os", "sys", "io", "pathlib", "socket", "select", "selectors", "subprocess", "logging"),
}
OWNERS = {  # a library that only one part may know
    "yaml": ("ivsd.config",),
    "flask": ("ivsd.web",),
    "waitress": ("ivsd.web",),
    "gpiod": ("ivsd.gpio_factory", "ivsd.gpio_lines"),
    "evdev": ("ivsd.inputs.evdev", "ivsd.inputs.event_devices"),
    "pyudev": ("ivsd.inputs.hotplug",),
}
ASSEMBLERS = ("ivsd.daemon", "ivsd.parts", "ivsd.hardware", "ivsd.cli", "ivsd.devices", "ivsd.demo")
MONOTONIC_ONLY = ("ivsd.controller", "ivsd.valt", "ivsd.inputs")
WALL_CLOCKS = {
    *("time.time", "time.time_ns", "datetime.datetime.now", "datetime.datetime.utcnow"),
    *("datetime.datetime.today", "datetime.date.today"),
}


@dataclass(frozen=True)
class Module:
    name: str
    is_package: bool
    tree: ast.Module

    def is_in(self, *parts: str) -> bool:
        return any(within(self.name, part) for part in parts)

    def imports(self) -> Iterator[str]:
        """Every name that is imported, as far as the statement tells: `a.b` or `a.b.name`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                yield from (f"{base}.{alias.name}" for alias in node.names)

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        up = node.level - 1 if self.is_package else node.level
        parts = self.name.split(".")
        return ".".join(parts[: len(parts) - up] + ([node.module] if node.module else []))

    def names_used(self) -> Iterator[str]:
        """Every dotted name in the code, with what it was imported as put back."""
        known: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    known[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                known |= {
                    alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names
                }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name | ast.Attribute):
                first, dot, rest = ast.unparse(node).partition(".")
                yield known.get(first, first) + dot + rest


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def parsed(name: str, source: str, is_package: bool = False) -> Module:
    return Module(name, is_package, ast.parse(source))


def all_modules() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("ivsd", *path.relative_to(PACKAGE).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(parsed(name, path.read_text(encoding="utf-8"), is_package))
    return found


def violations(module: Module) -> list[str]:
    """What in this module breaks a law, in words."""
    return [*_wrong_imports(module), *_wrong_clocks(module)]


def _wrong_imports(module: Module) -> Iterator[str]:
    layer = max((part for part in ALLOWED if module.is_in(part)), key=len, default=None)
    outside = set()
    for name in module.imports():
        top = name.split(".")[0]
        owners = OWNERS.get(top, ())
        if owners and not module.is_in(*owners):
            yield f"{module.name} imports {name}: only {', '.join(owners)} may"
        if module.is_in("ivsd.controller") and top in IMPURE:
            yield f"{module.name} imports {name}: the controller is pure"
        if top != "ivsd":
            continue
        if layer is not None and not any(within(name, ok) for ok in (layer, *ALLOWED[layer])):
            yield f"{module.name} imports {name}: {layer} does not know it"
        outside |= {
            part
            for part in ("ivsd.inputs", "ivsd.outputs", "ivsd.valt")
            if within(name, part) and not any(within(name, ok) for ok in VOCABULARY)
        }
    if len(outside) > 1 and not module.is_in(*ASSEMBLERS):
        yield f"{module.name} puts {', '.join(sorted(outside))} together"


def _wrong_clocks(module: Module) -> Iterator[str]:
    if module.is_in(*MONOTONIC_ONLY) and not module.is_in("ivsd.valt.simulator"):
        for name in module.names_used():
            if name in WALL_CLOCKS:
                yield f"{module.name} uses {name}: monotonic time inside"


MODULES = {module.name: module for module in all_modules()}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_keeps_the_laws(name: str) -> None:
    assert violations(MODULES[name]) == []


def test_the_walk_found_the_whole_house() -> None:
    rooms = (
        "inputs.evdev",
        "outputs.player",
        "valt.link",
        "valt.simulator.world",
        "controller.core",
    )
    assert {f"ivsd.{room}" for room in rooms} <= set(MODULES)
    assert "ivsd.outputs.lamp.Colour" in set(MODULES["ivsd.config.schema"].imports())


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ivsd.inputs.bad", "import ivsd.outputs.player"),
        ("ivsd.inputs.bad", "from ivsd.valt.client import Client"),
        ("ivsd.inputs.bad", "def f():\n    from ivsd import outputs"),
        ("ivsd.inputs.bad", "from .. import outputs"),
        ("ivsd.outputs.bad", "from ivsd.inputs.frames import Frame"),
        ("ivsd.outputs.bad", "from ivsd.valt import link"),
        ("ivsd.outputs.bad", "from ivsd.config.schema import Lights"),
        ("ivsd.valt.bad", "from ivsd.outputs.lamp import Colour"),
        ("ivsd.valt.bad", "from ..inputs import frames"),
        ("ivsd.valt.simulator.bad", "from ivsd.valt.model import Secret"),
        ("ivsd.valt.simulator.bad", "from ..model import Secret"),
        ("ivsd.valt.simulator.bad", "from ivsd import __version__"),
        ("ivsd.ivs.bad", "from ivsd.controller import Controller"),
        ("ivsd.ivs.bad", "from ivsd.config import load"),
        ("ivsd.web.bad", "from ivsd.daemon import Daemon"),
        ("ivsd.web.bad", "from ivsd.appliance.control import Control"),
        ("ivsd.web.bad", "from ivsd.events import Outcome"),
        ("ivsd.daemon", "import flask"),
        ("ivsd.controller.bad", "import time"),
        ("ivsd.controller.bad", "from threading import Lock"),
        ("ivsd.controller.bad", "import os.path"),
        ("ivsd.controller.bad", "from ivsd.valt.client import Client"),
        ("ivsd.controller.bad", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
         "    from ivsd.daemon import Daemon"),
        ("ivsd.events", "from ivsd.controller import Controller"),
        ("ivsd.daemon", "import yaml"),
        ("ivsd.inputs.gpio", "import gpiod"),
        ("ivsd.config.bad", "import ivsd.inputs.frames\nimport ivsd.outputs.lamp"),
        ("ivsd.appliance.bad", "from ivsd.valt.link import Link\nfrom ivsd.outputs import player"),
        ("ivsd.valt.bad", "import time\nnow = time.time()"),
        ("ivsd.valt.bad", "import time as t\nnow = t.time()"),
        ("ivsd.inputs.bad", "from time import time\nnow = time()"),
        ("ivsd.controller.bad", "def f(clock=None):\n    import time\n    return time.time"),
        ("ivsd.valt.bad", "from datetime import datetime\nnow = datetime.now()"),
        ("ivsd.valt.bad", "import datetime\nnow = datetime.datetime.now()"),
    ],
)  # fmt: skip
def test_a_module_that_breaks_a_law_is_found(name: str, source: str) -> None:
    assert violations(parsed(name, source))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ivsd.outputs.good", "from ivsd.valt.errors import LinkFault\nfrom . import lamp"),
        ("ivsd.inputs.good", "import time\nfrom ivsd.gpio_factory import Line\nt = time.monotonic"),
        ("ivsd.valt.good", "from ivsd import __version__\nfrom .simulator import World"),
        ("ivsd.valt.simulator.good", "import time\nfrom . import state\nnow = time.time()"),
        ("ivsd.controller.good", "from ivsd.events import Ask\nfrom ivsd.valt.model import User"),
        ("ivsd.daemon", "from ivsd.inputs import reader\nfrom ivsd.outputs import player"),
        ("ivsd.ivs.good", "from ivsd.valt.session import Session\nimport time\nt = time.time()"),
        ("ivsd.config.good", "import yaml\nfrom ivsd.outputs.lamp import Colour"),
    ],
)  # fmt: skip
def test_a_module_that_keeps_the_laws_is_let_through(name: str, source: str) -> None:
    assert violations(parsed(name, source)) == []

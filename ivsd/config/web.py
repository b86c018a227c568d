"""web.yaml: where the device's own pages are served, and under which names."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from ivsd.config.checker import key, read


def _address(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"{text!r} is no IP address: use 127.0.0.1, 0.0.0.0 (all), or one of this box"
    return None


def _names(names: list[str]) -> str | None:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name):
            return f"{name!r} is no host name: write it as people type it, without http:// and port"
    return None


@dataclass(frozen=True)
class WebConfig:
    """The keys of web.yaml; `config/web.yaml` is the commented example."""

    address: str = key("IP address to serve at", "127.0.0.1", check=_address)
    port: int = key("TCP port", 8080, at_least=1, at_most=65535)
    names: list[str] = key(  # noqa: RUF009  # a field with more to say, as in `schema`
        "host names of this box, beside its own", factory=list, check=_names
    )


def load_web(path: Path) -> WebConfig:
    """Read and check the file; no file is an empty one. Raises ConfigError with every problem."""
    try:
        if not path.exists():
            return WebConfig()
    except OSError:
        pass  # it may not be looked for: reading it says why
    checked = read(path, WebConfig, may_be_empty=True)
    checked.raise_if_wrong()
    assert checked.value is not None
    return checked.value

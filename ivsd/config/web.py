"""web.yaml: where the device's own pages are served, under which names, and whether by TLS."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

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


def _tls(tls: Tls) -> str | None:
    files = [file for file in (tls.certificate_file, tls.key_file) if file is not None]
    if tls.kind != "files" and files:
        return f"is either {tls.kind!r} or the two files: take one of them out"
    if tls.kind == "files" and len(files) < 2:
        return "needs both files: {certificate_file: FILE, key_file: FILE}"
    for file in files:
        if not file.is_absolute():
            return f"'{file}' is no full path: write it from / on, as in /etc/ivsd/tls/web.pem"
    return None


@dataclass(frozen=True)
class Tls:
    """`tls: off`, `tls: self-made`, or the two files of a certificate that the site has.

    Whether the files can be used is looked at by who may read them: `ivsd.web.tls`.
    """

    SHORTHAND: ClassVar[str] = "kind"
    kind: Literal["off", "self-made", "files"] = key("off or self-made, else files", "files")
    certificate_file: Path | None = key(  # noqa: RUF009  # as below
        "PEM file with the certificate, and those between it and its authority", None
    )
    key_file: Path | None = key("PEM file with its private key", None)  # noqa: RUF009


@dataclass(frozen=True)
class WebConfig:
    """The keys of web.yaml; `config/web.yaml` is the commented example."""

    address: str = key("IP address to serve at", "127.0.0.1", check=_address)
    port: int = key("TCP port", 8080, at_least=1, at_most=65535)
    names: list[str] = key(  # noqa: RUF009  # a field with more to say, as in `schema`
        "host names of this box, beside its own", factory=list, check=_names
    )
    tls: Tls = key(  # noqa: RUF009
        "off, self-made, or the files of a certificate", factory=lambda: Tls("off"), check=_tls
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

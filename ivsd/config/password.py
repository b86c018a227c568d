"""Where the VALT password is: never where the pages of the box could read it (decision 5)."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from ivsd.config.problems import ConfigError, Problem
from ivsd.config.schema import Config
from ivsd.valt.model import Secret

CREDENTIAL = "valt-password"
"""Name of the systemd credential, and of the file in the daemon's own folder."""


def password(
    config: Config, path: Path, state: Path | None = None, credentials: Path | None = None
) -> Secret:
    """Find the VALT password; raises ConfigError naming the file that cannot be read.

    A systemd credential wins, then come the password file that ivsd.yaml names, the key
    `password` in it, and what was moved from there to the folder `state` at an earlier start.
    `credentials` is where the service has its own, when this process is not the service.
    """
    folder = credentials or os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / CREDENTIAL).is_file():
        return _secret_in(Path(folder) / CREDENTIAL)
    if config.valt.password_file is not None:
        return _secret_in(path.parent / config.valt.password_file)
    if config.valt.password is not None:
        return config.valt.password
    # Not Path.is_file, which raises where this user may not look.
    if state is not None and os.path.isfile(state / CREDENTIAL):
        return _secret_in(state / CREDENTIAL)
    text = "is missing: give a password_file, a password or a systemd credential"
    raise ConfigError([Problem(str(path), 0, "valt.password_file", text)])


def without_password(text: str) -> str:
    """Blank the value of `valt.password` in a file that is right; all else stays as it is.

    Where that cannot be, as with an anchor that others refer to, the text is returned unchanged.
    """
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in ("valt", "password"):
        assert isinstance(node, yaml.MappingNode)
        node = next((value for key, value in node.value if key.value == name), None)
        if node is None:
            return text
    assert node is not None  # a file that is right is no empty one
    start, end = node.start_mark.index, node.end_mark.index
    blank = "\n" if text[start:end].endswith("\n") else ""  # a block over several lines
    blanked = text[:start].rstrip(" ") + blank + text[end:]
    return blanked if _says_the_same(blanked, text) else text


def _says_the_same(blanked: str, text: str) -> bool:
    try:
        after = yaml.safe_load(blanked)
    except yaml.YAMLError:
        return False
    before = yaml.safe_load(text)
    before["valt"]["password"] = None
    return bool(after == before)


def _secret_in(path: Path) -> Secret:
    try:
        text = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "is no UTF-8 text"
        raise ConfigError([Problem(str(path), 0, "", f"password file: {why}")]) from None
    if not text:
        raise ConfigError([Problem(str(path), 0, "", "password file: is empty")])
    return Secret(text)

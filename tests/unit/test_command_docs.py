"""The man page and the completion of the shells: made from the parser, and used as they are."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from ivsd.cli.exit_codes import MEANINGS

ROOT = Path(__file__).parents[2]
SHARE = ROOT / "ivsd" / "share"
FILES = ("ivsd.8", "ivsd.bash", "_ivsd", "ivsd.fish")
WITHIN_S = 30.0


def writer() -> ModuleType:
    for name in ("shtab", "argparse_manpage"):
        pytest.importorskip(name, reason=f"{name} is not installed: `make venv-all` does it")
    spec = importlib.util.spec_from_file_location("writer", ROOT / ".ci" / "command_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_delivered_is_what_the_parser_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # and put back, whatever the writer makes of it
    delivered = {name: (SHARE / name).read_text(encoding="utf-8") for name in FILES}
    assert writer().documents() == delivered, "run `make docs`"


# -- the man page ---------------------------------------------------------------------------------


def shown() -> str:
    if shutil.which("man") is None:
        pytest.skip("man is not here")
    done = subprocess.run(
        ["man", "--warnings", "-l", str(SHARE / "ivsd.8")],
        env=os.environ | {"MANWIDTH": "100", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=WITHIN_S,
    )  # fmt: skip
    if "minimized" in done.stdout:
        pytest.skip("man shows no pages on this machine")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_page_shows_every_command_with_its_example_and_exit_codes() -> None:
    page = " ".join(shown().split())
    for words in (
        "ivsd - the daemon on keypads and badge readers of a VALT room",
        "usage: ivsd press [-h] [--json] [--socket PATH] CONTROL",
        "Example: sudo ivsd press record Exit codes: 0 it was done 1 it failed or was ignored",
        "EXIT STATUS",
        "/etc/ivsd/ivsd.yaml",
    ):
        assert words in page
    for code, meaning in MEANINGS.items():
        assert f"{int(code)} {meaning}" in page


# -- completion -----------------------------------------------------------------------------------


def completed(*words: str) -> set[str]:
    """Return what bash offers for the last of these words."""
    script = """
        . "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        spec=$(complete -p ivsd); set -- ${spec#*-F }
        "$1" 2>/dev/null; printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", str(SHARE / "ivsd.bash"), "ivsd", *words],
        cwd=ROOT / "config", capture_output=True, text=True, timeout=WITHIN_S, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["de"], {"devices", "demo"}),
        (["test"], {"test-connection"}),
        (["status", "--"], {"--help", "--json", "--watch", "--socket"}),
        (["factory-default", "--y"], {"--yes"}),
        (["check", "iv"], {"ivsd.yaml"}),
        (["run", "--config", "car"], {"cards.yaml"}),
        (["simulate", "--tls", "e"], {"expired"}),
    ],
)
def test_bash_completes(words: list[str], offered: set[str]) -> None:
    assert completed(*words) == offered


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not here")
def test_zsh_can_read_its_completion() -> None:
    subprocess.run(["zsh", "-n", str(SHARE / "_ivsd")], timeout=WITHIN_S, check=True)
    assert (SHARE / "_ivsd").read_text(encoding="utf-8").startswith("#compdef ivsd\n")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not here")
def test_fish_completes() -> None:
    script = f"source {SHARE / 'ivsd.fish'}; complete -C 'ivsd simulate --tls e'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        capture_output=True, text=True, timeout=WITHIN_S, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("expired\t")

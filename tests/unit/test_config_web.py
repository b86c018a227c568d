"""web.yaml: what may stand in it, and what is said of the rest."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from ivsd.config import ConfigError
from ivsd.config.web import Tls, WebConfig, load_web

EXAMPLE = Path(__file__).parents[2] / "config" / "web.yaml"


def load(tmp_path: Path, text: str) -> WebConfig:
    path = tmp_path / "web.yaml"
    path.write_text(text, encoding="utf-8")
    return load_web(path)


def test_the_example_holds_every_key_with_its_default() -> None:
    assert load_web(EXAMPLE) == WebConfig("0.0.0.0", 8080)
    text = EXAMPLE.read_text(encoding="utf-8")
    for item in fields(WebConfig):
        assert f"\n{item.name}: " in text


def test_no_file_and_an_empty_one_mean_the_defaults(tmp_path: Path) -> None:
    assert load_web(tmp_path / "web.yaml") == WebConfig()
    assert load(tmp_path, "# nothing\n") == WebConfig()


def test_by_default_nobody_else_can_read_it() -> None:
    assert WebConfig().address == "127.0.0.1"


def test_all_keys_are_taken(tmp_path: Path) -> None:
    text = "address: '::'\nport: 443\nnames: [keypad-4.example.com, box]\n"
    assert load(tmp_path, text) == WebConfig("::", 443, ["keypad-4.example.com", "box"])


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("tls: off", Tls("off")),
        ("tls: 'off'", Tls("off")),
        ("tls: self-made", Tls("self-made")),
        ("tls: {kind: self-made}", Tls("self-made")),
        (
            "tls:\n  certificate_file: /etc/ivsd/tls/web.pem\n  key_file: /etc/ivsd/tls/web.key\n",
            Tls("files", Path("/etc/ivsd/tls/web.pem"), Path("/etc/ivsd/tls/web.key")),
        ),
    ],
)
def test_tls_is_a_word_or_two_files(tmp_path: Path, text: str, taken: Tls) -> None:
    assert load(tmp_path, text).tls == taken


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("address: localhost", "web.yaml:1: address: 'localhost' is no IP address"),
        ("address: 127.0.0.1:80", "is no IP address"),
        ("port: 0", "web.yaml:1: port: 0 is out of range: use 1 to 65535"),
        ("port: 65536", "out of range"),
        ("port: '80'", "must be a whole number"),
        ("names: box", "must be a list"),
        ("names: ['http://box']", "is no host name"),
        ("names: ['box:80']", "is no host name"),
        ("names: ['']", "is no host name"),
        ("adress: 0.0.0.0", "did you mean 'address'?"),
        ("tls: true", "web.yaml:1: tls: 'true' is not known; valid here: off, self-made, files"),
        ("tls: selfmade", "did you mean 'self-made'?"),
        ("tls: files", "tls: needs both files: {certificate_file: FILE, key_file: FILE}"),
        ("tls: {}", "tls: needs both files"),
        ("tls: {certificate_file: /a}", "tls: needs both files"),
        ("tls: {kind: off, key_file: /a}", "tls: is either 'off' or the two files"),
        ("tls: {certificate: /a, key_file: /b}", "did you mean 'certificate_file'?"),
        (
            "tls: {certificate_file: web.pem, key_file: /b}",
            "tls: 'web.pem' is no full path: write it from / on",
        ),
        ("tls: [self-made]", "tls: must be a mapping"),
        ("- a", "must be a mapping"),
        ("port: {", "is no valid YAML"),
    ],
)
def test_what_is_wrong_is_explained(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "address: x\nport: 0\nnames: [' ']\n")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]

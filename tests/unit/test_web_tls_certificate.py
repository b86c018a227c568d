"""Which certificate the pages show: a self-made one that is kept, or the files of a site."""

from __future__ import annotations

import datetime
import hashlib
import logging
import re
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from ivsd.appliance import durable
from ivsd.config import ConfigError
from ivsd.config.web import Tls, WebConfig
from ivsd.web import tls
from ivsd.web.tls.self_made import entries_of, keep, make

TODAY = datetime.date(2026, 11, 23)
NAMES = ("box", "box.local")
WEB = Path("/etc/ivsd/web.yaml")


@pytest.fixture(scope="module")
def pem() -> str:
    return make(entries_of(NAMES, "0.0.0.0"), TODAY)


def text_of(path: Path) -> str:
    """What openssl says of it."""
    command = ["openssl", "x509", "-in", str(path), "-noout", "-text"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def shown(path: Path, today: datetime.date = TODAY, config: WebConfig | None = None) -> str:
    config = config or WebConfig(tls=Tls("self-made"))
    found = tls.identity(WEB, config, NAMES, path, today)
    assert found is not None
    return found.fingerprint


# -- self-made ------------------------------------------------------------------------------------


def test_it_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = shown(tmp_path)
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", first)
    assert shown(tmp_path) == first
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [
        ("tls.pem", 0o600)
    ]


def test_without_tls_nothing_is_made(tmp_path: Path) -> None:
    assert tls.identity(WEB, WebConfig(), NAMES, tmp_path, TODAY) is None
    assert list(tmp_path.iterdir()) == []


def test_it_is_for_the_names_of_the_box_and_for_no_authority(tmp_path: Path) -> None:
    config = WebConfig("192.0.2.7", tls=Tls("self-made"))
    shown(tmp_path, config=config)
    text = text_of(tmp_path / "tls.pem")
    for part in ("DNS:box, DNS:box.local", "IP Address:127.0.0.1", "IP Address:192.0.2.7"):
        assert part in text
    assert "CA:FALSE" in text
    assert "prime256v1" in text
    assert "TLS Web Server Authentication" in text


@pytest.mark.parametrize(
    ("names", "address", "entries"),
    [
        (["b", "a", "b"], "0.0.0.0", "DNS:a,DNS:b,IP:127.0.0.1,IP:::1"),
        (["a"], "::", "DNS:a,IP:127.0.0.1,IP:::1"),
        (["a"], "127.0.0.1", "DNS:a,IP:127.0.0.1,IP:::1"),
        (["a"], "fe80::1%eth0", "DNS:a,IP:127.0.0.1,IP:::1"),
        (["a\n[x]", "a,IP:1.1.1.1", "$ENV::A", "ä", "a b", ""], "::1", "IP:127.0.0.1,IP:::1"),
    ],
)
def test_only_names_that_are_names_are_in_it(names: list[str], address: str, entries: str) -> None:
    assert entries_of(names, address) == entries


def test_a_box_whose_clock_begins_in_1970_makes_one_that_is_good_today(tmp_path: Path) -> None:
    first = shown(tmp_path, datetime.date(1970, 1, 1))
    text = text_of(tmp_path / "tls.pem")
    assert "Not Before: Jan  2 00:00:00 1970 GMT" in text
    assert "Not After : Nov  1 00:00:00 2036 GMT" in text
    assert shown(tmp_path, TODAY) == first


def test_a_clock_that_was_far_ahead_does_no_harm(tmp_path: Path) -> None:
    first = shown(tmp_path, datetime.date(2055, 1, 1))
    assert "Not After : Jan  1 00:00:00 2065 GMT" in text_of(tmp_path / "tls.pem")
    assert shown(tmp_path, TODAY) == first


@pytest.mark.parametrize(
    ("days", "is_remade"), [(0, False), (3653 - 31, False), (3653 - 30, True), (9999, True)]
)
def test_it_is_made_anew_before_it_ends(tmp_path: Path, days: int, is_remade: bool) -> None:
    first = shown(tmp_path)
    later = TODAY + datetime.timedelta(days=days)
    assert (shown(tmp_path, later) != first) is is_remade
    assert shown(tmp_path, later) == shown(tmp_path, later)


def test_it_is_made_anew_for_another_name(tmp_path: Path) -> None:
    path = tmp_path / "tls.pem"
    keep(path, ["box"], "0.0.0.0", TODAY)
    first = path.read_text()
    keep(path, ["box"], "::", TODAY)
    assert path.read_text() == first
    keep(path, ["door"], "0.0.0.0", TODAY)
    assert path.read_text() != first
    assert "DNS:door" in text_of(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-60],
        lambda text: text.partition("-----BEGIN PRIVATE")[0],
        lambda text: text.partition("\n")[2],
        lambda text: text.replace("until 2036-11", "until 2036-13"),
        lambda text: "\x00\xff" + text,
    ],
)
def test_a_damaged_one_is_made_anew(tmp_path: Path, pem: str, damage: object) -> None:
    assert callable(damage)
    (tmp_path / "tls.pem").write_text(damage(pem), encoding="latin-1")
    assert shown(tmp_path) != tls.fingerprint(pem)
    assert shown(tmp_path) == shown(tmp_path)


def test_a_box_without_openssl_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"web\.yaml: tls: no certificate can be made: the "
                       r"program openssl is not installed \(apt install openssl\)"):  # fmt: skip
        shown(tmp_path)


def test_what_openssl_complains_of_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openssl").write_text("#!/bin/sh\necho hello >&2\necho no entropy >&2\nexit 1\n")
    (tmp_path / "openssl").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="can be made: openssl says: no entropy"):
        shown(tmp_path)


def test_where_none_can_be_made_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = shown(tmp_path)
    monkeypatch.setattr(durable, "write", _full)
    with caplog.at_level(logging.ERROR):
        assert shown(tmp_path, datetime.date(2050, 1, 1)) == first
    assert "stays as it was, a new one cannot be made: No space left" in caplog.text


def _full(*args: object, **more: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_strange_host_name_is_no_reason_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "a b\nc$d")
    shown(tmp_path)
    assert "Subject: CN = ivs-box" in text_of(tmp_path / "tls.pem")


# -- of the site ----------------------------------------------------------------------------------


def site(tmp_path: Path, certificate: str, key: str) -> WebConfig:
    files = (tmp_path / "web.pem", tmp_path / "web.key")
    for file, text in zip(files, (certificate, key), strict=True):
        file.write_text(text, encoding="latin-1")
    return WebConfig(tls=Tls("files", *files))


def parts(pem: str) -> tuple[str, str]:
    certificate, mark, key = pem.partition("-----BEGIN PRIVATE KEY-----")
    return certificate, mark + key


def test_the_files_of_a_site_are_shown(tmp_path: Path, pem: str) -> None:
    config = site(tmp_path, *parts(pem))
    assert shown(tmp_path, config=config) == tls.fingerprint(pem)
    assert not (tmp_path / "tls.pem").exists()


def test_only_tls_that_is_kept_today_is_spoken(tmp_path: Path) -> None:
    found = tls.identity(WEB, WebConfig(tls=Tls("self-made")), NAMES, tmp_path, TODAY)
    assert found is not None
    assert found.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert found.context.options & ssl.OP_NO_RENEGOTIATION


def test_the_fingerprint_is_what_openssl_says(tmp_path: Path, pem: str) -> None:
    (tmp_path / "a.pem").write_text(pem)
    command = ["openssl", "x509", "-in", str(tmp_path / "a.pem"), "-noout", "-fingerprint",
               "-sha256"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert said.strip().endswith(f"={tls.fingerprint(pem)}")
    der = ssl.PEM_cert_to_DER_cert(parts(pem)[0].partition("\n")[2])
    assert tls.fingerprint(pem).replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    with pytest.raises(ValueError, match="no certificate"):
        tls.fingerprint("")


def test_files_that_do_not_belong_together_are_told(tmp_path: Path, pem: str) -> None:
    other = make("DNS:other", TODAY)
    config = site(tmp_path, parts(pem)[0], parts(other)[1])
    with pytest.raises(ConfigError) as caught:
        shown(tmp_path, config=config)
    assert str(caught.value) == (
        f"/etc/ivsd/web.yaml: tls: the key in {tmp_path}/web.key is not that of the certificate "
        f"in {tmp_path}/web.pem"
    )


def test_every_file_that_is_wrong_is_explained(tmp_path: Path, pem: str) -> None:
    certificate, key = parts(pem)
    locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE")
    for first, second, told in (
        (key, key, ["tls.certificate_file: ", "is no certificate in PEM"]),
        (certificate, certificate, ["tls.key_file: ", "is no private key in PEM"]),
        (key, certificate, ["is no certificate in PEM", "is no private key in PEM"]),
        ("0\x82\x01\xff", key, ["is no certificate in PEM"]),
        (certificate, locked, ["locked with a password", "openssl pkey -in"]),
        (certificate[:-200], key, ["cannot be used"]),
        (certificate, key[:80] + "\n-----END PRIVATE KEY-----\n", ["cannot be used"]),
        (f"{tls.BEGIN}\n", key, ["cannot be used"]),
    ):
        with pytest.raises(ConfigError) as caught:
            shown(tmp_path, config=site(tmp_path, first, second))
        for part in told:
            assert part in str(caught.value)


def test_a_file_that_cannot_be_read_is_told_with_what_the_service_sees(tmp_path: Path) -> None:
    config = WebConfig(tls=Tls("files", tmp_path / "no.pem", tmp_path))
    with pytest.raises(ConfigError) as caught:
        shown(tmp_path, config=config)
    said = str(caught.value).split("\n")
    assert f"tls.certificate_file: {tmp_path}/no.pem cannot be read: No such file" in said[0]
    assert "of /etc/ivsd only web.yaml and tls/" in said[0]
    assert f"tls.key_file: {tmp_path} cannot be read: Is a directory" in said[1]

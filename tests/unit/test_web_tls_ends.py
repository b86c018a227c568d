"""The end of a site's certificate is told before it comes: at the start and on the system page."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from ivsd.appliance.control_client import ControlError
from ivsd.config.web import Tls, WebConfig
from ivsd.web import tls
from ivsd.web.app import create_app
from ivsd.web.live import Live
from ivsd.web.site import Site
from ivsd.web.tls import ends as tls_ends
from ivsd.web.tls.self_made import make

TODAY = datetime.date(2026, 11, 23)
END = datetime.date(2036, 11, 23)  # `make` gives it ten years


@pytest.fixture(scope="module")
def pem() -> str:
    return make("DNS:box", TODAY)


def test_the_end_is_what_openssl_says(pem: str) -> None:
    assert tls_ends.end_of(pem) == END


def test_the_certificate_of_a_site_has_an_end_and_a_self_made_one_takes_care_of_itself(
    tmp_path: Path, pem: str
) -> None:
    file, web = tmp_path / "web.pem", tmp_path / "web.yaml"
    file.write_text(pem)
    of_a_site = tls.identity(web, WebConfig(tls=Tls("files", file, file)), (), tmp_path, TODAY)
    self_made = tls.identity(web, WebConfig(tls=Tls("self-made")), (), tmp_path, TODAY)
    assert of_a_site is not None
    assert self_made is not None
    assert (of_a_site.ends, self_made.ends) == (END, None)


@pytest.mark.parametrize(
    "said",
    ["echo no such thing", "echo notAfter=soon", "exit 1", "printf '\\377'",
     "echo notAfter=Foo 30 00:00:00 2036 GMT", ":"],
)  # fmt: skip
def test_where_openssl_does_not_tell_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pem: str, said: str
) -> None:
    (tmp_path / "openssl").write_text(f"#!/bin/sh\n{said}\n")
    (tmp_path / "openssl").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tls_ends.end_of(pem) is None


def test_without_openssl_or_in_time_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pem: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tls_ends.end_of(pem) is None

    def hangs(*args: Any, **more: Any) -> None:
        assert more["timeout"] == tls_ends.WITHIN_S
        raise subprocess.TimeoutExpired("openssl", tls_ends.WITHIN_S)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert tls_ends.end_of(pem) is None
    assert tls_ends.end_of("") is None


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (30, ""),
        (29, "it ends in 29 days"),
        (1, "it ends in 1 day"),
        (0, "it ends in 0 days"),
        (-1, "it has ended, on 2026-11-22"),
    ],
)
def test_in_the_last_thirty_days_there_is_a_warning(days: int, said: str) -> None:
    assert tls_ends.warning(TODAY + datetime.timedelta(days=days), TODAY) == said


@pytest.mark.parametrize(("days", "is_near"), [(400, False), (10, True)])
def test_the_system_page_tells_it(days: int, is_near: bool) -> None:
    app = create_app(Site(cast(Any, None), Live(_nobody), frozenset({"localhost"}), None))
    today = datetime.datetime.now(datetime.UTC).date()
    app.config.update(TLS_FINGERPRINT="AB:CD", TLS_ENDS=today + datetime.timedelta(days=days))
    text = app.test_client().get("/system").text
    assert f"good until {today + datetime.timedelta(days=days)}" in text
    assert ("put a new one in its place" in text) is is_near


def _nobody() -> Iterator[Any]:
    raise ControlError("no_daemon", "nobody answers")

"""Test connection: each cause is named by the step it belongs to, and nothing is changed."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivsd.valt import probe as module
from ivsd.valt import sockets
from ivsd.valt.errors import Unreachable
from ivsd.valt.model import Room, Secret, Version
from ivsd.valt.probe import probe
from ivsd.valt.probing import account
from ivsd.valt.probing.findings import Certificate, Finding, Rooms, Step, to_json
from ivsd.valt.simulator import Fault, RoomSpec, Simulator, UserSpec, WorldSpec, sample
from ivsd.valt.sockets import time_left
from ivsd.valt.transport import HttpTransport, Reply

PASSWORD = "correct horse 7"
TIMEOUT_S = 2.0
SHORT_S = 0.3
SLACK_S = 2.0  # a busy machine

Simulate = Callable[..., Simulator]


def walk(url: str, room: int | str | None = 4, **more: Any) -> Iterator[Finding]:
    settings: dict[str, Any] = {"timeout_s": TIMEOUT_S, "wall": time.time, **more}
    password = settings.pop("password", Secret("admin"))
    return probe(url, settings.pop("username", "admin"), password, room, **settings)


def findings(url: str, room: int | str | None = 4, **more: Any) -> dict[Step, Finding]:
    found = list(walk(url, room, **more))
    assert len({finding.step for finding in found}) == len(found)
    for finding in found:
        json.dumps(to_json(finding))
        if finding.ok is False:
            assert finding.advice, finding
        if finding.ok:
            assert not finding.advice, finding
    return {finding.step: finding for finding in found}


def ends_with(url: str, room: int | str | None = 4, **more: Any) -> Finding:
    """Walk until something is wrong on the way there, and return that."""
    found = list(findings(url, room, **more).values())
    assert [one for one in found[:-1] if one.ok is False] == []
    assert found[-1].ok is False
    return found[-1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def unaccepting() -> Iterator[int]:
    """A port that swallows connection requests: its queue of one is taken."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address: tuple[str, int] = listener.getsockname()
        with socket.create_connection(address):
            yield address[1]


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


# ---- all is right -----------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "major"), [("5.9.0", 5), ("6.5.2", 6)])
def test_every_step_is_told_in_order_when_all_is_right(
    simulate: Simulate, version: str, major: int
) -> None:
    found = findings(simulate(version).url)
    assert list(found) == list(Step)
    assert {step for step in Step if found[step].ok is None} == {Step.TLS, Step.ACTIONS}
    assert all(found[step].ok for step in Step if step not in (Step.TLS, Step.ACTIONS))
    told = found[Step.VERSION].data
    assert isinstance(told, Version)
    assert (told.text, told.major) == (version, major)
    assert found[Step.ROOM].text == "'Interview Room 1' (room 4) is available now"
    assert "start, stop, pause" in found[Step.ACTIONS].text


def test_nothing_is_changed_and_one_log_in_is_all_that_is_posted(simulate: Simulate) -> None:
    valt = simulate()
    valt.world.start(4, "Somebody's")
    before = {room: valt.world.view(room) for room in (7, 9)}
    assert "is recording now" in findings(valt.url)[Step.ROOM].text
    findings(valt.url, "Teaching Lab")
    findings(valt.url, None)
    assert {room: valt.world.view(room) for room in (7, 9)} == before
    assert [recording.name for recording in valt.world.recordings] == ["Somebody's"]
    assert valt.world.recordings[0].stopped is None
    posts = [exchange for exchange in valt.requests if exchange.method != "GET"]
    assert [(one.method, one.path) for one in posts] == [("POST", "/api/v3/login")] * 3
    assert [exchange.change for exchange in valt.requests if exchange.change] == []


def test_without_encryption_it_says_who_can_read_along(simulate: Simulate) -> None:
    tls = findings(simulate().url)[Step.TLS]
    assert tls.ok is None
    assert "not encrypted" in tls.text
    assert "https://" in tls.advice


def test_steps_come_one_by_one_and_no_deadline_stays_behind(simulate: Simulate) -> None:
    valt = simulate()
    for number, finding in enumerate(walk(valt.url)):
        assert time_left() is None
        if finding.step is Step.CONNECT:
            assert number == 2
            assert valt.requests == []
    assert time_left() is None


def test_who_stops_listening_leaves_no_connection(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[HttpTransport] = []
    monkeypatch.setattr(HttpTransport, "close", lambda self: closed.append(self))
    valt = simulate()
    steps = walk(valt.url)
    while next(steps).step is not Step.LOG_IN:
        assert closed == []
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(closed) == 1
    assert len(valt.requests) == 2


# ---- the way there ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("valt.example", "no web address"),
        ("ftp://valt.example", "no web address"),
        ("http://valt.example:99999", "no web address"),
        ("https://", "no web address"),
        ("https://valt.example?x=1", "plain address"),
        (f"https://admin:{PASSWORD}@valt.example", "must not hold a user or password"),
    ],
)
def test_a_wrong_address_is_told_before_anything_is_tried(url: str, words: str) -> None:
    finding = ends_with(url)
    assert finding.step is Step.ADDRESS
    assert words in finding.text
    assert PASSWORD not in repr(finding)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (socket.EAI_NONAME, "valt.test is not known to the DNS"),
        (socket.EAI_AGAIN, "cannot be resolved now: is the network connected"),
    ],
)
def test_a_name_that_does_not_resolve_is_named(
    monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def fail(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    finding = ends_with("http://valt.test")
    assert finding.step is Step.NAME
    assert words in finding.text
    assert "'valt.test'" in finding.advice


def test_a_name_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch)
    finding = ends_with("http://empty.test")
    assert (finding.step, finding.text) == (Step.NAME, "the name empty.test has no address")


def test_a_name_server_that_is_silent_holds_the_test_no_longer_than_the_step_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()

    def stuck(*_: Any, **__: Any) -> list[Any]:
        over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", stuck)
        began = time.monotonic()
        finding = ends_with("http://silent-dns.test", timeout_s=SHORT_S)
        assert time.monotonic() - began < SHORT_S + SLACK_S
        over.set()
    assert finding.step is Step.NAME
    assert "is the DNS reachable" in finding.text


def test_the_addresses_of_a_name_are_told_and_which_of_them_answers(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    valt = simulate()
    resolve_to(monkeypatch, ("127.0.0.2", valt.port), ("127.0.0.1", valt.port))
    found = findings(f"http://valt.test:{valt.port}")
    assert found[Step.NAME].text == "valt.test resolves to 127.0.0.2, 127.0.0.1"
    assert found[Step.CONNECT].text.startswith(f"127.0.0.1 port {valt.port} accepts connections")
    assert found[Step.CLOCK].ok


def test_a_port_that_refuses_is_named() -> None:
    port = free_port()
    finding = ends_with(f"http://127.0.0.1:{port}")
    assert finding.step is Step.CONNECT
    assert f"127.0.0.1 refuses connections on port {port}" in finding.text


def test_a_silent_address_is_named_with_the_time_that_was_waited() -> None:
    with unaccepting() as port:
        finding = ends_with(f"https://127.0.0.1:{port}", timeout_s=SHORT_S)
    assert finding.step is Step.CONNECT
    assert f"no answer from 127.0.0.1 port {port} in time (waited 0." in finding.text


@pytest.mark.parametrize(
    ("tls", "step", "words"),
    [
        (None, Step.VALT, "no answer from the server"),
        ("good", Step.TLS, "does not answer the TLS handshake in time"),
    ],
)
def test_a_server_that_accepts_and_says_nothing_is_named(
    simulate: Simulate, tls: str | None, step: Step, words: str
) -> None:
    valt = simulate(tls=tls)
    valt.black_hole()
    finding = ends_with(valt.url, timeout_s=SHORT_S)
    assert finding.step is step
    assert words in finding.text


def test_all_steps_together_have_an_end(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE_S", 0.5)
    valt = simulate(delay_s=0.2)
    began = time.monotonic()
    found = list(walk(valt.url, timeout_s=15))
    assert time.monotonic() - began < 0.5 + SLACK_S
    wrong = [one for one in found if one.ok is False]
    assert wrong
    assert wrong[0].text.endswith("; the whole test may take 0.5 s, which are over")


# ---- the certificate --------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Callable[[Simulator], str]:
    pytest.importorskip("trustme")

    def write(valt: Simulator) -> str:
        path = tmp_path / "ca.pem"
        path.write_text(valt.ca_pem, encoding="ascii")
        return str(path)

    return write


def certificate_of(finding: Finding) -> Certificate:
    assert isinstance(finding.data, Certificate)
    return finding.data


@pytest.mark.parametrize(
    ("kind", "words", "advice"),
    [
        ("self_signed", "is signed by itself", "set valt.verify to sha256:"),
        ("expired", "has expired", "needs a new certificate"),
        ("not_yet_valid", "is not valid yet: is this box's clock right?", "timedatectl"),
        ("wrong_name", "is made out to another name; made out to elsewhere.example.com", "names"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_with_its_reason_and_its_fingerprint(
    simulate: Simulate, authority: Callable[[Simulator], str], kind: str, words: str, advice: str
) -> None:
    valt = simulate(tls=kind)
    finding = ends_with(valt.url, verify=authority(valt), password=Secret(PASSWORD))
    assert finding.step is Step.TLS
    assert words in finding.text
    assert advice in finding.advice
    shown = certificate_of(finding)
    assert shown.pin == f"sha256:{valt.fingerprint}"
    assert shown.pin in finding.text
    assert shown.valid_from is not None
    assert f"valid from {shown.valid_from:%Y-%m-%d %H:%M} UTC to " in finding.text
    assert (shown.names == ("elsewhere.example.com",)) is (kind == "wrong_name")
    assert valt.requests == []


def test_an_unknown_authority_is_told_apart_from_a_certificate_signed_by_itself(
    simulate: Simulate,
) -> None:
    pytest.importorskip("trustme")
    valt = simulate(tls="good")
    finding = ends_with(valt.url)
    assert finding.step is Step.TLS
    assert "is from an unknown issuer" in finding.text
    assert "file of the authority" in finding.advice
    assert certificate_of(finding).names[:2] == ("localhost", "127.0.0.1")
    assert valt.requests == []


def test_a_trusted_certificate_is_shown_with_its_fingerprint_too(
    simulate: Simulate, authority: Callable[[Simulator], str]
) -> None:
    valt = simulate(tls="good")
    found = findings(valt.url, verify=authority(valt))
    assert found[Step.TLS].ok
    assert found[Step.TLS].text.startswith("trusted; made out to localhost, 127.0.0.1")
    assert certificate_of(found[Step.TLS]).pin == f"sha256:{valt.fingerprint}"
    assert found[Step.CLOCK].ok


@pytest.mark.parametrize("kind", ["self_signed", "expired", "wrong_name", "not_yet_valid"])
def test_what_is_told_to_pin_is_what_the_configuration_takes(simulate: Simulate, kind: str) -> None:
    pytest.importorskip("trustme")
    valt = simulate(tls=kind)
    pin = certificate_of(ends_with(valt.url)).pin
    found = findings(valt.url, verify=pin)
    assert found[Step.TLS].ok
    assert found[Step.TLS].text.startswith("it is the pinned one; ")
    assert found[Step.ROOM].ok


def test_a_pin_may_be_written_with_colons_and_capitals(simulate: Simulate) -> None:
    pytest.importorskip("trustme")
    valt = simulate(tls="self_signed")
    digits = valt.fingerprint.upper()
    pairs = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    assert findings(valt.url, verify=f"sha256:{pairs}")[Step.CLOCK].ok


def test_another_certificate_than_the_pinned_one_is_told_and_not_taken(simulate: Simulate) -> None:
    pytest.importorskip("trustme")
    valt = simulate(tls="good")
    finding = ends_with(valt.url, verify=f"sha256:{'0' * 64}")
    assert finding.step is Step.TLS
    assert "is not the pinned one" in finding.text
    assert f"only if they are equal set valt.verify to sha256:{valt.fingerprint}" in finding.advice
    assert valt.requests == []


def test_a_certificate_whose_text_cannot_be_read_is_shown_by_its_fingerprint(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trustme")
    valt, real, calls = simulate(tls="self_signed"), sockets.dial, []

    def dial(host: str, port: int) -> socket.socket:
        calls.append(host)
        if len(calls) == 2:  # the first one is to look, and this one to read
            raise Unreachable("somebody else's certificate, say")
        return real(host, port)

    monkeypatch.setattr("ivsd.valt.probing.certificate.dial", dial)
    finding = ends_with(valt.url)
    assert certificate_of(finding) == Certificate(f"sha256:{valt.fingerprint}")
    assert finding.text.endswith(
        f"signed by itself: set verify to its CA file or pin; fingerprint sha256:{valt.fingerprint}"
    )


def test_a_ca_file_that_is_not_there_is_named(simulate: Simulate, tmp_path: Path) -> None:
    pytest.importorskip("trustme")
    finding = ends_with(simulate(tls="good").url, verify=str(tmp_path / "none.pem"))
    assert finding.step is Step.TLS
    assert "none.pem" in finding.text
    assert "valt.verify" in finding.advice


def test_https_to_a_plain_port_is_named(simulate: Simulate) -> None:
    valt = simulate()
    finding = ends_with(valt.url.replace("http:", "https:"))
    assert finding.step is Step.TLS
    assert "does not speak TLS" in finding.text
    assert "http://" in finding.advice
    assert valt.requests == []


def test_http_to_a_tls_port_is_named(simulate: Simulate) -> None:
    pytest.importorskip("trustme")
    valt = simulate(tls="good")
    finding = ends_with(valt.url.replace("https:", "http:"))
    assert finding.step is Step.VALT
    assert "speaks TLS" in finding.text
    assert "https://" in finding.advice
    assert valt.requests == []


# ---- who answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("html"), "no JSON"),
        (Fault("empty"), "no JSON"),
        (Fault("text", body='{"data": {"rooms": []}}'), "needs no log-in, so it is not VALT"),
        (Fault("status", status=401, body="<h1>Who are you?</h1>"), "no JSON"),
        (Fault("status", status=401, body="[1]"), "not as VALT does"),
        (Fault("status", status=404), "does not know VALT's API (HTTP 404)"),
        (Fault("status", status=302), "sends us to another address"),
        (Fault("status", status=502, body="<h1>Bad gateway</h1>"), "a proxy answers"),
        (Fault("reset_before", count=None), "the connection broke"),
    ],
)
def test_something_else_than_valt_is_named_and_sees_no_password(
    simulate: Simulate, fault: Fault, words: str
) -> None:
    valt = simulate()
    valt.faults.add(fault)
    finding = ends_with(valt.url)
    assert finding.step is Step.VALT
    assert words in finding.text
    assert {exchange.method for exchange in valt.requests} == {"GET"}


def test_nobody_who_writes_https_is_told_to_write_https(simulate: Simulate) -> None:
    pytest.importorskip("trustme")
    valt = simulate(tls="self_signed")
    valt.faults.add(Fault("html"))
    finding = ends_with(valt.url, verify=f"sha256:{valt.fingerprint}")
    assert finding.step is Step.VALT
    assert "no JSON" in finding.text


@pytest.mark.parametrize("fault", [None, Fault("status", status=404)])
def test_an_address_with_a_path_is_doubted(simulate: Simulate, fault: Fault | None) -> None:
    valt = simulate()
    if fault:
        valt.faults.add(fault)
    finding = ends_with(f"{valt.url}/valt/login")
    assert finding.step is (Step.VALT if fault else Step.LOG_IN)
    assert "valt.url has the path /valt/login: try without" in finding.advice


# ---- the account ------------------------------------------------------------------------------


def test_a_wrong_password_is_told_after_one_try(simulate: Simulate) -> None:
    valt = simulate()
    finding = ends_with(valt.url, password=Secret(PASSWORD))
    assert finding.step is Step.LOG_IN
    assert finding.text == "the server refuses the log-in of 'admin': check the password"
    assert [one.path for one in valt.requests].count("/api/v3/login") == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("status", "login", status=403), "the VALT account has no right to do this"),
        (Fault("status", "login", status=500), "the log-in failed: the server failed (HTTP 500)"),
        (Fault("html", "login"), "the log-in failed: the server's reply is not VALT's"),
    ],
)
def test_a_log_in_that_fails_otherwise_is_not_blamed_on_the_password(
    simulate: Simulate, fault: Fault, words: str
) -> None:
    valt = simulate()
    valt.faults.add(fault)
    finding = ends_with(valt.url)
    assert finding.step is Step.LOG_IN
    assert words in finding.text
    assert "check the password" not in finding.text


def test_without_a_password_it_ends_before_the_log_in(simulate: Simulate) -> None:
    valt = simulate()
    finding = ends_with(valt.url, password=None)
    assert (finding.step, finding.text) == (Step.LOG_IN, "not tried: there is no password")
    assert [one.method for one in valt.requests] == ["GET"]


def lacking(*rights: str) -> WorldSpec:
    spec = sample()
    spec.users[-1] = UserSpec(3, "admin", group="Administrators", lacks=list(rights))
    return spec


@pytest.mark.parametrize("status", [403, 401])
def test_an_account_that_may_not_look_users_up_is_told_so(simulate: Simulate, status: int) -> None:
    valt = simulate("6.5.2", f"missing_right_status={status}", spec=lacking("admin"))
    found = findings(valt.url)
    assert list(found) == list(Step)
    assert found[Step.VERSION].ok is None
    assert found[Step.RIGHTS].ok is False
    assert "badges and PINs cannot be looked up" in found[Step.RIGHTS].text
    assert "right" in found[Step.RIGHTS].text
    assert "admin access" in found[Step.RIGHTS].advice
    assert found[Step.ROOM].ok
    assert [one.path for one in valt.requests].count("/api/v3/login") == 1


def test_a_box_that_reads_no_badge_does_not_ask_for_users(simulate: Simulate) -> None:
    valt = simulate(spec=lacking("admin"))
    found = findings(valt.url, reads_badges=False)
    assert found[Step.RIGHTS].ok is None
    assert not any("users" in exchange.path for exchange in valt.requests)
    assert [finding for finding in found.values() if finding.ok is False] == []


@pytest.mark.parametrize(
    ("settings", "version", "ok", "words"),
    [
        ((), "7.1.0", None, "VALT 7.1.0: ivsd was made for 5.x and 6.x"),
        (("version_as=integer",), "5.9.0", True, "VALT "),
        (("version_as=forbidden",), "6.5.2", None, "does not tell this account its version"),
    ],
)
def test_a_version_that_is_new_or_unknown_is_told_and_stops_nothing(
    simulate: Simulate, settings: tuple[str, ...], version: str, ok: bool | None, words: str
) -> None:
    found = findings(simulate(version, *settings).url)
    assert found[Step.VERSION].ok is ok
    assert words in found[Step.VERSION].text
    assert found[Step.CLOCK].ok


# ---- the room ---------------------------------------------------------------------------------


def rooms_of(finding: Finding) -> Rooms:
    assert isinstance(finding.data, Rooms)
    return finding.data


@pytest.mark.parametrize("room", [7, "Interview Room 2", "interview room 2"])
def test_a_room_is_found_by_id_and_by_name(simulate: Simulate, room: int | str) -> None:
    valt = simulate()
    valt.world.lock(7)
    finding = findings(valt.url, room)[Step.ROOM]
    assert finding.text == "'Interview Room 2' (room 7) is locked now"
    assert rooms_of(finding).chosen == Room(7, "Interview Room 2")
    assert [one.as_sent for one in rooms_of(finding).rooms] == [{}] * 3
    assert [one.id for one in rooms_of(finding).rooms] == [4, 7, 9]


TWINS = [RoomSpec(4, "Lab"), RoomSpec(5, "lab"), RoomSpec(6, "9"), RoomSpec(7, "Hall")]


@pytest.mark.parametrize(
    ("room", "words", "advice", "near"),
    [
        ("Hal", "the server has no room named 'Hal'; there are 'Lab' (room 4)", "Is it", [7]),
        ("Lab", "several rooms are named 'Lab'", "one of their ids: 4, 5", [4, 5]),
        (9, "the server has no room with the id 9", 'room: "9", in quotes', [6]),
        ("7", "the server has no room named '7'", "room: 7, without quotes", [7]),
        (
            "Laab",
            "the server has no room named 'Laab'",
            "'Lab' (room 4) or 'lab' (room 5)?",
            [4, 5],
        ),
        ("Kitchen", "the server has no room named 'Kitchen'", "Choose one.", []),
        (12, "the server has no room with the id 12; there are", "Choose one.", []),
    ],
)
def test_a_room_that_is_not_there_is_told_with_those_that_may_be_meant(
    simulate: Simulate, room: int | str, words: str, advice: str, near: list[int]
) -> None:
    found = findings(simulate(spec=WorldSpec(TWINS, sample().users)).url, room)
    finding = found[Step.ROOM]
    assert finding.ok is False
    assert words in finding.text
    assert advice in finding.advice
    assert rooms_of(finding).chosen is None
    assert [one.id for one in rooms_of(finding).near] == near
    assert len(rooms_of(finding).rooms) == 4
    assert list(found) == list(Step)  # what else is wrong is worth knowing, too


def test_without_a_room_the_rooms_are_told_for_choosing(simulate: Simulate) -> None:
    finding = findings(simulate().url, None)[Step.ROOM]
    assert finding.ok is None
    assert "'Interview Room 1' (room 4), 'Interview Room 2' (room 7)" in finding.text
    assert [(one["id"], one["name"]) for one in to_json(finding)["data"]["rooms"]][2:] == [
        (9, "Teaching Lab")
    ]


def test_of_many_rooms_the_text_names_the_first_and_the_data_all(simulate: Simulate) -> None:
    rooms = [RoomSpec(number, f"Room {number}") for number in range(1, 31)]
    finding = findings(simulate(spec=WorldSpec(rooms, sample().users)).url, None)[Step.ROOM]
    assert finding.text.endswith("'Room 8' (room 8) and 22 more")
    assert len(rooms_of(finding).rooms) == 30


@pytest.mark.parametrize("room", [4, "Lab", None])
def test_an_account_that_sees_no_room_is_told_so(
    simulate: Simulate, room: int | str | None
) -> None:
    finding = findings(simulate(spec=WorldSpec([], sample().users)).url, room)[Step.ROOM]
    assert finding.ok is False
    assert "right to see" in finding.advice


def after_log_in(valt: Simulator, *faults: Fault, room: int | str | None = 4) -> Finding:
    """What is found of the room when this happens after the log-in."""
    room_finding = None
    for finding in walk(valt.url, room):
        if finding.step is Step.LOG_IN:
            for fault in faults:
                valt.faults.add(fault)
        if finding.step is Step.ROOM:
            room_finding = finding
    assert room_finding is not None
    return room_finding


def test_a_room_by_id_needs_no_list_of_rooms(simulate: Simulate) -> None:
    finding = after_log_in(simulate(), Fault("status", "rooms/info", status=403))
    assert finding.ok
    assert finding.text == "room 4 is available now"


def test_a_room_by_name_needs_the_list_of_rooms(simulate: Simulate) -> None:
    no = Fault("status", "rooms/info", status=403)
    finding = after_log_in(simulate(), no, room="Interview Room 1")
    assert finding.ok is False
    assert "the rooms cannot be listed: the VALT account has no right" in finding.text
    assert finding.advice == "Give the VALT account the right to see rooms."


@pytest.mark.parametrize(
    ("status", "advice"), [(403, "Give the VALT account the right"), (500, "Ask whoever runs")]
)
def test_a_room_whose_state_cannot_be_read_is_told(
    simulate: Simulate, status: int, advice: str
) -> None:
    finding = after_log_in(simulate(), Fault("status", "rooms/4/status", status=status))
    assert finding.ok is False
    assert "the state of room 4 cannot be read" in finding.text
    assert advice in finding.advice


# ---- how well it goes -------------------------------------------------------------------------


def test_a_slow_server_is_told(simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SLOW_S", 0.01)
    speed = findings(simulate(delay_s=0.02).url)[Step.SPEED]
    assert speed.ok is False
    assert "(median of 5, longest " in speed.text


def test_a_very_slow_server_is_asked_less_often(simulate: Simulate) -> None:
    speed = findings(simulate(delay_s=0.2).url, timeout_s=0.8)[Step.SPEED]
    assert speed.ok
    assert "(median of 5, " not in speed.text


def test_a_server_that_goes_away_meanwhile_is_told(simulate: Simulate) -> None:
    valt = simulate()
    found = {}
    for finding in walk(valt.url):
        found[finding.step] = finding
        if finding.step is Step.ACTIONS:
            valt.away()
    assert found[Step.SPEED].ok is False
    assert found[Step.SPEED].text.startswith("poll 1 of 5 failed: ")
    assert found[Step.CLOCK].ok  # by the last answer that came


@pytest.mark.parametrize(
    ("offset_s", "ok", "words"),
    [
        (-5 * 3600.0, False, "the server's clock is 5 hours behind"),
        (3 * 86400.0, False, "the server's clock is 3 days ahead"),
        (20.0, True, "ahead"),
        (0.0, True, "agree"),
    ],
)
def test_clocks_that_differ_are_told(
    simulate: Simulate, offset_s: float, ok: bool, words: str
) -> None:
    clock = findings(simulate(clock_offset_s=offset_s).url)[Step.CLOCK]
    assert clock.ok is ok
    assert words in clock.text
    assert ("timedatectl" in clock.advice) is not ok


def test_a_box_without_the_time_is_told_which_time_it_has(simulate: Simulate) -> None:
    clock = findings(simulate().url, wall=lambda: 86400.0)[Step.CLOCK]
    assert clock.ok is False
    assert "days ahead" in clock.text
    assert clock.advice.startswith("This box has 1970-01-02 00:00 UTC. If that is wrong, ")


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 14:00:00 GMT"])
def test_a_server_that_tells_no_time_leaves_the_clock_open(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    real = HttpTransport.request

    def request(self: HttpTransport, *args: Any) -> Reply:
        return replace(real(self, *args), date=date)

    monkeypatch.setattr(HttpTransport, "request", request)
    clock = findings(simulate().url)[Step.CLOCK]
    assert (clock.ok, clock.text) == (None, "the server does not tell its time")


# ---- no secret leaves -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Fault("text", "login", body=f'{{"data": "{PASSWORD} is no password"}}')],
        [Fault("status", "login", status=400, body=f'{{"data": {{"message": "{PASSWORD}"}}}}')],
        [Fault("wrong_types", "rooms/4", count=None)],
        [Fault("half", "admin/users", count=None), Fault("html", "rooms/4", count=None)],
    ],
)
def test_no_password_no_token_and_no_card_number_is_told(
    simulate: Simulate, caplog: pytest.LogCaptureFixture, faults: list[Fault]
) -> None:
    valt = simulate("5.9.0", password=PASSWORD)  # it sends all users with their numbers
    for fault in faults:
        valt.faults.add(fault)
    with caplog.at_level(logging.DEBUG):
        found = list(walk(valt.url, password=Secret(PASSWORD)))
    tokens = list(valt.api._tokens)
    assert (len(tokens) == 1) is (not faults or faults[0].match != "login")
    told = "".join(f"{one!r}{json.dumps(to_json(one))}" for one in found) + caplog.text
    for secret in (PASSWORD, "0004711001", "2580", *tokens):
        assert secret not in told

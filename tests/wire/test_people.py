"""The list of VALT's users: asked beside the presses, with their token and never with a log-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ivsd.valt.client import Client
from ivsd.valt.errors import LogInRefused, TokenRefused, Unreachable, ValtError
from ivsd.valt.model import Secret
from ivsd.valt.people import GOOD_FOR_S, People
from ivsd.valt.session import Session
from ivsd.valt.simulator import Fault, Simulator
from ivsd.valt.transport import HttpTransport

REFUSAL = '{"data":"Invalid username or password"}'

Simulate = Callable[..., Simulator]
Connect = Callable[..., HttpTransport]


class Bench:
    """A server, a session with it, and who asks for its users."""

    def __init__(self, valt: Simulator, transport: HttpTransport) -> None:
        self.valt, self.now = valt, 1000.0
        self.session = Session(Client(transport), "admin", Secret("admin"), clock=lambda: self.now)
        self.people = People(self.session, transport, clock=lambda: self.now)

    def asked(self) -> list[str]:
        return [entry.path.removeprefix("/api/v3/") for entry in self.valt.requests]


@pytest.fixture
def bench(simulate: Simulate, connect: Connect) -> Bench:
    valt = simulate()
    return Bench(valt, connect(valt.url))


def test_the_users_are_asked_for_with_the_token_of_the_presses(bench: Bench) -> None:
    bench.session.log_in()
    users = bench.people.users()
    assert [user.name for user in users][:2] == ["Alice Archer", "Bob Baker"]
    assert {str(user.as_sent) for user in users} == {"{}"}, "it holds numbers in the clear"
    assert bench.asked() == ["login", "admin/users"]


def test_they_are_good_for_some_seconds(bench: Bench) -> None:
    bench.session.log_in()
    for _ in range(3):
        bench.people.users()
    assert bench.asked().count("admin/users") == 1
    bench.now += GOOD_FOR_S
    bench.people.users()
    assert bench.asked().count("admin/users") == 2


def test_without_a_log_in_nobody_logs_in_for_them(bench: Bench) -> None:
    with pytest.raises(Unreachable, match="not logged in"):
        bench.people.users()
    assert bench.asked() == []


def test_a_log_in_that_was_refused_is_told(bench: Bench) -> None:
    bench.valt.faults.add(Fault("status", "login", None, status=401, body=REFUSAL))
    with pytest.raises(LogInRefused):
        bench.session.log_in()
    with pytest.raises(LogInRefused, match="check the password"):
        bench.people.users()
    assert bench.asked() == ["login"]


def test_a_log_in_that_has_run_out_is_not_told_as_a_missing_right(bench: Bench) -> None:
    bench.session.log_in()
    bench.now += 3600
    bench.valt.api.forget_tokens()
    with pytest.raises(TokenRefused, match="its log-in has run out, which the box notices"):
        bench.people.users()
    bench.session.call(lambda client: client.room_status(4))  # as the next look at the room
    bench.now += GOOD_FOR_S
    assert len(bench.people.users()) == 4


def test_a_server_that_refuses_them_with_a_401_makes_no_log_in(bench: Bench) -> None:
    bench.session.log_in()
    token = bench.session.token
    bench.valt.faults.add(Fault("status", "admin/users", None, status=401, body=REFUSAL))
    for _ in range(2):
        with pytest.raises(TokenRefused, match="missing right"):
            bench.people.users()
    assert bench.session.token == token
    assert bench.asked() == ["login", "admin/users"], "a failure is good for some seconds, too"


@pytest.mark.parametrize("kind", ["reset_before", "hang", "half", "not_json", "empty"])
def test_whatever_the_server_does_is_a_typed_error(
    simulate: Simulate, connect: Connect, kind: str
) -> None:
    valt = simulate()
    bench = Bench(valt, connect(valt.url, timeout_s=0.5))
    bench.session.log_in()
    bench.valt.faults.add(Fault(kind, "admin/users", None))
    with pytest.raises(ValtError) as told:
        bench.people.users()
    assert bench.session.token not in str(told.value)


def test_they_take_none_of_the_warm_connections(bench: Bench) -> None:
    bench.session.log_in()
    for _ in range(4):
        bench.session.call(lambda client: client.room_status(4))
    connections = {entry.connection for entry in bench.valt.requests}
    bench.people.users()
    assert bench.valt.requests[-1].connection not in connections
    for _ in range(4):
        bench.session.call(lambda client: client.room_status(4))
    assert {entry.connection for entry in bench.valt.requests[-4:]} <= connections


def test_over_tls_the_trust_is_the_same_and_no_context_is_made_anew(
    simulate: Simulate, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    valt = simulate(tls="good")
    (tmp_path / "ca.pem").write_text(valt.ca_pem)
    bench = Bench(valt, connect(valt.url, verify=str(tmp_path / "ca.pem")))
    bench.session.log_in()
    monkeypatch.setattr("ivsd.valt.transport.tls_context", None)
    assert len(bench.people.users()) == 4

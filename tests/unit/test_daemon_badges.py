"""Badges from afar at a running daemon: an unknown badge gets an owner, and starts a recording."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tests.unit.test_daemon as daemons
from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.badge_table.seen import FILE
from ivsd.config import CARDS
from ivsd.daemon import Daemon
from ivsd.valt.simulator import Fault, Simulator
from tests.unit.test_daemon import Run, config, run, server, until

__all__ = ["run", "server"]  # fixtures

NUMBER = "0004711099"


class Socket:
    """Where the daemons of a test are asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _is_heard(self) -> bool:
        """Whether somebody listens there: the file is made a moment before that."""
        try:
            return bool(control_client.ask(self.path, "status"))
        except ControlError:
            return False

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        until(self._is_heard)
        said = control_client.ask(self.path, op, args)
        assert op == "export-cards" or "47110" not in json.dumps(said)
        return said


@pytest.fixture
def box_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Socket]:
    with tempfile.TemporaryDirectory(prefix="ivsd-") as folder:  # socket paths must be short
        path = Path(folder) / "s"
        monkeypatch.setattr(daemons, "Daemon", partial(Daemon, socket=path, owns_file=True))
        yield Socket(path)


def test_an_unknown_badge_is_given_to_a_user_and_starts_a_recording(
    run: Run, server: Simulator, box_socket: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box = run(config(server))
    box.shows("available")
    box.hardware.hands.swipe(NUMBER, "door")
    until(lambda: len(box.outcomes) == 1)
    told = box_socket.ask("cards")
    unknown = told["unknown"]
    assert (unknown["number"], unknown["reader"]) == ("…099", "door")
    assert {"id": 12, "name": "Alice Archer"} in told["users"]
    assert [person["number"] for person in told["people"]] == ["…001", "…002", "…"]

    box_socket.ask(
        "enrol", badge=unknown["key"], number=None, name="second badge", user="12", action="",
        sure="no", revision=told["revision"],
    )  # fmt: skip
    until(lambda: bool(box.daemon._controller._rules.cards))
    box.hardware.hands.swipe(NUMBER, "other door")
    until(lambda: bool(server.world.recordings))
    assert server.world.recordings[0].author == 12
    (card,) = box_socket.ask("cards")["cards"]
    assert (card["name"], card["user_name"]) == ("second badge", "Alice Archer")
    assert (card["seen_at_reader"], card["problems"]) == ("other door", [])
    assert card["seen_at"] is not None
    assert "4711099" not in caplog.text
    assert "badges: added …099 (second badge)" in caplog.text


def test_an_import_is_in_use_and_an_export_gives_it_back(
    run: Run, server: Simulator, box_socket: Socket
) -> None:
    box = run(config(server))
    box.shows("available")
    rows = [("number", "name", "user", "action"), (NUMBER, "Bob", "13", "")]
    rows.append(("0004711098", "key", "", "lock_toggle"))
    text = "".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)
    revision = box_socket.ask("cards")["revision"]
    args = {"csv": text, "replace": "yes", "dry": "no", "revision": revision}
    assert box_socket.ask("import-cards", **args)["added"] == 2
    until(lambda: len(box.daemon._controller._rules.cards) == 2)
    assert box_socket.ask("export-cards")["csv"] == text
    box.hardware.hands.swipe("0004711098")
    box.shows("locked")


def test_a_press_does_not_wait_for_the_list_of_users_and_nobody_logs_in_for_it(
    run: Run, server: Simulator, box_socket: Socket
) -> None:
    box = run(config(server, timeout_s=10))
    box.shows("available")
    until(box_socket.path.exists)
    server.faults.add(Fault("delay", "admin/users", 1, seconds=2.0))
    asked: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: asked.append(box_socket.ask("cards")))
    thread.start()
    until(lambda: any("admin/users" in entry.path for entry in server.requests))
    assert box.press("record").result == "done"
    assert thread.is_alive(), "the press was done while the list was awaited"
    thread.join(10)
    assert len(asked[0]["users"]) == 4
    assert [entry.path for entry in server.requests].count("/api/v3/login") == 1


def test_a_server_that_is_known_to_be_away_is_not_waited_for(
    run: Run, server: Simulator, box_socket: Socket
) -> None:
    box = run(config(server))
    box.shows("available")
    server.stop()
    box.shows("no_link")
    told = box_socket.ask("cards")
    assert told["people"] is None
    assert "127.0.0.1" in told["people_problem"]


def test_a_box_that_is_not_set_up_shows_its_table(run: Run, box_socket: Socket) -> None:
    run("controls: {record: record_toggle}\n")
    told = box_socket.ask("cards")
    assert (told["cards"], told["people"]) == ([], None)
    assert told["people_problem"] == "no VALT server is set up yet"
    assert {problem["key"] for problem in told["problems"]} == {"valt", "room"}


def test_a_badge_of_another_page_is_told_to_be_so(
    run: Run, server: Simulator, box_socket: Socket
) -> None:
    box = run(config(server))
    box.shows("available")
    args = {"name": "x", "user": "", "action": "", "number": None, "sure": "no", "revision": ""}
    with pytest.raises(ControlError) as gone:
        box_socket.ask("enrol", badge="0" * 24, **args)
    assert gone.value.code == "gone"
    assert not (box.path.parent / CARDS).exists()


def test_a_badge_is_not_taken_away_while_the_daemon_would_go_on_with_it(
    run: Run, server: Simulator, box_socket: Socket
) -> None:
    box = run(config(server))
    box.shows("available")
    args = {"badge": "", "number": NUMBER, "name": "stolen", "user": "", "action": "lock_toggle"}
    revision = box_socket.ask("cards")["revision"]
    box_socket.ask("enrol", revision=revision, sure="no", **args)
    box.path.write_text(box.path.read_text() + "\nnonsense: 3\n")
    told = box_socket.ask("cards")
    (card,) = told["cards"]
    with pytest.raises(ControlError, match="yaml is wrong") as refused:
        box_socket.ask("forget-card", card=card["key"], revision=told["revision"])
    assert refused.value.code == "wrong_file"
    assert len(box_socket.ask("cards")["cards"]) == 1


def test_when_a_badge_was_seen_lasts_over_a_restart(
    run: Run, server: Simulator, box_socket: Socket
) -> None:
    box = run(config(server))
    box.shows("available")
    box.hardware.hands.swipe("0004711001", "door")
    until(lambda: bool(box.outcomes))
    box.stop()
    assert (box.path.parent / FILE).is_file()
    run(None).shows("recording")
    alice = box_socket.ask("cards")["people"][0]
    assert (alice["name"], alice["seen_at_reader"]) == ("Alice Archer", "door")
    assert alice["seen_at"] is not None

"""Asking for the factory default: who may, what is answered, and what a caller is told."""

from __future__ import annotations

import errno
import json
import os
import pwd
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd import ivs
from ivsd.appliance import durable
from ivsd.appliance.factory import client, restore, service, work_folder
from ivsd.appliance.factory.client import FactoryDefaultError, NotAllowed, NotAnAppliance, Refused
from ivsd.appliance.factory.places import TEMPLATES, WORK, Places
from ivsd.appliance.factory.resume import resume
from ivsd.appliance.journal import MESSAGE_IDS
from tests.factory_box import Notes, audit, make, snapshot
from tests.power_cut import QuickDisk

ME = os.getuid()


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_folder, "RESERVE_BYTES", 4096)
    monkeypatch.setattr(service, "IDLE_S", 0.3)
    monkeypatch.setattr(durable, "files", QuickDisk())


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return make(tmp_path / "box")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(str(tmp_path / "sock"))
        sock.listen(8)
        yield sock


def serve(
    places: Places, machine: Notes, listener: socket.socket, allowed: set[int] | None = None
) -> threading.Thread:
    users = {ME} if allowed is None else allowed
    server = service.Service(places, machine, listener, users)
    thread = threading.Thread(target=server.run)
    thread.start()
    return thread


def test_connecting_is_asking(places: Places, listener: socket.socket, tmp_path: Path) -> None:
    machine = Notes()
    thread = serve(places, machine, listener)
    client.ask(path=tmp_path / "sock")
    thread.join(10)
    assert machine.done == ["stop", "enable", "enable-time-sync", "sync", "reboot"]
    assert f"({ME})" in audit(places.root)[0]


def test_the_answer_comes_once_the_restore_is_committed_and_before_anything_is_stopped(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    answered = threading.Event()

    class Waiting(Notes):
        def stop_services(self) -> None:
            assert answered.wait(10)
            assert (places.at(WORK) / "commit").exists()
            super().stop_services()

    machine = Waiting()
    thread = serve(places, machine, listener)
    client.ask(path=tmp_path / "sock")
    answered.set()
    thread.join(10)
    assert machine.done[-1] == "reboot"


def test_a_second_one_who_asks_gets_an_answer_while_it_is_done(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    asked = threading.Event()

    class Waiting(Notes):
        def stop_services(self) -> None:
            assert asked.wait(10)

    thread = serve(places, Waiting(), listener)
    client.ask(path=tmp_path / "sock")
    client.ask(path=tmp_path / "sock")
    asked.set()
    thread.join(10)
    assert len(audit(places.root)) == 1


def test_a_user_who_may_not_ask_changes_nothing(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    before = snapshot(places.root, ("",))
    machine = Notes()
    thread = serve(places, machine, listener, allowed={ME + 1})
    with pytest.raises(Refused, match="only root and ivsd may ask"):
        client.ask(path=tmp_path / "sock")
    thread.join(10)
    assert (machine.done, snapshot(places.root, ("",))) == ([], before)


def test_only_root_and_the_daemon_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(name: str) -> object:
        assert name == "ivsd"
        return type("User", (), {"pw_uid": 998})

    monkeypatch.setattr(pwd, "getpwnam", of)
    assert service.allowed_users() == {0, 998}

    def missing(name: str) -> object:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", missing)
    assert service.allowed_users() == {0}


def test_a_refusal_is_a_sentence_and_the_next_one_who_asks_is_heard(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    template = places.at(f"{TEMPLATES}/hostname")
    whole = template.read_bytes()
    template.write_bytes(b"spoiled")
    machine = Notes()
    thread = serve(places, machine, listener)
    with pytest.raises(Refused, match="hostname is not as it was installed"):
        client.ask(path=tmp_path / "sock")
    assert machine.done == []
    template.write_bytes(whole)
    client.ask(path=tmp_path / "sock")
    thread.join(10)
    assert machine.done[-1] == "reboot"


def test_a_bug_is_a_refusal_and_not_the_end(
    places: Places, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(restore, "prepare", broken)
    thread = serve(places, Notes(), listener)
    for _ in range(2):
        with pytest.raises(Refused, match="see the journal"):
            client.ask(path=tmp_path / "sock")
    thread.join(10)


def test_nothing_a_caller_sends_is_read(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    machine = Notes()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sender:
        sender.connect(str(tmp_path / "sock"))
        sender.send(b'{"template": "/tmp/mine"}\n')
        sender.shutdown(socket.SHUT_WR)  # it sends no more, and still listens
        serve(places, machine, listener).join(10)
        assert json.loads(sender.recv(100)) == {"ok": True}
    assert machine.done[-1] == "reboot"


def test_one_who_has_left_before_being_heard_has_not_asked(
    places: Places, listener: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = snapshot(places.root, ("",))
    for words in (b"", b"now\n"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
            gone.connect(str(tmp_path / "sock"))
            gone.send(words)
    with pytest.raises(Refused, match="it may come all the same"):
        client.ask(0.1, tmp_path / "sock")
    machine = Notes()
    serve(places, machine, listener).join(10)
    assert (machine.done, snapshot(places.root, ("",))) == ([], before)
    assert caplog.text.count("has left since: nothing is done") == 3


def test_one_who_leaves_once_it_is_prepared_changes_nothing_any_more(
    places: Places, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    prepare = restore.prepare

    def preparing(*arguments: Any) -> Any:
        asker.close()
        return prepare(*arguments)

    monkeypatch.setattr(restore, "prepare", preparing)
    asker.connect(str(tmp_path / "sock"))
    machine = Notes()
    serve(places, machine, listener).join(10)
    assert machine.done[-1] == "reboot"


def test_it_ends_when_nobody_asks_any_more(places: Places, listener: socket.socket) -> None:
    machine = Notes()
    serve(places, machine, listener).join(10)
    assert machine.done == []


def test_a_restore_that_fails_after_its_commit_is_tried_again_after_a_reboot(
    places: Places, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    machine = Notes()
    with monkeypatch.context() as patched:
        patched.setattr(restore, "_put", broken)
        thread = serve(places, machine, listener)
        client.ask(path=tmp_path / "sock")
        thread.join(10)
    assert machine.done == ["stop", "reboot"]
    assert work_folder.is_committed(places)
    resume(places, machine)
    assert audit(places.root)


def test_a_service_that_died_in_the_middle_finishes_when_it_starts_again(
    places: Places, listener: socket.socket
) -> None:
    restore.prepare(places, Notes(), "user ivsd (998)")
    machine = Notes()
    serve(places, machine, listener).join(10)
    assert machine.done == ["stop", "enable", "enable-time-sync", "sync", "reboot"]


def test_who_asks_for_what_is_being_finished_is_answered_and_begins_no_second_one(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    restore.prepare(places, Notes(), "user ivsd (998)")
    machine = Notes()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as queued:
        queued.connect(str(tmp_path / "sock"))
        serve(places, machine, listener).join(10)
        assert json.loads(queued.recv(100)) == {"ok": True}
    assert machine.done.count("reboot") == 1
    assert len(audit(places.root)) == 1
    assert nobody_waits(listener)


def nobody_waits(listener: socket.socket) -> bool:
    listener.settimeout(0)
    try:
        listener.accept()
    except BlockingIOError:
        return True
    return False


def fail(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def third_attempt(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "attempts").write_text("2")
    monkeypatch.setattr(restore, "_put", fail)


def not_counted(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "write_in", fail)


def torn_mark(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "commit").write_bytes((work / "commit").read_bytes()[:50])


def unreadable_mark(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_in = durable.read_in

    def reading(folder: int, name: str, *, most: int) -> bytes:
        if name == "commit":
            fail()
        return read_in(folder, name, most=most)

    monkeypatch.setattr(durable, "read_in", reading)


def bug(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(service, "resume", broken)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (third_attempt, "given up, half done: 3 attempts have failed"),
        (not_counted, "given up, half done: a failure cannot be noted: Input/output error"),
        (torn_mark, "cut off before it began"),
        (unreadable_mark, "it is unknown how much of it is done"),
        (bug, "see the journal"),
    ],
)
def test_a_restore_that_is_not_finished_leaves_a_box_that_runs_and_answers(
    places: Places,
    listener: socket.socket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
    sentence: str,
) -> None:
    # systemd does not start again what was stopped by command, whatever Restart= says; and a
    # connection that nobody takes starts the service for ever.
    restore.prepare(places, Notes(), "user ivsd (998)")
    spoil(places.at(WORK), monkeypatch)
    machine = Notes()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as queued:
        queued.connect(str(tmp_path / "sock"))
        serve(places, machine, listener).join(10)
        reply = json.loads(queued.recv(1000))
    assert (reply["ok"], sentence in reply["error"]) == (False, True), reply
    assert (machine.done[0], machine.done[-1]) == ("stop", "start")
    assert "reboot" not in machine.done
    assert nobody_waits(listener)


def test_a_restore_that_is_tried_again_reboots_and_starts_nothing(
    places: Places, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore.prepare(places, Notes(), "user ivsd (998)")
    monkeypatch.setattr(restore, "_put", fail)
    machine = Notes()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as queued:
        queued.connect(str(tmp_path / "sock"))
        serve(places, machine, listener).join(10)
        assert "tried again after a restart" in json.loads(queued.recv(1000))["error"]
    assert machine.done == ["stop", "reboot"]


def test_the_lines_that_people_look_for_have_their_message_ids(
    places: Places, listener: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def ids() -> list[object]:
        found = [vars(record).get("MESSAGE_ID") for record in caplog.records]
        caplog.clear()
        return [one for one in found if one]

    template = places.at(f"{TEMPLATES}/hostname")
    whole = template.read_bytes()
    template.write_bytes(b"spoiled")
    thread = serve(places, Notes(), listener)
    with pytest.raises(Refused):
        client.ask(path=tmp_path / "sock")
    template.write_bytes(whole)
    client.ask(path=tmp_path / "sock")
    thread.join(10)
    assert ids() == [MESSAGE_IDS["factory_default_refused"], MESSAGE_IDS["factory_default"]]

    restore.prepare(places, Notes(), "user ivsd (998)")
    serve(places, Notes(), listener).join(10)
    assert ids() == [MESSAGE_IDS["factory_default"]]

    restore.prepare(places, Notes(), "user ivsd (998)")
    (places.at(WORK) / "attempts").write_text("2")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(restore, "_put", fail)
        serve(places, Notes(), listener).join(10)
    assert ids() == [MESSAGE_IDS["factory_default_given_up"]]


def test_two_do_not_work_at_the_same_time(
    places: Places, listener: socket.socket, tmp_path: Path
) -> None:
    with work_folder.alone(places):
        thread = serve(places, Notes(), listener)
        with pytest.raises(Refused, match="another restore, or an installation, is at work"):
            client.ask(path=tmp_path / "sock")
        thread.join(10)


def test_a_box_that_was_never_set_up_says_so(
    tmp_path: Path, listener: socket.socket, places: Places
) -> None:
    thread = serve(Places(tmp_path / "nothing"), Notes(), listener)
    with pytest.raises(Refused, match="this box has no factory state"):
        client.ask(path=tmp_path / "sock")
    thread.join(10)


# -- the caller ----------------------------------------------------------------------------------


def test_a_machine_without_the_socket_is_no_appliance(tmp_path: Path) -> None:
    assert not client.is_appliance(tmp_path / "sock")
    with pytest.raises(NotAnAppliance, match="nothing was changed") as refusal:
        client.ask(path=tmp_path / "sock")
    assert isinstance(refusal.value, RuntimeError)


def test_a_socket_that_nobody_may_use_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shut(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket, "socket", Shut)
    with pytest.raises(NotAllowed, match="only root and ivsd"):
        client.ask(path=tmp_path / "sock")


def answering(listener: socket.socket, reply: bytes) -> threading.Thread:
    def run() -> None:
        with listener.accept()[0] as connection:
            connection.sendall(reply)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (b"", "ended without an answer"),
        (b"\xff\n", "ended without an answer"),
        (b"[]\n", "ended without an answer"),
        (b'{"ok": "yes"}\n', "ended without an answer"),
        (b'{"ok": tr', "ended without an answer"),
        (json.dumps({"ok": False, "error": "the disk is full"}).encode() + b"\n", "disk is full"),
        (b"x" * 70_000, "ended without an answer"),
    ],
)
def test_what_is_no_yes_is_a_refusal(
    listener: socket.socket, tmp_path: Path, reply: bytes, sentence: str
) -> None:
    thread = answering(listener, reply)
    with pytest.raises(Refused, match=sentence):
        client.ask(path=tmp_path / "sock")
    thread.join(10)


def test_silence_is_not_waited_for(listener: socket.socket, tmp_path: Path) -> None:
    before = time.monotonic()
    with pytest.raises(Refused, match="it may come all the same"):
        client.ask(0.2, tmp_path / "sock")
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("error", [NotAnAppliance, NotAllowed, Refused])
def test_the_documented_module_asks_and_raises(
    monkeypatch: pytest.MonkeyPatch, error: type[FactoryDefaultError]
) -> None:
    asked: list[Callable[..., None] | None] = []

    def ask() -> None:
        asked.append(None)
        if len(asked) > 1:
            raise error("why")

    monkeypatch.setattr(client, "ask", ask)
    ivs.factorydefault()
    with pytest.raises(error, match="why"):
        ivs.factorydefault()
    assert issubclass(error, RuntimeError)

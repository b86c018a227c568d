"""`ivsd doctor`: the whole walk, what it prints, and what it ends with."""

from __future__ import annotations

import io
import json
import os
import pty
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import control_client
from ivsd.appliance import settings as appliance_settings
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.operations import ANSWER_WITHIN_S
from ivsd.appliance.settings import service_credentials
from ivsd.appliance.status import ConfigStatus, DeviceStatus, LinkStatus
from ivsd.config.password import CREDENTIAL
from ivsd.doctor import (
    Area,
    Finding,
    command,
    configuration,
    devices,
    doctor,
    findings,
    systemd,
)
from ivsd.doctor.box import Box
from ivsd.doctor.daemon import Daemon
from ivsd.doctor.finding import CAUSES_FIRST, what_to_do
from ivsd.doctor.finding import wrong as made_wrong
from ivsd.doctor.server import Way
from ivsd.doctor.walk import walk
from ivsd.valt.simulator import Simulator, World
from tests.doctor_box import NOBODY, PASSWORD, FakeDaemon, a_box, a_status, wrong

NO_NAME = "http://no-such-host.invalid"
LAMP = "lights: {lamps: [{name: status, lines: [22]}]}\n"


def text_of(url: str, *, password: str = PASSWORD, room: str = "4", rest: str = "") -> str:
    secret = f'  password: "{password}"\n' if password else ""
    return f"valt:\n  url: {url}\n  username: admin\n  timeout_s: 2\n{secret}room: {room}\n{rest}"


@pytest.fixture
def valt() -> Iterator[Simulator]:
    with Simulator(World(), password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def no_other_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No systemd, no daemon and no password of this machine."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    FakeDaemon(NOBODY).answers(monkeypatch)


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command on a box of its own; every text of it is looked through for the password."""

    def _run(text: str, *, as_json: bool = False, says: Any = None) -> tuple[int, str]:
        box = a_box(tmp_path, text)
        if says is not None:
            FakeDaemon(says(box)).answers(monkeypatch)
        monkeypatch.setattr(command, "Box", lambda config, socket: box)
        code = doctor(box.config, box.socket, as_json=as_json, asks=True)
        out, err = capsys.readouterr()
        assert err == ""
        assert PASSWORD not in out
        return code, out

    return _run


def right(box: Box) -> Any:
    """The daemon of this box, which is well."""
    return a_status(box)


def lines_of(out: str, area: str) -> list[str]:
    """The lines of an area, each with its mark before it."""
    split = [line.split(maxsplit=2) for line in out.splitlines()]
    return [f"{words[0]} {words[2]}" for words in split if len(words) == 3 and words[1] == area]


# -- the whole ------------------------------------------------------------------------------------


def test_a_box_on_which_all_is_right_ends_with_0_and_says_so(valt: Simulator, run: Run) -> None:
    code, out = run(text_of(valt.url), says=right)
    assert (code, out.splitlines()[-1]) == (0, "All right.")
    areas = list(dict.fromkeys(line.split()[1] for line in out.splitlines()[:-2]))
    assert areas == [area.value for area in Area]
    assert "WRONG" not in out


def test_the_limits_of_all_looks_together_are_less_than_a_minute() -> None:
    probe_s = 40.0  # as its docstring promises
    socket_s = max(control_client.TIMEOUT_S, ANSWER_WITHIN_S + control_client.LATER_S)
    assert systemd.TIMEOUT_S + socket_s + devices.ALL_WITHIN_S + probe_s < 60


def test_every_area_has_its_place_among_causes_and_effects() -> None:
    assert sorted(CAUSES_FIRST) == sorted(Area)


def test_what_is_wrong_ends_with_1_and_a_list_of_what_to_do(run: Run, valt: Simulator) -> None:
    code, out = run(text_of(valt.url, room='"Interwiev Room 1"'), says=right)
    assert code == 1
    assert out.splitlines()[-2:] == [
        "What to do:",
        "  1. Is it 'Interview Room 1' (room 4) or 'Interview Room 2' (room 7)?",
    ]


def test_causes_come_before_their_effects_and_each_only_once() -> None:
    found = [
        made_wrong(Area.SERVER, "no log-in", "ask for the password"),
        made_wrong(Area.DEVICES, "no reader", "plug it in"),
        made_wrong(Area.DEVICES, "no keypad", "plug it in"),
        made_wrong(Area.CLOCK, "1970", "set the clock"),
        made_wrong(Area.DISK, "full", "make room"),
        Finding(Area.CONFIG, True, "all right"),
    ]
    assert what_to_do(found) == ["make room", "set the clock", "ask for the password", "plug it in"]


def test_a_name_that_cannot_be_resolved_is_the_one_thing_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_knows(*args: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)

    def lost(box: Box) -> Any:
        link = LinkStatus(NO_NAME, False, "no_link", "the name has no address", 9.0, None, "", "")
        return a_status(box, link=link)

    code, out = run(text_of(NO_NAME), says=lost)
    assert code == 1
    todo = out[out.index("What to do:") :].splitlines()[1:]
    assert len(todo) == 1
    assert "no-such-host.invalid" in todo[0]
    assert [line for line in lines_of(out, "server") if line.startswith("-")][-1].startswith(
        "- ivsd itself: down"
    )


def test_a_wrong_file_does_not_keep_the_rest_from_being_looked_at(
    valt: Simulator, run: Run
) -> None:
    code, out = run(text_of(valt.url, rest="lihgts: {}\n"), says=right)
    assert code == 1
    assert "lihgts" in lines_of(out, "config")[0]
    assert any("logged in" in line for line in lines_of(out, "server"))
    assert "reload ivsd" in out or "Correct line 7" in out


@pytest.mark.parametrize("text", ["valt: [", "", "\x00"])
def test_a_file_that_cannot_be_read_ends_with_2_and_the_rest_is_looked_at(
    run: Run, text: str
) -> None:
    code, out = run(text)
    assert code == 2
    assert [line[0] for line in lines_of(out, "server")] == ["-"]
    assert lines_of(out, "disk")


def test_a_file_that_is_not_there_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(tmp_path / "no.yaml", tmp_path / "no.sock", as_json=False, asks=False) == 2
    assert "No such file" in capsys.readouterr().out


def test_wrong_cards_and_a_wrong_web_yaml_are_told(
    valt: Simulator, tmp_path: Path, run: Run
) -> None:
    folder = a_box(tmp_path, "").config.parent
    (folder / "cards.yaml").write_text("cards: [{number: '0012345678'}]\n")
    (folder / "web.yaml").write_text("port: 0\n")
    code, out = run(text_of(valt.url), says=right)
    assert code == 1
    assert "says nothing of the badge" in out
    assert "web.yaml:1: port" in out
    assert "0012345678" not in out


def test_a_wrong_password_is_told_and_never_shown(valt: Simulator, run: Run) -> None:
    code, out = run(text_of(valt.url, password="another 99"), says=right)
    assert code == 1
    assert "another 99" not in out
    assert "WRONG log-in: " in " ".join(lines_of(out, "server"))


def test_without_a_password_there_is_one_thing_to_do(valt: Simulator, run: Run) -> None:
    code, out = run(text_of(valt.url, password=""), says=right)
    assert code == 1
    assert out[out.index("What to do:") :].count("\n") == 2
    assert "- log-in: not tried" in " ".join(lines_of(out, "server"))


def test_a_device_that_is_missing_is_told_by_the_daemon(valt: Simulator, run: Run) -> None:
    missing = DeviceStatus("reader", "reader", False, "reader: not found (id 08ff:0009)")
    code, out = run(text_of(valt.url), says=lambda box: a_status(box, missing))
    assert (code, lines_of(out, "devices")) == (1, ["WRONG reader: not found (id 08ff:0009)"])


def test_no_daemon_is_wrong_and_the_rest_is_looked_at(valt: Simulator, run: Run) -> None:
    code, out = run(text_of(valt.url))
    assert code == 1
    assert "WRONG no daemon answers" in " ".join(lines_of(out, "service"))
    assert any("logged in" in line for line in lines_of(out, "server"))


def test_a_daemon_that_says_no_leads_to_sudo(valt: Simulator, run: Run) -> None:
    refusal = ControlError("no_permission", "control.sock is for the group ivsd only")
    code, out = run(text_of(valt.url), says=lambda box: refusal)
    assert (code, out.splitlines()[-1]) == (0, command.MORE)


def test_a_defect_in_one_look_does_not_cost_the_others(
    valt: Simulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **more: Any) -> Iterator[Finding]:
        raise ZeroDivisionError(PASSWORD)
        yield

    monkeypatch.setattr(devices, "findings", broken)
    code, out = run(text_of(valt.url), says=right)
    assert code == 1
    assert "a defect in ivsd itself: ZeroDivisionError" in lines_of(out, "devices")[0]
    assert lines_of(out, "disk")


def test_nothing_at_the_server_is_changed(valt: Simulator, run: Run) -> None:
    run(text_of(valt.url), says=right)
    posts = [exchange for exchange in valt.requests if exchange.method != "GET"]
    assert len(posts) == 1  # the log-in


# -- JSON, and no secrets -------------------------------------------------------------------------


def test_json_is_one_document(valt: Simulator, run: Run) -> None:
    code, out = run(text_of(valt.url, rest=LAMP), as_json=True)
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    assert document["what_to_do"]
    assert {finding["area"] for finding in document["findings"]} == {area.value for area in Area}
    assert document["findings"][0] == {
        "area": "config",
        "ok": True,
        "text": document["findings"][0]["text"],
        "advice": "",
        "needs_root": False,
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_password_that_others_quote_is_taken_out(
    valt: Simulator, run: Run, as_json: bool
) -> None:
    """The fixture looks for it: the daemon quotes it wherever it can here."""
    quoted = f"cannot use {PASSWORD}"

    def quoting(box: Box) -> Any:
        return a_status(
            box,
            DeviceStatus("reader", "reader", False, quoted),
            config=ConfigStatus(str(box.config), True, (quoted,)),
            link=LinkStatus("http://valt", False, "no_link", quoted, 9.0, None, PASSWORD, "none"),
            version=PASSWORD,
        )

    _, out = run(text_of(valt.url), as_json=as_json, says=quoting)
    assert "cannot use …" in out


@pytest.mark.parametrize(
    "common", ["sudo", "ivsd", "lamp", "room", "password", "logged", "server", "journalctl"]
)
def test_a_password_that_is_a_common_word_leaves_no_gap_in_our_own_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, common: str
) -> None:
    """A gap where everybody knows the word would tell it."""
    box = a_box(tmp_path, text_of("http://127.0.0.1:1", password=common, rest=LAMP))
    FakeDaemon(a_status(box)).answers(monkeypatch)
    told = [f"{finding.text} {finding.advice}" for finding in walk(box, None)]
    assert [line for line in told if "…" in line] == []


@pytest.mark.parametrize("ok", [True, False, None])
def test_a_secret_is_taken_out_of_what_is_quoted_only(ok: bool | None) -> None:
    said = "hunter22: gone"
    finding = Finding(Area.DEVICES, ok, f"hunter22 “{said}”", f"see {said}", quotes=(said,))
    hidden = finding.without("hunter22")
    assert (hidden.text, hidden.advice) == ("hunter22 “…: gone”", "see …: gone")


def test_a_password_that_was_typed_as_the_room_is_taken_out(valt: Simulator, run: Run) -> None:
    """Again the fixture looks for it."""
    _, out = run(text_of(valt.url, room=f'"{PASSWORD}"'), says=right)
    assert "no room named '…'" in out


@pytest.mark.parametrize(
    "text",
    [
        f"valt: {{url: 'https://a:{PASSWORD}@valt.example', username: a}}\nroom: 4\n",
        f"valt: {{url: 'http://127.0.0.1:1', username: a, pasword: {PASSWORD}}}\nroom: 4\n",
        f"valt: {{url: 'http://127.0.0.1:1', username: a, password: [{PASSWORD}]}}\nroom: 4\n",
        f"valt: {{url: 'http://127.0.0.1:1', username: a, password: '{PASSWORD}\n",
        f"valt:\n  password: {PASSWORD}\n  : {PASSWORD}\n",
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_password_in_a_wrong_file_is_not_shown(run: Run, text: str, as_json: bool) -> None:
    code, _ = run(text, as_json=as_json)  # which looks for it
    assert code in (1, 2)


def test_a_name_from_elsewhere_does_not_move_the_cursor(valt: Simulator, run: Run) -> None:
    valt.world.rooms[4].name = "Lab\x1b[2J"
    _, out = run(text_of(valt.url), says=right)
    assert "\x1b" not in out


# -- the person -----------------------------------------------------------------------------------


def test_who_is_no_terminal_is_not_asked(valt: Simulator, run: Run) -> None:
    _, out = run(text_of(valt.url, rest=LAMP), says=right)
    assert lines_of(out, "lights") == ["- not tried: nobody is asked what the lamps show"]


@pytest.mark.parametrize(("asks", "as_json"), [(False, False), (True, True), (True, False)])
def test_a_person_at_a_terminal_is_asked_unless_told_not_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asks: bool,
    as_json: bool,
) -> None:
    given: list[Any] = []

    def stroll(box: Box, person: Any) -> Iterator[Finding]:
        given.append(person)
        return iter(())

    monkeypatch.setattr(command, "walk", stroll)
    main, side = pty.openpty()
    with open(side, encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        doctor(tmp_path / "x", tmp_path / "y", as_json=as_json, asks=asks)
    os.close(main)
    assert (given[0] is not None) is (asks and not as_json)


def test_ctrl_c_ends_it_with_130_and_a_new_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(box: Box, person: Any) -> Iterator[Finding]:
        yield Finding(Area.CONFIG, True, "all right")
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "walk", interrupted)
    assert doctor(tmp_path / "x", tmp_path / "y", as_json=False, asks=True) == 130
    out, err = capsys.readouterr()
    assert (out, err) == ("ok     config       all right\n", "\n")


def test_the_answer_to_a_question_is_read_from_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("red\n"))
    assert command.Terminal().ask("Which?\x1b ") == "red"
    with pytest.raises(EOFError):
        command.Terminal().ask("Which? ")
    assert "\x1b" not in capsys.readouterr().out


# -- for the diagnostics bundle -------------------------------------------------------------------


def test_the_bundle_gets_all_that_needs_no_person(valt: Simulator, tmp_path: Path) -> None:
    box = a_box(tmp_path, text_of(valt.url, rest=LAMP))
    found = list(findings(box.config, box.socket))
    assert {finding.area for finding in found} == set(Area)
    assert wrong(found)[0] == str(NOBODY)
    assert PASSWORD not in repr(found)


# -- the service's own password -------------------------------------------------------------------


@pytest.fixture
def credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemd shows root of the service at tmp_path/ivsd.yaml."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / CREDENTIAL).write_text(PASSWORD, encoding="utf-8")
    monkeypatch.setattr(appliance_settings, "CREDENTIALS", folder)
    monkeypatch.setattr(appliance_settings, "DEFAULT_CONFIG", tmp_path / "etc/ivsd/ivsd.yaml")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return folder


def test_root_finds_the_password_that_systemd_gives_to_the_service(
    tmp_path: Path, credential: Path
) -> None:
    box = a_box(tmp_path, text_of("http://127.0.0.1:1", password="of the file"))
    way = Way.of(box.config, box.state)
    assert way.secret is not None
    assert way.secret.reveal() == PASSWORD  # it wins over the file (decision 5)


def test_no_other_file_gets_the_password_of_the_service(tmp_path: Path, credential: Path) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(text_of("http://127.0.0.1:1", password=""))
    assert service_credentials(draft) is None
    state = tmp_path / "state"
    state.mkdir()
    (state / CREDENTIAL).write_text(PASSWORD, encoding="utf-8")
    assert Way.of(draft, state).secret is None
    found = list(configuration.findings(Box(draft, tmp_path / "s", state), Way.of(draft, state)))
    assert "this file must bring one" in wrong(found)[0]
    assert f"of {draft} names" in found[-1].advice


def test_who_is_not_root_does_not_look_for_it(
    tmp_path: Path, credential: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert service_credentials(tmp_path / "etc" / "ivsd" / "ivsd.yaml") is None


def test_a_password_that_only_root_can_find_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = a_box(tmp_path, text_of("http://127.0.0.1:1", password=""))
    monkeypatch.setattr(appliance_settings, "DEFAULT_CONFIG", box.config)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = list(configuration.findings(box, Way.of(box.config, box.state)))
    assert wrong(found) == []
    assert found[-1].needs_root


def test_a_file_that_only_root_may_read_leads_to_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = a_box(tmp_path, "")

    def refused(self: Path, *args: Any, **more: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refused)
    found = list(configuration.findings(box, Way.of(box.config, box.state)))
    assert what_to_do(found) == ["Try again with sudo."]


def test_the_doctor_has_no_lamp_in_hand_when_a_daemon_may_have_it() -> None:
    assert Daemon(None, ControlError("busy", "too many"), {}).may_run
    assert not Daemon(None, NOBODY, {}).may_run

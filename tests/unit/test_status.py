"""The status: its documented form, its words, and that no secret is in it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivsd.appliance import control_client, status, status_command, status_words
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import (
    ConfigStatus,
    ControlStatus,
    DeviceStatus,
    FactoryDefaultStatus,
    FrameStatus,
    LampStatus,
    LightsStatus,
    LinkStatus,
    NotAStatus,
    OutboxStatus,
    OutcomeStatus,
    RoomStatus,
    Status,
    from_json,
    to_json,
)
from ivsd.appliance.status_words import clock, duration, lines, room_state, wrong
from ivsd.cli import main
from ivsd.controller import Controller
from ivsd.controller.snapshot import LAST_OUTCOMES
from ivsd.events import (
    Action,
    Answered,
    Ask,
    Binding,
    BoxFault,
    ControlRules,
    DeviceLost,
    FactoryStage,
    Gesture,
    Keep,
    Kept,
    OutboxLost,
    OutboxRead,
    Pressed,
    Reconfigured,
    RoomPolled,
    Rules,
    WatchFailed,
)
from ivsd.outputs.patterns import LIGHT_LANGUAGE
from ivsd.valt.errors import LinkFault, Unreachable
from ivsd.valt.model import RoomState
from ivsd.valt.model import RoomStatus as Polled

FULL = Status(
    version="0.1.0",
    uptime_s=3700.04,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", True, ()),
    room=RoomStatus("4", 4, "Interview Room 1", "recording", "recording", False, True, 61.0, 0.5),
    link=LinkStatus("https://valt", True, "", "", 90.0, 80.0, "6.5.2", "system"),
    lights=LightsStatus("recording", "", False, "marked", 3),
    lamps=(
        LampStatus("sign", "recording", "led", (FrameStatus("red", 1000),), ()),
        LampStatus(
            "status", "status", "rgb", (FrameStatus("red", 1000),), (FrameStatus("off", 120),)
        ),
    ),
    controls=(ControlStatus("record", "starts or stops a recording", "GPIO line 17"),),
    devices=(
        DeviceStatus("reader", "reader", True, ""),
        DeviceStatus("lamp sign", "lamp", True, ""),
    ),
    outbox=OutboxStatus(0, ""),
    outcomes=(
        OutcomeStatus("2026-11-23T12:00:00+00:00", 61.0, "record", "start", "done", "begun"),
    ),
    factory_default=FactoryDefaultStatus(True),
)
BROKEN = replace(
    FULL,
    config=ConfigStatus("/etc/ivsd/ivsd.yaml", False, ("ivsd.yaml:2: valt.url: is wrong",)),
    room=RoomStatus("", None, "", None, None, False, False, None, None),
    link=LinkStatus("", False, "starting", "", 3.0, None, "", "none"),
    lights=LightsStatus("config", "config", False, None, 0),
    outcomes=(),
)


# -- the form -------------------------------------------------------------------------------------


def keys(kind: type[Any]) -> Iterator[str]:
    for item in dataclasses.fields(kind):
        yield item.name


def test_every_key_is_documented_and_nothing_else_is() -> None:
    doc = status.__doc__ or ""
    documented = re.findall(r"^ {4}(?: {2}){0,2}([a-z_]+)(?: |$)", doc, re.MULTILINE)
    kinds = [
        Status, ConfigStatus, RoomStatus, LinkStatus, LightsStatus, DeviceStatus, OutboxStatus,
        OutcomeStatus, FactoryDefaultStatus, LampStatus, FrameStatus, ControlStatus,
    ]  # fmt: skip
    assert sorted(documented) == sorted(key for kind in kinds for key in keys(kind))


@pytest.mark.parametrize("found", [FULL, BROKEN], ids=["full", "broken"])
def test_what_was_written_is_read_again(found: Status) -> None:
    again = from_json(json.loads(json.dumps(to_json(found))))
    assert again == replace(found, uptime_s=3700.0)


def test_a_newer_daemon_may_say_more() -> None:
    data = to_json(FULL)
    data["new"] = data["room"]["new"] = 1
    assert from_json(data).room == FULL.room


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.update(schema=2),
        lambda data: data.pop("schema"),
        lambda data: data.pop("room"),
        lambda data: data.update(room=[]),
        lambda data: data.update(devices={}),
        lambda data: data.update(devices=[7]),
        lambda data: data["room"].pop("name"),
        lambda data: data["room"].update(id="4"),
        lambda data: data["link"].update(up=1),
        lambda data: data["config"].update(problems=[None]),
    ],
)
def test_what_is_no_status_is_told(spoil: Any) -> None:
    data = to_json(FULL)
    spoil(data)
    with pytest.raises(NotAStatus):
        from_json(data)


@pytest.mark.parametrize("data", [None, [], "status", 7, {}])
def test_other_json_is_no_status(data: object) -> None:
    with pytest.raises(NotAStatus):
        from_json(data)


# -- secrets --------------------------------------------------------------------------------------

PASSWORD, TOKEN, CARD = "swordfish", "0123456789abcdef0123456789abcdef", "0004711001"


def test_no_secret_is_in_it_wherever_it_was_put() -> None:
    evil = (
        f"{PASSWORD} {TOKEN} access_token={TOKEN} cardNumber={CARD} password: {PASSWORD} "
        f"the card {CARD}, “{CARD}” and card:{CARD}."
    )
    text = evil.replace(f"the card {CARD}, “{CARD}” and card:{CARD}.", "")  # as the server's words
    found = replace(
        FULL,
        config=ConfigStatus(text, True, (text,)),
        room=replace(FULL.room, name=text, configured=text),
        link=replace(FULL.link, why=evil, server_version=text, trust=text, url=text),
        devices=(DeviceStatus(text, text, False, text),),
        outbox=OutboxStatus(0, text),
        outcomes=(OutcomeStatus("t", 1.0, text, text, text, evil),),
    )
    told = json.dumps(to_json(found, [PASSWORD, TOKEN, ""]), ensure_ascii=False)
    for secret in (PASSWORD, TOKEN, CARD):
        assert secret not in told
    assert "…001" in told


def test_what_is_no_card_number_stays() -> None:
    reason = "recording 1234567 of 2026-11-23, id 0f1e2d3c-4b5a-6978-8796-12345678901a"
    found = replace(FULL, outcomes=(replace(FULL.outcomes[0], reason=reason),))
    assert to_json(found)["outcomes"][0]["reason"] == reason


def test_a_short_password_does_not_black_out_everything() -> None:
    assert to_json(FULL, ["a", "", "re"]) == to_json(FULL)


# -- words ----------------------------------------------------------------------------------------


def test_a_box_that_is_all_right_says_so() -> None:
    assert wrong(FULL) == []
    text = "\n".join(lines(FULL))
    assert text.startswith("ivsd 0.1.0, running for 61 min: all right\n")
    assert "Interview Room 1: recording for 0:01:01" in text
    assert "up for 90 s (VALT 6.5.2), logged in 80 s ago" in text
    assert "Device   reader: ready" in text
    assert "2026-11-23T12:00:00+00:00  record (start): done: begun" in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"config": ConfigStatus("f", False, ("f:2: wrong",))}, "f:2: wrong"),
        ({"config": ConfigStatus("f", True, ("f:2: wrong",))}, "f:2: wrong"),
        ({"config": ConfigStatus("f", False, ())}, "was not read yet"),
        ({"link": replace(FULL.link, up=False, fault="no_link", why="it is off")}, "it is off"),
        ({"link": replace(FULL.link, up=False, fault="starting")}, "starting"),
        (
            {"devices": (DeviceStatus("reader", "reader", False, "reader: not found"),)},
            "reader: not found",
        ),
        ({"outbox": OutboxStatus(0, "the disk is full")}, "the disk is full"),
        ({"lights": LightsStatus("recording", "device", False, None, 0)}, "a device is missing"),
    ],
)
def test_what_is_wrong_is_said_in_words(change: dict[str, Any], told: str) -> None:
    found = replace(FULL, **change)
    (problem,) = wrong(found)
    assert told in problem
    text = "\n".join(lines(found))
    assert "something is wrong" in text
    assert f"  ! {problem}" in text


def test_a_broken_configuration_has_words_too() -> None:
    text = "\n".join(lines(BROKEN))
    assert "no room is configured: state not known yet" in text
    assert "none: not connected" in text
    assert "config (the configuration is wrong)" in text
    assert "ivsd.yaml (wrong, not in use)" in text


def test_the_last_known_state_is_told_as_such_while_the_link_is_down() -> None:
    room = replace(FULL.room, shown=None, confirmed_s_ago=300.0)
    assert "for 0:01:01 when it was last seen, 5 min ago; not known now" in room_state(room)


def test_a_lock_does_not_hide_a_recording() -> None:
    assert room_state(replace(FULL.room, state="locked", recording_s=None)) == "recording, locked"


def test_markers_that_wait_and_a_press_under_way_are_told() -> None:
    found = replace(
        FULL, outbox=OutboxStatus(3, ""), lights=LightsStatus("no_link", "no_link", True, None, 0)
    )
    text = "\n".join(lines(found))
    assert "3 markers wait" in text
    assert "a press is under way" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0 s"), (0.9, "0 s"), (119.9, "119 s"), (120, "2 min"), (7199, "119 min"),
        (7200, "2 h"), (7260, "2 h 1 min"), (172799, "47 h 59 min"), (172800, "2 days"),
    ],
)  # fmt: skip
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_clock_of_a_recording() -> None:
    assert [clock(0), clock(3661.9), clock(-3)] == ["0:00:00", "1:01:01", "0:00:00"]


def test_every_fault_and_state_has_words() -> None:
    assert status_words.FAULTS.keys() == {*LinkFault, *BoxFault}
    assert status_words.STATES.keys() == set(RoomState)
    assert status_words.RESETS.keys() == set(FactoryStage)
    assert status_words.FAULTS.keys() <= LIGHT_LANGUAGE.keys()


# -- the command ----------------------------------------------------------------------------------


def answer_with(monkeypatch: pytest.MonkeyPatch, found: Status | ControlError) -> None:
    def ask(path: Path) -> Status:
        if isinstance(found, ControlError):
            raise found
        return found

    monkeypatch.setattr(control_client, "status", ask)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (FULL, 0),
        (BROKEN, 1),
        (ControlError("no_daemon", "no daemon answers"), 3),
        (ControlError("no_answer", "the daemon does not answer"), 3),
        (ControlError("no_permission", "group ivsd"), 4),
        (ControlError("busy", "too many programs ask ivsd"), 4),
    ],
)
def test_the_exit_code_tells_how_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    found: Status | ControlError, code: int,
) -> None:  # fmt: skip
    answer_with(monkeypatch, found)
    assert main(["status"]) == code
    said = capsys.readouterr()
    assert bool(said.out) is isinstance(found, Status)
    assert bool(said.err) is not isinstance(found, Status)


def test_json_is_one_line_of_the_documented_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, BROKEN)
    assert main(["status", "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == to_json(BROKEN)


def test_foreign_words_do_not_move_the_cursor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, replace(FULL, room=replace(FULL.room, name="\x1b[2J\nRoom")))
    main(["status"])
    assert "\ufffd[2J\ufffdRoom" in capsys.readouterr().out


@pytest.mark.parametrize("as_json", [True, False])
def test_watching_prints_after_each_change_until_the_daemon_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    def follow(path: Path) -> Iterator[Status]:
        yield FULL
        yield BROKEN
        raise ControlError("no_answer", "the daemon has ended")

    monkeypatch.setattr(control_client, "follow", follow)
    assert status_command.status(Path("s"), as_json=as_json, watch=True) == 3
    said = capsys.readouterr()
    assert said.out.count("\n\n") == (0 if as_json else 1)
    assert "has ended" in said.err


# -- what the controller knows of itself ----------------------------------------------------------

RULES = Rules(
    {
        "marker": ControlRules({Gesture.PRESS: (Binding(Action.MARKER, "M"),)}),
        "record": ControlRules({Gesture.PRESS: (Binding(Action.RECORD_TOGGLE),)}),
    }
)
DOWN = Unreachable("refuses connections")


def polled(state: RoomState, at: float) -> RoomPolled:
    records = state is RoomState.RECORDING
    return RoomPolled(Polled(state, 9 if records else None, records), at, at)


def test_a_controller_that_knows_nothing_says_so() -> None:
    found = Controller(RULES).snapshot(5.0)
    assert (found.status, found.confirmed_at, found.recording_s) == (None, None, None)
    assert (found.link_up, found.outcomes, found.missing) == (False, (), {})


def test_the_age_of_a_state_is_that_of_its_last_confirmation() -> None:
    box = Controller(RULES)
    box.step(polled(RoomState.RECORDING, 10.0), 10.0)
    box.step(polled(RoomState.RECORDING, 11.0), 11.0)
    box.step(WatchFailed(DOWN, 15.0), 15.0)
    box.step(WatchFailed(DOWN, 16.0), 16.0)
    found = box.snapshot(20.0)
    assert (found.confirmed_at, found.link_since, found.link_up) == (11.0, 15.0, False)
    assert found.status is not None
    assert found.recording_s == 10.0
    box.step(Reconfigured(RULES, new_room=True), 21.0)
    found = box.snapshot(22.0)
    assert (found.status, found.confirmed_at, found.link_since) == (None, None, 21.0)


def test_the_servers_yes_confirms_a_state_as_well() -> None:
    box = Controller(RULES)
    box.step(polled(RoomState.AVAILABLE, 10.0), 10.0)
    step = box.step(Pressed("record", 12.0), 12.0)
    (ask,) = [command for command in step.commands if isinstance(command, Ask)]
    box.step(Answered(ask.id, 9, 12.0, 12.5), 12.5)
    found = box.snapshot(13.0)
    assert found.confirmed_at == 12.5
    assert found.status is not None
    assert found.status.state is RoomState.RECORDING


def test_the_last_outcomes_are_kept_and_no_more() -> None:
    box = Controller(RULES)
    for number in range(LAST_OUTCOMES + 5):
        box.step(Pressed(f"control {number}", number), number)
    sources = [outcome.source for outcome in box.snapshot(99.0).outcomes]
    assert sources == [f"control {number}" for number in range(24, 4, -1)]


def test_what_is_missing_and_what_waits_is_counted() -> None:
    box = Controller(RULES)
    box.step(OutboxRead(()), 1.0)
    box.step(polled(RoomState.RECORDING, 10.0), 10.0)
    box.step(WatchFailed(DOWN, 15.0), 15.0)
    step = box.step(Pressed("marker", 16.0), 16.0)
    (keep,) = [command for command in step.commands if isinstance(command, Keep)]
    box.step(Kept(keep.marker.id), 16.1)
    box.step(DeviceLost("reader", "reader: not found"), 17.0)
    box.step(OutboxLost("the disk is full"), 17.0)
    found = box.snapshot(18.0)
    assert found.waiting == 1
    assert found.missing == {"reader": "reader: not found", "outbox": "the disk is full"}

"""The status in words: for the terminal, for the page, and whether all is right."""

from __future__ import annotations

from collections.abc import Iterator

from ivsd.appliance.status import OutcomeStatus, RoomStatus, Status

FAULTS = {
    "starting": "starting: the server was not reached yet",
    "no_link": "no link: the server does not answer",
    "no_login": "the server refuses the log-in",
    "tls": "the server's certificate is not trusted",
    "clock": "this box has the wrong time: the server's certificate is not valid yet",
    "server": "something answers, but not as VALT does",
    "no_room": "the server has no such room",
    "config": "the configuration is wrong",
    "device": "a device is missing",
}
"""What the words of the light language stand for, as far as they are faults."""

RESETS = {
    "reset_counting": "the control for the factory state is held down",
    "reset_ready": "let go now to restore the factory state",
    "reset_confirm": "press again to restore the factory state",
    "restoring": "the factory state is being restored",
}
"""The same for somebody who wants the factory state."""

STATES = {
    "available": "free",
    "prepared": "prepared for a recording",
    "recording": "recording",
    "paused": "recording, paused",
    "locked": "locked",
    "unknown": "in a state that ivsd does not know",
}


def duration(seconds: float) -> str:
    """Say how long: 42 s, 5 min, 3 h 20 min, 2 days."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"


def clock(seconds: float) -> str:
    """Say how far a recording is: 1:02:03."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def wrong(status: Status) -> list[str]:
    """List what is wrong, as sentences; empty when all is right."""
    found = list(status.config.problems)
    if not status.config.loaded and not found:
        found.append("the configuration was not read yet")
    if status.config.loaded and not status.link.up:
        found.append(status.link.why or FAULTS["starting"])
    found += [device.problem for device in status.devices if not device.ready]
    if status.outbox.problem:
        found.append(status.outbox.problem)
    fault = status.lights.fault
    if fault and not found:
        found.append(FAULTS.get(fault, fault))
    return found


def room_called(room: RoomStatus) -> str:
    """Name the room as people know it."""
    if room.name:
        return room.name
    return f"room {room.configured}" if room.configured else "no room is configured"


def room_state(room: RoomStatus) -> str:
    """Say what the room does, and how sure that is."""
    if room.state is None:
        return "state not known yet"
    words = STATES.get(room.state, room.state)
    if room.records and room.state not in ("recording", "paused"):
        words = f"recording, {words}"
    if room.recording_s is not None:
        words += f" for {clock(room.recording_s)}"
    if room.shown is None and room.confirmed_s_ago is not None:
        words += f" when it was last seen, {duration(room.confirmed_s_ago)} ago; not known now"
    return words


def link_state(status: Status) -> str:
    """Say whether the server is there."""
    link = status.link
    if not link.url:
        return "not connected: there is no right configuration"
    if link.up:
        version = f" (VALT {link.server_version})" if link.server_version else ""
        login = f", logged in {duration(link.login_s_ago)} ago" if link.login_s_ago else ""
        return f"up for {duration(link.since_s)}{version}{login}"
    why = link.why or FAULTS["starting"]
    return f"down for {duration(link.since_s)}: {why}"


def light_state(status: Status) -> str:
    """Say what the lamps show."""
    lights = status.lights
    more = []
    if lights.pending and lights.name != "pending":
        more.append("a press is under way")
    if lights.fault and lights.fault != lights.name:
        more.append(f"blinks in between: {FAULTS.get(lights.fault, lights.fault)}")
    meaning = (FAULTS | RESETS).get(lights.name)
    return "; ".join([f"{lights.name} ({meaning})" if meaning else lights.name, *more])


def outcome_line(outcome: OutcomeStatus) -> str:
    """Say how a press ended."""
    return f"{outcome.source} ({outcome.action}): {outcome.result}: {outcome.reason}"


def summary(status: Status) -> str:
    """Say in one line what `systemctl status` shows."""
    if reset := RESETS.get(status.lights.name):
        return reset
    if status.config.problems and not status.config.loaded:
        return f"the configuration is wrong: {status.config.problems[0]}"
    said = STATES.get(status.room.shown or "", "state not known")
    return "; ".join([f"{room_called(status.room)}: {said}", *wrong(status)[:1]])


def lines(status: Status) -> Iterator[str]:
    """Yield what `ivsd status` prints."""
    trouble = wrong(status)
    yield f"ivsd {status.version}, running for {duration(status.uptime_s)}: " + (
        "something is wrong" if trouble else "all right"
    )
    yield from (f"  ! {problem}" for problem in trouble)
    yield f"Room     {room_called(status.room)}: {room_state(status.room)}"
    yield f"Server   {status.link.url or 'none'}: {link_state(status)}"
    yield f"Lights   {light_state(status)}"
    for device in status.devices:
        yield f"Device   {device.name}: {'ready' if device.ready else device.problem}"
    if status.outbox.waiting:
        yield f"Outbox   {status.outbox.waiting} markers wait for the server"
    loaded = "" if status.config.loaded else " (wrong, not in use)"
    if status.config.loaded and status.config.problems:
        loaded = " (wrong: the one from before is in use)"
    yield f"Config   {status.config.file}{loaded}"
    if status.outcomes:
        yield "Last presses, badges and PINs:"
    for outcome in status.outcomes:
        yield f"  {outcome.time}  {outcome_line(outcome)}"

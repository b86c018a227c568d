"""The daemon that runs, and what it says of itself; its service, its pages, its factory state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivsd import __version__
from ivsd.appliance import control_client
from ivsd.appliance.control_client import ControlError
from ivsd.appliance.factory import client as factory_default
from ivsd.appliance.status import Status
from ivsd.appliance.status_words import duration, link_state
from ivsd.doctor import systemd
from ivsd.doctor.box import Box
from ivsd.doctor.finding import Area, Finding, hidden_from_us, quoting, wrong
from ivsd.doctor.systemd import RESET, SERVICE, WEB, NoSystemd, Unit

ANEW = "sudo systemctl restart ivsd"
JOURNAL = "journalctl --unit=ivsd --lines=50"
BUNDLE = "sudo ivsd bundle"


@dataclass(frozen=True)
class Daemon:
    """What could be learnt of it: its status, or why there is none, and what systemd says."""

    status: Status | None
    refusal: ControlError | None
    units: Mapping[str, Unit]
    no_systemd: str = ""

    @classmethod
    def of(cls, box: Box) -> Daemon:
        """Ask it and systemd; never raises."""
        units: Mapping[str, Unit] = {}
        status, refusal, no_systemd = None, None, ""
        try:
            units = systemd.units()
        except NoSystemd as e:
            no_systemd = str(e)
        try:
            status = control_client.status(box.socket)
        except ControlError as e:
            refusal = e
        return cls(status, refusal, units, no_systemd)

    def unit(self, name: str) -> Unit:
        """Return what systemd says of one; without systemd it is not installed."""
        return self.units.get(name, Unit())

    @property
    def may_run(self) -> bool:
        """Whether lamps and inputs may be in its hands."""
        nobody = self.refusal is not None and self.refusal.code == "no_daemon"
        return not nobody or self.unit(SERVICE).may_run

    def is_about(self, box: Box) -> bool:
        """Whether it runs with the configuration that is looked at."""
        if self.status is None:
            return False
        return os.path.realpath(self.status.config.file) == os.path.realpath(box.config)


def findings(box: Box, daemon: Daemon, *, is_config_right: bool) -> Iterator[Finding]:
    """Tell how the services are, and what the daemon says is wrong with itself."""
    yield from _service(daemon)
    yield from _answer(box, daemon)
    if daemon.status is not None:
        yield from _told(box, daemon, daemon.status, is_config_right=is_config_right)
    yield from _factory_default(daemon)
    yield from _pages(daemon)


def _service(daemon: Daemon) -> Iterator[Finding]:
    unit = daemon.unit(SERVICE)
    if daemon.no_systemd:
        yield Finding(Area.SERVICE, None, f"how {SERVICE} is cannot be told: {daemon.no_systemd}")
    elif not unit.is_installed:
        yield Finding(Area.SERVICE, None, f"{SERVICE} is not installed on this machine")
    elif unit.load == "masked":
        advice = "Allow it again: sudo systemctl unmask ivsd, then sudo systemctl enable --now ivsd"
        yield wrong(Area.SERVICE, f"{SERVICE} must not be started (masked)", advice)
    elif not unit.is_well:
        why = f"see why: {JOURNAL}"
        advice = f"Start the service: sudo systemctl enable --now ivsd; if it does not stay, {why}"
        if unit.active != "inactive":
            advice = f"The service does not come up or stay: {why}"
        yield wrong(Area.SERVICE, f"{SERVICE} is {unit}", advice)
    elif unit.at_boot == "disabled":
        advice = "Have it start with this machine: sudo systemctl enable ivsd"
        yield wrong(Area.SERVICE, f"{SERVICE} runs, but does not start with the machine", advice)
    else:
        yield Finding(Area.SERVICE, True, f"{SERVICE} is {unit}")


def _answer(box: Box, daemon: Daemon) -> Iterator[Finding]:
    refusal, unit = daemon.refusal, daemon.unit(SERVICE)
    if refusal is None:
        return
    text = str(refusal)
    if refusal.code == "no_permission":
        yield hidden_from_us(Area.SERVICE, text)
    elif refusal.code == "busy":
        yield quoting(Area.SERVICE, None, text, text)
    elif refusal.code != "no_daemon":
        advice = f"Start it anew: {ANEW}. If that comes back, send support a bundle: {BUNDLE}"
        yield wrong(Area.SERVICE, text, advice, text)
    elif unit.is_well:
        advice = f"See why it has no control socket: {JOURNAL}; then {ANEW}"
        yield wrong(Area.SERVICE, f"ivsd runs, but {text}", advice)
    elif unit.is_installed:
        yield Finding(Area.SERVICE, None, text)  # it does not run: that is what to mend
    else:
        advice = f"Install ivsd (sudo make install), or start it: ivsd run --config {box.config}"
        yield wrong(Area.SERVICE, text, advice)


def _told(box: Box, daemon: Daemon, status: Status, *, is_config_right: bool) -> Iterator[Finding]:
    running = f"ivsd {status.version} runs for {duration(status.uptime_s)}"
    if status.version != __version__:
        text = f"{running}, and {__version__} is installed"
        advice = f"Start the installed one: {ANEW}"
        yield wrong(Area.SERVICE, text, advice, status.version)
    else:
        yield Finding(Area.SERVICE, True, f"{running} and answers")
    if not daemon.is_about(box):
        text = f"it runs with {status.config.file}: what it says of devices and lamps is about that"
        yield quoting(Area.SERVICE, None, text, status.config.file)
    elif status.config.problems or not status.config.loaded:
        goes_on = "with the one from before" if status.config.loaded else "without one"
        text = f"it finds its configuration wrong, and goes on {goes_on}"
        if is_config_right:
            yield wrong(Area.SERVICE, text, "Have it read again: sudo systemctl reload ivsd")
        else:
            yield Finding(Area.SERVICE, None, text)
    if status.outbox.problem:
        advice = f"Mend disk and rights first, if they are below; then {ANEW}"
        yield wrong(Area.SERVICE, status.outbox.problem, advice, status.outbox.problem)
    elif status.outbox.waiting:
        text = f"{status.outbox.waiting} markers wait for the server"
        yield Finding(Area.SERVICE, None, text)


def _factory_default(daemon: Daemon) -> Iterator[Finding]:
    unit = daemon.unit(RESET)
    if daemon.status is not None:
        available = daemon.status.factory_default.available
    else:
        available = unit.is_well or factory_default.is_appliance()
    if available:
        yield Finding(Area.SERVICE, True, "the factory state can be restored")
    elif unit.is_installed:
        advice = f"Let the factory default be asked for: sudo systemctl enable --now {RESET}"
        yield wrong(
            Area.SERVICE, f"the factory state cannot be restored: {RESET} is {unit}", advice
        )
    else:
        yield Finding(Area.SERVICE, None, "this machine is no IVS box with a factory state")


def _pages(daemon: Daemon) -> Iterator[Finding]:
    unit = daemon.unit(WEB)
    if not unit.is_installed:
        return
    if unit.is_well:
        yield Finding(Area.SERVICE, True, f"the pages of the box: {WEB} is {unit}")
    elif unit.active == "inactive" and unit.at_boot == "disabled":
        yield Finding(Area.SERVICE, None, "the pages of the box are switched off")
    else:
        advice = f"See why the pages are not there: journalctl --unit={WEB} --lines=50"
        yield wrong(Area.SERVICE, f"{WEB} is {unit}", advice)


def link(box: Box, daemon: Daemon, *, is_way_right: bool) -> Iterator[Finding]:
    """Tell what the daemon itself says of the server, which was just tried from here."""
    status = daemon.status
    if status is None or not status.config.loaded or not daemon.is_about(box):
        return
    text = f"ivsd itself: {link_state(status)}"
    quotes = (status.link.why, status.link.server_version)
    if status.link.up:
        yield quoting(Area.SERVER, True, text, *quotes)
    elif is_way_right:
        advice = (
            f"Wait for a minute and look again: ivsd status. If ivsd does not find what was found "
            f"from here, start it anew: {ANEW}; if that does not help: {BUNDLE}"
        )
        yield wrong(Area.SERVER, text, advice, *quotes)
    else:
        yield quoting(Area.SERVER, None, text, *quotes)

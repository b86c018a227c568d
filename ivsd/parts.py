"""The parts of the running box that the configuration decides: lamps, inputs, the server's link.

Each is replaced when what it was built from has changed, and goes on as it is when not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ivsd.appliance.status import FrameStatus, LampStatus
from ivsd.config import Config
from ivsd.config.schema import (
    Badges,
    FactoryDefault,
    Inputs,
    Lights,
    Recording,
    Valt,
    Writing,
)
from ivsd.connect import session_for, transport_for
from ivsd.events import DeviceForgotten, Event, LightView
from ivsd.hardware import Hardware
from ivsd.inputs.reader import Reader
from ivsd.outputs.player import Frame, Player, receipt_frames, steady_frames
from ivsd.valt.link import Link, Recordings, Worker
from ivsd.valt.model import Secret
from ivsd.valt.people import People
from ivsd.valt.watcher import Watcher

REPLACED_WITHIN_S = 0.5
BUTTON = "button "
"""What `ivsd.inputs.gpio` begins the name of a button with; people call other devices so, too."""


class Parts:
    """Built by the daemon's loop, which alone calls this."""

    def __init__(self, path: Path, hardware: Hardware, post: Callable[[Event], None]) -> None:
        self._path = path
        self._hardware = hardware
        self._post = post
        self.player: Player | None = None
        self.reader: Reader | None = None
        self.link: Link | None = None
        self.people: People | None = None
        """Whom the server of the link knows; may be asked from any thread."""
        self._lights: Lights | None = None
        self._inputs: tuple[Inputs, Writing | None, FactoryDefault] | None = None
        self._linked_by: tuple[Valt, int | str, Recording, Secret] | None = None

    # -- lamps and inputs ---------------------------------------------------------------------

    def use_hardware(
        self,
        inputs: Inputs,
        badges: Badges,
        lights: Lights,
        held: FactoryDefault,
        view: LightView,
    ) -> None:
        """Take these lamps and inputs; new lamps show `view`."""
        if lights != self._lights:
            self._replace(self.player)
            self.player = Player(self._hardware.fixtures(lights), self._post, view=view)
            self.player.start()
            self._lights = lights
        if (inputs, badges.notation, held) != self._inputs:
            self._replace(self.reader)
            sources = self._hardware.sources(inputs, badges.notation)
            sources += self._hardware.reset_button(held)
            self.reader = Reader(sources, self._post, news=self._hardware.news())
            self.reader.start()
            self._inputs = inputs, badges.notation, held

    def _replace(self, part: Player | Reader | None) -> None:
        """Stop a part that is replaced; what was wrong with its devices is no news any more."""
        if part is not None:
            part.stop(REPLACED_WITHIN_S)
            for device in part.devices:
                self._post(DeviceForgotten(device))  # behind what it may just have posted

    def lamps_of(self, view: LightView) -> tuple[LampStatus, ...]:
        """Say what each lamp shows with this view."""
        if self.player is None or self._lights is None:
            return ()
        lamps = self._lights.lamps
        kinds = {lamp.name: lamp.kind.value for lamp in lamps}
        leds = {lamp.name: tuple(led.value for led in lamp.colours) for lamp in lamps}
        return tuple(
            LampStatus(
                fixture.lamp.name,
                fixture.shows,
                kinds.get(fixture.lamp.name, ""),
                _frames(steady_frames(view, fixture)),
                _frames(receipt_frames(view, fixture)),
                leds.get(fixture.lamp.name, ()),
            )
            for fixture in self.player.fixtures
        )

    def input_devices(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each device that reads a hand, and its kind as the status has it."""
        if self.reader is None or self._inputs is None:
            return
        inputs = self._inputs[0]
        called = {device.name for device in inputs.keyboards}
        called |= {device.name for device in inputs.wiegand}
        for name in self.reader.devices:
            is_button = name.startswith(BUTTON) and name not in called
            yield name, "button" if is_button else "reader"

    # -- the server ---------------------------------------------------------------------------

    def replace_link(self, config: Config, secret: Secret) -> bool | None:
        """Build a new link when anything of the server's part has changed; it is not started yet.

        Return whether it is to another room; None where the link of before goes on. Raises
        OSError when the CA file cannot be used.
        """
        wanted = (config.valt, config.room, config.recording, secret)
        if wanted == self._linked_by:
            return None
        link = self._new_link(config, secret)
        before, self._linked_by = self._linked_by, wanted
        place = (config.valt.url, config.room)
        new_room = before is None or place != (before[0].url, before[1])
        if self.link is not None:
            self.link.stop(0)
            if not new_room:
                link.take_over(self.link)
        self.link = link
        return new_room

    def _new_link(self, config: Config, secret: Secret) -> Link:
        recordings = Recordings(config.recording.name, config.recording.template or None)
        transport = transport_for(config.valt, self._path)
        session = session_for(config.valt, self._path, secret, transport)
        self.people = People(session, transport)
        return Link(
            session,
            config.room,
            recordings,
            self._post,
            poll_interval_s=config.valt.poll_interval_s,
        )

    @property
    def secrets(self) -> list[str]:
        """Texts that must not be told, whatever they stand in (law 8)."""
        password = self._linked_by[3].reveal() if self._linked_by is not None else ""
        return [password, self.link.session.token if self.link is not None else ""]

    # -- all of them --------------------------------------------------------------------------

    @property
    def threads(self) -> Iterator[Player | Reader | Worker | Watcher]:
        """The threads that must be sound; those of a part that was replaced are none of them."""
        yield from (part for part in (self.player, self.reader) if part is not None)
        yield from self.link.threads if self.link is not None else ()

    def stop(self, timeout_s: float) -> None:
        """End them, each within this time; lamps first: none is lit over a box that is off."""
        for part in (self.player, self.reader, self.link):
            if part is not None:
                part.stop(timeout_s)


def _frames(frames: list[Frame]) -> tuple[FrameStatus, ...]:
    return tuple(FrameStatus(colour.value, round(1000 * s)) for colour, s in frames)

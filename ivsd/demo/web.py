"""The demo's pages in a browser: the same box as on the terminal, with hands that click."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from ivsd.appliance import control_client
from ivsd.demo.live import BADGES, BUTTONS, LiveBox
from ivsd.valt.simulator import WorldError
from ivsd.web.app import create_app
from ivsd.web.hands import Refused, ServerView
from ivsd.web.hosts import own_names
from ivsd.web.live import Live
from ivsd.web.serve import address_of, asker, listen
from ivsd.web.site import Site

OPEN_PAGES_END_WITHIN_S = 2.0


class Hands:
    """What the pages of the demo can do (`ivsd.web.panel.Demo`)."""

    def __init__(self, box: LiveBox) -> None:
        self._box = box
        self.buttons: Sequence[str] = tuple(BUTTONS.values())
        self.badges: Sequence[tuple[str, str]] = tuple(
            (key, name) for key, (name, _) in BADGES.items()
        )

    def press(self, control: str) -> None:
        """Push a button down."""
        self._box.hands.press(control)

    def release(self, control: str) -> None:
        """Let it go."""
        self._box.hands.release(control)

    def swipe(self, key: str) -> None:
        """Hold a badge to the reader."""
        self._box.hands.swipe(BADGES[key][1])

    def type_pin(self, digits: str) -> None:
        """Type a PIN, and Enter."""
        self._box.type_pin(digits)

    def server(self) -> ServerView:
        """Look at the server, and not at what the daemon believes."""
        box = self._box
        world = box.simulator.world
        recording = world.active(box.room) or (world.recordings[-1] if world.recordings else None)
        return ServerView(
            state=world.view(box.room).status,
            recording=recording.name if recording else "",
            author=box.author_of(recording) if recording else "",
            seconds=int(recording.length_s) if recording else 0,
            markers=tuple((m.time_s, m.name) for m in recording.markers) if recording else (),
            recordings=len(world.recordings),
            cable=box.cable,
        )

    def cable(self, word: str) -> None:
        """Pull or plug the server's cable, let it hang or be slow."""
        self._box.set_cable(word)

    def elsewhere(self, action: str) -> None:
        """Do this at the VALT page; raises Refused."""
        try:
            self._box.elsewhere(action)
        except WorldError as e:
            raise Refused(str(e)) from None


class Pages:
    """The pages of a running box; a context manager."""

    def __init__(self, box: LiveBox, host: str, port: int) -> None:
        """Raises OSError when nobody can listen there."""
        site = Site(
            ask=asker(box.socket),
            live=Live(partial(control_client.follow, box.socket)),
            names=own_names(),
            accounts=None,
            demo=Hands(box),
        )
        self._live = site.live
        self._server: Any = listen(create_app(site), host, port)
        self.url = address_of(host, int(self._server.effective_port))
        self._thread = threading.Thread(target=self._server.run, name="pages", daemon=True)

    def __enter__(self) -> Pages:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.close()
        # The pages that were open end first: each tells the server so, which must still be there.
        end = time.monotonic() + OPEN_PAGES_END_WITHIN_S
        while self._server.task_dispatcher.active_count and time.monotonic() < end:
            time.sleep(0.02)
        self._server.close()
        self._thread.join(2)

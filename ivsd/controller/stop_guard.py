"""What it takes to stop a recording by a button, where the site wants more than one press."""

from __future__ import annotations

from dataclasses import replace

from ivsd.controller.pending import Press
from ivsd.events import Rules, StopProtection
from ivsd.valt.model import RecordingId

TWICE_S = 3.0


def how_to_hold(rules: Rules) -> str:
    """Say what to do in place of a short press."""
    return f"hold it for {rules.stop_hold_s:g} s to stop the recording"


class StopGuard:
    """Remembers a first press, or a button that is held down to stop."""

    def __init__(self) -> None:
        self._armed: tuple[RecordingId | None, float] = (None, float("-inf"))
        self._held: dict[str, tuple[Press, float]] = {}  # control -> press, and until when

    @property
    def undecided(self) -> bool:
        """Whether a button is held down, not long enough yet."""
        return bool(self._held)

    def hinders(self, press: Press, rules: Rules) -> str | None:
        """Tell what is still to be done to stop; None when the press may stop at once.

        An empty text: the press waits here, until `released` or `held_long_enough`.
        """
        match rules.stop_protection:
            case StopProtection.TWICE:
                armed, armed_at = self._armed
                if armed == press.recording and 0 < press.at - armed_at <= TWICE_S:
                    self._armed = None, float("-inf")
                    return None
                self._armed = press.recording, press.at
                return f"press again within {TWICE_S:g} s to stop the recording"
            case StopProtection.HOLD if not press.is_down:
                return how_to_hold(rules)  # it has another use, and came up before it was clear
            case StopProtection.HOLD:
                self._held[press.source] = press, press.at + rules.stop_hold_s
                return ""
            case _:
                return None

    def let_go(self, control: str) -> Press | None:
        """Return the press that ends because its control came up too early."""
        press, _ = self._held.pop(control, (None, 0.0))
        return press

    def held_long_enough(self, now: float) -> list[Press]:
        """Return the presses that have been held for the whole time."""
        held = [(press, until) for press, until in self._held.values() if now >= until]
        for press, _ in held:
            del self._held[press.source]
        return [replace(press, clear_at=until) for press, until in held]

    def drop(self) -> list[Press]:
        """Forget the buttons that are held down, and return their presses."""
        held, self._held = self._held, {}
        return [press for press, _ in held.values()]

    def next_deadline(self) -> float | None:
        """Return when the first held button has been held for long enough."""
        return min((until for _, until in self._held.values()), default=None)

"""Adding and taking away buttons, keys and readers from afar, and setting lamps right.

What a page may do to the wiring of a box, beside what `ivsd.set_up.fields` lets it do. `changes` is
an object with exactly one of these keys:

    add_button  {"control", "action", "chip", "line", "active", "pull"}
    add_key     {"control", "action", "key", and "keyboard", one of ivsd.yaml, or "match"}
    add_reader  {"name", "match", "role": badge, pin or auto, "ends_with_enter": bool}
    remove      the dotted key of a button, a key, a keyboard or a Wiegand reader of this revision
    lamps       lamp -> {"shows"} and/or {"order"}: its lines anew, by the numbers they have now

`control` with an action is a new one; with null for it, one that is there gets another button.
`match` has `id`, `name` and `port`, never a path. What is pressed for the factory state, and the
lines of that and of lamps, are not to be touched: who has the pages must not get the box.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ivsd.appliance.operations import Refused
from ivsd.config import Problem
from ivsd.config.edits import merge
from ivsd.set_up.config_file import ConfigFile, FileRefused, Text, in_words, told, would_change
from ivsd.set_up.rewired import Rewired
from ivsd.set_up.same_device import devices_here
from ivsd.set_up.wire_forms import Change, Malformed, read_change

if TYPE_CHECKING:
    from ivsd.gpio_lines import ChipInfo
    from ivsd.inputs.event_devices import EventDevice


class Wiring:
    """Changes the wiring in `file`; may be called from any thread.

    `chips` lists the GPIO chips that are there, None where nobody can say; `devices` lists the
    event devices.
    """

    def __init__(
        self,
        file: ConfigFile,
        chips: Callable[[], Sequence[ChipInfo] | None],
        devices: Callable[[], Sequence[EventDevice]] = devices_here,
    ) -> None:
        self._file = file
        self._chips = chips
        self._devices = devices

    def do(self, op: str, args: Mapping[str, Any]) -> dict[str, Any] | Refused:
        """Carry out `wire-preview` or `wire` (`ivsd.appliance.operations`); never raises."""
        try:
            change = read_change(args["changes"])
            was = self._file.read()
            if op == "wire":
                self._file.may_be_written(was, args["revision"])
            else:
                self._file.is_of(was, args["revision"])
            return self._wire(was, change, is_save=op == "wire")
        except Malformed as e:
            return Refused("bad_args", str(e))
        except FileRefused as e:
            return e.refused

    def _wire(self, was: Text, change: Change, *, is_save: bool) -> dict[str, Any] | Refused:
        path = self._file.path
        wired = Rewired(was.values, self._chips, self._devices)
        wired.change(change)
        merged = merge(wired.values, {}, path)
        # A box may be wired before it has a server: what was wrong before is not in the way.
        known = {(problem.key, problem.text) for problem in merge(was.values, {}, path).problems}
        new = [one for one in merged.problems if (one.key, one.text) not in known]
        problems = [Problem(str(path), 0, key, text) for key, text in wired.problems] + new
        if not is_save:
            told_ = {"problems": told(problems), **would_change(was, merged)}
            return {**told_, "revision": was.revision}
        if problems:
            return Refused("wrong", in_words(problems))
        return {"revision": self._file.write(was, merged)}

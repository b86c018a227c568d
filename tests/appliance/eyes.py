"""What a person would read off a lamp: was this word of the light language shown in time?

Pure. It is given the colours of the status lamp as they were seen at the kernel's lines, and
knows the light language (ivsd/outputs/patterns.py) and how it is played (outputs/player.py):

- a steady word begins with the first step of its rhythm and goes round until another comes;
- a receipt is played once over it, after 0.12 s of dark, and hides the steady word meanwhile;
- a fault that leaves the state known is blinked in between the state, after 0.3 s of dark.

A steady word was shown if the lamp has its colour and keeps its rhythm for one whole round, or
until something else takes its place: another colour, or the dark that leads in a receipt or a
fault. A lamp that turns dark or bright at another moment has another rhythm. A word that was
cut off so early that its rhythm could not be seen is told by its colour alone, as by a person.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ivsd.events import BoxFault, Receipt
from ivsd.outputs.lamp import Colour
from ivsd.outputs.patterns import LIGHT_LANGUAGE, Look, Pattern, once, steps_of
from ivsd.valt.errors import LinkFault

LATE_S = 0.045
"""By how much a step may be longer or shorter than it should, besides what the eyes missed.

Player and eyes are two processes of a machine that another one emulates: they wake up some
milliseconds late, seldom some tens. Less than half of 0.1 s, the difference of the flicker and
a blink, so that no two rhythms can be mixed up.
"""
SWITCHING_S = 0.04
"""A lamp's lines are switched one by one: a colour on the way to the next may last so long."""
STEADY_S = 0.9
"""Who is lit for so long does not blink: no rhythm has a longer step of light."""
REACTION_S = 0.4
"""In this time a press has changed the light; what lasts longer was not only there before it."""
RECEIPT_DARK_S, FAULT_DARK_S = 0.12, 0.3
LONGEST_DARK_S = 1.9

RECEIPTS = {receipt.value for receipt in Receipt}
LEAD_IN_S = dict.fromkeys(RECEIPTS, RECEIPT_DARK_S) | {
    fault.value: FAULT_DARK_S for fault in (*LinkFault, *BoxFault)
}
"""What may be played in between, and the dark before it."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The lamp had another colour at `after`, and this one at `at`: seconds, as all times here."""

    after: float
    at: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of one colour; `unsure_s` is what the eyes missed at its ends, `open` its end."""

    colour: Colour
    began: float
    ended: float
    unsure_s: float = 0.0
    open: bool = False

    @property
    def length_s(self) -> float:
        return self.ended - self.began

    def is_shorter(self, seconds: float) -> bool:
        return not self.open and self.length_s < seconds - LATE_S - self.unsure_s

    def is_longer(self, seconds: float) -> bool:
        return self.length_s > seconds + LATE_S + self.unsure_s

    def lasts(self, seconds: float) -> bool:
        """Whether it was as long as that."""
        return not (self.open or self.is_shorter(seconds) or self.is_longer(seconds))


@dataclass(frozen=True, slots=True)
class Interlude:
    """A receipt, or a fault in between the state, with the dark before and after its blinks."""

    name: str
    began: float
    ended: float
    stretches: range
    is_whole: bool
    """Whether it was seen to its end; until then it is only what it looks like so far."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a steady word may have begun.

    After a word of its own colour that is not seen: what follows must tell, for a whole round.
    """

    number: int
    at: float
    after_its_colour: bool


class Timeline:
    """What one lamp showed, from the first glimpse to `until`, the last look at it."""

    def __init__(self, glimpses: Sequence[Glimpse], until: float) -> None:
        last = len(glimpses)
        while last and until - glimpses[last - 1].at < SWITCHING_S:
            last -= 1  # it may be a colour on the way, and is not looked at yet
            until = glimpses[last].at
        settled = _settled(glimpses[:last])
        self.stretches: list[Stretch] = []
        for number, this in enumerate(settled, 1):
            unsure_s = this.at - this.after
            if number < len(settled):
                following = settled[number]
                unsure_s += following.at - following.after
                stretch = Stretch(this.colour, this.at, following.at, unsure_s)
            else:
                stretch = Stretch(this.colour, this.at, until, unsure_s, open=True)
            self.stretches.append(stretch)

    def shows(self, name: str, since: float, within_s: float) -> bool:
        """Whether it is sure by now that a word began in that time, or was there and stayed.

        The time for which receipts hid a steady word does not count.
        """
        in_between = any(
            interlude.is_whole
            and interlude.name == name
            and since - LATE_S <= interlude.began <= since + within_s
            for interlude in self.interludes
        )
        if in_between or name in RECEIPTS:
            return in_between
        for beginning in self._beginnings(LIGHT_LANGUAGE[name]):
            began = beginning.at
            if began > since + within_s + self._hidden_s(since, began):
                return False
            ended = self._steady_until(LIGHT_LANGUAGE[name], beginning)
            if ended is not None and _counts(began, ended, since, within_s):
                return True
        return False

    def has(self, colour: Colour, since: float, within_s: float) -> bool:
        """Whether it turned to this colour in that time without a blink, or had it and kept it."""
        return any(
            stretch.colour is colour
            and stretch.began <= since + within_s
            and stretch.length_s >= STEADY_S
            and _counts(stretch.began, stretch.ended, since, within_s)
            for stretch in self.stretches
        )

    @cached_property
    def interludes(self) -> list[Interlude]:
        """All receipts, and the faults in between."""
        return [
            interlude
            for number in range(1, len(self.stretches))
            for name in LEAD_IN_S
            if (interlude := self._interlude(name, number)) is not None
        ]

    def _interlude(self, name: str, number: int) -> Interlude | None:
        """What begins here with its first blink, if it is that."""
        look, dark_s = LIGHT_LANGUAGE[name], LEAD_IN_S[name]
        first, before = self.stretches[number], self.stretches[number - 1]
        if first.colour is not look.colour or before.colour is not Colour.OFF:
            return None
        if before.is_shorter(dark_s):
            return None
        steps = once(look.pattern)
        blinks = range(number, number + len(steps))
        ended = first.began + sum(seconds for _, seconds in steps)
        for at, (lit, seconds) in zip(blinks, steps, strict=True):
            if at >= len(self.stretches):
                return Interlude(name, first.began - dark_s, ended, blinks, is_whole=False)
            stretch = self.stretches[at]
            if stretch.colour is not (look.colour if lit else Colour.OFF):
                return None
            # The dark at the end may go on: as that after a fault, or before another of these.
            is_last_dark = not lit and at == blinks[-1]
            longest_s = seconds + (FAULT_DARK_S if is_last_dark else 0.0)
            if stretch.is_shorter(seconds) or stretch.is_longer(longest_s):
                return None
        whole = self._is_no_blink(blinks.stop, look.colour)
        if whole is False:
            return None
        if whole:
            ended = self.stretches[blinks.stop].began
        return Interlude(name, first.began - dark_s, ended, blinks, bool(whole))

    def _is_no_blink(self, number: int, colour: Colour) -> bool | None:
        """Whether this stretch is none of a blink more; None while it cannot be told."""
        if number >= len(self.stretches):
            return None
        stretch = self.stretches[number]
        blink_s = steps_of(Pattern.BLINK_1)[0][1]
        if stretch.colour is not colour or stretch.is_longer(blink_s):
            return True
        return None if stretch.open else not stretch.lasts(blink_s)

    def _hidden_s(self, since: float, until: float) -> float:
        """For how long there were receipts in this time."""
        receipts: dict[float, float] = {}  # of those that may still become one or the other, one
        for seen in self.interludes:
            if seen.name in RECEIPTS:
                receipts[seen.began] = max(seen.ended, receipts.get(seen.began, 0.0))
        return sum(
            max(0.0, min(ended, until) - max(began, since)) for began, ended in receipts.items()
        )

    def _beginnings(self, look: Look) -> Iterator[Beginning]:
        """Where the first step of a steady word may be."""
        interludes = [seen for seen in self.interludes if seen.is_whole]
        blinks = {number for seen in interludes for number in seen.stretches}
        after_blinks = {seen.stretches.stop for seen in interludes}
        step_s = None if len(steps_of(look.pattern)) == 1 else steps_of(look.pattern)[0][1]
        lit_before: Colour | None = None
        for number, stretch in enumerate(self.stretches):
            if stretch.colour is Colour.OFF:
                if stretch.is_longer(LONGEST_DARK_S):
                    lit_before = None  # it was switched off
                continue
            is_new = lit_before is not look.colour or number in after_blinks
            lit_before = stretch.colour
            if stretch.colour is not look.colour or number in blinks:
                continue
            if step_s is not None and stretch.is_longer(step_s) and not stretch.open:
                yield Beginning(number, stretch.ended - step_s, after_its_colour=True)
            elif is_new or step_s is None:
                yield Beginning(number, stretch.began, after_its_colour=not is_new)

    def _steady_until(self, look: Look, beginning: Beginning) -> float | None:
        """Until when a steady word is shown that begins so; None if it is not, or not yet."""
        number, may_be_cut = beginning.number, not beginning.after_its_colour
        steps = steps_of(look.pattern)
        if len(steps) == 1:
            stretch = self.stretches[number]
            is_cut = may_be_cut and self._is_cut(number, STEADY_S)
            return stretch.ended if is_cut or stretch.length_s >= STEADY_S else None
        rhythm = list(_merged((look.colour if lit else Colour.OFF, s) for lit, s in steps))
        for seen, (colour, seconds) in enumerate(itertools.cycle(rhythm)):
            stretch = self.stretches[number + seen]
            is_round = seen >= len(rhythm)
            if stretch.colour is not colour:
                # Another word, just when the step before was over.
                return stretch.began if is_round or may_be_cut else None
            if stretch.open:
                return stretch.ended if is_round and not stretch.is_longer(seconds) else None
            if seen == 0 and beginning.after_its_colour:
                continue  # how long it was of this word, nobody saw
            if not stretch.lasts(seconds):
                if may_be_cut and self._is_cut(number + seen, seconds):
                    return stretch.ended
                return stretch.began if is_round else None
        raise AssertionError("the last stretch is open")

    def _is_cut(self, number: int, seconds: float) -> bool:
        """Whether this step of so many seconds had another length because another word came."""
        stretch = self.stretches[number]
        if stretch.open:
            return False
        following = self.stretches[number + 1].colour
        if stretch.colour is Colour.OFF:
            lit_before = self.stretches[number - 1].colour
            early = stretch.is_shorter(seconds) and following is not lit_before
            return early or self._leads_in(number, seconds)
        if stretch.is_longer(seconds):
            return False
        return following is not Colour.OFF or self._leads_in(number + 1, 0.0)

    def _leads_in(self, number: int, dark_s: float) -> bool:
        """Whether it ends with the dark before a receipt or a fault, after `dark_s` or less."""
        dark = self.stretches[number]
        return any(
            interlude.is_whole
            and interlude.stretches.start == number + 1
            and not dark.is_longer(dark_s + LEAD_IN_S[interlude.name])
            for interlude in self.interludes
        )


def _counts(began: float, ended: float, since: float, within_s: float) -> bool:
    """Whether what was shown is no mere remainder from before the press."""
    return began >= since or ended >= since + min(within_s, REACTION_S)


def _merged(steps: Iterable[tuple[Colour, float]]) -> Iterator[tuple[Colour, float]]:
    """Put steps of the same colour together: nobody sees where one ends."""
    for colour, group in itertools.groupby(steps, lambda step: step[0]):
        yield colour, sum(seconds for _, seconds in group)


def _settled(glimpses: Sequence[Glimpse]) -> list[Glimpse]:
    """Leave out the colours on the way, while one line was switched and the next one not yet."""
    settled: list[Glimpse] = []
    after: float | None = None
    for number, this in enumerate(glimpses):
        before = settled[-1].colour if settled else None
        following = glimpses[number + 1] if number + 1 < len(glimpses) else None
        if (
            before is not None
            and following is not None
            and following.at - this.at <= SWITCHING_S
            and _is_on_the_way(before, this.colour, _goal(glimpses, number))
        ):
            after = this.after if after is None else after
            continue
        if this.colour is not before:
            settled.append(Glimpse(this.after if after is None else after, this.at, this.colour))
        after = None
    return settled


def _goal(glimpses: Sequence[Glimpse], number: int) -> Colour:
    """To what the lamp was being switched: the next colour, or the one after a short one."""
    following = glimpses[number + 1 : number + 3]
    is_short = len(following) > 1 and following[1].at - following[0].at <= SWITCHING_S
    return following[is_short].colour


def _is_on_the_way(before: Colour, between: Colour, after: Colour) -> bool:
    channels = zip(before.channels, between.channels, after.channels, strict=True)
    return all(now in (old, new) for old, now, new in channels)

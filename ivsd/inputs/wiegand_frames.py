"""Puts the pulses of a Wiegand reader together to frames, and rejects what is not whole. Pure.

A reader sends a short pulse on DATA0 for a 0, on DATA1 for a 1, 0.2 to 20 ms from one to the
next (SIA AC-01, most 1 to 2 ms), and nothing marks the end of a frame but silence. Time is the
stamp of the kernel's interrupt, not when somebody got to reading it. A frame is never guessed: it
counts when every edge of it has been seen, one by one and in order, and it fits a format.
"""

from __future__ import annotations

from typing import NamedTuple

from ivsd.inputs.wiegand_formats import KEY_UNREAD, Accepted, Badge, Key, Rejected

GAP_MS = 15
"""Silence that ends a frame, where nothing else is set."""
GRACE_S = 0.015
"""How long after the gap a frame is judged: its last edges may still be on their way to us."""
KEY_SILENCE_S = 0.045
"""Silence before and after the few bits of a key. Hardly a hand is faster, and the pieces of a
badge that was torn, which may have just 4 bits, must not type a PIN."""
CLOSEST_S = 0.0001
"""No reader's pulses come closer. Where interrupts were held off, edges of both lines are served
at once, and their order says nothing."""
MOST_BITS = 256
"""A frame that does not end, such as mains hum on the wires, is rejected here."""

LOST = "edges of the reader were lost, the box had too much to do: hold the badge to it again"
TOO_CLOSE = "the reader's pulses came too close to tell their order: hold the badge to it again"
BEGUN_BEFORE = "the reader was sending already when it was opened: hold the badge to it again"
ENDLESS = "the reader's wires give pulses without end: look at the cable and its shield"


class Ended(NamedTuple):
    """A frame that is over."""

    at: float
    """When its last edge came."""
    what: Badge | Key | Rejected


class Frames:
    """The frame that is coming in, and what went wrong until now."""

    def __init__(self, accepted: Accepted, gap_s: float) -> None:
        self._accepted = accepted
        self._gap_s = gap_s
        self._key_silence_s = max(gap_s, KEY_SILENCE_S)
        self.noise = 0
        """Bursts that are nobody's: too few edges for a badge or key, or after a frame's end."""
        self.rejected = 0
        """Frames that were no badge and no key."""
        self.lost = 0
        """Edges that were missing in the kernel's count when the next one came."""
        self.restart(0.0)

    def restart(self, at: float) -> None:
        """Forget what was coming in: the lines were opened at this moment.

        What comes within the gap from now is the rest of a frame that began before.
        """
        self.last_at = at
        self._silence_s = 0.0  # before the frame
        self._seqno = 0
        self._bits: list[int] = []
        self._lost_of_frame = 0
        self._spoilt = BEGUN_BEFORE
        self._is_over = False  # it has been judged; what still comes of it is noise

    def bit(self, bit: int, at: float, seqno: int) -> list[Ended]:
        """Take an edge, the `seqno`th on both lines since they were opened."""
        ended = []
        missed = max(0, seqno - self._seqno - 1)
        # A number that is there twice or comes late: the edges are not in their order.
        hole = LOST if seqno != self._seqno + 1 else ""
        self._seqno = max(self._seqno, seqno)
        self.lost += missed
        # What is missing may be the end of the last frame, or the beginning of this one.
        self._spoilt = self._spoilt or hole
        silence_s = at - self.last_at
        if silence_s >= self._gap_s:
            ended += self._end(silence_s)
            self._is_over, self._spoilt, self._silence_s = False, hole, silence_s
        elif self._bits and silence_s < CLOSEST_S:
            self._spoilt = self._spoilt or TOO_CLOSE
        self._lost_of_frame += missed
        self.last_at = max(self.last_at, at)
        self._bits.append(bit)
        if len(self._bits) >= MOST_BITS:
            self._spoilt = ENDLESS
            ended += self._end(0.0)
        return ended

    def deadline(self) -> float | None:
        """When `expire` can end the frame that is coming in; None while none is."""
        if not self._bits:
            return None
        is_key = self._accepted.is_key(len(self._bits))
        return self.last_at + (self._key_silence_s if is_key else self._gap_s) + GRACE_S

    def expire(self, now: float) -> list[Ended]:
        """End the frame, if its time is over. Give `bit` all edges that are waiting before."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return []
        return self._end(now - self.last_at)

    def _end(self, silence_s: float) -> list[Ended]:
        """Judge the frame, `silence_s` after its last edge."""
        bits, spoilt, was_over = self._bits, self._spoilt, self._is_over
        size = len(bits) + self._lost_of_frame
        self._bits, self._lost_of_frame, self._spoilt, self._is_over = [], 0, "", True
        if not bits:
            return []
        if was_over or size < self._accepted.told_from:
            self.noise += 1
            return []
        what = Rejected(size, spoilt) if spoilt else self._accepted.read(bits)
        if isinstance(what, Key) and min(self._silence_s, silence_s) < self._key_silence_s:
            what = Rejected(size, KEY_UNREAD)
        if isinstance(what, Rejected):
            self.rejected += 1
        return [Ended(self.last_at, what)]

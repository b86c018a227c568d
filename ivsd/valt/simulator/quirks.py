"""Every fact that the API's sheet leaves open, and the answer this server gives to it.

The defaults are what the sheet marks as most plausible. Each can be switched to the other answer,
also while the server runs, so that a client can be tried against both. Numbers in the sentences
are sections of valt-api; `13.x` is a row of its table of uncertain points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin, get_type_hints


def _quirk(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass
class Quirks:
    """The open facts. A text that names a VALT release has the form `major.minor`."""

    start_refusal: Literal["400", "200"] = _quirk(
        "400", "A refused start: HTTP 400, or HTTP 200 with start false (5.3, 13.6)."
    )
    http_status_is_body_code: bool = _quirk(
        True, "A refusal's HTTP status equals the body's code; else it is 200 (13.5)."
    )
    missing_right_status: Literal[403, 401, 400] = _quirk(
        403, "HTTP status when the account lacks a right (13.4)."
    )
    marker_refusal_status: Literal[500, 400] = _quirk(
        500, "Status of a refused marker or comment: 500 without, 400 with a reason (5.6, 5.7)."
    )
    unauthorized_body: Literal["plain", "no_key", "empty"] = _quirk(
        "plain", "Body for a wrong or expired token; the status is always 401 (13.3)."
    )
    token_lifetime_s: float | None = _quirk(
        None, "Seconds until a token expires; none: it never does (13.2)."
    )
    empty_post_accepted: bool = _quirk(
        True, "A POST without parameters may have no body at all; else 500 (13.30)."
    )
    effect_lag_s: float = _quirk(
        0.0, "Seconds until the effect of an action shows in status and info (13.29)."
    )
    pause_resets_time: Literal["resume", "pause", "never"] = _quirk(
        "resume", "When a pause sets recording.time back to 0; it stands still meanwhile (13.9)."
    )
    record_while_paused: bool = _quirk(
        True, "record and has_recording stay true while the recording is paused (13.10)."
    )
    pause_while_paused: Literal["allowed", "refused"] = _quirk(
        "allowed", "A second pause, by analogy with the documented second resume (5.4, 13.7)."
    )
    stop_while_paused: Literal["allowed", "refused"] = _quirk(
        "allowed", "Stopping a paused recording without resuming it (5.4, 13.7)."
    )
    lock_while_recording: Literal["refused", "allowed"] = _quirk(
        "refused", "If allowed, the status word is locked and record stays true (5.5, 13.7)."
    )
    unlock_restores_prepared: bool = _quirk(
        False, "A room locked when prepared is prepared again after unlocking (6, 13.24)."
    )
    author_needs_right: bool = _quirk(
        True, "A start for another author needs the right to change the author (2.3)."
    )
    required_template_fields: tuple[str, ...] = _quirk(
        (), "Ids (comma between) of template fields without which no start is accepted (5.3)."
    )
    version_as: Literal["text", "integer", "forbidden"] = _quirk(
        "text", "How admin/general tells the version, or that it does not (5.16, 13.15)."
    )
    room_markers: bool = _quirk(
        True, "VALT 5 knows the room's marker path, which only clients mention (13.11)."
    )
    marker_beyond_end: Literal["accepted", "refused"] = _quirk(
        "accepted", "A position later than the recording is long, by more than a second (5.6)."
    )
    room_comments_until: str = _quirk("6.2", "Last release with rooms/../record/comments (13.13).")
    record_comments_until: str = _quirk("6.4", "Last release with records/../comments (13.13).")
    comment_since: str = _quirk("6.3", "First release with POST comment (5.8, 13.13).")
    comment_type_since: str = _quirk("6.5", "First release whose comments need type (5.8, 13.13).")
    comment_message_since: str = _quirk(
        "6.6", "First release that takes message; before, template is needed (5.8, 13.13)."
    )
    record_time_as: Literal["text", "integer"] = _quirk(
        "text", "Type of a comment's recordTime in replies (13.14)."
    )
    schedule_rooms_since: str = _quirk(
        "6.5", "First release whose schedules have an array rooms in place of room (13.16)."
    )
    user_keys: Literal["snake", "camel"] = _quirk(
        "snake", "display_name and card_number, or displayName and cardNumber (13.18)."
    )
    card_filter_since: str = _quirk(
        "6.5", "First release that heeds cardNumber; before, all users are returned (13.19)."
    )
    card_number_match: Literal["exact", "without_leading_zeros"] = _quirk(
        "exact", "How the cardNumber filter compares (13.20)."
    )

    group_comment_since: str = _quirk(
        "6.0", "First release whose groups want template.comment, not template.marker (8, 13.17)."
    )
    group_marker_still_taken: bool = _quirk(
        False, "Releases that want template.comment take template.marker as well (13.17)."
    )
    group_template_ids: Literal["either", "text", "integer"] = _quirk(
        "either", "How a group's template ids are written: digit texts or integers (8, 13.17)."
    )
    group_rights_key: Literal["sub-rights", "sub_rights"] = _quirk(
        "sub-rights", "Spelling of the key in a group's details (5.14, 13.21)."
    )
    duplicate_group_name: Literal["500", "400", "accepted"] = _quirk(
        "500", "A group name that is in use, by analogy with a user's 500 (5.12, 13.23)."
    )
    keep_alive_s: float | None = _quirk(
        None, "Seconds until an idle connection is closed, from its next wait on; none: never (1)."
    )

    @classmethod
    def with_settings(cls, settings: Iterable[str]) -> Quirks:
        """The defaults, changed by texts such as `pause_resets_time=never`.

        Raises ValueError with the nearest name for an unknown one, and with what would be right
        for a value that does not fit.
        """
        pairs = (setting.partition("=") for setting in settings)
        quirks = cls()
        quirks.change({name.strip(): text.strip() for name, _, text in pairs})
        return quirks

    def change(self, values: Mapping[str, Any]) -> None:
        """Set some, by texts or by values such as a JSON document has; all of them or none.

        Raises ValueError like `with_settings`.
        """
        hints = get_type_hints(type(self))
        changes: dict[str, Any] = {}
        for name, value in values.items():
            if name not in hints:
                near = get_close_matches(name, hints, n=1, cutoff=0.0)
                raise ValueError(f"unknown quirk {name!r}; did you mean {near[0]!r}?")
            try:
                changes[name] = _from_text(hints[name], _as_text(value))
            except ValueError as error:
                raise ValueError(f"quirk {name}: {error}, not {value!r}") from None
        for name, value in changes.items():
            setattr(self, name, value)

    @classmethod
    def described(cls) -> list[tuple[str, str, str]]:
        """Name, default and sentence of every quirk, for a help page."""
        return [(f.name, str(f.default), f.metadata["doc"]) for f in fields(cls)]


_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _as_text(value: Any) -> str:
    """A value as one writes it after `=`."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _from_text(hint: Any, text: str) -> Any:
    """`text` as a value of the field's type; ValueError says what would be right."""
    if get_origin(hint) is Literal:
        choices = {str(choice): choice for choice in get_args(hint)}
    elif hint is bool:
        choices = _BOOLS
        text = text.lower()
    elif hint is str:
        if not re.fullmatch(r"\d+\.\d+", text):
            raise ValueError("expected a release such as 6.5")
        return text
    elif get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    else:
        return _seconds(text, none_allowed=hint is not float)
    if text not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}")
    return choices[text]


def _seconds(text: str, *, none_allowed: bool) -> float | None:
    if none_allowed and text.lower() == "none":
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError("expected seconds" + (" or none" if none_allowed else ""))
    return float(text)

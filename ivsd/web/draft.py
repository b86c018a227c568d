"""The form of the set-up page: what stands in its fields, and what of it differs from the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivsd.config.edits import text_of

LABELS = {
    "valt.url": "Address of the VALT server",
    "valt.username": "User name",
    "valt.verify": "Which certificate is trusted",
    "room": "Room of this box",
    "recording.name": "Name of new recordings",
    "recording.stop": "What stops a recording by a button",
}
"""Every key that the page edits, but for the controls."""

FINGERPRINT = "sha256:"

Values = Mapping[str, Any]
Form = Mapping[str, str]


# -- rooms ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rooms:
    """The rooms that an account was seen to have, to choose from."""

    url: str = ""
    username: str = ""
    rooms: tuple[tuple[int, str], ...] = ()
    """Id and name."""

    def text(self, id_: int, name: str) -> str:
        """Return what ivsd.yaml says of a room: its name, which people can read there.

        It is the id where the name alone does not tell: a second room has it, or it is blank.
        """
        same = [other for _, other in self.rooms if other.casefold() == name.casefold()]
        if len(same) > 1 or not name or name != name.strip():
            return str(id_)
        return text_of({"room": name}, "room")

    def choices(self, text: str, now: str) -> list[tuple[str, str]]:
        """List what can be chosen as text and label, so that `text` is one of them.

        The room of the file, `now`, stays written as it is there.
        """
        choices = []
        for id_, name in self.rooms:
            value = self.text(id_, name)
            for other in (now, text):
                if other == str(id_) or other.casefold() == value.casefold():
                    value = other
            choices.append((value, f"{name} (room {id_})" if name else f"room {id_}"))
        if text in dict(choices):
            return choices
        return [(text, f"{text} (as typed)" if text else "choose one"), *choices]


def rooms_of(findings: Sequence[Values]) -> Values | None:
    data = (finding["data"] for finding in findings if finding["step"] == "room")
    return next(data, None)


# -- what stands in the fields --------------------------------------------------------------------


class Draft:
    """What stands in the fields: what was sent, else what the file says."""

    def __init__(self, config: Values, form: Form) -> None:
        values = config["values"]
        self.file: str = config["file"]
        self.has_password: bool | None = config["has_password"]
        """None where it is not known."""
        self.revision: str = config["revision"]
        self.has_changed = bool(form) and form.get("revision") != self.revision
        """Whether the file is not the one any more that the page was made from."""
        self.needs_password = self.has_password is False
        self.is_new = not values.keys() & {"valt", "room"}
        """Whether nobody has set the box up yet."""
        self.controls: dict[str, str] = {}
        """Key -> name."""
        self.other_ways: set[str] = set()
        """Keys of the controls that do something else when they are held, say."""
        self.now: dict[str, str] = {}
        for name, control in (values.get("controls") or {}).items():
            if name:
                self.controls[f"controls.{name}"] = name
                if control.keys() & {"tap", "hold", "double", "release"}:
                    self.other_ways.add(f"controls.{name}")
        for key in (*LABELS, *self.controls):
            self.now[key] = text_of(values, key)
        self.password = form.get("password") or None
        """The one that was typed, now or before, see `recall`; never shown."""
        self.is_kept = False
        """Whether it need not be typed again."""
        self.was_refused = False
        """Whether the server did not take the one that was typed."""
        self.counts_on_kept = "kept" in form
        """Whether the page has said so."""
        self.has_lapsed = False
        """Whether it is gone all the same: then the stored one must not be taken instead."""
        self.text = {key: _typed(key, now, form) for key, now in self.now.items()}
        self.trusts, self.pin, self.ca_file = _trust(form, self.now["valt.verify"], values)

    @classmethod
    def unread(cls, form: Form) -> Draft:
        """Return what was sent where nobody can say what is in the file."""
        controls = {}
        for key in form:
            if key.startswith("controls.") and key != "controls.":
                controls[key.removeprefix("controls.")] = {"action": form[key]}
        config = {
            "file": "ivsd.yaml",
            "values": {"controls": controls},
            "has_password": None,
            "revision": form.get("revision", ""),
        }
        return cls(config, form)

    @property
    def edits(self) -> dict[str, str | None]:
        """Return what differs from the file; None takes a key away."""
        return {key: text or None for key, text in self.text.items() if text != self.now[key]}

    @property
    def place(self) -> tuple[str, ...]:
        """Tell what a password is typed for: it is used for nothing else."""
        return tuple(self.text[key] for key in ("valt.url", "valt.username", "valt.verify"))

    def trust(self, pin: str) -> None:
        """Have this certificate trusted, and no other."""
        self.trusts, self.pin = "pin", pin
        self.text["valt.verify"] = pin

    def was(self, key: str) -> str | None:
        """Return what the file says meanwhile, where that is something else."""
        return self.now[key] if self.has_changed and self.text[key] != self.now[key] else None

    # -- names on the page --------------------------------------------------------------------

    def id(self, key: str) -> str:
        """Return the id of a key's field."""
        if key in self.controls:
            return f"control-{list(self.controls).index(key) + 1}"
        return key.replace(".", "-")

    def field(self, key: str) -> str | None:
        """Return the field that a key of the file belongs to, "password" for that one."""
        if key in ("valt.password", "valt.password_file"):
            return "password"
        if key == "valt":
            return "valt.url"
        fields = [one for one in self.now if key == one or key.startswith(f"{one}.")]
        return max(fields, key=len, default=None)

    def label(self, key: str) -> str:
        """Return what a key is called on the page; itself where it has no field."""
        field = self.field(key)
        if field is None or field == "password":
            return key if field is None else "Password"
        return LABELS.get(field) or f"Button “{self.controls[field]}”"


def _typed(key: str, now: str, form: Form) -> str:
    """Read a field; one that was not sent stays as it is."""
    if key == "valt.verify":
        return _typed_trust(form, now)
    text = form.get(key, now)
    return text if text == now else text.strip()  # phones put a space behind a word


def _typed_trust(form: Form, now: str) -> str:
    match form.get("trusts"):
        case "system":
            return "true"
        case "pin":
            pin = form.get("pin", "").strip()
            return pin if pin.startswith(FINGERPRINT) else FINGERPRINT + pin
        case "file":
            # In quotes where it would be read as something else: `true` is a name for a file, too.
            return text_of({"valt": {"verify": form.get("ca_file", "").strip()}}, "valt.verify")
    return now


def _trust(form: Form, now: str, values: Values) -> tuple[str, str, str]:
    """Return which way of trust is chosen, and what stands in the fields of the other two."""
    verify = (values.get("valt") or {}).get("verify", True)
    kind = "pin" if now.startswith(FINGERPRINT) else "file"
    kind = kind if isinstance(verify, str) else "system" if verify is True else ""
    pin, ca_file = (verify if kind == one else "" for one in ("pin", "file"))
    return form.get("trusts", kind), form.get("pin", pin), form.get("ca_file", ca_file)


@dataclass(frozen=True)
class Problem:
    """Something wrong, as the summary at the top lists it."""

    label: str
    text: str
    field: str | None
    """Key of its field, "password", or None where the page has no field for it."""


def placed(draft: Draft, problems: Sequence[Mapping[str, str]]) -> list[Problem]:
    return [Problem(draft.label(p["key"]), p["text"], draft.field(p["key"])) for p in problems]


def colons(pin: str) -> str:
    """Write a fingerprint as servers show it: AB:CD:..."""
    digits = pin.removeprefix(FINGERPRINT).replace(":", "").upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))

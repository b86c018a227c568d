"""Takes secrets out of texts: everything that goes into the bundle passes here (law 8).

Three nets, each for what the one before cannot know:
- what is known to be a secret on this box at this moment is replaced wherever it stands, however
  it is spelt: as it is, percent-encoded, escaped as in JSON, HTML or Python, or in base64;
- what stands behind a word such as `password=` or in the place of a user in an address;
- in texts about events (journal, status, audit): numbers that may be a badge or a PIN.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator

from ivsd.appliance.journal import scrub
from ivsd.bundle.config_text import without_quoted
from ivsd.valt.model import Secret

HIDDEN = "…"
SHORTEST = 4
"""What is shorter is not looked for: it would black out everything."""

_VALUE = r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&"',}]+)"""
_NAMED = re.compile(
    r"""((?<![A-Za-z])(?:passwd|passphrase|passcode|pwd|pw|psk|secret|token|api_?key|"""
    r"""session_?key)["']?\s*[=:]\s*|(?<!\S)--?(?:password|token|secret)[ =])""" + _VALUE,
    re.IGNORECASE,
)
_HEADER = re.compile(r"""(\b(?:authorization|cookie)["']?\s*[:=]\s*)\S.*""", re.IGNORECASE)
_ADDRESS = re.compile(r"""://[^\s"<>]*""")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_CONFIG_SENTENCE = re.compile(r"(\.yaml(?::[0-9]+)?: )(.*)")

_BADGE = re.compile(
    r"""(\b(?:badge|card|pin|tag|rfid|uid|number|typed|swiped)s?\b"""
    r"""(?:[\s:=#"'“(\[,-]|\b(?:is|was|no|number|code|of)\b){1,12}?)"""
    r"""((?=[0-9A-F]*[0-9])[0-9A-F]{4,}(?:[:.,-][0-9A-F]+)*|[0-9A-F]{2}(?:[:-][0-9A-F]{2}){3,})"""
    r"""(?![0-9A-Z])""",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"""
      [0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(?:[.,][0-9]{1,9})?(?![0-9])   # a time
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b                # an id of VALT 6
    | sha256:(?:[0-9A-Fa-f]{2}:?){32}(?![0-9A-Fa-f])                          # a certificate
    | (?<![0-9.])[0-9]{1,4}(?:\.[0-9]{1,5}){2,3}(?::[0-9]{1,5})?(?![0-9])     # version, address
    | (?:://[^\s/:]+|\]):[0-9]{1,5}(?![0-9])                                  # with its port
    | \b(?:process|(?:main\ )?pid)[ :=]{0,2}[0-9]{1,7}(?![0-9])               # of systemd
    | \bport\ [0-9]{1,5}(?![0-9])
    | (?<![0-9.])[0-9]{1,6}(?:\.[0-9]{1,6})?(?=\ (?:ms|us|s|bytes|kB)\b)      # so long, so much
    | (?P<token> eyJ[\w-]+\.[\w-]+\.[\w-]* )
    | (?P<key> (?<![0-9A-Za-z])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[0-9A-Za-z]{32,} )
    | (?P<hex> (?<![0-9A-Za-z_-])(?=[A-F]*[0-9])(?-i:[0-9A-F]{8,20})(?![0-9A-Za-z_-]) )
    | (?P<digits> [0-9]{5,} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What comes first is kept; the groups are not."""


class Redactor:
    """Knows the secrets of this box. `numbers` are those of badges: their ends may be shown."""

    def __init__(self, secrets: Iterable[str], numbers: Iterable[str] = ()) -> None:
        texts = {form for secret in secrets for form in _parts(secret)}
        plain = {form for number in numbers for form in _written(number)} - texts
        self.count = len(texts) + len(plain)
        self._spelt = [re.compile(_spelling(text)) for text in _longest_first(texts)]
        self._numbers = [(text, Secret(text).tail()) for text in _longest_first(plain)]
        self._cores = [core for text in _longest_first(texts | plain) for core in _cores(text)]

    def known(self, text: str) -> str:
        """Take out what is known to be a secret here."""
        for pattern in self._spelt:
            text = pattern.sub(HIDDEN, text)
        for number, tail in self._numbers:
            text = text.replace(number, tail)
        for core in self._cores:
            text = _without_run(text, core)
        return text

    def text(self, text: str) -> str:
        """Take out that, and what stands in the place of a secret."""
        text = _PRIVATE_KEY.sub(HIDDEN, self.known(text))
        return "\n".join(_scrubbed(line) for line in text.split("\n"))

    def events(self, text: str) -> str:
        """Take out all that, and what may be the number of a badge or a PIN."""
        return "\n".join(without_numbers(line) for line in self.text(text).split("\n"))


def _longest_first(texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=lambda text: (-len(text), text))


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret as a whole and, since journals have lines, each of its lines."""
    for part in (secret, *secret.splitlines()):
        for form in (part, part.strip()):
            if len(form) >= SHORTEST:
                yield form


def _written(number: str) -> Iterator[str]:
    """Yield the ways in which a badge's number may stand somewhere."""
    for form in (number, number.lower(), number.lstrip("0"), number.lstrip("0").lower()):
        if len(form) >= SHORTEST:
            yield form


# -- how a secret may be spelt ---------------------------------------------------------------------


def _spelling(text: str) -> str:
    """Return a pattern of a text each of whose signs may be encoded, or not."""
    return "".join(f"(?:{'|'.join(_sign(sign))})" for sign in text)


_SLASHES = r"\\{1,4}"  # one, or more where JSON is within JSON
_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\a": "a", "\v": "v"}


def _sign(sign: str) -> list[str]:
    code, data = ord(sign), sign.encode("utf-8", "surrogatepass")
    units = sign.encode("utf-16-be", "surrogatepass")
    forms = [
        re.escape(sign),
        "".join(f"%{_hex(byte)}" for byte in data),
        "".join(rf"{_SLASHES}x{_hex(byte)}" for byte in data),  # journalctl and systemctl
        "".join(rf"{_SLASHES}{byte:03o}" for byte in data),
        "".join(rf"{_SLASHES}u{_hex(*units[at : at + 2])}" for at in range(0, len(units), 2)),
        rf"{_SLASHES}U(?i:{code:08x})",
        rf"&\#0*{code};|&\#x0*(?i:{code:x});",
        re.escape(html.escape(sign)),
    ]
    if code < 256:
        forms += [rf"{_SLASHES}x{_hex(code)}", f"%{_hex(code)}"]
    if sign in _SHORT:
        forms.append(_SLASHES + _SHORT[sign])
    if sign == " ":
        forms.append(r"\+")
    elif not sign.isalnum():
        forms.append(_SLASHES + re.escape(sign))  # as in a shell, or in JSON
    if sign == "'":
        forms.append("''")  # YAML
    return list(dict.fromkeys(forms))


def _hex(*data: int) -> str:
    return f"(?i:{bytes(data).hex()})"


def _cores(text: str) -> Iterator[str]:
    """Yield what base64 makes of a text, whatever stands before and behind it."""
    for coding in ("utf-8", "latin-1"):  # the second one is what HTTP has for log-ins
        try:
            data = text.encode(coding)
        except UnicodeEncodeError:
            continue
        for before in range(3):
            whole = base64.b64encode(bytes(before) + data).decode("ascii").rstrip("=")
            spoilt = (len(data) + before) % 3 != 0  # its last sign depends on what follows
            core = whole[-(-before * 8 // 6) : len(whole) - spoilt]
            yield core
            if not core.isalnum():
                yield core.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


def _without_run(text: str, core: str) -> str:
    """Replace the whole run of base64 that has this in it."""
    at = text.find(core)
    while at >= 0:
        start, end = at, at + len(core)
        while start and text[start - 1] in _BASE64:
            start -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        text = text[:start] + HIDDEN + text[end:]
        at = text.find(core, start)
    return text


# -- what nobody knows to be one -------------------------------------------------------------------


def _scrubbed(line: str) -> str:
    line = _NAMED.sub(rf"\1{HIDDEN}", scrub(_ADDRESS.sub(_without_user, line)))
    return _HEADER.sub(rf"\1{HIDDEN}", line)


def _without_user(found: re.Match[str]) -> str:
    _, sign, rest = found[0].rpartition("@")
    return f"://{HIDDEN}@{rest}" if sign else found[0]


def without_numbers(line: str) -> str:
    """Take out of a line what may be the number of a badge or a PIN."""
    line = _CONFIG_SENTENCE.sub(lambda found: found[1] + without_quoted(found[2]), line)
    line = _BADGE.sub(lambda found: found[1] + Secret(found[2]).tail(), line)
    return _NUMBER.sub(_masked, line)


def _masked(found: re.Match[str]) -> str:
    if found["token"] or found["key"]:
        return HIDDEN
    number = found["hex"] or found["digits"]
    return Secret(number).tail() if number else found[0]

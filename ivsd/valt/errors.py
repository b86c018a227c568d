"""What can go wrong between the box and the VALT server, as types.

The type carries the policy, so that nobody has to read a message text to know what to do:
`light` names the fault that the status light shows while the link is in this state, and
`may_have_happened` says whether the server may have carried the request out although we hold
no proof (then the room's state is read before anything else; a start is never sent twice).
`str(error)` is one sentence for a technician. It never holds a URL with its token, a password
or a card number.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class LinkFault(StrEnum):
    """The faults of the VALT link that a light can tell apart."""

    NO_LINK = "no_link"  # nobody answers: network, address, name, server switched off
    NO_LOGIN = "no_login"  # the server answers and refuses user name or password
    TLS = "tls"  # the certificate is not trusted
    CLOCK = "clock"  # the certificate is not yet valid: the box has booted without the time
    SERVER = "server"  # something answers, but not as VALT does
    NO_ROOM = "no_room"  # the configured room is not on this server


class ValtError(Exception):
    """Any failure of a request to VALT; see the subclasses.

    None of them is an OSError: urllib3 would take one raised while connecting for its own.
    """

    light: ClassVar[LinkFault] = LinkFault.NO_LINK
    may_have_happened: ClassVar[bool] = False


class Unreachable(ValtError):
    """No connection could be made: the request was certainly not sent."""


class NotSentInTime(ValtError):
    """The time was over before the request could be sent; it was dropped."""


class TlsUntrusted(Unreachable):
    """The server's certificate is not trusted (unknown issuer, expired, wrong name or pin)."""

    light = LinkFault.TLS


class ClockWrong(TlsUntrusted):
    """The certificate is not yet valid, which nearly always means that the box has no time."""

    light = LinkFault.CLOCK


class NoReply(ValtError):
    """The request was sent and no complete reply came back."""

    may_have_happened = True


class ConnectionLost(NoReply):
    """The connection broke before the reply was complete."""


class BadReply(ValtError):
    """A complete reply came, and it is none of VALT's (HTML, not JSON, wrong shape)."""

    light = LinkFault.SERVER
    may_have_happened = True


class NotValt(BadReply):
    """The same with HTTP 3xx or 4xx: whoever answered has not carried the request out."""

    may_have_happened = False


class ServerFailed(ValtError):
    """HTTP 5xx: the server, or a proxy before it, failed while it worked on the request."""

    light = LinkFault.SERVER
    may_have_happened = True


class Unauthorized(ValtError):
    """HTTP 401: the token is missing, wrong or expired. The request was not executed."""

    light = LinkFault.NO_LOGIN


class LogInRefused(ValtError):
    """The server refused user name and password."""

    light = LinkFault.NO_LOGIN


class Refused(ValtError):
    """VALT understood the request and said no; the text is the server's own reason."""

    light = LinkFault.SERVER


class NotAllowed(Refused):
    """The VALT account lacks a right for this request (HTTP 403, and see TokenRefused)."""

    light = LinkFault.NO_LOGIN


class TokenRefused(NotAllowed):
    """HTTP 401 although the token was just issued: a missing right, or a server that forgot it."""


class NotFound(Refused):
    """HTTP 404: no such room, or nothing in it that the request could act on."""


class RoomNotFound(NotFound):
    """The configured room does not exist on this server."""

    light = LinkFault.NO_ROOM

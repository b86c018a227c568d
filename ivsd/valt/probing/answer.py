"""Who answers at the server's address: VALT, or something else. No password is sent yet."""

from __future__ import annotations

from ivsd.valt import replies
from ivsd.valt.errors import (
    BadReply,
    NoReply,
    NotValt,
    Refused,
    ServerFailed,
    Unauthorized,
    ValtError,
)
from ivsd.valt.probing.certificate import speaks_tls
from ivsd.valt.probing.findings import Finding, Step
from ivsd.valt.probing.way import Server
from ivsd.valt.transport import Transport


def check_answer(server: Server, transport: Transport) -> Finding:
    """Find out whether VALT answers."""
    try:
        _ask_without_token(transport)
    except ServerFailed as e:
        text = f"{e}: a proxy answers in VALT's place, or VALT itself is in trouble"
        return Finding(Step.VALT, False, text, "Ask whoever runs the server to look at VALT.")
    except ValtError as e:
        if isinstance(e, BadReply | NoReply) and server.scheme == "http" and speaks_tls(server):
            text = f"port {server.port} of {server.host} speaks TLS, and not plain HTTP"
            return Finding(Step.VALT, False, text, "Write https:// in valt.url.")
        advice = f"Check the address and port of the VALT server in valt.url.{server.doubt}"
        return Finding(Step.VALT, False, str(e), advice)
    return Finding(Step.VALT, True, "it answers as VALT does")


def _ask_without_token(transport: Transport) -> None:
    """Raise a ValtError unless it says 401 in JSON: VALT does, hardly another (valt-api 2.3)."""
    reply = transport.request("GET", "rooms/info", {})
    try:
        replies.payload(reply)
    except Unauthorized:
        if not isinstance(reply.json(), dict):
            raise NotValt("what answers asks for a log-in, but not as VALT does") from None
    except Refused:
        raise NotValt(f"what answers does not know VALT's API (HTTP {reply.status})") from None
    else:
        raise NotValt("what answers needs no log-in, so it is not VALT")

"""Ask for the factory default: root's service behind the socket does it (decision 33)."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

SOCKET = Path("/run/ivsd-factory-default.sock")
"""A machine is an IVS keypad or card reader when this is there."""

_MOST_BYTES = 64 << 10


class FactoryDefaultError(RuntimeError):
    """The factory state is not being restored; the text is a sentence that says why."""


class NotAnAppliance(FactoryDefaultError):
    """It is no IVS keypad or card reader: there is no factory state to go back to."""


class NotAllowed(FactoryDefaultError):
    """Only root and the daemon may ask."""


class Refused(FactoryDefaultError):
    """The box cannot do it now, and says why; nothing was changed."""


def is_appliance(path: Path = SOCKET) -> bool:
    """Whether this machine could be asked."""
    return path.is_socket()


def ask(timeout_s: float = 15.0, path: Path = SOCKET) -> None:
    """Have the factory state restored; returns when that is certain, and the reboot follows.

    Raises NotAnAppliance, NotAllowed or Refused. An answer that does not come within `timeout_s`
    is Refused, too; then, and only then, the restore may have begun all the same.
    """
    give_up_at = time.monotonic() + timeout_s
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            reply = b""
            while not reply.endswith(b"\n") and len(reply) < _MOST_BYTES:
                connection.settimeout(max(0.01, give_up_at - time.monotonic()))
                part = connection.recv(4096)
                if not part:
                    break
                reply += part
    except FileNotFoundError:
        raise NotAnAppliance(
            "this machine is no IVS keypad or card reader with a factory state: nothing was changed"
        ) from None
    except PermissionError:
        raise NotAllowed("only root and ivsd may ask for the factory default") from None
    except TimeoutError:
        raise Refused("the factory default gives no answer: it may come all the same") from None
    except OSError as e:
        raise Refused(f"the factory default cannot be asked for: {e.strerror}") from None
    _judge(reply)


def _judge(reply: bytes) -> None:
    try:
        answer = json.loads(reply)
        if answer["ok"] is True:
            return
        why = str(answer["error"])
    except (ValueError, KeyError, TypeError):
        why = "the factory default ended without an answer: see the journal"
    raise Refused(why)

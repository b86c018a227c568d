"""The fault `wrong_types`: a reply with the keys that belong there, and values that do not."""

from __future__ import annotations

import json
from typing import Any

from .reply import Reply


def mistyped(reply: Reply) -> Reply:
    """The reply with the JSON types of its values exchanged, always in the same way.

    Ids become null, numbers and booleans texts, texts numbers, null false, and lists objects.
    Objects stay, so that what is wrong lies where a client reads it.
    """
    try:
        document = json.loads(reply.payload)
    except ValueError:
        return reply
    return Reply.of(reply.status, _exchanged("", document))


def _exchanged(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exchanged(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return {str(index): _exchanged(key, item) for index, item in enumerate(value)}
    if key == "id" or key.endswith(("_id", "Id")):
        return None
    if isinstance(value, str):
        return len(value)
    return False if value is None else json.dumps(value)

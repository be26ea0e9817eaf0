"""How an event's fields look outside: ids with their prefix, which is the field's name unless said otherwise."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.http import ids

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Fields whose ids are known outside under another name than the field's.
_PREFIXES = {"account": "wallet"}


def shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """Write the ids among the fields of an event for the outside; everything else stays as it is."""
    return {name: _shown(name, value) for name, value in body.items()}


def _shown(name: str, value: object) -> object:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return ids.show(_PREFIXES.get(name, name), UUID(value))
    return value

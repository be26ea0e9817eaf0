"""What a step of a life says came of it: a few facts, as people read them, or `Unexpected`."""

import json
from typing import Any

Facts = dict[str, str]


class Unexpected(Exception):
    """The house answered, but not what it should."""


def expect(condition: object, what: str) -> None:
    """Go on only if it is so. Raises Unexpected."""
    if not condition:
        raise Unexpected(what)


def pretty(value: object) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def tenge(money: dict[str, Any]) -> str:
    """Write an amount as people read it."""
    whole, minor = divmod(money["amount_minor"], 100)
    return f"{whole:,}.{minor:02d} {money['currency']}".replace(",", " ")

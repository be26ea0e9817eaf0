"""A request as the SDK's own types read it: a form's text turned into the values of a TypedDict, or refused.

msgspec can't convert to them: they name types that are imported for type checkers only, and it passes over keys it does
not know.
"""

import re
import types
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_NAMES = {"StripeContext": object, "Mapping": Mapping, "Any": Any}
#: What the SDK takes beside a request's own fields.
_OPTIONS = frozenset(
    {"api_key", "stripe_version", "stripe_account", "stripe_context"}
    | {"max_network_retries", "idempotency_key", "content_type", "headers"}
)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


class Untyped(Exception):
    """The request is not of the type: where in it, and why."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where or '.'}: {why}")
        self.where = where.removeprefix(".")


def read(value: Any, kind: Any, where: str = "") -> Any:  # noqa: ANN401  a tree of text, and a type
    """Read a tree of text as `kind`, as deep as both go; raises Untyped."""
    origin = get_origin(kind)
    if hasattr(kind, "__required_keys__"):
        return _fields(value, kind, where)
    if origin in {Union, types.UnionType}:
        return _any(value, get_args(kind), where)
    if origin is list:
        _demand(isinstance(value, list), where, "no list")
        return [read(each, get_args(kind)[0], f"{where}[{place}]") for place, each in enumerate(value)]
    if origin is dict:
        _demand(isinstance(value, dict), where, "no dictionary")
        return {name: read(each, get_args(kind)[1], f"{where}.{name}") for name, each in value.items()}
    _demand(isinstance(value, str), where, "no text")  # also a file, in a form of parts
    if origin is Literal:
        _demand(value in get_args(kind), where, f"{value!r} is none of {len(get_args(kind))} words")
        return value
    return _scalar(value, kind, where)


def _scalar(value: str, kind: Any, where: str) -> object:  # noqa: ANN401  a type
    if kind is bool:
        _demand(value in {"true", "false"}, where, f"{value!r} is no truth")
        return value == "true"
    if kind is int:
        _demand(_INTEGER.fullmatch(value) is not None, where, f"{value!r} is no whole number")
        return int(value)
    if kind is Decimal:
        return Decimal(value)
    _demand(kind is str or kind is Any, where, f"{kind} can't be written in a form")
    return value


def _fields(value: Any, kind: Any, where: str) -> dict[str, Any]:  # noqa: ANN401  a tree, and a TypedDict
    _demand(isinstance(value, dict), where, "no dictionary")
    fields = {name: hint for name, hint in get_type_hints(kind, localns=_NAMES).items() if name not in _OPTIONS}
    unknown, missing = value.keys() - fields.keys(), (kind.__required_keys__ - _OPTIONS) - value.keys()
    _demand(not unknown, where, f"unknown {sorted(unknown)}")
    _demand(not missing, where, f"without {sorted(missing)}")
    return {name: read(each, fields[name], f"{where}.{name}") for name, each in value.items()}


def _any(value: Any, kinds: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401  a tree, and types
    # `Literal[…] | str` lets everything pass: where words are named, one of them it must be.
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    if words and words != [""] and isinstance(value, str):
        _demand(value in words, where, f"{value!r} is none of {len(words)} words")
        return value
    faults = []
    for kind in kinds:
        if "UntypedStripeObject" in str(kind):
            continue
        try:
            return read(value, kind, where)
        except Untyped as fault:
            faults.append(str(fault))
    raise Untyped(where, "; ".join(faults))


def _demand(holds: bool, where: str, why: str) -> None:
    if not holds:
        raise Untyped(where, why)

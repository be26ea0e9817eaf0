"""Says in the contract what app/strict.py and app/http/ids.py refuse, so that nobody learns it from a 400.

Litestar derives types, lengths and patterns. It does not tell that our own bodies take no other fields than theirs, nor
how an id looks: both follow from what is there already, the Structs and the examples of ids.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from app.http import ids

Json = dict[str, Any]

_ID = re.compile(r"([a-z][a-z_]*)_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def add(schema: Json, handlers: Mapping[str, HTTPRouteHandler]) -> None:
    """Close every Struct that refuses unknown fields, and give every id the pattern of its kind."""
    closed = {name for handler in handlers.values() for name in _closed(handler)}
    for name, component in schema["components"]["schemas"].items():
        if name.rsplit("_", 1)[-1] in closed and component.get("type") == "object":
            component.setdefault("additionalProperties", False)
            for field in component.get("properties", {}).values():
                _shape(field)
    operations = (one for item in schema["paths"].values() for one in item.values() if isinstance(one, dict))
    for operation in operations:
        if handlers[operation["operationId"]].opt.get("standard"):
            continue
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"].endswith("_id"):
                parameter["schema"].setdefault("pattern", ids.pattern(parameter["name"].removesuffix("_id")))


def _shape(field: Json) -> None:
    """Give a text whose example is an id the pattern of that id."""
    examples = field.get("examples") or ()
    if field.get("type") == "string" and examples and (found := _ID.fullmatch(str(examples[0]))):
        field.setdefault("pattern", ids.pattern(found[1]))


def _closed(handler: HTTPRouteHandler) -> Iterator[str]:
    """Name the Structs of a handler's body that refuse unknown fields."""
    field = handler.parsed_fn_signature.parameters.get("data")
    if field is None or handler.opt.get("standard"):
        return
    waiting: list[Any] = [msgspec.inspect.type_info(field.annotation)]
    seen: set[type] = set()
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.cls in seen:
                continue
            seen.add(kind.cls)
            if kind.forbid_unknown_fields:
                yield kind.cls.__name__
            waiting += [inner.type for inner in kind.fields]
        else:
            inner = [getattr(kind, name, None) for name in ("item_type", "value_type", "type")]
            waiting += [each for each in inner if isinstance(each, msgspec.inspect.Type)]
            waiting += [each for each in getattr(kind, "types", ()) if isinstance(each, msgspec.inspect.Type)]

"""Says in the contract what app/strict.py, msgspec and app/http/ids.py refuse, so that nobody learns it from a 400.

Litestar derives types, and lengths and patterns where they stand by themselves. It does not tell what lies inside a
list, a map or a choice, that our own bodies take no other fields than theirs, how an id looks, or that numbers have 64
bits: all of it follows from what is there already, the Structs and the examples of ids.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg

from app import strict
from app.http import ids

Json = dict[str, Any]

_ID = re.compile(r"([a-z][a-z_]*)_[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ANYTHING = {"$ref": "#/components/schemas/Json"}
_INT64 = {"minimum": strict.NUMBER_MIN, "maximum": strict.NUMBER_MAX}
#: What app/strict.py lets through where the type says nothing.
_JSON: Json = {
    "description": "Any JSON; its numbers lie within 64 bits.",
    "anyOf": [
        {"type": ["string", "boolean", "null"]},
        {"type": "number", **_INT64},
        {"type": "array", "items": _ANYTHING},
        {"type": "object", "additionalProperties": _ANYTHING},
    ],
    "examples": [{}],
}
_TOLD = ("title", "description", "examples", "default")
_KWARGS = {"ge": "minimum", "le": "maximum", "min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}


def add(schema: Json, handlers: Mapping[str, HTTPRouteHandler]) -> None:
    """Close every Struct that refuses unknown fields, complete its fields, give every id the pattern of its kind."""
    components = schema["components"]["schemas"]
    components["Json"] = _JSON
    for struct in {each for handler in handlers.values() for each in _closed(handler)}:
        component = components[_named(struct, components)]
        component.setdefault("additionalProperties", False)
        inside = _fields(struct)
        for name, field in component.get("properties", {}).items():
            if name in inside:
                told = {key: field[key] for key in _TOLD if key in field}
                field.clear()
                field.update(inside[name] | told)
            _shape(field)
    operations = (one for item in schema["paths"].values() for one in item.values() if isinstance(one, dict))
    for operation in operations:
        handler = handlers[operation["operationId"]]
        for parameter in operation.get("parameters", ()):
            _plain(parameter, handler)


def _plain(parameter: Json, handler: HTTPRouteHandler) -> None:
    """Say of a parameter what is asked of it when it is there."""
    told = parameter["schema"]
    if parameter["in"] == "path" and parameter["name"].endswith("_id") and not handler.opt.get("standard"):
        told.setdefault("pattern", ids.pattern(parameter["name"].removesuffix("_id")))
    if parameter["in"] != "query":
        return
    options = told.pop("oneOf", [{}])
    value = next(each for each in options if each.get("type") != "null")
    if (asked := _asked(handler, parameter["name"])) is not None:
        for name, keyword in _KWARGS.items():
            told.pop(keyword, None)
            if (bound := getattr(asked, name)) is not None:
                value[keyword] = bound
    if value.get("type", told.get("type")) == "integer":
        value |= {**_INT64, **value}
    # Litestar reads the word null as nothing, unless it is a text.
    is_text = value.get("type") == "string" and "format" not in value
    told |= value if is_text or len(options) == 1 else {"oneOf": options}


def _asked(handler: HTTPRouteHandler, name: str) -> ParameterKwarg | None:
    """Find what a handler asks of the parameter `name`."""
    fields = handler.parsed_fn_signature.parameters.items()
    asked = {(each.kwarg_definition, own) for own, each in fields if isinstance(each.kwarg_definition, ParameterKwarg)}
    return next((each for each, own in asked if (each.query or each.name or own) == name), None)


def _named(struct: type, components: Json) -> str:
    """Find the component of a Struct: Litestar names it by as much of its place as makes the name the only one."""
    place = "_" + "_".join((*struct.__module__.split("."), struct.__name__))
    return next(name for name in components if place.endswith(f"_{name}"))


def _fields(struct: type) -> Json:
    """Describe the fields of a Struct that hold lists, maps or choices, as msgspec reads them."""
    (reference,), found = msgspec.json.schema_components([struct], schema_hook=_opaque, ref_template="{name}")
    fields: Json = found[reference["$ref"]]["properties"]
    return {name: _bounded(field) for name, field in fields.items() if _is_loose(field)}


def _opaque(kind: type) -> Json:
    if kind is not object:
        raise NotImplementedError
    return dict(_ANYTHING)


def _is_loose(field: Json) -> bool:
    """Whether Litestar says too little of it; what names another component, Litestar describes there."""
    inner = msgspec.json.encode(field).replace(msgspec.json.encode(_ANYTHING), b"")
    has_parts = bool(field.keys() & {"anyOf", "items", "additionalProperties", "propertyNames"})
    return b'"$ref"' not in inner and (has_parts or field.get("type") in {"object", "array", "integer", "number"})


def _bounded(node: Json) -> Json:
    """Say everywhere inside what app/strict.py asks of every number, and what stands for anything."""
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            node[key] = _bounded(node[key])
    if "anyOf" in node:
        node["anyOf"] = [_bounded(option) for option in node["anyOf"]]
    match node.get("type"):
        case "integer" | "number":
            return {**_INT64, **node}
        case "object" if "properties" not in node:
            return {"additionalProperties": _ANYTHING, **node}
        case "array":
            return {"items": _ANYTHING, **node}
    return node


def _shape(field: Json) -> None:
    """Give a text whose example is an id the pattern of that id."""
    examples = field.get("examples") or ()
    if field.get("type") == "string" and examples and (found := _ID.fullmatch(str(examples[0]))):
        field.setdefault("pattern", ids.pattern(found[1]))


def _closed(handler: HTTPRouteHandler) -> Iterator[type]:
    """Find the Structs of a handler's body that refuse unknown fields."""
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
                yield kind.cls
            waiting += [inner.type for inner in kind.fields]
        else:
            inner = [getattr(kind, name, None) for name in ("item_type", "value_type", "type")]
            waiting += [each for each in inner if isinstance(each, msgspec.inspect.Type)]
            waiting += [each for each in getattr(kind, "types", ()) if isinstance(each, msgspec.inspect.Type)]

"""Examples for the contract, composed from the examples of fields, so that they can't drift from the types."""

from typing import Any

import msgspec

from app import webhooks_out
from app.problems import Problem

Json = dict[str, Any]
_DEPTH_MAX = 12
_BY_FORMAT = {
    "date-time": "2026-09-01T04:00:00Z",
    "date": "2026-09-01",
    "uuid": "0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70",
    "byte": "AA==",
}


def component_schemas() -> dict[str, Json]:
    """Schemas that no handler returns by type: the problem and its parts."""
    _, components = msgspec.json.schema_components([Problem], ref_template="#/components/schemas/{name}")
    return components | webhooks_out.schemas()


def add(schema: Json) -> None:
    """Give every body and answer that lacks one an example."""
    for media in _media_types(schema):
        if "example" not in media and "examples" not in media and "schema" in media:
            media["example"] = of(media["schema"], schema)


def _media_types(node: object) -> list[Json]:
    """All media type objects below paths and webhooks."""
    found: list[Json] = []
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            for key, value in inner.items():
                if key == "content" and isinstance(value, dict):
                    found += [media for media in value.values() if isinstance(media, dict)]
                elif key != "schemas":
                    waiting.append(value)
        elif isinstance(inner, list):
            waiting += inner
    return found


def of(node: Json, schema: Json, depth: int = 0) -> Any:  # noqa: ANN401  any JSON
    """Compose an example of the JSON Schema `node`; references are looked up in `schema`."""
    if depth > _DEPTH_MAX:
        return None
    if reference := node.get("$ref"):
        name = reference.rsplit("/", 1)[-1]
        return of(schema["components"]["schemas"][name], schema, depth + 1)
    for key in ("example", "const", "default"):
        if node.get(key) is not None:
            return node[key]
    for key in ("examples", "enum"):
        if node.get(key):
            first = node[key][0]
            return first["value"] if isinstance(first, dict) and "value" in first else first
    for key in ("oneOf", "anyOf", "allOf"):
        if node.get(key):
            options = [option for option in node[key] if option.get("type") != "null"]
            return of(options[0], schema, depth + 1) if options else None
    return _by_type(node, schema, depth)


def _by_type(node: Json, schema: Json, depth: int) -> Any:  # noqa: ANN401  any JSON
    match node.get("type"):
        case "object":
            return {name: of(inner, schema, depth + 1) for name, inner in node.get("properties", {}).items()}
        case "array":
            return [of(node["items"], schema, depth + 1)] if node.get("items") else []
        case "integer" | "number":
            return node.get("minimum", 1)
        case "boolean":
            return True
        case "string":
            return _BY_FORMAT.get(node.get("format", ""), "text")
        case _:
            return None

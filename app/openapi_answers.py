"""Says in the contract which header fields answers carry, each described once.

Fields follow from what an operation is, not from a list of operations: whose quota is counted, who shows a proof, what
is edited by version, what is done once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from litestar.handlers import HTTPRouteHandler

Json = dict[str, Any]

_TEXT = {"type": "string"}
_FIELDS: dict[str, Json] = {
    "RateLimit": {
        "description": "What is left of the quota, and the seconds until it is whole again.",
        "schema": _TEXT,
        "example": '"default";r=5999;t=42',
    },
    "RateLimit-Policy": {
        "description": "The quota that counts here: requests and seconds (draft-ietf-httpapi-ratelimit-headers-10).",
        "schema": _TEXT,
        "example": '"default";q=6000;w=60',
    },
    "Retry-After": {
        "description": "Seconds after which a repeat may succeed.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "ETag": {
        "description": "The version shown; send it as If-Match to edit, as If-None-Match to hear only of changes.",
        "schema": _TEXT,
        "example": '"3"',
    },
    "DPoP-Nonce": {
        "description": "The nonce of the next DPoP proof (RFC 9449 section 8).",
        "schema": _TEXT,
        "example": "eyJ7S_zG.eyJH0-Z.HX4w-7v",
    },
    "WWW-Authenticate": {
        "description": "What is wrong with the token or the proof (RFC 6750, RFC 9449).",
        "schema": _TEXT,
        "example": 'DPoP error="invalid_token", algs="ES256"',
    },
    "Idempotency-Replayed": {
        "description": "Present when this is the answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
}
_QUOTA = ("RateLimit", "RateLimit-Policy")
#: What a problem carries beside the quota, by its status.
_OF_PROBLEMS = {
    "401": ("WWW-Authenticate", "DPoP-Nonce"),
    "403": ("WWW-Authenticate",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}


def add(schema: Json, handlers: Mapping[str, HTTPRouteHandler]) -> None:
    """Describe the fields, and name them at the problems and at each operation's own answers."""
    components = schema["components"]
    components["headers"] = _FIELDS
    for name, problem in components["responses"].items():
        _name(problem, (*_QUOTA, *_OF_PROBLEMS.get(name.removeprefix("Problem"), ())))
    operations = list(_operations(schema))
    versioned = {shown for operation in operations if _takes(operation, "if-match") for shown in _shown(operation)}
    for operation in operations:
        fields = list(_fields(operation, handlers[operation["operationId"]]))
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                continue
            etag = () if status >= "400" else ("ETag",) if _is_versioned(operation, versioned) else ()
            _name(answer, (*fields, *_OF_PROBLEMS.get(status, ()), *etag))


def _fields(operation: Json, handler: HTTPRouteHandler) -> Iterator[str]:
    if not handler.opt.get("unlimited"):
        yield from _QUOTA
    if operation["security"] or handler.opt.get("proof") or _takes(operation, "dpop"):
        yield "DPoP-Nonce"
    if _takes(operation, "idempotency-key"):
        yield "Idempotency-Replayed"


def _is_versioned(operation: Json, versioned: set[str]) -> bool:
    """Whether it shows what can be edited by version, or answers that nothing changed."""
    return "304" in operation["responses"] or not versioned.isdisjoint(_shown(operation))


def _shown(operation: Json) -> Iterator[str]:
    """Name the schemas of what an operation answers when it succeeds."""
    for status, answer in operation["responses"].items():
        for media in answer.get("content", {}).values() if status < "300" else ():
            if reference := media["schema"].get("$ref"):
                yield reference


def _takes(operation: Json, header: str) -> bool:
    return any(each["name"].lower() == header for each in operation.get("parameters", ()) if each["in"] == "header")


def _operations(schema: Json) -> Iterator[Json]:
    for item in schema["paths"].values():
        yield from (each for each in item.values() if isinstance(each, dict) and "operationId" in each)


def _name(answer: Json, fields: tuple[str, ...]) -> None:
    told = {field: {"$ref": f"#/components/headers/{field}"} for field in fields}
    if told:
        answer["headers"] = told | answer.get("headers", {})

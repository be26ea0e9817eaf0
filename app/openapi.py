"""The contract as others read it: OpenAPI 3.1, completed in one place.

Litestar derives paths, parameters and schemas from the handlers. What it does not know is added here to each operation:
its scope, every problem it may answer, the Idempotency-Key it needs, and examples composed from those of the fields.
`docs/openapi.json` is the golden copy (tests/app/test_openapi.py).
"""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Contact, License, OpenAPI
from litestar.router import Router

from app import examples, idempotency_key, openapi_answers, openapi_signed, openapi_strict, reference, webhooks_out
from app.auth.scopes import SCOPES

Json = dict[str, Any]

_PROBLEM_REF = "#/components/schemas/Problem"
_TITLES = {
    "400": "The request can't be read, or lacks Idempotency-Key.",
    "401": "No access token, or one that is not accepted.",
    "403": "The token does not carry the operation's scope, or a consent is missing.",
    "404": "There is no such thing, or none of the caller's.",
    "409": "The state does not allow it now.",
    "412": "If-Match names a version that is no longer current.",
    "413": "The body is larger than allowed.",
    "415": "The body is not application/json.",
    "422": "Understood and refused; `code` says why.",
    "428": "The edit needs If-Match.",
    "429": "Over the quota; see RateLimit and Retry-After.",
    "500": "A fault of ours; quote `trace_id`.",
    "503": "Busy or in doubt; repeat with the same Idempotency-Key after Retry-After.",
}
_PAGE = {"scope": "public", "csp": reference.CSP}
_STANDARD_TITLE = "Refused in the form of the standard this endpoint follows."


class Contract(OpenAPI):
    """The specification as served: what Litestar derived, completed."""

    handlers: dict[str, HTTPRouteHandler]

    def to_schema(self) -> Json:
        """Render and complete it."""
        return complete(super().to_schema(), self.handlers)


class _Config(OpenAPIConfig):
    handlers: dict[str, HTTPRouteHandler]

    def to_openapi_schema(self) -> OpenAPI:
        contract = super().to_openapi_schema()
        contract.__class__ = Contract
        assert isinstance(contract, Contract)
        contract.handlers = self.handlers
        return contract


def config(routes: Iterable[HTTPRouteHandler]) -> OpenAPIConfig:
    """Describe the application made of `routes`."""
    made = _Config(
        title="e-Residency of Kazakhstan",
        version="0.1.0",
        description=(
            "Backend of the e-Residency mobile app ordered by Decree 1242 of 25 April 2026. Money is counted in minor "
            "units, times are UTC, errors are RFC 9457 problems, every POST that creates or moves takes an "
            "Idempotency-Key."
        ),
        contact=Contact(name="The operator of the e-Residency programme"),
        license=License(name="All rights reserved", identifier="LicenseRef-All-Rights-Reserved"),
        path="/schema",
        render_plugins=[reference.Page(path="/")],
        openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, opt=_PAGE),
        use_handler_docstrings=True,
    )
    made.handlers = {str(handler.operation_id): handler for handler in routes}
    return made


def complete(schema: Json, handlers: dict[str, HTTPRouteHandler]) -> Json:
    """Add to each operation what the handlers' types do not say."""
    components = schema.setdefault("components", {})
    components["securitySchemes"] = {"dpop": _security()}
    components.setdefault("schemas", {}).update(examples.component_schemas() | openapi_signed.schemas())
    components["responses"] = {f"Problem{status}": _problem(status) for status in _TITLES}
    schema["security"] = [{"dpop": []}]
    for path, item in schema["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict) and "operationId" in operation:
                _complete(operation, handlers[operation["operationId"]], path)
    schema["webhooks"] = webhooks_out.described()
    schema["tags"] = [{"name": name, "description": f"{name}."} for name in _tags(schema)]
    _plain(components["schemas"])
    openapi_signed.add(schema, handlers)
    openapi_strict.add(schema, handlers)
    openapi_answers.add(schema, handlers)
    examples.add(schema)
    return schema


def _security() -> Json:
    granted = {scope: f"May be held by: {', '.join(sorted(roles))}." for scope, roles in sorted(SCOPES.items())}
    return {
        "type": "oauth2",
        "description": (
            "Access tokens bound to the device key and sent with the scheme DPoP (RFC 9449). People get theirs by "
            "passkey (POST /v1/auth/…), partners and regulators by private_key_jwt; both renew at the token endpoint."
        ),
        "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "refreshUrl": "/oauth/token", "scopes": granted}},
    }


def _plain(schemas: Json) -> None:
    """Say `oneOf` only where there is a choice: an optional field of Litestar's is a choice of one, or of anything."""
    waiting: list[Any] = [schemas]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(options := node.get("oneOf"), list):
                node["oneOf"] = [option for option in options if option]
                if len(node["oneOf"]) == 1:
                    node.update(node.pop("oneOf")[0])
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _tags(schema: Json) -> list[str]:
    found = {tag for item in schema["paths"].values() for op in item.values() for tag in op.get("tags", [])}
    return sorted(found)


def _complete(operation: Json, handler: HTTPRouteHandler, path: str) -> None:
    scope = handler.opt["scope"]
    operation["security"] = [] if scope == "public" else [{"dpop": [scope]}]
    responses = operation["responses"]
    responses.pop("400", None)
    if handler.opt.get("standard") and handler.http_methods == {"GET"}:
        # A published document: nothing in the request can be wrong, but there may be too many of them.
        responses.setdefault("429", {"$ref": "#/components/responses/Problem429"})
    elif handler.opt.get("standard"):
        responses["400"] = {"description": _STANDARD_TITLE, "content": {"application/json": {"schema": _oauth_error()}}}
        responses["401"] = responses["400"]
        for status in ("429", "500", "503", *(() if scope == "public" else ("403",))):
            responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    else:
        for status in _statuses(operation, handler, path, scope):
            responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    if handler.media_type == "text/html" and "400" in responses:  # what is wrong with a page's address is a page too
        shown = {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}}
        responses["400"] = {**_problem("400"), "content": {**_problem("400")["content"], **shown}}
    body = handler.parsed_fn_signature.parameters.get("data")
    if body is not None and not body.is_required:
        operation["requestBody"]["required"] = False
    if _is_idempotent(handler):
        operation.setdefault("parameters", []).append(_idempotency_key())


def _statuses(operation: Json, handler: HTTPRouteHandler, path: str, scope: str) -> list[str]:
    found = ["429", "500", "503"]
    has_body = "requestBody" in operation
    if has_body or operation.get("parameters"):
        found.append("400")
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
        found.append("422")  # a cursor that is none of ours, or a range that is none
    if scope != "public":
        found += ["401", "403"]
    if handler.opt.get("signed"):  # a partner's signature instead of a token
        found.append("401")
    if handler.opt.get("proof"):  # a passkey and the proof of a device key instead of a token
        found += ["401", "403"]
    if "{" in path or handler.opt.get("may_lack"):
        found.append("404")
    if has_body:
        found += ["413", "415"]
    if handler.http_methods & {"POST", "PUT", "PATCH", "DELETE"}:
        found += ["400", "404", "409", "422"]
    if any(parameter["name"].lower() == "if-match" for parameter in operation.get("parameters", [])):
        found += ["412", "428"]
    return sorted(set(found))


def _problem(status: str) -> Json:
    return {
        "description": _TITLES[status],
        "content": {"application/problem+json": {"schema": {"$ref": _PROBLEM_REF}}},
    }


def _oauth_error() -> Json:
    text = {"type": "string"}
    properties = {"error": {**text, "examples": ["invalid_request"]}, "error_description": text}
    return {"type": "object", "properties": properties, "required": ["error"]}


def _is_idempotent(handler: HTTPRouteHandler) -> bool:
    return bool(handler.opt.get("idempotent")) or "once" in inspect.signature(handler.fn).parameters


def _idempotency_key() -> Json:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "Names this request; a repeat with the same key gets the first answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": idempotency_key.PATTERN},
        "example": '"0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"',
    }


def written(app: Litestar) -> bytes:
    """Write the contract of `app` as its golden copy is kept: sorted, indented, so that a difference can be read."""
    encoded = msgspec.json.encode(app.openapi_schema.to_schema(), order="deterministic")
    return msgspec.json.format(encoded, indent=2) + b"\n"

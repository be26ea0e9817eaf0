"""Signed operations in the contract: the headers of what partners sign and of what we sign, and what webhooks hold.

Handlers read these themselves, over the raw bytes, so nothing is derived from their types.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from app.banking import bank_account, told
from app.partners import payments, placements

Json = dict[str, Any]

_REF = "#/components/schemas/Told{name}"
#: What each message of a partner holds as `data`.
TOLD: dict[str, type[msgspec.Struct]] = {
    "payment.announced": payments.Received,
    "payment.received": payments.Received,
    "order.done": told.Told,
    "order.rejected": told.Told,
    "order.returned": told.Told,
    "account.balance": bank_account.Balance,
    "placement.confirmed": placements.Opened,
    "placement.rejected": placements.Refused,
    "placement.matured": placements.Over,
}
_EXAMPLE = {
    "type": "payment.received",
    "timestamp": "2026-11-22T09:00:00Z",
    "data": {
        "payment_id": "P-20261122-1",
        "reference": "wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W",
        "amount_minor": 150_000,
        "currency": "KZT",
        "payer": {"name": "A PAYER", "country": "KZ"},
    },
}
_DIGEST = (
    "Content-Digest",
    "RFC 9530, of the bytes that travel.",
    "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
)
_SIGNATURE = (
    "Signature",
    "RFC 9421: Ed25519 or ECDSA P-256.",
    "sig=:0Ry6HsvzS5VmA6HlfBYS/fYYeNs7fYuA7s0tAdxfUlPGv0CSVuwrrz+Jv1pfMbUvCPyXsh2TPBIRv0tFYGGJAw==:",
)
_SAID = ';created=1788235200;keyid="2026-11";nonce="b1946ac92492d2347c6235b4";tag="eresidency"'
_HOW = "RFC 9421: label sig, tag eresidency, created within a minute, a nonce that is used once"
_OF = "@method, @target-uri and signature"
_ASKED = (
    _DIGEST,
    (
        "Signature-Input",
        f"{_HOW}, keyid of the caller's; covers @method, @target-uri, @authority, content-digest, content-type.",
        f'sig=("@method" "@target-uri" "@authority" "content-digest" "content-type"){_SAID}',
    ),
    _SIGNATURE,
)
_ANSWERED = (
    _DIGEST,
    (
        "Signature-Input",
        f"{_HOW}, keyid of a key we publish; covers @status, content-digest, content-type and, of the request, {_OF}.",
        f'sig=("@status" "content-digest" "content-type" "@method";req "@target-uri";req){_SAID}',
    ),
    _SIGNATURE,
)
_WEBHOOK = (
    ("webhook-id", "Names the message; the same at every attempt.", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
    ("webhook-timestamp", "Seconds since 1970, within five minutes of now.", "1788235200"),
    ("webhook-signature", "Standard Webhooks 1.0.0: v1a (ed25519) or v1 (HMAC-SHA256).", "v1a,hnO3f9T8..."),
)


def add(schema: Json, handlers: Mapping[str, HTTPRouteHandler]) -> None:
    """Describe the headers of every signed operation, and the body of receiveWebhook."""
    for item in schema["paths"].values():
        for operation in item.values():
            opt = handlers[operation["operationId"]].opt
            if opt.get("signed"):
                operation.setdefault("parameters", []).extend(_parameter(*each) for each in _ASKED)
            if opt.get("answers") == "signed":
                for answer in operation["responses"].values():
                    if "$ref" not in answer:
                        answer["headers"] = answer.get("headers", {}) | {
                            name: _header(*more) for name, *more in _ANSWERED
                        }
            if operation["operationId"] == "receiveWebhook":
                operation["parameters"].extend(_parameter(*each) for each in _WEBHOOK)
                media = {"schema": _message(), "example": _EXAMPLE}
                operation["requestBody"] = {"required": True, "content": {"application/json": media}}


def schemas() -> dict[str, Json]:
    """Give the schemas the descriptions refer to."""
    _, components = msgspec.json.schema_components(TOLD.values(), ref_template=_REF)
    return {f"Told{name}": found for name, found in components.items()}


def _message() -> Json:
    return {
        "oneOf": [
            {
                "title": kind,
                "type": "object",
                "properties": {
                    "type": {"const": kind, "examples": [kind]},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "data": {"$ref": _REF.format(name=data.__name__)},
                },
                "required": ["type", "data"],
            }
            for kind, data in TOLD.items()
        ]
    }


def _parameter(name: str, description: str, example: str) -> Json:
    return {"name": name, "in": "header", "required": True, **_header(description, example)}


def _header(description: str, example: str) -> Json:
    return {"description": description, "schema": {"type": "string"}, "example": example}

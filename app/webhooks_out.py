"""What partners are sent, described for the contract's `webhooks` section: Standard Webhooks over the feed's events."""

from typing import Any


def described() -> dict[str, dict[str, Any]]:
    """One webhook: an event of the feed, in the envelope of Standard Webhooks 1.0.0."""
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    event = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "examples": ["placement.booked"]},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "additionalProperties": True, "examples": [{"position": 42}]},
        },
    }
    return {
        "event": {
            "post": {
                "operationId": "receiveEvent",
                "summary": "An event of the feed",
                "description": "Signed with ed25519 (`v1a`); sent until 2xx, with the same webhook-id.",
                "tags": ["Webhooks"],
                "security": [],
                "parameters": [
                    {**header, "name": "webhook-id", "example": "evt_01J9VX0TKB7Z8M2Q3R4S5T6V7W"},
                    {**header, "name": "webhook-timestamp", "example": "1788235200"},
                    {**header, "name": "webhook-signature", "example": "v1a,hnO3f9T8..."},
                ],
                "requestBody": {"required": True, "content": {"application/json": {"schema": event}}},
                "responses": {
                    "204": {"description": "Taken."},
                    "410": {"description": "The endpoint is gone; nothing more is sent to it."},
                },
            }
        }
    }

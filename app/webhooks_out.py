"""What partners are sent, described for the contract's `webhooks` section: Standard Webhooks over the feed's events."""

from typing import Any

import msgspec

from app.partners.outgoing import Sent


def described() -> dict[str, dict[str, Any]]:
    """Describe the one webhook there is: an event of the feed, in the envelope of Standard Webhooks 1.0.0."""
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    return {
        "event": {
            "post": {
                "operationId": "receiveEvent",
                "summary": "An event of the feed",
                "description": "Signed with ed25519 (`v1a`); sent until 2xx, with the same webhook-id.",
                "tags": ["Webhooks"],
                "security": [],
                "parameters": [
                    {**header, "name": "webhook-id", "example": "msg_06AVZR0TKB7Z8M2Q3R4S5T6V7W"},
                    {**header, "name": "webhook-timestamp", "example": "1788235200"},
                    {**header, "name": "webhook-signature", "example": "v1a,hnO3f9T8..."},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Sent"}}},
                },
                "responses": {
                    "204": {"description": "Taken."},
                    "410": {"description": "The endpoint is gone; nothing more is sent to it."},
                },
            }
        }
    }


def schemas() -> dict[str, Any]:
    """Give the schemas the description refers to."""
    _, components = msgspec.json.schema_components([Sent], ref_template="#/components/schemas/{name}")
    return components

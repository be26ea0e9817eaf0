"""A card's number, as its holder gets to see it."""

from typing import Any

import httpx

from simulators.letter import DeviceKey
from tests.app.people import bearer, keyed


async def shown(client: httpx.AsyncClient, token: str, card: dict[str, Any]) -> dict[str, str]:
    """Look at `pan`, `expiry` and `cvv2` of a card."""
    key = DeviceKey()
    asked = await client.post(f"/v1/cards/{card['id']}/reveals", json={"device_key": key.public}, headers=keyed(token))
    assert asked.status_code == 201, asked.text
    answer = await client.post(f"/v1/card-reveals/{asked.json()['id']}/number", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return key.open(answer.json()["jwe"])

"""What officers of the matrix do to cards and to rules, and how everybody there does anything."""

import httpx

from simulators.letter import DeviceKey
from tests.app.people import keyed
from tests.security import contract

Owned = dict[str, set[str]]


async def done(
    client: httpx.AsyncClient, headers: dict[str, str], seen: Owned, method: str, path: str, body: object = None
) -> contract.Json:
    """Do something that must succeed; what its answer names is `seen` from now on."""
    answer = await client.request(method, path, json=body, headers=headers)
    assert answer.is_success, f"{method} {path}: {answer.text}"
    for kind, text in contract.ids_in(answer.text):
        seen[kind].add(text)
    found: contract.Json = answer.json()
    return found


async def looks(client: httpx.AsyncClient, token: str, seen: Owned) -> None:
    """Let a resident ask to see a card's number: the look is over after a minute."""
    card = (await done(client, keyed(token), seen, "GET", "/v1/cards"))["cards"][0]
    path, key = f"/v1/cards/{card['id']}/reveals", {"device_key": DeviceKey().public}
    await done(client, keyed(token), seen, "POST", path, key)


async def programme(client: httpx.AsyncClient, token: str, resident: str, seen: Owned) -> None:
    """Let an officer plan what is done to cards: an exemption, a wind-down of cards there are none of, a list."""
    for path, body in (
        ("/v1/officer/card-exemptions", {"resident": resident, "reason": "investor", "evidence": "CASE-1"}),
        ("/v1/officer/listed-merchants", {"merchant": "M-666", "reason": "fraud"}),
        (
            "/v1/officer/card-campaigns",
            {"kind": "wind_down", "basis": "NBK-SANDBOX-0", "spends_until": "2030-01-31T19:00:00Z"},
        ),
    ):
        await done(client, keyed(token), seen, "POST", path, body)


async def rules(client: httpx.AsyncClient, token: str, seen: Owned) -> None:
    """Let an officer draft a rule of risk, and have it tried on the past."""
    rule = {"when": [{"any_of": [{"on": "flag", "feature": "night"}]}], "then": {"do": "alert"}}
    path = "/v1/officer/card-rules"
    version = await done(client, keyed(token), seen, "POST", path, {"name": "of_the_matrix", "body": rule})
    past = {"since": "2026-05-01T00:00:00Z", "until": "2026-05-02T00:00:00Z"}
    path = f"/v1/officer/card-rule-versions/{version['id']}/backtests"
    await done(client, keyed(token), seen, "POST", path, past)

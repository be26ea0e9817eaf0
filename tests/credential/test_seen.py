"""Whatever is done to a credential is done to every copy in either format, and read in the published lists at once."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from litestar import Litestar

from app.http import ids
from app.seed import Seeded
from residency.credential import life
from residency.credential.life import Act, State
from residency.credential.status_list import Status
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import WalletApp
from tests.app.people import bearer, keyed, token
from tests.credential import lists
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.people import another_wallet, offered, resident

pytestmark = pytest.mark.asyncio


async def copies(app: Litestar, client: httpx.AsyncClient, who: Seeded) -> list[Json]:
    """Give the references of five copies, in two formats and two wallets."""
    async with another_wallet(app) as one, another_wallet(app) as other:
        held = await one.accept(await offered(client, who), copies=3)
        octets = await mdocs.fetched(client, other, who.access_token, [DeviceKey(), DeviceKey()])
    root = await lists.pinned(client)
    found = [one.claims["status"]["status_list"] for one in held]
    for copy in octets:
        status = mdocs.verified(copy, root).status
        assert status is not None
        found.append({"uri": status.uri, "idx": status.idx})
    return found


Do = Callable[[str], Awaitable[httpx.Response]]


async def by_its_holder(client: httpx.AsyncClient, who: Seeded, _: str) -> Do:
    async def do(act: str) -> httpx.Response:
        body = {"reason": "holder_request"} if act == "revoke" else None
        return await client.post(f"{await path(client, who)}/{act}", json=body, headers=keyed(who.access_token))

    return do


async def by_an_officer(client: httpx.AsyncClient, who: Seeded, officer: str) -> Do:
    async def do(act: str) -> httpx.Response:
        where = (await path(client, who)).replace("/me/", "/officer/")
        return await client.post(f"{where}/changes", json={"act": act, "reason": "device_lost"}, headers=keyed(officer))

    return do


async def path(client: httpx.AsyncClient, who: Seeded) -> str:
    held = (await client.get("/v1/me/credentials", headers=bearer(who.access_token))).json()["credentials"]
    return f"/v1/me/credentials/{held[0]['id']}"


WALKS = {
    "by_its_holder": [
        ("pause", State.PAUSED),
        ("resume", State.ACTIVE),
        ("renew", State.SUPERSEDED),
        ("revoke", State.REVOKED),
    ],
    "by_an_officer": [
        ("suspend", State.SUSPENDED),
        ("restore", State.ACTIVE),
        ("renew", State.SUPERSEDED),
        ("revoke", State.REVOKED),
    ],
}


@pytest.mark.parametrize("walk", WALKS)
async def test_every_copy_follows_at_once(app: Litestar, client: httpx.AsyncClient, walk: str) -> None:
    who = await resident(app)
    references = await copies(app, client, who)
    do = await (by_its_holder if walk == "by_its_holder" else by_an_officer)(client, who, await token(app, "officer"))
    assert len({(each["uri"], each["idx"]) for each in references}) == 5
    assert await lists.read_all(client, references) == {Status.VALID}

    for act, state in WALKS[walk]:
        answer = await do(act)
        assert (answer.status_code < 300, answer.json()["state"]) == (True, state), answer.text
        assert await lists.read_all(client, references) == {life.SHOWN_AS[state]}
    assert {act for walked in WALKS.values() for act, _ in walked} == set(Act)


async def test_an_officer_sees_a_residents_ids_and_restores_none_whose_status_gives_no_rights(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who, officer = await resident(app), await token(app, "officer")
    [held] = await wallet.accept(await offered(client, who))
    about = f"/v1/officer/residents/{ids.show('resident', who.subject)}"
    mine = (await client.get("/v1/me/credentials", headers=bearer(who.access_token))).json()
    known: str = mine["credentials"][0]["id"]
    assert (await client.get(f"{about}/credentials", headers=bearer(officer))).json() == mine

    refusals = []
    for credential, act in ((known[:-1] + ("1" if known[-1] == "0" else "0"), "revoke"), (known, "pause")):
        body = {"act": act, "reason": "key_compromised"}
        answer = await client.post(f"/v1/officer/credentials/{credential}/changes", json=body, headers=keyed(officer))
        refusals.append(answer.status_code)
    assert refusals == [404, 400]

    [status] = (await client.get(f"{about}/statuses", headers=bearer(officer))).json()["statuses"]
    change = {"act": "suspend", "reason_code": "not_confirmed"}
    await client.post(f"/v1/officer/statuses/{status['id']}/changes", json=change, headers=keyed(officer))
    refused = await (await by_an_officer(client, who, officer))("restore")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_e_resident")
    assert await lists.read(client, held.claims["status"]["status_list"]) is Status.SUSPENDED

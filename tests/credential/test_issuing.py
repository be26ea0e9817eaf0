"""A resident's wallet fetches the credential and shows it to a stranger who knows nothing but the published root."""

from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.http import ids
from app.seed import Seeded
from residency import status
from residency.credential.wallets import key_proof
from simulators.passkey import Json
from simulators.wallet_app import Held, Offer, Refused, WalletApp
from tests.app.people import bearer, keyed, token
from tests.credential.people import another_wallet, offered, resident

pytestmark = pytest.mark.asyncio

ASKED = [["residency_status"], ["age_equal_or_over", "18"]]


async def shown(bank: httpx.AsyncClient, wallet: WalletApp, held: Held, asked: list[list[str]] | None = None) -> Json:
    request = (await bank.post("/requests", json={"claims": asked or ASKED})).json()
    answer = await bank.post(request["response_uri"], json={"presentation": wallet.present(held, request)})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def outcomes(verdict: Json) -> dict[str, str]:
    return {check["name"]: check["outcome"] for check in verdict["checks"]}


async def mine(client: httpx.AsyncClient, to: Seeded) -> list[Json]:
    answer = await client.get("/v1/me/credentials", headers=bearer(to.access_token))
    found: list[Json] = answer.json()["credentials"]
    return found


async def test_a_credential_is_fetched_shown_and_believed(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, bank: httpx.AsyncClient
) -> None:
    holder = await resident(app)

    [held] = await wallet.accept(await offered(client, holder))
    verdict = await shown(bank, wallet, held)

    assert verdict["accepted"], verdict
    assert set(outcomes(verdict).values()) == {"passed"}
    assert verdict["claims"] == {"residency_status": "e_resident", "age_equal_or_over": {"18": True}}
    [listed] = await mine(client, holder)
    assert (listed["kind"], listed["state"], listed["copies"]) == ("e_resident", "active", 1)


async def test_the_credential_says_what_the_passport_and_the_status_say(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, bank: httpx.AsyncClient
) -> None:
    holder = await resident(app)
    async with db.transaction(app.state.house.worker) as story:
        [assigned] = await status.of_resident(await story(), holder.subject)

    [held] = await wallet.accept(await offered(client, holder))
    names = ["document_number", "birthdate", "nationalities", "family_name", "given_name", "issuing_country"]
    told = (await shown(bank, wallet, held, [[name] for name in names]))["claims"]

    assert told["document_number"] == assigned.number
    assert told["birthdate"] == "1990-01-01"
    assert told["issuing_country"] == "KZ"
    assert len(told["nationalities"]) == 1
    assert len(told["nationalities"][0]) == 2
    assert told["family_name"].isupper()


async def test_a_batch_is_bound_to_a_key_each(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, bank: httpx.AsyncClient
) -> None:
    holder = await resident(app)

    held = await wallet.accept(await offered(client, holder), copies=key_proof.BATCH_MAX)

    assert len({one.claims["status"]["status_list"]["idx"] for one in held}) == key_proof.BATCH_MAX
    for one in (held[0], held[-1]):
        assert (await shown(bank, wallet, one))["accepted"]
    swapped = held[0]._replace(key=held[1].key)
    verdict = await shown(bank, wallet, swapped)
    assert (verdict["accepted"], outcomes(verdict)["holder_key"]) == (False, "failed")


async def act(client: httpx.AsyncClient, holder: Seeded, verb: str, body: Json | None = None) -> Json:
    credential = (await mine(client, holder))[0]["id"]
    answer = await client.post(f"/v1/me/credentials/{credential}/{verb}", json=body, headers=keyed(holder.access_token))
    found: Json = answer.json() | {"http": answer.status_code}
    return found


async def test_every_copy_rests_wakes_and_dies_with_the_credential(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, bank: httpx.AsyncClient
) -> None:
    holder = await resident(app)
    held = await wallet.accept(await offered(client, holder), copies=2)
    seen = []

    for verb, body in (("pause", None), ("resume", None), ("revoke", {"reason": "device_lost"})):
        done = await act(client, holder, verb, body)
        verdicts = [await shown(bank, wallet, one) for one in held]
        seen.append(
            (done["state"], [outcomes(verdict)["status"] for verdict in verdicts], verdicts[0]["checks"][-1]["says"])
        )

    assert seen == [
        ("paused", ["failed", "failed"], "suspended"),
        ("active", ["passed", "passed"], "valid"),
        ("revoked", ["failed", "failed"], "revoked"),
    ]
    again = await act(client, holder, "resume")
    assert (again["http"], again["code"]) == (409, "credential_state")


async def test_the_credential_follows_the_status(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, bank: httpx.AsyncClient
) -> None:
    holder = await resident(app)
    [held] = await wallet.accept(await offered(client, holder))

    officer, said = await token(app, "officer"), []
    for change in (status.Act.SUSPEND, status.Act.RESTORE, status.Act.REVOKE):
        await change_status(client, officer, holder.subject, change)
        said.append((await shown(bank, wallet, held))["checks"][-1]["says"])

    assert said == ["suspended", "valid", "revoked"]
    refused = await client.post("/v1/me/credential-offers", json={}, headers=keyed(holder.access_token))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_e_resident")


async def change_status(client: httpx.AsyncClient, officer: str, holder: UUID, act: status.Act) -> None:
    whose = ids.show("resident", holder)
    listed = await client.get(f"/v1/officer/residents/{whose}/statuses", headers=bearer(officer))
    [held] = listed.json()["statuses"]
    body = {"act": act, "reason_code": None if act is status.Act.RESTORE else "not_confirmed"}
    answer = await client.post(f"/v1/officer/statuses/{held['id']}/changes", json=body, headers=keyed(officer))
    assert (answer.status_code, answer.json()["resident"]) == (201, whose), answer.text


async def test_a_status_lost_between_offer_and_request_is_a_denial(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    holder = await resident(app)
    offer = Offer.read(await offered(client, holder))
    await wallet.redeem(offer)
    await change_status(client, await token(app, "officer"), holder.subject, status.Act.REVOKE)

    with pytest.raises(Refused) as caught:
        await wallet.fetch(await wallet.metadata(offer.issuer), offer.configurations[0])

    assert (caught.value.status, caught.value.error) == (400, "credential_request_denied")


async def test_an_offer_is_for_e_residents(app: Litestar, client: httpx.AsyncClient) -> None:
    stranger = await token(app, "resident")

    refused = await client.post("/v1/me/credential-offers", json={}, headers=keyed(stranger))

    assert (refused.status_code, refused.json()["code"]) == (403, "not_e_resident")


async def test_an_offer_is_good_once(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> None:
    holder = await resident(app)
    first, again = [await offered(client, holder, "same") for _ in range(2)]
    assert first != again
    await wallet.accept(first)

    async with another_wallet(app) as thief:
        with pytest.raises(Refused) as caught:
            await thief.accept(first)

    assert caught.value.error == "invalid_grant"


async def test_no_copy_of_an_offer_is_kept(app: Litestar, client: httpx.AsyncClient) -> None:
    holder = await resident(app)
    answer = await client.post("/v1/me/credential-offers", json={}, headers=keyed(holder.access_token))

    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    code = Offer.read(answer.json()["offer_uri"]).code
    assert code in answer.text
    kept = text("SELECT count(*) FROM app.idempotency WHERE position(convert_to(:code, 'UTF8') IN body) > 0")
    async with app.state.house.posting.connect() as everything:
        assert await everything.scalar(kept, {"code": code}) == 0


async def test_a_paused_credential_is_not_offered(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> None:
    holder = await resident(app)
    await wallet.accept(await offered(client, holder))
    await act(client, holder, "pause")

    refused = await client.post("/v1/me/credential-offers", json={}, headers=keyed(holder.access_token))

    assert (refused.status_code, refused.json()["code"]) == (409, "credential_not_active")

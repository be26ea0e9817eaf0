"""Wallets that a provider vouches for: what is believed at the token endpoint, for how long, and the grade it gives."""

import uuid
from collections.abc import Iterator

import httpx
import psycopg
import pytest
import sqlalchemy
from litestar import Litestar
from sqlalchemy import text

from app import clock
from app.auth import session
from app.auth.wallets import wallet_provider, wallet_session
from app.partners import wallet_lists
from residency.credential.wallets.grade import Grade
from simulators import wallet_app
from simulators import wallet_provider as outside
from simulators.passkey import DeviceKey
from simulators.wallet_app import Offer, WalletApp
from simulators.wallet_provider import AttestedWallet, WalletProvider
from tests.app import people
from tests.app.auth.attesting import asked, nonce, refused, trust
from tests.app.auth.people import count, house_of, story_of
from tests.app.people import bearer, keyed
from tests.app.serving import serving
from tests.credential.people import another_wallet, offered, resident

pytestmark = pytest.mark.asyncio


async def grades(app: Litestar, holder: uuid.UUID) -> list[str]:
    async with story_of(house_of(app)) as story:
        query = text("SELECT grade FROM credential.issuance WHERE holder = :holder ORDER BY id")
        return list(await (await story()).scalars(query, {"holder": holder}))


async def test_the_grade_of_a_copy_is_that_of_its_wallet_and_keys(
    app: Litestar, client: httpx.AsyncClient, attested: AttestedWallet, phone: WalletApp
) -> None:
    who, keys = await resident(app), [DeviceKey() for _ in range(3)]
    offer = Offer.read(await offered(client, who))
    async with another_wallet(app) as anybodys:
        await anybodys.accept(await offered(client, who))
    await phone.redeem(offer)

    plain = wallet_app.proof_of(keys[0], audience=offer.issuer, nonce=await nonce(phone, offer.issuer))
    first = await asked(phone, offer.issuer, {"jwt": [plain]})
    said = attested.provider.key_attestation([key.jwk for key in keys], nonce=await nonce(phone, offer.issuer))
    second = await asked(phone, offer.issuer, {"attestation": [said]})

    assert (first.status_code, second.status_code) == (200, 200)
    assert len(second.json()["credentials"]) == len(keys)
    assert await grades(app, who.subject) == [Grade.BASIC, Grade.ATTESTED, Grade.HIGH]
    sessions = (await client.get("/v1/me/sessions", headers=bearer(who.access_token))).json()["sessions"]
    assert {attested.client_id, "wallet"} <= {each["client"] for each in sessions}


async def test_a_proof_of_a_wallet_is_taken_once(
    app: Litestar, client: httpx.AsyncClient, attested: AttestedWallet, phone: WalletApp
) -> None:
    kept = attested.headers()
    phone.attests = lambda: kept
    await phone.redeem(Offer.read(await offered(client, await resident(app))))

    assert await refused(phone, app, client) == (
        401,
        "invalid_client",
        "client attestation: PoP: jti was used before",
    )


async def test_what_is_wrong_with_an_attestation_is_named(
    app: Litestar, client: httpx.AsyncClient, attested: AttestedWallet, phone: WalletApp
) -> None:
    stranger = WalletProvider("https://stranger.example").wallet("x", attested.audience)
    old = attested.provider.attestation(attested.key.jwk, attested.client_id, exp=1)
    cases = (
        (stranger.headers(), 401, "invalid_client", "does not lead to a wallet provider"),
        *(
            (attested.provider.wallet(name, attested.audience).headers(), 401, "invalid_client", "a name that is taken")
            for name in (session.APP, wallet_session.ANONYMOUS)
        ),
        (attested.headers() | {"OAuth-Client-Attestation": old}, 400, "use_fresh_attestation", "exp is past"),
        ({"OAuth-Client-Attestation": old}, 401, "invalid_client", "not exactly one"),
        ({"OAuth-Client-Attestation-PoP": attested.pop()}, 401, "invalid_client", "not exactly one"),
    )
    for headers, status, error, reason in cases:
        phone.attests = headers.copy
        found = await refused(phone, app, client)
        assert found[:2] == (status, error)
        assert reason in found[2]


async def test_a_provider_is_believed_from_an_instant_to_another(app: Litestar, client: httpx.AsyncClient) -> None:
    mine = WalletProvider("https://mine.example")
    wallet = mine.wallet("w", house_of(app).settings.issuer)
    name = await trust(app, client, mine)
    async with another_wallet(app) as phone:
        phone.attests = wallet.headers
        await phone.redeem(Offer.read(await offered(client, await resident(app))))
        async with story_of(house_of(app)) as story:
            await wallet_provider.distrust(await story(), name, clock.real(), actor="operator")

        assert "does not lead" in (await refused(phone, app, client))[2]
    async with story_of(house_of(app)) as story:
        with pytest.raises(wallet_provider.UnknownProvider):
            await wallet_provider.distrust(await story(), name, clock.real(), actor="operator")


@pytest.mark.parametrize("audience", ["resident", "partner", "wallet", ""])
async def test_nobody_but_an_operator_says_whom_to_trust(
    app: Litestar, client: httpx.AsyncClient, audience: str
) -> None:
    name = await trust(app, client, WalletProvider("https://walled.example"))
    for act in (
        "UPDATE app.wallet_provider SET valid_to = now() WHERE id = :id",
        "INSERT INTO app.wallet_provider SELECT :id || '-2', name, 'x', valid_from, NULL, at FROM app.wallet_provider",
    ):
        with pytest.raises(sqlalchemy.exc.DBAPIError) as refused:
            async with story_of(house_of(app), audience) as story:
                await (await story()).execute(text(act), {"id": name})
        assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("root", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_only_an_authority_is_trusted(app: Litestar, client: httpx.AsyncClient, root: str) -> None:
    body = {"id": "nobody", "name": "Nobody", "root": root}
    service = await people.token(app, "service")

    answer = await client.post("/v1/sandbox/wallet-providers", json=body, headers=keyed(service))

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_root")


async def test_a_provider_is_known_once(app: Litestar, client: httpx.AsyncClient, provider: WalletProvider) -> None:
    body = {"id": "another-name", "name": "Another", "root": provider.root_pem}
    service = await people.token(app, "service")

    answer = await client.post("/v1/sandbox/wallet-providers", json=body, headers=keyed(service))

    assert (answer.status_code, answer.json()["code"]) == (409, "provider_known")


@pytest.fixture
def published() -> Iterator[WalletProvider]:
    """Give a provider that publishes on this machine."""
    made = WalletProvider("http://127.0.0.1:1")
    with serving(outside.build(made)) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made


async def test_an_attestation_holds_for_as_long_as_its_provider_says(
    app: Litestar, client: httpx.AsyncClient, published: WalletProvider
) -> None:
    house = house_of(app)
    await trust(app, client, published)
    wallet = published.wallet("w", house.settings.issuer)
    wallet.status = published.status(3)
    async with another_wallet(app) as phone:
        phone.attests = wallet.headers
        early = await refused(phone, app, client)
        assert early[:2] == (503, "temporarily_unavailable")
        assert await wallet_lists.step(house) == 1
        assert await wallet_lists.step(house) == 0
        await phone.redeem(Offer.read(await offered(client, await resident(app))))

        published.revoked.add(3)
        _due(house.settings.database_url)
        assert await wallet_lists.step(house) == 1

        found = await refused(phone, app, client)
    assert found[:2] == (401, "invalid_client")
    assert found[2] == "client attestation: status is not valid any more"


async def test_what_is_not_a_providers_list_takes_the_place_of_none(
    app: Litestar, client: httpx.AsyncClient, published: WalletProvider, module_database: str
) -> None:
    house = house_of(app)
    await trust(app, client, published)
    wallet = published.wallet("w", house.settings.issuer)
    wallet.status = published.status(3)
    async with another_wallet(app) as phone:
        phone.attests = wallet.headers
        await refused(phone, app, client)
        await wallet_lists.step(house)
        signs, published.x5c = published.x5c, WalletProvider("https://other.example").x5c
        _due(house.settings.database_url)
        await wallet_lists.step(house)
        published.x5c = signs
        await phone.redeem(Offer.read(await offered(client, await resident(app))))

        owner = sqlalchemy.create_engine(module_database)
        with owner.begin() as db:
            db.execute(text("UPDATE app.wallet_status_list SET token = :cwt"), {"cwt": b"\xd2\x84\x43\xa1\x01\x26\xff"})
        owner.dispose()
        found = await refused(phone, app, client)

    assert found[2] == "client attestation: status is unknown: unreadable_list"


async def test_a_list_that_does_not_come_is_asked_for_again_later(app: Litestar, client: httpx.AsyncClient) -> None:
    house, silent = house_of(app), WalletProvider("http://127.0.0.1:1")
    await trust(app, client, silent)
    wallet = silent.wallet("w", house.settings.issuer)
    wallet.status = silent.status(3)
    async with another_wallet(app) as phone:
        phone.attests = wallet.headers
        for _ in range(2):
            assert (await refused(phone, app, client))[1] == "temporarily_unavailable"
            await wallet_lists.step(house)

    waits = "SELECT count(*) FROM app.wallet_status_list WHERE uri = :uri AND token IS NULL AND attempts = 1"
    assert await count(house, waits, uri=silent.url + outside.STATUS_PATH) == 1


def _due(url: str) -> None:
    owner = sqlalchemy.create_engine(url)
    with owner.begin() as db:
        db.execute(text("UPDATE app.wallet_status_list SET due_at = now() WHERE token IS NOT NULL"))
    owner.dispose()

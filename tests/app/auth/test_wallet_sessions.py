"""What wallets are let in for: by attested wallets and others, with a code, and renewed for as long as a year."""

import httpx
import pytest
import pytest_asyncio
import sqlalchemy
from litestar import Litestar
from sqlalchemy import text

from app import clock
from app.auth import session
from app.auth.wallets import wallet_client
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import Offer, Refused, WalletApp
from simulators.wallet_provider import AttestedWallet, WalletProvider
from tests.app.auth import oauth
from tests.app.auth.attesting import E_RESIDENT, code_of, nonce, push, redeem, registered, trust
from tests.app.auth.oauth import Holder
from tests.app.auth.people import house_of, story_of
from tests.credential.people import another_wallet, offered, resident

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def holder(app: Litestar) -> Holder:
    return await oauth.holder_of(app, house_of(app).settings)


async def test_a_wallet_of_a_provider_is_nothing_without_its_attestation(
    app: Litestar, client: httpx.AsyncClient, holder: Holder
) -> None:
    mine, other = WalletProvider("https://mine.example"), WalletProvider("https://other.example")
    wallet = await registered(app, client, provider=await trust(app, client, mine))
    await trust(app, client, other)
    issuer = house_of(app).settings.issuer
    instance, sibling = mine.wallet(wallet.name, issuer), mine.wallet(wallet.name, issuer)

    for headers, reason in (
        ({}, "not attested"),
        (other.wallet(wallet.name, issuer).headers(), "of another provider"),
        (mine.wallet("other.wallet", issuer).headers(), "client_id is not its sub"),
    ):
        answer = await push(wallet, headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert reason in answer.json()["error_description"]

    code = await code_of(wallet, holder, instance.headers())
    for headers in ({}, sibling.headers()):
        answer = await redeem(wallet, code, headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    # The attestation says which wallet it is; the form need not.
    assert (await redeem(wallet, code, instance.headers(), client_id=None)).status_code == 200


async def test_what_is_equal_to_an_identity_card_is_for_attested_wallets(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    provider = WalletProvider("https://cards.example")
    wallet = await registered(app, client, provider=await trust(app, client, provider))
    other = await registered(app, client, provider=None)
    issuer = house_of(app).settings.issuer

    asks = {"scope": "credential:resident_id_mdoc"}
    assert (await push(other, {}, **asks)).json()["error"] == "invalid_client"
    assert (await push(wallet, provider.wallet(wallet.name, issuer).headers(), **asks)).status_code == 201


async def test_no_provider_takes_the_name_of_a_wallet_that_was_registered_without_one(
    app: Litestar, client: httpx.AsyncClient, provider: WalletProvider
) -> None:
    wallet = await registered(app, client, provider=None)
    posing = provider.wallet(wallet.name, house_of(app).settings.issuer)

    answer = await push(wallet, posing.headers())

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "registered without a provider" in answer.json()["error_description"]
    async with another_wallet(app) as phone:
        phone.attests = posing.headers
        with pytest.raises(Refused) as refused:
            await phone.redeem(Offer.read(await offered(client, await resident(app))))
    assert (refused.value.status, refused.value.error) == (401, "invalid_client")
    assert (await push(wallet, {})).status_code == 201


async def test_a_token_may_be_asked_for_less_than_was_approved(
    app: Litestar, client: httpx.AsyncClient, holder: Holder
) -> None:
    wallet = await registered(app, client, provider=None)
    both = {"scope": f"credential:{E_RESIDENT} credential:e_resident_mdoc"}
    code = await code_of(wallet, holder, {}, **both)

    more = await redeem(wallet, code, {}, authorization_details=oauth.details("resident_id_mdoc"))
    less = await redeem(wallet, code, {}, authorization_details=oauth.details("e_resident_mdoc"))

    assert more.json()["error"] == "invalid_authorization_details"
    assert [each["credential_identifiers"] for each in less.json()["authorization_details"]] == [["e_resident_mdoc"]]


async def test_who_was_told_identifiers_names_one_of_them(
    app: Litestar, client: httpx.AsyncClient, holder: Holder
) -> None:
    wallet = await registered(app, client, provider=None)
    issuer = house_of(app).settings.issuer
    asks = {"scope": "", "authorization_details": oauth.details(E_RESIDENT)}
    token = (await redeem(wallet, await code_of(wallet, holder, {}, **asks), {})).json()["access_token"]
    answers = []
    async with another_wallet(app) as phone:
        phone.device, phone.token = wallet.device, token
        for name in ("credential_configuration_id", "credential_identifier"):
            proof = wallet_app.proof_of(DeviceKey(), audience=issuer, nonce=await nonce(phone, issuer))
            body: Json = {name: E_RESIDENT, "proofs": {"jwt": [proof]}}
            answer = await phone.send("POST", f"{issuer}/openid4vci/credential", body=body)
            answers.append((answer.status_code, answer.json().get("error")))

    assert answers == [(400, "invalid_credential_request"), (200, None)]


async def test_a_wallet_renews_its_token_and_tops_up_its_copies(
    app: Litestar, client: httpx.AsyncClient, phone: WalletApp
) -> None:
    who = await resident(app)
    [first] = await phone.accept(await offered(client, who))
    issuer = house_of(app).settings.issuer

    spent = phone.refresh_token
    await phone.renew(issuer)
    more = await phone.fetch(await phone.metadata(issuer), E_RESIDENT, copies=2)

    assert phone.refresh_token != spent
    assert len({each.claims["status"]["status_list"]["idx"] for each in (first, *more)}) == 3
    async with story_of(house_of(app)) as story:
        query = text(
            "SELECT sum(entry.status) FROM credential.copy JOIN credential.entry USING (list, idx) WHERE holder = :id"
        )
        assert await (await story()).scalar(query, {"id": who.subject}) == 0


async def test_a_refresh_token_that_comes_back_ends_the_wallets_session(
    app: Litestar, client: httpx.AsyncClient, phone: WalletApp
) -> None:
    await phone.redeem(Offer.read(await offered(client, await resident(app))))
    issuer, stolen = house_of(app).settings.issuer, phone.refresh_token
    await phone.renew(issuer)
    await phone.renew(issuer)
    newest, phone.refresh_token = phone.refresh_token, stolen

    with pytest.raises(Refused, match="used before"):
        await phone.renew(issuer)
    phone.refresh_token = newest
    with pytest.raises(Refused, match="the session has ended"):
        await phone.renew(issuer)


async def test_a_refresh_token_is_bound_to_the_instance_and_to_the_key(
    app: Litestar, client: httpx.AsyncClient, attested: AttestedWallet, phone: WalletApp
) -> None:
    await phone.redeem(Offer.read(await offered(client, await resident(app))))
    issuer, device = house_of(app).settings.issuer, phone.device

    for attests in (dict, attested.provider.wallet(attested.client_id, issuer).headers):
        phone.attests = attests
        with pytest.raises(Refused, match="invalid_client"):
            await phone.renew(issuer)
    phone.attests, phone.device = attested.headers, DeviceKey()
    with pytest.raises(Refused, match="bound to another key"):
        await phone.renew(issuer)
    phone.device = device
    await phone.renew(issuer)


async def test_a_renewed_token_may_be_for_one_of_the_credentials(
    app: Litestar, client: httpx.AsyncClient, holder: Holder
) -> None:
    wallet = await registered(app, client, provider=None)
    scopes = f"credential:{E_RESIDENT} credential:e_resident_mdoc"
    first = (await redeem(wallet, await code_of(wallet, holder, {}, scope=scopes), {})).json()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": first["refresh_token"],
        "scope": "credential:e_resident_mdoc",
    }

    answer = await oauth.send(wallet.http, "/oauth/token", wallet.device, form)

    claims = house_of(app).door.reader.read(answer.json()["access_token"], clock.real())
    assert [grant.credential_configuration_id for grant in claims.authorization_details] == ["e_resident_mdoc"]
    assert "credential:issue" in claims.scope.split()


async def test_a_suspended_wallet_renews_nothing(app: Litestar, client: httpx.AsyncClient, holder: Holder) -> None:
    wallet = await registered(app, client, provider=None)
    given = (await redeem(wallet, await code_of(wallet, holder, {}), {})).json()
    async with story_of(house_of(app)) as story:
        await wallet_client.suspend(await story(), wallet.name, clock.real())

    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    answer = await oauth.send(wallet.http, "/oauth/token", wallet.device, form)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"] == "the wallet is suspended"


async def test_who_approves_has_the_status_of_what_is_asked_for(
    app: Litestar, client: httpx.AsyncClient, holder: Holder
) -> None:
    provider = WalletProvider("https://status.example")
    wallet = await registered(app, client, provider=await trust(app, client, provider))
    said = provider.wallet(wallet.name, house_of(app).settings.issuer)
    answers = []
    for scope in ("credential:resident_id_mdoc", f"credential:resident_id_mdoc credential:{E_RESIDENT}"):
        pushed = await push(wallet, said.headers(), scope=scope)
        opened = (await wallet.open(pushed.json()["request_uri"])).json()
        answers.append(await oauth.signed(wallet.http, opened, holder.passkey))

    assert [answer.status_code for answer in answers] == [409, 200]
    assert answers[0].json()["code"] == "rule_not_in_force"


async def test_a_wallets_session_lasts_a_year_at_the_most(
    app: Litestar, client: httpx.AsyncClient, phone: WalletApp, module_database: str
) -> None:
    who = await resident(app)
    await phone.redeem(Offer.read(await offered(client, who)))
    async with another_wallet(app) as anybodys:
        await anybodys.redeem(Offer.read(await offered(client, who)))
    owner = sqlalchemy.create_engine(module_database)
    with owner.connect() as db:
        query = "SELECT expires_at - at FROM app.session WHERE subject = :id AND opened_by = 'code' ORDER BY id"
        lasts = db.execute(text(query), {"id": who.subject}).scalars().all()
    owner.dispose()

    assert [each.days for each in lasts] == [360, 90]
    assert session.WALLET.absolute.days <= 365

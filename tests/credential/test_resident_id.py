"""The resident ID under an act in force, from the status to the answer at an employer's desk, over HTTP.

No act is in force today, so this is the one place where it is lived. The act is a row of the law as law/seed.py would
have it: the test puts that law in the place of today's, in its own process. There is no setting that could.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import clock
from app.seed import Seeded
from law.seed import THRESHOLDS
from residency.credential import jws
from residency.credential.configuration import DOC_TYPES
from residency.credential.dataset import Kind
from residency.credential.wallets import grade, key_proof
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import Offer, Refused
from simulators.wallet_provider import WalletProvider
from tests.app.auth.attesting import asked, nonce, trust
from tests.app.people import keyed
from tests.conftest import Engines
from tests.credential.people import another_wallet, resident
from tests.credential.showing import people as showing
from tests.credential.showing.people import told
from tests.credential.verifying import Bank, Holder, bank
from tests.residency import test_altyn as altyn

pytestmark = pytest.mark.asyncio
__all__ = ["bank"]

ENACTED = altyn.enacted("altyn.wait_months.business", "altyn.resident_id", on=date(2026, 7, 1))
SD_JWT, MDOC = "resident_id_sd_jwt", "resident_id_mdoc"


@contextmanager
def act_in_force() -> Iterator[None]:
    """Put the law with the act in the place of today's, for as long as this lasts."""
    with pytest.MonkeyPatch.context() as law:
        for name, rows in vars(ENACTED).items():
            law.setattr(THRESHOLDS, name, rows)
        yield


@pytest_asyncio.fixture
async def altyn_holder(app: Litestar, engines: Engines) -> Seeded:
    """Give an identified resident to whom two officers granted the Altyn status."""
    who = await resident(app)
    await altyn.granted(engines, who.subject, rules=ENACTED, at=clock.real())
    return who


async def offer_of(client: httpx.AsyncClient, who: Seeded, configuration: str) -> httpx.Response:
    body = {"configuration": configuration}
    return await client.post("/v1/me/credential-offers", json=body, headers=keyed(who.access_token))


async def obtained(app: Litestar, client: httpx.AsyncClient, who: Seeded) -> Holder:
    """Fetch a copy in each format with a wallet that a provider vouches for, and for its keys: one way for each."""
    provider, issuer = WalletProvider("https://provider.example"), str(client.base_url).rstrip("/")
    await trust(app, client, provider)
    attested = provider.wallet("kz.example.high", issuer)
    async with another_wallet(app) as wallet:
        wallet.attests = attested.headers
        wallet.attests_keys = lambda keys, said: provider.key_attestation(keys, nonce=said)
        [held] = await wallet.accept((await offer_of(client, who, SD_JWT)).json()["offer_uri"])

        await wallet.redeem(Offer.read((await offer_of(client, who, MDOC)).json()["offer_uri"]))
        key, fresh = DeviceKey(), await nonce(wallet, issuer)
        vouched = provider.key_attestation([key.jwk], nonce=fresh)
        header = {"typ": key_proof.TYP, "alg": "ES256", "jwk": key.jwk, "key_attestation": vouched}
        claims = {"aud": issuer, "iss": attested.client_id, "iat": int(clock.real().timestamp()), "nonce": fresh}
        answer = await asked(wallet, issuer, {"jwt": [key.jws(header, claims)]}, MDOC)
    assert answer.status_code == 200, answer.text
    [copy] = answer.json()["credentials"]
    octets = jws.unb64(copy["credential"])
    return Holder(who.access_token, held, key, octets, doc_type=DOC_TYPES[Kind.RESIDENT_ID])


async def test_the_resident_id_is_obtained_shown_and_means_the_right_to_work(
    app: Litestar, client: httpx.AsyncClient, bank: Bank, altyn_holder: Seeded
) -> None:
    with act_in_force():
        holder, desk = await obtained(app, client, altyn_holder), showing.Holder(client, altyn_holder)

        assert holder.held.claims["vct"].endswith("/credentials/resident-id/1")
        [listed] = (await client.get("/v1/me/credentials", headers=keyed(holder.token))).json()["credentials"]
        assert (listed["kind"], listed["grade"], listed["copies"]) == ("resident_id", "high", 2)
        for shows in ("sd_jwt", "mdoc"):
            request = await (await bank.ask(question="right_to_work")).fetch()
            texts = holder.sd_jwt(request, [["residency_status"]])["id"]
            await request.answer(
                {shows: texts if shows == "sd_jwt" else [holder.device_response(request, {"residency_status"})]}
            )
            verdict = (await bank.read(request))["verdict"]
            assert (verdict["conclusion"], verdict["answer"]) == ("accepted", "yes"), (shows, verdict)

        assert (await told(client, await desk.shows(question="right_to_work")))["answer"] == "yes"
        shown = await desk.shows(question="right_to_work")

    assert (await told(client, shown))["answer"] == "no", "the act ended between the code and its scan"


async def test_it_is_never_printed_since_a_paper_has_no_key(client: httpx.AsyncClient, altyn_holder: Seeded) -> None:
    body = {"document": "resident_id", "fields": ["family_name"]}
    with act_in_force():
        answers = [
            await client.get("/v1/me/printable-fields?document=resident_id", headers=keyed(altyn_holder.access_token)),
            await client.post("/v1/me/printed-codes", json=body, headers=keyed(altyn_holder.access_token)),
        ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "not_printed")] * 2


async def test_metadata_say_what_the_keys_have_to_be_while_the_act_is_in_force(client: httpx.AsyncClient) -> None:
    levels = list(grade.RESISTANT)

    async def offered() -> dict[str, Json]:
        told = (await client.get("/.well-known/openid-credential-issuer")).json()
        found: dict[str, Json] = told["credential_configurations_supported"]
        return {name: one for name, one in found.items() if name in {SD_JWT, MDOC}}

    with act_in_force():
        described = await offered()
        assert (await client.get(f"/openid4vci/offers/{SD_JWT}")).status_code == 200

    assert described.keys() == {SD_JWT, MDOC}
    for one in described.values():
        needed = [each["key_attestations_required"] for each in one["proof_types_supported"].values()]
        assert needed == [{"key_storage": levels, "user_authentication": levels}] * len(key_proof.TYPES)
    assert await offered() == {}


@pytest.mark.parametrize(
    ("is_attested", "refused"),
    [
        (False, (401, "invalid_client", "goes to attested wallets only")),
        (True, (400, "invalid_proof", "high")),
    ],
)
async def test_a_wallet_whose_keys_nobody_vouches_for_gets_none(
    app: Litestar, client: httpx.AsyncClient, altyn_holder: Seeded, is_attested: bool, refused: tuple[int, str, str]
) -> None:
    provider, issuer = WalletProvider("https://provider.example"), str(client.base_url).rstrip("/")
    await trust(app, client, provider)
    with act_in_force():
        offer = (await offer_of(client, altyn_holder, SD_JWT)).json()["offer_uri"]
        async with another_wallet(app) as wallet:
            if is_attested:
                wallet.attests = provider.wallet("kz.example.high", issuer).headers
            with pytest.raises(Refused) as caught:
                await wallet.accept(offer)

    status, error, why = refused
    assert (caught.value.status, caught.value.error) == (status, error)
    assert why in caught.value.body["error_description"]


async def test_neither_is_it_for_who_is_no_altyn_holder_nor_without_the_act(
    app: Litestar, client: httpx.AsyncClient, altyn_holder: Seeded
) -> None:
    with act_in_force():
        others = await offer_of(client, await resident(app), SD_JWT)
    without = await offer_of(client, altyn_holder, SD_JWT)

    assert (without.status_code, without.json()["code"]) == (409, "rule_not_in_force")
    assert (others.status_code, others.json()["code"]) == (403, "not_altyn")

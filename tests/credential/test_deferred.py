"""What is asked for while it is still being decided: the wallet comes again, and gets it once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import pytest_asyncio
import sqlalchemy
from joserfc import jwe
from joserfc.jwk import ECKey
from litestar import Litestar
from sqlalchemy import text

from app import db, nonces
from app.credentials import deferral
from app.house import House
from app.settings import Settings
from kyc.cases import records
from kyc.check import Finding, Verdict
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json, unb64
from simulators.wallet_app import Offer, WalletApp
from tests.app.applicants import Resident, checked, newcomer, officers, review, screening, trusting
from tests.app.people import keyed
from tests.credential.people import another_wallet, offered, resident

pytestmark = pytest.mark.asyncio
E_RESIDENT = "e_resident_sd_jwt"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return trusting(settings, tmp_path)


class Waiting:
    """An applicant whose wallet asked too early, and what it was told."""

    def __init__(self, house: House, applicant: Resident, path: str, wallet: WalletApp, metadata: Json) -> None:
        self.house, self.applicant, self.path = house, applicant, path
        self.wallet, self.metadata = wallet, metadata
        self.keys = [DeviceKey() for _ in range(2)]
        self.transaction_id = ""

    async def ask(self, **more: Any) -> httpx.Response:  # noqa: ANN401  any JSON
        nonce = (await self.wallet.http.post(self.metadata["nonce_endpoint"])).json()["c_nonce"]
        issuer = self.metadata["credential_issuer"]
        proofs = [wallet_app.proof_of(key, audience=issuer, nonce=nonce) for key in self.keys]
        body: Json = {"credential_configuration_id": E_RESIDENT, "proofs": {"jwt": proofs}} | more
        return await self.wallet.send("POST", self.metadata["credential_endpoint"], body=body)

    async def come(self, transaction_id: str | None = None) -> httpx.Response:
        body: Json = {"transaction_id": transaction_id or self.transaction_id}
        return await self.wallet.send("POST", self.metadata["deferred_credential_endpoint"], body=body)

    async def decided(self, app: Litestar, decision: str, **more: str) -> None:
        await checked(self.house)
        for officer in await officers(app):
            answer = await review(self.applicant.client, officer, self.path, decision, **more)
            assert answer.is_success, answer.text


@pytest_asyncio.fixture
async def waiting(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Waiting]:
    house = await screening(app)
    applicant = await newcomer(app, client)
    await applicant.scan()
    path = await applicant.file()
    made = await client.post("/v1/me/credential-offers", json={}, headers=keyed(applicant.token))
    assert made.status_code == 201, made.text
    async with another_wallet(app) as wallet:
        offer = Offer.read(made.json()["offer_uri"])
        await wallet.redeem(offer)
        found = Waiting(house, applicant, path, wallet, await wallet.metadata(offer.issuer))
        answer = await found.ask()
        told = answer.json()
        assert (answer.status_code, told["interval"]) == (202, deferral.INTERVAL_S), answer.text
        assert set(told) == {"transaction_id", "interval"}
        found.transaction_id = told["transaction_id"]
        yield found


async def test_a_wallet_comes_again_until_it_is_decided_and_gets_its_copies_once(
    app: Litestar, waiting: Waiting, module_database: str
) -> None:
    early = await waiting.come()
    assert early.status_code == 202
    assert early.json() == {"transaction_id": waiting.transaction_id, "interval": deferral.INTERVAL_S}
    assert (await waiting.come("unknown")).json()["error"] == "invalid_transaction_id"
    assert await _collected_by_another(app, waiting) == (400, "invalid_transaction_id")

    await waiting.decided(app, "approve")
    given = await waiting.come()
    again = await waiting.come()

    assert given.status_code == 200, given.text
    bound = [
        msgspec.json.decode(unb64(each["credential"].split(".")[1]))["cnf"]["jwk"]
        for each in given.json()["credentials"]
    ]
    assert bound == [key.jwk for key in waiting.keys]
    assert (again.status_code, again.json()["error"]) == (400, "invalid_transaction_id")
    assert set(given.json()) == {"credentials"}
    owner = sqlalchemy.create_engine(module_database)
    with owner.connect() as dumped:  # nothing of a request is kept once it is met
        query = text("SELECT count(*) FROM credential.deferred WHERE holder = :id")
        assert dumped.scalar(query, {"id": waiting.applicant.subject}) == 0
    owner.dispose()


async def _collected_by_another(app: Litestar, waiting: Waiting) -> tuple[int, str]:
    """Come with another wallet of the same person."""
    made = await waiting.applicant.post("/v1/me/credential-offers", {})
    async with another_wallet(app) as other:
        await other.redeem(Offer.read(made.json()["offer_uri"]))
        body: Json = {"transaction_id": waiting.transaction_id}
        answer = await other.send("POST", waiting.metadata["deferred_credential_endpoint"], body=body)
        return answer.status_code, answer.json()["error"]


async def test_who_is_refused_is_told_so_until_the_request_is_forgotten(
    app: Litestar, waiting: Waiting, module_database: str
) -> None:
    await waiting.decided(app, "refuse", reason_code="ineligible_citizen")

    answer = await waiting.come()

    assert (answer.status_code, answer.json()["error"]) == (400, "credential_request_denied")
    assert answer.json()["error_description"] == "the holder is not an e-resident now"
    owner = sqlalchemy.create_engine(module_database)
    with owner.begin() as aged:
        past = text("UPDATE credential.deferred SET at = at - :by, expires_at = expires_at - :by WHERE holder = :id")
        aged.execute(past, {"by": deferral.LASTS + timedelta(minutes=1), "id": waiting.applicant.subject})
    owner.dispose()
    assert (await waiting.come()).json()["error"] == "invalid_transaction_id"
    assert await nonces.step(waiting.house) >= 1


async def test_two_who_collect_at_once_get_it_once(app: Litestar, waiting: Waiting) -> None:
    await waiting.decided(app, "approve")
    await waiting.come("a nonce of DPoP is fetched")

    answers = await asyncio.gather(*(waiting.come() for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]


async def test_how_the_answer_is_encrypted_is_said_anew(app: Litestar, waiting: Waiting) -> None:
    mine = ECKey.generate_key("P-256")
    body = {
        "transaction_id": waiting.transaction_id,
        "credential_response_encryption": {"jwk": {**mine.as_dict(private=False), "alg": "ECDH-ES"}, "enc": "A256GCM"},
    }
    ours = waiting.metadata["credential_request_encryption"]["jwks"]["keys"][0]
    url = waiting.metadata["deferred_credential_endpoint"]

    async def come() -> httpx.Response:
        header = {"alg": ours["alg"], "enc": "A128GCM", "kid": ours["kid"]}
        sealed = jwe.encrypt_compact(header, msgspec.json.encode(body), ECKey.import_key(ours))
        wallet = waiting.wallet
        headers = {
            "Authorization": f"DPoP {wallet.token}",
            "DPoP": wallet.device.proof("POST", url, token=wallet.token, nonce=wallet.dpop_nonce),
            "Content-Type": "application/jwt",
        }
        return await wallet.http.post(url, content=sealed, headers=headers)

    def opened(answer: httpx.Response) -> Json:
        assert answer.headers["content-type"] == "application/jwt"
        plain = jwe.decrypt_compact(answer.text, mine, algorithms=["ECDH-ES", "A256GCM"]).plaintext
        told: Json = msgspec.json.decode(plain or b"")
        return told

    early = await come()
    assert (early.status_code, opened(early)["transaction_id"]) == (202, waiting.transaction_id)
    await waiting.decided(app, "approve")
    given = await come()
    assert (given.status_code, len(opened(given)["credentials"])) == (200, len(waiting.keys))


async def test_who_has_not_applied_offers_nothing(app: Litestar, client: httpx.AsyncClient) -> None:
    stranger = await newcomer(app, client)
    drafted = await newcomer(app, client)
    await drafted.draft()

    for who in (stranger, drafted):
        answer = await who.post("/v1/me/credential-offers", {})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_e_resident")


async def test_who_is_being_looked_at_again_waits_and_gets_the_copies_then(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    house: House = app.state.house
    who = await resident(app)
    async with another_wallet(app) as wallet:
        offer = Offer.read(await offered(client, who))
        await wallet.redeem(offer)
        applicant = Resident(client, who.access_token, who.subject)
        mine = Waiting(house, applicant, "", wallet, await wallet.metadata(offer.issuer))
        await _decided(house, who.subject, "refused")
        denied = await mine.ask()
        await _doubted(house, who.subject)
        early = await mine.ask()
        mine.transaction_id = early.json()["transaction_id"]
        await _decided(house, who.subject, "identified")
        given = await mine.come()

    assert (denied.status_code, denied.json()["error"]) == (400, "credential_request_denied")
    assert denied.json()["error_description"] == "the holder has no identifying document in force"
    assert (early.status_code, given.status_code) == (202, 200)


async def _decided(house: House, who: UUID, outcome: str) -> None:
    """Let a later look decide otherwise about the document somebody was identified by."""
    latest = text(
        """
        INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)
        SELECT document, version + 1, resident, :outcome, CAST(:reasons AS text[]), rule_version, 'service:test', now()
        FROM kyc.decision WHERE resident = :who ORDER BY document, version DESC LIMIT 1
        """
    )
    async with db.transaction(house.worker) as story:
        why = ["chip.signature"] if outcome == "refused" else []
        await (await story()).execute(latest, {"who": who, "outcome": outcome, "reasons": why})


async def _doubted(house: House, who: UUID) -> None:
    """Let officers have to look at who somebody is."""
    found = Finding("person.unique", Verdict.REVIEW)
    async with db.transaction(house.worker) as story:
        at = story.now
        await records.add(await story(), who, [found], inputs=bytes(32), at=at, actor="service:test")

"""A verifier asks, a wallet answers, the verdict is read: over HTTP, the wallet going by the standard alone."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cbor2
import httpx
import pytest
import pytest_asyncio
from joserfc import jwe
from joserfc.jwk import ECKey
from litestar import Litestar

from app import clock, db, presentations
from app.house import House
from residency.credential import cbor, jws, pki
from residency.credential.mdoc import response, session
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import Held, WalletApp
from tests.app import people
from tests.app.people import bearer, keyed
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.people import offered, resident

pytestmark = pytest.mark.asyncio


class Asked:
    """One request as a wallet sees it: fetched by its link, its signature followed to the root."""

    def __init__(self, client: httpx.AsyncClient, made: Json) -> None:
        self.client, self.made = client, made
        self.told: Json = {}

    async def fetch(self, *, nonce: str | None = None) -> "Asked":
        link = {name: value for name, [value] in parse_qs(urlsplit(self.made["request_uri"]).query).items()}
        if nonce is None:
            answer = await self.client.get(link["request_uri"])
        else:
            answer = await self.client.post(link["request_uri"], data={"wallet_nonce": nonce})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/oauth-authz-req+jwt"
        token = jws.parse(answer.text)
        root = await mdocs.pinned(self.client)
        assert token.signed_by(pki.signatory(token.header["x5c"], (root,), at=clock.real()).key)
        assert token.payload["client_id"] == link["client_id"]
        self.told = token.payload
        return self

    def sealed(self, vp_token: Json | None, **changes: object) -> str:
        key = self.told["client_metadata"]["jwks"]["keys"][0]
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"]}
        body = {"vp_token": vp_token, "state": self.told["state"]} | changes
        return jwe.encrypt_compact(
            header, json.dumps(body).encode(), ECKey.import_key(key), algorithms=["ECDH-ES", "A256GCM"]
        )

    async def answer(self, vp_token: Json | None, **changes: object) -> httpx.Response:
        return await self.post(self.sealed(vp_token, **changes))

    async def post(self, response: str) -> httpx.Response:
        return await self.client.post(self.told["response_uri"], data={"response": response})


class Bank:
    """A verifier that asks through us."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client, self.token = client, token

    async def ask(self, **wanted: Any) -> Asked:  # noqa: ANN401  JSON
        answer = await self.client.post("/v1/sandbox/presentations", json=wanted, headers=keyed(self.token))
        assert answer.status_code == 201, answer.text
        return Asked(self.client, answer.json())

    async def read(self, asked: Asked, **params: str) -> Json:
        answer = await self.client.get(asked.made["verdict_url"], headers=bearer(self.token), params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found


@pytest_asyncio.fixture
async def bank(app: Litestar, client: httpx.AsyncClient) -> Bank:
    return Bank(client, await people.token(app, "service"))


class Holder:
    """A resident with a copy in each format."""

    def __init__(self, token: str, held: Held, key: DeviceKey, mdoc: bytes) -> None:
        self.token, self.held, self.key, self.mdoc = token, held, key, mdoc

    def sd_jwt(self, asked: Asked, paths: Sequence[Sequence[str]]) -> Json:
        shown = wallet_app.present(self.held, [list(path) for path in paths], audience=asked.told["client_id"],
                                   nonce=asked.told["nonce"])  # fmt: skip
        return {"id": [shown]}

    def device_response(self, asked: Asked, wanted: set[str]) -> str:
        spaces = cbor.embed(b"\xa0")
        key = asked.told["client_metadata"]["jwks"]["keys"][0]
        required = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        transcript = session.openid4vp(
            client_id=asked.told["client_id"],
            nonce=asked.told["nonce"],
            response_uri=asked.told["response_uri"],
            key_thumbprint=hashlib.sha256(required.encode()).digest(),
        )
        told = cbor.embed(response.authentication(transcript, mdocs.DOC_TYPE, spaces))
        protected = cbor2.dumps({1: -7})
        signature = self.key.sign(cbor2.dumps(["Signature1", protected, b"", told]))
        auth = cbor.mapping(deviceSignature=cbor2.dumps([protected, {}, None, signature]))
        issuer_signed = cbor.parts(self.mdoc)
        items = cbor.items(cbor.parts(issuer_signed["nameSpaces"])[mdocs.DOC_TYPE])
        shown = [each for each in items if cbor.load(cbor.embedded(each))["elementIdentifier"] in wanted]
        signed = cbor.mapping(
            nameSpaces=b"\xa1" + cbor2.dumps(mdocs.DOC_TYPE) + cbor.array(*shown),
            issuerAuth=issuer_signed["issuerAuth"],
        )
        document = cbor.mapping(
            docType=cbor2.dumps(mdocs.DOC_TYPE),
            issuerSigned=signed,
            deviceSigned=cbor.mapping(nameSpaces=spaces, deviceAuth=auth),
        )
        whole = cbor.mapping(version=cbor2.dumps("1.0"), documents=cbor.array(document), status=cbor2.dumps(0))
        return jws.b64(whole)


@pytest_asyncio.fixture
async def holder(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> Holder:
    who, key = await resident(app), DeviceKey()
    [mdoc] = await mdocs.fetched(client, wallet, who.access_token, [key])
    [held] = await wallet.accept(await offered(client, who))
    return Holder(who.access_token, held, key, mdoc)


def named(client: httpx.AsyncClient, *names: str) -> Json:
    vct = f"{str(client.base_url).rstrip('/')}/credentials/e-resident/1"
    claims = [{"path": [name]} for name in names]
    return {"credentials": [{"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}, "claims": claims}]}


async def test_a_bank_reads_the_name_and_every_check(client: httpx.AsyncClient, bank: Bank, holder: Holder) -> None:
    asked = await (await bank.ask(query=named(client, "family_name"))).fetch(nonce="of-the-wallet")
    assert asked.told["wallet_nonce"] == "of-the-wallet"
    assert (await bank.read(asked))["state"] == "open"

    heard = await asked.answer(holder.sd_jwt(asked, [["family_name"]]))

    assert (heard.status_code, heard.json()) == (200, {})
    verdict = (await bank.read(asked))["verdict"]
    assert (verdict["conclusion"], verdict["lacking"]) == ("accepted", [])
    [judged] = verdict["credentials"]
    assert {each["outcome"] for each in judged["checks"]} == {"passed"}
    assert "family_name" in judged["claims"]
    assert "given_name" not in judged["claims"]


@pytest.mark.parametrize("question", ["over_18", "e_resident_today"])
async def test_a_question_is_answered_and_nothing_else_told(bank: Bank, holder: Holder, question: str) -> None:
    asked = await (await bank.ask(question=question)).fetch()
    path = [["age_equal_or_over", "18"]] if question == "over_18" else [["residency_status"]]
    shown = holder.sd_jwt(asked, path)

    await asked.answer({"sd_jwt": shown["id"]})

    verdict = (await bank.read(asked))["verdict"]
    assert (verdict["conclusion"], verdict["answer"]) == ("accepted", "yes")
    assert [each["claims"] for each in verdict["credentials"]] == [{}]


async def test_an_mdoc_answers_the_same_question(bank: Bank, holder: Holder) -> None:
    asked = await (await bank.ask(question="over_18")).fetch()

    await asked.answer({"mdoc": [holder.device_response(asked, {"age_over_18"})]})

    verdict = (await bank.read(asked))["verdict"]
    assert (verdict["conclusion"], verdict["answer"]) == ("accepted", "yes"), verdict


async def test_what_was_revoked_is_a_no(client: httpx.AsyncClient, bank: Bank, holder: Holder) -> None:
    [held] = (await client.get("/v1/me/credentials", headers=bearer(holder.token))).json()["credentials"]
    await client.post(f"/v1/me/credentials/{held['id']}/revoke", json={}, headers=keyed(holder.token))
    for answer in ("sd_jwt", "mdoc"):
        asked = await (await bank.ask(question="over_18")).fetch()
        shown = holder.sd_jwt(asked, [["age_equal_or_over", "18"]])["id"]
        device = [holder.device_response(asked, {"age_over_18"})]

        await asked.answer({answer: shown if answer == "sd_jwt" else device})

        verdict = (await bank.read(asked))["verdict"]
        assert (verdict["conclusion"], verdict["answer"]) == ("rejected", "no")
        [status] = [each for each in verdict["credentials"][0]["checks"] if each["check"] == "status"]
        assert (status["outcome"], status["reason"]) == ("failed", "invalid")


async def test_one_answer_ends_a_request(client: httpx.AsyncClient, bank: Bank, holder: Holder) -> None:
    asked = await (await bank.ask(query=named(client, "family_name"))).fetch()
    shown = holder.sd_jwt(asked, [["family_name"]])

    answers = await asyncio.gather(*(asked.answer(shown) for _ in range(3)))

    assert sorted(each.status_code for each in answers) == [200, 410, 410]
    assert (await client.get(parse_qs(urlsplit(asked.made["request_uri"]).query)["request_uri"][0])).status_code == 410


async def test_what_answers_another_request_is_not_taken(client: httpx.AsyncClient, bank: Bank, holder: Holder) -> None:
    asked, other = [await (await bank.ask(query=named(client, "family_name"))).fetch() for _ in range(2)]
    shown = holder.sd_jwt(asked, [["family_name"]])

    wrong = {
        "not encrypted to this key": await client.post(
            asked.told["response_uri"], data={"response": other.sealed(shown)}
        ),
        "another state": await asked.answer(shown, state="other"),
        "no token": await asked.answer(None),
        "not asked": await asked.answer({"other": shown["id"]}),
        "nothing": await client.post(asked.told["response_uri"], data={"state": "x"}),
        "noise": await asked.post("a.b.c.d.e"),
        "json": await client.post(asked.told["response_uri"], json={"response": "a"}),
    }

    assert {case: (each.status_code, each.json()["error"]) for case, each in wrong.items()} == dict.fromkeys(
        wrong, (400, "invalid_request")
    )
    assert (await bank.read(asked))["state"] == "open"  # none of it used the request up
    await asked.answer(holder.sd_jwt(other, [["family_name"]]))  # signed for the other request's nonce
    assert (await bank.read(asked))["verdict"]["conclusion"] == "rejected"


async def test_who_declines_is_heard(client: httpx.AsyncClient, bank: Bank) -> None:
    asked = await (await bank.ask(question="over_18")).fetch()

    heard = await client.post(asked.told["response_uri"], data={"error": "access_denied", "state": asked.told["state"]})

    assert heard.status_code == 200
    assert (await bank.read(asked))["state"] == "declined"


async def test_the_result_is_told_to_the_session_the_holder_came_back_to(bank: Bank, holder: Holder) -> None:
    asked = await (await bank.ask(question="over_18", redirect_uri="https://bank.example/done?x=1")).fetch()
    shown = holder.sd_jwt(asked, [["age_equal_or_over", "18"]])

    back = (await asked.answer({"sd_jwt": shown["id"]})).json()["redirect_uri"]

    assert back.startswith("https://bank.example/done?x=1&response_code=")
    code = parse_qs(urlsplit(back).query)["response_code"][0]
    for params in ({}, {"response_code": "another"}):
        refused = await bank.client.get(asked.made["verdict_url"], headers=bearer(bank.token), params=params)
        assert (refused.status_code, refused.json()["code"]) == (403, "presentation_other_session")
    assert (await bank.read(asked, response_code=code))["verdict"]["answer"] == "yes"


async def test_nobody_reads_what_another_asked(app: Litestar, client: httpx.AsyncClient, bank: Bank) -> None:
    asked = await bank.ask(question="over_18")
    partner = await people.token(app, "partner", scopes=frozenset({"presentation:ask"}))
    address = asked.made["verdict_url"].replace("/v1/sandbox/", "/v1/")

    refused = await client.get(address, headers=bearer(partner))

    assert (refused.status_code, refused.json()["code"]) == (404, "presentation_not_found")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "not_together"),
        ({"query": {}, "question": "over_18"}, "not_together"),
        ({"query": {"credentials": []}}, "bad_query"),
        ({"question": "over_7"}, "invalid_request"),
        ({"question": "over_18", "agreement": {"type": "payment", "told": {}}}, "bad_agreement"),
        ({"question": "over_18", "redirect_uri": "http://bank.example"}, "invalid_request"),
    ],
)
async def test_what_can_not_be_asked_is_refused(bank: Bank, wanted: Json, code: str) -> None:
    answer = await bank.client.post("/v1/sandbox/presentations", json=wanted, headers=keyed(bank.token))

    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == code


async def test_what_was_told_is_forgotten_within_the_hour(house: House, bank: Bank) -> None:
    asked = await bank.ask(question="over_18")
    late = clock.real() + presentations.LIFETIME + presentations.KEPT + timedelta(seconds=1)
    async with db.transaction(house.worker) as story:
        assert await presentations.forget(await story(), now=late) > 0

    answer = await bank.client.get(asked.made["verdict_url"], headers=bearer(bank.token))
    assert answer.status_code == 404

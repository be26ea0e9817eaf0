"""A verifier asks, a wallet answers, the verdict is read: over HTTP, the wallet going by the standard alone."""

import asyncio
import hashlib
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from litestar import Litestar

from app import clock, db, ids
from app.credentials import presentations
from app.house import House
from app.partners import registry
from app.partners.registry import Kind
from residency.credential import jws
from residency.credential.mdoc import agreement
from simulators.passkey import Json
from tests.app import people
from tests.app.people import bearer, keyed
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.verifying import Asked, Bank, Holder, bank, holder, named

pytestmark = pytest.mark.asyncio
__all__ = ["bank", "holder"]


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


async def test_the_wallet_shows_the_name_we_know_who_asks_by(
    app: Litestar, client: httpx.AsyncClient, house: House, bank: Bank
) -> None:
    """A registered organisation by its name, a client that is none by its id, whoever tests as nobody.

    Each has a certificate of its own, the same for each request, so what a wallet remembers of one is of nobody else.
    """
    async with db.transaction(house.worker) as story:
        registered = await registry.enrol(
            await story(), house.keys.kms, partner=ids.new(), code=f"bank-{str(ids.new())[-12:]}",
            name="Bank Saryarka", kind=Kind.BANK, base_url=None, at=clock.real(),
        )  # fmt: skip
    asks = frozenset({"presentation:ask"})
    tokens = [await people.token(app, "partner", of=of, scopes=asks) for of in (registered.id, None)]

    told: list[Json] = []
    for token in (*tokens, *tokens):
        made = await client.post("/v1/presentations", json={"question": "over_18"}, headers=keyed(token))
        told.append((await Asked(client, made.json()).fetch()).told)
    told.append((await (await bank.ask(question="over_18")).fetch()).told)

    names = ["Bank Saryarka", jws.parse(tokens[1]).payload["name"], "A test of e-Residency: nobody asks"]
    assert [each["client_metadata"]["client_name"] for each in told] == [*names[:2], *names]
    clients = [each["client_id"] for each in told]
    assert (clients[:2], len({*clients})) == (clients[2:4], 3)


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


@pytest.mark.parametrize(
    ("error", "told"),
    [("access_denied", "access_denied"), ("vp_formats_not_supported", "vp_formats_not_supported"), ("<b>", "other")],
)
@pytest.mark.parametrize("encrypted", [False, True])
async def test_who_declines_is_heard(bank: Bank, error: str, told: str, encrypted: bool) -> None:
    asked = await (await bank.ask(question="over_18", redirect_uri="https://bank.example/done")).fetch()

    if encrypted:
        heard = await asked.post(asked.sealed(None, error=error))
    else:
        data = {"error": error, "error_description": "no", "state": asked.told["state"]}
        heard = await asked.client.post(asked.told["response_uri"], data=data)

    assert heard.status_code == 200
    code = parse_qs(urlsplit(heard.json()["redirect_uri"]).query)["response_code"][0]
    found = await bank.read(asked, response_code=code)
    assert (found["state"], found["error"], found["verdict"]) == ("declined", told, None)


@pytest.mark.parametrize("state", [None, "", "of-another"])
async def test_who_never_saw_the_request_declines_nothing(bank: Bank, state: str | None) -> None:
    asked = await (await bank.ask(question="over_18")).fetch()
    data = {"error": "access_denied"} | ({} if state is None else {"state": state})

    refused = await asked.client.post(asked.told["response_uri"], data=data)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert (await bank.read(asked))["state"] == "open"


async def test_the_first_of_several_ways_to_answer_is_enough(
    client: httpx.AsyncClient, bank: Bank, holder: Holder
) -> None:
    query = named(client, "document_number", "family_name", "given_name")
    [wanted] = query["credentials"]
    for number, claim in enumerate(wanted["claims"]):
        claim["id"] = f"c{number}"
    wanted["claim_sets"] = [["c0"], ["c1", "c2"]]
    conclusions = []
    for names in (["family_name", "given_name"], ["document_number"], ["family_name"]):
        asked = await (await bank.ask(query=query)).fetch()
        await asked.answer(holder.sd_jwt(asked, [[name] for name in names]))
        conclusions.append((await bank.read(asked))["verdict"]["conclusion"])

    assert conclusions == ["accepted", "accepted", "rejected"]


async def test_an_authority_is_named_by_its_key(client: httpx.AsyncClient, bank: Bank, holder: Holder) -> None:
    root = await mdocs.pinned(client)
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    reasons = []
    for key in (identifier, bytes(20)):
        query = named(client, "family_name")
        query["credentials"][0]["trusted_authorities"] = [{"type": "aki", "values": [jws.b64(key)]}]
        asked = await (await bank.ask(query=query)).fetch()
        await asked.answer(holder.sd_jwt(asked, [["family_name"]]))
        checks = (await bank.read(asked))["verdict"]["credentials"][0]["checks"]
        reasons.append([each["reason"] for each in checks if each["outcome"] == "failed"])

    assert reasons == [[], ["other_authority"]]


@pytest.mark.parametrize("agrees", [True, False])
async def test_an_mdoc_carries_an_agreement(bank: Bank, holder: Holder, agrees: bool) -> None:
    agreed = {"type": "payment", "told": {"amount": "100.00", "currency": "KZT"}}
    asked = await (await bank.ask(question="over_18", agreement=agreed)).fetch()
    [sent] = asked.told["transaction_data"]
    assert json.loads(jws.unb64(sent)) == {
        "type": "payment", "credential_ids": ["sd_jwt", "mdoc"], "amount": "100.00", "currency": "KZT",
    }  # fmt: skip

    said = {agreement.NAMESPACE: {agreement.ELEMENT: [hashlib.sha256(sent.encode()).digest()]}} if agrees else {}
    await asked.answer({"mdoc": [holder.device_response(asked, {"age_over_18"}, said)]})

    verdict = (await bank.read(asked))["verdict"]
    failed = [each["check"] for each in verdict["credentials"][0]["checks"] if each["outcome"] == "failed"]
    assert (verdict["answer"], failed) == (("yes", []) if agrees else ("unknown", ["transaction"]))


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
        (
            {
                "query": {"credentials": [{"id": "a", "format": "mso_mdoc", "meta": {"doctype_value": "org.other.1"}}]},
                "agreement": {"type": "payment", "told": {}},
            },
            "bad_agreement",
        ),
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

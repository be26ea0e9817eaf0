"""Presentations from elsewhere: documents of other states, phones beside a reader, verifiers without a network."""

import json
from pathlib import Path

import cbor2
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app import cli, clock
from residency.credential import cbor, cose, jws
from residency.credential.mdoc import session
from residency.credential.presenting import bundle
from simulators import wallet_app
from simulators.passkey import Json
from tests.app.people import keyed
from tests.credential import made
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.presenting import foreign
from tests.credential.presenting.test_issuers import Office, abroad, office
from tests.credential.presenting.test_proximity import Phone
from tests.credential.verifying import Bank, Holder, bank, holder

pytestmark = pytest.mark.asyncio
__all__ = ["bank", "holder", "office"]


async def test_a_foreign_document_is_believed_with_its_status_once_somebody_knows_it(
    client: httpx.AsyncClient, bank: Bank, office: Office
) -> None:
    entry = await office.believed(abroad(), lists_at=None)
    query = {"credentials": [{"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [foreign.VCT]}}]}

    async def verdict() -> Json:
        asked = await (await bank.ask(query=query)).fetch()
        shown = made.shown(abroad().sd_jwt(at=foreign.NOW), ["family_name"])
        claims = {"aud": asked.told["client_id"], "nonce": asked.told["nonce"], "iat": int(clock.real().timestamp())}
        await asked.answer({"id": [made.bound(shown, **claims)]})
        found: Json = (await bank.read(asked))["verdict"]
        return found

    unknown = await verdict()
    token = abroad().token(at=foreign.NOW)
    await client.post("/v1/status-list-tokens", json={"token": token}, headers=keyed(bank.token))
    known = await verdict()
    await office.do(office.first, f"/{entry['id']}/end", {"reason": "compromised"})
    ended = await verdict()

    assert [each["conclusion"] for each in (unknown, known, ended)] == ["status_unknown", "accepted", "rejected"]
    [judged] = known["credentials"]
    assert judged["claims"]["family_name"] == "KASK"
    assert judged["issuer"]["id"] == entry["id"]
    assert judged["issuer"]["legal_ground"] == "Agreement of 1 July 2026"
    assert judged["checks"][-1]["age_s"] >= 0
    assert [each["reason"] for each in ended["credentials"][0]["checks"] if each["outcome"] == "failed"] == [
        "unknown_root"
    ]


def beside(holder: Holder, phone: Phone, key: ec.EllipticCurvePrivateKey) -> Json:
    """Show the age of a holder to a reader beside them, by QR code."""
    reader_key = cbor.embed(cbor2.dumps(cose.to_cose_key(jws.public_jwk(key.public_key()))))
    transcript = session.proximity(engagement=cbor.embed(phone.engagement), reader_key=reader_key)
    private = jws.b64(key.private_numbers().private_value.to_bytes(32))
    return {
        "engagement": phone.qr,
        "reader_key": jws.b64(reader_key),
        "reader_private_key": jws.public_jwk(key.public_key()) | {"d": private},
        "device_response": holder.presented(transcript, {"age_over_18"}, {}),
    }


async def test_what_a_phone_shows_to_a_reader_is_judged_at_once(
    client: httpx.AsyncClient, bank: Bank, holder: Holder
) -> None:
    told = beside(holder, Phone(), made.key())
    query = {"credentials": [{"id": "doc", "format": "mso_mdoc", "meta": {"doctype_value": mdocs.DOC_TYPE}}]}

    answer = await client.post("/v1/presentations/proximity", json=told | {"query": query}, headers=keyed(bank.token))
    asked = await client.post(
        "/v1/presentations/proximity", json=told | {"question": "over_18"}, headers=keyed(bank.token)
    )

    assert (answer.json()["conclusion"], asked.json()["answer"]) == ("accepted", "yes"), answer.text
    assert answer.json()["credentials"][0]["claims"][mdocs.DOC_TYPE] == {"age_over_18": True}
    assert asked.json()["credentials"][0]["claims"] == {}


async def test_a_meeting_that_can_not_be_judged_is_refused(
    client: httpx.AsyncClient, bank: Bank, holder: Holder
) -> None:
    cases: list[tuple[Json, str]] = [
        ({"device_response": None}, "bad_meeting"),
        ({"session_data": "oA"}, "bad_meeting"),
        ({"device_response": "oA"}, "bad_meeting"),
        ({"device_response": "A"}, "bad_meeting"),
        ({"reader_key": "oA"}, "bad_meeting"),
        ({"reader_private_key": {}}, "bad_meeting"),
        ({"handover": "_w"}, "bad_meeting"),
        ({"question": None}, "not_together"),
    ]
    told = beside(holder, Phone(), made.key()) | {"question": "over_18"}
    for changes, code in cases:
        body = told | changes
        answer = await client.post("/v1/presentations/proximity", json=body, headers=keyed(bank.token))
        assert (answer.status_code, answer.json()["code"]) in {(422, code), (400, code)}, changes


async def test_the_bundle_is_all_a_verifier_needs_without_a_network(
    client: httpx.AsyncClient, holder: Holder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "/.well-known/eresidency-bundle"
    taken = await client.get(address)
    assert taken.headers["content-type"] == bundle.MEDIA_TYPE
    again = await client.get(address, headers={"if-none-match": taken.headers["etag"]})
    assert again.status_code == 304 or again.headers["etag"] != taken.headers["etag"]  # a minute may have gone by

    paths = {name: tmp_path / name for name in ("bundle", "root", "shown")}
    paths["bundle"].write_bytes(taken.content)
    paths["root"].write_bytes((await client.get("/.well-known/eresidency-root.pem")).content)
    paths["shown"].write_text(wallet_app.present(holder.held, [["family_name"]], audience="gate 7", nonce="n-0S6"))
    trusted = ("--bundle", str(paths["bundle"]), "--root", str(paths["root"]))
    code = cli.run(("present", str(paths["shown"]), *trusted, "--audience", "gate 7", "--nonce", "n-0S6"))

    printed = capsys.readouterr().out
    verdict = json.loads(printed[printed.index("{\n") :])
    assert (code, verdict["conclusion"]) == (0, "accepted")
    assert "family_name" in verdict["credentials"][0]["claims"]
